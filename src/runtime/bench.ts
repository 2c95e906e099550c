/**
 * How long models take: creating a session, and one run, as medians over interleaved measurements, so that a slow minute of the
 * machine falls on all of them alike.
 */
import { outside } from '../diagnostics/at.ts';
import type { HostTensor } from '../ir/types.ts';
import { type Kernel, openSession, type Provider, type Session } from './session.ts';

export interface BenchModel {
  readonly name: string;
  readonly bytes: Uint8Array | string;
  /** onnxruntime's own optimiser. */
  readonly optimization: 'off' | 'all';
  /** Its own inputs, where its names are others than those of the models beside it. */
  readonly inputs?: ReadonlyMap<string, HostTensor> | undefined;
}

export interface BenchOptions {
  readonly ep?: Provider | undefined;
  /** Measured runs of every model. Default 21. */
  readonly runs?: number | undefined;
  /** Runs before measuring. Default 3. */
  readonly warmup?: number | undefined;
  /** Sessions created of every model, one after the other; the last one is run. Default 3. */
  readonly creations?: number | undefined;
  readonly threads?: number | undefined;
  /** Called before each round: of sessions that are created, and of runs. */
  readonly progress?: ((what: string, done: number, total: number) => void) | undefined;
  /** As `OpenOptions` says. */
  readonly tf32?: boolean | undefined;
  readonly environment?: Readonly<Record<string, string>> | undefined;
}

/** A median with the interval that holds it in 95 of 100 measurements like this one. */
export interface Estimate {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** Milliseconds. */
export interface Latency {
  readonly name: string;
  readonly createMs: number;
  readonly medianMs: number;
  readonly median: Estimate;
  /** Of the time to that of the first model, round by round; left out for the first. */
  readonly ratio?: Estimate;
  readonly fastestMs: number;
  /** As `spread` says. */
  readonly spreadMs: number;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Half the distance between the quartiles: how far to trust the median. */
export function spread(values: readonly number[]): number {
  return (quantile(values, 0.75) - quantile(values, 0.25)) / 2;
}

function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  if (sorted.length === 0) return Number.NaN;
  const at = q * (sorted.length - 1);
  const below = sorted[Math.floor(at)] ?? outside();
  const above = sorted[Math.ceil(at)] ?? below;
  return below + (above - below) * (at - Math.floor(at));
}

/**
 * The median, and the interval between two of the sorted values that has it with a probability of 95 %, whatever they are
 * distributed like: how many of n independent values lie below the median is binomial with p = 1/2 (H. A. David and H. N.
 * Nagaraja, Order Statistics, 2003, section 7.1). Fewer than 6 values have none at that probability, and give the least and the
 * largest.
 */
export function estimate(values: readonly number[]): Estimate {
  const sorted = [...values].sort((a, b) => a - b);
  const n = sorted.length;
  if (n === 0) return { value: Number.NaN, low: Number.NaN, high: Number.NaN };
  // Probabilities of k values below, as multiples of each other, so that no power of 2 underflows for thousands of values.
  let below = 0;
  let logged = -n * Math.LN2;
  let k = 0;
  for (;;) {
    below += Math.exp(logged);
    if (below > 0.025 || k + 1 > (n - 1) / 2) break;
    k++;
    logged += Math.log((n - k + 1) / k);
  }
  return { value: median(sorted), low: sorted[Math.max(0, k - 1)] ?? outside(), high: sorted[n - Math.max(1, k)] ?? outside() };
}

export interface LayerTime {
  readonly name: string;
  readonly op: string;
  /** One run's share of all that ran. */
  readonly ms: number;
  readonly median: Estimate;
}

/** Milliseconds that kernels take. */
export async function layerTimes(
  model: BenchModel,
  options: Pick<BenchOptions, 'ep' | 'threads' | 'environment' | 'progress'> & { readonly runs?: number },
): Promise<readonly LayerTime[]> {
  const { ep = 'cpu', threads, environment, runs = 10, progress } = options;
  const session = await openSession(model.bytes, { ep, optimization: model.optimization, threads, environment, profile: true });
  let kernels: readonly Kernel[] = [];
  try {
    for (let i = 0; i < runs; i++) {
      progress?.('measuring layers', i, runs);
      await session.run(model.inputs ?? new Map());
    }
  } finally {
    kernels = (await session.close())?.kernels ?? [];
  }
  return kernels.map(({ name, op, ms, each }) => ({ name, op, ms: ms / runs, median: estimate(perRun(each, runs)) }));
}

/**
 * The time of each run of the session; a kernel in a loop runs several times in one, equally often in all of them or the mean
 * stands for each.
 */
function perRun(each: readonly number[], runs: number): readonly number[] {
  const inOne = each.length / runs;
  const sum = (part: readonly number[]): number => part.reduce((a, b) => a + b, 0);
  if (!Number.isInteger(inOne)) return [sum(each) / runs];
  return Array.from({ length: runs }, (_, i) => sum(each.slice(i * inOne, (i + 1) * inOne)));
}

/**
 * Creation and latency of several models on the same inputs, in the models' order. Every round runs each model once, each time
 * beginning with another one. Throws `DiagnosticError` when a provider is missing or a model is refused.
 */
export async function compareLatency(
  models: readonly BenchModel[],
  inputs: ReadonlyMap<string, HostTensor>,
  options: BenchOptions = {},
): Promise<readonly Latency[]> {
  const { runs = 21, warmup = 3, creations = 3 } = options;
  const created = models.map((): number[] => []);
  const times = models.map((): number[] => []);
  const sessions: (Session | undefined)[] = models.map(() => undefined);
  const inTurn = async (round: number, visit: (model: BenchModel, index: number) => Promise<void>): Promise<void> => {
    for (let i = 0; i < models.length; i++) {
      const index = (i + round) % models.length;
      const model = models[index];
      if (model) await visit(model, index);
    }
  };
  try {
    const rounds = warmup + Math.max(1, runs);
    const made = Math.max(1, creations);
    for (let round = 0; round < made; round++) {
      options.progress?.('creating sessions', round, made + rounds);
      await inTurn(round, async (model, index) => {
        await sessions[index]?.close();
        sessions[index] = undefined;
        const session = await openSession(model.bytes, {
          ep: options.ep ?? 'cpu',
          optimization: model.optimization,
          threads: options.threads,
          tf32: options.tf32,
          environment: options.environment,
        });
        sessions[index] = session;
        created[index]?.push(session.createMs);
      });
    }
    for (let round = 0; round < rounds; round++) {
      options.progress?.('measuring', made + round, made + rounds);
      await inTurn(round, async (_, index) => {
        const session = sessions[index];
        if (!session) return;
        await session.run(models[index]?.inputs ?? inputs);
        if (round >= warmup) times[index]?.push(session.runMs);
      });
    }
  } finally {
    for (const session of sessions) await session?.close();
  }
  return models.map((model, index) => {
    const measured = times[index] ?? [];
    return {
      name: model.name,
      createMs: median(created[index] ?? []),
      medianMs: median(measured),
      median: estimate(measured),
      ...(index > 0 && { ratio: estimate(measured.map((ms, i) => ms / (times[0]?.[i] ?? Number.NaN))) }),
      fastestMs: Math.min(...measured),
      spreadMs: spread(measured),
    };
  });
}
