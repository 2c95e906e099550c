/** What one run of Node takes, under GNU time, and what a run of a model takes of one thread. */
import { spawnSync } from 'node:child_process';
import * as ort from 'onnxruntime-node';

export interface Run {
  readonly ms: number;
  /** Of processor time, all threads. */
  readonly cpuMs: number;
  readonly peakMb: number;
}

/** Runs Node with these arguments once, under GNU time, which tells the processor time of all threads and the peak. */
export function once(args: readonly string[]): Run {
  const started = performance.now();
  const child = spawnSync('time', ['-f', '%U %S %M', process.execPath, ...args], { encoding: 'utf8' });
  const ms = performance.now() - started;
  const numbers = child.stderr?.trim().split('\n').at(-1)?.split(' ').map(Number) ?? [];
  if (child.status !== 0 || numbers.length !== 3 || numbers.some(Number.isNaN))
    throw new Error(`node ${args.join(' ')} under GNU time: ${child.error?.message ?? child.stderr}`);
  const [user = 0, system = 0, kilobytes = 0] = numbers;
  return { ms, cpuMs: (user + system) * 1000, peakMb: (kilobytes * 1024) / 1e6 };
}

/** Normal numbers for floats; ones for integers and booleans, which every table and mask takes. Sizes without a number are 1. */
function inputOf({ type, shape }: ort.InferenceSession.TensorValueMetadata, sizes: ReadonlyMap<string, number>): ort.Tensor {
  const dims = shape.map((size) => (typeof size === 'number' ? size : (sizes.get(size) ?? 1)));
  const count = dims.reduce((a, b) => a * b, 1);
  if (type === 'int64') return new ort.Tensor(type, new BigInt64Array(count).fill(1n), dims);
  if (type === 'bool') return new ort.Tensor(type, new Uint8Array(count).fill(1), dims);
  if (type !== 'float32') throw new Error(`an input of ${type}`);
  let state = 1;
  const next = (): number => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
  const normal = (): number => Math.sqrt(-2 * Math.log(next())) * Math.cos(2 * Math.PI * next());
  return new ort.Tensor(type, Float32Array.from({ length: count }, normal), dims);
}

/**
 * Milliseconds of processor time of every run of every model, in turns, in onnxruntime with its own optimiser on and one thread:
 * other work on the machine changes processor time little. The models have the same inputs.
 */
export async function processorTimes(
  models: readonly (Uint8Array | string)[],
  { runs, sizes = new Map() }: { readonly runs: number; readonly sizes?: ReadonlyMap<string, number> },
): Promise<readonly (readonly number[])[]> {
  const sessions: ort.InferenceSession[] = [];
  for (const model of models) {
    const options = { intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 3 } as const;
    sessions.push(
      typeof model === 'string'
        ? await ort.InferenceSession.create(model, options)
        : await ort.InferenceSession.create(model, options),
    );
  }
  const inputs = sessions[0]?.inputMetadata ?? [];
  const feeds = Object.fromEntries(inputs.flatMap((one) => (one.isTensor ? [[one.name, inputOf(one, sizes)] as const] : [])));
  const times = models.map((): number[] => []);
  for (let round = -2; round < runs; round++) {
    for (const [i, session] of sessions.entries()) {
      const before = process.cpuUsage();
      await session.run(feeds);
      const { user, system } = process.cpuUsage(before);
      if (round >= 0) times[i]?.push((user + system) / 1000);
    }
  }
  for (const session of sessions) await session.release();
  return times;
}
