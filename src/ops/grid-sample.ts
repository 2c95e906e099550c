/**
 * Elements of a picture at places that another tensor gives: ONNX GridSample-16 (-20, -22), torch.nn.functional.grid_sample;
 * Jaderberg et al. 2015, arXiv:1506.02025. Places are between −1 and 1 on every axis, the last axis of the picture first.
 *
 * With L elements on an axis, g stands for the place
 *   ((g + 1) · L − 1) / 2        where −1 and 1 are the outer edges of the first and the last element
 *   (g + 1) / 2 · (L − 1)        with align_corners: their centres
 * Nearest rounds it, half to even. Bilinear weighs 2 and bicubic 4 elements per axis (Keys 1981 with a = −0.75), those outside
 * as `padding_mode` says: 0, the one at the border, or one reflected at the edges or centres. Places themselves are moved inside
 * alike, but for bicubic ones.
 */
import { outside } from '../diagnostics/at.ts';
import type { Node } from '../ir/graph.ts';
import type { Attrs, Check, InferContext } from '../ir/operator.ts';
import { elementCount, typeText } from '../ir/types.ts';
import { boolAttr, checkFloats, given, onnxInt, stringAttr } from './attrs.ts';
import { neededGrid, sameDim, stridesOf } from './common.ts';
import { defineOperator, layerOf } from './define.ts';
import { roundHalfEven } from './elementwise.ts';
import { bool, choice } from './params.ts';
import { cubicWeights } from './resize.ts';
import { gatheringTraits } from './traits.ts';

export const sampleModes = ['bilinear', 'nearest', 'bicubic'] as const;
export const paddingModes = ['zeros', 'border', 'reflection'] as const;

/** One axis of the picture: which of its elements stand for a place, by which weights; −1 is an element of the padding. */
interface Axis {
  readonly length: number;
  readonly mode: string;
  readonly padding: string;
  /** Where reflections are, and beyond which a place is outside. */
  readonly low: number;
  readonly high: number;
  readonly aligned: boolean;
}

function axisOf(length: number, attrs: Attrs): Axis {
  const aligned = boolAttr(attrs, 'align_corners');
  const half = aligned ? 0 : 0.5;
  return {
    length,
    mode: stringAttr(attrs, 'mode'),
    padding: stringAttr(attrs, 'padding_mode'),
    low: -half,
    high: length - 1 + half,
    aligned,
  };
}

/** Back between low and high, turning at both. */
function reflected(at: number, { low, high }: Axis): number {
  const range = high - low;
  const beyond = at < low ? low - at : at - high;
  const turns = Math.floor(beyond / range);
  const rest = beyond - turns * range;
  return at < low === (turns % 2 === 0) ? low + rest : high - rest;
}

/** A place that is not outside, as the padding has it. */
function inside(at: number, axis: Axis): number {
  if ((at >= axis.low && at <= axis.high) || axis.padding === 'zeros') return at;
  return axis.padding === 'border' ? Math.min(axis.length - 1, Math.max(0, at)) : reflected(at, axis);
}

/** The element at a whole place; −1 for none. */
function elementOf(place: number, axis: Axis): number {
  if (place >= 0 && place < axis.length) return place;
  if (axis.padding === 'zeros') return -1;
  if (axis.padding === 'border') return place < 0 ? 0 : axis.length - 1;
  return Math.round(reflected(place, axis));
}

function tapsOf(g: number, axis: Axis): { readonly places: readonly number[]; readonly weights: readonly number[] } {
  const { length, mode } = axis;
  const exact = axis.aligned ? ((g + 1) / 2) * (length - 1) : ((g + 1) * length - 1) / 2;
  const at = mode === 'bicubic' ? exact : inside(mode === 'nearest' ? roundHalfEven(exact) : exact, axis);
  if (mode === 'nearest') return { places: [elementOf(at, axis)], weights: [1] };
  const left = Math.floor(at);
  const t = at - left;
  const weights = mode === 'bilinear' ? [1 - t, t] : cubicWeights(t);
  const first = mode === 'bilinear' ? left : left - 1;
  return { places: weights.map((_, i) => elementOf(first + i, axis)), weights };
}

export const gridSample = defineOperator({
  name: 'grid_sample',
  summary: 'The picture at the places that a grid gives, between −1 and 1 on every axis',
  onnx: ['GridSample'],
  operands: [
    { name: 'x', doc: '[N, C, ...grid]' },
    { name: 'places', doc: '[N, ...result grid, axes]: where every element of the result is taken, the last axis of x first' },
  ],
  attrs: {
    mode: { kind: 'string', default: 'bilinear', values: sampleModes, doc: 'how values between elements are found' },
    padding_mode: { kind: 'string', default: 'zeros', values: paddingModes, doc: 'what stands outside' },
    align_corners: {
      kind: 'bool',
      default: false,
      doc: 'whether −1 and 1 are the centres of the first and the last element, rather than their outer edges',
    },
  },
  traits: gatheringTraits({
    homogeneous: 'any',
    channelwise: true,
    keepsZero: true,
    idempotent: 'unknown',
    sign: ({ attrs }) => (attrs.mode === 'bicubic' ? 'unknown' : 'first'),
    handsOn: 'unknown',
    axes: 'unknown',
    resamples: true,
    dims: 'unknown',
    roundsOnce: 'unknown',
  }),
  since: (node: Node) => (node.x.type.dims.length === 4 ? 16 : 20),
  infer(context: InferContext) {
    const { operands, attrs } = context;
    const check: Check = context.check;
    const [x, places] = [given(operands, 0), given(operands, 1)];
    const rank = x.dims.length;
    check('c1', rank === 4 || rank === 5, typeText(x), 'a tensor [N, C, H, W] or [N, C, D, H, W]');
    checkFloats(check, 'c2', operands);
    const mode = stringAttr(attrs, 'mode');
    check('c3', mode !== 'bicubic' || rank === 4, `mode="bicubic" of ${typeText(x)}`, 'a tensor [N, C, H, W]', 'mode="bilinear"');
    const axes = rank - 2;
    const grid = `a grid [${x.dims[0]}, ${rank === 4 ? '' : 'D, '}H, W, ${axes}] for ${typeText(x)}`;
    check('c4', places.dims.length === rank, `a grid ${typeText(places)}`, grid);
    check('c5', places.dims[rank - 1]?.constant === axes, `a grid ${typeText(places)}`, grid);
    check('c6', sameDim(given(places.dims, 0), given(x.dims, 0)), `a grid ${typeText(places)}`, grid);
    const reflects = stringAttr(attrs, 'padding_mode') === 'reflection' && boolAttr(attrs, 'align_corners');
    for (const d of x.dims.slice(2)) {
      check('c7', d.constant !== 0, typeText(x), 'a picture with elements');
      check('c8', !reflects || d.constant !== 1, typeText(x), 'at least 2 elements between the centres that reflect');
    }
    return [{ elem: x.elem, dims: [...x.dims.slice(0, 2), ...places.dims.slice(1, -1)] }];
  },
  needs: neededGrid,
  evaluate(operands, attrs) {
    const [x, places] = [given(operands, 0), given(operands, 1)];
    const [batch = 0, channels = 0, ...sizes] = x.dims;
    const axes = sizes.map((length) => axisOf(length, attrs));
    const strides = stridesOf(sizes);
    const grid = places.dims.slice(1, -1);
    const [count, size] = [elementCount(grid), elementCount(sizes)];
    const dims = [batch, channels, ...grid];
    const data = new Float64Array(elementCount(dims));
    for (let at = 0; at < batch * count; at++) {
      // All elements that stand for the place, and the products of their weights.
      let offsets = [0];
      let weights = [1];
      axes.forEach((axis, i) => {
        const taps = tapsOf(places.data[at * axes.length + axes.length - 1 - i] ?? outside(), axis);
        const stride = strides[i] ?? outside();
        const all = offsets.map((offset) => taps.places.map((place) => (place < 0 || offset < 0 ? -1 : offset + place * stride)));
        weights = weights.flatMap((weight) => taps.weights.map((own) => weight * own));
        offsets = all.flat();
      });
      const [n, place] = [Math.floor(at / count), at % count];
      for (let c = 0; c < channels; c++) {
        const from = (n * channels + c) * size;
        let sum = 0;
        offsets.forEach((offset, i) => {
          if (offset >= 0) sum += (weights[i] ?? outside()) * (x.data[from + offset] ?? outside());
        });
        data[(n * channels + c) * count + place] = sum;
      }
    }
    return [{ elem: x.elem, dims, data }];
  },
  lower(b, node, operands) {
    const mode = stringAttr(node.attrs, 'mode');
    // Opset 20 renamed two of them.
    const renamed = b.opset < 20 ? mode : ({ bilinear: 'linear', bicubic: 'cubic' }[mode] ?? mode);
    const attrs = {
      mode: { kind: 'string', value: renamed },
      padding_mode: { kind: 'string', value: stringAttr(node.attrs, 'padding_mode') },
      align_corners: onnxInt(boolAttr(node.attrs, 'align_corners') ? 1 : 0),
    } as const;
    return [b.node('GridSample', operands, attrs, node.y.type)];
  },
  sample(source) {
    const mode = source.pick(sampleModes);
    const axes = mode === 'bicubic' ? 2 : source.pick([2, 2, 3]);
    const [batch, channels] = [source.int(1, 2), source.int(1, 2)];
    const sizes = Array.from({ length: axes }, () => source.int(2, 5));
    const grid = Array.from({ length: axes }, () => source.int(1, 9));
    const places = source.tensor([batch, ...grid, axes], { low: -2.5, high: 2.5 });
    // Half of the tensors have places that lie in the middle between two elements.
    const data = source.bool() ? places.data : places.data.map((g) => Math.round(4 * g) / 4);
    return {
      operands: [source.tensor([batch, channels, ...sizes]), { ...places, data }],
      attrs: { mode, padding_mode: source.pick(paddingModes), align_corners: source.bool() },
    };
  },
});

export const gridSampleLayer = layerOf(gridSample, {
  source: 'torch.nn.functional.grid_sample; ONNX GridSample, from opset 16 on',
  family: 'Resampling',
  operands: { names: ['it', 'grid'], min: 2, max: 2 },
  params: {
    mode: choice(sampleModes, { default: 'bilinear', doc: 'how values between elements are found' }),
    padding_mode: choice(paddingModes, { default: 'zeros', doc: 'what stands outside' }),
    align_corners: bool({
      default: false,
      doc: 'whether −1 and 1 are the centres of the first and the last element, rather than their outer edges',
    }),
  },
});
