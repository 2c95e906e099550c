/**
 * From text to graph: parser and elaborator in a row. What words of other frameworks mean is asked of a dictionary that may not
 * be there yet (`diagnostics/late.ts`): whoever calls has given it, or waits for it.
 */
import { checkArgument, checkOptions } from './diagnostics/arguments.ts';
import { type Diagnostic, Sink } from './diagnostics/diagnostic.ts';
import type { OnProgress } from './diagnostics/progress.ts';
import type { SourceFile } from './diagnostics/source.ts';
import type { ContentMaker, Limits, NamedMap } from './elaborate/context.ts';
import { elaborate } from './elaborate/elaborate.ts';
import { lint } from './elaborate/lint.ts';
import { type ImportResolver, loadModule } from './elaborate/modules.ts';
import type { AskedShapes } from './ir/asked-sizes.ts';
import type { Graph } from './ir/graph.ts';
import { library } from './library.ts';
import { compileKinds, type DefineValue, defineText, sourceKind } from './option-kinds.ts';
import type { FileNode } from './parser/ast.ts';
import { parseFile } from './parser/parse-file.ts';
import { initial, literal } from './tensor/leaves.ts';
import { Session } from './tensor/session.ts';

/** How a source becomes a graph. */
export interface CheckOptions {
  /** How messages name the source. Default `<source>`. */
  readonly fileName?: string | undefined;
  /** Which model of the file. May be left out when it has one complete model. */
  readonly model?: string | undefined;
  /**
   * Parameters of the model: `{ classes: 10, depths: [3, 4, 6, 3] }`. A text is an expression of the language, `{ unit:
   * 'Bottleneck' }`.
   */
  readonly defines?: Readonly<Record<string, DefineValue>> | undefined;
  /**
   * Sizes from outside: by symbol (`{ N: 1 }`), by axis (`{ 'image:0': 1 }`) or of a whole input, where `undefined` leaves one
   * open (`{ image: [1, 3, 224, undefined] }`). `defines` may name symbols too.
   */
  readonly inputShapes?: AskedShapes | undefined;
  /** Texts behind relative imports; `std/…` is known. */
  readonly resolveImport?: ImportResolver | undefined;
  readonly limits?: Partial<Limits> | undefined;
  /** Seed of the initialisers. Default 0. */
  readonly seed?: number | undefined;
  /** Makes warnings errors. Default false. */
  readonly denyWarnings?: boolean | undefined;
  /** Sees how far it is: `elaborating`, 4000 of about 21000 `nodes`. */
  readonly onProgress?: OnProgress | undefined;
}

/** What is wrong with a source, and its graph when nothing is. */
export interface CheckResult {
  /** What is wrong; empty where a graph can be made. */
  readonly diagnostics: readonly Diagnostic[];
  /** What was hardly meant: an unused name, an output beside a `let`. None of them keeps a model from being made. */
  readonly warnings: readonly Diagnostic[];
  /** The graph as the source says it; absent when there are errors. */
  readonly graph: Graph | undefined;
  readonly model: string | undefined;
  readonly file: FileNode;
}

/** Throws for arguments that a program without types gets wrong. */
export function checkCall(call: string, source: unknown, options: unknown): void {
  checkArgument(call, 'source', source, sourceKind);
  checkOptions(call, options, compileKinds);
}

export function sourceOf(source: string | SourceFile, fileName: string | undefined): SourceFile {
  return typeof source === 'string' ? { name: fileName ?? '<source>', text: source } : source;
}

function contentMaker(session: Session, seed: number): ContentMaker {
  return {
    session,
    initial: (path, dims, elem, init) => initial(session, path, dims, elem, init, seed),
    literal: (tensor) => literal(session, tensor),
  };
}

/** Finds `std/…` in the library that comes with the compiler, and everything else by the caller's resolver. */
export function resolver(own: ImportResolver | undefined): ImportResolver {
  return (from, importer) => {
    const { standardLibrary } = from.startsWith('std/') ? library.now() : {};
    const text = standardLibrary && Object.hasOwn(standardLibrary, from) ? standardLibrary[from] : undefined;
    return text !== undefined ? { name: from, text } : own?.(from, importer);
  };
}

export interface Front extends CheckResult {
  readonly maps: readonly NamedMap[];
}

export function front(source: string | SourceFile, options: CheckOptions, sink = new Sink()): Front {
  return frontOf(parseFile(sourceOf(source, options.fileName)), options, sink);
}

/** From the syntax tree on, so that a file with many models is parsed once. */
export function frontOf({ file, diagnostics }: ReturnType<typeof parseFile>, options: CheckOptions, sink = new Sink()): Front {
  for (const d of diagnostics) sink.add(d);
  const module = loadModule(file, resolver(options.resolveImport), sink);
  const defines =
    options.defines && Object.fromEntries(Object.entries(options.defines).map(([name, value]) => [name, defineText(value)]));
  const { graph, model, maps } = elaborate(
    module,
    {
      model: options.model,
      defines,
      inputShapes: options.inputShapes,
      content: contentMaker(new Session(), options.seed ?? 0),
      limits: options.limits,
      onProgress: options.onProgress,
    },
    sink,
  );
  // Names of what could not be read would seem unused.
  if (!sink.hasErrors) lint(module, Object.values(defines ?? {}), sink);
  if (options.denyWarnings) sink.deny();
  return { ...resultOf(sink), graph: sink.hasErrors ? undefined : graph, model, file, maps };
}

export const resultOf = (sink: Sink): Pick<CheckResult, 'diagnostics' | 'warnings'> => ({
  diagnostics: sink.errors,
  warnings: sink.warnings,
});
