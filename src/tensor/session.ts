/**
 * What a compilation keeps while it runs: which expressions there are, and the arrays that computing them uses again. Every
 * expression belongs to one session, a graph's constants to one and the same, and nothing of one session is seen by another; so
 * two compilations in a process do not meet, however their steps interleave, and what a compilation kept goes with the last of
 * its expressions.
 */
import { bug } from '../diagnostics/diagnostic.ts';
import type { ByteSource } from '../io/bytes.ts';
import type { Content } from '../ir/content.ts';
import type { Graph } from '../ir/graph.ts';
import { chunkElements, type Held } from './pieces.ts';

const isList = (entry: Content | readonly Content[]): entry is readonly Content[] => Array.isArray(entry);

export class Session {
  #nextId = 0;
  /**
   * What is built, by a hash of its structure: a model has thousands of constants, and a text for each would take more room than
   * the expression. Not weak references: what a running job made or looked up through one lives until the job ends, and passes
   * are one job.
   */
  readonly #interned = new Map<number, Content | readonly Content[]>();
  /** What was printed by its hash, for reading the text back. */
  readonly #byHash = new Map<string, Content>();
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
    const others = entry === undefined ? [] : isList(entry) ? entry : [entry];
    for (const other of others) if (same(other)) return other;
    const made = make();
    this.#interned.set(hash, entry === undefined ? made : [...others, made]);
    return made;
  }

  /** Forgets what was built, but for these. */
  keep(live: ReadonlySet<Content>): void {
    for (const [hash, entry] of this.#interned) {
      const kept = (isList(entry) ? entry : [entry]).filter((one) => live.has(one));
      const [only] = kept;
      if (only === undefined) this.#interned.delete(hash);
      else this.#interned.set(hash, kept.length === 1 ? only : kept);
    }
  }

  /** Keeps an expression findable by its hash, because that is what was printed of it. */
  nameByHash(expr: Content, hash: string): void {
    if (!this.#byHash.has(hash)) this.#byHash.set(hash, expr);
  }

  byHash(hash: string): Content | undefined {
    return this.#byHash.get(hash);
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
