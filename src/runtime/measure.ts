/**
 * What onnxruntime makes of a model on several inputs, in one session: what `verify` and `optimize --verify` have in common. Each
 * judges what was measured in its own way, since one has a source to hold it against and the other a file.
 */
import { DiagnosticError } from '../diagnostics/diagnostic.ts';
import { isFloat, type Tolerance } from '../ir/elem.ts';
import type { HostTensor } from '../ir/types.ts';
import { isCrash } from './blame.ts';
import type { Provider } from './engine.ts';
import type { OpenOptions, OpenSession } from './host.ts';
import type { Placement, Session } from './ports.ts';
import type { VerifyCase, VerifyRun } from './verify-report.ts';

/** Which of both graphs runs where, with onnxruntime's own optimiser or without. */
export interface Setup {
  readonly provider: Provider;
  readonly graph: 'before' | 'after';
  readonly optimizer: 'off' | 'all';
}

/** Inputs under the name that reports have for them. */
export interface Feed {
  readonly name: VerifyCase['name'];
  readonly inputs: ReadonlyMap<string, HostTensor>;
}

/** What one run gave. */
export interface FeedResult {
  readonly outputs: ReadonlyMap<string, HostTensor>;
  readonly ms: number;
}

export interface Measured {
  readonly setup: Setup;
  readonly placement: Placement | undefined;
  /** By feed; undefined where the run failed, and shorter than the feeds where nothing ran any more. */
  readonly results: readonly (FeedResult | undefined)[];
  /** What onnxruntime said instead: of the first run that failed, or of the session. */
  readonly error: DiagnosticError | undefined;
}

/**
 * Runs a model on each feed. What goes wrong and is `tolerated` is part of the result: after a failed run the next ones are
 * tried, and none after the process of onnxruntime ended. Throws every other error.
 */
export async function measure(
  open: OpenSession,
  setup: Setup,
  model: Uint8Array | string,
  feeds: readonly Feed[],
  options: Omit<OpenOptions, 'ep' | 'optimization' | 'profile'> & { readonly tolerated: (error: DiagnosticError) => boolean },
): Promise<Measured> {
  const { tolerated, ...rest } = options;
  const results: (FeedResult | undefined)[] = [];
  let placement: Placement | undefined;
  let error: DiagnosticError | undefined;
  try {
    const session = await open(model, { ...rest, ep: setup.provider, optimization: setup.optimizer, profile: true });
    try {
      for (const { inputs } of feeds) {
        try {
          const outputs = await session.run(askedFor(session, inputs));
          results.push({ outputs, ms: session.runMs });
        } catch (thrown) {
          if (!(thrown instanceof DiagnosticError) || !tolerated(thrown)) throw thrown;
          error ??= thrown;
          results.push(undefined);
          // A session of a process that ended runs nothing any more.
          if (isCrash(thrown)) break;
        }
      }
    } finally {
      placement = await closed(session);
    }
  } catch (thrown) {
    if (!(thrown instanceof DiagnosticError) || !tolerated(thrown)) throw thrown;
    error ??= thrown;
  }
  return { setup, placement, results, error };
}

/** Closes a session and says where its nodes ran; nothing where its process ended. */
export async function closed(session: Session): Promise<Placement | undefined> {
  try {
    return await session.close();
  } catch (error) {
    if (error instanceof DiagnosticError && isCrash(error)) return undefined;
    throw error;
  }
}

/** The inputs that a session has: those with a default are none of its own. */
export function askedFor(session: Session, inputs: Feed['inputs']): Feed['inputs'] {
  const out = new Map<string, HostTensor>();
  for (const { name } of session.inputs) {
    const tensor = inputs.get(name);
    if (tensor) out.set(name, tensor);
  }
  return out;
}

/** The part of a report's run that is measured, without a verdict. */
export function runOf(
  { setup, placement }: Pick<Measured, 'setup' | 'placement'>,
  level: string,
): Pick<VerifyRun, 'provider' | 'adapter' | 'graph' | 'level' | 'optimizer' | 'nodes' | 'left'> {
  const { provider, graph, optimizer } = setup;
  const { adapter, nodes, left = [] } = placement ?? {};
  return { provider, adapter, graph, level, optimizer, nodes, left };
}

/** What a float output of a CPU may be off where the baseline is off by `noise`: min(limit, max(8 · noise, floor)). */
export function allowedOnCpu({ elem }: HostTensor, noise: number, { limit, floor }: Tolerance): number {
  return isFloat(elem) ? Math.min(limit, Math.max(Number.isFinite(noise) ? 8 * noise : 0, floor)) : 0;
}

/** Providers in the order of the options' names, and the baseline before what is measured against it. */
export function rank(setup: Setup): number {
  const provider = setup.provider === 'cpu' ? 0 : setup.provider === 'webgpu' ? 100 : 200;
  return provider + (setup.graph === 'before' ? 0 : 10) + (setup.optimizer === 'off' ? 0 : 1);
}

/** What has to run besides, so that what failed on a GPU can be told from what the passes did. */
export function companions(runs: readonly VerifyRun[], same = false): readonly Setup[] {
  const out: Setup[] = [];
  for (const provider of new Set(runs.filter((run) => !run.ok && run.provider !== 'cpu').map((run) => run.provider))) {
    out.push({ provider, graph: 'after', optimizer: 'off' });
    if (!same) out.push({ provider, graph: 'before', optimizer: 'all' });
  }
  const known = runs.some((run) => run.provider === 'cpu' && run.graph === 'after' && run.optimizer === 'off');
  if (out.length > 0 && !known && !same) out.push({ provider: 'cpu', graph: 'after', optimizer: 'off' });
  return out;
}
