/**
 * The one gate to files of the disk. It opens without waiting, asks what was opened, and follows links before it compares: a file
 * that a file names must lie where that file may name things, and is never a pipe, a device or a folder. What the user typed may
 * be a link anywhere, and a pipe where it is read once from its beginning to its end.
 */
import { closeSync, constants, fstatSync, openSync, readdirSync, readSync, realpathSync, type Stats } from 'node:fs';
import { basename, dirname, join, sep } from 'node:path';
import { cannotRead } from '../../diagnostics/catalogue/cli.ts';
import { fail } from '../../diagnostics/diagnostic.ts';
import { shownPath } from '../../diagnostics/source.ts';
import { nearest } from '../../diagnostics/suggest.ts';

/** Why a file cannot be read, for a diagnostic: what was found in its place. */
export class Unreadable extends Error {
  override readonly name = 'Unreadable';
  readonly found: string;
  /** `ENOENT` and the like; empty where the system has no word for it. */
  readonly code: string;
  constructor(found: string, code = '') {
    super(found);
    this.found = found;
    this.code = code;
  }
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  ENOTDIR: 'no such file: a part of the path is no folder',
  EACCES: 'no permission to read it',
  EPERM: 'no permission to read it',
  EISDIR: 'a folder',
  ELOOP: 'links in a circle',
  ENAMETOOLONG: 'a name that is too long for the file system',
  ENXIO: 'a socket, or a device that is not there',
  EAGAIN: 'nothing to read yet',
};

export function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
}

function unreadable(error: unknown): Unreadable {
  if (error instanceof Unreadable) return error;
  const code = codeOf(error);
  return new Unreadable(reasons[code] ?? (error instanceof Error ? error.message : String(error)), code);
}

/** Of a folder, so that a hint costs nothing that is noticed. */
const mostNeighbours = 10_000;

/** The file beside a path that is not there whose name is most like it, as a path to type. */
function neighbour(path: string): string | undefined {
  const folder = dirname(path);
  let names: readonly string[];
  try {
    names = readdirSync(folder).slice(0, mostNeighbours);
  } catch {
    return undefined;
  }
  const near = nearest(basename(path), names);
  return near === undefined ? undefined : path.slice(0, path.length - basename(path).length) + near;
}

const hints: Readonly<Record<string, string>> = {
  'a folder': 'name a file in it',
  'a pipe that nobody writes to': 'start what writes to it first, or write `… | rescc … -`',
};
const hintsByCode: Readonly<Record<string, string>> = {
  EACCES: 'check the rights of the file',
  EPERM: 'check the rights of the file',
  ENAMETOOLONG: 'choose a shorter one',
};

/** Throws RES0701 for a path of the user's that cannot be read, whoever wanted to: one code for what is not there. */
export function refuseUnreadable(path: string, error: unknown): never {
  if (!(error instanceof Unreadable)) throw error;
  const { found, code } = error;
  const near = code === 'ENOENT' ? neighbour(path) : undefined;
  return fail(cannotRead, {
    with: {
      path: shownPath(path),
      found,
      expected: 'a file that can be read',
      hint: near ?? hints[found] ?? hintsByCode[code] ?? 'check the path',
    },
  });
}

/** What a file is that is no plain file. */
function kindOf(stat: Stats): string {
  if (stat.isDirectory()) return 'a folder';
  if (stat.isFIFO()) return 'a pipe';
  if (stat.isSocket()) return 'a socket';
  return stat.isCharacterDevice() || stat.isBlockDevice() ? 'a device' : 'no plain file';
}

/** Windows has no such flag, and no pipes among its files. */
const nonblocking = constants.O_NONBLOCK ?? 0;

export interface OpenFile {
  readonly descriptor: number;
  readonly size: number;
}

/** Opens a plain file. Throws `Unreadable`. */
export function openPlain(path: string): OpenFile {
  let descriptor: number;
  try {
    descriptor = openSync(path, constants.O_RDONLY | nonblocking);
  } catch (error) {
    throw unreadable(error);
  }
  const stat = fstatSync(descriptor);
  if (stat.isFile()) return { descriptor, size: stat.size };
  closeSync(descriptor);
  throw new Unreadable(kindOf(stat));
}

/** The number of an open file in names such as /dev/stdin and /dev/fd/3. */
function inherited(path: string): number | undefined {
  if (path === '/dev/stdin') return 0;
  const number = /^\/(?:dev|proc\/self)\/fd\/(\d{1,4})$/.exec(path)?.[1];
  return number === undefined ? undefined : Number(number);
}

/** Of a stream; a device such as /dev/zero never ends. */
const streamLimit = 2 ** 31 - 1;
const deviceLimit = 2 ** 26;

function wait(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

/**
 * How often, and how many milliseconds apart, the other end of a pipe is looked for: whoever has it may have been started at the
 * same time.
 */
export const pipeTries = { count: 50, apart: 20 } as const;

/**
 * The whole of what the user typed: a plain file, a pipe that somebody writes to, or standard input for 0. Throws `Unreadable`.
 */
export function readAll(path: string | 0): Uint8Array {
  // A socket that a shell or program handed over cannot be opened by its name again.
  const given = path === 0 ? path : inherited(path);
  let descriptor: number;
  try {
    descriptor = given ?? openSync(String(path), constants.O_RDONLY | nonblocking);
  } catch (error) {
    throw unreadable(error);
  }
  try {
    const stat = fstatSync(descriptor);
    if (stat.isDirectory()) throw new Unreadable('a folder');
    const limit = stat.isFile() || stat.isFIFO() || stat.isSocket() ? streamLimit : deviceLimit;
    const pieces: Uint8Array[] = [];
    let total = 0;
    let tries = 0;
    for (;;) {
      const piece = new Uint8Array(stat.isFile() ? Math.max(1, Math.min(2 ** 26, stat.size - total + 1)) : 65536);
      let count = 0;
      try {
        count = readSync(descriptor, piece, 0, piece.length, null);
      } catch (error) {
        const code = codeOf(error);
        // Somebody has the other end open and has not written yet.
        if (code === 'EAGAIN') {
          wait(2);
          continue;
        }
        if (code !== 'EOF') throw error;
      }
      if (count === 0) {
        if (total > 0 || given !== undefined || !stat.isFIFO() || ++tries > pipeTries.count) break;
        wait(pipeTries.apart);
        continue;
      }
      pieces.push(piece.subarray(0, count));
      total += count;
      if (total > limit) throw new Unreadable(`more than ${limit} bytes`);
    }
    if (total === 0 && given === undefined && stat.isFIFO()) throw new Unreadable('a pipe that nobody writes to');
    const [only] = pieces;
    if (only && pieces.length === 1) return only;
    const out = new Uint8Array(total);
    let at = 0;
    for (const piece of pieces) {
      out.set(piece, at);
      at += piece.length;
    }
    return out;
  } catch (error) {
    throw unreadable(error);
  } finally {
    if (given === undefined) closeSync(descriptor);
  }
}

/** The same of a path, with `-` for standard input. Throws `DiagnosticError` (RES0701). */
export function readTyped(path: string): Uint8Array {
  try {
    return readAll(path === '-' ? 0 : path);
  } catch (error) {
    return refuseUnreadable(path, error);
  }
}

/**
 * Opens a pipe or device for writing, which would wait for a reader that never comes. Throws `Unreadable` where nobody reads, and
 * what the system throws otherwise.
 */
export function openStream(path: string): number {
  let first: number;
  try {
    first = openSync(path, constants.O_WRONLY | nonblocking);
  } catch (error) {
    if (codeOf(error) === 'ENXIO') throw new Unreadable('a pipe that nobody reads, or a socket');
    throw error;
  }
  try {
    // With a reader there, this one does not wait; what is written through it does, as it should.
    return openSync(path, constants.O_WRONLY);
  } finally {
    closeSync(first);
  }
}

/** A file that another one names, found. */
export type Beside =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'none' }
  /** A link that leads to `target`, which lies in none of the folders `roots`. */
  | { readonly kind: 'outside'; readonly path: string; readonly target: string; readonly roots: readonly string[] };

/**
 * Looks for a file that the file at `from` names, by its path relative to that: beside the name that `from` was opened by, or,
 * where `from` is a link, beside what it leads to. With all links resolved it must lie in or below one of those two folders. So a
 * snapshot of Hugging Face's cache works: model and data are links into one folder of blobs, and the data lies beside the model
 * there.
 */
export function findBeside(from: string, name: string): Beside {
  const real = (path: string): string | undefined => {
    try {
      return realpathSync.native(path);
    } catch {
      return undefined;
    }
  };
  const own = real(from);
  const roots = [...new Set([real(dirname(from)), own === undefined ? undefined : dirname(own)])].filter(
    (root) => root !== undefined,
  );
  for (const folder of new Set([dirname(from), own === undefined ? dirname(from) : dirname(own)])) {
    const path = join(folder, name);
    const target = real(path);
    if (target === undefined) continue;
    const inside = roots.some((root) => target.startsWith(root.endsWith(sep) ? root : root + sep));
    return inside ? { kind: 'file', path: target } : { kind: 'outside', path, target, roots };
  }
  return { kind: 'none' };
}
