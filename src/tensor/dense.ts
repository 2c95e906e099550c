/**
 * Operands that must be there whole, because a permutation or a product reads them in another order than they are computed in.
 */
import type { Expr } from './expr.ts';
import { after, chunked, type Dense, type Pending } from './pieces.ts';

/** Every element of x, which the session keeps for the next reader. */
export function dense(x: Expr): Dense | Promise<Dense> {
  const { session } = x;
  const kept = session.dense;
  const known = x.resident ?? kept.get(x);
  if (known) return known;
  const data = x.exact32 ? new Float32Array(x.count) : new Float64Array(x.count);
  const pending = chunked(x.count, (start, end) => {
    if (data instanceof Float64Array) return x.fill(start, data.subarray(start, end));
    const part = session.borrow(end - start);
    return after(x.fill(start, part), () => {
      data.set(part, start);
      session.giveBack(part);
    });
  });
  const keep = (): Dense => {
    if (kept.size >= 2) {
      for (const oldest of kept.keys()) {
        kept.delete(oldest);
        break;
      }
    }
    kept.set(x, data);
    return data;
  };
  return pending instanceof Promise ? pending.then(keep) : keep();
}

/**
 * Gives `use` every element of x. `done` says that the caller has reached its own end, so that x need not be kept for it.
 */
export function withDense(x: Expr, done: boolean, use: (data: Dense) => Pending): Pending {
  const data = dense(x);
  if (data instanceof Promise) return data.then((whole) => useDense(x, whole, done, use));
  return useDense(x, data, done, use);
}

function useDense(x: Expr, data: Dense, done: boolean, use: (data: Dense) => Pending): Pending {
  const pending = use(data);
  if (done) x.session.dense.delete(x);
  return pending;
}
