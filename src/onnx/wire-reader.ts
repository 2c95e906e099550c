/**
 * The reading half of the protobuf wire format (protobuf.dev/programming-guides/encoding): a scanner that walks fields of bytes in memory
 * or of a file without decoding what it skips.
 */

/** How a field's value stands on the wire. */
export const wireVarint = 0;
export const wireFixed64 = 1;
export const wireBytes = 2;
export const wireFixed32 = 5;

/** Thrown by the reading half: the bytes are no protobuf, or end too early. */
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

/** A source that reads windows of 64 KiB, so that walking many small fields costs few reads and skipping large ones costs none. */
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

/** The varint at `offset`, as a number and whole, and the offset behind it. */
export function varintAt(
  source: WireSource,
  offset: number,
): { readonly value: number; readonly whole: bigint; readonly end: number } {
  const bytes = source.read(offset, 10);
  let whole = 0n;
  let value = 0;
  let scale = 1;
  for (let i = 0; i < 10; i++) {
    const byte = bytes[i];
    if (byte === undefined) throw new WireError(`the bytes end inside a number at ${offset}`);
    if (i < 7) {
      value += (byte & 127) * scale;
      scale *= 128;
    }
    if (byte < 128) {
      if (i < 7) return { value, whole: BigInt(value), end: offset + i + 1 };
      for (let j = i; j >= 0; j--) whole = (whole << 7n) | BigInt((bytes[j] ?? 0) & 127);
      whole = BigInt.asUintN(64, whole);
      return { value: Number(whole), whole, end: offset + i + 1 };
    }
  }
  throw new WireError(`a number at ${offset} is longer than ten bytes`);
}

/** Where the number that `numberIn` read last ends: a result object for each of millions of numbers would cost more than reading them. */
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

/** Tag and length of a field take at most this many bytes. */
export const fieldHead = 20;

/** The field that begins at `at` in a message that ends at `end`. Reads tag and length only, at most 20 bytes. Throws `WireError`. */
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
  let plain = bytes.length <= 256;
  for (let i = 0; plain && i < bytes.length; i++) plain = (bytes[i] ?? 0) < 0x80;
  if (plain) return String.fromCharCode(...bytes);
  const units: string[] = [];
  for (let i = 0; i < bytes.length; ) {
    const first = bytes[i++] ?? 0;
    const more = first < 0x80 ? 0 : first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : first >= 0xc0 ? 1 : -1;
    let code = more <= 0 ? first : first & (63 >> more);
    let good = more >= 0;
    for (let k = 0; good && k < more; k++) {
      const next = bytes[i];
      good = next !== undefined && (next & 0xc0) === 0x80;
      if (!good) break;
      code = (code << 6) | ((next ?? 0) & 63);
      i++;
    }
    const least = [0, 0x80, 0x800, 0x10000][Math.max(0, more)] ?? 0;
    good &&= code >= least && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
    units.push(good ? String.fromCodePoint(code) : '\ufffd');
  }
  return units.join('');
}

/**
 * Whether a field stands as its message declares it; protobuf takes one of another wire type for a field that it does not know. `types` lists the wire
 * types by field number: `wireBytes` beside another one for repeated numbers, which may be packed or not.
 */
export function isKnown(field: Field, types: Readonly<Record<number, readonly number[]>>): boolean {
  return types[field.number]?.includes(field.type) === true;
}

/** The int32 that protobuf makes of a varint: its low 32 bits. */
export function int32Of(value: number): number {
  return (value % 4294967296) | 0;
}
