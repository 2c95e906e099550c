/** Places of an axis taken one by one, as exporters write what PyTorch indexes, and axes of size 1 around a transpose. */

import { Dim, sameDims } from '../../../ir/dim.ts';
import { hostOf, type Node, type Value } from '../../../ir/graph.ts';
import { numberAttr } from '../../../ops/attrs.ts';
import { axisIn } from '../../../ops/common.ts';
import { isConstantTarget } from '../../../ops/reshape.ts';
import { literal } from '../../../tensor/leaves.ts';
import { sessionOf } from '../../../tensor/session.ts';
import { inverse, type Perm, permOf } from '../../analysis/perm.ts';
import { pieceOf } from '../../analysis/pieces.ts';
import { reshaping } from '../../analysis/shapes.ts';
import { soleReader } from '../../analysis/uses.ts';
import { any, constant, oneOf, op } from '../../engine/pattern.ts';
import { rule } from '../../engine/rule.ts';

const without = <T>(list: readonly T[], at: number): readonly T[] => list.filter((_, i) => i !== at);

const isOne = (d: Dim | undefined): boolean => d?.constant === 1;

interface Regrouped {
  readonly outer: Node;
  readonly transpose: Node;
  readonly inner: Node;
  readonly shape: readonly Dim[];
  readonly perm: Perm;
}

export const unitAxes = rule({
  name: 'simplify/unit-axes',
  doc: `Drops and adds axes of size 1 where the reshape before a transpose makes its shape.

  squeeze(transpose(reshape(x)))  →  transpose(reshape(x))        and likewise unsqueeze, and any reshape that moves axes of size 1 alone

Exact when
  one-reader   only the transpose reads the inner, and only the outer the transpose; neither is an output
  plain        the new shape is a constant of the file: one of its sizes at most is neither a number nor at the same place in x, and then none there may be 0
Rounding: none; elements keep their order without axes of size 1.`,
  match: op(reshaping, 'outer', op('transpose', 'transpose', op(reshaping, 'inner'))).view(
    ({ outer, transpose, inner }): Regrouped | undefined => {
      const long = (dims: readonly Dim[]): readonly Dim[] => dims.filter((d) => !isOne(d));
      const [from, to] = [inner.y.type.dims, outer.y.type.dims];
      if (!sameDims(long(transpose.y.type.dims), long(to))) return undefined;
      const kept = from.flatMap((d, axis) => (isOne(d) ? [] : [axis]));
      const moved = permOf(transpose).filter((axis) => kept.includes(axis));
      // An axis of size 1 goes with the longer one behind it, so that runtimes still know how heads and batch change places.
      const groups = new Map<number, number[]>();
      let units: number[] = [];
      let next = 0;
      for (const [axis, d] of to.entries()) {
        units.push(axis);
        if (isOne(d)) continue;
        groups.set(moved[next++] ?? -1, units);
        units = [];
      }
      const order = [...kept.flatMap((axis) => groups.get(axis) ?? []), ...units];
      const shape = order.map((axis) => to[axis] ?? Dim.one);
      const perm = inverse(order);
      return { outer, transpose, inner, shape, perm };
    },
  ),
  exact: {
    'one-reader': ({ outer, transpose, inner }) => soleReader(inner.y) === transpose && soleReader(transpose.y) === outer,
    plain: ({ inner, shape }) => isConstantTarget(inner.x.type.dims, shape),
  },
  rewrite({ outer, transpose, inner, shape, perm }, g) {
    const x = g.node('reshape', [inner.x], { shape }, inner);
    g.replace(outer.y, g.node('transpose', [x], { perm }, transpose));
  },
});

/** One place of an axis, which is gone: x[…, k, …]. */
interface Pick {
  readonly node: Node;
  readonly axis: number;
  readonly place: number;
  /** Operators that say it. */
  readonly nodes: number;
}

/** What a squeeze of a slice takes of x, where that is a single place of one axis. */
function squeezedPick(node: Node, slice: Node): Pick | undefined {
  const { dims } = slice.x.type;
  const axis = slice.y.type.dims.findIndex((d, i) => d !== dims[i]);
  if (axis < 0 || !sameDims(without(dims, axis), node.y.type.dims)) return undefined;
  const piece = pieceOf(slice.y, node, axis);
  const place = piece?.start.constant;
  return place !== undefined && piece?.end.constant === place + 1 ? { node, axis, place, nodes: 2 } : undefined;
}

/** What a reader takes of x, where that is a single place of one axis. */
function pickOf(user: Node, x: Value): Pick | undefined {
  if (user.op.name === 'gather') {
    const index = hostOf(user.operand(1));
    const [place] = index?.data ?? [];
    if (user.operand(0) !== x || place === undefined || index?.dims.length !== 0) return undefined;
    const axis = axisIn(numberAttr(user.attrs, 'axis'), x.type.dims.length);
    const size = x.type.dims[axis]?.constant;
    if (size === undefined || place < -size || place >= size) return undefined;
    return { node: user, axis, place: place < 0 ? place + size : place, nodes: 1 };
  }
  const reader = user.op.name === 'slice' ? soleReader(user.y) : undefined;
  return reader && reshaping.names.has(reader.op.name) ? squeezedPick(reader, user) : undefined;
}

/** Readers beyond this many are not looked at together. */
const readerLimit = 64;

/** What is cut instead: the operators that make it, and the axis. */
interface Stack {
  readonly x: Value;
  readonly shape: readonly Dim[];
  readonly perm: Perm | undefined;
  readonly axis: number;
  /** Nodes that go beside the picks. */
  readonly gone: number;
}

interface Unstacked {
  readonly v: Value;
  readonly size: number;
  readonly picks: readonly Pick[];
  readonly stack: Stack;
}

/** The stacked axis is one with the axis behind it, of which every place is then a part. */
function merged(dims: readonly Dim[], axis: number): readonly Dim[] | undefined {
  const [size, next] = [dims[axis], dims[axis + 1]];
  return size && next && [...dims.slice(0, axis), size.times(next), ...dims.slice(axis + 2)];
}

/** In front of the transpose that made the stack, where only picks read it; else behind it. */
function stackOf(v: Value, axis: number, alone: boolean): Stack | undefined {
  // A reshape that nobody else needs goes too.
  const beforeReshape = (value: Value, needless: boolean): { readonly x: Value; readonly gone: number } => {
    const node = needless ? value.producer : undefined;
    return node?.graph === v.graph && reshaping.names.has(node.op.name) ? { x: node.x, gone: 1 } : { x: value, gone: 0 };
  };
  const transpose = alone && v.producer?.op.name === 'transpose' ? v.producer : undefined;
  if (transpose) {
    const perm = permOf(transpose);
    const from = perm[axis] ?? 0;
    const shape = merged(transpose.x.type.dims, from);
    if (shape) {
      const rest = perm.filter((one) => one !== from).map((one) => (one > from ? one - 1 : one));
      const { x, gone } = beforeReshape(transpose.x, transpose.x.soleUse !== undefined);
      const made = { x, axis: rest.indexOf(from), gone: gone + 1 };
      const long = rest.filter((one) => !isOne(shape[one]));
      // One that moves axes of size 1 alone is a reshape.
      return long.every((one, i) => i === 0 || one > (long[i - 1] ?? 0))
        ? { ...made, shape: rest.map((one) => shape[one] ?? Dim.one), perm: undefined }
        : { ...made, shape, perm: rest };
    }
  }
  const shape = merged(v.type.dims, axis);
  return shape && { ...beforeReshape(v, alone), shape, perm: undefined, axis };
}

export const unstack = rule({
  name: 'simplify/unstack',
  doc: `Cuts what is stacked along an axis of its own into all of its places at once, as the parts of the axis behind.

  v[0], v[1], v[2]  →  split(transpose(reshape(x)); 3)      v = transpose(reshape(x)), as q, k and v of an attention; likewise without either

A place is taken by a gather with a constant index, or by a slice and a squeeze. The reshape joins the stacked axis and the one behind it in front of
the transpose, where they stand next to each other.
Exact when
  all-of-it   every place of the axis is taken, its size is known, and there are two at least
  plain       the shape that joins the two is a constant of the file: one size at most is neither a number nor at the same place in x, and then none there may be 0
  fewer       there are fewer operators afterwards
Rounding: none. Once, at the end: rules that move slices look at them one by one.
Source: ONNX Split-13; torch.unbind.`,
  // A reshape in front of the split writes what none wrote before, at no cost in any runtime.
  lowers: false,
  match: oneOf(op('gather', 'first', any('v'), constant('at')), op('slice', 'first', any('v'))).view(
    ({ first, v }): Unstacked | undefined => {
      if (v.graph !== first.graph || v.uses.size < 2 || v.uses.size > readerLimit) return undefined;
      const one = pickOf(first, v);
      const size = one && v.type.dims[one.axis]?.constant;
      // From the first place alone, so that the others are not looked at for each of them.
      if (one?.place !== 0 || size === undefined) return undefined;
      const users = [...v.uses].map(({ user }) => user);
      const picks = users.flatMap((user) => {
        const pick = user.graph === v.graph ? pickOf(user, v) : undefined;
        return pick?.axis === one.axis ? [pick] : [];
      });
      const alone = v.outputs === 0 && picks.length === users.length;
      const stack = stackOf(v, one.axis, alone);
      return stack && { v, size, picks, stack };
    },
  ),
  exact: {
    'all-of-it': ({ size, picks }) => size > 1 && new Set(picks.map(({ place }) => place)).size === size,
    plain: ({ stack }) => isConstantTarget(stack.x.type.dims, stack.shape),
    fewer({ picks, stack }) {
      const made = (sameDims(stack.x.type.dims, stack.shape) ? 0 : 1) + (stack.perm ? 1 : 0) + 1;
      return made < stack.gone + picks.reduce((sum, { nodes }) => sum + nodes, 0);
    },
  },
  rewrite({ v, size, picks, stack }, g) {
    const [one] = picks;
    // Behind what makes the stack, and so before all that read it.
    const before = v.producer ? v.producer.next : v.graph.first;
    if (!one || !before) return;
    const { x, shape, perm, axis } = stack;
    const like = v.producer ?? one.node;
    let whole = sameDims(x.type.dims, shape) ? x : g.node('reshape', [x], { shape }, like, before);
    if (perm) whole = g.node('transpose', [whole], { perm }, like, before);
    const parts = g.node('split', [whole], { axis, parts: size, sizes: [] }, one.node, before);
    for (const { node, place } of picks) {
      const part = parts.producer?.results[place];
      if (part) g.replace(node.y, part);
    }
  },
});

export const pickAtOnce = rule({
  name: 'simplify/pick',
  doc: `Takes a place of an axis in one operator.

  squeeze(x[…, k : k + 1, …])  →  gather(x; k)

Exact when
  one-place   the slice takes one place of one axis, known and counted from the front, and nothing but this axis goes
Rounding: none. Once, at the end: rules that move slices know no gather.
Source: ONNX Gather-13.`,
  match: op('slice', 'slice', any('x')).view(({ slice, x }) => {
    const node = soleReader(slice.y);
    return node && reshaping.names.has(node.op.name) ? { node, slice, x, pick: squeezedPick(node, slice) } : undefined;
  }),
  exact: { 'one-place': ({ pick }) => pick !== undefined },
  rewrite({ node, slice, x, pick }, g) {
    if (!pick) return;
    const at = literal(sessionOf(node.graph), { elem: 'i64', dims: [], data: Float64Array.of(pick.place) });
    g.replace(node.y, g.node('gather', [x, g.constant(at, 'constant', undefined)], { axis: pick.axis }, slice, node));
  },
});
