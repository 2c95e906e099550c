/**
 * ONNX operators that move, choose or count elements, over constants: GatherElements-13, GatherND-13, ScatterElements-13 (-16,
 * -18), ScatterND-13 (-16, -18), OneHot-11, TopK-11 (-24), Trilu-14, Compress-11, Unique-11, NonZero-13, Tile-13, Expand-13,
 * ReverseSequence-10, DepthToSpace-13, SpaceToDepth-13, EyeLike-9 (-22), Range-11, ConstantOfShape-9 (-20 …), Size-13. Source:
 * onnx/onnx, docs/Operators.md.
 */
import { outside } from '../../diagnostics/at.ts';
import { elementCount, type HostTensor, isFloat } from '../../ir/types.ts';
import { integersOf } from '../../ir/wide.ts';
import { aroundAxis, broadcastTo, stridesOf, wrapInteger } from '../common.ts';
import { firstPlaces } from '../topk.ts';
import {
  axisAt,
  countIn,
  eachPlace,
  flatOf,
  indexIn,
  integerAt,
  namedElem,
  noNaN,
  notAgreed,
  numbers,
  type OnnxCall,
  type OnnxEvaluator,
  operand,
  permutedPlaces,
  stepsIn,
  taken,
  undefinedByOnnx,
} from './call.ts';

const i64 = (dims: readonly number[], data: Float64Array): HostTensor => ({ elem: 'i64', dims, data });

/** The elements in one row as what compares: bigints where there is one that float64 does not hold. */
function comparable(x: HostTensor): ArrayLike<number | bigint> {
  return x.wide ? integersOf(x) : x.data;
}

function compare(a: number | bigint | undefined, b: number | bigint | undefined): number {
  if (a === undefined || b === undefined || a === b) return 0;
  return a < b ? -1 : 1;
}

const gatherElements: OnnxEvaluator = (call) => {
  const [x, indices] = [operand(call, 0), numbers(call, 1)];
  const axis = axisAt(call.attributes.int('axis', 0), x.dims.length);
  if (indices.dims.length !== x.dims.length) undefinedByOnnx('indices of another rank', `rank ${x.dims.length}`);
  if (indices.dims.some((d, i) => i !== axis && d > (x.dims[i] ?? outside())))
    undefinedByOnnx('more indices than elements', 'no more');
  const strides = stridesOf(x.dims);
  const places = new Int32Array(indices.data.length);
  eachPlace(indices.dims, (at, position) => {
    const own = indexIn(indices, at, x.dims[axis] ?? outside());
    places[at] = flatOf(position, strides) + (own - (position[axis] ?? outside())) * (strides[axis] ?? outside());
  });
  return [taken([x], indices.dims, places)];
};

/** Where the slices begin that tuples of indices name, and how long they are. */
function slicesOf(dims: readonly number[], indices: HostTensor, from: number): { starts: readonly number[]; length: number } {
  const width = indices.dims.at(-1) ?? undefinedByOnnx('a scalar of indices', 'a vector');
  if (width < 1 || from + width > dims.length) undefinedByOnnx(`tuples of ${width} indices`, `at most ${dims.length - from}`);
  const strides = stridesOf(dims);
  const starts: number[] = [];
  for (let at = 0; at < indices.data.length; at += width) {
    let start = 0;
    for (let k = 0; k < width; k++)
      start += indexIn(indices, at + k, dims[from + k] ?? outside()) * (strides[from + k] ?? outside());
    starts.push(start);
  }
  return { starts, length: elementCount(dims.slice(from + width)) };
}

const gatherNd: OnnxEvaluator = (call) => {
  const [x, indices] = [operand(call, 0), numbers(call, 1)];
  const batch = call.attributes.int('batch_dims', 0);
  const lead = x.dims.slice(0, batch);
  if (batch < 0 || batch >= x.dims.length || batch >= indices.dims.length || lead.some((d, i) => d !== indices.dims[i]))
    undefinedByOnnx(`batch_dims=${batch}`, 'axes that both operands have');
  const { starts, length } = slicesOf(x.dims, indices, batch);
  const dims = [...indices.dims.slice(0, -1), ...x.dims.slice(batch + (indices.dims.at(-1) ?? 0))];
  const places = new Int32Array(countIn(dims));
  const batches = elementCount(lead);
  const perBatch = starts.length / Math.max(1, batches);
  const stride = x.data.length / Math.max(1, batches);
  for (const [i, start] of starts.entries())
    for (let k = 0; k < length; k++) places[i * length + k] = Math.floor(i / perBatch) * stride + start + k;
  return [taken([x], dims, places)];
};

const combine: Readonly<Record<string, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  mul: (a, b) => a * b,
  min: Math.min,
  max: Math.max,
};

/** x with element k of the updates at place `targets[k]`. Of several for one place only a reduction has a meaning. */
function scattered(call: OnnxCall, targets: readonly number[]): readonly HostTensor[] {
  const [x, updates] = [operand(call, 0), operand(call, 2)];
  const reduction = call.attributes.string('reduction', 'none');
  if (reduction === 'none') {
    const places = Int32Array.from(x.data, (_, i) => i);
    for (const [k, at] of targets.entries()) {
      if (places[at] !== at) undefinedByOnnx('several updates of one element', 'one');
      places[at] = x.data.length + k;
    }
    return [taken([x, updates], x.dims, places)];
  }
  const step = combine[reduction] ?? undefinedByOnnx(`reduction ${reduction}`, 'add, mul, min or max');
  if (x.elem === 'bool' || x.elem !== updates.elem) notAgreed(`a reduction of ${x.elem} and ${updates.elem}`, 'numbers');
  if (reduction === 'min' || reduction === 'max') noNaN(x, updates);
  const data = Float64Array.from(numbers(call, 0).data);
  const given = numbers(call, 2).data;
  for (const [k, at] of targets.entries()) {
    const y = step(data[at] ?? outside(), given[k] ?? outside());
    data[at] = isFloat(x.elem) ? y : wrapInteger(x.elem, y);
  }
  return [{ elem: x.elem, dims: x.dims, data }];
}

const scatterElements: OnnxEvaluator = (call) => {
  const [x, indices, updates] = [operand(call, 0), numbers(call, 1), operand(call, 2)];
  const axis = axisAt(call.attributes.int('axis', 0), x.dims.length);
  if (indices.dims.join() !== updates.dims.join()) undefinedByOnnx('updates of another shape', 'that of the indices');
  if (indices.dims.length !== x.dims.length || indices.dims.some((d, i) => i !== axis && d > (x.dims[i] ?? outside())))
    undefinedByOnnx(`indices [${indices.dims.join(', ')}]`, 'no more than elements');
  const strides = stridesOf(x.dims);
  const targets: number[] = [];
  eachPlace(indices.dims, (at, position) => {
    const own = indexIn(indices, at, x.dims[axis] ?? outside());
    targets.push(flatOf(position, strides) + (own - (position[axis] ?? outside())) * (strides[axis] ?? outside()));
  });
  return scattered(call, targets);
};

const scatterNd: OnnxEvaluator = (call) => {
  const [x, indices, updates] = [operand(call, 0), numbers(call, 1), operand(call, 2)];
  const { starts, length } = slicesOf(x.dims, indices, 0);
  const dims = [...indices.dims.slice(0, -1), ...x.dims.slice(indices.dims.at(-1))];
  if (dims.join() !== updates.dims.join()) undefinedByOnnx(`updates [${updates.dims.join(', ')}]`, `[${dims.join(', ')}]`);
  const targets = starts.flatMap((start) => Array.from({ length }, (_, k) => start + k));
  return scattered(call, targets);
};

/** An index outside of [−depth, depth) is off everywhere. */
const oneHot: OnnxEvaluator = (call) => {
  const [indices, depth, values] = [numbers(call, 0), integerAt(call, 1), operand(call, 2)];
  if (values.data.length !== 2 || values.dims.length !== 1) undefinedByOnnx('values', 'the two for off and on');
  const rank = indices.dims.length + 1;
  const axis = axisAt(call.attributes.int('axis', -1), rank);
  const dims = [...indices.dims.slice(0, axis), depth, ...indices.dims.slice(axis)];
  const places = new Int32Array(countIn(dims));
  const { inner } = aroundAxis(dims, axis);
  for (const [i, n] of indices.data.entries()) {
    if (!Number.isInteger(n)) notAgreed(`index ${n}`, 'a whole number');
    if (n < -depth || n >= depth) continue;
    places[(Math.floor(i / inner) * depth + (n < 0 ? n + depth : n)) * inner + (i % inner)] = 1;
  }
  return [taken([values], dims, places)];
};

/** Of equal elements the one with the lower index comes first. */
const topK: OnnxEvaluator = (call) => {
  const x = operand(call, 0);
  const axis = axisAt(call.attributes.int('axis', -1), x.dims.length);
  const k = integerAt(call, 1);
  const size = x.dims[axis] ?? outside();
  if (k < 0 || k > size) undefinedByOnnx(`${k} of ${size} elements`, 'no more than there are');
  if (!call.attributes.flag('sorted', true) && k > 1) undefinedByOnnx('an order that is left open', 'sorted=1');
  noNaN(x);
  const { dims, places, indices } = firstPlaces(x.dims, comparable(x), axis, k, call.attributes.flag('largest', true));
  return [taken([x], dims, places), i64(dims, indices)];
};

const trilu: OnnxEvaluator = (call) => {
  const x = operand(call, 0);
  const rank = x.dims.length;
  if (rank < 2) undefinedByOnnx(`rank ${rank}`, 'matrices');
  const k = call.inputs[1] ? integerAt(call, 1) : 0;
  const upper = call.attributes.flag('upper', true);
  const places = new Int32Array(x.data.length);
  eachPlace(x.dims, (at, position) => {
    const offset = (position[rank - 1] ?? outside()) - (position[rank - 2] ?? outside());
    places[at] = (upper ? offset >= k : offset <= k) ? at : -1;
  });
  return [taken([x], x.dims, places)];
};

const compress: OnnxEvaluator = (call) => {
  const [x, condition] = [operand(call, 0), numbers(call, 1)];
  const given = call.attributes.has('axis');
  const axis = given ? axisAt(call.attributes.int('axis'), x.dims.length) : 0;
  const { outer, size, inner } = given ? aroundAxis(x.dims, axis) : { outer: 1, size: x.data.length, inner: 1 };
  if (condition.dims.length !== 1 || condition.data.length > size) undefinedByOnnx('a condition', `at most ${size} elements`);
  const kept = [...condition.data.entries()].filter(([, n]) => n !== 0).map(([i]) => i);
  const dims = given ? x.dims.map((d, i) => (i === axis ? kept.length : d)) : [kept.length];
  const places: number[] = [];
  for (let o = 0; o < outer; o++) for (const n of kept) for (let i = 0; i < inner; i++) places.push((o * size + n) * inner + i);
  return [taken([x], dims, places)];
};

/**
 * The distinct slices along an axis, or elements, in order or as they first occur, with where they occur first, which one each
 * is, and how often.
 */
const unique: OnnxEvaluator = (call) => {
  const x = operand(call, 0);
  noNaN(x);
  const given = call.attributes.has('axis');
  const axis = given ? axisAt(call.attributes.int('axis'), x.dims.length) : 0;
  const { outer, size, inner } = given ? aroundAxis(x.dims, axis) : { outer: 1, size: x.data.length, inner: 1 };
  // Texts are kept of all of them.
  stepsIn(64 * x.data.length);
  const data = comparable(x);
  const slice = (n: number): readonly number[] => {
    const places: number[] = [];
    for (let o = 0; o < outer; o++) for (let i = 0; i < inner; i++) places.push((o * size + n) * inner + i);
    return places;
  };
  const slices = Array.from({ length: size }, (_, n) => slice(n));
  const first = new Map<string, number>();
  const which: number[] = [];
  const counts = new Map<number, number>();
  for (const [n, places] of slices.entries()) {
    const key = places.map((at) => String(data[at])).join();
    const known = first.get(key) ?? n;
    first.set(key, known);
    which.push(known);
    counts.set(known, (counts.get(known) ?? 0) + 1);
  }
  const distinct = [...first.values()];
  if (call.attributes.flag('sorted', true))
    distinct.sort((a, b) => {
      for (const [k, at] of (slices[a] ?? []).entries()) {
        const by = compare(data[at], data[slices[b]?.[k] ?? outside()]);
        if (by !== 0) return by;
      }
      return 0;
    });
  const rank = new Map(distinct.map((n, i) => [n, i]));
  const dims = given ? x.dims.map((d, i) => (i === axis ? distinct.length : d)) : [distinct.length];
  const places: number[] = [];
  for (let o = 0; o < outer; o++)
    for (const n of distinct) for (let i = 0; i < inner; i++) places.push((o * size + n) * inner + i);
  return [
    taken([x], dims, places),
    i64([distinct.length], Float64Array.from(distinct)),
    i64(
      [size],
      Float64Array.from(which, (n) => rank.get(n) ?? outside()),
    ),
    i64(
      [distinct.length],
      Float64Array.from(distinct, (n) => counts.get(n) ?? outside()),
    ),
  ];
};

/** Coordinates as columns, in row-major order. */
const nonZero: OnnxEvaluator = (call) => {
  const x = operand(call, 0);
  // A scalar has no axes, and runtimes give it one.
  if (x.dims.length === 0) notAgreed('a scalar', 'a tensor with axes');
  const found: number[][] = x.dims.map(() => []);
  eachPlace(x.dims, (at, position) => {
    if (x.data[at] !== 0) for (const [axis, n] of position.entries()) found[axis]?.push(n);
  });
  return [i64([x.dims.length, found[0]?.length ?? 0], Float64Array.from(found.flat()))];
};

const tile: OnnxEvaluator = (call) => {
  const [x, repeats] = [operand(call, 0), numbers(call, 1)];
  if (repeats.data.length !== x.dims.length) undefinedByOnnx(`${repeats.data.length} repeats`, `${x.dims.length}`);
  if (repeats.data.some((n) => n < 0)) undefinedByOnnx('a negative repeat', 'at least 0');
  const dims = x.dims.map((d, i) => d * (repeats.data[i] ?? 1));
  const places = new Int32Array(countIn(dims));
  const strides = stridesOf(x.dims);
  eachPlace(dims, (at, position) => {
    let from = 0;
    for (const [axis, n] of position.entries()) from += (n % (x.dims[axis] ?? outside())) * (strides[axis] ?? outside());
    places[at] = from;
  });
  return [taken([x], dims, places)];
};

/** The two shapes broadcast to each other. */
const expand: OnnxEvaluator = (call) => {
  const [x, shape] = [operand(call, 0), numbers(call, 1)];
  const rank = Math.max(x.dims.length, shape.data.length);
  const dims = Array.from({ length: rank }, (_, i) => {
    const a = x.dims[i - rank + x.dims.length] ?? 1;
    const b = shape.data[i - rank + shape.data.length] ?? 1;
    return a === b || b === 1 ? a : a === 1 ? b : undefinedByOnnx(`${a} and ${b}`, 'sizes that broadcast');
  });
  countIn(dims);
  const places = { elem: 'i64', dims: x.dims, data: Float64Array.from(x.data, (_, i) => i) } as const;
  return [taken([x], dims, broadcastTo(places, dims))];
};

const reverseSequence: OnnxEvaluator = (call) => {
  const [x, lengths] = [operand(call, 0), numbers(call, 1)];
  const rank = x.dims.length;
  const [batch, time] = [axisAt(call.attributes.int('batch_axis', 1), rank), axisAt(call.attributes.int('time_axis', 0), rank)];
  if (batch + time !== 1) undefinedByOnnx(`axes ${batch} and ${time}`, 'the first two');
  if (lengths.dims.join() !== String(x.dims[batch])) undefinedByOnnx('lengths', 'one per sequence');
  const strides = stridesOf(x.dims);
  const places = new Int32Array(x.data.length);
  eachPlace(x.dims, (at, position) => {
    const length = lengths.data[position[batch] ?? outside()] ?? outside();
    if (length < 1 || length > (x.dims[time] ?? outside())) undefinedByOnnx(`a length of ${length}`, 'one of the sequence');
    const n = position[time] ?? outside();
    places[at] = n < length ? at + (length - 1 - 2 * n) * (strides[time] ?? outside()) : at;
  });
  return [taken([x], x.dims, places)];
};

function pictures(call: OnnxCall): { x: HostTensor; block: number; dims: readonly [number, number, number, number] } {
  const x = operand(call, 0);
  const [n = 0, c = 0, h = 0, w = 0] = x.dims;
  const block = call.attributes.int('blocksize');
  if (x.dims.length !== 4 || block < 1) undefinedByOnnx(`rank ${x.dims.length} and blocks of ${block}`, 'pictures and a size');
  return { x, block, dims: [n, c, h, w] };
}

const depthToSpace: OnnxEvaluator = (call) => {
  const { x, block: b, dims } = pictures(call);
  const [n, c, h, w] = dims;
  const out = c / (b * b);
  if (!Number.isInteger(out)) undefinedByOnnx(`${c} channels`, `a multiple of ${b * b}`);
  const mode = call.attributes.string('mode', 'DCR');
  if (mode !== 'DCR' && mode !== 'CRD') undefinedByOnnx(`mode ${mode}`, 'DCR or CRD');
  const places =
    mode === 'DCR'
      ? permutedPlaces([n, b, b, out, h, w], [0, 3, 4, 1, 5, 2])
      : permutedPlaces([n, out, b, b, h, w], [0, 1, 4, 2, 5, 3]);
  return [taken([x], [n, out, h * b, w * b], places)];
};

const spaceToDepth: OnnxEvaluator = (call) => {
  const { x, block: b, dims } = pictures(call);
  const [n, c, h, w] = dims;
  if (h % b !== 0 || w % b !== 0) undefinedByOnnx(`${h} by ${w}`, `multiples of ${b}`);
  const places = permutedPlaces([n, c, h / b, b, w / b, b], [0, 3, 5, 1, 2, 4]);
  return [taken([x], [n, c * b * b, h / b, w / b], places)];
};

const eyeLike: OnnxEvaluator = (call) => {
  const x = operand(call, 0);
  if (x.dims.length !== 2) undefinedByOnnx(`rank ${x.dims.length}`, 'a matrix');
  const k = call.attributes.int('k', 0);
  const data = new Float64Array(x.data.length);
  eachPlace(x.dims, (at, [row = 0, column = 0]) => {
    data[at] = column - row === k ? 1 : 0;
  });
  return [{ elem: namedElem(call, 'dtype', x.elem), dims: x.dims, data }];
};

/** Of whole numbers alone: how many there are of others hangs on rounding. */
const range: OnnxEvaluator = (call) => {
  const { elem } = operand(call, 0);
  const [start = 0, limit = 0, delta = 0] = [0, 1, 2].map((i) => integerOr(call, i));
  if (delta === 0) undefinedByOnnx('a step of 0', 'a step');
  const count = Math.max(0, Math.ceil((limit - start) / delta));
  const data = new Float64Array(countIn([count]));
  for (let i = 0; i < count; i++) data[i] = start + i * delta;
  return [{ elem, dims: [count], data }];
};

/** Whole numbers that f32 holds, and their sums. */
const wholeFloats = 2 ** 23;

function integerOr(call: OnnxCall, index: number): number {
  const { elem, data } = numbers(call, index);
  const n = data[0] ?? Number.NaN;
  if (data.length !== 1) undefinedByOnnx(`${data.length} elements`, 'a scalar');
  const most = elem === 'f32' || elem === 'f64' ? wholeFloats : 2 ** 52;
  if (elem === 'f16' || elem === 'bf16') notAgreed(`a range of ${elem}`, 'f32 or integers');
  return Number.isInteger(n) && Math.abs(n) <= most ? n : notAgreed(`${n}`, 'a whole number');
}

const constantOfShape: OnnxEvaluator = (call) => {
  const dims = Array.from(numbers(call, 0).data);
  const value = call.attributes.tensor('value') ?? { elem: 'f32', dims: [1], data: Float64Array.of(0) };
  if (value.data.length !== 1) undefinedByOnnx(`${value.data.length} values`, 'one');
  return [taken([value], dims, new Int32Array(countIn(dims)))];
};

const size: OnnxEvaluator = (call) => [i64([], Float64Array.of(operand(call, 0).data.length))];

export const moveEvaluators: Readonly<Record<string, OnnxEvaluator>> = {
  GatherElements: gatherElements,
  GatherND: gatherNd,
  ScatterElements: scatterElements,
  ScatterND: scatterNd,
  OneHot: oneHot,
  TopK: topK,
  Trilu: trilu,
  Compress: compress,
  Unique: unique,
  NonZero: nonZero,
  Tile: tile,
  Expand: expand,
  ReverseSequence: reverseSequence,
  DepthToSpace: depthToSpace,
  SpaceToDepth: spaceToDepth,
  EyeLike: eyeLike,
  Range: range,
  ConstantOfShape: constantOfShape,
  Size: size,
};
