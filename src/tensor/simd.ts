/**
 * Scaling of float32 numbers and looking at their magnitudes in WebAssembly, four at a time: the bytes of the loop in JavaScript
 * in a third of its time. The code below is the module itself, assembled by `ops/wasm.ts`. Where there is no WebAssembly, or none
 * with vectors, the loops of JavaScript run.
 */

import { outside } from '../diagnostics/at.ts';
import {
  add32,
  anywhere,
  const32,
  f64,
  get,
  i32,
  leb,
  loop,
  pageBytes,
  preamble,
  section,
  set,
  simd,
  sized,
  tee,
  text,
  v128,
  vector,
  webAssembly,
} from '../ops/wasm.ts';

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  /** Multiplies the floats of bytes [from, to) by a float64 number and rounds each once. */
  scale(from: number, to: number, factor: number): void;
  /** Of the floats of bytes [from, to), as bits without the sign: the smallest that is not zero, less 1, and the largest. */
  magnitudes(from: number, to: number): readonly [lessOne: number, largest: number];
}

/** 1 MiB: a write costs a turn of the event loop, and this much stays in a core's cache from the read to the write. */
export const roomFloats = 262144;

const from = 0;
const to = 1;
/** Another four floats do not fit before the end. */
const noFour = [...get(from), ...add32(16), ...get(to), 0x4b];
const noOne = [...get(from), ...get(to), 0x4f];
const next = (bytes: number): readonly number[] => [...get(from), ...add32(bytes), ...set(from)];
const loadFour = [...get(from), ...simd(0, ...anywhere)];
const loadOne = [...get(from), 0x2a, ...anywhere];
const twiceHigh = simd(13, 8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15);
const secondLow = simd(13, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7);
const bothLow = simd(13, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);

function scaleCode(): readonly number[] {
  const factor = 2;
  const factors = 3;
  const four = 4;
  // promote_low, f64x2.mul, demote_zero: a float64 product rounded once, as `floats[i] *= factor` is.
  const product = [...simd(0x5f), ...get(factors), ...simd(0xf2), ...simd(0x5e)];
  return [
    ...vector([
      [1, v128],
      [1, v128],
    ]),
    ...[...get(factor), ...simd(20), ...set(factors)],
    ...loop(noFour, [
      ...get(from),
      ...[...loadFour, ...tee(four), ...product],
      ...[...get(four), ...get(four), ...twiceHigh, ...product],
      ...[...bothLow, ...simd(11, ...anywhere)],
      ...next(16),
    ]),
    ...loop(noOne, [...get(from), ...loadOne, 0xbb, ...get(factor), 0xa2, 0xb6, 0x38, ...anywhere, ...next(4)]),
    0x0b,
  ];
}

/**
 * Bits without the sign order magnitudes as integers; less 1 and unsigned, zero is the largest of them and never the smallest.
 */
function magnitudesCode(): readonly number[] {
  const four = 2;
  const least = 3;
  const most = 4;
  const mask = 5;
  const ones = 6;
  const [splat, lane0, sub, leastOf, mostOf] = [simd(17), simd(27, 0), simd(0xb1), simd(0xb7), simd(0xb9)];
  const see = [
    ...[...get(mask), ...simd(78), ...tee(four), ...get(most), ...mostOf, ...set(most)],
    ...[...get(four), ...get(ones), ...sub, ...get(least), ...leastOf, ...set(least)],
  ];
  /** What the lanes of a local come to, in lane 0. */
  const together = (local: number, op: readonly number[]): readonly number[] =>
    [twiceHigh, secondLow].flatMap((shuffle) => [
      ...[...get(local), ...get(local), ...get(local), ...shuffle],
      ...[...op, ...set(local)],
    ]);
  return [
    ...vector([[5, v128]]),
    // 0xffffffff in every lane, and that shifted right by 1.
    ...[...const32(-1), ...splat, ...tee(least), ...const32(1), ...simd(0xad), ...set(mask)],
    ...[...const32(1), ...splat, ...set(ones)],
    ...loop(noFour, [...loadFour, ...see, ...next(16)]),
    ...loop(noOne, [...get(from), 0x28, ...anywhere, ...splat, ...see, ...next(4)]),
    ...[...together(least, leastOf), ...together(most, mostOf)],
    ...[...get(least), ...lane0, ...get(most), ...lane0],
    0x0b,
  ];
}

/** Types, functions, one memory of a fixed size, exports, code. */
function moduleBytes(): Uint8Array {
  const pages = leb((roomFloats * 4) / pageBytes);
  return Uint8Array.from([
    ...preamble,
    ...section(1, [
      [0x60, ...vector([[i32], [i32], [f64]]), ...vector([])],
      [0x60, ...vector([[i32], [i32]]), ...vector([[i32], [i32]])],
    ]),
    ...section(3, [[0], [1]]),
    ...section(5, [[1, ...pages, ...pages]]),
    ...section(7, [
      [...text('memory'), 2, 0],
      [...text('scale'), 0, 0],
      [...text('magnitudes'), 0, 1],
    ]),
    ...section(10, [sized(scaleCode()), sized(magnitudesCode())]),
  ]);
}

/** Made on first use; null where it cannot be. */
let compiled: object | null | undefined;
const kernels = new WeakMap<ArrayBufferLike, Exports>();
/** Given back and free. A memory reserves gigabytes of addresses, so that few are made. */
const free: Float32Array[] = [];

/** An array of `roomFloats` floats on which `scaleFloats` and `floatsFinite` are fast. `giveRoom` takes it back. */
export function takeRoom(): Float32Array {
  const known = free.pop();
  if (known) return known;
  if (!webAssembly) return new Float32Array(roomFloats);
  if (compiled === undefined) {
    const bytes = moduleBytes();
    compiled = webAssembly.validate(bytes) ? new webAssembly.Module(bytes) : null;
  }
  if (compiled === null) return new Float32Array(roomFloats);
  const exports = new webAssembly.Instance(compiled).exports as Exports;
  kernels.set(exports.memory.buffer, exports);
  return new Float32Array(exports.memory.buffer);
}

export function giveRoom(room: Float32Array): void {
  if (free.length < 2) free.push(room);
}

/** Multiplies elements [begin, end) by a float64 number, each product rounded once. */
export function scaleFloats(floats: Float32Array, begin: number, end: number, factor: number): void {
  const kernel = kernels.get(floats.buffer);
  if (kernel) return kernel.scale(floats.byteOffset + begin * 4, floats.byteOffset + end * 4, factor);
  for (let i = begin; i < end; i++) floats[i] = (floats[i] ?? outside()) * factor;
}

/** Magnitudes of numbers: the smallest that is not zero, infinite where all are, and the largest. NaN counts as infinity. */
export interface Magnitudes {
  readonly smallest: number;
  readonly largest: number;
}

const infinityBits = 0x7f800000;
const oneFloat = new Float32Array(1);
const itsBits = new Int32Array(oneFloat.buffer);
function floatOf(bits: number): number {
  if (bits >= infinityBits) return Number.POSITIVE_INFINITY;
  itsBits[0] = bits;
  return oneFloat[0] ?? outside();
}

/** The magnitudes of all the floats, in one pass. Of none, the smallest is infinite and the largest 0. */
export function floatMagnitudes(floats: Float32Array): Magnitudes {
  const kernel = kernels.get(floats.buffer);
  let lessOne = -1;
  let largest = 0;
  if (kernel) [lessOne, largest] = kernel.magnitudes(floats.byteOffset, floats.byteOffset + floats.byteLength);
  else {
    const bits = new Int32Array(floats.buffer, floats.byteOffset, floats.length);
    for (let i = 0; i < bits.length; i++) {
      const magnitude = (bits[i] ?? outside()) & 0x7fffffff;
      if (magnitude > largest) largest = magnitude;
      if ((magnitude - 1) >>> 0 < lessOne >>> 0) lessOne = magnitude - 1;
    }
  }
  return { smallest: lessOne === -1 ? Number.POSITIVE_INFINITY : floatOf(lessOne + 1), largest: floatOf(largest) };
}

/** Whether every number is finite. */
export function floatsFinite(floats: Float32Array): boolean {
  return floatMagnitudes(floats).largest < Number.POSITIVE_INFINITY;
}
