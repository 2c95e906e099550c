/** What the commands that verify share: providers and inputs that are asked for, and the runs as data. */
import { type Command, InvalidArgumentError } from 'commander';
import { badOption } from '../diagnostics/catalogue/cli.ts';
import { unusedNative } from '../diagnostics/catalogue/runtime.ts';
import { type Diagnostic, DiagnosticError, fail, makeDiagnostic } from '../diagnostics/diagnostic.ts';
import type { Graph } from '../ir/graph.ts';
import type { ValueRange } from '../ir/ranges.ts';
import { type HostTensor, typeText } from '../ir/types.ts';
import { availableProviders } from '../runtime/available.ts';
import { filesByInput, loadInput, nothingNoticed, type PictureOptions, signaturesOf } from '../runtime/load.ts';
import { namedNative } from '../runtime/native.ts';
import { isProvider, type Provider, providers, runtimeVersion } from '../runtime/provider.ts';
import type { VerifyReport } from '../runtime/verify-report.ts';
import { type OutputFlags, wholeNumber } from './options.ts';
import { report, say } from './output.ts';

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

export interface PictureFlags {
  readonly mean?: readonly number[];
  readonly std?: readonly number[];
  readonly resize?: number | boolean | 'stretch';
  readonly bgr?: boolean;
  readonly range?: Ranges;
}

/** Of `--range`: what holds for all, and for single inputs and outputs. */
export interface Ranges {
  readonly all?: ValueRange;
  readonly named: Readonly<Record<string, ValueRange>>;
}

/** `0..255`, `image=-1..1` */
function rangeIn(text: string, before: Ranges | undefined): Ranges {
  const at = text.lastIndexOf('=');
  const [low, high, more] = text
    .slice(at + 1)
    .split('..')
    .map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  if (low === undefined || high === undefined || more !== undefined || !(low < high) || !Number.isFinite(high - low))
    throw new InvalidArgumentError('Write low..high, such as 0..255 or image=-1..1.');
  const range = { low, high };
  const { all, named = {} } = before ?? {};
  return at > 0 ? { ...(all && { all }), named: { ...named, [text.slice(0, at)]: range } } : { all: range, named };
}

const side = wholeNumber(1, 65536);

/** What the API takes for these flags. */
export function pictureOptions({ mean, std, resize, bgr, range }: PictureFlags): PictureOptions {
  return { mean, std, resize, bgr, range: range?.all, ranges: range?.named };
}

const numbers = (text: string): readonly number[] =>
  text.split(',').map((part) => {
    const n = Number(part);
    if (part.trim() === '' || !Number.isFinite(n))
      throw new InvalidArgumentError('Write numbers separated by commas, such as 0.485,0.456,0.406.');
    return n;
  });

/** How pictures become inputs, where the model does not declare it. */
export function withPictures(command: Command): Command {
  return command
    .option('--mean <a,b,c>', 'subtracted from pixels / 255, or from the range that the input declares', numbers)
    .option('--std <a,b,c>', 'divides after that', numbers)
    .option(
      '--resize [n]',
      'scales the shorter side to n (256/224 of the input without n) and cuts out the middle; stretch cuts nothing off',
      (text) => (text === 'stretch' ? text : side(text)),
    )
    .option(
      '--range <name=low..high>',
      'what pixels become, and pictures are written from: 0..255 (repeatable, name or none)',
      rangeIn,
    )
    .option('--bgr', 'gives the model blue, green and red, as OpenCV reads pictures');
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
