/** What is known of the numbers of an expression, and all of them at once, for whoever does not pull them piece by piece. */

import { bug } from '../diagnostics/diagnostic.ts';
import type { Content } from '../ir/content.ts';
import type { Graph, Value } from '../ir/graph.ts';
import type { HostTensor } from '../ir/types.ts';
import { graphsIn } from '../ir/walk.ts';
import { isWideElem, tensorOfIntegers, wideArray } from '../ir/wide.ts';
import { Expr, own, type WeightExpr } from './expr.ts';
import { Full, Initial } from './leaves.ts';
import { chunked, type Pending } from './pieces.ts';
import { sessionOf } from './session.ts';

/** The expression of a constant value of a graph; any other value is a bug of the caller. */
export function exprOf(value: Value): WeightExpr {
  const content = value.content;
  return content instanceof Expr ? content : bug(`value ${value.name ?? value.id} is no constant with a weight expression`);
}

/** The same for a content that no value has. */
export function asExpr(content: Content): WeightExpr {
  return content instanceof Expr ? content : bug('a content that is no weight expression');
}

/** All elements of a tensor whose 64-bit integers are kept as such; undefined for every other. */
function exactly(expr: WeightExpr): HostTensor | Promise<HostTensor> | undefined {
  const { elem, dims } = expr;
  if (!isWideElem(elem)) return undefined;
  const integers = wideArray(elem, expr.count);
  const pending = expr.fillIntegers(0, integers);
  if (pending === false) return undefined;
  return pending ? pending.then(() => tensorOfIntegers(elem, dims, integers)) : tensorOfIntegers(elem, dims, integers);
}

function dataOf(expr: WeightExpr): { readonly data: Float64Array; readonly pending: Pending } {
  const known = expr.resident;
  if (known) return { data: known.slice(), pending: undefined };
  const data = new Float64Array(expr.count);
  return { data, pending: chunked(expr.count, (start, end) => expr.fill(start, data.subarray(start, end))) };
}

/** Every element, in memory and the caller's own; rounded nowhere. */
export async function materialize(expr: WeightExpr): Promise<HostTensor> {
  const exact = await exactly(expr);
  if (exact) return exact;
  const { data, pending } = dataOf(expr);
  await pending;
  return { elem: expr.elem, dims: expr.dims, data };
}

/** The same at once; undefined when a leaf has no content or must be awaited. */
export function materializeSync(expr: WeightExpr): HostTensor | undefined {
  if (!expr.sync) return undefined;
  const exact = exactly(expr);
  if (exact && !(exact instanceof Promise)) return exact;
  const { data, pending } = dataOf(expr);
  return pending instanceof Promise
    ? bug(`${expr.kind} calls itself synchronous and is not`)
    : { elem: expr.elem, dims: expr.dims, data };
}

/** The expressions themselves and all that they are made of. */
function partsOf(roots: readonly Expr[]): ReadonlySet<Expr> {
  const parts = new Set<Expr>();
  const stack = [...roots];
  for (let x = stack.pop(); x; x = stack.pop()) {
    if (parts.has(x)) continue;
    parts.add(x);
    stack.push(...x.below);
  }
  return parts;
}

/** The leaves below an expression, each once, in order of creation. */
export function sourcesOf(expr: WeightExpr): readonly WeightExpr[] {
  return [...partsOf([own(expr)])].filter(({ below }) => below.length === 0).sort((a, b) => a.id - b.id);
}

/** Whether every element is finite; undefined when that is not known without reading a large tensor. */
export function finite(expr: WeightExpr): boolean | undefined {
  if (expr instanceof Full) return expr.count === 0 || Number.isFinite(expr.value);
  if (expr instanceof Initial && Number.isFinite(expr.bound)) return true;
  return expr.resident?.every((x) => Number.isFinite(x));
}

/** The number that every element is, when the expression is written as one (`full`). */
export function uniformValue(expr: WeightExpr): number | undefined {
  return expr instanceof Full ? expr.value : undefined;
}

/**
 * Forgets which expressions were made on the way to a graph's constants and are no part of any: passes make many. One that is
 * made once more is a new expression then, where another graph of the session still holds the old one.
 */
export function forgetUnused(graph: Graph): void {
  const session = sessionOf(graph);
  // By number, not as a set: a deep network has millions of parts.
  const live = new Uint8Array(session.expressions);
  const stack: Expr[] = [];
  const see = (content: Content | undefined): void => {
    if (!(content instanceof Expr) || live[content.id] === 1) return;
    live[content.id] = 1;
    // Numbers that rules have looked at take more room than all else, and few of them are asked for again.
    content.forget();
    stack.push(content);
  };
  for (const one of graphsIn(graph)) {
    for (const { content } of one.constants()) see(content);
    for (const content of one.defaults.values()) see(content);
  }
  for (let x = stack.pop(); x; x = stack.pop()) x.below.forEach(see);
  session.keep((one) => live[one.id] === 1);
}
