/** `xs[i]`, `xs[a:b]`, `x[:, 0]`: elements and slices of lists, sizes and tensors. */
import { at } from '../diagnostics/at.ts';
import { badIndex, wrongKind } from '../diagnostics/catalogue/values.ts';
import type { Span } from '../diagnostics/source.ts';
import { Dim } from '../ir/dim.ts';
import type { Value } from '../ir/graph.ts';
import { typeText } from '../ir/types.ts';
import type { LangValue } from '../ops/params.ts';
import { squeeze } from '../ops/reshape.ts';
import { slice } from '../ops/slice.ts';
import type { Expr, IndexExpr, Sub } from '../parser/ast.ts';
import { ran } from './callables.ts';
import type { Context } from './context.ts';
import { live } from './failure.ts';
import { makeValue } from './nodes.ts';
import type { Frame } from './scope.ts';
import { toTensor } from './tensors.ts';
import { describe, intValue, sourceText } from './values.ts';

export function evaluateIndex(c: Context, f: Frame, expr: IndexExpr): LangValue {
  return c.nest(expr.span, f, () => elementsOf(c, f, expr));
}

function elementsOf(c: Context, f: Frame, expr: IndexExpr): LangValue {
  const base = ran(c, f, live(c.evaluate(f, expr.base)), expr.base.span);
  if (base.kind === 'list' || base.kind === 'size') {
    const items = base.kind === 'list' ? base.items : base.dims.map(intValue);
    const [sub] = expr.subs;
    if (!sub || expr.subs.length > 1) {
      return c.fail(badIndex, f, {
        span: expr.span,
        with: { found: `${expr.subs.length} indices`, expected: 'one index into a list', hint: 'write one index or `a:b`' },
      });
    }
    if (sub.kind === 'slice') {
      const from = clamp(sub.from ? knownInt(c, f, sub.from) : 0, items.length);
      const to = clamp(sub.to ? knownInt(c, f, sub.to) : items.length, items.length);
      return c.list(items.slice(from, Math.max(from, to)), expr.span, f);
    }
    const i = knownInt(c, f, sub.value);
    const item = items[i < 0 ? i + items.length : i];
    if (item && Math.abs(i) <= items.length) return live(item);
    return c.fail(badIndex, f, {
      span: sub.span,
      with: {
        found: `index ${i}`,
        expected: items.length === 0 ? 'a list that is not empty' : `an index from 0 to ${items.length - 1}`,
        hint: items.length === 0 ? 'check how the list is made' : `write ${items.length - 1} for the last`,
      },
    });
  }
  if (base.kind === 'tensor' || base.kind === 'callable')
    return { kind: 'tensor', value: sliceTensor(c, f, toTensor(c, f, base, expr.base.span), expr.subs, expr.span) };
  return c.fail(wrongKind, f, {
    span: expr.base.span,
    with: {
      what: 'only lists, sizes and tensors have elements',
      found: describe(base),
      expected: 'a list, a size or a tensor',
      hint: `write \`${sourceText(expr.base.span)}\` without an index`,
    },
  });
}

function clamp(i: number, length: number): number {
  return Math.min(length, Math.max(0, i < 0 ? i + length : i));
}

function knownInt(c: Context, f: Frame, expr: Expr): number {
  const value = live(c.evaluate(f, expr));
  const n = value.kind === 'int' ? value.dim.constant : undefined;
  if (n !== undefined) return n;
  return c.fail(wrongKind, f, {
    span: expr.span,
    with: {
      what: 'a known int is wanted here',
      found: describe(value),
      expected: 'an int',
      hint: 'use a number, a parameter or the index of a repetition',
    },
  });
}

/** NumPy's basic slicing: `x[:, 0]` takes the axis away, `x[:, a:b]` keeps it. */
function sliceTensor(c: Context, f: Frame, x: Value, subs: readonly Sub[], span: Span): Value {
  const rank = x.type.dims.length;
  if (subs.length > rank) {
    return c.fail(badIndex, f, {
      span,
      with: { found: `${subs.length} indices for ${typeText(x.type)}`, expected: `at most ${rank}`, hint: 'remove an index' },
    });
  }
  const starts: Dim[] = [];
  const ends: Dim[] = [];
  const axes: number[] = [];
  const dropped: number[] = [];
  subs.forEach((sub, axis) => {
    const extent = at(x.type.dims, axis);
    const position = (expr: Expr): Dim => {
      const value = live(c.evaluate(f, expr));
      if (value.kind !== 'int') {
        return c.fail(wrongKind, f, {
          span: expr.span,
          with: {
            what: 'tensors are indexed by ints',
            found: describe(value),
            expected: 'an int',
            hint: 'to pick by a tensor, write `x -> gather(index)`',
          },
        });
      }
      return value.dim.upperBound < 0 ? extent.plus(value.dim) : value.dim;
    };
    if (sub.kind === 'at') {
      const start = position(sub.value);
      if (start.lessThan(extent) === 'no' || start.upperBound < 0) {
        c.fail(badIndex, f, {
          span: sub.span,
          with: { found: `index ${start.toString()}`, expected: `less than ${extent.toString()}`, hint: 'check the axis' },
        });
      }
      starts.push(start);
      ends.push(start.plus(1));
      axes.push(axis);
      dropped.push(axis);
    } else if (sub.from || sub.to) {
      const from = sub.from ? position(sub.from) : Dim.zero;
      const to = sub.to ? position(sub.to) : extent;
      starts.push(from);
      ends.push(to);
      axes.push(axis);
    }
  });
  if (axes.length === 0) return x;
  const cut = makeValue(c, f, slice, [x], { starts, ends, axes, steps: axes.map(() => 1) }, span);
  return dropped.length === 0 ? cut : makeValue(c, f, squeeze, [cut], { axes: dropped }, span);
}
