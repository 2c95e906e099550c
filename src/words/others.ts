/** Layers of Keras and timm, and words of Python, where they are not those of PyTorch. */
import type { FilledCall, Word } from './word.ts';

/** `padding="same"` is what `conv` does by itself, where the kernel is odd and nothing strides. */
const padded =
  (layer: string, first: readonly string[]) =>
  (call: FilledCall): string => {
    const named = (ours: string, theirs: string): string | undefined => {
      const text = call.text(theirs);
      return text === undefined ? undefined : `${ours}=${text}`;
    };
    const parts = [
      ...first.map((name) => call.text(name) ?? name),
      named('stride', 'strides'),
      call.text('padding') === '"same"' ? undefined : 'pad=0',
      named('dilation', 'dilation_rate'),
      named('groups', 'groups'),
      `bias=${call.text('use_bias') ?? 'true'}`,
    ];
    return `${layer}(${parts.filter((part) => part !== undefined).join(', ')})`;
  };

const depthwise = (call: FilledCall): string => {
  const stride = call.text('strides');
  const parts = [
    'channels()',
    call.text('kernel_size') ?? '3x3',
    'groups=channels()',
    stride === undefined ? undefined : `stride=${stride}`,
    call.text('padding') === '"same"' ? undefined : 'pad=0',
    'bias=true',
  ];
  return `conv(${parts.filter((part) => part !== undefined).join(', ')})`;
};

const behind = 'write it behind the layer: `conv(8, 3x3)  relu`';
const number = 'write `pad=` with a number';
const order = 'channels are axis 1';
const both = '`affine=false` leaves both out';
const kept = 'keeps the axes of the grid, with size 1';

const training = 'a compiled model is in its inference form';

const keras: readonly Word[] = [
  {
    torch: 'Dense',
    takes: 'units activation use_bias',
    ours: 'linear({units}, bias={use_bias})',
    without: { activation: behind },
  },
  {
    torch: 'Conv1D Conv2D Conv3D Convolution2D',
    takes: 'filters kernel_size strides padding data_format dilation_rate groups activation use_bias',
    ours: 'conv({filters}, {kernel_size}, stride={strides}, pad={padding|0}, dilation={dilation_rate}, groups={groups}, bias={use_bias|true})',
    fill: padded('conv', ['filters', 'kernel_size']),
    without: { activation: behind, data_format: order },
  },
  {
    torch: 'Conv1DTranspose Conv2DTranspose Conv3DTranspose',
    takes: 'filters kernel_size strides padding output_padding data_format dilation_rate activation use_bias',
    ours: 'conv_transpose({filters}, {kernel_size}, stride={strides}, bias={use_bias|true})',
    without: {
      activation: behind,
      padding: number,
      output_padding: 'write `output_pad=`',
      dilation_rate: 'write `dilation=`',
      data_format: order,
    },
  },
  {
    torch: 'DepthwiseConv1D DepthwiseConv2D',
    takes: 'kernel_size strides padding depth_multiplier',
    ours: 'conv(channels(), {kernel_size}, groups=channels(), stride={strides}, pad={padding|0}, bias=true)',
    fill: depthwise,
    without: { depth_multiplier: 'write the number of results: `conv(2 * channels(), 3x3, groups=channels())`' },
  },
  {
    torch: 'MaxPooling1D MaxPooling2D MaxPooling3D MaxPool1D MaxPool2D MaxPool3D',
    takes: 'pool_size strides padding',
    ours: 'maxpool({pool_size|2}, stride={strides})',
    without: { padding: number },
  },
  {
    torch: 'AveragePooling1D AveragePooling2D AveragePooling3D AvgPool1D AvgPool2D AvgPool3D',
    takes: 'pool_size strides padding',
    ours: 'avgpool({pool_size|2}, stride={strides})',
    without: { padding: number },
  },
  {
    torch: 'GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D GlobalAvgPool1D GlobalAvgPool2D',
    takes: 'data_format keepdims',
    ours: 'flatten(global_avgpool)',
    note: `\`global_avgpool\` ${kept}`,
    without: { data_format: order, keepdims: 'write `global_avgpool` alone' },
  },
  {
    torch: 'GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D GlobalMaxPool1D GlobalMaxPool2D',
    takes: 'data_format keepdims',
    ours: 'flatten(global_maxpool)',
    note: `\`global_maxpool\` ${kept}`,
    without: { data_format: order, keepdims: 'write `global_maxpool` alone' },
  },
  {
    torch: 'BatchNormalization',
    takes: 'axis momentum epsilon center scale',
    ours: 'batchnorm(eps={epsilon})',
    without: { axis: order, center: both, scale: both },
  },
  {
    torch: 'LayerNormalization',
    takes: 'axis epsilon center scale',
    ours: 'layernorm(axis={axis}, eps={epsilon})',
    without: { center: '`bias=false` leaves it out', scale: both },
  },
  {
    torch: 'UpSampling1D UpSampling2D UpSampling3D',
    takes: 'size data_format interpolation',
    ours: 'resize(scale={size|2}, mode={interpolation})',
    without: { data_format: order },
    values: { interpolation: { '"bilinear"': '"linear"', '"bicubic"': '"cubic"' } },
  },
  { torch: 'ZeroPadding1D ZeroPadding2D ZeroPadding3D', takes: 'padding', ours: 'pad({padding|1})' },
  {
    torch: 'Concatenate',
    takes: 'axis',
    ours: 'concat(a, b, axis={axis})',
    note: '`a` and `b` stand for the tensors, whose channels it joins, axis 1',
  },
  { torch: 'Permute', takes: '*dims', ours: 'transpose(0, {*dims})' },
  { torch: 'training is_training', ours: 'false', bare: 'false', note: training },
];

const python: readonly Word[] = [
  { torch: 'True', ours: 'true', bare: 'true' },
  { torch: 'False', ours: 'false', bare: 'false' },
  {
    torch: 'print',
    takes: 'value',
    ours: 'output seen = {value|it}',
    note: 'nothing is printed where a model runs; an output can be looked at',
  },
  { torch: 'elif', ours: 'else if condition { … }', bare: 'else if' },
  { torch: 'None', ours: 'none', bare: 'none', note: 'an argument that is not wanted is left out' },
];

const control: readonly Word[] = [
  {
    torch: 'for foreach',
    ours: 'repeat 8 as i { … }',
    bare: 'repeat 8 as i { … }',
    note: '`each` where all turns begin alike, `loop` for a loop of the run',
  },
  { torch: 'until', ours: 'loop while not (condition) { … }', bare: 'loop while not (condition) { … }' },
  {
    torch: 'break continue',
    ours: 'loop while condition { … }',
    bare: 'loop while condition { … }',
    note: 'a turn runs to its end',
  },
  { torch: 'unless', ours: 'if not (condition) { … }', bare: 'if not (condition) { … }' },
  { torch: 'match switch case', ours: 'if a == 1 { … } else if a == 2 { … }', bare: 'if a == 1 { … } else if a == 2 { … }' },
  { torch: 'lambda', ours: 'block Name(x) { … }', bare: 'block Name(x) { … }', note: 'a body in braces is an argument, too' },
];

const timm: readonly Word[] = [
  {
    torch: 'LayerNorm2d layernorm2d layer_norm2d',
    takes: 'num_channels eps affine',
    ours: 'layernorm(axis=1, eps={eps|1e-6}, affine={affine})',
    note: 'it normalises the channels of a picture',
  },
  {
    torch: 'DropPath drop_path StochasticDepth stochastic_depth',
    takes: 'drop_prob scale_by_keep p mode',
    ours: 'identity',
    without: { drop_prob: training, scale_by_keep: training, p: training, mode: training },
    note: 'it acts in training alone, so it can be left out',
  },
];

const torchdiffeq: readonly Word[] = [
  {
    torch: 'odeint odeint_adjoint',
    takes: 'func y0 t rtol atol method options event_fn',
    ours: '{y0|it} -> ode(solver={method|"dopri5"}, t={t|[0, 1]}, rtol={rtol|1e-7}, atol={atol|1e-9}) as t { … }',
    values: { method: { '"rk4"': '"rk4_38"' } },
    note: '`rk4` of torchdiffeq is `solver="rk4_38"`',
    without: {
      func: 'write the field as the body',
      options: 'write `steps=8` or `max_steps=1000`',
      event_fn: 'write a `loop` with the event as its condition',
    },
  },
];

export const otherWords = (): readonly { readonly of: string; readonly words: readonly Word[] }[] => [
  { of: 'Keras', words: keras },
  { of: 'Python', words: python },
  { of: 'timm', words: timm },
  { of: 'torchdiffeq', words: torchdiffeq },
  { of: 'other languages', words: control },
];
