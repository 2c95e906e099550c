/** Arithmetic that one operator says: quotients and differences. */
import type { Node, Value } from '../../../ir/graph.ts';
import { isFloat, sameType } from '../../../ir/types.ts';
import { everyElement, isConstant } from '../../analysis/constants.ts';
import { producerIn, soleReader } from '../../analysis/uses.ts';
import { rule } from '../../engine/rule.ts';

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
