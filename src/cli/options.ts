/** Options that several commands share, and their conversion to what the API takes. */

import { existsSync } from 'node:fs';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { CompileOptions } from '../compile.ts';
import { badOption } from '../diagnostics/catalogue/cli.ts';
import { fail } from '../diagnostics/diagnostic.ts';
import type { OptimizationLevel } from '../graph-passes.ts';
import type { Sizes } from '../ir/evaluate.ts';
import { maxOpset, minOpset } from '../ir/opset.ts';
import type { OptimizeOnnxOptions } from '../optimize.ts';
import { passNames } from '../passes/schedule.ts';
import { checkpointSource, readSource, resolveImport } from './files.ts';
import { watcher } from './progress.ts';

export interface ModelFlags {
  readonly model?: string;
  readonly define?: Readonly<Record<string, string>>;
  readonly maxSteps?: number;
  readonly inputShape?: readonly string[];
  readonly denyWarnings?: boolean;
  readonly seed?: number;
  /** Names, as in these flags, of what a configuration says instead of the call. */
  readonly configured?: ReadonlySet<string>;
}
export interface WeightFlags {
  readonly weights?: string;
  readonly allowMissing?: boolean;
  readonly allowUnused?: boolean;
  readonly map?: readonly string[];
  readonly mapFile?: string;
}
export interface PassFlags {
  readonly O?: OptimizationLevel;
  readonly passes?: readonly string[];
  readonly target?: 'portable' | 'cpu' | 'webgpu' | 'cuda';
  readonly verifyIr?: boolean;
  readonly opset?: number;
}
export interface OutputFlags {
  readonly quiet?: boolean;
  readonly json?: boolean;
}

export function wholeNumber(low: number, high: number): (text: string) => number {
  return (text) => {
    const n = Number(text);
    if (!Number.isInteger(n) || n < low || n > high)
      throw new InvalidArgumentError(`Write a whole number from ${low} to ${high}.`);
    return n;
  };
}

/** For options that may be given several times. */
export const collect = (text: string, before: readonly string[] | undefined): readonly string[] => [...(before ?? []), text];

function define(text: string, before: Readonly<Record<string, string>> | undefined): Readonly<Record<string, string>> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('Write name=expression, such as classes=10.');
  return { ...before, [text.slice(0, at).trim()]: text.slice(at + 1) };
}

export function withModel(command: Command): Command {
  return command
    .option('-m, --model <name>', 'the model of the file to compile')
    .option('-D, --define <name=expr>', 'sets a parameter of the model (repeatable)', define)
    .option('--deny-warnings', 'makes warnings errors')
    .option('--seed <n>', 'seed of the initialisers', wholeNumber(0, Number.MAX_SAFE_INTEGER))
    .option(
      '--max-steps <n>',
      'how many steps unrolling may take: 1 a statement, 6 a node',
      wholeNumber(1, Number.MAX_SAFE_INTEGER),
    );
}

/** Sizes from outside. */
export function withShapes(command: Command): Command {
  return command.option(
    '--input-shape <name=size>',
    'gives a symbolic size or an input a size: N=1, image=1,3,224,224 (repeatable)',
    collect,
  );
}

/** The same for several symbolic sizes at once, as commands that count and measure have it. */
export function withAt(command: Command): Command {
  return command.option('--at <sizes>', 'gives symbolic sizes: N=1,H=224,W=224 (repeatable)', sizesIn);
}

/** The sizes of `--at` among those of `--input-shape`. */
export function boundAt<F extends ModelFlags & { readonly at?: Sizes }>(flags: F): F {
  const { at, inputShape = [] } = flags;
  return at ? { ...flags, inputShape: [...inputShape, ...Object.entries(at).map(([name, size]) => `${name}=${size}`)] } : flags;
}

/** `N=1,H=224` */
export function sizesIn(text: string, before: Sizes | undefined): Sizes {
  const sizes = text.split(',').map((one): [string, number] => {
    const at = one.lastIndexOf('=');
    const size = Number(one.slice(at + 1).trim() || Number.NaN);
    if (at < 1 || !Number.isSafeInteger(size)) throw new InvalidArgumentError('Write name=size, such as N=1,H=224,W=224.');
    return [one.slice(0, at).trim(), size];
  });
  return { ...before, ...Object.fromEntries(sizes) };
}

/** `N=1`, `image:0=1`, `image=1,3,224,224`, `image=?,3,224,224`. */
export function shapesOf(specs: readonly string[]): Readonly<Record<string, number | readonly (number | undefined)[]>> {
  const shapes: [string, number | readonly (number | undefined)[]][] = [];
  for (const spec of specs) {
    const at = spec.lastIndexOf('=');
    const parts = at < 1 ? [] : spec.slice(at + 1).split(/[,x]/);
    const sizes = parts.map((part) => (part.trim() === '?' ? undefined : Number(part.trim() === '' ? Number.NaN : part)));
    if (sizes.length === 0 || sizes.some((size) => size !== undefined && !(Number.isSafeInteger(size) && size >= 0))) {
      fail(badOption, {
        with: {
          option: '--input-shape',
          found: spec,
          expected: 'name=size, or name=sizes separated by commas, ? where one stays open',
          hint: '--input-shape image=1,3,224,224',
        },
      });
    }
    const [only] = sizes;
    shapes.push([spec.slice(0, at), sizes.length === 1 && only !== undefined ? only : sizes]);
  }
  return Object.fromEntries(shapes);
}

export function withWeights(command: Command): Command {
  return withMap(
    command
      .option('-w, --weights <file>', 'a checkpoint: safetensors, PyTorch, NumPy or ONNX; file#key chooses a dict in it')
      .option('--allow-missing', 'initialises parameters that the checkpoint lacks')
      .option('--allow-unused', 'ignores tensors of the checkpoint that the model lacks'),
  );
}

export function withMap(command: Command): Command {
  return command
    .option('--map <from=to>', 'renames tensors of the checkpoint, * captures; from=none drops (repeatable)', collect)
    .option('--map-file <file>', 'a file of such renamings, one a line');
}

export function withPasses(command: Command): Command {
  return command
    .addOption(new Option('-O <level>', 'optimisation level: 0 none, 1 default, 2 more').argParser(wholeNumber(0, 2)))
    .option('--passes <a,b,c>', 'runs these passes in this order', (text) => text.split(',').map((s) => s.trim()))
    .addOption(new Option('--target <target>', 'what the passes optimise for').choices(['portable', 'cpu', 'webgpu', 'cuda']))
    .option('--verify-ir', 'checks the graph after every pass')
    .option('--opset <n>', `ONNX opset, ${minOpset} to ${maxOpset}`, wholeNumber(minOpset, maxOpset));
}

export function withOutput(command: Command): Command {
  return command.option('-q, --quiet', 'prints nothing but errors').option('--json', 'prints one JSON object');
}

/** Whether an ONNX file is to be anything but what it is. */
export const asksPasses = ({ O, passes, target, opset }: PassFlags): boolean =>
  [O, passes, target, opset].some((one) => one !== undefined);

export function checkPasses(passes: readonly string[] | undefined): void {
  for (const pass of passes ?? []) {
    if (!passNames.includes(pass)) {
      fail(badOption, {
        with: {
          option: '--passes',
          found: pass,
          expected: `names of passes: ${passNames.join(', ')}`,
          hint: '--passes simplify,fold-batchnorm',
        },
      });
    }
  }
}

/** What the passes over an ONNX file are told. Throws RES0702 for a pass that is none. */
export function passOptions({
  O,
  passes,
  target,
  opset,
  verifyIr,
}: PassFlags): Pick<OptimizeOnnxOptions, 'level' | 'passes' | 'target' | 'opset' | 'verifyIr' | 'onProgress'> {
  checkPasses(passes);
  return { level: O, passes, target, opset, verifyIr, onProgress: watcher() };
}

/** Options that say how a source becomes a model, by their names in flags. */
const sourceOptions = {
  model: '--model',
  define: '--define',
  seed: '--seed',
  maxSteps: '--max-steps',
  weights: '--weights',
  allowMissing: '--allow-missing',
  allowUnused: '--allow-unused',
  map: '--map',
  mapFile: '--map-file',
} as const;

/**
 * Throws RES0702 where an option that says how a source becomes a model is typed beside a file that is one already; defaults of a
 * configuration are for the sources among the files. A seed that other things are drawn with as well is left out by the caller.
 */
export function refuseSourceFlags(file: string, flags: ModelFlags & WeightFlags): void {
  const names = Object.keys(sourceOptions) as (keyof typeof sourceOptions)[];
  const found = names.find((name) => flags[name] !== undefined && flags[name] !== false && flags.configured?.has(name) !== true);
  if (!found) return;
  const option = sourceOptions[found];
  fail(badOption, {
    with: {
      option,
      found: `${file}, which has its weights and sizes`,
      expected: 'a source of the language (.res)',
      hint: `leave ${option} out`,
    },
  });
}

/** The API's options for the flags given. */
export function compileOptions(flags: ModelFlags & WeightFlags & PassFlags): CompileOptions {
  checkPasses(flags.passes);
  const [path, key] = splitKey(flags.weights);
  return {
    model: flags.model,
    defines: flags.define,
    inputShapes: flags.inputShape && shapesOf(flags.inputShape),
    seed: flags.seed,
    denyWarnings: flags.denyWarnings,
    limits: flags.maxSteps === undefined ? undefined : { steps: flags.maxSteps },
    resolveImport,
    weights: path === undefined ? undefined : checkpointSource(path),
    weightsKey: key,
    allowMissing: flags.allowMissing,
    allowUnused: flags.allowUnused,
    map: mapsOf(flags),
    level: flags.O,
    passes: flags.passes,
    target: flags.target,
    verifyIr: flags.verifyIr,
    opset: flags.opset,
    onProgress: watcher(),
  };
}

/** `ckpt.pth#params_ema` names a dict of a checkpoint, unless a file has just that name: `a#b.pth`, `a#b.pth#params_ema`. */
export function splitKey(weights: string | undefined): readonly [string | undefined, string | undefined] {
  const at = weights?.lastIndexOf('#') ?? -1;
  if (weights === undefined || at < 1 || existsSync(weights)) return [weights, undefined];
  return [weights.slice(0, at), weights.slice(at + 1)];
}

/** The renamings of `--map`, then those of `--map-file`: the first that matches a name is followed. */
export function mapsOf(
  flags: Pick<WeightFlags, 'map' | 'mapFile'>,
  option = '--map',
  fileOption = '--map-file',
): readonly { readonly from: string; readonly to: string | undefined }[] {
  const path = flags.mapFile;
  const lines = path === undefined ? [] : readSource(path).text.split(/\r?\n/);
  const fromFile = lines.flatMap((line, i) => {
    const text = line.trim();
    if (text === '' || text.startsWith('//')) return [];
    const at = text.indexOf('=');
    if (at < 1) {
      return fail(badOption, {
        with: {
          option: fileOption,
          found: `${path}:${i + 1}: ${text}`,
          expected: 'from=to in every line',
          hint: '*.gamma=*.weight',
        },
      });
    }
    return [mapping(`${text.slice(0, at).trim()}=${text.slice(at + 1).trim()}`, option)];
  });
  return [...(flags.map ?? []).map((text) => mapping(text, option)), ...fromFile];
}

function mapping(text: string, option: string): { from: string; to: string | undefined } {
  const at = text.indexOf('=');
  if (at < 1)
    return fail(badOption, {
      with: {
        option,
        found: text,
        expected: 'from=to',
        hint: option === '--map' ? '--map "*.gamma=*.weight"' : '"*.gamma=*.weight"',
      },
    });
  const to = text.slice(at + 1);
  return { from: text.slice(0, at), to: to === 'none' ? undefined : to };
}
