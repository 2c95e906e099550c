/** Functions of a model: what onnxruntime computes with them and after they are inlined, and what is refused. */
import type proto from 'onnx-proto';
import { describe, expect, test } from 'vitest';
import { DiagnosticError } from '../../src/diagnostics/diagnostic.ts';
import { inlineFunctions } from '../../src/onnx/functions.ts';
import type { OnnxAttribute, OnnxFile } from '../../src/onnx/model.ts';
import { upgradeFile } from '../../src/onnx/upgrade.ts';
import { feed, fileBytes, floats, modelBytes, node, opened, type Parts, runBytes, value } from '../import/onnx-bytes.ts';

/** `f('scaled', 'x, by -> y', nodes)` in the domain `own`, at opset 17. */
function f(
  name: string,
  signature: string,
  nodes: readonly proto.onnx.INodeProto[],
  more: { readonly attributes?: readonly string[]; readonly opset?: number; readonly domain?: string } = {},
): proto.onnx.IFunctionProto {
  const { input, output } = node(name, signature);
  return {
    name,
    domain: more.domain ?? 'own',
    input: [...(input ?? [])],
    output: [...(output ?? [])],
    attribute: [...(more.attributes ?? [])],
    node: [...nodes],
    opsetImport: [
      { domain: '', version: more.opset ?? 17 },
      { domain: 'own', version: 1 },
    ],
  };
}

function bytesOf(
  functions: readonly proto.onnx.IFunctionProto[],
  nodes: readonly proto.onnx.INodeProto[],
  more: Partial<Parts> = {},
): Uint8Array {
  return modelBytes({
    opset: 17,
    opsets: { own: 1 },
    ir: 10,
    graph: { node: [...nodes], input: [value('x', 1, [2, 3])], output: [value('y')] },
    functions,
    ...more,
  });
}

async function same(bytes: Uint8Array): Promise<OnnxFile> {
  const file = await opened(bytes);
  const inlined = inlineFunctions(file);
  expect(inlined.functions).toEqual([]);
  const feeds = { x: feed([2, 3]) };
  const before = await runBytes(bytes, feeds);
  expect(before.y?.length).toBeGreaterThan(0);
  expect(await runBytes(await fileBytes(upgradeFile(inlined)), feeds)).toEqual(before);
  return inlined;
}
const types = (file: OnnxFile): readonly string[] => file.graph.nodes.map((n) => n.opType);
const outputs = (file: OnnxFile): readonly string[] => file.graph.nodes.flatMap((n) => n.outputs);

async function codeOf(bytes: Uint8Array): Promise<string> {
  try {
    inlineFunctions(await opened(bytes));
  } catch (error) {
    if (error instanceof DiagnosticError) return error.diagnostics[0]?.code ?? '';
    throw error;
  }
  return 'none';
}

const twice = f('twice', 'a -> b', [node('Add', 'add: a, a -> t'), node('Identity', 'out: t -> b')]);

describe('a function', () => {
  test('becomes its nodes, named after the call', async () => {
    const file = await same(
      bytesOf([twice], [node('own::twice', 'first: x -> m'), node('own::twice', '-second: m -> y'.replace('-', ''))]),
    );
    expect(file.graph.nodes.map((n) => n.name)).toEqual(['first/add', 'first/out', 'second/add', 'second/out']);
    expect(outputs(file)).toEqual(['first/t', 'm', 'second/t', 'y']);
  });
  test('keeps the names of the model free', async () => {
    const file = await same(bytesOf([twice], [node('Relu', 'x -> c/t'), node('own::twice', 'c: c/t -> y')]));
    expect(new Set(outputs(file)).size).toBe(outputs(file).length);
  });
  test('calls others, and is called twice by them', async () => {
    const four = f('four', 'a -> b', [node('own::twice', 'p: a -> m'), node('own::twice', 'q: m -> b')]);
    const file = await same(bytesOf([four, twice], [node('own::four', 'c: x -> y')]));
    expect(file.graph.nodes.map((n) => n.name)).toEqual(['c/p/add', 'c/p/out', 'c/q/add', 'c/q/out']);
  });
  test('takes attributes of the call', async () => {
    const leaky = f('leaky', 'a -> b', [node('LeakyRelu', 'a -> b', { alpha: { ref: 'slope', type: 1 } })], {
      attributes: ['slope'],
    });
    const file = await same(bytesOf([leaky], [node('own::leaky', 'x -> y', { slope: { float: 0.25 } })]));
    const [attribute] = file.graph.nodes[0]?.attributes ?? [];
    expect(attribute).toMatchObject({ name: 'alpha', kind: 'float', value: 0.25 });
    // An attribute that the call leaves out is left out, so that the operator's own default counts.
    const bare = await same(bytesOf([leaky], [node('own::leaky', 'x -> y')]));
    expect(bare.graph.nodes[0]?.attributes).toEqual([]);
  });
  test('takes a tensor as attribute, under its own name', async () => {
    const plus = f('plus', 'a -> b', [node('Constant', '-> c', { value: { ref: 'by', type: 4 } }), node('Add', 'a, c -> b')], {
      attributes: ['by'],
    });
    const by = floats('t', [3], [1, 2, 3]);
    await same(bytesOf([plus], [node('own::plus', 'x -> y', { by: { tensor: by } })]));
  });
  test('has defaults', async () => {
    const leaky = f('leaky', 'a -> b', [node('LeakyRelu', 'a -> b', { alpha: { ref: 'slope', type: 1 } })]);
    const file = await opened(
      bytesOf([leaky], [node('own::leaky', 'x -> y'), node('own::leaky', 'x -> z', { slope: { float: 2 } })]),
    );
    const slope: OnnxAttribute = {
      name: 'slope',
      kind: 'float',
      value: 0.5,
      bytes: { size: 0, read: async () => new Uint8Array() },
    };
    const withDefault = { ...file, functions: file.functions.map((g) => ({ ...g, defaults: [slope] })) };
    const alphas = inlineFunctions(withDefault).graph.nodes.map((n) => n.attributes[0]);
    expect(alphas).toMatchObject([{ value: 0.5 }, { value: 2 }]);
  });
  test('may leave operands and results out', async () => {
    const clip = f('clip', 'a, low, high -> b, c', [node('Clip', 'a, low, high -> b'), node('Neg', 'b -> c')]);
    const one = floats('one', [], [0.5]);
    const graph = {
      node: [node('own::clip', 'c: x,, one -> m'), node('own::clip', 'd: m -> , y')],
      input: [value('x', 1, [2, 3])],
      output: [value('y')],
      initializer: [one],
    };
    const file = inlineFunctions(await opened(bytesOf([clip], [], { graph })));
    expect(file.graph.nodes.map((n) => n.inputs)).toEqual([['x', '', 'one'], ['m'], ['m', '', ''], ['d/b']]);
    expect(outputs(file)).toEqual(['m', 'c/c', 'd/b', 'y']);
  });
  test('may hand an operand through, and a result out twice', async () => {
    const through = f('through', 'a -> a, b, b', [node('Neg', 'a -> b')]);
    const file = inlineFunctions(
      await opened(bytesOf([through], [node('own::through', 'c: x -> p, q, r'), node('Sum', 'p, q, r -> y')])),
    );
    expect(types(file)).toEqual(['Neg', 'Identity', 'Identity', 'Sum']);
    expect(outputs(file)).toEqual(['q', 'p', 'r', 'y']);
  });
  test('has sub-graphs that read its values, and is called from one', async () => {
    const yes = { name: '', dataType: 9, dims: [], rawData: Uint8Array.of(1) };
    const branch = (op: string, names: string, out: string): { readonly graph: proto.onnx.IGraphProto } => ({
      graph: { name: op, node: [node(op, names)], output: [value(out)] },
    });
    const choose = f('choose', 'a -> b', [
      node('Constant', '-> yes', { value: { tensor: yes } }),
      node('Neg', 'a -> n'),
      node('If', 'yes -> b', {
        then_branch: branch('own::twice', 'inside: n -> t', 't'),
        else_branch: branch('Relu', 'n -> e', 'e'),
      }),
    ]);
    const main = [
      node('Constant', '-> t', { value: { tensor: yes } }),
      node('If', 't -> y', {
        then_branch: branch('own::choose', 'called: x -> t1', 't1'),
        else_branch: branch('Relu', 'x -> e', 'e'),
      }),
    ];
    await same(bytesOf([choose, twice], main));
  });
  test('does not take a value of the model that its nodes name by chance', async () => {
    const odd = f('odd', 'a -> b', [node('Add', 'a, x -> b')]);
    const file = inlineFunctions(await opened(bytesOf([odd], [node('own::odd', 'c: x -> y')])));
    expect(file.graph.nodes[0]?.inputs).toEqual(['x', 'c/x']);
  });
  test('shadows an operator of ONNX', async () => {
    const relu = f('Relu', 'a -> b', [node('Neg', 'a -> b')], { domain: '' });
    expect(types(inlineFunctions(await opened(bytesOf([relu], [node('Relu', 'x -> y')]))))).toEqual(['Neg']);
  });
  test('that nobody calls is dropped', async () => {
    const file = inlineFunctions(await opened(bytesOf([twice], [node('Relu', 'x -> y')])));
    expect([file.functions, types(file), file.notes]).toEqual([[], ['Relu'], []]);
  });
});

describe('a function of another opset', () => {
  test('is brought up to that of the model', async () => {
    const mean = f('mean', 'a -> b', [node('ReduceMean', 'a -> b', { axes: { ref: 'over', type: 7 } })], {
      attributes: ['over'],
      opset: 13,
    });
    const bytes = bytesOf([mean], [node('own::mean', 'c: x -> y', { over: [1] })], { opset: 18 });
    const file = inlineFunctions(await opened(bytes));
    expect(types(file)).toEqual(['Constant', 'ReduceMean']);
    expect(file.graph.nodes[1]?.inputs).toEqual(['x', 'y_axes']);
  });
  test('that is newer raises the model, where it must', async () => {
    const gelu = f('g', 'a -> b', [node('Gelu', 'a -> b')], { opset: 20 });
    const nodes = [node('ReduceMean', 'm: x -> r', { axes: [1] }), node('own::g', 'r -> y')];
    const file = inlineFunctions(await opened(bytesOf([gelu], nodes, { opset: 13 })));
    expect(file.opsets.get('')).toBe(20);
    expect(types(file)).toEqual(['Constant', 'ReduceMean', 'Gelu']);
    expect(file.notes).toContain('opset 13 is raised to 20, which a function of the model needs');
    const elu = f('g', 'a -> b', [node('Elu', 'a -> b')], { opset: 20 });
    expect(inlineFunctions(await opened(bytesOf([elu], nodes, { opset: 13 }))).opsets.get('')).toBe(13);
  });
});

describe('refused', () => {
  test('cycles', async () => {
    const a = f('a', 'x -> y', [node('own::b', 'x -> y')]);
    const b = f('b', 'x -> y', [node('own::a', 'x -> y')]);
    const self = f('c', 'x -> y', [node('own::c', 'x -> y')]);
    expect(await codeOf(bytesOf([a, b], [node('own::a', 'x -> y')]))).toBe('RES0653');
    expect(await codeOf(bytesOf([self], [node('Relu', 'x -> y')]))).toBe('RES0653');
  });
  test('a chain of doublings, in bounded time', async () => {
    const doubling = Array.from({ length: 40 }, (_, i) =>
      f(`f${i}`, 'x -> y', i === 0 ? [] : [node(`own::f${i - 1}`, 'x -> m'), node(`own::f${i - 1}`, 'm -> y')]),
    );
    expect(await codeOf(bytesOf(doubling, [node('own::f39', 'x -> y')]))).toBe('RES0652');
  });
  test('a long chain', async () => {
    const chain = Array.from({ length: 2000 }, (_, i) =>
      f(`f${i}`, 'x -> y', [i === 0 ? node('Relu', 'x -> y') : node(`own::f${i - 1}`, 'x -> y')]),
    );
    expect(await codeOf(bytesOf(chain, [node('own::f1999', 'x -> y')]))).toBe('RES0652');
    expect(await codeOf(bytesOf(chain, [node('own::f50', 'x -> y')]))).toBe('none');
  });
  test.each([
    ['too many operands', [twice], [node('own::twice', 'x, x -> y')], 'RES0654'],
    ['too many results', [twice], [node('own::twice', 'x -> y, z')], 'RES0654'],
    ['two of one name', [twice, twice], [node('own::twice', 'x -> y')], 'RES0654'],
    ['opset 27 inside', [f('new', 'a -> b', [node('Relu', 'a -> b')], { opset: 27 })], [node('own::new', 'x -> y')], 'RES0651'],
    ['no newer form', [f('old', 'a -> b', [node('Scan', 'a, a -> b')], { opset: 8 })], [node('own::old', 'x -> y')], 'RES0657'],
  ])('%s', async (_what, functions, nodes, code) => expect(await codeOf(bytesOf(functions, nodes))).toBe(code));
  test('another version of a foreign domain', async () => {
    const g: proto.onnx.IFunctionProto = {
      ...f('g', 'a -> b', [node('com.microsoft::Gelu', 'a -> b')]),
      opsetImport: [{ domain: 'com.microsoft', version: 2 }],
    };
    const at = (version: number): Promise<string> =>
      codeOf(bytesOf([g], [node('own::g', 'x -> y')], { opsets: { own: 1, 'com.microsoft': version } }));
    expect([await at(1), await at(2)]).toEqual(['RES0655', 'none']);
    const unknown = inlineFunctions(await opened(bytesOf([g], [node('own::g', 'x -> y')])));
    expect(unknown.opsets.get('com.microsoft')).toBe(2);
  });
});
