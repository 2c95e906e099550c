/** Linear operators with other weights: constants keep their names and roles. */

import { bug } from '../../diagnostics/diagnostic.ts';
import type { Node, Value } from '../../ir/graph.ts';
import type { AttrValue } from '../../ir/operator.ts';
import { constantDims } from '../../ops/common.ts';
import * as w from '../../tensor/algebra.ts';
import { filledOf } from '../analysis/filled.ts';
import { type LinearView, weightOf } from '../analysis/linear.ts';
import type { Rewriter } from '../engine/rewriter.ts';

interface Changes {
  readonly x?: Value;
  readonly weight?: w.WeightExpr;
  /** Present only where there must be one afterwards, or there was one. */
  readonly bias?: w.WeightExpr | undefined;
  readonly attrs?: Readonly<Record<string, AttrValue>>;
  readonly like?: Node;
  readonly before?: Node;
}

/** `conv1.weight` → `conv1.bias`; a bias that was not there belongs to the layer of the weights. */
function biasName(view: LinearView): string {
  if (view.bias?.name !== undefined) return view.bias.name;
  const { name } = view.weight;
  if (name?.endsWith('weight')) return `${name.slice(0, -'weight'.length)}bias`;
  return name === undefined ? `${view.node.origin.scope}.bias` : `${name}.bias`;
}

/** A changed constant keeps its name and its role; what `full` makes is made by `full`. */
export function changed(g: Rewriter, old: Value, content: w.WeightExpr): Value {
  if (old.content === content) return old;
  const filled = filledOf(old);
  if (filled === content) return old;
  if (filled && old.producer) {
    const value = w.uniformValue(content) ?? bug('what full makes becomes no other constant');
    return g.node('full', [], { shape: constantDims(content.dims), value, elem: content.elem }, old.producer);
  }
  return g.constant(content, old.isConstant ? old.role : 'parameter', old.name);
}

/**
 * The linear operator with other weights. What is not given stays. A matmul that gains a bias becomes a `linear`, whose weights
 * are transposed.
 */
export function rebuild(g: Rewriter, view: LinearView, changes: Changes): Value {
  const x = changes.x ?? view.x;
  const like = changes.like ?? view.node;
  const bias =
    changes.bias === undefined
      ? view.bias
      : view.bias
        ? changed(g, view.bias, changes.bias)
        : g.constant(changes.bias, 'parameter', biasName(view));
  const attrs = { ...view.node.attrs, ...changes.attrs };
  if (view.kind === 'matmul' && bias) {
    const matrix = w.transpose(changes.weight ?? weightOf(view), [1, 0]);
    return g.node('linear', [x, changed(g, view.weight, matrix), bias], {}, like, changes.before);
  }
  const weight = changes.weight ? changed(g, view.weight, changes.weight) : view.weight;
  const operands = bias ? [x, weight, bias] : [x, weight];
  return g.node(view.node.op.name, operands, attrs, like, changes.before);
}
