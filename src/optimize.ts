/** Optimises an ONNX file, as one call: file to graph, passes, ONNX. No file system, no process. */

import { type Artifact, artifactOf } from './artifact.ts';
import { emitScheduled } from './codegen/emit.ts';
import { checkArgument, checkOptions } from './diagnostics/arguments.ts';
import { opsetTooLow, shapeMisfit } from './diagnostics/catalogue/cli.ts';
import { DiagnosticError, fail, Sink } from './diagnostics/diagnostic.ts';
import { type OptimizationLevel, type OptimizeOptions, optimizeLate } from './graph-passes.ts';
import { importedAt, ownOpset } from './import/at-opset.ts';
import type { ImportedModel, ImportOptions, LeftForeign } from './import/imported-model.ts';
import type { NarrowedInput } from './import/narrowed.ts';
import type { ByteSource } from './io/bytes.ts';
import { type Bytes, bytesKind, sourceFrom } from './io/sources.ts';
import { cloneGraph } from './ir/clone.ts';
import type { Graph } from './ir/graph.ts';
import { type Memory, memoryOf } from './ir/memory.ts';
import { maxOpset, minOpset } from './ir/opset.ts';
import { type GraphStats, statsOf } from './ir/stats.ts';
import { type FileFigures, fileFigures } from './onnx/figures.ts';
import { inlineFunctions } from './onnx/functions.ts';
import type { OnnxDim, OnnxFile, OnnxModel, OnnxValue } from './onnx/model.ts';
import { readOnnxFile } from './onnx/read.ts';
import { typeText } from './onnx/types.ts';
import { optimizeOnnxKinds } from './option-kinds.ts';
import type { PassReport } from './passes/pipeline.ts';
import { stageOpsets } from './passes/schedule.ts';
import { mergeEqualWeights } from './passes/transforms/simplify/equal-weights.ts';
import { version } from './version.ts';

/** How an ONNX file is optimised. */
export interface OptimizeOnnxOptions extends OptimizeOptions {
  /** How messages name a file that is given as bytes. Default `<bytes>`. */
  readonly fileName?: string | undefined;
  /** The opset to write, at least the file's own and 13; default is the least of these. */
  readonly opset?: number | undefined;
  /**
   * Raises the opset to the smallest one that says most of the model in few nodes: LayerNormalization 17, Gelu 20, Attention 23.
   */
  readonly raise?: boolean | undefined;
  /**
   * Numbers for what the file leaves open: of a symbolic size (`N`), of an axis (`image:0`), or an input's shape, undefined where
   * it stays open.
   */
  readonly inputShapes?: Readonly<Record<string, number | readonly (number | undefined)[]>> | undefined;
  /** Initialisers that are listed as inputs stay inputs with a default. */
  readonly keepInputs?: boolean | undefined;
  /** Entries for the file's metadata, besides its own. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** Keeps a copy of the graph as the file says it, for verify. */
  readonly keepUnoptimized?: boolean | undefined;
  /** Runs on the graph in the place of the passes, and honours `fuel` and `onFiring`: for passes of one's own. */
  readonly pipeline?: ((graph: Graph, options: OptimizeOnnxOptions) => PassReport) | undefined;
}

/** How often the file has an ONNX operator, sub-graphs and functions included, and how often what was made of it does. */
export interface OperatorChange {
  /** With its domain where that is not ONNX's own: `com.microsoft.FusedConv`. */
  readonly name: string;
  readonly before: number;
  readonly after: number;
}

/** What lies in a file. */
export interface Stored {
  /** Of every tensor. */
  readonly elements: number;
  readonly bytes: number;
}

/** What a rule left alone, and why, counted. */
export interface RefusedGroup {
  readonly rule: string;
  readonly condition: string;
  readonly count: number;
  /** The first place. */
  readonly example: string;
}

/** Nodes that pass through as they are, counted. */
export interface ForeignGroup {
  readonly operator: string;
  readonly why: string;
  readonly count: number;
  readonly example: string;
}

/** What was done to a file. */
export interface OptimizeReport {
  readonly file: string;
  readonly opset: { readonly before: number; readonly after: number };
  readonly level: OptimizationLevel;
  /** Sorted by name. */
  readonly operators: readonly OperatorChange[];
  /** ONNX nodes, sub-graphs included. */
  readonly nodes: { readonly before: number; readonly after: number };
  /** What is stored in the file, and in what was made of it: initializers, and constants in attributes. */
  readonly stored: { readonly before: Stored; readonly after: Stored };
  /** Operators and multiply-adds of the graph before and after; operators whose cost nobody knows count as nothing. */
  readonly before: GraphStats;
  readonly after: GraphStats;
  /** What a run of what was made writes, and holds at once. */
  readonly memory: Memory;
  /** Of the file and the data files that it names. */
  readonly fileBytes: number;
  readonly passes: PassReport;
  readonly refused: readonly RefusedGroup[];
  readonly foreign: readonly ForeignGroup[];
  /** Initialisers that were equal to another one. */
  readonly equalWeights: number;
  /** Inputs that take fewer sizes than the file says, because a node that runs every time asks for one size. */
  readonly narrowed: readonly NarrowedInput[];
  /** What a reader should know: initialisers listed as inputs, functions inlined, an opset brought up. */
  readonly notes: readonly string[];
}

/** An optimised file, whose weights lie in the source, or the diagnostics that say why there is none. */
export type OptimizeResult = Artifact<OptimizeReport>;

/**
 * Optimises an ONNX file: imports it, runs the passes, and gives it back with the names that it had.
 *
 * @param source The file's bytes (also as a Blob), or a source that is read piece by piece; weights are not read before `bytes`
 * or `stream` pull them, so that it
 *   stays open until then.
 * @returns Diagnostics in any case; graph, report and ONNX when there are no errors.
 */
export async function optimizeOnnx(source: Bytes, options: OptimizeOnnxOptions = {}): Promise<OptimizeResult> {
  checkArgument('optimizeOnnx', 'source', source, bytesKind);
  checkOptions('optimizeOnnx', options, optimizeOnnxKinds);
  return await artifactOf(new Sink(), async () => {
    const counted = new CountedSource(sourceFrom(source, options.fileName ?? '<bytes>'));
    const file = await readOnnxFile(counted);
    const made = await (options.raise ? raised(file, options) : atOpset(file, opsetFor(file, options), options));
    const { graph, unoptimized, onnx } = made;
    return { graph, unoptimized, onnx, report: reportOf(file, counted.bytes, made, options) };
  });
}

/** Counts the bytes of a file and of the data files that are opened through it. */
class CountedSource implements ByteSource {
  readonly name: string;
  readonly size: number;
  bytes: number;
  readonly read: ByteSource['read'];
  readonly readSync?: NonNullable<ByteSource['readSync']>;
  readonly readInto?: NonNullable<ByteSource['readInto']>;
  readonly sibling?: NonNullable<ByteSource['sibling']>;

  constructor(of: ByteSource) {
    this.name = of.name;
    this.size = of.size;
    this.bytes = of.size;
    this.read = of.read.bind(of);
    if (of.readSync) this.readSync = of.readSync.bind(of);
    if (of.readInto) this.readInto = of.readInto.bind(of);
    const { sibling } = of;
    if (!sibling) return;
    const seen = new Set<string>();
    this.sibling = async (path) => {
      const found = await sibling.call(of, path);
      if (found && !seen.has(path)) this.bytes += found.size;
      seen.add(path);
      return found;
    };
  }
}

/** The opset to write. Throws RES0710 for one below the file's. */
function opsetFor(file: OnnxFile, options: OptimizeOnnxOptions): number {
  const least = Math.max(minOpset, ownOpset(file));
  const { opset } = options;
  if (opset === undefined) return least;
  if (!Number.isInteger(opset) || opset < least || opset > maxOpset) {
    fail(opsetTooLow, {
      with: {
        opset: least,
        found: `${opset} asked for, ${file.file} is of opset ${ownOpset(file)}`,
        expected: `${least} to ${maxOpset}`,
        hint: `--opset ${least}`,
      },
    });
  }
  return opset;
}

/** A file that was imported, optimised and lowered. */
interface Made {
  readonly imported: ImportedModel;
  readonly graph: Graph;
  readonly unoptimized: Graph | undefined;
  readonly before: GraphStats;
  readonly passes: PassReport;
  readonly equalWeights: number;
  readonly onnx: OnnxModel;
  memory(): Memory;
  readonly notes: readonly string[];
}

async function atOpset(file: OnnxFile, wanted: number, options: OptimizeOnnxOptions): Promise<Made> {
  const notes: string[] = [];
  const own = ownOpset(file);
  const inlined = inlineFunctions(file);
  if (file.functions.length > 0) notes.push(functionsNote(file));
  const { shaped, sizes } = withRanks(inlined, options.inputShapes ?? {});
  const asked: ImportOptions = {
    ...(options.keepInputs !== undefined && { keepInputs: options.keepInputs }),
    ...(sizes.size > 0 && { inputShapes: sizes }),
    onProgress: options.onProgress,
  };
  const { imported, kept } = importedAt(shaped, wanted, options.opset !== undefined || wanted > minOpset, asked);
  const { opset } = imported;
  if (kept !== undefined) notes.push(`kept at opset ${opset}, whose forms no pass knows, because ${kept}`);
  else if (own < minOpset) notes.push(`opset ${own} brought up to ${opset}`);
  else if (own < opset) notes.push(`opset ${own} raised to ${opset}`);
  const { graph } = imported;
  const before = statsOf(graph);
  const unoptimized = options.keepUnoptimized ? cloneGraph(graph) : undefined;
  const merges = options.passes ? options.passes.includes('simplify') : (options.level ?? 1) > 0;
  const equalWeights = merges ? await mergeEqualWeights(graph, options.onProgress) : 0;
  const run: OptimizeOnnxOptions = { ...options, opset };
  // What rescc has written says which sizes may be 0; of a file of anybody else's nobody has said that they are not.
  const mayBeNone = imported.producerName !== 'rescc';
  const passes = options.pipeline ? options.pipeline(graph, run) : await optimizeLate(graph, run, { mayBeNone });
  const { onnx, schedule } = emitScheduled(graph, {
    opset,
    target: options.target,
    onProgress: options.onProgress,
    producerVersion: version,
    source: imported,
    // A file that was written with its promises checked stays so.
    checkPromises: / --check-promises\b/.test(graph.metadata['rescc.options'] ?? ''),
    ...(options.metadata && { metadata: options.metadata }),
  });
  return { imported, graph, unoptimized, before, passes, equalWeights, onnx, memory: () => memoryOf(schedule()), notes };
}

function functionsNote({ functions }: OnnxFile): string {
  const names = [...new Set(functions.map((one) => one.name))];
  const shown = `${names.slice(0, 3).join(', ')}${names.length > 3 ? ', …' : ''}`;
  return `${names.length} ${names.length === 1 ? 'function' : 'functions'} inlined: ${shown}`;
}

/**
 * At the smallest opset that gives as few nodes as the highest one that the file can be brought to: the model is optimised at
 * each in turn, on a copy of its own.
 */
async function raised(file: OnnxFile, options: OptimizeOnnxOptions): Promise<Made> {
  const least = opsetFor(file, options);
  const quiet: OptimizeOnnxOptions = { ...options, onPass: undefined, onFiring: undefined };
  const above = stageOpsets.filter((opset) => opset > least);
  let fewest = Infinity;
  const counts = new Map<number, number>();
  for (const opset of [...above].reverse()) {
    try {
      const { onnx } = await atOpset(file, opset, quiet);
      counts.set(opset, nodesOf(onnx));
      fewest = Math.min(fewest, nodesOf(onnx));
    } catch (error) {
      // An operator of the file has no form at that opset.
      if (!(error instanceof DiagnosticError)) throw error;
    }
  }
  const own = nodesOf((await atOpset(file, least, quiet)).onnx);
  const best = own <= fewest ? least : (above.find((opset) => counts.get(opset) === fewest) ?? least);
  return await atOpset(file, best, options);
}

/** Shapes that are given become sizes of axes; an input whose rank the file does not say gets it. Throws RES0709. */
function withRanks(
  file: OnnxFile,
  shapes: Readonly<Record<string, number | readonly (number | undefined)[]>>,
): { readonly shaped: OnnxFile; readonly sizes: ReadonlyMap<string, number> } {
  const sizes = new Map<string, number>();
  const ranks = new Map<string, number>();
  const named = new Set(file.graph.inputs.flatMap(({ type }) => (type?.dims ?? []).filter((d) => typeof d === 'string')));
  for (const [name, given] of Object.entries(shapes)) {
    const input = file.graph.inputs.find((one) => one.name === name);
    if (!input || (typeof given === 'number' && named.has(name))) {
      if (typeof given === 'number') sizes.set(name, given);
      else noSuchInput(file, name, given);
      continue;
    }
    const dims = typeof given === 'number' ? [given] : given;
    const known = input.type?.dims;
    if (input.type?.elem === undefined || (known && known.length !== dims.length)) misfit(input, dims);
    if (!known) ranks.set(name, dims.length);
    dims.forEach((size, axis) => {
      if (size !== undefined) sizes.set(`${name}:${axis}`, size);
    });
  }
  if (ranks.size === 0) return { shaped: file, sizes };
  const inputs = file.graph.inputs.map((one): OnnxValue => {
    const rank = ranks.get(one.name);
    if (rank === undefined || !one.type) return one;
    const dims: readonly OnnxDim[] = Array.from({ length: rank }, () => undefined);
    return { name: one.name, type: { ...(one.type.elem && { elem: one.type.elem }), dims } };
  });
  return { shaped: { ...file, graph: { ...file.graph, inputs } }, sizes };
}

const shapeText = (dims: readonly OnnxDim[]): string => `[${dims.map((d) => d ?? '?').join(', ')}]`;

function misfit({ name, type }: OnnxValue, dims: readonly (number | undefined)[]): never {
  return fail(shapeMisfit, {
    with: {
      name,
      found: shapeText(dims),
      expected: type?.dims
        ? `${type.dims.length} numbers, for ${shapeText(type.dims)}`
        : `none: it is ${type ? typeText(type) : 'of no type'}`,
      hint: type?.dims
        ? `--input-shape ${name}=${type.dims.map((d) => (typeof d === 'number' ? d : 1)).join(',')}`
        : 'leave it out',
    },
  });
}

function noSuchInput(file: OnnxFile, name: string, dims: readonly (number | undefined)[]): never {
  const names = file.graph.inputs.map((one) => one.name);
  return fail(shapeMisfit, {
    with: {
      name,
      found: `${shapeText(dims)}, and no input of that name`,
      expected: `one of ${names.slice(0, 12).join(', ')}`,
      hint: `--input-shape ${names[0] ?? 'NAME'}=${dims.map((d) => d ?? 1).join(',')}`,
    },
  });
}

const nodesOf = (model: OnnxModel): number => fileFigures(model).nodes;

function reportOf(file: OnnxFile, fileBytes: number, made: Made, options: OptimizeOnnxOptions): OptimizeReport {
  const before = fileFigures(file);
  const after = fileFigures(made.onnx);
  const names = [...new Set([...before.operators.keys(), ...after.operators.keys()])].sort();
  const stored = ({ elements, bytes }: FileFigures): Stored => ({ elements, bytes });
  let memory: Memory | undefined;
  return {
    file: file.file,
    opset: { before: ownOpset(file), after: made.imported.opset },
    level: options.level ?? 1,
    operators: names.map((name) => ({
      name,
      before: before.operators.get(name) ?? 0,
      after: after.operators.get(name) ?? 0,
    })),
    nodes: { before: before.nodes, after: after.nodes },
    stored: { before: stored(before), after: stored(after) },
    before: made.before,
    after: statsOf(made.graph),
    get memory() {
      memory ??= made.memory();
      return memory;
    },
    fileBytes,
    passes: made.passes,
    refused: refusedOf(made.passes),
    // Those that went, because what they make was read by what became an operator of ours, or computed, stop nothing.
    foreign: foreignOf(made.imported.foreign.filter((one) => after.operators.has(operatorText(one)))),
    equalWeights: made.equalWeights,
    narrowed: made.imported.narrowed,
    notes: [...made.imported.notes, ...made.notes],
  };
}

/** A rule may be asked in several runs of its pass; each place counts once. */
function refusedOf(passes: PassReport): readonly RefusedGroup[] {
  const groups = new Map<string, { rule: string; condition: string; places: Set<string>; example: string }>();
  for (const pass of passes.passes) {
    for (const { rule, condition, scope } of pass.refused) {
      const key = `${rule}|${condition}`;
      const group = groups.get(key) ?? { rule, condition, places: new Set<string>(), example: scope };
      group.places.add(scope);
      groups.set(key, group);
    }
  }
  return [...groups.values()]
    .map(({ rule, condition, places, example }) => ({ rule, condition, count: places.size, example }))
    .sort((a, b) => b.count - a.count || (a.rule < b.rule ? -1 : a.rule > b.rule ? 1 : 0));
}

const operatorText = ({ domain, opType }: LeftForeign): string => (domain === '' ? opType : `${domain}.${opType}`);

function foreignOf(nodes: readonly LeftForeign[]): readonly ForeignGroup[] {
  const groups = new Map<string, { operator: string; why: string; count: number; example: string }>();
  for (const node of nodes) {
    const { name, why } = node;
    const operator = operatorText(node);
    const key = `${operator}|${why}`;
    const group = groups.get(key) ?? { operator, why, count: 0, example: name };
    group.count++;
    groups.set(key, group);
  }
  return [...groups.values()].sort((a, b) => b.count - a.count || (a.operator < b.operator ? -1 : 1));
}
