/**
 * Every operator and every layer, in one ordered list each. The order is that of the reference page: headings appear as their
 * family first does, layers under them in this order; nothing else depends on it. Lookup is by name.
 */
import { bug } from '../diagnostics/diagnostic.ts';
import type { Operator } from '../ir/operator.ts';
import { activationLayers, activationOperators } from './activation.ts';
import { adaptiveAvgpool, adaptiveAvgpoolLayer, adaptiveMaxpool, adaptiveMaxpoolLayer } from './adaptive-pool.ts';
import { affineGridLayer } from './affine-grid.ts';
import { attention } from './attention.ts';
import { attentionLayer } from './attention-layer.ts';
import { cast, castLayer } from './cast.ts';
import { compress, filterLayer } from './compress.ts';
import { controlFlow } from './control-flow.ts';
import type { Layer } from './define.ts';
import { einsumLayer } from './einsum.ts';
import { elementwiseLayers, elementwiseOperators } from './elementwise.ts';
import { embeddingLayer } from './embedding.ts';
import {
  generateLayers,
  generateOperators,
  movementLayers,
  movementOperators,
  normLayers,
  normOperators,
  poolLayers,
  poolOperators,
  productLayers,
  productOperators,
} from './frequent.ts';
import { gather, gatherLayer } from './gather.ts';
import { gatherElements, gatherElementsLayer } from './gather-elements.ts';
import { gatherNd, gatherNdLayer } from './gather-nd.ts';
import { gridSample, gridSampleLayer } from './grid-sample.ts';
import { identityLayers, identityOperators } from './identity.ts';
import { lengthLayers, momentLayers } from './moments.ts';
import { nms, nmsLayer } from './nms.ts';
import { nonzero, nonzeroLayer } from './nonzero.ts';
import { oneHotLayer } from './one-hot.ts';
import { packGates } from './pack-gates.ts';
import { predicateLayers, predicateOperators } from './predicates.ts';
import { axisLayers } from './rearrange.ts';
import { gru, lstm, rnn } from './recurrent.ts';
import { gruLayer, lstmLayer, rnnLayer } from './recurrent-layers.ts';
import { reduceLayers, reduceOperators } from './reduce.ts';
import { pixelShuffle, pixelShuffleLayer, pixelUnshuffleLayer, resize } from './resize.ts';
import { resizeLayer } from './resize-layer.ts';
import { resizeTo } from './resize-to.ts';
import { roiAlign, roiAlignLayer } from './roi-align.ts';
import { flipLayer, rollLayer } from './roll.ts';
import { ropeLayer, rotaryEmbedding } from './rotary.ts';
import { scatterElements, scatterElementsLayer, scatterLayer, scatterNd, scatterNdLayer } from './scatter.ts';
import { hardshrinkLayer, shrink, softshrinkLayer } from './shrink.ts';
import { sumLayer } from './sum.ts';
import { tile, tileLayer } from './tile.ts';
import { argsortLayer, sortLayer, topk, topkLayer } from './topk.ts';
import { triangleLayers, trilu } from './trilu.ts';
import { channelShuffleLayer, unfoldLayer } from './unfold.ts';
import { unique, uniqueLayer } from './unique.ts';

export const operators: readonly Operator[] = [
  ...productOperators,
  ...poolOperators,
  adaptiveAvgpool,
  adaptiveMaxpool,
  ...normOperators,
  attention,
  rotaryEmbedding,
  lstm,
  gru,
  rnn,
  packGates,
  resize,
  resizeTo,
  gridSample,
  pixelShuffle,
  ...activationOperators,
  shrink,
  ...elementwiseOperators,
  ...predicateOperators,
  ...movementOperators,
  tile,
  ...generateOperators,
  cast,
  gather,
  gatherElements,
  gatherNd,
  scatterElements,
  scatterNd,
  trilu,
  topk,
  nonzero,
  compress,
  unique,
  nms,
  roiAlign,
  ...reduceOperators,
  ...identityOperators,
];

export const layers: readonly Layer[] = [
  ...productLayers,
  embeddingLayer,
  oneHotLayer,
  ...poolLayers,
  adaptiveAvgpoolLayer,
  adaptiveMaxpoolLayer,
  ...normLayers,
  attentionLayer,
  ropeLayer,
  lstmLayer,
  gruLayer,
  rnnLayer,
  ...lengthLayers,
  resizeLayer,
  gridSampleLayer,
  affineGridLayer,
  pixelShuffleLayer,
  pixelUnshuffleLayer,
  ...activationLayers,
  softshrinkLayer,
  hardshrinkLayer,
  ...elementwiseLayers,
  ...predicateLayers,
  sumLayer,
  ...movementLayers,
  tileLayer,
  rollLayer,
  flipLayer,
  unfoldLayer,
  channelShuffleLayer,
  ...axisLayers,
  einsumLayer,
  ...generateLayers,
  castLayer,
  gatherLayer,
  gatherElementsLayer,
  gatherNdLayer,
  ...triangleLayers,
  ...reduceLayers,
  ...momentLayers,
  topkLayer,
  sortLayer,
  argsortLayer,
  nonzeroLayer,
  filterLayer,
  uniqueLayer,
  scatterLayer,
  scatterElementsLayer,
  scatterNdLayer,
  nmsLayer,
  roiAlignLayer,
  ...identityLayers,
];

/** Layers that are known and refused, with what to do instead: their result is not a function of the model's inputs. */
export const refusedLayers: ReadonlyMap<string, string> = new Map(
  [
    'random_normal',
    'random_normal_like',
    'random_uniform',
    'random_uniform_like',
    'randn',
    'randn_like',
    'rand',
    'rand_like',
    'randint',
    'randperm',
    'bernoulli',
    'multinomial',
    'poisson',
    'exponential',
    'gumbel_softmax',
  ].map((name) => [name, 'make the noise an input: `input noise: f32[N, 16]`']),
);

function byName<T extends { readonly name: string }>(all: readonly T[], what: string): ReadonlyMap<string, T> {
  const out = new Map<string, T>();
  for (const one of all) {
    if (out.has(one.name)) bug(`two ${what}s are named ${one.name}`);
    out.set(one.name, one);
  }
  return out;
}

const operatorTable = byName([...operators, ...controlFlow], 'operator');
const layerTable = byName(layers, 'layer');

export function operatorByName(name: string): Operator | undefined {
  return operatorTable.get(name);
}

export function layerByName(name: string): Layer | undefined {
  return layerTable.get(name);
}
