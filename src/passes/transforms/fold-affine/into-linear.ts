/**
 * Arithmetic with constants into the linear operator before it: the residual scale of EDSR (arXiv:1707.02921), SkipInit
 * (arXiv:2002.10444) and ReZero (arXiv:2003.04887), layer scale (arXiv:2103.17239), learned gains.
 */

import type { Node } from '../../../ir/graph.ts';
import { sameType } from '../../../ir/types.ts';
import { type Arithmetic, arithmeticOperators, arithmeticView } from '../../analysis/affine.ts';
import {
  type Folded,
  foldOutputs,
  type LinearView,
  linearView,
  normalFold,
  outputAxis,
  takesOutputScale,
} from '../../analysis/linear.ts';
import { copyIsFree, soleReader } from '../../analysis/uses.ts';
import { any, constant, either } from '../../engine/pattern.ts';
import { rule } from '../../engine/rule.ts';
import { rebuild } from '../rebuild.ts';
import { chainAbove, keepsChannels, repeatNode, scaleMayPass } from './chain.ts';
import { vectorsOf } from './channels.ts';

interface Upward {
  readonly arithmetic: Arithmetic;
  /** From the arithmetic up to the weights, the nearest first. */
  readonly chain: readonly Node[];
  readonly linear: LinearView;
}

function foldedUp({ arithmetic, linear }: Upward): Folded | undefined {
  const vectors = vectorsOf(arithmetic, outputAxis(linear), linear.outputs);
  return vectors && foldOutputs(linear, vectors);
}

export const foldAffineIntoLinear = rule({
  name: 'fold-affine/into-linear',
  doc: `Folds arithmetic with a constant into the linear operator before it.

  s·(W·x + b) + t  →  (s·W)·x + (s·b + t)         and for s > 0 through what is positively homogeneous:
  s·relu(W·x + b)  →  relu((s·W)·x + s·b)

Exact when
  one-reader    only the next node reads the linear operator and every node between, and none is an output
  constant      the weights are constants, or one number that full makes (ConstantOfShape), where s is one number too: then full makes s·W
  channels      the constant has one element, or one per output channel along the channels' axis, which nothing between moves or mixes, and does not
                widen the shape
  positive      through ReLU, LeakyReLU, PReLU and max pool passes a scale above zero alone; through what is linear (average pools, …) any; no shift
  normal        s is finite; s·W and the new bias stay in the normal range of the element type (see *Range*)
  weight-copy   nobody else reads W, or the copy is smaller than what goes; full has no bytes to copy
Rounding: in float64, rounded once.
Source: Lim et al. 2017, EDSR, arXiv:1707.02921, §3.3 (residual scaling); the equations.`,
  match: either(arithmeticOperators, 'node', any('x'), constant('c')).view(({ node }): Upward | undefined => {
    const arithmetic = arithmeticView(node);
    if (!arithmetic) return undefined;
    const { chain, top } = chainAbove(arithmetic.x, node);
    const linear = linearView(top);
    return linear && { arithmetic, chain, linear };
  }),
  exact: {
    'one-reader': ({ chain, linear }) => [linear.node, ...chain].every((node) => soleReader(node.y) !== undefined),
    constant: ({ arithmetic, linear }) => takesOutputScale(linear, arithmetic.scale),
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
