/** Two scales, or two shifts, as one. */

import * as w from '../../../tensor/algebra.ts';
import { type Arithmetic, arithmeticOperators, arithmeticView } from '../../analysis/affine.ts';
import { product } from '../../analysis/numbers.ts';
import { staysNormal } from '../../analysis/range.ts';
import { soleReader } from '../../analysis/uses.ts';
import { any, constant, either } from '../../engine/pattern.ts';
import { rule } from '../../engine/rule.ts';
import { changed } from '../rebuild.ts';

interface Twice {
  readonly outer: Arithmetic;
  readonly inner: Arithmetic;
}

/** c − x, which scales by −1 and shifts. */
const isFlipped = (one: Arithmetic): boolean => one.node.op.name === 'sub' && one.scale !== undefined;

/** The one operator that does what the two do, and its constant. */
function together({ outer, inner }: Twice): { readonly op: 'mul' | 'add' | 'sub'; readonly constant: w.WeightExpr } | undefined {
  const [flipsIn, flipsOut] = [isFlipped(inner), isFlipped(outer)];
  if (inner.shift && outer.shift) {
    // c₂ − (c₁ − x) = x + (c₂ − c₁), c₂ − (x + t) = (c₂ − t) − x, (c₁ − x) + t = (c₁ + t) − x.
    const constant = flipsOut ? w.sub(outer.shift, inner.shift) : w.add(inner.shift, outer.shift);
    return { op: flipsIn === flipsOut ? 'add' : 'sub', constant };
  }
  if (inner.scale && outer.scale && !inner.shift && !outer.shift) return { op: 'mul', constant: w.mul(inner.scale, outer.scale) };
  return undefined;
}

export const foldAffineTogether = rule({
  name: 'fold-affine/together',
  doc: `Makes one operator of two that scale, or two that shift, by constants.

  (x · s₁) · s₂  →  x · (s₁·s₂)
  (x + t₁) + t₂  →  x + (t₁ + t₂)      c₂ − (c₁ − x)  →  x + (c₂ − c₁)      c − (x + t)  →  (c − t) − x

Constants may widen the shape: so does the one that is made of them.
Exact when
  one-reader   only the outer reads the inner, which is no output
  no-growth    the combined constant has no more elements than the two
  normal       it is finite, and a product of two that are not zero is no smaller than the smallest normal number of the element type (see *Range*)
Rounding: in float64, rounded once.
Source: associativity.`,
  match: either(arithmeticOperators, 'second', either(arithmeticOperators, 'first', any('x'), constant('d')), constant('c')).view(
    ({ first, second }): Twice | undefined => {
      const [outer, inner] = [arithmeticView(second), arithmeticView(first)];
      return outer && inner && together({ outer, inner }) ? { outer, inner } : undefined;
    },
  ),
  exact: {
    'one-reader': ({ outer, inner }) => soleReader(inner.node.y) === outer.node,
    'no-growth': (m) => {
      const count = product(together(m)?.constant.dims ?? [Infinity]);
      return count <= product(w.exprOf(m.outer.constant).dims) + product(w.exprOf(m.inner.constant).dims);
    },
    normal: (m) => {
      const made = together(m);
      if (!made) return false;
      // What is added is a bias, without a weight whose elements could get lost.
      if (made.op !== 'mul') return staysNormal({ factors: [], bias: made.constant });
      return staysNormal({ factors: [m.inner.scale, m.outer.scale].filter((x) => x !== undefined), weight: made.constant });
    },
  },
  rewrite(m, g) {
    const made = together(m);
    if (!made) return;
    const constant = changed(g, m.inner.constant, made.constant);
    const operands = made.op === 'sub' ? [constant, m.inner.x] : [m.inner.x, constant];
    g.replace(m.outer.node.y, g.node(made.op, operands, {}, m.outer.node));
  },
});
