/**
 * Facts of operators by family, so that a definition states what differs in its family and no more. What a family leaves to its
 * members has no default: who forgets one does not compile.
 */
import type { Traits } from '../ir/operator.ts';
import { movedElements } from './element-dims.ts';

/** Nothing is known. What tells more stands on it. */
export const unknownTraits: Traits = {
  elementwise: 'unknown',
  commutative: 'unknown',
  homogeneous: 'unknown',
  channelwise: 'unknown',
  keepsZero: 'unknown',
  idempotent: 'unknown',
  involution: 'unknown',
  sign: 'unknown',
  moves: 'unknown',
  keepsOrder: 'unknown',
  handsOn: 'unknown',
  axes: 'unknown',
  resamples: 'unknown',
  thresholds: 'unknown',
  contracts: 'unknown',
  dims: 'unknown',
  roundsOnce: 'unknown',
  random: false,
  foldable: true,
};

/** What differs between functions of one number. */
export type FunctionFacts = Pick<
  Traits,
  'homogeneous' | 'keepsZero' | 'idempotent' | 'involution' | 'sign' | 'thresholds' | 'dims' | 'roundsOnce'
>;

/** A function of every element for itself. */
export const functionTraits = (own: FunctionFacts): Traits => ({
  elementwise: true,
  channelwise: true,
  commutative: 'unknown',
  ...own,
  moves: 'no',
  keepsOrder: false,
  handsOn: false,
  axes: 'free',
  resamples: false,
  contracts: 'no',
  random: false,
  foldable: true,
});

/** What differs between functions of several numbers. */
export type BroadcastingFacts = Pick<
  Traits,
  'commutative' | 'homogeneous' | 'keepsZero' | 'sign' | 'thresholds' | 'dims' | 'roundsOnce'
>;

/** A function of the elements that stand at one place of several operands. */
export const broadcastingTraits = (own: BroadcastingFacts): Traits => ({
  elementwise: true,
  channelwise: true,
  ...own,
  contracts: 'no',
  idempotent: 'unknown',
  involution: 'unknown',
  moves: 'no',
  keepsOrder: false,
  handsOn: false,
  axes: 'free',
  resamples: false,
  random: false,
  foldable: true,
});

/** What differs between operators that move elements. */
export type MovingFacts = Pick<Traits, 'keepsOrder' | 'handsOn' | 'axes' | 'idempotent' | 'involution'>;

/**
 * Moves the elements of its first operand: whatever holds for the elements of that, and does not ask where they are, holds for
 * the result.
 */
export const movingTraits = (own: MovingFacts): Traits => ({
  elementwise: false,
  channelwise: false,
  commutative: 'unknown',
  homogeneous: 'any',
  keepsZero: true,
  sign: 'first',
  moves: 'first',
  dims: movedElements,
  roundsOnce: true,
  ...own,
  resamples: false,
  thresholds: 'no',
  contracts: 'no',
  random: false,
  foldable: true,
});

/** What differs between operators that compute each result from many elements: sums, products, windows, statistics. */
export type GatheringFacts = Pick<
  Traits,
  'homogeneous' | 'channelwise' | 'keepsZero' | 'idempotent' | 'sign' | 'handsOn' | 'axes' | 'resamples' | 'dims' | 'roundsOnce'
>;

/** Computes each result from many elements. */
export const gatheringTraits = (own: GatheringFacts): Traits => ({
  elementwise: false,
  commutative: 'unknown',
  ...own,
  involution: 'unknown',
  moves: 'no',
  keepsOrder: false,
  thresholds: 'unknown',
  contracts: 'unknown',
  random: false,
  foldable: true,
});

/** A sum of products of x and weights, and perhaps a bias. Of floats alone, which are no dimensions. */
export const linearTraits = (own: Pick<Traits, 'contracts'>): Traits => ({
  ...gatheringTraits({
    homogeneous: 'no',
    channelwise: 'unknown',
    keepsZero: false,
    idempotent: 'unknown',
    sign: 'all',
    handsOn: 'unknown',
    axes: 'unknown',
    resamples: false,
    dims: 'unknown',
    roundsOnce: 'unknown',
  }),
  ...own,
});

/** Divides by a deviation, and shifts. */
export const normTraits: Traits = { ...linearTraits({ contracts: 'unknown' }), sign: 'no', handsOn: false };

/** Makes elements out of nothing, or out of shapes. */
export const sourceTraits = (own: Pick<Traits, 'dims'>): Traits => ({
  ...unknownTraits,
  ...own,
  elementwise: false,
  moves: 'no',
  keepsOrder: false,
  resamples: false,
});
