/** Factors that a file has as attributes go into constants only where the products stay normal numbers, at -O0 as well. */
import * as ort from 'onnxruntime-node';
import { describe, expect, it, vi } from 'vitest';
import { optimizeOnnx } from '../../src/optimize.ts';
import { floats, modelBytes, node, type Parts, value } from '../import/onnx-bytes.ts';
import { run } from './same.ts';

vi.setConfig({ testTimeout: 60_000 });

const gemm = (alpha: number, beta: number): Parts => ({
  opset: 17,
  graph: {
    input: [value('x', 1, ['N', 2])],
    output: [value('y', 1)],
    node: [
      {
        ...node('Gemm', 'x, w, b -> y'),
        attribute: [
          { name: 'alpha', type: 1, f: alpha },
          { name: 'beta', type: 1, f: beta },
        ],
      },
    ],
    initializer: [floats('w', [2, 2], [1e-25, 2e-25, -3e-25, 4e-25]), floats('b', [2], [1e-25, -2e-25])],
  },
});

describe('α and β of a Gemm', () => {
  for (const level of [0, 1, 2] as const) {
    it(`stay where the weights would vanish, at -O${level}`, async () => {
      const original = modelBytes(gemm(1e-25, 1e-12));
      const feeds = { x: new ort.Tensor('float32', [1e35, 2e35, 3e35, -1e35], [2, 2]) };
      const made = await optimizeOnnx(original, { level });
      const [y, r] = [await run(await made.bytes(), feeds), await run(original, feeds)];
      expect(y).toEqual(r);
      expect(r.y?.data.every((v) => Math.abs(v) > 1e-16)).toBe(true);
    });
  }

  it('go into the weights where there is room', async () => {
    const made = await optimizeOnnx(modelBytes(gemm(2, 0.5)));
    expect(made.graph && [...made.graph.nodes()].map(({ op }) => op.name)).toEqual(['linear']);
  });
});
