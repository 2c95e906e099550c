/**
 * Layers that name, turn and unfold axes, with symbolic sizes: as they are built and after the passes, at three opsets,
 * onnxruntime computes what the reference does at several sizes. Element types of each kind.
 */
import * as ort from 'onnxruntime-node';
import { describe, expect, it, vi } from 'vitest';
import { build } from '../../src/check.ts';
import { emitOnnx } from '../../src/codegen/emit.ts';
import { render } from '../../src/diagnostics/render.ts';
import type { Graph } from '../../src/ir/graph.ts';
import { verifyGraph } from '../../src/ir/verifier.ts';
import { onnxBytes } from '../../src/onnx/write.ts';
import { runPasses } from '../../src/passes/pipeline.ts';
import { evaluate, inputsOf } from '../passes/support.ts';
import { relativeError } from './support.ts';

vi.setConfig({ testTimeout: 120_000 });

const statements: readonly (readonly [type: string, text: string, nodes?: number])[] = [
  ['f32[N, 16, W, 3]', 'assert W % 8 == 0  rearrange("n (h p) (w q) c -> (n h w) (p q) c", p=8, q=8)'],
  ['f32[N, T, 12]', 'rearrange("n t (h d) -> n h t d", h=3)'],
  ['i64[N, T, 12]', 'rearrange("n t c -> c n t 1")'],
  ['f32[N, T]', 'rearrange("n t -> n c (t 3)", c=2)'],
  ['i64[N, T]', 'rearrange("... -> k ...", k=N)'],
  ['f32[N, T]', 'rearrange(it, x * 2.0, "k n t -> n (k t)")'],
  ['f32[N, 4, 6, T]', 'reduce("n (a 2) (b 3) t -> n b a t", "mean")'],
  ['i64[N, C, T]', 'reduce("n c t -> n 1 c", "max")'],
  ['f32[N, 2, T, 4]', 'einsum(x, "b h i d, b h j d -> b h i j")'],
  ['f32[N, T, 4]', 'einsum(it, x, x, "n i a, m j a, n j b -> m i b")'],
  ['i64[N, T]', 'einsum(x, "n t, n s -> t s")'],
  ['f32[N, 3, 3]', 'einsum("n i i -> n i")'],
  ['f32[N, T, 4]', 'einsum("... -> ...")'],
  ['f32[N, H, 7, 2]', 'assert H % 2 == 0  roll(-2, 3, axes=[1, 2])'],
  ['i64[N, H]', 'roll(floordiv(H, 2), axes=[1])'],
  ['f32[N, H]', 'roll(1)'],
  ['f32[N, H, 3]', 'flip(1, 2)'],
  ['i64[N, H]', 'tile(2, 1, 3)'],
  ['f32[N, H]', 'tile(1, N)'],
  ['f32[N, 3, H, W]', 'unfold(3x2, stride=[2, 1], dilation=[1, 2], pad=[2, 1])'],
  ['f32[N, 2, 8, 6]', 'unfold(2x2, stride=2)'],
  ['i64[N, 2, 9]', 'unfold(3, stride=2)'],
  ['f32[N, 6, H, W]', 'channel_shuffle(3)'],
  ['f32[N, 6, H]', 'l2_normalize'],
  ['f32[N, 6, H]', 'let a = var(1)  let b = std(1, 2, keepdims=true, correction=0)  b + var(keepdims=true, correction=0)'],
  ['f32[N, 6, H]', 'assert H % 2 == 0  std(2)'],
  ['f32[N, T, 8]', 'attention(x, x[:, :, :4], x[:, :, 4:], heads=4, kv_heads=2, causal=true)'],
  ['f32[N, 2, T, 4]', 'attention(x[:, :, -1:], x, x, scale=0.3, causal=true, bias=range(T) -> cast(f32))'],
  ['f32[N, T, 8]', 'let read = range(T) < 2  attention(x, x, x, heads=2, mask=read)'],
  ['f32[N, T, 8]', 'let none = range(T) < 0  attention(x, x, x, heads=2, mask=none, causal=true)'],
  ['f32[N, 2, T, 6]', 'rope + rope(positions=range(N, N + T), theta=500.0, features=4, interleaved=true)'],
  ['f32[N, T, 12]', 'rope(heads=3, frequencies=tensor([1.0, 0.25])) + rope(heads=2)'],
  ['f32[N, T, 6]', 'rmsnorm + rmsnorm(axis=[1, 2], affine=false, eps=0.1)'],
  ['f32[N, 4, H, W]', 'layernorm(axis=1) + rmsnorm(axis=1)'],
  ['f32[N, 3, 6]', 'let values, places = topk(2)  values + cast(places, f32)'],
  ['f32[N, T, 4]', 'let values, places = topk(min(2, T), axis=1, largest=false)  values + cast(places, f32)'],
  ['i64[N, 3, T]', 'let values, places = sort(0, descending=true)  values + places * 100'],
  ['f32[N, T, 2]', 'argsort(1)'],
  ['f32[N, 3, H]', 'param weight: f32[4, 3, 3] = normal(std=1)  conv(4, 3, weight=standardize(weight))'],
];

const feed = (elem: string, data: Float64Array, dims: readonly number[]): ort.Tensor =>
  elem === 'i64'
    ? new ort.Tensor(
        'int64',
        BigInt64Array.from(data, (v) => BigInt(Math.round(v))),
        dims,
      )
    : new ort.Tensor('float32', Float32Array.from(data), dims);

async function compare(graph: Graph, opset: number, sizes: (symbol: string) => number): Promise<void> {
  const inputs = inputsOf(graph, sizes, `${opset}`);
  const expected = evaluate(graph, inputs);
  const session = await ort.InferenceSession.create(await onnxBytes(emitOnnx(graph, { opset })), {
    graphOptimizationLevel: 'disabled',
    intraOpNumThreads: 1,
    logSeverityLevel: 3,
  });
  const out = await session.run(Object.fromEntries([...inputs].map(([name, x]) => [name, feed(x.elem, x.data, x.dims)])));
  for (const [name, y] of expected) {
    expect(out[name]?.dims).toEqual(y.dims);
    const numbers = Array.from(out[name]?.data as Iterable<number | bigint>, Number);
    expect(relativeError(numbers, y.data), `opset ${opset} ${numbers} ${y.data}`).toBeLessThanOrEqual(1e-5);
  }
  await session.release();
}

describe('in onnxruntime', () => {
  it.each(statements)('%s: %s', async (type, text) => {
    for (const passes of [false, true]) {
      const { graph, diagnostics } = build(`model M { input x: ${type}\n${text}\noutput y }`);
      expect(render(diagnostics, { color: false })).toBe('');
      if (!graph) continue;
      if (passes) runPasses(graph, { level: 2 });
      expect(verifyGraph(graph)).toEqual([]);
      for (const opset of [13, 17, 21, 23]) {
        await compare(graph, opset, (symbol) => ({ N: 2, T: 3, H: 4, W: 5, C: 2 })[symbol] ?? 2);
        await compare(graph, opset, (symbol) => ({ N: 1, T: 5, H: 2, W: 3, C: 1 })[symbol] ?? 3);
      }
    }
  });
});
