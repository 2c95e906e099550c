/** `compile` for a file of the disk. */
import { artifactOf } from './artifact.ts';
import { readSource, resolveImport } from './cli/files.ts';
import { type CompileOptions, type CompileResult, compile } from './compile.ts';
import { checkArgument, checkOptions, text } from './diagnostics/arguments.ts';
import { DiagnosticError, Sink } from './diagnostics/diagnostic.ts';
import { compileKinds } from './option-kinds.ts';

/** As for `compile`; the file's own path is its name. */
export type CompileFileOptions = Omit<CompileOptions, 'fileName' | 'resolveImport'>;

/**
 * Compiles a `.res` file with what it imports, which is looked for beside the file that imports it.
 *
 * @returns As `compile`: a file that cannot be read is a diagnostic, too.
 */
export async function compileFile(path: string, options: CompileFileOptions = {}): Promise<CompileResult> {
  checkArgument('compileFile', 'path', path, { ...text, what: 'the path of a .res file' });
  checkOptions('compileFile', options, compileKinds);
  try {
    return await compile(readSource(path), { ...options, resolveImport });
  } catch (error) {
    if (!(error instanceof DiagnosticError)) throw error;
    return await artifactOf(new Sink(), () => Promise.reject(error));
  }
}
