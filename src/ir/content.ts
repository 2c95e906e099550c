/**
 * What a constant value of the graph is made of, as far as the graph needs to know. `src/tensor` implements it as lazy
 * expressions (`src/tensor/expr.ts`); the graph only carries it. Equal contents are the same object (they are interned).
 */
import type { ElemType, WideIntegers } from './types.ts';

export interface Content {
  /** Dense number in order of creation; equal contents have equal ids. */
  readonly id: number;
  /** Who keeps equal contents one object; all contents of a graph have the same. */
  readonly session: object;
  readonly elem: ElemType;
  readonly dims: readonly number[];
  /** The text form, as the graph's text form prints it: `conv1.weight[16, 3, 3, 3]`, `mul(…)`. */
  text(): string;
  /** Every element, when that is known at once and small (64 KiB of float32 at most): rules look at these. */
  readonly resident: Float64Array | undefined;
  /** Of a resident one with a 64-bit integer beyond 2^53: all elements, which `resident` has as NaN there. */
  readonly wide: WideIntegers | undefined;
}
