/**
 * `rescc optimize` beside onnxslim, onnxsim, onnxoptimizer and onnxscript, on the same files in the same run:
 *
 *     python3 -m venv VENV && VENV/bin/pip install -r bench/requirements.txt && npm run build
 *     npx tsx bench/optimize.ts --python VENV/bin/python [--rounds 3] [--runs 15] [FILE.onnx …]
 *
 * Every tool is a process of its own that reads a file and writes one, in turns, so that a slow minute of the machine falls on
 * all alike. Peak memory is the largest resident set of that process, by GNU time. Then the results run in onnxruntime, its own
 * optimiser on, in turns too, and their outputs are compared with the original's. Without files it takes those of
 * ../shared/fixtures that are there, and models compiled from examples/ at -O0. Prints a table in Markdown; with `--write` also
 * bench/optimize.md.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { HostTensor } from '../src/ir/types.ts';
import { median } from '../src/runtime/bench.ts';
import { runtimeVersion } from '../src/runtime/provider.ts';
import { openSession } from '../src/runtime/session.ts';
import { installedPeers, nodesOf, rescc, type Tool } from './peers.ts';
import { inputsFor, once, processorTimes, ratioOf } from './timed.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    python: { type: 'string', default: 'python3' },
    rounds: { type: 'string', default: '3' },
    runs: { type: 'string', default: '15' },
    write: { type: 'boolean', default: false },
  },
});
const rounds = Number(values.rounds);
const runs = Number(values.runs);
const threads = Math.min(4, cpus().length);
const folder = mkdtempSync(join(tmpdir(), 'rescc-bench-optimize-'));

const tools: readonly Tool[] = [rescc, ...installedPeers(values.python)];

interface Measured {
  /** Of processor time, of the process and those that it started. */
  readonly seconds: number;
  readonly peakBytes: number;
  readonly error: string | undefined;
}

function run([program = '', ...args]: readonly string[]): Measured {
  try {
    const { cpuMs, peakMb } = once(program, args, folder);
    return { seconds: cpuMs / 1000, peakBytes: peakMb * 1e6, error: undefined };
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    return { seconds: Number.NaN, peakBytes: 0, error: said.trim().split('\n').at(-1) || 'failed' };
  }
}

function worstError(a: ReadonlyMap<string, HostTensor>, b: ReadonlyMap<string, HostTensor>): number {
  let worst = 0;
  for (const [name, x] of a) {
    const y = b.get(name);
    if (y?.dims.join() !== x.dims.join()) return Infinity;
    let scale = 0;
    let off = 0;
    for (let i = 0; i < x.data.length; i++) {
      scale = Math.max(scale, Math.abs(x.data[i] ?? 0));
      off = Math.max(off, Math.abs((x.data[i] ?? 0) - (y.data[i] ?? 0)));
    }
    worst = Math.max(worst, off / (scale || 1));
  }
  return worst;
}

const fixtures = join(root, '../shared/fixtures');
function defaults(): string[] {
  const named = ['cifar10/resnet20-torch-bn.onnx', 'rfb320/version-RFB-320.onnx', 'onnx-light/light_resnet50.onnx'].map((name) =>
    join(fixtures, name),
  );
  const small = join(fixtures, 'onnxruntime-fusion');
  if (existsSync(small)) for (const name of readdirSync(small)) if (name.endsWith('.onnx')) named.push(join(small, name));
  const found = named.filter((path) => existsSync(path));
  for (const [file, model] of [
    ['resnet', 'ResNet50'],
    ['densenet', 'DenseNet121'],
    ['repvgg', 'RepVGG_A0'],
    ['bert', 'BertForMaskedLM'],
  ] as const) {
    const out = join(folder, `${model}.onnx`);
    const args = ['dist/rescc.js', `examples/${file}.res`, '--model', model, '-O0', '-o', out];
    const done = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
    if (done.status === 0) found.push(out);
    else console.error(`${model}: ${done.stderr}`);
  }
  return found;
}

/** What rescc takes of each peer's processor time and memory, file by file. */
const beside = new Map<Tool, { readonly seconds: number; readonly peakBytes: number }[]>();

const lines: string[] = [];
function print(line: string): void {
  lines.push(line);
  console.log(line);
}

async function bench(source: string): Promise<void> {
  const name = basename(source, '.onnx');
  const results = new Map<Tool, Measured[]>(tools.map((tool) => [tool, []]));
  const target = (tool: Tool): string => join(folder, `${tools.indexOf(tool)}.onnx`);
  // The first round fills caches and does not count.
  for (let round = 0; round <= rounds; round++) {
    for (const tool of tools) {
      rmSync(target(tool), { force: true });
      const measured = run(tool.command(source, target(tool)));
      if (round > 0 || measured.error !== undefined) results.get(tool)?.push(measured);
    }
  }
  const session = await openSession(source, { ep: 'cpu', optimization: 'off', threads });
  // One picture or sentence: the first open size is the batch, others are small.
  const inputs = inputsFor(session.inputs, (_, axis) => (axis === 0 ? 1 : 16));
  const expected = await session.run(inputs);
  await session.close();

  const failed = new Map<Tool, string>();
  const errors = new Map<Tool, number>();
  for (const tool of tools) {
    const said = results.get(tool)?.find((one) => one.error !== undefined)?.error;
    if (said !== undefined || !existsSync(target(tool))) {
      failed.set(tool, said ?? 'wrote nothing');
      continue;
    }
    try {
      const made = await openSession(target(tool), { ep: 'cpu', optimization: 'off', threads });
      errors.set(tool, worstError(expected, await made.run(inputs)));
      await made.close();
    } catch (error) {
      failed.set(tool, `onnxruntime: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  const running = tools.filter((tool) => !failed.has(tool));
  const times = await processorTimes([source, ...running.map(target)], inputs, runs);
  const [raw = []] = times;
  const latency = (tool?: Tool): string => {
    const own = tool ? (times[running.indexOf(tool) + 1] ?? []) : raw;
    return tool ? `${median(own).toFixed(2)} (${ratioOf(own, raw).toFixed(2)})` : median(own).toFixed(2);
  };
  const kilobytes = (path: string): string => (statSync(path).size / 1000).toFixed(1);
  print(`| ${name} | original | | | ${await nodesOf(source)} | ${kilobytes(source)} | ${latency()} | |`);
  const middle = (tool: Tool, one: 'seconds' | 'peakBytes'): number =>
    median((results.get(tool) ?? []).map((measured) => measured[one]));
  for (const tool of running) {
    if (tool === rescc || !running.includes(rescc)) continue;
    const ratio = (one: 'seconds' | 'peakBytes'): number => middle(rescc, one) / middle(tool, one);
    beside.set(tool, [...(beside.get(tool) ?? []), { seconds: ratio('seconds'), peakBytes: ratio('peakBytes') }]);
  }
  for (const tool of tools) {
    const why = failed.get(tool);
    if (why !== undefined) {
      print(`| | ${tool.name} | failed: ${why.replaceAll('|', '/').slice(0, 120)} | | | | | |`);
      continue;
    }
    const seconds = middle(tool, 'seconds').toFixed(2);
    const peak = (middle(tool, 'peakBytes') / 1e6).toFixed(0);
    const error = errors.get(tool) ?? Number.NaN;
    const cells = [seconds, peak, await nodesOf(target(tool)), kilobytes(target(tool)), latency(tool), error.toExponential(1)];
    print(`| | ${tool.name} | ${cells.join(' | ')} |`);
  }
}

try {
  const files = positionals.length > 0 ? positionals : defaults();
  const versions = tools.flatMap((tool) => (tool.version === '' ? [] : [`${tool.name} ${tool.version}`]));
  print('# Optimising ONNX files, beside other optimisers\n');
  print(`\`npx tsx bench/optimize.ts --write\` writes this page; the peers are those of bench/requirements.txt. Whole processes from start to exit, in
turns: processor time (all threads) and peak memory are medians of ${rounds}. Nodes without constants, sub-graphs counted. A run: processor time of
one thread in onnxruntime ${runtimeVersion()} (CPU, its own optimiser on), median of ${runs}, and its ratio to the original, round by round. Error:
largest difference from the original's outputs over their largest element, onnxruntime's optimiser off.\n`);
  print(`Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? ''}; ${versions.join(', ')}.\n`);
  print('| model | by | seconds | peak MB | nodes | kB | a run, ms | error |');
  print('| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |');
  for (const file of files) {
    try {
      await bench(file);
    } catch (error) {
      print(
        `| ${basename(file, '.onnx')} | original | failed: ${error instanceof Error ? error.message.split('\n')[0] : ''} | | | | | |`,
      );
    }
  }
  print('\nMedians over the files that both wrote, rescc to each:\n');
  print('| beside | files | processor time | peak memory |\n| --- | ---: | ---: | ---: |');
  for (const [tool, all] of beside) {
    const of = (one: 'seconds' | 'peakBytes'): string => `1/${(1 / median(all.map((ratio) => ratio[one]))).toFixed(1)}`;
    print(`| ${tool.name} | ${all.length} | ${of('seconds')} | ${of('peakBytes')} |`);
  }
  if (values.write) writeFileSync(join(root, 'bench/optimize.md'), `${lines.join('\n')}\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
