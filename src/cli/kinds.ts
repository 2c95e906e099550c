/** What the ends of names say of files: models of others that are not read, and kinds that are not written. */
import { extname } from 'node:path';
import { notAModel, notWritten } from '../diagnostics/catalogue/runtime.ts';
import { fail } from '../diagnostics/diagnostic.ts';

interface Kind {
  readonly what: string;
  /** How a model in it becomes one that is read; `x` is the name without its end. */
  readonly from?: (path: string, x: string) => string;
  /** It has tensors that are read as a checkpoint's. */
  readonly tensors?: boolean;
  /** How a model that is written becomes one in it, by what `--emit` writes. */
  readonly to?: Readonly<Record<string, (x: string) => string>>;
}

const emitting =
  (emit: string) =>
  (x: string): string =>
    `--emit ${emit} -o ${x}.${emit}`;

const torch: Kind = {
  what: 'a file of PyTorch',
  tensors: true,
  from: (path, x) => `torch.onnx.export(model, inputs, "${x}.onnx") in Python; tensors alone: rescc model.res --weights ${path}`,
  to: { onnx: (x) => `-o ${x}.onnx`, safetensors: (x) => `weights alone: ${emitting('safetensors')(x)}` },
};
const keras: Kind = {
  what: 'a model of Keras',
  from: (path, x) => `python -m tf2onnx.convert --keras ${path} --output ${x}.onnx`,
};
const coreml: Kind = { what: 'a model of Core ML' };

/** By the end of the name. */
const kinds: Readonly<Record<string, Kind>> = {
  '.ort': {
    what: "onnxruntime's own format, which is made for one version and machine",
    from: (_, x) => `the file that it was made from: ${x}.onnx`,
    to: { onnx: (x) => `-o ${x}.onnx, then python -m onnxruntime.tools.convert_onnx_models_to_ort ${x}.onnx` },
  },
  '.tflite': {
    what: 'a model of TensorFlow Lite',
    from: (path, x) => `python -m tf2onnx.convert --tflite ${path} --output ${x}.onnx`,
    to: { onnx: (x) => `-o ${x}.onnx, then onnx2tf -i ${x}.onnx` },
  },
  '.pb': {
    what: 'a graph of TensorFlow',
    from: (path, x) => `python -m tf2onnx.convert --graphdef ${path} --output ${x}.onnx`,
  },
  '.pt': torch,
  '.pth': torch,
  '.pt2': torch,
  '.ckpt': torch,
  '.torchscript': torch,
  '.h5': keras,
  '.keras': keras,
  '.mlmodel': coreml,
  '.mlpackage': coreml,
  '.engine': { what: 'an engine of TensorRT' },
  '.gguf': { what: 'weights for llama.cpp' },
  '.safetensors': {
    what: 'tensors without a network',
    tensors: true,
    from: (path, x) => `rescc model.res --weights ${path} -o ${x}.onnx`,
    to: { safetensors: emitting('safetensors') },
  },
  '.npz': {
    what: 'arrays of NumPy',
    tensors: true,
    from: (path, x) => `rescc model.res --weights ${path} -o ${x}.onnx`,
  },
  '.svg': { what: 'a drawing', to: { svg: emitting('svg') } },
  '.dot': { what: 'a drawing', to: { dot: emitting('dot') } },
  '.res': { what: 'a source of the language', to: { onnx: (x) => `-o ${x}.onnx` } },
  '.onnx': { what: 'an ONNX model', to: { onnx: (x) => `-o ${x}.onnx` } },
};

const endOf = (path: string): string => extname(path).toLowerCase();
const kindOf = (path: string): Kind | undefined => (Object.hasOwn(kinds, endOf(path)) ? kinds[endOf(path)] : undefined);
const stem = (path: string): string => path.slice(0, path.length - extname(path).length);

/** Throws RES0847 for a model in a format of others, before it is read as something that it is not. */
export function checkIsModel(path: string): void {
  const kind = kindOf(path);
  if (!kind || ['.res', '.onnx'].includes(endOf(path))) return;
  fail(notAModel, {
    with: { path, found: kind.what, hint: kind.from?.(path, stem(path)) ?? 'export the model to ONNX where it was made' },
  });
}

/** Throws RES0847 for a model in a format of others whose tensors are not read, either. */
export function checkHasTensors(path: string): void {
  if (kindOf(path)?.tensors !== true) checkIsModel(path);
}

/** How a model becomes one of that kind, as far as the command writes what that takes; empty where it does not. */
const waysTo = ({ to = {} }: Kind, x: string, emits: readonly string[]): string =>
  Object.entries(to)
    .flatMap(([emit, way]) => (emits.includes(emit) ? [way(x)] : []))
    .join('; ');

/** What each thing that `--emit` writes may be called; the first is what is proposed. */
const ends: Readonly<Record<string, readonly string[]>> = {
  onnx: ['.onnx'],
  safetensors: ['.safetensors'],
  svg: ['.svg'],
  dot: ['.dot', '.gv'],
  ir: ['.ir', '.txt'],
  'onnx-text': ['.txt', '.onnxtxt'],
  ast: ['.txt', '.ast'],
};
const binary: ReadonlySet<string> = new Set(['onnx', 'safetensors', 'svg']);

/**
 * Throws RES0842 where the name of an output says that it is something else than what is written. A name without an end, as
 * `/dev/null` is, says nothing; a text may have any end that no other format has. `emits` are what `--emit` of the command may
 * be: nothing else is proposed.
 */
export function checkEnd(path: string | undefined, emit: string, emits: readonly string[] = ['onnx']): void {
  if (path === undefined || path === '-') return;
  const end = endOf(path);
  const known = ends[emit] ?? [];
  if (end === '' || known.includes(end) || (!binary.has(emit) && !kindOf(path))) return;
  const kind = kindOf(path);
  const proposed = `-o ${stem(path)}${known[0] ?? ''}`;
  fail(notWritten, {
    with: {
      end,
      found: kind ? `-o ${path}, the name of ${kind.what}` : `-o ${path}`,
      expected: `a name ending in ${known.join(' or ')}, for ${emit === 'onnx' ? 'an ONNX model' : `--emit ${emit}`}`,
      hint: emit === 'onnx' ? (kind && waysTo(kind, stem(path), emits)) || proposed : proposed,
    },
  });
}
