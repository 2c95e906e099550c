/**
 * Whether the file that rescc writes is as fast as the one that it was given, in onnxruntime on a CPU with its own optimiser on:
 *
 *     npx tsx bench/latency.ts [--sessions 4] [--runs 5] [--at N=1,…] [--write] FILE.onnx …
 *
 * FILE.onnx are what `bench/gpu_models.py export` and `fill` write, for example. One thread, interleaved, processor time, which
 * other work on the machine changes little. Every file is opened in several sessions, the given one twice as often, so that the
 * column `itself` says what is noise. A file that is byte for byte that of -O1 has `=`. Prints a table in Markdown; with
 * `--write` also bench/latency.md.
 */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import { type OptimizeOptions, optimizeOnnx } from '../src/index.ts';
import { median } from '../src/runtime/bench.ts';
import { runtimeVersion } from '../src/runtime/provider.ts';
import { openSession } from '../src/runtime/session.ts';
import { inputsFor, processorTimes, ratioOf } from './timed.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    sessions: { type: 'string', default: '4' },
    runs: { type: 'string', default: '5' },
    at: { type: 'string', default: '' },
    write: { type: 'boolean', default: false },
  },
});
const sizes = new Map(values.at.split(',').map((one): [string, number] => [one.split('=')[0] ?? '', Number(one.split('=')[1])]));
const ways: readonly (readonly [string, Partial<OptimizeOptions>])[] = [
  ['-O1', { level: 1 }],
  ['-O2', { level: 2 }],
  ['--target cpu', { level: 1, target: 'cpu' }],
];

const hash = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const lines: string[] = [];
const print = (line: string): void => {
  lines.push(line);
  process.stdout.write(`${line}\n`);
};

print('# As fast as the file that was given\n');
print(`\`npx tsx bench/latency.ts --write\` writes this page. onnxruntime ${runtimeVersion()} on a CPU with its own optimiser on, one thread: milliseconds of
processor time, median of ${values.runs} runs in each of ${values.sessions} sessions, interleaved; ratios to the file as PyTorch's exporter wrote it, round by round (\`ts\`: TorchScript,
\`dy\`: torch.export), with the ratio of the fastest runs behind. *Itself*: the given file beside itself in other sessions, so what is noise. \`=\`: the same file
as -O1. Machine: ${cpus()[0]?.model.trim()}.\n`);
print(`| file | ms | itself | ${ways.map(([name]) => name).join(' | ')} |`);
print(`| --- | ---: | ---: | ${ways.map(() => '---:').join(' | ')} |`);
for (const file of positionals) {
  const raw = readFileSync(file);
  const made: Uint8Array[] = [];
  for (const [, options] of ways) made.push(await (await optimizeOnnx(raw, { fileName: file, ...options })).bytes());
  const hashes = made.map(hash);
  const fresh = made.filter((_, i) => hashes.indexOf(hashes[i] ?? '') === i);
  const session = await openSession(raw, { ep: 'cpu', optimization: 'off' });
  const inputs = inputsFor(session.inputs, (size) => sizes.get(size) ?? 1);
  await session.close();
  const [base = [], again = [], ...rest] = await processorTimes(
    [raw, raw, ...fresh],
    inputs,
    Number(values.runs),
    Number(values.sessions),
  );
  const toBase = (times: readonly number[]): string =>
    `${ratioOf(times, base).toFixed(2)} (${(Math.min(...times) / Math.min(...base)).toFixed(2)})`;
  const cells = made.map((one, i) => (hashes.indexOf(hashes[i] ?? '') === i ? toBase(rest[fresh.indexOf(one)] ?? []) : '='));
  print(`| ${basename(file, '.onnx')} | ${median(base).toFixed(1)} | ${toBase(again)} | ${cells.join(' | ')} |`);
}
if (values.write) writeFileSync(new URL('latency.md', import.meta.url), `${lines.join('\n')}\n`);
