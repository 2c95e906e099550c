/**
 * The reference's inner product over all cores. Threads share one memory and wait in it: the caller packs a block, wakes them,
 * multiplies its own columns, and waits for the others. So the evaluation stays the plain function that it is, and gives the same
 * bits.
 */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Multiplier } from '../ir/multiplier.ts';
import { multiplierInUse, useMultiplier } from '../ops/gemm.ts';
import { type BlockArguments, compileKernel, localMultiplier, productAt, rightAt } from '../ops/multiplier.ts';

export interface Threads extends Multiplier {
  readonly count: number;
  /** Ends the threads; the multiplier must not be used any more. */
  close(): Promise<void>;
}

/**
 * Cells of the control array: the number of the turn, how many still work, and from `argumentsAt` on seven arguments for each
 * thread.
 */
const turn = 0;
const working = 1;
const argumentsAt = 2;
const argumentCount = 7;

/** Terms of 4 × 4 tiles, some 16 multiply-adds each: below, waking a thread and waiting for it takes longer than it saves. */
const worthWaking = 2 ** 15;

/** What a thread does. A text, because the sources run in a bundle, too, where a file of its own would have to be found. */
const threadText = `
const { workerData } = require('node:worker_threads');
const { module, memory, control, index } = workerData;
const cells = new Int32Array(control);
const { multiply } = new WebAssembly.Instance(module, { memory: { blocks: memory } }).exports;
for (let seen = 0; ; ) {
  Atomics.wait(cells, ${turn}, seen);
  const now = Atomics.load(cells, ${turn});
  if (now === seen) continue;
  seen = now;
  const at = ${argumentsAt} + index * ${argumentCount};
  const given = cells.subarray(at, at + ${argumentCount});
  if (given[4] > 0) multiply(...given);
  if (Atomics.sub(cells, ${working}, 1) === 1) Atomics.notify(cells, ${working});
}
`;

/**
 * A multiplier over so many threads, the caller's among them; by default one for each core. Give it back with \`close\`. */
export function startThreads(count = availableParallelism()): Threads {
  const compiled = count > 1 ? compileKernel(true) : undefined;
  if (!compiled) return { ...localMultiplier(), count: 1, close: async () => undefined };
  const { module, memory, kernel, blocks } = compiled;
  const others = count - 1;
  const control = new SharedArrayBuffer(4 * (argumentsAt + others * argumentCount));
  const cells = new Int32Array(control);
  let workers: readonly Worker[] = [];
  const start = (): void => {
    workers = Array.from({ length: others }, (_, index) => {
      const worker = new Worker(threadText, { eval: true, workerData: { module, memory, control, index } });
      worker.unref();
      return worker;
    });
  };
  return {
    ...blocks,
    count,
    multiply(rowPanels, columnPanels, terms) {
      if (rowPanels * columnPanels * terms < worthWaking) {
        kernel(0, rightAt, productAt, rowPanels, columnPanels, terms, 32 * columnPanels);
        return;
      }
      if (workers.length === 0) start();
      const share = Math.ceil(columnPanels / count);
      const part = (index: number): BlockArguments => {
        const first = Math.min(columnPanels, index * share);
        const panels = Math.min(columnPanels, first + share) - first;
        return [0, rightAt + first * terms * 32, productAt + first * 32, rowPanels, panels, terms, 32 * columnPanels];
      };
      for (let i = 0; i < others; i++) cells.set(part(i + 1), argumentsAt + i * argumentCount);
      Atomics.store(cells, working, others);
      Atomics.add(cells, turn, 1);
      Atomics.notify(cells, turn);
      kernel(...part(0));
      for (let left = Atomics.load(cells, working); left > 0; left = Atomics.load(cells, working))
        Atomics.wait(cells, working, left);
    },
    async close() {
      await Promise.all(workers.map((worker) => worker.terminate()));
    },
  };
}

/** Runs with the reference's products over all cores. */
export async function withThreads<T>(run: () => Promise<T>): Promise<T> {
  const threads = startThreads();
  useMultiplier(threads);
  try {
    return await run();
  } finally {
    // Another run may have brought its own meanwhile.
    if (multiplierInUse() === threads) useMultiplier(undefined);
    await threads.close();
  }
}
