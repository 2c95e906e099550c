/**
 * Rounding doubles to floats of 16 bits in WebAssembly, four at a time: the loop of `tensor/narrow.ts` in a quarter of its time.
 * The code below is the module itself, assembled by `ops/wasm.ts`.
 */

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
} from '../../ops/wasm.ts';
import type { NarrowingConstants } from '../../tensor/narrow.ts';

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  /** Rounds the doubles of bytes [from, to), four at a time, to floats of 16 bits, which lie from byte `from` on then. */
  narrow(from: number, to: number, ...how: NarrowingConstants): void;
}

/** Doubles that the memory holds. */
const roomDoubles = 65536;
/** Of fewer the way there and back is not worth it. */
const fewDoubles = 256;

const from = 0;
const to = 1;
const evenWords = simd(13, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27);
const oddWords = simd(13, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);

/**
 * The loop of `tensor/narrow.ts` on four doubles: every case of each: a lane takes what the size of its number says. Results lie
 * before what is still to be read.
 */
function narrowCode(): readonly number[] {
  const [shift, half, normal, infinite, quiet, magic, end] = [2, 3, 4, 5, 6, 7, 8];
  const [a, b, high, size, halves, normals, infinities, quiets, magics, mask, ones, nan, signs] = [
    9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
  ];
  const [splat, and, or, select] = [simd(17), simd(78), simd(80), simd(82)];
  const [notEqual, less, greater, right, add, least] = [simd(0x38), simd(0x39), simd(0x3b), simd(0xad), simd(0xae), simd(0xb6)];
  const lanes = (n: readonly number[], into: number): readonly number[] => [...n, ...splat, ...set(into)];
  const zeros = [...const32(0), ...splat];
  const counted = (x: number): readonly number[] => [...get(x), ...simd(0xec), ...get(magics), ...simd(0xf0)];
  return [
    ...vector([
      [1, i32],
      [13, v128],
    ]),
    ...[...lanes(get(half), halves), ...lanes(get(normal), normals), ...lanes(get(infinite), infinities)],
    ...[...lanes(get(quiet), quiets), ...get(magic), ...simd(20), ...set(magics), ...lanes(const32(0x7fffffff), mask)],
    ...[...lanes(const32(1), ones), ...lanes(const32(0x7ff00000), nan), ...lanes(const32(0x8000), signs)],
    ...[...get(from), ...set(end)],
    ...loop(
      [...get(from), ...add32(32), ...get(to), 0x4b],
      [
        ...[...get(from), ...simd(0, ...anywhere), ...set(a), ...get(from), ...simd(0, 0, 16), ...set(b)],
        // The high words without sign; whether a low word is not zero in the last bit.
        ...[...get(a), ...get(b), ...oddWords, ...tee(high), ...get(mask), ...and],
        ...[...get(a), ...get(b), ...evenWords, ...zeros, ...notEqual, ...get(ones), ...and, ...or, ...set(size)],
        ...get(end),
        ...get(quiets),
        // Small ones: counts of the smallest number in the low words.
        ...[...counted(a), ...counted(b), ...evenWords],
        ...[...get(size), ...get(halves), ...add, ...get(size), ...get(shift), ...right, ...get(ones), ...and, ...add],
        ...[...get(shift), ...right, ...get(infinities), ...least],
        ...[...get(size), ...get(normals), ...less, ...select],
        ...[...get(high), ...const32(16), ...right, ...get(signs), ...and, ...or],
        ...[...get(size), ...get(nan), ...greater, ...select, ...tee(a)],
        // narrow_i32x4_u, store64_lane.
        ...[...get(a), ...simd(0x86), ...simd(0x5b, ...anywhere, 0)],
        ...[...get(end), ...add32(8), ...set(end), ...get(from), ...add32(32), ...set(from)],
      ],
    ),
    0x0b,
  ];
}

/** A type, a function, one memory of a fixed size, exports, code. */
function moduleBytes(): Uint8Array {
  const pages = leb((roomDoubles * 8) / pageBytes);
  return Uint8Array.from([
    ...preamble,
    ...section(1, [[0x60, ...vector([[i32], [i32], [i32], [i32], [i32], [i32], [i32], [f64]]), ...vector([])]]),
    ...section(3, [[0]]),
    ...section(5, [[1, ...pages, ...pages]]),
    ...section(7, [
      [...text('memory'), 2, 0],
      [...text('narrow'), 0, 0],
    ]),
    ...section(10, [sized(narrowCode())]),
  ]);
}

/** Made on first use, its memory scratch between the calls; null where there is no WebAssembly, or none with vectors. */
let kernel: Exports | null | undefined;

function kernelOf(): Exports | null {
  const bytes = moduleBytes();
  return webAssembly?.validate(bytes) ? (new webAssembly.Instance(new webAssembly.Module(bytes)).exports as Exports) : null;
}

/** Rounds numbers to floats of 16 bits, as many as there are; false, and nothing done, where that is left to JavaScript. */
export function narrowHalves(src: Float64Array, dst: Uint16Array, how: NarrowingConstants): boolean {
  if (src.length < fewDoubles) return false;
  if (kernel === undefined) kernel = kernelOf();
  if (!kernel) return false;
  const doubles = new Float64Array(kernel.memory.buffer);
  const halves = new Uint16Array(kernel.memory.buffer);
  for (let at = 0; at < src.length; at += roomDoubles) {
    const part = src.subarray(at, at + roomDoubles);
    doubles.set(part);
    kernel.narrow(0, Math.ceil(part.length / 4) * 32, ...how);
    dst.set(halves.subarray(0, part.length), at);
  }
  return true;
}
