/** Compiles a source, as one call: text to graph, weights, passes, ONNX. No file system, no process. */

import { type Artifact, artifactOf } from './artifact.ts';
import type { Comparison } from './checkpoint/bind.ts';
import type { Checkpoint } from './checkpoint/checkpoint.ts';
import { emitScheduled, lowerGraph, nodesToWrite } from './codegen/emit.ts';
import { type Diagnostic, Sink } from './diagnostics/diagnostic.ts';
import { whenLoaded } from './diagnostics/late.ts';
import type { SourceFile } from './diagnostics/source.ts';
import { type CheckOptions, checkCall, front } from './front.ts';
import { type OptimizationLevel, type OptimizeOptions, optimizeLate } from './graph-passes.ts';
import type { Bytes } from './io/sources.ts';
import { askedText } from './ir/asked-sizes.ts';
import { cloneGraph } from './ir/clone.ts';
import { TextHash } from './ir/hash.ts';
import { type Memory, memoryOf } from './ir/memory.ts';
import { defaultOpset } from './ir/opset.ts';
import { type GraphStats, statsOf } from './ir/stats.ts';
import { type FileFigures, fileFigures } from './onnx/figures.ts';
import type { PassReport } from './passes/pipeline.ts';
import { version } from './version.ts';

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

/** An ONNX model, or the diagnostics that say why there is none. */
export type CompileResult = Artifact<CompileReport>;

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
  const { diagnostics, warnings, graph, model, maps } = await whenLoaded(() => front(source, options));
  if (!graph) return { diagnostics, warnings, comparison: undefined, model };
  const { compareWeights, opened } = await import('./weights.ts');
  const comparison = compareWeights(graph, await opened(weights), {
    ...(options.weightsKey !== undefined && { key: options.weightsKey }),
    map: [...(options.map ?? []), ...maps],
  });
  return { diagnostics: [...diagnostics, ...comparison.diagnostics], warnings, comparison, model };
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
  // What mistakes ask for is loaded where there are any.
  const { sink, graph, model, maps, file } = await whenLoaded(() => {
    const sink = new Sink();
    return { sink, ...front(source, options, sink) };
  });
  return await artifactOf(sink, async () => {
    if (!graph || model === undefined) return undefined;
    const notes: string[] = [];
    if (options.weights) {
      const { bindWeights, opened } = await import('./weights.ts');
      const bound = await bindWeights(graph, await opened(options.weights), {
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
    const { onProgress } = options;
    const how = { opset, target: options.target, checkPromises: options.checkPromises, onProgress };
    const runsPasses = options.passes ? options.passes.length > 0 : options.level !== 0;
    const counted = options.countNodes && runsPasses ? nodesToWrite(graph, how) : undefined;
    const passes = await optimizeLate(graph, options);
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
