/** Picking elements or slices by rows of indices: ONNX GatherND-13; x[i, j] of PyTorch with tensors as indices. */
import { outside } from '../diagnostics/at.ts';
import type { Check, InferContext } from '../ir/operator.ts';
import { elementCount, type HostTensor, typeText } from '../ir/types.ts';
import { given, numberAttr, onnxInt } from './attrs.ts';
import { indexAt, sameDim, sampleDims, stridesOf } from './common.ts';
import { defineOperator, layerOf } from './define.ts';
import { int } from './params.ts';
import { checkRows } from './scatter.ts';
import { movingTraits } from './traits.ts';

export const gatherNd = defineOperator({
  name: 'gather_nd',
  summary: 'For every row of indices the element, or slice, of x that it names',
  onnx: ['GatherND'],
  operands: [
    { name: 'x', doc: 'the tensor' },
    { name: 'indices', doc: 'i64[…, n]: rows of n indices, for the first n axes behind the batch; −1 is the last' },
  ],
  attrs: { batch_dims: { kind: 'int', default: 0, min: 0, doc: 'first axes that both have, and that are paired' } },
  traits: movingTraits({ keepsOrder: false, handsOn: false, axes: 'unknown', idempotent: 'unknown', involution: 'unknown' }),
  infer(context: InferContext) {
    const { operands, attrs } = context;
    const check: Check = context.check;
    const [x, indices] = [given(operands, 0), given(operands, 1)];
    check('c1', indices.elem === 'i64', `indices ${typeText(indices)}`, 'indices of type i64', 'cast(i64)');
    const batch = numberAttr(attrs, 'batch_dims');
    const [a, b] = [x.dims.slice(0, batch), indices.dims.slice(0, batch)];
    const paired = batch < x.dims.length && batch < indices.dims.length && a.every((d, i) => sameDim(d, given(b, i)));
    check('c2', paired, `${typeText(x)} and indices ${typeText(indices)}`, `${batch} axes that both have, and more behind them`);
    const width = checkRows(check, 'c3', x, indices, batch);
    return [{ elem: x.elem, dims: [...indices.dims.slice(0, -1), ...x.dims.slice(batch + width)] }];
  },
  evaluate(operands, attrs) {
    const [x, indices] = [given(operands, 0), given(operands, 1)];
    const batch = numberAttr(attrs, 'batch_dims');
    const width = indices.dims.at(-1) ?? outside();
    const dims = [...indices.dims.slice(0, -1), ...x.dims.slice(batch + width)];
    const strides = stridesOf(x.dims);
    const length = elementCount(x.dims.slice(batch + width));
    const rows = elementCount(indices.dims.slice(0, -1));
    const perBatch = rows / Math.max(1, elementCount(x.dims.slice(0, batch)));
    const stride = batch === 0 ? 0 : (strides[batch - 1] ?? outside());
    const data = new Float64Array(elementCount(dims));
    for (let row = 0; row < rows; row++) {
      let from = Math.floor(row / perBatch) * stride;
      for (let i = 0; i < width; i++)
        from += indexAt(indices, row * width + i, x.dims, batch + i) * (strides[batch + i] ?? outside());
      data.set(x.data.subarray(from, from + length), row * length);
    }
    return [{ elem: x.elem, dims, data }];
  },
  lower(b, node, operands) {
    const batch = numberAttr(node.attrs, 'batch_dims');
    return [b.node('GatherND', operands, batch === 0 ? {} : { batch_dims: onnxInt(batch) }, node.y.type)];
  },
  sample(source) {
    const dims = sampleDims(source, 1, 4);
    const batch = source.int(0, dims.length - 1);
    const width = source.int(1, dims.length - batch);
    const shape = [...dims.slice(0, batch), source.int(1, 3), width];
    const data = Float64Array.from({ length: elementCount(shape) }, (_, k) => {
      const size = dims[batch + (k % width)] ?? 1;
      return source.int(-size, size - 1);
    });
    const indices: HostTensor = { elem: 'i64', dims: shape, data };
    const x = source.tensor(dims, { elem: source.pick(['f32', 'i64'] as const) });
    return { operands: [x, indices], attrs: { batch_dims: batch } };
  },
});

export const gatherNdLayer = layerOf(gatherNd, {
  source: 'ONNX GatherND; x[i, j] of PyTorch with tensors as indices',
  family: 'Shapes',
  operands: { names: ['it', 'indices'], min: 2, max: 2 },
  params: { batch_dims: int({ default: 0, min: 0, doc: 'first axes that both have, and that are paired' }) },
});
