/** `rescc run model.res|model.onnx --input image=cat.png`: prints classes, or writes outputs as .npy or .png. */
import { extname } from 'node:path';
import type { Command } from 'commander';
import { compile } from '../compile.ts';
import { badOption } from '../diagnostics/catalogue/cli.ts';
import { type Diagnostic, fail } from '../diagnostics/diagnostic.ts';
import type { Graph } from '../ir/graph.ts';
import { elementCount, type HostTensor } from '../ir/types.ts';
import { elementText } from '../ir/wide.ts';
import { npyBytes } from '../runtime/npy.ts';
import { isProvider, providers } from '../runtime/provider.ts';
import { outputPictures, type RunResult, readLabels, runModel, topK, topText } from '../runtime/run-model.ts';
import { checkPlain, readSource, writeWhole } from './files.ts';
import {
  compileOptions,
  type ModelFlags,
  type OutputFlags,
  type PassFlags,
  shapesOf,
  type WeightFlags,
  wholeNumber,
  withModel,
  withOutput,
  withPasses,
  withShapes,
  withWeights,
} from './options.ts';
import { out, report, say, stopOnErrors, told } from './output.ts';
import { type PictureFlags, unusedLibrary, withPictures } from './verify-options.ts';

interface Flags extends ModelFlags, WeightFlags, PassFlags, OutputFlags, PictureFlags {
  readonly input: readonly string[];
  readonly top?: number;
  readonly labels?: string;
  readonly output?: readonly string[];
  readonly ep: string;
  readonly inputShape?: readonly string[];
  readonly tf32?: boolean;
}

const collect = (text: string, before: readonly string[] | undefined): readonly string[] => [...(before ?? []), text];
export function addRun(program: Command): void {
  const command = program
    .command('run')
    .description('runs a model on pictures or tensors')
    .argument('<file>', 'a .res or .onnx file')
    .requiredOption(
      '-i, --input <name=file>',
      'PNG, JPEG or .npy; the name may be left out for a single input (repeatable: a batch)',
      collect,
    )
    .option('--top <n>', 'prints the n likeliest classes', wholeNumber(1, 1000))
    .option('--labels <file>', 'names of the classes: a line each, or JSON')
    .option('-o, --output <name=file>', 'writes an output as .npy or .png (repeatable)', collect)
    .option('--ep <provider>', `one of ${providers.join(', ')}`, 'cpu')
    .option('--tf32', 'lets CUDA round the operands of f32 products to TF32: faster, and off by 1e-3');
  withOutput(withPasses(withWeights(withModel(withShapes(withPictures(command)))))).action((file: string, flags: Flags) =>
    run(file, flags),
  );
}

async function run(file: string, flags: Flags): Promise<void> {
  const { ep } = flags;
  if (!isProvider(ep))
    return fail(badOption, { with: { option: '--ep', found: ep, expected: `one of ${providers.join(', ')}`, hint: '--ep cpu' } });
  let model: Uint8Array | string = file;
  let graph: Graph | undefined;
  let warnings: readonly Diagnostic[] = [];
  if (extname(file) !== '.onnx') {
    const compiled = await compile(readSource(file), compileOptions(flags));
    stopOnErrors(flags, told(compiled));
    warnings = compiled.warnings;
    model = await compiled.bytes();
    graph = compiled.graph;
  }
  // onnxruntime opens the file itself, and would wait for a pipe.
  if (typeof model === 'string') checkPlain(model);
  const result = await runModel({
    model,
    graph,
    inputs: flags.input,
    ep,
    tf32: flags.tf32,
    mean: flags.mean,
    std: flags.std,
    resize: flags.resize,
    // A source has been compiled with them.
    shapes: graph ? {} : shapesOf(flags.inputShape ?? []),
  });
  const said = [...warnings, ...unusedLibrary([ep]), ...result.warnings];
  for (const note of result.notes) say(flags, note);
  if (!flags.json) report(flags, said);
  for (const spec of flags.output ?? []) await writeOutput(flags, result, spec);
  const labels = flags.labels === undefined ? undefined : await readLabels(flags.labels);
  const [name, scores] = [...result.outputs][0] ?? [];
  if (flags.json) {
    const outputs = Object.fromEntries([...result.outputs].map(([key, tensor]) => [key, tensorJson(tensor)]));
    const top = flags.top !== undefined && scores ? topK(scores, flags.top, labels, name) : undefined;
    report(flags, said, { ok: true, outputs, ...(top && { top, files: result.files }) });
    return;
  }
  if (flags.output && flags.top === undefined) return;
  if (flags.top !== undefined || labels) {
    if (!scores) return;
    out(topText(topK(scores, flags.top ?? 5, labels, name), result.files));
  } else for (const [key, tensor] of result.outputs) out(`${key}: ${tensor.elem}[${tensor.dims.join(', ')}] ${preview(tensor)}`);
}

/** At most this many numbers go into JSON; for more there is .npy. */
const mostNumbers = 100_000;

/** Integers beyond 2^53 as texts, which readers of JSON would round. */
function numbersOf(tensor: HostTensor): readonly (number | string)[] {
  return Array.from(tensor.data, (v, i) => (Number.isNaN(v) && tensor.wide ? elementText(tensor, i) : v));
}

function tensorJson(tensor: HostTensor): Readonly<Record<string, unknown>> {
  const count = elementCount(tensor.dims);
  return { elem: tensor.elem, dims: tensor.dims, ...(count <= mostNumbers && { data: numbersOf(tensor) }) };
}

function preview(tensor: HostTensor): string {
  const shown = [...tensor.data.subarray(0, 8)].map((v, i) =>
    tensor.wide || Number.isInteger(v) ? elementText(tensor, i) : v.toPrecision(6),
  );
  return `[${shown.join(', ')}${tensor.data.length > 8 ? ', …' : ''}]`;
}

async function writeOutput(flags: Flags, result: RunResult, spec: string): Promise<void> {
  const at = spec.indexOf('=');
  const [first] = result.outputs.keys();
  const name = at > 0 ? spec.slice(0, at) : (first ?? '');
  const path = at > 0 ? spec.slice(at + 1) : spec;
  const tensor = result.outputs.get(name);
  if (!tensor)
    return fail(badOption, {
      with: {
        option: '--output',
        found: name,
        expected: `one of ${[...result.outputs.keys()].join(', ')}`,
        hint: `--output ${first}=${path}`,
      },
    });
  const kind = extname(path);
  if (kind === '.npy') writeWhole(path, npyBytes(tensor));
  else if (kind === '.png') {
    const { files, text, warning } = await outputPictures(result, name);
    if (warning && !flags.json) report(flags, [warning]);
    say(flags, `${name}: ${text}`);
    for (const [i, bytes] of files.entries()) writeWhole(files.length === 1 ? path : path.replace(/\.png$/, `-${i}.png`), bytes);
  } else
    fail(badOption, {
      with: { option: '--output', found: path, expected: 'a name ending in .npy or .png', hint: `--output ${name}=${name}.npy` },
    });
  say(flags, `wrote ${path}`);
}
