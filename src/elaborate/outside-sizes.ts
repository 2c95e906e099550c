/** Sizes that come from outside: they are put in the place of symbols at the line of the input that has them. */
import { badDefine } from '../diagnostics/catalogue/names.ts';
import { DiagnosticError } from '../diagnostics/diagnostic.ts';
import type { Span } from '../diagnostics/source.ts';
import { nearest } from '../diagnostics/suggest.ts';
import { type AskedShapes, askedSizes } from '../ir/asked-sizes.ts';
import { Dim } from '../ir/dim.ts';
import type { TensorType } from '../ir/types.ts';
import type { Context } from './context.ts';
import { Abandon, Stop } from './failure.ts';

/** `-D N=1` of a name that is no parameter of the model. */
export interface DefinedSize {
  readonly name: string;
  readonly size: number;
  readonly text: string;
  readonly span: Span;
}

/** The sizes that are asked for, with those of `-D`. Reports a name to which both give a number of its own. */
export class OutsideSizes {
  readonly #shapes: AskedShapes;
  readonly #defined: ReadonlyMap<string, DefinedSize>;
  readonly #used = new Set<string>();

  constructor(shapes: AskedShapes, defined: readonly DefinedSize[]) {
    this.#shapes = shapes;
    this.#defined = new Map(defined.map((one) => [one.name, one]));
  }

  /** Gives the symbols of an input their numbers; what it declares and what is asked must agree. */
  settle(c: Context, name: string, type: TensorType): void {
    const symbols = new Set(type.dims.flatMap((dim) => dim.symbols()));
    const own = (key: string): boolean => key === name || symbols.has(key) || (key.startsWith(`${name}:`) && /:\d+$/.test(key));
    const asked = Object.entries(this.#shapes).filter(([key]) => own(key));
    const defined = [...this.#defined.values()].filter((one) => symbols.has(one.name));
    for (const [key] of asked) this.#used.add(key);
    for (const one of defined) this.#used.add(one.name);
    for (const shapes of [defined.map((one) => [one.name, one.size] as const), asked]) {
      const open = shapes.filter(([key, shape]) => !isSettled(c, key, shape));
      if (open.length === 0) continue;
      const types = { elem: type.elem, dims: type.dims.map((dim) => c.promised(dim)) };
      const sizes = guarded(c, () => askedSizes([{ name, type: types }], Object.fromEntries(open)), Stop);
      for (const [symbol, size] of sizes) c.learn(symbol, Dim.of(size));
    }
  }

  /** Reports names that no input and no symbol has. */
  finish(c: Context, parameters: readonly string[], model: string): void {
    const inputs = c.graph.inputs.map(({ name = '', type }) => ({ name, type }));
    const symbols = [...c.symbols.keys()];
    for (const { name, text, span } of this.#defined.values()) {
      if (symbols.includes(name)) continue;
      const names = [...parameters, ...symbols];
      const near = nearest(name, names);
      c.report(badDefine, undefined, {
        span,
        with: {
          name,
          what: `model \`${model}\` has no such parameter${symbols.length > 0 ? ' and no such size' : ''}`,
          expected: names.length > 0 ? `one of ${names.join(', ')}` : 'a model with parameters',
          example: near ? `${near}=${text}` : names[0] ? `${names[0]}=…` : 'name=value',
        },
      });
    }
    for (const [key, shape] of Object.entries(this.#shapes)) {
      if (this.#used.has(key)) continue;
      if (!isSettled(c, key, shape)) guarded(c, () => askedSizes(inputs, { [key]: shape }));
    }
  }
}

/** Whether another name has given the symbol of this name its number, which must then be the same. */
function isSettled(c: Context, key: string, shape: AskedShapes[string]): boolean {
  const size = c.promises.get(key)?.constant;
  if (size === undefined) return false;
  const type = { elem: 'f32', dims: [Dim.of(size)] } as const;
  if (shape !== size) guarded(c, () => askedSizes([{ name: key, type }], { [key]: shape }), Stop);
  return true;
}

/**
 * Turns what is thrown into a message of this compilation. Behind an input of the wrong shape everything else would be wrong,
 * too.
 */
function guarded<T>(c: Context, work: () => T, GiveUp: typeof Abandon | typeof Stop = Abandon): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof DiagnosticError)) throw error;
    for (const diagnostic of error.diagnostics) c.sink.add(diagnostic);
    throw new GiveUp();
  }
}
