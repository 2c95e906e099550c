/** What tokens say of themselves, so that the build needs no analysis of regular expressions: compared with their patterns. */
import { Lexer, type TokenType } from 'chevrotain';
import { describe, expect, test } from 'vitest';
import { makeLexer } from '../../src/parser/lexer.ts';
import { lexed } from '../../src/parser/tokens.ts';

const patterns = lexed.filter((type) => type.PATTERN instanceof RegExp);
const startsOf = (type: TokenType): readonly unknown[] => type.START_CHARS_HINT ?? [];
/** What may follow, so that whatever a character begins is a whole token with one of them. */
const rests = ['', '=', '&', '|', '*', '>', 'x', '1', 'x2', '.5', 'e1', '"', '/', '/ */', '* */', '*'];

describe('a token with a regular expression', () => {
  test.each(patterns.map((type) => [type.name, type] as const))('%s begins with what it says', (_, type) => {
    const pattern = new RegExp(type.PATTERN as RegExp, 'y');
    const begins = (char: string): boolean =>
      rests.some((rest) => {
        pattern.lastIndex = 0;
        return pattern.test(char + rest);
      });
    const found: string[] = [];
    for (let code = 0; code <= 0xffff; code++) if (begins(String.fromCharCode(code))) found.push(String.fromCharCode(code));
    expect([...startsOf(type)].sort()).toEqual(found.sort());
  });

  test('says whether there may be line breaks in it', () => {
    const breaks = patterns.filter(({ PATTERN }) =>
      ['\n', '\r'].some((end) =>
        [`${end}`, `/*${end}*/`, `"${end}"`, `//${end}`, `a${end}`].some((text) => {
          const [match] = new RegExp(PATTERN as RegExp, 'y').exec(text) ?? [''];
          return match.includes(end);
        }),
      ),
    );
    expect(breaks.map(({ name }) => name)).toEqual(patterns.filter(({ LINE_BREAKS }) => LINE_BREAKS).map(({ name }) => name));
    expect(patterns.every(({ LINE_BREAKS }) => LINE_BREAKS !== undefined)).toBe(true);
  });

  test('has the table that Chevrotain would make of it', () => {
    const own = makeLexer(true) as unknown as { charCodeToPatternIdxToConfig: Record<string, { tokenType: TokenType }[][]> };
    const bare = lexed.map((type) => ({ ...type, START_CHARS_HINT: undefined }));
    const made = new Lexer(bare as unknown as TokenType[], {
      lineTerminatorsPattern: /\r\n|\n|\r/g,
      lineTerminatorCharacters: ['\n', '\r'],
      skipValidations: true,
    }) as unknown as typeof own;
    const names = (lexer: typeof own): unknown =>
      Object.values(lexer.charCodeToPatternIdxToConfig).map((table) =>
        table.map((list) => [...new Set(list.map(({ tokenType }) => tokenType.name))]),
      );
    expect(names(own)).toEqual(names(made));
  });
});
