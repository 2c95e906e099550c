/** Pieces as lines, with the indentation that brackets give them. */
import type { IToken } from 'chevrotain';
import { isCloser, isOpener, KwElse, KwShortcut, Semicolon } from '../tokens.ts';
import type { Piece } from './pieces.ts';
import type { Starts } from './starts.ts';

const indentWidth = 2;

export interface Line {
  readonly pieces: Piece[];
  indent: number;
  readonly blankBefore: boolean;
}

export function linesOf(pieces: readonly Piece[], starts: Starts): Line[] {
  const lines: Line[] = [];
  for (const [i, piece] of pieces.entries()) {
    const last = lines.at(-1);
    if (last && piece.breaks === 0) last.pieces.push(piece);
    else lines.push({ pieces: [piece], indent: 0, blankBefore: i > 0 && piece.breaks > 1 });
  }
  indent(lines, starts);
  return lines;
}

function indent(lines: readonly Line[], starts: Starts): void {
  /** The indentations of the lines in which the brackets that are open were opened. */
  const open: number[] = [];
  let previous: IToken | undefined;
  const content = (): number => {
    const base = open.at(-1);
    return base === undefined ? 0 : base + indentWidth;
  };
  const indentOf = (line: Line, index: number): number => {
    const [first] = line.pieces;
    // Of several closing brackets at the beginning the last decides: it ends the outermost.
    const closers = closersAtStart(line);
    if (closers > 0) return open[Math.max(0, open.length - closers)] ?? 0;
    const lead = first?.token ?? leadOf(lines, index);
    if (!lead) return content();
    const type = lead.tokenType;
    const aligned = type === KwElse || type === KwShortcut || isCloser(type);
    const known = starts.statements.has(lead.startOffset) || starts.elements.has(lead.startOffset);
    const fresh = known || previous === undefined || previous.tokenType === Semicolon || type === Semicolon;
    return content() + (aligned || fresh ? 0 : indentWidth);
  };
  for (const [index, line] of lines.entries()) {
    line.indent = indentOf(line, index);
    for (const { token } of line.pieces) {
      if (!token) continue;
      previous = token;
      if (isOpener(token.tokenType)) open.push(line.indent);
      else if (isCloser(token.tokenType)) open.pop();
    }
  }
}

function closersAtStart({ pieces }: Line): number {
  const other = pieces.findIndex(({ token }) => token === undefined || !isCloser(token.tokenType));
  return other < 0 ? pieces.length : other;
}

/** The first token at or after a line of comments: the comments belong to what follows. */
function leadOf(lines: readonly Line[], from: number): IToken | undefined {
  for (let i = from; i < lines.length && i < from + 1000; i++) {
    for (const piece of lines[i]?.pieces ?? []) if (piece.token) return isCloser(piece.token.tokenType) ? undefined : piece.token;
  }
  return undefined;
}
