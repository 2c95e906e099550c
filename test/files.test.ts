/** What holds of every file of the repository as a text. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

/** What is longer is more than one thing, or says why not. */
const mostLines = 600;

function sourcesIn(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? sourcesIn(path) : path.endsWith('.ts') ? [path] : [];
  });
}

/** Whether a text is long and its first comment gives no reason: `One file, because …`, `Longer than other files, because …`. */
function isLongWithoutReason(text: string): boolean {
  const head = /^\/\*\*[\s\S]*?\*\//.exec(text)?.[0] ?? '';
  return (
    text.split('\n').length > mostLines + 1 &&
    !/(?:One (?:file|class)|Longer than other files)[^.]*? because /s.test(head.replace(/\s\*?\s*/g, ' '))
  );
}

describe('files', () => {
  it('above 600 lines say in their head why they are one', () => {
    const files = ['src', 'test', 'scripts', 'bench', 'examples'].flatMap(sourcesIn).filter((path) => !path.endsWith('asset.ts'));
    expect(files.length).toBeGreaterThan(500);
    expect(files.filter((path) => isLongWithoutReason(readFileSync(path, 'utf8')))).toEqual([]);
  });

  it('give it in the first comment', () => {
    const long = 'x;\n'.repeat(mostLines + 1);
    expect(isLongWithoutReason(long)).toBe(true);
    expect(isLongWithoutReason(`/** A table. */\n${long}`)).toBe(true);
    expect(isLongWithoutReason(`/** A table. */\n${long}/** One file, because it is one table. */`)).toBe(true);
    expect(isLongWithoutReason(`/**\n * A table. One file, because\n * it is one table.\n */\n${long}`)).toBe(false);
    expect(isLongWithoutReason('x;\n'.repeat(mostLines))).toBe(false);
  });
});
