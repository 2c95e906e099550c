/** `rescc verify`: runs the model with and without passes on the providers named, and compares with the float64 reference. */
import type { Command } from 'commander';
import { compile } from '../compile.ts';
import type { SourceFile } from '../diagnostics/source.ts';
import { optimizeOnnx } from '../optimize.ts';
import type { Provider } from '../runtime/provider.ts';
import { verifyModel } from '../runtime/verify-model.ts';
import type { VerifyReport } from '../runtime/verify-report.ts';
import { verifyTable } from '../runtime/verify-table.ts';
import { constantOf } from '../tensor/constant-of.ts';
import { openModel } from './any-model.ts';
import type { PictureKind } from './drawing.ts';
import { errorPlot } from './error-plot.ts';
import { type FileFlags, optionsOf, withFile } from './file-options.ts';
import type { OpenedFile } from './onnx-file.ts';
import {
  boundAt,
  compileOptions,
  type ModelFlags,
  refuseSourceFlags,
  type WeightFlags,
  withModel,
  withOutput,
  withPasses,
  withWeights,
} from './options.ts';
import { Exit, exitCodes, print, report, stopOnErrors, told } from './output.ts';
import { type PlotFlags, plotKind, withPlot, writePlot } from './plots.ts';
import { stepsOf } from './progress.ts';
import { inputsOf, prove } from './prove.ts';
import { askedProviders, providersFor, readInputs, verifyJson } from './verify-options.ts';

interface Flags extends ModelFlags, WeightFlags, FileFlags, PlotFlags {}

export function addVerify(program: Command): void {
  const command = program
    .command('verify')
    .description('proves in onnxruntime that passes change nothing: of a source, or of an ONNX file')
    .argument('<file>', 'a .res or .onnx file, or - for standard input');
  withPlot(command, 'error', 'how far every layer is off, on the first provider');
  withOutput(withPasses(withWeights(withModel(withFile(command))))).action(async (path: string, given: Flags) => {
    const flags = boundAt(given);
    askedProviders(flags.ep);
    const { source, file } = openModel(path);
    if (source) return run(source, path, flags);
    try {
      await runFile(file, flags);
    } finally {
      file.close();
    }
  });
}

/** The file as it is against what `rescc optimize` would make of it; nothing is written. */
async function runFile(file: OpenedFile, flags: Flags): Promise<void> {
  // The seed is that of the inputs, too.
  const { seed: _, ...sourceFlags } = flags;
  refuseSourceFlags(file.name, sourceFlags);
  const kind = plotKind(flags, 'error');
  const options = { ...optionsOf(flags), fileName: file.name, keepUnoptimized: true };
  const result = await optimizeOnnx(file.from, options);
  stopOnErrors(flags, told(result));
  const inputs = await inputsOf(result, flags);
  const verified = await prove(file, result, options, flags, inputs);
  const { graph } = result;
  const plot = kind && graph && (await errorPlot({ graph, file: file.name, verified, ep: firstOf(flags.ep), inputs }, flags));
  await tell(verified, { culprit: verified.culprit }, plot && { ...plot, kind }, flags);
}

async function run(source: SourceFile, path: string, flags: Flags): Promise<void> {
  const kind = plotKind(flags, 'error');
  const result = await compile(source, { ...compileOptions(flags), keepUnoptimized: true });
  stopOnErrors(flags, result.diagnostics);
  const { graph, unoptimized } = result;
  if (!graph || !unoptimized) return;
  const { eps, absent, warnings } = await providersFor(flags.ep);
  const inputs = await readInputs(flags.input ?? [], unoptimized, flags);
  const bar = stepsOf('verifying');
  const found = await verifyModel({
    before: unoptimized,
    after: graph,
    constants: constantOf,
    eps,
    inputs,
    seed: flags.seed,
    opset: flags.opset,
    target: flags.target,
    level: `-O${flags.O ?? 1}`,
    model: path,
    progress: bar?.step,
  }).finally(() => bar?.stop());
  const verified = {
    ...found,
    notes: [...absent, ...(found.notes ?? [])],
    diagnostics: [...result.warnings, ...warnings, ...found.diagnostics],
  };
  const plot = kind && (await errorPlot({ graph, file: source.name, verified, ep: firstOf(flags.ep), inputs }, flags));
  await tell(verified, {}, plot && { ...plot, kind }, flags);
}

type Plot = Awaited<ReturnType<typeof errorPlot>> & { readonly kind: PictureKind };

/** Says what came of it, and ends the command by the verdict. Data comes last, once everything that it says is there. */
async function tell(verified: VerifyReport, data: object, plot: Plot | undefined, flags: Flags): Promise<void> {
  if (!flags.json) {
    if (!flags.quiet) print(verifyTable(verified));
    report(flags, verified.diagnostics);
  }
  if (plot) await writePlot(plot.scene, plot.kind, flags);
  if (flags.json) report(flags, verified.diagnostics, { ok: verified.ok, ...data, ...verifyJson(verified), ...plot?.json });
  if (!verified.ok) throw new Exit(exitCodes.failed);
}

const firstOf = (list: string): Provider => askedProviders(list)?.[0] ?? 'cpu';
