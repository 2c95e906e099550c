/** Element types, tensor types with symbolic dimensions, and tensors that are held in memory. */
import { type Dim, knownSizes, sameDims } from './dim.ts';
import { type ElemType, factOf } from './elem.ts';

export { type ElemType, elemTypes, isElemType, isFloat } from './elem.ts';

/** Bytes of one element in a file. */
export const elemBytes = factOf((facts) => facts.bytes);

/**
 * A type of an imported graph that is no tensor of an `ElemType` with a known rank: a tensor of 4-bit or 8-bit floats, a
 * sequence, a map, an optional, or nothing known at all. Only foreign operators read or make such values.
 */
export interface ForeignType {
  /** For people: `seq(tensor(float))`, `float8e4m3fn[3, N]`, `unknown`. Equal types have equal texts. */
  readonly text: string;
  /** The TypeProto as the file has it; absent where nothing is known, and then nothing is written. */
  readonly proto?: Uint8Array;
  /** Constants of an element type that is none of ours: TensorProto.DataType and shape; their content is `raw_data` as u8. */
  readonly tensor?: { readonly dataType: number; readonly dims: readonly number[] };
}

/** The type of a tensor: its element type, and its dimensions, outermost first. */
export interface TensorType {
  readonly elem: ElemType;
  readonly dims: readonly Dim[];
  /** Where it is there, `elem` is `u8` and `dims` is empty, and neither means anything. */
  readonly foreign?: ForeignType;
}

/** The type of a value that only foreign operators touch. */
export function foreignTypeOf(foreign: ForeignType): TensorType {
  return { elem: 'u8', dims: [], foreign };
}

/** `f32[N, 64, 56, 56]` */
export function typeText(type: TensorType): string {
  if (type.foreign) return `foreign(${JSON.stringify(type.foreign.text)})`;
  return `${type.elem}[${type.dims.map((d) => d.toString()).join(', ')}]`;
}

export function sameType(a: TensorType, b: TensorType): boolean {
  if (a.foreign || b.foreign) return a.foreign?.text === b.foreign?.text;
  return a.elem === b.elem && sameDims(a.dims, b.dims);
}

/** The dimensions as numbers, or undefined when one of them is symbolic. */
export function staticDims(type: TensorType): readonly number[] | undefined {
  return knownSizes(type.dims);
}

export function elementCount(dims: readonly number[]): number {
  return dims.reduce((n, d) => n * d, 1);
}

/** Elements of i64 or u64. */
export type WideIntegers = BigInt64Array | BigUint64Array;

/**
 * A tensor in memory, row-major. Whatever its element type, its numbers are float64: f32, f16, bf16 and integers up to 2^53
 * are exact in it, booleans are 0 and 1. Where an i64 or u64 lies beyond 2^53, `wide` has all elements, and `data` NaN in its
 * place.
 */
export interface HostTensor {
  readonly elem: ElemType;
  readonly dims: readonly number[];
  readonly data: Float64Array;
  readonly wide?: WideIntegers | undefined;
}
