/**
 * The identity, and layers that are one (or a plain function) at inference: what they do at random while a network is trained is
 * left out, as torch.nn's `eval()` does.
 */
import type { Operator } from '../ir/operator.ts';
import { leakyRelu } from './activation.ts';
import { given } from './attrs.ts';
import { sampleDims } from './common.ts';
import { defineLayer, defineOperator, type Layer } from './define.ts';
import { float } from './params.ts';
import { movingTraits } from './traits.ts';

/** ONNX Identity-13. */
export const identity = defineOperator({
  name: 'identity',
  summary: 'x itself',
  onnx: ['Identity'],
  operands: [{ name: 'x', doc: 'the tensor' }],
  attrs: {},
  traits: {
    ...movingTraits({ keepsOrder: true, handsOn: true, axes: 'free', idempotent: true, involution: true }),
    elementwise: true,
    channelwise: true,
  },
  infer: ({ operands }) => [given(operands, 0)],
  evaluate: (operands) => [given(operands, 0)],
  lower: (builder, node, operands) => [builder.node('Identity', operands, {}, node.y.type)],
  sample(source) {
    const dims = sampleDims(source, 0, 3);
    return { operands: [source.tensor(dims, { elem: source.pick(['f32', 'i64'] as const) })], attrs: {} };
  },
});

const family = 'Identity at inference';
const probability = (fallback: number, doc: string) => ({
  p: float({ positional: true, default: fallback, min: 0, max: 1, doc }),
});

function atInference(name: string, summary: string, source: string, fallback: number, doc: string): Layer {
  return defineLayer({ name, summary, source, family, params: probability(fallback, doc), build: (_builder, [x]) => x });
}

export const identityLayer = defineLayer({
  name: 'identity',
  summary: identity.summary,
  source: 'torch.nn.Identity',
  family,
  params: {},
  build: (_builder, [x]) => x,
});

const zeroed = 'share of elements that training sets to 0; of no effect on the compiled model';
export const dropoutLayer = atInference('dropout', 'x itself; drops elements in training', 'torch.nn.Dropout', 0.5, zeroed);
export const dropout1dLayer = atInference('dropout1d', 'x itself; drops channels in training', 'torch.nn.Dropout1d', 0.5, zeroed);
export const dropout2dLayer = atInference('dropout2d', 'x itself; drops channels in training', 'torch.nn.Dropout2d', 0.5, zeroed);
export const dropout3dLayer = atInference('dropout3d', 'x itself; drops channels in training', 'torch.nn.Dropout3d', 0.5, zeroed);
export const alphaDropoutLayer = atInference(
  'alpha_dropout',
  'x itself; drops elements in training',
  'torch.nn.AlphaDropout',
  0.5,
  zeroed,
);
/**
 * Huang et al. 2016, arXiv:1603.09382, in torchvision's form: the branch that survives is scaled up while training, so nothing is
 * left to do.
 */
export const stochasticDepthLayer = atInference(
  'stochastic_depth',
  'x itself; drops whole residual bodies in training',
  'torchvision.ops.StochasticDepth',
  0,
  'chance that training drops the body; of no effect on the compiled model',
);

/** Xu et al. 2015, arXiv:1505.00853: at inference the slope is the mean of the interval that training draws from. */
export const rreluLayer = defineLayer({
  name: 'rrelu',
  summary: 'x for x ≥ 0, (lower + upper) / 2 · x below',
  source: 'torch.nn.RReLU',
  family,
  params: {
    lower: float({ positional: true, default: 1 / 8, doc: 'smallest slope of training' }),
    upper: float({ positional: true, default: 1 / 3, doc: 'largest slope of training' }),
  },
  build: (builder, [x], p) => builder.op(leakyRelu, [x], { slope: (p.lower + p.upper) / 2 }),
});

export const identityOperators: readonly Operator[] = [identity];

export const identityLayers: readonly Layer[] = [
  identityLayer,
  dropoutLayer,
  dropout1dLayer,
  dropout2dLayer,
  dropout3dLayer,
  alphaDropoutLayer,
  stochasticDepthLayer,
  rreluLayer,
];
