/** What one run of a program takes, under GNU time, and what a run of a model takes of one thread. */
import { spawnSync } from 'node:child_process';
import type { HostTensor } from '../src/ir/types.ts';
import { median } from '../src/runtime/bench.ts';
import type { Engine } from '../src/runtime/engine.ts';
import { randomTensor } from '../src/runtime/inputs.ts';
import { openHere } from '../src/runtime/provider.ts';
import { type Port, toOrt } from '../src/runtime/session.ts';

export interface Run {
  readonly ms: number;
  /** Of processor time, all threads. */
  readonly cpuMs: number;
  readonly peakMb: number;
}

/**
 * Runs a program once, under GNU time, which tells the processor time of all threads, in hundredths of a second, and the peak.
 * Throws with what the program said where it fails or takes more than ten minutes.
 */
export function once(program: string, args: readonly string[], cwd?: string): Run {
  const started = performance.now();
  const child = spawnSync('time', ['-q', '-f', '%U %S %M', program, ...args], { encoding: 'utf8', cwd, timeout: 600_000 });
  const ms = performance.now() - started;
  const said = child.stderr?.trim().split('\n') ?? [];
  const numbers = said.at(-1)?.split(' ').map(Number) ?? [];
  if (child.status !== 0 || numbers.length !== 3 || numbers.some(Number.isNaN))
    throw new Error(child.error?.message ?? said.slice(0, -1).join('\n'));
  const [user = 0, system = 0, kilobytes = 0] = numbers;
  return { ms, cpuMs: (user + system) * 1000, peakMb: (kilobytes * 1024) / 1e6 };
}

/**
 * A random tensor for every input; `sizeOf` says what a size is that the model leaves open. Integers are 0 or 1, which every
 * table takes.
 */
export function inputsFor(ports: readonly Port[], sizeOf: (size: string, axis: number) => number): Map<string, HostTensor> {
  return new Map(
    ports.map(({ name, elem, dims }) => {
      const sizes = dims.map((size, axis) => (typeof size === 'number' ? size : sizeOf(size, axis)));
      return [name, randomTensor(elem, sizes, name)];
    }),
  );
}

/**
 * Milliseconds of processor time of every run of every model, in turns, in onnxruntime with its own optimiser on and one thread:
 * other work on the machine changes processor time little. The models have the same inputs. Every model is opened `sessions`
 * times, each time in another order, and run `runs` times in each: where a session's memory lies is part of what its runs take.
 */
export async function processorTimes(
  models: readonly (Uint8Array | string)[],
  inputs: ReadonlyMap<string, HostTensor>,
  runs: number,
  sessions = 1,
): Promise<readonly (readonly number[])[]> {
  const feeds = Object.fromEntries([...inputs].map(([name, tensor]) => [name, toOrt(name, tensor)]));
  const times = models.map((): number[] => []);
  for (let session = 0; session < sessions; session++) {
    const order = models.map((_, i) => (i + session) % models.length);
    const engines: (readonly [number, Engine])[] = [];
    for (const i of order)
      engines.push([i, await openHere(models[i] ?? '', { ep: 'cpu', level: 'all', threads: 1, profile: undefined })]);
    for (let round = -2; round < runs; round++) {
      for (const [i, engine] of engines) {
        const before = process.cpuUsage();
        await engine.run(feeds);
        const { user, system } = process.cpuUsage(before);
        if (round >= 0) times[i]?.push((user + system) / 1000);
      }
    }
    for (const [, engine] of engines) await engine.close();
  }
  return times;
}

/** The median of what each round took, over what it took of another model. */
export const ratioOf = (times: readonly number[], others: readonly number[]): number =>
  median(times.map((ms, round) => ms / (others[round] ?? Number.NaN)));
