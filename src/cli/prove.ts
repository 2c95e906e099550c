/** Proves in onnxruntime that a file and what was made of it compute the same. */
import { bug, DiagnosticError } from '../diagnostics/diagnostic.ts';
import { minOpset } from '../ir/opset.ts';
import { type OptimizeOnnxOptions, type OptimizeResult, optimizeOnnx } from '../optimize.ts';
import { verifyOptimized } from '../runtime/equivalence.ts';
import type { EquivalenceReport } from '../runtime/equivalence-report.ts';
import { verifyTable } from '../runtime/verify-table.ts';
import { constantOf } from '../tensor/constant-of.ts';
import type { FileFlags } from './file-options.ts';
import type { OpenedFile } from './onnx-file.ts';
import { stepsOf } from './progress.ts';
import { providersFor, readInputs, verifyJson } from './verify-options.ts';

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

/** The same for `optimize --verify`, and how it is told. */
export async function proved(
  source: OpenedFile,
  result: OptimizeResult,
  options: OptimizeOnnxOptions,
  flags: FileFlags,
): Promise<EquivalenceReport & { table(): string; readonly json: Readonly<Record<string, unknown>> }> {
  const proof = await prove(source, result, options, flags, await inputsOf(result, flags));
  const json = { verification: { ok: proof.ok, culprit: proof.culprit, ...verifyJson(proof) } };
  return { ...proof, table: () => verifyTable(proof), json };
}
