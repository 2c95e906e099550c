/**
 * How fast the files that rescc writes are on a GPU, beside those that PyTorch's exporters write:
 *
 *     python bench/gpu_models.py export FOLDER            here or there: the exports, without their weights
 *     npm run bench -- gpu --files FOLDER                 on the machine with the GPU
 *
 *     --work FOLDER      where files with weights go; what is there already is not made again   (a temporary folder)
 *     --python PYTHON    with numpy, onnx and, for CUDA, onnxruntime-gpu                          (python3)
 *     --providers a,b    of cpu, webgpu, cuda                                                      (webgpu,cuda)
 *     --only a,b         these networks                                                            (all)
 *     --seconds N        for all providers together; a network that has begun is ended             (300)
 *     --sessions N       sessions of every file                                                    (3)
 *     --slice N          seconds for all files of a network at one batch                           (1.2)
 *     --batches a,b      (1,32)
 *     --profile a,b      networks whose operators and kernels are listed, on CUDA
 *     --exhaustive a,b   networks that are measured again with cuDNN's exhaustive search
 *     --device NAME      as it stands in the page
 *     --rescc FILE       the built command line                                                    (dist/rescc.js)
 *     --prepare          makes the files and ends
 *     --out FOLDER       what the measuring processes printed, and the data
 *     --write            bench/gpu.json, where measurements are kept, and bench/gpu.md, written from all of them
 *
 * Made for a machine that is lent for minutes: builds nothing, installs nothing, and prints what it has when the time is over.
 * The files of a network run in turns, so that a slow moment falls on all alike. One session proves little, because cuDNN chooses
 * its algorithms per session: so several sessions of every file, and the choice by its heuristic, which is the same each time. A
 * ratio is that of two medians of one turn; the page says the median ratio, and bench/gpu.json has each.
 */

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { fileSource } from '../src/io/node/file-source.ts';
import { readOnnxFile } from '../src/onnx/read.ts';
import { runtimeVersion } from '../src/runtime/provider.ts';
import {
  exporters,
  type GpuLine,
  isFor,
  type Measurement,
  page,
  profilesOf,
  rowsOf,
  type Variant,
  withMeasurement,
} from './gpu-table.ts';

export interface JobGroup {
  readonly network: string;
  readonly batches: readonly number[];
  readonly sizes: Readonly<Record<string, number>>;
  /** Files of the same `like` compute the same, so that their outputs are compared. */
  readonly files: readonly { readonly label: string; readonly path: string; readonly like: string }[];
  /** The outputs of each file. */
  readonly outputs: Readonly<Record<string, readonly string[]>>;
}

export interface GpuJob {
  readonly provider: string;
  readonly options: Readonly<Record<string, string>>;
  readonly sessions: number;
  readonly seconds: number;
  readonly slice: number;
  readonly groups: readonly JobGroup[];
  readonly profile: readonly JobGroup[];
}

interface Network {
  /** FILE:MODEL of examples/, where there is one. */
  readonly model?: string;
  readonly sizes?: Readonly<Record<string, number>>;
  /** The largest batch, where 32 is more than a card holds several times. */
  readonly most?: number;
}

/** In the order in which they are measured: what is doubted first. */
const networks: Readonly<Record<string, Network>> = {
  resnet50: { model: 'resnet.res:ResNet50' },
  densenet121: { model: 'densenet.res:DenseNet121' },
  repvgg_a0: { model: 'repvgg.res:RepVGG_A0' },
  swin_t: {},
  convnext_tiny: {},
  vit_b_16: {},
  efficientnet_b0: {},
  bert: { model: 'bert.res:BertForMaskedLM', sizes: { T: 128 } },
  gpt2: { model: 'gpt2.res:GPT2WithPast', sizes: { T: 1, P: 64 } },
  resnet18: { model: 'resnet.res:ResNet18' },
  resnet152: { model: 'resnet.res:ResNet152' },
  edsr: { model: 'super_resolution.res:EDSR_baseline_x2', sizes: { H: 96, W: 96 } },
  unet: { model: 'unet.res:UNet', most: 8 },
};

const { values } = parseArgs({
  args: process.argv.slice(3),
  options: {
    files: { type: 'string', default: '.gpu/exports' },
    work: { type: 'string' },
    python: { type: 'string', default: 'python3' },
    providers: { type: 'string', default: 'webgpu,cuda' },
    only: { type: 'string' },
    seconds: { type: 'string', default: '300' },
    sessions: { type: 'string', default: '3' },
    slice: { type: 'string', default: '1.2' },
    batches: { type: 'string', default: '1,32' },
    profile: { type: 'string', default: '' },
    exhaustive: { type: 'string', default: '' },
    device: { type: 'string', default: 'unnamed device' },
    rescc: { type: 'string', default: 'dist/rescc.js' },
    prepare: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    out: { type: 'string' },
  },
});
const dataPath = 'bench/gpu.json';
const list = (text: string): readonly string[] => text.split(',').filter((part) => part !== '');
const note = (text: string): void => void process.stderr.write(`${text}\n`);

/** Of the file without the options that rescc notes in it, near its end. */
function hashOf(path: string): string {
  const bytes = readFileSync(path);
  const from = Math.max(0, bytes.length - 8192);
  const tail = bytes.subarray(from).toString('latin1');
  // The length of the entry stands before its name.
  const plain = tail.replace(/[\s\S]{4}rescc\.options[\s\S]{0,3}-O\d --target \w+/, '');
  return createHash('sha256').update(bytes.subarray(0, from)).update(plain, 'latin1').digest('hex');
}

/** Runs it, and says whether it ended well. */
function does(command: string, args: readonly string[]): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (text: Buffer) => {
      said += text.toString();
    });
    child.on('error', () => resolve(false));
    child.on('close', (code) => {
      if (code !== 0) note(`${command} ${args.join(' ')}: ${said.slice(-400)}`);
      resolve(code === 0);
    });
  });
}

/** At most so many at once. */
async function inParallel(width: number, work: readonly (() => Promise<void>)[]): Promise<void> {
  const waiting = [...work];
  await Promise.all(
    Array.from({ length: width }, async () => {
      for (let next = waiting.shift(); next; next = waiting.shift()) await next();
    }),
  );
}

/** Every file of every network, made where it is not there yet. */
async function prepare(names: readonly string[], work: string): Promise<ReadonlyMap<string, readonly Variant[]>> {
  mkdirSync(work, { recursive: true });
  const there = existsSync(values.files) ? readdirSync(values.files) : [];
  const variants = new Map<string, Variant[]>(names.map((name) => [name, []]));
  const levels = [['-O0'], ['-O1'], ['-O2'], ['-O1', '--target', 'cuda'], ['-O1', '--target', 'webgpu']] as const;
  const jobs = names.flatMap((name) => {
    const found = variants.get(name) ?? [];
    const exports = (['dy', 'ts'] as const).filter((kind) => there.includes(`${name}.${kind}.onnx`));
    const ofExports = exports.map((kind) => async (): Promise<void> => {
      const raw = join(work, `${name}.${kind}.onnx`);
      if (
        !existsSync(raw) &&
        !(await does(values.python, ['bench/gpu_models.py', 'fill', values.files, work, `${name}.${kind}`]))
      )
        return;
      found.push({ label: exporters[kind], path: raw, like: exporters[kind] });
      for (const level of levels) {
        if (level[0] === '-O0') continue;
        const path = join(work, `${name}.${kind}${level.join('')}.onnx`);
        if (existsSync(path) || (await does(process.execPath, [values.rescc, 'optimize', raw, ...level, '-o', path])))
          found.push({
            label: `${exporters[kind]} ${level.slice(-2).join(' ').replace('-O1 --', '--')}`,
            path,
            like: exporters[kind],
          });
      }
    });
    const { model } = networks[name] ?? {};
    const [file = '', of = ''] = model?.split(':') ?? [];
    const ofModel = async (): Promise<void> => {
      for (const level of levels) {
        const path = join(work, `${name}.res${level.join('')}.onnx`);
        if (
          existsSync(path) ||
          (await does(process.execPath, [values.rescc, join('examples', file), '--model', of, ...level, '-o', path]))
        )
          found.push({ label: `.res ${level.slice(-2).join(' ').replace('-O1 --', '--')}`, path, like: 'res' });
      }
    };
    return model === undefined ? ofExports : [...ofExports, ofModel];
  });
  await inParallel(Math.max(1, Math.floor(cpus().length * 0.8)), jobs);
  for (const found of variants.values()) {
    found.sort((a, b) => order(a) - order(b));
    const byHash = new Map<string, Variant>();
    for (const one of found) {
      const hash = hashOf(one.path);
      const before = byHash.get(hash);
      if (before) one.same = before.label;
      else byHash.set(hash, one);
    }
  }
  return variants;
}

/** PyTorch's first, then by exporter and level. */
function order({ label }: Variant): number {
  const source = label.startsWith('torch') ? 0 : label.startsWith('Torch') ? 10 : 20;
  return source + (label.includes('target') ? (label.endsWith('cuda') ? 4 : 5) : Number(/-O(\d)/.exec(label)?.[1] ?? -1) + 1);
}

async function groupOf(name: string, found: readonly Variant[], provider: string): Promise<JobGroup> {
  const { sizes = {}, most = Number.POSITIVE_INFINITY } = networks[name] ?? {};
  const files = found.filter((one) => one.same === undefined && isFor(one.label, provider));
  const outputs: Record<string, readonly string[]> = {};
  for (const { label, path } of files) {
    const source = fileSource(path);
    try {
      outputs[label] = (await readOnnxFile(source)).graph.outputs.map((output) => output.name);
    } finally {
      source.close();
    }
  }
  const batches = list(values.batches).map((batch) => Math.min(most, Number(batch)));
  return { network: name, batches, sizes, files: files.map(({ label, path, like }) => ({ label, path, like })), outputs };
}

/** The measuring process of a provider; its lines, as far as it got. */
async function measured(job: GpuJob, work: string, tag: string): Promise<readonly GpuLine[]> {
  const path = join(work, `job-${tag}.json`);
  writeFileSync(path, JSON.stringify(job));
  const child =
    job.provider === 'webgpu'
      ? spawn(process.execPath, [...process.execArgv, process.argv[1] ?? '', 'gpu-webgpu', path], {
          stdio: ['ignore', 'pipe', 'inherit'],
        })
      : spawn(values.python, ['bench/gpu_run.py', path], { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines: GpuLine[] = [];
  const ended = new Promise<void>((resolve) => {
    child.on('error', (error) => {
      note(`${tag}: ${error.message}`);
      resolve();
    });
    child.on('close', () => resolve());
  });
  for await (const text of createInterface({ input: child.stdout })) {
    if (!text.startsWith('{')) continue;
    const line = JSON.parse(text) as GpuLine;
    lines.push(line);
    if (line.error !== undefined) note(`${tag} ${line.network} ${line.label}: ${line.error}`);
    if (line.stopped !== undefined) note(`${tag}: stopped at ${line.stopped}`);
  }
  await ended;
  if (values.out) writeFileSync(join(values.out, `lines-${tag}.json`), lines.map((line) => JSON.stringify(line)).join('\n'));
  return lines;
}

/** What was kept of earlier runs. */
const kept = (): readonly Measurement[] =>
  existsSync(dataPath) ? (JSON.parse(readFileSync(dataPath, 'utf8')) as readonly Measurement[]) : [];

export async function gpu(): Promise<void> {
  const names = values.only === undefined ? Object.keys(networks) : list(values.only);
  const work = values.work ?? mkdtempSync(join(tmpdir(), 'rescc-bench-gpu-'));
  const variants = await prepare(names, work);
  for (const [name, found] of variants)
    note(`${name}: ${found.map(({ label, same }) => label + (same === undefined ? '' : ` (= ${same})`)).join('; ')}`);
  if (values.prepare) return;
  const providers = list(values.providers);
  const exhaustive = list(values.exhaustive);
  // A search takes longer and is asked for few networks.
  const parts = providers.length + (providers.includes('cuda') && exhaustive.length > 0 ? 0.4 : 0);
  const measurements: Measurement[] = [];
  for (const provider of providers) {
    const groups: JobGroup[] = [];
    for (const [name, found] of variants) if (found.length > 0) groups.push(await groupOf(name, found, provider));
    const run = async (
      search: string,
      share: number,
      asked: readonly JobGroup[],
      profile: readonly JobGroup[],
    ): Promise<void> => {
      const options = search === '' ? {} : { cudnn_conv_algo_search: search, arena_extend_strategy: 'kSameAsRequested' };
      const seconds = (Number(values.seconds) / parts) * share;
      const job: GpuJob = {
        provider,
        options,
        sessions: Number(values.sessions),
        seconds,
        slice: Number(values.slice),
        groups: asked,
        profile,
      };
      const lines = await measured(job, work, `${provider}${search.toLowerCase()}`);
      measurements.push({
        device: values.device,
        provider,
        search: search === '' ? '' : `cuDNN's algorithms by ${search}`,
        date: new Date().toISOString().slice(0, 10),
        runtime: lines.find((line) => line.runtime)?.runtime ?? runtimeVersion(),
        rows: rowsOf(provider, lines, variants),
        profiles: profilesOf(lines),
      });
    };
    const profiled = groups.filter(({ network }) => list(values.profile).includes(network));
    await run(provider === 'cuda' ? 'HEURISTIC' : '', 1, groups, provider === 'cuda' ? profiled : []);
    const searched = groups.filter(({ network }) => exhaustive.includes(network));
    if (provider === 'cuda' && searched.length > 0) await run('EXHAUSTIVE', 0.4, searched, []);
  }
  process.stdout.write(page(measurements));
  const data = JSON.stringify(values.write ? measurements.reduce(withMeasurement, kept()) : measurements);
  if (values.out) writeFileSync(join(values.out, 'gpu.json'), data);
  if (values.write) {
    writeFileSync(dataPath, `${data}\n`);
    writeFileSync('bench/gpu.md', page(JSON.parse(data) as readonly Measurement[]));
  }
}
