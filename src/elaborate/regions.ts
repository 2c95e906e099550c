/**
 * What crosses the border of a sub-graph: values of the language as tensors and back, and the condition that says whether, or
 * how often, a sub-graph runs.
 */
import { runCondition } from '../diagnostics/catalogue/values.ts';
import type { Span } from '../diagnostics/source.ts';
import type { Value } from '../ir/graph.ts';
import { type ElemType, type TensorType, typeText } from '../ir/types.ts';
import type { LangValue } from '../ops/params.ts';
import { reshape } from '../ops/reshape.ts';
import type { Stmt } from '../parser/ast.ts';
import type { Context } from './context.ts';
import { live } from './failure.ts';
import { makeValue } from './nodes.ts';
import type { Frame } from './scope.ts';
import { toTensor } from './tensors.ts';
import { describe, isNumbers, listValue, tensorValue, wholeText } from './values.ts';

/** One tensor, or a list of such structures. */
export type Structure = 'tensor' | readonly Structure[];

/** A value of the language as tensors, in their order in it. */
export interface Flat {
  readonly structure: Structure;
  readonly tensors: readonly Value[];
}

/** Numbers become scalars, of `elem` where it is given; a list of ints is one tensor, as it is elsewhere. */
export function flatten(c: Context, f: Frame, given: LangValue, span: Span, elem?: ElemType): Flat {
  const value = live(given);
  if (value.kind !== 'list' || isNumbers(value)) return { structure: 'tensor', tensors: [toTensor(c, f, value, span, elem)] };
  const parts = value.items.map((item) => flatten(c, f, item, span, elem));
  return { structure: parts.map((part) => part.structure), tensors: parts.flatMap((part) => part.tensors) };
}

function structureText(structure: Structure): string {
  return structure === 'tensor' ? 'a tensor' : `a list of ${structure.length}`;
}

/** In what two values are not alike, as texts; and the first types that are not, where it is these. */
export interface Difference {
  readonly texts: readonly [string, string];
  readonly types?: readonly [TensorType, TensorType];
}

export function difference(a: Flat, b: Flat, alike: (one: TensorType, two: TensorType) => boolean): Difference | undefined {
  if (JSON.stringify(a.structure) !== JSON.stringify(b.structure))
    return { texts: [structureText(a.structure), structureText(b.structure)] };
  const at = a.tensors.findIndex((x, i) => !alike(x.type, b.tensors[i]?.type ?? x.type));
  const [one, two] = [a.tensors[at]?.type, b.tensors[at]?.type];
  return one && two && { texts: [typeText(one), typeText(two)], types: [one, two] };
}

/** Where what a body gives is written: the values of its `return`, or else its end. */
export function spansOf(last: Stmt | undefined, count: number, end: Span): readonly Span[] {
  return last?.kind === 'return' && last.values.length === count
    ? last.values.map(({ span }) => span)
    : Array.from({ length: count }, () => end);
}

/** The value whose tensors come next in `from`. */
export function rebuild(c: Context, f: Frame, span: Span, structure: Structure, from: Iterator<Value, unknown>): LangValue {
  if (structure !== 'tensor')
    return c.list(
      structure.map((part) => rebuild(c, f, span, part, from)),
      span,
      f,
    );
  const next = from.next();
  return next.done ? listValue([]) : tensorValue(next.value);
}

/** A tensor of one element without axes. */
export function asScalar(c: Context, f: Frame, value: Value, span: Span): Value {
  return value.type.dims.length === 0 ? value : makeValue(c, f, reshape, [value], { shape: [] }, span);
}

/** A condition that is known when the model runs: a bool of one element, as a scalar. */
export function conditionScalar(c: Context, f: Frame, value: Value, span: Span, construct: 'if' | 'loop'): Value {
  const { elem, dims } = value.type;
  const single = dims.every((d) => d.constant === 1);
  if (elem === 'bool' && single) return asScalar(c, f, value, span);
  const text = wholeText(span);
  return c.fail(runCondition, f, {
    span,
    with: {
      found: typeText(value.type),
      expected: construct === 'if' ? '`bool[]`, which decides for the whole tensor' : '`bool[]`: whether to take one more turn',
      hint:
        elem !== 'bool'
          ? `compare ${single ? 'it' : 'one number of it'}: \`${single ? text : `reduce_max(${text})`} > 0\``
          : construct === 'if'
            ? 'write `where(condition, a, b)` to choose for each element, or reduce the condition to one element'
            : 'reduce what it compares to one element, such as the largest: `reduce_max(x) > 0.1`',
    },
  });
}

/** What a value is said to be where a condition was wanted and none came. */
export function noCondition(c: Context, f: Frame, value: LangValue, span: Span): never {
  return c.fail(runCondition, f, {
    span,
    with: {
      found: describe(value),
      expected: 'a bool, or a tensor `bool[]`',
      hint:
        value.kind === 'int' || value.kind === 'float' ? `compare it: \`${wholeText(span)} > 0\`` : 'compare it with something',
    },
  });
}

/** Names for the inputs, or the outputs, of one sub-graph: the one asked for, numbered from the second on. */
export function portNames(): (name: string) => string {
  const taken = new Set<string>();
  return (name) => {
    let free = name;
    for (let n = 1; taken.has(free); n++) free = `${name}_${n}`;
    taken.add(free);
    return free;
  };
}
