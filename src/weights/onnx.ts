/**
 * The initialisers of an ONNX model as a checkpoint: raw, typed, and in data files beside it. The file is walked field by field and
 * nothing of a tensor's numbers is read before they are pulled. Source: onnx/onnx, onnx.proto (ModelProto, GraphProto, TensorProto) and
 * docs/ExternalData.md.
 */
import { damagedFile, tensorOutside, truncatedFile } from '../diagnostics/catalogue/weights.ts';
import { bug, fail } from '../diagnostics/diagnostic.ts';
import { type ElemType, elemBytes, elementCount } from '../ir/types.ts';
import { type ByteSource, memorySource, openSibling, readSpan } from './bytes.ts';
import { type Checkpoint, checkpointOf, type Nested } from './nested.ts';
import {
  bytesSource,
  type Field,
  fieldAt,
  fieldsOf,
  textOf,
  varintAt,
  WireError,
  type WireSource,
  wireBytes,
  wireFixed32,
  wireFixed64,
  wireVarint,
} from './wire.ts';

/** TensorProto.DataType. */
const elems: Readonly<Record<number, ElemType>> = {
  1: 'f32',
  2: 'u8',
  3: 'i8',
  4: 'u16',
  5: 'i16',
  6: 'i32',
  7: 'i64',
  9: 'bool',
  10: 'f16',
  11: 'f64',
  12: 'u32',
  13: 'u64',
  16: 'bf16',
};
const otherTypes: Readonly<Record<number, string>> = {
  0: 'UNDEFINED',
  8: 'STRING',
  14: 'COMPLEX64',
  15: 'COMPLEX128',
  17: 'FLOAT8E4M3FN',
  18: 'FLOAT8E4M3FNUZ',
  19: 'FLOAT8E5M2',
  20: 'FLOAT8E5M2FNUZ',
  21: 'UINT4',
  22: 'INT4',
  23: 'FLOAT4E2M1',
};
/** The field that holds a type's numbers where they are not raw. */
const typedField: Readonly<Record<ElemType, number>> = {
  f32: 4,
  i32: 5,
  i16: 5,
  i8: 5,
  u16: 5,
  u8: 5,
  bool: 5,
  f16: 5,
  bf16: 5,
  i64: 7,
  f64: 10,
  u32: 11,
  u64: 11,
};
const rankLimit = 64;
const tensorLimit = 1_000_000;
const nameLimit = 65536;
/** Tag and length of a field take at most this. */
const fieldHead = 20;

/** A window of the file that moves forward, so that small fields cost few reads and large ones none. */
class Pages implements WireSource {
  readonly size: number;
  readonly #source: ByteSource;
  #bytes: Uint8Array = new Uint8Array(0);
  #start = 0;
  constructor(source: ByteSource) {
    this.#source = source;
    this.size = source.size;
  }
  has(offset: number, length: number): boolean {
    return offset >= this.#start && Math.min(this.size, offset + length) <= this.#start + this.#bytes.length;
  }
  async load(offset: number, length: number): Promise<void> {
    const wanted = Math.min(this.size - offset, Math.max(65536, length));
    this.#bytes = await readSpan(this.#source, offset, Math.max(0, wanted), 'a field of the model');
    this.#start = offset;
  }
  read(offset: number, length: number): Uint8Array {
    if (!this.has(offset, length)) bug('a part of the file that was not loaded');
    return this.#bytes.subarray(offset - this.#start, offset - this.#start + length);
  }
}

async function* fieldsIn(pages: Pages, start: number, end: number): AsyncGenerator<Field, void, undefined> {
  for (let at = start; at < end; ) {
    if (!pages.has(at, fieldHead)) await pages.load(at, fieldHead);
    const field = fieldAt(pages, at, end);
    yield field;
    at = field.end;
  }
}

async function textIn(pages: Pages, field: Field): Promise<string> {
  const length = field.end - field.start;
  if (length > nameLimit) throw new WireError(`a name of ${length} bytes at ${field.start}`);
  if (!pages.has(field.start, length)) await pages.load(field.start, length);
  return textOf(pages, field);
}

/** Whether the first bytes are those of a model: `ir_version` first, as every exporter writes it, then another field of ModelProto. */
export function isOnnx(head: Uint8Array): boolean {
  try {
    const source = bytesSource(head);
    const version = fieldAt(source, 0, Number.MAX_SAFE_INTEGER);
    if (version.number !== 1 || version.type !== wireVarint || version.value > 1000) return false;
    const next = fieldAt(source, version.end, Number.MAX_SAFE_INTEGER);
    return next.number <= 26 && (next.type === wireBytes || next.type === wireVarint);
  } catch (error) {
    if (error instanceof WireError) return false;
    throw error;
  }
}

interface Tensor {
  name: string;
  type: number;
  readonly dims: number[];
  /** The last of each, as protobuf reads a field that may stand once. */
  raw: Field | undefined;
  /** By field number: how many fields, and the last one. */
  readonly typed: Map<number, { count: number; last: Field; packed: boolean }>;
  external: boolean;
  readonly entries: Map<string, string>;
}

async function readTensor(pages: Pages, at: Field): Promise<Tensor> {
  const tensor: Tensor = { name: '', type: 0, dims: [], raw: undefined, typed: new Map(), external: false, entries: new Map() };
  for await (const field of fieldsIn(pages, at.start, at.end)) {
    switch (field.number) {
      case 1: {
        if (field.type === wireVarint) tensor.dims.push(field.value);
        else if (field.type === wireBytes) {
          if (field.end - field.start > 10 * rankLimit)
            throw new WireError(`more than ${rankLimit} dimensions at ${field.start}`);
          if (!pages.has(field.start, field.end - field.start)) await pages.load(field.start, field.end - field.start);
          for (let i = field.start; i < field.end; ) {
            const dim = varintAt(pages, i);
            tensor.dims.push(dim.value);
            i = dim.end;
          }
        }
        if (tensor.dims.length > rankLimit) throw new WireError(`more than ${rankLimit} dimensions at ${field.start}`);
        break;
      }
      case 2:
        tensor.type = field.value;
        break;
      case 3:
        throw new WireError(`a tensor in segments at ${field.start}`);
      case 4:
      case 5:
      case 7:
      case 10:
      case 11: {
        const before = tensor.typed.get(field.number);
        const packed = field.type === wireBytes;
        tensor.typed.set(field.number, { count: (before?.count ?? 0) + 1, last: field, packed });
        break;
      }
      case 8:
        tensor.name = await textIn(pages, field);
        break;
      case 9:
        tensor.raw = field;
        break;
      case 13: {
        let key = '';
        let value = '';
        for await (const part of fieldsIn(pages, field.start, field.end)) {
          if (part.number === 1) key = await textIn(pages, part);
          else if (part.number === 2) value = await textIn(pages, part);
        }
        if (tensor.entries.size < 100) tensor.entries.set(key, value);
        break;
      }
      case 14:
        tensor.external = field.value === 1;
        break;
      default:
        break;
    }
  }
  return tensor;
}

/** The one tensor decoded last: tensors are pulled one after another. */
let lastDecoded: { readonly owner: object; readonly bytes: Uint8Array } | undefined;

/** A tensor's numbers out of varints or single fields, as little-endian bytes, decoded when they are pulled. */
function decodedSource(
  source: ByteSource,
  message: Field,
  field: number,
  elem: ElemType,
  tensor: string,
  count: number,
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
    try {
      for (const f of fieldsOf(message)) {
        if (f.number !== field) continue;
        if (field === 4 || field === 10) copy(f.start, f.end);
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
    lastDecoded = { owner, bytes: out };
    return out;
  };
  const { readSync } = source;
  const length = message.end - message.start;
  const known = (): Uint8Array | undefined => (lastDecoded?.owner === owner ? lastDecoded.bytes : undefined);
  const sync = readSync && ((): Uint8Array => known() ?? decodeAll(readSync.call(source, message.start, length)));
  return {
    name: source.name,
    size: count * width,
    read: async (start, size) => (known() ?? decodeAll(await source.read(message.start, length))).subarray(start, start + size),
    ...(sync && { readSync: (start: number, size: number) => sync().subarray(start, start + size) }),
  };
}

async function nestedOf(source: ByteSource, at: Field, tensor: Tensor): Promise<Nested> {
  const { name, dims } = tensor;
  const outside = (found: string, expected: string): never =>
    fail(tensorOutside, { with: { file: source.name, tensor: name, found, expected } });
  const count = elementCount(dims);
  if (dims.some((d) => !Number.isSafeInteger(d) || d < 0) || !Number.isSafeInteger(count * 16))
    outside(`a shape [${dims.join(', ')}]`, 'natural numbers with fewer than 2^49 elements');
  const elem = elems[tensor.type];
  if (!elem)
    return { kind: 'foreign', elem: otherTypes[tensor.type] ?? `ONNX type ${tensor.type}`, dims, bytes: at.end - at.start };
  const bytes = count * elemBytes[elem];
  const shape = `${bytes} for ${elem}[${dims.join(', ')}]`;
  const span = (from: ByteSource, offset: number): Nested => ({
    kind: 'tensor',
    span: { source: from, offset, elem, dims, name },
  });
  if (tensor.external) return externalSpan(source, tensor, bytes, span);
  if (tensor.raw) {
    const has = tensor.raw.end - tensor.raw.start;
    if (tensor.raw.type !== wireBytes || has !== bytes) outside(`${has} bytes`, shape);
    return span(source, tensor.raw.start);
  }
  const field = typedField[elem];
  const typed = tensor.typed.get(field);
  if (!typed) {
    if (count === 0) return span(memorySource(source.name, new Uint8Array()), 0);
    return outside('no numbers', shape);
  }
  const fixed = field === 4 || field === 10;
  if (fixed && !typed.packed && typed.last.type !== (field === 4 ? wireFixed32 : wireFixed64))
    outside('numbers of another wire type', shape);
  const length = typed.last.end - typed.last.start;
  if (fixed && typed.packed && typed.count === 1) {
    if (length !== bytes) outside(`${length} bytes`, shape);
    return span(source, typed.last.start);
  }
  // A number takes one byte at least, so that the file's own size bounds what is made room for.
  if (count > at.end - at.start) outside(`${at.end - at.start} bytes`, shape);
  return span(decodedSource(source, at, field, elem, name, count), 0);
}

async function externalSpan(
  source: ByteSource,
  tensor: Tensor,
  bytes: number,
  span: (from: ByteSource, offset: number) => Nested,
): Promise<Nested> {
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
  const length = number('length', bytes);
  if (length !== bytes)
    fail(tensorOutside, {
      with: { file: source.name, tensor: name, found: `${length} bytes in ${location}`, expected: String(bytes) },
    });
  if (offset + length > data.size)
    fail(truncatedFile, {
      with: { file: data.name, size: data.size, what: `tensor ${name}`, needed: `bytes ${offset} to ${offset + length}` },
    });
  return span(data, offset);
}

/** Reads names, types and shapes of the graph's initialisers. */
export async function openOnnx(source: ByteSource): Promise<Checkpoint> {
  const pages = new Pages(source);
  const damaged = (found: string, expected: string): never =>
    fail(damagedFile, { with: { format: 'ONNX', file: source.name, found, expected } });
  const children: { name: string; value: Nested }[] = [];
  const add = (name: string, value: Nested): void => {
    if (children.length >= tensorLimit) damaged(`more than ${tensorLimit} initialisers`, 'fewer');
    children.push({ name, value });
  };
  let graphs = 0;
  let opsets = 0;
  try {
    for await (const part of fieldsIn(pages, 0, source.size)) {
      if (part.number === 8) opsets++;
      if (part.number !== 7 || part.type !== wireBytes) continue;
      if (++graphs > 1) damaged('two graphs', 'one');
      for await (const item of fieldsIn(pages, part.start, part.end)) {
        if (item.type !== wireBytes) continue;
        if (item.number === 5) {
          const tensor = await readTensor(pages, item);
          if (tensor.name === '') damaged(`an initialiser without a name at byte ${item.start}`, 'a name');
          add(tensor.name, await nestedOf(source, item, tensor));
        } else if (item.number === 15) {
          // SparseTensorProto: its values tensor carries the name.
          for await (const inner of fieldsIn(pages, item.start, item.end)) {
            if (inner.number !== 1 || inner.type !== wireBytes) continue;
            const values = await readTensor(pages, inner);
            add(values.name, { kind: 'foreign', elem: 'sparse', dims: values.dims, bytes: item.end - item.start });
          }
        }
      }
    }
  } catch (error) {
    if (error instanceof WireError) damaged(error.message, 'the fields of an ONNX model, whole');
    throw error;
  }
  if (graphs === 0) damaged('no graph', 'a whole model; this one is cut off, or no ONNX');
  if (opsets === 0) damaged('no opset behind the graph', 'a whole model; this one is cut off');
  return checkpointOf('ONNX', source.name, { kind: 'dict', children });
}
