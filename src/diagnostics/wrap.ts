/**
 * Lines of a width that people read at, by wrap-ansi: words stay whole, and colours end and begin again where a line is broken.
 */
import wrapAnsi from 'wrap-ansi';
import { cellsOf, isPlain } from './cells.ts';

/** Columns of the texts that `explain` prints. */
export const manualWidth = 100;

const linesOf = (text: string, cells: number): readonly string[] =>
  isPlain(text) ? plainLines(text, Math.max(1, cells)) : wrapAnsi(text, Math.max(1, cells)).split('\n');

/** What wrap-ansi makes of plain letters, without its tables. */
export function plainLines(text: string, cells: number): readonly string[] {
  const rows: string[] = [];
  let row = '';
  for (const word of text.split(' ')) {
    if (row !== '') row += ' ';
    if (row !== '' && word !== '' && row.length + word.length > cells) {
      rows.push(row);
      row = '';
    }
    row += word;
  }
  return [...rows, row].map((one) => one.trimEnd());
}

/** As `wrapped`, with the blanks that stand between words where no line is broken. */
export function broken(text: string, width: number, head: string, indent: string): readonly string[] {
  if (cellsOf(head) + cellsOf(text) <= width) return [head + text];
  const [first = '', ...rest] = linesOf(text, width - cellsOf(head));
  if (rest.length === 0) return [head + first];
  return [head + first, ...linesOf(rest.join(' '), width - cellsOf(indent)).map((line) => indent + line)];
}

/**
 * Words in lines of at most `width` cells; a word that is longer than that stands alone. `head` begins the first line, and a
 * break is never right behind it; `indent` begins the others. White space between words is one blank.
 */
export function wrapped(text: string, width: number, { head = '', indent = '' } = {}): readonly string[] {
  return broken(text.trim().replaceAll(/\s+/g, ' '), width, head, indent);
}
