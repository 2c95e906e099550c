/**
 * Which element types ONNX lets the operands and results of its operators have. Source: the type constraints of
 * `onnx.defs.get_all_schemas_with_history()` of the onnx package 1.23.1, its own domain, from what is in force at opset 13 on.
 */
import type { ElemType } from '../ir/elem.ts';
import { maxOpset } from '../ir/opset.ts';

/** By bits, the first one lowest. */
const inOrder: readonly ElemType[] = ['f32', 'f16', 'bf16', 'f64', 'i64', 'i32', 'u8', 'bool', 'i8', 'i16', 'u16', 'u32', 'u64'];

/**
 * For each opset that changed something, a set in hexadecimal digits for each operand; behind `>` those of the results, where
 * they are not all of one set with all operands. The last set of a list holds for all further ones too.
 */
const allowed: Readonly<Record<string, string>> = {
  Abs: '13 1f7f',
  Acos: '7 b; 22 f',
  Acosh: '9 b; 22 f',
  Add: '13 183f; 14 1f7f',
  AffineGrid: '20 f,10>f',
  And: '7 80',
  ArgMax: '13 1f7f>10',
  ArgMin: '13 1f7f>10',
  Asin: '7 b; 22 f',
  Asinh: '9 b; 22 f',
  Atan: '7 b; 22 f',
  Atanh: '9 b; 22 f',
  Attention: '23 f,f,f,1fff,f>f; 24 f,f,f,1fff,f,f,10>f',
  AveragePool: '11 b; 22 f',
  BatchNormalization: '9 b; 14 f',
  Bernoulli: '15 b>1fff; 22 f>1fff',
  BitCast: '26 1fff',
  BitShift: '11 1c40; 28 1f70',
  BitwiseAnd: '18 1f70',
  BitwiseNot: '18 1f70',
  BitwiseOr: '18 1f70',
  BitwiseXor: '18 1f70',
  BlackmanWindow: '17 30>1f7f',
  Cast: '13 1fff',
  CastLike: '15 1fff',
  CausalConvWithState: '27 7',
  Ceil: '13 f',
  Celu: '12 1; 28 f',
  CenterCropPad: '18 1fff,30>1fff',
  Clip: '13 1f7f',
  Col2Im: '18 1fff,10>1fff',
  Compress: '11 1ffb,80>1ffb; 28 1fff,80>1fff',
  Concat: '13 1fff',
  ConcatFromSequence: '11 0>1ffb',
  Constant: '13 ->1fff',
  ConstantOfShape: '9 10>1ffb; 20 10>1fff',
  Conv: '11 b; 22 f',
  ConvInteger: '10 140>20',
  ConvTranspose: '11 b; 22 f',
  Cos: '7 b; 22 f',
  Cosh: '9 b; 22 f',
  CumProd: '26 183f,30>183f',
  CumSum: '11 1839,30>1839; 14 183f,30>183f',
  DFT: '17 f,30>f; 20 f,30,10>f',
  DeformConv: '19 b; 22 f',
  DepthToSpace: '13 1fff',
  DequantizeLinear: '13 160,1,160>1; 19 160,7,160>7; 21 760,7,760>7',
  Det: '11 b; 22 f',
  Div: '13 183f; 14 1f7f',
  Dropout: '13 f,b,80>f,80; 22 f,f,80>f,80',
  DynamicQuantizeLinear: '11 1>40,1,40',
  Einsum: '12 1f7b; 28 1f7f',
  Elu: '6 b; 22 f',
  Equal: '13 1fff>80',
  Erf: '13 f',
  Exp: '13 f',
  Expand: '13 1fff,10>1fff',
  EyeLike: '9 1ffb; 22 1fff',
  Flatten: '13 1fff',
  Floor: '13 f',
  GRU: '7 b,b,b,b,20,b>b; 22 f,f,f,f,20,f>f',
  Gather: '13 1fff,30>1fff',
  GatherElements: '13 1fff,30>1fff',
  GatherND: '13 1fff,10>1fff',
  Gelu: '20 f',
  Gemm: '13 183f',
  GlobalAveragePool: '1 b; 22 f',
  GlobalLpPool: '2 b; 22 f',
  GlobalMaxPool: '1 b; 22 f',
  Greater: '13 1f7f>80',
  GreaterOrEqual: '12 1f7b>80; 16 1f7f>80',
  GridSample: '16 1ffb,b>1ffb; 22 1fff,f>1fff',
  GroupNormalization: '21 f',
  HammingWindow: '17 30>1f7f',
  HannWindow: '17 30>1f7f',
  HardSigmoid: '6 b; 22 f',
  HardSwish: '14 b; 22 f',
  Hardmax: '13 f',
  Identity: '13 1fff',
  If: '13 80>1ffb; 16 80>1fff',
  ImageDecoder: '20 40',
  InstanceNormalization: '6 b; 22 f',
  IsInf: '10 9>80; 20 f>80',
  IsNaN: '13 f>80',
  LRN: '13 f',
  LSTM: '7 b,b,b,b,20,b>b; 22 f,f,f,f,20,f>f',
  LayerNormalization: '17 f>f,5',
  LeakyRelu: '6 b; 16 f',
  Less: '13 1f7f>80',
  LessOrEqual: '12 1f7b>80; 16 1f7f>80',
  LinearAttention: '27 7',
  Log: '13 f',
  LogSoftmax: '13 f',
  Loop: '13 10,80,1ffb>1ffb; 16 10,80,1fff>1fff',
  LpNormalization: '1 b; 22 f',
  LpPool: '11 b; 22 f',
  MatMul: '13 183f',
  MatMulInteger: '10 140>20',
  Max: '13 1f7f',
  MaxPool: '12 14b>14b,10; 22 14f>14f,10',
  MaxRoiPool: '1 b; 22 f',
  MaxUnpool: '11 b,10>b; 22 f,10>f',
  Mean: '13 f',
  MeanVarianceNormalization: '13 f',
  MelWeightMatrix: '17 30,30,30,f>1f7f',
  Min: '13 1f7f',
  Mish: '18 b; 22 f',
  Mod: '13 1f7f',
  Mul: '13 183f; 14 1f7f',
  Multinomial: '7 b>30; 22 f>30',
  Neg: '13 33f',
  NegativeLogLikelihoodLoss: '13 b,30,b>b; 22 f,30,f>f',
  NonMaxSuppression: '11 1,1,10,1>10',
  NonZero: '13 1fff>10',
  Not: '1 80',
  OneHot: '11 1f7b,1f7b,1ffb>1ffb; 28 1f7b,1f7b,1fff>1fff',
  Optional: '15 1ffb>0; 28 1fff>0',
  OptionalGetElement: '15 0>1ffb; 18 1ffb; 28 1fff',
  OptionalHasElement: '15 0>80; 18 1ffb>80; 28 1fff>80',
  Or: '7 80',
  PRelu: '9 183b; 16 183f',
  Pad: '13 1fff,10,1fff>1fff; 18 1fff,10,1fff,30>1fff',
  Pow: '13 3f,1f7b>3f; 15 3f,1f7f>3f',
  QLinearConv: '10 140,1,140,140,1,140,1,140,20>140',
  QLinearMatMul: '10 140,1,140,140,1,140,1,140>140; 21 140,7,140,140,7,140,7,140>140',
  QuantizeLinear: '13 21,1,140>140; 19 27,27,140>140; 21 27,27,740>740',
  RMSNormalization: '23 f',
  RNN: '7 b,b,b,b,20,b>b; 22 f,f,f,f,20,f>f',
  RandomNormal: '1 ->b; 22 ->f',
  RandomNormalLike: '1 1ffb>b; 22 1fff>f',
  RandomUniform: '1 ->b; 22 ->f',
  RandomUniformLike: '1 1ffb>b; 22 1fff>f',
  Range: '11 239; 27 23f',
  Reciprocal: '13 f',
  ReduceL1: '13 183f; 18 183f,10>183f',
  ReduceL2: '13 183f; 18 183f,10>183f',
  ReduceLogSum: '13 183f; 18 183f,10>183f; 28 f,10>f',
  ReduceLogSumExp: '13 183f; 18 183f,10>183f; 28 f,10>f',
  ReduceMax: '13 197f; 18 197f,10>197f; 20 19ff,10>19ff',
  ReduceMean: '13 183f; 18 183f,10>183f',
  ReduceMin: '13 197f; 18 197f,10>197f; 20 19ff,10>19ff',
  ReduceProd: '13 183f; 18 183f,10>183f',
  ReduceSum: '13 183f,10>183f',
  ReduceSumSquare: '13 183f; 18 183f,10>183f',
  RegexFullMatch: '20 0>80',
  Relu: '13 f; 14 33f',
  Reshape: '13 1fff,10>1fff',
  Resize: '13 1fff,b,1,10>1fff',
  ReverseSequence: '10 1ffb,10>1ffb; 28 1fff,10>1fff',
  RoiAlign: '10 b,b,10>b; 22 f,f,10>f',
  RotaryEmbedding: '23 7,7,7,10>7',
  Round: '11 b; 22 f',
  STFT: '17 f,30,f,30>f',
  Scan: '11 1ffb; 16 1fff',
  Scatter: '9 1ffb,30,1ffb>1ffb',
  ScatterElements: '13 1fff,30,1fff>1fff',
  ScatterND: '13 1fff,10,1fff>1fff',
  Selu: '6 b; 22 f',
  SequenceAt: '11 0,30>1ffb',
  SequenceConstruct: '11 1ffb>0',
  SequenceEmpty: '11 ->0',
  SequenceErase: '11 0,30>0',
  SequenceInsert: '11 0,1ffb,30>0',
  SequenceLength: '11 0>10',
  SequenceMap: '17 0,1ffb>0',
  Shape: '13 1fff>10',
  Shrink: '9 1f7b',
  Sigmoid: '13 f',
  Sign: '13 1f7f',
  Sin: '7 b; 22 f',
  Sinh: '9 b; 22 f',
  Size: '13 1fff>10',
  Slice: '13 1fff,30>1fff',
  Softmax: '13 f',
  SoftmaxCrossEntropyLoss: '13 f,30,f>f',
  Softplus: '1 b; 22 f',
  Softsign: '1 b; 22 f',
  SpaceToDepth: '13 1fff',
  Split: '13 1fff,10>1fff',
  SplitToSequence: '11 1ffb,30>0; 24 1fff,30>0',
  Sqrt: '13 f',
  Squeeze: '13 1fff,10>1fff',
  StringConcat: '20 0',
  StringNormalizer: '10 0',
  StringSplit: '20 0>0,10',
  Sub: '13 183f; 14 1f7f',
  Sum: '13 f',
  SwiGLU: '28 f',
  Swish: '24 f',
  Tan: '7 b; 22 f',
  Tanh: '13 f',
  TensorScatter: '24 1fff,1fff,10>1fff',
  TfIdfVectorizer: '9 30>1',
  ThresholdedRelu: '10 b; 22 f',
  Tile: '13 1fff,10>1fff',
  TopK: '11 1f7b,10>1f7b,10; 24 1f7f,10>1f7f,10',
  Transpose: '13 1fff',
  Trilu: '14 1fff,10>1fff',
  Unique: '11 1ffb>1ffb,10; 28 1fff>1fff,10',
  Unsqueeze: '13 1fff,10>1fff',
  Upsample: '9 1ffb,1>1ffb',
  Where: '9 80,1ffb>1ffb; 16 80,1fff>1fff',
  Xor: '7 80',
};

interface Signature {
  readonly since: number;
  readonly operands: readonly number[];
  readonly results: readonly number[];
}

/** Of an operator at an opset; undefined where ONNX has none. */
function signatureOf(opType: string, opset: number): Signature | undefined {
  const text = Object.hasOwn(allowed, opType) ? allowed[opType] : undefined;
  const part = text?.split('; ').findLast((one) => Number.parseInt(one, 10) <= opset);
  if (part === undefined) return undefined;
  const [since = '', sets = ''] = part.split(' ');
  const [operands = '', results = operands] = sets.split('>');
  const setsOf = (list: string): readonly number[] =>
    list.split(',').flatMap((one) => (one === '-' ? [] : [Number.parseInt(one, 16)]));
  return { since: Number(since), operands: setsOf(operands), results: setsOf(results) };
}

type Types = readonly (ElemType | undefined)[];

const holds = (set: number, elem: ElemType): boolean => ((set >> inOrder.indexOf(elem)) & 1) === 1;

const firstMisfit = (sets: readonly number[], types: Types): number =>
  types.findIndex((elem, i) => {
    const set = sets[Math.min(i, sets.length - 1)];
    return elem !== undefined && set !== undefined && !holds(set, elem);
  });

/** Whether the first operand may have this type. True of an operator that ONNX does not have. */
export function takesType(opType: string, opset: number, elem: ElemType): boolean {
  const [set] = signatureOf(opType, opset)?.operands ?? [];
  return set === undefined || holds(set, elem);
}

/** A type that ONNX does not allow, and what it does allow. */
export interface TypeMisfit {
  readonly elem: ElemType;
  readonly result: boolean;
  /** The opset from which on all types of the node are allowed, if there is one. */
  readonly from: number | undefined;
  readonly instead: readonly ElemType[];
}

/**
 * The first type among operands and results that an operator may not have at this opset; of what is undefined nothing is asked,
 * nor of operators that ONNX does not have.
 */
export function typeMisfit(opType: string, opset: number, operands: Types, results: Types): TypeMisfit | undefined {
  const own = signatureOf(opType, opset);
  if (!own) return undefined;
  const wrong = firstMisfit(own.operands, operands);
  const result = wrong < 0;
  const at = result ? firstMisfit(own.results, results) : wrong;
  const elem = (result ? results : operands)[at];
  if (elem === undefined) return undefined;
  const sets = result ? own.results : own.operands;
  const set = sets[Math.min(at, sets.length - 1)] ?? 0;
  let from: number | undefined;
  for (let later = opset + 1; later <= maxOpset && from === undefined; later++) {
    const other = signatureOf(opType, later);
    if (other && firstMisfit(other.operands, operands) < 0 && firstMisfit(other.results, results) < 0) from = other.since;
  }
  return { elem, result, from, instead: inOrder.filter((one) => holds(set, one)) };
}
