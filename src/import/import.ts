/**
 * An ONNX file as a graph: every node is a registry operator where a lift says it means the same, and a foreign operator, written
 * back as it was, everywhere else. Sizes that the file leaves open are symbols. Source of the rules: onnx/onnx, docs/IR.md.
 */
import type { OnnxFile } from '../onnx/model.ts';
import { giveRegistry } from '../ops/at-once.ts';
import type { ImportedModel, ImportOptions } from './imported-model.ts';
import { Importer } from './importer.ts';

/**
 * The graph of a file whose functions are inlined and whose opset is 13 or later, or older with `asItIs`. Throws
 * `DiagnosticError` for names that are made twice or never, circles of nodes, and sizes that the file does not have.
 */
export function importOnnx(file: OnnxFile, options: ImportOptions = {}): ImportedModel {
  giveRegistry();
  return new Importer(file, options).run();
}
