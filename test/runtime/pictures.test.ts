/** Damaged pictures in our words, Exif's orientation, and pictures in and out of the range that a model declares. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { compile } from '../../src/compile.ts';
import { type Diagnostic, DiagnosticError } from '../../src/diagnostics/diagnostic.ts';
import { Dim } from '../../src/ir/dim.ts';
import type { ElemType, TensorType } from '../../src/ir/types.ts';
import { decodeImage, type Image, imageInput, pngFiles } from '../../src/runtime/images.ts';
import { npyBytes } from '../../src/runtime/npy.ts';
import { orient } from '../../src/runtime/picture-files.ts';
import { outputPictures, type RunOptions, type RunResult, runModel } from '../../src/runtime/run-model.ts';
import { folder as madeFolder } from '../cli/rescc.ts';

const made: ReturnType<typeof madeFolder>[] = [];
afterAll(() => {
  for (const one of made) one.remove();
});
function folder(files: Parameters<typeof madeFolder>[0]): ReturnType<typeof madeFolder> {
  const one = madeFolder(files);
  made.push(one);
  return one;
}

const path = (name: string): string => fileURLToPath(new URL(`../fixtures/runtime/${name}`, import.meta.url));
const bytesOf = (name: string): Uint8Array => new Uint8Array(readFileSync(path(name)));
const type = (elem: ElemType, ...dims: readonly (number | string)[]): TensorType => ({
  elem,
  dims: dims.map((d) => (typeof d === 'number' ? Dim.of(d) : Dim.symbol(d))),
});

async function foundOf(run: () => unknown): Promise<readonly string[]> {
  try {
    await run();
  } catch (error) {
    if (error instanceof DiagnosticError) return error.diagnostics.map((d) => `${d.code}: ${d.found}`);
    throw error;
  }
  return [];
}

const concat = (...parts: readonly (Uint8Array | readonly number[])[]): Uint8Array =>
  Uint8Array.from(parts.flatMap((p) => [...p]));
const be16 = (n: number): readonly number[] => [n >> 8, n & 255];

/** A JPEG with an Exif segment behind its first marker. */
function withOrientation(jpeg: Uint8Array, orientation: number, little: boolean): Uint8Array {
  const u16 = (n: number): readonly number[] => (little ? [n & 255, n >> 8] : be16(n));
  const u32 = (n: number): readonly number[] => (little ? [n, 0, 0, 0] : [0, 0, 0, n]);
  const order = little ? [0x49, 0x49] : [0x4d, 0x4d];
  // Another entry before it, as cameras have.
  const other = [...u16(0x010f), ...u16(2), ...u32(2), ...u32(0)];
  const entry = [...u16(0x0112), ...u16(3), ...u32(1), ...u16(orientation), 0, 0];
  const tiff = [...order, ...u16(42), ...u32(8), ...u16(2), ...other, ...entry, ...u32(0)];
  const content = [0x45, 0x78, 0x69, 0x66, 0, 0, ...tiff];
  return concat(jpeg.subarray(0, 2), [0xff, 0xe1, ...be16(content.length + 2)], content, jpeg.subarray(2));
}

describe('Exif orientation', () => {
  // Two rows of three pixels, each one byte three times: 1 2 3 / 4 5 6.
  const data = Uint8Array.from([1, 2, 3, 4, 5, 6].flatMap((v) => [v, v, v]));
  // From PIL.ImageOps.exif_transpose.
  it.each([
    [1, '1 2 3 / 4 5 6'],
    [2, '3 2 1 / 6 5 4'],
    [3, '6 5 4 / 3 2 1'],
    [4, '4 5 6 / 1 2 3'],
    [5, '1 4 / 2 5 / 3 6'],
    [6, '4 1 / 5 2 / 6 3'],
    [7, '6 3 / 5 2 / 4 1'],
    [8, '3 6 / 2 5 / 1 4'],
  ] as const)('%i shows %s', (orientation, shown) => {
    const out = orient(3, 2, data, orientation);
    const rows = Array.from({ length: out.height }, (_, y) =>
      Array.from({ length: out.width }, (_, x) => out.data[(y * out.width + x) * 3]).join(' '),
    );
    expect(rows.join(' / ')).toBe(shown);
  });

  it.each([true, false])('is read in both byte orders, and said (little: %s)', async (little) => {
    const plain = await decodeImage(bytesOf('picture.jpg'), 'a.jpg');
    const turned = await decodeImage(withOrientation(bytesOf('picture.jpg'), 6, little), 'a.jpg');
    expect(turned.turned).toBe('turned by 90° to the right');
    expect([turned.width, turned.height]).toEqual([plain.height, plain.width]);
    expect(turned.data).toEqual(orient(plain.width, plain.height, plain.data, 6).data);
    const left = await decodeImage(withOrientation(bytesOf('picture.jpg'), 1, little), 'a.jpg');
    expect(left.turned).toBeUndefined();
    for (const strange of [0, 9, 255]) {
      expect((await decodeImage(withOrientation(bytesOf('picture.jpg'), strange, little), 'a.jpg')).turned).toBeUndefined();
    }
  });
});

describe('damage is told in our words', () => {
  const words =
    /^RES0823: (the file ends|the chunk|no chunk|no marker|the scan|a JPEG|its compressed pixels are damaged|the data of)/;

  it.each(['picture.png', 'palette.png', 'picture.jpg'])('%s, cut off anywhere', async (name) => {
    const whole = bytesOf(name);
    for (let length = 24; length < whole.length; length += 1 + (length >> 4)) {
      const found = await foundOf(() => decodeImage(whole.subarray(0, length), name));
      expect(found[0], `${name} of ${length} bytes`).toMatch(words);
    }
    for (const short of [1, 2, 3]) {
      const found = await foundOf(() => decodeImage(whole.subarray(0, whole.length - short), name));
      expect(found[0]).toMatch(words);
    }
  });

  it('a changed byte of a PNG shows in the checksum of its chunk', async () => {
    const png = bytesOf('picture.png');
    for (let at = 8; at < png.length; at += 37) {
      const broken = png.slice();
      broken[at] = (broken[at] ?? 0) ^ 0x10;
      const found = await foundOf(() => decodeImage(broken, 'a.png'));
      expect(found[0], `byte ${at}`).toMatch(words);
    }
  });

  it('whatever is done to a JPEG, it is read or refused so', async () => {
    const jpeg = bytesOf('picture.jpg');
    for (let at = 3; at < jpeg.length; at += 7) {
      for (const value of [0x00, 0xff]) {
        const broken = jpeg.slice();
        broken[at] = value;
        const found = await foundOf(() => decodeImage(broken, 'a.jpg'));
        if (found.length > 0)
          expect(found[0], `byte ${at}`).toMatch(/^RES0823: (the file|no marker|the scan|a JPEG|the data|more than)/);
      }
    }
  });

  it('says which kinds of JPEG are not decoded', async () => {
    const jpeg = bytesOf('picture.jpg');
    const frame = jpeg.findIndex((b, i) => b === 0xff && (jpeg[i + 1] === 0xc0 || jpeg[i + 1] === 0xc2));
    const lossless = jpeg.slice();
    lossless[frame + 1] = 0xc3;
    expect(await foundOf(() => decodeImage(lossless, 'a.jpg'))).toEqual([
      'RES0823: a JPEG that is lossless, a kind that is not decoded',
    ]);
    const deep = jpeg.slice();
    deep[frame + 4] = 12;
    expect((await foundOf(() => decodeImage(deep, 'a.jpg')))[0]).toContain('12 bits per sample');
  });

  it('says of a picture in printing inks that it is not decoded', async () => {
    expect(await foundOf(() => decodeImage(bytesOf('inks.jpg'), 'a.jpg'))).toEqual([
      'RES0823: a JPEG in four inks (CMYK), a kind that is not decoded',
    ]);
  });

  it('says the size of a JPEG that is too large, without decoding it', async () => {
    const jpeg = bytesOf('picture.jpg').slice();
    const frame = jpeg.findIndex((b, i) => b === 0xff && jpeg[i + 1] === 0xc0);
    jpeg.set([0xff, 0xff, 0xff, 0xfe], frame + 5);
    expect(await foundOf(() => decodeImage(jpeg, 'a.jpg'))).toEqual(['RES0823: 65534 x 65535 pixels']);
  });

  it('bytes behind the picture do no harm', async () => {
    for (const name of ['picture.png', 'picture.jpg']) {
      const image = await decodeImage(concat(bytesOf(name), [1, 2, 3]), name);
      expect(image.width).toBe(53);
    }
  });
});

describe('pictures in a declared range', () => {
  const tiny: Image = { name: 'tiny.png', width: 2, height: 1, data: Uint8Array.of(0, 51, 102, 255, 204, 153) };
  const values = (range: RunOptions['mean'] extends never ? never : Parameters<typeof imageInput>[2], elem: ElemType = 'f32') => [
    ...imageInput(tiny, type(elem, 1, 3, 1, 2), range).data,
  ];

  it('become what the range says', () => {
    expect(values({ range: { low: 0, high: 255 } })).toEqual([0, 255, 51, 204, 102, 153]);
    expect(values({ range: { low: -1, high: 1 } })).toEqual([-1, 1, -0.6, 0.6, -0.2, 0.2].map(Math.fround));
    expect(values({ range: { low: 0, high: 1, mean: [0, 0.2, 0.4], std: [0.5] } })).toEqual(
      [0, 2, 0, 1.2, 0, 0.4].map(Math.fround),
    );
    expect(values({ range: { low: 0, high: 255, mean: [51], std: [51] } })).toEqual([-1, 4, 0, 3, 1, 2]);
    expect(values({ range: { low: 0, high: 15 } }, 'u8')).toEqual([0, 15, 3, 12, 6, 9]);
    expect(values({ range: { low: 0, high: 255 } }, 'i32')).toEqual([0, 255, 51, 204, 102, 153]);
  });

  it('what is asked for on the command line wins', () => {
    expect(values({ range: { low: 0, high: 1, mean: [0.5], std: [0.5] }, mean: [0], std: [1] })[1]).toBe(1);
  });

  it('come back as they went in', async () => {
    for (const range of [
      { low: 0, high: 255 },
      { low: -1, high: 1 },
      { low: -3, high: 7.5 },
    ]) {
      const [file] = await pngFiles(imageInput(tiny, type('f32', 1, 3, 1, 2), { range }), 'y', range);
      expect((await decodeImage(file ?? new Uint8Array(), 'y.png')).data).toEqual(tiny.data);
    }
  });
});

async function warningsOf(result: Promise<RunResult>): Promise<readonly Diagnostic[]> {
  return (await result).warnings;
}

describe('a model with ranges and promises', () => {
  const source = `model M {
  input image: f32[N, 3, H, W] in 0..255
  assert H % 2 == 0
  output y = image -> maxpool(1x1)
  output grey = image[:, 0:1]
}`;
  const picture = path('picture.png');

  async function model(text = source): Promise<Pick<RunOptions, 'model' | 'graph'>[]> {
    const { bytes, graph } = await compile(text);
    const onnx = await bytes();
    return [{ model: onnx, graph }, { model: onnx }];
  }

  it('gives the same picture back, from the source and from the file', async () => {
    for (const one of await model(source.replace('assert H % 2 == 0', ''))) {
      const result = await runModel({ ...one, inputs: [`image=${picture}`] });
      const { files, text, warning } = await outputPictures(result, 'y');
      expect(text).toBe('black is 0 and white 255, as input image declares');
      expect(warning).toBeUndefined();
      expect((await decodeImage(files[0] ?? new Uint8Array(), 'y.png')).data).toEqual(
        (await decodeImage(bytesOf('picture.png'), 'p')).data,
      );
      // Another number of channels is another picture.
      expect(result.ranges.has('grey')).toBe(false);
      expect((await outputPictures(result, 'grey')).warning?.code).toBe('RES0839');
    }
  });

  it('an output has a range of its own', async () => {
    for (const one of await model(source.replace('output y', 'output y in 0..510').replace('assert H % 2 == 0', ''))) {
      const result = await runModel({ ...one, inputs: [`image=${picture}`] });
      expect(result.ranges.get('y')).toEqual({ range: { low: 0, high: 510 }, by: 'output y' });
    }
  });

  it('refuses pictures and tensors that break a promise', async () => {
    const odd = folder({ 'odd.npy': npyBytes({ elem: 'f32', dims: [1, 3, 5, 4], data: new Float64Array(60) }) });
    for (const one of await model()) {
      expect(await foundOf(() => runModel({ ...one, inputs: [picture] }))).toEqual([
        'RES0824: 37 x 53, where H has to be a multiple of 2',
      ]);
      expect(await foundOf(() => runModel({ ...one, inputs: [join(odd.path, 'odd.npy')] }))).toEqual([
        'RES0837: H = 5 in f32[1, 3, 5, 4]',
      ]);
    }
  });

  it('warns of numbers outside of the range, and of no others', async () => {
    const tensor = (...data: readonly number[]) =>
      npyBytes({ elem: 'f32', dims: [1, 3, 2, 1], data: Float64Array.from({ length: 6 }, (_, i) => data[i % data.length] ?? 0) });
    const files = folder({ 'in.npy': tensor(0, 255), 'out.npy': tensor(-3, 255), 'nan.npy': tensor(Number.NaN, 1) });
    for (const one of await model()) {
      const warned = async (name: string) =>
        (await warningsOf(runModel({ ...one, inputs: [join(files.path, name)] }))).map((d) => `${d.code}: ${d.found}`);
      expect(await warned('in.npy')).toEqual([]);
      expect(await warned('out.npy')).toEqual(['RES0838: -3 to 255']);
      expect(await warned('nan.npy')).toEqual(['RES0838: elements that are no numbers']);
    }
  });

  it('keeps to the sizes that are asked for', async () => {
    for (const one of await model()) {
      const run = (shapes: RunOptions['shapes'], resize?: boolean) => () =>
        runModel({ ...one, inputs: [picture], shapes, resize });
      expect(await foundOf(run({ image: [1, 3, 32, 32] }, true))).toEqual([]);
      const result = await run({ image: [1, 3, 32, 24] }, true)();
      expect(result.outputs.get('y')?.dims).toEqual([1, 3, 32, 24]);
      expect((await foundOf(run({ image: [1, 3, 32, 32] })))[0]).toMatch(/^RES0824/);
      expect((await foundOf(run({ image: [1, 4, 32, 32] })))[0]).toMatch(/^RES0840: 4 for 3/);
      expect((await foundOf(run({ H: 33 })))[0]).toMatch(/^RES0840: H = 33/);
      expect((await foundOf(run({ H: 32, image: [1, 3, 34, 32] })))[0]).toMatch(/^RES0840: H = 34/);
      expect((await foundOf(run({ image: [3, 32, 32] })))[0]).toMatch(/^RES0709/);
      expect((await foundOf(run({ nobody: 3 })))[0]).toMatch(/^RES0709/);
    }
  });
});
