/**
 * Floats of at most 16 bits, of which JavaScript has no typed array, as their bits and back: a sign, the exponent plus its bias,
 * and the significand without its first bit (IEEE 754-2019, 3.4), which follow from the record of the type (`ir/elem.ts`).
 */
import { outside } from '../diagnostics/at.ts';
import type { FloatFacts } from '../ir/elem.ts';
import { littleEndian, rounder } from '../ir/round.ts';

/** A float type of `width` bits. */
export interface NarrowFloat {
  /** The bits of the number of the type that is nearest to `x`. */
  bits(x: number): number;
  /** The numbers of all bits. */
  readonly numbers: Float64Array;
}

const oneDouble = new Float64Array(1);
const itsWords = new Int32Array(oneDouble.buffer);
/** Word that holds sign and exponent of a double. */
const highWord = littleEndian ? 1 : 0;

/** The number of each pattern of bits without a sign, then with it. */
function numbersOf({ significand, bias, smallest }: FloatFacts, width: number): Float64Array {
  const sign = 2 ** (width - 1);
  const steps = 2 ** (significand - 1);
  const special = sign / steps - 1;
  const numbers = new Float64Array(2 * sign);
  for (let bits = 0; bits < sign; bits++) {
    const exponent = Math.floor(bits / steps);
    const digits = bits % steps;
    const size =
      exponent === special
        ? digits === 0
          ? Infinity
          : Number.NaN
        : exponent === 0
          ? digits * smallest
          : (1 + digits / steps) * 2 ** (exponent - bias);
    numbers[bits] = size;
    numbers[bits + sign] = -size;
  }
  return numbers;
}

/** How a float type is stored; `width` is at most 16 bits. Its numbers are listed on first use. */
export function narrowFloat(facts: FloatFacts, width: number): NarrowFloat {
  const { significand, bias, smallest, smallestNormal } = facts;
  const round = rounder(facts);
  const sign = 1 << (width - 1);
  const fraction = significand - 1;
  const infinite = sign - (1 << fraction);
  const quiet = infinite | (1 << (fraction - 1));
  // A double has 20 bits of its significand in the high word, and a bias of 1023.
  const shift = 20 - fraction;
  const rebias = (1023 - bias) << 20;
  let numbers: Float64Array | undefined;
  return {
    bits(x) {
      if (Number.isNaN(x)) return quiet;
      const y = round(x);
      const signed = y < 0 || Object.is(y, -0) ? sign : 0;
      const size = Math.abs(y);
      if (size === Infinity) return signed | infinite;
      // Below the smallest normal number the bits count steps of the smallest one.
      if (size < smallestNormal) return signed | (size / smallest);
      oneDouble[0] = size;
      // Rounding made the bits zero that do not stay.
      return signed | (((itsWords[highWord] ?? outside()) - rebias) >> shift);
    },
    get numbers() {
      numbers ??= numbersOf(facts, width);
      return numbers;
    },
  };
}
