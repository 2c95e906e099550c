/** The passes over a graph, with the options of the API. */
import { unknownPass } from './diagnostics/catalogue/passes.ts';
import { BugError, DiagnosticError } from './diagnostics/diagnostic.ts';
import type { OnProgress } from './diagnostics/progress.ts';
import { nearest } from './diagnostics/suggest.ts';
import type { Graph } from './ir/graph.ts';
import { defaultOpset } from './ir/opset.ts';
import type { verifyGraph } from './ir/verifier.ts';
import { type Firing, type PassReport, type PipelineOptions, runPasses, type Target } from './passes/pipeline.ts';
import { passNames } from './passes/schedule.ts';
import { forgetUnused } from './tensor/values.ts';

/** 0 no passes, 1 the default, 2 with forms that pay off on some runtimes only. */
export type OptimizationLevel = 0 | 1 | 2;

/** Which passes run, and what for. */
export interface OptimizeOptions {
  /** Default 1. */
  readonly level?: OptimizationLevel | undefined;
  /** Runs these passes in this order instead of a level's. */
  readonly passes?: readonly string[] | undefined;
  readonly target?: Target | undefined;
  /** The opset of the file, 13 to 26; default 17. */
  readonly opset?: number | undefined;
  /** Checks the graph after every pass; a bug shows at once. */
  readonly verifyIr?: boolean | undefined;
  /** Sees the graph after every pass. */
  readonly onPass?: ((name: string, graph: Graph) => void) | undefined;
  /** At most so many rewrites, the first ones. */
  readonly fuel?: number | undefined;
  /** Sees every rewrite. */
  readonly onFiring?: ((firing: Firing) => void) | undefined;
  /** Sees how far it is: `passes: fold-batchnorm`, 12 of 30 `stages`. */
  readonly onProgress?: OnProgress | undefined;
}

/** As `optimize`; looks at the graph after every pass with `verify`, where it is there. */
export function optimizeWith(
  graph: Graph,
  options: OptimizeOptions,
  verify: typeof verifyGraph | undefined,
  { mayBeNone }: Pick<PipelineOptions, 'mayBeNone'> = {},
): PassReport {
  for (const name of options.passes ?? []) {
    if (passNames.includes(name)) continue;
    const near = nearest(name, passNames);
    throw new DiagnosticError([unknownPass(name, passNames, near)]);
  }
  const report = runPasses(graph, {
    level: options.level ?? 1,
    target: options.target ?? 'portable',
    opset: options.opset ?? defaultOpset,
    mayBeNone,
    ...(options.passes && { passes: options.passes }),
    ...(options.onPass && { onPass: options.onPass }),
    ...(options.fuel !== undefined && { fuel: options.fuel }),
    ...(options.onFiring && { onFiring: options.onFiring }),
    ...(options.onProgress && { onProgress: options.onProgress }),
    ...(verify && {
      check: (g: Graph) => {
        const [wrong] = verify(g);
        if (wrong !== undefined) throw new BugError(`bug in rescc: the graph is broken: ${wrong}`);
      },
    }),
  });
  forgetUnused(graph);
  return report;
}

/** The same; what only some options need is loaded where they are given. */
export const optimizeLate = async (
  graph: Graph,
  options: OptimizeOptions,
  more?: Pick<PipelineOptions, 'mayBeNone'>,
): Promise<PassReport> =>
  optimizeWith(graph, options, options.verifyIr ? (await import('./ir/verifier.ts')).verifyGraph : undefined, more);
