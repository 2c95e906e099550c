/** Random inputs in their declared ranges, sizes that are asked for, and inputs of the user's own in the place of random ones. */
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { readInputs } from '../../src/cli/verify-options.ts';
import { compile } from '../../src/compile.ts';
import { DiagnosticError } from '../../src/diagnostics/diagnostic.ts';
import { optimizeOnnx } from '../../src/optimize.ts';
import { verifyOptimized } from '../../src/runtime/equivalence.ts';
import { randomInputs, smallestBindings } from '../../src/runtime/inputs.ts';
import { type VerifyOptions, verifyModel } from '../../src/runtime/verify-model.ts';
import { exprOf, materialize } from '../../src/tensor/values.ts';

const picture = fileURLToPath(new URL('../fixtures/runtime/picture.png', import.meta.url));
const source = `model M {
  input image: f32[N, 3, H, W] in 0..1 mean=[0.5, 0.25, 0] std=[0.5, 0.25, 2]
  input ids: i64[N, T] in 0..6
  input wide: f16[N, 2] in -4..4
  image -> conv(4, 3x3)  batchnorm  relu
  output y
  output e = ids -> embedding(7, 4)
  output w = wide * 2
}`;

async function graphOf(text: string) {
  const { graph, diagnostics } = await compile(text);
  if (!graph) throw new DiagnosticError(diagnostics);
  return graph;
}

async function codesOf(run: () => unknown): Promise<readonly string[]> {
  try {
    await run();
  } catch (error) {
    if (error instanceof DiagnosticError) return error.diagnostics.map((d) => d.code);
    throw error;
  }
  return [];
}

describe('random inputs of a declared range', () => {
  it('lie in it, reach its ends, and are normalised', async () => {
    const inputs = randomInputs(
      await graphOf(source),
      new Map([
        ['N', 2],
        ['H', 20],
        ['W', 20],
        ['T', 200],
      ]),
      0,
    );
    const image = [...(inputs.get('image')?.data ?? [])];
    const channel = (c: number): readonly number[] => image.filter((_, i) => Math.floor(i / 400) % 3 === c);
    const ends = (values: readonly number[]): readonly number[] => [Math.min(...values), Math.max(...values)];
    for (const [c, low, high] of [
      [0, -1, 1],
      [1, -1, 3],
      [2, 0, 0.5],
    ] as const) {
      const [least = 0, most = 0] = ends(channel(c));
      expect(least, `channel ${c}`).toBeGreaterThanOrEqual(low);
      expect(most, `channel ${c}`).toBeLessThanOrEqual(high);
      expect(most - least, `channel ${c}`).toBeGreaterThan(0.9 * (high - low));
    }
    expect(new Set(inputs.get('ids')?.data)).toEqual(new Set([0, 1, 2, 3, 4, 5, 6]));
    const wide = [...(inputs.get('wide')?.data ?? [])];
    expect(ends(wide)[0]).toBeGreaterThanOrEqual(-4);
    expect(ends(wide)[1]).toBeLessThanOrEqual(4);
  });

  it('an index that the table has not is no legal declaration', async () => {
    const text = 'model M {\n  input ids: i64[N, 64] in 0..60\n  embedding(7, 4)\n  output y\n}';
    expect(await codesOf(() => verified(text))).toEqual(['RES0815']);
  });
});

async function verified(text: string, options: Partial<VerifyOptions> = {}) {
  const { graph, unoptimized, diagnostics } = await compile(text, { keepUnoptimized: true });
  if (!graph || !unoptimized) throw new DiagnosticError(diagnostics);
  return verifyModel({
    before: unoptimized,
    after: graph,
    constants: (value) => materialize(exprOf(value)),
    eps: ['cpu'],
    ...options,
  });
}

describe('sizes that are asked for', () => {
  const text = 'model M {\n  input x: f32[N, 3, H, W]\n  assert H % 4 == 0\n  conv(4, 3x3)  batchnorm\n  output y\n}';
  const cases = async (sizes: VerifyOptions['sizes']) =>
    (await verified(text, { sizes })).cases.map((one) => [one.name, one.inputs.get('x')?.dims]);

  it('are those that a source is verified at', async () => {
    expect(await cases({ x: [2, 3, 12, 5] })).toEqual(['fixed', 'negative', 'positive'].map((name) => [name, [2, 3, 12, 5]]));
    const partly = await cases({ H: 12, W: 7 });
    expect(partly.map(([name]) => name)).toEqual(['smallest', 'next odd', 'negative', 'positive']);
    for (const [, dims] of partly) expect(dims?.slice(1)).toEqual([3, 12, 7]);
  });

  it('keep to the declaration', async () => {
    expect(await codesOf(() => cases({ x: [1, 3, 6, 6] }))).toEqual(['RES0840']);
    expect(await codesOf(() => cases({ x: [1, 1, 8, 8] }))).toEqual(['RES0840']);
    expect(await codesOf(() => cases({ x: [3, 8, 8] }))).toEqual(['RES0709']);
    expect(await codesOf(() => cases({ Z: 1 }))).toEqual(['RES0709']);
  });

  it('stay while the others are made small', async () => {
    const graph = await graphOf(text);
    expect(smallestBindings(graph, new Map([['H', 64]])).smallest).toEqual(
      new Map([
        ['H', 64],
        ['N', 1],
        ['W', 1],
      ]),
    );
  });
});

describe('inputs of the user stand in the place of random ones', () => {
  const text = `model M {
  input image: f32[N, 3, H, W] in 0..255
  conv(4, 3x3)  batchnorm  relu
  output y
}`;

  it('of a source, from a picture, and decide', async () => {
    const graph = await graphOf(text);
    const inputs = await readInputs([`image=${picture}`], graph, { quiet: true });
    expect(Math.max(...(inputs?.get('image')?.data ?? []))).toBeGreaterThan(200);
    const report = await verified(text, { inputs });
    expect(report.cases.map((one) => one.name)).toEqual(['given']);
    expect(new Set(report.runs.map((run) => run.case))).toEqual(new Set(['given']));
    expect(report.ok).toBe(true);
    const sizes = { image: [1, 3, 32, 32] };
    expect(await codesOf(() => verified(text, { inputs, sizes }))).toEqual(['RES0813']);
  });

  it('of a file', async () => {
    const original = await (await compile(text, { level: 0 })).bytes();
    const result = await optimizeOnnx(original, { keepUnoptimized: true });
    const { graph, unoptimized, onnx } = result;
    if (!graph || !unoptimized || !onnx) throw new DiagnosticError(result.diagnostics);
    const inputs = await readInputs([picture, picture], unoptimized, { quiet: true });
    expect(inputs?.get('image')?.dims).toEqual([2, 3, 37, 53]);
    const constants: VerifyOptions['constants'] = (value) => materialize(exprOf(value));
    const report = await verifyOptimized({ original, before: unoptimized, after: graph, onnx, constants, eps: ['cpu'], inputs });
    expect(report.ok).toBe(true);
    expect(new Set(report.runs.map((run) => run.case))).toEqual(new Set(['given']));
  });

  it('are named as the inputs are', async () => {
    expect(await codesOf(async () => readInputs([`picture=${picture}`], await graphOf(text), {}))).toEqual(['RES0814']);
  });
});
