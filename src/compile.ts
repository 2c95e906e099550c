/** Compiles a source, as one call: text to graph, weights, passes, ONNX. No file system, no process. */

import { type Artifact, artifactOf } from './artifact.ts';
import { bindWeights, type Comparison, compareWeights } from './checkpoint/bind.ts';
import { type Checkpoint, openCheckpoint } from './checkpoint/checkpoint.ts';
import { emitScheduled, lowerGraph, nodesToWrite } from './codegen/emit.ts';
import { checkArgument, checkOptions } from './diagnostics/arguments.ts';
import { chooseModel } from './diagnostics/catalogue/names.ts';
import { unknownPass } from './diagnostics/catalogue/values.ts';
import { BugError, type Diagnostic, DiagnosticError, Sink } from './diagnostics/diagnostic.ts';
import type { SourceFile } from './diagnostics/source.ts';
import { nearest } from './diagnostics/suggest.ts';
import type { ContentMaker, Limits, NamedMap } from './elaborate/context.ts';
import { elaborate, isComplete, modelsOf } from './elaborate/elaborate.ts';
import { lint } from './elaborate/lint.ts';
import { type ImportResolver, loadModule } from './elaborate/modules.ts';
import type { Bytes } from './io/sources.ts';
import { type AskedShapes, askedText } from './ir/asked-sizes.ts';
import { cloneGraph } from './ir/clone.ts';
import type { Graph } from './ir/graph.ts';
import { TextHash } from './ir/hash.ts';
import { type Memory, memoryOf } from './ir/memory.ts';
import { defaultOpset } from './ir/opset.ts';
import { type GraphStats, statsOf } from './ir/stats.ts';
import { verifyGraph } from './ir/verifier.ts';
import { type FileFigures, fileFigures } from './onnx/figures.ts';
import { compileKinds, type DefineValue, defineText, graphKind, optimizeKinds, sourceKind } from './option-kinds.ts';
import type { FileNode } from './parser/ast.ts';
import { parse as parseFile } from './parser/parse.ts';
import { type Firing, type PassReport, runPasses, type Target } from './passes/pipeline.ts';
import { passNames } from './passes/schedule.ts';
import { standardLibrary } from './stdlib/sources.ts';
import { initial, literal } from './tensor/leaves.ts';
import { Session } from './tensor/session.ts';
import { forgetUnused } from './tensor/values.ts';
import { version } from './version.ts';

/** 0 no passes, 1 the default, 2 with forms that pay off on some runtimes only. */
export type OptimizationLevel = 0 | 1 | 2;

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
}

/** Where a model's weights come from; its initialisers fill what no checkpoint gives. */
export interface WeightOptions {
  /** A checkpoint: its bytes, a source that is read piece by piece, or one that is open. */
  readonly weights?: Bytes | Checkpoint | undefined;
  /** Which dict of a checkpoint with several: `params_ema`. */
  readonly weightsKey?: string | undefined;
  readonly allowMissing?: boolean | undefined;
  readonly allowUnused?: boolean | undefined;
  /** Renamings of the checkpoint's tensors; `to` left out drops them. `*` captures. */
  readonly map?: readonly { readonly from: string; readonly to: string | undefined }[] | undefined;
}

/** Which passes run, and what for. */
export interface OptimizeOptions {
  /** Default 1. */
  readonly level?: OptimizationLevel | undefined;
  /** Runs these passes in this order instead of a level's. */
  readonly passes?: readonly string[] | undefined;
  readonly target?: Target | undefined;
  /** The opset of the file, 13 to 26; default 17. */
  readonly opset?: number | undefined;
  /** Checks the graph after every pass; a bug shows at once. */
  readonly verifyIr?: boolean | undefined;
  /** Sees the graph after every pass. */
  readonly onPass?: ((name: string, graph: Graph) => void) | undefined;
  /** At most so many rewrites, the first ones. */
  readonly fuel?: number | undefined;
  /** Sees every rewrite. */
  readonly onFiring?: ((firing: Firing) => void) | undefined;
}

/** How a source becomes an ONNX model. */
export interface CompileOptions extends CheckOptions, WeightOptions, OptimizeOptions {
  /** Entries for the file's metadata, besides the compiler's own. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** Writes nodes into the file that fail where a size breaks a promise of the source (`assert H % 16 == 0`). */
  readonly checkPromises?: boolean | undefined;
  /** Keeps a copy of the graph as the source says it, for verify. */
  readonly keepUnoptimized?: boolean | undefined;
  /**
   * Finds `nodesBefore` of the report, which takes as long as lowering the graph once more where passes run; `memory` of the
   * report is found at once then. Default false.
   */
  readonly countNodes?: boolean | undefined;
}

/** What the compiler did, as numbers. */
export interface CompileReport {
  readonly model: string;
  readonly opset: number;
  readonly level: OptimizationLevel;
  /** What the source says, and what the passes made of it, in operators of the graph. */
  readonly before: GraphStats;
  readonly after: GraphStats;
  /** What is in the file. */
  readonly written: FileFigures;
  /**
   * ONNX nodes of a file without passes, when `countNodes` asked for them; undefined also where the opset cannot say one.
   * `written.nodes` are those that there are.
   */
  readonly nodesBefore: number | undefined;
  /** What a run of the file writes, and holds at once. */
  readonly memory: Memory;
  readonly passes: PassReport;
  /** What a reader should know of the checkpoint: a prefix dropped, types converted. */
  readonly notes: readonly string[];
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

/** An ONNX model, or the diagnostics that say why there is none. */
export type CompileResult = Artifact<CompileReport>;

/** Throws for arguments that a program without types gets wrong. */
function checkCall(call: string, source: unknown, options: unknown): void {
  checkArgument(call, 'source', source, sourceKind);
  checkOptions(call, options, compileKinds);
}

function sourceOf(source: string | SourceFile, fileName: string | undefined): SourceFile {
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
function resolver(own: ImportResolver | undefined): ImportResolver {
  return (from, importer) => {
    const text = Object.hasOwn(standardLibrary, from) ? standardLibrary[from] : undefined;
    return text !== undefined ? { name: from, text } : own?.(from, importer);
  };
}

interface Front extends CheckResult {
  readonly maps: readonly NamedMap[];
}

function front(source: string | SourceFile, options: CheckOptions, sink = new Sink()): Front {
  return frontOf(parseFile(sourceOf(source, options.fileName)), options, sink);
}

/** From the syntax tree on, so that a file with many models is parsed once. */
function frontOf({ file, diagnostics }: ReturnType<typeof parseFile>, options: CheckOptions, sink = new Sink()): Front {
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
    },
    sink,
  );
  // Names of what could not be read would seem unused.
  if (!sink.hasErrors) lint(module, Object.values(defines ?? {}), sink);
  if (options.denyWarnings) sink.deny();
  return { ...resultOf(sink), graph: sink.hasErrors ? undefined : graph, model, file, maps };
}

const resultOf = (sink: Sink): Pick<CheckResult, 'diagnostics' | 'warnings'> => ({
  diagnostics: sink.errors,
  warnings: sink.warnings,
});

/**
 * Parses and elaborates one model: everything that can be wrong with a source shows here. Never throws on account of the source.
 * Without a model chosen, every complete model of the file is checked, and the graph of the only one (if there is one) comes
 * back.
 */
export function check(source: string | SourceFile, options: CheckOptions = {}): CheckResult {
  checkCall('check', source, options);
  const parsed = parseFile(sourceOf(source, options.fileName));
  const first = frontOf(parsed, options);
  const undecided =
    options.model === undefined && first.diagnostics.length > 0 && first.diagnostics.every((d) => d.code === chooseModel.code);
  if (!undecided) return first;
  const sink = new Sink();
  const module = loadModule(first.file, resolver(options.resolveImport), sink);
  for (const model of modelsOf(module)) {
    if (!isComplete(module, model)) continue;
    const { diagnostics, warnings } = frontOf(parsed, { ...options, model: model.name.name });
    for (const d of [...diagnostics, ...warnings]) sink.add(d);
  }
  return { ...resultOf(sink), graph: undefined, model: undefined, file: first.file };
}

/**
 * Parses and elaborates one model, without weights and passes: the graph as the source says it. Several models and none chosen is
 * an error.
 */
export function build(source: string | SourceFile, options: CheckOptions = {}): CheckResult {
  checkCall('build', source, options);
  return front(source, options);
}

/** Compares a checkpoint with one model of a source, tensor by tensor; nothing is compiled and no number read. */
export async function matchWeights(
  source: string | SourceFile,
  weights: Bytes | Checkpoint,
  options: CheckOptions & WeightOptions = {},
): Promise<{
  readonly diagnostics: readonly Diagnostic[];
  readonly warnings: readonly Diagnostic[];
  readonly comparison: Comparison | undefined;
  readonly model: string | undefined;
}> {
  const { diagnostics, warnings, graph, model, maps } = front(source, options);
  if (!graph) return { diagnostics, warnings, comparison: undefined, model };
  const checkpoint = 'dicts' in weights ? weights : await openCheckpoint(weights);
  const comparison = compareWeights(graph, checkpoint, {
    ...(options.weightsKey !== undefined && { key: options.weightsKey }),
    map: [...(options.map ?? []), ...maps],
  });
  return { diagnostics: [...diagnostics, ...comparison.diagnostics], warnings, comparison, model };
}

/** Names of the complete models of a source, in order. */
export function models(source: string | SourceFile, options: CheckOptions = {}): readonly string[] {
  checkCall('models', source, options);
  const { file } = parseFile(sourceOf(source, options.fileName));
  const module = loadModule(file, resolver(options.resolveImport), new Sink());
  return modelsOf(module)
    .filter((m) => isComplete(module, m))
    .map((m) => m.name.name);
}

/** Runs the passes on a graph, in place. */
export function optimize(graph: Graph, options: OptimizeOptions = {}): PassReport {
  checkArgument('optimize', 'graph', graph, graphKind);
  checkOptions('optimize', options, optimizeKinds);
  for (const name of options.passes ?? []) {
    if (passNames.includes(name)) continue;
    const near = nearest(name, passNames);
    throw new DiagnosticError([unknownPass(name, passNames, near)]);
  }
  const report = runPasses(graph, {
    level: options.level ?? 1,
    target: options.target ?? 'portable',
    opset: options.opset ?? defaultOpset,
    ...(options.passes && { passes: options.passes }),
    ...(options.onPass && { onPass: options.onPass }),
    ...(options.fuel !== undefined && { fuel: options.fuel }),
    ...(options.onFiring && { onFiring: options.onFiring }),
    ...(options.verifyIr && {
      check: (g: Graph) => {
        const [wrong] = verifyGraph(g);
        if (wrong !== undefined) throw new BugError(`bug in rescc: the graph is broken: ${wrong}`);
      },
    }),
  });
  forgetUnused(graph);
  return report;
}

/**
 * Compiles one model of a source to ONNX.
 *
 * @param source The text of a `.res` file.
 * @returns Diagnostics in any case; graph, report and ONNX when there are no errors. Weights are not read before `bytes` or
 * `stream` pull them.
 */
export async function compile(source: string | SourceFile, options: CompileOptions = {}): Promise<CompileResult> {
  checkCall('compile', source, options);
  const sink = new Sink();
  const { graph, model, maps, file } = front(source, options, sink);
  return await artifactOf(sink, async () => {
    if (!graph || model === undefined) return undefined;
    const notes: string[] = [];
    if (options.weights) {
      const checkpoint = 'dicts' in options.weights ? options.weights : await openCheckpoint(options.weights);
      const bound = await bindWeights(graph, checkpoint, {
        ...(options.weightsKey !== undefined && { key: options.weightsKey }),
        allowMissing: options.allowMissing ?? false,
        allowUnused: options.allowUnused ?? false,
        map: [...(options.map ?? []), ...maps],
      });
      for (const d of bound.diagnostics) sink.add(d);
      notes.push(...bound.notes);
    }
    if (sink.hasErrors) return undefined;
    const unoptimized = options.keepUnoptimized ? cloneGraph(graph) : undefined;
    const before = statsOf(graph);
    const opset = options.opset ?? defaultOpset;
    const how = { opset, target: options.target, checkPromises: options.checkPromises };
    const runsPasses = options.passes ? options.passes.length > 0 : options.level !== 0;
    const counted = options.countNodes && runsPasses ? nodesToWrite(graph, how) : undefined;
    const passes = optimize(graph, options);
    const level = options.level ?? 1;
    const metadata: Record<string, string> = {
      'rescc.model': model,
      'rescc.source': new TextHash().add(file.source.text).hex(),
      'rescc.options': [
        `-O${level}`,
        `--target ${options.target ?? 'portable'}`,
        `--seed ${options.seed ?? 0}`,
        ...(options.checkPromises ? ['--check-promises'] : []),
        ...Object.entries(options.inputShapes ?? {}).map(([key, sizes]) => `--input-shape ${askedText(key, sizes)}`),
      ].join(' '),
      ...options.metadata,
    };
    const { onnx, schedule } = emitScheduled(graph, { ...how, producerVersion: version, metadata });
    const written = fileFigures(onnx);
    const nodesBefore = options.countNodes && !runsPasses ? written.nodes : counted;
    const after = statsOf(graph);
    // Who runs what reads what takes as much room as the file's nodes, and few ask for it.
    let memory = options.countNodes ? memoryOf(schedule()) : undefined;
    const report = {
      ...{ model, opset, level, before, after, written, nodesBefore, passes, notes },
      get memory() {
        memory ??= memoryOf(lowerGraph(graph, how));
        return memory;
      },
    };
    return { graph, unoptimized, report, onnx };
  });
}
