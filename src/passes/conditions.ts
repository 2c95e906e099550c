/** Questions that the conditions of several rules ask. None of them mutates; each answers yes only where it can show it. */
import type { Node, Value } from '../ir/graph.ts';
import { type ElemType, elementCount } from '../ir/types.ts';
import { residentLimit, type WeightExpr } from '../weights/expr.ts';
import { bytesOf } from './driver.ts';

/** The node that makes a value, if it stands in the same graph as `reader`: no rule moves work across the border of a loop's body. */
export function producerIn(value: Value | undefined, reader: Node): Node | undefined {
  const producer = value?.producer;
  return producer && producer.graph === reader.graph ? producer : undefined;
}

/** The only reader of a value that is no output, if it stands in the value's own graph. */
export function soleReader(value: Value): Node | undefined {
  const user = value.soleUse?.user;
  return user && user.graph === value.graph ? user : undefined;
}

export function isConstant(value: Value | undefined): value is Value {
  return value?.def.kind === 'constant';
}

export function allConstant(values: readonly (Value | undefined)[]): boolean {
  return values.every((value) => value === undefined || isConstant(value));
}

/** Magnitudes from here on round to infinity: half a step above the largest number. */
const limits: Partial<Record<ElemType, number>> = {
  f64: Number.POSITIVE_INFINITY,
  f32: 2 ** 128 - 2 ** 103,
  bf16: 2 ** 128 - 2 ** 119,
  f16: 65520,
};

/** What larger weights are computed into to be looked at, because their numbers would stay in memory otherwise. */
const scratch = new Float64Array(residentLimit);

/** The elements, where they can be known at once; those of a weight that is no vector are overwritten by the next call. */
function look(x: WeightExpr): Float64Array | undefined {
  if (x.dims.length <= 1) return x.resident;
  if (!x.sync || x.count > residentLimit) return undefined;
  const elements = scratch.subarray(0, x.count);
  return x.fill(0, elements) instanceof Promise ? undefined : elements;
}

/** Every element is known, and is a finite number of its element type after rounding. */
export function finiteKnown(x: WeightExpr): boolean {
  const limit = limits[x.elem];
  const elements = limit === undefined ? undefined : look(x);
  if (limit === undefined || !elements) return false;
  for (const element of elements) if (!(Math.abs(element) < limit)) return false;
  return true;
}

/** Weights of more elements than this are not looked at: what is looked at stays in memory. */
const lookLimit = 1024;

/**
 * Whether weights that a rule made out of finite ones stay finite. Vectors and small weights are looked at. Of larger ones, the factors (all small,
 * all known) must be at most 2^40 in magnitude: with f32's and bf16's range the original would have to exceed 10^26, with f64's more. f16 has no
 * such room: there factors must not exceed 1, and sums of products are refused.
 */
export function finiteFold(factors: readonly WeightExpr[], made: readonly WeightExpr[]): boolean {
  if (!factors.every(finiteKnown)) return false;
  return made.every((x) => {
    if ((x.dims.length <= 1 || x.count <= lookLimit) && x.sync && x.count <= residentLimit) return finiteKnown(x);
    if (x.elem === 'f16' && (factors.length === 0 || x.dims.length <= 1)) return false;
    const room = x.elem === 'f16' ? 1 : 2 ** 40;
    return factors.every((factor) => factor.resident?.every((element) => Math.abs(element) <= room) ?? false);
  });
}

function isExpression(x: object): x is WeightExpr {
  return 'fill' in x && 'sync' in x && 'count' in x;
}

/** The first element, without keeping the others in memory. */
function firstElement(x: object): number | undefined {
  if (!isExpression(x) || !x.sync || x.count === 0) return undefined;
  const one = new Float64Array(1);
  x.fill(0, one);
  return one[0];
}

/** Every element is known and equals `value`. */
export function everyElement(x: { readonly resident: Float64Array | undefined } | undefined, value: number): boolean {
  if (!x) return false;
  const first = firstElement(x);
  if (first !== undefined && first !== value) return false;
  return x.resident?.every((element) => element === value) ?? false;
}

/** Every element is known and is what `expected` says of its place. */
export function everyElementIs(
  x: { readonly resident: Float64Array | undefined } | undefined,
  expected: (index: number) => number,
): boolean {
  if (!x) return false;
  const first = firstElement(x);
  if (first !== undefined && first !== expected(0)) return false;
  return x.resident?.every((element, i) => element === expected(i)) ?? false;
}

export function isPositive(x: WeightExpr): boolean {
  return x.resident?.every((element) => element > 0) ?? false;
}

/** More readers than this of one weight are not compared with each other. */
const manyReaders = 4096;

/**
 * Whether changing `weight` for `reader` alone keeps the bytes of all weights from growing: nobody else reads it, or everybody else will be
 * changed alike (equal expressions are stored once), or the copy is no larger than `freed` bytes.
 */
export function copyIsFree(weight: Value, reader: Node, freed: number, alike: (other: Node) => boolean = () => false): boolean {
  if (weight.outputs > 0) return false;
  if (weight.uses.size <= 1) return true;
  if (weight.content && bytesOf(weight.content) <= freed) return true;
  if (weight.uses.size > manyReaders) return false;
  for (const use of weight.uses) if (use.user !== reader && !alike(use.user)) return false;
  return true;
}

/** Bytes of the constants that nobody but `reader` reads, which go when it goes. */
export function bytesFreed(values: readonly (Value | undefined)[], reader: Node): number {
  let bytes = 0;
  for (const value of new Set(values)) {
    if (!value?.content || value.outputs > 0) continue;
    if ([...value.uses].every((use) => use.user === reader)) bytes += bytesOf(value.content);
  }
  return bytes;
}

/** The same constant, or two with the same content. */
export function sameConstant(a: Value | undefined, b: Value | undefined): boolean {
  return a === b || (a?.content !== undefined && a.content === b?.content);
}

export function sameNumbers(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((n, i) => n === b[i]);
}

export function product(list: readonly number[]): number {
  return elementCount(list);
}
