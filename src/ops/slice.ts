/** Ranges of axes with steps. ONNX Slice-13. */
import { outside } from '../diagnostics/at.ts';
import { Dim } from '../ir/dim.ts';
import type { Check, InferContext } from '../ir/operator.ts';
import { promiseFor } from '../ir/solve.ts';
import { typeText } from '../ir/types.ts';
import { dimsAttr, given, numbersAttr } from './attrs.ts';
import { namedAxes } from './axes.ts';
import { axisIn, checkAxes, constantDims, remap, sameDim, sampleDims, xOnly } from './common.ts';
import { defineLayer, defineOperator, type LayerBuilder } from './define.ts';
import { dims, int, optional, tensor } from './params.ts';
import { isWholeSlice, toTheEnd } from './slice-axes.ts';
import { movingTraits } from './traits.ts';

/** Where a position counts from: its value from the beginning, or undefined when nobody knows its sign. */
function fromBeginning(position: Dim, size: Dim): Dim | undefined {
  if (position.lowerBound >= 0) return position;
  return position.upperBound < 0 ? size.plus(position) : undefined;
}

export function slicedDim(check: Check, size: Dim, start: Dim, end: Dim, step: number, axis: number): Dim {
  const far = (position: Dim): number => position.constant ?? 0;
  // Nothing lies behind every end, nor in front of every beginning.
  if (step > 0 ? far(start) >= toTheEnd || far(end) <= -toTheEnd : far(end) >= toTheEnd) return Dim.zero;
  const signs = 'positions that are provably negative (from the end) or provably not';
  const s = fromBeginning(start, size);
  check('c4', s !== undefined, `start ${start} on axis ${axis}`, signs, promiseFor(start, 0));
  const e = fromBeginning(end, size);
  check('c4', e !== undefined, `end ${end} on axis ${axis}`, signs, promiseFor(end, 0));
  if (step > 0) {
    const last = end.constant !== undefined && end.constant >= toTheEnd ? size : Dim.min(e, size);
    // From a start in front of the axis one begins at 0: last − max(s, 0) = min(last, last − s).
    const fromFirst = s.lowerBound >= 0 || far(start) <= -toTheEnd;
    const length = fromFirst ? last.minus(far(start) <= -toTheEnd ? 0 : s) : Dim.min(last, last.minus(s));
    return Dim.max(Dim.zero, length).ceildiv(step);
  }
  // A start in front of the axis is its first element, ONNX says; of an axis without elements nothing is.
  const inside = s.lowerBound >= 0 ? s : far(start) <= -toTheEnd ? Dim.zero : Dim.max(s, Dim.zero);
  const first = far(start) >= toTheEnd ? size.minus(1) : Dim.min(inside, size.minus(1));
  const before = end.constant !== undefined && end.constant <= -toTheEnd ? Dim.of(-1) : Dim.max(e, Dim.of(-1));
  return Dim.max(Dim.zero, first.minus(before)).ceildiv(-step);
}

/**
 * Which elements a slice takes, ONNX Slice-13: positions below 0 count from the end, then they are clamped. Without a start or an
 * end it begins or stops at the ends of the axis.
 */
export function slicePlaces(size: number, from: number | undefined, to: number | undefined, step: number): Int32Array {
  const start = from ?? (step > 0 ? 0 : toTheEnd);
  const end = to ?? (step > 0 ? toTheEnd : -toTheEnd);
  const clamp = (n: number, low: number, high: number): number => Math.min(Math.max(n < 0 ? n + size : n, low), high);
  const places: number[] = [];
  if (step > 0) {
    const last = clamp(end, 0, size);
    for (let i = clamp(start, 0, size); i < last; i += step) places.push(i);
  } else {
    const last = clamp(end, -1, size - 1);
    for (let i = clamp(start, 0, size - 1); i > last; i += step) places.push(i);
  }
  return Int32Array.from(places);
}

/** ONNX Slice-13; NumPy's basic slicing. */
export const slice = defineOperator({
  name: 'slice',
  summary: 'A range of every axis, with steps',
  onnx: ['Slice', 'Identity'],
  operands: xOnly,
  attrs: {
    starts: { kind: 'dims', doc: 'first element per axis; negative counts from the end' },
    ends: { kind: 'dims', doc: 'the element behind the last; negative counts from the end; beyond the end is the end' },
    axes: { kind: 'ints', doc: 'which axes' },
    steps: { kind: 'ints', doc: 'distance per axis; negative walks backwards' },
  },
  traits: movingTraits({
    keepsOrder: false,
    handsOn: isWholeSlice,
    axes: namedAxes,
    idempotent: 'unknown',
    involution: 'unknown',
  }),
  infer(context: InferContext) {
    const { operands, attrs } = context;
    const check: Check = context.check;
    const x = given(operands, 0);
    const axes = numbersAttr(attrs, 'axes');
    const steps = numbersAttr(attrs, 'steps');
    const starts = dimsAttr(attrs, 'starts');
    const ends = dimsAttr(attrs, 'ends');
    checkAxes(check, 'c1', axes, x.dims.length);
    const agree = [steps, starts, ends].every((list) => list.length === axes.length);
    check('c2', agree, `${starts.length} starts, ${ends.length} ends, ${steps.length} steps`, `${axes.length} of each`);
    check('c3', !steps.includes(0), 'a step of 0', 'a step other than 0');
    const dims = [...x.dims];
    axes.forEach((a, i) => {
      const axis = axisIn(a, dims.length);
      const size = dims[axis] ?? Dim.one;
      dims[axis] = slicedDim(check, size, starts[i] ?? Dim.zero, ends[i] ?? size, steps[i] ?? 1, axis);
    });
    return [{ elem: x.elem, dims }];
  },
  evaluate(operands, attrs) {
    const x = given(operands, 0);
    const axes = numbersAttr(attrs, 'axes').map((a) => axisIn(a, x.dims.length));
    const [starts, ends, steps] = ['starts', 'ends', 'steps'].map((name) => numbersAttr(attrs, name));
    const maps = x.dims.map((size, axis) => {
      const i = axes.indexOf(axis);
      return i < 0 ? slicePlaces(size, 0, size, 1) : slicePlaces(size, starts?.[i] ?? 0, ends?.[i] ?? size, steps?.[i] ?? 1);
    });
    return [remap(x, maps, 0)];
  },
  lower(builder, node, operands) {
    const x = node.x.type.dims;
    const axes = numbersAttr(node.attrs, 'axes').map((a) => axisIn(a, x.length));
    if (axes.length === 0) return [builder.node('Identity', operands, {}, node.y.type)];
    const steps = numbersAttr(node.attrs, 'steps');
    const starts = dimsAttr(node.attrs, 'starts');
    // The axis' own size is its end: no need to compute it.
    const ends = dimsAttr(node.attrs, 'ends').map((d, i) =>
      (steps[i] ?? 1) > 0 && d === x[axes[i] ?? outside()] ? Dim.of(toTheEnd) : d,
    );
    const inputs = [given(operands, 0), builder.dims(starts), builder.dims(ends), builder.i64(axes), builder.i64(steps)];
    return [builder.node('Slice', inputs, {}, node.y.type)];
  },
  sample(source) {
    const dims = sampleDims(source, 1, 4).map((d) => d + source.int(0, 3));
    const axes: number[] = [];
    const starts: number[] = [];
    const ends: number[] = [];
    const steps: number[] = [];
    dims.forEach((size, axis) => {
      if (source.int(0, 2) === 0) return;
      axes.push(source.bool() ? axis : axis - dims.length);
      const backwards = source.int(0, 3) === 0;
      steps.push(source.int(1, 3) * (backwards ? -1 : 1));
      // At least one element, so that onnxruntime has something to compare.
      const first = source.int(0, size - 1);
      const last = source.int(first, size - 1);
      const negative = (n: number): number => (source.bool() ? n : n - size);
      starts.push(negative(backwards ? last : first));
      if (backwards) ends.push(first === 0 ? -toTheEnd : negative(first - 1));
      else ends.push(source.int(0, 2) === 0 ? toTheEnd : last + 1 === size ? size : negative(last + 1));
    });
    return {
      operands: [source.tensor(dims, { elem: source.pick(['f32', 'i64'] as const) })],
      attrs: { starts: constantDims(starts), ends: constantDims(ends), axes, steps },
    };
  },
});

export const sliceLayer = defineLayer({
  name: 'slice',
  summary: 'A range of one axis; `x[:, 1:3]` says the same for several',
  source: 'torch.narrow, NumPy slices',
  family: 'Shapes',
  params: {
    start: dims({ positional: true, doc: 'first element; negative counts from the end' }),
    end: optional(dims({ positional: true, doc: 'the element behind the last' }), 'the end'),
    axis: int({ default: 1, doc: 'the axis' }),
    step: int({ default: 1, doc: 'distance between elements' }),
  },
  build(builder: LayerBuilder, [x], p) {
    const end = p.end ?? [Dim.of(p.step < 0 ? -toTheEnd : toTheEnd)];
    const single = p.start.length === 1 && end.length === 1;
    builder.check('c5', single, `${p.start.length} starts and ${end.length} ends`, 'one start and one end');
    return builder.op(slice, [x], { starts: p.start, ends: end, axes: [p.axis], steps: [p.step] });
  },
});

/** Ronneberger et al. 2015, arXiv:1505.04597: the skip is cut to the grid that came back up; an odd row stays off at the end. */
export const cropLayer = defineLayer({
  name: 'crop',
  summary: 'The middle of the grid, as large as the grid of another tensor',
  source: 'Ronneberger et al. 2015 (U-Net)',
  family: 'Shapes',
  params: { like: tensor({ positional: true, doc: 'tensor whose spatial sizes the result has' }) },
  build(builder: LayerBuilder, [x], p) {
    const own = x.type;
    const other = p.like.type;
    builder.check(
      'c6',
      own.dims.length === other.dims.length,
      `${typeText(own)} and ${typeText(other)}`,
      'two tensors of one rank',
    );
    const axes: number[] = [];
    const starts: Dim[] = [];
    const ends: Dim[] = [];
    own.dims.forEach((size, axis) => {
      const target = other.dims[axis] ?? Dim.one;
      if (axis < 2 || sameDim(size, target)) return;
      const fits = target.atMost(size) === 'yes';
      builder.check('c7', fits, `${typeText(own)}, like ${typeText(other)}`, `${target} at most ${size} at axis ${axis}`);
      const start = size.minus(target).floordiv(2);
      axes.push(axis);
      starts.push(start);
      ends.push(start.plus(target));
    });
    return axes.length === 0 ? x : builder.op(slice, [x], { starts, ends, axes, steps: axes.map(() => 1) });
  },
});
