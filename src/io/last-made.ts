/** Bytes that are made whole from what a file says (inflated, decoded, made dense) and then asked for piece by piece. */

/**
 * The one piece that was made last, of all that the readers of one file make: tensors are pulled one after another, so that one
 * is enough, and what another file's readers make does not drive it out.
 */
export class LastMade {
  #owner: object | undefined;
  #bytes: Uint8Array | undefined;

  /** What was kept for this owner, if nothing was kept for another one since. */
  of(owner: object): Uint8Array | undefined {
    return this.#owner === owner ? this.#bytes : undefined;
  }

  keep(owner: object, bytes: Uint8Array): Uint8Array {
    this.#owner = owner;
    this.#bytes = bytes;
    return bytes;
  }
}
