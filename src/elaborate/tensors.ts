/** A value of the language where a tensor is wanted. */
import { wrongKind } from '../diagnostics/catalogue/values.ts';
import type { Span } from '../diagnostics/source.ts';
import type { Dim } from '../ir/dim.ts';
import type { Value } from '../ir/graph.ts';
import { type ElemType, isFloat } from '../ir/types.ts';
import { dimValue as dimValueOperator } from '../ops/generate.ts';
import { type LangValue, valueText } from '../ops/params.ts';
import { runCallable } from './callables.ts';
import { one } from './chains.ts';
import type { Context } from './context.ts';
import { live } from './failure.ts';
import { makeValue } from './nodes.ts';
import { literal, scalar } from './numbers.ts';
import type { Frame } from './scope.ts';
import { describe, isShort } from './values.ts';

/**
 * A value where a tensor is wanted: layers, blocks and bodies run on the current value, an int becomes an i64 scalar, a list of
 * ints a rank-1 i64 tensor, a float a scalar of `elem`.
 */
export function toTensor(c: Context, f: Frame, given: LangValue, span: Span, elem?: ElemType): Value {
  const value = live(given);
  switch (value.kind) {
    case 'tensor':
      return value.value;
    case 'callable':
      return toTensor(c, f, one(c, f, runCallable(c, f, value, span, undefined), span), span, elem);
    case 'int':
      return intTensor(c, f, value.dim, span, elem);
    case 'float':
      if (elem !== undefined && !isFloat(elem)) break;
      return literal(c, f, span, elem ?? 'f32', value.value);
    case 'bool':
      return scalar(c, 'bool', value.value ? 1 : 0);
    case 'list': {
      const numbers = value.items
        .map((item) => (item.kind === 'int' ? item.dim.constant : undefined))
        .filter((n) => n !== undefined);
      if (numbers.length > 0 && numbers.length === value.items.length)
        return c.graph.root.constant(
          c.content.literal({ elem: 'i64', dims: [numbers.length], data: Float64Array.from(numbers) }),
        );
      break;
    }
    default:
      break;
  }
  return c.fail(wrongKind, f, {
    span,
    with: {
      what: 'a tensor is wanted here',
      found: describe(value),
      expected: elem ? `a tensor of ${elem}` : 'one tensor',
      hint:
        value.kind === 'list'
          ? listHint(value)
          : value.kind === 'float'
            ? `write a whole number, or cast the tensor to f32`
            : 'write a tensor, a layer or a body',
    },
  });
}

function listHint(list: LangValue & { readonly kind: 'list' }): string {
  if (list.items.length === 0 || !isNumeric(list)) return 'take one element, such as `xs[0]`, or `concat` them';
  const elem = isWhole(list) ? ', i64' : '';
  const text = valueText(list);
  return isShort(text) ? `write \`tensor(${text}${elem})\`` : `write \`tensor(xs${elem})\`, with the list as \`xs\``;
}

/** Whether it is a number, or a list of numbers in lists or not. */
const isNumeric = (value: LangValue): boolean =>
  value.kind === 'list' ? value.items.every(isNumeric) : value.kind === 'int' || value.kind === 'float';

/** Whether a list holds ints alone, in lists or not. */
const isWhole = (value: LangValue): boolean => (value.kind === 'list' ? value.items.every(isWhole) : value.kind === 'int');

function intTensor(c: Context, f: Frame, dim: Dim, span: Span, elem: ElemType | undefined): Value {
  const n = dim.constant;
  if (n !== undefined) return literal(c, f, span, elem ?? 'i64', n);
  return makeValue(c, f, dimValueOperator, [], { dim: [dim] }, span);
}
