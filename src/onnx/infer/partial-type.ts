/**
 * Types as far as they are known, which is what type inference works on: ONNX lets a file leave out any type, rank or size. Also
 * the TypeProto of what the graph has no type for.
 */
import { Dim } from '../../ir/dim.ts';
import { elemFacts, otherElem } from '../../ir/elem.ts';
import type { ElemType, ForeignType, TensorType } from '../../ir/types.ts';
import type { OnnxType } from '../model.ts';
import { protoOf, tensorTypeProto, typeText } from '../types.ts';

/** Sizes of known number, of which some are not known. */
export type PartialDims = readonly (Dim | undefined)[];

export interface PartialType {
  readonly elem?: ElemType | undefined;
  /** Absent for an unknown rank. */
  readonly dims?: PartialDims | undefined;
  /** For what is no tensor of our element types. */
  readonly foreign?: ForeignType | undefined;
}

/** Nothing is known. */
export const unknown: PartialType = {};

/** A shape of more numbers than this is no tensor's: whatever is said of it would only be long. */
export const rankLimit = 64;

/** A shape of which the rank alone is known. */
export function ranked(rank: number | undefined): PartialDims | undefined {
  return rank === undefined || rank > rankLimit ? undefined : Array.from({ length: rank }, () => undefined);
}

export function rankOf({ dims }: PartialType): number | undefined {
  return dims?.length;
}

/** A tensor of an element type that the graph has not. */
export function otherTensor(dataType: number, dims: readonly number[] | undefined): ForeignType {
  const name = otherElem(dataType)?.name ?? `type ${dataType}`;
  const text = dims ? `${name}[${dims.join(', ')}]` : `tensor(${name})`;
  return { text, proto: tensorTypeProto(dataType, dims) };
}

/** A tensor of one of ours whose rank nobody knows. */
export function unrankedTensor(elem: ElemType): ForeignType {
  const { onnxName: name, onnx: dataType } = elemFacts[elem];
  return { text: `tensor(${name})`, proto: tensorTypeProto(dataType, undefined) };
}

export const unknownType: ForeignType = { text: 'unknown' };

/** The type that the file says, sizes without a name undefined. */
export function partialOfFile(type: OnnxType | undefined, dim: (name: string) => Dim | undefined): PartialType {
  if (!type) return unknown;
  if (type.elem === undefined) return { foreign: { text: typeText(type), proto: protoOf(type) } };
  const dims = type.dims?.map((d) => {
    if (typeof d === 'number') return d < 0 ? undefined : Dim.of(d);
    return d === undefined ? undefined : dim(d);
  });
  return { elem: type.elem, dims };
}

export function partialOfType(type: TensorType): PartialType {
  return type.foreign ? { foreign: type.foreign } : { elem: type.elem, dims: type.dims };
}

/** What holds of both types: sizes that differ are not known. */
export function common(a: PartialType, b: PartialType): PartialType {
  if (a.foreign || b.foreign) return a.foreign && a.foreign.text === b.foreign?.text ? a : unknown;
  if (a.elem === undefined || a.elem !== b.elem) return unknown;
  if (!a.dims || !b.dims || a.dims.length !== b.dims.length) return { elem: a.elem };
  const other = b.dims;
  return { elem: a.elem, dims: a.dims.map((d, i) => (d === other[i] ? d : undefined)) };
}
