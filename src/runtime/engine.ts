/**
 * What a session of onnxruntime is to the rest of the house, wherever it runs: in this process, in another one, or in a browser.
 */

export const providers = ['cpu', 'webgpu', 'cuda', 'tensorrt', 'dml', 'coreml', 'openvino', 'qnn'] as const;
/**
 * An execution provider of onnxruntime, by the name that `--ep` takes. rescc is proven on the first three; the others are handed
 * to the binding, which knows those of its platform: TensorRT on Linux, DirectML (`dml`) and QNN on Windows, CoreML on macOS.
 */
export type Provider = (typeof providers)[number];

export function isProvider(name: string): name is Provider {
  return (providers as readonly string[]).includes(name);
}

/** The names that onnxruntime's profile uses. */
export const providerNames: Readonly<Record<Provider, string>> = {
  cpu: 'CPUExecutionProvider',
  webgpu: 'WebGpuExecutionProvider',
  cuda: 'CUDAExecutionProvider',
  tensorrt: 'TensorrtExecutionProvider',
  dml: 'DmlExecutionProvider',
  coreml: 'CoreMLExecutionProvider',
  openvino: 'OpenVINOExecutionProvider',
  qnn: 'QNNExecutionProvider',
};

export type OrtData =
  | Float32Array
  | Float64Array
  | BigInt64Array
  | BigUint64Array
  | Int32Array
  | Uint32Array
  | Int16Array
  | Uint16Array
  | Int8Array
  | Uint8Array;

/** A tensor as it crosses into onnxruntime: its type's name there, and its elements (f16 as their bits). */
export interface OrtTensor {
  readonly type: string;
  readonly dims: readonly number[];
  readonly data: OrtData;
}

/** A tensor as the runtime has it, whose elements may lie on a device: a later run of the same runtime takes it as it is. */
export interface HeldTensor {
  readonly type: string;
  readonly dims: readonly number[];
  /** Whose it is: the module of the runtime. */
  readonly owner: object;
  /** The tensor of that module. */
  readonly tensor: object;
  /** Its elements in this process. */
  read(): Promise<OrtTensor>;
  dispose(): void;
}

export interface OrtPort {
  readonly name: string;
  readonly type: string;
  readonly shape: readonly (number | string)[];
}

export interface OrtOptions {
  readonly ep: Provider;
  readonly level: 'disabled' | 'all';
  readonly threads: number | undefined;
  /** Prefix of the profile's file; no profile without. */
  readonly profile: string | undefined;
  /** Lets CUDA round the operands of f32 products to TF32, ten bits of mantissa. */
  readonly tf32?: boolean | undefined;
}

/**
 * A session of onnxruntime, here or in another process, that gives outputs as elements or as what it holds. Its methods throw
 * `Error`s that carry what onnxruntime says.
 */
export interface Engine<Held = HeldTensor> {
  readonly inputs: readonly OrtPort[];
  readonly outputs: readonly OrtPort[];
  /** Milliseconds that creating the session took. */
  readonly createMs: number;
  /** Of the tensors that it may hold: the module of a runtime in this process. */
  readonly owner?: object;
  /** The time is that of the run alone, without the exchange of tensors. It takes what it holds itself, and no other. */
  run(feeds: Readonly<Record<string, OrtTensor | HeldTensor>>): Promise<{
    readonly outputs: Readonly<Record<string, OrtTensor | Held>>;
    readonly ms: number;
  }>;
  close(): Promise<void>;
  /** As far as it is known. */
  readonly adapter: string | undefined;
  readonly stderr: string;
}

/** The process of a provider ended before it answered. */
export class EngineCrash extends Error {
  override readonly name = 'EngineCrash';
}
