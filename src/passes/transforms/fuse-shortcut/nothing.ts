/** Shortcuts and bodies that add nothing, or do nothing (He et al. 2016, arXiv:1603.05027). */

import type { Node, Value } from '../../../ir/graph.ts';
import { holds } from '../../../ir/operator.ts';
import { sameType } from '../../../ir/types.ts';
import { everyElement, everyElementIs, isConstant } from '../../analysis/constants.ts';
import { hasStrideOne, isPointwise, isUnpadded, type LinearView, linearView } from '../../analysis/linear.ts';
import { soleReader } from '../../analysis/uses.ts';
import { any, either, op } from '../../engine/pattern.ts';
import { rule } from '../../engine/rule.ts';

const chainLimit = 16;

/**
 * Whether every element is zero for every input on which all values are finite. Follows the way up while zeros stay zeros; the
 * constants that decide must be small enough to be known.
 */
function isZero(value: Value): boolean {
  let at = value;
  for (let i = 0; i < chainLimit; i++) {
    if (at.content) return everyElement(at.content, 0);
    const node = at.producer;
    if (node?.results.length !== 1) return false;
    const view = linearView(node);
    if (view) {
      const noBias = view.bias === undefined || everyElement(view.bias.content, 0);
      if (!noBias) return false;
      if (everyElement(view.weight.content, 0)) return true;
      at = view.x;
      continue;
    }
    const [x, c] = node.operands;
    if (!x) return false;
    if (node.op.name === 'batchnorm') return everyElement(c?.content, 0) && everyElement(node.operand(2)?.content, 0);
    if (node.op.name === 'mul') {
      if (everyElement(x.content, 0) || everyElement(c?.content, 0)) return true;
      if (c && !isConstant(x) && isConstant(c)) at = x;
      else if (c && isConstant(x)) at = c;
      else return false;
      continue;
    }
    if (node.op.name === 'div' && isConstant(c)) {
      at = x;
      continue;
    }
    if (!holds(node.op.traits.keepsZero, node)) return false;
    at = x;
  }
  return false;
}

function partOf(term: Value, sum: Node): 'body' | 'shortcut' | 'operand' {
  const tag = term.producer?.origin.residual;
  const part = tag?.region === sum.origin.residual?.region ? tag?.part : undefined;
  return part === 'body' || part === 'shortcut' ? part : 'operand';
}

export const removeZeroTerm = rule({
  name: 'fuse-shortcut/zero',
  doc: `Removes a shortcut or a body that is provably zero from the sum.

  x + 0·f(x)  →  x

0·f(x) is a linear operator with zero weights and no bias, a batchnorm with zero gain and bias, a product with zero, or what follows one of these and
keeps zeros zeros: 0 · v is 0 because v is finite.
Exact when
  shape   the other term has the sum's type: nothing was broadcast
Reported. Source: the definition of exact; zero-initialised gains of Goyal et al. 2017, arXiv:1706.02677, §5.1.`,
  match: either('add', 'sum', any('term'), any('other')).where(({ term }) => isZero(term)),
  exact: { shape: ({ sum, other }) => sameType(other.type, sum.y.type) },
  rewrite({ sum, term, other }, g) {
    g.removedShortcut({ scope: sum.origin.scope, removed: partOf(term, sum), why: 'zero' });
    g.replace(sum.y, other);
  },
});

/** The matrix of a linear operator, that of a pointwise conv within each group, is known to be the unit matrix. */
function hasUnitMatrix(view: LinearView): boolean {
  if (view.inputs !== view.outputs || (view.kind === 'conv' && !isPointwise(view))) return false;
  const per = view.inputs / view.groups;
  return everyElementIs(view.weight.content, (i) => (i % per === Math.floor(i / per) % per ? 1 : 0));
}

export const removeIdentityTerm = rule({
  name: 'fuse-shortcut/identity',
  doc: `Removes a linear operator in a sum that is provably the identity.

  f(x) + I·x  →  f(x) + x

I is the matrix of a linear, or the kernel of a pointwise conv, within each of its groups.
Exact when
  window   a conv has stride 1 and no padding
  bias     the bias is zero or none
Reported. Source: I·x = x.`,
  match: op(['conv', 'linear', 'matmul'], 'node').view(({ node }) => {
    const view = linearView(node);
    return view && soleReader(node.y)?.op.name === 'add' && hasUnitMatrix(view) ? view : undefined;
  }),
  exact: {
    window: (view) => view.kind !== 'conv' || (isUnpadded(view) && hasStrideOne(view)),
    bias: (view) => !view.bias || everyElement(view.bias.content, 0),
  },
  rewrite(view, g) {
    const sum = soleReader(view.node.y);
    g.removedShortcut({ scope: view.node.origin.scope, removed: sum ? partOf(view.node.y, sum) : 'operand', why: 'identity' });
    g.replace(view.node.y, view.x);
  },
});
