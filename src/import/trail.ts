/**
 * What an import changed, in order, so that it can go back to before a node (solvers of constraints call it a trail). Collections
 * that grow are changed through it; what is keyed by a value or a node of the graph need not be, because those are made anew.
 */
import { Graph, type Node } from '../ir/graph.ts';

/** Thrown where the import has to go on from an earlier place, because a later node says more of a value that is made there. */
export class GoBack extends Error {
  readonly to: number;
  constructor(to: number) {
    super('more is known of an earlier value');
    this.name = 'GoBack';
    this.to = to;
  }
}

export class Trail {
  /** Threes: a collection, a key, and what it held; or a node. */
  readonly #entries: unknown[] = [];

  /** A place to go back to. */
  get mark(): number {
    return this.#entries.length;
  }

  put<K, V>(map: Map<K, V>, key: K, value: V): void {
    this.#entries.push(map, key, map.get(key));
    map.set(key, value);
  }

  add<T>(set: Set<T>, value: T): void {
    if (set.has(value)) return;
    this.#entries.push(set, value, undefined);
    set.add(value);
  }

  push<T>(list: T[], value: T): void {
    list.push(value);
    this.grew(list);
  }

  /** A list has one element more. */
  grew(list: readonly unknown[]): void {
    this.#entries.push(list, undefined, undefined);
  }

  /** A node was made, after all others of its graph. */
  made(node: Node): void {
    this.#entries.push(node, undefined, undefined);
  }

  /** A sub-graph got an output. */
  output(graph: Graph): void {
    this.#entries.push(graph, undefined, undefined);
  }

  undoTo(mark: number): void {
    const gone = new Set<Graph>();
    while (this.#entries.length > mark) {
      const [from, key, before] = this.#entries.splice(-3);
      if (from instanceof Map) {
        if (before === undefined) from.delete(key);
        else from.set(key, before);
      } else if (from instanceof Graph) {
        if (!gone.has(from)) from.dropOutput();
      } else if (from instanceof Set) from.delete(key);
      else if (Array.isArray(from)) from.pop();
      else this.#erase(from as Node, gone);
    }
  }

  /** With a node its sub-graphs are gone, whose nodes were made before it. */
  #erase(node: Node, gone: Set<Graph>): void {
    if (gone.has(node.graph)) for (const region of node.regions) gone.add(region);
    else if (node.attached) {
      node.graph.erase(node);
      for (const region of node.regions) gone.add(region);
    }
  }
}
