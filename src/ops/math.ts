/**
 * Elementary functions that give the same bits on every JavaScript engine. The standard leaves the last bits of `Math.exp` and
 * its kind to the engine, but folded constants are written into files whose bytes must not depend on it. Only + − × ÷,
 * `Math.sqrt`, `Math.imul`, `Math.clz32` and views of bits are used, all of which are exactly specified. One file, because its
 * functions share their steps.
 *
 * Method and coefficients: FDLIBM 5.3 (Sun Microsystems 1993), e_exp.c, e_log.c, s_expm1.c, s_log1p.c, k_sin.c, k_cos.c, k_tan.c,
 * e_rem_pio2.c, s_tanh.c, e_pow.c, s_erf.c; each is within 1 unit in the last place of the true value there. Only the reduction
 * of arguments beyond 2^20 differs: it multiplies by 2/π in integers of 1,400 bits, which Machin's formula gives.
 */

import { outside } from '../diagnostics/at.ts';

const view = new DataView(new ArrayBuffer(8));

/** The upper half of a double: sign, exponent and 20 bits of the fraction. */
function highWord(x: number): number {
  view.setFloat64(0, x);
  return view.getInt32(0);
}

function lowWord(x: number): number {
  view.setFloat64(0, x);
  return view.getInt32(4);
}

function fromWords(high: number, low: number): number {
  view.setInt32(0, high);
  view.setInt32(4, low);
  return view.getFloat64(0);
}

/** The same number with other upper bits. */
function withHigh(x: number, high: number): number {
  view.setFloat64(0, x);
  view.setInt32(0, high);
  return view.getFloat64(0);
}

/** The same number with its lower 32 bits cleared. */
function headOf(x: number): number {
  view.setFloat64(0, x);
  view.setInt32(4, 0);
  return view.getFloat64(0);
}

/** 2^n for −1022 ≤ n ≤ 1023. */
function powerOfTwo(n: number): number {
  return fromWords((n + 1023) << 20, 0);
}

// `**` is one of the functions whose last bits are the engine's.
const twoToMinus1022 = powerOfTwo(-1022);
const twoToMinus1000 = powerOfTwo(-1000);
const twoToMinus55 = powerOfTwo(-55);
const twoToMinus54 = powerOfTwo(-54);
const twoToMinus29 = powerOfTwo(-29);
const twoToMinus28 = powerOfTwo(-28);
const twoToMinus27 = powerOfTwo(-27);
const twoToMinus20 = powerOfTwo(-20);
const twoTo20 = powerOfTwo(20);
const twoTo31 = powerOfTwo(31);
const twoTo53 = powerOfTwo(53);
const twoTo54 = powerOfTwo(54);
const twoTo64 = powerOfTwo(64);

/** x · 2^n, rounded once also where the result is subnormal. */
function scaleBy(x: number, n: number): number {
  let y = x;
  let k = n;
  while (k > 1023) {
    y *= powerOfTwo(1023);
    k -= 1023;
  }
  if (k < -1022) {
    // A factor above 2^-1022 first would round twice, so the last step takes all that leaves the normal range.
    y *= powerOfTwo(-969);
    k += 969;
    if (k < -1022) {
      y *= powerOfTwo(-969);
      k += 969;
    }
    if (k < -1022) return y * 0;
  }
  return y * powerOfTwo(k);
}

const ln2High = 0.6931471803691238;
const ln2Low = 1.9082149292705877e-10;
const overLn2 = Math.LOG2E;

/** e^x. */
export function exp(x: number): number {
  if (Number.isNaN(x)) return x;
  if (x > 709.782712893384) return Infinity;
  if (x < -745.1332191019411) return 0;
  const size = Math.abs(x);
  if (size < twoToMinus28) return 1 + x;
  let k = 0;
  let high = x;
  let low = 0;
  if (size > 0.5 * Math.LN2) {
    k = size < 1.5 * Math.LN2 ? (x < 0 ? -1 : 1) : (overLn2 * x + (x < 0 ? -0.5 : 0.5)) | 0;
    high = x - k * ln2High;
    low = k * ln2Low;
  }
  const r = high - low;
  const t = r * r;
  const c =
    r -
    t *
      (0.16666666666666602 +
        t * (-0.0027777777777015593 + t * (6.613756321437934e-5 + t * (-1.6533902205465252e-6 + t * 4.1381367970572385e-8))));
  if (k === 0) return 1 - ((r * c) / (c - 2) - r);
  return scaleBy(1 - (low - (r * c) / (2 - c) - high), k);
}

/** e^x − 1 without losing what is small. */
export function expm1(x: number): number {
  if (Number.isNaN(x)) return x;
  const size = Math.abs(x);
  if (x > 709.782712893384) return Infinity;
  if (x < -56 * Math.LN2) return -1;
  if (size < twoToMinus54) return x;
  let k = 0;
  let y = x;
  let c = 0;
  if (size > 0.5 * Math.LN2) {
    k = size < 1.5 * Math.LN2 ? (x < 0 ? -1 : 1) : (overLn2 * x + (x < 0 ? -0.5 : 0.5)) | 0;
    const high = x - k * ln2High;
    const low = k * ln2Low;
    y = high - low;
    c = high - y - low;
  }
  const hfx = 0.5 * y;
  const hxs = y * hfx;
  const r1 =
    1 +
    hxs *
      (-0.03333333333333313 +
        hxs *
          (0.0015873015872548146 + hxs * (-7.93650757867488e-5 + hxs * (4.008217827329362e-6 + hxs * -2.0109921818362437e-7))));
  const t = 3 - r1 * hfx;
  let e = hxs * ((r1 - t) / (6 - y * t));
  if (k === 0) return y - (y * e - hxs);
  e = y * (e - c) - c - hxs;
  if (k === -1) return 0.5 * (y - e) - 0.5;
  if (k === 1) return y < -0.25 ? -2 * (e - (y + 0.5)) : 1 + 2 * (y - e);
  if (k <= -2 || k > 56) return scaleBy(1 - (e - y), k) - 1;
  if (k < 20) return scaleBy(1 - powerOfTwo(-k) - (e - y), k);
  return scaleBy(y - (e + powerOfTwo(-k)) + 1, k);
}

function logSeries(s: number): number {
  const z = s * s;
  const w = z * z;
  const t1 = w * (0.3999999999940942 + w * (0.22222198432149784 + w * 0.15313837699209373));
  const t2 = z * (0.6666666666666735 + w * (0.2857142874366239 + w * (0.1818357216161805 + w * 0.14798198605116586)));
  return t1 + t2;
}

/** Natural logarithm; NaN below 0, −Infinity at 0. */
export function log(value: number): number {
  if (Number.isNaN(value) || value < 0) return Number.NaN;
  if (value === 0) return -Infinity;
  if (value === Infinity) return value;
  let x = value;
  let k = 0;
  if (x < twoToMinus1022) {
    k = -54;
    x *= twoTo54;
  }
  const word = highWord(x);
  k += (word >> 20) - 1023;
  const fraction = word & 0x000fffff;
  // Moves the fraction into [√2/2, √2).
  const i = (fraction + 0x95f64) & 0x100000;
  x = withHigh(x, fraction | (i ^ 0x3ff00000));
  k += i >> 20;
  const f = x - 1;
  if (f === 0) return k === 0 ? 0 : k * ln2High + k * ln2Low;
  if (Math.abs(f) < twoToMinus20) {
    const r = f * f * (0.5 - 0.3333333333333333 * f);
    return k === 0 ? f - r : k * ln2High - (r - k * ln2Low - f);
  }
  const s = f / (2 + f);
  const r = logSeries(s);
  if (((fraction - 0x6147a) | (0x6b851 - fraction)) > 0) {
    const half = 0.5 * f * f;
    if (k === 0) return f - (half - s * (half + r));
    return k * ln2High - (half - (s * (half + r) + k * ln2Low) - f);
  }
  if (k === 0) return f - s * (f - r);
  return k * ln2High - (s * (f - r) - k * ln2Low - f);
}

/** log(1 + x) without losing what is small. */
export function log1p(x: number): number {
  if (Number.isNaN(x) || x < -1) return Number.NaN;
  if (x === -1) return -Infinity;
  if (x === Infinity) return x;
  const size = Math.abs(x);
  if (size < twoToMinus54) return x;
  if (size < twoToMinus29) return x - x * x * 0.5;
  let k = 0;
  let f = x;
  let word = 1;
  let c = 0;
  if (x <= -0.2928932188134524 || x >= 0.41421356237309503) {
    let u = x;
    if (x < twoTo53) {
      u = 1 + x;
      word = highWord(u);
      k = (word >> 20) - 1023;
      c = (k > 0 ? 1 - (u - x) : x - (u - 1)) / u;
    } else {
      word = highWord(u);
      k = (word >> 20) - 1023;
    }
    word &= 0x000fffff;
    if (word < 0x6a09e) u = withHigh(u, word | 0x3ff00000);
    else {
      k += 1;
      u = withHigh(u, word | 0x3fe00000);
      word = (0x00100000 - word) >> 2;
    }
    f = u - 1;
  }
  const half = 0.5 * f * f;
  if (word === 0) {
    if (f === 0) return k === 0 ? 0 : k * ln2High + (c + k * ln2Low);
    const r = half * (1 - 0.6666666666666666 * f);
    return k === 0 ? f - r : k * ln2High - (r - (k * ln2Low + c) - f);
  }
  const s = f / (2 + f);
  const r = logSeries(s);
  if (k === 0) return f - (half - s * (half + r));
  return k * ln2High - (half - (s * (half + r) + (k * ln2Low + c)) - f);
}

/** sin on [−π/4, π/4] of x + tail. */
function sinKernel(x: number, tail: number): number {
  if (Math.abs(x) < twoToMinus27) return x;
  const z = x * x;
  const v = z * x;
  const r =
    0.00833333333332249 +
    z * (-0.0001984126982985795 + z * (2.7557313707070068e-6 + z * (-2.5050760253406863e-8 + z * 1.58969099521155e-10)));
  return x - (z * (0.5 * tail - v * r) - tail - v * -0.16666666666666632);
}

function cosKernel(x: number, tail: number): number {
  const size = Math.abs(x);
  if (size < twoToMinus27) return 1;
  const z = x * x;
  const r =
    z *
    (0.0416666666666666 +
      z *
        (-0.001388888888887411 +
          z * (2.480158728947673e-5 + z * (-2.7557314351390663e-7 + z * (2.087572321298175e-9 + z * -1.1359647557788195e-11)))));
  if (size < 0.3) return 1 - (0.5 * z - (z * r - x * tail));
  const quarter = size > 0.78125 ? 0.28125 : fromWords(highWord(size) - 0x00200000, 0);
  const half = 0.5 * z - quarter;
  return 1 - quarter - (half - (z * r - x * tail));
}

const tanTerms = [
  0.3333333333333341, 0.13333333333320124, 0.05396825397622605, 0.021869488294859542, 0.0088632398235993, 0.0035920791075913124,
  0.0014562094543252903, 0.0005880412408202641, 0.0002464631348184699, 7.817944429395571e-5, 7.140724913826082e-5,
  -1.8558637485527546e-5, 2.590730518636337e-5,
] as const;

/** tan(x + tail) on [−π/4, π/4], or −1/tan of it where `reciprocal`. */
function tanKernel(value: number, valueTail: number, reciprocal: boolean): number {
  let x = value;
  let tail = valueTail;
  const negative = x < 0;
  const large = Math.abs(x) >= 0.67434;
  if (Math.abs(x) < twoToMinus28 && !reciprocal) return x;
  if (large) {
    if (negative) {
      x = -x;
      tail = -tail;
    }
    x = 0.7853981633974483 - x + (3.061616997868383e-17 - tail);
    tail = 0;
  }
  const z = x * x;
  const w = z * z;
  const T = tanTerms;
  let r = T[1] + w * (T[3] + w * (T[5] + w * (T[7] + w * (T[9] + w * T[11]))));
  const v = z * (T[2] + w * (T[4] + w * (T[6] + w * (T[8] + w * (T[10] + w * T[12])))));
  const s = z * x;
  r = tail + z * (s * (r + v) + tail);
  r += T[0] * s;
  const sum = x + r;
  if (large) {
    const sign = reciprocal ? -1 : 1;
    return (negative ? -1 : 1) * (sign - 2 * (x - ((sum * sum) / (sum + sign) - r)));
  }
  if (!reciprocal) return sum;
  const head = headOf(sum);
  const rest = r - (head - x);
  const a = -1 / sum;
  const t = headOf(a);
  return t + a * (1 + t * head + t * rest);
}

/** arctan(1/n) · 2^bits, rounded down, by its series. */
function arcTanInverse(n: bigint, bits: bigint): bigint {
  let power = (1n << bits) / n;
  let total = power;
  for (let k = 3n; power !== 0n; k += 2n) {
    power = -power / (n * n);
    total += power / k;
  }
  return total;
}

const piBits = 1400n;
let piScaled: bigint | undefined;

/** π · 2^1400 by Machin: π/4 = 4 arctan(1/5) − arctan(1/239). 64 guard bits take up the rounding of the series. */
function scaledPi(): bigint {
  if (piScaled === undefined) {
    const bits = piBits + 64n;
    piScaled = (4n * (4n * arcTanInverse(5n, bits) - arcTanInverse(239n, bits))) >> 64n;
  }
  return piScaled;
}

interface Reduced {
  /** Modulo 4, in 0 … 3. */
  readonly quarter: number;
  readonly x: number;
  readonly tail: number;
}

/** x = quarter · π/2 + (x' + tail) with |x'| ≤ π/4, for finite x. */
function reduce(value: number): Reduced {
  const size = Math.abs(value);
  const sign = value < 0 ? -1 : 1;
  if (size <= 0.25 * Math.PI) return { quarter: 0, x: value, tail: 0 };
  if (size < twoTo20) {
    const n = (size * 0.6366197723675814 + 0.5) | 0;
    let r = size - n * 1.5707963267341256;
    let w = n * 6.077100506506192e-11;
    let y = r - w;
    const exponent = (highWord(size) >> 20) & 0x7ff;
    // Each further part of π/2 is subtracted when the ones before have cancelled too many bits.
    if (exponent - ((highWord(y) >> 20) & 0x7ff) > 16) {
      let before = r;
      w = n * 6.077100506303966e-11;
      r = before - w;
      w = n * 2.0222662487959506e-21 - (before - r - w);
      y = r - w;
      if (exponent - ((highWord(y) >> 20) & 0x7ff) > 49) {
        before = r;
        w = n * 2.0222662487111665e-21;
        r = before - w;
        w = n * 8.4784276603689e-32 - (before - r - w);
        y = r - w;
      }
    }
    const tail = r - y - w;
    return { quarter: (sign * n) & 3, x: sign * y, tail: sign * tail };
  }
  // size = mantissa · 2^shift with shift ≥ −32; the rest modulo π/2 is taken in integers scaled by 2^1400.
  const shift = ((highWord(size) >> 20) & 0x7ff) - 1075;
  const mantissa = BigInt(size * powerOfTwo(-shift));
  const scaled = mantissa << (piBits + BigInt(shift));
  const halfPi = scaledPi() >> 1n;
  let n = scaled / halfPi;
  let rest = scaled - n * halfPi;
  if (rest > halfPi >> 1n) {
    rest -= halfPi;
    n += 1n;
  }
  // 128 bits of the rest are enough for head and tail; the numbers of size 2^1400 / 2^1300 stay within float64's range.
  const bits = Number(piBits);
  const length = (rest < 0n ? -rest : rest).toString(2).length;
  const cut = Math.max(0, length - 128);
  const top = rest >> BigInt(cut);
  const head = Number(top);
  const tail = Number(top - BigInt(head));
  return {
    quarter: Number(BigInt.asUintN(2, sign < 0 ? -n : n)),
    x: sign * scaleBy(head, cut - bits),
    tail: sign * scaleBy(tail, cut - bits),
  };
}

export function sin(x: number): number {
  if (!Number.isFinite(x)) return Number.NaN;
  const r = reduce(x);
  switch (r.quarter) {
    case 0:
      return sinKernel(r.x, r.tail);
    case 1:
      return cosKernel(r.x, r.tail);
    case 2:
      return -sinKernel(r.x, r.tail);
    default:
      return -cosKernel(r.x, r.tail);
  }
}

export function cos(x: number): number {
  if (!Number.isFinite(x)) return Number.NaN;
  const r = reduce(x);
  switch (r.quarter) {
    case 0:
      return cosKernel(r.x, r.tail);
    case 1:
      return -sinKernel(r.x, r.tail);
    case 2:
      return -cosKernel(r.x, r.tail);
    default:
      return sinKernel(r.x, r.tail);
  }
}

export function tan(x: number): number {
  if (!Number.isFinite(x)) return Number.NaN;
  const r = reduce(x);
  return tanKernel(r.x, r.tail, (r.quarter & 1) === 1);
}

export function tanh(x: number): number {
  if (Number.isNaN(x)) return x;
  const size = Math.abs(x);
  if (size < twoToMinus55) return x;
  let z: number;
  if (size >= 22) z = 1;
  else if (size >= 1) z = 1 - 2 / (expm1(2 * size) + 2);
  else {
    const t = expm1(-2 * size);
    z = -t / (t + 2);
  }
  return x < 0 ? -z : z;
}

/** Coefficients of a polynomial, constant first. */
function horner(x: number, coefficients: readonly number[]): number {
  let out = 0;
  for (let i = coefficients.length - 1; i >= 0; i--) out = out * x + (coefficients[i] ?? outside());
  return out;
}

const erfSmallTop = [
  0.12837916709551256, -0.3250421072470015, -0.02848174957559851, -0.005770270296489442, -2.3763016656650163e-5,
];
const erfSmallBelow = [
  1, 0.39791722395915535, 0.0650222499887673, 0.005081306281875766, 0.00013249473800432164, -3.960228278775368e-6,
];
const erfMiddleTop = [
  -0.0023621185607526594, 0.41485611868374833, -0.3722078760357013, 0.31834661990116175, -0.11089469428239668,
  0.035478304325618236, -0.002166375594868791,
];
const erfMiddleBelow = [
  1, 0.10642088040084423, 0.540397917702171, 0.07182865441419627, 0.12617121980876164, 0.01363708391202905, 0.011984499846799107,
];
const erfcNearTop = [
  -0.009864944034847148, -0.6938585727071818, -10.558626225323291, -62.375332450326006, -162.39666946257347, -184.60509290671104,
  -81.2874355063066, -9.814329344169145,
];
const erfcNearBelow = [
  1, 19.651271667439257, 137.65775414351904, 434.56587747522923, 645.3872717332679, 429.00814002756783, 108.63500554177944,
  6.570249770319282, -0.0604244152148581,
];
const erfcFarTop = [
  -0.0098649429247001, -0.799283237680523, -17.757954917754752, -160.63638485582192, -637.5664433683896, -1025.0951316110772,
  -483.5191916086514,
];
const erfcFarBelow = [
  1, 30.33806074348246, 325.7925129965739, 1536.729586084437, 3199.8582195085955, 2553.0504064331644, 474.52854120695537,
  -22.44095244658582,
];

/** The error function 2/√π ∫₀ˣ e^(−t²) dt. */
export function erf(x: number): number {
  if (Number.isNaN(x)) return x;
  const size = Math.abs(x);
  if (size < 0.84375) {
    if (size < twoToMinus1000) return 0.125 * (8 * x + 1.0270333367641007 * x);
    if (size < twoToMinus28) return x + 0.1283791670955126 * x;
    const z = x * x;
    return x + x * (horner(z, erfSmallTop) / horner(z, erfSmallBelow));
  }
  const sign = x < 0 ? -1 : 1;
  if (size < 1.25) {
    const s = size - 1;
    return sign * (0.8450629115104675 + horner(s, erfMiddleTop) / horner(s, erfMiddleBelow));
  }
  if (size >= 6) return sign;
  const s = 1 / (size * size);
  const ratio =
    size < 1 / 0.35 ? horner(s, erfcNearTop) / horner(s, erfcNearBelow) : horner(s, erfcFarTop) / horner(s, erfcFarBelow);
  const z = headOf(size);
  return sign * (1 - (exp(-z * z - 0.5625) * exp((z - size) * (z + size) + ratio)) / size);
}

/** x^y with the special cases of ECMAScript, except that 1^±Infinity and 1^NaN are 1 as in C and ONNX. */
export function pow(x: number, y: number): number {
  if (y === 0 || x === 1) return 1;
  if (Number.isNaN(x) || Number.isNaN(y)) return Number.NaN;
  const size = Math.abs(x);
  const odd = Number.isInteger(y) && Math.abs(y) < twoTo53 && Math.abs(y) % 2 === 1;
  if (!Number.isFinite(y)) return size === 1 ? 1 : size > 1 === y > 0 ? Infinity : 0;
  if (y === 1) return x;
  if (y === -1) return 1 / x;
  if (y === 2) return x * x;
  if (y === 0.5 && x >= 0) return Math.sqrt(x);
  if (x === -1 && !Number.isInteger(y)) return Number.NaN;
  const sign = (x < 0 || Object.is(x, -0)) && odd ? -1 : 1;
  if (size === 0 || size === Infinity || size === 1) return sign * (y < 0 ? 1 / size : size);
  if (x < 0 && !Number.isInteger(y)) return Number.NaN;
  return sign * positivePower(size, y);
}

/** x^y for finite positive x ≠ 1 and finite y ≠ 0: log2 x and y · log2 x are held in two doubles each. */
function positivePower(x: number, y: number): number {
  const word = highWord(x);
  let t1: number;
  let t2: number;
  if (Math.abs(y) > twoTo31) {
    if (word < 0x3fefffff) return y < 0 ? Infinity : 0;
    if (word > 0x3ff00000) return y > 0 ? Infinity : 0;
    if (Math.abs(y) > twoTo64) return x < 1 === y < 0 ? Infinity : 0;
    // |1 − x| is at most 2^-20 here, where log(x) by x − x²/2 + x³/3 − x⁴/4 is enough.
    const t = x - 1;
    const w = t * t * (0.5 - t * (0.3333333333333333 - t * 0.25));
    const u = 1.4426950216293335 * t;
    const v = t * 1.9259629911266175e-8 - w * overLn2;
    t1 = headOf(u + v);
    t2 = v - (t1 - u);
  } else {
    let a = x;
    let n = 0;
    let high = word;
    if (high < 0x00100000) {
      a *= twoTo53;
      n -= 53;
      high = highWord(a);
    }
    n += (high >> 20) - 0x3ff;
    const fraction = high & 0x000fffff;
    high = fraction | 0x3ff00000;
    // Which of 1 and 1.5 the fraction is near: the series is in (a − bp)/(a + bp).
    let near = 0;
    if (fraction > 0x3988e) {
      if (fraction < 0xbb67a) near = 1;
      else {
        n += 1;
        high -= 0x00100000;
      }
    }
    a = withHigh(a, high);
    const bp = near === 0 ? 1 : 1.5;
    const u = a - bp;
    const v = 1 / (a + bp);
    const ss = u * v;
    const sHigh = headOf(ss);
    const tHigh = fromWords(((high >> 1) | 0x20000000) + 0x00080000 + (near << 18), 0);
    const tLow = a - (tHigh - bp);
    const sLow = v * (u - sHigh * tHigh - sHigh * tLow);
    const s2 = ss * ss;
    let r =
      s2 *
      s2 *
      (0.5999999999999946 +
        s2 *
          (0.4285714285785502 +
            s2 * (0.33333332981837743 + s2 * (0.272728123808534 + s2 * (0.23066074577556175 + s2 * 0.20697501780033842)))));
    r += sLow * (sHigh + ss);
    const square = sHigh * sHigh;
    const th = headOf(3 + square + r);
    const tl = r - (th - 3 - square);
    const uu = sHigh * th;
    const vv = sLow * th + tl * ss;
    const pHigh = headOf(uu + vv);
    const pLow = vv - (pHigh - uu);
    const zHigh = 0.9617967009544373 * pHigh;
    const zLow = -7.028461650952758e-9 * pHigh + pLow * 0.9617966939259756 + (near === 0 ? 0 : 1.350039202129749e-8);
    const dpHigh = near === 0 ? 0 : 0.5849624872207642;
    t1 = headOf(zHigh + zLow + dpHigh + n);
    t2 = zLow - (t1 - n - dpHigh - zHigh);
  }
  const y1 = headOf(y);
  const pLow = (y - y1) * t1 + y * t2;
  let pHigh = y1 * t1;
  const z = pLow + pHigh;
  const j = highWord(z);
  const i = lowWord(z);
  if (j >= 0x40900000) {
    if (((j - 0x40900000) | i) !== 0) return Infinity;
    if (pLow + 8.008566259537294e-17 > z - pHigh) return Infinity;
  } else if ((j & 0x7fffffff) >= 0x4090cc00) {
    if (((j - (0xc090cc00 | 0)) | i) !== 0) return 0;
    if (pLow <= z - pHigh) return 0;
  }
  // 2^(pHigh + pLow) = 2^n · e^r
  let n = 0;
  const size = j & 0x7fffffff;
  let k = (size >> 20) - 0x3ff;
  if (size > 0x3fe00000) {
    n = j + (0x00100000 >> (k + 1));
    k = ((n & 0x7fffffff) >> 20) - 0x3ff;
    const whole = fromWords(n & ~(0x000fffff >> k), 0);
    n = ((n & 0x000fffff) | 0x00100000) >> (20 - k);
    if (j < 0) n = -n;
    pHigh -= whole;
  }
  const t = headOf(pLow + pHigh);
  const u = t * 0.6931471824645996;
  const v = (pLow - (t - pHigh)) * Math.LN2 + t * -1.904654299957768e-9;
  const s = u + v;
  const w = v - (s - u);
  const q = s * s;
  const c =
    s -
    q *
      (0.16666666666666602 +
        q * (-0.0027777777777015593 + q * (6.613756321437934e-5 + q * (-1.6533902205465252e-6 + q * 4.1381367970572385e-8))));
  const r = (s * c) / (c - 2) - (w + s * w);
  return scaleBy(1 - (r - s), n);
}
