/**
 * Operators that the registry does not know: one is made for each imported node that no lift could say. It has no semantics here
 * but over constants, where `onnx/table.ts` computes it by its name, so that nothing merges or moves it, and its lowering writes
 * the node as it was.
 */
import { bug } from '../diagnostics/diagnostic.ts';
import type { ForeignNode } from '../ir/foreign.ts';
import type { Operator } from '../ir/operator.ts';
import type { HostTensor, TensorType } from '../ir/types.ts';
import { EvaluationError } from './reference.ts';
import { unknownTraits } from './traits.ts';

/**
 * Whether two nodes of equal attributes and operands are known to give the same. Quantisation is a function of its operands in
 * every version, of ONNX's own domain and of onnxruntime's (QuantizeLinear-10 to -25; com.microsoft, for 16 and 4 bits).
 */
const isFunction = ({ domain, opType }: ForeignNode): boolean =>
  (domain === '' || domain === 'com.microsoft') && (opType === 'QuantizeLinear' || opType === 'DequantizeLinear');

/** `types` has one per result, named or not; `evaluateConstants` gives as many from constant operands. */
export function foreignOperator(
  foreign: ForeignNode,
  types: readonly TensorType[],
  evaluateConstants?: (operands: readonly (HostTensor | undefined)[]) => readonly HostTensor[],
): Operator {
  const name = `onnx.${foreign.domain === '' ? '' : `${foreign.domain}.`}${foreign.opType}`;
  return {
    name,
    summary: 'An ONNX operator that passes through as it is.',
    onnx: [],
    operands: [{ name: 'inputs', doc: 'Whatever it reads.', variadic: true, optional: true }],
    attrs: {},
    traits: { ...unknownTraits, random: !isFunction(foreign), foldable: evaluateConstants !== undefined },
    foreign,
    infer: () => types,
    evaluate: () => {
      throw new EvaluationError(`${name} has no reference evaluation`);
    },
    ...(evaluateConstants && { evaluateConstants }),
    lower: (builder, node, operands) => builder.foreign(node, operands),
    sample: () => bug(`${name} has no samples`),
  };
}
