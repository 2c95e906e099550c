/**
 * The golden cases of all passes with every symbol at 0 that may be told so: what the graph before the rewrites takes, the graph
 * behind them takes too, and both give the same, in the float64 reference. What that refuses before the
 * rewrites (`Operator.needs`, a window over nothing) is no fault of theirs.
 */
import { describe, expect, it } from 'vitest';
import { emitOnnx } from '../../src/codegen/emit.ts';
import type { Graph } from '../../src/ir/graph.ts';
import type { HostTensor } from '../../src/ir/types.ts';
import { EvaluationError } from '../../src/ops/reference.ts';
import { passNames } from '../../src/passes/schedule.ts';
import { type Case, errorBetween, evaluate, inputsOf, readCases, readNarrow, run } from './support.ts';

const symbolsOf = (graph: Graph): readonly string[] => [
  ...new Set(graph.inputs.flatMap(({ type }) => type.dims.flatMap((d) => d.symbols()))),
];

/** The text with the promise that these may be 0; undefined where its types are those of sizes of at least 1. */
function told(text: string, names: readonly string[]): string | undefined {
  const lines = names.filter((name) => !text.includes(`assume ${name} >=`)).map((name) => `assume ${name} >= 0`);
  const whole = [...lines, text].join('\n');
  try {
    readNarrow(whole);
    return whole;
  } catch {
    return undefined;
  }
}

type Outputs = ReadonlyMap<string, HostTensor>;

/** Undefined where the reference refuses. */
function evaluated(graph: Graph, inputs: Outputs): Outputs | undefined {
  try {
    return evaluate(graph, inputs);
  } catch (error) {
    if (error instanceof EvaluationError) return undefined;
    throw error;
  }
}

/** Rules that were held back because a size may be 0. */
const held = new Set<string>();
let compared = 0;

function check(one: Case): void {
  const names = symbolsOf(readNarrow(one.input));
  const text = names.length > 0 ? told(one.input, names) : undefined;
  if (text === undefined) return;
  const original = readNarrow(text);
  const graph = readNarrow(text);
  const { passes } = run(graph, one.options);
  for (const { refused } of passes) for (const { rule, condition } of refused) if (condition === 'needs-elements') held.add(rule);
  if (passes.every(({ fired }) => Object.keys(fired).length === 0)) return;
  compared++;
  for (const none of [names, ...(names.length > 1 ? names.map((name) => [name]) : [])]) {
    const inputs = inputsOf(original, (name) => (none.includes(name) ? 0 : 6), one.title);
    const at = `${none.join(', ')} = 0`;
    const tolerance = one.input.includes('f16') ? 5e-3 : 1e-5;
    const expected = evaluated(original, inputs);
    if (!expected) continue;
    const found = evaluated(graph, inputs);
    expect(found, at).toBeDefined();
    if (found) expect(errorBetween(expected, found), at).toBeLessThan(tolerance);
  }
}

describe('over nothing, a rewrite gives what was there before:', () => {
  it.each([...passNames, 'pipeline'])('%s', { timeout: 60_000 }, (pass) => {
    for (const one of readCases(pass)) {
      try {
        check(one);
      } catch (error) {
        if (error instanceof Error) error.message = `${one.title}: ${error.message}`;
        throw error;
      }
    }
  });

  it('in many cases, and where it would not, the rule is held back', () => {
    expect(compared).toBeGreaterThan(80);
    expect([...held].sort()).toEqual(['fold-pad/into-windows', 'fuse-shortcut/option-a-pool', 'move-transpose/through']);
  });
});

describe('an Attention, which onnxruntime refuses over nothing,', () => {
  const [one] = readCases('recognize').filter(({ title }) => title.startsWith('attention with a mask'));
  const written = (text: string): readonly string[] => {
    const graph = readNarrow(text);
    run(graph, { ...one?.options, opset: 23 });
    return emitOnnx(graph, { opset: 23 }).graph.nodes.map(({ opType }) => opType);
  };
  it('is written where there is something, and spelled out where there may be nothing', () => {
    const text = one?.input ?? expect.unreachable();
    expect(written(text)).toContain('Attention');
    for (const name of ['N', 'S', 'T']) {
      expect(written(`assume ${name} >= 0\n${text}`)).not.toContain('Attention');
      expect(written(`assume ${name} >= 0\n${text}`)).toContain('Softmax');
    }
  });
});
