/** rescc in Node: the API of `rescc`, and what needs files or onnxruntime. */
export { type WriteOptions, type Written, writeModel } from './codegen/node/write-file.ts';
export { type CompileFileOptions, compileFile } from './compile-file.ts';
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
export { openSession, verifyModel } from './runtime/verify-model.ts';
