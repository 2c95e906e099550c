/** A small search for sizes that tell two dimensions apart, for messages. */
import { at } from '../diagnostics/at.ts';
import type { Dim } from './dim.ts';

/**
 * Values of the symbols for which a and b differ, promises kept and as small as a short search finds; undefined when none was
 * found, which proves nothing. The search is the same on every run.
 */
export function counterexample(a: Dim, b: Dim): ReadonlyMap<string, number> | undefined {
  const symbols = [...new Map([...a.promises(), ...b.promises()])].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  const differ = (sizes: readonly number[]): ReadonlyMap<string, number> | undefined => {
    const bindings = new Map(
      symbols.map(([name, { multiple, least, most }], i) => [name, Math.min(most, least + (at(sizes, i) - 1) * multiple)]),
    );
    const x = a.evaluate(bindings);
    const y = b.evaluate(bindings);
    return x !== undefined && y !== undefined && x !== y ? bindings : undefined;
  };
  const shrink = (sizes: readonly number[]): ReadonlyMap<string, number> | undefined => {
    const best = [...sizes];
    for (let i = 0; i < best.length; i++) {
      const old = at(best, i);
      for (let n = 1; n < old; n++) {
        best[i] = n;
        if (differ(best)) break;
        best[i] = old;
      }
    }
    return differ(best);
  };
  for (let n = 1; n <= 64; n++) {
    const sizes = symbols.map(() => n);
    if (differ(sizes)) return shrink(sizes);
  }
  let state = 1;
  for (let round = 0; round < 1000; round++) {
    const sizes = symbols.map(() => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return 1 + ((state >>> 16) % (round < 500 ? 12 : 300));
    });
    if (differ(sizes)) return shrink(sizes);
  }
  return undefined;
}
