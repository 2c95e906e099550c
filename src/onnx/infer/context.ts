/** What a rule of type inference is given, and what rules share. */
import { Dim, DimOverflow } from '../../ir/dim.ts';
import { elemOfDataType, otherElem } from '../../ir/elem.ts';
import { type Check, CheckFailure } from '../../ir/operator.ts';
import type { ElemType } from '../../ir/types.ts';
import type { NodeAttributes } from '../node-attributes.ts';
import { otherTensor, type PartialDims, type PartialType, ranked, unknown } from './partial-type.ts';

export interface InferenceContext {
  readonly domain: string;
  readonly opType: string;
  readonly attributes: NodeAttributes;
  readonly operandCount: number;
  /** Results that the node names, left out ones between them. */
  readonly resultCount: number;
  /** Whether operand i is there. */
  has(index: number): boolean;
  /** As far as it is known of operand i; nothing of one that is left out. */
  operand(index: number): PartialType;
  /** Elements of a small integer operand, as far as they are known. */
  elements(index: number): readonly (Dim | undefined)[] | undefined;
  /** The same as bounds of a slice: integers beyond 2^53 come as ±(2^53 − 1). */
  bounds(index: number): readonly (Dim | undefined)[] | undefined;
  /** The numbers of a small constant operand. */
  numbers(index: number): ArrayLike<number> | undefined;
  /** The results of each sub-graph. */
  readonly bodies: readonly (readonly PartialType[])[];
}

/**
 * What is known of every result. An attribute that is missing or of another kind may throw `AttributeError`, a size that no
 * number is `DimOverflow`.
 */
export type Rule = (context: InferenceContext) => readonly PartialType[];
export type RuleTable = Readonly<Record<string, Rule>>;

/** `CheckFailure`, for formulas of the registry's operators. */
export const check: Check = (label, holds, found, expected, hint) => {
  if (!holds) throw new CheckFailure(label, found, expected, hint);
};

/** A size by a formula of the registry; undefined where that refuses. */
export function sizeBy(formula: () => Dim): Dim | undefined {
  try {
    const d = formula();
    return d.upperBound < 0 ? undefined : d;
  } catch (error) {
    if (error instanceof CheckFailure || error instanceof DimOverflow) return undefined;
    throw error;
  }
}

/** `-1` is the last of `rank` axes. */
export function axisFrom(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis;
}

/** One rule for operators of several names. */
export function each(names: string, rule: Rule): RuleTable {
  return Object.fromEntries(names.split(' ').map((name) => [name, rule]));
}

/** The same type as operand i. */
export const like =
  (index: number): Rule =>
  (c) => [c.operand(index)];

export const shapeLike =
  (index: number, elem: ElemType): Rule =>
  (c) => [{ elem, dims: c.operand(index).dims }];

/** NumPy's rule where something is unknown: a known size other than 1 is the result's, because the other one is it or 1. */
export function broadcast(...all: readonly (PartialDims | undefined)[]): PartialDims | undefined {
  let out: PartialDims = [];
  for (const dims of all) {
    if (!dims) return undefined;
    const rank = Math.max(out.length, dims.length);
    const before = out;
    out = Array.from({ length: rank }, (_, i) => {
      const a = i - rank + before.length < 0 ? Dim.one : before[i - rank + before.length];
      const b = i - rank + dims.length < 0 ? Dim.one : dims[i - rank + dims.length];
      if (a === b || b?.constant === 1) return a;
      if (a?.constant === 1) return b;
      if (a?.constant !== undefined) return a;
      return b?.constant !== undefined ? b : undefined;
    });
  }
  return out;
}

/** A type of these sizes and of the element type that attribute `to` or `dtype` names. */
export function named(
  { attributes }: InferenceContext,
  attribute: string,
  otherwise: number,
  dims: PartialDims | undefined,
): PartialType {
  const dataType = attributes.int(attribute, otherwise);
  const elem = elemOfDataType(dataType);
  if (elem) return { elem, dims };
  if (!otherElem(dataType)) return unknown;
  const numbers: number[] = [];
  for (const d of dims ?? []) if (d?.constant !== undefined) numbers.push(d.constant);
  return { foreign: otherTensor(dataType, dims && numbers.length === dims.length ? numbers : undefined) };
}

/** Axes as an attribute (older forms) or as operand i; none are an empty list, and undefined where they are not known. */
export function axesOf(c: InferenceContext, index: number): readonly number[] | undefined {
  const given = c.attributes.ints('axes');
  if (given) return given;
  if (!c.has(index)) return [];
  const out: number[] = [];
  for (const d of c.elements(index) ?? [undefined]) {
    if (d?.constant === undefined) return undefined;
    out.push(d.constant);
  }
  return out;
}

/** A list of integers as an attribute (older forms) or as operand i. */
export function listOf(c: InferenceContext, name: string, index: number): readonly (Dim | undefined)[] | undefined {
  return c.attributes.ints(name)?.map((n) => Dim.of(n)) ?? c.elements(index);
}

/** A shape as operand i: as many axes as it has elements. */
export function shapeFrom(c: InferenceContext, index: number): PartialDims | undefined {
  const known = c.elements(index);
  if (known) return known.map((d) => (d && d.lowerBound >= 0 ? d : undefined));
  return ranked(c.operand(index).dims?.[0]?.constant);
}
