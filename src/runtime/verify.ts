/**
 * `rescc verify`: runs a model before and after the passes in onnxruntime and compares both with the reference evaluation in float64.
 *
 * On CPU all of {before, after} × {onnxruntime's optimiser off, all} run, at every size; on a GPU provider the optimised model with
 * onnxruntime's optimiser, at the smallest size only, because software adapters are slow (ResNet-50 at 64²: 8 s).
 *
 * The error of an output is max|y − r| / max|r|, never elementwise: an element that is small by cancellation carries the rounding of the
 * large terms it came from. A reference that is 0 everywhere makes the error absolute. Not a number and infinities must be where the
 * reference has them.
 *
 * e0 is the error of the unoptimised model on CPU with the optimiser off. It must stay within a limit, else the model or the runtime is
 * at fault; every other run within min(limit, max(8·e0, floor)). Measured: 3e-7 to 7e-7 on CPU up to ResNet-152.
 *
 *   precision  limit   floor    why
 *   f64        1e-9    2^-40    few kernels exist, and those are not all correct to the last digits
 *   f32        1e-5    2^-18    unit roundoff 2^-24; 2^-18 is 64 of them
 *   f16        1e-2    2^-9     unit roundoff 2^-11; some twenty roundings of the largest value, where kernels keep sums in f16
 *   bf16       8e-2    2^-6     unit roundoff 2^-8, likewise
 *
 * The precision is that of the coarsest float in either graph. GPU providers are held to the limit alone: WGSL allows a division 2.5 units
 * in the last place, exp 3 + 2|x|, and leaves the order of sums and fused multiply-adds open (measured: 1.1e-6 on ResNet-50).
 */
import { emitOnnx } from '../codegen/emit.ts';
import type { OnnxModel } from '../codegen/onnx.ts';
import { onnxBytes } from '../codegen/write.ts';
import * as catalogue from '../diagnostics/catalogue/runtime.ts';
import { type Diagnostic, fail, Sink } from '../diagnostics/diagnostic.ts';
import type { Graph, Node, Value } from '../ir/graph.ts';
import { type ElemType, type HostTensor, isFloat } from '../ir/types.ts';
import { EvaluationError, evaluateGraph } from '../ops/reference.ts';
import { type Bindings, bindingsOf, bindingsText, randomInputs, smallestBindings, symbolsOf } from './inputs.ts';
import { type LeftNode, openSession, type Placement, type Provider, type Session } from './session.ts';
import { findSuspects, type Suspect, suspectText, tapKeys } from './suspects.ts';

/** What `verifyModel` compares, on which providers and inputs. */
export interface VerifyOptions {
  /** The graph as elaborated: what the source says. */
  readonly before: Graph;
  /** The graph after the passes. */
  readonly after: Graph;
  /** The content of a constant. Both graphs' constants are asked for, each once. */
  readonly constants: (value: Value) => HostTensor | Promise<HostTensor>;
  readonly eps: readonly Provider[];
  /** Runs on these too, besides random ones. */
  readonly inputs?: ReadonlyMap<string, HostTensor> | undefined;
  readonly seed?: number | undefined;
  readonly opset?: number | undefined;
  /** How the table names the passes' level; `-O1` when left out. */
  readonly level?: string | undefined;
  /** Of onnxruntime on CPU. */
  readonly threads?: number | undefined;
  /** For a GPU provider's process, such as `swiftshaderEnvironment()`. */
  readonly environment?: Readonly<Record<string, string>> | undefined;
  /**
   * Also looks for the values of the optimised graph that none of the source graph equals, which costs two evaluations that keep every
   * value. Without, it is done where the optimised model is off and the unoptimised one is not.
   */
  readonly taps?: boolean | undefined;
  /** Called before each step, with a few words. */
  readonly progress?: ((step: string) => void) | undefined;
}

/** One set of inputs. */
export interface VerifyCase {
  readonly name: 'fixed' | 'smallest' | 'next odd' | 'found' | 'given';
  readonly bindings: Bindings;
  readonly inputs: ReadonlyMap<string, HostTensor>;
  readonly referenceMs: number;
}

export interface OutputError {
  readonly name: string;
  readonly elem: ElemType;
  /** max|y − r|; the number of unequal elements for integers and booleans. */
  readonly absolute: number;
  /** max|y − r| / max|r|; for integers and booleans the share of unequal elements. */
  readonly relative: number;
  /** max|r| */
  readonly largest: number;
  /** Row-major index of the largest error. */
  readonly at: number;
  readonly tolerance: number;
  /** Unequal elements of an argmax or comparison that the noise of its operands explains; they are not counted as errors. */
  readonly excused: number;
  readonly ok: boolean;
}

export interface VerifyRun {
  readonly case: VerifyCase['name'];
  readonly provider: Provider;
  readonly adapter: string | undefined;
  readonly graph: 'before' | 'after';
  /** What the table calls the graph: `-O0` or the level of the passes. */
  readonly level: string;
  readonly optimizer: 'off' | 'all';
  /** Nodes that onnxruntime ran, after its own fusions. */
  readonly nodes: number;
  readonly left: readonly LeftNode[];
  readonly outputs: readonly OutputError[];
  readonly runMs: number;
  readonly ok: boolean;
  /** In the table, where neither `ok` nor `off` says it. */
  readonly verdict?: string | undefined;
}

/** Every run with its errors against the float64 reference, and the verdict. */
export interface VerifyReport {
  readonly ok: boolean;
  readonly seed: number;
  readonly precision: ElemType;
  readonly cases: readonly VerifyCase[];
  readonly runs: readonly VerifyRun[];
  /** Where the optimised graph leaves the source; see `findSuspects`. Empty unless looked for. */
  readonly suspects: readonly Suspect[];
  /** Why not, when not ok: RES0810 and RES0811. */
  readonly diagnostics: readonly Diagnostic[];
  /** What the runs are compared with, where it is not the reference alone. */
  readonly against?: string;
  /** What the table says below the runs. */
  readonly notes?: readonly string[];
}

interface Bound {
  readonly limit: number;
  readonly floor: number;
}

export const bounds = {
  f64: { limit: 1e-9, floor: 2 ** -40 },
  f32: { limit: 1e-5, floor: 2 ** -18 },
  f16: { limit: 1e-2, floor: 2 ** -9 },
  bf16: { limit: 8e-2, floor: 2 ** -6 },
} as const satisfies Partial<Record<ElemType, Bound>>;

export type Precision = keyof typeof bounds;
const coarsestFirst: readonly Precision[] = ['bf16', 'f16', 'f32', 'f64'];

/** The coarsest float of the graphs. */
export function precisionOf(graphs: readonly Graph[]): Precision {
  const seen = new Set<ElemType>();
  for (const graph of graphs) {
    for (const input of graph.inputs) seen.add(input.type.elem);
    for (const node of graph.nodes()) for (const y of node.results) seen.add(y.type.elem);
  }
  return coarsestFirst.find((elem) => seen.has(elem)) ?? 'f32';
}

/** Compares one output with the reference. Integers and booleans must be equal. */
export function compareOutputs(name: string, y: HostTensor, r: HostTensor, tolerance: number): OutputError {
  const none = { name, elem: r.elem, tolerance, excused: 0 };
  if (y.elem !== r.elem || y.dims.join() !== r.dims.join()) {
    return { ...none, absolute: Infinity, relative: Infinity, largest: Number.NaN, at: 0, ok: false };
  }
  if (!isFloat(r.elem)) {
    let unequal = 0;
    let at = 0;
    let largest = 0;
    for (let i = r.data.length - 1; i >= 0; i--) {
      largest = Math.max(largest, Math.abs(r.data[i] ?? 0));
      if (y.data[i] === r.data[i]) continue;
      unequal++;
      at = i;
    }
    return {
      ...none,
      tolerance: 0,
      absolute: unequal,
      relative: r.data.length === 0 ? 0 : unequal / r.data.length,
      largest,
      at,
      ok: unequal === 0,
    };
  }
  let absolute = 0;
  let largest = 0;
  let at = 0;
  for (let i = 0; i < r.data.length; i++) {
    const expected = r.data[i] ?? 0;
    const actual = y.data[i] ?? 0;
    if (Number.isFinite(expected)) largest = Math.max(largest, Math.abs(expected));
    if (Object.is(actual, expected)) continue;
    const difference = Math.abs(actual - expected);
    // NaN against anything, and an infinity that is not there, differ infinitely.
    const error = Number.isNaN(difference) ? Infinity : difference;
    if (error > absolute) {
      absolute = error;
      at = i;
    }
  }
  const relative = largest > 0 ? absolute / largest : absolute;
  return { ...none, absolute, relative, largest, at, ok: relative <= tolerance };
}

/** Every constant of a graph, held for the reference, which asks for them synchronously. */
export async function materialised(graph: Graph, constants: VerifyOptions['constants']): Promise<(value: Value) => HostTensor> {
  const held = new Map<Value, HostTensor>();
  const graphs = [graph];
  for (let g = graphs.pop(); g; g = graphs.pop()) {
    for (const value of g.constants()) if (!held.has(value)) held.set(value, await constants(value));
    for (const node of g.nodes()) graphs.push(...node.regions);
  }
  return (value) => {
    const tensor = held.get(value);
    if (!tensor) throw new Error(`the constant ${value.name ?? value.id} was not materialised`);
    return tensor;
  };
}

interface Setup {
  readonly provider: Provider;
  readonly graph: 'before' | 'after';
  readonly optimizer: 'off' | 'all';
  readonly cases: 'all' | 'first';
}

/**
 * Compiles, runs and compares. Returns what was measured, also when it is wrong; throws `DiagnosticError` when a provider is missing,
 * onnxruntime refuses a model, or the inputs given do not fit. Memory: both models' bytes, and the reference's constants in float64.
 */
export async function verifyModel(options: VerifyOptions): Promise<VerifyReport> {
  const { before, after, progress } = options;
  const seed = options.seed ?? 0;
  const level = options.level ?? '-O1';
  const precision = precisionOf([before, after]);
  const bound = bounds[precision];
  const inputs = casesOf(options, seed);
  const emitOptions = options.opset === undefined ? {} : { opset: options.opset };
  const model = async (graph: Graph): Promise<{ readonly onnx: OnnxModel; readonly bytes: Uint8Array }> => {
    const onnx = emitOnnx(graph, emitOptions);
    return { onnx, bytes: await onnxBytes(onnx) };
  };
  const modelBefore = await model(before);
  const models = { before: modelBefore, after: before === after ? modelBefore : await model(after) };
  const setups: Setup[] = [];
  // The providers that may be missing come first, so that nobody waits for the others to be told so.
  for (const provider of options.eps) {
    if (provider !== 'cpu') setups.push({ provider, graph: 'after', optimizer: 'all', cases: 'first' });
  }
  // e0 is needed whatever was asked for.
  setups.push({ provider: 'cpu', graph: 'before', optimizer: 'off', cases: 'all' });
  if (options.eps.includes('cpu')) {
    setups.push({ provider: 'cpu', graph: 'before', optimizer: 'all', cases: 'all' });
    if (before !== after) {
      setups.push({ provider: 'cpu', graph: 'after', optimizer: 'off', cases: 'all' });
      setups.push({ provider: 'cpu', graph: 'after', optimizer: 'all', cases: 'all' });
    }
  }
  const measured: { readonly setup: Setup; readonly placement: Placement; readonly results: readonly RawResult[] }[] = [];
  for (const setup of setups) {
    progress?.(`${setup.provider} ${setup.graph === 'before' ? '-O0' : level}, optimiser ${setup.optimizer}`);
    const session = await openSession(models[setup.graph].bytes, {
      ep: setup.provider,
      optimization: setup.optimizer,
      profile: true,
      onnx: models[setup.graph].onnx,
      threads: options.threads,
      environment: options.environment,
    });
    measured.push({ setup, ...(await runCases(session, setup, inputs)) });
  }
  progress?.('reference');
  const constants = await materialised(before, options.constants);
  const cases: VerifyCase[] = [];
  const runs: VerifyRun[] = [];
  const order = [...measured].sort((a, b) => rank(a.setup) - rank(b.setup));
  for (const [index, one] of inputs.entries()) {
    const started = performance.now();
    const reference = referenceOf(before, one, constants);
    cases.push({ ...one, referenceMs: performance.now() - started });
    const e0 = new Map<string, number>();
    for (const { setup, placement, results } of order) {
      const result = results[index];
      if (!result) continue;
      const baseline = setup.provider === 'cpu' && setup.graph === 'before' && setup.optimizer === 'off';
      const outputs: OutputError[] = [];
      for (const [name, r] of reference) {
        const y = result.outputs.get(name);
        if (!y) continue;
        const allowed =
          baseline || setup.provider !== 'cpu'
            ? bound.limit
            : Math.min(bound.limit, Math.max(8 * (e0.get(name) ?? 0), bound.floor));
        const compared = compareOutputs(name, y, r, allowed);
        if (baseline) e0.set(name, compared.relative);
        outputs.push(compared.ok ? compared : excuse(compared, before, name, y, one.inputs, constants, allowed));
      }
      runs.push({
        case: one.name,
        provider: setup.provider,
        adapter: placement.adapter,
        graph: setup.graph,
        level: setup.graph === 'before' ? '-O0' : level,
        optimizer: setup.optimizer,
        nodes: placement.nodes,
        left: placement.left,
        outputs,
        runMs: result.ms,
        ok: outputs.length === before.outputs.length && outputs.every((output) => output.ok),
      });
    }
  }
  const ok = runs.every((run) => run.ok);
  const passesAreOff =
    runs.some((run) => !run.ok && run.graph === 'after') && runs.every((run) => run.ok || run.graph === 'after');
  let suspects: readonly Suspect[] = [];
  const [first] = inputs;
  if (first && before !== after && (options.taps || passesAreOff)) {
    progress?.('looking for the difference');
    const optimised = await materialised(after, options.constants);
    suspects = findSuspects(before, after, first.inputs, { before: constants, after: optimised }, bound.floor);
  }
  return { ok, seed, precision, cases, runs, suspects, diagnostics: diagnosticsOf(runs, suspects) };
}

/** Providers in the order of the options' names, and the baseline before what is measured against it. */
function rank(setup: Setup): number {
  const provider = setup.provider === 'cpu' ? 0 : setup.provider === 'webgpu' ? 100 : 200;
  return provider + (setup.graph === 'before' ? 0 : 10) + (setup.optimizer === 'off' ? 0 : 1);
}

function casesOf(options: VerifyOptions, seed: number): readonly Omit<VerifyCase, 'referenceMs'>[] {
  const { before } = options;
  const out: Omit<VerifyCase, 'referenceMs'>[] = [];
  const random = (name: VerifyCase['name'], bindings: Bindings): void => {
    out.push({ name, bindings, inputs: randomInputs(before, bindings, seed) });
  };
  if (symbolsOf(before).size === 0) random('fixed', new Map());
  else {
    const { smallest, nextOdd } = smallestBindings(before);
    random('smallest', smallest);
    random('next odd', nextOdd);
  }
  if (options.inputs) out.push({ name: 'given', bindings: bindingsOf(before, options.inputs), inputs: options.inputs });
  return out;
}

/** Throws RES0815 where the sizes are legal by the types, but an operator refuses them (a reflecting pad wider than its picture). */
function referenceOf(
  graph: Graph,
  one: Pick<VerifyCase, 'name' | 'bindings' | 'inputs'>,
  constants: (value: Value) => HostTensor,
): ReadonlyMap<string, HostTensor> {
  try {
    return evaluateGraph(graph, one.inputs, constants);
  } catch (error) {
    if (!(error instanceof EvaluationError)) throw error;
    const sizes = one.bindings.size > 0 ? ` for ${bindingsText(one.bindings)}` : '';
    return fail(catalogue.notEvaluated, {
      with: { found: `${error.message}${sizes}`, hint: `--input ${graph.inputs[0]?.name ?? 'NAME'}=tensor.npy` },
    });
  }
}

interface RawResult {
  readonly outputs: ReadonlyMap<string, HostTensor>;
  readonly ms: number;
}

async function runCases(
  session: Session,
  setup: Setup,
  inputs: readonly Omit<VerifyCase, 'referenceMs'>[],
): Promise<{ placement: Placement; results: readonly RawResult[] }> {
  const results: RawResult[] = [];
  let placement: Placement | undefined;
  try {
    for (const one of setup.cases === 'first' ? inputs.slice(0, 1) : inputs) {
      results.push({ outputs: await session.run(one.inputs), ms: session.runMs });
    }
  } finally {
    placement = await session.close();
  }
  return { placement: placement ?? { provider: setup.provider, adapter: undefined, nodes: 0, left: [] }, results };
}

/** Operators whose discrete result hangs on which of two numbers is larger. */
const deciding: ReadonlySet<string> = new Set(['argmax', 'less', 'less_equal', 'greater', 'greater_equal']);
/** Operators that hand elements on in the same order. */
const passing: ReadonlySet<string> = new Set(['identity', 'cast', 'reshape', 'squeeze', 'unsqueeze']);

/** The argmax or comparison that an output is made of, with nothing but reshaping behind it. */
function decidedBy(graph: Graph, name: string): Node | undefined {
  let value = graph.outputs.find((output) => output.name === name)?.value;
  while (value?.producer && passing.has(value.producer.op.name)) value = value.producer.operand(0);
  const node = value?.producer;
  return node && deciding.has(node.op.name) ? node : undefined;
}

/**
 * An argmax or comparison may come out differently where its operands lie closer together than their noise, which is the tolerance times
 * their largest. Such elements are not counted. The operands come from a second
 * evaluation that keeps every value, since they are rarely needed and many.
 */
function excuse(
  found: OutputError,
  graph: Graph,
  name: string,
  y: HostTensor,
  inputs: ReadonlyMap<string, HostTensor>,
  constants: (value: Value) => HostTensor,
  noise: number,
): OutputError {
  const node = isFloat(found.elem) ? undefined : decidedBy(graph, name);
  if (!node || !Number.isFinite(found.absolute)) return found;
  const taps = evaluateGraph(graph, inputs, constants, { taps: true });
  const keys = tapKeys(graph);
  const operands = node.operands.map((value) => {
    if (!value || value.def.kind === 'constant') return value && constants(value);
    return value.def.kind === 'input' ? inputs.get(value.name ?? '') : taps.get(keys.get(value) ?? '');
  });
  const [a, b] = operands;
  if (!a) return found;
  const largest = (t: HostTensor): number => t.data.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
  const expected = node.op.evaluate(operands, node.attrs)[0];
  if (!expected || expected.data.length !== y.data.length) return found;
  const near = noise * Math.max(largest(a), b ? largest(b) : 0);
  let excused = 0;
  let unequal = 0;
  for (let i = 0; i < y.data.length; i++) {
    if (y.data[i] === expected.data[i]) continue;
    const margin =
      node.op.name === 'argmax'
        ? argmaxMargin(node, a, i, y.data[i] ?? 0, expected.data[i] ?? 0)
        : b
          ? comparisonMargin(a, b, expected.dims, i)
          : Infinity;
    if (margin <= 2 * near) excused++;
    else unequal++;
  }
  return { ...found, absolute: unequal, relative: unequal / y.data.length, excused, ok: unequal === 0 };
}

/** How much the element chosen by the reference exceeds the one chosen by the run. */
function argmaxMargin(node: Node, x: HostTensor, at: number, chosen: number, expected: number): number {
  const attr = node.attrs.axis;
  const axis = typeof attr === 'number' ? (attr < 0 ? attr + x.dims.length : attr) : 0;
  const size = x.dims[axis] ?? 1;
  if (!(chosen >= 0 && chosen < size)) return Infinity;
  const inner = x.dims.slice(axis + 1).reduce((n, d) => n * d, 1);
  const start = Math.floor(at / inner) * size * inner + (at % inner);
  return Math.abs((x.data[start + expected * inner] ?? 0) - (x.data[start + chosen * inner] ?? 0));
}

function comparisonMargin(a: HostTensor, b: HostTensor, dims: readonly number[], at: number): number {
  return Math.abs((a.data[broadcastIndex(a.dims, dims, at)] ?? 0) - (b.data[broadcastIndex(b.dims, dims, at)] ?? 0));
}

/** The element of a tensor that element `at` of the broadcast result is made from. */
function broadcastIndex(from: readonly number[], to: readonly number[], at: number): number {
  let rest = at;
  let stride = 1;
  let out = 0;
  for (let axis = to.length - 1; axis >= 0; axis--) {
    const size = to[axis] ?? 1;
    const index = rest % size;
    rest = Math.floor(rest / size);
    const own = from[axis - (to.length - from.length)];
    if (own === undefined) continue;
    if (own !== 1) out += index * stride;
    stride *= own;
  }
  return out;
}

const placeOf = (run: VerifyRun): string => `${run.provider} ${run.level}, optimiser of onnxruntime ${run.optimizer}`;

function diagnosticsOf(runs: readonly VerifyRun[], suspects: readonly Suspect[]): readonly Diagnostic[] {
  const sink = new Sink();
  const told = new Set<string>();
  for (const run of runs) {
    for (const output of run.outputs) {
      if (output.ok) continue;
      const baseline = run.graph === 'before' && run.optimizer === 'off' && run.provider === 'cpu';
      // The first failing run says it; the table shows the others.
      const key = `${baseline}|${output.name}|${run.graph}`;
      // Where the model itself is off, its other runs say nothing more.
      if (told.has(key) || (run.graph === 'before' && told.has(`true|${output.name}|before`))) continue;
      told.add(key);
      const found = `${errorText(output)} at element ${output.at} (${placeOf(run)}, ${run.case} sizes)`;
      const expected = isFloat(output.elem) ? `at most ${exponent(output.tolerance)}` : 'equal elements';
      if (baseline)
        sink.report(catalogue.baselineDiffers, {
          with: { name: output.name, found, expected, hint: '--input NAME=tensor.npy with numbers that the model is made for' },
        });
      else {
        const [suspect] = run.graph === 'after' ? suspects : [];
        sink.report(catalogue.outputDiffers, {
          span: suspect?.span,
          label: suspect && suspectText(suspect),
          with: {
            name: output.name,
            found,
            expected,
            hint: run.graph === 'after' ? 'rescc verify -O0' : 'report it at github.com/microsoft/onnxruntime',
          },
        });
      }
    }
  }
  return sink.list;
}

/** `3.1e-4 of the largest element`, for messages. */
export function errorText(output: OutputError): string {
  if (!isFloat(output.elem)) return `${output.absolute} unequal elements`;
  if (output.relative === Infinity) return 'another shape, or no number where there is one';
  return `${exponent(output.relative)} of the largest element`;
}

/** `3.1e-7`, `0`, `inf`: seven characters at most. */
export function exponent(x: number): string {
  if (x === 0) return '0';
  if (!Number.isFinite(x)) return 'inf';
  return x.toExponential(1);
}

function worst(run: VerifyRun): OutputError | undefined {
  return [...run.outputs].sort((a, b) => Number(a.ok) - Number(b.ok) || b.relative - a.relative)[0];
}

/** The report as plain data for `--json`: without tensors, numbers that JSON has not as texts. */
export function verifyData(report: VerifyReport): Readonly<Record<string, unknown>> {
  const number = (x: number): number | string => (Number.isFinite(x) ? x : String(x));
  return {
    ok: report.ok,
    seed: report.seed,
    precision: report.precision,
    cases: report.cases.map((one) => ({
      name: one.name,
      bindings: Object.fromEntries(one.bindings),
      inputs: Object.fromEntries([...one.inputs].map(([name, tensor]) => [name, `${tensor.elem}[${tensor.dims.join(', ')}]`])),
    })),
    runs: report.runs.map((run) => ({
      ...run,
      adapter: run.adapter ?? null,
      outputs: run.outputs.map((output) => ({
        ...output,
        absolute: number(output.absolute),
        relative: number(output.relative),
        largest: number(output.largest),
      })),
    })),
    suspects: report.suspects.map(({ scope, operator, nearest }) => ({ scope, operator, nearest: nearest ?? null })),
  };
}

const tableWidth = 80;

/**
 * What was measured, as a table of at most 80 columns: one line per run, then sizes, adapters, the nodes that left their provider, and
 * the verdict.
 */
export function verifyTable(report: VerifyReport): string {
  const rows = [['provider', 'passes', 'runtime', 'sizes', 'nodes', 'left', 'absolute', 'relative', 'verdict']];
  for (const run of report.runs) {
    const output = worst(run);
    const numbers = output
      ? [isFloat(output.elem) ? exponent(output.absolute) : `${output.absolute} uneq.`, exponent(output.relative)]
      : ['-', '-'];
    rows.push([
      run.provider,
      run.level,
      run.optimizer,
      run.case,
      String(run.nodes),
      String(run.left.length),
      ...numbers,
      run.verdict ?? (run.ok ? 'ok' : 'off'),
    ]);
  }
  const right = new Set([4, 5, 6, 7]);
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  const lines = rows.map((row) => {
    const cells = row.map((cell, column) =>
      right.has(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
    );
    return cut(cells.join('  ').trimEnd());
  });
  lines.push('');
  for (const one of report.cases) {
    if (one.bindings.size > 0) lines.push(...wrapped(`${one.name}: ${bindingsText(one.bindings)}`));
  }
  const adapters = new Map(report.runs.filter((run) => run.adapter !== undefined).map((run) => [run.provider, run.adapter]));
  for (const [provider, adapter] of adapters) lines.push(...wrapped(`${provider} ran on ${adapter}`));
  const left = new Map<string, string[]>();
  for (const run of report.runs) {
    for (const node of run.left) {
      const names = left.get(run.provider) ?? [];
      const text = `${node.name} (${node.op})`;
      if (!names.includes(text)) names.push(text);
      left.set(run.provider, names);
    }
  }
  for (const [provider, names] of left)
    lines.push(
      ...wrapped(
        `left ${provider} for cpu: ${names.slice(0, 8).join(', ')}${names.length > 8 ? `, and ${names.length - 8} more` : ''}`,
      ),
    );
  const off = new Set(report.runs.flatMap((run) => run.outputs.filter((output) => !output.ok).map((output) => output.name)));
  if (off.size > 0) lines.push(...wrapped(`off: ${[...off].join(', ')}`));
  for (const suspect of report.suspects.slice(0, 3)) lines.push(...wrapped(suspectText(suspect)));
  const excused = report.runs.reduce((n, run) => n + run.outputs.reduce((m, output) => m + output.excused, 0), 0);
  if (excused > 0) lines.push(...wrapped(`${excused} decisions differ where the reference is closer than the noise`));
  for (const note of report.notes ?? []) lines.push(...wrapped(note));
  const failing = report.runs.filter((run) => !run.ok).length;
  const checked = report.runs.length === 1 ? 'the run agrees' : `all ${report.runs.length} runs agree`;
  const against = report.against ?? 'the float64 reference';
  if (report.runs.length > 0)
    lines.push(failing === 0 ? `${checked} with ${against}` : `${failing} of ${report.runs.length} runs are off ${against}`);
  return lines.join('\n');
}

function cut(line: string): string {
  return line.length <= tableWidth ? line : `${line.slice(0, tableWidth - 1)}…`;
}

function wrapped(text: string): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > tableWidth) {
      lines.push(line);
      line = `  ${word}`;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].map(cut);
}
