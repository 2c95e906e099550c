/** Parameters written as safetensors: by the reader of this house, and by the bytes that the format's own writer gives. */
import { expect, test } from 'vitest';
import { build } from '../../src/check.ts';
import { openCheckpoint } from '../../src/checkpoint/checkpoint.ts';
import { encodeSafetensors, safetensorsOf } from '../../src/codegen/safetensors.ts';
import { compile } from '../../src/compile.ts';
import { memorySource } from '../../src/io/bytes.ts';
import type { Graph } from '../../src/ir/graph.ts';
import { materialize } from '../../src/tensor/values.ts';

async function bytesOf(graph: Graph | undefined): Promise<Uint8Array> {
  if (!graph) throw new Error('no graph');
  const file = safetensorsOf(graph);
  const pieces: number[] = [];
  for await (const piece of encodeSafetensors(file)) pieces.push(...piece);
  expect(pieces.length).toBe(file.bytes);
  return Uint8Array.from(pieces);
}

const source = `model M {
  input x: f32[N, 3, 8, 8]
  residual { conv1: conv(4, 3x3)  bn1: batchnorm  relu  conv2: conv(3, 3x3, bias=true) }
  param half: f16[2] = ones
  output y = it
  output h = half
}
`;

test('the header is the one that the safetensors package writes', async () => {
  const graph = build(
    'model M { input x: f32[N, 2]\n b: linear(1)\n param a: f16[3] = ones\n output y = it\n output z = a }',
  ).graph;
  const bytes = await bytesOf(graph);
  // Widest elements first, then by name; blanks up to a multiple of eight: what safetensors.numpy.save_file gives, checked with
  // 0.6.
  const header =
    '{"__metadata__":{"format":"pt"},"b.bias":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},' +
    '"b.weight":{"dtype":"F32","shape":[1,2],"data_offsets":[4,12]},"a":{"dtype":"F16","shape":[3],"data_offsets":[12,18]}}';
  const length = Math.ceil(header.length / 8) * 8;
  expect(Number(new DataView(bytes.buffer).getBigUint64(0, true))).toBe(length);
  expect(new TextDecoder().decode(bytes.subarray(8, 8 + length))).toBe(header.padEnd(length));
  expect([...bytes.subarray(8 + length + 12)]).toEqual([0, 0x3c, 0, 0x3c, 0, 0x3c]);
});

test('what is written is read, and written again gives the same bytes', async () => {
  const first = await compile(source, { level: 0, seed: 3 });
  expect(first.diagnostics).toEqual([]);
  const bytes = await bytesOf(first.graph);
  const again = await compile(source, { level: 0, seed: 4, weights: memorySource('w', bytes) });
  expect(again.diagnostics).toEqual([]);
  expect(await bytesOf(again.graph)).toEqual(bytes);
  expect(await bytesOf((await compile(source, { level: 0, seed: 4 })).graph)).not.toEqual(bytes);
});

test('after the passes the folded ones stand under their labels', async () => {
  const plain = await compile(source, { level: 0 });
  const folded = await compile(source, { level: 1 });
  const names = async (graph: Graph | undefined): Promise<readonly string[]> => [
    ...((await openCheckpoint(memorySource('w', await bytesOf(graph)))).dicts[0]?.tensors.keys() ?? []),
  ];
  expect((await names(plain.graph)).filter((name) => name.startsWith('bn1')).length).toBe(4);
  const left = await names(folded.graph);
  expect(left.filter((name) => name.startsWith('bn1'))).toEqual([]);
  expect(left).toContain('conv1.weight');
  // Its numbers are those of the ONNX file.
  const model = await openCheckpoint(memorySource('m', await folded.bytes()));
  const own = await openCheckpoint(memorySource('w', await bytesOf(folded.graph)));
  for (const name of left) {
    const [a, b] = [model, own].map((checkpoint) => checkpoint.dicts[0]?.tensors.get(name)?.expr);
    if (!a || !b) throw new Error(`${name} is missing`);
    expect(await materialize(a)).toEqual(await materialize(b));
  }
});
