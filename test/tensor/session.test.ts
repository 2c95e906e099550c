/** A compilation owns what it keeps: another one in the same process does not meet it, and it goes when the compilation does. */
import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { build } from '../../src/check.ts';
import { openCheckpoint } from '../../src/checkpoint/checkpoint.ts';
import { encodeSafetensors, safetensorsOf } from '../../src/codegen/safetensors.ts';
import { compile } from '../../src/compile.ts';
import { type ByteSource, memorySource } from '../../src/io/bytes.ts';
import { Graph } from '../../src/ir/graph.ts';
import { optimizeOnnx } from '../../src/optimize.ts';
import { add, mul, neg } from '../../src/tensor/arithmetic.ts';
import { full, literal } from '../../src/tensor/leaves.ts';
import { transpose } from '../../src/tensor/movement.ts';
import { Session, sessionOf } from '../../src/tensor/session.ts';
import { adopt, storedTensor } from '../../src/tensor/stored.ts';
import { exprOf, forgetUnused, materialize } from '../../src/tensor/values.ts';

const source = `
model Net {
  input x: f32[N, 3, 8, 8]
  conv1: conv(8, 3x3)
  bn1: batchnorm
  relu
  block1: residual {
    conv2: conv(8, 3x3)
    bn2: batchnorm
  }
  global_avgpool
  flatten
  fc: linear(10)
  output logits
}
`;

const vector = (session: Session, ...data: readonly number[]) =>
  literal(session, { elem: 'f32', dims: [data.length], data: Float64Array.from(data) });

describe('expressions', () => {
  test('of one session are one where they are equal, and of two never', () => {
    const [a, b] = [new Session(), new Session()];
    expect(neg(vector(a, 1, 2))).toBe(neg(vector(a, 1, 2)));
    expect(neg(vector(a, 1, 2))).not.toBe(neg(vector(b, 1, 2)));
    // What one session makes moves no number of the other.
    expect(vector(new Session(), 1, 2).id).toBe(vector(new Session(), 1, 2).id);
  });

  test('of two sessions cannot be combined, nor lie in one graph', () => {
    const [a, b] = [new Session(), new Session()];
    expect(() => add(vector(a, 1, 2), vector(b, 1, 2))).toThrow('add of expressions of two sessions');
    const graph = new Graph('g');
    const value = graph.constant(vector(a, 1, 2));
    const inner = new Graph('inner', graph);
    expect(() => graph.constant(vector(b, 1, 2))).toThrow('another session');
    expect(() => inner.constant(vector(b, 1, 2))).toThrow('another session');
    expect(() => graph.setContent(value, vector(b, 3, 4))).toThrow('another session');
    expect(sessionOf(inner)).toBe(a);
  });

  test('are adopted whole, with the same numbers and text, and shared parts once', async () => {
    const [a, b] = [new Session(), new Session()];
    const data = new Uint8Array(Float32Array.from({ length: 6 }, (_, i) => i + 1).buffer);
    const stored = await storedTensor(a, { source: memorySource('m', data), offset: 0, elem: 'f32', dims: [2, 3], name: 'w' });
    const square = mul(stored, stored);
    const deep = Array.from({ length: 450 }).reduce<typeof square>((x) => add(neg(x), full(a, 'f32', [2, 3], 1)), square);
    const made = transpose(deep, [1, 0]);
    const copy = adopt(b, made, 'unused');
    expect(copy.session).toBe(b);
    expect((await materialize(copy)).data).toEqual((await materialize(made)).data);
    expect(adopt(b, square, '').text()).toBe(square.text());
    expect(adopt(b, made, '')).toBe(copy);
    expect(adopt(a, made, '')).toBe(made);
  });

  test('of a checkpoint keep their own names when a graph takes them under another', async () => {
    const { graph } = build(source);
    if (!graph) return expect.unreachable();
    const chunks: Uint8Array[] = [];
    for await (const chunk of encodeSafetensors(safetensorsOf(graph))) chunks.push(chunk.slice());
    const bytes = Buffer.concat(chunks);
    const checkpoint = await openCheckpoint(memorySource('w.safetensors', bytes));
    const texts = () => checkpoint.dicts.flatMap(({ tensors }) => [...tensors.values()].map(({ expr }) => expr.text()));
    const before = texts();
    const renamed = source.replace('fc:', 'head:');
    const [one, two] = await Promise.all([
      compile(source, { weights: checkpoint, passes: [] }),
      compile(renamed, { weights: checkpoint, passes: [], map: [{ from: 'fc.*', to: 'head.*' }] }),
    ]);
    expect(texts()).toEqual(before);
    expect(before).toContain('fc.bias[10]');
    const leaves = (graph: Graph | undefined): readonly string[] =>
      [...(graph?.nodes() ?? [])].flatMap((node) =>
        node.operands.flatMap((value) => (value?.content ? [exprOf(value).text()] : [])),
      );
    expect(leaves(one.graph)).toContain('fc.bias[10]');
    expect(leaves(two.graph)).toContain('head.bias[10]');
  });
});

describe('compilations', () => {
  /** Reads nothing at once, and answers in the order in which it is let. */
  const stepped = (bytes: Uint8Array, gate: () => Promise<void>): ByteSource => ({
    name: 'model.onnx',
    size: bytes.length,
    read: async (start, length) => {
      await gate();
      return bytes.subarray(start, start + length);
    },
  });

  test('that take turns at every read give the bytes that they give alone', async () => {
    const bytes = await (await compile(source, { passes: [], seed: 7 })).bytes();
    const other = await (await compile(source.replaceAll('8, 3x3', '16, 3x3'), { passes: [], seed: 3 })).bytes();
    const run = async (file: Uint8Array, gate: () => Promise<void>, level: 1 | 2) =>
      (await optimizeOnnx(stepped(file, gate), { level })).bytes();
    const free = async (): Promise<void> => {};
    const alone = [await run(bytes, free, 2), await run(other, free, 1), await run(bytes, free, 1)];
    // Whoever reads waits until another one has read, or a turn is over.
    let turns = 0;
    const waiting: (() => void)[] = [];
    const turn = async (): Promise<void> => {
      turns++;
      waiting.shift()?.();
      await Promise.race([
        new Promise<void>((go) => waiting.push(go)),
        new Promise<void>((go) => {
          setTimeout(go, 1);
        }),
      ]);
    };
    const together = await Promise.all([run(bytes, turn, 2), run(other, turn, 1), run(bytes, turn, 1)]);
    expect(turns).toBeGreaterThan(20);
    expect(together.map((file) => Buffer.from(file).toString('base64'))).toEqual(
      alone.map((file) => Buffer.from(file).toString('base64')),
    );
  });

  test('whose streams are read chunk by chunk in turns give the same bytes', async () => {
    const results = await Promise.all([1, 2, 1].map((seed) => compile(source, { seed })));
    const alone = await Promise.all([1, 2, 1].map(async (seed) => Buffer.from(await (await compile(source, { seed })).bytes())));
    const streams = results.map((result) => result.stream()[Symbol.asyncIterator]());
    const parts: Uint8Array[][] = streams.map(() => []);
    for (let open = streams.length; open > 0; ) {
      open = 0;
      for (const [i, stream] of streams.entries()) {
        const { value, done } = await stream.next();
        if (done) continue;
        open++;
        parts[i]?.push(value.slice());
      }
    }
    expect(parts.map((chunks) => Buffer.concat(chunks))).toEqual(alone);
  });

  test('leave nothing behind when their results are dropped', () => {
    const script = `
      import { compile } from './src/compile.ts';
      import { optimizeOnnx } from './src/optimize.ts';
      import { sessionOf } from './src/tensor/session.ts';
      const source = ${JSON.stringify(source)};
      const dropped = [];
      for (let seed = 0; seed < 3; seed++) {
        await (async () => {
          const made = await compile(source, { seed });
          const file = await made.bytes();
          dropped.push(new WeakRef(sessionOf(made.graph)), new WeakRef(made.graph));
          const again = await optimizeOnnx(file);
          await again.bytes();
          dropped.push(new WeakRef(sessionOf(again.graph)), new WeakRef(again.graph));
        })();
        await new Promise((go) => setTimeout(go, 5));
      }
      globalThis.gc();
      await new Promise((go) => setTimeout(go, 5));
      globalThis.gc();
      console.log(dropped.filter((one) => one.deref() !== undefined).length);
    `;
    const { stdout, stderr } = spawnSync(
      process.execPath,
      ['--expose-gc', '--import', 'tsx', '--input-type=module', '--eval', script],
      { encoding: 'utf8' },
    );
    expect({ stdout, stderr }).toEqual({ stdout: '0\n', stderr: '' });
  });

  test('keep, once the passes have run, only what the constants of the graph are made of', () => {
    const graph = new Graph('g');
    const session = sessionOf(graph);
    const kept = neg(vector(session, 1, 2));
    const dropped = mul(kept, vector(session, 3, 4));
    graph.output('y', graph.constant(kept));
    forgetUnused(graph);
    expect(neg(vector(session, 1, 2))).toBe(kept);
    expect(mul(kept, vector(session, 3, 4))).not.toBe(dropped);
  });
});
