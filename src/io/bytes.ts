/**
 * Where bytes come from: a file, memory, a part of either. Reading is checked against the size here, so that formats need not
 * trust what they read.
 */
import { bytes as bytesOnly, checkArgument, text } from '../diagnostics/arguments.ts';
import { outside } from '../diagnostics/at.ts';
import { noSibling, truncatedFile, unsafePath } from '../diagnostics/catalogue/bytes.ts';
import { fail } from '../diagnostics/diagnostic.ts';

/** Bytes that are read piece by piece: a file, or memory. */
export interface ByteSource {
  /** How messages name it. */
  readonly name: string;
  readonly size: number;
  /** Exactly `length` bytes from `start` on; both lie inside. The array is not changed later by the source. */
  read(start: number, length: number): Promise<Uint8Array>;
  /** The same at once, where the source can. */
  readSync?(start: number, length: number): Uint8Array;
  /** The same into `into`, so that a stream of reads needs no new arrays. */
  readInto?(start: number, into: Uint8Array): void;
  /**
   * Another file, by its path relative to this one's folder: a shard of an index, the data file of an ONNX model. The path was
   * checked to lead nowhere else. Undefined where there is none.
   */
  sibling?(path: string): ByteSource | undefined | Promise<ByteSource | undefined>;
}

/** A source of bytes that lie in memory; `name` is what messages call it. */
export function memorySource(name: string, bytes: Uint8Array): ByteSource {
  checkArgument('memorySource', 'name', name, text);
  checkArgument('memorySource', 'bytes', bytes, bytesOnly);
  const readSync = (start: number, length: number): Uint8Array => bytes.subarray(start, start + length);
  return { name, size: bytes.length, read: (start, length) => Promise.resolve(readSync(start, length)), readSync };
}

/** A part of a source as a source of its own. */
export function spanSource(of: ByteSource, offset: number, size: number): ByteSource {
  const { readSync, readInto } = of;
  return {
    name: of.name,
    size,
    read: (start, length) => of.read(offset + start, length),
    ...(readSync && { readSync: (start: number, length: number) => readSync.call(of, offset + start, length) }),
    ...(readInto && { readInto: (start: number, into: Uint8Array) => readInto.call(of, offset + start, into) }),
  };
}

/** Reads a span that a file claims to have. Throws RES0501 when it lies outside; `what` is what the span holds. */
export async function readSpan(source: ByteSource, start: number, length: number, what: string): Promise<Uint8Array> {
  if (start < 0 || length < 0 || start + length > source.size) {
    fail(truncatedFile, { with: { file: source.name, size: source.size, what, needed: `bytes ${start} to ${start + length}` } });
  }
  return source.readSync ? source.readSync(start, length) : await source.read(start, length);
}

/**
 * An unsigned 64-bit little-endian number. Beyond 2^53 it comes out rounded, which is more than any file has and is refused as
 * that.
 */
export function u64At(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) * 4294967296 + view.getUint32(at, true);
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The parts one behind the other; one alone as it is. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const [first] = parts;
  if (first && parts.length === 1) return first;
  const out = new Uint8Array(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/**
 * Strict UTF-8 (RFC 3629: shortest forms only, no surrogates, at most U+10FFFF); where it is none, undefined or, if `mends`,
 * U+FFFD in the place of what is wrong. Written out because the language itself has no decoder and the core uses nothing else.
 */
export function utf8(bytes: Uint8Array): string | undefined;
export function utf8(bytes: Uint8Array, mends: true): string;
export function utf8(bytes: Uint8Array, mends = false): string | undefined {
  // Names are nearly always short and plain.
  if (bytes.length <= 256 && bytes.every((byte) => byte < 0x80)) return String.fromCharCode(...bytes);
  const pieces: string[] = [];
  const units: number[] = [];
  const flush = (): void => {
    pieces.push(String.fromCharCode(...units));
    units.length = 0;
  };
  for (let i = 0; i < bytes.length; ) {
    // A function takes a limited number of arguments, so the text is made in pieces.
    if (units.length > 4096) flush();
    const first = bytes[i++] ?? outside();
    if (first < 0x80) {
      units.push(first);
      continue;
    }
    const more = first >= 0xc2 && first <= 0xdf ? 1 : first >= 0xe0 && first <= 0xef ? 2 : first >= 0xf0 && first <= 0xf4 ? 3 : 0;
    let point = first & (0x3f >> more);
    let good = more > 0;
    for (let k = 0; good && k < more; k++) {
      // Behind the end there is no byte, and 0 goes on no sequence.
      const next = bytes[i] ?? 0;
      good = (next & 0xc0) === 0x80;
      if (!good) break;
      point = (point << 6) | (next & 0x3f);
      i++;
    }
    good &&= (more < 2 || point >= (more === 2 ? 0x800 : 0x10000)) && point <= 0x10ffff && (point < 0xd800 || point > 0xdfff);
    if (!good) {
      if (!mends) return undefined;
      point = 0xfffd;
    }
    if (point < 0x10000) units.push(point);
    else units.push(0xd800 + ((point - 0x10000) >> 10), 0xdc00 + ((point - 0x10000) & 0x3ff));
  }
  flush();
  return pieces.join('');
}

/**
 * The path without `.` and empty parts, and without what `..` takes back; undefined where it leads out of the folder or names
 * none of its files. Folders are parted by `/`, or as Windows writes them, wherever the file is read.
 */
function pathInside(named: string): string | undefined {
  const path = named.replaceAll('\\', '/');
  if (path.length > 1024 || /^([A-Za-z]:|\/)/.test(path) || path.includes('\0')) return undefined;
  const out: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') out.push(part);
    else if (out.pop() === undefined) return undefined;
  }
  return out.length > 0 && !/(^|\/)\.{0,2}$/.test(path) ? out.join('/') : undefined;
}

/**
 * Opens a file that another file names, as onnxruntime reads its path. Throws RES0512 for a path that leads out of the folder,
 * RES0513 where the source cannot open others or has none of that name.
 */
export async function openSibling(source: ByteSource, path: string): Promise<ByteSource> {
  const inside = pathInside(path);
  if (inside === undefined) return fail(unsafePath, { with: { file: source.name, found: JSON.stringify(path.slice(0, 200)) } });
  const found = source.sibling ? await source.sibling(inside) : undefined;
  if (found) return found;
  return fail(noSibling, {
    with: { file: source.name, path, found: source.sibling ? 'no such file' : 'a source that cannot open other files' },
  });
}
