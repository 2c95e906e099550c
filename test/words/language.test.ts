/** The pages of the language's own words: all of them are there, and what they show compiles. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { check } from '../../src/check.ts';
import { builtinNames } from '../../src/elaborate/builtins.ts';
import { initNames } from '../../src/elaborate/names.ts';
import { solvers } from '../../src/elaborate/solvers.ts';
import { shortcutNames } from '../../src/elaborate/values.ts';
import { elemTypes } from '../../src/ir/elem.ts';
import { productions } from '../../src/parser/parse-file.ts';
import { keywords } from '../../src/parser/tokens.ts';
import { languageWords, namesOfEntry } from '../../src/words/language.ts';
import { languageText } from '../../src/words/language-text.ts';

const entries = languageWords();
const names = entries.flatMap(namesOfEntry);

describe('the words of the language', () => {
  test.each([
    ['keywords', keywords],
    ['functions', builtinNames],
    ['initialisers', initNames],
    ['solvers', [...solvers.keys()]],
    ['kinds of shortcut', shortcutNames],
    ['element types', elemTypes],
  ])('all %s have a page', (_, all) => {
    expect(all.length).toBeGreaterThan(3);
    expect(all.filter((word) => !names.includes(word))).toEqual([]);
  });
  test('each has one', () => expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]));
  test.each(entries.map((entry) => [entry.words, entry] as const))('%s: the example compiles', (_, entry) => {
    const { example, rules } = entry;
    const whole = /^model /m.test(example);
    const source = whole ? example : `model M {\n  input x: f32[N, 64, 32, 32]\n${example}\n  output y\n}`;
    const { diagnostics, warnings } = check(source, { fileName: 'example.res' });
    expect([...diagnostics, ...warnings].map(({ code, found }) => `${code}: ${found}`)).toEqual([]);
    // It shows the word, and one of a kind stands for the others.
    expect(namesOfEntry(entry).some((name) => example.includes(name))).toBe(true);
    for (const rule of rules?.split(' ') ?? []) expect([...productions().keys()]).toContain(rule);
  });
  test('name headings of the reference', () => {
    const headings = new Set(
      [...readFileSync(new URL('../../docs/language.md', import.meta.url), 'utf8').matchAll(/^#+ (.*)$/gm)].map(
        ([, title]) => title,
      ),
    );
    expect(entries.map(({ section }) => section).filter((section) => !headings.has(section))).toEqual([]);
  });
  test('have their form from the grammar', () => {
    const loop = entries.find(({ words }) => words === 'loop') ?? expect.unreachable();
    expect(languageText(loop, 'loop', productions())).toContain(`loop = ${productions().get('loop')}`);
  });
});
