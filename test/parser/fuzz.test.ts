/** No text makes the parser, the renderer or the formatter throw, and none makes them walk in circles. */
import { describe, expect, it } from 'vitest';
import { render } from '../../src/diagnostics/render.ts';
import { format } from '../../src/parser/format.ts';
import { parse } from '../../src/parser/parse.ts';
import { parseExpression } from '../../src/parser/parse-file.ts';
import { astText } from '../../src/parser/print-ast.ts';
import { vocabulary } from '../../src/parser/tokens.ts';
import { randomFrom, sourcesIn } from './support.ts';

function survive(text: string): number {
  const { file, diagnostics } = parse({ name: 'fuzz.res', text });
  const shown = render(diagnostics, { color: false, width: 80 });
  expect(shown.includes('undefined') && !text.includes('undefined'), `${text}\n${shown}`).toBe(false);
  for (const { span, notes } of diagnostics) {
    for (const place of [span, ...notes.map((note) => note.span)]) {
      expect(place === undefined || (place.start >= 0 && place.start <= place.end && place.end <= text.length), text).toBe(true);
    }
  }
  format(file);
  astText(file);
  return diagnostics.length;
}

const sources = [...sourcesIn('fixtures/design'), ...sourcesIn('golden/parse')];

describe('every beginning of a file', () => {
  for (const source of sources) {
    it(source.name, () => {
      const step = Math.max(1, Math.floor(source.text.length / 60));
      for (let end = 0; end < source.text.length; end += step) survive(source.text.slice(0, end));
    });
  }
});

describe('random texts', () => {
  const words = [
    ...vocabulary.map((type) => type.PATTERN).filter((pattern): pattern is string => typeof pattern === 'string'),
    ...[
      'x',
      'relu',
      '3',
      '0.5',
      '3x3',
      '"s"',
      '"',
      '/*',
      '//',
      '///',
      '\n',
      '\n',
      ' ',
      '&&',
      'é',
      '\ufeff',
      '\0',
      '1e999',
      'f(',
      'a{',
      '}.',
      'block A {',
      'model B = C',
    ],
  ];
  it('of tokens', () => {
    const random = randomFrom(7);
    for (let round = 0; round < 600; round++) {
      let text = random(2) === 0 ? 'block B {' : '';
      for (let i = random(60); i > 0; i--) text += (words[random(words.length)] ?? '') + (random(3) === 0 ? '' : ' ');
      survive(text);
    }
  });
  it('of examples with a token lost, doubled or swapped', () => {
    const random = randomFrom(11);
    for (let round = 0; round < 150; round++) {
      const text = sources[random(sources.length)]?.text ?? '';
      const parts = text.split(/\b/);
      for (let i = 1 + random(3); i > 0; i--) {
        const at = random(Math.max(1, parts.length));
        const other = random(Math.max(1, parts.length));
        const part = parts[at] ?? '';
        if (i % 3 === 0) parts[at] = '';
        else if (i % 3 === 1) parts[at] = part + part;
        else [parts[at], parts[other]] = [parts[other] ?? '', part];
      }
      survive(parts.join(''));
    }
  });
  it('of characters', () => {
    const random = randomFrom(13);
    for (let round = 0; round < 200; round++) {
      let text = '';
      for (let i = random(80); i > 0; i--) text += String.fromCharCode(random(8) === 0 ? random(0xffff) : random(128));
      survive(text);
    }
  });
});

describe('what is deep, long or many', () => {
  const many = 100_000;
  const cases: readonly (readonly [string, string, string | undefined])[] = [
    ['parentheses', `block B { ${'('.repeat(many)}x`, 'RES0015'],
    ['closed parentheses', `block B { ${'('.repeat(many)}x${')'.repeat(many)} }`, 'RES0015'],
    ['brackets', `const A = ${'['.repeat(many)}`, 'RES0015'],
    ['brackets closed by parentheses', `const A = ${'['.repeat(many)}${')'.repeat(many)}`, 'RES0015'],
    ['braces', `block B ${'{ '.repeat(many)}`, 'RES0015'],
    ['parentheses closed by braces', `block B { ${'('.repeat(many)}${'}'.repeat(many)}`, undefined],
    ['closing braces', '}'.repeat(many), 'RES0026'],
    ['calls', `const A = ${'f('.repeat(many)}`, 'RES0015'],
    ['indices within indices', `const A = ${'f['.repeat(many)}`, 'RES0015'],
    ['indices', `const A = x${'[0]'.repeat(many)}`, 'RES0016'],
    ['computed labels', `block B { ${'a{'.repeat(many)}`, undefined],
    ['computed labels, closed', `block B { ${'a{'.repeat(many)}x${'}'.repeat(many)}: relu }`, 'RES0026'],
    ['minus signs', `const A = ${'- '.repeat(many)}1`, 'RES0015'],
    ['nots', `const A = ${'not '.repeat(many)}x`, 'RES0015'],
    ['residuals', `block B { ${'residual { '.repeat(many)}`, 'RES0015'],
    ['labels', `block B { ${'a: { '.repeat(many)}`, 'RES0015'],
    ['conditions', `const A = ${'a ? b : '.repeat(many)}c`, 'RES0015'],
    ['conditions within', `const A = ${'a ? '.repeat(many)}c`, 'RES0015'],
    ['else ifs', `block B { ${'if a { } else '.repeat(many)}{ } }`, 'RES0015'],
    ['shortcuts', `block B { ${'residual { } shortcut '.repeat(many)}x }`, 'RES0015'],
    ['list types', `block B(x: int${'[]'.repeat(many)}) { }`, 'RES0015'],
    ['terms', `const A = 1${'+1'.repeat(many)}`, 'RES0016'],
    ['comparisons', `const A = 1${'<1'.repeat(400)}`, 'RES0017'],
    ['terms within parentheses', `const A = ${'('.repeat(60)}1${`${'+1'.repeat(100)})`.repeat(60)}`, 'RES0016'],
    ['links', `block B { x ${'-> f '.repeat(many)} }`, undefined],
    ['elements', `const A = [${'1, '.repeat(many)}]`, undefined],
    ['statements', `block B { ${'relu '.repeat(many)}}`, undefined],
    ['semicolons', `block B { ${';'.repeat(many)}}`, undefined],
    ['segments', `block B { a${'.b'.repeat(many)}: relu }`, undefined],
    ['segments of a path', `const A = a${'.b'.repeat(many)}`, undefined],
    ['digits', `const A = ${'1'.repeat(many)}`, 'RES0006'],
    ['quotes', '"'.repeat(many), undefined],
    ['a long string', `const A = "${'\\n'.repeat(many)}"`, undefined],
    ['comment beginnings', '/*'.repeat(many), 'RES0004'],
    ['doc comments', `${'/// a\n'.repeat(20_000)}block B { }`, undefined],
    ['stray characters', '$'.repeat(many), undefined],
    ['dots', '.'.repeat(many), undefined],
    ['commas', `block B { ${','.repeat(many)}`, undefined],
    ['open lists on lines', `block B {\n${'f(\n'.repeat(20_000)}`, 'RES0015'],
    ['open statements on lines', `block B {\n${'f(1\n'.repeat(20_000)}`, 'RES0011'],
    ['unfinished blocks', 'block B {\n'.repeat(20_000), 'RES0011'],
  ];
  for (const [what, text, code] of cases) {
    it(what, () => {
      const { file, diagnostics } = parse({ name: 'a.res', text });
      if (code !== undefined) expect(diagnostics.map((d) => d.code)).toContain(code);
      render(diagnostics, { color: false });
      if (diagnostics.length === 0 && text.length <= 250_000) {
        astText(file);
        format(file);
      }
      parseExpression({ name: '-D', text });
    });
  }
});
