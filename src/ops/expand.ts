/** Repeating along axes of size 1. ONNX Expand-13; torch.expand. */
import { Dim } from '../ir/dim.ts';
import type { Check, InferContext } from '../ir/operator.ts';
import { typeText } from '../ir/types.ts';
import { dimsAttr, given, numbersAttr } from './attrs.ts';
import { broadcastTo, constantDims, dimsText, sameDim, sampleDims, xOnly } from './common.ts';
import { defineLayer, defineOperator, type LayerBuilder } from './define.ts';
import { dims } from './params.ts';
import { movingTraits } from './traits.ts';

/**
 * ONNX Expand-13 and torch.expand: sizes of 1 are repeated. The shape is the result's: x broadcasts to it, not the two to each
 * other.
 */
export const expand = defineOperator({
  name: 'expand',
  summary: 'Repeats x along axes of size 1',
  onnx: ['Expand'],
  operands: xOnly,
  attrs: { shape: { kind: 'dims', doc: "the result's shape" } },
  traits: movingTraits({ keepsOrder: false, handsOn: true, axes: 'unknown', idempotent: true, involution: 'unknown' }),
  infer(context: InferContext) {
    const { operands, attrs } = context;
    const check: Check = context.check;
    const x = given(operands, 0);
    const shape = dimsAttr(attrs, 'shape');
    const shift = shape.length - x.dims.length;
    const place = x.dims.findIndex((d, i) => d.constant !== 1 && !sameDim(d, shape[i + shift] ?? Dim.zero));
    check('c1', shift >= 0, `${typeText(x)} and a shape ${dimsText(shape)}`, `a shape of at least ${x.dims.length} sizes`);
    const wanted = `${x.dims[place] ?? 1} and ${shape[place + shift] ?? 1} equal, or the first of them 1`;
    check('c2', place < 0, `${typeText(x)} and a shape ${dimsText(shape)}`, wanted);
    return [{ elem: x.elem, dims: shape }];
  },
  evaluate(operands, attrs) {
    const x = given(operands, 0);
    const shape = numbersAttr(attrs, 'shape');
    return [{ elem: x.elem, dims: shape, data: broadcastTo(x, shape) }];
  },
  lower(builder, node, operands) {
    const [x, y] = [node.x.type.dims, node.y.type.dims];
    // Shapes broadcast to each other, so that a size that x has needs no number.
    const shape = y.map((d, i) => (d.constant === undefined && d === x[i - y.length + x.length] ? Dim.one : d));
    return [builder.node('Expand', [given(operands, 0), builder.dims(shape)], {}, node.y.type)];
  },
  sample(source) {
    const shape = sampleDims(source, 1, 4);
    const dims = shape.slice(source.int(0, shape.length)).map((d) => (source.bool() ? 1 : d));
    return { operands: [source.tensor(dims)], attrs: { shape: constantDims(shape) } };
  },
});

export const expandLayer = defineLayer({
  name: 'expand',
  summary: 'Repeats along axes of size 1',
  source: 'torch.Tensor.expand',
  family: 'Shapes',
  params: { shape: dims({ rest: true, doc: "the result's shape; -1 keeps a size" }) },
  build(builder: LayerBuilder, [x], p) {
    const shift = p.shape.length - x.type.dims.length;
    const shape = p.shape.map((d, i) => (d.constant === -1 ? (x.type.dims[i - shift] ?? d) : d));
    const known = shape.every((d) => d.upperBound >= 0);
    builder.check('c3', known, `a shape ${dimsText(p.shape)}`, 'sizes, or -1 for an axis that is there already');
    return builder.op(expand, [x], { shape });
  },
});
