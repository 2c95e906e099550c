/**
 * What the run of a graph writes and holds: elements of all values that nodes make, and the most bytes that are alive at once
 * when its nodes run in their order. A liveness analysis (Aho, Lam, Sethi, Ullman, Compilers, §9.2.5) over straight-line code.
 *
 * A value is alive from the node that makes it, an input from the start, until the last node that reads it, the node of a
 * sub-graph that does included; an output until the end. While a node runs, all that it reads and makes is alive: nothing is
 * computed in place, and a view such as a reshape is a copy. Runtimes save some of that, and add what their kernels need in
 * between. Weights are not counted, since they are there all the time. Of branches the largest counts, of a loop one turn.
 * Values that are no tensors of a known rank have no size here, and count as none.
 */
import { Dim, productOf, unlessOverflow } from './dim.ts';
import { typeAtRunBounds } from './run-bounds.ts';
import { type Schedule, type ScheduledNode, type ScheduledValue, schedulesIn } from './schedule.ts';
import { Tally } from './tally.ts';
import { elemBytes, type TensorType } from './types.ts';

/** What a run writes, and holds at once. */
export interface Memory {
  /** Elements of all values that nodes make. Undefined beyond 2^53. */
  readonly activations: Dim | undefined;
  /** The most bytes of them that are alive at once; undefined where that hangs on what symbols are. */
  readonly peak: Dim | undefined;
  /** Both are bounds: sizes that only the run knows count as the most that they may be. Left out where there are none. */
  readonly atMost?: true;
}

export function memoryOf(schedule: Schedule): Memory {
  const bounds: { atMost?: true } = {};
  const largest = retyped(schedule, (type) => {
    const most = typeAtRunBounds(type);
    if (most !== type) bounds.atMost = true;
    return most;
  });
  const counted = bounds.atMost ? largest : schedule;
  return { activations: elementsWritten(counted), peak: peakBytes(counted), ...bounds };
}

/** Elements of a type; undefined beyond 2^53. */
export function elementsIn(type: TensorType): Dim | undefined {
  return type.foreign ? Dim.zero : unlessOverflow(() => productOf(type.dims));
}

/** Elements of all values that the nodes of a schedule make, those of sub-graphs included. Undefined beyond 2^53. */
function elementsWritten(schedule: Schedule): Dim | undefined {
  const tally = new Tally();
  for (const { nodes } of schedulesIn(schedule))
    for (const { makes } of nodes) for (const { type } of makes) tally.add(elementsIn(type));
  return tally.total;
}

/** `slope` · unit + `rest` bytes. */
interface Bytes {
  readonly slope: number;
  readonly rest: number;
}

/**
 * The most bytes that are alive at once, where that can be said for every value of the symbols: where all sizes are numbers, or
 * numbers beside multiples of one product of symbols (the batch, most often), and the same moment is the worst for all of its
 * values. Undefined elsewhere, and beyond 2^53.
 */
function peakBytes(schedule: Schedule): Dim | undefined {
  let unit: Dim | undefined;
  const known = new Map<Dim, Bytes | undefined>();
  const measured = (elements: Dim): Bytes | undefined => {
    const { constant } = elements;
    if (constant !== undefined) return { slope: 0, rest: constant };
    unit ??= primitive(elements);
    const slope = elements.divideExactly(unit)?.constant;
    return slope === undefined ? undefined : { slope, rest: 0 };
  };
  let open = false;
  const bytesOf = ({ type }: ScheduledValue): Bytes => {
    const elements = elementsIn(type);
    if (elements && !known.has(elements)) known.set(elements, measured(elements));
    const bytes = elements && known.get(elements);
    if (!bytes) open = true;
    const each = elemBytes[type.elem];
    return { slope: (bytes?.slope ?? 0) * each, rest: (bytes?.rest ?? 0) * each };
  };
  const large = largest(schedule, bytesOf, (a, b) => a.slope - b.slope || a.rest - b.rest);
  if (open) return undefined;
  if (!unit) return unlessOverflow(() => Dim.of(large.rest));
  // A sum of lines, of which the steepest is the largest everywhere where it is at 1: no symbol is less.
  const first = largest(schedule, bytesOf, (a, b) => a.slope + a.rest - (b.slope + b.rest));
  if (first.slope + first.rest !== large.slope + large.rest) return undefined;
  const by = unit;
  return unlessOverflow(() => by.times(large.slope).plus(large.rest));
}

/** `24·N·H` → `N·H`; what is a sum stays. */
function primitive(dim: Dim): Dim {
  const structure = dim.structure();
  const first = structure.kind === 'mul' ? structure.factors[0] : undefined;
  return (first?.kind === 'const' ? dim.divideExactly(first.value) : undefined) ?? dim;
}

const none: Bytes = { slope: 0, rest: 0 };
const plus = (a: Bytes, b: Bytes): Bytes => ({ slope: a.slope + b.slope, rest: a.rest + b.rest });
const minus = (a: Bytes, b: Bytes): Bytes => ({ slope: a.slope - b.slope, rest: a.rest - b.rest });

function largest(schedule: Schedule, bytesOf: (value: ScheduledValue) => Bytes, compare: (a: Bytes, b: Bytes) => number): Bytes {
  const max = (a: Bytes, b: Bytes): Bytes => (compare(b, a) > 0 ? b : a);
  /** Sub-graphs nest no deeper than an import allows. */
  const peakOf = ({ inputs, outputs, nodes }: Schedule): Bytes => {
    const last = new Map<string, number>();
    for (const [i, node] of nodes.entries()) for (const key of readBy(node)) last.set(key, i);
    for (const key of outputs) last.set(key, nodes.length);
    const dying = new Map<number, Bytes>();
    let alive = none;
    const begin = (value: ScheduledValue, until: number): void => {
      const bytes = bytesOf(value);
      alive = plus(alive, bytes);
      dying.set(until, plus(dying.get(until) ?? none, bytes));
    };
    for (const input of inputs) {
      const until = last.get(input.key);
      if (until !== undefined) begin(input, until);
    }
    let peak = alive;
    for (const [i, node] of nodes.entries()) {
      for (const made of node.makes) begin(made, last.get(made.key) ?? i);
      const inside = node.inner.map(peakOf).reduce(max, none);
      peak = max(peak, plus(alive, inside));
      alive = minus(alive, dying.get(i) ?? none);
    }
    return peak;
  };
  return peakOf(schedule);
}

/** What a node reads, or the sub-graphs in it. */
function* readBy(node: ScheduledNode): Generator<string> {
  yield* node.reads;
  for (const inner of node.inner) {
    for (const { nodes, outputs } of schedulesIn(inner)) {
      for (const one of nodes) yield* one.reads;
      yield* outputs;
    }
  }
}

/** The same graph with other types: numbers in the place of symbols, say. */
export function retyped(schedule: Schedule, typeOf: (type: TensorType) => TensorType): Schedule {
  const value = ({ key, type }: ScheduledValue): ScheduledValue => ({ key, type: typeOf(type) });
  const of = ({ inputs, outputs, nodes }: Schedule): Schedule => ({
    inputs: inputs.map(value),
    outputs,
    nodes: nodes.map((node) => ({ ...node, makes: node.makes.map(value), inner: node.inner.map(of) })),
  });
  return of(schedule);
}
