/**
 * A model by the file that has it, be it a source of the language or an ONNX file, and what commands need of one of either kind:
 * its graph, what is wrong with it, or the ONNX model that it is or becomes.
 */
import { extname } from 'node:path';
import { build, type CheckResult, check, compile, optimize } from '../compile.ts';
import { type Diagnostic, DiagnosticError } from '../diagnostics/diagnostic.ts';
import type { SourceFile } from '../diagnostics/source.ts';
import { memorySource } from '../io/bytes.ts';
import type { OnnxFile } from '../onnx/model.ts';
import { readOnnxFile } from '../onnx/read.ts';
import { optimizeOnnx } from '../optimize.ts';
import { readBytes, readSource, sourceOf } from './files.ts';
import { type OpenedFile, openFile } from './optimize.ts';
import {
  checkPasses,
  compileOptions,
  type ModelFlags,
  type OutputFlags,
  type PassFlags,
  shapesOf,
  type WeightFlags,
} from './options.ts';
import { stopOnErrors, told } from './output.ts';

export const isOnnx = (file: string): boolean => extname(file).toLowerCase() === '.onnx';

/** How much of what comes through a pipe is looked at. */
const headBytes = 256;

/** An ONNX file begins with small numbers (tags and lengths), which are control characters that no source has. */
function looksBinary(bytes: Uint8Array): boolean {
  return bytes.subarray(0, headBytes).some((byte) => byte < 32 && ![9, 10, 12, 13].includes(byte));
}

/** A source, or an ONNX file that is open until it is closed. */
export type AnyModel =
  | { readonly source: SourceFile; readonly file?: never }
  | { readonly file: OpenedFile; readonly source?: never };

/** What a file or standard input has. Throws for files that are neither. */
export function openModel(path: string): AnyModel {
  if (path !== '-') return isOnnx(path) ? { file: openFile(path) } : { source: readSource(path) };
  const bytes = readBytes(path);
  if (!looksBinary(bytes)) return { source: sourceOf(bytes, '<stdin>') };
  return { file: { from: bytes, original: bytes, name: '<stdin>', close: () => undefined } };
}

type Found = Pick<CheckResult, 'diagnostics' | 'warnings' | 'graph'>;

/** The graph as the file says it, unless a level or passes are asked for; with what is wrong with it. */
export function graphOf(path: string, flags: ModelFlags & PassFlags): Promise<Found> {
  return withGraph(path, flags, async (found) => found);
}

/** The same for those that read weights, which lie in the file: it is open until `use` is done. */
export async function withGraph<T>(path: string, flags: ModelFlags & PassFlags, use: (found: Found) => Promise<T>): Promise<T> {
  const passes = flags.O !== undefined || flags.passes !== undefined;
  checkPasses(flags.passes);
  const { source, file } = openModel(path);
  if (source) {
    const built = build(source, compileOptions(flags));
    if (built.graph && passes) optimize(built.graph, compileOptions(flags));
    return await use(built);
  }
  try {
    const { O = passes ? 1 : 0, target, verifyIr, opset, inputShape } = flags;
    const inputShapes = shapesOf(inputShape ?? []);
    const found = await optimizeOnnx(file.from, {
      level: O,
      passes: flags.passes,
      target,
      verifyIr,
      opset,
      inputShapes,
      fileName: file.name,
    });
    return await use(found);
  } finally {
    file.close();
  }
}

/** What is wrong with a file. */
export async function mistakesOf(path: string, flags: ModelFlags): Promise<readonly Diagnostic[]> {
  try {
    const { source, file } = openModel(path);
    if (source) return told(check(source, compileOptions(flags)));
    try {
      return told(await optimizeOnnx(file.from, { level: 0, fileName: file.name }));
    } finally {
      file.close();
    }
  } catch (error) {
    // The others are looked at all the same.
    if (error instanceof DiagnosticError) return error.diagnostics;
    throw error;
  }
}

/** An ONNX model with what onnxruntime opens it by. Its weights are read until it is closed. */
export interface OpenedModel {
  readonly model: OnnxFile;
  readonly original: Uint8Array | string;
  close(): void;
}

/** The ONNX model that a file is, or that a source compiles to under these flags. Ends the command where it has mistakes. */
export async function openOnnx(path: string, flags: ModelFlags & WeightFlags & PassFlags & OutputFlags): Promise<OpenedModel> {
  const { source, file } = openModel(path);
  if (file) {
    const from = file.from instanceof Uint8Array ? memorySource(file.name, file.from) : file.from;
    try {
      return { model: await readOnnxFile(from), original: file.original, close: file.close };
    } catch (error) {
      file.close();
      throw error;
    }
  }
  const compiled = await compile(source, compileOptions(flags));
  stopOnErrors(flags, told(compiled));
  const bytes = await compiled.bytes();
  return { model: await readOnnxFile(memorySource(source.name, bytes)), original: bytes, close: () => undefined };
}
