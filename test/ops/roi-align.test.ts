/** RoiAlign with its newer places, against onnxruntime, and the opsets that cannot say it. */
import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { build } from '../../src/check.ts';
import { emitOnnx } from '../../src/codegen/emit.ts';
import { compile } from '../../src/compile.ts';
import { render } from '../../src/diagnostics/render.ts';
import { onnxBytes } from '../../src/onnx/write.ts';
import { evaluateGraph } from '../../src/ops/reference.ts';
import { roiAlign } from '../../src/ops/roi-align.ts';
import { concreteNode, relativeError, sampleSource } from './support.ts';

describe('aligned', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])('is what onnxruntime computes, sample %i', async (seed) => {
    const { operands, attrs } = roiAlign.sample(sampleSource(seed));
    const { graph, inputs } = concreteNode(roiAlign, { operands, attrs: { ...attrs, aligned: true } });
    const expected = evaluateGraph(graph, inputs, () => expect.unreachable('a sample has no constants')).get('y0');
    const session = await ort.InferenceSession.create(await onnxBytes(emitOnnx(graph, { opset: 17 })), { logSeverityLevel: 3 });
    const feeds: Record<string, ort.Tensor> = {};
    for (const [name, x] of inputs) {
      const whole = x.elem === 'i64';
      const data = whole ? BigInt64Array.from(x.data, BigInt) : Float32Array.from(x.data);
      feeds[name] =
        data instanceof BigInt64Array ? new ort.Tensor('int64', data, x.dims) : new ort.Tensor('float32', data, x.dims);
    }
    const { y0 } = await session.run(feeds);
    expect(relativeError(y0?.data as Float32Array, expected?.data ?? [])).toBeLessThan(1e-5);
    await session.release();
  });
});

const source = (more: string): string => `model M { input x: f32[1, 2, 8, 8]
  input boxes: f32[K, 4]
  input pictures: i64[K]
  roi_align(x, boxes, pictures, 2x2, sampling=2${more})
  output y }`;

it('has a grid for each of as many boxes as there are', () => {
  expect(build(source('')).graph?.outputs[0]?.value.type.dims.join()).toBe('K,2,2,2');
});

it.each([
  ['', 22, '--opset 21'],
  [', aligned=true', 15, '--opset 16'],
] as const)('%s at opset %i is refused with a way out', async (more, opset, hint) => {
  const { diagnostics } = await compile(source(more), { opset });
  expect(render(diagnostics, { color: false })).toContain(hint);
});
