/**
 * A set of small whole numbers, in a byte each: a `Set` of the constants of a deep network is most of what a count over it
 * allocates.
 */
export class IdSet {
  #seen = new Uint8Array(1024);

  /** Whether it was not in the set yet. */
  add(id: number): boolean {
    if (id >= this.#seen.length) {
      const wider = new Uint8Array(2 * id);
      wider.set(this.#seen);
      this.#seen = wider;
    }
    const isNew = this.#seen[id] === 0;
    this.#seen[id] = 1;
    return isNew;
  }
}
