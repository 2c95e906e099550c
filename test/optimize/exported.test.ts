/**
 * What exporters and onnxruntime's own tests wrote, optimised: which operators are left, and that a trained network still knows
 * its pictures.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { decode } from 'fast-png';
import { describe, expect, it } from 'vitest';
import { openCheckpoint } from '../../src/checkpoint/checkpoint.ts';
import type { OptimizationLevel } from '../../src/graph-passes.ts';
import { type ByteSource, memorySource } from '../../src/io/bytes.ts';
import { fileSource } from '../../src/io/node/file-source.ts';
import { type OptimizeResult, optimizeOnnx } from '../../src/optimize.ts';
import { openSession } from '../../src/runtime/session.ts';
import { spanOf } from '../../src/tensor/stored.ts';

const fixtures = new URL('../fixtures/', import.meta.url);
const path = (name: string): string => fileURLToPath(new URL(name, fixtures));

/** Operators of the result by kind. */
function kinds(result: OptimizeResult): Readonly<Record<string, number>> {
  expect(result.diagnostics).toEqual([]);
  const counts: Record<string, number> = {};
  for (const { opType: op } of result.onnx?.graph.nodes ?? []) counts[op] = (counts[op] ?? 0) + 1;
  return counts;
}

/**
 * What onnxruntime's tests expect of its optimiser. `fuse-pad-maxpool` is where it drops the Pad, which changes the result where
 * inputs are negative; `fuse-matmul-bn-directly-dont-fuse` normalises another axis than the product's last.
 */
const expected: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  'fuse-matmul-bn-directly': { Gemm: 1 },
  'fuse-matmul-bn-with-reshape': { Gemm: 1, Reshape: 1 },
  'fuse-matmul-bn-directly-dont-fuse': { MatMul: 1, BatchNormalization: 1 },
  'fuse-pad-conv': { Conv: 1 },
  'fuse-pad-nopadsconv': { Conv: 1 },
  'fuse-pad-avgpool': { AveragePool: 1 },
  'fuse-pad-avgpool_with_pad': { AveragePool: 1 },
  'fuse-pad-avgpool_with_pad-nofuse': { Pad: 1, AveragePool: 1 },
  'fuse-pad-maxpool': { Pad: 1, MaxPool: 1 },
  gemm_sum_basic: { Gemm: 1 },
  gemm_transpose_output_transposed: { Gemm: 1 },
};

describe('onnxruntime’s fusion tests', () => {
  it.each(Object.entries(expected))('%s', async (name, left) => {
    expect(kinds(await optimizeOnnx(fileSource(path(`onnxruntime-fusion/${name}.onnx`))))).toEqual(left);
  });

  it('div_mul has at most two Mul, folded shapes no Shape and no Unsqueeze', async () => {
    expect(kinds(await optimizeOnnx(fileSource(path('onnxruntime-fusion/div_mul.onnx')))).Mul).toBeLessThanOrEqual(2);
    const folded = kinds(
      await optimizeOnnx(fileSource(path('onnxruntime-fusion/constant_folding_with_shape_to_initializer.onnx'))),
    );
    expect(folded).not.toHaveProperty('Shape');
    expect(folded).not.toHaveProperty('Unsqueeze');
    expect(folded).toHaveProperty('MatMul');
  });
});

describe('a detector of opset 9', () => {
  it('has no batchnorm left, and fewer nodes than the peers leave', async () => {
    const left = kinds(await optimizeOnnx(fileSource(path('rfb320/version-RFB-320.onnx'))));
    // It has 52 convs; two whose results are added become one. onnxsim leaves 124 nodes, onnxslim 125.
    expect(left).toMatchObject({ Conv: 51, Relu: 37, Split: 1 });
    for (const gone of ['BatchNormalization', 'Constant', 'Shape', 'Gather', 'Unsqueeze']) expect(left).not.toHaveProperty(gone);
    expect(Object.values(left).reduce((sum, n) => sum + n, 0)).toBeLessThanOrEqual(116);
  });

  it('joins its heads by one gather each at -O2', async () => {
    const left = kinds(await optimizeOnnx(fileSource(path('rfb320/version-RFB-320.onnx')), { level: 2 }));
    expect(left).toMatchObject({ Gather: 2, Reshape: 8 });
    expect(left).not.toHaveProperty('Transpose');
    expect(Object.values(left).reduce((sum, n) => sum + n, 0)).toBeLessThanOrEqual(110);
  });
});

describe('a trained ResNet-20 as PyTorch exports it', () => {
  const folder = 'cifar10/';
  const truth = JSON.parse(readFileSync(path(`${folder}resnet20-expected.json`), 'utf8')) as {
    readonly logits_of_first_20: readonly (readonly number[])[];
  } & Readonly<Record<'argmax' | 'predictions', readonly number[] | undefined>>;

  /** The file with its external data, which is put together from the checkpoint. */
  async function exported(): Promise<ByteSource> {
    const checkpoint = await openCheckpoint(fileSource(path(`${folder}resnet20-12fca82f.th`)));
    const tensors = checkpoint.dicts.find((one) => one.key === 'state_dict')?.tensors;
    const spans = [...(tensors?.values() ?? [])].flatMap((one) => spanOf(one.expr) ?? []);
    expect(spans).toHaveLength(97);
    const parts = await Promise.all(spans.map((span) => span.source.read(span.offset, span.length)));
    const data = memorySource('resnet20.data', Buffer.concat(parts));
    return {
      ...memorySource('resnet20-torch-bn.onnx', readFileSync(path(`${folder}resnet20-torch-bn.onnx`))),
      sibling: () => data,
    };
  }

  function firstImages(count: number): Float64Array {
    const sheet = decode(readFileSync(path(`${folder}test-000-499.png`)));
    const mean = [0.485, 0.456, 0.406];
    const deviation = [0.229, 0.224, 0.225];
    return Float64Array.from({ length: count * 3072 }, (_, i) => {
      const channel = Math.floor(i / 1024) % 3;
      const at = (Math.floor(i / 3072) * 1024 + (i % 1024)) * sheet.channels + channel;
      return Math.fround(((sheet.data[at] ?? 0) / 255 - (mean[channel] ?? 0)) / (deviation[channel] ?? 1));
    });
  }

  it.each([0, 1, 2] as const)('at -O%i', async (level: OptimizationLevel) => {
    const result = await optimizeOnnx(await exported(), { level });
    const left = kinds(result);
    expect(left).toMatchObject({ Conv: 19, Relu: 19, Add: 9, Gemm: 1 });
    if (level > 0) {
      const shortcuts = { MaxPool: 2, Pad: 2 };
      expect(left).toEqual({ Conv: 19, Relu: 19, Add: 9, Gemm: 1, AveragePool: 1, Reshape: 1, ...shortcuts });
    }
    const session = await openSession(await result.bytes(), { ep: 'cpu', optimization: 'all' });
    try {
      const [input, output] = [result.graph?.inputs[0]?.name ?? '', result.graph?.outputs[0]?.name ?? ''];
      const answers = await session.run(new Map([[input, { elem: 'f32', dims: [20, 3, 32, 32], data: firstImages(20) }]]));
      const logits = answers.get(output)?.data ?? new Float64Array();
      truth.logits_of_first_20.forEach((row, i) => {
        const mine = Array.from(logits.subarray(10 * i, 10 * i + 10));
        row.forEach((value, k) => {
          expect(Math.abs(value - (mine[k] ?? Number.NaN))).toBeLessThan(1e-4);
        });
        expect(mine.indexOf(Math.max(...mine))).toBe((truth.argmax ?? truth.predictions)?.[i]);
      });
    } finally {
      await session.close();
    }
  });
});
