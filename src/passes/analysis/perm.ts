/** Permutations of axes: axis i of the result is axis perm[i] of the operand. */
import type { Node } from '../../ir/graph.ts';
import { numbersAttr } from '../../ops/attrs.ts';
import { axisIn } from '../../ops/common.ts';

export type Perm = readonly number[];

/** The axes of a transpose, counted from the front: for each axis of the result the axis of the operand that it is. */
export function permOf(transpose: Node): Perm {
  return numbersAttr(transpose.attrs, 'perm').map((axis, _, all) => axisIn(axis, all.length));
}

/** The axes of a transpose; undefined for other operators and for what permutes nothing. */
export function movingPermOf(node: Node | undefined): Perm | undefined {
  const perm = node?.op.name === 'transpose' ? permOf(node) : undefined;
  return perm && isIdentity(perm) ? undefined : perm;
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
