/** One model of a file both ways: read, printed, changed and written without a graph in between. */
import { readdirSync, readFileSync } from 'node:fs';
import proto from 'onnx-proto';
import { describe, expect, test } from 'vitest';
import { emitOnnx } from '../../src/codegen/emit.ts';
import { memorySource } from '../../src/io/bytes.ts';
import { fileSource } from '../../src/io/node/file-source.ts';
import { dropNode, renameValue } from '../../src/onnx/edit.ts';
import type { OnnxFile, OnnxModel } from '../../src/onnx/model.ts';
import { readOnnxFile } from '../../src/onnx/read.ts';
import { onnxText } from '../../src/onnx/text.ts';
import { modelSize, onnxBytes } from '../../src/onnx/write.ts';
import { optimizeOnnx } from '../../src/optimize.ts';
import { materialize } from '../../src/tensor/algebra.ts';
import { tinyResnet } from '../codegen/models.ts';
import { golden } from '../golden.ts';
import { attribute, feed, floats, longs, modelBytes, node, runBytes, value } from '../import/onnx-bytes.ts';

const read = (bytes: Uint8Array): Promise<OnnxFile> => readOnnxFile(memorySource('model.onnx', bytes));

/** All that a model says, as data that compare: lazy parts read, what only the reader says left out. */
async function said(part: unknown): Promise<unknown> {
  if (part instanceof Uint8Array) return Buffer.from(part).toString('hex');
  if (part instanceof Map) return said([...part]);
  if (Array.isArray(part)) return Promise.all(part.map(said));
  if (typeof part !== 'object' || part === null) return part;
  if ('fill' in part) {
    const tensor = await materialize(part as Parameters<typeof materialize>[0]);
    return { elem: tensor.elem, dims: tensor.dims, data: [...(tensor.wide ?? tensor.data)] };
  }
  if ('read' in part && 'size' in part) {
    const lazy = part as { size: number; read(start: number, length: number): Promise<Uint8Array> };
    return said(await lazy.read(0, lazy.size));
  }
  const out: Record<string, unknown> = {};
  for (const [key, inner] of Object.entries(part)) {
    // The message of an attribute with graphs holds these once more.
    const isStale = key === 'bytes' && 'kind' in part && (part.kind === 'graph' || part.kind === 'graphs');
    if (inner !== undefined && !isStale) out[key] = await said(inner);
  }
  return out;
}
async function sameModel(a: OnnxFile, b: OnnxFile): Promise<void> {
  const all = async ({ file: _, notes: __, ...model }: OnnxFile): Promise<unknown> => said(model);
  expect(await all(b)).toEqual(await all(a));
  expect(onnxText(b)).toBe(onnxText(a));
}

const fixtures = readdirSync('test/fixtures', { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.onnx'));

/** Our own file: written again it is the same bytes, and printed the same text as what was emitted. */
async function comesBack(model: OnnxModel): Promise<void> {
  const bytes = await onnxBytes(model);
  const file = await read(bytes);
  expect(onnxText(file)).toBe(onnxText(model));
  expect(Buffer.compare(await onnxBytes(file), bytes)).toBe(0);
}

describe('every file of the fixtures', () => {
  test('there are many', () => expect(fixtures.length).toBeGreaterThan(100));

  test.each(fixtures)('%s is read, written and read again', async (name) => {
    const source = fileSource(`test/fixtures/${name}`);
    try {
      const file = await readOnnxFile(source).catch(() => undefined);
      // A damaged one is for other tests.
      if (!file) return;
      const bytes = await onnxBytes(file);
      expect(bytes.length).toBe(modelSize(file));
      await sameModel(file, await read(bytes));
      const { onnx } = await optimizeOnnx(readFileSync(`test/fixtures/${name}`));
      if (onnx) await comesBack(onnx);
    } finally {
      source.close();
    }
  });
});

describe('a file of ours', () => {
  test.each([13, 17, 23])('at opset %i comes back byte for byte', (opset) => comesBack(emitOnnx(tinyResnet(), { opset })));
});

const { onnx } = proto;
const branch = (name: string): proto.onnx.IGraphProto => ({
  name,
  initializer: [floats('two', [4], [2, 2, 2, 2]), { name: 'said', dataType: 8, dims: [1], stringData: [Uint8Array.of(97)] }],
  node: [node('Mul', 'r, two -> out')],
  output: [{ ...value('out', 1, [4]), docString: 'a branch' }],
});
const rich = modelBytes({
  opsets: { '': 17, own: 3 },
  graph: {
    input: [
      value('x', 1, [4]),
      value('yes', 9, []),
      { name: 'any', type: { sequenceType: { elemType: { tensorType: { elemType: 1 } } } } },
    ],
    output: [{ ...value('y', 1, [4]), docString: 'the result' }, value('z', 1, ['N'])],
    valueInfo: [
      value('r', 1, [4]),
      { name: 'i', type: { denotation: 'TENSOR', tensorType: { elemType: 1, shape: { dim: [{ dimValue: 4 }] } } } },
    ],
    initializer: [
      { ...floats('w', [4], [1, 2, 3, 4]), docString: 'of a weight' },
      longs('k', [1], [9]),
      floats('const.f32.0.1', [], [0.1]),
    ],
    docString: 'a graph',
    node: [
      node('Add', 'x, w -> i'),
      node('Relu', 'i -> r'),
      {
        ...node('If', 'yes -> y', { then_branch: { graph: branch('a') }, else_branch: { graph: branch('b') } }),
        docString: 'a node',
      },
      {
        ...node('own::Thing', 'r -> z'),
        attribute: [attribute('texts', ['a', 'b']), { name: 'types', type: 13, tp: { tensorType: { elemType: 7 } } }],
      },
    ],
  },
  functions: [
    {
      name: 'Thing',
      domain: 'own',
      input: ['a'],
      output: ['b'],
      attribute: ['alpha'],
      opsetImport: [{ domain: '', version: 17 }],
      node: [node('LeakyRelu', 'a -> b', { alpha: { ref: 'alpha', type: 1 } })],
      docString: 'a function',
    },
  ],
});

describe('a model is', () => {
  test('written with sub-graphs, functions, texts and fields that nobody looks at', async () => {
    const file = await read(rich);
    const bytes = await onnxBytes(file);
    await sameModel(file, await read(bytes));
    // Another decoder finds the same in both, but for lists that protobuf writes empty.
    const shown = (of: Uint8Array) =>
      onnx.ModelProto.toObject(onnx.ModelProto.decode(of), { longs: Number, bytes: String, defaults: true });
    const [before, after] = [shown(rich), shown(bytes)];
    expect(after.graph?.node?.[2]).toEqual(before.graph?.node?.[2]);
    expect(after.graph?.initializer).toEqual(before.graph?.initializer);
    expect(after.graph?.output).toEqual(before.graph?.output);
    expect(after.graph?.valueInfo).toEqual(before.graph?.valueInfo);
    expect(after.functions).toEqual(before.functions);
  });

  test('written with its training, and with sub-graphs whose numbers are awaited', async () => {
    const training = onnx.ModelProto.encode({ trainingInfo: [{ algorithm: { name: 'step' } }] }).finish();
    const all = Buffer.concat([rich, training]);
    const slow = {
      name: 'slow.onnx',
      size: all.length,
      read: async (start: number, length: number) => all.subarray(start, start + length),
    };
    const bytes = await onnxBytes(await readOnnxFile(slow));
    expect(Buffer.compare(bytes, await onnxBytes(await read(all)))).toBe(0);
    expect(onnx.ModelProto.decode(bytes).trainingInfo.map((one) => one.algorithm?.name)).toEqual(['step']);
  });

  test('printed', async () => golden('onnx/model.onnxtxt', onnxText(await read(rich))));

  test('changed: a value under another name', async () => {
    const file = await read(rich);
    const changed = renameValue(renameValue(file, 'r', 'rectified'), 'w', 'weight');
    const text = onnxText(await read(await onnxBytes(changed)));
    expect(text).toContain('rectified = Relu (i)');
    expect(text.match(/out = Mul \(rectified, two\)/g)).toHaveLength(2);
    expect(text).toContain('i = Add (x, weight)');
    expect(text).not.toMatch(/\br\b/);
    expect(() => renameValue(file, 'nothing', 'a')).toThrow('no value');
    expect(() => renameValue(file, 'r', 'two')).toThrow('before');
  });

  test('changed: without a node', async () => {
    const plain = modelBytes({
      graph: {
        input: [value('x', 1, [4])],
        output: [value('y', 1, [4])],
        valueInfo: [value('r', 1, [4])],
        node: [node('Relu', 'x -> r'), node('Neg', 'r -> n'), node('Abs', 'n -> y')],
      },
    });
    const file = await read(plain);
    const [relu] = file.graph.nodes;
    if (!relu) throw new Error('no nodes');
    const x = feed([4]);
    const fewer = dropNode(file, relu);
    const last = fewer.graph.nodes.find((one) => one.opType === 'Abs');
    if (!last) throw new Error('no Abs');
    const without = await onnxBytes(dropNode(fewer, last));
    expect((await read(without)).graph.nodes.map((one) => one.opType)).toEqual(['Neg', 'Identity']);
    expect((await runBytes(without, { x })).y).toEqual(Array.from(x.data as Float32Array, (one) => -one));
    expect(file.graph.nodes).toHaveLength(3);
    expect(() => dropNode(dropNode(file, relu), relu)).toThrow('not of this model');
  });
});
