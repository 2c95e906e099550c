/**
 * `rescc verify`: runs a model before and after the passes in onnxruntime and compares both with the reference evaluation in
 * float64.
 *
 * On CPU all of {before, after} × {onnxruntime's optimiser off, all} run, at every size; on a GPU provider the optimised model
 * with onnxruntime's optimiser, at the smallest size only, because software adapters are slow (ResNet-50 at 64²: 8 s).
 *
 * Errors and their bounds: compare.ts.
 */

import { emitOnnx } from '../codegen/emit.ts';
import {
  callback,
  checkArgument,
  checkOptions,
  flag,
  graphShape,
  listOf,
  oneOf,
  record,
  shaped,
  text,
  whole,
} from '../diagnostics/arguments.ts';
import * as catalogue from '../diagnostics/catalogue/runtime.ts';
import { DiagnosticError, fail, Sink } from '../diagnostics/diagnostic.ts';
import { type AskedShapes, askedSizes } from '../ir/asked-sizes.ts';
import { floatFacts, type Tolerance } from '../ir/elem.ts';
import type { Graph, Value } from '../ir/graph.ts';
import type { Target } from '../ir/target.ts';
import type { HostTensor } from '../ir/types.ts';
import type { OnnxModel } from '../onnx/model.ts';
import { onnxBytes } from '../onnx/write.ts';
import { EvaluationError, evaluateGraph, evaluateNode } from '../ops/reference.ts';
import { blame, crashOf, deadlyThere, isCrash } from './blame.ts';
import { exponent, type OutputError, precisionOf } from './compare.ts';
import { Coverage, coveringSizes, isAffordable, isRepeatable } from './covering.ts';
import { type Provider, providers } from './engine.ts';
import type { GivenRuntime } from './given-runtime.ts';
import type { OpenSession, RuntimeHost } from './host.ts';
import { type Bindings, bindingsOf, bindingsText, emptyBindings, randomInputs, symbolsOf } from './inputs.ts';
import { Judge } from './judge.ts';
import { allowedOnCpu, companions, type Measured, measure, rank, runOf, type Setup } from './measure.ts';
import { checkAsked, withSizes } from './promises.ts';
import { checkProvable, isProvable } from './proof-limits.ts';
import { signaturesOf } from './signatures.ts';
import { Steps } from './steps.ts';
import { findSuspects, type Suspect } from './suspects.ts';
import type { VerifyCase, VerifyReport, VerifyRun } from './verify-report.ts';

/** Browsers and Node have it alike. */
declare const performance: { now(): number };

/** What `verifyModel` compares, on which providers and inputs. */
export interface VerifyOptions {
  /** The graph as elaborated: what the source says. */
  readonly before: Graph;
  /** The graph after the passes. */
  readonly after: Graph;
  /** The content of a constant. Both graphs' constants are asked for, each once. */
  readonly constants: (value: Value) => HostTensor | Promise<HostTensor>;
  readonly eps: readonly Provider[];
  /** onnxruntime-web, or onnxruntime-node as a module, in the place of processes of onnxruntime-node. */
  readonly runtime?: GivenRuntime | undefined;
  /** Runs on these instead of random ones. */
  readonly inputs?: ReadonlyMap<string, HostTensor> | undefined;
  /** Sizes of the random inputs: `{ image: [1, 3, 256, 256] }`, `{ N: 1 }`. What is left open is as small as it may be. */
  readonly sizes?: AskedShapes | undefined;
  readonly seed?: number | undefined;
  readonly opset?: number | undefined;
  /** How the table names the passes' level; `-O1` when left out. */
  readonly level?: string | undefined;
  /** How messages name the model; the graph's name when left out. */
  readonly model?: string | undefined;
  /** Of onnxruntime on CPU. */
  readonly threads?: number | undefined;
  /** For a GPU provider's process, such as `swiftshaderEnvironment()`. */
  readonly environment?: Readonly<Record<string, string>> | undefined;
  /**
   * Also looks for the values of the optimised graph that none of the source graph equals, which costs two evaluations that keep
   * every value. Without, it is done where the optimised model is off and the unoptimised one is not.
   */
  readonly taps?: boolean | undefined;
  /** What the files are written for; default portable. */
  readonly target?: Target | undefined;
  /** Called before each step, with a few words and how many of how many are done. */
  readonly progress?: ((step: string, done: number, total: number) => void) | undefined;
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

const epsKind = listOf(oneOf(...providers));
const verifyKinds = {
  before: graphShape,
  after: graphShape,
  constants: callback,
  eps: epsKind,
  runtime: record,
  inputs: shaped('a Map of tensors by the names of inputs', 'new Map([[name, tensor]])', 'get', 'size'),
  sizes: record,
  seed: { ...whole(0), is: Number.isSafeInteger },
  opset: whole(1),
  level: text,
  model: text,
  threads: whole(1),
  environment: record,
  taps: flag,
  target: text,
  progress: callback,
};

/** `verifyModel`, wherever models run. */
export async function verifyOn(host: () => RuntimeHost, options: VerifyOptions): Promise<VerifyReport> {
  checkArgument('verifyModel', 'options', options, { ...record, example: '{ before, after, constants, eps }' });
  checkOptions('verifyModel', options, verifyKinds);
  checkArgument('verifyModel', 'before', options.before, graphShape);
  checkArgument('verifyModel', 'after', options.after, graphShape);
  checkArgument('verifyModel', 'constants', options.constants, { ...callback, example: 'constantOf' });
  checkArgument('verifyModel', 'eps', options.eps, epsKind);
  const on = host();
  return await on.during((open) => new Verification(options, on, open).run());
}

type Inputs = Omit<VerifyCase, 'referenceMs'>;

class Verification {
  readonly #options: VerifyOptions;
  readonly #host: RuntimeHost;
  readonly #open: OpenSession;
  readonly #seed: number;
  readonly #level: string;
  readonly #bound: Tolerance;
  readonly #models = new Map<Graph, { readonly onnx: OnnxModel; readonly bytes: Uint8Array }>();
  readonly #notes: string[] = [];
  readonly #sink = new Sink();
  readonly #coverage: Coverage;
  #inputs: readonly Inputs[] = [];
  readonly #judges: Judge[] = [];
  readonly #steps: Steps;
  /** By case and output. */
  readonly #e0: Map<string, number>[] = [];

  constructor(options: VerifyOptions, host: RuntimeHost, open: OpenSession) {
    this.#options = options;
    this.#host = host;
    this.#open = open;
    this.#coverage = new Coverage(options.before);
    // A guess until the inputs are known.
    this.#steps = new Steps(8, options.progress);
    this.#seed = options.seed ?? 0;
    this.#level = options.level ?? '-O1';
    this.#bound = floatFacts(precisionOf([options.before, options.after])).tolerance;
  }

  async run(): Promise<VerifyReport> {
    const { before, after } = this.#options;
    const setups = this.#setups();
    this.#steps.begin('reading weights');
    const constants = await materialised(before, this.#options.constants);
    const references = new Map<Inputs, ReadonlyMap<string, HostTensor>>();
    const evaluated = (one: Inputs): ReadonlyMap<string, HostTensor> => {
      const known = references.get(one);
      if (known) return known;
      this.#steps.begin(`reference, ${one.name}`);
      const made = referenceOf(before, one, constants, this.#coverage, this.#steps.within);
      references.set(one, made);
      return made;
    };
    const cases = casesOf(this.#options, this.#seed, this.#notes);
    this.#steps.total = 1 + cases.length + setups.length;
    this.#inputs = cases.filter((one) => {
      if (one.name !== 'negative' && one.name !== 'positive') return true;
      try {
        evaluated(one);
        return true;
      } catch (error) {
        // An index that is computed from such numbers lies outside of its table.
        if (!(error instanceof DiagnosticError)) throw error;
        this.#notes.push(`not run on inputs that are all ${one.name}: ${error.diagnostics[0]?.found ?? 'undefined there'}`);
        return false;
      }
    });
    for (const factor of this.#factors(evaluated)) {
      const [first] = this.#inputs;
      const inputs = first && randomInputs(before, first.bindings, this.#seed, { factor });
      if (!first || !inputs) continue;
      const one: Inputs = { name: 'scaled', bindings: first.bindings, inputs };
      try {
        evaluated(one);
        this.#inputs = [...this.#inputs, one];
      } catch (error) {
        if (!(error instanceof DiagnosticError)) throw error;
        this.#notes.push(`not run on inputs ${factor} times as large: ${error.diagnostics[0]?.found ?? 'undefined there'}`);
      }
    }
    const measured: Measured[] = [];
    for (const setup of setups) measured.push(await this.#measured(setup));
    const compared: VerifyCase[] = [];
    for (const one of this.#inputs) {
      const started = performance.now();
      const reference = evaluated(one);
      this.#coverage.sizes(one.bindings);
      compared.push({ ...one, referenceMs: performance.now() - started });
      this.#judges.push(new Judge(before, one.inputs, constants, reference, this.#seed));
      this.#e0.push(new Map());
    }
    let runs = this.#judged(measured);
    const more = companions(runs, before === after);
    if (more.length > 0) {
      this.#steps.total += more.length;
      for (const setup of more) measured.push(await this.#measured(setup));
      runs = this.#judged(measured);
    }
    const passes = runs.filter((run) => !run.ok && run.graph === 'after' && run.provider === 'cpu' && run.optimizer === 'off');
    const wrong = this.#inputs.find((one) => passes.some((run) => run.case === one.name));
    const off = runs.some((run) => !run.ok && isBaseline(run));
    let suspects: readonly Suspect[] = [];
    const where = wrong ?? this.#inputs[0];
    if (where && before !== after && (this.#options.taps || (wrong && !off))) {
      this.#steps.begin('looking for the difference');
      const optimised = await materialised(after, this.#options.constants);
      suspects = findSuspects(before, after, where.inputs, { before: constants, after: optimised }, this.#bound.floor);
    }
    for (const { error } of measured) for (const diagnostic of error?.diagnostics ?? []) this.#sink.add(diagnostic);
    const sizesOf = (name: VerifyCase['name']): Bindings | undefined => this.#inputs.find((one) => one.name === name)?.bindings;
    blame(this.#sink, { runs, suspects, before, after, target: this.#options.target, runtime: this.#host.name, sizesOf });
    await this.#inFloat64(runs);
    return {
      ok: !this.#sink.hasErrors && runs.every((run) => run.ok),
      seed: this.#seed,
      precision: precisionOf([before, after]),
      cases: compared,
      runs,
      suspects,
      diagnostics: this.#sink.list,
      notes: this.#notes,
      degenerate: this.#coverage.degenerate(),
    };
  }

  #setups(): readonly Setup[] {
    const { before, after, eps } = this.#options;
    const setups: Setup[] = [];
    // The providers that may be missing come first, so that nobody waits for the others to be told so.
    for (const provider of eps) if (provider !== 'cpu') setups.push({ provider, graph: 'after', optimizer: 'all' });
    // e0 is needed whatever was asked for.
    setups.push({ provider: 'cpu', graph: 'before', optimizer: 'off' });
    if (eps.includes('cpu')) {
      setups.push({ provider: 'cpu', graph: 'before', optimizer: 'all' });
      if (before !== after) {
        setups.push({ provider: 'cpu', graph: 'after', optimizer: 'off' });
        setups.push({ provider: 'cpu', graph: 'after', optimizer: 'all' });
      }
    }
    return setups;
  }

  /** Of the inputs, by which numbers come to the thresholds that the usual ones do not reach. */
  #factors(evaluated: (one: Inputs) => unknown): readonly number[] {
    const { before } = this.#options;
    const [first] = this.#inputs;
    if (!first || !isRepeatable(before, first.bindings)) return [];
    for (const one of this.#inputs) if (one.bindings === first.bindings) evaluated(one);
    const unchanged = randomInputs(before, first.bindings, this.#seed, { factor: 2 });
    const scalable = [...unchanged].some(([name, tensor]) => !sameData(tensor, first.inputs.get(name)));
    return scalable ? this.#coverage.factors() : [];
  }

  async #model(graph: Graph): Promise<{ readonly onnx: OnnxModel; readonly bytes: Uint8Array }> {
    const known = this.#models.get(graph);
    if (known) return known;
    const { opset, target } = this.#options;
    const onnx = emitOnnx(graph, { ...(opset !== undefined && { opset }), target });
    const made = { onnx, bytes: await onnxBytes(onnx) };
    this.#models.set(graph, made);
    return made;
  }

  async #measured(setup: Setup): Promise<Measured> {
    const { before, after, environment, threads } = this.#options;
    const graph = setup.graph === 'before' ? before : after;
    const level = this.#levelOf(setup);
    this.#steps.begin(`${setup.provider} ${level}, optimiser ${setup.optimizer}`);
    const { onnx, bytes } = await this.#model(graph);
    const options = { onnx, threads, environment, tolerated: isCrash };
    const measured = await measure(this.#open, setup, bytes, this.#inputs, options);
    const { error } = measured;
    if (!error) return measured;
    const model = `${this.#options.model ?? before.name}, ${level}`;
    const at = this.#inputs[measured.results.length - 1];
    return { ...measured, error: crashOf(error, { ...setup, runtime: this.#host.name, graph, model, at }) };
  }

  #levelOf(setup: Setup): string {
    return setup.graph === 'before' ? '-O0' : this.#level;
  }

  #judged(measured: readonly Measured[]): readonly VerifyRun[] {
    const { before } = this.#options;
    const runs: VerifyRun[] = [];
    const order = [...measured].sort((a, b) => rank(a.setup) - rank(b.setup));
    for (const [index, one] of this.#inputs.entries()) {
      const judge = this.#judges[index];
      const e0 = this.#e0[index];
      if (!judge || !e0) continue;
      for (const { setup, placement, results, error } of order) {
        const result = results[index];
        if (!result && !error) continue;
        const baseline = isBaseline(setup);
        const outputs: OutputError[] = [];
        for (const { name } of before.outputs) {
          const y = result?.outputs.get(name);
          if (!y) continue;
          const loose = baseline || setup.provider !== 'cpu';
          const allowed = loose ? this.#bound.limit : allowedOnCpu(y, e0.get(name) ?? 0, this.#bound);
          const compared = judge.compare(name, y, allowed);
          if (baseline && Number.isFinite(compared.relative)) e0.set(name, compared.relative);
          outputs.push(compared);
        }
        const ok = outputs.length === before.outputs.length && outputs.every((output) => output.ok);
        const noise = ok && outputs.some((output) => output.comparable === false);
        runs.push({
          case: one.name,
          ...runOf({ setup, placement }, this.#levelOf(setup)),
          outputs,
          runMs: result?.ms ?? 0,
          ok,
          ...(!result && { verdict: 'crash' }),
          ...(noise && { verdict: 'noise' }),
        });
      }
    }
    return runs;
  }

  /**
   * Outputs of which the element type holds too little are compared in float64, where nothing but the passes can part the graphs.
   */
  async #inFloat64(runs: readonly VerifyRun[]): Promise<void> {
    const { before, after, constants } = this.#options;
    const lost = this.#inputs.map((one) => [
      ...new Set(
        runs.flatMap((run) =>
          run.case === one.name ? run.outputs.filter((output) => output.comparable === false).map(({ name }) => name) : [],
        ),
      ),
    ]);
    if (lost.every((names) => names.length === 0)) return;
    const optimised = before === after ? undefined : await materialised(after, constants);
    let compared = runs.some((run) => run.outputs.some((output) => output.comparable !== false));
    for (const [index, one] of this.#inputs.entries()) {
      const judge = this.#judges[index];
      const names = lost[index] ?? [];
      if (!judge || names.length === 0) continue;
      const y = optimised && evaluateGraph(after, one.inputs, optimised);
      for (const name of names) {
        const share = exponent(judge.noiseOf(name));
        const said = `${one.name}: rounding alone changes ${share} of the largest element of ${name}`;
        if (!y) {
          this.#notes.push(said);
          continue;
        }
        const { relative, tolerance } = judge.inFloat64(name, y);
        compared = true;
        this.#notes.push(`${said}; in float64 both graphs agree to ${exponent(relative)}`.replace('agree to 0', 'are equal'));
        if (relative <= tolerance) continue;
        this.#notes.pop();
        if (this.#sink.list.some((d) => d.code === catalogue.outputDiffers.code)) continue;
        this.#sink.report(catalogue.outputDiffers, {
          with: {
            name,
            found: `${exponent(relative)} of the largest element, in float64 (${this.#level}, ${one.name} sizes)`,
            expected: `at most ${exponent(tolerance)}`,
            hint: '-O0',
          },
        });
      }
    }
    for (const { name } of before.outputs) {
      const own = runs.flatMap((run) => run.outputs.filter((output) => output.name === name));
      if (own.some((output) => output.comparable !== false)) continue;
      const worst = Math.max(...this.#judges.map((judge) => judge.noiseOf(name)));
      const found = `${exponent(worst)} of the largest element changes with the rounding of ${precisionOf([before])} alone`;
      this.#sink.report(catalogue.notComparable, { with: { name, found, hint: givenHint } });
    }
    if (!compared) {
      this.#sink.report(catalogue.nothingCompared, {
        with: { found: 'rounding alone changes every output', hint: givenHint },
      });
    }
  }
}

const givenHint = '--input NAME=tensor.npy with numbers that the model is made for';

const isBaseline = (run: Pick<VerifyRun, 'graph' | 'optimizer' | 'provider'>): boolean =>
  run.graph === 'before' && run.optimizer === 'off' && run.provider === 'cpu';

function casesOf(options: VerifyOptions, seed: number, notes: string[]): readonly Inputs[] {
  const { before } = options;
  const out: Inputs[] = [];
  const signatures = signaturesOf(before);
  const fixed = askedSizes(signatures, options.sizes ?? {});
  const { inputs } = options;
  if (inputs) {
    for (const one of withSizes(signatures, fixed)) {
      const tensor = inputs.get(one.name);
      if (tensor && fixed.size > 0) checkAsked(one, tensor);
    }
    return [{ name: 'given', bindings: bindingsOf(before, inputs), inputs }];
  }
  const random = (name: VerifyCase['name'], bindings: Bindings): void => {
    checkProvable(before, bindings);
    out.push({ name, bindings, inputs: randomInputs(before, bindings, seed) });
  };
  if ([...symbolsOf(before).keys()].every((name) => fixed.has(name))) random('fixed', fixed);
  else {
    const { smallest, nextOdd } = coveringSizes(before, fixed);
    random('smallest', smallest);
    if (isAffordable(before, nextOdd) && isProvable(before, nextOdd)) random('next odd', nextOdd);
    else notes.push(`not run at ${bindingsText(nextOdd)}: it would take too long`);
    const empty = emptyBindings(before, smallest, fixed);
    const deadly = empty && deadlyThere(before, empty);
    if (deadly) notes.push(deadly);
    else if (empty) random('empty', empty);
  }
  out.push(...signedCases(before, out[0], seed, notes));
  return out;
}

/** The same sizes with floats all negative and all positive, where inputs have room for such. */
export function signedCases(graph: Graph, usual: Inputs | undefined, seed: number, notes: string[]): readonly Inputs[] {
  const out: Inputs[] = [];
  if (!usual) return out;
  for (const sign of ['negative', 'positive'] as const) {
    const inputs = randomInputs(graph, usual.bindings, seed, { sign });
    if ([...inputs].every(([name, tensor]) => sameData(tensor, usual.inputs.get(name)))) continue;
    if (isRepeatable(graph, usual.bindings)) out.push({ name: sign, bindings: usual.bindings, inputs });
    else notes.push(`not run on inputs that are all ${sign}: it would take too long`);
  }
  return out;
}

function sameData(a: HostTensor, b: HostTensor | undefined): boolean {
  return a.data.length === b?.data.length && a.data.every((v, i) => Object.is(v, b.data[i]));
}

/**
 * Throws RES0815 where the sizes are legal by the types, but an operator refuses them (a reflecting pad wider than its picture).
 */
function referenceOf(
  graph: Graph,
  one: Pick<VerifyCase, 'name' | 'bindings' | 'inputs'>,
  constants: (value: Value) => HostTensor,
  coverage: Coverage,
  onNode: (done: number, total: number) => void,
): ReadonlyMap<string, HostTensor> {
  try {
    return evaluateGraph(graph, one.inputs, constants, { evaluate: watched(coverage), onNode });
  } catch (error) {
    if (!(error instanceof EvaluationError)) throw error;
    const sizes = one.bindings.size > 0 ? ` for ${bindingsText(one.bindings)}` : '';
    return fail(catalogue.notEvaluated, {
      with: { found: `${error.message}${sizes}`, hint: `--input ${graph.inputs[0]?.name ?? 'NAME'}=tensor.npy` },
    });
  }
}

/** Evaluates a node and shows it to the coverage. */
export function watched(coverage: Coverage): typeof evaluateNode {
  return (node, operands, bindings, run) => {
    const results = evaluateNode(node, operands, bindings, run);
    coverage.node(node, operands, results);
    return results;
  };
}
