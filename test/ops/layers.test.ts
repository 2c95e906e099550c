/** What layers make of their parameters, with numbers that were worked out by hand. */
import { describe, expect, it } from 'vitest';
import { Dim } from '../../src/ir/dim.ts';
import { isLossless } from '../../src/ir/elem.ts';
import type { Value } from '../../src/ir/graph.ts';
import { typeText } from '../../src/ir/types.ts';
import { given } from '../../src/ops/attrs.ts';
import type { Layer } from '../../src/ops/define.ts';
import { layerByName } from '../../src/ops/registry.ts';
import { type Argument, type Built, built, failure, host, numbers } from './nn/tools.ts';

function layer(name: string): Layer {
  const found = layerByName(name);
  if (!found) throw new Error(`no layer ${name}`);
  return found;
}

function make(name: string, types: readonly string[], args: Parameters<typeof built>[2] = {}): Built {
  return built(layer(name), types, args);
}

const typeAfter = (name: string, type: string, args: Readonly<Record<string, Argument>> = {}): string =>
  typeText(make(name, [type], args).y.type);
const onlyNode = (name: string, type: string, args: Readonly<Record<string, Argument>> = {}): string =>
  make(name, [type], args)
    .nodes.map((n) => n.op.name)
    .join(' ');
const second = (all: readonly Value[]): Value => given(all, 1);
const countUp = (dims: readonly number[]) => host(dims, (i) => i);

describe('shapes', () => {
  it('flattens behind the batch, with known and unknown sizes', () => {
    expect(typeAfter('flatten', 'f32[N, 8, H, W]')).toBe('f32[N, 8*H*W]');
    expect(typeAfter('flatten', 'f32[2, 3, 4, 5]', { start: 0, end: 1 })).toBe('f32[6, 4, 5]');
    expect(onlyNode('flatten', 'f32[N, 8]')).toBe('');
    expect(failure(() => make('flatten', ['f32[2, 3, 4]'], { start: 2, end: 1 })).label).toBe('c5');
    expect(failure(() => make('flatten', ['f32[2, 3, 4]'], { start: 3 })).text).toBe(
      'axis 3 of a rank-3 tensor | an axis from -3 to 2',
    );
  });

  it('reshapes to what is provably as large', () => {
    const n = Dim.symbol('N');
    const reshape = make('reshape', ['f32[N, 6, 4]'], { shape: [2, -1, 4] as const });
    expect(typeText(reshape.y.type)).toBe('f32[2, 3*N, 4]');
    expect(failure(() => make('reshape', ['f32[N, 6]'], { shape: [3, 4] })).text).toBe(
      '6*N elements in [N, 6], 12 in [3, 4] | as many elements as before',
    );
    expect(failure(() => make('reshape', ['f32[N, 6]'], { shape: [4, -1] })).text).toBe(
      '6*N elements for [4, -1] | a multiple of 4',
    );
    expect(failure(() => make('reshape', ['f32[4, 6]'], { shape: [-1, -1] })).label).toBe('c1');
    expect(typeText(make('reshape', ['f32[N, 6]'], { shape: n.times(6) }).y.type)).toBe('f32[6*N]');
  });

  it('crops the middle', () => {
    const crop = make('crop', ['f32[1, 1, 4, 5]', 'f32[1, 7, 2, 2]'], { like: second });
    expect(typeText(crop.y.type)).toBe('f32[1, 1, 2, 2]');
    expect([...crop.run([countUp([1, 1, 4, 5])]).data]).toEqual([6, 7, 11, 12]);
    const symbolic = make('crop', ['f32[N, 8, H + 4, W]', 'f32[N, 8, H, W]'], { like: second });
    expect(typeText(symbolic.y.type)).toBe('f32[N, 8, H, W]');
    const bigger = failure(() => make('crop', ['f32[1, 1, 4, 4]', 'f32[1, 1, 5, 4]'], { like: second }));
    expect(bigger.text).toContain('5 at most 4 at axis 2');
  });

  it('pads the grid in each of its forms', () => {
    expect(typeAfter('pad', 'f32[N, 3, H, W]', { pads: 1 })).toBe('f32[N, 3, H + 2, W + 2]');
    expect(typeAfter('pad', 'f32[N, 3, H, W]', { pads: [1, 2] })).toBe('f32[N, 3, H + 2, W + 4]');
    expect(typeAfter('pad', 'f32[N, 3, H, W]', { pads: [0, 1, 2, 3] })).toBe('f32[N, 3, H + 2, W + 4]');
    expect(typeAfter('pad', 'f32[N, 3, H, W]', { pads: [0, 1, 0, 0, 0, 2, 0, 0] })).toBe('f32[N, 6, H, W]');
    expect(typeAfter('pad', 'f32[3, 4]', { pads: [1, 0, 0, 1] })).toBe('f32[4, 5]');
    expect(failure(() => make('pad', ['f32[1, 1, 2, 2]'], { pads: [1, 2, 3] })).label).toBe('c5');
    expect(failure(() => make('pad', ['f32[1, 1, 2, 2]'], { pads: 2, mode: 'reflect' })).label).toBe('c4');
    expect(onlyNode('pad', 'f32[1, 1, 2, 2]', { pads: 0 })).toBe('');
    const row = (mode: string): readonly number[] => [
      ...make('pad', ['f32[1, 1, 3]'], { pads: [2, 1], mode }).run([numbers([1, 1, 3], [1, 2, 3])]).data,
    ];
    expect(row('constant')).toEqual([0, 0, 1, 2, 3, 0]);
    expect(row('reflect')).toEqual([3, 2, 1, 2, 3, 2]);
    expect(row('replicate')).toEqual([1, 1, 1, 2, 3, 3]);
  });

  it('splits into several results', () => {
    expect(make('split', ['f32[N, 6]'], { parts: 3 }).nodes[0]?.results.map((y) => typeText(y.type))).toEqual([
      'f32[N, 2]',
      'f32[N, 2]',
      'f32[N, 2]',
    ]);
    expect(failure(() => make('split', ['f32[N, 7]'], { parts: 3 })).text).toBe(
      '7 elements on axis 1 of f32[N, 7] | a multiple of 3',
    );
    expect(failure(() => make('split', ['f32[N, 7]'], { sizes: [3, 3] })).label).toBe('c3');
    expect(failure(() => make('split', ['f32[N, 7]'])).label).toBe('c5');
    const sizes = make('split', ['f32[N, 7]'], { sizes: [3, 4] });
    expect(sizes.nodes[0]?.results.map((y) => typeText(y.type))).toEqual(['f32[N, 3]', 'f32[N, 4]']);
  });

  it('expands, squeezes, unsqueezes', () => {
    expect(typeAfter('expand', 'f32[N, 1]', { shape: [2, -1, 5] })).toBe('f32[2, N, 5]');
    expect(failure(() => make('expand', ['f32[N, 3]'], { shape: [-1, 5] })).label).toBe('c2');
    expect(typeAfter('squeeze', 'f32[1, N, 1]')).toBe('f32[N]');
    expect(typeAfter('unsqueeze', 'f32[N]', { axes: [0, -1] })).toBe('f32[1, N, 1]');
    expect(failure(() => make('squeeze', ['f32[N, 2]'], { axes: 0 })).label).toBe('c2');
  });

  it('slices with what is known', () => {
    expect(typeAfter('slice', 'f32[N, 9]', { start: 2, end: -1 })).toBe('f32[N, 6]');
    expect(typeAfter('slice', 'f32[N, H + 4]', { start: 1 })).toBe('f32[N, H + 3]');
    expect(typeAfter('slice', 'f32[N, H]', { start: 0, end: 5 })).toBe('f32[N, min(H, 5)]');
    expect(typeAfter('slice', 'f32[N, H + 4]', { start: -3 })).toBe('f32[N, 3]');
    expect(typeAfter('slice', 'f32[N, H]', { start: 0, step: 2 })).toBe('f32[N, floordiv(H + 1, 2)]');
    const back = make('slice', ['f32[4]'], { start: -1, axis: 0, step: -1 });
    expect([...back.run([countUp([4])]).data]).toEqual([3, 2, 1, 0]);
    const unclear = failure(() => make('slice', ['f32[N, H]'], { start: Dim.symbol('H').minus(Dim.symbol('W')) }));
    expect(unclear.label).toBe('c4');
  });

  it('makes ranges and tensors', () => {
    const t = Dim.symbol('T');
    expect(typeText(make('range', [], { bounds: t }).y.type)).toBe('i64[T]');
    expect([...make('range', [], { bounds: [3, 9, 2] }).run([]).data]).toEqual([3, 5, 7]);
    expect([...make('range', [], { bounds: [3, 0, -1] }).run([]).data]).toEqual([3, 2, 1]);
    expect(failure(() => make('range', [], { bounds: [1, 2, 3, 4] })).label).toBe('c2');
    expect([...make('tensor', [], { values: [1, 2] }).run([]).data]).toEqual([1, 2]);
    expect(typeText(make('full', [], { shape: [2, 3], value: 1 }).y.type)).toBe('f32[2, 3]');
    expect(failure(() => make('full', [], { shape: [2], value: 1.5, elem: 'i64' })).label).toBe('c2');
  });
});

describe('activations', () => {
  it('have one slope or one per channel in prelu', () => {
    const one = make('prelu', ['f32[N, 3, H, W]']);
    expect(one.weights).toEqual(['weight f32[1] fill 0.25 parameter']);
    expect(one.nodes.map((n) => n.op.name)).toEqual(['prelu']);
    const each = make('prelu', ['f32[1, 2, 1, 2]'], { num: 2 });
    expect(each.weights).toEqual(['weight f32[2] fill 0.25 parameter']);
    expect([...each.run([numbers([1, 2, 1, 2], [-1, 1, -2, 2])], { weight: numbers([2], [0.5, 0.25]) }).data]).toEqual([
      -0.5, 1, -0.5, 2,
    ]);
    expect(failure(() => make('prelu', ['f32[N, 3, H, W]'], { num: 4 })).label).toBe('c4');
  });
  it('keep what only training does out', () => {
    for (const name of ['dropout', 'dropout2d', 'alpha_dropout', 'stochastic_depth', 'identity'])
      expect(onlyNode(name, 'f32[N, 4]')).toBe('');
    const rrelu = make('rrelu', ['f32[2]']);
    expect(rrelu.run([numbers([2], [-1, 2])]).data[0]).toBeCloseTo(-(1 / 8 + 1 / 3) / 2, 15);
  });
  it('clamp on either side', () => {
    expect([...make('clamp', ['f32[3]'], { min: 0 }).run([numbers([3], [-1, 0.5, 9])]).data]).toEqual([0, 0.5, 9]);
    expect([...make('relu6', ['f32[3]']).run([numbers([3], [-1, 0.5, 9])]).data]).toEqual([0, 0.5, 6]);
    expect(failure(() => make('clamp', ['f32[3]'])).label).toBe('c3');
    expect(failure(() => make('clamp', ['i64[3]'], { min: 0.5 })).label).toBe('c2');
  });
  it('refuse integers', () => {
    expect(failure(() => make('gelu', ['i64[3]'])).text).toBe('i64[3] | a float tensor; cast(f32)');
  });
});

describe('shrinkage', () => {
  const edge = Math.fround(0.1);
  it.each([
    ['softshrink', [-2, -0.5, 0.25, 0.5, 1, Number.NaN], { lambda: 0.5 }, [-1.5, 0, 0, 0, 0.5, 0]],
    ['hardshrink', [-2, -0.5, 0.25, 0.5, 1, Number.NaN], { lambda: 0.5 }, [-2, 0, 0, 0, 1, 0]],
    // The file holds the bound as f32, which is what f32 elements are compared with.
    ['hardshrink', [edge, -edge], { lambda: 0.1 }, [0, 0]],
  ] as const)('%s of %j', (name, x, args, y) => {
    expect([...make(name, [`f32[${x.length}]`], args).run([numbers([x.length], x)]).data]).toEqual(y);
  });
});

describe('arithmetic', () => {
  it('broadcasts 1, and a symbol with itself alone', () => {
    const add = (a: string, b: string): string => typeText(make('add', [a, b]).y.type);
    expect(add('f32[N, 3, H, W]', 'f32[3, 1, 1]')).toBe('f32[N, 3, H, W]');
    expect(add('f32[1, H]', 'f32[N, 1]')).toBe('f32[N, H]');
    const clash = failure(() => add('f32[N, 4]', 'f32[M, 4]'));
    expect(clash).toEqual({ label: 'c3', text: '[N, 4] and [M, 4] | N and M at axis 0 equal, or one of them 1' });
    expect(failure(() => add('f32[N]', 'f32[3]')).label).toBe('c3');
    expect(failure(() => add('f32[3]', 'i64[3]')).text).toBe('f32[3] and i64[3] | one element type for both; cast(f32)');
  });
  it('divides integers towards 0', () => {
    const div = make('div', ['i64[4]', 'i64[4]']);
    const i64 = (values: readonly number[]) => host([4], (i) => values[i] ?? 0, 'i64');
    expect([...div.run([i64([7, -7, 7, -7]), i64([2, 2, -2, -2])]).data]).toEqual([3, -3, -3, 3]);
    expect(failure(() => div.run([i64([1, 1, 1, 1]), i64([0, 1, 1, 1])])).label).toBe('division');
  });
  it('wraps narrow integers, and refuses 64-bit ones that float64 cannot hold', () => {
    const i32 = (v: number) => host([1], () => v, 'i32');
    expect(make('mul', ['i32[1]', 'i32[1]']).run([i32(123456789), i32(987654321)]).data[0]).toBe(Math.imul(123456789, 987654321));
    expect(make('add', ['u8[1]', 'u8[1]']).run([host([1], () => 250, 'u8'), host([1], () => 10, 'u8')]).data[0]).toBe(4);
    const i64 = (v: number) => host([1], () => v, 'i64');
    expect(failure(() => make('mul', ['i64[1]', 'i64[1]']).run([i64(2 ** 40), i64(2 ** 40)])).label).toBe('integers');
  });
  it('rounds halves to even', () => {
    expect([...make('round', ['f32[5]']).run([numbers([5], [0.5, 1.5, 2.5, -0.5, -1.5])]).data].map((v) => v + 0)).toEqual([
      0, 2, 2, 0, -2,
    ]);
  });
});

describe('casts', () => {
  it('round to the type, halves to even, once', () => {
    const cast = (to: string, v: number): number =>
      make('cast', ['f64[1]'], { to }).run([host([1], () => v, 'f64')]).data[0] ?? 0;
    expect(cast('f16', 1 + 2 ** -11)).toBe(1);
    expect(cast('f16', 1 + 3 * 2 ** -11)).toBe(1 + 2 ** -9);
    // By way of f32 this would become 1: the last bit is lost there first.
    expect(cast('f16', 1 + 2 ** -11 + 2 ** -40)).toBe(1 + 2 ** -10);
    expect(cast('f16', 65519)).toBe(65504);
    expect(cast('f16', 65520)).toBe(Infinity);
    expect(cast('f16', 2 ** -25)).toBe(0);
    expect(cast('f16', 3 * 2 ** -26)).toBe(2 ** -24);
    expect(cast('bf16', -(1 + 2 ** -8))).toBe(-1);
    // The smallest subnormal of bf16.
    expect(cast('bf16', 1e-40)).toBe(2 ** -133);
    expect(cast('i64', -2.7)).toBe(-2);
    expect(cast('bool', -0.1)).toBe(1);
    expect(cast('u8', 300)).toBe(44);
  });
  it('are lossless where every value survives', () => {
    expect(isLossless('f16', 'f32')).toBe(true);
    expect(isLossless('bf16', 'f16')).toBe(false);
    expect(isLossless('f16', 'bf16')).toBe(false);
    expect(isLossless('i32', 'f32')).toBe(false);
    expect(isLossless('i32', 'f64')).toBe(true);
    expect(isLossless('i64', 'f64')).toBe(false);
    expect(isLossless('u8', 'i8')).toBe(false);
    expect(isLossless('u8', 'f16')).toBe(true);
    expect(isLossless('i8', 'u16')).toBe(false);
    expect(isLossless('u8', 'i16')).toBe(true);
    expect(isLossless('f32', 'bool')).toBe(false);
    expect(isLossless('bool', 'f16')).toBe(true);
  });
});
