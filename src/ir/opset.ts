/** The opsets of ONNX's own operators that files may have: what is read, what is written, and the IR versions that carry them. */

/** The first one of files that are read. Before 7, what changed until 7 and is not brought up is refused node by node. */
export const oldestOpset = 1;
/**
 * The first one that is written, up to which every file is brought. A file that no operator needs an opset of is read as this
 * one.
 */
export const minOpset = 13;
/** The last one that is read and written: the last that onnxruntime 1.30 runs. */
export const maxOpset = 26;
/** Of a compiled source. */
export const defaultOpset = 17;

/** The smallest IR version that may carry the opset (onnx/docs/Versioning.md, `onnx.helper.VERSION_TABLE`). */
export function irVersionOf(opset: number): number {
  if (opset <= 14) return 7;
  if (opset <= 18) return 8;
  if (opset <= 20) return 9;
  if (opset <= 22) return 10;
  if (opset <= 23) return 11;
  return opset <= 24 ? 12 : 13;
}
