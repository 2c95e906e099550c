/** A batchnorm, or arithmetic with a constant, behind a concat into what is joined. */

import type { Node } from '../../../ir/graph.ts';
import * as w from '../../../tensor/algebra.ts';
import { arithmeticOperators } from '../../analysis/affine.ts';
import {
  type Folded,
  foldOutputs,
  hasConstantWeights,
  type LinearView,
  linearView,
  normalFold,
  outputAxis,
} from '../../analysis/linear.ts';
import { joinedAxis } from '../../analysis/pieces.ts';
import { copyIsFree, producerIn, soleReader } from '../../analysis/uses.ts';
import { constant, either, oneOf, op } from '../../engine/pattern.ts';
import { rule } from '../../engine/rule.ts';
import { rebuild } from '../rebuild.ts';
import { type Channels, channelsOf } from './channels.ts';

interface Joined {
  readonly channels: Channels;
  readonly concat: Node;
  /** The axis along which the concat joins. */
  readonly axis: number;
  /** Undefined where an operand is no linear operator whose outputs lie along the joined axis. */
  readonly parts: readonly (LinearView | undefined)[];
}

interface Part extends Folded {
  readonly view: LinearView;
}

/** Undefined where a part is none. */
function foldedParts({ channels, parts }: Joined): readonly Part[] | undefined {
  const out: Part[] = [];
  let from = 0;
  for (const view of parts) {
    if (!view) return undefined;
    const begin = from;
    from += view.outputs;
    const own = (x: w.WeightExpr | undefined): w.WeightExpr | undefined =>
      x && (x.count === 1 ? x : w.slice(x, [begin], [begin + view.outputs]));
    out.push({ view, ...foldOutputs(view, { scale: own(channels.scale), shift: own(channels.shift) }) });
  }
  return out;
}

export const foldIntoJoined = rule({
  name: 'fold-affine/into-joined',
  doc: `Folds a batchnorm, or arithmetic with a constant, behind a concat into the linear operators that are joined.

  s·concat(W₁·x + b₁, W₂·y + b₂) + t  →  concat((s₁·W₁)·x + (s₁·b₁ + t₁), (s₂·W₂)·y + (s₂·b₂ + t₂))

Exact when
  every-operand  every operand is a linear operator with constant weights whose outputs lie along the joined axis
  one-reader     only the next node reads each of them and the concat, and none is an output
  channels       the channels are those of the joined axis, or there is but one element
  normal         the scales are finite; the new weights and biases stay in the normal range of the element type (see *Range*)
  weight-copy    nobody else reads the weights
Rounding: in float64, rounded once.
Source: the equation; Jacob et al. 2018, arXiv:1712.05877, §3.2.`,
  match: oneOf(
    op('batchnorm', 'node', op('concat', 'concat')),
    either(arithmeticOperators, 'node', op('concat', 'concat'), constant('c')),
  ).view(({ node, concat }): Joined | undefined => {
    const channels = channelsOf(node);
    if (!channels) return undefined;
    const axis = joinedAxis(concat);
    const parts = concat.operands.map((value) => {
      const view = linearView(producerIn(value, concat));
      return view && outputAxis(view) === axis ? view : undefined;
    });
    return parts.some((view) => view !== undefined) ? { channels, concat, axis, parts } : undefined;
  }),
  exact: {
    'every-operand': ({ parts }) => parts.every((view) => view !== undefined && hasConstantWeights(view)),
    'one-reader': ({ channels, concat, parts }) =>
      soleReader(concat.y) === channels.node && parts.every((view) => view !== undefined && soleReader(view.node.y) === concat),
    channels: ({ channels, axis }) => channels.count === 1 || channels.axis === axis,
    normal: (m) => foldedParts(m)?.every((part) => normalFold(part.view, part)) ?? false,
    'weight-copy': ({ channels, parts }) =>
      !channels.scale || parts.every((view) => view !== undefined && copyIsFree(view.weight, view.node, 0)),
  },
  rewrite(m, g) {
    const parts = foldedParts(m) ?? [];
    const values = parts.map(({ view, weight, bias }) => rebuild(g, view, { weight, bias, before: view.node }));
    g.replace(m.channels.node.y, g.node('concat', values, m.concat.attrs, m.concat));
  },
});
