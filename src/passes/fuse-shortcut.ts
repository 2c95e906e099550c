/**
 * What makes a shortcut cheap (He et al. 2015, arXiv:1512.03385; 2016, arXiv:1603.05027): shortcuts and bodies that do nothing go, option A becomes
 * what runtimes are fast at, and the sum gets the form that they fuse into the conv.
 */
import type { Node, Value } from '../ir/graph.ts';
import { holds } from '../ir/operator.ts';
import { sameType } from '../ir/types.ts';
import { numberAttr, numbersAttr } from '../ops/attrs.ts';
import * as w from '../tensor/algebra.ts';
import { copyIsFree, everyElement, everyElementIs, isConstant, producerIn, soleReader } from './conditions.ts';
import { elementsOf } from './driver.ts';
import { unitMatrix } from './merge-branches.ts';
import { hasStrideOne, isPointwise, isUnpadded } from './merge-linear.ts';
import { type Rewriter, rule } from './rule.ts';
import { subsampleOf, zeroPads } from './shape-facts.ts';
import { biasOf, changed, hasConstantWeights, type LinearView, linearView, rebuild, weightOf, zeros } from './views.ts';

// ------------------------------------------------------------------------------------------------------------ nothing to add, nothing to do

interface Term {
  readonly sum: Node;
  /** The operand that the rule is about, and the other one. */
  readonly term: Value;
  readonly other: Value;
}

function* termsOf(sum: Node): Generator<Term> {
  const [a, b] = sum.operands;
  if (!a || !b) return;
  yield { sum, term: a, other: b };
  yield { sum, term: b, other: a };
}

const chainLimit = 16;

/**
 * Whether every element is zero for every input on which all values are finite. Follows the way up while zeros stay zeros; the constants that
 * decide must be small enough to be known.
 */
function isZero(value: Value): boolean {
  let at = value;
  for (let i = 0; i < chainLimit; i++) {
    if (at.content) return everyElement(at.content, 0);
    const node = at.producer;
    if (node?.results.length !== 1) return false;
    const view = linearView(node);
    if (view) {
      const noBias = view.bias === undefined || everyElement(view.bias.content, 0);
      if (!noBias) return false;
      if (everyElement(view.weight.content, 0)) return true;
      at = view.x;
      continue;
    }
    const [x, c] = node.operands;
    if (!x) return false;
    if (node.op.name === 'batchnorm') return everyElement(c?.content, 0) && everyElement(node.operand(2)?.content, 0);
    if (node.op.name === 'mul') {
      if (everyElement(x.content, 0) || everyElement(c?.content, 0)) return true;
      if (c && !isConstant(x) && isConstant(c)) at = x;
      else if (c && isConstant(x)) at = c;
      else return false;
      continue;
    }
    if (node.op.name === 'div' && isConstant(c)) {
      at = x;
      continue;
    }
    if (!holds(node.op.traits.keepsZero, node)) return false;
    at = x;
  }
  return false;
}

function partOf(term: Value, sum: Node): 'body' | 'shortcut' | 'operand' {
  const tag = term.producer?.origin.residual;
  const part = tag?.region === sum.origin.residual?.region ? tag?.part : undefined;
  return part === 'body' || part === 'shortcut' ? part : 'operand';
}

export const removeZeroTerm = rule({
  name: 'fuse-shortcut/zero',
  doc: `Removes a shortcut or a body that is provably zero from the sum.

  x + 0·f(x)  →  x

0·f(x) is a linear operator with zero weights and no bias, a batchnorm with zero gain and bias, a product with zero, or what follows one of these and
keeps zeros zeros: 0 · v is 0 because v is finite.
Exact when
  shape   the other term has the sum's type: nothing was broadcast
Reported. Source: the definition of exact; zero-initialised gains of Goyal et al. 2017, arXiv:1706.02677, §5.1.`,
  roots: ['add'],
  match: function* (sum: Node): Generator<Term> {
    for (const m of termsOf(sum)) if (isZero(m.term)) yield m;
  },
  exact: { shape: ({ sum, other }) => sameType(other.type, sum.y.type) },
  rewrite({ sum, term, other }, g) {
    g.removedShortcut({ scope: sum.origin.scope, removed: partOf(term, sum), why: 'zero' });
    g.replace(sum.y, other);
  },
});

/** The matrix of a linear operator, that of a pointwise conv within each group, is known to be the unit matrix. */
function hasUnitMatrix(view: LinearView): boolean {
  if (view.inputs !== view.outputs || (view.kind === 'conv' && !isPointwise(view))) return false;
  const per = view.inputs / view.groups;
  return everyElementIs(view.weight.content, (i) => (i % per === Math.floor(i / per) % per ? 1 : 0));
}

export const removeIdentityTerm = rule({
  name: 'fuse-shortcut/identity',
  doc: `Removes a linear operator in a sum that is provably the identity.

  f(x) + I·x  →  f(x) + x

I is the matrix of a linear, or the kernel of a pointwise conv, within each of its groups.
Exact when
  window   a conv has stride 1 and no padding
  bias     the bias is zero or none
Reported. Source: I·x = x.`,
  roots: ['conv', 'linear', 'matmul'],
  *match(node: Node): Generator<LinearView> {
    const view = linearView(node);
    const reader = soleReader(node.y);
    if (view && reader?.op.name === 'add' && hasUnitMatrix(view)) yield view;
  },
  exact: {
    window: (view) => view.kind !== 'conv' || (isUnpadded(view) && hasStrideOne(view)),
    bias: (view) => !view.bias || everyElement(view.bias.content, 0),
  },
  rewrite(view, g) {
    const sum = soleReader(view.node.y);
    g.removedShortcut({ scope: view.node.origin.scope, removed: sum ? partOf(view.node.y, sum) : 'operand', why: 'identity' });
    g.replace(view.node.y, view.x);
  },
});

// ------------------------------------------------------------------------------------------------------------ option A

interface OptionA {
  readonly slice: Node;
  readonly step: readonly number[];
  readonly pad: Node | undefined;
}

/** A slice of every s-th place, and the padding of channels with zeros that alone reads it. */
function* optionA(slice: Node): Generator<OptionA> {
  const step = slice.op.name === 'slice' ? subsampleOf(slice) : undefined;
  if (!step) return;
  const reader = soleReader(slice.y);
  const pads = reader && zeroPads(reader);
  yield { slice, step, pad: pads ? reader : undefined };
}

function channelPads(pad: Node): readonly [begin: number, end: number] | undefined {
  const pads = zeroPads(pad) ?? [];
  const rank = pads.length / 2;
  if (pads.some((n, i) => n < 0 || (n !== 0 && i % rank !== 1))) return undefined;
  return [pads[1] ?? 0, pads[rank + 1] ?? 0];
}

function feedsSum({ slice, pad }: OptionA): boolean {
  const { uses } = (pad ?? slice).y;
  return uses.size > 0 && uses.size <= 16 && [...uses].some((use) => use.user.op.name === 'add');
}

/** Kernels of more elements are not made: the product would cost more than it saves. */
const kernelLimit = 1024 * 1024;

export const optionAConv = rule({
  name: 'fuse-shortcut/option-a-conv',
  doc: `Makes option A (every s-th place, new channels zero) a strided pointwise conv with a kernel of zeros and ones.

  pad(x[:, :, ::s, ::s]; channels)  →  conv1x1(x; W, stride s),   W[begin + c, c] = 1, all else 0

Only the pad reads the slice, which is no output.
Exact when
  channels    zeros are padded along the channels alone, and how many channels there are is known
  feeds-sum   a sum reads it
  small       the kernel has at most 2^20 elements
0 · v is 0 because v is finite. Rounding: none. For a CPU, where the runtime fuses it (9 to 11 % of ResNet-20).
Source: He et al. 2015, arXiv:1512.03385, §3.3, option A.`,
  roots: ['slice'],
  lowers: false,
  *match(slice: Node): Generator<OptionA & { readonly pad: Node }> {
    for (const m of optionA(slice)) if (m.pad) yield { ...m, pad: m.pad };
  },
  exact: {
    channels: ({ pad, slice }) => channelPads(pad) !== undefined && slice.x.type.dims[1]?.constant !== undefined,
    'feeds-sum': feedsSum,
    small: ({ slice, pad }) =>
      (slice.x.type.dims[1]?.constant ?? Infinity) * (pad.y.type.dims[1]?.constant ?? Infinity) <= kernelLimit,
  },
  rewrite({ slice, step, pad }, g) {
    const [begin, end] = channelPads(pad) ?? [0, 0];
    const channels = slice.x.type.dims[1]?.constant ?? 0;
    const unit = w.pad(unitMatrix(slice.x.type.elem, channels), [begin, 0], [end, 0]);
    const kernel = w.reshape(unit, [begin + channels + end, channels, ...step.map(() => 1)]);
    const weight = g.constant(kernel, 'constant', `${pad.origin.scope}.option_a`);
    // Before the pad: the conv takes the place of both.
    g.replace(pad.y, g.node('conv', [slice.x, weight], { stride: step }, pad, pad));
  },
});

export const optionAPool = rule({
  name: 'fuse-shortcut/option-a-pool',
  doc: `Makes the sub-sampling of option A a max pool with a window of one.

  x[:, :, ::s, ::s]  →  maxpool(x; kernel 1, stride s)

Exact when
  feeds-sum   a sum reads it, through the padding of channels or directly
  float       the elements are floats, which every provider pools
Rounding: none. ⌈H/s⌉ = ⌊(H − 1)/s⌋ + 1.
Source: He et al. 2015, arXiv:1512.03385, §3.3, option A.`,
  roots: ['slice'],
  lowers: false,
  match: optionA,
  exact: {
    'feeds-sum': feedsSum,
    float: ({ slice }) => ['f32', 'f16', 'f64'].includes(slice.x.type.elem),
  },
  rewrite({ slice, step }, g) {
    g.replace(slice.y, g.node('maxpool', [slice.x], { kernel: step.map(() => 1), stride: step }, slice));
  },
});

// ------------------------------------------------------------------------------------------------------------ the sum

interface Fusable {
  readonly sum: Node;
  readonly conv: LinearView;
}

/** The conv that the runtime would fuse the sum into: the body's, where the graph says which term is the body. */
function fusableConv(sum: Node): LinearView | undefined {
  const convs: LinearView[] = [];
  for (const operand of sum.operands) {
    const node = producerIn(operand, sum);
    const view = node?.op.name === 'conv' && soleReader(node.y) === sum ? linearView(node) : undefined;
    if (view) convs.push(view);
  }
  return convs.find((view) => view.node.origin.residual?.part === 'body') ?? convs[0];
}

export const biasForSum = rule({
  name: 'fuse-shortcut/bias',
  doc: `Gives the last conv of the body a bias of zeros, without which runtimes do not fuse the sum (and the ReLU behind it) into the conv.

  conv(x; W) + y  →  conv(x; W, 0) + y

Only the sum reads the conv, which is no output.
Exact when
  same-shape   both terms have the sum's type: runtimes fuse no broadcast
  constant     W is a constant
Rounding: none.
Source: onnxruntime, ConvAddActivationFusion (FusedConv: X, W, B, Z).`,
  roots: ['add'],
  lowers: false,
  *match(sum: Node): Generator<Fusable> {
    const conv = fusableConv(sum);
    if (conv && !conv.bias) yield { sum, conv };
  },
  exact: {
    'same-shape': ({ sum }) => sum.operands.every((v) => v !== undefined && sameType(v.type, sum.y.type)),
    constant: ({ conv }) => isConstant(conv.weight),
  },
  rewrite({ conv }, g) {
    // Before the conv itself: the sum, which is the root, stays where it is.
    g.replace(conv.node.y, rebuild(g, conv, { bias: zeros(conv.weight.type.elem, [conv.outputs]), before: conv.node }));
  },
});

interface Both {
  readonly sum: Node;
  readonly body: LinearView;
  readonly shortcut: LinearView;
}

/** A sum of two pointwise convs; the first of them has stride 1. */
function* bothOf(sum: Node): Generator<Both> {
  const [a, b] = sum.operands.map((v) => linearView(producerIn(v, sum)));
  if (a?.kind !== 'conv' || b?.kind !== 'conv' || !isPointwise(a) || !isPointwise(b)) return;
  const bodyFirst = hasStrideOne(a) && (a.node.origin.residual?.part !== 'shortcut' || !hasStrideOne(b));
  yield bodyFirst ? { sum, body: a, shortcut: b } : { sum, body: b, shortcut: a };
}

const oneConv: Readonly<Record<string, (m: Both) => boolean>> = {
  pointwise: ({ body, shortcut }) => [body, shortcut].every((v) => v.groups === 1 && isUnpadded(v)) && hasStrideOne(body),
  'one-reader': ({ sum, body, shortcut }) => [body, shortcut].every((v) => soleReader(v.node.y) === sum),
  constant: ({ body, shortcut }) => hasConstantWeights(body) && hasConstantWeights(shortcut),
  'same-grid': ({ sum, body, shortcut }) =>
    sameType(body.node.y.type, sum.y.type) &&
    sameType(shortcut.node.y.type, sum.y.type) &&
    body.x.type.dims.every((d, i) => i === 1 || d === sum.y.type.dims[i]),
  'own-weights': ({ body, shortcut }) => [body, shortcut].every((v) => copyIsFree(v.weight, v.node, 0)),
};

/** The sum as one conv over `joined`, which holds the body's channels and behind them the shortcut's. */
function convOver(g: Rewriter, { sum, body, shortcut }: Both, joined: Value): void {
  const weight = changed(g, body.weight, w.concat([weightOf(body), weightOf(shortcut)], 1));
  const named = body.bias ?? shortcut.bias;
  const total = body.bias && shortcut.bias ? w.add(biasOf(body), biasOf(shortcut)) : named && w.exprOf(named);
  const bias = named && total && changed(g, named, total);
  g.replace(sum.y, g.node('conv', bias ? [joined, weight, bias] : [joined, weight], {}, body.node));
}

/** The concat of channels that a conv alone reads. */
function channelConcat(view: LinearView): Node | undefined {
  const concat = producerIn(view.x, view.node);
  const joins = concat?.op.name === 'concat' && [1, 1 - concat.y.type.dims.length].includes(numberAttr(concat.attrs, 'axis'));
  return joins && soleReader(concat.y) === view.node ? concat : undefined;
}

export const joinOfSum = rule({
  name: 'fuse-shortcut/join',
  doc: `Makes a sum of two pointwise convs one conv where one of them reads a concat already.

  conv1x1(concat(u, v); W₁, b₁) + conv1x1(x; W₂, b₂)  →  conv1x1(concat(u, v, x); [W₁ W₂], b₁ + b₂)

Only the one conv reads its concat, which joins channels.
Exact when
  pointwise    both are 1×1, unpadded, with groups 1; the first has stride 1
  one-reader   only the sum reads either, and neither is an output
  constant     all weights are constants
  same-grid    both inputs have one grid, and the terms one type
  own-weights  nobody else reads W₁ or W₂, so that no bytes are added
  stride       the other conv has stride 1
  smaller      the other conv's input has fewer elements than the two results that go, so that less is written
Rounding: the order of sums; b₁ + b₂ in float64, rounded once. As fast as before on a CPU, with fewer operators (RFB-320).
Source: block matrices.`,
  roots: ['add'],
  *match(sum: Node): Generator<Both> {
    for (const { body, shortcut } of bothOf(sum)) {
      if (channelConcat(body)) yield { sum, body, shortcut };
      else if (channelConcat(shortcut)) yield { sum, body: shortcut, shortcut: body };
    }
  },
  exact: {
    ...oneConv,
    stride: ({ shortcut }) => hasStrideOne(shortcut),
    smaller: ({ sum, shortcut }) => elementsOf(shortcut.x) < 2 * elementsOf(sum.y),
  },
  rewrite(m, g) {
    const parts = channelConcat(m.body)?.operands ?? [];
    convOver(g, m, g.node('concat', [...parts, m.shortcut.x], { axis: 1 }, m.sum));
  },
});

export const concatForm = rule({
  name: 'fuse-shortcut/concat',
  doc: `Makes the body's last pointwise conv and a pointwise projection one conv over the concatenated inputs.

  conv1x1(u; W₁, b₁) + conv1x1(x; W₂, b₂, stride s)  →  conv1x1(concat(u, maxpool(x; kernel 1, stride s)); [W₁ W₂], b₁ + b₂)

Exact when
  pointwise    both are 1×1, unpadded, with groups 1; the body's has stride 1
  one-reader   only the sum reads either, and neither is an output
  constant     all weights are constants
  same-grid    u and the sub-sampled x have one grid, and the terms one type
  own-weights  nobody else reads W₁ or W₂, so that no bytes are added
Rounding: the order of sums; b₁ + b₂ in float64, rounded once.
Measured between −5 and +8 % on CPUs: only where asked for (-O2).
Source: block matrices.`,
  roots: ['add'],
  lowers: false,
  match: bothOf,
  exact: oneConv,
  rewrite(m, g) {
    const { sum, body, shortcut } = m;
    const step = numbersAttr(shortcut.node.attrs, 'stride');
    const side = hasStrideOne(shortcut)
      ? shortcut.x
      : g.node('maxpool', [shortcut.x], { kernel: step.map(() => 1), stride: step }, shortcut.node);
    convOver(g, m, g.node('concat', [body.x, side], { axis: 1 }, sum));
  },
});
