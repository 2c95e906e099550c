/** `xs[i]`, `xs[a:b]`, `x[:, 0]`: elements and slices of lists, sizes and tensors. */
import { at } from '../diagnostics/at.ts';
import { badIndex, wrongKind } from '../diagnostics/catalogue/values.ts';
import type { Span } from '../diagnostics/source.ts';
import { Dim } from '../ir/dim.ts';
import type { Value } from '../ir/graph.ts';
import { typeText } from '../ir/types.ts';
import type { LangValue } from '../ops/params.ts';
import { squeeze } from '../ops/reshape.ts';
import { slice, slicePlaces } from '../ops/slice.ts';
import { toTheEnd } from '../ops/slice-axes.ts';
import type { Expr, IndexExpr, Sub } from '../parser/ast.ts';
import { ran } from './callables.ts';
import type { Context } from './context.ts';
import { live } from './failure.ts';
import { makeValue } from './nodes.ts';
import type { Frame } from './scope.ts';
import { toTensor } from './tensors.ts';
import { describe, intValue, wholeText } from './values.ts';

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
      const bound = (part: Expr | undefined): number | undefined => part && knownInt(c, f, part);
      const places = slicePlaces(items.length, bound(sub.from), bound(sub.to), stepOf(c, f, sub));
      return c.list(
        [...places].map((i) => at(items, i)),
        expr.span,
        f,
      );
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
      hint: `write \`${wholeText(expr.base.span)}\` without an index`,
    },
  });
}

/** The step of a slice, 1 where none is written. */
function stepOf(c: Context, f: Frame, sub: Extract<Sub, { readonly kind: 'slice' }>): number {
  const step = sub.step ? knownInt(c, f, sub.step) : 1;
  if (step !== 0 || !sub.step) return step;
  return c.fail(badIndex, f, {
    span: sub.step.span,
    with: {
      found: 'a step of 0',
      expected: 'a step other than 0',
      hint: 'write `::2` for every second, `::-1` for all backwards',
    },
  });
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

/** NumPy's basic slicing: `x[:, 0]` takes the axis away, `x[:, a:b]` and `x[:, a:b:step]` keep it. */
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
  const steps: number[] = [];
  const axes: number[] = [];
  const dropped: number[] = [];
  subs.forEach((sub, axis) => {
    const extent = at(x.type.dims, axis);
    const written = (expr: Expr): Dim => {
      const value = live(c.evaluate(f, expr));
      if (value.kind !== 'int') {
        return c.fail(wrongKind, f, {
          span: expr.span,
          with: {
            what: 'tensors are indexed by ints',
            found: describe(value),
            expected: 'an int',
            hint:
              value.kind === 'tensor' && value.value.type.elem === 'bool'
                ? 'to keep what a mask says, write `x -> filter(mask)`'
                : 'to pick by a tensor, write `x -> gather(index)`',
          },
        });
      }
      return value.dim;
    };
    const fromFront = (position: Dim): Dim => (position.upperBound < 0 ? extent.plus(position) : position);
    // Of a known axis ends are counted from the beginning; of others `slice` does it, without arithmetic in the file.
    const bound = (expr: Expr): Dim => (extent.constant === undefined ? written(expr) : fromFront(written(expr)));
    if (sub.kind === 'at') {
      const given = written(sub.value);
      const start = fromFront(given);
      if (start.lessThan(extent) === 'no' || start.upperBound < 0) {
        c.fail(badIndex, f, {
          span: sub.span,
          with: { found: `index ${given.toString()}`, expected: `less than ${extent.toString()}`, hint: 'check the axis' },
        });
      }
      starts.push(start);
      ends.push(start.plus(1));
      axes.push(axis);
      steps.push(1);
      dropped.push(axis);
      return;
    }
    const step = stepOf(c, f, sub);
    if (!sub.from && !sub.to && step === 1) return;
    const open = step > 0 ? { from: Dim.zero, to: extent } : { from: Dim.of(toTheEnd), to: Dim.of(-toTheEnd) };
    starts.push(sub.from ? bound(sub.from) : open.from);
    ends.push(sub.to ? bound(sub.to) : open.to);
    axes.push(axis);
    steps.push(step);
  });
  if (axes.length === 0) return x;
  const cut = makeValue(c, f, slice, [x], { starts, ends, axes, steps }, span);
  return dropped.length === 0 ? cut : makeValue(c, f, squeeze, [cut], { axes: dropped }, span);
}
