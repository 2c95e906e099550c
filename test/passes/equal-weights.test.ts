/** Weights that lie twice in a file: found by their bytes, told apart by one byte, and merged when the folds are through. */

import { describe, expect, it } from 'vitest';
import type { ByteSource } from '../../src/io/bytes.ts';
import { memorySource } from '../../src/io/bytes.ts';
import { Dim } from '../../src/ir/dim.ts';
import { Graph, type Value } from '../../src/ir/graph.ts';
import { type ElemType, elemBytes, elementCount, foreignTypeOf } from '../../src/ir/types.ts';
import { operatorByName } from '../../src/ops/registry.ts';
import { runPasses } from '../../src/passes/pipeline.ts';
import { mergeEqualWeights } from '../../src/passes/transforms/simplify/equal-weights.ts';
import type { WeightExpr } from '../../src/tensor/expr.ts';
import { leaf, literal, storedTensor } from '../support/tensors.ts';

const add = operatorByName('add') ?? expect.unreachable('no add');

/** Tensors one behind the other in a source. */
function stored(source: ByteSource, elem: ElemType, dims: readonly number[], index: number): Promise<WeightExpr> {
  return storedTensor({ source, elem, dims, offset: index * elementCount(dims) * elemBytes[elem], name: `w${index}` });
}

/** A source that says how many bytes were read. */
function counted(bytes: Uint8Array, synchronous: boolean): ByteSource & { read: ByteSource['read']; bytesRead: number } {
  const memory = memorySource('weights', bytes);
  const source = {
    name: 'weights',
    size: bytes.length,
    bytesRead: 0,
    read(start: number, length: number): Promise<Uint8Array> {
      source.bytesRead += length;
      return memory.read(start, length);
    },
    ...(synchronous && {
      readSync(start: number, length: number): Uint8Array {
        source.bytesRead += length;
        return bytes.subarray(start, start + length);
      },
    }),
  };
  return source;
}

/** x + w for every constant, an output each. */
function sums(contents: readonly WeightExpr[]): { readonly graph: Graph; readonly values: readonly Value[] } {
  const graph = new Graph('g');
  const values = contents.map((content, i) => {
    const type = { elem: content.elem, dims: content.dims.map((d) => Dim.of(d)) };
    const value = graph.constant(content, 'parameter', `w${i}`);
    graph.output(`y${i}`, graph.create(add, [graph.input(`x${i}`, type), value], {}, { scope: `n${i}` }).y);
    return value;
  });
  return { graph, values };
}

/** Which constants have one content, as the index of the first of them. */
function firsts(values: readonly Value[]): readonly number[] {
  return values.map((value) => values.findIndex((other) => other.content === value.content));
}

function patterned(count: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => Math.fround(Math.sin(i)));
}

describe.each([
  ['that can be read at once', true],
  ['that has to be awaited', false],
])('tensors of a source %s', (_name, synchronous) => {
  it('become one where every byte is equal, and stay apart where the last differs', async () => {
    // Longer than a chunk, so that the last byte lies behind the first one's end.
    const dims = [5, 8192];
    const one = patterned(40960);
    const bytes = new Uint8Array(4 * one.byteLength);
    for (let i = 0; i < 4; i++) bytes.set(new Uint8Array(one.buffer), i * one.byteLength);
    bytes[3 * one.byteLength - 1] = 255 - (bytes[one.byteLength - 1] ?? 0);
    const source = counted(bytes, synchronous);
    const { graph, values } = sums(await Promise.all([0, 1, 2, 3].map((i) => stored(source, 'f32', dims, i))));
    expect(await mergeEqualWeights(graph)).toBe(2);
    expect(firsts(values)).toEqual([0, 0, 2, 0]);
    expect(values.map((value) => value.name)).toEqual(['w0', 'w1', 'w2', 'w3']);
  });

  it('are told apart by their beginning without being read whole', async () => {
    const one = patterned(40960);
    const bytes = new Uint8Array(2 * one.byteLength);
    bytes.set(new Uint8Array(one.buffer), one.byteLength);
    const source = counted(bytes, synchronous);
    const { graph } = sums([await stored(source, 'f32', [40960], 0), await stored(source, 'f32', [40960], 1)]);
    expect(await mergeEqualWeights(graph)).toBe(0);
    expect(source.bytesRead).toBeLessThan(16384);
  });

  it('are not read where no other has their type and shape', async () => {
    const source = counted(new Uint8Array(40960 * 4), synchronous);
    const { graph } = sums([await stored(source, 'f32', [20000], 0), await stored(source, 'f16', [20000], 2)]);
    const before = source.bytesRead;
    expect(await mergeEqualWeights(graph)).toBe(0);
    expect(source.bytesRead).toBe(before);
  });
});

describe('equality', () => {
  it('is that of bytes: integers that float64 cannot tell apart, and zeros of both signs, differ', async () => {
    const integers = new Uint8Array(BigInt64Array.of(2n ** 60n, 2n ** 60n + 1n, 2n ** 60n).buffer);
    const source = memorySource('integers', integers);
    const three = await Promise.all(
      [0, 1, 2].map((i) => storedTensor({ source, elem: 'i64', dims: [1], offset: 8 * i, name: `i${i}` })),
    );
    const big = sums(three);
    expect(await mergeEqualWeights(big.graph)).toBe(1);
    expect(firsts(big.values)).toEqual([0, 1, 0]);

    const zeros = memorySource('zeros', new Uint8Array(Float32Array.of(0, -0, 0).buffer));
    const small = sums(await Promise.all([0, 1, 2].map((i) => stored(zeros, 'f32', [1], i))));
    expect(await mergeEqualWeights(small.graph)).toBe(1);
    expect(firsts(small.values)).toEqual([0, 1, 0]);
  });

  it('holds between a tensor of a file and numbers, of an odd count of bytes too', async () => {
    const source = memorySource('bytes', Uint8Array.of(1, 2, 3, 1, 2, 4));
    const numbers = literal({ elem: 'u8', dims: [3], data: Float64Array.of(1, 2, 3) });
    const { graph, values } = sums([await stored(source, 'u8', [3], 0), await stored(source, 'u8', [3], 1), numbers]);
    expect(await mergeEqualWeights(graph)).toBe(1);
    expect(firsts(values)).toEqual([0, 1, 0]);
  });

  it('asks for one type: bytes of two element types that the graph has not are two things', async () => {
    const source = memorySource('bytes', Uint8Array.of(1, 2, 1, 2, 1, 2));
    const { graph, values } = sums(await Promise.all([0, 1, 2].map((i) => stored(source, 'u8', [2], i))));
    for (const [i, text] of ['float8e4m3fn[2]', 'float8e5m2[2]'].entries()) {
      const value = values[i];
      if (value) value.type = foreignTypeOf({ text });
    }
    expect(await mergeEqualWeights(graph)).toBe(0);
    expect(new Set(values.map((value) => value.content)).size).toBe(3);
  });

  it('leaves what has no numbers yet', async () => {
    const { graph } = sums([leaf('a', [3], 'f32'), leaf('b', [3], 'f32')]);
    expect(await mergeEqualWeights(graph)).toBe(0);
  });
});

it('lets the passes make the readers of equals read one, which they did not before', async () => {
  const one = patterned(20000);
  const bytes = new Uint8Array(2 * one.byteLength);
  for (let i = 0; i < 2; i++) bytes.set(new Uint8Array(one.buffer), i * one.byteLength);
  const source = counted(bytes, true);
  const { graph, values } = sums([await stored(source, 'f32', [20000], 0), await stored(source, 'f32', [20000], 1)]);
  expect(graph.constants()).toHaveLength(2);
  const before = runPasses(graph, { passes: ['simplify'] });
  expect(before.passes.flatMap((pass) => Object.keys(pass.fired))).toEqual([]);
  expect(await mergeEqualWeights(graph)).toBe(1);
  expect(firsts(values)).toEqual([0, 0]);
  expect(graph.constants()).toHaveLength(2);
  runPasses(graph, { passes: ['simplify'] });
  expect(graph.constants().map((value) => value.name)).toEqual(['w0']);
});
