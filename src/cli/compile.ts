/** `rescc model.res -o model.onnx`: compiles, writes, and says in a few lines what it did. */
import { basename } from 'node:path';
import type { Command } from 'commander';
import { type CompileReport, compile } from '../compile.ts';
import { noTarget } from '../diagnostics/catalogue/cli.ts';
import { fail } from '../diagnostics/diagnostic.ts';
import type { Sizes } from '../ir/evaluate.ts';
import { astText } from '../parser/print-ast.ts';
import { bytesText, grouped } from '../view/count-text.ts';
import {
  binaries,
  emitOf,
  emittedText,
  type PassReportFlags,
  passPrinter,
  printOrWrite,
  printTables,
  sourceEmits,
  type TargetFlags,
  withPassReports,
  writeArtifact,
} from './emit.ts';
import { costRows, memoryJson, passesJson, statsJson } from './figures.ts';
import { readSource } from './files.ts';
import { widenNursery } from './heap.ts';
import { checkEnd } from './kinds.ts';
import { peakMemory } from './memory.ts';
import {
  boundAt,
  compileOptions,
  type ModelFlags,
  type PassFlags,
  type WeightFlags,
  withAt,
  withModel,
  withOutput,
  withPasses,
  withShapes,
  withWeights,
} from './options.ts';
import { err, print, report, say, stopOnErrors, told } from './output.ts';

interface Flags extends ModelFlags, WeightFlags, PassFlags, PassReportFlags, TargetFlags {
  readonly emit?: string;
  readonly checkPromises?: boolean;
  readonly at?: Sizes;
}

export function addCompile(program: Command): void {
  const command = program
    .command('compile', { isDefault: true })
    .description('compiles a model to ONNX (the command may be left out)')
    .argument('<file>', 'a .res file, or - for standard input')
    .option('-o, --output <file>', 'where to write, or - for standard output')
    .option('--emit <kind>', `what to write: ${sourceEmits.join(', ')}`);
  withPassReports(command)
    .option('--check-promises', 'the model itself refuses sizes that break a promise such as assert H % 16 == 0')
    .option('--external-data [name]', 'writes weights to a data file beside the model')
    .option('--force', 'replaces files that rescc did not write');
  withOutput(withPasses(withWeights(withModel(withAt(withShapes(command)))))).action((file: string, flags: Flags) =>
    run(file, boundAt(flags)),
  );
}

async function run(file: string, given: Flags): Promise<void> {
  const started = process.uptime();
  widenNursery();
  const emit = emitOf(given, sourceEmits);
  checkEnd(given.output, emit, sourceEmits);
  const flags = { ...given, binary: binaries.includes(emit) && given.output === '-' };
  const source = readSource(file);
  if (emit === 'ast') {
    const { check } = await import('../check.ts');
    const checked = check(source, compileOptions(flags));
    stopOnErrors(flags, told(checked));
    return printOrWrite(flags, told(checked), astText(checked.file));
  }
  if (binaries.includes(emit) && flags.output === undefined) {
    fail(noTarget, { with: { example: `${basename(file === '-' ? 'model' : file).replace(/\.res$/, '')}.${emit}` } });
  }
  const result = await compile(source, {
    ...compileOptions(flags),
    checkPromises: flags.checkPromises,
    // Only the summary and the report of a file have it.
    countNodes: binaries.includes(emit) && (flags.json || !flags.quiet),
    // Parameters go out as the source names them, so that they load again, unless folding is asked for.
    ...(emit === 'safetensors' && flags.O === undefined && flags.passes === undefined && { level: 0 as const }),
    onPass: passPrinter(flags),
  });
  stopOnErrors(flags, told(result));
  const { graph, onnx, report: made } = result;
  if (!graph || !onnx || !made) return;
  const text = await emittedText(emit, graph, onnx);
  if (text !== undefined) return printOrWrite(flags, told(result), text);
  if (!flags.json) report(flags, told(result));
  const bytes = await writeArtifact(result, emit, flags);
  const seconds = process.uptime() - started;
  if (flags.json) {
    report(flags, told(result), {
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
  printTables(flags, made.passes, flags.binary ? err : print);
  say(flags, () => summaryLines(made, flags.binary ? 'standard output' : (flags.output ?? ''), bytes.bytes, seconds));
}

function summaryLines(made: CompileReport, path: string, bytes: number, seconds: number): string {
  const { before, after, written, nodesBefore = written.nodes } = made;
  const rows: readonly (readonly [string, string])[] = [
    ['nodes', nodesBefore === written.nodes ? grouped(written.nodes) : `${grouped(nodesBefore)} → ${grouped(written.nodes)}`],
    ['parameters', `${grouped(before.parameters)} trainable, ${grouped(before.buffers)} buffers`],
    ['in the file', `${grouped(written.elements)} elements, ${bytesText(written.bytes)}`],
    ...costRows(before.madds, after.madds, made.memory),
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
    nodes: { before: made.nodesBefore, after: made.written.nodes },
    stored: { elements: made.written.elements, bytes: made.written.bytes },
    operators: Object.fromEntries(made.written.operators),
    before: statsJson(made.before),
    after: statsJson(made.after),
    memory: memoryJson(made.memory),
    passes: passesJson(made.passes),
    notes: made.notes,
  };
}
