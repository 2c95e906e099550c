/**
 * Nodes that are left of ONNX files, beside other optimisers:
 *
 *     python3 -m venv VENV && VENV/bin/pip install -r bench/requirements.txt && npm run build
 *     npx tsx bench/nodes.ts --python VENV/bin/python [--write] FILE.onnx …
 *
 * FILE.onnx are what bench/exports.py writes, for example. Nodes are counted without constants, those of sub-graphs included. Peers that are not
 * there, fail, or take more than five minutes have a dash. Prints a table in Markdown; with `--write` also bench/nodes.md.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { nodesOf, peers } from './peers.ts';

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

const version = (peer: string): string =>
  spawnSync(values.python, ['-c', `import importlib.metadata as m; print(m.version('${peer}'))`], {
    encoding: 'utf8',
  }).stdout.trim();

const versions = Object.keys(peers).map((peer) => [peer, version(peer)] as const);
const lines: string[] = [];
const print = (line: string): void => {
  lines.push(line);
  process.stdout.write(`${line}\n`);
};

print('# Nodes of ONNX files, beside other optimisers\n');
print(`\`npx tsx bench/nodes.ts --write\` writes this page. Nodes without constants, those of sub-graphs included: of the file, after \`rescc optimize\`
at -O1, and after ${versions.map(([peer, number]) => `${peer} ${number}`).join(', ')}. A dash: it failed, or took more than five minutes.\n`);
print(`| file | nodes | rescc | ${versions.map(([peer]) => peer).join(' | ')} |`);
print(`| --- | ---: | ---: | ${versions.map(() => '---:').join(' | ')} |`);
for (const file of positionals) {
  const counts = [
    await nodesOf(file),
    await nodesBy([process.execPath, join(root, 'dist/rescc.js'), 'optimize', file, '-o', to]),
  ];
  for (const [peer, call] of Object.entries(peers))
    counts.push(
      version(peer) === ''
        ? undefined
        : await nodesBy([values.python, '-c', `import sys; a, b = sys.argv[1:3]; ${call}`, file, to]),
    );
  print(`| ${basename(file, '.onnx')} | ${counts.map((count) => count ?? '–').join(' | ')} |`);
}
rmSync(folder, { recursive: true });
if (values.write) writeFileSync(join(root, 'bench/nodes.md'), `${lines.join('\n')}\n`);
