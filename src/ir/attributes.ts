/** Attributes: what they are, and how a node gets all that its operator has, each fitting what the operator says of it. */
import { unreachable } from '../diagnostics/diagnostic.ts';
import { Dim } from './dim.ts';
import { isElemType, type TensorType } from './types.ts';

/** Attribute values are plain data. `dims` attributes hold `Dim`s, because a shape may be symbolic. */
export type AttrValue = number | boolean | string | readonly number[] | readonly Dim[];
export type Attrs = Readonly<Record<string, AttrValue>>;

/**
 * The kinds of attribute. `axes` is one number per spatial axis (rank of operand 0 less 2), `pads` begins then ends of every
 * spatial axis; a single number in their place holds for all. `elem` is an element type's name.
 */
export type AttrKind = 'int' | 'float' | 'bool' | 'string' | 'elem' | 'ints' | 'floats' | 'dims' | 'axes' | 'pads';

export interface AttrSpec {
  readonly kind: AttrKind;
  /** Attributes without a default must be given. For `axes` and `pads` the default is the number that holds for every axis. */
  readonly default?: AttrValue;
  /** Sizes that summaries print, because the shape of the result does not show them. */
  readonly inSummary?: boolean;
  /** Allowed strings. */
  readonly values?: readonly string[];
  readonly min?: number;
  readonly doc: string;
}

/** Thrown by a shape rule; the caller knows the span and turns it into a diagnostic, or drops the rewrite. */
export class CheckFailure extends Error {
  readonly label: string;
  readonly found: string;
  readonly expected: string;
  readonly hint: string | undefined;
  constructor(label: string, found: string, expected: string, hint?: string) {
    super(`${label}: found ${found}, expected ${expected}`);
    this.name = 'CheckFailure';
    this.label = label;
    this.found = found;
    this.expected = expected;
    this.hint = hint;
  }
}

/**
 * A labelled constraint of a shape rule: `check('c2', cond, '30 input channels', 'a multiple of groups=4', hint)`. Throws
 * `CheckFailure`.
 */
export type Check = (label: string, holds: boolean, found: string, expected: string, hint?: string) => asserts holds;

/** What of an operator says which attributes a node has. */
interface Attributed {
  readonly name: string;
  readonly attrs: Readonly<Record<string, AttrSpec>>;
}

/** Fills in defaults and spreads single numbers over the axes. Throws `CheckFailure` for what does not fit its spec. */
export function completeAttrs(op: Attributed, given: Readonly<Record<string, AttrValue>>, x: TensorType | undefined): Attrs {
  const out: Record<string, AttrValue> = {};
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(op.attrs, name))
      throw new CheckFailure('attrs', `attribute ${name}`, `one of ${Object.keys(op.attrs).join(', ')}`);
  }
  for (const [name, spec] of Object.entries(op.attrs)) {
    const value = given[name] ?? spec.default;
    if (value === undefined) throw new CheckFailure('attrs', `no attribute ${name}`, `${name} of ${op.name}`);
    const whole = spread(spec, value, x);
    checkAttr(name, spec, whole);
    out[name] = whole;
  }
  return out;
}

const isInteger = (value: unknown): boolean => Number.isSafeInteger(value);

function fits(spec: AttrSpec, value: AttrValue): boolean {
  switch (spec.kind) {
    case 'int':
      return isInteger(value);
    case 'float':
      return typeof value === 'number';
    case 'bool':
      return typeof value === 'boolean';
    case 'string':
      return typeof value === 'string' && (!spec.values || spec.values.includes(value));
    case 'elem':
      return typeof value === 'string' && isElemType(value) && (!spec.values || spec.values.includes(value));
    case 'ints':
    case 'axes':
    case 'pads':
      return Array.isArray(value) && value.every(isInteger);
    case 'floats':
      return Array.isArray(value) && value.every((one) => typeof one === 'number');
    case 'dims':
      return Array.isArray(value) && value.every((one) => one instanceof Dim || isInteger(one));
    default:
      return unreachable(spec.kind);
  }
}

function checkAttr(name: string, spec: AttrSpec, value: AttrValue): void {
  if (!fits(spec, value)) {
    const found = typeof value === 'object' ? `[${value.join(', ')}]` : String(value);
    throw new CheckFailure(
      'attrs',
      `${name}=${found}`,
      spec.values ? `one of ${spec.values.join(', ')}` : `a value of kind ${spec.kind}`,
    );
  }
  const { min } = spec;
  if (min === undefined) return;
  for (const one of typeof value === 'object' ? value : [value]) {
    if (typeof one === 'number' && one < min) throw new CheckFailure('attrs', `${name}=${one}`, `at least ${min}`);
  }
}

function spread(spec: AttrSpec, value: AttrValue, x: TensorType | undefined): AttrValue {
  // One spelling of a size, so that equal attributes are equal.
  if (spec.kind === 'dims' && Array.isArray(value)) return value.map((d) => (isInteger(d) ? Dim.of(d) : d));
  if (spec.kind !== 'axes' && spec.kind !== 'pads') return value;
  const count = Math.max(0, (x?.dims.length ?? 2) - 2) * (spec.kind === 'pads' ? 2 : 1);
  if (typeof value === 'number') return Array.from({ length: count }, () => value);
  if (!Array.isArray(value)) return value;
  if (value.length !== count) {
    const expected = `${count}, ${spec.kind === 'pads' ? 'a begin and an end' : 'one'} per spatial axis`;
    throw new CheckFailure('attrs', `${value.length} numbers`, expected);
  }
  return value;
}
