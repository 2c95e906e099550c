/**
 * What differs between two graphs, names aside: their interfaces, nodes, attributes, connections, shapes and weights. Nodes are
 * paired by their order, with the longest common subsequence of what they are (Hirschberg's problem, by the usual table): first
 * of those that are alike in all but names, then, between these, of those of one operator.
 */
import { outside } from './diagnostics/at.ts';
import type { OnProgress } from './diagnostics/progress.ts';
import { Dim } from './ir/dim.ts';
import type { ForeignNode } from './ir/foreign.ts';
import type { Graph, Node, Value } from './ir/graph.ts';
import type { SizePromise } from './ir/promise.ts';
import { roundTo } from './ir/round.ts';
import { type TensorType, typeText } from './ir/types.ts';
import { isWideElem, sameInteger } from './ir/wide.ts';
import type { WeightExpr } from './tensor/expr.ts';
import { exprOf, materialize } from './tensor/values.ts';

/** A result of a node of one graph and the one of the other in its place. */
export interface Layer {
  readonly place: string;
  readonly a: string;
  readonly b: string;
}

/** A kind of difference, with a line for each. */
export interface Differences {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** `- conv at layer1.0.conv1`, `+ relu at …`. */
  readonly nodes: readonly string[];
  readonly attributes: readonly string[];
  /** Operands that come from elsewhere. */
  readonly connections: readonly string[];
  readonly shapes: readonly string[];
  readonly weights: readonly string[];
  /** Names that are others where all else is equal; no difference. */
  readonly names: number;
  /** Results that stand in each other's place, in order: where they are made, and their names in both. */
  readonly layers: readonly Layer[];
  /** Pairs of nodes and of weights that were compared. */
  readonly pairs: { readonly nodes: number; readonly weights: number };
  /** Every line with its kind and the nodes of both graphs that it is about, and the nodes that stand in each other's place. */
  readonly marks: readonly DifferenceMark[];
  readonly matched: readonly (readonly [Node, Node])[];
}

type DifferenceKind = 'inputs' | 'outputs' | 'nodes' | 'attributes' | 'connections' | 'shapes' | 'weights';

export interface DifferenceMark {
  readonly kind: DifferenceKind;
  readonly text: string;
  readonly nodes: readonly [Node | undefined, Node | undefined];
}

/** Symbols are told apart by their order in the inputs: two numbers for each, which no formula has by chance. */
class Probe {
  readonly #bindings: readonly ReadonlyMap<string, number>[];

  constructor(graph: Graph) {
    const promises = new Map<string, SizePromise>();
    const see = (type: TensorType): void => {
      for (const dim of type.dims) for (const [name, promise] of dim.promises()) promises.set(name, promise);
    };
    for (const input of graph.inputs) see(input.type);
    for (const node of graph.nodes()) for (const y of node.results) see(y.type);
    const primes = [1009, 1013];
    this.#bindings = primes.map(
      (prime) =>
        new Map(
          [...promises].map(([name, { multiple, least, most }], i) => [
            name,
            Math.min(most, least + multiple * 6 * (prime + 6 * i)),
          ]),
        ),
    );
  }

  dim(dim: Dim): string {
    return String(dim.constant ?? this.#bindings.map((bindings) => dim.evaluate(bindings) ?? dim.toString()).join('|'));
  }

  type({ elem, dims, foreign }: TensorType): string {
    return foreign ? foreign.text : `${elem}[${dims.map((dim) => this.dim(dim)).join()}]`;
  }

  attribute(value: unknown): string {
    if (value instanceof Dim) return this.dim(value);
    return Array.isArray(value) ? `[${value.map((one) => this.attribute(one)).join()}]` : String(value);
  }

  node(node: Node): string {
    const weights = node.operands.map((operand) => (operand?.content ? this.type(operand.type) : operand ? 'x' : '-'));
    const attrs = Object.entries(node.attrs).map(([name, value]) => `${name}=${this.attribute(value)}`);
    return `${node.op.name} ${weights.join(' ')} ${attrs.join(' ')}`;
  }
}

const placeText = (node: Node): string => `${node.op.name} at ${node.origin.name ?? (node.origin.scope || 'the top')}`;

/** Compares `b` with `a`; elements of weights are read where both have them. */
export async function diffGraphs(a: Graph, b: Graph, onProgress?: OnProgress): Promise<Differences> {
  const work = new Comparison(new Probe(a), new Probe(b));
  work.graphs(a, b);
  await work.finish(onProgress);
  return work;
}

class Comparison implements Differences {
  readonly inputs: string[] = [];
  readonly outputs: string[] = [];
  readonly nodes: string[] = [];
  readonly attributes: string[] = [];
  readonly connections: string[] = [];
  readonly shapes: string[] = [];
  readonly weights: string[] = [];
  names = 0;
  readonly layers: Layer[] = [];
  readonly pairs = { nodes: 0, weights: 0 };
  readonly marks: DifferenceMark[] = [];
  readonly matched: (readonly [Node, Node])[] = [];
  readonly #a: Probe;
  readonly #b: Probe;
  /** Values of `a` with those of `b` that stand in their place. */
  readonly #values = new Map<Value, Value>();
  /** With the nodes that read them first. */
  readonly #constants = new Map<Value, readonly [Value, DifferenceMark['nodes']]>();
  readonly #foreign: (readonly [ForeignNode, ForeignNode, string, DifferenceMark['nodes']])[] = [];
  #depth = 0;

  constructor(a: Probe, b: Probe) {
    this.#a = a;
    this.#b = b;
  }

  #say(kind: DifferenceKind, text: string, ...[a, b]: Partial<DifferenceMark['nodes']>): void {
    this[kind].push(text);
    this.marks.push({ kind, text, nodes: [a, b] });
  }

  graphs(a: Graph, b: Graph): void {
    this.#depth++;
    this.#ports(a.inputs, b.inputs, 'inputs');
    const [from, to] = [[...a.nodes()], [...b.nodes()]];
    const pairs = this.#paired(from, to);
    const [left, right] = [new Set(from), new Set(to)];
    for (const [x, y] of pairs) {
      this.matched.push([x, y]);
      left.delete(x);
      right.delete(y);
      x.results.forEach((value, i) => {
        const other = y.results[i];
        if (other) this.#values.set(value, other);
      });
    }
    for (const node of left) this.#say('nodes', `- ${placeText(node)}`, node);
    for (const node of right) this.#say('nodes', `+ ${placeText(node)}`, undefined, node);
    for (const [x, y] of pairs) this.#nodes(x, y);
    const outputs = (graph: Graph): readonly Value[] => graph.outputs.map(({ value }) => value);
    this.#ports(outputs(a), outputs(b), 'outputs');
    a.outputs.forEach(({ name, value }, i) => {
      const other = b.outputs[i];
      if (!other) return;
      if (name !== other.name) this.names++;
      if (!this.#stands(value, other.value))
        this.#say('connections', `output ${name} is another value`, value.producer, other.value.producer);
    });
    this.#depth--;
  }

  #ports(a: readonly Value[], b: readonly Value[], kind: 'inputs' | 'outputs'): void {
    for (let i = 0; i < Math.max(a.length, b.length); i++) {
      const [x, y] = [a[i], b[i]];
      if (x && y) {
        if (kind === 'inputs') {
          this.#values.set(x, y);
          if (x.name !== y.name) this.names++;
        }
        if (this.#a.type(x.type) !== this.#b.type(y.type))
          this.#say(kind, `${x.name ?? i}: ${typeText(x.type)} → ${typeText(y.type)}`, x.producer, y.producer);
      } else if (x) this.#say(kind, `- ${x.name ?? i}: ${typeText(x.type)}`, x.producer);
      else if (y) this.#say(kind, `+ ${y.name ?? i}: ${typeText(y.type)}`, undefined, y.producer);
    }
  }

  /** Whether the one is in the place of the other. Constants are compared later. */
  #stands(x: Value, y: Value, ...readers: Partial<DifferenceMark['nodes']>): boolean {
    if (x.content && y.content) {
      this.#constants.set(x, [y, this.#constants.get(x)?.[1] ?? [readers[0], readers[1]]]);
      return true;
    }
    return this.#values.get(x) === y;
  }

  #nodes(x: Node, y: Node): void {
    this.pairs.nodes++;
    const place = placeText(x);
    if ((x.origin.name ?? x.origin.scope) !== (y.origin.name ?? y.origin.scope)) this.names++;
    for (const name of new Set([...Object.keys(x.attrs), ...Object.keys(y.attrs)])) {
      const [p, q] = [x.attrs[name], y.attrs[name]];
      if (this.#a.attribute(p) !== this.#b.attribute(q))
        this.#say('attributes', `${place}: ${name} ${String(p)} → ${String(q)}`, x, y);
    }
    if (x.op.foreign && y.op.foreign) this.#foreign.push([x.op.foreign, y.op.foreign, place, [x, y]]);
    for (let i = 0; i < Math.max(x.slots.length, y.slots.length); i++) {
      const [p, q] = [x.operand(i), y.operand(i)];
      if (p && q ? !this.#stands(p, q, x, y) : p !== q)
        this.#say('connections', `${place}: operand ${i + 1} is ${p && q ? 'another value' : p ? 'gone' : 'new'}`, x, y);
    }
    for (const [i, value] of x.results.entries()) {
      const other = y.results[i];
      // What is made within a loop or a branch is no output of anything.
      if (other && this.#depth === 1 && value.name !== undefined && other.name !== undefined)
        this.layers.push({ place, a: value.name, b: other.name });
      if (other && this.#a.type(value.type) !== this.#b.type(other.type))
        this.#say('shapes', `${place}: ${typeText(value.type)} → ${typeText(other.type)}`, x, y);
    }
    if (x.regions.length !== y.regions.length) this.#say('connections', `${place}: other sub-graphs`, x, y);
    // Importers bound how deep sub-graphs nest.
    for (const [i, inner] of x.regions.entries()) {
      const other = y.regions[i];
      if (other) this.graphs(inner, other);
    }
  }

  #paired(a: readonly Node[], b: readonly Node[]): readonly (readonly [Node, Node])[] {
    const alike = common(
      a.map((node) => this.#a.node(node)),
      b.map((node) => this.#b.node(node)),
    );
    const pairs: (readonly [Node, Node])[] = [];
    let [fromA, fromB] = [0, 0];
    for (const [i, j] of [...alike, [a.length, b.length] as const]) {
      const [gapA, gapB] = [a.slice(fromA, i), b.slice(fromB, j)];
      for (const [p, q] of common(
        gapA.map(({ op }) => op.name),
        gapB.map(({ op }) => op.name),
      )) {
        const [x, y] = [gapA[p], gapB[q]];
        if (x && y) pairs.push([x, y]);
      }
      const [x, y] = [a[i], b[j]];
      if (x && y) pairs.push([x, y]);
      [fromA, fromB] = [i + 1, j + 1];
    }
    return pairs;
  }

  /** Reads what lies in files. */
  async finish(onProgress: OnProgress | undefined): Promise<void> {
    for (const [x, y, place, nodes] of this.#foreign) {
      const bytesOf = ({ attributes }: ForeignNode) =>
        new Map(attributes.flatMap((one) => (one.kind === 'bytes' ? [[one.name, one.bytes] as const] : [])));
      const [p, q] = [bytesOf(x), bytesOf(y)];
      for (const name of new Set([...p.keys(), ...q.keys()])) {
        const [from, to] = [p.get(name), q.get(name)];
        const same = from && to && from.size === to.size && sameBytes(await from.read(0, from.size), await to.read(0, to.size));
        if (!same) this.#say('attributes', `${place}: ${name}`, ...nodes);
      }
    }
    const most = [...this.#constants.keys()].reduce((n, value) => n + exprOf(value).count, 0);
    let compared = 0;
    for (const [x, [y, nodes]] of this.#constants) {
      this.pairs.weights++;
      const name = x.name ?? 'a constant';
      if (x.name !== y.name) this.names++;
      const [p, q] = [this.#a.type(x.type), this.#b.type(y.type)];
      const line =
        p === q
          ? await differenceOf(exprOf(x), exprOf(y), (done) =>
              onProgress?.('comparing weights', compared + done, most, 'elements'),
            )
          : `${typeText(x.type)} → ${typeText(y.type)}`;
      compared += exprOf(x).count;
      if (line !== undefined) this.#say('weights', `${name}: ${line}`, ...nodes);
    }
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** Elements that are compared at a time, and cells of a table of subsequences; of longer lists only the ends are paired. */
const chunk = 65_536;
const mostCells = 25_000_000;

/** Positions of a longest common subsequence of two lists. */
function common(a: readonly string[], b: readonly string[]): readonly (readonly [number, number])[] {
  const pairs: (readonly [number, number])[] = [];
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) {
    pairs.push([start, start]);
    start++;
  }
  let [endA, endB] = [a.length, b.length];
  const tail: (readonly [number, number])[] = [];
  while (endA > start && endB > start && a[endA - 1] === b[endB - 1]) tail.unshift([--endA, --endB]);
  const [rows, columns] = [endA - start, endB - start];
  if (rows * columns > 0 && rows * columns <= mostCells) {
    const width = columns + 1;
    const best = new Uint32Array((rows + 1) * width);
    const at = (i: number, j: number): number => best[i * width + j] ?? outside();
    for (let i = rows - 1; i >= 0; i--)
      for (let j = columns - 1; j >= 0; j--)
        best[i * width + j] = a[start + i] === b[start + j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    for (let i = 0, j = 0; i < rows && j < columns; ) {
      if (a[start + i] === b[start + j]) pairs.push([start + i++, start + j++]);
      else if (at(i + 1, j) >= at(i, j + 1)) i++;
      else j++;
    }
  }
  return [...pairs, ...tail];
}

/** How far two tensors of one type are apart, rounded to it; undefined where they are equal. */
export async function differenceOf(
  a: WeightExpr,
  b: WeightExpr,
  onElements?: (done: number) => void,
): Promise<string | undefined> {
  // Beyond 2^53 a double is no longer the integer.
  if (isWideElem(a.elem)) {
    const [x, y] = [await materialize(a), await materialize(b)];
    const apart = x.data.reduce((n, _, i) => n + (sameInteger(x, y, i) ? 0 : 1), 0);
    return apart === 0 ? undefined : `${apart} of ${a.count} elements`;
  }
  let unequal = 0;
  let most = 0;
  let largest = 0;
  const [x, y] = [new Float64Array(Math.min(chunk, a.count)), new Float64Array(Math.min(chunk, a.count))];
  for (let start = 0; start < a.count; start += chunk) {
    const [p, q] = [x.subarray(0, Math.min(chunk, a.count - start)), y.subarray(0, Math.min(chunk, a.count - start))];
    onElements?.(start);
    await a.fill(start, p);
    await b.fill(start, q);
    roundTo(a.elem, p);
    roundTo(b.elem, q);
    for (const [i, from] of p.entries()) {
      const to = q[i] ?? Number.NaN;
      largest = Math.max(largest, Math.abs(from));
      if (from === to || (Number.isNaN(from) && Number.isNaN(to))) continue;
      unequal++;
      const apart = Math.abs(from - to);
      most = Math.max(most, Number.isNaN(apart) ? Number.POSITIVE_INFINITY : apart);
    }
  }
  if (unequal === 0) return undefined;
  const share = unequal === a.count ? 'all elements' : `${unequal} of ${a.count} elements`;
  return `${share}, by at most ${most.toPrecision(2)} where the largest is ${largest.toPrecision(2)}`;
}
