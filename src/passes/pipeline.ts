/**
 * The pipelines, on one screen: which passes there are, which of their rules run where and when.
 *
 *   simplify · recognize, what the opset says in one node · what is provably zero · a gemm that is a linear, move-transpose, fold-pad, which clear the
 *   way · [fold-batchnorm fold-affine merge-branches] to a fixed point (a merge exposes a batchnorm behind the sum) · commute-pool · merge-linear
 *   (pooling first brings pointwise beside pointwise) · move-stride · zeros, pads and simplify once more · the bracket and these again until a round
 *   fires nothing · then once: fuse-shortcut option A, the concat form where a concat is there or asked for, the bias · fuse-gemm · simplify
 *
 * `-O0` is nothing, `-O1` all but the concat form, `-O2` that too. A target's table says what is slower there; `portable` does what is slower nowhere.
 */
import type { Graph } from '../ir/graph.ts';
import type { Target } from '../ir/target.ts';
import { commutePool, commuteResize } from './commute-pool.ts';
import { joinPieces, mergeConcats, sliceOfParts, splitAtOnce, splitOfConcat } from './cut-and-join.ts';
import { type DriverOptions, type GraphMeasure, measureGraph, NameTable, type Refusal, runRules, runSweep } from './driver.ts';
import {
  foldAffineBeforeNorm,
  foldAffineIntoLinear,
  foldAffineIntoNorm,
  foldAffineIntoReaders,
  foldAffineThrough,
  foldAffineTogether,
} from './fold-affine.ts';
import { foldBatchnormIntoLinear, foldBatchnormIntoReaders } from './fold-batchnorm.ts';
import { foldPad } from './fold-pad.ts';
import { foldOverParts } from './fold-parts.ts';
import { foldIntoJoined, foldOverViewsDown, foldOverViewsUp } from './fold-views.ts';
import { gemmIsLinear, gemmOperand, gemmResult, gemmSum } from './fuse-gemm.ts';
import {
  biasForSum,
  concatForm,
  joinOfSum,
  optionAConv,
  optionAPool,
  removeIdentityTerm,
  removeZeroTerm,
} from './fuse-shortcut.ts';
import { gatherParts } from './gather-parts.ts';
import { mergeBranches } from './merge-branches.ts';
import { mergeConvs, mergeMatrices } from './merge-linear.ts';
import { moveStrideUp } from './move-stride.ts';
import { moveTranspose, transposeIntoLinear } from './move-transpose.ts';
import {
  recognizeGelu,
  recognizeHardsigmoid,
  recognizeHardswish,
  recognizeMish,
  recognizeSigmoid,
  recognizeSoftplus,
} from './recognize-activation.ts';
import { recognizeAttention } from './recognize-attention.ts';
import { recognizeLayernorm } from './recognize-layernorm.ts';
import { type Firing, Fuel, type RemovedShortcut, type Rule, type Sweep } from './rule.ts';
import {
  addNegated,
  commonSubexpressions,
  deadCode,
  divideAtOnce,
  equalWeights,
  foldConstants,
  mergeCasts,
  mergePads,
  mergeReshapes,
  mergeSlices,
  mergeTransposes,
  removeIdentity,
  removeNeutral,
  removeRepeated,
  removeRoundTrip,
  sliceBeforePad,
  sliceOfConcat,
} from './simplify.ts';

export type { Target } from '../ir/target.ts';
export type { GraphMeasure, Refusal } from './driver.ts';
export type { Firing, RemovedShortcut } from './rule.ts';

/** Rules that only these targets want; all others run everywhere. Measured by `npm run bench -- rewrites`. */
const onlyFor: ReadonlyMap<Rule, readonly Target[]> = new Map<Rule, readonly Target[]>([
  [optionAConv, ['cpu']],
  [gatherParts, ['portable', 'webgpu', 'cuda']],
  [recognizeAttention, ['portable', 'cpu', 'cuda']],
]);

interface Stage {
  readonly pass: string;
  readonly rules: readonly Rule[];
  readonly sweeps: readonly Sweep[];
  /** From which level on; 1 where nothing is said. */
  readonly level?: 1 | 2;
  /** What it makes is worth another round. */
  readonly again?: boolean;
  /** From which opset on; any where nothing is said. */
  readonly opset?: number;
}

const simplifyRules = [
  foldConstants,
  removeIdentity,
  removeNeutral,
  mergeReshapes,
  mergeTransposes,
  mergeSlices,
  mergeCasts,
  mergePads,
  removeRepeated,
  divideAtOnce,
  addNegated,
  sliceBeforePad,
  mergeConcats,
  sliceOfParts,
  sliceOfConcat,
  splitOfConcat,
  joinPieces,
  removeRoundTrip,
] as const;

const simplify: Stage = { pass: 'simplify', rules: simplifyRules, sweeps: [deadCode, commonSubexpressions] };
/**
 * Operators that are spelled out, each from the opset on that says it in one node: below it the lowering would spell it again. Before the folds,
 * which would draw the constants of a spelling into its neighbours. Hardswish before hardsigmoid, which is a part of it.
 */
const recognition: readonly Stage[] = [
  { pass: 'recognize', rules: [recognizeHardswish], sweeps: [], opset: 14 },
  { pass: 'recognize', rules: [recognizeHardsigmoid, recognizeSoftplus, recognizeSigmoid], sweeps: [] },
  { pass: 'recognize', rules: [recognizeLayernorm], sweeps: [], opset: 17 },
  { pass: 'recognize', rules: [recognizeMish], sweeps: [], opset: 18 },
  { pass: 'recognize', rules: [recognizeGelu], sweeps: [], opset: 20 },
  { pass: 'recognize', rules: [recognizeAttention], sweeps: [], opset: 23 },
];
const zero: Stage = { pass: 'fuse-shortcut', rules: [removeZeroTerm, removeIdentityTerm], sweeps: [] };
const pads: Stage = { pass: 'fold-pad', rules: [foldPad], sweeps: [] };
/** What stands between the operators that the folds look for. */
const clear: readonly Stage[] = [
  { pass: 'fuse-gemm', rules: [gemmIsLinear], sweeps: [] },
  { pass: 'move-transpose', rules: [moveTranspose, transposeIntoLinear], sweeps: [] },
  pads,
];
/** To a fixed point by itself. */
const bracket: readonly Stage[] = [
  { pass: 'fold-batchnorm', rules: [foldBatchnormIntoLinear, foldBatchnormIntoReaders], sweeps: [] },
  {
    pass: 'fold-affine',
    rules: [
      foldAffineIntoLinear,
      foldAffineIntoNorm,
      foldAffineIntoReaders,
      foldAffineThrough,
      foldAffineBeforeNorm,
      foldAffineTogether,
      foldOverViewsUp,
      foldOverViewsDown,
      foldIntoJoined,
      foldOverParts,
    ],
    sweeps: [],
  },
  { pass: 'merge-branches', rules: [mergeBranches], sweeps: [] },
];
/** Behind the bracket, and with it until a round fires nothing. */
const rounds: readonly Stage[] = [
  { pass: 'commute-pool', rules: [commutePool, commuteResize], sweeps: [] },
  { pass: 'merge-linear', rules: [mergeConvs, mergeMatrices], sweeps: [] },
  { pass: 'move-stride', rules: [moveStrideUp], sweeps: [] },
  // A fold may have brought a zero next to a sum, or a pad to a conv.
  zero,
  pads,
  // What became equal, or a chain, may be folded as one.
  simplify,
];
const once: readonly Stage[] = [
  { pass: 'fuse-shortcut', rules: [optionAConv, optionAPool], sweeps: [], again: true },
  { pass: 'fuse-shortcut', rules: [joinOfSum], sweeps: [] },
  { pass: 'fuse-shortcut', rules: [concatForm], sweeps: [], level: 2 },
  { pass: 'fuse-shortcut', rules: [biasForSum], sweeps: [] },
  { pass: 'move-transpose', rules: [gatherParts], sweeps: [], level: 2 },
  // Last, because nothing folds into a gemm that is no linear.
  { pass: 'fuse-gemm', rules: [gemmOperand, gemmResult, gemmSum], sweeps: [] },
  { ...simplify, sweeps: [deadCode, commonSubexpressions, equalWeights] },
  // Behind all that moves slices one by one.
  { pass: 'simplify', rules: [splitAtOnce], sweeps: [] },
];
const allStages: readonly Stage[] = [simplify, ...recognition, zero, ...clear, ...bracket, ...rounds, ...once];

/** What `--passes` takes, in the order in which the passes run first. */
export const passNames: readonly string[] = [
  'simplify',
  'recognize',
  'move-transpose',
  'fold-pad',
  'fold-batchnorm',
  'fold-affine',
  'merge-branches',
  'commute-pool',
  'merge-linear',
  'move-stride',
  'fuse-shortcut',
  'fuse-gemm',
];

/** Every rule, in the order of the pipeline. */
export const allRules: readonly Rule[] = [...new Set(allStages.flatMap((stage) => stage.rules))];
export const allSweeps: readonly Sweep[] = [...new Set(allStages.flatMap((stage) => stage.sweeps))];

export interface PassRun {
  readonly name: string;
  /** How often each rule did something, by its name. */
  readonly fired: Readonly<Record<string, number>>;
  /** What a rule would have matched and a named condition kept it from; those of the pass's last run. */
  readonly refused: readonly Refusal[];
  readonly before: GraphMeasure;
  readonly after: GraphMeasure;
}

/** What passes did and refused. */
export interface PassReport {
  /** The runs in their order: the first of every pass, and later ones that did something. */
  readonly passes: readonly PassRun[];
  readonly removedShortcuts: readonly RemovedShortcut[];
}

export interface PipelineOptions {
  /** Default 1. */
  readonly level?: 0 | 1 | 2 | undefined;
  /** Default portable. */
  readonly target?: Target | undefined;
  /** The opset of the file that will be written, 13 to 23; default 17. An operator that it lacks is not recognised in its spelling. */
  readonly opset?: number | undefined;
  /** Runs these, in this order, each to its fixed point, instead of the pipeline of the level; names of `passNames`. Of the concat form only from level 2 on. */
  readonly passes?: readonly string[] | undefined;
  /** After every run that stands in the report. */
  readonly onPass?: ((name: string, graph: Graph) => void) | undefined;
  /** After every run that did something; throws when the graph is not sound. */
  readonly check?: ((graph: Graph) => void) | undefined;
  /** Checks that every rule lowers the measure at every firing. */
  readonly assertLowers?: boolean | undefined;
  /** At most so many firings in all, of rules and of sweeps: the first ones of the same run without a limit, so that a bad one is found by bisection. */
  readonly fuel?: number | undefined;
  /** What runs in the place of a rule; the rule itself where nothing is given. For tests of the rules. */
  readonly ruleFor?: ((one: Rule) => Rule) | undefined;
  /** At every firing, behind it. */
  readonly onFiring?: ((firing: Firing) => void) | undefined;
}

class Pipeline {
  readonly runs: {
    name: string;
    fired: Readonly<Record<string, number>>;
    refused: readonly Refusal[];
    before: GraphMeasure;
    after: GraphMeasure;
  }[] = [];
  readonly removed: RemovedShortcut[] = [];
  readonly #graph: Graph;
  readonly #options: PipelineOptions;
  readonly #names: NameTable;
  readonly #target: Target;
  readonly #driver: DriverOptions;
  readonly #fuel: Fuel;
  #measure: GraphMeasure;
  /** Counts the runs that did something, and what it was when a stage last came to its fixed point. */
  #changes = 0;
  readonly #settledAt = new Map<Stage, number>();

  constructor(graph: Graph, options: PipelineOptions) {
    this.#graph = graph;
    this.#options = options;
    this.#target = options.target ?? 'portable';
    this.#names = new NameTable(graph);
    this.#fuel = new Fuel(options.fuel, options.onFiring);
    this.#driver = { assertLowers: options.assertLowers, fuel: this.#fuel };
    this.#measure = measureGraph(graph);
  }

  /** Whether the stage did something. */
  run(stage: Stage): boolean {
    // Nothing happened since: every match would fail as it did.
    if (this.#settledAt.get(stage) === this.#changes) return false;
    const { ruleFor } = this.#options;
    const wanted = stage.rules.filter((one) => onlyFor.get(one)?.includes(this.#target) ?? true);
    const rules = ruleFor ? wanted.map(ruleFor) : wanted;
    const fired: Record<string, number> = {};
    let refused: readonly Refusal[] = [];
    let total = 0;
    const count = (name: string, n: number): void => {
      if (n === 0) return;
      fired[name] = (fired[name] ?? 0) + n;
      total += n;
    };
    this.#fuel.pass = stage.pass;
    for (let again = true; again; ) {
      again = false;
      const report = runRules(this.#graph, rules, this.#names, this.#driver);
      for (const [name, n] of report.fired) count(name, n);
      refused = report.refused;
      this.removed.push(...report.removedShortcuts);
      for (const sweep of stage.sweeps) {
        const n = runSweep(sweep, this.#graph, this.#fuel);
        if (typeof n === 'number') count(sweep.name, n);
        else refused = [...refused, n];
        again ||= typeof n === 'number' && n > 0;
      }
    }
    const before = this.#measure;
    if (total > 0) {
      this.#changes++;
      this.#options.check?.(this.#graph);
      this.#measure = measureGraph(this.#graph);
    }
    this.#settledAt.set(stage, this.#changes);
    const known = this.runs.filter((one) => one.name === stage.pass);
    const names = new Set(stage.rules.map((one) => one.name));
    // Refusals of an earlier run of these rules are out of date.
    for (const earlier of known) earlier.refused = earlier.refused.filter((one) => !names.has(one.rule));
    const last = known[known.length - 1];
    if (total === 0 && last) {
      last.refused = [...last.refused, ...refused];
      return false;
    }
    this.runs.push({ name: stage.pass, fired, refused, before, after: this.#measure });
    this.#options.onPass?.(stage.pass, this.#graph);
    return total > 0;
  }

  /** The stages in turn until a whole turn does nothing. */
  settle(stages: readonly Stage[]): boolean {
    let any = false;
    for (let again = true; again; ) {
      again = false;
      for (const stage of stages) if (this.run(stage)) again = true;
      any ||= again;
    }
    return any;
  }

  /** The bracket and what follows it, until a round does nothing. */
  round(): void {
    for (let again = true; again; ) {
      again = this.settle(bracket);
      for (const stage of rounds) if (this.run(stage)) again = true;
    }
  }
}

/** Optimises the graph in place and says what was done. The same graph and options give the same result. */
export function optimize(graph: Graph, options: PipelineOptions = {}): PassReport {
  const pipeline = new Pipeline(graph, options);
  const level = options.level ?? 1;
  const said = (stage: Stage): boolean => (stage.opset ?? 0) <= (options.opset ?? 17);
  if (options.passes) {
    for (const name of options.passes)
      pipeline.settle(
        allStages.filter((stage) => stage.pass === name && (stage.level ?? 1) <= Math.max(1, level) && said(stage)),
      );
  } else if (level > 0) {
    pipeline.run(simplify);
    pipeline.settle(recognition.filter(said));
    pipeline.run(zero);
    for (const stage of clear) pipeline.run(stage);
    pipeline.round();
    // The conv that option A becomes may merge with a body that is a single conv.
    for (const stage of once) if ((stage.level ?? 1) <= level && pipeline.run(stage) && stage.again) pipeline.round();
  }
  return { passes: pipeline.runs, removedShortcuts: pipeline.removed };
}

/** The equation, the conditions and the source of a rule, or of every rule of a pass; undefined for names of neither. */
export function explainRule(name: string): string | undefined {
  const all: readonly (Rule | Sweep)[] = [...allRules, ...allSweeps];
  const found = all.filter((one) => one.name === name || one.name.startsWith(`${name}/`));
  if (found.length === 0) return undefined;
  return found.map((one) => `${one.name}\n\n${one.doc}`).join('\n\n');
}
