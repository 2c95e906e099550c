/**
 * Lifts of pools: MaxPool-12 (-22), AveragePool-11 (-19, -22), GlobalAveragePool-1 (-22), GlobalMaxPool-1 (-22), RoiAlign-16
 * (-22), NonMaxSuppression-11.
 *
 * `ceil_mode` becomes padding. With extent e, begin b, end p there are ⌈(L + b + p − e)/s⌉ + 1 windows. Runtimes disagree whether
 * a window may begin behind the input; where none does, the same windows come of the end p' = (n − 1)·s + e − L − b, rounded
 * down. None does for any L where p + s ≤ e, and then p' = p + s − 1 serves every L, because ⌈x/s⌉ = ⌊(x + s − 1)/s⌋.
 */
import { outside } from '../../diagnostics/at.ts';
import { Dim } from '../../ir/dim.ts';
import { nms } from '../../ops/nms.ts';
import { avgpool, globalAvgpool, globalMaxpool, maxpool } from '../../ops/pool.ts';
import { roiAlign } from '../../ops/roi-align.ts';
import { windowExtent } from '../../ops/window.ts';
import type { Lift, LiftBuilder, LiftNode, LiftTable } from '../lift.ts';
import { leave, numberAt, require, same } from './common.ts';
import { perAxis, windowPads } from './nn.ts';

interface Pool {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  readonly pads: readonly number[];
  /** Whether `ceil_mode` padded more than was asked for. */
  readonly extended: boolean;
}

function poolOf(node: LiftNode, b: LiftBuilder): Pool {
  const kernel = node.ints('kernel_shape') ?? leave('no kernel_shape');
  const axes = kernel.length;
  b.constrainRank(0, axes + 2);
  const x = node.need(0);
  const stride = perAxis(node, 'strides', axes, 1);
  const dilation = perAxis(node, 'dilations', axes, 1);
  const same = node.string('auto_pad', 'NOTSET').startsWith('SAME');
  // The specification counts from the dilated window, onnxruntime from the plain one.
  if (same && dilation.some((d) => d !== 1)) leave('auto_pad of a dilated window');
  const grid = x.type.dims.slice(2);
  const asked = windowPads(node, grid, kernel, stride, dilation);
  const pads = node.flag('ceil_mode', false) ? extendedPads(grid, kernel, stride, dilation, asked) : asked;
  return { kernel, stride, dilation, pads, extended: pads.some((n, i) => n !== asked[i]) };
}

function extendedPads(
  grid: readonly Dim[],
  kernel: readonly number[],
  stride: readonly number[],
  dilation: readonly number[],
  pads: readonly number[],
): readonly number[] {
  const axes = grid.length;
  const ends = grid.map((size, axis) => {
    const extent = windowExtent(kernel[axis] ?? 1, dilation[axis] ?? 1);
    const step = stride[axis] ?? 1;
    const begin = pads[axis] ?? outside();
    const end = pads[axes + axis] ?? outside();
    const length = size.constant;
    if (length === undefined) {
      if (end + step > extent && step > 1) leave(`ceil_mode depends on the size ${size}`);
      return end + step - 1;
    }
    const last = Math.ceil((length + begin + end - extent) / step);
    if (last * step >= length + begin) leave('ceil_mode has a window behind the input');
    return Math.max(end, last * step + extent - length - begin);
  });
  return [...pads.slice(0, axes), ...ends];
}

const liftMaxPool: Lift = (node, b) => {
  require(!node.outputUsed(1), 'the places of the maxima are an output');
  const { kernel, stride, dilation, pads } = poolOf(node, b);
  return [b.op(maxpool, [node.need(0)], { kernel, stride, dilation, pads })];
};

const liftAveragePool: Lift = (node, b) => {
  const { kernel, stride, dilation, pads, extended } = poolOf(node, b);
  require(dilation.every((d) => d === 1), 'a dilated average');
  const counts = node.flag('count_include_pad', false);
  require(!counts || !extended, 'ceil_mode with padding that counts');
  return [b.op(avgpool, [node.need(0)], { kernel, stride, pads, count_include_pad: counts })];
};

const liftRoiAlign: Lift = (node, b) => {
  require(node.string('mode', 'avg') === 'avg', 'maxima of interpolated elements');
  // Before opset 16 there was no attribute, and the places were those of the other mode.
  const places = node.string('coordinate_transformation_mode', b.opset < 16 ? 'output_half_pixel' : 'half_pixel');
  require(places === 'half_pixel' || places === 'output_half_pixel', `places ${places}`);
  const attrs = {
    grid: [node.int('output_height', 1), node.int('output_width', 1)],
    scale: node.float('spatial_scale', 1),
    sampling: node.int('sampling_ratio', 0),
    aligned: places === 'half_pixel',
  };
  return [b.op(roiAlign, [node.need(0), node.need(1), node.need(2)], attrs)];
};

/** A score below the threshold is left out, and so is one that is just that: onnxruntime's reading, and that of the operator. */
const liftNonMaxSuppression: Lift = (node, b) => {
  const most = node.input(2) ? b.needSizes(node.need(2), 'max_output_boxes_per_class') : [Dim.zero];
  require(most.length === 1 && most.every((d) => d.lowerBound >= 0), 'other than one number of boxes');
  b.checkWritable(most, node.need(0));
  const iou = numberAt(node, b, 3, 'iou_threshold') ?? 0;
  const score = numberAt(node, b, 4, 'score_threshold') ?? -Infinity;
  // A file has the number of boxes there for all of them, or one that no picture has.
  const count = node.need(0).type.dims[1];
  const all = most.every((d) => count && count.atMost(d) === 'yes');
  const centered = node.flag('center_point_box', false);
  return [b.op(nms, [node.need(0), node.need(1)], { max: all ? [] : most, iou, score, centered })];
};

export const poolLifts: LiftTable = {
  MaxPool: liftMaxPool,
  AveragePool: liftAveragePool,
  GlobalAveragePool: same(globalAvgpool, 1),
  GlobalMaxPool: same(globalMaxpool, 1),
  RoiAlign: liftRoiAlign,
  NonMaxSuppression: liftNonMaxSuppression,
};
