/**
 * How fast and in how much memory weights go through: whole processes of the built command line, interleaved with `cp` of the
 * same bytes. `npx tsx bench/weights.ts [--rounds 5] [--huge] [--write]` makes its models in the temporary folder and removes
 * them; `--huge` adds the 4 GB model, which takes 13 GB of disk for a while. Prints the page; with `--write` also
 * bench/weights.md.
 */
import { mkdtempSync, readdirSync, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { median } from '../src/runtime/bench.ts';
import { once, type Run } from './timed.ts';

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

const rescc = (...args: readonly string[]): Run => once(process.execPath, [binary, ...args, '-q']);

/** A plain net of 3x3 convolutions over 1,024 channels, 37.7 MB each, with a batchnorm that folds into every one. */
const wide = (layers: number): string => `model Wide {
  input x: f32[N, 1024, 8, 8]
  repeat ${layers} as i { conv{i}: conv(1024, 3x3)  bn{i}: batchnorm  relu }
  output y
}
`;
/** The same in 16 bits. */
const half = (layers: number): string => wide(layers).replace('f32', 'f16');
/** The same with nothing to fold. */
const bare = (layers: number): string => `model Bare {
  input x: f32[N, 1024, 8, 8]
  repeat ${layers} as i { conv{i}: conv(1024, 3x3)  relu }
  output y
}
`;

/** cp and then what rescc does too before it replaces a model: the bytes are flushed to the disk. */
const copyAndFlush = (from: string, to: string): Run => once('sh', ['-c', 'cp "$0" "$1" && sync "$1"', from, to]);

interface Row {
  readonly name: string;
  readonly bytes: number;
  readonly rescc: readonly Run[];
  /** Over a model that is there, which flushes. */
  readonly replacing: readonly Run[];
  readonly cp: readonly Run[];
  readonly flushed: readonly Run[];
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
  const all = { rescc: [] as Run[], replacing: [] as Run[], cp: [] as Run[], flushed: [] as Run[] };
  // The first round warms the page cache and is left out.
  for (let round = 0; round <= times; round++) {
    removeOutputs();
    const cp = once('cp', [weights, at('out.copy')]);
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
  measureSource(
    'ResNet-152',
    [join(root, 'examples/resnet.res'), '-m', 'ResNet152'],
    rounds,
    (cp) => 0.4 + 2 * cp,
    '0.4 s + 2 × cp',
  );
  writeFileSync(at('wide1.res'), wide(28));
  measureSource('wide, 1 GB, folded', [at('wide1.res')], rounds, (cp) => 3 * cp, '3 × cp');
  writeFileSync(at('half1.res'), half(28));
  measureSource('wide, f16, folded', [at('half1.res')], rounds, (cp) => 3 * cp, '3 × cp');
  writeFileSync(at('bare1.res'), bare(28));
  measureSource('1 GB, nothing folds', [at('bare1.res')], rounds, (cp) => 1.5 * cp, '1.5 × cp');
  measureOptimize('1 GB, `optimize`, nothing folds', at('bare1.res'), rounds, (cp) => 1.5 * cp, '1.5 × cp');
  if (values.huge) {
    writeFileSync(at('wide4.res'), wide(112));
    measureSource('wide, 4 GB, folded, data file', [at('wide4.res')], 1, (cp) => 3 * cp, '3 × cp');
  }
  const middle = (all: readonly Run[], one: 'ms' | 'cpuMs'): number => median(all.map((ran) => ran[one])) / 1000;
  const both = (all: readonly Run[]): string => `${middle(all, 'cpuMs').toFixed(2)} (${middle(all, 'ms').toFixed(2)})`;
  const lines = [
    `# Weights: speed and memory beside \`cp\`

\`npx tsx bench/weights.ts --write\` writes this page: whole processes of the built command line, interleaved with \`cp\` of the same bytes, in a folder of
one disk. Processor time of all threads in seconds, and in brackets the time from start to exit; medians of ${rounds} rounds (4 GB: one), peaks are the largest
seen. Goals are held against processor time. "Replacing" writes over a model that is there, which is flushed to the disk before the rename.
\`cp\` of coreutils 9 copies in the kernel (\`copy_file_range\`), where a read and a write are one copy more. Node has no call for that on a part of a file, and
weights keep their place in few files.

Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? '?'}, load ${loadBefore} at the beginning and ${loadavg()[0]?.toFixed(1)} at the end.
`,
    '| model | bytes | rescc | cp | goal | to cp | rescc, replacing | cp and sync | peak memory (goal 100 MB) |',
    '| --- | --- | --- | --- | --- | --- | --- | --- | --- |',
    ...rows.map((row) => {
      const cp = middle(row.cp, 'cpuMs');
      const own = middle(row.rescc, 'cpuMs');
      const goal = row.goal(cp);
      const peak = Math.max(...row.rescc.map((ran) => ran.peakMb));
      const cells = [
        row.name,
        `${(row.bytes / 1e6).toFixed(0)} MB`,
        both(row.rescc),
        both(row.cp),
        `${row.said} = ${goal.toFixed(2)} s: ${own <= goal ? 'met' : 'missed'}`,
        `${(own / cp).toFixed(2)} (${(middle(row.rescc, 'ms') / middle(row.cp, 'ms')).toFixed(2)})`,
        both(row.replacing),
        both(row.flushed),
        `${peak.toFixed(0)} MB: ${peak <= 100 ? 'met' : 'missed'}`,
      ];
      return `| ${cells.join(' | ')} |`;
    }),
  ];
  console.log(lines.join('\n'));
  if (values.write) writeFileSync(join(root, 'bench/weights.md'), `${lines.join('\n')}\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
