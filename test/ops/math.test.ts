/**
 * The portable functions against the engine's, which are within 1 unit in the last place as well, and against published values.
 */
import { describe, expect, it } from 'vitest';
import { cos, erf, exp, expm1, log, log1p, pow, sin, tan, tanh } from '../../src/ops/math.ts';

const functions = { exp, expm1, log, log1p, sin, cos, tan, tanh };

const view = new DataView(new ArrayBuffer(8));
function place(x: number): bigint {
  view.setFloat64(0, x);
  const bits = view.getBigInt64(0);
  return bits < 0n ? -(bits & 0x7fffffffffffffffn) : bits;
}

/** How many float64 numbers lie between two. */
function apart(a: number, b: number): number {
  if (Object.is(a, b) || (Number.isNaN(a) && Number.isNaN(b))) return 0;
  if (Number.isNaN(a) || Number.isNaN(b)) return Infinity;
  const d = place(a) - place(b);
  return Number(d < 0n ? -d : d);
}

/** Numerical Recipes' 32-bit generator; test numbers need no quality. */
function uniform(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state >>> 0) / 2 ** 32;
  };
}

const special = [
  0,
  -0,
  1,
  -1,
  Infinity,
  -Infinity,
  Number.NaN,
  Number.MIN_VALUE,
  Number.MAX_VALUE,
  -Number.MAX_VALUE,
  2 ** -1022,
  1e22,
  1e300,
];

describe.each(['exp', 'expm1', 'log', 'log1p', 'sin', 'cos', 'tan', 'tanh'] as const)('%s', (name) => {
  const ours = functions[name];
  const theirs = Math[name];
  it('is within 2 units in the last place of the engine', () => {
    const next = uniform(7);
    for (let i = 0; i < 40_000; i++) {
      const sign = name === 'log' ? 1 : Math.sign(next() - 0.5);
      const x = sign * (1 + next()) * 2 ** ((next() - 0.5) * (i % 3 === 0 ? 20 : 200));
      expect(apart(ours(x), theirs(x)), `${name}(${x})`).toBeLessThanOrEqual(2);
    }
  });
  it('has the special values', () => {
    for (const x of special) expect(apart(ours(x), theirs(x)), `${name}(${x})`).toBeLessThanOrEqual(2);
  });
});

describe('pow', () => {
  it('is within 2 units in the last place of the engine', () => {
    const next = uniform(11);
    for (let i = 0; i < 40_000; i++) {
      const x = (1 + next()) * 2 ** ((next() - 0.5) * 20);
      const y = (next() - 0.5) * 2 ** (next() * (i % 4 === 0 ? 40 : 8));
      expect(apart(pow(x, y), x ** y), `${x} ** ${y}`).toBeLessThanOrEqual(2);
    }
  });
  it('has the special values', () => {
    for (const x of [...special, -2, 0.5, -0.5]) {
      for (const y of [...special, 2, 3, -3, 0.5, 1.5]) {
        // C, ONNX and NumPy say 1 where ECMAScript says NaN.
        const one = (x === 1 && !Number.isFinite(y)) || (x === -1 && Math.abs(y) === Infinity);
        expect(apart(pow(x, y), one ? 1 : x ** y), `${x} ** ${y}`).toBeLessThanOrEqual(1);
      }
    }
    expect(pow(2, -1074)).toBe(Number.MIN_VALUE);
    expect(pow(2, -1076)).toBe(0);
    expect(pow(2, 1024)).toBe(Infinity);
  });
});

describe('erf', () => {
  it('has the values of tables', () => {
    // Abramowitz and Stegun, table 7.1, and CPython's math.erf for the digits beyond it.
    const known: readonly (readonly [number, number])[] = [
      [0, 0],
      [0.1, 0.1124629160182849],
      [0.5, 0.5204998778130465],
      [0.9, 0.7969082124228322],
      [1, 0.8427007929497149],
      [1.3, 0.9340079449406524],
      [2, 0.9953222650189527],
      [3, 0.9999779095030014],
      [4, 0.9999999845827421],
      [5.5, 0.9999999999999927],
      [7, 1],
      [Infinity, 1],
    ];
    for (const [x, y] of known) {
      expect(apart(erf(x), y), `erf(${x})`).toBeLessThanOrEqual(1);
      expect(apart(erf(-x), -y), `erf(${-x})`).toBeLessThanOrEqual(1);
    }
    expect(erf(Number.NaN)).toBeNaN();
  });
  it('is the sum of its series near 0', () => {
    for (let x = 0.01; x < 2; x += 0.037) {
      let term = x;
      let sum = x;
      for (let n = 1; n < 80; n++) {
        term *= (-x * x) / n;
        sum += term / (2 * n + 1);
      }
      expect(Math.abs((erf(x) * Math.sqrt(Math.PI)) / 2 - sum)).toBeLessThan(1e-14);
    }
  });
});

it('reduces large arguments by all of their bits', () => {
  // glibc, and Ng 1992, "Argument reduction for huge arguments: good to the last bit".
  expect(sin(1e22)).toBe(-0.8522008497671888);
  expect(apart(cos(1e22), 0.5232147853951389)).toBeLessThanOrEqual(1);
});
