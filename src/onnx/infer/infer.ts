/**
 * Type inference of ONNX operators by their name, for nodes that no operator of the registry says (MLIR: unregistered operators):
 * element types and sizes by the type and shape rules of ONNX (onnx/onnx, docs/Operators.md, opset 13 to 26). Where the registry
 * has an operator with the same formula, the rule calls it. What no rule says, a file's own value_info may.
 */
import { DimOverflow } from '../../ir/dim.ts';
import { CheckFailure } from '../../ir/operator.ts';
import { AttributeError } from '../node-attributes.ts';
import type { InferenceContext, Rule } from './context.ts';
import { contributedRules } from './contributed.ts';
import { controlFlowRules } from './control-flow.ts';
import { convRules } from './conv.ts';
import { elementwiseRules } from './elementwise.ts';
import type { PartialType } from './partial-type.ts';
import { poolRules } from './pool.ts';
import { productRules } from './product.ts';
import { quantizeRules } from './quantize.ts';
import { recurrentRules } from './recurrent.ts';
import { reduceRules } from './reduce.ts';
import { resizeRules } from './resize.ts';
import { shapeRules } from './shape.ts';

const tables = [
  ...[elementwiseRules, shapeRules, reduceRules, productRules, convRules, poolRules, resizeRules, quantizeRules],
  ...[recurrentRules, controlFlowRules],
];
const own: ReadonlyMap<string, Rule> = new Map(tables.flatMap((table) => Object.entries(table)));
const contributed: ReadonlyMap<string, Rule> = new Map(Object.entries(contributedRules));

/** What is known of every result; an empty list where nothing is. */
export function inferResults(context: InferenceContext): readonly PartialType[] {
  const { domain, opType } = context;
  const rule = domain === '' ? own.get(opType) : domain === 'com.microsoft' ? contributed.get(opType) : undefined;
  if (!rule) return [];
  try {
    return rule(context);
  } catch (error) {
    if (error instanceof AttributeError || error instanceof DimOverflow || error instanceof CheckFailure) return [];
    throw error;
  }
}
