/** Equal expressions are one and different ones two, whatever their hashes are. */
import { expect, test } from 'vitest';
import { type ByteSource, memorySource } from '../../src/io/bytes.ts';
import type { Content } from '../../src/ir/content.ts';
import type { InitSpec } from '../../src/ops/params.ts';
import { add, cast, div, mul, neg, reciprocal, sqrt, sub } from '../../src/tensor/arithmetic.ts';
import { matmul, reduceSum } from '../../src/tensor/contract.ts';
import type { WeightExpr } from '../../src/tensor/expr.ts';
import { full, initial, leaf, literal, wideLiteral } from '../../src/tensor/leaves.ts';
import { concat, pad, reshape, slice, transpose } from '../../src/tensor/movement.ts';
import { Session } from '../../src/tensor/session.ts';
import { type StoredSpan, storedTensor } from '../../src/tensor/stored.ts';

/** Every structure falls into one bucket, so that only the comparisons tell expressions apart. */
class OneBucket extends Session {
  override intern<E extends Content>(_hash: number, same: (found: Content) => found is E, make: () => E): E {
    return super.intern(0, same, make);
  }
}

test('expressions whose hashes are equal are told apart by everything that they hang on', async () => {
  const session = new OneBucket();
  const source = (name: string): ByteSource => memorySource(name, new Uint8Array(256));
  const [one, two] = [source('one'), source('two')];
  const at = (more: Partial<StoredSpan>): StoredSpan => ({
    source: one,
    offset: 0,
    elem: 'f32',
    dims: [2, 3],
    name: 'w',
    ...more,
  });
  const normal: InitSpec = { init: true, kind: 'normal', value: 1 };
  const i64 = (...numbers: readonly bigint[]) => wideLiteral(session, 'i64', [numbers.length], BigInt64Array.from(numbers));
  const vector = (...data: readonly number[]) =>
    literal(session, { elem: 'f32', dims: [data.length], data: Float64Array.from(data) });
  const build = async (): Promise<readonly WeightExpr[]> => {
    const x = leaf(session, 'x', [2, 3], 'f32');
    const y = leaf(session, 'y', [2, 3], 'f32');
    const z = leaf(session, 'z', [3, 3], 'f32');
    const v = leaf(session, 'v', [7], 'f32');
    const c = leaf(session, 'c', [2, 2, 2], 'f32');
    const spans = [{}, { source: two }, { offset: 4 }, { elem: 'i32' as const }, { dims: [3, 2] }, { bigEndian: true }];
    return [
      ...[x, y, z, leaf(session, 'x', [3, 2], 'f32'), leaf(session, 'x', [2, 3], 'f16')],
      ...[normal, { ...normal, value: 2 }, { ...normal, scale: 2 }, { ...normal, mode: 'fan_in' as const }].map((init) =>
        initial(session, 'p', [4], 'f32', init, 0),
      ),
      initial(session, 'p', [4], 'f32', { init: true, kind: 'uniform', value: 1 }, 0),
      initial(session, 'p', [4], 'f32', normal, 1),
      initial(session, 'q', [4], 'f32', normal, 0),
      initial(session, 'p', [5], 'f32', normal, 0),
      initial(session, 'p', [4], 'f16', normal, 0),
      ...[
        full(session, 'f32', [2], 0),
        full(session, 'f32', [2], -0),
        full(session, 'f16', [2], 0),
        full(session, 'f32', [3], 0),
      ],
      ...[vector(1, 2), vector(2, 1), vector(0, -0, 1), vector(-0, 0, 1)],
      ...[i64(2n ** 60n, 1n), i64(2n ** 60n, 2n), i64(2n ** 60n)],
      ...[add(x, y), add(y, x), sub(x, y), mul(x, y), div(x, y), add(x, x)],
      ...[neg(x), neg(y), sqrt(x), reciprocal(x), cast(x, 'f16'), cast(x, 'f64')],
      ...[reshape(x, [3, 2]), reshape(x, [6]), reshape(y, [6])],
      ...[transpose(x, [1, 0]), transpose(y, [1, 0])],
      ...[slice(x, [0, 0], [1, 3]), slice(x, [1, 0], [2, 3]), slice(x, [0, 0], [2, 3], [1, 2]), slice(y, [0, 0], [1, 3])],
      ...[concat([x, y], 0), concat([x, y], 1), concat([y, x], 0), concat([x, y, x], 0)],
      ...[pad(x, [1, 0], [0, 0], 0), pad(x, [0, 0], [1, 0], 0), pad(x, [1, 0], [0, 0], 1), pad(y, [1, 0], [0, 0], 0)],
      ...[pad(x, [1, 0], [1, 0], 0), pad(x, [2, 0], [1, 0], 0)],
      ...[slice(v, [0], [7], [2]), slice(v, [0], [7], [3]), slice(v, [3], [7], [3])],
      ...[transpose(c, [0, 2, 1]), transpose(c, [2, 0, 1]), transpose(c, [2, 1, 0])],
      ...[matmul(x, z), matmul(y, z)],
      ...[reduceSum(x, [0], true), reduceSum(x, [1], true), reduceSum(x, [0], false), reduceSum(y, [0], true)],
      ...(await Promise.all(spans.map((span) => storedTensor(session, at(span))))),
      ...(await Promise.all(
        [
          [1, 2],
          [1, 3],
        ].map((strides) => storedTensor(session, at({ dims: [2, 2], strides }))),
      )),
    ];
  };
  const made = await build();
  expect(new Set(made).size).toBe(made.length);
  const again = await build();
  for (const [i, expr] of made.entries()) expect(again[i], expr.text()).toBe(expr);
});
