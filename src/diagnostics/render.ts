/**
 * Diagnostics as text for a terminal, and as data for other programs.
 * The cause comes first, then found over expected so that the eye compares columns, and the way out last.
 */

import picocolors from 'picocolors';
import { checkArgument, checkOptions, diagnosticsKind, flag, whole } from './arguments.ts';
import { cellsOf, clustersOf } from './cells.ts';
import type { Diagnostic } from './diagnostic.ts';
import { lineStarts, positionOf, type SourceFile, type Span } from './source.ts';

export interface RenderOptions {
  readonly color: boolean;
  /** Columns of the terminal; longer source lines are cut around the place that is pointed at. At least 40, 130 when absent. */
  readonly width?: number;
}

type Paint = (text: string) => string;
interface Palette {
  readonly error: Paint;
  readonly warning: Paint;
  readonly title: Paint;
  readonly frame: Paint;
  readonly note: Paint;
  readonly key: Paint;
}

function paletteOf(color: boolean): Palette {
  const c = picocolors.createColors(color);
  return {
    error: (text) => c.bold(c.red(text)),
    warning: (text) => c.bold(c.yellow(text)),
    title: c.bold,
    frame: c.blue,
    note: c.cyan,
    key: c.bold,
  };
}

const tabStop = 4;

/** Controls and marks that turn the direction of text would let a file paint over its own message. */
function visible(code: number): string {
  if (code < 0x20) return String.fromCodePoint(0x2400 + code);
  if (code === 0x7f) return '\u2421';
  const turns =
    (code >= 0x202a && code <= 0x202e) ||
    (code >= 0x2066 && code <= 0x2069) ||
    code === 0x200e ||
    code === 0x200f ||
    code === 0x061c;
  if (turns || (code >= 0x80 && code < 0xa0) || code === 0x2028 || code === 0x2029 || (code >= 0xd800 && code <= 0xdfff))
    return '\ufffd';
  return String.fromCodePoint(code);
}

/** Text of others inside a message: no controls but line breaks. */
function safe(text: string): string {
  let out = '';
  for (const character of text) out += character === '\n' ? character : visible(character.codePointAt(0) ?? 0);
  return out;
}

interface Cell {
  readonly text: string;
  readonly width: number;
}

/** A source line in cells, and for every offset into it (its end included) the index of its cell. */
interface DrawnLine {
  readonly cells: readonly Cell[];
  readonly cellAt: (offset: number) => number;
}

/**
 * Beyond this many characters around the place only the neighbourhood is looked at, so that a line of a megabyte costs nothing.
 */
const lineReach = 2000;

function drawLine(file: SourceFile, line: number, focus: number): DrawnLine {
  const starts = lineStarts(file);
  const lineStart = starts[line - 1] ?? 0;
  const next = starts[line] ?? file.text.length;
  let lineEnd = next;
  while (lineEnd > lineStart && (file.text[lineEnd - 1] === '\n' || file.text[lineEnd - 1] === '\r')) lineEnd--;
  const from = Math.max(lineStart, Math.min(focus, lineEnd) - lineReach);
  const to = Math.min(lineEnd, focus + lineReach);
  const cells: Cell[] = [];
  const indexAt = new Map<number, number>();
  let column = 0;
  let offset = from;
  if (from > lineStart) cells.push({ text: '…', width: 1 });
  for (const cluster of clustersOf(file.text.slice(from, to))) {
    for (let unit = 0; unit < cluster.length; unit++) indexAt.set(offset + unit, cells.length);
    offset += cluster.length;
    const text = cluster === '\t' ? ' '.repeat(tabStop - (column % tabStop)) : safe(cluster.replaceAll('\ufeff', ''));
    const width = cellsOf(text);
    cells.push({ text, width });
    column += width;
  }
  const end = cells.length;
  if (to < lineEnd) cells.push({ text: '…', width: 1 });
  return { cells, cellAt: (at) => indexAt.get(at) ?? (at < from ? 0 : end) };
}

interface Mark {
  readonly span: Span;
  readonly text: string;
  readonly primary: boolean;
  readonly line: number;
  /** End of what is underlined: a span over several lines is underlined on its first. */
  readonly end: number;
}

function markOf(span: Span, text: string, primary: boolean): Mark {
  const { line } = positionOf(span.file, span.start);
  const next = lineStarts(span.file)[line];
  const lineEnd = next === undefined ? span.file.text.length : next;
  return { span, text, primary, line, end: Math.max(span.start, Math.min(span.end, lineEnd)) };
}

function widthOf(cells: readonly Cell[]): number {
  let width = 0;
  for (const cell of cells) width += cell.width;
  return width;
}

/** The lines of one source line: its text, cut to `room` cells, and below it one line per mark. */
function drawMarks(
  marks: readonly Mark[],
  room: number,
  palette: Palette,
  severity: Paint,
): readonly { readonly text: string; readonly source: boolean }[] {
  const primary = marks.find((mark) => mark.primary) ?? marks[0];
  if (!primary) return [];
  const drawn = drawLine(primary.span.file, primary.line, primary.span.start);
  const { cells } = drawn;
  const total = widthOf(cells);
  // Where the line is too long, a window of it is shown that holds the caret a third in.
  let first = 0;
  let last = cells.length;
  if (total > room) {
    const focus = drawn.cellAt(primary.span.start);
    let before = 0;
    first = focus;
    while (first > 0 && before + (cells[first - 1]?.width ?? 0) <= room / 3) {
      first--;
      before += cells[first]?.width ?? 0;
    }
    let width = 0;
    last = first;
    while (last < cells.length && width + (cells[last]?.width ?? 0) <= room - 2) {
      width += cells[last]?.width ?? 0;
      last++;
    }
    while (first > 0 && last === cells.length && width + (cells[first - 1]?.width ?? 0) <= room - 2) {
      first--;
      width += cells[first]?.width ?? 0;
    }
  }
  const cutLeft = first > 0;
  const cutRight = last < cells.length;
  const text = `${cutLeft ? '…' : ''}${cells
    .slice(first, last)
    .map((cell) => cell.text)
    .join('')}${cutRight ? '…' : ''}`;
  const lines = [{ text: text.trimEnd(), source: true }];
  for (const mark of marks) {
    const from = Math.min(Math.max(drawn.cellAt(mark.span.start), first), last);
    const to = Math.min(Math.max(drawn.cellAt(mark.end), from), last);
    const pad = widthOf(cells.slice(first, from)) + (cutLeft ? 1 : 0);
    const length = Math.max(1, widthOf(cells.slice(from, to)));
    const paint = mark.primary ? severity : palette.note;
    const label = mark.text === '' ? '' : ` ${safe(mark.text)}`;
    const [head = '', ...rest] = label.split('\n');
    lines.push({ text: ' '.repeat(pad) + paint((mark.primary ? '^' : '-').repeat(length) + head), source: false });
    for (const more of rest) lines.push({ text: ' '.repeat(pad + length + 1) + paint(more), source: false });
  }
  return lines;
}

function compareMarks(a: Mark, b: Mark): number {
  return a.line - b.line || a.span.start - b.span.start || Number(b.primary) - Number(a.primary);
}

function renderOne(diagnostic: Diagnostic, palette: Palette, width: number): string {
  const severity = diagnostic.severity === 'error' ? palette.error : palette.warning;
  const out = [`${severity(`${diagnostic.severity} ${diagnostic.code}`)}${palette.title(`: ${safe(diagnostic.title)}`)}`];

  const marks: Mark[] = [];
  if (diagnostic.span) marks.push(markOf(diagnostic.span, diagnostic.label ?? '', true));
  for (const note of diagnostic.notes) marks.push(markOf(note.span, note.text, false));
  // The file of the cause first, the others in the order in which the notes name them.
  const files: SourceFile[] = [];
  for (const mark of marks) if (!files.includes(mark.span.file)) files.push(mark.span.file);
  const digits = Math.max(1, ...marks.map((mark) => String(mark.line).length));
  const margin = ' '.repeat(digits + 2);
  const bar = palette.frame('│');

  const details: (readonly [string, string])[] = [];
  if (diagnostic.found !== undefined) details.push(['found', diagnostic.found]);
  if (diagnostic.expected !== undefined) details.push(['expected', diagnostic.expected]);
  if (diagnostic.hint !== undefined) details.push(['hint', diagnostic.hint]);
  for (const use of diagnostic.within) details.push(['in', use]);

  for (const [index, file] of files.entries()) {
    const own = marks.filter((mark) => mark.span.file === file).sort(compareMarks);
    const lead = own.find((mark) => mark.primary) ?? own[0];
    if (!lead) continue;
    const { column } = positionOf(file, lead.span.start);
    if (index > 0) out.push(`${margin}${bar}`);
    out.push(`${margin}${palette.frame(index === 0 ? '┌─' : '├─')} ${safe(file.name)}:${lead.line}:${column}`, `${margin}${bar}`);
    const lines = [...new Set(own.map((mark) => mark.line))];
    for (const line of lines) {
      const drawn = drawMarks(
        own.filter((mark) => mark.line === line),
        Math.max(16, width - digits - 4),
        palette,
        severity,
      );
      for (const { text, source } of drawn) {
        const gutter = source ? palette.frame(` ${String(line).padStart(digits)} │`) : `${margin}${bar}`;
        out.push(text === '' ? gutter : `${gutter} ${text}`);
      }
    }
  }
  if (files.length > 0 && details.length > 0) out.push(`${margin}${bar}`);

  const keyWidth = 'expected'.length + 2;
  let previous = '';
  for (const [key, value] of details) {
    const [head = '', ...rest] = safe(value).split('\n');
    const shown = key === previous ? '' : key;
    out.push(`${margin}${palette.key(shown)}${' '.repeat(keyWidth - shown.length)}${head}`.trimEnd());
    for (const more of rest) out.push(`${margin}${' '.repeat(keyWidth)}${more}`.trimEnd());
    previous = key;
  }
  return `${out.join('\n')}\n`;
}

/** Text for a terminal, a blank line between two diagnostics, and a line break at the end; empty for none. */
export function render(diagnostics: readonly Diagnostic[], options: RenderOptions = { color: false }): string {
  checkArgument('render', 'diagnostics', diagnostics, diagnosticsKind);
  checkOptions('render', options, { color: flag, width: whole(1) });
  const palette = paletteOf(options.color);
  const width = Math.max(40, options.width ?? 130);
  return diagnostics.map((diagnostic) => renderOne(diagnostic, palette, width)).join('\n');
}

export interface PlaceJson {
  readonly file: string;
  /** From 1, as editors count; columns in UTF-16 units. The end is behind the last character. */
  readonly line: number;
  readonly column: number;
  readonly endLine: number;
  readonly endColumn: number;
}
export interface DiagnosticJson extends Partial<PlaceJson> {
  readonly code: string;
  readonly severity: string;
  readonly title: string;
  readonly label?: string;
  readonly found?: string;
  readonly expected?: string;
  readonly hint?: string;
  readonly notes: readonly (PlaceJson & { readonly text: string })[];
  readonly within: readonly string[];
}

function place(span: Span): PlaceJson {
  const start = positionOf(span.file, span.start);
  const end = positionOf(span.file, span.end);
  return { file: span.file.name, line: start.line, column: start.column, endLine: end.line, endColumn: end.column };
}

/** The same diagnostics as plain data, in the same order. */
export function toJson(diagnostics: readonly Diagnostic[]): readonly DiagnosticJson[] {
  checkArgument('toJson', 'diagnostics', diagnostics, diagnosticsKind);
  return diagnostics.map((d) => ({
    code: d.code,
    severity: d.severity,
    title: d.title,
    ...(d.span && place(d.span)),
    ...(d.label !== undefined && { label: d.label }),
    ...(d.found !== undefined && { found: d.found }),
    ...(d.expected !== undefined && { expected: d.expected }),
    ...(d.hint !== undefined && { hint: d.hint }),
    notes: d.notes.map((note) => ({ ...place(note.span), text: note.text })),
    within: d.within,
  }));
}
