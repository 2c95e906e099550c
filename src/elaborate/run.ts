/** Running things on the current value: layers make nodes and parameters, blocks and bodies run their statements. */

import { enormous, layerShape, symbolicParameter, tieMismatch } from '../diagnostics/catalogue/shapes.ts';
import { duplicatePath, emptyConcat, notRunnable } from '../diagnostics/catalogue/structure.ts';
import {
  intOverflow,
  missingArgument,
  missingOperand,
  tooManyArguments,
  unknownArgument,
  wrongArgument,
} from '../diagnostics/catalogue/values.ts';
import { bug } from '../diagnostics/diagnostic.ts';
import type { Span } from '../diagnostics/source.ts';
import { nearest } from '../diagnostics/suggest.ts';
import { Dim, DimOverflow, productOf } from '../ir/dim.ts';
import type { ConstantRole, Node, Origin, Value } from '../ir/graph.ts';
import { type AttrValue, CheckFailure, type Operator } from '../ir/operator.ts';
import { type ElemType, type HostTensor, isFloat, typeText } from '../ir/types.ts';
import type { Layer, LayerBuilder } from '../ops/define.ts';
import { type InitSpec, kindText, type ParamSpec, type Plain } from '../ops/params.ts';
import { operatorByName } from '../ops/registry.ts';
import type { Ident, Param, TypeRef } from '../parser/ast.ts';
import {
  type BlockTarget,
  Env,
  type Frame,
  type GivenArg,
  type GivenArgs,
  joinPath,
  type LayerTarget,
  listPlain,
  targetOf,
} from './callables.ts';
import { Abandon, type Context, nodeCost } from './context.ts';
import { checkFinite, currentValue, describe, evaluate, finiteScalar, live, scalar, sourceText, toTensor } from './evaluate.ts';
import { runBody } from './statements.ts';

/** Runs a layer, block or body on the current value. A label, or the position inside `sequential`, becomes its path. */
export function runCallable(c: Context, f: Frame, value: Plain, span: Span, label: string | undefined): readonly Plain[] {
  if (value.kind !== 'callable') {
    if (value.kind === 'tensor' || value.kind === 'list') return [value];
    return c.fail(notRunnable, f, {
      span,
      with: {
        name: sourceText(span),
        found: describe(value),
        expected: 'a layer, a block, a body or a tensor',
        hint: 'remove the label',
      },
    });
  }
  live(value);
  const target = targetOf(value);
  if ('init' in target || target.kind === 'elem' || target.kind === 'poison') {
    return c.fail(notRunnable, f, {
      span,
      with: {
        name: value.name,
        found: 'init' in target ? 'an initialiser' : 'an element type',
        expected: 'a layer, a block or a body',
        hint: 'init' in target ? `write \`init=${value.name}\`` : `write \`cast(${value.name})\``,
      },
    });
  }
  switch (target.kind) {
    case 'layer':
      return runLayer(c, f, target, label, span);
    case 'shortcut':
      if (target.layer)
        return runLayer(c, f, { kind: 'layer', layer: target.layer, args: target.args, span: target.span }, label, span);
      return c.fail(notRunnable, f, {
        span,
        with: {
          name: value.name,
          found: `\`${value.name}\` outside a shortcut`,
          expected: 'a layer, a block or a body',
          hint: `write \`residual { … } shortcut ${value.name}\``,
        },
      });
    case 'block':
      return runBlock(c, place(f, label), target, span);
    case 'body': {
      const at = place(f, label);
      return c.nest(span, f, () =>
        runBody(
          c,
          { ...at, env: new Env(target.env.module, target.env), sequence: undefined, model: target.model, inRepeat: false },
          target.body,
        ),
      );
    }
  }
}

/** The frame below a label, or below the next position of a `sequential`. */
export function place(f: Frame, label: string | undefined): Frame {
  if (label !== undefined) return { ...f, path: joinPath(f.path, label), sequence: undefined };
  if (f.sequence) return { ...f, path: joinPath(f.path, String(f.sequence.next++)), sequence: undefined };
  return f;
}

// ── Nodes ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

const maxElements = 2 ** 40;

/** Makes a node at the frame's place in the source. A shape that does not fit is reported at `span`. */
export function makeNode(
  c: Context,
  f: Frame,
  operator: Operator,
  operands: readonly (Value | undefined)[],
  attrs: Readonly<Record<string, AttrValue>>,
  span: Span,
): readonly Value[] {
  return guarded(c, f, operator.name, operands, span, () => create(c, f, operator, operands, attrs, span));
}

function create(
  c: Context,
  f: Frame,
  operator: Operator,
  operands: readonly (Value | undefined)[],
  attrs: Readonly<Record<string, AttrValue>>,
  span: Span,
): readonly Value[] {
  const origin: Origin = { scope: f.path, span, residual: f.residual };
  c.nodes++;
  // Nodes have a few operands; a concat of a list has as many as that.
  c.spend(nodeCost + 4 * Math.max(0, operands.length - 4), span, f);
  const node = c.graph.create(operator, operands, attrs, origin);
  checkAttributes(c, f, node, span);
  for (const { type } of node.results) {
    // Ranks and the operands of a concat are as large as a list is.
    c.spend(type.dims.length / 8, span, f);
    const count = productOf(type.dims).lowerBound;
    if (count > maxElements) c.fail(enormous, f, { span, with: { found: `${operator.name} gives ${typeText(type)}` } });
  }
  return node.results;
}

/** Numbers among the attributes are used in the type of the first float around. Infinite ones are bounds that are none. */
function checkAttributes(c: Context, f: Frame, node: Node, span: Span): void {
  for (const [name, { kind }] of Object.entries(node.op.attrs)) {
    const value = node.attrs[name];
    if (kind !== 'float' || typeof value !== 'number' || !Number.isFinite(value)) continue;
    const elem = [...node.operands, ...node.results].find((one) => one && isFloat(one.type.elem))?.type.elem;
    if (elem) checkFinite(c, f, span, elem, value);
  }
}

/** Turns a failed constraint into a diagnostic at the call, with a note where its operand was made. */
function guarded<T>(c: Context, f: Frame, name: string, operands: readonly (Value | undefined)[], span: Span, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof DimOverflow) return c.fail(intOverflow, f, { span, with: { found: error.message } });
    if (!(error instanceof CheckFailure)) throw error;
    const notes = operands.flatMap((value) => {
      const at = value?.producer?.origin.span;
      return value && at && (at.start !== span.start || at.file !== span.file)
        ? [{ span: at, text: `gives ${typeText(value.type)}` }]
        : [];
    });
    return c.fail(layerShape, f, {
      span,
      notes: notes.slice(-2),
      with: {
        layer: name,
        found: error.found,
        expected: error.expected,
        hint: error.hint ?? `rescc explain ${name}`,
      },
    });
  }
}

// ── Layers ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

function runLayer(c: Context, f: Frame, target: LayerTarget, label: string | undefined, span: Span): readonly Plain[] {
  const { layer } = target;
  const callSpan = target.span.file === span.file ? span : target.span;
  const { operandArgs, positional } = splitOperands(layer, target.args);
  const inner: Frame = { ...f, sequence: undefined };
  const params = convertParams(c, inner, layer, positional, target.args, callSpan);
  const operands = operandsOf(c, inner, layer, operandArgs, callSpan);
  const at = layer.owns(params) && label === undefined && !f.sequence ? place(f, autoName(c, f, layer.name)) : place(f, label);
  const results = guarded(c, at, layer.name, operands, callSpan, () =>
    layer.build(layerBuilder(c, at, layer, operands, callSpan), operands, params),
  );
  const values = Array.isArray(results) ? (results as readonly Value[]) : [results as Value];
  return values.map((value) => ({ kind: 'tensor', value }));
}

/** `conv`, then `conv_1`: the name an unlabelled layer with parameters gets in its scope. */
function autoName(c: Context, f: Frame, name: string): string {
  const n = c.count(f.path, name);
  return n === 0 ? name : `${name}_${n}`;
}

function tensorLike(value: Plain): boolean {
  if (value.kind === 'tensor') return true;
  if (value.kind === 'list') return value.items.some((item) => tensorLike(item));
  if (value.kind !== 'callable') return false;
  const target = targetOf(value);
  return (
    !('init' in target) &&
    (target.kind === 'layer' ||
      target.kind === 'block' ||
      target.kind === 'body' ||
      target.kind === 'poison' ||
      (target.kind === 'shortcut' && target.layer !== undefined))
  );
}

/** Leading tensors are operands, and so is as much of what follows as the positional parameters cannot take. */
function splitOperands(layer: Layer, args: GivenArgs): { operandArgs: readonly GivenArg[]; positional: readonly GivenArg[] } {
  const specs = Object.values(layer.params).filter((s) => s.positional);
  // A list at the end fills a rest parameter alone: `expand(0, [n])` has an operand before it.
  const last = args.positional.at(-1)?.value;
  const filled = args.positional.length > 1 && last?.kind === 'list' && !tensorLike(last);
  const room = specs.some((s) => s.rest) && !filled ? Number.POSITIVE_INFINITY : specs.length;
  let leading = 0;
  while (
    leading < args.positional.length &&
    leading < layer.operands.max &&
    tensorLike(args.positional[leading]?.value ?? listPlain([]))
  )
    leading++;
  const emptyList =
    layer.operands.max === Number.POSITIVE_INFINITY &&
    args.positional[0]?.value.kind === 'list' &&
    args.positional[0].value.items.length === 0
      ? 1
      : 0;
  // Numbers are operands only where there must be several, or before a list: `relu(3)` is a mistake.
  const overflow = layer.operands.min > 1 || filled ? args.positional.length - room : 0;
  const count = Math.min(layer.operands.max, Math.max(leading, emptyList, overflow));
  return { operandArgs: args.positional.slice(0, count), positional: args.positional.slice(count) };
}

function operandsOf(c: Context, f: Frame, layer: Layer, given: readonly GivenArg[], span: Span): readonly Value[] {
  const { min, max, names } = layer.operands;
  const flat: GivenArg[] = [];
  for (const arg of given) {
    const value = live(arg.value);
    // A block may return a list of tensors, which stands for its elements.
    if (value.kind === 'list' && value.items.some(tensorLike))
      for (const item of value.items) flat.push({ value: item, span: arg.span });
    else if (value.kind === 'list' && value.items.length === 0) continue;
    else flat.push(arg);
  }
  if (given.length > 0 && flat.length === 0) c.fail(emptyConcat, f, { span, with: { callee: layer.name } });
  if (flat.length < min && flat.length === min - 1) {
    const it = currentValue(c, f, span);
    if (it.kind === 'list' && it.items.some(tensorLike)) flat.unshift(...it.items.map((value) => ({ value, span })));
    else flat.unshift({ value: it, span });
  }
  if (flat.length < min || flat.length > max) {
    const wanted = names.join(', ');
    return c.fail(missingOperand, f, {
      span,
      with: {
        callee: layer.name,
        count: min === max ? `${min} tensor${min === 1 ? '' : 's'}` : `at least ${min} tensors`,
        found: `${flat.length}`,
        expected: wanted,
        hint: `write \`${layer.name}(${names.slice(1).join(', ')}${names.length > 1 ? ', ' : ''}…)\``,
      },
    });
  }
  // Literals take the element type of the first real tensor.
  const first = flat.find((arg) => arg.value.kind === 'tensor' || arg.value.kind === 'callable');
  const known = first ? toTensor(c, f, first.value, first.span) : undefined;
  return flat.map((arg) => {
    if (known && arg === first) return known;
    const literal = arg.value.kind === 'float' || (arg.value.kind === 'int' && arg.value.dim.constant !== undefined);
    const elem = known && known.type.elem === 'bool' ? literalElem(flat, known, c, f) : known?.type.elem;
    return toTensor(c, f, arg.value, arg.span, literal ? elem : undefined);
  });
}

/** `where(condition, x, 0.0)`: the literal's type is that of the other branch, not of the condition. */
function literalElem(flat: readonly GivenArg[], condition: Value, c: Context, f: Frame): ElemType | undefined {
  for (const arg of flat) {
    if (arg.value.kind !== 'tensor' && arg.value.kind !== 'callable') continue;
    const value = toTensor(c, f, arg.value, arg.span);
    if (value !== condition) return value.type.elem;
  }
  return undefined;
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
  const specs = Object.entries(layer.params);
  const given = new Map<string, GivenArg>();
  let failed = false;
  const slots = specs.filter(([name, s]) => s.positional && !args.named.has(name));
  let next = 0;
  for (const [name, spec] of slots) {
    if (next >= positional.length) break;
    if (spec.rest) {
      const rest = positional.slice(next);
      const [first] = rest;
      given.set(name, {
        value: rest.length === 1 && first ? first.value : listPlain(rest.map((a) => a.value)),
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
    c.report(tooManyArguments, f, {
      span: extra.span,
      with: {
        callee: layer.name,
        found: describe(extra.value),
        expected: names.length > 0 ? `at most ${names.join(', ')} without a name` : 'no arguments without a name',
      },
    });
    failed = true;
  }
  for (const [name, arg] of args.named) {
    if (name in layer.params) {
      given.set(name, arg);
      continue;
    }
    const near = nearest(name, Object.keys(layer.params));
    c.report(unknownArgument, f, {
      span: arg.span,
      with: {
        callee: layer.name,
        name,
        expected: Object.keys(layer.params).length > 0 ? `one of ${Object.keys(layer.params).join(', ')}` : 'no named arguments',
        hint: near ? `did you mean \`${near}=\`?` : `remove \`${name}=\``,
      },
    });
    failed = true;
  }
  for (const [name, spec] of specs) {
    const arg = given.get(name);
    if (!arg) {
      if (spec.default) out[name] = spec.default.value;
      else {
        c.report(missingArgument, f, {
          span,
          with: { callee: layer.name, name, expected: `${spec.type}: ${spec.doc}`, hint: `write \`${layer.name}(${name}=…)\`` },
        });
        failed = true;
      }
      continue;
    }
    const converted = convert(c, f, spec, arg);
    if (converted.ok) out[name] = converted.value;
    else {
      c.report(wrongArgument, f, {
        span: arg.span,
        with: {
          name,
          callee: layer.name,
          found: describe(arg.value),
          expected: converted.expected,
          hint: convertHint(arg.value, converted.expected, name),
        },
      });
      failed = true;
    }
  }
  if (failed) throw new Abandon();
  return out;
}

function convertHint(value: Plain, expected: string, name: string): string {
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

function layerBuilder(c: Context, f: Frame, layer: Layer, operands: readonly Value[], span: Span): LayerBuilder {
  const float = operands.find((x) => isFloat(x.type.elem))?.type.elem ?? 'f32';
  return {
    span,
    check: (label, holds, found, expected, hint) => {
      if (!holds) throw new CheckFailure(label, found, expected, hint);
    },
    op: (operator, xs, attrs = {}) => create(c, f, operator, xs, attrs, span)[0] ?? bug(`${operator.name} has no result`),
    ops: (operator, xs, attrs = {}) => create(c, f, operator, xs, attrs, span),
    weight: (name, dims, init, options) =>
      parameter(
        c,
        f,
        joinPath(f.path, name),
        dims.map((d) => (typeof d === 'number' ? Dim.of(d) : d)),
        options?.elem ?? float,
        init,
        options?.role ?? 'parameter',
        span,
        layer.name,
      ),
    constant: (tensor: HostTensor) => c.graph.constant(c.content.literal(tensor)),
    scalar: (elem, value) => finiteScalar(c, f, span, elem, value),
    dimValue: (dim) => {
      const operator = operatorByName('dim_value');
      if (dim.constant !== undefined || !operator) return scalar(c, 'i64', dim.constant ?? 0);
      return create(c, f, operator, [], { dim: [dim] }, span)[0] ?? bug('dim_value has no result');
    },
  };
}

/** Creates the parameter at a path, or finds it where weights are shared. */
export function parameter(
  c: Context,
  f: Frame,
  path: string,
  dims: readonly Dim[],
  elem: ElemType,
  init: InitSpec,
  role: ConstantRole,
  span: Span,
  owner: string,
): Value {
  const sizes = dims.map((d) => d.constant);
  const shape = (): string => `[${dims.map((d) => d.toString()).join(', ')}]`;
  if (sizes.some((n) => n === undefined)) {
    const symbol = dims.flatMap((d) => d.symbols())[0] ?? 'the symbol';
    return c.fail(symbolicParameter, f, {
      span,
      with: { path, shape: shape(), hint: `fix \`${symbol}\` in the input type, or pool it away before \`${owner}\`` },
    });
  }
  const known = sizes.map((n) => n ?? 0);
  if (known.reduce((a, b) => a * b, 1) > maxElements)
    c.fail(enormous, f, { span, with: { found: `parameter ${path} of shape ${shape()}` } });
  c.spend(path.length / 256, span, f);
  const before = c.parameters.get(path);
  if (before) {
    if (!f.share) {
      return c.fail(duplicatePath, f, {
        span,
        notes: [{ span: before.span, text: 'the first one is created here' }],
        with: { path },
      });
    }
    const old = before.value.type;
    if (old.elem === elem && old.dims.length === dims.length && old.dims.every((d, i) => d === dims[i])) return before.value;
    return c.fail(tieMismatch, f, {
      span,
      notes: [{ span: before.span, text: `created here as ${typeText(old)}` }],
      with: { path, found: `${elem}${shape()}`, expected: typeText(old) },
    });
  }
  if (init.value !== undefined) checkFinite(c, f, span, elem, init.value);
  const value = c.graph.constant(c.content.initial(path, known, elem, init), role, path);
  c.parameters.set(path, { value, span });
  if (init.byDepth) c.ownInits.set(value, { path, dims: known, elem, init });
  return value;
}

// ── Blocks ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

function runBlock(c: Context, f: Frame, target: BlockTarget, span: Span): readonly Plain[] {
  const { block } = target;
  const env = new Env(target.module);
  const callSpan = target.span;
  const at: Frame = {
    env,
    it: f.it,
    path: f.path,
    sequence: undefined,
    model: false,
    share: f.share,
    residual: f.residual,
    use: { outer: f.use, path: f.path, span: callSpan, loops: f.loops },
    loops: [],
    inRepeat: false,
  };
  fillParams(c, f, at, block, target.args, callSpan, (name) => `write \`${block.name.name}(${name}=…)\``);
  c.calls++;
  try {
    c.step(span, f);
    return c.nest(span, f, () => runBody(c, at, block.body));
  } finally {
    c.calls--;
  }
}

/**
 * Gives every parameter of a block or model its value in the environment of `at`: the argument, checked in the caller's frame `f`, or the
 * default, evaluated beside the parameters to its left. Gives up after all mistakes were reported.
 */
export function fillParams(
  c: Context,
  f: Frame,
  at: Frame,
  owner: { readonly name: Ident; readonly params: readonly Param[] },
  args: GivenArgs,
  span: Span,
  hint: (name: string) => string,
): void {
  const callee = owner.name.name;
  const bound = bindParams(c, f, callee, owner.params, args);
  let failed = false;
  for (const param of owner.params) {
    const { name } = param;
    const arg = bound.get(name.name);
    try {
      if (arg) at.env.set(name.name, coerce(c, f, param, arg, callee), name.span);
      else if (param.default) at.env.set(name.name, evaluate(c, at, param.default), name.span);
      else {
        c.report(missingArgument, f, {
          span,
          notes: [{ span: name.span, text: 'declared here, without a default' }],
          with: { callee, name: name.name, expected: param.type ? typeRefText(param.type) : 'a value', hint: hint(name.name) },
        });
        failed = true;
      }
    } catch (error) {
      if (!(error instanceof Abandon)) throw error;
      failed = true;
    }
  }
  if (failed) throw new Abandon();
}

/** Matches arguments with parameters: named ones by name, the others fill what is left from left to right. */
function bindParams(
  c: Context,
  f: Frame,
  callee: string,
  params: readonly Param[],
  args: GivenArgs,
): ReadonlyMap<string, GivenArg> {
  const out = new Map<string, GivenArg>();
  let failed = false;
  for (const [name, arg] of args.named) {
    if (params.some((p) => p.name.name === name)) out.set(name, arg);
    else {
      const names = params.map((p) => p.name.name);
      const near = nearest(name, names);
      c.report(unknownArgument, f, {
        span: arg.span,
        with: {
          callee,
          name,
          expected: names.length > 0 ? `one of ${names.join(', ')}` : 'no arguments',
          hint: near ? `did you mean \`${near}=\`?` : `remove \`${name}=\``,
        },
      });
      failed = true;
    }
  }
  const free = params.filter((p) => !args.named.has(p.name.name));
  args.positional.forEach((arg, i) => {
    const param = free[i];
    if (param) out.set(param.name.name, arg);
    else if (i === free.length) {
      c.report(tooManyArguments, f, {
        span: arg.span,
        with: {
          callee,
          found: `${args.positional.length} without a name`,
          expected: `at most ${free.length}: ${free.map((p) => p.name.name).join(', ') || 'none'}`,
        },
      });
      failed = true;
    }
  });
  if (failed) throw new Abandon();
  return out;
}

function typeRefText(type: TypeRef): string {
  return `${type.name}${'[]'.repeat(type.lists)}`;
}

/** Checks an argument against the declared type of its parameter; tensors are run for where the type asks for them. */
function coerce(c: Context, f: Frame, param: Param, arg: GivenArg, callee: string): Plain {
  const value = live(arg.value);
  const type = param.type;
  const wrong = (expected: string, hint: string): never =>
    c.fail(wrongArgument, f, {
      span: arg.span,
      notes: [{ span: param.span, text: 'declared here' }],
      with: { name: param.name.name, callee, found: describe(value), expected, hint },
    });
  if (!type) {
    if (value.kind === 'tensor' || (value.kind === 'list' && value.items.some((i) => i.kind === 'tensor'))) {
      return wrong('a plain value', `declare it as a tensor: \`${param.name.name}: tensor${value.kind === 'list' ? '[]' : ''}\``);
    }
    const fallback = param.default;
    if (fallback?.kind === 'int' && value.kind === 'float')
      return wrong('an int, as its default', 'write a whole number, or `floor(…)`');
    if (fallback?.kind === 'float' && value.kind === 'int' && value.dim.constant !== undefined)
      return { kind: 'float', value: value.dim.constant };
    if (
      fallback &&
      plainKinds[fallback.kind] !== undefined &&
      plainKinds[fallback.kind] !== value.kind &&
      !(fallback.kind === 'float' && value.kind === 'int')
    ) {
      return wrong(
        `${article(plainKinds[fallback.kind] ?? '')}, as its default`,
        `write a value like \`${sourceText(fallback.span)}\``,
      );
    }
    return value;
  }
  const list = (given: Plain, depth: number): Plain => {
    if (depth === 0) return single(given);
    if (given.kind === 'size' && type.name === 'int') return listPlain(given.dims.map((d) => ({ kind: 'int', dim: Dim.of(d) })));
    if (given.kind !== 'list') return wrong(`a list (${typeRefText(type)})`, `write \`[${sourceText(arg.span)}]\``);
    return listPlain(given.items.map((item) => list(live(item), depth - 1)));
  };
  const single = (given: Plain): Plain => {
    switch (type.name) {
      case 'tensor':
        return { kind: 'tensor', value: toTensor(c, f, given, arg.span) };
      case 'float':
        if (given.kind === 'int' && given.dim.constant !== undefined) return { kind: 'float', value: given.dim.constant };
        break;
      case 'size':
        if (given.kind === 'int' && given.dim.constant !== undefined) return { kind: 'size', dims: [given.dim.constant] };
        break;
      default:
        break;
    }
    if (kindText(given) === type.name) return given;
    return wrong(
      article(typeRefText(type)),
      given.kind === 'float' && type.name === 'int' ? 'write a whole number, or `floor(…)`' : `write ${article(type.name)}`,
    );
  };
  return list(value, type.lists);
}

const article = (noun: string): string => `${/^[aeiou]/.test(noun) ? 'an' : 'a'} ${noun}`;
const plainKinds: Readonly<Record<string, Plain['kind']>> = {
  int: 'int',
  float: 'float',
  bool: 'bool',
  string: 'string',
  size: 'size',
  list: 'list',
};
