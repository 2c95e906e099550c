/** Layers that run: operands and parameters from the arguments of the call, then the nodes that the layer builds. */
import { at } from '../diagnostics/at.ts';
import { emptyConcat, notRunnable } from '../diagnostics/catalogue/structure.ts';
import { missingArgument, missingOperand, tooManyArguments, wrongArgument } from '../diagnostics/catalogue/values.ts';
import type { Span } from '../diagnostics/source.ts';
import { Dim } from '../ir/dim.ts';
import type { ConstantRole, Value } from '../ir/graph.ts';
import { type AttrValue, CheckFailure, type Operator } from '../ir/operator.ts';
import { type ElemType, type HostTensor, isFloat } from '../ir/types.ts';
import type { ArgumentPlace } from '../ops/axis-pattern.ts';
import type { Layer, LayerBuilder } from '../ops/define.ts';
import { dimValue as dimValueOperator } from '../ops/generate.ts';
import type { InitSpec, LangValue, ParamSpec } from '../ops/params.ts';
import { dictionary } from '../words/late.ts';
import { ran } from './callables.ts';
import { currentValue } from './chains.ts';
import type { Context } from './context.ts';
import { Abandon, live } from './failure.ts';
import { advice } from './late.ts';
import { create, guarded, parameter } from './nodes.ts';
import { finiteScalar, scalar } from './numbers.ts';
import { type Frame, frameAt, joinPath, place } from './scope.ts';
import { toTensor } from './tensors.ts';
import {
  argumentText,
  describe,
  type GivenArg,
  type GivenArgs,
  type LayerTarget,
  listValue,
  type ShortcutTarget,
  tensorLike,
  tensorValue,
  wholeText,
} from './values.ts';

/**
 * `numbered` is a label of the language's own, which stands for the operator's name: where the layer owns parameters, it is
 * counted.
 */
export function runLayer(
  c: Context,
  f: Frame,
  target: LayerTarget,
  span: Span,
  label: string | undefined,
  numbered = label === undefined && !f.sequence ? target.layer.name : undefined,
): readonly LangValue[] {
  const { layer } = target;
  const callSpan = target.span.file === span.file ? span : target.span;
  const { operandArgs, positional } = splitOperands(layer, target.args);
  const inner = frameAt(f, f.path);
  const params = convertParams(c, inner, layer, positional, target.args, callSpan);
  // A layer or block among any number of operands may give a list of them.
  const given =
    layer.operands.max === Number.POSITIVE_INFINITY
      ? operandArgs.map(({ value, span: at }) => ({ value: ran(c, inner, live(value), at), span: at }))
      : operandArgs;
  const operands = operandsOf(c, inner, layer, given, layer.needs(params), callSpan);
  const at = place(f, numbered !== undefined && layer.owns(params) ? autoName(c, f, numbered) : label);
  const listed = given.length === 0 ? f.it : given[0]?.value;
  const builder = new Builder(c, at, layer, operands, callSpan, listed?.kind === 'list' && tensorLike(listed));
  const spanOf = (where: ArgumentPlace): Span => argumentSpan(layer, target.args, where) ?? callSpan;
  const results = guarded(c, at, layer.name, operands, callSpan, () => layer.build(builder, operands, params), spanOf);
  if (!Array.isArray(results)) return [tensorValue(results as Value)];
  return [c.list((results as readonly Value[]).map(tensorValue), callSpan, f)];
}

/** Where an argument was written; the characters of a string where it is written there, and not a name for it. */
function argumentSpan(layer: Layer, args: GivenArgs, { argument, start, end }: ArgumentPlace): Span | undefined {
  const { positional } = splitOperands(layer, args);
  const slots = layer.specs.filter(([name, spec]) => spec.positional && !args.named.has(name));
  const span = (args.named.get(argument) ?? positional[slots.findIndex(([name]) => name === argument)])?.span;
  if (!span || start === undefined || end === undefined) return span;
  const text = span.file.text.slice(span.start, span.end);
  const quote = /^(?:\w+\s*=\s*)?"/.exec(text)?.[0].length;
  if (quote === undefined || text.includes('\\')) return span;
  const from = span.start + quote + start;
  return { ...span, start: from, end: Math.max(from + 1, span.start + quote + end) };
}

/** `identity` and `pad` outside of a shortcut are layers. */
export function runShortcutLayer(
  c: Context,
  f: Frame,
  { name, layer, args, span: at }: ShortcutTarget,
  span: Span,
  label: string | undefined,
): readonly LangValue[] {
  if (layer) return runLayer(c, f, { kind: 'layer', layer, args, span: at }, span, label);
  return c.fail(notRunnable, f, {
    span,
    with: {
      name,
      found: `\`${name}\` outside a shortcut`,
      expected: 'a layer, a block or a body',
      hint: `write \`residual { … } shortcut ${name}\``,
    },
  });
}

/** `conv`, then `conv_1`: the name that what owns parameters gets in its scope where it has no label. */
export function autoName(c: Context, f: Frame, name: string): string {
  const n = c.count(f.path, name);
  return n === 0 ? name : `${name}_${n}`;
}

/** Leading tensors are operands, and so is as much of what follows as the positional parameters cannot take. */
function splitOperands(layer: Layer, args: GivenArgs): { operandArgs: readonly GivenArg[]; positional: readonly GivenArg[] } {
  const specs = layer.specs.filter(([, spec]) => spec.positional);
  // A list at the end fills a rest parameter alone: `expand(0, [n])` has an operand before it.
  const last = args.positional.at(-1)?.value;
  const filled = args.positional.length > 1 && last?.kind === 'list' && !tensorLike(last);
  const capacity = specs.some(([, spec]) => spec.rest) && !filled ? Number.POSITIVE_INFINITY : specs.length;
  let leading = 0;
  while (
    leading < args.positional.length &&
    leading < layer.operands.max &&
    tensorLike(args.positional[leading]?.value ?? listValue([]))
  )
    leading++;
  const emptyList =
    layer.operands.max === Number.POSITIVE_INFINITY &&
    args.positional[0]?.value.kind === 'list' &&
    args.positional[0].value.items.length === 0
      ? 1
      : 0;
  // Numbers are operands only where there must be several, or before a list: `relu(3)` is a mistake.
  const overflow = layer.operands.min > 1 || filled ? args.positional.length - capacity : 0;
  const count = Math.min(layer.operands.max, Math.max(leading, emptyList, overflow));
  return { operandArgs: args.positional.slice(0, count), positional: args.positional.slice(count) };
}

function operandsOf(c: Context, f: Frame, layer: Layer, given: readonly GivenArg[], min: number, span: Span): readonly Value[] {
  const { max, names } = layer.operands;
  // Most layers are written without operands, and take the current value.
  if (given.length === 0 && min === 1) {
    const it = currentValue(c, f, span);
    if (it.kind === 'tensor') return [it.value];
  }
  const flat: GivenArg[] = [];
  for (const arg of given) {
    const value = live(arg.value);
    // A block may return a list of tensors, which is given element by element.
    if (value.kind === 'list' && value.items.some(tensorLike))
      for (const item of value.items) flat.push({ value: item, span: arg.span });
    else if (value.kind === 'list' && value.items.length === 0) continue;
    else flat.push(arg);
  }
  if (given.length > 0 && flat.length === 0) c.fail(emptyConcat, f, { span, with: { callee: layer.name } });
  let sideBySide = false;
  if (flat.length < min && flat.length === min - 1) {
    const it = currentValue(c, f, span);
    sideBySide = c.ofEach.has(it);
    if (it.kind === 'list' && it.items.some(tensorLike)) flat.unshift(...it.items.map((value) => ({ value, span })));
    else flat.unshift({ value: it, span });
  }
  if (flat.length < min || flat.length > max) {
    const wanted = names.join(', ');
    const several = given.length === 0 && flat.length > max;
    return c.fail(missingOperand, f, {
      span,
      with: {
        callee: layer.name,
        count: min === max ? `${min} tensor${min === 1 ? '' : 's'}` : `at least ${min} tensors`,
        found: several ? `${flat.length}: \`it\` is a list of them` : `${flat.length}`,
        expected: wanted,
        hint: several ? (sideBySide ? orInTurn : apart(flat)) : withOperands(layer.name, names),
      },
    });
  }
  // A layer or body among the operands runs once, however often its tensor is asked for.
  const made = new Map<GivenArg, Value>();
  const tensorOf = (arg: GivenArg): Value => {
    const value = made.get(arg) ?? toTensor(c, f, arg.value, arg.span);
    made.set(arg, value);
    return value;
  };
  const computed = flat.filter(({ value }) => value.kind === 'tensor' || value.kind === 'callable');
  // Literals take the element type of the first real tensor; in `where(condition, x, 0.0)` of the other branch.
  const [first, second] = computed;
  const known = first && tensorOf(first);
  return flat.map((arg) => {
    const literal = arg.value.kind === 'float' || (arg.value.kind === 'int' && arg.value.dim.constant !== undefined);
    if (!literal) return tensorOf(arg);
    const model = known?.type.elem === 'bool' ? second && tensorOf(second) : known;
    return toTensor(c, f, arg.value, arg.span, model?.type.elem);
  });
}

/** A call with the operands that are missing; the first is the current value. */
function withOperands(callee: string, [first, ...others]: readonly string[]): string {
  const call = `write \`${callee}(${others.map((name) => `${name}, `).join('')}…)\``;
  return first === 'it' ? call : `${call}, where \`it\` is \`${first}\``;
}

const orInTurn =
  '`each` runs every turn on the same `it`; write `repeat` for one behind the other, or join what it gave: `concat`';

/** What to do with several values where one is wanted. */
function apart(values: readonly GivenArg[]): string {
  const ranks = new Set(values.map(({ value }) => (value.kind === 'tensor' ? value.value.type.dims.length : undefined)));
  const alike = ranks.size === 1;
  // Values of several kinds, such as the result and the states of `lstm`, are not all wanted.
  const names = (alike ? ['it', 'b', 'c', 'd'] : ['it', '_', '_', '_']).slice(0, values.length);
  const one =
    values.length > names.length
      ? 'go on with one of them: `it[0]`'
      : `name them where they are made: \`let ${names.join(', ')} = …\``;
  return alike ? `${one}; or join them: \`concat\`` : one;
}

function convertParams(
  c: Context,
  f: Frame,
  layer: Layer,
  positional: readonly GivenArg[],
  args: GivenArgs,
  span: Span,
): Readonly<Record<string, unknown>> {
  const out: Record<string, unknown> = {};
  const { specs } = layer;
  if (positional.length === 0 && args.named.size === 0 && specs.every(([, spec]) => spec.default)) {
    for (const [name, spec] of specs) out[name] = spec.default?.value;
    return out;
  }
  const given = new Map<string, GivenArg>();
  /** Given by another name, which was reported. */
  const answered = new Set<string>();
  let failed = false;
  const wrong = (name: string, arg: GivenArg, expected: string): true => {
    advice.now().refuseTensorForNumber(c, f, layer, args);
    const hint = otherParameter(layer, arg, given) ?? convertHint(layer.name, arg, expected, name);
    c.report(wrongArgument, f, {
      span: arg.span,
      with: { name, callee: layer.name, found: describe(arg.value), expected, hint },
    });
    return true;
  };
  const slots = specs.filter(([name, s]) => s.positional && !args.named.has(name));
  let next = 0;
  for (const [name, spec] of slots) {
    if (next >= positional.length) break;
    if (spec.rest) {
      const rest = positional.slice(next);
      const [first] = rest;
      given.set(name, {
        value: rest.length === 1 && first ? first.value : listValue(rest.map((a) => a.value)),
        span: first?.span ?? span,
      });
      next = positional.length;
    } else {
      const arg = positional[next++];
      if (arg) given.set(name, arg);
    }
  }
  const extra = positional[next];
  if (extra) {
    const names = slots.map(([name]) => name);
    const { fewerArguments, namesake } = advice.now();
    const other = namesake(layer, args);
    const report = {
      span: extra.span,
      with: {
        callee: layer.name,
        found: describe(extra.value),
        expected: names.length > 0 ? `at most ${names.join(', ')} without a name` : 'no arguments without a name',
        hint: other ?? fewerArguments(layer, args),
      },
    };
    // What another layer would lack is no use to know.
    if (other === undefined) c.report(tooManyArguments, f, report);
    else c.fail(tooManyArguments, f, report);
    failed = true;
  }
  const others = specs.find(([, spec]) => spec.others);
  const further = new Map<string, unknown>();
  for (const [name, arg] of args.named) {
    if (layer.params[name] && !layer.params[name].others) {
      given.set(name, arg);
      continue;
    }
    if (others) {
      const converted = others[1].convert(live(arg.value), name);
      if (!converted.ok) failed = wrong(name, arg, converted.expected);
      else for (const [key, one] of converted.value as ReadonlyMap<string, unknown>) further.set(key, one);
      continue;
    }
    const meant = advice.now().unknownArgumentOf(c, f, layer, name, arg, args);
    if (meant !== undefined) answered.add(meant);
    failed = true;
  }
  for (const [name, spec] of specs) {
    if (spec.others) {
      out[name] = further;
      continue;
    }
    const arg = given.get(name);
    if (!arg) {
      if (spec.default) out[name] = spec.default.value;
      else if (!answered.has(name)) {
        advice.now().refuseTensorForNumber(c, f, layer, args);
        c.report(missingArgument, f, {
          span,
          with: {
            callee: layer.name,
            name,
            expected: advice.now().expectedOf(layer, name),
            hint: `write \`${layer.name}(${name}=…)\``,
          },
        });
        failed = true;
      }
      continue;
    }
    const converted = convert(c, f, spec, arg);
    if (converted.ok) out[name] = converted.value;
    else failed = wrong(name, arg, converted.expected);
  }
  if (failed) throw new Abandon();
  return out;
}

/** The one parameter that takes a list which was given without a name in another's place: the parts of `split([4, 12])`. */
function otherParameter(layer: Layer, arg: GivenArg, given: ReadonlyMap<string, GivenArg>): string | undefined {
  const value = live(arg.value);
  const text = wholeText(arg.span);
  if (value.kind !== 'list' || !text.startsWith('[')) return undefined;
  const others = layer.specs.filter(([name, spec]) => !given.has(name) && spec.convert(value).ok);
  const [one] = others;
  return one && others.length === 1 ? `write \`${one[0]}=${text}\`` : undefined;
}

function convertHint(layer: string, arg: GivenArg, expected: string, name: string): string {
  const { value } = arg;
  const text = argumentText(arg);
  const meant = dictionary.now().valueForLayer(layer, name, text);
  if (meant !== text) return `write \`${name}=${meant}\``;
  const word = advice.now().wordMeant(text, expected);
  if (word !== undefined) return `write \`${name}=${word}\``;
  if (value.kind === 'float' && expected.includes('int'))
    return `write a whole number, or \`floor(…)\`, \`ceil(…)\`, \`round(…)\``;
  if (value.kind === 'int' && value.dim.constant === undefined) return 'fix the size in the input type';
  return `write \`${name}=\` with ${expected}`;
}

function convert(c: Context, f: Frame, spec: ParamSpec, arg: GivenArg): ReturnType<ParamSpec['convert']> {
  const value = live(arg.value);
  const direct = spec.convert(value);
  if (direct.ok || !spec.type.includes('tensor') || !tensorLike(value)) return direct;
  return spec.convert({ kind: 'tensor', value: toTensor(c, f, value, arg.span) });
}

type Attributes = Readonly<Record<string, AttrValue>>;

const check: LayerBuilder['check'] = (label, holds, found, expected, hint) => {
  if (!holds) throw new CheckFailure(label, found, expected, hint);
};

/** What a layer builds with, in the frame below its label. */
class Builder implements LayerBuilder {
  readonly #c: Context;
  readonly #frame: Frame;
  readonly #layer: Layer;
  readonly #float: ElemType;
  readonly span: Span;
  readonly listed: boolean;

  constructor(c: Context, frame: Frame, layer: Layer, operands: readonly Value[], span: Span, listed: boolean) {
    this.#c = c;
    this.#frame = frame;
    this.#layer = layer;
    this.#float = operands.find((x) => isFloat(x.type.elem))?.type.elem ?? 'f32';
    this.span = span;
    this.listed = listed;
  }

  get check(): LayerBuilder['check'] {
    return check;
  }

  op(operator: Operator, xs: readonly (Value | undefined)[], attrs: Attributes = {}): Value {
    return at(create(this.#c, this.#frame, operator, xs, attrs, this.span), 0);
  }

  ops(operator: Operator, xs: readonly (Value | undefined)[], attrs: Attributes = {}): readonly Value[] {
    return create(this.#c, this.#frame, operator, xs, attrs, this.span);
  }

  weight(
    name: string,
    dims: readonly (number | Dim)[],
    init: InitSpec,
    options?: { readonly role?: ConstantRole; readonly elem?: ElemType },
  ): Value {
    return parameter(
      this.#c,
      this.#frame,
      joinPath(this.#frame.path, name),
      dims.map((d) => (typeof d === 'number' ? Dim.of(d) : d)),
      options?.elem ?? this.#float,
      init,
      options?.role ?? 'parameter',
      this.span,
      this.#layer.name,
    );
  }

  constant(tensor: HostTensor): Value {
    return this.#c.graph.root.constant(this.#c.content.literal(tensor));
  }

  scalar(elem: ElemType, value: number): Value {
    return finiteScalar(this.#c, this.#frame, this.span, elem, value);
  }

  dimValue(dim: Dim): Value {
    if (dim.constant !== undefined) return scalar(this.#c, 'i64', dim.constant);
    return this.op(dimValueOperator, [], { dim: [dim] });
  }
}
