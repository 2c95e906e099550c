/** Layers: the modules of torch.nn and the functions of torch.nn.functional that have one here. */
import type { FilledCall, Word } from './word.ts';

const noIndices = 'the places of the maxima are not given: only the maxima are';
const checkpoint = 'the layer owns it, and the checkpoint fills it';

const window = {
  nn: 'kernel_size stride padding dilation return_indices ceil_mode',
  functional: 'input kernel_size stride padding dilation ceil_mode return_indices',
};
const maxpool = 'maxpool({kernel_size}, stride={stride}, pad={padding}, dilation={dilation}, ceil={ceil_mode})';
const avgpool = 'avgpool({kernel_size}, stride={stride}, pad={padding}, ceil={ceil_mode}, count_include_pad={count_include_pad})';
const resize = 'resize(to={size}, scale={scale_factor}, mode={mode}, align_corners={align_corners})';
const modes = { mode: { '"bilinear"': '"linear"', '"trilinear"': '"linear"', '"bicubic"': '"cubic"' } };
const resizeWithout = {
  recompute_scale_factor: 'the factor that is written is the one that is used',
};
const bias = 'no bias unless it says `bias=true`';

/** PyTorch's pads are pairs from the last axis on; ours are all begins, then all ends, from the first axis of the grid on. */
export function gridPads(text: string): string | undefined {
  const numbers = /^[[(]?([^[\]()]+)[\])]?$/
    .exec(text.trim())?.[1]
    ?.split(',')
    .map((part) => part.trim());
  if (!numbers) return undefined;
  if (numbers.length === 1) return numbers[0];
  if (numbers.length % 2 !== 0) return undefined;
  const pairs = Array.from({ length: numbers.length / 2 }, (_, i) => numbers.slice(2 * i, 2 * i + 2)).reverse();
  return [...pairs.map(([begin]) => begin), ...pairs.map(([, end]) => end)].join(', ');
}

const padOf =
  (mode: string | undefined, argument: string) =>
  (call: FilledCall): string | undefined => {
    const pads = gridPads(call.text(argument) ?? '');
    if (pads === undefined) return undefined;
    const given = mode ?? call.text('mode');
    const value = call.text('value');
    const rest = `${given === undefined || given === '"constant"' ? '' : `, mode=${given}`}${value === undefined ? '' : `, value=${value}`}`;
    const input = call.text('input');
    return `pad(${input === undefined ? '' : `${input}, `}${pads}${rest})`;
  };

/** Nothing for the last axis, `[64]`; the last two for `[8, 8]`. */
function lastAxes(text: string | undefined): string {
  const count =
    text?.startsWith('[') || text?.startsWith('(') ? text.split(',').filter((part) => /[^\s[\]()]/.test(part)).length : 1;
  return count > 1 ? `axis=[${Array.from({ length: count }, (_, i) => i - count).join(', ')}]` : '';
}

const layernorm = (call: FilledCall): string => {
  const input = call.text('input');
  const eps = call.text('eps');
  const affine = call.text('elementwise_affine');
  const weight = call.text('weight');
  const shift = call.text('bias');
  const parts = [
    input,
    lastAxes(call.text('normalized_shape')),
    eps && `eps=${eps}`,
    affine && `affine=${affine}`,
    input !== undefined && weight === undefined ? 'affine=false' : weight && `weight=${weight}`,
    shift && `bias=${shift}`,
  ].filter((part) => part !== undefined && part !== '');
  return parts.length === 0 ? 'layernorm' : `layernorm(${parts.join(', ')})`;
};

const rmsnorm = (call: FilledCall): string => {
  const input = call.text('input');
  const [eps, affine, weight] = ['eps', 'elementwise_affine', 'weight'].map((name) => call.text(name));
  const parts = [
    input,
    lastAxes(call.text('normalized_shape')),
    eps && eps !== 'none' && `eps=${eps}`,
    affine && `affine=${affine}`,
    input !== undefined && weight === undefined ? 'affine=false' : weight && `weight=${weight}`,
  ].filter((part) => part !== undefined && part !== '' && part !== false);
  return parts.length === 0 ? 'rmsnorm' : `rmsnorm(${parts.join(', ')})`;
};

export const layerWords = (): readonly Word[] => [
  {
    torch: 'Conv#d',
    takes: 'in_channels out_channels kernel_size stride padding dilation groups bias padding_mode',
    ours: 'conv({out_channels}, {kernel_size}, stride={stride}, pad={padding|0}, dilation={dilation}, groups={groups}, bias={bias|true})',
    without: { padding_mode: 'put `pad(1, mode="reflect")` before it, and `pad=0` into it' },
    values: { padding: { '"valid"': '0' } },
    note: `\`conv\` pads by half its kernel unless \`pad=\` says otherwise, and has ${bias}`,
  },
  {
    torch: 'conv#d',
    takes: 'input weight bias stride padding dilation groups',
    ours: 'conv({input}, shape({weight})[0], shape({weight})[2:], stride={stride}, pad={padding|0}, dilation={dilation}, groups={groups}, weight={weight}, bias={bias})',
    values: { padding: { '"valid"': '0' } },
    note: 'without `weight=` the layer owns its weight, and takes it from the checkpoint',
  },
  {
    torch: 'ConvTranspose#d',
    takes: 'in_channels out_channels kernel_size stride padding output_padding groups bias dilation padding_mode',
    ours: 'conv_transpose({out_channels}, {kernel_size}, stride={stride}, pad={padding}, output_pad={output_padding}, groups={groups}, dilation={dilation}, bias={bias|true})',
    without: { padding_mode: 'PyTorch has "zeros" alone here as well' },
    note: `\`conv_transpose\` has ${bias}`,
  },
  {
    torch: 'conv_transpose#d',
    takes: 'input weight bias stride padding output_padding groups dilation',
    ours: 'conv_transpose({input}, shape({weight})[1] * {groups|1}, shape({weight})[2:], stride={stride}, pad={padding}, output_pad={output_padding}, groups={groups}, dilation={dilation}, weight={weight}, bias={bias})',
  },
  { torch: 'Linear', takes: 'in_features out_features bias', ours: 'linear({out_features}, bias={bias})' },
  {
    torch: 'linear',
    takes: 'input weight bias',
    ours: 'linear({input}, shape({weight})[0], weight={weight}, bias={bias|false})',
    note: 'without `weight=` the layer owns its weight, and takes it from the checkpoint',
  },
  {
    torch: 'Embedding',
    takes: 'num_embeddings embedding_dim padding_idx max_norm norm_type scale_grad_by_freq sparse _weight _freeze',
    ours: 'embedding({num_embeddings}, {embedding_dim})',
    without: { max_norm: 'vectors are not made shorter: `x / max(1.0, length)` behind it says that' },
  },
  {
    torch: 'embedding',
    takes: 'input weight padding_idx max_norm norm_type scale_grad_by_freq sparse',
    ours: 'gather({weight}, {input})',
    without: { max_norm: 'vectors are not made shorter' },
    note: 'the layer `embedding(num, dim)` owns its table, and takes it from the checkpoint',
  },
  ...['LSTM lstm', 'GRU gru', 'RNN rnn'].map((torch): Word => {
    const elman = torch.startsWith('RNN');
    return {
      torch,
      takes: `input_size hidden_size num_layers ${elman ? 'nonlinearity ' : ''}bias batch_first dropout bidirectional proj_size`,
      ours: `${torch.split(' ')[1]}({hidden_size}, {num_layers|1}, bidirectional={bidirectional}, bias={bias}${elman ? ', nonlinearity={nonlinearity}' : ''})`,
      without: { proj_size: 'write a `linear` behind it' },
      note: `sequences are [N, T, features], as with batch_first=True, and it gives several values: \`let y, ${torch.startsWith('LSTM') ? 'h, c' : 'h'} = …\``,
    };
  }),
  {
    torch: 'grid_sample',
    takes: 'input grid mode padding_mode align_corners',
    ours: 'grid_sample({input|it}, {grid}, mode={mode}, padding_mode={padding_mode}, align_corners={align_corners})',
  },
  {
    torch: 'affine_grid',
    takes: 'theta size align_corners',
    ours: 'affine_grid({theta}, {size}, align_corners={align_corners})',
    note: 'the size is that of the grid alone: `affine_grid(theta, H, W)`',
  },
  { torch: 'MaxPool#d', takes: window.nn, ours: maxpool, without: { return_indices: noIndices } },
  { torch: 'max_pool#d', takes: window.functional, ours: maxpool, without: { return_indices: noIndices } },
  {
    torch: 'AvgPool#d avg_pool#d',
    takes: 'kernel_size stride padding ceil_mode count_include_pad divisor_override',
    ours: avgpool,
    without: { divisor_override: 'multiply the result: `it * (kernel elements / divisor)`' },
  },
  { torch: 'AdaptiveAvgPool#d adaptive_avg_pool#d', takes: 'output_size', ours: 'adaptive_avgpool({output_size})' },
  {
    torch: 'AdaptiveMaxPool#d adaptive_max_pool#d',
    takes: 'output_size return_indices',
    ours: 'adaptive_maxpool({output_size})',
    without: { return_indices: noIndices },
  },
  {
    torch: 'BatchNorm#d SyncBatchNorm',
    takes: 'num_features eps momentum affine track_running_stats process_group bias',
    ours: 'batchnorm(eps={eps}, affine={affine})',
    without: { bias: 'weight and bias come together, or neither with `affine=false`' },
  },
  {
    torch: 'batch_norm',
    takes: 'input running_mean running_var weight bias training momentum eps',
    ours: 'batchnorm(eps={eps})',
    without: { running_mean: checkpoint, running_var: checkpoint, weight: checkpoint, bias: checkpoint },
  },
  {
    torch: 'InstanceNorm#d',
    takes: 'num_features eps momentum affine track_running_stats bias',
    ours: 'instancenorm(eps={eps}, affine={affine})',
    without: { bias: 'weight and bias come together with `affine=true`, or neither' },
  },
  {
    torch: 'instance_norm',
    takes: 'input running_mean running_var weight bias use_input_stats momentum eps',
    ours: 'instancenorm(eps={eps})',
    without: {
      weight: checkpoint,
      bias: checkpoint,
      running_mean: 'the statistics of each picture are used',
      running_var: 'the statistics of each picture are used',
    },
  },
  {
    torch: 'GroupNorm',
    takes: 'num_groups num_channels eps affine bias',
    ours: 'groupnorm({num_groups}, eps={eps}, affine={affine})',
    without: { bias: 'weight and bias come together, or neither with `affine=false`' },
  },
  {
    torch: 'group_norm',
    takes: 'input num_groups weight bias eps',
    ours: 'groupnorm({num_groups}, eps={eps})',
    without: { weight: checkpoint, bias: checkpoint },
  },
  {
    torch: 'LayerNorm',
    takes: 'normalized_shape eps elementwise_affine bias',
    ours: 'layernorm(eps={eps}, affine={elementwise_affine}, bias={bias})',
    fill: layernorm,
    note: 'it normalises the last axis; `axis=[-2, -1]` the last two, `axis=1` the channels of a picture',
  },
  {
    torch: 'layer_norm',
    takes: 'input normalized_shape weight bias eps',
    ours: 'layernorm(weight={weight}, bias={bias}, eps={eps})',
    fill: layernorm,
  },
  {
    torch: 'RMSNorm',
    takes: 'normalized_shape eps elementwise_affine',
    ours: 'rmsnorm(eps={eps}, affine={elementwise_affine})',
    fill: rmsnorm,
    note: "`eps` is 1e-6 unless it says otherwise, as LLaMA has it; torch's is 1.1920929e-7",
  },
  {
    torch: 'rms_norm',
    takes: 'input normalized_shape weight eps',
    ours: 'rmsnorm(weight={weight}, eps={eps})',
    fill: rmsnorm,
    note: 'it normalises the last axis',
  },
  {
    torch: 'Upsample',
    takes: 'size scale_factor mode align_corners recompute_scale_factor',
    ours: resize,
    values: modes,
    without: resizeWithout,
    note: '`resize(scale=2)` is twice as large',
  },
  { torch: 'UpsamplingNearest2d', takes: 'size scale_factor', ours: 'resize(to={size}, scale={scale_factor})' },
  {
    torch: 'UpsamplingBilinear2d',
    takes: 'size scale_factor',
    ours: 'resize(to={size}, scale={scale_factor}, mode="linear", align_corners=true)',
  },
  {
    torch: 'interpolate',
    takes: 'input size scale_factor mode align_corners recompute_scale_factor antialias',
    ours: resize,
    values: modes,
    without: { ...resizeWithout, antialias: 'there is no filter before shrinking: pool first, as in `avgpool(2x2)`' },
  },
  {
    torch: 'upsample',
    takes: 'input size scale_factor mode align_corners',
    ours: resize,
    values: modes,
    note: '`resize(scale=2)` is twice as large',
  },
  { torch: 'upsample_nearest', takes: 'input size scale_factor', ours: 'resize(to={size}, scale={scale_factor})' },
  {
    torch: 'upsample_bilinear',
    takes: 'input size scale_factor',
    ours: 'resize(to={size}, scale={scale_factor}, mode="linear", align_corners=true)',
  },
  { torch: 'PixelShuffle pixel_shuffle', takes: 'upscale_factor', ours: 'pixel_shuffle({upscale_factor})' },
  { torch: 'PixelUnshuffle pixel_unshuffle', takes: 'downscale_factor', ours: 'pixel_unshuffle({downscale_factor})' },
  {
    torch: 'ChannelShuffle channel_shuffle native_channel_shuffle',
    takes: 'groups',
    ours: 'channel_shuffle({groups})',
  },
  { torch: 'ZeroPad#d', takes: 'padding', ours: 'pad({padding})', fill: padOf(undefined, 'padding') },
  { torch: 'ConstantPad#d', takes: 'padding value', ours: 'pad({padding}, value={value})', fill: padOf(undefined, 'padding') },
  {
    torch: 'ReflectionPad#d',
    takes: 'padding',
    ours: 'pad({padding}, mode="reflect")',
    fill: padOf('"reflect"', 'padding'),
  },
  {
    torch: 'ReplicationPad#d',
    takes: 'padding',
    ours: 'pad({padding}, mode="replicate")',
    fill: padOf('"replicate"', 'padding'),
  },
  {
    torch: 'pad',
    takes: 'input pad mode value',
    ours: 'pad({pad}, mode={mode}, value={value})',
    fill: padOf(undefined, 'pad'),
    note: 'here the pads are all begins, then all ends, of the axes of the grid in their order; PyTorch begins with the last axis',
  },
  { torch: 'constant_pad_nd', takes: 'input pad value', ours: 'pad({pad}, value={value})', fill: padOf(undefined, 'pad') },
  {
    torch: 'Flatten',
    takes: 'start_dim end_dim',
    ours: 'flatten({start_dim|1}, {end_dim|-1})',
    fill: (call) => (call.text('start_dim') === undefined && call.text('end_dim') === undefined ? 'flatten' : undefined),
  },
  { torch: 'Identity', ours: 'identity' },
  { torch: 'Dropout dropout native_dropout', takes: 'p training inplace train', ours: 'dropout({p|0.5})' },
  { torch: 'Dropout1d dropout1d', takes: 'p training inplace train', ours: 'dropout1d({p|0.5})' },
  { torch: 'Dropout2d dropout2d feature_dropout', takes: 'p training inplace train', ours: 'dropout2d({p|0.5})' },
  { torch: 'Dropout3d dropout3d', takes: 'p training inplace train', ours: 'dropout3d({p|0.5})' },
  {
    torch: 'AlphaDropout FeatureAlphaDropout alpha_dropout feature_alpha_dropout',
    takes: 'p training inplace train',
    ours: 'alpha_dropout({p|0.5})',
  },
];
