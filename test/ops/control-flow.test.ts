/**
 * Operators that own sub-graphs: the reference against onnxruntime, the way through a file and back, shape rules, passes inside.
 */
import { describe, expect, it } from 'vitest';
import { emitOnnx } from '../../src/codegen/emit.ts';
import { importOnnx } from '../../src/import/import.ts';
import { memorySource } from '../../src/io/bytes.ts';
import { Dim } from '../../src/ir/dim.ts';
import { Graph, type Value } from '../../src/ir/graph.ts';
import { CheckFailure } from '../../src/ir/operator.ts';
import { printGraph } from '../../src/ir/print.ts';
import { statsOf } from '../../src/ir/stats.ts';
import type { HostTensor } from '../../src/ir/types.ts';
import { verifyGraph } from '../../src/ir/verifier.ts';
import type { OnnxModel } from '../../src/onnx/model.ts';
import { readOnnxFile } from '../../src/onnx/read.ts';
import { onnxBytes } from '../../src/onnx/write.ts';
import { branch, loop } from '../../src/ops/control-flow.ts';
import { elementwiseOperators } from '../../src/ops/elementwise.ts';
import { EvaluationError, evaluateGraph } from '../../src/ops/reference.ts';
import { operatorByName } from '../../src/ops/registry.ts';
import { openSession } from '../../src/runtime/session.ts';
import { constantOf, randomTensor, readNarrow, readText, run } from '../passes/support.ts';
import { literal } from '../support/tensors.ts';

const scalar = (elem: HostTensor['elem'], value: number): HostTensor => ({ elem, dims: [], data: Float64Array.of(value) });
const x = (...dims: readonly number[]): HostTensor => randomTensor('x', dims, 'f32');

interface Case {
  readonly text: string;
  readonly inputs: readonly Readonly<Record<string, HostTensor>>[];
}

/** What is carried, what is gathered, weights and values from around, one loop in another, an `if` in a loop. */
const cases: Readonly<Record<string, Case>> = {
  'a loop that carries and gathers, with weights and values from around it': {
    text: `graph @g
  %x = input : f32[N, 4]
  %0 = relu(%x)  : f32[N, 4]  @a
  %1, %2, %3 = loop(const i64[] 3, _, %x) {turns=[3]}  : f32[N, 4], f32[3, N, 4], i64[3]  @ode
    region @body
      %4 = input "turn" : i64[]
      %5 = input "goes_on" : bool[]
      %6 = input "state" : f32[N, 4]
      %7 = linear(%6, #.weight[4, 4], #.bias[4])  : f32[N, 4]  @ode.f
      %8 = tanh(%7)  : f32[N, 4]  @ode
      %9 = add(%8, %0)  : f32[N, 4]  @ode
      output goes_on = %5
      output state = %9
      output steps = %8
      output turns = %4
    end
  output y = %1
  output steps = %2
  output turns = %3
`,
    inputs: [{ x: x(1, 4) }, { x: x(3, 4) }],
  },
  'as many turns as the input says, a turn of none among them': {
    text: `graph @g
  %x = input : f32[2, 4]
  %n = input : i64[]
  %0, %1 = loop(%n, _, %x)  : f32[2, 4], f32[?turns, 2, 4]  @a
    region @body
      %2 = input "turn" : i64[]
      %3 = input "goes_on" : bool[]
      %4 = input "state" : f32[2, 4]
      %5 = tanh(%4)  : f32[2, 4]  @a
      output goes_on = %3
      output state = %5
      output steps = %4
    end
  output y = %0
  output steps = %1
`,
    inputs: [
      { x: x(2, 4), n: scalar('i64', 2) },
      { x: x(2, 4), n: scalar('i64', 0) },
    ],
  },
  'a loop while a condition holds': {
    text: `graph @g
  %x = input : f32[3]
  %0 = reduce_max(%x) {axes=[0]}  : f32[]  @a
  %1 = less(%0, const f32[] 100)  : bool[]  @a
  %2, %3 = loop(_, %1, %x, const i64[] 0)  : f32[3], i64[]  @w
    region @body
      %4 = input "turn" : i64[]
      %5 = input "goes_on" : bool[]
      %6 = input "state" : f32[3]
      %7 = input "count" : i64[]
      %8 = mul(%6, const f32[] 2)  : f32[3]  @w
      %9 = reduce_max(%8) {axes=[0]}  : f32[]  @w
      %10 = less(%9, const f32[] 100)  : bool[]  @w
      %11 = add(%7, const i64[] 1)  : i64[]  @w
      output goes_on = %10
      output state = %8
      output count = %11
    end
  output y = %2
  output count = %3
`,
    inputs: [
      { x: { elem: 'f32', dims: [3], data: Float64Array.of(1, 2, 3) } },
      { x: { elem: 'f32', dims: [3], data: Float64Array.of(1, 2, 200) } },
    ],
  },
  'a loop in a loop, with an if that reads both': {
    text: `graph @g
  %x = input : f32[N, 2]
  %0 = loop(const i64[] 2, _, %x) {turns=[2]}  : f32[N, 2]  @o
    region @outer
      %1 = input "i" : i64[]
      %2 = input "go" : bool[]
      %3 = input "s" : f32[N, 2]
      %4 = loop(const i64[] 3, _, %3) {turns=[3]}  : f32[N, 2]  @o.i
        region @inner
          %5 = input "j" : i64[]
          %6 = input "on" : bool[]
          %7 = input "t" : f32[N, 2]
          %8 = equal(%5, %1)  : bool[]  @o.i
          %9 = if(%8)  : f32[N, 2]  @o.i
            region @then
              %10 = sub(%7, %3)  : f32[N, 2]  @o.i
              output y = %10
            end
            region @else
              %11 = linear(%7, #.weight[2, 2], _)  : f32[N, 2]  @o.i.f
              output y = %11
            end
          output on = %6
          output t = %9
        end
      output go = %2
      output s = %4
    end
  output y = %0
`,
    inputs: [{ x: x(1, 2) }, { x: x(4, 2) }],
  },
  'an if of results that have other sizes, and of several': {
    text: `graph @g
  %x = input : f32[4, 3]
  %c = input : bool[]
  %0, %1 = if(%c)  : f32[?if, 3], f32[4, 3]  @a
    region @then
      %2 = slice(%x) {starts=[0], ends=[2], axes=[0], steps=[1]}  : f32[2, 3]  @a
      output rows = %2
      output all = %x
    end
    region @else
      %3 = relu(%x)  : f32[4, 3]  @a
      output rows = %3
      output all = %3
    end
  %4 = relu(%0)  : f32[?if, 3]  @b
  output rows = %4
  output all = %1
`,
    inputs: [
      { x: x(4, 3), c: scalar('bool', 1) },
      { x: x(4, 3), c: scalar('bool', 0) },
    ],
  },
};

async function compare(graph: Graph, bytes: Uint8Array, inputs: Case['inputs']): Promise<void> {
  for (const optimization of ['off', 'all'] as const) {
    const session = await openSession(bytes, { ep: 'cpu', optimization, graph });
    try {
      for (const one of inputs) {
        const fed = new Map(Object.entries(one));
        const expected = evaluateGraph(graph, fed, constantOf);
        const actual = await session.run(fed);
        for (const [name, y] of expected) {
          const z = actual.get(name);
          // Of no turns the sizes of what they gathered are not known.
          if (y.data.length > 0) expect(z?.dims, name).toEqual(y.dims);
          expect(z?.data.length).toBe(y.data.length);
          y.data.forEach((v, i) => {
            expect(Math.abs((z?.data[i] ?? Number.NaN) - v)).toBeLessThan(1e-5 * Math.max(1, Math.abs(v)));
          });
        }
      }
    } finally {
      await session.close();
    }
  }
}

describe.each(Object.entries(cases))('%s', (_, { text, inputs }) => {
  it('prints as it was read', () => {
    const printed = printGraph(readText(text));
    expect(printGraph(readText(printed))).toBe(printed);
    for (const word of ['region @', ' end\n']) expect(printed.split(word).length).toBe(text.split(word).length);
  });

  it.each([13, 16, 17, 21, 23, 25])('computes what onnxruntime does at opset %i, and comes back', async (opset) => {
    const graph = readNarrow(text);
    const model = emitOnnx(graph, { opset });
    const bytes = await onnxBytes(model);
    await compare(graph, bytes, inputs);
    const imported = importOnnx(await readOnnxFile(memorySource('case.onnx', bytes)));
    expect(imported.foreign).toEqual([]);
    expect(verifyGraph(imported.graph)).toEqual([]);
    const ops = (of: Graph): unknown => [...statsOf(of).byOperator];
    expect(ops(imported.graph)).toEqual(ops(graph));
    const nodes = (model: OnnxModel): unknown =>
      model.graph.nodes.map(({ opType, name, inputs, outputs }) => ({ opType, name, inputs, outputs }));
    expect(nodes(emitOnnx(imported.graph, { opset, source: imported }))).toEqual(nodes(model));
  });

  it('is the same behind every pass', async () => {
    const graph = readNarrow(text);
    run(graph, { level: 2 });
    expect(verifyGraph(graph)).toEqual([]);
    await compare(readNarrow(text), await onnxBytes(emitOnnx(graph)), inputs);
  });
});

describe('costs', () => {
  it('count a body as often as it is known to run', () => {
    const madds = (name: keyof typeof cases): string | undefined =>
      statsOf(readNarrow(cases[name]?.text ?? '')).madds?.toString();
    expect(madds('a loop that carries and gathers, with weights and values from around it')).toBe('48*N');
    expect(madds('a loop in a loop, with an if that reads both')).toBe('24*N');
  });
});

describe('the reference', () => {
  it('gives up on a loop that does not end', () => {
    const graph = readNarrow(`graph @g
  %x = input : f32[]
  %0 = loop(_, _, %x)  : f32[]  @a
    region @body
      %1 = input "turn" : i64[]
      %2 = input "goes_on" : bool[]
      %3 = input "state" : f32[]
      output goes_on = %2
      output state = %3
    end
  output y = %0
`);
    expect(() => evaluateGraph(graph, new Map([['x', scalar('f32', 1)]]), constantOf)).toThrow(EvaluationError);
  });
});

describe('a use that does not fit is refused', () => {
  interface Body {
    readonly state?: readonly (number | string)[];
    readonly made?: 'exp' | 'outer' | 'wrong';
    readonly inputs?: number;
    readonly goesOn?: 'scan';
  }
  const dims = (list: readonly (number | string)[]): readonly Dim[] =>
    list.map((d) => (typeof d === 'number' ? Dim.of(d) : Dim.symbol(d)));
  const relu = operatorByName('relu');
  const add = elementwiseOperators.find((op) => op.name === 'add');

  function refused(
    body: Body,
    turns: readonly number[] = [],
    trips = 3,
    other: Partial<Record<'trips' | 'condition', HostTensor>> = {},
  ): string {
    const graph = new Graph('g');
    const state = graph.input('x', { elem: 'f32', dims: dims(['N', 4]) });
    const inner = new Graph('body', graph);
    inner.input('turn', { elem: 'i64', dims: [] });
    const on = inner.input('on', { elem: 'bool', dims: [] });
    const given = inner.input('state', { elem: 'f32', dims: dims(body.state ?? ['N', 4]) });
    for (let i = 0; i < (body.inputs ?? 0); i++) inner.input(`more${i}`, { elem: 'f32', dims: [] });
    let made: Value = given;
    if (relu && body.made === 'exp') made = inner.create(relu, [given], {}, { scope: '' }).y;
    if (add && body.made === 'wrong')
      made = inner.create(add, [given, graph.constant(literal(randomTensor('w', [1, 1, 4], 'f32')))], {}, { scope: '' }).y;
    inner.output('on', body.goesOn === 'scan' ? given : on);
    inner.output('state', made);
    const constant = (tensor: HostTensor): Value => graph.constant(literal(tensor));
    try {
      graph.create(
        loop,
        [constant(other.trips ?? scalar('i64', trips)), other.condition && constant(other.condition), state],
        { turns: turns.map((n) => Dim.of(n)) },
        { scope: '' },
        undefined,
        [inner],
      );
    } catch (error) {
      if (error instanceof CheckFailure) return `${error.label}: ${error.found}`;
      throw error;
    }
    return 'taken';
  }

  it.each([
    [{}, 'taken'],
    [{ made: 'exp' as const }, 'taken'],
    [{ state: ['N', 3] }, 'c5: f32[N, 3] in the body'],
    [{ made: 'wrong' as const }, 'c6: f32[1, N, 4] after a turn'],
    [{ inputs: 1 }, 'c3: a body of 4 inputs and 2 outputs'],
    [{ goesOn: 'scan' as const }, 'c4: going on f32[N, 4]'],
  ])('%j', (body, found) => expect(refused(body)).toBe(found));

  it('other trips than turns, and operands that are no scalars', () => {
    expect(refused({}, [3])).toBe('taken');
    expect(refused({}, [2])).toBe('c7: turns=2 of 3 trips');
    expect(refused({}, [3, 3])).toBe('c7: turns=[3, 3]');
    expect(refused({}, [], 3, { trips: randomTensor('n', [], 'f32') })).toBe('c1: trips f32[]');
    expect(refused({}, [], 3, { condition: scalar('i64', 1) })).toBe('c2: condition i64[]');
  });

  it('sub-graphs that an operator has not, or not as many', () => {
    const graph = new Graph('g');
    const input = graph.input('c', { elem: 'bool', dims: [] });
    const inner = new Graph('then', graph);
    inner.output('y', input);
    expect(() => graph.create(branch, [input], {}, { scope: '' }, undefined, [inner])).toThrow(/1 sub-graph/);
    expect(
      () => relu && graph.create(relu, [graph.input('x', { elem: 'f32', dims: [] })], {}, { scope: '' }, undefined, [inner]),
    ).toThrow(/1 sub-graph/);
  });

  it('branches of other types', () => {
    const graph = new Graph('g');
    const c = graph.input('c', { elem: 'bool', dims: [] });
    const f = graph.input('f', { elem: 'f32', dims: [] });
    const of = (value: Value, inputs = 0): Graph => {
      const inner = new Graph('b', graph);
      for (let i = 0; i < inputs; i++) inner.input(`i${i}`, f.type);
      inner.output('y', value);
      return inner;
    };
    const make = (...regions: readonly Graph[]) => graph.create(branch, [c], {}, { scope: '' }, undefined, regions);
    expect(() => make(of(c), of(f))).toThrow(/c4: found bool\[\] and f32\[\]/);
    expect(() => make(of(c), of(c, 1))).toThrow(/c2: found 1 inputs/);
    expect(() => make(of(c), new Graph('empty', graph))).toThrow(/c3: found 1 and 0 results/);
    expect(() => graph.create(branch, [f], {}, { scope: '' }, undefined, [of(c), of(c)])).toThrow(/c1: found condition f32\[\]/);
  });
});
