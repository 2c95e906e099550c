/**
 * The native library of onnxruntime with providers that the npm package does not bring, from a folder that the user names in
 * RESCC_ONNXRUNTIME: the PyPI wheel onnxruntime-gpu (`…/site-packages/onnxruntime/capi`), or a release archive (`…/lib`).
 *
 * How it gets into the process of a GPU provider, found by trying and by reading glibc's and onnxruntime's sources:
 * - The binding needs `libonnxruntime.so.1`, in the version that it was linked with: the symbol is `OrtGetApiBase@VERS_1.30.0`,
 *   so that another version ends in "version `VERS_1.30.0' not found". The wheel names the file `libonnxruntime.so.1.30.0`, which
 *   LD_LIBRARY_PATH would not find; LD_PRELOAD takes a path, and its SONAME then answers the binding's need.
 * - onnxruntime looks for `libonnxruntime_providers_*.so` in the folder that its own library was loaded from.
 * - What those need in turn is looked for in LD_LIBRARY_PATH. pip's nvidia packages lie beside the wheel, in `nvidia/…/lib`.
 *   cuDNN, cuFFT and NVRTC are opened by name when first used, so that they are no need of the file.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { nativeFolder, nativeVersion } from '../diagnostics/catalogue/runtime.ts';
import { fail } from '../diagnostics/diagnostic.ts';
import { readDynamic } from './elf.ts';

/** Variables of a process, as `process.env` has them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The variable of the environment that names the folder. */
export const nativeVariable = 'RESCC_ONNXRUNTIME';

export interface NativeFolder {
  /** Where `library` lies. */
  readonly folder: string;
  /** The path of libonnxruntime. */
  readonly library: string;
  /** `1.30.0` */
  readonly version: string;
  /** The names in `libonnxruntime_providers_NAME.so`, without `shared`. */
  readonly providers: readonly string[];
  /** Folders of pip's nvidia packages and TensorRT in the same environment. */
  readonly loaderPath: readonly string[];
}

const libraryName = /^libonnxruntime\.so\.(\d+\.\d+\.\d+)$/;

function entries(folder: string): readonly string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;

/** The `site-packages` of an environment's root. */
export function sitePackages(root: string): readonly string[] {
  return ['lib', 'lib64']
    .flatMap((lib) =>
      entries(join(root, lib))
        .filter((name) => /^python3\.\d+$/.test(name))
        .map((name) => join(root, lib, name, 'site-packages')),
    )
    .filter(isFolder);
}

/** The folder itself, and where the library lies in a site-packages, in an environment, and in an unpacked archive. */
function candidates(folder: string): readonly string[] {
  return [
    folder,
    join(folder, 'capi'),
    join(folder, 'onnxruntime', 'capi'),
    ...sitePackages(folder).map((site) => join(site, 'onnxruntime', 'capi')),
    join(folder, 'lib'),
  ];
}

/** `nvidia/*‌/lib` of a site-packages, and TensorRT's libraries. */
function packagedLibraries(site: string): readonly string[] {
  return [...entries(join(site, 'nvidia')).map((name) => join(site, 'nvidia', name, 'lib')), join(site, 'tensorrt_libs')].filter(
    isFolder,
  );
}

/** What a folder holds, or undefined where no libonnxruntime with a version in its name is there. */
export function inspectNative(folder: string): NativeFolder | undefined {
  for (const candidate of candidates(resolve(folder))) {
    const names = entries(candidate);
    const library = names.find((name) => libraryName.test(name));
    if (library === undefined) continue;
    const providers = names.flatMap((name) => /^libonnxruntime_providers_(\w+)\.so$/.exec(name)?.[1] ?? []);
    const inWheel = basename(candidate) === 'capi' && basename(dirname(candidate)) === 'onnxruntime';
    return {
      folder: candidate,
      library: join(candidate, library),
      version: libraryName.exec(library)?.[1] ?? '',
      providers: providers.filter((name) => name !== 'shared'),
      loaderPath: inWheel ? packagedLibraries(dirname(dirname(candidate))) : [],
    };
  }
  return undefined;
}

/**
 * The folder that RESCC_ONNXRUNTIME names; undefined where it names none. Throws RES0844 for a folder that cannot be used, and
 * RES0845 for a version that is not the binding's.
 */
export function namedNative(
  version: string,
  env: Environment = process.env,
  platform: string = process.platform,
): NativeFolder | undefined {
  const asked = env[nativeVariable];
  if (asked === undefined || asked === '') return undefined;
  const refuse = (found: string): never => fail(nativeFolder, { with: { folder: asked, found, version } });
  if (platform !== 'linux') return refuse(`this is ${platform}`);
  if (!isFolder(asked)) return refuse(existsSync(asked) ? 'this is no folder' : 'no such folder');
  const native = inspectNative(asked);
  if (!native) {
    // A folder that somebody names by mistake holds what is nobody's business.
    const seen = entries(asked)
      .filter((name) => name.includes('onnxruntime'))
      .slice(0, 5)
      .join(', ');
    return refuse(`no libonnxruntime.so.${version} in it${seen === '' ? '' : `, but ${seen}`}`);
  }
  if (/[\s:;]/.test(native.library)) return refuse('a space, colon or semicolon in its path, which the loader would cut there');
  if (native.version !== version)
    return fail(nativeVersion, { with: { folder: native.folder, found: `libonnxruntime ${native.version}`, version } });
  return native;
}

/** What is added to the environment of the process that loads it. */
export function nativeEnvironment(native: NativeFolder, env: Environment = process.env): Readonly<Record<string, string>> {
  const join_ = (parts: readonly (string | undefined)[], by: string): string =>
    parts.filter((part) => part !== undefined && part !== '').join(by);
  return {
    LD_PRELOAD: join_([native.library, env.LD_PRELOAD], ' '),
    LD_LIBRARY_PATH: join_([native.folder, ...native.loaderPath, env.LD_LIBRARY_PATH], ':'),
  };
}

/** What the CUDA provider opens by name when it first needs it. */
const opened: Readonly<Record<string, (cuda: string) => readonly string[]>> = {
  cuda: (cuda) => ['libcudnn.so.9', `libnvrtc.so.${cuda}`, `libcufft.so.${cuda === '12' ? '11' : '12'}`],
};

/**
 * By the name in `libNAME.so.N`: the pip package, whose name ends in `-cu12` for CUDA 12; NVIDIA left most of the suffixes out
 * with CUDA 13.
 */
const packages: Readonly<Record<string, string>> = {
  cublas: 'nvidia-cublas',
  cublasLt: 'nvidia-cublas',
  cudart: 'nvidia-cuda-runtime',
  nvrtc: 'nvidia-cuda-nvrtc',
  cufft: 'nvidia-cufft',
  curand: 'nvidia-curand',
  cudnn: 'nvidia-cudnn-cu13',
  nvinfer: 'tensorrt-cu13',
  nvonnxparser: 'tensorrt-cu13',
};

/** What to type so that libraries are there, for a provider that was built for this version of CUDA and this onnxruntime. */
export function remedy({ libraries, cuda }: Missing, version: string): string {
  const pip = new Set<string>();
  const others = new Set<string>();
  for (const library of libraries) {
    const name = /^lib([A-Za-z_-]+?)\.so/.exec(library)?.[1] ?? '';
    const found = packages[name];
    if (found !== undefined) pip.add(cuda === '13' ? found : `${found.replace(/-cu13$/, '')}-cu${cuda}`);
    else if (name.startsWith('onnxruntime')) pip.add(`--force-reinstall onnxruntime-gpu==${version}`);
    else others.add(name === 'cuda' ? 'install the NVIDIA driver' : `install the package that has ${library}`);
  }
  return [...(pip.size > 0 ? [`pip install ${[...pip].join(' ')}`] : []), ...others].join('; ');
}

const systemFolders = [
  '/lib/x86_64-linux-gnu',
  '/usr/lib/x86_64-linux-gnu',
  '/lib64',
  '/usr/lib64',
  '/usr/lib',
  '/lib',
  '/lib/aarch64-linux-gnu',
  '/usr/lib/aarch64-linux-gnu',
];

/** Libraries that the loader knows from /etc/ld.so.cache. */
function cachedLibraries(): ReadonlySet<string> {
  for (const command of ['ldconfig', '/sbin/ldconfig']) {
    try {
      const text = execFileSync(command, ['-p'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
      return new Set(text.split('\n').flatMap((line) => /^\s+(\S+) \(/.exec(line)?.[1] ?? []));
    } catch {}
  }
  return new Set();
}

export interface Missing {
  readonly libraries: readonly string[];
  /** The version of CUDA that the provider was built for: `13`. */
  readonly cuda: string;
}

/**
 * The libraries that a provider of the folder needs, it or what it opens later, and the loader would not find. `known` are names
 * that the system has, for tests.
 */
export function missingLibraries(
  native: NativeFolder,
  provider: string,
  env: Environment = process.env,
  known: ReadonlySet<string> = cachedLibraries(),
): Missing {
  const folders = [native.folder, ...native.loaderPath, ...(env.LD_LIBRARY_PATH ?? '').split(':'), ...systemFolders].filter(
    (folder) => folder !== '',
  );
  const missing = new Set<string>();
  const seen = new Set<string>();
  const visit = (path: string): void => {
    for (const name of readDynamic(path)?.needed ?? []) check(name);
  };
  const check = (name: string): void => {
    if (seen.has(name)) return;
    seen.add(name);
    const folder = folders.find((one) => existsSync(join(one, name)));
    if (folder === undefined) {
      if (!known.has(name)) missing.add(name);
    } else if (!systemFolders.includes(folder)) visit(join(folder, name));
  };
  const name = `libonnxruntime_providers_${provider}.so`;
  for (const one of ['libonnxruntime_providers_shared.so', name]) {
    if (existsSync(join(native.folder, one))) visit(join(native.folder, one));
    else missing.add(one);
  }
  const cuda = [...seen].flatMap((one) => /^libcudart\.so\.(\d+)$/.exec(one)?.[1] ?? [])[0] ?? '13';
  for (const one of opened[provider]?.(cuda) ?? []) check(one);
  return { libraries: [...missing], cuda };
}
