/** Masks: the class of each pixel against plain loops, layouts, thresholds, and the file. */
import { describe, expect, it } from 'vitest';
import type { HostTensor } from '../../src/ir/types.ts';
import { classColour } from '../../src/runtime/class-colour.ts';
import { decodeImage } from '../../src/runtime/images.ts';
import { isMask, legendOf, maskPng, masksOf } from '../../src/runtime/masks.ts';

const tensor = (elem: HostTensor['elem'], dims: readonly number[], data: readonly number[]): HostTensor => ({
  elem,
  dims,
  data: Float64Array.from(data),
});
const classes = (t: HostTensor, threshold?: number, like?: readonly [number, number]) =>
  masksOf(t, threshold, like)?.masks.map((mask) => [...mask.classes]);

describe('masks', () => {
  it('are the largest channel, the first of equal ones; what is no number loses', () => {
    // Three classes on 1 × 4 pixels, two pictures.
    const scores = tensor('f32', [2, 3, 1, 4], [0, 5, 1, NaN, 1, 5, 0, NaN, 2, 4, 1, 3, 9, 0, 0, 0, 0, 0, 9, 0, 0, 9, 0, NaN]);
    expect(classes(scores)).toEqual([
      [2, 0, 0, 2],
      [0, 2, 1, 0],
    ]);
    expect(masksOf(scores)?.how).toBe('the largest of 3 channels');
  });
  it('have channels behind where that is the shape of the picture', () => {
    const behind = tensor('f32', [1, 2, 3, 2], [0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0]);
    expect(classes(behind, undefined, [2, 3])).toEqual([[1, 0, 1, 0, 1, 0]]);
    const front = tensor(
      'f32',
      [1, 21, 8, 8],
      Array.from({ length: 21 * 64 }, (_, i) => (i >= 20 * 64 ? 1 : 0)),
    );
    expect(classes(front, undefined, [64, 64])?.[0]?.every((c) => c === 20)).toBe(true);
    expect(classes(front)?.[0]?.every((c) => c === 20)).toBe(true);
  });
  it('of one channel are what is above a threshold: of probabilities, of scores, of one that is given', () => {
    expect(classes(tensor('f32', [1, 1, 1, 3], [0.2, 0.5, 0.7]))).toEqual([[0, 0, 1]]);
    expect(classes(tensor('f32', [1, 1, 1, 3], [-2, 0.2, 3]))).toEqual([[0, 1, 1]]);
    expect(classes(tensor('f32', [1, 1, 1, 3], [-2, 0.2, 3]), 1)).toEqual([[0, 0, 1]]);
    expect(classes(tensor('f32', [1, 3], [0.2, 0.5, 0.7]))).toEqual([[0, 0, 1]]);
    expect(classes(tensor('bool', [1, 3], [0, 1, 1]))).toEqual([[0, 1, 1]]);
  });
  it('of whole numbers are classes', () => {
    expect(classes(tensor('i64', [2, 1, 2], [0, 7, 3, 3]))).toEqual([
      [0, 7],
      [3, 3],
    ]);
    expect(classes(tensor('i64', [1, 1, 2], [0, 256]))).toBeUndefined();
    expect(classes(tensor('i64', [1, 1, 2], [0, -1]))).toBeUndefined();
  });
  it('other shapes hold none', () => {
    expect(masksOf(tensor('f32', [5], [1, 2, 3, 4, 5]))).toBeUndefined();
    expect(masksOf(tensor('f32', [1, 257, 1, 1], Array<number>(257).fill(0)))).toBeUndefined();
    expect(masksOf(tensor('f32', [1, 3, 0, 4], []))).toBeUndefined();
  });
  it('are meant where a picture cannot be', () => {
    const of = (channels: number) => isMask(tensor('f32', [1, channels, 2, 2], Array<number>(channels * 4).fill(0)), [2, 2]);
    expect([1, 2, 3, 4, 5, 21].map(of)).toEqual([false, true, false, false, true, true]);
  });
  it('are files whose colours are those of VOC, with the shares beside', async () => {
    const [mask] = masksOf(tensor('i64', [1, 2, 2], [0, 1, 1, 2]))?.masks ?? [];
    if (!mask) throw new Error('no mask');
    const file = await maskPng(mask);
    // Colour type 3 with 8 bits: the index of a pixel is its class.
    expect([file[24], file[25]]).toEqual([8, 3]);
    const { data } = await decodeImage(file, 'mask.png');
    expect([...data]).toEqual([0, 1, 1, 2].flatMap((c) => [...classColour(c)]));
    expect(legendOf(mask).map(({ index, share }) => [index, share])).toEqual([
      [1, 0.5],
      [0, 0.25],
      [2, 0.25],
    ]);
  });
  it('colours: VOClabelcolormap', () => {
    expect([0, 1, 2, 3, 8, 15, 20, 255].map(classColour)).toEqual([
      [0, 0, 0],
      [128, 0, 0],
      [0, 128, 0],
      [128, 128, 0],
      [64, 0, 0],
      [192, 128, 128],
      [0, 64, 128],
      [224, 224, 192],
    ]);
  });
});
