/** Names of files by what they hold. */
import { outside } from '../diagnostics/at.ts';
import { fmix32, Hasher } from './hash.ts';
import { littleEndian } from './round.ts';

/**
 * Names a file by its bytes: 64 bits of four chains in the manner of xxHash32, each of which takes every fourth word. It is no
 * defence against anybody, and takes an eighth of the time of SHA-256 where the processor has no instructions for that.
 */
export class BytesHash {
  readonly #chains = new Int32Array(4);
  /** Bytes that make no whole block yet. */
  readonly #rest = new Uint8Array(16);
  #length = 0;

  add(bytes: Uint8Array): this {
    let at = 0;
    const held = this.#length % 16;
    this.#length += bytes.length;
    if (held > 0) {
      at = Math.min(16 - held, bytes.length);
      this.#rest.set(bytes.subarray(0, at), held);
      if (held + at < 16) return this;
      this.#mix(this.#rest);
    }
    const whole = at + Math.floor((bytes.length - at) / 16) * 16;
    this.#mix(bytes.subarray(at, whole));
    this.#rest.set(bytes.subarray(whole));
    return this;
  }

  /** 16 hex digits. Nothing is added behind it. */
  hex(): string {
    const held = this.#length % 16;
    if (held > 0) this.#mix(this.#rest.fill(0, held));
    const hasher = new Hasher();
    for (const chain of this.#chains) hasher.word(fmix32(chain));
    return hasher
      .word((this.#length % 2 ** 32) | 0)
      .word(Math.floor(this.#length / 2 ** 32))
      .hex();
  }

  /** Whole blocks of 16 bytes. */
  #mix(bytes: Uint8Array): void {
    const words = littleWords(bytes);
    const chains = this.#chains;
    let [a = 0, b = 0, c = 0, d = 0] = chains;
    for (let i = 0; i + 3 < words.length; i += 4) {
      a = (a + Math.imul(words[i] ?? outside(), 0x85ebca77)) | 0;
      a = Math.imul((a << 13) | (a >>> 19), 0x9e3779b1);
      b = (b + Math.imul(words[i + 1] ?? outside(), 0x85ebca77)) | 0;
      b = Math.imul((b << 13) | (b >>> 19), 0x9e3779b1);
      c = (c + Math.imul(words[i + 2] ?? outside(), 0x85ebca77)) | 0;
      c = Math.imul((c << 13) | (c >>> 19), 0x9e3779b1);
      d = (d + Math.imul(words[i + 3] ?? outside(), 0x85ebca77)) | 0;
      d = Math.imul((d << 13) | (d >>> 19), 0x9e3779b1);
    }
    chains.set([a, b, c, d]);
  }
}

/** Little-endian words, on every machine. */
function littleWords(bytes: Uint8Array): Int32Array {
  if (littleEndian && bytes.byteOffset % 4 === 0) return new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Int32Array.from({ length: bytes.length / 4 }, (_, i) => view.getInt32(4 * i, true));
}
