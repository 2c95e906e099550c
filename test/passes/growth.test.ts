/** What a deep network costs, in counts: equal parts are shared, and every block more costs as much as the last one. */
import { expect, test } from 'vitest';
import { build } from '../../src/check.ts';
import type { Graph } from '../../src/ir/graph.ts';
import { runPasses } from '../../src/passes/pipeline.ts';
import { sessionOf } from '../../src/tensor/session.ts';

function network(blocks: number): Graph {
  const { graph, diagnostics } = build(`model Deep {
  input x: f32[N, 4, 8, 8]
  stem: conv(4, 3x3, pad=1)
  repeat ${blocks} as i {
    b{i}: residual {
      conv1: conv(4, 3x3, pad=1, bias=false)  bn1: batchnorm  relu
      conv2: conv(4, 3x3, pad=1, bias=false)  bn2: batchnorm
    }
    relu
  }
  output y
}`);
  expect(diagnostics).toEqual([]);
  if (!graph) throw new Error('no graph');
  return graph;
}

/** Distinct objects among the types of all values, and among the attributes of all nodes. */
function distinct(graph: Graph): { readonly types: number; readonly attrs: number } {
  const nodes = [...graph.nodes()];
  const values = [...graph.constants(), ...nodes.flatMap((node) => node.results)];
  return { types: new Set(values.map(({ type }) => type)).size, attrs: new Set(nodes.map(({ attrs }) => attrs)).size };
}

function counts(blocks: number): {
  readonly before: ReturnType<typeof distinct>;
  readonly after: ReturnType<typeof distinct>;
  readonly expressions: number;
  readonly layouts: number;
  readonly attempts: number;
} {
  const graph = network(blocks);
  const before = distinct(graph);
  let attempts = 0;
  runPasses(graph, {
    ruleFor: (one) => ({
      ...one,
      attempt: (root) => {
        attempts++;
        return one.attempt(root);
      },
    }),
  });
  const layouts = new Set(graph.constants().map(({ content }) => content?.dims)).size;
  return { before, after: distinct(graph), expressions: sessionOf(graph).newId(), layouts, attempts };
}

test('every block more costs as many expressions and attempts of rules as the last one, and no type and no attributes', () => {
  const [a, b, c] = [8, 16, 32].map(counts);
  if (!a || !b || !c) throw new Error('three networks');
  expect(c.before).toEqual(a.before);
  expect(c.after).toEqual(a.after);
  expect(c.layouts).toBe(a.layouts);
  // Of the first block and the stem there is some more.
  expect(c.expressions - b.expressions).toBe(2 * (b.expressions - a.expressions));
  expect(c.attempts - b.attempts).toBe(2 * (b.attempts - a.attempts));
  expect((b.expressions - a.expressions) / 8).toBeLessThanOrEqual(25);
  expect((b.attempts - a.attempts) / 8).toBeLessThanOrEqual(60);
  expect(c.before.types).toBeLessThanOrEqual(4);
  expect(c.before.attrs).toBeLessThanOrEqual(4);
});
