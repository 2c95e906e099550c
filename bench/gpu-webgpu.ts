/**
 * Runs files on onnxruntime's WebGPU provider with inputs on the device, for `npm run bench -- gpu`: the job and the lines that
 * it prints are those of gpu_run.py. In a process of its own, because a driver that fails takes it down.
 *
 * Inputs of f32 get onto the device as the output of a model of one node, which this binding can leave there (`gpu-buffer`). The
 * first output comes back to the host, so that a run ends when the device has ended; the others stay.
 */
import { readFileSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { madeNode } from '../src/onnx/make.ts';
import type { OnnxModel } from '../src/onnx/model.ts';
import { onnxBytes } from '../src/onnx/write.ts';
import { median } from '../src/runtime/bench.ts';
import type { GpuJob, JobGroup } from './gpu.ts';
import type { GpuLine } from './gpu-table.ts';

const ort = createRequire(import.meta.url)('onnxruntime-node') as typeof import('onnxruntime-node');

const say = (line: GpuLine): void => void writeSync(1, `${JSON.stringify(line)}\n`);
const message = (error: unknown): string => (error instanceof Error ? error.message : String(error)).slice(0, 300);

/** y = -x. */
const negative = (rank: number): OnnxModel => {
  const dims = Array.from({ length: rank }, (_, i) => `d${i}`);
  return {
    irVersion: 8,
    opsets: new Map([['', 17]]),
    producerName: 'rescc',
    producerVersion: '',
    metadata: [],
    graph: {
      name: 'upload',
      nodes: [madeNode('Neg', 'negative', ['x'], ['y'])],
      initializers: [],
      inputs: [{ name: 'x', type: { elem: 'f32', dims } }],
      outputs: [{ name: 'y', type: { elem: 'f32', dims } }],
      valueInfo: [],
    },
    functions: [],
  };
};
const uploads = new Map<number, InferenceSession>();

async function onDevice(data: Float32Array, dims: readonly number[]): Promise<OrtTensor> {
  let session = uploads.get(dims.length);
  if (!session) {
    session = await ort.InferenceSession.create(await onnxBytes(negative(dims.length)), {
      executionProviders: ['webgpu'],
      preferredOutputLocation: 'gpu-buffer',
      logSeverityLevel: 4,
    });
    uploads.set(dims.length, session);
  }
  const { y } = await session.run({ x: new ort.Tensor('float32', data, dims) });
  if (!y) throw new Error('no output');
  return y;
}

/** Normal-like numbers, the same for the same count. */
function noise(count: number): Float32Array {
  const out = new Float32Array(count);
  let state = 0x9e3779b9;
  const next = (): number => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x6d2b79f5) | 0;
    return (state >>> 8) / 2 ** 24;
  };
  for (let i = 0; i < count; i++) out[i] = (next() + next() + next() + next() - 2) * 1.7;
  return out;
}

async function inputsOf(session: InferenceSession, batch: number, sizes: Readonly<Record<string, number>>) {
  const feeds: Record<string, OrtTensor> = {};
  for (const port of session.inputMetadata) {
    if (!port.isTensor) throw new Error(`${port.name} is no tensor`);
    const dims = port.shape.map((d, i) => (typeof d === 'number' ? d : i === 0 ? batch : (sizes[d] ?? 1)));
    const count = dims.reduce((a, b) => a * b, 1);
    if (port.type === 'float32') feeds[port.name] = await onDevice(noise(count), dims);
    else if (port.type === 'int64') {
      const fill = (i: number): bigint =>
        port.name.includes('mask') ? 1n : port.name.includes('type') ? 0n : BigInt((i * 37) % 100);
      feeds[port.name] = new ort.Tensor(
        'int64',
        BigInt64Array.from({ length: count }, (_, i) => fill(i)),
        dims,
      );
    } else throw new Error(`no input of ${port.type}`);
  }
  return feeds;
}

function off(one: Float32Array, wanted: Float32Array | undefined): number | null {
  if (wanted?.length !== one.length) return null;
  let [difference, size] = [0, 1e-30];
  for (let i = 0; i < one.length; i++) {
    const [a, b] = [one[i] ?? 0, wanted[i] ?? 0];
    difference += (a - b) ** 2;
    size += b ** 2;
  }
  return Math.sqrt(difference / size);
}

interface Opened {
  readonly label: string;
  readonly like: string;
  readonly createMs: number;
  readonly session: InferenceSession;
}

async function timed({ session }: Opened, feeds: Record<string, OrtTensor>) {
  const began = performance.now();
  const outputs = await session.run(feeds);
  const ms = performance.now() - began;
  const [first] = session.outputNames;
  const data = first === undefined ? undefined : outputs[first]?.data;
  for (const name of session.outputNames) if (name !== first) outputs[name]?.dispose();
  return { ms, data: data instanceof Float32Array ? data : undefined };
}

async function measure(group: JobGroup, turn: number, slice: number): Promise<void> {
  const { network } = group;
  const opened: Opened[] = [];
  for (const { label, path, like } of group.files) {
    const began = performance.now();
    try {
      // The names of outputs are known when a session is there; every output but the first stays on the device.
      const probe = group.outputs[label] ?? [];
      const session = await ort.InferenceSession.create(path, {
        executionProviders: ['webgpu'],
        preferredOutputLocation: Object.fromEntries(probe.map((name, i) => [name, i === 0 ? 'cpu' : 'gpu-buffer'])),
        logSeverityLevel: 4,
      });
      opened.push({ label, like, createMs: performance.now() - began, session });
    } catch (error) {
      say({ network, label, error: message(error) });
    }
  }
  for (const batch of group.batches) {
    const ready: { one: Opened; feeds: Record<string, OrtTensor>; times: number[]; warm: number; off: number | null }[] = [];
    const first = new Map<string, Float32Array>();
    for (const one of opened) {
      try {
        const feeds = await inputsOf(one.session, batch, group.sizes);
        const { data } = await timed(one, feeds);
        const warm = Math.min(...[(await timed(one, feeds)).ms, (await timed(one, feeds)).ms]);
        const wanted = first.get(one.like);
        if (data && !wanted) first.set(one.like, data.slice());
        ready.push({ one, feeds, times: [], warm, off: data && wanted ? off(data, wanted) : data ? 0 : null });
      } catch (error) {
        say({ network, label: one.label, batch, error: message(error) });
      }
    }
    const once = ready.reduce((sum, { warm }) => sum + warm, 0);
    const rounds = Math.min(50, Math.max(5, Math.floor((slice * 1000) / (once + 1e-9))));
    for (let round = 0; round < rounds; round++) {
      for (let i = 0; i < ready.length; i++) {
        const at = ready[(i + round) % ready.length];
        if (at) at.times.push((await timed(at.one, at.feeds)).ms);
      }
    }
    for (const { one, times, feeds, off: far } of ready) {
      say({
        network,
        label: one.label,
        batch,
        session: turn,
        createMs: one.createMs,
        ms: times,
        medianMs: median(times),
        ...(turn === 0 && batch === group.batches[0] && { off: far }),
      });
      for (const tensor of Object.values(feeds)) if (tensor.location === 'gpu-buffer') tensor.dispose();
    }
  }
  for (const { session } of opened) await session.release();
}

/** The child of `npm run bench -- gpu`. */
export async function measureWebgpu(path: string): Promise<void> {
  const job = JSON.parse(readFileSync(path, 'utf8')) as GpuJob;
  const ends = performance.now() + job.seconds * 1000;
  for (let turn = 0; turn < job.sessions; turn++) {
    for (const group of job.groups) {
      if (performance.now() > ends) {
        say({ stopped: `session ${turn}, before ${group.network}` });
        // Ending by itself, a process with buffers on the device has been seen to abort.
        process.kill(process.pid, 'SIGKILL');
      }
      await measure(group, turn, job.slice);
    }
  }
  process.kill(process.pid, 'SIGKILL');
}
