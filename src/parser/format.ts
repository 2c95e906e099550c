/**
 * The one layout of `.res` files, behind `rescc fmt`.
 *
 * Line breaks are the author's: nothing is joined or split, so that a file may look like the table of a paper. What is
 * decided here is everything between the breaks: two blanks of indentation, one blank between words and around operators,
 * two between statements on one line, at most one blank line, and the columns of neighbouring lines (`layout/columns.ts`).
 */
import { checkArgument, listOf, made, namedText, objects, shaped, text } from '../diagnostics/arguments.ts';
import type { FileNode } from './ast.ts';
import { placesOf } from './layout/columns.ts';
import { linesOf } from './layout/lines.ts';
import { piecesOf, widthOf } from './layout/pieces.ts';
import { startsOf } from './layout/starts.ts';

const placeKind = shaped('a place', '…', 'start', 'end');
const treeKind = made('a syntax tree', 'parse(source).file', {
  source: namedText,
  items: listOf(made('an item', '…', { kind: text, span: placeKind })),
  comments: objects,
  span: placeKind,
});

/**
 * The canonical text of a parsed file; ends in one line break unless empty. Meant for trees without syntax errors: what
 * the parser skipped is kept, but its layout is only guessed.
 */
export function format(file: FileNode): string {
  checkArgument('format', 'file', file, treeKind);
  const starts = startsOf(file);
  const lines = linesOf(piecesOf(file, starts), starts);
  const places = placesOf(lines);
  let out = '';
  for (const [index, { pieces, blankBefore }] of lines.entries()) {
    if (blankBefore) out += '\n';
    let at = 0;
    for (const [k, { text }] of pieces.entries()) {
      const place = places[index]?.[k] ?? 0;
      out += ' '.repeat(Math.max(0, place - at)) + text;
      at = place + widthOf(text);
    }
    out += '\n';
  }
  return out;
}
