/**
 * Compile-time values as layers receive them, and the specifications of layer parameters: what a parameter accepts, its default,
 * its documentation. The reference page, hover texts and error messages are generated from these.
 */
import { Dim } from '../ir/dim.ts';
import type { Value } from '../ir/graph.ts';
import { type ElemType, elemTypes, isElemType } from '../ir/types.ts';

/** What an expression of the language evaluates to while compiling. Integers may be symbolic (`H / 2`), hence `Dim`. */
export type LangValue =
  | { readonly kind: 'int'; readonly dim: Dim }
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'bool'; readonly value: boolean }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'size'; readonly dims: readonly number[] }
  | { readonly kind: 'list'; readonly items: readonly LangValue[] }
  | { readonly kind: 'tensor'; readonly value: Value }
  /** A name that stands for an operator, a block, a shortcut or an element type; only the elaborator looks inside. */
  | { readonly kind: 'callable'; readonly name: string; readonly target: unknown };

/** `an integer`, `a size`, …: how messages name what was given. */
export function valueText(value: LangValue): string {
  switch (value.kind) {
    case 'int':
      return value.dim.toString();
    case 'float':
      return Number.isInteger(value.value) ? `${value.value}.0` : String(value.value);
    case 'bool':
      return String(value.value);
    case 'string':
      return JSON.stringify(value.value);
    case 'size':
      return value.dims.join('x');
    case 'list':
      return `[${value.items.map(valueText).join(', ')}]`;
    case 'tensor':
      return 'a tensor';
    case 'callable':
      return value.name;
  }
}

/** `int`, `float`, `bool`, `string`, `size`, `list`, `tensor`, `block`. */
export function kindText(value: LangValue): string {
  const names = {
    int: 'int',
    float: 'float',
    bool: 'bool',
    string: 'string',
    size: 'size',
    list: 'list',
    tensor: 'tensor',
    callable: 'block',
  } as const;
  return names[value.kind];
}

export type Converted<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly expected: string };

/** One parameter of a layer. `T` is what `build` receives. */
export interface ParamSpec<T = unknown> {
  /** As the reference prints it: `int`, `size`, `int or one per axis`. */
  readonly type: string;
  /** @internal For the manual; the built API leaves it out (`parameter-doc.ts`). */
  readonly doc: string;
  /** May be given without its name, in the order of declaration. */
  readonly positional: boolean;
  /** Positional and last: takes every remaining positional argument as one list. */
  readonly rest: boolean;
  /** Takes every named argument that no other parameter takes; `convert` gives the value with one of them alone. */
  readonly others?: true;
  /** `{ value }` when it may be left out; `text` is what the reference prints. */
  readonly default: { readonly value: T; readonly text: string } | undefined;
  /** `name` is what the argument is called, which only `others` asks. */
  convert(value: LangValue, name?: string): Converted<T>;
}

export type ParamSpecs = Readonly<Record<string, ParamSpec>>;
/** The typed record that `build` gets. */
export type ParamsOf<S> = { readonly [K in keyof S]: S[K] extends ParamSpec<infer T> ? T : never };

const good = <T>(value: T): Converted<T> => ({ ok: true, value });
const bad = (expected: string): Converted<never> => ({ ok: false, expected });

interface Options<T> {
  readonly doc: string;
  readonly positional?: boolean;
  readonly rest?: boolean;
  readonly default?: T;
}
function spec<T>(
  type: string,
  options: Options<T>,
  convert: (value: LangValue) => Converted<T>,
  text?: (value: T) => string,
): ParamSpec<T> {
  const fallback = options.default;
  return {
    type,
    doc: options.doc,
    positional: options.positional ?? options.rest ?? false,
    rest: options.rest ?? false,
    default: fallback === undefined ? undefined : { value: fallback, text: text ? text(fallback) : String(fallback) },
    convert,
  };
}

/** The same spec, but it may be left out, and `build` then sees `undefined`. */
export function optional<T>(inner: ParamSpec<T>, text = 'none'): ParamSpec<T | undefined> {
  return { ...inner, default: { value: undefined, text }, convert: (value) => inner.convert(value) };
}

interface Range {
  readonly min?: number;
  readonly max?: number;
}
const rangeText = (r: Range): string =>
  r.min !== undefined && r.max !== undefined ? ` from ${r.min} to ${r.max}` : r.min !== undefined ? ` of at least ${r.min}` : '';
const inRange = (n: number, r: Range): boolean => n >= (r.min ?? -Infinity) && n <= (r.max ?? Infinity);

/** A known integer. */
export function int(options: Options<number> & Range): ParamSpec<number> {
  return spec('int', options, (value) => {
    const n = value.kind === 'int' ? value.dim.constant : undefined;
    return n !== undefined && inRange(n, options) ? good(n) : bad(`an int${rangeText(options)}`);
  });
}

/** A list of integers that may be symbolic; with `rest`, also given one by one. */
export function dims(options: Options<readonly Dim[]>): ParamSpec<readonly Dim[]> {
  return spec('int[]', options, (value) => {
    const items = value.kind === 'list' ? value.items : [value];
    const flat = items.length === 1 && items[0]?.kind === 'list' ? items[0].items : items;
    const out: Dim[] = [];
    for (const item of flat) {
      if (item.kind === 'int') out.push(item.dim);
      else if (item.kind === 'size') out.push(...item.dims.map((d) => Dim.of(d)));
      else return bad('ints');
    }
    return good(out);
  });
}

/** A list of known integers; with `rest`, also given one by one. */
export function ints(options: Options<readonly number[]>): ParamSpec<readonly number[]> {
  const inner = dims({ doc: options.doc });
  return spec(
    'int[]',
    options,
    (value) => {
      const read = inner.convert(value);
      if (!read.ok) return read;
      const out: number[] = [];
      for (const d of read.value) {
        if (d.constant === undefined) return bad('known ints');
        out.push(d.constant);
      }
      return good(out);
    },
    (value) => `[${value.join(', ')}]`,
  );
}

export function float(options: Options<number> & Range): ParamSpec<number> {
  return spec('float', options, (value) => {
    const n = value.kind === 'float' ? value.value : value.kind === 'int' ? value.dim.constant : undefined;
    return n !== undefined && inRange(n, options) ? good(n) : bad(`a float${rangeText(options)}`);
  });
}

export function floats(options: Options<readonly number[]>): ParamSpec<readonly number[]> {
  return spec(
    'float[]',
    options,
    (value) => {
      const items = value.kind === 'list' ? value.items : [value];
      const out: number[] = [];
      for (const item of items) {
        const n = item.kind === 'float' ? item.value : item.kind === 'int' ? item.dim.constant : undefined;
        if (n === undefined) return bad('floats');
        out.push(n);
      }
      return good(out);
    },
    (value) => `[${value.join(', ')}]`,
  );
}

export function bool(options: Options<boolean>): ParamSpec<boolean> {
  return spec('bool', options, (value) => (value.kind === 'bool' ? good(value.value) : bad('true or false')));
}

/** Any string. */
export function string(options: Options<string>): ParamSpec<string> {
  return spec('string', options, (value) => (value.kind === 'string' ? good(value.value) : bad('a string')), JSON.stringify);
}

/** Sizes by names that the layer does not know: `p=8, q=W / 2`. */
export function namedDims(options: { readonly doc: string }): ParamSpec<ReadonlyMap<string, Dim>> {
  return {
    type: 'int',
    doc: options.doc,
    positional: false,
    rest: false,
    others: true,
    default: { value: new Map(), text: '' },
    convert: (value, name = '') =>
      value.kind === 'int' && value.dim.lowerBound >= 1 ? good(new Map([[name, value.dim]])) : bad('an int of at least 1'),
  };
}

/** One of some words, written as a string. */
export function choice<const V extends string>(values: readonly V[], options: Options<NoInfer<V>>): ParamSpec<V> {
  return spec(
    values.map((v) => JSON.stringify(v)).join(' | '),
    options,
    (value) => {
      const found = value.kind === 'string' ? values.find((v) => v === value.value) : undefined;
      return found !== undefined ? good(found) : bad(`one of ${values.map((v) => JSON.stringify(v)).join(', ')}`);
    },
    (value) => JSON.stringify(value),
  );
}

/** `3x3`, `7`, `[k, 1]`: one number holds for every spatial axis, so it stays a list of one. */
export function size(options: Options<readonly number[]>): ParamSpec<readonly number[]> {
  return spec(
    'size',
    options,
    (value) => {
      const read = axisNumbers(value);
      return read && read.length > 0 && read.every((n) => n >= 1)
        ? good(read)
        : bad('a size such as 3x3, of numbers of at least 1');
    },
    (value) => value.join('x'),
  );
}

/** One number for all spatial axes, or one per axis; `half` style words are given as `words`. */
export function perAxis(options: Options<readonly number[]> & Range): ParamSpec<readonly number[]> {
  return spec(
    'int or one per axis',
    options,
    (value) => {
      const read = axisNumbers(value);
      return read?.every((n) => inRange(n, options))
        ? good(read)
        : bad(`an int${rangeText(options)}, or a list with one per axis`);
    },
    (value) => (value.length === 1 ? String(value[0]) : `[${value.join(', ')}]`),
  );
}

const paddingWords = ['same', 'same_lower', 'valid'] as const;

/** `same`: as many windows as steps fit into the axis; `valid`: no padding. */
export type PaddingWord = (typeof paddingWords)[number];
export type Padding = readonly number[] | PaddingWord;

/** The same, or a word that says how much follows from the sizes. */
export function windowPadding(options: {
  readonly doc: string;
  readonly text: string;
  /** What to write for sizes that only the run knows. */
  readonly open?: string;
}): ParamSpec<Padding | undefined> {
  const numbers = padding(options);
  return {
    ...numbers,
    type: 'int, one per axis, begins then ends, or "same", "same_lower", "valid"',
    convert: (value) => {
      const word = value.kind === 'string' ? paddingWords.find((one) => one === value.value) : undefined;
      if (word) return good(word);
      const read = numbers.convert(value);
      if (read.ok) return good(read.value);
      const open = axisDims(value)?.some((d) => d.constant === undefined);
      return bad(
        open
          ? `numbers that are known while compiling: others go into ${options.open ?? 'a layer `pad(…)` before it'}`
          : `${read.expected}; or "same", "same_lower" or "valid"`,
      );
    },
  };
}

/** Padding of which some is known to the run alone. */
export interface OpenPadding {
  readonly amounts: readonly Dim[];
}

/** The same, and sizes that only the run knows. */
export function openPadding(options: {
  readonly doc: string;
  readonly text: string;
}): ParamSpec<Padding | OpenPadding | undefined> {
  const known = windowPadding(options);
  return {
    ...known,
    convert: (value) => {
      const amounts = axisDims(value);
      return amounts?.some((d) => d.constant === undefined) ? good({ amounts }) : known.convert(value);
    },
  };
}

/** Zeros per side: a number, one per axis, or begins then ends; `undefined` is the layer's own rule, named by `text`. */
export function padding(options: { readonly doc: string; readonly text: string }): ParamSpec<readonly number[] | undefined> {
  return {
    type: 'int, one per axis, or begins then ends',
    doc: options.doc,
    positional: false,
    rest: false,
    default: { value: undefined, text: options.text },
    convert: (value) => {
      const read = axisNumbers(value);
      return read?.every((n) => n >= 0) ? good(read) : bad('an int of at least 0, one per axis, or begins then ends');
    },
  };
}

function axisNumbers(value: LangValue): readonly number[] | undefined {
  if (value.kind === 'size') return value.dims;
  if (value.kind === 'int') return value.dim.constant === undefined ? undefined : [value.dim.constant];
  if (value.kind !== 'list') return undefined;
  const out: number[] = [];
  for (const item of value.items) {
    if (item.kind !== 'int' || item.dim.constant === undefined) return undefined;
    out.push(item.dim.constant);
  }
  return out;
}

/** A size or a list of sizes, symbolic ones among them. */
function axisDims(value: LangValue): readonly Dim[] | undefined {
  if (value.kind === 'int') return [value.dim];
  if (value.kind !== 'list') return undefined;
  const dims = value.items.flatMap((item) => (item.kind === 'int' ? [item.dim] : []));
  return dims.length === value.items.length ? dims : undefined;
}

/** A tensor of the graph, such as `weight=wte.weight` or `like=c4`. */
export function tensor(options: { readonly doc: string; readonly positional?: boolean }): ParamSpec<Value> {
  return spec<Value>('tensor', options, (value) => (value.kind === 'tensor' ? good(value.value) : bad('a tensor')));
}

/** A tensor, or known integers to be one: of known numbers, `range` is a list. */
export function tensorOrInts(options: { readonly doc: string }): ParamSpec<Value | readonly number[]> {
  const list = ints({ doc: options.doc });
  return spec<Value | readonly number[]>('tensor or int[]', options, (value) => {
    if (value.kind === 'tensor') return good(value.value);
    const read = list.convert(value);
    return value.kind === 'list' && read.ok ? read : bad('a tensor, or a list of known ints');
  });
}

/** Sizes, symbolic ones among them, or a tensor that holds them. */
export function dimsOrTensor(options: { readonly doc: string }): ParamSpec<Value | readonly Dim[]> {
  const list = dims({ doc: options.doc });
  return spec<Value | readonly Dim[]>('int[] or tensor', options, (value) => {
    if (value.kind === 'tensor') return good(value.value);
    const read = list.convert(value);
    return read.ok ? read : bad('ints, or a tensor that holds them');
  });
}

/** A learned tensor that may be left out (`bias=false`), created (`bias=true`) or tied to another (`bias=decoder.bias`). */
export function boolOrTensor(options: { readonly doc: string; readonly default: boolean }): ParamSpec<boolean | Value> {
  return spec<boolean | Value>('bool or tensor', options, (value) => {
    if (value.kind === 'bool' || value.kind === 'tensor') return good(value.value);
    return bad('true, false or a tensor');
  });
}

/** Any number or nested list of numbers: the content of `tensor([…], f32)`. */
export function numbers(options: {
  readonly doc: string;
  readonly positional?: boolean;
}): ParamSpec<{ readonly dims: readonly number[]; readonly data: readonly number[] }> {
  return spec<{ readonly dims: readonly number[]; readonly data: readonly number[] }>(
    'number or nested list',
    options,
    (value) => {
      const data: number[] = [];
      const walk = (v: LangValue): readonly number[] | undefined => {
        const n =
          v.kind === 'float' ? v.value : v.kind === 'int' ? v.dim.constant : v.kind === 'bool' ? Number(v.value) : undefined;
        if (n !== undefined) {
          data.push(n);
          return [];
        }
        if (v.kind !== 'list') return undefined;
        let inner: readonly number[] | undefined;
        for (const item of v.items) {
          const shape = walk(item);
          if (!shape || (inner && inner.join() !== shape.join())) return undefined;
          inner = shape;
        }
        return [v.items.length, ...(inner ?? [])];
      };
      const shape = walk(value);
      return shape ? good({ dims: shape, data }) : bad('a number or a list of numbers of one shape');
    },
  );
}

/** An element type by its name: `cast(f32)`. */
export function elem(options: Options<ElemType>): ParamSpec<ElemType> {
  return spec('element type', options, (value) => {
    const name = value.kind === 'callable' ? value.name : value.kind === 'string' ? value.value : '';
    return isElemType(name) ? good(name) : bad(`one of ${elemTypes.join(', ')}`);
  });
}

/** How a parameter begins: `normal(std=0.02)`, `kaiming_normal`, `zeros` … LangValue data; `src/tensor/init.ts` computes it. */
export interface InitSpec {
  readonly init: true;
  readonly kind:
    | 'zeros'
    | 'ones'
    | 'fill'
    | 'normal'
    | 'uniform'
    | 'kaiming_normal'
    | 'kaiming_uniform'
    | 'xavier_normal'
    | 'xavier_uniform'
    | 'torch_linear_weight'
    | 'torch_linear_bias';
  /**
   * `fill`: the value. `normal`: std (mean 0). `uniform`: the bound. `torch_linear_bias`: fan-in of its weight. Others: unused.
   */
  readonly value?: number;
  readonly mode?: 'fan_in' | 'fan_out';
  /** A layer's own choice, which nobody wrote: smaller at the end of the residual bodies of a deep network. */
  readonly byDepth?: boolean;
  /** What all elements are multiplied by; 1 when left out. */
  readonly scale?: number;
}

/** A layer's `init=`; the elaborator makes the callable from `normal(std=0.02)` with its target an `InitSpec`. */
export function init(options: { readonly doc: string; readonly default: InitSpec; readonly text: string }): ParamSpec<InitSpec> {
  return {
    type: 'initialiser',
    doc: options.doc,
    positional: false,
    rest: false,
    default: { value: options.default, text: options.text },
    convert: (value) =>
      value.kind === 'callable' && isInit(value.target)
        ? good(value.target)
        : bad('an initialiser such as normal(std=0.02) or zeros'),
  };
}

/** Whether both make the same numbers of the same tensor. */
export function sameInit(a: InitSpec, b: InitSpec): boolean {
  return a.kind === b.kind && a.mode === b.mode && Object.is(a.value, b.value) && Object.is(a.scale, b.scale);
}

export function isInit(target: unknown): target is InitSpec {
  return typeof target === 'object' && target !== null && 'init' in target;
}
