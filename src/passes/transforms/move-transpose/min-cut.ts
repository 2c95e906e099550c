/**
 * The cheapest cut between a source and a sink: Dinic 1970, blocking flows along shortest ways. No recursion; the networks of
 * passes have some thousands of edges.
 */

import { outside } from '../../../diagnostics/at.ts';
export class Network {
  /** Edge 2i and its way back 2i + 1. */
  readonly #to: number[] = [];
  readonly #left: number[] = [];
  readonly #edges: number[][] = [];

  /** A new vertex. */
  vertex(): number {
    return this.#edges.push([]) - 1;
  }

  /** An edge that costs `capacity` where it is cut. */
  edge(from: number, to: number, capacity: number): void {
    this.#edges[from]?.push(this.#to.length);
    this.#to.push(to);
    this.#left.push(capacity);
    this.#edges[to]?.push(this.#to.length);
    this.#to.push(from);
    this.#left.push(0);
  }

  /** What the cheapest cut costs, and which vertices stay on the source's side. */
  cut(source: number, sink: number): { readonly cost: number; readonly kept: (vertex: number) => boolean } {
    let cost = 0;
    for (let level = this.#levels(source); (level[sink] ?? -1) >= 0; level = this.#levels(source)) {
      const next = level.map(() => 0);
      for (let more = this.#augment(source, sink, level, next); more > 0; more = this.#augment(source, sink, level, next))
        cost += more;
    }
    const level = this.#levels(source);
    return { cost, kept: (vertex) => (level[vertex] ?? -1) >= 0 };
  }

  /** Distance of every vertex from the source over edges with room, −1 where there is no way. */
  #levels(source: number): number[] {
    const level = this.#edges.map(() => -1);
    level[source] = 0;
    const queue = [source];
    for (let head = 0; head < queue.length; head++) {
      const at = queue[head] ?? outside();
      for (const edge of this.#edges[at] ?? []) {
        const to = this.#to[edge] ?? outside();
        if ((this.#left[edge] ?? outside()) <= 0 || (level[to] ?? outside()) >= 0) continue;
        level[to] = (level[at] ?? outside()) + 1;
        queue.push(to);
      }
    }
    return level;
  }

  /** Sends what one way lets through; `next` remembers the edges that lead nowhere. */
  #augment(source: number, sink: number, level: readonly number[], next: number[]): number {
    const way: number[] = [];
    let at = source;
    while (at !== sink) {
      const edges = this.#edges[at] ?? [];
      const i = next[at] ?? outside();
      const edge = edges[i];
      if (edge === undefined) {
        const back = way.pop();
        if (back === undefined) return 0;
        at = this.#to[back ^ 1] ?? outside();
        next[at] = (next[at] ?? outside()) + 1;
        continue;
      }
      const to = this.#to[edge] ?? outside();
      if ((this.#left[edge] ?? outside()) > 0 && level[to] === (level[at] ?? outside()) + 1) {
        way.push(edge);
        at = to;
      } else next[at] = i + 1;
    }
    const most = way.reduce((n, edge) => Math.min(n, this.#left[edge] ?? outside()), Number.POSITIVE_INFINITY);
    for (const edge of way) {
      this.#left[edge] = (this.#left[edge] ?? outside()) - most;
      this.#left[edge ^ 1] = (this.#left[edge ^ 1] ?? outside()) + most;
    }
    return most;
  }
}
