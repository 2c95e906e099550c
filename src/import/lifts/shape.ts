/**
 * Lifts of operators that move, cut, repeat or make elements: Reshape-13 (-14), Flatten-13, Squeeze-13, Unsqueeze-13,
 * Transpose-13, Concat-13, Split-13 (-18), Slice-13, Pad-13 (-18), Expand-13, Tile-13, Gather-13, GatherND-13,
 * ScatterElements-13, ScatterND-13, TopK-11, Compress-11, Unique-11, Range-11, Shape-13 (-15), ConstantOfShape-9, Dropout-13,
 * Identity-13. Sizes come as dimensions, known or symbolic, where the elements of their operand are (`sizes.ts`).
 */
import { outside } from '../../diagnostics/at.ts';
import { Dim, sameDims } from '../../ir/dim.ts';
import { hostOf } from '../../ir/graph.ts';
import { sizeOf } from '../../ops/common.ts';
import { compress } from '../../ops/compress.ts';
import { concat, split } from '../../ops/concat.ts';
import { expand } from '../../ops/expand.ts';
import { gather } from '../../ops/gather.ts';
import { gatherElements } from '../../ops/gather-elements.ts';
import { gatherNd } from '../../ops/gather-nd.ts';
import { full, range, shapeOf } from '../../ops/generate.ts';
import { pad } from '../../ops/pad.ts';
import { reshape, squeeze, unsqueeze } from '../../ops/reshape.ts';
import { scatterElements, scatterNd } from '../../ops/scatter.ts';
import { slice } from '../../ops/slice.ts';
import { toTheEnd } from '../../ops/slice-axes.ts';
import { tile } from '../../ops/tile.ts';
import { topk } from '../../ops/topk.ts';
import { transpose } from '../../ops/transpose.ts';
import { trilu } from '../../ops/trilu.ts';
import { unique } from '../../ops/unique.ts';
import type { Lift, LiftBuilder, LiftTable } from '../lift.ts';
import { axesOf, axisFrom, leave, numberAt, numbersAt, rankOf, require } from './common.ts';

/** Before `allowzero` a 0 of Reshape is the size of x at that place, so that a tensor without elements cannot be written. */
function sayable(b: LiftBuilder, shape: readonly Dim[]): boolean {
  return b.opset >= 14 || shape.every((d) => d.constant !== 0);
}

/** At most one size that stands elsewhere in x is left to Reshape; of two, their numbers are needed. */
const liftReshape: Lift = (node, b) => {
  const x = node.need(0);
  const copies = !node.flag('allowzero', false);
  const target = b.needSizes(node.need(1), 'shape').map((d, i) => {
    if (d.constant !== 0 || !copies) return d;
    return x.type.dims[i] ?? leave(`a 0 for axis ${i}, which x has not`);
  });
  for (const d of target) require(d.constant === -1 || d.lowerBound >= 0, `a size ${d}, which may be negative`);
  require(sayable(b, target), 'a size of 0, which this operator says from opset 14 on');
  const y = b.op(reshape, [x], { shape: target });
  const open = y.type.dims.filter((d, i) => d.constant === undefined && d !== x.type.dims[i]);
  if (open.length > 1) b.checkWritable(y.type.dims, x);
  return [y];
};

const liftFlatten: Lift = (node, b) => {
  const x = node.need(0);
  const rank = rankOf(x);
  const axis = axisFrom(node.int('axis', 1), rank);
  require(axis >= 0 && axis <= rank, `axis ${axis} of rank ${rank}`);
  const shape = [sizeOf(x.type.dims.slice(0, axis)), sizeOf(x.type.dims.slice(axis))];
  const open = shape.filter((d, i) => d.constant === undefined && d !== x.type.dims[i]);
  require(open.length <= 1, 'two sizes that are not known');
  require(sayable(b, shape), 'a size of 0, which Reshape says from opset 14 on');
  return [b.op(reshape, [x], { shape })];
};

const liftSqueeze: Lift = (node, b) => {
  const x = node.need(0);
  const named = axesOf(node, b, 1);
  if (named) {
    require(named.length > 0, 'an empty list of axes, which onnxruntime takes for all and NumPy for none');
    for (const axis of named) b.constrainSize(x, axisFrom(axis, rankOf(x)), Dim.one);
    return [b.op(squeeze, [x], { axes: named })];
  }
  for (const d of x.type.dims) require(d.constant !== undefined || d.lowerBound > 1, `the size ${d} may be 1`);
  return [b.op(squeeze, [x], { axes: x.type.dims.flatMap((d, i) => (d.constant === 1 ? [i] : [])) })];
};

const liftUnsqueeze: Lift = (node, b) => [b.op(unsqueeze, [node.need(0)], { axes: axesOf(node, b, 1) ?? leave('no axes') })];

const liftTranspose: Lift = (node, b) => {
  const x = node.need(0);
  const perm = node.ints('perm') ?? x.type.dims.map((_, i) => rankOf(x) - 1 - i);
  return [b.op(transpose, [x], { perm })];
};

const liftConcat: Lift = (node, b) => {
  const xs = node.inputs();
  require(xs.length > 0, 'no operand');
  return [b.op(concat, xs, { axis: node.int('axis') })];
};

const liftSplit: Lift = (node, b) => {
  const x = node.need(0);
  const axis = axisFrom(node.int('axis', 0), rankOf(x));
  const given = node.input(1);
  const parts = node.outputCount;
  const size = x.type.dims[axis] ?? leave(`axis ${axis} of rank ${rankOf(x)}`);
  if (given) {
    const sizes = b.needSizes(given, 'split');
    b.checkWritable(sizes, x);
    return b.ops(split, [x], { axis, parts, sizes });
  }
  if (size.divideExactly(parts)) return b.ops(split, [x], { axis, parts });
  // From opset 18 on the last part may be smaller; onnxruntime has it so before as well.
  const length = size.constant ?? leave(`${parts} parts of the size ${size}`);
  const part = Math.ceil(length / parts);
  const sizes = Array.from({ length: parts }, (_, i) => Math.min(part, length - i * part));
  require(b.opset >= 18 && sizes.every((n) => n >= 0), `${length} elements in ${parts} parts`);
  return b.ops(split, [x], { axis, parts, sizes: sizes.map((n) => Dim.of(n)) });
};

/** No axis is as long: exporters write the largest number of 32 or 64 bits for the end of whatever axis there is. */
const beyond = 2 ** 31 - 1;

function bound(d: Dim): Dim {
  const n = d.constant;
  if (n === undefined) return d;
  return n >= beyond ? Dim.of(toTheEnd) : n <= -beyond ? Dim.of(-toTheEnd) : d;
}

const liftSlice: Lift = (node, b) => {
  const x = node.need(0);
  const starts = b.bounds(1) ?? leave('starts that are not known');
  const ends = b.bounds(2) ?? leave('ends that are not known');
  const axes = numbersAt(node, b, 3, 'axes') ?? starts.map((_, i) => i);
  const steps = numbersAt(node, b, 4, 'steps') ?? starts.map(() => 1);
  b.checkWritable([...starts, ...ends], x);
  // Runtimes differ where one steps backwards from in front of the axis: the table in `agreement.ts`.
  axes.forEach((axis, i) => {
    const [start, size] = [starts[i], x.type.dims[axisFrom(axis, rankOf(x))]];
    const before = start && size && (steps[i] ?? 1) < 0 && (start.constant ?? 0) < -(size.constant ?? Infinity);
    require(!before, `a start of ${start}, which lies in front of the axis`);
  });
  return [b.op(slice, [x], { starts: starts.map(bound), ends: ends.map(bound), axes, steps })];
};

const liftPad: Lift = (node, b) => {
  const x = node.need(0);
  const rank = rankOf(x);
  const mode = node.string('mode', 'constant');
  const given = b.needSizes(node.need(1), 'pads');
  const value = numberAt(node, b, 2, 'constant_value') ?? 0;
  const axes = numbersAt(node, b, 3, 'axes')?.map((axis) => axisFrom(axis, rank)) ?? x.type.dims.map((_, i) => i);
  require(given.length === 2 * axes.length, `${given.length} pads for ${axes.length} axes`);
  require(axes.every((axis) => axis >= 0 && axis < rank), `axes [${axes.join(', ')}] of rank ${rank}`);
  require(!Number.isNaN(value), 'a padding that is no number');
  const pads: Dim[] = Array.from({ length: 2 * rank }, () => Dim.zero);
  axes.forEach((axis, i) => {
    pads[axis] = given[i] ?? outside();
    pads[rank + axis] = given[axes.length + i] ?? outside();
  });
  return [b.op(pad, [x], { pads, mode, ...(mode === 'constant' && { value }) })];
};

/**
 * The two shapes broadcast to each other. A known size that is not 1 stays: what stands beside it is 1 or the same, or the file
 * is wrong.
 */
const liftExpand: Lift = (node, b) => {
  const x = node.need(0);
  const target = b.needSizes(node.need(1), 'shape');
  const rank = Math.max(target.length, rankOf(x));
  const shape = Array.from({ length: rank }, (_, i) => {
    const own = x.type.dims[i - rank + rankOf(x)] ?? Dim.one;
    const other = target[i - rank + target.length] ?? Dim.one;
    if (own === other || other.constant === 1) return own;
    if (own.constant === 1) return other.lowerBound >= 0 ? other : leave(`a size ${other}, which may be negative`);
    if (own.constant !== undefined && other.constant === undefined) return own;
    return own.equals(other) === 'yes' ? own : leave(`sizes ${own} and ${other}, of which one may be 1`);
  });
  if (sameDims(shape, x.type.dims)) return [x];
  b.checkWritable(shape, x);
  return [b.op(expand, [x], { shape })];
};

const liftTile: Lift = (node, b) => {
  const x = node.need(0);
  const repeats = b.needSizes(node.need(1), 'repeats');
  if (repeats.every((d) => d.constant === 1)) return [x];
  b.checkWritable(repeats, x);
  return [b.op(tile, [x], { repeats })];
};

const liftGather: Lift = (node, b) => [b.op(gather, [node.need(0), node.need(1)], { axis: node.int('axis', 0) })];

const liftGatherElements: Lift = (node, b) => [b.op(gatherElements, [node.need(0), node.need(1)], { axis: node.int('axis', 0) })];

const liftGatherNd: Lift = (node, b) => [b.op(gatherNd, [node.need(0), node.need(1)], { batch_dims: node.int('batch_dims', 0) })];

const liftScatterElements: Lift = (node, b) => {
  const attrs = { axis: node.int('axis', 0), reduction: node.string('reduction', 'none') };
  return [b.op(scatterElements, [node.need(0), node.need(1), node.need(2)], attrs)];
};

const liftScatterNd: Lift = (node, b) => [
  b.op(scatterNd, [node.need(0), node.need(1), node.need(2)], { reduction: node.string('reduction', 'none') }),
];

const liftTopK: Lift = (node, b) => {
  const [x, [k, ...more]] = [node.need(0), b.needSizes(node.need(1), 'k')];
  require(k !== undefined && more.length === 0, 'several numbers');
  require(node.flag('sorted', true) || !(node.outputUsed(0) || node.outputUsed(1)), 'elements in no order');
  b.checkWritable([k], x);
  return b.ops(topk, [x], { k: [k], axis: axisFrom(node.int('axis', -1), rankOf(x)), largest: node.flag('largest', true) });
};

/** Of a condition that is as long as the axis; a shorter one leaves the rest out. */
const liftCompress: Lift = (node, b) => {
  const [x, mask] = [node.need(0), node.need(1)];
  if (node.has('axis')) return [b.op(compress, [x, mask], { axis: axisFrom(node.int('axis'), rankOf(x)) })];
  const flat = rankOf(x) === 1 ? x : b.op(reshape, [x], { shape: [sizeOf(x.type.dims)] });
  return [b.op(compress, [flat, mask], { axis: 0 })];
};

const liftUnique: Lift = (node, b) => {
  const axis = node.has('axis') ? [axisFrom(node.int('axis'), rankOf(node.need(0)))] : [];
  return b.ops(unique, [node.need(0)], { axis, sorted: node.flag('sorted', true) });
};

const liftTrilu: Lift = (node, b) => {
  const diagonal = numberAt(node, b, 1, 'k') ?? 0;
  return [b.op(trilu, [node.need(0)], { upper: node.flag('upper', true), diagonal })];
};

const liftRange: Lift = (node, b) => {
  const [start, end] = [b.needSizes(node.need(0), 'start'), b.needSizes(node.need(1), 'limit')];
  require(node.need(0).type.elem === 'i64', 'numbers that are not i64');
  require(start.length === 1 && end.length === 1, 'bounds that are no scalars');
  const step = numberAt(node, b, 2, 'delta') ?? leave('no delta');
  b.checkWritable([...start, ...end], undefined);
  return [b.op(range, [], { start, end, step })];
};

const liftShape: Lift = (node, b) => {
  const x = node.need(0);
  const [start, end] = [node.int('start', 0), node.int('end', toTheEnd)];
  return [b.op(shapeOf, [x], { start, end })];
};

const liftConstantOfShape: Lift = (node, b) => {
  const shape = b.needSizes(node.need(0), 'shape');
  for (const d of shape) require(d.lowerBound >= 0, `a size ${d}, which may be negative`);
  const value = node.tensor('value');
  if (node.has('value')) require(value?.kind === 'tensor', 'a value of a type that the graph has not');
  const expr = value?.kind === 'tensor' ? value.expr : undefined;
  require(expr === undefined || expr.count === 1, 'a value of several elements');
  const number = expr ? (expr.wide ? leave('a value beyond 2^53') : expr.resident?.[0]) : 0;
  b.checkWritable(shape, undefined);
  return [b.op(full, [], { shape, value: number ?? leave('a value that is not known'), elem: expr?.elem ?? 'f32' })];
};

/** At inference x itself. */
const liftDropout: Lift = (node) => {
  require(!node.outputUsed(1), 'the mask is an output');
  const training = node.input(2);
  if (training) require(hostOf(training)?.data[0] === 0, 'a dropout that may be in training mode');
  return [node.need(0)];
};

const liftIdentity: Lift = (node) => [node.need(0)];

export const shapeLifts: LiftTable = {
  Reshape: liftReshape,
  Flatten: liftFlatten,
  Squeeze: liftSqueeze,
  Unsqueeze: liftUnsqueeze,
  Transpose: liftTranspose,
  Concat: liftConcat,
  Split: liftSplit,
  Slice: liftSlice,
  Pad: liftPad,
  Expand: liftExpand,
  Tile: liftTile,
  Gather: liftGather,
  GatherElements: liftGatherElements,
  GatherND: liftGatherNd,
  ScatterElements: liftScatterElements,
  ScatterND: liftScatterNd,
  TopK: liftTopK,
  Compress: liftCompress,
  Unique: liftUnique,
  Trilu: liftTrilu,
  Range: liftRange,
  Shape: liftShape,
  ConstantOfShape: liftConstantOfShape,
  Dropout: liftDropout,
  Identity: liftIdentity,
};
