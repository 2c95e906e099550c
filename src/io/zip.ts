/**
 * Zip archives by their central directory: stored entries are spans of the file, deflated ones are inflated when they are read.
 * Nothing in the archive is believed before it is compared with the file's size. Source: PKWARE APPNOTE 6.3.10, with zip64.
 */

import { Inflate } from 'fflate';
import { Budget, structureBudget } from '../diagnostics/budget.ts';
import { damagedZip } from '../diagnostics/catalogue/weights.ts';
import { fail } from '../diagnostics/diagnostic.ts';
import { type ByteSource, readSpan, spanSource, u64At, utf8, viewOf } from './bytes.ts';
import { LastMade } from './last-made.ts';

export interface ZipEntry {
  readonly name: string;
  /** Bytes once inflated. */
  readonly size: number;
  readonly bytes: ByteSource;
  /** The first bytes, at most `length`, without inflating the rest. */
  head(length: number): Promise<Uint8Array>;
}

const entryLimit = 1_000_000;
const directoryLimit = 256 * 1024 * 1024;
const inflatedLimit = 4294967296;
/** Deflate cannot do better than 258 bytes in 2 bits. */
const bestRatio = 1032;

interface Record {
  readonly name: string;
  readonly method: number;
  readonly packed: number;
  readonly size: number;
  readonly local: number;
}

/** Whether these first bytes are an archive's: those of its first entry, or of the directory of an empty one. */
export function isZip(head: Uint8Array): boolean {
  const magic = head.length < 4 ? 0 : viewOf(head).getUint32(0, false);
  return magic === 0x504b0304 || magic === 0x504b0506;
}

/** Reads the directory. Throws RES0507 for anything unsafe or unsound, RES0501 for what lies outside of the file. */
export async function openZip(source: ByteSource): Promise<ReadonlyMap<string, ZipEntry>> {
  const bad = (found: string, expected: string): never => fail(damagedZip, { with: { file: source.name, found, expected } });
  const tailLength = Math.min(source.size, 65557);
  const tailStart = source.size - tailLength;
  const tail = await readSpan(source, tailStart, tailLength, 'the end of the archive');
  const view = viewOf(tail);
  let at = tailLength - 22;
  while (at >= 0 && !(view.getUint32(at, true) === 0x06054b50 && at + 22 + view.getUint16(at + 20, true) === tailLength)) at--;
  if (at < 0) bad('no directory at its end', 'a whole archive; this one is cut off or has something behind it');
  let count = view.getUint16(at + 10, true);
  let directorySize = view.getUint32(at + 12, true);
  let directoryStart = view.getUint32(at + 16, true);
  let directoryEnd = tailStart + at;
  if (view.getUint16(at + 4, true) !== view.getUint16(at + 6, true)) bad('it spans several disks', 'one file');
  if (at >= 20 && view.getUint32(at - 20, true) === 0x07064b50) {
    const where = u64At(view, at - 12);
    if (where + 56 > source.size) bad(`a zip64 end record at byte ${where}`, `a place in the ${source.size} bytes of the file`);
    const record = viewOf(await readSpan(source, where, 56, 'the zip64 end record'));
    if (record.getUint32(0, true) !== 0x06064b50) bad(`no zip64 end record at byte ${where}`, 'one, as the locator says');
    count = u64At(record, 32);
    directorySize = u64At(record, 40);
    directoryStart = u64At(record, 48);
    directoryEnd = where;
  }
  if (directoryStart + directorySize !== directoryEnd)
    bad(
      `a directory of ${directorySize} bytes at byte ${directoryStart}`,
      `one that ends at byte ${directoryEnd}, where its end record stands`,
    );
  if (directorySize > directoryLimit || count > entryLimit || count * 46 > directorySize)
    bad(`${count} entries in a directory of ${directorySize} bytes`, `at most ${entryLimit} entries of 46 bytes and more`);
  // An entry that is inflated when it is read keeps some closures.
  new Budget(structureBudget(source.size), () =>
    bad(`${count} entries in an archive of ${source.size} bytes`, 'what an archive of this size can need'),
  ).spend(2048 * count);
  const directory = await readSpan(source, directoryStart, directorySize, 'the directory of the archive');
  const records = readDirectory(directory, count, source.name);

  // Entries stand one after another: each begins where the one before has ended, or later.
  const inOrder = [...records].sort((a, b) => a.local - b.local);
  const last = new LastMade();
  const entries = new Map<string, ZipEntry>();
  for (let i = 0; i < inOrder.length; i++) {
    const record = inOrder[i];
    if (!record) continue;
    const limit = inOrder[i + 1]?.local ?? directoryStart;
    const quoted = JSON.stringify(record.name);
    if (record.local + 30 > limit) bad(`entry ${quoted} overlaps what comes after it`, 'entries one after another');
    const local = viewOf(await readSpan(source, record.local, 30, `the header of entry ${quoted}`));
    if (local.getUint32(0, true) !== 0x04034b50)
      bad(`no header of entry ${quoted} at byte ${record.local}`, 'one, as the directory says');
    const start = record.local + 30 + local.getUint16(26, true) + local.getUint16(28, true);
    if (local.getUint16(8, true) !== record.method)
      bad(`entry ${quoted} is packed in two ways, by its header and by the directory`, 'one');
    if (start + record.packed > limit) bad(`entry ${quoted} overlaps what comes after it`, 'entries one after another');
    const packed = spanSource(source, start, record.packed);
    if (record.method === 0) {
      if (record.packed !== record.size)
        bad(`stored entry ${quoted} of ${record.packed} bytes claims ${record.size}`, 'one size');
      entries.set(record.name, {
        name: record.name,
        size: record.size,
        bytes: packed,
        head: (length) => readSpan(packed, 0, Math.min(length, record.size), quoted),
      });
    } else {
      if (record.size > inflatedLimit || record.size > record.packed * bestRatio + 64)
        bad(
          `entry ${quoted} of ${record.packed} bytes claims to inflate to ${record.size}`,
          'a size that deflate can reach, 4 GiB at most',
        );
      entries.set(record.name, inflatedEntry(record, packed, source.name, last));
    }
  }
  return entries;
}

function readDirectory(directory: Uint8Array, count: number, file: string): readonly Record[] {
  const bad = (found: string, expected: string): never => fail(damagedZip, { with: { file, found, expected } });
  const view = viewOf(directory);
  const records: Record[] = [];
  const names = new Set<string>();
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + 46 > directory.length || view.getUint32(at, true) !== 0x02014b50)
      bad(`directory entry ${i} is none`, `${count} entries`);
    const flags = view.getUint16(at + 8, true);
    const method = view.getUint16(at + 10, true);
    let packed = view.getUint32(at + 20, true);
    let size = view.getUint32(at + 24, true);
    let local = view.getUint32(at + 42, true);
    const nameEnd = at + 46 + view.getUint16(at + 28, true);
    const extraEnd = nameEnd + view.getUint16(at + 30, true);
    const end = extraEnd + view.getUint16(at + 32, true);
    if (end > directory.length) bad(`directory entry ${i} goes past the directory`, `${directory.length} bytes`);
    const name = utf8(directory.subarray(at + 46, nameEnd));
    if (name === undefined) return bad(`the name of entry ${i} is not UTF-8`, 'UTF-8');
    const quoted = JSON.stringify(name);
    if (name.startsWith('/') || /^[A-Za-z]:/.test(name) || name.split(/[\\/]/).includes('..') || name.includes('\0'))
      bad(`an entry named ${quoted}`, 'relative names without ..');
    if (names.has(name)) bad(`two entries named ${quoted}`, 'each name once');
    names.add(name);
    if (flags & 1) bad(`entry ${quoted} is encrypted`, 'an archive without a password');
    if (method !== 0 && method !== 8) bad(`entry ${quoted} is packed with method ${method}`, 'stored (0) or deflated (8)');
    let zip64 = nameEnd;
    while (zip64 + 4 <= extraEnd && view.getUint16(zip64, true) !== 1) zip64 += 4 + view.getUint16(zip64 + 2, true);
    if (zip64 + 4 <= extraEnd) {
      let field = zip64 + 4;
      const fieldEnd = Math.min(extraEnd, field + view.getUint16(zip64 + 2, true));
      const next = (): number => {
        if (field + 8 > fieldEnd) bad(`the zip64 sizes of entry ${quoted} are cut off`, '8 bytes each');
        field += 8;
        return u64At(view, field - 8);
      };
      if (size === 0xffffffff) size = next();
      if (packed === 0xffffffff) packed = next();
      if (local === 0xffffffff) local = next();
    }
    records.push({ name, method, packed, size, local });
    at = end;
  }
  return records;
}

function inflatedEntry(record: Record, packed: ByteSource, file: string, last: LastMade): ZipEntry {
  const bad = (found: string, expected: string): never =>
    fail(damagedZip, { with: { file, found: `entry ${JSON.stringify(record.name)} ${found}`, expected } });
  /** Inflates in steps, so that a stream that lies about its size is stopped at the limit. */
  const inflate = (
    length: number,
    whole: boolean,
  ): {
    readonly done: () => boolean;
    readonly push: (chunk: Uint8Array, last: boolean) => void;
    readonly finish: () => Uint8Array;
  } => {
    const out = new Uint8Array(length);
    let filled = 0;
    const stream = new Inflate((chunk) => {
      const room = length - filled;
      if (whole && chunk.length > room) bad(`inflates to more than ${record.size} bytes`, 'the size that the directory says');
      out.set(chunk.length > room ? chunk.subarray(0, room) : chunk, filled);
      filled += Math.min(room, chunk.length);
    });
    return {
      done: () => !whole && filled >= length,
      push: (chunk, last) => {
        try {
          stream.push(chunk, last);
        } catch (error) {
          if (error instanceof Error && error.name === 'DiagnosticError') throw error;
          bad(`does not inflate: ${error instanceof Error ? error.message : String(error)}`, 'a deflate stream');
        }
      },
      finish: () => {
        if (filled < length) bad(`inflates to ${filled} bytes`, `${length}, as the directory says`);
        return out;
      },
    };
  };
  const step = 16384;
  const owner = {};
  const { readSync } = packed;
  const allSync =
    readSync &&
    ((): Uint8Array => {
      const known = last.of(owner);
      if (known) return known;
      const stream = inflate(record.size, true);
      for (let at = 0; at < record.packed; at += step)
        stream.push(readSync(at, Math.min(step, record.packed - at)), at + step >= record.packed);
      return last.keep(owner, stream.finish());
    });
  const all = async (): Promise<Uint8Array> => {
    if (allSync) return allSync();
    const known = last.of(owner);
    if (known) return known;
    const stream = inflate(record.size, true);
    for (let at = 0; at < record.packed; at += step)
      stream.push(await packed.read(at, Math.min(step, record.packed - at)), at + step >= record.packed);
    return last.keep(owner, stream.finish());
  };
  return {
    name: record.name,
    size: record.size,
    bytes: {
      name: file,
      size: record.size,
      read: async (start, length) => (await all()).subarray(start, start + length),
      ...(allSync && { readSync: (start: number, length: number) => allSync().subarray(start, start + length) }),
    },
    head: async (length) => {
      const wanted = Math.min(length, record.size);
      const stream = inflate(wanted, false);
      for (let at = 0; at < record.packed && !stream.done(); at += 1024)
        stream.push(await packed.read(at, Math.min(1024, record.packed - at)), at + 1024 >= record.packed);
      return stream.finish();
    },
  };
}
