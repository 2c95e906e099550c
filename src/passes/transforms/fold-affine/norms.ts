/** Arithmetic with constants into the normalisation before or behind it. */

import type { Node } from '../../../ir/graph.ts';
import { sameType } from '../../../ir/types.ts';
import * as w from '../../../tensor/algebra.ts';
import {
  type Affine,
  type Arithmetic,
  arithmeticOperators,
  arithmeticView,
  batchnormAffine,
  batchnormVectors,
} from '../../analysis/affine.ts';
import { isConstant } from '../../analysis/constants.ts';
import { operatorSet } from '../../analysis/operators.ts';
import { staysNormal } from '../../analysis/range.ts';
import { soleReader } from '../../analysis/uses.ts';
import { any, constant, either, op } from '../../engine/pattern.ts';
import { rule } from '../../engine/rule.ts';
import { changed } from '../rebuild.ts';
import { vectorsOf } from './channels.ts';

interface Normed {
  readonly arithmetic: Arithmetic;
  readonly norm: Node;
}

/** Normalisations whose second and third operands scale and shift channels along axis 1. */
const norms = operatorSet('norm', ['batchnorm', 'groupnorm', 'instancenorm']);

function normVectors({ arithmetic, norm }: Normed): Affine | undefined {
  const channels = norm.operand(1)?.type.dims[0]?.constant;
  return channels === undefined ? undefined : vectorsOf(arithmetic, 1, channels);
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
  match: either(arithmeticOperators, 'node', op(norms, 'norm'), constant('c')).view(({ node, norm }): Normed | undefined => {
    const arithmetic = arithmeticView(node);
    return arithmetic && { arithmetic, norm };
  }),
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
  match: op('batchnorm', 'norm', either(arithmeticOperators, 'node', any('x'), constant('c'))).view(
    ({ norm, node }): BeforeNorm | undefined => {
      const arithmetic = arithmeticView(node);
      return arithmetic && { norm, arithmetic };
    },
  ),
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
