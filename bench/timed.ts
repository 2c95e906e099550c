/** What one run of Node takes, under GNU time. */
import { spawnSync } from 'node:child_process';

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
