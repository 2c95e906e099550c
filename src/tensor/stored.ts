/** Tensors that lie in a file: leaves of weight expressions that read their span when they are pulled. */

import { outside } from '../diagnostics/at.ts';
import { bug } from '../diagnostics/diagnostic.ts';
import type { ByteSource } from '../io/bytes.ts';
import { leafText } from '../ir/content-text.ts';
import { isLossless } from '../ir/elem.ts';
import { structureHash } from '../ir/hash.ts';
import { littleEndian } from '../ir/round.ts';
import { type ElemType, elemBytes, elementCount, type WideIntegers } from '../ir/types.ts';
import { isWideElem, wideArray } from '../ir/wide.ts';
import { stridesOf } from '../ops/common.ts';
import { withDense } from './dense.ts';
import { Expr, own, type WeightExpr } from './expr.ts';
import type { Pending } from './pieces.ts';
import { decode, decodeIntegers } from './round.ts';
import type { Session } from './session.ts';
import { gather, sameDims, walkOf } from './walk.ts';

export interface StoredSpan {
  readonly source: ByteSource;
  /** Byte of element 0. */
  readonly offset: number;
  readonly elem: ElemType;
  readonly dims: readonly number[];
  /**
   * Elements between neighbours per axis, none negative; absent for row-major. Whoever makes the span has checked that it lies in
   * the source.
   */
  readonly strides?: readonly number[];
  readonly bigEndian?: boolean;
  /** The tensor's name in the file. */
  readonly name: string;
}

/** Tensors of at most this many bytes are read when a file without synchronous reading is opened, so that passes see them. */
const preloadLimit = 65536;

export class Stored extends Expr {
  readonly source: ByteSource;
  readonly offset: number;
  readonly bigEndian: boolean;
  readonly #span: StoredSpan;
  readonly #loaded: Uint8Array | undefined;
  /** What the text calls it: the path of the parameter that it is, the name in the file before it became one. */
  #label: string;
  constructor(session: Session, span: StoredSpan, loaded: Uint8Array | undefined) {
    super(session, 'stored', span.elem, span.dims, [], {
      sync: loaded !== undefined || span.source.readSync !== undefined,
      exact32: isLossless(span.elem, 'f32'),
    });
    this.source = span.source;
    this.offset = span.offset;
    this.bigEndian = span.bigEndian ?? false;
    this.#span = span;
    this.#label = span.name;
    this.#loaded = loaded;
  }
  isSpan(span: StoredSpan): boolean {
    return sameSpan(this.#span, span);
  }
  protected override identity(): string {
    return spanIdentity(this.session, this.#span);
  }
  /** A tensor of an attribute has no name in its file and gets one here, once. */
  nameOnce(name: string): void {
    if (this.#label === '') this.#label = name;
  }
  override copyIn(session: Session): WeightExpr {
    return this.copyAs(session, this.#label);
  }
  copyAs(session: Session, name: string): Stored {
    return stored(session, { ...this.#span, name }, this.#loaded);
  }
  protected override write(): string {
    return leafText(this.#label, this.dims, this.elem);
  }
  protected override compute(start: number, out: Float64Array): Pending {
    const size = elemBytes[this.elem];
    const from = start * size;
    const length = out.length * size;
    if (this.#loaded) return this.#decode(this.#loaded.subarray(from, from + length), out);
    const { source } = this;
    if (source.readInto) {
      const bytes = this.session.bytes(length);
      source.readInto(this.offset + from, bytes);
      return this.#decode(bytes, out);
    }
    if (source.readSync) return this.#decode(source.readSync(this.offset + from, length), out);
    return source.read(this.offset + from, length).then((bytes) => this.#decode(bytes, out));
  }
  override fill32(start: number, out: Float32Array): boolean {
    const { readInto } = this.source;
    if (this.elem !== 'f32' || this.bigEndian || !littleEndian || !readInto) return false;
    readInto.call(this.source, this.offset + start * 4, new Uint8Array(out.buffer, out.byteOffset, out.byteLength));
    return true;
  }
  override fillIntegers(start: number, out: WideIntegers): Pending | false {
    if (!isWideElem(this.elem)) return false;
    const length = out.length * 8;
    const take = (bytes: Uint8Array): void => decodeIntegers(bytes, out, this.bigEndian);
    if (this.#loaded) return take(this.#loaded.subarray(start * 8, start * 8 + length));
    const { source } = this;
    if (source.readSync) return take(source.readSync(this.offset + start * 8, length));
    return source.read(this.offset + start * 8, length).then(take);
  }
  #decode(bytes: Uint8Array, out: Float64Array): void {
    // A copy to an aligned place is ten times faster than reading number by number.
    const aligned = bytes.byteOffset % elemBytes[this.elem] === 0 ? bytes : bytes.slice();
    decode(this.elem, aligned, out, this.bigEndian, this.#label);
  }
}

/** A view with strides: PyTorch's transposed and expanded tensors, NumPy's Fortran order. Its whole extent is read at once. */
class StoredView extends Expr {
  readonly base: Stored;
  readonly #span: StoredSpan;
  readonly #strides: readonly number[];
  constructor(span: StoredSpan, base: Stored) {
    super(base.session, 'stored', span.elem, span.dims, [], { sync: base.sync, exact32: base.exact32 });
    this.base = base;
    this.#span = span;
    this.#strides = span.strides ?? stridesOf(span.dims);
  }
  isView(span: StoredSpan): boolean {
    return sameSpan(this.#span, span) && sameDims(this.#span.strides ?? [], span.strides ?? []);
  }
  protected override identity(): string {
    return `${spanIdentity(this.session, this.#span)}|${(this.#span.strides ?? []).join()}`;
  }
  override copyIn(session: Session): WeightExpr {
    return this.copyAs(session, this.#span.name);
  }
  copyAs(session: Session, name: string): StoredView {
    return viewOf({ ...this.#span, name }, this.base.copyAs(session, name));
  }
  protected override write(): string {
    return leafText(this.#span.name, this.dims, this.elem);
  }
  override fillIntegers(start: number, out: WideIntegers): Pending | false {
    if (!isWideElem(this.elem)) return false;
    const all = wideArray(this.elem, this.base.count);
    const strides = stridesOf(this.dims);
    const take = (): void => {
      for (let i = 0; i < out.length; i++) {
        let rest = start + i;
        let at = 0;
        for (const [axis, stride] of strides.entries()) {
          const index = Math.floor(rest / stride);
          at += index * (this.#strides[axis] ?? outside());
          rest -= index * stride;
        }
        out[i] = all[at] ?? outside();
      }
    };
    const pending = this.base.fillIntegers(0, all);
    return pending instanceof Promise ? pending.then(take) : take();
  }
  protected override compute(start: number, out: Float64Array): Pending {
    return withDense(this.base, start + out.length === this.count, (data) =>
      gather(data, 0, walkOf(this.dims, this.#strides), start, out),
    );
  }
}

/** Elements from element 0 to the last one that the view reaches, inclusive; 0 for an empty tensor. */
export function extentOf(dims: readonly number[], strides: readonly number[]): number {
  if (elementCount(dims) === 0) return 0;
  return dims.reduce((extent, d, axis) => extent + (d - 1) * (strides[axis] ?? outside()), 1);
}

/** Whether two are the same bytes read alike, but for their strides. */
function sameSpan(a: StoredSpan, b: StoredSpan): boolean {
  const alike = a.source === b.source && a.offset === b.offset && a.elem === b.elem;
  return alike && (a.bigEndian ?? false) === (b.bigEndian ?? false) && sameDims(a.dims, b.dims);
}

function spanIdentity(session: Session, span: StoredSpan): string {
  return `${session.numberOf(span.source)}|${span.offset}|${span.elem}|${span.bigEndian ? 'big' : 'little'}`;
}

/** A row-major span, with its bytes where they are read already. */
function stored(session: Session, span: StoredSpan, loaded: Uint8Array | undefined): Stored {
  return session.intern(
    structureHash('stored', [session.numberOf(span.source), span.offset, ...span.dims], span.elem),
    (x): x is Stored => x instanceof Stored && x.isSpan(span),
    () => new Stored(session, span, loaded),
  );
}

function viewOf(span: StoredSpan, base: Stored): StoredView {
  const { session } = base;
  return session.intern(
    structureHash('view', [session.numberOf(span.source), span.offset, ...span.dims, ...(span.strides ?? [])], span.elem),
    (x): x is StoredView => x instanceof StoredView && x.isView(span),
    () => new StoredView(span, base),
  );
}

/**
 * The lazy tensor of a span. Equal spans of one source are one expression. Reads only small tensors, and those only where the
 * source cannot read synchronously.
 */
export async function storedTensor(session: Session, span: StoredSpan): Promise<WeightExpr> {
  const { source, elem, dims } = span;
  const plain = stridesOf(dims);
  const strides = span.strides ?? plain;
  const contiguous = dims.every((d, axis) => d <= 1 || strides[axis] === plain[axis]) || elementCount(dims) === 0;
  const extent = contiguous ? elementCount(dims) : extentOf(dims, strides);
  const bytes = extent * elemBytes[elem];
  const loaded = !source.readSync && bytes <= preloadLimit ? (await source.read(span.offset, bytes)).slice() : undefined;
  const base = stored(session, contiguous ? span : { ...span, dims: [extent] }, loaded);
  return contiguous ? base : viewOf(span, base);
}

/** Gives a tensor of an attribute, which has no name in its file, the name of the constant that it is. */
export function nameOnce(expr: WeightExpr, name: string): void {
  if (expr instanceof Stored) expr.nameOnce(name);
}

/**
 * A tensor of another session (a checkpoint's) in this one, where it is known as `name` from now on if it lies in a file as it
 * is. Equal tensors become one, whose name is that of the first.
 */
export function adopt(session: Session, expr: WeightExpr, name: string): WeightExpr {
  const root = own(expr);
  if (root.session === session) return root;
  if (root instanceof Stored || root instanceof StoredView) return root.copyAs(session, name);
  const parts = new Set<Expr>();
  const stack: Expr[] = [root];
  for (let x = stack.pop(); x; x = stack.pop()) {
    if (parts.has(x)) continue;
    parts.add(x);
    stack.push(...x.below);
  }
  // An expression is made after its operands, so ids are in topological order.
  const copies = new Map<Expr, WeightExpr>();
  const copyOf = (x: Expr): WeightExpr => copies.get(x) ?? bug('an operand that is made after its reader');
  for (const x of [...parts].sort((a, b) => a.id - b.id)) copies.set(x, x.copyIn(session, x.below.map(copyOf)));
  return copyOf(root);
}

/** Bytes that are copied as they are, of a file most often: whoever takes them reads them to where they are wanted. */
export interface ByteSpan {
  readonly source: Pick<ByteSource, 'read' | 'readSync' | 'readInto'>;
  readonly offset: number;
  readonly length: number;
}

/** Bytes of a span from `at` on, as many as `into` has room for. */
export async function readSpanInto({ source, offset }: ByteSpan, at: number, into: Uint8Array): Promise<void> {
  const start = offset + at;
  if (source.readInto) source.readInto(start, into);
  else into.set(source.readSync ? source.readSync(start, into.length) : await source.read(start, into.length));
}

/**
 * The span of an expression that is a row-major little-endian tensor of a file and nothing else, so that its bytes can be copied
 * as they are.
 */
export function spanOf(expr: WeightExpr): ByteSpan | undefined {
  if (!(expr instanceof Stored) || expr.bigEndian) return undefined;
  return { source: expr.source, offset: expr.offset, length: expr.count * elemBytes[expr.elem] };
}
