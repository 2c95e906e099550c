/**
 * What there is to know of an element type, in one record each; whoever needs a fact asks here.
 *
 * Floats: IEEE 754-2019 binary16, binary32 and binary64; bf16 is binary32 cut to 8 significant bits. ONNX numbers: onnx.proto, TensorProto.DataType.
 */
import type { ElemType } from './types.ts';

export interface FloatFacts {
  /** Significant bits, the first one included. */
  readonly significand: number;
  /** The largest finite number. */
  readonly largest: number;
  /** The smallest magnitude that rounds to infinity: half a step above the largest number, which rounds to even and so away. */
  readonly overflow: number;
  /** The smallest normal number: below it there are fewer significant bits, and some runtimes flush to 0. */
  readonly smallestNormal: number;
  /** The smallest number above 0. */
  readonly smallest: number;
  /** Half a step, relative: how far a number of the normal range is off that was rounded once. */
  readonly roundoff: number;
}

export interface ElemFacts {
  /** Of one element in a file. */
  readonly bytes: number;
  /** TensorProto.DataType. */
  readonly onnx: number;
  /** In the text forms of ONNX. */
  readonly onnxName: string;
  readonly float?: FloatFacts;
  /** The smallest and the largest integer; those of 64 bits are the nearest float64, 2^63 and 2^64 itself being none of them. */
  readonly integers?: readonly [low: number, high: number];
}

function float(significand: number, maxExponent: number): FloatFacts {
  return {
    significand,
    largest: (2 - 2 ** (1 - significand)) * 2 ** maxExponent,
    // For f64 that is 2^1024, which is infinity here as well.
    overflow: (2 - 2 ** -significand) * 2 ** maxExponent,
    smallestNormal: 2 ** (1 - maxExponent),
    smallest: 2 ** (2 - maxExponent - significand),
    roundoff: 2 ** -significand,
  };
}

const signed = (bits: number): readonly [number, number] => [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1];
const unsigned = (bits: number): readonly [number, number] => [0, 2 ** bits - 1];

export const elemFacts: Readonly<Record<ElemType, ElemFacts>> = {
  f32: { bytes: 4, onnx: 1, onnxName: 'float', float: float(24, 127) },
  f16: { bytes: 2, onnx: 10, onnxName: 'float16', float: float(11, 15) },
  bf16: { bytes: 2, onnx: 16, onnxName: 'bfloat16', float: float(8, 127) },
  f64: { bytes: 8, onnx: 11, onnxName: 'double', float: float(53, 1023) },
  i64: { bytes: 8, onnx: 7, onnxName: 'int64', integers: signed(64) },
  i32: { bytes: 4, onnx: 6, onnxName: 'int32', integers: signed(32) },
  i16: { bytes: 2, onnx: 5, onnxName: 'int16', integers: signed(16) },
  i8: { bytes: 1, onnx: 3, onnxName: 'int8', integers: signed(8) },
  u64: { bytes: 8, onnx: 13, onnxName: 'uint64', integers: unsigned(64) },
  u32: { bytes: 4, onnx: 12, onnxName: 'uint32', integers: unsigned(32) },
  u16: { bytes: 2, onnx: 4, onnxName: 'uint16', integers: unsigned(16) },
  u8: { bytes: 1, onnx: 2, onnxName: 'uint8', integers: unsigned(8) },
  bool: { bytes: 1, onnx: 9, onnxName: 'bool', integers: [0, 1] },
};

export function floatFacts(elem: ElemType): FloatFacts | undefined {
  return elemFacts[elem].float;
}

/** One fact of every element type, by the type's name. */
export function factOf<T>(fact: (facts: ElemFacts) => T): Readonly<Record<ElemType, T>> {
  return Object.fromEntries(Object.entries(elemFacts).map(([elem, facts]) => [elem, fact(facts)])) as Record<ElemType, T>;
}
