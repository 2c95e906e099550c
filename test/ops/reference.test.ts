import { describe, expect, it } from 'vitest';
import { Dim } from '../../src/ir/dim.ts';
import { Graph } from '../../src/ir/graph.ts';
import { relu } from '../../src/ops/activation.ts';
import { add, div } from '../../src/ops/elementwise.ts';
import { bindInputs, EvaluationError, evaluateGraph } from '../../src/ops/reference.ts';
import { reshape } from '../../src/ops/reshape.ts';
import { slice } from '../../src/ops/slice.ts';
import { host, numbers } from './nn/tools.ts';

const none = (): never => {
  throw new Error('no constants here');
};
const H = Dim.symbol('H');
const f32 = (...dims: readonly Dim[]) => ({ elem: 'f32' as const, dims });

describe('evaluateGraph', () => {
  it('binds the symbols of attributes from the inputs', () => {
    const graph = new Graph('g');
    const x = graph.input('x', f32(H, Dim.of(2)));
    const flat = graph.create(reshape, [x], { shape: [H.times(2)] }, { scope: 'flat' }).y;
    const half = graph.create(slice, [flat], { starts: [H], ends: [H.times(2)], axes: [0], steps: [1] }, { scope: 'half' }).y;
    graph.output('y', half);
    const out = evaluateGraph(graph, new Map([['x', numbers([3, 2], [0, 1, 2, 3, 4, 5])]]), none);
    expect([...(out.get('y')?.data ?? [])]).toEqual([3, 4, 5]);
    const taps = evaluateGraph(graph, new Map([['x', numbers([1, 2], [7, 8])]]), none, { taps: true });
    expect([...taps.keys()]).toEqual(['flat:reshape#0', 'half:slice#1', 'y']);
  });

  it('names the scope where it cannot go on', () => {
    const graph = new Graph('g');
    const x = graph.input('x', { elem: 'i64', dims: [] });
    graph.output('y', graph.create(div, [x, x], {}, { scope: 'body.ratio' }).y);
    const zero = new Map([['x', host([], () => 0, 'i64')]]);
    expect(() => evaluateGraph(graph, zero, none)).toThrow(
      new EvaluationError('div at body.ratio: found an integer divided by 0, expected a divisor other than 0'),
    );
  });

  it('does not recurse', () => {
    const graph = new Graph('g');
    let y = graph.input('x', f32(H));
    for (let i = 0; i < 30_000; i++)
      y = graph.create(i % 2 === 0 ? relu : add, i % 2 === 0 ? [y] : [y, y], {}, { scope: `${i}` }).y;
    graph.output('y', y);
    const out = evaluateGraph(graph, new Map([['x', host([3], () => 2 ** -1000)]]), none);
    expect(out.get('y')?.dims).toEqual([3]);
  });

  it('gives inputs and constants that are outputs', () => {
    const graph = new Graph('g');
    graph.output('same', graph.input('x', f32(Dim.of(1))));
    const x = numbers([1], [5]);
    expect(evaluateGraph(graph, new Map([['x', x]]), none).get('same')).toBe(x);
  });
});

describe('bindInputs', () => {
  const graph = (...dims: readonly (readonly Dim[])[]): Graph => {
    const made = new Graph('g');
    for (const [i, d] of dims.entries()) made.input(`x${i}`, f32(...d));
    return made;
  };
  const given = (...dims: readonly (readonly number[])[]) => new Map(dims.map((d, i) => [`x${i}`, host(d, () => 0)] as const));

  it('solves sizes that are a multiple of a symbol plus a number', () => {
    const bound = bindInputs(graph([H.times(2).plus(1), H.times(Dim.symbol('W'))], [Dim.symbol('W')]), given([7, 12], [4]));
    expect([...bound]).toEqual([
      ['H', 3],
      ['W', 4],
    ]);
    const promised = Dim.symbol('K', 16);
    expect([...bindInputs(graph([promised.times(16)]), given([48]))]).toEqual([['K', 48]]);
  });
  it('refuses what contradicts itself, and says where', () => {
    expect(() => bindInputs(graph([H], [H]), given([2], [3]))).toThrow('axis 0 of input x1, which is f32[3]: expected H = 2');
    expect(() => bindInputs(graph([H.times(2)]), given([3]))).toThrow(EvaluationError);
    expect(() => bindInputs(graph([Dim.symbol('K', 16).times(16)]), given([40]))).toThrow(EvaluationError);
    expect(() => bindInputs(graph([H]), new Map())).toThrow('input x0 is missing');
    expect(() => bindInputs(graph([H]), given([2, 2]))).toThrow('its type is f32[H]');
  });
});
