/**
 * What the readers of a value say of its type. Where the producer of x is unknown, or an input has open sizes, `Conv(x, W)` still says the rank of x
 * and its channels: a file in which they differ does not run. What readers said is kept from one attempt of the import to the next, because
 * it may be said after other readers had to do without.
 */
import type { ElemType } from '../ir/types.ts';

/** Attempts after which the rest stays open; each one learns from all before. */
export const mostAttempts = 8;

export interface KnownRank {
  readonly rank: number;
  /** Absent where the element type was known. */
  readonly elem: ElemType | undefined;
}

export class Pins {
  readonly #sizes = new Map<string, number>();
  readonly #ranks = new Map<string, KnownRank>();
  /** Something was learnt in this attempt. */
  learnt = false;

  /** `place` names a size for good: a value's axis by the value's name, or a dimension's name. The first reader is believed. */
  pinSize(place: string, size: number): void {
    if (this.#sizes.has(place)) return;
    this.#sizes.set(place, size);
    this.learnt = true;
  }

  pinRank(value: string, known: KnownRank): void {
    if (this.#ranks.has(value)) return;
    this.#ranks.set(value, known);
    this.learnt = true;
  }

  sizeAt(place: string): number | undefined {
    return this.#sizes.get(place);
  }

  rankOf(value: string): KnownRank | undefined {
    return this.#ranks.get(value);
  }
}
