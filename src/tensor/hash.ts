/** Hashes of structures and numbers. */

/**
 * 64 bits as 16 hex digits, from two 32-bit FNV-like chains; only names and buckets hang on it, equality is always compared in
 * full.
 */
export class Hasher {
  #a = 0x811c9dc5;
  #b = 0x9747b28c;
  word(x: number): this {
    this.#a = Math.imul(this.#a ^ x, 0x01000193);
    this.#a ^= this.#a >>> 15;
    this.#b = Math.imul(this.#b + x, 0x85ebca6b) ^ this.#a;
    this.#b = (this.#b << 13) | (this.#b >>> 19);
    return this;
  }
  string(s: string): this {
    for (let i = 0; i < s.length; i++) this.word(s.charCodeAt(i));
    return this.word(s.length);
  }
  hex(): string {
    const hex = (x: number): string => (x >>> 0).toString(16).padStart(8, '0');
    return hex(Math.imul(this.#a, 0xc2b2ae35) ^ this.#b) + hex(this.#b);
  }
}

export function hashOfNumbers(data: Float64Array): string {
  const words = new Int32Array(data.buffer, data.byteOffset, data.length * 2);
  const hasher = new Hasher();
  for (const word of words) hasher.word(word);
  return hasher.hex();
}
