/** Sums of many dimensions. */
import { Dim, unlessOverflow } from './dim.ts';

/** Adds up costs. Partial sums of dimensions would all be interned, so that equal summands are counted instead. */
export class Tally {
  #plain = 0;
  #overflow = false;
  readonly #symbolic = new Map<Dim, number>();

  /** What is undefined is too large, and so is its sum. */
  add(cost: Dim | undefined): void {
    const n = cost?.constant;
    if (!cost) this.#overflow = true;
    else if (n !== undefined) this.#plain += n;
    else this.#symbolic.set(cost, (this.#symbolic.get(cost) ?? 0) + 1);
  }

  /** Undefined beyond 2^53. */
  get total(): Dim | undefined {
    if (this.#overflow) return undefined;
    return unlessOverflow(() => {
      let sum = Dim.of(this.#plain);
      for (const [cost, count] of this.#symbolic) sum = sum.plus(cost.times(count));
      return sum;
    });
  }
}
