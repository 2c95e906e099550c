import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type BindOptions, type BindResult, bindWeights, parametersOf } from '../../src/checkpoint/bind.ts';
import type { Checkpoint, TensorEntry } from '../../src/checkpoint/checkpoint.ts';
import { openCheckpoint } from '../../src/checkpoint/checkpoint.ts';
import { render } from '../../src/diagnostics/render.ts';
import { fileSource } from '../../src/io/node/file-source.ts';
import { type ConstantRole, Graph } from '../../src/ir/graph.ts';
import { type ElemType, elementCount } from '../../src/ir/types.ts';
import { exprOf, materializeSync } from '../../src/tensor/values.ts';
import { golden } from '../golden.ts';
import { initial, literal } from '../support/tensors.ts';

type Shapes = Readonly<Record<string, readonly number[]>>;

/** A graph that is nothing but parameters, each an output. */
function graphOf(shapes: Shapes, elem: ElemType = 'f32', roleOf: (name: string) => ConstantRole = () => 'parameter'): Graph {
  const graph = new Graph('g');
  for (const [name, dims] of Object.entries(shapes))
    graph.output(name, graph.constant(initial(name, dims, elem, { init: true, kind: 'ones' }, 0), roleOf(name), name));
  return graph;
}
let next = 1;
function entry(name: string, dims: readonly number[], elem: ElemType = 'f32'): TensorEntry {
  // Each tensor has numbers of its own, so that none is taken for another.
  const data = Float64Array.from({ length: elementCount(dims) }, () => next++);
  return { name, elem, dims, expr: literal({ elem, dims, data }) };
}
function checkpointOf(dicts: Readonly<Record<string, Shapes>>, elem: ElemType = 'f32'): Checkpoint {
  return {
    format: 'test',
    name: 'model.pt',
    dicts: Object.entries(dicts).map(([key, shapes]) => ({
      key,
      tensors: new Map(Object.entries(shapes).map(([name, dims]) => [name, entry(name, dims, elem)])),
    })),
  };
}
function text(result: BindResult): string {
  return render(result.diagnostics, { color: false });
}
const codes = (result: BindResult): readonly string[] => result.diagnostics.map((d) => d.code);
const numbersOf = (graph: Graph, name: string): readonly number[] => {
  const value = parametersOf(graph).get(name)?.[0];
  return value ? [...(materializeSync(exprOf(value))?.data ?? [])] : [];
};
const stored = (checkpoint: Checkpoint, key: string, name: string): readonly number[] => {
  const tensor = checkpoint.dicts.find((d) => d.key === key)?.tensors.get(name);
  return tensor ? [...(materializeSync(tensor.expr)?.data ?? [])] : [];
};

const net: Shapes = { 'conv1.weight': [4, 3, 3, 3], 'bn1.weight': [4], 'bn1.bias': [4], 'fc.weight': [10, 4], 'fc.bias': [10] };

describe('binding', () => {
  it('gives each parameter its tensor', () => {
    const graph = graphOf(net);
    const checkpoint = checkpointOf({ '': net });
    expect(bindWeights(graph, checkpoint)).toEqual({ diagnostics: [], notes: [], matched: 5 });
    for (const name of Object.keys(net)) expect(numbersOf(graph, name)).toEqual(stored(checkpoint, '', name));
  });
  it('takes the trained CIFAR network as it is', async () => {
    const source = fileSource(fileURLToPath(new URL('../fixtures/cifar10/resnet20-12fca82f.th', import.meta.url)));
    const checkpoint = await openCheckpoint(source);
    const shapes = Object.fromEntries(
      [...(checkpoint.dicts[1]?.tensors ?? [])].map(([name, tensor]) => [name.replace('module.', ''), tensor.dims]),
    );
    const graph = graphOf(shapes, 'f32', (name) => (name.includes('running') ? 'buffer' : 'parameter'));
    const result = bindWeights(graph, checkpoint);
    expect(result).toEqual({
      diagnostics: [],
      notes: [expect.stringContaining('dict state_dict of'), 'prefix module. dropped from every name'],
      matched: 97,
    });
    const value = parametersOf(graph).get('layer1.0.conv1.weight')?.[0];
    expect(value?.content?.text()).toBe('layer1.0.conv1.weight[16, 16, 3, 3]');
    expect(value?.content?.resident?.length).toBe(2304);
    source.close();
  });
  it('drops a prefix that every name carries, at the start only', () => {
    const inside: Shapes = { 'layer1.se_module.fc.weight': [2], 'fc.model.bias': [3] };
    const carried = Object.fromEntries(Object.entries(inside).map(([name, dims]) => [`module.model.${name}`, dims]));
    expect(
      bindWeights(graphOf(inside), checkpointOf({ '': { ...carried, 'module.model.bn.num_batches_tracked': [] } })),
    ).toMatchObject({ matched: 2, notes: ['prefix module.model. dropped from every name'] });
    // Not every name carries it, so it is part of the names.
    const partly: Shapes = { 'module.a': [2], b: [3] };
    expect(bindWeights(graphOf(partly), checkpointOf({ '': partly }))).toMatchObject({ matched: 2, notes: [] });
    expect(codes(bindWeights(graphOf({ a: [2], b: [3] }), checkpointOf({ '': partly })))).toEqual(['RES0520']);
    // The model's own names carry it.
    const model: Shapes = { 'model.a': [2], 'model.b': [3] };
    expect(bindWeights(graphOf(model), checkpointOf({ '': model }))).toMatchObject({ matched: 2, notes: [] });
  });
  it('converts element types and says so', () => {
    const graph = graphOf({ a: [2], b: [3] }, 'f16');
    const result = bindWeights(graph, checkpointOf({ '': { a: [2], b: [3] } }, 'f64'));
    expect(result.notes).toEqual(['2 tensors converted f64 → f16']);
    expect(parametersOf(graph).get('a')?.[0]?.content?.elem).toBe('f16');
    expect(codes(bindWeights(graphOf({ a: [2] }), checkpointOf({ '': { a: [2] } }, 'i64')))).toEqual(['RES0520']);
  });
  it('renames by rules with captures, the first that matches', () => {
    const graph = graphOf({ 'bn1.weight': [4], 'stage.0.conv.weight': [3] });
    const checkpoint = checkpointOf({
      '': {
        'module.bn1.gamma': [4],
        'module.blocks.0.c.weight': [3],
        'module.head.weight': [7],
        'module.bn1.num_batches_tracked': [],
      },
    });
    const map = [
      { from: 'head.*', to: undefined },
      { from: '*.gamma', to: '*.weight' },
      { from: 'blocks.*.c.*', to: 'stage.*.conv.*' },
      { from: 'never', to: 'used' },
    ];
    expect(bindWeights(graph, checkpoint, { map })).toEqual({
      diagnostics: [],
      notes: ['prefix module. dropped from every name', 'map "never=used" matches no tensor'],
      matched: 2,
    });
    expect(numbersOf(graph, 'stage.0.conv.weight')).toEqual(stored(checkpoint, '', 'module.blocks.0.c.weight'));
    expect(codes(bindWeights(graph, checkpoint, { map: [{ from: '*.x', to: '*.*' }] }))).toEqual(['RES0524']);
    expect(codes(bindWeights(graph, checkpoint, { map: [{ from: 'blocks.0.c.weight', to: 'bn1.gamma' }] }))).toEqual(['RES0523']);
  });
  it('counts a second name of a tensor that is taken as used', () => {
    const tied = entry('wte.weight', [5, 2]);
    const checkpoint: Checkpoint = {
      format: 'test',
      name: 'gpt.pt',
      dicts: [
        {
          key: '',
          tensors: new Map([
            ['wte.weight', tied],
            ['lm_head.weight', tied],
          ]),
        },
      ],
    };
    expect(bindWeights(graphOf({ 'wte.weight': [5, 2] }), checkpoint)).toMatchObject({ diagnostics: [], matched: 1 });
  });
});

describe('choosing the dict', () => {
  const optimizer: Shapes = { 'state.0.exp_avg': [4], 'state.1.exp_avg': [3] };
  it('takes the one whose names fit', () => {
    const graph = graphOf(net);
    const checkpoint = checkpointOf({ '': { x: [1] }, optimizer, model: net });
    expect(bindWeights(graph, checkpoint)).toMatchObject({
      diagnostics: [],
      matched: 5,
      notes: ['dict model of model.pt is taken'],
    });
  });
  it('asks when two fit, and follows the answer', () => {
    const graph = graphOf(net);
    const checkpoint = checkpointOf({ '': { x: [1] }, params: net, params_ema: net });
    const result = bindWeights(graph, checkpoint);
    golden('errors/RES0521-ema.txt', text(result));
    expect(numbersOf(graph, 'fc.bias')).toEqual(new Array(10).fill(1));
    expect(bindWeights(graph, checkpoint, { key: 'params_ema' })).toMatchObject({ diagnostics: [], matched: 5 });
    expect(numbersOf(graph, 'fc.bias')).toEqual(stored(checkpoint, 'params_ema', 'fc.bias'));
    golden('errors/RES0522-key.txt', text(bindWeights(graph, checkpoint, { key: 'param_ema' })));
    golden('errors/RES0525-empty.txt', text(bindWeights(graph, checkpointOf({ '': {} }))));
  });
  it('sees one dict under two names as one', () => {
    const tensors = new Map(Object.entries(net).map(([name, dims]) => [name, entry(name, dims)]));
    const outer = new Map([...tensors].map(([name, tensor]) => [`model.${name}`, tensor]));
    const checkpoint: Checkpoint = {
      format: 'test',
      name: 'm',
      dicts: [
        { key: '', tensors: outer },
        { key: 'model', tensors },
      ],
    };
    expect(bindWeights(graphOf(net), checkpoint)).toMatchObject({
      diagnostics: [],
      matched: 5,
      notes: ['dict model of m is taken'],
    });
  });
});

describe('what does not fit', () => {
  const wrong: Shapes = {
    'conv1.weight': [3, 3, 3, 4],
    'bn1.gamma': [4],
    'bn1.bias': [4],
    'fc.weight': [4, 10],
    'head.scale': [7],
  };
  it('is listed in one error, and nothing is set', () => {
    const graph = graphOf(net);
    const result = bindWeights(graph, checkpointOf({ '': wrong }));
    golden('errors/RES0520-misfit.txt', text(result));
    expect(result.matched).toBe(0);
    expect(numbersOf(graph, 'bn1.bias')).toEqual([1, 1, 1, 1]);
  });
  it.each<readonly [string, Shapes, BindOptions, readonly string[]]>([
    ['missing', { a: [2] }, {}, ['RES0520']],
    ['missing, allowed', { a: [2] }, { allowMissing: true }, []],
    ['unused', { a: [2], b: [3], c: [1] }, {}, ['RES0520']],
    ['unused, allowed', { a: [2], b: [3], c: [1] }, { allowUnused: true }, []],
    ['misshapen, never allowed', { a: [2], b: [4] }, { allowMissing: true, allowUnused: true }, ['RES0520']],
  ])('%s', (_what, shapes, options, expected) => {
    const graph = graphOf({ a: [2], b: [3] });
    expect(codes(bindWeights(graph, checkpointOf({ '': shapes }), options))).toEqual(expected);
    expect(numbersOf(graph, 'b').length).toBe(3);
  });
  it('of thousands is listed in bounded time and length', () => {
    const many = (suffix: string): Shapes =>
      Object.fromEntries(Array.from({ length: 4000 }, (_, i) => [`layer${i}.block.conv.${suffix}`, [i + 1]]));
    const result = bindWeights(graphOf(many('weight')), checkpointOf({ '': many('kernel') }));
    expect(result.diagnostics[0]?.found?.split('\n').length).toBe(203);
    expect(result.diagnostics[0]?.found).toContain(
      'missing   layer7.block.conv.weight f32[8]  nearest: layer7.block.conv.kernel f32[8]',
    );
  });
  it('in an unknown element type is an error only where it is wanted', () => {
    const foreign = new Map([['b', { name: 'b', elem: 'F8_E4M3', dims: [3], bytes: 3 }]]);
    const checkpoint = (dicts: Checkpoint): Checkpoint => ({ ...dicts, dicts: dicts.dicts.map((d) => ({ ...d, foreign })) });
    const wanted = bindWeights(graphOf({ a: [2], b: [3] }), checkpoint(checkpointOf({ '': { a: [2] } })));
    expect(codes(wanted)).toEqual(['RES0508']);
    expect(wanted.diagnostics[0]?.found).toBe('model.pt: F8_E4M3[3]');
    const unused = bindWeights(graphOf({ a: [2] }), checkpoint(checkpointOf({ '': { a: [2] } })));
    expect(unused.diagnostics[0]?.found).toContain('unused    b F8_E4M3[3]');
    expect(codes(bindWeights(graphOf({ a: [2] }), checkpoint(checkpointOf({ '': { a: [2] } })), { allowUnused: true }))).toEqual(
      [],
    );
  });
  it('is no plain constant of the program', () => {
    expect([...parametersOf(graphOf({ a: [1] }, 'f32', () => 'constant')).keys()]).toEqual([]);
  });
});
