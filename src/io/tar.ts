/**
 * Tar archives, read for the one form of torch.save that is one. Source: POSIX.1-1988 ustar. Entries are plain files under
 * relative names; long names and other extensions are refused, since torch never wrote them.
 */
import { outside } from '../diagnostics/at.ts';
import { truncatedFile } from '../diagnostics/catalogue/bytes.ts';
import { damagedFile, duplicateTensor } from '../diagnostics/catalogue/weights.ts';
import { fail } from '../diagnostics/diagnostic.ts';
import { type ByteSource, readSpan, spanSource } from './bytes.ts';

const block = 512;
const entryLimit = 1000;

const latin = (bytes: Uint8Array): string => {
  const end = bytes.indexOf(0);
  return String.fromCharCode(...(end < 0 ? bytes : bytes.subarray(0, end)));
};

/** A header's sum counts its own eight bytes as blanks. */
function sumOf(header: Uint8Array): number {
  return header.reduce((sum, byte, i) => sum + (i >= 148 && i < 156 ? 32 : byte), 0);
}
const octal = (bytes: Uint8Array): number => {
  const text = latin(bytes).trim();
  return /^[0-7]{1,12}$/.test(text) ? Number.parseInt(text, 8) : Number.NaN;
};

/** Whether these first bytes are a header whose sum is right. */
export function isTar(head: Uint8Array): boolean {
  return head.length >= block && octal(head.subarray(148, 156)) === sumOf(head.subarray(0, block));
}

/** The files of an archive, as parts of it. */
export async function openTar(source: ByteSource): Promise<ReadonlyMap<string, ByteSource>> {
  const damaged = (found: string, expected: string): never =>
    fail(damagedFile, { with: { format: 'tar', file: source.name, found, expected } });
  const entries = new Map<string, ByteSource>();
  for (let at = 0, headers = 0; ; headers++) {
    // The archive ends with blocks of zeros.
    const header = await readSpan(source, at, block, 'a header of the archive, or the zeros at its end');
    if (header.every((byte) => byte === 0)) return entries;
    if (!isTar(header)) damaged(`no header at byte ${at}`, 'one, with the right sum');
    const name = latin(header.subarray(0, 100)).replace(/^\.\//, '').replace(/\/$/, '');
    const size = octal(header.subarray(124, 136));
    const type = header[156] ?? outside();
    const quoted = JSON.stringify(name);
    if (Number.isNaN(size)) damaged(`entry ${quoted} without a size`, 'octal digits');
    if (name.startsWith('/') || name.split(/[\\/]/).includes('..'))
      damaged(`an entry named ${quoted}`, 'relative names without ..');
    const start = at + block;
    if (start + size > source.size)
      fail(truncatedFile, {
        with: { file: source.name, size: source.size, what: `entry ${quoted}`, needed: `bytes ${start} to ${start + size}` },
      });
    // '0' or NUL is a file, '5' a folder, 'x' and 'g' attributes that say nothing about the content.
    if (type === 0x30 || type === 0) {
      if (entries.has(name)) fail(duplicateTensor, { with: { file: source.name, tensor: name } });
      entries.set(name, spanSource(source, start, size));
    } else if (type !== 0x35 && type !== 0x78 && type !== 0x67) damaged(`entry ${quoted} is no plain file`, 'plain files');
    if (headers > entryLimit) damaged(`more than ${entryLimit} entries`, 'fewer');
    at = start + Math.ceil(size / block) * block;
  }
}
