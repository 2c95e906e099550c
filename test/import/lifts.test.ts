/**
 * Lifts are the way back from lowerings: samples of every operator are written as a file, read and imported, with known and with
 * symbolic sizes, and must compute the same. Nothing of them may be left foreign.
 */
import { describe, expect, it } from 'vitest';
import { emitOnnx } from '../../src/codegen/emit.ts';
import { importOnnx } from '../../src/import/import.ts';
import { memorySource } from '../../src/io/bytes.ts';
import type { Value } from '../../src/ir/graph.ts';
import { type HostTensor, isFloat } from '../../src/ir/types.ts';
import { verifyGraph } from '../../src/ir/verifier.ts';
import { readOnnxFile } from '../../src/onnx/read.ts';
import { onnxBytes } from '../../src/onnx/write.ts';
import { evaluateGraph } from '../../src/ops/reference.ts';
import { operators } from '../../src/ops/registry.ts';
import { exprOf, materializeSync } from '../../src/tensor/values.ts';
import { concreteNode, type OneNode, relativeError, sampleSource, symbolicNodes } from '../ops/support.ts';

const opsets = [13, 17, 21, 23, 26];
const samples = 8;

function numbersOf(value: Value): HostTensor {
  const tensor = materializeSync(exprOf(value));
  if (!tensor) throw new Error('a constant that cannot be read at once');
  return tensor;
}

async function roundTrip({ graph, node, inputs }: OneNode, opset: number, tolerance: number): Promise<void> {
  const model = emitOnnx(graph, { opset });
  const file = await readOnnxFile(memorySource('sample.onnx', await onnxBytes(model)));
  const imported = importOnnx(file);
  expect(imported.foreign).toEqual([]);
  expect(verifyGraph(imported.graph)).toEqual([]);
  expect(imported.graph.inputs.map((input) => [input.name, input.type])).toEqual(
    graph.inputs.map((input) => [input.name, input.type]),
  );
  // What is one node comes back as that node, unless it is a constant by now.
  const [only, ...more] = model.graph.nodes;
  if (only && more.length === 0 && imported.graph.nodeCount > 0 && !sameAs.has(node.op.name)) {
    expect([...imported.graph.nodes()].map((one) => one.op.name)).toEqual([node.op.name]);
    expect(imported.graph.first?.results.map((y) => y.type)).toEqual(node.results.map((y) => y.type));
  }
  const fed = new Map([...inputs].filter(([name]) => imported.graph.inputs.some((input) => input.name === name)));
  const expected = evaluateGraph(graph, inputs, numbersOf);
  const actual = evaluateGraph(imported.graph, fed, numbersOf);
  for (const [name, y] of expected) {
    const z = actual.get(name);
    expect(z?.dims).toEqual(y.dims);
    expect(z?.elem).toBe(y.elem);
    if (isFloat(y.elem)) expect(relativeError(z?.data ?? [], y.data)).toBeLessThanOrEqual(tolerance);
    else expect([...(z?.data ?? [])]).toEqual([...y.data]);
  }
  // And once more: what was imported is written as the same nodes.
  const again = emitOnnx(imported.graph, { opset, source: imported });
  const extra = readsSizesTwice.has(node.op.name) ? 4 : 0;
  expect(again.graph.nodes.length).toBeLessThanOrEqual(model.graph.nodes.length + extra);
}

/** Operators that a file says by another one of the same meaning. */
const sameAs = new Set([
  'identity',
  'squeeze',
  'unsqueeze',
  'slice',
  'clamp',
  'groupnorm',
  'attention',
  'gemm',
  'resize',
  'dim_value',
  'linear',
  'pack_gates',
  'adaptive_avgpool',
  'adaptive_maxpool',
]);

/** Whose file computes with sizes as numbers and as bounds of ranges: what comes back reads each from the shape for itself. */
const readsSizesTwice = new Set(['adaptive_avgpool', 'adaptive_maxpool']);

describe.each(operators.map((operator) => [operator.name, operator] as const))('%s', (_name, operator) => {
  it.each(opsets)('comes back at opset %i', async (opset) => {
    for (let seed = 1; seed <= samples; seed++) {
      const sample = operator.sample(sampleSource(seed * 1000 + opset));
      const tolerance = Math.max(1e-6, sample.tolerance ?? 0);
      const known = concreteNode(operator, sample);
      if (opset < (operator.since?.(known.node) ?? 0) || opset > (operator.until ?? Infinity)) continue;
      await roundTrip(known, opset, tolerance);
      for (const symbolic of symbolicNodes(operator, sample).slice(0, 2)) await roundTrip(symbolic, opset, tolerance);
    }
  });
});
