/** `rescc diff a b`: what differs between two models, or two checkpoints, in at most 20 lines; exit 1 where something does. */
import { basename, extname } from 'node:path';
import type { Command } from 'commander';
import { openCheckpoint, type TensorDict, type TensorEntry } from '../checkpoint/checkpoint.ts';
import { shapeText } from '../checkpoint/fit.ts';
import { outside } from '../diagnostics/at.ts';
import { badOption, wrongKind } from '../diagnostics/catalogue/cli.ts';
import { DiagnosticError, fail } from '../diagnostics/diagnostic.ts';
import { shownPath } from '../diagnostics/source.ts';
import { type Differences, differenceOf, diffGraphs, type Layer } from '../diff.ts';
import { withOutputs } from '../edit/extract.ts';
import { graphOfFile } from '../edit/values.ts';
import type { Sizes } from '../ir/evaluate.ts';
import type { Graph } from '../ir/graph.ts';
import type { HostTensor } from '../ir/types.ts';
import { compareOutputs, errorText } from '../runtime/compare.ts';
import { bindingsText, emptyBindings, randomInputs, smallestBindings } from '../runtime/inputs.ts';
import { askedFor } from '../runtime/measure.ts';
import type { Session } from '../runtime/session.ts';
import { withModels } from '../runtime/surgery.ts';
import { isOnnx, type OpenedModel, openOnnxFiles } from './any-model.ts';
import { chosenDicts } from './dict-key.ts';
import { checkpointSource, isStream, writeWhole } from './files.ts';
import {
  type ModelFlags,
  type OutputFlags,
  type PassFlags,
  sizesIn,
  splitKey,
  type WeightFlags,
  withModel,
  withOutput,
  withPasses,
  withWeights,
} from './options.ts';
import { Exit, exitCodes, print, report, say } from './output.ts';
import { watcher } from './progress.ts';
import { checkNames, sizesFor } from './size-names.ts';

interface Flags extends ModelFlags, WeightFlags, PassFlags, OutputFlags {
  readonly output?: string;
  readonly at?: Sizes;
}

export function addDiff(program: Command): void {
  const command = program
    .command('diff')
    .description('says what differs between two models, or two checkpoints')
    .argument('<a>', 'a .res or .onnx file, or a checkpoint')
    .argument('<b>', 'another one; two checkpoints, or two models')
    .option('--at <sizes>', 'sizes to run at: N=8,H=224 (repeatable); the smallest without', sizesIn)
    .option('-o, --output <file>', 'diff.html: a page with both models beside each other');
  withOutput(withPasses(withWeights(withModel(command)))).action((a: string, b: string, flags: Flags) => run(a, b, flags));
}

/** Other files are checkpoints, unless they have a network in them. Throws for what is not there, or is a model of others. */
async function isModel(file: string): Promise<boolean> {
  if (isStream(file) || isOnnx(file) || extname(file) === '.res') return true;
  const [path = file] = splitKey(file);
  const source = checkpointSource(path);
  try {
    return extname(file) === '' && (await openCheckpoint(source)).format === 'ONNX';
  } catch (error) {
    if (error instanceof DiagnosticError) return false;
    throw error;
  } finally {
    source.close();
  }
}

async function run(a: string, b: string, flags: Flags): Promise<void> {
  const [first, second] = [await isModel(a), await isModel(b)];
  checkOutput(a, b, first && second, flags.output);
  if (first !== second) {
    const [model, other] = first ? [a, b] : [b, a];
    fail(wrongKind, {
      with: {
        path: other,
        found: `a checkpoint, beside the model ${model}`,
        expected: 'two models (.res, .onnx) or two checkpoints',
        hint: `rescc weights ${other} --against ${model}`,
      },
    });
  }
  const found = first ? await diffModels(a, b, flags) : await diffCheckpoints(a, b);
  if (flags.json) report(flags, [], { ok: found.equal, a, b, verdict: found.verdict, ...found.data });
  else if (!flags.quiet) print(shown(found.verdict, found.sections).join('\n'));
  if (!found.equal) throw new Exit(exitCodes.failed);
}

/** A page shows two models, and is written into a file. */
function checkOutput(a: string, b: string, models: boolean, output: string | undefined): void {
  if (output === undefined) return;
  const html = extname(output) === '.html';
  if (html && models) return;
  fail(badOption, {
    with: html
      ? { option: '-o', found: `${output}, for two checkpoints`, expected: 'two models', hint: `rescc diff ${a} ${b}` }
      : { option: '-o', found: output, expected: 'a name ending in .html', hint: '-o diff.html' },
  });
}

type Section = readonly [name: string, lines: readonly string[]];

interface Found {
  readonly equal: boolean;
  readonly verdict: string;
  readonly sections: readonly Section[];
  readonly data: Readonly<Record<string, unknown>>;
}

/** Lines of the whole report. */
const mostLines = 20;

/** Each kind of difference gets as many lines as fit, and one that counts the others. */
function shown(verdict: string, sections: readonly Section[]): readonly string[] {
  const filled = sections.filter(([, lines]) => lines.length > 0);
  const each = Math.max(1, Math.floor((mostLines - 1) / Math.max(1, filled.length)) - 1);
  return [
    verdict,
    ...filled.flatMap(([name, lines]) => {
      const cut = lines.length > each + 1 ? [...lines.slice(0, each), `and ${lines.length - each} more: --json`] : lines;
      return cut.map((line, i) => `  ${(i === 0 ? name : '').padEnd(11)} ${line}`);
    }),
  ];
}

interface Model extends OpenedModel {
  readonly graph: Graph;
}

/** A source is compared as the file that it compiles to. */
async function diffModels(pathA: string, pathB: string, flags: Flags): Promise<Found> {
  const opened = await openOnnxFiles([pathA, pathB], flags);
  const [a, b] = [shownPath(pathA), shownPath(pathB)];
  try {
    const [from = outside(), to = outside()] = opened.map((one): Model => ({ ...one, graph: graphOfFile(one.model) }));
    checkNames([from.graph, to.graph], flags.at);
    const found = await diffGraphs(from.graph, to.graph, watcher());
    const { inputs, outputs, nodes, attributes, connections, shapes, weights, names, pairs } = found;
    const equal = [inputs, outputs, nodes, attributes, connections, shapes, weights].every((lines) => lines.length === 0);
    const run = inputs.length > 0 || outputs.length > 0 ? undefined : await ran(from, to, equal ? [] : found.layers, flags);
    const numbers = run?.outputs;
    const layers = run?.layers ?? [];
    if (flags.output !== undefined) {
      const { diffPage } = await import('../model-page.ts');
      writeWhole(flags.output, await diffPage([from.graph, to.graph], [basename(a), basename(b)], found));
      say(flags, `wrote ${flags.output}`);
    }
    const counts = `${pairs.nodes} nodes and ${pairs.weights} stored tensors`;
    const verdict = !equal
      ? `${a} and ${b} differ`
      : `${a} and ${b} are equal${names > 0 ? ' up to names' : ''}: ${counts}${numbers === undefined ? '' : `, ${numbers.join(', ')}`}`;
    return {
      equal,
      verdict,
      sections: equal ? [] : sectionsOf(found, numbers ?? [], layerLines(layers)),
      data: { inputs, outputs, nodes, attributes, connections, shapes, weights, names, numbers, layers },
    };
  } finally {
    for (const { close } of opened) close();
  }
}

/** Tensors that differ, behind how many they are of those that both have. */
const counted = (weights: readonly string[], pairs: number): readonly string[] =>
  weights.length > 0 ? [`${weights.length} of ${pairs} tensors`, ...weights] : [];

function sectionsOf(found: Differences, numbers: readonly string[], layers: readonly string[]): readonly Section[] {
  return [
    ['inputs', found.inputs],
    ['outputs', found.outputs],
    ['nodes', found.nodes],
    ['attributes', found.attributes],
    ['connections', found.connections],
    ['shapes', found.shapes],
    ['weights', counted(found.weights, found.pairs.weights)],
    ['numbers', numbers],
    ['layers', layers],
  ];
}

/** A value inside, and how far it is off. */
interface LayerError {
  readonly place: string;
  readonly value: string;
  /** Of the largest element; null where that is no number, or the shapes differ. */
  readonly relative: number | null;
  readonly text: string;
}

/** The first that differs in the order of the network, then the others, those that are off most before. */
function layerLines(layers: readonly LayerError[]): readonly string[] {
  const off = layers.filter(({ relative }) => relative !== 0);
  const [first, ...others] = off;
  if (!first) return [];
  const size = ({ relative }: LayerError): number => relative ?? Number.POSITIVE_INFINITY;
  const line = ({ place, text }: LayerError): string => `${place}: ${text}`;
  return [
    `${off.length} of ${layers.length} values differ`,
    `${line(first)}, the first`,
    ...others.sort((x, y) => size(y) - size(x)).map(line),
  ];
}

/**
 * Both on the same random inputs, in onnxruntime where it is there; inputs and outputs are paired by their order, values inside
 * as the graphs are.
 */
async function ran(
  a: Model,
  b: Model,
  pairs: readonly Layer[],
  flags: Flags,
): Promise<{ readonly outputs: readonly string[]; readonly layers: readonly LayerError[] } | undefined> {
  try {
    const fixed = sizesFor(a.graph, flags.at);
    const { smallest } = smallestBindings(a.graph, fixed);
    const empty = emptyBindings(a.graph, smallest, fixed);
    const names = pairs.map((pair) => pair.a);
    const others = pairs.map((pair) => pair.b);
    const made = await withModels(
      withOutputs(a.model, names),
      withOutputs(b.model, others),
      watcher(),
      async (one, other, by) => {
        if (by === 'reference') say(flags, 'run in the float64 reference, as onnxruntime-node is not installed');
        const runs = [];
        for (const sizes of [smallest, ...(empty ? [empty] : [])]) {
          const inputs = randomInputs(a.graph, sizes, flags.seed ?? 0);
          const renamed = new Map([...inputs.values()].map((tensor, i) => [b.graph.inputs[i]?.name ?? '', tensor]));
          const both = [await outcomeOf(one, inputs, sizes === empty), await outcomeOf(other, renamed, sizes === empty)] as const;
          // Where neither runs, nothing differs.
          if (both.some((outputs) => outputs)) runs.push({ at: bindingsText(sizes), both });
        }
        return runs;
      },
    );
    const outputs = a.graph.outputs.map(({ name }, i) => {
      const other = b.graph.outputs[i]?.name ?? '';
      const found = made.map(({ at, both: [x, y] }) => {
        const [p, q] = [x?.get(name), y?.get(other)];
        const error = p && q ? compareOutputs(name, q, p, 0) : undefined;
        const text = !error ? 'is not made by both' : error.ok ? 'is the same' : `is off by ${errorText(error)}`;
        return { text, at };
      });
      const texts = [...new Set(found.map(({ text }) => text))].map((text) => {
        const sizes = found.filter((one) => one.text === text && one.at !== '').map(({ at }) => at);
        return `${text} on random inputs${sizes.length === 0 ? '' : ` at ${sizes.join(', and at ')}`}`;
      });
      return `${name} ${texts.join(', ')}`;
    });
    const [x, y] = made[0]?.both ?? [];
    const layers = pairs.flatMap((pair): readonly LayerError[] => {
      const [p, q] = [x?.get(pair.a), y?.get(pair.b)];
      if (!p || !q) return [];
      const error = compareOutputs(pair.a, q, p, 0);
      const relative = Number.isFinite(error.relative) ? error.relative : null;
      return [{ place: pair.place, value: pair.a, relative, text: error.ok ? 'the same' : errorText(error) }];
    });
    return { outputs, layers };
  } catch (error) {
    if (!(error instanceof DiagnosticError)) throw error;
    say(flags, `not run: ${error.diagnostics[0]?.title ?? 'onnxruntime is not there'}`);
    return undefined;
  }
}

/** What a model gives; of sizes that it may refuse, nothing where it does. */
async function outcomeOf(
  session: Session,
  inputs: ReadonlyMap<string, HostTensor>,
  mayFail: boolean,
): Promise<ReadonlyMap<string, HostTensor> | undefined> {
  try {
    return await session.run(askedFor(session, inputs));
  } catch (error) {
    if (mayFail && error instanceof DiagnosticError) return undefined;
    throw error;
  }
}

const typeOf = ({ elem, dims }: TensorEntry): string => `${elem}${shapeText(dims)}`;

async function diffCheckpoints(a: string, b: string): Promise<Found> {
  const opened = [a, b].map((file) => {
    const [path = file, key] = splitKey(file);
    return { file, path, source: checkpointSource(path), key };
  });
  try {
    const dicts: TensorDict[] = [];
    for (const { file, path, source, key } of opened) {
      const checkpoint = await openCheckpoint(source);
      const size = ({ tensors }: TensorDict): number => tensors.size;
      const again = (other: string): string => `rescc diff ${[a, b].map((one) => (one === file ? other : one)).join(' ')}`;
      const asked = chosenDicts(checkpoint, key, size, again, path);
      const [largest] = [...asked].sort((x, y) => size(y) - size(x));
      dicts.push(largest ?? { key: '', tensors: new Map() });
    }
    const [from, to] = dicts.map((dict) => dict.tensors);
    const missing: string[] = [];
    const weights: string[] = [];
    let shared = 0;
    let compared = 0;
    const most = [...(from?.values() ?? [])].reduce((n, { expr }) => n + expr.count, 0);
    const onProgress = watcher();
    for (const [name, x] of from ?? []) {
      const y = to?.get(name);
      if (!y) {
        missing.push(`- ${name}: ${typeOf(x)}`);
        continue;
      }
      shared++;
      const look = (done: number): void => onProgress?.('comparing weights', compared + done, most, 'elements');
      const line = typeOf(x) === typeOf(y) ? await differenceOf(x.expr, y.expr, look) : `${typeOf(x)} → ${typeOf(y)}`;
      compared += x.expr.count;
      if (line !== undefined) weights.push(`${name}: ${line}`);
    }
    for (const [name, y] of to ?? []) if (!from?.has(name)) missing.push(`+ ${name}: ${typeOf(y)}`);
    const equal = missing.length === 0 && weights.length === 0;
    return {
      equal,
      verdict: equal ? `${a} and ${b} have equal tensors: ${shared}` : `${a} and ${b} differ`,
      sections: [
        ['tensors', missing],
        ['weights', counted(weights, shared)],
      ],
      data: { tensors: missing, weights },
    };
  } finally {
    for (const { source } of opened) source.close();
  }
}
