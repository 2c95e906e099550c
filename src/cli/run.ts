/**
 * `rescc run model.res|model.onnx --input image=cat.png`: prints classes, or writes outputs as arrays, pictures, masks and boxes.
 */
import { type Command, InvalidArgumentError } from 'commander';
import { compile } from '../compile.ts';
import { badOption } from '../diagnostics/catalogue/cli.ts';
import { type Diagnostic, fail } from '../diagnostics/diagnostic.ts';
import { nearest } from '../diagnostics/suggest.ts';
import type { Sizes } from '../ir/evaluate.ts';
import type { Graph } from '../ir/graph.ts';
import { type HostTensor, isFloat } from '../ir/types.ts';
import { optimizeOnnx } from '../optimize.ts';
import { median } from '../runtime/bench.ts';
import { isFolder } from '../runtime/folder.ts';
import { isLiteral } from '../runtime/load.ts';
import { isProvider, type Provider, providers } from '../runtime/provider.ts';
import { randomnessOf } from '../runtime/random-weights.ts';
import { type Ranked, type RunResult, readLabels, runModel, topK, topText } from '../runtime/run-model.ts';
import type { ThemeName } from '../view/figure/style.ts';
import { openModel } from './any-model.ts';
import { writeWhole } from './files.ts';
import {
  asksPasses,
  boundAt,
  collect,
  compileOptions,
  type ModelFlags,
  type OutputFlags,
  type PassFlags,
  passOptions,
  refuseSourceFlags,
  shapesOf,
  type WeightFlags,
  wholeNumber,
  withAt,
  withModel,
  withOutput,
  withPasses,
  withShapes,
  withWeights,
} from './options.ts';
import { err, out, print, report, say, stopOnErrors, told } from './output.ts';
import { type PictureFlags, pictureOptions, withPictures } from './picture-options.ts';
import { themeOption } from './plots.ts';
import { progressOf } from './progress.ts';
import { csvOf, type Row } from './run-csv.ts';
import type { Form, OutputWriter } from './run-outputs.ts';
import { tensorJson, tensorLine } from './tensor-json.ts';
import { unusedLibrary } from './verify-options.ts';

interface Flags extends ModelFlags, WeightFlags, PassFlags, OutputFlags, PictureFlags {
  readonly input: readonly string[];
  readonly top?: Top;
  readonly labels?: string;
  readonly output?: readonly string[];
  readonly as?: readonly string[];
  readonly threshold?: number;
  readonly overlap?: number;
  readonly theme?: ThemeName;
  readonly csv?: string;
  readonly time?: number | boolean;
  readonly batch?: number;
  readonly ep: string;
  readonly inputShape?: readonly string[];
  readonly at?: Sizes;
  readonly tf32?: boolean;
}

interface Top {
  readonly output: string | undefined;
  readonly count: number;
}

const forms: readonly Form[] = ['picture', 'mask', 'boxes', 'path'];
/** Runs that `--time` measures. */
const usualRuns = 20;
/** Classes of a row in a table, where nobody says how many. */
const usualTop = 5;

export function addRun(program: Command): void {
  const command = program
    .command('run')
    .description('runs a model on pictures or tensors')
    .argument('<file>', 'a .res or .onnx file, or - for standard input')
    .requiredOption(
      '-i, --input <name=value>',
      'PNG, JPEG, .npy, a folder of pictures, or numbers: ids=464,2068; one input needs no name (repeatable: a batch)',
      collect,
    )
    .option('--top <n>', 'prints the n likeliest classes; logits=5 names the output', topOf)
    .option('--labels <file>', 'names of the classes: a line each, or JSON')
    .option(
      '-o, --output <name=file>',
      'writes an output: .npy, .png, .svg, .pdf, .json, a folder/ for many pictures, or - for an array on standard output (repeatable)',
      collect,
    )
    .option(
      '--as <name=form>',
      'draws an output as a picture, a mask, boxes or a path, whatever its shape says (repeatable)',
      collect,
    )
    .option('--threshold <x>', 'least score of a box (0.5), or of a mask of one channel', oneNumber)
    .option('--overlap <x>', 'boxes that overlap a better one by more are left out', oneNumber)
    .addOption(themeOption())
    .option('--csv <file>', 'a table with a row per picture: its classes, or what was written; - prints it')
    .option('--time [n]', `median time of n runs (${usualRuns}), and that of opening the model`, wholeNumber(1, 100_000))
    .option('--batch <n>', 'most pictures in one run of the model', wholeNumber(1, 65_536))
    .option('--ep <provider>', `one of ${providers.join(', ')}`, 'cpu')
    .option('--tf32', 'lets CUDA round the operands of f32 products to TF32: faster, and off by 1e-3');
  withOutput(withPasses(withWeights(withModel(withAt(withShapes(withPictures(command))))))).action((file: string, flags: Flags) =>
    run(file, boundAt(flags)),
  );
}

function oneNumber(text: string): number {
  const n = Number(text);
  if (text.trim() === '' || !Number.isFinite(n)) throw new InvalidArgumentError('Write a number, such as 0.5.');
  return n;
}

function topOf(text: string): Top {
  const at = text.lastIndexOf('=');
  return { output: at > 0 ? text.slice(0, at) : undefined, count: wholeNumber(1, 1000)(text.slice(at + 1)) };
}

interface Model {
  readonly model: Uint8Array | string;
  readonly graph?: Graph;
  readonly warnings: readonly Diagnostic[];
}

/** The file as it is, or what the passes that were asked for make of it, or what a source compiles to. */
async function modelOf(file: string, flags: Flags): Promise<Model> {
  const { source, file: opened } = openModel(file);
  if (opened) {
    try {
      refuseSourceFlags(opened.name, flags);
      // onnxruntime opens the file itself.
      if (!asksPasses(flags)) return { model: opened.original, warnings: [] };
      const result = await optimizeOnnx(opened.from, { ...passOptions(flags), fileName: opened.name });
      stopOnErrors(flags, told(result));
      return { model: await result.bytes(), warnings: result.warnings };
    } finally {
      opened.close();
    }
  }
  const compiled = await compile(source, compileOptions(flags));
  stopOnErrors(flags, told(compiled));
  const { graph, warnings } = compiled;
  const random = graph && randomnessOf(graph);
  return { model: await compiled.bytes(), ...(graph && { graph }), warnings: [...warnings, ...(random ? [random] : [])] };
}

async function run(file: string, given: Flags): Promise<void> {
  const flags = { ...given, binary: given.output?.some((spec) => spec === '-' || spec.endsWith('=-')) ?? false };
  const { ep } = flags;
  if (!isProvider(ep))
    return fail(badOption, { with: { option: '--ep', found: ep, expected: `one of ${providers.join(', ')}`, hint: '--ep cpu' } });
  const { model, graph, warnings } = await modelOf(file, flags);
  const labels = flags.labels === undefined ? undefined : await readLabels(flags.labels);
  const isBatch = flags.input.some(isFolderSpec);
  // A batch without another wish is classified.
  const ranked =
    flags.top ??
    (labels || (flags.csv !== undefined && !flags.output) || (isBatch && !flags.output)
      ? { output: undefined, count: usualTop }
      : undefined);
  const classes = ranked && !(flags.output && !flags.top) ? ranked : undefined;
  const writer = flags.output && (await writerFor(flags, labels, classes === undefined));
  const rows: Row[] = [];
  const bar = progressOf('running', isBatch ? 'pictures' : 'runs');
  const result = await runModel({
    model,
    graph,
    inputs: flags.input,
    ep,
    tf32: flags.tf32,
    ...pictureOptions(flags),
    batch: flags.batch,
    repeat: flags.time === true ? usualRuns : Number(flags.time ?? 0),
    // A source has been compiled with them.
    shapes: graph ? {} : shapesOf(flags.inputShape ?? []),
    keep: isBatch ? (name) => writer?.isWhole(name) ?? false : undefined,
    progress: bar?.update,
    each: async (turn) => {
      const written = await writer?.write(turn);
      const top = classes && rankedRows(turn.outputs, classes, labels);
      const count = Math.max(written?.length ?? 0, top?.rows.length ?? 0);
      for (let i = 0; i < count; i++)
        rows.push({ file: turn.files[i] ?? turn.files[0] ?? '', top: top?.rows[i], ...written?.[i] });
    },
  }).finally(() => bar?.stop());
  writer?.writeArrays(result.outputs);
  const said = [...warnings, ...unusedLibrary([ep]), ...result.warnings];
  for (const note of result.notes) say(flags, note);
  if (!flags.json) report(flags, said);
  if (flags.csv !== undefined) {
    if (flags.csv === '-' && !flags.json) out(csvOf(rows).trimEnd());
    else writeWhole(flags.csv, csvOf(rows));
    say(flags, `wrote ${flags.csv === '-' ? 'the table' : flags.csv}`);
  }
  const time = flags.time === undefined ? undefined : timesOf(result);
  if (flags.json) {
    const tops = rows.flatMap(({ top }) => (top ? [top] : []));
    const outputs = Object.fromEntries([...result.outputs].map(([key, tensor]) => [key, tensorJson(tensor)]));
    return report(flags, said, {
      ok: true,
      outputs,
      ...(tops.length > 0 && { top: tops, files: result.files }),
      ...(rows.length > 0 && { rows: rows.map(rowJson) }),
      ...(time && { time }),
    });
  }
  if (time) say(flags, timeText(time, ep));
  if (isBatch && !flags.quiet)
    say(
      flags,
      `${result.files.length} picture${result.files.length === 1 ? '' : 's'} in ${(result.runMs / 1000).toFixed(2)} s of running`,
    );
  if (flags.csv !== undefined) return;
  if (classes) {
    const top = rows.flatMap((row) => (row.top ? [row.top] : []));
    const names = top.length === result.files.length ? result.files : [];
    (flags.binary ? err : print)(topText(top, names));
  } else if (!flags.output) for (const [key, tensor] of result.outputs) print(tensorLine(key, tensor));
}

/** Whether an input is a folder, with its name in front or without. */
function isFolderSpec(spec: string): boolean {
  return !isLiteral(spec) && (isFolder(spec) || isFolder(spec.slice(spec.indexOf('=') + 1)));
}

async function writerFor(flags: Flags, labels: readonly string[] | undefined, list: boolean): Promise<OutputWriter> {
  const { OutputWriter: Writer } = await import('./run-outputs.ts');
  const asked = (flags.output ?? []).map((spec) => {
    const at = spec.indexOf('=');
    return { output: at > 0 ? spec.slice(0, at) : undefined, path: spec.slice(at + 1) };
  });
  const drawn = new Map<string, Form>();
  for (const spec of flags.as ?? []) {
    const at = spec.lastIndexOf('=');
    const form = forms.find((one) => one === spec.slice(at + 1));
    if (!form) {
      const near = nearest(spec.slice(at + 1), forms) ?? 'mask';
      fail(badOption, {
        with: {
          option: '--as',
          found: spec,
          expected: `one of ${forms.join(', ')}, or name=form`,
          hint: `--as ${spec.slice(0, at + 1)}${near}`,
        },
      });
    }
    drawn.set(at > 0 ? spec.slice(0, at) : '', form);
  }
  return new Writer({ asked, forms: drawn, labels, list }, flags);
}

/** The rows of the output that was named, or of the first that holds classes. */
function rankedRows(
  outputs: ReadonlyMap<string, HostTensor>,
  { output, count }: Top,
  labels: readonly string[] | undefined,
): { readonly rows: readonly (readonly Ranked[])[] } | undefined {
  const names = [...outputs.keys()];
  const [first] = names;
  const name = output ?? names.find((one) => holdsClasses(outputs.get(one))) ?? first;
  if (name === undefined) return undefined;
  const scores = outputs.get(name);
  if (!scores)
    return fail(badOption, {
      with: {
        option: '--top',
        found: name,
        expected: `one of ${names.join(', ')}`,
        hint: `--top ${nearest(name, names) ?? first}=${count}`,
      },
    });
  return { rows: topK(scores, count, labels, name) };
}

const holdsClasses = (tensor: HostTensor | undefined): boolean =>
  tensor?.dims.length === 2 && isFloat(tensor.elem) && (tensor.dims[1] ?? 0) > 1;

interface Times {
  readonly sessionMs: number;
  readonly medianMs: number;
  readonly leastMs: number;
  readonly mostMs: number;
  readonly runs: number;
}

function timesOf({ times, createMs }: RunResult): Times {
  return {
    sessionMs: createMs,
    medianMs: median(times),
    leastMs: Math.min(...times),
    mostMs: Math.max(...times),
    runs: times.length,
  };
}

const ms = (x: number): string => `${x >= 100 ? x.toFixed(0) : x.toPrecision(3)} ms`;

function timeText({ sessionMs, medianMs, leastMs, mostMs, runs }: Times, ep: Provider): string {
  return `${ep}: opening ${ms(sessionMs)}, a run ${ms(medianMs)} (median of ${runs}, ${ms(leastMs)} to ${ms(mostMs)})`;
}

function rowJson({ file, top, written, boxes, mask }: Row): Readonly<Record<string, unknown>> {
  return {
    file,
    ...(top && { top }),
    ...(written && Object.keys(written).length > 0 && { written }),
    ...(boxes && { boxes: boxes.map(({ corners, score, index }) => ({ box: corners, score, class: index })) }),
    ...(mask && { pixels: mask.counts }),
  };
}
