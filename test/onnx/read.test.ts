/** The reader of ONNX files: what it keeps, what it refuses, and that no bytes make it do anything else. */
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import proto from 'onnx-proto';
import protobuf from 'protobufjs/minimal.js';
import { describe, expect, test } from 'vitest';
import { DiagnosticError } from '../../src/diagnostics/diagnostic.ts';
import { importOnnx } from '../../src/import/import.ts';
import { type ByteSource, memorySource } from '../../src/io/bytes.ts';
import { fileSource } from '../../src/io/node/file-source.ts';
import { inlineFunctions } from '../../src/onnx/functions.ts';
import type { OnnxAttribute, OnnxFile, OnnxTensor } from '../../src/onnx/model.ts';
import { readOnnxFile } from '../../src/onnx/read.ts';
import { protoOf, typeText } from '../../src/onnx/types.ts';
import { upgradeFile } from '../../src/onnx/upgrade.ts';
import { materialize } from '../../src/tensor/values.ts';
import { floats, longs, modelBytes, node, opened, value } from '../import/onnx-bytes.ts';

const onnx = proto.onnx;
type Graph = proto.onnx.IGraphProto;

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    // Anything else is a bug of ours, and the test shows where.
    if (error instanceof DiagnosticError) return error.diagnostics[0]?.code ?? '';
    throw error;
  }
  return 'none';
}
/** A field of bytes with its tag. */
const field = (number: number, ...parts: readonly Uint8Array[]): Uint8Array => {
  const bytes = Uint8Array.from(parts.flatMap((part) => [...part]));
  // protobufjs writes a Buffer, which is equal to no plain array.
  return Uint8Array.from(
    protobuf.Writer.create()
      .uint32(number * 8 + 2)
      .bytes(bytes)
      .finish(),
  );
};
const join2 = (...parts: readonly Uint8Array[]): Uint8Array => Uint8Array.from(parts.flatMap((part) => [...part]));
const text = (number: number, of: string): Uint8Array => field(number, new TextEncoder().encode(of));
const int = (number: number, of: number): Uint8Array =>
  protobuf.Writer.create()
    .uint32(number * 8)
    .int64(of)
    .finish();
const header = join2(int(1, 8), field(8, text(1, ''), int(2, 17)));
/** A model around the bytes of a graph. */
const around = (...graph: readonly Uint8Array[]): Uint8Array => join2(header, field(7, ...graph));

/** A source that has to be awaited, as in a browser. */
function awaited(bytes: Uint8Array): ByteSource {
  return { name: 'model.onnx', size: bytes.length, read: async (start, length) => bytes.slice(start, start + length) };
}
async function numbersOf(tensor: OnnxTensor | undefined): Promise<readonly number[]> {
  return tensor?.kind === 'tensor' ? [...(await materialize(tensor.expr)).data] : [];
}
const attributeOf = (file: OnnxFile, name: string): OnnxAttribute | undefined =>
  file.graph.nodes.flatMap((n) => n.attributes).find((a) => a.name === name);

const body: Graph = { name: 'body', node: [node('Relu', 'x -> inner')], output: [value('inner')] };
/** One of everything. */
const rich = modelBytes({
  opset: 17,
  opsets: { 'com.microsoft': 1 },
  graph: {
    docString: 'a graph',
    node: [
      node('Constant', 'c: -> c', { value: { tensor: floats('', [2], [1, 2]) } }),
      node('com.microsoft::Thing', 'thing: x,, c -> y, , z', {
        an_int: -5,
        ints: [1, -2, 3],
        a_float: { float: 0.5 },
        floats: { floats: [1, 0.25] },
        a_text: 'häß',
        texts: ['a', 'b'],
      }),
      node('If', 'yes -> u', { then_branch: { graph: body }, else_branch: { graph: body } }),
    ],
    input: [value('x', 1, ['N', 3, '', -1]), value('seq')],
    output: [value('y', 16), value('z', 17, [2])],
    valueInfo: [value('u', 7, [])],
    initializer: [
      floats('raw', [2, 2], [1, 2, 3, 4]),
      { name: 'typed', dataType: 1, dims: [3], floatData: [1.5, -2, 0.25] },
      { name: 'halves', dataType: 10, dims: [2], int32Data: [0x3c00, 0xc000] },
      { name: 'bytes', dataType: 3, dims: [2], int32Data: [-1, 5] },
      { name: 'long', dataType: 7, dims: [2], int64Data: [-1, 1e15] },
      { name: 'yes', dataType: 9, dims: [], int32Data: [1] },
      { name: 'strings', dataType: 8, dims: [1], stringData: [new TextEncoder().encode('hi')] },
      { name: 'eights', dataType: 17, dims: [3], rawData: Uint8Array.of(1, 2, 3) },
      { name: 'fours', dataType: 22, dims: [3], int32Data: [0x21, 3] },
    ],
  },
});

describe('a model', () => {
  for (const [how, source] of [
    ['at once', memorySource('model.onnx', rich)],
    ['awaited', awaited(rich)],
  ] as const)
    test(`is read with all that it has, ${how}`, async () => {
      const file = await readOnnxFile(source);
      expect([...file.opsets]).toEqual([
        ['', 17],
        ['com.microsoft', 1],
      ]);
      expect([file.irVersion, file.producerName, file.graph.name]).toEqual([8, 'test', 'main']);
      expect(file.graph.nodes.map((n) => [n.name, n.domain, n.opType, n.inputs, n.outputs])).toEqual([
        ['c', '', 'Constant', [], ['c']],
        ['thing', 'com.microsoft', 'Thing', ['x', '', 'c'], ['y', '', 'z']],
        ['', '', 'If', ['yes'], ['u']],
      ]);
      const { inputs, outputs, valueInfo, initializers, rest } = file.graph;
      expect(inputs.map((v) => [v.name, v.type?.elem, v.type?.dims, v.type && typeText(v.type)])).toEqual([
        ['x', 'f32', ['N', 3, undefined, undefined], 'f32[N, 3, ?, ?]'],
        ['seq', 'f32', undefined, 'f32'],
      ]);
      expect(outputs.map((v) => v.type && typeText(v.type))).toEqual(['bf16', 'float8e4m3fn[2]']);
      expect(outputs[1]?.type?.elem).toBeUndefined();
      expect(valueInfo[0]?.type?.dims).toEqual([]);
      expect(new TextDecoder().decode(rest)).toContain('a graph');
      const at = (name: string): OnnxTensor | undefined => initializers.find((t) => t.name === name);
      expect(await numbersOf(at('raw'))).toEqual([1, 2, 3, 4]);
      expect(await numbersOf(at('typed'))).toEqual([1.5, -2, 0.25]);
      expect(await numbersOf(at('halves'))).toEqual([1, -2]);
      expect(await numbersOf(at('bytes'))).toEqual([-1, 5]);
      expect(await numbersOf(at('long'))).toEqual([-1, 1e15]);
      expect(await numbersOf(at('yes'))).toEqual([1]);
      expect(at('strings')).toMatchObject({ kind: 'proto', text: 'string[1]' });
      const eights = at('eights');
      const fours = at('fours');
      expect(eights).toMatchObject({ kind: 'other', dataType: 17, dims: [3] });
      expect(eights?.kind === 'other' && [...(await materialize(eights.raw)).data]).toEqual([1, 2, 3]);
      expect(fours?.kind === 'other' && [...(await materialize(fours.raw)).data]).toEqual([0x21, 3]);
      const constant = attributeOf(file, 'value');
      expect(constant?.kind === 'tensor' && (await numbersOf(constant.value))).toEqual([1, 2]);
      for (const [name, kind, value] of [
        ['an_int', 'int', -5n],
        ['ints', 'ints', [1n, -2n, 3n]],
        ['a_float', 'float', 0.5],
        ['floats', 'floats', [1, 0.25]],
        ['a_text', 'string', 'häß'],
        ['texts', 'strings', ['a', 'b']],
      ] as const)
        expect(attributeOf(file, name)).toMatchObject({ kind, value });
      const branch = attributeOf(file, 'then_branch');
      expect(branch?.kind === 'graph' && branch.value.nodes[0]?.outputs).toEqual(['inner']);
    });

  test('keeps the bytes of attributes and types', async () => {
    const file = await opened(rich);
    const ints = attributeOf(file, 'ints');
    const bytes = await ints?.bytes?.read(0, ints.bytes.size);
    expect(bytes && onnx.AttributeProto.decode(bytes).ints.map(Number)).toEqual([1, -2, 3]);
    const type = file.graph.inputs[0]?.type;
    expect(type && onnx.TypeProto.decode(protoOf(type)).tensorType?.shape?.dim?.[0]?.dimParam).toBe('N');
  });

  test('may have its fields in any order, packed or not, and the last of a scalar counts', async () => {
    const tensor = join2(field(9, new Uint8Array(8)), int(1, 2), field(1, Uint8Array.of(1)), int(2, 7), int(2, 1), text(8, 'w'));
    const ints = field(5, text(1, 'packed'), field(8, Uint8Array.of(1, 2)), int(8, 3), int(20, 7));
    const graph = join2(field(5, tensor), field(1, ints, text(4, 'Foo'), text(4, 'Bar')));
    const file = await opened(join2(field(7, graph), field(8, int(2, 17)), int(1, 3), int(1, 9)));
    expect(file.irVersion).toBe(9);
    expect(file.graph.initializers[0]).toMatchObject({ kind: 'tensor', expr: { elem: 'f32', dims: [2, 1] } });
    expect(file.graph.nodes[0]).toMatchObject({ opType: 'Bar', attributes: [{ kind: 'ints', value: [1n, 2n, 3n] }] });
  });

  test('has attributes that do not say their kind', async () => {
    const file = await opened(around(field(1, text(4, 'Foo'), field(5, text(1, 'a'), int(3, 4)), field(5, text(1, 'b')))));
    expect(file.graph.nodes[0]?.attributes.map((a) => a.kind)).toEqual(['int', 'other']);
  });

  test('has unknown fields, which are kept', async () => {
    const graph = join2(field(1, text(4, 'Foo'), text(99, 'node'), text(8, 'over')), text(98, 'graph'));
    const file = await opened(join2(around(graph), text(97, 'model')));
    expect(file.graph.nodes[0]?.rest).toEqual(join2(text(99, 'node'), text(8, 'over')));
    expect(file.graph.nodes[0]?.overload).toBe('over');
    expect(file.graph.rest).toEqual(text(98, 'graph'));
    expect(file.rest).toEqual(text(97, 'model'));
  });

  test('has sequences, maps and optionals, which are named', async () => {
    const tensor = field(1, int(1, 1), field(2, field(1, int(1, 3))));
    const types = [
      field(4, field(1, tensor)),
      field(9, field(1, field(4, field(1, tensor)))),
      field(5, int(1, 7), field(2, tensor)),
    ];
    const file = await opened(around(...types.map((type, i) => field(11, text(1, `x${i}`), field(2, type)))));
    expect(file.graph.inputs.map((v) => v.type && typeText(v.type))).toEqual([
      'seq(f32[3])',
      'optional(seq(f32[3]))',
      'map(i64, f32[3])',
    ]);
    expect(file.graph.inputs.every((v) => v.type?.elem === undefined)).toBe(true);
  });

  test('keeps its training info, which an import leaves out and says so', async () => {
    const file = await opened(join2(around(), field(20, text(1, 'x'))));
    expect(file.training?.map((one) => one.size)).toEqual([text(1, 'x').length]);
    expect(importOnnx(file).notes).toEqual(['training_info is left out: the model is optimised for inference']);
  });
});

describe('sparse initialisers', () => {
  const sparse = (
    indices: proto.onnx.ITensorProto,
    dims: readonly number[],
    values = floats('s', [2], [5, 7]),
  ): Promise<OnnxFile> =>
    opened(modelBytes({ graph: { sparseInitializer: [{ values, indices, dims: [...dims] }], output: [value('s')] } }));
  test.each([
    ['offsets', longs('', [2], [1, 5])],
    ['coordinates', longs('', [2, 2], [0, 1, 1, 2])],
  ])('become dense: %s', async (_what, indices) => {
    const file = await sparse(indices, [2, 3]);
    expect(await numbersOf(file.graph.initializers[0])).toEqual([0, 5, 0, 0, 0, 7]);
    expect(file.notes).toEqual(['1 sparse initialiser of graph main are written dense']);
  });
  test.each([
    ['that descend', longs('', [2], [5, 1]), [2, 3]],
    ['outside', longs('', [2], [1, 6]), [2, 3]],
    ['negative', longs('', [2], [-1, 2]), [2, 3]],
    ['outside on an axis', longs('', [2, 2], [0, 1, 0, 3]), [2, 3]],
    ['of another count', longs('', [1], [1]), [2, 3]],
    ['in a shape without end', longs('', [2], [1, 2]), [2 ** 20, 2 ** 20]],
    ['of another type', floats('', [2], [1, 2]), [2, 3]],
  ])('are refused with places %s', async (_what, indices, dims) => {
    const work = sparse(indices, dims).then((file) => numbersOf(file.graph.initializers[0]));
    expect(await codeOf(work)).toBe('RES0658');
  });
});

describe('refused', () => {
  const nested = (depth: number): Uint8Array => {
    let graph: Uint8Array = new Uint8Array();
    for (let i = 0; i < depth; i++) graph = join2(field(1, text(4, 'If'), field(5, text(1, 'b'), field(6, graph), int(20, 5))));
    return around(graph);
  };
  const typeOf = (depth: number): Uint8Array => {
    let type = field(1, int(1, 1));
    for (let i = 0; i < depth; i++) type = field(4, field(1, type));
    return around(field(11, text(1, 'x'), field(2, type)));
  };
  const opset = (version: number): Uint8Array => modelBytes({ opset: version, graph: {} });
  const tensor = (...parts: readonly Uint8Array[]): Uint8Array => around(field(5, text(8, 'w'), ...parts));
  test.each([
    ['opset 0', opset(0), 'RES0651'],
    ['opset 1', opset(1), 'none'],
    ['opset 26', opset(26), 'none'],
    ['opset 27', opset(27), 'RES0651'],
    [
      'no opset of ONNX, whose operators are used',
      join2(int(1, 8), field(8, text(1, 'own'), int(2, 1)), field(7, field(1, text(4, 'Relu')))),
      'RES0651',
    ],
    [
      'no opset of ONNX, and none needed',
      join2(int(1, 8), field(8, text(1, 'own'), int(2, 1)), field(7, field(1, text(4, 'F'), text(7, 'own')))),
      'none',
    ],
    ['two opsets of one domain', join2(around(), field(8, int(2, 16))), 'RES0651'],
    ['ai.onnx as the name of the domain', join2(int(1, 8), field(8, text(1, 'ai.onnx'), int(2, 17)), field(7)), 'none'],
    ['nothing', new Uint8Array(), 'RES0650'],
    ['a text', new TextEncoder().encode('network { }'), 'RES0650'],
    ['no graph', header, 'RES0650'],
    // Protobuf merges them, and the second is empty.
    ['two graphs', join2(around(), field(7)), 'none'],
    ['a group', join2(around(), Uint8Array.of(0x1b, 0x1c)), 'RES0650'],
    ['field 0', join2(around(), Uint8Array.of(2, 0)), 'RES0650'],
    ['a name that is no UTF-8', around(field(1, field(4, Uint8Array.of(0xff)))), 'RES0650'],
    ['a name of 100,000 bytes', around(field(1, text(4, 'x'.repeat(100_000)))), 'RES0652'],
    ['sub-graphs 64 deep', nested(64), 'none'],
    ['sub-graphs 65 deep', nested(65), 'RES0652'],
    ['sub-graphs 20,000 deep', nested(300), 'RES0652'],
    ['types 1,000 deep', typeOf(1000), 'RES0650'],
    ['a million nodes', around(new Uint8Array(2_000_002).map((_, i) => (i % 2 === 0 ? 10 : 0))), 'RES0652'],
    ['an initialiser without a name', around(field(5, int(2, 1), int(1, 0))), 'RES0650'],
    ['a tensor with too few bytes', tensor(int(2, 1), int(1, 3), field(9, new Uint8Array(8))), 'RES0509'],
    ['a tensor of 2^60 elements', tensor(int(2, 1), int(1, 2 ** 30), int(1, 2 ** 30)), 'RES0509'],
    ['a negative size', tensor(int(2, 1), int(1, -1)), 'RES0509'],
    ['65 dimensions', tensor(int(2, 1), field(1, new Uint8Array(65))), 'RES0650'],
    [
      'a type with 65 dimensions',
      around(field(11, field(2, field(1, field(2, ...Array.from({ length: 65 }, () => field(1))))))),
      'RES0650',
    ],
    ['data outside of the folder', tensor(int(2, 1), int(14, 1), field(13, text(1, 'location'), text(2, '../x'))), 'RES0512'],
    ['data that is not there', tensor(int(2, 1), int(14, 1), field(13, text(1, 'location'), text(2, 'x'))), 'RES0513'],
    ['a segment', tensor(int(2, 1), field(3)), 'RES0509'],
  ])('%s', async (_what, bytes, code) => {
    expect(await codeOf(opened(bytes))).toBe(code);
  });

  test('every file that is cut off, or opened as one that is whole', async () => {
    for (let length = 0; length < rich.length; length++) {
      const bytes = rich.slice(0, length);
      const code = await codeOf(opened(bytes));
      // What ends behind the graph is whole but for the functions, of which there are none.
      expect(['RES0650', 'RES0501', ...(length > rich.length - 30 ? ['none', 'RES0651'] : [])]).toContain(code);
      if (length % 16 === 0) expect(await codeOf(readOnnxFile(awaited(bytes)))).toBe(code);
    }
  });

  test('every file with wrong bytes, or opened', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(rich.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        async (changes) => {
          const bytes = rich.slice();
          for (const [at, byte] of changes) bytes[at] = byte;
          const work = opened(bytes).then(async (file) => {
            const done = upgradeFile(inlineFunctions(file), 23);
            for (const tensor of done.graph.initializers) await numbersOf(tensor);
          });
          expect(await codeOf(work)).toMatch(/^(none|RES05\d\d|RES06[56]\d)$/);
        },
      ),
      { numRuns: 500, seed: 5 },
    );
  });
});

// As onnxruntime 1.30 takes them; of a length of 0 it reads what the shape says.
test.each([
  ['at its place', 'w.bin', { offset: '4' }],
  ['of a length', 'w.bin', { offset: '4', length: '8' }],
  ['of a length of 0', 'w.bin', { offset: '4', length: '0' }],
  ['of an unknown checksum', 'w.bin', { offset: '4', checksum: '0a' }],
  ['with a dot', './w.bin', { offset: '4' }],
  ['with dots and empty parts', '././/w.bin', { offset: '4' }],
  ['through a folder', 'a/../w.bin', { offset: '4' }],
])('external data is found beside the file, %s', async (_, location, more) => {
  const data = new Uint8Array(Float32Array.of(9, 1, 2).buffer);
  const entries = Object.entries({ location, ...more }).map(([key, value]) => field(13, text(1, key), text(2, value)));
  const bytes = around(field(5, text(8, 'w'), int(2, 1), int(1, 2), int(14, 1), ...entries));
  const source: ByteSource = {
    ...memorySource('m.onnx', bytes),
    sibling: (path) => (path === 'w.bin' ? memorySource(path, data) : undefined),
  };
  expect(await numbersOf((await readOnnxFile(source)).graph.initializers[0])).toEqual([1, 2]);
});

test('a file of 2 GB is opened without its weights', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'rescc-read-'));
  try {
    // 2 GB of zeros that take no room on the disk: fields are written around a hole.
    const size = 2_000_000_000;
    const varint = (n: number): Uint8Array => protobuf.Writer.create().uint32(n).finish();
    const before = join2(int(2, 1), int(1, size / 4), text(8, 'w'), Uint8Array.of(9 * 8 + 2), varint(size));
    const initializer = join2(Uint8Array.of(5 * 8 + 2), varint(before.length + size), before);
    const path = join(folder, 'large.onnx');
    const file = openSync(path, 'w');
    const head = join2(header, Uint8Array.of(7 * 8 + 2), varint(initializer.length + size), initializer);
    writeSync(file, head);
    ftruncateSync(file, head.length + size);
    closeSync(file);
    let read = 0;
    const source = fileSource(path);
    const counted: ByteSource = {
      ...source,
      readSync: (start, length) => {
        read += length;
        return source.readSync?.(start, length) ?? new Uint8Array();
      },
    };
    const opened = await readOnnxFile(counted);
    expect(opened.graph.initializers[0]).toMatchObject({ expr: { dims: [size / 4] } });
    expect(read).toBeLessThan(80_000);
    source.close();
  } finally {
    rmSync(folder, { recursive: true });
  }
});
