/**
 * What an evaluation by ONNX's name is given: operands and attributes as numbers. Such an evaluation computes nodes that no
 * operator of the registry says, over constants. It throws `CheckFailure`, and nothing else, where there is no result that all
 * runtimes agree on.
 */
import { outside } from '../../diagnostics/at.ts';
import { elemsBy } from '../../ir/elem.ts';
import { CheckFailure } from '../../ir/operator.ts';
import { type ElemType, elementCount, type HostTensor } from '../../ir/types.ts';
import { integersOf, isWideElem, tensorOfIntegers } from '../../ir/wide.ts';
import { stridesOf, wrapInteger } from '../common.ts';

export type OnnxAttribute =
  | { readonly kind: 'int'; readonly value: bigint }
  | { readonly kind: 'ints'; readonly value: readonly bigint[] }
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'floats'; readonly value: readonly number[] }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'tensor'; readonly value: HostTensor }
  | { readonly kind: 'other' };

export interface OnnxCall {
  /** Of ONNX's own domain, 13 or later. */
  readonly opset: number;
  readonly inputs: readonly (HostTensor | undefined)[];
  readonly attributes: Attributes;
}

/** As many results as the operator has, those that a node leaves out as well. Floats are not rounded. */
export type OnnxEvaluator = (call: OnnxCall) => readonly HostTensor[];

/** ONNX gives it no meaning, or leaves it open. */
export function undefinedByOnnx(found: string, expected: string): never {
  throw new CheckFailure('defined', found, expected);
}

/** ONNX's text, onnxruntime and NumPy do not say the same. */
export function notAgreed(found: string, expected: string): never {
  throw new CheckFailure('agreed', found, expected);
}

/** Larger than what is computed here. */
export function notHeld(found: string): never {
  throw new CheckFailure('integers', found, 'what float64, or memory, holds');
}

/** Attributes by name and kind. */
export class Attributes {
  readonly #all: ReadonlyMap<string, OnnxAttribute>;

  constructor(all: ReadonlyMap<string, OnnxAttribute>) {
    this.#all = all;
  }

  has(name: string): boolean {
    return this.#all.has(name);
  }

  int(name: string, fallback?: number): number {
    const found = this.#all.get(name);
    if (!found && fallback !== undefined) return fallback;
    if (found?.kind !== 'int') return undefinedByOnnx(`${name} of kind ${found?.kind ?? 'none'}`, 'an integer');
    const n = Number(found.value);
    return Number.isSafeInteger(n) ? n : notHeld(`${name}=${found.value}`);
  }

  /** 0 or 1; runtimes do not agree on others. */
  flag(name: string, fallback: boolean): boolean {
    const n = this.int(name, fallback ? 1 : 0);
    return n === 0 || n === 1 ? n === 1 : notAgreed(`${name}=${n}`, '0 or 1');
  }

  ints(name: string): readonly number[] | undefined {
    const found = this.#all.get(name);
    if (!found) return undefined;
    if (found.kind !== 'ints') return undefinedByOnnx(`${name} of kind ${found.kind}`, 'a list of integers');
    return found.value.map((one) => (Number.isSafeInteger(Number(one)) ? Number(one) : notHeld(`${name}=${one}`)));
  }

  /** Defaults are rounded as a file holds them. */
  float(name: string, fallback: number): number {
    const found = this.#all.get(name);
    if (!found) return Math.fround(fallback);
    return found.kind === 'float' ? found.value : undefinedByOnnx(`${name} of kind ${found.kind}`, 'a float');
  }

  string(name: string, fallback?: string): string {
    const found = this.#all.get(name);
    if (!found && fallback !== undefined) return fallback;
    return found?.kind === 'string' ? found.value : undefinedByOnnx(`${name} of kind ${found?.kind ?? 'none'}`, 'a string');
  }

  tensor(name: string): HostTensor | undefined {
    const found = this.#all.get(name);
    if (!found) return undefined;
    return found.kind === 'tensor' ? found.value : undefinedByOnnx(`${name} of kind ${found.kind}`, 'a small tensor');
  }
}

export function operand({ inputs }: OnnxCall, index: number): HostTensor {
  return inputs[index] ?? undefinedByOnnx(`no operand ${index}`, 'one');
}

const elems = elemsBy(({ onnx }) => onnx);

/** The element type that an attribute names by its number in a file. */
export function namedElem({ attributes }: OnnxCall, name: string, fallback: ElemType): ElemType {
  if (!attributes.has(name)) return fallback;
  const dataType = attributes.int(name);
  return elems.get(dataType) ?? undefinedByOnnx(`${name}=${dataType}`, 'a type of the graph');
}

/** An operand whose elements float64 holds. */
export function numbers(call: OnnxCall, index: number): HostTensor {
  const x = operand(call, index);
  return x.wide ? notHeld(`operand ${index}`) : x;
}

/** The integer of an operand of one element. */
export function integerAt(call: OnnxCall, index: number): number {
  const { data } = numbers(call, index);
  const n = data[0];
  return data.length === 1 && n !== undefined && Number.isSafeInteger(n) ? n : undefinedByOnnx(`operand ${index}`, 'an integer');
}

/** The axis counted from 0. */
export function axisAt(axis: number, rank: number): number {
  return axis >= -rank && axis < rank ? (axis < 0 ? axis + rank : axis) : undefinedByOnnx(`axis ${axis}`, `one of rank ${rank}`);
}

/** Distinct axes counted from 0. */
export function axesAt(axes: readonly number[], rank: number): readonly number[] {
  const all = axes.map((axis) => axisAt(axis, rank));
  return new Set(all).size === all.length ? all : undefinedByOnnx(`axes ${axes.join(', ')}`, 'each axis once');
}

/** Element i of a tensor of indices along an axis, counted from 0. */
export function indexIn(indices: HostTensor, i: number, size: number): number {
  const n = indices.data[i] ?? Number.NaN;
  return n >= -size && n < size && Number.isInteger(n)
    ? n < 0
      ? n + size
      : n
    : undefinedByOnnx(`index ${n}`, `one of an axis of ${size}`);
}

const mostElements = 2 ** 22;

/** The number of elements of a shape that a result may have. */
export function countIn(dims: readonly number[]): number {
  for (const d of dims) if (d < 0 || !Number.isInteger(d)) undefinedByOnnx(`a size of ${d}`, 'at least 0');
  const count = elementCount(dims);
  return count <= mostElements ? count : notHeld(`${count} elements`);
}

/** Steps of one evaluation that is more than linear in its elements. */
const mostSteps = 2 ** 26;

export function stepsIn(count: number): void {
  if (!(count <= mostSteps)) notHeld(`${count} steps`);
}

/** Elements by their places in the sources joined end to end; −1 is 0. All have the first one's type. */
export function taken(sources: readonly HostTensor[], dims: readonly number[], places: ArrayLike<number>): HostTensor {
  const elem = sources[0]?.elem ?? 'f32';
  if (sources.some((x) => x.elem !== elem)) undefinedByOnnx('operands of several types', elem);
  if (isWideElem(elem) && sources.some((x) => x.wide)) {
    const all = sources.flatMap((x) => [...integersOf(x)]);
    return tensorOfIntegers(
      elem,
      dims,
      Array.from(places, (at) => (at < 0 ? 0n : (all[at] ?? outside()))),
    );
  }
  const joined = new Float64Array(sources.reduce((n, x) => n + x.data.length, 0));
  let from = 0;
  for (const x of sources) {
    joined.set(x.data, from);
    from += x.data.length;
  }
  return { elem, dims, data: Float64Array.from(places, (at) => (at < 0 ? 0 : (joined[at] ?? outside()))) };
}

/** Visits a row-major shape: the flat place and the coordinates, which are reused. */
export function eachPlace(dims: readonly number[], visit: (at: number, position: readonly number[]) => void): void {
  const count = countIn(dims);
  const position: number[] = dims.map(() => 0);
  for (let at = 0; at < count; at++) {
    visit(at, position);
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      const next = (position[axis] ?? outside()) + 1;
      position[axis] = next === dims[axis] ? 0 : next;
      if (next !== dims[axis]) break;
    }
  }
}

/** The flat place of coordinates. */
export function flatOf(position: readonly number[], strides: readonly number[]): number {
  let at = 0;
  for (const [axis, stride] of strides.entries()) at += (position[axis] ?? outside()) * stride;
  return at;
}

/** Where the elements of a permuted tensor come from. */
export function permutedPlaces(dims: readonly number[], perm: readonly number[]): Int32Array {
  const strides = stridesOf(dims);
  const moved = perm.map((axis) => strides[axis] ?? outside());
  const places = new Int32Array(elementCount(dims));
  eachPlace(
    perm.map((axis) => dims[axis] ?? outside()),
    (at, position) => {
      places[at] = flatOf(position, moved);
    },
  );
  return places;
}

/** Whole numbers that stay what they are in an integer type: what wraps around or saturates is not agreed on. */
export function wholes(elem: ElemType, dims: readonly number[], data: Float64Array): HostTensor {
  for (const n of data) {
    if (!Number.isInteger(n) || Math.abs(n) >= 2 ** 53) notAgreed(`${n}`, `an integer of ${elem}`);
    if (wrapInteger(elem, n) !== n) notAgreed(`${n}`, `an integer of ${elem}`);
  }
  // −0 is no integer.
  return { elem, dims, data: data.map((n) => n + 0) };
}

/** NaN among the elements: what is made of it hangs on the order of comparisons. */
export function noNaN(...all: readonly (HostTensor | undefined)[]): void {
  for (const x of all) if (!x?.wide && x?.data.some((n) => Number.isNaN(n))) notAgreed('NaN', 'numbers');
}

export function truths(dims: readonly number[], data: Float64Array): HostTensor {
  return { elem: 'bool', dims, data };
}
