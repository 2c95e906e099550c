/**
 * How fast and in how much memory weights go through: whole processes of the built command line, interleaved with `cp` of the same bytes.
 * `npx tsx bench/weights.ts [--rounds 5] [--huge]` makes its models in the temporary folder and removes them; `--huge` adds the 4 GB model,
 * which takes 13 GB of disk for a while. Prints the table of bench/weights.md.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
const binary = join(root, 'dist/rescc.js');
const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, huge: { type: 'boolean', default: false } },
});
const rounds = Number(values.rounds);
const folder = mkdtempSync(join(tmpdir(), 'rescc-bench-weights-'));
const at = (name: string): string => join(folder, name);

interface Ran {
  readonly seconds: number;
  /** Largest resident set, of rescc alone. */
  readonly peak: number;
}

function run(program: string, args: readonly string[]): Ran {
  const started = performance.now();
  const done = spawnSync(program, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
  const seconds = (performance.now() - started) / 1000;
  if (done.status !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${done.status}`);
  const text = done.stdout.toString();
  return { seconds, peak: text.startsWith('{') ? Number(JSON.parse(text).peakBytes) : 0 };
}
const rescc = (...args: readonly string[]): Ran => run(process.execPath, [binary, ...args, '--json']);
const median = (numbers: readonly number[]): number =>
  [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;

/** A plain net of 3x3 convolutions over 1,024 channels, 37.7 MB each, with a batchnorm that folds into every one. */
const wide = (layers: number): string => `model Wide {
  input x: f32[N, 1024, 8, 8]
  repeat ${layers} as i { conv{i}: conv(1024, 3x3)  bn{i}: batchnorm  relu }
  output y
}
`;

/** cp and then what rescc does too before it replaces a model: the bytes are flushed to the disk. */
const copyAndFlush = (from: string, to: string): number => run('sh', ['-c', 'cp "$0" "$1" && sync "$1"', from, to]).seconds;

interface Row {
  readonly name: string;
  readonly bytes: number;
  readonly rescc: number;
  /** Over a model that is there, which flushes. */
  readonly replacing: number;
  readonly cp: number;
  readonly flushed: number;
  readonly peak: number;
  readonly goal: (cp: number) => number;
  readonly said: string;
}
const rows: Row[] = [];

function removeOutputs(): void {
  for (const name of readdirSync(folder)) if (name.startsWith('out')) rmSync(at(name));
}

function measure(name: string, words: readonly string[], times: number, goal: (cp: number) => number, said: string): void {
  const weights = at('model.safetensors');
  rescc(...words, '--emit', 'safetensors', '-o', weights);
  const bytes = statSync(weights).size;
  const ours: Ran[] = [];
  const replaced: number[] = [];
  const copies: number[] = [];
  const flushed: number[] = [];
  // The first round warms the page cache and is left out.
  for (let round = 0; round <= times; round++) {
    removeOutputs();
    const copy = run('cp', [weights, at('out.copy')]).seconds;
    removeOutputs();
    const copyFlushed = copyAndFlush(weights, at('out.copy'));
    removeOutputs();
    const own = rescc(...words, '-w', weights, '-o', at('out.onnx'));
    const again = rescc(...words, '-w', weights, '-o', at('out.onnx'));
    if (round === 0) continue;
    copies.push(copy);
    flushed.push(copyFlushed);
    ours.push(own);
    replaced.push(again.seconds);
  }
  removeOutputs();
  rmSync(weights);
  rows.push({
    name,
    bytes,
    rescc: median(ours.map((o) => o.seconds)),
    replacing: median(replaced),
    cp: median(copies),
    flushed: median(flushed),
    peak: Math.max(...ours.map((o) => o.peak)),
    goal,
    said,
  });
}

try {
  const disk = statfsSync(folder);
  const free = disk.bavail * disk.bsize;
  const needed = (values.huge ? 14 : 4) * 1e9;
  if (free < needed) throw new Error(`${folder} has ${(free / 1e9).toFixed(1)} GB free, and ${needed / 1e9} are needed`);
  measure('ResNet-152', ['examples/resnet.res', '-m', 'ResNet152'], rounds, (cp) => 0.4 + 2 * cp, '0.4 s + 2 × cp');
  writeFileSync(at('wide1.res'), wide(28));
  measure('wide, 1 GB, folded', [at('wide1.res')], rounds, (cp) => 3 * cp, '3 × cp');
  if (values.huge) {
    writeFileSync(at('wide4.res'), wide(112));
    measure('wide, 4 GB, folded, data file', [at('wide4.res')], 1, (cp) => 3 * cp, '3 × cp');
  }
  console.log(
    `Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? '?'}, medians of ${rounds} interleaved rounds (4 GB: one)\n`,
  );
  console.log('| model | bytes | rescc | cp | goal | rescc, replacing | cp and sync | peak memory (goal 100 MB) |');
  console.log('| --- | --- | --- | --- | --- | --- | --- | --- |');
  for (const row of rows) {
    const goal = row.goal(row.cp);
    const cells = [
      row.name,
      `${(row.bytes / 1e6).toFixed(0)} MB`,
      `${row.rescc.toFixed(2)} s`,
      `${row.cp.toFixed(2)} s`,
      `${row.said} = ${goal.toFixed(2)} s: ${row.rescc <= goal ? 'met' : 'missed'}`,
      `${row.replacing.toFixed(2)} s`,
      `${row.flushed.toFixed(2)} s`,
      `${(row.peak / 1e6).toFixed(0)} MB: ${row.peak <= 1e8 ? 'met' : 'missed'}`,
    ];
    console.log(`| ${cells.join(' | ')} |`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
