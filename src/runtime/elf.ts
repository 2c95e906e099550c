/** What a shared library of Linux needs: the names of `DT_NEEDED` in its dynamic section (System V ABI, gABI chapter 5). */
import { closeSync, openSync, readSync } from 'node:fs';

const dynamicSegment = 2;
const loadSegment = 1;
const needed = 1n;
const stringTable = 5n;
const soName = 14n;

export interface Dynamic {
  readonly needed: readonly string[];
  readonly soName: string | undefined;
}

/** Undefined for what is no 64-bit little-endian ELF file, or is cut short. Reads the tables alone, not the file. */
export function readDynamic(path: string): Dynamic | undefined {
  const file = openSync(path, 'r');
  try {
    const at = (position: bigint, length: number): DataView => {
      const bytes = new Uint8Array(length);
      const read = readSync(file, bytes, 0, length, position);
      return new DataView(bytes.buffer, 0, read);
    };
    const head = at(0n, 64);
    if (head.getUint32(0) !== 0x7f454c46 || head.getUint8(4) !== 2 || head.getUint8(5) !== 1) return undefined;
    const size = head.getUint16(54, true);
    const count = head.getUint16(56, true);
    const table = at(head.getBigUint64(32, true), size * count);
    const segments = Array.from({ length: count }, (_, i) => ({
      type: table.getUint32(i * size, true),
      offset: table.getBigUint64(i * size + 8, true),
      address: table.getBigUint64(i * size + 16, true),
      length: table.getBigUint64(i * size + 32, true),
    }));
    const dynamic = segments.find((segment) => segment.type === dynamicSegment);
    if (!dynamic) return { needed: [], soName: undefined };
    const entries = at(dynamic.offset, Number(dynamic.length));
    const names: bigint[] = [];
    let own: bigint | undefined;
    let strings = 0n;
    for (let i = 0; i + 16 <= entries.byteLength; i += 16) {
      const tag = entries.getBigUint64(i, true);
      const value = entries.getBigUint64(i + 8, true);
      if (tag === 0n) break;
      if (tag === needed) names.push(value);
      if (tag === stringTable) strings = value;
      if (tag === soName) own = value;
    }
    // The table holds addresses; the segment that is loaded there says where in the file they are.
    const holder = segments.find((s) => s.type === loadSegment && strings >= s.address && strings < s.address + s.length);
    if (!holder) return undefined;
    const start = strings - holder.address + holder.offset;
    const text = (offset: bigint): string => {
      const view = at(start + offset, 256);
      const bytes = new Uint8Array(view.buffer, 0, view.byteLength);
      const end = bytes.indexOf(0);
      return new TextDecoder().decode(bytes.subarray(0, end < 0 ? undefined : end));
    };
    return { needed: names.map(text), soName: own === undefined ? undefined : text(own) };
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  } finally {
    closeSync(file);
  }
}
