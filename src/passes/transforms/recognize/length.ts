/** Euclidean lengths out of the operators that exporters spell them with. */

import type { Node, Value } from '../../../ir/graph.ts';
import { isFloat } from '../../../ir/types.ts';
import { boolAttr } from '../../../ops/attrs.ts';
import { isConstant } from '../../analysis/constants.ts';
import { reducedAxesOf } from '../../analysis/shapes.ts';
import { soleReader } from '../../analysis/uses.ts';
import { any, op } from '../../engine/pattern.ts';
import { rule } from '../../engine/rule.ts';
import { powerOf, squaredBy } from './norm-parts.ts';

interface Length {
  readonly root: Node;
  readonly sum: Node;
  readonly square: Node;
  readonly x: Value;
}

export const recognizeLength = rule({
  name: 'recognize/reduce-l2',
  doc: `Puts one reduction in the place of the operators that spell a Euclidean length.

  √(Σ x²)  →  reduce_l2(x)

Exact when
  inside   nobody else reads the squares and their sum
  across   the last axis is not summed over: along it the spelling is faster in onnxruntime on CPU, 1.1 to 1.2 times, and stays
The squares are products of x with itself or second powers, the root an operator or a power of ½. What is spelled over constants is folded instead.
Σ|x|, Σ x² and log Σ eˣ stay spelled out: ReduceL1 takes 0.6 to 2.3 times as long there, ReduceSumSquare mostly 1.3 to 4.3 times, ReduceLogSumExp 3 to 30
times.
Rounding: that of every square and of the sum goes.
Source: ONNX ReduceL2-13; Woo et al. 2023, arXiv:2301.00808, global response normalisation.`,
  match: op(['sqrt', 'pow'], 'root', op('reduce_sum', 'sum', op(['mul', 'pow'], 'square', any('x')))).where(
    ({ root, square, x }) => powerOf(root) === 1 && squaredBy(square) === x && isFloat(x.type.elem) && !isConstant(x),
  ),
  exact: {
    inside: ({ root, sum, square }) => soleReader(sum.y) === root && square.y.outputs === 0 && square.y.uses.size === 1,
    across: ({ sum, x }: Length) => reducedAxesOf(sum).every((axis) => axis !== x.type.dims.length - 1),
  },
  rewrite({ root, sum, x }, g) {
    const attrs = { axes: reducedAxesOf(sum), keepdims: boolAttr(sum.attrs, 'keepdims') };
    g.replace(root.y, g.node('reduce_l2', [x], attrs, root));
  },
});
