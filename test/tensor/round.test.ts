import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { narrowHalves } from '../../src/codegen/node/halves.ts';
import { ieeeFloat, isLossless } from '../../src/ir/elem.ts';
import { roundTo } from '../../src/ir/round.ts';
import { type ElemType, elemBytes, elemTypes } from '../../src/ir/types.ts';
import { bringKernel, type NarrowFloat, narrowFloat } from '../../src/tensor/narrow.ts';
import { decode, encode } from '../../src/tensor/round.ts';

function bytes(elem: ElemType, values: readonly number[], offset = 0): Uint8Array {
  const dst = new Uint8Array(offset + values.length * elemBytes[elem]);
  encode(elem, Float64Array.from(values), values.length, dst, offset);
  return dst.subarray(offset);
}
function back(elem: ElemType, data: Uint8Array, bigEndian = false): readonly number[] {
  const out = new Float64Array(data.length / elemBytes[elem]);
  decode(elem, data, out, bigEndian, 'x');
  return [...out];
}
const word = (data: Uint8Array): number => (data[0] ?? 0) | ((data[1] ?? 0) << 8);

/**
 * The nearest of all finite f16 or bf16 numbers by looking at every one; ties go to the even pattern, past the middle to 2^k to
 * infinity.
 */
function nearestOf(elem: 'f16' | 'bf16'): (x: number) => number {
  const largest = elem === 'f16' ? 0x7bff : 0x7f7f;
  const patterns = Array.from({ length: largest + 1 }, (_, i) => i);
  const sizes = patterns.map((bits) => back(elem, Uint8Array.of(bits & 255, bits >> 8))[0] ?? 0);
  return (x) => {
    const size = Math.abs(x);
    let low = 0;
    let high = largest;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((sizes[middle] ?? 0) <= size) low = middle;
      else high = middle - 1;
    }
    const below = sizes[low] ?? 0;
    const above = low === largest ? below + (below - (sizes[low - 1] ?? 0)) : (sizes[low + 1] ?? 0);
    const up = size - below > above - size || (size - below === above - size && low % 2 === 1);
    const bits = up ? low + 1 : low;
    return bits + (x < 0 || Object.is(x, -0) ? 32768 : 0);
  };
}

describe('rounding', () => {
  it.each(['f16', 'bf16'] as const)('finds the nearest %s of any float64', (elem) => {
    const nearest = nearestOf(elem);
    const scale = elem === 'f16' ? 70000 : 3.5e38;
    const small = elem === 'f16' ? 1e-7 : 1e-40;
    const some = fc.oneof(
      fc.double({ noNaN: true, min: -scale, max: scale }),
      fc.double({ noNaN: true, min: -1, max: 1 }),
      fc.double({ noNaN: true, min: -small, max: small }),
      // Middles between two neighbours, and a hair beside them.
      fc.tuple(fc.nat(elem === 'f16' ? 0x7bfe : 0x7f7e), fc.constantFrom(0, 1e-12, -1e-12)).map(([bits, shift]) => {
        const [a = 0] = back(elem, Uint8Array.of(bits & 255, bits >> 8));
        const [b = 0] = back(elem, Uint8Array.of((bits + 1) & 255, (bits + 1) >> 8));
        return ((a + b) / 2) * (1 + shift);
      }),
    );
    fc.assert(
      fc.property(some, (x) => {
        expect(word(bytes(elem, [x])), `${x}`).toBe(nearest(x));
        const rounded = Float64Array.of(x);
        roundTo(elem, rounded);
        expect(word(bytes(elem, [rounded[0] ?? 0]))).toBe(nearest(x));
      }),
      { numRuns: 4000, seed: 3 },
    );
  });
  it.each([
    ['f16', 11, 15, 0x7c00],
    ['bf16', 8, 127, 0x7f80],
  ] as const)('takes every %s from its middle with the one below to that with the one above', (elem, digits, bias, infinite) => {
    const steps = 2 ** (digits - 1);
    /** Of bits without a sign; infinity's stands for the number that would come behind the largest. */
    const numberOf = (bits: number): number => {
      const exponent = Math.floor(bits / steps);
      return ((exponent === 0 ? 0 : steps) + (bits % steps)) * 2 ** (Math.max(exponent, 1) - bias - digits + 1);
    };
    const word = new BigUint64Array(1);
    const itsDouble = new Float64Array(word.buffer);
    const ofWord = (bits: bigint): number => {
      word[0] = bits;
      return itsDouble[0] ?? 0;
    };
    const beside = (x: number, by: bigint): number => {
      itsDouble[0] = x;
      return ofWord((word[0] ?? 0n) + by);
    };
    const numbers: number[] = [];
    const expected: number[] = [];
    const takes = (x: number, bits: number): void => {
      numbers.push(x, -x);
      expected.push(bits, bits + 0x8000);
    };
    for (let bits = 0; bits < infinite; bits++) {
      const x = numberOf(bits);
      const middle = (x + numberOf(bits + 1)) / 2;
      takes(x, bits);
      takes(beside(x, 1n), bits);
      if (bits > 0) takes(beside(x, -1n), bits);
      takes(beside(middle, -1n), bits);
      takes(middle, bits % 2 === 0 ? bits : bits + 1);
      takes(beside(middle, 1n), bits + 1);
    }
    for (const x of [Infinity, Number.MAX_VALUE, 2 ** 129, numberOf(infinite)]) takes(x, infinite);
    for (const x of [Number.MIN_VALUE, 2 ** -1022, 2 ** -200]) takes(x, 0);
    const src = Float64Array.from(numbers);
    // One after the other by the loop in JavaScript, then all by WebAssembly, at any length.
    const one = new Uint16Array(src.length);
    for (let at = 0; at < src.length; at += 255) {
      const part = src.subarray(at, at + 255);
      one.set(new Uint16Array(bytes(elem, [...part]).slice().buffer), at);
    }
    const wrong = (found: Uint16Array): readonly number[] => numbers.filter((_, i) => found[i] !== expected[i]).slice(0, 5);
    expect(wrong(one)).toEqual([]);
    bringKernel(narrowHalves);
    const all = new Uint8Array(2 * src.length);
    encode(elem, src, src.length, all);
    expect(wrong(new Uint16Array(all.buffer))).toEqual([]);
    for (const length of [255, 256, 257, 258, 259, 131072, 131073]) {
      const some = new Uint8Array(2 * length + 2).fill(9);
      encode(elem, src, length, some);
      expect(Buffer.compare(some.subarray(0, -2), all.subarray(0, 2 * length))).toBe(0);
      expect([...some.subarray(-2)], `${length}`).toEqual([9, 9]);
    }
    // That the second is there at all.
    expect(narrowHalves(src, new Uint16Array(src.length), [10, 0, 0, 0, 0, 0])).toBe(true);
    // Every NaN is the quiet one.
    const nans = new BigUint64Array(512);
    for (const i of nans.keys()) nans[i] = (i % 2 === 0 ? 0x7ff0n : 0xfff0n) * 2n ** 48n + 2n ** BigInt((i >> 1) % 52);
    for (const length of [100, 512]) {
      const some = new Uint8Array(2 * length);
      encode(elem, new Float64Array(nans.buffer), length, some);
      expect([...new Set(new Uint16Array(some.buffer))]).toEqual([infinite + steps / 2]);
    }
  });
  it('keeps every half and every bf16 as it is', () => {
    for (const elem of ['f16', 'bf16'] as const) {
      const all = new Uint8Array(Uint16Array.from({ length: 65536 }, (_, bits) => bits).buffer);
      const values = back(elem, all);
      const again = bytes(elem, values);
      expect(values.flatMap((x, i) => (Number.isNaN(x) || word(again.subarray(2 * i)) === i ? [] : [i]))).toEqual([]);
    }
    expect(word(bytes('f16', [Number.NaN]))).toBe(0x7e00);
    expect(word(bytes('bf16', [Number.NaN]))).toBe(0x7fc0);
  });
  it('writes known patterns', () => {
    expect([...bytes('f32', [1, -2.5])]).toEqual([0, 0, 128, 63, 0, 0, 32, 192]);
    expect([...bytes('f16', [1, -2, 65504, 65520, 2 ** -24, 2 ** -25])]).toEqual([
      0, 0x3c, 0, 0xc0, 0xff, 0x7b, 0, 0x7c, 1, 0, 0, 0,
    ]);
    expect([...bytes('i64', [-1, 4294967296])]).toEqual([255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0, 1, 0, 0, 0]);
    expect([...bytes('i16', [-2])]).toEqual([254, 255]);
    expect([...bytes('bool', [0, 3, Number.NaN])]).toEqual([0, 1, 1]);
  });
  it('round-trips every type at any alignment and byte order', () => {
    const samples: Readonly<Record<ElemType, readonly number[]>> = {
      f32: [1.5, -0, Infinity],
      f64: [0.1, -1e300],
      f16: [0.5, -65504],
      bf16: [1.5, 3.3895313892515355e38],
      i64: [-(2 ** 53), 2 ** 53 - 1, -5],
      i32: [-(2 ** 31), 7],
      i16: [-32768, 9],
      i8: [-128, 127],
      u64: [2 ** 53, 1],
      u32: [2 ** 32 - 1],
      u16: [65535],
      u8: [255],
      bool: [0, 1],
    };
    for (const elem of elemTypes) {
      for (const offset of [0, 1, 3]) {
        const data = bytes(elem, samples[elem], offset);
        expect(back(elem, data), elem).toEqual(samples[elem]);
        // Node's files come as these, whose `slice` is a view.
        expect(back(elem, Buffer.from(data.buffer, data.byteOffset, data.length)), elem).toEqual(samples[elem]);
        const size = elemBytes[elem];
        const swapped = Uint8Array.from(data, (_, i) => data[i - (i % size) + (size - 1 - (i % size))] ?? 0);
        expect(back(elem, swapped, true), `${elem} big-endian`).toEqual(samples[elem]);
      }
    }
  });
  it('refuses integers that cannot be held', () => {
    for (const [elem, x] of [
      ['u8', 256],
      ['u8', -1],
      ['i8', 1.5],
      ['i32', 2 ** 31],
      ['i64', Infinity],
      ['u16', Number.NaN],
      ['i64', 2 ** 54],
    ] as const)
      expect(() => bytes(elem, [x]), `${elem} ${x}`).toThrow('RES0531');
    expect(() => back('i64', Uint8Array.of(1, 0, 0, 0, 0, 0, 0x20, 0))).toThrow('RES0530');
    expect(() => back('u64', Uint8Array.of(255, 255, 255, 255, 255, 255, 255, 255))).toThrow('RES0530');
    expect(back('i64', Uint8Array.of(0, 0, 0, 0, 0, 0, 0x20, 0))).toEqual([2 ** 53]);
  });
  it('calls lossless what is', () => {
    expect(isLossless('bf16', 'f32')).toBe(true);
    expect(isLossless('f32', 'f16')).toBe(false);
    expect(isLossless('bf16', 'f16')).toBe(false);
    expect(isLossless('i32', 'f32')).toBe(false);
  });
});

describe('a narrow float by its record alone', () => {
  const bitsOf = (type: NarrowFloat, x: number): number => {
    const bits = new Uint16Array(1);
    type.encode(Float64Array.of(x), bits);
    return bits[0] ?? 0;
  };
  const tolerance = { limit: 0.1, floor: 0.01 };
  // float8e5m2 of ONNX and the Open Compute Project: five bits of exponent, two of the significand, infinities as in IEEE 754.
  const e5m2 = narrowFloat(ieeeFloat(3, 15, tolerance), 8);
  it('has the numbers of float8e5m2', () => {
    const { numbers } = e5m2;
    expect([0x00, 0x01, 0x03, 0x04, 0x3c, 0x3d, 0x7b, 0x7c, 0xbc, 0xfc].map((bits) => numbers[bits])).toEqual([
      0,
      2 ** -16,
      3 * 2 ** -16,
      2 ** -14,
      1,
      1.25,
      57344,
      Infinity,
      -1,
      -Infinity,
    ]);
    expect([0x7d, 0x7e, 0x7f, 0xff].every((bits) => Number.isNaN(numbers[bits]))).toBe(true);
  });
  it('rounds to the nearest and its ties to even', () => {
    expect([1.1, 1.125, 1.375, 61439, 61440, 2 ** -17, 1.5 * 2 ** -17, -0].map((x) => bitsOf(e5m2, x))).toEqual([
      0x3c, 0x3c, 0x3e, 0x7b, 0x7c, 0x00, 0x01, 0x80,
    ]);
  });
  it.each([
    ['8 bits', ieeeFloat(4, 7, tolerance), 8],
    ['6 bits', ieeeFloat(3, 3, tolerance), 6],
    ['12 bits', ieeeFloat(7, 15, tolerance), 12],
    ['16 bits', ieeeFloat(11, 15, tolerance), 16],
  ] as const)('gives each number of %s the bits that it has', (_, facts, width) => {
    const type = narrowFloat(facts, width);
    for (const [bits, x] of type.numbers.entries()) if (!Number.isNaN(x)) expect(bitsOf(type, x)).toBe(bits);
    const finite = type.numbers.filter(Number.isFinite);
    expect(finite.length).toBe(2 ** width - 2 ** facts.significand);
    expect(Math.max(...finite)).toBe(facts.largest);
  });
});
