/**
 * ONNX operators that the registry has not, over constants: random legal uses of each fold, to what onnxruntime computes of the
 * unfolded model; and of all operators of ONNX that constants can feed, those that stay are listed with a reason. One file,
 * because nearly all of it is one table.
 */
import { describe, expect, it } from 'vitest';
import { lifts } from '../../src/import/lifts/table.ts';
import type { SampleSource } from '../../src/ir/operator.ts';
import { type ElemType, elementCount, type HostTensor } from '../../src/ir/types.ts';
import { operatorNames } from '../../src/onnx/versions.ts';
import { evaluateConstant } from '../../src/ops/evaluate.ts';
import { foreignOperator } from '../../src/ops/foreign.ts';
import { Attributes, type OnnxAttribute } from '../../src/ops/onnx/call.ts';
import { onnxEvaluators } from '../../src/ops/onnx/table.ts';
import { optimizeOnnx } from '../../src/optimize.ts';
import { sampleSource } from '../ops/support.ts';
import {
  type Numeric,
  runTiny,
  type Tiny,
  type TinyAttribute,
  type TinyResult,
  type TinyTensor,
  tensor,
  tinyBytes,
  vector,
} from '../optimize/tiny.ts';

/** Operators that are neither lifted nor computed by name, and why. */
const stays: Readonly<Record<string, readonly string[]>> = {
  'random numbers': ['Bernoulli', 'Multinomial', 'RandomNormal', 'RandomNormalLike', 'RandomUniform', 'RandomUniformLike'],
  'sub-graphs': ['If', 'Loop', 'Scan', 'SequenceMap'],
  'sequences, optional values, strings and files': [
    ...['SequenceConstruct', 'SequenceEmpty', 'SequenceErase', 'SequenceInsert', 'SequenceLength'],
    ...['SplitToSequence', 'Optional', 'OptionalGetElement', 'OptionalHasElement', 'RegexFullMatch', 'StringConcat'],
    ...['StringNormalizer', 'StringSplit', 'TfIdfVectorizer', 'ImageDecoder'],
  ],
  // Runtimes match these as they stand around the integers.
  quantisation: [
    ...['ConvInteger', 'DequantizeLinear', 'DynamicQuantizeLinear', 'MatMulInteger', 'QLinearConv', 'QLinearMatMul'],
    'QuantizeLinear',
  ],
  'networks of their own, which no constants feed': [
    ...['NegativeLogLikelihoodLoss', 'SoftmaxCrossEntropyLoss', 'CausalConvWithState'],
    ...['LinearAttention', 'SwiGLU', 'TensorScatter'],
  ],
  'detection and sampling of pictures': [
    ...['AffineGrid', 'CenterCropPad', 'Col2Im', 'DeformConv', 'LpPool', 'MaxRoiPool', 'MaxUnpool'],
  ],
  signals: ['DFT', 'MelWeightMatrix', 'STFT'],
  'gone before opset 13': ['Scatter', 'Upsample'],
  'new in opset 26 and later': ['BitCast', 'CumProd'],
  'what a file keeps constants in': ['Constant'],
};

interface Use {
  readonly inputs: readonly (TinyTensor | undefined)[];
  readonly attrs?: Readonly<Record<string, TinyAttribute>>;
  readonly outputs?: number;
  readonly opset?: number;
}

type Uses = (s: SampleSource) => Use;

const drawn = (s: SampleSource, elem: ElemType, dims: readonly number[], low = -3, high = 3): TinyTensor => ({
  elem,
  dims,
  data: Array.from({ length: elementCount(dims) }, () =>
    elem === 'f32' || elem === 'f64' ? Math.fround(low + (high - low) * (s.int(0, 1 << 20) / (1 << 20))) : s.int(low, high),
  ),
});
/** Floats of few values, so that there are equal ones. */
const coarse = (s: SampleSource, elem: ElemType, dims: readonly number[]): TinyTensor => ({
  elem,
  dims,
  data: Array.from({ length: elementCount(dims) }, () => s.int(-3, 3)),
});
const sizes = (s: SampleSource, rank: number): readonly number[] => Array.from({ length: rank }, () => s.int(1, 4));
const scalar = (elem: ElemType, value: Numeric): TinyTensor => ({ elem, dims: [], data: [value] });
const i64s = (...data: readonly number[]): TinyTensor => vector('i64', ...data.map(BigInt));
const indices = (s: SampleSource, dims: readonly number[], size: number): TinyTensor => ({
  elem: 'i64',
  dims,
  data: Array.from({ length: elementCount(dims) }, () => BigInt(s.int(-size, size - 1))),
});
/** Distinct integers below a number. */
function shuffled(s: SampleSource, count: number): readonly number[] {
  const all = Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = s.int(0, i);
    [all[i], all[j]] = [all[j] ?? 0, all[i] ?? 0];
  }
  return all;
}
const bigint = (n: number | boolean): bigint => BigInt(n);

const unary =
  (low: number, high: number, attrs?: (s: SampleSource) => Readonly<Record<string, TinyAttribute>>): Uses =>
  (s) => ({ inputs: [drawn(s, 'f32', sizes(s, s.int(0, 3)), low, high)], ...(attrs && { attrs: attrs(s) }) });

const integerPair =
  (elems: readonly ElemType[], low: number, high: number, more: Partial<Use> = {}): Uses =>
  (s) => {
    const elem = s.pick(elems);
    const dims = sizes(s, 2);
    return { inputs: [drawn(s, elem, dims, low, high), drawn(s, elem, s.pick([dims, [dims[1] ?? 1], []]), 1, high)], ...more };
  };

const reduce =
  (elems: readonly ElemType[], low = -3, high = 3, more: { readonly opset?: number } = {}): Uses =>
  (s) => {
    const rank = s.int(0, 3);
    const axes = shuffled(s, rank)
      .slice(0, s.int(0, rank))
      .map((axis) => (s.bool() ? axis : axis - rank));
    const old = (more.opset ?? 17) < 18;
    const keep = { keepdims: bigint(s.bool()) };
    const x = drawn(s, s.pick(elems), sizes(s, rank), low, high);
    if (axes.length === 0) return { inputs: [x], attrs: keep, ...more };
    return old
      ? { inputs: [x], attrs: { ...keep, axes: axes.map(BigInt) }, ...more }
      : { inputs: [x, i64s(...axes)], attrs: keep, ...more };
  };

const nary: Uses = (s) => {
  const dims = sizes(s, 2);
  const elem = s.pick(['f32', 'f64'] as const);
  return { inputs: Array.from({ length: s.int(3, 5) }, () => drawn(s, elem, s.pick([dims, [dims[1] ?? 1], [1, 1]]))) };
};

const argExtreme: Uses = (s) => {
  const rank = s.int(1, 3);
  return {
    inputs: [coarse(s, 'f32', sizes(s, rank))],
    attrs: { axis: BigInt(s.int(-rank, rank - 1)), keepdims: bigint(s.bool()), select_last_index: 1n },
  };
};

const arg: Uses = (s) => {
  const use = argExtreme(s);
  return { ...use, attrs: { ...use.attrs, select_last_index: bigint(s.bool()) } };
};

const scatterElements =
  (reductions: readonly string[], opset: number): Uses =>
  (s) => {
    const dims = [s.int(1, 4), s.int(1, 4)];
    const axis = s.int(0, 1);
    const size = dims[axis] ?? 1;
    const reduction = s.pick(reductions);
    const other = dims[1 - axis] ?? 1;
    const lines = s.int(1, other);
    const length = s.int(1, size);
    const at = Array.from({ length: lines }, () => shuffled(s, size).slice(0, length));
    const shape = axis === 1 ? [lines, length] : [length, lines];
    const data = Array.from({ length: lines * length }, (_, i) => {
      const [line, k] = axis === 1 ? [Math.floor(i / length), i % length] : [i % lines, Math.floor(i / lines)];
      const n = reduction === 'none' ? (at[line]?.[k] ?? 0) : s.int(0, size - 1);
      return BigInt(s.bool() ? n : n - size);
    });
    const elem = s.pick(['f32', 'i64'] as const);
    return {
      inputs: [drawn(s, elem, dims), tensor('i64', shape, ...data), drawn(s, elem, shape)],
      attrs: { axis: BigInt(axis), ...(reduction !== 'none' && { reduction }) },
      opset,
    };
  };

const scatterNd =
  (reductions: readonly string[], opset: number): Uses =>
  (s) => {
    const dims = [s.int(1, 4), s.int(1, 4), 2];
    const width = s.int(1, 2);
    const all = width === 1 ? (dims[0] ?? 1) : (dims[0] ?? 1) * (dims[1] ?? 1);
    const reduction = s.pick(reductions);
    const count = s.int(1, all);
    const chosen =
      reduction === 'none' ? shuffled(s, all).slice(0, count) : Array.from({ length: count }, () => s.int(0, all - 1));
    const tuples = chosen.flatMap((n) => (width === 1 ? [n] : [Math.floor(n / (dims[1] ?? 1)), n % (dims[1] ?? 1)]));
    const elem = s.pick(['f32', 'i64'] as const);
    return {
      inputs: [
        drawn(s, elem, dims),
        tensor('i64', [count, width], ...tuples.map(BigInt)),
        drawn(s, elem, [count, ...dims.slice(width)]),
      ],
      attrs: reduction === 'none' ? {} : { reduction },
      opset,
    };
  };

/** Random legal uses of every operator of the table. */
const uses: Readonly<Record<string, readonly Uses[]>> = {
  Acos: [unary(-1, 1)],
  Asin: [unary(-1, 1)],
  Atan: [unary(-9, 9), unary(-0.5, 0.5)],
  Sinh: [unary(-3, 3)],
  Cosh: [unary(-3, 3)],
  Asinh: [unary(-9, 9)],
  Acosh: [unary(1, 9)],
  Atanh: [unary(-0.95, 0.95)],
  HardSigmoid: [unary(-4, 4, (s) => ({ alpha: s.pick([0.25, 0.5]), beta: s.pick([0.25, 0.75]) })), unary(-4, 4)],
  Selu: [unary(-3, 3, () => ({ alpha: 1.5, gamma: 1.25 }))],
  ThresholdedRelu: [unary(-3, 3), unary(-3, 3, () => ({ alpha: 0.5 }))],
  Shrink: [unary(-3, 3), unary(-3, 3, () => ({ lambd: 1.25, bias: 0.5 }))],
  Swish: [(s) => ({ ...unary(-3, 3, () => ({ alpha: 1.5 }))(s), opset: 24 })],
  IsNaN: [() => ({ inputs: [vector('f32', 1, Number.NaN, Infinity, -0)] })],
  IsInf: [
    (s) => ({
      inputs: [vector('f32', 1, Number.NaN, Infinity, -Infinity)],
      attrs: { detect_negative: bigint(s.bool()), detect_positive: bigint(s.bool()) },
    }),
  ],
  Mod: [
    integerPair(['i32', 'i64', 'i8'], -9, 9),
    integerPair(['i32', 'i64', 'u8'], 0, 9, { attrs: { fmod: 1n } }),
    (s) => ({ inputs: [drawn(s, 'f32', [3, 2]), drawn(s, 'f32', [2], 0.5, 2)], attrs: { fmod: 1n } }),
  ],
  BitShift: [
    integerPair(['u8', 'u32', 'u64'], 0, 7, { attrs: { direction: 'LEFT' } }),
    integerPair(['u8', 'u32', 'u64'], 0, 7, { attrs: { direction: 'RIGHT' } }),
  ],
  BitwiseAnd: [integerPair(['i32', 'i64', 'u8'], 0, 9, { opset: 18 })],
  BitwiseOr: [integerPair(['i32', 'i64', 'i8'], -9, 9, { opset: 18 })],
  BitwiseXor: [integerPair(['i32', 'i64', 'u16'], 0, 9, { opset: 18 })],
  BitwiseNot: [(s) => ({ inputs: [drawn(s, s.pick(['i32', 'u8', 'i64']), [4], 0, 9)], opset: 18 })],
  Xor: [(s) => ({ inputs: [drawn(s, 'bool', [2, 3], 0, 1), drawn(s, 'bool', [3], 0, 1)] })],
  Equal: [(s) => ({ inputs: [drawn(s, 'bool', [2, 3], 0, 1), drawn(s, 'bool', [3], 0, 1)] })],
  Pow: [(s) => ({ inputs: [drawn(s, 'f32', [2, 3], 0.5, 2), drawn(s, s.pick(['i64', 'i32', 'f64']), [3], -3, 3)] })],
  Max: [nary],
  Min: [nary],
  Mean: [(s) => ({ inputs: Array.from({ length: s.int(2, 4) }, () => drawn(s, 'f32', s.pick([[2, 3], [3], [1, 1]]))) })],
  Clip: [
    (s) => {
      const elem = s.pick(['i32', 'i64', 'i8'] as const);
      const high = s.bool() ? scalar(elem, s.int(0, 5)) : undefined;
      return { inputs: [drawn(s, elem, [5], -9, 9), scalar(elem, s.int(-5, 0)), high] };
    },
  ],
  GatherElements: [
    (s) => {
      const dims = [s.int(1, 4), s.int(1, 4)];
      const axis = s.int(0, 1);
      const shape = dims.map((d, i) => (i === axis ? s.int(1, 5) : s.int(1, d)));
      return {
        inputs: [drawn(s, s.pick(['f32', 'i64', 'bool']), dims, 0, 1), indices(s, shape, dims[axis] ?? 1)],
        attrs: { axis: BigInt(s.bool() ? axis : axis - 2) },
      };
    },
  ],
  GatherND: [
    (s) => {
      const size = s.int(1, 4);
      return { inputs: [drawn(s, 'f32', [size, size, 2]), indices(s, [3, s.int(1, 2)], size)] };
    },
    (s) => {
      const size = s.int(1, 4);
      return { inputs: [drawn(s, 'f32', [2, size, 3]), indices(s, [2, 2, 1], size)], attrs: { batch_dims: 1n } };
    },
  ],
  ScatterElements: [
    scatterElements(['none'], 13),
    scatterElements(['none', 'add', 'mul'], 16),
    scatterElements(['add', 'min', 'max'], 18),
  ],
  ScatterND: [scatterNd(['none'], 13), scatterNd(['none', 'add', 'mul'], 16), scatterNd(['add', 'min', 'max'], 18)],
  OneHot: [
    (s) => ({
      inputs: [indices(s, sizes(s, 2), 5), scalar('i64', BigInt(s.int(1, 6))), drawn(s, 'f32', [2])],
      attrs: { axis: BigInt(s.int(-3, 2)) },
    }),
    (s) => ({ inputs: [coarse(s, 'f32', [4]), i64s(3), i64s(0, 1)] }),
  ],
  TopK: [
    (s) => {
      const dims = sizes(s, 2);
      const axis = s.int(0, 1);
      const elem = s.pick(['f32', 'f64', 'i64', 'i32'] as const);
      return {
        inputs: [coarse(s, elem, dims), i64s(s.int(0, dims[axis] ?? 1))],
        attrs: { axis: BigInt(s.bool() ? axis : axis - 2), largest: bigint(s.bool()) },
        outputs: 2,
      };
    },
  ],
  Trilu: [
    (s) => ({
      inputs: [
        drawn(s, s.pick(['f32', 'i64']), sizes(s, s.int(2, 3))),
        s.bool() ? scalar('i64', BigInt(s.int(-4, 4))) : undefined,
      ],
      attrs: { upper: bigint(s.bool()) },
    }),
  ],
  Compress: [
    (s) => ({
      inputs: [drawn(s, 'f32', [3, 4]), drawn(s, 'bool', [s.int(1, 3)], 0, 1)],
      attrs: { axis: BigInt(s.pick([0, -2])) },
    }),
    (s) => ({ inputs: [drawn(s, 'i64', [3, 4]), drawn(s, 'bool', [s.int(1, 12)], 0, 1)] }),
  ],
  Unique: [
    (s) => ({
      inputs: [coarse(s, s.pick(['f32', 'i64', 'f64']), sizes(s, 2))],
      attrs: { sorted: bigint(s.bool()) },
      outputs: s.int(1, 4),
    }),
    (s) => ({
      inputs: [drawn(s, 'i64', [s.int(1, 4), s.int(1, 3)], 0, 1)],
      attrs: { axis: BigInt(s.pick([0, 1, -1])), sorted: bigint(s.bool()) },
      outputs: 4,
    }),
  ],
  NonZero: [(s) => ({ inputs: [drawn(s, s.pick(['f32', 'i64', 'bool', 'i32', 'u8']), sizes(s, s.int(1, 3)), 0, 1)] })],
  Tile: [
    (s) => ({ inputs: [drawn(s, s.pick(['f32', 'i64', 'bool', 'f64']), [2, 3], 0, 1), i64s(s.int(1, 3), s.int(2, 3))] }),
    () => ({ inputs: [vector('f32', 1, 2), i64s(0)] }),
  ],
  Expand: [(s) => ({ inputs: [drawn(s, 'f32', [2, 1]), i64s(s.int(1, 3), 1, s.int(1, 3))] })],
  ReverseSequence: [
    (s) => {
      const [batch, time] = [s.int(1, 3), s.int(1, 4)];
      const first = s.bool();
      return {
        inputs: [
          drawn(s, 'f32', first ? [time, batch, 2] : [batch, time, 2]),
          i64s(...Array.from({ length: batch }, () => s.int(1, time))),
        ],
        attrs: first ? { batch_axis: 1n, time_axis: 0n } : { batch_axis: 0n, time_axis: 1n },
      };
    },
  ],
  DepthToSpace: [
    (s) => ({
      inputs: [drawn(s, 'f32', [1, 8, s.int(1, 3), s.int(1, 3)])],
      attrs: { blocksize: 2n, mode: s.pick(['DCR', 'CRD']) },
    }),
  ],
  SpaceToDepth: [(s) => ({ inputs: [drawn(s, 'f32', [1, 2, 4, 2 * s.int(1, 3)])], attrs: { blocksize: 2n } })],
  EyeLike: [
    (s) => ({
      inputs: [drawn(s, 'f32', sizes(s, 2))],
      attrs: { k: BigInt(s.int(-2, 2)), ...(s.bool() && { dtype: s.pick([1n, 7n, 6n, 11n]) }) },
    }),
  ],
  Range: [
    (s) => {
      const elem = s.pick(['i32', 'i64', 'f32', 'f64'] as const);
      return { inputs: [scalar(elem, s.int(-9, 9)), scalar(elem, s.int(-9, 9)), scalar(elem, s.pick([1, 2, -1, -3]))] };
    },
  ],
  ConstantOfShape: [
    () => ({ inputs: [i64s(2, 3)], attrs: { value: vector('i64', 2n ** 60n + 1n) } }),
    () => ({ inputs: [i64s(2, 0)] }),
  ],
  Size: [(s) => ({ inputs: [drawn(s, s.pick(['f32', 'i64']), sizes(s, s.int(0, 3)))] })],
  ReduceSum: [
    (s) => ({ inputs: [drawn(s, 'f32', [])], attrs: { keepdims: bigint(s.bool()) } }),
    (s) => ({ inputs: [drawn(s, s.pick(['f32', 'i64']), [2, 3]), i64s(s.pick([0, -1]))], attrs: { keepdims: bigint(s.bool()) } }),
  ],
  ReduceMean: [reduce(['f32', 'f64']), reduce(['f32'], -3, 3, { opset: 18 })],
  ReduceProd: [reduce(['f32', 'i64'])],
  ReduceMax: [reduce(['f32', 'i64', 'i32']), reduce(['f32'], -3, 3, { opset: 18 })],
  ReduceMin: [reduce(['f32', 'i64', 'i32'])],
  ReduceL1: [reduce(['f32', 'i32']), reduce(['f32'], -3, 3, { opset: 18 })],
  ReduceL2: [reduce(['f32']), reduce(['f32'], -3, 3, { opset: 18 })],
  ReduceSumSquare: [reduce(['f32', 'f64', 'i32']), reduce(['f32'], -3, 3, { opset: 18 })],
  ReduceLogSum: [reduce(['f32', 'f64'], 0.5, 3), reduce(['f32'], 0.5, 3, { opset: 18 })],
  ReduceLogSumExp: [reduce(['f32', 'f64']), reduce(['f32'], -3, 3, { opset: 18 })],
  ArgMax: [argExtreme],
  ArgMin: [arg],
  Hardmax: [(s) => ({ inputs: [coarse(s, 'f32', sizes(s, 3))], attrs: { axis: BigInt(s.int(-3, 2)) } })],
  LpNormalization: [
    (s) => ({ inputs: [drawn(s, 'f32', sizes(s, 3), 0.5, 2)], attrs: { axis: BigInt(s.int(-3, 2)), p: BigInt(s.int(1, 2)) } }),
  ],
  GlobalLpPool: [(s) => ({ inputs: [drawn(s, 'f32', [1, ...sizes(s, 3)])], attrs: { p: BigInt(s.int(1, 3)) } })],
  LRN: [
    (s) => ({
      inputs: [drawn(s, 'f32', [1, s.int(1, 6), 2, 2])],
      attrs: { size: BigInt(s.pick([1, 3, 5])), alpha: 0.5, beta: 0.75, bias: 1.5 },
    }),
  ],
  MeanVarianceNormalization: [
    (s) => ({
      inputs: [drawn(s, 'f32', [2, 2, 3, 2])],
      ...(s.bool() && {
        attrs: {
          axes: s.pick([
            [2n, 3n],
            [0n, 1n],
          ]),
        },
      }),
    }),
  ],
  GroupNormalization: [
    (s) => ({
      inputs: [drawn(s, 'f32', [2, 4, 3, 2]), drawn(s, 'f32', [4]), drawn(s, 'f32', [4])],
      attrs: { num_groups: BigInt(s.pick([1, 2, 4])), epsilon: 0.001 },
      opset: 21,
    }),
    (s) => ({
      inputs: [drawn(s, 'f32', [2, 4, 3]), drawn(s, 'f32', [2]), drawn(s, 'f32', [2])],
      attrs: { num_groups: 2n },
      opset: 18,
    }),
  ],
  RMSNormalization: [
    (s) => ({ inputs: [drawn(s, 'f32', [2, 3, 4]), drawn(s, 'f32', [4])], attrs: { epsilon: 0.01 }, opset: 23 }),
  ],
  Det: [
    (s) => ({
      inputs: [
        drawn(
          s,
          'f32',
          s.pick([
            [3, 3],
            [2, 2, 2],
            [1, 1],
            [2, 4, 4],
          ]),
        ),
      ],
    }),
  ],
  HannWindow: [(s) => ({ inputs: [scalar('i64', BigInt(s.int(2, 9)))], attrs: { periodic: bigint(s.bool()) } })],
  HammingWindow: [(s) => ({ inputs: [scalar('i64', BigInt(s.int(2, 9)))], attrs: { periodic: bigint(s.bool()) } })],
  BlackmanWindow: [(s) => ({ inputs: [scalar('i64', BigInt(s.int(2, 9)))], attrs: { periodic: bigint(s.bool()) } })],
  MatMul: [
    (s) => {
      const elem = s.pick(['i32', 'i64', 'u32'] as const);
      const k = s.int(1, 4);
      const a = s.pick([[k], [2, k], [3, 2, k]]);
      return { inputs: [drawn(s, elem, a, 0, 9), drawn(s, elem, s.pick([[k], [k, 3], [3, k, 2]]), 0, 9)] };
    },
  ],
  Einsum: [
    (s) => ({
      inputs: [drawn(s, 'f32', [2, 3, 4]), drawn(s, 'f32', [2, 4, 2])],
      attrs: { equation: s.pick(['bij,bjk->bik', 'bij, bjk -> ik', 'bij,bjk->kb', 'bij,bjk']) },
    }),
    (s) => ({ inputs: [drawn(s, 'f32', [3, 3])], attrs: { equation: s.pick(['ii->i', 'ii', 'ij->ji', 'ij->']) } }),
    (s) => ({
      inputs: [drawn(s, 'f32', [2]), drawn(s, 'f32', [3]), drawn(s, 'f32', [2, 3])],
      attrs: { equation: 'i,j,ij->' },
    }),
  ],
};

function modelOf(op: string, { inputs, attrs, outputs = 1, opset }: Use): Tiny {
  const names = inputs.map((x, i) => (x ? `c${i}` : ''));
  while (names.at(-1) === '') names.pop();
  const constants = Object.fromEntries(inputs.flatMap((x, i) => (x ? [[`c${i}`, x]] : [])));
  const made = Array.from({ length: outputs }, (_, i) => `y${i}`);
  return {
    constants,
    nodes: [{ op, inputs: names, outputs: made, ...(attrs && { attrs }) }],
    outputs: made,
    ...(opset && { opset }),
  };
}

async function leftOf(tiny: Tiny): Promise<{ left: readonly string[]; bytes: Uint8Array }> {
  const result = await optimizeOnnx(tinyBytes(tiny), { verifyIr: true });
  const graph = result.graph ?? expect.unreachable(JSON.stringify(result.diagnostics));
  return { left: [...graph.nodes()].map((node) => node.op.foreign?.opType ?? node.op.name), bytes: await result.bytes() };
}

function apart(a: TinyResult | undefined, b: TinyResult | undefined): number {
  if (!a || !b || a.type !== b.type || a.dims.join() !== b.dims.join()) return Infinity;
  const largest = a.data.reduce<number>((most, n) => Math.max(most, Math.abs(Number(n)) || 0), 1e-30);
  return a.data.reduce<number>((most, n, i) => {
    const other = b.data[i];
    if (Object.is(n, other) || n === other) return most;
    return Math.max(most, typeof n === 'bigint' ? Infinity : Math.abs(n - Number(other)) / largest);
  }, 0);
}

describe('folds to what onnxruntime computes', () => {
  it('every evaluation by name has uses', () => expect(Object.keys(uses).sort()).toEqual([...onnxEvaluators.keys()].sort()));

  it.each(Object.entries(uses))('%s', async (op, all) => {
    let ran = 0;
    for (const [k, use] of all.entries()) {
      for (let seed = 1; seed <= 6; seed++) {
        const tiny = modelOf(op, use(sampleSource(100 * k + seed)));
        const before = await runTiny(tinyBytes(tiny));
        const said = `${op} use ${k} seed ${seed}: ${JSON.stringify(tiny, (_, v) => (typeof v === 'bigint' ? Number(v) : v))}`;
        const { left, bytes } = await leftOf(tiny);
        expect(left, said).toEqual([]);
        // A kernel that onnxruntime has not for a type.
        if (typeof before === 'string') {
          expect(before, said).toMatch(/implementation|NOT_IMPLEMENTED|not supported/i);
          continue;
        }
        ran++;
        const after = await runTiny(bytes);
        if (typeof after === 'string') expect.unreachable(`${said}: ${after}`);
        else for (const y of tiny.outputs) expect(apart(before[y], after[y]), `${said} ${y}`).toBeLessThan(2e-6);
      }
    }
    expect(ran).toBeGreaterThan(2);
  });
});

it('every other operator of ONNX is lifted, or stays for a reason', () => {
  const listed = Object.values(stays).flat();
  expect(listed.filter((name) => onnxEvaluators.has(name) || lifts.has(name))).toEqual([]);
  const accounted = new Set([...listed, ...onnxEvaluators.keys(), ...lifts.keys()]);
  expect(operatorNames.filter((name) => !accounted.has(name))).toEqual([]);
  expect(listed.filter((name) => !operatorNames.includes(name))).toEqual([]);
});

const nan = Number.NaN;

describe('stays where there is no result that all agree on', () => {
  const cases: readonly (readonly [string, string, Use])[] = [
    ['an index outside', 'GatherElements', { inputs: [vector('f32', 1, 2), i64s(2)] }],
    ['an index outside of tuples', 'GatherND', { inputs: [vector('f32', 1, 2), tensor('i64', [1, 1], -3n)] }],
    ['a tuple longer than the rank', 'GatherND', { inputs: [vector('f32', 1, 2), tensor('i64', [1, 2], 0n, 0n)] }],
    [
      'two updates of one element',
      'ScatterND',
      { inputs: [vector('f32', 1, 2), tensor('i64', [2, 1], 0n, -2n), vector('f32', 3, 4)] },
    ],
    [
      'NaN where the larger is kept',
      'ScatterElements',
      { inputs: [vector('f32', 1, nan), i64s(0), vector('f32', 3)], attrs: { reduction: 'max' }, opset: 18 },
    ],
    ['no order', 'TopK', { inputs: [vector('f32', 1, 2), i64s(2)], attrs: { sorted: 0n }, outputs: 2 }],
    ['NaN among the largest', 'TopK', { inputs: [vector('f32', 1, nan), i64s(1)], outputs: 2 }],
    ['more than there are', 'TopK', { inputs: [vector('f32', 1), i64s(2)], outputs: 2 }],
    ['a fraction as an index', 'OneHot', { inputs: [vector('f32', 1.5), i64s(3), vector('f32', 0, 1)] }],
    ['NaN that is unique', 'Unique', { inputs: [vector('f32', nan, 1)] }],
    ['a remainder by 0', 'Mod', { inputs: [i64s(3), i64s(0)] }],
    ['a remainder of floats without fmod', 'Mod', { inputs: [vector('f32', 3), vector('f32', 2)] }],
    ['a shift by all bits', 'BitShift', { inputs: [vector('u8', 3), vector('u8', 8)], attrs: { direction: 'LEFT' } }],
    ['a truth value of 2', 'ArgMin', { inputs: [vector('f32', 3, 2)], attrs: { keepdims: 2n } }],
    ['a minimum with NaN', 'ArgMin', { inputs: [vector('f32', 3, nan)] }],
    ['a large integer sum', 'ReduceL1', { inputs: [vector('i32', 2 ** 31 - 1, 1)] }],
    ['the root of integers', 'ReduceL2', { inputs: [vector('i32', 3, 4)] }],
    ['an infinite exponent', 'ReduceLogSumExp', { inputs: [vector('f32', Infinity, 4)] }],
    ['steps of fractions', 'Range', { inputs: [scalar('f32', 0), scalar('f32', 1), scalar('f32', 0.3)] }],
    ['a step of 0', 'Range', { inputs: [scalar('i64', 0), scalar('i64', 1), scalar('i64', 0)] }],
    ['a product that wraps around', 'MatMul', { inputs: [vector('i32', 70000), vector('i32', 70000)] }],
    ['a sequence without elements', 'ReverseSequence', { inputs: [tensor('f32', [2, 1], 1), i64s(0)] }],
    ['a power of integers', 'Pow', { inputs: [vector('i64', 2n), vector('i64', 2n)] }],
    ['Shrink of NaN', 'Shrink', { inputs: [vector('f32', nan)] }],
    ['a mean of integers', 'ReduceMean', { inputs: [vector('i32', 1, 2)] }],
    ['the largest of large integers', 'Max', { inputs: [vector('i64', 2n ** 40n), i64s(1), i64s(2)] }],
    ['a window of one element', 'HannWindow', { inputs: [scalar('i64', 1n)], attrs: { periodic: 0n } }],
    ['an attribute of another kind', 'Trilu', { inputs: [tensor('f32', [2, 2], 1)], attrs: { upper: 'yes' } }],
    ['random numbers', 'RandomUniformLike', { inputs: [vector('f32', 1)] }],
    ['weights that are quantised', 'DequantizeLinear', { inputs: [vector('i8', 1), scalar('f32', 0.5)] }],
  ];
  it.each(cases)('%s', async (_, op, use) => expect((await leftOf(modelOf(op, use))).left).toHaveLength(1));
});

describe('gives a value or a refusal of whatever it is given', () => {
  const strange = (s: SampleSource): HostTensor => {
    const elem = s.pick(['f32', 'f16', 'i64', 'i32', 'u8', 'bool', 'u64'] as const);
    const dims = Array.from({ length: s.int(0, 5) }, () => s.int(0, 4));
    const odd = [0, 1, -1, 2, -5, 255, 2 ** 31, -(2 ** 40), 2 ** 53, ...(elem === 'f32' ? [nan, Infinity, 1e300, 0.5] : [])];
    const data = Float64Array.from({ length: elementCount(dims) }, () => s.pick(odd));
    const wide = elem === 'i64' && s.int(0, 9) === 0;
    return { elem, dims, data, ...(wide && { wide: BigInt64Array.from(data, (n) => BigInt(n) * 2n ** 10n) }) };
  };
  const names = [
    'axis',
    'batch_dims',
    'k',
    'p',
    'size',
    'num_groups',
    'blocksize',
    'dtype',
    'sorted',
    'keepdims',
    'upper',
    'fmod',
  ];
  const attributeOf = (s: SampleSource): OnnxAttribute =>
    s.pick<OnnxAttribute>([
      { kind: 'int', value: BigInt(s.int(-3, 3)) },
      { kind: 'int', value: 2n ** 62n },
      { kind: 'float', value: nan },
      { kind: 'string', value: 'LEFT' },
      { kind: 'ints', value: [1n, -9n] },
      { kind: 'other' },
    ]);

  it.each([...onnxEvaluators])('%s', (name, evaluator) => {
    let refused = 0;
    for (let seed = 1; seed <= 300; seed++) {
      const s = sampleSource(seed);
      const inputs = Array.from({ length: s.int(0, 4) }, () => (s.int(0, 9) === 0 ? undefined : strange(s)));
      const given = new Map(names.filter(() => s.int(0, 5) === 0).map((one) => [one, attributeOf(s)]));
      if (s.bool()) given.set('equation', { kind: 'string', value: s.pick(['ij,jk', 'a,a->', '->', 'ab->ba', 'i->jj']) });
      const attributes = new Attributes(given);
      const bare = { domain: '', opType: name, attributes: [], outputs: [], rest: new Uint8Array() };
      const op = foreignOperator(bare, [], (all) => evaluator({ opset: s.pick([13, 18, 21]), inputs: all, attributes }));
      const found = evaluateConstant(op, inputs, {});
      if (found.kind === 'refused') refused++;
      else for (const y of found.results) expect(y.data.length).toBe(elementCount(y.dims));
    }
    expect(refused).toBeGreaterThan(0);
  });

  it.each([
    ['Max', [[4096, 1], [1, 4096], [1]]],
    [
      'Equal',
      [
        [4096, 1],
        [1, 4096],
      ],
    ],
    [
      'MatMul',
      [
        [2000, 2000],
        [2000, 2000],
      ],
    ],
    ['Det', [[1500, 1500]]],
    ['LRN', [[1, 2 ** 20, 4]]],
    ['Unique', [[2 ** 21]]],
    ['Tile', [[2000, 2000], [2]]],
  ] as const)('%s of too much', (name, shapes) => {
    const elem = name === 'MatMul' ? 'i32' : 'f32';
    const inputs = shapes.map((dims) => ({ elem, dims, data: new Float64Array(elementCount(dims)).fill(9) }) as const);
    const attributes = new Attributes(new Map([['size', { kind: 'int', value: 2n ** 20n }]]));
    const bare = { domain: '', opType: name, attributes: [], outputs: [], rest: new Uint8Array() };
    const op = foreignOperator(bare, [], (all) => onnxEvaluators.get(name)?.({ opset: 17, inputs: all, attributes }) ?? []);
    expect(evaluateConstant(op, inputs, {})).toMatchObject({ kind: 'refused', condition: 'held' });
  });
});

describe('integers beyond 2^53', () => {
  const big = 2n ** 62n + 1n;
  it.each([
    ['GatherElements', { inputs: [vector('i64', 1n, big), i64s(1, 0)] }],
    ['Trilu', { inputs: [tensor('i64', [2, 2], big, 1n, 2n, -big)] }],
    ['TopK', { inputs: [vector('i64', big, big + 1n, big - 1n), i64s(2)], outputs: 2 }],
    ['Unique', { inputs: [vector('i64', big, 3n, big + 1n, big)], outputs: 4 }],
    ['ScatterElements', { inputs: [vector('i64', 1n, 2n), i64s(1), vector('i64', big)] }],
    ['BitwiseXor', { inputs: [vector('i64', big, -1n), vector('i64', 1n, big)], opset: 18 }],
    ['Mod', { inputs: [vector('i64', big, -big), i64s(7)] }],
  ] as const)('%s', async (op, use) => {
    const tiny = modelOf(op, use);
    const { left, bytes } = await leftOf(tiny);
    expect(left).toEqual([]);
    expect(await runTiny(bytes)).toEqual(await runTiny(tinyBytes(tiny)));
  });
});

describe('what stands behind', () => {
  const x = { x: { elem: 'f32', dims: [2, 6] } } as const;
  const run = async (tiny: Tiny): Promise<readonly string[]> => {
    const { left, bytes } = await leftOf(tiny);
    const feed = { x: tensor('f32', [2, 6], ...Array.from({ length: 12 }, (_, i) => i - 5)) };
    expect(await runTiny(bytes, feed)).toEqual(await runTiny(tinyBytes(tiny), feed));
    return left;
  };

  it('a result whose size hangs on the numbers has that size', async () => {
    // As PyTorch exports a mask: the places of a comparison of floats.
    const left = await run({
      inputs: x,
      constants: { c: vector('f32', 1, 5, 2, 7), t: scalar('f32', 1.5), one: i64s(0) },
      nodes: [
        { op: 'Greater', inputs: ['c', 't'], outputs: ['m'] },
        { op: 'NonZero', inputs: ['m'], outputs: ['p'] },
        { op: 'Squeeze', inputs: ['p', 'one'], outputs: ['q'] },
        { op: 'Gather', inputs: ['x', 'q'], outputs: ['y'], attrs: { axis: 1n } },
      ],
      outputs: ['y'],
    });
    expect(left).toEqual(['gather']);
  });

  it('a shape that is computed by name is known', async () => {
    const left = await run({
      inputs: x,
      constants: { c: i64s(7, 6), d: i64s(4, 9), e: i64s(4, 5) },
      nodes: [
        { op: 'BitwiseAnd', inputs: ['c', 'd'], outputs: ['a'] },
        { op: 'Max', inputs: ['a', 'c', 'd'], outputs: ['b'] },
        { op: 'Mod', inputs: ['b', 'e'], outputs: ['shape'] },
        { op: 'Reshape', inputs: ['x', 'shape'], outputs: ['y'] },
      ],
      opset: 18,
      outputs: ['y'],
    });
    expect(left).toEqual(['reshape']);
  });

  it('weights that are scattered fold with their bytes', async () => {
    const left = await run({
      inputs: x,
      constants: { w: tensor('f32', [6, 4], 0), at: tensor('i64', [2, 1], 1n, 4n), rows: drawn(sampleSource(1), 'f32', [2, 4]) },
      nodes: [
        { op: 'ScatterND', inputs: ['w', 'at', 'rows'], outputs: ['v'] },
        { op: 'LpNormalization', inputs: ['v'], outputs: ['n'], attrs: { axis: 1n } },
        { op: 'MatMul', inputs: ['x', 'n'], outputs: ['y'] },
      ],
      outputs: ['y'],
    });
    expect(left).toEqual(['matmul']);
  });
});
