/**
 * Sizes that only the run knows: compiled models against onnxruntime and against numbers worked out by hand, with masks that keep
 * nothing, something and everything.
 */
import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { build } from '../../src/check.ts';
import { emitOnnx } from '../../src/codegen/emit.ts';
import { compile } from '../../src/compile.ts';
import { render } from '../../src/diagnostics/render.ts';
import type { Graph } from '../../src/ir/graph.ts';
import { hostOf } from '../../src/ir/graph.ts';
import { printGraph } from '../../src/ir/print.ts';
import { type HostTensor, typeText } from '../../src/ir/types.ts';
import { verifyGraph } from '../../src/ir/verifier.ts';
import { onnxBytes } from '../../src/onnx/write.ts';
import { evaluateGraph } from '../../src/ops/reference.ts';
import { elaborated, reprinted } from './support.ts';

const f32 = (dims: readonly number[], ...data: readonly number[]): HostTensor => ({
  elem: 'f32',
  dims,
  data: Float64Array.from(data),
});

async function optimised(text: string): Promise<Graph> {
  const made = await compile(text, { level: 2 });
  return made.graph ?? expect.unreachable(render(made.diagnostics, { color: false }));
}

interface Out {
  readonly dims: readonly number[];
  readonly data: readonly number[];
}

/** The outputs of the reference, and that onnxruntime has the same at several opsets, before the passes and behind them. */
async function outputs(
  text: string,
  given: Readonly<Record<string, HostTensor>>,
  opsets: readonly number[] = [13, 17, 23],
): Promise<Readonly<Record<string, Out>>> {
  const inputs = new Map(Object.entries(given));
  const graph = elaborated(text);
  const constants = (value: Parameters<typeof hostOf>[0]): HostTensor => hostOf(value) ?? expect.unreachable('a large constant');
  const expected = evaluateGraph(graph, inputs, constants);
  const after = await optimised(text);
  for (const [one, opset] of [...opsets.map((at) => [graph, at] as const), [after, 17] as const]) {
    expect(verifyGraph(one)).toEqual([]);
    const session = await ort.InferenceSession.create(await onnxBytes(emitOnnx(one, { opset })), {
      logSeverityLevel: 3,
      graphOptimizationLevel: opset === 23 ? 'all' : 'disabled',
    });
    const feeds = Object.fromEntries(
      [...inputs].map(([name, x]) => [
        name,
        x.elem === 'f32'
          ? new ort.Tensor('float32', Float32Array.from(x.data), x.dims)
          : new ort.Tensor('int64', BigInt64Array.from(x.data, BigInt), x.dims),
      ]),
    );
    const made = await session.run(feeds);
    for (const [name, y] of expected) {
      const data = Array.from(made[name]?.data as Iterable<number | bigint | boolean>, Number);
      expect({ name, dims: made[name]?.dims, data }).toEqual({ name, dims: y.dims, data: [...y.data].map(Math.fround) });
    }
    await session.release();
  }
  return Object.fromEntries([...expected].map(([name, y]) => [name, { dims: y.dims, data: [...y.data] }]));
}

const grid = f32([2, 3], 0, 5, 0, 7, 0, -1);

describe('nonzero', () => {
  const text = `model M { input x: f32[H, W]
    output rows = nonzero(x)
    let r, c = nonzero(x, as_tuple=true)
    output r = r
    output c = c
    output flat = x -> reshape(H * W) -> nonzero
    output count = shape(nonzero(x > 4.0))[0] }`;
  it('says where, as PyTorch does', async () => {
    const made = await outputs(text, { x: grid });
    expect(made.rows).toEqual({ dims: [3, 2], data: [0, 1, 1, 0, 1, 2] });
    expect([made.r?.data, made.c?.data, made.flat?.data]).toEqual([
      [0, 1, 1],
      [1, 0, 2],
      [1, 3, 5],
    ]);
    expect(made.count).toEqual({ dims: [], data: [2] });
  });
  it('of nothing is empty', async () => {
    const made = await outputs(text, { x: f32([1, 3], 0, 0, 0) });
    expect([made.rows?.dims, made.r?.dims, made.flat?.dims, made.count?.data]).toEqual([[0, 2], [0], [0], [0]]);
  });
  it('has a size of at most as many', () => {
    const graph = elaborated(text);
    expect(printGraph(graph)).toContain('assume ?nonzero <= H*W');
    expect(typeText(graph.outputs[0]?.value.type ?? expect.unreachable())).toBe('i64[?nonzero, 2]');
  });
});

describe('filter', () => {
  const text = `model M { input x: f32[K, 2]  input s: f32[K]
    let keep = s > 0.5
    let a, b = filter(x, s, keep)
    output a = a
    output scaled = a * (b -> reshape(-1, 1))
    output alone = x -> filter(keep)
    output second = x -> transpose(1, 0) -> filter(keep, axis=1)
    output both = concat(x, a, axis=0)
    output top, where = a[:, 0] -> topk(min(2, shape(a)[0]))
    output folded = a -> reshape(2, shape(a)[0]) -> transpose(1, 0) }`;
  it.each([
    [[0.6, 0.5, 0.9], 2],
    [[0, 0, 0], 0],
    [[1, 1, 1], 3],
  ] as const)('keeps what %o says', async (scores, kept) => {
    const made = await outputs(text.replace('output top, where =', 'let top, where ='), {
      x: f32([3, 2], 1, 2, 3, 4, 5, 6),
      s: f32([3], ...scores.map(Math.fround)),
    });
    expect([made.a?.dims, made.alone?.dims, made.second?.dims, made.both?.dims, made.folded?.dims]).toEqual([
      [kept, 2],
      [kept, 2],
      [2, kept],
      [3 + kept, 2],
      [kept, 2],
    ]);
  });
  it('refuses a mask of another length, or of numbers', () => {
    const said = (use: string): string =>
      render(build(`model M { input x: f32[K, 2]  input m: f32[L]\n x -> ${use}\n output y }`).diagnostics, { color: false });
    expect(said('filter(m > 0.0)')).toContain('bool[K], as long as axis 0');
    expect(said('filter(m)')).toContain('compare it');
    expect(said('filter(x, x, m > 0.0)')).toContain('bool[K], as long as that axis');
  });
});

describe('unique', () => {
  it('gives values, which one each is, and counts', async () => {
    const text = `model M { input x: f32[H, W]
      let v, i, n = unique(x, inverse=true, counts=true)
      output v = v
      output i = i
      output n = n
      output as_they_come = unique(x, sorted=false)
      output back = gather(v, i) - x }`;
    const made = await outputs(text, { x: f32([2, 3], 3, 1, 3, 2, 1, 3) });
    expect([made.v?.data, made.n?.data, made.as_they_come?.data]).toEqual([
      [1, 2, 3],
      [2, 1, 3],
      [3, 1, 2],
    ]);
    expect(made.i).toEqual({ dims: [2, 3], data: [2, 0, 2, 1, 0, 2] });
    expect(made.back?.data).toEqual([0, 0, 0, 0, 0, 0]);
  });
});

describe('nms', () => {
  const text = `model M { input boxes: f32[K, 4]  input scores: f32[K]
    output keep = nms(boxes, scores, iou=0.5)
    output good = nms(boxes, scores, iou=0.5, score=0.25)
    output best = gather(boxes, nms(boxes, scores, iou=0.5)[:1])
    output one = nms(boxes, scores, iou=0.5, max=1) }`;
  it('drops what overlaps by more than that, and keeps order, ties and boxes turned around', async () => {
    // The second shares half of the union with the first, the third more; the fourth is the first turned around.
    const boxes = f32([5, 4], 0, 0, 3, 1, 1, 0, 4, 1, 0, 0, 3, 1.25, 3, 1, 0, 0, 8, 8, 9, 9);
    const made = await outputs(text, { boxes, scores: f32([5], 0.75, 0.25, 0.5, 0.75, 0.5) });
    expect([made.keep?.data, made.good?.data, made.one?.data]).toEqual([[0, 4, 1], [0, 4], [0]]);
  });
  it('of no boxes is empty', async () => {
    const made = await outputs(text, { boxes: f32([0, 4]), scores: f32([0]) });
    expect([made.keep?.dims, made.best?.dims, made.one?.dims]).toEqual([[0], [0, 4], [0]]);
  });
});

describe('reshapes of what may be empty', () => {
  const text = `model M { input x: f32[K, 2, W]  input s: f32[K]
    let a = x -> filter(s > 0.5)
    let n = shape(a)[0]
    output rows = a -> reshape(n, -1)
    output flat = a -> flatten
    output turned = a -> reshape(W, n, 2)
    output long = a -> reshape(-1)
    output mixed = a -> reshape(2 * W, n) }`;
  it.each([
    [[1, 0], 1],
    [[0, 0], 0],
  ] as const)('of scores %o keep their sizes', async (scores, n) => {
    const given = { x: f32([2, 2, 3], ...Array.from({ length: 12 }, (_, i) => i)), s: f32([2], ...scores) };
    const made = await outputs(text, given, [17, 23]);
    expect(Object.fromEntries(Object.entries(made).map(([name, y]) => [name, y.dims]))).toEqual({
      rows: [n, 6],
      flat: [n, 6],
      turned: [3, n, 2],
      long: [6 * n],
      mixed: [6, n],
    });
  });
  it('are refused below opset 14 where the file could not say them', async () => {
    const { diagnostics } = await compile(text, { opset: 13 });
    expect(render(diagnostics, { color: false })).toContain('--opset 14');
  });
});

it.each([
  ['filter(x, x > 0.0) -> topk(5)\n let v, i = it', 'topk(min(5, n))'],
  ['filter(x, x > 0.0) -> linear(8)', 'reduce that axis before `linear`'],
  ['let n = shape(filter(x, x > 0.0))[0]\n if n > 2 { relu }', 'choose element by element'],
] as const)('%s is refused with a hint that fits', (use, hint) => {
  const text = `model M { input x: f32[K]\n ${use}\n output y = x }`;
  expect(render(build(text).diagnostics, { color: false })).toContain(hint);
});

describe('scatter', () => {
  const text = `model M { input x: f32[K, 2]  input s: f32[K]
    let mine = nonzero(s > 0.5)
    let rows = gather(x, mine)
    output put = scatter(x, mine, rows * 10.0)
    output columns = x -> transpose(1, 0) -> scatter(mine, transpose(rows, 1, 0) + 1.0, axis=1)
    output single = scatter_elements(s, mine, gather(s, mine) * 4.0)
    output picked = gather_nd(x, nonzero(x > 3.5))
    output marked = scatter_nd(x, nonzero(x > 3.5), gather_nd(x, nonzero(x > 3.5)) * 0.0) }`;
  // The places of one mask are asked for once: two births are two sizes.
  const once = text.replaceAll('nonzero(x > 3.5)', 'at').replace('output picked', 'let at = nonzero(x > 3.5)\n output picked');
  it('puts rows, columns and elements where they came from', async () => {
    const given = { x: f32([3, 2], 1, 2, 3, 4, 5, 6), s: f32([3], 0.75, 0.25, 1) };
    const made = await outputs(once, given);
    expect(made.put?.data).toEqual([10, 20, 3, 4, 50, 60]);
    expect(made.columns?.data).toEqual([2, 3, 6, 3, 4, 7]);
    expect([made.single?.data, made.picked?.data, made.marked?.data]).toEqual([
      [3, 0.25, 4],
      [4, 5, 6],
      [1, 2, 3, 0, 0, 0],
    ]);
  });
  it('of no places is the tensor as it was', async () => {
    const x = f32([2, 2], 1, 2, 3, 3.5);
    const made = await outputs(once, { x, s: f32([2], 0, 0) });
    expect([made.put?.data, made.marked?.data, made.picked?.dims]).toEqual([[1, 2, 3, 3.5], [1, 2, 3, 3.5], [0]]);
  });
  it('says that two births are two sizes', () => {
    expect(render(build(text).diagnostics, { color: false })).toContain('updates f32[?nonzero_');
  });
});

describe('the text of a graph', () => {
  it('has the sizes with their bounds, and reads back', () => {
    const graph = elaborated(`model M { input x: f32[H, 4]
      let a = x -> filter(x[:, 0] > 0.0)
      let b = a -> filter(a[:, 1] > 0.0)
      output y = concat(a, b, axis=0)
      output z = full([shape(b)[0], 3], 1.0) }`);
    const text = printGraph(graph);
    expect(text).toContain('assume ?kept <= H\n  assume ?kept_1 <= ?kept\n');
    expect(reprinted(text)).toBe(text);
    expect(reprinted(text.replace('assume ?kept_1 <= ?kept', 'assume ?kept_1 <= 3'))).toContain('?kept_1');
  });
});
