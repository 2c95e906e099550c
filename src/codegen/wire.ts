/**
 * The protobuf wire format (protobuf.dev/programming-guides/encoding): varints, tags, length-delimited and fixed fields, written into a
 * growing buffer, and a scanner that walks fields of bytes in memory or of a file without decoding what it skips.
 * Integers are JavaScript numbers up to 2^53 in size; what is larger passes as bigint.
 */

/** How a field's value stands on the wire. */
export const wireVarint = 0;
export const wireFixed64 = 1;
export const wireBytes = 2;
export const wireFixed32 = 5;

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

/** Bytes of a field's tag. */
export function tagSize(field: number): number {
  return varintSize(field * 8);
}

/** Bytes of a length-delimited field, tag and length included. */
export function bytesFieldSize(field: number, length: number): number {
  return tagSize(field) + varintSize(length) + length;
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

/** A growing buffer that messages are written into. Fields go out in the order in which they are called. */
export class WireWriter {
  #bytes: Uint8Array;
  #view: DataView;
  #length = 0;

  constructor(capacity = 4096) {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  get length(): number {
    return this.#length;
  }

  /** What was written since the last `reset`; valid until the next write. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  reset(): void {
    this.#length = 0;
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

  tag(field: number, type: number): void {
    this.varint(field * 8 + type);
  }

  intField(field: number, value: number | bigint): void {
    this.tag(field, wireVarint);
    this.varint(value);
  }

  /** A 32-bit float field. */
  floatField(field: number, value: number): void {
    this.tag(field, wireFixed32);
    this.fixedFloat(value);
  }

  fixedFloat(value: number): void {
    this.#reserve(4);
    this.#view.setFloat32(this.#length, value, true);
    this.#length += 4;
  }

  fixed32(value: number): void {
    this.#reserve(4);
    this.#view.setUint32(this.#length, value >>> 0, true);
    this.#length += 4;
  }

  fixed64(value: bigint): void {
    this.#reserve(8);
    this.#view.setBigUint64(this.#length, BigInt.asUintN(64, value), true);
    this.#length += 8;
  }

  fixedDouble(value: number): void {
    this.#reserve(8);
    this.#view.setFloat64(this.#length, value, true);
    this.#length += 8;
  }

  bytesField(field: number, value: Uint8Array): void {
    this.tag(field, wireBytes);
    this.varint(value.length);
    this.raw(value);
  }

  /** The tag and length of a field whose bytes go out elsewhere. */
  bytesHeader(field: number, length: number): void {
    this.tag(field, wireBytes);
    this.varint(length);
  }

  raw(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
  }

  stringField(field: number, text: string): void {
    this.tag(field, wireBytes);
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
    this.#reserve(text.length * 3);
    for (let i = 0; i < text.length; i++) {
      let code = text.codePointAt(i) ?? 0;
      if (code > 0xffff) i++;
      else if (code >= 0xd800 && code < 0xe000) code = 0xfffd;
      if (code < 0x80) this.#bytes[this.#length++] = code;
      else if (code < 0x800) this.#put(0xc0 | (code >> 6), code & 63);
      else if (code < 0x10000) this.#put(0xe0 | (code >> 12), (code >> 6) & 63, code & 63);
      else this.#put(0xf0 | (code >> 18), (code >> 12) & 63, (code >> 6) & 63, code & 63);
    }
  }

  #put(first: number, ...rest: readonly number[]): void {
    this.#bytes[this.#length++] = first;
    for (const six of rest) this.#bytes[this.#length++] = 0x80 | six;
  }

  /** Packed varints. */
  packedField(field: number, values: readonly (number | bigint)[]): void {
    this.bytesHeader(
      field,
      values.reduce<number>((n, value) => n + varintSize(value), 0),
    );
    for (const value of values) this.varint(value);
  }

  /** A nested message. Its length is known only after it is written, so that it moves up by the length's own bytes. */
  message(field: number, write: () => void): void {
    this.tag(field, wireBytes);
    const start = this.#length;
    write();
    const size = this.#length - start;
    const header = varintSize(size);
    this.#reserve(header);
    this.#bytes.copyWithin(start + header, start, start + size);
    this.#length = start;
    this.varint(size);
    this.#length = start + header + size;
  }
}

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

/** The fields of the message in [start, end), in order, groups refused. Reads tags and lengths only. Throws `WireError`. */
export function* fieldsOf(source: WireSource, start = 0, end = source.size): Generator<Field> {
  let at = start;
  while (at < end) {
    const tag = varintAt(source, at);
    const number = Math.floor(tag.value / 8);
    const type = tag.value % 8;
    if (number < 1 || number > 536870911) throw new WireError(`a field with the number ${number} at ${at}`);
    let from = tag.end;
    let to: number;
    let value = 0;
    switch (type) {
      case wireVarint: {
        const read = varintAt(source, from);
        value = read.value;
        to = read.end;
        break;
      }
      case wireFixed64:
        to = from + 8;
        break;
      case wireFixed32:
        to = from + 4;
        break;
      case wireBytes: {
        const length = varintAt(source, from);
        from = length.end;
        to = from + length.value;
        break;
      }
      default:
        throw new WireError(`a field of wire type ${type} at ${at}`);
    }
    if (to > end) throw new WireError(`a field at ${at} ends ${to - end} bytes behind its message`);
    yield { number, type, value, start: from, end: to };
    at = to;
  }
}

/** A string field's text; bytes that are no UTF-8 become U+FFFD. */
export function textOf(source: WireSource, field: Field): string {
  const bytes = source.read(field.start, field.end - field.start);
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
