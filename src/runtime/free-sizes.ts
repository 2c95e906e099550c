/**
 * Other sizes of inputs that a file leaves open and the optimised model does not. A reader that runs every time may have asked
 * for the one size, and then the file runs at no other; whether it does, the original is asked.
 */
import { cloneGraph } from '../ir/clone.ts';
import { Dim } from '../ir/dim.ts';
import { parseDim } from '../ir/dim-text.ts';
import type { Graph } from '../ir/graph.ts';

/** An input as a file declares it and as the optimised model takes it. */
export interface NarrowedShape {
  readonly name: string;
  /** Numbers, names, and undefined for a size without a name; undefined as a whole for an unknown rank. */
  readonly before: readonly (number | string | undefined)[] | undefined;
  readonly after: readonly (number | string | undefined)[];
}

/** A graph whose inputs have other sizes; its nodes keep the types that they had. */
export interface FreeTrial {
  /** What was open: `N`, `x:1`, or `x` for a rank. Trials of one are alternatives. */
  readonly what: string;
  readonly graph: Graph;
  /** What is other now. */
  readonly sizes: ReadonlyMap<string, number>;
}

const mostGroups = 8;

/** Another number of elements or axes: the next one first, because 1 is often allowed where others are not. */
function others(size: number): readonly number[] {
  return [...new Set([size + 1, 2, 3, 1, size - 1])].filter((n) => n !== size && n >= 1);
}

/** Each open size alone at other numbers, then all of them at their next. */
export function* freeTrials(graph: Graph, narrowed: readonly NarrowedShape[]): Generator<FreeTrial> {
  const sizes = new Map<string, number>();
  const ranks = new Map<string, number>();
  for (const { name, before, after } of narrowed) {
    if (!before) ranks.set(name, after.length);
    before?.forEach((d, axis) => {
      const size = after[axis];
      if (typeof d !== 'number' && typeof size === 'number') sizes.set(keyOf(name, axis, d), size);
    });
  }
  const trial = (what: string, changed: ReadonlyMap<string, number>, ranked: ReadonlyMap<string, number>): FreeTrial => ({
    what,
    graph: resized(graph, narrowed, changed, ranked),
    sizes: new Map([...changed, ...ranked]),
  });
  const none = new Map<string, number>();
  for (const [key, size] of [...sizes].slice(0, mostGroups))
    for (const other of others(size)) yield trial(key, new Map([[key, other]]), none);
  for (const [name, rank] of [...ranks].slice(0, mostGroups))
    for (const other of others(rank)) yield trial(name, none, new Map([[name, other]]));
  if (sizes.size > 1) yield trial([...sizes.keys()].join(', '), new Map([...sizes].map(([key, n]) => [key, n + 1])), none);
}

/** What gives the optimised model's sizes to whoever wants no other: `--input-shape N=1`. */
export function narrowedOptions(narrowed: readonly NarrowedShape[]): readonly string[] {
  const out = new Set<string>();
  for (const { name, before, after } of narrowed) {
    if (!before) out.add(`--input-shape ${name}=${after.map((d) => (typeof d === 'number' ? d : '?')).join(',')}`);
    before?.forEach((d, axis) => {
      const size = after[axis];
      if (typeof d !== 'number' && typeof size === 'number') out.add(`--input-shape ${keyOf(name, axis, d)}=${size}`);
    });
  }
  return [...out];
}

const keyOf = (input: string, axis: number, d: string | undefined): string => d ?? `${input}:${axis}`;

function resized(
  graph: Graph,
  narrowed: readonly NarrowedShape[],
  changed: ReadonlyMap<string, number>,
  ranked: ReadonlyMap<string, number>,
): Graph {
  const copy = cloneGraph(graph);
  for (const { name, before, after } of narrowed) {
    const value = copy.inputs.find((one) => one.name === name);
    if (!value) continue;
    const { elem, dims } = value.type;
    const rank = ranked.get(name);
    const given = dims.map((d, axis) => {
      const declared = before?.[axis];
      if (!before || typeof declared === 'number' || typeof after[axis] !== 'number') return d;
      const size = changed.get(keyOf(name, axis, declared)) ?? computed(declared, changed);
      return size === undefined ? d : Dim.of(size);
    });
    const padded = Array.from({ length: rank ?? given.length }, (_, axis) => given[axis] ?? Dim.of(2));
    value.type = { elem, dims: padded };
  }
  return copy;
}

/** `2*N` where N is another number. */
function computed(text: string | undefined, sizes: ReadonlyMap<string, number>): number | undefined {
  const size = text === undefined ? undefined : parseDim(text)?.evaluate(sizes);
  return size !== undefined && size >= 0 ? size : undefined;
}
