/**
 * Inverse trigonometric functions with the same bits on every machine, within an ulp or two of float64. Source: atan is that of
 * FreeBSD's s_atan.c (Sun Microsystems 1993, fdlibm): reduction to |x| < 7/16 at four points, and a polynomial.
 */

import { outside } from '../../diagnostics/at.ts';

const highs = [0.4636476090008061, 0.7853981633974483, 0.982793723247329, 1.5707963267948966] as const;
const lows = [2.2698777452961687e-17, 3.061616997868383e-17, 1.3903311031230998e-17, 6.123233995736766e-17] as const;
const coefficients = [
  0.3333333333333293, -0.19999999999876483, 0.14285714272503466, -0.11111110405462356, 0.09090887133436507, -0.0769187620504483,
  0.06661073137387531, -0.058335701337905735, 0.049768779946159324, -0.036531572744216916, 0.016285820115365782,
] as const;

export function atan(x: number): number {
  if (Number.isNaN(x) || x === 0) return x;
  const size = Math.abs(x);
  const sign = x < 0 ? -1 : 1;
  if (size > 2 ** 66) return sign * (highs[3] + lows[3]);
  if (size < 2 ** -29) return x;
  const [from, t] = reduced(size);
  const z = t * t;
  let sum = 0;
  for (let i = coefficients.length - 1; i >= 0; i--) sum = (coefficients[i] ?? outside()) + z * sum;
  if (from === undefined) return sign * (t - t * z * sum);
  return sign * ((highs[from] ?? outside()) - (t * z * sum - (lows[from] ?? outside()) - t));
}

/** The point that atan is taken from, and the tangent of what is left. */
function reduced(size: number): readonly [number | undefined, number] {
  if (size < 0.4375) return [undefined, size];
  if (size < 0.6875) return [0, (2 * size - 1) / (2 + size)];
  if (size < 1.1875) return [1, (size - 1) / (size + 1)];
  if (size < 2.4375) return [2, (size - 1.5) / (1 + 1.5 * size)];
  return [3, -1 / size];
}

export function asin(x: number): number {
  if (Math.abs(x) > 1) return Number.NaN;
  return Math.abs(x) === 1 ? x * (highs[3] + lows[3]) : atan(x / Math.sqrt((1 - x) * (1 + x)));
}

/** Near 1 by the half angle, where π/2 − asin x would cancel. */
export function acos(x: number): number {
  if (Math.abs(x) > 1) return Number.NaN;
  return x > 0.5 ? 2 * asin(Math.sqrt((1 - x) / 2)) : highs[3] - (asin(x) - lows[3]);
}
