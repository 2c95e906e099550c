/** The driver: what does not type-check is taken back, names stay unique, dead code goes, sizes do not matter. */

import { describe, expect, it, test } from 'vitest';
import { Dim } from '../../src/ir/dim.ts';
import { Graph, type Node, type Value } from '../../src/ir/graph.ts';
import { printGraph } from '../../src/ir/print.ts';
import { foreignTypeOf, type TensorType } from '../../src/ir/types.ts';
import { verifyGraph } from '../../src/ir/verifier.ts';
import { foreignOperator } from '../../src/ops/foreign.ts';
import { operatorByName } from '../../src/ops/registry.ts';
import { runRules } from '../../src/passes/engine/driver.ts';
import type { Firing } from '../../src/passes/engine/fuel.ts';
import { NameTable } from '../../src/passes/engine/names.ts';
import { op } from '../../src/passes/engine/pattern.ts';
import type { Rewriter } from '../../src/passes/engine/rewriter.ts';
import { type Rule, rule } from '../../src/passes/engine/rule.ts';
import { runPasses } from '../../src/passes/pipeline.ts';
import { full, initial } from '../support/tensors.ts';
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
    match: op('exp', 'node'),
    exact: { always: () => true },
    rewrite: ({ node }, g) => rewrite(node, g),
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
  const report = runPasses(graph);
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
  const report = runPasses(graph, { onPass: (name) => seen.push(name) });
  expect(report.passes.map((pass) => pass.name)).toEqual(seen);
  expect(seen.slice(0, 4)).toEqual(['simplify', 'recognize', 'fuse-shortcut', 'fuse-gemm']);
  for (const [i, pass] of report.passes.entries()) if (i > 0) expect(pass.before).toEqual(report.passes[i - 1]?.after);
});

test('what a rewrite makes takes the name of the value whose place it takes, unless it has one', () => {
  const graph = readText(`graph @g
  %x = input : f32[N, 4]
  %0 = neg(%x) @a
  %1 = neg(%0) @b
  %2 = linear(%1, #.weight[4, 4]) @c
  %3 = mul(%2, const f32[] 2) @d
  output out = %3
`);
  for (const [i, node] of [...graph.nodes()].entries()) node.y.name = `value${i}`;
  runPasses(graph);
  expect(graph.inputs.map((value) => value.name)).toEqual(['x']);
  expect([...graph.nodes()].map((node) => [node.op.name, node.y.name])).toEqual([['linear', 'value3']]);
});

describe('fuel', () => {
  const firings = (fuel?: number): { readonly graph: Graph; readonly seen: Firing[] } => {
    const graph = residualNet(2);
    const seen: Firing[] = [];
    runPasses(graph, { fuel, onFiring: (one) => seen.push(one) });
    return { graph, seen };
  };
  const { graph: whole, seen: all } = firings();

  it('counts every change of rules and sweeps from 1, with its pass and its node', () => {
    expect(all.map((one) => one.index)).toEqual(all.map((_, i) => i + 1));
    expect(new Set(all.map((one) => one.pass))).toEqual(new Set(['simplify', 'fold-batchnorm']));
    expect(all.find((one) => one.rule === 'fold-batchnorm/into-linear')?.node).toBe('unit.0.a.bn');
  });

  it('is taken by every change of a sweep', () => {
    const text = `graph @g
  %x = input : f32[N, 4]
  %0 = exp(%x) @dead
  %1 = relu(%x) @a
  %2 = relu(%x) @b
  %3 = add(%1, #.w[4]=full(f32, [4], 2)) @c
  %4 = mul(%2, #.v[4]=full(f32, [4], 2)) @d
  output out = %3
  output two = %4
`;
    const changes = (fuel: number): readonly string[] => {
      const out: string[] = [];
      runPasses(readText(text), { fuel, onFiring: (one) => out.push(`${one.pass} ${one.rule} ${one.node}`) });
      return out;
    };
    const every = ['simplify/dead-code dead', 'simplify/common-subexpressions b', 'simplify/equal-weights d.v'];
    for (let n = 0; n <= 4; n++) expect(changes(n)).toEqual(every.slice(0, n).map((one) => `simplify ${one}`));
  });

  it('n lets the first n firings of the whole run happen and no other', () => {
    for (let n = 0; n <= all.length + 1; n++) {
      const { graph, seen } = firings(n);
      expect(seen).toEqual(all.slice(0, n));
      expect(verifyGraph(graph)).toEqual([]);
      if (n === 0) expect(printGraph(graph)).toBe(printGraph(residualNet(2)));
      if (n >= all.length) expect(printGraph(graph)).toBe(printGraph(whole));
    }
  });

  it('finds by bisection the first firing that breaks something', () => {
    // Broken is, for this test, a graph in which the second batchnorm of the first unit is gone.
    const broken = (n: number): boolean =>
      ![...firings(n).graph.nodes()].some((node) => node.op.name === 'batchnorm' && node.origin.scope === 'unit.0.b.bn');
    let [good, bad] = [0, all.length];
    expect([broken(good), broken(bad)]).toEqual([false, true]);
    while (bad - good > 1) {
      const middle = (good + bad) >> 1;
      if (broken(middle)) bad = middle;
      else good = middle;
    }
    expect(all[bad - 1]).toMatchObject({ rule: 'fold-batchnorm/into-linear', node: 'unit.0.b.bn' });
  });
});

describe('foreign nodes', () => {
  /** relu → foreign → relu, twice the same, and one that nobody reads. */
  const imported = (): Graph => {
    const graph = new Graph('imported');
    const type = { elem: 'f32', dims: [Dim.symbol('N'), Dim.of(4)] } as const;
    const strange = foreignTypeOf({ text: 'seq(tensor(float))' });
    const make = (types: readonly TensorType[]) =>
      foreignOperator(
        { domain: 'some.where', opType: 'relu', attributes: [], outputs: types.map(() => true), rest: new Uint8Array() },
        types,
      );
    const op = (name: string) => operatorByName(name) ?? expect.unreachable(name);
    const x = graph.input('x', type);
    const zero = graph.constant(full('f32', [4], 0), 'constant', 'zero');
    const kept = graph.create(op('add'), [x, zero], {}, { scope: 'a' }).y;
    const one = graph.create(make([type]), [kept, zero], {}, { scope: 'f' }).y;
    const two = graph.create(make([type]), [kept, zero], {}, { scope: 'g' }).y;
    const list = graph.create(make([strange]), [one, two], {}, { scope: 'h' }).y;
    graph.create(make([strange]), [list], {}, { scope: 'dead' });
    const back = graph.create(make([type]), [list], {}, { scope: 'i' }).y;
    const negated = graph.create(op('neg'), [back], {}, { scope: 'j' }).y;
    graph.output('y', graph.create(op('neg'), [negated], {}, { scope: 'k' }).y);
    return graph;
  };

  it('are neither merged nor folded nor evaluated, and stop passes only where they stand', () => {
    const graph = imported();
    run(graph, { level: 2 });
    expect([...graph.nodes()].map((node) => [node.origin.scope, node.op.foreign?.opType])).toEqual([
      ['f', 'relu'],
      ['g', 'relu'],
      ['h', 'relu'],
      ['i', 'relu'],
    ]);
    expect(graph.outputs[0]?.value.producer?.origin.scope).toBe('i');
  });

  it('constants of other element types are not merged with those of ours', () => {
    const graph = new Graph('types');
    const bytes = full('u8', [4], 7);
    const plain = graph.constant(bytes, 'constant', 'plain');
    const float8 = (text: string): Value => {
      const value = graph.constant(bytes, 'constant', text);
      value.type = foreignTypeOf({ text, tensor: { dataType: 17, dims: [4] } });
      return value;
    };
    const type = { elem: 'f32', dims: [Dim.of(4)] } as const;
    const make = foreignOperator({ domain: '', opType: 'Mix', attributes: [], outputs: [true], rest: new Uint8Array() }, [type]);
    const values = [plain, float8('float8a[4]'), float8('float8b[4]'), float8('float8a[4]')];
    graph.output('y', graph.create(make, values, {}, { scope: 'f' }).y);
    runPasses(graph);
    expect(graph.constants().map((value) => value.name)).toEqual(['plain', 'float8a[4]', 'float8b[4]']);
  });
});

test('a run that is broken off leaves no node marked as queued', () => {
  const graph = readText(relu.replace('%1 = exp(%0) @b', '%2 = exp(%0) @b\n  %1 = exp(%2) @c'));
  const broken = tried(() => {
    throw new TypeError('a mistake');
  });
  expect(() => runRules(graph, [broken], new NameTable(graph))).toThrow('a mistake');
  expect([...graph.nodes()].filter(({ queued }) => queued)).toEqual([]);
  expect(runRules(graph, [tried((node, g) => g.replace(node.y, node.x))], new NameTable(graph)).fired.get('simplify/tried')).toBe(
    2,
  );
});
