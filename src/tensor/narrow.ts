/**
 * Floats of at most 16 bits, of which JavaScript has no typed array, as their bits and back: a sign, the exponent plus its bias,
 * and the significand without its first bit (IEEE 754-2019, 3.4), which follow from the record of the type (`ir/elem.ts`).
 */
import { outside } from '../diagnostics/at.ts';
import type { FloatFacts } from '../ir/elem.ts';
import { highWord } from '../ir/round.ts';

/** A float type of `width` bits. */
export interface NarrowFloat {
  /** Writes the bits of the number of the type that is nearest to each of `src` into `dst`, which has room for them. */
  encode(src: Float64Array, dst: { [index: number]: number }): void;
  /** The numbers of all bits. */
  readonly numbers: Float64Array;
}

/** What the loop below takes, in its words, for the one in WebAssembly. */
export type NarrowingConstants = readonly [
  shift: number,
  half: number,
  normal: number,
  infinite: number,
  quiet: number,
  magic: number,
];

type Kernel = (src: Float64Array, dst: Uint16Array, how: NarrowingConstants) => boolean;
let kernel: Kernel | undefined;

/**
 * Brings the loop in WebAssembly, which programs with files have; it says whether it rounded. Where there is none, the loop here
 * runs.
 */
export function bringKernel(one: Kernel): void {
  kernel = one;
}

/**
 * How a float type is stored; `width` is at most 16 bits. Its numbers are listed on first use.
 *
 * Rounding to nearest, ties to even, takes the two words of a double and no branch for what weights are. Its high word has the
 * exponent and the first 20 bits of the significand, of which the last `shift` are cut; bits of the low word only say whether
 * something is beyond, and stand in the last bit of the high one. Half a unit less one step, and one more where the last kept bit
 * is odd, carries into what is kept exactly where it rounds up, and from the significand into the exponent, up to infinity. Below
 * the smallest normal number the machine rounds: 2^52 of the smallest numbers have it as the unit of their last place.
 */
export function narrowFloat(facts: FloatFacts, width: number): NarrowFloat {
  const { significand, bias, smallest } = facts;
  const sign = width - 1;
  const fraction = significand - 1;
  const infinite = (1 << sign) - (1 << fraction);
  const quiet = infinite | (1 << (fraction - 1));
  const shift = 20 - fraction;
  // A double has a bias of 1023.
  const rebias = (1023 - bias) << 20;
  const half = (1 << (shift - 1)) - 1 - rebias;
  const normal = rebias + (1 << 20);
  const magic = smallest * 2 ** 52;
  const how: NarrowingConstants = [shift, half, normal, infinite, quiet, magic];
  let numbers: Float64Array | undefined;
  return {
    encode(src, dst) {
      if (width === 16 && dst instanceof Uint16Array && kernel?.(src, dst, how)) return;
      const words = new Int32Array(src.buffer, src.byteOffset, src.length * 2);
      for (let i = 0; i < src.length; i++) {
        const high = words[2 * i + highWord] ?? outside();
        const size = (high & 0x7fffffff) | (words[2 * i + 1 - highWord] === 0 ? 0 : 1);
        dst[i] =
          size > 0x7ff00000
            ? quiet
            : ((high >>> 31) << sign) |
              (size < normal
                ? (Math.abs(src[i] ?? outside()) + magic - magic) / smallest
                : Math.min(infinite, (size + half + ((size >>> shift) & 1)) >> shift));
      }
    },
    get numbers() {
      numbers ??= Float64Array.from({ length: 2 << sign }, (_, bits) => {
        const size = bits % (1 << sign);
        const exponent = Math.max(1, size >> fraction) - 1;
        const x =
          size < infinite ? (size - (exponent << fraction)) * smallest * 2 ** exponent : size > infinite ? Number.NaN : Infinity;
        return bits === size ? x : -x;
      });
      return numbers;
    },
  };
}
