import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DiagnosticError } from '../../src/diagnostics/diagnostic.ts';
import type { ElemType, HostTensor } from '../../src/ir/types.ts';
import { npyBytes, parseNpy } from '../../src/runtime/npy.ts';

const fixture = (name: string): Uint8Array =>
  readFileSync(fileURLToPath(new URL(`../fixtures/runtime/${name}`, import.meta.url)));
const read = (name: string): HostTensor => parseNpy(fixture(name), name);
const ramp = Array.from({ length: 24 }, (_, i) => i * 0.75 - 7);

function codesOf(run: () => unknown): readonly string[] {
  try {
    run();
  } catch (error) {
    if (error instanceof DiagnosticError) return error.diagnostics.map((d) => d.code);
    throw error;
  }
  return [];
}

describe('reading what NumPy wrote', () => {
  it.each(['f32.npy', 'big-endian.npy', 'fortran.npy', 'version2.npy', 'version3.npy'])('%s', (name) => {
    const tensor = read(name);
    expect(tensor.elem).toBe('f32');
    expect(tensor.dims).toEqual([2, 3, 4]);
    expect([...tensor.data]).toEqual(ramp);
  });

  it('reads floats of 2 and 8 bytes', () => {
    expect([...read('f64.npy').data]).toEqual(ramp.map((x) => x / 3));
    const half = read('f16.npy');
    expect(half.elem).toBe('f16');
    expect(half.data[0]).toBe(-2.333984375);
  });

  it('reads integers and booleans', () => {
    expect(read('i64.npy')).toEqual({ elem: 'i64', dims: [4], data: Float64Array.of(-(2 ** 53), -1, 0, 2 ** 53) });
    expect(read('i32.npy')).toEqual({ elem: 'i32', dims: [1, 2], data: Float64Array.of(-(2 ** 31), 2 ** 31 - 1) });
    expect(read('u8.npy')).toEqual({ elem: 'u8', dims: [3], data: Float64Array.of(0, 1, 255) });
    expect(read('bool.npy')).toEqual({ elem: 'bool', dims: [2, 2], data: Float64Array.of(1, 0, 0, 1) });
  });

  it('reads a scalar and an empty array', () => {
    expect(read('scalar.npy')).toEqual({ elem: 'f32', dims: [], data: Float64Array.of(2.5) });
    expect(read('empty.npy')).toEqual({ elem: 'f32', dims: [0, 3], data: new Float64Array() });
  });

  it('refuses what it cannot hold', () => {
    expect(codesOf(() => read('complex.npy'))).toEqual(['RES0821']);
    expect(codesOf(() => read('objects.npy'))).toEqual(['RES0821']);
  });

  it('has integers beyond 2^53 exactly', () => {
    const { data, wide } = read('i64-too-large.npy');
    expect(data.some((v) => Number.isNaN(v))).toBe(true);
    expect(wide?.every((n: bigint, i: number) => Number.isNaN(data[i]) || BigInt(data[i] ?? 0) === n)).toBe(true);
  });
});

describe('damaged files', () => {
  it('reports a cut at every byte', () => {
    const whole = fixture('f32.npy');
    for (let length = 0; length < whole.length; length++) {
      expect(
        codesOf(() => parseNpy(whole.subarray(0, length), 'cut.npy')),
        `cut at ${length}`,
      ).toEqual(['RES0821']);
    }
  });

  it('reports bytes too many', () => {
    const longer = new Uint8Array(fixture('f32.npy').length + 1);
    longer.set(fixture('f32.npy'));
    expect(codesOf(() => parseNpy(longer, 'long.npy'))).toEqual(['RES0821']);
  });

  it('reports a shape that no memory holds', () => {
    const text = new TextDecoder('latin1').decode(fixture('f32.npy')).replace('(2, 3, 4)', '(9999999,9999999)'.slice(0, 9));
    expect(
      codesOf(() =>
        parseNpy(
          Uint8Array.from(text, (c) => c.charCodeAt(0)),
          'shape.npy',
        ),
      ),
    ).toEqual(['RES0821']);
  });

  it('never throws anything but a diagnostic', () => {
    const whole = fixture('version2.npy');
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, byte) => {
        const damaged = whole.slice();
        damaged[at] = byte;
        codesOf(() => parseNpy(damaged, 'damaged.npy'));
      }),
    );
  });
});

describe('writing', () => {
  it('writes the bytes that NumPy writes', () => {
    for (const name of ['f32.npy', 'f64.npy', 'f16.npy', 'i64.npy', 'i32.npy', 'u8.npy', 'bool.npy', 'scalar.npy', 'empty.npy']) {
      const bytes = fixture(name);
      const ours = npyBytes(parseNpy(bytes, name));
      // NumPy reserves room in the header for a growing array, so that only what the header says has to be equal.
      expect(new TextDecoder('latin1').decode(ours.subarray(10, 128)).trim()).toBe(
        new TextDecoder('latin1').decode(bytes.subarray(10, 128)).trim(),
      );
      expect([...ours.subarray(128)]).toEqual([...bytes.subarray(128)]);
    }
  });

  it('reads back what it wrote', () => {
    const elems: readonly ElemType[] = [
      'f32',
      'f64',
      'f16',
      'bf16',
      'i64',
      'i32',
      'i16',
      'i8',
      'u64',
      'u32',
      'u16',
      'u8',
      'bool',
    ];
    for (const elem of elems) {
      const tensor: HostTensor = { elem, dims: [2, 1, 2], data: Float64Array.of(0, 1, 1, 0) };
      const back = parseNpy(npyBytes(tensor), 'x.npy');
      expect(back).toEqual({ ...tensor, elem: elem === 'bf16' ? 'f32' : elem });
    }
  });
});
