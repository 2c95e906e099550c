/**
 * Lifts of Resize-13 (-18, -19) and DepthToSpace-13. With L elements before and M after, element x of the result is taken at,
 * with s = M / L or the given scale,
 *   asymmetric x/s half_pixel (x + 1/2)/s − 1/2 align_corners x·(L − 1)/(M − 1) pytorch_half_pixel half_pixel, but 0 for M = 1
 * Nearest neighbours of an enlargement by a whole s are ⌊x/s⌋ with half_pixel as well: (x + 1/2)/s − 1/2 lies less than 1/2 from
 * ⌊x/s⌋.
 */
import { Dim } from '../../ir/dim.ts';
import type { Value } from '../../ir/graph.ts';
import { concat } from '../../ops/concat.ts';
import { gridSample, paddingModes, sampleModes } from '../../ops/grid-sample.ts';
import { pixelShuffle, resize, scaledSize } from '../../ops/resize.ts';
import { resizeTo } from '../../ops/resize-to.ts';
import type { Lift, LiftBuilder, LiftNode, LiftTable } from '../lift.ts';
import { axisFrom, isFloat32, leave, numbersAt, rankOf, require } from './common.ts';

interface Target {
  /** A factor per spatial axis, or the resulting sizes, or the tensor that holds those. */
  readonly scales?: readonly number[];
  readonly sizes?: readonly Dim[];
  readonly held?: Value;
}

/**
 * The sizes of the grid alone, where only the run knows them: `axes` says so, or pictures and channels stand before them in a
 * concat, as many as x has.
 */
function heldSizes(b: LiftBuilder, x: Value, sizes: Value, axes: readonly number[]): Value | undefined {
  const grid = x.type.dims.length - 2;
  if (axes.length === grid && axes.every((axis, i) => axis === i + 2)) return sizes;
  const joined = sizes.producer;
  const [first, held, ...more] = joined?.op === concat ? joined.operands : [];
  if (axes.some((axis, i) => axis !== i) || !first || held?.type.dims[0]?.constant !== grid || more.length > 0) return undefined;
  const before = b.sizes(first);
  const same = before?.length === 2 && before.every((d, i) => d.equals(x.type.dims[i] ?? Dim.zero) === 'yes');
  return same ? held : undefined;
}

/** `axes` (opset 18) names the axes that scales and sizes speak of; the others stay. */
function targetOf(node: LiftNode, b: LiftBuilder, x: Value): Target {
  const rank = rankOf(x);
  const axes = node.ints('axes')?.map((axis) => axisFrom(axis, rank)) ?? x.type.dims.map((_, i) => i);
  const factors = numbersAt(node, b, 2, 'scales');
  if (factors && factors.length > 0) {
    require(factors.length === axes.length, `${factors.length} scales for ${axes.length} axes`);
    const all = x.type.dims.map((_, axis) => (axes.includes(axis) ? (factors[axes.indexOf(axis)] ?? 1) : 1));
    require(all[0] === 1 && all[1] === 1, 'a scale of pictures or channels');
    return { scales: all.slice(2) };
  }
  const held = b.sizes(node.need(3)) ? undefined : heldSizes(b, x, node.need(3), axes);
  if (held) return { held };
  const given = b.needSizes(node.need(3), 'sizes');
  require(given.length === axes.length, `${given.length} sizes for ${axes.length} axes`);
  const all = x.type.dims.map((d, axis) => (axes.includes(axis) ? (given[axes.indexOf(axis)] ?? d) : d));
  for (const axis of [0, 1]) {
    const [own, other] = [x.type.dims[axis], all[axis]];
    require(own !== undefined && other !== undefined && own.equals(other) === 'yes', 'another number of pictures or channels');
  }
  return { sizes: all.slice(2) };
}

/** Every axis grows by a whole factor. */
function enlarges(x: Value, { scales, sizes, held }: Target): boolean {
  if (held) return false;
  if (scales) return scales.every((s) => Number.isInteger(s) && s >= 1);
  return (sizes ?? []).every((size, i) => {
    const own = x.type.dims[i + 2];
    return own !== undefined && own.constant !== 0 && size.divideExactly(own)?.constant !== undefined;
  });
}

const liftResize: Lift = (node, b) => {
  const x = node.need(0);
  require(node.int('antialias', 0) === 0, 'antialias');
  require(node.string('keep_aspect_ratio_policy', 'stretch') === 'stretch', 'keep_aspect_ratio_policy');
  require(node.int('exclude_outside', 0) === 0, 'exclude_outside');
  const mode = node.string('mode', 'nearest');
  const coordinates = node.string('coordinate_transformation_mode', 'half_pixel');
  require(rankOf(x) >= 3, 'no spatial axes');
  const target = targetOf(node, b, x);
  const { scales, sizes, held } = target;
  if (sizes) b.checkWritable(sizes, x);
  const size: { scales?: readonly number[]; sizes?: readonly Dim[] } = scales ? { scales } : { sizes: sizes ?? [] };
  if (mode === 'nearest') {
    const rounding = node.string('nearest_mode', 'round_prefer_floor');
    const whole = enlarges(x, target);
    // Known sizes that are no multiples would be written as indices, because runtimes divide in float32: that is another result.
    const known = [...x.type.dims.slice(2), ...(sizes ?? [])].every((d) => d.constant !== undefined);
    const plain =
      coordinates === 'asymmetric' && rounding === 'floor' && (scales !== undefined || held !== undefined || whole || !known);
    const centred = coordinates === 'half_pixel' || coordinates === 'pytorch_half_pixel';
    const enlarged = whole && centred && rounding.startsWith('round_prefer');
    require(plain || enlarged, `nearest with ${coordinates} and ${rounding}`);
    return [held ? b.op(resizeTo, [x, held], { mode: 'nearest' }) : b.op(resize, [x], { ...size, mode: 'nearest' })];
  }
  require(mode === 'linear' || mode === 'cubic', `mode ${mode}`);
  if (mode === 'cubic') require(isFloat32(node.float('cubic_coeff_a', -0.75), -0.75), 'another cubic');
  if (held) {
    // Where the size is 1, `pytorch_half_pixel` is another place, and only the run knows it.
    require(coordinates === 'align_corners' || coordinates === 'half_pixel', coordinates);
    return [b.op(resizeTo, [x, held], { mode, align_corners: coordinates === 'align_corners' })];
  }
  if (coordinates === 'align_corners') {
    const grid = sizes ?? scaledGrid(x, scales ?? []);
    return [b.op(resize, [x], { sizes: grid, mode, align_corners: true })];
  }
  require(coordinates === 'half_pixel' || coordinates === 'pytorch_half_pixel', coordinates);
  const y = b.op(resize, [x], { ...size, mode });
  if (coordinates === 'pytorch_half_pixel')
    for (const d of y.type.dims.slice(2)) require(d.lowerBound >= 2, `a size ${d}, which may be 1`);
  return [y];
};

/**
 * Corners are only aligned by sizes here, which scales give. Of a size that is free only where they give it without a rest: then
 * the lowering finds the scale again, and nothing has to be computed.
 */
function scaledGrid(x: Value, scales: readonly number[]): readonly Dim[] {
  return x.type.dims.slice(2).map((d, i) => {
    const scale = scales[i] ?? 1;
    const size = scaledSize(d, scale) ?? leave(`scale ${scale}`);
    const exact = d.constant !== undefined || size.divideExactly(d) !== undefined;
    require(exact, `scales that align the corners of the size ${d}`);
    return size;
  });
}

const liftDepthToSpace: Lift = (node, b) => {
  require(node.string('mode', 'DCR') === 'CRD', 'channels whose blocks come first');
  return [b.op(pixelShuffle, [node.need(0)], { factor: node.int('blocksize') })];
};

/** `linear` and `cubic` are the names of opset 20. */
const liftGridSample: Lift = (node, b) => {
  const [x, places] = [node.need(0), node.need(1)];
  const mode = node.string('mode', b.opset < 20 ? 'bilinear' : 'linear');
  const own = { linear: 'bilinear', cubic: 'bicubic' }[mode] ?? mode;
  const padding_mode = node.string('padding_mode', 'zeros');
  require(sampleModes.some((one) => one === own) &&
    paddingModes.some((one) => one === padding_mode), `mode ${mode}, padding ${padding_mode}`);
  return [b.op(gridSample, [x, places], { mode: own, padding_mode, align_corners: node.flag('align_corners', false) })];
};

export const resizeLifts: LiftTable = { Resize: liftResize, DepthToSpace: liftDepthToSpace, GridSample: liftGridSample };
