/** A table of objects by a hash of their structure, at a third of the room that a `Map` takes. */

import { outside } from '../diagnostics/at.ts';

const firstPlaces = 64;

export class InternTable<T extends object> {
  #size = 0;
  /** Open addressing: an object lies at the place that its hash says, or at the next free one behind. */
  #objects: (T | undefined)[] = new Array(firstPlaces).fill(undefined);
  #hashes = new Int32Array(firstPlaces);

  /** The object with this hash that is what `same` asks for. */
  find<S extends T>(hash: number, same: (found: T) => found is S): S | undefined {
    const mask = this.#hashes.length - 1;
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const found = this.#objects[at];
      if (found === undefined) return undefined;
      if (this.#hashes[at] === (hash | 0) && same(found)) return found;
    }
  }

  /** Adds what `find` has not found. */
  add(hash: number, made: T): void {
    if (3 * this.#size >= 2 * this.#hashes.length) this.#rebuild(2 * this.#hashes.length);
    this.#put(hash, made);
    this.#size++;
  }

  /** Forgets what is none of these. */
  keep(wanted: (one: T) => boolean): void {
    const objects = this.#objects;
    let size = 0;
    for (let at = 0; at < objects.length; at++) {
      const one = objects[at];
      if (one === undefined) continue;
      if (wanted(one)) size++;
      else objects[at] = undefined;
    }
    let places = firstPlaces;
    while (3 * size >= 2 * places) places *= 2;
    this.#rebuild(places);
    this.#size = size;
  }

  #put(hash: number, made: T): void {
    const mask = this.#hashes.length - 1;
    let at = hash & mask;
    while (this.#objects[at] !== undefined) at = (at + 1) & mask;
    this.#objects[at] = made;
    this.#hashes[at] = hash;
  }

  #rebuild(places: number): void {
    const objects = this.#objects;
    const hashes = this.#hashes;
    this.#objects = new Array(places).fill(undefined);
    this.#hashes = new Int32Array(places);
    for (let at = 0; at < objects.length; at++) {
      const one = objects[at];
      if (one !== undefined) this.#put(hashes[at] ?? outside(), one);
    }
  }
}
