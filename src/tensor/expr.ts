/**
 * Lazy tensors. An expression describes a constant's elements and computes any range of them on demand; nothing is an array until
 * the writer pulls it. Expressions are interned: equal ones are the same object, have one `id`, and are stored once. Arithmetic
 * is float64 inside and rounds only at `cast` and where the writer encodes.
 *
 * Here is what all expressions have in common. `algebra.ts` lists the operations, `text.ts` has their text form.
 */
import { bug } from '../diagnostics/diagnostic.ts';
import type { Content } from '../ir/content.ts';
import { Hasher } from '../ir/hash.ts';
import type { ElemType, WideIntegers } from '../ir/types.ts';
import { isWideElem, tensorOfIntegers, wideArray } from '../ir/wide.ts';
import type { Pending } from './pieces.ts';
import type { Layout, Session } from './session.ts';

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

/** What is found out of an expression when somebody asks. */
interface Known {
  /** Its elements. */
  numbers?: Float64Array;
  /** Of integers beyond 2^53, which `numbers` has as NaN. */
  wide?: WideIntegers | undefined;
  hash?: string;
}

const none: readonly Expr[] = [];

/** `sync` and `exact32` as bits, and the depth above them. */
const [syncBit, exactBit, depthShift] = [1, 2, 2];

/**
 * Base of all expressions. A deep network has 25 of them a layer, so that what they have alike is one object (the layout), and
 * what few have lies beside.
 */
export abstract class Expr implements WeightExpr {
  readonly session: Session;
  readonly id: number;
  readonly kind: string;
  readonly layout: Layout;
  readonly args: readonly Expr[];
  readonly size: number;
  // Fields with # are slow in a base of many classes: V8 defines them by a call into its runtime for every object.
  private readonly bits: number;
  private known: Known | undefined;

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
    this.layout = session.layout(elem, dims);
    this.args = args.length === 0 ? none : args;
    let sync = true;
    let depth = 0;
    let size = options.size ?? 1;
    for (const a of args) {
      sync &&= a.sync;
      depth = Math.max(depth, a.depth + 1);
      size += a.size;
    }
    this.size = Math.min(Number.MAX_SAFE_INTEGER, size);
    this.bits = ((options.sync ?? sync) ? syncBit : 0) | (options.exact32 ? exactBit : 0) | (depth << depthShift);
    this.known = undefined;
  }

  get elem(): ElemType {
    return this.layout.elem;
  }
  get dims(): readonly number[] {
    return this.layout.dims;
  }
  get count(): number {
    return this.layout.count;
  }
  get sync(): boolean {
    return (this.bits & syncBit) !== 0;
  }
  /** Every element is a float32 number (or a NaN), so that a copy may be kept in four bytes each. */
  get exact32(): boolean {
    return (this.bits & exactBit) !== 0;
  }
  get depth(): number {
    return this.bits >>> depthShift;
  }

  /** Names the structure in texts. Made when asked for; barriers ask, which bounds the recursion. */
  get hash(): string {
    this.known ??= {};
    if (this.known.hash !== undefined) return this.known.hash;
    const hasher = new Hasher().string(this.kind).string(this.elem).string(this.dims.join()).string(this.identity());
    for (const a of this.args) hasher.string(a.hash);
    this.known.hash = hasher.hex();
    return this.known.hash;
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
    const numbers = this.known?.numbers;
    // Where they are none, for integers beyond 2^53, computing says so.
    if (!numbers || this.known?.wide) return this.compute(start, out);
    out.set(start === 0 && out.length === numbers.length ? numbers : numbers.subarray(start, start + out.length));
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

  /** Drops what was found out, which is found again where somebody asks. */
  forget(): void {
    this.known = undefined;
  }

  get wide(): WideIntegers | undefined {
    return this.resident && this.known?.wide;
  }

  get resident(): Float64Array | undefined {
    if (this.known?.numbers) return this.known.numbers;
    if (!this.sync || this.count > residentLimit) return undefined;
    if (isWideElem(this.elem)) {
      const integers = wideArray(this.elem, this.count);
      const pending = this.fillIntegers(0, integers);
      if (pending instanceof Promise) bug(`${this.kind} calls itself synchronous and is not`);
      if (pending !== false) {
        const { data, wide } = tensorOfIntegers(this.elem, this.dims, integers);
        this.known = { ...this.known, numbers: data, wide };
        return data;
      }
    }
    const data = new Float64Array(this.count);
    if (this.fill(0, data) instanceof Promise) bug(`${this.kind} calls itself synchronous and is not`);
    this.known = { ...this.known, numbers: data };
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
