import * as ort from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { emitOnnx } from '../../src/codegen/emit.ts';
import { DiagnosticError, Sink } from '../../src/diagnostics/diagnostic.ts';
import { Dim } from '../../src/ir/dim.ts';
import { Graph } from '../../src/ir/graph.ts';
import type { HostTensor } from '../../src/ir/types.ts';
import { docOf } from '../../src/onnx/encode.ts';
import type { OnnxModel } from '../../src/onnx/model.ts';
import { onnxText } from '../../src/onnx/text.ts';
import { onnxBytes } from '../../src/onnx/write.ts';
import { relu } from '../../src/ops/activation.ts';
import { conv } from '../../src/ops/conv.ts';
import { add } from '../../src/ops/elementwise.ts';
import { pad } from '../../src/ops/pad.ts';
import { maxpool } from '../../src/ops/pool.ts';
import { evaluateGraph } from '../../src/ops/reference.ts';
import { mul } from '../../src/tensor/arithmetic.ts';
import { exprOf, materializeSync } from '../../src/tensor/values.ts';
import { golden } from '../golden.ts';
import { leaf, literal } from '../support/tensors.ts';
import { decodeModel, dimsOf, floatsOf } from './decode.ts';
import { dim, halves, Maker, noise, passOn, refusing, sizesOf, threeNodes, timesTransposed, tinyResnet, type } from './models.ts';

async function sessionOf(model: OnnxModel, level: 'disabled' | 'all'): Promise<ort.InferenceSession> {
  return ort.InferenceSession.create(await onnxBytes(model), { graphOptimizationLevel: level, logSeverityLevel: 3 });
}

function nodeNames(model: OnnxModel): readonly string[] {
  return model.graph.nodes.map((n) => n.name);
}

describe('names', () => {
  test('the layer that owns a weight has its path, others add their operator', () => {
    const m = new Maker('g');
    const x = m.graph.input('x', type('f32', 'N', 2, 4, 4));
    let y = m.relu(m.conv(x, 'layer1.0.conv1', 2, 1), 'layer1.0');
    y = m.relu(m.relu(y, 'layer1.0'), '');
    m.graph.output('y', m.relu(y, ''));
    const model = emitOnnx(m.graph);
    expect(nodeNames(model)).toEqual(['layer1.0.conv1', 'layer1.0.relu', 'layer1.0.relu_1', 'relu', 'relu_1']);
    expect(model.graph.nodes.map((n) => n.outputs)).toEqual([
      ['layer1.0.conv1'],
      ['layer1.0.relu'],
      ['layer1.0.relu_1'],
      ['relu'],
      ['y'],
    ]);
    expect(model.graph.initializers.map((i) => i.name)).toEqual(['layer1.0.conv1.weight']);
  });

  test('a weight of an inner scope does not make its reader that scope', () => {
    const m = new Maker('g');
    const x = m.graph.input('x', type('f32', 2));
    m.graph.output('y', m.node(add, [x, m.weight('block.inner.gain', [2])], 'block'));
    expect(nodeNames(emitOnnx(m.graph))).toEqual(['block.add']);
  });

  test('of several nodes the one that makes the result has the name', () => {
    const m = new Maker('g');
    const x = m.graph.input('x', type('f32', 'N'));
    m.graph.output('y', m.relu(m.node(threeNodes, [x], 'a.b'), 'a'));
    const model = emitOnnx(m.graph);
    expect(nodeNames(model)).toEqual(['a.b.three_nodes.mul', 'a.b.three_nodes.mul_1', 'a.b.three_nodes', 'a.relu']);
    expect(model.graph.nodes[3]?.inputs).toEqual(['a.b.three_nodes']);
  });

  test('inputs, outputs and parameters keep theirs, whatever nodes are called', () => {
    const m = new Maker('g');
    const x = m.graph.input('relu', type('f32', 2));
    const y = m.node(add, [m.relu(x, ''), m.weight('add', [2])], '');
    m.graph.output('relu_1', m.relu(y, ''));
    const { graph } = emitOnnx(m.graph);
    expect(graph.inputs.map((v) => v.name)).toEqual(['relu']);
    expect(graph.outputs.map((v) => v.name)).toEqual(['relu_1']);
    expect(graph.initializers.map((v) => v.name)).toEqual(['add']);
    const all = [...graph.inputs, ...graph.initializers, ...graph.nodes.flatMap((n) => n.outputs.map((name) => ({ name })))].map(
      (v) => v.name,
    );
    expect(new Set(all).size).toBe(all.length);
  });

  test('what is no node of its own is copied to an output by Identity', async () => {
    const m = new Maker('g');
    const x = m.graph.input('x', type('f32', 2));
    const r = m.relu(x, '');
    m.graph.output('input', x);
    m.graph.output('constant', m.weight('w', [2]));
    m.graph.output('first', r);
    m.graph.output('second', r);
    m.graph.output('through', m.node(passOn, [r], ''));
    const model = emitOnnx(m.graph);
    expect(model.graph.nodes.map((n) => [n.opType, n.inputs, n.outputs])).toEqual([
      ['Relu', ['x'], ['first']],
      ['Identity', ['x'], ['input']],
      ['Identity', ['w'], ['constant']],
      ['Identity', ['first'], ['second']],
      ['Identity', ['first'], ['through']],
    ]);
    const session = await sessionOf(model, 'all');
    expect(session.outputNames).toEqual(['input', 'constant', 'first', 'second', 'through']);
  });

  test('several results are numbered', () => {
    const m = new Maker('g');
    const x = m.graph.input('x', type('f32', 4, 2));
    const [, q] = m.graph.create(halves, [x], {}, { scope: 's' }).results;
    if (q) m.graph.output('y', m.relu(q, 's'));
    expect(emitOnnx(m.graph).graph.nodes.map((n) => n.outputs)).toEqual([['s.halves.0', 's.halves.1'], ['y']]);
  });
});

describe('initializers', () => {
  test('anonymous constants of one content are stored once, named ones under each name', () => {
    const m = new Maker('g');
    const x = m.graph.input('x', type('f32', 20));
    const data = noise(20, 7);
    const same = (name?: string) => m.graph.constant(literal({ elem: 'f32', dims: [20], data }), 'parameter', name);
    let y = m.node(add, [x, same()], 'a');
    y = m.node(add, [y, same()], 'b');
    y = m.node(add, [y, same('b.one')], 'b');
    y = m.node(add, [y, same('b.two')], 'b');
    m.graph.output('y', y);
    const names = emitOnnx(m.graph).graph.initializers.map((i) => i.name);
    expect(names).toHaveLength(3);
    expect(names).toEqual(expect.arrayContaining(['b.one', 'b.two']));
    expect(names[0]).toMatch(/^a\.add\./);
  });

  test('small constants are named by their value and shared with those of lowerings', () => {
    const m = new Maker('g');
    const x = m.graph.input('x', type('f32', 2));
    const half = m.graph.constant(literal({ elem: 'f32', dims: [], data: Float64Array.of(0.5) }));
    const zero = m.graph.constant(literal({ elem: 'f32', dims: [], data: Float64Array.of(0) }));
    const minusZero = m.graph.constant(literal({ elem: 'f32', dims: [], data: Float64Array.of(-0) }));
    let y = m.node(threeNodes, [m.node(add, [x, half], '')], '');
    y = m.node(add, [m.node(add, [y, zero], ''), minusZero], '');
    m.graph.output('y', y);
    expect(emitOnnx(m.graph).graph.initializers.map((i) => i.name)).toEqual([
      'const.f32.0.5',
      'const.f32.2',
      'const.f32.0',
      'const.f32.-0',
    ]);
  });

  test('only what is read is written, and a transposed weight is computed while writing', async () => {
    const m = new Maker('g');
    const x = m.graph.input('x', type('f32', 2));
    const w = m.weight('fc.weight', [3, 2]);
    m.graph.output('y', m.node(timesTransposed, [x, w], 'fc'));
    const model = emitOnnx(m.graph);
    expect(model.graph.initializers.map((i) => [i.name, i.kind === 'tensor' && i.expr.dims])).toEqual([
      ['fc.weight.transposed', [2, 3]],
    ]);
    const stored = decodeModel(await onnxBytes(model)).graph?.initializer?.[0];
    const data = materializeSync(exprOf(w))?.data ?? [];
    expect(stored?.docString).toBe(`transpose(${exprOf(w).text()}, [1, 0])`);
    expect(stored && floatsOf(stored)).toEqual([0, 2, 4, 1, 3, 5].map((i) => data[i]));
  });

  test('the transposition of what is computed is a node, written once', () => {
    const m = new Maker('g');
    const x = m.graph.input('x', type('f32', 5, 2));
    const w = m.relu(m.graph.input('w', type('f32', 3, 2)), '');
    m.graph.output('y', m.node(add, [m.node(timesTransposed, [x, w], 'a'), m.node(timesTransposed, [x, w], 'b')], ''));
    const { graph } = emitOnnx(m.graph);
    expect(graph.nodes.map((n) => n.opType)).toEqual(['Relu', 'Transpose', 'MatMul', 'MatMul', 'Add']);
    expect(graph.valueInfo.find((v) => v.name === 'a.times_transposed.transpose')?.type?.dims).toEqual([2, 3]);
  });

  test('a folded weight keeps its name and says what it overflows', async () => {
    const m = new Maker('g');
    const x = m.graph.input('x', type('f32', 'N', 2, 3, 3));
    const big = literal({ elem: 'f32', dims: [4, 2, 1, 1], data: noise(8, 3, 1e38, 2e38) });
    const factor = literal({ elem: 'f32', dims: [4, 1, 1, 1], data: Float64Array.of(1, 1, 10, 1) });
    const weight = m.graph.constant(mul(big, factor), 'parameter', 'conv1.weight');
    m.graph.output('y', m.graph.create(conv, [x, weight, undefined], {}, { scope: 'conv1' }).y);
    await expect(onnxBytes(emitOnnx(m.graph))).rejects.toThrow(/RES0602.*conv1\.weight/);
    const path = leaf('conv1.weight', [4, 2, 1, 1], 'f32');
    m.graph.setContent(weight, mul(path, leaf('bn1.weight', [4, 1, 1, 1], 'f32')));
    const [stored] = emitOnnx(m.graph).graph.initializers;
    expect(stored?.name).toBe('conv1.weight');
    expect(stored && docOf(stored)).toBe('mul(conv1.weight[4, 2, 1, 1], bn1.weight[4, 1, 1, 1])');
  });
});

describe('sizes', () => {
  const [n, w] = [dim('N'), dim('W')];
  const h = Dim.symbol('H', 16);
  const cases: readonly Dim[] = [
    n,
    h.times(16),
    h,
    h.times(4).plus(1),
    w.plus(1).floordiv(2),
    w.minus(9).floordiv(2),
    n.times(w).times(w).minus(h.times(3)),
    n.negate().plus(5),
    Dim.min(n, w),
    Dim.max(n, w).plus(3),
    w.plus(2).floordiv(n),
    dim(7),
    w.minus(20).floordiv(3).times(n).plus(40),
  ];

  test.each([13, 14, 15, 17, 23])('are computed as their dimensions say, at opset %d', async (opset) => {
    const m = new Maker('sizes');
    const x = m.graph.input('x', type('f32', n, h.times(16), w));
    m.graph.output('sizes', m.node(sizesOf, [x], '', { shape: cases }));
    const model = emitOnnx(m.graph, { opset });
    for (const level of ['disabled', 'all'] as const) {
      const session = await sessionOf(model, level);
      for (const [N, H, W] of [
        [1, 16, 1],
        [3, 32, 5],
        [2, 48, 10],
      ] as const) {
        const { sizes } = await session.run({ x: new ort.Tensor('float32', new Float32Array(N * H * W), [N, H, W]) });
        const bindings = new Map([
          ['N', N],
          ['H', H],
          ['W', W],
        ]);
        const data = sizes?.data;
        expect(data instanceof BigInt64Array ? [...data].map(Number) : data).toEqual(cases.map((d) => d.evaluate(bindings)));
      }
    }
  });

  test('are solved from inputs that hold a symbol only within a sum', async () => {
    const m = new Maker('sizes');
    const x = m.graph.input('x', type('f32', w.times(3).plus(2), h.times(8).plus(1)));
    m.graph.output('sizes', m.node(sizesOf, [x], '', { shape: [w, h, h.times(16), w.times(3)] }));
    const session = await sessionOf(emitOnnx(m.graph), 'all');
    const { sizes } = await session.run({ x: new ort.Tensor('float32', new Float32Array(11 * 17), [11, 17]) });
    expect(sizes?.data).toEqual(BigInt64Array.of(3n, 2n, 32n, 9n));
  });

  test('are computed once for the whole graph', () => {
    const m = new Maker('sizes');
    const x = m.graph.input('x', type('f32', n, w));
    const shape = [n, w.plus(1), h.times(0).plus(4)];
    m.graph.output('a', m.node(sizesOf, [x], 'a', { shape }));
    m.graph.output('b', m.node(sizesOf, [x], 'b', { shape }));
    m.graph.output('c', m.node(sizesOf, [x], 'c', { shape: [w.plus(1), n] }));
    expect(emitOnnx(m.graph).graph.nodes.map((node) => node.opType)).toEqual([
      'Shape',
      'Shape',
      'Add',
      'Concat',
      'Identity',
      'Identity',
      'Concat',
      'Identity',
    ]);
  });

  test('a symbol that only an earlier value has is read from there; one that none has is an error', () => {
    const m = new Maker('sizes');
    const found = m.graph.freshDim('?found');
    const x = m.graph.input('x', type('f32', n));
    const made = m.node({ ...threeNodes, name: 'nonzero', infer: () => [type('f32', found)] }, [x], '');
    m.graph.output('y', m.node(sizesOf, [made], '', { shape: [found, n] }));
    expect(emitOnnx(m.graph).graph.nodes.find((node) => node.opType === 'Shape')?.inputs).toEqual(['nonzero']);
    m.graph.output('z', m.node(sizesOf, [x], '', { shape: [dim('K')] }));
    expect(() => emitOnnx(m.graph)).toThrow(/RES0610.*K/);
  });
});

describe('refusals', () => {
  const span = { file: { name: 'm.res', text: 'gelu gelu' }, start: 5, end: 9 };
  const m = new Maker('g');
  const x = m.graph.input('x', type('f32', 'N'));
  const bad = m.graph.create(refusing, [x], {}, { scope: 'mlp.0', span }).y;
  m.graph.output('y', m.graph.create(refusing, [m.relu(bad, '')], {}, { scope: 'mlp.1' }).y);

  test('all are reported, with operator, opset, place and hint', () => {
    const sink = new Sink();
    let error: unknown;
    try {
      emitOnnx(m.graph, { sink });
    } catch (e) {
      error = e;
    }
    expect(error).toBeInstanceOf(DiagnosticError);
    expect(error instanceof DiagnosticError && error.diagnostics).toEqual(sink.list);
    expect(sink.list).toMatchObject([
      { code: 'RES0601', title: 'refusing cannot be written at opset 17', hint: '--opset 20', span, within: ['mlp.0'] },
      { code: 'RES0601', within: ['mlp.1'] },
    ]);
  });

  test.each([12, 27, 17.5])('opset %d is refused', (opset) => {
    expect(() => emitOnnx(tinyResnet(), { opset })).toThrow('RES0600');
  });
});

describe('a residual network', () => {
  test('golden text', () => {
    golden(
      'emit/tiny-resnet.onnxtxt',
      onnxText(emitOnnx(tinyResnet(), { producerVersion: '0.1.0', metadata: { source: 'sha256:"0"', a: 'b' } })),
    );
  });

  test.each([
    [13, 7],
    [14, 7],
    [15, 8],
    [18, 8],
    [19, 9],
    [20, 9],
    [21, 10],
    [22, 10],
    [23, 11],
  ])('opset %d is written with IR version %d', (opset, irVersion) => {
    expect(emitOnnx(tinyResnet(), { opset })).toMatchObject({ opsets: new Map([['', opset]]), irVersion });
  });

  test('every value has a type, with equal texts for equal dimensions', async () => {
    const model = emitOnnx(tinyResnet());
    const graph = decodeModel(await onnxBytes(model)).graph;
    const typed = new Map(
      [...(graph?.input ?? []), ...(graph?.output ?? []), ...(graph?.valueInfo ?? [])].map((v) => [v.name, dimsOf(v)]),
    );
    for (const node of graph?.node ?? []) for (const name of node.output ?? []) expect(typed.has(name), name).toBe(true);
    expect(typed.get('layer2.0.bn2')).toEqual(['N', 8, 'floordiv(H + 3, 4)', 'floordiv(W + 3, 4)']);
    expect(typed.get('layer2.0.downsample.1')).toEqual(typed.get('layer2.0.bn2'));
  });

  test('bytes are the same for a graph built twice', async () => {
    expect(Buffer.compare(await onnxBytes(emitOnnx(tinyResnet())), await onnxBytes(emitOnnx(tinyResnet())))).toBe(0);
  });

  const constants = (graph: Graph) => {
    const held = new Map(graph.constants().map((value) => [value, materializeSync(exprOf(value))]));
    return (value: Parameters<typeof exprOf>[0]): HostTensor =>
      held.get(value) ?? { elem: 'f32', dims: [], data: new Float64Array(1) };
  };

  test.each([13, 17, 21])('runs in onnxruntime as the reference says, at opset %d', async (opset) => {
    const graph = tinyResnet(3);
    const dims = [2, 3, 9, 14];
    const data = noise(2 * 3 * 9 * 14, 99);
    const expected = evaluateGraph(graph, new Map([['image', { elem: 'f32', dims, data }]]), constants(graph)).get('logits');
    const largest = Math.max(...(expected?.data ?? []).map(Math.abs));
    expect(largest).toBeGreaterThan(0.01);
    for (const level of ['disabled', 'all'] as const) {
      const session = await sessionOf(emitOnnx(graph, { opset }), level);
      const { logits } = await session.run({ image: new ort.Tensor('float32', Float32Array.from(data), dims) });
      const got = logits?.data instanceof Float32Array ? logits.data : new Float32Array();
      expect(logits?.dims).toEqual([2, 8]);
      let worst = 0;
      expected?.data.forEach((v, i) => {
        worst = Math.max(worst, Math.abs(v - (got[i] ?? Number.NaN)));
      });
      expect(worst / largest).toBeLessThan(1e-5);
    }
  });

  test('what onnxruntime says of a node leads back to where it comes from', () => {
    const node = emitOnnx(tinyResnet()).graph.nodes.find((n) => n.name === 'layer2.0.downsample.0');
    expect(node?.origin?.residual?.part).toBe('shortcut');
  });
});

test('a chain of 15,000 nodes is emitted without recursion', () => {
  const m = new Maker('deep');
  let x = m.graph.input('x', type('f32', 'N'));
  for (let i = 0; i < 15000; i++) x = m.graph.create(relu, [x], {}, { scope: 'block' }).y;
  m.graph.output('y', x);
  const { graph } = emitOnnx(m.graph);
  expect(graph.nodes.at(-1)?.name).toBe('block.relu_14999');
});

test('a pad of zeros in front of a max pool is told from padding of the pool', async () => {
  const g = new Graph('g');
  const x = g.input('x', type('f32', 1, 1, 2, 2));
  const padded = g.create(pad, [x], { pads: [0, 0, 1, 1, 0, 0, 1, 1] }, { scope: 'pad' }).y;
  g.output('y', g.create(maxpool, [padded], { kernel: [2, 2], stride: 2 }, { scope: 'pool' }).y);
  for (const opset of [13, 17, 18, 23]) {
    const model = emitOnnx(g, { opset });
    const names = model.graph.nodes[1]?.attributes.map(({ name }) => name);
    expect(names).toEqual(['auto_pad', 'dilations', 'kernel_shape', 'strides']);
    const out = await (await sessionOf(model, 'all')).run({
      x: new ort.Tensor('float32', Float32Array.of(-1, -2, -3, -4), [1, 1, 2, 2]),
    });
    expect([...((out.y?.data ?? []) as Float32Array)]).toEqual([0, 0, 0, 0]);
  }
});
