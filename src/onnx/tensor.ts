/**
 * Tensors of ONNX files: the fields of a TensorProto without their numbers, and where the numbers lie. The file is walked page by
 * page, so that opening it costs the same whatever its tensors weigh. Source: onnx/onnx, onnx.proto (TensorProto) and
 * docs/ExternalData.md.
 */

import { truncatedFile } from '../diagnostics/catalogue/bytes.ts';
import { tensorOutside } from '../diagnostics/catalogue/weights.ts';
import { fail } from '../diagnostics/diagnostic.ts';
import { type ByteSource, memorySource, openSibling } from '../io/bytes.ts';
import type { LastMade } from '../io/last-made.ts';
import { elemFacts, elemOfDataType, type OnnxDataField, otherElem } from '../ir/elem.ts';
import { type ElemType, elemBytes, elementCount } from '../ir/types.ts';
import type { StoredSpan } from '../tensor/stored.ts';
import { nameLimit, type Pages, type Work } from './pages.ts';
import { dataFields, externalLocation, StringStringEntryProto, TensorProto } from './proto.ts';
import { rankLimit } from './types.ts';
import { bytesSource, type Field, fieldsOf, int32Of, nameOf, varintAt, WireError, wireBytes, wireVarint } from './wire.ts';

/** A TensorProto.DataType as messages name it. */
function typeNameOf(type: number): string {
  if (type === 0) return 'UNDEFINED';
  return elemOfDataType(type) ?? otherElem(type)?.name.toUpperCase() ?? `ONNX type ${type}`;
}

const entryLimit = 100;
/** A TensorProto without its numbers. */
export interface TensorFields {
  name: string;
  doc: string | undefined;
  /** TensorProto.DataType. */
  type: number;
  readonly dims: number[];
  /** The last of each, as protobuf reads a field that may stand once. */
  raw: Field | undefined;
  /** Numbers that are not raw: how many fields, and the last one. */
  readonly typed: Map<OnnxDataField, { count: number; last: Field; packed: boolean }>;
  external: boolean;
  readonly entries: Map<string, string>;
  /** It has strings, or is a segment of a larger one. */
  strings: boolean;
  segment: boolean;
}

/** Appends a field of dimensions, packed or not. */
export function* readDims(pages: Pages, field: Field, dims: number[]): Work<void> {
  if (field.type === wireVarint) dims.push(field.value);
  else {
    if (field.end - field.start > 10 * rankLimit) throw new WireError(`more than ${rankLimit} dimensions at ${field.start}`);
    yield* pages.bytesOf(field, 10 * rankLimit, 'dimensions');
    // The window may end here, and `varintAt` looks ten bytes ahead.
    const packed = bytesSource(pages.read(field.start, field.end - field.start));
    for (let i = 0; i < packed.size; ) {
      const dim = varintAt(packed, i);
      dims.push(dim.value);
      i = dim.end;
    }
  }
  if (dims.length > rankLimit) throw new WireError(`more than ${rankLimit} dimensions at ${field.start}`);
}

export function* readTensor(pages: Pages, start: number, end: number): Work<TensorFields> {
  const tensor: TensorFields = {
    name: '',
    doc: undefined,
    type: 0,
    dims: [],
    raw: undefined,
    typed: new Map(),
    external: false,
    entries: new Map(),
    strings: false,
    segment: false,
  };
  for (let at = start; at < end; ) {
    const field = pages.fieldHere(at, end) ?? (yield* pages.field(at, end));
    at = field.end;
    const known = nameOf(TensorProto, field);
    switch (known) {
      case 'dims':
        yield* readDims(pages, field, tensor.dims);
        break;
      case 'data_type':
        tensor.type = int32Of(field.value);
        break;
      case 'segment':
        tensor.segment = true;
        break;
      case 'float_data':
      case 'int32_data':
      case 'int64_data':
      case 'double_data':
      case 'uint64_data': {
        const before = tensor.typed.get(known);
        const packed = field.type === wireBytes;
        tensor.typed.set(known, { count: (before?.count ?? 0) + 1, last: field, packed });
        break;
      }
      case 'string_data':
        tensor.strings = true;
        break;
      case 'name':
        tensor.name = yield* pages.text(field);
        break;
      case 'doc_string':
        // A longer one is left out rather than the file refused.
        if (field.end - field.start <= nameLimit) tensor.doc = yield* pages.text(field);
        break;
      case 'raw_data':
        tensor.raw = field;
        break;
      case 'external_data': {
        let key = '';
        let value = '';
        for (let inner = field.start; inner < field.end; ) {
          const part = pages.fieldHere(inner, field.end) ?? (yield* pages.field(inner, field.end));
          inner = part.end;
          if (StringStringEntryProto.key.is(part)) key = yield* pages.text(part);
          else if (StringStringEntryProto.value.is(part)) value = yield* pages.text(part);
        }
        if (tensor.entries.size < entryLimit) tensor.entries.set(key, value);
        break;
      }
      case 'data_location':
        tensor.external = field.value === externalLocation;
        break;
      default:
        break;
    }
  }
  return tensor;
}

/** Whether each number takes as many bytes as it has. */
const isFixed = (field: OnnxDataField): boolean => dataFields[field].kind !== 'ints';

/** A tensor's numbers out of varints or single fields, as little-endian bytes, decoded when they are pulled. */
function decodedSource(
  source: ByteSource,
  from: number,
  to: number,
  field: OnnxDataField,
  elem: ElemType,
  tensor: string,
  count: number,
  last: LastMade,
): ByteSource {
  const owner = {};
  const width = elemBytes[elem];
  const decodeAll = (bytes: Uint8Array): Uint8Array => {
    const out = new Uint8Array(count * width);
    const view = new DataView(out.buffer);
    let done = 0;
    const wrong = (): never =>
      fail(tensorOutside, {
        with: { file: source.name, tensor, found: `other than ${count} numbers`, expected: `${count}, as its shape says` },
      });
    const put = (whole: bigint): void => {
      if (done >= count) wrong();
      const at = done++ * width;
      if (width === 8) view.setBigUint64(at, BigInt.asUintN(64, whole), true);
      else if (width === 4) view.setUint32(at, Number(BigInt.asUintN(32, whole)), true);
      else if (width === 2) view.setUint16(at, Number(BigInt.asUintN(16, whole)), true);
      else out[at] = Number(BigInt.asUintN(8, whole));
    };
    const copy = (start: number, end: number): void => {
      const numbers = (end - start) / width;
      if (!Number.isInteger(numbers) || done + numbers > count) wrong();
      out.set(bytes.subarray(start, end), done * width);
      done += numbers;
    };
    const message = bytesSource(bytes);
    const numbers = dataFields[field];
    try {
      for (const f of fieldsOf(message)) {
        if (!numbers.is(f)) continue;
        if (isFixed(field)) copy(f.start, f.end);
        else if (f.type === wireVarint) put(varintAt(message, f.start).whole);
        else
          for (let i = f.start; i < f.end; ) {
            const number = varintAt(message, i);
            if (number.end > f.end) wrong();
            put(number.whole);
            i = number.end;
          }
      }
    } catch (error) {
      if (error instanceof WireError) wrong();
      throw error;
    }
    if (done !== count) wrong();
    return last.keep(owner, out);
  };
  const { readSync } = source;
  const length = to - from;
  const known = (): Uint8Array | undefined => last.of(owner);
  const sync = readSync && ((): Uint8Array => known() ?? decodeAll(readSync.call(source, from, length)));
  return {
    name: source.name,
    size: count * width,
    read: async (start, size) => (known() ?? decodeAll(await source.read(from, length))).subarray(start, start + size),
    ...(sync && { readSync: (start: number, size: number) => sync().subarray(start, start + size) }),
  };
}

/**
 * Where a tensor's numbers lie: of one of our element types, or the bytes of another; undefined where they are not bytes at all.
 */
export type TensorPlace =
  | { readonly kind: 'tensor'; readonly span: StoredSpan }
  | { readonly kind: 'other'; readonly typeName: string; readonly span: StoredSpan }
  | { readonly kind: 'none'; readonly typeName: string };

/** Finds the numbers of the tensor whose message lies in [start, end). Throws RES0501, RES0509, RES0512, RES0513. */
export async function locateTensor(
  source: ByteSource,
  start: number,
  end: number,
  tensor: TensorFields,
  last: LastMade,
): Promise<TensorPlace> {
  const { name, dims } = tensor;
  const outside = (found: string, expected: string): never =>
    fail(tensorOutside, { with: { file: source.name, tensor: name, found, expected } });
  const count = elementCount(dims);
  if (dims.some((d) => !Number.isSafeInteger(d) || d < 0) || !Number.isSafeInteger(count * 16))
    outside(`a shape [${dims.join(', ')}]`, 'natural numbers with fewer than 2^49 elements');
  const own = elemOfDataType(tensor.type);
  const typeName = typeNameOf(tensor.type);
  if (!own) {
    const other = otherElem(tensor.type);
    const raw = other?.bits === undefined ? undefined : Math.ceil((count * other.bits) / 8);
    const unknown = !other && tensor.type > 0 && tensor.raw ? tensor.raw.end - tensor.raw.start : undefined;
    if (tensor.segment || (raw === undefined && unknown === undefined)) return { kind: 'none', typeName };
    const bytes = raw ?? unknown ?? 0;
    const place = await bytesPlace(source, start, end, tensor, other?.parts ?? 'u8', bytes, last);
    return { kind: 'other', typeName, span: { ...place, elem: 'u8', dims: [bytes], name } };
  }
  if (tensor.segment) outside('a segment of a larger tensor', 'whole tensors: no reader joins segments');
  const place = await bytesPlace(source, start, end, tensor, own, count * elemBytes[own], last);
  return { kind: 'tensor', span: { ...place, elem: own, dims, name } };
}

/** Where `bytes` little-endian bytes of the tensor begin; `elem` is the type of the numbers where they are not raw. */
async function bytesPlace(
  source: ByteSource,
  start: number,
  end: number,
  tensor: TensorFields,
  elem: ElemType,
  bytes: number,
  last: LastMade,
): Promise<{ readonly source: ByteSource; readonly offset: number }> {
  const { name, dims } = tensor;
  const outside = (found: string, expected: string): never =>
    fail(tensorOutside, { with: { file: source.name, tensor: name, found, expected } });
  const shape = `${bytes} for ${typeNameOf(tensor.type)}[${dims.join(', ')}]`;
  if (tensor.external) return externalPlace(source, tensor, bytes);
  if (tensor.raw) {
    const has = tensor.raw.end - tensor.raw.start;
    if (has !== bytes) outside(`${has} bytes`, shape);
    return { source, offset: tensor.raw.start };
  }
  const field = elemFacts[elem].onnxField;
  const typed = tensor.typed.get(field);
  if (!typed) {
    if (bytes === 0) return { source: memorySource(source.name, new Uint8Array()), offset: 0 };
    return outside('no numbers', shape);
  }
  const fixed = isFixed(field);
  const length = typed.last.end - typed.last.start;
  if (fixed && typed.packed && typed.count === 1) {
    if (length !== bytes) outside(`${length} bytes`, shape);
    return { source, offset: typed.last.start };
  }
  const count = bytes / elemBytes[elem];
  // A number takes one byte at least, so that the file's own size bounds what is made room for.
  if (count > end - start) outside(`${end - start} bytes`, shape);
  return { source: decodedSource(source, start, end, field, elem, name, count, last), offset: 0 };
}

async function externalPlace(
  source: ByteSource,
  tensor: TensorFields,
  bytes: number,
): Promise<{ readonly source: ByteSource; readonly offset: number }> {
  const { entries, name } = tensor;
  const number = (key: string, otherwise: number): number => {
    const text = entries.get(key);
    if (text === undefined) return otherwise;
    const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
    if (Number.isSafeInteger(value)) return value;
    return fail(tensorOutside, {
      with: {
        file: source.name,
        tensor: name,
        found: `${key} ${JSON.stringify(text.slice(0, 40))}`,
        expected: 'a natural number',
      },
    });
  };
  const location = entries.get('location') ?? '';
  const data = await openSibling(source, location);
  const offset = number('offset', 0);
  // Writers that do not know the length leave it out or write 0; onnxruntime takes both for the rest that the shape says.
  const length = number('length', bytes) || bytes;
  if (length !== bytes)
    fail(tensorOutside, {
      with: { file: source.name, tensor: name, found: `${length} bytes in ${location}`, expected: String(bytes) },
    });
  if (offset + length > data.size)
    fail(truncatedFile, {
      with: { file: data.name, size: data.size, what: `tensor ${name}`, needed: `bytes ${offset} to ${offset + length}` },
    });
  return { source: data, offset };
}
