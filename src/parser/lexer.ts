/**
 * From text to tokens, by the lexical rules of the language reference: Chevrotain's lexer, then what it cannot say: mistakes in
 * characters and strings, comments beside the tokens, and what touches what (`touching.ts`).
 */
import { type IToken, Lexer } from 'chevrotain';
import { fileTooLarge, unterminatedComment, unterminatedString } from '../diagnostics/catalogue/syntax.ts';
import type { Sink } from '../diagnostics/diagnostic.ts';
import type { SourceFile } from '../diagnostics/source.ts';
import type { Comment } from './ast.ts';
import { describeStray, readAs } from './strays.ts';
import { ByteOrderMark, endOf, Foreign, lexed, OpenComment, OpenString, retag, StringLiteral } from './tokens.ts';
import { decideTouching } from './touching.ts';

/** In characters. Keeps every regular expression of the lexer far from the limits of its engine. */
export const maxSourceLength = 4_194_304;

let cachedLexer: Lexer | undefined;
/** With `validate` the definitions are checked, which costs time and which a test does. */
export function makeLexer(validate: boolean): Lexer {
  return new Lexer(lexed, {
    positionTracking: 'full',
    skipValidations: !validate,
    lineTerminatorsPattern: /\r\n|\n|\r/g,
    lineTerminatorCharacters: ['\n', '\r'],
  });
}

export interface Lexed {
  readonly tokens: IToken[];
  readonly comments: readonly Comment[];
  /** For every bracket the index of its partner, else -1. */
  readonly partner: Int32Array;
  /** Lines in which a lexical mistake was reported; syntax errors there would only repeat it. */
  readonly spoiledLines: ReadonlySet<number>;
}

/** The tokens of a file. Reports what is wrong with single characters, numbers, strings and gaps, and mends it where it can. */
export function lex(source: SourceFile, sink: Sink): Lexed {
  const spoiledLines = new Set<number>();
  if (source.text.length > maxSourceLength) {
    sink.report(fileTooLarge, { with: { name: source.name, size: source.text.length, limit: maxSourceLength } });
    return { tokens: [], comments: [], partner: new Int32Array(0), spoiledLines };
  }
  cachedLexer ??= makeLexer(false);
  const result = cachedLexer.tokenize(source.text);
  const stray = (text: string, start: number, line: number): void => {
    spoiledLines.add(line);
    sink.add(describeStray(text, { file: source, start, end: start + text.length }));
  };

  const tokens: IToken[] = [];
  for (const token of result.tokens) {
    switch (token.tokenType) {
      case ByteOrderMark:
        if (token.startOffset > 0) stray(token.image, token.startOffset, token.startLine ?? 0);
        break;
      case Foreign: {
        stray(token.image, token.startOffset, token.startLine ?? 0);
        const type = readAs(token.image);
        if (type) {
          retag(token, type);
          tokens.push(token);
        }
        break;
      }
      case OpenString:
        spoiledLines.add(token.startLine ?? 0);
        reportOpenString(token, source, sink);
        retag(token, StringLiteral);
        tokens.push(token);
        break;
      case OpenComment: {
        spoiledLines.add(token.startLine ?? 0);
        const start = token.startOffset;
        sink.report(unterminatedComment, { span: { file: source, start, end: start + 2 }, with: {} });
        break;
      }
      default:
        tokens.push(token);
    }
  }
  // What no token begins with, Chevrotain skips and tells.
  for (const { offset, length, line } of result.errors) stray(source.text.slice(offset, offset + length), offset, line ?? 0);

  const partner = decideTouching(tokens, source, sink, spoiledLines);
  return { tokens, comments: commentsOf(result.groups.comments ?? [], source), partner, spoiledLines };
}

function reportOpenString(token: IToken, source: SourceFile, sink: Sink): void {
  const inside = token.image.trimEnd().replace(/[)\]},;\s\\]+$/, '');
  const fix = `\`${inside.length > 60 ? '"…' : inside}"\``;
  sink.report(unterminatedString, { span: { file: source, start: token.startOffset, end: endOf(token) }, with: { fix } });
}

function commentsOf(tokens: readonly IToken[], source: SourceFile): Comment[] {
  return tokens.map((token) => {
    let begin = token.startOffset - 1;
    while (begin >= 0 && (source.text[begin] === ' ' || source.text[begin] === '\t' || source.text[begin] === '\ufeff')) begin--;
    const ownLine = begin < 0 || source.text[begin] === '\n' || source.text[begin] === '\r';
    return { text: token.image, span: { file: source, start: token.startOffset, end: endOf(token) }, ownLine };
  });
}
