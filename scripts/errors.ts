/**
 * Writes docs/errors.md, every diagnostic with its rule and an example, from the catalogue and the golden files. `--check`
 * compares instead.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { definedKinds } from '../src/diagnostics/catalogue.ts';
import type { DiagnosticKind, Message } from '../src/diagnostics/diagnostic.ts';
import { isProgram, writeOrCompare } from './generated.ts';

const goldens = new URL('../test/golden/errors/', import.meta.url);

/** Ranges of codes, in order; a code belongs to the last range that begins at or before it. */
const rooms: readonly (readonly [from: number, title: string])[] = [
  [1, 'Text that does not parse'],
  [100, 'Names, imports and models'],
  [200, 'Values and arguments'],
  [300, 'Shapes and types'],
  [400, 'Structure'],
  [500, 'Weights and checkpoints'],
  [600, 'Writing ONNX'],
  [650, 'Importing ONNX'],
  [700, 'The command line'],
  [800, 'Running and verifying'],
  [900, 'Graphs as text'],
];

const holes = (message: Message<string>): string =>
  message.parts.map((part, i) => part + (message.holes[i] === undefined ? '' : `‹${message.holes[i]}›`)).join('');

const numberOf = (kind: DiagnosticKind): number => Number(kind.code.slice(3));

/** Longer sources make a page that nobody reads. */
const longestSource = 40;

function example(kind: DiagnosticKind): string | undefined {
  const [text] = readdirSync(goldens)
    .filter((name) => name.startsWith(`${kind.code}-`) && name.endsWith('.txt'))
    .sort();
  if (text === undefined) return undefined;
  const printed = readFileSync(new URL(text, goldens), 'utf8');
  // One file may hold several mistakes; the first message of this code is the example.
  const first = printed.split(/\n(?=(?:error|warning) RES)/).find((part) => part.includes(` ${kind.code}: `));
  if (first === undefined) return undefined;
  const source = ['.res', '.ir']
    .map((ending) => new URL(text.replace(/\.txt$/, ending), goldens))
    .find((file) => existsSync(file));
  const decoded = source ? readFileSync(source, 'utf8').trimEnd() : undefined;
  const shown =
    decoded !== undefined &&
    !decoded.includes('\uFFFD') &&
    !decoded.includes('\0') &&
    decoded.split('\n').length <= longestSource;
  // No block of this page is meant to compile, so none is marked as `res`.
  return [...(shown ? [fenced(decoded ?? '')] : []), fenced(first.trimEnd())].join('\n\n');
}

/** A fence longer than any run of backticks within. */
function fenced(text: string): string {
  const runs = [...text.matchAll(/`{3,}/g)].map(([run]) => run.length);
  const fence = '`'.repeat(Math.max(3, ...runs.map((n) => n + 1)));
  return `${fence}text\n${text}\n${fence}`;
}

function section(kind: DiagnosticKind): string {
  const shape = [
    ['found', kind.found],
    ['expected', kind.expected],
    ['hint', kind.hint],
  ] as const;
  const shown = example(kind);
  const lines = shape.flatMap(([name, message]) => (message ? [`  ${name.padEnd(9)} ${holes(message)}`] : []));
  return [
    `### ${kind.code}`,
    `${kind.severity === 'warning' ? 'Warning: ' : ''}${escaped(holes(kind.title))}.`,
    kind.more,
    shown ?? (lines.length > 0 ? fenced(lines.join('\n')) : undefined),
  ]
    .filter((part) => part !== undefined)
    .join('\n\n');
}

/** A title stands in a line of Markdown; its code is between backticks already, the rest must not become markup. */
const escaped = (text: string): string =>
  text
    .split(/(`[^`]*`)/)
    .map((part, i) => (i % 2 === 1 ? part : part.replace(/[*_<[\]\\]/g, '\\$&')))
    .join('');

/** The page, by code. */
export function errorsText(): string {
  const kinds = definedKinds();
  const sections = rooms.flatMap(([from, title], i) => {
    const to = rooms[i + 1]?.[0] ?? Infinity;
    const own = kinds.filter((kind) => numberOf(kind) >= from && numberOf(kind) < to);
    return own.length === 0 ? [] : [`## ${title}`, ...own.map(section)];
  });
  return `${[
    '# Diagnostics',
    '<!-- Written by scripts/errors.ts from the catalogue and test/golden/errors: `npm run generate`. -->',
    'Every message names its code, the place, what was found, what was expected, and something to type. `rescc explain RES0302` prints one of these entries in the terminal; `--json` gives the same fields as data. A code is never used again for something else. In a form, ‹…› stands for what the message fills in.',
    ...sections,
  ].join('\n\n')}\n`;
}

if (isProgram(import.meta.url)) writeOrCompare('docs/errors.md', errorsText(), `${definedKinds().length} diagnostics`);
