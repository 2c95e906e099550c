/**
 * Lazy tensors. An expression describes a constant's elements and computes any range of them on demand; nothing is an array until
 * the writer pulls it. Expressions are interned: equal ones are the same object, have one `id`, and are stored once. Arithmetic
 * is float64 inside and rounds only at `cast` and where the writer encodes.
 *
 * Text form (printed by `text()`, read back through `buildExpr`; blanks are free):
 *
 *   expr    = leaf | call | numbers
 *   leaf    = path "[" [int {"," int}] "]" [":" elem]          f32 when no element type follows
 *   path    = \w+ { "." \w+ }  |  a JSON string, where the path has other characters
 *   call    = name "(" arg {"," arg} ")"
 *   numbers = "[" number {"," number} "]"                      an f32 vector of at most 16 numbers
 *   arg     = expr | number | ints | elem | hash               number also nan, inf, -inf; ints "[" [int {"," int}] "]"
 *   hash    = "#" 16 hex digits                                a content that is too long to print, by its hash
 *
 *   add(a, b) sub(a, b) mul(a, b) div(a, b)                    NumPy broadcasting, one element type
 *   neg(x) sqrt(x) reciprocal(x) cast(x, elem)
 *   reshape(x, dims) transpose(x, perm) slice(x, starts, ends, steps) pad(x, begins, ends, value)
 *   concat(a, b, …, axis) matmul(a, b) reduce_sum(x, axes, keepdims 0 or 1)
 *   full(elem, dims, value) literal(elem, dims, numbers) literal(elem, dims, hash) shared(hash)
 *   integers(elem, dims, int, int, …) integers(elem, dims, hash)   64-bit integers beyond 2^53 among others
 */
import { integerTooLarge, noContent } from '../diagnostics/catalogue/weights.ts';
import { bug, fail, unreachable } from '../diagnostics/diagnostic.ts';
import type { Content } from '../ir/content.ts';
import { leafText, numberText } from '../ir/content-text.ts';
import { isLossless } from '../ir/elem.ts';
import type { Value } from '../ir/graph.ts';
import { CheckFailure } from '../ir/operator.ts';
import { roundTo } from '../ir/round.ts';
import { type ElemType, elementCount, type HostTensor, isElemType, isFloat, type WideIntegers } from '../ir/types.ts';
import { holdsExactly, isWideElem, tensorOfIntegers, wideArray } from '../ir/wide.ts';
import type { InitSpec } from '../ops/params.ts';
import { initializer, largestOf } from './init.ts';
import { scaleFloats } from './simd.ts';

/** What `fill` returns: a promise only where a file has to be awaited. */
export type Pending = void | Promise<void>;

/** A lazy tensor, row-major. */
export interface WeightExpr extends Content {
  /** Operation or leaf kind: `leaf`, `initial`, `stored`, `literal`, `full`, `mul`, … */
  readonly kind: string;
  readonly count: number;
  readonly args: readonly WeightExpr[];
  /** Every element can be computed without awaiting. */
  readonly sync: boolean;
  /** Computes elements [start, start + out.length) in row-major order, in float64. Throws RES0530 for an integer beyond 2^53. */
  fill(start: number, out: Float64Array): Pending;
  /** The same for i64 and u64 of any size; false where the numbers are not kept as such, and then `fill` has them. */
  fillIntegers(start: number, out: WideIntegers): Pending | false;
}

/** Constants of at most this many elements are resident: 64 KiB as float32. */
export const residentLimit = 16384;
/**
 * Elements per step wherever a tensor is walked through: 256 KiB of float64, so that a few of them stay in the second-level
 * cache.
 */
export const chunkElements = 32768;
/** What has more nodes is printed by its hash; the reader of graphs allows as many levels. */
const textNodesLimit = 400;
const depthLimit = 200;
const literalTextLimit = 16;

function after(first: Pending, then: () => Pending): Pending {
  return first instanceof Promise ? first.then(then) : then();
}

/** Runs `step` over [0, total) in chunks, awaiting only where a step returns a promise. */
export function chunked(total: number, step: (start: number, end: number) => Pending, from = 0): Pending {
  for (let start = from; start < total; start += chunkElements) {
    const pending = step(start, Math.min(total, start + chunkElements));
    if (pending instanceof Promise) return pending.then(() => chunked(total, step, start + chunkElements));
  }
  return undefined;
}

/** Scratch arrays by power of two, reused because a 1 GB model asks for 30,000 of them. */
const pool: Float64Array[][] = [];
function borrow(count: number): Float64Array {
  const level = count <= 1 ? 0 : 32 - Math.clz32(count - 1);
  const free = pool[level]?.pop() ?? new Float64Array(2 ** level);
  return free.length === count ? free : free.subarray(0, count);
}
function giveBack(array: Float64Array): void {
  const whole = array.byteOffset === 0 && array.byteLength === array.buffer.byteLength ? array : new Float64Array(array.buffer);
  if (whole.length > 4 * chunkElements) return;
  const level = whole.length <= 1 ? 0 : 32 - Math.clz32(whole.length - 1);
  let shelf = pool[level];
  if (!shelf) {
    shelf = [];
    pool[level] = shelf;
  }
  if (shelf.length < 8) shelf.push(whole);
}

/**
 * 64 bits as 16 hex digits, from two 32-bit FNV-like chains; only names and buckets hang on it, equality is always compared in
 * full.
 */
class Hasher {
  #a = 0x811c9dc5;
  #b = 0x9747b28c;
  word(x: number): this {
    this.#a = Math.imul(this.#a ^ x, 0x01000193);
    this.#a ^= this.#a >>> 15;
    this.#b = Math.imul(this.#b + x, 0x85ebca6b) ^ this.#a;
    this.#b = (this.#b << 13) | (this.#b >>> 19);
    return this;
  }
  string(s: string): this {
    for (let i = 0; i < s.length; i++) this.word(s.charCodeAt(i));
    return this.word(s.length);
  }
  hex(): string {
    const hex = (x: number): string => (x >>> 0).toString(16).padStart(8, '0');
    return hex(Math.imul(this.#a, 0xc2b2ae35) ^ this.#b) + hex(this.#b);
  }
}
function hashOfNumbers(data: Float64Array): string {
  const words = new Int32Array(data.buffer, data.byteOffset, data.length * 2);
  const hasher = new Hasher();
  for (const word of words) hasher.word(word);
  return hasher.hex();
}

let nextId = 0;
/**
 * What is built and still in use, by structure. Weak, so that a process that compiles many models does not keep the weights of
 * all.
 */
const interned = new Map<string, WeakRef<Expr>>();
/** What was printed by its hash, for reading the text back. */
const byHash = new Map<string, WeakRef<Expr>>();
/**
 * Entries at which the dead ones are removed, then twice what lived on, so that a model pays a constant per expression. A
 * FinalizationRegistry would cost more for each expression than making it.
 */
let sweepAt = 65536;
function sweep(): void {
  for (const table of [interned, byHash]) for (const [key, found] of table) if (!found.deref()) table.delete(key);
  sweepAt = Math.max(65536, 2 * interned.size);
}

/** The expression with this structure: the one that exists, or a new one. */
export function intern<E extends Expr>(key: string, same: (found: Expr) => found is E, make: () => E): E {
  const found = interned.get(key)?.deref();
  if (found && same(found)) return found;
  const made = make();
  if (interned.size >= sweepAt) sweep();
  interned.set(key, new WeakRef(made));
  return made;
}

/** Base of all expressions. Subclasses outside of this file are leaves. */
export abstract class Expr implements WeightExpr {
  readonly id: number;
  readonly kind: string;
  readonly elem: ElemType;
  readonly dims: readonly number[];
  readonly count: number;
  readonly args: readonly Expr[];
  readonly sync: boolean;
  /** Every element is a float32 number (or a NaN), so that a copy may be kept in four bytes each. */
  readonly exact32: boolean;
  readonly depth: number;
  readonly size: number;
  private readonly identity: string;
  // Fields with # are slow in a base of many classes: V8 defines them by a call into its runtime for every object.
  private known: Float64Array | undefined;
  private beyond: WideIntegers | undefined;
  private hashed: string | undefined;

  constructor(
    kind: string,
    elem: ElemType,
    dims: readonly number[],
    args: readonly Expr[],
    options: { readonly sync?: boolean; readonly exact32?: boolean; readonly size?: number; readonly identity: string },
  ) {
    this.id = nextId++;
    this.kind = kind;
    this.elem = elem;
    this.dims = dims;
    this.count = elementCount(dims);
    if (!Number.isSafeInteger(this.count) || dims.some((d) => !Number.isSafeInteger(d) || d < 0))
      bug(`a tensor of shape [${dims.join(', ')}]`);
    this.args = args;
    this.sync = options.sync ?? args.every((a) => a.sync);
    this.exact32 = options.exact32 ?? false;
    this.depth = args.reduce((depth, a) => Math.max(depth, a.depth + 1), 0);
    this.size = Math.min(
      Number.MAX_SAFE_INTEGER,
      args.reduce((size, a) => size + a.size, options.size ?? 1),
    );
    this.identity = options.identity;
    this.known = undefined;
    this.beyond = undefined;
    this.hashed = undefined;
  }

  /** Names the structure in texts. Made when asked for; barriers ask, which bounds the recursion. */
  get hash(): string {
    if (this.hashed !== undefined) return this.hashed;
    const hasher = new Hasher().string(this.kind).string(this.elem).string(this.dims.join()).string(this.identity);
    for (const a of this.args) hasher.string(a.hash);
    this.hashed = hasher.hex();
    return this.hashed;
  }

  /** The hash, for a text that will be read back by it. */
  protected printedHash(): string {
    const found = byHash.get(this.hash)?.deref();
    if (!found) byHash.set(this.hash, new WeakRef(this));
    return this.hash;
  }

  /** Text of the whole, not abbreviated; operands through their `text()`. */
  protected abstract write(): string;
  /** `fill` without looking at what is already known. */
  protected abstract compute(start: number, out: Float64Array): Pending;

  text(): string {
    if (this.size <= textNodesLimit) return this.write();
    return `shared(#${this.printedHash()})`;
  }

  fill(start: number, out: Float64Array): Pending {
    if (start < 0 || start + out.length > this.count)
      bug(`elements ${start} to ${start + out.length} of ${this.count} of ${this.kind}`);
    if (out.length === 0) return undefined;
    const { known } = this;
    // Where `known` has no numbers for integers beyond 2^53, computing says so.
    if (!known || this.beyond) return this.compute(start, out);
    out.set(start === 0 && out.length === known.length ? known : known.subarray(start, start + out.length));
    return undefined;
  }

  /**
   * Computes elements from `start` on in float64, rounded once to float32, without a float64 array between: the same bytes at a third of
   * the time, for large tensors that come from a file and are scaled at most. False where that is not how this one is made; `out` then
   * holds anything.
   */
  fill32(_start: number, _out: Float32Array): boolean {
    return false;
  }

  fillIntegers(_start: number, _out: WideIntegers): Pending | false {
    return false;
  }

  get wide(): WideIntegers | undefined {
    return this.resident && this.beyond;
  }

  get resident(): Float64Array | undefined {
    if (this.known) return this.known;
    if (!this.sync || this.count > residentLimit) return undefined;
    if (isWideElem(this.elem)) {
      const integers = wideArray(this.elem, this.count);
      const pending = this.fillIntegers(0, integers);
      if (pending instanceof Promise) bug(`${this.kind} calls itself synchronous and is not`);
      if (pending !== false) {
        const { data, wide } = tensorOfIntegers(this.elem, this.dims, integers);
        this.beyond = wide;
        this.known = data;
        return data;
      }
    }
    const data = new Float64Array(this.count);
    if (this.fill(0, data) instanceof Promise) bug(`${this.kind} calls itself synchronous and is not`);
    this.known = data;
    return data;
  }
}

function own(x: WeightExpr): Expr {
  return x instanceof Expr ? x : bug('a weight expression of another make');
}

// ---------------------------------------------------------------------------------------------------------------- whole operands

type Held = Float64Array | Float32Array;
/** Operands that permutations and products need whole. A reader that reaches its end drops its operand; at most two stay. */
const held = new Map<Expr, Held>();

function hold(x: Expr): Held | Promise<Held> {
  const known = x.resident ?? held.get(x);
  if (known) return known;
  const data = x.exact32 ? new Float32Array(x.count) : new Float64Array(x.count);
  const pending = chunked(x.count, (start, end) => {
    if (data instanceof Float64Array) return x.fill(start, data.subarray(start, end));
    const part = borrow(end - start);
    return after(x.fill(start, part), () => {
      data.set(part, start);
      giveBack(part);
    });
  });
  const keep = (): Held => {
    if (held.size >= 2) {
      for (const oldest of held.keys()) {
        held.delete(oldest);
        break;
      }
    }
    held.set(x, data);
    return data;
  };
  return pending instanceof Promise ? pending.then(keep) : keep();
}

/**
 * Gives `use` every element of x. `done` says that the caller has reached its own end, so that x need not be kept for it.
 */
export function withHeld(x: Expr, done: boolean, use: (data: Held) => Pending): Pending {
  const finish = (data: Held): Pending => {
    const pending = use(data);
    if (done) held.delete(x);
    return pending;
  };
  const data = hold(x);
  return data instanceof Promise ? data.then(finish) : finish(data);
}

/** A walk over a row-major index space: one stride into the data per axis; neighbouring axes that step alike are merged. */
interface Walk {
  readonly sizes: readonly number[];
  readonly strides: readonly number[];
}
function walkOf(dims: readonly number[], strides: readonly number[]): Walk {
  const outSizes: number[] = [];
  const outStrides: number[] = [];
  dims.forEach((size, axis) => {
    if (size === 1) return;
    const stride = strides[axis] ?? 0;
    const last = outSizes.length - 1;
    if (last >= 0 && outStrides[last] === stride * size) {
      outSizes[last] = (outSizes[last] ?? 1) * size;
      outStrides[last] = stride;
    } else {
      outSizes.push(size);
      outStrides.push(stride);
    }
  });
  return { sizes: outSizes, strides: outStrides };
}
/** Elements between neighbours of each axis in row-major order. */
export function rowMajor(dims: readonly number[]): readonly number[] {
  const strides: number[] = [];
  let step = 1;
  for (let axis = dims.length - 1; axis >= 0; axis--) {
    strides[axis] = step;
    step *= dims[axis] ?? 1;
  }
  return strides;
}
/** Where element `index` of a walk lies in the data. */
function placeOf(walk: Walk, index: number): number {
  let rest = index;
  let place = 0;
  for (let axis = walk.sizes.length - 1; axis >= 0; axis--) {
    const size = walk.sizes[axis] ?? 1;
    const at = rest % size;
    place += at * (walk.strides[axis] ?? 0);
    rest = (rest - at) / size;
  }
  return place;
}
/** Copies elements [start, start + out.length) of a walk; `base` is where the walk's element 0 lies in `data`. */
export function gather(data: Held, base: number, walk: Walk, start: number, out: Float64Array): void {
  const { sizes, strides } = walk;
  const outer = sizes.length - 1;
  if (outer < 0) {
    out.fill(data[base] ?? 0);
    return;
  }
  const inner = sizes[outer] ?? 1;
  const step = strides[outer] ?? 0;
  const counters: number[] = [];
  let at = start % inner;
  let rest = (start - at) / inner;
  let offset = base;
  for (let axis = outer - 1; axis >= 0; axis--) {
    const size = sizes[axis] ?? 1;
    const counter = rest % size;
    counters[axis] = counter;
    offset += counter * (strides[axis] ?? 0);
    rest = (rest - counter) / size;
  }
  for (let done = 0; done < out.length; ) {
    const run = Math.min(inner - at, out.length - done);
    let from = offset + at * step;
    if (step === 0) out.fill(data[from] ?? 0, done, done + run);
    else if (step === 1 && run >= 32) out.set(data.subarray(from, from + run), done);
    else {
      for (let i = done; i < done + run; i++) {
        out[i] = data[from] ?? 0;
        from += step;
      }
    }
    done += run;
    at = 0;
    for (let axis = outer - 1; axis >= 0; axis--) {
      const size = sizes[axis] ?? 1;
      const stride = strides[axis] ?? 0;
      const counter = (counters[axis] ?? 0) + 1;
      offset += stride;
      if (counter < size) {
        counters[axis] = counter;
        break;
      }
      offset -= stride * size;
      counters[axis] = 0;
    }
  }
}
/** Multiplies by a walk whose innermost axis stands still: one factor for each run of elements. */
function scaleRuns(data: Held, { sizes, strides }: Walk, start: number, out: Float32Array): void {
  const inner = sizes.at(-1) ?? 1;
  const first = Math.floor(start / inner);
  const rows = Math.ceil((start + out.length) / inner) - first;
  const factors = new Float64Array(rows);
  gather(data, 0, { sizes: sizes.slice(0, -1), strides: strides.slice(0, -1) }, first, factors);
  for (let row = 0; row < rows; row++) {
    const from = Math.max(0, (first + row) * inner - start);
    const to = Math.min(out.length, (first + row + 1) * inner - start);
    scaleFloats(out, from, to, factors[row] ?? 0);
  }
}
export function walk(dims: readonly number[], strides: readonly number[]): Walk {
  return walkOf(dims, strides);
}

// ---------------------------------------------------------------------------------------------------------------- text

const listText = (items: readonly number[]): string => `[${items.map(numberText).join(', ')}]`;

// ---------------------------------------------------------------------------------------------------------------- leaves

class Leaf extends Expr {
  readonly path: string;
  constructor(path: string, dims: readonly number[], elem: ElemType) {
    super('leaf', elem, dims, [], { sync: false, identity: path });
    this.path = path;
  }
  protected override write(): string {
    return leafText(this.path, this.dims, this.elem);
  }
  protected override compute(): Pending {
    fail(noContent, { with: { path: this.path } });
  }
}

/** A named parameter without content yet: what a graph read from its text form has. Filling it throws RES0532. */
export function leaf(path: string, dims: readonly number[], elem: ElemType): WeightExpr {
  return intern(
    `leaf|${path}|${dims.join()}|${elem}`,
    (x) => x instanceof Leaf,
    () => new Leaf(path, [...dims], elem),
  );
}

class Initial extends Expr {
  readonly path: string;
  readonly #init: InitSpec;
  readonly #seed: number;
  /** Made on first use: a parameter that is folded away or read from a checkpoint never is. */
  #run: ((start: number, out: Float64Array) => void) | undefined;
  constructor(path: string, dims: readonly number[], elem: ElemType, init: InitSpec, seed: number, identity: string) {
    super('initial', elem, dims, [], { sync: true, exact32: isLossless(elem, 'f32'), identity });
    this.path = path;
    this.#init = init;
    this.#seed = seed;
  }
  /** No number that the generator can give is larger in magnitude; infinite where the element type holds none so large. */
  get bound(): number {
    const extreme = Float64Array.of(largestOf(this.#init, this.dims));
    roundTo(this.elem, extreme);
    return extreme[0] ?? 0;
  }
  protected override write(): string {
    return leafText(this.path, this.dims, this.elem);
  }
  protected override compute(start: number, out: Float64Array): Pending {
    this.#run ??= initializer(this.#init, this.path, this.dims, this.#seed);
    this.#run(start, out);
    // A parameter is a tensor of its type: what is folded into it sees the numbers that would be written without folding.
    roundTo(this.elem, out);
  }
}

/** A parameter at its initial values, which depend on (seed, path, element) alone and are numbers of its element type. */
export function initial(path: string, dims: readonly number[], elem: ElemType, init: InitSpec, seed: number): WeightExpr {
  const identity = `${path}|${init.kind}|${init.value ?? ''}|${init.mode ?? ''}|${init.scale ?? ''}|${seed}`;
  return intern(
    `initial|${dims.join()}|${elem}|${identity}`,
    (x) => x instanceof Initial,
    () => new Initial(path, [...dims], elem, init, seed, identity),
  );
}

/** A bound on the magnitude of initial values; undefined for other expressions. */
export function initialBound(expr: WeightExpr): number | undefined {
  return expr instanceof Initial ? expr.bound : undefined;
}

class Literal extends Expr {
  readonly data: Float64Array;
  readonly contentHash: string;
  constructor(elem: ElemType, dims: readonly number[], data: Float64Array, contentHash: string) {
    super('literal', elem, dims, [], { sync: true, identity: contentHash });
    this.data = data;
    this.contentHash = contentHash;
  }
  protected override write(): string {
    if (this.count > literalTextLimit) return `literal(${this.elem}, [${this.dims.join(', ')}], #${this.printedHash()})`;
    const numbers = listText([...this.data]);
    return this.elem === 'f32' && this.dims.length === 1
      ? numbers
      : `literal(${this.elem}, [${this.dims.join(', ')}], ${numbers})`;
  }
  protected override compute(start: number, out: Float64Array): Pending {
    out.set(this.data.subarray(start, start + out.length));
  }
  override get resident(): Float64Array | undefined {
    return this.count <= residentLimit ? this.data : undefined;
  }
}

/** 64-bit integers, some of them beyond 2^53. */
class Integers extends Expr {
  readonly integers: WideIntegers;
  constructor(elem: ElemType, dims: readonly number[], integers: WideIntegers) {
    super('integers', elem, dims, [], { sync: true, identity: integers.join() });
    this.integers = integers;
  }
  protected override write(): string {
    if (this.count > literalTextLimit) return `integers(${this.elem}, [${this.dims.join(', ')}], #${this.printedHash()})`;
    return `integers(${[this.elem, `[${this.dims.join(', ')}]`, ...this.integers].join(', ')})`;
  }
  protected override compute(start: number, out: Float64Array): Pending {
    for (let i = 0; i < out.length; i++) {
      const n = this.integers[start + i] ?? 0n;
      if (BigInt(Number(n)) !== n || !holdsExactly(Number(n)))
        fail(integerTooLarge, { with: { tensor: 'a constant', found: `${n} at element ${start + i}` } });
      out[i] = Number(n);
    }
  }
  override fillIntegers(start: number, out: WideIntegers): Pending {
    for (let i = 0; i < out.length; i++) out[i] = this.integers[start + i] ?? 0n;
  }
}

function wideLiteral(elem: ElemType, dims: readonly number[], integers: WideIntegers): WeightExpr {
  return intern(
    `integers|${elem}|${dims.join()}|${integers.join()}`,
    (found) => found instanceof Integers,
    () => new Integers(elem, [...dims], integers),
  );
}

/** The numbers of a tensor, copied. Where all are one number it is `full`. */
export function literal(tensor: HostTensor): WeightExpr {
  const { elem, dims } = tensor;
  if (tensor.wide) return wideLiteral(elem, dims, tensor.wide.slice());
  if (tensor.data.length !== elementCount(dims)) bug(`${tensor.data.length} numbers for shape [${dims.join(', ')}]`);
  const first = tensor.data[0] ?? 0;
  let uniform = true;
  for (let i = 1; i < tensor.data.length && uniform; i++) uniform = Object.is(tensor.data[i], first);
  if (uniform) return full(elem, dims, first);
  return literalOf(elem, [...dims], tensor.data.slice());
}

function literalOf(elem: ElemType, dims: readonly number[], data: Float64Array): WeightExpr {
  const contentHash = hashOfNumbers(data);
  const same = (x: Expr): x is Literal =>
    x instanceof Literal && x.data.length === data.length && x.data.every((y, i) => Object.is(y, data[i]));
  return intern(`literal|${elem}|${dims.join()}|${contentHash}`, same, () => new Literal(elem, dims, data, contentHash));
}

class Full extends Expr {
  readonly value: number;
  constructor(elem: ElemType, dims: readonly number[], value: number) {
    super('full', elem, dims, [], { sync: true, exact32: Object.is(Math.fround(value), value), identity: numberText(value) });
    this.value = value;
  }
  protected override write(): string {
    return `full(${this.elem}, [${this.dims.join(', ')}], ${numberText(this.value)})`;
  }
  protected override compute(_start: number, out: Float64Array): Pending {
    out.fill(this.value);
  }
}

/** One number everywhere. */
export function full(elem: ElemType, dims: readonly number[], value: number): WeightExpr {
  return intern(
    `full|${elem}|${dims.join()}|${numberText(value)}`,
    (x) => x instanceof Full,
    () => new Full(elem, [...dims], value),
  );
}

// ---------------------------------------------------------------------------------------------------------------- depth

/**
 * Stands between the upper and the lower part of an expression so deep that filling it would overflow the stack. What lies below
 * is computed whole, lowest barrier first, and kept until the reader has passed its end.
 */
class Barrier extends Expr {
  readonly inner: Expr;
  data: Held | undefined;
  constructor(inner: Expr) {
    super('barrier', inner.elem, inner.dims, [], {
      sync: inner.sync,
      exact32: inner.exact32,
      size: inner.size,
      identity: inner.hash,
    });
    this.inner = inner;
  }
  protected override write(): string {
    return this.inner.text();
  }
  protected override compute(start: number, out: Float64Array): Pending {
    return after(this.#ready(), () => {
      const data = this.data ?? bug('a barrier without its data');
      out.set(data.subarray(start, start + out.length));
      if (start + out.length === this.count && this.count > residentLimit) this.data = undefined;
    });
  }
  #ready(): Pending {
    if (this.data) return undefined;
    const missing = new Set<Barrier>([this]);
    const seen = new Set<Expr>([this]);
    const stack: Expr[] = [this.inner];
    for (let x = stack.pop(); x; x = stack.pop()) {
      if (seen.has(x)) continue;
      seen.add(x);
      if (!(x instanceof Barrier)) stack.push(...x.args);
      else if (!x.data) {
        missing.add(x);
        stack.push(x.inner);
      }
    }
    // An expression is made after its operands, so ids are in topological order.
    const order = [...missing].sort((a, b) => a.id - b.id);
    const run = (from: number): Pending => {
      for (let i = from; i < order.length; i++) {
        const barrier = order[i];
        const data = barrier && hold(barrier.inner);
        if (data instanceof Promise) {
          return data.then((held) => {
            if (barrier) barrier.data = held;
            return run(i + 1);
          });
        }
        if (barrier) barrier.data = data;
      }
      return undefined;
    };
    return after(run(0), () => {
      for (const barrier of order) {
        held.delete(barrier.inner);
        if (barrier !== this && barrier.count > residentLimit) barrier.data = undefined;
      }
    });
  }
}

function operandOf(x: WeightExpr): Expr {
  const expr = own(x);
  if (expr.depth < depthLimit) return expr;
  return intern(
    `barrier|${expr.id}`,
    (found): found is Barrier => found instanceof Barrier && found.inner === expr,
    () => new Barrier(expr),
  );
}

// ---------------------------------------------------------------------------------------------------------------- arithmetic

type BinaryName = 'add' | 'sub' | 'mul' | 'div';

function apply(op: BinaryName, x: number, y: number, elem: ElemType): number {
  const result = applied(op, x, y, elem);
  // Beyond 2^53 float64 rounds, and narrower integers wrap around, which is not said here.
  if (!isFloat(elem) && !holdsExactly(result)) throw new CheckFailure('integers', String(result), 'an integer within 2^53');
  return result;
}

function applied(op: BinaryName, x: number, y: number, elem: ElemType): number {
  switch (op) {
    case 'add':
      return x + y;
    case 'sub':
      return x - y;
    case 'mul':
      return x * y;
    case 'div':
      return isFloat(elem) ? x / y : Math.trunc(x / y);
    default:
      return unreachable(op);
  }
}

function broadcast(a: readonly number[], b: readonly number[]): readonly number[] {
  const rank = Math.max(a.length, b.length);
  const dims: number[] = [];
  for (let i = 0; i < rank; i++) {
    const x = a[a.length - rank + i] ?? 1;
    const y = b[b.length - rank + i] ?? 1;
    if (x !== y && x !== 1 && y !== 1) bug(`weights of shapes [${a.join(', ')}] and [${b.join(', ')}] do not broadcast`);
    dims.push(x === 1 ? y : x);
  }
  return dims;
}
const sameDims = (a: readonly number[], b: readonly number[]): boolean => a.length === b.length && a.every((d, i) => d === b[i]);

/** How an operand is read at the shape of the result. */
type Spread = { readonly kind: 'same' } | { readonly kind: 'scalar' } | { readonly kind: 'walk'; readonly walk: Walk };
function spreadOf(x: Expr, dims: readonly number[]): Spread {
  if (x.count === elementCount(dims)) return { kind: 'same' };
  if (x.count === 1) return { kind: 'scalar' };
  const inner = rowMajor(x.dims);
  const lead = dims.length - x.dims.length;
  return {
    kind: 'walk',
    walk: walkOf(
      dims,
      dims.map((d, axis) => (d === x.dims[axis - lead] ? (inner[axis - lead] ?? 0) : 0)),
    ),
  };
}
function fillSpread(x: Expr, spread: Spread, start: number, out: Float64Array, last: boolean): Pending {
  switch (spread.kind) {
    case 'same':
      return x.fill(start, out);
    case 'scalar': {
      const one = borrow(1);
      return after(x.fill(0, one), () => {
        out.fill(one[0] ?? 0);
        giveBack(one);
      });
    }
    case 'walk':
      return withHeld(x, last, (data) => gather(data, 0, spread.walk, start, out));
    default:
      return unreachable(spread);
  }
}

class Binary extends Expr {
  readonly op: BinaryName;
  readonly #a: Expr;
  readonly #b: Expr;
  readonly #spreadA: Spread;
  readonly #spreadB: Spread;
  constructor(op: BinaryName, a: Expr, b: Expr, dims: readonly number[]) {
    super(op, a.elem, dims, [a, b], { identity: '' });
    this.op = op;
    this.#a = a;
    this.#b = b;
    this.#spreadA = spreadOf(a, dims);
    this.#spreadB = spreadOf(b, dims);
  }
  protected override write(): string {
    return `${this.op}(${this.#a.text()}, ${this.#b.text()})`;
  }
  override fill32(start: number, out: Float32Array): boolean {
    // An operand that is rounded itself would be rounded twice.
    if (this.op !== 'mul' || !this.sync || this.#spreadA.kind !== 'same' || !this.#a.exact32) return false;
    if (!this.#a.fill32(start, out)) return false;
    const spread = this.#spreadB;
    const last = start + out.length === this.count;
    const done =
      spread.kind === 'walk' && spread.walk.strides.at(-1) === 0
        ? withHeld(this.#b, last, (data) => scaleRuns(data, spread.walk, start, out))
        : this.#scale(start, out);
    if (done instanceof Promise) bug(`${this.#b.kind} calls itself synchronous and is not`);
    return true;
  }
  #scale(start: number, out: Float32Array): Pending {
    return chunked(out.length, (from, to) => {
      const b = borrow(to - from);
      return after(fillSpread(this.#b, this.#spreadB, start + from, b, start + to === this.count), () => {
        for (let i = from; i < to; i++) out[i] = (out[i] ?? 0) * (b[i - from] ?? 0);
        giveBack(b);
      });
    });
  }
  protected override compute(start: number, out: Float64Array): Pending {
    const last = start + out.length === this.count;
    const b = borrow(out.length);
    return after(fillSpread(this.#a, this.#spreadA, start, out, last), () =>
      after(fillSpread(this.#b, this.#spreadB, start, b, last), () => {
        const n = out.length;
        switch (this.op) {
          case 'add':
            for (let i = 0; i < n; i++) out[i] = (out[i] ?? 0) + (b[i] ?? 0);
            break;
          case 'sub':
            for (let i = 0; i < n; i++) out[i] = (out[i] ?? 0) - (b[i] ?? 0);
            break;
          case 'mul':
            for (let i = 0; i < n; i++) out[i] = (out[i] ?? 0) * (b[i] ?? 0);
            break;
          case 'div':
            for (let i = 0; i < n; i++) out[i] = apply('div', out[i] ?? 0, b[i] ?? 0, this.elem);
            break;
          default:
            unreachable(this.op);
        }
        giveBack(b);
        if (isWideElem(this.elem) && !out.every(holdsExactly))
          throw new CheckFailure('integers', `${this.op} beyond 2^53`, 'integers within 2^53');
      }),
    );
  }
}

/** `Expr.fill32` for whoever knows only that it has something to pull. */
export function fillFloats(expr: object, start: number, out: Float32Array): boolean {
  return expr instanceof Expr && expr.elem === 'f32' && expr.fill32(start, out);
}

/** The number that an expression is everywhere, when it is written as one. */
function uniformOf(x: Expr): number | undefined {
  return x instanceof Full ? x.value : undefined;
}

function binary(op: BinaryName, left: WeightExpr, right: WeightExpr): WeightExpr {
  const a = own(left);
  const b = own(right);
  if (a.elem !== b.elem) bug(`${op} of weights of types ${a.elem} and ${b.elem}`);
  const dims = broadcast(a.dims, b.dims);
  const x = uniformOf(a);
  const y = uniformOf(b);
  if (x !== undefined && y !== undefined) return full(a.elem, dims, apply(op, x, y, a.elem));
  // A neutral operand goes where the other already has the result's shape; x·0 stays, because it is not 0 for every x.
  if (y !== undefined && sameDims(a.dims, dims)) {
    if (y === 0 && (op === 'add' || op === 'sub')) return a;
    if (y === 1 && (op === 'mul' || op === 'div')) return a;
    if (y === -1 && (op === 'mul' || op === 'div')) return neg(a);
  }
  if (x !== undefined && sameDims(b.dims, dims)) {
    if (x === 0 && op === 'add') return b;
    if (x === 0 && op === 'sub') return neg(b);
    if (x === 1 && op === 'mul') return b;
    if (x === -1 && op === 'mul') return neg(b);
    if (x === 1 && op === 'div' && isFloat(a.elem)) return reciprocal(b);
  }
  return intern(
    `${op}|${a.id}|${b.id}`,
    (found) => found instanceof Binary,
    () => new Binary(op, operandOf(a), operandOf(b), dims),
  );
}

/** a + b with NumPy broadcasting; both have one element type. */
export const add = (a: WeightExpr, b: WeightExpr): WeightExpr => binary('add', a, b);
/** a − b with NumPy broadcasting. */
export const sub = (a: WeightExpr, b: WeightExpr): WeightExpr => binary('sub', a, b);
/** a · b with NumPy broadcasting. */
export const mul = (a: WeightExpr, b: WeightExpr): WeightExpr => binary('mul', a, b);
/** a / b with NumPy broadcasting; integers are divided towards zero. */
export const div = (a: WeightExpr, b: WeightExpr): WeightExpr => binary('div', a, b);

type UnaryName = 'neg' | 'sqrt' | 'reciprocal';
const unaryFunctions: Readonly<Record<UnaryName, (x: number) => number>> = {
  neg: (x) => -x,
  sqrt: (x) => Math.sqrt(x),
  reciprocal: (x) => 1 / x,
};

class Unary extends Expr {
  readonly op: UnaryName;
  readonly x: Expr;
  constructor(op: UnaryName, x: Expr) {
    super(op, x.elem, x.dims, [x], { exact32: op === 'neg' && x.exact32, identity: '' });
    this.op = op;
    this.x = x;
  }
  protected override write(): string {
    return `${this.op}(${this.x.text()})`;
  }
  protected override compute(start: number, out: Float64Array): Pending {
    return after(this.x.fill(start, out), () => {
      const f = unaryFunctions[this.op];
      for (let i = 0; i < out.length; i++) out[i] = f(out[i] ?? 0);
    });
  }
}
function unary(op: UnaryName, operand: WeightExpr): WeightExpr {
  const x = own(operand);
  if (op !== 'neg' && !isFloat(x.elem)) bug(`${op} of a weight of type ${x.elem}`);
  const value = uniformOf(x);
  if (value !== undefined) return full(x.elem, x.dims, unaryFunctions[op](value));
  if (op === 'neg' && x instanceof Unary && x.op === 'neg') return x.x;
  return intern(
    `${op}|${x.id}`,
    (found) => found instanceof Unary,
    () => new Unary(op, operandOf(x)),
  );
}
export const neg = (x: WeightExpr): WeightExpr => unary('neg', x);
export const sqrt = (x: WeightExpr): WeightExpr => unary('sqrt', x);
export const reciprocal = (x: WeightExpr): WeightExpr => unary('reciprocal', x);

class Cast extends Expr {
  readonly x: Expr;
  constructor(x: Expr, elem: ElemType) {
    super('cast', elem, x.dims, [x], { exact32: isLossless(elem, 'f32') || x.exact32, identity: '' });
    this.x = x;
  }
  protected override write(): string {
    return `cast(${this.x.text()}, ${this.elem})`;
  }
  protected override compute(start: number, out: Float64Array): Pending {
    return after(this.x.fill(start, out), () => roundTo(this.elem, out));
  }
}

/**
 * The numbers rounded to another element type: floats to nearest, integers towards zero. A cast to the type it has is nothing.
 */
export function cast(operand: WeightExpr, elem: ElemType): WeightExpr {
  let x = own(operand);
  // A lossless step in between changes nothing.
  while (x instanceof Cast && isLossless(x.x.elem, x.elem) && !(x.x instanceof Barrier)) x = x.x;
  if (x.elem === elem) return x;
  if (x instanceof Full) {
    const one = Float64Array.of(x.value);
    roundTo(elem, one);
    return full(elem, x.dims, one[0] ?? 0);
  }
  return intern(
    `cast|${x.id}|${elem}`,
    (found) => found instanceof Cast,
    () => new Cast(operandOf(x), elem),
  );
}

// ---------------------------------------------------------------------------------------------------------------- movement

class Reshape extends Expr {
  readonly x: Expr;
  constructor(x: Expr, dims: readonly number[]) {
    super('reshape', x.elem, dims, [x], { exact32: x.exact32, identity: '' });
    this.x = x;
  }
  protected override write(): string {
    return `reshape(${this.x.text()}, [${this.dims.join(', ')}])`;
  }
  override fill32(start: number, out: Float32Array): boolean {
    return this.x.fill32(start, out);
  }
  override fillIntegers(start: number, out: WideIntegers): Pending | false {
    return this.x.fillIntegers(start, out);
  }
  protected override compute(start: number, out: Float64Array): Pending {
    return this.x.fill(start, out);
  }
}

/** The same elements in the same order under another shape of as many elements. */
export function reshape(operand: WeightExpr, dims: readonly number[]): WeightExpr {
  let x = own(operand);
  if (elementCount(dims) !== x.count) bug(`reshape of [${x.dims.join(', ')}] to [${dims.join(', ')}]`);
  while (x instanceof Reshape && !(x.x instanceof Barrier)) x = x.x;
  if (sameDims(x.dims, dims)) return x;
  if (x instanceof Full) return full(x.elem, dims, x.value);
  if (x instanceof Literal) return literalOf(x.elem, [...dims], x.data);
  if (x instanceof Integers) return wideLiteral(x.elem, dims, x.integers);
  return intern(
    `reshape|${x.id}|${dims.join()}`,
    (found) => found instanceof Reshape,
    () => new Reshape(operandOf(x), [...dims]),
  );
}

/** A vector along one axis of a shape of this rank, all others 1: [C] at (4, 1) is [1, C, 1, 1]. */
export function along(vector: WeightExpr, rank: number, axis: number): WeightExpr {
  if (vector.dims.length !== 1 || axis < 0 || axis >= rank) bug(`along(${vector.dims.length}-dimensional, ${rank}, ${axis})`);
  return reshape(
    vector,
    Array.from({ length: rank }, (_, i) => (i === axis ? vector.count : 1)),
  );
}

class Transpose extends Expr {
  readonly x: Expr;
  readonly perm: readonly number[];
  readonly #walk: Walk;
  constructor(x: Expr, perm: readonly number[]) {
    const dims = perm.map((axis) => x.dims[axis] ?? 1);
    super('transpose', x.elem, dims, [x], { exact32: x.exact32, identity: perm.join() });
    this.x = x;
    this.perm = perm;
    const strides = rowMajor(x.dims);
    this.#walk = walkOf(
      dims,
      perm.map((axis) => strides[axis] ?? 0),
    );
  }
  protected override write(): string {
    return `transpose(${this.x.text()}, [${this.perm.join(', ')}])`;
  }
  protected override compute(start: number, out: Float64Array): Pending {
    return withHeld(this.x, start + out.length === this.count, (data) => gather(data, 0, this.#walk, start, out));
  }
}

/** Axes permuted: axis i of the result is axis perm[i] of x. */
export function transpose(operand: WeightExpr, perm: readonly number[]): WeightExpr {
  const x = own(operand);
  if (perm.length !== x.dims.length || [...perm].sort((a, b) => a - b).some((axis, i) => axis !== i))
    bug(`transpose of rank ${x.dims.length} by [${perm.join(', ')}]`);
  if (perm.every((axis, i) => axis === i)) return x;
  const dims = perm.map((axis) => x.dims[axis] ?? 1);
  if (x instanceof Full) return full(x.elem, dims, x.value);
  if (x instanceof Transpose && !(x.x instanceof Barrier)) {
    const inner = x.perm;
    return transpose(
      x.x,
      perm.map((axis) => inner[axis] ?? 0),
    );
  }
  // Only axes of one element move among the others: the order of the elements stays.
  const moved = perm.filter((axis) => x.dims[axis] !== 1);
  if (moved.every((axis, i) => i === 0 || axis > (moved[i - 1] ?? 0))) return reshape(x, dims);
  return intern(
    `transpose|${x.id}|${perm.join()}`,
    (found) => found instanceof Transpose,
    () => new Transpose(operandOf(x), [...perm]),
  );
}

class Slice extends Expr {
  readonly x: Expr;
  readonly starts: readonly number[];
  readonly ends: readonly number[];
  readonly steps: readonly number[];
  readonly #walk: Walk;
  readonly #base: number;
  constructor(x: Expr, starts: readonly number[], ends: readonly number[], steps: readonly number[], dims: readonly number[]) {
    super('slice', x.elem, dims, [x], { exact32: x.exact32, identity: `${starts.join()}|${steps.join()}` });
    this.x = x;
    this.starts = starts;
    this.ends = ends;
    this.steps = steps;
    const strides = rowMajor(x.dims);
    this.#base = starts.reduce((sum, start, axis) => sum + start * (strides[axis] ?? 0), 0);
    this.#walk = walkOf(
      dims,
      strides.map((stride, axis) => stride * (steps[axis] ?? 1)),
    );
  }
  protected override write(): string {
    return `slice(${this.x.text()}, ${listText(this.starts)}, ${listText(this.ends)}, ${listText(this.steps)})`;
  }
  protected override compute(start: number, out: Float64Array): Pending {
    // Steps are positive, so the places grow: everything lies between the first and the last.
    const low = this.#base + placeOf(this.#walk, start);
    const high = this.#base + placeOf(this.#walk, start + out.length - 1);
    const span = high - low + 1;
    if (span === out.length) return this.x.fill(low, out);
    // At most eight elements are read per element wanted (and 4,096 more); where they lie further apart, halves lie closer.
    if (span > 8 * out.length + 4096) {
      const half = out.length >> 1;
      return after(this.compute(start, out.subarray(0, half)), () => this.compute(start + half, out.subarray(half)));
    }
    const part = borrow(span);
    return after(this.x.fill(low, part), () => {
      gather(part, this.#base - low, this.#walk, start, out);
      giveBack(part);
    });
  }
}

/**
 * A box: per axis from start (inclusive) to end (exclusive) by a positive step. Negative numbers count from the end, both are
 * clamped, as NumPy does.
 */
export function slice(
  operand: WeightExpr,
  starts: readonly number[],
  ends: readonly number[],
  steps?: readonly number[],
): WeightExpr {
  const x = own(operand);
  const rank = x.dims.length;
  const by = steps ?? x.dims.map(() => 1);
  if (starts.length !== rank || ends.length !== rank || by.length !== rank || by.some((s) => s < 1))
    bug(`slice of rank ${rank} with ${starts.length} starts, ${ends.length} ends, steps ${by.join()}`);
  const clamp = (at: number, size: number): number => Math.min(size, Math.max(0, at < 0 ? at + size : at));
  const from = x.dims.map((size, axis) => clamp(starts[axis] ?? 0, size));
  const to = x.dims.map((size, axis) => Math.max(from[axis] ?? 0, clamp(ends[axis] ?? size, size)));
  const dims = x.dims.map((_, axis) => Math.ceil(((to[axis] ?? 0) - (from[axis] ?? 0)) / (by[axis] ?? 1)));
  if (sameDims(dims, x.dims)) return x;
  if (x instanceof Full) return full(x.elem, dims, x.value);
  if (x instanceof Slice && !(x.x instanceof Barrier)) {
    const inner = x;
    return slice(
      inner.x,
      from.map((at, axis) => (inner.starts[axis] ?? 0) + at * (inner.steps[axis] ?? 1)),
      to.map((at, axis) => Math.min(inner.ends[axis] ?? 0, (inner.starts[axis] ?? 0) + at * (inner.steps[axis] ?? 1))),
      by.map((step, axis) => step * (inner.steps[axis] ?? 1)),
    );
  }
  return intern(
    `slice|${x.id}|${from.join()}|${to.join()}|${by.join()}`,
    (found) => found instanceof Slice,
    () => new Slice(operandOf(x), from, to, by, dims),
  );
}

class Concat extends Expr {
  readonly axis: number;
  readonly #rows: readonly { readonly part: Expr; readonly begin: number; readonly length: number }[];
  readonly #row: number;
  constructor(xs: readonly Expr[], axis: number, dims: readonly number[]) {
    super('concat', xs[0]?.elem ?? 'f32', dims, xs, { exact32: xs.every((x) => x.exact32), identity: String(axis) });
    this.axis = axis;
    const inner = elementCount(dims.slice(axis + 1));
    let begin = 0;
    this.#rows = xs.map((part) => {
      const length = inner * (part.dims[axis] ?? 0);
      const row = { part, begin, length };
      begin += length;
      return row;
    });
    this.#row = begin;
  }
  protected override write(): string {
    return `concat(${this.args.map((x) => x.text()).join(', ')}, ${this.axis})`;
  }
  protected override compute(start: number, out: Float64Array): Pending {
    const row = this.#row;
    const end = start + out.length;
    const run = (from: number): Pending => {
      for (let i = from; i < this.#rows.length; i++) {
        const piece = this.#rows[i];
        if (!piece || piece.length === 0) continue;
        const pending = this.#piece(piece.part, piece.begin, piece.length, row, start, end, out);
        if (pending instanceof Promise) return pending.then(() => run(i + 1));
      }
      return undefined;
    };
    return run(0);
  }
  /** One part's elements in [start, end) lie next to each other in the part: one fill, then its rows are dealt out. */
  #piece(part: Expr, begin: number, length: number, row: number, start: number, end: number, out: Float64Array): Pending {
    const before = (place: number): number => {
      const within = place % row;
      return ((place - within) / row) * length + Math.min(length, Math.max(0, within - begin));
    };
    const low = before(start);
    const high = before(end);
    if (high <= low) return undefined;
    const place = (at: number): number => Math.floor(at / length) * row + begin + (at % length) - start;
    if (Math.floor(low / length) === Math.floor((high - 1) / length))
      return part.fill(low, out.subarray(place(low), place(low) + high - low));
    const data = borrow(high - low);
    return after(part.fill(low, data), () => {
      for (let at = low; at < high; ) {
        const size = Math.min(length - (at % length), high - at);
        const to = place(at);
        if (size >= 32) out.set(data.subarray(at - low, at - low + size), to);
        else for (let k = 0; k < size; k++) out[to + k] = data[at - low + k] ?? 0;
        at += size;
      }
      giveBack(data);
    });
  }
}

/** Tensors joined along one axis; their other dimensions and element types agree. */
export function concat(operands: readonly WeightExpr[], axis: number): WeightExpr {
  const xs = operands.map(own).flatMap((x) => (x instanceof Concat && x.axis === axis ? x.args : [x]));
  const first = xs[0] ?? bug('concat of nothing');
  if (axis < 0 || axis >= first.dims.length) bug(`concat along axis ${axis} of rank ${first.dims.length}`);
  for (const x of xs) {
    if (
      x.elem !== first.elem ||
      x.dims.length !== first.dims.length ||
      x.dims.some((d, i) => i !== axis && d !== first.dims[i])
    ) {
      bug(`concat of ${first.elem}[${first.dims.join(', ')}] and ${x.elem}[${x.dims.join(', ')}] along ${axis}`);
    }
  }
  if (xs.length === 1) return first;
  const dims = first.dims.map((d, i) => (i === axis ? xs.reduce((sum, x) => sum + (x.dims[axis] ?? 0), 0) : d));
  const value = uniformOf(first);
  if (value !== undefined && xs.every((x) => Object.is(uniformOf(x), value))) return full(first.elem, dims, value);
  return intern(
    `concat|${xs.map((x) => x.id).join()}|${axis}`,
    (found) => found instanceof Concat,
    () => new Concat(xs.map(operandOf), axis, dims),
  );
}

class Pad extends Expr {
  readonly x: Expr;
  readonly begins: readonly number[];
  readonly ends: readonly number[];
  readonly value: number;
  constructor(x: Expr, begins: readonly number[], ends: readonly number[], value: number, dims: readonly number[]) {
    super('pad', x.elem, dims, [x], {
      exact32: x.exact32 && Object.is(Math.fround(value), value),
      identity: `${begins.join()}|${numberText(value)}`,
    });
    this.x = x;
    this.begins = begins;
    this.ends = ends;
    this.value = value;
  }
  protected override write(): string {
    return `pad(${this.x.text()}, ${listText(this.begins)}, ${listText(this.ends)}, ${numberText(this.value)})`;
  }
  /** How many elements of x lie before place `at` of the result. */
  #before(at: number): number {
    const rank = this.dims.length;
    const coordinates: number[] = [];
    let rest = at;
    for (let axis = rank - 1; axis >= 0; axis--) {
      const size = this.dims[axis] ?? 1;
      coordinates[axis] = rest % size;
      rest = Math.floor(rest / size);
    }
    if (rest > 0) return this.x.count;
    let sum = 0;
    const strides = rowMajor(this.x.dims);
    for (let axis = 0; axis < rank; axis++) {
      const size = this.x.dims[axis] ?? 1;
      const within = (coordinates[axis] ?? 0) - (this.begins[axis] ?? 0);
      sum += Math.min(size, Math.max(0, within)) * (strides[axis] ?? 0);
      // Outside along this axis nothing further in counts: either none of the row lies before, or all of it.
      if (within < 0 || within >= size) break;
    }
    return sum;
  }
  protected override compute(start: number, out: Float64Array): Pending {
    out.fill(this.value);
    const low = this.#before(start);
    const high = this.#before(start + out.length);
    if (high <= low) return undefined;
    const data = borrow(high - low);
    return after(this.x.fill(low, data), () => {
      const rank = this.dims.length;
      const inner = this.x.dims[rank - 1] ?? 1;
      const strides = rowMajor(this.dims);
      for (let at = low; at < high; ) {
        const within = at % inner;
        const run = Math.min(inner - within, high - at);
        let rest = (at - within) / inner;
        let to = within + (this.begins[rank - 1] ?? 0) - start;
        for (let axis = rank - 2; axis >= 0; axis--) {
          const size = this.x.dims[axis] ?? 1;
          const coordinate = rest % size;
          to += (coordinate + (this.begins[axis] ?? 0)) * (strides[axis] ?? 0);
          rest = (rest - coordinate) / size;
        }
        for (let k = 0; k < run; k++) out[to + k] = data[at - low + k] ?? 0;
        at += run;
      }
      giveBack(data);
    });
  }
}

/** `value` around x: so many before and behind, per axis. */
export function pad(operand: WeightExpr, begins: readonly number[], ends: readonly number[], value = 0): WeightExpr {
  const x = own(operand);
  const rank = x.dims.length;
  if (begins.length !== rank || ends.length !== rank || [...begins, ...ends].some((n) => n < 0))
    bug(`pad of rank ${rank} by ${begins.join()} and ${ends.join()}`);
  const dims = x.dims.map((d, axis) => d + (begins[axis] ?? 0) + (ends[axis] ?? 0));
  if (sameDims(dims, x.dims)) return x;
  if (x.count === 0 || Object.is(uniformOf(x), value)) return full(x.elem, dims, value);
  return intern(
    `pad|${x.id}|${begins.join()}|${ends.join()}|${numberText(value)}`,
    (found) => found instanceof Pad,
    () => new Pad(operandOf(x), [...begins], [...ends], value, dims),
  );
}

// ---------------------------------------------------------------------------------------------------------------- sums

class Matmul extends Expr {
  readonly #a: Expr;
  readonly #b: Expr;
  constructor(a: Expr, b: Expr) {
    super('matmul', a.elem, [a.dims[0] ?? 0, b.dims[1] ?? 0], [a, b], { identity: '' });
    this.#a = a;
    this.#b = b;
  }
  protected override write(): string {
    return `matmul(${this.#a.text()}, ${this.#b.text()})`;
  }
  protected override compute(start: number, out: Float64Array): Pending {
    const inner = this.#a.dims[1] ?? 0;
    const columns = this.dims[1] ?? 0;
    const firstRow = Math.floor(start / columns);
    const lastRow = Math.floor((start + out.length - 1) / columns);
    return withHeld(this.#b, start + out.length === this.count, (b) => {
      out.fill(0);
      const row = borrow(inner);
      const run = (from: number): Pending => {
        for (let r = from; r <= lastRow; r++) {
          const pending = after(this.#a.fill(r * inner, row), () => {
            const low = Math.max(start, r * columns);
            const high = Math.min(start + out.length, (r + 1) * columns);
            const to = low - start;
            const n = high - low;
            const skip = low - r * columns;
            for (let k = 0; k < inner; k++) {
              const x = row[k] ?? 0;
              const base = k * columns + skip;
              for (let j = 0; j < n; j++) out[to + j] = (out[to + j] ?? 0) + x * (b[base + j] ?? 0);
            }
          });
          if (pending instanceof Promise) return pending.then(() => run(r + 1));
        }
        giveBack(row);
        return undefined;
      };
      return run(firstRow);
    });
  }
}

/** [n, k] times [k, m]; sums run over k in order, in float64. */
export function matmul(left: WeightExpr, right: WeightExpr): WeightExpr {
  const a = own(left);
  const b = own(right);
  if (a.dims.length !== 2 || b.dims.length !== 2 || a.dims[1] !== b.dims[0] || a.elem !== b.elem) {
    bug(`matmul of ${a.elem}[${a.dims.join(', ')}] and ${b.elem}[${b.dims.join(', ')}]`);
  }
  if (a.dims[1] === 0) return full(a.elem, [a.dims[0] ?? 0, b.dims[1] ?? 0], 0);
  return intern(
    `matmul|${a.id}|${b.id}`,
    (found) => found instanceof Matmul,
    () => new Matmul(operandOf(a), operandOf(b)),
  );
}

class ReduceSum extends Expr {
  readonly x: Expr;
  readonly axes: readonly number[];
  readonly keepdims: boolean;
  /** Sums are kept until the reader has passed their end, because each needs elements from all over x. */
  #sums: Float64Array | undefined;
  constructor(x: Expr, axes: readonly number[], keepdims: boolean, dims: readonly number[]) {
    super('reduce_sum', x.elem, dims, [x], { identity: axes.join() });
    this.x = x;
    this.axes = axes;
    this.keepdims = keepdims;
  }
  protected override write(): string {
    return `reduce_sum(${this.x.text()}, ${listText(this.axes)}, ${this.keepdims ? 1 : 0})`;
  }
  protected override compute(start: number, out: Float64Array): Pending {
    return after(this.#sums ? undefined : this.#sum(), () => {
      const sums = this.#sums ?? bug('sums that were not made');
      out.set(sums.subarray(start, start + out.length));
      if (start + out.length === this.count) this.#sums = undefined;
    });
  }
  #sum(): Pending {
    const sums = new Float64Array(this.count);
    const kept = this.x.dims.map((d, axis) => (this.axes.includes(axis) ? 1 : d));
    const inner = rowMajor(kept);
    // Where each element of x goes is itself a walk over x's shape, with stride 0 along what is summed.
    const target = walkOf(
      this.x.dims,
      kept.map((_, axis) => (this.axes.includes(axis) ? 0 : (inner[axis] ?? 0))),
    );
    const { sizes, strides } = target;
    const outer = sizes.length - 1;
    const run = sizes[outer] ?? 1;
    const step = strides[outer] ?? 0;
    return after(
      chunked(this.x.count, (start, end) => {
        const part = borrow(end - start);
        return after(this.x.fill(start, part), () => {
          for (let at = start; at < end; ) {
            const within = at % run;
            const n = Math.min(run - within, end - at);
            let to = placeOf(target, at);
            if (step === 0) {
              let sum = sums[to] ?? 0;
              for (let k = 0; k < n; k++) sum += part[at - start + k] ?? 0;
              sums[to] = sum;
            } else {
              for (let k = 0; k < n; k++) {
                sums[to] = (sums[to] ?? 0) + (part[at - start + k] ?? 0);
                to += step;
              }
            }
            at += n;
          }
          giveBack(part);
        });
      }),
      () => {
        this.#sums = sums;
      },
    );
  }
}

/** Sums over some axes, in row-major order. With keepdims they stay as 1. */
export function reduceSum(operand: WeightExpr, axes: readonly number[], keepdims: boolean): WeightExpr {
  const x = own(operand);
  const over = [...new Set(axes)].sort((a, b) => a - b);
  if (over.some((axis) => axis < 0 || axis >= x.dims.length)) bug(`reduce_sum of rank ${x.dims.length} over ${axes.join()}`);
  const kept = x.dims.map((d, axis) => (over.includes(axis) ? 1 : d));
  const dims = keepdims ? kept : x.dims.filter((_, axis) => !over.includes(axis));
  if (over.every((axis) => x.dims[axis] === 1)) return reshape(x, dims);
  if (x.count === 0) return full(x.elem, dims, 0);
  return intern(
    `reduce_sum|${x.id}|${over.join()}|${keepdims ? 1 : 0}`,
    (found) => found instanceof ReduceSum,
    () => new ReduceSum(operandOf(x), over, keepdims, dims),
  );
}

// ---------------------------------------------------------------------------------------------------------------- for callers

/** The expression of a constant value of a graph; any other value is a bug of the caller. */
export function exprOf(value: Value): WeightExpr {
  const content = value.content;
  return content instanceof Expr ? content : bug(`value ${value.name ?? value.id} is no constant with a weight expression`);
}

/** The same for a content that no value has. */
export function asExpr(content: Content): WeightExpr {
  return content instanceof Expr ? content : bug('a content that is no weight expression');
}

/** All elements of a tensor whose 64-bit integers are kept as such; undefined for every other. */
function exactly(expr: WeightExpr): HostTensor | Promise<HostTensor> | undefined {
  const { elem, dims } = expr;
  if (!isWideElem(elem)) return undefined;
  const integers = wideArray(elem, expr.count);
  const pending = expr.fillIntegers(0, integers);
  if (pending === false) return undefined;
  return pending ? pending.then(() => tensorOfIntegers(elem, dims, integers)) : tensorOfIntegers(elem, dims, integers);
}

function dataOf(expr: WeightExpr): { readonly data: Float64Array; readonly pending: Pending } {
  const known = expr.resident;
  if (known) return { data: known.slice(), pending: undefined };
  const data = new Float64Array(expr.count);
  return { data, pending: chunked(expr.count, (start, end) => expr.fill(start, data.subarray(start, end))) };
}

/** Every element, in memory and the caller's own; rounded nowhere. */
export async function materialize(expr: WeightExpr): Promise<HostTensor> {
  const exact = await exactly(expr);
  if (exact) return exact;
  const { data, pending } = dataOf(expr);
  await pending;
  return { elem: expr.elem, dims: expr.dims, data };
}

/** The same at once; undefined when a leaf has no content or must be awaited. */
export function materializeSync(expr: WeightExpr): HostTensor | undefined {
  if (!expr.sync) return undefined;
  const exact = exactly(expr);
  if (exact && !(exact instanceof Promise)) return exact;
  const { data, pending } = dataOf(expr);
  return pending instanceof Promise
    ? bug(`${expr.kind} calls itself synchronous and is not`)
    : { elem: expr.elem, dims: expr.dims, data };
}

/** The leaves below an expression, each once, in order of creation. */
export function sourcesOf(expr: WeightExpr): readonly WeightExpr[] {
  const seen = new Set<WeightExpr>();
  const leaves: WeightExpr[] = [];
  const stack: WeightExpr[] = [expr];
  for (let x = stack.pop(); x; x = stack.pop()) {
    if (seen.has(x)) continue;
    seen.add(x);
    if (x instanceof Barrier) stack.push(x.inner);
    else if (x.args.length === 0) leaves.push(x);
    else stack.push(...x.args);
  }
  return leaves.sort((a, b) => a.id - b.id);
}

/** Whether every element is finite; undefined when that is not known without reading a large tensor. */
export function finite(expr: WeightExpr): boolean | undefined {
  if (expr instanceof Full) return expr.count === 0 || Number.isFinite(expr.value);
  if (expr instanceof Initial && Number.isFinite(expr.bound)) return true;
  return expr.resident?.every((x) => Number.isFinite(x));
}

/** The number that every element is, when the expression is written as one (`full`). */
export function uniformValue(expr: WeightExpr): number | undefined {
  return expr instanceof Full ? expr.value : undefined;
}

// ---------------------------------------------------------------------------------------------------------------- reading text

/** What stands between the parentheses of a call, or alone. `word` is an element type, `hash` sixteen hex digits. */
export type TextArg =
  | { readonly kind: 'expr'; readonly expr: WeightExpr }
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'list'; readonly items: readonly number[] }
  | { readonly kind: 'word'; readonly word: string }
  | { readonly kind: 'hash'; readonly hash: string };

class Unbuildable extends Error {}

/**
 * Builds `name(args…)` of the text form; a bare list of numbers is `buildExpr('numbers', [list])`. Undefined when the name or the
 * arguments are none of the grammar's, when shapes do not fit, or when a hash names nothing that this process has.
 */
export function buildExpr(name: string, args: readonly TextArg[]): WeightExpr | undefined {
  let next = 0;
  const take = <K extends TextArg['kind']>(kind: K): Extract<TextArg, { readonly kind: K }> => {
    const arg = args[next++];
    if (arg?.kind !== kind) throw new Unbuildable();
    return arg as Extract<TextArg, { readonly kind: K }>;
  };
  const expr = (): WeightExpr => {
    const arg = args[next];
    // Where an expression is wanted, a list of numbers is an f32 vector.
    if (arg?.kind === 'list') {
      next++;
      return literal({ elem: 'f32', dims: [arg.items.length], data: Float64Array.from(arg.items) });
    }
    return take('expr').expr;
  };
  const number = (): number => take('number').value;
  const list = (): readonly number[] => take('list').items;
  const elem = (): ElemType => {
    const { word } = take('word');
    if (!isElemType(word)) throw new Unbuildable();
    return word;
  };
  const known = (hash: string): WeightExpr => {
    const found = byHash.get(hash)?.deref();
    if (!found) throw new Unbuildable();
    return found;
  };
  const build = (): WeightExpr => {
    switch (name) {
      case 'numbers':
        return expr();
      case 'add':
        return add(expr(), expr());
      case 'sub':
        return sub(expr(), expr());
      case 'mul':
        return mul(expr(), expr());
      case 'div':
        return div(expr(), expr());
      case 'neg':
        return neg(expr());
      case 'sqrt':
        return sqrt(expr());
      case 'reciprocal':
        return reciprocal(expr());
      case 'cast':
        return cast(expr(), elem());
      case 'reshape':
        return reshape(expr(), list());
      case 'transpose':
        return transpose(expr(), list());
      case 'slice':
        return slice(expr(), list(), list(), args.length > 3 ? list() : undefined);
      case 'pad':
        return pad(expr(), list(), list(), args.length > 3 ? number() : 0);
      case 'concat': {
        const parts: WeightExpr[] = [];
        while (next < args.length - 1) parts.push(expr());
        return concat(parts, number());
      }
      case 'matmul':
        return matmul(expr(), expr());
      case 'reduce_sum':
        return reduceSum(expr(), list(), number() !== 0);
      case 'full':
        return full(elem(), list(), number());
      case 'literal': {
        const type = elem();
        const dims = list();
        const arg = args[next];
        if (arg?.kind !== 'hash') return literal({ elem: type, dims, data: Float64Array.from(list()) });
        next++;
        return known(arg.hash);
      }
      case 'integers': {
        const type = elem();
        const dims = list();
        if (args[next]?.kind === 'hash') return known(take('hash').hash);
        if (!isWideElem(type)) throw new Unbuildable();
        const all: bigint[] = [];
        while (next < args.length) {
          const arg = args[next];
          all.push(BigInt(arg?.kind === 'word' ? take('word').word : number()));
        }
        if (all.length !== elementCount(dims)) throw new Unbuildable();
        return literal(tensorOfIntegers(type, dims, all));
      }
      case 'shared':
        return known(take('hash').hash);
      default:
        throw new Unbuildable();
    }
  };
  try {
    const built = build();
    return next === args.length ? built : undefined;
  } catch (error) {
    // Shapes that do not fit are a bug when a pass builds, and a mistake of the text here.
    if (error instanceof Unbuildable || (error instanceof Error && error.name === 'BugError')) return undefined;
    throw error;
  }
}
