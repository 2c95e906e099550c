/**
 * The writing half of the protobuf wire format (protobuf.dev/programming-guides/encoding): varints, tags, length-delimited and fixed
 * fields, written into a growing buffer. The reading half stands in the room of weights, which reads ONNX initialisers with it.
 * Integers are JavaScript numbers up to 2^53 in size; what is larger passes as bigint.
 */
import type { LazyBytes } from '../ir/foreign.ts';
import { wireBytes, wireFixed32, wireVarint } from './wire-reader.ts';

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

  /** A field whose bytes are read now when they are few, and by whoever takes the buffer otherwise. */
  lazyField(field: number, bytes: LazyBytes): void {
    this.bytesHeader(field, bytes.size);
    if (bytes.size === 0) return;
    if (!this.#measures && bytes.readSync && bytes.size <= copiedBytes) {
      this.raw(bytes.readSync(0, bytes.size));
      return;
    }
    this.#holes.push({ at: this.#length, bytes });
    this.#missing += bytes.size;
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
    this.text(text);
  }

  /** UTF-8 alone, without tag and length. */
  text(text: string): void {
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
