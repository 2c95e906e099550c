/** Arithmetic, element by element: two operands with NumPy broadcasting, one operand, and casts to another element type. */

import { at, outside } from '../diagnostics/at.ts';
import { bug, unreachable } from '../diagnostics/diagnostic.ts';
import { isLossless } from '../ir/elem.ts';
import { structureHash } from '../ir/hash.ts';
import { CheckFailure } from '../ir/operator.ts';
import { roundTo } from '../ir/round.ts';
import { type ElemType, isFloat } from '../ir/types.ts';
import { holdsExactly, isWideElem } from '../ir/wide.ts';
import { stridesOf } from '../ops/common.ts';
import { Barrier, operandOf } from './barrier.ts';
import { withDense } from './dense.ts';
import { Expr, own, type WeightExpr } from './expr.ts';
import { Full, full, uniformOf } from './leaves.ts';
import { after, chunked, type Dense, type Pending } from './pieces.ts';
import type { Layout, Session, Spread } from './session.ts';
import { scaleFloats } from './simd.ts';
import { gather, sameDims, type Walk, walkOf } from './walk.ts';

/** Multiplies by a walk whose innermost axis stands still: one factor for each run of elements. */
function scaleRuns(data: Dense, { sizes, strides }: Walk, start: number, out: Float32Array): void {
  const inner = sizes.at(-1) ?? 1;
  const first = Math.floor(start / inner);
  const rows = Math.ceil((start + out.length) / inner) - first;
  const factors = new Float64Array(rows);
  gather(data, 0, { sizes: sizes.slice(0, -1), strides: strides.slice(0, -1) }, first, factors);
  for (let row = 0; row < rows; row++) {
    const from = Math.max(0, (first + row) * inner - start);
    const to = Math.min(out.length, (first + row + 1) * inner - start);
    scaleFloats(out, from, to, factors[row] ?? outside());
  }
}

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

const asItIs: Spread = { kind: 'same' };
const everywhere: Spread = { kind: 'scalar' };
function spreadOf(x: Expr, result: Layout): Spread {
  if (x.count === result.count) return asItIs;
  if (x.count === 1) return everywhere;
  const known = x.layout.spreads.get(result);
  if (known) return known;
  const made = walkTo(x, result.dims);
  x.layout.spreads.set(result, made);
  return made;
}

function walkTo(x: Expr, dims: readonly number[]): Spread {
  const inner = stridesOf(x.dims);
  const lead = dims.length - x.dims.length;
  return {
    kind: 'walk',
    walk: walkOf(
      dims,
      dims.map((d, axis) => (d === x.dims[axis - lead] ? (inner[axis - lead] ?? outside()) : 0)),
    ),
  };
}
function fillSpread(x: Expr, spread: Spread, start: number, out: Float64Array, last: boolean): Pending {
  switch (spread.kind) {
    case 'same':
      return x.fill(start, out);
    case 'scalar': {
      const value = uniformOf(x);
      if (value !== undefined) {
        out.fill(value);
        return undefined;
      }
      const one = x.session.borrow(1);
      return after(x.fill(0, one), () => {
        out.fill(one[0] ?? outside());
        x.session.giveBack(one);
      });
    }
    case 'walk':
      return withDense(x, last, (data) => gather(data, 0, spread.walk, start, out));
    default:
      return unreachable(spread);
  }
}

class Binary extends Expr {
  declare readonly kind: BinaryName;
  constructor(op: BinaryName, a: Expr, b: Expr, dims: readonly number[]) {
    super(a.session, op, a.elem, dims, [a, b]);
  }
  private get a(): Expr {
    return at(this.args, 0);
  }
  private get b(): Expr {
    return at(this.args, 1);
  }
  override copyIn(_session: Session, args: readonly WeightExpr[]): WeightExpr {
    return binary(this.kind, at(args, 0), at(args, 1));
  }
  protected override write(): string {
    return `${this.kind}(${this.a.text()}, ${this.b.text()})`;
  }
  override fill32(start: number, out: Float32Array): boolean {
    // An operand that is rounded itself would be rounded twice.
    if (this.kind !== 'mul' || !this.sync || !this.a.exact32 || spreadOf(this.a, this.layout).kind !== 'same') return false;
    if (!this.a.fill32(start, out)) return false;
    const spread = spreadOf(this.b, this.layout);
    const last = start + out.length === this.count;
    const done =
      spread.kind === 'walk' && spread.walk.strides.at(-1) === 0
        ? withDense(this.b, last, (data) => scaleRuns(data, spread.walk, start, out))
        : this.#scale(spread, start, out);
    if (done instanceof Promise) bug(`${this.b.kind} calls itself synchronous and is not`);
    return true;
  }
  #scale(spread: Spread, start: number, out: Float32Array): Pending {
    return chunked(out.length, (from, to) => {
      const b = this.session.borrow(to - from);
      return after(fillSpread(this.b, spread, start + from, b, start + to === this.count), () => {
        for (let i = from; i < to; i++) out[i] = (out[i] ?? outside()) * (b[i - from] ?? outside());
        this.session.giveBack(b);
      });
    });
  }
  // Without closures where nothing is awaited: passes ask for the few elements of a bias many thousand times.
  protected override compute(start: number, out: Float64Array): Pending {
    const last = start + out.length === this.count;
    const pending = fillSpread(this.a, spreadOf(this.a, this.layout), start, out, last);
    return pending instanceof Promise
      ? pending.then(() => this.#withSecond(start, out, last))
      : this.#withSecond(start, out, last);
  }
  /** `out` holds the first operand. */
  #withSecond(start: number, out: Float64Array, last: boolean): Pending {
    const b = this.session.borrow(out.length);
    const pending = fillSpread(this.b, spreadOf(this.b, this.layout), start, b, last);
    return pending instanceof Promise ? pending.then(() => this.#combine(out, b)) : this.#combine(out, b);
  }
  #combine(out: Float64Array, b: Float64Array): undefined {
    const n = out.length;
    switch (this.kind) {
      case 'add':
        for (let i = 0; i < n; i++) out[i] = (out[i] ?? outside()) + (b[i] ?? outside());
        break;
      case 'sub':
        for (let i = 0; i < n; i++) out[i] = (out[i] ?? outside()) - (b[i] ?? outside());
        break;
      case 'mul':
        for (let i = 0; i < n; i++) out[i] = (out[i] ?? outside()) * (b[i] ?? outside());
        break;
      case 'div':
        for (let i = 0; i < n; i++) out[i] = apply('div', out[i] ?? outside(), b[i] ?? outside(), this.elem);
        break;
      default:
        unreachable(this.kind);
    }
    this.session.giveBack(b);
    if (isWideElem(this.elem) && !out.every(holdsExactly))
      throw new CheckFailure('integers', `${this.kind} beyond 2^53`, 'integers within 2^53');
  }
}

function binary(op: BinaryName, left: WeightExpr, right: WeightExpr): WeightExpr {
  const a = own(left);
  const b = own(right);
  if (a.elem !== b.elem) bug(`${op} of weights of types ${a.elem} and ${b.elem}`);
  const dims = broadcast(a.dims, b.dims);
  const x = uniformOf(a);
  const y = uniformOf(b);
  if (x !== undefined && y !== undefined) return full(a.session, a.elem, dims, apply(op, x, y, a.elem));
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
  const operands = [operandOf(a), operandOf(b)] as const;
  return a.session.intern(
    structureHash(op, [a.id, b.id]),
    (found): found is Binary => found instanceof Binary && found.kind === op && found.isOf(operands),
    () => new Binary(op, ...operands, dims),
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
  declare readonly kind: UnaryName;
  constructor(op: UnaryName, x: Expr) {
    super(x.session, op, x.elem, x.dims, [x], { exact32: op === 'neg' && x.exact32 });
  }
  get x(): Expr {
    return at(this.args, 0);
  }
  override copyIn(_session: Session, args: readonly WeightExpr[]): WeightExpr {
    return unary(this.kind, at(args, 0));
  }
  protected override write(): string {
    return `${this.kind}(${this.x.text()})`;
  }
  protected override compute(start: number, out: Float64Array): Pending {
    return after(this.x.fill(start, out), () => {
      const f = unaryFunctions[this.kind];
      for (let i = 0; i < out.length; i++) out[i] = f(out[i] ?? outside());
    });
  }
}
function unary(op: UnaryName, operand: WeightExpr): WeightExpr {
  const x = own(operand);
  if (op !== 'neg' && !isFloat(x.elem)) bug(`${op} of a weight of type ${x.elem}`);
  const value = uniformOf(x);
  if (value !== undefined) return full(x.session, x.elem, x.dims, unaryFunctions[op](value));
  if (op === 'neg' && x instanceof Unary && x.kind === 'neg') return x.x;
  const below = operandOf(x);
  return x.session.intern(
    structureHash(op, [x.id]),
    (found): found is Unary => found instanceof Unary && found.kind === op && found.x === below,
    () => new Unary(op, below),
  );
}
export const neg = (x: WeightExpr): WeightExpr => unary('neg', x);
export const sqrt = (x: WeightExpr): WeightExpr => unary('sqrt', x);
export const reciprocal = (x: WeightExpr): WeightExpr => unary('reciprocal', x);

class Cast extends Expr {
  readonly x: Expr;
  constructor(x: Expr, elem: ElemType) {
    super(x.session, 'cast', elem, x.dims, [x], { exact32: isLossless(elem, 'f32') || x.exact32 });
    this.x = x;
  }
  override copyIn(_session: Session, args: readonly WeightExpr[]): WeightExpr {
    return cast(at(args, 0), this.elem);
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
    return full(x.session, elem, x.dims, one[0] ?? outside());
  }
  const below = operandOf(x);
  return x.session.intern(
    structureHash('cast', [x.id], elem),
    (found): found is Cast => found instanceof Cast && found.elem === elem && found.x === below,
    () => new Cast(below, elem),
  );
}
