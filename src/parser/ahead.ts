/**
 * How the parser looks ahead further than one token. A path and a label differ only in the colon at their end, and a keyword may
 * be either; each function answers at one index of a file's tokens.
 */
import { EOF, type IToken, type TokenType } from 'chevrotain';
import type { Stmt } from './ast.ts';
import type { Lexed } from './lexer.ts';
import {
  Arrow,
  CallParen,
  Colon,
  Comma,
  Dot,
  endOf,
  Float,
  Hyphen,
  IndexBracket,
  Int,
  isOperator,
  isWord,
  KwAnd,
  KwAs,
  KwAssert,
  KwBlock,
  KwConst,
  KwEach,
  KwElse,
  KwFalse,
  KwIf,
  KwImport,
  KwInput,
  KwLet,
  KwLoop,
  KwMap,
  KwModel,
  KwNot,
  KwOde,
  KwOr,
  KwOutput,
  KwParam,
  KwRepeat,
  KwResidual,
  KwReturn,
  KwReuse,
  KwSequential,
  KwShortcut,
  KwTrue,
  LabelBrace,
  LabelOpen,
  LabelTail,
  LBrace,
  LBracket,
  LParen,
  Minus,
  Name,
  Question,
  RBrace,
  Semicolon,
  Size,
  StringLiteral,
  TokenSet,
  vocabulary,
} from './tokens.ts';

const primaryStarts: readonly TokenType[] = [
  KwNot,
  KwTrue,
  KwFalse,
  Name,
  Int,
  Float,
  Size,
  StringLiteral,
  LParen,
  LBracket,
  LBrace,
];
/** What an `expr` begins with. */
export const exprStarts = new TokenSet([Minus, ...primaryStarts]);
/** What a `chain` or an `arg` begins with. */
export const chainStarts = new TokenSet([...exprStarts, LabelOpen, ...vocabulary.filter(isWord)]);
/** What a statement begins with, but for labels, and the `;` between two; for a minus see `negationAt`. */
export const statementStarts = new TokenSet([
  KwInput,
  KwOutput,
  KwParam,
  KwLet,
  KwReturn,
  KwAssert,
  KwMap,
  KwIf,
  KwRepeat,
  KwEach,
  KwLoop,
  KwSequential,
  KwOde,
  KwReuse,
  KwResidual,
  ...primaryStarts,
  Semicolon,
]);

/** A token that may be an expression by itself. */
export const leafStarts = new TokenSet([Name, Int, Float, Size, StringLiteral, KwTrue, KwFalse]);
/** What ends an expression of one such token: whatever does not go on with it. */
export const exprLeafEnds = new TokenSet(
  [EOF, ...vocabulary].filter(
    (type) =>
      !isOperator(type) &&
      type !== Question &&
      type !== Dot &&
      type !== CallParen &&
      type !== IndexBracket &&
      type !== LabelBrace &&
      type !== Hyphen,
  ),
);
/** What ends a chain of one such token: a colon would make a label of it. */
export const chainLeafEnds = new TokenSet([...exprLeafEnds].filter((type) => type !== Colon && type !== Arrow));

/** Whether a label with its colon begins at the token; a keyword with a touching dot can be nothing else. */
export function labelAt({ tokens, partner }: Lexed, begin: number): boolean {
  const count = partner.length;
  const first = tokens[begin]?.tokenType;
  if (begin >= count || first === undefined) return false;
  if (first === LabelOpen) return true;
  if (!(isWord(first) || first === Int || first === Float || first === StringLiteral)) return false;
  let i = begin + 1;
  while (i < count) {
    const type = tokens[i]?.tokenType;
    if (type === Colon) return true;
    if (type === Dot) {
      i++;
      const next = tokens[i]?.tokenType;
      if (i < count && (isWord(next) || next === Int || next === Float || next === StringLiteral)) i++;
      else if (next !== LabelBrace) break;
    } else if (type === Hyphen) {
      i++;
      if (tokens[i]?.tokenType !== LabelBrace) i++;
    } else if (type === LabelBrace) {
      const close = partner[i] ?? -1;
      if (close < 0) break;
      i = close + 1;
      if (i < count && tokens[i]?.tokenType === LabelTail) i++;
    } else break;
  }
  return first !== Name && isWord(first) && begin + 1 < count && tokens[begin + 1]?.tokenType === Dot;
}

/** Whether a statement, or the `;` between two, begins at the token. */
export function statementAt(lexed: Lexed, begin: number): boolean {
  const type = begin < lexed.partner.length ? lexed.tokens[begin]?.tokenType : undefined;
  return type !== undefined && (statementStarts.has(type) || labelAt(lexed, begin));
}

/**
 * Whether a minus at the token is a sign and begins a statement: it touches its operand, and what stands before it is no value
 * that it could be taken from: the brace of the body, a `;`, or with a gap a statement that no operator goes on with.
 */
export function negationAt({ tokens, partner }: Lexed, begin: number, before: Stmt | undefined): boolean {
  const [previous, minus, operand] = [tokens[begin - 1], tokens[begin], tokens[begin + 1]];
  if (begin + 1 >= partner.length || minus?.tokenType !== Minus || !operand || endOf(minus) !== operand.startOffset) return false;
  if (!previous || previous.tokenType === LBrace || previous.tokenType === Semicolon) return true;
  return before !== undefined && endOf(previous) < minus.startOffset && endsItself(before);
}

function endsItself(stmt: Stmt): boolean {
  switch (stmt.kind) {
    case 'input':
      return stmt.range === undefined || stmt.as !== undefined;
    case 'output':
      return stmt.range === undefined && stmt.value === undefined;
    case 'paramStmt':
      return stmt.init === undefined;
    default:
      return stmt.kind === 'map' || stmt.kind === 'if';
  }
}

export function beginsItem(type: TokenType | undefined): boolean {
  return type === KwImport || type === KwConst || type === KwBlock || type === KwModel;
}

/** An item's first two tokens, which can follow each other in no body. */
export function itemAt({ tokens, partner }: Lexed, index: number): boolean {
  const count = partner.length;
  const type = index < count ? tokens[index]?.tokenType : undefined;
  if (!beginsItem(type)) return false;
  const before = tokens[index - 1]?.tokenType;
  if (before === Dot || before === KwInput || before === KwOutput || before === KwReuse) return false;
  const next = index + 1 < count ? tokens[index + 1]?.tokenType : undefined;
  return next === Name || (type === KwImport && (next === LBrace || next === LabelBrace));
}

/**
 * Where the next statement of the body that opens at `bodyOpen` most likely begins, at `from` or later: a new line outside all
 * brackets, a `;`, or the body's end.
 */
export function nextStatement(lexed: Lexed, from: number, bodyOpen: number): number {
  const { tokens, partner } = lexed;
  const count = partner.length;
  let i = from;
  while (i < count) {
    const token = tokens[i];
    if (!token) break;
    const type = token.tokenType;
    const close = partner[i] ?? -1;
    if (type === RBrace && close <= bodyOpen) break;
    if (itemAt(lexed, i) || type === Semicolon) break;
    if (onNewLine(tokens[i - 1], token) && (statementStarts.has(type) || (isWord(type) && !goesOn(type)))) break;
    i = close > i ? close + 1 : i + 1;
  }
  return i;
}

function onNewLine(before: IToken | undefined, token: IToken): boolean {
  return before !== undefined && (before.endLine ?? 0) < (token.startLine ?? 0);
}

/** Keywords that go on with what stands before them. */
function goesOn(type: TokenType): boolean {
  return type === KwElse || type === KwShortcut || type === KwAs || type === KwAnd || type === KwOr;
}

/** Where the next item begins, at `from` or later, or the number of tokens. */
export function nextItem(lexed: Lexed, from: number): number {
  let i = from;
  while (i < lexed.partner.length && !itemAt(lexed, i)) i++;
  return i;
}

/**
 * Lists are written in brackets; Python's tuples are what many would type after `mean=`. True of a parenthesis with a comma of
 * its own in it.
 */
export function tupleAt({ tokens, partner }: Lexed, open: number): boolean {
  const close = partner[open] ?? -1;
  for (let i = open + 1; i < close; i++) {
    const inner = partner[i] ?? -1;
    if (inner > i) i = inner;
    else if (tokens[i]?.tokenType === Comma) return true;
  }
  return false;
}
