/** Memory that is read in the order in which it lies, as torch.export writes the strides of PyTorch. */

import { productOf } from '../../../ir/dim.ts';
import { numberAttr } from '../../../ops/attrs.ts';
import { axisIn } from '../../../ops/common.ts';
import { any, op } from '../../engine/pattern.ts';
import { rule } from '../../engine/rule.ts';
import { countsUp, stridedOf } from './strided.ts';

export const gatherInOrder = rule({
  name: 'simplify/gather-in-order',
  doc: `Makes a reshape of a gather of all places of an axis in their order.

  gather(x; i)  →  reshape(x)      where i = 0, 1, 2, …, row by row

i has as many elements as the axis has places. It is a constant, or what ranges, products with a number, sums, and axes of size 1 make of some: for
[N, C] that is C · range(N) + range(C).
Exact always. Rounding: none; elements keep their row-major order.
Source: the decomposition of aten.as_strided in torch.onnx, which ConvNeXt's mean over the grid comes to.`,
  // A reshape copies no element; it counts as many as a gather here, of which there is one less, so that it ends.
  lowers: false,
  match: op('gather', 'node', any('x'), any('at')).where(({ node, x, at }) => {
    const axis = axisIn(numberAttr(node.attrs, 'axis'), x.type.dims.length);
    if (x.type.dims[axis]?.equals(productOf(at.type.dims)) !== 'yes') return false;
    const strided = stridedOf(at);
    return strided !== undefined && countsUp(strided, at.type.dims);
  }),
  exact: {},
  rewrite: ({ node, x }, g) => g.replace(node.y, g.node('reshape', [x], { shape: node.y.type.dims }, node)),
});
