/** What `compile` and `optimize` write and where, and the reports of the passes that both print on request. */
import { basename } from 'node:path';
import type { Command } from 'commander';
import type { Artifact } from '../artifact.ts';
import { type WriteOptions, type Written, writeModel, writeSafetensors } from '../codegen/node/write-file.ts';
import { encodeSafetensors, safetensorsOf } from '../codegen/safetensors.ts';
import { badOption } from '../diagnostics/catalogue/cli.ts';
import { type Diagnostic, DiagnosticError, fail } from '../diagnostics/diagnostic.ts';
import { nearest } from '../diagnostics/suggest.ts';
import type { Graph } from '../ir/graph.ts';
import { printGraph } from '../ir/print.ts';
import type { OnnxModel } from '../onnx/model.ts';
import { onnxText } from '../onnx/text.ts';
import { explainRule } from '../passes/explain.ts';
import type { PassReport } from '../passes/pipeline.ts';
import { passNames } from '../passes/schedule.ts';
import { writeWhole } from './files.ts';
import type { OutputFlags } from './options.ts';
import { Exit, err, exitCodes, type OutputOptions, outBytes, printText, report, say } from './output.ts';
import { explainRefusals, statsTable } from './pass-report.ts';
import { progressOf } from './progress.ts';

/** What `--emit` may ask of a graph, whichever way it was made. */
export const graphEmits = ['onnx', 'onnx-text', 'ir', 'dot', 'svg'] as const;
/** And of a source. */
export const sourceEmits = ['onnx', 'onnx-text', 'ir', 'ast', 'dot', 'svg', 'safetensors'] as const;
export type Emit = (typeof sourceEmits)[number];
/** What goes to a file, or as bytes to standard output where `-` asks for it. */
export const binaries: readonly Emit[] = ['onnx', 'safetensors'];

/** Where a result goes. */
export interface TargetFlags extends OutputFlags {
  readonly output?: string;
  readonly externalData?: string | boolean;
  readonly force?: boolean;
}

/** What the passes report on request. */
export interface PassReportFlags {
  readonly stats?: boolean;
  readonly explain?: string | boolean;
  readonly printAfter?: string;
}

export function withPassReports(command: Command): Command {
  return command
    .option('--stats', 'prints what every pass did and refused')
    .option('--explain [rule]', 'prints each refusal of a pass or rule with its reason and place')
    .option('--print-after <pass>', 'prints the graph after a pass');
}

/** What `--emit` asks for; refused where the command does not know it, and so are passes and rules that are not there. */
export function emitOf<E extends Emit>(
  { emit = 'onnx', printAfter, explain }: PassReportFlags & { readonly emit?: string },
  known: readonly E[],
): E {
  const found = known.find((one) => one === emit);
  if (!found) return refuse('--emit', emit, known, 'onnx');
  if (printAfter !== undefined && !passNames.includes(printAfter)) refuse('--print-after', printAfter, passNames, 'simplify');
  if (typeof explain === 'string' && !explainRule(explain)) refuse('--explain', explain, passNames, 'fold-batchnorm');
  return found;
}

/** Names that an option does not know. */
function refuse(option: string, found: string, names: readonly string[], example: string): never {
  const hint = `${option} ${nearest(found, names) ?? example}`;
  return fail(badOption, { with: { option, found, expected: `one of ${names.join(', ')}`, hint } });
}

/** Sees the graph after every pass, and prints it after the one that `--print-after` names. */
export function passPrinter({ printAfter, json }: PassReportFlags & OutputFlags): (name: string, graph: Graph) => void {
  return (name, graph) => {
    if (name === printAfter && !json) err(printGraph(graph));
  };
}

/** The tables that were asked for. */
export function printTables({ stats, explain }: PassReportFlags, passes: PassReport, print: (text: string) => void): void {
  if (stats) print(statsTable(passes));
  if (explain) print(explainRefusals(passes, typeof explain === 'string' ? explain : undefined));
}

/** The text that was asked for; undefined where a model or its weights are written. */
export async function emittedText(emit: Emit, graph: Graph, onnx: OnnxModel): Promise<string | undefined> {
  switch (emit) {
    case 'ir':
      return printGraph(graph);
    case 'onnx-text':
      return onnxText(onnx);
    case 'dot':
      return (await import('../view/draw.ts')).toDot(graph);
    case 'svg':
      return await (await import('./drawing.ts')).drawSvg(graph);
    default:
      return undefined;
  }
}

/** Text goes to the file that was asked for, or to standard output. */
export function printOrWrite(flags: TargetFlags & OutputOptions, diagnostics: readonly Diagnostic[], content: string): void {
  if (flags.output === undefined || flags.output === '-') return printText(flags, diagnostics, content);
  writeWhole(flags.output, content.endsWith('\n') ? content : `${content}\n`);
  report(flags, diagnostics, { ok: true, output: flags.output });
  say(flags, `wrote ${flags.output}`);
}

/** Writes a model, or its weights, to the file that was asked for. */
export async function writeArtifact(
  result: Pick<Artifact<unknown>, 'graph' | 'onnx' | 'stream'>,
  emit: Emit,
  flags: TargetFlags,
): Promise<Written> {
  const { graph, onnx } = result;
  const { output, externalData } = flags;
  if (!graph || !onnx || output === undefined) return { bytes: 0, files: [] };
  return emit === 'safetensors'
    ? await writeTo(
        output,
        flags,
        () => encodeSafetensors(safetensorsOf(graph)),
        (how) => writeSafetensors(graph, output, how),
      )
    : await writeTo(
        output,
        flags,
        () => result.stream(),
        (how) => writeModel(onnx, output, { ...how, externalData }),
      );
}

/** Writes to standard output for `-`; otherwise the file, with a bar, and nothing of it stays when it is interrupted. */
export async function writeTo(
  output: string,
  flags: TargetFlags,
  stream: () => AsyncIterable<Uint8Array>,
  write: (how: WriteOptions) => Promise<Written>,
): Promise<Written> {
  if (output === '-') {
    let bytes = 0;
    for await (const chunk of stream()) {
      outBytes(chunk);
      bytes += chunk.length;
    }
    return { bytes, files: [] };
  }
  const abort = new AbortController();
  const interrupt = (): void => abort.abort();
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  const bar = progressOf(`writing ${basename(output)}`, 'bytes');
  try {
    return await write({ force: flags.force, signal: abort.signal, onProgress: bar?.update });
  } catch (error) {
    if (!abort.signal.aborted || !(error instanceof DiagnosticError)) throw error;
    bar?.stop();
    report(flags, error.diagnostics, { ok: false });
    throw new Exit(exitCodes.interrupted);
  } finally {
    bar?.stop();
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
}
