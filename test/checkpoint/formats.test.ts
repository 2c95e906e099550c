/**
 * The list of formats is what the help, the documents and the error for other files say, and each entry opens files of its own
 * and no others.
 */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { openCheckpoint } from '../../src/checkpoint/checkpoint.ts';
import { formats, formatsText } from '../../src/checkpoint/formats.ts';
import { withWeights } from '../../src/cli/options.ts';
import { memorySource } from '../../src/io/bytes.ts';

const page = (path: string): string => readFileSync(path, 'utf8').replaceAll(/\s+/g, ' ');
const rows = formats.map(
  ({ name, endings, doc }) => `| ${name} | ${endings.map((ending) => `\`${ending}\``).join(', ')} | ${doc} |`,
);

describe('the list of formats', () => {
  test('is the table of docs/weights.md', () => {
    const text = readFileSync('docs/weights.md', 'utf8');
    expect(text).toContain(['| format | endings | notes |', '| --- | --- | --- |', ...rows].join('\n'));
  });

  test.each(['docs/language.md', 'README.md'])('is what %s says', (path) => {
    expect(page(path)).toContain(formatsText());
  });

  test('is named in the help by its families', () => {
    const help = withWeights(new Command()).helpInformation().replaceAll(/\s+/g, ' ');
    const families = [...new Set(formats.map(({ family }) => family))];
    const said = /a checkpoint: ([\w, ]+);/.exec(help)?.[1]?.split(/, | or /);
    expect([...(said ?? [])].sort()).toEqual([...families].sort());
    for (const family of families) expect(formatsText()).toContain(family);
  });

  test('has every name once, and each form of a family once', () => {
    expect(new Set(formats.map(({ name }) => name)).size).toBe(formats.length);
    expect(new Set(formats.map(({ family, form }) => `${family} ${form}`)).size).toBe(formats.length);
    for (const { family, form } of formats) {
      const others = formats.filter((one) => one.family === family).length - 1;
      expect(form === undefined).toBe(others === 0);
    }
  });

  test('is what the error for other files expects', async () => {
    const opening = openCheckpoint(memorySource('notes.txt', new TextEncoder().encode('weights of mine')));
    await expect(opening).rejects.toMatchObject({ diagnostics: [{ code: 'RES0500', expected: formatsText() }] });
  });
});
