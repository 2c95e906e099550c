/**
 * A model by the file that has it, be it a source of the language or an ONNX file: what `summary`, `graph` and `check` look at.
 */
import { extname } from 'node:path';
import { build, type CheckResult, check, optimize } from '../compile.ts';
import { type Diagnostic, DiagnosticError } from '../diagnostics/diagnostic.ts';
import { optimizeOnnx } from '../optimize.ts';
import { readSource } from './files.ts';
import { openFile } from './optimize.ts';
import { checkPasses, compileOptions, type ModelFlags, type PassFlags, shapesOf } from './options.ts';
import { told } from './output.ts';

export const isOnnx = (file: string): boolean => extname(file).toLowerCase() === '.onnx';

/** The graph as the file says it, unless a level or passes are asked for; with what is wrong with it. */
export async function graphOf(
  file: string,
  flags: ModelFlags & PassFlags,
): Promise<Pick<CheckResult, 'diagnostics' | 'warnings' | 'graph'>> {
  const passes = flags.O !== undefined || flags.passes !== undefined;
  if (!isOnnx(file)) {
    const built = build(readSource(file), compileOptions(flags));
    if (built.graph && passes) optimize(built.graph, compileOptions(flags));
    return built;
  }
  checkPasses(flags.passes);
  const source = openFile(file);
  try {
    const { O = passes ? 1 : 0, target, verifyIr, opset, inputShape } = flags;
    const inputShapes = shapesOf(inputShape ?? []);
    return await optimizeOnnx(source.from, { level: O, passes: flags.passes, target, verifyIr, opset, inputShapes });
  } finally {
    source.close();
  }
}

/** What is wrong with a file. */
export async function mistakesOf(file: string, flags: ModelFlags): Promise<readonly Diagnostic[]> {
  try {
    if (!isOnnx(file)) return told(check(readSource(file), compileOptions(flags)));
    return told(await graphOf(file, flags));
  } catch (error) {
    // The others are looked at all the same.
    if (error instanceof DiagnosticError) return error.diagnostics;
    throw error;
  }
}
