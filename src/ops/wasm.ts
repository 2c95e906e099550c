/**
 * What is needed to write a small module of WebAssembly down in TypeScript (WebAssembly Core Specification 2.0, section 5, with
 * its vector instructions): a build step for a few loops would be larger than they are.
 */

interface Memory {
  readonly buffer: ArrayBufferLike;
}

/** The part of the JavaScript interface that is used; it belongs to neither the language nor to Node alone. */
interface WebAssemblyApi {
  validate(bytes: Uint8Array): boolean;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (
    module: object,
    imports?: Readonly<Record<string, Readonly<Record<string, object>>>>,
  ) => {
    readonly exports: object;
  };
  readonly Memory: new (limits: { readonly initial: number; readonly maximum: number; readonly shared: boolean }) => Memory;
}

declare const WebAssembly: WebAssemblyApi | undefined;

/** Undefined where there is no WebAssembly. */
export const webAssembly: WebAssemblyApi | undefined = typeof WebAssembly === 'undefined' ? undefined : WebAssembly;

export const pageBytes = 65536;

export type Code = readonly number[];

/** Unsigned LEB128. */
export function leb(n: number): Code {
  return n < 128 ? [n] : [(n & 127) | 128, ...leb(n >>> 7)];
}
export const vector = (items: readonly Code[]): Code => [...leb(items.length), ...items.flat()];
export const sized = (bytes: Code): Code => [...leb(bytes.length), ...bytes];
export const text = (name: string): Code => sized([...name].map((c) => c.charCodeAt(0)));
export const section = (id: number, entries: readonly Code[]): Code => [id, ...sized(vector(entries))];
/** The magic number and the version. */
export const preamble: Code = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];

export const i32 = 0x7f;
export const f64 = 0x7c;
export const v128 = 0x7b;

export const get = (local: number): Code => [0x20, local];
export const set = (local: number): Code => [0x21, local];
export const tee = (local: number): Code => [0x22, local];
export const const32 = (n: number): Code => [0x41, ...signedLeb(n)];
export const add32 = (n: number): Code => [...const32(n), 0x6a];
export const simd = (code: number, ...rest: Code): Code => [0xfd, ...leb(code), ...rest];
/** Alignment 1 and offset 0: what is loaded or stored begins anywhere. */
export const anywhere: Code = [0, 0];
/** The block around a loop ends it; `br_if 1` leaves, `br 0` goes round. */
export const loop = (leave: Code, body: Code): Code => [
  ...[0x02, 0x40, 0x03, 0x40],
  ...[...leave, 0x0d, 1],
  ...[...body, 0x0c, 0],
  ...[0x0b, 0x0b],
];

function signedLeb(n: number): Code {
  const low = n & 127;
  const rest = n >> 7;
  return rest === -(low >> 6) ? [low] : [low | 128, ...signedLeb(rest)];
}
