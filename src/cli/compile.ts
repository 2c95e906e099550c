/** `rescc model.res -o model.onnx`: compiles, writes, and says in a few lines what it did. */
import { basename } from 'node:path';
import type { Command } from 'commander';
import { writeModel, writeSafetensors } from '../codegen/node/write-file.ts';
import { encodeSafetensors, safetensorsOf } from '../codegen/safetensors.ts';
import { type CompileReport, type CompileResult, check, compile } from '../compile.ts';
import { badOption, noTarget } from '../diagnostics/catalogue/cli.ts';
import { type Diagnostic, DiagnosticError, fail } from '../diagnostics/diagnostic.ts';
import type { Graph } from '../ir/graph.ts';
import { printGraph } from '../ir/print.ts';
import { onnxText } from '../onnx/text.ts';
import { astText } from '../parser/print-ast.ts';
import { explainRule, type PassReport, passNames } from '../passes/pipeline.ts';
import { toDot, toSvg } from '../view/draw.ts';
import { maddsText } from '../view/summary.ts';
import { readSource, writeWhole } from './files.ts';
import { peakMemory } from './memory.ts';
import {
  compileOptions,
  type ModelFlags,
  type OutputFlags,
  type PassFlags,
  type WeightFlags,
  withModel,
  withOutput,
  withPasses,
  withWeights,
} from './options.ts';
import {
  columns,
  Exit,
  err,
  exitCodes,
  type OutputOptions,
  out,
  outBytes,
  printText,
  report,
  say,
  stopOnErrors,
} from './output.ts';
import { explainRefusals, statsTable } from './pass-report.ts';

type Emit = 'onnx' | 'onnx-text' | 'ir' | 'ast' | 'dot' | 'svg' | 'safetensors';
const emits: readonly Emit[] = ['onnx', 'onnx-text', 'ir', 'ast', 'dot', 'svg', 'safetensors'];
/** What goes to a file, or as bytes to standard output where `-` asks for it. */
const binaries: readonly Emit[] = ['onnx', 'safetensors'];

/** Where a result goes. */
export interface TargetFlags extends OutputFlags {
  readonly output?: string;
  readonly externalData?: string | boolean;
  readonly force?: boolean;
}

interface Flags extends ModelFlags, WeightFlags, PassFlags, TargetFlags {
  readonly emit?: string;
  readonly stats?: boolean;
  readonly explain?: string | boolean;
  readonly printAfter?: string;
  readonly checkPromises?: boolean;
}

export function addCompile(program: Command): void {
  const command = program
    .command('compile', { isDefault: true })
    .description('compiles a model to ONNX (the command may be left out)')
    .argument('<file>', 'a .res file, or - for standard input')
    .option('-o, --output <file>', 'where to write, or - for standard output')
    .option('--emit <kind>', `what to write: ${emits.join(', ')}`)
    .option('--stats', 'prints what every pass did and refused')
    .option('--explain [rule]', 'prints each refusal of a pass or rule with its reason and place')
    .option('--print-after <pass>', 'prints the graph after a pass')
    .option('--check-promises', 'the model itself refuses sizes that break a promise such as assert H % 16 == 0')
    .option('--external-data [name]', 'writes weights to a data file beside the model')
    .option('--force', 'replaces files that rescc did not write');
  withOutput(withPasses(withWeights(withModel(command)))).action((file: string, flags: Flags) => run(file, flags));
}

async function run(file: string, given: Flags): Promise<void> {
  const started = performance.now();
  const emit = emits.find((e) => e === (given.emit ?? 'onnx'));
  if (!emit) return refuse('--emit', given.emit ?? '', emits, 'onnx');
  const flags = { ...given, binary: binaries.includes(emit) && given.output === '-' };
  const { printAfter, explain } = flags;
  if (printAfter !== undefined && !passNames.includes(printAfter)) refuse('--print-after', printAfter, passNames, 'simplify');
  if (typeof explain === 'string' && !explainRule(explain)) refuse('--explain', explain, passNames, 'fold-batchnorm');
  const source = readSource(file);
  if (emit === 'ast') {
    const checked = check(source, compileOptions(flags));
    stopOnErrors(flags, checked.diagnostics);
    return text(flags, checked.diagnostics, astText(checked.file));
  }
  if (binaries.includes(emit) && flags.output === undefined) {
    fail(noTarget, { with: { example: `${basename(file === '-' ? 'model' : file).replace(/\.res$/, '')}.${emit}` } });
  }
  const result = await compile(source, {
    ...compileOptions(flags),
    checkPromises: flags.checkPromises,
    // Parameters go out as the source names them, so that they load again, unless folding is asked for.
    ...(emit === 'safetensors' && flags.O === undefined && flags.passes === undefined && { level: 0 as const }),
    onPass: (name: string, graph: Graph) => {
      if (name === printAfter && !flags.json) err(printGraph(graph));
    },
  });
  stopOnErrors(flags, result.diagnostics);
  const { graph, onnx, report: made } = result;
  if (!graph || !onnx || !made) return;
  switch (emit) {
    case 'ir':
      return text(flags, result.diagnostics, printGraph(graph));
    case 'onnx-text':
      return text(flags, result.diagnostics, onnxText(onnx));
    case 'dot':
      return text(flags, result.diagnostics, toDot(graph));
    case 'svg':
      return text(flags, result.diagnostics, await toSvg(toDot(graph)));
    default:
      break;
  }
  if (!flags.json) report(flags, result.diagnostics);
  const bytes = await write(result, emit, flags);
  const seconds = (performance.now() - started) / 1000;
  if (flags.json) {
    report(flags, result.diagnostics, {
      ok: true,
      output: flags.output,
      seconds,
      peakBytes: peakMemory(),
      bytes: bytes.bytes,
      files: bytes.files,
      ...reportJson(made),
    });
    return;
  }
  // Tables are asked for, but beside a model on standard output they would spoil it.
  const table = flags.binary ? err : out;
  if (flags.stats) table(statsTable(made.passes));
  if (explain) table(explainRefusals(made.passes, typeof explain === 'string' ? explain : undefined));
  say(flags, summaryLines(made, flags.binary ? 'standard output' : (flags.output ?? ''), bytes.bytes, seconds));
}

/** Names that an option does not know. */
export function refuse(option: string, found: string, names: readonly string[], example: string): never {
  return fail(badOption, { with: { option, found, expected: `one of ${names.join(', ')}`, hint: `${option} ${example}` } });
}

/** Text goes to the file that was asked for, or to standard output. */
export function text(flags: TargetFlags & OutputOptions, diagnostics: readonly Diagnostic[], content: string): void {
  if (flags.output === undefined || flags.output === '-') return printText(flags, diagnostics, content);
  writeWhole(flags.output, content.endsWith('\n') ? content : `${content}\n`);
  report(flags, diagnostics, { ok: true, output: flags.output });
  say(flags, `wrote ${flags.output}`);
}

/** Writes a model, or its weights, to the file that was asked for. */
export async function write(
  result: Pick<CompileResult, 'graph' | 'onnx' | 'stream'>,
  emit: Emit,
  flags: TargetFlags,
): Promise<{ readonly bytes: number; readonly files: readonly string[] }> {
  const { graph, onnx } = result;
  if (!graph || !onnx || flags.output === undefined) return { bytes: 0, files: [] };
  if (flags.output === '-') {
    let bytes = 0;
    for await (const chunk of emit === 'safetensors' ? encodeSafetensors(safetensorsOf(graph)) : result.stream()) {
      outBytes(chunk);
      bytes += chunk.length;
    }
    return { bytes, files: [] };
  }
  const abort = new AbortController();
  const interrupt = (): void => abort.abort();
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  const bar = process.stderr.isTTY && !flags.quiet && !flags.json ? await progressBar(basename(flags.output)) : undefined;
  try {
    const options = { force: flags.force, signal: abort.signal, onProgress: bar?.update };
    if (emit === 'safetensors') return await writeSafetensors(graph, flags.output, options);
    return await writeModel(onnx, flags.output, { ...options, externalData: flags.externalData });
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

/** Until then a bar would only flicker. */
const barAfterMs = 700;

/** A bar on standard error that appears for what takes long enough to wonder about, and goes when it is done. */
async function progressBar(
  name: string,
): Promise<{ readonly update: (written: number, total: number) => void; readonly stop: () => void }> {
  // Loaded only where there is a terminal.
  const { SingleBar } = await import('cli-progress');
  const started = performance.now();
  // What is fixed takes 40 columns; a terminal that is narrower gets a short bar, which wraps nowhere.
  const barsize = Math.max(4, Math.min(30, columns(process.stderr) - 40 - name.length));
  const bar = new SingleBar({
    format: `writing ${name} [{bar}] {percentage} %  {done} of {all}`,
    barsize,
    stream: process.stderr,
    hideCursor: true,
    clearOnComplete: true,
    // Interruption is the writer's, which has files to remove.
    gracefulExit: false,
    linewrap: true,
  });
  return {
    update: (written, total) => {
      const shown = { done: bytesText(written), all: bytesText(total) };
      if (bar.isActive) bar.update(written, shown);
      else if (performance.now() - started > barAfterMs && written < total) bar.start(total, written, shown);
    },
    stop: () => {
      if (bar.isActive) bar.stop();
    },
  };
}

export const grouped = (n: number): string => n.toString().replace(/\B(?=(\d{3})+$)/g, ',');

export function bytesText(bytes: number): string {
  if (bytes < 1e3) return `${bytes} B`;
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1)} kB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}

function summaryLines(made: CompileReport, path: string, bytes: number, seconds: number): string {
  const { before, after } = made;
  const rows: readonly (readonly [string, string])[] = [
    ['nodes', `${before.nodes} → ${after.nodes}`],
    ['parameters', `${grouped(before.parameters)} trainable, ${grouped(before.buffers)} buffers`],
    ['in the file', `${grouped(after.parameters + after.buffers)} parameters`],
    [
      'multiply-adds',
      before.madds === after.madds ? maddsText(before.madds) : `${maddsText(before.madds)} → ${maddsText(after.madds)}`,
    ],
    ['file', `${path}, ${bytesText(bytes)}, opset ${made.opset}, -O${made.level}`],
    ['time', `${seconds.toFixed(2)} s`],
    ...made.notes.map((note): readonly [string, string] => ['note', note]),
  ];
  return [made.model, ...rows.map(([name, value]) => `  ${name.padEnd(14)} ${value}`)].join('\n');
}

function reportJson(made: CompileReport): Readonly<Record<string, unknown>> {
  return {
    model: made.model,
    opset: made.opset,
    level: made.level,
    before: statsJson(made.before),
    after: statsJson(made.after),
    passes: passesJson(made.passes),
    notes: made.notes,
  };
}

export function statsJson(stats: CompileReport['before']): Readonly<Record<string, unknown>> {
  return {
    nodes: stats.nodes,
    parameters: stats.parameters,
    buffers: stats.buffers,
    bytes: stats.bytes,
    multiplyAdds: stats.madds?.toString() ?? null,
    operators: Object.fromEntries(stats.byOperator),
  };
}

export function passesJson(report: PassReport): readonly unknown[] {
  return report.passes.map((p) => ({ name: p.name, fired: p.fired, refused: p.refused }));
}
