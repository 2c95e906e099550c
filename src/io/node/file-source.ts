/** A file of the disk as a source of bytes, for Node. */

import { closeSync, readSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { checkArgument, text } from '../../diagnostics/arguments.ts';
import { linkOutside, notPlainFile, readFailed } from '../../diagnostics/catalogue/bytes.ts';
import { fail } from '../../diagnostics/diagnostic.ts';
import type { ByteSource } from '../bytes.ts';
import { findBeside, type OpenFile, openPlain, refuseUnreadable, Unreadable } from './open-file.ts';

export interface FileSource extends ByteSource {
  /** Closes the files opened through `sibling` too. Reading after it throws RES0511. */
  close(): void;
}

/**
 * Opens a file for reading at any place. Throws RES0701 when it cannot be opened or is no plain file; reading throws RES0511 when
 * it shrinks meanwhile.
 * What it names is looked for as `findBeside` says: `sibling` throws RES0533 for a link that leads elsewhere, RES0534 for what is
 * no plain file.
 */
export function fileSource(path: string): FileSource {
  checkArgument('fileSource', 'path', path, { ...text, example: "'net.safetensors'" });
  const file = opened(path, (error) => refuseUnreadable(path, error));
  return sourceOf(path, path, file);
}

function opened(path: string, refuse: (error: Unreadable) => never): OpenFile {
  try {
    return openPlain(path);
  } catch (error) {
    if (error instanceof Unreadable) return refuse(error);
    throw error;
  }
}

function sourceOf(path: string, name: string, { descriptor, size }: OpenFile): FileSource {
  let open = true;
  const siblings = new Map<string, FileSource>();
  const readInto = (start: number, into: Uint8Array): void => {
    if (!open) fail(readFailed, { with: { file: name, found: 'it was closed', expected: 'an open file' } });
    // A single read of the system takes less than 2 GiB.
    for (let done = 0; done < into.length; ) {
      let count = 0;
      try {
        count = readSync(descriptor, into, done, Math.min(into.length - done, 1 << 30), start + done);
      } catch (error) {
        const found = error instanceof Error ? error.message : String(error);
        fail(readFailed, { with: { file: name, found, expected: `${into.length} bytes at ${start}` } });
      }
      if (count === 0)
        fail(readFailed, { with: { file: name, found: 'it became shorter', expected: `${size} bytes, as when it was opened` } });
      done += count;
    }
  };
  const readNow = (start: number, length: number): Uint8Array => {
    const bytes = new Uint8Array(length);
    readInto(start, bytes);
    return bytes;
  };
  return {
    name,
    size,
    read: async (start, length) => readNow(start, length),
    readSync: readNow,
    readInto,
    sibling: (wanted) => {
      const beside = findBeside(path, wanted);
      if (beside.kind === 'none') return undefined;
      if (beside.kind === 'outside') {
        const { target, roots } = beside;
        return fail(linkOutside, { with: { file: name, path: beside.path, target, root: roots.join(' or ') } });
      }
      const known = siblings.get(beside.path);
      if (known) return known;
      const file = opened(beside.path, ({ found }) => fail(notPlainFile, { with: { file: name, path: wanted, found } }));
      const made = sourceOf(beside.path, join(dirname(path), wanted), file);
      siblings.set(beside.path, made);
      return made;
    },
    close: () => {
      if (open) closeSync(descriptor);
      open = false;
      for (const other of siblings.values()) other.close();
    },
  };
}
