/**
 * Decoders and the encoder of pictures: PNG by fast-png, JPEG by mozjpeg in WebAssembly (@jsquash/jpeg), both loaded when the
 * first picture comes. They run in Node and in browsers. JPEG comes out with the bytes of libjpeg-turbo and so of Pillow: the
 * exact inverse DCT, and chroma interpolated between its samples.
 */
import { outside } from '../diagnostics/at.ts';
import { bug } from '../diagnostics/diagnostic.ts';
import { joined, viewOf } from '../io/bytes.ts';
import { webAssembly } from '../ops/wasm.ts';

/** Rows from the top, three bytes per pixel: red, green, blue. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** The passes of Adam7 (PNG, third edition, §8.1): where each begins, and its steps. */
const adam7: readonly (readonly [x: number, y: number, dx: number, dy: number])[] = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
];

/** Samples of a pixel by the colour type of the head. */
const samplesOf: ReadonlyMap<number, number> = new Map([
  [0, 1],
  [2, 3],
  [3, 1],
  [4, 2],
  [6, 4],
]);

/**
 * The pixels of a PNG whose chunks are whole (`pngEnd`), or undefined where its compressed data is damaged, ends early or goes
 * on. Alpha, profiles and texts are not looked at. What is inflated is bounded by what the head says.
 */
export async function decodePng(bytes: Uint8Array): Promise<Pixels | undefined> {
  const { convertIndexedToRgb, decode } = await import('fast-png');
  const view = viewOf(bytes);
  const [width, height, depth, type] = [view.getUint32(16), view.getUint32(20), view.getUint8(24), view.getUint8(25)];
  const samples = samplesOf.get(type);
  const interlaced = view.getUint8(28);
  if (samples === undefined || width === 0 || height === 0 || interlaced > 1) return undefined;
  const { palette, compressed } = partsOf(bytes);
  const passes = interlaced === 1 ? adam7 : ([[0, 0, 1, 1]] as const);
  const parts = passes.flatMap(([x, y, dx, dy]) => {
    const [w, h] = [Math.ceil((width - x) / dx), Math.ceil((height - y) / dy)];
    return w > 0 && h > 0 ? [{ x, y, dx, dy, w, h, size: h * (1 + Math.ceil((w * samples * depth) / 8)) }] : [];
  });
  const data = new Uint8Array(width * height * 3);
  try {
    const lines = await inflated(
      compressed,
      parts.reduce((sum, part) => sum + part.size, 0),
    );
    if (!lines) return undefined;
    let at = 0;
    for (const { x, y, dx, dy, w, h, size } of parts) {
      // Each pass is a picture of its own, of which fast-png undoes the filters; it reads passes of less than eight bits per
      // sample wrongly.
      const read = decode(await uncompressedPng({ width: w, height: h, depth, type, palette }, lines.subarray(at, at + size)));
      at += size;
      if (type === 3 && !read.palette) return undefined;
      const step = depth < 8 && type === 0 ? 255 / (2 ** depth - 1) : undefined;
      const grey = step !== undefined && Array.from({ length: 2 ** depth }, (_, i) => [i * step, i * step, i * step]);
      const indexed = grey || read.palette;
      const pixels = indexed
        ? { data: convertIndexedToRgb({ ...read, palette: indexed }), channels: 3 }
        : { data: read.data, channels: read.channels };
      scatter(pixels, depth, w, (i) => ((y + Math.floor(i / w) * dy) * width + x + (i % w) * dx) * 3, data);
    }
  } catch {
    return undefined;
  }
  return { width, height, data };
}

/** Puts the pixels of a pass where they belong: grey three times, without alpha, 16 bits rounded to eight. */
function scatter(
  { data, channels }: { readonly data: ArrayLike<number>; readonly channels: number },
  depth: number,
  width: number,
  to: (pixel: number) => number,
  out: Uint8Array,
): void {
  const count = Math.floor(data.length / channels / width) * width;
  const colours = channels >= 3;
  for (let i = 0; i < count; i++) {
    const at = to(i);
    for (let c = 0; c < 3; c++) {
      const sample = data[i * channels + (colours ? c : 0)] ?? outside();
      out[at + c] = depth === 16 ? Math.floor(sample / 257 + 0.5) : sample;
    }
  }
}

/** The palette's chunk and the compressed data. */
function partsOf(bytes: Uint8Array): { readonly palette: Uint8Array; readonly compressed: readonly Uint8Array[] } {
  const view = viewOf(bytes);
  let palette = new Uint8Array(0);
  const compressed: Uint8Array[] = [];
  for (let at = 8; at + 12 <= bytes.length; ) {
    const end = at + 12 + view.getUint32(at);
    const name = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (name === 'PLTE') palette = bytes.slice(at, end);
    else if (name === 'IDAT') compressed.push(bytes.subarray(at + 8, end - 4));
    else if (name === 'IEND') break;
    at = end;
  }
  return { palette, compressed };
}

/** The first `size` bytes of what is compressed; undefined where there are fewer, or far more, which nobody should pay for. */
async function inflated(compressed: readonly Uint8Array[], size: number): Promise<Uint8Array | undefined> {
  const { Unzlib } = await import('fflate');
  const out = new Uint8Array(size);
  let found = 0;
  const stream = new Unzlib((chunk) => {
    if (found < size) out.set(chunk.subarray(0, size - found), found);
    found += chunk.length;
  });
  const piece = 1 << 16;
  for (const part of compressed) {
    for (let at = 0; at < part.length && found <= size; at += piece) stream.push(part.subarray(at, at + piece));
  }
  return found >= size && found <= size + piece ? out : undefined;
}

interface Head {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly type: number;
  readonly palette: Uint8Array;
}

/** A PNG of these filtered lines, not interlaced and not compressed; without checksums, which nobody asks for. */
async function uncompressedPng({ width, height, depth, type, palette }: Head, lines: Uint8Array): Promise<Uint8Array> {
  const { zlibSync } = await import('fflate');
  const chunk = (name: string, content: Uint8Array): Uint8Array => {
    const out = new Uint8Array(content.length + 12);
    new DataView(out.buffer).setUint32(0, content.length);
    for (let i = 0; i < 4; i++) out[4 + i] = name.charCodeAt(i);
    out.set(content, 8);
    return out;
  };
  const head = new Uint8Array(13);
  const view = new DataView(head.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  head.set([depth, type], 8);
  const signature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
  const data = chunk('IDAT', zlibSync(lines, { level: 0 }));
  const parts = [signature, chunk('IHDR', head), type === 3 ? palette : new Uint8Array(0), data];
  return joined([...parts, chunk('IEND', new Uint8Array(0))]);
}

/** What a PNG is written of: rows from the top, a byte per sample. */
export interface PngPixels extends Pixels {
  /** Grey, colours of a palette, red, green and blue, or these and alpha. */
  readonly channels: 1 | 3 | 4;
  /** Colours of red, green and blue, for one channel of their indices. */
  readonly palette?: readonly (readonly [number, number, number])[] | undefined;
}

/** A PNG file. */
export async function encodePng({ width, height, channels, data, palette }: PngPixels): Promise<Uint8Array> {
  const { encode } = await import('fast-png');
  return encode({ width, height, channels, data, depth: 8, ...(palette && { palette: palette.map((colour) => [...colour]) }) });
}

/** What is used of Emscripten's module. */
interface Decoder {
  decode(data: Uint8Array, preserveOrientation: boolean): Pixels | null;
}
type Imports = Readonly<Record<string, Readonly<Record<string, object>>>>;
type Instance = ReturnType<typeof instanceOf>;
type MakeDecoder = (options: {
  readonly noInitialRun: true;
  readonly print: (line: string) => void;
  readonly printErr: (line: string) => void;
  readonly instantiateWasm?: (imports: Imports, done: (instance: Instance) => void) => object;
}) => Promise<Decoder>;

const decoderFile = '@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm';

/** Compiled once for all pictures of a program. */
let compiled: object | undefined;

/** Of Node what is asked for where there is one, without importing it. */
interface Builtins {
  (name: 'node:module'): { createRequire(from: string): { resolve(path: string): string } };
  (name: 'node:fs'): { readFileSync(path: string): Uint8Array };
}

/**
 * The decoder's code in Node; undefined in browsers, where the package fetches its file itself, from the place where the bundler
 * put it.
 */
function decoderCode(): object | undefined {
  const { process } = globalThis as { readonly process?: { readonly getBuiltinModule?: Builtins } };
  const load = process?.getBuiltinModule;
  if (!load || !webAssembly) return undefined;
  const path = load('node:module')
    .createRequire((import.meta as unknown as { readonly url: string }).url)
    .resolve(decoderFile);
  return new webAssembly.Module(load('node:fs').readFileSync(path));
}

function instanceOf(code: object, imports: Imports) {
  return webAssembly ? new webAssembly.Instance(code, imports) : bug('no WebAssembly');
}

/**
 * The pixels of a JPEG, as they lie in the file, or undefined where it is damaged: also where libjpeg goes on with a warning and
 * makes grey of what it cannot read.
 */
export async function decodeJpeg(bytes: Uint8Array): Promise<Pixels | undefined> {
  compiled ??= decoderCode();
  const code = compiled;
  const loaded: { readonly default: unknown } = await import('@jsquash/jpeg/codec/dec/mozjpeg_dec.js');
  // The decoder makes a class of that name where there is none.
  const own = Object.getOwnPropertyDescriptor(globalThis, 'ImageData');
  const warnings: string[] = [];
  const say = (line: string): void => {
    // What says nothing about the pixels: a newer version, or a profile that is not used.
    if (!/unknown JFIF|Adobe color transform|ICC/i.test(line)) warnings.push(line);
  };
  try {
    // A decoder of its own for each picture: what a damaged one leaves behind is gone with its memory, and so is a large one's.
    const decoder = await (loaded.default as MakeDecoder)({
      noInitialRun: true,
      print: say,
      printErr: say,
      ...(code && {
        instantiateWasm: (imports, done) => {
          const instance = instanceOf(code, imports);
          done(instance);
          return instance.exports;
        },
      }),
    });
    const read = decoder.decode(bytes, false);
    if (!read || warnings.length > 0) return undefined;
    const data = new Uint8Array(read.width * read.height * 3);
    scatter({ data: read.data, channels: 4 }, 8, read.width, (i) => i * 3, data);
    return { width: read.width, height: read.height, data };
  } catch {
    return undefined;
  } finally {
    if (!own) Reflect.deleteProperty(globalThis, 'ImageData');
  }
}
