/** `in 0..1 mean=[…] std=[…]` of an input, and `in 0..255` of an output: what their numbers lie in. */
import { badNormalization, badRange, normalizedOutput, rangeUnknown } from '../diagnostics/catalogue/values.ts';
import { fittingRange, rangeProblem, rangeText, type ValueRange } from '../ir/ranges.ts';
import { type TensorType, typeText } from '../ir/types.ts';
import type { Expr, RangeNode } from '../parser/ast.ts';
import type { Context } from './context.ts';
import { live } from './failure.ts';
import type { Frame } from './scope.ts';
import { describe, numberOf } from './values.ts';

function known(c: Context, f: Frame, expr: Expr, what: string): number {
  const value = live(c.evaluate(f, expr));
  const number = numberOf(value);
  if (number !== undefined) return number;
  return c.fail(rangeUnknown, f, { span: expr.span, with: { what, found: describe(value) } });
}

/** One number or a list of them. */
function numbers(c: Context, f: Frame, expr: Expr, what: string): readonly number[] {
  const value = live(c.evaluate(f, expr));
  const single = numberOf(value);
  if (single !== undefined) return [single];
  const list = value.kind === 'list' ? value.items.map((item) => numberOf(live(item))) : [];
  const all = list.filter((item) => item !== undefined);
  if (all.length > 0 && all.length === list.length) return all;
  return c.fail(rangeUnknown, f, { span: expr.span, with: { what, found: describe(value) } });
}

/** The range of an input or output as its declaration says it. Reports what does not fit the type, and gives up then. */
export function declaredRange(
  c: Context,
  f: Frame,
  node: RangeNode,
  of: { readonly what: 'input' | 'output'; readonly name: string; readonly type: TensorType },
): ValueRange {
  const option = node.mean ?? node.std;
  if (option && of.what === 'output')
    return c.fail(normalizedOutput, f, { span: option.span, with: { option: node.mean ? 'mean' : 'std' } });
  const low = known(c, f, node.low, 'the lower end of a range');
  const high = known(c, f, node.high, 'the upper end of a range');
  const mean = node.mean && numbers(c, f, node.mean, 'a mean');
  const std = node.std && numbers(c, f, node.std, 'a standard deviation');
  const range: ValueRange = { low, high, ...(mean && { mean }), ...(std && { std }) };
  const problem = rangeProblem(of.type, range);
  if (!problem) return range;
  const { part, found, expected } = problem;
  const type = typeText(of.type);
  if (part === 'range') {
    const span = { ...node.low.span, end: node.high.span.end };
    const fit = rangeText(fittingRange(of.type.elem, range));
    const hint = of.type.elem === 'bool' ? 'leave the range out' : `write \`in ${fit}\``;
    return c.fail(badRange, f, { span, with: { name: of.name, found, expected, hint } });
  }
  const span = (part === 'mean' ? node.mean : node.std)?.span ?? node.span;
  return c.fail(badNormalization, f, {
    span,
    with: { option: part, type, found, expected, hint: hintFor(part, expected, of.type) },
  });
}

function hintFor(part: 'mean' | 'std', expected: string, type: TensorType): string {
  const usual = part === 'mean' ? ['0.485', '0.456', '0.406'] : ['0.229', '0.224', '0.225'];
  const count = /\b(\d+) for the channels/.exec(expected)?.[1];
  if (expected.startsWith('a range alone')) return `take \`${part}=…\` away, or make the input f32 instead of ${type.elem}`;
  if (count === '3') return `write \`${part}=[${usual.join(', ')}]\``;
  return `write \`${part}=[${usual[0]}]\``;
}
