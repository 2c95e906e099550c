/** `rescc model.res -o model.onnx`: compiles, writes, and says in a few lines what it did. */
import { basename } from 'node:path';
import type { Command } from 'commander';
import { SingleBar } from 'cli-progress';
import { modelSize } from '../codegen/write.ts';
import { writeModel } from '../codegen/node/write-file.ts';
import { toDot, toSvg } from '../codegen/draw.ts';
import { maddsText } from '../codegen/summary.ts';
import { onnxText } from '../codegen/text.ts';
import { check, type CompileReport, type CompileResult, compile } from '../compile.ts';
import { badOption, noTarget } from '../diagnostics/catalogue/cli.ts';
import { fail } from '../diagnostics/diagnostic.ts';
import { printGraph } from '../ir/print.ts';
import type { Graph } from '../ir/graph.ts';
import { astText } from '../parser/print-ast.ts';
import { explainRefusals, statsTable } from './pass-report.ts';
import { readSource, writeWhole } from './files.ts';
import { compileOptions, type ModelFlags, type OutputFlags, type PassFlags, type WeightFlags, withModel, withOutput, withPasses, withWeights } from './options.ts';
import { Exit, err, exitCodes, out, outBytes, report, say, stopOnErrors } from './output.ts';

type Emit = 'onnx' | 'onnx-text' | 'ir' | 'ast' | 'dot' | 'svg';
const emits: readonly Emit[] = ['onnx', 'onnx-text', 'ir', 'ast', 'dot', 'svg'];

interface Flags extends ModelFlags, WeightFlags, PassFlags, OutputFlags {
  readonly output?: string;
  readonly emit?: string;
  readonly stats?: boolean;
  readonly explain?: string | boolean;
  readonly printAfter?: string;
  readonly externalData?: string | boolean;
  readonly force?: boolean;
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
    .option('--external-data [name]', 'writes weights to a data file beside the model')
    .option('--force', 'replaces files that rescc did not write');
  withOutput(withPasses(withWeights(withModel(command)))).action((file: string, flags: Flags) => run(file, flags));
}

async function run(file: string, flags: Flags): Promise<void> {
  const started = performance.now();
  const emit = emits.find((e) => e === (flags.emit ?? 'onnx'));
  if (!emit) fail(badOption, { with: { option: '--emit', found: flags.emit ?? '', expected: `one of ${emits.join(', ')}`, hint: '--emit onnx' } });
  const source = readSource(file);
  if (emit === 'ast') {
    const checked = check(source, compileOptions(flags));
    return text(flags, astText(checked.file));
  }
  if (emit === 'onnx' && flags.output === undefined) fail(noTarget, { with: { example: `${basename(file === '-' ? 'model' : file).replace(/\.res$/, '')}.onnx` } });
  const printAfter = flags.printAfter;
  const result = await compile(source, {
    ...compileOptions(flags),
    onPass: (name: string, graph: Graph) => {
      if (name === printAfter) err(printGraph(graph));
    },
  });
  stopOnErrors(flags, result.diagnostics);
  const { graph, onnx, report: made } = result;
  if (!graph || !onnx || !made) return;
  if (!flags.json) report(flags, result.diagnostics);
  switch (emit) {
    case 'ir':
      return text(flags, printGraph(graph));
    case 'onnx-text':
      return text(flags, onnxText(onnx));
    case 'dot':
      return text(flags, toDot(graph));
    case 'svg':
      return text(flags, await toSvg(toDot(graph)));
    default:
      break;
  }
  const bytes = await write(result, flags);
  const seconds = (performance.now() - started) / 1000;
  if (flags.stats && !flags.json) out(statsTable(made.passes));
  if (flags.explain && !flags.json) out(explainRefusals(made.passes, typeof flags.explain === 'string' ? flags.explain : undefined));
  if (flags.json) {
    report(flags, result.diagnostics, { ok: true, output: flags.output, seconds, bytes: bytes.bytes, files: bytes.files, ...reportJson(made) });
    return;
  }
  say(flags, summaryLines(made, flags.output ?? '', bytes.bytes, seconds));
}

function text(flags: Flags, content: string): void {
  if (flags.output === undefined || flags.output === '-') out(content);
  else writeWhole(flags.output, content.endsWith('\n') ? content : `${content}\n`);
}

async function write(result: CompileResult, flags: Flags): Promise<{ readonly bytes: number; readonly files: readonly string[] }> {
  const { onnx } = result;
  if (!onnx || flags.output === undefined) return { bytes: 0, files: [] };
  if (flags.output === '-') {
    let bytes = 0;
    for await (const chunk of result.stream()) {
      outBytes(chunk);
      bytes += chunk.length;
    }
    return { bytes, files: [] };
  }
  const abort = new AbortController();
  const interrupt = (): void => abort.abort();
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  // A bar appears for what takes long enough to wonder about, and never in a pipe.
  const bar = process.stderr.isTTY && !flags.quiet && !flags.json && modelSize(onnx) > 256 * 2 ** 20 ? new SingleBar({ format: 'writing {bar} {percentage} %', stream: process.stderr, hideCursor: true }) : undefined;
  try {
    return await writeModel(onnx, flags.output, {
      externalData: flags.externalData,
      force: flags.force,
      signal: abort.signal,
      ...(bar && {
        onProgress: (written: number, total: number) => {
          if (written === 0 || !bar.isActive) bar.start(total, written);
          else bar.update(written);
        },
      }),
    });
  } catch (error) {
    if (!abort.signal.aborted) throw error;
    err('interrupted: nothing was written');
    throw new Exit(exitCodes.interrupted);
  } finally {
    bar?.stop();
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
}

const grouped = (n: number): string => n.toLocaleString('en-US');

export function bytesText(bytes: number): string {
  if (bytes < 1e3) return `${bytes} B`;
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1)} kB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}

function summaryLines(made: CompileReport, path: string, bytes: number, seconds: number): string {
  const { before, after } = made;
  const rows: readonly (readonly [string, string])[] = [
    ['nodes', `${before.nodes} → ${after.nodes}`],
    ['parameters', `${grouped(before.parameters)} trainable, ${grouped(before.buffers)} buffers → ${grouped(after.parameters + after.buffers)} in the file`],
    ['multiply-adds', before.madds === after.madds ? maddsText(before.madds) : `${maddsText(before.madds)} → ${maddsText(after.madds)}`],
    ['file', `${path}, ${bytesText(bytes)}, opset ${made.opset}, -O${made.level}`],
    ['time', `${seconds.toFixed(2)} s`],
    ...made.notes.map((note): readonly [string, string] => ['note', note]),
  ];
  return [made.model, ...rows.map(([name, value]) => `  ${name.padEnd(14)} ${value}`)].join('\n');
}

export function reportJson(made: CompileReport): Readonly<Record<string, unknown>> {
  const stats = (s: CompileReport['before']): Readonly<Record<string, unknown>> => ({
    nodes: s.nodes,
    parameters: s.parameters,
    buffers: s.buffers,
    bytes: s.bytes,
    multiplyAdds: s.madds?.toString(),
    operators: Object.fromEntries(s.byOperator),
  });
  return {
    model: made.model,
    opset: made.opset,
    level: made.level,
    before: stats(made.before),
    after: stats(made.after),
    passes: made.passes.passes.map((p) => ({ name: p.name, fired: p.fired, refused: p.refused })),
    notes: made.notes,
  };
}
