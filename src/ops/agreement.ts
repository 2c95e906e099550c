/**
 * Where ONNX is silent, or where it is not followed: what its text says, what onnxruntime 1.30 does on a CPU, what NumPy 2 does.
 * A constant is folded only where all agree; `disagreement` is asked, and a test runs every example, so that a runtime that
 * changes is noticed. Sources: onnx/onnx, docs/Operators.md; the examples themselves.
 * One file, because it is one table.
 */
import { factOf } from '../ir/elem.ts';
import type { Attrs } from '../ir/operator.ts';
import { roundFloat } from '../ir/round.ts';
import { type ElemType, type HostTensor, isFloat } from '../ir/types.ts';
import { integersOf, isWideElem } from '../ir/wide.ts';
import { numberAttr, numbersAttr, stringAttr } from './attrs.ts';
import { axesOrAll } from './common.ts';

/** One ONNX node on constants. Floats are numbers, 64-bit integers bigints; an attribute that is a bigint is an int. */
export interface Example {
  readonly op: string;
  readonly opset?: number;
  readonly inputs: Readonly<
    Record<string, { readonly elem: ElemType; readonly dims: readonly number[]; readonly data: readonly (number | bigint)[] }>
  >;
  readonly attrs?: Readonly<Record<string, bigint | readonly bigint[]>>;
  /**
   * What onnxruntime gives: element type, shape and elements (halves as their bits); `refused` an error; `crash` the end of the
   * process.
   */
  readonly gives: string;
}

export interface Row {
  readonly name: string;
  /** Operators here that ask it; none where no lift says the node, and `onnx/` refuses it by itself or folds it. */
  readonly operators: readonly string[];
  readonly when: string;
  readonly onnx: string;
  readonly onnxruntime: string;
  readonly numpy: string;
  /** Whether all say the same, so that it is folded. */
  readonly agree: boolean;
  /** Whether the numbers are of this kind; of rows that agree nobody asks. */
  readonly applies?: (operands: readonly (HostTensor | undefined)[], attrs: Attrs) => boolean;
  readonly example: Example;
}

const vector = (elem: ElemType, ...data: readonly (number | bigint)[]) => ({ elem, dims: [data.length], data });
const scalar = (elem: ElemType, value: number | bigint) => ({ elem, dims: [], data: [value] });
const i64 = (...data: readonly number[]) => vector('i64', ...data.map((n) => BigInt(n)));
const [lowest, highest] = [-(2n ** 63n), 2n ** 63n - 1n];
const { NaN: nan, POSITIVE_INFINITY: inf } = Number;

const some = (x: HostTensor | undefined, f: (v: number) => boolean): boolean => x?.data.some((v) => f(v)) ?? false;
const someInteger = (x: HostTensor | undefined, f: (v: bigint) => boolean): boolean =>
  x !== undefined && !isFloat(x.elem) && (x.wide ? x.wide.some((v: bigint) => f(v)) : x.data.some((v) => f(BigInt(v))));
const anyNaN = (operands: readonly (HostTensor | undefined)[]): boolean =>
  operands.some((x) => x !== undefined && isFloat(x.elem) && some(x, Number.isNaN));

/** The lowest integer of each type, and the one behind the highest. */
const ranges = factOf(({ float, integers: [low, high] = [0, 1] }): readonly [number, number] | undefined =>
  float || high === 1 ? undefined : [low, high + 1],
);

/** Elements per result of a reduction. */
function reducedCount(x: HostTensor | undefined, attrs: Attrs): number {
  return x ? axesOrAll(numbersAttr(attrs, 'axes'), x.dims.length).reduce((n, axis) => n * (x.dims[axis] ?? 1), 1) : 0;
}

/** What onnxruntime keeps in a double while it reduces integers, and then saturates. */
function beyondDouble(x: HostTensor | undefined, total: (all: readonly bigint[]) => bigint): boolean {
  if (!x || isFloat(x.elem)) return false;
  const most = isWideElem(x.elem) ? 2n ** 53n : BigInt(ranges[x.elem]?.[1] ?? 1);
  return total(Array.from(integersOf(x), (n: bigint) => (n < 0n ? -n : n))) >= most;
}

export const table: readonly Row[] = [
  {
    name: 'slice-start-below',
    operators: ['slice'],
    when: 'a start in front of the axis, stepping backwards',
    onnx: 'starts are clamped to [0, size − 1], so that element 0 is taken',
    onnxruntime: 'takes element 0',
    numpy: 'takes nothing',
    agree: false,
    applies([x], attrs) {
      const [axes, starts, steps] = (['axes', 'starts', 'steps'] as const).map((name) => numbersAttr(attrs, name));
      return (axes ?? []).some((axis, i) => {
        const size = x?.dims[axis < 0 ? axis + x.dims.length : axis] ?? 1;
        return (steps?.[i] ?? 1) < 0 && (starts?.[i] ?? 0) < -size;
      });
    },
    example: {
      op: 'Slice',
      inputs: { x: vector('f32', 1, 2, 3), s: i64(-5), e: vector('i64', lowest), a: i64(0), t: i64(-1) },
      gives: 'float32[1] 1',
    },
  },
  {
    name: 'slice-largest-bounds',
    operators: ['slice'],
    when: 'bounds at the ends of the integers, stepping backwards',
    onnx: 'clamped: the axis reversed',
    onnxruntime: 'the axis reversed',
    numpy: 'the axis reversed',
    agree: true,
    example: {
      op: 'Slice',
      inputs: { x: vector('f32', 1, 2, 3), s: vector('i64', highest), e: vector('i64', lowest), a: i64(0), t: i64(-1) },
      gives: 'float32[3] 3 2 1',
    },
  },
  {
    name: 'shrink-nan',
    operators: ['shrink'],
    when: 'a NaN, which is on no side of the bound',
    onnx: 'neither case, which is 0',
    onnxruntime: '0',
    numpy: 'says nothing; torch gives NaN',
    agree: false,
    applies: anyNaN,
    example: { op: 'Shrink', inputs: { x: vector('f32', nan) }, gives: 'float32[1] 0' },
  },
  {
    name: 'cast-no-integer',
    operators: ['cast'],
    when: 'NaN, an infinity, or a float beyond the integers of the type',
    onnx: 'undefined',
    onnxruntime: 'what the processor makes of it: the lowest integer on x86, 0 of narrow types',
    numpy: 'what the processor makes of it, with a warning',
    agree: false,
    applies([x], attrs) {
      const range = ranges[stringAttr(attrs, 'to') as ElemType];
      if (!x || !range || !isFloat(x.elem)) return false;
      return some(x, (v) => !(Math.trunc(v) >= range[0] && Math.trunc(v) < range[1]));
    },
    example: {
      op: 'Cast',
      inputs: { x: vector('f32', nan, inf, 1e20) },
      attrs: { to: 7n },
      gives: `int64[3] ${lowest} ${lowest} ${lowest}`,
    },
  },
  {
    name: 'cast-integer-wraps',
    operators: ['cast'],
    when: 'an integer beyond the narrower type',
    onnx: 'the lower bits, as two’s complement',
    onnxruntime: 'the lower bits',
    numpy: 'the lower bits',
    agree: true,
    example: { op: 'Cast', inputs: { x: i64(300, -1, 256) }, attrs: { to: 2n }, gives: 'uint8[3] 44 255 0' },
  },
  {
    name: 'cast-twice-rounded',
    operators: ['cast'],
    when: 'f64 to f16 or bf16, where f32 in between rounds otherwise',
    onnx: 'says nothing of rounding',
    onnxruntime: 'rounds to f32 first',
    numpy: 'rounds once',
    agree: false,
    applies([x], attrs) {
      const to = stringAttr(attrs, 'to');
      if (x?.elem !== 'f64' || (to !== 'f16' && to !== 'bf16')) return false;
      return some(x, (v) => roundFloat(to, Math.fround(v)) !== roundFloat(to, v) && !Number.isNaN(v));
    },
    example: { op: 'Cast', inputs: { x: vector('f64', 1 + 2 ** -11 + 2 ** -30) }, attrs: { to: 10n }, gives: 'float16[1] 15360' },
  },
  {
    name: 'cast-overflows',
    operators: ['cast'],
    when: 'a float beyond the narrower float type',
    onnx: 'an infinity',
    onnxruntime: 'an infinity',
    numpy: 'an infinity',
    agree: true,
    example: {
      op: 'Cast',
      inputs: { x: vector('f32', 1e5, 65519, -65520) },
      attrs: { to: 10n },
      gives: 'float16[3] 31744 31743 64512',
    },
  },
  {
    name: 'reduce-nothing',
    operators: ['reduce_max', 'reduce_min', 'reduce_mean', 'logsumexp'],
    when: 'a maximum, minimum or mean of no elements',
    onnx: '−∞ and ∞ from opset 18 on, undefined before; a mean is undefined',
    onnxruntime: '−∞, ∞, and 0 as the mean',
    numpy: 'an error; NaN as the mean',
    agree: false,
    applies: ([x], attrs) => reducedCount(x, attrs) === 0,
    example: {
      op: 'ReduceMean',
      inputs: { x: { elem: 'f32', dims: [2, 0], data: [] } },
      attrs: { axes: [1n], keepdims: 0n },
      gives: 'float32[2] 0 0',
    },
  },
  {
    name: 'reduce-sum-of-nothing',
    operators: ['reduce_sum', 'reduce_prod'],
    when: 'a sum or a product of no elements',
    onnx: '0 and 1',
    onnxruntime: '0 and 1',
    numpy: '0 and 1',
    agree: true,
    example: {
      op: 'ReduceProd',
      inputs: { x: { elem: 'f32', dims: [2, 0], data: [] } },
      attrs: { axes: [1n], keepdims: 0n },
      gives: 'float32[2] 1 1',
    },
  },
  {
    name: 'reduce-no-axes',
    operators: ['reduce_sum'],
    when: 'an empty list of axes, with noop_with_empty_axes',
    onnx: 'x itself',
    onnxruntime: 'x itself',
    numpy: 'x itself, for axis=()',
    agree: true,
    example: {
      op: 'ReduceSum',
      inputs: { x: vector('f32', 1, 2), a: { elem: 'i64', dims: [0], data: [] } },
      attrs: { noop_with_empty_axes: 1n },
      gives: 'float32[2] 1 2',
    },
  },
  {
    name: 'reduce-sum-of-large-integers',
    operators: ['reduce_sum'],
    when: 'a sum of integers that a double, or the narrower type, may not hold',
    onnx: 'says nothing of overflow',
    onnxruntime: 'sums in doubles, and saturates',
    numpy: 'wraps around',
    agree: false,
    applies: ([x]) => beyondDouble(x, (all) => all.reduce((a, b) => a + b, 0n)),
    example: {
      op: 'ReduceSum',
      inputs: { x: vector('i64', 2n ** 53n, 1n), a: i64(0) },
      attrs: { keepdims: 0n },
      gives: 'int64[] 9007199254740992',
    },
  },
  {
    name: 'reduce-product-of-large-integers',
    operators: ['reduce_prod'],
    when: 'a product of integers that a double, or the narrower type, may not hold',
    onnx: 'says nothing of overflow',
    onnxruntime: 'multiplies in doubles, and saturates',
    numpy: 'wraps around',
    agree: false,
    applies: ([x]) => beyondDouble(x, (all) => all.reduce((a, b) => (b > 1n ? a * b : a), 1n)),
    example: {
      op: 'ReduceProd',
      inputs: { x: vector('i32', 70000, 70000) },
      attrs: { keepdims: 0n },
      gives: 'int32[] 2147483647',
    },
  },
  {
    name: 'extremum-of-nan',
    operators: ['reduce_max', 'reduce_min', 'argmax', 'argmin', 'topk', 'logsumexp', 'maxpool', 'global_maxpool'],
    when: 'a maximum over elements of which one is NaN',
    onnx: 'says nothing of NaN',
    onnxruntime: 'NaN where it comes first, the largest number elsewhere',
    numpy: 'NaN, and its index',
    agree: false,
    applies: (operands) => anyNaN(operands),
    example: {
      op: 'ReduceMax',
      inputs: { x: vector('f32', 1, nan, 2) },
      attrs: { axes: [0n], keepdims: 0n },
      gives: 'float32[] 2',
    },
  },
  {
    name: 'pool-of-infinities',
    operators: ['maxpool'],
    when: 'a window of nothing but −∞',
    onnx: 'says nothing of infinities',
    onnxruntime: 'the lowest finite number',
    numpy: '−∞',
    agree: false,
    applies: ([x]) => some(x, (v) => v === -inf),
    example: {
      op: 'MaxPool',
      inputs: { x: { elem: 'f32', dims: [1, 1, 2], data: [-inf, -inf] } },
      attrs: { kernel_shape: [2n] },
      gives: 'float32[1, 1, 1] -3.4028234663852886e+38',
    },
  },
  {
    name: 'clip-of-infinity',
    operators: ['clamp'],
    when: 'an infinity on the side that has no bound',
    onnx: 'the bound that is left out is the largest finite number of the type',
    onnxruntime: 'the largest finite number, of f16 that of f16',
    numpy: 'the infinity',
    agree: false,
    applies([x], attrs) {
      const [low, high] = [numberAttr(attrs, 'min'), numberAttr(attrs, 'max')];
      return some(x, (v) => (v === -inf && low === -inf) || (v === inf && high === inf));
    },
    example: { op: 'Clip', inputs: { x: vector('f16', inf, 1) }, gives: 'float16[2] 31743 15360' },
  },
  {
    name: 'clip-crossed-bounds',
    operators: ['clamp'],
    when: 'a lower bound above the upper one',
    onnx: 'the upper one everywhere',
    onnxruntime: 'the upper one everywhere',
    numpy: 'the upper one everywhere',
    agree: true,
    example: {
      op: 'Clip',
      inputs: { x: vector('f32', 0, 5, 9), low: scalar('f32', 6), high: scalar('f32', 2) },
      gives: 'float32[3] 2 2 2',
    },
  },
  {
    name: 'clip-nan',
    operators: ['clamp'],
    when: 'NaN among the elements',
    onnx: 'says nothing of NaN',
    onnxruntime: 'NaN stays',
    numpy: 'NaN stays',
    agree: true,
    example: {
      op: 'Clip',
      inputs: { x: vector('f32', nan, 5), low: scalar('f32', 6), high: scalar('f32', 7) },
      gives: 'float32[2] NaN 6',
    },
  },
  {
    name: 'extremum-of-large-integers',
    operators: ['min', 'max'],
    when: '64-bit integers beyond 32 bits',
    onnx: 'the smaller and the larger one',
    onnxruntime: 'compares the lower 32 bits of vectors of four and more',
    numpy: 'the smaller and the larger one',
    agree: false,
    applies: (operands) =>
      operands.some((x) => x !== undefined && isWideElem(x.elem) && someInteger(x, (v) => v >= 2n ** 31n || v < -(2n ** 31n))),
    example: {
      op: 'Min',
      inputs: { x: i64(6, 6, 6, 6), z: vector('i64', 3037000500n, 2n ** 40n, 2n ** 31n, 5n) },
      gives: 'int64[4] 3037000500 6 2147483648 5',
    },
  },
  {
    name: 'extremum-of-zeros',
    operators: ['min', 'max'],
    when: 'zeros of both signs',
    onnx: 'says nothing of the sign',
    onnxruntime: 'the first one',
    numpy: 'either',
    agree: false,
    applies: (operands) => {
      const zeros = operands.flatMap((x) => (x && isFloat(x.elem) ? [...x.data].filter((v) => v === 0) : []));
      return zeros.some((v) => !Object.is(v, zeros[0]));
    },
    example: { op: 'Max', inputs: { x: vector('f32', -0, 0), z: vector('f32', 0, -0) }, gives: 'float32[2] -0 0' },
  },
  {
    name: 'max-of-nan',
    operators: ['min', 'max'],
    when: 'NaN beside a number',
    onnx: 'says nothing of NaN',
    onnxruntime: 'NaN',
    numpy: 'NaN',
    agree: true,
    example: { op: 'Max', inputs: { x: vector('f32', nan, 1), z: vector('f32', 1, nan) }, gives: 'float32[2] NaN NaN' },
  },
  {
    name: 'sign-of-large-integers',
    operators: ['sign'],
    when: '64-bit integers beyond 32 bits',
    onnx: '−1, 0 or 1',
    onnxruntime: 'the sign of the lower 32 bits',
    numpy: '−1, 0 or 1',
    agree: false,
    applies: ([x]) => x !== undefined && isWideElem(x.elem) && someInteger(x, (v) => v >= 2n ** 31n || v < -(2n ** 31n)),
    example: { op: 'Sign', inputs: { x: vector('i64', 3037000500n, 4n) }, gives: 'int64[2] -1 1' },
  },
  {
    name: 'divide-by-zero',
    operators: [],
    when: 'an integer divided by 0',
    onnx: 'undefined',
    onnxruntime: 'an error when it runs',
    numpy: '0, with a warning',
    agree: false,
    example: { op: 'Div', inputs: { x: i64(3), z: i64(0) }, gives: 'refused' },
  },
  {
    name: 'divide-lowest',
    operators: ['div'],
    when: 'the lowest integer divided by −1',
    onnx: 'undefined',
    onnxruntime: 'ends the process',
    numpy: 'the lowest integer, with a warning',
    agree: false,
    applies([a, b]) {
      const low = BigInt(ranges[a?.elem ?? 'f32']?.[0] ?? 1);
      return low < 0n && someInteger(a, (v) => v === low) && someInteger(b, (v) => v === -1n);
    },
    example: { op: 'Div', inputs: { x: vector('i64', lowest), z: i64(-1) }, gives: 'crash' },
  },
  {
    name: 'divide-negative',
    operators: ['div'],
    when: 'integers of which one is negative, with a remainder',
    onnx: 'truncated towards 0',
    onnxruntime: 'truncated towards 0',
    numpy: '`//` goes down',
    agree: false,
    applies([a, b]) {
      if (!a || !b || isFloat(a.elem)) return false;
      const negative = someInteger(a, (v) => v < 0n) || someInteger(b, (v) => v < 0n);
      if (!negative) return false;
      // One divisor and whole quotients are what exporters write; the rest is left.
      const [divisor] = integersOf(b);
      return b.data.length !== 1 || divisor === 0n || someInteger(a, (v) => v % (divisor ?? 1n) !== 0n);
    },
    example: { op: 'Div', inputs: { x: i64(-7, 7), z: i64(2) }, gives: 'int64[2] -3 3' },
  },
  {
    name: 'round-half',
    operators: ['round'],
    when: 'halves, and what rounds to −0',
    onnx: 'halves to the even one',
    onnxruntime: 'halves to the even one, −0 where x is negative',
    numpy: 'halves to the even one, −0 where x is negative',
    agree: true,
    example: { op: 'Round', inputs: { x: vector('f32', 0.5, 1.5, 2.5, -0.5, -2.5) }, gives: 'float32[5] 0 2 2 -0 -2' },
  },
  {
    name: 'gather-negative',
    operators: ['gather'],
    when: 'a negative index',
    onnx: 'counts from the end',
    onnxruntime: 'counts from the end',
    numpy: 'counts from the end',
    agree: true,
    example: { op: 'Gather', inputs: { x: vector('f32', 1, 2), i: i64(-2) }, gives: 'float32[1] 1' },
  },
  {
    name: 'gather-outside',
    operators: [],
    when: 'an index outside of the axis',
    onnx: 'an error',
    onnxruntime: 'an error when it runs',
    numpy: 'an error',
    agree: false,
    example: { op: 'Gather', inputs: { x: vector('f32', 1, 2), i: i64(-3) }, gives: 'refused' },
  },
  {
    name: 'root-of-negative',
    operators: ['sqrt', 'log'],
    when: 'a root or a logarithm of a negative number',
    onnx: 'NaN',
    onnxruntime: 'NaN',
    numpy: 'NaN',
    agree: true,
    example: { op: 'Sqrt', inputs: { x: vector('f32', -2.5, -0) }, gives: 'float32[2] NaN -0' },
  },
  {
    name: 'logsumexp-of-infinity',
    operators: ['logsumexp'],
    when: 'a logarithm of a sum of exponentials, of which one is infinite',
    onnx: 'says nothing of it',
    onnxruntime: '∞',
    numpy: 'has no such operator',
    agree: false,
    applies: ([x]) => some(x, (v) => Math.abs(v) === Infinity),
    example: {
      op: 'ReduceLogSumExp',
      inputs: { x: vector('f32', inf, 4) },
      attrs: { axes: [0n], keepdims: 0n },
      gives: 'float32[] Infinity',
    },
  },
  {
    name: 'argmax-ties',
    operators: ['argmax'],
    when: 'several largest elements',
    onnx: 'the first one',
    onnxruntime: 'the first one',
    numpy: 'the first one',
    agree: true,
    example: { op: 'ArgMax', inputs: { x: vector('f32', 3, 1, 3) }, attrs: { axis: 0n }, gives: 'int64[1] 0' },
  },
  {
    name: 'argmax-last',
    operators: [],
    when: 'several largest elements, and select_last_index',
    onnx: 'the last one',
    onnxruntime: 'the last one',
    numpy: 'has no such form',
    agree: true,
    example: {
      op: 'ArgMax',
      inputs: { x: vector('f32', 3, 1, 3) },
      attrs: { axis: 0n, select_last_index: 1n },
      gives: 'int64[1] 2',
    },
  },
  {
    name: 'argmin-of-nan',
    operators: [],
    when: 'NaN among the elements that ArgMin, TopK, Hardmax or Unique compares',
    onnx: 'says nothing of NaN',
    onnxruntime: 'hangs on where it stands',
    numpy: 'NaN, and its index',
    agree: false,
    example: { op: 'ArgMin', inputs: { x: vector('f32', 1, nan, 0) }, attrs: { axis: 0n }, gives: 'int64[1] 1' },
  },
  {
    name: 'scatter-twice',
    operators: [],
    when: 'several updates of one element, without a reduction',
    onnx: 'undefined',
    onnxruntime: 'the last one',
    numpy: 'the last one',
    agree: false,
    example: {
      op: 'ScatterElements',
      inputs: { x: vector('f32', 1, 2), i: i64(0, 0), u: vector('f32', 5, 7) },
      attrs: { axis: 0n },
      gives: 'float32[2] 7 2',
    },
  },
  {
    name: 'one-hot-outside',
    operators: [],
    when: 'an index outside of [−depth, depth)',
    onnx: 'off everywhere',
    onnxruntime: 'off everywhere',
    numpy: 'has no such operator',
    agree: true,
    example: {
      op: 'OneHot',
      inputs: { x: i64(3, -4, -1), d: i64(3), v: vector('f32', 0, 1) },
      gives: 'float32[3, 3] 0 0 0 0 0 0 0 0 1',
    },
  },
  {
    name: 'remainder-negative',
    operators: [],
    when: 'a remainder of integers of which one is negative',
    onnx: 'the sign of the divisor',
    onnxruntime: 'the sign of the divisor',
    numpy: 'the sign of the divisor',
    agree: true,
    example: { op: 'Mod', inputs: { x: i64(-7, 7), z: i64(3, -3) }, gives: 'int64[2] 2 -2' },
  },
  {
    name: 'norm-of-zeros',
    operators: [],
    when: 'LpNormalization of nothing but zeros',
    onnx: '0',
    onnxruntime: '0',
    numpy: 'has no such operator',
    agree: true,
    example: { op: 'LpNormalization', inputs: { x: vector('f32', 0, 0) }, gives: 'float32[2] 0 0' },
  },
  {
    name: 'non-zero-of-scalar',
    operators: [],
    when: 'NonZero of a scalar',
    onnx: 'as many rows as axes, which are none',
    onnxruntime: 'one row',
    numpy: 'an error',
    agree: false,
    example: { op: 'NonZero', inputs: { x: scalar('f32', 3) }, gives: 'int64[1, 1] 0' },
  },
  {
    name: 'norm-along-no-axis',
    operators: [],
    when: 'ReduceL1, L2, SumSquare, LogSum or LogSumExp of no axes, with noop_with_empty_axes',
    onnx: 'nothing is reduced; whether elements are squared is left open',
    onnxruntime: 'what it does to each element',
    numpy: 'what it does to each element, for axis=()',
    agree: false,
    example: {
      op: 'ReduceSumSquare',
      opset: 18,
      inputs: { x: vector('f32', -1, 2) },
      attrs: { noop_with_empty_axes: 1n },
      gives: 'float32[2] 1 4',
    },
  },
  {
    name: 'integers-that-are-averaged',
    operators: [],
    when: 'a mean or a root of integers',
    onnx: 'says nothing of rounding',
    onnxruntime: 'cut off',
    numpy: 'a float',
    agree: false,
    example: { op: 'ReduceL2', inputs: { x: vector('i32', 1, 2) }, attrs: { keepdims: 0n }, gives: 'int32[] 2' },
  },
  {
    name: 'range-of-floats',
    operators: [],
    when: 'a range of floats, whose number of elements hangs on rounding',
    onnx: 'max(⌈(limit − start) / delta⌉, 0)',
    onnxruntime: 'in doubles, and adds delta again and again',
    numpy: 'in doubles, and multiplies',
    agree: false,
    example: {
      op: 'Range',
      inputs: { a: scalar('f32', 0), b: scalar('f32', 1), c: scalar('f32', 0.3) },
      gives: 'float32[4] 0 0.30000001192092896 0.6000000238418579 0.9000000357627869',
    },
  },
  {
    name: 'expand-by-zero',
    operators: ['expand'],
    when: 'an axis of size 1 expanded to 0',
    onnx: 'NumPy’s broadcasting: a tensor without elements',
    onnxruntime: 'a tensor without elements',
    numpy: 'a tensor without elements',
    agree: true,
    example: {
      op: 'Expand',
      inputs: { x: { elem: 'f32', dims: [3, 1], data: [1, 1, 1] }, s: i64(3, 0) },
      gives: 'float32[3, 0] ',
    },
  },
  {
    name: 'power-of-integers',
    operators: [],
    when: 'a power of integers, also with a negative exponent',
    onnx: 'says nothing of overflow and negative exponents',
    onnxruntime: 'std::pow in doubles, cast back',
    numpy: 'an error for negative exponents, wraps around',
    agree: false,
    example: { op: 'Pow', inputs: { x: i64(2, 0), z: i64(-1, 0) }, gives: 'int64[2] 0 1' },
  },
  {
    name: 'shift-by-width',
    operators: [],
    when: 'a shift by as many bits as the type has, or more',
    onnx: 'says nothing of it',
    onnxruntime: 'C++ leaves it undefined',
    numpy: '0',
    agree: false,
    example: { op: 'BitShift', inputs: { x: vector('u8', 1, 255), z: vector('u8', 1, 4) }, attrs: {}, gives: 'refused' },
  },
  {
    name: 'boolean-attribute',
    operators: [],
    when: 'a boolean attribute that is neither 0 nor 1',
    onnx: 'says nothing of it',
    onnxruntime: 'hangs on the operator: keepdims=2 is false, count_include_pad=2 true, reverse=2 an error',
    numpy: 'has none',
    agree: false,
    example: {
      op: 'ReduceMax',
      inputs: { x: { elem: 'f32', dims: [2, 2], data: [1, 2, 3, 4] } },
      attrs: { axes: [1n], keepdims: 2n },
      gives: 'float32[2] 2 4',
    },
  },
];

const byOperator = new Map<string, readonly Row[]>();
for (const row of table)
  for (const name of row.agree ? [] : row.operators) byOperator.set(name, [...(byOperator.get(name) ?? []), row]);

/** The row that says that the results on these numbers are not one; undefined where they are. */
export function disagreement(op: string, operands: readonly (HostTensor | undefined)[], attrs: Attrs): Row | undefined {
  return byOperator.get(op)?.find((row) => row.applies?.(operands, attrs));
}
