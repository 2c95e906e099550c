/** Factors that a file has as attributes go into constants only where the products stay normal numbers, at -O0 as well. */
import * as ort from 'onnxruntime-node';
import { describe, expect, it, vi } from 'vitest';
import { optimizeOnnx } from '../../src/optimize.ts';
import { floats, longs, modelBytes, node, type Parts, value } from '../import/onnx-bytes.ts';
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

describe('constants of 16 bits', () => {
  // onnxruntime computes f16 in f32 from cast to cast, where √(k·k) is k.
  const root = (k: number): Parts => ({
    opset: 17,
    graph: {
      input: [value('x', 1, [2])],
      output: [value('y', 1)],
      node: [
        node('Cast', 'k -> h', { to: 10 }),
        node('Mul', 'h, h -> a'),
        node('Sqrt', 'a -> q'),
        node('Cast', 'x -> xh', { to: 10 }),
        node('Mul', 'xh, q -> yh'),
        node('Cast', 'yh -> y', { to: 1 }),
      ],
      initializer: [floats('k', [], [k])],
    },
  });
  const feeds = { x: new ort.Tensor('float32', [10, -20], [2]) };
  const operators = async (parts: Parts): Promise<readonly string[]> => {
    const { graph } = await optimizeOnnx(modelBytes(parts));
    return [...(graph?.nodes() ?? [])].map(({ op }) => op.name);
  };

  it('do not fold to 0, nor to infinity', async () => {
    for (const k of [1e-5, 1e-3, 1e3]) {
      const original = modelBytes(root(k));
      const made = await optimizeOnnx(original);
      const y = (await run(await made.bytes(), feeds)).y?.data ?? [];
      for (const [i, x] of [10, -20].entries()) expect(Math.abs((y[i] ?? 0) / (x * k) - 1)).toBeLessThan(0.01);
      expect(await operators(root(k))).toContain('sqrt');
    }
  });

  it('fold where the numbers are normal ones', async () => {
    expect(await operators(root(0.5))).not.toContain('sqrt');
  });
});

// Found by `npm run fuzz -- --extreme`: onnxruntime refuses both files, and rescc hands them on.
describe('what does not fit stays as it is', () => {
  const kept = async (parts: Parts): Promise<readonly (string | undefined)[]> => {
    const made = await optimizeOnnx(modelBytes(parts));
    await made.bytes();
    return [...(made.graph?.nodes() ?? [])].map(({ op }) => op.foreign?.opType);
  };

  it('bounds of a Clip that have another type', async () => {
    const graph = {
      input: [value('x', 12, [2])],
      output: [value('y', 12)],
      node: [node('Clip', 'x, low, high -> y')],
      initializer: [floats('low', [], [0]), floats('high', [], [-1])],
    };
    expect(await kept({ opset: 19, graph })).toEqual(['Clip']);
  });

  it('axes of a Pad that are none of its operand', async () => {
    const graph = {
      input: [value('x', 1, [2, 2])],
      output: [value('y', 1)],
      node: [node('Pad', 'x, pads, , axes -> y')],
      initializer: [longs('pads', [4], [1, 1, 1, 1]), longs('axes', [2], [257, -1])],
    };
    expect(await kept({ opset: 24, graph })).toEqual(['Pad']);
  });

  it('sizes that no number holds', async () => {
    const graph = {
      output: [value('y', 6)],
      node: [node('DepthToSpace', 'x -> y', { blocksize: 2 ** 52 })],
      initializer: [{ name: 'x', dataType: 6, dims: [3, 0, 2, 0] }],
    };
    expect(await kept({ opset: 20, graph })).toEqual(['DepthToSpace']);
  });

  it('windows that would take hours', async () => {
    const graph = {
      output: [value('y', 1)],
      node: [node('MaxPool', 'x -> y', { kernel_shape: [2 ** 32, 1], auto_pad: 'SAME_UPPER' })],
      initializer: [floats('x', [1, 1, 2, 2], [1, 2, 3, 4])],
    };
    expect((await kept({ opset: 14, graph })).length).toBe(1);
  });
});
