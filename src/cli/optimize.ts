/** `rescc optimize in.onnx -o out.onnx`: the passes on a file that somebody else made, a report, and on request a proof. */

import type { Command } from 'commander';
import { noTarget } from '../diagnostics/catalogue/cli.ts';
import { bug, DiagnosticError, fail } from '../diagnostics/diagnostic.ts';
import type { Sizes } from '../ir/evaluate.ts';
import { minOpset } from '../ir/opset.ts';
import { type OptimizeOnnxOptions, type OptimizeResult, optimizeOnnx } from '../optimize.ts';
import { verifyOptimized } from '../runtime/equivalence.ts';
import type { EquivalenceReport } from '../runtime/equivalence-report.ts';
import { providers } from '../runtime/provider.ts';
import { verifyTable } from '../runtime/verify-table.ts';
import { constantOf } from '../tensor/constant-of.ts';
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
import { widenNursery } from './heap.ts';
import { checkEnd } from './kinds.ts';
import { peakMemory } from './memory.ts';
import { type OpenedFile, openFile } from './onnx-file.ts';
import { reportJson, reportText } from './optimize-report.ts';
import {
  boundAt,
  collect,
  type OutputFlags,
  type PassFlags,
  passOptions,
  shapesOf,
  wholeNumber,
  withAt,
  withOutput,
  withPasses,
  withShapes,
} from './options.ts';
import { Exit, err, exitCodes, print, report, say, stopOnErrors } from './output.ts';
import { stepsOf } from './progress.ts';
import { type PictureFlags, providersFor, readInputs, verifyJson, withPictures } from './verify-options.ts';

/** What says how a file is imported and optimised; `verify` takes it too. */
export interface FileFlags extends PassFlags, OutputFlags, PictureFlags {
  readonly raise?: boolean;
  readonly inputShape?: readonly string[];
  readonly at?: Sizes;
  readonly keepInputs?: boolean;
  readonly ep: string;
  readonly input?: readonly string[];
  readonly seed?: number;
}

interface Flags extends FileFlags, PassReportFlags, TargetFlags {
  readonly emit?: string;
  readonly verify?: boolean;
  readonly verbose?: boolean;
}

/** Options about the file that is imported. */
export function withFile(command: Command): Command {
  return withAt(withShapes(withPictures(command)))
    .option('--raise', 'raises the opset where that says the model in fewer nodes')
    .option('--keep-inputs', 'initialisers that are listed as inputs can still be overridden')
    .option('--ep <list>', `execution providers to verify on: a list of ${providers.join(', ')}, or auto`, 'cpu')
    .option('-i, --input <name=file>', 'verifies on this PNG, JPEG or .npy instead of random numbers (repeatable)', collect);
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
  const started = performance.now();
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
    const proof = flags.verify ? await prove(source, result, options, flags, await inputsOf(result, flags)) : undefined;
    const table = flags.binary ? err : print;
    if (proof && !flags.json) {
      if (!flags.quiet) table(verifyTable(proof));
      report(flags, proof.diagnostics);
    }
    const proofJson = proof && { verification: { ok: proof.ok, culprit: proof.culprit, ...verifyJson(proof) } };
    if (proof && !proof.ok) {
      if (flags.json) report(flags, proof.diagnostics, { ok: false, ...reportJson(made), ...proofJson });
      throw new Exit(exitCodes.failed);
    }
    const text = await emittedText(emit, graph, onnx);
    if (text !== undefined) return printOrWrite(flags, result.diagnostics, text);
    if (!flags.json) report(flags, result.diagnostics);
    const written = await writeArtifact(result, emit, flags);
    const seconds = (performance.now() - started) / 1000;
    if (flags.json) {
      report(flags, [...result.diagnostics, ...(proof?.diagnostics ?? [])], {
        ok: true,
        output: flags.output,
        seconds,
        peakBytes: peakMemory(),
        bytes: written.bytes,
        files: written.files,
        ...reportJson(made),
        ...proofJson,
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

/** The API's options for the flags given. */
export function optionsOf(flags: FileFlags): OptimizeOnnxOptions {
  return {
    ...passOptions(flags),
    raise: flags.raise,
    keepInputs: flags.keepInputs,
    inputShapes: shapesOf(flags.inputShape ?? []),
  };
}

/** What `--input` gives the file. */
export async function inputsOf({ unoptimized }: OptimizeResult, flags: FileFlags): ReturnType<typeof readInputs> {
  return unoptimized && (await readInputs(flags.input ?? [], unoptimized, flags));
}

/** Compares a file with what was made of it; a rewrite that broke something is looked for. */
export async function prove(
  source: OpenedFile,
  result: OptimizeResult,
  options: OptimizeOnnxOptions,
  flags: FileFlags,
  inputs: Awaited<ReturnType<typeof readInputs>>,
): Promise<EquivalenceReport> {
  const { graph, onnx, unoptimized, report: made } = result;
  if (!graph || !onnx || !unoptimized || !made) return bug('a proof of what was not made');
  const { eps, absent, warnings } = await providersFor(flags.ep);
  const bar = stepsOf('verifying');
  const proof = await verifyOptimized({
    original: source.original,
    before: unoptimized,
    after: graph,
    onnx,
    constants: constantOf,
    rebuild: async (fuel, onFiring) => {
      const again = await optimizeOnnx(source.from, {
        ...options,
        // The opset that was chosen, so that nothing but the rewrites is another.
        opset: made.opset.after < minOpset ? undefined : made.opset.after,
        raise: false,
        keepUnoptimized: false,
        onPass: undefined,
        fuel: Number.isFinite(fuel) ? fuel : undefined,
        onFiring,
      });
      if (!again.onnx) throw new DiagnosticError(again.diagnostics);
      return again.onnx;
    },
    eps,
    narrowed: made.narrowed,
    inputs,
    seed: flags.seed,
    level: `-O${made.level}`,
    command: `rescc optimize ${source.name} -o out.onnx`,
    progress: bar?.step,
  }).finally(() => bar?.stop());
  return { ...proof, notes: [...absent, ...(proof.notes ?? [])], diagnostics: [...warnings, ...proof.diagnostics] };
}
