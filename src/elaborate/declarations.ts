/** What a body declares: inputs and outputs of the model, parameters, and renamings of checkpoint tensors. */
import { elemMismatch } from '../diagnostics/catalogue/shapes.ts';
import { badMap, duplicateOutput, listOutput, onlyInModel, outsideRegion } from '../diagnostics/catalogue/structure.ts';
import { wrongKind } from '../diagnostics/catalogue/values.ts';
import { nearest } from '../diagnostics/suggest.ts';
import { Dim } from '../ir/dim.ts';
import { noPromise, promiseOf, type SizePromise } from '../ir/promise.ts';
import { elemTypes, isElemType, type TensorType } from '../ir/types.ts';
import { type InitSpec, isInit, type LangValue } from '../ops/params.ts';
import type { Expr, Ident, InputStmt, MapStmt, OutputStmt, ParamStmt, TensorTypeNode } from '../parser/ast.ts';
import { currentValue, evaluateChain, labelText, one, templateText } from './chains.ts';
import type { Context } from './context.ts';
import { attempt, live } from './failure.ts';
import { declare } from './names.ts';
import { parameter } from './nodes.ts';
import { declaredRange } from './ranges.ts';
import { type Frame, joinPath } from './scope.ts';
import { toTensor } from './tensors.ts';
import { describe, dimValue, sourceText } from './values.ts';

/** The name an input is known by in the body: its `as`, or its own name when that is one plain word. */
export function inputName(stmt: InputStmt): Ident | undefined {
  if (stmt.as) return stmt.as;
  const [segment, ...more] = stmt.label.segments;
  const [part, ...parts] = segment?.parts ?? [];
  return typeof part === 'string' && /^[A-Za-z_]\w*$/.test(part) && parts.length === 0 && more.length === 0
    ? { name: part, span: stmt.label.span }
    : undefined;
}

/** Inputs and outputs are those of the outermost graph. */
function checkOutermost(c: Context, f: Frame, stmt: InputStmt | OutputStmt): void {
  if (c.graph.outer === undefined) return;
  const what = stmt.kind;
  c.fail(outsideRegion, f, {
    span: stmt.span,
    with: {
      what,
      place: c.graph.name === 'body' ? 'the body of a loop' : 'a branch of an `if` on a tensor',
      hint:
        what === 'input'
          ? 'declare it before, and read it by its name'
          : 'let the result leave by `it`, `return` or `collect`, and name it behind',
    },
  });
}

export function runInput(c: Context, f: Frame, stmt: InputStmt): void {
  checkOutermost(c, f, stmt);
  if (!f.model)
    return c.fail(onlyInModel, f, {
      span: stmt.span,
      with: { what: 'input', hint: `take it as a parameter: \`${inputName(stmt)?.name ?? 'x'}: tensor\`` },
    });
  const name = labelText(c, f, stmt.label);
  const told = c.symbols.size;
  let declared: TensorType;
  try {
    declared = tensorType(c, f, stmt.type, true);
  } catch (error) {
    // That no input tells its symbols is no mistake of its own.
    for (const symbol of [...c.symbols.keys()].slice(told)) c.symbols.set(symbol, undefined);
    throw error;
  }
  c.outside?.settle(c, name, declared);
  const type = { elem: declared.elem, dims: declared.dims.map((dim) => c.promised(dim)) };
  c.spend(c.graph.inputs.length / 8, stmt.span, f);
  if (c.graph.inputs.some((v) => v.name === name))
    return c.fail(duplicateOutput, f, { span: stmt.label.span, with: { what: 'input', name } });
  const before = c.graph.inputs.length;
  const value: LangValue = { kind: 'tensor', value: c.graph.input(name, type) };
  attempt(() => setRange(c, f, stmt, { what: 'input', name, type }));
  const known = inputName(stmt);
  if (known) declare(c, f, known, value);
  const untouched = f.it.kind === 'unset' || (f.it.kind === 'tensor' && f.it.value.isInput);
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

export function runOutput(c: Context, f: Frame, stmt: OutputStmt): void {
  checkOutermost(c, f, stmt);
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

export function runParam(c: Context, f: Frame, stmt: ParamStmt): void {
  const type = tensorType(c, f, stmt.type, false);
  let init: InitSpec = { init: true, kind: 'zeros' };
  if (stmt.init) {
    const value = live(c.evaluate(f, stmt.init));
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

export function runMap(c: Context, f: Frame, stmt: MapStmt): void {
  if (!f.model) return c.fail(badMap, f, { span: stmt.span, with: {} });
  const from = templateText(c, f, stmt.from);
  const to = stmt.to && templateText(c, f, stmt.to);
  c.spend((from.length + (to?.length ?? 0)) / 256, stmt.span, f);
  c.maps.push({ from, to });
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
    const bounded = symbols ? boundedSymbol(c, f, expr) : undefined;
    if (bounded) return bounded;
    if (symbols) for (const ident of freeNames(expr)) bear(c, f, ident);
    const value = live(c.evaluate(f, expr));
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

/** `P >= 0`, `L <= 512` in an input's type: a symbol, with the promise that it is born with. */
function boundedSymbol(c: Context, f: Frame, expr: Expr): Dim | undefined {
  if (expr.kind !== 'binary' || !['>=', '<=', '>', '<'].includes(expr.op)) return undefined;
  const { left, op, right } = expr;
  const refuse = (hint: string): never =>
    c.fail(wrongKind, f, {
      span: expr.span,
      with: {
        what: 'a bound in the type of an input is one of a symbol that stands there first',
        found: sourceText(expr.span),
        expected: 'a name that means nothing yet, `>=` or `<=`, and a number that leaves it more than one size',
        hint,
      },
    });
  if (left.kind !== 'name' || op === '>' || op === '<')
    return refuse('write it as `f32[N, P >= 0, 64]` or `f32[N, L <= 512, 64]`');
  const ident = { name: left.name, span: left.span };
  const limit = live(c.evaluate(f, right));
  const bound = limit.kind === 'int' ? limit.dim.constant : undefined;
  const promise = bound === undefined ? undefined : promiseOf(op === '>=' ? { least: bound } : { most: bound });
  if (!promise) return refuse('write a whole number behind it, from 0 on');
  if (promise.least === promise.most) return refuse(`write ${promise.least} in the place of it`);
  if (!c.symbols.has(ident.name)) bear(c, f, ident, promise);
  const symbol = c.symbols.has(ident.name) ? live(c.evaluate(f, left)) : undefined;
  const dim = symbol?.kind === 'int' ? symbol.dim : undefined;
  const own = dim?.promises().get(ident.name);
  if (!dim || !own) return refuse(`\`${ident.name}\` has a value already: write another name, or the value alone`);
  if (op === '>=' ? own.least === promise.least : own.most === promise.most) return dim;
  return refuse(`write it where \`${ident.name}\` stands first, or \`assert ${sourceText(expr.span)}\` behind the inputs`);
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

function bear(c: Context, f: Frame, name: Ident, promise: SizePromise = noPromise): void {
  if (name.name === 'it' || f.env.get(name.name)) return;
  const item = f.env.module.items.get(name.name)?.item;
  if (item && item.kind !== 'const')
    c.fail(wrongKind, f, {
      span: name.span,
      notes: [{ span: item.name.span, text: `the ${item.kind} is here` }],
      with: {
        what: `\`${name.name}\` is a ${item.kind}, not a size`,
        found: `${item.kind} ${name.name}`,
        expected: 'a number, a parameter or a symbol',
        hint: `rename one of them: a size of an input bears a name, as in \`f32[N, L]\`, which no ${item.kind} of the file may have`,
      },
    });
  if (item) return;
  if (!c.symbols.has(name.name)) c.symbols.set(name.name, name.span);
  // Symbols belong to the whole model, also when an `each` bears them.
  let root = f.env;
  while (root.outer) root = root.outer;
  root.set(name.name, dimValue(Dim.symbol(name.name, promise)), name.span);
}

function setRange(c: Context, f: Frame, stmt: InputStmt | OutputStmt, of: Parameters<typeof declaredRange>[3]): void {
  if (!stmt.range) return;
  const ranges = of.what === 'input' ? c.graph.inputRanges : c.graph.outputRanges;
  ranges.set(of.name, declaredRange(c, f, stmt.range, of));
}
