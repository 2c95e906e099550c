/** A file against what is made of it at every level, in onnxruntime with its optimiser off. */
import * as ort from 'onnxruntime-node';
import { expect } from 'vitest';
import { optimizeOnnx } from '../../src/optimize.ts';
import { type Feeds, modelBytes, type Parts } from '../import/onnx-bytes.ts';

export type Outputs = Readonly<Record<string, { readonly dims: readonly number[]; readonly data: readonly number[] }>>;

export async function run(bytes: Uint8Array, feeds: Feeds): Promise<Outputs> {
  const session = await ort.InferenceSession.create(bytes, {
    graphOptimizationLevel: 'disabled',
    intraOpNumThreads: 1,
    logSeverityLevel: 4,
  });
  try {
    const out = await session.run(feeds);
    return Object.fromEntries(
      session.outputNames.map((name) => [name, { dims: out[name]?.dims ?? [], data: Array.from(out[name]?.data ?? [], Number) }]),
    );
  } finally {
    await session.release();
  }
}

/** Runs as it is and at every level on each of the feeds. */
export async function same(
  parts: Parts,
  feeds: readonly Feeds[],
  narrowed: readonly string[] = [],
  nodes?: number,
): Promise<void> {
  const bytes = modelBytes(parts);
  const expected = [];
  for (const one of feeds) expected.push(await run(bytes, one));
  for (const level of [0, 1, 2] as const) {
    const made = await optimizeOnnx(bytes, { level, verifyIr: true });
    expect(made.diagnostics).toEqual([]);
    expect(made.report?.narrowed.map(({ name, after }) => `${name} ${after.map((d) => d ?? '?')}`)).toEqual(narrowed);
    if (nodes !== undefined) expect(made.report?.nodes.after).toBe(nodes);
    const out = await made.bytes();
    for (const [i, one] of feeds.entries()) {
      const y = await run(out, one);
      for (const [name, { dims, data }] of Object.entries(expected[i] ?? {})) {
        expect(y[name]?.dims).toEqual(dims);
        data.forEach((v, k) => {
          expect(y[name]?.data[k]).toBeCloseTo(v, 4);
        });
      }
    }
  }
}
