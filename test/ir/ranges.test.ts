import { describe, expect, it } from 'vitest';
import { cloneGraph } from '../../src/ir/clone.ts';
import { declarationsOf, readDeclarations } from '../../src/ir/declarations.ts';
import { Dim } from '../../src/ir/dim.ts';
import { Graph } from '../../src/ir/graph.ts';
import { printGraph } from '../../src/ir/print.ts';
import { channelAxis, fittingRange, rangeProblem } from '../../src/ir/ranges.ts';
import type { ElemType, TensorType } from '../../src/ir/types.ts';
import { complaints, read } from './support.ts';

const type = (elem: ElemType, ...dims: readonly (number | string)[]): TensorType => ({
  elem,
  dims: dims.map((d) => (typeof d === 'number' ? Dim.of(d) : Dim.symbol(d))),
});

function declared(): Graph {
  const g = new Graph('g');
  const h = Dim.symbol('H', 16).times(16);
  const x = g.input('image', { elem: 'f32', dims: [Dim.symbol('N'), Dim.of(3), h, Dim.of(8)] });
  g.input('ids', type('i64', 'N', 'T'));
  g.inputRanges.set('image', { low: -0.5, high: 1e-7, mean: [0.1, 0.2, 0.3], std: [2] });
  g.inputRanges.set('ids', { low: 0, high: 50256 });
  g.outputRanges.set('y', { low: 0, high: 255 });
  g.output('y', x);
  return g;
}

describe('ranges of inputs and outputs', () => {
  it('print, read back, and are copied', () => {
    const text = printGraph(declared());
    expect(text).toContain('%image = input : f32[N, 3, H, 8] in -0.5..1e-7 mean=[0.1, 0.2, 0.3] std=[2]\n');
    expect(text).toContain('%ids = input : i64[N, T] in 0..50256\n');
    expect(text).toContain('output y in 0..255 = %image\n');
    const back = read(text);
    expect(printGraph(back)).toBe(text);
    expect(back.inputRanges).toEqual(declared().inputRanges);
    expect(printGraph(cloneGraph(declared()))).toBe(text);
  });

  it('that do not fit are refused where a graph is read', () => {
    expect(complaints('  %x = input : f32[3] in 1..0\n  output y = %x\n').join()).toContain('RES0901');
    expect(complaints('  %x = input : u8[3] in 0..256\n  output y = %x\n').join()).toContain('RES0901');
    expect(complaints('  %x = input : f32[3]\n  output y in 2..1 = %x\n').join()).toContain('RES0901');
    expect(complaints('  %x = input : f32[3] in 0\n  output y = %x\n').join()).toContain('RES0901');
  });

  it('go through the metadata unchanged', () => {
    const metadata = declarationsOf(declared());
    expect(metadata).toEqual({
      'rescc.inputs': '{"image":{"range":[-0.5,1e-7],"mean":[0.1,0.2,0.3],"std":[2]},"ids":{"range":[0,50256]}}',
      'rescc.outputs': '{"y":{"range":[0,255]}}',
      'rescc.promises': '{"H":16}',
    });
    const back = readDeclarations(new Map(Object.entries(metadata)));
    expect(back.inputs).toEqual(declared().inputRanges);
    expect(back.outputs).toEqual(declared().outputRanges);
    expect(back.promises).toEqual(new Map([['H', { multiple: 16, least: 16, most: Infinity }]]));
    expect(back.broken).toEqual([]);
    expect(declarationsOf(new Graph('none'))).toEqual({});
  });

  it.each([
    ['no JSON', { 'rescc.inputs': '{' }, ['rescc.inputs']],
    ['a list', { 'rescc.promises': '[16]' }, ['rescc.promises']],
    ['null', { 'rescc.outputs': 'null' }, ['rescc.outputs']],
    ['one end', { 'rescc.inputs': '{"x":{"range":[0]}}' }, ['rescc.inputs: x']],
    ['a text for a number', { 'rescc.inputs': '{"x":{"range":[0,"1"]}}' }, ['rescc.inputs: x']],
    ['an empty mean', { 'rescc.inputs': '{"x":{"range":[0,1],"mean":[]}}' }, ['rescc.inputs: x']],
    ['a fraction as divisor', { 'rescc.promises': '{"H":1.5,"W":8}' }, ['rescc.promises: H']],
  ] as const)('metadata that somebody broke is left out: %s', (_, metadata, broken) => {
    const found = readDeclarations(new Map(Object.entries(metadata)));
    expect(found.broken).toEqual(broken);
    expect(found.inputs.size + found.outputs.size).toBe(0);
    expect(found.promises.has('H')).toBe(false);
  });
});

describe('what a type has room for', () => {
  it.each([
    [type('f32', 3), { low: 0, high: 0 }, 'range'],
    [type('i64', 3), { low: 0, high: 0 }, undefined],
    [type('i64', 3), { low: 0, high: 0.5 }, 'range'],
    [type('u8', 3), { low: -1, high: 5 }, 'range'],
    [type('f16', 3), { low: 0, high: 65504 }, undefined],
    [type('f16', 3), { low: 0, high: 65505 }, 'range'],
    [type('f32', 3), { low: 0, high: Infinity }, 'range'],
    [type('f32', 3), { low: Number.NaN, high: 1 }, 'range'],
    [type('bool', 3), { low: 0, high: 1 }, 'range'],
    [type('f32', 'N', 3, 'H', 'W'), { low: 0, high: 1, mean: [1, 2, 3], std: [1] }, undefined],
    [type('f32', 'N', 3, 'H', 'W'), { low: 0, high: 1, mean: [1, 2] }, 'mean'],
    [type('f32', 'N', 'C', 'H', 'W'), { low: 0, high: 1, mean: [1, 2] }, 'mean'],
    [type('f32', 'N', 'H', 'W', 3), { low: 0, high: 1, std: [1, 2, 3] }, undefined],
    [type('f32', 'N', 80, 'T'), { low: 0, high: 1, std: Array.from({ length: 80 }, () => 2) }, undefined],
    [type('f32', 'N', 3), { low: 0, high: 1, std: [-1] }, 'std'],
    [type('u8', 'N', 3), { low: 0, high: 255, mean: [1] }, 'mean'],
  ] as const)('%o in %o', (of, range, part) => {
    expect(rangeProblem(of, range)?.part).toBe(part);
  });

  it('the nearest one that fits is offered', () => {
    expect(fittingRange('u8', { low: -3, high: 300 })).toEqual({ low: 0, high: 255 });
    expect(fittingRange('i64', { low: 0.5, high: 0 })).toEqual({ low: 0, high: 1 });
    expect(fittingRange('f32', { low: 1, high: 1 })).toEqual({ low: 1, high: 2 });
  });

  it('channels of pictures stand before the grid, or behind it, and are axis 1 elsewhere', () => {
    expect(channelAxis(type('f32', 'N', 3, 'H', 'W'))).toBe(1);
    expect(channelAxis(type('f32', 3, 'H', 'W'))).toBe(0);
    expect(channelAxis(type('f32', 'N', 'H', 'W', 1))).toBe(3);
    expect(channelAxis(type('f32', 'N', 1, 'W', 3))).toBe(3);
    expect(channelAxis(type('f32', 'N', 80, 'T'))).toBe(1);
    expect(channelAxis(type('f32', 10))).toBe(0);
  });
});
