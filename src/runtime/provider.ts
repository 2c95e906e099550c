/**
 * The execution providers of onnxruntime-node 1.30 and the process that GPU providers run in.
 *
 * Found by trying and by reading its sources (lib/backend.ts, lib/binding.ts):
 * - `listSupportedBackends()` says what the build knows: on Linux x64 cpu and webgpu are bundled, cuda and tensorrt are not. It
 *   says nothing about adapters or drivers; those are found out by creating a session.
 * - Without an adapter, creating a WebGPU session throws "Failed to get a WebGPU adapter: No supported adapters"; without its
 *   libraries a CUDA session throws "Failed to load shared library" and the native logger writes the library's name to stderr.
 *   Neither falls back. native.ts says how the libraries of CUDA are found.
 * - Nodes that a provider cannot run do go to the CPU provider silently. Only the profile says so: with `enableProfiling` and
 *   `profileFilePrefix` (which is then required) the file `PREFIX_DATE.json` lists every kernel with its provider.
 *   `startProfiling` does nothing, and `endProfiling` returns nothing, not even the file's name, so the prefix lies in a folder
 *   of its own.
 * - No interface names the adapter. On Linux the Vulkan loader does, on stderr, when VK_LOADER_DEBUG asks: `Using "SwiftShader
 *   Device (Subzero)" with driver: …` at vkCreateDevice, that is for the adapter that is really used.
 * - The Vulkan loader and its settings are read once, when a process first uses Vulkan, and LD_LIBRARY_PATH when a process
 *   starts.
 * - Kernels of the CPU provider abort and fault, too, on models that its checks let through.
 * Hence a process of its own for every GPU session: its environment can be set, its stderr read, and a driver that aborts ends it
 * alone. And one for all CPU sessions of a verification.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import * as catalogue from '../diagnostics/catalogue/runtime.ts';
import { fail } from '../diagnostics/diagnostic.ts';
import { type Engine, EngineCrash, type OrtOptions, type OrtPort, type OrtTensor, type Provider } from './engine.ts';
import { type NativeFolder, namedNative, nativeEnvironment } from './native.ts';

export { isProvider, type Provider, providers } from './engine.ts';

/** Those whose products of f32 use TF32 on tensor cores unless they are told not to. */
const usesTf32: ReadonlySet<Provider> = new Set(['cuda', 'tensorrt']);

const swiftshaderFolder = '/usr/lib/chromium';

/**
 * The environment in which Debian's SwiftShader (package chromium-common) is the Vulkan driver, or undefined when it is not
 * installed. The folder brings a Vulkan loader along, so that libvulkan1 need not be installed.
 */
export function swiftshaderEnvironment(folder: string = swiftshaderFolder): Readonly<Record<string, string>> | undefined {
  const manifest = `${folder}/vk_swiftshader_icd.json`;
  if (!existsSync(manifest)) return undefined;
  return { VK_ICD_FILENAMES: manifest, LD_LIBRARY_PATH: folder };
}

/** What to type where there is no adapter, on a machine with or without SwiftShader. */
export function adapterHint(platform: string = process.platform, swiftshader = swiftshaderEnvironment() !== undefined): string {
  if (platform !== 'linux') return 'install or update the graphics driver, then run the command again';
  const command = `VK_ICD_FILENAMES=${swiftshaderFolder}/vk_swiftshader_icd.json LD_LIBRARY_PATH=${swiftshaderFolder} rescc …`;
  return swiftshader ? command : `apt-get install -y chromium-common, then ${command}`;
}

/**
 * What both engines run, as text, because the child process can import neither TypeScript (Node 20) nor a part of a bundle.
 * `open` takes the module onnxruntime-node, the model and the options, and returns an object with ports, `run` and `close`.
 */
const openText = `
async function open(ort, model, options) {
  const started = performance.now();
  const provider = options.ep === 'cuda' || options.ep === 'tensorrt' ? { name: options.ep, deviceId: 0 } : { name: options.ep };
  const session = await ort.InferenceSession.create(model, {
    executionProviders: [provider],
    graphOptimizationLevel: options.level,
    logSeverityLevel: 4,
    ...(options.threads ? { intraOpNumThreads: options.threads } : {}),
    ...(options.profile ? { enableProfiling: true, profileFilePrefix: options.profile } : {}),
  });
  const createMs = performance.now() - started;
  const port = (m) => ({ name: m.name, type: m.isTensor ? m.type : 'sequence', shape: m.isTensor ? [...m.shape] : [] });
  return {
    createMs,
    inputs: session.inputMetadata.map(port),
    outputs: session.outputMetadata.map(port),
    async run(feeds) {
      const given = {};
      for (const name of Object.keys(feeds)) given[name] = new ort.Tensor(feeds[name].type, feeds[name].data, feeds[name].dims);
      const began = performance.now();
      const results = await session.run(given);
      const ms = performance.now() - began;
      const outputs = {};
      for (const name of Object.keys(results)) {
        const { type, dims, data } = results[name];
        // Newer Nodes give a Float16Array, which cannot be sent; its bits can.
        const plain = type === 'float16' && !(data instanceof Uint16Array) ? new Uint16Array(data.buffer, data.byteOffset, data.length) : data;
        outputs[name] = { type, dims: [...dims], data: plain };
      }
      return { outputs, ms };
    },
    async close() {
      if (options.profile) session.endProfiling();
      await session.release();
    },
  };
}`;

/** The child answers one message at a time, and ends when its parent does. Sessions have numbers. */
const childText = `${openText}
const sessions = new Map();
process.on('disconnect', () => process.exit(0));
process.on('message', async (message) => {
  try {
    const session = sessions.get(message.session);
    if (message.kind === 'open') {
      const ort = require(message.runtime);
      const backends = ort.listSupportedBackends().map((b) => b.name);
      if (!backends.includes(message.options.ep)) throw new Error('backends: ' + backends.join(', '));
      const opened = await open(ort, message.model, message.options);
      sessions.set(message.session, opened);
      const { createMs, inputs, outputs } = opened;
      process.send({ id: message.id, value: { createMs, inputs, outputs } });
    } else if (message.kind === 'run') {
      process.send({ id: message.id, value: await session.run(message.feeds) });
    } else {
      sessions.delete(message.session);
      await session.close();
      process.send({ id: message.id, value: null });
    }
  } catch (error) {
    process.send({ id: message.id, error: String(error && error.message ? error.message : error) });
  }
});`;

interface OpenedSession {
  readonly createMs: number;
  readonly inputs: readonly OrtPort[];
  readonly outputs: readonly OrtPort[];
  run(feeds: Readonly<Record<string, OrtTensor>>): Promise<{ outputs: Record<string, OrtTensor>; ms: number }>;
  close(): Promise<void>;
}

/**
 * Asked for beside rescc, where `npm install` puts what one project uses, and from the folder where one works, for a rescc that
 * is installed globally or run by npx. It is an optional peer, because most commands do without it.
 */
function runtimeRequire(): NodeJS.Require {
  const here = createRequire(import.meta.url);
  try {
    here.resolve('onnxruntime-node');
    return here;
  } catch (error) {
    const there = createRequire(join(process.cwd(), 'package.json'));
    try {
      there.resolve('onnxruntime-node');
      return there;
    } catch {
      return fail(catalogue.runtimeMissing, { with: { found: firstLine(error) } });
    }
  }
}

const runtimePath = (): string => runtimeRequire().resolve('onnxruntime-node');

interface OrtModule {
  listSupportedBackends(): readonly { readonly name: string; readonly bundled?: boolean }[];
}

/** The module, and its version as its package says. Loaded when first needed: it takes some 30 ms and 20 MB. */
function loadRuntime(): OrtModule {
  const path = runtimePath();
  try {
    const loaded: OrtModule = createRequire(import.meta.url)(path);
    return loaded;
  } catch (error) {
    return fail(catalogue.runtimeMissing, { with: { found: firstLine(error) } });
  }
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n')[0] ?? text;
}

/** Where onnxruntime-node is: the folder of its package. */
export const runtimeFolder = (): string => dirname(runtimeRequire().resolve('onnxruntime-node/package.json'));

/** The names of the providers that the binding was built to know, and whether the package brings them. */
export function knownBackends(): readonly { readonly name: string; readonly bundled?: boolean }[] {
  return loadRuntime().listSupportedBackends();
}

/** `1.30.0` */
export function runtimeVersion(): string {
  const version: unknown = runtimeRequire()('onnxruntime-node/package.json').version;
  return typeof version === 'string' ? version : 'unknown';
}

/** `onnxruntime-node 1.30.0` */
export const runtimeName = (): string => `onnxruntime-node ${runtimeVersion()}`;

/** Runs in this process; for the CPU provider only, whose failures are C++ exceptions that arrive as errors. */
export async function openHere(model: string | Uint8Array, options: OrtOptions): Promise<Engine<never>> {
  const ort = loadRuntime();
  const open: (ort: OrtModule, model: string | Uint8Array, options: OrtOptions) => Promise<OpenedSession> = new Function(
    `${openText}\nreturn open;`,
  )();
  const session = await open(ort, model, options);
  return { ...session, adapter: undefined, stderr: '' };
}

/** stderr kept for messages; a chatty driver must not fill the memory. */
const maxStderr = 1 << 16;

/**
 * A process for the sessions of the CPU provider, so that a crash in native code ends it and not rescc. It starts with the first
 * session, and anew with the first after it ended. Sessions of GPU providers have a process each, whatever is given.
 */
export class RuntimeProcess {
  readonly #environment: Readonly<Record<string, string>> | undefined;
  #channel: Channel | undefined;
  #sessions = 0;

  constructor(environment: Readonly<Record<string, string>> | undefined) {
    this.#environment = environment;
  }

  /** The model is a file's path, because models are large and pipes copy. */
  open(model: string, options: OrtOptions): Promise<Engine<never>> {
    if (!this.#channel?.isOpen) this.#channel = startChild(options, this.#environment);
    return openIn(this.#channel, this.#sessions++, model, options, () => undefined);
  }

  end(): void {
    this.#channel?.end();
    this.#channel = undefined;
  }
}

/** Runs in a process of its own, which ends with the session. */
export async function openInChild(
  model: string,
  options: OrtOptions,
  environment: Readonly<Record<string, string>> | undefined,
): Promise<Engine<never>> {
  const channel = startChild(options, environment);
  try {
    return await openIn(channel, 0, model, options, () => channel.end());
  } catch (error) {
    channel.end();
    throw error;
  }
}

/**
 * The folder of RESCC_ONNXRUNTIME, for a provider that the npm package does not bring. Its own library is kept for the others,
 * because a wheel has no WebGPU provider, and proofs on the CPU are of the library that npm installed. Throws RES0844 and
 * RES0845.
 */
export function nativeFor(ep: Provider, environment: Readonly<Record<string, string>> = {}): NativeFolder | undefined {
  return ep === 'cpu' || ep === 'webgpu' ? undefined : namedNative(runtimeVersion(), { ...process.env, ...environment });
}

function startChild(
  { ep, tf32 }: Pick<OrtOptions, 'ep' | 'tf32'>,
  environment: Readonly<Record<string, string>> | undefined,
): Channel {
  const native = nativeFor(ep, environment);
  return new Channel(
    spawn(process.execPath, ['-e', childText], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      serialization: 'advanced',
      env: {
        ...process.env,
        NODE_OPTIONS: '',
        // TF32 keeps 10 bits of a product's mantissa; without this the CUDA provider's f32 convolutions are off by 1e-3.
        ...(usesTf32.has(ep) && tf32 !== true && { NVIDIA_TF32_OVERRIDE: '0' }),
        ...(ep === 'webgpu' && { VK_LOADER_DEBUG: 'error,warn,driver,layer' }),
        ...environment,
        ...(native && nativeEnvironment(native, { ...process.env, ...environment })),
      },
    }),
  );
}

async function openIn(
  channel: Channel,
  session: number,
  model: string,
  options: OrtOptions,
  ended: () => void,
): Promise<Engine<never>> {
  const runtime = runtimePath();
  try {
    const opened = await channel.ask({ kind: 'open', session, runtime, model, options });
    const { createMs, inputs, outputs } = opened as Pick<OpenedSession, 'createMs' | 'inputs' | 'outputs'>;
    return {
      createMs,
      inputs,
      outputs,
      run: async (feeds) =>
        (await channel.ask({ kind: 'run', session, feeds })) as { outputs: Record<string, OrtTensor>; ms: number },
      close: async () => {
        try {
          await channel.ask({ kind: 'close', session });
        } finally {
          ended();
        }
      },
      get adapter() {
        return channel.adapter;
      },
      get stderr() {
        return channel.stderr;
      },
    };
  } catch (error) {
    if (error instanceof Error) throw Object.assign(error, { stderr: channel.stderr });
    throw error;
  }
}

interface Answer {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

/** Questions to the child process and their answers, by number. */
class Channel {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  #next = 0;
  #ended: string | undefined;
  stderr = '';
  adapter: string | undefined;
  #partial = '';

  constructor(child: ChildProcess) {
    this.#child = child;
    child.stderr?.setEncoding('utf8');
    child.stderr?.on('data', (text: string) => this.#read(text));
    child.on('message', (message) => {
      const answer = message as Answer;
      const waiting = this.#waiting.get(answer.id);
      this.#waiting.delete(answer.id);
      if (answer.error === undefined) waiting?.resolve(answer.value);
      else waiting?.reject(new Error(answer.error));
    });
    child.on('error', (error) => this.#fail(error.message));
    // `close` comes after stderr was read to its end, so that a crash can say what the driver wrote last.
    child.on('close', (code, signal) => this.#fail(signal ? `was ended by ${signal}` : `ended with exit code ${code}`));
  }

  #read(text: string): void {
    const lines = (this.#partial + text).split('\n');
    this.#partial = lines.pop() ?? '';
    for (const line of lines) {
      const used = /Using "(.*)" with driver/.exec(line);
      if (used?.[1]) this.adapter = used[1];
      // The loader's own reports were asked for, and would bury what a driver or onnxruntime says.
      if (/\b(DRIVER|LAYER)\b.*:/.test(line)) continue;
      this.stderr = `${this.stderr}${line}\n`.slice(-maxStderr);
    }
  }

  #fail(how: string): void {
    this.#ended ??= how;
    for (const { reject } of this.#waiting.values()) reject(new EngineCrash(this.#ended));
    this.#waiting.clear();
  }

  /** The process has not ended. */
  get isOpen(): boolean {
    return this.#ended === undefined && this.#child.connected;
  }

  ask(message: Readonly<Record<string, unknown>>): Promise<unknown> {
    if (this.#ended) return Promise.reject(new EngineCrash(this.#ended));
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#child.send({ ...message, id }, (error) => {
        // A child that is gone says more in `close` than a broken pipe does.
        if (error && this.#child.exitCode === null && this.#child.signalCode === null && !this.#child.connected)
          this.#fail(error.message);
      });
    });
  }

  end(): void {
    if (this.#child.connected) this.#child.disconnect();
  }
}
