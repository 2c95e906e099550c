/** Scales into the linear operator behind, through what a scale passes and over concats of channels. */

import type { Node } from '../../../ir/graph.ts';
import { sameType } from '../../../ir/types.ts';
import * as w from '../../../tensor/algebra.ts';
import { type Arithmetic, arithmeticView } from '../../analysis/affine.ts';
import {
  hasConstantWeights,
  inputAxis,
  type LinearView,
  linearOperators,
  linearView,
  normalFold,
  perChannel,
  scaleInputs,
  weightOf,
} from '../../analysis/linear.ts';
import { joinedAxis } from '../../analysis/pieces.ts';
import { copyIsFree, producerIn, soleReader } from '../../analysis/uses.ts';
import { op } from '../../engine/pattern.ts';
import { rule } from '../../engine/rule.ts';
import { rebuild } from '../rebuild.ts';
import { chainAbove, keepsChannels, repeatNode, scaleMayPass } from './chain.ts';
import { along } from './channels.ts';

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
  const behind = linear.inputs - joined.from - joined.size;
  const parts = [
    ...(joined.from > 0 ? [w.fullLike(scale, [joined.from], 1)] : []),
    perChannel(scale, joined.size),
    ...(behind > 0 ? [w.fullLike(scale, [behind], 1)] : []),
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
  match: op(linearOperators, 'node').each(function* ({ node }): Generator<Through> {
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
    if (top.op.name !== 'concat' || joinedAxis(top) !== axis) return;
    const sizes = channelsOf(top, axis);
    if (!sizes) return;
    let from = 0;
    for (const [index, size] of sizes.entries()) {
      const arithmetic = arithmeticView(producerIn(top.operand(index), top));
      if (arithmetic?.scale && !arithmetic.shift) yield { linear, chain, arithmetic, joined: { concat: top, index, from, size } };
      from += size;
    }
  }),
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
