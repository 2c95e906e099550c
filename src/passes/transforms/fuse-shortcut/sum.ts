/** The sum of body and shortcut in the form that runtimes fuse into the conv, or as one conv. */

import type { Node, Value } from '../../../ir/graph.ts';
import { sameType } from '../../../ir/types.ts';
import { numbersAttr } from '../../../ops/attrs.ts';
import * as w from '../../../tensor/algebra.ts';
import { isConstant } from '../../analysis/constants.ts';
import { elementsOf } from '../../analysis/cost.ts';
import {
  biasOf,
  hasConstantWeights,
  hasStrideOne,
  isPointwise,
  isUnpadded,
  type LinearView,
  linearView,
  weightOf,
  zeros,
} from '../../analysis/linear.ts';
import { joinedAxis } from '../../analysis/pieces.ts';
import { copyIsFree, producerIn, soleReader } from '../../analysis/uses.ts';
import { op } from '../../engine/pattern.ts';
import type { Rewriter } from '../../engine/rewriter.ts';
import { rule } from '../../engine/rule.ts';
import { changed, rebuild } from '../rebuild.ts';

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
  lowers: false,
  match: op('add', 'sum').view(({ sum }): Fusable | undefined => {
    const conv = fusableConv(sum);
    return conv && !conv.bias ? { sum, conv } : undefined;
  }),
  exact: {
    'same-shape': ({ sum }) => sum.operands.every((v) => v !== undefined && sameType(v.type, sum.y.type)),
    constant: ({ conv }) => isConstant(conv.weight),
  },
  rewrite({ conv }, g) {
    // Before the conv itself: the sum, which is the root, stays where it is.
    g.replace(conv.node.y, rebuild(g, conv, { bias: zeros(conv), before: conv.node }));
  },
});

interface Both {
  readonly sum: Node;
  readonly body: LinearView;
  readonly shortcut: LinearView;
}

/** A sum of two pointwise convs; the first of them has stride 1. */
function bothOf({ sum, left, right }: { readonly sum: Node; readonly left: Node; readonly right: Node }): Both | undefined {
  const [a, b] = [linearView(left), linearView(right)];
  if (!a || !b || !isPointwise(a) || !isPointwise(b)) return undefined;
  const bodyFirst = hasStrideOne(a) && (a.node.origin.residual?.part !== 'shortcut' || !hasStrideOne(b));
  return bodyFirst ? { sum, body: a, shortcut: b } : { sum, body: b, shortcut: a };
}

const sumOfConvs = op('add', 'sum', op('conv', 'left'), op('conv', 'right'));

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
  const joins = concat?.op.name === 'concat' && joinedAxis(concat) === 1;
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
  match: sumOfConvs.view((m): Both | undefined => {
    const both = bothOf(m);
    if (!both || channelConcat(both.body)) return both;
    return channelConcat(both.shortcut) ? { sum: both.sum, body: both.shortcut, shortcut: both.body } : undefined;
  }),
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
Measured between −5 and +8 % on CPUs: only where asked for (-O2), and not for CUDA, where a Concat costs more than it saves at N = 1.
Source: block matrices.`,
  lowers: false,
  match: sumOfConvs.view(bothOf),
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
