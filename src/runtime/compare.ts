/**
 * How far an output is off, and how far it may be.
 *
 * The error of an output is max|y − r| / max|r|, never elementwise: an element that is small by cancellation carries the rounding
 * of the large terms it came from. A reference that is 0 everywhere makes the error absolute. Not a number and infinities must be
 * where the reference has them.
 *
 * e0 is the error of the unoptimised model on CPU with the optimiser off. It must stay within a limit, else the model or the
 * runtime is at fault; every other run within min(limit, max(8·e0, floor)). Measured: 3e-7 to 7e-7 on CPU up to ResNet-152.
 *
 *   precision  limit   floor    why
 *   f64        1e-9    2^-40    few kernels exist, and those are not all correct to the last digits
 *   f32        1e-5    2^-18    unit roundoff 2^-24; 2^-18 is 64 of them
 *   f16        1e-2    2^-9     unit roundoff 2^-11; some twenty roundings of the largest value, where kernels keep sums in f16
 *   bf16       8e-2    2^-6     unit roundoff 2^-8, likewise
 *
 * The precision is that of the coarsest float in either graph. GPU providers are held to the limit alone: WGSL allows a division
 * 2.5 units in the last place, exp 3 + 2|x|, and leaves the order of sums and fused multiply-adds open (measured: 1.1e-6 on
 * ResNet-50).
 */
import { outside } from '../diagnostics/at.ts';
import { elemTypes, type FloatElem, floatFacts } from '../ir/elem.ts';
import type { Graph } from '../ir/graph.ts';
import { type ElemType, type HostTensor, isFloat } from '../ir/types.ts';
import { sameInteger } from '../ir/wide.ts';

export interface OutputError {
  readonly name: string;
  readonly elem: ElemType;
  /** max|y − r|; the number of unequal elements for integers and booleans. */
  readonly absolute: number;
  /** max|y − r| / max|r|; for integers and booleans the share of unequal elements. */
  readonly relative: number;
  /** max|r| */
  readonly largest: number;
  /** Row-major index of the largest error. */
  readonly at: number;
  readonly tolerance: number;
  /** Unequal elements of an argmax or comparison that the noise of its operands explains; they are not counted as errors. */
  readonly excused: number;
  /** False where the element type holds too little of the output to say anything; `ok` is true then. */
  readonly comparable?: false;
  readonly ok: boolean;
}

export type Precision = FloatElem;
const coarsestFirst = elemTypes.filter(isFloat).sort((a, b) => floatFacts(a).significand - floatFacts(b).significand);

/** The coarsest float of the graphs. */
export function precisionOf(graphs: readonly Graph[]): Precision {
  const seen = new Set<ElemType>();
  for (const graph of graphs) {
    for (const input of graph.inputs) seen.add(input.type.elem);
    for (const node of graph.nodes()) for (const y of node.results) seen.add(y.type.elem);
  }
  return coarsestFirst.find((elem) => seen.has(elem)) ?? 'f32';
}

/** Compares one output with the reference. Integers and booleans must be equal. */
export function compareOutputs(name: string, y: HostTensor, r: HostTensor, tolerance: number): OutputError {
  const none = { name, elem: r.elem, tolerance, excused: 0 };
  if (y.elem !== r.elem || y.dims.join() !== r.dims.join()) {
    return { ...none, absolute: Infinity, relative: Infinity, largest: Number.NaN, at: 0, ok: false };
  }
  if (!isFloat(r.elem)) {
    let unequal = 0;
    let at = 0;
    let largest = 0;
    for (let i = r.data.length - 1; i >= 0; i--) {
      largest = Math.max(largest, Math.abs(Number(r.wide?.[i] ?? r.data[i] ?? 0)));
      if (sameInteger(y, r, i)) continue;
      unequal++;
      at = i;
    }
    return {
      ...none,
      tolerance: 0,
      absolute: unequal,
      relative: r.data.length === 0 ? 0 : unequal / r.data.length,
      largest,
      at,
      ok: unequal === 0,
    };
  }
  let absolute = 0;
  let largest = 0;
  let at = 0;
  for (let i = 0; i < r.data.length; i++) {
    const expected = r.data[i] ?? outside();
    const actual = y.data[i] ?? outside();
    if (Number.isFinite(expected)) largest = Math.max(largest, Math.abs(expected));
    if (Object.is(actual, expected)) continue;
    const difference = Math.abs(actual - expected);
    // NaN against anything, and an infinity that is not there, differ infinitely.
    const error = Number.isNaN(difference) ? Infinity : difference;
    if (error > absolute) {
      absolute = error;
      at = i;
    }
  }
  const relative = largest > 0 ? absolute / largest : absolute;
  return { ...none, absolute, relative, largest, at, ok: relative <= tolerance };
}

/** `3.1e-4 of the largest element`, for messages. */
export function errorText(output: OutputError): string {
  if (!isFloat(output.elem)) return `${output.absolute} unequal elements`;
  if (output.relative === Infinity) return 'another shape, or no number where there is one';
  return `${exponent(output.relative)} of the largest element`;
}

/** `3.1e-7`, `0`, `inf`: seven characters at most. */
export function exponent(x: number): string {
  if (x === 0) return '0';
  if (!Number.isFinite(x)) return 'inf';
  return x.toExponential(1);
}
