/**
 * 64-bit integers, exactly. Float64 holds those up to 2^53 in size, which most tensors of sizes and indices keep to. A tensor
 * with a larger one carries all of its elements beside as bigints, and NaN in the float64 array where one lies beyond, so that
 * arithmetic which does not know of them is caught rather than rounded.
 */
import { outside } from '../diagnostics/at.ts';
import { isWideElem, type WideElem } from './elem.ts';
import type { ElemType, HostTensor, WideIntegers } from './types.ts';

export { isWideElem, type WideElem };

const most = 2n ** 53n;

/** Whether float64 holds it, and no other integer rounds to it in the results of one operation on such numbers. */
export function holdsExactly(value: number): boolean {
  return Math.abs(value) < 2 ** 53;
}

/** `count` zeros. */
export function wideArray(elem: WideElem, count: number): WideIntegers {
  return elem === 'i64' ? new BigInt64Array(count) : new BigUint64Array(count);
}

/** All elements of a tensor of integers or booleans. */
export function integersOf(tensor: HostTensor): WideIntegers {
  if (tensor.wide) return tensor.wide;
  const out = wideArray(tensor.elem === 'u64' ? 'u64' : 'i64', tensor.data.length);
  for (let i = 0; i < out.length; i++) out[i] = BigInt(tensor.data[i] ?? outside());
  return out;
}

/** The tensor of these elements; what does not fit the type wraps around, as two's complement does. */
export function tensorOfIntegers(
  elem: WideElem,
  dims: readonly number[],
  integers: WideIntegers | readonly bigint[],
): HostTensor {
  const all = Array.isArray(integers) ? wrapped(elem, integers) : (integers as WideIntegers);
  const data = new Float64Array(all.length);
  let wide = false;
  for (let i = 0; i < all.length; i++) {
    const n = all[i] ?? outside();
    const exact = n <= most && n >= -most;
    data[i] = exact ? Number(n) : Number.NaN;
    wide ||= !exact;
  }
  return wide ? { elem, dims, data, wide: all } : { elem, dims, data };
}

function wrapped(elem: WideElem, integers: readonly bigint[]): WideIntegers {
  // Typed arrays of bigints wrap what they are given.
  return elem === 'i64' ? BigInt64Array.from(integers) : BigUint64Array.from(integers);
}

/** Element i as people read it. */
export function elementText(tensor: HostTensor, i: number): string {
  return String(tensor.wide?.[i] ?? tensor.data[i] ?? outside());
}

/** Whether two tensors of one integer type hold the same there. */
export function sameInteger(a: HostTensor, b: HostTensor, i: number): boolean {
  const exact = a.wide?.[i] ?? b.wide?.[i];
  if (exact === undefined) return a.data[i] === b.data[i];
  return (a.wide?.[i] ?? exactly(a.data[i])) === (b.wide?.[i] ?? exactly(b.data[i]));
}

function exactly(value: number | undefined): bigint | undefined {
  return value !== undefined && Number.isInteger(value) ? BigInt(value) : undefined;
}

/**
 * The float nearest to an integer: exact for f64, and for narrower types a number that rounds as the integer itself does, which
 * its nearest f64 need not: the bits behind the first 40 are one bit that says whether there are any.
 */
export function floatOfInteger(elem: ElemType, value: bigint): number {
  const size = value < 0n ? -value : value;
  if (elem === 'f64' || size <= most) return Number(value);
  const shift = BigInt(size.toString(2).length - 40);
  const head = size >> shift;
  const rounded = Number(head << shift === size ? head : head | 1n) * Number(1n << shift);
  return value < 0n ? -rounded : rounded;
}
