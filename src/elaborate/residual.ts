/** The residual: a body, a shortcut beside it, and their sum (He et al. 2015, arXiv:1512.03385, §3). */
import { shortcutShape } from '../diagnostics/catalogue/shapes.ts';
import { badShortcut } from '../diagnostics/catalogue/structure.ts';
import { unknownArgument, wrongArgument } from '../diagnostics/catalogue/values.ts';
import { bug, unreachable } from '../diagnostics/diagnostic.ts';
import type { Span } from '../diagnostics/source.ts';
import { Dim } from '../ir/dim.ts';
import type { Value } from '../ir/graph.ts';
import { sameType } from '../ir/types.ts';
import { add, mul } from '../ops/elementwise.ts';
import type { LangValue } from '../ops/params.ts';
import type { Residual } from '../parser/ast.ts';
import { runBody } from './bodies.ts';
import { runCallable } from './callables.ts';
import { currentValue, evaluateArgs, isConstruct, labelText, one } from './chains.ts';
import { decide } from './conditions.ts';
import type { Context } from './context.ts';
import { Abandon } from './failure.ts';
import { autoName, runLayer } from './layers.ts';
import { makeValue, parameter } from './nodes.ts';
import { finiteScalar } from './numbers.ts';
import { Env, type Frame, joinPath, place } from './scope.ts';
import { optionA, projection } from './shortcuts.ts';
import { misread } from './size-reads.ts';
import { toTensor } from './tensors.ts';
import { describe, type GivenArgs, numberOf, sourceText, targetOf, tensorValue } from './values.ts';

export function runResidual(c: Context, from: Frame, construct: Residual, label: string | undefined): readonly LangValue[] {
  const f = place(from, label);
  const { span } = construct;
  const options = residualOptions(c, f, evaluateArgs(c, f, construct.args), span);
  const given = currentValue(c, f, span);
  const x = toTensor(c, f, given, span);
  const region = c.graph.newRegion(f.path, f.residual);
  const input: LangValue = tensorValue(x);
  let body: Value | undefined;
  let shortcut: Value | 'none' | undefined;
  try {
    const at: Frame = {
      ...f,
      it: input,
      env: new Env(f.env.module, f.env),
      residual: { region, part: 'body' },
      sequence: undefined,
      inLoop: undefined,
    };
    const result = toTensor(c, at, one(c, at, runBody(c, at, construct.body), construct.body.span), construct.body.span);
    body = scaled(c, at, result, options, span);
  } catch (error) {
    if (!(error instanceof Abandon)) throw error;
  }
  const at: Frame = { ...f, it: input, residual: { region, part: 'shortcut' }, sequence: undefined, inLoop: undefined };
  try {
    shortcut = runShortcut(c, at, construct, x, body);
  } catch (error) {
    if (!(error instanceof Abandon)) throw error;
  }
  if (!body || !shortcut) throw new Abandon();
  if (shortcut === 'none') return [tensorValue(body)];
  if (!sameType(body.type, shortcut.type)) shapesDiffer(c, f, construct, x, body, shortcut);
  return [tensorValue(makeValue(c, { ...f, residual: { region, part: 'sum' } }, add, [body, shortcut], {}, span))];
}

interface ResidualOptions {
  readonly scale: number;
  readonly gain: boolean;
}

function residualOptions(c: Context, f: Frame, args: GivenArgs, span: Span): ResidualOptions {
  let scale = 1;
  let gain = false;
  for (const [name, arg] of args.named) {
    if (name === 'scale') {
      const n = numberOf(arg.value);
      if (n === undefined)
        c.fail(wrongArgument, f, {
          span: arg.span,
          with: {
            name,
            callee: 'residual',
            found: describe(arg.value),
            expected: 'a number',
            hint: 'write `residual(scale=0.1)`',
          },
        });
      else scale = n;
    } else if (name === 'gain') gain = decide(c, f, arg.value, arg.span);
    else
      c.fail(unknownArgument, f, {
        span: arg.span,
        with: {
          callee: 'residual',
          name,
          expected: 'scale or gain',
          hint: 'write `residual(scale=0.1)` or `residual(gain=true)`',
        },
      });
  }
  if (args.positional.length > 0)
    c.fail(unknownArgument, f, {
      span,
      with: { callee: 'residual', name: 'an unnamed argument', expected: 'scale= or gain=', hint: 'write `residual(scale=0.1)`' },
    });
  return { scale, gain };
}

/** F times a constant, or times a learned number per channel (axis 1; the last axis at rank 2 is the same axis). */
function scaled(c: Context, f: Frame, body: Value, { scale, gain }: ResidualOptions, span: Span): Value {
  let y = body;
  if (scale !== 1) y = makeValue(c, f, mul, [y, finiteScalar(c, f, span, y.type.elem, scale)], {}, span);
  if (!gain) return y;
  const channels = y.type.dims[1] ?? bug('a residual of rank 1 has no channels');
  const dims = [channels, ...y.type.dims.slice(2).map(() => Dim.one)];
  const weight = parameter(
    c,
    f,
    joinPath(f.path, autoName(c, f, 'gain')),
    dims,
    y.type.elem,
    { init: true, kind: 'ones' },
    'parameter',
    span,
    'residual',
  );
  return makeValue(c, f, mul, [y, weight], {}, span);
}

/** The scope of a clause without a label. */
const ownLabel = 'shortcut';

function runShortcut(c: Context, f: Frame, construct: Residual, x: Value, body: Value | undefined): Value | 'none' {
  const clause = construct.shortcut;
  if (!clause) return x;
  // What is inside a block or a body is numbered by itself.
  const label = clause.label ? labelText(c, f, clause.label) : ownLabel;
  const { value } = clause;
  if (isConstruct(value)) return toTensor(c, f, one(c, f, c.runConstruct(f, value, label), value.span), value.span);
  const given = c.evaluate(f, value);
  if (given.kind === 'tensor') return given.value;
  if (given.kind !== 'callable') return c.fail(badShortcut, f, { span: value.span, with: { found: describe(given) } });
  const target = targetOf(given);
  if ('init' in target || target.kind === 'elem')
    return c.fail(badShortcut, f, { span: value.span, with: { found: describe(given) } });
  // `pad(1)` with arguments is the layer; `pad` alone is option A.
  const plain =
    target.kind === 'shortcut' &&
    (target.layer === undefined || (target.args.positional.length === 0 && target.args.named.size === 0));
  if (target.kind === 'layer' && !clause.label)
    return toTensor(c, f, one(c, f, runLayer(c, f, target, value.span, ownLabel, ownLabel), value.span), value.span);
  if (target.kind !== 'shortcut' || !plain)
    return toTensor(c, f, one(c, f, runCallable(c, f, given, value.span, label), value.span), value.span);
  switch (target.name) {
    case 'identity':
      return x;
    case 'none':
      return 'none';
    case 'pad':
      if (!body) throw new Abandon();
      return optionA(c, f, x, body, value.span);
    case 'project':
    case 'project_all':
      if (!body) throw new Abandon();
      return projection(c, f, target, x, body, value.span, () => (clause.label ? label : autoName(c, f, ownLabel)));
    default:
      return unreachable(target.name);
  }
}

function shapesDiffer(c: Context, f: Frame, construct: Residual, x: Value, body: Value, shortcut: Value): never {
  const columns = Math.max(body.type.dims.length, shortcut.type.dims.length);
  const cells = [body, shortcut].map((v) => v.type.dims.map((d) => d.toString()));
  const width = (i: number): number => Math.max(...cells.map((row) => row[i]?.length ?? 0));
  const text = (v: Value, row: readonly string[]): string =>
    `${v.type.elem}[${Array.from({ length: columns }, (_, i) => row[i])
      .flatMap((cell, i) => (cell === undefined ? [] : [cell.padStart(width(i))]))
      .join(', ')}]`;
  const clause = construct.shortcut;
  const span = clause ? clause.span : { ...construct.span, start: Math.max(construct.span.start, construct.span.end - 1) };
  const striding = stridedNode(x, body);
  const read = misread(c, body, shortcut, true);
  const notes = [...(striding ? [{ span: striding.span, text: striding.text }] : []), ...(read?.notes ?? [])];
  const stride = striding ? `, stride ${striding.stride}` : '';
  const change =
    shortcut !== x
      ? 'make the shortcut end in the shape of the body'
      : clause
        ? 'write a shortcut of your own, `shortcut { … }`: pad and project look at strides and at axis 1 alone'
        : `write \`shortcut pad\` (no parameters) or \`shortcut project\` (1x1 conv${stride})`;
  return c.fail(shortcutShape, f, {
    span,
    label: clause ? `the shortcut is ${sourceText(clause.value.span)}` : 'no shortcut clause: the shortcut is identity',
    notes,
    with: {
      body: text(body, cells[0] ?? []),
      shortcut: text(shortcut, cells[1] ?? []),
      fix: read ? `${read.hint}; otherwise ${change}` : change,
    },
  });
}

/** The first layer of the body that strides, for a note. */
function stridedNode(x: Value, body: Value): { readonly span: Span; readonly text: string; readonly stride: number } | undefined {
  let value: Value | undefined = body;
  let found: { span: Span; text: string; stride: number } | undefined;
  for (let i = 0; value && value !== x && i < 1000; i++) {
    const node: Value['producer'] = value.producer;
    if (!node) break;
    const stride = node.attrs.stride;
    const at = node.origin.span;
    if (Array.isArray(stride) && at) {
      const s = Math.max(...(stride as number[]));
      if (s > 1)
        found = { span: at, text: s === 2 ? 'halves the grid of the body' : `divides the grid of the body by ${s}`, stride: s };
    }
    value = node.operand(0);
  }
  return found;
}
