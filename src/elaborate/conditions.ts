/** What must be decided while compiling: `a ? b : c`, `if`, `assert`, and the promises that a size keeps at run time. */
import { assertFailed, assertUnknown, notBool } from '../diagnostics/catalogue/values.ts';
import type { Span } from '../diagnostics/source.ts';
import { Dim } from '../ir/dim.ts';
import type { LangValue } from '../ops/params.ts';
import type { AssertStmt, Body, ConditionalExpr, Expr, IfStmt } from '../parser/ast.ts';
import { executeBody } from './bodies.ts';
import type { Context } from './context.ts';
import { live } from './failure.ts';
import { Env, type Frame } from './scope.ts';
import { describe, sourceText } from './values.ts';

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
          ? `compare it: \`${sourceText(span)} > 0\``
          : value.kind === 'tensor'
            ? 'conditions on tensors choose by `where(condition, a, b)`'
            : 'compare it with something',
    },
  });
}

export function evaluateConditional(c: Context, f: Frame, expr: ConditionalExpr): LangValue {
  const condition = decide(c, f, c.evaluate(f, expr.condition), expr.condition.span);
  return c.nest(expr.span, f, () => c.evaluate(f, condition ? expr.then : expr.else));
}

export function runIf(c: Context, f: Frame, stmt: IfStmt): void {
  let branch: IfStmt | Body | undefined = stmt;
  while (branch?.kind === 'if') {
    const condition: boolean = decide(c, f, c.evaluate(f, branch.condition), branch.condition.span);
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
  if (condition.kind === 'binary' && condition.op === '==' && condition.left.kind === 'binary' && condition.left.op === '%') {
    const of = live(c.evaluate(f, condition.left.left));
    const by = live(c.evaluate(f, condition.left.right));
    const rest = live(c.evaluate(f, condition.right));
    const k = by.kind === 'int' ? by.dim.constant : undefined;
    if (
      of.kind === 'int' &&
      of.dim.constant === undefined &&
      k !== undefined &&
      k > 0 &&
      rest.kind === 'int' &&
      rest.dim.constant === 0
    ) {
      promise(c, f, of.dim, k, condition);
      return;
    }
  }
  if (!decide(c, f, c.evaluate(f, condition), condition.span)) {
    c.fail(assertFailed, f, {
      span: condition.span,
      with: { message: stmt.message ? `: ${stmt.message.value}` : '', condition: sourceText(condition.span) },
    });
  }
}

function promise(c: Context, f: Frame, dim: Dim, k: number, condition: Expr): void {
  const rest = dim.mod(k);
  if (rest.constant === 0) return;
  const [name] = dim.symbols();
  const refuse = (hint: string): never =>
    c.fail(assertUnknown, f, { span: condition.span, with: { condition: sourceText(condition.span), hint } });
  if (rest.constant !== undefined) return refuse(`it is never true: the remainder is ${rest.constant}`);
  if (name === undefined) return refuse('promise something of one symbol');
  const before = c.promises.get(name);
  if (before) return refuse(`promise it once, by the larger number: \`assert ${name} % … == 0\``);
  if (dim !== Dim.symbol(name)) return refuse(`promise something of the symbol itself: \`assert ${name} % ${k} == 0\``);
  c.promise(name, k);
}
