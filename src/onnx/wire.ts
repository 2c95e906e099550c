/**
 * The protobuf wire format (protobuf.dev/programming-guides/encoding): a scanner that walks the fields of bytes in memory or of a
 * file without decoding what it skips, and a writer into a growing buffer. What fields a message has is said by tables
 * (`proto.ts`).
 */
import { outside } from '../diagnostics/at.ts';
import { utf8 } from '../io/bytes.ts';
import type { LazyBytes } from '../ir/foreign.ts';

/** How a field's value stands on the wire. */
export const wireVarint = 0;
export const wireFixed64 = 1;
export const wireBytes = 2;
export const wireFixed32 = 5;

// ------------------------------------------------------------------------------------------------------- tables of fields

/** What a field holds: a value or, in the plural, numbers that stand one by one or packed into one value. */
export type FieldKind = 'int' | 'ints' | 'float' | 'floats' | 'doubles' | 'text' | 'bytes' | 'message';

/** The wire type of a value that stands alone. */
const wireTypes: Readonly<Record<FieldKind, number>> = {
  int: wireVarint,
  ints: wireVarint,
  float: wireFixed32,
  floats: wireFixed32,
  doubles: wireFixed64,
  text: wireBytes,
  bytes: wireBytes,
  message: wireBytes,
};
const packable: ReadonlySet<FieldKind> = new Set(['ints', 'floats', 'doubles']);

/**
 * A field as a message's table declares it. Reading and writing take these, so that no number of a field stands outside of a
 * table.
 */
export class ProtoField<Kind extends FieldKind = FieldKind> {
  readonly number: number;
  readonly kind: Kind;
  /** What stands before a value: number and wire type. */
  readonly tag: number;
  readonly #types: number;
  constructor(number: number, kind: Kind) {
    this.number = number;
    this.kind = kind;
    this.tag = number * 8 + wireTypes[kind];
    this.#types = (1 << wireTypes[kind]) | (packable.has(kind) ? 1 << wireBytes : 0);
  }
  /** Whether this is what stands there; protobuf takes a field of another wire type for one that it does not know. */
  is(field: Field): boolean {
    return field.number === this.number && ((this.#types >> field.type) & 1) === 1;
  }
}

type Rows = Readonly<Record<string, readonly [number: number, kind: FieldKind]>>;
const named = Symbol('names by number');
interface Named<Name> {
  readonly [named]: readonly ({ readonly name: Name; readonly field: ProtoField } | undefined)[];
}
/** A message's fields by their names. */
export type FieldTable<R extends Rows> = { readonly [Name in keyof R]: ProtoField<R[Name][1]> } & Named<keyof R>;

export function fieldTable<const R extends Rows>(rows: R): FieldTable<R> {
  const fields: Record<string, ProtoField> = {};
  const names: ({ readonly name: string; readonly field: ProtoField } | undefined)[] = [];
  for (const [name, [number, kind]] of Object.entries(rows)) {
    const field = new ProtoField(number, kind);
    fields[name] = field;
    while (names.length <= number) names.push(undefined);
    names[number] = { name, field };
  }
  return { ...fields, [named]: names } as unknown as FieldTable<R>;
}

/** The name of a field that stands in a message; undefined for one that its table does not have, or not with that wire type. */
export function nameOf<Name>(table: Named<Name>, field: Field): Name | undefined {
  const found = table[named][field.number];
  return found?.field.is(field) ? found.name : undefined;
}

// ------------------------------------------------------------------------------------------------------------- reading

/** The bytes are no protobuf, or end too early. */
export class WireError extends Error {
  override readonly name = 'WireError';
}

/** One field as it stands in the bytes: `start` and `end` bound its value, without tag and length. */
export interface Field {
  readonly number: number;
  readonly type: number;
  /** The value of a varint field as a number; larger ones than 2^53 lose their low bits here, `varintAt` reads them whole. */
  readonly value: number;
  readonly start: number;
  readonly end: number;
}

/** Where a scanner reads from. Offsets count from the beginning of the file. */
export interface WireSource {
  readonly size: number;
  /** At least `length` bytes from `offset`, unless the source ends before. Valid until the next call. */
  read(offset: number, length: number): Uint8Array;
}

/** Bytes in memory as a source. */
export function bytesSource(bytes: Uint8Array): WireSource {
  return { size: bytes.length, read: (offset, length) => bytes.subarray(offset, offset + length) };
}

/**
 * A source that reads windows of 64 KiB, so that walking many small fields costs few reads and skipping large ones costs none.
 */
export function windowedSource(size: number, read: (offset: number, out: Uint8Array) => number): WireSource {
  const window = new Uint8Array(65536);
  let start = 0;
  let length = 0;
  return {
    size,
    read(offset, count) {
      if (count > window.length) {
        const large = new Uint8Array(Math.min(count, Math.max(0, size - offset)));
        return large.subarray(0, read(offset, large));
      }
      const wanted = Math.max(0, Math.min(count, size - offset));
      if (offset < start || offset + wanted > start + length) {
        start = offset;
        length = read(offset, window.subarray(0, Math.max(0, Math.min(window.length, size - offset))));
      }
      return window.subarray(offset - start, Math.min(length, offset - start + wanted));
    },
  };
}

/**
 * Where the number that `numberIn` read last ends: a result object for each of millions of numbers would cost more than reading
 * them.
 */
let numberEnd = 0;
/** The varint at `from` of `bytes`, which lie at `base` of the file; above 2^53 rounded. */
function numberIn(bytes: Uint8Array, from: number, base: number): number {
  let value = 0;
  let scale = 1;
  for (let i = 0; i < 10; i++) {
    const byte = bytes[from + i];
    if (byte === undefined) throw new WireError(`the bytes end inside a number at ${base + from}`);
    // The tenth byte has one bit of the 64.
    value += (byte & (i === 9 ? 1 : 127)) * scale;
    if (byte < 128) {
      numberEnd = from + i + 1;
      return value;
    }
    scale *= 128;
  }
  throw new WireError(`a number at ${base + from} is longer than ten bytes`);
}

/** The varint at `offset`, as a number and whole, and the offset behind it. */
export function varintAt(
  source: WireSource,
  offset: number,
): { readonly value: number; readonly whole: bigint; readonly end: number } {
  const bytes = source.read(offset, 10);
  const value = numberIn(bytes, 0, offset);
  const end = offset + numberEnd;
  // Seven bytes hold 49 bits.
  if (numberEnd <= 7) return { value, whole: BigInt(value), end };
  let whole = 0n;
  for (let i = numberEnd - 1; i >= 0; i--) whole = (whole << 7n) | BigInt((bytes[i] ?? outside()) & 127);
  whole = BigInt.asUintN(64, whole);
  return { value: Number(whole), whole, end };
}

/** Tag and length of a field take at most this many bytes. */
export const fieldHead = 20;

/**
 * The field that begins at `at` in a message that ends at `end`. Reads tag and length only, at most 20 bytes. Throws `WireError`.
 */
export function fieldAt(source: WireSource, at: number, end: number): Field {
  const head = source.read(at, fieldHead);
  const tag = numberIn(head, 0, at);
  const number = Math.floor(tag / 8);
  const type = tag % 8;
  if (number < 1 || number > 536870911) throw new WireError(`a field with the number ${number} at ${at}`);
  let from = at + numberEnd;
  let to: number;
  let value = 0;
  switch (type) {
    case wireVarint:
      value = numberIn(head, numberEnd, at);
      to = at + numberEnd;
      break;
    case wireFixed64:
      to = from + 8;
      break;
    case wireFixed32:
      to = from + 4;
      break;
    case wireBytes: {
      const length = numberIn(head, numberEnd, at);
      from = at + numberEnd;
      to = from + length;
      break;
    }
    default:
      throw new WireError(`a field of wire type ${type} at ${at}`);
  }
  if (to > end) throw new WireError(`a field at ${at} ends ${to - end} bytes behind its message`);
  return { number, type, value, start: from, end: to };
}

/** The fields of the message in [start, end), in order, groups refused. Throws `WireError`. */
export function* fieldsOf(source: WireSource, start = 0, end = source.size): Generator<Field> {
  for (let at = start; at < end; ) {
    const field = fieldAt(source, at, end);
    yield field;
    at = field.end;
  }
}

/** A string field's text; bytes that are no UTF-8 become U+FFFD. */
export function textOf(source: WireSource, field: Field): string {
  const bytes = source.read(field.start, field.end - field.start);
  return utf8(bytes, true);
}

/** The int32 that protobuf makes of a varint: its low 32 bits. */
export function int32Of(value: number): number {
  return (value % 4294967296) | 0;
}

// ------------------------------------------------------------------------------------------------------------- writing

const two32 = 4294967296;

/** Bytes of a non-negative number as a varint, or of a negative one (always ten). */
export function varintSize(value: number | bigint): number {
  if (typeof value === 'bigint') {
    let rest = BigInt.asUintN(64, value);
    let size = 1;
    while (rest > 127n) {
      rest >>= 7n;
      size++;
    }
    return size;
  }
  if (value < 0) return 10;
  let size = 1;
  for (let rest = value; rest > 127; rest = Math.floor(rest / 128)) size++;
  return size;
}

/** Bytes of a field of one integer, tag included. */
export function intFieldSize(field: ProtoField<'int' | 'ints'>, value: number | bigint): number {
  return varintSize(field.tag) + varintSize(value);
}

/** Bytes of a length-delimited field, tag and length included. */
export function bytesFieldSize(field: ProtoField<'text' | 'bytes' | 'message'>, length: number): number {
  return varintSize(field.tag) + varintSize(length) + length;
}

/** Bytes of a text's field, tag and length included. */
export function stringFieldSize(field: ProtoField<'text' | 'bytes'>, text: string): number {
  return bytesFieldSize(field, utf8Size(text));
}

/** Bytes of a text in UTF-8. A lone surrogate becomes U+FFFD, three bytes, as the web's encoders write it. */
export function utf8Size(text: string): number {
  let size = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) size++;
    else if (unit < 0x800) size += 2;
    else if (unit >= 0xd800 && unit < 0xdc00) {
      const next = text.charCodeAt(i + 1);
      if (next >= 0xdc00 && next < 0xe000) {
        size += 4;
        i++;
      } else size += 3;
    } else size += 3;
  }
  return size;
}

/** Bytes that are copied into the buffer at once; more are left as a hole. */
const copiedBytes = 4096;

/** A place in the buffer where bytes belong that are still to be read. */
export interface Hole {
  readonly at: number;
  readonly bytes: LazyBytes;
}

/** A growing buffer that messages are written into. Fields go out in the order in which they are called. */
export class WireWriter {
  #bytes: Uint8Array;
  #view: DataView;
  #length = 0;
  #holes: Hole[] = [];
  /** Bytes of the holes. */
  #missing = 0;
  readonly #measures: boolean;

  /** One that only measures reads no lazy bytes. */
  constructor(capacity = 4096, options: { readonly measures?: boolean } = {}) {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
    this.#measures = options.measures ?? false;
  }

  /** Bytes in the buffer, without those of the holes. */
  get length(): number {
    return this.#length;
  }

  /** Bytes of all that was written, with those of the holes. */
  get total(): number {
    return this.#length + this.#missing;
  }

  /** In the order of the buffer. */
  get holes(): readonly Hole[] {
    return this.#holes;
  }

  /** What was written since the last `reset`; valid until the next write. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  reset(): void {
    this.#length = 0;
    this.#missing = 0;
    if (this.#holes.length > 0) this.#holes = [];
  }

  #reserve(count: number): void {
    const need = this.#length + count;
    if (need <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(need, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }

  /** A negative number is written as its 64-bit two's complement, as int32 and int64 fields are. */
  varint(value: number | bigint): void {
    this.#reserve(10);
    if (typeof value === 'bigint' || value < 0) {
      let rest = BigInt.asUintN(64, BigInt(value));
      while (rest > 127n) {
        this.#bytes[this.#length++] = Number(rest & 127n) | 128;
        rest >>= 7n;
      }
      this.#bytes[this.#length++] = Number(rest);
      return;
    }
    let rest = value;
    while (rest >= two32) {
      this.#bytes[this.#length++] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    let low = rest >>> 0;
    while (low > 127) {
      this.#bytes[this.#length++] = (low & 127) | 128;
      low >>>= 7;
    }
    this.#bytes[this.#length++] = low;
  }

  intField(field: ProtoField<'int' | 'ints'>, value: number | bigint): void {
    this.varint(field.tag);
    this.varint(value);
  }

  floatField(field: ProtoField<'float' | 'floats'>, value: number): void {
    this.varint(field.tag);
    this.#reserve(4);
    this.#view.setFloat32(this.#length, value, true);
    this.#length += 4;
  }

  /** Eight bytes without a tag. */
  fixed64(value: bigint): void {
    this.#reserve(8);
    this.#view.setBigUint64(this.#length, BigInt.asUintN(64, value), true);
    this.#length += 8;
  }

  bytesField(field: ProtoField<'bytes' | 'message'>, value: Uint8Array): void {
    this.bytesHeader(field, value.length);
    this.raw(value);
  }

  /** The tag and length of a field whose bytes go out elsewhere. */
  bytesHeader(field: ProtoField<'bytes' | 'message'>, length: number): void {
    this.varint(field.tag);
    this.varint(length);
  }

  raw(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
  }

  /** A field whose bytes are read now when they are few, and by whoever takes the buffer otherwise. */
  lazyField(field: ProtoField<'bytes' | 'message'>, bytes: LazyBytes): void {
    this.bytesHeader(field, bytes.size);
    if (bytes.size === 0) return;
    if (!this.#measures && bytes.readSync && bytes.size <= copiedBytes) {
      this.raw(bytes.readSync(0, bytes.size));
      return;
    }
    this.#holes.push({ at: this.#length, bytes });
    this.#missing += bytes.size;
  }

  stringField(field: ProtoField<'text' | 'bytes'>, text: string): void {
    this.varint(field.tag);
    // Names are nearly always short ASCII; one loop both copies and checks them.
    if (text.length < 128) {
      this.#reserve(1 + text.length);
      const start = this.#length;
      this.#bytes[start] = text.length;
      let i = 0;
      for (; i < text.length; i++) {
        const unit = text.charCodeAt(i);
        if (unit > 127) break;
        this.#bytes[start + 1 + i] = unit;
      }
      if (i === text.length) {
        this.#length = start + 1 + i;
        return;
      }
    }
    this.varint(utf8Size(text));
    this.text(text);
  }

  /** UTF-8 alone, without tag and length. */
  text(text: string): void {
    this.#reserve(text.length * 3);
    const bytes = this.#bytes;
    let at = this.#length;
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      if (unit < 0x80) {
        bytes[at++] = unit;
        continue;
      }
      let code = text.codePointAt(i) ?? 0;
      if (code > 0xffff) i++;
      else if (code >= 0xd800 && code < 0xe000) code = 0xfffd;
      const following = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
      // A one for each byte of the character, a zero, and its highest bits.
      bytes[at++] = ((0xff00 >> (following + 1)) & 0xff) | (code >> (6 * following));
      for (let six = following - 1; six >= 0; six--) bytes[at++] = 0x80 | ((code >> (6 * six)) & 63);
    }
    this.#length = at;
  }

  /** A nested message. Its length is known only after it is written, so that it moves up by the length's own bytes. */
  message(field: ProtoField<'message'>, write: () => void): void {
    this.varint(field.tag);
    const start = this.#length;
    const missing = this.#missing;
    const holes = this.#holes.length;
    write();
    const size = this.#length - start;
    const whole = size + this.#missing - missing;
    const header = varintSize(whole);
    this.#reserve(header);
    this.#bytes.copyWithin(start + header, start, start + size);
    for (let i = holes; i < this.#holes.length; i++) {
      const hole = this.#holes[i];
      if (hole) this.#holes[i] = { at: hole.at + header, bytes: hole.bytes };
    }
    this.#length = start;
    this.varint(whole);
    this.#length = start + header + size;
  }
}
