/**
 * Resampling of the spatial axes: ONNX Resize-13/18/19 and torch.nn.functional.interpolate; DepthToSpace-13 and
 * torch.nn.PixelShuffle.
 *
 * With L elements before and M after, s = M / L (or the scale given), element x of the result is taken at
 *   nearest        ⌊x / s⌋                              (asymmetric, floor)
 *   linear, cubic  (x + 1/2) / s − 1/2                  (half_pixel)
 *   align_corners  x · (L − 1) / (M − 1), 0 for M = 1
 * and what lies outside repeats the edge. Cubic is Keys 1981 with a = −0.75, as in PyTorch and by default in ONNX.
 */
import { outside } from '../diagnostics/at.ts';
import { Dim } from '../ir/dim.ts';
import type { Value } from '../ir/graph.ts';
import type { Attrs, Check, InferContext, OnnxAttr, OnnxBuilder } from '../ir/operator.ts';
import { elementCount, type HostTensor, isFloat, type TensorType, typeText } from '../ir/types.ts';
import { boolAttr, checkFloats, dimsAttr, given, numberAttr, numbersAttr, stringAttr } from './attrs.ts';
import { aroundAxis, neededGrid } from './common.ts';
import { defineLayer, defineOperator, type LayerBuilder } from './define.ts';
import { int } from './params.ts';
import { reshape } from './reshape.ts';
import { gatheringTraits, movingTraits } from './traits.ts';
import { transpose } from './transpose.ts';

export const modes = ['nearest', 'linear', 'cubic'] as const;

/**
 * numerator / denominator for scales that are multiples of 1/4096 up to 4096, undefined for others. Runtimes multiply a size by
 * the scale in float32, which is exact for these and rounds for others, so that the size would be anybody's guess.
 */
export function fractionOf(scale: number): { readonly numerator: number; readonly denominator: number } | undefined {
  let numerator = scale * 4096;
  let denominator = 4096;
  if (!Number.isInteger(numerator) || numerator < 1 || scale > 4096) return undefined;
  while (numerator % 2 === 0 && denominator > 1) {
    numerator /= 2;
    denominator /= 2;
  }
  return { numerator, denominator };
}

/** ⌊size · scale⌋, as float32 has it too; undefined for a scale that is no multiple of 1/4096. */
export function scaledSize(size: Dim, scale: number): Dim | undefined {
  const fraction = fractionOf(scale);
  return fraction && size.times(fraction.numerator).floordiv(fraction.denominator);
}

/** What every resampling needs of its picture; how many axes its grid has. */
export function checkGrid(check: Check, x: TensorType, attrs: Attrs): number {
  const mode = stringAttr(attrs, 'mode');
  const rank = x.dims.length;
  const ranks = mode === 'cubic' ? rank === 4 : rank >= 3 && rank <= 5;
  const grids = mode === 'cubic' ? '[N, channels, H, W] for cubic' : '[N, channels, ...grid] with one to three spatial axes';
  check('c1', ranks, typeText(x), `a tensor ${grids}`);
  check('c2', isFloat(x.elem), typeText(x), 'a tensor of floats', 'cast(f32)');
  const aligned = mode !== 'nearest' || !boolAttr(attrs, 'align_corners');
  check('c6', aligned, 'align_corners=true with mode="nearest"', 'linear or cubic', 'mode="linear"');
  return rank - 2;
}

/** What every resampling says of how it is done. */
export const samplingAttrs = {
  mode: { kind: 'string', default: 'nearest', values: modes, doc: 'how values between elements are found' },
  align_corners: { kind: 'bool', default: false, doc: 'the corners of both grids coincide, rather than their outlines' },
} as const;

export const resize = defineOperator({
  name: 'resize',
  summary: 'Resamples the grid to another size',
  onnx: ['Resize', 'Gather'],
  operands: [{ name: 'x', doc: '[N, C, ...grid]' }],
  attrs: {
    sizes: { kind: 'dims', default: [], doc: 'the resulting grid; empty when scales are given' },
    scales: { kind: 'floats', default: [], doc: 'a factor per spatial axis, a multiple of 1/4096; empty when sizes are given' },
    ...samplingAttrs,
  },
  traits: gatheringTraits({
    homogeneous: 'any',
    channelwise: true,
    keepsZero: true,
    idempotent: 'unknown',
    sign: ({ attrs }) => (attrs.mode !== 'cubic' && attrs.coordinates !== 'tf_crop_and_resize' ? 'first' : 'unknown'),
    handsOn: 'unknown',
    axes: 'unknown',
    resamples: true,
    dims: 'unknown',
    roundsOnce: 'unknown',
  }),
  infer(context: InferContext) {
    const { attrs } = context;
    const x = given(context.operands, 0);
    const aligned = boolAttr(attrs, 'align_corners');
    const sizes = dimsAttr(attrs, 'sizes');
    const scales = numbersAttr(attrs, 'scales');
    const axes = checkGrid(context.check, x, attrs);
    const one = (sizes.length === axes && scales.length === 0) || (scales.length === axes && sizes.length === 0);
    context.check('c3', one, `${sizes.length} sizes and ${scales.length} scales`, `${axes} of one, for ${typeText(x)}`);
    for (const scale of scales) {
      const hint = `to=[${x.dims.slice(2).join(', ')}]`;
      context.check('c4', fractionOf(scale) !== undefined, `scale ${scale}`, 'a multiple of 1/4096, at most 4096', hint);
    }
    const exact = !aligned || scales.length === 0;
    context.check('c6', exact, 'align_corners=true with scales', 'sizes, which alone say where the corners are');
    const grid = x.dims.slice(2).map((size, axis) => sizes[axis] ?? scaledSize(size, scales[axis] ?? 1) ?? size);
    for (const size of grid) context.check('c5', Dim.one.atMost(size) !== 'no', `a size of ${size}`, 'at least 1');
    return [{ elem: x.elem, dims: [...x.dims.slice(0, 2), ...grid] }];
  },
  evaluate: ([x], attrs) => {
    const scales = numbersAttr(attrs, 'scales');
    return [resampled(x ?? outside(), attrs, scales.length > 0 ? [] : numbersAttr(attrs, 'sizes'), scales)];
  },
  needs: neededGrid,
  lower(b, node, operands) {
    const { type } = node.y;
    const mode = stringAttr(node.attrs, 'mode');
    const scales = numbersAttr(node.attrs, 'scales');
    const x = given(operands, 0);
    if (mode === 'nearest' && scales.length === 0) {
      const gathered = gatherNearest(b, x, node.x.type, type);
      if (gathered !== undefined) return [gathered];
    }
    const attrs = onnxAttrs(node.attrs);
    const factors = scales.length > 0 ? scales : type.dims.every(isKnown) ? undefined : exactScales(node.x.type, type);
    if (factors !== undefined) {
      const all: HostTensor = { elem: 'f32', dims: [type.dims.length], data: Float64Array.from([1, 1, ...factors]) };
      return [b.node('Resize', [x, undefined, b.constant(all)], attrs, type)];
    }
    if (b.opset < axesSince || type.dims.slice(0, 2).every(isKnown))
      return [b.node('Resize', [x, undefined, undefined, b.dims(type.dims)], attrs, type)];
    const grid = b.dims(type.dims.slice(2));
    return [b.node('Resize', [x, undefined, undefined, grid], { ...attrs, axes: gridAxes(type) }, type)];
  },
  sample(source) {
    const mode = source.pick(modes);
    const axes = mode === 'cubic' ? 2 : source.int(1, 3);
    const grid = Array.from({ length: axes }, () => source.int(1, 6));
    const x = source.tensor([source.int(1, 2), source.int(1, 2), ...grid]);
    const align_corners = mode !== 'nearest' && source.bool();
    // Both spellings are used, and `align_corners` is only said by sizes.
    if (!align_corners && source.bool()) {
      const scales = grid.map((length) => source.pick(length < 2 ? [1, 2, 3, 2.5] : [0.5, 1, 1.5, 2, 3]));
      return { operands: [x], attrs: { scales, mode, align_corners } };
    }
    const sizes = grid.map((length) => {
      const size = source.int(1, 9);
      return mode === 'nearest' && !float32Agrees(length, size) ? length * 2 : size;
    });
    return { operands: [x], attrs: { sizes, mode, align_corners } };
  },
});

const isKnown = (size: Dim): boolean => size.constant !== undefined;

/** From which opset on Resize says which axes its sizes speak of. */
export const axesSince = 18;

/** The axes of a picture's grid, as Resize-18 has them. */
export const gridAxes = ({ dims }: TensorType): OnnxAttr => ({ kind: 'ints', value: dims.slice(2).map((_, i) => i + 2) });

/**
 * The factors by which the axes of the grid grow, where they are multiples of 1/4096: then sizes and factors give the same
 * numbers, since runtimes make of sizes the factor M / L in float32, which is this one, and of a factor the size L · s, which is
 * M. That holds for every way to find places: corners are aligned by L and M alone. Factors need no size that only the run knows.
 */
function exactScales(from: TensorType, to: TensorType): readonly number[] | undefined {
  const scales = to.dims.slice(2).map((size, i) => exactScale(given(from.dims, i + 2), size));
  return scales.every((scale) => scale !== undefined) ? scales : undefined;
}

/** M / L as `fractionOf` takes it; of free sizes a whole one. */
function exactScale(from: Dim, to: Dim): number | undefined {
  const [length, size] = [from.constant, to.constant];
  const known = length !== undefined && size !== undefined;
  const scale = known ? size / length : (to.divideExactly(from)?.constant ?? 0);
  return fractionOf(scale) && (!known || length * scale === size) ? scale : undefined;
}

const cubicA = -0.75;

/** How ONNX says where elements are taken. */
export function onnxAttrs(attrs: Attrs): Readonly<Record<string, OnnxAttr>> {
  const mode = stringAttr(attrs, 'mode');
  const aligned = boolAttr(attrs, 'align_corners');
  const coordinates = mode === 'nearest' ? 'asymmetric' : aligned ? 'align_corners' : 'half_pixel';
  return {
    mode: { kind: 'string', value: mode },
    coordinate_transformation_mode: { kind: 'string', value: coordinates },
    ...(mode === 'nearest' && { nearest_mode: { kind: 'string', value: 'floor' } }),
    ...(mode === 'cubic' && { cubic_coeff_a: { kind: 'float', value: cubicA } }),
  };
}

/** The grid of x in other sizes, or grown by a factor per axis. */
export function resampled(x: HostTensor, attrs: Attrs, sizes: ArrayLike<number>, scales: readonly number[] = []): HostTensor {
  let y = x;
  for (let axis = 0; axis < x.dims.length - 2; axis++) {
    const length = x.dims[axis + 2] ?? 1;
    const scale = scales[axis];
    const size = scale === undefined ? (sizes[axis] ?? outside()) : Math.floor(length * scale);
    y = resample(y, axis + 2, size, tapsOf(attrs, length, size, scale));
  }
  return y;
}

/** For every element of the result, from where it is taken and by which weights. */
interface Taps {
  readonly width: number;
  readonly places: Int32Array;
  readonly weights: Float64Array;
}

function tapsOf(attrs: Attrs, length: number, size: number, scale: number | undefined): Taps {
  const mode = stringAttr(attrs, 'mode');
  const width = mode === 'nearest' ? 1 : mode === 'linear' ? 2 : 4;
  const places = new Int32Array(size * width);
  const weights = new Float64Array(size * width);
  const clamp = (i: number): number => Math.min(length - 1, Math.max(0, i));
  for (let x = 0; x < size; x++) {
    if (mode === 'nearest') {
      places[x] = nearestPlace(x, length, size, scale);
      weights[x] = 1;
      continue;
    }
    const step = scale === undefined ? length / size : 1 / scale;
    const aligned = size === 1 ? 0 : (x * (length - 1)) / (size - 1);
    const exact = boolAttr(attrs, 'align_corners') ? aligned : (x + 0.5) * step - 0.5;
    const at = mode === 'linear' ? clamp(exact) : exact;
    const left = Math.floor(at);
    const t = at - left;
    const parts = mode === 'linear' ? [1 - t, t] : cubicWeights(t);
    parts.forEach((part, i) => {
      places[x * width + i] = clamp(left + i - (mode === 'linear' ? 0 : 1));
      weights[x * width + i] = part;
    });
  }
  return { width, places, weights };
}

/** ⌊x / s⌋ in whole numbers, so that nothing rounds. */
function nearestPlace(x: number, length: number, size: number, scale: number | undefined): number {
  const fraction = scale === undefined ? undefined : fractionOf(scale);
  const place = fraction ? Math.floor((x * fraction.denominator) / fraction.numerator) : Math.floor((x * length) / size);
  return Math.min(length - 1, place);
}

/** The cubic convolution kernel at distance t from 0 to 2. */
function keys(t: number): number {
  if (t <= 1) return ((cubicA + 2) * t - (cubicA + 3)) * t * t + 1;
  return cubicA * (((t - 5) * t + 8) * t - 4);
}

/** The weights of the elements at −1, 0, 1 and 2 for a place t between 0 and 1. */
export function cubicWeights(t: number): readonly number[] {
  return [keys(1 + t), keys(t), keys(1 - t), keys(2 - t)];
}

function resample(x: HostTensor, axis: number, size: number, taps: Taps): HostTensor {
  const { outer, size: length, inner } = aroundAxis(x.dims, axis);
  const out = x.dims.map((d, i) => (i === axis ? size : d));
  const data = new Float64Array(elementCount(out));
  for (let o = 0; o < outer; o++) {
    for (let p = 0; p < size; p++) {
      const to = (o * size + p) * inner;
      for (let tap = p * taps.width; tap < (p + 1) * taps.width; tap++) {
        const from = (o * length + (taps.places[tap] ?? outside())) * inner;
        const weight = taps.weights[tap] ?? outside();
        if (weight === 0) continue;
        for (let i = 0; i < inner; i++) data[to + i] = (data[to + i] ?? outside()) + weight * (x.data[from + i] ?? outside());
      }
    }
  }
  return { elem: x.elem, dims: out, data };
}

/** Whether ⌊x / s⌋ in float32, which runtimes compute, is right for every x. */
export function float32Agrees(length: number, size: number): boolean {
  const scale = Math.fround(size / length);
  for (let x = 0; x < size; x++) {
    const place = Math.floor(Math.fround(x / scale));
    if (Math.min(length - 1, place) !== nearestPlace(x, length, size, undefined)) return false;
  }
  return true;
}

/**
 * Nearest neighbours of a known grid by their indices, where a runtime's x / s in float32 could fall on the wrong side of a whole
 * number: 2 / (4/6) is 3, but not in float32. Undefined where every size is a multiple of the old one, or unknown.
 */
function gatherNearest(b: OnnxBuilder, x: string, from: TensorType, to: TensorType): string | undefined {
  const lengths = from.dims.map((d) => d.constant ?? 0);
  const sizes = to.dims.map((d) => d.constant ?? 0);
  const known = lengths.every((n, axis) => axis < 2 || (n > 0 && (sizes[axis] ?? outside()) > 0));
  if (!known || sizes.every((n, axis) => axis < 2 || n % (lengths[axis] ?? outside()) === 0)) return undefined;
  let name = x;
  let reached = from.dims;
  for (let axis = 2; axis < sizes.length; axis++) {
    const [length, size] = [lengths[axis] ?? outside(), sizes[axis] ?? outside()];
    if (length === size) continue;
    const places = Array.from({ length: size }, (_, i) => nearestPlace(i, length, size, undefined));
    reached = reached.map((d, i) => (i === axis ? Dim.of(size) : d));
    const type = { elem: to.elem, dims: reached };
    name = b.node('Gather', [name, b.i64(places)], { axis: { kind: 'int', value: axis } }, type);
  }
  return name;
}

export const pixelShuffle = defineOperator({
  name: 'pixel_shuffle',
  summary: 'Moves channels into the grid: [N, C·r², H, W] becomes [N, C, H·r, W·r]',
  onnx: ['DepthToSpace'],
  operands: [{ name: 'x', doc: '[N, C·r², H, W]' }],
  attrs: { factor: { kind: 'int', min: 1, doc: 'r, by how much the grid grows' } },
  traits: {
    ...movingTraits({ keepsOrder: false, handsOn: 'unknown', axes: 'unknown', idempotent: 'unknown', involution: 'unknown' }),
    resamples: true,
    // Of floats alone.
    dims: 'unknown',
  },
  infer(context: InferContext) {
    const x = given(context.operands, 0);
    context.check('c1', x.dims.length === 4, typeText(x), 'a tensor [N, channels, H, W]');
    checkFloats(context.check, 'c2', context.operands);
    const r = numberAttr(context.attrs, 'factor');
    const [batch, channels, height, width] = [0, 1, 2, 3].map((i) => given(x.dims, i));
    const out = channels?.divideExactly(r * r);
    context.check(
      'c3',
      out !== undefined,
      `${channels} channels of ${typeText(x)}`,
      `a multiple of ${r * r}, the square of ${r}`,
    );
    return [{ elem: x.elem, dims: [batch ?? out, out, (height ?? out).times(r), (width ?? out).times(r)] }];
  },
  evaluate(operands, attrs) {
    const x = given(operands, 0);
    const r = numberAttr(attrs, 'factor');
    const [batch = 0, channels = 0, height = 0, width = 0] = x.dims;
    const out = channels / (r * r);
    const data = new Float64Array(x.data.length);
    for (let from = 0; from < data.length; from++) {
      const w = from % width;
      const h = Math.floor(from / width) % height;
      const plane = Math.floor(from / (width * height));
      const c = plane % channels;
      const j = c % r;
      const i = Math.floor(c / r) % r;
      const outPlane = Math.floor(plane / channels) * out + Math.floor(c / (r * r));
      data[(outPlane * height * r + h * r + i) * width * r + w * r + j] = x.data[from] ?? outside();
    }
    return [{ elem: x.elem, dims: [batch, out, height * r, width * r], data }];
  },
  lower(b, node, operands) {
    const blocksize = { kind: 'int', value: numberAttr(node.attrs, 'factor') } as const;
    return [b.node('DepthToSpace', operands, { blocksize, mode: { kind: 'string', value: 'CRD' } }, node.y.type)];
  },
  sample(source) {
    const factor = source.int(1, 3);
    const grid = [source.int(1, 4), source.int(1, 4)];
    return { operands: [source.tensor([source.int(1, 2), factor * factor * source.int(1, 3), ...grid])], attrs: { factor } };
  },
});

export const pixelShuffleLayer = defineLayer({
  name: 'pixel_shuffle',
  summary: pixelShuffle.summary,
  source: 'torch.nn.PixelShuffle; ONNX DepthToSpace, mode CRD',
  family: 'Resampling',
  params: { factor: int({ positional: true, min: 1, doc: 'by how much the grid grows' }) },
  build: (b, [x], p) => b.op(pixelShuffle, [x], { factor: p.factor }),
});

export const pixelUnshuffleLayer = defineLayer({
  name: 'pixel_unshuffle',
  summary: 'Moves the grid into channels: [N, C, H·r, W·r] becomes [N, C·r², H, W]',
  source: 'torch.nn.PixelUnshuffle',
  family: 'Resampling',
  params: { factor: int({ positional: true, min: 1, doc: 'by how much the grid shrinks' }) },
  build(b: LayerBuilder, [x], p) {
    const r = p.factor;
    b.check('l1', x.type.dims.length === 4, typeText(x.type), 'a tensor [N, channels, H, W]');
    const batch = given(x.type.dims, 0);
    const channels = given(x.type.dims, 1);
    const [height, width] = [partOf(b, x, 2, r), partOf(b, x, 3, r)];
    // SpaceToDepth puts the place in the block before the channel, PyTorch behind it.
    const split = b.op(reshape, [x], { shape: [batch, channels, height, Dim.of(r), width, Dim.of(r)] });
    const moved = b.op(transpose, [split], { perm: [0, 1, 3, 5, 2, 4] });
    return b.op(reshape, [moved], { shape: [batch, channels.times(r * r), height, width] });
  },
});

function partOf(b: LayerBuilder, x: Value, axis: number, r: number): Dim {
  const size = given(x.type.dims, axis);
  const part = size.divideExactly(r);
  const hint = size.constant === undefined ? `assert ${size} % ${r} == 0` : undefined;
  b.check('l2', part !== undefined, `${size} on axis ${axis} of ${typeText(x.type)}`, `a multiple of ${r}`, hint);
  return part;
}
