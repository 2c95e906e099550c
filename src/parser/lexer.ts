/**
 * From text to tokens, by the lexical rules of the language reference. What touches what decides the kind of a bracket:
 * `f(` is a call and `f (` is not, `x[` is an index, `layer{` is a computed part of a label.
 */
import { createToken, type IToken, Lexer, type TokenType } from 'chevrotain';
import {
  braceTouchesWord,
  callWithoutName,
  fileTooLarge,
  gapAtDot,
  gapBeforeBracket,
  malformedNumber,
  numberOutOfRange,
  strayCharacter,
  unknownEscape,
  unterminatedComment,
  unterminatedString,
} from '../diagnostics/catalogue/syntax.ts';
import type { Sink } from '../diagnostics/diagnostic.ts';
import type { SourceFile, Span } from '../diagnostics/source.ts';
import type { Comment } from './ast.ts';

/** In characters. Keeps every regular expression of the lexer far from the limits of its engine. */
export const maxSourceLength = 4_194_304;

/** How many open brackets a closing one looks past for its partner. Twice the depth that the parser accepts, so that the search is linear. */
const scanLimit = 128;

/** A name or a keyword: label segments, argument names, and names of inputs and outputs may be either. */
export const Word = createToken({ name: 'Word', pattern: Lexer.NA, label: 'name or keyword' });
export const Operator = createToken({ name: 'Operator', pattern: Lexer.NA, label: 'operator' });

export const Name = createToken({ name: 'Name', pattern: /[A-Za-z_]\w*/, categories: [Word], label: 'Name' });

const keywordTokens: TokenType[] = [];
function keyword(image: string, ...categories: TokenType[]): TokenType {
  const name = `Kw${image.charAt(0).toUpperCase()}${image.slice(1)}`;
  const type = createToken({ name, pattern: image, longer_alt: Name, categories: [Word, ...categories], label: `'${image}'` });
  keywordTokens.push(type);
  return type;
}
function sign(name: string, pattern: string, ...categories: TokenType[]): TokenType {
  return createToken({ name, pattern, categories, label: `'${pattern}'` });
}

export const KwImport = keyword('import');
export const KwAs = keyword('as');
export const KwIn = keyword('in');
export const KwConst = keyword('const');
export const KwBlock = keyword('block');
export const KwModel = keyword('model');
export const KwInput = keyword('input');
export const KwOutput = keyword('output');
export const KwParam = keyword('param');
export const KwLet = keyword('let');
export const KwReturn = keyword('return');
export const KwAssert = keyword('assert');
export const KwMap = keyword('map');
export const KwIf = keyword('if');
export const KwElse = keyword('else');
export const KwRepeat = keyword('repeat');
export const KwEach = keyword('each');
export const KwShared = keyword('shared');
export const KwSequential = keyword('sequential');
export const KwOde = keyword('ode');
export const KwReuse = keyword('reuse');
export const KwResidual = keyword('residual');
export const KwShortcut = keyword('shortcut');
export const KwOr = keyword('or', Operator);
export const KwAnd = keyword('and', Operator);
export const KwNot = keyword('not');
export const KwTrue = keyword('true');
export const KwFalse = keyword('false');

/** Every reserved word, for editors and the TextMate grammar. `from` and `none` are names that two statements look for. */
export const keywords: readonly string[] = keywordTokens.map((type) => String(type.PATTERN));

const digits = '0123456789';
/** Behind one dot digits are an integer, so that `a.0.1` is a path of three segments; behind the two of a range they are not. */
export const Float = createToken({
  name: 'Float',
  pattern: /(?<!(?<!\.)\.)\d+(?:\.\d+(?:[eE][+-]?\d+)?|[eE][+-]?\d+)/,
  start_chars_hint: [...digits],
});
export const Size = createToken({ name: 'Size', pattern: /\d+(?:x\d+)+/ });
export const Int = createToken({ name: 'Int', pattern: /\d+/ });
export const StringLiteral = createToken({ name: 'String', pattern: /"[^"\\\n\r]*(?:\\[^\n\r][^"\\\n\r]*)*"/, label: 'String' });
const OpenString = createToken({ name: 'OpenString', pattern: /"[^\n\r]*/ });

export const Arrow = sign('Arrow', '->');
export const Equal = sign('Equal', '==', Operator);
export const NotEqual = sign('NotEqual', '!=', Operator);
export const LessEqual = sign('LessEqual', '<=', Operator);
export const GreaterEqual = sign('GreaterEqual', '>=', Operator);
export const Less = sign('Less', '<', Operator);
export const Greater = sign('Greater', '>', Operator);
export const Plus = sign('Plus', '+', Operator);
export const Minus = sign('Minus', '-', Operator);
export const Star = sign('Star', '*', Operator);
export const Slash = sign('Slash', '/', Operator);
export const Percent = sign('Percent', '%', Operator);
export const At = sign('At', '@', Operator);
export const Assign = sign('Assign', '=');
export const Question = sign('Question', '?');
export const Colon = sign('Colon', ':');
export const Comma = sign('Comma', ',');
export const Semicolon = sign('Semicolon', ';');
export const DotDot = sign('DotDot', '..');
export const Dot = sign('Dot', '.');
export const LParen = sign('LParen', '(');
export const RParen = sign('RParen', ')');
export const LBracket = sign('LBracket', '[');
export const RBracket = sign('RBracket', ']');
export const LBrace = sign('LBrace', '{');
export const RBrace = sign('RBrace', '}');

/** A parenthesis that touches the name before it. */
export const CallParen = createToken({ name: 'CallParen', pattern: Lexer.NA, label: "touching '('" });
/** A bracket that touches the value before it. */
export const IndexBracket = createToken({ name: 'IndexBracket', pattern: Lexer.NA, label: "touching '['" });
/** A brace that touches the word, number or dot before it: a computed part of a label. */
export const LabelBrace = createToken({ name: 'LabelBrace', pattern: Lexer.NA, label: "touching '{'" });
/** A word that touches the closing brace of a computed part, as in `layer{i}_out`. */
export const LabelTail = createToken({ name: 'LabelTail', pattern: Lexer.NA, label: 'touching Word' });
/** The closing brace of a computed part. */
export const LabelClose = createToken({ name: 'LabelClose', pattern: Lexer.NA, label: "'}'" });

const Blank = createToken({ name: 'Blank', pattern: /[ \t\r\n]+/, group: Lexer.SKIPPED, line_breaks: true });
const LineComment = createToken({ name: 'LineComment', pattern: /\/\/[^\n\r]*/, group: 'comments' });
const BlockComment = createToken({ name: 'BlockComment', pattern: /\/\*[\s\S]*?\*\//, group: 'comments', line_breaks: true });
const OpenComment = createToken({ name: 'OpenComment', pattern: /\/\*[\s\S]*/, line_breaks: true });
/** Signs of other languages, which are reported with what is written here instead. */
const Foreign = createToken({ name: 'Foreign', pattern: /&&?|\|\|?|\*\*|=>|[+\-*/]=|:=|[!~^$#'`\\“”→×·−–≤≥≠\u00a0]/ });
const ByteOrderMark = createToken({ name: 'ByteOrderMark', pattern: /\ufeff/ });

/** In the order in which they are tried. */
const lexed: TokenType[] = [
  Blank,
  LineComment,
  BlockComment,
  OpenComment,
  // Longest first: `as` would take the beginning of `assert`, and then the longer match is a Name.
  ...[...keywordTokens].sort((a, b) => String(b.PATTERN).length - String(a.PATTERN).length),
  Name,
  Float,
  Size,
  Int,
  StringLiteral,
  OpenString,
  Arrow,
  Equal,
  NotEqual,
  Foreign,
  ByteOrderMark,
  LessEqual,
  GreaterEqual,
  Less,
  Greater,
  Plus,
  Minus,
  Star,
  Slash,
  Percent,
  At,
  Assign,
  Question,
  Colon,
  Comma,
  Semicolon,
  DotDot,
  Dot,
  LParen,
  RParen,
  LBracket,
  RBracket,
  LBrace,
  RBrace,
];
/** All token types, those that only the second look at the text makes included. */
export const vocabulary: TokenType[] = [Word, Operator, ...lexed, CallParen, IndexBracket, LabelBrace, LabelTail, LabelClose];

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

export function endOf(token: IToken): number {
  return token.startOffset + token.image.length;
}

/** The position of a token among its file's tokens. */
export function indexOf(token: IToken): number {
  const index: unknown = token.payload;
  return typeof index === 'number' ? index : Number.MAX_SAFE_INTEGER;
}

export function retag(token: IToken, type: TokenType): void {
  token.tokenType = type;
  token.tokenTypeIdx = type.tokenTypeIdx ?? 0;
}

export function isWord(type: TokenType | undefined): boolean {
  return type !== undefined && (type === Name || type.CATEGORIES?.includes(Word) === true);
}

function isNumber(type: TokenType): boolean {
  return type === Int || type === Float || type === Size;
}

/** True of a token that may end an expression. */
export function endsValue(type: TokenType): boolean {
  return (
    type === Name ||
    isNumber(type) ||
    type === StringLiteral ||
    type === KwTrue ||
    type === KwFalse ||
    type === RParen ||
    type === RBracket ||
    type === RBrace
  );
}

const foreignSpellings = new Map<string, { readonly write: string; readonly as?: TokenType }>([
  ['&&', { write: '`and`', as: KwAnd }],
  ['||', { write: '`or`', as: KwOr }],
  ['!', { write: '`not`', as: KwNot }],
  ['**', { write: '`pow(base, exponent)`' }],
  ['^', { write: '`pow(base, exponent)`' }],
  ['=>', { write: '`->`', as: Arrow }],
  ['→', { write: '`->`', as: Arrow }],
  [':=', { write: '`let name = …`' }],
  ['+=', { write: '`it + …`, or `let` with a new name' }],
  ['-=', { write: '`it - …`, or `let` with a new name' }],
  ['*=', { write: '`it * …`, or `let` with a new name' }],
  ['/=', { write: '`it / …`, or `let` with a new name' }],
  ['#', { write: '`//` before a comment' }],
  ["'", { write: 'strings with double quotes, as in `"nearest"`' }],
  ['`', { write: 'strings with double quotes, as in `"nearest"`' }],
  ['“', { write: 'strings with straight quotes, as in `"nearest"`' }],
  ['”', { write: 'strings with straight quotes, as in `"nearest"`' }],
  ['×', { write: '`x` between the integers of a size, as in `3x3`, and `*` for a product' }],
  ['·', { write: '`*`', as: Star }],
  ['−', { write: '`-`', as: Minus }],
  ['–', { write: '`-`', as: Minus }],
  ['≤', { write: '`<=`', as: LessEqual }],
  ['≥', { write: '`>=`', as: GreaterEqual }],
  ['≠', { write: '`!=`', as: NotEqual }],
  ['\u00a0', { write: 'an ordinary blank' }],
  ['$', { write: 'a name of letters, digits and `_`' }],
  ['&', { write: '`and`', as: KwAnd }],
  ['|', { write: '`or`', as: KwOr }],
  ['~', { write: '`not`', as: KwNot }],
  ['\\', { write: 'the next part on its own line: a line break inside brackets or before an operator needs no sign' }],
]);

/** As messages show a piece of text: short, on one line, without control characters. */
export function quoteText(text: string): string {
  const line = text.split(/[\r\n]/, 1)[0] ?? '';
  let out = '';
  let count = 0;
  for (const character of line) {
    if (count === 40) return `\`${out}…\``;
    const code = character.codePointAt(0) ?? 0;
    out += code < 32 || (code >= 127 && code < 160) ? `\\u{${code.toString(16)}}` : character;
    count++;
  }
  return `\`${out}\``;
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
  const span = (start: number, end: number): Span => ({ file: source, start, end });
  const at = (token: IToken): Span => span(token.startOffset, endOf(token));
  const spoil = (token: IToken): void => {
    spoiledLines.add(token.startLine ?? 0);
  };

  const tokens: IToken[] = [];
  for (const token of result.tokens) {
    switch (token.tokenType) {
      case ByteOrderMark:
        if (token.startOffset > 0) reportStray(token.image, token.startOffset, token.startLine ?? 0);
        break;
      case Foreign: {
        reportStray(token.image, token.startOffset, token.startLine ?? 0);
        const replacement = foreignSpellings.get(token.image)?.as;
        if (replacement) {
          retag(token, replacement);
          tokens.push(token);
        }
        break;
      }
      case OpenString: {
        spoil(token);
        const text = token.image.trimEnd();
        const inside = text.replace(/[)\]},;\s\\]+$/, '');
        const fix = `\`${inside.length > 60 ? '"…' : inside}"\``;
        sink.report(unterminatedString, { span: at(token), with: { fix } });
        retag(token, StringLiteral);
        tokens.push(token);
        break;
      }
      case OpenComment:
        spoil(token);
        sink.report(unterminatedComment, { span: span(token.startOffset, token.startOffset + 2), with: {} });
        break;
      default:
        tokens.push(token);
    }
  }

  // What no token begins with, Chevrotain skips and tells.
  for (const error of result.errors)
    reportStray(source.text.slice(error.offset, error.offset + error.length), error.offset, error.line ?? 0);

  function reportStray(text: string, start: number, line: number): void {
    spoiledLines.add(line);
    const code = text.codePointAt(0) ?? 0;
    const known = foreignSpellings.get(text);
    const printed = code < 128 ? quoteText(text) : `${quoteText(text)} (U+${code.toString(16).toUpperCase().padStart(4, '0')})`;
    const fix = known
      ? known.write
      : code < 128
        ? 'the statement without it'
        : 'names in ASCII letters, digits and `_`; any text may stand in comments and strings';
    sink.report(strayCharacter, {
      span: span(start, start + text.length),
      with: { what: quoteText(text), found: printed, fix: `write ${fix}` },
    });
  }

  // The stack of open brackets decides what a closing brace closes, and with that what may touch it.
  const partner = new Int32Array(tokens.length).fill(-1);
  const open: number[] = [];
  const closes = (opener: TokenType, closer: TokenType): boolean =>
    closer === RParen
      ? opener === LParen || opener === CallParen
      : closer === RBracket
        ? opener === LBracket || opener === IndexBracket
        : opener === LBrace || opener === LabelBrace;
  const reopened = (opener: TokenType): boolean => opener === LBrace || opener === LabelBrace;

  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i];
    if (!token) break;
    token.payload = i;
    const before = tokens[i - 1];
    const touching = before !== undefined && endOf(before) === token.startOffset;
    const sameLine = before !== undefined && before.endLine === token.startLine;
    const type = token.tokenType;
    const previous = before?.tokenType;

    if (before && touching && previous && isNumber(previous) && (isWord(type) || isNumber(type) || type === StringLiteral)) {
      spoil(token);
      const text = before.image + token.image;
      const sizeLike = /^\d+x$/.test(text) || (previous === Size && /^x/.test(token.image));
      sink.report(malformedNumber, {
        span: span(before.startOffset, endOf(token)),
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
    if (type === Dot) {
      const after = tokens[i + 1];
      const touchesAfter = after !== undefined && endOf(token) === after.startOffset;
      if (touchesAfter && !touching && after.tokenType === Int && (!previous || !isWord(previous) || !sameLine)) {
        spoil(token);
        sink.report(malformedNumber, {
          span: span(token.startOffset, endOf(after)),
          with: {
            found: `\`.${after.image}\``,
            expected: 'a float has digits on both sides of its dot',
            fix: `\`0.${after.image}\``,
          },
        });
      } else if (
        before &&
        touching &&
        (previous === Int || (previous === Float && before.image.includes('.'))) &&
        !(touchesAfter && (isWord(after.tokenType) || after.tokenType === LBrace || after.tokenType === Int))
      ) {
        spoil(token);
        sink.report(malformedNumber, {
          span: span(before.startOffset, endOf(token)),
          with: {
            found: `\`${before.image}.\``,
            expected: 'a float has digits on both sides of its dot',
            fix: `\`${before.image}${previous === Int ? '.0' : ''}\``,
          },
        });
      } else if (
        before &&
        after &&
        previous &&
        (isWord(previous) || previous === Int || previous === LabelClose || previous === Float) &&
        !(touching && touchesAfter)
      ) {
        if (isWord(after.tokenType) || after.tokenType === Int || after.tokenType === LBrace) {
          spoil(token);
          sink.report(gapAtDot, {
            span: span(endOf(before), after.startOffset),
            with: {
              found: touching ? 'a gap behind the dot' : 'a gap before the dot',
              fix: `\`${before.image}.${after.tokenType === LBrace ? '{…}' : after.image}\``,
            },
          });
        }
      }
    }

    if (type === LParen && before && previous) {
      const named = previous === Name;
      const declared = tokens[i - 2]?.tokenType;
      if (named && touching) retag(token, CallParen);
      else if (named && sameLine && declared !== KwBlock && declared !== KwModel && declared !== KwAs && declared !== KwOutput) {
        spoil(token);
        sink.report(gapBeforeBracket, {
          span: span(endOf(before), endOf(token)),
          with: {
            bracket: '`(`',
            what: 'a call',
            found: `a gap between \`${before.image}\` and \`(\``,
            fix: `\`${before.image}(\`, or \`;\` between two statements`,
          },
        });
        retag(token, CallParen);
      } else if (touching && endsValue(previous) && !named) {
        spoil(token);
        sink.report(callWithoutName, {
          span: at(token),
          with: { found: quoteText(before.image), fix: '`;` before the `(` of a new statement' },
        });
      }
    } else if (type === LBracket && before && previous) {
      if (touching && endsValue(previous)) retag(token, IndexBracket);
      else if (sameLine && !touching && (previous === Name || previous === RParen || previous === RBracket)) {
        const declared = tokens[i - 2]?.tokenType;
        if (!(previous === Name && (declared === KwAs || declared === KwOutput))) {
          spoil(token);
          sink.report(gapBeforeBracket, {
            span: span(endOf(before), endOf(token)),
            with: {
              bracket: '`[`',
              what: 'an index',
              found: `a gap between ${quoteText(before.image)} and \`[\``,
              fix: `\`${before.image}[\`, or \`;\` between two statements`,
            },
          });
          retag(token, IndexBracket);
        }
      }
    } else if (type === LBrace && before && previous && touching) {
      if (isWord(previous) || isNumber(previous) || previous === Dot || previous === LabelClose || previous === LabelTail)
        retag(token, LabelBrace);
    } else if (touching && previous === LabelClose && isWord(type)) {
      retag(token, LabelTail);
    }

    const now = token.tokenType;
    if (now === LParen || now === CallParen || now === LBracket || now === IndexBracket || now === LBrace || now === LabelBrace) {
      open.push(i);
    } else if (now === RParen || now === RBracket || now === RBrace) {
      // A brace closes what is still open inside it; a parenthesis never closes a body.
      let depth = open.length - 1;
      const lowest = Math.max(0, open.length - scanLimit);
      while (depth >= 0) {
        const opener = tokens[open[depth] ?? 0]?.tokenType ?? LParen;
        if (closes(opener, now)) break;
        if (now !== RBrace && reopened(opener)) {
          depth = -1;
          break;
        }
        depth--;
        if (depth < lowest) depth = -1;
      }
      const openerIndex = open[depth];
      if (openerIndex !== undefined) {
        open.length = depth;
        partner[openerIndex] = i;
        partner[i] = openerIndex;
        if (tokens[openerIndex]?.tokenType === LabelBrace) retag(token, LabelClose);
      }
    }
  }

  // A touching brace that no label continues is the body of someone who forgot the blank.
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i];
    if (token?.tokenType !== LabelBrace) continue;
    const close = partner[i] ?? -1;
    const closer = tokens[close];
    const after = tokens[close + 1];
    const before = tokens[i - 1];
    if (!closer || !before || isPartOfLabel(tokens, i, close, after)) continue;
    spoil(token);
    sink.report(braceTouchesWord, {
      span: span(before.startOffset, endOf(token)),
      with: { found: quoteText(`${before.image}{`), fix: `\`${before.image} {\` for a body, or \`:\` after the label` },
    });
    retag(token, LBrace);
    retag(closer, RBrace);
    if (after?.tokenType === LabelTail) retagAsWord(after);
  }

  const comments: Comment[] = [];
  for (const token of result.groups.comments ?? []) {
    let begin = token.startOffset - 1;
    while (begin >= 0 && (source.text[begin] === ' ' || source.text[begin] === '\t' || source.text[begin] === '\ufeff')) begin--;
    const ownLine = begin < 0 || source.text[begin] === '\n' || source.text[begin] === '\r';
    comments.push({ text: token.image, span: at(token), ownLine });
  }
  return { tokens, comments, partner, spoiledLines };
}

const wordTypes = new Map<string, TokenType>(keywordTokens.map((type) => [String(type.PATTERN), type]));
function retagAsWord(token: IToken): void {
  retag(token, wordTypes.get(token.image) ?? Name);
}

/** Whether the part in braces from `open` to `close` belongs to a label: a label goes on behind it, or stands where only labels stand. */
function isPartOfLabel(tokens: readonly IToken[], open: number, close: number, after: IToken | undefined): boolean {
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

/** Whether an integer literal is at most 2^53; the text is compared, because a double would round first. */
export function integerFits(image: string): boolean {
  const text = image.replace(/^0+(?=\d)/, '');
  return text.length < 16 || (text.length === 16 && text <= '9007199254740992');
}

/** The value of an integer literal; one beyond 2^53 is reported and read as 2^53. */
export function integerValue(image: string, span: Span, sink: Sink): number {
  if (integerFits(image)) return Number(image);
  sink.report(numberOutOfRange, {
    span,
    with: {
      found: `the integer ${quoteText(image).slice(1, -1)}`,
      expected: 'an integer of at most 9007199254740992 (2^53)',
      fix: '9007199254740992 or less',
    },
  });
  return 9007199254740992;
}

/** The value of a float literal; one that overflows, or is not zero and vanishes, is reported. */
export function floatValue(image: string, span: Span, sink: Sink): number {
  const value = Number(image);
  const vanished = value === 0 && /[1-9]/.test(image.replace(/[eE].*$/, ''));
  if (Number.isFinite(value) && !vanished) return value;
  sink.report(numberOutOfRange, {
    span,
    with: {
      found: `the float ${quoteText(image).slice(1, -1)}`,
      expected: 'a float between 5e-324 and 1.7976931348623157e308',
      fix: vanished ? '0.0' : '1.7976931348623157e308',
    },
  });
  return vanished ? 0 : Number.MAX_VALUE;
}

/** The text of a string literal, its escapes resolved. */
export function stringValue(image: string, start: number, source: SourceFile, sink: Sink): string {
  const closed = image.length > 1 && image.endsWith('"');
  const end = closed ? image.length - 1 : image.length;
  let out = '';
  for (let i = 1; i < end; i++) {
    const character = image.charAt(i);
    if (character !== '\\') {
      out += character;
      continue;
    }
    i++;
    const escaped = i < end ? String.fromCodePoint(image.codePointAt(i) ?? 0) : '';
    switch (escaped) {
      case '"':
      case '\\':
        out += escaped;
        break;
      case 'n':
        out += '\n';
        break;
      case 't':
        out += '\t';
        break;
      case '':
        break;
      default:
        sink.report(unknownEscape, {
          span: { file: source, start: start + i - 1, end: start + i + escaped.length },
          with: { found: quoteText(`\\${escaped}`), fix: `\`\\\\${quoteText(escaped).slice(1)} for a backslash` },
        });
        out += escaped;
        i += escaped.length - 1;
    }
  }
  return out;
}
