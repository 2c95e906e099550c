/** Expressions of any depth, though filling one recurses into its operands. */
import { at } from '../diagnostics/at.ts';
import { bug } from '../diagnostics/diagnostic.ts';
import { structureHash } from '../ir/hash.ts';
import { dense } from './dense.ts';
import { Expr, own, residentLimit, type WeightExpr } from './expr.ts';
import { after, type Dense, type Pending } from './pieces.ts';
import type { Session } from './session.ts';

const depthLimit = 200;

/**
 * Stands between the upper and the lower part of an expression so deep that filling it would overflow the stack. What lies below
 * is computed whole, lowest barrier first, and kept until the reader has passed its end.
 */
export class Barrier extends Expr {
  readonly inner: Expr;
  data: Dense | undefined;
  readonly #innerHash: string;
  constructor(inner: Expr) {
    super(inner.session, 'barrier', inner.elem, inner.dims, [], {
      sync: inner.sync,
      exact32: inner.exact32,
      size: inner.size,
    });
    this.inner = inner;
    // Asked for at once, lowest barrier first, which bounds the recursion of a later question.
    this.#innerHash = inner.hash;
  }
  protected override identity(): string {
    return this.#innerHash;
  }
  override get below(): readonly Expr[] {
    return [this.inner];
  }
  override copyIn(_session: Session, args: readonly WeightExpr[]): WeightExpr {
    return at(args, 0);
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
        const data = barrier && dense(barrier.inner);
        if (data instanceof Promise) {
          return data.then((whole) => {
            if (barrier) barrier.data = whole;
            return run(i + 1);
          });
        }
        if (barrier) barrier.data = data;
      }
      return undefined;
    };
    return after(run(0), () => {
      for (const barrier of order) {
        this.session.dense.delete(barrier.inner);
        if (barrier !== this && barrier.count > residentLimit) barrier.data = undefined;
      }
    });
  }
}

export function operandOf(x: WeightExpr): Expr {
  const expr = own(x);
  if (expr.depth < depthLimit) return expr;
  return expr.session.intern(
    structureHash('barrier', [expr.id]),
    (found): found is Barrier => found instanceof Barrier && found.inner === expr,
    () => new Barrier(expr),
  );
}
