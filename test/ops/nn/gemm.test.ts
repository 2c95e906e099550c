import fc from 'fast-check';
import { expect, test } from 'vitest';
import { gemm, type Matrix } from '../../../src/ops/gemm.ts';

const size = fc.oneof(fc.integer({ min: 0, max: 9 }), fc.constantFrom(63, 64, 65, 70));
const terms = fc.oneof(fc.integer({ min: 0, max: 9 }), fc.constantFrom(255, 256, 257, 300));
const columns = fc.oneof(fc.integer({ min: 0, max: 9 }), fc.constantFrom(511, 512, 513, 518));

/** Small whole numbers, whose sums are exact in any order. */
function filled(length: number, seed: number): Float64Array {
  return Float64Array.from({ length }, (_, i) => ((i * 7 + seed * 13) % 11) - 5);
}

function matrix(rows: number, width: number, transposed: boolean, offset: number, seed: number): Matrix {
  const data = filled(offset + rows * width, seed);
  return transposed ? { data, offset, rowStride: 1, columnStride: rows } : { data, offset, rowStride: width, columnStride: 1 };
}

const element = (m: Matrix, i: number, j: number): number =>
  m.data[m.offset + i * m.rowStride + j * m.columnStride] ?? Number.NaN;

test('gemm adds the product to what is there, for every remainder of its blocks and any strides', () => {
  fc.assert(
    fc.property(size, columns, terms, fc.boolean(), fc.boolean(), fc.boolean(), fc.nat(3), (m, n, k, ta, tb, tc, offset) => {
      const a = matrix(m, k, ta, offset, 1);
      const b = matrix(k, n, tb, offset, 2);
      const c = matrix(m, n, tc, offset, 3);
      const before = { ...c, data: c.data.slice() };
      gemm(m, n, k, a, b, c);
      for (let i = 0; i < m; i++) {
        for (let j = 0; j < n; j++) {
          let sum = element(before, i, j);
          for (let l = 0; l < k; l++) sum += element(a, i, l) * element(b, l, j);
          if (element(c, i, j) !== sum) throw new Error(`c[${i}, ${j}] is ${element(c, i, j)}, not ${sum}`);
        }
      }
      expect([...c.data.subarray(0, offset)]).toEqual([...before.data.subarray(0, offset)]);
    }),
    { numRuns: 60 },
  );
});
