/** The short way of large float32 tensors gives the bytes of the long one. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, it } from 'vitest';
import { openCheckpoint } from '../../src/checkpoint/checkpoint.ts';
import { fileSource } from '../../src/io/node/file-source.ts';
import { add, mul, neg } from '../../src/tensor/arithmetic.ts';
import { fillFloats, type WeightExpr } from '../../src/tensor/expr.ts';
import { along } from '../../src/tensor/movement.ts';
import { encode } from '../../src/tensor/round.ts';
import { floatMagnitudes, floatsFinite, giveRoom, roomFloats, scaleFloats, takeRoom } from '../../src/tensor/simd.ts';
import { adopt } from '../../src/tensor/stored.ts';
import { bytesOf, le } from '../checkpoint/helpers.ts';
import { literal, session } from '../support/tensors.ts';

const [channels, inner] = [7, 9001];
const numbers = Float32Array.from({ length: channels * inner }, (_, i) => Math.sin(i) * 10 ** ((i % 61) - 30));
const folder = mkdtempSync(join(tmpdir(), 'rescc-floats-'));
const path = join(folder, 'w.safetensors');
const header = `{"w":{"dtype":"F32","shape":[${channels},${inner}],"data_offsets":[0,${numbers.length * 4}]}}`;
const text = header.padEnd(Math.ceil(header.length / 8) * 8);
writeFileSync(path, Buffer.concat([bytesOf(le(text.length, 8), text), new Uint8Array(numbers.buffer)]));
const source = fileSource(path);
const room = takeRoom();
afterAll(() => {
  giveRoom(room);
  source.close();
  rmSync(folder, { recursive: true });
});

it('for any range and factors', async () => {
  const entry = (await openCheckpoint(source)).dicts[0]?.tensors.get('w');
  if (!entry) throw new Error('no tensor');
  const stored = adopt(session, entry.expr, entry.name);
  const vector = (values: readonly number[]): WeightExpr =>
    literal({ elem: 'f32', dims: [values.length], data: Float64Array.from(values) });
  const check = (expr: WeightExpr, start: number, end: number): void => {
    // Places that no vector is aligned to are the usual ones.
    const own = room.subarray(3, 3 + end - start);
    expect(fillFloats(expr, start, own)).toBe(true);
    const plain = new Float32Array(end - start);
    expect(fillFloats(expr, start, plain)).toBe(true);
    expect(Buffer.compare(new Uint8Array(plain.buffer), new Uint8Array(own.slice().buffer))).toBe(0);
    const long = new Float64Array(end - start);
    expr.fill(start, long);
    const bytes = new Uint8Array(long.length * 4);
    encode('f32', long, long.length, bytes);
    expect(Buffer.compare(new Uint8Array(plain.buffer), bytes)).toBe(0);
  };
  const double = fc.double({ noNaN: true, min: -1e6, max: 1e6 });
  fc.assert(
    fc.property(
      fc.array(double, { minLength: channels, maxLength: channels }),
      fc.nat(numbers.length),
      fc.nat(numbers.length),
      (factors, a, b) => {
        const [start, end] = [Math.min(a, b), Math.max(a, b)];
        check(stored, start, end);
        check(mul(stored, along(vector(factors), 2, 0)), start, end);
        const tiles = vector(Array.from({ length: inner }, (_, i) => factors[i % channels] ?? 1));
        check(mul(stored, along(tiles, 2, 1)), start, end);
      },
    ),
    { numRuns: 60, seed: 4 },
  );
  // What would be rounded twice, or is something else, goes the long way.
  const scaled = mul(stored, along(vector([1, 2, 3, 4, 5, 6, 7]), 2, 0));
  for (const other of [mul(scaled, along(vector([7, 6, 5, 4, 3, 2, 1]), 2, 0)), add(stored, stored), neg(stored)])
    expect(fillFloats(other, 0, new Float32Array(8))).toBe(false);
});

it('in WebAssembly, to the last element, and sees every number that is not finite', () => {
  expect(room.length).toBe(roomFloats);
  for (const [what, floats] of [
    ['room', room],
    ['plain', new Float32Array(roomFloats)],
  ] as const) {
    floats.fill(3e38);
    expect(floatsFinite(floats), what).toBe(true);
    scaleFloats(floats, 5, roomFloats - 2, 0.1);
    const expected = Math.fround(Math.fround(3e38) * 0.1);
    const edges = [4, 5, roomFloats - 3, roomFloats - 2];
    expect(
      edges.map((i) => floats[i]),
      what,
    ).toEqual([Math.fround(3e38), expected, expected, Math.fround(3e38)]);
    expect(floats.subarray(5, -2).every((x) => x === expected)).toBe(true);
    for (const bad of [Infinity, -Infinity, Number.NaN]) {
      for (const place of [0, 1, 2, 3, 4, 9, 10]) {
        const few = floats.subarray(7, 18).fill(-3e38);
        expect(floatsFinite(few), what).toBe(true);
        few[place] = bad;
        expect(floatsFinite(few), `${what} ${place}`).toBe(false);
      }
    }
    // Two opposite infinities are not finite either, and a product that overflows is infinite.
    const two = floats.subarray(0, 2);
    two.set([Infinity, -Infinity]);
    expect(floatsFinite(two)).toBe(false);
    two.set([3e38, 1]);
    scaleFloats(two, 0, 2, 2);
    expect([...two]).toEqual([Infinity, 2]);
  }
});

it('gives the smallest magnitude but zero and the largest, in WebAssembly and without', () => {
  const bits = new Uint32Array(1);
  const ofBits = new Float32Array(bits.buffer);
  const float = fc.nat(0xffffffff).map((n) => {
    bits[0] = n;
    return ofBits[0] ?? 0;
  });
  const special = fc.constantFrom(0, -0, 2 ** -149, -(2 ** -149), 2 ** -126, 1, -1, -3.4e38, Infinity, -Infinity, Number.NaN);
  const expected = (numbers: readonly number[]): object => {
    const sizes = numbers.map((x) => (Number.isNaN(x) ? Infinity : Math.abs(Math.fround(x))));
    return { smallest: Math.min(...sizes.filter((x) => x > 0)), largest: Math.max(0, ...sizes) };
  };
  const plain = new Float32Array(64);
  fc.assert(
    fc.property(fc.array(fc.oneof(float, special, fc.constant(0)), { maxLength: 40 }), fc.nat(8), (numbers, head) => {
      for (const array of [room, plain]) {
        // What lies around is not looked at.
        array.subarray(0, 64).fill(Number.NaN);
        const own = array.subarray(head, head + numbers.length);
        own.set(numbers);
        expect(floatMagnitudes(own)).toEqual(expected(numbers));
      }
    }),
    { numRuns: 2000, seed: 9 },
  );
  // Each element counts, wherever the vectors end.
  for (const array of [room, plain]) {
    for (let length = 1; length < 20; length++) {
      for (let place = 0; place < length; place++) {
        const own = array.subarray(3, 3 + length).fill(0);
        expect(floatMagnitudes(own)).toEqual({ smallest: Infinity, largest: 0 });
        own[place] = -1e-40;
        const size = Math.fround(1e-40);
        expect(floatMagnitudes(own)).toEqual({ smallest: size, largest: size });
        own.fill(1);
        own[place] = -5;
        if (length > 1) expect(floatMagnitudes(own)).toEqual({ smallest: 1, largest: 5 });
      }
    }
  }
  room.fill(-2);
  expect(floatMagnitudes(room)).toEqual({ smallest: 2, largest: 2 });
  expect(floatMagnitudes(room.subarray(0, 0))).toEqual({ smallest: Infinity, largest: 0 });
});
