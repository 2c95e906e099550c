/** Shape rules against evaluation, for every operator of the registry, with known and with symbolic sizes. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Dim } from '../../src/ir/dim.ts';
import type { Sample } from '../../src/ir/operator.ts';
import { isOfRun } from '../../src/ir/promise.ts';
import { bindInputs, boundAttrs, evaluateGraph, evaluateNode } from '../../src/ops/reference.ts';
import { operators } from '../../src/ops/registry.ts';
import { concreteNode, relativeError, sampleSource, symbolicNodes } from './support.ts';

function sampleText(sample: Sample): string {
  const attrs = Object.entries(sample.attrs).map(([name, value]) => `${name}=${String(value)}`);
  return [...sample.operands.map((x) => x?.data.join()), ...attrs].join(' ');
}

const noConstants = (): never => {
  throw new Error('a sample has no constants');
};

/** Sizes that only the run knows are within their bounds. */
function expectSizes(dims: readonly Dim[], sizes: readonly number[], bindings: ReadonlyMap<string, number> = new Map()): void {
  expect(sizes.length).toBe(dims.length);
  for (const [axis, dim] of dims.entries()) {
    const size = sizes[axis] ?? expect.unreachable();
    const value = dim.evaluate(bindings);
    const { name = '', promise } = dim.plain ?? {};
    if (value !== undefined || !promise || !isOfRun(name)) {
      expect(size, dims.join()).toBe(value);
      continue;
    }
    const most = promise.within instanceof Dim ? promise.within.evaluate(bindings) : undefined;
    expect(size).toBeGreaterThanOrEqual(promise.least);
    expect(size).toBeLessThanOrEqual(most ?? promise.most);
  }
}

describe.each(operators.map((operator) => [operator.name, operator] as const))('%s', (_name, operator) => {
  it('infers the dimensions that its evaluation has', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const sample = operator.sample(sampleSource(seed));
        const { node } = concreteNode(operator, sample);
        const results = operator.evaluate(sample.operands, boundAttrs(node.attrs, new Map()));
        expect(results.map((y) => y.elem)).toEqual(node.results.map((y) => y.type.elem));
        results.forEach((y, i) => {
          expectSizes(node.results[i]?.type.dims ?? [], y.dims);
        });
        for (const y of results) expect(y.data.length).toBe(y.dims.reduce((n, d) => n * d, 1));
      }),
      { numRuns: 60, seed: 1 },
    );
  });

  it('infers symbolic dimensions that are the known ones where the symbols are bound', () => {
    let symbolic = 0;
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const sample = operator.sample(sampleSource(seed));
        const known = concreteNode(operator, sample);
        for (const { graph, node, inputs, bindings } of symbolicNodes(operator, sample)) {
          symbolic++;
          expect(bindInputs(graph, inputs)).toEqual(bindings);
          const outputs = evaluateGraph(graph, inputs, noConstants);
          evaluateNode(known.node, sample.operands, new Map()).forEach((y, i) => {
            expectSizes(node.results[i]?.type.dims ?? [], y.dims, bindings);
            expect(relativeError(outputs.get(`y${i}`)?.data ?? [], y.data)).toBe(0);
          });
        }
      }),
      { numRuns: 40, seed: 2 },
    );
    expect(symbolic).toBeGreaterThan(0);
  });

  it('samples the same for the same seed', () => {
    for (const seed of [0, 1, 77]) expect(operator.sample(sampleSource(seed))).toEqual(operator.sample(sampleSource(seed)));
    const texts = new Set([1, 2, 3, 4, 5, 6, 7, 8].map((seed) => sampleText(operator.sample(sampleSource(seed)))));
    expect(texts.size).toBeGreaterThan(2);
  });
});
