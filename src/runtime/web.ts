/** `verify` and `run` where there is no Node: over an onnxruntime that the program brings along, such as onnxruntime-web. */
import type { Bytes } from '../io/sources.ts';
import { type GivenRuntime, givenHost } from './given-runtime.ts';
import type { KeptTensor } from './kept.ts';
import { type KeepOptions, type ModelSession, openModelOn, type SessionOptions } from './model-session.ts';
import { type VerifyOptions, verifyOn } from './verification.ts';
import type { VerifyReport } from './verify-report.ts';

/**
 * Opens a model, which stays open until it is closed: `await using session = await openSession(bytes, { runtime: ort })`.
 * `rescc/node` has it without `runtime`, too.
 *
 * @param model The bytes of an ONNX file.
 * @throws DiagnosticError RES0804 where onnxruntime refuses the model, RES0516 where `keep` names no output.
 */
export function openSession(
  model: Bytes,
  options: KeepOptions & { readonly runtime: GivenRuntime },
): Promise<ModelSession<KeptTensor>>;
export function openSession(model: Bytes, options: SessionOptions & { readonly runtime: GivenRuntime }): Promise<ModelSession>;
export function openSession(
  model: Bytes,
  options: SessionOptions & Partial<KeepOptions> & { readonly runtime: GivenRuntime },
): Promise<ModelSession<KeptTensor>> {
  return openModelOn(undefined, model, options);
}

/**
 * Runs a model with and without its passes and compares both with a float64 reference, as `rescc verify` does, in the onnxruntime
 * that is given. Returns what was measured, also when it is wrong. `rescc/node` has it without `runtime`, too.
 *
 * @throws DiagnosticError Where onnxruntime refuses a model, or the inputs given do not fit.
 */
export function verifyModel(options: VerifyOptions & { readonly runtime: GivenRuntime }): Promise<VerifyReport> {
  return verifyOn(() => givenHost(options.runtime), options);
}
