/**
 * What a token of `.res` costs: `npx tsx bench/parser.ts [--rounds 40]` prints the table of bench/parser.md. The work is bundled
 * as the command line is, because tsx names every function again at each call, which costs more than the calls.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '40' } } });
const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'rescc-bench-parser-'));
const outfile = join(folder, 'work.mjs');
await build({
  entryPoints: [join(root, 'bench/parser-work.ts')],
  bundle: true,
  platform: 'node',
  format: 'esm',
  minifySyntax: true,
  outfile,
});
const done = spawnSync(process.execPath, [outfile, root, values.rounds], { stdio: 'inherit' });
rmSync(folder, { recursive: true, force: true });
process.exitCode = done.status ?? 1;
