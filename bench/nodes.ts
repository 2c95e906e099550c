/**
 * Nodes that are left of ONNX files, beside other optimisers:
 *
 *     python3 -m venv VENV && VENV/bin/pip install -r bench/requirements.txt && npm run build
 *     npx tsx bench/nodes.ts --python VENV/bin/python [--timeout SECONDS] [--write] [--ours] FILE.onnx …
 *
 * FILE.onnx are what bench/exports.py writes, for example. Nodes are counted without constants, those of
 * sub-graphs included. Peers that are not there are left out; those that fail, or take longer than SECONDS (300), have a dash.
 * Prints a table in Markdown; with `--write` also bench/nodes.md, file by file, whose other rows, notes and remarks stay. With
 * `--ours` only rescc runs: what the peers leave is what the page says of the file.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { installedPeers, nodesOf, rescc, type Tool } from './peers.ts';

const page = fileURLToPath(new URL('nodes.md', import.meta.url));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    python: { type: 'string', default: 'python3' },
    timeout: { type: 'string', default: '300' },
    write: { type: 'boolean', default: false },
    ours: { type: 'boolean', default: false },
  },
});

/** A row of the page: nodes of the file, of ours, and of each peer's; `–` where there is none, and a note written by hand. */
interface Row {
  readonly counts: readonly string[];
  readonly note: string;
}

const shown = (count: number | undefined): string => String(count ?? '–');
const cells = (line: string): readonly string[] =>
  line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());
const line = (file: string, { counts, note }: Row): string => `| ${[file, ...counts, note].join(' | ')} |`;

/** What a tool makes of a file, in nodes; undefined where it fails. */
async function nodesBy({ command }: Tool, path: string): Promise<number | undefined> {
  rmSync(to, { force: true });
  const [program = '', ...args] = command(path, to);
  const done = spawnSync(program, args, { encoding: 'utf8', timeout: Number(values.timeout) * 1000 });
  return done.status === 0 ? await nodesOf(to) : undefined;
}

/** The rows of a page, and what stands behind its table. */
function read(text: string): { readonly rows: ReadonlyMap<string, Row>; readonly remarks: string } {
  const lines = text.trimEnd().split('\n');
  const first = lines.findIndex((x) => x.startsWith('| ---')) + 1;
  const end = lines.findIndex((x, i) => i >= first && !x.startsWith('|'));
  const rows = lines.slice(first, end < 0 ? undefined : end).map((x): [string, Row] => {
    const [file = '', ...rest] = cells(x);
    return [file, { counts: rest.slice(0, -1), note: rest.at(-1) ?? '' }];
  });
  const from = lines.findIndex((x) => x.startsWith('## '));
  return { rows: new Map(rows), remarks: from < 0 ? '' : `\n${lines.slice(from).join('\n')}\n` };
}

/** On how many files ours has fewer nodes than the best of the others, as many, and more. */
function sums(rows: Iterable<Row>): string {
  const of = { fewer: 0, equal: 0, more: 0, alone: 0 };
  for (const { counts } of rows) {
    const [, ours = Number.NaN, ...others] = counts.map(Number);
    const best = Math.min(...others.filter((count) => !Number.isNaN(count)));
    if (best === Number.POSITIVE_INFINITY || Number.isNaN(ours)) of.alone++;
    else of[ours < best ? 'fewer' : ours === best ? 'equal' : 'more']++;
  }
  const rest = of.alone > 0 ? `; on ${of.alone} nothing is to be compared` : '';
  return `Beside the best of the others on each file, ours has fewer nodes on ${of.fewer}, as many on ${of.equal}, more on ${of.more}${rest}.`;
}

const before = readFileSync(page, 'utf8');
const peers = installedPeers(values.python);
const columns = ['file', 'nodes', 'rescc', ...peers.map(({ name }) => name), 'note'];
const titles = `| ${columns.join(' | ')} |`;
if (values.write && !before.includes(`\n${titles}\n`))
  throw new Error(`${page} has other columns than ${titles}: install the same peers`);

const head = `# Nodes of ONNX files, beside other optimisers

\`npx tsx bench/nodes.ts --write FILE.onnx …\` writes this page. The files are those of \`python bench/exports.py FOLDER\`, and of test/fixtures. Nodes without
constants, those of sub-graphs included: of the file, after \`rescc optimize\` at -O1, and after ${peers.map(({ name, version }) => `${name} ${version}`).join(', ')}.
A dash: it failed, or took more than ${values.timeout} seconds.

${titles}
| --- | ${columns
  .slice(1)
  .map((_, i, { length }) => (i < length - 1 ? '---:' : '---'))
  .join(' | ')} |
`;
const folder = mkdtempSync(join(tmpdir(), 'rescc-bench-nodes-'));
const to = join(folder, 'made.onnx');
process.stdout.write(head);
for (const path of positionals) {
  const file = basename(path, '.onnx');
  const { rows, remarks } = read(readFileSync(page, 'utf8'));
  const old = rows.get(file);
  const counts = [shown(await nodesOf(path)), shown(await nodesBy(rescc, path))];
  if (values.ours && old && old.counts[0] === counts[0]) counts.push(...old.counts.slice(2));
  else for (const peer of peers) counts.push(shown(await nodesBy(peer, path)));
  const row = { counts, note: old?.note ?? '' };
  process.stdout.write(`${line(file, row)}\n`);
  if (!values.write) continue;
  const all = [...new Map([...rows, [file, row]])].sort(([a], [b]) => (a < b ? -1 : 1));
  const lines = all.map(([name, of]) => line(name, of)).join('\n');
  writeFileSync(page, `${head}${lines}\n\n${sums(all.map(([, of]) => of))}\n${remarks}`);
}
rmSync(folder, { recursive: true });
