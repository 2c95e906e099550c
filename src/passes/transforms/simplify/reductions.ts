/** Two reductions of one kind in a row that one of them says. */

import type { Node } from '../../../ir/graph.ts';
import { boolAttr } from '../../../ops/attrs.ts';
import { operatorSet } from '../../analysis/operators.ts';
import { reducedAxesOf } from '../../analysis/shapes.ts';
import { soleReader } from '../../analysis/uses.ts';
import { op } from '../../engine/pattern.ts';
import { rule } from '../../engine/rule.ts';
import type { Chain } from './chains.ts';

/** Of all elements they say the same as of what they say of parts that are equally large. */
const gathering = operatorSet('reduction', [
  'reduce_sum',
  'reduce_mean',
  'reduce_max',
  'reduce_min',
  'reduce_prod',
  'reduce_l1',
  'reduce_l2',
]);

const keepsAxes = (node: Node): boolean => boolAttr(node.attrs, 'keepdims');

/** The axes of x along which the two reduce. */
function bothAxes({ outer, inner }: Chain): readonly number[] {
  const first = reducedAxesOf(inner);
  const left = inner.x.type.dims.flatMap((_, axis) => (keepsAxes(inner) || !first.includes(axis) ? [axis] : []));
  return [...new Set([...first, ...reducedAxesOf(outer).map((axis) => left[axis] ?? axis)])].sort((a, b) => a - b);
}

export const mergeReductions = rule({
  name: 'simplify/reductions',
  doc: `Makes one reduction of two of one kind.

  sum(sum(x; 3); 2)  →  sum(x; 2, 3)      and likewise of mean, max, min, product, Σ|x| and √(Σ x²); both keep reduced axes, or neither does

Exact when
  one-reader   only the outer reads the inner, which is no output
  neighbours   the axes stand next to each other: runtimes are slower along axes that do not
Rounding: the order of sums; of f16, which runtimes round in between, a rounding less.
Source: associativity; a mean of means of equally many numbers is their mean.`,
  match: op(gathering, 'outer', op(gathering, 'inner')).where(
    ({ outer, inner }) => outer.op === inner.op && keepsAxes(outer) === keepsAxes(inner),
  ),
  exact: {
    'one-reader': ({ outer, inner }) => soleReader(inner.y) === outer,
    neighbours: (m) => {
      const axes = bothAxes(m);
      return axes.every((axis, i) => axis === (axes[0] ?? 0) + i);
    },
  },
  rewrite(m, g) {
    const attrs = { axes: bothAxes(m), keepdims: keepsAxes(m.outer) };
    g.replace(m.outer.y, g.node(m.outer.op.name, [m.inner.x], attrs, m.outer));
  },
});
