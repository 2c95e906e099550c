/** What the commands that verify share: providers and inputs that are asked for, and the runs as data. */
import { badOption } from '../diagnostics/catalogue/cli.ts';
import { unusedNative } from '../diagnostics/catalogue/runtime.ts';
import { type Diagnostic, DiagnosticError, fail, makeDiagnostic } from '../diagnostics/diagnostic.ts';
import type { Graph } from '../ir/graph.ts';
import { type HostTensor, typeText } from '../ir/types.ts';
import { availableProviders } from '../runtime/available.ts';
import { filesByInput, loadInput, nothingNoticed, signaturesOf } from '../runtime/load.ts';
import { namedNative } from '../runtime/native.ts';
import { isProvider, type Provider, providers, runtimeVersion } from '../runtime/provider.ts';
import type { VerifyReport } from '../runtime/verify-report.ts';
import type { OutputFlags } from './options.ts';
import { report, say } from './output.ts';
import { type PictureFlags, pictureOptions } from './picture-options.ts';

/** Undefined for `auto`: whatever this machine has. */
export function askedProviders(list: string): readonly Provider[] | undefined {
  if (list.trim() === 'auto') return undefined;
  return list.split(',').map((name): Provider => {
    const ep = name.trim();
    if (isProvider(ep)) return ep;
    return fail(badOption, {
      with: { option: '--ep', found: ep, expected: `auto, or a list of ${providers.join(', ')}`, hint: '--ep cpu,webgpu' },
    });
  });
}

/** A folder that RESCC_ONNXRUNTIME names and that cannot be used, where no provider asks for it and so nobody else says it. */
export function unusedLibrary(eps: readonly Provider[]): readonly Diagnostic[] {
  const [ep] = eps;
  if (ep === undefined || eps.some((one) => one !== 'cpu' && one !== 'webgpu')) return [];
  try {
    namedNative(runtimeVersion());
    return [];
  } catch (error) {
    if (!(error instanceof DiagnosticError)) throw error;
    const folder = process.env.RESCC_ONNXRUNTIME ?? '';
    return error.diagnostics.map((d) =>
      makeDiagnostic(unusedNative, { with: { ep: eps.join(' and '), folder, found: d.found ?? d.title } }),
    );
  }
}

/** What `--ep` asks for; of what `auto` looked for and did not find, a line each. */
export async function providersFor(list: string): Promise<{
  readonly eps: readonly Provider[];
  readonly absent: readonly string[];
  readonly warnings: readonly Diagnostic[];
}> {
  const asked = askedProviders(list);
  if (asked) return { eps: asked, absent: [], warnings: unusedLibrary(asked) };
  const absent: string[] = [];
  const eps = await availableProviders(undefined, (ep, why) =>
    absent.push(`--ep auto: ${ep} was looked for and not found (${why})`),
  );
  return { eps, absent, warnings: unusedLibrary(eps) };
}

/** Tensors of `--input NAME=FILE`: PNG, JPEG or .npy, as `run` reads them. Says what was noticed. */
export async function readInputs(
  specs: readonly string[],
  graph: Graph,
  flags: PictureFlags & OutputFlags,
): Promise<ReadonlyMap<string, HostTensor> | undefined> {
  if (specs.length === 0) return undefined;
  const signatures = signaturesOf(graph);
  const files = filesByInput(
    specs,
    signatures.map(({ name, type }) => ({ name, text: typeText(type) })),
  );
  const noticed = nothingNoticed();
  const out = new Map<string, HostTensor>();
  for (const one of signatures)
    out.set(one.name, await loadInput(one, files.get(one.name) ?? [], pictureOptions(flags), noticed));
  for (const note of noticed.notes) say(flags, note);
  if (!flags.json) report(flags, noticed.warnings);
  return out;
}

/** Runs and errors for --json. */
export function verifyJson(verified: VerifyReport): Readonly<Record<string, unknown>> {
  return {
    seed: verified.seed,
    notes: verified.notes ?? [],
    degenerate: verified.degenerate ?? [],
    cases: verified.cases.map((c) => ({ name: c.name, sizes: Object.fromEntries(c.bindings) })),
    runs: verified.runs.map((r) => ({
      provider: r.provider,
      adapter: r.adapter,
      level: r.level,
      optimizer: r.optimizer,
      case: r.case,
      nodes: r.nodes ?? null,
      left: r.left,
      ok: r.ok,
      outputs: r.outputs.map((o) => ({
        name: o.name,
        absolute: o.absolute,
        relative: o.relative,
        tolerance: o.tolerance,
        ok: o.ok,
      })),
    })),
  };
}
