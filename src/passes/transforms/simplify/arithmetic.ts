/** Arithmetic that one operator says: quotients and differences. */

import type { Value } from '../../../ir/graph.ts';
import { isFloat, sameType } from '../../../ir/types.ts';
import { everyElement, isConstant } from '../../analysis/constants.ts';
import { soleReader } from '../../analysis/uses.ts';
import { any, either, filled, oneOf, op } from '../../engine/pattern.ts';
import { rule } from '../../engine/rule.ts';

/** One divided by x. */
const reciprocal = oneOf(op('reciprocal', 'inner', any('x')), op('div', 'inner', filled(1), any('x')));

const isOne = (value: Value): boolean => isConstant(value) && everyElement(value.content, 1);

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
  match: oneOf(either('mul', 'outer', reciprocal, any('other')), op('div', 'outer', any('other'), reciprocal)),
  exact: {
    float: ({ outer }) => isFloat(outer.y.type.elem),
    'one-reader': ({ outer, inner, other }) => soleReader(inner.y) === outer || (outer.op.name === 'div' && isOne(other)),
    'same-type': ({ inner, x }) => sameType(inner.y.type, x.type),
  },
  rewrite({ outer, x, other }, g) {
    if (outer.op.name === 'mul') g.replace(outer.y, g.node('div', [other, x], {}, outer));
    else if (isOne(other) && sameType(x.type, outer.y.type)) g.replace(outer.y, x);
    else g.replace(outer.y, g.node('mul', [other, x], {}, outer));
  },
});

export const addNegated = rule({
  name: 'simplify/negated',
  doc: `Subtracts instead of adding what is negated, and the other way round.

  x + (−y)  →  x − y      (−x) + y  →  y − x      x − (−y)  →  x + y

Exact when
  one-reader   only the outer reads the inner, which is no output
Rounding: none.`,
  match: oneOf(
    op(['add', 'sub'], 'outer', any('other'), op('neg', 'inner')),
    op('add', 'outer', op('neg', 'inner'), any('other')),
  ),
  exact: { 'one-reader': ({ outer, inner }) => soleReader(inner.y) === outer },
  rewrite({ outer, inner, other }, g) {
    g.replace(outer.y, g.node(outer.op.name === 'add' ? 'sub' : 'add', [other, inner.x], {}, outer));
  },
});
