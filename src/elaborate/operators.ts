/** Operators of the language: of numbers, sizes and lists while compiling, of tensors as nodes of the graph. */
import { divisionByZero, inexactDivision, intOverflow, undecidable, wrongOperand } from '../diagnostics/catalogue/values.ts';
import type { Span } from '../diagnostics/source.ts';
import { counterexample } from '../ir/counterexample.ts';
import { type Dim, DimOverflow } from '../ir/dim.ts';
import type { Value } from '../ir/graph.ts';
import { isOfRun } from '../ir/promise.ts';
import { type LangValue, valueText } from '../ops/params.ts';
import { binaryLayers, unaryLayers } from '../ops/syntax.ts';
import type { BinaryExpr, Expr, UnaryExpr } from '../parser/ast.ts';
import { runCallable } from './callables.ts';
import { one } from './chains.ts';
import type { Context } from './context.ts';
import { live } from './failure.ts';
import type { Frame } from './scope.ts';
import { toTensor } from './tensors.ts';
import {
  boolValue,
  callable,
  describe,
  dimValue,
  floatValue,
  isNumbers,
  isRunnable,
  numberOf,
  sourceText,
  type Target,
  targetOf,
  wholeText,
} from './values.ts';

export function evaluateUnary(c: Context, f: Frame, expr: UnaryExpr): LangValue {
  const value = c.nest(expr.span, f, () => c.evaluate(f, expr.operand));
  return expr.op === '-' ? negate(c, f, value, expr.span) : not(c, f, value, expr.span);
}

export function evaluateBinary(c: Context, f: Frame, expr: BinaryExpr): LangValue {
  return c.nest(expr.span, f, () => alongSpine(c, f, expr));
}

function alongSpine(c: Context, f: Frame, expr: BinaryExpr): LangValue {
  // Left-deep chains (`1 + 1 + …`) are walked in a loop; the parser bounds their length.
  const spine: BinaryExpr[] = [];
  let left: Expr = expr;
  while (left.kind === 'binary') {
    spine.push(left);
    left = left.left;
  }
  let value = live(c.evaluate(f, left));
  for (let i = spine.length - 1; i >= 0; i--) {
    const node = spine[i];
    if (!node) continue;
    if ((node.op === 'and' || node.op === 'or') && value.kind === 'bool') {
      if (value.value === (node.op === 'or')) continue;
      const right = live(c.evaluate(f, node.right));
      if (right.kind === 'bool') value = right;
      else value = binary(c, f, node, value, right);
      continue;
    }
    value = binary(c, f, node, value, live(c.evaluate(f, node.right)));
  }
  return value;
}

/** The operator of an expression on operands that have been evaluated. */
export function binary(c: Context, f: Frame, expr: BinaryExpr, left: LangValue, right: LangValue): LangValue {
  const { op, span } = expr;
  const tensorLike = (value: LangValue): boolean => value.kind === 'tensor' || (value.kind === 'callable' && isRunnable(value));
  const equality = op === '==' || op === '!=';
  const arithmetic = !equality && !(op === '+' && left.kind === 'list' && right.kind === 'list');
  // `via == pad` asks which shortcut it is; nothing runs.
  const names = equality && isName(left) && isName(right);
  if ((!names && (tensorLike(left) || tensorLike(right))) || (arithmetic && (isNumbers(left) || isNumbers(right))))
    return tensorBinary(c, f, expr, left, right);
  try {
    const value = valueBinary(c, f, expr, left, right);
    if (value) return value;
  } catch (error) {
    if (!(error instanceof DimOverflow)) throw error;
    return c.fail(intOverflow, f, { span, with: { found: `${valueText(left)} ${op} ${valueText(right)}` } });
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

/** A layer, block or shortcut that is handed around; a body, and a layer or tensors with arguments, is what it computes. */
function isName(value: LangValue): boolean {
  if (value.kind !== 'callable') return false;
  const target = targetOf(value);
  if ('init' in target || target.kind === 'elem' || target.kind === 'poison') return true;
  if (target.kind === 'body') return false;
  const given = [...target.args.positional, ...target.args.named.values()];
  return given.length === 0 || (target.kind !== 'layer' && given.every((arg) => arg.value.kind !== 'tensor'));
}

function tensorBinary(c: Context, f: Frame, expr: BinaryExpr, left: LangValue, right: LangValue): LangValue {
  const { op, span } = expr;
  const layer = binaryLayers[op];
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
  const literal = (value: LangValue): boolean =>
    value.kind === 'float' || (value.kind === 'int' && value.dim.constant !== undefined);
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
    runCallable(c, { ...f, sequence: undefined }, callable(op, target), span, undefined),
    span,
  );
}

function valueBinary(c: Context, f: Frame, expr: BinaryExpr, left: LangValue, right: LangValue): LangValue | undefined {
  const { op, span } = expr;
  if (op === '==' || op === '!=') {
    const same = equalValues(c, f, left, right, expr);
    return same === undefined ? undefined : boolValue(same === (op === '=='));
  }
  if (left.kind === 'list' && right.kind === 'list' && op === '+') return c.list([...left.items, ...right.items], span, f);
  if (left.kind === 'int' && right.kind === 'int') return intBinary(c, f, expr, left.dim, right.dim);
  const a = numberOf(left);
  const b = numberOf(right);
  if (a === undefined || b === undefined) return undefined;
  switch (op) {
    case '+':
      return floatValue(a + b);
    case '-':
      return floatValue(a - b);
    case '*':
      return floatValue(a * b);
    case '/':
      if (b === 0) return c.fail(divisionByZero, f, { span, with: { left: valueText(left), op } });
      return floatValue(a / b);
    case '%':
      if (b === 0) return c.fail(divisionByZero, f, { span, with: { left: valueText(left), op } });
      return floatValue(a - Math.floor(a / b) * b);
    case '<':
      return boolValue(a < b);
    case '<=':
      return boolValue(a <= b);
    case '>':
      return boolValue(a > b);
    case '>=':
      return boolValue(a >= b);
    default:
      return undefined;
  }
}

function intBinary(c: Context, f: Frame, expr: BinaryExpr, a: Dim, b: Dim): LangValue | undefined {
  const { op, span } = expr;
  const answer = (result: 'yes' | 'no' | 'unknown'): LangValue =>
    result === 'unknown' ? undecided(c, f, expr, a, b) : boolValue(result === 'yes');
  switch (op) {
    case '+':
      return dimValue(a.plus(b));
    case '-':
      return dimValue(a.minus(b));
    case '*':
      return dimValue(a.times(b));
    case '/': {
      if (b.constant === 0) return c.fail(divisionByZero, f, { span, with: { left: a.toString(), op } });
      const exact = a.divideExactly(b);
      if (exact) return dimValue(exact);
      return c.fail(inexactDivision, f, {
        span,
        with: {
          left: a.toString(),
          right: b.toString(),
          leftText: wholeText(expr.left.span),
          rightText: wholeText(expr.right.span),
        },
      });
    }
    case '%':
      if (b.constant === 0) return c.fail(divisionByZero, f, { span, with: { left: a.toString(), op } });
      return dimValue(a.mod(b));
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

function undecided(c: Context, f: Frame, expr: BinaryExpr, a: Dim, b: Dim, hint?: string): never {
  const example = counterexample(a, b);
  const values = example ? [...example].map(([k, v]) => `${k} = ${v}`).join(', ') : '';
  const symbol = a.symbols()[0] ?? b.symbols()[0] ?? 'H';
  const now =
    hint ??
    (isOfRun(symbol)
      ? 'compute with it, `min(10, n)`, or choose element by element with `where`'
      : `write a number in the place of \`${symbol}\` in the input type`);
  return c.fail(undecidable, f, {
    span: expr.span,
    with: {
      condition: `${sourceText(expr.span)}, a comparison of ${a.toString()} and ${b.toString()}`,
      example: values ? ` (they differ at ${values})` : '',
      hint: isWithin(expr.span, f.condition) ? `${now}; or let the run decide: \`${asLayer(expr)}\`` : now,
    },
  });
}

const isWithin = (span: Span, outer: Span | undefined): boolean =>
  outer !== undefined && outer.file === span.file && outer.start <= span.start && span.end <= outer.end;

/** The comparison as a call of the layer that compares tensors: `greater(H, 3)`. */
const asLayer = ({ op, left, right }: BinaryExpr): string =>
  `${binaryLayers[op]?.name}(${wholeText(left.span)}, ${wholeText(right.span)})`;

/** How two sizes are made equal: one name for both, or the number in the place of the name. */
function equated(a: Dim, b: Dim): string | undefined {
  const [from, to] = b.plain ? [b, a] : [a, b];
  if (!from.plain || !(to.plain || to.constant !== undefined)) return undefined;
  return `write \`${to.toString()}\` in the place of \`${from.toString()}\`, in the input type and below`;
}

/** Equality of plain values; undefined when they cannot be compared. */
function equalValues(c: Context, f: Frame, a: LangValue, b: LangValue, expr: BinaryExpr): boolean | undefined {
  if (a.kind === 'int' && b.kind === 'int') {
    const same = a.dim.equals(b.dim);
    return same === 'unknown' ? undecided(c, f, expr, a.dim, b.dim, equated(a.dim, b.dim)) : same === 'yes';
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
      const same = other ? equalValues(c, f, item, other, expr) : false;
      if (same !== true) return same;
    }
    return true;
  }
  if (a.kind === 'callable' && b.kind === 'callable') return a.name === b.name;
  return undefined;
}

function negate(c: Context, f: Frame, value: LangValue, span: Span): LangValue {
  live(value);
  if (value.kind === 'int') return dimValue(value.dim.negate());
  if (value.kind === 'float') return floatValue(-value.value);
  if (value.kind === 'tensor' || value.kind === 'callable' || isNumbers(value)) return unaryTensor(c, f, '-', value, span);
  return c.fail(wrongOperand, f, {
    span,
    with: { op: '-', found: describe(value), expected: 'a number or a tensor', hint: 'remove the `-`' },
  });
}

function not(c: Context, f: Frame, value: LangValue, span: Span): LangValue {
  live(value);
  if (value.kind === 'bool') return boolValue(!value.value);
  if (value.kind === 'tensor' || value.kind === 'callable') return unaryTensor(c, f, 'not', value, span);
  return c.fail(wrongOperand, f, {
    span,
    with: { op: 'not', found: describe(value), expected: 'a bool', hint: 'compare it: `x == 0`' },
  });
}

function unaryTensor(c: Context, f: Frame, op: keyof typeof unaryLayers, value: LangValue, span: Span): LangValue {
  const x = toTensor(c, f, value, span);
  const target: Target = {
    kind: 'layer',
    layer: unaryLayers[op],
    args: { positional: [{ value: { kind: 'tensor', value: x }, span }], named: new Map() },
    span,
  };
  const at = { ...f, sequence: undefined };
  return one(c, at, runCallable(c, at, callable(op, target), span, undefined), span);
}
