/** Walks over a graph with its sub-graphs, without recursion. */
import type { Graph, Node } from './graph.ts';

export type WalkStep =
  | { readonly kind: 'graph'; readonly graph: Graph; readonly depth: number }
  | { readonly kind: 'node'; readonly node: Node; readonly depth: number }
  | { readonly kind: 'end'; readonly graph: Graph; readonly depth: number };

/** In the order of the text form: a graph, its nodes, behind each node its sub-graphs, the graph's end. */
export function* walkGraph(graph: Graph): Generator<WalkStep> {
  interface Frame {
    readonly graph: Graph;
    node: Node | undefined;
    /** Sub-graphs of the node before `node` that are still to come. */
    readonly regions: Graph[];
  }
  const stack: Frame[] = [{ graph, node: graph.first, regions: [] }];
  yield { kind: 'graph', graph, depth: 0 };
  for (let frame = stack[stack.length - 1]; frame; frame = stack[stack.length - 1]) {
    const region = frame.regions.shift();
    if (region) {
      yield { kind: 'graph', graph: region, depth: stack.length };
      stack.push({ graph: region, node: region.first, regions: [] });
      continue;
    }
    const { node } = frame;
    if (node) {
      yield { kind: 'node', node, depth: stack.length - 1 };
      frame.node = node.next;
      frame.regions.push(...node.regions);
      continue;
    }
    stack.pop();
    yield { kind: 'end', graph: frame.graph, depth: stack.length };
  }
}

/** A graph and the sub-graphs of its nodes, outer before inner. Costs nothing where no node owns a sub-graph. */
export function graphsIn(graph: Graph): readonly Graph[] {
  if (graph.ownerCount === 0) return [graph];
  const out: Graph[] = [];
  for (const step of walkGraph(graph)) if (step.kind === 'graph') out.push(step.graph);
  return out;
}
