/** Memory that is read in the order in which it lies, as torch.export writes the strides of PyTorch. */

import { productOf } from '../../../ir/dim.ts';
import { hostOf, type Value } from '../../../ir/graph.ts';
import { numberAttr } from '../../../ops/attrs.ts';
import { axisIn, dimAttr } from '../../../ops/common.ts';
import { numberOf } from '../../analysis/polynomial.ts';
import { reshaping } from '../../analysis/shapes.ts';
import { any, op } from '../../engine/pattern.ts';
import { rule } from '../../engine/rule.ts';

const counts = (value: Value | undefined): boolean => hostOf(value)?.data.every((n, i) => n === i) ?? false;

const belowViews = (value: Value): Value => {
  const node = value.producer;
  return node && reshaping.names.has(node.op.name) ? belowViews(node.x) : value;
};

/** c · range(N), as [N, 1, …]: a sum with 0 … c − 1 along the other axes counts row by row. */
function isRows(value: Value, count: number | undefined): boolean {
  const scaled = belowViews(value).producer;
  if (scaled?.op.name !== 'mul' || !value.type.dims.slice(1).every((size) => size.constant === 1)) return false;
  const range = belowViews(scaled.x).producer;
  if (range?.op.name !== 'range' || numberOf(scaled.operand(1)) !== count) return false;
  return dimAttr(range.attrs, 'start').constant === 0 && range.attrs.step === 1;
}

function countsUp(at: Value): boolean {
  if (counts(at)) return true;
  const [a, b] = at.producer?.op.name === 'add' ? at.producer.operands : [];
  const [rows, columns] = counts(b) ? [a, b] : [b, a];
  const count = productOf(at.type.dims.slice(1)).constant;
  const whole = rows?.type.dims.length === at.type.dims.length && hostOf(columns)?.data.length === count;
  return whole && counts(columns) && rows !== undefined && isRows(rows, count);
}

export const gatherInOrder = rule({
  name: 'simplify/gather-in-order',
  doc: `Makes a reshape of a gather of all places of an axis in their order.

  gather(x; i)  →  reshape(x)      where i = 0, 1, 2, …, row by row

i has as many elements as the axis has places. It is a constant, or c · range(N) as [N, 1, …] and the constant 0 … c − 1 along the other axes, which
have c elements.
Exact always. Rounding: none; elements keep their row-major order.
Source: the decomposition of aten.as_strided in torch.onnx, which ConvNeXt's mean over the grid comes to.`,
  // A reshape copies no element; it counts as many as a gather here, of which there is one less, so that it ends.
  lowers: false,
  match: op('gather', 'node', any('x'), any('at')).where(({ node, x, at }) => {
    const axis = axisIn(numberAttr(node.attrs, 'axis'), x.type.dims.length);
    return x.type.dims[axis]?.equals(productOf(at.type.dims)) === 'yes' && countsUp(at);
  }),
  exact: {},
  rewrite: ({ node, x }, g) => g.replace(node.y, g.node('reshape', [x], { shape: node.y.type.dims }, node)),
});
