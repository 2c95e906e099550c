/** A folder of pictures as a batch, and the sizes of pictures without decoding them. */
import { closeSync, existsSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileUnreadable } from '../diagnostics/catalogue/runtime.ts';
import { fail } from '../diagnostics/diagnostic.ts';
import { imageFormatOf } from './images.ts';

/** False of what is no path at all, such as numbers that were typed and are too many for one. */
export function isFolder(path: string): boolean {
  return existsSync(path) && statSync(path).isDirectory();
}

function firstBytes(path: string): Uint8Array {
  const head = new Uint8Array(8);
  const descriptor = openSync(path, 'r');
  try {
    return head.subarray(0, readSync(descriptor, head, 0, head.length, 0));
  } finally {
    closeSync(descriptor);
  }
}

/** The order in which people count: a2.png before a10.png. The same in every locale. */
const byNumber = new Intl.Collator('en', { numeric: true });

/**
 * The PNG and JPEG files of a folder, told by their content, in the order of their names; folders in it are not looked into.
 * Throws `DiagnosticError` (RES0820) where there is none.
 */
export function picturesIn(folder: string): { readonly files: readonly string[]; readonly others: number } {
  const entries = readdirSync(folder)
    // Not what would be waited for: pipes and devices.
    .filter((name) => statSync(join(folder, name), { throwIfNoEntry: false })?.isFile())
    .sort((a, b) => byNumber.compare(a, b) || (a < b ? -1 : 1));
  const files = entries
    .map((name) => join(folder, name))
    .filter((path) => {
      try {
        return imageFormatOf(firstBytes(path)) !== undefined;
      } catch {
        return false;
      }
    });
  if (files.length === 0)
    return fail(fileUnreadable, {
      with: {
        file: folder,
        found: 'a folder without a PNG or JPEG in it',
        hint: 'put PNG or JPEG files into it, or name one that is elsewhere',
      },
    });
  return { files, others: entries.length - files.length };
}
