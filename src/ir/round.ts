/**
 * Float64 numbers rounded once to what an element type holds: to nearest, ties to even (IEEE 754-2019, 4.3.1). Narrow floats are
 * rounded from float64 directly, because by way of float32 they round twice and differ.
 */
import { outside } from '../diagnostics/at.ts';
import { bug } from '../diagnostics/diagnostic.ts';
import { type ElemType, elemTypes, type FloatElem, type FloatFacts, floatFacts, isFloat } from './elem.ts';

const oneDouble = new Float64Array(1);
const itsWords = new Int32Array(oneDouble.buffer);
oneDouble[0] = 1;
/** Word that holds sign and exponent of a double; 1 on every little-endian machine. */
export const highWord = itsWords[1] === 0x3ff00000 ? 1 : 0;

/** Whether this machine stores the low byte of a number first. */
export const littleEndian = highWord === 1;

/**
 * Nearest number with `digits` significant bits, ties to even, and no finer than 2^`finest`. Adding 1.5·2^52 quanta pushes
 * everything below one quantum out of the significand, so the machine's own rounding does the work; the sum is exact otherwise.
 */
function nearest(x: number, digits: number, finest: number): number {
  oneDouble[0] = x;
  const exponent = (((itsWords[highWord] ?? outside()) >>> 20) & 0x7ff) - 1023;
  if (exponent === 1024) return x;
  const quantum = Math.max(exponent - digits + 1, finest);
  // Beyond ±2^900 nothing can be a number of these types but infinity, which the callers test for.
  if (quantum > 900) return x;
  itsWords[highWord] = ((1075 + quantum) << 20) | 0x80000;
  itsWords[1 - highWord] = 0;
  const magic = oneDouble[0] ?? outside();
  const rounded = x + magic - magic;
  // A sum that is zero is +0; the sign of x is kept.
  return rounded === 0 ? x * 0 : rounded;
}

type Rounder = (x: number) => number;

/** Constants of a closure, not fields of a record, because loops over many numbers take half the time so. */
export function rounder({ significand, finest, overflow }: FloatFacts): Rounder {
  return (x) => {
    const y = nearest(x, significand, finest);
    return y >= overflow ? Infinity : y <= -overflow ? -Infinity : y;
  };
}

/**
 * float64 is what all is computed in, and float32 is what the machine rounds to itself; the others are rounded by their facts.
 */
const rounders: Readonly<Partial<Record<ElemType, Rounder>>> = Object.fromEntries(
  elemTypes.filter(isFloat).map((elem): readonly [FloatElem, Rounder] => {
    const { significand } = floatFacts(elem);
    return [elem, significand === 53 ? (x) => x : significand === 24 ? Math.fround : rounder(floatFacts(elem))];
  }),
);

/** The function that rounds to a float type, for loops over many numbers. */
export function rounderOf(elem: FloatElem): Rounder {
  return rounders[elem] ?? bug(`${elem} is no float`);
}

/** The number of a float type nearest to a float64, of which there may be an infinite one. */
export function roundFloat(elem: FloatElem, value: number): number {
  return rounderOf(elem)(value);
}

/**
 * Rounds each number to what `elem` can hold: floats to nearest, integers towards zero, booleans to 0 and 1. Ranges of integers
 * are checked when they are encoded.
 */
export function roundTo(elem: ElemType, out: Float64Array): void {
  if (elem === 'f64') return;
  if (elem === 'f32') for (let i = 0; i < out.length; i++) out[i] = Math.fround(out[i] ?? outside());
  else if (elem === 'bool') for (let i = 0; i < out.length; i++) out[i] = out[i] === 0 ? 0 : 1;
  else if (isFloat(elem)) {
    const round = rounderOf(elem);
    for (let i = 0; i < out.length; i++) out[i] = round(out[i] ?? outside());
  } else for (let i = 0; i < out.length; i++) out[i] = Math.trunc(out[i] ?? outside()) + 0;
}
