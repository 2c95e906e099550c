/**
 * The vocabulary: every type of token, and what the parser, the formatter and the messages ask of one. What touches what decides
 * the kind of a bracket (`touching.ts`): `f(` is a call and `f (` is not, `x[` is an index, `layer{` is a computed part of a
 * label.
 */
import { createToken, type IToken, Lexer, type TokenType } from 'chevrotain';

/** A name or a keyword: label segments, argument names, and names of inputs and outputs may be either. */
export const Word = createToken({ name: 'Word', pattern: Lexer.NA, label: 'name or keyword' });
export const Operator = createToken({ name: 'Operator', pattern: Lexer.NA, label: 'operator' });

/**
 * A token of a regular expression says which characters it begins with, for the lexer's table, and whether there may be line
 * breaks in it: the build leaves out the part of Chevrotain that finds both. A test compares them.
 */
function pattern(
  name: string,
  expression: RegExp,
  starts: string,
  more: Partial<Parameters<typeof createToken>[0]> = {},
): TokenType {
  return createToken({ name, pattern: expression, start_chars_hint: [...starts], line_breaks: false, ...more });
}

const digits = '0123456789';
const letters = 'abcdefghijklmnopqrstuvwxyz';

export const Name = pattern('Name', /[A-Za-z_]\w*/, `${letters.toUpperCase()}_${letters}`, { categories: [Word], label: 'Name' });

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
export const KwLoop = keyword('loop');
export const KwWhile = keyword('while');
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

/** Behind one dot digits are an integer, so that `a.0.1` is a path of three segments; behind the two of a range they are not. */
export const Float = pattern('Float', /(?<!(?<!\.)\.)\d+(?:\.\d+(?:[eE][+-]?\d+)?|[eE][+-]?\d+)/, digits);
export const Size = pattern('Size', /\d+(?:x\d+)+/, digits);
export const Int = pattern('Int', /\d+/, digits);
export const StringLiteral = pattern('String', /"[^"\\\n\r]*(?:\\[^\n\r][^"\\\n\r]*)*"/, '"', { label: 'String' });
export const OpenString = pattern('OpenString', /"[^\n\r]*/, '"');

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
/** A brace that begins a label: `{2 * i}: conv(8, 3x3)`. */
export const LabelOpen = createToken({ name: 'LabelOpen', pattern: Lexer.NA, label: "'{' of a label" });
/** A minus inside a label, that touches what stands on both sides: `block1-0: conv(8, 3x3)`. */
export const Hyphen = createToken({ name: 'Hyphen', pattern: Lexer.NA, label: "'-' of a label" });
/** A word that touches the closing brace of a computed part, as in `layer{i}_out`. */
export const LabelTail = createToken({ name: 'LabelTail', pattern: Lexer.NA, label: 'touching Word' });
/** The closing brace of a computed part. */
export const LabelClose = createToken({ name: 'LabelClose', pattern: Lexer.NA, label: "'}'" });

const Blank = pattern('Blank', /[ \t\r\n]+/, ' \t\r\n', { group: Lexer.SKIPPED, line_breaks: true });
const LineComment = pattern('LineComment', /\/\/[^\n\r]*/, '/', { group: 'comments' });
const BlockComment = pattern('BlockComment', /\/\*[\s\S]*?\*\//, '/', { group: 'comments', line_breaks: true });
export const OpenComment = pattern('OpenComment', /\/\*[\s\S]*/, '/', { line_breaks: true });
/** Signs of other languages, which are reported with what is written here instead. */
export const Foreign = pattern(
  'Foreign',
  /&&?|\|\|?|\*\*|=>|[+\-*/]=|:=|[!~^$#'`\\“”→×·−–≤≥≠\u00a0]/,
  "&|*=+-/:!~^$#'`\\\u00a0·×–“”→−≠≤≥",
);
export const ByteOrderMark = pattern('ByteOrderMark', /\ufeff/, '\ufeff');

/** What the lexer finds, in the order in which it is tried. */
export const lexed: TokenType[] = [
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
export const vocabulary: TokenType[] = [
  Word,
  Operator,
  ...lexed,
  CallParen,
  IndexBracket,
  LabelBrace,
  LabelOpen,
  LabelTail,
  LabelClose,
  Hyphen,
];

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

/** A set of token types that answers by their number. */
export class TokenSet implements Iterable<TokenType> {
  readonly #types: readonly TokenType[];
  readonly #has: Uint8Array;

  constructor(types: readonly TokenType[]) {
    const numbers = types.map((type) => type.tokenTypeIdx ?? 0);
    this.#types = types;
    this.#has = new Uint8Array(Math.max(0, ...numbers) + 1);
    for (const number of numbers) this.#has[number] = 1;
  }

  has(type: TokenType): boolean {
    return this.#has[type.tokenTypeIdx ?? 0] === 1;
  }

  [Symbol.iterator](): Iterator<TokenType> {
    return this.#types[Symbol.iterator]();
  }
}

const words = new TokenSet([Name, ...keywordTokens]);
export function isWord(type: TokenType | undefined): boolean {
  return type !== undefined && words.has(type);
}

/** How other languages write `else if` as one word. */
export const elseIfWord = /^el(?:se?)?if$/i;

export function isNumber(type: TokenType): boolean {
  return type === Int || type === Float || type === Size;
}

const operators = new TokenSet(lexed.filter((type) => type.CATEGORIES?.includes(Operator)));
export function isOperator(type: TokenType): boolean {
  return operators.has(type);
}

export function isOpener(type: TokenType): boolean {
  return (
    type === LParen ||
    type === CallParen ||
    type === LBracket ||
    type === IndexBracket ||
    type === LBrace ||
    type === LabelBrace ||
    type === LabelOpen
  );
}

export function isCloser(type: TokenType): boolean {
  return type === RParen || type === RBracket || type === RBrace || type === LabelClose;
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

const wordTypes = new Map<string, TokenType>(keywordTokens.map((type) => [String(type.PATTERN), type]));
/** Takes back that a word is the tail of a computed part. */
export function retagAsWord(token: IToken): void {
  retag(token, wordTypes.get(token.image) ?? Name);
}
