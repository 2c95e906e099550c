/** Permutations of axes: axis i of the result is axis perm[i] of the operand. */
import type { Node } from '../../ir/graph.ts';
import { numbersAttr } from '../../ops/attrs.ts';

export type Perm = readonly number[];

const axisOf = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

/** For each axis of the result the axis of the operand that it is; undefined for other operators and for what permutes nothing. */
export function permOf(node: Node | undefined): Perm | undefined {
  if (node?.op.name !== 'transpose') return undefined;
  const perm = numbersAttr(node.attrs, 'perm').map((axis, _, all) => axisOf(axis, all.length));
  return perm.every((axis, i) => axis === i) ? undefined : perm;
}

export function inverse(perm: Perm): Perm {
  const out: number[] = new Array(perm.length).fill(0);
  for (const [i, axis] of perm.entries()) out[axis] = i;
  return out;
}

/** First `inner`, then `outer`: transpose(transpose(x; inner); outer). */
export const composed = (inner: Perm, outer: Perm): Perm => outer.map((axis) => inner[axis] ?? axis);

export const isIdentity = (perm: Perm): boolean => perm.every((axis, i) => axis === i);

export const samePerm = (a: Perm, b: Perm): boolean => a.length === b.length && a.every((axis, i) => axis === b[i]);
