/**
 * `rescc run`: a model, files as inputs (PNG, JPEG, .npy, told apart by content) or folders of them, tensors or classes as
 * outputs.
 */
import { readFileSync } from 'node:fs';
import { checkArgument, hostTensor, listOf, modelFileKind, record, text, whole } from '../diagnostics/arguments.ts';
import { outside } from '../diagnostics/at.ts';
import { badOption } from '../diagnostics/catalogue/cli.ts';
import {
  imageSize,
  inputMisfit,
  labelsBroken,
  modelRefused,
  notClasses,
  pictureClipped,
} from '../diagnostics/catalogue/runtime.ts';
import { bug, type Diagnostic, DiagnosticError, fail, makeDiagnostic } from '../diagnostics/diagnostic.ts';
import { nearest } from '../diagnostics/suggest.ts';
import { type AskedShapes, askedSizes } from '../ir/asked-sizes.ts';
import type { Graph } from '../ir/graph.ts';
import { channelAxis, rangeText, type ValueRange } from '../ir/ranges.ts';
import { type HostTensor, isFloat, typeText } from '../ir/types.ts';
import { readOnnxFile } from '../onnx/read.ts';
import { isFolder, picturesIn } from './folder.ts';
import { clippedBy, likelyRange, pngFiles, type Seen, takesImages, usualRange } from './images.ts';
import {
  askedRange,
  declarationsOfFile,
  filesByInput,
  isLiteral,
  loadInput,
  nothingDeclared,
  nothingNoticed,
  type PictureOptions,
  signaturesOf,
  signaturesOfPorts,
  withBytes,
} from './load.ts';
import { pictureSize } from './picture-files.ts';
import { type Signature, withSizes } from './promises.ts';
import { readBytes } from './read-file.ts';
import { joinedSamples } from './samples.ts';
import { openSession, type Placement, type Provider, portText } from './session.ts';

/** What `runModel` runs, and on what. */
export interface RunOptions extends PictureOptions {
  /** Bytes of an ONNX model, or the path of one. */
  readonly model: Uint8Array | string;
  /**
   * `image=cat.png`, `x=a.npy`, `ids=464,2068`; for a model with one input the path alone. A name given several times makes a
   * batch, in this order, and a folder is a batch of its pictures.
   */
  readonly inputs: readonly string[];
  readonly ep?: Provider | undefined;
  /** As `OpenOptions` says. */
  readonly tf32?: boolean | undefined;
  readonly threads?: number | undefined;
  /**
   * The graph of the model, when it was compiled just now: for promises (H a multiple of 32), ranges, and errors that point at
   * its source. Without it the metadata of the file has promises and ranges.
   */
  readonly graph?: Graph | undefined;
  /** Sizes that the inputs must have: `{ image: [1, 3, 256, 256] }`, `{ N: 1 }`. */
  readonly shapes?: AskedShapes | undefined;
  readonly environment?: Readonly<Record<string, string>> | undefined;
  /** Most pictures per run of the model; more are run in turns and joined. Default 64, and fewer where they are large. */
  readonly batch?: number | undefined;
  /** Called after each turn. */
  readonly progress?: ((done: number, total: number, what?: string) => void) | undefined;
  /** Given each turn before the next is run, so that a batch of any length can be written as it goes. */
  readonly each?: ((turn: Turn) => Promise<void> | void) | undefined;
  /** Which outputs are kept and joined over the turns; all of them where it is left out. */
  readonly keep?: ((output: string) => boolean) | undefined;
  /** Runs the first turn so many times more, and measures it. */
  readonly repeat?: number | undefined;
}

/** One run of the model within a batch. */
export interface Turn {
  readonly outputs: ReadonlyMap<string, HostTensor>;
  /** As `RunResult` has them. */
  readonly ranges: ReadonlyMap<string, DeclaredRange>;
  /** The files of this turn, and where they stand among all. */
  readonly files: readonly string[];
  readonly from: number;
  readonly total: number;
  /** The files of all turns. */
  readonly all: readonly string[];
  /** The pictures that were read for it, by input. */
  readonly pictures: ReadonlyMap<string, readonly Seen[]>;
}

/** A range and whose declaration it is: `output y`, `input image`. */
export interface DeclaredRange {
  readonly range: ValueRange;
  readonly by: string;
}

/** Outputs by name, and times in milliseconds. */
export interface RunResult {
  readonly outputs: ReadonlyMap<string, HostTensor>;
  /** The files of the input with the most, in order: the rows of a batch. */
  readonly files: readonly string[];
  /** What was done to the files: pictures that were turned as their Exif says. */
  readonly notes: readonly string[];
  /** Warnings: numbers outside of what an input declares (RES0838). */
  readonly warnings: readonly Diagnostic[];
  /** What the numbers of an output lie in, where it is declared, of itself or of an input that it is like. */
  readonly ranges: ReadonlyMap<string, DeclaredRange>;
  readonly runMs: number;
  readonly createMs: number;
  /** Milliseconds of each run that `repeat` asked for. */
  readonly times: readonly number[];
  readonly placement: Placement | undefined;
}

interface Source extends Signature {
  readonly files: readonly string[];
}

/** Joins the outputs of several turns along their first axis. */
function joined(turns: readonly Turn[], keep: (output: string) => boolean, input: string): Map<string, HostTensor> {
  const [first] = turns;
  if (!first) return new Map();
  const kept = [...first.outputs].filter(([name]) => keep(name));
  if (turns.length === 1) return new Map(kept);
  return new Map(
    kept.map(([name, like]) => {
      const parts = turns.map((turn) => turn.outputs.get(name) ?? like);
      const other = parts.findIndex((part) => part.dims.slice(1).join() !== like.dims.slice(1).join());
      if (other > 0) {
        fail(imageSize, {
          with: {
            file: turns[other]?.files[0] ?? name,
            name: input,
            found: `${name}: [${parts[other]?.dims.join(', ')}]`,
            expected: `[${like.dims.join(', ')}], as ${first.files[0]} gives`,
            hint: '--resize',
          },
        });
      }
      return [name, joinedSamples(parts) ?? like];
    }),
  );
}

/** Elements of an input beyond which a turn has fewer pictures than it might: 64 of ImageNet's size, one of a camera's. */
const turnElements = 2 ** 24;

/** How many of the files from here on go into one run: as many as the model takes, and of one size where that is open. */
function turnEnd(sources: readonly Source[], from: number, total: number, most: number, asked: boolean): number {
  let end = Math.min(total, from + most);
  for (const { type, range, files } of sources) {
    if (files.length !== total || total === 1 || type.dims.length < 3 || !takesImages(type, range)) continue;
    const open = type.dims.slice(-3).some((dim) => dim.constant === undefined);
    let size = open ? sizeOf(files[from]) : undefined;
    const one = type.dims.slice(-3).reduce((n, dim) => n * (dim.constant ?? 1), 1) * (size ? size[0] * size[1] : 1);
    if (!asked) end = Math.min(end, from + Math.max(1, Math.floor(turnElements / one)));
    if (!open) continue;
    for (let i = from + 1; i < end; i++) {
      const next = sizeOf(files[i]);
      if (next?.join() === size?.join()) continue;
      end = i;
      size = undefined;
    }
  }
  return end;
}

/** Width and height; what cannot be read is told of where it is decoded. */
function sizeOf(file: string | undefined): readonly [number, number] | undefined {
  try {
    return file === undefined ? undefined : pictureSize(readFileSync(file));
  } catch {
    return undefined;
  }
}

/** Where onnxruntime refuses what is no whole ONNX file, our reader says what is wrong with it. */
async function openedModel(model: RunOptions['model'], how: Parameters<typeof openSession>[1]): ReturnType<typeof openSession> {
  try {
    return await openSession(model, how);
  } catch (error) {
    if (!(error instanceof DiagnosticError) || error.diagnostics[0]?.code !== modelRefused.code || how.graph) throw error;
    await withBytes(model, readOnnxFile);
    throw error;
  }
}

/**
 * Runs a model on files. Pictures of one input are a batch: in one run where the model leaves its batch open, in turns of the
 * model's own batch size where it does not. Throws `DiagnosticError`.
 */
export async function runModel(options: RunOptions): Promise<RunResult> {
  checkArgument('runModel', 'options', options, { ...record, example: "{ model, inputs: ['image=cat.png'] }" });
  checkArgument('runModel', 'model', options.model, modelFileKind);
  checkArgument('runModel', 'inputs', options.inputs, { ...listOf(text), example: "['image=cat.png']" });
  options.progress?.(0, 1, 'opening the model');
  const session = await openedModel(options.model, {
    ep: options.ep ?? 'cpu',
    tf32: options.tf32,
    optimization: 'all',
    threads: options.threads,
    graph: options.graph,
    environment: options.environment,
    // A GPU's user wants to know where the model ran.
    profile: (options.ep ?? 'cpu') !== 'cpu',
  });
  let placement: Placement | undefined;
  let runMs = 0;
  const turns: Turn[] = [];
  const times: number[] = [];
  let files: readonly string[] = [];
  const noticed = nothingNoticed();
  const ranges = new Map<string, DeclaredRange>();
  const keep = options.keep ?? (() => true);
  let declared = nothingDeclared();
  let batched = '';
  try {
    // Behind onnxruntime, which says better what is wrong with a file.
    if (!options.graph) declared = await declarationsOfFile(options.model);
    const given = filesByInput(
      options.inputs,
      session.inputs.map((port) => ({ name: port.name, text: portText(port) })),
    );
    const graph = options.graph && new Map(signaturesOf(options.graph).map((one) => [one.name, one]));
    const plain = signaturesOfPorts(session.inputs, declared).map((one) => graph?.get(one.name) ?? one);
    const asked = Object.keys(options.shapes ?? {}).length > 0;
    const signatures = asked ? withSizes(plain, askedSizes(plain, options.shapes ?? {})) : plain;
    const sources: Source[] = signatures.map((one) => ({
      ...one,
      range: askedRange(options, one.name, one.range),
      files: withFolders(given.get(one.name) ?? [], noticed.notes),
    }));
    checkRangeNames(
      options,
      [...session.inputs, ...session.outputs].map(({ name }) => name),
    );
    files = sources.reduce<readonly string[]>((most, source) => (source.files.length > most.length ? source.files : most), []);
    batched = sources.find((source) => source.files === files)?.name ?? '';
    const total = files.length;
    const { fixed, most } = turnSize(sources, total, options);
    for (let from = 0; from < total; ) {
      options.progress?.(from, total);
      const end = fixed ? Math.min(total, from + most) : turnEnd(sources, from, total, most, options.batch !== undefined);
      const tensors = new Map<string, HostTensor>();
      noticed.seen.clear();
      for (const source of sources) {
        const part = source.files.length === total ? source.files.slice(from, end) : source.files;
        tensors.set(source.name, await loadInput(source, part, options, noticed, asked));
      }
      const outputs = await session.run(tensors);
      runMs += session.runMs;
      for (let i = 0; from === 0 && i < (options.repeat ?? 0); i++) {
        options.progress?.(i, options.repeat ?? 0, 'timing');
        await session.run(tensors);
        times.push(session.runMs);
      }
      const declaredOutputs = options.graph?.outputRanges ?? declared.outputs;
      for (const [name, tensor] of outputs) {
        const range = rangeOfOutput(name, tensor, options, declaredOutputs, plain);
        if (range) ranges.set(name, range);
      }
      const turn: Turn = {
        outputs,
        ranges,
        files: files.slice(from, end),
        from,
        total,
        all: files,
        pictures: new Map(noticed.seen),
      };
      await options.each?.(turn);
      // What is not kept is forgotten, so that a batch may have any length.
      const kept = new Map([...outputs].filter(([name]) => keep(name)));
      turns.push({ ...turn, outputs: kept, pictures: new Map() });
      from = end;
      options.progress?.(end, total);
    }
  } finally {
    placement = await session.close();
  }
  const { notes, warnings } = noticed;
  return {
    outputs: joined(turns, keep, batched),
    files,
    notes,
    warnings,
    ranges,
    runMs,
    createMs: session.createMs,
    times,
    placement,
  };
}

/** Files as they are, and folders as the pictures in them. */
function withFolders(specs: readonly string[], notes: string[]): readonly string[] {
  return specs.flatMap((spec) => {
    if (isLiteral(spec) || !isFolder(spec)) return [spec];
    const { files, others } = picturesIn(spec);
    if (others > 0)
      notes.push(`${spec} has ${others === 1 ? '1 file that is no picture' : `${others} files that are no pictures`}`);
    return files;
  });
}

/** Throws `DiagnosticError` (RES0702) for a range of what the model has not. */
function checkRangeNames({ ranges = {} }: PictureOptions, names: readonly string[]): void {
  for (const name of Object.keys(ranges)) {
    if (names.includes(name)) continue;
    const near = nearest(name, names) ?? names[0] ?? 'NAME';
    fail(badOption, {
      with: {
        option: '--range',
        found: name,
        expected: `one of ${names.join(', ')}, or no name`,
        hint: `--range ${near}=0..255`,
      },
    });
  }
}

/** Its own declared range, or that of the inputs that take pictures with as many channels, where they agree. */
function rangeOfOutput(
  name: string,
  { dims }: HostTensor,
  options: PictureOptions,
  declared: ReadonlyMap<string, ValueRange>,
  inputs: readonly Signature[],
): DeclaredRange | undefined {
  const asked = askedRange(options, name, undefined);
  if (asked) return { range: asked, by: '--range' };
  const own = declared.get(name);
  if (own) return { range: own, by: `output ${name}` };
  let found: DeclaredRange | undefined;
  for (const input of inputs) {
    const { type } = input;
    const range = askedRange(options, input.name, input.range);
    if (!range || type.dims.length !== dims.length || !takesImages(type, range)) continue;
    const axis = channelAxis(type);
    if (type.dims[axis]?.constant !== dims[axis]) continue;
    if (found && (found.range.low !== range.low || found.range.high !== range.high)) return undefined;
    const by = range === input.range ? `input ${input.name}` : `--range ${input.name}`;
    found ??= { range: { low: range.low, high: range.high }, by };
  }
  return found;
}

/** The PNG files of an output, what its black and white are, and a warning where much lies outside of that (RES0839). */
export async function outputPictures(
  result: Pick<RunResult, 'outputs' | 'ranges'>,
  name: string,
): Promise<{ readonly files: readonly Uint8Array[]; readonly text: string; readonly warning: Diagnostic | undefined }> {
  const tensor = result.outputs.get(name) ?? bug(`no output ${name}`);
  const declared = result.ranges.get(name);
  const range = declared?.range ?? usualRange(tensor.elem);
  const files = await pngFiles(tensor, name, range);
  const clipped = clippedBy(tensor, range);
  const ends = rangeText({ low: range.low, high: range.high });
  const by = !declared
    ? 'as nothing else is declared'
    : `as ${declared.by} ${declared.by.startsWith('--') ? 'says' : 'declares'}`;
  const shown = (x: number): string => (Number.isInteger(x) ? String(x) : x.toPrecision(4));
  const warning =
    clipped?.much &&
    makeDiagnostic(pictureClipped, {
      with: {
        name,
        found: `numbers from ${shown(clipped.low)} to ${shown(clipped.high)}`,
        expected: `${ends}, ${by}`,
        hint: `--range ${name}=${rangeText(likelyRange(clipped))}, or -o ${name}.npy`,
      },
    });
  // Never cut off without a word, be it little.
  const cut = clipped
    ? `; ${shareText(clipped.share)} % of the numbers lie outside, ${shown(clipped.low)} to ${shown(clipped.high)}`
    : '';
  return {
    files,
    text: `black is ${shown(range.low)} and white ${shown(range.high)}, ${by}${cut}`,
    warning: warning || undefined,
  };
}

/** A share in percent with two digits that say something: 0.031, 12. */
export function shareText(share: number): string {
  const percent = share * 100;
  return percent >= 9.95 || percent === 0 ? percent.toFixed(0) : percent.toPrecision(2);
}

/**
 * How many files one run of the model takes. Inputs with several files have equally many; the model's own batch must divide them.
 */
function turnSize(
  sources: readonly Source[],
  total: number,
  options: RunOptions,
): { readonly fixed: boolean; readonly most: number } {
  let fixed: number | undefined;
  for (const { name, type, range, files } of sources) {
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
    const batch =
      type.dims.length >= 3 && takesImages(type, range) ? (type.dims.length === 3 ? 1 : type.dims[0]?.constant) : undefined;
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
  return { fixed: fixed !== undefined, most: fixed ?? Math.max(1, options.batch ?? 64) };
}

/** One class with its place in the ranking of a row. */
export interface Ranked {
  readonly index: number;
  readonly label: string | undefined;
  readonly score: number;
  /** Softmax of the scores; the score itself where the scores are probabilities already. */
  readonly probability: number;
}

/** [classes], [N, classes, 1…] or [N, T, classes] as rows. */
function rowsOf(scores: HostTensor, name: string): readonly Float64Array[] {
  const { dims } = scores;
  const last = dims.length === 3 && dims[2] !== 1;
  if (!isFloat(scores.elem) || dims.length === 0 || (!last && dims.slice(2).some((d) => d !== 1))) {
    return fail(notClasses, { with: { name, found: `${scores.elem}[${dims.join(', ')}]`, hint: `-o ${name}.npy` } });
  }
  const classes = (dims.length === 1 ? dims[0] : last ? dims[2] : dims[1]) ?? 0;
  const count = dims.length === 1 ? 1 : (dims[0] ?? 0) * (last ? (dims[1] ?? 0) : 1);
  return Array.from({ length: count }, (_, n) => scores.data.subarray(n * classes, (n + 1) * classes));
}

/**
 * The k most probable classes of every row, most probable first; equal scores in the order of their indices. Throws
 * `DiagnosticError` (RES0829, RES0828).
 */
export function topK(scores: HostTensor, k: number, labels?: readonly string[], name = 'output'): readonly (readonly Ranked[])[] {
  checkArgument('topK', 'scores', scores, hostTensor);
  checkArgument('topK', 'k', k, whole(0));
  if (labels !== undefined) checkArgument('topK', 'labels', labels, listOf(text));
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
      const difference =
        (probabilities[b] ?? outside()) - (probabilities[a] ?? outside()) || (row[b] ?? outside()) - (row[a] ?? outside());
      return Number.isNaN(difference) ? a - b : difference || a - b;
    });
    return order.slice(0, Math.max(0, k)).map((index) => ({
      index,
      label: labels?.[index],
      score: row[index] ?? outside(),
      probability: probabilities[index] ?? outside(),
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

/** Reads class names. Throws `DiagnosticError` (RES0701, RES0828). */
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
