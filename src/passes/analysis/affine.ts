/** Batchnorms and arithmetic with constants as a scale and a shift: y = scale·x + shift. */

import { bug } from '../../diagnostics/diagnostic.ts';
import type { Node, Value } from '../../ir/graph.ts';
import { isFloat } from '../../ir/types.ts';
import { numberAttr } from '../../ops/attrs.ts';
import * as w from '../../tensor/algebra.ts';
import { isConstant } from './constants.ts';
import { product } from './numbers.ts';
import { operatorSet } from './operators.ts';

/** y = scale·x + shift along one axis; a vector has one element, or one per channel. */
export interface Affine {
  readonly scale: w.WeightExpr | undefined;
  readonly shift: w.WeightExpr | undefined;
}

/** The four vectors of a batchnorm: weight γ, bias β, running mean μ, running variance σ². */
export function batchnormVectors(node: Node): readonly Value[] {
  return [1, 2, 3, 4].map((index) => node.operand(index) ?? bug('a batchnorm has four vectors'));
}

/** s = γ / √(σ² + ε), t = β − s·μ. The vectors are constants. */
export function batchnormAffine(node: Node): { readonly scale: w.WeightExpr; readonly shift: w.WeightExpr } {
  const [gain, bias, mean, variance] = batchnormVectors(node).map((value) => w.exprOf(value));
  if (!gain || !bias || !mean || !variance) return bug('a batchnorm has four vectors');
  const scale = w.div(gain, w.sqrt(w.add(variance, w.fullLike(variance, [], numberAttr(node.attrs, 'eps')))));
  return { scale, shift: w.sub(bias, w.mul(scale, mean)) };
}

/** Add, sub, mul, div of one value and one constant. */
export interface Arithmetic extends Affine {
  readonly node: Node;
  readonly x: Value;
  readonly constant: Value;
}

export const arithmeticOperators = operatorSet('arithmetic', ['add', 'sub', 'mul', 'div']);

/**
 * x + c, c + x, x − c, c − x, x · c, c · x, x / c as a scale and a shift of the constant's own shape. c / x is none, and no
 * arithmetic of integers: their division cuts, and their products wrap around.
 */
export function arithmeticView(node: Node | undefined): Arithmetic | undefined {
  if (!node) return undefined;
  const a = node.operand(0);
  const b = node.operand(1);
  if (!a || !b || isConstant(a) === isConstant(b) || !isFloat(node.y.type.elem)) return undefined;
  const flipped = isConstant(a);
  const [x, constant] = flipped ? [b, a] : [a, b];
  const c = (): w.WeightExpr => w.exprOf(constant);
  const minusOne = (): w.WeightExpr => w.fullLike(c(), [], -1);
  const view = (scale: w.WeightExpr | undefined, shift: w.WeightExpr | undefined): Arithmetic => ({
    node,
    x,
    constant,
    scale,
    shift,
  });
  switch (node.op.name) {
    case 'add':
      return view(undefined, c());
    case 'sub':
      return flipped ? view(minusOne(), c()) : view(undefined, w.neg(c()));
    case 'mul':
      return view(c(), undefined);
    case 'div':
      return flipped ? undefined : view(w.reciprocal(c()), undefined);
    default:
      return undefined;
  }
}

/**
 * A constant that broadcasts against a tensor of this rank as a vector along one axis: one element, or one per channel. ONNX
 * aligns shapes at their last axes, so [C] lies along the last axis and [C, 1, 1] along axis 1 of four.
 */
export function channelVector(x: w.WeightExpr, rank: number, axis: number, channels: number): w.WeightExpr | undefined {
  const count = product(x.dims);
  if (count === 1) return w.reshape(x, [1]);
  const place = axis - (rank - x.dims.length);
  if (count !== channels || x.dims[place] !== channels) return undefined;
  return w.reshape(x, [channels]);
}
