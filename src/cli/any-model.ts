/**
 * A model by the file that has it, be it a source of the language or an ONNX file, and what commands need of one of either kind:
 * its graph, what is wrong with it, or the ONNX model that it is or becomes.
 */
import { extname } from 'node:path';
import { build, type CheckResult, check } from '../check.ts';
import { compile } from '../compile.ts';
import { outside } from '../diagnostics/at.ts';
import { type Diagnostic, DiagnosticError } from '../diagnostics/diagnostic.ts';
import { type SourceFile, shownPath } from '../diagnostics/source.ts';
import { memorySource } from '../io/bytes.ts';
import { readTyped } from '../io/node/open-file.ts';
import type { OnnxFile } from '../onnx/model.ts';
import { readOnnxFile } from '../onnx/read.ts';
import { optimizeOnnx } from '../optimize.ts';
import { optimize } from '../optimize-graph.ts';
import { isStream, looksBinary, readSource, sourceOf, startsBinary } from './files.ts';
import { checkIsModel } from './kinds.ts';
import { type OpenedFile, openFile, pipedFile } from './onnx-file.ts';
import {
  asksPasses,
  checkPasses,
  compileOptions,
  type ModelFlags,
  type OutputFlags,
  type PassFlags,
  passOptions,
  refuseSourceFlags,
  shapesOf,
  type WeightFlags,
} from './options.ts';
import { stopOnErrors, told } from './output.ts';

export const isOnnx = (file: string): boolean => extname(file).toLowerCase() === '.onnx';

/** A source, or an ONNX file that is open until it is closed. */
export type AnyModel =
  | { readonly source: SourceFile; readonly file?: never }
  | { readonly file: OpenedFile; readonly source?: never };

/**
 * What a file or standard input has: by the end of its name where that is `.res` or `.onnx`, else by its first bytes. Throws for
 * files that are neither.
 */
export function openModel(path: string): AnyModel {
  if (isOnnx(path)) return { file: openFile(path) };
  if (path !== '-') {
    checkIsModel(path);
    if (extname(path) === '.res') return { source: readSource(path) };
    if (!isStream(path)) return startsBinary(path) ? { file: openFile(path) } : { source: readSource(path) };
  }
  const bytes = readTyped(path);
  const name = shownPath(path);
  return looksBinary(bytes) ? { file: pipedFile(bytes, name) } : { source: sourceOf(bytes, name) };
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
    refuseSourceFlags(file.name, flags);
    const found = await optimizeOnnx(file.from, {
      ...passOptions(flags),
      ...(!passes && { level: 0 }),
      inputShapes: shapesOf(flags.inputShape ?? []),
      fileName: file.name,
    });
    return await use(found);
  } finally {
    file.close();
  }
}

/** What is wrong with files; of one that cannot be read, that. */
export async function mistakesOf(paths: readonly string[], flags: ModelFlags): Promise<readonly Diagnostic[]> {
  const all: Diagnostic[] = [];
  const models: string[] = [];
  const found = async (path: string): Promise<readonly Diagnostic[]> => {
    const { source, file } = openModel(path);
    if (source) return told(check(source, compileOptions(flags)));
    models.push(file.name);
    try {
      return told(await optimizeOnnx(file.from, { level: 0, fileName: file.name }));
    } finally {
      file.close();
    }
  };
  for (const path of paths) all.push(...(await found(path).catch(diagnosticsIn)));
  const [first] = models;
  if (first === undefined || models.length < paths.length) return all;
  try {
    refuseSourceFlags(first, flags);
    return all;
  } catch (error) {
    return diagnosticsIn(error);
  }
}

function diagnosticsIn(error: unknown): readonly Diagnostic[] {
  if (error instanceof DiagnosticError) return error.diagnostics;
  throw error;
}

/** An ONNX model with what onnxruntime opens it by. Its weights are read until it is closed. */
export interface OpenedModel {
  /** Of the file, for messages. */
  readonly name: string;
  readonly model: OnnxFile;
  readonly original: Uint8Array | string;
  close(): void;
}

export const readOpened = ({ from, name }: OpenedFile): Promise<OnnxFile> =>
  readOnnxFile(from instanceof Uint8Array ? memorySource(name, from) : from);

type OnnxFlags = ModelFlags & WeightFlags & PassFlags & OutputFlags;

/**
 * The ONNX models that files are, or that sources compile to under these flags. A file stays as it is unless passes are asked
 * for. Options that are for sources are refused where there is none among the files. Ends the command where a model has mistakes.
 */
export async function openOnnxFiles(paths: readonly string[], flags: OnnxFlags): Promise<readonly OpenedModel[]> {
  const found: AnyModel[] = [];
  try {
    for (const path of paths) found.push(openModel(path));
    // Inputs are drawn with the seed, too.
    const { seed: _, ...sourceFlags } = flags;
    const [first] = found;
    if (first?.file && found.every(({ file }) => file)) refuseSourceFlags(first.file.name, sourceFlags);
    const models: OpenedModel[] = [];
    for (const one of found) models.push(one.file ? await onnxOfFile(one.file, flags) : await onnxOfSource(one.source, flags));
    return models;
  } catch (error) {
    for (const { file } of found) file?.close();
    throw error;
  }
}

/** The same of one file. */
export async function openOnnx(path: string, flags: OnnxFlags): Promise<OpenedModel> {
  const [opened] = await openOnnxFiles([path], flags);
  return opened ?? outside();
}

async function onnxOfFile(file: OpenedFile, flags: PassFlags & OutputFlags): Promise<OpenedModel> {
  if (asksPasses(flags)) return await optimized(file, flags);
  return { name: file.name, model: await readOpened(file), original: file.original, close: file.close };
}

async function onnxOfSource(source: SourceFile, flags: OnnxFlags): Promise<OpenedModel> {
  const compiled = await compile(source, compileOptions(flags));
  stopOnErrors(flags, told(compiled));
  return inMemory(source.name, await compiled.bytes());
}

async function inMemory(name: string, bytes: Uint8Array): Promise<OpenedModel> {
  return { name, model: await readOnnxFile(memorySource(name, bytes)), original: bytes, close: () => undefined };
}

async function optimized(file: OpenedFile, flags: PassFlags & OutputFlags): Promise<OpenedModel> {
  const result = await optimizeOnnx(file.from, { ...passOptions(flags), fileName: file.name });
  stopOnErrors(flags, told(result));
  const bytes = await result.bytes();
  file.close();
  return inMemory(file.name, bytes);
}
