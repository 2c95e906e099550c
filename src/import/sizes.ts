/**
 * The elements of small integer tensors as dimensions. What exporters write around a Reshape (Shape, Gather, arithmetic, Concat, …) is
 * computed here while the graph is made, also where the batch is free, so that the Reshape has its sizes as an attribute and the arithmetic is
 * dead. Operators that only move elements run on the numbers of the elements' places, with their own `evaluate`.
 */

import { Dim, productOf } from '../ir/dim.ts';
import { elemFacts } from '../ir/elem.ts';
import { countOf, hostOf, type Node, type Value } from '../ir/graph.ts';
import { roundTo } from '../ir/round.ts';
import { type ElemType, elementCount, type HostTensor, isFloat, staticDims } from '../ir/types.ts';
import { disagreement } from '../ops/agreement.ts';
import { boolAttr, dimsAttr, numberAttr, numbersAttr } from '../ops/attrs.ts';
import { axesOrAll, elemAttr, map2, map3 } from '../ops/common.ts';
import { evaluateConstant, refusalOf } from '../ops/evaluate.ts';
import { operators } from '../ops/registry.ts';

/** A small tensor of integers or booleans. An element is undefined where nothing is known of it. */
export interface Elements {
  readonly elem: ElemType;
  readonly dims: readonly number[];
  readonly data: readonly (Dim | undefined)[];
}

/** Larger tensors are no shapes. */
const maxElements = 1024;

/** Elements that are worked out for one file, a polynomial counting as its terms: past it no more sizes are followed. The models of the tests take 2·10^4 at most. */
const workLimit = 4_000_000;

/** An operator's results from the elements of its operands; undefined for a result of which nothing is known. */
type Rule = (node: Node, operands: readonly (Elements | undefined)[]) => readonly (Elements | undefined)[];

/** What is known of the elements of values, while one graph and its sub-graphs are imported. */
export class KnownElements {
  readonly #known = new Map<Value, Elements>();
  /** Constants that were computed here, of any element type. */
  readonly #computed = new Set<Value>();
  #left = workLimit;

  /** The limit of work was reached, and what came after it is not known. */
  get exhausted(): boolean {
    return this.#left < 0;
  }

  of(value: Value | undefined): Elements | undefined {
    if (!value || value.type.foreign) return undefined;
    const known = this.#known.get(value);
    if (known) return known;
    const found = elementsOf(value);
    if (found) this.#known.set(value, found);
    return found;
  }

  set(value: Value, elements: Elements): void {
    this.#known.set(value, elements);
  }

  markComputed(value: Value): void {
    this.#computed.add(value);
  }

  /** Works out the results of a new node. */
  track(node: Node): void {
    if (node.op.foreign || node.regions.length > 0) return;
    if (node.results.every((y) => isFloat(y.type.elem))) return;
    if (node.results.every((y) => (countOf(y.type) ?? Infinity) > maxElements)) return;
    const rule = rules.get(node.op.name);
    if (!rule || !hasStaticAttrs(node) || !this.#affords(node)) return;
    try {
      const operands = node.operands.map((value) => this.of(value));
      if (node.operands.length > 0 && operands.every((one) => one?.data.every((d) => d?.constant !== undefined))) {
        // Of numbers that runtimes do not agree on nothing is known.
        const numbers = operands.map((one) => one && { ...one, data: Float64Array.from(one.data, (d) => d?.constant ?? 0) });
        if (disagreement(node.op.name, numbers, node.attrs)) return;
      }
      const found = rule(node, operands);
      node.results.forEach((y, i) => {
        const one = found[i];
        if (!one || one.data.length > maxElements) return;
        if (one.data.length === 0 || one.data.some((d) => d !== undefined)) this.#known.set(y, one);
      });
    } catch (error) {
      // A number that cannot be held, or a division by 0: nothing is known then.
      refusalOf(error);
    }
  }

  /** Pays for the elements of a node's results, and of its operands, which are looked at even where nothing comes of it. */
  #affords(node: Node): boolean {
    let elements = 0;
    for (const y of node.results) elements += Math.min(countOf(y.type) ?? 1, maxElements);
    // Two polynomials are multiplied term by term.
    let [most, second] = [1, 1];
    let read = 0;
    for (const value of node.operands) {
      let largest = 1;
      for (const d of this.of(value)?.data ?? []) {
        const size = d && d.constant === undefined ? d.size : 1;
        read += size;
        largest = Math.max(largest, size);
      }
      if (largest >= most) [most, second] = [largest, most];
      else second = Math.max(second, largest);
    }
    this.#left -= read + elements * most * second;
    return this.#left >= 0;
  }

  /** The results of a node as numbers, where that follows from shapes; undefined otherwise. */
  numbers(node: Node): readonly HostTensor[] | undefined {
    const out: HostTensor[] = [];
    for (const y of node.results) {
      const known = this.#known.get(y);
      if (!known) return this.#evaluated(node);
      const data = new Float64Array(known.data.length);
      for (const [i, d] of known.data.entries()) {
        const n = d?.constant;
        if (n === undefined) return undefined;
        data[i] = n;
      }
      out.push({ elem: known.elem, dims: known.dims, data });
    }
    return out;
  }

  /** Arithmetic on floats that were made of sizes: `Cast`, `Mul` by a scale, `Floor`. */
  #evaluated(node: Node): readonly HostTensor[] | undefined {
    if (!roundedOperators.has(node.op.name) || !hasStaticAttrs(node)) return undefined;
    if (!node.operands.some((value) => value && this.#computed.has(value))) return undefined;
    if (node.results.some((y) => (countOf(y.type) ?? Infinity) > (node.op.name === 'reciprocal' ? 1 : maxElements)))
      return undefined;
    const operands = node.operands.map((value) => hostOf(value));
    if (operands.some((tensor, i) => tensor === undefined && node.operands[i] !== undefined)) return undefined;
    const found = evaluateConstant(node.op, operands, node.attrs);
    if (found.kind === 'refused') return undefined;
    return found.results.map((tensor) => {
      if (tensor.wide) return tensor;
      const data = Float64Array.from(tensor.data);
      roundTo(tensor.elem, data);
      return { elem: tensor.elem, dims: tensor.dims, data };
    });
  }
}

/** One rounding each, so that float64 rounded once is what every runtime computes (f32 and narrower: 53 ≥ 2·24 + 2 bits). */
const roundedOperators: ReadonlySet<string> = new Set([
  ...['cast', 'add', 'sub', 'mul', 'div', 'neg', 'floor', 'ceil', 'round', 'sqrt', 'min', 'max', 'identity'],
  ...['concat', 'gather', 'slice', 'reshape', 'squeeze', 'unsqueeze', 'transpose', 'expand'],
  // Of one number: of several, runtimes may take an approximation of the processor.
  'reciprocal',
  ...['reduce_min', 'reduce_max'],
]);

function elementsOf(value: Value): Elements | undefined {
  const { elem } = value.type;
  if (isFloat(elem) || value.def.kind !== 'constant' || (countOf(value.type) ?? Infinity) > maxElements) return undefined;
  const host = hostOf(value);
  if (!host) return undefined;
  return { elem, dims: host.dims, data: Array.from(host.data, (n) => (Number.isSafeInteger(n) ? Dim.of(n) : undefined)) };
}

/** Sizes in attributes are numbers, but for the operators that make tensors of them. */
function hasStaticAttrs(node: Node): boolean {
  if (node.operands.length === 0 || node.op.name === 'reshape' || node.op.name === 'expand') return true;
  return Object.values(node.attrs).every(
    (value) => typeof value !== 'object' || value.every((d) => typeof d === 'number' || d.constant !== undefined),
  );
}

// ------------------------------------------------------------------------------------------------------------ moving elements

const move: Rule = (node, operands) => {
  const all = node.op.traits.moves === 'all';
  const sources: (Dim | undefined)[] = [];
  const places: (HostTensor | undefined)[] = [];
  for (const [i, value] of node.operands.entries()) {
    const own = operands[i];
    if (!value || !own) return [];
    if (!all && i > 0) {
      const host = hostOf(value);
      if (!host) return [];
      places.push(host);
      continue;
    }
    places.push({ elem: 'i64', dims: own.dims, data: Float64Array.from(own.data, (_, k) => sources.length + k) });
    sources.push(...own.data);
  }
  const attrs = { ...node.attrs };
  // The number of elements is known, so every size of the result is.
  if (node.op.name === 'reshape' || node.op.name === 'expand') {
    const dims = staticDims(node.y.type);
    if (!dims) return [];
    attrs.shape = dims.map((d) => Dim.of(d));
  }
  const moved = evaluateConstant(node.op, places, attrs);
  if (moved.kind === 'refused') return [];
  return moved.results.map((tensor, i) => ({
    elem: node.results[i]?.type.elem ?? 'i64',
    dims: tensor.dims,
    data: Array.from(tensor.data, (at) => sources[at]),
  }));
};

// ------------------------------------------------------------------------------------------------------------ arithmetic

type Binary = (a: Dim, b: Dim, elem: ElemType) => Dim | undefined;

/** A number that does not fit would wrap around. A size that only the run knows fits, because a tensor has it. */
function held(elem: ElemType, d: Dim | undefined): Dim | undefined {
  const n = d?.constant;
  const range = elemFacts[elem].integers;
  if (d === undefined || n === undefined || !range) return d;
  return n >= range[0] && n <= range[1] ? d : undefined;
}

function elementwise(f: Binary): Rule {
  return (node, [a, b]) => {
    if (!a || !b) return [];
    const left = places(a);
    const right = places(b);
    const pairs: [number, number][] = [];
    const { dims } = map2(left, right, (i, j) => pairs.push([i, j]));
    const { elem } = node.y.type;
    const data = pairs.map(([i, j]) => {
      const [x, y] = [a.data[i], b.data[j]];
      return x && y && held(elem, f(x, y, a.elem));
    });
    return [{ elem, dims, data }];
  };
}

function places(x: Elements): HostTensor {
  return { elem: 'i64', dims: x.dims, data: Float64Array.from(x.data, (_, i) => i) };
}

function each(f: (x: Dim, node: Node) => Dim | undefined): Rule {
  return (node, [x]) => {
    if (!x) return [];
    const { elem } = node.y.type;
    return [{ elem, dims: x.dims, data: x.data.map((d) => d && held(elem, f(d, node))) }];
  };
}

const truth = (answer: 'yes' | 'no' | 'unknown'): Dim | undefined =>
  answer === 'unknown' ? undefined : answer === 'yes' ? Dim.one : Dim.zero;
const opposite = (answer: 'yes' | 'no' | 'unknown'): 'yes' | 'no' | 'unknown' =>
  answer === 'unknown' ? answer : answer === 'yes' ? 'no' : 'yes';

/** Truncated towards 0, which is the floor where nothing is negative. */
function quotient(a: Dim, b: Dim): Dim | undefined {
  const [x, y] = [a.constant, b.constant];
  if (y === 0) return undefined;
  if (x !== undefined && y !== undefined) return Dim.of(Math.trunc(x / y));
  return a.lowerBound >= 0 && b.lowerBound >= 1 ? a.floordiv(b) : undefined;
}

const where: Rule = (node, [condition, x, y]) => {
  if (!condition || !x || !y) return [];
  const chosen: (Dim | undefined)[] = [];
  const { dims } = map3(places(condition), places(x), places(y), (c, i, j) => {
    const holds = condition.data[c]?.constant;
    const [a, b] = [x.data[i], y.data[j]];
    return chosen.push(holds === undefined ? (a === b ? a : undefined) : holds === 0 ? b : a);
  });
  return [{ elem: node.y.type.elem, dims, data: chosen }];
};

/** Of a vector, or over all axes: what exporters write is the product of a shape. */
function reduced(f: (all: readonly Dim[]) => Dim | undefined): Rule {
  return (node, [x]) => {
    if (!x || axesOrAll(numbersAttr(node.attrs, 'axes'), x.dims.length).length !== x.dims.length) return [];
    const { elem } = node.y.type;
    const all: Dim[] = [];
    for (const d of x.data) {
      if (!d) return [];
      all.push(d);
    }
    const dims = boolAttr(node.attrs, 'keepdims') ? x.dims.map(() => 1) : [];
    return [{ elem, dims, data: [held(elem, f(all))] }];
  };
}

const shapeOf: Rule = (node) => {
  const { dims } = node.x.type;
  const data = dims.slice(numberAttr(node.attrs, 'start'), numberAttr(node.attrs, 'end'));
  return [{ elem: 'i64', dims: [data.length], data }];
};

const fullOf: Rule = (node) => {
  const dims = staticDims(node.y.type);
  const value = numberAttr(node.attrs, 'value');
  if (!dims || !Number.isSafeInteger(value)) return [];
  return [{ elem: elemAttr(node.attrs, 'elem'), dims, data: Array.from({ length: elementCount(dims) }, () => Dim.of(value)) }];
};

const rangeOf: Rule = (node) => {
  const count = node.y.type.dims[0]?.constant;
  const start = dimsAttr(node.attrs, 'start')[0];
  if (count === undefined || !start) return [];
  const step = numberAttr(node.attrs, 'step');
  return [{ elem: 'i64', dims: [count], data: Array.from({ length: count }, (_, i) => start.plus(i * step)) }];
};

const rules: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ...operators
    .filter(({ traits }) => traits.moves === 'first' || traits.moves === 'all')
    .map((op): [string, Rule] => [op.name, move]),
  ['add', elementwise((a, b) => a.plus(b))],
  ['sub', elementwise((a, b) => a.minus(b))],
  ['mul', elementwise((a, b) => a.times(b))],
  ['div', elementwise(quotient)],
  ['min', elementwise((a, b) => Dim.min(a, b))],
  ['max', elementwise((a, b) => Dim.max(a, b))],
  ['equal', elementwise((a, b) => truth(a.equals(b)))],
  ['less', elementwise((a, b) => truth(a.lessThan(b)))],
  ['less_equal', elementwise((a, b) => truth(a.atMost(b)))],
  ['greater', elementwise((a, b) => truth(b.lessThan(a)))],
  ['greater_equal', elementwise((a, b) => truth(b.atMost(a)))],
  ['and', elementwise((a, b) => Dim.min(a, b))],
  ['or', elementwise((a, b) => Dim.max(a, b))],
  ['not', each((x) => Dim.one.minus(x))],
  ['neg', each((x) => x.negate())],
  ['abs', each((x) => (x.lowerBound >= 0 ? x : x.upperBound <= 0 ? x.negate() : undefined))],
  ['sign', each((x) => (x.lowerBound >= 1 ? Dim.one : x.constant === undefined ? undefined : Dim.of(Math.sign(x.constant))))],
  ['cast', each((x, node) => (node.y.type.elem === 'bool' ? truth(opposite(x.equals(0))) : x))],
  ['where', where],
  ['reduce_prod', reduced(productOf)],
  ['reduce_sum', reduced((all) => all.reduce((sum, d) => sum.plus(d), Dim.zero))],
  ['reduce_min', reduced((all) => (all.length === 0 ? undefined : all.reduce((a, b) => Dim.min(a, b))))],
  ['reduce_max', reduced((all) => (all.length === 0 ? undefined : all.reduce((a, b) => Dim.max(a, b))))],
  ['shape', shapeOf],
  ['full', fullOf],
  ['range', rangeOf],
  ['dim_value', (node) => [{ elem: 'i64', dims: [], data: dimsAttr(node.attrs, 'dim').slice(0, 1) }]],
]);
