/**
 * Files as graphs: names, nodes that stay foreign, sub-graphs, open types that readers fix, inputs with defaults, and what is
 * wrong with a file.
 */
import { describe, expect, it } from 'vitest';
import { emitOnnx } from '../../src/codegen/emit.ts';
import { DiagnosticError } from '../../src/diagnostics/diagnostic.ts';
import { importOnnx } from '../../src/import/import.ts';
import type { ImportOptions } from '../../src/import/imported-model.ts';
import type { Graph } from '../../src/ir/graph.ts';
import { printGraph } from '../../src/ir/print.ts';
import { typeText } from '../../src/ir/types.ts';
import { verifyGraph } from '../../src/ir/verifier.ts';
import type { OnnxGraph, OnnxNode, OnnxType } from '../../src/onnx/model.ts';
import { fileOf, type GraphParts, graphOf, node, tensor, typed } from './build.ts';

function load(
  parts: GraphParts,
  nodes: readonly OnnxNode[],
  options: ImportOptions = {},
  opset = 17,
): ReturnType<typeof importOnnx> {
  const model = importOnnx(fileOf(parts, nodes, opset), options);
  expect(verifyGraph(model.graph)).toEqual([]);
  return model;
}

const ops = (graph: Graph): readonly string[] => [...graph.nodes()].map((one) => one.op.name);
const typeOf = (graph: Graph, name: string): string => {
  for (const one of graph.nodes()) for (const y of one.results) if (y.name === name) return typeText(y.type);
  return 'no such value';
};

describe('names', () => {
  const x = { x: typed('f32', ['batch', 3, 8, 8]) };
  const w = tensor('w', 'f32', [4, 3, 3, 3]);

  it('of inputs, outputs, nodes, values and dimensions are kept', () => {
    const model = load({ inputs: x, outputs: ['y'], initializers: [w] }, [
      node('Conv', 'conv/1:x, w -> c'),
      node('Relu', 'c -> y'),
    ]);
    const [conv, relu] = [...model.graph.nodes()];
    expect(conv?.origin).toEqual({ scope: 'conv/1', name: 'conv/1' });
    expect(conv?.y.name).toBe('c');
    expect(relu?.origin.name).toBeUndefined();
    expect(conv && typeText(conv.y.type)).toBe('f32[batch, 4, 6, 6]');
    const onnx = emitOnnx(model.graph, { opset: 17, source: model }).graph;
    expect(onnx.nodes.map((one) => [one.name, ...one.inputs, ...one.outputs])).toEqual([
      ['conv/1', 'x', 'w', 'c'],
      ['y', 'c', 'y'],
    ]);
    expect(onnx.inputs).toEqual([{ name: 'x', type: { elem: 'f32', dims: ['batch', 3, 8, 8] } }]);
  });

  it('of dimensions may be any text; sizes without a name stay so', () => {
    const dims = ['batch size', 'N', '2*N + 1', 'a-b', '?', undefined] as const;
    const model = load({ inputs: { x: typed('f32', dims) }, outputs: ['y'] }, [node('Relu', 'x -> y')]);
    const { inputs, outputs } = emitOnnx(model.graph, { opset: 17, source: model }).graph;
    expect(inputs[0]?.type?.dims).toEqual(['batch size', 'N', '2*N + 1', 'a-b', undefined, undefined]);
    expect(outputs[0]?.type?.dims).toEqual(inputs[0]?.type?.dims);
    expect(model.graph.inputs[0]?.type.dims[2]).toBe(model.graph.inputs[0]?.type.dims[1]?.times(2).plus(1));
  });

  it('of Constant nodes are those of constants, and equal names of sub-graphs do not meet', () => {
    const body = (value: number): OnnxGraph =>
      graphOf({ outputs: ['o'] }, [node('Constant', '-> k', { value_float: { float: value } }), node('Add', 'x, k -> o')]);
    const model = load({ inputs: { ...x, c: typed('bool', []) }, outputs: ['y'] }, [
      node('If', 'c -> y', { then_branch: body(1), else_branch: body(2) }),
    ]);
    const [owner] = [...model.graph.nodes()];
    expect(owner?.regions.map((region) => region.constants().map((value) => value.name))).toEqual([['k'], ['k_1']]);
  });
});

describe('operators that nothing here says', () => {
  it('stay as they are and stop nothing else', () => {
    const parts: GraphParts = {
      inputs: { x: typed('f32', ['N', 4]) },
      outputs: ['y', 'z'],
      valueInfo: { u: typed('f32', ['N', 4]) },
    };
    const model = load(parts, [
      node('Relu', 'x -> a'),
      node('Frobnicate', 'frob:a,, x -> u,, v', { alpha: 3 }, 'custom'),
      node('Relu', 'u -> y'),
      node('Relu', 'v -> z'),
    ]);
    expect(ops(model.graph)).toEqual(['relu', 'onnx.custom.Frobnicate', 'relu', 'onnx.Relu']);
    const foreign = [...model.graph.nodes()][1];
    expect(foreign?.op.foreign).toMatchObject({ domain: 'custom', opType: 'Frobnicate', outputs: [true, false, true] });
    expect(foreign?.slots.map((use) => use?.value.name)).toEqual(['a', undefined, 'x']);
    expect(typeOf(model.graph, 'u')).toBe('f32[N, 4]');
    expect(typeOf(model.graph, 'z')).toBe('foreign("unknown")');
    expect(model.foreign).toEqual([
      { domain: 'custom', opType: 'Frobnicate', name: 'frob', why: 'the domain custom has no operators here' },
      { domain: '', opType: 'Relu', name: 'z', why: 'operand 0 is unknown' },
    ]);
  });

  it.each([
    ['TopK', 'x, k -> y, i', {}, ['f32[N, 5, 2]', 'i64[N, 5, 2]']],
    ['NonZero', 'x -> y', {}, ['i64[3, ?nonzero]']],
    ['ReduceL2', 'x -> y', { keepdims: 0 }, ['f32[]']],
    ['ArgMin', 'x -> y', { axis: 1, keepdims: 0 }, ['i64[N, 4]']],
    ['Trilu', 'x -> y', {}, ['f32[N, 5, 4]']],
    ['QuantizeLinear', 'x, f -> y', {}, ['u8[N, 5, 4]']],
    ['OneHot', 'k, k, f -> y', {}, ['f32[1, 2]']],
    ['Einsum', 'x, x -> y', { equation: 'bij,bkj->bik' }, ['f32[N, 5, 5]']],
    ['Tile', 'x, r -> y', {}, ['f32[N, 15, 4]']],
    ['GatherElements', 'x, k -> y', {}, ['f32[1]']],
    ['Xor', 'b, c -> y', {}, ['bool[2]']],
    ['Mean', 'x, f -> y', {}, ['f32[N, 5, 4]']],
    ['Hardmax', 'x -> y', {}, ['f32[N, 5, 4]']],
    ['SequenceConstruct', 'x -> y', {}, ['foreign("unknown")']],
  ] as const)('%s has a type', (op, signature, attributes, types) => {
    const initializers = [
      tensor('k', 'i64', [1], [2]),
      tensor('f', 'f32', [], [1]),
      tensor('r', 'i64', [3], [1, 3, 1]),
      tensor('b', 'bool', [2], [0, 1]),
    ];
    const inputs = { x: typed('f32', ['N', 5, 4]), c: typed('bool', [2]) };
    const { graph } = load({ inputs, outputs: ['y'], initializers }, [node(op, signature, { ...attributes })]);
    expect([...graph.nodes()].at(-1)?.results.map((y) => typeText(y.type))).toEqual(types);
  });

  it.each([
    ['Conv', 'x, w -> y', { auto_pad: 'SAME_UPPER', strides: [2, 2] }, ['f32[N, 4, floordiv(H + 1, 2), floordiv(W + 1, 2)]']],
    ['ConvTranspose', 'x, v -> y', { auto_pad: 'SAME_LOWER', strides: [2, 2], output_shape: [8, 9] }, ['f32[N, 2, 8, 9]']],
    ['MaxPool', 'x -> y, at', { kernel_shape: [2, 2] }, ['f32[N, 3, H - 1, W - 1]', 'i64[N, 3, H - 1, W - 1]']],
    ['AveragePool', 'x -> y', { kernel_shape: [2, 2], dilations: [2, 2] }, ['f32[N, 3, H - 2, W - 2]']],
    [
      'LpPool',
      'x -> y',
      { kernel_shape: [3, 3], strides: [2, 2] },
      ['f32[N, 3, floordiv(H + 1, 2) - 1, floordiv(W + 1, 2) - 1]'],
    ],
    ['Resize', 'x,,s -> y', { mode: 'linear', antialias: 1 }, ['f32[N, 3, floordiv(H, 2), floordiv(W, 2)]']],
    ['ReduceLogSum', 'x, a -> y', { keepdims: 0 }, ['f32[N, H, W]']],
  ] as const)('%s has the sizes that the operator of the same formula has', (op, signature, attributes, types) => {
    const initializers = [
      tensor('w', 'f32', [4, 3, 3, 3]),
      tensor('v', 'f32', [3, 2, 3, 3]),
      tensor('s', 'f32', [4], [1, 1, 0.5, 0.5]),
      tensor('a', 'i64', [1], [1]),
    ];
    const outputs = types.length === 2 ? ['y', 'at'] : ['y'];
    const nodes = [node(op, signature, { ...attributes })];
    const { graph } = load({ inputs: { x: typed('f32', ['N', 3, 'H', 'W']) }, outputs, initializers }, nodes, {}, 18);
    expect(ops(graph)).toEqual([`onnx.${op}`]);
    expect([...graph.nodes()][0]?.results.map((y) => typeText(y.type))).toEqual(types);
  });

  it('of a training form stay foreign', () => {
    const four = ['s', 'b', 'm', 'v'].map((name) => tensor(name, 'f32', [4], [1, 1, 1, 1]));
    const { graph } = load({ inputs: { x: typed('f32', ['N', 4]) }, outputs: ['y'], initializers: four }, [
      node('BatchNormalization', 'x, s, b, m, v -> y, rm, rv', { training_mode: 1 }),
    ]);
    expect(ops(graph)).toEqual(['onnx.BatchNormalization']);
  });

  it('but integers beyond 2^53 are constants', () => {
    const { graph } = load({ inputs: { x: typed('f32', ['N', 4]) }, outputs: ['y'] }, [
      node('Constant', '-> e', { value_int: 2n ** 62n }),
      node('Cast', 'e -> y', { to: 1 }),
    ]);
    expect(ops(graph)).toEqual(['cast']);
    expect(printGraph(graph)).toContain('integers(i64, [], 4611686018427387904)');
  });
});

describe('sub-graphs', () => {
  it('read values around them; a Loop says what its results are', () => {
    const body = graphOf(
      { inputs: { i: undefined, cond: undefined, sum: undefined }, outputs: ['keep', 'more', 'slice'] },
      [node('Identity', 'cond -> keep'), node('Add', 'sum, x -> more'), node('Relu', 'x -> slice')],
      'body',
    );
    const { graph } = load(
      { inputs: { x: typed('f32', ['N', 4]) }, outputs: ['y', 'all'], initializers: [tensor('n', 'i64', [], [3])] },
      [node('Loop', 'loop:n,, x -> y, all', { body })],
    );
    const [loop] = [...graph.nodes()];
    expect(loop?.regions[0]?.inputs.map((value) => typeText(value.type))).toEqual(['i64[]', 'bool[]', 'f32[N, 4]']);
    expect(loop?.regions[0] && ops(loop.regions[0])).toEqual(['add', 'relu']);
    expect(loop?.results.map((y) => typeText(y.type))).toEqual(['f32[N, 4]', 'f32[3, N, 4]']);
  });

  it('of a Loop that changes what it carries are those of a foreign node', () => {
    const body = graphOf(
      { inputs: { i: undefined, cond: undefined, past: undefined }, outputs: ['keep', 'more'] },
      [node('Identity', 'cond -> keep'), node('Concat', 'past, x -> more', { axis: 0 })],
      'body',
    );
    const { graph, foreign } = load(
      { inputs: { x: typed('f32', ['N', 4]) }, outputs: ['y'], initializers: [tensor('n', 'i64', [], [3])] },
      [node('Loop', 'loop:n,, x -> y', { body })],
    );
    const [loop] = [...graph.nodes()];
    expect(loop?.op.name).toBe('onnx.Loop');
    expect(loop?.regions[0]?.inputs.map((value) => typeText(value.type))).toEqual([
      'i64[]',
      'bool[]',
      'foreign("tensor(float)")',
    ]);
    expect(foreign[0]).toMatchObject({ opType: 'Loop', why: expect.stringContaining('f32[2*N, 4] after a turn') });
    expect(graph.inputs[0]?.uses.size).toBe(2);
  });

  it('are refused where an output is nobody’s', () => {
    const branch = graphOf({ outputs: ['nothing'] }, [], 'branch');
    expect(() =>
      load({ inputs: { c: typed('bool', []) }, outputs: ['y'] }, [
        node('If', 'c -> y', { then_branch: branch, else_branch: branch }),
      ]),
    ).toThrow(/RES0673/);
  });
});

describe('types that readers fix', () => {
  const initializers = [tensor('w', 'f32', [4, 3, 3, 3]), tensor('v', 'f32', [4], [1, 1, 1, 1])];

  it('the rank and the channels of what an unknown operator made', () => {
    const { graph } = load({ inputs: { x: typed('f32', ['N', 3]) }, outputs: ['y'], initializers }, [
      node('Frobnicate', 'x -> u', {}, 'custom'),
      node('Conv', 'u, w -> c'),
      node('Relu', 'c -> y'),
    ]);
    expect(ops(graph)).toEqual(['onnx.custom.Frobnicate', 'conv', 'relu']);
    expect(typeOf(graph, 'u')).toBe('f32[?u.0, 3, ?u.2, ?u.3]');
  });

  it('the open channels of an input, whatever reads it first', () => {
    const { graph, narrowed } = load(
      { inputs: { x: typed('f32', ['N', 'C', undefined, undefined]) }, outputs: ['y'], initializers },
      [node('Relu', 'x -> r'), node('Conv', 'r, w -> c'), node('BatchNormalization', 'c, v, v, v, v -> y')],
    );
    expect(ops(graph)).toEqual(['relu', 'conv', 'batchnorm']);
    expect(graph.inputs[0] && typeText(graph.inputs[0].type)).toBe('f32[N, 3, ?x.2, ?x.3]');
    expect(narrowed).toEqual([
      { name: 'x', before: ['N', 'C', undefined, undefined], after: ['N', 3, undefined, undefined], by: ['Conv'] },
    ]);
  });

  const shapes = [...initializers, tensor('w5', 'f32', [5, 4, 3, 3]), tensor('yes', 'bool', [], [1])];

  /** As it is, and with the types that readers say declared: the same graph, but for what the names of symbols show. */
  const sameAs = (nodes: readonly OnnxNode[], known: Readonly<Record<string, OnnxType>>): ReturnType<typeof importOnnx> => {
    const parts = { inputs: { x: typed('f32', ['N', 3]) }, outputs: ['y'], initializers: shapes };
    const found = load(parts, nodes);
    expect(printGraph(found.graph)).toBe(printGraph(load({ ...parts, valueInfo: known }, nodes).graph));
    return found;
  };

  it('go back to where a value is made, and no further', () => {
    const before = Array.from({ length: 50 }, (_, i) => node('Relu', `${i === 0 ? 'x' : `r${i - 1}`} -> r${i}`));
    const nodes = [
      ...before,
      node('Frobnicate', 'r49 -> u', {}, 'custom'),
      node('Neg', 'r48 -> other'),
      node('Conv', 'u, w -> c'),
      node('Frobnicate', 'c, other -> z', {}, 'custom'),
      node('Conv', 'z, w5 -> d'),
      node('Relu', 'd -> y'),
    ];
    const known = {
      u: typed('f32', [undefined, 3, undefined, undefined]),
      z: typed('f32', [undefined, 4, undefined, undefined]),
    };
    const { graph, visits } = sameAs(nodes, known);
    expect(ops(graph).slice(50)).toEqual([
      ...['onnx.custom.Frobnicate', 'neg', 'conv', 'onnx.custom.Frobnicate', 'conv', 'relu'],
    ]);
    // Inputs and nodes once, and what lies between a value and its reader for its rank and for its channels.
    expect(visits).toBeLessThan(1 + nodes.length + 12);
  });

  it('of what the branch of a known If made', () => {
    const branch = graphOf({ outputs: ['u'] }, [node('Frobnicate', 'x -> t', {}, 'custom'), node('Identity', 't -> u')]);
    const nodes = [
      node('If', 'yes -> i', { then_branch: branch, else_branch: branch }),
      node('Neg', 'i -> n'),
      node('Conv', 'n, w -> c'),
      node('Relu', 'c -> y'),
    ];
    const { graph } = load({ inputs: { x: typed('f32', ['N', 3]) }, outputs: ['y'], initializers: shapes }, nodes);
    expect(ops(graph)).toEqual(['onnx.custom.Frobnicate', 'onnx.Neg', 'conv', 'relu']);
  });

  it('with their sub-graphs and constants, which are made anew', () => {
    const body = (name: string) =>
      graphOf({ outputs: [`${name}o`] }, [
        node('Constant', `-> ${name}k`, { value_float: { float: 2 } }),
        node('Add', `r, ${name}k -> ${name}o`),
      ]);
    const nodes = [
      node('Cast', 'x -> c0', { to: 9 }),
      node('ReduceMax', 'x -> m', { keepdims: 0 }),
      node('Cast', 'm -> c', { to: 9 }),
      node('Relu', 'x -> r'),
      node('If', 'c -> i', { then_branch: body('t'), else_branch: body('e') }),
      node('Squeeze', 'x, axis -> s'),
      node('Add', 'i, s -> y'),
    ];
    const inputs = (dim: string | number) => ({ x: typed('f32', ['N', dim]) });
    const axis = [tensor('axis', 'i64', [1], [1])];
    const open = load({ inputs: inputs('C'), outputs: ['y'], initializers: axis }, nodes).graph;
    const known = load({ inputs: inputs(1), outputs: ['y'], initializers: axis }, nodes).graph;
    expect(printGraph(open)).toBe(printGraph(known));
    expect(verifyGraph(open)).toEqual([]);
  });

  it('in bounded work, however many values a reader far behind says something of', () => {
    const count = 300;
    const nodes = [
      ...Array.from({ length: count }, (_, i) => node('Frobnicate', `x -> u${i}`, {}, 'custom')),
      ...Array.from({ length: count }, (_, i) => node('Conv', `u${count - 1 - i}, w -> c${i}`)),
      node('Sum', `${Array.from({ length: count }, (_, i) => `c${i}`).join(', ')} -> y`),
    ];
    const { visits } = load({ inputs: { x: typed('f32', ['N', 3]) }, outputs: ['y'], initializers: shapes }, nodes);
    expect(visits).toBeLessThan(11 * nodes.length);
  });

  it('not where two readers contradict each other', () => {
    const other = [...initializers, tensor('w5', 'f32', [4, 5, 3, 3])];
    const { graph } = load({ inputs: { x: typed('f32', ['N', undefined, 8, 8]) }, outputs: ['y', 'z'], initializers: other }, [
      node('Conv', 'x, w -> y'),
      node('Conv', 'x, w5 -> z'),
    ]);
    expect(ops(graph)).toEqual(['conv', 'onnx.Conv']);
  });
});

describe('initializers that are listed as inputs', () => {
  const parts: GraphParts = {
    inputs: { x: typed('f32', ['N', 4]), w: typed('f32', [4]) },
    outputs: ['y'],
    initializers: [tensor('w', 'f32', [4])],
  };
  const nodes = [node('Mul', 'x, w -> y')];

  it('are constants, with a note', () => {
    const { graph, notes } = load(parts, nodes);
    expect(graph.inputs.map((value) => value.name)).toEqual(['x']);
    expect(notes).toEqual(['1 initializers are listed as inputs too and taken as constants: w (--keep-inputs keeps them)']);
  });

  it('stay inputs with a default where that is asked for', () => {
    const { graph, notes } = load(parts, nodes, { keepInputs: true });
    expect(graph.inputs.map((value) => value.name)).toEqual(['x', 'w']);
    expect([...graph.defaults].map(([value, content]) => [value.name, content.dims])).toEqual([['w', [4]]]);
    expect(notes).toEqual([]);
  });
});

describe('sizes that are asked for', () => {
  const parts: GraphParts = { inputs: { x: typed('f32', ['N', undefined, 4]) }, outputs: ['y'] };
  const nodes = [node('Relu', 'x -> y')];
  const shape = (...sizes: readonly (readonly [string, number])[]): string => {
    const { graph } = load(parts, nodes, { inputShapes: new Map(sizes) });
    return graph.inputs[0] ? typeText(graph.inputs[0].type) : '';
  };

  it('take the place of a name, or of one axis', () => {
    expect(shape(['N', 2])).toBe('f32[2, ?x.1, 4]');
    expect(shape(['x:1', 5])).toBe('f32[N, 5, 4]');
    expect(shape(['x: 0', 7], ['x:2', 4])).toBe('f32[7, ?x.1, 4]');
  });

  it.each([
    ['M', 1, 'RES0675'],
    ['x:3', 1, 'RES0675'],
    ['x:2', 5, 'RES0676'],
    ['N', -1, 'RES0676'],
  ] as const)('%s=%i is refused', (name, size, code) => {
    expect(() => shape([name, size])).toThrow(code);
  });
});

describe('the order of nodes', () => {
  const x = { x: typed('f32', ['N', 4]) };

  it('is mended, with what sub-graphs read', () => {
    const branch = graphOf({ outputs: ['o'] }, [node('Neg', 'late -> o')], 'branch');
    const nodes = [
      node('If', 'c -> y', { then_branch: branch, else_branch: branch }),
      node('Relu', 'early -> late'),
      node('Exp', 'x -> early'),
      node('Abs', 'x -> other'),
    ];
    const model = load({ inputs: { ...x, c: typed('bool', []) }, outputs: ['y', 'other'] }, nodes);
    expect(ops(model.graph)).toEqual(['exp', 'relu', 'if', 'abs']);
    expect(model.notes).toEqual(['the nodes of graph main were not in order and are sorted']);
  });

  it('does not take a name of a sub-graph for that of a later result', () => {
    const inner = graphOf({ outputs: ['y'] }, [node('Neg', 'x -> y')], 'inner');
    const outer = graphOf({ outputs: ['y'] }, [node('If', 'c -> y', { then_branch: inner, else_branch: inner })], 'outer');
    const own = graphOf({ outputs: ['o'] }, [node('Neg', 'x -> late'), node('Abs', 'late -> o')], 'own');
    const nodes = [
      node('If', 'c -> y', { then_branch: outer, else_branch: inner }),
      node('If', 'c -> z', { then_branch: own, else_branch: own }),
      node('Exp', 'z -> late'),
    ];
    const model = load({ inputs: { ...x, c: typed('bool', []) }, outputs: ['y', 'late'] }, nodes);
    expect(ops(model.graph)).toEqual(['if', 'if', 'exp']);
    expect(model.notes).toEqual([]);
  });

  it.each([
    ['a circle', [node('Add', 'x, b -> a'), node('Relu', 'a -> b'), node('Relu', 'b -> y')], 'RES0672'],
    ['a name that nothing makes', [node('Add', 'x, b -> y')], 'RES0671'],
    ['a value made twice', [node('Relu', 'x -> y'), node('Abs', 'x -> y')], 'RES0670'],
    ['an input that is made', [node('Relu', 'x -> x'), node('Abs', 'x -> y')], 'RES0670'],
    ['an output that is not made', [node('Relu', 'x -> z')], 'RES0673'],
  ] as const)('%s is refused', (_what, nodes, code) => {
    try {
      importOnnx(fileOf({ inputs: x, outputs: ['y'] }, nodes));
    } catch (error) {
      expect(error instanceof DiagnosticError && error.diagnostics.map((one) => one.code)).toEqual([code]);
      return;
    }
    expect.unreachable();
  });

  it('does not take long for many nodes that stand the wrong way round', () => {
    const count = 20_000;
    const nodes = Array.from({ length: count }, (_, i) => node('Relu', `v${i} -> v${i + 1}`)).reverse();
    const { graph } = load({ inputs: { v0: typed('f32', ['N']) }, outputs: [`v${count}`] }, nodes);
    expect(graph.nodeCount).toBe(count);
  });
});
