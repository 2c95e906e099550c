/**
 * Expressions without operands: parameters without content or at their initial values, numbers that are given, one number
 * everywhere.
 */

import { outside } from '../diagnostics/at.ts';
import { integerTooLarge, noContent } from '../diagnostics/catalogue/bytes.ts';
import { bug, fail } from '../diagnostics/diagnostic.ts';
import type { Content } from '../ir/content.ts';
import { leafText, listText, numberText } from '../ir/content-text.ts';
import { isLossless } from '../ir/elem.ts';
import { hashOfNumbers, structureHash } from '../ir/hash.ts';
import { roundTo } from '../ir/round.ts';
import { type ElemType, elementCount, type HostTensor, type WideIntegers } from '../ir/types.ts';
import { holdsExactly } from '../ir/wide.ts';
import { type InitSpec, sameInit } from '../ops/params.ts';
import { Expr, residentLimit, type WeightExpr } from './expr.ts';
import { distributionOf, fillInitial, largestOf } from './init.ts';
import type { Pending } from './pieces.ts';
import type { Session, Start } from './session.ts';
import { sameDims } from './walk.ts';

const literalTextLimit = 16;

const noOperands: readonly Expr[] = [];

class Leaf extends Expr {
  readonly path: string;
  constructor(session: Session, path: string, dims: readonly number[], elem: ElemType) {
    super(session, 'leaf', elem, dims, [], { sync: false });
    this.path = path;
  }
  protected override identity(): string {
    return this.path;
  }
  override copyIn(session: Session): WeightExpr {
    return leaf(session, this.path, this.dims, this.elem);
  }
  protected override write(): string {
    return leafText(this.path, this.dims, this.elem);
  }
  protected override compute(): Pending {
    fail(noContent, { with: { path: this.path } });
  }
}

/** A named parameter without content yet: what a graph read from its text form has. Filling it throws RES0532. */
export function leaf(session: Session, path: string, dims: readonly number[], elem: ElemType): WeightExpr {
  return session.intern(
    structureHash('leaf', dims, path),
    (x): x is Leaf => x instanceof Leaf && x.path === path && x.elem === elem && sameDims(x.dims, dims),
    () => new Leaf(session, path, [...dims], elem),
  );
}

export class Initial extends Expr {
  readonly path: string;
  private readonly begins: Start;
  constructor(session: Session, path: string, dims: readonly number[], elem: ElemType, init: InitSpec, seed: number) {
    super(session, 'initial', elem, dims, noOperands, { sync: true, exact32: isLossless(elem, 'f32') });
    this.path = path;
    this.begins = session.start(init, seed);
  }
  protected override identity(): string {
    const { kind, value, mode, scale } = this.begins.init;
    return `${this.path}|${kind}|${value ?? ''}|${mode ?? ''}|${scale ?? ''}|${this.begins.seed}`;
  }
  startsAs(init: InitSpec, seed: number): boolean {
    return this.begins.seed === seed && sameInit(this.begins.init, init);
  }
  override copyIn(session: Session): WeightExpr {
    return initial(session, this.path, this.dims, this.elem, this.begins.init, this.begins.seed);
  }
  /** No number that the generator can give is larger in magnitude; infinite where the element type holds none so large. */
  get bound(): number {
    const extreme = Float64Array.of(largestOf(this.begins.init, this.dims));
    roundTo(this.elem, extreme);
    return extreme[0] ?? outside();
  }
  protected override write(): string {
    return leafText(this.path, this.dims, this.elem);
  }
  protected override compute(start: number, out: Float64Array): Pending {
    const { init, seed, distributions } = this.begins;
    let distribution = distributions.get(this.layout);
    if (!distribution) {
      distribution = distributionOf(init, this.dims);
      distributions.set(this.layout, distribution);
    }
    fillInitial(distribution, seed, this.path, start, out);
    // A parameter is a tensor of its type: what is folded into it sees the numbers that would be written without folding.
    roundTo(this.elem, out);
  }
}

/** A parameter at its initial values, which depend on (seed, path, element) alone and are numbers of its element type. */
export function initial(
  session: Session,
  path: string,
  dims: readonly number[],
  elem: ElemType,
  init: InitSpec,
  seed: number,
): WeightExpr {
  return session.intern(
    structureHash('initial', dims, path),
    (x): x is Initial =>
      x instanceof Initial && x.path === path && x.elem === elem && sameDims(x.dims, dims) && x.startsAs(init, seed),
    () => new Initial(session, path, dims, elem, init, seed),
  );
}

/** A bound on the magnitude of initial values; undefined for other expressions. */
export function initialBound(expr: WeightExpr): number | undefined {
  return expr instanceof Initial ? expr.bound : undefined;
}

export class Literal extends Expr {
  readonly data: Float64Array;
  readonly contentHash: string;
  constructor(session: Session, elem: ElemType, dims: readonly number[], data: Float64Array, contentHash: string) {
    super(session, 'literal', elem, dims, [], { sync: true });
    this.data = data;
    this.contentHash = contentHash;
  }
  protected override identity(): string {
    return this.contentHash;
  }
  override copyIn(session: Session): WeightExpr {
    return literalOf(session, this.elem, this.dims, this.data);
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
export class Integers extends Expr {
  readonly integers: WideIntegers;
  constructor(session: Session, elem: ElemType, dims: readonly number[], integers: WideIntegers) {
    super(session, 'integers', elem, dims, [], { sync: true });
    this.integers = integers;
  }
  protected override identity(): string {
    return this.integers.join();
  }
  override copyIn(session: Session): WeightExpr {
    return wideLiteral(session, this.elem, this.dims, this.integers);
  }
  protected override write(): string {
    if (this.count > literalTextLimit) return `integers(${this.elem}, [${this.dims.join(', ')}], #${this.printedHash()})`;
    return `integers(${[this.elem, `[${this.dims.join(', ')}]`, ...this.integers].join(', ')})`;
  }
  protected override compute(start: number, out: Float64Array): Pending {
    for (let i = 0; i < out.length; i++) {
      const n = this.integers[start + i] ?? outside();
      if (BigInt(Number(n)) !== n || !holdsExactly(Number(n)))
        fail(integerTooLarge, { with: { tensor: 'a constant', found: `${n} at element ${start + i}` } });
      out[i] = Number(n);
    }
  }
  override fillIntegers(start: number, out: WideIntegers): Pending {
    for (let i = 0; i < out.length; i++) out[i] = this.integers[start + i] ?? outside();
  }
}

export function wideLiteral(session: Session, elem: ElemType, dims: readonly number[], integers: WideIntegers): WeightExpr {
  return session.intern(
    structureHash('integers', dims, `${elem} ${integers.slice(0, 64).join()}`),
    (found): found is Integers =>
      found instanceof Integers &&
      found.elem === elem &&
      sameDims(found.dims, dims) &&
      found.integers.every((n: bigint, i: number) => n === integers[i]),
    () => new Integers(session, elem, [...dims], integers),
  );
}

/** The numbers of a tensor, copied. Where all are one number it is `full`. */
export function literal(session: Session, tensor: HostTensor): WeightExpr {
  const { elem, dims } = tensor;
  if (tensor.wide) return wideLiteral(session, elem, dims, tensor.wide.slice());
  if (tensor.data.length !== elementCount(dims)) bug(`${tensor.data.length} numbers for shape [${dims.join(', ')}]`);
  const first = tensor.data[0] ?? 0;
  let uniform = true;
  for (let i = 1; i < tensor.data.length && uniform; i++) uniform = Object.is(tensor.data[i], first);
  if (uniform) return full(session, elem, dims, first);
  return literalOf(session, elem, [...dims], tensor.data.slice());
}

export function literalOf(session: Session, elem: ElemType, dims: readonly number[], data: Float64Array): WeightExpr {
  const contentHash = hashOfNumbers(data);
  const same = (x: Content): x is Literal =>
    x instanceof Literal &&
    x.elem === elem &&
    sameDims(x.dims, dims) &&
    x.contentHash === contentHash &&
    x.data.every((y, i) => Object.is(y, data[i]));
  return session.intern(
    structureHash('literal', dims, contentHash),
    same,
    () => new Literal(session, elem, dims, data, contentHash),
  );
}

export class Full extends Expr {
  readonly value: number;
  constructor(session: Session, elem: ElemType, dims: readonly number[], value: number) {
    super(session, 'full', elem, dims, [], {
      sync: true,
      exact32: Object.is(Math.fround(value), value),
    });
    this.value = value;
  }
  protected override identity(): string {
    return numberText(this.value);
  }
  override copyIn(session: Session): WeightExpr {
    return full(session, this.elem, this.dims, this.value);
  }
  protected override write(): string {
    return `full(${this.elem}, [${this.dims.join(', ')}], ${numberText(this.value)})`;
  }
  protected override compute(_start: number, out: Float64Array): Pending {
    out.fill(this.value);
  }
}

/** One number everywhere. */
export function full(session: Session, elem: ElemType, dims: readonly number[], value: number): WeightExpr {
  return session.intern(
    structureHash('full', dims, numberText(value)),
    (x): x is Full => x instanceof Full && x.elem === elem && Object.is(x.value, value) && sameDims(x.dims, dims),
    () => new Full(session, elem, [...dims], value),
  );
}

/** One number everywhere, of the element type of another expression and for use with it. */
export function fullLike(like: WeightExpr, dims: readonly number[], value: number): WeightExpr {
  return full(like.session, like.elem, dims, value);
}

/** The number that an expression is everywhere, when it is written as one. */
export function uniformOf(x: Expr): number | undefined {
  return x instanceof Full ? x.value : undefined;
}
