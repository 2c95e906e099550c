/** Element types. ONNX Cast-13. */

import { elemFacts } from '../ir/elem.ts';
import type { OnnxBuilder } from '../ir/operator.ts';
import { roundFloat } from '../ir/round.ts';
import { type ElemType, isFloat, type TensorType } from '../ir/types.ts';
import { given, onnxInt } from './attrs.ts';
import { elemAttr, map1, sampleDims, wrapAll, wrapInteger, xOnly } from './common.ts';
import { defineLayer, defineOperator } from './define.ts';
import { each, nonZero } from './element-dims.ts';
import { elem } from './params.ts';
import { functionTraits } from './traits.ts';
import { wideCast } from './wide.ts';

function castNumber(from: ElemType, to: ElemType, value: number): number {
  if (isFloat(to)) return roundFloat(to, value);
  if (to === 'bool') return value !== 0 ? 1 : 0;
  // What becomes of NaN and infinities is undefined in ONNX; 0 keeps the result an integer.
  return wrapInteger(to, isFloat(from) ? (Number.isFinite(value) ? Math.trunc(value) : 0) : value);
}

/** ONNX Cast-13. Here rounding is the meaning of the operator, so that the reference rounds as well. */
export const cast = defineOperator({
  name: 'cast',
  summary: 'The same numbers in another element type; floats become integers without their fraction',
  onnx: ['Cast'],
  operands: xOnly,
  attrs: { to: { kind: 'elem', doc: 'the element type' } },
  traits: {
    ...functionTraits({
      homogeneous: 'no',
      keepsZero: true,
      idempotent: true,
      involution: false,
      sign: 'all',
      thresholds: 'unknown',
      dims: each((x, node) => (node.y.type.elem === 'bool' ? nonZero(x) : x)),
      roundsOnce: true,
    }),
    handsOn: true,
  },
  infer: ({ operands, attrs }) => [{ elem: elemAttr(attrs, 'to'), dims: given(operands, 0).dims }],
  evaluate(operands, attrs) {
    const x = given(operands, 0);
    const to = elemAttr(attrs, 'to');
    return [
      {
        elem: to,
        dims: x.dims,
        data: wrapAll(
          to,
          map1(x.data, (v) => castNumber(x.elem, to, v)),
        ),
      },
    ];
  },
  evaluateWide: (operands, attrs) => wideCast(operands, elemAttr(attrs, 'to')),
  lower(builder, node, operands) {
    return [builder.node('Cast', operands, { to: onnxInt(elemFacts[elemAttr(node.attrs, 'to')].onnx) }, node.y.type)];
  },
  sample(source) {
    const dims = sampleDims(source, 0, 3);
    const from = source.pick(['f32', 'i64', 'i32', 'bool', 'u8'] as const);
    const range = from === 'bool' ? { low: 0, high: 2 } : from === 'u8' ? { low: 0, high: 200 } : { low: -100, high: 100 };
    const to = source.pick(['f32', 'f64', 'i64', 'i32', 'bool'] as const);
    return { operands: [source.tensor(dims, { elem: from, ...range })], attrs: { to } };
  },
});

/** What a lowering writes where it needs other elements. */
export function castTo(b: OnnxBuilder, x: string, type: TensorType): string {
  return b.node('Cast', [x], { to: onnxInt(elemFacts[type.elem].onnx) }, type);
}

export const castLayer = defineLayer({
  name: 'cast',
  summary: cast.summary,
  source: 'torch.Tensor.to',
  family: 'Shapes',
  params: { to: elem({ positional: true, doc: 'the element type' }) },
  build: (builder, [x], p) => (x.type.elem === p.to ? x : builder.op(cast, [x], { to: p.to })),
});
