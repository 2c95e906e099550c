/** Compares inferred types with stated ones, where sizes that only the run knows may have other names. */
import type { Dim } from './dim.ts';
import { sameType, type TensorType } from './types.ts';

/**
 * Whether `inferred` are the types `stated`, for some choice of names for the symbols that `isFresh` says inference has just
 * made.
 */
export function matchTypes(
  inferred: readonly TensorType[],
  stated: readonly TensorType[],
  isFresh: (name: string) => boolean,
): boolean {
  if (inferred.length !== stated.length) return false;
  const names = new Map<string, Dim>();
  inferred.forEach((type, i) => {
    type.dims.forEach((dim, axis) => {
      const name = dim.plain?.name;
      if (name === undefined || !isFresh(name) || names.has(name)) return;
      const other = stated[i]?.dims[axis];
      const { name: stands, promise } = other?.plain ?? {};
      // Only a size of the run may stand for one: a known size in its place would be a claim that nothing proves. Likewise of
      // other bounds.
      const within = promise?.within ?? promise?.most;
      const claims = dim.plain?.promise.within ?? dim.plain?.promise.most;
      const low = promise?.least === dim.plain?.promise.least;
      if (other && stands?.startsWith('?') && within === claims && low) names.set(name, other);
    });
  });
  return inferred.every((type, i) => {
    const other = stated[i];
    const renamed =
      names.size === 0 || type.foreign ? type : { elem: type.elem, dims: type.dims.map((dim) => dim.substituteAll(names)) };
    return other !== undefined && sameType(renamed, other);
  });
}
