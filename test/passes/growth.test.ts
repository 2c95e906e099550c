/** What a deep network costs, in counts: equal parts are shared, and every block more costs as much as the last one. */
import { expect, test } from 'vitest';
import { build } from '../../src/check.ts';
import type { Graph } from '../../src/ir/graph.ts';
import { runPasses } from '../../src/passes/pipeline.ts';
import { sessionOf } from '../../src/tensor/session.ts';
import { readText } from './support.ts';

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

test('joins of joins lead to a conv on many ways, of which few are looked at', () => {
  const wide = 200;
  const join = (of: string): string => `concat(${new Array(wide).fill(of).join(', ')}) {axis=0}`;
  const graph = readText(
    [
      'graph @g',
      '  %x = input : f32[1, 16, 8]',
      ...[0, 1, 2, 3].map((i) => `  %${i} = ${join(i === 0 ? '%x' : `%${i - 1}`)}  : f32[${wide ** (i + 1)}, 16, 8]  @j${i}`),
      `  %4 = conv(%3, #.weight[16, 16, 3]) {pads=1}  : f32[${wide ** 4}, 16, 8]  @c`,
      '  output out = %4',
    ].join('\n'),
  );
  const { passes } = runPasses(graph, { target: 'cpu', passes: ['blocked-layout'] });
  expect(passes.flatMap(({ refused }) => refused)).toMatchObject([{ rule: 'blocked-layout/conv', condition: 'pays' }]);
});

test.each([
  [255, []],
  [256, ['blocked-layout/elementwise: alone']],
])('beside %i reshapes that read a value', (others, expected) => {
  const graph = readText(
    [
      'graph @g',
      '  %x = input : f32[2, 16, 1, 8]',
      '  %0 = reshape(%x) {shape=[2, 16, 8]}  : f32[2, 16, 8]  @r',
      '  %1 = relu(%0)  : f32[2, 16, 8]  @r',
      ...Array.from({ length: others }, (_, i) => `  %${i + 2} = reshape(%0) {shape=[32, 8]}  : f32[32, 8]  @o${i}`),
      '  output out = %1',
      ...Array.from({ length: others }, (_, i) => `  output out${i} = %${i + 2}`),
    ].join('\n'),
  );
  const { passes } = runPasses(graph, { target: 'cpu', passes: ['blocked-layout'] });
  expect(passes.flatMap(({ refused }) => refused.map(({ rule, condition }) => `${rule}: ${condition}`))).toEqual(expected);
});
