/**
 * A file that is walked page by page, and the way in which a walk waits for the pages. All readers of ONNX files stand on it: the
 * model (`read.ts`), its metadata, and the initialisers of a checkpoint.
 */
import { bug } from '../diagnostics/diagnostic.ts';
import { type ByteSource, readSpan } from '../io/bytes.ts';
import type { Pending } from '../tensor/pieces.ts';
import { type Field, fieldAt, fieldHead, textOf, WireError, type WireSource, wireBytes } from './wire.ts';

/** Bytes of a name, and of an entry of external data. */
export const nameLimit = 65536;
const pageLeast = 4096;
const pageMost = 65536;

/**
 * A walk that may have to wait for the file, as a coroutine: a generator that yields each load that it needs, and goes on when
 * that is done; what it returns is its result. A part of a walk is called by `yield*`, so that its loads reach `finish` through
 * all that called it. It is no async function because a model has millions of fields: a promise for each would cost more than
 * reading it, while a field that lies in the page costs no yield at all (`fieldHere`), and a file in memory never awaits.
 */
export type Work<T> = Generator<() => Pending, T, undefined>;

/** Runs it to its end: at once between the loads that are there, and awaiting those that are not. */
export async function finish<T>(work: Work<T>): Promise<T> {
  for (;;) {
    const step = work.next();
    if (step.done) return step.value;
    const pending = step.value();
    if (pending) await pending;
  }
}

/** Whole, but longer than anything that is read. */
export class LongerThan extends WireError {
  readonly limit: number;
  constructor(found: string, limit: number) {
    super(found);
    this.limit = limit;
  }
}

/** A window of the file that moves, so that small fields cost few reads and large ones none. */
export class Pages implements WireSource {
  readonly size: number;
  readonly source: ByteSource;
  #bytes: Uint8Array = new Uint8Array(0);
  #start = 0;
  #page = pageMost;
  constructor(source: ByteSource) {
    this.source = source;
    this.size = source.size;
  }
  has(offset: number, length: number): boolean {
    return offset >= this.#start && Math.min(this.size, offset + length) <= this.#start + this.#bytes.length;
  }
  load(offset: number, length: number): Pending {
    // Behind a large tensor there is often only the next one, so that after a jump little is read, and more as long as it goes
    // straight on.
    const gap = offset - this.#start - this.#bytes.length;
    this.#page = gap > fieldHead || offset < this.#start ? pageLeast : Math.min(pageMost, 2 * this.#page);
    const wanted = Math.max(0, Math.min(this.size - offset, Math.max(this.#page, length)));
    const { readSync } = this.source;
    const take = (bytes: Uint8Array): void => {
      this.#bytes = bytes;
      this.#start = offset;
    };
    if (readSync && offset >= 0 && offset + wanted <= this.size) return take(readSync.call(this.source, offset, wanted));
    return readSpan(this.source, offset, wanted, 'a field of the model').then(take);
  }
  read(offset: number, length: number): Uint8Array {
    if (!this.has(offset, length)) bug('a part of the file that was not loaded');
    return this.#bytes.subarray(offset - this.#start, offset - this.#start + length);
  }
  /** The field at `at` in a message that ends at `end`. */
  *field(at: number, end: number): Work<Field> {
    if (!this.has(at, fieldHead)) yield () => this.load(at, fieldHead);
    return fieldAt(this, at, end);
  }
  /** The same where the page is there. */
  fieldHere(at: number, end: number): Field | undefined {
    return this.has(at, fieldHead) ? fieldAt(this, at, end) : undefined;
  }
  /** The bytes of a field's value, valid until the next page; `limit` and `what` are for the message. */
  *bytesOf(field: Field, limit: number, what: string): Work<Uint8Array> {
    const length = field.end - field.start;
    if (field.type !== wireBytes) throw new WireError(`${what} of wire type ${field.type} at ${field.start}`);
    if (length > limit) throw new LongerThan(`${what} of ${length} bytes at ${field.start}`, limit);
    if (!this.has(field.start, length)) yield () => this.load(field.start, length);
    return this.read(field.start, length);
  }
  *text(field: Field): Work<string> {
    yield* this.bytesOf(field, nameLimit, 'a name');
    return textOf(this, field);
  }
}
