/**
 * Labels that the tokens alone do not show: those with a hyphen in them, `block1-0: conv(8, 3x3)`, and those that begin with a
 * computed part, `{2 * i}: linear(8)`. Everywhere else the one is a difference and the other a body, so a run of touching tokens
 * is such a label only where a label may begin and a colon ends it, or behind `input`, `output` and `reuse`, where nothing else
 * stands.
 */
import type { IToken, TokenType } from 'chevrotain';
import {
  Colon,
  Dot,
  DotDot,
  endOf,
  Hyphen,
  IndexBracket,
  Int,
  isCloser,
  isOpener,
  isOperator,
  isWord,
  KwInput,
  KwNot,
  KwOutput,
  KwReuse,
  LabelBrace,
  LabelClose,
  LabelOpen,
  LabelTail,
  LBrace,
  Minus,
  Question,
  retag,
  Size,
  StringLiteral,
} from './tokens.ts';

/** A label from its first token to the one behind its last. */
interface LabelRun {
  readonly start: number;
  readonly end: number;
}

/** Behind these an operand stands, or the second half of a choice or slice, and no label. */
function precedesOperand(type: TokenType): boolean {
  return isOperator(type) || type === Question || type === Colon || type === KwNot || type === Dot || type === DotDot;
}

export function* unusualLabels(tokens: readonly IToken[], partner: Int32Array): Iterable<LabelRun> {
  const open: TokenType[] = [];
  for (const [i, token] of tokens.entries()) {
    const type = token.tokenType;
    const before = tokens[i - 1];
    // `x[a-1:b]` is a slice.
    if (open.at(-1) !== IndexBracket && before && !precedesOperand(before.tokenType) && !touchesValue(before, token)) {
      const run = runFrom(tokens, partner, i);
      if (run.unusual && endsLabel(tokens, i, run.end)) yield { start: i, end: run.end };
    }
    if (isOpener(type) && (partner[i] ?? -1) >= 0) open.push(type);
    else if (isCloser(type) && (partner[i] ?? -1) >= 0) open.pop();
  }
}

/** A brace that touches a word goes on with the word's label. */
function touchesValue(before: IToken, token: IToken): boolean {
  return token.tokenType === LabelBrace && endOf(before) === token.startOffset;
}

function endsLabel(tokens: readonly IToken[], start: number, end: number): boolean {
  if (tokens[end]?.tokenType === Colon) return true;
  const lead = tokens[start - 1]?.tokenType;
  return (lead === KwInput || lead === KwOutput || lead === KwReuse) && tokens[start - 2]?.tokenType !== Dot;
}

/** The touching tokens from `start` that a label could be made of. */
function runFrom(
  tokens: readonly IToken[],
  partner: Int32Array,
  start: number,
): { readonly end: number; readonly unusual: boolean } {
  const none = { end: start, unusual: false };
  const isBrace = (i: number): boolean => tokens[i]?.tokenType === LBrace || tokens[i]?.tokenType === LabelBrace;
  const touches = (i: number): boolean => {
    const [before, token] = [tokens[i - 1], tokens[i]];
    return before !== undefined && token !== undefined && endOf(before) === token.startOffset;
  };
  const behindBrace = (i: number): number => {
    const close = partner[i] ?? -1;
    return close < 0 ? -1 : close + 1;
  };
  const first = tokens[start]?.tokenType;
  if (first === undefined) return none;
  let unusual = isBrace(start);
  let i = unusual ? behindBrace(start) : isWord(first) || first === Int || first === StringLiteral ? start + 1 : -1;
  if (i < 0) return none;
  while (touches(i)) {
    const type = tokens[i]?.tokenType;
    const next = tokens[i + 1]?.tokenType;
    if (isBrace(i)) i = behindBrace(i);
    else if (type === Minus && next !== undefined && touches(i + 1)) {
      if (!isWord(next) && next !== Int && next !== Size && !isBrace(i + 1)) break;
      unusual = true;
      i = isBrace(i + 1) ? behindBrace(i + 1) : i + 2;
    } else if (type === Dot && next !== undefined && touches(i + 1)) {
      if (!isWord(next) && next !== Int && next !== StringLiteral && !isBrace(i + 1)) break;
      i = isBrace(i + 1) ? behindBrace(i + 1) : i + 2;
    } else if (type !== undefined && (isWord(type) || type === LabelTail) && isCloser(tokens[i - 1]?.tokenType ?? Dot)) i++;
    else break;
    if (i < 0) return none;
  }
  return { end: i, unusual };
}

/** Gives the tokens of such a label the types that the grammar knows. */
export function retagLabel({ start, end }: LabelRun, tokens: readonly IToken[], partner: Int32Array): void {
  for (let i = start; i < end; i++) {
    const token = tokens[i];
    if (!token) continue;
    const type = token.tokenType;
    if (type === Minus) retag(token, Hyphen);
    else if (isWord(type) && tokens[i - 1]?.tokenType === LabelClose && i > start) retag(token, LabelTail);
    else if (type === LBrace || type === LabelBrace) {
      const close = partner[i] ?? -1;
      retag(token, i === start ? LabelOpen : LabelBrace);
      const closer = tokens[close];
      if (!closer) continue;
      retag(closer, LabelClose);
      i = close;
    }
  }
}
