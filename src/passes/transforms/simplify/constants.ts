/** Operators on constants, one by one. */

import { countOf, hostOf, type Node } from '../../../ir/graph.ts';
import { isFoldable } from '../../../ir/operator.ts';
import { elemBytes } from '../../../ir/types.ts';
import { type Evaluation, type EvaluationRefusal, evaluateConstant } from '../../../ops/evaluate.ts';
import * as w from '../../../tensor/algebra.ts';
import { sessionOf } from '../../../tensor/session.ts';
import { contentOf, foldLimit, isStatic, lazyResult } from '../../analysis/constant-values.ts';
import { isConstant } from '../../analysis/constants.ts';
import { operatorsThat } from '../../analysis/operators.ts';
import { bytesFreed } from '../../analysis/uses.ts';
import { closed } from '../../engine/pattern.ts';
import { rule } from '../../engine/rule.ts';

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
    return this.evaluation.kind === 'value'
      ? this.evaluation.results.map((tensor) => contentOf(sessionOf(this.node.graph), tensor))
      : [];
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
  match: closed(operatorsThat('foldable', isFoldable), 'node').view(({ node }) => {
    if (!isFoldable(node.op) || node.regions.length > 0) return undefined;
    // Symbolic shapes without operands (`dim_value` of N) are no constants, and large ones stay generators.
    if (node.slots.length === 0 && (!isStatic(node) || resultBytes(node) > foldLimit)) return undefined;
    return new Fold(node);
  }),
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
      g.replace(y, g.constant(content, (keeps ? source?.role : undefined) ?? 'constant', keeps ? source?.name : undefined));
    }
  },
});
