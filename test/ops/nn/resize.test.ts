import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Dim } from '../../../src/ir/dim.ts';
import { given } from '../../../src/ops/attrs.ts';
import { pixelShuffle, pixelShuffleLayer, pixelUnshuffleLayer, resize } from '../../../src/ops/resize.ts';
import { resizeLayer } from '../../../src/ops/resize-layer.ts';
import { at, built, difference, evaluated, failure, host, indices, inferred, lowered, numbers, sampler } from './tools.ts';

const line = (...values: number[]) => numbers([1, 1, values.length], values);
const half = Math.fround(0.5);

describe('evaluation', () => {
  test('nearest repeats, and picks the first of every block', () => {
    expect([...evaluated(resize, [line(1, 2)], { scales: [2] }).data]).toEqual([1, 1, 2, 2]);
    expect([...evaluated(resize, [line(1, 2, 3, 4, 5, 6)], { sizes: [3] }).data]).toEqual([1, 3, 5]);
    // x·6/4 = 0, 1.5, 3, 4.5
    expect([...evaluated(resize, [line(0, 1, 2, 3, 4, 5)], { sizes: [4] }).data]).toEqual([0, 1, 3, 4]);
    // ⌊x / 1.5⌋, as PyTorch has it when the scale is given
    expect([...evaluated(resize, [line(0, 1, 2)], { scales: [1.5] }).data]).toEqual([0, 0, 1, 2]);
  });

  test('linear, by outlines and by corners', () => {
    expect([...evaluated(resize, [line(1, 2)], { scales: [2], mode: 'linear' }).data]).toEqual([1, 1.25, 1.75, 2]);
    const corners = evaluated(resize, [line(1, 2)], { sizes: [4], mode: 'linear', align_corners: true });
    expect(difference(corners, line(1, 4 / 3, 5 / 3, 2))).toBeLessThan(1e-15);
    expect([...evaluated(resize, [line(1, 2, 3, 4)], { scales: [half], mode: 'linear' }).data]).toEqual([1.5, 3.5]);
    expect([...evaluated(resize, [line(1, 2, 3)], { sizes: [1], mode: 'linear', align_corners: true }).data]).toEqual([1]);
  });

  test('bilinear is its definition on two axes', () => {
    const length = fc.integer({ min: 1, max: 6 });
    fc.assert(
      fc.property(length, length, length, length, fc.boolean(), (h, w, p, q, corners) => {
        const x = sampler(h * 7 + w).tensor([1, 2, h, w]);
        const place = (i: number, from: number, to: number) => {
          const exact = corners ? (to === 1 ? 0 : (i * (from - 1)) / (to - 1)) : ((i + 0.5) * from) / to - 0.5;
          return Math.min(from - 1, Math.max(0, exact));
        };
        const values = [...indices([1, 2, p, q])].map(([n = 0, c = 0, i = 0, j = 0]) => {
          const [r, s] = [place(i, h, p), place(j, w, q)];
          let sum = 0;
          for (let a = 0; a < h; a++) {
            for (let b = 0; b < w; b++) {
              sum += Math.max(0, 1 - Math.abs(a - r)) * Math.max(0, 1 - Math.abs(b - s)) * (at(x, [n, c, a, b]) ?? 0);
            }
          }
          return sum;
        });
        const y = evaluated(resize, [x], { sizes: [p, q].map((d) => Dim.of(d)), mode: 'linear', align_corners: corners });
        expect(difference(y, numbers([1, 2, p, q], values))).toBeLessThan(1e-13);
      }),
    );
  });

  test("cubic gives the numbers of ONNX's own test resize_upsample_scales_cubic", () => {
    const y = evaluated(resize, [host([1, 1, 4, 4], (i) => i + 1)], { scales: [2, 2], mode: 'cubic' });
    const first = [0.47265625, 0.76953125, 1.24609375, 1.875, 2.28125, 2.91015625, 3.38671875, 3.68359375];
    expect([...y.data.subarray(0, 8)]).toEqual(first);
  });

  test('to its own size nothing changes, in any mode', () => {
    const x = sampler(1).tensor([2, 3, 4, 5]);
    for (const mode of ['nearest', 'linear', 'cubic'])
      expect([...evaluated(resize, [x], { sizes: [4, 5], mode }).data]).toEqual([...x.data]);
  });
});

describe('shapes and constraints', () => {
  test('sizes and scales of a symbolic grid', () => {
    expect(inferred(resize, ['f32[N, 3, H, W]'], { scales: [2, 1.5] })).toBe('f32[N, 3, 2*H, W + floordiv(W, 2)]');
    expect(inferred(resize, ['f32[N, 3, H, W]'], { sizes: [Dim.symbol('P'), Dim.of(7)] })).toBe('f32[N, 3, P, 7]');
  });

  test('a scale gives ⌊size · scale⌋', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 64 }),
        fc.constantFrom(1, 2, 4, 8, 16),
        (size, n, d) => {
          const scale = n / d;
          const count = Math.floor(size * scale);
          if (count === 0) {
            expect(failure(() => inferred(resize, [`f32[N, 1, ${size}]`], { scales: [scale] })).label).toBe('c5');
            return;
          }
          expect(inferred(resize, [`f32[N, 1, ${size}]`], { scales: [scale] })).toBe(`f32[N, 1, ${count}]`);
          const symbolic = built(resizeLayer, ['f32[N, 1, L]'], { scale });
          expect(given(symbolic.y.type.dims, 2).evaluate(new Map([['L', size]]))).toBe(count);
        },
      ),
    );
  });

  const uses: Record<string, readonly [string, Record<string, string | boolean | readonly number[]>]> = {
    c1: ['f32[N, 3, L]', { scales: [2], mode: 'cubic' }],
    c2: ['u8[N, 3, L]', { scales: [2] }],
    c3: ['f32[N, 3, L]', {}],
    c4: ['f32[N, 3, L]', { scales: [0.7] }],
    c5: ['f32[N, 3, L]', { sizes: [0] }],
    c6: ['f32[N, 3, L]', { sizes: [4], align_corners: true }],
  };
  for (const [label, [x, attrs]] of Object.entries(uses)) {
    test(`resize_${label}`, () => expect(failure(() => inferred(resize, [x], attrs)).label).toBe(label));
  }
  test('resize_c6: corners and scales', () => {
    const attrs = { scales: [2], mode: 'linear', align_corners: true };
    expect(failure(() => inferred(resize, ['f32[N, 3, L]'], attrs)).label).toBe('c6');
  });
});

describe('the layer resize', () => {
  test('by scale, to a size, like another tensor', () => {
    const text = (types: readonly string[], args: Parameters<typeof built>[2]) =>
      `${built(resizeLayer, types, args).y.type.dims}`;
    expect(text(['f32[N, 3, 4, 6]'], { scale: 2 })).toBe('N,3,8,12');
    expect(text(['f32[N, 3, 4, 6]'], { to: '9x7', mode: 'linear' })).toBe('N,3,9,7');
    expect(text(['f32[N, 3, 4, 6]', 'f32[M, 5, H, W]'], { like: (x) => given(x, 1) })).toBe('N,3,H,W');
    // With aligned corners the scale says no more than the size.
    const { nodes } = built(resizeLayer, ['f32[N, 3, H]'], { scale: 2, mode: 'linear', align_corners: true });
    expect(`${given(nodes, 0).attrs.sizes} ${given(nodes, 0).attrs.scales}`).toBe('2*H ');
  });

  test('wants one way to say the size, for as many axes as there are', () => {
    expect(failure(() => built(resizeLayer, ['f32[N, 3, L]'])).label).toBe('l2');
    expect(failure(() => built(resizeLayer, ['f32[N, 3, L]'], { scale: 2, to: 5 })).label).toBe('l2');
    expect(failure(() => built(resizeLayer, ['f32[N, 3, L]'], { scale: 0.3, mode: 'linear', align_corners: true })).label).toBe(
      'l3',
    );
    expect(failure(() => built(resizeLayer, ['f32[N, 3, H, W]'], { scale: [1, 2, 3] })).label).toBe('l4');
    expect(failure(() => built(resizeLayer, ['f32[N, 3, H, W]', 'f32[N, 3, L]'], { like: (x) => given(x, 1) })).label).toBe('l5');
  });
});

describe('lowering', () => {
  test('scales are constants; sizes are computed where they are symbolic', () => {
    expect(lowered(resize, ['f32[N, 3, H, W]'], { scales: [2, 2] })).toEqual([
      'Resize(x0 - const[4]){mode=nearest coordinate_transformation_mode=asymmetric nearest_mode=floor}',
    ]);
    const sizes = [Dim.symbol('P'), Dim.of(7)];
    expect(lowered(resize, ['f32[N, 3, H, W]'], { sizes, mode: 'linear' })).toEqual([
      'Resize(x0 - - dims[N,3,P,7]){mode=linear coordinate_transformation_mode=half_pixel}',
    ]);
  });

  test('sizes that are an exact factor are written as one where a size is free, and only there', () => {
    const written = (from: string, sizes: readonly Dim[], align_corners = true) =>
      given(lowered(resize, [`f32[${from}]`], { sizes, mode: 'linear', align_corners }), 0).replace(/\{.*/, '');
    const [n, h, w] = [Dim.symbol('N'), Dim.symbol('H'), Dim.symbol('W')];
    expect(written('N, 3, 4, 6', [Dim.of(8), Dim.of(9)])).toBe('Resize(x0 - const[4])');
    expect(written('1, 3, 4, 6', [Dim.of(8), Dim.of(9)])).toBe('Resize(x0 - - dims[1,3,8,9])');
    expect(written('N, 3, 4, 6', [Dim.of(8), Dim.of(7)])).toBe('Resize(x0 - - dims[N,3,8,7])');
    expect(written('N, 3, 4096, 8192', [Dim.of(1), Dim.of(1)])).toBe('Resize(x0 - - dims[N,3,1,1])');
    expect(written('1, 3, H, W', [h.times(2), w])).toBe('Resize(x0 - const[4])');
    expect(written('1, 3, H, W', [h.times(3), w], false)).toBe('Resize(x0 - const[4])');
    expect(written('1, 3, H, W', [h.floordiv(2), w])).toBe('Resize(x0 - - dims[1,3,floordiv(H, 2),W])');
    expect(written('1, 3, H, N', [h, n.plus(1)])).toBe('Resize(x0 - - dims[1,3,H,N + 1])');
  });

  test('from opset 18 on sizes speak of the grid alone where pictures are free', () => {
    const written = (from: string, opset: number) =>
      lowered(resize, [`f32[${from}]`], { sizes: [Dim.of(7), Dim.of(7)], mode: 'linear' }, opset);
    const attrs = 'mode=linear coordinate_transformation_mode=half_pixel';
    expect(written('N, 3, 4, 6', 17)).toEqual([`Resize(x0 - - dims[N,3,7,7]){${attrs}}`]);
    expect(written('N, 3, 4, 6', 18)).toEqual([`Resize(x0 - - dims[7,7]){${attrs} axes=[2,3]}`]);
    expect(written('1, 3, H, 6', 18)).toEqual([`Resize(x0 - - dims[1,3,7,7]){${attrs}}`]);
  });

  test('nearest of a known grid to no multiple of it is a gather, which cannot round', () => {
    expect(lowered(resize, ['f32[N, 3, 6, 5]'], { sizes: [4, 5] })).toEqual(['Gather(x0 [0,1,3,4]){axis=2}']);
    expect(lowered(resize, ['f32[N, 3, 6, 5]'], { sizes: [12, 5] })[0]).toMatch(/^Resize/);
  });
});

describe('pixel_shuffle', () => {
  test("moves channels as PyTorch's does: y[c, h·r + i, w·r + j] = x[c·r² + i·r + j, h, w]", () => {
    for (let seed = 0; seed < 20; seed++) {
      const { operands, attrs } = pixelShuffle.sample(sampler(seed));
      const x = given(operands, 0);
      const r = Number(attrs.factor);
      const y = evaluated(pixelShuffle, operands, attrs);
      for (const [n = 0, c = 0, p = 0, q = 0] of indices(y.dims)) {
        const channel = c * r * r + (p % r) * r + (q % r);
        expect(at(y, [n, c, p, q])).toBe(at(x, [n, channel, Math.floor(p / r), Math.floor(q / r)]));
      }
    }
  });

  test('pixel_unshuffle undoes it', () => {
    const x = sampler(1).tensor([2, 18, 2, 3]);
    const up = built(pixelShuffleLayer, ['f32[2, 18, 2, 3]'], { factor: 3 }).run([x]);
    const down = built(pixelUnshuffleLayer, ['f32[2, 2, 6, 9]'], { factor: 3 }).run([up]);
    expect(down).toEqual(x);
  });

  test('of a symbolic grid', () => {
    expect(inferred(pixelShuffle, ['f32[N, 12, H, W]'], { factor: 2 })).toBe('f32[N, 3, 2*H, 2*W]');
    expect(failure(() => built(pixelUnshuffleLayer, ['f32[N, 3, H, W]'], { factor: 2 })).text).toContain('assert H % 2 == 0');
    expect(failure(() => built(pixelUnshuffleLayer, ['f32[N, 3, L]'], { factor: 2 })).label).toBe('l1');
  });

  for (const [label, x] of Object.entries({ c1: 'f32[N, 4, H]', c2: 'u8[N, 4, H, W]', c3: 'f32[N, 6, H, W]' })) {
    test(`pixel_shuffle_${label}`, () => expect(failure(() => inferred(pixelShuffle, [x], { factor: 2 })).label).toBe(label));
  }
});
