/** `rescc optimize in.onnx -o out.onnx`: the passes on a file that somebody else made, a report, and on request a proof. */

import type { Command } from 'commander';
import { noTarget } from '../diagnostics/catalogue/cli.ts';
import { fail } from '../diagnostics/diagnostic.ts';
import { type OptimizeOnnxOptions, optimizeOnnx } from '../optimize.ts';
import {
  emitOf,
  emittedText,
  graphEmits,
  type PassReportFlags,
  passPrinter,
  printOrWrite,
  printTables,
  type TargetFlags,
  withPassReports,
  writeArtifact,
} from './emit.ts';
import { type FileFlags, optionsOf, withFile } from './file-options.ts';
import { widenNursery } from './heap.ts';
import { checkEnd } from './kinds.ts';
import { peakMemory } from './memory.ts';
import { openFile } from './onnx-file.ts';
import { reportJson, reportText } from './optimize-report.ts';
import { boundAt, wholeNumber, withOutput, withPasses } from './options.ts';
import { Exit, err, exitCodes, print, report, say, stopOnErrors } from './output.ts';

interface Flags extends FileFlags, PassReportFlags, TargetFlags {
  readonly emit?: string;
  readonly verify?: boolean;
  readonly verbose?: boolean;
}

export function addOptimize(program: Command): void {
  const command = program
    .command('optimize')
    .description('optimises an ONNX file')
    .argument('<file>', 'an .onnx file, or - for standard input')
    .option('-o, --output <file>', 'where to write, or - for standard output; the file itself is allowed')
    .option('--verify', 'proves in onnxruntime that nothing changed; nothing is written where something did')
    .option('--seed <n>', 'seed of the inputs to verify on', wholeNumber(0, Number.MAX_SAFE_INTEGER))
    .option('--emit <kind>', `what to write: ${graphEmits.join(', ')}`);
  withPassReports(command)
    .option('--external-data [name]', 'writes weights to a data file beside the model')
    .option('--force', 'replaces files that are no ONNX models')
    .option('-v, --verbose', 'reports every kind of refusal and every operator that passes through');
  withOutput(withPasses(withFile(command))).action((file: string, flags: Flags) => run(file, boundAt(flags)));
}

async function run(file: string, given: Flags): Promise<void> {
  const started = process.uptime();
  widenNursery();
  const emit = emitOf(given, graphEmits);
  checkEnd(given.output, emit, graphEmits);
  const flags = { ...given, binary: emit === 'onnx' && given.output === '-' };
  const asked = flags.verify || flags.stats || flags.explain;
  if (emit === 'onnx' && flags.output === undefined && !asked) fail(noTarget, { with: { example: 'optimized.onnx' } });
  const source = openFile(file);
  try {
    const options: OptimizeOnnxOptions = {
      ...optionsOf(flags),
      fileName: source.name,
      keepUnoptimized: flags.verify,
      onPass: passPrinter(flags),
    };
    const result = await optimizeOnnx(source.from, options);
    stopOnErrors(flags, result.diagnostics);
    const { graph, onnx, report: made } = result;
    if (!graph || !onnx || !made) return;
    const table = flags.binary ? err : print;
    // onnxruntime and all around it is loaded by whoever asks for a proof.
    const proof = flags.verify ? await (await import('./prove.ts')).proved(source, result, options, flags) : undefined;
    if (proof && !flags.json) {
      if (!flags.quiet) table(proof.table());
      report(flags, proof.diagnostics);
    }
    if (proof && !proof.ok) {
      if (flags.json) report(flags, proof.diagnostics, { ok: false, ...reportJson(made), ...proof?.json });
      throw new Exit(exitCodes.failed);
    }
    const text = await emittedText(emit, graph, onnx);
    if (text !== undefined) return printOrWrite(flags, result.diagnostics, text);
    if (!flags.json) report(flags, result.diagnostics);
    const written = await writeArtifact(result, emit, flags);
    const seconds = process.uptime() - started;
    if (flags.json) {
      report(flags, [...result.diagnostics, ...(proof?.diagnostics ?? [])], {
        ok: true,
        output: flags.output,
        seconds,
        peakBytes: peakMemory(),
        bytes: written.bytes,
        files: written.files,
        ...reportJson(made),
        ...proof?.json,
      });
      return;
    }
    // Tables are asked for, but beside a model on standard output they would spoil it.
    printTables(flags, made.passes, table);
    const target =
      flags.output === undefined ? undefined : { path: flags.binary ? 'standard output' : flags.output, bytes: written.bytes };
    say(flags, () => reportText(made, target, seconds, { verbose: flags.verbose ?? false }));
  } finally {
    source.close();
  }
}
