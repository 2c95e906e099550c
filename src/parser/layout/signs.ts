/** Blanks between two tokens of one line: what encloses them, and what each sign among them means. */
import type { IToken, TokenType } from 'chevrotain';
import {
  Arrow,
  Assign,
  CallParen,
  Colon,
  Comma,
  Dot,
  DotDot,
  endsValue,
  Hyphen,
  IndexBracket,
  isCloser,
  isOpener,
  isOperator,
  KwAs,
  KwBlock,
  KwElse,
  KwIn,
  KwModel,
  KwOde,
  KwResidual,
  KwShared,
  KwShortcut,
  LabelBrace,
  LabelClose,
  LabelOpen,
  LabelTail,
  LBrace,
  LBracket,
  LParen,
  Minus,
  Name,
  Question,
  RBrace,
  RBracket,
  RParen,
  Semicolon,
} from '../tokens.ts';
import type { Starts } from './starts.ts';

/** Blanks between two statements of one line. */
export const statementGap = 2;

/** What encloses a token: how its colons, equals signs and commas are meant. */
export type FrameKind = 'file' | 'body' | 'label' | 'params' | 'args' | 'index' | 'group' | 'import';

/** What goes on with the construct or expression before it, when nothing like a `;` stands between. */
function continues(type: TokenType): boolean {
  return (
    isOperator(type) ||
    type === Arrow ||
    type === Question ||
    type === KwAs ||
    type === KwIn ||
    type === KwShared ||
    type === KwShortcut ||
    type === KwElse
  );
}

/** A `;` says something only where two statements stand on one line, or where the next would continue the one before. */
export function isIdleSemicolon(index: number, tokens: readonly IToken[]): boolean {
  const before = tokens[index - 1];
  const after = tokens[index + 1];
  if (!before || !after) return false;
  if (after.tokenType === RBrace || after.tokenType === Semicolon || before.tokenType === LBrace) return true;
  return (before.endLine ?? 0) < (after.startLine ?? 0) && !continues(after.tokenType) && after.tokenType !== Colon;
}

export function framesOf(tokens: readonly IToken[]): readonly FrameKind[] {
  const stack: FrameKind[] = ['file'];
  const frames: FrameKind[] = [];
  for (const [i, token] of tokens.entries()) {
    const type = token.tokenType;
    const before = tokens[i - 1]?.tokenType;
    if (isCloser(type) && stack.length > 1) {
      frames.push(stack.pop() ?? 'file');
      continue;
    }
    frames.push(stack.at(-1) ?? 'file');
    if (!isOpener(type)) continue;
    const declared = tokens[i - 2]?.tokenType;
    if (type === LBrace) stack.push(tokens[i - 1]?.image === 'import' && stack.length === 1 ? 'import' : 'body');
    else if (type === LabelBrace || type === LabelOpen) stack.push('label');
    else if (type === IndexBracket || type === LBracket) stack.push(type === IndexBracket ? 'index' : 'group');
    else if (before === Name && (declared === KwBlock || declared === KwModel)) stack.push('params');
    else if (type === CallParen || before === KwOde || before === KwResidual) stack.push('args');
    else stack.push('group');
  }
  return frames;
}

/** Offsets of `=` that stand without blanks, and of colons that belong to `?` and to slices. */
export interface Signs {
  readonly tight: ReadonlySet<number>;
  readonly ternary: ReadonlySet<number>;
  readonly slice: ReadonlySet<number>;
  readonly prefix: ReadonlySet<number>;
}

export function signsOf(tokens: readonly IToken[], frames: readonly FrameKind[], starts: Starts): Signs {
  const tight = new Set<number>();
  const ternary = new Set<number>();
  const slice = new Set<number>();
  const prefix = new Set<number>();
  const questions: number[] = [0];
  /** Per open bracket the `=` of the argument that is being read, still thought tight. */
  const pending: (number | undefined)[] = [undefined];
  const settle = (): void => {
    const at = pending.at(-1);
    if (at !== undefined) tight.add(at);
    pending[pending.length - 1] = undefined;
  };
  for (const [i, token] of tokens.entries()) {
    const type = token.tokenType;
    const before = tokens[i - 1]?.tokenType;
    const frame = frames[i];
    if (isCloser(type)) {
      settle();
      if (questions.length > 1) {
        questions.pop();
        pending.pop();
      }
    } else if (isOpener(type)) {
      questions.push(0);
      pending.push(undefined);
    } else if (type === Comma) settle();
    else if (type === Assign) {
      if (frame === 'args') pending[pending.length - 1] = token.startOffset;
      else if (starts.options.has(tokens[i + 1]?.startOffset ?? -1)) tight.add(token.startOffset);
    } else if (type === Question) {
      questions[questions.length - 1] = (questions.at(-1) ?? 0) + 1;
      pending[pending.length - 1] = undefined;
    } else if (type === Colon) {
      const open = questions.at(-1) ?? 0;
      if (open > 0) {
        ternary.add(token.startOffset);
        questions[questions.length - 1] = open - 1;
      } else if (frame === 'index') slice.add(token.startOffset);
      else pending[pending.length - 1] = undefined;
    } else if (type === Minus && (before === undefined || !endsValue(before) || starts.statements.has(token.startOffset)))
      prefix.add(token.startOffset);
    else if (isOperator(type) || type === Arrow) pending[pending.length - 1] = undefined;
  }
  return { tight, ternary, slice, prefix };
}

/** Blanks between two tokens of one line. */
export function gapBetween(a: IToken, b: IToken, frame: FrameKind, signs: Signs, starts: Starts): number {
  const left = a.tokenType;
  const right = b.tokenType;
  if (right === Comma || right === Semicolon || right === RParen || right === RBracket || right === LabelClose) return 0;
  if (right === CallParen || right === IndexBracket || right === LabelBrace || right === LabelTail) return 0;
  if (right === Hyphen || left === Hyphen) return 0;
  if (left === LParen || left === CallParen || left === LBracket || left === IndexBracket) return 0;
  if (left === LabelBrace || left === LabelOpen) return 0;
  if (left === LBrace) return right === RBrace ? 0 : 1;
  if (right === RBrace) return 1;
  if (left === Dot || right === Dot || left === DotDot || right === DotDot) return 0;
  if (right === Colon) return signs.ternary.has(b.startOffset) || left === Comma ? 1 : 0;
  if (left === Colon) return signs.slice.has(a.startOffset) ? 0 : 1;
  if (right === Assign && signs.tight.has(b.startOffset)) return 0;
  if (left === Assign && signs.tight.has(a.startOffset)) return 0;
  if (left === Minus && signs.prefix.has(a.startOffset)) return 0;
  if (right === LParen && (left === KwResidual || left === KwOde || (left === Name && !starts.statements.has(b.startOffset))))
    return 0;
  if (left === Semicolon) return 1;
  if ((frame === 'body' || frame === 'file') && starts.statements.has(b.startOffset)) return statementGap;
  return 1;
}
