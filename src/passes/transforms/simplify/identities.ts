/** Operators that do nothing: identities, arithmetic with neutral elements, and what changes nothing a second time. */

import { holds } from '../../../ir/operator.ts';
import { sameType } from '../../../ir/types.ts';
import { attrsText } from '../../analysis/attributes.ts';
import { operatorsThat } from '../../analysis/operators.ts';
import { any, either, filled, oneOf, op } from '../../engine/pattern.ts';
import { rule } from '../../engine/rule.ts';

const handingOn = operatorsThat('handing-on', ({ traits }) => traits.handsOn === true || typeof traits.handsOn === 'function');

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
  match: op(handingOn, 'node', any('x')).where(({ node }) => node.results.length === 1 && sameType(node.x.type, node.y.type)),
  exact: { 'in-place': ({ node }) => holds(node.op.traits.handsOn, node) },
  rewrite: ({ node, x }, g) => g.replace(node.y, x),
});

export const removeNeutral = rule({
  name: 'simplify/neutral',
  doc: `Removes arithmetic with a neutral element.

  x + 0, 0 + x, x − 0, x · 1, 1 · x, x / 1, x ^ 1  →  x

Exact when
  no-widening   the constant does not broadcast x to a larger shape
x · 0 stays: it is not 0 where x is not finite, and only a sum's term is worth the argument (fuse-shortcut/zero).
Rounding: none; −0 + 0 is +0 in the source and −0 here, which are equal.`,
  match: oneOf(
    either('add', 'node', any('x'), filled(0)),
    op('sub', 'node', any('x'), filled(0)),
    either('mul', 'node', any('x'), filled(1)),
    op(['div', 'pow'], 'node', any('x'), filled(1)),
  ),
  exact: { 'no-widening': ({ node, x }) => sameType(x.type, node.y.type) },
  rewrite: ({ node, x }, g) => g.replace(node.y, x),
});

const settling = operatorsThat(
  'idempotent-or-involution',
  ({ traits }) => traits.elementwise === true && (traits.idempotent === true || traits.involution === true),
);

export const removeRepeated = rule({
  name: 'simplify/repeated',
  doc: `Removes the second of two equal operators that change nothing a second time, and both of two that undo each other.

  relu(relu(x))  →  relu(x)      neg(neg(x))  →  x      not(not(x))  →  x

f is an elementwise operator of one operand, with the same attributes twice, whose record says \`idempotent\` (relu, abs, floor, clamp, …) or
\`involution\` (neg, not, reciprocal: x is not 0, because 1/x is finite).
Exact always. Rounding: none, of a reciprocal that of two divisions.`,
  match: op(settling, 'outer', op(settling, 'inner')).where(
    ({ outer, inner }) => outer.op.name === inner.op.name && attrsText(outer) === attrsText(inner),
  ),
  exact: {},
  rewrite: ({ outer, inner }, g) => g.replace(outer.y, outer.op.traits.involution === true ? inner.x : inner.y),
});
