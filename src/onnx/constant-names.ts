/**
 * Names of small constants that say their values, `const.i64.1_-1`, so that a text can show them and a file that is read shows
 * the same.
 */
import { roundTo } from '../ir/round.ts';
import type { HostTensor } from '../ir/types.ts';
import { elementText } from '../ir/wide.ts';
import { materializeSync } from '../tensor/algebra.ts';
import type { WeightExpr } from '../tensor/expr.ts';

/** Constants of at most so many elements are named by their value. */
export const namedAtMost = 8;

/** The text of each element; -0 and 0 are different constants: 1 / x tells them apart. */
export function elementTexts(tensor: HostTensor): readonly string[] {
  return Array.from(tensor.data, (v, i) => (Object.is(v, -0) ? '-0' : elementText(tensor, i)));
}

export function nameOfConstant(tensor: HostTensor): string {
  const texts = elementTexts(tensor);
  return ['const', tensor.elem, ...(texts.length > 0 ? [texts.join('_')] : ['empty'])].join('.');
}

/** The elements of a tensor whose name says them, a number behind that makes it unique left aside. */
export function namedElements(name: string, expr: WeightExpr): HostTensor | undefined {
  const prefix = `const.${expr.elem}.`;
  if (!name.startsWith(prefix) || expr.count > namedAtMost) return undefined;
  const host = materializeSync(expr);
  if (!host) return undefined;
  const said = name.slice(prefix.length).split('_');
  if (expr.count === 0) return said[0] === 'empty' ? host : undefined;
  if (said.length !== expr.count && said.length !== expr.count + 1) return undefined;
  const texts = elementTexts(host);
  return texts.every((text, i) => text === said[i] || Object.is(rounded(Number(said[i]), host), host.data[i])) ? host : undefined;
}

/** The name has the number before it was rounded to the element type. */
function rounded(value: number, { elem }: HostTensor): number {
  const one = Float64Array.of(value);
  roundTo(elem, one);
  return one[0] ?? value;
}
