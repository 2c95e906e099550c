import proto from 'onnx-proto';
import * as ort from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { emitOnnx } from '../../src/codegen/emit.ts';
import { memorySource } from '../../src/io/bytes.ts';
import { cloneGraph } from '../../src/ir/clone.ts';
import type { ForeignAttribute, LazyBytes } from '../../src/ir/foreign.ts';
import { Graph, type Node, type Value } from '../../src/ir/graph.ts';
import { foreignTypeOf, type TensorType } from '../../src/ir/types.ts';
import { verifyGraph } from '../../src/ir/verifier.ts';
import type { OnnxModel } from '../../src/onnx/model.ts';
import { readOnnxFile } from '../../src/onnx/read.ts';
import { onnxText } from '../../src/onnx/text.ts';
import { encodeModel, externalLayout, modelSize, onnxBytes } from '../../src/onnx/write.ts';
import { relu } from '../../src/ops/activation.ts';
import { add, mul } from '../../src/ops/elementwise.ts';
import { foreignOperator } from '../../src/ops/foreign.ts';
import { reshape } from '../../src/ops/reshape.ts';
import { literal } from '../support/tensors.ts';
import { decodeModel, dimsOf } from './decode.ts';
import { dim, type } from './models.ts';

const { AttributeProto, TypeProto } = proto.onnx;
const kinds = AttributeProto.AttributeType;

const lazy = (bytes: Uint8Array): LazyBytes => memorySource('attribute', bytes);

function attribute(given: proto.onnx.IAttributeProto): ForeignAttribute {
  const bytes = AttributeProto.encode(AttributeProto.create(given)).finish();
  return { kind: 'bytes', name: given.name ?? '', bytes: lazy(Uint8Array.from(bytes)) };
}

const body = (name: string, ...regions: readonly number[]): ForeignAttribute => ({
  kind: 'graphs',
  name,
  regions,
  plural: false,
});

interface Foreign {
  readonly attributes?: readonly ForeignAttribute[];
  readonly domain?: string;
  readonly outputs?: readonly boolean[];
  readonly rest?: Uint8Array;
  readonly regions?: readonly Graph[];
  readonly name?: string;
  readonly results?: readonly (string | undefined)[];
}

function foreign(
  graph: Graph,
  opType: string,
  operands: readonly (Value | undefined)[],
  types: readonly TensorType[],
  f: Foreign = {},
): Node {
  const {
    attributes = [],
    domain = '',
    outputs = types.map(() => true),
    rest = new Uint8Array(),
    regions = [],
    results = [],
  } = f;
  const op = foreignOperator({ domain, opType, attributes, outputs, rest }, types);
  const origin = { scope: f.name ?? opType.toLowerCase(), ...(f.name !== undefined && { name: f.name }) };
  const node = graph.create(op, operands, {}, origin, undefined, regions);
  node.results.forEach((value, i) => {
    value.name = results[i];
  });
  return node;
}

const numbers = (graph: Graph, data: readonly number[], dims: readonly number[] = [data.length], name?: string): Value =>
  graph.constant(literal({ elem: 'f32', dims, data: Float64Array.from(data) }), 'constant', name);
const int64 = (graph: Graph, data: readonly number[], dims: readonly number[] = [data.length]): Value =>
  graph.constant(literal({ elem: 'i64', dims, data: Float64Array.from(data) }));
const bool = (graph: Graph, value: boolean): Value =>
  graph.constant(literal({ elem: 'bool', dims: [], data: Float64Array.of(value ? 1 : 0) }));

async function run(
  model: OnnxModel,
  feeds: Readonly<Record<string, ort.Tensor>>,
): Promise<ort.InferenceSession.OnnxValueMapType> {
  const session = await ort.InferenceSession.create(await onnxBytes(model), { logSeverityLevel: 3 });
  return session.run(feeds);
}
const floats = (data: readonly number[], dims: readonly number[] = [data.length]): ort.Tensor =>
  new ort.Tensor('float32', Float32Array.from(data), dims);
const listOf = (tensor: ort.Tensor | undefined): readonly number[] => Array.from((tensor?.data ?? []) as Float32Array, Number);

/** Sound before and after a copy, which is emitted. */
function emitted(graph: Graph, options: Parameters<typeof emitOnnx>[1] = {}): OnnxModel {
  expect(verifyGraph(graph)).toEqual([]);
  const copy = cloneGraph(graph);
  expect(verifyGraph(copy)).toEqual([]);
  return emitOnnx(copy, options);
}

describe('foreign nodes', () => {
  test('go back with every attribute, field and domain as they were', async () => {
    const g = new Graph('g');
    const x = g.input('x', type('f32', 'N', 4));
    const attributes = [
      attribute({ name: 'z', type: kinds.INT, i: -7 }),
      attribute({ name: 'b', type: kinds.FLOATS, floats: [0.5, 2] }),
      attribute({ name: 'a', type: kinds.STRINGS, strings: [Buffer.from('one'), Buffer.from('two')] }),
      attribute({ name: 't', type: kinds.TENSOR, t: { dims: [2], dataType: 1, floatData: [1, 2] } }),
      attribute({ name: 'n', type: kinds.TYPE_PROTO }),
    ];
    // NodeProto.doc_string, field 6.
    const rest = Uint8Array.of(50, 2, 104, 105);
    const node = foreign(g, 'Foo', [x, undefined, numbers(g, [1, 2, 3, 4], [4], 'w'), undefined], [type('f32', 'N', 4)], {
      attributes,
      domain: 'my.own',
      rest,
      name: 'first/Foo',
      results: ['first/Foo_output_0'],
    });
    g.output('y', g.create(relu, [node.y], {}, { scope: 'r', name: '' }).y);
    const model = emitted(g, {
      source: {
        irVersion: 10,
        domains: new Map([
          ['my.own', 3],
          ['gone', 1],
        ]),
        producerName: 'pytorch',
        producerVersion: '2.5',
      },
    });
    const decoded = decodeModel(await onnxBytes(model));
    expect(Number(decoded.irVersion)).toBe(10);
    expect(decoded.opsetImport.map((o) => [o.domain, Number(o.version)])).toEqual([
      ['', 17],
      ['my.own', 3],
    ]);
    expect(decoded.metadataProps.map((m) => [m.key, m.value])).toEqual([['rescc.producer', 'pytorch 2.5']]);
    const [foo, last] = decoded.graph?.node ?? [];
    expect(foo?.domain).toBe('my.own');
    expect(foo?.docString).toBe('hi');
    expect([foo?.name, foo?.opType, foo?.input, foo?.output]).toEqual([
      'first/Foo',
      'Foo',
      ['x', '', 'w'],
      ['first/Foo_output_0'],
    ]);
    expect(last?.output).toEqual(['y']);
    const sent = attributes.map((a) => (a.kind === 'bytes' ? [...(a.bytes.readSync?.(0, a.bytes.size) ?? [])] : []));
    expect(foo?.attribute?.map((a) => [...AttributeProto.encode(AttributeProto.create(a)).finish()])).toEqual(sent);
  });

  test('a result that the source leaves out stays left out', async () => {
    const g = new Graph('g');
    const x = g.input('x', type('f32', 1, 1, 4));
    const pooled = foreign(g, 'MaxPool', [x], [type('f32', 1, 1, 2), type('i64', 1, 1, 2)], {
      attributes: [
        attribute({ name: 'kernel_shape', type: kinds.INTS, ints: [2] }),
        attribute({ name: 'strides', type: kinds.INTS, ints: [2] }),
      ],
      outputs: [true, false],
    });
    const lstm = foreign(
      g,
      'LSTM',
      [pooled.y, numbers(g, [1, 2, 3, 4, 5, 6, 7, 8], [1, 4, 2]), numbers(g, [1, 2, 3, 4], [1, 4, 1])],
      [type('f32', 1, 1, 1, 1), type('f32', 1, 1, 1), type('f32', 1, 1, 1)],
      { attributes: [attribute({ name: 'hidden_size', type: kinds.INT, i: 1 })], outputs: [false, true, false] },
    );
    const h = lstm.results[1];
    if (h) g.output('h', h);
    const model = emitted(g);
    expect(model.graph.nodes.map((n) => n.outputs)).toEqual([
      ['maxpool.onnx.MaxPool.0', ''],
      ['', 'h', ''],
    ]);
    expect(listOf((await run(model, { x: floats([1, 2, 3, 4], [1, 1, 4]) })).h)).toHaveLength(1);
  });

  test('a large attribute streams, and sizes are exact whichever way it is read', async () => {
    const given = {
      name: 'data',
      type: kinds.STRING,
      s: Buffer.from(Array.from({ length: 1_200_000 }, (_, i) => i * 31 + (i >> 8))),
    };
    const whole = AttributeProto.encode(AttributeProto.create(given)).finish();
    const short = AttributeProto.encode(AttributeProto.create({ name: 'few', type: kinds.INT, i: 3 })).finish();
    const head = attribute({ name: 'head', type: kinds.INT, i: 1 });
    let largest = 0;
    const part = (of: Uint8Array, start: number, length: number): Uint8Array => {
      largest = Math.max(largest, length);
      return of.subarray(start, start + length);
    };
    const sources: readonly LazyBytes[] = [
      { size: whole.length, read: (start, length) => Promise.resolve(part(whole, start, length)) },
      { size: whole.length, read: () => Promise.reject(new Error('not asked')), readSync: (start, n) => part(whole, start, n) },
      { size: short.length, read: (start, length) => Promise.resolve(part(short, start, length)) },
    ];
    const g = new Graph('g');
    let x = g.input('x', type('f32', 2));
    const inner = new Graph('inner', g);
    const other = new Graph('other', g);
    const deep = (graph: Graph): Value =>
      foreign(graph, 'Blob', [x], [type('f32', 2)], {
        domain: 'd',
        attributes: [head, ...sources.map((bytes, i): ForeignAttribute => ({ kind: 'bytes', name: `b${i}`, bytes })), head],
      }).y;
    inner.output('then', deep(inner));
    other.output('else', deep(other));
    x = foreign(g, 'If', [bool(g, true)], [type('f32', 2)], {
      attributes: [body('then_branch', 0), body('else_branch', 1)],
      regions: [inner, other],
    }).y;
    g.output('y', deep(g));
    const model = emitted(g);
    const pieces: Uint8Array[] = [];
    for await (const piece of encodeModel(model)) pieces.push(piece.slice());
    const bytes = Buffer.concat(pieces);
    expect(bytes.length).toBe(modelSize(model));
    expect(largest).toBeLessThanOrEqual(1048576);
    const [branches, last] = decodeModel(bytes).graph?.node ?? [];
    const blobs = [...(branches?.attribute ?? []).map((a) => a.g?.node?.[0]), last];
    for (const blob of blobs) {
      expect(blob?.attribute?.map((a) => a.name)).toEqual(['head', 'data', 'data', 'few', 'head']);
      for (const i of [1, 2]) expect(Buffer.compare(Buffer.from(blob?.attribute?.[i]?.s ?? []), given.s)).toBe(0);
    }
  });
});

describe('sub-graphs', () => {
  test('If: branches read outer values and constants, and their outputs are their own', async () => {
    const g = new Graph('g');
    const x = g.input('x', type('f32', 'N'));
    const flag = g.input('flag', type('bool'));
    const w = numbers(g, [2], [1], 'w');
    const scaled = g.create(mul, [x, w], {}, { scope: 'scale', name: 'scale' }).y;
    scaled.name = 'scaled';
    const yes = new Graph('yes', g);
    const no = new Graph('no', g);
    const sum = yes.create(add, [scaled, w], {}, { scope: 'sum', name: 'sum' }).y;
    sum.name = 'local';
    yes.output('out', sum);
    yes.output('same', scaled);
    yes.output('again', sum);
    const product = no.create(mul, [x, x], {}, { scope: 'sum', name: 'sum' }).y;
    product.name = 'local';
    no.output('out', product);
    no.output('same', product);
    no.output('again', w);
    const node = foreign(g, 'If', [flag], [type('f32', 'N'), type('f32', 'N'), type('f32', '?k')], {
      attributes: [body('else_branch', 1), body('then_branch', 0)],
      regions: [yes, no],
      results: ['a', 'b', 'c'],
    });
    for (const [i, value] of node.results.entries()) g.output(`y${i}`, value);
    const model = emitted(g);
    expect(model.graph.initializers.map((i) => i.name)).toEqual(['w']);
    const [elseBranch, thenBranch] =
      model.graph.nodes[1]?.attributes.map((attr) => (attr.kind === 'graph' ? attr.value : undefined)) ?? [];
    expect(thenBranch?.outputs.map((o) => o.name)).toEqual(['out', 'same', 'again']);
    expect(elseBranch?.outputs.map((o) => o.name)).toEqual(['out', 'same', 'again']);
    expect(thenBranch?.nodes.map((n) => [n.opType, n.inputs, n.outputs])).toEqual([
      ['Add', ['scaled', 'w'], ['out']],
      ['Identity', ['scaled'], ['same']],
      ['Identity', ['out'], ['again']],
    ]);
    const feeds = (value: boolean) => ({ x: floats([1, 3]), flag: new ort.Tensor('bool', Uint8Array.of(value ? 1 : 0), []) });
    const taken = await run(model, feeds(true));
    expect([taken.y0, taken.y1, taken.y2].map(listOf)).toEqual([
      [4, 8],
      [2, 6],
      [4, 8],
    ]);
    const other = await run(model, feeds(false));
    expect([other.y0, other.y1, other.y2].map(listOf)).toEqual([[1, 9], [1, 9], [2]]);
  });

  test('Loop: sizes are computed where they are read, and inner names stay inside', async () => {
    const g = new Graph('g');
    const x = g.input('x', type('f32', 'N', 'C'));
    const loop = new Graph('body', g);
    loop.input('i', type('i64'));
    const go = loop.input('go', type('bool'));
    const state = loop.input('state', type('f32', 'N', 'C'));
    const flat = loop.create(reshape, [state], { shape: [dim('N').times(dim('C'))] }, { scope: 'flat' }).y;
    const doubled = loop.create(add, [flat, flat], {}, { scope: 'double' }).y;
    const back = loop.create(reshape, [doubled], { shape: [dim('N'), dim('C')] }, { scope: 'back' }).y;
    loop.output('go_on', go);
    loop.output('next', back);
    loop.output('scanned', flat);
    const node = foreign(
      g,
      'Loop',
      [int64(g, [3], []), undefined, x],
      [type('f32', 'N', 'C'), type('f32', '?trips', dim('N').times(dim('C')))],
      { attributes: [body('body', 0)], regions: [loop] },
    );
    const flatX = g.create(reshape, [node.y], { shape: [dim('C'), dim('N')] }, { scope: 'tail' }).y;
    g.output('y', flatX);
    const all = node.results[1];
    if (all) g.output('all', all);
    const model = emitted(g);
    const [attr] = model.graph.nodes.find((n) => n.opType === 'Loop')?.attributes ?? [];
    const inner = attr?.kind === 'graph' ? attr.value : undefined;
    expect(inner?.nodes.map((n) => n.opType)).toEqual(['Reshape', 'Add', 'Shape', 'Shape', 'Concat', 'Reshape', 'Identity']);
    // What the body computed cannot be read outside.
    expect(model.graph.nodes.map((n) => n.opType)).toEqual(['Loop', 'Shape', 'Shape', 'Concat', 'Reshape']);
    expect(inner?.inputs.map((i) => i.name)).toEqual(['i', 'go', 'state']);
    expect(dimsOf(decodeModel(await onnxBytes(model)).graph?.output?.[1] ?? {})).toEqual([0, 'N*C']);
    const out = await run(model, { x: floats([1, 2, 3, 4, 5, 6], [2, 3]) });
    expect(listOf(out.y)).toEqual([8, 16, 24, 32, 40, 48]);
    expect(out.all?.dims).toEqual([3, 6]);
  });

  test('a name that a graph around it has is given up inside', async () => {
    const g = new Graph('g');
    const x = g.input('x', type('f32', 2));
    const yes = new Graph('yes', g);
    const no = new Graph('no', g);
    for (const branch of [yes, no]) {
      const r = branch.create(relu, [x], {}, { scope: 'r' }).y;
      r.name = 'x';
      const s = branch.create(relu, [r], {}, { scope: 'r' }).y;
      branch.output('y', s);
    }
    const node = foreign(g, 'If', [bool(g, true)], [type('f32', 2)], {
      attributes: [body('then_branch', 0), body('else_branch', 1)],
      regions: [yes, no],
    });
    g.output('y', node.y);
    const model = emitted(g);
    const names =
      model.graph.nodes[0]?.attributes.flatMap((a) => (a.kind === 'graph' ? a.value.nodes.flatMap((n) => n.outputs) : [])) ?? [];
    expect(new Set(names).size).toBe(4);
    expect(names).not.toContain('x');
    expect(names).not.toContain('y');
    expect(listOf((await run(model, { x: floats([-1, 2]) })).y)).toEqual([0, 2]);
  });

  test('several in one attribute, and fields that nothing knows', async () => {
    const g = new Graph('g');
    const x = g.input('x', type('f32', 2));
    const made = [0, 1].map((i) => {
      const graph = new Graph(`part${i}`, g);
      graph.output('o', graph.create(relu, [x], {}, { scope: 'r' }).y);
      // GraphProto.doc_string, field 10.
      graph.rest = Uint8Array.of(82, 1, 97 + i);
      return graph;
    });
    const attributes: readonly ForeignAttribute[] = [{ kind: 'graphs', name: 'parts', regions: [1, 0], plural: true }];
    g.output('y', foreign(g, 'Switch', [x], [type('f32', 2)], { domain: 'd', attributes, regions: made }).y);
    g.rest = Uint8Array.of(82, 1, 122);
    const model = emitted(g, { source: { rest: Uint8Array.of(40, 9) } });
    const decoded = decodeModel(await onnxBytes(model));
    expect(Number(decoded.modelVersion)).toBe(9);
    expect(decoded.graph?.docString).toBe('z');
    expect(decoded.graph?.node?.[0]?.attribute?.[0]?.graphs?.map((p) => [p.name, p.docString])).toEqual([
      ['part1', 'b'],
      ['part0', 'a'],
    ]);
  });
});

describe('names of an imported graph', () => {
  test('values and nodes keep theirs where they are free', () => {
    const g = new Graph('g');
    const x = g.input('x', type('f32', 2));
    const make = (from: Value, node: string, value: string): Value => {
      const y = g.create(relu, [from], {}, { scope: node, name: node }).y;
      y.name = value;
      return y;
    };
    const a = make(x, 'Relu_0', '17');
    const b = make(a, 'Relu_0', '18');
    const c = make(b, '', 'x');
    const d = make(c, 'Relu_0_1', 'w');
    const e = g.create(add, [d, numbers(g, [1, 2], [2], 'w')], {}, { scope: 'add' }).y;
    g.output('y', make(e, 'last', 'inner'));
    const { graph } = emitted(g);
    expect(graph.nodes.map((n) => [n.name, n.outputs[0]])).toEqual([
      ['Relu_0', '17'],
      ['Relu_0_2', '18'],
      ['x', 'x_1'],
      ['Relu_0_1', 'w'],
      ['add.add', 'add.add'],
      ['last', 'y'],
    ]);
    expect(graph.initializers.map((i) => i.name)).toEqual(['w_1']);
  });

  test('an input or a constant that is an output under its own name needs no copy', async () => {
    const g = new Graph('g');
    const x = g.input('x', type('f32', 2));
    g.output('x', x);
    g.output('w', numbers(g, [3, 4], [2], 'w'));
    g.output('v', x);
    const model = emitted(g);
    expect(model.graph.nodes.map((n) => [n.opType, n.inputs, n.outputs])).toEqual([['Identity', ['x'], ['v']]]);
    const out = await run(model, { x: floats([1, 2]) });
    expect([out.x, out.w, out.v].map(listOf)).toEqual([
      [1, 2],
      [3, 4],
      [1, 2],
    ]);
  });

  test('sizes of the run have names inside, and none at inputs and outputs', async () => {
    const g = new Graph('g');
    const x = g.input('x', type('f32', '?x_0', '?x_1', 'N', 'batch size', 'escaped'));
    const y = g.create(relu, [x], {}, { scope: 'a' }).y;
    g.output('y', g.create(relu, [y], {}, { scope: 'b' }).y);
    const model = emitted(g, { source: { dimNames: new Map([['escaped', '?x_0']]) } });
    const text = onnxText(model);
    expect(text).toContain('g (float[?,?,N,"batch size","?x_0"] x) => (float[?,?,N,"batch size","?x_0"] y)');
    expect(model.graph.valueInfo[0]?.type?.dims).toEqual(['?x_0', '?x_1', 'N', 'batch size', '?x_0']);
    const port = decodeModel(await onnxBytes(model)).graph?.input?.[0]?.type?.tensorType?.shape?.dim ?? [];
    expect(port.map((d) => d.dimParam ?? '')).toEqual(['', '', 'N', 'batch size', '?x_0']);
  });

  test('inputs with a value where none is given', async () => {
    const g = new Graph('g');
    const x = g.input('x', type('f32', 2));
    const w = g.input('w', type('f32', 2));
    g.defaults.set(w, literal({ elem: 'f32', dims: [2], data: Float64Array.of(10, 20) }));
    g.output('y', g.create(add, [x, w], {}, { scope: 'a' }).y);
    const model = emitted(g);
    expect(model.graph.initializers.map((i) => i.name)).toEqual(['w']);
    expect(listOf((await run(model, { x: floats([1, 2]) })).y)).toEqual([11, 22]);
    // onnxruntime's JavaScript does not let one give it, so that only the file can say that one could.
    expect(decodeModel(await onnxBytes(model)).graph?.input?.map((i) => i.name)).toEqual(['x', 'w']);
  });
});

describe('foreign types', () => {
  const sequence = foreignTypeOf({
    text: 'seq(tensor(float))',
    proto: TypeProto.encode(
      TypeProto.create({
        sequenceType: { elemType: { tensorType: { elemType: 1, shape: { dim: [{ dimParam: 'N' }, { dimValue: 2 }, {}] } } } },
      }),
    ).finish(),
  });

  test('a sequence passes from node to node', async () => {
    const g = new Graph('g');
    const x = g.input('x', type('f32', 2));
    const list = foreign(g, 'SequenceConstruct', [x, x], [foreignTypeOf({ text: 'unknown' })]);
    const more = foreign(g, 'SequenceInsert', [list.y, x], [sequence]);
    g.output(
      'y',
      foreign(g, 'ConcatFromSequence', [more.y], [type('f32', '?n')], {
        attributes: [attribute({ name: 'axis', type: kinds.INT, i: 0 })],
      }).y,
    );
    const model = emitted(g);
    expect(model.graph.valueInfo.map((v) => v.name)).toEqual(['sequenceinsert.onnx.SequenceInsert']);
    expect(listOf((await run(model, { x: floats([1, 2]) })).y)).toEqual([1, 2, 1, 2, 1, 2]);
    expect(onnxText(model)).toContain('seq(float[N,2,?]) "sequenceinsert.onnx.SequenceInsert"');
  });

  test('a constant of 8-bit floats has its type, shape and bytes, inline and outside', async () => {
    const g = new Graph('g');
    const fp8 = (data: readonly number[], dims: readonly number[], name: string): Value => {
      const value = g.constant(literal({ elem: 'u8', dims: [data.length], data: Float64Array.from(data) }), 'constant', name);
      value.type = foreignTypeOf({ text: `float8e4m3fn[${dims.join()}]`, tensor: { dataType: 17, dims } });
      return value;
    };
    const w = fp8([56, 64, 72, 80], [2, 2], 'w');
    const plain = g.constant(literal({ elem: 'u8', dims: [4], data: Float64Array.of(56, 64, 72, 80) }));
    const y = foreign(g, 'DequantizeLinear', [w, numbers(g, [0.5], [])], [type('f32', 2, 2)]).y;
    g.output('y', y);
    g.output('raw', plain);
    g.output('w', w);
    const model = emitted(g, { opset: 19 });
    const decoded = decodeModel(await onnxBytes(model));
    const tensor = decoded.graph?.initializer?.find((t) => t.name === 'w');
    expect([tensor?.dataType, tensor?.dims?.map(Number), [...(tensor?.rawData ?? [])]]).toEqual([17, [2, 2], [56, 64, 72, 80]]);
    expect(decoded.graph?.initializer).toHaveLength(3);
    expect(decoded.graph?.output?.[2]?.type?.tensorType?.elemType).toBe(17);
    expect(onnxText(model)).toContain('float8e4m3fn[2,2] w');
    const large = fp8(
      Array.from({ length: 5000 }, (_, i) => i % 7),
      [5000],
      'large',
    );
    g.output('z', foreign(g, 'DequantizeLinear', [large, numbers(g, [0.5], [])], [type('f32', 5000)]).y);
    const bigger = emitted(g, { opset: 19 });
    const layout = externalLayout(bigger, 'data.bin');
    expect(layout.entries.size).toBe(1);
    let size = 0;
    for await (const piece of encodeModel(bigger, { external: layout })) size += piece.length;
    expect(size).toBe(modelSize(bigger, layout));
  });
});

test('the text form of ONNX shows what it has words for, and says of the rest that it is there', async () => {
  const g = new Graph('g');
  const x = g.input('x', type('f32', 2));
  const attributes = [
    attribute({ name: 'i', type: kinds.INT, i: -7 }),
    attribute({ name: 'is', type: kinds.INTS, ints: [1, -2] }),
    attribute({ name: 'f', type: kinds.FLOAT, f: 1 }),
    attribute({ name: 'fs', type: kinds.FLOATS, floats: [] }),
    attribute({ name: 's', type: kinds.STRING, s: Buffer.from('a"b') }),
    attribute({ name: 't', type: kinds.TENSOR, t: { dims: [1], dataType: 1, floatData: [1] } }),
  ];
  g.output('y', foreign(g, 'Foo', [x], [type('f32', 2)], { domain: 'a.b', attributes, name: 'n' }).y);
  const model = emitted(g);
  // The graph knows only the bytes; a reader of the file knows what they say.
  expect(onnxText(model)).toContain('[n] y = a.b.Foo (x) # i: 17 bytes, is: ');
  expect(onnxText(await readOnnxFile(memorySource('foo.onnx', await onnxBytes(model))))).toContain(
    String.raw`[n] y = a.b.Foo <i = -7, is = [1, -2], f = 1.0, fs: floats = [], s = "a\"b", t = float[1] {1.0}> (x)`,
  );
});
