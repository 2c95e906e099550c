/** Boxes: which outputs hold them, scores and backgrounds, suppression, and where they lie on the picture. */
import { describe, expect, it } from 'vitest';
import type { HostTensor } from '../../src/ir/types.ts';
import { boxesOf, boxLines, boxOutputs } from '../../src/runtime/boxes.ts';
import { boxesSvg, drawBoxes } from '../../src/runtime/draw-boxes.ts';

const tensor = (elem: HostTensor['elem'], dims: readonly number[], data: readonly number[] = []): HostTensor => ({
  elem,
  dims,
  data: data.length > 0 ? Float64Array.from(data) : new Float64Array(dims.reduce((a, b) => a * b, 1)),
});
const plain = { input: [100, 200] as const, placed: { left: 0, top: 0, scaleX: 1, scaleY: 1 } };

describe('which outputs hold boxes', () => {
  const of = (outputs: Readonly<Record<string, HostTensor>>) => boxOutputs(new Map(Object.entries(outputs)));
  it('by name and by shape', () => {
    expect(of({ boxes: tensor('f32', [7, 4]), labels: tensor('i64', [7]), scores: tensor('f32', [7]) })).toEqual({
      boxes: 'boxes',
      labels: 'labels',
      scores: 'scores',
    });
    // Names of the ONNX model zoo's Faster R-CNN.
    expect(of({ 6379: tensor('f32', [7, 4]), 6381: tensor('i64', [7]), 6383: tensor('f32', [7]) })).toEqual({
      boxes: '6379',
      labels: '6381',
      scores: '6383',
    });
    expect(of({ scores: tensor('f32', [1, 9, 4]), boxes: tensor('f32', [1, 9, 4]) })).toEqual({
      boxes: 'boxes',
      labels: undefined,
      scores: 'scores',
    });
    expect(of({ boxes: tensor('f32', [0, 4]), scores: tensor('f32', [0]) })?.boxes).toBe('boxes');
  });
  it('or none do', () => {
    expect(of({ logits: tensor('f32', [1, 4]) })).toBeUndefined();
    expect(of({ y: tensor('f32', [1, 3, 8, 4]) })).toBeUndefined();
    expect(of({ ids: tensor('i64', [7, 4]) })).toBeUndefined();
  });
});

describe('what is found', () => {
  const corners = [10, 10, 50, 50, 12, 10, 50, 50, 60, 60, 90, 90];
  it('keeps what is above the threshold, best first, and suppresses nothing where the network did', () => {
    const outputs = new Map([
      ['boxes', tensor('f32', [3, 4], corners)],
      ['scores', tensor('f32', [3], [0.6, 0.9, 0.4])],
      ['labels', tensor('i64', [3], [1, 1, 2])],
    ]);
    const which = boxOutputs(outputs);
    if (!which) throw new Error('none');
    const { boxes, how } = boxesOf(outputs, which, 0, plain);
    expect(boxes.map(({ score, index }) => [score, index])).toEqual([
      [0.9, 1],
      [0.6, 1],
    ]);
    expect(how).toEqual(['scores of at least 0.5']);
    expect(boxesOf(outputs, which, 0, plain, { overlap: 0.5 }).boxes).toHaveLength(1);
    expect(boxesOf(outputs, which, 0, plain, { threshold: 0.1 }).boxes).toHaveLength(3);
  });
  it('a row per anchor is suppressed class by class, the background left out', () => {
    const outputs = new Map([
      ['boxes', tensor('f32', [2, 3, 4], [...corners, ...corners])],
      ['scores', tensor('f32', [2, 3, 3], [0.1, 0.9, 0, 0.2, 0.8, 0, 0.3, 0, 0.7, 1, 0, 0, 1, 0, 0, 0, 0.6, 0.4])],
    ]);
    const which = boxOutputs(outputs);
    if (!which) throw new Error('none');
    const first = boxesOf(outputs, which, 0, plain);
    expect(first.boxes.map(({ index, corners: [left] }) => [index, left])).toEqual([
      [1, 10],
      [2, 60],
    ]);
    expect(first.how).toContain('class 0 is the background');
    expect(boxesOf(outputs, which, 1, plain).boxes.map(({ index, corners: [left] }) => [index, left])).toEqual([[1, 60]]);
    expect(boxesOf(outputs, which, 0, plain, { overlap: 0.99 }).boxes).toHaveLength(3);
  });
  it('logits go through a softmax, one score through a sigmoid, and scores of their own have no background', () => {
    const boxes = tensor('f32', [1, 1, 4], [10, 10, 50, 50]);
    const score = (scores: HostTensor): readonly (readonly [number | undefined, string])[] => {
      const outputs = new Map([
        ['boxes', boxes],
        ['scores', scores],
      ]);
      const which = boxOutputs(outputs);
      return which
        ? boxesOf(outputs, which, 0, plain, { threshold: 0 }).boxes.map((b) => [b.index, (b.score ?? 0).toFixed(4)])
        : [];
    };
    expect(score(tensor('f32', [1, 1, 2], [0, 2]))).toEqual([[1, (1 / (1 + Math.exp(-2))).toFixed(4)]]);
    expect(score(tensor('f32', [1, 1], [3]))).toEqual([[undefined, (1 / (1 + Math.exp(-3))).toFixed(4)]]);
    expect(score(tensor('f32', [1, 1, 2], [0.9, 0.8]))).toEqual([
      [0, '0.9000'],
      [1, '0.8000'],
    ]);
  });
  it('fractions, and pixels of a picture that was scaled and cut, lie on the picture', () => {
    const placed = { left: 28, top: 0, scaleX: 0.5, scaleY: 0.5 };
    const at = (data: readonly number[]) => {
      const outputs = new Map([['boxes', tensor('f32', [1, 4], data)]]);
      return boxesOf(outputs, { boxes: 'boxes', scores: undefined, labels: undefined }, 0, { input: [100, 200], placed }).boxes[0]
        ?.corners;
    };
    expect(at([0, 0, 0.5, 1])).toEqual([56, 0, 256, 200]);
    expect(at([0, 0, 100, 100])).toEqual([56, 0, 256, 200]);
  });
});

describe('what is drawn', () => {
  const image = { name: 'x.png', width: 40, height: 30, data: new Uint8Array(40 * 30 * 3).fill(200) };
  const box = { corners: [5, 10, 30, 25] as const, score: 0.5, index: 1 };
  it('lines inside the box, and nothing elsewhere but the number', () => {
    const data = drawBoxes(image, [box]);
    const pixel = (x: number, y: number) => [...data.subarray((y * 40 + x) * 3, (y * 40 + x) * 3 + 3)];
    expect(pixel(5, 20)).not.toEqual([200, 200, 200]);
    expect(pixel(29, 24)).toEqual(pixel(5, 20));
    expect(pixel(15, 18)).toEqual([200, 200, 200]);
    expect(pixel(30, 20)).toEqual([200, 200, 200]);
    expect(pixel(35, 2)).toEqual([200, 200, 200]);
    // The picture that was given stays as it is.
    expect(image.data.every((v) => v === 200)).toBe(true);
    expect(drawBoxes(image, [{ ...box, corners: [-50, -50, 500, 500] }])).toHaveLength(data.length);
    expect(drawBoxes(image, [{ ...box, corners: [100, 100, 120, 120] }])).toEqual(image.data);
  });
  it('an SVG escapes names', () => {
    const svg = boxesSvg(image, new Uint8Array(3), [box], ['', '<cat & "dog">']);
    expect(svg).toContain('&#60;cat &#38; &#34;dog&#34;&#62; 0.50');
    expect(svg).toContain('<rect x="5" y="10" width="25" height="15"');
  });
  it('the list on a terminal has an end', () => {
    expect(boxLines([box])).toEqual(['1  class 1 0.50  5.0, 10.0, 30.0, 25.0']);
    const many = boxLines(Array.from({ length: 4000 }, () => box));
    expect(many).toHaveLength(101);
    expect(many.at(-1)).toBe('… and 3900 more');
  });
});
