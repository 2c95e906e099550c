/** What a literal says: the value behind its spelling. */
import { numberOutOfRange, unknownEscape } from '../diagnostics/catalogue/syntax.ts';
import type { Sink } from '../diagnostics/diagnostic.ts';
import type { SourceFile, Span } from '../diagnostics/source.ts';
import { quoteText } from './strays.ts';

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

/** The text of a string literal, its escapes resolved; `more` are characters that a backslash may stand before as well. */
export function stringValue(image: string, start: number, source: SourceFile, sink: Sink, more = ''): string {
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
        if (more.includes(escaped)) {
          out += escaped;
          break;
        }
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
