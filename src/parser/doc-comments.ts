/** The `///` comments before what they document. */
import type { IToken } from 'chevrotain';
import { positionOf, type SourceFile } from '../diagnostics/source.ts';
import type { Lexed } from './lexer.ts';
import { CallParen, Comma, endOf, indexOf, LParen } from './tokens.ts';

/** The text of the `///` lines right before the token, without the signs; undefined where there are none. */
export function docBefore(start: IToken, { tokens, comments }: Lexed, source: SourceFile): string | undefined {
  if (comments.length === 0) return undefined;
  const before = tokens[indexOf(start) - 1];
  const from = before ? endOf(before) : 0;
  let low = 0;
  let high = comments.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((comments[middle]?.span.start ?? 0) < start.startOffset) low = middle + 1;
    else high = middle;
  }
  const lines: string[] = [];
  for (let i = low - 1; i >= 0; i--) {
    const comment = comments[i];
    if (!comment || comment.span.start < from || !comment.text.startsWith('///')) break;
    // What stands behind something on its line documents that, but for the bracket or comma before a parameter.
    const behind = !comment.ownLine && before?.endLine === positionOf(source, comment.span.start).line;
    if (behind && before.tokenType !== LParen && before.tokenType !== CallParen && before.tokenType !== Comma) break;
    lines.unshift(comment.text.slice(3).replace(/^ /, '').trimEnd());
  }
  return lines.length > 0 ? lines.join('\n') : undefined;
}
