/**
 * Folds arithmetic with constants into the weights next to it: input normalisation, the residual scale of EDSR (arXiv:1707.02921), SkipInit
 * (arXiv:2002.10444) and ReZero (arXiv:2003.04887), layer scale (arXiv:2103.17239), learned gains.
 */
import type { Node, Value } from '../ir/graph.ts';
import { sameType } from '../ir/types.ts';
import { numberAttr } from '../ops/attrs.ts';
import * as w from '../tensor/algebra.ts';
import { copyIsFree, isConstant, isPositive, producerIn, product, soleReader } from './conditions.ts';
import { staysNormal } from './range.ts';
import { type Rewriter, rule } from './rule.ts';
import {
  type Affine,
  type Arithmetic,
  arithmeticOperators,
  arithmeticView,
  batchnormAffine,
  batchnormVectors,
  biasOf,
  changed,
  channelVector,
  hasConstantWeights,
  inputAxis,
  isView,
  type LinearView,
  linearOperators,
  linearView,
  normalFold,
  outputAxis,
  rebuild,
  scaleInputs,
  scaleOutputs,
  shiftThrough,
  takesShift,
  weightOf,
  zeros,
} from './views.ts';

/** A longer way between the constant and the weights than this is not searched. */
const chainLimit = 8;

/** Whether a node takes one value, and passes a scale of it on; prelu's slopes stay as they are. */
function passesScale(node: Node | undefined): node is Node {
  // Views have rules of their own.
  if (node?.results.length !== 1 || (isView(node) && node.op.traits.elementwise !== true)) return false;
  const { homogeneous } = node.op.traits;
  if (homogeneous !== 'any' && homogeneous !== 'positive') return false;
  return node.slots.length === 1 || (node.op.name === 'prelu' && isConstant(node.operand(1)));
}

/** A constant of arithmetic as a vector of channels along an axis that passes through pools and elementwise operators alike. */
function along(
  arithmetic: Arithmetic,
  value: w.WeightExpr | undefined,
  axis: number,
  channels: number,
): w.WeightExpr | undefined {
  return value && channelVector(value, arithmetic.node.y.type.dims.length, axis, channels);
}

function vectorsOf(arithmetic: Arithmetic, axis: number, channels: number): Affine | undefined {
  const scale = along(arithmetic, arithmetic.scale, axis, channels);
  const shift = along(arithmetic, arithmetic.shift, axis, channels);
  if ((arithmetic.scale && !scale) || (arithmetic.shift && !shift)) return undefined;
  return { scale, shift };
}

/** One element for every channel. */
function perChannel(vector: w.WeightExpr, channels: number): w.WeightExpr {
  return vector.dims[0] === channels ? vector : w.mul(vector, w.full(vector.elem, [channels], 1));
}

/** The same operator on another value. */
function repeatNode(g: Rewriter, node: Node, x: Value, before?: Node): Value {
  return g.node(node.op.name, [x, ...node.operands.slice(1)], node.attrs, node, before);
}

interface Upward {
  readonly arithmetic: Arithmetic;
  /** From the arithmetic up to the weights, the nearest first. */
  readonly chain: readonly Node[];
  readonly linear: LinearView;
}

/** Walks up from a value through what a scale passes. */
function chainAbove(value: Value, reader: Node): { readonly chain: readonly Node[]; readonly top: Node | undefined } {
  const chain: Node[] = [];
  let top = producerIn(value, reader);
  while (chain.length < chainLimit && passesScale(top)) {
    chain.push(top);
    top = producerIn(top.x, top);
  }
  return { chain, top };
}

function scaleMayPass(chain: readonly Node[], scale: w.WeightExpr | undefined): boolean {
  if (chain.length === 0) return true;
  if (!scale) return false;
  return chain.every((node) => node.op.traits.homogeneous === 'any') || isPositive(scale);
}

/** Every channel comes out of the nodes where it went in, or there is but one scale for all. */
function keepsChannels(chain: readonly Node[], axis: number, scale: w.WeightExpr | undefined, joined = false): boolean {
  if (scale?.count === 1 && !joined) return true;
  return chain.every(({ op }) => op.traits.elementwise === true || (op.traits.channelwise === true && axis === 1));
}

function foldedUp({
  arithmetic,
  linear,
}: Upward):
  | { readonly weight: w.WeightExpr; readonly bias: w.WeightExpr | undefined; readonly factors: readonly w.WeightExpr[] }
  | undefined {
  const vectors = vectorsOf(arithmetic, outputAxis(linear), linear.outputs);
  if (!vectors) return undefined;
  const { scale, shift } = vectors;
  const weight = scale ? scaleOutputs(linear, weightOf(linear), scale) : weightOf(linear);
  const scaled = linear.bias && (scale ? w.mul(biasOf(linear), scale) : biasOf(linear));
  const bias = shift ? w.add(scaled ?? zeros(linear.weight.type.elem, [linear.outputs]), shift) : scaled;
  return { weight, bias, factors: scale ? [scale] : [] };
}

export const foldAffineIntoLinear = rule({
  name: 'fold-affine/into-linear',
  doc: `Folds arithmetic with a constant into the linear operator before it.

  s·(W·x + b) + t  →  (s·W)·x + (s·b + t)         and for s > 0 through what is positively homogeneous:
  s·relu(W·x + b)  →  relu((s·W)·x + s·b)

Exact when
  one-reader    only the next node reads the linear operator and every node between, and none is an output
  constant      the weights are constants
  channels      the constant has one element, or one per output channel along the channels' axis, which nothing between moves or mixes, and does not
                widen the shape
  positive      through ReLU, LeakyReLU, PReLU and max pool passes a scale above zero alone; through what is linear (average pools, …) any; no shift
  normal        s is finite; s·W and the new bias stay in the normal range of the element type (see *Range*)
  weight-copy   nobody else reads W, or the copy is smaller than what goes
Rounding: in float64, rounded once.
Source: Lim et al. 2017, EDSR, arXiv:1707.02921, §3.3 (residual scaling); the equations.`,
  roots: arithmeticOperators,
  *match(node: Node): Generator<Upward> {
    const arithmetic = arithmeticView(node);
    if (!arithmetic) return;
    const { chain, top } = chainAbove(arithmetic.x, node);
    const linear = linearView(top);
    if (linear) yield { arithmetic, chain, linear };
  },
  exact: {
    'one-reader': ({ chain, linear }) => [linear.node, ...chain].every((node) => soleReader(node.y) !== undefined),
    constant: ({ linear }) => hasConstantWeights(linear),
    channels: (m) =>
      sameType(m.arithmetic.node.y.type, m.arithmetic.x.type) &&
      keepsChannels(m.chain, outputAxis(m.linear), m.arithmetic.scale) &&
      foldedUp(m) !== undefined,
    positive: ({ chain, arithmetic }) => scaleMayPass(chain, arithmetic.scale),
    normal: (m) => {
      const folded = foldedUp(m);
      return folded !== undefined && normalFold(m.linear, folded);
    },
    'weight-copy': ({ arithmetic, linear }) => !arithmetic.scale || copyIsFree(linear.weight, linear.node, 0),
  },
  rewrite(m, g) {
    const folded = foldedUp(m);
    if (!folded) return;
    let value = rebuild(g, m.linear, { weight: folded.weight, bias: folded.bias });
    for (const node of [...m.chain].reverse()) value = repeatNode(g, node, value);
    g.replace(m.arithmetic.node.y, value);
  },
});

interface Normed {
  readonly arithmetic: Arithmetic;
  readonly norm: Node;
}

/** Normalisations whose second and third operands scale and shift channels, and along which axis. */
function normAxis(node: Node): number | undefined {
  switch (node.op.name) {
    case 'batchnorm':
    case 'groupnorm':
    case 'instancenorm':
      return 1;
    default:
      return undefined;
  }
}

function normVectors({ arithmetic, norm }: Normed): Affine | undefined {
  const axis = normAxis(norm);
  const channels = norm.operand(1)?.type.dims[0]?.constant;
  return axis === undefined || channels === undefined ? undefined : vectorsOf(arithmetic, axis, channels);
}

function foldedNorm(m: Normed): { readonly gain: w.WeightExpr; readonly bias: w.WeightExpr } | undefined {
  const vectors = normVectors(m);
  const [, gain, bias] = m.norm.operands;
  if (!vectors || !gain || !bias) return undefined;
  const { scale, shift } = vectors;
  const scaled = scale ? w.mul(w.exprOf(bias), scale) : w.exprOf(bias);
  return { gain: scale ? w.mul(w.exprOf(gain), scale) : w.exprOf(gain), bias: shift ? w.add(scaled, shift) : scaled };
}

/** Whether a norm's new gain and bias stay in the range of their type. */
function normalGain(
  norm: Node,
  scale: w.WeightExpr | undefined,
  { gain, bias }: { readonly gain: w.WeightExpr; readonly bias: w.WeightExpr },
): boolean {
  const old = norm.operand(1);
  const weight = old?.content === gain ? undefined : gain;
  return staysNormal({ factors: scale ? [scale] : [], weight, was: old && w.exprOf(old), bias });
}

export const foldAffineIntoNorm = rule({
  name: 'fold-affine/into-norm',
  doc: `Folds arithmetic with a constant into the gain and the bias of the normalisation before it.

  s·(γ·n(x) + β) + t  →  (s·γ)·n(x) + (s·β + t)      n: batchnorm, groupnorm, instancenorm

Exact when
  one-reader   only the arithmetic reads the norm, which is no output
  constant     γ and β are there, and constants
  channels     the constant has one element, or one per channel along axis 1, and does not widen the shape
  normal       s·γ and s·β + t stay in the normal range of the element type (see *Range*)
Rounding: in float64, rounded once.
Source: the equation.`,
  roots: arithmeticOperators,
  *match(node: Node): Generator<Normed> {
    const arithmetic = arithmeticView(node);
    const norm = arithmetic && producerIn(arithmetic.x, node);
    if (norm && normAxis(norm) !== undefined) yield { arithmetic, norm };
  },
  exact: {
    'one-reader': ({ arithmetic, norm }) => soleReader(norm.y) === arithmetic.node,
    constant: ({ norm }) => isConstant(norm.operand(1)) && isConstant(norm.operand(2)),
    channels: (m) => sameType(m.arithmetic.node.y.type, m.norm.y.type) && normVectors(m) !== undefined,
    normal: (m) => {
      const folded = foldedNorm(m);
      return folded !== undefined && normalGain(m.norm, m.arithmetic.scale, folded);
    },
  },
  rewrite(m, g) {
    const folded = foldedNorm(m);
    const [x, gain, bias, ...rest] = m.norm.operands;
    if (!folded || !gain || !bias) return;
    g.replace(
      m.arithmetic.node.y,
      g.node(m.norm.op.name, [x, changed(g, gain, folded.gain), changed(g, bias, folded.bias), ...rest], m.norm.attrs, m.norm),
    );
  },
});

interface Behind {
  readonly arithmetic: Arithmetic;
  /** Undefined where a reader is none. */
  readonly readers: readonly (LinearView | undefined)[];
}

const readerLimit = 256;

function foldedBehind(
  arithmetic: Arithmetic,
  reader: LinearView,
):
  | { readonly weight: w.WeightExpr; readonly bias: w.WeightExpr | undefined; readonly factors: readonly w.WeightExpr[] }
  | undefined {
  const vectors = vectorsOf(arithmetic, inputAxis(reader), reader.inputs);
  if (!vectors) return undefined;
  const { scale, shift } = vectors;
  const weight = weightOf(reader);
  const moved =
    shift && (reader.kind === 'conv_transpose' ? undefined : shiftThrough(reader, weight, perChannel(shift, reader.inputs)));
  return {
    weight: scale ? scaleInputs(reader, weight, scale) : weight,
    bias: moved && (reader.bias ? w.add(biasOf(reader), moved) : moved),
    factors: [...(scale ? [scale] : []), ...(shift ? [shift] : [])],
  };
}

export const foldAffineIntoReaders = rule({
  name: 'fold-affine/into-readers',
  doc: `Folds arithmetic with a constant into the linear operators that read it.

  W·(s·x + t) + b  →  (W·s)·x + (W·t + b)

Exact when
  every-reader   every reader is a linear operator that reads it as its data, and it is no output
  constant       every reader's weights are constants
  channels       the constant has one element, or one per input channel along the channels' axis, and does not widen the shape
  shift          it does not shift, or no reader pads and none is a transposed conv
  normal         s and t are finite; W·s and the new bias stay in the normal range of the element type (see *Range*)
  weight-copy    nobody else reads a reader's W, or only readers that fold as well
Rounding: in float64, rounded once.
Source: the equation.`,
  roots: arithmeticOperators,
  *match(node: Node): Generator<Behind> {
    const arithmetic = arithmeticView(node);
    const { uses, outputs } = node.y;
    if (!arithmetic || uses.size === 0 || uses.size > readerLimit) return;
    const readers = [...uses].map((use) => (use.index === 0 && use.user.graph === node.graph ? linearView(use.user) : undefined));
    if (readers.some((reader) => reader !== undefined)) yield { arithmetic, readers: outputs > 0 ? [undefined] : readers };
  },
  exact: {
    'every-reader': ({ readers }) => readers.every((r) => r !== undefined),
    constant: ({ readers }) => readers.every((r) => r !== undefined && hasConstantWeights(r)),
    channels: ({ arithmetic, readers }) =>
      sameType(arithmetic.node.y.type, arithmetic.x.type) &&
      readers.every((r) => r !== undefined && foldedBehind(arithmetic, r) !== undefined),
    shift: ({ arithmetic, readers }) => !arithmetic.shift || readers.every((r) => r !== undefined && takesShift(r)),
    normal: ({ arithmetic, readers }) =>
      readers.every((r) => {
        const folded = r && foldedBehind(arithmetic, r);
        return r !== undefined && folded !== undefined && normalFold(r, folded);
      }),
    'weight-copy': ({ arithmetic, readers }) =>
      !arithmetic.scale ||
      readers.every(
        (r) =>
          r !== undefined &&
          copyIsFree(r.weight, r.node, 0, (other) => readers.some((one) => one?.node === other && one.kind === r.kind)),
      ),
  },
  rewrite({ arithmetic, readers }, g) {
    for (const reader of readers) {
      const folded = reader && foldedBehind(arithmetic, reader);
      if (!folded) continue;
      const value = rebuild(g, reader, { x: arithmetic.x, weight: folded.weight, bias: folded.bias, before: reader.node });
      g.replace(reader.node.y, value);
    }
  },
});

interface Through {
  readonly linear: LinearView;
  readonly chain: readonly Node[];
  readonly arithmetic: Arithmetic;
  /** Where the way leads through a concat along the channels: which operand, and its first channel. */
  readonly joined: { readonly concat: Node; readonly index: number; readonly from: number; readonly size: number } | undefined;
}

function scaleThrough({ linear, arithmetic, joined }: Through): w.WeightExpr | undefined {
  const axis = inputAxis(linear);
  const scale = along(arithmetic, arithmetic.scale, axis, joined?.size ?? linear.inputs);
  if (!scale || !joined) return scale;
  const { elem } = scale;
  const behind = linear.inputs - joined.from - joined.size;
  const parts = [
    ...(joined.from > 0 ? [w.full(elem, [joined.from], 1)] : []),
    perChannel(scale, joined.size),
    ...(behind > 0 ? [w.full(elem, [behind], 1)] : []),
  ];
  return w.concat(parts, 0);
}

/** The channels of a concat's operands, when they are known. */
function channelsOf(concat: Node, axis: number): readonly number[] | undefined {
  const out: number[] = [];
  for (const operand of concat.operands) {
    const size = operand?.type.dims[axis]?.constant;
    if (size === undefined) return undefined;
    out.push(size);
  }
  return out;
}

export const foldAffineThrough = rule({
  name: 'fold-affine/through',
  doc: `Folds a scale into the linear operator behind, through nodes that a scale passes and through a concat of channels.

  W·relu(s·x)            →  (W·s)·relu(x)
  W·concat(s·x, y)       →  (W·[s, 1])·concat(x, y)

Exact when
  one-reader    only the next node reads the scaled value and every node between, and none is an output
  constant      the weights are constants
  channels      the scale has one element, or one per channel along the channels' axis, which nothing between moves or mixes, and does not widen the
                shape
  positive      through ReLU, LeakyReLU, PReLU and max pool passes a scale above zero alone; through what is linear (average pools, concats, …) any
  normal        s is finite, and W·s stays in the normal range of the element type (see *Range*)
  weight-copy   nobody else reads W
Rounding: in float64, rounded once.
Source: the equations.`,
  roots: linearOperators,
  *match(node: Node): Generator<Through> {
    const linear = linearView(node);
    if (!linear) return;
    const { chain, top } = chainAbove(linear.x, node);
    if (!top) return;
    const direct = arithmeticView(top);
    if (direct?.scale && !direct.shift) {
      if (chain.length > 0) yield { linear, chain, arithmetic: direct, joined: undefined };
      return;
    }
    const axis = inputAxis(linear);
    if (top.op.name !== 'concat' || (numberAttr(top.attrs, 'axis') + top.y.type.dims.length) % top.y.type.dims.length !== axis)
      return;
    const sizes = channelsOf(top, axis);
    if (!sizes) return;
    let from = 0;
    for (const [index, size] of sizes.entries()) {
      const arithmetic = arithmeticView(producerIn(top.operand(index), top));
      if (arithmetic?.scale && !arithmetic.shift) yield { linear, chain, arithmetic, joined: { concat: top, index, from, size } };
      from += size;
    }
  },
  exact: {
    'one-reader': ({ chain, arithmetic, joined }) =>
      [...chain, arithmetic.node, ...(joined ? [joined.concat] : [])].every((node) => soleReader(node.y) !== undefined),
    constant: ({ linear }) => hasConstantWeights(linear),
    channels: (m) =>
      sameType(m.arithmetic.node.y.type, m.arithmetic.x.type) &&
      keepsChannels(m.chain, inputAxis(m.linear), m.arithmetic.scale, m.joined !== undefined) &&
      scaleThrough(m) !== undefined,
    positive: ({ chain, arithmetic }) => scaleMayPass(chain, arithmetic.scale),
    normal: (m) => {
      const scale = scaleThrough(m);
      if (!scale) return false;
      return normalFold(m.linear, {
        weight: scaleInputs(m.linear, weightOf(m.linear), scale),
        bias: undefined,
        factors: [scale],
      });
    },
    'weight-copy': ({ linear }) => copyIsFree(linear.weight, linear.node, 0),
  },
  rewrite(m, g) {
    const scale = scaleThrough(m);
    if (!scale) return;
    let value = m.arithmetic.x;
    const { joined } = m;
    if (joined) {
      const operands = joined.concat.operands.map((operand, i) => (i === joined.index ? value : operand));
      value = g.node('concat', operands, joined.concat.attrs, joined.concat);
    }
    for (const node of [...m.chain].reverse()) value = repeatNode(g, node, value);
    g.replace(m.linear.node.y, rebuild(g, m.linear, { x: value, weight: scaleInputs(m.linear, weightOf(m.linear), scale) }));
  },
});

interface Twice {
  readonly outer: Arithmetic;
  readonly inner: Arithmetic;
}

/** c − x, which scales by −1 and shifts. */
const isFlipped = (one: Arithmetic): boolean => one.node.op.name === 'sub' && one.scale !== undefined;

/** The one operator that does what the two do, and its constant. */
function together({ outer, inner }: Twice): { readonly op: 'mul' | 'add' | 'sub'; readonly constant: w.WeightExpr } | undefined {
  const [flipsIn, flipsOut] = [isFlipped(inner), isFlipped(outer)];
  if (inner.shift && outer.shift) {
    // c₂ − (c₁ − x) = x + (c₂ − c₁), c₂ − (x + t) = (c₂ − t) − x, (c₁ − x) + t = (c₁ + t) − x.
    const constant = flipsOut ? w.sub(outer.shift, inner.shift) : w.add(inner.shift, outer.shift);
    return { op: flipsIn === flipsOut ? 'add' : 'sub', constant };
  }
  if (inner.scale && outer.scale && !inner.shift && !outer.shift) return { op: 'mul', constant: w.mul(inner.scale, outer.scale) };
  return undefined;
}

export const foldAffineTogether = rule({
  name: 'fold-affine/together',
  doc: `Makes one operator of two that scale, or two that shift, by constants.

  (x · s₁) · s₂  →  x · (s₁·s₂)
  (x + t₁) + t₂  →  x + (t₁ + t₂)      c₂ − (c₁ − x)  →  x + (c₂ − c₁)      c − (x + t)  →  (c − t) − x

Constants may widen the shape: so does the one that is made of them.
Exact when
  one-reader   only the outer reads the inner, which is no output
  no-growth    the combined constant has no more elements than the two
  normal       it is finite, and a product of two that are not zero is no smaller than the smallest normal number of the element type (see *Range*)
Rounding: in float64, rounded once.
Source: associativity.`,
  roots: arithmeticOperators,
  *match(node: Node): Generator<Twice> {
    const outer = arithmeticView(node);
    const inner = outer && arithmeticView(producerIn(outer.x, node));
    if (inner && together({ outer, inner })) yield { outer, inner };
  },
  exact: {
    'one-reader': ({ outer, inner }) => soleReader(inner.node.y) === outer.node,
    'no-growth': (m) => {
      const count = product(together(m)?.constant.dims ?? [Infinity]);
      return count <= product(w.exprOf(m.outer.constant).dims) + product(w.exprOf(m.inner.constant).dims);
    },
    normal: (m) => {
      const made = together(m);
      if (!made) return false;
      // What is added is a bias, without a weight whose elements could get lost.
      if (made.op !== 'mul') return staysNormal({ factors: [], bias: made.constant });
      return staysNormal({ factors: [m.inner.scale, m.outer.scale].filter((x) => x !== undefined), weight: made.constant });
    },
  },
  rewrite(m, g) {
    const made = together(m);
    if (!made) return;
    const constant = changed(g, m.inner.constant, made.constant);
    const operands = made.op === 'sub' ? [constant, m.inner.x] : [m.inner.x, constant];
    g.replace(m.outer.node.y, g.node(made.op, operands, {}, m.outer.node));
  },
});

interface BeforeNorm {
  readonly norm: Node;
  readonly arithmetic: Arithmetic;
}

function foldedBefore({
  norm,
  arithmetic,
}: BeforeNorm): { readonly gain: w.WeightExpr; readonly bias: w.WeightExpr } | undefined {
  const channels = norm.operand(1)?.type.dims[0]?.constant;
  const vectors = channels === undefined ? undefined : vectorsOf(arithmetic, 1, channels);
  const gain = norm.operand(1);
  const bias = norm.operand(2);
  if (!vectors || !gain || !bias) return undefined;
  const { scale } = batchnormAffine(norm);
  // γ'·(x − μ)/σ + β' = a·(s·x + t − μ) + β with a = γ/σ: γ' = γ·s, β' = β + a·(t + s·μ − μ).
  const mean = w.exprOf(batchnormVectors(norm)[2] ?? gain);
  const moved = vectors.scale ? w.sub(w.mul(vectors.scale, mean), mean) : undefined;
  const inner = vectors.shift && moved ? w.add(vectors.shift, moved) : (vectors.shift ?? moved);
  return {
    gain: vectors.scale ? w.mul(w.exprOf(gain), vectors.scale) : w.exprOf(gain),
    bias: inner ? w.add(w.exprOf(bias), w.mul(scale, inner)) : w.exprOf(bias),
  };
}

export const foldAffineBeforeNorm = rule({
  name: 'fold-affine/before-batchnorm',
  doc: `Folds arithmetic with a constant into the batchnorm behind it.

  batchnorm(s·x + t; γ, β, μ, σ²)  →  batchnorm(x; γ·s, β + a·(t + s·μ − μ), μ, σ²),   a = γ / √(σ² + ε)

Exact when
  one-reader   only the batchnorm reads the arithmetic, which is no output
  constant     the batchnorm's vectors are constants
  channels     the constant has one element, or one per channel along axis 1, and does not widen the shape
  normal       the new gain and bias stay in the normal range of the element type (see *Range*)
Rounding: in float64, rounded once.
Source: the equation.`,
  roots: ['batchnorm'],
  *match(norm: Node): Generator<BeforeNorm> {
    const arithmetic = arithmeticView(producerIn(norm.operand(0), norm));
    if (arithmetic) yield { norm, arithmetic };
  },
  exact: {
    'one-reader': ({ norm, arithmetic }) => soleReader(arithmetic.node.y) === norm,
    constant: ({ norm }) => batchnormVectors(norm).every(isConstant),
    channels: (m) => sameType(m.arithmetic.node.y.type, m.arithmetic.x.type) && foldedBefore(m) !== undefined,
    normal: (m) => {
      const folded = foldedBefore(m);
      return folded !== undefined && normalGain(m.norm, m.arithmetic.scale, folded);
    },
  },
  rewrite(m, g) {
    const folded = foldedBefore(m);
    const [, gain, bias, mean, variance] = m.norm.operands;
    if (!folded || !gain || !bias) return;
    const operands = [m.arithmetic.x, changed(g, gain, folded.gain), changed(g, bias, folded.bias), mean, variance];
    g.replace(m.norm.y, g.node('batchnorm', operands, m.norm.attrs, m.norm));
  },
});
