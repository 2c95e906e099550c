/** Hashes of structures, numbers and texts. Nothing is equal because its hash is: who finds by one compares. */
import { outside } from '../diagnostics/at.ts';

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
  /** The same of each, with the chains in registers. */
  words(list: Int32Array): this {
    let a = this.#a;
    let b = this.#b;
    for (let i = 0; i < list.length; i++) {
      const x = list[i] ?? outside();
      a = Math.imul(a ^ x, 0x01000193);
      a ^= a >>> 15;
      b = Math.imul(b + x, 0x85ebca6b) ^ a;
      b = (b << 13) | (b >>> 19);
    }
    this.#a = a;
    this.#b = b;
    return this;
  }
  string(s: string): this {
    for (let i = 0; i < s.length; i++) this.word(s.charCodeAt(i));
    return this.word(s.length);
  }
  hex(): string {
    return hexOf(Math.imul(this.#a, 0xc2b2ae35) ^ this.#b) + hexOf(this.#b);
  }
}

export function hashOfNumbers(data: Float64Array): string {
  return new Hasher().words(new Int32Array(data.buffer, data.byteOffset, data.length * 2)).hex();
}

/** A 32-bit hash of a structure: its kind, the numbers that it hangs on (sizes, ids of operands), and a text. */
export function structureHash(kind: string, numbers: readonly number[], text = ''): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < kind.length; i++) hash = Math.imul(hash ^ kind.charCodeAt(i), 0x01000193);
  for (let i = 0; i < numbers.length; i++) hash = Math.imul(hash ^ ((numbers[i] ?? outside()) | 0), 0x85ebca6b) + 0x9747b28c;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return hash ^ (hash >>> 13);
}

/** Puts a number into a 32-bit hash. */
export function mixed(hash: number, word: number): number {
  const h = Math.imul(hash ^ word, 0x9e3779b1);
  return h ^ (h >>> 15);
}

/** Every bit of a word on every bit of the result (MurmurHash3, `fmix32`). */
export function fmix32(word: number): number {
  let h = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** FNV-1a of texts one behind the other, 64 bits as two halves: names a text, no more. */
export class TextHash {
  #a = 0x811c9dc5;
  #b = 0xcbf29ce4;

  add(text: string): this {
    for (let i = 0; i < text.length; i++) {
      this.#a = Math.imul(this.#a ^ text.charCodeAt(i), 0x01000193);
      this.#b = Math.imul(this.#b ^ text.charCodeAt(i), 0x01000197);
    }
    return this;
  }

  /** 16 hex digits. */
  hex(): string {
    return hexOf(this.#a) + hexOf(this.#b);
  }
}

const hexOf = (x: number): string => (x >>> 0).toString(16).padStart(8, '0');
