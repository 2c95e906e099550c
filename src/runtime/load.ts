/**
 * Inputs of a model: files (PNG, JPEG, .npy and lists of numbers, told apart by content) and numbers that are typed, and what is
 * to be said of them.
 */
import { existsSync } from 'node:fs';
import { imageFormat, inputMisfit, inputNames } from '../diagnostics/catalogue/runtime.ts';
import { type Diagnostic, fail } from '../diagnostics/diagnostic.ts';
import { shownPath } from '../diagnostics/source.ts';
import { type ByteSource, memorySource } from '../io/bytes.ts';
import { fileSource } from '../io/node/file-source.ts';
import type { ValueRange } from '../ir/ranges.ts';
import type { HostTensor } from '../ir/types.ts';
import { readOnnxMetadata } from '../onnx/metadata.ts';
import { decodeImage, headText, type ImageOptions, imageFormatOf, imageInput, type Seen, takesImages } from './images.ts';
import { isTyped, tensorOfNumbers } from './literals.ts';
import { isNpy, parseNpy } from './npy.ts';
import { checkAsked, checkPromises, rangeWarning, type Signature } from './promises.ts';
import { readBytes } from './read-file.ts';
import { declarationsIn, type FileDeclarations } from './signatures.ts';

export { nothingDeclared, signaturesOf, signaturesOfPorts } from './signatures.ts';

/** How pictures become tensors, where the model does not say it, or says it wrongly. */
export interface PictureOptions extends Pick<ImageOptions, 'mean' | 'std' | 'resize' | 'bgr'> {
  /** What the numbers of inputs that take pictures, and of outputs that are written as pictures, lie in. */
  readonly range?: ValueRange | undefined;
  /** The same of single inputs and outputs, by name. */
  readonly ranges?: Readonly<Record<string, ValueRange>> | undefined;
}

/** What a port's numbers lie in: what is asked for, else what the model declares. */
export function askedRange(options: PictureOptions, name: string, declared: ValueRange | undefined): ValueRange | undefined {
  const own = options.ranges && Object.hasOwn(options.ranges, name) ? options.ranges[name] : undefined;
  return own ?? options.range ?? declared;
}

/** What was noticed while files were read. */
export interface Noticed {
  /** `cat.jpg is turned by 90° to the right, as its Exif says` */
  readonly notes: string[];
  readonly warnings: Diagnostic[];
  /** Pictures by the input that they went to, in order. */
  readonly seen: Map<string, Seen[]>;
}

export function nothingNoticed(): Noticed {
  return { notes: [], warnings: [], seen: new Map() };
}

/** Splits `image=a.png` at its first `=`, unless what stands before it is no name of an input. */
export function filesByInput(
  specs: readonly string[],
  ports: readonly { readonly name: string; readonly text: string }[],
): ReadonlyMap<string, readonly string[]> {
  const out = new Map<string, string[]>();
  const names = ports.map((port) => port.name);
  const refuse = (found: string, hint: string): never =>
    fail(inputNames, { with: { found, expected: ports.map((port) => `${port.name}: ${port.text}`).join('\n'), hint } });
  for (const spec of specs) {
    // Input names may hold `=`-free text only, so the longest name that fits is the one meant.
    const named = names.find((name) => spec.startsWith(`${name}=`));
    const only = names.length === 1 ? names[0] : undefined;
    const before = spec.includes('=') ? spec.slice(0, spec.indexOf('=')) : '';
    if (named === undefined && before !== '' && !before.includes('/') && !before.includes('\\') && !before.includes('.')) {
      refuse(`no input ${before}`, `--input ${names[0] ?? 'NAME'}=${spec.slice(before.length + 1)}`);
    }
    const name = named ?? only ?? refuse(`${spec}, for one of ${names.length} inputs`, `--input ${names[0] ?? 'NAME'}=${spec}`);
    const file = named === undefined ? spec : spec.slice(named.length + 1);
    out.set(name, [...(out.get(name) ?? []), file]);
  }
  const missing = names.filter((name) => !out.has(name));
  if (missing.length > 0) refuse(`nothing for ${missing.join(', ')}`, `--input ${missing[0]}=FILE`);
  return out;
}

/** What a file declares of its inputs and outputs, by its metadata. */
export async function declarationsOfFile(model: Uint8Array | string): Promise<FileDeclarations> {
  return declarationsIn(await withBytes(model, readOnnxMetadata));
}

/** What `read` makes of a model, which is a file's path or its bytes. */
export async function withBytes<T>(model: Uint8Array | string, read: (source: ByteSource) => Promise<T>): Promise<T> {
  if (typeof model !== 'string') return await read(memorySource('model', model));
  const source = fileSource(model);
  try {
    return await read(source);
  } finally {
    source.close();
  }
}

/** `@x.npy` names a file in so many words; a file whose name begins so is there under its own. */
const pathOf = (spec: string): string => (spec.startsWith('@') && !existsSync(spec) ? spec.slice(1) : spec);

/** Whether a word is numbers and not the name of a file. */
export const isLiteral = (spec: string): boolean => isTyped(spec) && !existsSync(spec);

/** A list of numbers in a file, as JSON writes it. */
function listIn(bytes: Uint8Array): string | undefined {
  let at = 0;
  while (at < bytes.length && [9, 10, 13, 32].includes(bytes[at] ?? 0)) at++;
  return bytes[at] === 0x5b ? new TextDecoder().decode(bytes) : undefined;
}

/** Makes the tensor of some of an input's files: one .npy file, numbers, or any number of pictures. */
export async function loadInput(
  declared: Signature,
  files: readonly string[],
  options: PictureOptions,
  noticed: Noticed,
  asked = false,
): Promise<HostTensor> {
  const { name, type } = declared;
  const range = askedRange(options, name, declared.range);
  const input: Signature = { ...declared, range };
  const checked = (tensor: HostTensor): HostTensor => {
    checkPromises(input, tensor);
    if (asked) checkAsked(input, tensor);
    const warning = rangeWarning(input, tensor);
    if (warning) noticed.warnings.push(warning);
    return tensor;
  };
  const [only] = files;
  if (only !== undefined && files.length === 1 && isLiteral(only)) return checked(tensorOfNumbers(only, input));
  const parts: { readonly file: string; readonly bytes: Uint8Array }[] = [];
  for (const spec of files) parts.push({ file: shownPath(pathOf(spec)), bytes: await readBytes(pathOf(spec)) });
  const [first] = parts;
  const list = first && parts.length === 1 ? listIn(first.bytes) : undefined;
  if (first && list !== undefined) return checked(tensorOfNumbers(list, input, first.file));
  if (!parts.some((part) => isNpy(part.bytes))) {
    for (const { file, bytes } of parts) {
      if (!imageFormatOf(bytes) && !takesImages(type, range)) {
        fail(imageFormat, { with: { file, found: headText(bytes), hint: `--input ${name}=tensor.npy` } });
      }
    }
    const images = [];
    for (const { file, bytes } of parts) {
      const image = await decodeImage(bytes, file);
      if (image.turned !== undefined) noticed.notes.push(`${file} is ${image.turned}, as its Exif says`);
      images.push(image);
    }
    const { mean, std, resize, bgr } = options;
    const seen: Seen[] = [];
    noticed.seen.set(name, seen);
    return imageInput(images, type, { range, mean, std, resize, bgr, name, seen: (one) => seen.push(one) });
  }
  if (!first || parts.length !== 1) {
    return fail(inputMisfit, {
      with: {
        name,
        found: `${parts.length} files`,
        expected: 'one .npy file, or pictures alone',
        hint: `--input ${name}=FILE, given once`,
      },
    });
  }
  return checked(parseNpy(first.bytes, first.file));
}
