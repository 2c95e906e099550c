/** Plots as files that commands write beside what they print. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { folder, object, rescc, small } from './rescc.ts';

const here = folder({ 'small.res': small });
afterAll(here.remove);
const run = (...args: string[]): ReturnType<typeof rescc> => rescc(args, { cwd: here.path });
const written = (name: string): string => readFileSync(join(here.path, name), 'latin1');

test('summary: SVG in the theme that is asked for, PDF, PNG, and the table all the same', () => {
  const table = run('summary', 'small.res').out;
  expect(run('summary', 'small.res', '-o', 'cost.svg')).toMatchObject({ code: 0, out: table, err: 'wrote cost.svg\n' });
  expect(written('cost.svg')).toContain('@media (prefers-color-scheme:dark)');
  expect(written('cost.svg')).toContain('>at N = 1<');
  expect(run('summary', 'small.res', '--at', 'N=3', '--theme', 'dark', '-o', 'dark.svg', '-q')).toMatchObject({
    code: 0,
    out: '',
  });
  expect(written('dark.svg')).toContain('.f-paper{fill:#12171d}');
  expect(written('dark.svg')).not.toContain('@media');
  expect(written('dark.svg')).toContain('>at N = 3<');
  expect(run('summary', 'small.res', '-o', 'cost.pdf', '-q')).toMatchObject({ code: 0, out: '', err: '' });
  expect(written('cost.pdf')).toMatch(/^%PDF-1\.7/);
  expect(object(run('summary', 'small.res', '-o', 'cost.png', '--json').out)).toMatchObject({ ok: true, output: 'cost.png' });
  expect(written('cost.png')).toMatch(/^\x89PNG/);
});
