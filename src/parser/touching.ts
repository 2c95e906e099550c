/**
 * What touches what. A second look at the tokens of a file finds the partner of every bracket, gives touching brackets their own
 * types, and reports the gaps and neighbours that mean something else than they seem to: `3 x`, `0.`, `a . b`, `f (x)`,
 * `conv1{ … }`.
 */
import type { IToken, TokenType } from 'chevrotain';
import {
  braceTouchesWord,
  callWithoutName,
  gapAtDot,
  gapBeforeBracket,
  malformedNumber,
} from '../diagnostics/catalogue/syntax.ts';
import type { Sink } from '../diagnostics/diagnostic.ts';
import type { SourceFile, Span } from '../diagnostics/source.ts';
import { retagLabel, unusualLabels } from './label-tokens.ts';
import { quoteText } from './strays.ts';
import {
  CallParen,
  Colon,
  Dot,
  elseIfWord,
  endOf,
  endsValue,
  Float,
  IndexBracket,
  Int,
  isCloser,
  isNumber,
  isOpener,
  isWord,
  KwAs,
  KwBlock,
  KwInput,
  KwModel,
  KwOutput,
  KwReuse,
  LabelBrace,
  LabelClose,
  LabelTail,
  LBrace,
  LBracket,
  LParen,
  Name,
  RBrace,
  RBracket,
  RParen,
  retag,
  retagAsWord,
  Size,
  StringLiteral,
} from './tokens.ts';

/**
 * How many open brackets a closing one looks past for its partner. Twice the depth that the parser accepts, so that the search is
 * linear.
 */
const scanLimit = 128;

/** Words before a parenthesis that is no call in other languages; the parser says what is written here. */
const begunElsewhere = /^(?:for(?:each)?|until)$/i;

const isNoCall = (word: string): boolean => begunElsewhere.test(word) || elseIfWord.test(word);

/** Numbers the tokens, tags the brackets among them, and returns for every bracket the index of its partner, else -1. */
export function decideTouching(tokens: readonly IToken[], source: SourceFile, sink: Sink, spoiledLines: Set<number>): Int32Array {
  const look = new Touching(tokens, source, sink, spoiledLines);
  look.run();
  return look.partner;
}

/** A token with the one before it. */
interface Pair {
  readonly token: IToken;
  readonly before: IToken;
  readonly touching: boolean;
  readonly sameLine: boolean;
}

class Touching {
  readonly partner: Int32Array;
  readonly #tokens: readonly IToken[];
  readonly #source: SourceFile;
  readonly #sink: Sink;
  readonly #spoiledLines: Set<number>;
  /** Indices of the brackets that are open. */
  readonly #open: number[] = [];

  constructor(tokens: readonly IToken[], source: SourceFile, sink: Sink, spoiledLines: Set<number>) {
    this.partner = new Int32Array(tokens.length).fill(-1);
    this.#tokens = tokens;
    this.#source = source;
    this.#sink = sink;
    this.#spoiledLines = spoiledLines;
  }

  run(): void {
    let before: IToken | undefined;
    for (const [i, token] of this.#tokens.entries()) {
      token.payload = i;
      if (before) {
        const touching = endOf(before) === token.startOffset;
        this.#neighbours(i, { token, before, touching, sameLine: before.endLine === token.startLine });
      } else if (token.tokenType === Dot) this.#leadingDot(token, this.#tokens[i + 1]);
      if (isOpener(token.tokenType)) this.#open.push(i);
      else if (isCloser(token.tokenType)) this.#close(i, token.tokenType);
      before = token;
    }
    for (const label of unusualLabels(this.#tokens, this.partner)) retagLabel(label, this.#tokens, this.partner);
    this.#looseBraces();
  }

  #neighbours(i: number, pair: Pair): void {
    const { token, before, touching } = pair;
    switch (token.tokenType) {
      case Dot:
        this.#dot(pair, this.#tokens[i + 1]);
        break;
      case LParen:
        this.#parenthesis(i, pair);
        break;
      case LBracket:
        this.#bracket(i, pair);
        break;
      case LBrace: {
        const type = before.tokenType;
        if (touching && (isWord(type) || isNumber(type) || type === Dot || type === LabelClose || type === LabelTail))
          retag(token, LabelBrace);
        break;
      }
      default:
        if (!touching) break;
        if (isNumber(before.tokenType)) this.#number(pair);
        else if (before.tokenType === LabelClose && isWord(token.tokenType)) retag(token, LabelTail);
    }
  }

  /** `3x`, `2abc`, `3"s"`: no number ends where the next word begins. */
  #number({ token, before }: Pair): void {
    const type = token.tokenType;
    if (!isWord(type) && !isNumber(type) && type !== StringLiteral) return;
    this.#spoil(token);
    const text = before.image + token.image;
    const sizeLike = /^\d+x$/.test(text) || (before.tokenType === Size && /^x/.test(token.image));
    this.#sink.report(malformedNumber, {
      span: this.#span(before.startOffset, endOf(token)),
      with: {
        found: quoteText(text),
        expected: sizeLike ? 'integers on both sides of each x' : 'a number that ends before the next word',
        fix: sizeLike
          ? '`3x3`'
          : isWord(type)
            ? `\`${token.image}${before.image}\`, or a blank between the two`
            : 'a blank between the two',
      },
    });
  }

  #dot(pair: Pair, after: IToken | undefined): void {
    const { token, before, touching, sameLine } = pair;
    const type = before.tokenType;
    const touchesAfter = after !== undefined && endOf(token) === after.startOffset;
    if (touchesAfter && !touching && after.tokenType === Int && (!isWord(type) || !sameLine)) {
      this.#leadingDot(token, after);
      return;
    }
    const goesOn = after !== undefined && (isWord(after.tokenType) || after.tokenType === LBrace || after.tokenType === Int);
    if (touching && (type === Int || (type === Float && before.image.includes('.'))) && !(touchesAfter && goesOn)) {
      this.#spoil(token);
      this.#sink.report(malformedNumber, {
        span: this.#span(before.startOffset, endOf(token)),
        with: {
          found: `\`${before.image}.\``,
          expected: 'a float has digits on both sides of its dot',
          fix: `\`${before.image}${type === Int ? '.0' : ''}\``,
        },
      });
      return;
    }
    const inLabel = isWord(type) || type === Int || type === LabelClose || type === Float;
    if (!inLabel || !goesOn || (touching && touchesAfter)) return;
    this.#spoil(token);
    this.#sink.report(gapAtDot, {
      span: this.#span(endOf(before), after.startOffset),
      with: {
        found: touching ? 'a gap behind the dot' : 'a gap before the dot',
        fix: `\`${before.image}.${after.tokenType === LBrace ? '{…}' : after.image}\``,
      },
    });
  }

  /** `.5` where no label goes on. */
  #leadingDot(token: IToken, after: IToken | undefined): void {
    if (after?.tokenType !== Int || endOf(token) !== after.startOffset) return;
    this.#spoil(token);
    this.#sink.report(malformedNumber, {
      span: this.#span(token.startOffset, endOf(after)),
      with: {
        found: `\`.${after.image}\``,
        expected: 'a float has digits on both sides of its dot',
        fix: `\`0.${after.image}\``,
      },
    });
  }

  #parenthesis(i: number, pair: Pair): void {
    const { token, before, touching, sameLine } = pair;
    if (before.tokenType === Name) {
      if (touching) retag(token, CallParen);
      else if (sameLine && !this.#declares(i, KwBlock, KwModel, KwAs, KwOutput) && !isNoCall(before.image)) {
        this.#reportGap(pair, '(', 'a call', `\`${before.image}\``);
        retag(token, CallParen);
      }
    } else if (touching && endsValue(before.tokenType)) {
      this.#spoil(token);
      this.#sink.report(callWithoutName, {
        span: this.#span(token.startOffset, endOf(token)),
        with: { found: quoteText(before.image), fix: this.#turnedRound(i) ?? '`;` before the `(` of a new statement' },
      });
    }
  }

  /** `conv(16, 3x3)(x)`, where the second parenthesis is the token `i`, as it is written here. */
  #turnedRound(i: number): string | undefined {
    const opener = this.partner[i - 1] ?? -1;
    const [callee, second] = [this.#tokens[opener - 1], this.#tokens[i]];
    if (!callee || !second || this.#tokens[opener]?.tokenType !== CallParen) return undefined;
    const { text } = this.#source;
    const layer = text.slice(callee.startOffset, second.startOffset);
    const operand = /^\(([^()\n]*)\)/.exec(text.slice(second.startOffset, second.startOffset + 80))?.[1]?.trim();
    if (operand === undefined || layer.length > 80) return undefined;
    return operand === '' ? `\`${layer}\`` : `\`${operand} -> ${layer}\``;
  }

  #bracket(i: number, pair: Pair): void {
    const { token, before, touching, sameLine } = pair;
    const type = before.tokenType;
    if (touching && endsValue(type)) retag(token, IndexBracket);
    else if (sameLine && !touching && (type === Name || type === RParen || type === RBracket)) {
      if (type === Name && this.#declares(i, KwAs, KwOutput)) return;
      this.#reportGap(pair, '[', 'an index', quoteText(before.image));
      retag(token, IndexBracket);
    }
  }

  #reportGap({ token, before }: Pair, bracket: string, what: string, quoted: string): void {
    this.#spoil(token);
    this.#sink.report(gapBeforeBracket, {
      span: this.#span(endOf(before), endOf(token)),
      with: {
        bracket: `\`${bracket}\``,
        what,
        found: `a gap between ${quoted} and \`${bracket}\``,
        fix: `\`${before.image}${bracket}\`, or \`;\` between two statements`,
      },
    });
  }

  /** Whether the name before the bracket at `i` is one that stands behind such a keyword. */
  #declares(i: number, ...keywords: readonly TokenType[]): boolean {
    const type = this.#tokens[i - 2]?.tokenType;
    return type !== undefined && keywords.includes(type);
  }

  /** A brace closes what is still open inside it; a parenthesis never closes a body. */
  #close(i: number, closer: TokenType): void {
    const tokens = this.#tokens;
    const open = this.#open;
    const lowest = Math.max(0, open.length - scanLimit);
    for (let depth = open.length - 1; depth >= lowest; depth--) {
      const opener = open[depth] ?? 0;
      const type = tokens[opener]?.tokenType ?? LParen;
      if (closes(type, closer)) {
        open.length = depth;
        this.partner[opener] = i;
        this.partner[i] = opener;
        const token = tokens[i];
        if (type === LabelBrace && token) retag(token, LabelClose);
        return;
      }
      if (closer !== RBrace && isBrace(type)) return;
    }
  }

  /** A touching brace that no label continues is the body of someone who forgot the blank. */
  #looseBraces(): void {
    const tokens = this.#tokens;
    for (const [i, token] of tokens.entries()) {
      if (token.tokenType !== LabelBrace) continue;
      const close = this.partner[i] ?? -1;
      const closer = tokens[close];
      const after = tokens[close + 1];
      const before = tokens[i - 1];
      if (!closer || !before || isPartOfLabel(tokens, i, close, after)) continue;
      this.#spoil(token);
      this.#sink.report(braceTouchesWord, {
        span: this.#span(before.startOffset, endOf(token)),
        with: {
          found: quoteText(`${before.image}{`),
          fix: /^\d*x$/.test(before.image)
            ? '`[a, b]`, a list, for a size with computed parts'
            : `\`${before.image} {\` for a body, or \`:\` after the label`,
        },
      });
      retag(token, LBrace);
      retag(closer, RBrace);
      if (after?.tokenType === LabelTail) retagAsWord(after);
    }
  }

  #span(start: number, end: number): Span {
    return { file: this.#source, start, end };
  }

  #spoil(token: IToken): void {
    this.#spoiledLines.add(token.startLine ?? 0);
  }
}

function isBrace(opener: TokenType): boolean {
  return opener === LBrace || opener === LabelBrace;
}

function closes(opener: TokenType, closer: TokenType): boolean {
  if (closer === RParen) return opener === LParen || opener === CallParen;
  if (closer === RBracket) return opener === LBracket || opener === IndexBracket;
  return isBrace(opener);
}

/**
 * Whether the part in braces from `open` to `close` belongs to a label: a label goes on behind it, or stands where only labels
 * stand.
 */
function isPartOfLabel(tokens: readonly IToken[], open: number, close: number, after: IToken | undefined): boolean {
  // What stands before was judged already.
  if (tokens[open - 1]?.tokenType === LabelClose) return true;
  const closer = tokens[close];
  const touchesAfter = after !== undefined && closer !== undefined && endOf(closer) === after.startOffset;
  if (after && (after.tokenType === Colon || (touchesAfter && (after.tokenType === Dot || after.tokenType === LabelBrace))))
    return true;
  if (touchesAfter && after?.tokenType === LabelTail) {
    const next = tokens[close + 2];
    if (next && (next.tokenType === Colon || next.tokenType === Dot || next.tokenType === LabelBrace)) return true;
  }
  // `output present.{i}`, `reuse layer{i}` and `shortcut`'s label: walk back to the first token of the path.
  let i = open - 1;
  let dotted = tokens[i]?.tokenType === Dot;
  for (let steps = 0; i >= 0 && steps < 64; steps++) {
    const token = tokens[i];
    const before = tokens[i - 1];
    if (!token || !before || endOf(before) !== token.startOffset) break;
    if (before.tokenType === Dot) dotted = true;
    else if (
      token.tokenType !== Dot &&
      before.tokenType !== LabelClose &&
      !isNumber(before.tokenType) &&
      !isWord(before.tokenType)
    )
      break;
    if (before.tokenType === LabelClose) return true;
    i--;
  }
  const lead = tokens[i - 1]?.tokenType;
  return dotted || lead === KwOutput || lead === KwReuse || lead === KwInput;
}
