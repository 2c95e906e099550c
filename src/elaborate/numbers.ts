/** Numbers of the source as constants of the graph, refused where their element type cannot hold them. */
import { wrongKind } from '../diagnostics/catalogue/values.ts';
import type { Span } from '../diagnostics/source.ts';
import { floatFacts, integerRange } from '../ir/elem.ts';
import type { Value } from '../ir/graph.ts';
import type { ElemType } from '../ir/types.ts';
import type { Context } from './context.ts';
import type { Frame } from './scope.ts';

export function scalar(c: Context, elem: ElemType, value: number): Value {
  return c.graph.root.constant(c.content.literal({ elem, dims: [], data: Float64Array.of(value) }));
}

/** Refuses a number that is infinite after rounding to a float type. */
export function checkFinite(c: Context, f: Frame, span: Span, elem: ElemType, value: number): void {
  const float = floatFacts(elem);
  if (!float || Math.abs(value) < float.overflow) return;
  c.fail(wrongKind, f, {
    span,
    with: {
      what: `this number does not fit into ${elem}`,
      found: String(value),
      expected: `a number from ${-float.largest} to ${float.largest}`,
      hint: elem === 'f64' ? 'write a smaller number' : `write a smaller number, or cast the tensor first: \`it -> cast(f32)\``,
    },
  });
}

/** A number as a scalar of an element type, which must be able to hold it. */
export function finiteScalar(c: Context, f: Frame, span: Span, elem: ElemType, value: number): Value {
  checkFinite(c, f, span, elem, value);
  return scalar(c, elem, value);
}

/** A literal as a scalar of the tensor beside it, which must be able to hold it. */
export function literal(c: Context, f: Frame, span: Span, elem: ElemType, value: number): Value {
  checkFinite(c, f, span, elem, value);
  // Beyond them a number wraps.
  const [low, high] = integerRange(elem) ?? [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  if (value >= low && value <= high) return scalar(c, elem, value);
  return c.fail(wrongKind, f, {
    span,
    with: {
      what: `this number does not fit into ${elem}`,
      found: String(value),
      expected: `a number from ${low} to ${high}`,
      hint: 'cast the tensor first: `it -> cast(i64)`',
    },
  });
}
