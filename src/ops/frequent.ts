/**
 * Operators and layers that most networks are made of, and those that passes make of others: what a program that compiles has at
 * once. The others lie in the registry alone, which is loaded when one of them is asked for (`lookup.ts`); it has these in runs,
 * with the others between them.
 */
import type { Operator } from '../ir/operator.ts';
import { activationLayers, activationOperators } from './activation.ts';
import { attention } from './attention.ts';
import { cast, castLayer } from './cast.ts';
import { concat, concatLayer, split, splitLayer, stackLayer } from './concat.ts';
import { conv, convLayer, convTranspose, convTransposeLayer } from './conv.ts';
import type { Layer } from './define.ts';
import { elementwiseLayers, elementwiseOperators } from './elementwise.ts';
import { expand, expandLayer } from './expand.ts';
import { gather, gatherLayer } from './gather.ts';
import { dimValue, full, fullLayer, range, rangeLayer, shapeOf, tensorLayer } from './generate.ts';
import { identityLayers, identityOperators } from './identity.ts';
import { gemm, linear, linearLayer, matmul, matmulLayer } from './linear.ts';
import { batchnorm, groupnorm, instancenorm, layernorm, rmsnorm } from './norm.ts';
import {
  batchnormLayer,
  groupnormLayer,
  instancenormLayer,
  layernormLayer,
  normalizeLayer,
  rmsnormLayer,
} from './norm-layers.ts';
import { pad, padLayer } from './pad.ts';
import {
  avgpool,
  avgpoolLayer,
  globalAvgpool,
  globalAvgpoolLayer,
  globalMaxpool,
  globalMaxpoolLayer,
  maxpool,
  maxpoolLayer,
} from './pool.ts';
import { reduceLayers, reduceOperators } from './reduce.ts';
import { flattenLayer, reshape, reshapeLayer, squeeze, squeezeLayer, unsqueeze, unsqueezeLayer } from './reshape.ts';
import { cropLayer, slice, sliceLayer } from './slice.ts';
import { sumLayer } from './sum.ts';
import { transpose, transposeLayer } from './transpose.ts';

export const productOperators: readonly Operator[] = [conv, convTranspose, linear, matmul, gemm];
export const poolOperators: readonly Operator[] = [maxpool, avgpool, globalAvgpool, globalMaxpool];
export const normOperators: readonly Operator[] = [batchnorm, instancenorm, groupnorm, layernorm, rmsnorm];
export const movementOperators: readonly Operator[] = [reshape, squeeze, unsqueeze, transpose, concat, split, slice, pad, expand];
export const generateOperators: readonly Operator[] = [range, full, dimValue, shapeOf];

export const frequentOperators: readonly Operator[] = [
  ...productOperators,
  ...poolOperators,
  ...normOperators,
  attention,
  ...activationOperators,
  ...elementwiseOperators,
  ...movementOperators,
  ...generateOperators,
  cast,
  gather,
  ...reduceOperators,
  ...identityOperators,
];

export const productLayers: readonly Layer[] = [convLayer, convTransposeLayer, linearLayer, matmulLayer];
export const poolLayers: readonly Layer[] = [maxpoolLayer, avgpoolLayer, globalAvgpoolLayer, globalMaxpoolLayer];
export const normLayers: readonly Layer[] = [
  batchnormLayer,
  instancenormLayer,
  groupnormLayer,
  layernormLayer,
  rmsnormLayer,
  normalizeLayer,
];
export const movementLayers: readonly Layer[] = [
  reshapeLayer,
  flattenLayer,
  squeezeLayer,
  unsqueezeLayer,
  transposeLayer,
  concatLayer,
  stackLayer,
  splitLayer,
  sliceLayer,
  cropLayer,
  padLayer,
  expandLayer,
];
export const generateLayers: readonly Layer[] = [rangeLayer, fullLayer, tensorLayer];

export const frequentLayers: readonly Layer[] = [
  ...productLayers,
  ...poolLayers,
  ...normLayers,
  ...activationLayers,
  ...elementwiseLayers,
  sumLayer,
  ...movementLayers,
  ...generateLayers,
  castLayer,
  gatherLayer,
  ...reduceLayers,
  ...identityLayers,
];
