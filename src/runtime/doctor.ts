/** What a machine has to run models with, and what is missing: `rescc doctor`. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { DiagnosticError } from '../diagnostics/diagnostic.ts';
import { availableProviders } from './available.ts';
import {
  type Environment,
  inspectNative,
  missingLibraries,
  type NativeFolder,
  namedNative,
  nativeVariable,
  remedy,
  sitePackages,
} from './native.ts';
import { adapterHint, knownBackends, runtimeFolder, runtimeVersion } from './provider.ts';

export interface Finding {
  /** `ok` is there and fits, `no` is missing or does not fit, `info` is neither good nor bad. */
  readonly state: 'ok' | 'no' | 'info';
  /** `onnxruntime-node`, `provider cuda` */
  readonly what: string;
  readonly found: string;
  /** What to type. */
  readonly hint?: string;
}

/** How the machine is asked; tests answer for machines that they do not run on. */
export interface Machine {
  readonly env: Environment;
  readonly platform: string;
  readonly folder: string;
  /** The first lines that a program prints, or undefined where it is missing or fails. */
  ask(command: string, args: readonly string[]): string | undefined;
}

export const thisMachine: Machine = {
  env: process.env,
  platform: process.platform,
  folder: process.cwd(),
  ask(command, args) {
    try {
      return execFileSync(command, args, { encoding: 'utf8', timeout: 10_000, stdio: ['ignore', 'pipe', 'ignore'] }).trim();
    } catch {
      return undefined;
    }
  },
};

const firstLine = (text: string): string => text.split('\n')[0] ?? '';

function diagnosticText(error: unknown): { readonly found: string; readonly hint?: string } {
  if (!(error instanceof DiagnosticError)) throw error;
  const [said] = error.diagnostics;
  if (!said) throw error;
  return { found: `${said.code}: ${said.title}${said.found ? `, ${said.found}` : ''}`, ...(said.hint && { hint: said.hint }) };
}

/** A site-packages with an onnxruntime in it, and the version of the package onnxruntime-gpu where that is it. */
export interface PythonEnvironment {
  readonly site: string;
  /** `onnxruntime-gpu 1.30.0`, as pip calls it. */
  readonly package: string;
  readonly version: string;
  readonly native: NativeFolder | undefined;
}

/**
 * Environments of Python that hold an onnxruntime: the one that is active, those in the folder where one works, that of
 * `python3`. No Python is needed to find the first two.
 */
export function pythonEnvironments(machine: Machine): readonly PythonEnvironment[] {
  const { env, folder } = machine;
  const roots = [env.VIRTUAL_ENV, env.CONDA_PREFIX, join(folder, '.venv'), join(folder, 'venv')].filter(
    (root) => root !== undefined,
  );
  const asked = machine.ask('python3', ['-c', 'import sys; print("\\n".join(p for p in sys.path if p.endswith("-packages")))']);
  const sites = new Set([
    ...(env.PYTHONPATH ?? '').split(delimiter),
    ...roots.flatMap(sitePackages),
    ...(asked?.split('\n') ?? []),
  ]);
  return [...sites].flatMap((site) => {
    if (site === '' || !existsSync(join(site, 'onnxruntime'))) return [];
    const info = readdirSync(site).flatMap((name) => /^(onnxruntime\w*)-([\d.]+)\.dist-info$/.exec(name) ?? []);
    const [, name = 'onnxruntime', version = 'of unknown version'] = info;
    const native = inspectNative(join(site, 'onnxruntime', 'capi'));
    return [{ site, package: `${name.replaceAll('_', '-')} ${version}`, version, native }];
  });
}

/** What of the environment's providers lacks a library, a finding each. */
function libraryFindings(native: NativeFolder, env: Environment): readonly Finding[] {
  return native.providers.flatMap((provider): readonly Finding[] => {
    const missing = missingLibraries(native, provider, env);
    const { libraries, cuda } = missing;
    if (libraries.length === 0) return [{ state: 'ok', what: `libraries of ${provider}`, found: `all there, CUDA ${cuda}` }];
    // TensorRT is a choice; CUDA is what the wheel is for.
    const state = provider === 'cuda' ? 'no' : 'info';
    const hint = remedy(missing, native.version);
    return [{ state, what: `libraries of ${provider}`, found: `missing: ${libraries.join(', ')}`, hint }];
  });
}

/** The driver and the card, by nvidia-smi, else by what the kernel says. */
function nvidiaFinding(machine: Machine): Finding {
  const what = 'NVIDIA driver';
  const cards = machine.ask('nvidia-smi', ['--query-gpu=name,driver_version,memory.total', '--format=csv,noheader']);
  if (cards !== undefined && cards !== '') return { state: 'ok', what, found: cards.split('\n').join('; ') };
  const path = '/proc/driver/nvidia/version';
  if (machine.platform === 'linux' && existsSync(path))
    return { state: 'ok', what, found: firstLine(readFileSync(path, 'utf8')) };
  return { state: 'info', what, found: 'none: nvidia-smi does not answer' };
}

function pythonFindings(machine: Machine, version: string, named: boolean): readonly Finding[] {
  const out: Finding[] = [];
  const environments = pythonEnvironments(machine);
  for (const { site, package: name, version: has, native } of environments) {
    const gpu = native?.providers.includes('cuda') ?? false;
    const fits = gpu && has === version;
    const found = `${name} in ${site}${fits ? '' : gpu ? `, which does not fit: the binding is ${version}` : ', which has no CUDA provider'}`;
    out.push({
      state: fits ? 'ok' : 'info',
      what: 'Python',
      found,
      ...(fits && !named && native && { hint: `export ${nativeVariable}=${native.folder}` }),
      ...(!fits && { hint: `pip install onnxruntime-gpu==${version}, in an environment of its own` }),
    });
    if (fits && native && !named) out.push(...libraryFindings(native, machine.env));
  }
  if (environments.length === 0)
    out.push({
      state: 'info',
      what: 'Python',
      found: 'no environment with onnxruntime',
      hint: `pip install onnxruntime-gpu==${version}, for CUDA`,
    });
  return out;
}

/**
 * Looks at the runtime, each provider by running one node on it, the driver, RESCC_ONNXRUNTIME and the environments of Python.
 * Throws nothing that a machine can be blamed for; what is wrong is a finding.
 */
export async function examine(machine: Machine = thisMachine): Promise<readonly Finding[]> {
  const out: Finding[] = [{ state: 'ok', what: 'Node', found: `${process.version}, ${process.platform} ${process.arch}` }];
  let version: string;
  try {
    version = runtimeVersion();
    const backends = knownBackends().map(({ name, bundled }) =>
      bundled === false ? `${name} (its library is not in the package)` : name,
    );
    out.push({ state: 'ok', what: 'onnxruntime-node', found: `${version} in ${runtimeFolder()}` });
    out.push({ state: 'info', what: 'built for', found: backends.join(', ') });
  } catch (error) {
    out.push({ state: 'no', what: 'onnxruntime-node', ...diagnosticText(error) });
    return out;
  }
  let native: NativeFolder | undefined;
  const asked = machine.env[nativeVariable];
  if (asked !== undefined && asked !== '') {
    try {
      native = namedNative(version, machine.env, machine.platform);
      if (native) {
        out.push({
          state: 'ok',
          what: nativeVariable,
          found: `libonnxruntime ${native.version} in ${native.folder}, with ${native.providers.join(', ')}`,
        });
        out.push(...libraryFindings(native, machine.env));
      }
    } catch (error) {
      out.push({ state: 'no', what: nativeVariable, ...diagnosticText(error) });
    }
  }
  out.push(nvidiaFinding(machine));
  out.push(...pythonFindings(machine, version, native !== undefined));
  // A folder that cannot be used is said above, and would end the search here.
  const environment = asked !== undefined && !native ? { [nativeVariable]: '' } : {};
  const absent = new Map<string, string>();
  const found = await availableProviders(environment, (ep, why) => absent.set(ep, why));
  for (const ep of found) out.push({ state: 'ok', what: `provider ${ep}`, found: 'runs' });
  for (const [ep, why] of absent) {
    const hint = ep === 'webgpu' ? adapterHint(machine.platform) : undefined;
    out.push({ state: 'info', what: `provider ${ep}`, found: why, ...(hint !== undefined && { hint }) });
  }
  return out;
}
