/**
 * Symbolic dimensions: interned polynomials with integer coefficients over atoms. An atom is a symbol (`N`, or `H/16` where
 * `assert H % 16 == 0` was promised; `L` of at least 101 where that was), a `floordiv`, a `min` or a `max`. Equal polynomials are
 * the same object.
 *
 * A symbol is at least 1, because a dimension named in an input's type is unless `P >= 0` stands there; a symbol whose name
 * begins with `?` is a size that only the run knows (of a nonzero, say) and may be 0. What it is at most may be a dimension:
 * `?nonzero` of at most H*W. Divisors are taken to be other than zero.
 *
 * Longer than other files, because sums, floors, bounds, comparisons and the printed form each need all the others.
 */
import { outside } from '../diagnostics/at.ts';
import { bug } from '../diagnostics/diagnostic.ts';
import { isOfRun, leastUntold, noPromise, type SizePromise } from './promise.ts';

/** A number beyond 2^53, or an expression too large to be worth carrying; also a division by the constant 0. */
export class DimOverflow extends Error {
  override readonly name = 'DimOverflow';
}

/** What a code generator reads: a tree without sharing, at most `maxSize` nodes wide. `symbol` is name / multiple. */
export type DimNode =
  | { readonly kind: 'const'; readonly value: number }
  | { readonly kind: 'symbol'; readonly name: string; readonly multiple: number }
  | { readonly kind: 'add'; readonly terms: readonly DimNode[] }
  | { readonly kind: 'mul'; readonly factors: readonly DimNode[] }
  | { readonly kind: 'floordiv' | 'min' | 'max'; readonly a: DimNode; readonly b: DimNode };

type Answer = 'yes' | 'no' | 'unknown';

type Atom =
  | {
      readonly kind: 'symbol';
      readonly key: string;
      readonly name: string;
      readonly multiple: number;
      /** What the atom itself is at least and at most. */
      readonly low: number;
      readonly high: number;
      /** What it is at most where that is no number; of symbols that only the run knows. */
      readonly within: Dim | undefined;
    }
  | { readonly kind: 'floordiv'; readonly key: string; readonly a: Dim; readonly b: Dim }
  | { readonly kind: 'min' | 'max'; readonly key: string; readonly operands: readonly Dim[] };

interface Factor {
  readonly atom: Atom;
  readonly power: number;
}

/** coefficient · Π atom^power. The constant term has no factors. */
interface Term {
  readonly coefficient: number;
  readonly factors: readonly Factor[];
  /** Of the factors alone. */
  readonly key: string;
  readonly degree: number;
}

/** Leaves of the tree that a dimension prints as. Larger ones come from a mistake, and their texts would take memory. */
const maxSize = 2000;
/** Nesting of floordiv, min and max; bounds the recursion of everything here. */
export const maxDepth = 64;
const limit = 2 ** 53;

function sum(a: number, b: number): number {
  const c = a + b;
  // Below the limit a rounded sum is the exact one; at the limit it may have been rounded down to it.
  if (Math.abs(c) < limit) return c;
  const exact = BigInt(a) + BigInt(b);
  if (exact > BigInt(limit) || exact < -BigInt(limit)) throw new DimOverflow('a dimension exceeds 2^53');
  return c;
}

function product(a: number, b: number): number {
  const c = a * b;
  if (Math.abs(c) < limit) return c === 0 ? 0 : c;
  if (!Number.isFinite(c) || Math.abs(c) > limit || BigInt(a) * BigInt(b) !== BigInt(c))
    throw new DimOverflow('a dimension exceeds 2^53');
  return c;
}

/** ⌊a / b⌋ for b ≠ 0. The remainder of doubles is exact, their quotient is not. */
function floorOfNumbers(a: number, b: number): number {
  const rest = a % b;
  const floor = (a - rest) / b - (rest !== 0 && rest < 0 !== b < 0 ? 1 : 0);
  return floor === 0 ? 0 : floor;
}

function gcd(a: number, b: number): number {
  let x = Math.abs(a);
  let y = Math.abs(b);
  while (y !== 0) [x, y] = [y, x % y];
  return x;
}

/** The least common multiple of numbers above 0. */
export function lcm(a: number, b: number): number {
  return product(a / gcd(a, b), b);
}

/** Axis letters print in the order in which tensors have them: `N*H*W`. */
const axisLetters = ['N', 'C', 'D', 'H', 'W'];

function nameRank(name: string): number {
  const at = axisLetters.indexOf(name);
  return at < 0 ? axisLetters.length : at;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Symbols before composite atoms. The order depends on what the atoms say alone, never on when they were made. */
function compareAtoms(a: Atom, b: Atom): number {
  if (a === b) return 0;
  if (a.kind === 'symbol') {
    if (b.kind !== 'symbol') return -1;
    return (
      nameRank(a.name) - nameRank(b.name) || compareText(a.name, b.name) || a.multiple - b.multiple || compareText(a.key, b.key)
    );
  }
  if (b.kind === 'symbol') return 1;
  return compareText(a.key, b.key);
}

/** Graded lexicographic, largest first. Admissible (it survives multiplication), which division by a polynomial relies on. */
function compareTerms(a: Term, b: Term): number {
  if (a.degree !== b.degree) return b.degree - a.degree;
  for (let i = 0; i < a.factors.length; i++) {
    const f = a.factors[i];
    const g = b.factors[i];
    if (!f || !g) break;
    const order = compareAtoms(f.atom, g.atom);
    if (order !== 0) return order;
    if (f.power !== g.power) return g.power - f.power;
  }
  return 0;
}

/**
 * What exists of a kind, by its key, for as long as somebody else has it: a process that compiles models of ever other sizes
 * keeps none of them.
 */
class Interned<T extends object> {
  readonly #known = new Map<string, WeakRef<T>>();
  readonly #gone = new FinalizationRegistry<string>((key) => {
    // Another may have been made under the key since.
    if (this.#known.get(key)?.deref() === undefined) this.#known.delete(key);
  });

  get size(): number {
    return this.#known.size;
  }

  get(key: string): T | undefined {
    return this.#known.get(key)?.deref();
  }

  set(key: string, made: T): void {
    this.#known.set(key, new WeakRef(made));
    this.#gone.register(made, key);
  }
}

const atoms = new Interned<Atom>();
const dims = new Interned<Dim>();
let nextId = 0;

/** Numbers met last, each at the place that its lowest bits say: most dimensions are numbers, and are found without their key. */
const numbers: (Dim | undefined)[] = new Array(4096).fill(undefined);

/** A result of `plus`, `times` or `floordiv`. */
interface Computed {
  readonly op: 1 | 2 | 3;
  readonly a: Dim;
  readonly b: Dim;
  readonly result: Dim;
}
/** Results met last, likewise: the sizes of a network recur from layer to layer, and a sum of terms costs a table of its own. */
const computed: (Computed | undefined)[] = new Array(1024).fill(undefined);

function remembered(op: Computed['op'], a: Dim, b: Dim, compute: () => Dim): Dim {
  const place = (Math.imul(a.id, 0x9e3779b1) ^ Math.imul(b.id, 0x85ebca6b) ^ op) & 1023;
  const known = computed[place];
  if (known?.a === a && known.b === b && known.op === op) return known.result;
  const result = compute();
  computed[place] = { op, a, b, result };
  return result;
}

/** How many dimensions and atoms exist, as far as the collector has told. */
export function knownDims(): number {
  return dims.size + atoms.size;
}

const plainName = /^\??[A-Za-z_][\w.]*$/;

/** Names that are no plain words (imported graphs may carry any text) print in quotes. */
function nameText(name: string): string {
  return plainName.test(name) ? name : JSON.stringify(name);
}

/** A bound that is a longer text, or of deeper nesting, is kept as a number: bounds have bounds again. */
const longestBound = { key: 400, depth: 8 };

function symbolAtom(name: string, { multiple, least, most, within: given }: SizePromise): Atom {
  const ofRun = isOfRun(name);
  const low = Math.max(ofRun || least === 0 ? 0 : 1, Math.ceil(least / multiple));
  const bound = given instanceof Dim && ofRun && multiple === 1 ? given : undefined;
  const high = Math.floor(Math.min(most, bound?.upperBound ?? most) / multiple);
  const isShort = bound && bound.key.length <= longestBound.key && bound.depth <= longestBound.depth;
  const within = isShort && bound.constant === undefined ? bound : undefined;
  const bounded = low !== leastUntold(name) || high < Number.POSITIVE_INFINITY || within;
  const bounds = bounded ? `{${low},${Number.isFinite(high) ? high : ''}${within ? ` ${within.key}` : ''}}` : '';
  const key = `${nameText(name)}${multiple === 1 ? '' : `/${multiple}`}${bounds}`;
  const known = atoms.get(key);
  if (known) return known;
  const atom: Atom = { kind: 'symbol', key, name, multiple, low, high, within };
  atoms.set(key, atom);
  return atom;
}

const unbounded = (name: string, multiple: number): SizePromise => ({
  multiple,
  least: leastUntold(name, multiple),
  most: Number.POSITIVE_INFINITY,
});

function atomPromise({ multiple, low, high, within }: Extract<Atom, { readonly kind: 'symbol' }>): SizePromise {
  return multiple === 1 && low === 1 && high === Number.POSITIVE_INFINITY && !within
    ? noPromise
    : { multiple, least: low * multiple, most: high * multiple, ...(within && { within }) };
}

function floordivAtom(a: Dim, b: Dim): Atom {
  const key = `floordiv(${a.key}, ${b.key})`;
  const known = atoms.get(key);
  if (known) return known;
  const atom: Atom = { kind: 'floordiv', key, a, b };
  atoms.set(key, atom);
  return atom;
}

function extremeAtom(kind: 'min' | 'max', operands: readonly Dim[]): Atom {
  const key = `${kind}(${operands.map((d) => d.key).join(', ')})`;
  const known = atoms.get(key);
  if (known) return known;
  const atom: Atom = { kind, key, operands };
  atoms.set(key, atom);
  return atom;
}

function atomChildren(atom: Atom): readonly Dim[] {
  if (atom.kind === 'symbol') return [];
  if (atom.kind === 'floordiv') return [atom.a, atom.b];
  return atom.operands;
}

function factorsKey(factors: readonly Factor[]): string {
  return factors.map((f) => (f.power === 1 ? f.atom.key : `${f.atom.key}^${f.power}`)).join('*');
}

function makeTerm(coefficient: number, factors: readonly Factor[]): Term {
  return { coefficient, factors, key: factorsKey(factors), degree: factors.reduce((n, f) => n + f.power, 0) };
}

function withCoefficient(term: Term, coefficient: number): Term {
  return { ...term, coefficient };
}

function multiplyFactors(a: readonly Factor[], b: readonly Factor[]): readonly Factor[] {
  if (a.length === 0) return b;
  if (b.length === 0) return a;
  const out: Factor[] = [];
  let i = 0;
  let j = 0;
  for (;;) {
    const f = a[i];
    const g = b[j];
    if (!f && !g) return out;
    const order = !f ? 1 : !g ? -1 : compareAtoms(f.atom, g.atom);
    if (f && g && order === 0) {
      out.push({ atom: f.atom, power: f.power + g.power });
      i++;
      j++;
    } else if (f && order < 0) {
      out.push(f);
      i++;
    } else if (g) {
      out.push(g);
      j++;
    }
  }
}

/** a / b when every factor of b is in a. */
function divideFactors(a: readonly Factor[], b: readonly Factor[]): readonly Factor[] | undefined {
  const out: Factor[] = [];
  let matched = 0;
  for (const f of a) {
    const g = b.find((other) => other.atom === f.atom);
    if (!g) {
      out.push(f);
      continue;
    }
    if (g.power > f.power) return undefined;
    matched++;
    if (f.power > g.power) out.push({ atom: f.atom, power: f.power - g.power });
  }
  return matched === b.length ? out : undefined;
}

/** The terms of a sum under construction, by the key of their factors. */
class Sum {
  readonly terms = new Map<string, Term>();

  add(term: Term): void {
    const old = this.terms.get(term.key);
    const coefficient = old ? sum(old.coefficient, term.coefficient) : term.coefficient;
    if (coefficient === 0) this.terms.delete(term.key);
    else this.terms.set(term.key, old ? withCoefficient(term, coefficient) : term);
    if (this.terms.size > maxSize) throw new DimOverflow(`a dimension has more than ${maxSize} terms`);
  }

  done(): Dim {
    return intern([...this.terms.values()].sort(compareTerms));
  }
}

/** Terms are sorted, distinct, and have coefficients other than zero. */
function intern(terms: readonly Term[]): Dim {
  const key =
    terms.length === 0 ? '0' : terms.map((t) => (t.key === '' ? String(t.coefficient) : `${t.coefficient}*${t.key}`)).join(' + ');
  const known = dims.get(key);
  if (known) return known;
  let size = 0;
  let depth = 0;
  for (const term of terms) {
    size++;
    for (const { atom, power } of term.factors) {
      let inner = 1;
      if (atom.kind === 'symbol' && atom.within) depth = Math.max(depth, atom.within.depth + 1);
      for (const child of atomChildren(atom)) {
        inner += child.size;
        depth = Math.max(depth, child.depth + 1);
      }
      size += inner * power;
    }
  }
  if (size > maxSize) throw new DimOverflow(`a dimension has more than ${maxSize} parts`);
  if (depth > maxDepth) throw new DimOverflow(`a dimension nests floordiv, min and max more than ${maxDepth} deep`);
  const dim = Dim.__made(nextId++, key, terms, size, depth);
  dims.set(key, dim);
  return dim;
}

const hidden: unique symbol = Symbol('only intern makes dimensions');

function fromAtom(atom: Atom): Dim {
  return intern([makeTerm(1, [{ atom, power: 1 }])]);
}

function lift(o: Dim | number): Dim {
  return typeof o === 'number' ? Dim.of(o) : o;
}

/** Σ coefficient · Π image(atom)^power. */
function mapAtoms(dim: Dim, image: (atom: Atom) => Dim): Dim {
  const out = new Sum();
  for (const term of dim.terms) {
    let value = Dim.of(term.coefficient);
    for (const { atom, power } of term.factors) {
      const base = image(atom);
      for (let i = 0; i < power; i++) value = value.times(base);
    }
    for (const t of value.terms) out.add(t);
  }
  return out.done();
}

/** Interned polynomials with integer coefficients over atoms. Equal polynomials are the same object (===). */
export class Dim {
  /** Dense, in order of creation. */
  readonly id: number;
  /** Names the polynomial; two differ exactly when their keys do. Not for printing: promised symbols are written as `16*H/16`. */
  readonly key: string;
  /** Largest first, the constant last. */
  readonly terms: readonly Term[];
  readonly size: number;
  readonly depth: number;
  /** The number, if it is one. */
  readonly constant: number | undefined;
  #text: string | undefined;
  #low: number | undefined;
  #high: number | undefined;
  #symbols: readonly string[] | undefined;

  private constructor(secret: typeof hidden, id: number, key: string, terms: readonly Term[], size: number, depth: number) {
    if (secret !== hidden) throw new TypeError('dimensions are made by Dim.of and Dim.symbol');
    this.id = id;
    this.key = key;
    this.terms = terms;
    this.size = size;
    this.depth = depth;
    const [first] = terms;
    this.constant = first === undefined ? 0 : first.factors.length === 0 ? first.coefficient : undefined;
  }

  /** @internal */
  static __made(id: number, key: string, terms: readonly Term[], size: number, depth: number): Dim {
    return new Dim(hidden, id, key, terms, size, depth);
  }

  /** An integer. Throws `DimOverflow` for what is none, or is beyond 2^53. */
  static of(n: number): Dim {
    if (!Number.isInteger(n) || Math.abs(n) > limit) throw new DimOverflow(`${n} is no integer within 2^53`);
    const place = n & 4095;
    const known = numbers[place];
    if (known?.constant === n) return known;
    const dim = intern(n === 0 ? [] : [makeTerm(n, [])]);
    numbers[place] = dim;
    return dim;
  }

  /**
   * The symbol `name`; with a multiple k the atom `name / k`, which is an integer because `assert name % k == 0` was promised.
   * 16 times `Dim.symbol('H', 16)` is what the user calls H, and prints so. A promise has bounds of the symbol, too.
   */
  static symbol(name: string, promise: number | SizePromise = 1): Dim {
    const whole = typeof promise === 'number' ? unbounded(name, promise) : promise;
    const { multiple } = whole;
    if (!Number.isSafeInteger(multiple) || multiple < 1) throw new DimOverflow(`${name} cannot be a multiple of ${multiple}`);
    return fromAtom(symbolAtom(name, whole));
  }

  /** A size of this name, which begins with `?`, that only the run knows: from `least` to `most`. */
  static bounded(name: string, most: Dim | undefined, least = 0): Dim {
    const within = most && { within: most };
    return Dim.symbol(name, { multiple: 1, least, most: Number.POSITIVE_INFINITY, ...within });
  }

  /** What the user calls by this name, with what is promised of it. */
  static promised(name: string, promise: SizePromise): Dim {
    return Dim.symbol(name, promise).times(promise.multiple);
  }

  static min(a: Dim, b: Dim): Dim {
    return extreme('min', [a, b]);
  }

  static max(a: Dim, b: Dim): Dim {
    return extreme('max', [a, b]);
  }

  static get zero(): Dim {
    return Dim.of(0);
  }

  static get one(): Dim {
    return Dim.of(1);
  }

  plus(o: Dim | number): Dim {
    if (o === 0) return this;
    const other = lift(o);
    if (this.constant !== undefined && other.constant !== undefined) return Dim.of(sum(this.constant, other.constant));
    return remembered(1, this, other, () => {
      const out = new Sum();
      for (const term of this.terms) out.add(term);
      for (const term of other.terms) out.add(term);
      return out.done();
    });
  }

  minus(o: Dim | number): Dim {
    return this.plus(typeof o === 'number' ? -o : o.negate());
  }

  negate(): Dim {
    if (this.constant !== undefined) return Dim.of(-this.constant);
    return intern(this.terms.map((t) => withCoefficient(t, -t.coefficient)));
  }

  times(o: Dim | number): Dim {
    if (o === 1) return this;
    const other = lift(o);
    if (this.constant !== undefined && other.constant !== undefined) return Dim.of(product(this.constant, other.constant));
    return remembered(2, this, other, () => {
      const out = new Sum();
      for (const a of this.terms) {
        for (const b of other.terms)
          out.add(makeTerm(product(a.coefficient, b.coefficient), multiplyFactors(a.factors, b.factors)));
      }
      return out.done();
    });
  }

  /**
   * ⌊this / o⌋. Multiples of the divisor leave the floor, so that every coefficient and the constant stay in [0, d); common
   * factors cancel; ⌊(⌊x/a⌋ + c)/b⌋ = ⌊(x + a·c)/(a·b)⌋ for b > 0.
   */
  floordiv(o: Dim | number): Dim {
    if (o === 1) return this;
    const other = lift(o);
    if (this.constant !== undefined && other.constant !== undefined && other.constant !== 0)
      return Dim.of(floorOfNumbers(this.constant, other.constant));
    return remembered(3, this, other, () => floorOf(this, other));
  }

  /** ⌈this / o⌉ = ⌊(this + o − 1) / o⌋ for o > 0, −⌊−this / o⌋ else. */
  ceildiv(o: Dim | number): Dim {
    const d = lift(o);
    if (d.lowerBound >= 1) return this.plus(d).minus(1).floordiv(d);
    return this.negate().floordiv(d).negate();
  }

  /** this − ⌊this / o⌋·o: in [0, o) for o > 0. */
  mod(o: Dim | number): Dim {
    return this.minus(this.floordiv(o).times(o));
  }

  /** The polynomial q with q·o = this, if there is one: N·H·W / (H·W) = N. */
  divideExactly(o: Dim | number): Dim | undefined {
    const d = lift(o);
    if (d.terms.length === 0) return undefined;
    const { quotient, rest } = divide(this, d);
    return rest.terms.length === 0 ? quotient : undefined;
  }

  /** The numbers c ≠ 0 and d where this is c·unit + d, if it is. `unit` is a symbol, or what a promise divides it into. */
  affineIn(unit: Dim): { readonly scale: number; readonly shift: number } | undefined {
    const shift = constantPart(this);
    const scale = this.minus(shift).divideExactly(unit)?.constant;
    return scale === undefined ? undefined : { scale, shift };
  }

  /** `yes` means that they are equal for every value of the symbols, `no` that they differ for every value. */
  equals(o: Dim | number): Answer {
    const other = lift(o);
    if (this === other) return 'yes';
    if (this.constant !== undefined && other.constant !== undefined) return 'no';
    const difference = this.#difference(other);
    if (!difference) return 'unknown';
    if (difference.lowerBound > 0 || difference.upperBound < 0) return 'no';
    // Two floors can say the same in different words: H - floordiv(H, 2) and floordiv(H + 1, 2).
    return difference.lowerBound === 0 && difference.upperBound === 0 ? 'yes' : 'unknown';
  }

  /** Whether this < o holds for every value of the symbols (`yes`), for none (`no`). */
  lessThan(o: Dim | number): Answer {
    const difference = lift(o).#difference(this);
    if (!difference) return 'unknown';
    return difference.lowerBound > 0 ? 'yes' : difference.upperBound <= 0 ? 'no' : 'unknown';
  }

  /** Whether this ≤ o holds for every value of the symbols (`yes`), for none (`no`). */
  atMost(o: Dim | number): Answer {
    const difference = lift(o).#difference(this);
    if (!difference) return 'unknown';
    return difference.lowerBound >= 0 ? 'yes' : difference.upperBound < 0 ? 'no' : 'unknown';
  }

  /** Questions must not fail: a difference that is too large is unknown. */
  #difference(other: Dim): Dim | undefined {
    try {
      return this.minus(other);
    } catch (error) {
      if (error instanceof DimOverflow) return undefined;
      throw error;
    }
  }

  /** A number that this is at least, whatever the symbols are; -Infinity when none is known. Not always the largest such. */
  get lowerBound(): number {
    if (this.#low === undefined) this.#low = lowerBoundOf(this);
    return this.#low;
  }

  get upperBound(): number {
    if (this.#high === undefined) this.#high = -lowerBoundOf(this.negate());
    return this.#high === 0 ? 0 : this.#high;
  }

  /** Puts `by` in the place of the symbol of that name, inside floordiv, min and max as well. */
  substitute(name: string, by: Dim): Dim {
    return this.substituteAll(new Map([[name, by]]));
  }

  /**
   * All at once: what is put in is not searched again. Of a symbol that is promised to be a multiple the part that stands here
   * is put in, if there is one: 4·h for H/16, where 64·h is put in the place of H.
   */
  substituteAll(by: ReadonlyMap<string, Dim>): Dim {
    const done = new Map<Dim, Dim>();
    const visit = (dim: Dim): Dim => {
      const known = done.get(dim);
      if (known) return known;
      const out = mapAtoms(dim, (atom) => {
        switch (atom.kind) {
          case 'symbol': {
            const put = by.get(atom.name)?.divideExactly(atom.multiple);
            if (put || !atom.within) return put ?? fromAtom(atom);
            return fromAtom(symbolAtom(atom.name, { ...atomPromise(atom), within: visit(atom.within) }));
          }
          case 'floordiv':
            return visit(atom.a).floordiv(visit(atom.b));
          default:
            return extreme(atom.kind, atom.operands.map(visit));
        }
      });
      done.set(dim, out);
      return out;
    };
    return visit(this);
  }

  /** The names that the user gave, sorted. */
  symbols(): readonly string[] {
    this.#symbols ??= [...this.promises().keys()].sort(compareText);
    return this.#symbols;
  }

  /** The symbol that it is, as the user named it, with what is promised of it; undefined for anything else. */
  get plain(): { readonly name: string; readonly promise: SizePromise } | undefined {
    const [term, ...more] = this.terms;
    const [factor, ...others] = term?.factors ?? [];
    if (!term || !factor || more.length > 0 || others.length > 0 || factor.power !== 1) return undefined;
    const { atom } = factor;
    return atom.kind === 'symbol' && atom.multiple === term.coefficient
      ? { name: atom.name, promise: atomPromise(atom) }
      : undefined;
  }

  /** What is promised of every symbol in it. */
  promises(): ReadonlyMap<string, SizePromise> {
    const out = new Map<string, SizePromise>();
    const seen = new Set<Dim>();
    const visit = (dim: Dim): void => {
      if (seen.has(dim)) return;
      seen.add(dim);
      for (const term of dim.terms) {
        for (const { atom } of term.factors) {
          if (atom.kind === 'symbol') {
            const known = out.get(atom.name);
            if (!known || known.multiple < atom.multiple) out.set(atom.name, atomPromise(atom));
          }
          for (const child of atomChildren(atom)) visit(child);
        }
      }
    };
    visit(this);
    return out;
  }

  /**
   * The number for these values of the user's symbols: `H/16` is bindings(H)/16. Undefined when a symbol is unbound or breaks
   * its promise, when something is divided by zero, and beyond 2^53.
   */
  evaluate(bindings: ReadonlyMap<string, number>): number | undefined {
    const atomValue = (atom: Atom): number => {
      if (atom.kind === 'symbol') {
        const value = bindings.get(atom.name);
        return value === undefined || value % atom.multiple !== 0 ? Number.NaN : value / atom.multiple;
      }
      if (atom.kind === 'floordiv') {
        const b = visit(atom.b);
        return b === 0 ? Number.NaN : floorOfNumbers(visit(atom.a), b);
      }
      const values = atom.operands.map(visit);
      return atom.kind === 'min' ? Math.min(...values) : Math.max(...values);
    };
    const visit = (dim: Dim): number => {
      let total = 0;
      for (const term of dim.terms) {
        let value = term.coefficient;
        for (const { atom, power } of term.factors) {
          const base = atomValue(atom);
          if (Number.isNaN(base)) return Number.NaN;
          for (let i = 0; i < power; i++) value = product(value, base);
        }
        total = sum(total, value);
      }
      return total;
    };
    try {
      const value = visit(this);
      return Number.isInteger(value) ? value : undefined;
    } catch (error) {
      if (error instanceof DimOverflow) return undefined;
      throw error;
    }
  }

  /** `2*H + 1`, `floordiv(H + 1, 2)`, `N*H*W`, `H/16`. Depends on the polynomial alone. */
  toString(): string {
    if (this.#text === undefined) this.#text = dimText(this);
    return this.#text;
  }

  structure(): DimNode {
    const terms = readingOrder(this.terms).map(termNode);
    const first = terms[0];
    if (!first) return { kind: 'const', value: 0 };
    return terms.length === 1 ? first : { kind: 'add', terms };
  }
}

/** The least or the largest of some dimensions. */
export function extreme(kind: 'min' | 'max', given: readonly Dim[]): Dim {
  const all = new Set<Dim>();
  for (const dim of given) {
    // min(H, W) + 1 is a minimum too, of H + 1 and W + 1.
    const shift = constantPart(dim);
    const only = dim.terms.length === (shift === 0 ? 1 : 2) ? dim.terms[0] : undefined;
    const factor = only?.coefficient === 1 && only.factors.length === 1 ? only.factors[0] : undefined;
    if (factor?.power === 1 && factor.atom.kind === kind) for (const inner of factor.atom.operands) all.add(inner.plus(shift));
    else all.add(dim);
  }
  const candidates = [...all].sort((a, b) => compareText(a.key, b.key));
  const covers = (b: Dim, a: Dim): boolean => (kind === 'min' ? b.atMost(a) : a.atMost(b)) === 'yes';
  // Drops what another is always below (above); of two that are always equal the first stays.
  const kept = candidates.filter((a, i) => !candidates.some((b, j) => i !== j && covers(b, a) && (j < i || !covers(a, b))));
  const first = kept[0];
  if (!first) throw new DimOverflow(`${kind} of nothing`);
  if (kept.length === 1) return first;
  // A constant that all have in common is added outside, so that min(H + 1, W + 1) and min(H, W) + 1 are one.
  const shift = Math.min(...kept.map(constantPart));
  const inner = kept.map((d) => d.minus(shift)).sort((a, b) => compareText(a.key, b.key));
  return fromAtom(extremeAtom(kind, inner)).plus(shift);
}

function constantPart(dim: Dim): number {
  const last = dim.terms[dim.terms.length - 1];
  return last && last.factors.length === 0 ? last.coefficient : 0;
}

/**
 * Division with rest by one polynomial: this = quotient·d + rest, where no monomial of the rest that the leading monomial of d
 * divides has a coefficient outside [0, |leading coefficient|). The rest is unique, because the order of monomials is
 * admissible and one polynomial is its own Gröbner basis; so ⌊(p + q·d)/d⌋ = ⌊p/d⌋ + q holds object for object.
 */
function divide(p: Dim, d: Dim): { quotient: Dim; rest: Dim } {
  const lead = d.terms[0];
  if (!lead) throw new DimOverflow('division by 0');
  const size = Math.abs(lead.coefficient);
  const quotient = new Sum();
  const rest = new Sum();
  let left = p;
  let steps = 0;
  while (left.terms.length > 0) {
    if (++steps > 10_000) throw new DimOverflow('a dimension takes too long to divide');
    const term = left.terms[0];
    if (!term) break;
    const factors = divideFactors(term.factors, lead.factors);
    const kept = factors ? term.coefficient - size * Math.floor(term.coefficient / size) : term.coefficient;
    if (kept !== 0) rest.add(withCoefficient(term, kept));
    const moved = term.coefficient - kept;
    if (!factors || moved === 0) {
      left = intern(left.terms.slice(1));
      continue;
    }
    const step = makeTerm(moved / lead.coefficient, factors);
    quotient.add(step);
    const next = new Sum();
    for (const t of left.terms.slice(1)) next.add(t);
    for (const t of d.terms.slice(1)) {
      next.add(makeTerm(product(-step.coefficient, t.coefficient), multiplyFactors(step.factors, t.factors)));
    }
    left = next.done();
  }
  return { quotient: quotient.done(), rest: rest.done() };
}

function floorOf(p: Dim, d: Dim): Dim {
  const lead = d.terms[0];
  if (!lead) throw new DimOverflow('division by 0');
  if (lead.coefficient < 0) return floorOf(p.negate(), d.negate());
  const { quotient, rest } = divide(p, d);
  if (rest.terms.length === 0) return quotient;
  const inner = floorOfRest(rest, d);
  return quotient.plus(inner);
}

/** ⌊rest / d⌋ where no multiple of d is left in the rest, which is not zero. */
function floorOfRest(rest: Dim, d: Dim): Dim {
  const positive = d.lowerBound >= 1;
  if (positive) {
    // 0 ≤ rest < d and −d ≤ rest < 0.
    if (rest.lowerBound >= 0 && rest.lessThan(d) === 'yes') return Dim.zero;
    if (rest.upperBound < 0 && rest.plus(d).lowerBound >= 0) return Dim.of(-1);
  }
  const smaller = cancel(rest, d, positive);
  if (smaller) return smaller.a.floordiv(smaller.b);
  if (positive) {
    const merged = mergeNested(rest, d);
    if (merged) return merged.a.floordiv(merged.b);
  }
  return fromAtom(floordivAtom(rest, d));
}

/** Cancels the number and the monomial that rest and d have in common; ⌊(g·x + c)/(g·d)⌋ = ⌊(x + ⌊c/g⌋)/d⌋ for d > 0. */
function cancel(rest: Dim, d: Dim, positive: boolean): { a: Dim; b: Dim } | undefined {
  let number = 0;
  for (const t of rest.terms) if (t.factors.length > 0 || !positive) number = gcd(number, t.coefficient);
  for (const t of d.terms) number = gcd(number, t.coefficient);
  let common: readonly Factor[] | undefined;
  for (const t of [...rest.terms, ...d.terms]) {
    if (common === undefined) {
      common = t.factors;
      continue;
    }
    const next: Factor[] = [];
    for (const f of common) {
      const g = t.factors.find((other) => other.atom === f.atom);
      if (g) next.push({ atom: f.atom, power: Math.min(f.power, g.power) });
    }
    common = next;
  }
  const monomial = common ?? [];
  if (number <= 1 && monomial.length === 0) return undefined;
  const reduce = (dim: Dim): Dim =>
    intern(
      dim.terms
        .map((t) => makeTerm(Math.floor(t.coefficient / number), divideFactors(t.factors, monomial) ?? t.factors))
        .filter((t) => t.coefficient !== 0)
        .sort(compareTerms),
    );
  return { a: reduce(rest), b: reduce(d) };
}

/** ⌊(⌊x/a⌋ + c)/b⌋ = ⌊(x + a·c)/(a·b)⌋; where two floors could go in, none does, so that there is one way only. */
function mergeNested(rest: Dim, d: Dim): { a: Dim; b: Dim } | undefined {
  let found: { readonly term: Term; readonly a: Dim; readonly b: Dim } | undefined;
  for (const term of rest.terms) {
    const factor = term.factors.length === 1 && term.coefficient === 1 ? term.factors[0] : undefined;
    if (factor?.power !== 1 || factor.atom.kind !== 'floordiv') continue;
    if (found) return undefined;
    found = { term, a: factor.atom.a, b: factor.atom.b };
  }
  if (!found) return undefined;
  const { term } = found;
  const others = intern(rest.terms.filter((t) => t !== term));
  return { a: found.a.plus(others.times(found.b)), b: found.b.times(d) };
}

function atomLow(atom: Atom): number {
  switch (atom.kind) {
    case 'symbol':
      return atom.low;
    case 'floordiv': {
      const low = atom.a.lowerBound;
      const k = atom.b.constant;
      if (k !== undefined && k > 0) return Math.floor(low / k);
      return low >= 0 && atom.b.lowerBound >= 1 ? 0 : Number.NEGATIVE_INFINITY;
    }
    case 'min':
      return Math.min(...atom.operands.map((d) => d.lowerBound));
    default:
      return Math.max(...atom.operands.map((d) => d.lowerBound));
  }
}

function atomHigh(atom: Atom): number {
  switch (atom.kind) {
    case 'symbol':
      return atom.high;
    case 'floordiv': {
      const high = atom.a.upperBound;
      const k = atom.b.constant;
      if (k !== undefined && k > 0) return Math.floor(high / k);
      return atom.b.lowerBound >= 1 ? Math.max(high, -1) : Number.POSITIVE_INFINITY;
    }
    case 'min':
      return Math.min(...atom.operands.map((d) => d.upperBound));
    default:
      return Math.max(...atom.operands.map((d) => d.upperBound));
  }
}

/**
 * Bounds by two exact steps. Floors by a number k are replaced by what they cannot fall below: ⌊x/k⌋ ≥ (x − k + 1)/k, and
 * −⌊x/k⌋ ≥ −x/k, all times k so that everything stays whole. Then every atom is written as its least value plus something
 * that is at least 0, after which positive coefficients can only add.
 */
function lowerBoundOf(dim: Dim): number {
  const constant = dim.constant;
  if (constant !== undefined) return constant;
  try {
    const plain = Math.max(shiftedBound(dim, 1), chosenBound(dim));
    if (!dim.terms.some((t) => t.factors.some((f) => f.atom.kind === 'floordiv'))) return plain;
    return Math.max(plain, relaxedBound(dim));
  } catch (error) {
    if (error instanceof DimOverflow) return Number.NEGATIVE_INFINITY;
    throw error;
  }
}

/** Beyond so many ways to choose an operand of every min and max, their bound is that of their ranges alone. */
const MOST_CHOICES = 64;

/** In how many ways one operand can be chosen of every min and max of the sum: the leaves of the search below. */
function choices(dim: Dim, known = new Map<Dim, number>()): number {
  const before = known.get(dim);
  if (before !== undefined) return before;
  let product = 1;
  for (const { atom } of dim.terms.flatMap((t) => t.factors))
    if (atom.kind === 'min' || atom.kind === 'max') product *= atom.operands.reduce((sum, d) => sum + choices(d, known), 0);
  known.set(dim, product);
  return product;
}

/** What stands for an atom in a bound from below: its operands, or what a symbol is at most. */
function chosenFor(atom: Atom, kind: 'min' | 'max'): readonly Dim[] | undefined {
  if (atom.kind === 'symbol') return kind === 'min' && atom.within ? [atom.within] : undefined;
  return atom.kind === kind ? atom.operands : undefined;
}

/**
 * −min(a, b) is at least −a and at least −b, and max(a, b) at least a and at least b: what either tells, of one such term; −k
 * is at least −n for a symbol k of at most n. The others follow in the sums that this leaves, so that k terms of two operands
 * ask for 2^k sums: hence the limit.
 */
function chosenBound(dim: Dim): number {
  for (const term of dim.terms) {
    const kind = term.coefficient < 0 ? 'min' : 'max';
    const factor = term.factors.find(({ atom, power }) => power === 1 && chosenFor(atom, kind) !== undefined);
    const others = term.factors.filter((f) => f !== factor);
    const chosen = factor && chosenFor(factor.atom, kind);
    if (!chosen || others.some(({ atom }) => atomLow(atom) < 0)) continue;
    if (choices(dim) > MOST_CHOICES) break;
    const rest = dim.minus(intern([term]));
    const by = intern([makeTerm(term.coefficient, others)]);
    return Math.max(...chosen.map((operand) => rest.plus(operand.times(by)).lowerBound));
  }
  return Number.NEGATIVE_INFINITY;
}

/** Bound of dim / scale, rounded up because dimensions are whole. */
function shiftedBound(dim: Dim, scale: number): number {
  const lows = new Map<Atom, number>();
  for (const term of dim.terms) for (const { atom } of term.factors) lows.set(atom, atomLow(atom));
  const shifted = mapAtoms(dim, (atom) => {
    const low = lows.get(atom) ?? Number.NEGATIVE_INFINITY;
    return Number.isFinite(low) ? fromAtom(atom).plus(low) : fromAtom(atom);
  });
  let total = 0;
  for (const term of shifted.terms) {
    if (term.factors.length === 0) {
      total += term.coefficient;
      continue;
    }
    const rooted = term.factors.every((f) => Number.isFinite(lows.get(f.atom) ?? Number.NEGATIVE_INFINITY));
    if (!rooted) return Number.NEGATIVE_INFINITY;
    if (term.coefficient > 0) continue;
    let high = 1;
    for (const { atom, power } of term.factors) high *= (atomHigh(atom) - (lows.get(atom) ?? outside())) ** power;
    if (!Number.isFinite(high)) return Number.NEGATIVE_INFINITY;
    total += term.coefficient * high;
  }
  return Math.ceil(total / scale);
}

function relaxedBound(dim: Dim): number {
  let scale = 1;
  let current = dim;
  for (let round = 0; round < 16; round++) {
    const target = current.terms
      .flatMap((t) => t.factors)
      .find(({ atom }) => atom.kind === 'floordiv' && atom.b.constant !== undefined)?.atom;
    if (target?.kind !== 'floordiv') break;
    const k = target.b.constant ?? outside();
    const next = new Sum();
    for (const term of current.terms) {
      const factor = term.factors.find((f) => f.atom === target);
      if (!factor) {
        next.add(withCoefficient(term, product(term.coefficient, k)));
        continue;
      }
      const others = term.factors.filter((f) => f !== factor);
      if (factor.power !== 1 || others.some((f) => atomLow(f.atom) < 0)) return Number.NEGATIVE_INFINITY;
      const floor = term.coefficient > 0 ? target.a.minus(k - 1) : target.a;
      for (const t of floor.times(intern([makeTerm(term.coefficient, others)])).terms) next.add(t);
    }
    current = next.done();
    scale = product(scale, k);
  }
  return shiftedBound(current, scale);
}

/** A sum that begins with a minus reads badly: its first positive term goes in front. */
function readingOrder(terms: readonly Term[]): readonly Term[] {
  const at = terms.findIndex((t) => t.coefficient > 0);
  const first = terms[at];
  if (at <= 0 || !first) return terms;
  return [first, ...terms.slice(0, at), ...terms.slice(at + 1)];
}

/** Promised symbols cancel against the coefficient: 16·(H/16) is H, 24·(H/16) is 3·(H/2). */
function cancelPromises(term: Term): {
  coefficient: number;
  factors: readonly { readonly atom: Atom; readonly multiple: number }[];
} {
  let { coefficient } = term;
  const factors = term.factors.flatMap(({ atom, power }) =>
    Array.from({ length: power }, () => {
      if (atom.kind !== 'symbol') return { atom, multiple: 1 };
      const g = gcd(coefficient, atom.multiple);
      coefficient /= g;
      return { atom, multiple: atom.multiple / g };
    }),
  );
  return { coefficient, factors };
}

function atomText(atom: Atom, multiple: number): string {
  if (atom.kind === 'symbol') return multiple === 1 ? nameText(atom.name) : `${nameText(atom.name)}/${multiple}`;
  return `${atom.kind}(${atomChildren(atom).join(', ')})`;
}

function dimText(dim: Dim): string {
  if (dim.terms.length === 0) return '0';
  return readingOrder(dim.terms)
    .map((term, i) => {
      const { coefficient, factors } = cancelPromises(term);
      const size = Math.abs(coefficient);
      const parts = factors.map((f) => atomText(f.atom, f.multiple));
      const text = parts.length === 0 || size !== 1 ? [String(size), ...parts].join('*') : parts.join('*');
      if (i === 0) return coefficient < 0 ? `-${text}` : text;
      return coefficient < 0 ? ` - ${text}` : ` + ${text}`;
    })
    .join('');
}

function termNode(term: Term): DimNode {
  const { coefficient, factors } = cancelPromises(term);
  const nodes = factors.map(({ atom, multiple }): DimNode => {
    switch (atom.kind) {
      case 'symbol':
        return { kind: 'symbol', name: atom.name, multiple };
      case 'floordiv':
        return { kind: 'floordiv', a: atom.a.structure(), b: atom.b.structure() };
      default: {
        const { kind } = atom;
        return atom.operands.map((d) => d.structure()).reduce((a, b) => ({ kind, a, b }));
      }
    }
  });
  const first = nodes[0];
  if (!first) return { kind: 'const', value: coefficient };
  if (coefficient === 1 && nodes.length === 1) return first;
  return { kind: 'mul', factors: coefficient === 1 ? nodes : [{ kind: 'const', value: coefficient }, ...nodes] };
}

/** What is computed, or undefined where it cannot be held. */
export function unlessOverflow<T>(compute: () => T): T | undefined {
  try {
    return compute();
  } catch (error) {
    if (error instanceof DimOverflow) return undefined;
    throw error;
  }
}

/** A size as a number, where a condition or a check has seen that it is one. */
export function knownSize(dim: Dim): number {
  return dim.constant ?? bug(`the size ${dim} is not known`);
}

/** Sizes as numbers; undefined where one is not known. */
export function knownSizes(dims: readonly Dim[]): readonly number[] | undefined {
  const out: number[] = [];
  for (const d of dims) {
    if (d.constant === undefined) return undefined;
    out.push(d.constant);
  }
  return out;
}

/** Equal dimensions are one object. */
export const sameDims = (a: readonly Dim[], b: readonly Dim[]): boolean => a.length === b.length && a.every((d, i) => d === b[i]);

/** The product of all; 1 for none. */
export function productOf(list: readonly Dim[]): Dim {
  return list.reduce((a, b) => a.times(b), Dim.one);
}
