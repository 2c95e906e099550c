/**
 * Random residual networks as ONNX files, imported, through every pass alone and all together, and run as they are and as they
 * were made.
 */
import { afterAll, describe, expect, it } from 'vitest';
import { checkCase, distance, loadCase, shrink, storeCase } from './check.ts';
import { generateCase } from './generate.ts';
import { caseText, encodeCase } from './onnx-case.ts';

const parts = 8;
const perPart = 25;

describe('random ONNX files', () => {
  const fired = new Map<string, number>();
  const opsets = new Set<number>();
  let byRuntime = 0;
  let byReference = 0;

  it.each(Array.from({ length: parts }, (_, i) => i))('part %i', async (part) => {
    for (let i = 0; i < perPart; i++) {
      const seed = part * perPart + i;
      const one = generateCase(seed);
      const outcome = await checkCase(one);
      const [failure] = outcome.failures;
      if (failure) {
        const small = await shrink(one, failure, 200);
        expect.fail(`seed ${seed}, ${failure.stage}, ${failure.kind}: ${failure.message}\n${caseText(small)}`);
      }
      opsets.add(one.opset);
      if (outcome.runtime) byRuntime++;
      if (outcome.reference) byReference++;
      for (const [rule, n] of outcome.fired) fired.set(rule, (fired.get(rule) ?? 0) + n);
    }
  });

  afterAll(() => {
    // Random cases that nobody judges, or in which nothing happens, prove nothing.
    const all = parts * perPart;
    expect(byRuntime).toBeGreaterThan(0.8 * all);
    expect(byReference).toBeGreaterThan(0.4 * all);
    expect(opsets.size).toBe(17);
    const wanted = [
      'fold-batchnorm/into-linear',
      'fold-batchnorm/into-readers',
      'fold-affine/into-linear',
      'fold-affine/into-readers',
      'merge-branches/sum',
      'fuse-shortcut/bias',
      'fuse-shortcut/option-a-pool',
      'fold-pad/into-windows',
      'move-transpose/through',
      'simplify/constants',
      'simplify/equal-weights',
    ];
    expect(wanted.filter((name) => !fired.has(name))).toEqual([]);
  });
});

describe('the comparison', () => {
  const tensors = (...data: number[]) =>
    new Map([['y', { elem: 'f32' as const, dims: [data.length], data: Float64Array.from(data) }]]);

  it('is relative to the largest element, and strict about what is not finite', () => {
    expect(distance(tensors(1, 2), tensors(1, 2.2))).toBeCloseTo(0.1);
    expect(distance(tensors(Number.NaN, 1), tensors(Number.NaN, 1))).toBe(0);
    expect(distance(tensors(Infinity), tensors(Infinity))).toBe(0);
    expect(distance(tensors(1), tensors(Number.NaN))).toBe(Infinity);
    expect(distance(tensors(1), tensors(1, 1))).toBe('y is f32[2], not f32[1]');
    expect(distance(tensors(1), new Map())).toBe('no output y');
  });

  it('makes the same case of the same seed', () => {
    const [a, b] = [encodeCase(generateCase(3)), encodeCase(generateCase(3))];
    expect(a).toEqual(b);
    expect(encodeCase(generateCase(4))).not.toEqual(a);
  });

  it('keeps a case through JSON', () => {
    const one = generateCase(5);
    const again = loadCase(storeCase(one));
    expect(caseText(again)).toBe(caseText(one));
  });
});
