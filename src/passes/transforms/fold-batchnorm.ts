/**
 * Folds a batchnorm in inference form, which is one multiply-add per channel, into the linear operators around it.
 * Jacob et al. 2018, arXiv:1712.05877, §3.2.
 */

import type { Node } from '../../ir/graph.ts';
import * as w from '../../tensor/algebra.ts';
import { batchnormAffine, batchnormVectors } from '../analysis/affine.ts';
import { allConstant, everyElement, sameConstant } from '../analysis/constants.ts';
import {
  biasOf,
  hasConstantWeights,
  type LinearView,
  linearOperators,
  linearReaders,
  linearView,
  normalFold,
  outputAxis,
  scaleInputs,
  scaleOutputs,
  shiftThrough,
  takesOutputScale,
  takesShift,
  weightOf,
} from '../analysis/linear.ts';
import { bytesFreed, copyIsFree, soleReader } from '../analysis/uses.ts';
import { op } from '../engine/pattern.ts';
import { rule } from '../engine/rule.ts';
import { rebuild } from './rebuild.ts';

interface IntoWeights {
  readonly weight: w.WeightExpr;
  readonly bias: w.WeightExpr;
  readonly factors: readonly w.WeightExpr[];
}

interface Into {
  readonly bn: Node;
  readonly linear: LinearView;
  /** What conditions have made, for later ones and the rewrite. */
  affine?: ReturnType<typeof batchnormAffine>;
  folded?: IntoWeights;
}

function affineOf(m: Into): ReturnType<typeof batchnormAffine> {
  m.affine ??= batchnormAffine(m.bn);
  return m.affine;
}

function foldedInto(m: Into): IntoWeights {
  const { linear } = m;
  if (m.folded) return m.folded;
  const { scale, shift } = affineOf(m);
  m.folded = {
    weight: scaleOutputs(linear, weightOf(linear), scale),
    bias: linear.bias ? w.add(w.mul(scale, biasOf(linear)), shift) : shift,
    factors: [scale],
  };
  return m.folded;
}

/** Another reader of the same weights that is followed by the same batchnorm, and so folds into an equal expression. */
function foldsAlike(other: Node, { bn, linear }: Into): boolean {
  const view = linearView(other);
  if (!view || view.kind !== linear.kind || !sameConstant(view.weight, linear.weight)) return false;
  const reader = soleReader(other.y);
  if (reader?.op !== bn.op || reader.operand(0) !== other.y || reader.attrs.eps !== bn.attrs.eps) return false;
  const theirs = batchnormVectors(reader);
  return batchnormVectors(bn).every((value, i) => sameConstant(value, theirs[i]));
}

export const foldBatchnormIntoLinear = rule({
  name: 'fold-batchnorm/into-linear',
  doc: `Folds a batchnorm into the linear operator before it.

  batchnorm(W·x + b; γ, β, μ, σ²)  →  (s·W)·x + (s·b + β − s·μ),   s = γ / √(σ² + ε)

Exact when
  one-reader     only the batchnorm reads the linear operator, which is no output (else it would run twice)
  constant       W, b, γ, β, μ, σ² are constants; the batchnorm is in inference form, the graph has no other. W may also be one number that full
                 makes (ConstantOfShape), where s is one number too: then full makes s·W
  channel-axis   the batchnorm's channel axis 1 is the operator's output axis: always for conv and transposed conv, rank 2 for
                 linear and matmul, whose outputs are the last axis
  normal         s is finite (ε = 0 with σ² = 0 is not); s·W and the new bias stay in the normal range of the element type (see *Range*)
  weight-copy    nobody else reads W, or all readers fold alike, or the copy is smaller than what goes; full has no bytes to copy
W of a transposed conv is [in, out/groups, …]: s is applied per group slice. A missing bias is made in the weights' element type.
Rounding: s, s·W and the bias in float64, rounded once.
Source: Jacob et al. 2018, arXiv:1712.05877, §3.2.`,
  match: op('batchnorm', 'bn', op(linearOperators, 'node')).view(({ bn, node }): Into | undefined => {
    const linear = linearView(node);
    return linear && { bn, linear };
  }),
  exact: {
    'one-reader': ({ bn, linear }) => soleReader(linear.node.y) === bn,
    constant: (m) => allConstant(batchnormVectors(m.bn)) && takesOutputScale(m.linear, affineOf(m).scale),
    'channel-axis': ({ linear }) => outputAxis(linear) === 1,
    normal: (m) => normalFold(m.linear, foldedInto(m)),
    'weight-copy': (m) =>
      copyIsFree(m.linear.weight, m.linear.node, bytesFreed(batchnormVectors(m.bn), m.bn), (other) => foldsAlike(other, m)),
  },
  rewrite(m, g) {
    const { weight, bias } = foldedInto(m);
    g.replace(m.bn.y, rebuild(g, m.linear, { weight, bias }));
  },
});

interface Before {
  readonly bn: Node;
  /** Undefined where a reader is none. */
  readonly readers: readonly (LinearView | undefined)[];
}

function shiftsNothing(bn: Node): boolean {
  return everyElement(batchnormAffine(bn).shift, 0);
}

function foldedBehind(bn: Node, reader: LinearView): { readonly weight: w.WeightExpr; readonly bias: w.WeightExpr | undefined } {
  const { scale, shift } = batchnormAffine(bn);
  const weight = weightOf(reader);
  const moved = shiftsNothing(bn) ? undefined : shiftThrough(reader, weight, shift);
  return {
    weight: scaleInputs(reader, weight, scale),
    bias: moved && (reader.bias ? w.add(biasOf(reader), moved) : moved),
  };
}

export const foldBatchnormIntoReaders = rule({
  name: 'fold-batchnorm/into-readers',
  doc: `Folds a batchnorm into the linear operators that read it.

  W·batchnorm(x; γ, β, μ, σ²) + b  →  (W·s)·x + (W·t + b),   s = γ / √(σ² + ε),  t = β − s·μ

Exact when
  every-reader   every reader is a linear operator that reads it as its data along axis 1 (rank 2 for linear and matmul), and it is no output
  constant       the vectors and every reader's weights are constants
  shift          t is zero, or no reader pads (zeros of a padding are not shifted) and none is a transposed conv (its outputs see
                 different numbers of taps)
  normal         s and t are finite; W·s and the new bias stay in the normal range of the element type (see *Range*)
  weight-copy    nobody else reads a reader's W, or the copy is smaller than what goes
Rounding: in float64, rounded once.
Source: the equation; Jacob et al. 2018, arXiv:1712.05877, §3.2 for the other direction.`,
  match: op('batchnorm', 'bn').view(({ bn }): Before | undefined => {
    const readers = linearReaders(bn);
    return readers && { bn, readers };
  }),
  exact: {
    'every-reader': ({ bn, readers }) =>
      readers.every((r) => r !== undefined && (r.kind.startsWith('conv') || bn.y.type.dims.length === 2)),
    constant: ({ bn, readers }) =>
      allConstant(batchnormVectors(bn)) && readers.every((r) => r !== undefined && hasConstantWeights(r)),
    shift: ({ bn, readers }) => shiftsNothing(bn) || readers.every((r) => r !== undefined && takesShift(r)),
    normal: ({ bn, readers }) => {
      const { scale, shift } = batchnormAffine(bn);
      return readers.every((r) => r !== undefined && normalFold(r, { ...foldedBehind(bn, r), factors: [scale, shift] }));
    },
    'weight-copy': ({ bn, readers }) =>
      readers.every((r) => {
        const freed = readers.length === 1 ? bytesFreed(batchnormVectors(bn), bn) : 0;
        return (
          r !== undefined &&
          copyIsFree(r.weight, r.node, freed, (other) => readers.some((one) => one?.node === other && one.kind === r.kind))
        );
      }),
  },
  rewrite({ bn, readers }, g) {
    for (const reader of readers) {
      if (!reader) continue;
      const { weight, bias } = foldedBehind(bn, reader);
      g.replace(reader.node.y, rebuild(g, reader, { x: bn.x, weight, bias, before: reader.node }));
    }
  },
});
