/**
 * Nodes that are left of ONNX files, beside other optimisers:
 *
 *     python3 -m venv VENV && VENV/bin/pip install -r bench/requirements.txt && npm run build
 *     npx tsx bench/nodes.ts --python VENV/bin/python [--timeout SECONDS] [--write] FILE.onnx …
 *
 * FILE.onnx are what bench/exports.py writes, for example. Nodes are counted without constants, those of
 * sub-graphs included. Peers that are not there are left out; those that fail, or take longer than SECONDS (300), have a dash. Prints
 * a table in Markdown; with `--write` also bench/nodes.md, file by file, whose other rows and remarks stay.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { installedPeers, nodesOf, rescc } from './peers.ts';

const page = fileURLToPath(new URL('nodes.md', import.meta.url));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    python: { type: 'string', default: 'python3' },
    timeout: { type: 'string', default: '300' },
    write: { type: 'boolean', default: false },
  },
});

/** What a command makes of a file, in nodes; undefined where it fails. */
async function nodesBy(command: readonly string[]): Promise<number | undefined> {
  rmSync(to, { force: true });
  const [program = '', ...args] = command;
  const done = spawnSync(program, args, { encoding: 'utf8', timeout: Number(values.timeout) * 1000 });
  return done.status === 0 ? await nodesOf(to) : undefined;
}

const peers = installedPeers(values.python);
const columns = ['nodes', 'rescc', ...peers.map(({ name }) => name)];
const titles = `| file | ${columns.join(' | ')} |`;
const head = `# Nodes of ONNX files, beside other optimisers

\`npx tsx bench/nodes.ts --write\` writes this page. Nodes without constants, those of sub-graphs included: of the file, after \`rescc optimize\`
at -O1, and after ${peers.map(({ name, version }) => `${name} ${version}`).join(', ')}. A dash: it failed, or took more than ${Number(values.timeout) / 60} minutes.

${titles}
| --- | ${columns.map(() => '---:').join(' | ')} |
`;

/** Puts a row in the place of the one for the same file, or behind the last one. */
function write(file: string, row: string): void {
  const lines = readFileSync(page, 'utf8').trimEnd().split('\n');
  const first = lines.findIndex((line) => line.startsWith('| ---')) + 1;
  const end = lines.findIndex((line, i) => i >= first && !line.startsWith('|'));
  const rows = lines.slice(first, end < 0 ? undefined : end);
  const remarks = end < 0 ? [] : lines.slice(end);
  const at = rows.findIndex((line) => line.startsWith(`| ${file} |`));
  rows.splice(at < 0 ? rows.length : at, 1, row);
  writeFileSync(page, `${[head.trimEnd(), ...rows, ...remarks].join('\n')}\n`);
}

if (values.write && !readFileSync(page, 'utf8').includes(`\n${titles}\n`))
  throw new Error(`${page} has other columns than ${titles}: install the same peers`);
const folder = mkdtempSync(join(tmpdir(), 'rescc-bench-nodes-'));
const to = join(folder, 'made.onnx');
process.stdout.write(head);
for (const path of positionals) {
  const file = basename(path, '.onnx');
  const counts: (number | undefined)[] = [await nodesOf(path)];
  for (const { command } of [rescc, ...peers]) counts.push(await nodesBy(command(path, to)));
  const row = `| ${file} | ${counts.map((count) => count ?? '–').join(' | ')} |`;
  process.stdout.write(`${row}\n`);
  if (values.write) write(file, row);
}
rmSync(folder, { recursive: true });
