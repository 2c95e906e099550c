/** Comments are wrapped where the formatter wraps code: what may move, and what may not. */
import { expect, test } from 'vitest';
import { wrapComments } from '../../scripts/comments.ts';

const words = (count: number): string => Array.from({ length: count }, (_, i) => `word${i}`).join(' ');

test('a comment of one line becomes one of several, as wide as code', () => {
  const wrapped = wrapComments(`  /** ${words(40)} */\n  const a = 1;`);
  const lines = wrapped.split('\n');
  expect(lines.slice(0, 2)).toEqual(['  /**', expect.stringMatching(/^ {3}\* word0 word1 /)]);
  expect(lines.slice(-2)).toEqual(['   */', '  const a = 1;']);
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(130);
  expect(wrapComments(wrapped)).toBe(wrapped);
});

test('the rest of the paragraph is filled anew, other paragraphs, lists and tables are not', () => {
  const kept = [' * short', ' *', ' * - item one', ' *   indented', ' *', ' * | a | b |', ' */'];
  const wrapped = wrapComments(['/**', ' * first', ` * ${words(25)}`, ' * goes on', ' *', ...kept].join('\n')).split('\n');
  expect(wrapped.slice(0, 2)).toEqual(['/**', ' * first']);
  expect(wrapped.filter((line) => line.endsWith(' goes on'))).toHaveLength(1);
  expect(wrapped.slice(-kept.length)).toEqual(kept);
});

test('what a list item goes on with stands below its words', () => {
  const wrapped = wrapComments(['/**', ` * - ${words(25)}`, ' *   goes on', ' * - item two', ' */'].join('\n')).split('\n');
  expect(wrapped[1]).toMatch(/^ \* - word0 /);
  expect(wrapped[2]).toMatch(/^ \* {3}word\d+ .* goes on$/);
  expect(wrapped.slice(3)).toEqual([' * - item two', ' */']);
});

test('code is not broken, nor are strings and code that is wide', () => {
  const code = `\`${'x = input '.repeat(5)}\``;
  expect(wrapComments(`// ${words(18)} ${code}`).split('\n')).toEqual([`// ${words(18)}`, `// ${code}`]);
  const line = `const text = '// ${words(40)}';`;
  expect(wrapComments(line)).toBe(line);
});
