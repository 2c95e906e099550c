/** Regions of operators on constants: what folds whole, what stays, and that onnxruntime computes the same before and after. */
import type proto from 'onnx-proto';
import { describe, expect, it } from 'vitest';
import type { ElemType } from '../../src/ir/types.ts';
import { optimizeOnnx } from '../../src/optimize.ts';
import { openSession } from '../../src/runtime/session.ts';
import { longs, modelBytes, node, value } from '../import/onnx-bytes.ts';
import { dataTypes, tensorProto } from '../optimize/onnx-case.ts';
import { randomTensor } from './support.ts';

interface Model {
  readonly elem?: ElemType;
  readonly x: readonly number[];
  /** Output `y`, then others. */
  readonly y: readonly (readonly number[])[];
  readonly weights: Readonly<Record<string, readonly number[]>>;
  readonly more?: readonly proto.onnx.ITensorProto[];
  readonly nodes: readonly proto.onnx.INodeProto[];
  readonly opset?: number;
}

/**
 * The operators that are left by kind, the bytes of the file before and after, and how far the results are apart, relative to
 * their largest.
 */
async function folded(model: Model): Promise<{ ops: Readonly<Record<string, number>>; bytes: readonly number[]; error: number }> {
  const { elem = 'f32', nodes, opset = 17 } = model;
  const type = dataTypes[elem];
  const bytes = modelBytes({
    opset,
    graph: {
      input: [value('x', type, model.x)],
      output: model.y.map((dims, i) => value(i === 0 ? 'y' : `y${i}`, type, dims)),
      initializer: [
        ...Object.entries(model.weights).map(([name, dims]) =>
          tensorProto(name, randomTensor(name, dims, elem, name.startsWith('pos'))),
        ),
        ...(model.more ?? []),
      ],
      node: [...nodes],
    },
  });
  const made = await optimizeOnnx(bytes, { verifyIr: true });
  expect(made.diagnostics).toEqual([]);
  const after = await made.bytes();
  const inputs = new Map([['x', randomTensor('x', model.x, elem)]]);
  const results: Map<string, { readonly data: Float64Array }>[] = [];
  for (const file of [bytes, after]) {
    const session = await openSession(file, { ep: 'cpu', optimization: 'off' });
    results.push(await session.run(inputs));
    await session.close();
  }
  let error = 0;
  for (const [name, { data }] of results[0] ?? []) {
    const other = results[1]?.get(name)?.data ?? new Float64Array();
    const largest = data.reduce((most, one) => Math.max(most, Math.abs(one)), 0);
    data.forEach((one, i) => {
      error = Math.max(error, Math.abs(one - (other[i] ?? Number.NaN)) / largest);
    });
    expect(other.length).toBe(data.length);
  }
  const ops: Record<string, number> = {};
  for (const { opType: op } of made.onnx?.graph.nodes ?? []) ops[op] = (ops[op] ?? 0) + 1;
  return { ops, bytes: [bytes.length, after.length], error };
}

// 147 KB, so that the weights are no resident constants.
const large = { x: [1, 64, 6, 6], y: [[1, 64, 4, 4]], weights: { w: [64, 64, 3, 3] } } as const;

describe('weight standardisation', () => {
  const standardised = (momentum: number): Model => ({
    ...large,
    weights: { ...large.weights, pos_gain: [64], zero: [64] },
    more: [longs('flat', [3], [1, 64, -1]), longs('back', [4], [64, 64, 3, 3])],
    nodes: [
      node('Reshape', 'w, flat -> v'),
      node('BatchNormalization', 'v, pos_gain, zero, zero, pos_gain -> s, m1, m2', {
        training_mode: 1,
        epsilon: { float: 1e-6 },
        momentum: { float: momentum },
      }),
      node('Reshape', 's, back -> k'),
      node('Conv', 'x, k -> y'),
    ],
  });

  it('as timm exports it: a batchnorm in training form over the weights, whose momentum is 1', async () => {
    const { ops, bytes, error } = await folded(standardised(1));
    expect(ops).toEqual({ Conv: 1 });
    expect(bytes[1]).toBeLessThanOrEqual(bytes[0] ?? 0);
    expect(error).toBeLessThan(1e-5);
  });

  it('stays with another momentum, where onnxruntime takes running statistics and ONNX those of the batch', async () => {
    const { ops, error } = await folded(standardised(0.9));
    expect(ops.BatchNormalization).toBe(1);
    expect(error).toBe(0);
  });

  it('spelled out, with two readers of every step', async () => {
    const { ops, error } = await folded({
      ...large,
      weights: { ...large.weights, gain: [64, 1, 1, 1], eps: [], two: [] },
      nodes: [
        node('ReduceMean', 'w -> mean', { axes: [1, 2, 3] }),
        node('Sub', 'w, mean -> c'),
        node('Mul', 'c, c -> square'),
        node('ReduceMean', 'square -> var', { axes: [1, 2, 3] }),
        node('Abs', 'eps -> e'),
        node('Add', 'var, e -> v'),
        node('Sqrt', 'v -> std'),
        node('Div', 'c, std -> n'),
        node('Mul', 'n, gain -> k'),
        node('Conv', 'x, k -> y'),
      ],
    });
    expect(ops).toEqual({ Conv: 1 });
    expect(error).toBeLessThan(1e-5);
  });
});

describe('weight norm', () => {
  const nodes = [
    node('ReduceL2', 'w -> n', { axes: [1, 2, 3], keepdims: 1 }),
    node('Div', 'w, n -> d'),
    node('Mul', 'd, g -> k'),
    node('Conv', 'x, k -> y'),
  ];
  it.each([
    ['large', large],
    ['small', { x: [1, 2, 5, 5], y: [[1, 3, 3, 3]], weights: { w: [3, 2, 3, 3] } }],
  ])('%s weights', async (_, model) => {
    const [out = 1] = model.weights.w;
    const { ops, error } = await folded({ ...model, weights: { ...model.weights, g: [out, 1, 1, 1] }, nodes });
    expect(ops).toEqual({ Conv: 1 });
    expect(error).toBeLessThan(1e-5);
  });

  it('of squares that f16 does not hold', async () => {
    const made = await folded({
      elem: 'f16',
      x: [2, 4],
      y: [[2, 4]],
      weights: {},
      more: [
        tensorProto('g', { elem: 'f16', dims: [1, 4], data: Float64Array.of(50, 60, 70, 80) }),
        tensorProto('w', { elem: 'f16', dims: [3, 4], data: Float64Array.from({ length: 12 }, (_, i) => 300 + i) }),
      ],
      nodes: [node('ReduceL2', 'w -> n', { axes: [0] }), node('Div', 'g, n -> k'), node('Mul', 'x, k -> y')],
    }).catch((error: unknown) => error);
    // No kernel for f16 is needed to see that nothing became infinite: where onnxruntime has none the error says so.
    if (made instanceof Error) expect(made.message).not.toMatch(/infinite|finite/);
    else expect((made as { ops: object }).ops).toEqual({ Mul: 1 });
  });

  it.each(['ReduceL1', 'ReduceSumSquare'])('%s', async (op) => {
    const { ops, error } = await folded({
      ...large,
      weights: { ...large.weights, g: [64, 1, 1, 1] },
      nodes: [node(op, 'w -> n', { axes: [1, 2, 3], keepdims: 1 }), ...nodes.slice(1)],
    });
    expect(ops).toEqual({ Conv: 1 });
    expect(error).toBeLessThan(1e-5);
  });

  it('of a value that is none of the weights stays one node', async () => {
    const { ops } = await folded({ x: [2, 3], y: [[2, 1]], weights: {}, nodes: [node('ReduceL2', 'x -> y', { axes: [1] })] });
    expect(ops).toEqual({ ReduceL2: 1 });
  });
});

describe('bytes', () => {
  it('what would add a copy beside weights that others read stays', async () => {
    const { ops, bytes, error } = await folded({
      x: [8, 300],
      y: [
        [8, 300],
        [8, 300],
      ],
      weights: { w: [300, 300] },
      nodes: [
        node('Tanh', 'w -> t'),
        node('MatMul', 'x, t -> h'),
        node('Relu', 'h -> y'),
        node('MatMul', 'x, w -> i'),
        node('Sigmoid', 'i -> y1'),
      ],
    });
    expect(ops.Tanh).toBe(1);
    expect(bytes[1]).toBeLessThan((bytes[0] ?? 0) + 1000);
    expect(error).toBeLessThan(1e-5);
  });

  it('what grows stays, and what is small beside it folds', async () => {
    const { ops, error } = await folded({
      x: [200, 200],
      y: [[200, 200], [200]],
      weights: { row: [200] },
      more: [longs('shape', [2], [200, 200])],
      nodes: [
        node('Sin', 'row -> s'),
        node('Expand', 's, shape -> grown'),
        node('Where', 'less, grown, x -> y'),
        node('Cos', 's -> c'),
        node('ReduceMax', 'x -> m', { axes: [0], keepdims: 0 }),
        node('Mul', 'm, c -> y1'),
        node('Less', 'x, s -> less'),
      ].sort((a, b) => Number(a.opType === 'Where') - Number(b.opType === 'Where')),
    });
    expect(ops.Sin).toBeUndefined();
    expect(ops.Cos).toBeUndefined();
    expect(ops.Expand ?? 0).toBeLessThanOrEqual(1);
    expect(error).toBeLessThan(1e-5);
  });

  // A mask of 150 × 150, 90 KB, as windows of attention have it: from numbers of 600 bytes.
  const masked = (width: number, steps = 8): Model => ({
    x: [150, 150],
    y: [[150, width]],
    weights: { w: [150, width], row: [150] },
    more: [longs('column', [2], [150, 1]), longs('at', [2, 1], [3, 5]), tensorProto('new', randomTensor('new', [2], 'f32'))],
    nodes: [
      node('ScatterND', 'row, at, new -> ids'),
      node('Reshape', 'ids, column -> down'),
      node('Sub', 'ids, down -> a0'),
      ...Array.from({ length: steps }, (_, i) => node(i % 2 === 0 ? 'Tanh' : 'Sin', `a${i} -> a${i + 1}`)),
      node('Add', `x, a${steps} -> h`),
      node('MatMul', 'h, w -> y'),
    ],
  });

  it('what is little beside all constants folds, though it grows', async () => {
    const { ops, error, bytes } = await folded(masked(20_000));
    expect(ops).toEqual({ Add: 1, MatMul: 1 });
    expect(bytes[1]).toBeLessThan((bytes[0] ?? 0) * (1 + 1 / 64));
    expect(error).toBeLessThan(1e-5);
  });

  it.each([
    ['beyond a 64th of them', 9000, 16],
    ['beyond 1/1024 for each node', 13_000, 8],
  ])('%s it stays, and what it is computed from folds', async (_, width, steps) => {
    const { ops, error } = await folded(masked(width, steps));
    expect(ops).toEqual({ Sub: 1, Tanh: steps / 2, Sin: steps / 2, Add: 1, MatMul: 1 });
    expect(error).toBeLessThan(1e-5);
  });

  it('together they add no more than a 64th, however often the sweep runs', async () => {
    const mask = (to: string): readonly proto.onnx.INodeProto[] => [
      node('Sub', `row_${to}, column_${to} -> ${to}0`),
      ...Array.from({ length: 12 }, (_, i) => node(i % 2 === 0 ? 'Tanh' : 'Sin', `${to}${i} -> ${to}${i + 1}`)),
    ];
    const { ops, bytes, error } = await folded({
      x: [150, 150],
      y: [[150, 14_000]],
      weights: {
        w: [150, 14_000],
        row_a: [150],
        column_a: [150, 1],
        row_b: [150],
        column_b: [150, 1],
        row_c: [150],
        column_c: [150, 1],
      },
      nodes: [
        ...['a', 'b', 'c'].flatMap(mask),
        node('Add', 'x, a12 -> h'),
        node('Mul', 'h, b12 -> i'),
        node('Add', 'i, c12 -> j'),
        node('MatMul', 'j, w -> y'),
      ],
    });
    expect(bytes[1]).toBeLessThan((bytes[0] ?? 0) * (1 + 1 / 64));
    expect(ops).toEqual({ Sub: 2, Tanh: 12, Sin: 12, Add: 2, Mul: 1, MatMul: 1 });
    expect(error).toBeLessThan(1e-5);
  });
});

it('operators without an expression are computed at once, within the limit', async () => {
  const { ops, error } = await folded({
    ...large,
    nodes: [node('Tanh', 'w -> t'), node('Softmax', 't -> s', { axis: 0 }), node('Mul', 's, t -> k'), node('Conv', 'x, k -> y')],
  });
  expect(ops).toEqual({ Conv: 1 });
  expect(error).toBeLessThan(1e-5);
});
