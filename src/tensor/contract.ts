/** Operations that add up elements: matrix products and sums over axes. */

import { at, outside } from '../diagnostics/at.ts';
import { bug } from '../diagnostics/diagnostic.ts';
import { listText } from '../ir/content-text.ts';
import { structureHash } from '../ir/hash.ts';
import { stridesOf } from '../ops/common.ts';
import { operandOf } from './barrier.ts';
import { withDense } from './dense.ts';
import { Expr, own, type WeightExpr } from './expr.ts';
import { full } from './leaves.ts';
import { reshape } from './movement.ts';
import { after, chunked, type Pending } from './pieces.ts';
import type { Session } from './session.ts';
import { offsetAt, sameDims, walkOf } from './walk.ts';

class Matmul extends Expr {
  readonly #a: Expr;
  readonly #b: Expr;
  constructor(a: Expr, b: Expr) {
    super(a.session, 'matmul', a.elem, [a.dims[0] ?? outside(), b.dims[1] ?? outside()], [a, b]);
    this.#a = a;
    this.#b = b;
  }
  override copyIn(_session: Session, args: readonly WeightExpr[]): WeightExpr {
    return matmul(at(args, 0), at(args, 1));
  }
  protected override write(): string {
    return `matmul(${this.#a.text()}, ${this.#b.text()})`;
  }
  protected override compute(start: number, out: Float64Array): Pending {
    const inner = this.#a.dims[1] ?? outside();
    const columns = this.dims[1] ?? outside();
    const firstRow = Math.floor(start / columns);
    const lastRow = Math.floor((start + out.length - 1) / columns);
    return withDense(this.#b, start + out.length === this.count, (b) => {
      out.fill(0);
      const row = this.session.borrow(inner);
      const run = (from: number): Pending => {
        for (let r = from; r <= lastRow; r++) {
          const pending = after(this.#a.fill(r * inner, row), () => {
            const low = Math.max(start, r * columns);
            const high = Math.min(start + out.length, (r + 1) * columns);
            const to = low - start;
            const n = high - low;
            const skip = low - r * columns;
            for (let k = 0; k < inner; k++) {
              const x = row[k] ?? outside();
              const base = k * columns + skip;
              for (let j = 0; j < n; j++) out[to + j] = (out[to + j] ?? outside()) + x * (b[base + j] ?? outside());
            }
          });
          if (pending instanceof Promise) return pending.then(() => run(r + 1));
        }
        this.session.giveBack(row);
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
  if (a.dims[1] === 0) return full(a.session, a.elem, [a.dims[0] ?? outside(), b.dims[1] ?? outside()], 0);
  const operands = [operandOf(a), operandOf(b)] as const;
  return a.session.intern(
    structureHash('matmul', [a.id, b.id]),
    (found): found is Matmul => found instanceof Matmul && found.isOf(operands),
    () => new Matmul(...operands),
  );
}

class ReduceSum extends Expr {
  readonly x: Expr;
  readonly axes: readonly number[];
  readonly keepdims: boolean;
  /** Sums are kept until the reader has passed their end, because each needs elements from all over x. */
  #sums: Float64Array | undefined;
  constructor(x: Expr, axes: readonly number[], keepdims: boolean, dims: readonly number[]) {
    super(x.session, 'reduce_sum', x.elem, dims, [x]);
    this.x = x;
    this.axes = axes;
    this.keepdims = keepdims;
  }
  protected override identity(): string {
    return this.axes.join();
  }
  override copyIn(_session: Session, args: readonly WeightExpr[]): WeightExpr {
    return reduceSum(at(args, 0), this.axes, this.keepdims);
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
    const inner = stridesOf(kept);
    // Where each element of x goes is itself a walk over x's shape, with stride 0 along what is summed.
    const target = walkOf(
      this.x.dims,
      kept.map((_, axis) => (this.axes.includes(axis) ? 0 : (inner[axis] ?? outside()))),
    );
    const { sizes, strides } = target;
    const outer = sizes.length - 1;
    const run = sizes[outer] ?? outside();
    const step = strides[outer] ?? outside();
    return after(
      chunked(this.x.count, (start, end) => {
        const part = this.session.borrow(end - start);
        return after(this.x.fill(start, part), () => {
          for (let at = start; at < end; ) {
            const within = at % run;
            const n = Math.min(run - within, end - at);
            let to = offsetAt(target, at);
            if (step === 0) {
              let sum = sums[to] ?? outside();
              for (let k = 0; k < n; k++) sum += part[at - start + k] ?? outside();
              sums[to] = sum;
            } else {
              for (let k = 0; k < n; k++) {
                sums[to] = (sums[to] ?? outside()) + (part[at - start + k] ?? outside());
                to += step;
              }
            }
            at += n;
          }
          this.session.giveBack(part);
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
  if (x.count === 0) return full(x.session, x.elem, dims, 0);
  const below = operandOf(x);
  return x.session.intern(
    structureHash('reduce_sum', [x.id, ...over, keepdims ? 1 : 0]),
    (found): found is ReduceSum =>
      found instanceof ReduceSum && found.x === below && found.keepdims === keepdims && sameDims(found.axes, over),
    () => new ReduceSum(below, over, keepdims, dims),
  );
}
