/** Operands of layers: a layer or body among them runs once, and literals take the element type of the tensor beside them. */
import { describe, expect, test } from 'vitest';
import { build } from '../../src/check.ts';
import type { Graph } from '../../src/ir/graph.ts';
import { typeText } from '../../src/ir/types.ts';

function graphOf(text: string): Graph {
  const { graph, diagnostics } = build(`model M { input x: f32[N, 4, 8, 8]  ${text}  output y }`);
  expect(diagnostics).toEqual([]);
  if (!graph) throw new Error('no graph');
  return graph;
}
const paths = (text: string): readonly string[] =>
  graphOf(text)
    .constants()
    .flatMap((v) => (v.name === undefined ? [] : [v.name]));
const output = (text: string): string =>
  graphOf(text)
    .outputs.map((o) => typeText(o.value.type))
    .join();

describe('where', () => {
  test.each([
    'where(x > 0.0, conv(4, 1x1), 0.0)',
    'where(x > 0.0, 0.0, conv(4, 1x1))',
    'where(greater(x, it), conv(4, 1x1), -1e9)',
    'where({ conv(4, 1x1)  it > 0.0 }, 1.0, 0.0)',
    'where({ conv(4, 1x1)  it > 0.0 }, x, 0.0)',
  ])('%s runs its layers once', (text) => {
    expect(paths(text)).toEqual(['conv.weight']);
  });
  test.each([
    ['where(equal(x, it), 1.0, 0.0)', 'f32[N, 4, 8, 8]'],
    ['where(greater(x, it), x, 0.0)', 'f32[N, 4, 8, 8]'],
    ['where(less(x, it), 0.0, conv(4, 1x1))', 'f32[N, 4, 8, 8]'],
    ['where(less(x, it), 0, 1)', 'i64[N, 4, 8, 8]'],
    ['where(less(x, it), 0, cast(x, f16))', 'f16[N, 4, 8, 8]'],
  ])('%s gives %s, whatever computes the condition', (text, type) => {
    expect(output(text)).toBe(type);
  });
});
