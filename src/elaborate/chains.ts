/** Chains `head -> link -> link`: the current value, labels, arguments, and what runs where. */
import { itRightOfArrow } from '../diagnostics/catalogue/names.ts';
import { noCurrentValue, severalValues } from '../diagnostics/catalogue/structure.ts';
import { unknownArgument, wrongKind } from '../diagnostics/catalogue/values.ts';
import type { Span } from '../diagnostics/source.ts';
import type { LangValue } from '../ops/params.ts';
import type { Arg, Chain, Construct, Label, Labelled, Link, ListExpr, ParenExpr, Template } from '../parser/ast.ts';
import { runCallable } from './callables.ts';
import type { Context } from './context.ts';
import { Abandon, live } from './failure.ts';
import { itInArguments } from './it.ts';
import { type Frame, joinPath } from './scope.ts';
import { describe, type GivenArg, type GivenArgs, sourceText, wholeText } from './values.ts';

/** The current value. */
export function currentValue(c: Context, f: Frame, span: Span): LangValue {
  if (f.it.kind === 'unset') {
    return c.fail(noCurrentValue, f, { span, with: { found: f.it.why, hint: f.it.hint } });
  }
  return live(f.it);
}

/** The one value of a result. */
export function one(c: Context, f: Frame, values: readonly LangValue[], span: Span): LangValue {
  const [first] = values;
  if (first && values.length === 1) return first;
  if (!first) return currentValue(c, f, span);
  const names = values.map((_, i) => 'abcdefgh'[i] ?? `v${i}`).join(', ');
  return c.fail(severalValues, f, { span, with: { count: values.length, names } });
}

/** Evaluates a chain. With `run`, a layer, block or body at its end runs on the current value; otherwise it is taken as it is. */
export function evaluateChain(c: Context, f: Frame, chain: Chain, run: boolean): readonly LangValue[] {
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
  return c.fail(itRightOfArrow, f, {
    span: at,
    notes: [{ span: left.span, text: '`it` would be what comes from here' }],
    with: { found: `\`it\` in \`${sourceText(link.span)}\``, again: wholeText(link.span) },
  });
}

function evaluateLink(c: Context, f: Frame, link: Link, run: boolean): readonly LangValue[] {
  if (link.kind === 'labelled') return runLabelled(c, f, link);
  if (isConstruct(link)) return c.runConstruct(f, link, undefined);
  const value = live(c.evaluate(f, link));
  return run && value.kind === 'callable' ? runCallable(c, f, value, link.span, undefined) : [value];
}

/** `label: target`, which `reuse label` may run again on another value. */
function runLabelled(c: Context, f: Frame, { label, target }: Labelled): readonly LangValue[] {
  const name = labelText(c, f, label);
  const run = (at: Frame): readonly LangValue[] =>
    isConstruct(target) ? c.runConstruct(at, target, name) : runCallable(c, at, c.evaluate(at, target), target.span, name);
  if (c.module.reuses) {
    c.labelled.set(joinPath(f.path, name), {
      span: label.span,
      run: (at) => run({ ...f, it: at.it, share: true, use: at.use, residual: at.residual }),
    });
  }
  if (f.sequence) f.sequence.next++;
  return run(f);
}

const constructs = {
  repeat: true,
  each: true,
  loop: true,
  sequential: true,
  ode: true,
  reuse: true,
  residual: true,
} satisfies Readonly<Record<Construct['kind'], true>>;

export function isConstruct(node: Link): node is Construct {
  return node.kind in constructs;
}

/** A value in brackets, in a list or of an argument: a chain of one link is taken as it is, a longer one runs. */
function evaluateItem(c: Context, f: Frame, chain: Chain, span: Span): LangValue {
  return one(c, f, evaluateChain(c, f, chain, chain.links.length > 1), span);
}

export function evaluateParen(c: Context, f: Frame, expr: ParenExpr): LangValue {
  return c.nest(expr.span, f, () => evaluateItem(c, f, expr.chain, expr.span));
}

export function evaluateList(c: Context, f: Frame, expr: ListExpr): LangValue {
  return c.nest(expr.span, f, () =>
    c.list(
      expr.items.map((item) => evaluateItem(c, f, item, item.span)),
      expr.span,
      f,
    ),
  );
}

/** The path segment(s) of a label: computed parts are evaluated. */
export function labelText(c: Context, f: Frame, label: Label): string {
  return label.segments
    .map((segment) => {
      const text = templateText(c, f, segment);
      if (text !== '') return text;
      return c.fail(wrongKind, f, {
        span: segment.span,
        with: {
          what: 'a label is not empty',
          found: sourceText(segment.span),
          expected: 'a name that a checkpoint may hold',
          hint: 'leave the label out, or name the layer',
        },
      });
    })
    .join('.');
}

/** The text of a name with computed parts. */
export function templateText(c: Context, f: Frame, { parts }: Template): string {
  return parts
    .map((part) => {
      if (typeof part === 'string') return part;
      const value = live(c.evaluate(f, part));
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
    .join('');
}

/** Evaluates the arguments of a call; mistakes in one do not hide those in the next. */
export function evaluateArgs(c: Context, f: Frame, args: readonly Arg[]): GivenArgs {
  const positional: GivenArg[] = [];
  const named = new Map<string, GivenArg>();
  let failed = false;
  for (const arg of args) {
    try {
      const value = evaluateItem(c, f, arg.value, arg.value.span);
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
