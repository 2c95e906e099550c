/** rescc in Node: the API of `rescc`, and what needs files or onnxruntime. */
import type { Value } from './ir/graph.ts';
import type { HostTensor } from './ir/types.ts';
import { exprOf, materialize } from './tensor/values.ts';

export { type WriteOptions, type Written, writeModel } from './codegen/node/write-file.ts';
export * from './index.ts';
export { fileSource } from './io/node/file-source.ts';
export { verifyOptimized } from './runtime/equivalence.ts';
export type { EquivalenceOptions, EquivalenceReport, Rewrite } from './runtime/equivalence-report.ts';
export { npyBytes, parseNpy } from './runtime/npy.ts';
export type { Provider } from './runtime/provider.ts';
export { type Ranked, type RunOptions, type RunResult, runModel, topK } from './runtime/run-model.ts';
export {
  type ProofOptions,
  proveHead,
  provePart,
  proveRenamed,
  proveResized,
  type SurgeryProof,
} from './runtime/surgery.ts';
export { type VerifyOptions, verifyModel } from './runtime/verify-model.ts';
export type { VerifyReport } from './runtime/verify-report.ts';
export { verifyTable } from './runtime/verify-table.ts';

/**
 * The content of a constant of a graph, in float64, row-major: what `verifyModel` asks for. Reports a checkpoint that cannot be
 * read by `DiagnosticError`.
 */
export function constantOf(value: Value): Promise<HostTensor> {
  return materialize(exprOf(value));
}
