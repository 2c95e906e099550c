/**
 * Arithmetic, comparisons and choices, element by element, with NumPy's broadcasting (ONNX "Broadcasting", multidirectional).
 * Both operands have one element type: nothing is promoted silently. ONNX Add-13 … Where-9.
 * One file, because it is a list of small records over two definitions.
 */
import { bug } from '../diagnostics/diagnostic.ts';
import { Dim } from '../ir/dim.ts';
import {
  type Attrs,
  type Check,
  CheckFailure,
  type InferContext,
  type NumberRange,
  type Operator,
  type SampleSource,
} from '../ir/operator.ts';
import { type ElemType, type HostTensor, isFloat, typeText } from '../ir/types.ts';
import { given } from './attrs.ts';
import {
  broadcastDims,
  broadcastShape,
  checkFloat,
  checkNumeric,
  checkSameElem,
  elementAt,
  map1,
  map2,
  map3,
  sampleDims,
  wrapAll,
} from './common.ts';
import { defineLayer, defineOperator, type Layer, type LayerBuilder, type LayerOperands, layerOf } from './define.ts';
import { chosenElements, each, pairwise, quotient, truthOf } from './element-dims.ts';
import * as portable from './math.ts';
import { type BroadcastingFacts, broadcastingTraits, type FunctionFacts, functionTraits } from './traits.ts';
import { type WideBinary, type WideUnary, wideBinary, wideMax, wideMin, wideUnary, wideWhere } from './wide.ts';

const two: LayerOperands = { names: ['it', 'other'], min: 2, max: 2 };

type Accepts = 'numbers' | 'floats' | 'bools' | 'anything';

interface BinarySpec {
  readonly name: string;
  readonly onnx: string;
  readonly summary: string;
  readonly accepts: Accepts;
  /** The result is bool. */
  readonly compares?: boolean;
  /** Random numbers of the second operand. */
  readonly range?: NumberRange;
  readonly inRow?: string;
  readonly traits: BroadcastingFacts;
  /** The same for 64-bit integers of any size. */
  readonly wide?: WideBinary;
  /** By element type, because integers divide and multiply in their own way. */
  readonly f: (elem: ElemType) => (a: number, b: number) => number;
  readonly sample: (
    source: SampleSource,
    dims: readonly [readonly number[], readonly number[]],
  ) => readonly [HostTensor, HostTensor];
}

/** Two shapes that broadcast, of rank 1 to 4. */
function sampleShapes(source: SampleSource): readonly [readonly number[], readonly number[]] {
  const full = sampleDims(source, 1, 4);
  const part = (): readonly number[] => full.slice(source.int(0, full.length)).map((d) => (source.int(0, 3) === 0 ? 1 : d));
  if (source.int(0, 3) === 0) return [full, full];
  return source.bool() ? [full, part()] : [part(), full];
}

export function binary(spec: BinarySpec): Operator {
  return defineOperator({
    name: spec.name,
    summary: spec.summary,
    onnx: [spec.onnx],
    operands: [
      { name: 'x', doc: 'the first tensor' },
      { name: 'y', doc: 'the second tensor, of the same element type', ...(spec.range && { range: spec.range }) },
    ],
    attrs: {},
    traits: broadcastingTraits(spec.traits),
    infer(context: InferContext) {
      const { operands } = context;
      const check: Check = context.check;
      const a = given(operands, 0);
      const b = given(operands, 1);
      checkSameElem(check, 'c1', a, b);
      if (spec.accepts === 'bools') check('c2', a.elem === 'bool', typeText(a), 'a bool tensor', 'cast(bool)');
      else if (spec.accepts === 'floats') checkFloat(check, 'c2', a);
      else if (spec.accepts === 'numbers') checkNumeric(check, 'c2', a);
      return [{ elem: spec.compares ? 'bool' : a.elem, dims: broadcastDims(check, 'c3', a.dims, b.dims) }];
    },
    evaluate(operands) {
      const a = given(operands, 0);
      const b = given(operands, 1);
      const { dims, data } = map2(a, b, spec.f(a.elem));
      const elem = spec.compares ? 'bool' : a.elem;
      return [{ elem, dims, data: wrapAll(elem, data) }];
    },
    ...(spec.wide && { evaluateWide: wideBinary(spec.wide) }),
    form: { op: spec.onnx },
    ...(spec.compares && { margin: comparisonMargin }),
    ...(spec.inRow !== undefined && { inRow: spec.inRow }),
    lower: (builder, node, operands) => [builder.node(spec.onnx, operands, {}, node.y.type)],
    sample: (source) => ({ operands: spec.sample(source, sampleShapes(source)), attrs: {} }),
  });
}

/** How far the two elements are apart that made element `at` of a comparison. */
function comparisonMargin([a, b]: readonly HostTensor[], _attrs: Attrs, at: number): number {
  if (!a || !b) return bug('a comparison takes two operands');
  const dims = broadcastShape(a.dims, b.dims);
  return Math.abs(elementAt(a, dims, at) - elementAt(b, dims, at));
}

/** Floats mostly, integers sometimes; onnxruntime has kernels for both. */
function numbers(
  source: SampleSource,
  [p, q]: readonly [readonly number[], readonly number[]],
): readonly [HostTensor, HostTensor] {
  const elem = source.pick(['f32', 'f32', 'i64', 'i32'] as const);
  const range = isFloat(elem) ? {} : { low: -9, high: 9 };
  return [source.tensor(p, { elem, ...range }), source.tensor(q, { elem, ...range })];
}

export function bools(
  source: SampleSource,
  [p, q]: readonly [readonly number[], readonly number[]],
): readonly [HostTensor, HostTensor] {
  const bits = { elem: 'bool', low: 0, high: 2 } as const;
  return [source.tensor(p, bits), source.tensor(q, bits)];
}

const sameForAll =
  (f: (a: number, b: number) => number) =>
  (_elem: ElemType): ((a: number, b: number) => number) =>
    f;

export const add = binary({
  name: 'add',
  onnx: 'Add',
  summary: 'x + y',
  accepts: 'numbers',
  inRow: 'Sum',
  traits: {
    commutative: true,
    homogeneous: 'no',
    keepsZero: false,
    sign: 'all',
    dims: pairwise((a, b) => a.plus(b)),
    roundsOnce: true,
    thresholds: 'no',
  },
  f: sameForAll((a, b) => a + b),
  wide: (a, b) => a + b,
  sample: numbers,
});

export const sub = binary({
  name: 'sub',
  onnx: 'Sub',
  summary: 'x − y',
  accepts: 'numbers',
  traits: {
    commutative: false,
    homogeneous: 'no',
    keepsZero: false,
    sign: 'no',
    dims: pairwise((a, b) => a.minus(b)),
    roundsOnce: true,
    thresholds: 'no',
  },
  f: sameForAll((a, b) => a - b),
  wide: (a, b) => a - b,
  sample: numbers,
});

export const mul = binary({
  name: 'mul',
  onnx: 'Mul',
  summary: 'x · y',
  accepts: 'numbers',
  traits: {
    commutative: true,
    homogeneous: 'any',
    keepsZero: true,
    sign: (node) => (node.operand(0) === node.operand(1) ? 'always' : 'all'),
    dims: pairwise((a, b) => a.times(b)),
    roundsOnce: true,
    thresholds: 'no',
  },
  // The product of two 32-bit integers does not fit float64, its lower 32 bits are what wraps.
  f: (elem) => (elem === 'i32' || elem === 'u32' ? Math.imul : (a, b) => a * b),
  wide: (a, b) => a * b,
  sample: numbers,
});

function divideIntegers(a: number, b: number): number {
  if (b === 0) throw new CheckFailure('division', 'an integer divided by 0', 'a divisor other than 0');
  // a / b may round up to the next integer; without its remainder the quotient is exact.
  return (a - (a % b)) / b;
}

function divideWide(a: bigint, b: bigint): bigint {
  if (b === 0n) throw new CheckFailure('division', 'an integer divided by 0', 'a divisor other than 0');
  return a / b;
}

export const div = binary({
  name: 'div',
  onnx: 'Div',
  summary: 'x / y; between integers without the fraction (truncated towards 0)',
  accepts: 'numbers',
  range: { low: 1, high: 4 },
  traits: {
    commutative: false,
    homogeneous: 'any',
    keepsZero: true,
    sign: 'all',
    dims: pairwise(quotient),
    roundsOnce: true,
    thresholds: 'no',
  },
  f: (elem) => (isFloat(elem) ? (a, b) => a / b : divideIntegers),
  wide: divideWide,
  sample(source, [p, q]) {
    const elem = source.pick(['f32', 'f32', 'i64', 'i32'] as const);
    if (isFloat(elem)) return [source.tensor(p), source.tensor(q, { low: 0.5, high: 2 })];
    return [source.tensor(p, { elem, low: -20, high: 20 }), source.tensor(q, { elem, low: 1, high: 6 })];
  },
});

export const pow = binary({
  name: 'pow',
  onnx: 'Pow',
  summary: 'x to the power of y',
  accepts: 'floats',
  traits: {
    commutative: false,
    homogeneous: 'no',
    keepsZero: false,
    sign: 'all',
    thresholds: 'unknown',
    dims: 'unknown',
    roundsOnce: 'unknown',
  },
  f: sameForAll(portable.pow),
  sample: (source, [p, q]) => [source.tensor(p, { low: 0.2, high: 2 }), source.tensor(q)],
});

export const min = binary({
  name: 'min',
  onnx: 'Min',
  summary: 'The smaller of x and y',
  accepts: 'numbers',
  traits: {
    commutative: true,
    homogeneous: 'no',
    keepsZero: false,
    sign: 'all',
    thresholds: 'operands',
    dims: pairwise((a, b) => Dim.min(a, b)),
    roundsOnce: true,
  },
  f: sameForAll(Math.min),
  wide: wideMin,
  sample: numbers,
});

export const max = binary({
  name: 'max',
  onnx: 'Max',
  summary: 'The larger of x and y',
  accepts: 'numbers',
  traits: {
    commutative: true,
    homogeneous: 'no',
    keepsZero: false,
    sign: 'all',
    thresholds: 'operands',
    dims: pairwise((a, b) => Dim.max(a, b)),
    roundsOnce: true,
  },
  f: sameForAll(Math.max),
  wide: wideMax,
  sample: numbers,
});

export const equal = binary({
  name: 'equal',
  onnx: 'Equal',
  summary: 'Whether x = y',
  accepts: 'anything',
  compares: true,
  traits: {
    commutative: true,
    homogeneous: 'no',
    keepsZero: false,
    sign: 'always',
    dims: pairwise((a, b) => truthOf(a.equals(b))),
    thresholds: 'unknown',
    roundsOnce: 'unknown',
  },
  f: sameForAll((a, b) => (a === b ? 1 : 0)),
  wide: (a, b) => a === b,
  sample(source, [p, q]) {
    const elem = source.pick(['f32', 'i64', 'i32', 'bool'] as const);
    const range = { elem, low: 0, high: 2 };
    return [source.tensor(p, range), source.tensor(q, range)];
  },
});

export const less = binary({
  name: 'less',
  onnx: 'Less',
  summary: 'Whether x < y',
  accepts: 'numbers',
  compares: true,
  traits: {
    commutative: false,
    homogeneous: 'no',
    keepsZero: false,
    sign: 'always',
    thresholds: 'operands',
    dims: pairwise((a, b) => truthOf(a.lessThan(b))),
    roundsOnce: 'unknown',
  },
  f: sameForAll((a, b) => (a < b ? 1 : 0)),
  wide: (a, b) => a < b,
  sample: numbers,
});

export const lessEqual = binary({
  name: 'less_equal',
  onnx: 'LessOrEqual',
  summary: 'Whether x ≤ y',
  accepts: 'numbers',
  compares: true,
  traits: {
    commutative: false,
    homogeneous: 'no',
    keepsZero: false,
    sign: 'always',
    thresholds: 'operands',
    dims: pairwise((a, b) => truthOf(a.atMost(b))),
    roundsOnce: 'unknown',
  },
  f: sameForAll((a, b) => (a <= b ? 1 : 0)),
  wide: (a, b) => a <= b,
  sample: numbers,
});

export const greater = binary({
  name: 'greater',
  onnx: 'Greater',
  summary: 'Whether x > y',
  accepts: 'numbers',
  compares: true,
  traits: {
    commutative: false,
    homogeneous: 'no',
    keepsZero: false,
    sign: 'always',
    thresholds: 'operands',
    dims: pairwise((a, b) => truthOf(b.lessThan(a))),
    roundsOnce: 'unknown',
  },
  f: sameForAll((a, b) => (a > b ? 1 : 0)),
  wide: (a, b) => a > b,
  sample: numbers,
});

export const greaterEqual = binary({
  name: 'greater_equal',
  onnx: 'GreaterOrEqual',
  summary: 'Whether x ≥ y',
  accepts: 'numbers',
  compares: true,
  traits: {
    commutative: false,
    homogeneous: 'no',
    keepsZero: false,
    sign: 'always',
    thresholds: 'operands',
    dims: pairwise((a, b) => truthOf(b.atMost(a))),
    roundsOnce: 'unknown',
  },
  f: sameForAll((a, b) => (a >= b ? 1 : 0)),
  wide: (a, b) => a >= b,
  sample: numbers,
});

export const and = binary({
  name: 'and',
  onnx: 'And',
  summary: 'Whether both hold',
  accepts: 'bools',
  traits: {
    commutative: true,
    homogeneous: 'unknown',
    keepsZero: true,
    sign: 'always',
    dims: pairwise((a, b) => Dim.min(a, b)),
    thresholds: 'unknown',
    roundsOnce: 'unknown',
  },
  f: sameForAll((a, b) => a * b),
  sample: bools,
});

export const or = binary({
  name: 'or',
  onnx: 'Or',
  summary: 'Whether one of both holds',
  accepts: 'bools',
  traits: {
    commutative: true,
    homogeneous: 'unknown',
    keepsZero: false,
    sign: 'always',
    dims: pairwise((a, b) => Dim.max(a, b)),
    thresholds: 'unknown',
    roundsOnce: 'unknown',
  },
  f: sameForAll(Math.max),
  sample: bools,
});

interface UnarySpec {
  readonly name: string;
  readonly onnx: string;
  readonly summary: string;
  readonly accepts: Accepts;
  readonly traits: FunctionFacts;
  readonly f: (x: number) => number;
  /** The same for 64-bit integers of any size. */
  readonly wide?: WideUnary;
  readonly low?: number;
  readonly high?: number;
  /** Random numbers of the operand, where not all that samples have are defined. */
  readonly range?: NumberRange;
}

function unary(spec: UnarySpec): Operator {
  return defineOperator({
    name: spec.name,
    summary: spec.summary,
    onnx: [spec.onnx],
    operands: [{ name: 'x', doc: 'the tensor', ...(spec.range && { range: spec.range }) }],
    attrs: {},
    traits: functionTraits(spec.traits),
    infer(context: InferContext) {
      const { operands } = context;
      const check: Check = context.check;
      const x = given(operands, 0);
      if (spec.accepts === 'floats') checkFloat(check, 'c1', x);
      else if (spec.accepts === 'bools') check('c1', x.elem === 'bool', typeText(x), 'a bool tensor', 'cast(bool)');
      else checkNumeric(check, 'c1', x);
      return [x];
    },
    evaluate(operands) {
      const x = given(operands, 0);
      return [{ elem: x.elem, dims: x.dims, data: wrapAll(x.elem, map1(x.data, spec.f)) }];
    },
    ...(spec.wide && { evaluateWide: wideUnary(spec.wide) }),
    form: { op: spec.onnx },
    lower: (builder, node, operands) => [builder.node(spec.onnx, operands, {}, node.y.type)],
    sample(source) {
      const dims = Array.from({ length: source.int(0, 4) }, () => source.int(1, 5));
      const range = { ...(spec.low !== undefined && { low: spec.low }), ...(spec.high !== undefined && { high: spec.high }) };
      if (spec.accepts === 'bools') return { operands: [source.tensor(dims, { elem: 'bool', low: 0, high: 2 })], attrs: {} };
      if (spec.accepts === 'numbers' && source.int(0, 2) === 0)
        return { operands: [source.tensor(dims, { elem: 'i64', low: -9, high: 9 })], attrs: {} };
      return { operands: [source.tensor(dims, range)], attrs: {} };
    },
  });
}

export const neg = unary({
  name: 'neg',
  onnx: 'Neg',
  summary: 'The negative of x',
  accepts: 'numbers',
  traits: {
    homogeneous: 'any',
    keepsZero: true,
    idempotent: false,
    involution: true,
    sign: 'no',
    dims: each((x) => x.negate()),
    roundsOnce: true,
    thresholds: 'no',
  },
  f: (x) => -x,
  wide: (x) => -x,
});
export const abs = unary({
  name: 'abs',
  onnx: 'Abs',
  summary: '|x|',
  accepts: 'numbers',
  traits: {
    homogeneous: 'positive',
    keepsZero: true,
    idempotent: true,
    involution: false,
    sign: 'always',
    dims: each((x) => (x.lowerBound >= 0 ? x : x.upperBound <= 0 ? x.negate() : undefined)),
    thresholds: 'unknown',
    roundsOnce: true,
  },
  f: Math.abs,
  wide: (x) => (x < 0n ? -x : x),
});
export const exp = unary({
  name: 'exp',
  onnx: 'Exp',
  summary: 'e to the power of x',
  accepts: 'floats',
  traits: {
    homogeneous: 'no',
    keepsZero: false,
    idempotent: false,
    involution: false,
    sign: 'always',
    thresholds: 'no',
    dims: 'unknown',
    roundsOnce: 'unknown',
  },
  f: portable.exp,
});
export const log = unary({
  name: 'log',
  onnx: 'Log',
  summary: 'Natural logarithm of x',
  accepts: 'floats',
  traits: {
    homogeneous: 'no',
    keepsZero: false,
    idempotent: false,
    involution: false,
    sign: 'no',
    thresholds: 'no',
    dims: 'unknown',
    roundsOnce: 'unknown',
  },
  f: portable.log,
  range: { low: 0.1, high: 2 },
  low: 0.1,
  high: 5,
});
export const sqrt = unary({
  name: 'sqrt',
  onnx: 'Sqrt',
  summary: 'Square root of x',
  accepts: 'floats',
  traits: {
    homogeneous: 'no',
    keepsZero: true,
    idempotent: false,
    involution: false,
    sign: 'always',
    roundsOnce: true,
    thresholds: 'no',
    dims: 'unknown',
  },
  f: Math.sqrt,
  range: { low: 0.1, high: 2 },
  low: 0.1,
  high: 5,
});
export const erf = unary({
  name: 'erf',
  onnx: 'Erf',
  summary: 'The error function of x',
  accepts: 'floats',
  traits: {
    homogeneous: 'no',
    keepsZero: true,
    idempotent: false,
    involution: false,
    sign: 'all',
    thresholds: 'no',
    dims: 'unknown',
    roundsOnce: 'unknown',
  },
  f: portable.erf,
});
export const reciprocal = unary({
  name: 'reciprocal',
  onnx: 'Reciprocal',
  summary: '1 / x',
  accepts: 'floats',
  traits: {
    homogeneous: 'no',
    keepsZero: false,
    idempotent: false,
    involution: true,
    sign: 'all',
    roundsOnce: 'one',
    thresholds: 'unknown',
    dims: 'unknown',
  },
  f: (x) => 1 / x,
  low: 0.3,
  high: 3,
});
export const floor = unary({
  name: 'floor',
  onnx: 'Floor',
  summary: 'The largest integer that is not above x',
  accepts: 'floats',
  traits: {
    homogeneous: 'no',
    keepsZero: true,
    idempotent: true,
    involution: false,
    sign: 'all',
    roundsOnce: true,
    thresholds: 'unknown',
    dims: 'unknown',
  },
  f: Math.floor,
  low: -9,
  high: 9,
});
export const ceil = unary({
  name: 'ceil',
  onnx: 'Ceil',
  summary: 'The smallest integer that is not below x',
  accepts: 'floats',
  traits: {
    homogeneous: 'no',
    keepsZero: true,
    idempotent: true,
    involution: false,
    sign: 'all',
    roundsOnce: true,
    thresholds: 'unknown',
    dims: 'unknown',
  },
  f: Math.ceil,
  low: -9,
  high: 9,
});

/** The integer nearest to x; of two equally near the even one. */
export function roundHalfEven(x: number): number {
  const below = Math.floor(x);
  const part = x - below;
  const up = part === 0.5 ? below % 2 !== 0 : !(part < 0.5);
  const rounded = up ? below + 1 : below;
  // What a negative number rounds to is −0.
  return rounded === 0 && x < 0 ? -0 : rounded;
}
export const round = unary({
  name: 'round',
  onnx: 'Round',
  summary: 'The nearest integer; halves go to the even one',
  accepts: 'floats',
  traits: {
    homogeneous: 'no',
    keepsZero: true,
    idempotent: true,
    involution: false,
    sign: 'all',
    roundsOnce: true,
    thresholds: 'unknown',
    dims: 'unknown',
  },
  f: roundHalfEven,
  low: -9,
  high: 9,
});
export const sign = unary({
  name: 'sign',
  onnx: 'Sign',
  summary: '−1, 0 or 1',
  accepts: 'numbers',
  traits: {
    homogeneous: 'no',
    keepsZero: true,
    idempotent: true,
    involution: false,
    sign: 'all',
    dims: each((x) => (x.lowerBound >= 1 ? Dim.one : x.constant === undefined ? undefined : Dim.of(Math.sign(x.constant)))),
    thresholds: 'unknown',
    roundsOnce: true,
  },
  f: Math.sign,
  wide: (x) => (x > 0n ? 1n : x < 0n ? -1n : 0n),
});
export const sin = unary({
  name: 'sin',
  onnx: 'Sin',
  summary: 'Sine of x',
  accepts: 'floats',
  traits: {
    homogeneous: 'no',
    keepsZero: true,
    idempotent: false,
    involution: false,
    sign: 'no',
    thresholds: 'no',
    dims: 'unknown',
    roundsOnce: 'unknown',
  },
  f: portable.sin,
});
export const cos = unary({
  name: 'cos',
  onnx: 'Cos',
  summary: 'Cosine of x',
  accepts: 'floats',
  traits: {
    homogeneous: 'no',
    keepsZero: false,
    idempotent: false,
    involution: false,
    sign: 'no',
    thresholds: 'no',
    dims: 'unknown',
    roundsOnce: 'unknown',
  },
  f: portable.cos,
});
export const tan = unary({
  name: 'tan',
  onnx: 'Tan',
  summary: 'Tangent of x',
  accepts: 'floats',
  traits: {
    homogeneous: 'no',
    keepsZero: true,
    idempotent: false,
    involution: false,
    sign: 'no',
    thresholds: 'no',
    dims: 'unknown',
    roundsOnce: 'unknown',
  },
  f: portable.tan,
  low: -1.2,
  high: 1.2,
});
export const tanh = unary({
  name: 'tanh',
  onnx: 'Tanh',
  summary: 'Hyperbolic tangent of x',
  accepts: 'floats',
  traits: {
    homogeneous: 'no',
    keepsZero: true,
    idempotent: false,
    involution: false,
    sign: 'all',
    thresholds: 'no',
    dims: 'unknown',
    roundsOnce: 'unknown',
  },
  f: portable.tanh,
});
export const not = unary({
  name: 'not',
  onnx: 'Not',
  summary: 'Whether x does not hold',
  accepts: 'bools',
  traits: {
    homogeneous: 'unknown',
    keepsZero: false,
    idempotent: false,
    involution: true,
    sign: 'always',
    dims: each((x) => Dim.one.minus(x)),
    thresholds: 'unknown',
    roundsOnce: 'unknown',
  },
  f: (x) => 1 - x,
});

/** condition ? x : y, all three broadcast. ONNX Where-9. */
export const where = defineOperator({
  name: 'where',
  summary: 'x where the condition holds, y elsewhere',
  onnx: ['Where'],
  form: { op: 'Where' },
  operands: [
    { name: 'condition', doc: 'a bool tensor' },
    { name: 'x', doc: 'taken where the condition holds' },
    { name: 'y', doc: 'taken elsewhere, of the same element type as x' },
  ],
  attrs: {},
  traits: broadcastingTraits({
    commutative: 'unknown',
    homogeneous: 'unknown',
    keepsZero: false,
    sign: 'all',
    dims: chosenElements,
    thresholds: 'unknown',
    roundsOnce: 'unknown',
  }),
  infer(context: InferContext) {
    const { operands } = context;
    const check: Check = context.check;
    const condition = given(operands, 0);
    const x = given(operands, 1);
    const y = given(operands, 2);
    check('c1', condition.elem === 'bool', typeText(condition), 'a bool tensor as condition', 'cast(bool)');
    checkSameElem(check, 'c2', x, y);
    const values = broadcastDims(check, 'c3', x.dims, y.dims);
    return [{ elem: x.elem, dims: broadcastDims(check, 'c3', condition.dims, values) }];
  },
  evaluate(operands) {
    const x = given(operands, 1);
    const chosen = map3(given(operands, 0), x, given(operands, 2), (c, a, b) => (c !== 0 ? a : b));
    return [{ elem: x.elem, ...chosen }];
  },
  evaluateWide: wideWhere,
  lower: (builder, node, operands) => [builder.node('Where', operands, {}, node.y.type)],
  sample(source) {
    const [p, q] = sampleShapes(source);
    const elem = source.pick(['f32', 'i64'] as const);
    return {
      operands: [
        source.tensor(source.bool() ? p : q, { elem: 'bool', low: 0, high: 2 }),
        source.tensor(p, { elem }),
        source.tensor(q, { elem }),
      ],
      attrs: {},
    };
  },
});

const binaryOperators: readonly (readonly [Operator, string])[] = [
  [add, 'torch.add'],
  [sub, 'torch.sub'],
  [mul, 'torch.mul'],
  [div, 'ONNX Div'],
  [pow, 'torch.pow'],
  [min, 'torch.minimum'],
  [max, 'torch.maximum'],
  [equal, 'torch.eq'],
  [less, 'torch.lt'],
  [lessEqual, 'torch.le'],
  [greater, 'torch.gt'],
  [greaterEqual, 'torch.ge'],
  [and, 'torch.logical_and'],
  [or, 'torch.logical_or'],
];
const unaryOperators: readonly Operator[] = [
  neg,
  abs,
  exp,
  log,
  sqrt,
  erf,
  reciprocal,
  floor,
  ceil,
  round,
  sign,
  sin,
  cos,
  tan,
  tanh,
  not,
];

const family = 'Arithmetic and comparisons';

export const notEqualLayer = defineLayer({
  name: 'not_equal',
  summary: 'Whether x ≠ y',
  source: 'torch.ne',
  family,
  operands: two,
  params: {},
  build: (builder, [x, y]) => builder.op(not, [builder.op(equal, [x, y ?? bug('not_equal takes two operands')])]),
});

export const log2Layer = defineLayer({
  name: 'log2',
  summary: 'Logarithm of x to base 2: log(x) / log(2)',
  source: 'torch.log2',
  family,
  params: {},
  build(builder: LayerBuilder, [x]) {
    checkFloat(builder.check, 'c1', x.type);
    return builder.op(mul, [builder.op(log, [x]), builder.scalar(x.type.elem, Math.LOG2E)]);
  },
});

export const whereLayer = layerOf(where, {
  source: 'torch.where',
  family,
  operands: { names: ['it', 'x', 'y'], min: 3, max: 3 },
  params: {},
});

export const elementwiseOperators: readonly Operator[] = [
  ...binaryOperators.map(([operator]) => operator),
  ...unaryOperators,
  where,
];

export const elementwiseLayers: readonly Layer[] = [
  ...binaryOperators.map(([operator, source]) => layerOf(operator, { source, family, operands: two, params: {} })),
  notEqualLayer,
  ...unaryOperators.map((operator) =>
    layerOf(operator, { source: operator === not ? 'torch.logical_not' : `torch.${operator.name}`, family, params: {} }),
  ),
  log2Layer,
  whereLayer,
];
