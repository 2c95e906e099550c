/**
 * Walking through a tensor piece by piece: a tensor of any size is computed in steps of `chunkElements`, in arrays that are used again, and a step
 * awaits only where a file has to be awaited.
 */

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

/** Scratch arrays by power of two, reused because a 1 GB model asks for 30,000 of them. */
const pool: Float64Array[][] = [];

export function borrow(count: number): Float64Array {
  const level = count <= 1 ? 0 : 32 - Math.clz32(count - 1);
  const free = pool[level]?.pop() ?? new Float64Array(2 ** level);
  return free.length === count ? free : free.subarray(0, count);
}

export function giveBack(array: Float64Array): void {
  const whole = array.byteOffset === 0 && array.byteLength === array.buffer.byteLength ? array : new Float64Array(array.buffer);
  if (whole.length > 4 * chunkElements) return;
  const level = whole.length <= 1 ? 0 : 32 - Math.clz32(whole.length - 1);
  let shelf = pool[level];
  if (!shelf) {
    shelf = [];
    pool[level] = shelf;
  }
  if (shelf.length < 8) shelf.push(whole);
}
