/**
 * rescc's API for programs. Nothing here touches a file system or a process, so that it runs in browsers too; `rescc/node` adds
 * files, verification and running. Every function reports mistakes of the source as `diagnostics`, as data.
 */

export { type Checkpoint, openCheckpoint } from './checkpoint/checkpoint.ts';
export {
  build,
  type CheckOptions,
  type CheckResult,
  type CompileOptions,
  type CompileReport,
  type CompileResult,
  check,
  compile,
  models,
  type OptimizationLevel,
  type OptimizeOptions,
  optimize,
  type WeightOptions,
} from './compile.ts';
export { type Code, type Diagnostic, DiagnosticError, type Note, type Severity } from './diagnostics/diagnostic.ts';
export { explain, render, toJson } from './diagnostics/render.ts';
export { type Position, positionOf, type SourceFile, type Span } from './diagnostics/source.ts';
export { type Extracted, type ExtractOptions, extractModel } from './edit/extract.ts';
export { type ClassesOptions, type NewHead, replaceClasses } from './edit/head.ts';
export { type NamedKind, type Renamed, type RenameOptions, type RenameRule, renameModel } from './edit/rename.ts';
export { type NewSize, type Resized, type ResizeOptions, resizeModel } from './edit/sizes.ts';
export { type ByteSource, memorySource } from './io/bytes.ts';
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
export type { FileNode } from './parser/ast.ts';
export { format } from './parser/format.ts';
export { parse } from './parser/parse.ts';
export type { Firing, PassReport, Target } from './passes/pipeline.ts';
export { passNames } from './passes/schedule.ts';
export { summarize } from './summarize.ts';
export { version } from './version.ts';
export { type DrawOptions, toDot, toMermaid } from './view/draw.ts';
export type { Summary, SummaryNode, SummaryOptions } from './view/summary.ts';
export { type SummaryTextOptions, summaryText } from './view/summary-text.ts';
