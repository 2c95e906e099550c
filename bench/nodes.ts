/**
 * Nodes that are left of ONNX files, beside other optimisers:
 *
 *     python3 -m venv VENV && VENV/bin/pip install -r bench/requirements.txt && npm run build
 *     npx tsx bench/nodes.ts --python VENV/bin/python [--write] FILE.onnx …
 *
 * FILE.onnx are what bench/exports.py writes, for example. Nodes are counted without constants, those of sub-graphs included.
 * Peers that are not there are left out; those that fail, or take more than five minutes, have a dash. Prints a table in Markdown;
 * with `--write` also bench/nodes.md.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { installedPeers, nodesOf, rescc } from './peers.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { python: { type: 'string', default: 'python3' }, write: { type: 'boolean', default: false } },
});
const folder = mkdtempSync(join(tmpdir(), 'rescc-bench-nodes-'));
const to = join(folder, 'made.onnx');

/** What a command makes of a file, in nodes; undefined where it fails. */
async function nodesBy(command: readonly string[]): Promise<number | undefined> {
  rmSync(to, { force: true });
  const [program = '', ...args] = command;
  const done = spawnSync(program, args, { encoding: 'utf8', timeout: 300_000 });
  return done.status === 0 ? await nodesOf(to) : undefined;
}

const peers = installedPeers(values.python);
const lines: string[] = [];
const print = (line: string): void => {
  lines.push(line);
  process.stdout.write(`${line}\n`);
};

print('# Nodes of ONNX files, beside other optimisers\n');
print(`\`npx tsx bench/nodes.ts --write\` writes this page. Nodes without constants, those of sub-graphs included: of the file, after \`rescc optimize\`
at -O1, and after ${peers.map(({ name, version }) => `${name} ${version}`).join(', ')}. A dash: it failed, or took more than five minutes.\n`);
const columns = ['nodes', 'rescc', ...peers.map(({ name }) => name)];
print(`| file | ${columns.join(' | ')} |`);
print(`| --- | ${columns.map(() => '---:').join(' | ')} |`);
for (const file of positionals) {
  const counts: (number | undefined)[] = [await nodesOf(file)];
  for (const { command } of [rescc, ...peers]) counts.push(await nodesBy(command(file, to)));
  print(`| ${basename(file, '.onnx')} | ${counts.map((count) => count ?? '–').join(' | ')} |`);
}
rmSync(folder, { recursive: true });
if (values.write) writeFileSync(join(root, 'bench/nodes.md'), `${lines.join('\n')}\n`);
