/** What nodes and graphs cost: multiply-adds, elements written, nodes, bytes of weights. */
import { outside } from '../../diagnostics/at.ts';
import type { Content } from '../../ir/content.ts';
import { Dim, unlessOverflow } from '../../ir/dim.ts';
import type { Graph, Node, Value } from '../../ir/graph.ts';
import { IdSet } from '../../ir/id-set.ts';
import { elemBytes, elementCount } from '../../ir/types.ts';
import { graphsIn } from '../../ir/walk.ts';

/** What a graph costs: operators, bytes of its distinct weights, multiply-adds of one evaluation. */
export interface GraphMeasure {
  readonly nodes: number;
  readonly bytes: number;
  /** Undefined beyond 2^53. */
  readonly madds: Dim | undefined;
}

export function bytesOf(content: Content): number {
  return elementCount(content.dims) * elemBytes[content.elem];
}

/** Constants of equal content are stored once, so they count once. A loop's body counts as often as it is known to run. */
export function measureGraph(graph: Graph): GraphMeasure {
  const byCost = new Map<Dim | undefined, number>();
  const stored = new IdSet();
  let weightBytes = 0;
  let nodes = 0;
  for (const one of graphsIn(graph)) {
    nodes += one.nodeCount;
    for (const node of one.nodes()) {
      const cost = node.madds;
      byCost.set(cost, (byCost.get(cost) ?? 0) + 1);
    }
    for (const { content } of one.constants()) if (content && stored.add(content.id)) weightBytes += bytesOf(content);
  }
  const madds = unlessOverflow(() => {
    let sum: Dim | undefined = Dim.zero;
    for (const [cost, count] of byCost) sum = cost && sum?.plus(cost.times(count));
    return sum;
  });
  return { nodes, bytes: weightBytes, madds };
}

/** A dimension at one sample point: every symbol 48 times what was promised to divide it, within its bounds. */
function probe(dim: Dim | undefined): number {
  if (!dim) return Infinity;
  if (dim.constant !== undefined) return dim.constant;
  const bindings = new Map<string, number>();
  for (const [symbol, { multiple, least, most }] of dim.promises())
    bindings.set(symbol, Math.min(most, Math.max(least, 48 * multiple)));
  return unlessOverflow(() => dim.evaluate(bindings) ?? 0) ?? Infinity;
}

/** How many elements a value has at the sample point at which measures are compared. */
export function elementsOf(value: Value): number {
  return value.type.dims.reduce((n, d) => n * probe(d), 1);
}

/** The measure of some nodes, with every symbol at the number that `probe` gives it. */
function weigh(nodes: Iterable<Node>): readonly [madds: number, elements: number, nodes: number] {
  let madds = 0;
  let elements = 0;
  let count = 0;
  for (const node of nodes) {
    madds += probe(node.madds);
    for (const y of node.results) elements += elementsOf(y);
    count++;
  }
  return [madds, elements, count];
}

export function lowered(erased: readonly Node[], created: readonly Node[]): boolean {
  const before = weigh(erased);
  const after = weigh(created.filter((node) => node.attached));
  for (let i = 0; i < 3; i++) {
    const a = after[i] ?? outside();
    const b = before[i] ?? outside();
    if (a !== b) return a < b;
  }
  return false;
}
