/**
 * Every fact of every element type against something else that knows it: onnx.proto, typed arrays, all bit patterns, or a list by
 * hand.
 */

import { onnx } from 'onnx-proto';
import { Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import {
  dataTypeName,
  type ElemType,
  elemFacts,
  elemOfDataType,
  elemTypes,
  floatFacts,
  integerRange,
  isFloat,
  isLossless,
  isUnsigned,
  isWideElem,
  otherElem,
  otherElems,
} from '../../src/ir/elem.ts';
import { roundFloat, roundTo } from '../../src/ir/round.ts';
import { decode } from '../../src/tensor/round.ts';

/**
 * What NumPy, safetensors and PyTorch say: numpy.dtype(…).str, safetensors' `Dtype`, torch/storage.py; and each type's name in
 * onnx.proto.
 */
const documented: Readonly<
  Record<ElemType, readonly [onnx: string, dtype: string, numpy: string, safetensors: string, torch: string]>
> = {
  f32: ['FLOAT', 'float32', '<f4', 'F32', 'FloatStorage'],
  f16: ['FLOAT16', 'float16', '<f2', 'F16', 'HalfStorage'],
  bf16: ['BFLOAT16', 'bfloat16', '', 'BF16', 'BFloat16Storage'],
  f64: ['DOUBLE', 'float64', '<f8', 'F64', 'DoubleStorage'],
  i64: ['INT64', 'int64', '<i8', 'I64', 'LongStorage'],
  i32: ['INT32', 'int32', '<i4', 'I32', 'IntStorage'],
  i16: ['INT16', 'int16', '<i2', 'I16', 'ShortStorage'],
  i8: ['INT8', 'int8', '|i1', 'I8', 'CharStorage'],
  u64: ['UINT64', 'uint64', '<u8', 'U64', ''],
  u32: ['UINT32', 'uint32', '<u4', 'U32', ''],
  u16: ['UINT16', 'uint16', '<u2', 'U16', ''],
  u8: ['UINT8', 'uint8', '|u1', 'U8', 'ByteStorage'],
  bool: ['BOOL', 'bool', '|b1', 'BOOL', 'BoolStorage'],
};
/** Every number of a float type of 16 bits. */
function numbersOf(elem: 'f16' | 'bf16'): Float64Array {
  const out = new Float64Array(65536);
  decode(elem, new Uint8Array(Uint16Array.from(out, (_, i) => i).buffer), out);
  return out;
}

describe('the record of an element type', () => {
  it.each(elemTypes)('%s has the number, name and field of onnx.proto', (elem) => {
    const facts = elemFacts[elem];
    const [name] = documented[elem];
    const enumeration: Readonly<Record<string, unknown>> = { ...onnx.TensorProto.DataType, BFLOAT16: 16 };
    expect(enumeration[name]).toBe(facts.onnx);
    // The ONNX text syntax (onnx/defs/parser.h, PrimitiveTypeNameMap) has the same words in small letters.
    expect(facts.onnxName).toBe(name.toLowerCase());
    expect(elemOfDataType(facts.onnx)).toBe(elem);
    expect(dataTypeName(facts.onnx)).toBe(facts.onnxName);
    // The comments of TensorProto: which field holds which types.
    const fields = {
      float_data: ['FLOAT'],
      int32_data: ['INT32', 'INT16', 'INT8', 'UINT16', 'UINT8', 'BOOL', 'FLOAT16', 'BFLOAT16'],
      int64_data: ['INT64'],
      double_data: ['DOUBLE'],
      uint64_data: ['UINT32', 'UINT64'],
    };
    expect(fields[facts.onnxField]).toContain(name);
  });
  it.each(elemTypes)('%s has the names of the other formats', (elem) => {
    const { dtype, numpy, safetensors, torchStorage, bytes } = elemFacts[elem];
    const [, said, string, tensors, storage] = documented[elem];
    expect([dtype, safetensors, torchStorage ?? '']).toEqual([said, tensors, storage]);
    expect(numpy === undefined ? '' : (bytes === 1 ? '|' : '<') + numpy).toBe(string);
  });
  it.each(elemTypes)('%s has the range and the bytes of its array', (elem) => {
    const { array, bytes, integers, exchanged, dtype } = elemFacts[elem];
    expect(array.BYTES_PER_ELEMENT).toBe(bytes);
    if (exchanged && elem !== 'f16') {
      // onnxruntime takes it under this name as this array; halves are Uint16Array or Float16Array by the engine's age.
      const tensor = new Tensor(dtype as 'float32', new array(2) as Float32Array, [2]);
      expect([tensor.type, tensor.data.constructor]).toEqual([dtype, array]);
    }
    if (!integers || elem === 'bool') return;
    const held = (x: number | bigint): number => {
      const one = isWideElem(elem) ? (array as typeof BigInt64Array).of(BigInt(x)) : (array as typeof Int8Array).of(Number(x));
      return Number(one[0]);
    };
    expect(held(-1) === -1).toBe(!isUnsigned(elem));
    const [low, high] = integers;
    // The ends are held, and what lies behind them wraps around to the other end.
    const [bottom, top] = isWideElem(elem) ? [BigInt(low), BigInt(high) - 1n] : [low, high];
    expect([held(bottom), held(top)]).toEqual([low, high]);
    expect(held(typeof top === 'bigint' ? top + 1n : top + 1)).toBe(low);
  });
  it.each(elemTypes.filter(isFloat))('%s has the numbers of its bit patterns', (elem) => {
    const facts = floatFacts(elem);
    let [largest, smallest, normal, step] = [0, Infinity, Infinity, 0];
    if (facts && (elem === 'f16' || elem === 'bf16')) {
      const all = numbersOf(elem)
        .filter((x) => x > 0 && Number.isFinite(x))
        .sort();
      largest = all.at(-1) ?? 0;
      smallest = all[0] ?? 0;
      step = (all.find((x) => x > 1) ?? 0) - 1;
      // Above the smallest normal number, steps grow with the number.
      normal = all.find((x, i) => i > 0 && (all[i + 1] ?? 0) / x - 1 <= step) ?? 0;
    } else {
      const view = new DataView(new ArrayBuffer(8));
      const bits = (high: number, low: number): number => {
        if (elem === 'f32') view.setUint32(0, high);
        else view.setBigUint64(0, (BigInt(high) << 32n) | BigInt(low));
        return elem === 'f32' ? view.getFloat32(0) : view.getFloat64(0);
      };
      largest = elem === 'f32' ? bits(0x7f7fffff, 0) : bits(0x7fefffff, 0xffffffff);
      smallest = elem === 'f32' ? bits(1, 0) : bits(0, 1);
      normal = elem === 'f32' ? bits(0x00800000, 0) : bits(0x00100000, 0);
      step = (elem === 'f32' ? bits(0x3f800001, 0) : bits(0x3ff00000, 1)) - 1;
    }
    expect(facts).toMatchObject({ largest, smallest, smallestNormal: normal, roundoff: step / 2, finest: Math.log2(smallest) });
    expect(facts.significand).toBe(1 - Math.log2(step));
    // What is halfway to the next power of two is infinite, and what is a hair below is the largest number.
    if (elem === 'f64') expect(facts.overflow).toBe(Infinity);
    else {
      expect(roundFloat(elem, facts.overflow)).toBe(Infinity);
      expect(roundFloat(elem, facts.overflow * (1 - 2 ** -53))).toBe(largest);
    }
  });
  it('sorts as the writer of safetensors does', () => {
    // Dtype of safetensors/src/tensor.rs, without the types that the graph has not.
    const order = ['BOOL', 'U8', 'I8', 'I16', 'U16', 'F16', 'BF16', 'I32', 'U32', 'F32', 'F64', 'I64', 'U64'];
    const sorted = [...elemTypes].sort((a, b) => elemFacts[a].safetensorsOrder - elemFacts[b].safetensorsOrder);
    expect(sorted.map((elem) => elemFacts[elem].safetensors)).toEqual(order);
  });
  it('knows integers that float64 holds', () => {
    expect(integerRange('i64')).toEqual([-(2 ** 53), 2 ** 53]);
    expect(integerRange('u64')).toEqual([0, 2 ** 53]);
    expect(integerRange('i32')).toEqual([-(2 ** 31), 2 ** 31 - 1]);
    expect(integerRange('f32')).toBeUndefined();
  });
});

describe('lossless conversions', () => {
  /** Numbers whose loss shows: ends, beside the ends, and the smallest. */
  function witnesses(elem: ElemType): readonly (number | bigint)[] {
    const { float, integers } = elemFacts[elem];
    if (float) return [float.largest, -float.largest, float.smallest, 1 + 2 * float.roundoff, -0];
    const [low, high] = integers ?? [0, 0];
    if (isWideElem(elem)) return [BigInt(low), BigInt(high) - 1n, 2n ** 53n + 1n];
    return [low, high, low + 1, high - 1];
  }
  function holds(elem: ElemType, x: number | bigint): boolean {
    if (isFloat(elem)) {
      const out = Float64Array.of(Number(x));
      roundTo(elem, out);
      return typeof x === 'bigint' ? Number.isFinite(out[0]) && BigInt(out[0] ?? 0) === x : Object.is(out[0], x);
    }
    if (typeof x === 'number' && (!Number.isInteger(x) || Object.is(x, -0))) return false;
    if (elem === 'bool') return x === 0 || x === 1;
    const { array } = elemFacts[elem];
    return isWideElem(elem)
      ? (array as typeof BigInt64Array).of(BigInt(x))[0] === BigInt(x)
      : (array as typeof Int8Array).of(Number(x))[0] === Number(x) && typeof x === 'number';
  }
  it('are those that lose no number, for all pairs', () => {
    for (const from of elemTypes)
      for (const to of elemTypes)
        expect(isLossless(from, to), `${from} → ${to}`).toBe(from === to || witnesses(from).every((x) => holds(to, x)));
  });
});

describe('types that only files have', () => {
  it('have the number of onnx.proto where it has one, and no number twice', () => {
    const proto: Readonly<Record<string, unknown>> = { ...onnx.TensorProto.DataType };
    for (const { name, onnx: number } of otherElems) {
      const said = proto[name.toUpperCase()];
      if (said !== undefined) expect(number, name).toBe(said);
    }
    // onnx.proto, version 1.20: what the package above is too old for.
    const newer = { 17: 'float8e4m3fn', 18: 'float8e4m3fnuz', 19: 'float8e5m2', 20: 'float8e5m2fnuz', 21: 'uint4', 22: 'int4' };
    const newest = { 23: 'float4e2m1', 24: 'float8e8m0', 25: 'uint2', 26: 'int2' };
    for (const [number, name] of Object.entries({ ...newer, ...newest })) expect(dataTypeName(Number(number))).toBe(name);
    // Every number up to the last one is a type of exactly one of the tables; 0 is none.
    for (let number = 1; number <= 26; number++)
      expect(
        [elemOfDataType(number), otherElem(number)].filter((x) => x !== undefined),
        `${number}`,
      ).toHaveLength(1);
    expect([elemOfDataType(0), otherElem(0), dataTypeName(0), dataTypeName(27)]).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });
  it('have the bits that their names say', () => {
    for (const { name, bits } of otherElems) {
      if (name === 'string') expect(bits).toBeUndefined();
      else if (/^q?u?int\dx\d$/.test(name)) expect(bits).toBe(8);
      else expect(bits, name).toBe(Number(/^(?:float|complex|q?u?int)(\d+)/.exec(name)?.[1]));
    }
  });
});
