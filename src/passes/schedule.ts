import type { Target } from '../ir/target.ts';
import type { Rule, Sweep } from './engine/rule.ts';
import { joinGroups, raiseConv, raisePool, sinkReshape } from './transforms/blocked-layout.ts';
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
import { gemmIsLinear, gemmOperand, gemmResult, gemmRows, gemmSum } from './transforms/fuse-gemm.ts';
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
import { recognizeBatchnorm } from './transforms/recognize/batchnorm.ts';
import { recognizeLayernorm } from './transforms/recognize/layernorm.ts';
import { recognizeLength } from './transforms/recognize/length.ts';
import { recognizeLogSoftmax } from './transforms/recognize/log-softmax.ts';
import { recognizeMean } from './transforms/recognize/mean.ts';
import { recognizeRmsnorm } from './transforms/recognize/rmsnorm.ts';
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
import { knownControlFlow } from './transforms/simplify/control-flow.ts';
import {
  joinPieces,
  mergeConcats,
  sliceOfConcat,
  sliceOfParts,
  splitAtOnce,
  splitOfConcat,
} from './transforms/simplify/cut-and-join.ts';
import { gatherInOrder } from './transforms/simplify/gather-in-order.ts';
import { removeIdentity, removeNeutral, removeRepeated } from './transforms/simplify/identities.ts';
import { mergeReductions } from './transforms/simplify/reductions.ts';
import { sliceBeforePad } from './transforms/simplify/slice-before-pad.ts';
import { commonSubexpressions, deadCode, equalWeights } from './transforms/simplify/sweeps.ts';
import { pickAtOnce, unitAxes, unstack } from './transforms/simplify/unstack.ts';

/**
 * Rules that only these targets want; all others run everywhere. Measured by `npm run bench -- rewrites`, and on GPUs by
 * `npm run bench -- gpu`.
 */
const onlyFor: ReadonlyMap<Rule, readonly Target[]> = new Map<Rule, readonly Target[]>([
  [optionAConv, ['cpu']],
  // The layout is that of onnxruntime's CPU provider.
  ...[raiseConv, raisePool, sinkReshape, joinGroups].map((one): [Rule, readonly Target[]] => [one, ['cpu']]),
  // On CUDA a run at N = 1 waits for the host, which takes longer for a Concat than for what it replaces (bench/gpu.md).
  [concatForm, ['portable', 'cpu', 'webgpu']],
  // Measured on CPU alone.
  [gemmRows, ['portable', 'cpu']],
  [recognizeBatchnorm, ['portable', 'cpu']],
  [gatherParts, ['portable', 'webgpu', 'cuda']],
  [recognizeAttention, ['portable', 'cpu', 'cuda']],
]);

/** What each pass is for, in a sentence. */
const purposes = {
  simplify:
    'Removes what does nothing, folds what is constant, merges chains of views, shares equal parts, and erases what nobody reads.',
  recognize:
    'Operators that are spelled out become one again, which folds do not cut into: LayerNorm, RMSNorm, GELU, attention and the like.',
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
  'blocked-layout': 'Convolutions take the form that the blocked layout of a CPU has kernels for.',
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
  /** What it makes is worth another round: the conv that option A becomes may merge with a body that is a single conv. */
  readonly again?: boolean;
  /** From which opset on; any where nothing is said. */
  readonly opset?: number;
  /** From which opset on ONNX says in one node what its rules make. */
  readonly since?: number;
}

const simplifyRules = [
  foldConstants,
  removeIdentity,
  removeNeutral,
  mergeReshapes,
  mergeTransposes,
  unitAxes,
  mergeSlices,
  mergeCasts,
  mergePads,
  mergeReductions,
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
  gatherInOrder,
] as const;

const simplify: Stage = {
  pass: 'simplify',
  rules: simplifyRules,
  sweeps: [knownControlFlow, deadCode, commonSubexpressions, foldConstantRegions],
};
/**
 * Operators that are spelled out, at every opset: before the folds, which would draw the constants of a spelling into its
 * neighbours, and leave runtimes without the operator that they make of the whole. Below the opset that has it in one node the
 * lowering spells it as they know it. But not attention, whose scale and transposes are better off in its neighbours where it
 * stays spelled out. Hardswish before hardsigmoid, which is a part of it.
 */
const recognition: readonly Stage[] = [
  { pass: 'recognize', rules: [recognizeHardswish], sweeps: [], since: 14 },
  { pass: 'recognize', rules: [recognizeHardsigmoid, recognizeSoftplus, recognizeSigmoid], sweeps: [] },
  { pass: 'recognize', rules: [recognizeMean], sweeps: [] },
  { pass: 'recognize', rules: [recognizeLayernorm], sweeps: [], since: 17 },
  { pass: 'recognize', rules: [recognizeRmsnorm], sweeps: [], since: 23 },
  { pass: 'recognize', rules: [recognizeLength, recognizeLogSoftmax], sweeps: [] },
  { pass: 'recognize', rules: [recognizeMish], sweeps: [], since: 18 },
  { pass: 'recognize', rules: [recognizeGelu], sweeps: [], since: 20 },
  { pass: 'recognize', rules: [recognizeAttention], sweeps: [], opset: 23, since: 23 },
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
  { pass: 'blocked-layout', rules: [raiseConv, raisePool, sinkReshape, joinGroups], sweeps: [] },
  { pass: 'move-transpose', rules: [gatherParts], sweeps: [], level: 2 },
  // Last, because nothing folds into a gemm that is no linear.
  { pass: 'fuse-gemm', rules: [gemmOperand, gemmResult, gemmSum, gemmRows], sweeps: [] },
  // What could not be folded into weights.
  { pass: 'recognize', rules: [recognizeBatchnorm], sweeps: [] },
  { ...simplify, sweeps: [knownControlFlow, deadCode, commonSubexpressions, foldConstantRegions, equalWeights] },
  // Behind all that moves slices one by one.
  { pass: 'simplify', rules: [unstack, pickAtOnce, splitAtOnce], sweeps: [] },
];
export interface SchedulePart {
  readonly stages: readonly Stage[];
  /** Every stage comes to its own fixed point; `fixed-point`: all of them together. */
  readonly until: 'once' | 'fixed-point';
  /** Parts of the round follow each other, and run again until all of them together do nothing. */
  readonly round?: boolean;
}

/** The parts of a run, in their order. */
export const schedule: readonly SchedulePart[] = [
  { until: 'once', stages: [simplify] },
  { until: 'fixed-point', stages: recognition },
  { until: 'once', stages: [zero, ...clear] },
  { until: 'fixed-point', stages: bracket, round: true },
  { until: 'once', stages: rounds, round: true },
  { until: 'once', stages: once },
];

export const allStages: readonly Stage[] = schedule.flatMap(({ stages }) => stages);

/** What `--passes` takes, in the order in which the passes run first. */
export const passNames: readonly string[] = [...new Set(allStages.map((stage) => stage.pass))];

/** The opsets from which on a file says more in one node. */
export const stageOpsets: readonly number[] = [...new Set(allStages.flatMap(({ since }) => since ?? []))].sort((a, b) => a - b);

/** The targets that want a rule; undefined where all do. */
export const targetsOf = (one: Rule): readonly Target[] | undefined => onlyFor.get(one);

/** Every rule, in the order of the pipeline. */
export const allRules: readonly Rule[] = [...new Set(allStages.flatMap((stage) => stage.rules))];
export const allSweeps: readonly Sweep[] = [...new Set(allStages.flatMap((stage) => stage.sweeps))];
