/** Blocks and bodies that run, and how the parameters of a block or a model get their values. */
import { missingArgument, tooManyArguments, unknownArgument, wrongArgument } from '../diagnostics/catalogue/values.ts';
import type { Span } from '../diagnostics/source.ts';
import { Dim } from '../ir/dim.ts';
import { kindText, type LangValue } from '../ops/params.ts';
import type { Body, Ident, Param, TypeRef } from '../parser/ast.ts';
import { runBody } from './bodies.ts';
import type { Context } from './context.ts';
import { Abandon, live } from './failure.ts';
import { advice } from './late.ts';
import { Env, type Frame, place } from './scope.ts';
import { toTensor } from './tensors.ts';
import {
  type BlockTarget,
  type BodyTarget,
  callable,
  describe,
  type GivenArg,
  type GivenArgs,
  listValue,
  wholeText,
} from './values.ts';

export function runBlock(
  c: Context,
  from: Frame,
  target: BlockTarget,
  span: Span,
  label: string | undefined,
): readonly LangValue[] {
  const f = place(from, label);
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
    inLoop: undefined,
    returned: undefined,
    failed: undefined,
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

/** A body in braces, as a value. */
export function evaluateBody(_c: Context, f: Frame, body: Body): LangValue {
  return callable('{ … }', { kind: 'body', body, env: f.env, model: f.model });
}

export function runBodyTarget(
  c: Context,
  f: Frame,
  { env, model, body }: BodyTarget,
  span: Span,
  label: string | undefined,
): readonly LangValue[] {
  const at = place(f, label);
  const inner: Frame = { ...at, env: new Env(env.module, env), sequence: undefined, model, inLoop: undefined };
  return c.nest(span, f, () => runBody(c, inner, body));
}

/**
 * Gives every parameter of a block or model its value in the environment of `at`: the argument, checked in the caller's frame
 * `f`, or the default, evaluated beside the parameters to its left. Gives up after all mistakes were reported.
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
      else if (param.default) at.env.set(name.name, c.evaluate(at, param.default), name.span);
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
      const near = advice.now().meantParameter(name, names);
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
          hint: 'remove an argument',
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
function coerce(c: Context, f: Frame, param: Param, arg: GivenArg, callee: string): LangValue {
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
      literalKinds.includes(fallback.kind) &&
      fallback.kind !== value.kind &&
      !(fallback.kind === 'float' && value.kind === 'int')
    ) {
      return wrong(`${article(fallback.kind)}, as its default`, `write a value like \`${wholeText(fallback.span)}\``);
    }
    return value;
  }
  const list = (given: LangValue, depth: number): LangValue => {
    if (depth === 0) return single(given);
    if (given.kind === 'size' && type.name === 'int') return listValue(given.dims.map((d) => ({ kind: 'int', dim: Dim.of(d) })));
    if (given.kind !== 'list') return wrong(`a list (${typeRefText(type)})`, `write \`[${wholeText(arg.span)}]\``);
    return listValue(given.items.map((item) => list(live(item), depth - 1)));
  };
  const single = (given: LangValue): LangValue => {
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

/** Literals, whose kind in the tree is the kind of their value. */
const literalKinds: readonly string[] = ['int', 'float', 'bool', 'string', 'size', 'list'];
