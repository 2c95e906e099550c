/** Questions about single elements, and the exclusive or: ONNX IsNaN-13 (-20), IsInf-10 (-20), Xor-7. */
import { Dim } from '../ir/dim.ts';
import type { InferContext, Operator } from '../ir/operator.ts';
import { given } from './attrs.ts';
import { checkFloat, map1, sampleDims, xOnly } from './common.ts';
import { defineOperator, type Layer, layerOf } from './define.ts';
import { pairwise, truthOf } from './element-dims.ts';
import { binary, bools } from './elementwise.ts';
import { functionTraits } from './traits.ts';

function predicate(name: string, onnx: string, summary: string, f: (x: number) => boolean): Operator {
  return defineOperator({
    name,
    summary,
    onnx: [onnx],
    operands: xOnly,
    attrs: {},
    traits: functionTraits({
      homogeneous: 'unknown',
      keepsZero: true,
      idempotent: 'unknown',
      involution: 'unknown',
      sign: 'always',
      thresholds: 'unknown',
      dims: 'unknown',
      roundsOnce: 'unknown',
    }),
    infer({ operands, check }: InferContext) {
      const x = given(operands, 0);
      checkFloat(check, 'c1', x);
      return [{ elem: 'bool', dims: x.dims }];
    },
    evaluate(operands) {
      const x = given(operands, 0);
      return [{ elem: 'bool', dims: x.dims, data: map1(x.data, (v) => (f(v) ? 1 : 0)) }];
    },
    lower: (builder, node, operands) => [builder.node(onnx, operands, {}, node.y.type)],
    sample(source) {
      const x = source.tensor(sampleDims(source, 0, 4));
      const odd = [Number.NaN, Infinity, -Infinity];
      const data = x.data.map((v) => (source.int(0, 2) === 0 ? source.pick(odd) : v));
      return { operands: [source.bool() ? x : { ...x, data }], attrs: {} };
    },
  });
}

export const isnan = predicate('isnan', 'IsNaN', 'Whether x is no number', Number.isNaN);
export const isinf = predicate('isinf', 'IsInf', 'Whether x is infinite, of either sign', (x) => Math.abs(x) === Infinity);

export const xor = binary({
  name: 'xor',
  onnx: 'Xor',
  summary: 'Whether exactly one of both holds',
  accepts: 'bools',
  traits: {
    commutative: true,
    homogeneous: 'unknown',
    keepsZero: false,
    sign: 'always',
    dims: pairwise((a, b) => truthOf(a.equals(b)) && Dim.one.minus(truthOf(a.equals(b)) ?? Dim.zero)),
    thresholds: 'unknown',
    roundsOnce: 'unknown',
  },
  f: () => (a, b) => (a === b ? 0 : 1),
  sample: bools,
});

const family = 'Elementwise';

export const predicateOperators: readonly Operator[] = [isnan, isinf, xor];
export const predicateLayers: readonly Layer[] = [
  layerOf(isnan, { source: 'torch.isnan', family, params: {} }),
  layerOf(isinf, { source: 'torch.isinf', family, params: {} }),
  layerOf(xor, { source: 'torch.logical_xor', family, operands: { names: ['it', 'other'], min: 2, max: 2 }, params: {} }),
];
