/** A product over the last axis as the pointwise conv that it is where that axis stands at 1. */

import type { Node, Value } from '../../../ir/graph.ts';
import * as w from '../../../tensor/algebra.ts';
import { hasConstantWeights, type LinearView, linearView, weightOf } from '../../analysis/linear.ts';
import type { Perm } from '../../analysis/perm.ts';
import type { Rewriter } from '../../engine/rewriter.ts';
import { changed } from '../rebuild.ts';

/**
 * A conv of fewer channels is slower in onnxruntime on CPU than the product and its transposes, up to 1.4 times; of more it takes
 * 0.6 to 0.9 of the time.
 */
const leastChannels = 16;

/** The product, if axis i of its result stands at place[i] in the other order and a conv says it there. */
export function pointwiseAt(node: Node, place: Perm): LinearView | undefined {
  const rank = place.length;
  if (rank < 3 || place[rank - 1] !== 1 || (node.op.name !== 'linear' && node.op.name !== 'matmul')) return undefined;
  const view = linearView(node);
  if (view?.x.type.dims.length !== rank || !hasConstantWeights(view)) return undefined;
  // The element types that Conv has at every opset.
  if (!['f32', 'f16', 'f64'].includes(node.y.type.elem)) return undefined;
  return Math.min(view.inputs, view.outputs) < leastChannels ? undefined : view;
}

/** The conv on `x`, which has the order of axes that the conv wants. */
export function asPointwise(g: Rewriter, view: LinearView, x: Value): Value {
  const matrix = view.kind === 'matmul' ? w.transpose(weightOf(view), [1, 0]) : weightOf(view);
  const grid = x.type.dims.slice(2).map(() => 1);
  const weight = changed(g, view.weight, w.reshape(matrix, [view.outputs, view.inputs, ...grid]));
  return g.node('conv', view.bias ? [x, weight, view.bias] : [x, weight], {}, view.node, view.node);
}
