/** A transpose in front of a flattened linear as an order of its columns. */

import type { Node, Value } from '../../../ir/graph.ts';
import * as w from '../../../tensor/algebra.ts';
import { isConstant } from '../../analysis/constants.ts';
import { product } from '../../analysis/numbers.ts';
import { inverse, movingPermOf, type Perm } from '../../analysis/perm.ts';
import { copyIsFree } from '../../analysis/uses.ts';
import { any, op } from '../../engine/pattern.ts';
import { rule } from '../../engine/rule.ts';
import { changed } from '../rebuild.ts';

interface Flattened {
  readonly linear: Node;
  readonly view: Node;
  readonly transpose: Node;
  /** Sizes of the axes that became features, as the transpose puts them; empty where they are not known. */
  readonly sizes: readonly number[];
}

/**
 * The axes in front are one and the same in the transpose, in what it reads and in what the linear reads; all behind became
 * features.
 */
function flattenedSizes(transpose: Node, perm: Perm, flat: Value): readonly number[] {
  const lead = flat.type.dims.length - 1;
  const { dims } = transpose.y.type;
  const same = flat.type.dims.slice(0, lead).every((d, i) => d === dims[i] && perm[i] === i);
  const sizes = dims.slice(lead).map((d) => d.constant);
  if (!same || sizes.length === 0 || sizes.some((n) => n === undefined)) return [];
  return sizes.map((n) => n ?? 0);
}

export const transposeIntoLinear = rule({
  name: 'move-transpose/into-linear',
  doc: `Permutes the columns of a linear's weights instead of the features that it reads.

  W · flatten(transpose(x; p))  →  W' · flatten(x)      the columns of W' are those of W in the order of x

Exact when
  one-reader   only the flattening reads the transpose, and only the linear reads that; neither is an output
  constant     W is a constant
  features     the flattening joins the axes that the transpose moves into the features, and none other moves; their sizes are numbers
  weight-copy  nobody else reads W
Rounding: the order of sums alone.
Source: the matrix product does not care in which order its inner axis comes.`,
  match: op(['linear', 'matmul'], 'linear', op('reshape', 'view', op('transpose', 'transpose')), any('weight')).view(
    ({ linear, view, transpose, weight }): Flattened | undefined => {
      const perm = weight.type.dims.length === 2 ? movingPermOf(transpose) : undefined;
      return perm && { linear, view, transpose, sizes: flattenedSizes(transpose, perm, view.y) };
    },
  ),
  exact: {
    'one-reader': ({ linear, view, transpose }) =>
      view.y.soleUse?.user === linear && transpose.y.soleUse?.user === view && linear.operand(0) === view.y,
    constant: ({ linear }) => isConstant(linear.operand(1)),
    features: ({ sizes, linear }) => {
      const weight = linear.operand(1)?.content?.dims ?? [];
      return sizes.length > 0 && product(sizes) === weight[linear.op.name === 'linear' ? 1 : 0];
    },
    'weight-copy': ({ linear }) => {
      const weight = linear.operand(1);
      return weight !== undefined && copyIsFree(weight, linear, 0);
    },
  },
  rewrite({ linear, view, transpose, sizes }, g) {
    const weight = linear.operand(1);
    const perm = movingPermOf(transpose);
    if (!weight || !perm) return;
    const lead = perm.length - sizes.length;
    // Axis i of the features is axis perm[lead + i] of x: the inverse puts the columns where x has them.
    const back = inverse(perm.slice(lead).map((axis) => axis - lead));
    const x = w.exprOf(weight);
    const last = linear.op.name === 'linear';
    const [rows = 0, columns = 0] = x.dims;
    const split = w.reshape(x, last ? [rows, ...sizes] : [...sizes, columns]);
    const order = last ? [0, ...back.map((axis) => axis + 1)] : [...back, sizes.length];
    const columnsMoved = w.reshape(w.transpose(split, order), x.dims);
    const flat = g.node('reshape', [transpose.x], view.attrs, view);
    const rest = linear.operands.slice(2);
    g.replace(linear.y, g.node(linear.op.name, [flat, changed(g, weight, columnsMoved), ...rest], linear.attrs, linear));
  },
});
