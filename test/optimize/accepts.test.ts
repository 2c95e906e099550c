/**
 * Files that onnxruntime takes and rescc once refused or took for something else: opsets, odd attributes, sums, names; all
 * against onnxruntime.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type proto from 'onnx-proto';
import * as ort from 'onnxruntime-node';
import { describe, expect, it, vi } from 'vitest';
import { fileSource } from '../../src/io/node/file-source.ts';
import { type OptimizeResult, optimizeOnnx } from '../../src/optimize.ts';
import { feed, floats, longs, modelBytes, node, type Parts, value } from '../import/onnx-bytes.ts';
import { run, same } from './same.ts';

vi.setConfig({ testTimeout: 120_000 });

type Node = proto.onnx.INodeProto;
type Tensor = proto.onnx.ITensorProto;

const faults = join(import.meta.dirname, '..', 'fixtures', 'faults');
const fault = (name: string): Uint8Array => readFileSync(join(faults, `${name}.onnx`));
const operators = ({ report }: OptimizeResult): string =>
  (report?.operators ?? []).flatMap((one) => (one.after > 0 ? [`${one.name} ${one.after}`] : [])).join(', ');

/** x of two pictures of 3×5×4, whatever the nodes make of it. */
const picture = (nodes: readonly Node[], opset: number, tensors: readonly Tensor[] = [], type = 1): Parts => ({
  opset,
  ir: 10,
  graph: { input: [value('x', 1, ['N', 3, 5, 4])], output: [value('y', type)], node: [...nodes], initializer: [...tensors] },
});
const x = { x: feed([2, 3, 5, 4]) };

describe('a node that no newer opset says', () => {
  const resize = (mode: string) => [
    node('Shape', 'x -> sh'),
    node('Cast', 'sh -> shf', { to: 1 }),
    node('Mul', 'shf, m -> t'),
    node('Div', 't, shf -> s'),
    node('Relu', 'x -> r'),
    node('Resize', 'r, s -> y', { mode }),
  ];
  const twice = floats('m', [4], [1, 1, 2, 2]);

  it('leaves the file at its opset, which a note says', async () => {
    const made = await optimizeOnnx(fault('resize10-computed-scales'));
    expect(made.report?.opset).toEqual({ before: 10, after: 10 });
    expect(made.report?.notes).toEqual([
      'kept at opset 10, whose forms no pass knows, because Resize of opset 10 cannot be brought to opset 13: node "y": nearest with scales that are computed',
    ]);
    const feeds = { x: feed([1, 2, 3, 3]) };
    expect(await run(await made.bytes(), feeds)).toEqual(await run(fault('resize10-computed-scales'), feeds));
  });

  it('is brought up where it has a newer form, with the rest of the file', async () => {
    const linear = await optimizeOnnx(modelBytes(picture(resize('linear'), 10, [twice])));
    expect(linear.report?.opset).toEqual({ before: 10, after: 13 });
    await same(picture(resize('nearest'), 10, [twice]), [x]);
  });

  it('stands beside forms that changed since, and in sub-graphs', async () => {
    const branch = (nodes: readonly Node[]) => ({ graph: { name: 'b', output: [value('o')], node: [...nodes] } });
    const nodes = [
      ...resize('nearest').map((one) => (one.opType === 'Resize' ? { ...one, output: ['z'] } : one)),
      node('Squeeze', 'c3 -> c', { axes: [0] }),
      node('Clip', 'z -> low', { min: { float: -0.5 }, max: { float: 0.5 } }),
      node('If', 'c -> y', {
        then_branch: branch([node('Pad', 'low -> o', { pads: [0, 0, 1, 1, 0, 0, 0, 0], mode: 'constant' })]),
        else_branch: branch([node('Softmax', 'low -> o', { axis: 1 })]),
      }),
    ];
    const flag = { name: 'c3', dataType: 9, dims: [1], rawData: Uint8Array.of(1) };
    await same(picture(nodes, 10, [twice, flag]), [x]);
  });

  it('is refused at an opset that is asked for', async () => {
    const { diagnostics } = await optimizeOnnx(fault('resize10-computed-scales'), { opset: 17 });
    expect(diagnostics.map((d) => d.code)).toEqual(['RES0657']);
    const raised = await optimizeOnnx(fault('resize10-computed-scales'), { raise: true });
    expect(raised.report?.opset.after).toBe(10);
  });
});

describe('opsets', () => {
  // What changed in 24 to 26 gained element types and what may be left out (ONNX's history of its operators).
  const nodes = [
    node('Shape', 'x -> sh'),
    node('Slice', 'sh, zero, one -> n'),
    node('Concat', 'n, rest -> shape', { axis: 0 }),
    node('Conv', 'x, w -> c'),
    node('BatchNormalization', 'c, v, v, z, v -> b'),
    node('Relu', 'b -> r'),
    node('Pad', 'r, pads -> p', { mode: 'constant' }),
    node('Reshape', 'p, shape -> f'),
    node('Transpose', 'f -> t', { perm: [0, 2, 1] }),
    node('Cast', 't -> d', { to: 11 }),
    node('Cast', 'd -> e', { to: 1 }),
    node('Unsqueeze', 'e, one -> u'),
    node('Squeeze', 'u, one -> q'),
    node('Identity', 'q -> i'),
    node('TopK', 'i, one -> y, k'),
  ];
  const tensors = [
    ...[
      longs('zero', [1], [0]),
      longs('one', [1], [1]),
      longs('rest', [2], [4, -1]),
      longs('pads', [8], [0, 0, 1, 1, 0, 0, 0, 0]),
    ],
    ...[
      floats(
        'w',
        [4, 3, 1, 1],
        Array.from({ length: 12 }, (_, i) => (i % 5) / 4 - 0.5),
      ),
    ],
    ...[floats('v', [4], [1, 2, 3, 4]), floats('z', [4], [0, 1, 0, 1])],
  ];
  it.each([17, 24, 25, 26])('%i is read, optimised and written', async (opset) => {
    await same(picture(nodes, opset, tensors), [x]);
    const made = await optimizeOnnx(modelBytes(picture(nodes, opset, tensors)));
    expect(made.report?.opset).toEqual({ before: opset, after: opset });
    expect(operators(made)).not.toMatch(/BatchNormalization|Cast|Squeeze|Shape/);
  });

  it('26 has operators that nothing here says', async () => {
    const made = picture([node('Relu', 'x -> r'), node('CumProd', 'r, axis -> p'), node('Neg', 'p -> y')], 26, [
      longs('axis', [], [3]),
    ]);
    await same(made, [x], [], 3);
  });

  it('24 and 25 gave Attention what is left to the runtime', async () => {
    const q = { opset: 25, ir: 11, graph: { input: [value('x', 1, ['N', 2, 6, 4])], output: [value('y')] } };
    const attention = (attributes: Readonly<Record<string, number>>): Parts => ({
      ...q,
      graph: { ...q.graph, node: [node('Attention', 'x, x, x -> y', attributes)] },
    });
    const foreign = async (parts: Parts) => (await optimizeOnnx(modelBytes(parts), { level: 0 })).report?.foreign.length;
    expect(await foreign(attention({}))).toBe(0);
    expect(await foreign(attention({ left_window_size: -1, right_window_size: -1 }))).toBe(0);
    expect(await foreign(attention({ left_window_size: 1 }))).toBe(1);
  });
});

describe('an operator that ONNX has from a later opset on', () => {
  const weights = [floats('w', [4], [1, 2, 0.5, -1]), floats('b', [4], [0.5, 0, -1, 2])];
  const norm = node('LayerNormalization', 'x, w, b -> n', { axis: -1, epsilon: { float: 0.01 } });
  const spelled = [
    node('ReduceMean', 'n -> mean', { axes: [-1] }),
    node('Sub', 'n, mean -> d'),
    node('Mul', 'd, d -> dd'),
    node('ReduceMean', 'dd -> v', { axes: [-1] }),
    node('Add', 'v, e -> ve'),
    node('Sqrt', 've -> s'),
    node('Div', 'd, s -> ds'),
    node('Mul', 'ds, w -> dw'),
    node('Add', 'dw, b -> y'),
  ];
  const epsilon = floats('e', [], [0.01]);

  it.each([9, 11, 13, 16])('stays what it is in a file of opset %i, which onnxruntime runs', async (opset) => {
    const parts = picture([norm, node('Relu', 'n -> y')], opset, weights);
    const made = await optimizeOnnx(modelBytes(parts));
    expect(operators(made)).toBe('LayerNormalization 1, Relu 1');
    await same(parts, [x]);
  });

  it('is written for one that is spelled out beside it, and not in a file that had none', async () => {
    const beside = picture([norm, ...spelled], 13, [...weights, epsilon]);
    expect(operators(await optimizeOnnx(modelBytes(beside)))).toBe('LayerNormalization 2');
    await same(beside, [x]);
    const alone = picture([node('Relu', 'x -> n'), ...spelled], 13, [...weights, epsilon]);
    expect(operators(await optimizeOnnx(modelBytes(alone)))).toBe(
      'Add 2, Div 1, Mul 1, Pow 1, ReduceMean 2, Relu 1, Sqrt 1, Sub 1',
    );
    await same(alone, [x]);
  });

  it('stays it in a branch', async () => {
    const inner = [node('LayerNormalization', 'x, w, b -> o', { epsilon: { float: 0.01 } })];
    const branch = { graph: { name: 'b', output: [value('o')], node: inner } };
    const asked = [node('ReduceMax', 'x -> most', { keepdims: 0 }), node('Greater', 'most, e -> c')];
    const nodes = [...asked, node('If', 'c -> y', { then_branch: branch, else_branch: branch })];
    const parts = picture(nodes, 13, [...weights, epsilon]);
    expect(operators(await optimizeOnnx(modelBytes(parts)))).toContain('LayerNormalization 2');
    await same(parts, [x]);
  });
});

describe('a Sum', () => {
  it.each([0, 1, 2] as const)('of four stays one node at -O%i', async (level) => {
    expect(operators(await optimizeOnnx(fault('sum-of-four'), { level }))).toBe('Sum 1');
  });

  const sum = (names: string, after: readonly Node[] = []): Parts =>
    picture(
      [node('Relu', 'x -> r'), node('Neg', 'x -> n'), node('Sum', `${names} -> ${after.length > 0 ? 's' : 'y'}`), ...after],
      17,
      [floats('v', [3, 1, 1], [1, 2, 3]), floats('w', [1, 1, 4], [0.5, -1, 2, 0])],
    );
  it.each([
    ['two', 'r, n', 'Add'],
    ['three', 'r, n, v', 'Sum'],
    ['equal ones', 'r, r, r', 'Sum'],
    ['broadcast ones', 'w, v, r, n, x', 'Sum'],
  ])('of %s computes the same', async (_, names, operator) => {
    await same(sum(names), [x]);
    expect(operators(await optimizeOnnx(modelBytes(sum(names)), { level: 0 }))).toContain(`${operator} 1`);
  });

  it('that another reader wants a part of is none of it', async () => {
    await same(sum('r, n, x', [node('Sum', 'r, n, v -> t'), node('Mul', 's, t -> y')]), [x]);
  });

  it('in a body is of values around it, whose numbers the body has too', async () => {
    const branch = (names: string) => ({ graph: { name: 'b', output: [value('o')], node: [node('Sum', `${names} -> o`)] } });
    const parts: Parts = {
      graph: {
        input: [value('x', 1, ['N']), value('c', 9, [])],
        output: [value('y')],
        node: [node('If', 'c -> y', { then_branch: branch('x, x, x'), else_branch: branch('x, x, x, x') })],
      },
    };
    const flag = (b: boolean) => ({ x: feed([3]), c: new ort.Tensor('bool', [b], []) });
    await same(parts, [flag(true), flag(false)]);
    expect(operators(await optimizeOnnx(modelBytes(parts)))).toBe('If 1, Sum 2');
  });
});

describe('truth values that are neither 0 nor 1', () => {
  const axes = longs('axes', [1], [1]);
  const cases: readonly (readonly [string, (v: number) => Parts])[] = [
    ['keepdims of ReduceSum', (v) => picture([node('ReduceSum', 'x, axes -> y', { keepdims: v })], 17, [axes])],
    ['keepdims of ReduceMean', (v) => picture([node('ReduceMean', 'x -> y', { keepdims: v, axes: [1] })], 17)],
    [
      'keepdims of ReduceL2',
      (v) => picture([node('ReduceL2', 'x -> m', { keepdims: v, axes: [1] }), node('Relu', 'm -> y')], 17),
    ],
    ['keepdims of an old ReduceMax', (v) => picture([node('ReduceMax', 'x -> y', { keepdims: v, axes: [2] })], 11)],
    ['keepdims of ArgMax', (v) => picture([node('ArgMax', 'x -> y', { keepdims: v, axis: 2 })], 17, [], 7)],
    ['noop_with_empty_axes', (v) => picture([node('ReduceSum', 'x -> y', { noop_with_empty_axes: v })], 17)],
    [
      'allowzero',
      (v) => picture([node('Reshape', 'x, s -> y', { allowzero: v })], 17, [longs('s', [4], [v === 1 ? -1 : 0, 3, 4, 5])]),
    ],
    [
      'ceil_mode of MaxPool',
      (v) => picture([node('MaxPool', 'x -> y', { kernel_shape: [2, 2], strides: [2, 2], ceil_mode: v })], 17),
    ],
    [
      'count_include_pad',
      (v) => picture([node('AveragePool', 'x -> y', { kernel_shape: [3, 3], pads: [1, 1, 1, 1], count_include_pad: v })], 17),
    ],
    [
      'select_last_index',
      (v) => picture([node('ArgMax', 'one -> y', { axis: 0, select_last_index: v })], 17, [floats('one', [3], [1, 1, 1])], 7),
    ],
    [
      'transA and transB',
      (v) =>
        picture([node('Flatten', 'm -> f', { axis: 1 }), node('Gemm', 'f, f -> y', { transA: v, transB: v })], 17, [
          floats('m', [3, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9]),
        ]),
    ],
  ];
  it.each(cases)('%s', async (_, parts) => {
    for (const v of [0, 1, 2, -1]) await same(parts(v), [x]);
  });
  it('that onnxruntime refuses pass through', async () => {
    const made = await optimizeOnnx(
      modelBytes(picture([node('CumSum', 'x, axis -> y', { reverse: 2 })], 17, [longs('axis', [], [3])])),
    );
    expect(made.report?.foreign).toMatchObject([{ operator: 'CumSum', why: 'reverse is 2, neither 0 nor 1' }]);
  });
  it.each(['', 'notset', 'SAME', 'FOO'])('and an auto_pad of %j stays as it is', async (auto_pad) => {
    const made = await optimizeOnnx(
      modelBytes(picture([node('Conv', 'x, w -> y', { auto_pad })], 17, [floats('w', [1, 3, 1, 1], [1, 2, 3])])),
    );
    expect(made.report?.foreign).toMatchObject([{ operator: 'Conv', why: `auto_pad is ${auto_pad}` }]);
  });
});

describe('sizes without names, which may be 0', () => {
  const reshaped = (opset: number): Parts => ({
    opset,
    graph: {
      input: [value('x', 1, ['', 4, ''])],
      output: [value('y')],
      node: [node('Reshape', 'x, s -> r'), node('Relu', 'r -> z'), node('Shape', 'x -> back'), node('Reshape', 'z, back -> y')],
      initializer: [longs('s', [3], [0, 2, -1])],
    },
  });
  it.each([7, 13, 17])('go through a Reshape whose sizes are 0 only where the old ones are, at opset %i', async (opset) => {
    await same(reshaped(opset), [{ x: feed([3, 4, 7]) }, { x: feed([1, 4, 1]) }, { x: feed([3, 4, 0]) }]);
  });
});

describe('what else onnxruntime takes', () => {
  it('is a result that is left out between others', async () => {
    const made = await optimizeOnnx(fault('split-skipped-output'));
    const { d, e } = await run(await made.bytes(), { x: feed([2, 7]) });
    const all = Array.from(feed([2, 7]).data, Number);
    expect(d?.data).toEqual([0, 1, 2, 7, 8, 9].map((i) => all[i]));
    expect(e?.data).toEqual([4, 5, 6, 11, 12, 13].map((i) => all[i]));
  });

  it('is external data at ./', async () => {
    const source = fileSource(join(faults, 'external-dot-slash.onnx'));
    const made = await optimizeOnnx(source);
    const { y } = await run(await made.bytes(), { x: feed([3, 4]) });
    source.close();
    const w = Array.from(new Float32Array(new Uint8Array(readFileSync(join(faults, 'ext-w.bin'))).buffer));
    const rows = Array.from(feed([3, 4]).data, Number);
    const expected = [0, 1, 2].flatMap((i) =>
      [0, 1].map((j) => [0, 1, 2, 3].reduce((s, k) => s + (rows[i * 4 + k] ?? 0) * (w[k * 2 + j] ?? 0), 0)),
    );
    expected.forEach((v, i) => {
      expect(y?.data[i]).toBeCloseTo(v, 5);
    });
  });

  it('is Constant nodes that are named alike', async () => {
    const constant = (name: string) => node('Constant', `same:-> ${name}`, { value: { tensor: floats('', [], [2]) } });
    await same(picture([constant('a'), constant('b'), node('Mul', 'x, a -> m'), node('Add', 'm, b -> y')], 17), [x]);
  });

  it('is nodes of different graphs that are named alike', async () => {
    const branch = (op: string) => ({ graph: { name: 'b', output: [value('o')], node: [node(op, 'same:x -> o')] } });
    const yes = { name: 'yes', dataType: 9, dims: [], rawData: Uint8Array.of(1) };
    const nodes = [
      node('Relu', 'same:x -> r'),
      node('If', 'yes -> i', { then_branch: branch('Neg'), else_branch: branch('Abs') }),
      node('Add', 'r, i -> y'),
    ];
    await same(picture(nodes, 17, [yes]), [x]);
  });

  it('is no name beyond 64 KiB here, which the message says', async () => {
    const long = 'n'.repeat(70_000);
    const { diagnostics } = await optimizeOnnx(
      modelBytes(picture([node('Relu', `x -> ${long}`), node('Neg', `${long} -> y`)], 17)),
    );
    expect(diagnostics.map((d) => [d.code, d.found?.replace(/at \d+/, 'at'), d.expected])).toEqual([
      ['RES0652', '<bytes>: a text of 70000 bytes at', 'at most 65536 bytes'],
    ]);
  });
});
