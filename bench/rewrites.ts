/**
 * What each rewrite is worth, against onnxruntime with its own optimiser on: the pipeline of a level with and without one pass,
 * on a model in which it fires, interleaved in one run. `npm run bench -- rewrites` writes bench/rewrites.md; the targets' table
 * in src/passes/schedule.ts follows it.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { type CompileOptions, compile, passNames } from '../src/index.ts';
import type { HostTensor } from '../src/ir/types.ts';
import { median, spread } from '../src/runtime/bench.ts';
import { randomInputs, smallestBindings } from '../src/runtime/inputs.ts';
import { runtimeVersion } from '../src/runtime/provider.ts';
import { processorTimes, ratioOf } from './timed.ts';

interface Case {
  readonly what: string;
  /** A file of examples/, or a text. */
  readonly source: string;
  readonly model?: string;
  readonly sizes?: Readonly<Record<string, number>>;
  readonly without: CompileOptions;
  readonly with: CompileOptions;
}

const all = (...names: readonly string[]): CompileOptions => ({ passes: names });
/** The pipeline's passes as a list that runs twice, so that one pass can be left out. */
const passes = (leaveOut?: string): CompileOptions => {
  const kept = passNames.filter((name) => name !== leaveOut);
  return all(...kept, ...kept);
};

const transition = `model Transition {
  input image: f32[1, 256, 56, 56]
  norm: batchnorm  relu  conv: conv(128, 1x1)  avgpool(2x2)
  output y
}`;
const strided = `block Bottleneck(width, stride = 1) {
  residual {
    conv1: conv(width, 1x1, stride=stride)  relu
    conv2: conv(width, 3x3)  relu
    conv3: conv(4 * width, 1x1)
  } shortcut down: project(norm=none)
  relu
}
model StageV1 {
  input image: f32[1, 256, 56, 56]
  a: Bottleneck(64)  b: Bottleneck(128, stride=2)
  output y
}`;
const upsampled = `model Upsampled {
  input image: f32[1, 128, 56, 56]
  resize(scale=2, mode="nearest")  conv(64, 1x1)
  output y
}`;

const temporal = `model Temporal {
  input x: f32[N, 64, L]
  stem: conv(64, 3, pad=1)  relu
  repeat [1, 2, 4, 8] as d, i { b{i}: residual {
    conv1: conv(64, 3, pad=d, dilation=d)  relu
    conv2: conv(64, 3, pad=d, dilation=d)
  } relu }
  output y
}`;
const conformer = `model Conformer {
  input x: f32[N, 256, L]
  pointwise1: conv(256, 1)  silu
  depthwise: conv(256, 31, pad=15, groups=256)  silu
  pointwise2: conv(256, 1)
  output y
}`;

const cases: readonly Case[] = [
  { what: 'all of -O1 (ResNet-50)', source: 'resnet.res', model: 'ResNet50', without: { level: 0 }, with: { level: 1 } },
  { what: 'all of -O1 (ResNet-164)', source: 'preact_resnet.res', model: 'ResNet164', without: { level: 0 }, with: { level: 1 } },
  { what: 'all of -O1 (RepVGG-A0)', source: 'repvgg.res', model: 'RepVGG_A0', without: { level: 0 }, with: { level: 1 } },
  {
    what: 'merge-branches (RepVGG-A0)',
    source: 'repvgg.res',
    model: 'RepVGG_A0',
    without: passes('merge-branches'),
    with: passes(),
  },
  { what: 'commute-pool (DenseNet transition)', source: transition, without: passes('commute-pool'), with: passes() },
  { what: 'commute-pool (1x1 after resize)', source: upsampled, without: passes('commute-pool'), with: passes() },
  { what: 'move-stride (ResNet v1 stage)', source: strided, without: passes('move-stride'), with: passes() },
  {
    what: 'fuse-shortcut, option A as pool (ResNet-20)',
    source: 'resnet_cifar.res',
    model: 'ResNet20',
    without: passes('fuse-shortcut'),
    with: { level: 1 },
  },
  {
    what: 'fuse-shortcut, option A as conv, --target cpu (ResNet-20)',
    source: 'resnet_cifar.res',
    model: 'ResNet20',
    without: { level: 1 },
    with: { level: 1, target: 'cpu' },
  },
  {
    what: 'blocked-layout, groups, --target cpu (ResNeXt-50)',
    source: 'resnet.res',
    model: 'ResNeXt50_32x4d',
    without: { level: 1 },
    with: { level: 1, target: 'cpu' },
  },
  {
    what: 'blocked-layout, --target cpu (temporal conv net)',
    source: temporal,
    sizes: { L: 1000 },
    without: { level: 1 },
    with: { level: 1, target: 'cpu' },
  },
  {
    what: "blocked-layout, --target cpu (a Conformer's conv module)",
    source: conformer,
    sizes: { L: 400 },
    without: { level: 1 },
    with: { level: 1, target: 'cpu' },
  },
  {
    what: 'fuse-shortcut, concat form, -O2 (ResNet-50)',
    source: 'resnet.res',
    model: 'ResNet50',
    without: { level: 1 },
    with: { level: 2 },
  },
];

interface Built {
  readonly bytes: Uint8Array;
  readonly inputs: ReadonlyMap<string, HostTensor>;
  readonly nodes: number;
}

async function build(entry: Case, options: CompileOptions): Promise<Built> {
  const text = entry.source.endsWith('.res')
    ? await readFile(new URL(`../examples/${entry.source}`, import.meta.url), 'utf8')
    : entry.source;
  const result = await compile(text, { model: entry.model, ...options });
  if (!result.graph) throw new Error(`${entry.what}: ${result.diagnostics.map((d) => d.title).join('; ')}`);
  const sizes = new Map([...smallestBindings(result.graph).smallest, ...Object.entries(entry.sizes ?? {})]);
  return { bytes: await result.bytes(), inputs: randomInputs(result.graph, sizes, 0), nodes: result.graph.nodeCount };
}

/** Measures every rewrite and writes bench/rewrites.md. */
export async function rewrites(): Promise<void> {
  const runs = 31;
  const rows: string[] = [];
  for (const entry of cases) {
    const before = await build(entry, entry.without);
    const after = await build(entry, entry.with);
    const [a = [], b = []] = await processorTimes([before.bytes, after.bytes], before.inputs, runs);
    const time = (all: readonly number[]): string => `${median(all).toFixed(2)} ± ${spread(all).toFixed(2)}`;
    rows.push(`| ${entry.what} | ${before.nodes} → ${after.nodes} | ${time(a)} | ${time(b)} | ${ratioOf(a, b).toFixed(2)} |`);
    console.log(rows.at(-1));
  }
  const page = `# What the rewrites are worth

\`npm run bench -- rewrites\` writes this page. Both sides run with onnxruntime's own optimiser on, interleaved, on one thread; milliseconds of processor time, median of
${runs} runs ± half the distance between the quartiles. Machine: ${cpus()[0]?.model.trim() ?? 'unknown processor'}, onnxruntime ${runtimeVersion()}, CPU provider.

| rewrite | nodes | without | with | times faster |
| --- | ---: | ---: | ---: | ---: |
${rows.join('\n')}
`;
  await writeFile(new URL('rewrites.md', import.meta.url), page);
}
