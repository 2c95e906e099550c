/** Types of com.microsoft's operators that occur in residual networks: onnxruntime, docs/ContribOperators.md. */
import { broadcast, each, like, type Rule, type RuleTable } from './context.ts';
import { convolution } from './conv.ts';
import { ranked, rankOf } from './partial-type.ts';
import { globallyPooled, pooled } from './pool.ts';
import { gemm, matrixProduct } from './product.ts';
import { dequantized, quantized } from './quantize.ts';

const transposes = ['transA', 'transB', 'transBatchA', 'transBatchB'];

const fusedProduct: Rule = (c) =>
  transposes.every((name) => c.attributes.int(name, 0) === 0) ? matrixProduct()(c) : [{ elem: c.operand(0).elem }];

const quantizedPair: Rule = (c) => [{ elem: c.operand(0).elem, dims: broadcast(c.operand(0).dims, c.operand(3).dims) }];

/** Channels may stand last. */
const channelsSecond =
  (rule: Rule): Rule =>
  (c) =>
    c.attributes.flag('channels_last', false)
      ? [{ elem: c.operand(0).elem, dims: ranked(rankOf(c.operand(0))) }]
      : rule(c).slice(0, 1);

export const contributedRules: RuleTable = {
  ...each('Gelu FastGelu BiasGelu QuickGelu GroupNorm QLinearSigmoid QLinearLeakyRelu QLinearSoftmax Trilu', like(0)),
  SkipLayerNormalization: like(0),
  QuantizeLinear: quantized,
  DequantizeLinear: dequantized,
  FusedConv: convolution(),
  FusedGemm: gemm,
  FusedMatMul: fusedProduct,
  ...each('QLinearAdd QLinearMul', quantizedPair),
  QLinearGlobalAveragePool: channelsSecond(globallyPooled),
  QLinearAveragePool: channelsSecond(pooled),
};
