import { afterAll, describe, expect, it } from 'vitest';
import { compile } from '../../src/compile.ts';
import type { Value } from '../../src/ir/graph.ts';
import type { HostTensor } from '../../src/ir/types.ts';
import { gemm, type Matrix, multiplierInUse, useMultiplier } from '../../src/ops/gemm.ts';
import { compileKernel, localMultiplier, plainMultiplier } from '../../src/ops/multiplier.ts';
import { evaluateGraph } from '../../src/ops/reference.ts';
import { startThreads, withThreads } from '../../src/runtime/threads.ts';
import { scattered } from '../support/numbers.ts';

const crews = [startThreads(2), startThreads(3)];
afterAll(() => {
  useMultiplier(undefined);
  return Promise.all(crews.map((crew) => crew.close()));
});

const matrix = (rows: number, columns: number, seed: number): Matrix => ({
  data: scattered(rows * columns, seed),
  offset: 0,
  rowStride: columns,
  columnStride: 1,
});

// Rows, columns and terms: less than a tile, ends of tiles, more than a block of each.
const sizes = [
  [1, 1, 1],
  [3, 5, 2],
  [4, 4, 256],
  [129, 7, 257],
  [5, 1030, 9],
  [130, 515, 300],
  [128, 512, 256],
] as const;

describe('products of matrices', () => {
  it('has a kernel with vectors and one with threads on this machine', () => {
    expect(compileKernel(false)).toBeDefined();
    expect(compileKernel(true)).toBeDefined();
    expect(crews.map(({ count }) => count)).toEqual([2, 3]);
  });

  it.each(sizes)('have the same bits in JavaScript, in WebAssembly and over threads: %i × %i, %i terms', (m, n, k) => {
    const [a, b] = [matrix(m, k, 1), matrix(k, n, 2)];
    const multipliers = [plainMultiplier(), localMultiplier(), ...crews];
    const [plain, ...others] = multipliers.map((by) => {
      const c = matrix(m, n, 3);
      useMultiplier(by);
      gemm(m, n, k, a, b, c);
      return c.data;
    });
    for (const one of others) expect(one).toEqual(plain);
    let sum = matrix(m, n, 3).data[m * n - 1] ?? 0;
    for (let i = 0; i < k; i++) sum += (a.data[(m - 1) * k + i] ?? 0) * (b.data[i * n + n - 1] ?? 0);
    expect(plain?.at(-1)).toBeCloseTo(sum, 10);
  });

  it('serve a whole network', async () => {
    const text =
      'model M {\n  input x: f32[1, 3, 9, 9]\n  conv(8, 3x3)  relu  conv_transpose(4, 2x2, stride=2)  global_avgpool  flatten  linear(5)  output y\n}\n';
    const { graph } = await compile({ name: 'm.res', text }, { level: 0 });
    if (!graph) throw new Error('no graph');
    const x: HostTensor = { elem: 'f32', dims: [1, 3, 9, 9], data: scattered(243, 4) };
    const constant = (value: Value): HostTensor => ({
      elem: 'f32',
      dims: value.type.dims.map((d) => d.constant ?? 0),
      data: scattered(
        value.type.dims.reduce((count, d) => count * (d.constant ?? 0), 1),
        value.type.dims.length,
      ),
    });
    const [alone, ...together] = [undefined, ...crews].map((by) => {
      useMultiplier(by);
      return evaluateGraph(graph, new Map([['x', x]]), constant).get('y');
    });
    for (const one of together) expect(one).toEqual(alone);
  });

  it('are given back, also where runs overlap', async () => {
    let inner: unknown;
    await withThreads(async () => {
      const outer = multiplierInUse();
      await withThreads(async () => {
        inner = multiplierInUse();
      });
      expect(inner).not.toBe(outer);
      expect(multiplierInUse()).toBeUndefined();
    });
    expect(multiplierInUse()).toBeUndefined();
  });
});
