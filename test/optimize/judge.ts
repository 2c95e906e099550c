/** What the fuzzers share: seeded numbers, and onnxruntime as a judge in a process of its own (`judge.mjs`). */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** Uniform numbers of [0, 1) by mulberry32, the same everywhere. */
export function numbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
export type Random = () => number;
export const below = (random: Random, n: number): number => Math.floor(random() * n);

export interface Answer {
  readonly outputs?: readonly (readonly [string, string, readonly number[], readonly string[]])[];
  readonly refused?: string;
  readonly crashed?: boolean;
}

/** Asks onnxruntime in a process of its own, and starts another one where that dies or does not answer. */
export class Judge {
  #child: ChildProcess | undefined;
  #lines: Interface | undefined;

  async ask(file: Uint8Array): Promise<Answer> {
    this.#child ??= spawn(process.execPath, [fileURLToPath(new URL('./judge.mjs', import.meta.url))], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    const child = this.#child;
    if (!this.#lines) child.stdin?.on('error', () => undefined);
    const { stdin, stdout } = child;
    if (!stdin || !stdout) throw new Error('no pipes');
    this.#lines ??= createInterface({ input: stdout });
    const lines = this.#lines;
    return await new Promise<Answer>((done) => {
      const end = (answer: Answer, over: boolean): void => {
        clearTimeout(timer);
        lines.removeListener('line', online);
        child.removeListener('exit', onexit);
        if (over) this.close();
        done(answer);
      };
      const online = (line: string): void => end(JSON.parse(line) as Answer, false);
      const onexit = (): void => end({ crashed: true }, true);
      const timer = setTimeout(() => end({ crashed: true }, true), 30_000);
      lines.once('line', online);
      child.once('exit', onexit);
      stdin.write(`${JSON.stringify({ file: Buffer.from(file).toString('base64') })}\n`);
    });
  }

  close(): void {
    this.#child?.kill('SIGKILL');
    this.#child = undefined;
    this.#lines = undefined;
  }
}

/** Equal but for the rounding of float32 sums in another order. */
export function apart(a: Answer['outputs'], b: Answer['outputs']): string | undefined {
  if (!a || !b || a.length !== b.length) return 'other outputs';
  for (const [i, [name, type, dims, data]] of a.entries()) {
    const other = b[i];
    if (!other || other[0] !== name || other[1] !== type || other[2].join() !== dims.join())
      return `output ${name} of another type`;
    const largest = Math.max(1e-3, ...data.map((x) => Math.abs(Number(x))).filter((x) => Number.isFinite(x)));
    for (const [k, text] of data.entries()) {
      const [x, y] = [Number(text), Number(other[3][k])];
      // The passes are exact where every value is finite.
      if (text === other[3][k] || !Number.isFinite(x)) continue;
      if (!(Math.abs(x - y) <= 1e-4 * largest)) return `output ${name}[${k}] is ${y}, not ${x}`;
    }
  }
  return undefined;
}
