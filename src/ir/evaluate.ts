/** Numbers in the place of symbols. */
import { noSuchSize } from '../diagnostics/catalogue/runtime.ts';
import { fail } from '../diagnostics/diagnostic.ts';
import { Dim, type DimNode, extreme, unlessOverflow } from './dim.ts';

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
  checkSizes(dim.multiples(), sizes);
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
export function checkSizes(multiples: ReadonlyMap<string, number>, sizes: Sizes): void {
  for (const [name, size] of Object.entries(sizes)) {
    const multiple = multiples.get(name);
    if (multiple === undefined) continue;
    const whole = Number.isSafeInteger(size) && size >= (name.startsWith('?') ? 0 : 1);
    if (whole && size % multiple === 0) continue;
    fail(noSuchSize, {
      with: {
        found: `${name}=${size}`,
        expected: whole ? `a multiple of ${multiple}, which the model promises of ${name}` : 'a whole number from 1 on',
        hint: `${name}=${whole ? Math.ceil(size / multiple) * multiple : multiple}`,
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
  const multiples = dim.multiples();
  if (![...multiples.keys()].some((name) => Object.hasOwn(sizes, name))) return dim;
  const visit = (node: DimNode): Dim => {
    switch (node.kind) {
      case 'const':
        return Dim.of(node.value);
      case 'symbol': {
        const size = Object.hasOwn(sizes, node.name) ? sizes[node.name] : undefined;
        if (size !== undefined) return Dim.of(size / node.multiple);
        const multiple = multiples.get(node.name) ?? 1;
        return Dim.symbol(node.name, multiple).times(multiple / node.multiple);
      }
      case 'add':
        return node.terms.map(visit).reduce((a, b) => a.plus(b));
      case 'mul':
        return node.factors.map(visit).reduce((a, b) => a.times(b));
      case 'floordiv':
        return visit(node.a).floordiv(visit(node.b));
      default:
        return extreme(node.kind, [visit(node.a), visit(node.b)]);
    }
  };
  return unlessOverflow(() => visit(dim.structure()));
}
