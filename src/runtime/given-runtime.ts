/**
 * An onnxruntime that a program brings along: onnxruntime-web in a browser, or onnxruntime-node as a module. Both have the
 * interface of onnxruntime-common. Its sessions run where the program runs, so that a crash of native code ends the program, and
 * no profile says which provider ran a node.
 */
import { checkArgument, shaped } from '../diagnostics/arguments.ts';
import { fileUnreadable } from '../diagnostics/catalogue/runtime.ts';
import { DiagnosticError, fail } from '../diagnostics/diagnostic.ts';
import { sourceFrom } from '../io/sources.ts';
import { readOnnxOutputs } from '../onnx/metadata.ts';
import type { Engine, HeldTensor, OrtData, OrtPort, OrtTensor } from './engine.ts';
import type { OpenOptions, RuntimeHost } from './host.ts';
import { type KeepingSession, sessionOf, sessionRefused } from './ports.ts';

/** Browsers and Node have it alike. */
declare const performance: { now(): number };

interface GivenPort {
  readonly name: string;
  readonly isTensor: boolean;
  readonly type?: string;
  readonly shape?: readonly (number | string)[];
}

interface GivenTensor {
  readonly type: string;
  readonly dims: readonly number[];
  readonly data: unknown;
  getData?(): Promise<unknown>;
  dispose?(): void;
}

interface GivenSession {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  readonly inputMetadata?: readonly GivenPort[];
  readonly outputMetadata?: readonly GivenPort[];
  run(feeds: Readonly<Record<string, never>>): Promise<Readonly<Record<string, GivenTensor>>>;
  release(): Promise<void>;
}

/** The module onnxruntime-web or onnxruntime-node, as `import * as ort from …` gives it: what of it is used. */
export interface GivenRuntime {
  readonly InferenceSession: { create(model: Uint8Array, options: object): Promise<unknown> };
  readonly Tensor: new (type: never, data: never, dims: readonly number[]) => unknown;
  readonly env?: { readonly versions?: { readonly common?: string; readonly web?: string; readonly node?: string } };
}

const runtimeKind = shaped(
  'the module onnxruntime-web or onnxruntime-node',
  "import * as runtime from 'onnxruntime-web'",
  'InferenceSession',
  'Tensor',
);

function nameOf({ env }: GivenRuntime): string {
  const { web, node, common } = env?.versions ?? {};
  return web ? `onnxruntime-web ${web}` : node ? `onnxruntime-node ${node}` : `onnxruntime ${common ?? 'as given'}`;
}

/** Runs models in an onnxruntime of the program's. */
export function givenHost(runtime: GivenRuntime): RuntimeHost {
  checkArgument('verifyModel', 'runtime', runtime, runtimeKind);
  return {
    name: () => nameOf(runtime),
    during: (work) => work((model, options) => openGiven(runtime, model, options)),
  };
}

/** A session of it. Throws `DiagnosticError`: RES0804, RES0806. */
export async function openGiven(
  runtime: GivenRuntime,
  model: Uint8Array | string,
  options: OpenOptions,
): Promise<KeepingSession> {
  checkArgument('openSession', 'runtime', runtime, runtimeKind);
  if (typeof model === 'string')
    return fail(fileUnreadable, {
      with: { file: model, found: 'a path, where a runtime is given', hint: 'give the bytes of the file' },
    });
  try {
    const started = performance.now();
    const made = (await runtime.InferenceSession.create(model, {
      // onnxruntime-web calls its CPU provider by what it is made of.
      executionProviders: [options.ep === 'cpu' && runtime.env?.versions?.web ? 'wasm' : options.ep],
      graphOptimizationLevel: options.optimization === 'off' ? 'disabled' : 'all',
      logSeverityLevel: 4,
      ...(options.threads ? { intraOpNumThreads: options.threads } : {}),
      ...(await locations(runtime, model, options)),
    })) as GivenSession;
    const engine = engineOf(runtime, made, performance.now() - started, options.keeps);
    return sessionOf(engine, options, { remove: async () => undefined, placement: async () => undefined });
  } catch (error) {
    if (error instanceof DiagnosticError) throw error;
    throw sessionRefused(error, options);
  }
}

/**
 * Where onnxruntime-web leaves the outputs that are kept: on the GPU whose they are. Its option takes names, and the session that
 * would tell them is not there yet. onnxruntime-node has them in this process whatever is asked.
 */
async function locations(
  { env }: GivenRuntime,
  model: Uint8Array,
  { ep, keeps }: OpenOptions,
): Promise<{ readonly preferredOutputLocation?: Readonly<Record<string, 'gpu-buffer'>> }> {
  if (!keeps || ep !== 'webgpu' || env?.versions?.web === undefined) return {};
  const kept = (await readOnnxOutputs(sourceFrom(model, 'model'))).filter(keeps);
  return { preferredOutputLocation: Object.fromEntries(kept.map((name) => [name, 'gpu-buffer'])) };
}

function engineOf(runtime: GivenRuntime, session: GivenSession, createMs: number, keeps: OpenOptions['keeps']): Engine {
  const port = (one: GivenPort): OrtPort => ({
    name: one.name,
    type: one.isTensor ? (one.type ?? '') : 'sequence',
    shape: one.isTensor ? [...(one.shape ?? [])] : [],
  });
  return {
    createMs,
    owner: runtime,
    adapter: undefined,
    stderr: '',
    inputs: (session.inputMetadata ?? []).map(port),
    outputs: (session.outputMetadata ?? []).map(port),
    run: async (feeds) => {
      const given: Record<string, never> = {};
      for (const [name, feed] of Object.entries(feeds))
        given[name] = (
          'data' in feed ? new runtime.Tensor(feed.type as never, feed.data as never, feed.dims) : feed.tensor
        ) as never;
      const began = performance.now();
      const results = await session.run(given);
      const ms = performance.now() - began;
      const outputs: Record<string, OrtTensor | HeldTensor> = {};
      for (const [name, tensor] of Object.entries(results))
        outputs[name] = keeps?.(name) ? held(runtime, tensor) : await plain(tensor);
      return { outputs, ms };
    },
    close: () => session.release(),
  };
}

const held = (owner: GivenRuntime, tensor: GivenTensor): HeldTensor => ({
  type: tensor.type,
  dims: [...tensor.dims],
  owner,
  tensor,
  read: () => plain(tensor),
  dispose: () => tensor.dispose?.(),
});

/** Its elements in this process; f16 as their bits, which newer engines give as a Float16Array. */
async function plain(tensor: GivenTensor): Promise<OrtTensor> {
  const { type, dims } = tensor;
  const data = (tensor.getData ? await tensor.getData() : tensor.data) as OrtData;
  const bits = type === 'float16' && !(data instanceof Uint16Array);
  return {
    type,
    dims: [...dims],
    data: bits
      ? new Uint16Array((data as Uint8Array).buffer, (data as Uint8Array).byteOffset, (data as Uint8Array).length)
      : data,
  };
}
