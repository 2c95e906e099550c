/** Attention, and what it is used with, at the opset that has each as one node, against onnxruntime's kernels. */
import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { emitOnnx } from '../../src/codegen/emit.ts';
import { importOnnx } from '../../src/import/import.ts';
import { CheckFailure, type Operator } from '../../src/ir/operator.ts';
import { type ElemType, elementCount, type HostTensor } from '../../src/ir/types.ts';
import { onnxBytes } from '../../src/onnx/write.ts';
import { attention } from '../../src/ops/attention.ts';
import { expand } from '../../src/ops/expand.ts';
import { rmsnorm } from '../../src/ops/norm.ts';
import { evaluateGraph } from '../../src/ops/reference.ts';
import { rotaryEmbedding } from '../../src/ops/rotary.ts';
import { opened } from '../import/onnx-bytes.ts';
import { concreteNode, type OneNode, relativeError, sampleSource, symbolicNodes } from './support.ts';

async function compare({ graph, inputs }: OneNode): Promise<void> {
  const expected = evaluateGraph(graph, inputs, () => expect.unreachable('a sample has no constants'));
  const session = await ort.InferenceSession.create(await onnxBytes(emitOnnx(graph, { opset: 23 })), {
    graphOptimizationLevel: 'disabled',
    logSeverityLevel: 3,
  });
  const feeds: Record<string, ort.Tensor> = {};
  for (const [name, x] of inputs) feeds[name] = new ort.Tensor('float32', Float32Array.from(x.data), x.dims);
  const { y0 } = await session.run(feeds);
  expect(y0?.dims).toEqual(expected.get('y0')?.dims);
  expect(relativeError(y0?.data as Float32Array, expected.get('y0')?.data ?? [])).toBeLessThan(1e-5);
  await session.release();
}

const kernels: readonly (readonly [name: string, operator: Operator])[] = [
  ['Attention', attention],
  ['RotaryEmbedding', rotaryEmbedding],
  ['RMSNormalization', rmsnorm],
];

describe.each(kernels)('%s at opset 23', (name, operator) => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])('is one node that onnxruntime computes as we do, sample %i', async (seed) => {
    const sample = operator.sample(sampleSource(seed));
    const known = concreteNode(operator, sample);
    const written = emitOnnx(known.graph, { opset: 23 }).graph.nodes.map((node) => node.opType);
    expect(written.filter((op) => op !== 'Expand')).toEqual([name]);
    await compare(known);
    const [symbolic] = symbolicNodes(operator, sample);
    if (symbolic) await compare(symbolic);
    // Read back, it is the operator that it was.
    const { graph } = importOnnx(await opened(await onnxBytes(emitOnnx(known.graph, { opset: 23 }))));
    expect([...graph.nodes()].filter(({ op }) => op !== expand).map(({ op }) => op)).toEqual([operator]);
  });
});

const tensor = (elem: ElemType, ...dims: readonly number[]): HostTensor => ({
  elem,
  dims,
  data: new Float64Array(elementCount(dims)),
});

function labelOf(operands: readonly (HostTensor | undefined)[], scale = 1): string {
  try {
    concreteNode(attention, { operands, attrs: { scale } });
  } catch (error) {
    if (error instanceof CheckFailure) return error.label;
    throw error;
  }
  return 'none';
}

describe('the shape rule', () => {
  const q = tensor('f32', 2, 6, 3, 4);
  const k = tensor('f32', 2, 3, 5, 4);
  const v = tensor('f32', 2, 3, 5, 7);
  it.each([
    ['none', [q, k, v], 1],
    ['none', [q, k, v, tensor('f32', 6, 1, 5)], 1],
    ['c1', [tensor('f32', 6, 3, 4), k, v], 1],
    ['c2', [q, k, tensor('f16', 2, 3, 5, 7)], 1],
    ['c3', [q, k, v], 0],
    ['c4', [q, k, tensor('f32', 1, 3, 5, 7)], 1],
    ['c4', [q, k, tensor('f32', 2, 3, 4, 7)], 1],
    ['c4', [q, tensor('f32', 2, 3, 5, 3), v], 1],
    ['c5', [tensor('f32', 2, 4, 3, 4), k, v], 1],
    ['c6', [q, k, v, tensor('f32', 2, 6, 3, 4)], 1],
    ['c6', [q, k, v, tensor('f32', 1, 2, 6, 3, 5)], 1],
  ] as const)('answers %s', (label, operands, scale) => {
    expect(labelOf(operands, scale)).toBe(label);
  });
});

describe('evaluation', () => {
  it('gives a query that may read no key zeros, as the specification has it', () => {
    const one = (...data: readonly number[]): HostTensor => ({
      elem: 'f32',
      dims: [1, 1, data.length, 1],
      data: Float64Array.from(data),
    });
    const mask: HostTensor = { elem: 'f32', dims: [2, 2], data: Float64Array.of(-Infinity, -Infinity, -Infinity, 0) };
    const [y] = attention.evaluate([one(1, 1), one(1, 1), one(5, 7), mask], { scale: 1, causal: false });
    expect([...(y?.data ?? [])]).toEqual([0, 7]);
  });
  it('counts the products of queries with keys, and of probabilities with values', () => {
    const { node } = concreteNode(attention, {
      operands: [tensor('f32', 2, 6, 3, 4), tensor('f32', 2, 3, 5, 4), tensor('f32', 2, 3, 5, 7)],
      attrs: { scale: 1 },
    });
    expect(attention.cost(node).constant).toBe(2 * 6 * 3 * 5 * (4 + 7));
  });
});
