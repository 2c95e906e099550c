/**
 * Walking through a tensor piece by piece: a tensor of any size is computed in steps of `chunkElements`, and a step awaits
 * only where a file has to be awaited.
 */

/** A whole tensor; as float32 where every element is one. */
export type Dense = Float64Array | Float32Array;

/** What `fill` returns: a promise only where a file has to be awaited. */
export type Pending = void | Promise<void>;

/**
 * Elements per step wherever a tensor is walked through: 256 KiB of float64, so that a few of them stay in the second-level
 * cache.
 */
export const chunkElements = 32768;

export function after(first: Pending, then: () => Pending): Pending {
  return first instanceof Promise ? first.then(then) : then();
}

/** Runs `step` over [0, total) in chunks, awaiting only where a step returns a promise. */
export function chunked(total: number, step: (start: number, end: number) => Pending, from = 0): Pending {
  for (let start = from; start < total; start += chunkElements) {
    const pending = step(start, Math.min(total, start + chunkElements));
    if (pending instanceof Promise) return pending.then(() => chunked(total, step, start + chunkElements));
  }
  return undefined;
}
