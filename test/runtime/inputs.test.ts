import { describe, expect, it } from 'vitest';
import { DiagnosticError } from '../../src/diagnostics/diagnostic.ts';
import { Dim } from '../../src/ir/dim.ts';
import { foreignTypeOf } from '../../src/ir/types.ts';
import { relu } from '../../src/ops/activation.ts';
import { conv } from '../../src/ops/conv.ts';
import { add } from '../../src/ops/elementwise.ts';
import { foreignOperator } from '../../src/ops/foreign.ts';
import { gather } from '../../src/ops/gather.ts';
import { bindingsOf, bindingsText, randomInputs, randomTensor, smallestBindings } from '../../src/runtime/inputs.ts';
import { Maker, tinyNet, type } from './graphs.ts';

function codesOf(run: () => unknown): readonly string[] {
  try {
    run();
  } catch (error) {
    if (error instanceof DiagnosticError) return error.diagnostics.map((d) => d.code);
    throw error;
  }
  return [];
}

describe('sizes to try', () => {
  it('are 1 and 3 where nothing asks for more', () => {
    const { smallest, nextOdd } = smallestBindings(tinyNet());
    expect(bindingsText(smallest)).toBe('H = 1, N = 1, W = 1');
    expect(bindingsText(nextOdd)).toBe('H = 3, N = 3, W = 3');
  });

  it('keep promises', () => {
    const m = new Maker();
    const x = m.graph.input('x', type('f32', 'N', Dim.symbol('H', 32).times(32)));
    m.graph.output('y', m.node(relu, [x], ''));
    const { smallest, nextOdd } = smallestBindings(m.graph);
    expect(bindingsText(smallest)).toBe('H = 32, N = 1');
    expect(bindingsText(nextOdd)).toBe('H = 96, N = 3');
  });

  it('are as small as leaves every tensor an element', () => {
    const m = new Maker();
    const x = m.graph.input('x', type('f32', 'N', 1, 'H', 8));
    const y = m.node(conv, [x, m.weight('w', [1, 1, 5, 3]), undefined], 'c');
    m.graph.output('y', m.node(conv, [y, m.weight('v', [1, 1, 4, 3]), undefined], 'd', { stride: 2 }));
    const { smallest, nextOdd } = smallestBindings(m.graph);
    expect(bindingsText(smallest)).toBe('H = 8, N = 1');
    expect(bindingsText(nextOdd)).toBe('H = 9, N = 3');
  });

  it('are refused where there are none', () => {
    const m = new Maker();
    const x = m.graph.input('x', type('f32', Dim.of(3).minus(Dim.symbol('N').times(4))));
    m.graph.output('y', m.node(relu, [x], ''));
    expect(codesOf(() => smallestBindings(m.graph))).toEqual(['RES0812']);
  });
});

describe('random inputs', () => {
  it('depend on the seed and the name alone', () => {
    const bindings = new Map([
      ['N', 1],
      ['H', 4],
      ['W', 4],
    ]);
    const one = randomInputs(tinyNet(), bindings, 7);
    expect(randomInputs(tinyNet(), bindings, 7)).toEqual(one);
    expect(randomInputs(tinyNet(), bindings, 8)).not.toEqual(one);
    expect([...(one.get('image')?.data.subarray(0, 3) ?? [])]).toEqual([
      ...randomTensor('f32', [1, 3, 4, 4], '7:image').data.subarray(0, 3),
    ]);
  });

  it('are normal enough and exact in their type', () => {
    const { data } = randomTensor('f16', [10000], 's');
    const mean = data.reduce((a, b) => a + b, 0) / data.length;
    const variance = data.reduce((a, b) => a + b * b, 0) / data.length;
    expect(Math.abs(mean)).toBeLessThan(0.05);
    expect(Math.abs(variance - 1)).toBeLessThan(0.05);
    expect([...randomTensor('f32', [9], 's').data].every((v) => Math.fround(v) === v)).toBe(true);
    expect(new Set(randomTensor('bool', [50], 's').data)).toEqual(new Set([0, 1]));
    expect(Math.max(...randomTensor('u8', [5000], 's').data)).toBe(255);
  });

  it('stay inside the tables that they index', () => {
    const m = new Maker();
    const ids = m.graph.input('ids', type('i64', 'N', 64));
    const small = m.node(gather, [m.weight('small', [3, 2]), ids], 'a', { axis: 0 });
    const large = m.node(gather, [m.weight('large', [1000, 2]), ids], 'b', { axis: 0 });
    m.graph.output('y', m.node(add, [small, large], ''));
    const values = randomInputs(m.graph, new Map([['N', 2]]), 0).get('ids')?.data ?? [];
    expect(new Set(values)).toEqual(new Set([0, 1, 2]));
  });
});

describe('inputs of operators that pass through', () => {
  const foreign = (opType: string, results: number) =>
    foreignOperator(
      { domain: '', opType, attributes: [], outputs: Array.from({ length: results }, () => true), rest: new Uint8Array() },
      opType === 'Split' ? [type('f32', 'N', 2), type('f32', 'N', 5)] : [type('f32', 'N', 1, 6)],
    );
  const given = (opType: string, from: readonly number[], count: number, results = 1) => {
    const m = new Maker();
    const x = m.graph.input('x', type('f32', 'N', ...from));
    const shape = m.graph.input('shape', type('i64', count));
    m.graph.output('y', m.node(foreign(opType, results), [x, shape], 'it'));
    return [...(randomInputs(m.graph, new Map([['N', 3]]), 0).get('shape')?.data ?? [])];
  };
  it('say the shape that the file declares', () => {
    expect(given('Reshape', [6], 3)).toEqual([3, 1, 6]);
    expect(given('Unsqueeze', [6], 1)).toEqual([1]);
    expect(given('Tile', [1, 2], 3)).toEqual([1, 1, 3]);
    expect(given('Split', [7], 2, 2)).toEqual([2, 5]);
  });
  it('index inside the table', () => {
    const values = given('GatherElements', [6], 64);
    expect(new Set(values)).toEqual(new Set([0, 1, 2]));
  });
  it('that are no tensors are refused, with the shape to give', () => {
    const m = new Maker();
    m.graph.input('x', foreignTypeOf({ text: 'float' }));
    expect(codesOf(() => randomInputs(m.graph, new Map(), 0))).toEqual(['RES0807']);
  });
});

describe('inputs given', () => {
  const m = new Maker();
  const x = m.graph.input('x', type('f32', 'N', Dim.symbol('H', 4).times(4)));
  const y = m.graph.input('y', type('f32', 'N', 1));
  m.graph.output('z', m.node(add, [x, y], ''));
  const tensor = (...dims: readonly number[]) => randomTensor('f32', dims, 's');

  it('bind the symbols', () => {
    expect(
      bindingsText(
        bindingsOf(
          m.graph,
          new Map([
            ['x', tensor(2, 8)],
            ['y', tensor(2, 1)],
          ]),
        ),
      ),
    ).toBe('N = 2, H = 8');
  });

  it('are refused where they contradict types, promises or each other', () => {
    expect(codesOf(() => bindingsOf(m.graph, new Map([['x', tensor(2, 8)]])))).toEqual(['RES0814']);
    expect(
      codesOf(() =>
        bindingsOf(
          m.graph,
          new Map([
            ['x', tensor(2, 8)],
            ['y', tensor(3, 1)],
          ]),
        ),
      ),
    ).toEqual(['RES0813']);
    expect(
      codesOf(() =>
        bindingsOf(
          m.graph,
          new Map([
            ['x', tensor(2, 6)],
            ['y', tensor(2, 1)],
          ]),
        ),
      ),
    ).toEqual(['RES0813']);
    expect(
      codesOf(() =>
        bindingsOf(
          m.graph,
          new Map([
            ['x', tensor(2, 8)],
            ['y', tensor(2, 2)],
          ]),
        ),
      ),
    ).toEqual(['RES0813']);
    expect(
      codesOf(() =>
        bindingsOf(
          m.graph,
          new Map([
            ['x', tensor(2)],
            ['y', tensor(2, 1)],
          ]),
        ),
      ),
    ).toEqual(['RES0813']);
  });
});
