/** What is joined and cut again, what is cut and joined again, and cuts that go first. */

import { Dim } from '../../../ir/dim.ts';
import type { Node, Value } from '../../../ir/graph.ts';
import { sliceAxes } from '../../../ops/slice-axes.ts';
import { bordersOf, isAll, joinedAxis, type Piece, pieceOf, sliceAttrs } from '../../analysis/pieces.ts';
import { producerIn, soleReader } from '../../analysis/uses.ts';
import { any, op, withOperand } from '../../engine/pattern.ts';
import { rule } from '../../engine/rule.ts';

export const mergeConcats = rule({
  name: 'simplify/concats',
  doc: `Makes one concat of two.

  concat(x, concat(y, z))  →  concat(x, y, z)

Exact when
  same-axis    both join along one axis
  one-reader   only the outer reads the inner, once, and it is no output
Rounding: none.`,
  match: withOperand('concat', 'outer', op('concat', 'inner')),
  exact: {
    'same-axis': ({ outer, inner }) => joinedAxis(outer) === joinedAxis(inner),
    'one-reader': ({ outer, inner }) => soleReader(inner.y) === outer,
  },
  rewrite({ outer, inner }, g) {
    const operands = outer.operands.flatMap((operand) => (operand === inner.y ? inner.operands : [operand]));
    g.replace(outer.y, g.node('concat', operands, { axis: joinedAxis(outer) }, outer));
  },
});

interface Cut {
  readonly node: Node;
  readonly concat: Node;
  /**
   * For every result the operands that it is made of: from `first` up to `last`, the last one not included; undefined where a
   * border lies within one.
   */
  readonly groups: readonly ({ readonly first: number; readonly last: number } | undefined)[];
}

export const splitOfConcat = rule({
  name: 'simplify/split-of-concat',
  doc: `Takes the parts as they were before they were joined.

  split(concat(x, y, z); |x|, |y| + |z|)  →  x, concat(y, z)

Exact when
  same-axis    the split cuts the joined axis
  borders      every border of the split is one of the concat
  one-reader   every part is one operand, or only the split reads the concat, which is no output (else the parts would be joined beside it)
Rounding: none.`,
  match: op('split', 'node', op('concat', 'concat')).view(({ node, concat }): Cut | undefined => {
    if (node.results.length < 2) return undefined;
    const axis = joinedAxis(concat);
    const from = bordersOf(concat.operands, axis);
    const to = bordersOf(node.results, axis);
    const groups: { first: number; last: number }[] = [];
    let at = 0;
    for (const end of to.slice(1)) {
      // Empty operands lie on borders: they go to the part behind, and fall out at the end.
      const next = from.findIndex((border, i) => i > at && border === end);
      if (next < 0) break;
      groups.push({ first: at, last: next });
      at = next;
    }
    return { node, concat, groups: node.results.map((_, i) => groups[i]) };
  }),
  exact: {
    'same-axis': ({ node, concat }) => joinedAxis(node) === joinedAxis(concat),
    borders: ({ groups }) => groups.every((group) => group !== undefined),
    'one-reader': ({ node, concat, groups }) =>
      groups.every((group) => group && group.last === group.first + 1) || soleReader(concat.y) === node,
  },
  rewrite({ node, concat, groups }, g) {
    for (const [i, y] of node.results.entries()) {
      const group = groups[i];
      if (!group) return;
      const parts = concat.operands.slice(group.first, group.last);
      const [one] = parts;
      if (one) g.replace(y, parts.length === 1 ? one : g.node('concat', parts, { axis: joinedAxis(concat) }, concat, node));
    }
  },
});

interface Whole {
  readonly slice: Node;
  readonly concat: Node;
  readonly first: number;
  readonly last: number;
}

export const sliceOfParts = rule({
  name: 'simplify/slice-of-parts',
  doc: `Takes what is joined from the parts, where the cut falls on borders of theirs.

  concat(x, y, z)[|x| :]  →  concat(y, z)        concat(x, y)[: |x|]  →  x

Exact when
  borders      along the joined axis the slice begins and ends at borders of the concat, steps by one, and takes less than all; sizes may be symbols
  one-reader   it is one operand that is left, or only the slice reads the concat, which is no output (else the parts would be joined beside it)
What else the slice cuts it cuts from the parts. Rounding: none.`,
  // Where others read the concat nothing goes but the way from the part is shorter, which ends as well.
  lowers: false,
  match: op('slice', 'slice', op('concat', 'concat')).view(({ slice, concat }): Whole | undefined => {
    const axis = joinedAxis(concat);
    const cut = sliceAxes(slice).find((one) => one.axis === axis);
    if (!cut) return undefined;
    const borders = bordersOf(concat.operands, axis);
    const end = cut.toEnd ? borders[borders.length - 1] : cut.end;
    // The last border that is the start and the first that is the end: empty operands fall out.
    const first = cut.step === 1 ? borders.lastIndexOf(cut.start) : -1;
    const last = end ? borders.findIndex((border, i) => i > first && border === end) : -1;
    return { slice, concat, first, last };
  }),
  exact: {
    borders: ({ concat, first, last }) => first >= 0 && last > first && last - first < concat.slots.length,
    'one-reader': ({ slice, concat, first, last }) => last === first + 1 || soleReader(concat.y) === slice,
  },
  rewrite({ slice, concat, first, last }, g) {
    const parts = concat.operands.slice(first, last);
    const [one] = parts;
    if (!one) return;
    const axis = joinedAxis(concat);
    const value = parts.length === 1 ? one : g.node('concat', parts, { axis }, concat, slice);
    const rest = sliceAxes(slice).filter((cut) => cut.axis !== axis);
    g.replace(slice.y, rest.length === 0 ? value : g.node('slice', [value], sliceAttrs(rest), slice));
  },
});

interface Picked {
  readonly slice: Node;
  readonly concat: Node;
  /** The operand that holds all that is taken, and where it begins; undefined where there is none. */
  readonly part: { readonly value: Value; readonly from: number; readonly start: number; readonly end: number } | undefined;
}

/** The operand of a concat that holds the places from `start` up to `end` of the joined axis. */
function partOf(concat: Node, axis: number, start: number, end: number): Picked['part'] {
  let from = 0;
  for (const value of concat.operands) {
    const size = value?.type.dims[axis]?.constant;
    if (!value || size === undefined) return undefined;
    if (start >= from && end <= from + size && start < end) return { value, from, start, end };
    from += size;
  }
  return undefined;
}

export const sliceOfConcat = rule({
  name: 'simplify/slice-of-concat',
  doc: `Takes from what is joined what lies in one of the parts.

  concat(x, y)[a : b]  →  y[a − |x| : b − |x|]

Exact when
  inside   all that is taken along the joined axis lies in one operand; sizes and places are known, and the step goes forward
Rounding: none.`,
  // Where others read the concat nothing goes but the way from y is shorter, which ends as well.
  lowers: false,
  match: op('slice', 'slice', op('concat', 'concat')).view(({ slice, concat }): Picked | undefined => {
    const axis = joinedAxis(concat);
    const cut = sliceAxes(slice).find((one) => one.axis === axis);
    if (!cut) return undefined;
    const total = concat.y.type.dims[axis]?.constant;
    const [start, stop] = [cut.start.constant, cut.toEnd ? total : cut.end.constant];
    const known = start !== undefined && stop !== undefined && start >= 0 && stop >= 0 && cut.step > 0;
    return { slice, concat, part: known ? partOf(concat, axis, start, stop) : undefined };
  }),
  exact: { inside: ({ part }) => part !== undefined },
  rewrite({ slice, concat, part }, g) {
    if (!part) return;
    const axis = joinedAxis(concat);
    const axes = sliceAxes(slice).map((one) =>
      one.axis === axis ? { ...one, start: Dim.of(part.start - part.from), end: Dim.of(part.end - part.from) } : one,
    );
    g.replace(slice.y, g.node('slice', [part.value], sliceAttrs(axes), slice));
  },
});

interface Rejoined {
  readonly concat: Node;
  /** The operands from `first` up to `last`, the last one not included, are neighbours of x. */
  readonly first: number;
  readonly last: number;
  readonly piece: Piece;
}

export const joinPieces = rule({
  name: 'simplify/pieces',
  doc: `Joins what was cut from one value by not cutting it.

  concat(x[: k], x[k :])  →  x        concat(y, x[a : b], x[b : c])  →  concat(y, x[a : c])        concat(split(x))  →  x

The pieces lie along the joined axis, each ends where the next begins, and nothing else is cut; borders may be symbols.
Exact when
  one-reader   the pieces are all of x, or only the concat reads them and none is an output
Rounding: none.`,
  // Where others read the pieces nothing goes but the concat has fewer operands, which ends as well.
  lowers: false,
  match: op('concat', 'concat').each(function* ({ concat }): Generator<Rejoined> {
    const axis = joinedAxis(concat);
    const pieces = concat.operands.map((value) => pieceOf(value, concat, axis));
    for (let first = 0; first < pieces.length; first++) {
      const begin = pieces[first];
      if (!begin) continue;
      let end = begin.end;
      let last = first + 1;
      for (let next = pieces[last]; next && next.x === begin.x && next.start === end; next = pieces[last]) {
        end = next.end;
        last++;
      }
      const { x, start } = begin;
      if (last > first + 1) yield { concat, first, last, piece: { x, start, end } };
      first = last - 1;
    }
  }),
  exact: {
    'one-reader': ({ concat, first, last, piece }) =>
      isAll(piece, joinedAxis(concat)) ||
      concat.operands
        .slice(first, last)
        .every((value) => value && producerIn(value, concat)?.op.name === 'slice' && soleReader(value) === concat),
  },
  rewrite({ concat, first, last, piece }, g) {
    const axis = joinedAxis(concat);
    const cut = { axis, start: piece.start, end: piece.end, step: 1, toEnd: false };
    const value = isAll(piece, axis) ? piece.x : g.node('slice', [piece.x], sliceAttrs([cut]), concat);
    const operands = [...concat.operands.slice(0, first), value, ...concat.operands.slice(last)];
    g.replace(concat.y, operands.length === 1 ? value : g.node('concat', operands, { axis }, concat));
  },
});

/** Slices of one value beyond this many are not looked at together. */
const sliceLimit = 64;

interface Parts {
  readonly x: Value;
  readonly axis: number;
  /** In the order of the axis. */
  readonly slices: readonly { readonly node: Node; readonly start: Dim; readonly end: Dim }[];
}

export const splitAtOnce = rule({
  name: 'simplify/split',
  doc: `Cuts a value into all of its parts at once.

  x[: a], x[a : b], x[b :]  →  split(x; a, b − a, …)

Exact when
  all-of-it   the slices cut one axis alone, step by one, and each begins where another ends, from the beginning of the axis to its end; sizes
              are known
Rounding: none. Once, at the end: rules that move slices look at them one by one.
Source: ONNX Split-13.`,
  match: op('slice', 'first', any('x')).view(({ first, x }): Parts | undefined => {
    const [cut, ...others] = sliceAxes(first);
    if (!cut || others.length > 0 || x.graph !== first.graph || x.uses.size < 2 || x.uses.size > sliceLimit) return undefined;
    if (cut.start.constant !== 0) return undefined;
    const at = new Map<Dim, { readonly node: Node; readonly start: Dim; readonly end: Dim }>();
    for (const { user } of x.uses) {
      if (user.op.name !== 'slice' || user.graph !== first.graph) continue;
      const piece = pieceOf(user.y, user, cut.axis);
      // Of two equal ones the first by use; the other keeps its own cut.
      if (piece?.end.constant !== undefined && piece.start !== piece.end && !at.has(piece.start))
        at.set(piece.start, { node: user, start: piece.start, end: piece.end });
    }
    const slices = [];
    for (let next = at.get(cut.start); next; next = at.get(next.end)) slices.push(next);
    return slices.length > 1 ? { x, axis: cut.axis, slices } : undefined;
  }),
  exact: { 'all-of-it': ({ x, axis, slices }) => slices[slices.length - 1]?.end === x.type.dims[axis] },
  rewrite({ x, axis, slices }, g) {
    const sizes = slices.map(({ start, end }) => end.minus(start));
    const [one] = slices;
    // Behind what makes x, and so before all that read it.
    const before = x.producer ? x.producer.next : x.graph.first;
    if (!one || !before) return;
    const equal = sizes.every((size) => size === sizes[0]);
    const made = g.node('split', [x], { axis, parts: sizes.length, sizes: equal ? [] : sizes }, one.node, before);
    for (const [i, y] of (made.producer?.results ?? []).entries()) {
      const slice = slices[i];
      if (slice) g.replace(slice.node.y, y);
    }
  },
});
