/** A file of the disk as a source of bytes, for Node. */
import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readFailed } from '../../diagnostics/catalogue/weights.ts';
import { fail } from '../../diagnostics/diagnostic.ts';
import type { ByteSource } from '../bytes.ts';

export interface FileSource extends ByteSource {
  /** Closes the files opened through `sibling` too. Reading after it throws RES0511. */
  close(): void;
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  EACCES: 'no permission to read it',
  EISDIR: 'a folder',
};

function reasonOf(error: unknown): string {
  const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
  return reasons[code] ?? (error instanceof Error ? error.message : String(error));
}

/**
 * Opens a file for reading at any place. Throws RES0511 when it cannot be opened, is no plain file, or shrinks while it is read.
 */
export function fileSource(path: string): FileSource {
  let file: number;
  let size: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    return fail(readFailed, { with: { file: path, found: reasonOf(error), expected: 'a file that can be read' } });
  }
  const stat = fstatSync(file);
  if (!stat.isFile()) {
    closeSync(file);
    fail(readFailed, {
      with: { file: path, found: stat.isDirectory() ? 'a folder' : 'no plain file', expected: 'a file that can be read' },
    });
  }
  size = stat.size;
  let open = true;
  const siblings = new Map<string, FileSource>();
  const readInto = (start: number, into: Uint8Array): void => {
    if (!open) fail(readFailed, { with: { file: path, found: 'it was closed', expected: 'an open file' } });
    // A single read of the system takes less than 2 GiB.
    for (let done = 0; done < into.length; ) {
      let count = 0;
      try {
        count = readSync(file, into, done, Math.min(into.length - done, 1 << 30), start + done);
      } catch (error) {
        fail(readFailed, { with: { file: path, found: reasonOf(error), expected: `${into.length} bytes at ${start}` } });
      }
      if (count === 0)
        fail(readFailed, { with: { file: path, found: 'it became shorter', expected: `${size} bytes, as when it was opened` } });
      done += count;
    }
  };
  const readNow = (start: number, length: number): Uint8Array => {
    const bytes = new Uint8Array(length);
    readInto(start, bytes);
    return bytes;
  };
  return {
    name: path,
    size,
    read: async (start, length) => readNow(start, length),
    readSync: readNow,
    readInto,
    sibling: (name) => {
      const other = join(dirname(path), name);
      const known = siblings.get(other);
      if (known || !existsSync(other)) return known;
      const opened = fileSource(other);
      siblings.set(other, opened);
      return opened;
    },
    close: () => {
      if (open) closeSync(file);
      open = false;
      for (const other of siblings.values()) other.close();
    },
  };
}
