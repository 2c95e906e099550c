/**
 * Sessions of onnxruntime: tensors in and out as `HostTensor`s, errors as diagnostics that point at the source, and the provider
 * that really ran each node. GPU providers run in a process of their own; see provider.ts for why.
 */

import { closeSync, rmSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import * as catalogue from '../diagnostics/catalogue/runtime.ts';
import { DiagnosticError } from '../diagnostics/diagnostic.ts';
import { openPlain, refuseUnreadable } from '../io/node/open-file.ts';
import { type Engine, EngineCrash, type Provider, providerNames } from './engine.ts';
import type { OpenOptions } from './host.ts';
import { missingLibraries, remedy } from './native.ts';
import {
  cleaned,
  crash,
  diagnosed,
  type KeepingSession,
  type LeftNode,
  type Placement,
  sessionOf,
  sessionRefused,
} from './ports.ts';
import { adapterHint, nativeFor, openHere, openInChild, type RuntimeProcess } from './provider.ts';

export type { Provider } from './engine.ts';
export { fromOrt, toOrt } from './exchange.ts';
export { type Kernel, type Placement, type Port, portText, type Session } from './ports.ts';

/** As `OpenOptions`, where there are processes. */
export interface NodeOpenOptions extends OpenOptions {
  /** Where sessions of the CPU provider run; in this process when left out. */
  readonly process?: RuntimeProcess | undefined;
}

/** onnxruntime says of a missing file that loading failed. */
function checkReadable(path: string): void {
  try {
    closeSync(openPlain(path).descriptor);
  } catch (error) {
    refuseUnreadable(path, error);
  }
}

/** Temporary folders of open sessions, which a program that exits before closing them would leave behind. */
const folders = new Set<string>();

function keepTidy(folder: string): void {
  if (folders.size === 0 && !tidying) {
    tidying = true;
    process.on('exit', () => {
      for (const left of folders) rmSync(left, { recursive: true, force: true });
    });
  }
  folders.add(folder);
}
let tidying = false;

/**
 * Opens a model, given as bytes or as a file's path (external data lies beside the file). Throws `DiagnosticError`: RES0800 to
 * RES0804, RES0806, RES0701. Close the session; a GPU provider's process lives until then.
 */
export async function openSession(model: Uint8Array | string, options: NodeOpenOptions): Promise<KeepingSession> {
  if (typeof model === 'string') checkReadable(model);
  const { process: shared } = options;
  const inChild = options.ep !== 'cpu' || shared !== undefined;
  const folder = inChild || options.profile ? await mkdtemp(join(tmpdir(), 'rescc-')) : undefined;
  if (folder) keepTidy(folder);
  const remove = async (): Promise<void> => {
    if (!folder) return;
    await rm(folder, { recursive: true, force: true });
    folders.delete(folder);
  };
  let engine: Engine;
  try {
    const ortOptions = {
      ep: options.ep,
      level: options.optimization === 'off' ? 'disabled' : 'all',
      threads: options.threads,
      profile: folder && options.profile ? join(folder, 'profile') : undefined,
      tf32: options.tf32,
    } as const;
    if (inChild && folder) {
      const path = typeof model === 'string' ? resolve(model) : join(folder, 'model.onnx');
      if (typeof model !== 'string') await writeFile(path, model);
      engine =
        shared && options.ep === 'cpu'
          ? await shared.open(path, ortOptions)
          : await openInChild(path, ortOptions, options.environment);
    } else engine = await openHere(model, ortOptions);
    return sessionOf(engine, options, {
      remove,
      placement: async () => (folder && options.profile ? await placementOf(folder, options.ep, engine.adapter) : undefined),
    });
  } catch (error) {
    await remove();
    throw openFailure(error, options);
  }
}

/** Reads onnxruntime's profile: `[{ cat: 'Node', name: '…_kernel_time', args: { provider, op_name, node_index } }, …]`. */
async function placementOf(folder: string, ep: Provider, adapter: string | undefined): Promise<Placement> {
  const file = (await readdir(folder)).find((name) => name.startsWith('profile'));
  const events: unknown = file ? parsedProfile(await readFile(join(folder, file), 'utf8')) : [];
  const nodes = new Map<string, LeftNode>();
  const times = new Map<string, number[]>();
  for (const event of Array.isArray(events) ? (events as readonly unknown[]) : []) {
    const { cat, name, args, dur } = record(event);
    const { provider, op_name: op, node_index: index } = record(args);
    if (cat !== 'Node' || typeof name !== 'string' || !name.endsWith('_kernel_time')) continue;
    if (typeof provider !== 'string' || typeof op !== 'string') continue;
    // A node runs once per run of the session, and inside a loop often; its index names it.
    const key = String(index ?? name);
    const each = times.get(key) ?? [];
    each.push(typeof dur === 'number' ? dur / 1000 : 0);
    times.set(key, each);
    nodes.set(key, { name: name.slice(0, -'_kernel_time'.length), op, provider });
  }
  const left = [...nodes.values()].filter((node) => node.provider !== providerNames[ep]);
  const kernels = [...nodes].map(([key, { name, op }]) => {
    const each = times.get(key) ?? [];
    return { name, op, ms: each.reduce((sum, ms) => sum + ms, 0), each };
  });
  return { provider: ep, adapter: adapter ?? platformAdapter(ep), nodes: nodes.size, left, kernels };
}

/** onnxruntime writes names of nodes as they are: quotes, backslashes and line ends in them make the profile no JSON. */
function parsedProfile(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    const name = /("name"\s*:\s*)"([\s\S]*?)"(?=\s*,\s*"args"\s*:)/g;
    return JSON.parse(text.replace(name, (_, key: string, written: string) => `${key}${JSON.stringify(written)}`));
  }
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

/** Where nothing names the adapter, at least what it is reached through. */
function platformAdapter(ep: Provider): string | undefined {
  if (ep === 'cuda' || ep === 'tensorrt') return 'CUDA device 0';
  if (ep !== 'webgpu') return undefined;
  return process.platform === 'darwin' ? 'Metal' : process.platform === 'win32' ? 'Direct3D 12' : 'Vulkan';
}

function stderrOf(error: unknown): string {
  const { stderr } = record(error);
  return typeof stderr === 'string' ? stderr : '';
}

function openFailure(error: unknown, options: NodeOpenOptions): Error {
  if (error instanceof DiagnosticError) return error;
  const { ep } = options;
  const text = error instanceof Error ? error.message : String(error);
  const stderr = stderrOf(error);
  const backends = /^backends: (.*)$/.exec(text)?.[1];
  if (backends !== undefined) {
    return diagnosed(catalogue.providerMissing, {
      with: { ep, found: `this build has ${backends} (${process.platform} ${process.arch})`, hint: '--ep cpu' },
    });
  }
  if (error instanceof EngineCrash) return crash(error, options, stderr);
  if (ep === 'webgpu' && /WebGPU adapter|No supported adapters|webgpu_context|requestDevice|WebGPU device/i.test(text)) {
    const said = stderr.split('\n').filter((line) => !/^\s*at /.test(line) && /vk[A-Z]\w+|driver|Failed/i.test(line));
    const found = [cleaned(text), ...said.map((line) => line.trim()).slice(0, 3)].join('\n');
    return diagnosed(catalogue.noAdapter, { with: { found, hint: adapterHint() } });
  }
  if (
    ep !== 'cpu' &&
    ep !== 'webgpu' &&
    /Failed to load shared library|CUDA failure|cudaError|CUDNN|no CUDA-capable|providers_\w+|AppendExecutionProvider/i.test(text)
  )
    return librariesMissing(cleaned(text), stderr, options);
  return sessionRefused(error, options);
}

/** Of a provider that is a library of its own: what the loader said, and what else of it is missing. */
function librariesMissing(text: string, stderr: string, { ep, environment }: OpenOptions): Error {
  const native = nativeFor(ep, environment);
  const said = /Failed to load library (\S+?)(?: with error: (.*))?$/m.exec(stderr);
  const lines = [text];
  let hint = 'rescc doctor';
  const missing = native && missingLibraries(native, ep, { ...process.env, ...environment });
  if (missing && missing.libraries.length > 0) {
    lines.push(`cannot load ${missing.libraries.join(', ')}`);
    hint = remedy(missing, native.version);
  } else if (said) {
    const reason = /^[\w.-]+: cannot open shared object file|^\S+: /.test(said[2] ?? '') ? ` (${said[2]?.split(':')[0]})` : '';
    lines.push(`cannot load ${said[1]?.split('/').at(-1)}${reason}`);
  }
  const found = lines.join('\n');
  return ep === 'cuda'
    ? diagnosed(catalogue.cudaMissing, { with: { found, hint } })
    : diagnosed(catalogue.providerLibraries, { with: { ep, found, hint } });
}
