/**
 * Hints are followed. Each case names the tensors of a model and of a checkpoint and which is which in truth; whatever the hints
 * say is done until there are no more, and then every parameter has its own tensor, or the checkpoint is still refused.
 */

import { readFileSync } from 'node:fs';
import { describe, expect, it, test } from 'vitest';
import { type BindOptions, type BindResult, bindWeights, parametersOf } from '../../src/checkpoint/bind.ts';
import type { Checkpoint, TensorEntry } from '../../src/checkpoint/checkpoint.ts';
import { compile } from '../../src/compile.ts';
import { render } from '../../src/diagnostics/render.ts';
import { Graph } from '../../src/ir/graph.ts';
import { elementCount } from '../../src/ir/types.ts';
import { exprOf, materializeSync } from '../../src/tensor/values.ts';
import { golden } from '../golden.ts';
import { initial, literal } from '../support/tensors.ts';
import { checkpointOf as listed, published } from './published-names.ts';

type Shapes = Readonly<Record<string, readonly number[]>>;

function graphOf(shapes: Shapes): Graph {
  const graph = new Graph('g');
  for (const [name, dims] of Object.entries(shapes))
    graph.output(name, graph.constant(initial(name, dims, 'f32', { init: true, kind: 'zeros' }, 0), 'parameter', name));
  return graph;
}
let next = 1;
function entry(name: string, dims: readonly number[]): TensorEntry {
  const data = Float64Array.from({ length: elementCount(dims) }, () => next++);
  return { name, elem: 'f32', dims, expr: literal({ elem: 'f32', dims, data }) };
}
const checkpointOf = (shapes: Shapes, key = ''): Checkpoint => ({
  format: 'test',
  name: 'model.pt',
  dicts: [{ key, tensors: new Map(Object.entries(shapes).map(([name, dims]) => [name, entry(name, dims)])) }],
});

/** The options that a hint asks for, added; undefined where it asks for none. */
function followed(hint: string, options: BindOptions): BindOptions | undefined {
  const maps = [...hint.matchAll(/--map "([^"=]+)=([^"]*)"/g)].map(([, from = '', to = '']) => ({
    from,
    to: to === 'none' ? undefined : to,
  }));
  const allowMissing = hint.includes('--allow-missing') || options.allowMissing;
  const allowUnused = hint.includes('--allow-unused') || options.allowUnused;
  const key = /--weights "[^"#]*#([^"]*)"/.exec(hint)?.[1] ?? options.key;
  const all = {
    map: [...(options.map ?? []), ...maps],
    ...(allowMissing && { allowMissing }),
    ...(allowUnused && { allowUnused }),
    ...(key !== undefined && { key }),
  };
  return JSON.stringify(all) === JSON.stringify({ map: [], ...options }) ? undefined : all;
}
function obey(graph: Graph, checkpoint: Checkpoint): BindResult {
  let options: BindOptions = {};
  for (let steps = 0; steps < 20; steps++) {
    const result = bindWeights(graph, checkpoint, options);
    const more = result.diagnostics.map((d) => followed(d.hint ?? '', options)).find((o) => o !== undefined);
    if (!more) return result;
    options = more;
  }
  throw new Error('the hints never end');
}
const numbersOf = (graph: Graph, name: string): readonly number[] => {
  const value = parametersOf(graph).get(name)?.[0];
  return value ? [...(materializeSync(exprOf(value))?.data ?? [])] : [];
};
const stored = (checkpoint: Checkpoint, name: string): readonly number[] => [
  ...(materializeSync(
    checkpoint.dicts[0]?.tensors.get(name)?.expr ?? literal({ elem: 'f32', dims: [0], data: new Float64Array() }),
  )?.data ?? []),
];
const text = (result: BindResult): string => render(result.diagnostics, { color: false });

const conv = [4, 3, 3, 3];
const fc = [10, 4];

describe('hints that are followed lead to the right numbers', () => {
  /** The model, the checkpoint, and for some of the model's names what they are called there. */
  test.each<readonly [string, Shapes, Shapes, Readonly<Record<string, string>>]>([
    [
      'gamma and beta',
      { 'bn.weight': [4], 'bn.bias': [4] },
      { 'bn.gamma': [4], 'bn.beta': [4] },
      { 'bn.weight': 'bn.gamma', 'bn.bias': 'bn.beta' },
    ],
    [
      'a wrapper of all',
      { 'a.weight': conv, 'b.weight': fc },
      { 'module._orig_mod.model.a.weight': conv, 'module._orig_mod.model.b.weight': fc },
      { 'a.weight': 'module._orig_mod.model.a.weight' },
    ],
    [
      'a prefix of no known wrapper',
      { 'a.weight': conv, 'b.weight': fc },
      { 'net.core.a.weight': conv, 'net.core.b.weight': fc },
      { 'b.weight': 'net.core.b.weight' },
    ],
    [
      'a prefix of some',
      { 'a.weight': conv, 'b.weight': fc },
      { 'body.a.weight': conv, 'b.weight': fc },
      { 'a.weight': 'body.a.weight' },
    ],
    [
      'a prefix that is missing',
      { 'net.a.weight': conv, 'net.b.weight': fc },
      { 'a.weight': conv, 'b.weight': fc },
      { 'net.b.weight': 'b.weight' },
    ],
    [
      'another name of a layer',
      { 'conv.weight': conv, 'fc.weight': fc, 'fc.bias': [10] },
      { 'conv.weight': conv, 'classifier.1.weight': fc, 'classifier.1.bias': [10] },
      { 'fc.weight': 'classifier.1.weight' },
    ],
    [
      'norm.1 for norm1',
      { 'l0.norm1.weight': [4], 'l0.norm2.weight': [4], 'l1.norm1.weight': [4] },
      { 'l0.norm.1.weight': [4], 'l0.norm.2.weight': [4], 'l1.norm.1.weight': [4] },
      { 'l0.norm2.weight': 'l0.norm.2.weight' },
    ],
  ])('%s', (_what, model, file, names) => {
    const graph = graphOf(model);
    const checkpoint = checkpointOf(file);
    expect(text(obey(graph, checkpoint))).toBe('');
    for (const [name, from] of Object.entries(names)) expect(numbersOf(graph, name)).toEqual(stored(checkpoint, from));
  });

  it('one rule explains hundreds of names', async () => {
    const one = published.find(({ file }) => file === 'densenet121-a639ec97.pth');
    if (!one) throw new Error('no list');
    const source = readFileSync(new URL('../../examples/densenet.res', import.meta.url), 'utf8').replace(/^ *map .*\n/gm, '');
    const { diagnostics } = await compile(source, { model: one.model, weights: listed(one) });
    expect(diagnostics[0]?.hint).toBe(
      'write --map "*denselayer*.*.*.*=*denselayer*.**.*", which gives 580 of the 580 missing ones their tensors',
    );
    const map = [{ from: '*denselayer*.*.*.*', to: '*denselayer*.**.*' }];
    expect((await compile(source, { model: one.model, weights: listed(one), map })).diagnostics).toEqual([]);
  });
});

describe('hints that are followed never end at exit 0 with wrong numbers', () => {
  const edsr = { 'sub_mean.weight': [3, 3, 1, 1], 'sub_mean.bias': [3], 'add_mean.weight': [3, 3, 1, 1], 'add_mean.bias': [3] };
  test.each<readonly [string, Shapes, Shapes, string]>([
    ['a mean shift that the model does not have', { 'head.weight': conv }, { 'head.weight': conv, ...edsr }, 'RES0520'],
    [
      'a mean shift, and a parameter of its shape that is something else',
      { 'head.weight': conv, scale: [3] },
      { 'head.weight': conv, ...edsr },
      'RES0520',
    ],
    [
      'a layer of the same shape under another number',
      { 'conv1.weight': conv, 'conv2.weight': conv },
      { 'conv1.weight': conv, 'conv3.weight': conv, 'conv4.weight': conv },
      'RES0520',
    ],
    ['other shapes', { 'fc.weight': fc }, { 'fc.weight_v': [5, 4], 'classifier.weight': [7, 4] }, 'RES0520'],
    ['a bias for a weight', { 'bn.weight': [4] }, { 'bn.bias': [4] }, 'RES0520'],
    ['parts of unknown make', { 'fc.weight': fc }, { 'fc.weight_v': fc }, 'RES0520'],
    ['a scale of FP8 beside its tensor', { 'fc.weight': fc }, { 'fc.weight': fc, 'fc.weight_scale_inv': [1] }, 'RES0520'],
    ['a weight norm of other shapes', { 'fc.weight': fc }, { 'fc.weight_v': fc, 'fc.weight_g': [10, 4] }, 'RES0515'],
    [
      'spectral norm of the old form',
      { 'fc.weight': fc },
      { 'fc.weight_orig': fc, 'fc.weight_u': [10], 'fc.weight_v': [4] },
      'RES0515',
    ],
    [
      'spectral norm of the new form',
      { 'fc.weight': fc },
      {
        'fc.parametrizations.weight.original': fc,
        'fc.parametrizations.weight.0._u': [10],
        'fc.parametrizations.weight.0._v': [4],
      },
      'RES0515',
    ],
    [
      'another parametrization',
      { 'fc.weight': fc },
      { 'fc.parametrizations.weight.original': fc, 'fc.parametrizations.weight.0.base': fc },
      'RES0515',
    ],
    ['pruning', { 'fc.weight': fc }, { 'fc.weight_orig': fc, 'fc.weight_mask': fc }, 'RES0515'],
    [
      'adapters',
      { 'fc.weight': fc },
      { 'fc.base_layer.weight': fc, 'fc.lora_A.default.weight': [2, 4], 'fc.lora_B.default.weight': [10, 2] },
      'RES0515',
    ],
    ['a head that the file does not have', { 'conv.weight': conv, 'fc.weight': fc }, { 'conv.weight': conv }, 'RES0520'],
  ])('%s', (_what, model, file, code) => {
    const graph = graphOf(model);
    const result = obey(graph, checkpointOf(file));
    expect(result.diagnostics.map((d) => d.code)).toEqual([code]);
    expect(result.diagnostics[0]?.hint).not.toMatch(/--allow-/);
  });
  it('two tensors for one name', () => {
    const map = [{ from: '*', to: 'fc.weight' }];
    const result = bindWeights(graphOf({ 'fc.weight': fc }), checkpointOf({ 'a.weight': fc, 'b.weight': fc }), { map });
    expect(result.diagnostics.map((d) => d.code)).toEqual(['RES0523']);
    expect(followed(result.diagnostics[0]?.hint ?? '', { map })).toBeUndefined();
  });
});

describe('said', () => {
  it('spectral norm by its name', () =>
    golden(
      'errors/RES0515-spectral.txt',
      text(
        bindWeights(
          graphOf({ 'layer1.0.fc.weight': fc }),
          checkpointOf({ 'layer1.0.fc.weight_orig': fc, 'layer1.0.fc.weight_u': [10], 'layer1.0.fc.weight_v': [4] }),
        ),
      ),
    ));
  it('what is no tensor, where the model wants one', () => {
    const foreign = new Map([
      ['curve', { name: 'curve', elem: 'a NumPy array of float64', dims: [5], bytes: 40, object: true }],
      ['root', { name: 'root', elem: 'pathlib.PosixPath', dims: [], bytes: 0, object: true }],
    ]);
    const checkpoint: Checkpoint = {
      format: 'test',
      name: 'model.pt',
      dicts: [{ key: '', tensors: new Map([['a', entry('a', [2])]]), foreign }],
    };
    golden('errors/RES0514-objects.txt', text(bindWeights(graphOf({ a: [2], curve: [5], root: [1] }), checkpoint)));
    // Beside tensors that fit, objects are not left over.
    expect(bindWeights(graphOf({ a: [2] }), checkpoint)).toMatchObject({ diagnostics: [], matched: 1 });
  });
  it('what is unused and might matter', () =>
    golden(
      'errors/RES0520-unused.txt',
      text(bindWeights(graphOf({ 'head.weight': conv }), checkpointOf({ 'head.weight': conv, 'sub_mean.bias': [3] }))),
    ));
  it('a rule that matches nothing, with the misfit and beside a fit', () => {
    const map = [{ from: 'head.*', to: 'fc.*' }];
    const graph = graphOf({ 'a.weight': conv });
    expect(bindWeights(graph, checkpointOf({ 'a.weight': conv }), { map }).notes).toEqual([
      'map "head.*=fc.*" matches no tensor',
    ]);
    expect(bindWeights(graph, checkpointOf({ 'b.weight': conv }), { map }).diagnostics[0]?.found).toContain(
      'map       "head.*=fc.*" matches no tensor',
    );
  });
});

describe('weight norm is computed', () => {
  /** g·v/‖v‖ over all axes but one, as torch.nn.utils.weight_norm says it. */
  function expected(
    g: readonly number[],
    v: readonly number[],
    dims: readonly number[],
    axis: number | undefined,
  ): readonly number[] {
    const strides = dims.map((_, i) => elementCount(dims.slice(i + 1)));
    const at = (i: number): number => (axis === undefined ? 0 : Math.floor(i / (strides[axis] ?? 1)) % (dims[axis] ?? 1));
    const squares: number[] = [];
    v.forEach((x, i) => {
      squares[at(i)] = (squares[at(i)] ?? 0) + x * x;
    });
    return v.map((x, i) => Math.fround(((g[at(i)] ?? 0) * x) / Math.sqrt(squares[at(i)] ?? 0)));
  }
  test.each<readonly [string, readonly number[], readonly number[], number | undefined]>([
    ['linear', [10, 4], [10, 1], 0],
    ['conv', [4, 3, 3, 3], [4, 1, 1, 1], 0],
    ['conv_transpose, dim 0', [4, 6, 2, 2], [4, 1, 1, 1], 0],
    ['conv_transpose, dim 1', [4, 6, 2, 2], [1, 6, 1, 1], 1],
    ['one norm for all', [4, 6], [], undefined],
    ['one channel', [1, 5], [1, 1], 0],
  ])('%s, in both forms', (_what, dims, gDims, axis) => {
    for (const [g, v] of [
      ['up.weight_g', 'up.weight_v'],
      ['up.parametrizations.weight.original0', 'up.parametrizations.weight.original1'],
    ] as const) {
      const graph = graphOf({ 'up.weight': dims, 'up.bias': [3] });
      const checkpoint = checkpointOf({ [`net.${g}`]: gDims, [`net.${v}`]: dims, 'net.up.bias': [3] });
      const result = bindWeights(graph, checkpoint);
      expect(result.diagnostics).toEqual([]);
      expect(result.notes).toContain('1 tensor computed from weight norm, g·v/‖v‖');
      const found = numbersOf(graph, 'up.weight');
      const wish = expected(stored(checkpoint, `net.${g}`), stored(checkpoint, `net.${v}`), dims, axis);
      wish.forEach((x, i) => {
        expect(Math.abs((found[i] ?? Number.NaN) - x)).toBeLessThanOrEqual(Math.abs(x) * 2 ** -23);
      });
    }
  });
});
