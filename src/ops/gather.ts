/** Picking elements by their index. ONNX Gather-13; torch.index_select with indices of any shape. */
import { outside } from '../diagnostics/at.ts';
import type { Check, InferContext } from '../ir/operator.ts';
import { elementCount, typeText } from '../ir/types.ts';
import { given, numberAttr } from './attrs.ts';
import { aroundAxis, axisIn, checkAxis, indexAt, sampleDims } from './common.ts';
import { defineOperator, layerOf } from './define.ts';
import { int } from './params.ts';
import { movingTraits } from './traits.ts';

export const gather = defineOperator({
  name: 'gather',
  summary: 'The slices of x along an axis that the indices name',
  onnx: ['Gather'],
  operands: [
    { name: 'x', doc: 'the tensor' },
    {
      name: 'indices',
      doc: 'i64 or i32 of any shape, which takes the place of the axis; −1 is the last',
      indexes: { operand: 0, axis: 'axis' },
    },
  ],
  attrs: { axis: { kind: 'int', default: 0, doc: 'the axis along which to pick' } },
  traits: movingTraits({ keepsOrder: false, handsOn: false, axes: 'unknown', idempotent: 'unknown', involution: 'unknown' }),
  infer(context: InferContext) {
    const { operands, attrs } = context;
    const check: Check = context.check;
    const x = given(operands, 0);
    const indices = given(operands, 1);
    const integer = indices.elem === 'i64' || indices.elem === 'i32';
    check('c1', integer, `indices ${typeText(indices)}`, 'indices of type i64 or i32', 'cast(i64)');
    checkAxis(check, 'c2', numberAttr(attrs, 'axis'), x.dims.length);
    const axis = axisIn(numberAttr(attrs, 'axis'), x.dims.length);
    return [{ elem: x.elem, dims: [...x.dims.slice(0, axis), ...indices.dims, ...x.dims.slice(axis + 1)] }];
  },
  evaluate(operands, attrs) {
    const x = given(operands, 0);
    const indices = given(operands, 1);
    const axis = axisIn(numberAttr(attrs, 'axis'), x.dims.length);
    const { outer, size, inner } = aroundAxis(x.dims, axis);
    const dims = [...x.dims.slice(0, axis), ...indices.dims, ...x.dims.slice(axis + 1)];
    const data = new Float64Array(elementCount(dims));
    const count = indices.data.length;
    for (let o = 0; o < outer; o++) {
      for (let k = 0; k < count; k++) {
        const from = (o * size + indexAt(indices, k, x.dims, axis)) * inner;
        data.set(x.data.subarray(from, from + inner), (o * count + k) * inner);
      }
    }
    return [{ elem: x.elem, dims, data }];
  },
  lower(builder, node, operands) {
    const axis = axisIn(numberAttr(node.attrs, 'axis'), node.x.type.dims.length);
    return [builder.node('Gather', operands, { axis: { kind: 'int', value: axis } }, node.y.type)];
  },
  sample(source) {
    const dims = sampleDims(source, 1, 3);
    const axis = source.int(-dims.length, dims.length - 1);
    const size = dims[axisIn(axis, dims.length)] ?? outside();
    const shape = Array.from({ length: source.int(0, 2) }, () => source.int(1, 3));
    const indices = source.tensor(shape, { elem: source.pick(['i64', 'i32'] as const), low: -size, high: size });
    return { operands: [source.tensor(dims, { elem: source.pick(['f32', 'i64'] as const) }), indices], attrs: { axis } };
  },
});

export const gatherLayer = layerOf(gather, {
  source: 'torch.index_select, ONNX Gather',
  family: 'Shapes',
  operands: { names: ['it', 'indices'], min: 2, max: 2 },
  params: { axis: int({ default: 0, doc: 'the axis along which to pick' }) },
});
