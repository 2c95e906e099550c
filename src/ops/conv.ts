/**
 * Convolutions. `conv` is ONNX Conv-11 and torch.nn.Conv1d/2d/3d; `conv_transpose` is ONNX ConvTranspose-11 and
 * torch.nn.ConvTranspose1d/2d/3d. Both take any number of spatial axes from one on.
 *
 *   conv            y[n, o, p] = b[o] + Σ_c Σ_t w[o, c, t] · x[n, g·C/G + c, p·stride + t·dilation − begin]
 *   conv_transpose  y[n, o, p·stride + t·dilation − begin] += w[c, o, t] · x[n, c, p],   y = b to begin with
 */
import { outside } from '../diagnostics/at.ts';
import { Dim, knownSize, productOf } from '../ir/dim.ts';
import type { Node, Value } from '../ir/graph.ts';
import type { AttrSpec, Attrs, Check, InferContext, OnnxAttr, SampleSource, WindowAttrs } from '../ir/operator.ts';
import { elementCount, type HostTensor, type TensorType, typeText } from '../ir/types.ts';
import { checkFloats, checkVector, given, numberAttr, numbersAttr } from './attrs.ts';
import { neededByWindows } from './common.ts';
import { defineLayer, defineOperator, type LayerBuilder } from './define.ts';
import { gemm, gemmPacked, type PackColumns } from './gemm.ts';
import { boolOrTensor, init, int, openPadding, optional, perAxis, size, tensor, windowPadding } from './params.ts';
import { convOfTriples } from './runtime-defects.ts';
import { transposedPads, windowPads } from './same.ts';
import { linearTraits } from './traits.ts';
import {
  sizeText,
  spatialAxes,
  spreadAxes,
  transposedCount,
  type Windows,
  windowExtent,
  windowGrid,
  windowStripe,
  windowTable,
} from './window.ts';

const windowAttrs = {
  stride: { kind: 'axes', default: 1, min: 1, doc: 'step between windows' },
  dilation: { kind: 'axes', default: 1, min: 1, doc: 'distance between taps' },
  pads: { kind: 'pads', default: 0, min: 0, doc: 'zeros in front of and behind every spatial axis' },
  groups: { kind: 'int', default: 1, min: 1, doc: 'channel groups' },
} as const satisfies Record<string, AttrSpec>;

/** What conv and conv_transpose check alike; the kernel's extents, which must be known. */
function checkOperands(check: Check, operands: readonly (TensorType | undefined)[]): readonly number[] {
  const x = given(operands, 0);
  const weight = given(operands, 1);
  if (x.dims.length < 3) check('c1', false, typeText(x), 'a tensor [N, channels, ...grid] with at least one spatial axis');
  checkFloats(check, 'c2', operands);
  const sameRank = weight.dims.length === x.dims.length;
  if (!sameRank) check('c3', false, `weight ${typeText(weight)} for ${typeText(x)}`, `a weight of rank ${x.dims.length}`);
  const kernel = weight.dims.slice(2).map((d) => d.constant ?? 0);
  const known = kernel.every((k) => k >= 1);
  if (!known) check('c4', false, `weight ${typeText(weight)}`, 'a weight whose kernel sizes are known and at least 1');
  return kernel;
}

function windowOf(kernel: readonly number[], attrs: Attrs): WindowAttrs {
  const [stride, dilation, pads] = [numbersAttr(attrs, 'stride'), numbersAttr(attrs, 'dilation'), numbersAttr(attrs, 'pads')];
  return { kernel, stride, dilation, pads };
}

function onnxWindow(node: Node): Record<string, OnnxAttr> {
  const kernel = node.operand(1)?.type.dims.slice(2);
  return {
    kernel_shape: { kind: 'ints', value: kernel?.map(knownSize) ?? [] },
    strides: { kind: 'ints', value: numbersAttr(node.attrs, 'stride') },
    dilations: { kind: 'ints', value: numbersAttr(node.attrs, 'dilation') },
    pads: { kind: 'ints', value: numbersAttr(node.attrs, 'pads') },
    group: { kind: 'int', value: numberAttr(node.attrs, 'groups') },
  };
}

/** A result with the bias of its channel everywhere, or zeros. */
function filledWithBias(dims: readonly number[], bias: HostTensor | undefined): Float64Array {
  const y = new Float64Array(elementCount(dims));
  if (!bias) return y;
  const plane = elementCount(dims.slice(2));
  const channels = dims[1] ?? outside();
  for (let at = 0, i = 0; at < y.length; at += plane, i++) y.fill(bias.data[i % channels] ?? outside(), at, at + plane);
  return y;
}

export const conv = defineOperator({
  name: 'conv',
  summary: 'Convolution over any number of spatial axes',
  onnx: ['Conv'],
  operands: [
    { name: 'x', doc: '[N, C, ...grid]' },
    { name: 'weight', doc: '[out, C / groups, ...kernel]' },
    { name: 'bias', doc: '[out]', optional: true },
  ],
  attrs: windowAttrs,
  traits: linearTraits({ contracts: 1 }),
  infer(context: InferContext) {
    const { operands, attrs } = context;
    const x = given(operands, 0);
    const weight = given(operands, 1);
    const kernel = checkOperands(context.check, operands);
    const groups = numberAttr(attrs, 'groups');
    const channels = given(x.dims, 1);
    const out = given(weight.dims, 0);
    const taken = given(weight.dims, 1).times(groups);
    if (channels.equals(taken) !== 'yes') {
      const found = `${channels} input channels for weight ${typeText(weight)}${groups === 1 ? '' : ` with groups=${groups}`}`;
      context.check('c5', false, found, `${taken} input channels`);
    }
    context.check('c6', out.divideExactly(groups) !== undefined, `${out} output channels`, `a multiple of groups=${groups}`);
    checkVector(context.check, 'c7', 'bias', operands[2], out);
    return [{ elem: x.elem, dims: [given(x.dims, 0), out, ...windowGrid(x, windowOf(kernel, attrs), context.check, 'c8')] }];
  },
  evaluate(operands, attrs) {
    const x = given(operands, 0);
    const weight = given(operands, 1);
    return [convolve(x, weight, operands[2], attrs)];
  },
  window: (attrs, weight) => windowOf(weight.slice(2), attrs),
  needs: neededByWindows,
  cost: (node) => productOf([...node.y.type.dims, ...given(node.operands, 1).type.dims.slice(1)]),
  lower(b, node, operands) {
    if (b.target !== 'webgpu' || !convOfTriples.concerns(node)) return [b.node('Conv', operands, onnxWindow(node), node.y.type)];
    // A channel of zeros more, of the input and of the kernel, which adds zeros to every sum.
    const rank = node.x.type.dims.length;
    const oneChannel = Array.from({ length: 2 * rank }, (_, i) => (i === rank + 1 ? 1 : 0));
    const [x, weight] = [b.padded(node.x, oneChannel), b.padded(given(node.operands, 1), oneChannel)];
    return [b.node('Conv', [x, weight, operands[2]], onnxWindow(node), node.y.type)];
  },
  sample(source) {
    const { axes, kernel, stride, dilation, pads, groups, grid } = sampleWindow(source);
    const channels = groups * source.int(1, 3);
    const out = groups * source.int(1, 3);
    const x = source.tensor([source.int(1, 2), channels, ...grid]);
    const weight = source.tensor([out, channels / groups, ...kernel]);
    const bias = source.bool() ? source.tensor([out]) : undefined;
    // One number for every axis is said by hand now and then, because it is completed elsewhere.
    const same = axes === 1 && source.bool();
    return { operands: [x, weight, bias], attrs: { stride: same ? (stride[0] ?? 1) : stride, dilation, pads, groups } };
  },
});

function sampleWindow(source: SampleSource): WindowAttrs & { axes: number; groups: number; grid: readonly number[] } {
  const axes = source.int(1, 3);
  const each = (low: number, high: number): readonly number[] => Array.from({ length: axes }, () => source.int(low, high));
  const kernel = each(1, 3);
  const dilation = each(1, 2);
  const stride = each(1, 3);
  const pads = [...each(0, 2), ...each(0, 2)];
  const grid = kernel.map((k, axis) => windowExtent(k, dilation[axis] ?? 1) + source.int(0, axes === 3 ? 2 : 4));
  return { axes, kernel, stride, dilation, pads, groups: source.pick([1, 1, 2, 3]), grid };
}

/** Image to columns, a stripe of positions at a time, and one matrix product per image and group. */
function convolve(x: HostTensor, weight: HostTensor, bias: HostTensor | undefined, attrs: Attrs): HostTensor {
  const [batch = 0, channels = 0, ...grid] = x.dims;
  const [out = 0, inner = 0, ...kernel] = weight.dims;
  const { stride, dilation, pads } = windowOf(kernel, attrs);
  const groups = numberAttr(attrs, 'groups');
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
  const dims = [batch, out, ...positions];
  const data = filledWithBias(dims, bias);
  const plane = elementCount(grid);
  const outPlane = elementCount(positions);
  const taps = elementCount(kernel);
  const terms = inner * taps;
  const perGroup = out / groups;
  const pointwise = taps === 1 && stride.every((s) => s === 1) && pads.every((p) => p === 0);
  const stripe = pointwise ? outPlane : windowStripe(taps, outPlane);
  const windows: Windows = { grid, positions, kernel, stride, dilation, begins };
  for (let from = 0; from < outPlane; from += stripe) {
    const count = Math.min(stripe, outPlane - from);
    const table = pointwise ? new Int32Array(0) : windowTable(windows, from, count);
    for (let image = 0; image < batch; image++) {
      for (let group = 0; group < groups; group++) {
        const first = (image * channels + group * inner) * plane;
        const a = { data: weight.data, offset: group * perGroup * terms, rowStride: terms, columnStride: 1 };
        const c = { data, offset: (image * out + group * perGroup) * outPlane + from, rowStride: outPlane, columnStride: 1 };
        if (pointwise) gemm(perGroup, count, terms, a, { data: x.data, offset: first, rowStride: plane, columnStride: 1 }, c);
        else gemmPacked(perGroup, count, terms, a, packWindows(x.data, first, plane, table, taps, count), c);
      }
    }
  }
  return { elem: x.elem, dims, data };
}

function packWindows(
  x: Float64Array,
  first: number,
  plane: number,
  table: Int32Array,
  taps: number,
  stripe: number,
): PackColumns {
  return (k, count, j, width, out) => {
    for (let r = 0; r < count; r++) {
      const channel = Math.floor((k + r) / taps);
      const base = first + channel * plane;
      const row = (k + r - channel * taps) * stripe + j;
      let to = r * 4;
      for (let q = 0; q < width; q += 4, to += count * 4) {
        // Beyond the last column stands what is next in the table, or nothing; the products are not read.
        const p0 = table[row + q] ?? -1;
        const p1 = table[row + q + 1] ?? -1;
        const p2 = table[row + q + 2] ?? -1;
        const p3 = table[row + q + 3] ?? -1;
        out[to] = p0 < 0 ? 0 : (x[base + p0] ?? outside());
        out[to + 1] = p1 < 0 ? 0 : (x[base + p1] ?? outside());
        out[to + 2] = p2 < 0 ? 0 : (x[base + p2] ?? outside());
        out[to + 3] = p3 < 0 ? 0 : (x[base + p3] ?? outside());
      }
    }
  };
}

export const convTranspose = defineOperator({
  name: 'conv_transpose',
  summary: 'Transposed convolution: the gradient of a convolution with respect to its input, used to enlarge a grid',
  onnx: ['ConvTranspose', 'Pad'],
  operands: [
    { name: 'x', doc: '[N, C, ...grid]' },
    { name: 'weight', doc: '[C, out / groups, ...kernel]' },
    { name: 'bias', doc: '[out]', optional: true },
  ],
  attrs: {
    ...windowAttrs,
    pads: { kind: 'pads', default: 0, min: 0, doc: 'elements cut off in front of and behind every spatial axis' },
    output_pad: { kind: 'axes', default: 0, min: 0, doc: 'elements added behind every spatial axis of the result' },
  },
  traits: { ...linearTraits({ contracts: 1 }), resamples: true },
  infer(context: InferContext) {
    const { operands, attrs } = context;
    const x = given(operands, 0);
    const weight = given(operands, 1);
    const kernel = checkOperands(context.check, operands);
    const groups = numberAttr(attrs, 'groups');
    const channels = given(x.dims, 1);
    const taken = given(weight.dims, 0);
    const found = `${channels} input channels for weight ${typeText(weight)}`;
    context.check('c5', channels.equals(taken) === 'yes', found, `${taken} input channels`);
    context.check(
      'c6',
      channels.divideExactly(groups) !== undefined,
      `${channels} input channels`,
      `a multiple of groups=${groups}`,
    );
    const out = given(weight.dims, 1).times(groups);
    checkVector(context.check, 'c7', 'bias', operands[2], out);
    const { stride, dilation, pads } = windowOf(kernel, attrs);
    const extra = numbersAttr(attrs, 'output_pad');
    const grid = x.dims.slice(2).map((length, axis) => {
      const step = stride[axis] ?? 1;
      const spread = dilation[axis] ?? 1;
      const added = extra[axis] ?? outside();
      const limit = Math.max(step, spread);
      const expected = `less than the larger of stride and dilation, ${limit}`;
      context.check('c9', added < limit, `output_pad ${added} on spatial axis ${axis}`, expected, `output_pad=${limit - 1}`);
      const cut = (pads[axis] ?? outside()) + (pads[x.dims.length - 2 + axis] ?? outside());
      const result = transposedCount(length, windowExtent(kernel[axis] ?? 1, spread) + added, step, cut);
      const text = `spatial axis ${axis} of ${typeText(x)} comes out as ${result}, because ${cut} are cut off`;
      context.check('c8', Dim.of(1).atMost(result) !== 'no', text, 'at least 1 element', 'pad=0');
      return result;
    });
    return [{ elem: x.elem, dims: [given(x.dims, 0), out, ...grid] }];
  },
  evaluate(operands, attrs) {
    const x = given(operands, 0);
    const weight = given(operands, 1);
    return [convolveTransposed(x, weight, operands[2], attrs)];
  },
  needs: neededByWindows,
  cost: (node) => productOf([...node.x.type.dims, ...given(node.operands, 1).type.dims.slice(1)]),
  lower(b, node, operands) {
    const extra = numbersAttr(node.attrs, 'output_pad');
    const stride = numbersAttr(node.attrs, 'stride');
    const pads = [...numbersAttr(node.attrs, 'pads')];
    const axes = extra.length;
    // onnxruntime refuses output_padding from the stride on. Zeros behind the input lengthen the result by a stride each, and
    // the end pad then cuts what is too much.
    const zeros = extra.map((n, axis) => (n < (stride[axis] ?? 1) ? 0 : Math.ceil(n / (stride[axis] ?? 1))));
    const output_padding = { kind: 'ints', value: extra.map((n, axis) => (zeros[axis] === 0 ? n : 0)) } as const;
    let x = given(operands, 0);
    if (zeros.some((n) => n > 0)) {
      zeros.forEach((n, axis) => {
        if (n > 0) pads[axes + axis] = (pads[axes + axis] ?? outside()) + n * (stride[axis] ?? 1) - (extra[axis] ?? outside());
      });
      const { elem, dims } = node.x.type;
      const type = { elem, dims: dims.map((d, axis) => (axis < 2 ? d : d.plus(zeros[axis - 2] ?? outside()))) };
      const amounts = b.i64([...dims.map(() => 0), 0, 0, ...zeros]);
      x = b.node('Pad', [x, amounts, b.scalar(elem, 0)], {}, type);
    }
    const attrs = { ...onnxWindow(node), pads: { kind: 'ints', value: pads }, output_padding } as const;
    return [b.node('ConvTranspose', [x, ...operands.slice(1)], attrs, node.y.type)];
  },
  sample(source) {
    const { kernel, stride, dilation, groups, grid } = sampleWindow(source);
    const channels = groups * source.int(1, 3);
    const out = groups * source.int(1, 3);
    const x = source.tensor([source.int(1, 2), channels, ...grid]);
    const weight = source.tensor([channels, out / groups, ...kernel]);
    const bias = source.bool() ? source.tensor([out]) : undefined;
    // At most half of the kernel is cut off on either side, which leaves an element of every axis.
    const cut = kernel.map((k) => source.int(0, Math.floor((k - 1) / 2)));
    const cutBehind = kernel.map((k) => source.int(0, Math.floor((k - 1) / 2)));
    const output_pad = stride.map((s, axis) => source.int(0, Math.max(s, dilation[axis] ?? 1) - 1));
    return { operands: [x, weight, bias], attrs: { stride, dilation, pads: [...cut, ...cutBehind], groups, output_pad } };
  },
});

/** The matrix product of the transposed kernel with a stripe of the input, whose columns are then added where their taps lie. */
function convolveTransposed(x: HostTensor, weight: HostTensor, bias: HostTensor | undefined, attrs: Attrs): HostTensor {
  const [batch = 0, channels = 0, ...grid] = x.dims;
  const [, perGroup = 0, ...kernel] = weight.dims;
  const { stride, dilation, pads } = windowOf(kernel, attrs);
  const extra = numbersAttr(attrs, 'output_pad');
  const groups = numberAttr(attrs, 'groups');
  const axes = grid.length;
  const begins = pads.slice(0, axes);
  const result = grid.map((length, axis) => {
    const whole =
      (length - 1) * (stride[axis] ?? 1) + windowExtent(kernel[axis] ?? 1, dilation[axis] ?? 1) + (extra[axis] ?? outside());
    return Math.max(0, whole - (begins[axis] ?? outside()) - (pads[axes + axis] ?? outside()));
  });
  const dims = [batch, perGroup * groups, ...result];
  const data = filledWithBias(dims, bias);
  const plane = elementCount(grid);
  const outPlane = elementCount(result);
  const taps = elementCount(kernel);
  const rows = perGroup * taps;
  const inner = channels / groups;
  const stripe = windowStripe(rows, plane);
  // Seen from the result, the input's positions are the windows.
  const windows: Windows = { grid: result, positions: grid, kernel, stride, dilation, begins };
  const columns = new Float64Array(rows * stripe);
  for (let from = 0; from < plane; from += stripe) {
    const count = Math.min(stripe, plane - from);
    const table = windowTable(windows, from, count);
    for (let image = 0; image < batch; image++) {
      for (let group = 0; group < groups; group++) {
        columns.fill(0);
        const a = { data: weight.data, offset: group * inner * rows, rowStride: 1, columnStride: rows };
        const offset = (image * channels + group * inner) * plane + from;
        const b = { data: x.data, offset, rowStride: plane, columnStride: 1 };
        gemm(rows, count, inner, a, b, { data: columns, offset: 0, rowStride: count, columnStride: 1 });
        for (let row = 0; row < rows; row++) {
          const channel = Math.floor(row / taps);
          const base = ((image * groups + group) * perGroup + channel) * outPlane;
          const places = (row - channel * taps) * count;
          for (let i = 0; i < count; i++) {
            const place = table[places + i] ?? -1;
            if (place >= 0) data[base + place] = (data[base + place] ?? outside()) + (columns[row * count + i] ?? outside());
          }
        }
      }
    }
  }
  return { elem: x.elem, dims, data };
}

/** `(k − 1)·dilation / 2` in front and behind, which keeps the grid at stride 1; only odd kernels have a middle. */
function halfPads(b: LayerBuilder, kernel: readonly number[], dilation: readonly number[]): readonly number[] {
  const spans = kernel.map((k, axis) => (k - 1) * (dilation[axis] ?? 1));
  const before = spans.map((s) => Math.floor(s / 2));
  const behind = spans.map((s, axis) => s - (before[axis] ?? outside()));
  b.check(
    'l4',
    kernel.every((k) => k % 2 === 1),
    `a ${sizeText(kernel)} kernel without pad=`,
    'an odd kernel, or pad= said: half of an even kernel is no whole number of zeros',
    `pad=0, or pad=[${[...before, ...behind].join(', ')}] to keep the grid`,
  );
  return [...before, ...behind];
}

/** The weight given, which must have the shape that the layer's arguments say, or a new one. */
function weightOf(b: LayerBuilder, tied: Value | undefined, dims: readonly (number | Dim)[], make: () => Value): Value {
  if (!tied) return make();
  const expected = dims.map((d) => (typeof d === 'number' ? Dim.of(d) : d));
  const { type } = tied;
  const fits = type.dims.length === expected.length && type.dims.every((d, i) => given(expected, i).equals(d) === 'yes');
  b.check('l5', fits, `weight= of type ${typeText(type)}`, typeText({ elem: type.elem, dims: expected }));
  return tied;
}

const convParams = {
  out: int({ positional: true, min: 1, doc: 'output channels' }),
  kernel: size({ positional: true, doc: 'kernel size, as in `3x3`; one number holds for every axis' }),
  stride: perAxis({ default: [1], min: 1, doc: 'step between windows' }),
  dilation: perAxis({ default: [1], min: 1, doc: 'distance between taps' }),
  groups: int({ default: 1, min: 1, doc: 'channel groups; as many as channels for a depthwise convolution' }),
  bias: boolOrTensor({ default: false, doc: 'a learned shift per output channel, or the tensor to take for it' }),
  weight: optional(tensor({ doc: 'an existing tensor to take as the weight' })),
  init: init({
    default: { init: true, kind: 'kaiming_normal', mode: 'fan_out', byDepth: true },
    text: 'kaiming_normal',
    doc: 'how the weight begins',
  }),
};

function biasOf(b: LayerBuilder, bias: boolean | Value, out: number): Value | undefined {
  if (bias === true) return b.weight('bias', [out], { init: true, kind: 'zeros' });
  return bias === false ? undefined : bias;
}

/** Channels per group, for groups that divide both sides. */
function groupedChannels(b: LayerBuilder, x: Value, out: number, groups: number): Dim {
  const channels = given(x.type.dims, 1);
  b.check('l6', out % groups === 0, `${out} output channels`, `a multiple of groups=${groups}`);
  const inner = channels.divideExactly(groups);
  b.check('l6', inner !== undefined, `${channels} input channels (${typeText(x.type)})`, `a multiple of groups=${groups}`);
  return inner;
}

export const convLayer = defineLayer({
  name: 'conv',
  summary: 'Convolution; without bias and padded by half its kernel unless said otherwise',
  source: 'torch.nn.Conv1d, Conv2d, Conv3d; ONNX Conv',
  family: 'Convolution',
  params: {
    ...convParams,
    pad: openPadding({ text: 'half', doc: 'zeros per side; half is (k - 1) * dilation / 2, for odd kernels' }),
  },
  weights: [
    { name: 'weight', shape: '[out, channels / groups, ...kernel]', when: 'without weight=' },
    { name: 'bias', shape: '[out]', when: 'bias=true' },
  ],
  owns: (p) => p.weight === undefined || p.bias === true,
  build(b, [x], p) {
    spatialAxes(b, x, 'conv');
    const kernel = spreadAxes(b, 'kernel', p.kernel, x);
    const stride = spreadAxes(b, 'stride', p.stride, x);
    const dilation = spreadAxes(b, 'dilation', p.dilation, x);
    const { x: around, pads } = windowPads(b, x, p.pad ?? halfPads(b, kernel, dilation), { kernel, stride, dilation });
    const dims = [p.out, groupedChannels(b, x, p.out, p.groups), ...kernel];
    const weight = weightOf(b, p.weight, dims, () => b.weight('weight', dims, p.init));
    return b.op(conv, [around, weight, biasOf(b, p.bias, p.out)], { stride, dilation, pads, groups: p.groups });
  },
});

export const convTransposeLayer = defineLayer({
  name: 'conv_transpose',
  summary: 'Transposed convolution; without bias and without padding unless said otherwise',
  source: 'torch.nn.ConvTranspose1d, ConvTranspose2d, ConvTranspose3d; ONNX ConvTranspose',
  family: 'Convolution',
  params: {
    ...convParams,
    pad: windowPadding({ text: '0', doc: 'elements cut off the result per side', open: 'a slice behind it' }),
    output_pad: perAxis({ default: [0], min: 0, doc: 'elements added behind every axis of the result' }),
  },
  weights: [
    { name: 'weight', shape: '[channels, out / groups, ...kernel]', when: 'without weight=' },
    { name: 'bias', shape: '[out]', when: 'bias=true' },
  ],
  owns: (p) => p.weight === undefined || p.bias === true,
  build(b, [x], p) {
    spatialAxes(b, x, 'conv_transpose');
    const kernel = spreadAxes(b, 'kernel', p.kernel, x);
    const stride = spreadAxes(b, 'stride', p.stride, x);
    const dilation = spreadAxes(b, 'dilation', p.dilation, x);
    const extra = spreadAxes(b, 'output_pad', p.output_pad, x);
    const { pads, output_pad } = transposedPads(b, x, p.pad ?? [0], { kernel, stride, dilation }, extra);
    groupedChannels(b, x, p.out, p.groups);
    const dims = [given(x.type.dims, 1), p.out / p.groups, ...kernel];
    const weight = weightOf(b, p.weight, dims, () => b.weight('weight', dims, p.init));
    const attrs = { stride, dilation, pads, groups: p.groups, output_pad };
    return b.op(convTranspose, [x, weight, biasOf(b, p.bias, p.out)], attrs);
  },
});
