/** What a graph costs, as one call: lowered as the file would have it, and counted. */

import { lowerGraph } from './codegen/emit.ts';
import { checkArgument, checkOptions } from './diagnostics/arguments.ts';
import type { Graph } from './ir/graph.ts';
import { graphKind, summaryKinds } from './option-kinds.ts';
import { type Summary, type SummaryOptions, summarizeAs } from './view/summary.ts';

/**
 * Parameters, multiply-adds, activations and peak memory of a graph, scope by scope: `summarize(graph, { sizes: { N: 1 } })`
 * gives them as numbers, `summary.madds.constant`. Activations and peak memory are those of the file that the graph would be
 * written as, at opset 17 unless another one is asked for.
 *
 * @throws DiagnosticError RES0841 for sizes that are none of the graph's, and RES06xx for what the opset cannot say.
 */
export function summarize(graph: Graph, options: SummaryOptions & { readonly opset?: number | undefined } = {}): Summary {
  checkArgument('summarize', 'graph', graph, graphKind);
  checkOptions('summarize', options, summaryKinds);
  return summarizeAs(graph, lowerGraph(graph, options), options);
}
