/** Places of pictures by hand, as torch.nn.functional.grid_sample and affine_grid have them. */
import { describe, expect, it } from 'vitest';
import { importOnnx } from '../../src/import/import.ts';
import type { HostTensor } from '../../src/ir/types.ts';
import { typeText } from '../../src/ir/types.ts';
import { affineGridLayer } from '../../src/ops/affine-grid.ts';
import { gridSample } from '../../src/ops/grid-sample.ts';
import { fileOf, node, typed } from '../import/build.ts';
import { built, evaluated, failure, host, lowered, numbers } from './nn/tools.ts';

/** 0 1 2 / 3 4 5 / 6 7 8 */
const picture = host([1, 1, 3, 3], (i) => i);
const at = (attrs: Parameters<typeof evaluated>[2], ...places: readonly (readonly [number, number])[]): readonly number[] => {
  const grid: HostTensor = numbers([1, 1, places.length, 2], places.flat());
  return [...evaluated(gridSample, [picture, grid], attrs).data];
};

describe('grid_sample', () => {
  it('takes the last axis first, from edge to edge or from centre to centre', () => {
    expect(at({ align_corners: true }, [-1, -1], [1, -1], [-1, 1], [0, 0], [0.5, 0])).toEqual([0, 2, 6, 4, 4.5]);
    // The outer edge is half an element away from the centre: a quarter of the corner is left beside zeros.
    expect(at({}, [-1, -1], [1, 1], [0, 0], [2 / 3, 0])).toEqual([0, 2, 4, 5]);
    expect(at({ padding_mode: 'border' }, [-1, -1], [1, 1], [-7, 0], [2, 2])).toEqual([0, 8, 3, 8]);
  });
  it('rounds halves of nearest places to the even one', () => {
    // Places 0.5, 1.5 of the centres.
    expect(at({ mode: 'nearest', align_corners: true }, [-0.5, -1], [0.5, -1])).toEqual([0, 2]);
    expect(at({ mode: 'nearest' }, [-1.1, 0], [-1, 0])).toEqual([0, 3]);
  });
  it('reflects at edges, or at centres', () => {
    // One and a half elements behind the last centre: its neighbour's neighbour at the centres, between the last two at the
    // edges.
    expect(at({ padding_mode: 'reflection', align_corners: true, mode: 'nearest' }, [2, -1], [3, -1], [-2, -1])).toEqual([
      1, 0, 1,
    ]);
    expect(at({ padding_mode: 'reflection', mode: 'nearest' }, [4 / 3, 0], [2, 0], [-4 / 3, 0])).toEqual([5, 4, 3]);
  });
  it('weighs 16 elements where bicubic, those outside as the border, however far the place is', () => {
    const [inner = 0] = at({ mode: 'bicubic', align_corners: true }, [0, 0]);
    expect(inner).toBeCloseTo(4, 12);
    // Half an element in front of the first centre, with weights −0.09375, 0.59375, 0.59375, −0.09375 of 3, 3, 3, 4.
    const [edge = 0] = at({ mode: 'bicubic', padding_mode: 'border' }, [-1, 0]);
    expect(edge).toBeCloseTo(3 * 1.09375 - 4 * 0.09375, 12);
    const [zeros = 0] = at({ mode: 'bicubic' }, [-1, 0]);
    expect(zeros).toBeCloseTo(3 * 0.59375 - 4 * 0.09375, 12);
  });
  it('is written by the names of the opset', () => {
    const operands = ['f32[N, 3, H, W]', 'f32[N, 4, T, 2]'];
    const rest = (mode: string): string => `GridSample(x0 x1){mode=${mode} padding_mode=zeros align_corners=0}`;
    expect(lowered(gridSample, operands, {}, 16)).toEqual([rest('bilinear')]);
    expect(lowered(gridSample, operands, { mode: 'bicubic' }, 20)).toEqual([rest('cubic')]);
    expect(lowered(gridSample, operands, { mode: 'nearest' }, 22)).toEqual([rest('nearest')]);
  });
});

describe('a file', () => {
  const sampled = (opset: number, x: readonly (string | number)[], grid: readonly (string | number)[], mode: string) =>
    importOnnx(
      fileOf(
        { inputs: { x: typed('f32', x), g: typed('f32', grid) }, outputs: ['y'] },
        [node('GridSample', 'x, g -> y', { mode })],
        opset,
      ),
    );
  it('has the operator by the names of its opset, or a node of its own', () => {
    const [picture, places] = [
      ['N', 3, 8, 8],
      ['N', 4, 'W', 2],
    ];
    for (const [opset, mode] of [
      [16, 'bicubic'],
      [20, 'cubic'],
      [22, 'linear'],
    ] as const)
      expect(sampled(opset, picture ?? [], places ?? [], mode).graph.first?.op.name).toBe('grid_sample');
    expect(sampled(20, ['N', 3, 8, 8, 8], ['N', 4, 4, 4, 3], 'linear').foreign).toEqual([]);
    // Of volumes below opset 20, which could not be written back, and of a mode that ONNX has not.
    expect(sampled(16, ['N', 3, 8, 8, 8], ['N', 4, 4, 4, 3], 'bilinear').foreign.length).toBe(1);
    expect(sampled(20, picture ?? [], places ?? [], 'lanczos').foreign.length).toBe(1);
  });
});

describe('affine_grid', () => {
  const identity = numbers([1, 2, 3], [1, 0, 0, 0, 1, 0]);
  const places = (theta: HostTensor, to: readonly number[], align_corners = false): readonly number[] => [
    ...built(affineGridLayer, [`f32[${theta.dims.join(', ')}]`], { to, align_corners }).run([theta]).data,
  ];
  it('is the centres of the elements under the identity, which gives the picture back', () => {
    expect(places(identity, [1, 2])).toEqual([-0.5, 0, 0.5, 0]);
    expect(places(identity, [2, 3], true)).toEqual([-1, -1, 0, -1, 1, -1, -1, 1, 0, 1, 1, 1]);
    const grid = numbers([1, 3, 3, 2], places(identity, [3, 3]));
    evaluated(gridSample, [picture, grid]).data.forEach((v, i) => {
      expect(v).toBeCloseTo(i, 12);
    });
  });
  it('turns, shears and moves', () => {
    // x' = −y + 10, y' = x + 20 at the centres ±1/2 of both axes.
    const theta = numbers([1, 2, 3], [0, -1, 10, 1, 0, 20]);
    expect(places(theta, [2, 2])).toEqual([10.5, 19.5, 10.5, 20.5, 9.5, 19.5, 9.5, 20.5]);
  });
  it('has three axes for maps of three', () => {
    const theta = numbers([1, 3, 4], [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0]);
    expect(places(theta, [2, 1, 1])).toEqual([0, 0, -0.5, 0, 0, 0.5]);
    expect(typeText(built(affineGridLayer, ['f32[N, 3, 4]'], { to: [2, 4, 8] }).y.type)).toBe('f32[N, 2, 4, 8, 3]');
  });
  it('refuses what is no map', () => {
    for (const type of ['f32[N, 3]', 'f32[N, 2, 4]', 'f32[N, 4, 5]', 'i64[N, 2, 3]'])
      expect(failure(() => built(affineGridLayer, [type], { to: [4, 4] })).label).toBe('l1');
    expect(failure(() => built(affineGridLayer, ['f32[N, 2, 3]'], { to: [4] })).label).toBe('l2');
    expect(failure(() => built(affineGridLayer, ['f32[N, 2, 3]'], { to: [4, 0] })).label).toBe('l3');
  });
});
