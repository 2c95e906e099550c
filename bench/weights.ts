/**
 * How fast and in how much memory weights go through: whole processes of the built command line, interleaved with `cp` of the same bytes.
 * `npx tsx bench/weights.ts [--rounds 5] [--huge] [--write]` makes its models in the temporary folder and removes them; `--huge` adds the 4 GB
 * model, which takes 13 GB of disk for a while. Prints the page; with `--write` also bench/weights.md.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
const binary = join(root, 'dist/rescc.js');
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    huge: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
});
const rounds = Number(values.rounds);
const folder = mkdtempSync(join(tmpdir(), 'rescc-bench-weights-'));
const at = (name: string): string => join(folder, name);

interface Ran {
  /** From start to exit. */
  readonly elapsed: number;
  /** Seconds of processor time, of all threads. */
  readonly processor: number;
  /** Largest resident set, of rescc alone. */
  readonly peak: number;
}

/** bash measures its child: Node says nothing of what a child took. */
function run(program: string, args: readonly string[]): Ran {
  const started = performance.now();
  const timed = at('time');
  const script = 'TIMEFORMAT="%U %S"; { time "$@" 2>&3; } 3>&2 2>"$0"';
  const done = spawnSync('bash', ['-c', script, timed, program, ...args], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
  const elapsed = (performance.now() - started) / 1000;
  if (done.status !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${done.status}`);
  const text = done.stdout.toString();
  const processor = readFileSync(timed, 'utf8')
    .trim()
    .split(' ')
    .reduce((sum, part) => sum + Number(part), 0);
  return { elapsed, processor, peak: text.startsWith('{') ? Number(JSON.parse(text).peakBytes) : 0 };
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
/** The same with nothing to fold. */
const bare = (layers: number): string => `model Bare {
  input x: f32[N, 1024, 8, 8]
  repeat ${layers} as i { conv{i}: conv(1024, 3x3)  relu }
  output y
}
`;

/** cp and then what rescc does too before it replaces a model: the bytes are flushed to the disk. */
const copyAndFlush = (from: string, to: string): Ran => run('sh', ['-c', 'cp "$0" "$1" && sync "$1"', from, to]);

interface Row {
  readonly name: string;
  readonly bytes: number;
  readonly rescc: readonly Ran[];
  /** Over a model that is there, which flushes. */
  readonly replacing: readonly Ran[];
  readonly cp: readonly Ran[];
  readonly flushed: readonly Ran[];
  readonly goal: (cp: number) => number;
  readonly said: string;
}
const rows: Row[] = [];

function removeOutputs(): void {
  for (const name of readdirSync(folder)) if (name.startsWith('out')) rmSync(at(name));
}

interface Measured {
  readonly name: string;
  /** What is copied: the weights. */
  readonly weights: string;
  readonly command: readonly string[];
  readonly times: number;
  readonly goal: (cp: number) => number;
  readonly said: string;
}

function measure({ name, weights, command, times, goal, said }: Measured): void {
  const bytes = statSync(weights).size;
  const all = { rescc: [] as Ran[], replacing: [] as Ran[], cp: [] as Ran[], flushed: [] as Ran[] };
  // The first round warms the page cache and is left out.
  for (let round = 0; round <= times; round++) {
    removeOutputs();
    const cp = run('cp', [weights, at('out.copy')]);
    removeOutputs();
    const flushed = copyAndFlush(weights, at('out.copy'));
    removeOutputs();
    const own = rescc(...command, '-o', at('out.onnx'));
    const replacing = rescc(...command, '-o', at('out.onnx'));
    if (round === 0) continue;
    all.cp.push(cp);
    all.flushed.push(flushed);
    all.rescc.push(own);
    all.replacing.push(replacing);
  }
  removeOutputs();
  rows.push({ name, bytes, goal, said, ...all });
}

/** A source and weights for it, which are initialised and written first. */
function measureSource(name: string, words: readonly string[], times: number, goal: (cp: number) => number, said: string): void {
  const weights = at('model.safetensors');
  rescc(...words, '--emit', 'safetensors', '-o', weights);
  measure({ name, weights, command: [...words, '-w', weights], times, goal, said });
  rmSync(weights);
}

/** What `rescc optimize` makes of a model whose weights lie in a data file. */
function measureOptimize(name: string, source: string, times: number, goal: (cp: number) => number, said: string): void {
  rescc(source, '-o', at('in.onnx'), '--external-data', 'in.data');
  measure({ name, weights: at('in.data'), command: ['optimize', at('in.onnx')], times, goal, said });
  measure({
    name: `${name}, to a data file`,
    weights: at('in.data'),
    command: ['optimize', at('in.onnx'), '--external-data'],
    times,
    goal,
    said,
  });
  rmSync(at('in.onnx'));
  rmSync(at('in.data'));
}

const loadBefore = loadavg()[0]?.toFixed(1);

try {
  const disk = statfsSync(folder);
  const free = disk.bavail * disk.bsize;
  const needed = (values.huge ? 14 : 4) * 1e9;
  if (free < needed) throw new Error(`${folder} has ${(free / 1e9).toFixed(1)} GB free, and ${needed / 1e9} are needed`);
  measureSource('ResNet-152', ['examples/resnet.res', '-m', 'ResNet152'], rounds, (cp) => 0.4 + 2 * cp, '0.4 s + 2 × cp');
  writeFileSync(at('wide1.res'), wide(28));
  measureSource('wide, 1 GB, folded', [at('wide1.res')], rounds, (cp) => 3 * cp, '3 × cp');
  writeFileSync(at('bare1.res'), bare(28));
  measureSource('1 GB, nothing folds', [at('bare1.res')], rounds, (cp) => 1.5 * cp, '1.5 × cp');
  measureOptimize('1 GB, `optimize`, nothing folds', at('bare1.res'), rounds, (cp) => 1.5 * cp, '1.5 × cp');
  if (values.huge) {
    writeFileSync(at('wide4.res'), wide(112));
    measureSource('wide, 4 GB, folded, data file', [at('wide4.res')], 1, (cp) => 3 * cp, '3 × cp');
  }
  const middle = (all: readonly Ran[], one: 'elapsed' | 'processor'): number => median(all.map((ran) => ran[one]));
  const both = (all: readonly Ran[]): string => `${middle(all, 'processor').toFixed(2)} (${middle(all, 'elapsed').toFixed(2)})`;
  const lines = [
    `# Weights: speed and memory beside \`cp\`

\`npx tsx bench/weights.ts --write\` writes this page: whole processes of the built command line, interleaved with \`cp\` of the same bytes, in a folder of
one disk. Processor time of all threads in seconds, and in brackets the time from start to exit; medians of ${rounds} rounds (4 GB: one), peaks are the largest
seen. Goals are held against processor time. "Replacing" writes over a model that is there, which is flushed to the disk before the rename.

Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? '?'}, load ${loadBefore} at the beginning and ${loadavg()[0]?.toFixed(1)} at the end.
`,
    '| model | bytes | rescc | cp | goal | to cp | rescc, replacing | cp and sync | peak memory (goal 100 MB) |',
    '| --- | --- | --- | --- | --- | --- | --- | --- | --- |',
    ...rows.map((row) => {
      const cp = middle(row.cp, 'processor');
      const own = middle(row.rescc, 'processor');
      const goal = row.goal(cp);
      const peak = Math.max(...row.rescc.map((ran) => ran.peak));
      const cells = [
        row.name,
        `${(row.bytes / 1e6).toFixed(0)} MB`,
        both(row.rescc),
        both(row.cp),
        `${row.said} = ${goal.toFixed(2)} s: ${own <= goal ? 'met' : 'missed'}`,
        `${(own / cp).toFixed(2)} (${(middle(row.rescc, 'elapsed') / middle(row.cp, 'elapsed')).toFixed(2)})`,
        both(row.replacing),
        both(row.flushed),
        `${(peak / 1e6).toFixed(0)} MB: ${peak <= 1e8 ? 'met' : 'missed'}`,
      ];
      return `| ${cells.join(' | ')} |`;
    }),
  ];
  console.log(lines.join('\n'));
  if (values.write) writeFileSync(join(root, 'bench/weights.md'), `${lines.join('\n')}\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
