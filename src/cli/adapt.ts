/** `rescc adapt model.onnx --batch free --classes 10 -o new.onnx`: the same network for other sizes, or for other classes. */
import { type Command, InvalidArgumentError } from 'commander';
import { badOption } from '../diagnostics/catalogue/cli.ts';
import { fail } from '../diagnostics/diagnostic.ts';
import { type NewHead, replaceClasses } from '../edit/head.ts';
import { isSizeName, type NewSize, type Resized, resizeModel } from '../edit/sizes.ts';
import { shapeOfFile } from '../import/narrowed.ts';
import type { OnnxFile } from '../onnx/model.ts';
import { type ProofOptions, proveHead, proveResized, type SurgeryProof } from '../runtime/surgery.ts';
import { readSource } from './files.ts';
import { wholeNumber } from './options.ts';
import { operate, type SurgeryFlags, withSurgery } from './surgery.ts';

interface Flags extends SurgeryFlags {
  readonly batch?: NewSize;
  readonly size?: Readonly<Record<string, NewSize>>;
  readonly classes?: number;
  readonly keepClasses?: string;
  readonly head?: string;
}

export function addAdapt(program: Command): void {
  const command = program
    .command('adapt')
    .description('gives a model another batch, other sizes, or another number of classes')
    .argument('<file>', 'a .res or .onnx file, or - for standard input')
    .option('--batch <n|free|name>', 'the first size of every input: a number, or open', newSize)
    .option('--size <name=size>', 'another size: H=224, H=free, H=height, image:2=free (repeatable)', sizes)
    .option('--classes <n>', 'a new head for so many classes, drawn with --seed', wholeNumber(1, 10_000_000))
    .option('--keep-classes <list|file>', 'takes old classes over, by number, as the first of the new ones: 3,17,42')
    .option('--head <output>', 'the output whose classes they are');
  withSurgery(command).action((file: string, flags: Flags) => run(file, flags));
}

function newSize(text: string): NewSize {
  const n = Number(text);
  if (text.trim() !== '' && Number.isSafeInteger(n) && n > 0) return n;
  if (isSizeName(text)) return text;
  throw new InvalidArgumentError('Write a whole number from 1 on, free, or a name such as N.');
}

function sizes(text: string, before: Readonly<Record<string, NewSize>> | undefined): Readonly<Record<string, NewSize>> {
  const at = text.lastIndexOf('=');
  if (at < 1) throw new InvalidArgumentError('Write name=size, such as H=224 or image:2=free.');
  return { ...before, [text.slice(0, at).trim()]: newSize(text.slice(at + 1).trim()) };
}

/** `3,17,42`, or a file of such numbers. */
function classesIn(text: string | undefined): readonly number[] {
  if (text === undefined) return [];
  const list = /^[\d\s,]+$/.test(text) ? text : readSource(text).text;
  const parts = list.split(/[\s,]+/).filter((part) => part !== '');
  const numbers = parts.map(Number);
  const wrong = parts.find((_, i) => !Number.isSafeInteger(numbers[i]) || (numbers[i] ?? -1) < 0);
  if (wrong !== undefined || numbers.length === 0)
    fail(badOption, {
      with: {
        option: '--keep-classes',
        found: wrong ?? 'nothing',
        expected: 'numbers of classes, from 0 on',
        hint: '--keep-classes 3,17,42',
      },
    });
  return numbers;
}

async function run(path: string, flags: Flags): Promise<void> {
  const { batch, size, head } = flags;
  const keep = classesIn(flags.keepClasses);
  const classes = flags.classes ?? (keep.length > 0 ? keep.length : undefined);
  const resizes = batch !== undefined || size !== undefined;
  if (!resizes && classes === undefined)
    fail(badOption, {
      with: { option: 'adapt', found: 'nothing to change', expected: '--batch, --size or --classes', hint: '--batch free' },
    });
  await operate(path, flags, (file) => {
    const resized = resizes ? resizeModel(file, { batch, sizes: size }) : undefined;
    const between = resized?.model ?? file;
    const other = classes === undefined ? undefined : replaceClasses(between, { classes, keep, seed: flags.seed, output: head });
    return {
      model: other?.model ?? between,
      lines: [...(resized ? sizeLines(resized) : []), ...(other ? headLines(other, keep, flags.seed ?? 0) : [])],
      data: dataOf(resized, other, keep),
      prove: (onProgress) => prove(file, resized, other, keep, { seed: flags.seed, onProgress }),
    };
  });
}

async function prove(
  file: OnnxFile,
  resized: Resized | undefined,
  head: NewHead | undefined,
  keep: readonly number[],
  options: ProofOptions,
): Promise<SurgeryProof> {
  const first = resized && (await proveResized(file, resized, options));
  if (!head) return first ?? { sizes: [], values: 0, worst: undefined, by: 'onnxruntime' };
  const second = await proveHead(resized?.model ?? file, head, keep, options);
  const worst = [first?.worst, second.worst].sort((a, b) => (b?.relative ?? 0) - (a?.relative ?? 0))[0];
  const sizes = [...new Set([...(first?.sizes ?? []), ...second.sizes])];
  return { sizes, values: (first?.values ?? 0) + second.values, worst, by: second.by };
}

function sizeLines({ inputs, mended }: Resized): readonly string[] {
  const brought =
    mended.length === 0
      ? []
      : [
          `${mended.length} ${mended.length === 1 ? 'target' : 'targets'} of reshapes brought along: ${mended.slice(0, 4).join(', ')}${mended.length > 4 ? ', …' : ''}`,
        ];
  const shapes = inputs.map(({ name, before, after }) => `${name}${shapeOfFile(before)} → ${shapeOfFile(after)}`);
  return [shapes.length === 0 ? 'every size is what it was' : shapes.join(', '), ...brought];
}

function headLines({ node, before, after, weights }: NewHead, keep: readonly number[], seed: number): readonly string[] {
  const drawn = after - keep.length;
  const parts = [
    ...(keep.length > 0 ? [`${keep.length} taken over`] : []),
    ...(drawn > 0 ? [`${drawn} drawn with seed ${seed}`] : []),
  ];
  return [`${node}: ${before} → ${after} classes, ${parts.join(', ')}: ${weights.join(', ')}`];
}

const dataOf = (
  resized: Resized | undefined,
  head: NewHead | undefined,
  keep: readonly number[],
): Readonly<Record<string, unknown>> => ({
  ...(resized && { inputs: resized.inputs, mended: resized.mended }),
  ...(head && { head: { node: head.node, before: head.before, after: head.after, kept: keep, weights: head.weights } }),
});
