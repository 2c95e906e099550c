/**
 * Functions that have their value while compiling: shapes of tensors, lists and the arithmetic that has no sign. Some are
 * operators on tensors as well.
 */
import { at } from '../diagnostics/at.ts';
import { emptyConcat } from '../diagnostics/catalogue/structure.ts';
import { divisionByZero, intOverflow, wrongArgument } from '../diagnostics/catalogue/values.ts';
import type { Span } from '../diagnostics/source.ts';
import { Dim, DimOverflow } from '../ir/dim.ts';
import { cos, exp, log, pow, sin } from '../ops/math.ts';
import { type LangValue, valueText } from '../ops/params.ts';
import { ran } from './callables.ts';
import { currentValue } from './chains.ts';
import type { Context } from './context.ts';
import { live } from './failure.ts';
import type { Frame } from './scope.ts';
import { noteRead } from './size-reads.ts';
import { toTensor } from './tensors.ts';
import { describe, dimValue, floatValue, type GivenArgs, intValue, listValue, numberOf } from './values.ts';

/** Functions of lists, which a layer gives too: `reverse(split(4))`. */
const ofLists: readonly string[] = ['len', 'reverse'];

/** Functions of one tensor, or of `it`. */
export const ofTensors: readonly string[] = ['shape', 'channels', 'rank'];

/** Functions of numbers, most of which are operators of tensors as well. */
const ofNumbers: readonly string[] = [
  'range',
  'min',
  'max',
  'abs',
  'sqrt',
  'exp',
  'log',
  'log2',
  'sin',
  'cos',
  'pow',
  'floor',
  'ceil',
  'round',
  'floordiv',
];

export const builtinNames: readonly string[] = [...ofTensors, ...ofLists, 'sum', ...ofNumbers];

/**
 * The value of a builtin function, or undefined when these arguments are not for it (tensors) and the operator of the same name
 * is meant.
 */
export function builtinFunction(c: Context, f: Frame, name: string, args: GivenArgs, span: Span): LangValue | undefined {
  const lists = ofLists.includes(name);
  const values = args.positional.map((a) => (lists ? ran(c, f, live(a.value), a.span) : live(a.value)));
  if (args.named.size > 0) return undefined;
  const wrong = (expected: string, hint: string): never =>
    c.fail(wrongArgument, f, {
      span,
      with: { callee: name, name: 'its arguments', found: values.map(describe).join(', ') || 'nothing', expected, hint },
    });
  try {
    switch (name) {
      case 'shape':
      case 'channels':
      case 'rank': {
        if (values.length > 1) return wrong('one tensor', `write \`${name}(x)\``);
        const of = values[0] ?? currentValue(c, f, span);
        const x = toTensor(c, f, of, span);
        const { dims } = x.type;
        const read = name === 'shape' ? dims : dims.slice(1, 2);
        if (name !== 'rank' && f.it.kind === 'tensor' && f.it.value === x) noteRead(c, x, span, read);
        if (name === 'shape') return listValue(dims.map(dimValue));
        if (name === 'rank') return intValue(dims.length);
        const channels = dims[1];
        return channels ? dimValue(channels) : wrong('a tensor with channels on axis 1', 'write `shape(x)` for all sizes');
      }
      case 'len': {
        const of = values[0];
        if (values.length === 1 && of?.kind === 'list') return intValue(of.items.length);
        if (values.length === 1 && of?.kind === 'size') return intValue(of.dims.length);
        return wrong('one list', 'write `len(xs)`');
      }
      case 'reverse': {
        const of = values[0];
        if (values.length === 1 && of?.kind === 'list') return c.list(of.items.toReversed(), span, f);
        return wrong('one list', 'write `reverse(xs)`');
      }
      case 'range': {
        const numbers = values.map((v) => (v.kind === 'int' ? v.dim.constant : undefined));
        if (numbers.length === 0 || numbers.length > 3 || numbers.some((n) => n === undefined)) return undefined;
        const [first = 0, second, step = 1] = numbers;
        const [from, to] = second === undefined ? [0, first] : [first, second];
        if (step === 0) return wrong('a step other than 0', 'write `range(a, b, 1)`');
        const count = Math.max(0, Math.ceil((to - from) / step));
        if (count > 1_000_000) return wrong('at most 1,000,000 numbers', 'shorten the range');
        // Each is a dimension of its own, which takes more than the place in the list.
        c.spend(3 * count, span, f);
        return c.list(
          Array.from({ length: count }, (_, i) => intValue(from + i * step)),
          span,
          f,
        );
      }
      case 'min':
      case 'max': {
        const items = values.length === 1 && values[0]?.kind === 'list' ? values[0].items : values;
        if (items.length === 0) return wrong('at least one number', `write \`${name}(a, b)\``);
        if (items.some((v) => numberOf(v) === undefined && v.kind !== 'int')) return undefined;
        const sizes = items.map((v) => (v.kind === 'int' ? v.dim : undefined)).filter((d) => d !== undefined);
        if (sizes.length === items.length)
          return dimValue(sizes.reduce((a, b) => (name === 'min' ? Dim.min(a, b) : Dim.max(a, b))));
        const numbers = items.map(numberOf).filter((n) => n !== undefined);
        if (numbers.length < items.length)
          return wrong('ints alone where one of them is symbolic', 'write whole numbers beside it');
        return floatValue(name === 'min' ? Math.min(...numbers) : Math.max(...numbers));
      }
      case 'sum': {
        const [only] = values;
        const items = values.length === 1 && only?.kind === 'list' ? only.items : values;
        if (items.length === 0) return only ? c.fail(emptyConcat, f, { span, with: { callee: name } }) : undefined;
        return sumOfNumbers(items);
      }
      case 'floordiv': {
        const [a, b] = values;
        if (values.length !== 2 || a?.kind !== 'int' || b?.kind !== 'int') return wrong('two ints', 'write `floordiv(a, b)`');
        if (b.dim.constant === 0) return c.fail(divisionByZero, f, { span, with: { left: valueText(a), op: '/' } });
        return dimValue(a.dim.floordiv(b.dim));
      }
      default:
        return numeric(name, values, wrong);
    }
  } catch (error) {
    if (!(error instanceof DimOverflow)) throw error;
    return c.fail(intOverflow, f, { span, with: { found: `${name}(${values.map(valueText).join(', ')})` } });
  }
}

/** The sum of numbers; undefined where not all of them are. */
function sumOfNumbers(items: readonly LangValue[]): LangValue | undefined {
  if (items.every((v) => v.kind === 'int')) return dimValue(items.reduce((sum, v) => sum.plus(v.dim), Dim.zero));
  const numbers = items.map(numberOf).filter((n) => n !== undefined);
  return numbers.length === items.length ? floatValue(numbers.reduce((sum, n) => sum + n, 0)) : undefined;
}

function numeric(
  name: string,
  values: readonly LangValue[],
  wrong: (expected: string, hint: string) => never,
): LangValue | undefined {
  const [first, second] = values;
  const wanted = name === 'pow' ? 2 : 1;
  const numbers = values.map(numberOf).filter((n) => n !== undefined);
  if (numbers.length < values.length) {
    if (first?.kind === 'int' && name === 'abs' && first.dim.lowerBound >= 0) return first;
    return undefined;
  }
  if (values.length !== wanted || !first) {
    // `round` alone, and `pow(2)` on the current tensor, are the operators.
    return values.length < wanted
      ? undefined
      : wrong(`${wanted} number${wanted > 1 ? 's' : ''}`, `write \`${name}(${wanted > 1 ? 'a, b' : 'x'})\``);
  }
  const x = at(numbers, 0);
  switch (name) {
    case 'abs':
      return first.kind === 'int' ? intValue(Math.abs(x)) : floatValue(Math.abs(x));
    case 'sqrt':
      return x < 0 ? wrong('a number of at least 0', 'check its sign') : floatValue(Math.sqrt(x));
    case 'exp':
      return x > 709 ? wrong('a number of at most 709', 'e^710 is larger than any float') : floatValue(exp(x));
    case 'log':
      return x <= 0 ? wrong('a number above 0', 'check its sign') : floatValue(log(x));
    case 'sin':
      return floatValue(sin(x));
    case 'cos':
      return floatValue(cos(x));
    case 'log2':
      return x <= 0 ? wrong('a number above 0', 'check its sign') : floatValue(log2(x));
    case 'pow': {
      const y = at(numbers, 1);
      return first.kind === 'int' && second?.kind === 'int' && y >= 0 ? intValue(pow(x, y)) : floatValue(pow(x, y));
    }
    case 'floor':
      return intValue(Math.floor(x));
    case 'ceil':
      return intValue(Math.ceil(x));
    case 'round':
      // Half to even, as Python's and ONNX's Round do.
      return intValue(Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x));
    default:
      return undefined;
  }
}

/** Exact for powers of two: x is m·2^e with m in [1, 2). Math.log2 differs between engines, and the result may reach the file. */
function log2(x: number): number {
  let m = x;
  let e = 0;
  for (; m >= 2; e++) m /= 2;
  for (; m < 1; e--) m *= 2;
  return e + log(m) / Math.LN2;
}
