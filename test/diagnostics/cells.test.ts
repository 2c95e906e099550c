/** Text in the cells of a terminal: letters of every width line up, are cut and broken, and are underlined where they stand. */
import stringWidth from 'string-width';
import { describe, expect, test } from 'vitest';
import wrapAnsi from 'wrap-ansi';
import { aligned, cellsOf, clustersOf, isPlain, padEnd, padStart, shortened } from '../../src/diagnostics/cells.ts';
import { plainLines, wrapped } from '../../src/diagnostics/wrap.ts';
import { check, render } from '../../src/index.ts';

const family = '\u{1f468}\u200d\u{1f469}\u200d\u{1f467}';
const flag = '\u{1f1eb}\u{1f1ee}';
const accented = 'e\u0301';

test.each([
  ['plain', 5],
  ['日本語', 6],
  ['한글', 4],
  [accented, 1],
  [family, 2],
  [flag, 2],
  ['\u001b[31mred\u001b[39m', 3],
  ['→', 1],
])('%s takes its cells', (text, cells) => expect(cellsOf(text)).toBe(cells));

describe('plain letters', () => {
  const all = Array.from({ length: 0x10000 }, (_, code) => String.fromCharCode(code)).filter(isPlain);
  test('take a cell each, and join with none', () => {
    expect(all.length).toBeGreaterThan(100);
    expect(all.filter((letter) => stringWidth(letter) !== 1 || letter.normalize() !== letter)).toEqual([]);
    const joining = all
      .flatMap((a) => all.map((b) => a + b))
      .filter((pair) => stringWidth(pair) !== 2 || pair.normalize() !== pair);
    expect(joining).toEqual([]);
    expect(['\t', '\u001b[31m', '\u00ad', accented, '日', family].filter(isPlain)).toEqual([]);
  });
  test('are broken as by wrap-ansi', () => {
    const words = ['', 'a', 'is', '→', 'longer', 'a-word-that-stands-alone', 'one,'];
    let state = 1;
    const upTo = (n: number): number => {
      state = (state * 48271) % 2147483647;
      return state % n;
    };
    for (let i = 0; i < 500; i++) {
      const text = Array.from({ length: upTo(12) }, () => words[upTo(words.length)]).join(' ');
      const cells = 1 + upTo(20);
      expect(plainLines(text, cells), `${JSON.stringify(text)} in ${cells}`).toEqual(wrapAnsi(text, cells).split('\n'));
    }
  });
});

describe('a table', () => {
  test('stands in columns, whatever its letters are', () => {
    const rows = aligned(
      [
        ['name', 'n'],
        ['日本', '10'],
        [family, '1'],
      ],
      { right: (column) => column === 1 },
    );
    expect(rows).toEqual(['name   n', '日本  10', `${family}     1`]);
    expect(new Set(rows.map(cellsOf))).toEqual(new Set([8]));
  });
  test('has no column wider than it may be, and no blanks at its ends', () => {
    expect(
      aligned(
        [
          ['a'.repeat(9), 'b'],
          ['a', 'b'],
          ['a', ''],
        ],
        { most: 4 },
      ),
    ).toEqual([`${'a'.repeat(9)}  b`, 'a     b', 'a']);
  });
  test('is padded and cut by cells', () => {
    expect(padEnd('日', 4)).toBe('日  ');
    expect(padStart('日', 4)).toBe('  日');
    expect(shortened('日本語', 5)).toBe('日本…');
    expect(shortened('日本語', 4)).toBe('日…');
    expect(shortened(`${family}${family}`, 3)).toBe(`${family}…`);
    expect(shortened('日本語', 6)).toBe('日本語');
  });
});

test('a cluster is one', () => {
  expect(clustersOf(`a${accented}${family}${flag}`)).toEqual(['a', accented, family, flag]);
  expect(clustersOf('a\tb')).toEqual(['a', '\t', 'b']);
});

describe('lines', () => {
  test('are broken at blanks by the cells of their words', () => {
    expect(wrapped('日本 日本 日本', 9)).toEqual(['日本 日本', '日本']);
    expect(wrapped('one  two\nthree', 80)).toEqual(['one two three']);
    expect(wrapped('one two three four', 9, { head: '- ', indent: '  ' })).toEqual(['- one two', '  three', '  four']);
    expect(wrapped('one two three', 9, { head: 'a long head ', indent: '  ' })).toEqual(['a long head one', '  two', '  three']);
    expect(wrapped('a longestword b', 5)).toEqual(['a', 'longestword', 'b']);
    expect(wrapped('', 9, { head: '- ' })).toEqual(['- ']);
    expect(wrapped('one two', Number.POSITIVE_INFINITY)).toEqual(['one two']);
  });
  test('end their colour, and begin it again', () => {
    const red = (text: string): string => `\u001b[31m${text}\u001b[39m`;
    expect(wrapped(red('one two'), 4, { indent: '  ' })).toEqual([red('one'), `  ${red('two')}`]);
  });
});

test.each([
  ['日本', 4],
  [family, 2],
  [flag, 2],
  [accented, 1],
  ['한', 2],
  ['\u200b', 0],
  ['\u202e', 1],
])('an excerpt points below what stands behind %s', (text, cells) => {
  const source = `model M { input x: f32[N, 3]  /* ${text} */ nope(3)  output y }`;
  const lines = render(check(source).diagnostics).split('\n');
  const at = lines.findIndex((line) => line.includes('nope(3)'));
  const before = (line: string, mark: string): number => cellsOf(line.slice(0, line.indexOf(mark)));
  expect(before(lines[at] ?? '', 'nope')).toBe(' 1 │ model M { input x: f32[N, 3]  /*  */ '.length + cells);
  expect(before(lines[at + 1] ?? '', '^')).toBe(before(lines[at] ?? '', 'nope'));
  expect(lines[at + 1]).toContain('^^^^');
});
