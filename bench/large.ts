/**
 * Compile time and peak memory of the largest examples, with random weights: whole processes of the built command line.
 * `npm run build && npx tsx bench/large.ts` makes its files in the temporary folder, which takes 7 GB of disk for a while,
 * removes them, and writes bench/large.md.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const models = [
  ['examples/faster_rcnn.res', 'FasterRCNN'],
  ['examples/gpt2.res', 'GPT2'],
  ['examples/gpt2.res', 'GPT2XL'],
  ['examples/gpt2.res', 'GPT2XLWithPast'],
] as const;
const largest = 7e9;

const loadBefore = loadavg()[0]?.toFixed(1);
const folder = mkdtempSync(join(tmpdir(), 'rescc-bench-large-'));
const { bavail, bsize } = statfsSync(folder);
const rows: string[] = [];
try {
  if (bavail * bsize < largest) throw new Error(`${folder} has not the ${largest / 1e9} GB of room that this takes`);
  for (const [file, model] of models) {
    const args = [join(root, 'dist/rescc.js'), file, '--model', model, '-o', join(folder, 'model.onnx'), '--json'];
    const started = performance.now();
    const done = spawnSync(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
    const seconds = (performance.now() - started) / 1000;
    if (done.status !== 0) throw new Error(`${file} ended with ${done.status}`);
    const { nodes, peakBytes } = JSON.parse(done.stdout.toString());
    const bytes = readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
    const cells = [model, nodes.before, nodes.after, (bytes / 1e6).toFixed(1), seconds.toFixed(1), (peakBytes / 1e6).toFixed(0)];
    rows.push(`| ${cells.join(' | ')} |`);
    for (const name of readdirSync(folder)) rmSync(join(folder, name));
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
writeFileSync(
  join(root, 'bench/large.md'),
  `# The largest examples

\`npx tsx bench/large.ts\` writes this page: the command line from start to exit at -O1, random weights made and written included, and the largest
resident set of the process. Machine: ${cpus()[0]?.model ?? 'unknown'}, ${cpus().length} cores, Node ${process.version}, load ${loadBefore} at the
beginning and ${loadavg()[0]?.toFixed(1)} at the end.

| model | nodes -O0 | nodes -O1 | MB on disk | seconds | peak MB |
| --- | ---: | ---: | ---: | ---: | ---: |
${rows.join('\n')}
`,
);
