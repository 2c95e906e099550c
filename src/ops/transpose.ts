/** Axes in another order. ONNX Transpose-13; torch.permute. */
import { outside } from '../diagnostics/at.ts';
import { Dim } from '../ir/dim.ts';
import type { Node } from '../ir/graph.ts';
import type { Check, InferContext } from '../ir/operator.ts';
import { typeText } from '../ir/types.ts';
import { given, numbersAttr } from './attrs.ts';
import { axisIn, offsetsAlong, sampleDims, xOnly } from './common.ts';
import { defineOperator, layerOf } from './define.ts';
import { ints } from './params.ts';
import { movingTraits } from './traits.ts';

const permutesNothing = (node: Node): boolean =>
  numbersAttr(node.attrs, 'perm').every((axis, i, all) => axisIn(axis, all.length) === i);

/** ONNX Transpose-13; torch.permute. */
export const transpose = defineOperator({
  name: 'transpose',
  summary: 'The axes in another order',
  onnx: ['Transpose'],
  operands: xOnly,
  attrs: { perm: { kind: 'ints', doc: 'for each axis of the result the axis of x that it is' } },
  traits: movingTraits({
    keepsOrder: false,
    handsOn: permutesNothing,
    axes: 'unknown',
    idempotent: 'unknown',
    involution: 'unknown',
  }),
  infer(context: InferContext) {
    const { operands, attrs } = context;
    const check: Check = context.check;
    const x = given(operands, 0);
    const perm = numbersAttr(attrs, 'perm');
    const rank = x.dims.length;
    const order = perm.map((a) => axisIn(a, rank));
    const complete = perm.length === rank && order.every((a) => a >= 0 && a < rank) && new Set(order).size === rank;
    const hint = rank === 4 ? 'transpose(0, 2, 3, 1)' : undefined;
    check('c1', complete, `axes (${perm.join(', ')}) for ${typeText(x)}`, `each axis from 0 to ${rank - 1} once`, hint);
    return [{ elem: x.elem, dims: order.map((a) => x.dims[a] ?? Dim.one) }];
  },
  evaluate(operands, attrs) {
    const x = given(operands, 0);
    const order = numbersAttr(attrs, 'perm').map((a) => axisIn(a, x.dims.length));
    const last = order[order.length - 1];
    if (last === undefined) return [x];
    const starts = offsetsAlong(x.dims, order.slice(0, -1));
    const run = offsetsAlong(x.dims, [last]);
    const data = new Float64Array(x.data.length);
    for (let i = 0; i < starts.length; i++) {
      const from = starts[i] ?? outside();
      const at = i * run.length;
      for (let k = 0; k < run.length; k++) data[at + k] = x.data[from + (run[k] ?? outside())] ?? outside();
    }
    return [{ elem: x.elem, dims: order.map((a) => x.dims[a] ?? outside()), data }];
  },
  lower(builder, node, operands) {
    const value = numbersAttr(node.attrs, 'perm').map((a) => axisIn(a, node.x.type.dims.length));
    return [builder.node('Transpose', operands, { perm: { kind: 'ints', value } }, node.y.type)];
  },
  sample(source) {
    const dims = sampleDims(source, 1, 4);
    const rest = dims.map((_, i) => i);
    const perm: number[] = [];
    while (rest.length > 0) perm.push(...rest.splice(source.int(0, rest.length - 1), 1));
    return { operands: [source.tensor(dims, { elem: source.pick(['f32', 'i64'] as const) })], attrs: { perm } };
  },
});

export const transposeLayer = layerOf(transpose, {
  source: 'torch.permute',
  family: 'Shapes',
  params: { perm: ints({ rest: true, doc: 'for each axis of the result the axis of the input that it is' }) },
});
