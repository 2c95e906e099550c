/** Lists of numbers, as attributes and shapes hold them. */
import { elementCount } from '../../ir/types.ts';

export function sameNumbers(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((n, i) => n === b[i]);
}

export function product(list: readonly number[]): number {
  return elementCount(list);
}

export const allEqual = (list: readonly number[], value: number): boolean => list.every((n) => n === value);
