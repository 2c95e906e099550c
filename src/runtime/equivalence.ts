/**
 * `rescc optimize --verify`: runs a file as it is and as it was optimised in onnxruntime, and compares.
 *
 * The baseline is the file's own bytes on CPU with onnxruntime's optimiser off. The optimised model runs with the optimiser off
 * and on, on every provider asked for; on a GPU provider at the first sizes alone. Where every node has a semantics here, the
 * float64 reference of the imported graph is a second witness. With e0 the error of the baseline against it:
 *
 *   e0 ≤ limit            outputs are held against the reference, within min(limit, max(8·e0, floor)), as `verify` does
 *   e0 > limit, or none against the baseline, within min(limit, max(8·n0, 2·floor)), n0 the change that onnxruntime's optimiser
 *   makes
 *
 * with limits and floors of the element types (`ir/elem.ts`); 2·floor, because both sides round. Integers and booleans must be
 * equal. A file of which nobody knows what it is may amplify rounding: a quantisation, an argmax, a division by a small
 * difference. So before an output counts as wrong, the original runs again, as it was and on inputs moved by their last digits,
 * and the change n that this makes is allowed eight times. An output that changes by more than a twentieth by that (random
 * operators, chaos) cannot be compared, which is said.
 *
 * When a run fails, the optimiser runs again with fewer and fewer rewrites until the one is found that broke it.
 *
 * One class, because every step of a check needs what the steps before it measured, noted and judged.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeModel } from '../codegen/node/write-file.ts';
import { checkArgument, graphShape, record } from '../diagnostics/arguments.ts';
import * as catalogue from '../diagnostics/catalogue/runtime.ts';
import { DiagnosticError, makeDiagnostic, Sink } from '../diagnostics/diagnostic.ts';
import { floatFacts, type Tolerance } from '../ir/elem.ts';
import type { Graph, Value } from '../ir/graph.ts';
import { type HostTensor, isFloat } from '../ir/types.ts';
import { graphsIn } from '../ir/walk.ts';
import type { OnnxModel } from '../onnx/model.ts';
import { modelSize, onnxBytes } from '../onnx/write.ts';
import { EvaluationError, evaluateGraph } from '../ops/reference.ts';
import { smallestFailing } from './bisect.ts';
import { blameRuntime, crashOf, deadlyThere, isCrash, runtimeText } from './blame.ts';
import { compareOutputs, errorText, exponent, type OutputError, precisionOf } from './compare.ts';
import { Coverage } from './covering.ts';
import {
  against,
  type Case,
  type EquivalenceOptions,
  type EquivalenceReport,
  type Expected,
  givenHint,
  type Inputs,
  type Judged,
  type Outputs,
  type Rewrite,
  reportFailure,
} from './equivalence-report.ts';
import { freeTrials } from './free-sizes.ts';
import { type Bindings, bindingsOf, bindingsText, emptyBindings, onlyEmpty, randomInputs, symbolsOf } from './inputs.ts';
import { Judge, unstable } from './judge.ts';
import { allowedOnCpu, askedFor, closed, companions, type Measured, measure, rank, runOf, type Setup } from './measure.ts';
import { checkProvable, isProvable } from './proof-limits.ts';
import { RuntimeProcess, runtimeName } from './provider.ts';
import { noReference, tooMuchWork } from './reference-limits.ts';
import { openSession, type Placement, type Session } from './session.ts';
import { withThreads } from './threads.ts';
import { attempts, completed, nudged, nudges, startingSizes } from './trials.ts';
import { materialised, signedCases, watched } from './verification.ts';
import type { VerifyCase, VerifyReport, VerifyRun } from './verify-report.ts';

/** Smaller models are held in memory, others go through a file, which onnxruntime maps. */
const heldBytes = 2 ** 26;
/**
 * Runs and compares. Returns what was measured, also when it is wrong; throws `DiagnosticError` when a provider is missing
 * (RES0800 to RES0803), when inputs or outputs are no tensors (RES0807), or when the inputs given do not fit. What the original
 * does not survive is no failure: RES0818 says so as a warning, and both graphs are compared in float64.
 */
export async function verifyOptimized(options: EquivalenceOptions): Promise<EquivalenceReport> {
  checkArgument('verifyOptimized', 'options', options, {
    ...record,
    example: '{ original, before, after, onnx, constants, eps }',
  });
  checkArgument('verifyOptimized', 'before', options.before, graphShape);
  checkArgument('verifyOptimized', 'after', options.after, graphShape);
  const check = new EquivalenceCheck(options);
  try {
    return await withThreads(() => check.run());
  } finally {
    await check.remove();
  }
}

/** The baseline: the file's own bytes. */
const asItIs: Setup = { provider: 'cpu', graph: 'before', optimizer: 'off' };

/** One comparison of a file with what was made of it. */
class EquivalenceCheck {
  readonly #options: EquivalenceOptions;
  readonly #folders: string[] = [];
  readonly #process: RuntimeProcess;
  readonly #sink = new Sink();
  /** For who looks on. */
  #steps = 1;
  readonly #notes: string[] = [];
  readonly #seed: number;
  readonly #level: string;
  readonly #bound: Tolerance;
  readonly #precision: VerifyReport['precision'];
  /** Per case and output: the change that noise makes, of floats relative, of others as a count. */
  readonly #noise = new Map<Case, ReadonlyMap<string, number>>();
  readonly #unstable = new Set<string>();
  readonly #coverage: Coverage;
  readonly #judges = new Map<Case, Judge>();
  readonly #witnesses = new Map<Case, ReadonlyMap<string, Expected>>();
  /** Outputs that a provider was blamed for. */
  readonly #blamed = new Set<string>();
  #baseline: Placement | undefined;

  constructor(options: EquivalenceOptions) {
    this.#options = options;
    this.#process = new RuntimeProcess(options.environment);
    this.#coverage = new Coverage(options.before);
    this.#seed = options.seed ?? 0;
    this.#level = options.level ?? '-O1';
    const precision = precisionOf([...graphsIn(options.before), ...graphsIn(options.after)]);
    this.#precision = precision;
    this.#bound = floatFacts(precision).tolerance;
  }

  async remove(): Promise<void> {
    this.#process.end();
    for (const folder of this.#folders) await rm(folder, { recursive: true, force: true });
  }

  async run(): Promise<EquivalenceReport> {
    const options = this.#options;
    const setups: Setup[] = [];
    for (const provider of options.eps) {
      if (provider !== 'cpu') setups.push({ provider, graph: 'after', optimizer: 'all' });
    }
    if (options.eps.includes('cpu')) {
      setups.push({ provider: 'cpu', graph: 'before', optimizer: 'all' });
      setups.push({ provider: 'cpu', graph: 'after', optimizer: 'off' });
      setups.push({ provider: 'cpu', graph: 'after', optimizer: 'all' });
    }
    // The reference comes behind the runs.
    const steps = setups.length + 2;
    this.#steps = steps;
    options.progress?.('cpu, the file as it is', 0, steps);
    const cases = await this.#cases();
    if (cases instanceof DiagnosticError) return await this.#withoutRuntime(cases);
    const model = await this.#file(options.onnx);
    const measured: Measured[] = [];
    for (const [i, setup] of setups.entries()) {
      const what = setup.graph === 'before' ? 'the file as it is' : this.#level;
      options.progress?.(`${setup.provider} ${what}, optimiser ${setup.optimizer}`, i + 1, steps);
      measured.push(await this.#reported(setup, setup.graph === 'before' ? options.original : model, cases));
    }
    return await this.#judge(cases, measured, model);
  }

  async #file(onnx: OnnxModel): Promise<Uint8Array | string> {
    if (modelSize(onnx) <= heldBytes) return await onnxBytes(onnx);
    const folder = await mkdtemp(join(tmpdir(), 'rescc-verify-'));
    this.#folders.push(folder);
    const path = join(folder, 'model.onnx');
    await writeModel(onnx, path);
    return path;
  }

  /** The sets of inputs that the original runs on, or why it runs on none. */
  async #cases(): Promise<readonly Case[] | DiagnosticError> {
    const { original, before, inputs, threads } = this.#options;
    const [first, second] = startingSizes(before);
    if (!inputs) checkProvable(before, first);
    const open = (): Promise<Session> =>
      openSession(original, { ep: 'cpu', optimization: 'off', profile: true, threads, process: this.#process });
    let session: Session;
    try {
      session = await open();
    } catch (error) {
      if (!(error instanceof DiagnosticError) || !isRefusal(error)) throw error;
      this.#crashed(error, asItIs, undefined);
      return error;
    }
    let crashes = 0;
    try {
      const out: Case[] = [];
      let refusal: DiagnosticError | undefined;
      const tryOne = async (name: Case['name'], bindings: Bindings, given: Inputs): Promise<boolean> => {
        try {
          out.push({ name, bindings, inputs: given, baseline: await session.run(askedFor(session, given)) });
          return true;
        } catch (error) {
          if (!(error instanceof DiagnosticError) || !isRefusal(error)) throw error;
          refusal ??= error;
          if (isCrash(error)) {
            this.#crashed(error, asItIs, { name, bindings });
            crashes++;
            session = await open();
          }
          return false;
        }
      };
      if (inputs) {
        // Inputs of the user's own must do, or the user should know; they stand in the place of random ones.
        const bindings = bindingsOf(before, inputs);
        out.push({ name: 'given', bindings, inputs, baseline: await session.run(askedFor(session, inputs)) });
        return out;
      }
      const names: readonly Case['name'][] = symbolsOf(before).size === 0 ? ['fixed'] : ['smallest', 'next odd'];
      for (const [i, bindings] of [first, second].entries()) {
        const name = names[i];
        if (name !== undefined && bindings && isProvable(before, bindings))
          await tryOne(name, bindings, this.#random(bindings, 'usual'));
      }
      const usual = out[0];
      for (const { name, bindings, inputs: given } of usual ? signedCases(before, usual, this.#seed, this.#notes) : []) {
        await tryOne(name, bindings, given);
      }
      const empty = usual && emptyBindings(before, usual.bindings);
      const deadly = empty && deadlyThere(before, empty);
      if (deadly) this.#notes.push(deadly);
      else if (empty && !(await tryOne('empty', empty, this.#random(empty, 'usual'))))
        this.#notes.push(`the original does not run where ${bindingsText(onlyEmpty(empty))}`);
      if (out.length === 0 && crashes === 0) {
        for (const { bindings, integers, other } of attempts(before, first)) {
          if (await tryOne('found', bindings, this.#random(bindings, integers, other))) break;
        }
      } else if (names.length === 2 && out.filter(({ name }) => names.includes(name)).length === 1) {
        this.#notes.push(`the original does not run at the ${out[0]?.name === 'smallest' ? 'next odd' : 'smallest'} sizes`);
      }
      const sizes = out[0]?.bindings ?? first;
      /** By what was open: whether the original runs at another size of it. */
      const settled = new Map<string, boolean>();
      for (const { what, graph, sizes: other } of freeTrials(before, this.#options.narrowed ?? [])) {
        for (const integers of settled.get(what) ? [] : (['usual', 0, 1] as const)) {
          const bindings = new Map([...sizes, ...other]);
          if (!isProvable(graph, bindings)) continue;
          const runs = await tryOne('free', bindings, this.#random(bindings, integers, 0, graph));
          settled.set(what, runs);
          if (runs) break;
        }
      }
      for (const [what, runs] of settled) if (!runs) this.#notes.push(`the original runs at no other ${what} that was tried`);
      return out.length > 0 ? out : (refusal ?? new DiagnosticError([]));
    } finally {
      this.#baseline = await closed(session);
    }
  }

  #random(bindings: Bindings, integers: 'usual' | 0 | 1, other = 0, graph: Graph = this.#options.before): Inputs {
    const ranges = new Map<string, { low: number; high: number }>();
    if (integers !== 'usual') {
      for (const { name, type } of graph.inputs) {
        if (!isFloat(type.elem) && name !== undefined) ranges.set(name, { low: integers, high: integers + 1 });
      }
    }
    return randomInputs(graph, bindings, this.#seed + other, { ranges });
  }

  async #reported(setup: Setup, model: Uint8Array | string, cases: readonly Case[]): Promise<Measured> {
    const measured = await this.#measure(setup, model, this.#options.onnx, cases);
    if (measured.error) this.#crashed(measured.error, setup, cases[measured.results.length - 1]);
    return measured;
  }

  /** Says that the process of onnxruntime ended, where it did. */
  #crashed(error: DiagnosticError, setup: Setup, at: Pick<Case, 'name' | 'bindings'> | undefined): void {
    if (!isCrash(error)) return;
    const { before, after, command, original } = this.#options;
    const name = typeof original === 'string' ? original : before.name;
    const crash = crashOf(error, {
      ...setup,
      runtime: runtimeName,
      graph: setup.graph === 'before' ? before : after,
      model: setup.graph === 'before' ? name : `${name}, ${this.#level}`,
      at,
      hint: command && `without a proof: ${command}`,
    });
    for (const diagnostic of crash.diagnostics) this.#sink.add(diagnostic);
  }

  #measure(setup: Setup, model: Uint8Array | string, onnx: OnnxModel, cases: readonly Case[]): Promise<Measured> {
    const { threads, environment } = this.#options;
    const options = { threads, environment, process: this.#process, tolerated: isRefusal };
    return measure(openSession, setup, model, cases, { ...options, ...(setup.graph === 'after' && { onnx }) });
  }

  async #judge(cases: readonly Case[], measured: Measured[], model: Uint8Array | string): Promise<EquivalenceReport> {
    const { before, original } = this.#options;
    const known = await this.#reference();
    const shown: VerifyCase[] = [];
    for (const [index, one] of cases.entries()) {
      const started = performance.now();
      // The graph is one of the sizes that the optimised model takes.
      const reference =
        known && one.name !== 'free' ? this.#evaluated(known, one, index / cases.length, 1 / cases.length) : undefined;
      const referenceMs = reference ? performance.now() - started : 0;
      shown.push({ name: one.name, bindings: one.bindings, inputs: one.inputs, referenceMs });
      if (known && reference) {
        this.#judges.set(one, new Judge(before, completed(before, one.inputs), known, reference, this.#seed));
      }
      const other = measured.find(({ setup }) => setup.graph === 'before')?.results[index]?.outputs;
      this.#witnesses.set(one, this.#held(one, reference, other));
    }
    let judged = await this.#judged(cases, measured);
    const more = companions(judged.map(({ run }) => run));
    for (const setup of more) {
      measured.push(await this.#reported(setup, setup.graph === 'before' ? original : model, cases));
    }
    if (more.length > 0) judged = await this.#judged(cases, measured);
    const runs = judged.map(({ run }) => run);
    for (const each of judged) if (each.run.verdict === 'runtime') this.#excuse(each, runs);
    const failing = judged.filter(({ run }) => !run.ok);
    // Without the optimiser of onnxruntime a rewrite alone can be at fault.
    const first = failing.find(({ run }) => run.provider === 'cpu' && run.optimizer === 'off') ?? failing[0];
    let culprit: Rewrite | undefined;
    if (first?.measured && first.one) {
      culprit = await this.#culprit(first.measured.setup, first.one);
      reportFailure(this.#sink, this.#options, { ...first, measured: first.measured }, culprit, runs);
    }
    const inFloat64 = await this.#inFloat64(cases);
    const compared = runs.some((run) => run.graph === 'after' && run.outputs.some(({ name }) => !this.#unstable.has(name)));
    if (!first && !compared && !inFloat64 && before.outputs.length > 0) {
      const found = this.#unstable.size > 0 ? 'every output changes by itself' : 'no run of the optimised model';
      this.#sink.report(catalogue.nothingCompared, { with: { found, hint: givenHint } });
    }
    const kinds = [...this.#witnesses.values()].flatMap((held) => [...held.values()].map((witness) => witness.kind));
    return this.#report(runs, shown, culprit, against(kinds));
  }

  async #judged(cases: readonly Case[], measured: readonly Measured[]): Promise<readonly Judged[]> {
    const { before } = this.#options;
    const out: Judged[] = [];
    const order = [...measured].sort((a, b) => rank(a.setup) - rank(b.setup));
    for (const [index, one] of cases.entries()) {
      out.push({ run: this.#baselineRun(one), one, measured: undefined });
      const runtimeFails = new Set<string>();
      for (const each of order) {
        const { setup } = each;
        const outputs: OutputError[] = [];
        for (const { name } of before.outputs) {
          const witness = this.#witnesses.get(one)?.get(name);
          const y = each.results[index]?.outputs.get(name);
          if (!witness || !y) continue;
          outputs.push(await this.#compared(one, name, y, witness, setup));
        }
        const whole = outputs.length === before.outputs.length && outputs.every((output) => output.ok);
        // What onnxruntime's optimiser or a provider does to the original is no verdict on us, nor what it does to both.
        const judged = setup.graph === 'after';
        const key = `${setup.provider} ${setup.optimizer}`;
        if (!judged && !whole) runtimeFails.add(key);
        const excused = !whole && (!judged || runtimeFails.has(key));
        const run: VerifyRun = {
          case: one.name,
          ...runOf(each, judged ? this.#level : 'file'),
          outputs,
          runMs: each.results[index]?.ms ?? 0,
          ok: whole || excused,
          ...(excused && { verdict: each.error && isCrash(each.error) ? 'crash' : 'runtime' }),
        };
        out.push({ run, one, measured: each });
      }
    }
    return out;
  }

  /** A runtime that breaks the file as it is: a warning, because what it makes of the optimised model is no worse. */
  #excuse({ run, one, measured }: Judged, runs: readonly VerifyRun[]): void {
    const { before } = this.#options;
    const output = run.outputs.find((one) => !one.ok);
    if (run.graph === 'after' || !measured) return;
    if (!output) {
      const how = measured.error?.diagnostics[0]?.found ?? 'no output';
      this.#notes.push(`${runtimeText(runtimeName, run.provider)} breaks the file as it is, ${run.case} sizes: ${how}`);
      return;
    }
    if (this.#blamed.has(`${run.provider} ${output.name}`)) return;
    this.#blamed.add(`${run.provider} ${output.name}`);
    const off = runs.find(
      (one) => one.provider === run.provider && one.graph === 'before' && one.case === run.case && one.optimizer === 'off',
    );
    const right = off?.outputs.find(({ name }) => name === output.name);
    const fault = {
      run,
      output,
      off: right,
      graph: before,
      sizes: one.bindings,
      target: undefined,
      runtime: runtimeName,
      plain: false,
      severity: 'warning',
    } as const;
    blameRuntime(this.#sink, fault);
  }

  /** Outputs that change by themselves are compared in float64, where nothing but the passes can part the graphs. */
  async #inFloat64(cases: readonly Case[]): Promise<boolean> {
    const { after, constants, command } = this.#options;
    if (this.#unstable.size === 0 || this.#judges.size === 0 || noReference(after) !== undefined) return false;
    const held = await materialised(after, constants);
    let compared = false;
    for (const one of cases) {
      const judge = this.#judges.get(one);
      if (!judge) continue;
      const y = evaluateGraph(after, completed(after, one.inputs), held);
      for (const name of this.#unstable) {
        const { relative, tolerance } = judge.inFloat64(name, y);
        compared = true;
        if (relative <= tolerance)
          this.#notes.push(`${one.name}: in float64 both graphs agree on ${name} to ${exponent(relative)}`);
        else
          this.#sink.report(catalogue.optimizedDiffers, {
            with: {
              name,
              found: `${exponent(relative)} of the largest element, in float64 (${this.#level}, ${one.name} sizes)`,
              expected: `at most ${exponent(tolerance)}`,
              hint: `${command ?? 'rescc optimize in.onnx -o out.onnx'} -O0`,
            },
          });
      }
    }
    return compared;
  }

  #report(
    runs: readonly VerifyRun[],
    cases: readonly VerifyCase[],
    culprit: Rewrite | undefined,
    compared: string,
  ): EquivalenceReport {
    return {
      ok: !this.#sink.hasErrors,
      seed: this.#seed,
      precision: this.#precision,
      cases,
      runs,
      suspects: [],
      diagnostics: this.#sink.list,
      against: compared,
      notes: this.#notes,
      degenerate: this.#judges.size > 0 ? this.#coverage.degenerate() : [],
      culprit,
    };
  }

  /** The constants that the reference needs, or undefined where it cannot be had. */
  async #reference(): Promise<((value: Value) => HostTensor) | undefined> {
    const { before, constants, progress } = this.#options;
    const why = noReference(before);
    if (why !== undefined) {
      this.#notes.push(`no float64 reference: ${why}`);
      return undefined;
    }
    progress?.('reference', this.#steps - 1, this.#steps);
    return await materialised(before, constants);
  }

  /** `from` and `share` are the part of all evaluations that this one is, for who looks on. */
  #evaluated(constants: (value: Value) => HostTensor, one: Case, from: number, share: number): Outputs | undefined {
    const { before, progress } = this.#options;
    const first = this.#steps - 1;
    const count = tooMuchWork(before, one.bindings);
    if (count !== undefined) {
      this.#notes.push(`no float64 reference at the ${one.name} sizes: ${count} multiply-adds`);
      return undefined;
    }
    try {
      this.#coverage.sizes(one.bindings);
      return evaluateGraph(before, completed(before, one.inputs), constants, {
        evaluate: watched(this.#coverage),
        onNode: (done, total) => progress?.(`reference, ${one.name}`, first + from + (share * done) / total, this.#steps),
      });
    } catch (error) {
      if (!(error instanceof EvaluationError)) throw error;
      this.#notes.push(`no float64 reference at the ${one.name} sizes: ${error.message}`);
      return undefined;
    }
  }

  #held(one: Case, reference: Outputs | undefined, optimised: Outputs | undefined): ReadonlyMap<string, Expected> {
    const { limit, floor } = this.#bound;
    const out = new Map<string, Expected>();
    const judge = this.#judges.get(one);
    for (const [name, b] of one.baseline) {
      const r = reference?.get(name);
      const e0 = r ? judge?.compare(name, b, limit) : undefined;
      if (r && e0?.ok && e0.comparable !== false) {
        const tolerance = allowedOnCpu(r, e0.relative, this.#bound);
        out.set(name, { tensor: r, kind: 'reference', tolerance });
        continue;
      }
      if (e0) {
        const off = e0.relative === Infinity ? 'has no number where the reference has one' : `is off by ${errorText(e0)}`;
        this.#notes.push(`the reference is no witness of ${name} at the ${one.name} sizes: the original itself ${off}`);
      }
      const o = optimised?.get(name);
      const n0 = o ? compareOutputs(name, o, b, limit).relative : 0;
      // Both sides round.
      const tolerance = allowedOnCpu(b, n0, { limit, floor: 2 * floor });
      out.set(name, { tensor: b, kind: 'original', tolerance });
    }
    return out;
  }

  async #compared(one: Case, name: string, y: HostTensor, witness: Expected, setup: Setup): Promise<OutputError> {
    const allowed = setup.provider === 'cpu' ? witness.tolerance : this.#bound.limit;
    const judge = witness.kind === 'reference' ? this.#judges.get(one) : undefined;
    const found = judge?.compare(name, y, allowed) ?? compareOutputs(name, y, witness.tensor, allowed);
    if (found.ok && found.comparable !== false) return found;
    const b = one.baseline.get(name);
    if (!b || y.elem !== b.elem || y.dims.join() !== b.dims.join()) return found;
    const noise = (await this.#noiseOf(one)).get(name) ?? 0;
    const again = compareOutputs(name, y, b, isFloat(b.elem) ? 8 * noise : 0);
    const share = isFloat(b.elem) || b.data.length === 0 ? noise : noise / b.data.length;
    if (share > unstable) {
      if (!this.#unstable.has(name)) {
        this.#sink.report(catalogue.notComparable, {
          with: {
            name,
            found: `${exponent(share)} of it changes from run to run, or by the last digits of the inputs`,
            hint: givenHint,
          },
        });
      }
      this.#unstable.add(name);
      return { ...again, ok: true };
    }
    if (isFloat(b.elem)) return again.ok ? again : found;
    return again.absolute <= 8 * noise ? { ...again, excused: again.absolute, absolute: 0, relative: 0, ok: true } : found;
  }

  /** How much each output of the original changes: from one run to the next, and on inputs moved by about their last digits. */
  async #noiseOf(one: Case): Promise<ReadonlyMap<string, number>> {
    const known = this.#noise.get(one);
    if (known) return known;
    const out = new Map<string, number>();
    this.#noise.set(one, out);
    const { original, threads } = this.#options;
    const session = await openSession(original, { ep: 'cpu', optimization: 'off', threads, process: this.#process });
    try {
      for (let round = 0; round <= nudges; round++) {
        const moved = round === 0 ? one.inputs : nudged(one.inputs, this.#seed + round);
        let outputs: Outputs;
        try {
          outputs = await session.run(askedFor(session, moved));
        } catch (error) {
          // A number moved out of the range that an operator is defined on.
          if (error instanceof DiagnosticError && isRefusal(error)) continue;
          throw error;
        }
        for (const [name, b] of one.baseline) {
          const y = outputs.get(name);
          if (!y) continue;
          const { relative, absolute } = compareOutputs(name, y, b, 0);
          const change = isFloat(b.elem) ? relative : absolute;
          out.set(name, Math.max(out.get(name) ?? 0, change));
        }
      }
    } finally {
      await session.close();
    }
    return out;
  }

  #baselineRun(one: Case): VerifyRun {
    const outputs: OutputError[] = [];
    const judge = this.#judges.get(one);
    for (const [name, b] of one.baseline) {
      const { limit } = this.#bound;
      outputs.push({ ...(judge?.compare(name, b, limit) ?? compareOutputs(name, b, b, limit)), ok: true });
    }
    return {
      case: one.name,
      ...runOf({ setup: asItIs, placement: this.#baseline }, 'file'),
      outputs,
      runMs: 0,
      ok: true,
    };
  }

  async #culprit(setup: Setup, one: Case): Promise<Rewrite | undefined> {
    const { rebuild, progress, before } = this.#options;
    const held = this.#witnesses.get(one);
    if (!rebuild || !held) return undefined;
    const rewrites: Rewrite[] = [];
    await rebuild(Number.POSITIVE_INFINITY, (firing) => rewrites.push(firing));
    let tried = 0;
    const fails = async (fuel: number): Promise<boolean> => {
      tried++;
      progress?.(`looking for the rewrite: the first ${fuel}`, tried, Math.ceil(Math.log2(rewrites.length + 1)) + 1);
      const onnx = await rebuild(fuel, () => undefined);
      const { results } = await this.#measure(setup, await this.#file(onnx), onnx, [one]);
      for (const { name } of before.outputs) {
        const y = results[0]?.outputs.get(name);
        const witness = held.get(name);
        if (!y || !witness || !(await this.#compared(one, name, y, witness, setup)).ok) return true;
      }
      return false;
    };
    const n = await smallestFailing(rewrites.length, fails);
    return rewrites[n - 1] ?? { index: 0, pass: '', rule: '', node: '' };
  }

  /** onnxruntime does not run the original: both graphs are compared in float64. */
  async #withoutRuntime(refusal: DiagnosticError): Promise<EquivalenceReport> {
    const { before, after, constants, inputs } = this.#options;
    const [said] = refusal.diagnostics;
    // A crash was said already.
    if (!isCrash(refusal)) {
      this.#sink.add(
        makeDiagnostic(catalogue.originalRefused, {
          with: {
            found: said?.found ?? 'no sizes that it runs at',
            hint: '--input NAME=tensor.npy with sizes and numbers that the model is made for',
          },
        }),
      );
    }
    const runs: VerifyRun[] = [];
    const shown: VerifyCase[] = [];
    const bindings = inputs ? bindingsOf(before, inputs) : startingSizes(before)[0];
    const work = tooMuchWork(before, bindings) ?? tooMuchWork(after, bindings);
    const why = noReference(before) ?? noReference(after) ?? (work && `${work} multiply-adds`);
    if (why === undefined && bindings) {
      const given = inputs ?? this.#random(bindings, 'usual');
      const one = { name: inputs ? ('given' as const) : ('smallest' as const), bindings, inputs: given };
      const started = performance.now();
      try {
        const r = evaluateGraph(before, completed(before, given), await materialised(before, constants));
        const y = evaluateGraph(after, completed(after, given), await materialised(after, constants));
        const outputs = [...r].map(([name, tensor]) =>
          compareOutputs(
            name,
            y.get(name) ?? { elem: tensor.elem, dims: [-1], data: new Float64Array() },
            tensor,
            this.#bound.floor,
          ),
        );
        shown.push({ ...one, referenceMs: performance.now() - started });
        const ok = outputs.every((output) => output.ok);
        const setup: Setup = { provider: 'cpu', graph: 'after', optimizer: 'off' };
        const run: VerifyRun = {
          case: one.name,
          ...runOf({ setup, placement: undefined }, this.#level),
          outputs,
          runMs: 0,
          ok,
        };
        runs.push(run);
        if (!ok) {
          const measured = { setup, placement: undefined, results: [], error: undefined };
          reportFailure(this.#sink, this.#options, { measured, one: { ...one, baseline: r }, run }, undefined, [run]);
        }
      } catch (error) {
        if (!(error instanceof EvaluationError)) throw error;
        this.#notes.push(`no float64 reference: ${error.message}`);
      }
    } else if (why !== undefined) this.#notes.push(`no float64 reference: ${why}`);
    if (runs.length === 0) {
      this.#sink.report(catalogue.nothingCompared, {
        with: { found: 'neither onnxruntime nor the reference runs the file', hint: 'rescc optimize, without --verify' },
      });
    }
    return this.#report(runs, shown, undefined, 'the float64 reference, which is all that runs');
  }
}

/** Of the model, of sizes that it does not take, or of a run; that a provider is missing is another matter. */
function isRefusal(error: DiagnosticError): boolean {
  const kinds = [catalogue.modelRefused, catalogue.runFailed, catalogue.providerCrashed, catalogue.inputMisfit];
  const codes: readonly string[] = kinds.map((kind) => kind.code);
  return error.diagnostics.every((d) => codes.includes(d.code));
}
