/** The driver: what does not type-check is taken back, names stay unique, dead code goes, sizes do not matter. */
import { describe, expect, it, test } from 'vitest';
import { Dim } from '../../src/ir/dim.ts';
import { Graph, type Node, type Value } from '../../src/ir/graph.ts';
import { printGraph } from '../../src/ir/print.ts';
import { verifyGraph } from '../../src/ir/verify.ts';
import { operatorByName } from '../../src/ops/registry.ts';
import { NameTable, runRules } from '../../src/passes/driver.ts';
import { optimize } from '../../src/passes/pipeline.ts';
import { type Rewriter, type Rule, rule } from '../../src/passes/rule.ts';
import { full, initial } from '../../src/weights/expr.ts';
import { readText, run } from './support.ts';

const relu = `graph @g
  %x = input : f32[N, 4]
  %0 = relu(%x) @a
  %1 = exp(%0) @b
  output out = %1
`;

function tried(rewrite: (node: Node, g: Rewriter) => void): Rule {
  return rule({
    name: 'simplify/tried',
    doc: '',
    roots: ['exp'],
    *match(node: Node): Generator<Node> {
      yield node;
    },
    exact: { always: () => true },
    rewrite,
  });
}

describe('a rewrite that does not fit is taken back', () => {
  it.each<[string, string, (node: Node, g: Rewriter) => void]>([
    [
      'another type',
      'same-type',
      (node, g) => g.replace(node.y, g.node('reshape', [node.x], { shape: [Dim.of(4), Dim.symbol('N')] }, node)),
    ],
    [
      'operands that clash',
      'shape-c',
      (node, g) =>
        g.replace(
          node.y,
          g.node('add', [g.node('neg', [node.x], {}, node), g.constant(full('f64', [3], 1), 'constant', 'c')], {}, node),
        ),
    ],
  ])('%s', (_title, condition, rewrite) => {
    const graph = readText(relu);
    const before = printGraph(graph);
    const report = runRules(graph, [tried(rewrite)], new NameTable(graph));
    expect(printGraph(graph)).toBe(before);
    expect(verifyGraph(graph)).toEqual([]);
    expect(report.fired.size).toBe(0);
    expect(report.refused.map((one) => [one.rule, one.scope])).toEqual([['simplify/tried', 'b']]);
    expect(report.refused[0]?.condition).toContain(condition);
  });
});

test('a rule that lowers nothing is a bug where that is checked', () => {
  const circular = tried((node, g) => g.replace(node.y, g.node('exp', [node.x], {}, node)));
  const graph = readText(relu);
  expect(() => runRules(graph, [circular], new NameTable(graph), { assertLowers: true })).toThrow(/did not lower/);
});

test('a rule that never ends is a bug', () => {
  const circular = tried((node, g) => g.replace(node.y, g.node('exp', [node.x], {}, node)));
  const graph = readText(relu);
  expect(() => runRules(graph, [circular], new NameTable(graph))).toThrow(/does not come to an end/);
});

test('names of constants stay unique while the old ones live', () => {
  const graph = readText(`graph @g
  %x = input : f32[N, 4]
  %0 = add(%x, #w[4]) @a
  %1 = exp(%0) @b
  output out = %1
  output other = %0
`);
  const another = tried((node, g) =>
    g.replace(node.y, g.node('mul', [node.x, g.constant(full('f32', [4], 2), 'parameter', 'w')], {}, node)),
  );
  runRules(graph, [another], new NameTable(graph));
  expect(graph.constants().map((value) => value.name)).toEqual(['w', 'w_1']);
});

/** n residual units of two convs with batchnorms: 9 nodes each, and the head. */
function residualNet(units: number): Graph {
  const graph = new Graph('deep');
  const op = (name: string) => operatorByName(name) ?? expect.unreachable(name);
  let it: Value = graph.input('x', { elem: 'f32', dims: [Dim.symbol('N'), Dim.of(2), Dim.of(8), Dim.of(8)] });
  const weight = (path: string, dims: readonly number[], kind: 'ones' | 'zeros' | 'normal', buffer = false): Value =>
    graph.constant(
      initial(path, dims, 'f32', { init: true, kind, ...(kind === 'normal' && { value: 0.1 }) }, 1),
      buffer ? 'buffer' : 'parameter',
      path,
    );
  const layer = (scope: string, x: Value): Value => {
    const conv = graph.create(
      op('conv'),
      [x, weight(`${scope}.conv.weight`, [2, 2, 3, 3], 'normal')],
      { pads: 1 },
      { scope: `${scope}.conv` },
    );
    const vectors = [
      weight(`${scope}.bn.weight`, [2], 'ones'),
      weight(`${scope}.bn.bias`, [2], 'zeros'),
      weight(`${scope}.bn.running_mean`, [2], 'zeros', true),
      weight(`${scope}.bn.running_var`, [2], 'ones', true),
    ];
    return graph.create(op('batchnorm'), [conv.y, ...vectors], {}, { scope: `${scope}.bn` }).y;
  };
  for (let i = 0; i < units; i++) {
    const scope = `unit.${i}`;
    const region = graph.newRegion(scope);
    const inner = graph.create(op('relu'), [layer(`${scope}.a`, it)], {}, { scope, residual: { region, part: 'body' } }).y;
    const dropped = graph.create(op('identity'), [inner], {}, { scope }).y;
    const body = layer(`${scope}.b`, dropped);
    const shortcut = graph.create(op('identity'), [it], {}, { scope }).y;
    const sum = graph.create(op('add'), [body, shortcut], {}, { scope, residual: { region, part: 'sum' } }).y;
    it = graph.create(op('relu'), [sum], {}, { scope }).y;
  }
  graph.output('y', it);
  return graph;
}

test('ten thousand residual units do not overflow, and all fold', () => {
  const graph = residualNet(10_000);
  expect(graph.nodeCount).toBe(90_000);
  const report = optimize(graph);
  expect(graph.nodeCount).toBe(50_000);
  expect(report.passes.find((pass) => pass.name === 'fold-batchnorm')?.fired).toEqual({ 'fold-batchnorm/into-linear': 20_000 });
  const names = graph.constants().map((value) => value.name);
  expect(new Set(names).size).toBe(names.length);
}, 120_000);

test('one weight with many readers', () => {
  const graph = new Graph('tied');
  const op = (name: string) => operatorByName(name) ?? expect.unreachable(name);
  let it: Value = graph.input('x', { elem: 'f32', dims: [Dim.symbol('N'), Dim.of(2)] });
  const weight = graph.constant(initial('w', [2, 2], 'f32', { init: true, kind: 'normal', value: 0.1 }, 1), 'parameter', 'w');
  for (let i = 0; i < 20_000; i++)
    it = graph.create(op('tanh'), [graph.create(op('linear'), [it, weight], {}, { scope: `s${i}` }).y], {}, { scope: `s${i}` }).y;
  graph.output('y', it);
  run(graph, {});
  expect(graph.nodeCount).toBe(40_000);
  expect(graph.constants()).toEqual([weight]);
}, 120_000);

test('a report has the first run of every pass, and measures that follow each other', () => {
  const graph = residualNet(2);
  const seen: string[] = [];
  const report = optimize(graph, { onPass: (name) => seen.push(name) });
  expect(report.passes.map((pass) => pass.name)).toEqual(seen);
  expect(seen.slice(0, 3)).toEqual(['simplify', 'fuse-shortcut', 'fold-batchnorm']);
  for (const [i, pass] of report.passes.entries()) if (i > 0) expect(pass.before).toEqual(report.passes[i - 1]?.after);
});
