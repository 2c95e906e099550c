/**
 * Float64 numbers as bytes of every element type and back, little-endian as all formats here store them. Encoding rounds once, as
 * `ir/round.ts` says.
 */
import { outside } from '../diagnostics/at.ts';
import { integerTooLarge, valueUnfit } from '../diagnostics/catalogue/weights.ts';
import { bug, fail, unreachable } from '../diagnostics/diagnostic.ts';
import { type IntegerElem, integerRange } from '../ir/elem.ts';
import { littleEndian, rounderOf } from '../ir/round.ts';
import { type ElemType, elemBytes, elementCount, type HostTensor, type WideIntegers } from '../ir/types.ts';
import { isWideElem, tensorOfIntegers, wideArray } from '../ir/wide.ts';

const oneDouble = new Float64Array(1);
const itsWords = new Int32Array(oneDouble.buffer);
const oneFloat = new Float32Array(1);
const itsBits = new Uint32Array(oneFloat.buffer);
/** Word that holds sign and exponent of a double. */
const highWord = littleEndian ? 1 : 0;

const roundToHalf = rounderOf('f16');
const roundToBrain = rounderOf('bf16');

function halfBits(x: number): number {
  if (Number.isNaN(x)) return 0x7e00;
  const y = roundToHalf(x);
  const sign = y < 0 || Object.is(y, -0) ? 0x8000 : 0;
  const size = Math.abs(y);
  if (size === Infinity) return sign | 0x7c00;
  // Below the smallest normal number 2^-14 the quantum is 2^-24 and the bits are the count of quanta.
  if (size < 6.103515625e-5) return sign | (size * 16777216);
  oneDouble[0] = size;
  const high = itsWords[highWord] ?? outside();
  // The exponent's bias goes from 1023 to 15; ten of the twenty high significand bits stay, and rounding made the rest zero.
  return sign | ((high - (1008 << 20)) >> 10);
}

function brainBits(x: number): number {
  if (Number.isNaN(x)) return 0x7fc0;
  // A number of 8 significant bits is a float32 exactly, also among the subnormal ones.
  oneFloat[0] = roundToBrain(x);
  return (itsBits[0] ?? outside()) >>> 16;
}

function checkIntegers(elem: IntegerElem, src: Float64Array, count: number): void {
  const [low, high] = integerRange(elem) ?? bug(`${elem} has no integers`);
  for (let i = 0; i < count; i++) {
    const x = src[i] ?? outside();
    if (x >= low && x <= high && Math.trunc(x) === x) continue;
    fail(valueUnfit, { with: { elem, found: `${x}`, expected: `an integer from ${low} to ${high}` } });
  }
}

/**
 * Writes the first `count` numbers of `src` as `elem` into `dst` from byte `offset` on; `dst` has room for them. Throws RES0531
 * for an integer type when a number is no integer of its range.
 */
export function encode(elem: ElemType, src: Float64Array, count: number, dst: Uint8Array, offset = 0): void {
  const at = dst.byteOffset + offset;
  const part = count === src.length ? src : src.subarray(0, count);
  const aligned = littleEndian && at % elemBytes[elem] === 0;
  switch (elem) {
    case 'f32':
      if (aligned) new Float32Array(dst.buffer, at, count).set(part);
      else {
        const view = new DataView(dst.buffer, at, count * 4);
        for (let i = 0; i < count; i++) view.setFloat32(i * 4, src[i] ?? outside(), true);
      }
      return;
    case 'f64':
      if (aligned) new Float64Array(dst.buffer, at, count).set(part);
      else {
        const view = new DataView(dst.buffer, at, count * 8);
        for (let i = 0; i < count; i++) view.setFloat64(i * 8, src[i] ?? outside(), true);
      }
      return;
    case 'f16':
    case 'bf16': {
      const bits = elem === 'f16' ? halfBits : brainBits;
      for (let i = 0; i < count; i++) {
        const word = bits(src[i] ?? outside());
        dst[offset + 2 * i] = word & 0xff;
        dst[offset + 2 * i + 1] = word >> 8;
      }
      return;
    }
    case 'bool':
      for (let i = 0; i < count; i++) dst[offset + i] = src[i] === 0 ? 0 : 1;
      return;
    case 'i8':
    case 'u8':
      checkIntegers(elem, src, count);
      for (let i = 0; i < count; i++) dst[offset + i] = (src[i] ?? outside()) & 0xff;
      return;
    case 'i16':
    case 'u16': {
      checkIntegers(elem, src, count);
      const view = new DataView(dst.buffer, at, count * 2);
      for (let i = 0; i < count; i++) view.setUint16(i * 2, (src[i] ?? outside()) & 0xffff, true);
      return;
    }
    case 'i32':
    case 'u32': {
      checkIntegers(elem, src, count);
      const view = new DataView(dst.buffer, at, count * 4);
      for (let i = 0; i < count; i++) view.setUint32(i * 4, (src[i] ?? outside()) >>> 0, true);
      return;
    }
    case 'i64':
    case 'u64': {
      checkIntegers(elem, src, count);
      const view = new DataView(dst.buffer, at, count * 8);
      for (let i = 0; i < count; i++) {
        const x = src[i] ?? outside();
        const high = Math.floor(x / 4294967296);
        view.setUint32(i * 8, x - high * 4294967296, true);
        view.setInt32(i * 8 + 4, high, true);
      }
      return;
    }
    default:
      return unreachable(elem);
  }
}

let halves: Float64Array | undefined;
/** All 65,536 halves as numbers, made on first use. */
function halfTable(): Float64Array {
  if (halves) return halves;
  const table = new Float64Array(65536);
  for (let bits = 0; bits < 32768; bits++) {
    const exponent = bits >> 10;
    const digits = bits & 1023;
    const size =
      exponent === 31
        ? digits === 0
          ? Infinity
          : Number.NaN
        : exponent === 0
          ? digits / 16777216
          : (1024 + digits) * 2 ** (exponent - 25);
    table[bits] = size;
    table[bits + 32768] = -size;
  }
  halves = table;
  return table;
}

/**
 * Reads `out.length` numbers of type `elem` from `bytes`, little-endian unless `bigEndian`; `bytes` has them all. `name` is what
 * RES0530 calls the tensor when an integer lies beyond 2^53.
 */
export function decode(elem: ElemType, bytes: Uint8Array, out: Float64Array, bigEndian = false, name = ''): void {
  const count = out.length;
  const little = !bigEndian;
  const size = elemBytes[elem];
  const view = new DataView(bytes.buffer, bytes.byteOffset, count * size);
  switch (elem) {
    case 'f32':
      if (little && littleEndian && bytes.byteOffset % 4 === 0) out.set(new Float32Array(bytes.buffer, bytes.byteOffset, count));
      else for (let i = 0; i < count; i++) out[i] = view.getFloat32(i * 4, little);
      return;
    case 'f64':
      if (little && littleEndian && bytes.byteOffset % 8 === 0) out.set(new Float64Array(bytes.buffer, bytes.byteOffset, count));
      else for (let i = 0; i < count; i++) out[i] = view.getFloat64(i * 8, little);
      return;
    case 'f16': {
      const table = halfTable();
      for (let i = 0; i < count; i++) out[i] = table[view.getUint16(i * 2, little)] ?? outside();
      return;
    }
    case 'bf16':
      for (let i = 0; i < count; i++) {
        itsBits[0] = view.getUint16(i * 2, little) << 16;
        out[i] = oneFloat[0] ?? outside();
      }
      return;
    case 'bool':
      for (let i = 0; i < count; i++) out[i] = bytes[i] === 0 ? 0 : 1;
      return;
    case 'u8':
      for (let i = 0; i < count; i++) out[i] = bytes[i] ?? outside();
      return;
    case 'i8':
      for (let i = 0; i < count; i++) out[i] = view.getInt8(i);
      return;
    case 'i16':
      for (let i = 0; i < count; i++) out[i] = view.getInt16(i * 2, little);
      return;
    case 'u16':
      for (let i = 0; i < count; i++) out[i] = view.getUint16(i * 2, little);
      return;
    case 'i32':
      for (let i = 0; i < count; i++) out[i] = view.getInt32(i * 4, little);
      return;
    case 'u32':
      for (let i = 0; i < count; i++) out[i] = view.getUint32(i * 4, little);
      return;
    case 'i64':
    case 'u64':
      for (let i = 0; i < count; i++) {
        const low: number = view.getUint32(i * 8 + (little ? 0 : 4), little);
        const high: number =
          elem === 'i64' ? view.getInt32(i * 8 + (little ? 4 : 0), little) : view.getUint32(i * 8 + (little ? 4 : 0), little);
        const x: number = high * 4294967296 + low;
        // 2^53 itself may be 2^53 + 1 rounded, so the words decide.
        if (x > 9007199254740991 || x < -9007199254740991) {
          if (!(low === 0 && (high === 2097152 || high === -2097152))) {
            fail(integerTooLarge, { with: { tensor: name, found: `an integer near ${x} at element ${i}` } });
          }
        }
        out[i] = x;
      }
      return;
    default:
      return unreachable(elem);
  }
}

/** 64-bit integers as they are; `bytes` has all of `out`. */
export function decodeIntegers(bytes: Uint8Array, out: WideIntegers, bigEndian = false): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, out.length * 8);
  for (let i = 0; i < out.length; i++) out[i] = view.getBigUint64(i * 8, !bigEndian);
}

/** Writes 64-bit integers into `dst` from byte `offset` on. */
export function encodeIntegers(src: WideIntegers, dst: Uint8Array, offset = 0): void {
  const view = new DataView(dst.buffer, dst.byteOffset + offset, src.length * 8);
  for (let i = 0; i < src.length; i++) view.setBigUint64(i * 8, BigInt.asUintN(64, src[i] ?? outside()), true);
}

/** `encode` of a whole tensor, of 64-bit integers of any size. */
export function encodeTensor(tensor: HostTensor, dst: Uint8Array, offset = 0): void {
  if (tensor.wide) encodeIntegers(tensor.wide, dst, offset);
  else encode(tensor.elem, tensor.data, tensor.data.length, dst, offset);
}

/** `decode` of a whole tensor, of 64-bit integers of any size. */
export function decodeTensor(elem: ElemType, dims: readonly number[], bytes: Uint8Array, bigEndian = false): HostTensor {
  const count = elementCount(dims);
  if (isWideElem(elem)) {
    const integers = wideArray(elem, count);
    decodeIntegers(bytes, integers, bigEndian);
    return tensorOfIntegers(elem, dims, integers);
  }
  const data = new Float64Array(count);
  decode(elem, bytes, data, bigEndian);
  return { elem, dims, data };
}
