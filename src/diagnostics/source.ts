/** Source texts and the places in them that a message can point at. Offsets are UTF-16 code units, as JavaScript counts. */
export interface SourceFile {
  /** How messages name it: a path, `<stdin>`, `std/resnet.res` or `-D`. */
  readonly name: string;
  readonly text: string;
}

/** What messages call standard input, which calls name `-`. */
export const standardInput = '<stdin>';

/** What a message calls a path that a user typed. */
export const shownPath = (path: string): string => (path === '-' ? standardInput : path);

/** A half-open range of a file. */
export interface Span {
  readonly file: SourceFile;
  readonly start: number;
  readonly end: number;
}

/** 1-based line and column. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

const lineStartsOf = new WeakMap<SourceFile, readonly number[]>();

/** Offsets at which the lines of a file begin; `\n`, `\r\n` and `\r` end a line. */
export function lineStarts(file: SourceFile): readonly number[] {
  const known = lineStartsOf.get(file);
  if (known) return known;
  const starts = [0];
  const breaks = /\r\n|\n|\r/g;
  for (let match = breaks.exec(file.text); match; match = breaks.exec(file.text)) starts.push(match.index + match[0].length);
  lineStartsOf.set(file, starts);
  return starts;
}

/** Line and column of an offset in UTF-16 code units; both are counted from 1. */
export function positionOf(file: SourceFile, offset: number): Position {
  const starts = lineStarts(file);
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((starts[middle] ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  return { line: low + 1, column: offset - (starts[low] ?? 0) + 1 };
}

/** The smallest span that covers both; they lie in one file. */
export function cover(a: Span, b: Span): Span {
  return { file: a.file, start: Math.min(a.start, b.start), end: Math.max(a.end, b.end) };
}

/** `model.res:9:3`, for a person and for editors that jump to it. */
export function spanText(span: Span): string {
  const { line, column } = positionOf(span.file, span.start);
  return `${span.file.name}:${line}:${column}`;
}
