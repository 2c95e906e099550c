/**
 * What the golden file of `recognize` does not show: constants as exporters round them, and graphs that are built to be looked at
 * for ever.
 */

import { describe, expect, it } from 'vitest';
import { Dim } from '../../src/ir/dim.ts';
import { Graph } from '../../src/ir/graph.ts';
import { operatorByName } from '../../src/ops/registry.ts';
import { above, Expansion, isRounded, looksLike, variable } from '../../src/passes/analysis/polynomial.ts';
import { literal } from '../support/tensors.ts';
import { readText, run } from './support.ts';

const gelu = (elem: string, constant: string, op = 'div'): readonly string[] => {
  const graph = readText(`graph @g
  %x = input : ${elem}[N, 8]
  %0 = ${op}(%x, const ${elem}[] ${constant}) @a
  %1 = erf(%0) @a
  %2 = add(%1, const ${elem}[] 1) @a
  %3 = mul(%x, %2) @a
  %4 = mul(%3, const ${elem}[] 0.5) @a
  output out = %4
`);
  const report = run(graph, { passes: ['recognize'], opset: 20 });
  const refused = report.passes.flatMap((pass) => pass.refused.map((one) => one.condition));
  return [...[...graph.nodes()].map((node) => node.op.name), ...refused];
};
const spelled = (op: string): readonly string[] => [op, 'erf', 'add', 'mul', 'mul', 'constants'];

describe('a constant', () => {
  it.each([
    ['f32', '1.4142135381698608', 'div'],
    ['f32', '0.7071067690849304', 'mul'],
    ['f64', '1.4142135623730951', 'div'],
    ['f16', '1.4140625', 'div'],
    ['bf16', '0.70703125', 'mul'],
  ])('of %s that is %s is the nearest one', (elem, constant, op) => {
    expect(gelu(elem, constant, op)).toEqual(['gelu']);
  });
  it.each([
    // √2 in f32, beside numbers of f64; in f16, beside numbers of f32; one step beside it, and two.
    ['f64', '1.4142135381698608'],
    ['f32', '1.4140625'],
    ['f32', '1.4142134189605713'],
    ['f32', '1.4142138'],
  ])('of %s that is %s is not', (elem, constant) => {
    expect(gelu(elem, constant)).toEqual(spelled('div'));
  });
  it('may be rounded as often as it is said, and not once more', () => {
    expect(isRounded(1 + 2 ** -24, 1, 'f32', 1)).toBe(true);
    expect(isRounded(1 + 2 ** -23, 1, 'f32', 1)).toBe(false);
    expect(isRounded(1 + 2 ** -23, 1, 'f32', 2)).toBe(true);
    expect(isRounded(1, 1, 'i32', 2)).toBe(false);
  });
});

it.each([
  ['f32', ['hardswish'], ['hardsigmoid']],
  ['f16', ['hardswish'], ['hardsigmoid']],
  ['f64', ['add', 'clamp', 'mul', 'div'], ['add', 'clamp', 'div']],
])('of %s, x · relu6(x + 3) / 6 and relu6(x + 3) / 6 are %j and %j', (elem, swish, sigmoid) => {
  const names = (last: string) => {
    const graph = readText(`graph @g
  %x = input : ${elem}[N, 8]
  %0 = add(%x, const ${elem}[] 3) @a
  %1 = clamp(%0) {min = 0.0, max = 6.0} @a
${last}
  output out = %y
`);
    run(graph, { passes: ['recognize'], opset: 14 });
    return [...graph.nodes()].map((node) => node.op.name);
  };
  expect(names(`  %2 = mul(%x, %1) @a\n  %y = div(%2, const ${elem}[] 6) @a`)).toEqual(swish);
  expect(names(`  %y = div(%1, const ${elem}[] 6) @a`)).toEqual(sigmoid);
});

describe('looking through arithmetic', () => {
  const op = (graph: Graph, name: string, ...operands: Parameters<Graph['create']>[1]) =>
    graph.create(operatorByName(name) ?? expect.unreachable(name), operands, {}, { scope: '' }).y;
  const one = (graph: Graph, value: number) => graph.constant(literal({ elem: 'f32', dims: [], data: Float64Array.of(value) }));
  const input = (graph: Graph, name: string) => graph.input(name, { elem: 'f32', dims: [Dim.of(2)] });

  it('multiplies out, cancels, and divides by single terms', () => {
    const graph = new Graph('g');
    const [x, y] = [input(graph, 'x'), input(graph, 'y')];
    const difference = op(graph, 'sub', x, y);
    const square = op(graph, 'pow', difference, one(graph, 2));
    const sum = op(graph, 'add', square, op(graph, 'mul', op(graph, 'mul', one(graph, 2), x), y));
    const p = new Expansion(graph, (value) => (value === x ? variable('X') : value === y ? variable('Y') : undefined)).of(
      op(graph, 'div', op(graph, 'neg', sum), y),
    );
    // −((x − y)² + 2xy) / y = −x²/y − y
    expect(p && looksLike(p, { 'X^2·Y^-1': -1, Y: -1 })).toBe(true);
    expect(p && looksLike(p, { 'X^2·Y^-1': -1, Y: 1 })).toBe(false);
    expect(new Expansion(graph, () => undefined).of(op(graph, 'reciprocal', difference))).toBeUndefined();
  });

  it('ends, however deep and wide the arithmetic is', () => {
    const graph = new Graph('g');
    const x = input(graph, 'x');
    let deep = op(graph, 'erf', x);
    const first = deep;
    for (let i = 0; i < 20000; i++) deep = op(graph, i % 2 === 0 ? 'add' : 'mul', deep, i % 3 === 0 ? deep : x);
    graph.output('out', deep);
    expect(new Expansion(graph, () => undefined).of(deep)).toBeUndefined();
    expect(above(first).length).toBeLessThan(32);
    const report = run(graph, { passes: ['recognize'], opset: 23 });
    expect(report.passes.flatMap((pass) => Object.keys(pass.fired))).toEqual([]);
    expect(graph.nodeCount).toBe(20001);
  });
});
