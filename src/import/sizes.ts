/**
 * The elements of small integer tensors as dimensions. What exporters write around a Reshape (Shape, Gather, arithmetic, Concat,
 * …) is computed here while the graph is made, also where the batch is free, so that the Reshape has its sizes as an attribute
 * and the arithmetic is dead. How elements follow stands on the operators (`Traits.dims`).
 */

import { outside } from '../diagnostics/at.ts';
import { Dim } from '../ir/dim.ts';
import { countOf, hostOf, type Node, type Value } from '../ir/graph.ts';
import type { ElementDims } from '../ir/operator.ts';
import { roundTo } from '../ir/round.ts';
import { type HostTensor, isFloat } from '../ir/types.ts';
import { disagreement } from '../ops/agreement.ts';
import { hasShapeAttribute } from '../ops/element-dims.ts';
import { evaluateConstant, refusalOf } from '../ops/evaluate.ts';

/** Larger tensors are no shapes. */
const maxElements = 1024;

/**
 * ElementDims that are worked out for one file, a polynomial counting as its terms: past it no more sizes are followed. The
 * models of the tests take 2·10^4 at most.
 */
const workLimit = 4_000_000;

/** What is known of the elements of values, while one graph and its sub-graphs are imported. */
export class KnownElements {
  readonly #known = new Map<Value, ElementDims>();
  /** Constants that were computed here, of any element type. */
  readonly #computed = new Set<Value>();
  #left = workLimit;

  /** The limit of work was reached, and what came after it is not known. */
  get exhausted(): boolean {
    return this.#left < 0;
  }

  of(value: Value | undefined): ElementDims | undefined {
    if (!value || value.type.foreign) return undefined;
    const known = this.#known.get(value);
    if (known) return known;
    const found = elementsOf(value);
    if (found) this.#known.set(value, found);
    return found;
  }

  set(value: Value, elements: ElementDims): void {
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
    const rule = node.op.traits.dims;
    if (rule === 'unknown' || !hasStaticAttrs(node) || !this.#affords(node)) return;
    try {
      const operands = node.operands.map((value) => this.of(value));
      if (node.operands.length > 0 && operands.every((one) => one?.data.every((d) => d?.constant !== undefined))) {
        // Of numbers that runtimes do not agree on nothing is known.
        const numbers = operands.map(
          (one) => one && { ...one, data: Float64Array.from(one.data, (d) => d?.constant ?? outside()) },
        );
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
    const { roundsOnce } = node.op.traits;
    if ((roundsOnce !== true && roundsOnce !== 'one') || !hasStaticAttrs(node)) return undefined;
    if (!node.operands.some((value) => value && this.#computed.has(value))) return undefined;
    const most = roundsOnce === 'one' ? 1 : maxElements;
    if (node.results.some((y) => (countOf(y.type) ?? Infinity) > most)) return undefined;
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

function elementsOf(value: Value): ElementDims | undefined {
  const { elem } = value.type;
  if (isFloat(elem) || !value.isConstant || (countOf(value.type) ?? Infinity) > maxElements) return undefined;
  const host = hostOf(value);
  if (!host) return undefined;
  return { elem, dims: host.dims, data: Array.from(host.data, (n) => (Number.isSafeInteger(n) ? Dim.of(n) : undefined)) };
}

/** Sizes in attributes are numbers, but for the operators that make tensors of them. */
function hasStaticAttrs(node: Node): boolean {
  if (node.operands.length === 0 || hasShapeAttribute(node)) return true;
  return Object.values(node.attrs).every(
    (value) => typeof value !== 'object' || value.every((d) => typeof d === 'number' || d.constant !== undefined),
  );
}
