/**
 * What an input may cost. Whatever grows faster than the bytes that ask for it (repetition, calls, references, containers of one
 * byte) is paid for out of a budget before it is made, so that time and memory follow from the size of the input and not from
 * what it claims.
 */

/** Is spent down to nothing; what then happens is `over`, which does not return. */
export class Budget {
  readonly limit: number;
  readonly #over: (budget: Budget) => never;
  #spent = 0;

  constructor(limit: number, over: (budget: Budget) => never) {
    this.limit = limit;
    this.#over = over;
  }

  get left(): number {
    return this.limit - this.#spent;
  }

  /** Costs are estimates from above: a wrong one may refuse too early, but never lets an input run away. */
  spend(cost: number): void {
    this.#spent += cost;
    if (this.#spent > this.limit) this.#over(this);
  }
}

/** Estimates of what V8 keeps for things, in bytes; making one takes about as many nanoseconds. */
export const costOf = {
  /** A number or a reference in an array. */
  item: 8,
  /** An entry of a map or set: key, value, and its place in the table. */
  entry: 48,
  /** An object with a few fields, an array without its items, a text without its characters. */
  object: 96,
  /** A map or set without its entries, an object whose names only the input knows. */
  map: 256,
} as const;

const least = 32 * 2 ** 20;
const most = 320 * 2 ** 20;

/**
 * Bytes of memory that the structure of an input of `size` bytes may take: names, containers, nodes, everything but the numbers
 * of tensors. A real file takes some 20 for each of its own; at the most, a process that reads it stays below 1 GB.
 */
export function structureBudget(size: number): number {
  return Math.min(most, least + 32 * size);
}
