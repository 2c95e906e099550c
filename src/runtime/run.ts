/**
 * `rescc run`: a model, files as inputs (PNG, JPEG, .npy, told apart by content), tensors or classes as outputs.
 */
import { imageFormat, inputMisfit, inputNames, labelsBroken, notClasses } from '../diagnostics/catalogue/runtime.ts';
import { fail } from '../diagnostics/diagnostic.ts';
import { Dim, parseDim } from '../ir/dim.ts';
import type { Graph } from '../ir/graph.ts';
import { type HostTensor, isFloat, type TensorType, typeText } from '../ir/types.ts';
import { decodeImage, type ImageOptions, imageFormatOf, imageInput, readBytes, takesImages } from './images.ts';
import { isNpy, parseNpy } from './npy.ts';
import { openSession, type Placement, type Port, type Provider, portText } from './session.ts';

/** What `runModel` runs, and on what. */
export interface RunOptions extends Omit<ImageOptions, 'name'> {
  /** Bytes of an ONNX model, or the path of one. */
  readonly model: Uint8Array | string;
  /** `image=cat.png`, `x=a.npy`; for a model with one input the path alone. A name given several times makes a batch, in this order. */
  readonly inputs: readonly string[];
  readonly ep?: Provider | undefined;
  readonly threads?: number | undefined;
  /** The graph of the model, when it was compiled just now: for promises (H a multiple of 32) and for errors that point at its source. */
  readonly graph?: Graph | undefined;
  readonly environment?: Readonly<Record<string, string>> | undefined;
  /** Most pictures per run of the model; more are run in turns and joined. Default 64. */
  readonly batch?: number | undefined;
  /** Called after each turn. */
  readonly progress?: ((done: number, total: number) => void) | undefined;
}

/** Outputs by name, and times in milliseconds. */
export interface RunResult {
  readonly outputs: ReadonlyMap<string, HostTensor>;
  /** The files of the input with the most, in order: the rows of a batch. */
  readonly files: readonly string[];
  readonly runMs: number;
  readonly createMs: number;
  readonly placement: Placement | undefined;
}

/** Splits `image=a.png` at its first `=`, unless what stands before it is no name of an input. */
function filesByInput(specs: readonly string[], ports: readonly Port[]): ReadonlyMap<string, readonly string[]> {
  const out = new Map<string, string[]>();
  const names = ports.map((port) => port.name);
  const refuse = (found: string, hint: string): never =>
    fail(inputNames, { with: { found, expected: ports.map((port) => `${port.name}: ${portText(port)}`).join('\n'), hint } });
  for (const spec of specs) {
    // Input names may hold `=`-free text only, so the longest name that fits is the one meant.
    const named = names.find((name) => spec.startsWith(`${name}=`));
    const only = names.length === 1 ? names[0] : undefined;
    const before = spec.includes('=') ? spec.slice(0, spec.indexOf('=')) : '';
    if (named === undefined && before !== '' && !before.includes('/') && !before.includes('\\') && !before.includes('.')) {
      refuse(`no input ${before}`, `--input ${names[0] ?? 'NAME'}=${spec.slice(before.length + 1)}`);
    }
    const name = named ?? only ?? refuse(`${spec}, for one of ${names.length} inputs`, `--input ${names[0] ?? 'NAME'}=${spec}`);
    const file = named === undefined ? spec : spec.slice(named.length + 1);
    out.set(name, [...(out.get(name) ?? []), file]);
  }
  const missing = names.filter((name) => !out.has(name));
  if (missing.length > 0) refuse(`nothing for ${missing.join(', ')}`, `--input ${missing[0]}=FILE`);
  return out;
}

/** The type of an input: the graph's where there is one, else what the file says, whose expressions become symbols of their own. */
function typeOfPort(port: Port, graph: Graph | undefined): TensorType {
  const input = graph?.inputs.find((value) => value.name === port.name);
  if (input) return input.type;
  const dims = port.dims.map((d, axis) => {
    if (typeof d === 'number') return Dim.of(d);
    return (d === '' ? undefined : parseDim(d)) ?? Dim.symbol(`${port.name}_${axis}`);
  });
  return { elem: port.elem, dims };
}

interface Source {
  readonly name: string;
  readonly type: TensorType;
  readonly files: readonly string[];
}

/** Makes the tensor of some of an input's files: one .npy file, or any number of pictures. */
async function load(source: Source, files: readonly string[], options: RunOptions): Promise<HostTensor> {
  const { name, type } = source;
  const parts: { readonly file: string; readonly bytes: Uint8Array }[] = [];
  for (const file of files) parts.push({ file, bytes: await readBytes(file) });
  const arrays = parts.filter((part) => isNpy(part.bytes));
  const [first] = parts;
  if (arrays.length === 0) {
    for (const { file, bytes } of parts) {
      if (!imageFormatOf(bytes) && !takesImages(type)) {
        const head = [...bytes.subarray(0, 8)].map((b) => b.toString(16).padStart(2, '0')).join(' ');
        fail(imageFormat, {
          with: { file, found: head === '' ? 'an empty file' : `first bytes ${head}`, hint: `--input ${name}=tensor.npy` },
        });
      }
    }
    const images = [];
    for (const { file, bytes } of parts) images.push(await decodeImage(bytes, file));
    return imageInput(images, type, { mean: options.mean, std: options.std, resize: options.resize, name });
  }
  if (!first || parts.length !== 1) {
    return fail(inputMisfit, {
      with: {
        name,
        found: `${parts.length} files`,
        expected: 'one .npy file, or pictures alone',
        hint: `--input ${name}=FILE, given once`,
      },
    });
  }
  return parseNpy(first.bytes, first.file);
}

/** Joins the outputs of several turns along their first axis. */
function joined(turns: readonly ReadonlyMap<string, HostTensor>[]): Map<string, HostTensor> {
  const [first] = turns;
  if (!first || turns.length === 1) return new Map(first ?? []);
  return new Map(
    [...first].map(([name, like]) => {
      const parts = turns.map((turn) => turn.get(name) ?? like);
      const data = new Float64Array(parts.reduce((n, part) => n + part.data.length, 0));
      let at = 0;
      for (const part of parts) {
        data.set(part.data, at);
        at += part.data.length;
      }
      const rows = parts.reduce((n, part) => n + (part.dims[0] ?? 1), 0);
      return [name, { elem: like.elem, dims: [rows, ...like.dims.slice(1)], data }];
    }),
  );
}

/**
 * Runs a model on files. Pictures of one input are a batch: in one run where the model leaves its batch open, in turns of the model's
 * own batch size where it does not. Throws `DiagnosticError`.
 */
export async function runModel(options: RunOptions): Promise<RunResult> {
  const session = await openSession(options.model, {
    ep: options.ep ?? 'cpu',
    optimization: 'all',
    threads: options.threads,
    graph: options.graph,
    environment: options.environment,
    // A GPU's user wants to know where the model ran.
    profile: (options.ep ?? 'cpu') !== 'cpu',
  });
  let placement: Placement | undefined;
  let runMs = 0;
  const turns: Map<string, HostTensor>[] = [];
  let files: readonly string[] = [];
  try {
    const given = filesByInput(options.inputs, session.inputs);
    const sources: Source[] = session.inputs.map((port) => ({
      name: port.name,
      type: typeOfPort(port, options.graph),
      files: given.get(port.name) ?? [],
    }));
    files = sources.reduce<readonly string[]>((most, source) => (source.files.length > most.length ? source.files : most), []);
    const total = files.length;
    const step = turnSize(sources, total, options);
    for (let from = 0; from < total; from += step) {
      const inputs = new Map<string, HostTensor>();
      for (const source of sources) {
        const part = source.files.length === total ? source.files.slice(from, from + step) : source.files;
        inputs.set(source.name, await load(source, part, options));
      }
      turns.push(await session.run(inputs));
      runMs += session.runMs;
      options.progress?.(Math.min(total, from + step), total);
    }
  } finally {
    placement = await session.close();
  }
  return { outputs: joined(turns), files, runMs, createMs: session.createMs, placement };
}

/** How many files one run of the model takes. Inputs with several files have equally many; the model's own batch must divide them. */
function turnSize(sources: readonly Source[], total: number, options: RunOptions): number {
  let fixed: number | undefined;
  for (const { name, type, files } of sources) {
    if (files.length !== total && files.length !== 1) {
      fail(inputMisfit, {
        with: {
          name,
          found: `${files.length} files`,
          expected: `${total}, as many as the other inputs have`,
          hint: `--input ${name}=FILE, given ${total} times`,
        },
      });
    }
    if (files.length <= 1) continue;
    const batch = type.dims.length >= 3 && takesImages(type) ? (type.dims.length === 3 ? 1 : type.dims[0]?.constant) : undefined;
    if (batch !== undefined) fixed = batch;
    if (batch !== undefined && total % batch !== 0) {
      fail(inputMisfit, {
        with: {
          name,
          found: `${total} pictures`,
          expected: `a multiple of ${batch}, for ${typeText(type)}`,
          hint: `--input ${name}=FILE, given ${batch} times`,
        },
      });
    }
  }
  return fixed ?? Math.max(1, options.batch ?? 64);
}

/** One class with its place in the ranking of a row. */
export interface Ranked {
  readonly index: number;
  readonly label: string | undefined;
  readonly score: number;
  /** Softmax of the scores; the score itself where the scores are probabilities already. */
  readonly probability: number;
}

/** [classes] or [N, classes, 1…] as rows. */
function rowsOf(scores: HostTensor, name: string): readonly Float64Array[] {
  const { dims } = scores;
  const rest = dims.slice(2);
  if (!isFloat(scores.elem) || dims.length === 0 || rest.some((d) => d !== 1)) {
    return fail(notClasses, { with: { name, found: `${scores.elem}[${dims.join(', ')}]`, hint: `-o ${name}.npy` } });
  }
  const classes = dims.length === 1 ? (dims[0] ?? 0) : (dims[1] ?? 0);
  const count = dims.length === 1 ? 1 : (dims[0] ?? 0);
  return Array.from({ length: count }, (_, n) => scores.data.subarray(n * classes, (n + 1) * classes));
}

/**
 * The k most probable classes of every row, most probable first; equal scores in the order of their indices. Throws `DiagnosticError`
 * (RES0829, RES0828).
 */
export function topK(scores: HostTensor, k: number, labels?: readonly string[], name = 'output'): readonly (readonly Ranked[])[] {
  const rows = rowsOf(scores, name);
  const classes = rows[0]?.length ?? 0;
  if (labels && classes > 0 && labels.length !== classes) {
    fail(labelsBroken, {
      with: {
        file: 'the list of labels',
        found: `${labels.length} names`,
        expected: `${classes}, one per class of ${name}`,
        hint: `--labels FILE with ${classes} lines`,
      },
    });
  }
  return rows.map((row) => {
    const probabilities = asProbabilities(row);
    const order = Array.from(row.keys()).sort((a, b) => {
      const difference = (probabilities[b] ?? 0) - (probabilities[a] ?? 0) || (row[b] ?? 0) - (row[a] ?? 0);
      return Number.isNaN(difference) ? a - b : difference || a - b;
    });
    return order.slice(0, Math.max(0, k)).map((index) => ({
      index,
      label: labels?.[index],
      score: row[index] ?? 0,
      probability: probabilities[index] ?? 0,
    }));
  });
}

/** Rows that lie in [0, 1] and sum to 1 went through a softmax already. */
function asProbabilities(row: Float64Array): Float64Array {
  let sum = 0;
  let largest = -Infinity;
  let inside = true;
  for (const x of row) {
    sum += x;
    largest = Math.max(largest, x);
    if (!(x >= 0 && x <= 1)) inside = false;
  }
  if (inside && Math.abs(sum - 1) < 1e-3) return row;
  const out = row.map((x) => Math.exp(x - largest));
  const total = out.reduce((a, b) => a + b, 0);
  return out.map((x) => x / total);
}

/** Reads class names. Throws `DiagnosticError` (RES0820, RES0828). */
export async function readLabels(file: string): Promise<readonly string[]> {
  return parseLabels(new TextDecoder().decode(await readBytes(file)), file);
}

/** One name per line, a JSON array of names, or a JSON object from index to name. */
export function parseLabels(text: string, file: string): readonly string[] {
  const broken = (found: string, expected: string, hint = '--labels FILE with one name per line'): never =>
    fail(labelsBroken, { with: { file, found, expected, hint } });
  const trimmed = text.replace(/^\uFEFF/, '').trim();
  if (trimmed === '') return broken('an empty file', 'names of classes');
  if (!/^[[{]/.test(trimmed)) return trimmed.split(/\r\n|\n|\r/).map((line) => line.trim());
  let parsed: unknown;
  try {
    parsed = JSON.parse(trimmed);
  } catch (error) {
    return broken(error instanceof Error ? error.message : String(error), 'JSON');
  }
  if (typeof parsed !== 'object' || parsed === null) return broken(typeof parsed, 'a JSON array or object');
  const entries: readonly (readonly [string, unknown])[] = Object.entries(parsed);
  const names: string[] = [];
  for (const [key, value] of entries) {
    // ImageNet's usual file maps "0" to ["n01440764", "tench"].
    const name: unknown = Array.isArray(value) ? value[value.length - 1] : value;
    const index = Number(key);
    if (typeof name !== 'string' || !Number.isInteger(index) || index < 0 || index >= entries.length)
      return broken(
        `${key}: ${JSON.stringify(value)}`,
        `names for the indices 0 to ${entries.length - 1}`,
        'write ["cat", "dog"], in the order of the classes',
      );
    names[index] = name;
  }
  return names;
}

/** One block per picture: its name, then a line per class, such as ` 98.12 %  cat`. */
export function topText(rows: readonly (readonly Ranked[])[], names: readonly string[] = []): string {
  const blocks = rows.map((row, n) => {
    const lines = row.map(
      ({ index, label, probability }) => `${(probability * 100).toFixed(2).padStart(6)} %  ${label ?? `class ${index}`}`,
    );
    const name = names[n] ?? (rows.length > 1 ? `#${n}` : undefined);
    return [...(name === undefined ? [] : [name]), ...lines].join('\n');
  });
  return blocks.join('\n\n');
}
