/**
 * Normalisations in their inference form. With μ and σ² (the biased variance) of whatever is normalised together,
 *
 *   y = weight · (x − μ) / √(σ² + ε) + bias
 *
 * `batchnorm` takes μ and σ² of every channel from training (Ioffe and Szegedy 2015; ONNX BatchNormalization-9/14/15),
 * `instancenorm` from each picture and channel (ONNX InstanceNormalization-6), `groupnorm` from each picture and group of
 * channels (Wu and He 2018; torch.nn.GroupNorm), `layernorm` from the last axes (Ba et al. 2016; ONNX LayerNormalization-17).
 * `rmsnorm` leaves μ and the bias out (Zhang and Sennrich 2019, arXiv:1910.07467; ONNX RMSNormalization-23).
 */
import { outside } from '../diagnostics/at.ts';
import { Dim, productOf } from '../ir/dim.ts';
import { elemFacts } from '../ir/elem.ts';
import type { AttrSpec, Check, InferContext, OnnxBuilder, Sample, SampleSource } from '../ir/operator.ts';
import { type ElemType, elementCount, type HostTensor, staticDims, type TensorType, typeText } from '../ir/types.ts';
import { checkFloats, checkVector, given, numberAttr } from './attrs.ts';
import { axisIn, sampleDims } from './common.ts';
import { defineOperator } from './define.ts';
import { normTraits } from './traits.ts';

const epsAttr = { kind: 'float', default: 1e-5, min: 0, doc: 'added to the variance' } as const satisfies AttrSpec;

export function filled(elem: ElemType, length: number, value: number): HostTensor {
  return { elem, dims: [length], data: new Float64Array(length).fill(value) };
}

/** Mean and 1 / √(variance + ε) of a run of elements; in two passes, which does not cancel. */
function moments(data: Float64Array, from: number, count: number, eps: number): { mean: number; scale: number } {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += data[from + i] ?? outside();
  const mean = sum / count;
  let squares = 0;
  for (let i = 0; i < count; i++) squares += ((data[from + i] ?? outside()) - mean) ** 2;
  return { mean, scale: 1 / Math.sqrt(squares / count + eps) };
}

export const batchnorm = defineOperator({
  name: 'batchnorm',
  summary: 'Batch normalisation with the statistics of the training, per channel',
  onnx: ['BatchNormalization'],
  operands: [
    { name: 'x', doc: '[N, C, ...grid]' },
    { name: 'weight', doc: '[C]' },
    { name: 'bias', doc: '[C]' },
    { name: 'running_mean', doc: '[C]' },
    { name: 'running_var', doc: '[C]', range: { low: 0.1, high: 2 } },
  ],
  attrs: { eps: epsAttr },
  traits: normTraits,
  infer(context: InferContext) {
    const { operands } = context;
    const x = given(operands, 0);
    context.check('c1', x.dims.length >= 2, typeText(x), 'a tensor [N, channels, ...]');
    checkFloats(context.check, 'c2', operands);
    const channels = given(x.dims, 1);
    ['weight', 'bias', 'running_mean', 'running_var'].forEach((name, i) => {
      checkVector(context.check, 'c3', name, operands[i + 1], channels);
    });
    return [x];
  },
  evaluate(operands, attrs) {
    const x = given(operands, 0);
    const eps = numberAttr(attrs, 'eps');
    const [weight, bias, mean, variance] = [1, 2, 3, 4].map((i) => given(operands, i).data);
    const channels = x.dims[1] ?? outside();
    const plane = elementCount(x.dims.slice(2));
    const source = x.data;
    const data = new Float64Array(source.length);
    for (let at = 0, i = 0; at < data.length; at += plane, i++) {
      const c = i % channels;
      const scale = (weight?.[c] ?? 1) / Math.sqrt((variance?.[c] ?? 1) + eps);
      const shift = (bias?.[c] ?? 0) - scale * (mean?.[c] ?? 0);
      for (let j = at; j < at + plane; j++) data[j] = scale * (source[j] ?? outside()) + shift;
    }
    return [{ elem: x.elem, dims: x.dims, data }];
  },
  lower: (b, node, operands) => [
    b.node('BatchNormalization', operands, { epsilon: { kind: 'float', value: numberAttr(node.attrs, 'eps') } }, node.y.type),
  ],
  sample(source) {
    const channels = source.int(1, 5);
    const grid = sampleDims(source, 0, 3);
    const vector = (): HostTensor => source.tensor([channels]);
    const x = source.tensor([source.int(1, 3), channels, ...grid]);
    const variance = source.tensor([channels], { low: 0.1, high: 2 });
    return { operands: [x, vector(), vector(), vector(), variance], attrs: { eps: source.pick([1e-5, 1e-3]) } };
  },
});

export const instancenorm = defineOperator({
  name: 'instancenorm',
  summary: 'Normalises every channel of every picture over its grid',
  onnx: ['InstanceNormalization'],
  operands: [
    { name: 'x', doc: '[N, C, ...grid]' },
    { name: 'weight', doc: '[C]' },
    { name: 'bias', doc: '[C]' },
  ],
  attrs: { eps: epsAttr },
  traits: normTraits,
  infer(context: InferContext) {
    const { operands } = context;
    const x = given(operands, 0);
    context.check('c1', x.dims.length >= 3, typeText(x), 'a tensor [N, channels, ...grid] with at least one spatial axis');
    checkFloats(context.check, 'c2', operands);
    const channels = given(x.dims, 1);
    checkVector(context.check, 'c3', 'weight', operands[1], channels);
    checkVector(context.check, 'c3', 'bias', operands[2], channels);
    return [x];
  },
  evaluate(operands, attrs) {
    return [normalizeRuns(given(operands, 0), 1, operands[1], operands[2], numberAttr(attrs, 'eps'))];
  },
  needs: ({ x }) => x.type.dims.slice(1),
  lower: (b, node, operands) => [
    b.node('InstanceNormalization', operands, { epsilon: { kind: 'float', value: numberAttr(node.attrs, 'eps') } }, node.y.type),
  ],
  sample(source) {
    const channels = source.int(1, 4);
    const grid = Array.from({ length: source.int(1, 3) }, () => source.int(2, 5));
    const x = source.tensor([source.int(1, 2), channels, ...grid]);
    return { operands: [x, source.tensor([channels]), source.tensor([channels])], attrs: { eps: source.pick([1e-5, 1e-3]) } };
  },
});

/** Normalises runs of `perRun` channels of one picture; weight and bias are per channel. */
function normalizeRuns(
  x: HostTensor,
  perRun: number,
  weight: HostTensor | undefined,
  bias: HostTensor | undefined,
  eps: number,
): HostTensor {
  const channels = x.dims[1] ?? outside();
  const plane = elementCount(x.dims.slice(2));
  const run = perRun * plane;
  const data = new Float64Array(x.data.length);
  for (let from = 0, first = 0; from < data.length; from += run, first += perRun) {
    const { mean, scale } = moments(x.data, from, run, eps);
    for (let i = 0; i < run; i++) {
      const channel = (first + Math.floor(i / plane)) % channels;
      data[from + i] =
        ((x.data[from + i] ?? outside()) - mean) * scale * (weight?.data[channel] ?? 1) + (bias?.data[channel] ?? 0);
    }
  }
  return { elem: x.elem, dims: x.dims, data };
}

export const groupnorm = defineOperator({
  name: 'groupnorm',
  summary: 'Normalises groups of channels of every picture over the grid',
  onnx: ['Reshape', 'InstanceNormalization', 'BatchNormalization', 'Mul', 'Add'],
  operands: [
    { name: 'x', doc: '[N, C, ...grid]' },
    { name: 'weight', doc: '[C]', optional: true },
    { name: 'bias', doc: '[C]', optional: true },
  ],
  attrs: { groups: { kind: 'int', min: 1, doc: 'groups of channels' }, eps: epsAttr },
  traits: normTraits,
  infer(context: InferContext) {
    const { operands, attrs } = context;
    const x = given(operands, 0);
    context.check('c1', x.dims.length >= 2, typeText(x), 'a tensor [N, channels, ...]');
    checkFloats(context.check, 'c2', operands);
    const channels = given(x.dims, 1);
    const groups = numberAttr(attrs, 'groups');
    const divides = channels.divideExactly(groups) !== undefined;
    context.check('c3', divides, `${channels} channels of ${typeText(x)}`, `a multiple of groups=${groups}`);
    checkVector(context.check, 'c4', 'weight', operands[1], channels);
    checkVector(context.check, 'c4', 'bias', operands[2], channels);
    return [x];
  },
  evaluate(operands, attrs) {
    const x = given(operands, 0);
    const perGroup = (x.dims[1] ?? outside()) / numberAttr(attrs, 'groups');
    return [normalizeRuns(x, perGroup, operands[1], operands[2], numberAttr(attrs, 'eps'))];
  },
  needs: ({ x }) => x.type.dims.slice(1),
  lower(b, node, operands) {
    const { type } = node.y;
    const groups = numberAttr(node.attrs, 'groups');
    const rest = productOf(type.dims.slice(1)).divideExactly(groups) ?? Dim.one;
    const grouped: TensorType = { elem: type.elem, dims: [given(type.dims, 0), Dim.of(groups), rest] };
    // Beside a batch of 0 pictures the -1 would say nothing.
    const isSure = given(type.dims, 0).lowerBound > 0;
    const shape = isSure ? b.i64([0, groups, -1]) : b.dims(grouped.dims);
    const runs = b.node('Reshape', [given(operands, 0), shape], {}, grouped);
    const [ones, zeros] = [filled(type.elem, groups, 1), filled(type.elem, groups, 0)];
    const epsilon = { kind: 'float', value: numberAttr(node.attrs, 'eps') } as const;
    const normal = b.node('InstanceNormalization', [runs, b.constant(ones), b.constant(zeros)], { epsilon }, grouped);
    let y = b.node('Reshape', [normal, ungroupedShape(b, type)], {}, type);
    const column = [given(type.dims, 1), ...type.dims.slice(2).map(() => Dim.one)];
    const [, weight, bias] = node.operands;
    const channels = type.dims[1]?.constant;
    if (weight && bias && channels !== undefined && scalesAtOnce(b, type)) {
      const [zero, one] = [filled(type.elem, channels, 0), filled(type.elem, channels, 1)];
      const vectors = [operands[1], operands[2], b.constant(zero), b.constant(one)];
      return [b.node('BatchNormalization', [y, ...vectors], { epsilon: { kind: 'float', value: 0 } }, type)];
    }
    if (weight) y = b.node('Mul', [y, b.reshaped(weight, column)], {}, type);
    if (bias) y = b.node('Add', [y, b.reshaped(bias, column)], {}, type);
    return [y];
  },
  sample(source) {
    const groups = source.int(1, 3);
    const channels = groups * source.int(2, 3);
    const grid = sampleDims(source, 0, 3);
    const x = source.tensor([source.int(1, 2), channels, ...grid]);
    const weight = source.bool() ? source.tensor([channels]) : undefined;
    const bias = source.bool() ? source.tensor([channels]) : undefined;
    return { operands: [x, weight, bias], attrs: { groups, eps: source.pick([1e-5, 1e-3]) } };
  },
});

/**
 * Whether a scale and a shift of channels are written as one BatchNormalization, as the pass `recognize/batchnorm` makes it of
 * them: where that is measured, and onnxruntime has the kernel.
 */
function scalesAtOnce(b: OnnxBuilder, { elem, dims }: TensorType): boolean {
  const measured = b.target === 'portable' || b.target === 'cpu';
  return measured && dims.length >= 3 && (elem === 'f32' || elem === 'f64');
}

/** The shape operand that leads from [N, groups, rest] back: axis 0 is copied, and one unknown size is left to Reshape. */
function ungroupedShape(b: OnnxBuilder, type: TensorType): string {
  const sizes = type.dims.map((d, axis) => (axis === 0 ? 0 : (d.constant ?? -1)));
  const open = sizes.filter((n) => n === -1).length;
  return open === 0 || (open === 1 && given(type.dims, 0).lowerBound > 0) ? b.i64(sizes) : b.dims(type.dims);
}

/** Normalised over the axes from `axis` on, with parameters of their shape. */
function inferOverLast(context: InferContext, parameters: readonly string[]): void {
  const { operands, attrs } = context;
  const check: Check = context.check;
  const x = given(operands, 0);
  const rank = x.dims.length;
  const axis = numberAttr(attrs, 'axis');
  check('c1', rank >= 1, typeText(x), 'a tensor with at least one axis');
  const legal = Number.isInteger(axis) && axis >= -rank && axis < rank;
  check('c2', legal, `axis=${axis} for ${typeText(x)}`, `an axis from ${-rank} to ${rank - 1}`);
  checkFloats(check, 'c3', operands);
  const normal = x.dims.slice(axis);
  parameters.forEach((name, i) => {
    const type = operands[i + 1];
    if (!type) return;
    const fits = type.dims.length === normal.length && type.dims.every((d, j) => d.equals(given(normal, j)) === 'yes');
    const expected = `${name} ${typeText({ elem: type.elem, dims: normal })}`;
    check('c4', fits, `${name} ${typeText(type)} for ${typeText(x)}`, expected);
  });
}

interface LastAxes {
  /** Counted from the first. */
  readonly axis: number;
  readonly axes: readonly number[];
  /** Their sizes, where all are known. */
  readonly normal: readonly number[] | undefined;
  /** What a mean over them has. */
  readonly reduced: TensorType;
}

function lastAxes(type: TensorType, first: number): LastAxes {
  const rank = type.dims.length;
  const axis = axisIn(first, rank);
  return {
    axis,
    axes: Array.from({ length: rank - axis }, (_, i) => axis + i),
    normal: staticDims({ elem: type.elem, dims: type.dims.slice(axis) }),
    reduced: { elem: type.elem, dims: type.dims.map((d, i) => (i < axis ? d : Dim.one)) },
  };
}

function ones(b: OnnxBuilder, elem: ElemType, dims: readonly number[]): string {
  return b.constant({ elem, dims, data: new Float64Array(elementCount(dims)).fill(1) });
}

function sampleOverLast(source: SampleSource): Sample {
  const lead = Array.from({ length: source.int(0, 2) }, () => source.int(1, 3));
  const normal = Array.from({ length: source.int(1, 2) }, () => source.int(2, 5));
  const axis = source.bool() ? -normal.length : lead.length;
  const weight = source.bool() ? source.tensor(normal) : undefined;
  const bias = source.bool() ? source.tensor(normal) : undefined;
  return {
    operands: [source.tensor([...lead, ...normal]), weight, bias],
    attrs: { axis, eps: source.pick([1e-5, 1e-12, 1e-3]) },
  };
}

export const layernorm = defineOperator({
  name: 'layernorm',
  summary: 'Normalises over the last axes',
  onnx: ['LayerNormalization', 'ReduceMean', 'Sub', 'Pow', 'Mul', 'Add', 'Sqrt', 'Div', 'Cast'],
  operands: [
    { name: 'x', doc: '[...lead, ...normal]' },
    { name: 'weight', doc: '[...normal]', optional: true },
    { name: 'bias', doc: '[...normal]', optional: true },
  ],
  attrs: { axis: { kind: 'int', default: -1, doc: 'the first axis of those normalised together' }, eps: epsAttr },
  traits: normTraits,
  infer(context: InferContext) {
    inferOverLast(context, ['weight', 'bias']);
    return [given(context.operands, 0)];
  },
  evaluate(operands, attrs) {
    const x = given(operands, 0);
    const [, weight, bias] = operands;
    const eps = numberAttr(attrs, 'eps');
    const run = elementCount(x.dims.slice(numberAttr(attrs, 'axis')));
    const data = new Float64Array(x.data.length);
    for (let from = 0; from < data.length; from += run) {
      const { mean, scale } = moments(x.data, from, run, eps);
      for (let i = 0; i < run; i++) {
        data[from + i] = ((x.data[from + i] ?? outside()) - mean) * scale * (weight?.data[i] ?? 1) + (bias?.data[i] ?? 0);
      }
    }
    return [{ elem: x.elem, dims: x.dims, data }];
  },
  needs: ({ x, attrs }) => x.type.dims.slice(numberAttr(attrs, 'axis')),
  lower(b, node, operands) {
    const { type } = node.y;
    const x = given(operands, 0);
    const [, weight, bias] = operands;
    const last = lastAxes(type, numberAttr(node.attrs, 'axis'));
    const { axis, normal } = last;
    const eps = numberAttr(node.attrs, 'eps');
    // The weight is no optional input of LayerNormalization, and ones can be written only where the sizes are known.
    if (b.has('LayerNormalization') && (weight !== undefined || normal)) {
      const attrs = { axis: { kind: 'int', value: axis }, epsilon: { kind: 'float', value: eps } } as const;
      return [b.node('LayerNormalization', [x, weight ?? ones(b, type.elem, normal ?? []), bias], attrs, type)];
    }
    let y = normalized(b, x, type, last, eps, 'centred');
    if (weight !== undefined) y = b.node('Mul', [y, weight], {}, type);
    if (bias !== undefined) y = b.node('Add', [y, bias], {}, type);
    return [y];
  },
  sample: sampleOverLast,
});

export const rmsnorm = defineOperator({
  name: 'rmsnorm',
  summary: 'Divides by the root of the mean square over the last axes',
  onnx: ['RMSNormalization', 'Pow', 'ReduceMean', 'Add', 'Sqrt', 'Div', 'Mul', 'Cast'],
  operands: [
    { name: 'x', doc: '[...lead, ...normal]' },
    { name: 'weight', doc: '[...normal]', optional: true },
  ],
  attrs: { axis: { kind: 'int', default: -1, doc: 'the first axis of those normalised together' }, eps: epsAttr },
  traits: { ...normTraits, keepsZero: true, sign: 'all' },
  infer(context: InferContext) {
    inferOverLast(context, ['weight']);
    return [given(context.operands, 0)];
  },
  evaluate(operands, attrs) {
    const [x, weight] = [given(operands, 0), operands[1]];
    const eps = numberAttr(attrs, 'eps');
    const run = elementCount(x.dims.slice(numberAttr(attrs, 'axis')));
    const data = new Float64Array(x.data.length);
    for (let from = 0; from < data.length; from += run) {
      let squares = 0;
      for (let i = from; i < from + run; i++) squares += (x.data[i] ?? outside()) ** 2;
      const scale = 1 / Math.sqrt(squares / run + eps);
      for (let i = 0; i < run; i++) data[from + i] = (x.data[from + i] ?? outside()) * scale * (weight?.data[i] ?? 1);
    }
    return [{ elem: x.elem, dims: x.dims, data }];
  },
  lower(b, node, operands) {
    const { type } = node.y;
    const [x, weight] = [given(operands, 0), operands[1]];
    const last = lastAxes(type, numberAttr(node.attrs, 'axis'));
    const { axis, normal } = last;
    const eps = numberAttr(node.attrs, 'eps');
    // The weight is no optional input, and ones can be written only where the sizes are known.
    if (b.has('RMSNormalization') && (weight !== undefined || normal)) {
      const attrs = { axis: { kind: 'int', value: axis }, epsilon: { kind: 'float', value: eps } } as const;
      return [b.node('RMSNormalization', [x, weight ?? ones(b, type.elem, normal ?? [])], attrs, type)];
    }
    const y = normalized(b, x, type, last, eps, 'as it is');
    return [weight === undefined ? y : b.node('Mul', [y, weight], {}, type)];
  },
  sample(source) {
    const { operands, attrs } = sampleOverLast(source);
    return { operands: operands.slice(0, 2), attrs };
  },
});

/**
 * (x − μ) / √(σ² + ε), or x / √(mean(x²) + ε) where nothing is centred, over the axes from `axis` on, node by node as runtimes
 * fuse it (onnxruntime's LayerNormFusion and SimplifiedLayerNormFusion). The operators compute in f32 what is coarser.
 */
function normalized(
  b: OnnxBuilder,
  x: string,
  type: TensorType,
  { axes, reduced: { dims } }: LastAxes,
  eps: number,
  how: 'centred' | 'as it is',
): string {
  const elem = type.elem === 'f16' || type.elem === 'bf16' ? 'f32' : type.elem;
  const [wide, reduced]: readonly [TensorType, TensorType] = [
    { elem, dims: type.dims },
    { elem, dims },
  ];
  const cast = (value: string, to: TensorType): string =>
    b.node('Cast', [value], { to: { kind: 'int', value: elemFacts[to.elem].onnx } }, to);
  const own = elem === type.elem ? x : cast(x, wide);
  const centred = how === 'centred' ? b.node('Sub', [own, meanOver(b, own, axes, reduced)], {}, wide) : own;
  const squares = b.node('Pow', [centred, b.scalar(elem, 2)], {}, wide);
  const shifted = b.node('Add', [meanOver(b, squares, axes, reduced), b.scalar(elem, eps)], {}, reduced);
  const y = b.node('Div', [centred, b.node('Sqrt', [shifted], {}, reduced)], {}, wide);
  return elem === type.elem ? y : cast(y, type);
}

/** From opset 18 on the axes are an operand. */
function meanOver(b: OnnxBuilder, x: string, axes: readonly number[], type: TensorType): string {
  const keepdims = { kind: 'int', value: 1 } as const;
  if (b.opset >= 18) return b.node('ReduceMean', [x, b.i64(axes)], { keepdims }, type);
  return b.node('ReduceMean', [x], { axes: { kind: 'ints', value: axes }, keepdims }, type);
}
