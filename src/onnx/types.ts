/** Types of values, read from and written as TypeProto. Source: onnx/onnx, onnx.proto (TypeProto, TensorShapeProto). */
import { unreachable } from '../diagnostics/diagnostic.ts';
import { joined, utf8 } from '../io/bytes.ts';
import { elemFacts, elemOfDataType, otherElem } from '../ir/elem.ts';
import type { OnnxDim, OnnxType } from './model.ts';
import { DimensionProto, ElementTypeProto, MapTypeProto, TensorShapeProto, TensorTypeProto, TypeProto } from './proto.ts';
import { bytesSource, type Field, fieldsOf, int32Of, nameOf, type ProtoField, WireError, WireWriter } from './wire.ts';

/** Types within types. */
const depthLimit = 64;
export const rankLimit = 64;

/** What a TypeProto says. */
export type TypeStructure =
  | {
      readonly kind: 'tensor' | 'sparse_tensor';
      /** TensorProto.DataType. */
      readonly dataType: number;
      /** Undefined for an unknown rank. */
      readonly dims: readonly OnnxDim[] | undefined;
    }
  | { readonly kind: 'sequence' | 'optional'; readonly element: TypeStructure }
  | { readonly kind: 'map'; readonly key: number; readonly value: TypeStructure }
  | { readonly kind: 'opaque' }
  | { readonly kind: 'unknown' };

/** Throws `WireError` for what is no TypeProto. */
export function typeStructure(proto: Uint8Array): TypeStructure {
  return structureOf(proto, 0);
}

function structureOf(bytes: Uint8Array, depth: number): TypeStructure {
  if (depth > depthLimit) throw new WireError(`types more than ${depthLimit} deep`);
  let made: TypeStructure = { kind: 'unknown' };
  let last: string | undefined;
  let pieces: readonly Uint8Array[] = [];
  for (const field of fieldsOf(bytesSource(bytes))) {
    const what = nameOf(TypeProto, field);
    if (!what || what === 'denotation') continue;
    // The last member of the oneof counts; one that stands several times in a row is merged.
    const content = contentOf(bytes, field);
    pieces = what === last ? [...pieces, content] : [content];
    last = what;
    const whole = joined(pieces);
    switch (what) {
      case 'tensor_type':
        made = tensorStructure('tensor', whole);
        break;
      case 'sparse_tensor_type':
        made = tensorStructure('sparse_tensor', whole);
        break;
      case 'sequence_type':
        made = { kind: 'sequence', element: innerType(whole, ElementTypeProto.elem_type, depth) };
        break;
      case 'optional_type':
        made = { kind: 'optional', element: innerType(whole, ElementTypeProto.elem_type, depth) };
        break;
      case 'map_type': {
        let key = 0;
        for (const part of fieldsOf(bytesSource(whole))) if (MapTypeProto.key_type.is(part)) key = int32Of(part.value);
        made = { kind: 'map', key, value: innerType(whole, MapTypeProto.value_type, depth) };
        break;
      }
      case 'opaque_type':
        made = { kind: 'opaque' };
        break;
      default:
        unreachable(what);
    }
  }
  return made;
}

const contentOf = (bytes: Uint8Array, field: Field): Uint8Array => bytes.subarray(field.start, field.end);

function innerType(bytes: Uint8Array, wanted: ProtoField<'message'>, depth: number): TypeStructure {
  let made: TypeStructure = { kind: 'unknown' };
  for (const field of fieldsOf(bytesSource(bytes))) if (wanted.is(field)) made = structureOf(contentOf(bytes, field), depth + 1);
  return made;
}

function tensorStructure(kind: 'tensor' | 'sparse_tensor', bytes: Uint8Array): TypeStructure {
  let dataType = 0;
  let dims: OnnxDim[] | undefined;
  for (const field of fieldsOf(bytesSource(bytes))) {
    if (TensorTypeProto.elem_type.is(field)) dataType = int32Of(field.value);
    else if (TensorTypeProto.shape.is(field)) {
      // A shape that stands twice is one, with the dimensions of both.
      dims ??= [];
      const shape = contentOf(bytes, field);
      for (const part of fieldsOf(bytesSource(shape))) {
        if (!TensorShapeProto.dim.is(part)) continue;
        if (dims.length >= rankLimit) throw new WireError(`a type with more than ${rankLimit} dimensions`);
        dims.push(dimOf(contentOf(shape, part)));
      }
    }
  }
  return { kind, dataType, dims };
}

function dimOf(bytes: Uint8Array): OnnxDim {
  let dim: OnnxDim;
  for (const field of fieldsOf(bytesSource(bytes))) {
    // Some exporters write −1 for a size that is not known.
    if (DimensionProto.dim_value.is(field)) dim = Number.isSafeInteger(field.value) ? field.value : undefined;
    else if (DimensionProto.dim_param.is(field)) {
      const name = utf8(contentOf(bytes, field));
      if (name === undefined) throw new WireError('the name of a dimension that is no UTF-8');
      dim = name || undefined;
    }
  }
  return dim;
}

/** A TypeProto, small and in memory. Throws `WireError`. */
export function typeOf(proto: Uint8Array): OnnxType {
  const structure = typeStructure(proto);
  const elem = structure.kind === 'tensor' ? elemOfDataType(structure.dataType) : undefined;
  if (structure.kind !== 'tensor' || !elem) return { proto };
  const type: OnnxType = { elem, ...(structure.dims && { dims: structure.dims }) };
  const plain = protoOf(type);
  const saysAll = plain.length === proto.length && plain.every((byte, i) => byte === proto[i]);
  return saysAll ? type : { ...type, proto };
}

function structureIn({ elem, dims, proto }: OnnxType): TypeStructure {
  if (elem) return { kind: 'tensor', dataType: elemFacts[elem].onnx, dims };
  return proto ? typeStructure(proto) : { kind: 'unknown' };
}

/** As messages say it: `seq(f32[N, 3])`. */
export function typeText(type: OnnxType): string {
  return textOf(structureIn(type));
}

const nameOfType = (type: number): string =>
  elemOfDataType(type) ?? otherElem(type)?.name ?? (type === 0 ? 'undefined' : `type${type}`);

function textOf(type: TypeStructure): string {
  switch (type.kind) {
    case 'tensor':
    case 'sparse_tensor': {
      const shape = type.dims ? `[${type.dims.map((d) => d ?? '?').join(', ')}]` : '';
      return `${type.kind === 'tensor' ? '' : 'sparse '}${nameOfType(type.dataType)}${shape}`;
    }
    case 'sequence':
      return `seq(${textOf(type.element)})`;
    case 'optional':
      return `optional(${textOf(type.element)})`;
    case 'map':
      return `map(${nameOfType(type.key)}, ${textOf(type.value)})`;
    case 'opaque':
    case 'unknown':
      return type.kind;
    default:
      return unreachable(type);
  }
}

/** The type as a field. */
export function writeType(writer: WireWriter, field: ProtoField<'message'>, { elem, dims, proto }: OnnxType): void {
  if (proto) writer.bytesField(field, proto);
  else if (elem) writer.message(field, () => writeTensorContent(writer, elemFacts[elem].onnx, dims));
}

/** A rank that is not known has no shape, and a scalar's shape no dimensions. */
function writeTensorContent(writer: WireWriter, dataType: number, dims: readonly OnnxDim[] | undefined): void {
  writer.message(TypeProto.tensor_type, () => {
    writer.intField(TensorTypeProto.elem_type, dataType);
    if (!dims) return;
    writer.message(TensorTypeProto.shape, () => {
      for (const dim of dims) {
        writer.message(TensorShapeProto.dim, () => {
          if (typeof dim === 'number') writer.intField(DimensionProto.dim_value, dim);
          else if (dim !== undefined) writer.stringField(DimensionProto.dim_param, dim);
        });
      }
    });
  });
}

/** The whole TypeProto. */
export function protoOf({ elem, dims, proto }: OnnxType): Uint8Array {
  return proto ?? (elem ? tensorTypeProto(elemFacts[elem].onnx, dims) : new Uint8Array());
}

/** The TypeProto of a tensor. */
export function tensorTypeProto(dataType: number, dims: readonly OnnxDim[] | undefined): Uint8Array {
  const writer = new WireWriter(64);
  writeTensorContent(writer, dataType, dims);
  return writer.view().slice();
}
