/** What the commands that verify share: providers and inputs that are asked for, and the runs as data. */
import { badOption } from '../diagnostics/catalogue/cli.ts';
import { fail } from '../diagnostics/diagnostic.ts';
import type { HostTensor } from '../ir/types.ts';
import { readBytes } from '../runtime/images.ts';
import { parseNpy } from '../runtime/npy.ts';
import { isProvider, type Provider, providers } from '../runtime/provider.ts';
import type { VerifyReport } from '../runtime/verify.ts';

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

/** Tensors of `--input NAME=FILE`. */
export async function readInputs(specs: readonly string[]): Promise<ReadonlyMap<string, HostTensor> | undefined> {
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

/** Runs and errors for --json. */
export function verifyJson(verified: VerifyReport): Readonly<Record<string, unknown>> {
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
