/** Operators that pick, mark and cut elements, with numbers that were worked out by hand, as torch has them. */
import { describe, expect, it } from 'vitest';
import { typeText } from '../../src/ir/types.ts';
import { given } from '../../src/ops/attrs.ts';
import { gatherElements } from '../../src/ops/gather-elements.ts';
import { oneHotLayer } from '../../src/ops/one-hot.ts';
import { isinf, isnan, xor } from '../../src/ops/predicates.ts';
import { argmin, logsumexp, reduceL1 } from '../../src/ops/reduce.ts';
import { triangleLayers, trilu } from '../../src/ops/trilu.ts';
import { built, evaluated, failure, host, lowered, numbers } from './nn/tools.ts';

const square = host([3, 3], (i) => i + 1);
const integers = (...data: readonly number[]) => host([data.length], (i) => data[i] ?? 0, 'i64');

describe('picking', () => {
  it('takes single elements along an axis, from behind where negative', () => {
    const indices = host([2, 3], (i) => [0, 2, 1, -1, 0, -3][i] ?? 0, 'i64');
    expect([...evaluated(gatherElements, [square, indices], { axis: 0 }).data]).toEqual([1, 8, 6, 7, 2, 3]);
    expect([...evaluated(gatherElements, [square, indices], { axis: 1 }).data]).toEqual([1, 3, 2, 6, 4, 4]);
    expect(() => evaluated(gatherElements, [square, host([1, 1], () => 3, 'i64')])).toThrow('an index from -3 to 2');
  });
  it('marks the place of an integer, and none of one that is no class', () => {
    const made = built(oneHotLayer, ['i64[N]'], { classes: 3, elem: 'f32' });
    expect(typeText(made.y.type)).toBe('f32[N, 3]');
    expect([...made.run([integers(2, 0, 5, -1)]).data]).toEqual([0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    expect(failure(() => built(oneHotLayer, ['f32[N]'], { classes: 3 })).label).toBe('l1');
  });
  it('finds the first of the smallest', () => {
    expect([...evaluated(argmin, [numbers([2, 3], [3, 1, 1, -2, 5, -2])], { axis: 1 }).data]).toEqual([1, 0]);
    expect([...evaluated(argmin, [numbers([2, 3], [3, 1, 1, -2, 5, -2])], { axis: 0, keepdims: true }).data]).toEqual([1, 0, 1]);
    const large = {
      elem: 'i64',
      dims: [3],
      data: new Float64Array(3),
      wide: BigInt64Array.of(2n ** 62n + 1n, 2n ** 62n, 2n ** 62n),
    } as const;
    expect([...given(argmin.evaluateWide?.([large], { axis: 0, keepdims: false }) ?? [], 0).data]).toEqual([1]);
  });
});

describe('triangles', () => {
  const [lower, upper] = [given(triangleLayers, 0), given(triangleLayers, 1)];
  it('keep what stands on a side of a diagonal', () => {
    const run = (layer: typeof lower, diagonal: number): readonly number[] => [
      ...built(layer, ['f32[3, 3]'], { diagonal }).run([square]).data,
    ];
    expect(run(lower, 0)).toEqual([1, 0, 0, 4, 5, 0, 7, 8, 9]);
    expect(run(lower, -1)).toEqual([0, 0, 0, 4, 0, 0, 7, 8, 0]);
    expect(run(upper, 0)).toEqual([1, 2, 3, 0, 5, 6, 0, 0, 9]);
    expect(run(upper, 2)).toEqual([0, 0, 3, 0, 0, 0, 0, 0, 0]);
  });
  it('are cut out of every matrix, of any shape', () => {
    expect([...evaluated(trilu, [host([2, 1, 3], (i) => i + 1)], { diagonal: 1 }).data]).toEqual([0, 2, 3, 0, 5, 6]);
    expect(lowered(trilu, ['f32[N, T, T]'], { upper: false, diagonal: -1 })).toEqual(['Trilu(x0 -1){upper=0}']);
    expect(lowered(trilu, ['f32[N, T, T]'])).toEqual(['Trilu(x0){upper=1}']);
  });
});

describe('questions', () => {
  it('tell numbers from what is none', () => {
    const x = numbers([5], [1, Number.NaN, Infinity, -Infinity, 0]);
    expect([...evaluated(isnan, [x]).data]).toEqual([0, 1, 0, 0, 0]);
    expect([...evaluated(isinf, [x]).data]).toEqual([0, 0, 1, 1, 0]);
  });
  it('hold of one alone', () => {
    const bits = (...data: readonly number[]) => host([4], (i) => data[i] ?? 0, 'bool');
    expect([...evaluated(xor, [bits(0, 0, 1, 1), bits(0, 1, 0, 1)]).data]).toEqual([0, 1, 1, 0]);
  });
});

describe('reductions', () => {
  it('of exponentials neither overflow nor vanish', () => {
    expect(evaluated(logsumexp, [numbers([2], [1000, 1000])]).data[0]).toBeCloseTo(1000 + Math.LN2, 12);
    expect(evaluated(logsumexp, [numbers([2], [-1000, -1000])]).data[0]).toBeCloseTo(Math.LN2 - 1000, 12);
    expect(evaluated(logsumexp, [numbers([2], [-Infinity, 3])]).data[0]).toBe(3);
    expect(evaluated(logsumexp, [numbers([2], [Infinity, 3])]).data[0]).toBe(Infinity);
  });
  it('of absolute values', () => {
    expect([...evaluated(reduceL1, [numbers([2, 2], [-1, 2, -3, -4])], { axes: [1] }).data]).toEqual([3, 7]);
  });
});
