/**
 * Lines for people in a terminal of so many columns: what is longer is broken between words and goes on under its own text, so
 * that a column of names stays one. A word that is longer than a line stands alone.
 */
import { cellsOf } from '../diagnostics/cells.ts';
import { broken } from '../diagnostics/wrap.ts';

/** Sequences that colour text take no columns. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with a control character
const colouring = /\u001b\[[0-9;]*m/g;
/** What a line begins with before its first word: blanks, and the bar of a quotation with its number. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: as above
const beginning = /^(?:(?:\s|\u001b\[[0-9;]*m)*\d*(?:\s|\u001b\[[0-9;]*m)*│)?(?:\s|\u001b\[[0-9;]*m)*/;

/** Less than this is no column to write in. */
const leastColumn = 16;

/** Each line of the text within `width` columns, where its words are short enough. */
export function fitted(text: string, width: number): string {
  return text
    .split('\n')
    .map((line) => (cellsOf(line) <= width ? line : /^[-─]+$/.test(line) ? line.slice(0, width) : under(line, width)))
    .join('\n');
}

/**
 * What stands before the text of a line that goes on: blanks as far as the line's own text is indented, and the bar of a
 * quotation.
 */
function indentOf(line: string, width: number): string {
  const plain = line.replace(colouring, '');
  const bar = /^(\s*\d*\s*│)(\s*)/.exec(plain);
  if (bar) return `${' '.repeat((bar[1] ?? '').length - 1)}│${(bar[2] ?? '').length < width / 2 ? bar[2] : ' '}`;
  // A name, at least two blanks, and then what is said of it.
  const column = cellsOf(/^\s*\S+(?: \S+)* {2,}/.exec(plain)?.[0] ?? '');
  const indent = /^\s*/.exec(plain)?.[0].length ?? 0;
  const at = column > 0 && width - column >= leastColumn ? column : indent + 2;
  return ' '.repeat(width - at >= leastColumn ? at : 2);
}

function under(line: string, width: number): string {
  const head = beginning.exec(line)?.[0] ?? '';
  return broken(line.slice(head.length), width, head, indentOf(line, width)).join('\n');
}
