/** Files as inputs of a model: PNG, JPEG and .npy, told apart by content, and what is to be said of them. */
import { imageFormat, inputMisfit, inputNames } from '../diagnostics/catalogue/runtime.ts';
import { type Diagnostic, fail } from '../diagnostics/diagnostic.ts';
import { memorySource } from '../io/bytes.ts';
import { fileSource } from '../io/node/file-source.ts';
import { type Declarations, readDeclarations } from '../ir/declarations.ts';
import { Dim } from '../ir/dim.ts';
import { parseDim } from '../ir/dim-text.ts';
import type { Graph } from '../ir/graph.ts';
import { rangeProblem } from '../ir/ranges.ts';
import type { HostTensor, TensorType } from '../ir/types.ts';
import { readOnnxMetadata } from '../onnx/metadata.ts';
import { decodeImage, type ImageOptions, imageFormatOf, imageInput, readBytes, takesImages } from './images.ts';
import { isNpy, parseNpy } from './npy.ts';
import { checkAsked, checkPromises, rangeWarning, type Signature } from './promises.ts';
import type { Port } from './session.ts';

/** How pictures become tensors, where the model does not say it. */
export type PictureOptions = Pick<ImageOptions, 'mean' | 'std' | 'resize'>;

/** What was noticed while files were read. */
export interface Noticed {
  /** `cat.jpg is turned by 90° to the right, as its Exif says` */
  readonly notes: string[];
  readonly warnings: Diagnostic[];
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
export async function declarationsOfFile(model: Uint8Array | string): Promise<Declarations> {
  if (typeof model !== 'string') return readDeclarations(await readOnnxMetadata(memorySource('model', model)));
  const source = fileSource(model);
  try {
    return readDeclarations(await readOnnxMetadata(source));
  } finally {
    source.close();
  }
}

/** The inputs of a graph. */
export function signaturesOf(graph: Graph): readonly Signature[] {
  return graph.inputs.map(({ name = '', type }) => ({ name, type, range: graph.inputRanges.get(name) }));
}

/** The inputs of a file of which no graph is known; expressions in its sizes become symbols of their own. */
export function signaturesOfPorts(ports: readonly Port[], declared: Declarations): readonly Signature[] {
  return ports.map((port) => {
    const dims = port.dims.map((d, axis) => {
      if (typeof d === 'number') return Dim.of(d);
      return (d === '' ? undefined : parseDim(d, declared.promises)) ?? Dim.symbol(`${port.name}_${axis}`);
    });
    const type: TensorType = { elem: port.elem, dims };
    const range = declared.inputs.get(port.name);
    return { name: port.name, type, range: range && !rangeProblem(type, range) ? range : undefined };
  });
}

/** Makes the tensor of some of an input's files: one .npy file, or any number of pictures. */
export async function loadInput(
  input: Signature,
  files: readonly string[],
  options: PictureOptions,
  noticed: Noticed,
  asked = false,
): Promise<HostTensor> {
  const { name, type, range } = input;
  const parts: { readonly file: string; readonly bytes: Uint8Array }[] = [];
  for (const file of files) parts.push({ file, bytes: await readBytes(file) });
  const arrays = parts.filter((part) => isNpy(part.bytes));
  const [first] = parts;
  if (arrays.length === 0) {
    for (const { file, bytes } of parts) {
      if (!imageFormatOf(bytes) && !takesImages(type, range)) {
        const head = [...bytes.subarray(0, 8)].map((b) => b.toString(16).padStart(2, '0')).join(' ');
        fail(imageFormat, {
          with: { file, found: head === '' ? 'an empty file' : `first bytes ${head}`, hint: `--input ${name}=tensor.npy` },
        });
      }
    }
    const images = [];
    for (const { file, bytes } of parts) {
      const image = await decodeImage(bytes, file);
      if (image.turned !== undefined) noticed.notes.push(`${file} is ${image.turned}, as its Exif says`);
      images.push(image);
    }
    const { mean, std, resize } = options;
    return imageInput(images, type, { range, mean, std, resize, name });
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
  const tensor = parseNpy(first.bytes, first.file);
  checkPromises(input, tensor);
  if (asked) checkAsked(input, tensor);
  const warning = rangeWarning(input, tensor);
  if (warning) noticed.warnings.push(warning);
  return tensor;
}
