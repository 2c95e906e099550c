/** Tokens and comments of a file in one row, each with its place in the source and the blanks that are due before it. */
import type { IToken } from 'chevrotain';
import { Sink } from '../../diagnostics/diagnostic.ts';
import { positionOf, type SourceFile } from '../../diagnostics/source.ts';
import type { Comment, FileNode } from '../ast.ts';
import { lex } from '../lexer.ts';
import {
  CallParen,
  endOf,
  IndexBracket,
  isCloser,
  isOpener,
  LabelBrace,
  LabelOpen,
  LBracket,
  LParen,
  Semicolon,
} from '../tokens.ts';
import { type FrameKind, framesOf, gapBetween, isIdleSemicolon, signsOf } from './signs.ts';
import type { Starts } from './starts.ts';

const commentGap = 3;

export interface Piece {
  readonly kind: 'token' | 'lineComment' | 'blockComment';
  readonly text: string;
  readonly start: number;
  readonly end: number;
  readonly token: IToken | undefined;
  /** Line breaks between the piece before and this one, as the author wrote them. */
  breaks: number;
  /** Blanks that stand before it by rule, when it is not the first of its line. */
  gap: number;
  /** 0-based column in the source; a near miss of a neighbouring line's column is moved onto it. */
  column: number;
  /** Blanks that the source has before it beyond `gap`; always 0 where no gap is due. */
  excess: number;
}

/** Columns of a text in a terminal-independent measure: code points, so that all of the language's own text counts one each. */
export function widthOf(text: string): number {
  let width = text.length;
  for (let i = 1; i < text.length; i++) if (isSecondHalf(text, i)) width--;
  return width;
}

/** Whether a code point of two units has its second one here. */
function isSecondHalf(text: string, at: number): boolean {
  const unit = text.charCodeAt(at);
  if (unit < 0xdc00 || unit > 0xdfff) return false;
  const before = text.charCodeAt(at - 1);
  return before >= 0xd800 && before <= 0xdbff;
}

export function piecesOf({ source }: FileNode, starts: Starts): Piece[] {
  const { tokens: all, comments } = lex(source, new Sink());
  // A `;` that says nothing is left out before anything is measured.
  const tokens = all.filter((token, i) => token.tokenType !== Semicolon || !isIdleSemicolon(i, all));
  // Frames and signs look at neighbours, which must not change with the semicolons gone: they bound what a `?` or `=` sees.
  const frames = framesOf(tokens);
  const signs = signsOf(tokens, frames, starts);
  const frameOf = new Map<IToken, FrameKind>(tokens.map((token, i) => [token, frames[i] ?? 'file']));
  const pieces = inOrder(tokens, comments);
  const gapOf = (before: Piece, piece: Piece): number => {
    if (before.token && piece.token)
      return gapBetween(before.token, piece.token, frameOf.get(piece.token) ?? 'file', signs, starts);
    if (piece.kind === 'lineComment') return commentGap;
    return before.token && opensTightly(before.token) ? 0 : 1;
  };
  let before: Piece | undefined;
  for (const piece of pieces) {
    piece.column = columnFrom(source.text, before?.column ?? 0, before?.start ?? 0, piece.start);
    if (before) {
      piece.breaks = breaksBetween(before, piece, source);
      piece.gap = gapOf(before, piece);
      if (piece.breaks === 0 && piece.gap > 0)
        piece.excess = Math.max(0, piece.column - (before.column + widthOf(before.text)) - piece.gap);
    }
    before = piece;
  }
  return pieces;
}

function inOrder(tokens: readonly IToken[], comments: readonly Comment[]): Piece[] {
  const pieces: Piece[] = [];
  let next = 0;
  const commentsBefore = (offset: number): void => {
    for (let comment = comments[next]; comment && comment.span.start < offset; comment = comments[++next]) {
      const { text, span } = comment;
      if (text.startsWith('//')) pieces.push(pieceOf('lineComment', text.trimEnd(), span.start, span.end));
      else pieces.push(pieceOf('blockComment', text.replace(/\r\n?/g, '\n'), span.start, span.end));
    }
  };
  for (const token of tokens) {
    commentsBefore(token.startOffset);
    pieces.push(pieceOf('token', token.image, token.startOffset, endOf(token), token));
  }
  commentsBefore(Number.POSITIVE_INFINITY);
  return pieces;
}

function pieceOf(kind: Piece['kind'], text: string, start: number, end: number, token?: IToken): Piece {
  return { kind, text, start, end, token, breaks: 0, gap: 1, column: 0, excess: 0 };
}

function opensTightly({ tokenType: type }: IToken): boolean {
  return (
    type === LParen ||
    type === CallParen ||
    type === LBracket ||
    type === IndexBracket ||
    type === LabelBrace ||
    type === LabelOpen
  );
}

/** The author's line breaks, at most two, and at most one inside a bracket at its ends. */
function breaksBetween(before: Piece, piece: Piece, source: SourceFile): number {
  const line = positionOf(source, piece.start).line;
  const lineBefore = positionOf(source, Math.max(before.start, before.end - 1)).line;
  const atBracket = (before.token && isOpener(before.token.tokenType)) || (piece.token && isCloser(piece.token.tokenType));
  return Math.min(line - lineBefore, atBracket ? 1 : 2);
}

/** The column of `to`, when that of `from` before it is known, so that a line is measured once. */
function columnFrom(text: string, column: number, from: number, to: number): number {
  let at = column;
  for (let i = from; i < to; i++) {
    const unit = text.charCodeAt(i);
    if (unit === 10 || unit === 13) at = 0;
    else if (unit !== 0xfeff && !(i > from && isSecondHalf(text, i))) at++;
  }
  return at;
}
