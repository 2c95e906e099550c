/**
 * Whether what was cut out of a model, renamed, or given other sizes or classes gives the numbers of the original: both run in
 * onnxruntime on the CPU, without its optimiser, on the same random inputs.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeModel } from '../codegen/node/write-file.ts';
import {
  callback,
  checkArgument,
  checkOptions,
  listOf,
  onnxFileKind,
  shaped,
  whole as wholeNumber,
} from '../diagnostics/arguments.ts';
import { changedNumbers } from '../diagnostics/catalogue/cli.ts';
import { runtimeMissing } from '../diagnostics/catalogue/runtime.ts';
import { DiagnosticError, fail } from '../diagnostics/diagnostic.ts';
import type { OnProgress } from '../diagnostics/progress.ts';
import { type Extracted, withOutputs } from '../edit/extract.ts';
import type { NewHead } from '../edit/head.ts';
import type { Renamed } from '../edit/rename.ts';
import type { Resized } from '../edit/sizes.ts';
import { graphOfFile } from '../edit/values.ts';
import { lcm } from '../ir/dim.ts';
import { floatFacts } from '../ir/elem.ts';
import type { Graph } from '../ir/graph.ts';
import { type HostTensor, isFloat } from '../ir/types.ts';
import type { OnnxFile, OnnxModel } from '../onnx/model.ts';
import { modelSize, onnxBytes } from '../onnx/write.ts';
import { gather } from '../ops/gather.ts';
import { evaluateExactly } from '../ops/wide.ts';
import { materialize } from '../tensor/values.ts';
import { compareOutputs, errorText, type OutputError } from './compare.ts';
import type { Inputs } from './equivalence-report.ts';
import { type Bindings, bindingsText, randomInputs } from './inputs.ts';
import { askedFor } from './measure.ts';
import { referenceSession } from './reference-session.ts';
import { joinedSamples, samplesOf } from './samples.ts';
import { openSession, type Session } from './session.ts';
import { Steps } from './steps.ts';
import { attempts, startingSizes } from './trials.ts';

/**
 * What was compared. Every proof throws RES0712 where numbers differ, and what the runtime says where the original does not run.
 */
export interface SurgeryProof {
  /** `N = 1`, by run; empty where every size is a number. */
  readonly sizes: readonly string[];
  /** Values that were compared, and the largest error of any of them. */
  readonly values: number;
  readonly worst: OutputError | undefined;
  /** The float64 reference where onnxruntime-node is not installed. */
  readonly by: ProvenBy;
}

/** How a model is held against the one that it was made of. */
export interface ProofOptions {
  /** Of the random inputs. Default 0. */
  readonly seed?: number | undefined;
  /** Sees each step of the proof before it is taken. */
  readonly onProgress?: OnProgress | undefined;
}

const proofKinds = { seed: wholeNumber(0), onProgress: callback };

/** What ran the models. */
export type ProvenBy = 'onnxruntime' | 'reference';

interface Opened {
  readonly session: Session;
  readonly by: ProvenBy;
  close(): Promise<void>;
}

/** Models up to this size are handed over in memory. */
const heldBytes = 2 ** 28;

/** A session of a model that is no file yet. */
async function openedHere(model: OnnxModel, file: string): Promise<{ readonly session: Session; close(): Promise<void> }> {
  const options = { ep: 'cpu', optimization: 'off', onnx: model } as const;
  if (modelSize(model) <= heldBytes) {
    const session = await openSession(await onnxBytes(model), options);
    return { session, close: async () => void (await session.close()) };
  }
  const folder = await mkdtemp(join(tmpdir(), 'rescc-surgery-'));
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    const path = join(folder, `${file}.onnx`);
    await writeModel(model, path);
    const session = await openSession(path, options);
    const close = async (): Promise<void> => {
      await session.close();
      await remove();
    };
    return { session, close };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** Where there is no onnxruntime, the float64 reference computes the model. */
async function opened(model: OnnxFile, file: string, onNode: (done: number, total: number) => void): Promise<Opened> {
  try {
    return { ...(await openedHere(model, file)), by: 'onnxruntime' };
  } catch (error) {
    if (!(error instanceof DiagnosticError) || error.diagnostics[0]?.code !== runtimeMissing.code) throw error;
    const session = await referenceSession(model, error, onNode);
    return { session, by: 'reference', close: async () => void (await session.close()) };
  }
}

/** Steps of a proof for who looks on: both are opened, and most run at two sizes. */
const usualSteps = 6;

/** Both opened, on the CPU and without onnxruntime's optimiser; or both in the float64 reference, where it is not installed. */
export async function withModels<T>(
  a: OnnxFile,
  b: OnnxFile,
  onProgress: OnProgress | undefined,
  use: (a: Session, b: Session, by: ProvenBy) => Promise<T>,
): Promise<T> {
  const steps = new Steps(usualSteps, onProgress && ((what, done, total) => onProgress(what, done, total, '')));
  const told = (session: Session, name: string): Session => ({
    inputs: session.inputs,
    outputs: session.outputs,
    createMs: session.createMs,
    adapter: session.adapter,
    close: () => session.close(),
    get runMs() {
      return session.runMs;
    },
    run: (inputs) => {
      steps.begin(`running ${name}`);
      return session.run(inputs);
    },
  });
  steps.begin('opening the first');
  const before = await opened(a, 'before', steps.within);
  try {
    steps.begin('opening the second');
    const after = await opened(b, 'after', steps.within);
    try {
      return await use(told(before.session, 'the first'), told(after.session, 'the second'), before.by);
    } finally {
      await after.close();
    }
  } finally {
    await before.close();
  }
}

interface Run {
  readonly bindings: Bindings;
  readonly inputs: Inputs;
  readonly outputs: Inputs;
}

/** The original on random inputs, at the smallest sizes and the next; at others where it takes neither. */
async function runsOf(session: Session, graph: Graph, seed: number): Promise<readonly Run[]> {
  let refusal: DiagnosticError | undefined;
  const at = async (bindings: Bindings, other: number): Promise<Run | undefined> => {
    try {
      const inputs = randomInputs(graph, bindings, seed + other);
      return { bindings, inputs, outputs: await session.run(askedFor(session, inputs)) };
    } catch (error) {
      if (!(error instanceof DiagnosticError)) throw error;
      refusal ??= error;
      return undefined;
    }
  };
  const [first, second] = startingSizes(graph);
  const runs = [await at(first, 0), await at(second ?? first, second ? 0 : 1)];
  for (const { bindings, other } of attempts(graph, first)) {
    if (runs.some((run) => run !== undefined)) break;
    runs.push(await at(bindings, other ?? 0));
  }
  const found = runs.filter((run) => run !== undefined);
  if (found.length === 0 && refusal) throw refusal;
  return found;
}

class Comparing {
  readonly #what: string;
  readonly #sizes = new Set<string>();
  readonly #names = new Set<string>();
  #worst: OutputError | undefined;

  constructor(what: string) {
    this.#what = what;
  }

  at(bindings: Bindings): void {
    const text = bindingsText(bindings);
    if (text !== '') this.#sizes.add(text);
  }

  /** Kernels may add up in another order, so that the last digits of floats are not looked at. */
  compare(name: string, made: HostTensor | undefined, expected: HostTensor | undefined, sizes: Bindings): void {
    this.#names.add(name);
    if (!expected) return;
    const floor = isFloat(expected.elem) ? floatFacts(expected.elem).tolerance.floor : 0;
    const typeOf = ({ elem, dims }: HostTensor): string => `${elem}[${dims.join(', ')}]`;
    const error = made && compareOutputs(name, made, expected, floor);
    if (!error?.ok) {
      const at = bindingsText(sizes);
      const found = !made
        ? `nothing for ${name}`
        : typeOf(made) !== typeOf(expected)
          ? `${name}: ${typeOf(made)}, and ${typeOf(expected)} of the original`
          : `${name}: off by ${error ? errorText(error) : ''}`;
      fail(changedNumbers, {
        with: {
          what: this.#what,
          found: `${found}${at === '' ? '' : `, at ${at}`}`,
          expected: 'the same numbers on the same random inputs',
          hint: 'the original for what depends on it; --no-verify writes all the same',
        },
      });
    }
    if (!this.#worst || error.relative > this.#worst.relative) this.#worst = error;
  }

  proof(by: ProvenBy): SurgeryProof {
    return { sizes: [...this.#sizes], values: this.#names.size, worst: this.#worst, by };
  }
}

/** Runs the whole, and the part on the values that the whole had there. */
export async function provePart(whole: OnnxFile, part: Extracted, options: ProofOptions = {}): Promise<SurgeryProof> {
  checkArgument('provePart', 'whole', whole, onnxFileKind);
  checkArgument('provePart', 'part', part, shaped('a model and what was changed', 'extractModel(file, options)', 'model'));
  checkOptions('provePart', options, proofKinds);
  const shown = withOutputs(whole, [...part.from, ...part.to]);
  const comparing = new Comparing('the part');
  return await withModels(shown, part.model, options.onProgress, async (before, after, by) => {
    for (const { bindings, inputs, outputs } of await runsOf(before, graphOfFile(whole), options.seed ?? 0)) {
      comparing.at(bindings);
      const values = new Map([...inputs, ...outputs]);
      for (const { name } of after.inputs) {
        const stored = values.has(name) ? undefined : await storedTensor(whole, name);
        if (stored) values.set(name, stored);
      }
      const made = await after.run(askedFor(after, values));
      for (const name of part.to) comparing.compare(name, made.get(name), outputs.get(name), bindings);
    }
    return comparing.proof(by);
  });
}

async function storedTensor(file: OnnxFile, name: string): Promise<HostTensor | undefined> {
  const tensor = file.graph.initializers.find((one) => one.name === name);
  if (tensor?.kind !== 'tensor') return undefined;
  return await materialize(tensor.expr);
}

/** Inputs and outputs under their new names, and the same numbers. */
export async function proveRenamed(before: OnnxFile, renamed: Renamed, options: ProofOptions = {}): Promise<SurgeryProof> {
  checkArgument('proveRenamed', 'before', before, onnxFileKind);
  checkArgument('proveRenamed', 'renamed', renamed, shaped('a model and what was changed', 'renameModel(file, …)', 'model'));
  checkOptions('proveRenamed', options, proofKinds);
  const { model } = renamed;
  const comparing = new Comparing('the renamed model');
  return await withModels(before, model, options.onProgress, async (a, b, by) => {
    for (const { bindings, inputs, outputs } of await runsOf(a, graphOfFile(before), options.seed ?? 0)) {
      comparing.at(bindings);
      const given = new Map(a.inputs.flatMap(({ name }, i) => pair(b.inputs[i]?.name, inputs.get(name))));
      const made = await b.run(given);
      for (const [i, { name }] of a.outputs.entries())
        comparing.compare(name, made.get(b.outputs[i]?.name ?? ''), outputs.get(name), bindings);
    }
    return comparing.proof(by);
  });
}

const pair = (name: string | undefined, tensor: HostTensor | undefined): readonly (readonly [string, HostTensor])[] =>
  name === undefined || !tensor ? [] : [[name, tensor]];

/**
 * The same samples in other batches: the original runs on as many of its batches as fill some of the new ones, and the outputs
 * are compared sample by sample. Where sizes other than the batch changed, both run at what both take.
 */
export async function proveResized(before: OnnxFile, resized: Resized, options: ProofOptions = {}): Promise<SurgeryProof> {
  checkArgument('proveResized', 'before', before, onnxFileKind);
  checkArgument('proveResized', 'resized', resized, shaped('a model and what was changed', 'resizeModel(file, …)', 'model'));
  checkOptions('proveResized', options, proofKinds);
  const { model } = resized;
  const comparing = new Comparing('the model with other sizes');
  const seed = options.seed ?? 0;
  const graph = graphOfFile(before);
  const changed = graphOfFile(model);
  return await withModels(before, model, options.onProgress, async (a, b, by) => {
    const sizes = sizesOfBoth(graph, changed);
    if (!sizes) {
      await runsOf(b, changed, seed);
      return comparing.proof(by);
    }
    const { old, now, oldBatch, newBatch } = sizes;
    const all = oldBatch === undefined || newBatch === undefined ? 1 : lcm(oldBatch, newBatch);
    const [timesOld, timesNew] = oldBatch === undefined || newBatch === undefined ? [1, 1] : [all / oldBatch, all / newBatch];
    comparing.at(now);
    const given = Array.from({ length: timesOld }, (_, i) => randomInputs(graph, old, seed + i));
    const results: Inputs[] = [];
    for (const inputs of given) results.push(await a.run(askedFor(a, inputs)));
    const whole = new Map(
      graph.inputs.flatMap(({ name = '' }) => pair(name, joinedSamples(given.flatMap((inputs) => inputs.get(name) ?? [])))),
    );
    const made: Inputs[] = [];
    for (let i = 0; i < timesNew; i++) {
      const part = [...whole].flatMap(([name, tensor]) =>
        pair(
          name,
          newBatch === undefined || tensor.dims.length === 0
            ? (given[0]?.get(name) ?? tensor)
            : samplesOf(tensor, i * newBatch, newBatch),
        ),
      );
      made.push(await b.run(askedFor(b, new Map(part))));
    }
    for (const { name } of a.outputs) {
      const [x, y] = [results, made].map((list) => joinedSamples(list.flatMap((one) => one.get(name) ?? [])));
      comparing.compare(name, y, x, now);
    }
    return comparing.proof(by);
  });
}

interface BothSizes {
  readonly old: Bindings;
  readonly now: Bindings;
  readonly oldBatch: number | undefined;
  readonly newBatch: number | undefined;
}

/** Sizes at which both run, alike but for the batch; undefined where there are none, as with another fixed height. */
function sizesOfBoth(before: Graph, after: Graph): BothSizes | undefined {
  const [oldStart] = startingSizes(before);
  const [newStart] = startingSizes(after);
  const old = new Map(oldStart);
  const now = new Map(newStart);
  let [oldBatch, newBatch]: (number | undefined)[] = [undefined, undefined];
  const shape = (graph: Graph, i: number, at: Bindings): readonly (number | undefined)[] =>
    graph.inputs[i]?.type.dims.map((dim) => dim.evaluate(at)) ?? [];
  // What is open on one side takes the number of the other; a batch that is open on one side only is one more there.
  for (const [i, input] of before.inputs.entries()) {
    const other = after.inputs[i];
    input.type.dims.forEach((dim, axis) => {
      const twin = other?.type.dims[axis];
      const [p, q] = [dim.plain?.name, twin?.plain?.name];
      if (p !== undefined && q === undefined && twin?.constant !== undefined)
        old.set(p, axis === 0 ? (old.get(p) ?? 1) : twin.constant);
      else if (q !== undefined && p === undefined && dim.constant !== undefined)
        now.set(q, axis === 0 ? dim.constant + 1 : dim.constant);
      else if (p !== undefined && q !== undefined) now.set(q, old.get(p) ?? 1);
    });
  }
  for (const i of before.inputs.keys()) {
    const [x, y] = [shape(before, i, old), shape(after, i, now)];
    if (x.slice(1).join() !== y.slice(1).join()) return undefined;
    if (x.length === 0) continue;
    if (x[0] !== y[0]) [oldBatch, newBatch] = [x[0], y[0]];
  }
  return { old, now, oldBatch, newBatch };
}

/** What the head reads is the same, and so are the scores of classes that were taken over. */
export async function proveHead(
  before: OnnxFile,
  head: NewHead,
  keep: readonly number[],
  options: ProofOptions = {},
): Promise<SurgeryProof> {
  checkArgument('proveHead', 'before', before, onnxFileKind);
  checkArgument(
    'proveHead',
    'head',
    head,
    shaped('a model with other classes', 'replaceClasses(file, options)', 'model', 'reads'),
  );
  checkArgument('proveHead', 'keep', keep, listOf(wholeNumber(0)));
  checkOptions('proveHead', options, proofKinds);
  const comparing = new Comparing('the model with other classes');
  const names = keep.length > 0 ? [head.reads, head.makes] : [head.reads];
  const [from, to] = [withOutputs(before, names), withOutputs(head.model, names)];
  return await withModels(from, to, options.onProgress, async (a, b, by) => {
    for (const { bindings, inputs, outputs } of await runsOf(a, graphOfFile(before), options.seed ?? 0)) {
      comparing.at(bindings);
      const made = await b.run(askedFor(b, inputs));
      comparing.compare(head.reads, made.get(head.reads), outputs.get(head.reads), bindings);
      if (keep.length === 0) continue;
      const [old, now] = [outputs.get(head.makes), made.get(head.makes)];
      const firsts = keep.map((_, i) => i);
      comparing.compare(head.makes, now && taken(now, head.axis, firsts), old && taken(old, head.axis, keep), bindings);
    }
    return comparing.proof(by);
  });
}

/** These classes along an axis. */
function taken(tensor: HostTensor, axis: number, classes: readonly number[]): HostTensor | undefined {
  const indices: HostTensor = { elem: 'i64', dims: [classes.length], data: Float64Array.from(classes) };
  return evaluateExactly(gather, [tensor, indices], { axis })[0];
}

/** `equal in onnxruntime at N = 1 and N = 3`, for people. */
export function proofText({ sizes, values, worst, by }: SurgeryProof): string {
  const where = by === 'reference' ? 'the float64 reference, as onnxruntime-node is not installed,' : 'onnxruntime';
  if (values === 0) return `run in ${where} by itself: no sizes suit both the original and what was made`;
  const at = sizes.length > 0 ? ` at ${sizes.join(' and ')}` : '';
  const error = worst && worst.absolute > 0 ? `, off by at most ${errorText(worst)}` : ', bit by bit';
  return `run in ${where} against the original${at}: ${values} ${values === 1 ? 'value' : 'values'} equal${error}`;
}
