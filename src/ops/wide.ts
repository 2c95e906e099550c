/**
 * Evaluation of operators on 64-bit integers that float64 does not hold: bigints, which wrap around as two's complement does
 * (ONNX; onnxruntime; NumPy).
 */

import { outside } from '../diagnostics/at.ts';
import { bug } from '../diagnostics/diagnostic.ts';
import { isFloat } from '../ir/elem.ts';
import { type Attrs, CheckFailure, type Operator } from '../ir/operator.ts';
import { roundFloat } from '../ir/round.ts';
import type { ElemType, HostTensor } from '../ir/types.ts';
import { floatOfInteger, integersOf, isWideElem, tensorOfIntegers, type WideElem } from '../ir/wide.ts';
import { map2, map3, wrapInteger } from './common.ts';

/** The results of an operator, of integers of any size. */
export function evaluateExactly(
  op: Operator,
  operands: readonly (HostTensor | undefined)[],
  attrs: Attrs,
): readonly HostTensor[] {
  if (!operands.some((x) => x?.wide)) {
    try {
      return op.evaluate(operands, attrs);
    } catch (error) {
      if (!(error instanceof CheckFailure) || error.label !== 'integers') throw error;
    }
  }
  if (op.evaluateWide) return op.evaluateWide(operands, attrs);
  const { moves } = op.traits;
  if (moves === 'first' || moves === 'all' || moves === 'filled') return moved(op, operands, attrs, moves);
  throw new CheckFailure('integers', `integers beyond 2^53 in ${op.name}`, 'integers within 2^53');
}

/** Runs on the places of the elements, and takes the elements from there. */
function moved(
  op: Operator,
  operands: readonly (HostTensor | undefined)[],
  attrs: Attrs,
  which: 'first' | 'all' | 'filled',
): readonly HostTensor[] {
  const sources: bigint[] = [];
  let elem: ElemType | undefined;
  const places = operands.map((x, i) => {
    if (!x) return undefined;
    if (which !== 'all' && i > 0) {
      if (x.wide) throw new CheckFailure('indices', 'an index beyond 2^53', 'an index of an axis');
      return x;
    }
    elem ??= x.elem;
    const from = sources.length;
    for (const n of integersOf(x)) sources.push(n);
    return { elem: x.elem, dims: x.dims, data: Float64Array.from(x.data, (_, k) => from + k) };
  });
  // What a pad puts around has no place.
  const { value } = attrs;
  const padding = typeof value === 'number' ? { value: -1 } : {};
  const fill = typeof value === 'number' && Number.isInteger(value) ? BigInt(value) : 0n;
  return op.evaluate(places, { ...attrs, ...padding }).map((y) => {
    if (elem === undefined || !isWideElem(elem)) return bug(`${op.name} of integers that are none`);
    return tensorOfIntegers(
      elem,
      y.dims,
      Array.from(y.data, (at) => sources[at] ?? fill),
    );
  });
}

function placesOf(x: HostTensor): HostTensor {
  return { elem: 'i64', dims: x.dims, data: Float64Array.from(x.data, (_, i) => i) };
}

/** Of a tensor that may hold such integers. */
export function wideElemOf(x: HostTensor): WideElem {
  return isWideElem(x.elem) ? x.elem : bug(`64-bit arithmetic on ${x.elem}`);
}

export type WideBinary = (a: bigint, b: bigint) => bigint | boolean;

/** f of every pair, NumPy's broadcasting. Comparisons give booleans. */
export function wideBinary(f: WideBinary): (operands: readonly (HostTensor | undefined)[]) => readonly HostTensor[] {
  return ([a, b]) => {
    if (!a || !b) return bug('an operand is missing');
    const [p, q] = [integersOf(a), integersOf(b)];
    const out: bigint[] = [];
    let compares = false;
    const { dims } = map2(placesOf(a), placesOf(b), (i, j) => {
      const y = f(p[i] ?? outside(), q[j] ?? outside());
      compares = typeof y === 'boolean';
      return out.push(BigInt(y));
    });
    if (compares) return [{ elem: 'bool', dims, data: Float64Array.from(out, Number) }];
    return [tensorOfIntegers(wideElemOf(a), dims, out)];
  };
}

/** `Math.min` of bigints. */
export function wideMin(a: bigint, b: bigint): bigint {
  if (b < a) return b;
  return a;
}

/** `Math.max` of bigints. */
export function wideMax(a: bigint, b: bigint): bigint {
  if (b > a) return b;
  return a;
}

export type WideUnary = (x: bigint) => bigint;

export function wideUnary(f: WideUnary): (operands: readonly (HostTensor | undefined)[]) => readonly HostTensor[] {
  return ([x]) => {
    if (!x) return bug('an operand is missing');
    return [tensorOfIntegers(wideElemOf(x), x.dims, Array.from(integersOf(x), f))];
  };
}

export function wideWhere([condition, x, y]: readonly (HostTensor | undefined)[]): readonly HostTensor[] {
  if (!condition || !x || !y) return bug('an operand is missing');
  const [p, q] = [integersOf(x), integersOf(y)];
  const out: bigint[] = [];
  const { dims } = map3(condition, placesOf(x), placesOf(y), (c, i, j) => out.push((c !== 0 ? p[i] : q[j]) ?? outside()));
  return [tensorOfIntegers(wideElemOf(x), dims, out)];
}

/**
 * Between 64-bit integers and everything else. Integers wrap around, floats round once. Throws `CheckFailure` for what is no
 * integer of 64 bits.
 */
export function wideCast([x]: readonly (HostTensor | undefined)[], to: ElemType): readonly HostTensor[] {
  if (!x) return bug('an operand is missing');
  const { dims } = x;
  if (isWideElem(to)) return [tensorOfIntegers(to, dims, isWideElem(x.elem) ? [...integersOf(x)] : Array.from(x.data, wholeOf))];
  const integers = integersOf(x);
  const one = (n: bigint): number => {
    if (to === 'bool') return n === 0n ? 0 : 1;
    if (isFloat(to)) return roundFloat(to, floatOfInteger(to, n));
    return wrapInteger(to, Number(BigInt.asUintN(32, n)));
  };
  return [{ elem: to, dims, data: Float64Array.from(integers, one) }];
}

function wholeOf(value: number): bigint {
  if (!Number.isFinite(value)) throw new CheckFailure('cast', String(value), 'a number');
  return BigInt(Math.trunc(value));
}
