/** Questions that the conditions of several rules ask. None of them mutates; each answers yes only where it can show it. */
import type { Node, Value } from '../ir/graph.ts';
import { elementCount } from '../ir/types.ts';
import type { WeightExpr } from '../tensor/expr.ts';
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
