/**
 * Elements that must be there. An index out of range is a bug of ours, and a number in its place (`?? 0`) would make it a wrong
 * result.
 */
import { bug } from './diagnostic.ts';

/**
 * The element at an index within an array of any kind; a bug where there is none. Not for loops over many numbers: see `outside`.
 */
export function at<T extends NonNullable<unknown>>(array: ArrayLike<T>, index: number): T {
  return array[index] ?? bug(`element ${index} of ${array.length}`);
}

/**
 * What stands behind `??` in loops over many numbers: `x[i] ?? outside()` is as fast as `x[i] ?? 0`. A call of `at` there takes
 * up to ten times as long, because V8 sees lists and typed arrays of every kind in its one access.
 */
export function outside(): never {
  return bug('an index out of range');
}
