/**
 * Writes src/stdlib/sources.ts from src/stdlib/*.res, so that the library travels with the compiler where there is no file
 * system.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

const folder = new URL('../src/stdlib/', import.meta.url);
const target = new URL('sources.ts', folder);
const files = readdirSync(folder)
  .filter((name) => name.endsWith('.res'))
  .sort();
const entries = files.map((name) => {
  const lines = readFileSync(new URL(name, folder), 'utf8').split('\n');
  const text = lines
    .map((line) => `${JSON.stringify(line).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}`)
    .join("\\n' +\n    '");
  return `  'std/${name}':\n    '${text}',\n`;
});
const text = `/** The standard library: blocks that models import. Written by scripts/stdlib.ts from the .res files beside it. */\n// biome-ignore format: one line of the library a line\nexport const standardLibrary: Readonly<Record<string, string>> = {\n${entries.join('')}};\n`;

if (process.argv.includes('--check')) {
  if (files.length === 0 || readFileSync(target, 'utf8') !== text) {
    console.error('src/stdlib/sources.ts is stale: npm run generate');
    process.exit(1);
  }
  console.log(`src/stdlib/sources.ts is up to date with ${files.length} file(s)`);
} else writeFileSync(target, text);
