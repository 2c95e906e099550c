import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { HostTensor } from '../../../src/ir/types.ts';
import { given } from '../../../src/ops/attrs.ts';
import {
  avgpool,
  avgpoolLayer,
  globalAvgpool,
  globalAvgpoolLayer,
  globalMaxpool,
  globalMaxpoolLayer,
  maxpool,
  maxpoolLayer,
} from '../../../src/ops/pool.ts';
import { at, built, difference, evaluated, failure, host, indices, inferred, lowered, numbers, sampler } from './tools.ts';

/** torch's pooling_output_shape, literally. */
function torchCount(size: number, kernel: number, pad: number, stride: number, dilation: number, ceil: boolean): number {
  let out = Math.floor((size + 2 * pad - dilation * (kernel - 1) - 1 + (ceil ? stride - 1 : 0)) / stride) + 1;
  if (ceil && (out - 1) * stride >= size + pad) out--;
  return out;
}

/** torch's avg_pool1d over one plane, literally: the divisor counts padding, but nothing behind it. */
function torchAverage(
  x: readonly number[],
  kernel: number,
  pad: number,
  stride: number,
  ceil: boolean,
  include: boolean,
): number[] {
  return Array.from({ length: torchCount(x.length, kernel, pad, stride, 1, ceil) }, (_, i) => {
    const from = i * stride - pad;
    const to = Math.min(from + kernel, x.length + pad);
    const [first, last] = [Math.max(from, 0), Math.min(to, x.length)];
    let sum = 0;
    for (let j = first; j < last; j++) sum += x[j] ?? 0;
    return sum / (include ? to - from : last - first);
  });
}

/** Every tap of every window, by its definition. */
function plainPool(
  x: HostTensor,
  dims: readonly number[],
  attrs: Record<string, readonly number[]>,
  reduce: (seen: number[], taps: number) => number,
) {
  const { kernel = [], stride = [], pads = [], dilation = kernel.map(() => 1) } = attrs;
  const values: number[] = [];
  for (const [n = 0, c = 0, ...p] of indices(dims)) {
    const seen: number[] = [];
    for (const t of indices(kernel)) {
      const place = p.map((i, a) => i * (stride[a] ?? 1) + (t[a] ?? 0) * (dilation[a] ?? 1) - (pads[a] ?? 0));
      const value = at(x, [n, c, ...place]);
      if (value !== undefined) seen.push(value);
    }
    values.push(
      reduce(
        seen,
        kernel.reduce((a, b) => a * b, 1),
      ),
    );
  }
  return numbers(dims, values);
}

const window = fc
  .record({
    size: fc.integer({ min: 1, max: 14 }),
    kernel: fc.integer({ min: 1, max: 4 }),
    stride: fc.integer({ min: 1, max: 5 }),
    dilation: fc.integer({ min: 1, max: 3 }),
    pad: fc.integer({ min: 0, max: 2 }),
  })
  // PyTorch's own limit on padding.
  .filter(({ kernel, pad }) => pad <= kernel / 2);

describe('ceil=true is the rule of PyTorch', () => {
  test('for the number of windows, of known and of symbolic grids', () => {
    fc.assert(
      fc.property(window, ({ size, kernel, stride, dilation, pad }) => {
        fc.pre(size + 2 * pad >= dilation * (kernel - 1) + 1);
        const count = torchCount(size, kernel, pad, stride, dilation, true);
        const args = { kernel, stride, pad, dilation, ceil: true };
        expect(`${built(maxpoolLayer, [`f32[N, 2, ${size}]`], args).y.type.dims}`).toBe(`N,2,${count}`);
        const symbolic = given(built(maxpoolLayer, ['f32[N, 2, L]'], args).y.type.dims, 2);
        expect(symbolic.evaluate(new Map([['L', size]]))).toBe(count);
      }),
      { numRuns: 400 },
    );
  });

  test('for the values of averages, of known and of symbolic grids', () => {
    fc.assert(
      fc.property(window, fc.boolean(), fc.boolean(), fc.boolean(), ({ size, kernel, stride, pad }, ceil, include, symbolic) => {
        fc.pre(size + 2 * pad >= kernel);
        const x = sampler(size).tensor([1, 1, size]);
        const args = { kernel, stride, pad, ceil, count_include_pad: include };
        const graph = built(avgpoolLayer, [symbolic ? 'f32[1, 1, L]' : `f32[1, 1, ${size}]`], args);
        const plain = torchAverage([...x.data], kernel, pad, stride, ceil, include);
        expect(difference(graph.run([x]), numbers([1, 1, plain.length], plain))).toBeLessThan(1e-14);
      }),
      { numRuns: 400 },
    );
  });
});

describe('evaluation is the definition', () => {
  test('maxpool', () => {
    for (let seed = 0; seed < 60; seed++) {
      const { operands, attrs } = maxpool.sample(sampler(seed));
      const y = evaluated(maxpool, operands, attrs);
      const plain = plainPool(given(operands, 0), y.dims, attrs as never, (seen) => Math.max(...seen));
      expect([...y.data]).toEqual([...plain.data]);
    }
  });

  test('avgpool', () => {
    for (let seed = 0; seed < 60; seed++) {
      const { operands, attrs } = avgpool.sample(sampler(seed));
      const y = evaluated(avgpool, operands, attrs);
      const mean = (seen: number[], taps: number) =>
        seen.reduce((a, b) => a + b, 0) / (attrs.count_include_pad ? taps : seen.length);
      expect(difference(y, plainPool(given(operands, 0), y.dims, attrs as never, mean))).toBeLessThan(1e-14);
    }
  });

  test('padding is no maximum, also of integers', () => {
    const negative = host([1, 1, 3], (i) => -5 - i);
    expect([...evaluated(maxpool, [negative], { kernel: [2], pads: [1, 1] }).data]).toEqual([-5, -5, -6, -7]);
    const bytes = { ...negative, elem: 'i8' as const };
    expect([...evaluated(maxpool, [bytes], { kernel: [2], pads: [1, 0] }).data]).toEqual([-5, -5, -6]);
  });

  test('over the whole grid', () => {
    const x = host([1, 2, 2, 2], (i) => i - 6);
    expect(evaluated(globalAvgpool, [x])).toMatchObject({ dims: [1, 2, 1, 1], data: Float64Array.of(-4.5, -0.5) });
    expect(evaluated(globalMaxpool, [x])).toMatchObject({ dims: [1, 2, 1, 1], data: Float64Array.of(-3, 1) });
  });
});

describe('constraints', () => {
  const uses: Record<string, readonly [string, Record<string, readonly number[]>]> = {
    c1: ['f32[N, 3]', { kernel: [] }],
    c2: ['i64[N, 3, 8]', { kernel: [2] }],
    c3: ['f32[N, 3, 8]', { kernel: [2], pads: [2, 0] }],
    c4: ['f32[N, 3, 4]', { kernel: [7] }],
  };
  for (const [label, [x, attrs]] of Object.entries(uses)) {
    test(`maxpool_${label}`, () => expect(failure(() => inferred(maxpool, [x], attrs)).label).toBe(label));
    test(`avgpool_${label}`, () => expect(failure(() => inferred(avgpool, [x], attrs)).label).toBe(label));
  }
  for (const op of [globalAvgpool, globalMaxpool]) {
    test(`${op.name}_c1`, () => expect(failure(() => inferred(op, ['f32[N, 3]'])).label).toBe('c1'));
    test(`${op.name}_c2`, () => expect(failure(() => inferred(op, ['u8[N, 3, 8]'])).label).toBe('c2'));
  }
});

describe('layers', () => {
  test('pools step by their kernel', () => {
    expect(`${built(maxpoolLayer, ['f32[N, 3, 9, 9]'], { kernel: '2x3' }).y.type.dims}`).toBe('N,3,4,3');
    expect(`${built(avgpoolLayer, ['f32[N, 3, H, W]'], { kernel: 2 }).y.type.dims}`).toBe('N,3,floordiv(H, 2),floordiv(W, 2)');
    expect(`${built(maxpoolLayer, ['f32[N, 64, 112, 112]'], { kernel: '3x3', stride: 2, pad: 1 }).y.type.dims}`).toBe(
      'N,64,56,56',
    );
  });

  test('ceil adds nothing where the windows come out even', () => {
    const { nodes } = built(maxpoolLayer, ['f32[N, 3, 8, 7]'], { kernel: 2, ceil: true });
    expect(given(nodes, 0).attrs.pads).toEqual([0, 0, 0, 1]);
  });

  test('an average that counts padding has it made real only where ceil goes beyond it', () => {
    const names = (size: number) =>
      built(avgpoolLayer, [`f32[N, 3, ${size}]`], { kernel: 3, stride: 2, pad: 1, ceil: true }).nodes.map((node) => node.op.name);
    expect(names(7)).toEqual(['avgpool']);
    expect(names(8)).toEqual(['pad', 'avgpool']);
  });

  test('global pools keep axes of size 1', () => {
    for (const layer of [globalAvgpoolLayer, globalMaxpoolLayer]) {
      expect(`${built(layer, ['f32[N, C, H, W]']).y.type.dims}`).toBe('N,C,1,1');
    }
  });

  test('an input without a grid', () => {
    expect(failure(() => built(maxpoolLayer, ['f32[N, 3]'], { kernel: 2 })).label).toBe('l1');
  });
});

test('lowering: explicit pads, and a Pad with the least value where a dilated window allows more of it than its kernel', () => {
  expect(lowered(avgpool, ['f32[N, 3, 8]'], { kernel: [3], stride: [2], pads: [1, 0], count_include_pad: true })).toEqual([
    'AveragePool(x0){kernel_shape=[3] strides=[2] pads=[1,0] count_include_pad=1}',
  ]);
  expect(lowered(maxpool, ['f32[N, 3, 8]'], { kernel: [2], dilation: [3], pads: [1, 3] })).toEqual([
    'Pad(x0 [0,0,1,0,0,3] -Infinity)',
    'MaxPool(v1){kernel_shape=[2] strides=[1] pads=[0,0] dilations=[3]}',
  ]);
  expect(lowered(globalMaxpool, ['f32[N, 3, H]'])).toEqual(['GlobalMaxPool(x0)']);
});
