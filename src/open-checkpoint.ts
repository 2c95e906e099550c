/** `openCheckpoint` as programs call it: readers of every format are loaded when it is called. */
import type { Checkpoint } from './checkpoint/checkpoint.ts';
import { checkArgument } from './diagnostics/arguments.ts';
import { type Bytes, bytesKind } from './io/sources.ts';

/**
 * Opens a checkpoint of any format: safetensors, PyTorch (zip, legacy pickle, tar), NumPy, ONNX. Throws a `DiagnosticError` with
 * a code from RES0500 to RES0513 for anything else, and for anything damaged or hostile; time and memory are bounded by the
 * file's size, not by what it claims. Shards and data files are opened through the source's `sibling`.
 */
export async function openCheckpoint(source: Bytes): Promise<Checkpoint> {
  checkArgument('openCheckpoint', 'source', source, bytesKind);
  const { opened } = await import('./weights.ts');
  return await opened(source);
}
