/** Shapes of a reshape that constants say: what `Reshape` copies, and what −1 stands for. */
import { expect, test } from 'vitest';
import { Dim } from '../../src/ir/dim.ts';
import { noPromise } from '../../src/ir/promise.ts';
import { isConstantTarget } from '../../src/ops/reshape.ts';

const n = Dim.symbol('N');
const maybeNone = Dim.symbol('P', { ...noPromise, least: 0 });
const of = (...sizes: readonly (Dim | number)[]): readonly Dim[] => sizes.map((d) => (typeof d === 'number' ? Dim.of(d) : d));

test.each([
  ['numbers', of(n, 6), of(2, 3), true],
  ['a size at the same place is copied', of(n, 6), of(n, 2, 3), true],
  ['one size is left', of(6, n), of(2, 3, n), true],
  ['one is copied and one left', of(n, maybeNone, 6), of(n, 6, maybeNone), true],
  ['two are left', of(6, n, maybeNone), of(n, maybeNone, 6), false],
  ['a 0 would copy', of(n, 0), of(0, 4), false],
  ['a copied one may be 0, and nothing is left', of(maybeNone, 6), of(maybeNone, 2, 3), true],
  ['a copied one may be 0, and one is left', of(maybeNone, n, 6), of(maybeNone, 6, n), false],
])('%s', (_, x, y, constant) => {
  expect(isConstantTarget(x, y)).toBe(constant);
});
