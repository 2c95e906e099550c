/** Resampling to sizes that a tensor holds: against onnxruntime, as text, and as torchvision scales pictures to fit. */
import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { build } from '../../src/check.ts';
import { emitOnnx } from '../../src/codegen/emit.ts';
import { render } from '../../src/diagnostics/render.ts';
import { hostOf, type Value } from '../../src/ir/graph.ts';
import { printGraph } from '../../src/ir/print.ts';
import { type HostTensor, typeText } from '../../src/ir/types.ts';
import { verifyGraph } from '../../src/ir/verifier.ts';
import { onnxBytes } from '../../src/onnx/write.ts';
import { evaluateGraph } from '../../src/ops/reference.ts';
import { elaborated, reprinted } from './support.ts';

const constants = (value: Value): HostTensor => hostOf(value) ?? expect.unreachable('a large constant');
const refusal = (text: string): string => render(build(text).diagnostics, { color: false });

const text = `model M { input x: f32[1, 1, H, W]  input to: i64[2]
  let big = x -> resize(to=to, mode="linear")
  let h, w = shape(big)[2:]
  let best, _ = big -> reshape(h * w) -> topk(min(5, h * w))
  output big = big
  output padded = big -> pad(0, 0, 4 * floordiv(h + 3, 4) - h, 0)
  output best = best }`;

describe('resize to sizes that a tensor holds', () => {
  it.each([13, 17, 18, 23])('computes what onnxruntime does at opset %i', async (opset) => {
    const graph = elaborated(text);
    expect(verifyGraph(graph)).toEqual([]);
    const session = await ort.InferenceSession.create(await onnxBytes(emitOnnx(graph, { opset })));
    for (const [rows, columns] of [
      [3, 5],
      [1, 1],
      [4, 2],
      [6, 9],
    ] as const) {
      const x: HostTensor = { elem: 'f32', dims: [1, 1, 2, 3], data: Float64Array.of(1, 4, 2, -3, 0.5, 8) };
      const to: HostTensor = { elem: 'i64', dims: [2], data: Float64Array.of(rows, columns) };
      const expected = evaluateGraph(
        graph,
        new Map([
          ['x', x],
          ['to', to],
        ]),
        constants,
      );
      expect(expected.get('big')?.dims).toEqual([1, 1, rows, columns]);
      expect(expected.get('padded')?.dims).toEqual([1, 1, 4 * Math.ceil(rows / 4), columns]);
      expect(expected.get('best')?.dims).toEqual([Math.min(5, rows * columns)]);
      const made = await session.run({
        x: new ort.Tensor('float32', Float32Array.from(x.data), x.dims),
        to: new ort.Tensor('int64', BigInt64Array.from([rows, columns], BigInt), [2]),
      });
      for (const [name, y] of expected) {
        expect(made[name]?.dims).toEqual(y.dims);
        for (const [i, v] of y.data.entries()) expect(Number(made[name]?.data[i])).toBeCloseTo(v, 5);
      }
    }
    await session.release();
  });

  it('has sizes of at least 1, which the text keeps', () => {
    const graph = elaborated(text);
    expect(typeText(graph.outputs[0]?.value.type ?? expect.unreachable())).toBe('f32[1, 1, ?height, ?width]');
    const printed = printGraph(graph);
    expect(printed).toContain('assume ?height >= 1\n  assume ?width >= 1\n');
    expect(reprinted(printed)).toBe(printed);
    // A bound that the operator does not give is a claim of the text's own.
    expect(reprinted(printed.replace('?height >= 1', '?height >= 2'))).not.toBe(printed);
  });

  it('refuses what holds no sizes', () => {
    const one = (use: string): string =>
      refusal(`model M { input x: f32[N, 1, H, W]  input a: i64[3]  input b: f32[2]\n x -> resize(${use})\n output y }`);
    expect(one('to=a')).toContain('i64[2], a size for each axis of the grid');
    expect(one('to=b')).toContain('i64[2], a size for each axis of the grid');
    expect(one('to="big"')).toContain('ints, or a tensor that holds them');
    expect(one('to=a, scale=2')).toContain('one of scale=, to= and like=');
  });
});

describe('a picture is scaled to fit', () => {
  const graph = elaborated(`import { Fit } from "std/detection.res"
model M { input image: f32[1, 1, H, W]  image -> Fit(800.0, 1333.0)  output y }`);
  // Of torchvision 0.26: 289 * (800 / 289) is below 800 in float64, and 1332 is the most that a side of 634 becomes.
  it.each([
    [400, 500, 800, 1000],
    [289, 289, 799, 799],
    [200, 634, 420, 1332],
    [900, 300, 1333, 444],
  ])('%i x %i', (height, width, ...fitted) => {
    const image: HostTensor = { elem: 'f32', dims: [1, 1, height, width], data: new Float64Array(height * width) };
    expect(evaluateGraph(graph, new Map([['image', image]]), constants).get('y')?.dims).toEqual([1, 1, ...fitted]);
  });
});
