/**
 * Operators that mean nothing where a size is 0 (`Operator.needs`: the grid of a conv, the axis of a maximum). A rewrite that
 * makes one of others, which take nothing and give nothing, is right only where that size is at least 1: because its symbols
 * are, or because some other node of the model needs it as well, so that the model as it was does not run there.
 */
import { Dim } from '../../ir/dim.ts';
import type { Graph, Node } from '../../ir/graph.ts';
import { noPromise, type SizePromise } from '../../ir/promise.ts';

export class NeededSizes {
  readonly #graph: Graph;
  readonly #mayBeNone: boolean;
  readonly #known = new Map<Dim, boolean>();

  /** With `mayBeNone` a symbol of which nothing is promised may be 0 as well. */
  constructor(graph: Graph, mayBeNone = false) {
    this.#graph = graph;
    this.#mayBeNone = mayBeNone;
  }

  /** Whether every size that a rewrite's new nodes need is there whenever the graph without them runs. */
  met(created: readonly Node[]): boolean {
    for (const node of created) for (const dim of node.op.needs?.(node) ?? []) if (!this.#isThere(dim, created)) return false;
    return true;
  }

  #isThere(dim: Dim, created: readonly Node[]): boolean {
    if (dim.constant !== undefined) return dim.constant >= 1;
    if (dim.lowerBound >= 1 && !this.#mayBeNone) return true;
    const known = this.#known.get(dim);
    if (known !== undefined) return known;
    const there = this.#atLeastNothing(dim).lowerBound >= 1 || this.#isNeeded(dim, created);
    if (created.every(({ graph }) => graph === this.#graph)) this.#known.set(dim, there);
    return there;
  }

  /** The symbols of a dimension that may be 0. */
  #mayBe0(dim: Dim): readonly (readonly [name: string, promise: SizePromise])[] {
    return [...dim.promises()].filter(([, promise]) => promise.least === 0 || (this.#mayBeNone && promise === noPromise));
  }

  /** The dimension over symbols that may be 0 where they may. */
  #atLeastNothing(dim: Dim): Dim {
    return dim.substituteAll(
      new Map(this.#mayBe0(dim).map(([name, promise]) => [name, Dim.promised(name, { ...promise, least: 0 })])),
    );
  }

  /**
   * Needed by another node as it is, or with the symbols at least 1 that others need so: nodes of the model, which run whenever
   * it does, and those of the sub-graph that the new ones stand in.
   */
  #isNeeded(dim: Dim, created: readonly Node[]): boolean {
    const wanted = this.#mayBe0(dim);
    const shown = new Map<string, Dim>();
    const made = new Set(created);
    const seen = new Set<Dim>();
    for (const graph of new Set([this.#graph, ...created.map((node) => node.graph)]))
      for (const node of graph.nodes()) {
        if (made.has(node)) continue;
        for (const needed of node.op.needs?.(node) ?? []) {
          if (needed === dim) return true;
          if (seen.has(needed)) continue;
          seen.add(needed);
          for (const [name, promise] of wanted)
            if (!shown.has(name) && needed.symbols().includes(name) && needed.substitute(name, Dim.zero).upperBound <= 0)
              shown.set(name, Dim.promised(name, { ...promise, least: promise.multiple }));
        }
      }
    return this.#atLeastNothing(dim).substituteAll(shown).lowerBound >= 1;
  }
}
