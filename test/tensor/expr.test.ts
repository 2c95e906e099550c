import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { memorySource } from '../../src/io/bytes.ts';
import { type ContentTree, parseContent } from '../../src/ir/content-text.ts';
import { elementCount } from '../../src/ir/types.ts';
import { asyncSource } from '../checkpoint/helpers.ts';
import * as w from '../support/tensors.ts';

const tensor = (dims: readonly number[], first = 1): w.WeightExpr =>
  w.literal({ elem: 'f32', dims, data: Float64Array.from({ length: elementCount(dims) }, (_, i) => first + i * 0.5) });
const numbers = (x: w.WeightExpr): readonly number[] => [...(w.materializeSync(x)?.data ?? [])];
const parameter = (path: string, dims: readonly number[]): w.WeightExpr =>
  w.initial(path, dims, 'f32', { init: true, kind: 'normal', value: 1 }, 1);

/** Element at coordinates, by plain recursion over the shape: what the fast paths are compared with. */
function at(x: w.WeightExpr, coordinates: readonly number[]): number {
  let index = 0;
  x.dims.forEach((size, axis) => {
    index = index * size + (coordinates[axis] ?? 0);
  });
  return numbers(x)[index] ?? Number.NaN;
}
function everyPlace(dims: readonly number[]): readonly (readonly number[])[] {
  return dims.reduce<readonly (readonly number[])[]>(
    (places, size) => places.flatMap((place) => Array.from({ length: size }, (_, i) => [...place, i])),
    [[]],
  );
}
const plain = (dims: readonly number[], f: (place: readonly number[]) => number): readonly number[] => everyPlace(dims).map(f);

/** Filling in pieces of any size gives what filling at once gives. */
function expectPieces(x: w.WeightExpr): void {
  const whole = new Float64Array(x.count);
  x.fill(0, whole);
  for (const size of [1, 2, 3, 7, 16]) {
    const pieces = new Float64Array(x.count);
    for (let start = 0; start < x.count; start += size) x.fill(start, pieces.subarray(start, Math.min(x.count, start + size)));
    expect([...pieces]).toEqual([...whole]);
  }
}

const operations = { add: w.add, sub: w.sub, mul: w.mul, div: w.div };

describe('expressions over tensors', () => {
  it('broadcast as NumPy does', () => {
    const shapes: readonly (readonly [readonly number[], readonly number[]])[] = [
      [
        [4, 3, 2],
        [4, 3, 2],
      ],
      [
        [4, 3, 2],
        [4, 1, 1],
      ],
      [
        [4, 3, 2],
        [3, 1],
      ],
      [[4, 3, 2], [2]],
      [[4, 3, 2], []],
      [
        [4, 1, 2],
        [1, 3, 1],
      ],
      [
        [1, 3],
        [4, 1],
      ],
    ];
    for (const [left, right] of shapes) {
      const a = tensor(left, 1);
      const b = tensor(right, 3);
      for (const [name, f] of [
        ['add', (x: number, y: number) => x + y],
        ['sub', (x: number, y: number) => x - y],
        ['mul', (x: number, y: number) => x * y],
        ['div', (x: number, y: number) => x / y],
      ] as const) {
        for (const [x, y] of [
          [a, b],
          [b, a],
        ] as const) {
          const result = operations[name](x, y);
          const place = (of: w.WeightExpr, p: readonly number[]): number =>
            at(
              of,
              p.slice(p.length - of.dims.length).map((c, i) => (of.dims[i] === 1 ? 0 : c)),
            );
          expect(numbers(result), `${name} of ${x.dims} and ${y.dims}`).toEqual(
            plain(result.dims, (p) => f(place(x, p), place(y, p))),
          );
        }
      }
    }
  });

  it('move elements where the plain definition says', () => {
    const x = tensor([3, 4, 5]);
    const turned = w.transpose(x, [2, 0, 1]);
    expect(turned.dims).toEqual([5, 3, 4]);
    expect(numbers(turned)).toEqual(plain([5, 3, 4], ([a = 0, b = 0, c = 0]) => at(x, [b, c, a])));
    const cut = w.slice(x, [0, 1, -4], [3, 4, 5], [2, 1, 3]);
    expect(cut.dims).toEqual([2, 3, 2]);
    expect(numbers(cut)).toEqual(plain([2, 3, 2], ([a = 0, b = 0, c = 0]) => at(x, [2 * a, 1 + b, 1 + 3 * c])));
    const padded = w.pad(x, [1, 0, 2], [0, 2, 1], 9);
    expect(numbers(padded)).toEqual(
      plain([4, 6, 8], ([a = 0, b = 0, c = 0]) => (a >= 1 && b < 4 && c >= 2 && c < 7 ? at(x, [a - 1, b, c - 2]) : 9)),
    );
    const y = tensor([3, 2, 5], 100);
    const joined = w.concat([x, y, x], 1);
    expect(numbers(joined)).toEqual(
      plain([3, 10, 5], ([a = 0, b = 0, c = 0]) =>
        b < 4 ? at(x, [a, b, c]) : b < 6 ? at(y, [a, b - 4, c]) : at(x, [a, b - 6, c]),
      ),
    );
    for (const of of [turned, cut, padded, joined]) expectPieces(of);
  });

  it('sum and multiply as the plain definition says', () => {
    const a = tensor([3, 4]);
    const b = tensor([4, 5], -2);
    const product = w.matmul(a, b);
    expect(numbers(product)).toEqual(
      plain([3, 5], ([i = 0, j = 0]) => [0, 1, 2, 3].reduce((sum, k) => sum + at(a, [i, k]) * at(b, [k, j]), 0)),
    );
    const x = tensor([2, 3, 4]);
    for (const axes of [[0], [1], [2], [0, 1], [0, 2], [1, 2], [0, 1, 2]]) {
      const sum = w.reduceSum(x, axes, true);
      const expected = plain(sum.dims, (p) =>
        everyPlace(x.dims)
          .filter((q) => q.every((c, i) => axes.includes(i) || c === p[i]))
          .reduce((s, q) => s + at(x, q), 0),
      );
      expect(numbers(sum), `over ${axes}`).toEqual(expected);
      expect(numbers(w.reduceSum(x, axes, false))).toEqual(expected);
      expectPieces(sum);
    }
    expectPieces(product);
    expect(numbers(w.sqrt(w.literal({ elem: 'f32', dims: [2], data: Float64Array.of(4, 2) })))).toEqual([2, Math.SQRT2]);
    expect(numbers(w.reciprocal(tensor([2])))).toEqual([1, 1 / 1.5]);
    expect(numbers(w.neg(tensor([2])))).toEqual([-1, -1.5]);
  });

  it('agree in pieces and as a whole when nested and larger than a chunk', () => {
    const x = parameter('big', [40, 30, 5, 7]);
    const s = w.along(parameter('scale', [40]), 4, 0);
    const nested = w.slice(
      w.concat([w.mul(w.transpose(x, [0, 1, 3, 2]), s), w.full('f32', [40, 2, 7, 5], 3)], 1),
      [0, 1, 0, 1],
      [40, 32, 7, 5],
      [3, 1, 2, 1],
    );
    const whole = numbers(nested);
    const source = numbers(w.concat([w.mul(w.transpose(x, [0, 1, 3, 2]), s), w.full('f32', [40, 2, 7, 5], 3)], 1));
    expect(whole).toEqual(
      plain(nested.dims, ([a = 0, b = 0, c = 0, d = 0]) => source[((a * 3 * 32 + b + 1) * 7 + c * 2) * 5 + d + 1] ?? Number.NaN),
    );
    fc.assert(
      fc.property(fc.nat(nested.count - 1), fc.integer({ min: 1, max: 3000 }), (start, length) => {
        const part = new Float64Array(Math.min(length, nested.count - start));
        nested.fill(start, part);
        expect([...part]).toEqual(whole.slice(start, start + part.length));
      }),
      { numRuns: 40, seed: 7 },
    );
  });

  it('round only in a cast, and once', () => {
    const third = w.div(w.full('f32', [1], 1), w.full('f32', [1], 3));
    expect(numbers(third)).toEqual([1 / 3]);
    expect(numbers(w.cast(third, 'f16'))).toEqual([0.333251953125]);
    // 1 + 2^-11 + 2^-40 is above the middle between two halves; by way of float32 it would be the middle and fall to 1.
    const above = w.literal({ elem: 'f32', dims: [2], data: Float64Array.of(1 + 2 ** -11 + 2 ** -40, 0) });
    expect(numbers(w.cast(above, 'f16'))).toEqual([1 + 2 ** -10, 0]);
    expect(numbers(w.cast(w.literal({ elem: 'f32', dims: [3], data: Float64Array.of(2.9, -2.9, 0) }), 'i64'))).toEqual([
      2, -2, 0,
    ]);
    expect(numbers(w.cast(w.literal({ elem: 'f32', dims: [3], data: Float64Array.of(2.9, -0, 0) }), 'bool'))).toEqual([1, 0, 0]);
  });
});

describe('interning and folding', () => {
  const x = parameter('x', [2, 3]);
  it('makes equal expressions one object', () => {
    expect(w.mul(x, w.add(x, tensor([3])))).toBe(w.mul(x, w.add(x, tensor([3]))));
    expect(w.literal({ elem: 'f32', dims: [2], data: Float64Array.of(1, 2) })).not.toBe(
      w.literal({ elem: 'f64', dims: [2], data: Float64Array.of(1, 2) }),
    );
    expect(w.literal({ elem: 'f32', dims: [2], data: Float64Array.of(0, 1) })).not.toBe(
      w.literal({ elem: 'f32', dims: [2], data: Float64Array.of(-0, 1) }),
    );
    expect(parameter('x', [2, 3])).toBe(x);
    expect(w.initial('x', [2, 3], 'f32', { init: true, kind: 'normal', value: 1 }, 2)).not.toBe(x);
    expect(w.sub(x, x)).not.toBe(w.add(x, x));
    expect(w.slice(x, [0, 0], [2, 2])).not.toBe(w.slice(x, [0, 1], [2, 3]));
  });
  it('drops what does nothing', () => {
    const one = w.full('f32', [], 1);
    const zero = w.full('f32', [1], 0);
    expect(w.mul(x, one)).toBe(x);
    expect(w.mul(one, x)).toBe(x);
    expect(w.div(x, one)).toBe(x);
    expect(w.add(zero, x)).toBe(x);
    expect(w.sub(x, zero)).toBe(x);
    expect(w.sub(zero, x)).toBe(w.neg(x));
    expect(w.neg(w.neg(x))).toBe(x);
    expect(w.reshape(w.reshape(x, [6]), [2, 3])).toBe(x);
    expect(w.transpose(w.transpose(x, [1, 0]), [1, 0])).toBe(x);
    expect(w.transpose(w.reshape(x, [1, 6]), [1, 0]).kind).toBe('reshape');
    expect(w.slice(x, [0, 0], [2, 3])).toBe(x);
    expect(w.slice(w.slice(x, [0, 1], [2, 3]), [1, 0], [2, 2])).toBe(w.slice(x, [1, 1], [2, 3]));
    expect(w.pad(x, [0, 0], [0, 0])).toBe(x);
    expect(w.concat([x], 0)).toBe(x);
    expect(w.cast(w.cast(x, 'f64'), 'f32')).toBe(x);
    expect(w.cast(w.cast(x, 'f16'), 'f32')).not.toBe(x);
    expect(w.uniformValue(w.mul(w.full('f32', [2], 3), w.full('f32', [2], 4)))).toBe(12);
  });
  it('keeps what would change the result', () => {
    // Zero times infinity is no zero, and a neutral operand may still widen the shape.
    expect(w.mul(x, w.full('f32', [], 0))).not.toBe(w.full('f32', [2, 3], 0));
    expect(w.mul(x, w.full('f32', [4, 2, 3], 1)).dims).toEqual([4, 2, 3]);
    expect(numbers(w.mul(x, w.full('f32', [4, 2, 3], 1)))).toEqual([...numbers(x), ...numbers(x), ...numbers(x), ...numbers(x)]);
  });
  it('refuses what no caller may ask for', () => {
    expect(() => w.add(x, tensor([4]))).toThrow('do not broadcast');
    expect(() => w.add(x, w.full('f64', [], 1))).toThrow('types');
    expect(() => w.reshape(x, [5])).toThrow('reshape');
    expect(() => x.fill(4, new Float64Array(3))).toThrow('elements');
  });
});

describe('knowing', () => {
  it('keeps small constants resident and large ones not', () => {
    expect(parameter('small', [128, 128]).resident?.length).toBe(16384);
    expect(parameter('large', [128, 129]).resident).toBeUndefined();
    expect(w.leaf('a.b', [3], 'f32').resident).toBeUndefined();
    expect(() => w.leaf('a.b', [3], 'f32').fill(0, new Float64Array(1))).toThrow('RES0532');
    expect(w.finite(w.div(tensor([2]), w.literal({ elem: 'f32', dims: [2], data: Float64Array.of(1, 0) })))).toBe(false);
    expect(w.finite(parameter('large', [128, 129]))).toBe(true);
    expect(w.finite(w.initial('wide', [128, 129], 'f16', { init: true, kind: 'normal', value: 20000 }, 0))).toBeUndefined();
    expect(w.finite(w.initial('open', [2], 'f32', { init: true, kind: 'fill', value: Infinity }, 0))).toBe(false);
    expect(w.finite(w.leaf('a.b', [3], 'f32'))).toBeUndefined();
    expect(
      w.sourcesOf(w.mul(w.leaf('a', [2], 'f32'), w.add(w.leaf('b', [2], 'f32'), w.leaf('a', [2], 'f32')))).map((s) => s.text()),
    ).toEqual(['a[2]', 'b[2]']);
  });
  it('survives expressions thousands deep, small and large', () => {
    for (const dims of [[3], [200, 100]]) {
      let x = parameter(`deep${dims.length}`, dims);
      const before = numbers(x);
      for (let i = 0; i < 2000; i++) x = w.add(w.neg(x), w.full('f32', [], 0.5));
      expect(w.sourcesOf(x).some((leaf) => leaf.kind === 'initial')).toBe(true);
      expect(
        numbers(x)
          .map((y) => Math.abs(y))
          .slice(0, 5),
      ).toEqual(before.slice(0, 5).map((y) => expect.closeTo(Math.abs(y), 10)));
      expect(x.text()).toMatch(/^shared\(#[0-9a-f]{16}\)$/);
    }
  });
  it('awaits only where a source must be awaited', async () => {
    const data = new Uint8Array(Float32Array.from({ length: 40000 }, (_, i) => i).buffer);
    const span = { offset: 0, elem: 'f32', dims: [200, 200], name: 'x' } as const;
    const slow = await w.storedTensor({ ...span, source: asyncSource('slow', data) });
    const fast = await w.storedTensor({ ...span, source: memorySource('fast', data) });
    expect([slow.sync, fast.sync]).toEqual([false, true]);
    const build = (x: w.WeightExpr): w.WeightExpr =>
      w.reduceSum(
        w.concat(
          [
            w.mul(w.transpose(x, [1, 0]), w.slice(x, [0, 0], [1, 200])),
            w.matmul(x, w.pad(w.slice(x, [0, 0], [10, 200]), [0, 0], [190, 0])),
          ],
          0,
        ),
        [1],
        false,
      );
    expect(w.materializeSync(build(slow))).toBeUndefined();
    expect([...(await w.materialize(build(slow))).data]).toEqual(numbers(build(fast)));
    expect(numbers(build(fast))[1]).toBe(Array.from({ length: 200 }, (_, j) => (j * 200 + 1) * j).reduce((a, b) => a + b, 0));
    // A small tensor of such a source was read when it was opened.
    const small = await w.storedTensor({ ...span, dims: [100], source: asyncSource('small', data) });
    expect(small.resident?.[99]).toBe(99);
  });
});

describe('text', () => {
  const rebuild = (tree: ContentTree | undefined): w.WeightExpr | undefined => {
    if (!tree) return undefined;
    if (tree.kind === 'leaf') return w.leaf(tree.path, tree.dims, tree.elem);
    if (tree.kind === 'list') return w.buildExpr('numbers', [tree]);
    if (tree.kind !== 'call') return undefined;
    const args: w.TextArg[] = [];
    for (const arg of tree.args) {
      if (arg.kind === 'leaf' || arg.kind === 'call') {
        const expr = rebuild(arg);
        if (!expr) return undefined;
        args.push({ kind: 'expr', expr });
      } else if (arg.kind !== 'ref') args.push(arg);
    }
    return w.buildExpr(tree.name, args);
  };
  it('reads as function calls', () => {
    const scale = w.reshape(w.leaf('bn1.weight', [16], 'f32'), [16, 1, 1, 1]);
    expect(w.mul(w.leaf('conv1.weight', [16, 3, 3, 3], 'f32'), scale).text()).toBe(
      'mul(conv1.weight[16, 3, 3, 3], reshape(bn1.weight[16], [16, 1, 1, 1]))',
    );
    expect(w.full('f32', [16], 0).text()).toBe('full(f32, [16], 0)');
    expect(w.cast(w.leaf('onnx::Conv/7', [2], 'f16'), 'f32').text()).toBe('cast("onnx::Conv/7"[2]:f16, f32)');
    expect(w.literal({ elem: 'f32', dims: [2], data: Float64Array.of(1, -0.5) }).text()).toBe('[1, -0.5]');
    expect(parameter('layer1.0.conv1.weight', [4, 2]).text()).toBe('layer1.0.conv1.weight[4, 2]');
  });
  it('reads back to the same expression', () => {
    const x = w.leaf('0.x', [2, 3], 'f32');
    const v = w.leaf('v', [3], 'f32');
    const all = [
      w.add(x, v),
      w.sub(x, v),
      w.mul(v, x),
      w.div(x, v),
      w.neg(x),
      w.sqrt(x),
      w.reciprocal(x),
      w.cast(x, 'bf16'),
      w.reshape(x, [6]),
      w.transpose(x, [1, 0]),
      w.slice(x, [0, 1], [2, 3], [1, 2]),
      w.pad(x, [0, 1], [2, 0], -1),
      w.concat([x, x, w.neg(x)], 1),
      w.matmul(x, w.transpose(x, [1, 0])),
      w.reduceSum(x, [0], true),
      w.reduceSum(x, [1], false),
      w.full('f64', [2, 0], 1e-5),
      w.literal({ elem: 'i64', dims: [2, 2], data: Float64Array.of(1, 2, 3, 4) }),
      w.literal({ elem: 'f32', dims: [3], data: Float64Array.of(Number.NaN, -Infinity, -0) }),
      tensor([100]),
      w.mul(tensor([7, 3]), v),
    ];
    for (const expr of all) expect(rebuild(parseContent(expr.text())), expr.text()).toBe(expr);
  });
  it('refuses what is not in the grammar', () => {
    for (const text of [
      'mul(a[2])',
      'mul(a[2], b[3])',
      'foo(a[2])',
      'full(f33, [1], 0)',
      'reshape(a[2], [3])',
      'mul(a[2], b[2], c[2])',
      'literal(f32, [3], [1, 2])',
      'shared(#0123456789abcdef)',
      'slice(a[2], [0], [1], [0])',
      'full(f32, [-1], 0)',
    ]) {
      expect(rebuild(parseContent(text)), text).toBeUndefined();
    }
  });
});
