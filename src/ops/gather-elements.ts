/** Picking single elements along an axis: ONNX GatherElements-13; torch.gather. */
import { outside } from '../diagnostics/at.ts';
import type { Check, InferContext } from '../ir/operator.ts';
import { type HostTensor, typeText } from '../ir/types.ts';
import { given, numberAttr, onnxInt } from './attrs.ts';
import { alongAxis } from './axes.ts';
import { axisIn, checkAxis, indexAt, sampleDims, stridesOf } from './common.ts';
import { defineOperator, layerOf } from './define.ts';
import { int } from './params.ts';
import { movingTraits } from './traits.ts';

/** For every index the place, in a tensor of these sizes, of the element that it names: its own, but along the axis. */
export function elementPlaces(dims: readonly number[], indices: HostTensor, axis: number): Int32Array {
  const [strides, own] = [stridesOf(dims), stridesOf(indices.dims)];
  return Int32Array.from(indices.data, (_, k) => {
    let at = indexAt(indices, k, dims, axis) * (strides[axis] ?? outside());
    own.forEach((stride, i) => {
      if (i !== axis) at += (Math.floor(k / stride) % (indices.dims[i] ?? outside())) * (strides[i] ?? outside());
    });
    return at;
  });
}

export const gatherElements = defineOperator({
  name: 'gather_elements',
  summary: 'For every index the element of x at its place, but along the axis where the index says',
  onnx: ['GatherElements'],
  operands: [
    { name: 'x', doc: 'the tensor' },
    {
      name: 'indices',
      doc: 'i64 or i32 of the rank of x, no larger than x on the other axes; −1 is the last',
      indexes: { operand: 0, axis: 'axis' },
    },
  ],
  attrs: { axis: { kind: 'int', default: 0, doc: 'the axis along which to pick' } },
  traits: movingTraits({ keepsOrder: false, handsOn: false, axes: alongAxis, idempotent: 'unknown', involution: 'unknown' }),
  infer(context: InferContext) {
    const { operands, attrs } = context;
    const check: Check = context.check;
    const [x, indices] = [given(operands, 0), given(operands, 1)];
    const integer = indices.elem === 'i64' || indices.elem === 'i32';
    check('c1', integer, `indices ${typeText(indices)}`, 'indices of type i64 or i32', 'cast(i64)');
    checkAxis(check, 'c2', numberAttr(attrs, 'axis'), x.dims.length);
    const rank = x.dims.length;
    check('c3', indices.dims.length === rank, `indices ${typeText(indices)}`, `indices of the rank of ${typeText(x)}`);
    const axis = axisIn(numberAttr(attrs, 'axis'), rank);
    indices.dims.forEach((d, i) => {
      const fits = i === axis || d.atMost(given(x.dims, i)) === 'yes';
      check('c4', fits, `indices ${typeText(indices)}`, `at most ${given(x.dims, i)} at axis ${i}, as ${typeText(x)} has`);
    });
    return [{ elem: x.elem, dims: indices.dims }];
  },
  evaluate(operands, attrs) {
    const [x, indices] = [given(operands, 0), given(operands, 1)];
    const axis = axisIn(numberAttr(attrs, 'axis'), x.dims.length);
    const data = Float64Array.from(elementPlaces(x.dims, indices, axis), (at) => x.data[at] ?? outside());
    return [{ elem: x.elem, dims: indices.dims, data }];
  },
  lower(builder, node, operands) {
    const axis = axisIn(numberAttr(node.attrs, 'axis'), node.x.type.dims.length);
    return [builder.node('GatherElements', operands, { axis: onnxInt(axis) }, node.y.type)];
  },
  sample(source) {
    const dims = sampleDims(source, 1, 3);
    const axis = source.int(-dims.length, dims.length - 1);
    const at = axisIn(axis, dims.length);
    const size = dims[at] ?? outside();
    const shape = dims.map((d, i) => (i === at ? source.int(1, 5) : source.int(1, d)));
    const indices = source.tensor(shape, { elem: source.pick(['i64', 'i32'] as const), low: -size, high: size });
    return { operands: [source.tensor(dims, { elem: source.pick(['f32', 'i64'] as const) }), indices], attrs: { axis } };
  },
});

export const gatherElementsLayer = layerOf(gatherElements, {
  source: 'torch.gather; ONNX GatherElements',
  family: 'Shapes',
  operands: { names: ['it', 'indices'], min: 2, max: 2 },
  params: { axis: int({ default: 0, doc: 'the axis along which to pick' }) },
});
