/** Common sub-expressions: what the sweep passes over is what no other node can equal. */
import { expect, test } from 'vitest';
import { Dim } from '../../src/ir/dim.ts';
import { Graph, type Value } from '../../src/ir/graph.ts';
import { printGraph } from '../../src/ir/print.ts';
import { verifyGraph } from '../../src/ir/verifier.ts';
import { operatorByName } from '../../src/ops/registry.ts';
import { type Firing, Fuel } from '../../src/passes/engine/fuel.ts';
import { commonSubexpressions } from '../../src/passes/transforms/simplify/sweeps.ts';
import { readText } from './support.ts';

function swept(graph: Graph): readonly string[] {
  const merged: string[] = [];
  const note = ({ node }: Firing): number => merged.push(node);
  commonSubexpressions.run(graph, new Fuel(undefined, note));
  expect(verifyGraph(graph)).toEqual([]);
  return merged;
}

const chain = (order: readonly string[]): string =>
  `graph @g\n  %x = input : f32[N, 4]\n${order.map((line) => `  ${line}\n`).join('')}  %s = add(%c, %z) @s\n  output out = %s\n`;

test('two equal chains become one in one sweep, also where the first node of either is read by the next alone', () => {
  const first = ['%a = relu(%x) @a', '%b = exp(%a) @b', '%c = tanh(%b) @c'];
  const second = ['%p = relu(%x) @p', '%q = exp(%p) @q', '%z = tanh(%q) @z'];
  for (const order of [
    [...first, ...second],
    first.flatMap((line, i) => [line, second[i] ?? '']),
    [first[0], second[0], second[1], first[1], first[2], second[2]].map((line) => line ?? ''),
  ]) {
    const graph = readText(chain(order));
    expect(swept(graph)).toHaveLength(3);
    expect(printGraph(graph).match(/relu|exp|tanh/g)).toEqual(['relu', 'exp', 'tanh']);
  }
});

/**
 * The same by the text of every node, for graphs without sub-graphs and constants, whose operators of two operands are
 * commutative.
 */
function naive(graph: Graph): readonly string[] {
  const merged: string[] = [];
  const seen = new Map<string, Value>();
  for (const node of graph.nodes()) {
    const operands = node.operands.map((value) => value?.id ?? -1).sort((a, b) => a - b);
    const key = `${node.op.name} ${operands.join()}`;
    const first = seen.get(key);
    if (!first) {
      seen.set(key, node.y);
      continue;
    }
    graph.replaceUses(node.y, first);
    graph.erase(node);
    merged.push(node.origin.scope);
  }
  return merged;
}

function random(seed: number): Graph {
  let state = seed;
  const below = (n: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
  const graph = new Graph('g');
  const values: Value[] = [graph.input('x', { elem: 'f32', dims: [Dim.of(4)] })];
  const any = (): Value | undefined => values[Math.max(0, values.length - 1 - below(6))];
  for (let i = 0; i < 40; i++) {
    const name = ['relu', 'exp', 'add', 'mul'][below(4)] ?? 'relu';
    const op = operatorByName(name);
    if (!op) throw new Error(name);
    const operands = name === 'add' || name === 'mul' ? [any(), any()] : [any()];
    values.push(graph.create(op, operands, {}, { scope: `n${i}` }).y);
  }
  values.forEach((value, i) => {
    if (value.isDead) graph.output(`y${i}`, value);
  });
  return graph;
}

test('merges the same nodes in the same order as a table of all nodes does', () => {
  let merges = 0;
  for (let seed = 1; seed <= 300; seed++) {
    const [ours, table] = [random(seed), random(seed)];
    const merged = swept(ours);
    expect(merged).toEqual(naive(table));
    expect(printGraph(ours)).toBe(printGraph(table));
    merges += merged.length;
  }
  expect(merges).toBeGreaterThan(300);
});
