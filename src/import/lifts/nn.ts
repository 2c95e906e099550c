/**
 * Lifts of the operators with weights: Conv-11 (-22), ConvTranspose-11 (-22), Gemm-13, MatMul-13, BatchNormalization-9 (-14,
 * -15), InstanceNormalization-6 (-22), LayerNormalization-17, RMSNormalization-23, RotaryEmbedding-23, Attention-23, Einsum-12.
 */
import { outside } from '../../diagnostics/at.ts';
import { Dim } from '../../ir/dim.ts';
import type { Value } from '../../ir/graph.ts';
import { attention } from '../../ops/attention.ts';
import { sameDim } from '../../ops/common.ts';
import { conv, convTranspose } from '../../ops/conv.ts';
import { buildEinsum } from '../../ops/einsum.ts';
import { gemm, linear, matmul } from '../../ops/linear.ts';
import { batchnorm, instancenorm, layernorm, rmsnorm } from '../../ops/norm.ts';
import { rotaryEmbedding } from '../../ops/rotary.ts';
import { windowExtent } from '../../ops/window.ts';
import * as w from '../../tensor/algebra.ts';
import type { Lift, LiftBuilder, LiftNode, LiftTable } from '../lift.ts';
import { axisFrom, isFixed, leave, rankOf, require } from './common.ts';

/** One number per spatial axis. */
export function perAxis(node: LiftNode, name: string, axes: number, otherwise: number): readonly number[] {
  const given = node.ints(name) ?? Array.from({ length: axes }, () => otherwise);
  require(given.length === axes, `${name} has ${given.length} numbers for ${axes} axes`);
  return given;
}

/**
 * Begins, then ends. With `SAME_UPPER` and `SAME_LOWER` there are ⌈L/s⌉ windows, so that (⌈L/s⌉ − 1)·s + e − L is padded: of an
 * unknown L that is e − 1 for s = 1 and open otherwise. Where windows are further apart than they reach it is negative, and
 * onnxruntime begins that many halves inside, rounded towards zero: −1 is nothing, and what is below is left as it is.
 */
export function windowPads(
  node: LiftNode,
  grid: readonly Dim[],
  kernel: readonly number[],
  stride: readonly number[],
  dilation: readonly number[],
): readonly number[] {
  const mode = node.string('auto_pad', 'NOTSET');
  const axes = grid.length;
  if (mode === 'NOTSET') {
    const pads = node.ints('pads') ?? Array.from({ length: 2 * axes }, () => 0);
    require(pads.length === 2 * axes, `pads has ${pads.length} numbers for ${axes} axes`);
    return pads;
  }
  if (mode === 'VALID') return Array.from({ length: 2 * axes }, () => 0);
  require(mode === 'SAME_UPPER' || mode === 'SAME_LOWER', `auto_pad is ${mode}`);
  const totals = grid.map((size, axis) => {
    const extent = windowExtent(kernel[axis] ?? 1, dilation[axis] ?? 1);
    const step = stride[axis] ?? 1;
    // The least total, of a length that is a multiple of the stride, is e − s.
    if (extent === 1 && step <= 2) return 0;
    const length = size.constant;
    if (length === undefined) return step === 1 ? extent - 1 : leave(`auto_pad depends on the size ${size}`);
    const total = (Math.ceil(length / step) - 1) * step + extent - length;
    if (total < -1) leave(`auto_pad begins inside an axis of ${length}`);
    return Math.max(0, total);
  });
  return halves(totals, mode === 'SAME_UPPER');
}

/** Begins, then ends; of an odd number the greater half goes to the ends where `upper` holds. */
function halves(totals: readonly number[], upper: boolean): readonly number[] {
  const less = totals.map((n) => Math.floor(n / 2));
  const more = totals.map((n) => Math.ceil(n / 2));
  return upper ? [...less, ...more] : [...more, ...less];
}

function weighted(
  node: LiftNode,
  b: LiftBuilder,
  channels: 'in-is-second' | 'in-is-first',
): { x: Value; weight: Value; axes: number } {
  const weight = node.need(1);
  b.constrainRank(0, rankOf(weight));
  const x = node.need(0);
  const axes = rankOf(weight) - 2;
  require(axes >= 1, 'a weight without spatial axes');
  const first = weight.type.dims[channels === 'in-is-first' ? 0 : 1];
  if (first) b.constrainSize(x, 1, channels === 'in-is-first' ? first : first.times(node.int('group', 1)));
  const kernel = node.ints('kernel_shape');
  kernel?.forEach((k, axis) => {
    const size = weight.type.dims[axis + 2];
    b.constrainSize(weight, axis + 2, Dim.of(k));
    require(size?.constant === k, `kernel_shape is ${k} where the weight has ${size}`);
  });
  return { x, weight, axes };
}

const liftConv: Lift = (node, b) => {
  const { x, weight, axes } = weighted(node, b, 'in-is-second');
  const kernel = weight.type.dims.slice(2).map((d) => d.constant ?? leave(`the kernel has the size ${d}`));
  const stride = perAxis(node, 'strides', axes, 1);
  const dilation = perAxis(node, 'dilations', axes, 1);
  const pads = windowPads(node, x.type.dims.slice(2), kernel, stride, dilation);
  return [b.op(conv, [x, weight, node.input(2)], { stride, dilation, pads, groups: node.int('group', 1) })];
};

const liftConvTranspose: Lift = (node, b) => {
  const { x, weight, axes } = weighted(node, b, 'in-is-first');
  const kernel = weight.type.dims.slice(2).map((d) => d.constant ?? leave(`the kernel has the size ${d}`));
  const stride = perAxis(node, 'strides', axes, 1);
  const dilation = perAxis(node, 'dilations', axes, 1);
  const output_pad = perAxis(node, 'output_padding', axes, 0);
  const mode = node.string('auto_pad', 'NOTSET');
  const asked = node.ints('output_shape');
  require(['NOTSET', 'VALID', 'SAME_UPPER', 'SAME_LOWER'].includes(mode), `auto_pad is ${mode}`);
  let pads = node.ints('pads') ?? Array.from({ length: 2 * axes }, () => 0);
  if (mode === 'VALID' && !asked) pads = pads.map(() => 0);
  else if (asked || mode === 'SAME_UPPER' || mode === 'SAME_LOWER') {
    // What the formula without pads gives, less what is asked for: (L − 1)·s + e + o − M, where M is L·s if nothing is asked.
    const shape = asked?.slice(-axes);
    require(shape === undefined || shape.length === axes, `output_shape has ${asked?.length} numbers for ${axes} axes`);
    const totals = kernel.map((k, axis) => {
      const step = stride[axis] ?? 1;
      const reach = windowExtent(k, dilation[axis] ?? 1) + (output_pad[axis] ?? outside());
      if (!shape) return reach - step;
      const length = x.type.dims[axis + 2]?.constant ?? leave(`output_shape depends on the size ${x.type.dims[axis + 2]}`);
      return (length - 1) * step + reach - (shape[axis] ?? outside());
    });
    require(totals.every((n) => n >= 0), 'output_shape is larger than the kernel reaches');
    pads = halves(totals, mode === 'SAME_UPPER');
  }
  require(pads.length === 2 * axes, `pads has ${pads.length} numbers for ${axes} axes`);
  return [b.op(convTranspose, [x, weight, node.input(2)], { stride, dilation, pads, groups: node.int('group', 1), output_pad })];
};

/** C of a Gemm as a vector of the outputs, where it is one: [n], or a constant that is the same in every row. */
function biasOf(b: LiftBuilder, c: Value, outputs: Dim): Value | undefined {
  const { dims } = c.type;
  if (dims.length === 1 && dims[0] === outputs) return c;
  const count = outputs.constant;
  if (!c.content || count === undefined) return undefined;
  const rows = dims.length === 2 ? dims[0]?.constant : 1;
  const last = dims.at(-1)?.constant ?? 1;
  if (dims.length > 2 || rows !== 1 || (last !== 1 && last !== count)) return undefined;
  let content = w.reshape(w.exprOf(c), [last]);
  if (last !== count) content = w.add(content, w.fullLike(content, [count], 0));
  return b.derived(c, content);
}

/**
 * With a constant B, or one that is read transposed, a Gemm is a fully connected layer. α and β stay attributes: whether they may
 * go into the weights depends on the range of the products, which fuse-gemm asks.
 */
const liftGemm: Lift = (node, b) => {
  // Of one axis, onnxruntime takes A as one row.
  b.constrainRank(0, 2, false);
  b.constrainRank(1, 2);
  const [x, y, c] = [node.need(0), node.need(1), node.input(2)];
  const [alpha, beta] = [node.float('alpha', 1), node.float('beta', 1)];
  const [transA, transB] = [node.flag('transA', false), node.flag('transB', false)];
  const inner = y.type.dims[transB ? 1 : 0];
  if (inner) b.constrainSize(x, transA ? 0 : 1, inner);
  const outputs = y.type.dims[transB ? 0 : 1] ?? leave('B is no matrix');
  const isLayer = rankOf(y) === 2 && !transA && alpha === 1 && (y.content !== undefined || transB);
  const bias = c && beta === 1 ? biasOf(b, c, outputs) : undefined;
  if (isLayer && (c === undefined || bias !== undefined || (beta === 0 && c.content !== undefined))) {
    const weight = y.content && !transB ? b.derived(y, w.transpose(w.exprOf(y), [1, 0])) : y;
    return [b.op(linear, bias ? [x, weight, bias] : [x, weight])];
  }
  if (!c && !transA && !transB && alpha === 1) return [b.op(matmul, [x, y])];
  return [b.op(gemm, c ? [x, y, c] : [x, y], { alpha, beta, trans_a: transA, trans_b: transB })];
};

const liftMatMul: Lift = (node, b) => {
  const [x, y] = [node.need(0), node.need(1)];
  const inner = y.type.dims[Math.max(0, rankOf(y) - 2)];
  if (inner && rankOf(x) > 0) b.constrainSize(x, rankOf(x) - 1, inner);
  return [b.op(matmul, [x, y])];
};

const liftBatchNormalization: Lift = (node, b) => {
  require(node.int('spatial', 1) === 1, 'statistics per element');
  if (node.int('training_mode', 0) === 1) {
    // The statistics of a batch of one are those of its only instance. Of weights alone, because only those are the same in every
    // run.
    const [x, weight, bias] = [node.need(0), node.need(1), node.need(2)];
    require([x, weight, bias].every(isFixed) && x.type.dims[0]?.constant === 1 && rankOf(x) > 2, 'a batchnorm in training mode');
    for (let i = 1; i < node.outputCount; i++) require(!node.outputUsed(i), 'the running statistics are outputs');
    // ONNX takes the statistics of the batch, onnxruntime 1.30 its own mixture of them with the running ones, which are the same
    // at a momentum of 1.
    require(node.float('momentum', 0.9) === 1, 'a batchnorm in training mode that runtimes compute in different ways');
    return [b.op(instancenorm, [x, weight, bias], { eps: node.float('epsilon', 1e-5) })];
  }
  for (let i = 1; i < node.outputCount; i++) require(!node.hasOutput(i), 'the running statistics are outputs');
  const [x, ...vectors] = [0, 1, 2, 3, 4].map((i) => node.need(i));
  const channels = vectors[0]?.type.dims[0];
  if (x && channels) b.constrainSize(x, 1, channels);
  return [b.op(batchnorm, [x, ...vectors], { eps: node.float('epsilon', 1e-5) })];
};

const liftInstanceNormalization: Lift = (node, b) => {
  const [x, weight, bias] = [node.need(0), node.need(1), node.need(2)];
  const channels = weight.type.dims[0];
  if (channels) b.constrainSize(x, 1, channels);
  return [b.op(instancenorm, [x, weight, bias], { eps: node.float('epsilon', 1e-5) })];
};

const liftLayerNormalization: Lift = (node, b) => {
  require(!node.outputUsed(1) && !node.outputUsed(2), 'mean or deviation are outputs');
  require(node.int('stash_type', 1) === 1, 'another type for the statistics');
  const [x, weight] = [node.need(0), node.need(1)];
  const axis = axisFrom(node.int('axis', -1), rankOf(x));
  // A scale of size 1 is broadcast, to whatever size x has.
  weight.type.dims.forEach((d, i) => {
    if (d.constant !== 1) b.constrainSize(x, rankOf(x) - rankOf(weight) + i, d);
  });
  return [b.op(layernorm, [x, weight, node.input(2)], { axis, eps: node.float('epsilon', 1e-5) })];
};

const liftRmsNormalization: Lift = (node, b) => {
  require(node.int('stash_type', 1) === 1, 'another type for the squares');
  const [x, weight] = [node.need(0), node.need(1)];
  const axis = axisFrom(node.int('axis', -1), rankOf(x));
  require(rankOf(weight) === rankOf(x) - axis, 'a scale of another rank');
  // A scale of size 1 is broadcast, to whatever size x has.
  weight.type.dims.forEach((d, i) => {
    if (d.constant !== 1) b.constrainSize(x, axis + i, d);
  });
  return [b.op(rmsnorm, [x, weight], { axis, eps: node.float('epsilon', 1e-5) })];
};

const liftRotaryEmbedding: Lift = (node, b) => {
  const [x, cos, sin] = [node.need(0), node.need(1), node.need(2)];
  require(!node.input(3), 'positions that pick rows of tables');
  require(rankOf(x) === 4, 'heads that are not split');
  const turned = node.int('rotary_embedding_dim', 0);
  const pairs = cos.type.dims[2]?.constant;
  const all = x.type.dims[3];
  const fits =
    turned === 0 ? all !== undefined && pairs !== undefined && sameDim(all, Dim.of(2 * pairs)) : turned === 2 * (pairs ?? 0);
  require(fits, 'tables of another width');
  return [b.op(rotaryEmbedding, [x, cos, sin], { interleaved: node.flag('interleaved', false) })];
};

const liftAttention: Lift = (node, b) => {
  const [q, k, v, mask] = [node.need(0), node.need(1), node.need(2), node.input(3)];
  require(!node.input(4) && !node.input(5), 'a cache of earlier keys');
  for (let i = 1; i < node.outputCount; i++) require(!node.outputUsed(i), 'keys, values or products are outputs');
  require(rankOf(q) === 4, 'heads that are not split');
  require(node.float('softcap', 0) === 0, 'softcap');
  // Opsets 24 and 25: lengths without padding, and windows beside the diagonal.
  require(!node.input(6), 'lengths of keys without their padding');
  for (const side of ['left', 'right']) require(node.int(`${side}_window_size`, -1) === -1, 'a window of keys');
  require(!node.has('softmax_precision'), 'another precision of the softmax');
  require(!mask || mask.type.elem === q.type.elem, 'a mask of booleans');
  const size = q.type.dims[3]?.constant;
  const scale = node.has('scale') ? node.float('scale') : Math.fround(1 / Math.sqrt(size ?? leave('heads of unknown size')));
  return [b.op(attention, mask ? [q, k, v, mask] : [q, k, v], { scale, causal: node.flag('is_causal', false) })];
};

/** What the layer `einsum` makes. Of axes that an ellipsis hides and the result has not, ONNX says nothing. */
const liftEinsum: Lift = (node, b) => {
  const equation = node.string('equation').replace(/\s/g, '');
  const [left = '', right] = equation.split('->');
  require(right === undefined || right.includes('.') || !left.includes('.'), 'an ellipsis that the result has not');
  const xs = node.inputs();
  for (const x of xs) b.checkWritable(x.type.dims, x);
  return [buildEinsum(b, equation, xs)];
};

export const nnLifts: LiftTable = {
  Conv: liftConv,
  ConvTranspose: liftConvTranspose,
  Gemm: liftGemm,
  MatMul: liftMatMul,
  BatchNormalization: liftBatchNormalization,
  InstanceNormalization: liftInstanceNormalization,
  LayerNormalization: liftLayerNormalization,
  RMSNormalization: liftRmsNormalization,
  RotaryEmbedding: liftRotaryEmbedding,
  Attention: liftAttention,
  Einsum: liftEinsum,
};
