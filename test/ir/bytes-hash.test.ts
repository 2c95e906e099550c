/** Names of data files: the same for the same bytes, however they come, and another for others. */
import { expect, test } from 'vitest';
import { BytesHash } from '../../src/ir/bytes-hash.ts';

const content = Uint8Array.from({ length: 1003 }, (_, i) => (i * 2654435761) >>> 11);
const nameOf = (bytes: Uint8Array): string => new BytesHash().add(bytes).hex();

/** Turns the highest bit of these bytes. */
function turned(bytes: Uint8Array, places: readonly number[]): void {
  for (const at of places) bytes[at] = (bytes[at] ?? 0) ^ 0x80;
}

test('is the same on every machine', () => {
  expect(nameOf(new Uint8Array())).toBe('5c5c5d5c4e1156e3');
  expect(nameOf(content)).toBe('c38e78ec688029b6');
});

test.each([1, 3, 4, 15, 16, 17, 31, 100])('is the same for pieces of %d bytes', (size) => {
  const hash = new BytesHash();
  for (let at = 0; at < content.length; at += size) hash.add(content.subarray(at, at + size));
  expect(hash.hex()).toBe(nameOf(content));
});

test('is another for a byte more, a byte that is another, and words that are exchanged or have other signs', () => {
  const changed = (change: (bytes: Uint8Array) => void): string => {
    const bytes = content.slice();
    change(bytes);
    return nameOf(bytes);
  };
  const names = [
    nameOf(content),
    nameOf(Uint8Array.from([...content, 0])),
    nameOf(content.subarray(1)),
    // The signs of floats in one chain, which multiplying alone never moves.
    changed((bytes) => turned(bytes, [3, 19])),
    changed((bytes) => turned(bytes, [3, 35])),
    changed((bytes) => bytes.copyWithin(0, 16, 32).copyWithin(16, 0, 16)),
    ...Array.from(content, (_, at) => changed((bytes) => (bytes[at] = (bytes[at] ?? 0) ^ 1))),
  ];
  expect(new Set(names).size).toBe(names.length);
  expect(names.every((name) => /^[0-9a-f]{16}$/.test(name))).toBe(true);
});
