import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { DiagnosticError } from '../../src/diagnostics/diagnostic.ts';
import { Dim } from '../../src/ir/dim.ts';
import type { ElemType, TensorType } from '../../src/ir/types.ts';
import {
  decodeImage,
  type Image,
  imageInput,
  isOtherPicture,
  likelyRange,
  pngFiles,
  resizeImage,
} from '../../src/runtime/images.ts';
import { parseNpy } from '../../src/runtime/npy.ts';
import { readImage } from '../../src/runtime/read-file.ts';

const path = (name: string): string => fileURLToPath(new URL(`../fixtures/runtime/${name}`, import.meta.url));
const bytesOf = (name: string): Uint8Array => readFileSync(path(name));
const expected = (name: string): readonly number[] => [...parseNpy(bytesOf(name), name).data];
const type = (elem: ElemType, ...dims: readonly (number | string)[]): TensorType => ({
  elem,
  dims: dims.map((d) => (typeof d === 'number' ? Dim.of(d) : Dim.symbol(d))),
});

async function codesOf(run: () => unknown): Promise<readonly string[]> {
  try {
    await run();
  } catch (error) {
    if (error instanceof DiagnosticError) return error.diagnostics.map((d) => d.code);
    throw error;
  }
  return [];
}

describe('decoding as Pillow does', () => {
  it('reads PNG to the byte', async () => {
    const image = await readImage(path('picture.png'));
    expect([image.width, image.height]).toEqual([53, 37]);
    expect([...image.data]).toEqual(expected('picture.npy'));
  });

  it('drops alpha, spreads grey, and looks palettes up', async () => {
    expect([...(await readImage(path('alpha.png'))).data]).toEqual(expected('picture.npy'));
    expect([...(await readImage(path('palette.png'))).data]).toEqual(expected('palette.npy'));
    const grey = await readImage(path('grey.png'));
    expect([...grey.data].filter((_, i) => i % 3 === 1)).toEqual(expected('grey.npy'));
  });

  it.each([
    ['picture.jpg', 'picture-jpg.npy'],
    ['420.jpg', '420-jpg.npy'],
    ['422-progressive.jpg', '422-progressive-jpg.npy'],
    ['restarts.jpg', 'restarts-jpg.npy'],
    ['grey.jpg', 'grey-jpg.npy'],
  ])('reads JPEG to the byte: %s', async (name, npy) => {
    const image = await readImage(path(name));
    expect([image.width, image.height]).toEqual([53, 37]);
    expect([...image.data]).toEqual(expected(npy));
  });

  it('leaves no globals of the JPEG decoder behind', async () => {
    await readImage(path('420.jpg'));
    expect('ImageData' in globalThis).toBe(false);
  });

  it('reports what is damaged or no picture', async () => {
    expect(await codesOf(() => readImage(path('no-such.png')))).toEqual(['RES0701']);
    expect(await codesOf(() => readImage(path('f32.npy')))).toEqual(['RES0822']);
    expect(await codesOf(() => decodeImage(new Uint8Array(), 'empty.png'))).toEqual(['RES0822']);
    for (const name of ['picture.png', 'picture.jpg']) {
      const whole = bytesOf(name);
      for (const part of [9, 20, 40, whole.length >> 1]) {
        expect(await codesOf(() => decodeImage(whole.subarray(0, part), name)), `${name} cut at ${part}`).toEqual(['RES0823']);
      }
    }
    const huge = bytesOf('picture.png').slice();
    huge.set([0x7f, 0xff, 0xff, 0xff], 16);
    expect(await codesOf(() => decodeImage(huge, 'huge.png'))).toEqual(['RES0823']);
  });
});

describe('resizing as Pillow and torchvision do', () => {
  it.each([
    ['resized-20x31.npy', 31, 20],
    ['resized-80x70.npy', 70, 80],
  ] as const)('%s to the byte', async (name, width, height) => {
    const image = await readImage(path('picture.png'));
    expect([...resizeImage(image, width, height).data]).toEqual(expected(name));
  });

  it('cuts out the middle after the shorter side was scaled', async () => {
    const image = await readImage(path('picture.png'));
    const tensor = imageInput(image, type('u8', 1, 21, 21, 3), { resize: 24 });
    expect([...tensor.data]).toEqual(expected('torchvision-24-21.npy'));
    expect([...imageInput(image, type('u8', 1, 21, 21, 3), { resize: true }).data]).toEqual([...tensor.data]);
  });
});

describe('pictures as inputs', () => {
  const tiny: Image = { name: 'tiny.png', width: 2, height: 1, data: Uint8Array.of(0, 51, 102, 255, 204, 153) };

  it('scales, subtracts the mean and divides by the deviation, channels first', () => {
    const tensor = imageInput(tiny, type('f32', 'N', 3, 'H', 'W'), { mean: [0, 0.2, 0.4], std: [0.5] });
    expect(tensor.dims).toEqual([1, 3, 1, 2]);
    expect([...tensor.data]).toEqual([0, 2, 0, 1.2, 0, 0.4].map(Math.fround));
  });

  it('keeps bytes, channels last', () => {
    expect(imageInput([tiny, tiny], type('u8', 'N', 'H', 'W', 3))).toEqual({
      elem: 'u8',
      dims: [2, 1, 2, 3],
      data: Float64Array.of(0, 51, 102, 255, 204, 153, 0, 51, 102, 255, 204, 153),
    });
  });

  it('makes grey of colours as Pillow does', async () => {
    const image = await readImage(path('picture.png'));
    expect([...imageInput(image, type('u8', 1, 37, 53, 1)).data]).toEqual(expected('grey.npy'));
  });

  it('reports what does not fit', async () => {
    const fits = (t: TensorType, options = {}) => codesOf(() => imageInput(tiny, t, options));
    expect(await fits(type('f32', 1, 3, 224, 224))).toEqual(['RES0824']);
    expect(await fits(type('f32', 1, 10))).toEqual(['RES0825']);
    expect(await fits(type('i64', 1, 3, 1, 2))).toEqual(['RES0825']);
    expect(await fits(type('f32', 2, 3, 1, 2))).toEqual(['RES0813']);
    expect(await fits(type('f32', 1, 3, 1, 2), { mean: [1, 2] })).toEqual(['RES0826']);
    expect(await fits(type('f32', 1, 3, 1, 2), { std: [0] })).toEqual(['RES0826']);
    expect(await fits(type('u8', 1, 1, 2, 3), { mean: [0.5] })).toEqual(['RES0826']);
    const promised: TensorType = { elem: 'f32', dims: [Dim.of(1), Dim.of(3), Dim.of(1), Dim.symbol('W', 32).times(32)] };
    expect(await fits(promised)).toEqual(['RES0824']);
    expect(await codesOf(() => imageInput([tiny, { ...tiny, width: 1, height: 2 }], type('f32', 'N', 3, 'H', 'W')))).toEqual([
      'RES0824',
    ]);
  });
});

describe('pictures as outputs', () => {
  it('writes PNG that reads back', async () => {
    const image = await readImage(path('picture.png'));
    const tensor = imageInput(image, type('f32', 1, 3, 37, 53));
    const [file] = await pngFiles(tensor, 'y');
    expect([...(await decodeImage(file ?? new Uint8Array(), 'y.png')).data]).toEqual([...image.data]);
  });

  it('writes one file per element of the batch, clips, and takes grey', async () => {
    const files = await pngFiles({ elem: 'f32', dims: [2, 1, 1, 2], data: Float64Array.of(-1, 0.5, 2, Number.NaN) }, 'y');
    const read = await Promise.all(files.map((file) => decodeImage(file, 'y.png')));
    expect(read.map((image) => [...image.data])).toEqual([
      [0, 0, 0, 128, 128, 128],
      [255, 255, 255, 0, 0, 0],
    ]);
  });

  it('refuses what is no picture', async () => {
    expect(await codesOf(() => pngFiles({ elem: 'f32', dims: [1, 10], data: new Float64Array(10) }, 'logits'))).toEqual([]);
    expect(await codesOf(() => pngFiles({ elem: 'f32', dims: [7, 5, 9], data: new Float64Array(315) }, 'y'))).toEqual([
      'RES0827',
    ]);
    expect(await codesOf(() => pngFiles({ elem: 'f32', dims: [10], data: new Float64Array(10) }, 'y'))).toEqual(['RES0827']);
  });
});

describe('what messages propose', () => {
  it.each([
    ['GIF89a', true],
    ['BM\x8a\0\0\0\0\0\0\0', true],
    ['RIFF\x01\x02\0\0WEBPVP8 ', true],
    ['II*\0', true],
    ['MM\0*', true],
    ['\0\0\0\x1cftypavif', true],
    ['\0\0\0\x18ftypheic', true],
    ['P6\n3 2', true],
    ['<svg xmlns', true],
    ['BMW is no picture', false],
    ['model Net { input', false],
    ['PK\x03\x04', false],
    ['\0\0\0\x18ftypmp42', false],
  ])('%j is a picture of another format: %s', (text, is) => {
    expect(isOtherPicture(Uint8Array.from(text, (unit) => unit.charCodeAt(0)))).toBe(is);
  });

  it.each([
    [0, 0.9, 0, 1],
    [-0.8, 1, -1, 1],
    [0, 252, 0, 255],
    [-12, 260, 0, 255],
    [-609.7, 495.8, -700, 700],
    [0, 3000, 0, 3000],
    [0, 65_535, 0, 70_000],
    [-2, 1.5, -2, 2],
  ])('numbers from %d to %d are shown in %d..%d', (low, high, least, most) => {
    expect(likelyRange({ low, high })).toEqual({ low: least, high: most });
  });
});
