/** Names of data files: the same for the same bytes, however they come, and another for others. */
import { expect, test } from 'vitest';
import { BytesHash } from '../../src/codegen/node/bytes-hash.ts';

const content = Uint8Array.from({ length: 1003 }, (_, i) => (i * 2654435761) >>> 11);
const nameOf = (bytes: Uint8Array): string => new BytesHash(0, 0).add(bytes).hex();

/** In WebAssembly, from byte `place` of a room on. */
function nameInRoom(bytes: Uint8Array, place: number): string {
  const hash = new BytesHash(2, 65536);
  const [, room] = hash.rooms;
  if (!room) throw new Error('no room');
  room.fill(255);
  room.set(bytes, place);
  return hash.add(room.subarray(place, place + bytes.length)).hex();
}

/** Turns the highest bit of these bytes. */
function turned(bytes: Uint8Array, places: readonly number[]): void {
  for (const at of places) bytes[at] = (bytes[at] ?? 0) ^ 0x80;
}

test('is the same on every machine', () => {
  expect(nameOf(new Uint8Array())).toBe('093e59b1f3d89a05');
  expect(nameOf(content)).toBe('39cecc0858d789ce');
});

test.each([1, 3, 4, 15, 16, 63, 64, 65, 100, 200])('is the same for pieces of %d bytes', (size) => {
  for (const rooms of [0, 1]) {
    const hash = new BytesHash(rooms, size);
    const [room] = hash.rooms;
    for (let at = 0; at < content.length; at += size) {
      const piece = content.subarray(at, at + size);
      room?.set(piece);
      // A piece in the room, and every fourth elsewhere.
      hash.add(room && at % 4 !== 0 ? room.subarray(0, piece.length) : piece);
    }
    expect(hash.hex(), `${rooms} rooms`).toBe(nameOf(content));
  }
});

test('is the same in WebAssembly, wherever bytes lie and however many', () => {
  for (const place of [0, 1, 2, 3, 5, 64, 4096]) expect(nameInRoom(content, place)).toBe(nameOf(content));
  for (const length of [0, 1, 63, 64, 65, 127, 128, 640])
    expect(nameInRoom(content.subarray(0, length), 7), `${length} bytes`).toBe(nameOf(content.subarray(0, length)));
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
    changed((bytes) => turned(bytes, [3, 67])),
    changed((bytes) => turned(bytes, [3, 131])),
    changed((bytes) => bytes.set([...bytes.subarray(64, 128), ...bytes.subarray(0, 64)])),
    ...Array.from(content, (_, at) => changed((bytes) => (bytes[at] = (bytes[at] ?? 0) ^ 1))),
  ];
  expect(new Set(names).size).toBe(names.length);
  expect(names.every((name) => /^[0-9a-f]{16}$/.test(name))).toBe(true);
});
