/** Graph text before and after every pass; the same graphs in numbers, before and after, and with every new weight nudged. */
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it, test } from 'vitest';
import type { Graph, Value } from '../../src/ir/graph.ts';
import { printGraph } from '../../src/ir/print.ts';
import type { HostTensor } from '../../src/ir/types.ts';
import { EvaluationError } from '../../src/ops/reference.ts';
import { allRules, passNames } from '../../src/passes/schedule.ts';
import { golden } from '../golden.ts';
import {
  completed,
  constantOf,
  errorBetween,
  evaluate,
  hashOf,
  inputsOf,
  randomSource,
  readCases,
  readNarrow,
  readNumbers,
  readText,
  run,
} from './support.ts';

const files = [...passNames, 'pipeline'];

const sizes: readonly ((symbol: string) => number)[] = [
  (symbol) => (symbol === 'N' ? 1 : 6),
  (symbol) => ({ N: 2, H: 7, W: 9 })[symbol] ?? 5,
];

/** The constants of a graph whose content is none of the other's. */
function newConstants(graph: Graph, original: Graph): readonly Value[] {
  const known = new Set(original.constants().map((value) => value.content?.id));
  return graph.constants().filter((value) => !known.has(value.content?.id));
}

/** Every element ±1 % by random sign, zeros by 1 % of the tensor's root mean square (of 1 where all are zero). */
function nudged(tensor: HostTensor, seed: string): HostTensor {
  const random = randomSource(hashOf(seed));
  const square = tensor.data.reduce((sum, x) => sum + x * x, 0) / Math.max(1, tensor.data.length);
  const root = Math.sqrt(square) || 1;
  return { ...tensor, data: tensor.data.map((x) => x + (random() < 0.5 ? -0.01 : 0.01) * (x === 0 ? root : x)) };
}

/** Undefined where ONNX does not say what comes out, or no double holds it. */
function known<T>(evaluated: () => T): T | undefined {
  try {
    return evaluated();
  } catch (error) {
    if (error instanceof EvaluationError) return undefined;
    throw error;
  }
}

describe.each(files)('%s', (pass) => {
  const cases = readCases(pass);

  test('text before and after', () => {
    golden(`passes/${pass}.ir`, cases.map((one) => completed(pass, one)).join('\n'));
  });

  it.each(cases.map((one) => [one.title, one] as const))('%s: numbers', (_title, one) => {
    // In float64 where the same rewrites fire there; those of one element type fire in that alone.
    const rewrites = (of: Graph): unknown => run(of, one.options).passes.map(({ fired }) => fired);
    const read = isDeepStrictEqual(rewrites(readNumbers(one.input)), rewrites(readText(one.input))) ? readNumbers : readNarrow;
    const original = read(one.input);
    const graph = read(one.input);
    run(graph, one.options);
    const fresh = newConstants(graph, original);
    const caught = new Set<Value>();
    for (const [i, size] of sizes.entries()) {
      const inputs = inputsOf(original, size, `${one.title}${i}`);
      const expected = known(() => evaluate(original, inputs));
      // The source itself is not finite (eps = 0 with a variance of 0), or undefined: nothing to compare, nothing may have been
      // folded.
      if (!expected || [...expected.values()].some((tensor) => tensor.data.some((x) => !Number.isFinite(x)))) {
        expect(fresh).toEqual([]);
        continue;
      }
      // f16 constants of a case about element types round differently.
      const tolerance = one.input.includes('f16') ? 5e-3 : read === readNarrow ? 1e-6 : 1e-9;
      expect(errorBetween(expected, evaluate(graph, inputs))).toBeLessThan(tolerance);
      if (one.input.includes('f16')) {
        for (const value of fresh) caught.add(value);
        continue;
      }
      for (const value of fresh) {
        const other = new Map([[value, nudged(constantOf(value), `${one.title}:${value.name}`)]]);
        if (errorBetween(expected, evaluate(graph, inputs, other)) > 1e-6) caught.add(value);
      }
    }
    // A weight that could be off by one per cent without being noticed would be no test of the fold that made it.
    expect(fresh.filter((value) => !caught.has(value)).map((value) => value.name)).toEqual([]);
  });

  it.each(cases.map((one) => [one.title, one] as const))('%s: twice is once, and reads back', (_title, one) => {
    const graph = readText(one.input);
    run(graph, one.options);
    const text = printGraph(graph);
    expect(printGraph(readText(text))).toBe(text);
    const again = run(graph, one.options);
    expect(again.passes.flatMap((done) => Object.keys(done.fired))).toEqual([]);
    expect(printGraph(graph)).toBe(text);
    const second = readText(one.input);
    run(second, one.options);
    expect(printGraph(second)).toBe(text);
  });
});

test('every rule fires in some case', () => {
  const fired = new Set<string>();
  for (const pass of files) {
    for (const one of readCases(pass)) {
      const report = run(readText(one.input), one.options);
      for (const done of report.passes) for (const rule of Object.keys(done.fired)) fired.add(rule);
    }
  }
  expect(allRules.map((rule) => rule.name).filter((name) => !fired.has(name))).toEqual([]);
});
