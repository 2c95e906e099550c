/**
 * What is known of constants: which values are constants, and what their elements are. Each answers yes only where it can show
 * it.
 */
import type { Value } from '../../ir/graph.ts';
import type { WeightExpr } from '../../tensor/expr.ts';

export function isConstant(value: Value | undefined): value is Value {
  return value?.isConstant === true;
}

export function allConstant(values: readonly (Value | undefined)[]): boolean {
  return values.every((value) => value === undefined || isConstant(value));
}

/** The same constant, or two with the same content. */
export function sameConstant(a: Value | undefined, b: Value | undefined): boolean {
  return a === b || (a?.content !== undefined && a.content === b?.content);
}

function isExpression(x: object): x is WeightExpr {
  return 'fill' in x;
}

/** The first element, without keeping the others in memory. */
function firstElement(x: object): number | undefined {
  if (!isExpression(x) || !x.sync || x.count === 0) return undefined;
  const one = x.session.borrow(1);
  x.fill(0, one);
  const [first] = one;
  x.session.giveBack(one);
  return first;
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
