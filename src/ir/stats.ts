/** What a graph is made of, in numbers. */
import { Dim, unlessOverflow } from './dim.ts';
import type { Graph } from './graph.ts';
import { IdSet } from './id-set.ts';
import { elemBytes, elementCount } from './types.ts';
import { graphsIn } from './walk.ts';

/** What a graph costs: operators, elements and bytes of its weights, multiply-adds of one evaluation. */
export interface GraphStats {
  readonly nodes: number;
  /** Elements of the trainable parameters; a tied one counts once. */
  readonly parameters: number;
  readonly buffers: number;
  /** Of distinct contents: equal ones are stored once. */
  readonly bytes: number;
  /** Multiply-adds of one evaluation, undefined beyond 2^53; the body of a loop counts as often as it is known to run. */
  readonly madds: Dim | undefined;
  /** Sorted by name. */
  readonly byOperator: ReadonlyMap<string, number>;
}

/** Sub-graphs included. */
export function statsOf(graph: Graph): GraphStats {
  const counts = new Map<string, number>();
  const costs = new Map<Dim, number>();
  let tooMany = false;
  const graphs = graphsIn(graph);
  let nodes = 0;
  for (const one of graphs) {
    nodes += one.nodeCount;
    for (const node of one.nodes()) {
      counts.set(node.op.name, (counts.get(node.op.name) ?? 0) + 1);
      const cost = node.madds;
      tooMany ||= cost === undefined;
      if (cost) costs.set(cost, (costs.get(cost) ?? 0) + 1);
    }
  }
  const madds = tooMany
    ? undefined
    : unlessOverflow(() => [...costs].reduce((sum, [cost, times]) => sum.plus(cost.times(times)), Dim.zero));
  let parameters = 0;
  let buffers = 0;
  let bytes = 0;
  const stored = new IdSet();
  // One that several graphs read counts once.
  const constants = graphs.length === 1 ? graph.constants() : new Set(graphs.flatMap((one) => one.constants()));
  for (const { content, role } of constants) {
    if (!content) continue;
    const elements = elementCount(content.dims);
    if (role === 'parameter') parameters += elements;
    if (role === 'buffer') buffers += elements;
    if (stored.add(content.id)) bytes += elements * elemBytes[content.elem];
  }
  const byOperator = new Map([...counts].sort(([a], [b]) => (a < b ? -1 : 1)));
  return { nodes, parameters, buffers, bytes, madds, byOperator };
}
