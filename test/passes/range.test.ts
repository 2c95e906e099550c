/**
 * Products of constants at the ends of their element type: what folds, what does not, and that no number is lost; onnxruntime is
 * the judge.
 */

import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { memorySource } from '../../src/io/bytes.ts';
import { floatFacts } from '../../src/ir/elem.ts';
import { roundTo } from '../../src/ir/round.ts';
import type { ElemType } from '../../src/ir/types.ts';
import { optimizeOnnx } from '../../src/optimize.ts';
import { finiteKnown, staysNormal } from '../../src/passes/analysis/range.ts';
import { openSession } from '../../src/runtime/session.ts';
import { mul, neg } from '../../src/tensor/arithmetic.ts';
import type { WeightExpr } from '../../src/tensor/expr.ts';
import { along, concat, reshape } from '../../src/tensor/movement.ts';
import { materializeSync } from '../../src/tensor/values.ts';
import { modelBytes, node, value } from '../import/onnx-bytes.ts';
import { tensorProto } from '../optimize/onnx-case.ts';
import { initial, literal, storedTensor } from '../support/tensors.ts';
import { randomSource, readText, run } from './support.ts';

const vector = (elem: ElemType, ...data: readonly number[]): WeightExpr =>
  literal({ elem, dims: [data.length], data: Float64Array.from(data) });
const matrix = (elem: ElemType, rows: readonly (readonly number[])[]): WeightExpr =>
  literal({ elem, dims: [rows.length, rows[0]?.length ?? 0], data: Float64Array.from(rows.flat()) });
const rowsFirst = (x: WeightExpr) => ({ groups: 1, before: 1, channels: x.dims[0] ?? 1, behind: x.count / (x.dims[0] ?? 1) });

describe('magnitudes of 32-bit floats that lie in a file', () => {
  // More than a chunk of them; doubled, they fit where their largest, whatever its sign and place, is below half the limit.
  const count = 40_000;
  it.each([
    [3, true],
    [-3, true],
    [2e38, false],
    [-2e38, false],
    [Number.NaN, false],
    [Number.NEGATIVE_INFINITY, false],
    [-1e-40, true],
  ])('%d is the largest', async (number, fits) => {
    for (const at of [0, 32_768, count - 1]) {
      const floats = new Float32Array(count);
      floats[at] = number;
      const bytes = new Uint8Array(floats.buffer);
      const source = {
        ...memorySource('w', bytes),
        readInto: (start: number, into: Uint8Array) => into.set(bytes.subarray(start, start + into.length)),
      };
      const x = await storedTensor({ source, offset: 0, elem: 'f32', dims: [count], name: `${number} at ${at}` });
      const two = literal({ elem: 'f32', dims: [1], data: Float64Array.of(2) });
      expect(finiteKnown(mul(x, two))).toBe(fits);
    }
  });
});

describe('facts of the float types', () => {
  it.each(['f16', 'bf16', 'f32', 'f64'] as const)('%s rounds as its record says', (elem) => {
    const facts = floatFacts(elem) ?? expect.unreachable();
    const round = (x: number): number => {
      const one = Float64Array.of(x);
      roundTo(elem, one);
      return one[0] ?? Number.NaN;
    };
    expect(round(facts.largest)).toBe(facts.largest);
    expect(round(facts.smallest)).toBe(facts.smallest);
    expect(round(facts.smallestNormal)).toBe(facts.smallestNormal);
    expect(round(1 + 2 * facts.roundoff)).toBe(1 + 2 * facts.roundoff);
    if (elem === 'f64') return;
    expect(round(facts.overflow)).toBe(Number.POSITIVE_INFINITY);
    expect(round(facts.overflow * (1 - 2 ** -52))).toBe(facts.largest);
    expect(round(facts.smallest / 2)).toBe(0);
    expect(round(1 + facts.roundoff)).toBe(1);
  });
});

describe('staysNormal', () => {
  it('asks each row for a normal element', () => {
    const scale = vector('f32', 1, 1e-40);
    const weight = matrix('f32', [
      [1, 2],
      [1e-40, 2e-40],
    ]);
    expect(staysNormal({ factors: [scale], weight, rows: rowsFirst(weight) })).toBe(false);
    const mixed = matrix('f32', [
      [1, 2e-45],
      [1e-40, 2e-38],
    ]);
    expect(staysNormal({ factors: [scale], weight: mixed, rows: rowsFirst(mixed) })).toBe(true);
    const shut = matrix('f32', [
      [1, 2],
      [0, 0],
    ]);
    expect(staysNormal({ factors: [scale], weight: shut, rows: rowsFirst(shut) })).toBe(true);
  });

  it('takes every element for a row where no rows are said', () => {
    expect(staysNormal({ factors: [], weight: vector('f16', 1, 1e-5) })).toBe(false);
    expect(staysNormal({ factors: [], weight: vector('f16', 1, 1e-4) })).toBe(true);
  });

  it('lets a lost row go beside a bias that outweighs it, and no other', () => {
    const weight = matrix('f32', [
      [1, 2],
      [1e-40, 2e-40],
    ]);
    const rows = rowsFirst(weight);
    expect(staysNormal({ factors: [], weight, rows, bias: vector('f32', 0.1, 1e-40) })).toBe(true);
    expect(staysNormal({ factors: [], weight, rows, bias: vector('f32', 1e-9, 1e-9) })).toBe(false);
    expect(staysNormal({ factors: [], weight, rows, bias: vector('f32', 0, 0) })).toBe(false);
    const half = matrix('f16', [[1e-7, 2e-7]]);
    expect(staysNormal({ factors: [], weight: half, rows: rowsFirst(half), bias: vector('f16', 0.5) })).toBe(true);
    expect(staysNormal({ factors: [], weight: half, rows: rowsFirst(half), bias: vector('f16', 0.01) })).toBe(false);
  });

  it('knows where rows lie that are columns, or columns of groups', () => {
    const columns = matrix('f32', [
      [1, 1e-40],
      [2, 1e-41],
    ]);
    expect(staysNormal({ factors: [], weight: columns, rows: { groups: 1, before: 2, channels: 2, behind: 1 } })).toBe(false);
    // Row by row it would be fine.
    expect(staysNormal({ factors: [], weight: columns, rows: rowsFirst(columns) })).toBe(true);
    const second = matrix('f32', [
      [1, 1e-40],
      [1, 1],
    ]);
    const grouped = { before: 1, channels: 2, behind: 1, groups: 2 };
    expect(staysNormal({ factors: [], weight: second, rows: { ...grouped, groups: 1, before: 2 } })).toBe(true);
    expect(staysNormal({ factors: [], weight: second, rows: grouped })).toBe(false);
  });

  it('looks at all of a row before it is called lost, and at all of a weight before it is called finite', () => {
    const long = new Float64Array(40_000).fill(1e-40);
    long[39_999] = 1;
    const weight = literal({ elem: 'f32', dims: [1, 40_000], data: long });
    expect(staysNormal({ factors: [], weight, rows: rowsFirst(weight) })).toBe(true);
    const huge = mul(weight, literal({ elem: 'f32', dims: [1, 1], data: Float64Array.of(3e38) }));
    expect(staysNormal({ factors: [], weight: huge, rows: rowsFirst(huge) })).toBe(true);
    expect(finiteKnown(mul(huge, literal({ elem: 'f32', dims: [1, 1], data: Float64Array.of(2) })))).toBe(false);
  });

  it('notices what vanishes in f64 itself', () => {
    const [tiny, zero] = [vector('f64', 1e-200, 1), vector('f64', 0, 1)];
    expect(staysNormal({ factors: [tiny], weight: mul(tiny, tiny) })).toBe(false);
    expect(staysNormal({ factors: [zero], weight: mul(zero, zero) })).toBe(true);
    const was = matrix('f64', [[1e-200], [1]]);
    const made = mul(was, matrix('f64', [[1e-200], [1]]));
    expect(staysNormal({ factors: [tiny], was, weight: made, rows: rowsFirst(made) })).toBe(false);
  });

  it('refuses NaN, infinity, and a factor that is infinite in its type', () => {
    expect(finiteKnown(vector('f32', 1, Number.NaN))).toBe(false);
    expect(finiteKnown(vector('f16', 65520))).toBe(false);
    expect(finiteKnown(vector('f16', 65519))).toBe(true);
    expect(staysNormal({ factors: [vector('f32', 1e39)], weight: vector('f32', 1) })).toBe(false);
  });

  it('does not make a large initialised weight to know that it is finite', () => {
    const large = initial('w', [2 ** 15, 2 ** 15], 'f32', { init: true, kind: 'normal', value: 0.02 }, 1);
    expect(finiteKnown(mul(large, vector('f32', 1e30)))).toBe(true);
  });
});

describe('in a graph', () => {
  const optimized = (text: string): readonly string[] => {
    const graph = readText(text);
    run(graph, {});
    return [...graph.nodes()].map((one) => one.op.name);
  };

  it('a channel that would be lost keeps its scale', () => {
    const text = (gain: string, bias: string): string => `graph @g
  %x = input : f32[N, 4]
  %0 = linear(%x, #.weight[2, 4]${bias})  : f32[N, 2]  @f
  %1 = mul(%0, #.gain[2]=${gain})  : f32[N, 2]  @a
  output out = %1`;
    expect(optimized(text('[1, 1e-40]', ''))).toEqual(['linear', 'mul']);
    expect(optimized(text('[1, 1e-30]', ''))).toEqual(['linear']);
    // Training has shut it, and the other channel's bias outweighs it.
    expect(optimized(text('[1, 1e-40]', ', #.bias[2]'))).toEqual(['linear']);
  });

  it('an input that hardly counts beside another folds', () => {
    const text = `graph @g
  %x = input : f32[N, 2]
  %0 = mul(%x, #.gain[2]=[1, 1e-40])  : f32[N, 2]  @a
  %1 = linear(%0, #.weight[3, 2])  : f32[N, 3]  @f
  output out = %1`;
    expect(optimized(text)).toEqual(['linear']);
  });

  it('what grows is folded before what shrinks', () => {
    const scales = [1e-20, 1e-25, 1e30].map((factor) => `#.gain[]=full(f32, [], ${factor})`);
    const text = `graph @g
  %x = input : f32[N, 8]
${scales.map((scale, i) => `  %${i} = mul(%${i === 0 ? 'x' : i - 1}, ${scale})  : f32[N, 8]  @s${i}`).join('\n')}
  output out = %2`;
    expect(optimized(text)).toEqual(['mul']);
  });

  it('shifts are added, whatever is left of them', () => {
    const text = `graph @g
  %x = input : f32[N, 8]
  %0 = add(%x, #.shift[]=full(f32, [], 1e-39))  : f32[N, 8]  @a
  %1 = sub(%0, #.shift[]=full(f32, [], 1.5e-39))  : f32[N, 8]  @b
  output out = %1`;
    expect(optimized(text)).toEqual(['add']);
  });
});

/** A chain of products with scalars on x, in onnxruntime before and after. */
async function chain(
  elem: ElemType,
  factors: readonly number[],
  x: readonly number[],
): Promise<{ nodes: number; error: number }> {
  const type = elem === 'f16' ? 10 : 1;
  const scalar = (data: number): Float64Array => {
    const one = Float64Array.of(data);
    roundTo(elem, one);
    return one;
  };
  const bytes = modelBytes({
    graph: {
      input: [value('x', type, [x.length])],
      output: [value(`y${factors.length - 1}`, type, [x.length])],
      initializer: factors.map((factor, i) => tensorProto(`c${i}`, { elem, dims: [], data: scalar(factor) })),
      node: factors.map((_, i) => node('Mul', `${i === 0 ? 'x' : `y${i - 1}`}, c${i} -> y${i}`)),
    },
  });
  const made = await optimizeOnnx(bytes);
  const inputs = new Map([['x', { elem, dims: [x.length], data: Float64Array.from(x) }]]);
  const results: Float64Array[] = [];
  for (const model of [bytes, await made.bytes()]) {
    const session = await openSession(model, { ep: 'cpu', optimization: 'off' });
    results.push([...(await session.run(inputs)).values()][0]?.data ?? new Float64Array());
    await session.close();
  }
  const [before = new Float64Array(), after = new Float64Array()] = results;
  const error = Math.max(...before.map((y, i) => (y === after[i] ? 0 : Math.abs((after[i] ?? 0) / y - 1))));
  return { nodes: made.graph?.nodeCount ?? -1, error };
}

describe('onnxruntime computes the same', () => {
  it('x · 1e-4 · 1e-4 in f16', async () => {
    const { nodes, error } = await chain('f16', [1e-4, 1e-4], [2e4, 4e4]);
    expect(nodes).toBe(2);
    expect(error).toBeLessThan(1e-2);
  });

  it('x · 1e-30 · 1e-30 in f32', async () => {
    const { nodes, error } = await chain('f32', [1e-30, 1e-30], [1e35, 2e30]);
    expect(nodes).toBe(2);
    expect(error).toBeLessThan(1e-6);
  });

  test('chains of random scales, of which as few are left as the range allows', async () => {
    const random = randomSource(7);
    for (let round = 0; round < 60; round++) {
      // Exponents whose running sum keeps x within the normal range, so that the source itself loses nothing.
      const factors: number[] = [];
      let [at, low, high] = [0, 0, 0];
      for (let i = 0; i < 5; i++) {
        const to = Math.round((random() - 0.5) * 60);
        factors.push(10 ** (to - at));
        at = to;
        [low, high] = [Math.min(low, at), Math.max(high, at)];
      }
      const finite = factors.filter((factor) => factor < 3e38 && factor > 1.2e-38);
      if (finite.length < factors.length) continue;
      const { nodes, error } = await chain('f32', factors, [1.5, -2.25, 0.75]);
      expect(error, `${factors}`).toBeLessThan(1e-5);
      // The product of all is 10^at, a normal number: neighbours that undo each other always fold.
      expect(nodes, `${factors}`).toBeLessThanOrEqual(1);
    }
  });
});

test('a batchnorm over a conv of 1e-20s stays, and is what it was', () => {
  const text = `graph @g
  %x = input : f32[N, 1, H, W]
  %0 = conv(%x, #.weight[1, 1, 1, 1]=full(f32, [1, 1, 1, 1], 1e-20))  : f32[N, 1, H, W]  @c
  %1 = batchnorm(%0, #.weight[1]=full(f32, [1], 1e-20), #.bias[1]=full(f32, [1], 0), #.running_mean[1]:buffer=full(f32, [1], 0), #.running_var[1]:buffer=full(f32, [1], 1)) {eps=0}  : f32[N, 1, H, W]  @b
  output out = %1`;
  const graph = readText(text);
  run(graph, {});
  expect(graph.nodeCount).toBe(2);
  for (const constant of graph.constants()) {
    const tensor = constant.content && materializeSync(constant.content as WeightExpr);
    expect(tensor?.data.every((x) => x === 0 || Math.abs(x) >= 1e-20)).toBe(true);
  }
});

test('of a row that begins with a normal number two elements are looked at, of one that begins with zeros more and more', () => {
  const dims = [8, 64, 3, 3];
  const seen = (weight: WeightExpr): number => {
    let elements = 0;
    const fill = weight.fill.bind(weight);
    const watched = Object.assign(weight, {
      fill: (start: number, out: Float64Array) => {
        elements += out.length;
        return fill(start, out);
      },
    });
    expect(staysNormal({ factors: [], weight: watched, rows: rowsFirst(weight) })).toBe(true);
    return elements;
  };
  expect(seen(initial('w', dims, 'f32', { init: true, kind: 'normal' }, 0))).toBe(8 * 2);
  const pruned = new Float64Array(8 * 576);
  for (let row = 0; row < 8; row++) pruned[row * 576 + 10 * (row + 1)] = 1e-3;
  // Magnitudes of a literal are found by a look at the whole, and where all but zeros are normal nothing else is.
  expect(seen(literal({ elem: 'f32', dims, data: pruned }))).toBe(8 * 576);
  const shut = pruned.slice();
  shut[575] = 1e-40;
  expect(seen(literal({ elem: 'f32', dims, data: shut }))).toBe(8 * 576 + 3 * (2 + 32) + 5 * (2 + 32 + 512));
});

test('what bounds say of small products is what their elements say', () => {
  const element = fc.constantFrom(0, 1, -1e-10, 1e-20, -1e-30, 2 ** -126, 2 ** -100, -(2 ** -60), 2 ** -149);
  const some = (length: number) => fc.array(element, { minLength: length, maxLength: length });
  const normal = floatFacts('f32')?.smallestNormal ?? expect.unreachable();
  fc.assert(
    fc.property(some(6), some(2), some(6), (numbers, gains, others) => {
      const w = matrix('f32', [numbers.slice(0, 3), numbers.slice(3)]);
      const gain = along(vector('f32', ...gains), 2, 0);
      const parts = [w, neg(mul(w, gain)), reshape(mul(reshape(w, [1, 6]), vector('f32', ...others)), [2, 3])];
      const whole = concat(parts, 0);
      for (const weight of [...parts, whole, mul(whole, vector('f32', 1e-10, 1, 1))]) {
        const { data } = materializeSync(weight) ?? expect.unreachable();
        const rows = Array.from({ length: data.length / 3 }, (_, row) => [...data.subarray(3 * row, 3 * row + 3)]);
        const lost = rows.some((row) => row.some((x) => x !== 0) && row.every((x) => Math.abs(x) < normal));
        expect(staysNormal({ factors: [], weight, rows: rowsFirst(weight) })).toBe(!lost);
      }
    }),
    { numRuns: 500, seed: 15 },
  );
});
