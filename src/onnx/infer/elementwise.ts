/**
 * Types of what works element by element, or hands its type on: activations, arithmetic, comparisons, normalisations, casts,
 * random numbers.
 */
import { Dim } from '../../ir/dim.ts';
import { elemOfDataType } from '../../ir/elem.ts';
import type { ElemType } from '../../ir/types.ts';
import { broadcast, each, like, named, type Rule, type RuleTable, shapeLike } from './context.ts';

/** The element type of the first operand that has one, the shape that operands broadcast to. */
export const broadcasting =
  (elem?: ElemType): Rule =>
  (c) => {
    const all = Array.from({ length: c.operandCount }, (_, i) => c.operand(i));
    const first = all.find((one) => one.elem !== undefined)?.elem;
    return [{ elem: elem ?? first, dims: broadcast(...all.map((one) => one.dims)) }];
  };

const where: Rule = (c) => [
  { elem: c.operand(1).elem ?? c.operand(2).elem, dims: broadcast(c.operand(0).dims, c.operand(1).dims, c.operand(2).dims) },
];

/** ONNX repeats the slope to x alone; onnxruntime x to the slope too. */
const prelu: Rule = (c) => {
  const x = c.operand(0);
  const both = broadcast(x.dims, c.operand(1).dims);
  const same = both?.length === x.dims?.length && both?.every((d, i) => d !== undefined && d === x.dims?.[i]);
  return [same ? x : { elem: x.elem }];
};

const batchNormalization: Rule = (c) => {
  const x = c.operand(0);
  const v = { elem: x.elem, dims: c.operand(3).dims };
  return [x, v, v, v, v];
};

/** Mean and 1/σ are of the type that `stash_type` says, whatever x is of. */
const normalizedWithMoments: Rule = (c) => {
  const elem = elemOfDataType(c.attributes.int('stash_type', 1));
  return [c.operand(0), ...Array.from({ length: Math.max(0, c.resultCount - 1) }, () => ({ elem }))];
};

/** The shape of operand 0, the type that an attribute names. */
const constantLike: Rule = (c) => {
  const x = c.operand(0);
  return [c.attributes.has('dtype') ? named(c, 'dtype', 1, x.dims) : x];
};

const random: Rule = (c) => {
  const dims = c.attributes.ints('shape')?.map((n) => Dim.of(n));
  return [named(c, 'dtype', 1, dims)];
};

export const elementwiseRules: RuleTable = {
  ...each('Abs Neg Exp Log Sqrt Erf Reciprocal Floor Ceil Round Sign Sin Cos Tan Tanh Not BitwiseNot Identity', like(0)),
  ...each('Acos Acosh Asin Asinh Atan Atanh Sinh Cosh', like(0)),
  ...each('Relu LeakyRelu Elu Celu Selu Sigmoid HardSigmoid HardSwish Gelu Softplus Softsign Mish Swish Clip', like(0)),
  ...each('ThresholdedRelu Shrink Softmax LogSoftmax Hardmax', like(0)),
  ...each('LRN LpNormalization MeanVarianceNormalization GroupNormalization RMSNormalization InstanceNormalization', like(0)),
  ...each('Trilu Scatter ScatterND ScatterElements TensorScatter CumSum ReverseSequence RotaryEmbedding', like(0)),
  ...each('Add Sub Mul Div Mod Min Max Sum Mean BitShift BitwiseAnd BitwiseOr BitwiseXor', broadcasting()),
  ...each('And Or Xor Equal Less LessOrEqual Greater GreaterOrEqual', broadcasting('bool')),
  ...each('IsNaN IsInf', shapeLike(0, 'bool')),
  ...each('Bernoulli EyeLike RandomNormalLike RandomUniformLike', constantLike),
  ...each('RandomNormal RandomUniform', random),
  Multinomial: (c) => [named(c, 'dtype', 6, [c.operand(0).dims?.[0], Dim.of(c.attributes.int('sample_size', 1))])],
  Pow: (c) => [{ elem: c.operand(0).elem, dims: broadcast(c.operand(0).dims, c.operand(1).dims) }],
  Where: where,
  PRelu: prelu,
  Dropout: (c) => [c.operand(0), { elem: 'bool', dims: c.operand(0).dims }],
  BatchNormalization: batchNormalization,
  LayerNormalization: normalizedWithMoments,
  Cast: (c) => [named(c, 'to', 0, c.operand(0).dims)],
  CastLike: (c) => [{ elem: c.operand(1).elem, dims: c.operand(0).dims }],
};
