/** Compares inferred types with stated ones, where sizes that only the run knows may have other names. */
import { Dim } from './dim.ts';
import type { InferContext } from './operator.ts';
import { isOfRun } from './promise.ts';
import { sameType, type TensorType } from './types.ts';

/** No graph and no file has names with a blank there. */
const freshPrefix = '? ';

/** Whether a symbol is one that `freshSizes` gave. */
export const isFresh = (name: string): boolean => name.startsWith(freshPrefix);

/** What inference calls sizes that only the run knows, where `matchTypes` is to find out which ones they are. */
export function freshSizes(): InferContext['fresh'] {
  let count = 0;
  return (_name, most, least) => Dim.bounded(`${freshPrefix}${count++}`, most, least);
}

/**
 * Whether `inferred` are the types `stated`, for some choice of names for the symbols that `isMade` says inference has just
 * made.
 */
export function matchTypes(
  inferred: readonly TensorType[],
  stated: readonly TensorType[],
  isMade: (name: string) => boolean,
): boolean {
  if (inferred.length !== stated.length) return false;
  const names = new Map<string, Dim>();
  inferred.forEach((type, i) => {
    type.dims.forEach((dim, axis) => {
      const own = dim.plain;
      const other = stated[i]?.dims[axis];
      if (!own || !other || !isMade(own.name) || names.has(own.name)) return;
      // Only a size of the run, of the same bounds, may stand for one: another in its place would be a claim that nothing proves.
      const { name, promise } = other.plain ?? {};
      if (name === undefined || !promise || !isOfRun(name) || promise.least !== own.promise.least) return;
      if ((promise.within ?? promise.most) === (own.promise.within ?? own.promise.most)) names.set(own.name, other);
    });
  });
  return inferred.every((type, i) => {
    const other = stated[i];
    const renamed =
      names.size === 0 || type.foreign ? type : { elem: type.elem, dims: type.dims.map((dim) => dim.substituteAll(names)) };
    return other !== undefined && sameType(renamed, other);
  });
}
