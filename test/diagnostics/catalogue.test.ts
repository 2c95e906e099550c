/** The catalogue as a whole: every code has a message that is kept, a page that explains it, and all parts of a message. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { definedKinds } from '../../src/diagnostics/catalogue.ts';
import type { Message } from '../../src/diagnostics/diagnostic.ts';
import { explain } from '../../src/diagnostics/explain.ts';
import { goldenFolder } from '../golden.ts';

const folder = join(goldenFolder, 'errors');
const goldens = readdirSync(folder).filter((name) => name.endsWith('.txt'));
const kinds = definedKinds();

/** Which codes each file of the catalogue may define. */
const rooms: Readonly<Record<string, readonly [low: number, high: number]>> = {
  'syntax.ts': [1, 99],
  'names.ts': [100, 199],
  'values.ts': [200, 299],
  'shapes.ts': [300, 399],
  'text.ts': [21, 21],
  'edit.ts': [122, 124],
  'passes.ts': [221, 221],
  'axes.ts': [317, 325],
  'structure.ts': [400, 499],
  'bytes.ts': [500, 599],
  'weights.ts': [500, 599],
  'api.ts': [516, 529],
  'codegen.ts': [600, 649],
  'import.ts': [650, 684],
  'cli.ts': [700, 799],
  'runtime.ts': [800, 899],
  'ir.ts': [900, 949],
};

const textOf = (message: Message<string>): string =>
  message.parts.map((part, i) => part + (message.holes[i] === undefined ? '' : `<${message.holes[i]}>`)).join('');

describe('the files of the catalogue', () => {
  const files = readdirSync(new URL('../../src/diagnostics/catalogue/', import.meta.url));
  const codesIn = (file: string): readonly string[] => {
    const text = readFileSync(new URL(`../../src/diagnostics/catalogue/${file}`, import.meta.url), 'utf8');
    return [...text.matchAll(/\bcode: '(RES\d{4})'/g)].map((match) => match[1] ?? '');
  };
  test('are those of the rooms', () => expect(files.sort()).toEqual(Object.keys(rooms).sort()));
  test('define together what there is, each code once', () =>
    expect(files.flatMap(codesIn).sort()).toEqual(kinds.map((kind) => kind.code)));
  test.each(Object.entries(rooms))('%s keeps to its range', (file, [low, high]) => {
    for (const code of codesIn(file)) {
      expect(Number(code.slice(3))).toBeGreaterThanOrEqual(low);
      expect(Number(code.slice(3))).toBeLessThanOrEqual(high);
    }
  });
});

/** Constants that the sources import from the catalogue; a kind that nobody reports cannot be provoked. */
describe('the sources', () => {
  const root = new URL('../../src/', import.meta.url);
  const sources = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => ({ name: name.replaceAll('\\', '/'), text: readFileSync(new URL(name.replaceAll('\\', '/'), root), 'utf8') }));
  const defined = sources
    .filter(({ name }) => name.startsWith('diagnostics/catalogue/'))
    .flatMap(({ name, text }) =>
      [...text.matchAll(/\bconst (\w+) = defineDiagnostic\(\{\s*code: '(RES\d{4})'/g)].map((match) => ({
        name,
        constant: match[1] ?? '',
        code: match[2] ?? '',
        text,
      })),
    );
  test('are found', () => expect(defined.map(({ code }) => code).sort()).toEqual(kinds.map((kind) => kind.code)));
  test.each(defined)('report $code', ({ name, constant, text }) => {
    const word = new RegExp(`\\b${constant}\\b`, 'g');
    // Some files make the diagnostic themselves and export a function that does.
    const here = (text.match(word) ?? []).length > 1;
    const elsewhere = sources.some((source) => source.name !== name && word.test(source.text));
    expect(here || elsewhere).toBe(true);
  });
});

describe.each(kinds)('$code', (kind) => {
  const { code, title, found, expected, hint, more } = kind;

  test('has a golden file that shows it', () => {
    const own = goldens.filter((name) => name.startsWith(`${code}-`));
    expect(own, `test/golden/errors/${code}-….txt`).not.toEqual([]);
    for (const name of own) {
      const text = readFileSync(join(folder, name), 'utf8');
      expect(text, name).toMatch(new RegExp(`^(error|warning) ${code}: `, 'm'));
      // No stack traces, no holes that nothing filled, no bugs of ours.
      expect(text, name).not.toMatch(/^\s*at .*:\d+:\d+\)?$|\bundefined\b|\[object |\bNaN\b|bug in rescc/m);
    }
  });

  test('has a page', () => {
    const page = explain(code) ?? '';
    expect(page).toContain(textOf(title));
    expect(page.replace(/\s+/g, ' ')).toContain(more.replace(/\s+/g, ' '));
    expect(more.length).toBeGreaterThan(40);
    expect(more).toMatch(/[.!…)]$/);
    expect(explain(code.toLowerCase())).toBe(page);
  });

  test('says what was found, what was expected and what to type', () => {
    for (const part of [found, expected, hint]) {
      expect(part && textOf(part)).toBeTruthy();
      expect(part && textOf(part)).not.toMatch(/[^.…]\.$/);
    }
  });

  test('has a title in lower case, without a full stop', () => {
    // Names that are written with capitals may begin a title.
    expect(textOf(title)).toMatch(/^([a-z`"'<]|-D )/);
    expect(textOf(title)).not.toMatch(/[.!]$/);
  });
});
