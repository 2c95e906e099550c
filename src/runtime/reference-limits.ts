/** Where the float64 reference of a graph cannot be had, or would not end soon. */
import { unlessOverflow } from '../ir/dim.ts';
import type { Graph } from '../ir/graph.ts';
import { statsOf } from '../ir/stats.ts';
import { elementCount } from '../ir/types.ts';
import { graphsIn } from '../ir/walk.ts';
import type { Bindings } from './inputs.ts';

/** Beyond these the reference would take more than minutes or gigabytes: its weights are held in float64. */
const mostReferenceElements = 2 ** 28;
const mostReferenceMadds = 2 ** 38;
/** Why the graph has no float64 reference, if it has none. */
export function noReference(graph: Graph): string | undefined {
  let elements = 0;
  const seen = new Set<number>();
  for (const one of graphsIn(graph)) {
    for (const node of one.nodes()) {
      if (node.op.foreign) return `${node.op.foreign.opType} has none`;
      if (node.op.traits.random) return `${node.op.name} is random`;
    }
    for (const { content } of one.constants()) {
      if (!content || seen.has(content.id)) continue;
      seen.add(content.id);
      elements += elementCount(content.dims);
    }
  }
  for (const content of graph.defaults.values()) if (!content.resident) return 'the default of an input is too large';
  return elements > mostReferenceElements ? `${elements} weights are too many` : undefined;
}

/** How many multiply-adds the reference would take, where it would not end soon. */
export function tooMuchWork(graph: Graph, bindings: Bindings): string | undefined {
  const total = statsOf(graph).madds;
  const madds = total ? unlessOverflow(() => total.evaluate(bindings)) : Infinity;
  if (madds !== undefined && madds <= mostReferenceMadds) return undefined;
  return madds === Infinity ? 'more than 2^53' : String(madds ?? 'an unknown number of');
}
