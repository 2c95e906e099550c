/** How far long work is, for who waits for it: data that the work hands out, and nothing that it reads. */

/**
 * Called now and then with what is being done, and how much of how much of it is; `unit` is what is counted (`nodes`, `bytes`),
 * and empty where it is steps of no kind. The total may be an estimate, which grows.
 */
export type OnProgress = (what: string, done: number, total: number, unit: string) => void;

/** So many small pieces of work go by between two calls: looking at the clock costs more than most of them. */
const between = 64;

/** Says how many of `total` are done, at every so many of them. */
export function everySo(
  onProgress: OnProgress | undefined,
  what: string,
  total: number,
  unit: string,
): ((done: number) => void) | undefined {
  return onProgress && ((done) => (done % between === 0 || done === total ? onProgress(what, done, total, unit) : undefined));
}
