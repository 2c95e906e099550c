/** Results of operators on constants: as lazy expressions, where there is one, and as numbers. */

import { type Dim, knownSize } from '../../ir/dim.ts';
import type { Node } from '../../ir/graph.ts';
import { roundTo } from '../../ir/round.ts';
import { elementCount, type HostTensor, isFloat, staticDims } from '../../ir/types.ts';
import { boolAttr, numberAttr, numbersAttr } from '../../ops/attrs.ts';
import { sliceAxes } from '../../ops/slice-axes.ts';
import * as w from '../../tensor/algebra.ts';
import type { Session } from '../../tensor/session.ts';
import { numberEverywhere } from './filled.ts';
import { reducedAxesOf } from './shapes.ts';

/** Constants that come out of folding are no larger, unless they replace as many bytes. */
export const foldLimit = 64 * 1024;

/** What the graph would have computed: numbers of the element type. */
export function contentOf(session: Session, tensor: HostTensor): w.WeightExpr {
  if (tensor.wide) return w.literal(session, tensor);
  const data = Float64Array.from(tensor.data);
  roundTo(tensor.elem, data);
  return w.literal(session, { elem: tensor.elem, dims: tensor.dims, data });
}

/** Every dimension that the attributes and the results hold is a number. */
export function isStatic(node: Node): boolean {
  const known = (list: readonly (number | Dim)[]): boolean =>
    list.every((d) => typeof d === 'number' || d.constant !== undefined);
  return (
    node.results.every((y) => known(y.type.dims)) &&
    Object.values(node.attrs).every((value) => typeof value !== 'object' || known(value))
  );
}

/** Σ over some axes divided by their size. */
function mean(x: w.WeightExpr, axes: readonly number[], keepdims: boolean): w.WeightExpr {
  const count = elementCount(axes.map((axis) => x.dims[axis] ?? 1));
  return w.div(w.reduceSum(x, axes, keepdims), w.fullLike(x, [], count));
}

/** γ·(x − μ)/√(σ² + ε) + β with the statistics of each instance and channel. */
function instanceNorm(x: w.WeightExpr, gain: w.WeightExpr, bias: w.WeightExpr, eps: number): w.WeightExpr {
  const axes = x.dims.map((_, axis) => axis).slice(2);
  const centred = w.sub(x, mean(x, axes, true));
  const deviation = w.sqrt(w.add(mean(w.mul(centred, centred), axes, true), w.fullLike(x, [], eps)));
  const along = (vector: w.WeightExpr): w.WeightExpr => w.reshape(vector, [vector.count, ...axes.map(() => 1)]);
  return w.add(w.mul(w.div(centred, deviation), along(gain)), along(bias));
}

/**
 * The result as an expression over the operands, for constants that are too large to be known: nothing is computed, and nothing
 * rounded in between, until the writer pulls it in chunks. Undefined where there is none.
 */
export function lazyResult(node: Node, operands: readonly (w.WeightExpr | undefined)[]): w.WeightExpr | undefined {
  if (node.results.length !== 1 || !isStatic(node) || node.operands.some((value) => value?.type.foreign)) return undefined;
  const made = expressed(node, operands);
  const dims = staticDims(node.y.type);
  // Broadcasting to more axes and the like is left to the numbers.
  return made?.elem === node.y.type.elem && made.dims.join() === dims?.join() ? made : undefined;
}

function expressed(node: Node, operands: readonly (w.WeightExpr | undefined)[]): w.WeightExpr | undefined {
  const [x, y, z] = operands;
  if (!x) return undefined;
  // Integers may be moved, where float64 holds all of them; arithmetic of theirs wraps around.
  const moves = node.op.traits.moves === 'first' || node.op.traits.moves === 'all';
  if (!isFloat(x.elem) && (!moves || x.elem === 'i64' || x.elem === 'u64')) return undefined;
  const dims = node.y.type.dims.map(knownSize);
  const { byMoves } = node.op;
  if (byMoves) {
    const parts = operands.filter((one) => one !== undefined);
    return parts.length === node.slots.length ? byMoves(w, parts, node.attrs) : undefined;
  }
  const rank = x.dims.length;
  const last = (axis: number): number => (axis < 0 ? axis + rank : axis);
  switch (node.op.name) {
    case 'identity':
      return x;
    case 'reshape':
    case 'squeeze':
    case 'unsqueeze':
      return w.reshape(x, dims);
    case 'transpose':
      return w.transpose(x, numbersAttr(node.attrs, 'perm').map(last));
    case 'cast':
      return isFloat(node.y.type.elem) ? w.cast(x, node.y.type.elem) : undefined;
    case 'add':
      return y && w.add(x, y);
    case 'sub':
      return y && w.sub(x, y);
    case 'mul':
      return y && w.mul(x, y);
    case 'div':
      return y && w.div(x, y);
    case 'pow': {
      const power = y && numberEverywhere(y);
      if (power === 2) return w.mul(x, x);
      if (power === 0.5) return w.sqrt(x);
      return power === -1 ? w.reciprocal(x) : undefined;
    }
    case 'neg':
      return w.neg(x);
    case 'sqrt':
      return w.sqrt(x);
    case 'reciprocal':
      return w.reciprocal(x);
    case 'concat': {
      const parts = operands.filter((one) => one !== undefined);
      return parts.length === node.slots.length ? w.concat(parts, last(numberAttr(node.attrs, 'axis'))) : undefined;
    }
    case 'slice': {
      const starts = x.dims.map(() => 0);
      const ends = [...x.dims];
      const steps = x.dims.map(() => 1);
      for (const one of sliceAxes(node)) {
        if (one.step < 1) return undefined;
        starts[one.axis] = knownSize(one.start);
        ends[one.axis] = knownSize(one.end);
        steps[one.axis] = one.step;
      }
      return w.slice(x, starts, ends, steps);
    }
    case 'matmul':
      return y && rank === 2 && y.dims.length === 2 ? w.matmul(x, y) : undefined;
    case 'instancenorm':
      return y && z && rank > 2 ? instanceNorm(x, y, z, numberAttr(node.attrs, 'eps')) : undefined;
    case 'reduce_sum':
    case 'reduce_mean': {
      const axes = reducedAxesOf(node);
      const keepdims = boolAttr(node.attrs, 'keepdims');
      return node.op.name === 'reduce_sum' ? w.reduceSum(x, axes, keepdims) : mean(x, axes, keepdims);
    }
    default:
      return undefined;
  }
}
