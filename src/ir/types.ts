/** Element types, tensor types with symbolic dimensions, and tensors that are held in memory. */
import type { Dim } from './dim.ts';

export const elemTypes = ['f32', 'f16', 'bf16', 'f64', 'i64', 'i32', 'i16', 'i8', 'u64', 'u32', 'u16', 'u8', 'bool'] as const;
/** Element types of tensors, by the names that sources use. */
export type ElemType = (typeof elemTypes)[number];

/** Bytes of one element in a file. */
export const elemBytes: Readonly<Record<ElemType, number>> = {
  f32: 4,
  f16: 2,
  bf16: 2,
  f64: 8,
  i64: 8,
  i32: 4,
  i16: 2,
  i8: 1,
  u64: 8,
  u32: 4,
  u16: 2,
  u8: 1,
  bool: 1,
};

export function isElemType(name: string): name is ElemType {
  return (elemTypes as readonly string[]).includes(name);
}

export function isFloat(elem: ElemType): boolean {
  return elem === 'f32' || elem === 'f16' || elem === 'bf16' || elem === 'f64';
}

/** The type of a tensor: its element type, and its dimensions, outermost first. */
export interface TensorType {
  readonly elem: ElemType;
  readonly dims: readonly Dim[];
}

/** `f32[N, 64, 56, 56]` */
export function typeText(type: TensorType): string {
  return `${type.elem}[${type.dims.map((d) => d.toString()).join(', ')}]`;
}

export function sameType(a: TensorType, b: TensorType): boolean {
  return a.elem === b.elem && a.dims.length === b.dims.length && a.dims.every((d, i) => d === b.dims[i]);
}

/** The dimensions as numbers, or undefined when one of them is symbolic. */
export function staticDims(type: TensorType): readonly number[] | undefined {
  const out: number[] = [];
  for (const d of type.dims) {
    const n = d.constant;
    if (n === undefined) return undefined;
    out.push(n);
  }
  return out;
}

export function elementCount(dims: readonly number[]): number {
  return dims.reduce((n, d) => n * d, 1);
}

/**
 * A tensor in memory, row-major. Whatever its element type, its numbers are float64: f32, f16, bf16 and integers up to 2^53
 * are exact in it, booleans are 0 and 1. Integers beyond 2^53 cannot be held and are refused where they would arise.
 */
export interface HostTensor {
  readonly elem: ElemType;
  readonly dims: readonly number[];
  readonly data: Float64Array;
}
