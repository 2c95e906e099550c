/**
 * Reductions over axes, arg max and running sums. ONNX ReduceSum-13, ReduceMean/Max/Min/Prod-13 and -18 (the axes moved from an
 * attribute to an input), ReduceL2-13 (-18), ArgMax-13, CumSum-14. Without axes all of them; axes vanish unless `keepdims`, as in
 * PyTorch.
 */
import { at as element, outside } from '../diagnostics/at.ts';
import { bug } from '../diagnostics/diagnostic.ts';
import { Dim, productOf } from '../ir/dim.ts';
import type { Node } from '../ir/graph.ts';
import {
  type AttrSpec,
  type Attrs,
  type Check,
  CheckFailure,
  type InferContext,
  type OnnxAttr,
  type Operator,
  type SampleSource,
  type Traits,
} from '../ir/operator.ts';
import { isFloat, type TensorType } from '../ir/types.ts';
import { integersOf, isWideElem, tensorOfIntegers } from '../ir/wide.ts';
import { boolAttr, given, numberAttr, numbersAttr } from './attrs.ts';
import { alongAxis, reducedAxes, reducedAxis } from './axes.ts';
import {
  aroundAxis,
  axesOrAll,
  axisIn,
  checkAxes,
  checkAxis,
  checkFloat,
  checkNumeric,
  offsetsAlong,
  sampleDims,
  wrapAll,
  wrapInteger,
} from './common.ts';
import { defineOperator, type Layer, layerOf } from './define.ts';
import { overAll } from './element-dims.ts';
import { exp, log } from './math.ts';
import { bool, int, ints } from './params.ts';
import { gatheringTraits } from './traits.ts';
import { wideMax, wideMin } from './wide.ts';

const axesSpec: AttrSpec = { kind: 'ints', default: [], doc: 'the axes to reduce; none stands for all of them' };
const keepSpec: AttrSpec = { kind: 'bool', default: false, doc: 'whether a reduced axis stays with size 1' };

export function reducedDims<T>(dims: readonly T[], axes: readonly number[], keep: boolean, one: T): readonly T[] {
  if (keep) return dims.map((d, i) => (axes.includes(i) ? one : d));
  return dims.filter((_, i) => !axes.includes(i));
}

function sampleAxes(source: SampleSource, rank: number): readonly number[] {
  const axes: number[] = [];
  for (let i = 0; i < rank; i++) if (source.bool()) axes.push(source.bool() ? i : i - rank);
  return axes;
}

/** Of no elements a product is 1, and a mean no number. */
const hasElements = ({ x }: Node): boolean => x.type.dims.every((d) => d.lowerBound >= 1);

interface ReduceSpec {
  readonly name: string;
  readonly onnx: string;
  readonly summary: string;
  readonly traits: Pick<Traits, 'homogeneous' | 'keepsZero' | 'sign' | 'dims' | 'roundsOnce'>;
  readonly floatsOnly?: boolean;
  /** Whether the axes were an input before opset 18. */
  readonly axesInput?: boolean;
  readonly start: number;
  readonly step: (total: number, x: number) => number;
  /** The lower 32 bits of what 32-bit integers come to, where float64 has not all of them. */
  readonly step32?: (total: number, x: number) => number;
  /** Without a meaning of no elements. */
  readonly needsElements?: boolean;
  /** The same for 64-bit integers of any size; of no elements, `start`. */
  readonly wide?: (total: bigint, x: bigint) => bigint;
  readonly finish?: (total: number, count: number) => number;
  /** Of all elements at once, where one after the other does not do. */
  readonly whole?: (elements: Float64Array) => number;
}

function reduction(spec: ReduceSpec): Operator {
  return defineOperator({
    name: spec.name,
    summary: spec.summary,
    onnx: [spec.onnx],
    operands: [{ name: 'x', doc: 'the tensor' }],
    attrs: { axes: axesSpec, keepdims: keepSpec },
    traits: gatheringTraits({
      ...spec.traits,
      channelwise: false,
      idempotent: 'unknown',
      handsOn: 'unknown',
      axes: reducedAxes,
      resamples: false,
    }),
    infer(context: InferContext) {
      const { operands, attrs } = context;
      const check: Check = context.check;
      const x = given(operands, 0);
      if (spec.floatsOnly) checkFloat(check, 'c1', x);
      else checkNumeric(check, 'c1', x);
      checkAxes(check, 'c2', numbersAttr(attrs, 'axes'), x.dims.length);
      const axes = axesOrAll(numbersAttr(attrs, 'axes'), x.dims.length);
      return [{ elem: x.elem, dims: reducedDims(x.dims, axes, boolAttr(attrs, 'keepdims'), Dim.one) }];
    },
    ...(spec.needsElements && {
      needs: ({ x, attrs }: Node) => {
        const { dims } = x.type;
        return axesOrAll(numbersAttr(attrs, 'axes'), dims.length).map((axis) => given(dims, axis));
      },
    }),
    evaluate(operands, attrs) {
      const x = given(operands, 0);
      const axes = axesOrAll(numbersAttr(attrs, 'axes'), x.dims.length);
      const kept = x.dims.map((_, i) => i).filter((i) => !axes.includes(i));
      const starts = offsetsAlong(x.dims, kept);
      const inner = offsetsAlong(x.dims, axes);
      const data = new Float64Array(starts.length);
      const integers = !isFloat(x.elem);
      const step = (x.elem === 'i32' || x.elem === 'u32' ? spec.step32 : undefined) ?? spec.step;
      for (let i = 0; i < starts.length; i++) {
        const at = starts[i] ?? outside();
        if (spec.whole) {
          data[i] = spec.whole(Float64Array.from(inner, (offset) => x.data[at + offset] ?? outside()));
          continue;
        }
        let total = spec.start;
        for (let k = 0; k < inner.length; k++) {
          total = step(total, x.data[at + (inner[k] ?? outside())] ?? outside());
          // What wraps around does so at every step; only so are all of them exact.
          if (integers) total = wrapInteger(x.elem, total);
        }
        data[i] = spec.finish ? spec.finish(total, inner.length) : total;
      }
      const dims = reducedDims(x.dims, axes, boolAttr(attrs, 'keepdims'), 1);
      return [{ elem: x.elem, dims, data: wrapAll(x.elem, data) }];
    },
    evaluateWide(operands, attrs) {
      const x = given(operands, 0);
      const { wide, start } = spec;
      if (!isWideElem(x.elem) || !wide) return bug(`${spec.name} of ${x.elem}`);
      const axes = axesOrAll(numbersAttr(attrs, 'axes'), x.dims.length);
      const starts = offsetsAlong(
        x.dims,
        x.dims.map((_, i) => i).filter((i) => !axes.includes(i)),
      );
      const inner = offsetsAlong(x.dims, axes);
      const all = integersOf(x);
      const dims = reducedDims(x.dims, axes, boolAttr(attrs, 'keepdims'), 1);
      const totals = Array.from(starts, (at) => {
        if (inner.length === 0 && !Number.isFinite(start)) throw new CheckFailure('empty', 'no elements', 'one at least');
        let total = inner.length > 0 && !Number.isFinite(start) ? (all[at] ?? outside()) : BigInt(start);
        for (const offset of inner) total = wide(total, all[at + offset] ?? outside());
        return total;
      });
      return [tensorOfIntegers(x.elem, dims, totals)];
    },
    lower(builder, node, operands) {
      const axes = axesOrAll(numbersAttr(node.attrs, 'axes'), node.x.type.dims.length);
      const keepdims: OnnxAttr = { kind: 'int', value: boolAttr(node.attrs, 'keepdims') ? 1 : 0 };
      const x = given(operands, 0);
      // A scalar has no axes: an empty list means all of them, which are none.
      if (axes.length === 0) return [builder.node(spec.onnx, [x], { keepdims }, node.y.type)];
      if (spec.axesInput || builder.opset >= 18)
        return [builder.node(spec.onnx, [x, builder.i64(axes)], { keepdims }, node.y.type)];
      return [builder.node(spec.onnx, [x], { axes: { kind: 'ints', value: axes }, keepdims }, node.y.type)];
    },
    sample(source) {
      const dims = sampleDims(source, 1, 4);
      const attrs = { axes: sampleAxes(source, dims.length), keepdims: source.bool() };
      const integers = !spec.floatsOnly && source.int(0, 2) === 0;
      const x = integers
        ? source.tensor(dims, { elem: 'i64', low: -3, high: 4 })
        : source.tensor(dims, spec.name === 'reduce_prod' ? { low: 0.5, high: 1.5 } : {});
      return { operands: [x], attrs };
    },
  });
}

export const reduceSum = reduction({
  name: 'reduce_sum',
  onnx: 'ReduceSum',
  summary: 'Sum over axes',
  traits: {
    homogeneous: 'any',
    keepsZero: true,
    sign: 'all',
    dims: overAll((all) => all.reduce((sum, d) => sum.plus(d), Dim.zero)),
    roundsOnce: 'unknown',
  },
  axesInput: true,
  start: 0,
  step: (a, x) => a + x,
  wide: (a, x) => a + x,
});
export const reduceMean = reduction({
  name: 'reduce_mean',
  onnx: 'ReduceMean',
  summary: 'Mean over axes',
  traits: { homogeneous: 'any', keepsZero: hasElements, sign: 'all', dims: 'unknown', roundsOnce: 'unknown' },
  floatsOnly: true,
  start: 0,
  step: (a, x) => a + x,
  finish: (total, count) => total / count,
  needsElements: true,
});
export const reduceMax = reduction({
  name: 'reduce_max',
  onnx: 'ReduceMax',
  summary: 'Maximum over axes',
  traits: {
    homogeneous: 'positive',
    keepsZero: hasElements,
    sign: 'all',
    dims: overAll((all) => (all.length === 0 ? undefined : all.reduce((a, b) => Dim.max(a, b)))),
    roundsOnce: true,
  },
  start: -Infinity,
  step: Math.max,
  wide: wideMax,
  needsElements: true,
});
export const reduceMin = reduction({
  name: 'reduce_min',
  onnx: 'ReduceMin',
  summary: 'Minimum over axes',
  traits: {
    homogeneous: 'positive',
    keepsZero: hasElements,
    sign: 'all',
    dims: overAll((all) => (all.length === 0 ? undefined : all.reduce((a, b) => Dim.min(a, b)))),
    roundsOnce: true,
  },
  start: Infinity,
  step: Math.min,
  wide: wideMin,
  needsElements: true,
});
export const reduceProd = reduction({
  name: 'reduce_prod',
  onnx: 'ReduceProd',
  summary: 'Product over axes',
  traits: { homogeneous: 'no', keepsZero: hasElements, sign: 'all', dims: overAll(productOf), roundsOnce: 'unknown' },
  start: 1,
  step: (a, x) => a * x,
  step32: Math.imul,
  wide: (a, x) => a * x,
});

/** ONNX ReduceL2-13, -18; torch.linalg.vector_norm of order 2. */
export const reduceL2 = reduction({
  name: 'reduce_l2',
  onnx: 'ReduceL2',
  summary: 'Euclidean length over axes: the root of the sum of squares',
  traits: { homogeneous: 'positive', keepsZero: true, sign: 'always', dims: 'unknown', roundsOnce: 'unknown' },
  floatsOnly: true,
  start: 0,
  step: (a, x) => a + x * x,
  finish: Math.sqrt,
});

export const reduceL1 = reduction({
  name: 'reduce_l1',
  onnx: 'ReduceL1',
  summary: 'Sum of absolute values over axes',
  traits: { homogeneous: 'positive', keepsZero: true, sign: 'always', dims: 'unknown', roundsOnce: 'unknown' },
  floatsOnly: true,
  start: 0,
  step: (a, x) => a + Math.abs(x),
});
/** The largest exponent stands outside, so that nothing overflows. */
function logSumExp(elements: Float64Array): number {
  let top = -Infinity;
  for (const x of elements) top = Math.max(top, x);
  if (!Number.isFinite(top)) return top;
  let sum = 0;
  for (const x of elements) sum += exp(x - top);
  return top + log(sum);
}
export const logsumexp = reduction({
  name: 'logsumexp',
  onnx: 'ReduceLogSumExp',
  summary: 'Logarithm of the sum of exponentials over axes',
  traits: { homogeneous: 'no', keepsZero: false, sign: 'all', dims: 'unknown', roundsOnce: 'unknown' },
  floatsOnly: true,
  start: 0,
  step: (a, x) => a + x,
  whole: logSumExp,
});

/** The first of several equal ones. ONNX ArgMax-13, ArgMin-13; torch.argmax, torch.argmin. */
const extremum = (name: string, onnx: string, word: string, sign: 1 | -1): Operator => {
  const operator: Operator = defineOperator({
    name,
    summary: `Index of the ${word} element along an axis, as i64; the first of equals`,
    onnx: [onnx],
    operands: [{ name: 'x', doc: 'the tensor' }],
    attrs: { axis: { kind: 'int', doc: 'the axis along which to search' }, keepdims: keepSpec },
    traits: gatheringTraits({
      homogeneous: 'no',
      channelwise: false,
      keepsZero: true,
      idempotent: 'unknown',
      sign: 'always',
      handsOn: 'unknown',
      axes: reducedAxis,
      resamples: false,
      dims: 'unknown',
      roundsOnce: 'unknown',
    }),
    infer(context: InferContext): readonly TensorType[] {
      const { operands, attrs } = context;
      const check: Check = context.check;
      const x = given(operands, 0);
      checkNumeric(check, 'c1', x);
      checkAxis(check, 'c2', numberAttr(attrs, 'axis'), x.dims.length);
      const axis = axisIn(numberAttr(attrs, 'axis'), x.dims.length);
      return [{ elem: 'i64', dims: reducedDims(x.dims, [axis], boolAttr(attrs, 'keepdims'), Dim.one) }];
    },
    needs: ({ x, attrs }) => [given(x.type.dims, axisIn(numberAttr(attrs, 'axis'), x.type.dims.length))],
    evaluate(operands, attrs) {
      const x = given(operands, 0);
      const axis = axisIn(numberAttr(attrs, 'axis'), x.dims.length);
      const { outer, size, inner } = aroundAxis(x.dims, axis);
      const data = new Float64Array(outer * inner);
      for (let o = 0; o < outer; o++) {
        for (let i = 0; i < inner; i++) {
          let best = 0;
          let top = x.data[o * size * inner + i] ?? outside();
          for (let k = 1; k < size; k++) {
            const v = x.data[(o * size + k) * inner + i] ?? outside();
            if (sign > 0 ? v <= top : v >= top) continue;
            top = v;
            best = k;
          }
          data[o * inner + i] = best;
        }
      }
      return [{ elem: 'i64', dims: reducedDims(x.dims, [axis], boolAttr(attrs, 'keepdims'), 1), data }];
    },
    margin([x], attrs, at, chosen, expected) {
      const { dims, data } = given([x], 0);
      const { size, inner } = aroundAxis(dims, axisIn(numberAttr(attrs, 'axis'), dims.length));
      if (!(chosen >= 0 && chosen < size)) return Infinity;
      const start = Math.floor(at / inner) * size * inner + (at % inner);
      return Math.abs(element(data, start + expected * inner) - element(data, start + chosen * inner));
    },
    evaluateWide(operands, attrs) {
      // Of the ranks of the elements, which order them as they are ordered.
      const x = given(operands, 0);
      const all = integersOf(x);
      const order = [...new Set(all)].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
      const ranks = new Map(order.map((n, i) => [n, i]));
      const data = Float64Array.from(x.data, (_, i) => ranks.get(all[i] ?? outside()) ?? outside());
      return operator.evaluate([{ elem: x.elem, dims: x.dims, data }], attrs);
    },
    lower(builder, node, operands) {
      const axis = axisIn(numberAttr(node.attrs, 'axis'), node.x.type.dims.length);
      const keepdims = boolAttr(node.attrs, 'keepdims') ? 1 : 0;
      return [
        builder.node(
          onnx,
          operands,
          { axis: { kind: 'int', value: axis }, keepdims: { kind: 'int', value: keepdims } },
          node.y.type,
        ),
      ];
    },
    sample(source) {
      const dims = Array.from({ length: source.int(1, 4) }, () => source.int(1, 5));
      const elem = source.pick(['f32', 'i32'] as const);
      return {
        operands: [source.tensor(dims, isFloat(elem) ? { elem } : { elem, low: -2, high: 3 })],
        attrs: { axis: source.int(-dims.length, dims.length - 1), keepdims: source.bool() },
      };
    },
  });
  return operator;
};

export const argmax = extremum('argmax', 'ArgMax', 'largest', 1);
export const argmin = extremum('argmin', 'ArgMin', 'smallest', -1);

/** Where the running sums go, line by line along the axis: the first place of every line has `true`. */
function* along(dims: readonly number[], axis: number, attrs: Attrs): Generator<readonly [at: number, first: boolean]> {
  const { outer, size, inner } = aroundAxis(dims, axis);
  const reverse = boolAttr(attrs, 'reverse');
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) {
      for (let step = 0; step < size; step++) yield [(o * size + (reverse ? size - 1 - step : step)) * inner + i, step === 0];
    }
  }
}

/** ONNX CumSum-11, -14; torch.cumsum. */
export const cumsum = defineOperator({
  name: 'cumsum',
  summary: 'Running sums along an axis',
  onnx: ['CumSum'],
  operands: [{ name: 'x', doc: 'the tensor' }],
  attrs: {
    axis: { kind: 'int', doc: 'the axis along which to sum' },
    exclusive: { kind: 'bool', default: false, doc: 'whether an element is left out of its own sum' },
    reverse: { kind: 'bool', default: false, doc: 'whether to sum from the end' },
  },
  traits: gatheringTraits({
    homogeneous: 'any',
    channelwise: false,
    keepsZero: true,
    idempotent: 'unknown',
    sign: 'all',
    handsOn: 'unknown',
    axes: alongAxis,
    resamples: false,
    dims: 'unknown',
    roundsOnce: 'unknown',
  }),
  infer(context: InferContext) {
    const { operands, attrs } = context;
    const check: Check = context.check;
    const x = given(operands, 0);
    checkNumeric(check, 'c1', x);
    checkAxis(check, 'c2', numberAttr(attrs, 'axis'), x.dims.length);
    return [x];
  },
  evaluate(operands, attrs) {
    const x = given(operands, 0);
    const exclusive = boolAttr(attrs, 'exclusive');
    const integers = !isFloat(x.elem);
    const data = new Float64Array(x.data.length);
    let total = 0;
    for (const [at, first] of along(x.dims, axisIn(numberAttr(attrs, 'axis'), x.dims.length), attrs)) {
      if (first) total = 0;
      const sum = total + (x.data[at] ?? outside());
      data[at] = exclusive ? total : sum;
      total = integers ? wrapInteger(x.elem, sum) : sum;
    }
    return [{ elem: x.elem, dims: x.dims, data: wrapAll(x.elem, data) }];
  },
  evaluateWide(operands, attrs) {
    const x = given(operands, 0);
    if (!isWideElem(x.elem)) return bug(`running sums of ${x.elem}`);
    const exclusive = boolAttr(attrs, 'exclusive');
    const all = integersOf(x);
    const sums = new Array<bigint>(all.length).fill(0n);
    let total = 0n;
    for (const [at, first] of along(x.dims, axisIn(numberAttr(attrs, 'axis'), x.dims.length), attrs)) {
      if (first) total = 0n;
      const sum = total + (all[at] ?? outside());
      sums[at] = exclusive ? total : sum;
      total = sum;
    }
    return [tensorOfIntegers(x.elem, x.dims, sums)];
  },
  lower(builder, node, operands) {
    const axis = axisIn(numberAttr(node.attrs, 'axis'), node.x.type.dims.length);
    const flag = (name: string): OnnxAttr => ({ kind: 'int', value: boolAttr(node.attrs, name) ? 1 : 0 });
    const inputs = [given(operands, 0), builder.scalar('i64', axis)];
    return [builder.node('CumSum', inputs, { exclusive: flag('exclusive'), reverse: flag('reverse') }, node.y.type)];
  },
  sample(source) {
    const dims = Array.from({ length: source.int(1, 4) }, () => source.int(1, 5));
    const elem = source.pick(['f32', 'i64'] as const);
    return {
      operands: [source.tensor(dims, isFloat(elem) ? { elem } : { elem, low: -9, high: 9 })],
      attrs: { axis: source.int(-dims.length, dims.length - 1), exclusive: source.bool(), reverse: source.bool() },
    };
  },
});

const family = 'Reductions';
const params = {
  axes: ints({ rest: true, default: [], doc: 'the axes to reduce; none stands for all of them' }),
  keepdims: bool({ default: false, doc: 'whether a reduced axis stays with size 1' }),
};

export const reduceOperators: readonly Operator[] = [
  reduceSum,
  reduceMean,
  reduceMax,
  reduceMin,
  reduceProd,
  reduceL2,
  reduceL1,
  logsumexp,
  argmax,
  argmin,
  cumsum,
];

export const reduceLayers: readonly Layer[] = [
  layerOf(reduceSum, { source: 'torch.sum', family, params }),
  layerOf(reduceMean, { source: 'torch.mean', family, params }),
  layerOf(reduceMax, { source: 'torch.amax', family, params }),
  layerOf(reduceMin, { source: 'torch.amin', family, params }),
  layerOf(reduceProd, { source: 'torch.prod', family, params }),
  layerOf(reduceL2, { source: 'torch.linalg.vector_norm', family, params }),
  layerOf(reduceL1, { source: 'torch.norm(p=1)', family, params }),
  layerOf(logsumexp, { source: 'torch.logsumexp', family, params }),
  ...[argmax, argmin].map((operator) =>
    layerOf(operator, {
      source: `torch.${operator.name}`,
      family,
      params: {
        axis: int({ positional: true, doc: 'the axis along which to search' }),
        keepdims: bool({ default: false, doc: 'whether the axis stays with size 1' }),
      },
    }),
  ),
  layerOf(cumsum, {
    source: 'torch.cumsum',
    family,
    params: {
      axis: int({ positional: true, doc: 'the axis along which to sum' }),
      exclusive: bool({ default: false, doc: 'whether an element is left out of its own sum' }),
      reverse: bool({ default: false, doc: 'whether to sum from the end' }),
    },
  }),
];
