/** rescc in Node: the API of `rescc`, and what needs files or onnxruntime. */
export * from './index.ts';
export { type WriteOptions, type Written, writeModel } from './codegen/node/write-file.ts';
export { runModel, topK } from './runtime/run.ts';
export { verifyModel, verifyTable, type VerifyOptions, type VerifyReport } from './runtime/verify.ts';
export { fileSource } from './weights/node/file-source.ts';
