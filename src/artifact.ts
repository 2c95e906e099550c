/** What compiling a source and optimising a file end in. */
import { type Diagnostic, DiagnosticError, type Sink } from './diagnostics/diagnostic.ts';
import type { Graph } from './ir/graph.ts';
import type { OnnxModel } from './onnx/model.ts';
import { encodeModel, onnxBytes } from './onnx/write.ts';

/** An ONNX model with the report of how it was made, or the diagnostics that say why there is none. */
export interface Artifact<Report> {
  /** What is wrong; empty where there is a model. */
  readonly diagnostics: readonly Diagnostic[];
  /** What was hardly meant, though the model is there. */
  readonly warnings: readonly Diagnostic[];
  /** The optimised graph; absent when there are errors. */
  readonly graph: Graph | undefined;
  /** The graph before the passes, when `keepUnoptimized` asked for it. */
  readonly unoptimized: Graph | undefined;
  readonly report: Report | undefined;
  /** The ONNX model as data; its weights are read when `bytes` or `stream` pull them. */
  readonly onnx: OnnxModel | undefined;
  /** The ONNX file in memory. Throws `DiagnosticError` when there were errors. */
  bytes(): Promise<Uint8Array>;
  /** The ONNX file in chunks, in constant memory. Throws `DiagnosticError` when there were errors. */
  stream(): AsyncIterable<Uint8Array>;
}

/** What there is where nothing is wrong. */
interface Made<Report> {
  readonly graph: Graph;
  readonly unoptimized: Graph | undefined;
  readonly report: Report;
  readonly onnx: OnnxModel;
}

/**
 * The artifact that `make` gives, or none where it has reported an error to the sink or throws a `DiagnosticError`, which is
 * reported there.
 */
export async function artifactOf<Report>(sink: Sink, make: () => Promise<Made<Report> | undefined>): Promise<Artifact<Report>> {
  try {
    const made = await make();
    if (made && !sink.hasErrors) {
      const { onnx } = made;
      return {
        ...made,
        diagnostics: sink.errors,
        warnings: sink.warnings,
        bytes: () => onnxBytes(onnx),
        stream: () => encodeModel(onnx),
      };
    }
  } catch (error) {
    if (!(error instanceof DiagnosticError)) throw error;
    for (const diagnostic of error.diagnostics) sink.add(diagnostic);
  }
  const refuse = (): never => {
    throw new DiagnosticError(sink.errors);
  };
  return {
    diagnostics: sink.errors,
    warnings: sink.warnings,
    graph: undefined,
    unoptimized: undefined,
    report: undefined,
    onnx: undefined,
    bytes: async () => refuse(),
    stream: () => refuse(),
  };
}
