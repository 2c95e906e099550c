/**
 * The layers of the normalisations (`norm.ts`), which own their weights, and `normalize`, whose numbers the source gives.
 */
import type { Dim } from '../ir/dim.ts';
import type { Value } from '../ir/graph.ts';
import { typeText } from '../ir/types.ts';
import { given } from './attrs.ts';
import { axisIn, checkAxes } from './common.ts';
import { defineLayer, type LayerBuilder } from './define.ts';
import { div, sub } from './elementwise.ts';
import { batchnorm, filled, groupnorm, instancenorm, layernorm, rmsnorm } from './norm.ts';
import { bool, boolOrTensor, float, floats, int, ints, optional, tensor } from './params.ts';
import { transpose } from './transpose.ts';

const epsParam = float({ default: 1e-5, min: 0, doc: 'added to the variance' });

/** Axis 1, which must be there. */
function channelsOf(b: LayerBuilder, x: Value, layer: string): Dim {
  const channels = x.type.dims[1];
  b.check('l1', channels !== undefined, typeText(x.type), `${layer} takes [N, channels, ...]`);
  return channels;
}

/** The same number for every channel, as a constant; the channels must be known. */
function perChannel(b: LayerBuilder, x: Value, channels: Dim, value: number): Value {
  const count = channels.constant;
  b.check('l2', count !== undefined, `${channels} channels in ${typeText(x.type)}`, 'a known number of channels');
  return b.constant(filled(x.type.elem, count, value));
}

export const batchnormLayer = defineLayer({
  name: 'batchnorm',
  summary: batchnorm.summary,
  source: 'torch.nn.BatchNorm1d, BatchNorm2d, BatchNorm3d; ONNX BatchNormalization',
  family: 'Normalisation',
  params: {
    eps: epsParam,
    frozen: bool({ default: false, doc: 'weight and bias are buffers too, as in torchvision.ops.FrozenBatchNorm2d' }),
    affine: bool({ default: true, doc: 'a learned weight and bias per channel' }),
  },
  weights: [
    { name: 'weight', shape: '[channels]', when: 'affine=true' },
    { name: 'bias', shape: '[channels]', when: 'affine=true' },
    { name: 'running_mean', shape: '[channels]' },
    { name: 'running_var', shape: '[channels]' },
  ],
  build(b, [x], p) {
    const channels = channelsOf(b, x, 'batchnorm');
    const role = p.frozen ? 'buffer' : 'parameter';
    const ones = { init: true, kind: 'ones' } as const;
    const zeros = { init: true, kind: 'zeros' } as const;
    const weight = p.affine ? b.weight('weight', [channels], ones, { role }) : perChannel(b, x, channels, 1);
    const bias = p.affine ? b.weight('bias', [channels], zeros, { role }) : perChannel(b, x, channels, 0);
    const mean = b.weight('running_mean', [channels], zeros, { role: 'buffer' });
    const variance = b.weight('running_var', [channels], ones, { role: 'buffer' });
    return b.op(batchnorm, [x, weight, bias, mean, variance], { eps: p.eps });
  },
});

export const instancenormLayer = defineLayer({
  name: 'instancenorm',
  summary: instancenorm.summary,
  source: 'torch.nn.InstanceNorm1d, InstanceNorm2d, InstanceNorm3d; ONNX InstanceNormalization',
  family: 'Normalisation',
  params: { eps: epsParam, affine: bool({ default: false, doc: 'a learned weight and bias per channel' }) },
  weights: [
    { name: 'weight', shape: '[channels]', when: 'affine=true' },
    { name: 'bias', shape: '[channels]', when: 'affine=true' },
  ],
  owns: (p) => p.affine,
  build(b, [x], p) {
    const channels = channelsOf(b, x, 'instancenorm');
    const weight = p.affine ? b.weight('weight', [channels], { init: true, kind: 'ones' }) : perChannel(b, x, channels, 1);
    const bias = p.affine ? b.weight('bias', [channels], { init: true, kind: 'zeros' }) : perChannel(b, x, channels, 0);
    return b.op(instancenorm, [x, weight, bias], { eps: p.eps });
  },
});

export const groupnormLayer = defineLayer({
  name: 'groupnorm',
  summary: groupnorm.summary,
  source: 'torch.nn.GroupNorm',
  family: 'Normalisation',
  params: {
    groups: int({ positional: true, min: 1, doc: 'groups of channels' }),
    eps: epsParam,
    affine: bool({ default: true, doc: 'a learned weight and bias per channel' }),
  },
  weights: [
    { name: 'weight', shape: '[channels]', when: 'affine=true' },
    { name: 'bias', shape: '[channels]', when: 'affine=true' },
  ],
  owns: (p) => p.affine,
  build(b: LayerBuilder, [x], p) {
    const channels = channelsOf(b, x, 'groupnorm');
    const weight = p.affine ? b.weight('weight', [channels], { init: true, kind: 'ones' }) : undefined;
    const bias = p.affine ? b.weight('bias', [channels], { init: true, kind: 'zeros' }) : undefined;
    return b.op(groupnorm, [x, weight, bias], { groups: p.groups, eps: p.eps });
  },
});

export const layernormLayer = defineLayer({
  name: 'layernorm',
  summary: layernorm.summary,
  source: 'torch.nn.LayerNorm; ONNX LayerNormalization',
  family: 'Normalisation',
  params: {
    axis: ints({
      default: [-1],
      doc: 'the axis whose elements are normalised together, or a list of them: 1 for the channels of a picture',
    }),
    eps: epsParam,
    affine: bool({ default: true, doc: 'a learned weight and bias' }),
    weight: optional(tensor({ doc: 'an existing tensor to take as the weight' })),
    bias: boolOrTensor({ default: true, doc: 'a learned bias beside the weight, or the tensor to take for it' }),
  },
  weights: [
    { name: 'weight', shape: '[...normal]', when: 'affine=true, without weight=' },
    { name: 'bias', shape: '[...normal]', when: 'affine=true and bias=true' },
  ],
  owns: (p) => p.affine && (p.weight === undefined || p.bias === true),
  build(b: LayerBuilder, [x], p) {
    const normal = axesNormalised(b, 'l3', x, p.axis);
    const dims = normal.map((axis) => given(x.type.dims, axis));
    const learned = (name: string, kind: 'ones' | 'zeros'): Value | undefined =>
      p.affine ? b.weight(name, dims, { init: true, kind }) : undefined;
    const weight = p.weight ?? learned('weight', 'ones');
    const bias = p.bias === true ? learned('bias', 'zeros') : p.bias === false ? undefined : p.bias;
    return withAxesLast(b, x, normal, (last) => b.op(layernorm, [last, weight, bias], { axis: -normal.length, eps: p.eps }));
  },
});

export const rmsnormLayer = defineLayer({
  name: 'rmsnorm',
  summary: 'Divides by the root of the mean square: weight · x / √(mean(x²) + eps)',
  source: 'torch.nn.RMSNorm; ONNX RMSNormalization; Zhang and Sennrich 2019',
  family: 'Normalisation',
  params: {
    axis: ints({ default: [-1], doc: 'the axis whose elements are normalised together, or a list of them' }),
    eps: float({ default: 1e-6, min: 0, doc: 'added to the mean square' }),
    affine: bool({ default: true, doc: 'a learned weight' }),
    weight: optional(tensor({ doc: 'an existing tensor to take as the weight' })),
  },
  weights: [{ name: 'weight', shape: '[...normal]', when: 'affine=true, without weight=' }],
  owns: (p) => p.affine && p.weight === undefined,
  build(b: LayerBuilder, [x], p) {
    const normal = axesNormalised(b, 'l3', x, p.axis);
    const dims = normal.map((axis) => given(x.type.dims, axis));
    const weight = p.weight ?? (p.affine ? b.weight('weight', dims, { init: true, kind: 'ones' }) : undefined);
    return withAxesLast(b, x, normal, (last) => b.op(rmsnorm, [last, weight], { axis: -normal.length, eps: p.eps }));
  },
});

/** The axes in rising order, each counted from the first. */
function axesNormalised(b: LayerBuilder, label: string, x: Value, axes: readonly number[]): readonly number[] {
  const rank = x.type.dims.length;
  b.check(label, axes.length > 0, 'axis=[]', `at least one axis of ${typeText(x.type)}`, 'axis=-1');
  checkAxes(b.check, label, axes, rank);
  return axes.map((axis) => axisIn(axis, rank)).sort((one, other) => one - other);
}

/** Moves axes behind all others, and what becomes of that back. */
function withAxesLast(b: LayerBuilder, x: Value, axes: readonly number[], build: (last: Value) => Value): Value {
  const rank = x.type.dims.length;
  const perm = [...Array.from({ length: rank }, (_, i) => i).filter((axis) => !axes.includes(axis)), ...axes];
  if (perm.every((axis, i) => axis === i)) return build(x);
  const back = perm.map((_, i) => perm.indexOf(i));
  return b.op(transpose, [build(b.op(transpose, [x], { perm }))], { perm: back });
}

export const normalizeLayer = defineLayer({
  name: 'normalize',
  summary: 'Subtracts a mean from every channel and divides by a standard deviation, both given as numbers',
  source: 'torchvision.transforms.Normalize',
  family: 'Normalisation',
  params: {
    mean: floats({ doc: 'one number per channel (axis 1), or one for all' }),
    std: floats({ doc: 'one number per channel (axis 1), or one for all; not 0' }),
  },
  build(b: LayerBuilder, [x], p) {
    const channels = channelsOf(b, x, 'normalize');
    const column = (name: string, values: readonly number[]): Value => {
      const fits = values.length === 1 || channels.equals(values.length) === 'yes';
      const expected = `${channels} numbers, one for each channel of ${typeText(x.type)}, or a single one`;
      b.check('l4', fits, `${values.length} numbers in ${name}=`, expected);
      const dims = [values.length, ...x.type.dims.slice(2).map(() => 1)];
      return b.constant({ elem: x.type.elem, dims, data: Float64Array.from(values) });
    };
    b.check(
      'l5',
      p.std.every((s) => s !== 0),
      `std=[${p.std.join(', ')}]`,
      'numbers other than 0',
    );
    return b.op(div, [b.op(sub, [x, column('mean', p.mean)]), column('std', p.std)]);
  },
});
