/** Names of files by what they hold. */
import { outside } from '../../diagnostics/at.ts';
import { fmix32, Hasher } from '../../ir/hash.ts';
import { littleEndian } from '../../ir/round.ts';
import {
  add32,
  const32,
  get,
  i32,
  leb,
  loop,
  pageBytes,
  preamble,
  section,
  set,
  simd,
  sized,
  tee,
  text,
  v128,
  vector,
  webAssembly,
} from '../../ops/wasm.ts';

/** Of words that are added to a chain, and of chains. */
const [wordFactor, chainFactor] = [0x85ebca77 | 0, 0x9e3779b1 | 0];
const turn = 13;
const chainCount = 16;
const blockBytes = 4 * chainCount;

/**
 * Names a file by its bytes: 64 bits of sixteen chains in the manner of xxHash32, each of which takes every sixteenth word. It is
 * no defence against anybody. In WebAssembly it takes a tenth of the time of a copy, because its chains wait for nobody.
 */
export class BytesHash {
  readonly #chains: Int32Array;
  readonly #kernel: Kernel | undefined;
  /** Bytes that make no whole block yet. */
  readonly #rest = new Uint8Array(blockBytes);
  #length = 0;

  /** Arrays of `size` bytes each: what lies in one is hashed where it lies, all else by JavaScript, to the same names. */
  readonly rooms: readonly Uint8Array[];

  constructor(rooms: number, size: number) {
    const kernel = rooms > 0 ? kernelFor(pageBytes + rooms * size) : undefined;
    this.#kernel = kernel;
    this.#chains = kernel ? new Int32Array(kernel.memory.buffer, 0, chainCount) : new Int32Array(chainCount);
    this.rooms = Array.from({ length: rooms }, (_, i) =>
      kernel ? new Uint8Array(kernel.memory.buffer, pageBytes + i * size, size) : new Uint8Array(size),
    );
  }

  add(bytes: Uint8Array): this {
    let at = 0;
    const held = this.#length % blockBytes;
    this.#length += bytes.length;
    if (held > 0) {
      at = Math.min(blockBytes - held, bytes.length);
      this.#rest.set(bytes.subarray(0, at), held);
      if (held + at < blockBytes) return this;
      this.#mix(this.#rest);
    }
    const whole = at + Math.floor((bytes.length - at) / blockBytes) * blockBytes;
    this.#mix(bytes.subarray(at, whole));
    this.#rest.set(bytes.subarray(whole));
    return this;
  }

  /** 16 hex digits. Nothing is added behind it. */
  hex(): string {
    const held = this.#length % blockBytes;
    if (held > 0) this.#mix(this.#rest.fill(0, held));
    const hasher = new Hasher();
    for (const chain of this.#chains) hasher.word(fmix32(chain));
    return hasher
      .word((this.#length % 2 ** 32) | 0)
      .word(Math.floor(this.#length / 2 ** 32))
      .hex();
  }

  /** Whole blocks. */
  #mix(bytes: Uint8Array): void {
    if (this.#kernel && bytes.buffer === this.#kernel.memory.buffer) {
      this.#kernel.mix(bytes.byteOffset, bytes.byteOffset + bytes.length);
      return;
    }
    const words = littleWords(bytes);
    const chains = this.#chains;
    for (let i = 0; i < words.length; i++) {
      const at = i % chainCount;
      const sum = ((chains[at] ?? outside()) + Math.imul(words[i] ?? outside(), wordFactor)) | 0;
      chains[at] = Math.imul((sum << turn) | (sum >>> (32 - turn)), chainFactor);
    }
  }
}

/** Little-endian words, on every machine. */
function littleWords(bytes: Uint8Array): Int32Array {
  if (littleEndian && bytes.byteOffset % 4 === 0) return new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Int32Array.from({ length: bytes.length / 4 }, (_, i) => view.getInt32(4 * i, true));
}

interface Kernel {
  readonly memory: { readonly buffer: ArrayBuffer };
  /** Mixes the whole blocks of bytes [from, to) into the chains, which lie at the beginning of the memory. */
  mix(from: number, to: number): void;
}

/** Undefined where there is no WebAssembly, or none with vectors. */
function kernelFor(bytes: number): Kernel | undefined {
  const code = moduleBytes(Math.ceil(bytes / pageBytes));
  if (!webAssembly?.validate(code)) return undefined;
  return new webAssembly.Instance(new webAssembly.Module(code)).exports as Kernel;
}

function mixCode(): readonly number[] {
  const [from, to, wordFactors, chainFactors] = [0, 1, 2, 3];
  const chains = [4, 5, 6, 7];
  const [load, store, splat, add, mul, left, right, or] = [0, 11, 17, 0xae, 0xb5, 0xab, 0xad, 0x50];
  const at = (chain: number): readonly [number, number] => [0, 16 * (chain - 4)];
  return [
    ...vector([[6, v128]]),
    ...[
      ...const32(wordFactor),
      ...simd(splat),
      ...set(wordFactors),
      ...const32(chainFactor),
      ...simd(splat),
      ...set(chainFactors),
    ],
    ...chains.flatMap((chain) => [...const32(0), ...simd(load, ...at(chain)), ...set(chain)]),
    ...loop(
      [...get(from), ...get(to), 0x4f],
      [
        ...chains.flatMap((chain) => [
          ...[...get(from), ...simd(load, ...at(chain)), ...get(wordFactors), ...simd(mul)],
          ...[...get(chain), ...simd(add), ...tee(chain), ...const32(turn), ...simd(left)],
          ...[...get(chain), ...const32(32 - turn), ...simd(right), ...simd(or)],
          ...[...get(chainFactors), ...simd(mul), ...set(chain)],
        ]),
        ...[...get(from), ...add32(blockBytes), ...set(from)],
      ],
    ),
    ...chains.flatMap((chain) => [...const32(0), ...get(chain), ...simd(store, ...at(chain))]),
    0x0b,
  ];
}

/** Types, functions, one memory of a fixed size, exports, code. */
function moduleBytes(count: number): Uint8Array {
  const pages = leb(count);
  return Uint8Array.from([
    ...preamble,
    ...section(1, [[0x60, ...vector([[i32], [i32]]), ...vector([])]]),
    ...section(3, [[0]]),
    ...section(5, [[1, ...pages, ...pages]]),
    ...section(7, [
      [...text('memory'), 2, 0],
      [...text('mix'), 0, 0],
    ]),
    ...section(10, [sized(mixCode())]),
  ]);
}
