import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { findingsText } from '../../src/cli/doctor.ts';
import { DiagnosticError } from '../../src/diagnostics/diagnostic.ts';
import { examine, type Machine, pythonEnvironments } from '../../src/runtime/doctor.ts';
import { readDynamic } from '../../src/runtime/elf.ts';
import { inspectNative, missingLibraries, namedNative, nativeEnvironment, remedy } from '../../src/runtime/native.ts';
import { runtimeVersion } from '../../src/runtime/provider.ts';
import { openSession } from '../../src/runtime/session.ts';
import { elfFile } from './elf.ts';

vi.setConfig({ testTimeout: 120_000 });

const root = mkdtempSync(join(tmpdir(), 'rescc-native-'));
afterAll(() => rmSync(root, { recursive: true }));
let made = 0;

/** A site-packages like that of `pip install onnxruntime-gpu nvidia-cublas …`, whose libraries hold only what they need. */
function environment(
  version = '1.30.0',
  libraries: Readonly<Record<string, readonly string[]>> = {},
): { env: string; site: string; capi: string } {
  const env = join(root, `env${made++}`);
  const site = join(env, 'lib', 'python3.12', 'site-packages');
  const capi = join(site, 'onnxruntime', 'capi');
  mkdirSync(capi, { recursive: true });
  mkdirSync(join(site, `onnxruntime_gpu-${version}.dist-info`));
  const write = (path: string, needed: readonly string[]): void => {
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, elfFile(needed));
  };
  write(join(capi, `libonnxruntime.so.${version}`), []);
  write(join(capi, 'libonnxruntime_providers_shared.so'), ['libc.so.6']);
  write(join(capi, 'libonnxruntime_providers_cuda.so'), ['libcublas.so.13', 'libcudart.so.13', 'libcuda.so.1', 'libc.so.6']);
  for (const [path, needed] of Object.entries(libraries)) write(join(site, path), needed);
  return { env, site, capi };
}
const system = new Set(['libc.so.6', 'libcuda.so.1']);
const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    if (error instanceof DiagnosticError) return `${error.diagnostics[0]?.code}: ${error.diagnostics[0]?.found}`;
    throw error;
  }
  return 'nothing';
};

describe('what a shared library needs', () => {
  it('is read from its dynamic section', () => {
    const path = join(root, 'libone.so');
    writeFileSync(path, elfFile(['libc.so.6', 'libcudart.so.13'], 'libone.so.1'));
    expect(readDynamic(path)).toEqual({ needed: ['libc.so.6', 'libcudart.so.13'], soName: 'libone.so.1' });
  });
  it('is unknown for what is none, or is cut short anywhere', () => {
    const path = join(root, 'cut.so');
    writeFileSync(path, 'not a library, though longer than the head of one has to be ……………………………………');
    expect(readDynamic(path)).toBeUndefined();
    const whole = elfFile(['libc.so.6']);
    for (const length of [0, 3, 40, 63, 100, 180]) {
      writeFileSync(path, whole.subarray(0, length));
      expect(readDynamic(path), `${length} bytes`).toBeUndefined();
    }
  });
  it.skipIf(process.platform !== 'linux')('is found for a real one', () => {
    expect(readDynamic(process.execPath)?.needed).toContain('libc.so.6');
  });
});

describe('the folder that RESCC_ONNXRUNTIME names', () => {
  const named = (folder: string | undefined, version = '1.30.0', platform = 'linux') =>
    namedNative(version, { RESCC_ONNXRUNTIME: folder }, platform);

  it('is none where the variable is not set, or empty', () => {
    expect(named(undefined)).toBeUndefined();
    expect(named('')).toBeUndefined();
  });
  it('may be that of the library, of the package, of site-packages, of the environment, or of an archive', () => {
    const { env, site, capi } = environment('1.30.0', { 'nvidia/cu13/lib/libcublas.so.13': [] });
    for (const folder of [capi, join(site, 'onnxruntime'), site, env]) {
      expect(named(folder), folder).toEqual({
        folder: capi,
        library: join(capi, 'libonnxruntime.so.1.30.0'),
        version: '1.30.0',
        providers: ['cuda'],
        loaderPath: [join(site, 'nvidia', 'cu13', 'lib')],
      });
    }
    const archive = join(root, 'onnxruntime-linux-x64-gpu-1.30.0');
    mkdirSync(join(archive, 'lib'), { recursive: true });
    writeFileSync(join(archive, 'lib', 'libonnxruntime.so.1.30.0'), '');
    expect(named(archive)).toMatchObject({ folder: join(archive, 'lib'), providers: [], loaderPath: [] });
  });
  it('is refused with what is wrong', () => {
    const { capi } = environment();
    const file = join(capi, 'libonnxruntime.so.1.30.0');
    const empty = mkdtempSync(join(root, 'empty-'));
    const spaced = join(root, 'with space');
    mkdirSync(spaced);
    writeFileSync(join(spaced, 'libonnxruntime.so.1.30.0'), '');
    expect(codeOf(() => named('/no/such/folder'))).toBe('RES0844: no such folder');
    expect(codeOf(() => named(file))).toBe('RES0844: this is no folder');
    expect(codeOf(() => named(empty))).toBe('RES0844: no libonnxruntime.so.1.30.0 in it');
    expect(codeOf(() => named(spaced))).toMatch(/^RES0844: a space/);
    expect(codeOf(() => named(capi, '1.30.0', 'darwin'))).toBe('RES0844: this is darwin');
    expect(codeOf(() => named(capi, '1.30.1'))).toBe('RES0845: libonnxruntime 1.30.0');
  });
  it('is loaded by its path, before what was to be loaded already', () => {
    const { site, capi } = environment('1.30.0', { 'nvidia/cudnn/lib/libcudnn.so.9': [], 'tensorrt_libs/libnvinfer.so.10': [] });
    const native = inspectNative(capi);
    if (!native) throw new Error('nothing found');
    expect(nativeEnvironment(native, { LD_PRELOAD: 'mine.so', LD_LIBRARY_PATH: '/opt/lib' })).toEqual({
      LD_PRELOAD: `${capi}/libonnxruntime.so.1.30.0 mine.so`,
      LD_LIBRARY_PATH: `${capi}:${site}/nvidia/cudnn/lib:${site}/tensorrt_libs:/opt/lib`,
    });
  });
});

describe('libraries that are missing', () => {
  const missing = (libraries: Readonly<Record<string, readonly string[]>>, env: NodeJS.ProcessEnv = {}, provider = 'cuda') => {
    const native = inspectNative(environment('1.30.0', libraries).capi);
    if (!native) throw new Error('nothing found');
    return missingLibraries(native, provider, env, system);
  };
  const whole = {
    'nvidia/cu13/lib/libcublas.so.13': ['libcublasLt.so.13'],
    'nvidia/cu13/lib/libcublasLt.so.13': ['libc.so.6'],
    'nvidia/cu13/lib/libcudart.so.13': [],
    'nvidia/cu13/lib/libnvrtc.so.13': [],
    'nvidia/cu13/lib/libcufft.so.12': [],
    'nvidia/cudnn/lib/libcudnn.so.9': [],
  };

  it('are none where pip brought all of them', () => {
    expect(missing(whole)).toEqual({ libraries: [], cuda: '13' });
  });
  it('are those that a library of a library needs, and those that are opened by name', () => {
    const { 'nvidia/cu13/lib/libcublasLt.so.13': _, 'nvidia/cudnn/lib/libcudnn.so.9': __, ...rest } = whole;
    expect(missing(rest).libraries).toEqual(['libcublasLt.so.13', 'libcudnn.so.9']);
  });
  it('are not those in a folder of LD_LIBRARY_PATH', () => {
    const folder = mkdtempSync(join(root, 'own-'));
    writeFileSync(join(folder, 'libcudnn.so.9'), elfFile([]));
    const { 'nvidia/cudnn/lib/libcudnn.so.9': _, ...rest } = whole;
    expect(missing(rest, { LD_LIBRARY_PATH: `:${folder}` }).libraries).toEqual([]);
  });
  it('may be the provider itself', () => {
    expect(missing(whole, {}, 'tensorrt').libraries).toEqual(['libonnxruntime_providers_tensorrt.so']);
  });
  it('are named with what to type, one command for pip', () => {
    const type = (cuda: string, ...libraries: string[]) => remedy({ libraries, cuda }, '1.30.0');
    expect(type('13', 'libcublas.so.13', 'libcublasLt.so.13', 'libcudnn.so.9', 'libcuda.so.1')).toBe(
      'pip install nvidia-cublas nvidia-cudnn-cu13; install the NVIDIA driver',
    );
    expect(type('12', 'libcurand.so.10', 'libcudnn.so.9')).toBe('pip install nvidia-curand-cu12 nvidia-cudnn-cu12');
    expect(type('13', 'libonnxruntime_providers_cuda.so')).toBe('pip install --force-reinstall onnxruntime-gpu==1.30.0');
    expect(type('13', 'libodd.so.1')).toBe('install the package that has libodd.so.1');
  });
  it.skipIf(process.platform !== 'linux' || process.arch !== 'x64')(
    'are named by the session that could not be opened',
    async () => {
      const version = runtimeVersion();
      const { capi } = environment(version, { 'nvidia/cu13/lib/libcudart.so.13': [] });
      const opened = openSession(Uint8Array.of(), { ep: 'cuda', optimization: 'all', environment: { RESCC_ONNXRUNTIME: capi } });
      const [found] = await opened.then(
        () => [],
        (error: unknown) => (error instanceof DiagnosticError ? error.diagnostics : Promise.reject(error)),
      );
      expect(found?.code).toBe('RES0803');
      expect(found?.found).toContain('libcublas.so.13');
      expect(found?.found).not.toContain('libcudart.so.13');
      expect(found?.hint).toMatch(/^pip install .*nvidia-cublas/);
    },
  );
});

describe('doctor', () => {
  const machine = (env: NodeJS.ProcessEnv, answers: Readonly<Record<string, string>> = {}): Machine => ({
    env,
    platform: 'linux',
    folder: root,
    ask: (command) => answers[command],
  });

  it('finds environments of Python by the active one, PYTHONPATH and what python3 says, each once', () => {
    const active = environment();
    const other = environment('1.29.0');
    const found = pythonEnvironments(
      machine({ VIRTUAL_ENV: active.env, PYTHONPATH: active.site }, { python3: `${other.site}\n/no/such/site-packages` }),
    );
    expect(found.map(({ site, package: name, native }) => [site, name, native?.providers])).toEqual([
      [active.site, 'onnxruntime-gpu 1.30.0', ['cuda']],
      [other.site, 'onnxruntime-gpu 1.29.0', ['cuda']],
    ]);
  });
  it.skipIf(process.platform !== 'linux')('says what fits and what to type', async () => {
    const version = runtimeVersion();
    const fits = environment(version, { 'nvidia/cu13/lib/libcudart.so.13': [] });
    const old = environment('1.2.3');
    const text = findingsText(
      await examine(machine({ VIRTUAL_ENV: fits.env }, { python3: old.site, 'nvidia-smi': 'NVIDIA Test, 580.1, 80000 MiB' })),
    );
    expect(text).toContain(`onnxruntime-gpu ${version} in ${fits.site}`);
    expect(text).toContain(`export RESCC_ONNXRUNTIME=${fits.capi}`);
    expect(text).toContain(`onnxruntime-gpu 1.2.3 in ${old.site}, which does not fit: the binding is ${version}`);
    expect(text).toMatch(/no {2}libraries of cuda +missing: .*libcublas\.so\.13/);
    expect(text).toContain('NVIDIA Test, 580.1');
    expect(text).toMatch(/ok {2}provider cpu +runs/);
  });
  it.skipIf(process.platform !== 'linux')('says that the named folder cannot be used, and looks at the rest', async () => {
    const found = await examine(machine({ RESCC_ONNXRUNTIME: '/no/such/folder' }));
    expect(found.find(({ what }) => what === 'RESCC_ONNXRUNTIME')).toMatchObject({
      state: 'no',
      found: expect.stringContaining('RES0844'),
      hint: expect.stringContaining('pip install onnxruntime-gpu=='),
    });
    expect(found.at(-1)?.what).toMatch(/^provider /);
  });
});
