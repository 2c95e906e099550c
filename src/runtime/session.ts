/**
 * Sessions of onnxruntime: tensors in and out as `HostTensor`s, errors as diagnostics that point at the source, and the provider
 * that really ran each node. GPU providers run in a process of their own; see provider.ts for why.
 */

import { constants, rmSync } from 'node:fs';
import { access, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import * as catalogue from '../diagnostics/catalogue/runtime.ts';
import { DiagnosticError, type DiagnosticKind, fail, makeDiagnostic, type Report } from '../diagnostics/diagnostic.ts';
import { elemFacts, elemsBy } from '../ir/elem.ts';
import type { Graph, Origin } from '../ir/graph.ts';
import { type ElemType, elementCount, type HostTensor } from '../ir/types.ts';
import type { OnnxModel } from '../onnx/model.ts';
import { decodeTensor, encodeTensor } from '../tensor/round.ts';
import { misfitHint } from './inputs.ts';
import { missingLibraries, remedy } from './native.ts';
import {
  adapterHint,
  type Engine,
  EngineCrash,
  nativeFor,
  type OrtPort,
  type OrtTensor,
  openHere,
  openInChild,
  type Provider,
  providerNames,
  type RuntimeProcess,
} from './provider.ts';

export type { Provider } from './provider.ts';

export interface OpenOptions {
  readonly ep: Provider;
  /** onnxruntime's own graph optimiser. */
  readonly optimization: 'off' | 'all';
  /** Threads within an operator; onnxruntime's choice without. */
  readonly threads?: number | undefined;
  /** Record which provider runs each node; `close` then returns it. Slows runs down a little. */
  readonly profile?: boolean | undefined;
  /** The graph that the model was written from, so that errors point at its source. */
  readonly graph?: Graph | undefined;
  /** The model as it was written, whose nodes carry the exact names; `graph` is not needed then. */
  readonly onnx?: OnnxModel | undefined;
  /** Where sessions of the CPU provider run; in this process when left out. */
  readonly process?: RuntimeProcess | undefined;
  /**
   * Lets CUDA round the operands of f32 products to TF32, which is faster and off by 1e-3. Off when left out, as proofs need it.
   */
  readonly tf32?: boolean | undefined;
  /** Added to the environment of a GPU provider's process, such as `swiftshaderEnvironment()`. */
  readonly environment?: Readonly<Record<string, string>> | undefined;
}

/** An input or output. Symbolic dimensions are names, or '' where the model gives none. */
export interface Port {
  readonly name: string;
  readonly elem: ElemType;
  readonly dims: readonly (number | string)[];
}

/** A node of the model as onnxruntime ran it, after its own fusions, on another provider than the one asked for. */
export interface LeftNode {
  readonly name: string;
  readonly op: string;
  readonly provider: string;
}

/** What ran as one node, with the time that all its runs took. */
export interface Kernel {
  readonly name: string;
  readonly op: string;
  readonly ms: number;
}

export interface Placement {
  readonly provider: Provider;
  /** The GPU's name where it is known: WebGPU through Vulkan. */
  readonly adapter: string | undefined;
  /** Nodes that ran. */
  readonly nodes: number;
  readonly left: readonly LeftNode[];
  readonly kernels: readonly Kernel[];
}

export interface Session {
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  readonly createMs: number;
  /** Milliseconds that the latest run took. */
  readonly runMs: number;
  readonly adapter: string | undefined;
  /** Throws `DiagnosticError` (RES0805 to RES0807, RES0813, RES0814). */
  run(inputs: ReadonlyMap<string, HostTensor>): Promise<Map<string, HostTensor>>;
  /** Frees the session. With `profile`, says where the nodes ran. */
  close(): Promise<Placement | undefined>;
}

const elemOfOrt = elemsBy(({ dtype, exchanged }) => (exchanged ? dtype : undefined));

/** The elements as onnxruntime holds them; floats are rounded once. */
export function toOrt(name: string, tensor: HostTensor): OrtTensor {
  const { elem, dims, data } = tensor;
  const { dtype, exchanged, array, bytes: width } = elemFacts[elem];
  if (!exchanged) {
    return fail(catalogue.tensorUnsupported, {
      with: { name, found: `element type ${elem}`, expected: `one of ${[...elemOfOrt.values()].join(', ')}`, hint: `cast(f32)` },
    });
  }
  const bytes = new Uint8Array(data.length * width);
  encodeTensor(tensor, bytes);
  return { type: dtype, dims, data: new array(bytes.buffer) };
}

export function fromOrt(name: string, tensor: OrtTensor): HostTensor {
  const elem = elemOfOrt.get(tensor.type);
  if (!elem) {
    return fail(catalogue.tensorUnsupported, {
      with: {
        name,
        found: `onnxruntime's type ${tensor.type}`,
        expected: 'a tensor of numbers or booleans',
        hint: 'take it out of the model',
      },
    });
  }
  const { data } = tensor;
  return decodeTensor(elem, tensor.dims, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
}

function portOf(port: OrtPort): Port {
  const elem = elemOfOrt.get(port.type);
  if (!elem) {
    return fail(catalogue.tensorUnsupported, {
      with: {
        name: port.name,
        found: `onnxruntime's type ${port.type}`,
        expected: 'a tensor of numbers or booleans',
        hint: 'take it out of the model',
      },
    });
  }
  return { name: port.name, elem, dims: port.shape };
}

/** onnxruntime says of a missing file that loading failed. */
async function checkReadable(path: string): Promise<void> {
  try {
    await access(path, constants.R_OK);
  } catch (error) {
    const found =
      record(error).code === 'ENOENT' ? 'no such file' : cleaned(error instanceof Error ? error.message : String(error));
    fail(catalogue.fileUnreadable, { with: { file: path, found, hint: `ls -l ${path}` } });
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
 * RES0804, RES0806, RES0820. Close the session; a GPU provider's process lives until then.
 */
export async function openSession(model: Uint8Array | string, options: OpenOptions): Promise<Session> {
  if (typeof model === 'string') await checkReadable(model);
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
  let inputs: readonly Port[];
  let outputs: readonly Port[];
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
    inputs = engine.inputs.map(portOf);
    outputs = engine.outputs.map(portOf);
  } catch (error) {
    await remove();
    throw openFailure(error, options);
  }
  let runMs = 0;
  let closed: Promise<Placement | undefined> | undefined;
  const close = async (): Promise<Placement | undefined> => {
    try {
      await engine.close();
      return folder && options.profile ? await placementOf(folder, options.ep, engine.adapter) : undefined;
    } catch (error) {
      throw runFailure(error, options, engine.stderr);
    } finally {
      await remove();
    }
  };
  return {
    inputs,
    outputs,
    createMs: engine.createMs,
    get runMs() {
      return runMs;
    },
    get adapter() {
      return engine.adapter;
    },
    async run(given) {
      checkInputs(inputs, given);
      const feeds = Object.fromEntries(inputs.map(({ name }) => [name, toOrt(name, need(given, name))]));
      try {
        const result = await engine.run(feeds);
        runMs = result.ms;
        return new Map(outputs.map(({ name }) => [name, fromOrt(name, need(new Map(Object.entries(result.outputs)), name))]));
      } catch (error) {
        throw runFailure(error, options, engine.stderr);
      }
    },
    close: () => {
      closed ??= close();
      return closed;
    },
  };
}

function need<T>(map: ReadonlyMap<string, T>, name: string): T {
  const value = map.get(name);
  if (value === undefined) throw new Error(`no tensor ${name}`);
  return value;
}

/** Names, element types and shapes, so that a wrong one is reported in the user's words and not in onnxruntime's. */
function checkInputs(ports: readonly Port[], given: ReadonlyMap<string, HostTensor>): void {
  const missing = ports.filter((p) => !given.has(p.name)).map((p) => p.name);
  const unknown = [...given.keys()].filter((name) => !ports.some((p) => p.name === name));
  if (missing.length > 0 || unknown.length > 0) {
    const found = [
      missing.length > 0 && `nothing for ${missing.join(', ')}`,
      unknown.length > 0 && `no input ${unknown.join(', ')}`,
    ];
    fail(catalogue.inputNames, {
      with: {
        found: found.filter(Boolean).join('; '),
        expected: ports.map((p) => `${p.name}: ${portText(p)}`).join('\n'),
        hint: `--input ${missing[0] ?? ports[0]?.name ?? 'NAME'}=FILE`,
      },
    });
  }
  const bound = new Map<string, { readonly size: number; readonly by: string }>();
  for (const port of ports) {
    const tensor = need(given, port.name);
    const misfit = (expected: string): never =>
      fail(catalogue.inputMisfit, {
        with: {
          name: port.name,
          found: `${tensor.elem}[${tensor.dims.join(', ')}]`,
          expected,
          hint: misfitHint(port.name, tensor, port.elem),
        },
      });
    // onnxruntime names no axes of a scalar, nor of an input of unknown rank, which takes any.
    const ranked = port.dims.length > 0;
    if (tensor.elem !== port.elem || (ranked && tensor.dims.length !== port.dims.length)) misfit(portText(port));
    port.dims.forEach((d, i) => {
      const size = tensor.dims[i] ?? 0;
      if (typeof d === 'number') {
        if (d !== size) misfit(portText(port));
        return;
      }
      // Only plain names bind: what `2*H` stands for is the graph's to check.
      if (!/^[A-Za-z_]\w*$/.test(d)) return;
      const known = bound.get(d);
      if (known && known.size !== size) misfit(`${d} = ${known.size}, as in input ${known.by}`);
      bound.set(d, { size, by: port.name });
    });
    if (elementCount(tensor.dims) !== tensor.data.length)
      misfit(`${elementCount(tensor.dims)} elements, not ${tensor.data.length}`);
  }
}

export function portText(port: Port): string {
  return `${port.elem}[${port.dims.map((d) => (d === '' ? '?' : d)).join(', ')}]`;
}

/** Reads onnxruntime's profile: `[{ cat: 'Node', name: '…_kernel_time', args: { provider, op_name, node_index } }, …]`. */
async function placementOf(folder: string, ep: Provider, adapter: string | undefined): Promise<Placement> {
  const file = (await readdir(folder)).find((name) => name.startsWith('profile'));
  const events: unknown = file ? parsedProfile(await readFile(join(folder, file), 'utf8')) : [];
  const nodes = new Map<string, LeftNode>();
  const times = new Map<string, number>();
  for (const event of Array.isArray(events) ? (events as readonly unknown[]) : []) {
    const { cat, name, args, dur } = record(event);
    const { provider, op_name: op, node_index: index } = record(args);
    if (cat !== 'Node' || typeof name !== 'string' || !name.endsWith('_kernel_time')) continue;
    if (typeof provider !== 'string' || typeof op !== 'string') continue;
    // A node runs once per run of the session, and inside a loop often; its index names it.
    const key = String(index ?? name);
    times.set(key, (times.get(key) ?? 0) + (typeof dur === 'number' ? dur / 1000 : 0));
    nodes.set(key, { name: name.slice(0, -'_kernel_time'.length), op, provider });
  }
  const left = [...nodes.values()].filter((node) => node.provider !== providerNames[ep]);
  const kernels = [...nodes].map(([key, { name, op }]) => ({ name, op, ms: times.get(key) ?? 0 }));
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

function openFailure(error: unknown, options: OpenOptions): Error {
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
  return diagnosed(catalogue.modelRefused, {
    ...placed(text, options),
    with: { ep, found: cleaned(text), hint: refusalHint(text) },
  });
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

function refusalHint(text: string): string {
  if (/could not find an implementation|NOT_IMPLEMENTED|opset|IR version/i.test(text)) return '--opset 17';
  if (/protobuf|parsing/i.test(text)) return 'write it again: rescc compile model.res -o model.onnx';
  return '-O0';
}

function runFailure(error: unknown, options: OpenOptions, stderr: string): Error {
  if (error instanceof DiagnosticError) return error;
  if (error instanceof EngineCrash) return crash(error, options, stderr);
  const text = error instanceof Error ? error.message : String(error);
  return diagnosed(catalogue.runFailed, {
    ...placed(text, options),
    with: {
      ep: options.ep,
      found: cleaned(text),
      hint: /alloc|memory/i.test(text)
        ? 'a smaller input or batch'
        : '--input NAME=FILE with sizes and numbers that the model is made for',
    },
  });
}

function crash(error: EngineCrash, options: OpenOptions, stderr: string): DiagnosticError {
  const last = stderr.trim().split('\n').slice(-3).join('\n');
  const found = last === '' ? `it ${error.message}` : `it ${error.message}; its last words:\n${last}`;
  return diagnosed(catalogue.providerCrashed, { with: { ep: options.ep, found, hint: '--ep cpu' } });
}

function diagnosed<Holes extends string>(kind: DiagnosticKind<Holes>, report: Report<Holes>): DiagnosticError {
  return new DiagnosticError([makeDiagnostic(kind, report)]);
}

/** Without paths of onnxruntime's build, status codes and control characters. */
function cleaned(text: string): string {
  return text
    .replace(/\[ONNXRuntimeError\] : \d+ : \w+ : /g, '')
    .replace(/\/onnxruntime_src\/\S+:\d+ /g, '')
    .replace(/^.*was false\. /s, '')
    .replace(/\s+/g, ' ')
    .trim();
}

const nodePatterns: readonly RegExp[] = [
  /Name:'([^']+)'/,
  /node with name '([^']+)'/i,
  /in node \(([^)]+)\)/i,
  /Node \(([^)]+)\)/i,
  /In Node, \("([^"]+)"/i,
  /Node:\s*([^\s'"(]+)/,
];

/** Where the node comes from that a message of onnxruntime is about, if the message names one that is known. */
export function originOfMessage(
  text: string,
  origins: ReadonlyMap<string, Origin>,
): { readonly name: string; readonly origin: Origin } | undefined {
  for (const pattern of nodePatterns) {
    // Names are made of a scope and, where one scope has several nodes, a suffix; onnxruntime's fusions add more.
    let name = pattern.exec(text)?.[1] ?? '';
    while (name !== '') {
      const origin = origins.get(name);
      if (origin) return { name, origin };
      const cut = Math.max(...['/', '.', '_', ':', '(', ' ', '-'].map((c) => name.lastIndexOf(c)));
      name = cut <= 0 ? '' : name.slice(0, cut);
    }
  }
  return undefined;
}

function originsOf(options: OpenOptions): ReadonlyMap<string, Origin> {
  const out = new Map<string, Origin>();
  for (const node of options.onnx?.graph.nodes ?? []) if (node.origin) out.set(node.name, node.origin);
  if (out.size > 0) return out;
  for (const node of options.graph?.nodes() ?? []) if (!out.has(node.origin.scope)) out.set(node.origin.scope, node.origin);
  return out;
}

function placed(text: string, options: OpenOptions): Pick<Report<never>, 'span' | 'label' | 'within'> {
  const found = originOfMessage(text, originsOf(options));
  if (!found) return {};
  const { span, scope } = found.origin;
  return { span, label: `became node ${found.name}`, within: scope === '' ? [] : [scope] };
}
