/** The pictures of README and docs/ are what the compiler draws today, and each that is shown is there. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { figures } from '../../scripts/figures.ts';

const root = new URL('../../', import.meta.url);
const read = (name: string): string => readFileSync(new URL(name, root), 'utf8');

test.each(Object.entries(figures))('%s is what is drawn', async (name, draw) => {
  expect(await draw(), 'npx tsx scripts/figures.ts writes it').toBe(read(`docs/figures/${name}`));
});

test('every picture is shown, and what is shown is there', () => {
  const pages = [
    'README.md',
    ...readdirSync(new URL('docs/', root)).flatMap((name) => (name.endsWith('.md') ? [`docs/${name}`] : [])),
  ];
  const shown = pages.flatMap((page) => {
    const links = [...read(page).matchAll(/!\[[^\]]*\]\(([^)]+)\)|<img src="([^"]+)"/g)];
    return links.map(([, a, b]) => new URL(a ?? b ?? '', new URL(page, root)));
  });
  for (const picture of shown) expect(existsSync(picture), picture.href).toBe(true);
  const names = new Set(shown.map(({ pathname }) => pathname.split('/').at(-1)));
  expect(readdirSync(new URL('docs/figures/', root)).filter((name) => !names.has(name))).toEqual([]);
});
