/**
 * Folds arithmetic on a part of a value into the linear operators that make the value: a detector's heads are joined, cut into
 * centres and sizes, and each of these is scaled (Liu et al. 2016, SSD, arXiv:1512.02325, equation 2). What scales the part
 * scales the whole by a vector that is 1 elsewhere.
 *
 * Along an axis of size S a vector holds for element number n of a row-major tensor its element ⌊n / I⌋ mod S, I being the
 * elements behind the axis. A reshape keeps n, so that an axis with as many elements behind it, whose size S' is a multiple of S,
 * has the vector S'/S times in a row.
 */

import { productOf } from '../../../ir/dim.ts';
import type { Node, Value } from '../../../ir/graph.ts';
import { sameType } from '../../../ir/types.ts';
import * as w from '../../../tensor/algebra.ts';
import { type Affine, type Arithmetic, arithmeticOperators, arithmeticView, channelVector } from '../../analysis/affine.ts';
import { foldOutputs, hasConstantWeights, type LinearView, linearView, normalFold, outputAxis } from '../../analysis/linear.ts';
import { product } from '../../analysis/numbers.ts';
import { permOf } from '../../analysis/perm.ts';
import { joinedAxis, type Piece, pieceOf } from '../../analysis/pieces.ts';
import { copyIsFree, producerIn, soleReader } from '../../analysis/uses.ts';
import { constant, either, op } from '../../engine/pattern.ts';
import type { Rewriter } from '../../engine/rewriter.ts';
import { rule } from '../../engine/rule.ts';
import { rebuild } from '../rebuild.ts';

/** A way of more operators than this to the weights is not searched, nor more operators of all ways together. */
const depthLimit = 8;

const sizeLimit = 64;

/** How a value is made anew with its parts scaled and shifted. */
type Plan =
  | { readonly kind: 'linear'; readonly view: LinearView; readonly at: Affine }
  | { readonly kind: 'moved'; readonly node: Node; readonly operands: readonly Plan[] };

const each = (at: Affine, change: (x: w.WeightExpr) => w.WeightExpr): Affine => ({
  scale: at.scale && change(at.scale),
  shift: at.shift && change(at.shift),
});

/** The axis of a reshape's operand along which the vector of `size` elements lies times over, and how often. */
function reshapedAxis(node: Node, axis: number, size: number): { readonly axis: number; readonly times: number } | undefined {
  const behind = productOf(node.y.type.dims.slice(axis + 1));
  const { dims } = node.x.type;
  for (const [i, d] of dims.entries()) {
    const times = (d.constant ?? 0) / size;
    if (times >= 1 && Number.isInteger(times) && productOf(dims.slice(i + 1)) === behind) return { axis: i, times };
  }
  return undefined;
}

class Planner {
  #left = sizeLimit;

  /**
   * The way up from a value whose axis has `size` elements, each with its own factors; undefined where something else is on it.
   * Calls itself at most `depthLimit` deep.
   */
  plan(value: Value | undefined, reader: Node, axis: number, size: number, at: Affine, depth = 0): Plan | undefined {
    const node = producerIn(value, reader);
    if (!value || !node || depth > depthLimit || this.#left-- <= 0) return undefined;
    // The value that is cut has the slices as readers; they are asked about elsewhere.
    if (depth > 0 && soleReader(value) !== reader) return undefined;
    const view = linearView(node);
    if (view) return outputAxis(view) === axis && view.outputs === size ? { kind: 'linear', view, at } : undefined;
    const up = (operand: Value | undefined, place: number, count: number, own: Affine): Plan | undefined =>
      this.plan(operand, node, place, count, own, depth + 1);
    const one = (found: Plan | undefined): Plan | undefined => found && { kind: 'moved', node, operands: [found] };
    switch (node.op.name) {
      case 'transpose': {
        return one(up(node.x, permOf(node)[axis] ?? axis, size, at));
      }
      case 'reshape':
      case 'squeeze':
      case 'unsqueeze': {
        const place = reshapedAxis(node, axis, size);
        const repeat = (x: w.WeightExpr): w.WeightExpr =>
          place?.times === 1 ? x : w.concat(new Array<w.WeightExpr>(place?.times ?? 1).fill(x), 0);
        return place && one(up(node.x, place.axis, size * place.times, each(at, repeat)));
      }
      case 'concat': {
        const operands: Plan[] = [];
        let from = 0;
        for (const operand of node.operands) {
          const along = joinedAxis(node) === axis;
          const count = along ? operand?.type.dims[axis]?.constant : size;
          if (count === undefined) return undefined;
          const begin = from;
          from += along ? count : 0;
          const found = up(operand, axis, count, along ? each(at, (x) => w.slice(x, [begin], [begin + count])) : at);
          if (!found) return undefined;
          operands.push(found);
        }
        return { kind: 'moved', node, operands };
      }
      default:
        return undefined;
    }
  }
}

function leavesOf(plan: Plan): readonly { readonly view: LinearView; readonly at: Affine }[] {
  return plan.kind === 'linear' ? [plan] : plan.operands.flatMap(leavesOf);
}

function build(g: Rewriter, plan: Plan): Value {
  if (plan.kind === 'linear') {
    const { weight, bias } = foldOutputs(plan.view, plan.at);
    return rebuild(g, plan.view, { weight, bias, before: plan.view.node });
  }
  const { node } = plan;
  return g.node(
    node.op.name,
    plan.operands.map((one) => build(g, one)),
    node.attrs,
    node,
    node,
  );
}

interface OnPart {
  readonly arithmetic: Arithmetic;
  readonly piece: Piece;
  readonly axis: number;
  readonly plan: Plan | undefined;
}

/** The factors of all of x: what the arithmetic says within the piece, and nothing elsewhere. */
function wholeOf(arithmetic: Arithmetic, { x, start, end }: Piece, axis: number): Affine | undefined {
  const [from, to, size] = [start.constant, end.constant, x.type.dims[axis]?.constant];
  if (from === undefined || to === undefined || size === undefined || from >= to) return undefined;
  const spread = (vector: w.WeightExpr | undefined, neutral: number): w.WeightExpr | undefined => {
    const own = vector && channelVector(vector, x.type.dims.length, axis, to - from);
    if (!own) return undefined;
    const part = product(own.dims) === to - from ? own : w.mul(own, w.fullLike(own, [to - from], 1));
    const around = [from, size - to].map((n) => (n > 0 ? [w.fullLike(own, [n], neutral)] : []));
    return w.concat([...(around[0] ?? []), part, ...(around[1] ?? [])], 0);
  };
  const scale = spread(arithmetic.scale, 1);
  const shift = spread(arithmetic.shift, 0);
  if ((arithmetic.scale && !scale) || (arithmetic.shift && !shift)) return undefined;
  return { scale, shift };
}

/** Slices of one value beyond this many are not looked at. */
const readerLimit = 64;

export const foldOverParts = rule({
  name: 'fold-affine/over-parts',
  doc: `Folds arithmetic with a constant on a part of a value into the linear operators that make the value, over concats, reshapes and transposes.

  s·y[a : b] + t  →  y'[a : b],   y' = [1, s, 1]·y + [0, t, 0]      y = concat(view(W₁·x + b₁), …): rows of W and b are scaled and shifted

Exact when
  ways         all of the value comes from linear operators over concats, reshapes and transposes, whose shapes keep the vector one of outputs
               (see the head of the file); the constant has one element, or lies along the cut axis, and widens nothing
  apart        all other readers of the value are slices of other places of the axis, and it is no output
  constant     the weights are constants
  normal       s and t are finite; the new weights and biases stay in the normal range of the element type (see *Range*)
  weight-copy  nobody else reads the weights
Only the next node reads each on the way. Rounding: in float64, rounded once.
Source: Liu et al. 2016, arXiv:1512.02325 (the variances of the box coding); the equation.`,
  match: either(arithmeticOperators, 'node', op('slice', 'slice'), constant('c')).each(function* ({
    node,
    slice,
  }): Generator<OnPart> {
    const arithmetic = arithmeticView(node);
    if (!arithmetic || soleReader(slice.y) !== node) return;
    for (const axis of slice.y.type.dims.keys()) {
      const piece = pieceOf(slice.y, node, axis);
      if (!piece) continue;
      const at = sameType(node.y.type, slice.y.type) ? wholeOf(arithmetic, piece, axis) : undefined;
      const size = piece.x.type.dims[axis]?.constant ?? 0;
      const plan = at && new Planner().plan(piece.x, slice, axis, size, at);
      // Nothing is said of slices of what is no linear operator's.
      if (plan || linearView(producerIn(piece.x, slice))) yield { arithmetic, piece, axis, plan };
    }
  }),
  exact: {
    ways: ({ plan }) => plan !== undefined,
    apart: ({ arithmetic, piece, axis }) => {
      const { x, start, end } = piece;
      if (x.outputs > 0 || x.uses.size > readerLimit) return false;
      return [...x.uses].every(({ user }) => {
        if (user.results[0] === arithmetic.x) return true;
        const other = user.op.name === 'slice' && user.graph === x.graph ? pieceOf(user.y, user, axis) : undefined;
        return other !== undefined && (other.end.atMost(start) === 'yes' || end.atMost(other.start) === 'yes');
      });
    },
    constant: ({ plan }) => plan !== undefined && leavesOf(plan).every(({ view }) => hasConstantWeights(view)),
    normal: ({ plan }) =>
      plan !== undefined && leavesOf(plan).every((leaf) => normalFold(leaf.view, foldOutputs(leaf.view, leaf.at))),
    'weight-copy': ({ plan }) =>
      plan !== undefined && leavesOf(plan).every(({ view, at }) => !at.scale || copyIsFree(view.weight, view.node, 0)),
  },
  rewrite({ arithmetic, piece, plan }, g) {
    if (!plan) return;
    // The slices stay, and read the new value.
    g.replace(piece.x, build(g, plan));
    g.replace(arithmetic.node.y, arithmetic.x);
  },
});
