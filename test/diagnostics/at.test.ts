/** An index out of range throws; zeros, empty strings and `false` are elements like any other. */
import { describe, expect, test } from 'vitest';
import { at, outside } from '../../src/diagnostics/at.ts';

describe('at', () => {
  test('gives the element that is there', () => {
    expect(at([0, 1], 0)).toBe(0);
    expect(at([''], 0)).toBe('');
    expect(at([false], 0)).toBe(false);
    expect(at(Float64Array.of(1.5, Number.NaN), 1)).toBeNaN();
    expect(at(BigInt64Array.of(0n), 0)).toBe(0n);
  });

  test.each([-1, 2, 0.5, Number.NaN])('throws at index %d of 2', (index) => {
    expect(() => at([1, 2], index)).toThrow(`bug in rescc: element ${index} of 2`);
    expect(() => at(Float64Array.of(1, 2), index)).toThrow(`bug in rescc: element ${index} of 2`);
  });
});

test('outside throws', () => {
  const numbers = Float64Array.of(0);
  expect(numbers[0] ?? outside()).toBe(0);
  expect(() => numbers[1] ?? outside()).toThrow('bug in rescc: an index out of range');
});
