/**
 * `rescc weights FILE`: lists a checkpoint, or compares it with a model. Reads names, types and shapes, never a tensor's numbers.
 */
import { extname } from 'node:path';
import type { Command } from 'commander';
import { type Compared, compareWeights, type Match } from '../checkpoint/bind.ts';
import { type Checkpoint, openCheckpoint, type TensorDict } from '../checkpoint/checkpoint.ts';
import { safetensorsOf } from '../codegen/safetensors.ts';
import { compile, matchWeights } from '../compile.ts';
import { unknownCheckpoint } from '../diagnostics/catalogue/weights.ts';
import { aligned } from '../diagnostics/cells.ts';
import { DiagnosticError } from '../diagnostics/diagnostic.ts';
import type { SourceFile } from '../diagnostics/source.ts';
import { graphOfFile } from '../edit/values.ts';
import { elemBytes, elementCount } from '../ir/types.ts';
import { bytesText } from '../view/count-text.ts';
import { openModel, readOpened } from './any-model.ts';
import { chosenDicts } from './dict-key.ts';
import { checkpointSource, isStream, looksBinary, readSource, sourceOf } from './files.ts';
import {
  compileOptions,
  type ModelFlags,
  type OutputFlags,
  refuseSourceFlags,
  splitKey,
  type WeightFlags,
  withMap,
  withModel,
  withOutput,
} from './options.ts';
import { Exit, exitCodes, print, report, stopOnErrors, told } from './output.ts';

interface Flags extends ModelFlags, WeightFlags, OutputFlags {
  readonly against?: string;
}

export function addWeights(program: Command): void {
  const command = program
    .command('weights')
    .description('lists the tensors of a checkpoint or model, or compares them with a model')
    .argument('<file>', 'a checkpoint, an .onnx or .res file, or - for standard input; file#key chooses a dict in it')
    .option('--against <model>', 'shows what matches a .res or .onnx file, is missing, unused or misshapen');
  withOutput(withMap(withModel(command))).action((file: string, flags: Flags) => run(file, flags));
}

async function run(file: string, flags: Flags): Promise<void> {
  const [path = file, key] = splitKey(file);
  const { checkpoint, size, isSource, close } = await opened(path, flags);
  try {
    if (flags.against === undefined && !isSource) refuseModelFlags(checkpoint.name, flags);
    if (flags.against !== undefined) return await compare({ checkpoint, isSource }, key, flags.against, flags);
    const shown = chosenDicts(checkpoint, key, tensorsIn, (other) => `rescc weights ${other}`, path);
    if (flags.json) report(flags, [], { ok: true, file: path, format: checkpoint.format, size, dicts: shown.map(dictJson) });
    else print(listing(checkpoint, shown, size));
  } finally {
    close();
  }
}

interface Opened {
  readonly checkpoint: Checkpoint;
  /** Of the file; undefined for a source, whose tensors are not made. */
  readonly size: number | undefined;
  readonly isSource: boolean;
  close(): void;
}

/** Renamings are for checkpoints, whatever they are compared with. */
function refuseModelFlags(file: string, { map: _, mapFile: __, ...flags }: Flags): void {
  refuseSourceFlags(file, flags);
}

/** A checkpoint, or what a source of the language stores under its names. */
async function opened(path: string, flags: Flags): Promise<Opened> {
  if (path !== '-' && extname(path) === '.res') return declared(readSource(path), flags);
  const bytes = checkpointSource(path);
  try {
    return { checkpoint: await openCheckpoint(bytes), size: bytes.size, isSource: false, close: bytes.close };
  } catch (error) {
    bytes.close();
    // Some checkpoints begin with text, too, so that they are looked for first. What came through a pipe is held.
    const isUnknown = error instanceof DiagnosticError && error.diagnostics[0]?.code === unknownCheckpoint.code;
    const piped = isUnknown && isStream(path) ? await bytes.read(0, bytes.size) : new Uint8Array();
    if (piped.length > 0 && !looksBinary(piped)) return declared(sourceOf(piped, bytes.name), flags);
    throw error;
  }
}

/** As the source has them: what passes fold is not there any more. */
async function declared(source: SourceFile, flags: Flags): Promise<Opened> {
  const made = await compile(source, { ...compileOptions(flags), level: 0 });
  stopOnErrors(flags, told(made));
  const tensors = made.graph ? safetensorsOf(made.graph).tensors : [];
  const entries = tensors.map(({ name, expr }) => [name, { name, elem: expr.elem, dims: expr.dims, expr }] as const);
  const dicts = [{ key: '', tensors: new Map(entries) }];
  const checkpoint: Checkpoint = { format: 'a source', name: source.name, dicts };
  return { checkpoint, size: undefined, isSource: true, close: () => undefined };
}

interface Row {
  readonly name: string;
  readonly elem: string;
  readonly dims: readonly number[];
  readonly bytes: number;
  /** No tensor: a placeholder of what a pickle names. */
  readonly object?: boolean | undefined;
}

function rowsOf(dict: TensorDict): readonly Row[] {
  const known = [...dict.tensors.values()].map(({ name, elem, dims }) => ({
    name,
    elem,
    dims,
    bytes: elementCount(dims) * elemBytes[elem],
  }));
  return [...known, ...(dict.foreign?.values() ?? [])];
}

const tensorsIn = (dict: TensorDict): number => rowsOf(dict).filter((row) => row.object !== true).length;

const dictJson = (dict: TensorDict): Readonly<Record<string, unknown>> => ({ key: dict.key, tensors: rowsOf(dict) });

/** Names come from the file: what a terminal would act on is written out. */
function printable(name: string): string {
  return name.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (c) => `\\u{${(c.codePointAt(0) ?? 0).toString(16)}}`);
}

interface Branch {
  readonly inner: Map<string, Branch>;
  row: Row | undefined;
}
/** Deeper names are shown whole at this level. */
const treeDepth = 32;

function listing(checkpoint: Checkpoint, shown: readonly TensorDict[], size: number | undefined): string {
  const [first, ...others] = shown;
  if (!first) return '';
  const rows = rowsOf(first);
  const root: Branch = { inner: new Map(), row: undefined };
  for (const row of rows) {
    const parts = row.name.split('.');
    const steps = parts.length > treeDepth ? [...parts.slice(0, treeDepth - 1), parts.slice(treeDepth - 1).join('.')] : parts;
    let at = root;
    for (const step of steps) {
      let next = at.inner.get(step);
      if (!next) {
        next = { inner: new Map(), row: undefined };
        at.inner.set(step, next);
      }
      at = next;
    }
    at.row = row;
  }
  const lines: (readonly [string, string, string])[] = [];
  const walk = (branch: Branch, depth: number): void => {
    for (const [name, child] of branch.inner) {
      // A scope with one thing in it takes no line of its own.
      let label = name;
      let at = child;
      for (let only = [...at.inner][0]; at.inner.size === 1 && !at.row && only; only = [...at.inner][0]) {
        label += `.${only[0]}`;
        at = only[1];
      }
      const { row } = at;
      lines.push([
        `${'  '.repeat(depth)}${printable(label)}`,
        row ? `${printable(row.elem)}${row.object === true && row.dims.length === 0 ? '' : `[${row.dims.join(', ')}]`}` : '',
        row ? (row.object === true ? 'not read' : bytesText(row.bytes)) : '',
      ]);
      walk(at, depth + 1);
    }
  };
  walk(root, 1);
  const total = rows.reduce((sum, row) => sum + row.bytes, 0);
  const head = `${checkpoint.name}${first.key === '' ? '' : `#${first.key}`}: ${checkpoint.format}, ${count(tensorsIn(first))}, ${bytesText(total)}${size === undefined ? '' : ` of ${bytesText(size)}`}`;
  const inner = others
    .filter((dict) => dict.key !== '' && tensorsIn(dict) > 0)
    .map((dict) => `${printable(dict.key)} (${tensorsIn(dict)})`);
  const dicts =
    inner.length > 0 ? [`  dicts inside, for #: ${inner.slice(0, 20).join(', ')}${inner.length > 20 ? ', …' : ''}`] : [];
  return [head, ...dicts, ...table(lines)].join('\n');
}

const count = (n: number): string => `${n.toLocaleString('en-US')} ${n === 1 ? 'tensor' : 'tensors'}`;

const table = (lines: readonly (readonly string[])[]): readonly string[] => aligned(lines, { most: 80 });

const order: readonly Match[] = ['matched', 'missing', 'misshapen', 'mistyped', 'unused'];

type First = Pick<Opened, 'checkpoint' | 'isSource'>;

async function compare(first: First, key: string | undefined, against: string, flags: Flags): Promise<void> {
  const { checkpoint } = first;
  const result = await matched(first, key, against, flags);
  const { comparison, model } = result;
  const diagnostics = told(result);
  stopOnErrors(flags, diagnostics);
  if (!comparison) return;
  const counts = new Map<Match, number>();
  for (const { match } of comparison.rows) counts.set(match, (counts.get(match) ?? 0) + 1);
  const fits = comparison.rows.every((row) => row.match === 'matched');
  if (flags.json) {
    report(flags, diagnostics, {
      ok: fits,
      file: checkpoint.name,
      model,
      dict: comparison.dict,
      prefix: comparison.prefix,
      idle: comparison.idle,
      counts: Object.fromEntries(counts),
      tensors: comparison.rows,
    });
  } else {
    report(flags, diagnostics);
    const dict = comparison.dict === undefined || comparison.dict === '' ? '' : `#${comparison.dict}`;
    const sums = order.flatMap((match) => (counts.has(match) ? [`${counts.get(match)} ${match}`] : []));
    const prefix = comparison.prefix === '' ? [] : [`  prefix ${comparison.prefix} is dropped`];
    print(
      [
        `${checkpoint.name}${dict} against ${model ?? against}: ${sums.join(', ')}`,
        ...prefix,
        ...comparison.idle.map((rule) => `  map "${rule}" matches no tensor`),
        ...table(comparison.rows.map(line)),
      ].join('\n'),
    );
  }
  if (!fits) throw new Exit(exitCodes.failed);
}

/** Against a source, or against what an ONNX file stores under its names. */
async function matched(
  { checkpoint, isSource }: First,
  key: string | undefined,
  against: string,
  flags: Flags,
): ReturnType<typeof matchWeights> {
  const options = { ...compileOptions(flags), weightsKey: key };
  const { source, file } = openModel(against);
  if (source) return await matchWeights(source, checkpoint, options);
  try {
    if (!isSource) refuseModelFlags(file.name, flags);
    const graph = graphOfFile(await readOpened(file));
    const comparison = compareWeights(graph, checkpoint, { ...(key !== undefined && { key }), map: options.map ?? [] });
    return { diagnostics: comparison.diagnostics, warnings: [], comparison, model: against };
  } finally {
    file.close();
  }
}

function line(row: Compared): readonly string[] {
  const name = printable(row.name ?? row.from ?? '');
  const other = row.from !== undefined && row.name !== undefined && row.from !== row.name ? `from ${row.from}` : undefined;
  const renamed = printable(row.made ?? other ?? '');
  switch (row.match) {
    case 'matched':
    case 'missing':
      return [`  ${row.match.padEnd(9)} ${name}`, row.model ?? '', renamed];
    case 'unused':
      return [`  ${row.match.padEnd(9)} ${name}`, row.checkpoint ?? '', ''];
    default:
      return [`  ${row.match.padEnd(9)} ${name}`, `model ${row.model ?? ''}, checkpoint ${row.checkpoint ?? 'none'}`, renamed];
  }
}
