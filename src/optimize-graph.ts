import { checkArgument, checkOptions } from './diagnostics/arguments.ts';
import { type OptimizeOptions, optimizeWith } from './graph-passes.ts';
import type { Graph } from './ir/graph.ts';
import { verifyGraph } from './ir/verifier.ts';
import { graphKind, optimizeKinds } from './option-kinds.ts';
import type { PassReport } from './passes/pipeline.ts';

/** Runs the passes on a graph, in place. */
export function optimize(graph: Graph, options: OptimizeOptions = {}): PassReport {
  checkArgument('optimize', 'graph', graph, graphKind);
  checkOptions('optimize', options, optimizeKinds);
  return optimizeWith(graph, options, options.verifyIr ? verifyGraph : undefined);
}
