/**
 * `rescc verify`: runs a model before and after the passes in onnxruntime and compares both with the reference evaluation in float64.
 *
 * On CPU all of {before, after} × {onnxruntime's optimiser off, all} run, at every size; on a GPU provider the optimised model with
 * onnxruntime's optimiser, at the smallest size only, because software adapters are slow (ResNet-50 at 64²: 8 s).
 *
 * Errors and their bounds: compare.ts.
 */
import { emitOnnx } from '../codegen/emit.ts';
import type { OnnxModel } from '../codegen/onnx.ts';
import { onnxBytes } from '../codegen/write.ts';
import * as catalogue from '../diagnostics/catalogue/runtime.ts';
import { type Diagnostic, fail, Sink } from '../diagnostics/diagnostic.ts';
import type { Graph, Node, Value } from '../ir/graph.ts';
import type { Target } from '../ir/target.ts';
import { type ElemType, type HostTensor, isFloat } from '../ir/types.ts';
import { EvaluationError, evaluateGraph } from '../ops/reference.ts';
import { bounds, compareOutputs, errorText, exponent, type OutputError, precisionOf } from './compare.ts';
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
  /** What the files are written for; default portable. */
  readonly target?: Target | undefined;
  /** Called before each step, with a few words. */
  readonly progress?: ((step: string) => void) | undefined;
}

/** One set of inputs. */
export interface VerifyCase {
  readonly name: 'fixed' | 'smallest' | 'next odd' | 'found' | 'given' | 'free';
  readonly bindings: Bindings;
  readonly inputs: ReadonlyMap<string, HostTensor>;
  readonly referenceMs: number;
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
  const emitOptions = { ...(options.opset !== undefined && { opset: options.opset }), target: options.target };
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
