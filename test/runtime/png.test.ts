/**
 * Every kind of PNG: each colour type, depth and interlacing, against samples that were written down; and what is not paid for.
 */
import { zlibSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { DiagnosticError } from '../../src/diagnostics/diagnostic.ts';
import { decodeImage } from '../../src/runtime/images.ts';
import { encodePng } from '../../src/runtime/picture-codecs.ts';

/** Which pass of Adam7 a pixel of each 8 x 8 square is in: the picture of PNG (third edition), §8.1. */
const squares = ['16462646', '77777777', '56565656', '77777777', '36463646', '77777777', '56565656', '77777777'];

const channelsOf: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };
const kinds = [
  ...[1, 2, 4, 8, 16].map((depth) => [0, depth] as const),
  ...[8, 16].map((depth) => [2, depth] as const),
  ...[1, 2, 4, 8].map((depth) => [3, depth] as const),
  ...[8, 16].map((depth) => [4, depth] as const),
  ...[8, 16].map((depth) => [6, depth] as const),
];

function crc(bytes: Uint8Array): number {
  let sum = 0xffffffff;
  for (const byte of bytes) {
    sum ^= byte;
    for (let k = 0; k < 8; k++) sum = sum & 1 ? (sum >>> 1) ^ 0xedb88320 : sum >>> 1;
  }
  return (sum ^ 0xffffffff) >>> 0;
}

const be32 = (n: number): readonly number[] => [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255];
function chunk(name: string, content: Uint8Array | readonly number[]): readonly number[] {
  const named = Uint8Array.from([...[...name].map((c) => c.charCodeAt(0)), ...content]);
  return [...be32(content.length), ...named, ...be32(crc(named))];
}

type Sample = (x: number, y: number, channel: number) => number;

interface Kind {
  readonly type: number;
  readonly depth: number;
  readonly interlaced: boolean;
  readonly width: number;
  readonly height: number;
}

/** The rows of a picture, each behind the number of its filter (the differences to the left, or none), packed. */
function linesOf({ type, depth, interlaced, width, height }: Kind, sample: Sample): Uint8Array {
  const channels = channelsOf[type] ?? 0;
  const bytes: number[] = [];
  for (const pass of interlaced ? '1234567' : '0') {
    for (let y = 0; y < height; y++) {
      const bits: number[] = [];
      for (let x = 0; x < width; x++) {
        if (pass !== '0' && squares[y % 8]?.[x % 8] !== pass) continue;
        for (let c = 0; c < channels; c++) for (let bit = depth - 1; bit >= 0; bit--) bits.push((sample(x, y, c) >> bit) & 1);
      }
      if (bits.length === 0) continue;
      while (bits.length % 8 !== 0) bits.push(0);
      const row = Array.from({ length: bits.length / 8 }, (_, i) => Number.parseInt(bits.slice(8 * i, 8 * i + 8).join(''), 2));
      const filter = y % 2;
      const back = Math.max(1, (channels * depth) / 8);
      bytes.push(filter, ...row.map((byte, i) => (filter === 1 ? (byte - (row[i - back] ?? 0)) & 255 : byte)));
    }
  }
  return Uint8Array.from(bytes);
}

const palette = Array.from({ length: 256 }, (_, i) => [i, 255 - i, (i * 7) & 255] as const);

function pngOf(kind: Kind, lines: Uint8Array, between: readonly number[] = []): Uint8Array {
  const { type, depth, interlaced, width, height } = kind;
  return Uint8Array.from([
    ...[0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a],
    ...chunk('IHDR', [...be32(width), ...be32(height), depth, type, 0, 0, interlaced ? 1 : 0]),
    ...(type === 3 ? chunk('PLTE', palette.slice(0, 2 ** depth).flat()) : []),
    ...between,
    ...chunk('IDAT', zlibSync(lines)),
    ...chunk('IEND', []),
  ]);
}

async function codeOf(png: Uint8Array): Promise<string | undefined> {
  try {
    await decodeImage(png, 'a.png');
  } catch (error) {
    if (error instanceof DiagnosticError) return error.diagnostics.map((d) => `${d.code}: ${d.found}`).join();
    throw error;
  }
  return undefined;
}

describe.each([false, true])('interlaced: %s', (interlaced) => {
  it.each(kinds)('colour type %i with %i bits', async (type, depth) => {
    // Sizes below and above a square of Adam7, so that some passes are empty and rows end within a byte.
    for (const [width, height] of [
      [1, 1],
      [3, 2],
      [13, 11],
      [17, 8],
    ] as const) {
      const kind = { type, depth, interlaced, width, height };
      const most = 2 ** depth - 1;
      const sample: Sample = (x, y, c) => (x * 2749 + y * 37 + c * 11 + ((x * y) << 3)) & most;
      const image = await decodeImage(pngOf(kind, linesOf(kind, sample)), 'a.png');
      expect([image.width, image.height]).toEqual([width, height]);
      const wanted: number[] = [];
      for (let y = 0; y < height; y++)
        for (let x = 0; x < width; x++)
          for (let c = 0; c < 3; c++) {
            const value = sample(x, y, type === 2 || type === 6 ? c : 0);
            wanted.push(type === 3 ? (palette[value]?.[c] ?? 0) : Math.round((value / most) * 255));
          }
      expect([...image.data]).toEqual(wanted);
    }
  });
});

describe('what a PNG claims', () => {
  const kind: Kind = { type: 2, depth: 8, interlaced: false, width: 4, height: 4 };
  const lines = linesOf(kind, (x, y) => x + y);

  it('is neither less nor far more than there is', async () => {
    expect(await codeOf(pngOf(kind, lines))).toBeUndefined();
    expect(await codeOf(pngOf(kind, lines.subarray(1)))).toBe('RES0823: its compressed pixels are damaged');
    expect(await codeOf(pngOf({ ...kind, interlaced: true }, lines))).toBe('RES0823: its compressed pixels are damaged');
    // A bomb: 4 MB for 16 pixels.
    expect(await codeOf(pngOf(kind, new Uint8Array(4e6)))).toBe('RES0823: its compressed pixels are damaged');
  });

  it('is looked at where it is about pixels alone', async () => {
    // Damaged profiles, and transparency where there is none: nothing of it is used.
    for (const other of [chunk('iCCP', [65, 0, 0, 1, 2, 3]), chunk('tRNS', [1, 2, 3]), chunk('tEXt', [0])])
      expect(await codeOf(pngOf(kind, lines, other))).toBeUndefined();
  });

  it('has colours for all its pixels', async () => {
    const indexed: Kind = { type: 3, depth: 8, interlaced: false, width: 2, height: 1 };
    const png = pngOf(
      indexed,
      linesOf(indexed, (x) => x),
    );
    const none = Uint8Array.from([...png.subarray(0, 33), ...png.subarray(33 + 12 + 768)]);
    expect(await codeOf(png)).toBeUndefined();
    expect(await codeOf(none)).toBe('RES0823: its compressed pixels are damaged');
  });
});

describe('what is written reads back', () => {
  const data = Uint8Array.from({ length: 5 * 3 * 4 }, (_, i) => (i * 41) & 255);
  it.each([1, 3, 4] as const)('%i channels', async (channels) => {
    const pixels = data.subarray(0, 15 * channels);
    const read = await decodeImage(await encodePng({ width: 5, height: 3, channels, data: pixels }), 'a.png');
    const wanted = Array.from({ length: 45 }, (_, i) => pixels[Math.floor(i / 3) * channels + (channels === 1 ? 0 : i % 3)]);
    expect([...read.data]).toEqual(wanted);
  });
  it('indices of a palette', async () => {
    const colours = palette.slice(0, 200);
    const indices = Uint8Array.from({ length: 15 }, (_, i) => (i * 13) % 200);
    const file = await encodePng({ width: 5, height: 3, channels: 1, data: indices, palette: colours });
    expect([...(await decodeImage(file, 'a.png')).data]).toEqual([...indices].flatMap((i) => [...(colours[i] ?? [])]));
    // The colour type of the head.
    expect(file[25]).toBe(3);
  });
});
