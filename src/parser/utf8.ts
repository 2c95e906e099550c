/** A file's bytes as text, before anything is parsed: commands that read ONNX files load this, and no parser. */
import { notUtf8 } from '../diagnostics/catalogue/text.ts';
import { type Diagnostic, makeDiagnostic } from '../diagnostics/diagnostic.ts';
import { command } from '../diagnostics/shell.ts';
import type { SourceFile } from '../diagnostics/source.ts';

/** Length of the UTF-8 sequence at `at`, or 0 where none is well formed (Unicode 15, table 3-7). */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at] ?? 0;
  const follows = (offset: number, low = 0x80, high = 0xbf): boolean => {
    const byte = bytes[at + offset] ?? 0;
    return byte >= low && byte <= high;
  };
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return follows(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    return follows(1, first === 0xe0 ? 0xa0 : 0x80, first === 0xed ? 0x9f : 0xbf) && follows(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    return follows(1, first === 0xf0 ? 0x90 : 0x80, first === 0xf4 ? 0x8f : 0xbf) && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

/** Code points are joined in runs of this many: an argument list has a limit, and one string per character is slow. */
const decodeRun = 4096;

/**
 * Text of a file's bytes. Bytes that are no UTF-8 are a diagnostic with the offset and line of the first of them. A byte
 * order mark is kept, so that offsets count what the file holds; the lexer skips it.
 */
export function decodeUtf8(
  bytes: Uint8Array,
  name: string,
): { readonly source?: SourceFile; readonly diagnostics: readonly Diagnostic[] } {
  let text = '';
  let codes: number[] = [];
  let line = 1;
  let at = 0;
  while (at < bytes.length) {
    const length = sequenceLength(bytes, at);
    if (length === 0) return { diagnostics: [badBytes(bytes, name, at, line)] };
    const first = bytes[at] ?? 0;
    if (first === 10 || (first === 13 && bytes[at + 1] !== 10)) line++;
    let code = length === 1 ? first : first & (0xff >> (length + 1));
    for (let i = 1; i < length; i++) code = (code << 6) | ((bytes[at + i] ?? 0) & 0x3f);
    codes.push(code);
    if (codes.length === decodeRun) {
      text += String.fromCodePoint(...codes);
      codes = [];
    }
    at += length;
  }
  return { source: { name, text: text + String.fromCodePoint(...codes) }, diagnostics: [] };
}

function badBytes(bytes: Uint8Array, name: string, offset: number, line: number): Diagnostic {
  const value = `0x${(bytes[offset] ?? 0).toString(16).toUpperCase().padStart(2, '0')}`;
  const wide = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
  const fix = wide
    ? `convert it: \`${command('from UTF-16', name)}\``
    : `convert it: \`${command('from Latin-1', name)}\`, if it is text in an older encoding`;
  return makeDiagnostic(notUtf8, { with: { name, value, offset, line, fix } });
}
