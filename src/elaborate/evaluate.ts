/** Expressions and chains: what they evaluate to while compiling, and which nodes they make where tensors are involved. */

import { constCycle, itRightOfArrow, refusedOperator, unknownName, unknownPath } from '../diagnostics/catalogue/names.ts';
import { noCurrentValue, noEffect, severalValues } from '../diagnostics/catalogue/structure.ts';
import {
  badIndex,
  divisionByZero,
  inexactDivision,
  intOverflow,
  notBool,
  undecidable,
  unknownArgument,
  wrongKind,
  wrongOperand,
} from '../diagnostics/catalogue/values.ts';
import { unreachable } from '../diagnostics/diagnostic.ts';
import type { Span } from '../diagnostics/source.ts';
import { nearest } from '../diagnostics/suggest.ts';
import { counterexample, Dim, DimOverflow } from '../ir/dim.ts';
import { floatFacts, integerRange } from '../ir/elem.ts';
import type { Value } from '../ir/graph.ts';
import { type ElemType, isElemType, isFloat, typeText } from '../ir/types.ts';
import { type InitSpec, kindText, type Plain, plainText } from '../ops/params.ts';
import { layerByName, layers, operatorByName, refusedLayers } from '../ops/registry.ts';
import type { Arg, BinaryExpr, CallExpr, Chain, Expr, IndexExpr, Label, Link, NameExpr, Sub } from '../parser/ast.ts';
import { builtinFunction, builtinNames } from './builtins.ts';
import {
  boolPlain,
  callable,
  dimPlain,
  Env,
  type Frame,
  floatPlain,
  type GivenArg,
  type GivenArgs,
  intPlain,
  joinPath,
  listPlain,
  type Module,
  mergeArgs,
  noArgs,
  poison,
  type ShortcutName,
  shortcutNames,
  type Target,
  targetOf,
} from './callables.ts';
import { runConstruct } from './constructs.ts';
import { Abandon, type Context } from './context.ts';
import { itInArguments } from './it.ts';
import { makeNode, runCallable } from './run.ts';

/** The text of a piece of source, shortened, for messages. */
export function sourceText(span: Span): string {
  const text = span.file.text.slice(span.start, span.end).replace(/\s+/g, ' ');
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/** `f32[N, 64, 56, 56]`, `int 3`, `a list of 4`: a value for a message. */
export function describe(value: Plain): string {
  switch (value.kind) {
    case 'tensor':
      return typeText(value.value.type);
    case 'list':
      return value.items.some((i) => i.kind === 'tensor')
        ? `a list of ${value.items.length} tensors`
        : `list ${clip(plainText(value))}`;
    case 'callable':
      return `\`${value.name}\``;
    default:
      return `${kindText(value)} ${clip(plainText(value))}`;
  }
}
const clip = (text: string): string => (text.length > 60 ? `${text.slice(0, 57)}...` : text);

/** A failed value stops whatever wants it, without another message. */
export function live(value: Plain): Plain {
  if (value.kind === 'callable' && targetOf(value) === targetOf(poison as Plain & { kind: 'callable' })) throw new Abandon();
  return value;
}

/** The current value. */
export function currentValue(c: Context, f: Frame, span: Span): Plain {
  if (f.it.kind === 'unset') {
    return c.fail(noCurrentValue, f, { span, with: { found: f.it.why, hint: f.it.hint } });
  }
  return live(f.it);
}

// ── Chains ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Evaluates a chain. With `run`, a layer, block or body at its end runs on the current value; otherwise it is taken as it is. */
export function evaluateChain(c: Context, f: Frame, chain: Chain, run: boolean): readonly Plain[] {
  const [head, ...rest] = chain.links;
  if (!head) return [];
  if (rest.length === 0) return evaluateLink(c, f, head, run);
  let value = one(c, f, evaluateLink(c, f, head, true), head.span);
  for (const [i, link] of rest.entries()) {
    const again = itInArguments(link);
    if (again) refuseIt(c, f, rest[i - 1] ?? head, link, again);
    const inner: Frame = { ...f, it: value };
    const results = evaluateLink(c, inner, link, true);
    if (i === rest.length - 1) return results;
    value = one(c, f, results, link.span);
  }
  return [value];
}

function refuseIt(c: Context, f: Frame, left: Link, link: Link, at: Span): never {
  const text = sourceText(link.span);
  return c.fail(itRightOfArrow, f, {
    span: at,
    notes: [{ span: left.span, text: '`it` would be what comes from here' }],
    with: { found: `\`it\` in \`${text}\``, again: text.endsWith('...') ? '…' : text },
  });
}

function evaluateLink(c: Context, f: Frame, link: Link, run: boolean): readonly Plain[] {
  switch (link.kind) {
    case 'labelled': {
      const label = labelText(c, f, link.label);
      const { target } = link;
      const work = (at: Frame): readonly Plain[] => {
        if (target.kind === 'name' || target.kind === 'call' || target.kind === 'body') {
          const value = evaluate(c, at, target);
          return runCallable(c, at, value, target.span, label);
        }
        return runConstruct(c, at, target, label);
      };
      const path = joinPath(f.path, label);
      c.labelled.set(path, {
        span: link.label.span,
        run: (at) => work({ ...f, it: at.it, share: true, use: at.use, residual: at.residual }),
      });
      if (f.sequence) f.sequence.next++;
      return work(f);
    }
    case 'repeat':
    case 'each':
    case 'sequential':
    case 'ode':
    case 'reuse':
    case 'residual':
      return runConstruct(c, f, link, undefined);
    default: {
      const value = live(evaluate(c, f, link));
      return run && value.kind === 'callable' ? runCallable(c, f, value, link.span, undefined) : [value];
    }
  }
}

/** The one value of a result. */
export function one(c: Context, f: Frame, values: readonly Plain[], span: Span): Plain {
  const [first] = values;
  if (first && values.length === 1) return first;
  if (!first) return currentValue(c, f, span);
  const names = values.map((_, i) => 'abcdefgh'[i] ?? `v${i}`).join(', ');
  return c.fail(severalValues, f, { span, with: { count: values.length, names } });
}

/** The path segment(s) of a label: computed parts are evaluated. */
export function labelText(c: Context, f: Frame, label: Label): string {
  return label.segments
    .map((segment) =>
      segment.parts
        .map((part) => {
          if (typeof part === 'string') return part;
          const value = live(evaluate(c, f, part));
          if (value.kind === 'string') return value.value;
          if (value.kind === 'int' && value.dim.constant !== undefined) return String(value.dim.constant);
          return c.fail(wrongKind, f, {
            span: part.span,
            with: {
              what: 'a computed label needs a known int or a string',
              found: describe(value),
              expected: 'an int such as `{i + 1}`',
              hint: 'use the index of the repetition: `repeat n as i`',
            },
          });
        })
        .join(''),
    )
    .join('.');
}

// ── Tensors from plain values ─────────────────────────────────────────────────────────────────────────────────────────────

/**
 * A value where a tensor is wanted: layers, blocks and bodies run on the current value, an int becomes an i64 scalar, a list of
 * ints a rank-1 i64 tensor, a float a scalar of `elem`.
 */
export function toTensor(c: Context, f: Frame, given: Plain, span: Span, elem?: ElemType): Value {
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
      const numbers = value.items.map((item) => (item.kind === 'int' ? item.dim.constant : undefined));
      if (numbers.length > 0 && numbers.every((n) => n !== undefined)) {
        return c.graph.constant(
          c.content.literal({ elem: 'i64', dims: [numbers.length], data: Float64Array.from(numbers, (n) => n ?? 0) }),
        );
      }
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
          ? 'take one element, such as `xs[0]`, or `concat` them'
          : value.kind === 'float'
            ? `write a whole number, or cast the tensor to f32`
            : 'write a tensor, a layer or a body',
    },
  });
}

function intTensor(c: Context, f: Frame, dim: Dim, span: Span, elem: ElemType | undefined): Value {
  const n = dim.constant;
  if (n !== undefined) return literal(c, f, span, elem ?? 'i64', n);
  const operator = operatorByName('dim_value');
  if (!operator)
    return c.fail(wrongKind, f, {
      span,
      with: {
        what: 'a symbolic number cannot be a tensor here',
        found: dim.toString(),
        expected: 'a known number',
        hint: 'fix the size in the input type',
      },
    });
  return makeNode(c, f, operator, [], { dim: [dim] }, span)[0] as Value;
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
function literal(c: Context, f: Frame, span: Span, elem: ElemType, value: number): Value {
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

export function scalar(c: Context, elem: ElemType, value: number): Value {
  return c.graph.constant(c.content.literal({ elem, dims: [], data: Float64Array.of(value) }));
}

// ── Expressions ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Evaluates an expression; layers, blocks and bodies come out as callables and run where a tensor is wanted. */
export function evaluate(c: Context, f: Frame, expr: Expr): Plain {
  switch (expr.kind) {
    case 'int':
      return intPlain(expr.value);
    case 'float':
      return floatPlain(expr.value);
    case 'size':
      return { kind: 'size', dims: expr.dims };
    case 'string':
      return { kind: 'string', value: expr.value };
    case 'bool':
      return boolPlain(expr.value);
    case 'list':
      return c.nest(expr.span, f, () =>
        c.list(
          expr.items.map((item) => one(c, f, evaluateChain(c, f, item, item.links.length > 1), item.span)),
          expr.span,
          f,
        ),
      );
    case 'paren':
      return c.nest(expr.span, f, () => one(c, f, evaluateChain(c, f, expr.chain, expr.chain.links.length > 1), expr.span));
    case 'body':
      return callable('{ … }', { kind: 'body', body: expr, env: f.env, model: f.model });
    case 'name':
      return live(lookUp(c, f, expr));
    case 'call':
      return c.nest(expr.span, f, () => evaluateCall(c, f, expr));
    case 'path':
      return { kind: 'tensor', value: parameterAt(c, f, expr.label) };
    case 'index':
      return c.nest(expr.span, f, () => evaluateIndex(c, f, expr));
    case 'unary': {
      const value = c.nest(expr.span, f, () => evaluate(c, f, expr.operand));
      return expr.op === '-' ? negate(c, f, value, expr.span) : not(c, f, value, expr.span);
    }
    case 'binary':
      return c.nest(expr.span, f, () => evaluateBinary(c, f, expr));
    case 'conditional': {
      const condition = decide(c, f, evaluate(c, f, expr.condition), expr.condition.span);
      return c.nest(expr.span, f, () => evaluate(c, f, condition ? expr.then : expr.else));
    }
    default:
      return unreachable(expr);
  }
}

/** A condition, which must be decided now. */
export function decide(c: Context, f: Frame, given: Plain, span: Span): boolean {
  const value = live(given);
  if (value.kind === 'bool') return value.value;
  return c.fail(notBool, f, {
    span,
    with: {
      found: describe(value),
      hint:
        value.kind === 'int'
          ? `compare it: \`${sourceText(span)} > 0\``
          : value.kind === 'tensor'
            ? 'conditions on tensors choose by `where(condition, a, b)`'
            : 'compare it with something',
    },
  });
}

const initNames = [
  'zeros',
  'ones',
  'fill',
  'normal',
  'uniform',
  'kaiming_normal',
  'kaiming_uniform',
  'xavier_normal',
  'xavier_uniform',
] as const;

export function lookUp(c: Context, f: Frame, expr: NameExpr): Plain {
  const { name, span } = expr;
  if (name === 'it') return currentValue(c, f, span);
  const found = f.env.get(name);
  if (found) {
    if (c.promises.size > 0) c.spend(c.weightOf(found.value) / 2, span, f);
    return renewed(c, found.value);
  }
  const item = f.env.module.items.get(name);
  if (item) return itemValue(c, f, item.item.name.name, item.module, span);
  const known = knownName(name, span);
  if (known) return known;
  return unknown(c, f, name, span);
}

/** Numbers keep the promises made since they were bound. */
function renewed(c: Context, value: Plain): Plain {
  if (value.kind === 'int') return value.dim.constant !== undefined ? value : dimPlain(c.promised(value.dim));
  if (value.kind === 'list' && c.promises.size > 0) return listPlain(value.items.map((item) => renewed(c, item)));
  return value;
}

function knownName(name: string, span: Span): Plain | undefined {
  const layer = layerByName(name);
  const shortcut = shortcutNames.find((s): s is ShortcutName => s === name);
  if (shortcut) return callable(name, { kind: 'shortcut', name: shortcut, layer, args: noArgs, span });
  if (layer) return callable(name, { kind: 'layer', layer, args: noArgs, span });
  if (initNames.some((n) => n === name)) return callable(name, initialiser(name, undefined));
  if (isElemType(name)) return callable(name, { kind: 'elem' });
  return undefined;
}

function initialiser(name: string, value: number | undefined, mode?: 'fan_in' | 'fan_out'): InitSpec {
  const kind = initNames.find((n) => n === name) ?? 'zeros';
  return { init: true, kind, ...(value !== undefined && { value }), ...(mode && { mode }) };
}

/** Operators of the language that this version does not have: those of detection, whose sizes only the run knows. */
const notBuilt: ReadonlySet<string> = new Set(['topk', 'nonzero', 'nms', 'multiclass_nms', 'scatter', 'roi_align']);

function unknown(c: Context, f: Frame, name: string, span: Span): never {
  const refused = refusedLayers.get(name);
  if (refused !== undefined) return c.fail(refusedOperator, f, { span, with: { name, hint: refused } });
  if (notBuilt.has(name)) {
    return c.fail(unknownName, f, {
      span,
      label: 'not in this version',
      with: { name, hint: `end the model before it: \`${name}\` is not built yet` },
    });
  }
  const after = span.file.text.slice(span.end);
  const next = /^[ \t]+([A-Za-z_]\w*)\(/.exec(after)?.[1];
  const near = nearest(name, [
    ...f.env.names(),
    ...f.env.module.items.keys(),
    ...layers.map((l) => l.name),
    ...builtinNames,
    ...shortcutNames,
  ]);
  const hint =
    next && (layerByName(next) || f.env.module.items.has(next))
      ? `did you mean the label \`${name}:\`? write \`${name}: ${next}(…)\``
      : near
        ? `did you mean \`${near}\`?`
        : `declare it: \`let ${name} = …\``;
  return c.fail(unknownName, f, { span, label: 'not known here', with: { name, hint } });
}

/** The value of a const, block or model of a file. */
function itemValue(c: Context, f: Frame, name: string, module: Module, span: Span): Plain {
  const entry = module.items.get(name);
  const item = entry?.item;
  if (!entry || !item) return unknown(c, f, name, span);
  if (item.kind === 'block') return callable(name, { kind: 'block', block: item, module: entry.module, args: noArgs, span });
  if (item.kind === 'model') {
    return c.fail(wrongKind, f, {
      span,
      with: {
        what: `\`${name}\` is a model, not a block`,
        found: `model ${name}`,
        expected: 'a block, which can stand inside others',
        hint: 'turn what both need into a block',
      },
    });
  }
  const home = entry.module;
  const known = home.consts.get(item.name.name);
  if (known === 'busy') return c.fail(constCycle, f, { span, with: { name } });
  if (known) return live(known);
  home.consts.set(item.name.name, 'busy');
  try {
    const at: Frame = {
      ...f,
      env: new Env(home),
      it: { kind: 'unset', why: 'a const', hint: 'consts have no tensors' },
      path: '',
      sequence: undefined,
      model: false,
    };
    const value = c.nest(span, f, () => evaluate(c, at, item.value));
    home.consts.set(item.name.name, value);
    return value;
  } catch (error) {
    home.consts.set(item.name.name, poison);
    throw error;
  }
}

/** Evaluates the arguments of a call; mistakes in one do not hide those in the next. */
export function evaluateArgs(c: Context, f: Frame, args: readonly Arg[]): GivenArgs {
  const positional: GivenArg[] = [];
  const named = new Map<string, GivenArg>();
  let failed = false;
  for (const arg of args) {
    try {
      const value = one(c, f, evaluateChain(c, f, arg.value, arg.value.links.length > 1), arg.value.span);
      if (!arg.name) positional.push({ value, span: arg.span });
      else if (named.has(arg.name.name)) {
        c.report(unknownArgument, f, {
          span: arg.name.span,
          with: { callee: 'this call', name: arg.name.name, expected: 'every name once', hint: 'remove one of the two' },
        });
        failed = true;
      } else named.set(arg.name.name, { value, span: arg.span });
    } catch (error) {
      if (!(error instanceof Abandon)) throw error;
      failed = true;
    }
  }
  if (failed) throw new Abandon();
  return { positional, named };
}

function evaluateCall(c: Context, f: Frame, expr: CallExpr): Plain {
  const { callee } = expr;
  const own = callee.name === 'it' || f.env.get(callee.name) !== undefined || f.env.module.items.has(callee.name);
  if (!own && initNames.some((n) => n === callee.name)) return evaluateInit(c, f, expr);
  if (!own && builtinNames.includes(callee.name)) {
    const args = evaluateArgs(c, f, expr.args);
    const value = builtinFunction(c, f, callee.name, args, expr.span);
    if (value) return value;
    const layer = layerByName(callee.name);
    if (layer) return callable(callee.name, { kind: 'layer', layer, args, span: expr.span });
    return unknown(c, f, callee.name, callee.span);
  }
  const value = lookUp(c, f, { kind: 'name', name: callee.name, span: callee.span });
  if (value.kind !== 'callable') {
    return c.fail(wrongKind, f, {
      span: callee.span,
      with: {
        what: `\`${callee.name}\` is no layer or block`,
        found: describe(value),
        expected: 'something that can be called',
        hint: value.kind === 'list' ? `write \`${callee.name}[…]\` for an element` : `write \`${callee.name}\` alone`,
      },
    });
  }
  const args = evaluateArgs(c, f, expr.args);
  const target = targetOf(value);
  return callable(callee.name, withArgs(c, f, target, args, expr.span, callee.name));
}

function withArgs(c: Context, f: Frame, target: Target, args: GivenArgs, span: Span, name: string): Target {
  if ('init' in target || target.kind === 'elem' || target.kind === 'body' || target.kind === 'poison') {
    return c.fail(wrongKind, f, {
      span,
      with: {
        what: `\`${name}\` takes no arguments`,
        found: sourceText(span),
        expected: `\`${name}\` alone`,
        hint: `write \`${name}\``,
      },
    });
  }
  if (target.kind === 'block') return { ...target, args: mergeArgs(target.args, args), span };
  if (target.kind === 'layer') return { ...target, args: mergeArgs(target.args, args), span };
  return { ...target, args: mergeArgs(target.args, args), span };
}

function evaluateInit(c: Context, f: Frame, expr: CallExpr): Plain {
  const args = evaluateArgs(c, f, expr.args);
  const { name } = expr.callee;
  const wanted = name === 'fill' ? 'value' : name === 'normal' ? 'std' : name === 'uniform' ? 'bound' : undefined;
  const mode = args.named.get('mode');
  const given = args.positional[0] ?? (wanted ? args.named.get(wanted) : undefined);
  const number = given ? numberOf(given.value) : undefined;
  const known = [...args.named.keys()].every((k) => k === wanted || (k === 'mode' && name.startsWith('kaiming')));
  if (
    !known ||
    (wanted !== undefined && number === undefined) ||
    args.positional.length + args.named.size - (mode ? 1 : 0) > (wanted === undefined ? 0 : 1)
  ) {
    return c.fail(wrongKind, f, {
      span: expr.span,
      with: {
        what: `wrong arguments for the initialiser \`${name}\``,
        found: sourceText(expr.span),
        expected: wanted ? `${name}(${wanted}=…)` : name.startsWith('kaiming') ? `${name}(mode="fan_in" or "fan_out")` : name,
        hint: wanted ? `write \`${name}(0.02)\`` : `write \`${name}\``,
      },
    });
  }
  const modeText = mode?.value.kind === 'string' ? mode.value.value : undefined;
  return callable(name, initialiser(name, number, modeText === 'fan_in' || modeText === 'fan_out' ? modeText : undefined));
}

/** The value of a known int or a float. */
export function numberOf(value: Plain): number | undefined {
  return value.kind === 'float' ? value.value : value.kind === 'int' ? value.dim.constant : undefined;
}

/** A parameter by its path, looked up in this scope and outwards. */
function parameterAt(c: Context, f: Frame, label: Label): Value {
  const path = labelText(c, f, label);
  const segments = f.path === '' ? [] : f.path.split('.');
  for (let n = segments.length; n >= 0; n--) {
    const found = c.parameters.get(joinPath(segments.slice(0, n).join('.'), path));
    if (found) return found.value;
  }
  const near = nearest(path, c.parameters.keys());
  return c.fail(unknownPath, f, {
    span: label.span,
    with: { path, hint: near ? `did you mean \`${near}\`?` : 'create the parameter above its first use' },
  });
}

// ── Indexing ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

function evaluateIndex(c: Context, f: Frame, expr: IndexExpr): Plain {
  const base = live(evaluate(c, f, expr.base));
  if (base.kind === 'list' || base.kind === 'size') {
    const items = base.kind === 'list' ? base.items : base.dims.map(intPlain);
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
  const value = live(evaluate(c, f, expr));
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
    const extent = x.type.dims[axis] ?? Dim.one;
    const at = (expr: Expr): Dim => {
      const value = live(evaluate(c, f, expr));
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
      const start = at(sub.value);
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
      const from = sub.from ? at(sub.from) : Dim.zero;
      const to = sub.to ? at(sub.to) : extent;
      starts.push(from);
      ends.push(to);
      axes.push(axis);
    }
  });
  if (axes.length === 0) return x;
  const slice = operatorByName('slice');
  const squeeze = operatorByName('squeeze');
  if (!slice || !squeeze) return c.fail(noEffect, f, { span, with: { found: 'a slice', hint: 'no slice operator' } });
  const [cut] = makeNode(c, f, slice, [x], { starts, ends, axes, steps: axes.map(() => 1) }, span);
  if (dropped.length === 0 || !cut) return cut ?? x;
  const [out] = makeNode(c, f, squeeze, [cut], { axes: dropped }, span);
  return out ?? cut;
}

// ── Operators ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

const tensorOperators: Readonly<Record<string, string>> = {
  '+': 'add',
  '-': 'sub',
  '*': 'mul',
  '/': 'div',
  '@': 'matmul',
  '==': 'equal',
  '!=': 'not_equal',
  '<': 'less',
  '<=': 'less_equal',
  '>': 'greater',
  '>=': 'greater_equal',
  and: 'and',
  or: 'or',
};

function evaluateBinary(c: Context, f: Frame, expr: BinaryExpr): Plain {
  // Left-deep chains (`1 + 1 + …`) are walked in a loop; the parser bounds their length.
  const spine: BinaryExpr[] = [];
  let left: Expr = expr;
  while (left.kind === 'binary') {
    spine.push(left);
    left = left.left;
  }
  let value = live(evaluate(c, f, left));
  for (let i = spine.length - 1; i >= 0; i--) {
    const node = spine[i];
    if (!node) continue;
    if ((node.op === 'and' || node.op === 'or') && value.kind === 'bool') {
      if (value.value === (node.op === 'or')) continue;
      const right = live(evaluate(c, f, node.right));
      if (right.kind === 'bool') value = right;
      else value = binary(c, f, node, value, right);
      continue;
    }
    value = binary(c, f, node, value, live(evaluate(c, f, node.right)));
  }
  return value;
}

const isNumbers = (value: Plain): boolean =>
  value.kind === 'list' && value.items.length > 0 && value.items.every((i) => i.kind === 'int');

function binary(c: Context, f: Frame, expr: BinaryExpr, left: Plain, right: Plain): Plain {
  const { op, span } = expr;
  const tensorLike = (value: Plain): boolean => value.kind === 'tensor' || (value.kind === 'callable' && isRunnable(value));
  const equality = op === '==' || op === '!=';
  const arithmetic = !equality && !(op === '+' && left.kind === 'list' && right.kind === 'list');
  // `via == pad` asks which shortcut it is; nothing runs.
  const names = equality && left.kind === 'callable' && right.kind === 'callable';
  if ((!names && (tensorLike(left) || tensorLike(right))) || (arithmetic && (isNumbers(left) || isNumbers(right))))
    return tensorBinary(c, f, expr, left, right);
  try {
    const value = plainBinary(c, f, expr, left, right);
    if (value) return value;
  } catch (error) {
    if (!(error instanceof DimOverflow)) throw error;
    return c.fail(intOverflow, f, { span, with: { found: `${plainText(left)} ${op} ${plainText(right)}` } });
  }
  const mixed = left.kind === 'string' || right.kind === 'string';
  return c.fail(wrongOperand, f, {
    span,
    with: {
      op,
      found: `${describe(left)} ${op} ${describe(right)}`,
      expected: op === 'and' || op === 'or' ? 'two bools' : 'two numbers, or tensors',
      hint: mixed ? 'strings can be compared with == only' : `check the two sides of \`${op}\``,
    },
  });
}

/** Whether a callable gives a tensor when it runs. */
function isRunnable(value: Plain & { readonly kind: 'callable' }): boolean {
  const target = targetOf(value);
  if ('init' in target) return false;
  return (
    target.kind === 'layer' ||
    target.kind === 'block' ||
    target.kind === 'body' ||
    (target.kind === 'shortcut' && target.layer !== undefined)
  );
}

function tensorBinary(c: Context, f: Frame, expr: BinaryExpr, left: Plain, right: Plain): Plain {
  const { op, span } = expr;
  const name = tensorOperators[op];
  const layer = name === undefined ? undefined : layerByName(name);
  if (!layer) {
    return c.fail(wrongOperand, f, {
      span,
      with: {
        op,
        found: `${describe(left)} ${op} ${describe(right)}`,
        expected: 'numbers',
        hint: `there is no \`${op}\` of tensors`,
      },
    });
  }
  // A literal takes the element type of the tensor beside it, so the tensor is made first.
  const literal = (value: Plain): boolean => value.kind === 'float' || (value.kind === 'int' && value.dim.constant !== undefined);
  let a: Value;
  let b: Value;
  if (literal(left)) {
    b = toTensor(c, f, right, expr.right.span);
    a = toTensor(c, f, left, expr.left.span, b.type.elem);
  } else {
    a = toTensor(c, f, left, expr.left.span);
    b = toTensor(c, f, right, expr.right.span, literal(right) ? a.type.elem : undefined);
  }
  const target: Target = {
    kind: 'layer',
    layer,
    args: {
      positional: [a, b].map((value, i) => ({
        value: { kind: 'tensor', value },
        span: i === 0 ? expr.left.span : expr.right.span,
      })),
      named: new Map(),
    },
    span,
  };
  return one(
    c,
    { ...f, sequence: undefined },
    runCallable(c, { ...f, sequence: undefined }, callable(op, target) as Plain & { kind: 'callable' }, span, undefined),
    span,
  );
}

function plainBinary(c: Context, f: Frame, expr: BinaryExpr, left: Plain, right: Plain): Plain | undefined {
  const { op, span } = expr;
  if (op === '==' || op === '!=') {
    const same = equalPlain(c, f, left, right, span);
    return same === undefined ? undefined : boolPlain(same === (op === '=='));
  }
  if (left.kind === 'list' && right.kind === 'list' && op === '+') return c.list([...left.items, ...right.items], span, f);
  if (left.kind === 'int' && right.kind === 'int') return intBinary(c, f, expr, left.dim, right.dim);
  const a = numberOf(left);
  const b = numberOf(right);
  if (a === undefined || b === undefined) return undefined;
  switch (op) {
    case '+':
      return floatPlain(a + b);
    case '-':
      return floatPlain(a - b);
    case '*':
      return floatPlain(a * b);
    case '/':
      if (b === 0) return c.fail(divisionByZero, f, { span, with: { left: plainText(left), op } });
      return floatPlain(a / b);
    case '%':
      if (b === 0) return c.fail(divisionByZero, f, { span, with: { left: plainText(left), op } });
      return floatPlain(a - Math.floor(a / b) * b);
    case '<':
      return boolPlain(a < b);
    case '<=':
      return boolPlain(a <= b);
    case '>':
      return boolPlain(a > b);
    case '>=':
      return boolPlain(a >= b);
    default:
      return undefined;
  }
}

function intBinary(c: Context, f: Frame, expr: BinaryExpr, a: Dim, b: Dim): Plain | undefined {
  const { op, span } = expr;
  const answer = (result: 'yes' | 'no' | 'unknown'): Plain =>
    result === 'unknown' ? undecided(c, f, span, a, b) : boolPlain(result === 'yes');
  switch (op) {
    case '+':
      return dimPlain(a.plus(b));
    case '-':
      return dimPlain(a.minus(b));
    case '*':
      return dimPlain(a.times(b));
    case '/': {
      if (b.constant === 0) return c.fail(divisionByZero, f, { span, with: { left: a.toString(), op } });
      const exact = a.divideExactly(b);
      if (exact) return dimPlain(exact);
      return c.fail(inexactDivision, f, {
        span,
        with: {
          left: a.toString(),
          right: b.toString(),
          leftText: sourceText(expr.left.span),
          rightText: sourceText(expr.right.span),
        },
      });
    }
    case '%':
      if (b.constant === 0) return c.fail(divisionByZero, f, { span, with: { left: a.toString(), op } });
      return dimPlain(a.mod(b));
    case '<':
      return answer(a.lessThan(b));
    case '<=':
      return answer(a.atMost(b));
    case '>':
      return answer(b.lessThan(a));
    case '>=':
      return answer(b.atMost(a));
    default:
      return undefined;
  }
}

function undecided(c: Context, f: Frame, span: Span, a: Dim, b: Dim): never {
  const example = counterexample(a, b);
  const values = example ? [...example].map(([k, v]) => `${k} = ${v}`).join(', ') : '';
  const symbol = a.symbols()[0] ?? b.symbols()[0] ?? 'H';
  return c.fail(undecidable, f, {
    span,
    with: {
      condition: `${sourceText(span)}, a comparison of ${a.toString()} and ${b.toString()}`,
      example: values ? ` (they differ at ${values})` : '',
      hint: `write a number in the place of \`${symbol}\` in the input type`,
    },
  });
}

/** Equality of plain values; undefined when they cannot be compared. */
function equalPlain(c: Context, f: Frame, a: Plain, b: Plain, span: Span): boolean | undefined {
  if (a.kind === 'int' && b.kind === 'int') {
    const same = a.dim.equals(b.dim);
    return same === 'unknown' ? undecided(c, f, span, a.dim, b.dim) : same === 'yes';
  }
  const x = numberOf(a);
  const y = numberOf(b);
  if (x !== undefined && y !== undefined) return x === y;
  if (a.kind === 'string' && b.kind === 'string') return a.value === b.value;
  if (a.kind === 'bool' && b.kind === 'bool') return a.value === b.value;
  if (a.kind === 'size' && b.kind === 'size') return a.dims.join() === b.dims.join();
  if (a.kind === 'list' && b.kind === 'list') {
    if (a.items.length !== b.items.length) return false;
    for (const [i, item] of a.items.entries()) {
      const other = b.items[i];
      const same = other ? equalPlain(c, f, item, other, span) : false;
      if (same !== true) return same;
    }
    return true;
  }
  if (a.kind === 'callable' && b.kind === 'callable') return a.name === b.name;
  return undefined;
}

function negate(c: Context, f: Frame, value: Plain, span: Span): Plain {
  live(value);
  if (value.kind === 'int') return dimPlain(value.dim.negate());
  if (value.kind === 'float') return floatPlain(-value.value);
  if (value.kind === 'tensor' || value.kind === 'callable' || isNumbers(value)) return unaryTensor(c, f, 'neg', '-', value, span);
  return c.fail(wrongOperand, f, {
    span,
    with: { op: '-', found: describe(value), expected: 'a number or a tensor', hint: 'remove the `-`' },
  });
}

function not(c: Context, f: Frame, value: Plain, span: Span): Plain {
  live(value);
  if (value.kind === 'bool') return boolPlain(!value.value);
  if (value.kind === 'tensor' || value.kind === 'callable') return unaryTensor(c, f, 'not', 'not', value, span);
  return c.fail(wrongOperand, f, {
    span,
    with: { op: 'not', found: describe(value), expected: 'a bool', hint: 'compare it: `x == 0`' },
  });
}

function unaryTensor(c: Context, f: Frame, name: string, op: string, value: Plain, span: Span): Plain {
  const layer = layerByName(name);
  if (!layer)
    return c.fail(wrongOperand, f, {
      span,
      with: { op, found: describe(value), expected: 'a number', hint: `remove the \`${op}\`` },
    });
  const x = toTensor(c, f, value, span);
  const target: Target = {
    kind: 'layer',
    layer,
    args: { positional: [{ value: { kind: 'tensor', value: x }, span }], named: new Map() },
    span,
  };
  const at = { ...f, sequence: undefined };
  return one(c, at, runCallable(c, at, callable(op, target) as Plain & { kind: 'callable' }, span, undefined), span);
}
