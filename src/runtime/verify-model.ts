/** `verifyModel` and `openSession` in Node: over onnxruntime-node, unless another runtime is given. */
import type { Bytes } from '../io/sources.ts';
import { givenHost } from './given-runtime.ts';
import type { KeptTensor } from './kept.ts';
import { declarationsOfFile } from './load.ts';
import { type KeepOptions, type ModelSession, openModelOn, type SessionOptions } from './model-session.ts';
import { nodeHost } from './node-host.ts';
import { openSession as openNode } from './session.ts';
import { type VerifyOptions, verifyOn } from './verification.ts';
import type { VerifyReport } from './verify-report.ts';

export type { VerifyOptions } from './verification.ts';

/**
 * Compiles, runs and compares. Returns what was measured, also when it is wrong or takes the process of onnxruntime down. Memory:
 * both models' bytes, and the reference's constants in float64.
 *
 * @throws DiagnosticError When a provider is missing, onnxruntime refuses a model, or the inputs given do not fit.
 */
export function verifyModel(options: VerifyOptions): Promise<VerifyReport> {
  return verifyOn(() => (options.runtime ? givenHost(options.runtime) : nodeHost(options.environment)), options);
}

/**
 * Opens a model, which stays open until it is closed: `await using session = await openSession('net.onnx')`.
 *
 * @param model The path of an ONNX file, whose external data lies beside it, or its bytes.
 * @throws DiagnosticError RES0800 to RES0804 and RES0701, as the model cannot be opened; RES0516 where `keep` names no output.
 */
export function openSession(model: Bytes | string, options: KeepOptions): Promise<ModelSession<KeptTensor>>;
export function openSession(model: Bytes | string, options?: SessionOptions): Promise<ModelSession>;
export function openSession(
  model: Bytes | string,
  options: SessionOptions & Partial<KeepOptions> = {},
): Promise<ModelSession<KeptTensor>> {
  return openModelOn({ open: openNode, declarationsOf: declarationsOfFile }, model, options);
}
