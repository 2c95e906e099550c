/**
 * What the readers of a value say of its type. Where the producer of x is unknown, or an input has open sizes, `Conv(x, W)` still says the rank of x
 * and its channels: a file in which they differ does not run. What readers said is kept from one attempt of the import to the next, because
 * it may be said after other readers had to do without.
 *
 * Only a reader that runs whenever the value is made may say anything of it. A body of an If, Loop or Scan may not run at all, so that what stands
 * in it speaks for values of that body alone, and a node whose results reach no output need not run anywhere.
 */
import type { ElemType } from '../ir/types.ts';
import type { FileGraph } from '../onnx/model.ts';
import { namesRead } from '../onnx/order.ts';

/** Attempts after which the rest stays open; each one learns from all before. */
export const mostAttempts = 8;

export interface KnownRank {
  readonly rank: number;
  /** Absent where the element type was known. */
  readonly elem: ElemType | undefined;
}

/** Where a size or a rank stands, by a key that is the same in every attempt. */
export interface Place {
  readonly key: string;
  /** The graph or body whose every run makes the value. */
  readonly body: object;
}

/** A reader of a value: where it runs, and how messages name it. */
export interface Reader {
  readonly body: object;
  /** Something that is made with it reaches an output of its graph. */
  readonly live: boolean;
  readonly name: string;
}

interface Pinned<T> {
  readonly of: T;
  readonly by: string;
}

/** The names that a graph's outputs are made of, through its nodes and what their bodies read of it. */
export function liveNames(graph: FileGraph): ReadonlySet<string> {
  const live = new Set(graph.outputs.map((one) => one.name));
  const makers = new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const open = [...live];
  const seen = new Set<FileGraph['nodes'][number]>();
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const node = name === '' ? undefined : makers.get(name);
    if (!node || seen.has(node)) continue;
    seen.add(node);
    for (const read of namesRead(node)) {
      if (live.has(read)) continue;
      live.add(read);
      open.push(read);
    }
  }
  return live;
}

export class Pins {
  readonly #sizes = new Map<string, Pinned<number>>();
  readonly #ranks = new Map<string, Pinned<KnownRank>>();
  /** Something was learnt in this attempt. */
  learnt = false;

  /** The first reader is believed. */
  pinSize({ key, body }: Place, size: number, reader: Reader): void {
    if (reader.body !== body || !reader.live || this.#sizes.has(key)) return;
    this.#sizes.set(key, { of: size, by: reader.name });
    this.learnt = true;
  }

  pinRank({ key, body }: Place, known: KnownRank, reader: Reader): void {
    if (reader.body !== body || !reader.live || this.#ranks.has(key)) return;
    this.#ranks.set(key, { of: known, by: reader.name });
    this.learnt = true;
  }

  sizeAt(key: string): number | undefined {
    return this.#sizes.get(key)?.of;
  }

  rankOf(key: string): KnownRank | undefined {
    return this.#ranks.get(key)?.of;
  }

  /** The readers that a size or a rank was said by. */
  saidBy(key: string): string | undefined {
    return (this.#sizes.get(key) ?? this.#ranks.get(key))?.by;
  }
}
