/**
 * The walk over the messages of one file, and what it pays for: each field and each copied byte comes out of a budget. What is
 * short is read, what is long stays a span of the file.
 */
import { outside } from '../diagnostics/at.ts';
import { Budget, costOf, structureBudget } from '../diagnostics/budget.ts';
import { importLimit } from '../diagnostics/catalogue/import.ts';
import { bug, fail } from '../diagnostics/diagnostic.ts';
import { type ByteSource, utf8 } from '../io/bytes.ts';
import type { LazyBytes } from '../ir/foreign.ts';
import { nameLimit, Pages, type Work } from './pages.ts';
import { bytesSource, type Field, varintAt, WireError, wireBytes, wireFixed32, wireVarint } from './wire.ts';

/** Bytes of one doc string, type or unknown field, which are kept as they are. */
export const copiedLimit = 1 << 28;
/** Longer lists and texts in attributes are kept as bytes; nothing that is looked at is as long. */
export const listLimit = 65536;

/** A span of the file: kept instead of its bytes, because a model has hundreds of thousands of attributes. */
class Span implements LazyBytes {
  readonly size: number;
  protected readonly source: ByteSource;
  protected readonly start: number;
  constructor(source: ByteSource, start: number, size: number) {
    this.source = source;
    this.start = start;
    this.size = size;
  }
  read(start: number, length: number): Promise<Uint8Array> {
    return this.source.read(this.start + start, length);
  }
}
class SpanNow extends Span {
  readSync(start: number, length: number): Uint8Array {
    return this.source.readSync?.(this.start + start, length) ?? bug('a source that no longer reads at once');
  }
}

/** Of a text longer than that no hash is kept. */
const mostHashed = 120;

/** A hash of ASCII, undefined for other bytes; outside of the walk, since V8 makes less of generators than of functions. */
function asciiHash(bytes: Uint8Array): number | undefined {
  if (bytes.length > mostHashed) return undefined;
  let hash = bytes.length;
  let all = 0;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] ?? outside();
    all |= byte;
    hash = Math.imul(hash ^ byte, 16777619);
  }
  return all < 0x80 ? hash : undefined;
}

function isText(bytes: Uint8Array, text: string): boolean {
  if (text.length !== bytes.length) return false;
  for (let i = 0; i < bytes.length; i++) if (text.charCodeAt(i) !== bytes[i]) return false;
  return true;
}

/** One file, or the bytes of a message out of one. */
export class Scan {
  readonly source: ByteSource;
  readonly file: string;
  readonly pages: Pages;
  readonly budget: Budget;
  /** Short texts by their bytes' hash, because most names stand several times in a file. */
  readonly #texts = new Map<number, string>();

  constructor(source: ByteSource) {
    this.source = source;
    this.file = source.name;
    this.pages = new Pages(source);
    this.budget = new Budget(structureBudget(source.size), ({ limit }) =>
      this.limit(`more than ${Math.round(limit / 2 ** 20)} MiB of nodes, names and types`, 'what a file of this size can need'),
    );
  }

  /** Refuses the file: RES0652. */
  limit(found: string, expected: string): never {
    return fail(importLimit, { with: { file: this.file, found, expected } });
  }
  /** A field that is walked over: its place in a list where it is kept. */
  spend(): void {
    this.budget.spend(costOf.item);
  }
  /** Bytes that are kept. */
  copies(bytes: number): void {
    this.budget.spend(bytes);
  }

  /** The field at `at` in a message that ends at `end`. */
  *next(at: number, end: number): Work<Field> {
    this.spend();
    return this.pages.fieldHere(at, end) ?? (yield* this.pages.field(at, end));
  }

  /** A name. */
  *text(field: Field): Work<string> {
    this.spend();
    const bytes = yield* this.pages.bytesOf(field, nameLimit, 'a text');
    const hash = asciiHash(bytes);
    if (hash !== undefined) {
      const known = this.#texts.get(hash);
      if (known !== undefined && isText(bytes, known)) return known;
      const text: string = Reflect.apply(String.fromCharCode, undefined, bytes);
      this.#texts.set(hash, text);
      return text;
    }
    this.copies(bytes.length);
    const text = utf8(bytes);
    // A name with broken bytes would be written back as another one.
    if (text === undefined) throw new WireError(`a text that is no UTF-8 at ${field.start}`);
    return text;
  }

  /** A field with its tag, verbatim. */
  *verbatim(at: number, field: Field): Work<Uint8Array> {
    const length = field.end - at;
    this.copies(length + 32);
    if (length > copiedLimit) this.limit(`a text or unknown field of ${length} bytes`, `at most ${copiedLimit}`);
    if (!this.pages.has(at, length)) yield () => this.pages.load(at, length);
    return this.pages.read(at, length).slice();
  }

  span(start: number, end: number): LazyBytes {
    return this.source.readSync ? new SpanNow(this.source, start, end - start) : new Span(this.source, start, end - start);
  }

  /** Undefined where the text is long or no UTF-8. */
  *string(field: Field): Work<string | undefined> {
    const length = field.end - field.start;
    if (field.type !== wireBytes || length > listLimit) return undefined;
    this.spend();
    this.copies(length);
    return utf8(yield* this.pages.bytesOf(field, listLimit, 'a text'));
  }

  /** The numbers of fields, packed or not; undefined where they are many or of another type. */
  *floats(fields: readonly Field[]): Work<readonly number[] | undefined> {
    const out: number[] = [];
    for (const field of fields) {
      const length = field.end - field.start;
      if ((field.type !== wireFixed32 && field.type !== wireBytes) || length % 4 !== 0 || out.length + length / 4 > listLimit)
        return undefined;
      if (!this.pages.has(field.start, length)) yield () => this.pages.load(field.start, length);
      const bytes = this.pages.read(field.start, length);
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      for (let i = 0; i < length; i += 4) {
        this.spend();
        out.push(view.getFloat32(i, true));
      }
    }
    return out;
  }

  *ints(fields: readonly Field[]): Work<readonly bigint[] | undefined> {
    const out: bigint[] = [];
    for (const field of fields) {
      const length = field.end - field.start;
      if ((field.type !== wireVarint && field.type !== wireBytes) || length > 10 * listLimit) return undefined;
      // A varint field's value begins where its tag ends.
      const end = field.end;
      if (!this.pages.has(field.start, length)) yield () => this.pages.load(field.start, length);
      const numbers = bytesSource(this.pages.read(field.start, end - field.start));
      for (let i = 0; i < numbers.size; ) {
        if (out.length >= listLimit) return undefined;
        this.spend();
        const number = varintAt(numbers, i);
        out.push(BigInt.asIntN(64, number.whole));
        i = number.end;
      }
    }
    return out;
  }
}
