/** Repetition, side-by-side bodies, sequential, reuse, and the residual with its shortcuts (He et al. 2015, arXiv:1512.03385, §3). */

import { unknownLabel } from '../diagnostics/catalogue/names.ts';
import { padNarrows, shortcutShape, strideUnknown } from '../diagnostics/catalogue/shapes.ts';
import { badShortcut, odeNotYet } from '../diagnostics/catalogue/structure.ts';
import { badCount, unknownArgument, wrongArgument } from '../diagnostics/catalogue/values.ts';
import { bug, unreachable } from '../diagnostics/diagnostic.ts';
import type { Span } from '../diagnostics/source.ts';
import { nearest } from '../diagnostics/suggest.ts';
import { Dim } from '../ir/dim.ts';
import type { Value } from '../ir/graph.ts';
import { sameType, typeText } from '../ir/types.ts';
import type { Plain } from '../ops/params.ts';
import { layerByName, operatorByName } from '../ops/registry.ts';
import type { Construct, Each, Repeat, Residual } from '../parser/ast.ts';
import {
  callable,
  Env,
  type Frame,
  type GivenArg,
  type GivenArgs,
  intPlain,
  joinPath,
  listPlain,
  type ShortcutTarget,
  targetOf,
} from './callables.ts';
import { Abandon, type Context } from './context.ts';
import {
  currentValue,
  decide,
  describe,
  evaluate,
  evaluateArgs,
  finiteScalar,
  labelText,
  numberOf,
  one,
  sourceText,
  toTensor,
} from './evaluate.ts';
import { makeNode, parameter, place, runCallable } from './run.ts';
import { declare, runBody } from './statements.ts';

/** Runs a construct; the label, if any, becomes its scope. */
export function runConstruct(c: Context, f: Frame, construct: Construct, label: string | undefined): readonly Plain[] {
  return c.nest(construct.span, f, () => {
    switch (construct.kind) {
      case 'repeat':
        return runRepeat(c, f, construct, label);
      case 'each':
        return runEach(c, f, construct, label);
      case 'sequential': {
        const at = place(f, label);
        return runBody(
          c,
          { ...at, env: new Env(f.env.module, f.env), sequence: { next: 0 }, model: false, inRepeat: false },
          construct.body,
        );
      }
      case 'reuse':
        return runReuse(c, f, construct.span, labelText(c, f, construct.label));
      case 'residual':
        return runResidual(c, place(f, label), construct);
      case 'ode':
        return c.fail(odeNotYet, f, { span: construct.span, with: {} });
      default:
        return unreachable(construct);
    }
  });
}

// ── Repetition ────────────────────────────────────────────────────────────────────────────────────────────────────────────

interface Turn {
  readonly index: number;
  readonly item: Plain | undefined;
}

/** The turns of a repetition over a count or a list. */
function turnsOf(c: Context, f: Frame, construct: Repeat | Each): Iterable<Turn> {
  const over = evaluate(c, f, construct.over);
  const { span } = construct.over;
  const refuse = (found: string, expected: string, hint: string): never =>
    c.fail(badCount, f, { span, with: { construct: construct.kind, found, expected, hint } });
  if (over.kind === 'list') return over.items.map((item, index) => ({ index, item }));
  if (over.kind === 'size') return over.dims.map((d, index) => ({ index, item: intPlain(d) }));
  if (over.kind !== 'int')
    return refuse(describe(over), 'an int or a list', over.kind === 'float' ? 'write a whole number' : 'write `repeat 3 { … }`');
  const count = over.dim.constant;
  if (count === undefined)
    return refuse(
      `the symbolic number ${over.dim.toString()}`,
      'a number known while compiling',
      'make the count a parameter of the model',
    );
  if (count < 0) return refuse(`${count}`, 'a count of at least 0', 'check how the count is computed');
  if (construct.names.length > 1)
    return refuse('a count with two names', 'one name for the index', 'repeat over a list for an item and its index');
  return (function* () {
    for (let index = 0; index < count; index++) yield { index, item: undefined };
  })();
}

function turnFrame(c: Context, f: Frame, construct: Repeat | Each, turn: Turn, label: string | undefined): Frame {
  c.step(construct.span, f);
  const env = new Env(f.env.module, f.env);
  const loops = [...f.loops];
  const [first, second] = construct.names;
  const bind = (name: typeof first, value: Plain): void => {
    if (!name) return;
    declare(c, { ...f, env }, name, value);
    const n = numberOf(value);
    if (n !== undefined) loops.push(`${name.name} = ${n}`);
  };
  if (turn.item) {
    bind(first, turn.item);
    bind(second, intPlain(turn.index));
  } else bind(first, intPlain(turn.index));
  const path = label === undefined ? f.path : joinPath(f.path, construct.shared ? label : `${label}.${turn.index}`);
  return {
    ...f,
    env,
    path,
    loops,
    sequence: label === undefined ? f.sequence : undefined,
    share: f.share || (construct.shared && turn.index > 0),
  };
}

function runRepeat(c: Context, f: Frame, construct: Repeat, label: string | undefined): readonly Plain[] {
  let it = f.it;
  const start = f.sequence?.next ?? 0;
  for (const turn of turnsOf(c, f, construct)) {
    if (construct.shared && f.sequence) f.sequence.next = start;
    const at = turnFrame(c, { ...f, it }, construct, turn, label);
    const work = (): void => {
      runBody(c, { ...at, inRepeat: true }, construct.body, (last) => {
        it = last;
      });
    };
    if (construct.shared && turn.index > 0) c.replay(at.path, work);
    else work();
  }
  if (it.kind !== 'unset') return [it];
  // Turns that only declare inputs leave no current value, which is no mistake before somebody asks for one.
  f.it = it;
  return [];
}

function runEach(c: Context, f: Frame, construct: Each, label: string | undefined): readonly Plain[] {
  const lists: Plain[][] = [];
  let count: number | undefined;
  const start = f.sequence?.next ?? 0;
  for (const turn of turnsOf(c, f, construct)) {
    if (construct.shared && f.sequence) f.sequence.next = start;
    const at = { ...turnFrame(c, f, construct, turn, label), inRepeat: false };
    const work = (): readonly Plain[] => runBody(c, at, construct.body);
    const results = construct.shared && turn.index > 0 ? c.replay(at.path, work) : work();
    if (count !== undefined && results.length !== count) {
      return c.fail(badCount, f, {
        span: construct.span,
        with: {
          construct: 'each',
          found: `${results.length} values in turn ${turn.index}, ${count} before`,
          expected: 'the same number of values in every turn',
          hint: 'return the same values in every branch',
        },
      });
    }
    count = results.length;
    results.forEach((value, i) => {
      const list = lists[i] ?? [];
      lists[i] = list;
      list.push(value);
    });
  }
  return count === undefined ? [listPlain([])] : lists.map((items) => c.list(items, construct.span, f));
}

function runReuse(c: Context, f: Frame, span: Span, label: string): readonly Plain[] {
  const segments = f.path === '' ? [] : f.path.split('.');
  for (let n = segments.length; n >= 0; n--) {
    const path = joinPath(segments.slice(0, n).join('.'), label);
    const found = c.labelled.get(path);
    if (found) return c.replay(path, () => found.run({ ...f, sequence: undefined }));
  }
  const near = nearest(label, c.labelled.keys());
  return c.fail(unknownLabel, f, {
    span,
    with: { label, hint: near ? `did you mean \`reuse ${near}\`?` : `label it above: \`${label}: …\`` },
  });
}

const zeroDim = Dim.zero;
const oneDim = Dim.one;

// ── Residual ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

function runResidual(c: Context, f: Frame, construct: Residual): readonly Plain[] {
  const { span } = construct;
  const options = residualOptions(c, f, evaluateArgs(c, f, construct.args), span);
  const given = currentValue(c, f, span);
  const x = toTensor(c, f, given, span);
  const region = c.graph.newRegion(f.path, f.residual);
  const input: Plain = { kind: 'tensor', value: x };
  let body: Value | undefined;
  let shortcut: Value | 'none' | undefined;
  try {
    const at: Frame = {
      ...f,
      it: input,
      env: new Env(f.env.module, f.env),
      residual: { region, part: 'body' },
      sequence: undefined,
      inRepeat: false,
    };
    const result = toTensor(c, at, one(c, at, runBody(c, at, construct.body), construct.body.span), construct.body.span);
    body = scaled(c, at, result, options, span);
  } catch (error) {
    if (!(error instanceof Abandon)) throw error;
  }
  const at: Frame = { ...f, it: input, residual: { region, part: 'shortcut' }, sequence: undefined, inRepeat: false };
  try {
    shortcut = runShortcut(c, at, construct, x, body);
  } catch (error) {
    if (!(error instanceof Abandon)) throw error;
  }
  if (!body || !shortcut) throw new Abandon();
  if (shortcut === 'none') return [{ kind: 'tensor', value: body }];
  if (!sameType(body.type, shortcut.type)) shapesDiffer(c, f, construct, x, body, shortcut);
  const add = operatorByName('add') ?? bug('there is no add');
  const [sum] = makeNode(c, { ...f, residual: { region, part: 'sum' } }, add, [body, shortcut], {}, span);
  return [{ kind: 'tensor', value: sum ?? bug('add has no result') }];
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
  const mul = operatorByName('mul') ?? bug('there is no mul');
  let y = body;
  if (scale !== 1) y = makeNode(c, f, mul, [y, finiteScalar(c, f, span, y.type.elem, scale)], {}, span)[0] ?? y;
  if (!gain) return y;
  const channels = y.type.dims[1] ?? bug('a residual of rank 1 has no channels');
  const dims = [channels, ...y.type.dims.slice(2).map(() => oneDim)];
  const weight = parameter(
    c,
    f,
    joinPath(f.path, 'gain'),
    dims,
    y.type.elem,
    { init: true, kind: 'ones' },
    'parameter',
    span,
    'residual',
  );
  return makeNode(c, f, mul, [y, weight], {}, span)[0] ?? y;
}

function runShortcut(c: Context, f: Frame, construct: Residual, x: Value, body: Value | undefined): Value | 'none' {
  const clause = construct.shortcut;
  if (!clause) return x;
  const label = clause.label ? labelText(c, f, clause.label) : 'shortcut';
  const { value } = clause;
  switch (value.kind) {
    case 'repeat':
    case 'each':
    case 'sequential':
    case 'ode':
    case 'reuse':
    case 'residual':
      return toTensor(c, f, one(c, f, runConstruct(c, f, value, label), value.span), value.span);
    default:
      break;
  }
  const given = evaluate(c, f, value);
  if (given.kind === 'tensor') return given.value;
  if (given.kind !== 'callable') return c.fail(badShortcut, f, { span: value.span, with: { found: describe(given) } });
  const target = targetOf(given);
  if ('init' in target || target.kind === 'elem')
    return c.fail(badShortcut, f, { span: value.span, with: { found: describe(given) } });
  // `pad(1)` with arguments is the layer; `pad` alone is option A.
  const plain =
    target.kind === 'shortcut' &&
    (target.layer === undefined || (target.args.positional.length === 0 && target.args.named.size === 0));
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
      return projection(c, { ...f, path: joinPath(f.path, label) }, target, x, body, value.span);
    default:
      return unreachable(target.name);
  }
}

/** Option A: every s-th element per axis, new channels as zeros, half before and half behind. */
function optionA(c: Context, f: Frame, x: Value, body: Value, span: Span): Value {
  const strides = totalStride(c, f, x, body, span);
  const from = channelsOf(x);
  const to = channelsOf(body);
  const grown = to.minus(from).constant;
  if (grown === undefined || grown < 0)
    return c.fail(padNarrows, f, { span, with: { body: to.toString(), input: from.toString() } });
  let y = x;
  const rank = x.type.dims.length;
  if (strides.some((s) => s !== 1)) {
    const slice = operatorByName('slice') ?? bug('there is no slice');
    const axes = strides.flatMap((s, i) => (s === 1 ? [] : [i + 2]));
    const attrs = {
      starts: axes.map(() => zeroDim),
      ends: axes.map((axis) => x.type.dims[axis] ?? oneDim),
      axes,
      steps: axes.map((axis) => strides[axis - 2] ?? 1),
    };
    y = makeNode(c, f, slice, [y], attrs, span)[0] ?? y;
  }
  if (grown > 0) {
    const pad = operatorByName('pad') ?? bug('there is no pad');
    const begins = Array.from({ length: rank }, (_, axis) => (axis === 1 ? Math.floor(grown / 2) : 0));
    const ends = Array.from({ length: rank }, (_, axis) => (axis === 1 ? grown - Math.floor(grown / 2) : 0));
    y = makeNode(c, f, pad, [y], { pads: [...begins, ...ends] }, span)[0] ?? y;
  }
  return y;
}

/** Options B and C: children `0: conv(c, 1x1, stride)` and `1: norm`; a linear at rank 2. */
function projection(c: Context, f: Frame, target: ShortcutTarget, x: Value, body: Value, span: Span): Value {
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
  const layer = layerByName(flat ? 'linear' : 'conv') ?? bug('there is no conv');
  const named = new Map<string, GivenArg>([['bias', { value: bias?.value ?? { kind: 'bool', value: false }, span }]]);
  const positional: GivenArg[] = [{ value: { kind: 'int', dim: channels }, span }];
  if (!flat) {
    positional.push({ value: intPlain(1), span });
    named.set('stride', { value: listPlain(strides.map(intPlain)), span });
  }
  const run = (value: Plain, label: string, it: Value): Value => {
    const at: Frame = { ...f, it: { kind: 'tensor', value: it } };
    return toTensor(c, at, one(c, at, runCallable(c, at, value, span, label), span), span);
  };
  const y = run(callable(layer.name, { kind: 'layer', layer, args: { positional, named }, span }), '0', x);
  const norm = args.named.get('norm');
  if (norm) {
    const value = norm.value;
    if (value.kind === 'callable' && value.name === 'none') return y;
    return run(value, '1', y);
  }
  const batchnorm = layerByName('batchnorm') ?? bug('there is no batchnorm');
  return run(
    callable('batchnorm', { kind: 'layer', layer: batchnorm, args: { positional: [], named: new Map() }, span }),
    '1',
    y,
  );
}

function saidStride(c: Context, f: Frame, value: Plain, x: Value, span: Span): readonly number[] {
  const axes = x.type.dims.length - 2;
  const items =
    value.kind === 'list'
      ? value.items.map(numberOf)
      : value.kind === 'size'
        ? value.dims
        : Array.from({ length: axes }, () => numberOf(value));
  if (items.length === axes && items.every((n) => n !== undefined && Number.isInteger(n) && n >= 1))
    return items.map((n) => n ?? 1);
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
 * The stride of F along its path: the product of what its layers stride by, per axis. The path is followed from F's result back to
 * its input, first operands first (`it * { gate }` goes through `it`).
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
      if (operand && operand.def.kind !== 'constant') stack.push({ value: operand, strides, unclear });
    }
  }
  return c.fail(strideUnknown, f, { span, with: { found: 'a body that does not read its input' } });
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
  const notes = striding ? [{ span: striding.span, text: striding.text }] : [];
  const stride = striding ? `, stride ${striding.stride}` : '';
  const fix =
    shortcut !== x
      ? 'make the shortcut end in the shape of the body'
      : clause
        ? 'write a shortcut of your own, `shortcut { … }`: pad and project look at strides and at axis 1 alone'
        : `write \`shortcut pad\` (no parameters) or \`shortcut project\` (1x1 conv${stride})`;
  return c.fail(shortcutShape, f, {
    span,
    label: clause ? `the shortcut is ${sourceText(clause.value.span)}` : 'no shortcut clause: the shortcut is identity',
    notes,
    with: { body: text(body, cells[0] ?? []), shortcut: text(shortcut, cells[1] ?? []), fix },
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
