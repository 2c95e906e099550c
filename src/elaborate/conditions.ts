/** What must be decided while compiling: `a ? b : c`, `if`, `assert`, and the promises that a size keeps at run time. */
import { assertFailed, assertUnknown, notBool } from '../diagnostics/catalogue/values.ts';
import type { Span } from '../diagnostics/source.ts';
import { Dim } from '../ir/dim.ts';
import { promiseOf, type SizePromise } from '../ir/promise.ts';
import { affineSize } from '../ir/solve.ts';
import type { LangValue } from '../ops/params.ts';
import type { AssertStmt, Body, ConditionalExpr, Expr, IfStmt } from '../parser/ast.ts';
import { executeBody } from './bodies.ts';
import { ran } from './callables.ts';
import type { Context } from './context.ts';
import { live } from './failure.ts';
import { branches } from './late-loops.ts';
import { binary } from './operators.ts';
import { Env, type Frame } from './scope.ts';
import { describe, sourceText, wholeText } from './values.ts';

/** A condition, which must be decided now. */
export function decide(c: Context, f: Frame, given: LangValue, span: Span): boolean {
  const value = live(given);
  if (value.kind === 'bool') return value.value;
  return c.fail(notBool, f, {
    span,
    with: {
      found: describe(value),
      hint:
        value.kind === 'int'
          ? `compare it: \`${wholeText(span)} > 0\``
          : value.kind === 'tensor'
            ? 'conditions on tensors choose by `where(condition, a, b)`'
            : 'compare it with something',
    },
  });
}

/** A condition of an `if`: a tensor where only the run decides it. What computes it takes no position. */
function conditionOf(c: Context, f: Frame, condition: Expr): LangValue {
  const at: Frame = { ...f, sequence: undefined, condition: condition.span };
  return live(ran(c, at, c.evaluate(at, condition), condition.span));
}

export function evaluateConditional(c: Context, f: Frame, expr: ConditionalExpr): LangValue {
  const given = conditionOf(c, f, expr.condition);
  if (given.kind === 'tensor') return branches.now().chooseOne(c, f, expr, given.value);
  const condition = decide(c, f, given, expr.condition.span);
  return c.nest(expr.span, f, () => c.evaluate(f, condition ? expr.then : expr.else));
}

export function runIf(c: Context, f: Frame, stmt: IfStmt): void {
  let branch: IfStmt | Body | undefined = stmt;
  while (branch?.kind === 'if') {
    const given = conditionOf(c, f, branch.condition);
    if (given.kind === 'tensor') return branches.now().runBranches(c, f, branch, given.value);
    const condition: boolean = decide(c, f, given, branch.condition.span);
    branch = condition ? branch.then : branch.else;
  }
  const chosen = branch;
  if (!chosen) return;
  const outcome = c.nest(stmt.span, f, () => executeBody(c, { ...f, env: new Env(f.env.module, f.env) }, chosen));
  f.it = outcome.it;
  if (outcome.returned) f.returned = outcome.returned;
}

export function runAssert(c: Context, f: Frame, stmt: AssertStmt): void {
  assertHolds(c, f, stmt.condition, stmt);
}

function assertHolds(c: Context, f: Frame, condition: Expr, stmt: AssertStmt): void {
  if (condition.kind === 'binary' && condition.op === 'and') {
    assertHolds(c, f, condition.left, stmt);
    assertHolds(c, f, condition.right, stmt);
    return;
  }
  const value = conditionValue(c, f, condition);
  if (value === undefined) return;
  if (!decide(c, f, value, condition.span)) {
    c.fail(assertFailed, f, {
      span: condition.span,
      with: { message: stmt.message ? `: ${stmt.message.value}` : '', condition: sourceText(condition.span) },
    });
  }
}

/** What a condition says while compiling; undefined where it says something of a symbol, which is then a promise. */
function conditionValue(c: Context, f: Frame, condition: Expr): LangValue | undefined {
  if (condition.kind !== 'binary') return c.evaluate(f, condition);
  const { left, op, right } = condition;
  if (op === '==' && left.kind === 'binary' && left.op === '%') {
    const of = live(c.evaluate(f, left.left));
    const by = live(c.evaluate(f, left.right));
    const rest = live(c.evaluate(f, right));
    const k = by.kind === 'int' ? by.dim.constant : undefined;
    const divisible = of.kind === 'int' && of.dim.constant === undefined && k !== undefined && k > 0;
    if (divisible && rest.kind === 'int' && rest.dim.constant === 0) return promiseMultiple(c, f, of.dim, k, condition);
    return binary(c, f, condition, binary(c, f, left, of, by), rest);
  }
  if (op !== '<' && op !== '<=' && op !== '>' && op !== '>=') return c.evaluate(f, condition);
  const [a, b] = [live(c.evaluate(f, left)), live(c.evaluate(f, right))];
  if (a.kind === 'int' && b.kind === 'int') {
    const gap = op === '<' || op === '<=' ? b.dim.minus(a.dim) : a.dim.minus(b.dim);
    const above = op === '<' || op === '>' ? gap.minus(1) : gap;
    if (above.lowerBound < 0 && above.upperBound >= 0 && promiseBound(c, f, above, condition)) return undefined;
  }
  return binary(c, f, condition, a, b);
}

type Refuse = (hint: string) => never;

const refusal =
  (c: Context, f: Frame, condition: Expr): Refuse =>
  (hint) =>
    c.fail(assertUnknown, f, { span: condition.span, with: { condition: sourceText(condition.span), hint } });

function promiseMultiple(c: Context, f: Frame, dim: Dim, k: number, condition: Expr): undefined {
  const rest = dim.mod(k);
  if (rest.constant === 0) return;
  const [name] = dim.symbols();
  const refuse: Refuse = refusal(c, f, condition);
  if (rest.constant !== undefined) return refuse(`it is never true: the remainder is ${rest.constant}`);
  if (name === undefined) return refuse('promise something of one symbol');
  const { plain } = dim;
  const before = dim.promises().get(name);
  if (before && before.multiple > 1) return refuse(`promise it once, by the larger number: \`assert ${name} % … == 0\``);
  if (!plain) return refuse(`promise something of the symbol itself: \`assert ${name} % ${k} == 0\``);
  keep(c, refuse, name, { ...plain.promise, multiple: k });
}

/** `above` is to be at least 0: a bound of its symbol, if it is one symbol's, whose sizes the inputs tell. */
function promiseBound(c: Context, f: Frame, above: Dim, condition: Expr): boolean {
  const affine = affineSize(above);
  if (!affine || !c.symbols.has(affine.name)) return false;
  const { name, promise, scale, shift } = affine;
  const bound = scale > 0 ? { least: Math.ceil(-shift / scale) } : { most: Math.floor(shift / -scale) };
  const whole = 'least' in bound ? { least: bound.least * promise.multiple } : { most: bound.most * promise.multiple };
  keep(c, refusal(c, f, condition), name, { ...promise, ...whole });
  return true;
}

function keep(c: Context, refuse: Refuse, name: string, wanted: SizePromise): void {
  const promise = promiseOf(wanted);
  if (!promise) return refuse(`no size of ${name} keeps it and what was promised before`);
  if (promise.least === promise.most) return refuse(`write ${promise.least} in the place of \`${name}\` in the input type`);
  c.learn(name, Dim.promised(name, promise));
}
