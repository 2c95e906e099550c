/**
 * Every operator of the registry against onnxruntime's CPU provider, its optimiser off, at three opsets, with known and symbolic
 * sizes.
 */
import * as ort from 'onnxruntime-node';
import { afterAll, describe, expect, it } from 'vitest';
import { emitOnnx } from '../../src/codegen/emit.ts';
import { roundTo } from '../../src/ir/round.ts';
import { isFloat } from '../../src/ir/types.ts';
import { onnxBytes } from '../../src/onnx/write.ts';
import { evaluateGraph } from '../../src/ops/reference.ts';
import { operators } from '../../src/ops/registry.ts';
import { feed, ortTypes } from './feed.ts';
import { concreteNode, type OneNode, relativeError, sampleSource, symbolicNodes } from './support.ts';

const opsets = [13, 17, 21];
const samples = 6;

/** `exact` where the reference has only to be rounded. */
async function compare({ graph, inputs }: OneNode, opset: number, tolerance: number, exact: boolean): Promise<void> {
  const expected = evaluateGraph(graph, inputs, () => {
    throw new Error('a sample has no constants');
  });
  const bytes = await onnxBytes(emitOnnx(graph, { opset }));
  const session = await ort.InferenceSession.create(bytes, {
    graphOptimizationLevel: 'disabled',
    intraOpNumThreads: 1,
    logSeverityLevel: 3,
  });
  const feeds: Record<string, ort.Tensor> = {};
  for (const [name, x] of inputs) feeds[name] = feed(x);
  const results = await session.run(feeds);
  for (const { name } of graph.outputs) {
    const y = expected.get(name);
    const actual = results[name];
    if (!y || !actual) throw new Error(`no output ${name}`);
    expect(actual.type).toBe(ortTypes[y.elem]);
    expect(actual.dims).toEqual(y.dims);
    const numbers = Array.from(actual.data as Iterable<number | bigint | boolean>, Number);
    if (isFloat(y.elem) && exact) {
      const rounded = Float64Array.from(y.data);
      roundTo(y.elem, rounded);
      // Of two zeros, one may be negative.
      expect(numbers.map((n) => n + 0)).toEqual(Array.from(rounded, (n) => n + 0));
    } else if (isFloat(y.elem)) expect(relativeError(numbers, y.data)).toBeLessThanOrEqual(tolerance);
    else expect(numbers).toEqual([...y.data]);
  }
  await session.release();
}

const opsSeen = new Set<string>();

describe.each(operators.map((operator) => [operator.name, operator] as const))('%s', (_name, operator) => {
  it.each(opsets)('computes what onnxruntime does at opset %i', async (opset) => {
    for (let seed = 1; seed <= samples; seed++) {
      const sample = operator.sample(sampleSource(seed * 1000 + opset));
      const known = concreteNode(operator, sample);
      if (opset < (operator.since?.(known.node) ?? 0)) continue;
      const { roundsOnce } = operator.traits;
      const exact = roundsOnce === true || (roundsOnce === 'one' && known.node.y.type.dims.every((d) => d.constant === 1));
      for (const { opType: op } of emitOnnx(known.graph, { opset }).graph.nodes) opsSeen.add(`${operator.name} ${op}`);
      await compare(known, opset, sample.tolerance ?? 1e-5, exact);
      const [symbolic] = symbolicNodes(operator, sample);
      if (symbolic) await compare(symbolic, opset, sample.tolerance ?? 1e-5, exact);
    }
  });
});

describe('the list of what a lowering writes', () => {
  afterAll(() => opsSeen.clear());
  it('names every operator that a sample wrote', () => {
    const helpers = new Set(['Identity']);
    const missing = [...opsSeen].filter((line) => {
      const [name = '', op = ''] = line.split(' ');
      return !helpers.has(op) && !operators.find((o) => o.name === name)?.onnx.includes(op);
    });
    expect(missing).toEqual([]);
  });
});
