/**
 * What needs no idea: identities, chains of operators that only move elements, arithmetic with neutral elements, operators on constants, common
 * sub-expressions, equal weights. Each rule keeps every bit but those of `x + 0`, where −0 becomes +0.
 */
import { Dim } from '../ir/dim.ts';
import { isLossless } from '../ir/elem.ts';
import type { Graph, Node, Value } from '../ir/graph.ts';
import { countOf, hostOf } from '../ir/graph.ts';
import { type AttrValue, holds, isFoldable, type Operator } from '../ir/operator.ts';
import { elemBytes, isFloat, sameType } from '../ir/types.ts';
import { graphsIn } from '../ir/walk.ts';
import { numberAttr, numbersAttr, stringAttr } from '../ops/attrs.ts';
import { type Evaluation, type EvaluationRefusal, evaluateConstant } from '../ops/evaluate.ts';
import { operators } from '../ops/registry.ts';
import { type SliceAxis, sliceAxes } from '../ops/slice-axes.ts';
import * as w from '../tensor/algebra.ts';
import { bytesFreed, everyElement, isConstant, producerIn, soleReader } from './conditions.ts';
import { contentOf, foldLimit, isStatic, lazyResult } from './constant-values.ts';
import { type Fuel, nodeText, rule, type Sweep } from './rule.ts';

/** The operators of a kind, by name: roots of a rule. */
const namesOf = (which: (op: Operator) => boolean): readonly string[] => operators.filter(which).map((op) => op.name);

function attrText(value: AttrValue): string {
  if (typeof value !== 'object') return JSON.stringify(value);
  return `[${value.map((item) => (typeof item === 'number' ? String(item) : `d${item.id}`)).join(',')}]`;
}

function attrsText({ attrs }: Node): string {
  const names = Object.keys(attrs).sort();
  return names.map((name) => `${name}=${attrText(attrs[name] ?? 0)}`).join(' ');
}

// ------------------------------------------------------------------------------------------------------------ operators that do nothing

export const removeIdentity = rule({
  name: 'simplify/identity',
  doc: `Removes an operator that hands its operand on.

  f(x)  →  x

f has a result of the type of its operand: identity (dropout, stochastic depth), a cast, reshape, squeeze, unsqueeze or expand to the type that is
there, or one of those of which the condition speaks.
Exact when
  in-place   a transpose permutes nothing, a slice takes everything, a pad adds nothing, a concat has one operand, and a pool has window and stride 1
             and no padding: every element stays, and where it is
Rounding: none.`,
  roots: namesOf(({ traits }) => traits.handsOn === true || typeof traits.handsOn === 'function'),
  *match(node: Node): Generator<Node> {
    if (node.results.length === 1 && node.operand(0) && sameType(node.x.type, node.y.type)) yield node;
  },
  exact: { 'in-place': (node) => holds(node.op.traits.handsOn, node) },
  rewrite: (node, g) => g.replace(node.y, node.x),
});

interface Neutral {
  readonly node: Node;
  readonly x: Value;
}

export const removeNeutral = rule({
  name: 'simplify/neutral',
  doc: `Removes arithmetic with a neutral element.

  x + 0, 0 + x, x − 0, x · 1, 1 · x, x / 1, x ^ 1  →  x

Exact when
  no-widening   the constant does not broadcast x to a larger shape
x · 0 stays: it is not 0 where x is not finite, and only a sum's term is worth the argument (fuse-shortcut/zero).
Rounding: none; −0 + 0 is +0 in the source and −0 here, which are equal.`,
  roots: ['add', 'sub', 'mul', 'div', 'pow'],
  *match(node: Node): Generator<Neutral> {
    const [a, b] = node.operands;
    if (!a || !b) return;
    const neutral = node.op.name === 'add' || node.op.name === 'sub' ? 0 : 1;
    if (isConstant(b) && everyElement(b.content, neutral)) yield { node, x: a };
    if (isConstant(a) && node.op.traits.commutative === true && everyElement(a.content, neutral)) yield { node, x: b };
  },
  exact: { 'no-widening': ({ node, x }) => sameType(x.type, node.y.type) },
  rewrite: ({ node, x }, g) => g.replace(node.y, x),
});

// ------------------------------------------------------------------------------------------------------------ chains

interface Chain {
  readonly outer: Node;
  readonly inner: Node;
}

function* chainOf(outer: Node, inners: readonly string[]): Generator<Chain> {
  const inner = producerIn(outer.operand(0), outer);
  if (inner && inners.includes(inner.op.name)) yield { outer, inner };
}

/** Operators that give elements another shape and do nothing else. */
const reshaping = namesOf(({ traits }) => traits.keepsOrder === true && traits.elementwise !== true);

/** Gives the elements another shape and no other order: a reshape, or a transpose that moves axes of size 1 alone. */
function keepsOrder(node: Node): boolean {
  if (node.op.name !== 'transpose') return reshaping.includes(node.op.name);
  const long = permOf(node).filter((axis) => node.x.type.dims[axis]?.constant !== 1);
  return long.every((axis, i) => i === 0 || axis > (long[i - 1] ?? 0));
}

export const mergeReshapes = rule({
  name: 'simplify/reshapes',
  doc: `Makes one reshape of two; squeeze and unsqueeze are reshapes, and beside one a transpose that moves axes of size 1 alone.

  reshape(reshape(x))  →  reshape(x)

Exact always: the shape of the outer's result does not depend on the middle one, because 0 and −1 were resolved when it was inferred.
Rounding: none; reshapes keep the row-major order.`,
  // Where others read the inner one nothing goes, but the way from x is shorter by a node, which ends as well.
  lowers: false,
  roots: [...reshaping, 'transpose'],
  *match(outer: Node): Generator<Chain> {
    if (!keepsOrder(outer)) return;
    for (const m of chainOf(outer, outer.op.name === 'transpose' ? reshaping : [...reshaping, 'transpose']))
      if (keepsOrder(m.inner)) yield m;
  },
  exact: {},
  rewrite({ outer, inner }, g) {
    g.replace(outer.y, g.node('reshape', [inner.x], { shape: outer.y.type.dims }, outer));
  },
});

const permOf = (node: Node): readonly number[] => {
  const perm = numbersAttr(node.attrs, 'perm');
  return perm.map((axis) => (axis < 0 ? axis + perm.length : axis));
};

export const mergeTransposes = rule({
  name: 'simplify/transposes',
  doc: `Makes one transpose of two.

  transpose(transpose(x; p); q)  →  transpose(x; p∘q),   (p∘q)[i] = p[q[i]]

Exact always. Rounding: none.`,
  // Where others read the inner one nothing goes, but the way from x is shorter by a node, which ends as well.
  lowers: false,
  roots: ['transpose'],
  *match(outer: Node): Generator<Chain> {
    yield* chainOf(outer, ['transpose']);
  },
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
    // Element i of the outer is element s2 + i·t2 of the inner, which is element s1 + (s2 + i·t2)·t1 of x.
    if (second.toEnd) first.set(second.axis, { ...before, start, step });
    else if (e2 !== undefined && e2 >= 0 && inner.y.type.dims[second.axis]?.constant !== undefined) {
      const length = Math.min(e2, inner.y.type.dims[second.axis]?.constant ?? 0);
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
  roots: ['slice'],
  *match(outer: Node): Generator<Chain> {
    yield* chainOf(outer, ['slice']);
  },
  exact: { plain: (m) => joined(m) !== undefined, 'one-reader': ({ inner, outer }) => soleReader(inner.y) === outer },
  rewrite(m, g) {
    const axes = joined(m) ?? [];
    const attrs: Record<string, AttrValue> = {
      starts: axes.map((a) => a.start),
      ends: axes.map((a) => a.end),
      axes: axes.map((a) => a.axis),
      steps: axes.map((a) => a.step),
    };
    g.replace(m.outer.y, g.node('slice', [m.inner.x], attrs, m.outer));
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
  roots: ['cast'],
  *match(outer: Node): Generator<Chain> {
    yield* chainOf(outer, ['cast']);
  },
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
  roots: ['pad'],
  *match(outer: Node): Generator<Chain> {
    yield* chainOf(outer, ['pad']);
  },
  exact: {
    'same-value': ({ outer, inner }) =>
      [outer, inner].every(
        (node) => stringAttr(node.attrs, 'mode') === 'constant' && numbersAttr(node.attrs, 'pads').every((n) => n >= 0),
      ) && numberAttr(outer.attrs, 'value') === numberAttr(inner.attrs, 'value'),
    'one-reader': ({ inner, outer }) => soleReader(inner.y) === outer,
  },
  rewrite({ outer, inner }, g) {
    const more = numbersAttr(inner.attrs, 'pads');
    const pads = numbersAttr(outer.attrs, 'pads').map((n, i) => n + (more[i] ?? 0));
    g.replace(outer.y, g.node('pad', [inner.x], { ...outer.attrs, pads }, outer));
  },
});

export const removeRepeated = rule({
  name: 'simplify/repeated',
  doc: `Removes the second of two equal operators that change nothing a second time, and both of two that undo each other.

  relu(relu(x))  →  relu(x)      neg(neg(x))  →  x      not(not(x))  →  x

f is an elementwise operator of one operand, with the same attributes twice, whose record says \`idempotent\` (relu, abs, floor, clamp, …) or
\`involution\` (neg, not, reciprocal: x is not 0, because 1/x is finite).
Exact always. Rounding: none, of a reciprocal that of two divisions.`,
  roots: namesOf(({ traits }) => traits.elementwise === true && (traits.idempotent === true || traits.involution === true)),
  *match(outer: Node): Generator<Chain> {
    for (const m of chainOf(outer, [outer.op.name])) if (attrsText(outer) === attrsText(m.inner)) yield m;
  },
  exact: {},
  rewrite: ({ outer, inner }, g) => g.replace(outer.y, outer.op.traits.involution === true ? inner.x : inner.y),
});

interface Quotient {
  readonly outer: Node;
  /** 1 / x. */
  readonly inner: Node;
  readonly x: Value;
  readonly other: Value;
}

/** What a node divides one by; undefined for other nodes. */
function divisorOf(node: Node | undefined): Value | undefined {
  if (node?.op.name === 'reciprocal') return node.x;
  const [one, x] = node?.operands ?? [];
  return node?.op.name === 'div' && isConstant(one) && everyElement(one.content, 1) ? x : undefined;
}

export const divideAtOnce = rule({
  name: 'simplify/quotient',
  doc: `Divides instead of multiplying by a reciprocal.

  (1 / x) · y  →  y / x        y / (1 / x)  →  y · x        1 / (1 / x)  →  x

Exact when
  float        the elements are floats: a division of integers cuts
  one-reader   only the outer reads the inner, which is no output
  same-type    1 does not widen x
x is not 0, because 1/x is finite. Rounding: one division less.
Source: the equations; onnxruntime, DivMulFusion, which cuts integers all the same.`,
  roots: ['mul', 'div'],
  *match(outer: Node): Generator<Quotient> {
    const [a, b] = outer.operands;
    if (!a || !b) return;
    const sides =
      outer.op.name === 'mul'
        ? ([
            [a, b],
            [b, a],
          ] as const)
        : ([[b, a]] as const);
    for (const [value, other] of sides) {
      const inner = producerIn(value, outer);
      const x = divisorOf(inner);
      if (inner && x) yield { outer, inner, x, other };
    }
  },
  exact: {
    float: ({ outer }) => isFloat(outer.y.type.elem),
    'one-reader': ({ outer, inner }) => soleReader(inner.y) === outer || divisorOf(outer) === inner.y,
    'same-type': ({ inner, x }) => sameType(inner.y.type, x.type),
  },
  rewrite({ outer, x, other }, g) {
    if (outer.op.name === 'mul') g.replace(outer.y, g.node('div', [other, x], {}, outer));
    else if (isConstant(other) && everyElement(other.content, 1) && sameType(x.type, outer.y.type)) g.replace(outer.y, x);
    else g.replace(outer.y, g.node('mul', [other, x], {}, outer));
  },
});

interface Negated {
  readonly outer: Node;
  readonly inner: Node;
  readonly other: Value;
}

export const addNegated = rule({
  name: 'simplify/negated',
  doc: `Subtracts instead of adding what is negated, and the other way round.

  x + (−y)  →  x − y      (−x) + y  →  y − x      x − (−y)  →  x + y

Exact when
  one-reader   only the outer reads the inner, which is no output
Rounding: none.`,
  roots: ['add', 'sub'],
  *match(outer: Node): Generator<Negated> {
    const [a, b] = outer.operands;
    if (!a || !b) return;
    const [left, right] = [producerIn(a, outer), producerIn(b, outer)];
    if (right?.op.name === 'neg') yield { outer, inner: right, other: a };
    if (left?.op.name === 'neg' && outer.op.name === 'add') yield { outer, inner: left, other: b };
  },
  exact: { 'one-reader': ({ outer, inner }) => soleReader(inner.y) === outer },
  rewrite({ outer, inner, other }, g) {
    g.replace(outer.y, g.node(outer.op.name === 'add' ? 'sub' : 'add', [other, inner.x], {}, outer));
  },
});

interface Cut {
  readonly slice: Node;
  readonly pad: Node;
}

export const sliceBeforePad = rule({
  name: 'simplify/slice-before-pad',
  doc: `Cuts before it pads, where these are other axes.

  pad(x; channels)[…, ::s, ::s]  →  pad(x[…, ::s, ::s]; channels)

Exact when
  other-axes   no axis is both cut and padded
  one-reader   only the slice reads the pad, which is no output
  smaller      no axis is cut to more than it has, and one to less
Rounding: none.`,
  roots: ['slice'],
  *match(slice: Node): Generator<Cut> {
    const pad = producerIn(slice.operand(0), slice);
    if (pad?.op.name === 'pad') yield { slice, pad };
  },
  exact: {
    'other-axes': ({ slice, pad }) => {
      const pads = numbersAttr(pad.attrs, 'pads');
      const rank = pads.length / 2;
      return sliceAxes(slice).every(({ axis }) => pads[axis] === 0 && pads[axis + rank] === 0);
    },
    'one-reader': ({ slice, pad }) => soleReader(pad.y) === slice,
    smaller: ({ slice }) =>
      slice.y.type.dims.every((d, i) => d.atMost(slice.x.type.dims[i] ?? d) === 'yes') && !sameType(slice.y.type, slice.x.type),
  },
  rewrite({ slice, pad }, g) {
    g.replace(slice.y, g.node('pad', [g.node('slice', [pad.x], slice.attrs, slice)], pad.attrs, pad, slice));
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
  roots: ['slice'],
  // Where others read the concat nothing goes but the way from y is shorter, which ends as well.
  lowers: false,
  *match(slice: Node): Generator<Picked> {
    const concat = producerIn(slice.operand(0), slice);
    if (concat?.op.name !== 'concat') return;
    const rank = slice.y.type.dims.length;
    const given = numberAttr(concat.attrs, 'axis');
    const axis = given < 0 ? given + rank : given;
    const cut = sliceAxes(slice).find((one) => one.axis === axis);
    if (!cut) return;
    const total = concat.y.type.dims[axis]?.constant;
    const [start, stop] = [cut.start.constant, cut.toEnd ? total : cut.end.constant];
    const known = start !== undefined && stop !== undefined && start >= 0 && stop >= 0 && cut.step > 0;
    yield { slice, concat, part: known ? partOf(concat, axis, start, stop) : undefined };
  },
  exact: { inside: ({ part }) => part !== undefined },
  rewrite({ slice, concat, part }, g) {
    if (!part) return;
    const rank = slice.y.type.dims.length;
    const given = numberAttr(concat.attrs, 'axis');
    const axis = given < 0 ? given + rank : given;
    const axes = sliceAxes(slice).map((one) =>
      one.axis === axis ? { ...one, start: Dim.of(part.start - part.from), end: Dim.of(part.end - part.from) } : one,
    );
    const attrs = {
      starts: axes.map((a) => a.start),
      ends: axes.map((a) => a.end),
      axes: axes.map((a) => a.axis),
      steps: axes.map((a) => a.step),
    };
    g.replace(slice.y, g.node('slice', [part.value], attrs, slice));
  },
});

interface RoundTrip {
  readonly outer: Node;
  readonly op: Node;
  readonly x: Value;
}

/** Acts on every element alone, or on rows that the reshape leaves whole. */
function actsInRows(op: Node, x: Value): boolean {
  if (op.slots.length !== 1 || op.results.length !== 1) return false;
  if (op.op.traits.elementwise === true) return true;
  if (op.op.name !== 'softmax' && op.op.name !== 'log_softmax') return false;
  const { dims } = op.x.type;
  const axis = numberAttr(op.attrs, 'axis');
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
  roots: reshaping,
  *match(outer: Node): Generator<RoundTrip> {
    const op = producerIn(outer.operand(0), outer);
    const inner = op && producerIn(op.operand(0), op);
    if (!op || !inner || !reshaping.includes(inner.op.name)) return;
    if (actsInRows(op, inner.x)) yield { outer, op, x: inner.x };
  },
  exact: {
    'same-shape': ({ outer, x }) =>
      outer.y.type.dims.length === x.type.dims.length && outer.y.type.dims.every((d, i) => d === x.type.dims[i]),
    'one-reader': ({ outer, op }) => soleReader(op.y) === outer,
  },
  rewrite({ outer, op, x }, g) {
    const axis = 'axis' in op.attrs ? { axis: x.type.dims.length - 1 } : {};
    g.replace(outer.y, g.node(op.op.name, [x], { ...op.attrs, ...axis }, op, outer));
  },
});

// ------------------------------------------------------------------------------------------------------------ constants

function resultBytes(node: Node): number {
  let bytes = 0;
  for (const y of node.results) bytes += (countOf(y.type) ?? Infinity) * elemBytes[y.type.elem];
  return bytes;
}

/** A folded constant is no larger than the limit, or than the constants that go with the node. */
function staysSmall(node: Node): boolean {
  const bytes = resultBytes(node);
  return bytes <= foldLimit || bytes <= bytesFreed(node.operands, node);
}

/** An operator on constants: its result as an expression, or as numbers, which are computed when they are first asked for. */
class Fold {
  readonly node: Node;
  readonly lazy: w.WeightExpr | undefined;
  #evaluation: Evaluation | undefined;

  constructor(node: Node) {
    this.node = node;
    const known = node.operands.every((value) => value === undefined || hostOf(value) !== undefined);
    this.lazy = known
      ? undefined
      : lazyResult(
          node,
          node.operands.map((value) => (isConstant(value) ? w.exprOf(value) : undefined)),
        );
  }

  get evaluation(): Evaluation {
    const { op, operands, attrs } = this.node;
    const tensors = operands.map((value) => hostOf(value));
    this.#evaluation ??= evaluateConstant(op, tensors, attrs);
    return this.#evaluation;
  }

  /** Nothing refuses the numbers under this name. */
  allows(condition: EvaluationRefusal): boolean {
    return this.lazy !== undefined || this.evaluation.kind === 'value' || this.evaluation.condition !== condition;
  }

  get contents(): readonly w.WeightExpr[] {
    if (this.lazy) return [this.lazy];
    return this.evaluation.kind === 'value' ? this.evaluation.results.map(contentOf) : [];
  }
}

export const foldConstants = rule({
  name: 'simplify/constants',
  doc: `Evaluates an operator whose operands are small known constants.

  f(c₁, c₂, …)  →  c

Exact when
  known    every operand is a constant whose elements are known, and every dimension is a number
  small    the result has at most 64 KiB, or no more bytes than the constants that go
  agreed   ONNX's text, onnxruntime and NumPy say the same of such numbers; the table in src/ops/agreement.ts has where they do not
  defined  ONNX says what comes out, in numbers that can be held: no index lies outside, no integer is divided by 0; 64-bit integers are exact
Every operator is computed ahead but random ones. Rounding: in float64, rounded once per operator to its element type.`,
  roots: namesOf(isFoldable),
  *match(node: Node): Generator<Fold> {
    if (!isFoldable(node.op) || node.regions.length > 0) return;
    const operands = node.operands;
    if (operands.some((value) => value !== undefined && !isConstant(value))) return;
    // Symbolic shapes without operands (\`dim_value\` of N) are no constants, and large ones stay generators.
    if (operands.length === 0 && (!isStatic(node) || resultBytes(node) > foldLimit)) return;
    yield new Fold(node);
  },
  exact: {
    known: ({ node, lazy }) =>
      isStatic(node) && node.operands.every((value) => value === undefined || hostOf(value) !== undefined || lazy !== undefined),
    small: ({ node }) => staysSmall(node),
    agreed: (fold) => fold.allows('agreed'),
    defined: (fold) => fold.allows('defined') && fold.allows('held'),
  },
  rewrite({ node, contents }, g) {
    const source = node.operands.find((value) => value?.name !== undefined);
    for (const [i, y] of node.results.entries()) {
      const content = contents[i];
      if (!content) continue;
      const keeps = node.results.length === 1 && node.operands.filter((value) => value?.name !== undefined).length === 1;
      g.replace(
        y,
        g.constant(
          content,
          keeps && source?.def.kind === 'constant' ? source.def.role : 'constant',
          keeps ? source?.name : undefined,
        ),
      );
    }
  },
});

// ------------------------------------------------------------------------------------------------------------ sweeps

/** Two operands are equal when they are one value, or constants of one content. A body reads values of graphs around it, whose ids are its own too. */
function operandText(value: Value | undefined, numbers: Map<Value, number>): string {
  if (!value) return '-';
  if (value.content) return `c${value.content.id}:${value.type.foreign?.text ?? value.type.elem}`;
  const number = numbers.get(value) ?? numbers.size;
  numbers.set(value, number);
  return `v${number}`;
}

/** Merges nodes that compute the same: one operator, equal attributes, equal operands, no randomness, no sub-graph. */
export const commonSubexpressions: Sweep = {
  name: 'simplify/common-subexpressions',
  doc: `Merges two nodes that compute the same: one operator, equal attributes, the same operands (or constants of equal content), neither random
nor the owner of a sub-graph. The first in the graph's order stays, because it comes before all readers of both.`,
  run(graph, fuel) {
    let merged = 0;
    const numbers = new Map<Value, number>();
    for (const one of graphsIn(graph)) {
      const seen = new Map<string, Node>();
      for (const node of one.nodes()) {
        if (fuel.empty) return merged;
        if (node.op.traits.random || node.regions.length > 0) continue;
        const key = `${node.op.name}|${attrsText(node)}|${node.operands.map((value) => operandText(value, numbers)).join(' ')}`;
        const first = seen.get(key);
        if (!first) {
          seen.set(key, node);
          continue;
        }
        if (!node.results.every((y, i) => first.results[i] !== undefined && sameType(y.type, first.results[i].type))) continue;
        for (const [i, y] of node.results.entries()) {
          const kept = first.results[i];
          if (kept) one.replaceUses(y, kept);
        }
        one.erase(node);
        merged++;
        fuel.spend(commonSubexpressions.name, nodeText(node));
      }
    }
    return merged;
  },
};

/** Makes readers of equal constants read one. */
export const equalWeights: Sweep = {
  name: 'simplify/equal-weights',
  doc: `Makes all readers of constants with equal content and role read one of them, the first by use, whose name stays. Runs last, so that no fold is
refused for a second reader that it made. Equal expressions are recognised by their structure; equal files by the pre-pass that hashes.`,
  run(graph, fuel) {
    let merged = 0;
    for (const one of graphsIn(graph)) {
      const seen = new Map<string, Value>();
      for (const value of one.constants()) {
        if (fuel.empty) return merged;
        if (value.def.kind !== 'constant') continue;
        const key = `${value.def.content.id}|${value.type.foreign?.text ?? value.type.elem}`;
        const first = seen.get(key);
        if (first && value.outputs === 0) {
          // A name that was made unique gives way to the one it was made from.
          if (first.name !== undefined && value.name !== undefined && value.name.length < first.name.length)
            first.name = value.name;
          one.replaceUses(value, first);
          merged++;
          fuel.spend(equalWeights.name, value.name ?? first.name ?? '');
        } else if (!first) seen.set(key, value);
      }
    }
    return merged;
  },
};

/** Removes nodes whose results nobody reads, from the last to the first. */
export const deadCode: Sweep = {
  name: 'simplify/dead-code',
  doc: 'Removes nodes whose results nobody reads, with their sub-graphs.',
  run: (graph, fuel) => removeDead(graph, fuel),
};

function removeDead(graph: Graph, fuel: Fuel): number {
  let removed = 0;
  // Inner graphs first: what a dead node in them read of the values around is free then.
  for (const one of [...graphsIn(graph)].reverse()) {
    let node = one.last;
    while (node && !fuel.empty) {
      const previous: Node | undefined = node.prev;
      if (node.results.every((y) => y.isDead)) {
        one.erase(node);
        removed++;
        fuel.spend(deadCode.name, nodeText(node));
      }
      node = previous;
    }
  }
  return removed;
}
