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
import { structureHash } from '../ir/hash.ts';
import { Recent } from '../ir/recent.ts';
import { type ElemType, elementCount } from '../ir/types.ts';
import { type InitSpec, sameInit } from '../ops/params.ts';
import type { Distribution } from './init.ts';
import { InternTable } from './intern-table.ts';
import { chunkElements, type Dense } from './pieces.ts';
import type { Magnitudes } from './simd.ts';
import { sameDims, type Walk } from './walk.ts';

/** An element type, sizes, and how many elements that is. */
export interface Layout {
  readonly elem: ElemType;
  readonly dims: readonly number[];
  readonly count: number;
  /** How a tensor of this layout is read at the shape of another. */
  readonly spreads: Map<Layout, Spread>;
}

/** How an operand is read at the shape of a result that it broadcasts to. */
export type Spread = { readonly kind: 'same' } | { readonly kind: 'scalar' } | { readonly kind: 'walk'; readonly walk: Walk };

/** How parameters begin: `init` as their layer says it, and the seed of the compilation. */
export interface Start {
  readonly init: InitSpec;
  readonly seed: number;
  /** What that means for tensors of a layout. */
  readonly distributions: Map<Layout, Distribution>;
}

export class Session {
  #nextId = 0;
  /**
   * What is built, by a hash of its structure: a model has thousands of constants, and a text for each would take more room than
   * the expression. Not weak references: what a running job made or looked up through one lives until the job ends, and passes
   * are one job.
   */
  readonly #interned = new InternTable<Content>();
  readonly #layouts = new Recent<Layout>(1024);
  readonly #starts = new Recent<Start>(256);
  /** A bound on the magnitude of what was computed, and its magnitudes, while passes run. */
  readonly bounds = new Map<Content, number>();
  readonly magnitudes = new Map<Content, Magnitudes>();
  /** What was printed by its hash, for reading the text back. */
  readonly #byHash = new Map<string, Content>();
  /** Arrays that were given back, by power of two: a 1 GB model asks for 30,000 of them. */
  readonly #shelves: Float64Array[][] = [];
  /** Reused by every synchronous read; what is read is decoded before anything else is. */
  #bytes = new Uint8Array(0);
  readonly #sources = new WeakMap<ByteSource, number>();
  #nextSource = 0;
  /** Operands that permutations and products need whole. A reader that reaches its end drops its operand; at most two stay. */
  readonly dense = new Map<Content, Dense>();

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
    const known = this.#interned.find(hash, same);
    if (known) return known;
    const made = make();
    this.#interned.add(hash, made);
    return made;
  }

  /** How many expressions were made; their ids are less. */
  get expressions(): number {
    return this.#nextId;
  }

  /** Forgets what was built, but for these, and what was found out on the way. */
  keep(live: (one: Content) => boolean): void {
    this.#interned.keep(live);
    this.bounds.clear();
    this.magnitudes.clear();
  }

  /** This layout, or an equal one: tensors of a network have few. */
  layout(elem: ElemType, dims: readonly number[]): Layout {
    const hash = structureHash(elem, dims);
    const known = this.#layouts.get(hash);
    if (known && known.elem === elem && sameDims(known.dims, dims)) return known;
    const count = elementCount(dims);
    if (!Number.isSafeInteger(count) || dims.some((d) => !Number.isSafeInteger(d) || d < 0))
      bug(`a tensor of shape [${dims.join(', ')}]`);
    const made = { elem, dims: [...dims], count, spreads: new Map<Layout, Spread>() };
    this.#layouts.set(hash, made);
    return made;
  }

  /** This way to begin, or an equal one. */
  start(init: InitSpec, seed: number): Start {
    const hash = structureHash(init.kind, [seed, (init.value ?? 0) * 1009, (init.scale ?? 1) * 1009]);
    const known = this.#starts.get(hash);
    if (known && known.seed === seed && sameInit(known.init, init)) return known;
    const made = { init, seed, distributions: new Map<Layout, Distribution>() };
    this.#starts.set(hash, made);
    return made;
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
