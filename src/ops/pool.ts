/**
 * Pooling over the spatial axes: ONNX MaxPool-12, AveragePool-11, GlobalAveragePool-1, GlobalMaxPool-1; torch.nn.MaxPool1d/2d/3d,
 * AvgPool1d/2d/3d, AdaptiveAvgPool1d/2d/3d.
 *
 * The operators round the number of windows down. `ceil=true` of the layers is PyTorch's rule, whose last window must start in
 * the input or in front of it; runtimes disagree about it, so it is said by padding. With extent e, begin b and end p,
 *   min(⌈(L + b + p − e) / s⌉, ⌈(L + b) / s⌉ − 1) + 1  =  ⌊(L + b + p' − e) / s⌋ + 1,   p' = min(e − 1, p + s − 1),
 * because ⌈x / s⌉ = ⌊(x + s − 1) / s⌋, and ⌊·/s⌋ is monotone. Nothing in p' depends on L, so L may be symbolic.
 */

import { outside } from '../diagnostics/at.ts';
import { Dim, knownSizes } from '../ir/dim.ts';
import { elemFacts } from '../ir/elem.ts';
import type { Node, Value } from '../ir/graph.ts';
import type { AttrSpec, Attrs, InferContext, OnnxAttr, SampleSource, WindowAttrs } from '../ir/operator.ts';
import { type ElemType, elementCount, type HostTensor, isFloat, type TensorType, typeText } from '../ir/types.ts';
import { boolAttr, checkFloats, given, numbersAttr } from './attrs.ts';
import { neededByWindows } from './common.ts';
import { defineLayer, defineOperator, type LayerBuilder } from './define.ts';
import { div } from './elementwise.ts';
import { full } from './generate.ts';
import { bool, optional, type Padding, perAxis, size, windowPadding } from './params.ts';
import { padIntoMaxPool } from './runtime-defects.ts';
import { isWord, padded, wordPads } from './same.ts';
import { gatheringTraits } from './traits.ts';
import {
  spatialAxes,
  spreadAxes,
  spreadPads,
  type Windows,
  windowCount,
  windowExtent,
  windowGrid,
  windowStripe,
  windowTable,
} from './window.ts';

const windowAttrs = {
  kernel: { kind: 'axes', min: 1, doc: 'window size' },
  stride: { kind: 'axes', default: 1, min: 1, doc: 'step between windows' },
  pads: { kind: 'pads', default: 0, min: 0, doc: 'padding in front of and behind every spatial axis' },
} as const satisfies Record<string, AttrSpec>;

function windowOf(attrs: Attrs): WindowAttrs {
  const kernel = numbersAttr(attrs, 'kernel');
  const dilation = 'dilation' in attrs ? numbersAttr(attrs, 'dilation') : kernel.map(() => 1);
  return { kernel, stride: numbersAttr(attrs, 'stride'), dilation, pads: numbersAttr(attrs, 'pads') };
}

function inferPool(context: InferContext): TensorType {
  const x = given(context.operands, 0);
  context.check('c1', x.dims.length >= 3, typeText(x), 'a tensor [N, channels, ...grid] with at least one spatial axis');
  const w = windowOf(context.attrs);
  // Otherwise the first or the last window would see nothing but padding, which has neither a maximum nor an average.
  const axes = w.kernel.length;
  w.pads.forEach((zeros, i) => {
    const extent = windowExtent(w.kernel[i % axes] ?? 1, w.dilation[i % axes] ?? 1);
    const hint = `pad=${Math.floor(extent / 2)}`;
    context.check('c3', zeros < extent, `padding of ${zeros} for a window of ${extent}`, 'padding smaller than the window', hint);
  });
  return { elem: x.elem, dims: [...x.dims.slice(0, 2), ...windowGrid(x, w, context.check, 'c4')] };
}

/** Runs `reduce` on every window: `places` are those of its taps that lie in the grid, `base` is where the plane begins. */
function pool(x: HostTensor, attrs: Attrs, reduce: (base: number, places: Int32Array, live: number) => number): HostTensor {
  const [batch = 0, channels = 0, ...grid] = x.dims;
  const { kernel, stride, dilation, pads } = windowOf(attrs);
  const axes = grid.length;
  const begins = pads.slice(0, axes);
  const positions = grid.map((length, axis) => {
    const free =
      length +
      (begins[axis] ?? outside()) +
      (pads[axes + axis] ?? outside()) -
      windowExtent(kernel[axis] ?? 1, dilation[axis] ?? 1);
    return Math.max(0, Math.floor(free / (stride[axis] ?? 1)) + 1);
  });
  const windows: Windows = { grid, positions, kernel, stride, dilation, begins };
  const plane = elementCount(grid);
  const outPlane = elementCount(positions);
  const taps = elementCount(kernel);
  const dims = [batch, channels, ...positions];
  const data = new Float64Array(elementCount(dims));
  const stripe = windowStripe(taps, outPlane);
  const places = new Int32Array(taps);
  for (let from = 0; from < outPlane; from += stripe) {
    const count = Math.min(stripe, outPlane - from);
    const table = windowTable(windows, from, count);
    for (let i = 0; i < count; i++) {
      let live = 0;
      for (let tap = 0; tap < taps; tap++) {
        const place = table[tap * count + i] ?? -1;
        if (place >= 0) places[live++] = place;
      }
      for (let p = 0; p < batch * channels; p++) data[p * outPlane + from + i] = reduce(p * plane, places, live);
    }
  }
  return { elem: x.elem, dims, data };
}

function onnxWindow(w: WindowAttrs, pads: readonly number[]) {
  return {
    kernel_shape: { kind: 'ints', value: w.kernel },
    strides: { kind: 'ints', value: w.stride },
    pads: { kind: 'ints', value: pads },
  } as const satisfies Record<string, OnnxAttr>;
}

/** The least value of an element type: what a maximum ignores. */
function lowest(elem: ElemType): number {
  return elemFacts[elem].integers?.[0] ?? Number.NEGATIVE_INFINITY;
}

const isUnitWindow = ({ attrs }: Node): boolean =>
  ['kernel', 'stride'].every((name) => numbersAttr(attrs, name).every((n) => n === 1)) &&
  numbersAttr(attrs, 'pads').every((n) => n === 0);

export const maxpool = defineOperator({
  name: 'maxpool',
  summary: 'Maximum over a window; padding is never the maximum',
  onnx: ['MaxPool', 'Pad'],
  operands: [{ name: 'x', doc: '[N, C, ...grid]' }],
  attrs: { ...windowAttrs, dilation: { kind: 'axes', default: 1, min: 1, doc: 'distance between taps' } },
  traits: gatheringTraits({
    homogeneous: 'positive',
    channelwise: true,
    keepsZero: true,
    idempotent: 'unknown',
    sign: 'first',
    handsOn: isUnitWindow,
    axes: 'unknown',
    resamples: false,
    dims: 'unknown',
    roundsOnce: true,
  }),
  infer(context: InferContext) {
    const x = given(context.operands, 0);
    const { elem } = x;
    context.check(
      'c2',
      isFloat(elem) || elem === 'i8' || elem === 'u8',
      typeText(x),
      'a tensor of floats, i8 or u8',
      'cast(f32)',
    );
    return [inferPool(context)];
  },
  evaluate(operands, attrs) {
    const x = given(operands, 0);
    const none = lowest(x.elem);
    const { data } = x;
    return [
      pool(x, attrs, (base, places, live) => {
        let most = none;
        for (let i = 0; i < live; i++) {
          const value = data[base + (places[i] ?? outside())] ?? outside();
          if (value > most || Number.isNaN(value)) most = value;
        }
        return most;
      }),
    ];
  },
  window: windowOf,
  needs: neededByWindows,
  lower(b, node, operands) {
    const w = windowOf(node.attrs);
    const axes = w.kernel.length;
    const window = (pads: readonly number[]) =>
      ({ ...onnxWindow(w, pads), dilations: { kind: 'ints', value: w.dilation } }) as const;
    const endangered = padIntoMaxPool.concerns(node);
    // Runtimes refuse padding of the kernel's size and more, which dilated windows may have; a Pad with the least value is the
    // same.
    const refused = w.pads.some((zeros, i) => zeros >= (w.kernel[i % axes] ?? 1));
    if (!endangered && !refused) return [b.node('MaxPool', operands, window(w.pads), node.y.type)];
    let x = given(operands, 0);
    if (w.pads.some((zeros) => zeros > 0)) {
      const { elem, dims } = node.x.type;
      const [begins, ends] = [w.pads.slice(0, axes), w.pads.slice(axes)];
      const type = {
        elem,
        dims: dims.map((d, i) => (i < 2 ? d : d.plus((begins[i - 2] ?? outside()) + (ends[i - 2] ?? outside())))),
      };
      x = b.node('Pad', [x, b.i64([0, 0, ...begins, 0, 0, ...ends]), b.scalar(elem, lowest(elem))], {}, type);
    }
    const { pads, ...unpadded } = window(w.pads.map(() => 0));
    const attrs = endangered ? { ...unpadded, auto_pad: { kind: 'string', value: 'VALID' } as const } : window(pads.value);
    return [b.node('MaxPool', [x], attrs, node.y.type)];
  },
  sample(source) {
    const { x, kernel, stride, pads, dilation } = sampleWindow(source, true);
    return { operands: [x], attrs: { kernel, stride, pads, dilation } };
  },
});

export const avgpool = defineOperator({
  name: 'avgpool',
  summary: 'Average over a window',
  onnx: ['AveragePool'],
  operands: [{ name: 'x', doc: '[N, C, ...grid]' }],
  attrs: {
    ...windowAttrs,
    count_include_pad: {
      kind: 'bool',
      default: false,
      doc: 'padding counts as zeros; otherwise only real elements are averaged',
    },
  },
  traits: gatheringTraits({
    homogeneous: 'any',
    channelwise: true,
    keepsZero: true,
    idempotent: 'unknown',
    sign: 'first',
    handsOn: isUnitWindow,
    axes: 'unknown',
    resamples: false,
    dims: 'unknown',
    roundsOnce: 'unknown',
  }),
  infer(context: InferContext) {
    checkFloats(context.check, 'c2', context.operands);
    return [inferPool(context)];
  },
  evaluate(operands, attrs) {
    const x = given(operands, 0);
    const { data } = x;
    const taps = elementCount(windowOf(attrs).kernel);
    const all = boolAttr(attrs, 'count_include_pad');
    return [
      pool(x, attrs, (base, places, live) => {
        let sum = 0;
        for (let i = 0; i < live; i++) sum += data[base + (places[i] ?? outside())] ?? outside();
        return sum / (all ? taps : live);
      }),
    ];
  },
  window: windowOf,
  needs: neededByWindows,
  lower(b, node, operands) {
    const w = windowOf(node.attrs);
    const count_include_pad = { kind: 'int', value: boolAttr(node.attrs, 'count_include_pad') ? 1 : 0 } as const;
    return [b.node('AveragePool', operands, { ...onnxWindow(w, w.pads), count_include_pad }, node.y.type)];
  },
  sample(source) {
    const { x, kernel, stride, pads } = sampleWindow(source, false);
    return { operands: [x], attrs: { kernel, stride, pads, count_include_pad: source.bool() } };
  },
});

function sampleWindow(source: SampleSource, dilated: boolean): WindowAttrs & { x: HostTensor } {
  const axes = source.int(1, 3);
  const each = (low: number, high: number): readonly number[] => Array.from({ length: axes }, () => source.int(low, high));
  const kernel = each(1, 3);
  const dilation = dilated ? each(1, 2) : kernel.map(() => 1);
  const stride = each(1, 3);
  const extents = kernel.map((k, axis) => windowExtent(k, dilation[axis] ?? 1));
  const grid = extents.map((extent) => extent + source.int(0, axes === 3 ? 2 : 4));
  const padding = (): readonly number[] => extents.map((extent) => source.int(0, Math.min(2, extent - 1)));
  const pads = [...padding(), ...padding()];
  return { x: source.tensor([source.int(1, 2), source.int(1, 3), ...grid]), kernel, stride, dilation, pads };
}

function inferGlobal(context: InferContext): readonly TensorType[] {
  const x = given(context.operands, 0);
  context.check('c1', x.dims.length >= 3, typeText(x), 'a tensor [N, channels, ...grid] with at least one spatial axis');
  checkFloats(context.check, 'c2', context.operands);
  return [{ elem: x.elem, dims: x.dims.map((d, axis) => (axis < 2 ? d : Dim.one)) }];
}

function globalPool(x: HostTensor, reduce: (plane: Float64Array) => number): HostTensor {
  const plane = elementCount(x.dims.slice(2));
  const data = new Float64Array(elementCount(x.dims.slice(0, 2)));
  for (let i = 0; i < data.length; i++) data[i] = reduce(x.data.subarray(i * plane, (i + 1) * plane));
  return { elem: x.elem, dims: x.dims.map((d, axis) => (axis < 2 ? d : 1)), data };
}

function sampleGlobal(source: SampleSource): HostTensor {
  const grid = Array.from({ length: source.int(1, 3) }, () => source.int(1, 5));
  return source.tensor([source.int(1, 2), source.int(1, 3), ...grid]);
}

export const globalAvgpool = defineOperator({
  name: 'global_avgpool',
  summary: 'Average over the whole grid; the spatial axes stay, with size 1',
  onnx: ['GlobalAveragePool'],
  operands: [{ name: 'x', doc: '[N, C, ...grid]' }],
  attrs: {},
  traits: gatheringTraits({
    homogeneous: 'any',
    channelwise: true,
    keepsZero: true,
    idempotent: true,
    sign: 'first',
    handsOn: true,
    axes: 'unknown',
    resamples: false,
    dims: 'unknown',
    roundsOnce: 'unknown',
  }),
  infer: inferGlobal,
  evaluate: (operands) => [globalPool(given(operands, 0), (plane) => plane.reduce((sum, v) => sum + v, 0) / plane.length)],
  needs: neededByWindows,
  lower: (b, node, operands) => [b.node('GlobalAveragePool', operands, {}, node.y.type)],
  sample: (source) => ({ operands: [sampleGlobal(source)], attrs: {} }),
});

export const globalMaxpool = defineOperator({
  name: 'global_maxpool',
  summary: 'Maximum over the whole grid; the spatial axes stay, with size 1',
  onnx: ['GlobalMaxPool'],
  operands: [{ name: 'x', doc: '[N, C, ...grid]' }],
  attrs: {},
  traits: gatheringTraits({
    homogeneous: 'positive',
    channelwise: true,
    keepsZero: true,
    idempotent: true,
    sign: 'first',
    handsOn: true,
    axes: 'unknown',
    resamples: false,
    dims: 'unknown',
    roundsOnce: true,
  }),
  infer: inferGlobal,
  evaluate: (operands) => [
    globalPool(given(operands, 0), (plane) => plane.reduce((most, v) => Math.max(most, v), Number.NEGATIVE_INFINITY)),
  ],
  needs: neededByWindows,
  lower: (b, node, operands) => [b.node('GlobalMaxPool', operands, {}, node.y.type)],
  sample: (source) => ({ operands: [sampleGlobal(source)], attrs: {} }),
});

const poolParams = {
  kernel: size({ positional: true, doc: 'window size, as in `2x2`; one number holds for every axis' }),
  stride: optional(perAxis({ min: 1, doc: 'step between windows' }), 'kernel'),
  pad: windowPadding({ text: '0', doc: 'padding per side; of "same" the average counts no padding' }),
  ceil: bool({ default: false, doc: 'also a last window that only begins inside the input' }),
};

interface LayerWindow extends WindowAttrs {
  /** Padding behind every axis that only `ceil` asks for. */
  readonly more: readonly number[];
}

function layerWindow(
  b: LayerBuilder,
  x: Value,
  name: string,
  p: {
    readonly kernel: readonly number[];
    readonly stride: readonly number[] | undefined;
    readonly pad: Padding | undefined;
    readonly ceil: boolean;
  },
  dilations: readonly number[],
): LayerWindow {
  const axes = spatialAxes(b, x, name);
  const kernel = spreadAxes(b, 'kernel', p.kernel, x);
  const stride = p.stride ? spreadAxes(b, 'stride', p.stride, x) : kernel;
  const dilation = spreadAxes(b, 'dilation', dilations, x);
  const { ceil } = p;
  const word = isWord(p.pad) && p.pad !== 'valid';
  b.check(
    'l6',
    !word || !ceil,
    `ceil=true with pad="${String(p.pad)}"`,
    'one of the two',
    'pad="same", which rounds up by itself',
  );
  const pads = isWord(p.pad)
    ? (knownSizes(wordPads(p.pad, x, { kernel, stride, dilation })) ?? [])
    : spreadPads(b, p.pad ?? [0], x);
  const more = kernel.map((k, axis) => {
    if (!p.ceil) return 0;
    const extent = windowExtent(k, dilation[axis] ?? 1);
    const step = stride[axis] ?? 1;
    const begin = pads[axis] ?? outside();
    const end = pads[axes + axis] ?? outside();
    const widest = Math.max(end, Math.min(extent - 1, end + step - 1));
    // Of a known grid only what the last window covers is added, which is often nothing.
    const length = x.type.dims[axis + 2];
    const last = length && windowCount(length, extent, step, begin, widest).minus(1).constant;
    const covered =
      last === undefined || length?.constant === undefined ? widest : last * step + extent - length.constant - begin;
    return Math.max(end, covered) - end;
  });
  return { kernel, stride, dilation, pads, more };
}

/** Pads with `more` added behind. */
function extended(pads: readonly number[], more: readonly number[]): readonly number[] {
  return pads.map((n, i) => (i < more.length ? n : n + (more[i - more.length] ?? outside())));
}

export const maxpoolLayer = defineLayer({
  name: 'maxpool',
  summary: maxpool.summary,
  source: 'torch.nn.MaxPool1d, MaxPool2d, MaxPool3d; ONNX MaxPool',
  family: 'Pooling',
  params: { ...poolParams, dilation: perAxis({ default: [1], min: 1, doc: 'distance between taps' }) },
  build(b, [x], p) {
    const { kernel, stride, dilation, pads, more } = layerWindow(b, x, 'maxpool', p, p.dilation);
    if (isWord(p.pad) && pads.length === 0) {
      const around = padded(b, x, wordPads(p.pad, x, { kernel, stride, dilation }), lowest(x.type.elem));
      return b.op(maxpool, [around], { kernel, stride, dilation });
    }
    return b.op(maxpool, [x], { kernel, stride, dilation, pads: extended(pads, more) });
  },
});

export const avgpoolLayer = defineLayer({
  name: 'avgpool',
  summary: avgpool.summary,
  source: 'torch.nn.AvgPool1d, AvgPool2d, AvgPool3d; ONNX AveragePool',
  family: 'Pooling',
  params: { ...poolParams, count_include_pad: optional(bool({ doc: 'padding counts as zeros in the average' }), 'true') },
  build(b: LayerBuilder, [x], p) {
    const { kernel, stride, dilation, pads, more } = layerWindow(b, x, 'avgpool', p, [1]);
    if (isWord(p.pad)) {
      const ignored = p.count_include_pad === true && p.pad !== 'valid';
      const hint = 'count_include_pad=false, or the padding in numbers';
      b.check('l8', !ignored, `count_include_pad=true with pad="${p.pad}"`, 'an average that counts no padding', hint);
      if (pads.length > 0) return b.op(avgpool, [x], { kernel, stride, pads });
      // The average of zeros and elements, divided by the share of the elements.
      const around = wordPads(p.pad, x, { kernel, stride, dilation });
      const one = b.op(full, [], { shape: [Dim.one, Dim.one, ...x.type.dims.slice(2)], value: 1, elem: x.type.elem });
      const [sums, shares] = [x, one].map((of) => b.op(avgpool, [padded(b, of, around, 0)], { kernel, stride }));
      return b.op(div, [sums, shares]);
    }
    const counts = (p.count_include_pad ?? true) && pads.some((n) => n > 0);
    if (!counts) return b.op(avgpool, [x], { kernel, stride, pads: extended(pads, more) });
    if (more.every((n) => n === 0)) return b.op(avgpool, [x], { kernel, stride, pads, count_include_pad: true });
    // PyTorch counts the padding that was asked for, but not what lies behind it: so the former becomes real zeros.
    return b.op(avgpool, [padded(b, x, pads, 0)], { kernel, stride, pads: [...more.map(() => 0), ...more] });
  },
});

export const globalAvgpoolLayer = defineLayer({
  name: 'global_avgpool',
  summary: globalAvgpool.summary,
  source: 'torch.nn.AdaptiveAvgPool2d(1); ONNX GlobalAveragePool',
  family: 'Pooling',
  params: {},
  build: (b, [x]) => b.op(globalAvgpool, [x]),
});

export const globalMaxpoolLayer = defineLayer({
  name: 'global_maxpool',
  summary: globalMaxpool.summary,
  source: 'torch.nn.AdaptiveMaxPool2d(1); ONNX GlobalMaxPool',
  family: 'Pooling',
  params: {},
  build: (b, [x]) => b.op(globalMaxpool, [x]),
});
