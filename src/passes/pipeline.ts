/**
 * The pipelines, on one screen: which passes there are, which of their rules run where and when. `schedule` says it, and nothing else does: names,
 * order, levels, opsets and targets are read from it by the command line and by docs/passes.md.
 *
 * `-O0` is nothing, `-O1` every stage without a level, `-O2` all. A target's table says what is slower there; `portable` does what is slower nowhere.
 */
import type { Graph } from '../ir/graph.ts';
import type { Target } from '../ir/target.ts';
import { type GraphMeasure, measureGraph } from './analysis/cost.ts';
import { type DriverOptions, type Refusal, runRules, runSweep } from './engine/driver.ts';
import { type Firing, Fuel } from './engine/fuel.ts';
import { NameTable } from './engine/names.ts';
import type { RemovedShortcut } from './engine/rewriter.ts';
import type { Rule, Sweep } from './engine/rule.ts';
import { commutePool, commuteResize } from './transforms/commute-pool.ts';
import { foldIntoJoined } from './transforms/fold-affine/into-joined.ts';
import { foldAffineIntoLinear } from './transforms/fold-affine/into-linear.ts';
import { foldAffineIntoReaders } from './transforms/fold-affine/into-readers.ts';
import { foldAffineBeforeNorm, foldAffineIntoNorm } from './transforms/fold-affine/norms.ts';
import { foldOverParts } from './transforms/fold-affine/over-parts.ts';
import { foldOverViewsDown, foldOverViewsUp } from './transforms/fold-affine/over-views.ts';
import { foldAffineThrough } from './transforms/fold-affine/through.ts';
import { foldAffineTogether } from './transforms/fold-affine/together.ts';
import { foldBatchnormIntoLinear, foldBatchnormIntoReaders } from './transforms/fold-batchnorm.ts';
import { foldPad } from './transforms/fold-pad.ts';
import { gemmIsLinear, gemmOperand, gemmResult, gemmSum } from './transforms/fuse-gemm.ts';
import { removeIdentityTerm, removeZeroTerm } from './transforms/fuse-shortcut/nothing.ts';
import { optionAConv, optionAPool } from './transforms/fuse-shortcut/option-a.ts';
import { biasForSum, concatForm, joinOfSum } from './transforms/fuse-shortcut/sum.ts';
import { mergeBranches } from './transforms/merge-branches.ts';
import { mergeConvs, mergeMatrices } from './transforms/merge-linear.ts';
import { moveStrideUp } from './transforms/move-stride.ts';
import { gatherParts } from './transforms/move-transpose/gather.ts';
import { transposeIntoLinear } from './transforms/move-transpose/into-linear.ts';
import { moveTranspose } from './transforms/move-transpose/through.ts';
import {
  recognizeGelu,
  recognizeHardsigmoid,
  recognizeHardswish,
  recognizeMish,
  recognizeSigmoid,
  recognizeSoftplus,
} from './transforms/recognize/activation.ts';
import { recognizeAttention } from './transforms/recognize/attention.ts';
import { recognizeLayernorm } from './transforms/recognize/layernorm.ts';
import { addNegated, divideAtOnce } from './transforms/simplify/arithmetic.ts';
import {
  mergeCasts,
  mergePads,
  mergeReshapes,
  mergeSlices,
  mergeTransposes,
  removeRoundTrip,
} from './transforms/simplify/chains.ts';
import { foldConstantRegions } from './transforms/simplify/constant-regions.ts';
import { foldConstants } from './transforms/simplify/constants.ts';
import {
  joinPieces,
  mergeConcats,
  sliceOfConcat,
  sliceOfParts,
  splitAtOnce,
  splitOfConcat,
} from './transforms/simplify/cut-and-join.ts';
import { removeIdentity, removeNeutral, removeRepeated } from './transforms/simplify/identities.ts';
import { sliceBeforePad } from './transforms/simplify/slice-before-pad.ts';
import { commonSubexpressions, deadCode, equalWeights } from './transforms/simplify/sweeps.ts';

export type { Target } from '../ir/target.ts';
export type { GraphMeasure } from './analysis/cost.ts';
export type { Refusal } from './engine/driver.ts';
export type { Firing } from './engine/fuel.ts';
export type { RemovedShortcut } from './engine/rewriter.ts';

/** Rules that only these targets want; all others run everywhere. Measured by `npm run bench -- rewrites`. */
const onlyFor: ReadonlyMap<Rule, readonly Target[]> = new Map<Rule, readonly Target[]>([
  [optionAConv, ['cpu']],
  [gatherParts, ['portable', 'webgpu', 'cuda']],
  [recognizeAttention, ['portable', 'cpu', 'cuda']],
]);

/** What each pass is for, in a sentence. */
const purposes = {
  simplify:
    'Removes what does nothing, folds what is constant, merges chains of views, shares equal parts, and erases what nobody reads.',
  recognize:
    'Operators that are spelled out become the one node that the opset of the file has for them: LayerNorm, GELU, attention and the like.',
  'move-transpose':
    'Transposes go where fewer of them are left: against each other, behind what makes a tensor small, into weights.',
  'fold-pad': 'A pad of zeros in front of a window is padding of the window.',
  'fold-batchnorm':
    'A batchnorm in inference form is a multiplication and an addition per channel; the linear operator beside it can do both.',
  'fold-affine':
    'Constants that multiply or shift per channel (input normalisation, residual scale, layer scale, gain) go into neighbouring weights.',
  'merge-branches': 'Parallel linear branches over one input become one convolution, as RepVGG does by hand.',
  'commute-pool': 'A pointwise convolution after a pooling, or before an enlargement, runs on the smaller grid.',
  'merge-linear': 'Two linear operators in a row become one where that costs no more.',
  'move-stride': 'Where every reader of a value takes only every s-th element, no other one is computed.',
  'fuse-shortcut':
    'Makes a shortcut cheap: removes what is provably zero or the identity, and gives the sum the form that runtimes fuse.',
  'fuse-gemm': 'Transposes and sums around a product of matrices become flags and an operand of it.',
} as const;

export type PassName = keyof typeof purposes;

export const purposeOf = (pass: PassName): string => purposes[pass];

export interface Stage {
  readonly pass: PassName;
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

const simplify: Stage = { pass: 'simplify', rules: simplifyRules, sweeps: [deadCode, commonSubexpressions, foldConstantRegions] };
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
/** To a fixed point by itself: a merge exposes a batchnorm behind the sum. */
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
/** Behind the bracket, and with it until a round fires nothing. Pooling first brings pointwise beside pointwise. */
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
  { ...simplify, sweeps: [deadCode, commonSubexpressions, foldConstantRegions, equalWeights] },
  // Behind all that moves slices one by one.
  { pass: 'simplify', rules: [splitAtOnce], sweeps: [] },
];
/** The parts of a run, in their order. */
export const schedule: readonly { readonly when: string; readonly stages: readonly Stage[] }[] = [
  { when: 'first', stages: [simplify] },
  { when: 'then, to a fixed point', stages: recognition },
  { when: 'then, once', stages: [zero, ...clear] },
  { when: 'in every round, to a fixed point', stages: bracket },
  { when: 'behind these in every round, until one fires nothing', stages: rounds },
  { when: 'at the end, once', stages: once },
];
export const allStages: readonly Stage[] = schedule.flatMap(({ stages }) => stages);

/** What `--passes` takes, in the order in which the passes run first. */
export const passNames: readonly string[] = [...new Set(allStages.map((stage) => stage.pass))];

/** The opsets from which on a stage runs that does not run below: where a file says more in one node. */
export const stageOpsets: readonly number[] = [...new Set(allStages.flatMap(({ opset }) => opset ?? []))].sort((a, b) => a - b);

/** The targets that want a rule; undefined where all do. */
export const targetsOf = (one: Rule): readonly Target[] | undefined => onlyFor.get(one);

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
  /** The opset of the file that will be written, 13 to 26; default 17. An operator that it lacks is not recognised in its spelling. */
  readonly opset?: number | undefined;
  /** Runs these, in this order, each to its fixed point, instead of the pipeline of the level; names of `passNames`. Stages of a higher level are left out. */
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

/** The pattern, the equation, the conditions and the source of a rule, or of every rule of a pass; undefined for names of neither. */
export function explainRule(name: string): string | undefined {
  const all: readonly (Rule | Sweep)[] = [...allRules, ...allSweeps];
  const found = all.filter((one) => one.name === name || one.name.startsWith(`${name}/`));
  if (found.length === 0) return undefined;
  return found
    .map((one) => [one.name, ...('match' in one ? [`matches ${one.match.text}`] : []), one.doc].join('\n\n'))
    .join('\n\n');
}
