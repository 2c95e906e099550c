/// <reference lib="esnext.disposable" preserve="true" />
/** A model that stays open and takes tensors, or bytes of files, by the names of its inputs: for programs that run one often. */
import {
  type ArgumentKind,
  checkArgument,
  checkOptions,
  listOf,
  oneOf,
  record,
  recordOf,
  shown,
  text,
  whole,
} from '../diagnostics/arguments.ts';
import { badArgument } from '../diagnostics/catalogue/api.ts';
import { inputNames } from '../diagnostics/catalogue/runtime.ts';
import { fail } from '../diagnostics/diagnostic.ts';
import { nearest } from '../diagnostics/suggest.ts';
import { type Bytes, bytesKind, sourceFrom } from '../io/sources.ts';
import { elemTypes } from '../ir/elem.ts';
import type { ElemType, HostTensor, WideIntegers } from '../ir/types.ts';
import { isWideElem, tensorOfIntegers } from '../ir/wide.ts';
import { readOnnxMetadata } from '../onnx/metadata.ts';
import { matchPattern } from '../tensor/name-pattern.ts';
import { type Provider, providers } from './engine.ts';
import { type GivenRuntime, openGiven } from './given-runtime.ts';
import type { OpenSession } from './host.ts';
import { decodeImage, imageFormatOf, imageInput } from './images.ts';
import { KeptOutput, type KeptTensor } from './kept.ts';
import { isNpy, parseNpy } from './npy.ts';
import { type Port, portText } from './ports.ts';
import { checkPromises } from './promises.ts';
import { declarationsIn, type FileDeclarations, nothingDeclared, signaturesOfPorts } from './signatures.ts';

/** A tensor as programs have it: elements in row-major order. `elem` is that of the input when it is left out. */
export interface TensorInput {
  readonly elem?: ElemType | undefined;
  readonly dims: readonly number[];
  readonly data: ArrayLike<number> | ArrayLike<bigint>;
}

/** What an input is given: a tensor, an output that was kept, or the bytes of a `.npy` file or of a picture (PNG, JPEG). */
export type ModelInput = HostTensor | TensorInput | KeptTensor | Bytes;

/** How a model is opened. */
export interface SessionOptions {
  /** Default `cpu`. */
  readonly ep?: Provider | undefined;
  /** Threads within an operator; onnxruntime's choice when left out. */
  readonly threads?: number | undefined;
  /** onnxruntime-web, or onnxruntime-node as a module; only in Node may it be left out. */
  readonly runtime?: GivenRuntime | undefined;
  /** Added to the environment of a GPU provider's process. */
  readonly environment?: Readonly<Record<string, string>> | undefined;
}

/** A session some of whose outputs stay where they are. */
export interface KeepOptions extends SessionOptions {
  /**
   * Names of outputs, in which `*` stands for anything: `['present.*']`. They come back as `KeptTensor`s, which the next run
   * takes as inputs as they are. On the CPU they are never converted; onnxruntime-web's WebGPU leaves them in the GPU's memory. A
   * GPU provider in Node has a process of its own, and they are copied to and from it.
   */
  readonly keep: readonly string[];
}

/** An open model. `Kept` is what outputs that are kept come back as, beside those that are read. */
export interface ModelSession<Kept = never> {
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  /** Milliseconds that opening took, and the latest run. */
  readonly createMs: number;
  readonly runMs: number;
  /**
   * Runs the model once. Pictures become what the model declares of its input; what it promises of its sizes is kept.
   *
   * @throws DiagnosticError RES0806 and RES0807 for inputs that are missing or do not fit, RES0805 where onnxruntime fails.
   */
  run(inputs: Readonly<Record<string, ModelInput>>): Promise<Readonly<Record<string, HostTensor | Kept>>>;
  /** Frees what the model takes. More calls do nothing, and a run after it is refused. */
  close(): Promise<void>;
  /** `await using session = await openSession(…)` */
  [Symbol.asyncDispose](): Promise<void>;
}

const optionKinds = {
  ep: oneOf(...providers),
  threads: whole(1),
  runtime: record,
  environment: recordOf(text),
  keep: { ...listOf(text), what: 'a list of names of outputs', example: "['present.*']" },
};

export const tensorKind: ArgumentKind = {
  what: 'a tensor ({ dims, data }), or the bytes of a .npy file or a picture',
  example: '{ dims: [1, 3], data: [0.5, 1, 2] }',
  is: (value) => bytesKind.is(value) || isTensor(value),
};
const inputKind: ArgumentKind = { ...tensorKind, is: (value) => value instanceof KeptOutput || tensorKind.is(value) };

function isTensor(value: unknown): value is TensorInput {
  if (typeof value !== 'object' || value === null || !('dims' in value) || !('data' in value)) return false;
  const { dims, data } = value;
  const elem: unknown = 'elem' in value ? value.elem : undefined;
  const isList = Array.isArray(data) || (ArrayBuffer.isView(data) && !(data instanceof DataView));
  const sized = Array.isArray(dims) && dims.every((d) => Number.isSafeInteger(d) && d >= 0);
  return sized && isList && (elem === undefined || (elemTypes as readonly unknown[]).includes(elem));
}

/** Where paths name files: what opens sessions, and what a file declares of its inputs. */
export interface FileRuntime {
  readonly open: OpenSession;
  readonly declarationsOf: (path: string) => Promise<FileDeclarations>;
}

/** Opens a model with what opens sessions there. */
export async function openModelOn(
  node: FileRuntime | undefined,
  model: Bytes | string,
  options: SessionOptions & Partial<KeepOptions> = {},
): Promise<ModelSession<KeptTensor>> {
  const kind: ArgumentKind =
    node && !options?.runtime
      ? { ...bytesKind, what: `the path of a file, ${bytesKind.what}`, is: (one) => typeof one === 'string' || bytesKind.is(one) }
      : bytesKind;
  checkOptions('openSession', options, optionKinds);
  checkArgument('openSession', 'model', model, { ...kind, example: 'await made.bytes()' });
  const { runtime, ep = 'cpu', threads, environment, keep } = options;
  const open: OpenSession | undefined = runtime ? (bytes, how) => openGiven(runtime, bytes, how) : node?.open;
  if (!open) checkArgument('openSession', 'runtime', runtime, { ...record, what: 'the module onnxruntime-web', example: 'ort' });
  const bytes = typeof model === 'string' ? model : await wholeOf(model, 'model');
  const keeps = keep && ((output: string): boolean => keep.some((pattern) => matchPattern(pattern, output) !== undefined));
  const session = await (open as OpenSession)(bytes, { ep, threads, environment, optimization: 'all', keeps });
  const stray = keep?.find((pattern) => !session.outputs.some(({ name }) => matchPattern(pattern, name) !== undefined));
  if (stray !== undefined) {
    await session.close();
    noSuchOutput(stray, session.outputs);
  }
  let isOpen = true;
  // Behind onnxruntime, which says better what is wrong with a file.
  const declared =
    typeof bytes === 'string'
      ? ((await node?.declarationsOf(bytes)) ?? nothingDeclared())
      : declarationsIn(await readOnnxMetadata(sourceFrom(bytes, 'model')));
  const signatures = new Map(signaturesOfPorts(session.inputs, declared).map((one) => [one.name, one]));
  const close = async (): Promise<void> => {
    isOpen = false;
    await session.close();
  };
  return {
    inputs: session.inputs,
    outputs: session.outputs,
    createMs: session.createMs,
    get runMs() {
      return session.runMs;
    },
    run: async (inputs) => {
      checkArgument('run', 'inputs', inputs, {
        ...record,
        what: 'an object with a tensor for each input',
        example: inputsExample(session.inputs),
      });
      if (!isOpen)
        fail(badArgument, {
          with: {
            call: 'run',
            name: 'the session',
            found: 'a session that was closed',
            expected: 'an open one',
            hint: 'await openSession(model)',
          },
        });
      const tensors = new Map<string, HostTensor | KeptOutput>();
      for (const [name, given] of Object.entries(inputs)) {
        const signature = signatures.get(name);
        const port = session.inputs.find((one) => one.name === name);
        if (!signature || !port) return unknownInput(name, session.inputs);
        checkArgument('run', name, given, inputKind);
        const { type, range } = signature;
        let tensor: HostTensor | KeptOutput;
        if (given instanceof KeptOutput) tensor = given;
        else if (isTensor(given)) tensor = tensorOf(given, port.elem);
        else {
          const file = await wholeOf(given as Bytes, name);
          if (isNpy(file)) tensor = parseNpy(file, name);
          else if (imageFormatOf(file)) tensor = imageInput(await decodeImage(file, name), type, { range, name });
          else {
            const expected = 'the bytes of a .npy file, a PNG or a JPEG; numbers are a tensor';
            return fail(badArgument, {
              with: { call: 'run', name, found: shown(given), expected, hint: `${name}: ${tensorKind.example}` },
            });
          }
        }
        checkPromises(signature, tensor);
        tensors.set(name, tensor);
      }
      const missing = session.inputs.filter((port) => !tensors.has(port.name)).map((port) => port.name);
      if (missing.length > 0) wrongInputs(`nothing for ${missing.join(', ')}`, `${missing[0]}: …`, session.inputs);
      return Object.fromEntries(await session.runKeeping(tensors));
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

const inputsExample = (ports: readonly Port[]): string => `{ ${ports.map(({ name }) => `${name}: …`).join(', ')} }`;

function unknownInput(name: string, ports: readonly Port[]): never {
  const near =
    nearest(
      name,
      ports.map((port) => port.name),
    ) ??
    ports[0]?.name ??
    'NAME';
  return wrongInputs(`no input ${name}`, `${near}: …`, ports);
}

function noSuchOutput(pattern: string, ports: readonly Port[]): never {
  const names = ports.map(({ name }) => name);
  const expected = `names of outputs: ${names.join(', ')}`;
  const hint = `keep: ['${nearest(pattern, names) ?? names[0] ?? 'NAME'}']`;
  return fail(badArgument, { with: { call: 'openSession', name: 'keep', found: `no output ${pattern}`, expected, hint } });
}

function wrongInputs(found: string, hint: string, ports: readonly Port[]): never {
  const expected = ports.map((port) => `${port.name}: ${portText(port)}`).join('\n');
  return fail(inputNames, { with: { found, expected, hint } });
}

async function wholeOf(given: Bytes, name: string): Promise<Uint8Array> {
  const source = sourceFrom(given, name);
  return await source.read(0, source.size);
}

/** With float64 numbers, and 64-bit integers beside where they are beyond. */
function tensorOf({ elem, dims, data }: TensorInput, own: ElemType): HostTensor {
  const type = elem ?? own;
  const first: unknown = data[0];
  if (isWideElem(type) && typeof first === 'bigint')
    return tensorOfIntegers(type, dims, data as WideIntegers | readonly bigint[]);
  return { elem: type, dims, data: data instanceof Float64Array ? data : Float64Array.from(data as ArrayLike<number>, Number) };
}
