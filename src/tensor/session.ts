/**
 * What a compilation keeps while it runs: which expressions there are, and the arrays that computing them uses again. Every
 * expression belongs to one session, a graph's constants to one and the same, and nothing of one session is seen by another; so
 * two compilations in a process do not meet, however their steps interleave, and what a compilation kept goes with the last of
 * its expressions.
 */
import { at } from '../diagnostics/at.ts';
import { bug } from '../diagnostics/diagnostic.ts';
import type { ByteSource } from '../io/bytes.ts';
import type { Content } from '../ir/content.ts';
import type { Graph } from '../ir/graph.ts';
import { chunkElements, type Held } from './pieces.ts';

/** Entries of a table at which the dead ones are first removed. */
const sweepLimit = 65536;

export class Session {
  #nextId = 0;
  /**
   * What is built and still in use, by a hash of its structure: a model has thousands of constants, and a text for each would take more room
   * than the expression. Weak, because a pass makes many expressions that nobody keeps.
   */
  readonly #interned = new Map<number, WeakRef<Content> | readonly WeakRef<Content>[]>();
  /** References in the table, those of one hash counted one by one. */
  #internedCount = 0;
  /** What was printed by its hash, for reading the text back. */
  readonly #byHash = new Map<string, WeakRef<Content>>();
  /**
   * Entries at which the dead ones are removed, then twice what lived on, so that a model pays a constant per expression. A
   * FinalizationRegistry would cost more for each expression than making it.
   */
  #sweepAt = sweepLimit;
  /** Arrays that were given back, by power of two: a 1 GB model asks for 30,000 of them. */
  readonly #shelves: Float64Array[][] = [];
  /** Reused by every synchronous read; what is read is decoded before anything else is. */
  #bytes = new Uint8Array(0);
  readonly #sources = new WeakMap<ByteSource, number>();
  #nextSource = 0;
  /** Operands that permutations and products need whole. A reader that reaches its end drops its operand; at most two stay. */
  readonly held = new Map<Content, Held>();

  /** Numbers expressions in the order in which they are made. */
  newId(): number {
    return this.#nextId++;
  }

  /**
   * The expression with this structure: the one that exists, or a new one.
   *
   * @param hash Of the structure (`structureHash`): equal structures have equal ones.
   * @param same Compares the whole structure.
   */
  intern<E extends Content>(hash: number, same: (found: Content) => found is E, make: () => E): E {
    const entry = this.#interned.get(hash);
    const others = entry instanceof WeakRef ? [entry] : (entry ?? []);
    for (const other of others) {
      const found = other.deref();
      if (found && same(found)) return found;
    }
    const made = make();
    if (this.#internedCount >= this.#sweepAt) this.#sweep();
    const alive = others.filter((other) => other.deref());
    this.#internedCount += 1 + alive.length - others.length;
    const reference = new WeakRef<Content>(made);
    this.#interned.set(hash, alive.length === 0 ? reference : [...alive, reference]);
    return made;
  }

  #sweep(): void {
    for (const [key, found] of this.#byHash) if (!found.deref()) this.#byHash.delete(key);
    this.#internedCount = 0;
    for (const [hash, entry] of this.#interned) {
      const alive = (entry instanceof WeakRef ? [entry] : entry).filter((one) => one.deref());
      this.#internedCount += alive.length;
      if (alive.length === 0) this.#interned.delete(hash);
      else this.#interned.set(hash, alive.length === 1 ? at(alive, 0) : alive);
    }
    this.#sweepAt = Math.max(sweepLimit, 2 * this.#internedCount);
  }

  /** Keeps an expression findable by its hash, because that is what was printed of it. */
  nameByHash(expr: Content, hash: string): void {
    if (!this.byHash(hash)) this.#byHash.set(hash, new WeakRef(expr));
  }

  byHash(hash: string): Content | undefined {
    return this.#byHash.get(hash)?.deref();
  }

  /** An array for as long as the caller computes; `giveBack` takes it. Its numbers are anything. */
  borrow(count: number): Float64Array {
    const level = count <= 1 ? 0 : 32 - Math.clz32(count - 1);
    const free = this.#shelves[level]?.pop() ?? new Float64Array(2 ** level);
    return free.length === count ? free : free.subarray(0, count);
  }

  giveBack(array: Float64Array): void {
    const whole = array.byteOffset === 0 && array.byteLength === array.buffer.byteLength ? array : new Float64Array(array.buffer);
    if (whole.length > 4 * chunkElements) return;
    const level = whole.length <= 1 ? 0 : 32 - Math.clz32(whole.length - 1);
    let shelf = this.#shelves[level];
    if (!shelf) {
      shelf = [];
      this.#shelves[level] = shelf;
    }
    if (shelf.length < 8) shelf.push(whole);
  }

  /** Room for bytes that are read and decoded in one step. */
  bytes(length: number): Uint8Array {
    if (this.#bytes.length < length) this.#bytes = new Uint8Array(Math.max(length, chunkElements * 8));
    return this.#bytes.subarray(0, length);
  }

  /** Tells sources apart in the structure of what is stored in them. */
  numberOf(source: ByteSource): number {
    let number = this.#sources.get(source);
    if (number === undefined) {
      number = this.#nextSource++;
      this.#sources.set(source, number);
    }
    return number;
  }
}

/** The session of a graph's constants: that of the first constant, or a new one for a graph without any. */
export function sessionOf(graph: Graph): Session {
  const { session } = graph;
  if (session instanceof Session) return session;
  if (session !== undefined) bug('a graph whose contents are of another make');
  const made = new Session();
  graph.session = made;
  return made;
}
