import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { editDistance, nearest } from '../../src/diagnostics/suggest.ts';
import { wrapped } from '../../src/diagnostics/wrap.ts';

/** Optimal string alignment by its recursion. */
function distance(a: string, b: string): number {
  if (a === '' || b === '') return a.length + b.length;
  const [p, q] = [a.slice(0, -1), b.slice(0, -1)];
  const exchanged = a.length > 1 && b.length > 1 && a.at(-1) === b.at(-2) && a.at(-2) === b.at(-1);
  return Math.min(
    distance(p, b) + 1,
    distance(a, q) + 1,
    distance(p, q) + (a.at(-1) === b.at(-1) ? 0 : 1),
    exchanged ? distance(a.slice(0, -2), b.slice(0, -2)) + 1 : Infinity,
  );
}

describe('suggestions', () => {
  it('count as the definition does, and stop only above the limit', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 5 });
    fc.assert(
      fc.property(word, word, fc.nat(5), (a, b, limit) => {
        const exact = distance(a, b);
        const found = editDistance(a, b, limit);
        if (exact <= limit) expect(found).toBe(exact);
        else expect(found).toBeGreaterThan(limit);
      }),
      { numRuns: 400, seed: 7 },
    );
  });
  it('are near: one exchange, another case, a third at most', () => {
    expect(nearest('realu', ['conv', 'relu', 'gelu'])).toBe('relu');
    expect(nearest('cnov', ['conv', 'count'])).toBe('conv');
    expect(nearest('ReLU', ['relu'])).toBe('relu');
    expect(nearest('softmax', ['conv'])).toBeUndefined();
    // Of two that are equally near the first.
    expect(nearest('abc', ['abd', 'abe'])).toBe('abd');
    // Half of the letters is no likeness.
    expect(nearest('bn', ['N', 'bm'])).toBeUndefined();
    expect(nearest('bn', ['BN'])).toBe('BN');
  });
});

describe('lines of words', () => {
  it('break at blanks, a head and an indent before them', () => {
    expect(wrapped('one two three four', 9)).toEqual(['one two', 'three', 'four']);
    expect(wrapped('one two three', 9, { indent: '  ' })).toEqual(['one two', '  three']);
    expect(wrapped('one two', 8, { head: '  name  ', indent: '        ' })).toEqual(['  name  one', '        two']);
    expect(wrapped('incomprehensibilities are', 9)).toEqual(['incomprehensibilities', 'are']);
    expect(wrapped('', 9)).toEqual(['']);
  });
});
