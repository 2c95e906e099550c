/**
 * Tensors, ports and sessions of onnxruntime wherever it runs: elements as it holds them, inputs checked in the user's words, and
 * its errors as diagnostics that point at the source.
 */
import * as catalogue from '../diagnostics/catalogue/runtime.ts';
import { DiagnosticError, type DiagnosticKind, fail, makeDiagnostic, type Report } from '../diagnostics/diagnostic.ts';
import type { Graph, Origin } from '../ir/graph.ts';
import { type ElemType, elementCount, type HostTensor } from '../ir/types.ts';
import type { OnnxModel } from '../onnx/model.ts';
import { type Engine, EngineCrash, type HeldTensor, type OrtPort, type OrtTensor, type Provider } from './engine.ts';
import { elemOfType, readOrt, toOrt } from './exchange.ts';
import { misfitHint } from './inputs.ts';
import { KeptOutput } from './kept.ts';

/** What an error of onnxruntime is about. */
export interface Blamed {
  readonly ep: Provider;
  /** The graph that the model was written from, so that errors point at its source. */
  readonly graph?: Graph | undefined;
  /** The model as it was written, whose nodes carry the exact names; `graph` is not needed then. */
  readonly onnx?: OnnxModel | undefined;
}

/** Which outputs `runKeeping` leaves as they are; none when left out. */
export interface Keeping {
  readonly keeps?: ((output: string) => boolean) | undefined;
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

/** What ran as one node, with the time that all its runs took, and that of each, in order. */
export interface Kernel {
  readonly name: string;
  readonly op: string;
  readonly ms: number;
  readonly each: readonly number[];
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

/** A session of onnxruntime, which can leave outputs as it has them. */
export interface KeepingSession extends Session {
  /** The same, where the outputs that opening was told to keep stay as they are, and may be inputs. */
  runKeeping(inputs: ReadonlyMap<string, HostTensor | KeptOutput>): Promise<Map<string, HostTensor | KeptOutput>>;
}

const portOf = ({ name, type, shape }: OrtPort): Port => ({ name, elem: elemOfType(name, type), dims: shape });

function need<T>(map: ReadonlyMap<string, T>, name: string): T {
  const value = map.get(name);
  if (value === undefined) throw new Error(`no tensor ${name}`);
  return value;
}

/** Names, element types and shapes, so that a wrong one is reported in the user's words and not in onnxruntime's. */
function checkInputs(ports: readonly Port[], given: ReadonlyMap<string, HostTensor | KeptOutput>): void {
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
    if (!(tensor instanceof KeptOutput) && elementCount(tensor.dims) !== tensor.data.length)
      misfit(`${elementCount(tensor.dims)} elements, not ${tensor.data.length}`);
  }
}

export function portText(port: Port): string {
  return `${port.elem}[${port.dims.map((d) => (d === '' ? '?' : d)).join(', ')}]`;
}

/** The session of an engine. `remove` takes away what it left, `placement` says where its nodes ran. */
export function sessionOf(
  engine: Engine,
  options: Blamed & Keeping,
  after: { readonly remove: () => Promise<void>; readonly placement: () => Promise<Placement | undefined> },
): KeepingSession {
  const inputs = engine.inputs.map(portOf);
  const outputs = engine.outputs.map(portOf);
  let runMs = 0;
  let closed: Promise<Placement | undefined> | undefined;
  const close = async (): Promise<Placement | undefined> => {
    try {
      await engine.close();
      return await after.placement();
    } catch (error) {
      throw runFailure(error, options, engine.stderr);
    } finally {
      await after.remove();
    }
  };
  const keeps = options.keeps ?? (() => false);
  async function exchange<Out>(
    given: ReadonlyMap<string, HostTensor | KeptOutput>,
    taken: (name: string, tensor: OrtTensor | HeldTensor) => Out | Promise<Out>,
  ): Promise<Map<string, Out>> {
    checkInputs(inputs, given);
    const feeds: Record<string, OrtTensor | HeldTensor> = {};
    for (const { name } of inputs) {
      const tensor = need(given, name);
      feeds[name] = tensor instanceof KeptOutput ? await tensor.for(engine, name) : toOrt(name, tensor);
    }
    try {
      const result = await engine.run(feeds);
      runMs = result.ms;
      const results = new Map(Object.entries(result.outputs));
      const out = new Map<string, Out>();
      for (const { name } of outputs) out.set(name, await taken(name, need(results, name)));
      return out;
    } catch (error) {
      throw runFailure(error, options, engine.stderr);
    }
  }
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
    run: (given) => exchange(given, readOrt),
    runKeeping: (given) =>
      exchange<HostTensor | KeptOutput>(given, (name, tensor) =>
        keeps(name) ? new KeptOutput(name, tensor) : readOrt(name, tensor),
      ),
    close: () => {
      closed ??= close();
      return closed;
    },
  };
}

/** RES0804, with what onnxruntime says of the model. */
export function sessionRefused(error: unknown, options: Blamed): DiagnosticError {
  const text = error instanceof Error ? error.message : String(error);
  return diagnosed(catalogue.modelRefused, {
    ...placed(text, options),
    with: { ep: options.ep, found: cleaned(text), hint: refusalHint(text, options) },
  });
}

/** The type of floats that a model reads, where it is not f32, for which every kernel is written. */
function unusualFloat({ graph, onnx }: Blamed): ElemType | undefined {
  const elems = graph?.inputs.map(({ type }) => type.elem) ?? onnx?.graph.inputs.map(({ type }) => type?.elem) ?? [];
  return elems.find((elem) => elem === 'f16' || elem === 'bf16' || elem === 'f64');
}

function refusalHint(text: string, options: Blamed): string {
  const missing = /could not find an implementation(?: for \w+\((\d+)\))?/i.exec(text);
  const elem = missing ? unusualFloat(options) : undefined;
  // Another opset gives no kernel for a type, and one may be below 17 already.
  if (elem !== undefined) return `a model of f32, or a provider that has kernels of ${elem}: rescc doctor lists what is here`;
  if (missing && Number(missing[1] ?? 18) <= 17) return 'another provider: rescc doctor lists what is here';
  if (missing || /NOT_IMPLEMENTED|opset|IR version/i.test(text)) return '--opset 17';
  if (/protobuf|parsing/i.test(text)) return 'write it again: rescc compile model.res -o model.onnx';
  return '-O0';
}

function runFailure(error: unknown, options: Blamed, stderr: string): Error {
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

export function crash(error: EngineCrash, options: Blamed, stderr: string): DiagnosticError {
  const last = stderr.trim().split('\n').slice(-3).join('\n');
  const found = last === '' ? `it ${error.message}` : `it ${error.message}; its last words:\n${last}`;
  return diagnosed(catalogue.providerCrashed, { with: { ep: options.ep, found, hint: '--ep cpu' } });
}

export function diagnosed<Holes extends string>(kind: DiagnosticKind<Holes>, report: Report<Holes>): DiagnosticError {
  return new DiagnosticError([makeDiagnostic(kind, report)]);
}

/** Without paths of onnxruntime's build, status codes and control characters. */
export function cleaned(text: string): string {
  return (
    text
      .replace(/\[ONNXRuntimeError\] : \d+ : \w+ : /g, '')
      // onnxruntime-web says before it which call failed.
      .replace(/^.*?ERROR_CODE: \d+, ERROR_MESSAGE: /s, '')
      .replace(/\/onnxruntime_src\/\S+:\d+ /g, '')
      .replace(/^.*was false\. /s, '')
      .replace(/\s+/g, ' ')
      .trim()
  );
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

function originsOf(options: Blamed): ReadonlyMap<string, Origin> {
  const out = new Map<string, Origin>();
  for (const node of options.onnx?.graph.nodes ?? []) if (node.origin) out.set(node.name, node.origin);
  if (out.size > 0) return out;
  for (const node of options.graph?.nodes() ?? []) if (!out.has(node.origin.scope)) out.set(node.origin.scope, node.origin);
  return out;
}

export function placed(text: string, options: Blamed): Pick<Report<never>, 'span' | 'label' | 'within'> {
  const found = originOfMessage(text, originsOf(options));
  if (!found) return {};
  const { span, scope } = found.origin;
  return { span, label: `became node ${found.name}`, within: scope === '' ? [] : [scope] };
}
