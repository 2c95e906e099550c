/** Activations: the modules of torch.nn and the functions of torch and torch.nn.functional. */
import type { Word } from './word.ts';

const plain = (torch: string, ours: string): Word => ({ torch, takes: 'inplace out', ours });

export const activationWords = (): readonly Word[] => [
  plain('ReLU relu', 'relu'),
  plain('ReLU6 relu6', 'relu6'),
  plain('SELU selu', 'selu'),
  plain('SiLU silu swish Swish', 'silu'),
  plain('Mish mish', 'mish'),
  plain('Hardsigmoid hardsigmoid hard_sigmoid', 'hardsigmoid'),
  plain('Hardswish hardswish hard_swish', 'hardswish'),
  plain('Sigmoid sigmoid expit', 'sigmoid'),
  plain('Tanh tanh', 'tanh'),
  plain('LogSigmoid logsigmoid log_sigmoid', 'logsigmoid'),
  plain('Softsign softsign', 'softsign'),
  plain('Tanhshrink tanhshrink', 'tanhshrink'),
  { torch: 'LeakyReLU leaky_relu', takes: 'negative_slope inplace', ours: 'leaky_relu({negative_slope|0.01})' },
  {
    torch: 'PReLU',
    takes: 'num_parameters init',
    ours: 'prelu({num_parameters|1}, init={init})',
  },
  {
    torch: 'prelu',
    takes: 'input weight',
    ours: 'where({input} > 0.0, {input}, {input} * {weight})',
    note: 'the layer `prelu` owns its slopes: `prelu(channels())`',
  },
  {
    torch: 'RReLU rrelu',
    takes: 'lower upper training inplace',
    ours: 'rrelu({lower|1.0 / 8}, {upper|1.0 / 3})',
  },
  { torch: 'ELU elu', takes: 'alpha inplace', ours: 'elu({alpha|1.0})' },
  { torch: 'CELU celu', takes: 'alpha inplace', ours: 'celu({alpha|1.0})' },
  { torch: 'GELU gelu', takes: 'approximate', ours: 'gelu(approximate={approximate})' },
  {
    torch: 'GLU glu',
    takes: 'dim',
    ours: '{ let a, b = split(2, axis={dim|-1})  a * sigmoid(b) }',
  },
  {
    torch: 'Hardtanh hardtanh',
    takes: 'min_val max_val inplace min_value max_value',
    ours: 'hardtanh({min_val|-1}, {max_val|1})',
  },
  { torch: 'Hardshrink hardshrink', takes: 'lambd', ours: 'hardshrink({lambd|0.5})' },
  { torch: 'Softshrink softshrink', takes: 'lambd', ours: 'softshrink({lambd|0.5})' },
  {
    torch: 'Softplus softplus',
    takes: 'beta threshold',
    ours: 'softplus',
    fill: (call) => {
      const beta = call.text('beta');
      const x = call.text('input');
      return beta === undefined || Number(beta) === 1 ? undefined : `softplus(${x ?? 'it'} * ${beta}) / ${beta}`;
    },
    without: { threshold: 'it is exact everywhere: no line takes its place for large numbers' },
  },
  {
    torch: 'Threshold threshold',
    takes: 'threshold value inplace',
    ours: 'where({input|it} > {threshold|0.0}, {input|it}, {value|0.0})',
  },
  { torch: 'Softmax softmax', takes: 'dim _stacklevel dtype', ours: 'softmax({dim|-1})' },
  { torch: 'Softmax2d', ours: 'softmax(1)' },
  { torch: 'Softmin softmin', takes: 'dim _stacklevel dtype', ours: 'softmax(neg({input|it}), {dim|-1})' },
  { torch: 'LogSoftmax log_softmax', takes: 'dim _stacklevel dtype', ours: 'log_softmax({dim|-1})' },
  {
    torch: 'scaled_dot_product_attention',
    takes: 'query key value attn_mask dropout_p is_causal scale enable_gqa',
    ours: 'attention({query}, {key}, {value}, bias={attn_mask}, causal={is_causal}, scale={scale})',
    without: { enable_gqa: 'fewer heads of keys than of queries are seen by their sizes' },
    note: 'a mask of bools is `mask=`, one that is added `bias=`; of more keys than queries, `causal=true` counts from the last ones',
  },
];
