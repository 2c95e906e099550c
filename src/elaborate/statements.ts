/** Statements of bodies: what they bind, what they do to the current value, and what stands in models alone. */

import { shadowing } from '../diagnostics/catalogue/names.ts';
import { elemMismatch } from '../diagnostics/catalogue/shapes.ts';
import {
  badMap,
  duplicateOutput,
  listOutput,
  misplacedReturn,
  noEffect,
  onlyInModel,
  wrongCount,
} from '../diagnostics/catalogue/structure.ts';
import { assertFailed, assertUnknown, wrongKind } from '../diagnostics/catalogue/values.ts';
import { unreachable } from '../diagnostics/diagnostic.ts';
import { nearest } from '../diagnostics/suggest.ts';
import { Dim } from '../ir/dim.ts';
import { elemTypes, isElemType, type TensorType } from '../ir/types.ts';
import { type InitSpec, isInit, type Plain } from '../ops/params.ts';
import type {
  AssertStmt,
  Body,
  ChainStmt,
  Expr,
  Ident,
  IfStmt,
  InputStmt,
  LetStmt,
  OutputStmt,
  ParamStmt,
  Stmt,
  TensorTypeNode,
} from '../parser/ast.ts';
import { dimPlain, Env, type Frame, joinPath, poison, type Unset } from './callables.ts';
import { Abandon, type Context } from './context.ts';
import {
  currentValue,
  decide,
  describe,
  evaluate,
  evaluateChain,
  labelText,
  live,
  one,
  sourceText,
  toTensor,
} from './evaluate.ts';
import { declaredRange } from './ranges.ts';
import { parameter } from './run.ts';

/** What a body leaves behind. */
export interface Outcome {
  readonly it: Plain | Unset;
  /** What its `return` named. */
  readonly returned: readonly Plain[] | undefined;
}

/** Runs a body and gives its values: what it returns, or its last `it`. `onEnd` sees the last `it`, set or not. */
export function runBody(c: Context, f: Frame, body: Body, onEnd?: (it: Plain | Unset) => void): readonly Plain[] {
  const outcome = execute(c, f, body);
  onEnd?.(outcome.it);
  if (outcome.returned) return outcome.returned;
  if (outcome.it.kind !== 'unset') return [outcome.it];
  return onEnd ? [] : [currentValue(c, { ...f, it: outcome.it }, body.span)];
}

/** Runs the statements of a body in the frame's own environment. A statement that fails leaves poison, and the next one goes on. */
export function execute(c: Context, frame: Frame, body: Body): Outcome {
  const f: Frame = { ...frame };
  let returned: readonly Plain[] | undefined;
  body.stmts.forEach((stmt, i) => {
    c.step(stmt.span, f);
    try {
      if (stmt.kind === 'return') {
        checkReturn(c, f, body, i);
        returned = returnValues(c, f, stmt.values);
        return;
      }
      if (stmt.kind === 'if') {
        const outcome = runIf(c, f, stmt);
        if (outcome) {
          f.it = outcome.it;
          if (outcome.returned) {
            checkReturn(c, f, body, i);
            returned = outcome.returned;
          }
        }
        return;
      }
      runStatement(c, f, stmt);
    } catch (error) {
      if (!(error instanceof Abandon)) throw error;
      afterFailure(f, stmt);
      if (stmt.kind === 'return') returned = stmt.values.map(() => poison);
    }
  });
  return { it: f.it, returned };
}

function returnValues(c: Context, f: Frame, values: readonly Parameters<typeof evaluateChain>[2][]): readonly Plain[] {
  return values.map((chain) => {
    try {
      return one(c, f, evaluateChain(c, f, chain, true), chain.span);
    } catch (error) {
      if (!(error instanceof Abandon)) throw error;
      return poison;
    }
  });
}

function checkReturn(c: Context, f: Frame, body: Body, index: number): void {
  const next = body.stmts[index + 1];
  const stmt = body.stmts[index];
  if (f.inRepeat && stmt) {
    c.report(misplacedReturn, f, {
      span: stmt.span,
      with: { found: 'return inside repeat', hint: 'a repeat passes `it` on; write `let`s outside of it, or use `each`' },
    });
    throw new Abandon();
  }
  if (next) {
    c.report(misplacedReturn, f, {
      span: next.span,
      label: 'this would never run',
      with: { found: 'a statement after return', hint: 'move the return to the end' },
    });
  }
}

/** What a failed statement would have set is poison: whoever needs it stops without a message of its own. */
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
    case 'chainStmt':
    case 'if':
    case 'return':
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

function runIf(c: Context, f: Frame, stmt: IfStmt): Outcome | undefined {
  let branch: IfStmt | Body | undefined = stmt;
  while (branch?.kind === 'if') {
    const condition: boolean = decide(c, f, evaluate(c, f, branch.condition), branch.condition.span);
    branch = condition ? branch.then : branch.else;
  }
  const chosen = branch;
  if (!chosen) return undefined;
  return c.nest(stmt.span, f, () => execute(c, { ...f, env: new Env(f.env.module, f.env) }, chosen));
}

function runStatement(c: Context, f: Frame, stmt: Exclude<Stmt, { kind: 'if' } | { kind: 'return' }>): void {
  switch (stmt.kind) {
    case 'chainStmt':
      return runChain(c, f, stmt);
    case 'let':
      return runLet(c, f, stmt);
    case 'input':
      return runInput(c, f, stmt);
    case 'output':
      return runOutput(c, f, stmt);
    case 'paramStmt':
      return runParam(c, f, stmt);
    case 'assert':
      return runAssert(c, f, stmt.condition, stmt);
    case 'map':
      if (!f.model) return c.fail(badMap, f, { span: stmt.span, with: {} });
      c.maps.push({ from: stmt.from.value, to: stmt.to?.value });
      return;
    default:
      return unreachable(stmt);
  }
}

function runChain(c: Context, f: Frame, stmt: ChainStmt): void {
  const { chain } = stmt;
  const results = evaluateChain(c, f, chain, true);
  // A repetition that only declares inputs has set the current value itself, to none.
  if (results.length === 0) return;
  const value = one(c, f, results, chain.span);
  if (value.kind !== 'tensor' && value.kind !== 'list' && value.kind !== 'callable') {
    return c.fail(noEffect, f, {
      span: chain.span,
      with: { found: describe(value), hint: `name it: \`let n = ${sourceText(chain.span)}\`` },
    });
  }
  f.it = value;
}

/** Binds a name that nothing around it has. */
export function declare(c: Context, f: Frame, name: Ident, value: Plain): void {
  const before = f.env.get(name.name);
  const item = before ? undefined : f.env.module.items.get(name.name);
  const span = before?.span ?? item?.item.name.span;
  if (span)
    return c.fail(shadowing, f, { span: name.span, notes: [{ span, text: 'the first one is here' }], with: { name: name.name } });
  f.env.set(name.name, value, name.span);
}

function runLet(c: Context, f: Frame, stmt: LetStmt): void {
  const results = evaluateChain(c, f, stmt.value, true);
  let values: readonly Plain[] = results;
  const [only] = results;
  if (stmt.names.length > 1 && results.length === 1 && only && live(only).kind === 'list' && only.kind === 'list')
    values = only.items;
  if (stmt.names.length === 1) values = [one(c, f, results, stmt.value.span)];
  if (values.length !== stmt.names.length) {
    return c.fail(wrongCount, f, {
      span: stmt.span,
      with: {
        names: stmt.names.length,
        values: values.length,
        hint: values.length === 1 ? `write \`let ${stmt.names[0]?.name ?? 'x'} = …\`` : `give it ${values.length} names`,
      },
    });
  }
  stmt.names.forEach((name, i) => {
    const value = values[i];
    if (!value) return;
    if (name.name === 'it') f.it = value;
    else declare(c, f, name, value);
  });
}

// ── Inputs, outputs, parameters ───────────────────────────────────────────────────────────────────────────────────────────

/** The name an input is known by in the body: its `as`, or its own name when that is one plain word. */
function inputName(stmt: InputStmt): Ident | undefined {
  if (stmt.as) return stmt.as;
  const [segment, ...more] = stmt.label.segments;
  const [part, ...parts] = segment?.parts ?? [];
  return typeof part === 'string' && parts.length === 0 && more.length === 0 ? { name: part, span: stmt.label.span } : undefined;
}

function runInput(c: Context, f: Frame, stmt: InputStmt): void {
  if (!f.model)
    return c.fail(onlyInModel, f, {
      span: stmt.span,
      with: { what: 'input', hint: `take it as a parameter: \`${inputName(stmt)?.name ?? 'x'}: tensor\`` },
    });
  const name = labelText(c, f, stmt.label);
  const type = tensorType(c, f, stmt.type, true);
  c.spend(c.graph.inputs.length / 8, stmt.span, f);
  if (c.graph.inputs.some((v) => v.name === name))
    return c.fail(duplicateOutput, f, { span: stmt.label.span, with: { what: 'input', name } });
  const before = c.graph.inputs.length;
  const value: Plain = { kind: 'tensor', value: c.graph.input(name, type) };
  attempt(() => setRange(c, f, stmt, { what: 'input', name, type }));
  const known = inputName(stmt);
  if (known) declare(c, f, known, value);
  const untouched = f.it.kind === 'unset' || (f.it.kind === 'tensor' && f.it.value.def.kind === 'input');
  if (before === 0) f.it = value;
  else if (untouched) {
    const names = c.graph.inputs.slice(0, 4).map((v) => v.name ?? '');
    if (before >= names.length) names.push('…');
    f.it = {
      kind: 'unset',
      why: `${before + 1} inputs (${names.join(', ')}) and none of them named yet`,
      hint: `begin with one of them: \`${c.graph.inputs[0]?.name ?? 'x'} -> …\``,
    };
  }
}

/** A tensor type as written. In an input, a name that means nothing yet is born as a symbol. */
function tensorType(c: Context, f: Frame, node: TensorTypeNode, symbols: boolean): TensorType {
  const { name } = node.elem;
  if (!isElemType(name)) {
    const near = nearest(name, elemTypes);
    return c.fail(elemMismatch, f, {
      span: node.elem.span,
      with: { name, names: elemTypes.join(', '), hint: near ? `did you mean \`${near}\`?` : 'write `f32[…]`' },
    });
  }
  const dims = node.dims.map((expr) => {
    if (symbols) for (const ident of freeNames(expr)) bear(c, f, ident);
    const value = live(evaluate(c, f, expr));
    const dim = value.kind === 'int' ? value.dim : undefined;
    if (!dim || dim.upperBound < 0) {
      return c.fail(wrongKind, f, {
        span: expr.span,
        with: {
          what: 'a dimension is an int of at least 0',
          found: describe(value),
          expected: 'a number, a parameter or a symbol',
          hint: 'write `f32[N, 3, H, W]`',
        },
      });
    }
    return dim;
  });
  return { elem: name, dims };
}

/** Names in the arithmetic of a dimension. */
function freeNames(expr: Expr): readonly Ident[] {
  const out: Ident[] = [];
  const stack: Expr[] = [expr];
  while (stack.length > 0) {
    const e = stack.pop();
    if (!e) break;
    if (e.kind === 'name') out.push({ name: e.name, span: e.span });
    else if (e.kind === 'binary') stack.push(e.left, e.right);
    else if (e.kind === 'unary') stack.push(e.operand);
    else if (e.kind === 'paren' && e.chain.links.length === 1) {
      const [link] = e.chain.links;
      if (link && (link.kind === 'binary' || link.kind === 'name' || link.kind === 'unary' || link.kind === 'paren'))
        stack.push(link);
    }
  }
  return out;
}

function bear(c: Context, f: Frame, name: Ident): void {
  if (name.name === 'it' || f.env.get(name.name) || f.env.module.items.has(name.name)) return;
  if (!c.symbols.has(name.name)) c.symbols.set(name.name, name.span);
  // Symbols belong to the whole model, also when an `each` bears them.
  let root = f.env;
  while (root.outer) root = root.outer;
  root.set(name.name, dimPlain(Dim.symbol(name.name)), name.span);
}

function runOutput(c: Context, f: Frame, stmt: OutputStmt): void {
  if (!f.model)
    return c.fail(onlyInModel, f, {
      span: stmt.span,
      with: { what: 'output', hint: '`return` the value and name it in the model' },
    });
  const name = labelText(c, f, stmt.label);
  const given = stmt.value ? one(c, f, evaluateChain(c, f, stmt.value, true), stmt.value.span) : currentValue(c, f, stmt.span);
  if (given.kind === 'list' && given.items.some((item) => item.kind === 'tensor')) {
    return c.fail(listOutput, f, {
      span: stmt.span,
      with: { name, found: describe(given), hint: `name each: \`output ${name}.0 = xs[0]\`, or \`concat\` them` },
    });
  }
  const value = toTensor(c, f, given, stmt.span);
  c.spend(c.graph.outputs.length / 8, stmt.span, f);
  if (c.graph.outputs.some((o) => o.name === name))
    return c.fail(duplicateOutput, f, { span: stmt.label.span, with: { what: 'output', name } });
  c.graph.output(name, value);
  setRange(c, f, stmt, { what: 'output', name, type: value.type });
}

function setRange(c: Context, f: Frame, stmt: InputStmt | OutputStmt, of: Parameters<typeof declaredRange>[3]): void {
  if (!stmt.range) return;
  const ranges = of.what === 'input' ? c.graph.inputRanges : c.graph.outputRanges;
  ranges.set(of.name, declaredRange(c, f, stmt.range, of));
}

/** Goes on where something was wrong and has been reported. */
function attempt(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof Abandon)) throw error;
  }
}

function runParam(c: Context, f: Frame, stmt: ParamStmt): void {
  const type = tensorType(c, f, stmt.type, false);
  let init: InitSpec = { init: true, kind: 'zeros' };
  if (stmt.init) {
    const value = live(evaluate(c, f, stmt.init));
    if (value.kind !== 'callable' || !isInit(value.target)) {
      return c.fail(wrongKind, f, {
        span: stmt.init.span,
        with: {
          what: 'a parameter begins with an initialiser',
          found: describe(value),
          expected: 'zeros, ones, fill(v), normal(std), uniform(bound) or kaiming_normal',
          hint: 'write `= normal(std=0.02)`',
        },
      });
    }
    init = value.target;
  }
  const value = parameter(c, f, joinPath(f.path, stmt.name.name), type.dims, type.elem, init, 'parameter', stmt.span, 'param');
  declare(c, f, stmt.name, { kind: 'tensor', value });
}

// ── Promises ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

function runAssert(c: Context, f: Frame, condition: Expr, stmt: AssertStmt): void {
  if (condition.kind === 'binary' && condition.op === 'and') {
    runAssert(c, f, condition.left, stmt);
    runAssert(c, f, condition.right, stmt);
    return;
  }
  if (condition.kind === 'binary' && condition.op === '==' && condition.left.kind === 'binary' && condition.left.op === '%') {
    const of = live(evaluate(c, f, condition.left.left));
    const by = live(evaluate(c, f, condition.left.right));
    const rest = live(evaluate(c, f, condition.right));
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
  if (!decide(c, f, evaluate(c, f, condition), condition.span)) {
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
