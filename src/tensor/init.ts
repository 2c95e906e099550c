/**
 * Initial values of parameters. Element i of a tensor depends on (seed, path, i) alone, through a counter-based generator keyed
 * with 64 bits of (seed, path): a 32-bit key alone would let tensors share runs of numbers. Normal numbers go through the inverse
 * of the normal distribution function by a table, of which what is asked for is made.
 *
 * Bytes are the same on every machine: only + − × ÷, sqrt, imul, clz32 and shifts are used, because Math.log, exp and pow differ
 * between engines.
 *
 * Sources: mixing constants of lowbias32 (C. Wellons, "Prospecting for Hash Functions", 2018) and MurmurHash3's finaliser (A.
 * Appleby); the quantile function is algorithm AS 241, PPND16 (M. Wichura, Applied Statistics 37, 1988), 1e-16 relative; fans and
 * bounds as in torch.nn.init.
 */
import { outside } from '../diagnostics/at.ts';
import { unreachable } from '../diagnostics/diagnostic.ts';
import { fmix32 } from '../ir/hash.ts';
import type { InitSpec } from '../ops/params.ts';

/**
 * Natural logarithm of 0 < x < 1, to about 1e-16: halved into [0.5, 1), then 2·artanh((m−1)/(m+1)) by its series. For making
 * tables only.
 */
function naturalLog(x: number): number {
  let m = x;
  let halvings = 0;
  while (m < 1 / 512) {
    m *= 256;
    halvings += 8;
  }
  while (m < 0.5) {
    m *= 2;
    halvings++;
  }
  const q = (m - 1) / (m + 1);
  let sum = 0;
  let power = q;
  for (let k = 1; k < 60; k += 2) {
    const next = sum + power / k;
    // What follows is less, and has the same sign.
    if (next === sum) break;
    sum = next;
    power *= q * q;
  }
  return 2 * sum - halvings * Math.LN2;
}

function polynomial(coefficients: readonly number[], x: number): number {
  let sum = 0;
  for (let i = coefficients.length - 1; i >= 0; i--) sum = sum * x + (coefficients[i] ?? outside());
  return sum;
}

const middleTop = [
  3.3871328727963665, 133.14166789178438, 1971.5909503065513, 13731.69376550946, 45921.95393154987, 67265.7709270087,
  33430.57558358813, 2509.0809287301227,
];
const middleBottom = [
  1, 42.31333070160091, 687.1870074920579, 5394.196021424751, 21213.794301586597, 39307.89580009271, 28729.085735721943,
  5226.495278852546,
];
const outerTop = [
  1.4234371107496835, 4.630337846156546, 5.769497221460691, 3.6478483247632045, 1.2704582524523684, 0.2417807251774506,
  0.022723844989269184, 0.0007745450142783414,
];
const outerBottom = [
  1, 2.053191626637759, 1.6763848301838038, 0.6897673349851, 0.14810397642748008, 0.015198666563616457, 0.0005475938084995345,
  1.0507500716444169e-9,
];
const tailTop = [
  6.657904643501103, 5.463784911164114, 1.7848265399172913, 0.29656057182850487, 0.026532189526576124, 0.0012426609473880784,
  2.7115555687434876e-5, 2.0103343992922881e-7,
];
const tailBottom = [
  1, 0.599832206555888, 0.1369298809227358, 0.014875361290850615, 0.0007868691311456133, 1.8463183175100548e-5,
  1.421511758316446e-7, 2.0442631033899397e-15,
];

/** The number that a standard normal variable stays below with probability p, 0 < p < 1. */
export function normalQuantile(p: number): number {
  const q = p - 0.5;
  if (Math.abs(q) <= 0.425) {
    const r = 0.180625 - q * q;
    return (q * polynomial(middleTop, r)) / polynomial(middleBottom, r);
  }
  const r = Math.sqrt(-naturalLog(q < 0 ? p : 1 - p));
  const size =
    r <= 5
      ? polynomial(outerTop, r - 1.6) / polynomial(outerBottom, r - 1.6)
      : polynomial(tailTop, r - 5) / polynomial(tailBottom, r - 5);
  return q < 0 ? -size : size;
}

const cellsPerOctave = 64;
let quantiles: Float64Array | undefined;

/**
 * Quadratic pieces of −quantile((v + 0.5) / 2^32) for 31-bit v: an octave per count of leading zeros (1 to 32), 64 cells each,
 * three coefficients per cell, the first of which is above 0, and 0 where nobody has asked for the octave yet. Its error is below
 * 2e-6 of the value, its jumps from cell to cell below that.
 */
function quantileTable(): Float64Array {
  quantiles ??= new Float64Array(33 * cellsPerOctave * 3);
  return quantiles;
}

function makeOctave(table: Float64Array, zeros: number): void {
  // That of 32 zeros is 0 alone.
  const octaveStart = (1 << 30) >>> (zeros - 1);
  /** Where cell `place` begins, or in between. */
  const at = (place: number): number => {
    const v = octaveStart * (1 + place / cellsPerOctave);
    return -normalQuantile((v + 0.5) / 4294967296);
  };
  let left = at(0);
  for (let cell = 0; cell < cellsPerOctave; cell++) {
    const middle = at(cell + 0.5);
    // The last cell of the first octave ends at p = 0.5, where the value is 0 up to half a step.
    const right = at(cell + 1);
    const base = (zeros * cellsPerOctave + cell) * 3;
    table[base] = left;
    table[base + 1] = 4 * middle - 3 * left - right;
    table[base + 2] = 2 * left + 2 * right - 4 * middle;
    left = right;
  }
}

interface Key {
  readonly first: number;
  readonly second: number;
}

/** 64 bits of (seed, path): two chains over the path's UTF-16 code units that feed each other. */
export function keyOf(seed: number, path: string): Key {
  const high = Math.floor(seed / 4294967296);
  let first = fmix32((seed >>> 0) ^ 0x9e3779b9);
  let second = fmix32((high >>> 0) ^ 0x7f4a7c15 ^ Math.imul(first, 0x27d4eb2f));
  for (let i = 0; i < path.length; i++) {
    const unit = path.charCodeAt(i);
    first = Math.imul(first ^ unit, 0x01000193) ^ (second >>> 15);
    second = Math.imul(second + unit + 0x165667b1, 0x85ebca77) ^ (first >>> 13);
  }
  first = fmix32(first ^ path.length);
  second = fmix32(second ^ first);
  return { first, second };
}

/** Standard normal numbers times `scale`: elements [start, start + out.length) of the stream of `key`. */
export function fillNormal(key: Key, scale: number, start: number, out: Float64Array): void {
  const table = quantileTable();
  for (let done = 0; done < out.length; ) {
    const page = Math.floor((start + done) / 4294967296);
    const from = (start + done) % 4294967296;
    const run = Math.min(out.length - done, 4294967296 - from);
    const first = key.first | 0;
    const second = (key.second ^ Math.imul(page, 0x632be5ab)) | 0;
    for (let i = 0; i < run; i++) {
      let h = (Math.imul((from + i) | 0, 0x9e3779b9) + first) | 0;
      h = Math.imul(h ^ (h >>> 16), 0x21f0aaad);
      h = Math.imul(h ^ (h >>> 15), 0x735a2d97);
      h = (h ^ (h >>> 15)) + second;
      h = Math.imul(h ^ (h >>> 16), 0x7feb352d);
      h = Math.imul(h ^ (h >>> 15), 0x846ca68b);
      h ^= h >>> 16;
      const v = h >>> 1;
      const zeros = Math.clz32(v);
      const rest = v << zeros;
      // The leading one drops out of `rest << 1`; six bits below it choose the cell and the next 25 the place in it.
      const base = (zeros * 64 + ((rest >>> 25) & 63)) * 3;
      if (table[base] === 0) makeOctave(table, zeros);
      const t = (rest & 0x1ffffff) * 2.9802322387695312e-8;
      const size = (table[base] ?? outside()) + t * ((table[base + 1] ?? outside()) + t * (table[base + 2] ?? outside()));
      // The sign by arithmetic: half the branches on a random bit would be mispredicted.
      out[done + i] = size * (scale * (1 - ((h & 1) << 1)));
    }
    done += run;
  }
}

/** Uniform numbers strictly between −bound and bound, with 32 random bits each. */
export function fillUniform(key: Key, bound: number, start: number, out: Float64Array): void {
  for (let done = 0; done < out.length; ) {
    const page = Math.floor((start + done) / 4294967296);
    const from = (start + done) % 4294967296;
    const run = Math.min(out.length - done, 4294967296 - from);
    const first = key.first | 0;
    const second = (key.second ^ Math.imul(page, 0x632be5ab)) | 0;
    for (let i = 0; i < run; i++) {
      let h = (Math.imul((from + i) | 0, 0x9e3779b9) + first) | 0;
      h = Math.imul(h ^ (h >>> 16), 0x21f0aaad);
      h = Math.imul(h ^ (h >>> 15), 0x735a2d97);
      h = (h ^ (h >>> 15)) + second;
      h = Math.imul(h ^ (h >>> 16), 0x7feb352d);
      h = Math.imul(h ^ (h >>> 15), 0x846ca68b);
      h ^= h >>> 16;
      out[done + i] = ((h | 0) + 0.5) * 4.656612873077393e-10 * bound;
    }
    done += run;
  }
}

/**
 * Inputs and outputs of one unit: weight [out, in/groups, ...kernel] has in/groups·∏kernel and out·∏kernel, as torch counts. A
 * vector is its own length both ways.
 */
export function fansOf(dims: readonly number[]): { readonly fanIn: number; readonly fanOut: number } {
  const [out = 1, within = out, ...kernel] = dims;
  const taps = kernel.reduce((n, k) => n * k, 1);
  return { fanIn: within * taps, fanOut: out * taps };
}

export type Distribution =
  | { readonly kind: 'constant'; readonly value: number }
  | { readonly kind: 'normal'; readonly std: number }
  | { readonly kind: 'uniform'; readonly bound: number };

/**
 * What an initialiser means for a tensor of these dimensions. Without a mode `kaiming_normal` takes the fan-out, as residual
 * networks do, and `kaiming_uniform` the fan-in, as torch does. A fan of 0 belongs to a tensor without elements.
 */
export function distributionOf(init: InitSpec, dims: readonly number[]): Distribution {
  const { scale = 1 } = init;
  const plain = plainDistribution(init, dims);
  if (plain.kind === 'constant') return { kind: 'constant', value: scale * plain.value };
  return plain.kind === 'normal' ? { kind: 'normal', std: scale * plain.std } : { kind: 'uniform', bound: scale * plain.bound };
}

function plainDistribution(init: InitSpec, dims: readonly number[]): Distribution {
  const { fanIn, fanOut } = fansOf(dims);
  const root = (x: number): number => (Number.isFinite(x) ? Math.sqrt(x) : 0);
  switch (init.kind) {
    case 'zeros':
      return { kind: 'constant', value: 0 };
    case 'ones':
      return { kind: 'constant', value: 1 };
    case 'fill':
      return { kind: 'constant', value: init.value ?? 0 };
    case 'normal':
      return { kind: 'normal', std: init.value ?? 1 };
    case 'uniform':
      return { kind: 'uniform', bound: init.value ?? 1 };
    case 'kaiming_normal':
      return { kind: 'normal', std: root(2 / (init.mode === 'fan_in' ? fanIn : fanOut)) };
    case 'kaiming_uniform':
      return { kind: 'uniform', bound: root(6 / (init.mode === 'fan_out' ? fanOut : fanIn)) };
    case 'xavier_normal':
      return { kind: 'normal', std: root(2 / (fanIn + fanOut)) };
    case 'xavier_uniform':
      return { kind: 'uniform', bound: root(6 / (fanIn + fanOut)) };
    case 'torch_linear_weight':
      return { kind: 'uniform', bound: root(1 / fanIn) };
    case 'torch_linear_bias':
      return { kind: 'uniform', bound: root(1 / (init.value ?? fanIn)) };
    default:
      return unreachable(init.kind);
  }
}

/** A bound on the magnitude of any element: 32 random bits reach 6.3 standard deviations and no further. */
export function largestOf(init: InitSpec, dims: readonly number[]): number {
  const distribution = distributionOf(init, dims);
  switch (distribution.kind) {
    case 'constant':
      return Math.abs(distribution.value);
    case 'normal':
      return 6.5 * Math.abs(distribution.std);
    case 'uniform':
      return Math.abs(distribution.bound);
    default:
      return unreachable(distribution);
  }
}

/** Elements [start, start + out.length) of the tensor at `path`, in float64. */
export function fillInitial(distribution: Distribution, seed: number, path: string, start: number, out: Float64Array): void {
  switch (distribution.kind) {
    case 'constant':
      out.fill(distribution.value);
      return;
    case 'normal':
      return fillNormal(keyOf(seed, path), distribution.std, start, out);
    case 'uniform':
      return fillUniform(keyOf(seed, path), distribution.bound, start, out);
    default:
      return unreachable(distribution);
  }
}
