/** What scales and shifts along one axis, as vectors of its channels: arithmetic with a constant, or a batchnorm. */
import type { Node, Value } from '../../../ir/graph.ts';
import { sameType } from '../../../ir/types.ts';
import * as w from '../../../tensor/algebra.ts';
import {
  type Affine,
  type Arithmetic,
  arithmeticView,
  batchnormAffine,
  batchnormVectors,
  channelVector,
} from '../../analysis/affine.ts';
import { allConstant } from '../../analysis/constants.ts';
import { product } from '../../analysis/numbers.ts';

/** A constant of arithmetic as a vector of channels along an axis that passes through pools and elementwise operators alike. */
export function along(
  arithmetic: Arithmetic,
  value: w.WeightExpr | undefined,
  axis: number,
  channels: number,
): w.WeightExpr | undefined {
  return value && channelVector(value, arithmetic.node.y.type.dims.length, axis, channels);
}

export function vectorsOf(arithmetic: Arithmetic, axis: number, channels: number): Affine | undefined {
  const scale = along(arithmetic, arithmetic.scale, axis, channels);
  const shift = along(arithmetic, arithmetic.shift, axis, channels);
  if ((arithmetic.scale && !scale) || (arithmetic.shift && !shift)) return undefined;
  return { scale, shift };
}

/** s·x + t per channel. */
export interface Channels extends Affine {
  readonly node: Node;
  readonly x: Value;
  readonly count: number;
  readonly axis: number;
}

/** A batchnorm, or arithmetic with a constant that has one element or lies along one axis. */
export function channelsOf(node: Node): Channels | undefined {
  if (node.op.name === 'batchnorm') {
    if (!allConstant(batchnormVectors(node))) return undefined;
    const { scale, shift } = batchnormAffine(node);
    return { node, x: node.x, scale, shift, count: scale.count, axis: 1 };
  }
  const view = arithmeticView(node);
  if (!view || !sameType(node.y.type, view.x.type)) return undefined;
  const dims = w.exprOf(view.constant).dims;
  const long = dims.flatMap((n, axis) => (n === 1 ? [] : [axis]));
  if (long.length > 1) return undefined;
  const axis = (long[0] ?? 0) + node.y.type.dims.length - dims.length;
  const count = product(dims);
  const vector = (x: w.WeightExpr | undefined): w.WeightExpr | undefined => x && w.reshape(x, [x.count]);
  return { node, x: view.x, scale: vector(view.scale), shift: vector(view.shift), count, axis };
}
