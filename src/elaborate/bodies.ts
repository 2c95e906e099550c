/** Bodies: their statements one after the other, what a failed one leaves behind, and what the body gives. */
import { misplacedReturn } from '../diagnostics/catalogue/structure.ts';
import { unreachable } from '../diagnostics/diagnostic.ts';
import type { LangValue } from '../ops/params.ts';
import type { Body, Ident, ReturnStmt, Stmt } from '../parser/ast.ts';
import { currentValue } from './chains.ts';
import type { Context } from './context.ts';
import { inputName } from './declarations.ts';
import { Abandon } from './failure.ts';
import type { Frame, Unset } from './scope.ts';
import { poison, wholeText } from './values.ts';

/** What a body leaves behind. */
export interface Outcome {
  readonly it: LangValue | Unset;
  /** What its `return` named. */
  readonly returned: readonly LangValue[] | undefined;
}

/** Runs a body and gives its values: what it returns, or its last `it`. `onEnd` sees the last `it`, set or not. */
export function runBody(c: Context, f: Frame, body: Body, onEnd?: (it: LangValue | Unset) => void): readonly LangValue[] {
  const outcome = executeBody(c, f, body);
  onEnd?.(outcome.it);
  if (outcome.returned) return outcome.returned;
  if (outcome.it.kind !== 'unset') return [outcome.it];
  return onEnd ? [] : [currentValue(c, { ...f, it: outcome.it }, body.span)];
}

/**
 * Runs the statements of a body in the frame's own environment. A statement that fails leaves poison, and the next one goes on.
 */
export function executeBody(c: Context, frame: Frame, body: Body): Outcome {
  const f: Frame = { ...frame, returned: undefined, failed: undefined };
  body.stmts.forEach((stmt, i) => {
    c.step(stmt.span, f);
    const before = f.returned;
    try {
      if (stmt.kind === 'return') checkReturn(c, f, body, i);
      c.part(i, body.stmts.length, () => c.execute(f, stmt));
      if (stmt.kind === 'if' && f.returned !== before) checkReturn(c, f, body, i);
    } catch (error) {
      if (!(error instanceof Abandon)) throw error;
      f.returned = before;
      f.failed = stmt.span;
      afterFailure(f, stmt);
    }
  });
  return { it: f.it, returned: f.returned };
}

function checkReturn(c: Context, f: Frame, body: Body, index: number): void {
  const next = body.stmts[index + 1];
  const stmt = body.stmts[index];
  if (f.inLoop && stmt) {
    c.report(misplacedReturn, f, {
      span: stmt.span,
      with: {
        found: `return inside ${f.inLoop}`,
        hint: `a ${f.inLoop} passes \`it\` on; write \`${f.inLoop} … collect\` for ${f.inLoop === 'loop' ? 'all' : 'a list'} of what each turn returns, or \`${f.inLoop} … with x\` to hand \`x\` on`,
      },
    });
    throw new Abandon();
  }
  if (next) {
    c.report(misplacedReturn, f, {
      span: next.span,
      label: 'this would never run',
      with: {
        found: 'a statement after return',
        hint: stmt?.kind === 'return' ? returnLater(stmt) : 'move the return to the end',
      },
    });
  }
}

/** A value that `it` is part of is another at the end of the body, unless it has a name. */
function returnLater({ values }: ReturnStmt): string {
  const [value] = values;
  const text = value && wholeText(value.span);
  if (values.length !== 1 || text === undefined || (/^\w+$/.test(text) && text !== 'it')) return 'move the return to the end';
  return `name the value here, \`let y = ${text}\`, and write \`return y\` at the end`;
}

/** What a failed statement would have set is poison: what reads it fails without a message of its own. */
function afterFailure(f: Frame, stmt: Stmt): void {
  const bind = (name: Ident): void => {
    if (name.name === 'it') f.it = poison;
    else if (!f.env.get(name.name)) f.env.set(name.name, poison, name.span);
  };
  switch (stmt.kind) {
    case 'let':
      stmt.names.forEach(bind);
      break;
    case 'input': {
      const name = inputName(stmt);
      if (name) bind(name);
      f.it = poison;
      break;
    }
    case 'paramStmt':
      bind(stmt.name);
      break;
    case 'return':
      f.returned = stmt.values.map(() => poison);
      f.it = poison;
      break;
    case 'chainStmt':
    case 'if':
      f.it = poison;
      break;
    case 'output':
    case 'assert':
    case 'map':
      break;
    default:
      unreachable(stmt);
  }
}
