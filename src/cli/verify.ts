/** `rescc verify`: runs the model with and without passes on the providers named, and compares with the float64 reference. */
import type { Command } from 'commander';
import { compile } from '../compile.ts';
import { badOption } from '../diagnostics/catalogue/cli.ts';
import { fail } from '../diagnostics/diagnostic.ts';
import type { HostTensor } from '../ir/types.ts';
import { availableProviders } from '../runtime/available.ts';
import { readBytes } from '../runtime/images.ts';
import { parseNpy } from '../runtime/npy.ts';
import { isProvider, type Provider, providers } from '../runtime/provider.ts';
import { type VerifyReport, verifyModel, verifyTable } from '../runtime/verify.ts';
import { exprOf, materialize } from '../weights/expr.ts';
import { readSource } from './files.ts';
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
import { Exit, exitCodes, out, report, stopOnErrors } from './output.ts';

interface Flags extends ModelFlags, WeightFlags, PassFlags, OutputFlags {
  readonly ep: string;
  readonly input?: readonly string[];
}

export function addVerify(program: Command): void {
  const command = program
    .command('verify')
    .description('proves in onnxruntime that the compiled model computes what its source says')
    .argument('<file>', 'a .res file, or -')
    .option('--ep <list>', `execution providers: a list of ${providers.join(', ')}, or auto`, 'cpu')
    .option(
      '-i, --input <name=file.npy>',
      'runs on this input too (repeatable)',
      (text: string, before: readonly string[] | undefined) => [...(before ?? []), text],
    );
  withOutput(withPasses(withWeights(withModel(command)))).action((file: string, flags: Flags) => run(file, flags));
}

async function run(file: string, flags: Flags): Promise<void> {
  const asked = askedProviders(flags.ep);
  const result = await compile(readSource(file), { ...compileOptions(flags), keepUnoptimized: true });
  stopOnErrors(flags, result.diagnostics);
  const { graph, unoptimized } = result;
  if (!graph || !unoptimized) return;
  const eps = asked ?? (await availableProviders());
  const inputs = await readInputs(flags.input ?? []);
  const progress = process.stderr.isTTY && !flags.quiet && !flags.json;
  const verified = await verifyModel({
    before: unoptimized,
    after: graph,
    constants: (value) => materialize(exprOf(value)),
    eps,
    inputs,
    seed: flags.seed,
    opset: flags.opset,
    level: `-O${flags.O ?? 1}`,
    ...(progress && { progress: (step: string) => process.stderr.write(`\r\u001b[K${step}`) }),
  });
  if (progress) process.stderr.write('\r\u001b[K');
  if (flags.json) report(flags, verified.diagnostics, { ok: verified.ok, ...verifyJson(verified) });
  else {
    if (!flags.quiet) out(verifyTable(verified));
    if (!verified.ok) report(flags, verified.diagnostics);
  }
  if (!verified.ok) throw new Exit(exitCodes.failed);
}

/** Undefined for `auto`: whatever this machine has. */
function askedProviders(list: string): readonly Provider[] | undefined {
  if (list.trim() === 'auto') return undefined;
  return list.split(',').map((name): Provider => {
    const ep = name.trim();
    if (isProvider(ep)) return ep;
    return fail(badOption, {
      with: { option: '--ep', found: ep, expected: `auto, or a list of ${providers.join(', ')}`, hint: '--ep cpu,webgpu' },
    });
  });
}

async function readInputs(specs: readonly string[]): Promise<ReadonlyMap<string, HostTensor> | undefined> {
  if (specs.length === 0) return undefined;
  const out = new Map<string, HostTensor>();
  for (const spec of specs) {
    const at = spec.indexOf('=');
    if (at < 1)
      fail(badOption, { with: { option: '--input', found: spec, expected: 'name=file.npy', hint: '--input image=image.npy' } });
    const path = spec.slice(at + 1);
    out.set(spec.slice(0, at), parseNpy(await readBytes(path), path));
  }
  return out;
}

function verifyJson(verified: VerifyReport): Readonly<Record<string, unknown>> {
  return {
    seed: verified.seed,
    cases: verified.cases.map((c) => ({ name: c.name, sizes: Object.fromEntries(c.bindings) })),
    runs: verified.runs.map((r) => ({
      provider: r.provider,
      adapter: r.adapter,
      level: r.level,
      optimizer: r.optimizer,
      case: r.case,
      nodes: r.nodes,
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
