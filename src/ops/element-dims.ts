/**
 * How elements of small integer tensors follow as dimensions (`Traits.dims`): what exporters write around a Reshape (Shape,
 * Gather, arithmetic, Concat, …). What only moves elements runs on the numbers of their places, with its own `evaluate`.
 */
import { Dim } from '../ir/dim.ts';
import { elemFacts } from '../ir/elem.ts';
import { hostOf, type Node } from '../ir/graph.ts';
import type { DimsRule, ElementDims } from '../ir/operator.ts';
import { type ElemType, type HostTensor, staticDims } from '../ir/types.ts';
import { boolAttr, numbersAttr } from './attrs.ts';
import { axesOrAll, map2, map3 } from './common.ts';
import { evaluateConstant } from './evaluate.ts';

/** Where the places of elements stand for them. */
function placesOf(x: ElementDims): HostTensor {
  return { elem: 'i64', dims: x.dims, data: Float64Array.from(x.data, (_, i) => i) };
}

/** A size in an attribute that is the result's shape, which is known where the number of elements is. */
export function hasShapeAttribute({ op }: Node): boolean {
  return op.attrs.shape?.kind === 'dims';
}

export const movedElements: DimsRule = (node, operands) => {
  const all = node.op.traits.moves === 'all';
  const sources: (Dim | undefined)[] = [];
  const places: (HostTensor | undefined)[] = [];
  for (const [i, use] of node.slots.entries()) {
    const own = operands[i];
    if (!use || !own) return [];
    if (!all && i > 0) {
      const host = hostOf(use.value);
      if (!host) return [];
      places.push(host);
      continue;
    }
    places.push({ elem: 'i64', dims: own.dims, data: Float64Array.from(own.data, (_, k) => sources.length + k) });
    sources.push(...own.data);
  }
  const attrs = { ...node.attrs };
  if (hasShapeAttribute(node)) {
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

/** A number that does not fit would wrap around. A size that only the run knows fits, because a tensor has it. */
function inRange(elem: ElemType, d: Dim | undefined): Dim | undefined {
  const n = d?.constant;
  const range = elemFacts[elem].integers;
  if (d === undefined || n === undefined || !range) return d;
  return n >= range[0] && n <= range[1] ? d : undefined;
}

/** A function of two elements, broadcast. */
export function pairwise(f: (a: Dim, b: Dim) => Dim | undefined): DimsRule {
  return (node, [a, b]) => {
    if (!a || !b) return [];
    const pairs: [number, number][] = [];
    const { dims } = map2(placesOf(a), placesOf(b), (i, j) => pairs.push([i, j]));
    const { elem } = node.y.type;
    const data = pairs.map(([i, j]) => {
      const [x, y] = [a.data[i], b.data[j]];
      return x && y && inRange(elem, f(x, y));
    });
    return [{ elem, dims, data }];
  };
}

/** A function of one element. */
export function each(f: (x: Dim, node: Node) => Dim | undefined): DimsRule {
  return (node, [x]) => {
    if (!x) return [];
    const { elem } = node.y.type;
    return [{ elem, dims: x.dims, data: x.data.map((d) => d && inRange(elem, f(d, node))) }];
  };
}

/** A comparison as an element of a boolean tensor. */
export const truthOf = (answer: ReturnType<Dim['equals']>): Dim | undefined =>
  answer === 'unknown' ? undefined : answer === 'yes' ? Dim.one : Dim.zero;

/** Whether an element is another number than 0. */
export function nonZero(x: Dim): Dim | undefined {
  const is = truthOf(x.equals(0));
  return is && Dim.one.minus(is);
}

/** Truncated towards 0, which is the floor where nothing is negative. */
export function quotient(a: Dim, b: Dim): Dim | undefined {
  const [x, y] = [a.constant, b.constant];
  if (y === 0) return undefined;
  if (x !== undefined && y !== undefined) return Dim.of(Math.trunc(x / y));
  return a.lowerBound >= 0 && b.lowerBound >= 1 ? a.floordiv(b) : undefined;
}

/** Elements of the second operand where the first holds, and of the third elsewhere; where that is not known, what both are. */
export const chosenElements: DimsRule = (node, [condition, x, y]) => {
  if (!condition || !x || !y) return [];
  const chosen: (Dim | undefined)[] = [];
  const { dims } = map3(placesOf(condition), placesOf(x), placesOf(y), (c, i, j) => {
    const holds = condition.data[c]?.constant;
    const [a, b] = [x.data[i], y.data[j]];
    return chosen.push(holds === undefined ? (a === b ? a : undefined) : holds === 0 ? b : a);
  });
  return [{ elem: node.y.type.elem, dims, data: chosen }];
};

/** Of a vector, or over all axes: what exporters write is the product of a shape. */
export function overAll(f: (all: readonly Dim[]) => Dim | undefined): DimsRule {
  return (node, [x]) => {
    if (!x || axesOrAll(numbersAttr(node.attrs, 'axes'), x.dims.length).length !== x.dims.length) return [];
    const { elem } = node.y.type;
    const all: Dim[] = [];
    for (const d of x.data) {
      if (!d) return [];
      all.push(d);
    }
    const dims = boolAttr(node.attrs, 'keepdims') ? x.dims.map(() => 1) : [];
    return [{ elem, dims, data: [inRange(elem, f(all))] }];
  };
}
