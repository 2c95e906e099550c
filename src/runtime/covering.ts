/**
 * Sizes and inputs at which a proof touches what it is about. A window over a grid smaller than itself has taps that meet nothing
 * but padding, whatever they weigh; a threshold that no number comes near is none. What cannot be reached is named degenerate.
 */
import { at } from '../diagnostics/at.ts';
import { unlessOverflow } from '../ir/dim.ts';
import type { Graph, Node, Value } from '../ir/graph.ts';
import { statsOf } from '../ir/stats.ts';
import { type HostTensor, isFloat } from '../ir/types.ts';
import type { evaluateNode } from '../ops/reference.ts';
import { type Bindings, smallestBindings } from './inputs.ts';

/** Multiply-adds of one run; larger sizes than that are not looked for. The reference takes some seconds for as many. */
const mostMadds = 2 ** 31;
/** Elements of all inputs and outputs together, likewise. */
const mostElements = 2 ** 24;
/** Multiply-adds of one run that is not too much to be done several times more, with other inputs. */
const mostRepeated = 2 ** 29;

/** Multiply-adds of one run that the reference takes about a minute for, on two cores. */
const mostAtAll = 2 ** 38;

/** How many multiply-adds a run takes; infinite where that is not known. */
function maddsOf(graph: Graph, bindings: Bindings): number {
  const { madds } = statsOf(graph);
  return (madds && unlessOverflow(() => madds.evaluate(bindings))) ?? Infinity;
}

/** Whether a second run may be made at these sizes. */
export function isAffordable(graph: Graph, bindings: Bindings): boolean {
  return maddsOf(graph, bindings) <= mostAtAll;
}

/** Whether runs at these sizes may be repeated with other inputs. */
export function isRepeatable(graph: Graph, bindings: Bindings): boolean {
  return maddsOf(graph, bindings) <= mostRepeated;
}

/** One axis of a window: of the types of its operand and result, and how it moves. */
interface Axis {
  readonly node: Node;
  readonly axis: number;
  readonly taps: number;
  readonly stride: number;
  readonly dilation: number;
  readonly begin: number;
}

function windowAxes(graph: Graph): readonly Axis[] {
  const out: Axis[] = [];
  for (const node of graph.nodes()) {
    const weight = node.operand(1)?.type.dims.map((d) => d.constant ?? 1) ?? [];
    const window = node.op.window?.(node.attrs, weight);
    window?.kernel.forEach((taps, i) => {
      if (taps === 1) return;
      const { stride, dilation, pads } = window;
      out.push({ node, axis: i + 2, taps, stride: at(stride, i), dilation: at(dilation, i), begin: at(pads, i) });
    });
  }
  return out;
}

/** How many taps meet no element at any position; undefined where the sizes are not known from the inputs. */
function unseen({ node, axis, taps, stride, dilation, begin }: Axis, bindings: Bindings): number | undefined {
  const size = node.operand(0)?.type.dims[axis]?.evaluate(bindings);
  const places = node.y.type.dims[axis]?.evaluate(bindings);
  if (size === undefined || places === undefined) return undefined;
  let out = 0;
  for (let tap = 0; tap < taps; tap++) {
    // The first window whose tap lies behind the padding, and whether that is in front of the padding at the end.
    const first = Math.max(0, Math.ceil((begin - tap * dilation) / stride));
    if (first >= places || first * stride + tap * dilation - begin >= size) out++;
  }
  return out;
}

export interface CoveringSizes {
  /**
   * For every symbol the smallest size at which every tap of every window meets an element, and 3 at least where it is none of a
   * batch.
   */
  readonly smallest: Bindings;
  /** For every symbol its promised multiple times the next odd number. */
  readonly nextOdd: Bindings;
}

/**
 * Sizes for a proof, promises kept. Where such sizes would take too much time, those that reach the most taps. Throws
 * `DiagnosticError` (RES0812).
 */
export function coveringSizes(graph: Graph, fixed: Bindings = new Map()): CoveringSizes {
  const least = smallestBindings(graph, fixed);
  const axes = windowAxes(graph);
  const batch = batchSymbols(graph);
  const affordable = (bindings: Bindings): boolean => {
    if (maddsOf(graph, bindings) > mostMadds) return false;
    let elements = 0;
    for (const value of [...graph.inputs, ...graph.outputs.map((output) => output.value)]) {
      elements += value.type.foreign ? 0 : value.type.dims.reduce((n, dim) => n * (dim.evaluate(bindings) ?? 1), 1);
    }
    return elements <= mostElements;
  };
  const missed = (bindings: Bindings): number => axes.reduce((n, axis) => n + (unseen(axis, bindings) ?? 0), 0);
  const long = (bindings: Bindings): boolean =>
    [...bindings].every(([name, size]) => batch.has(name) || fixed.has(name) || size >= 3);
  // Sizes grow until nothing is missed or they cost too much; then as little as possible is asked for.
  let best: { readonly missed: number; readonly long: boolean } = { missed: missed(least.smallest), long: long(least.smallest) };
  for (let size = 2, bindings = least.smallest; (best.missed > 0 || !best.long) && size <= 2 ** 12; size *= 2) {
    const factor = size;
    bindings = new Map([...least.smallest].map(([name, n]) => [name, batch.has(name) || fixed.has(name) ? n : n * factor]));
    if (!affordable(bindings)) break;
    const now = { missed: missed(bindings), long: long(bindings) };
    if (now.missed < best.missed || (now.missed === best.missed && now.long && !best.long)) best = now;
  }
  const wanted = best;
  return smallestBindings(graph, fixed, (bindings) => missed(bindings) <= wanted.missed && (!wanted.long || long(bindings)));
}

/** Symbols of first axes alone, behind which there are others: of these a proof takes 1, and the next odd number. */
function batchSymbols(graph: Graph): ReadonlySet<string> {
  const first = new Set<string>();
  const other = new Set<string>();
  for (const { type } of graph.inputs) {
    if (type.foreign) continue;
    type.dims.forEach((dim, axis) => {
      for (const name of dim.symbols()) (axis === 0 && type.dims.length > 1 ? first : other).add(name);
    });
  }
  return new Set([...first].filter((name) => !other.has(name)));
}

/** What no set of inputs exercised: `conv3: 6 of 9 taps meet padding alone`. */
export class Coverage {
  readonly #graph: Graph;
  readonly #missed = new Map<Axis, number>();
  /** By node: which input channels of its weight met something else than 0, in any run. */
  readonly #channels = new Map<Node, Uint8Array>();
  /** By output: whether any element of any run was not 0. */
  readonly #outputs = new Set<string>();
  readonly #thresholds = new Map<Node, { below: boolean; above: boolean; readonly at: number; largest: number }>();

  constructor(graph: Graph) {
    this.#graph = graph;
  }

  /** Sizes that something runs at. */
  sizes(bindings: Bindings): void {
    for (const axis of windowAxes(this.#graph)) {
      const known = [...this.#missed.keys()].find((one) => one.node === axis.node && one.axis === axis.axis) ?? axis;
      const now = unseen(axis, bindings);
      if (now !== undefined) this.#missed.set(known, Math.min(this.#missed.get(known) ?? Infinity, now));
    }
  }

  /** Looks at a node of the reference evaluation. */
  node(node: Node, operands: readonly (HostTensor | undefined)[], results: ReturnType<typeof evaluateNode>): void {
    const axis = node.op.traits.contracts;
    const [x] = operands;
    if (typeof axis === 'number' && node.operand(1)?.isConstant && x && !node.operand(0)?.isConstant) this.#lives(node, x, axis);
    const threshold = thresholdOf(node, operands);
    if (threshold) this.#compared(node, threshold);
    for (const y of node.results) {
      const tensor = results[node.results.indexOf(y)];
      if (y.outputs === 0 || !tensor || !tensor.data.some((v) => v !== 0)) continue;
      for (const { name, value } of this.#graph.outputs) if (value === y) this.#outputs.add(name);
    }
  }

  #lives(node: Node, x: HostTensor, axis: number): void {
    const at = axis < 0 ? axis + x.dims.length : axis;
    const channels = x.dims[at] ?? 1;
    const inner = x.dims.slice(at + 1).reduce((n, d) => n * d, 1);
    const lives = this.#channels.get(node) ?? new Uint8Array(channels);
    this.#channels.set(node, lives);
    for (let i = 0; i < x.data.length; i++) if (x.data[i] !== 0) lives[Math.floor(i / inner) % channels] = 1;
  }

  #compared(node: Node, { x, at }: { readonly x: HostTensor; readonly at: number }): void {
    const seen = this.#thresholds.get(node) ?? { below: false, above: false, at, largest: 0 };
    this.#thresholds.set(node, seen);
    for (const v of x.data) {
      if (v < at) seen.below = true;
      if (v > at) seen.above = true;
      if (Number.isFinite(v)) seen.largest = Math.max(seen.largest, Math.abs(v));
    }
  }

  /** Factors of the inputs that would carry numbers to thresholds that all of them were on one side of; the nearest two. */
  factors(): readonly number[] {
    const out: number[] = [];
    for (const { below, above, at, largest } of this.#thresholds.values()) {
      if ((below && above) || at === 0 || largest === 0) continue;
      const factor = 2 ** Math.ceil(Math.log2((1.5 * Math.abs(at)) / largest));
      if (factor > 1 && factor <= 2 ** 40 && !out.includes(factor)) out.push(factor);
    }
    return out.sort((a, b) => a - b).slice(0, 2);
  }

  /** A line for each part of the model that nothing exercised. */
  degenerate(): readonly string[] {
    const lines: string[] = [];
    for (const [{ node, taps, axis }, missed] of this.#missed) {
      if (missed > 0) lines.push(`${placeText(node)}: ${missed} of ${taps} taps along axis ${axis} meet padding alone`);
    }
    for (const [node, lives] of this.#channels) {
      const dead = lives.reduce((n, live) => n + (live ? 0 : 1), 0);
      if (dead > 0) lines.push(`${placeText(node)}: ${dead} of ${lives.length} input channels are 0 on every input`);
    }
    for (const [node, { below, above, at }] of this.#thresholds) {
      if (below && above) continue;
      lines.push(`${placeText(node)}: no number comes ${below ? 'above' : 'below'} ${at}`);
    }
    for (const { name, value } of this.#graph.outputs) {
      if (value.producer && !this.#outputs.has(name)) lines.push(`output ${name}: every element is 0 on every input`);
    }
    return lines;
  }
}

function placeText(node: Node): string {
  return node.origin.scope === '' ? node.op.name : node.origin.scope;
}

/** A number that decides what becomes of the elements of a tensor: of a clip, a minimum or maximum, a comparison. */
function thresholdOf(
  node: Node,
  operands: readonly (HostTensor | undefined)[],
): { readonly x: HostTensor; readonly at: number } | undefined {
  const { thresholds } = node.op.traits;
  if (thresholds === 'no' || thresholds === 'unknown') return undefined;
  const constant = (value: Value | undefined): boolean => value?.isConstant === true;
  const x = operands.find((_, i) => node.operand(i) && !constant(node.operand(i)));
  const limits = operands.filter((tensor, i) => tensor && constant(node.operand(i)) && tensor.data.length === 1);
  const said = thresholds === 'operands' ? limits.flatMap((tensor) => tensor?.data[0] ?? []) : thresholds(node.attrs);
  const numbers = said.filter((v) => Number.isFinite(v) && Math.abs(v) < 3e38);
  const at = numbers.reduce<number | undefined>(
    (most, v) => (most === undefined || Math.abs(v) > Math.abs(most) ? v : most),
    undefined,
  );
  return x && at !== undefined && isFloat(x.elem) ? { x, at } : undefined;
}
