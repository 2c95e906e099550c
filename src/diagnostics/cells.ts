/**
 * Text in the cells of a terminal, by string-width: none for colours and marks, two for wide letters and emoji. What pads, cuts
 * or aligns text for people asks here, and not for `length`.
 */
import stringWidth from 'string-width';

/**
 * Whether every letter takes one cell and joins with no other, as those of our own texts do: for such, tables of all the world's
 * letters need not be made, which takes longer than the passes of a small model.
 */
export const isPlain = (text: string): boolean => /^[ -~°±²³·×–—’“”•…←↑→↓−√∞≈≠≤≥─│]*$/.test(text);

export const cellsOf = (text: string): number => (isPlain(text) ? text.length : stringWidth(text));

/** What is drawn as one: letters with their marks, emoji of several characters. */
export function clustersOf(text: string): readonly string[] {
  return /^[\t -~]*$/.test(text) ? [...text] : Array.from(new Intl.Segmenter().segment(text), ({ segment }) => segment);
}

export const padEnd = (text: string, cells: number): string => text + ' '.repeat(Math.max(0, cells - cellsOf(text)));
export const padStart = (text: string, cells: number): string => ' '.repeat(Math.max(0, cells - cellsOf(text))) + text;

/** The beginning of a text that is wider than that, and a sign that there was more. */
export function shortened(text: string, cells: number): string {
  if (cellsOf(text) <= cells) return text;
  let kept = '';
  for (const cluster of clustersOf(text)) {
    if (cellsOf(kept + cluster) >= cells) break;
    kept += cluster;
  }
  return `${kept}…`;
}

/** Of a table's rows, those that say how wide its columns are. */
const measuredRows = 10_000;

/**
 * Rows of a table in columns, two blanks apart: numbers stand right where `right` says so. No column is made wider than `most`.
 */
export function aligned(
  rows: readonly (readonly string[])[],
  { right = () => false, most = Number.POSITIVE_INFINITY }: { right?: (column: number) => boolean; most?: number } = {},
): readonly string[] {
  const widths: number[] = [];
  for (const row of rows.slice(0, measuredRows))
    row.forEach((cell, column) => {
      widths[column] = Math.min(most, Math.max(widths[column] ?? 0, cellsOf(cell)));
    });
  const inColumn = (cell: string, column: number): string =>
    right(column) ? padStart(cell, widths[column] ?? 0) : padEnd(cell, widths[column] ?? 0);
  return rows.map((row) => row.map(inColumn).join('  ').trimEnd());
}
