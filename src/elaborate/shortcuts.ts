/** Shortcuts that make up for a body that strides or widens: options A, B and C of He et al. 2015 (arXiv:1512.03385, §4.1). */
import { at } from '../diagnostics/at.ts';
import { padNarrows, strideUnknown } from '../diagnostics/catalogue/shapes.ts';
import { unknownArgument, wrongArgument } from '../diagnostics/catalogue/values.ts';
import { bug } from '../diagnostics/diagnostic.ts';
import type { Span } from '../diagnostics/source.ts';
import { Dim } from '../ir/dim.ts';
import type { Value } from '../ir/graph.ts';
import { typeText } from '../ir/types.ts';
import { convLayer } from '../ops/conv.ts';
import { linearLayer } from '../ops/linear.ts';
import { batchnormLayer } from '../ops/norm-layers.ts';
import { pad } from '../ops/pad.ts';
import type { LangValue } from '../ops/params.ts';
import { slice } from '../ops/slice.ts';
import { runCallable } from './callables.ts';
import { one } from './chains.ts';
import type { Context } from './context.ts';
import { makeValue } from './nodes.ts';
import { type Frame, joinPath } from './scope.ts';
import { toTensor } from './tensors.ts';
import { callable, describe, type GivenArg, intValue, listValue, numberOf, type ShortcutTarget } from './values.ts';

/** Option A: every s-th element per axis, new channels as zeros, half before and half behind. */
export function optionA(c: Context, f: Frame, x: Value, body: Value, span: Span): Value {
  const strides = totalStride(c, f, x, body, span);
  const from = channelsOf(x);
  const to = channelsOf(body);
  const grown = to.minus(from).constant;
  if (grown === undefined || grown < 0)
    return c.fail(padNarrows, f, { span, with: { body: to.toString(), input: from.toString() } });
  let y = x;
  const rank = x.type.dims.length;
  if (strides.some((s) => s !== 1)) {
    const axes = strides.flatMap((s, i) => (s === 1 ? [] : [i + 2]));
    const attrs = {
      starts: axes.map(() => Dim.zero),
      ends: axes.map((axis) => at(x.type.dims, axis)),
      axes,
      steps: axes.map((axis) => at(strides, axis - 2)),
    };
    y = makeValue(c, f, slice, [y], attrs, span);
  }
  if (grown > 0) {
    const begins = Array.from({ length: rank }, (_, axis) => (axis === 1 ? Math.floor(grown / 2) : 0));
    const ends = Array.from({ length: rank }, (_, axis) => (axis === 1 ? grown - Math.floor(grown / 2) : 0));
    y = makeValue(c, f, pad, [y], { pads: [...begins, ...ends] }, span);
  }
  return y;
}

/** Options B and C: children `0: conv(c, 1x1, stride)` and `1: norm` of a scope, if there are any; a linear at rank 2. */
export function projection(
  c: Context,
  f: Frame,
  target: ShortcutTarget,
  x: Value,
  body: Value,
  span: Span,
  scope: () => string,
): Value {
  const { args } = target;
  for (const name of args.named.keys()) {
    if (!['norm', 'bias', 'stride'].includes(name))
      c.fail(unknownArgument, f, {
        span,
        with: { callee: target.name, name, expected: 'norm, bias or stride', hint: 'write `project(norm=none)`' },
      });
  }
  if (args.positional.length > 0)
    c.fail(unknownArgument, f, {
      span,
      with: {
        callee: target.name,
        name: 'an unnamed argument',
        expected: 'norm=, bias= or stride=',
        hint: 'write `project(stride=2)`',
      },
    });
  const said = args.named.get('stride');
  const strides = said ? saidStride(c, f, said.value, x, said.span) : totalStride(c, f, x, body, span);
  const channels = channelsOf(body);
  if (target.name === 'project' && strides.every((s) => s === 1) && channels === channelsOf(x)) return x;
  const bias = args.named.get('bias');
  const flat = x.type.dims.length === 2;
  const layer = flat ? linearLayer : convLayer;
  const named = new Map<string, GivenArg>([['bias', { value: bias?.value ?? { kind: 'bool', value: false }, span }]]);
  const positional: GivenArg[] = [{ value: { kind: 'int', dim: channels }, span }];
  if (!flat) {
    positional.push({ value: intValue(1), span });
    named.set('stride', { value: listValue(strides.map(intValue)), span });
  }
  const path = joinPath(f.path, scope());
  const run = (value: LangValue, label: string, it: Value): Value => {
    const at: Frame = { ...f, path, it: { kind: 'tensor', value: it } };
    return toTensor(c, at, one(c, at, runCallable(c, at, value, span, label), span), span);
  };
  const y = run(callable(layer.name, { kind: 'layer', layer, args: { positional, named }, span }), '0', x);
  const norm = args.named.get('norm');
  if (norm) {
    const value = norm.value;
    if (value.kind === 'callable' && value.name === 'none') return y;
    return run(value, '1', y);
  }
  return run(
    callable(batchnormLayer.name, { kind: 'layer', layer: batchnormLayer, args: { positional: [], named: new Map() }, span }),
    '1',
    y,
  );
}

function saidStride(c: Context, f: Frame, value: LangValue, x: Value, span: Span): readonly number[] {
  const axes = x.type.dims.length - 2;
  const items =
    value.kind === 'list'
      ? value.items.map(numberOf)
      : value.kind === 'size'
        ? value.dims
        : Array.from({ length: axes }, () => numberOf(value));
  const steps = items.filter((n) => n !== undefined).filter((n) => Number.isInteger(n) && n >= 1);
  if (items.length === axes && steps.length === axes) return steps;
  return c.fail(wrongArgument, f, {
    span,
    with: {
      name: 'stride',
      callee: 'project',
      found: describe(value),
      expected: 'an int of at least 1, or one per axis',
      hint: 'write `project(stride=2)`',
    },
  });
}

function channelsOf(x: Value): Dim {
  return x.type.dims[1] ?? bug('a shortcut needs channels on axis 1');
}

/**
 * The stride of F along its path: the product of what its layers stride by, per axis. The path is followed from F's result back
 * to its input, first operands first (`it * { gate }` goes through `it`).
 */
function totalStride(c: Context, f: Frame, x: Value, body: Value, span: Span): readonly number[] {
  const axes = Math.max(0, x.type.dims.length - 2);
  if (x.type.dims.length !== body.type.dims.length || x.type.dims.length < 2) {
    return c.fail(strideUnknown, f, { span, with: { found: `a body from ${typeText(x.type)} to ${typeText(body.type)}` } });
  }
  interface Step {
    readonly value: Value;
    readonly strides: readonly number[];
    readonly unclear: string | undefined;
  }
  const seen = new Set<Value>();
  const stack: Step[] = [{ value: body, strides: Array.from({ length: axes }, () => 1), unclear: undefined }];
  while (stack.length > 0) {
    const step = stack.pop();
    if (!step) break;
    if (step.value === x) {
      if (step.unclear === undefined) return step.strides;
      return c.fail(strideUnknown, f, { span, with: { found: `a \`${step.unclear}\` in the body` } });
    }
    if (seen.has(step.value)) continue;
    seen.add(step.value);
    const node = step.value.producer;
    if (!node) continue;
    const stride = node.op.attrs.stride?.kind === 'axes' ? node.attrs.stride : undefined;
    const own = Array.isArray(stride) ? (stride as readonly number[]) : undefined;
    const strides = node.op.traits.resamples === true || !own ? step.strides : step.strides.map((s, i) => s * (own[i] ?? 1));
    const unclear = node.op.traits.resamples === true ? node.op.name : step.unclear;
    for (let i = node.slots.length - 1; i >= 0; i--) {
      const operand = node.operand(i);
      if (operand && !operand.isConstant) stack.push({ value: operand, strides, unclear });
    }
  }
  return c.fail(strideUnknown, f, { span, with: { found: 'a body that does not read its input' } });
}
