/** A file as a graph at the opset that is wanted, or as it is where it cannot be brought there. */
import { cannotUpgrade } from '../diagnostics/catalogue/import.ts';
import { DiagnosticError } from '../diagnostics/diagnostic.ts';
import { oldestOpset } from '../ir/opset.ts';
import { type OnnxFile, type OnnxModel, opsetOf } from '../onnx/model.ts';
import { upgradeFile } from '../onnx/upgrade.ts';
import { importOnnx } from './import.ts';
import type { ImportedModel, ImportOptions } from './imported-model.ts';

/** The opset of a file; one that names none is read as the oldest. */
export function ownOpset(file: OnnxModel): number {
  return opsetOf(file) ?? oldestOpset;
}

/**
 * The graph of a file without functions at an opset. Where nobody asked for it, a file of which a node has no newer form stays at
 * its own, as it is; `kept` says why.
 */
export function importedAt(
  file: OnnxFile,
  opset: number,
  must: boolean,
  options: ImportOptions,
): { readonly imported: ImportedModel; readonly kept?: string } {
  try {
    return { imported: importOnnx(upgradeFile(file, opset), options) };
  } catch (error) {
    const [first] = error instanceof DiagnosticError ? error.diagnostics : [];
    if (must || first?.code !== cannotUpgrade.code) throw error;
    const kept = `${first.title}: ${(first.found ?? '').replace(`${file.file}, `, '')}`;
    return { imported: importOnnx(file, { ...options, asItIs: `its opset ${ownOpset(file)} stays` }), kept };
  }
}
