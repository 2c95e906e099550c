/**
 * What was met last, by a hash of its structure. What recurs from layer to layer is found again, and memory is bounded, because
 * everything is forgotten when there is too much of it: whoever asks must do without.
 */
export class Recent<T> {
  readonly #known = new Map<number, T>();
  readonly #most: number;

  constructor(most: number) {
    this.#most = most;
  }

  /** What was kept last under this hash, which may be of another structure. */
  get(hash: number): T | undefined {
    return this.#known.get(hash);
  }

  set(hash: number, made: T): void {
    if (this.#known.size >= this.#most) this.#known.clear();
    this.#known.set(hash, made);
  }
}
