/** Sizes from outside, `--input-shape image=1,3,224,224`, and what they make of symbols. */
import { shapeMisfit } from '../diagnostics/catalogue/cli.ts';
import { sizesContradict } from '../diagnostics/catalogue/runtime.ts';
import { fail } from '../diagnostics/diagnostic.ts';
import { nearest } from '../diagnostics/suggest.ts';
import type { Dim } from './dim.ts';
import { keepsPromise, keptNear, noPromise, promiseTexts } from './promise.ts';
import { solvedSize } from './solve.ts';
import { type TensorType, typeText } from './types.ts';

/** An input as messages and shapes know it. */
export interface TypedInput {
  readonly name: string;
  readonly type: TensorType;
}

/** Sizes by symbol (`N: 1`), by axis (`image:0: 1`) or of a whole input, where undefined leaves one open. */
export type AskedShapes = Readonly<Record<string, number | readonly (number | undefined)[]>>;

/** As the command line has it: `image=1,3,?,224`. */
export function askedText(name: string, given: AskedShapes[string]): string {
  return `${name}=${typeof given === 'number' ? given : given.map((size) => size ?? '?').join(',')}`;
}

/**
 * The sizes of symbols that shapes ask for. Throws `DiagnosticError`: RES0709 for a name that nothing has and for another number
 * of axes, RES0840 for a size that the declaration, another shape, or a promise contradicts.
 */
export function askedSizes(inputs: readonly TypedInput[], shapes: AskedShapes): ReadonlyMap<string, number> {
  const out = new Map<string, number>();
  const promises = new Map(inputs.flatMap(({ type }) => type.dims.flatMap((dim) => [...dim.promises()])));
  const symbols = new Set(promises.keys());
  const later: { readonly asked: string; readonly input: TypedInput; readonly dim: Dim; readonly size: number }[] = [];
  const contradict = (asked: string, found: string, expected: string, hint: string): never =>
    fail(sizesContradict, { with: { asked, found, expected, hint } });
  const bind = (asked: string, symbol: string, size: number): void => {
    const before = out.get(symbol);
    if (before !== undefined && before !== size)
      contradict(asked, `${symbol} = ${size}`, `${symbol} = ${before}, as asked before`, `give ${symbol} one size`);
    const promise = promises.get(symbol) ?? noPromise;
    if (size < Math.min(1, promise.least))
      contradict(asked, `${symbol} = ${size}`, 'a size of at least 1', `--input-shape ${symbol}=1`);
    if (!keepsPromise(promise, size)) {
      const expected = `${promiseTexts(symbol, promise).join(' and ')}, which the model promises`;
      contradict(asked, `${symbol} = ${size}`, expected, `--input-shape ${symbol}=${keptNear(promise, size)[0]}`);
    }
    out.set(symbol, size);
  };
  for (const [name, given] of Object.entries(shapes)) {
    const asked = askedText(name, given);
    if (typeof given === 'number' && symbols.has(name)) {
      bind(asked, name, given);
      continue;
    }
    const at = /^(.*):(\d+)$/.exec(name);
    const input = inputs.find((one) => one.name === name) ?? (at ? inputs.find((one) => one.name === at[1]) : undefined);
    const axis = input && input.name !== name ? Number(at?.[2]) : undefined;
    const list = typeof given === 'number' ? [given] : given;
    const rank = input?.type.dims.length ?? 0;
    if (!input || (axis === undefined ? list.length !== rank : axis >= rank || list.length !== 1)) {
      const [first] = inputs;
      const names = [...inputs.map((one) => one.name), ...symbols];
      const near = input ? undefined : nearest(name, names);
      return fail(shapeMisfit, {
        with: {
          name,
          found: input ? `[${list.map((size) => size ?? '?').join(', ')}]` : `${asked}, and no input or size of that name`,
          expected: input ? `${rank} numbers, for ${typeText(input.type)}` : `one of ${names.slice(0, 12).join(', ')}`,
          hint: near === undefined ? exampleOf(input ?? first) : `--input-shape ${near}=${asked.slice(name.length + 1)}`,
        },
      });
    }
    list.forEach((size, i) => {
      const dim = input.type.dims[axis ?? i];
      if (size !== undefined && dim) later.push({ asked, input, dim, size });
    });
  }
  for (const { asked, dim, size } of later) if (dim.plain) bind(asked, dim.plain.name, size);
  for (const { asked, dim, size } of later) {
    const solved = solvedSize(dim, size);
    if (solved && !out.has(solved.name)) bind(asked, solved.name, solved.value);
  }
  for (const { asked, input, dim, size } of later) {
    const known = dim.evaluate(out);
    if (known === size) continue;
    const text = dim.toString();
    const from = dim.constant === undefined ? `${text} = ${known ?? 'a size that is not given'}` : `${text}`;
    contradict(asked, `${size} for ${text} of ${typeText(input.type)}`, from, exampleOf(input, out));
  }
  return out;
}

function exampleOf(input: TypedInput | undefined, sizes: ReadonlyMap<string, number> = new Map()): string {
  if (!input) return 'leave it out';
  const least = input.type.dims.flatMap((dim) => [...dim.promises()].map(([name, promise]) => [name, promise.least] as const));
  const dims = input.type.dims.map((dim) => dim.evaluate(new Map([...least, ...sizes])) ?? 1);
  return `--input-shape ${input.name}=${dims.join(',')}`;
}
