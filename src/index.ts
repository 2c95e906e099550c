/**
 * rescc's API for programs. Nothing here touches a file system or a process, so that it runs in browsers too; `rescc/node` adds
 * files, and verification and running without a runtime of one's own. Every function reports mistakes of the source as
 * `diagnostics`, as data.
 */

export { build, type CheckOptions, type CheckResult, check, models } from './check.ts';
export type { Checkpoint } from './checkpoint/checkpoint.ts';
export {
  type CompileOptions,
  type CompileReport,
  type CompileResult,
  compile,
  type WeightOptions,
} from './compile.ts';
export { type Code, type Diagnostic, DiagnosticError, type Note, type Severity } from './diagnostics/diagnostic.ts';
export { explain } from './diagnostics/explain.ts';
export { positionOf } from './diagnostics/position-of.ts';
export { render, toJson } from './diagnostics/render.ts';
export type { Position, SourceFile, Span } from './diagnostics/source.ts';
export { type Extracted, type ExtractOptions, extractModel } from './edit/extract.ts';
export { type ClassesOptions, type NewHead, replaceClasses } from './edit/head.ts';
export { type NamedKind, type Renamed, type RenameOptions, type RenameRule, renameModel } from './edit/rename.ts';
export { type NewSize, type Resized, type ResizeOptions, resizeModel } from './edit/sizes.ts';
export type { OptimizationLevel, OptimizeOptions } from './graph-passes.ts';
export { type ByteSource, memorySource } from './io/bytes.ts';
export { type FetchLike, type HttpOptions, httpSource, type ResponseLike } from './io/http.ts';
export { type BlobLike, type Bytes, blobSource } from './io/sources.ts';
export type { Dim } from './ir/dim.ts';
export { evaluate, type Sizes } from './ir/evaluate.ts';
export type { Graph } from './ir/graph.ts';
export type { Memory } from './ir/memory.ts';
export { printGraph } from './ir/print.ts';
export type { GraphStats } from './ir/stats.ts';
export type { ElemType, HostTensor, TensorType } from './ir/types.ts';
export type { FileFigures } from './onnx/figures.ts';
export type { OnnxFile, OnnxModel } from './onnx/model.ts';
export { readOnnxFile } from './onnx/read.ts';
export { onnxText } from './onnx/text.ts';
export { encodeModel, onnxBytes } from './onnx/write.ts';
export { openCheckpoint } from './open-checkpoint.ts';
export {
  type ForeignGroup,
  type OperatorChange,
  type OptimizeOnnxOptions,
  type OptimizeReport,
  type OptimizeResult,
  optimizeOnnx,
  type RefusedGroup,
  type Stored,
} from './optimize.ts';
export { optimize } from './optimize-graph.ts';
export type { FileNode } from './parser/ast.ts';
export { format } from './parser/format.ts';
export { parse } from './parser/parse.ts';
export type { Firing, PassReport, Target } from './passes/pipeline.ts';
export { passNames } from './passes/schedule.ts';
export type { GivenRuntime } from './runtime/given-runtime.ts';
export type { KeptTensor } from './runtime/kept.ts';
export type { KeepOptions, ModelInput, ModelSession, SessionOptions, TensorInput } from './runtime/model-session.ts';
export type { VerifyOptions } from './runtime/verification.ts';
export type { VerifyReport } from './runtime/verify-report.ts';
export { verifyTable } from './runtime/verify-table.ts';
export { openSession, verifyModel } from './runtime/web.ts';
export { summarize } from './summarize.ts';
export { constantOf } from './tensor/constant-of.ts';
export { version } from './version.ts';
export { type DrawOptions, toDot, toMermaid } from './view/draw.ts';
export type { Summary, SummaryNode, SummaryOptions } from './view/summary.ts';
export { type SummaryTextOptions, summaryText } from './view/summary-text.ts';
