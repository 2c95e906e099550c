import proto from 'onnx-proto';
import { describe, expect, test } from 'vitest';
import { bug, DiagnosticError } from '../../src/diagnostics/diagnostic.ts';
import type { ByteSource } from '../../src/io/bytes.ts';
import { type ElemType, elemBytes } from '../../src/ir/types.ts';
import type { MadeTensor } from '../../src/onnx/encode.ts';
import {
  floatAttribute,
  floatsAttribute,
  intAttribute,
  intsAttribute,
  madeNode,
  stringAttribute,
  tensorAttribute,
} from '../../src/onnx/make.ts';
import type { OnnxGraph, OnnxModel, OnnxNode } from '../../src/onnx/model.ts';
import {
  bytesOf,
  chunkElements,
  encodeModel,
  externalData,
  externalLayout,
  largestMessage,
  modelPieces,
  modelSize,
  onnxBytes,
  type Piece,
  tensorBytes,
} from '../../src/onnx/write.ts';
import type { WeightExpr } from '../../src/tensor/expr.ts';
import { storedTensor } from '../../src/tensor/stored.ts';
import { decodeModel, dimsOf, floatsOf, int64sOf } from '../codegen/decode.ts';
import { session } from '../support/tensors.ts';
import { computed, type Fill, folded } from './computed.ts';

type Stored = Extract<MadeTensor, { readonly kind: 'tensor' }>;
const lazy = (name: string, dims: readonly number[], fill: Fill, elem: ElemType = 'f32'): Stored => ({
  kind: 'tensor',
  name,
  expr: computed(elem, dims, fill),
});
const each =
  (value: (i: number) => number): Fill =>
  (start, out) => {
    for (let i = 0; i < out.length; i++) out[i] = value(start + i);
  };
const tensor = (name: string, dims: readonly number[], value: (i: number) => number, elem: ElemType = 'f32'): Stored =>
  lazy(name, dims, each(value), elem);

function modelOf(initializers: readonly MadeTensor[], nodes: readonly OnnxNode[] = []) {
  return {
    irVersion: 8,
    opsets: new Map([['', 17]]),
    producerName: 'rescc',
    producerVersion: '1.2.3',
    metadata: [
      ['größe', '"1"'],
      ['source', 'sha256:0'],
    ],
    graph: {
      name: 'g',
      nodes,
      initializers,
      inputs: [{ name: 'image', type: { elem: 'f32', dims: ['N', 3, 'floordiv(H + 1, 2)', 0] } }],
      outputs: [{ name: 'y', type: { elem: 'i64', dims: [] } }],
      valueInfo: [{ name: 'layer1.0.conv1', type: { elem: 'bf16', dims: [1, 2 ** 40] } }],
    },
    functions: [],
  } as const satisfies OnnxModel;
}

describe('messages', () => {
  const inner: OnnxGraph = {
    name: 'inner',
    nodes: [madeNode('Relu', 'n', ['a'], ['z'])],
    initializers: [],
    inputs: [],
    outputs: [{ name: 'z', type: { elem: 'f32', dims: [2] } }],
    valueInfo: [],
  };
  const value = { elem: 'i64', dims: [2], data: Float64Array.of(-1, 2 ** 40) } as const;
  const node = madeNode(
    'Conv',
    'layer1.0.conv1',
    ['image', '', 'w'],
    ['a', 'b'],
    [
      floatAttribute('alpha', 0.1),
      { name: 'body', kind: 'graph', value: inner },
      intAttribute('group', -1),
      stringAttribute('mode', 'réflect'),
      intsAttribute('none', []),
      intsAttribute('pads', [0, 1, 300, -2]),
      floatsAttribute('scales', [0.5, 2]),
      tensorAttribute(session, 'value', value),
    ],
  );
  const model = modelOf([tensor('w', [2, 3], (i) => i / 4), tensor('ids', [2], (i) => -i, 'i64')], [node]);

  test('come back from another decoder as they were', async () => {
    const decoded = decodeModel(await onnxBytes(model));
    expect([Number(decoded.irVersion), decoded.producerName, decoded.producerVersion]).toEqual([8, 'rescc', '1.2.3']);
    expect(decoded.opsetImport.map((o) => [o.domain, Number(o.version)])).toEqual([['', 17]]);
    expect(decoded.metadataProps.map((p) => [p.key, p.value])).toEqual(model.metadata);
    const graph = decoded.graph;
    expect(graph?.input?.map((v) => [v.name, v.type?.tensorType?.elemType, dimsOf(v)])).toEqual([
      ['image', 1, ['N', 3, 'floordiv(H + 1, 2)', 0]],
    ]);
    expect(
      graph?.output?.map((v) => [v.name, v.type?.tensorType?.elemType, v.type?.tensorType?.shape !== null, dimsOf(v)]),
    ).toEqual([['y', 7, true, []]]);
    expect(graph?.valueInfo?.map((v) => [v.name, v.type?.tensorType?.elemType, dimsOf(v)])).toEqual([
      ['layer1.0.conv1', 16, [1, 2 ** 40]],
    ]);
    const [w, ids] = graph?.initializer ?? [];
    expect([w?.name, w?.dims?.map(Number), w?.dataType, w && floatsOf(w)]).toEqual([
      'w',
      [2, 3],
      1,
      [0, 0.25, 0.5, 0.75, 1, 1.25],
    ]);
    expect([ids?.name, ids && int64sOf(ids)]).toEqual(['ids', [0, -1]]);
    const read = graph?.node?.[0];
    expect([read?.name, read?.opType, read?.input, read?.output]).toEqual([
      'layer1.0.conv1',
      'Conv',
      ['image', '', 'w'],
      ['a', 'b'],
    ]);
    const attrs = new Map(read?.attribute?.map((a) => [a.name, a]));
    expect([...attrs.values()].map((a) => a.type)).toEqual([1, 5, 2, 3, 7, 7, 6, 4]);
    expect(attrs.get('alpha')?.f).toBe(Math.fround(0.1));
    expect(attrs.get('body')?.g?.node?.map((n) => n.opType)).toEqual(['Relu']);
    expect(Number(attrs.get('group')?.i)).toBe(-1);
    expect(new TextDecoder().decode(attrs.get('mode')?.s ?? undefined)).toBe('réflect');
    expect(attrs.get('none')?.ints).toEqual([]);
    expect(attrs.get('pads')?.ints?.map(Number)).toEqual([0, 1, 300, -2]);
    expect(attrs.get('scales')?.floats).toEqual([0.5, 2]);
    expect(int64sOf(attrs.get('value')?.t ?? {})).toEqual([-1, 2 ** 40]);
  });

  test('what has no repeated numbers, which its proto3 schema packs, is byte for byte what onnx-proto encodes', async () => {
    const bytes = await onnxBytes(
      modelOf([], [{ ...node, attributes: node.attributes.filter(({ name }) => !['pads', 'scales', 'value'].includes(name)) }]),
    );
    const theirs = proto.onnx.ModelProto.encode(decodeModel(bytes)).finish();
    expect(Buffer.compare(bytes, theirs)).toBe(0);
  });

  test('are the same bytes every time and of the size planned', async () => {
    const first = await onnxBytes(model);
    expect(Buffer.compare(first, await onnxBytes(model))).toBe(0);
    expect(first.length).toBe(modelSize(model));
  });
});

describe('weights', () => {
  test.each([
    ['f16', [1, 2049, 65504], [0x3c00, 0x6800, 0x7bff]],
    ['bf16', [1, 257, -2], [0x3f80, 0x4380, 0xc000]],
  ] as const)('%s is rounded once, to nearest even', async (elem, values, bits) => {
    const decoded = decodeModel(await onnxBytes(modelOf([tensor('w', [3], (i) => values[i] ?? 0, elem)])));
    const raw = Uint8Array.from(decoded.graph?.initializer?.[0]?.rawData ?? []);
    expect([...new Uint16Array(raw.buffer)]).toEqual(bits);
  });

  test('sources that must be awaited are, and pieces do not depend on the tensor being a multiple of the chunk', async () => {
    const count = 2 * chunkElements + 5;
    const slow = lazy('w', [count], async (start, out) => {
      await Promise.resolve();
      for (let i = 0; i < out.length; i++) out[i] = start + i;
    });
    const decoded = decodeModel(await onnxBytes(modelOf([slow, tensor('one', [1], () => 7)])));
    const [w, one] = decoded.graph?.initializer ?? [];
    expect(w && floatsOf(w)).toEqual(Array.from({ length: count }, (_, i) => i));
    expect(one && floatsOf(one)).toEqual([7]);
  });

  test('a model of 1 GB passes through buffers of one chunk', async () => {
    // 128 tensors of 2 Mi f32 elements. The source does nothing, so that the bytes are all that is moved.
    const asked = new Set<number>();
    const arrays = new Set<ArrayBufferLike>();
    const large = Array.from({ length: 128 }, (_, i) =>
      lazy(`w${i}`, [2048, 1024], (_start, out) => {
        asked.add(out.length);
        arrays.add(out.buffer);
      }),
    );
    const model = modelOf(large);
    const buffers = new Set<ArrayBufferLike>();
    let bytes = 0;
    let longest = 0;
    for await (const piece of encodeModel(model)) {
      bytes += piece.length;
      longest = Math.max(longest, piece.length);
      buffers.add(piece.buffer);
    }
    expect(bytes).toBe(modelSize(model));
    expect(bytes).toBeGreaterThan(2 ** 30);
    expect([...asked]).toEqual([chunkElements]);
    expect(arrays.size).toBe(1);
    expect(buffers.size).toBeLessThanOrEqual(2);
    expect(longest).toBeLessThanOrEqual(chunkElements * 4);
  });

  test('sizes of models beyond 2 GiB are right, and onnxBytes refuses them', async () => {
    const model = modelOf(Array.from({ length: 3 }, (_, i) => tensor(`w${i}`, [1024, 1024, 256], () => 0)));
    expect(modelSize(model)).toBeGreaterThan(3 * 2 ** 30);
    expect(largestMessage).toBe(2147483647);
    await expect(onnxBytes(model)).rejects.toThrow('RES0603');
  });

  test('an aborted signal stops the stream', async () => {
    const controller = new AbortController();
    const pieces = encodeModel(modelOf([tensor('w', [chunkElements * 4], () => 1)]), { signal: controller.signal });
    await pieces.next();
    controller.abort(new Error('stop'));
    await expect(
      (async () => {
        for await (const _ of pieces);
      })(),
    ).rejects.toThrow('stop');
  });
});

describe('weights that lie in a file as they are written', () => {
  const count = 70000;
  /** Of any bits, NaNs with their payload among them. */
  const content = Uint8Array.from({ length: 8 * count + 1 }, (_, i) => (i * 2654435761) >>> 13);
  const at = (start: number, length: number): Uint8Array => content.subarray(start, start + length);
  const sources: Readonly<Record<string, Omit<ByteSource, 'name' | 'size'>>> = {
    'read into place': {
      read: () => Promise.reject(new Error('not asked')),
      readSync: () => bug('not asked'),
      readInto: (start, into) => into.set(at(start, into.length)),
    },
    'read at once': { read: () => Promise.reject(new Error('not asked')), readSync: at },
    awaited: { read: (start, length) => Promise.resolve(at(start, length)) },
  };
  const modelWith = async (elem: ElemType, how: string): Promise<OnnxModel> => {
    const source = { name: how, size: content.length, ...sources[how] } as ByteSource;
    const expr = await storedTensor(session, { source, offset: 1, elem, dims: [count], name: 'w' });
    return modelOf([{ kind: 'tensor', name: 'w', expr }]);
  };

  test.each(
    Object.keys(sources).flatMap((how) =>
      (['f32', 'f16', 'bf16', 'f64', 'i8', 'i64'] as const).map((elem) => [how, elem] as const),
    ),
  )('%s, %s are copied', async (how, elem) => {
    const model = await modelWith(elem, how);
    const pieces: Piece[] = [];
    for await (const piece of modelPieces(model)) if (!(piece instanceof Uint8Array)) pieces.push(piece);
    expect(pieces).toMatchObject([{ offset: 1, length: count * elemBytes[elem] }]);
    const raw = decodeModel(await onnxBytes(model)).graph?.initializer?.[0]?.rawData;
    expect(Buffer.compare(raw ?? new Uint8Array(), at(1, count * elemBytes[elem]))).toBe(0);
  });

  test('bools are 0 or 1, whatever the file has', async () => {
    const raw = decodeModel(await onnxBytes(await modelWith('bool', 'read at once'))).graph?.initializer?.[0]?.rawData;
    expect(raw?.every((byte, i) => byte === (content[i + 1] === 0 ? 0 : 1))).toBe(true);
  });

  test('big-endian ones are turned', async () => {
    const source = { name: 'big', size: content.length, ...sources['read at once'] } as ByteSource;
    const expr = await storedTensor(session, { source, offset: 0, elem: 'i32', dims: [count], bigEndian: true, name: 'w' });
    const raw = decodeModel(await onnxBytes(modelOf([{ kind: 'tensor', name: 'w', expr }]))).graph?.initializer?.[0]?.rawData;
    expect([...(raw ?? []).slice(0, 4)]).toEqual([...at(0, 4)].reverse());
  });
});

describe('folded weights', () => {
  const source = (value: (i: number) => number): WeightExpr => folded('f32', [4], each(value));
  const model = (elem: ElemType, value: number, sources = [source(() => 1)]): OnnxModel => {
    const expr = folded(
      elem,
      [4],
      each((i) => (i === 2 ? value : 1)),
      sources,
    );
    return modelOf([{ kind: 'tensor', name: 'conv1.weight', expr }]);
  };

  test.each([
    ['f32', 3.4028235677973366e38],
    ['f32', Number.NaN],
    ['f16', 65520],
    ['bf16', 3.4e38],
    ['f64', Number.NEGATIVE_INFINITY],
  ] as const)('%s %d is refused by name', async (elem, value) => {
    const error: unknown = await onnxBytes(model(elem, value)).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(DiagnosticError);
    expect(error instanceof DiagnosticError && error.diagnostics[0]).toMatchObject({
      code: 'RES0602',
      title: `weight conv1.weight has an element that ${elem} cannot hold`,
      hint: expect.stringMatching(/type with more range.*-O0/),
    });
    expect(String(error)).toContain('element 2 ');
  });

  test.each([
    ['f32', 3.4028235677973362e38],
    ['f16', 65519],
    ['bf16', 3.39e38],
  ] as const)('%s %d is the last that fits', async (elem, value) => {
    await expect(onnxBytes(model(elem, value))).resolves.toBeInstanceOf(Uint8Array);
  });

  test('what was not finite before may stay so', async () => {
    await expect(onnxBytes(model('f32', Number.NaN, [source(() => 1), source((i) => i / 0)]))).resolves.toBeInstanceOf(
      Uint8Array,
    );
    await expect(onnxBytes(modelOf([tensor('w', [1], () => Number.POSITIVE_INFINITY)]))).resolves.toBeInstanceOf(Uint8Array);
  });
});

describe('external data', () => {
  const model = modelOf([tensor('a', [1030], (i) => i), tensor('small', [4], (i) => i), tensor('b', [2048], (i) => -i)]);

  test.each([4096, 65536])('large tensors lie at multiples of %d', async (align) => {
    const layout = externalLayout(model, 'w.data', align);
    const data: number[] = [];
    for await (const piece of bytesOf(externalData(model, layout))) data.push(...piece);
    expect(data.length).toBe(layout.bytes);
    const bytes: number[] = [];
    for await (const piece of encodeModel(model, { external: layout })) bytes.push(...piece);
    expect(bytes.length).toBe(modelSize(model, layout));
    const read = decodeModel(Uint8Array.from(bytes)).graph?.initializer ?? [];
    expect(read.map((t) => [t.name, t.dataLocation, t.rawData?.length ?? 0])).toEqual([
      ['a', 1, 0],
      ['small', 0, 16],
      ['b', 1, 0],
    ]);
    for (const [i, initializer] of model.graph.initializers.entries()) {
      if (initializer.name === 'small') continue;
      const entries = new Map(read[i]?.externalData?.map((e) => [e.key, e.value]));
      const offset = Number(entries.get('offset'));
      expect(entries.get('location')).toBe('w.data');
      expect(offset % align).toBe(0);
      expect(Number(entries.get('length'))).toBe(tensorBytes(initializer));
      const values = new Float32Array(Uint8Array.from(data.slice(offset, offset + tensorBytes(initializer))).buffer);
      expect(values[5]).toBe(initializer.name === 'a' ? 5 : -5);
    }
  });
});
