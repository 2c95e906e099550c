/**
 * The one way to an operator's numbers at compile time: every operator folds by default, and what cannot be computed is a named
 * refusal.
 */

import { describe, expect, it } from 'vitest';
import { bornBy } from '../../src/ir/births.ts';
import { Graph } from '../../src/ir/graph.ts';
import { CheckFailure, isFoldable } from '../../src/ir/operator.ts';
import { disagreement } from '../../src/ops/agreement.ts';
import { evaluateConstant, refusalOf } from '../../src/ops/evaluate.ts';
import { evaluateGraph } from '../../src/ops/reference.ts';
import { operatorByName, operators } from '../../src/ops/registry.ts';
import { optimizeOnnx } from '../../src/optimize.ts';
import { runRules, runSweep } from '../../src/passes/engine/driver.ts';
import { Fuel } from '../../src/passes/engine/fuel.ts';
import { NameTable } from '../../src/passes/engine/names.ts';
import { op } from '../../src/passes/engine/pattern.ts';
import { rule } from '../../src/passes/engine/rule.ts';
import { sampleSource } from '../ops/support.ts';
import { runTiny, shown, type Tiny, tensor, tinyBytes, vector } from '../optimize/tiny.ts';
import { literal } from '../support/tensors.ts';
import { constantOf, errorBetween, run } from './support.ts';

describe('every operator that is not random folds', () => {
  it.each(operators.filter(isFoldable).map((op) => [op.name, op] as const))('%s', (_, op) => {
    for (let seed = 1; seed <= 4; seed++) {
      const sample = op.sample(sampleSource(seed));
      const make = (): Graph => {
        const graph = new Graph('g');
        const operands = sample.operands.map((x, i) => x && graph.constant(literal(x), 'constant', `c${i}`));
        const node = graph.create(op, operands, sample.attrs, { scope: 's' });
        for (const [i, y] of node.results.entries()) graph.output(`y${i}`, y);
        return graph;
      };
      const graph = make();
      run(graph, { passes: ['simplify'] });
      const [node] = make().nodes();
      const row = disagreement(op.name, sample.operands, node?.attrs ?? sample.attrs);
      // Sizes that it tells itself are no numbers.
      const stays = row !== undefined || (node !== undefined && bornBy(node).size > 0);
      expect([...graph.nodes()].map((left) => left.op.name)).toEqual(stays ? [op.name] : []);
      const before = evaluateGraph(make(), new Map(), constantOf);
      expect(errorBetween(before, evaluateGraph(graph, new Map(), constantOf))).toBeLessThan(1e-6);
    }
  });
});

/** What is left of a model, what its report says of it, and what it computes. */
async function optimized(tiny: Tiny) {
  const bytes = tinyBytes(tiny);
  const result = await optimizeOnnx(bytes, { verifyIr: true });
  const graph = result.graph ?? expect.unreachable(JSON.stringify(result.diagnostics));
  const made = await runTiny(await result.bytes());
  return {
    left: [...graph.nodes()].map((node) => node.op.foreign?.opType ?? node.op.name),
    refused: (result.report?.refused ?? []).map(({ rule: name, condition }) => `${name}: ${condition}`),
    before: await runTiny(bytes),
    after: made,
  };
}

describe('what cannot be computed is refused by name', () => {
  const cases: readonly (readonly [string, Tiny, readonly string[], readonly string[]])[] = [
    [
      'an index outside',
      {
        constants: { c: vector('f32', 1, 2), i: vector('i64', 2) },
        nodes: [{ op: 'Gather', inputs: ['c', 'i'], outputs: ['y'] }],
        outputs: ['y'],
      },
      ['gather'],
      ['simplify/constants: defined'],
    ],
    [
      'an integer divided by 0',
      {
        constants: { c: vector('i64', 3), d: vector('i64', 0) },
        nodes: [{ op: 'Div', inputs: ['c', 'd'], outputs: ['y'] }],
        outputs: ['y'],
      },
      ['div'],
      ['simplify/constants: defined'],
    ],
  ];
  it.each(cases)('%s', async (_, tiny, left, refused) => {
    const found = await optimized(tiny);
    expect(found.left).toEqual(left);
    expect(found.refused).toEqual(refused);
  });

  it.each(['ReduceL2', 'ReduceSum', 'Softmax', 'Relu', 'Shape'])(
    '%s along 2^31 − 1 places of no elements takes no time',
    async (op) => {
      const found = await optimizeOnnx(
        tinyBytes({
          constants: { x: tensor('f32', [1, 2 ** 31 - 1, 0]) },
          nodes: [{ op, inputs: ['x'], outputs: ['y'] }],
          outputs: ['y'],
        }),
      );
      expect(found.diagnostics).toEqual([]);
      expect((await found.bytes()).length).toBeLessThan(1000);
    },
  );

  it('multiply-adds beyond 2^53 are no reason to stop', async () => {
    const found = await optimizeOnnx(
      tinyBytes({
        inputs: { x: { elem: 'f32', dims: [1, 1, 4, 4] } },
        constants: { w: tensor('f32', [1, 1, 3, 3], 1) },
        nodes: [
          {
            op: 'Conv',
            inputs: ['x', 'w'],
            outputs: ['y'],
            attrs: { pads: [1_000_000_000n, 1_000_000_000n, 1_000_000_000n, 1_000_000_000n] },
          },
        ],
        outputs: ['y'],
      }),
    );
    expect(found.diagnostics).toEqual([]);
    expect(found.report?.after.madds).toBeUndefined();
  });

  it('a slice of a slice that begins behind every end is empty', async () => {
    const result = await optimizeOnnx(
      tinyBytes({
        inputs: { x: { elem: 'f32', dims: ['N', 4] } },
        constants: {
          s: vector('i64', 0),
          S: vector('i64', 2147483647),
          e: vector('i64', 9223372036854775807n),
          a: vector('i64', 0),
          t: vector('i64', 2),
          T: vector('i64', 1),
        },
        nodes: [
          { op: 'Slice', inputs: ['x', 's', 'e', 'a', 't'], outputs: ['v'] },
          { op: 'Slice', inputs: ['v', 'S', 'e', 'a', 'T'], outputs: ['y'] },
        ],
        outputs: ['y'],
      }),
      { verifyIr: true },
    );
    const y = result.graph?.outputs[0]?.value.type;
    expect(y?.dims.map(String)).toEqual(['0', '4']);
    const found = await runTiny(await result.bytes(), { x: tensor('f32', [5, 4], 1) });
    expect(typeof found === 'string' ? found : shown(found.y ?? expect.unreachable())).toBe('float32[0, 4] ');
  });
});

describe('one place turns failures into refusals', () => {
  const add = operatorByName('add') ?? expect.unreachable();
  const c1 = { elem: 'f32', dims: [1], data: Float64Array.of(1) } as const;
  const throwing = (error: Error) => ({
    ...add,
    evaluate() {
      throw error;
    },
  });
  it.each([
    [new CheckFailure('indices', 'a', 'b'), 'defined'],
    [new CheckFailure('integers', 'a', 'b'), 'held'],
    [new RangeError('Invalid array length'), 'held'],
    [new RangeError('Array buffer allocation failed'), 'held'],
    [new RangeError('Maximum BigInt size exceeded'), 'held'],
  ])('%s under an operator', (error, condition) => {
    expect(evaluateConstant(throwing(error), [c1, c1], {})).toMatchObject({ kind: 'refused', condition });
  });

  it('a mistake of our own stays one', () => {
    expect(() => evaluateConstant(throwing(new TypeError('x is undefined')), [c1, c1], {})).toThrow('x is undefined');
    expect(() => refusalOf(new Error('other'))).toThrow('other');
  });

  it('a check that fails in a condition of a rule, and in a sweep', () => {
    const failing = rule({
      name: 'simplify/failing',
      doc: '',
      match: op('relu', 'node'),
      exact: {
        holds: () => {
          throw new CheckFailure('c9', 'one', 'another');
        },
      },
      rewrite: () => undefined,
    });
    const graph = new Graph('g');
    const x = graph.input('x', { elem: 'f32', dims: [] });
    graph.output('y', graph.create(operatorByName('relu') ?? expect.unreachable(), [x], {}, { scope: 'r' }).y);
    expect(runRules(graph, [failing], new NameTable(graph)).refused).toEqual([
      { rule: 'simplify/failing', condition: 'shape-c9', scope: 'r' },
    ]);
    const sweep = {
      name: 'simplify/sweeping',
      doc: '',
      run: () => {
        throw new RangeError('Invalid array length');
      },
    };
    expect(runSweep(sweep, graph, new Fuel())).toEqual({ rule: 'simplify/sweeping', condition: 'array-overflow', scope: '' });
  });
});
