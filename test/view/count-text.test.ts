import { describe, expect, test } from 'vitest';
import { Dim } from '../../src/ir/dim.ts';
import { atSizes, evaluate } from '../../src/ir/evaluate.ts';
import { bytesText, countParts, countText } from '../../src/view/count-text.ts';
import { dim } from '../codegen/models.ts';

const [n, h, w, t] = ['N', 'H', 'W', 'T'].map(dim) as [Dim, Dim, Dim, Dim];
const half = (d: Dim): Dim => d.plus(1).floordiv(2);

describe('counts as people read them', () => {
  test.each([
    [n.times(1814073344), '1.814 G × N'],
    [n.times(h).times(24), '24 × N·H'],
    [Dim.of(999), '999'],
    [Dim.of(999960), '1.000 M'],
    [Dim.of(41_089_000), '41.09 M'],
    [Dim.of(0), '0'],
    [n, 'N'],
    [n.times(4).plus(2), '4 × N + 2'],
    [n.times(t).times(t).times(18432).plus(n.times(t).times(108965376)), '18.43 k × N·T² + 109.0 M × N·T'],
    [n.times(half(h)), 'N·⌊(H+1)/2⌋'],
    [n.times(h.floordiv(2)).times(w.floordiv(3)).times(5), '5 × N·⌊H/2⌋·⌊W/3⌋'],
    // A promise makes a floor a quotient.
    [n.times(Dim.symbol('H', 16).times(8)).times(6), '3 × N·H'],
    [Dim.min(h, w), 'min(H, W)'],
    [n.times(-3).plus(1000), '-3 × N + 1.000 k'],
    [undefined, 'more than 2^53'],
  ])('%s', (count, text) => {
    expect(countText(count)).toBe(text);
  });

  test('long sums of floors become what matters of them, marked', () => {
    const level = (d: Dim, k: number): Dim => d.plus(2 ** k - 1).floordiv(2 ** k);
    let sum = Dim.zero;
    for (let k = 1; k <= 6; k++)
      sum = sum.plus(
        n
          .times(level(h, k))
          .times(level(w, k))
          .times(1000 * 2 ** k),
      );
    const text = countText(sum);
    expect(text).toBe('≈ 984.4 × N·H·W + 5.016 k × N·H + 5.016 k × N·W');
    expect(text.length).toBeLessThan(80);
    expect(sum.toString().length).toBeGreaterThan(250);
    // In truth, at a size: within a percent.
    const sizes = { N: 1, H: 1024, W: 1024 };
    const near = countParts(sum).terms.reduce((total, { coefficient, per }) => {
      const factor = per.split('·').reduce((product, name) => product * (sizes[name as keyof typeof sizes] ?? 1), 1);
      return total + coefficient * factor;
    }, 0);
    expect(Math.abs(near / evaluate(sum, sizes) - 1)).toBeLessThan(0.01);
  });

  test('a product of many sums has bounded work', () => {
    let product = Dim.one;
    for (let i = 0; i < 30; i++) product = product.times(dim(`S${i}`).plus(1).floordiv(2));
    expect(countText(product).length).toBeLessThan(400);
  });

  test('bytes', () => {
    expect(countText(n.times(9_633_792), { amount: bytesText })).toBe('9.6 MB × N');
    expect(countText(n, { amount: bytesText })).toBe('1 B × N');
    expect(bytesText(102_121_904)).toBe('102.1 MB');
  });
});

describe('numbers in the place of symbols', () => {
  const cost = n.times(half(h)).times(3).plus(7);
  test('evaluate gives the number, or says what is missing', () => {
    expect(evaluate(cost, { N: 2, H: 9 })).toBe(37);
    expect(evaluate(cost, { N: 2, H: 9, W: 5 })).toBe(37);
    expect(evaluate(Dim.of(5), {})).toBe(5);
    for (const sizes of [{ N: 2 }, { N: 0, H: 2 }, { N: 1.5, H: 2 }, { N: Number.NaN, H: 1 }, { N: -1, H: 1 }])
      expect(() => evaluate(cost, sizes)).toThrow(
        expect.objectContaining({ diagnostics: [expect.objectContaining({ code: 'RES0841' })] }),
      );
    expect(() => evaluate(Dim.symbol('H', 16), { H: 30 })).toThrow(/RES0841|sizes/);
    expect(evaluate(Dim.symbol('H', 16), { H: 32 })).toBe(2);
    expect(() => evaluate(n.times(2 ** 40), { N: 2 ** 40 })).toThrow();
  });
  test('those without a size stay', () => {
    expect(atSizes(cost, { N: 2 })).toBe(half(h).times(6).plus(7));
    expect(atSizes(cost, { N: 2, H: 9 })).toBe(Dim.of(37));
    const promised = Dim.symbol('H', 16).times(n);
    expect(atSizes(promised, { N: 3 })).toBe(Dim.symbol('H', 16).times(3));
    expect(atSizes(promised, { H: 32 })).toBe(n.times(2));
    expect(atSizes(Dim.max(h, w), { W: 5 })).toBe(Dim.max(h, Dim.of(5)));
    expect(atSizes(n.times(2 ** 40), { N: 2 ** 40 })).toBeUndefined();
  });
});
