/** Runs a source in onnxruntime, so that tests can compare what comes out with loops of their own. */
import { type CompileOptions, compile } from '../../src/compile.ts';
import type { HostTensor } from '../../src/ir/types.ts';
import { openSession } from '../../src/runtime/session.ts';

/** A tensor of whole and half numbers of both signs, of which no two neighbours are alike. */
export function counted(...dims: readonly number[]): HostTensor {
  const count = dims.reduce((n, d) => n * d, 1);
  return { elem: 'f32', dims, data: Float64Array.from({ length: count }, (_, i) => ((i * 37) % 101) / 2 - 25) };
}

/** Outputs by name for each set of inputs, with the model compiled once. */
export async function runSource(
  source: string,
  inputs: readonly Readonly<Record<string, HostTensor>>[],
  options: CompileOptions = {},
): Promise<readonly ReadonlyMap<string, HostTensor>[]> {
  const result = await compile(source, { fileName: 'test.res', ...options });
  if (!result.graph) throw new Error(result.diagnostics.map((d) => `${d.code} ${d.title}: ${d.found}`).join('\n'));
  const session = await openSession(await result.bytes(), { ep: 'cpu', optimization: 'all', graph: result.graph });
  try {
    const out: ReadonlyMap<string, HostTensor>[] = [];
    for (const one of inputs) out.push(await session.run(new Map(Object.entries(one))));
    return out;
  } finally {
    await session.close();
  }
}

/** The element of a row-major tensor at a place. */
export function elementOf({ dims, data }: HostTensor, place: readonly number[]): number {
  const at = place.reduce((sum, i, axis) => sum * (dims[axis] ?? 1) + i, 0);
  return data[at] ?? Number.NaN;
}

/** A tensor made element by element. */
export function tensorOf(dims: readonly number[], element: (...place: number[]) => number): HostTensor {
  const count = dims.reduce((n, d) => n * d, 1);
  const place = dims.map(() => 0);
  const data = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    data[i] = element(...place);
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      place[axis] = (place[axis] ?? 0) + 1;
      if ((place[axis] ?? 0) < (dims[axis] ?? 0)) break;
      place[axis] = 0;
    }
  }
  return { elem: 'f32', dims, data };
}
