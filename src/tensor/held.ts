/**
 * Operands that must be there whole, because a permutation or a product reads them in another order than they are computed in.
 */
import type { Expr } from './expr.ts';
import { after, chunked, type Held, type Pending } from './pieces.ts';

export function hold(x: Expr): Held | Promise<Held> {
  const { session } = x;
  const { held } = session;
  const known = x.resident ?? held.get(x);
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
  const keep = (): Held => {
    if (held.size >= 2) {
      for (const oldest of held.keys()) {
        held.delete(oldest);
        break;
      }
    }
    held.set(x, data);
    return data;
  };
  return pending instanceof Promise ? pending.then(keep) : keep();
}

/**
 * Gives `use` every element of x. `done` says that the caller has reached its own end, so that x need not be kept for it.
 */
export function withHeld(x: Expr, done: boolean, use: (data: Held) => Pending): Pending {
  const data = hold(x);
  if (data instanceof Promise) return data.then((whole) => useHeld(x, whole, done, use));
  return useHeld(x, data, done, use);
}

function useHeld(x: Expr, data: Held, done: boolean, use: (data: Held) => Pending): Pending {
  const pending = use(data);
  if (done) x.session.held.delete(x);
  return pending;
}
