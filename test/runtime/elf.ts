/** Shared libraries of Linux that hold nothing but what they need, for tests of what looks for libraries. */

/**
 * A 64-bit ELF file with one loaded segment and a dynamic section. The segment's address is not its place in the file, as in real
 * ones.
 */
export function elfFile(needed: readonly string[], soName?: string): Uint8Array {
  const names = ['', ...needed, ...(soName === undefined ? [] : [soName])];
  const strings = new TextEncoder().encode(names.map((name) => `${name}\0`).join(''));
  const offsetOf = (name: string): bigint =>
    BigInt(names.slice(0, names.indexOf(name)).reduce((n, one) => n + one.length + 1, 0));
  const address = 0x10000n;
  const entries: (readonly [bigint, bigint])[] = needed.map((name) => [1n, offsetOf(name)]);
  if (soName !== undefined) entries.push([14n, offsetOf(soName)]);
  const dynamicAt = 64 + 2 * 56;
  const stringsAt = dynamicAt + (entries.length + 2) * 16;
  entries.push([5n, address + BigInt(stringsAt)], [0n, 0n]);
  const bytes = new Uint8Array(stringsAt + strings.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x7f454c46);
  view.setUint8(4, 2);
  view.setUint8(5, 1);
  view.setBigUint64(32, 64n, true);
  view.setUint16(54, 56, true);
  view.setUint16(56, 2, true);
  const segment = (i: number, type: number, at: number, length: number): void => {
    const start = 64 + i * 56;
    view.setUint32(start, type, true);
    view.setBigUint64(start + 8, BigInt(at), true);
    view.setBigUint64(start + 16, address + BigInt(at), true);
    view.setBigUint64(start + 32, BigInt(length), true);
  };
  segment(0, 1, 0, bytes.length);
  segment(1, 2, dynamicAt, entries.length * 16);
  entries.forEach(([tag, value], i) => {
    view.setBigUint64(dynamicAt + i * 16, tag, true);
    view.setBigUint64(dynamicAt + i * 16 + 8, value, true);
  });
  bytes.set(strings, stringsAt);
  return bytes;
}
