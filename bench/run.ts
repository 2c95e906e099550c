/**
 * Measures compiling and running, and writes bench/README.md.
 *
 *     npm run bench                                     every model of the list below
 *     npm run bench -- examples/resnet.res:ResNet50     these only, printed and not written
 *
 * Compiling is the built command line (`npm run build` first), the whole process timed; peak memory is its own maximum resident
 * set, with Node's 40 MB in it. Latencies are medians of interleaved runs of four models: before and after the passes, with
 * onnxruntime's own optimiser off and on.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { cpus, release, tmpdir, totalmem, type } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { build } from '../src/index.ts';
import type { ElemType } from '../src/ir/types.ts';
import { compareLatency, type Latency, median } from '../src/runtime/bench.ts';
import { boundDims, randomTensor, smallestBindings } from '../src/runtime/inputs.ts';
import { runtimeVersion } from '../src/runtime/provider.ts';

interface BenchEntry {
  readonly file: string;
  readonly model: string;
  /** Sizes of symbols; those not named are as small as is legal. */
  readonly sizes?: Readonly<Record<string, number>>;
}

/** From small to large; every family that ships. */
const entries: readonly BenchEntry[] = [
  { file: 'examples/resnet_cifar.res', model: 'ResNet20' },
  { file: 'examples/resnet_cifar.res', model: 'ResNet110' },
  { file: 'examples/plain.res', model: 'Plain34' },
  { file: 'examples/preact_resnet.res', model: 'ResNet164' },
  { file: 'examples/wide_resnet.res', model: 'WRN_16_8' },
  { file: 'examples/resnet.res', model: 'ResNet18' },
  { file: 'examples/resnet.res', model: 'ResNet50' },
  { file: 'examples/resnet.res', model: 'ResNet152' },
  { file: 'examples/resnet.res', model: 'ResNeXt50_32x4d' },
  { file: 'examples/repvgg.res', model: 'RepVGG_A0' },
  { file: 'examples/vgg.res', model: 'VGG16' },
];

const levels = [0, 1] as const;
type Level = (typeof levels)[number];
const runs = 15;
const compileRuns = 3;
const threads = Math.min(4, cpus().length);

interface Compiled {
  readonly compileMs: number;
  readonly peakBytes: number;
  readonly nodes: number;
  readonly inputs: readonly { readonly name: string; readonly elem: ElemType; readonly dims: readonly number[] }[];
}

/** Relative imports lie beside the file that names them. */
function resolveImport(
  from: string,
  importer: { readonly name: string },
): { readonly name: string; readonly text: string } | undefined {
  const name = join(dirname(importer.name), from);
  return existsSync(name) ? { name, text: readFileSync(name, 'utf8') } : undefined;
}

/** Runs the built command line, as a user would; the whole process is timed. */
async function compileInChild(entry: BenchEntry, level: Level, out: string): Promise<Compiled> {
  const text = readFileSync(entry.file, 'utf8');
  const { graph } = build(text, { fileName: entry.file, model: entry.model, resolveImport });
  if (!graph) throw new Error(`${entry.file} ${entry.model} does not compile`);
  const bindings = new Map([...smallestBindings(graph).smallest, ...Object.entries(entry.sizes ?? {})]);
  const inputs = graph.inputs.map((input) => ({
    name: input.name ?? '',
    elem: input.type.elem,
    dims: boundDims(input.type, bindings),
  }));
  const args = ['dist/rescc.js', entry.file, '--model', entry.model, `-O${level}`, '-o', out, '--json'];
  const times: number[] = [];
  let printed = '';
  for (let i = 0; i < compileRuns; i++) {
    const started = performance.now();
    const child = spawnSync(process.execPath, args, { encoding: 'utf8' });
    times.push(performance.now() - started);
    if (child.status !== 0)
      throw new Error(`compiling ${entry.file} ${entry.model} at -O${level}: ${child.stdout}${child.stderr}`);
    printed = child.stdout;
  }
  const said: { readonly peakBytes: number; readonly after: { readonly nodes: number } } = JSON.parse(printed);
  return { compileMs: median(times), peakBytes: said.peakBytes, nodes: said.after.nodes, inputs };
}

interface Measured {
  readonly entry: BenchEntry;
  readonly compiled: { readonly O0: Compiled; readonly O1: Compiled };
  readonly fileBytes: { readonly O0: number; readonly O1: number };
  /** -O0 off, -O0 all, -O1 off, -O1 all. */
  readonly latencies: readonly Latency[];
}

async function measure(entry: BenchEntry, folder: string): Promise<Measured> {
  const path = (level: Level): string => join(folder, `${entry.model}-O${level}.onnx`);
  const O0 = await compileInChild(entry, 0, path(0));
  const O1 = await compileInChild(entry, 1, path(1));
  const inputs = new Map(O0.inputs.map(({ name, elem, dims }) => [name, randomTensor(elem, dims, `0:${name}`)]));
  const models = levels.flatMap((level) =>
    (['off', 'all'] as const).map((optimization) => ({ name: `-O${level} ${optimization}`, bytes: path(level), optimization })),
  );
  const latencies = await compareLatency(models, inputs, { runs, threads });
  const fileBytes = { O0: (await stat(path(0))).size, O1: (await stat(path(1))).size };
  await Promise.all(levels.map((level) => rm(path(level))));
  return { entry, compiled: { O0, O1 }, fileBytes, latencies };
}

const fixed = (x: number, digits = 1): string => x.toFixed(digits);
const megabytes = (bytes: number): string => fixed(bytes / 1e6);

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const rule = header.map((_, i) => (i === 0 ? '---' : '---:'));
  return [line(header), line(rule), ...rows.map(line)].join('\n');
}

function markdown(measured: readonly Measured[]): string {
  const [cpu] = cpus();
  const machine = `${cpu?.model.trim() ?? 'unknown processor'}, ${cpus().length} cores, ${fixed(totalmem() / 2 ** 30, 0)} GiB, ${type()} ${release()}, Node ${process.version}, onnxruntime ${runtimeVersion()}, ${threads} threads`;
  const compiling = measured.map(({ entry, compiled, fileBytes }) => [
    entry.model,
    fixed(compiled.O0.compileMs, 0),
    fixed(compiled.O1.compileMs, 0),
    megabytes(compiled.O1.peakBytes),
    megabytes(fileBytes.O1),
    String(compiled.O0.nodes),
    String(compiled.O1.nodes),
  ]);
  const columns = ['-O0, off', '-O0, all', '-O1, off', '-O1, all'];
  const creating = measured.map(({ entry, latencies }) => [entry.model, ...latencies.map((l) => fixed(l.createMs))]);
  const running = measured.map(({ entry, compiled, latencies }) => [
    entry.model,
    compiled.O0.inputs.map((input) => input.dims.join('x')).join(', '),
    ...latencies.map((l) => `${fixed(l.medianMs, 2)} ± ${fixed(l.spreadMs, 2)}`),
  ]);
  return `# Measurements

\`npm run bench\` writes this page. Machine: ${machine}.

## Compiling

The command line from start to exit, weights from the initialisers included, in milliseconds, median of ${compileRuns}; peak memory of the process at -O1, and the
file, in megabytes (10^6 bytes).

${table(['model', '-O0 ms', '-O1 ms', 'peak MB', 'file MB', 'nodes -O0', 'nodes -O1'], compiling)}

## Creating a session

Milliseconds, median of 3, on the CPU provider; \`off\` and \`all\` are onnxruntime's own optimiser.

${table(['model', ...columns], creating)}

## Running

Milliseconds per run, median of ${runs} interleaved runs ± half the distance between the quartiles.

${table(['model', 'input', ...columns], running)}

[weights.md](weights.md): checkpoints read, folded and written, beside \`cp\`. [parser.md](parser.md): lexer and parser per token, beside JSON. [compiler.md](compiler.md): starting, and time and memory as models grow. [optimize.md](optimize.md): \`rescc optimize\` beside onnxslim, onnxsim, onnxoptimizer and onnxscript. [nodes.md](nodes.md): nodes that they leave. [latency.md](latency.md): runs of the file that was given and of ours. [rewrites.md](rewrites.md): what single rewrites are worth. [exports.md](exports.md): what PyTorch exports of real architectures come to. [large.md](large.md): Faster R-CNN and GPT-2 XL, in time and memory. [drawing.md](drawing.md): figures and pages. [gpu.md](gpu.md): on a GPU.
`;
}

async function main(): Promise<void> {
  const [first] = process.argv.slice(2);
  if (first === 'gpu') return (await import('./gpu.ts')).gpu();
  if (first === 'gpu-webgpu') return (await import('./gpu-webgpu.ts')).measureWebgpu(process.argv[3] ?? '');
  if (first === 'rewrites') return (await import('./rewrites.ts')).rewrites();
  const asked = process.argv.slice(2).map((text): BenchEntry => {
    const colon = text.lastIndexOf(':');
    if (colon < 0) throw new Error(`${text}: give FILE:MODEL, as examples/resnet.res:ResNet50`);
    const [file, model] = [text.slice(0, colon), text.slice(colon + 1)];
    return entries.find((entry) => entry.file === file && entry.model === model) ?? { file, model };
  });
  const folder = await mkdtemp(join(tmpdir(), 'rescc-bench-'));
  try {
    const measured: Measured[] = [];
    for (const entry of asked.length > 0 ? asked : entries) {
      if (!existsSync(resolve(entry.file))) {
        process.stderr.write(`no ${entry.file}: left out\n`);
        continue;
      }
      process.stderr.write(`${basename(entry.file)} ${entry.model}\n`);
      measured.push(await measure(entry, folder));
    }
    const page = markdown(measured);
    process.stdout.write(page);
    if (asked.length === 0) await writeFile('bench/README.md', page);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

await main();
