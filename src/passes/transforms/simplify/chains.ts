/**
 * Two operators of one kind in a row that one of them says: reshapes, transposes, slices, casts, pads, and a way there and back.
 */

import { outside } from '../../../diagnostics/at.ts';
import { Dim, sameDims } from '../../../ir/dim.ts';
import { isLossless } from '../../../ir/elem.ts';
import type { Node, Value } from '../../../ir/graph.ts';
import { dimsAttr, numberAttr, stringAttr } from '../../../ops/attrs.ts';
import { cutsNothing } from '../../../ops/pad.ts';
import { type SliceAxis, sliceAxes } from '../../../ops/slice-axes.ts';
import { operatorsThat } from '../../analysis/operators.ts';
import { permOf } from '../../analysis/perm.ts';
import { sliceAttrs } from '../../analysis/pieces.ts';
import { reshaping } from '../../analysis/shapes.ts';
import { soleReader } from '../../analysis/uses.ts';
import { any, oneOf, op } from '../../engine/pattern.ts';
import { rule } from '../../engine/rule.ts';

export interface Chain {
  readonly outer: Node;
  readonly inner: Node;
}

/** Gives the elements another shape and no other order: a reshape, or a transpose that moves axes of size 1 alone. */
function keepsOrder(node: Node): boolean {
  if (node.op.name !== 'transpose') return reshaping.names.has(node.op.name);
  const long = permOf(node).filter((axis) => node.x.type.dims[axis]?.constant !== 1);
  return long.every((axis, i) => i === 0 || axis > (long[i - 1] ?? outside()));
}

export const mergeReshapes = rule({
  name: 'simplify/reshapes',
  doc: `Makes one reshape of two; squeeze and unsqueeze are reshapes, and beside one a transpose that moves axes of size 1 alone.

  reshape(reshape(x))  →  reshape(x)

Exact always: the shape of the outer's result does not depend on the middle one, because 0 and −1 were resolved when it was inferred.
Rounding: none; reshapes keep the row-major order.`,
  // Where others read the inner one nothing goes, but the way from x is shorter by a node, which ends as well.
  lowers: false,
  match: oneOf(
    op('transpose', 'outer', op(reshaping, 'inner')),
    op(reshaping, 'outer', op([reshaping, 'transpose'], 'inner')),
  ).where(({ outer, inner }) => keepsOrder(outer) && keepsOrder(inner)),
  exact: {},
  rewrite({ outer, inner }, g) {
    g.replace(outer.y, g.node('reshape', [inner.x], { shape: outer.y.type.dims }, outer));
  },
});

export const mergeTransposes = rule({
  name: 'simplify/transposes',
  doc: `Makes one transpose of two.

  transpose(transpose(x; p); q)  →  transpose(x; p∘q),   (p∘q)[i] = p[q[i]]

Exact always. Rounding: none.`,
  // Where others read the inner one nothing goes, but the way from x is shorter by a node, which ends as well.
  lowers: false,
  match: op('transpose', 'outer', op('transpose', 'inner')),
  exact: {},
  rewrite({ outer, inner }, g) {
    const p = permOf(inner);
    g.replace(outer.y, g.node('transpose', [inner.x], { perm: permOf(outer).map((axis) => p[axis] ?? axis) }, outer));
  },
});

/** Two slices as one; undefined where an axis is cut twice and the numbers are not plain enough to be sure. */
function joined({ outer, inner }: Chain): readonly SliceAxis[] | undefined {
  const first = new Map(sliceAxes(inner).map((one) => [one.axis, one]));
  for (const second of sliceAxes(outer)) {
    const before = first.get(second.axis);
    if (!before) {
      first.set(second.axis, second);
      continue;
    }
    const [s1, s2, e2] = [before.start.constant, second.start.constant, second.end.constant];
    if (s1 === undefined || s2 === undefined || s1 < 0 || s2 < 0 || before.step < 1 || second.step < 1) return undefined;
    const start = Dim.of(s1 + s2 * before.step);
    const step = before.step * second.step;
    const whole = inner.y.type.dims[second.axis]?.constant;
    // Element i of the outer is element s2 + i·t2 of the inner, which is element s1 + (s2 + i·t2)·t1 of x.
    if (second.toEnd) first.set(second.axis, { ...before, start, step });
    else if (e2 !== undefined && e2 >= 0 && whole !== undefined) {
      const length = Math.min(e2, whole);
      if (length <= s2) return undefined;
      first.set(second.axis, { ...before, start, step, end: Dim.of(s1 + (length - 1) * before.step + 1) });
    } else return undefined;
  }
  return [...first.values()].sort((a, b) => a.axis - b.axis);
}

export const mergeSlices = rule({
  name: 'simplify/slices',
  doc: `Makes one slice of two.

  slice(slice(x; s₁, e₁, t₁); s₂, e₂, t₂)  →  slice(x; s₁ + s₂·t₁, …, t₁·t₂)

Exact when
  plain        where both cut one axis, starts are known and count from the front, steps go forward, and the end is the axis's or known
  one-reader   only the outer reads the inner (else both would be cut)
Rounding: none.`,
  match: op('slice', 'outer', op('slice', 'inner')),
  exact: { plain: (m) => joined(m) !== undefined, 'one-reader': ({ inner, outer }) => soleReader(inner.y) === outer },
  rewrite(m, g) {
    g.replace(m.outer.y, g.node('slice', [m.inner.x], sliceAttrs(joined(m) ?? []), m.outer));
  },
});

export const mergeCasts = rule({
  name: 'simplify/casts',
  doc: `Makes one cast of two.

  cast(cast(x; a); b)  →  cast(x; b)

Exact when
  lossless   every number of x's element type is one of a's: f32 to f16 to f32 rounds, f16 to f32 to f16 does not
Rounding: none.`,
  // Where others read the inner one nothing goes, but the way from x is shorter by a node, which ends as well.
  lowers: false,
  match: op('cast', 'outer', op('cast', 'inner')),
  exact: { lossless: ({ inner }) => isLossless(inner.x.type.elem, inner.y.type.elem) },
  rewrite: ({ outer, inner }, g) => g.replace(outer.y, g.node('cast', [inner.x], outer.attrs, outer)),
});

export const mergePads = rule({
  name: 'simplify/pads',
  doc: `Makes one pad of two.

  pad(pad(x; a); b)  →  pad(x; a + b)

Exact when
  same-value   both put the same constant, and none cuts
  one-reader   only the outer reads the inner
Rounding: none.`,
  match: op('pad', 'outer', op('pad', 'inner')),
  exact: {
    'same-value': ({ outer, inner }) =>
      [outer, inner].every((node) => stringAttr(node.attrs, 'mode') === 'constant' && cutsNothing(node)) &&
      numberAttr(outer.attrs, 'value') === numberAttr(inner.attrs, 'value'),
    'one-reader': ({ inner, outer }) => soleReader(inner.y) === outer,
  },
  rewrite({ outer, inner }, g) {
    const more = dimsAttr(inner.attrs, 'pads');
    const pads = dimsAttr(outer.attrs, 'pads').map((d, i) => d.plus(more[i] ?? outside()));
    g.replace(outer.y, g.node('pad', [inner.x], { ...outer.attrs, pads }, outer));
  },
});

const rowwise = operatorsThat(
  'elementwise-or-softmax',
  ({ name, traits }) => traits.elementwise === true || name === 'softmax' || name === 'log_softmax',
);

/** Acts on every element alone, or on rows that the reshape leaves whole. */
function actsInRows(node: Node, x: Value): boolean {
  if (node.slots.length !== 1 || node.results.length !== 1) return false;
  if (node.op.traits.elementwise === true) return true;
  const { dims } = node.x.type;
  const axis = numberAttr(node.attrs, 'axis');
  const last = (axis < 0 ? axis + dims.length : axis) === dims.length - 1;
  return last && dims.length > 0 && dims[dims.length - 1] === x.type.dims[x.type.dims.length - 1];
}

export const removeRoundTrip = rule({
  name: 'simplify/round-trip',
  doc: `Runs an operator in the shape that it comes from and goes back to.

  reshape(f(reshape(x)))  →  f(x)      f: elementwise with one operand, or a softmax along the last axis where the reshapes leave that as it is

Exact when
  same-shape   the outer's result has the shape of x
  one-reader   only the outer reads f, which is no output
Rounding: none; reshapes keep the row-major order.`,
  match: op(reshaping, 'outer', op(rowwise, 'node', op(reshaping, 'inner', any('x')))).where(({ node, x }) =>
    actsInRows(node, x),
  ),
  exact: {
    'same-shape': ({ outer, x }) => sameDims(outer.y.type.dims, x.type.dims),
    'one-reader': ({ outer, node }) => soleReader(node.y) === outer,
  },
  rewrite({ outer, node, x }, g) {
    const axis = 'axis' in node.attrs ? { axis: x.type.dims.length - 1 } : {};
    g.replace(outer.y, g.node(node.op.name, [x], { ...node.attrs, ...axis }, node, outer));
  },
});
