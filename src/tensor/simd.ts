/**
 * Scaling of float32 numbers in WebAssembly, four at a time: the bytes of the loop in JavaScript in a third of its time. The code
 * below is the module itself, assembled by `ops/wasm.ts`. Where there is no WebAssembly, or none with vectors, the loops of
 * JavaScript run.
 */

import { outside } from '../diagnostics/at.ts';
import {
  add32,
  f32,
  f64,
  get,
  i32,
  leb,
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
  /** 0 where every float of bytes [from, to) is finite, else NaN. */
  finite(from: number, to: number): number;
}

/** 1 MiB: a write costs a turn of the event loop, and this much stays in a core's cache from the read to the write. */
export const roomFloats = 262144;

/** Alignment 1 and offset 0: rows of a kernel begin anywhere. */
const anywhere = [0, 0] as const;
/** The block around a loop ends it; `br_if 1` leaves, `br 0` goes round. */
const loop = (leave: readonly number[], body: readonly number[]): readonly number[] => [
  ...[0x02, 0x40, 0x03, 0x40],
  ...[...leave, 0x0d, 1],
  ...[...body, 0x0c, 0],
  ...[0x0b, 0x0b],
];
const from = 0;
const to = 1;
/** Another four floats do not fit before the end. */
const noFour = [...get(from), ...add32(16), ...get(to), 0x4b];
const noOne = [...get(from), ...get(to), 0x4f];
const next = (bytes: number): readonly number[] => [...get(from), ...add32(bytes), ...set(from)];
const loadFour = [...get(from), ...simd(0, ...anywhere)];
const loadOne = [...get(from), 0x2a, ...anywhere];
const twiceHigh = simd(13, 8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15);
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

function finiteCode(): readonly number[] {
  const four = 2;
  const sum = 3;
  const one = 4;
  const lane = (i: number): readonly number[] => [...get(sum), ...simd(31, i)];
  // x − x is 0 for a finite x, else NaN; a sum of zeros and NaNs tells them apart and cannot overflow.
  return [
    ...vector([
      [2, v128],
      [1, f32],
    ]),
    ...loop(noFour, [
      ...[...loadFour, ...tee(four), ...get(four), ...simd(0xe5)],
      ...[...get(sum), ...simd(0xe4), ...set(sum)],
      ...next(16),
    ]),
    ...loop(noOne, [
      ...[...loadOne, ...tee(one), ...get(one), 0x93, ...simd(19)],
      ...[...get(sum), ...simd(0xe4), ...set(sum)],
      ...next(4),
    ]),
    ...[...lane(0), ...lane(1), 0x92, ...lane(2), 0x92, ...lane(3), 0x92],
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
      [0x60, ...vector([[i32], [i32]]), ...vector([[f32]])],
    ]),
    ...section(3, [[0], [1]]),
    ...section(5, [[1, ...pages, ...pages]]),
    ...section(7, [
      [...text('memory'), 2, 0],
      [...text('scale'), 0, 0],
      [...text('finite'), 0, 1],
    ]),
    ...section(10, [sized(scaleCode()), sized(finiteCode())]),
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

/** Whether every number is finite. */
export function floatsFinite(floats: Float32Array): boolean {
  const kernel = kernels.get(floats.buffer);
  if (kernel) return kernel.finite(floats.byteOffset, floats.byteOffset + floats.byteLength) === 0;
  // A sum of float32 numbers stays finite in float64 when they are; four sums, because one would wait for itself.
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  let i = 0;
  for (; i + 4 <= floats.length; i += 4) {
    a += floats[i] ?? outside();
    b += floats[i + 1] ?? outside();
    c += floats[i + 2] ?? outside();
    d += floats[i + 3] ?? outside();
  }
  for (; i < floats.length; i++) a += floats[i] ?? outside();
  return Number.isFinite(a + b + c + d);
}
