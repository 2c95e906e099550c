/** Strings with computed parts, `"layers.{i}.weight"`: where they are cut. */
import type { IToken } from 'chevrotain';
import { badTemplate } from '../diagnostics/catalogue/syntax.ts';
import type { Sink } from '../diagnostics/diagnostic.ts';
import type { SourceFile } from '../diagnostics/source.ts';
import { stringValue } from './literals.ts';

/** Text, or the place of an expression in the source. */
type Piece = string | { readonly start: number; readonly end: number };

/** The pieces of a string token in their order. Braces nest; `\\{` and `\\}` are braces of the text. */
export function piecesOfTemplate({ image, startOffset }: IToken, source: SourceFile, sink: Sink): Piece[] {
  const pieces: Piece[] = [];
  const closed = image.length > 1 && image.endsWith('"');
  const last = closed ? image.length - 1 : image.length;
  let text = 1;
  const endText = (at: number): void => {
    if (at > text) pieces.push(stringValue(`"${image.slice(text, at)}"`, startOffset + text - 1, source, sink, '{}'));
  };
  const refuse = (at: number, found: string, fix: string): void =>
    sink.report(badTemplate, {
      span: { file: source, start: startOffset + at, end: startOffset + Math.max(at + 1, Math.min(last, image.length)) },
      with: { found, fix },
    });
  for (let i = 1; i < last; i++) {
    if (image[i] === '\\') i++;
    else if (image[i] === '{') {
      const close = closingBrace(image, i, last);
      if (close === undefined) {
        refuse(i, 'a `{` without its `}`', '`\\{` for a brace of the name');
        return pieces;
      }
      endText(i);
      if (image.slice(i + 1, close).trim() === '')
        refuse(i, 'nothing between `{` and `}`', '`{i}`, or `\\{` for a brace of the name');
      else pieces.push({ start: startOffset + i + 1, end: startOffset + close });
      i = close;
      text = close + 1;
    }
  }
  endText(last);
  return pieces;
}

function closingBrace(image: string, open: number, last: number): number | undefined {
  let depth = 0;
  for (let i = open; i < last; i++) {
    if (image[i] === '{') depth++;
    else if (image[i] === '}' && --depth === 0) return i;
  }
  return undefined;
}
