/** Operations that move elements and change none: other shapes, permuted axes, boxes cut out, tensors joined and padded. */

import { at, outside } from '../diagnostics/at.ts';
import { bug } from '../diagnostics/diagnostic.ts';
import { listText, numberText } from '../ir/content-text.ts';
import { structureHash } from '../ir/hash.ts';
import { elementCount, type WideIntegers } from '../ir/types.ts';
import { stridesOf } from '../ops/common.ts';
import { Barrier, operandOf } from './barrier.ts';
import { withDense } from './dense.ts';
import { Expr, own, type WeightExpr } from './expr.ts';
import { Full, full, Integers, Literal, literalOf, uniformOf, wideLiteral } from './leaves.ts';
import { after, type Pending } from './pieces.ts';
import type { Session } from './session.ts';
import { gather, offsetAt, sameDims, type Walk, walkOf } from './walk.ts';

class Reshape extends Expr {
  constructor(x: Expr, dims: readonly number[]) {
    super(x.session, 'reshape', x.elem, dims, [x], { exact32: x.exact32 });
  }
  get x(): Expr {
    return at(this.args, 0);
  }
  override copyIn(_session: Session, args: readonly WeightExpr[]): WeightExpr {
    return reshape(at(args, 0), this.dims);
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
  if (x instanceof Full) return full(x.session, x.elem, dims, x.value);
  if (x instanceof Literal) return literalOf(x.session, x.elem, [...dims], x.data);
  if (x instanceof Integers) return wideLiteral(x.session, x.elem, dims, x.integers);
  const below = operandOf(x);
  return x.session.intern(
    structureHash('reshape', [x.id, ...dims]),
    (found): found is Reshape => found instanceof Reshape && found.x === below && sameDims(found.dims, dims),
    () => new Reshape(below, dims),
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
    const dims = perm.map((axis) => x.dims[axis] ?? outside());
    super(x.session, 'transpose', x.elem, dims, [x], { exact32: x.exact32 });
    this.x = x;
    this.perm = perm;
    const strides = stridesOf(x.dims);
    this.#walk = walkOf(
      dims,
      perm.map((axis) => strides[axis] ?? outside()),
    );
  }
  protected override identity(): string {
    return this.perm.join();
  }
  override copyIn(_session: Session, args: readonly WeightExpr[]): WeightExpr {
    return transpose(at(args, 0), this.perm);
  }
  protected override write(): string {
    return `transpose(${this.x.text()}, [${this.perm.join(', ')}])`;
  }
  protected override compute(start: number, out: Float64Array): Pending {
    return withDense(this.x, start + out.length === this.count, (data) => gather(data, 0, this.#walk, start, out));
  }
}

/** Axes permuted: axis i of the result is axis perm[i] of x. */
export function transpose(operand: WeightExpr, perm: readonly number[]): WeightExpr {
  const x = own(operand);
  if (perm.length !== x.dims.length || [...perm].sort((a, b) => a - b).some((axis, i) => axis !== i))
    bug(`transpose of rank ${x.dims.length} by [${perm.join(', ')}]`);
  if (perm.every((axis, i) => axis === i)) return x;
  const dims = perm.map((axis) => x.dims[axis] ?? outside());
  if (x instanceof Full) return full(x.session, x.elem, dims, x.value);
  if (x instanceof Transpose && !(x.x instanceof Barrier)) {
    const inner = x.perm;
    return transpose(
      x.x,
      perm.map((axis) => inner[axis] ?? outside()),
    );
  }
  // Only axes of one element move among the others: the order of the elements stays.
  const moved = perm.filter((axis) => x.dims[axis] !== 1);
  if (moved.every((axis, i) => i === 0 || axis > (moved[i - 1] ?? outside()))) return reshape(x, dims);
  const below = operandOf(x);
  return x.session.intern(
    structureHash('transpose', [x.id, ...perm]),
    (found): found is Transpose => found instanceof Transpose && found.x === below && sameDims(found.perm, perm),
    () => new Transpose(below, [...perm]),
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
    super(x.session, 'slice', x.elem, dims, [x], { exact32: x.exact32 });
    this.x = x;
    this.starts = starts;
    this.ends = ends;
    this.steps = steps;
    const strides = stridesOf(x.dims);
    this.#base = starts.reduce((sum, start, axis) => sum + start * (strides[axis] ?? outside()), 0);
    this.#walk = walkOf(
      dims,
      strides.map((stride, axis) => stride * (steps[axis] ?? outside())),
    );
  }
  protected override identity(): string {
    return `${this.starts.join()}|${this.steps.join()}`;
  }
  override copyIn(_session: Session, args: readonly WeightExpr[]): WeightExpr {
    return slice(at(args, 0), this.starts, this.ends, this.steps);
  }
  protected override write(): string {
    return `slice(${this.x.text()}, ${listText(this.starts)}, ${listText(this.ends)}, ${listText(this.steps)})`;
  }
  protected override compute(start: number, out: Float64Array): Pending {
    // Steps are positive, so the places grow: everything lies between the first and the last.
    const low = this.#base + offsetAt(this.#walk, start);
    const high = this.#base + offsetAt(this.#walk, start + out.length - 1);
    const span = high - low + 1;
    if (span === out.length) return this.x.fill(low, out);
    // At most eight elements are read per element wanted (and 4,096 more); where they lie further apart, halves lie closer.
    if (span > 8 * out.length + 4096) {
      const half = out.length >> 1;
      return after(this.compute(start, out.subarray(0, half)), () => this.compute(start + half, out.subarray(half)));
    }
    const part = this.session.borrow(span);
    return after(this.x.fill(low, part), () => {
      gather(part, this.#base - low, this.#walk, start, out);
      this.session.giveBack(part);
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
  const from = x.dims.map((size, axis) => clamp(starts[axis] ?? outside(), size));
  const to = x.dims.map((size, axis) => Math.max(from[axis] ?? outside(), clamp(ends[axis] ?? size, size)));
  const dims = x.dims.map((_, axis) =>
    Math.ceil(((to[axis] ?? outside()) - (from[axis] ?? outside())) / (by[axis] ?? outside())),
  );
  if (sameDims(dims, x.dims)) return x;
  if (x instanceof Full) return full(x.session, x.elem, dims, x.value);
  if (x instanceof Slice && !(x.x instanceof Barrier)) {
    const inner = x;
    return slice(
      inner.x,
      from.map((at, axis) => (inner.starts[axis] ?? outside()) + at * (inner.steps[axis] ?? outside())),
      to.map((at, axis) =>
        Math.min(inner.ends[axis] ?? outside(), (inner.starts[axis] ?? outside()) + at * (inner.steps[axis] ?? outside())),
      ),
      by.map((step, axis) => step * (inner.steps[axis] ?? outside())),
    );
  }
  const below = operandOf(x);
  return x.session.intern(
    structureHash('slice', [x.id, ...from, ...to, ...by]),
    (found): found is Slice =>
      found instanceof Slice &&
      found.x === below &&
      sameDims(found.starts, from) &&
      sameDims(found.ends, to) &&
      sameDims(found.steps, by),
    () => new Slice(below, from, to, by, dims),
  );
}

class Concat extends Expr {
  readonly axis: number;
  readonly #rows: readonly { readonly part: Expr; readonly begin: number; readonly length: number }[];
  readonly #row: number;
  constructor(xs: readonly Expr[], axis: number, dims: readonly number[]) {
    super(at(xs, 0).session, 'concat', at(xs, 0).elem, dims, xs, { exact32: xs.every((x) => x.exact32) });
    this.axis = axis;
    const inner = elementCount(dims.slice(axis + 1));
    let begin = 0;
    this.#rows = xs.map((part) => {
      const length = inner * (part.dims[axis] ?? outside());
      const row = { part, begin, length };
      begin += length;
      return row;
    });
    this.#row = begin;
  }
  protected override identity(): string {
    return String(this.axis);
  }
  override copyIn(_session: Session, args: readonly WeightExpr[]): WeightExpr {
    return concat(args, this.axis);
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
    const data = this.session.borrow(high - low);
    return after(part.fill(low, data), () => {
      for (let at = low; at < high; ) {
        const size = Math.min(length - (at % length), high - at);
        const to = place(at);
        if (size >= 32) out.set(data.subarray(at - low, at - low + size), to);
        else for (let k = 0; k < size; k++) out[to + k] = data[at - low + k] ?? outside();
        at += size;
      }
      this.session.giveBack(data);
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
  const dims = first.dims.map((d, i) => (i === axis ? xs.reduce((sum, x) => sum + (x.dims[axis] ?? outside()), 0) : d));
  const value = uniformOf(first);
  if (value !== undefined && xs.every((x) => Object.is(uniformOf(x), value))) return full(first.session, first.elem, dims, value);
  const parts = xs.map(operandOf);
  return first.session.intern(
    structureHash('concat', [axis, ...xs.map((x) => x.id)]),
    (found): found is Concat => found instanceof Concat && found.axis === axis && found.isOf(parts),
    () => new Concat(parts, axis, dims),
  );
}

class Pad extends Expr {
  readonly x: Expr;
  readonly begins: readonly number[];
  readonly ends: readonly number[];
  readonly value: number;
  constructor(x: Expr, begins: readonly number[], ends: readonly number[], value: number, dims: readonly number[]) {
    super(x.session, 'pad', x.elem, dims, [x], {
      exact32: x.exact32 && Object.is(Math.fround(value), value),
    });
    this.x = x;
    this.begins = begins;
    this.ends = ends;
    this.value = value;
  }
  protected override identity(): string {
    return `${this.begins.join()}|${numberText(this.value)}`;
  }
  override copyIn(_session: Session, args: readonly WeightExpr[]): WeightExpr {
    return pad(at(args, 0), this.begins, this.ends, this.value);
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
      const size = this.dims[axis] ?? outside();
      coordinates[axis] = rest % size;
      rest = Math.floor(rest / size);
    }
    if (rest > 0) return this.x.count;
    let sum = 0;
    const strides = stridesOf(this.x.dims);
    for (let axis = 0; axis < rank; axis++) {
      const size = this.x.dims[axis] ?? outside();
      const within = (coordinates[axis] ?? outside()) - (this.begins[axis] ?? outside());
      sum += Math.min(size, Math.max(0, within)) * (strides[axis] ?? outside());
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
    const data = this.session.borrow(high - low);
    return after(this.x.fill(low, data), () => {
      const rank = this.dims.length;
      const inner = this.x.dims[rank - 1] ?? outside();
      const strides = stridesOf(this.dims);
      for (let at = low; at < high; ) {
        const within = at % inner;
        const run = Math.min(inner - within, high - at);
        let rest = (at - within) / inner;
        let to = within + (this.begins[rank - 1] ?? outside()) - start;
        for (let axis = rank - 2; axis >= 0; axis--) {
          const size = this.x.dims[axis] ?? outside();
          const coordinate = rest % size;
          to += (coordinate + (this.begins[axis] ?? outside())) * (strides[axis] ?? outside());
          rest = (rest - coordinate) / size;
        }
        for (let k = 0; k < run; k++) out[to + k] = data[at - low + k] ?? outside();
        at += run;
      }
      this.session.giveBack(data);
    });
  }
}

/** `value` around x: so many before and behind, per axis. */
export function pad(operand: WeightExpr, begins: readonly number[], ends: readonly number[], value = 0): WeightExpr {
  const x = own(operand);
  const rank = x.dims.length;
  if (begins.length !== rank || ends.length !== rank || [...begins, ...ends].some((n) => n < 0))
    bug(`pad of rank ${rank} by ${begins.join()} and ${ends.join()}`);
  const dims = x.dims.map((d, axis) => d + (begins[axis] ?? outside()) + (ends[axis] ?? outside()));
  if (sameDims(dims, x.dims)) return x;
  if (x.count === 0 || Object.is(uniformOf(x), value)) return full(x.session, x.elem, dims, value);
  const below = operandOf(x);
  return x.session.intern(
    structureHash('pad', [x.id, ...begins, ...ends], numberText(value)),
    (found): found is Pad =>
      found instanceof Pad &&
      found.x === below &&
      Object.is(found.value, value) &&
      sameDims(found.begins, begins) &&
      sameDims(found.ends, ends),
    () => new Pad(below, [...begins], [...ends], value, dims),
  );
}
