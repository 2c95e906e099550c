/**
 * Every block of the documents that is marked `res` is true. After ```res stands nothing, or
 *
 *   fragment            statements; wrapped in a model with `input x: f32[N, 64, 32, 32]` and its last value as an output
 *   fragment f32[N, 8]  the same with this type of input
 *   error RES0302       a file or statements that give exactly these codes
 *
 * A comment `// => f32[N, 10]` is the type of the last output; `// parameters: a.weight b.weight` are all parameters, in order.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { errorsText } from '../../scripts/errors.ts';
import { passesText } from '../../scripts/passes.ts';
import { build, type CheckResult, check, models } from '../../src/check.ts';
import { definedKinds } from '../../src/diagnostics/catalogue.ts';
import { render } from '../../src/diagnostics/render.ts';
import type { SourceFile } from '../../src/diagnostics/source.ts';
import type { Graph } from '../../src/ir/graph.ts';
import { typeText } from '../../src/ir/types.ts';
import { graphsIn } from '../../src/ir/walk.ts';
import { layerText } from '../../src/ops/layer-text.ts';
import { layerByName, layers } from '../../src/ops/registry.ts';
import { parse } from '../../src/parser/parse.ts';
import { anchorOf } from '../../src/words/language-text.ts';
import { golden } from '../golden.ts';

const root = new URL('../../', import.meta.url);
const read = (name: string): string => readFileSync(new URL(name, root), 'utf8');
const pages = [
  'README.md',
  'ARCHITECTURE.md',
  'CHANGELOG.md',
  ...readdirSync(new URL('docs/', root))
    .filter((name) => name.endsWith('.md'))
    .sort()
    .map((name) => `docs/${name}`),
];

interface Block {
  readonly line: number;
  readonly marks: string;
  readonly text: string;
}

function blocksOf(page: string): readonly Block[] {
  const out: Block[] = [];
  let open: { line: number; marks: string; fence: string; lines: string[] } | undefined;
  for (const [i, line] of read(page).split('\n').entries()) {
    const fence = /^(`{3,})(.*)$/.exec(line);
    if (open && fence?.[1] === open.fence && fence[2] === '') {
      if (/^res(?:\s|$)/.test(open.marks))
        out.push({ line: open.line, marks: open.marks.slice(3).trim(), text: open.lines.join('\n') });
      open = undefined;
    } else if (open) open.lines.push(line);
    else if (fence) open = { line: i + 1, marks: (fence[2] ?? '').trim(), fence: fence[1] ?? '', lines: [] };
  }
  expect(open, `${page} has a block that does not end`).toBeUndefined();
  return out;
}

/** A page without its blocks and its code. */
function proseOf(page: string): string {
  return read(page)
    .replace(/^(`{3,})[^\n]*\n[\s\S]*?^\1$/gm, '')
    .replace(/`[^`\n]*`/g, '');
}

/** Relative imports of a document are meant to lie beside the examples. */
const resolveImport = (from: string): SourceFile | undefined => {
  try {
    return { name: from, text: read(`examples/${from.replace(/^\.\//, '')}`) };
  } catch {
    return undefined;
  }
};

const wrapped = (text: string, type: string): string => `model Fragment { input x: ${type}\n${text}\noutput last }`;
const isFile = (text: string): boolean => /^\s*(?:import|const|block|model|\/\/\/)/m.test(text);

/** What the comments of a block claim. */
function claims(text: string, graph: Graph): void {
  const type = [...text.matchAll(/\/\/ => (.+)$/gm)].at(-1)?.[1]?.trim();
  const last = graph.outputs.at(-1);
  if (type !== undefined) expect(last && typeText(last.value.type)).toBe(type);
  const parameters = [...text.matchAll(/\/\/ parameters: (.+)$/gm)].map(([, names]) => names?.trim()).join(' ');
  if (parameters !== '')
    expect([...new Set(graphsIn(graph).flatMap((one) => one.constants().flatMap((v) => v.name ?? [])))].join(' ')).toBe(
      parameters,
    );
}

const codesOf = ({ diagnostics, warnings }: CheckResult): readonly string[] => [...diagnostics, ...warnings].map((d) => d.code);

function checkBlock({ marks, text }: Block, name: string): void {
  const [kind, ...rest] = marks.split(' ');
  const options = { fileName: name, resolveImport };
  if (kind === 'error') {
    const source = isFile(text) ? text : wrapped(text, 'f32[N, 64, 32, 32]');
    expect([...new Set(codesOf(check(source, options)))]).toEqual(rest);
    return;
  }
  if (kind === 'fragment') {
    const { graph, diagnostics, warnings } = build(wrapped(text, rest.join(' ') || 'f32[N, 64, 32, 32]'), options);
    expect(render([...diagnostics, ...warnings], { color: false })).toBe('');
    if (graph) claims(text, graph);
    return;
  }
  expect(marks, 'after ```res stands nothing, fragment or error').toBe('');
  expect(render(parse({ name, text }).diagnostics, { color: false })).toBe('');
  const complete = models(text, options);
  // A file of blocks alone is read, and its names are looked up when a model uses them.
  const source = complete.length > 0 ? text : `${text}\nmodel Empty { input x: f32[N]  output y }`;
  expect(render(check(source, options).diagnostics, { color: false })).toBe('');
  for (const model of complete) {
    const { graph, diagnostics, warnings } = build(source, { ...options, model });
    expect(render([...diagnostics, ...warnings], { color: false })).toBe('');
    if (graph && complete.length === 1) claims(text, graph);
  }
}

describe.each(pages)('%s', (page) => {
  const blocks = blocksOf(page);
  test.each(blocks.map((block) => [`line ${block.line}`, block] as const))('%s', (line, block) =>
    checkBlock(block, `${page} ${line}`),
  );
  test('links lead somewhere', () => {
    const headings = (text: string): ReadonlySet<string> =>
      new Set([...text.matchAll(/^#+ (.+)$/gm)].map(([, title = '']) => anchorOf(title)));
    for (const [, target = ''] of proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target)) continue;
      const [path = '', anchor] = target.split('#');
      const at = path === '' ? page : new URL(path, new URL(page, root)).pathname.slice(root.pathname.length);
      expect(existsSync(new URL(at, root)), `${target} in ${page}`).toBe(true);
      if (anchor !== undefined) expect(headings(read(at)), `${target} in ${page}`).toContain(anchor);
    }
  });
});

test('the language page has examples, of things that work and of things that do not', () => {
  const blocks = blocksOf('docs/language.md');
  expect(blocks.length).toBeGreaterThan(35);
  expect(blocks.filter((b) => b.marks.startsWith('error')).length).toBeGreaterThan(5);
  expect(blocks.filter((b) => b.text.includes('// =>')).length).toBeGreaterThan(10);
});

describe('generated pages', () => {
  test('docs/errors.md is the one that the catalogue writes', () => {
    const text = errorsText();
    expect(text, 'run `npm run generate`').toBe(read('docs/errors.md'));
    for (const { code } of definedKinds()) expect(text).toContain(`### ${code}\n`);
  });
  test('docs/passes.md is the one that the rules write', () => {
    expect(read('docs/passes.md'), 'run `npm run generate`').toBe(passesText());
  });
});

describe('the text of a layer', () => {
  test.each(['conv', 'concat', 'clamp', 'batchnorm'])('%s', (name) => {
    const layer = layerByName(name);
    golden(`docs/${name}.txt`, layer ? layerText(layer) : '');
  });
  test('fits a terminal and names every argument of every layer', () => {
    for (const layer of layers) {
      const text = layerText(layer);
      for (const name of Object.keys(layer.params)) expect(text).toMatch(new RegExp(`^  ${name} `, 'm'));
      for (const line of text.split('\n')) if (/\S \S.* /.test(line)) expect(line.length, line).toBeLessThanOrEqual(100);
    }
  });
});

test('the checks of the invariants are there', () => {
  const section = /^## Invariants\n([\s\S]*?)^## /m.exec(read('ARCHITECTURE.md'))?.[1] ?? '';
  const rows = [...section.matchAll(/^\| (?!invariant|---)(.+?) \| (.+) \|$/gm)];
  expect(rows.length).toBeGreaterThan(10);
  for (const [, invariant, held = ''] of rows) {
    const checks = [...held.matchAll(/`([^`]+)`((?:,? \*[^*]+\*)*)/g)];
    expect(checks.length, invariant).toBeGreaterThan(0);
    for (const [, path = '', titles = ''] of checks) {
      expect(existsSync(new URL(path, root)), path).toBe(true);
      for (const [, title = ''] of titles.matchAll(/\*([^*]+)\*/g))
        expect(read(path), `${title}, in ${path}`).toContain(`'${title}'`);
    }
  }
});

test('the files that ARCHITECTURE.md names are there', () => {
  const files = ['src', 'test', 'scripts', 'bench', 'grammars', 'docs'].flatMap((folder) =>
    readdirSync(new URL(folder, root), { recursive: true, encoding: 'utf8' }).map(
      (name) => `${folder}/${name.replaceAll('\\', '/')}`,
    ),
  );
  const named = [...read('ARCHITECTURE.md').matchAll(/`([\w./-]+\/|[\w./-]+\.(?:ts|json|ebnf|html))`/g)].map(
    ([, path = '']) => path,
  );
  expect(named.length).toBeGreaterThan(80);
  const isThere = (path: string): boolean =>
    existsSync(new URL(path, root)) || files.some((file) => file.endsWith(`/${path.replace(/\/$/, '')}`));
  expect(named.filter((path) => !isThere(path))).toEqual([]);
});

test('every command is in the README', () => {
  const table = /const commands: [^{]*\{([\s\S]*?)^\};/m.exec(read('src/cli/program.ts'))?.[1] ?? '';
  const names = [...table.matchAll(/^ {2}(\w+): async/gm)].map(([, name = '']) => name);
  expect(names.length).toBeGreaterThan(5);
  // `compile` is the command that needs no name.
  for (const name of names.filter((one) => one !== 'compile'))
    expect(read('README.md')).toMatch(new RegExp(`^\\|.*\`rescc ${name}\\b`, 'm'));
});
