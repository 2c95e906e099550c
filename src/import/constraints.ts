/**
 * What the readers of a value say of its type. Where the producer of x is unknown, or an input has open sizes, `Conv(x, W)` still
 * says the rank of x and its channels: a file in which they differ does not run. What a reader said is kept, and the import goes
 * back to where the value is made.
 *
 * Only a reader that runs whenever the value is made may say anything of it. A body of an If, Loop or Scan may not run at all, so
 * that what stands in it speaks for values of that body alone, and a node whose results reach no output need not run anywhere.
 */
import type { ElemType } from '../ir/types.ts';

export interface KnownRank {
  readonly rank: number;
  /** Absent where the element type was known. */
  readonly elem: ElemType | undefined;
}

/** Where a size or a rank stands, by a key that is the same whenever the node is imported. */
export interface Place {
  readonly key: string;
  /** The graph or body whose every run makes the value. */
  readonly body: object;
  /** Of the trail, in front of what hangs on it. */
  readonly mark: number;
}

/** A reader of a value: where it runs, and how messages name it. */
export interface Reader {
  readonly body: object;
  /** Something that is made with it reaches an output of its graph. */
  readonly live: boolean;
  readonly name: string;
}

interface Constraint<T> {
  readonly of: T;
  readonly by: string;
}

export class Constraints {
  readonly #sizes = new Map<string, Constraint<number>>();
  readonly #ranks = new Map<string, Constraint<KnownRank>>();
  #earliest: number | undefined;
  /** Nothing more is learnt: what is open stays so. */
  closed = false;

  /** The first reader is believed. */
  size(place: Place, size: number, reader: Reader): void {
    this.#learn(this.#sizes, place, size, reader);
  }

  rank(place: Place, known: KnownRank, reader: Reader): void {
    this.#learn(this.#ranks, place, known, reader);
  }

  #learn<T>(known: Map<string, Constraint<T>>, { key, body, mark }: Place, of: T, reader: Reader): void {
    if (this.closed || reader.body !== body || !reader.live || known.has(key)) return;
    known.set(key, { of, by: reader.name });
    this.#earliest = Math.min(mark, this.#earliest ?? mark);
  }

  /** The mark of the earliest place of which something was learnt since this was last asked. */
  takeEarliest(): number | undefined {
    const mark = this.#earliest;
    this.#earliest = undefined;
    return mark;
  }

  sizeAt(key: string): number | undefined {
    return this.#sizes.get(key)?.of;
  }

  rankOf(key: string): KnownRank | undefined {
    return this.#ranks.get(key)?.of;
  }

  /** The readers that a size or a rank was said by. */
  saidBy(key: string): string | undefined {
    return (this.#sizes.get(key) ?? this.#ranks.get(key))?.by;
  }
}
