/** Where elements are not zero: ONNX NonZero-13; torch.nonzero, numpy.nonzero. */
import { outside } from '../diagnostics/at.ts';
import { Dim, unlessOverflow } from '../ir/dim.ts';
import type { Value } from '../ir/graph.ts';
import type { Check, InferContext } from '../ir/operator.ts';
import { elementCount, typeText } from '../ir/types.ts';
import { given } from './attrs.ts';
import { castTo } from './cast.ts';
import { sampleDims, sizeOf, stridesOf, xOnly } from './common.ts';
import { split } from './concat.ts';
import { defineLayer, defineOperator, type LayerBuilder } from './define.ts';
import { bool } from './params.ts';
import { squeeze } from './reshape.ts';
import { unknownTraits } from './traits.ts';
import { transpose } from './transpose.ts';

/** Element types that onnxruntime's kernel takes; of others the question is asked as a bool. */
const direct: readonly string[] = ['bool', 'f32', 'i32', 'i64', 'u8'];

export const nonzero = defineOperator({
  name: 'nonzero',
  summary: 'The places of the elements that are not zero as i64, a column each, in row-major order',
  onnx: ['NonZero', 'Cast'],
  operands: xOnly,
  attrs: {},
  form: { op: 'NonZero' },
  traits: { ...unknownTraits, elementwise: false, handsOn: false, resamples: false },
  infer(context: InferContext) {
    const check: Check = context.check;
    const x = given(context.operands, 0);
    check('c1', x.dims.length > 0, typeText(x), 'a tensor with axes');
    const most = unlessOverflow(() => sizeOf(x.dims));
    return [{ elem: 'i64', dims: [Dim.of(x.dims.length), context.fresh('nonzero', most)] }];
  },
  evaluate(operands) {
    const x = given(operands, 0);
    const places: number[] = [];
    // NaN is not zero, and neither is a large integer, whose number stands elsewhere.
    for (const [at, value] of x.data.entries()) if (value !== 0) places.push(at);
    const strides = stridesOf(x.dims);
    const data = x.dims.flatMap((d, axis) => places.map((at) => Math.floor(at / (strides[axis] ?? outside())) % d));
    return [{ elem: 'i64', dims: [x.dims.length, places.length], data: Float64Array.from(data) }];
  },
  lower(b, node, operands) {
    const { elem, dims } = node.x.type;
    const x = given(operands, 0);
    const asked = direct.includes(elem) ? x : castTo(b, x, { elem: 'bool', dims });
    return [b.node('NonZero', [asked], {}, node.y.type)];
  },
  sample(source) {
    const dims = sampleDims(source, 1, 3);
    const elem = source.pick(['bool', 'i64', 'f32', 'f64'] as const);
    const data = Float64Array.from({ length: elementCount(dims) }, () => source.int(0, 2) % 2);
    return { operands: [{ elem, dims, data }], attrs: {} };
  },
});

/** A vector of places for every axis. */
export function placesByAxis(b: LayerBuilder, x: Value): readonly Value[] {
  const found = b.op(nonzero, [x]);
  const rank = x.type.dims.length;
  const rows = rank === 1 ? [found] : b.ops(split, [found], { axis: 0, parts: rank });
  return rows.map((row) => b.op(squeeze, [row], { axes: [0] }));
}

export const nonzeroLayer = defineLayer({
  name: 'nonzero',
  summary: 'Where elements are true, or not zero: `nonzero(scores > 0.5)`; of a vector their indices, else a row of indices each',
  source: 'torch.nonzero; ONNX NonZero',
  family: 'Data-dependent sizes',
  params: { as_tuple: bool({ default: false, doc: 'a list with the indices along each axis, as vectors' }) },
  build(b: LayerBuilder, [x], p) {
    if (p.as_tuple || x.type.dims.length === 1) {
      const places = placesByAxis(b, x);
      return p.as_tuple ? places : given(places, 0);
    }
    return b.op(transpose, [b.op(nonzero, [x])], { perm: [1, 0] });
  },
});
