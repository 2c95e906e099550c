/**
 * Float64 numbers as bytes of every element type and back, little-endian as all formats here store them. How a type is stored
 * follows from its record (`ir/elem.ts`); encoding rounds once, as `ir/round.ts` says.
 */
import { outside } from '../diagnostics/at.ts';
import { integerTooLarge, valueUnfit } from '../diagnostics/catalogue/bytes.ts';
import { bug, fail } from '../diagnostics/diagnostic.ts';
import { elemFacts, elemTypes, floatFacts, type IntegerElem, integerRange, isFloat } from '../ir/elem.ts';
import { littleEndian } from '../ir/round.ts';
import { type ElemType, elementCount, type HostTensor, type WideIntegers } from '../ir/types.ts';
import { isWideElem, tensorOfIntegers, wideArray } from '../ir/wide.ts';
import { type NarrowFloat, narrowFloat } from './narrow.ts';

/** The floats that JavaScript has no typed array of: their arrays hold bits. */
const narrow: ReadonlyMap<ElemType, NarrowFloat> = new Map(
  elemTypes.flatMap((elem) => {
    const { bytes } = elemFacts[elem];
    return isFloat(elem) && bytes <= 2 ? [[elem, narrowFloat(floatFacts(elem), 8 * bytes)]] : [];
  }),
);

/** A typed array of numbers; those of 64-bit integers go by other ways. */
type NumberArray = Exclude<InstanceType<(typeof elemFacts)[ElemType]['array']>, BigInt64Array | BigUint64Array>;

function arrayOf(elem: ElemType, buffer: ArrayBufferLike, offset: number, count: number): NumberArray {
  const made = new elemFacts[elem].array(buffer as ArrayBuffer, offset, count);
  return made instanceof BigInt64Array || made instanceof BigUint64Array ? bug(`an array of numbers for ${elem}`) : made;
}

/** Elements of one size in the other order of bytes, in place. */
function swapBytes(bytes: Uint8Array, size: number): void {
  for (let at = 0; at < bytes.length; at += size) bytes.subarray(at, at + size).reverse();
}

/** Elements that are copied at a time where they do not lie as the machine reads them. */
const copied = 8192;

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
  const size = elemFacts[elem].bytes;
  if (!isFloat(elem) && elem !== 'bool') checkIntegers(elem, src, count);
  if (isWideElem(elem)) {
    const view = new DataView(dst.buffer, dst.byteOffset + offset, count * size);
    for (let i = 0; i < count; i++) {
      const x = src[i] ?? outside();
      const high = Math.floor(x / 4294967296);
      view.setUint32(i * 8, x - high * 4294967296, true);
      view.setInt32(i * 8 + 4, high, true);
    }
    return;
  }
  const at = dst.byteOffset + offset;
  if (at % size === 0 && (littleEndian || size === 1)) {
    put(elem, count === src.length ? src : src.subarray(0, count), arrayOf(elem, dst.buffer, at, count));
    return;
  }
  for (let from = 0; from < count; from += copied) {
    const part = src.subarray(from, Math.min(count, from + copied));
    const bytes = new Uint8Array(part.length * size);
    put(elem, part, arrayOf(elem, bytes.buffer, 0, part.length));
    if (!littleEndian) swapBytes(bytes, size);
    dst.set(bytes, offset + from * size);
  }
}

/** Numbers into an array of their type and length. */
function put(elem: ElemType, src: Float64Array, dst: NumberArray): void {
  const bits = narrow.get(elem);
  if (bits) bits.encode(src, dst);
  else if (elem === 'bool') for (let i = 0; i < src.length; i++) dst[i] = src[i] === 0 ? 0 : 1;
  else dst.set(src);
}

/**
 * Reads `out.length` numbers of type `elem` from `bytes`, little-endian unless `bigEndian`; `bytes` has them all. `name` is what
 * RES0530 calls the tensor when an integer lies beyond 2^53.
 */
export function decode(elem: ElemType, bytes: Uint8Array, out: Float64Array, bigEndian = false, name = ''): void {
  const size = elemFacts[elem].bytes;
  if (isWideElem(elem)) {
    decodeWide(elem === 'i64', bytes, out, !bigEndian, name);
    return;
  }
  const swapped = size > 1 && bigEndian === littleEndian;
  if (bytes.byteOffset % size === 0 && !swapped) {
    take(elem, arrayOf(elem, bytes.buffer, bytes.byteOffset, out.length), out);
    return;
  }
  for (let from = 0; from < out.length; from += copied) {
    const part = out.subarray(from, Math.min(out.length, from + copied));
    // `slice` would not copy a Buffer.
    const own = new Uint8Array(part.length * size);
    own.set(bytes.subarray(from * size, from * size + own.length));
    if (swapped) swapBytes(own, size);
    take(elem, arrayOf(elem, own.buffer, 0, part.length), part);
  }
}

/** The elements of an array as numbers, into one of its length. */
function take(elem: ElemType, src: NumberArray, out: Float64Array): void {
  const numbers = narrow.get(elem)?.numbers;
  if (numbers) for (let i = 0; i < out.length; i++) out[i] = numbers[src[i] ?? outside()] ?? outside();
  else if (elem === 'bool') for (let i = 0; i < out.length; i++) out[i] = src[i] === 0 ? 0 : 1;
  else out.set(src);
}

/** 64-bit integers as float64 numbers; throws RES0530 for one beyond 2^53. */
function decodeWide(signed: boolean, bytes: Uint8Array, out: Float64Array, little: boolean, name: string): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, out.length * 8);
  for (let i = 0; i < out.length; i++) {
    const low: number = view.getUint32(i * 8 + (little ? 0 : 4), little);
    const above = i * 8 + (little ? 4 : 0);
    const high: number = signed ? view.getInt32(above, little) : view.getUint32(above, little);
    const x: number = high * 4294967296 + low;
    // 2^53 itself may be 2^53 + 1 rounded, so the words decide.
    if (x > 9007199254740991 || x < -9007199254740991) {
      if (!(low === 0 && (high === 2097152 || high === -2097152))) {
        fail(integerTooLarge, { with: { tensor: name, found: `an integer near ${x} at element ${i}` } });
      }
    }
    out[i] = x;
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
