/**
 * Golden files: what the compiler prints, kept beside what it was given. `npm run golden` writes them; continuous
 * integration never does, so that a missing or stale one fails there.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';

export const goldenFolder = fileURLToPath(new URL('./golden', import.meta.url));

function updating(): boolean {
  return process.env.UPDATE_GOLDEN === '1' && !process.env.CI;
}

/**
 * Compares `actual` with the golden file at `path` (relative to test/golden, such as `parse/chain.ast`), byte for byte
 * after a final line break. With UPDATE_GOLDEN=1 it writes the file instead, unless CI is set.
 */
export function golden(path: string, actual: string): void {
  const file = resolve(goldenFolder, path);
  const text = actual.endsWith('\n') ? actual : `${actual}\n`;
  if (updating()) {
    if (existsSync(file) && readFileSync(file, 'utf8') === text) return;
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    return;
  }
  if (!existsSync(file)) {
    throw new Error(`test/golden/${path} is missing: run \`npm run golden\`, read what it wrote, and commit it`);
  }
  expect(text, `test/golden/${path} is stale: run \`npm run golden\`, read the difference, and commit it`).toBe(
    readFileSync(file, 'utf8'),
  );
}
