/**
 * Writes src/view/figure/font-data.ts: the letters of the pictures, out of the package that has them, so that neither a build nor
 * a browser needs a loader for fonts. Arimo has the widths of Helvetica and Arial.
 */
import { readFileSync, writeFileSync } from 'node:fs';

const read = (weight: number): string =>
  readFileSync(`node_modules/@fontsource/arimo/files/arimo-latin-${weight}-normal.woff`).toString('base64');
const wrapped = (text: string): string => (text.match(/.{1,116}/g) ?? []).map((line) => `  '${line}'`).join(' +\n');
const { version } = JSON.parse(readFileSync('node_modules/@fontsource/arimo/package.json', 'utf8')) as { version: string };
const text = `/**
 * Arimo (SIL Open Font License 1.1), Latin letters, as WOFF in base64: regular and bold. Written by scripts/font.ts out of
 * @fontsource/arimo ${version}; do not edit.
 */
export const regular =
${wrapped(read(400))};

export const bold =
${wrapped(read(700))};
`;
const path = 'src/view/figure/font-data.ts';
if (process.argv.includes('--check')) {
  if (readFileSync(path, 'utf8') !== text) throw new Error(`${path} is not what scripts/font.ts writes`);
} else writeFileSync(path, text);
