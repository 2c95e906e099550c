/**
 * Lazy tensors. An expression describes a constant's elements and computes any range of them on demand; nothing is an array until
 * the writer pulls it. Expressions are interned: equal ones are the same object, have one `id`, and are stored once. Arithmetic
 * is float64 inside and rounds only at `cast` and where the writer encodes.
 *
 * Here is what all expressions have in common. `algebra.ts` lists the operations, `text.ts` has their text form.
 */
import { bug } from '../diagnostics/diagnostic.ts';
import type { Content } from '../ir/content.ts';
import { type ElemType, elementCount, type WideIntegers } from '../ir/types.ts';
import { isWideElem, tensorOfIntegers, wideArray } from '../ir/wide.ts';
import { Hasher } from './hash.ts';
import type { Pending } from './pieces.ts';
import type { Session } from './session.ts';

/** A lazy tensor, row-major. */
export interface WeightExpr extends Content {
  readonly session: Session;
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

/** What has more nodes is printed by its hash; the reader of graphs allows as many levels. */
const textNodesLimit = 400;

/** Base of all expressions. Subclasses outside of this file are leaves. */
export abstract class Expr implements WeightExpr {
  readonly session: Session;
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
  // Fields with # are slow in a base of many classes: V8 defines them by a call into its runtime for every object.
  private known: Float64Array | undefined;
  private beyond: WideIntegers | undefined;
  private hashed: string | undefined;

  constructor(
    session: Session,
    kind: string,
    elem: ElemType,
    dims: readonly number[],
    args: readonly Expr[],
    options: { readonly sync?: boolean; readonly exact32?: boolean; readonly size?: number } = {},
  ) {
    for (const a of args) if (a.session !== session) bug(`${kind} of expressions of two sessions`);
    this.session = session;
    this.id = session.newId();
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
    this.known = undefined;
    this.beyond = undefined;
    this.hashed = undefined;
  }

  /** Names the structure in texts. Made when asked for; barriers ask, which bounds the recursion. */
  get hash(): string {
    if (this.hashed !== undefined) return this.hashed;
    const hasher = new Hasher().string(this.kind).string(this.elem).string(this.dims.join()).string(this.identity());
    for (const a of this.args) hasher.string(a.hash);
    this.hashed = hasher.hex();
    return this.hashed;
  }

  /** What the structure hangs on besides kind, element type, sizes and operands, as a text. */
  protected identity(): string {
    return '';
  }

  /** The hash, for a text that will be read back by it. */
  protected printedHash(): string {
    this.session.nameByHash(this, this.hash);
    return this.hash;
  }

  /** What it is made of: its operands, also behind a barrier. */
  get below(): readonly Expr[] {
    return this.args;
  }

  /** Whether its operands are these. */
  isOf(operands: readonly Expr[]): boolean {
    return this.args.length === operands.length && operands.every((one, i) => one === this.args[i]);
  }

  /** The same expression in another session, where `args` are what is below. */
  abstract copyIn(session: Session, args: readonly WeightExpr[]): WeightExpr;

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
   * Computes elements from `start` on in float64, rounded once to float32, without a float64 array between: the same bytes at a
   * third of the time, for large tensors that come from a file and are scaled at most. False where that is not how this one is
   * made; `out` then holds anything.
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

export function own(x: Content): Expr {
  return x instanceof Expr ? x : bug('a weight expression of another make');
}

/** `Expr.fill32` for whoever knows only that it has something to pull. */
export function fillFloats(expr: object, start: number, out: Float32Array): boolean {
  return expr instanceof Expr && expr.elem === 'f32' && expr.fill32(start, out);
}
