/** Numbers in the place of symbols. */
import { checkArgument, record } from '../diagnostics/arguments.ts';
import { noSuchSize } from '../diagnostics/catalogue/runtime.ts';
import { fail } from '../diagnostics/diagnostic.ts';
import { Dim, unlessOverflow } from './dim.ts';
import { keepsPromise, keptNear, promiseTexts, type SizePromise } from './promise.ts';

/** Numbers for symbolic sizes: `{ N: 1, H: 224 }`. */
export type Sizes = Readonly<Record<string, number>>;

/**
 * The number that a dimension is at these sizes: `evaluate(dim, { N: 1, H: 224, W: 224 })`. Names that the dimension does not
 * have are not looked at.
 *
 * @throws DiagnosticError RES0841 for a symbol without a size, a size that is no whole number from 1 on or breaks a promise, and
 * a result beyond 2^53.
 */
export function evaluate(dim: Dim, sizes: Sizes): number {
  if (!(dim instanceof Dim))
    checkArgument('evaluate', 'dim', dim, { what: 'a symbolic number', example: 'summarize(graph).madds', is: () => false });
  checkArgument('evaluate', 'sizes', sizes, { ...record, example: '{ N: 1 }' });
  const lacking = dim.symbols().filter((name) => !Object.hasOwn(sizes, name));
  const [first] = lacking;
  if (first !== undefined) {
    fail(noSuchSize, {
      with: {
        found: `no size for ${lacking.join(', ')}`,
        expected: `a number for each of ${dim.symbols().join(', ')}`,
        hint: `${first}=1`,
      },
    });
  }
  checkSizes(dim.promises(), sizes);
  const value = dim.evaluate(new Map(Object.entries(sizes)));
  if (value !== undefined) return value;
  return fail(noSuchSize, {
    with: {
      found: `${dim.toString()} is no whole number up to 2^53 there`,
      expected: 'sizes at which it is one',
      hint: `${dim.symbols()[0] ?? 'N'}=1`,
    },
  });
}

/** Throws RES0841 for sizes of these symbols that are none, or that break a promise. */
export function checkSizes(promises: ReadonlyMap<string, SizePromise>, sizes: Sizes): void {
  for (const [name, size] of Object.entries(sizes)) {
    const promise = promises.get(name);
    if (promise === undefined) continue;
    const { multiple } = promise;
    const whole = Number.isSafeInteger(size) && size >= Math.min(1, promise.least);
    if (whole && keepsPromise(promise, size)) continue;
    const bounds = promiseTexts(name, promise).join(' and ');
    const divided = size % multiple === 0;
    fail(noSuchSize, {
      with: {
        found: `${name}=${size}`,
        expected: !whole
          ? `a whole number from ${Math.min(1, promise.least)} on`
          : divided
            ? `${bounds}, which the model promises`
            : `a multiple of ${multiple}, which the model promises of ${name}`,
        hint: `${name}=${whole ? keptNear(promise, Math.ceil(size / multiple) * multiple)[0] : promise.least}`,
      },
    });
  }
}

/** Throws RES0841 for a name that is none of these symbols. */
export function checkNames(symbols: readonly string[], sizes: Sizes): void {
  for (const name of Object.keys(sizes)) {
    if (symbols.includes(name)) continue;
    fail(noSuchSize, {
      with: {
        found: `${name}, which is no size of the model`,
        expected: symbols.length === 0 ? 'nothing: every size is a number already' : `one of ${symbols.slice(0, 20).join(', ')}`,
        hint: symbols.length === 0 ? 'leave it out' : `${symbols[0]}=${sizes[name] ?? 1}`,
      },
    });
  }
}

/**
 * Puts numbers in the place of those symbols that have one; others stay. Undefined beyond 2^53. `checkSizes` has seen the sizes.
 */
export function atSizes(dim: Dim, sizes: Sizes): Dim | undefined {
  const names = dim.symbols().filter((name) => Object.hasOwn(sizes, name));
  if (names.length === 0) return dim;
  return unlessOverflow(() => dim.substituteAll(new Map(names.map((name) => [name, Dim.of(sizes[name] ?? 1)]))));
}
