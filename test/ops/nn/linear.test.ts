import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Dim } from '../../../src/ir/dim.ts';
import type { HostTensor } from '../../../src/ir/types.ts';
import { given } from '../../../src/ops/attrs.ts';
import { embeddingLayer } from '../../../src/ops/embedding.ts';
import { gemm, linear, linearLayer, matmul, matmulLayer } from '../../../src/ops/linear.ts';
import { at, built, difference, evaluated, failure, host, indices, inferred, lowered, numbers, sampler } from './tools.ts';

function plainLinear(x: HostTensor, w: HostTensor, bias: HostTensor | undefined): HostTensor {
  const [out = 0, inner = 0] = w.dims;
  const dims = [...x.dims.slice(0, -1), out];
  const values: number[] = [];
  for (const index of indices(dims)) {
    const o = index[index.length - 1] ?? 0;
    let sum = bias?.data[o] ?? 0;
    for (let i = 0; i < inner; i++) sum += (at(x, [...index.slice(0, -1), i]) ?? 0) * (at(w, [o, i]) ?? 0);
    values.push(sum);
  }
  return numbers(dims, values);
}

/** numpy.matmul for operands of rank 2 and more. */
function plainMatmul(a: HostTensor, b: HostTensor, dims: readonly number[]): HostTensor {
  const own = (t: HostTensor, lead: readonly number[]): readonly number[] =>
    t.dims.slice(0, -2).map((d, i) => (d === 1 ? 0 : (lead[i + lead.length - (t.dims.length - 2)] ?? 0)));
  const values: number[] = [];
  for (const index of indices(dims)) {
    const lead = index.slice(0, -2);
    const [i = 0, j = 0] = index.slice(-2);
    let sum = 0;
    for (let k = 0; k < (a.dims[a.dims.length - 1] ?? 0); k++) {
      sum += (at(a, [...own(a, lead), i, k]) ?? 0) * (at(b, [...own(b, lead), k, j]) ?? 0);
    }
    values.push(sum);
  }
  return numbers(dims, values);
}

describe('linear', () => {
  test('evaluates as its definition, at every rank', () => {
    for (let seed = 0; seed < 40; seed++) {
      const { operands } = linear.sample(sampler(seed));
      const plain = plainLinear(given(operands, 0), given(operands, 1), operands[2]);
      expect(difference(evaluated(linear, operands), plain)).toBeLessThan(1e-13);
    }
  });

  test('replaces the last axis', () => {
    expect(inferred(linear, ['f32[7]', 'f32[5, 7]'])).toBe('f32[5]');
    expect(inferred(linear, ['f32[N, T, 7]', 'f32[5, 7]', 'f32[5]'])).toBe('f32[N, T, 5]');
  });

  const uses: Record<string, readonly string[]> = {
    c1: ['f32[]', 'f32[5, 7]'],
    c2: ['f32[N, 7]', 'f16[5, 7]'],
    c3: ['f32[N, 7]', 'f32[5, 7, 1]'],
    c4: ['f32[N, 512, 7, 7]', 'f32[5, 512]'],
    c5: ['f32[N, 7]', 'f32[5, 7]', 'f32[7]'],
  };
  for (const [label, operands] of Object.entries(uses)) {
    test(`linear_${label}`, () => expect(failure(() => inferred(linear, operands)).label).toBe(label));
  }

  test('rank 2 becomes Gemm, others MatMul and Add', () => {
    expect(lowered(linear, ['f32[N, 7]', 'f32[5, 7]', 'f32[5]'])).toEqual(['Gemm(x0 x1 x2){transB=1}']);
    expect(lowered(linear, ['f32[N, T, 7]', 'f32[5, 7]', 'f32[5]'])).toEqual(['MatMul(x0 x1^[1,0])', 'Add(v1 x2)']);
    expect(lowered(linear, ['f32[7]', 'f32[5, 7]'])).toEqual(['MatMul(x0 x1^[1,0])']);
  });

  test('multiply-adds', () => {
    const { nodes } = built(linearLayer, ['f32[N, T, 8]'], { out: 16 });
    const cost = Dim.symbol('N').times(Dim.symbol('T')).times(128);
    expect(linear.cost?.(given(nodes, 0))).toBe(cost);
  });
});

describe('the layer linear', () => {
  test("has a bias and begins as PyTorch's", () => {
    const { weights } = built(linearLayer, ['f16[N, 8]'], { out: 3 });
    expect(weights).toEqual(['weight f16[3, 8] torch_linear_weight parameter', 'bias f16[3] torch_linear_bias 8 parameter']);
    expect(built(linearLayer, ['f32[N, 8]'], { out: 3, bias: false }).weights).toHaveLength(1);
  });

  test('ties a weight that has the right shape', () => {
    const second = (x: readonly unknown[]) => x[1] as never;
    const { nodes, inputs, weights } = built(linearLayer, ['f32[N, 8]', 'f32[3, 8]'], { out: 3, weight: second, bias: false });
    expect(weights).toEqual([]);
    expect(given(nodes, 0).operand(1)).toBe(inputs[1]);
    const wrong = failure(() => built(linearLayer, ['f32[N, 8]', 'f32[8, 3]'], { out: 3, weight: second }));
    expect(wrong).toEqual({ label: 'l2', text: 'weight= of type f32[8, 3] | f32[3, 8]' });
  });

  test('of a scalar there are no features', () => {
    expect(failure(() => built(linearLayer, ['f32[]'], { out: 3 })).label).toBe('l1');
  });
});

describe('matmul', () => {
  const lead = fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 3 });

  test('broadcasts what stands before the last two axes', () => {
    fc.assert(
      fc.property(
        lead,
        fc.nat(7),
        fc.nat(7),
        fc.nat(3),
        fc.nat(3),
        fc.integer({ min: 1, max: 4 }),
        (axes, p, q, cutA, cutB, k) => {
          const some = (mask: number, cut: number): readonly number[] => axes.map((d, i) => ((mask >> i) & 1 ? 1 : d)).slice(cut);
          const left = some(p, cutA);
          const right = some(q, cutB);
          const a = sampler(1).tensor([...left, 2, k]);
          const b = sampler(2).tensor([...right, k, 3]);
          const rank = Math.max(left.length, right.length);
          const dims = Array.from({ length: rank }, (_, i) =>
            Math.max(left[i - rank + left.length] ?? 1, right[i - rank + right.length] ?? 1),
          );
          const y = evaluated(matmul, [a, b]);
          expect(y.dims).toEqual([...dims, 2, 3]);
          const types = [a, b].map((t) => `f32[${t.dims.join(', ')}]`);
          expect(inferred(matmul, types)).toBe(`f32[${y.dims.join(', ')}]`);
          expect(difference(y, plainMatmul(a, b, y.dims))).toBeLessThan(1e-13);
        },
      ),
    );
  });

  test('vectors are rows on the left and columns on the right', () => {
    const v = numbers([3], [1, 2, 3]);
    const m = numbers([3, 2], [1, 0, 0, 1, 1, 1]);
    expect(evaluated(matmul, [v, v])).toMatchObject({ dims: [], data: Float64Array.of(14) });
    expect(evaluated(matmul, [v, m])).toMatchObject({ dims: [2], data: Float64Array.of(4, 5) });
    expect(evaluated(matmul, [numbers([2, 3], [1, 0, 0, 0, 0, 1]), v])).toMatchObject({ dims: [2], data: Float64Array.of(1, 3) });
    expect(inferred(matmul, ['f32[N, 2, 3]', 'f32[3]'])).toBe('f32[N, 2]');
  });

  test('attention of symbolic length', () => {
    expect(inferred(matmul, ['f32[N, 12, T, 64]', 'f32[N, 12, 64, T]'])).toBe('f32[N, 12, T, T]');
    const { y } = built(matmulLayer, ['f32[N, T, 4]', 'f32[4, 5]']);
    expect(`${y.type.dims}`).toBe('N,T,5');
  });

  const uses: Record<string, readonly string[]> = {
    c1: ['f32[]', 'f32[3]'],
    c2: ['i64[2, 3]', 'i64[3, 2]'],
    c3: ['f32[2, 3]', 'f32[4, 2]'],
    c4: ['f32[N, 2, 3]', 'f32[M, 3, 2]'],
  };
  for (const [label, operands] of Object.entries(uses)) {
    test(`matmul_${label}`, () => expect(failure(() => inferred(matmul, operands)).label).toBe(label));
  }
});

describe('gemm', () => {
  test('is alpha · A · B + beta · C with operands read transposed', () => {
    const a = numbers([2, 3], [1, 2, 3, 4, 5, 6]);
    const b = numbers([3, 2], [1, 0, 0, 1, 1, 1]);
    const at3 = numbers([3, 2], [1, 4, 2, 5, 3, 6]);
    const bt = numbers([2, 3], [1, 0, 1, 0, 1, 1]);
    const plain = [4, 5, 10, 11];
    expect([...evaluated(gemm, [a, b]).data]).toEqual(plain);
    expect([...evaluated(gemm, [at3, b], { trans_a: true }).data]).toEqual(plain);
    expect([...evaluated(gemm, [a, bt], { trans_b: true }).data]).toEqual(plain);
    expect([...evaluated(gemm, [at3, bt], { trans_a: true, trans_b: true, alpha: 2 }).data]).toEqual([8, 10, 20, 22]);
    const shifted = (c: HostTensor): readonly number[] => [...evaluated(gemm, [a, b, c], { beta: 10 }).data];
    expect(shifted(numbers([], [1]))).toEqual([14, 15, 20, 21]);
    expect(shifted(numbers([2], [1, 2]))).toEqual([14, 25, 20, 31]);
    expect(shifted(numbers([2, 1], [1, 2]))).toEqual([14, 15, 30, 31]);
    expect(shifted(numbers([2, 2], [1, 2, 3, 4]))).toEqual([14, 25, 40, 51]);
  });

  test('symbolic sizes', () => {
    expect(inferred(gemm, ['f32[K, M]', 'f32[N, K]', 'f32[M, 1]'], { trans_a: true, trans_b: true })).toBe('f32[M, N]');
  });

  const uses: Record<string, readonly string[]> = {
    c1: ['f32[2, 3, 4]', 'f32[4, 2]'],
    c2: ['f32[2, 3]', 'f16[3, 2]'],
    c3: ['f32[2, 3]', 'f32[2, 3]'],
    c4: ['f32[2, 3]', 'f32[3, 4]', 'f32[2]'],
  };
  for (const [label, operands] of Object.entries(uses)) {
    test(`gemm_${label}`, () => expect(failure(() => inferred(gemm, operands)).label).toBe(label));
  }
  test('gemm_c4 of a C of a higher rank', () => {
    expect(failure(() => inferred(gemm, ['f32[1, 3]', 'f32[3, 4]', 'f32[1, 1, 4]'])).label).toBe('c4');
  });
});

describe('embedding', () => {
  test('is a gather from a table of floats', () => {
    const { y, weights, run } = built(embeddingLayer, ['i64[N, T]'], { num: 5, dim: 2 });
    expect(`${y.type.elem} ${y.type.dims}`).toBe('f32 N,T,2');
    expect(weights).toEqual(['weight f32[5, 2] normal 1 parameter']);
    const table = host([5, 2], (i) => i);
    expect([...run([host([1, 2], (i) => 3 - i, 'i64')], { weight: table }).data]).toEqual([6, 7, 4, 5]);
  });

  test('takes integers, and a table of the size said', () => {
    expect(failure(() => built(embeddingLayer, ['f32[N]'], { num: 5, dim: 2 }))).toEqual({
      label: 'l1',
      text: 'f32[N] | a tensor of i64 or i32; cast(i64)',
    });
    const args = { num: 5, dim: 2, weight: (x: readonly unknown[]) => x[1] as never };
    expect(failure(() => built(embeddingLayer, ['i64[N]', 'f32[5, 3]'], args)).label).toBe('l2');
    expect(built(embeddingLayer, ['i64[N]', 'f32[5, 2]'], args).weights).toEqual([]);
  });
});
