/** Signs of other languages and characters of none, and what is written here instead. */
import type { TokenType } from 'chevrotain';
import { strayCharacter } from '../diagnostics/catalogue/syntax.ts';
import { type Diagnostic, makeDiagnostic } from '../diagnostics/diagnostic.ts';
import type { Span } from '../diagnostics/source.ts';
import { Arrow, GreaterEqual, KwAnd, KwNot, KwOr, LessEqual, Minus, NotEqual, Star } from './tokens.ts';

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

/** The token that a sign of another language is read as, where there is one. */
export function readAs(image: string): TokenType | undefined {
  return foreignSpellings.get(image)?.as;
}

/** The text at `span`, which no token of the language begins with. */
export function describeStray(text: string, span: Span): Diagnostic {
  const code = text.codePointAt(0) ?? 0;
  const known = foreignSpellings.get(text);
  const printed = code < 128 ? quoteText(text) : `${quoteText(text)} (U+${code.toString(16).toUpperCase().padStart(4, '0')})`;
  const fix = known
    ? known.write
    : code < 128
      ? 'the statement without it'
      : 'names in ASCII letters, digits and `_`; any text may stand in comments and strings';
  return makeDiagnostic(strayCharacter, { span, with: { what: quoteText(text), found: printed, fix: `write ${fix}` } });
}
