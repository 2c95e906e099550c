/** Means out of the sums and divisions that exporters spell them with. */

import type { Node } from '../../../ir/graph.ts';
import { roundFloat } from '../../../ir/round.ts';
import { isFloat, sameType } from '../../../ir/types.ts';
import { boolAttr } from '../../../ops/attrs.ts';
import { everyElement } from '../../analysis/constants.ts';
import { reducedAxesOf } from '../../analysis/shapes.ts';
import { soleReader } from '../../analysis/uses.ts';
import { constant, either, oneOf, op } from '../../engine/pattern.ts';
import { rule } from '../../engine/rule.ts';

/** How many elements are summed, where that is known. */
function countOf(sum: Node): number {
  return reducedAxesOf(sum).reduce((n, axis) => n * (sum.x.type.dims[axis]?.constant ?? Number.NaN), 1);
}

/** The number that makes a mean of the sum, rounded to the type as an exporter rounds it. */
function divisor(node: Node, sum: Node): number {
  const n = countOf(sum);
  const { elem } = node.y.type;
  return node.op.name === 'div' || !isFloat(elem) ? n : roundFloat(elem, 1 / n);
}

export const recognizeMean = rule({
  name: 'recognize/mean',
  doc: `Puts one mean in the place of a sum that is divided by how many it adds.

  Σ x / n  →  mean(x)      Σ x · (1/n)  →  mean(x)

Exact when
  count        n elements are added, which is known; 1/n is rounded to the element type
  one-reader   only the division reads the sum, which is no output
Rounding: that of 1/n goes.
Source: ONNX ReduceMean-13.`,
  match: oneOf(
    op('div', 'node', op('reduce_sum', 'sum'), constant('c')),
    either('mul', 'node', op('reduce_sum', 'sum'), constant('c')),
  ).where(({ node, sum }) => isFloat(node.y.type.elem) && sameType(node.y.type, sum.y.type)),
  exact: {
    count: ({ node, sum, c }) => countOf(sum) > 0 && everyElement(c.content, divisor(node, sum)),
    'one-reader': ({ node, sum }) => soleReader(sum.y) === node,
  },
  rewrite({ node, sum }, g) {
    const attrs = { axes: reducedAxesOf(sum), keepdims: boolAttr(sum.attrs, 'keepdims') };
    g.replace(node.y, g.node('reduce_mean', [sum.x], attrs, node));
  },
});
