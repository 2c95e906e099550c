/** The symbol that a size tells. */
import { Dim } from './dim.ts';
import { isOfRun, type SizePromise } from './promise.ts';

/** c·s + d of one symbol s, or of s divided by what is promised to divide it. */
export interface AffineSize {
  readonly name: string;
  readonly promise: SizePromise;
  readonly scale: number;
  readonly shift: number;
}

/** The dimension as c·s + d; undefined where it has several symbols, or is no such sum. */
export function affineSize(dim: Dim): AffineSize | undefined {
  const [only, ...more] = dim.promises();
  if (!only || more.length > 0) return undefined;
  const [name, promise] = only;
  const affine = dim.affineIn(Dim.symbol(name, promise));
  return affine && { name, promise, ...affine };
}

/** What the symbol of a dimension is where that has this size; undefined where the size does not tell. */
export function solvedSize(dim: Dim, size: number): (AffineSize & { readonly value: number }) | undefined {
  const affine = affineSize(dim);
  const value = affine ? ((size - affine.shift) / affine.scale) * affine.promise.multiple : Number.NaN;
  return affine && Number.isInteger(value) ? { ...affine, value } : undefined;
}

/**
 * The promise of one symbol with which a dimension is at least `low`, as a hint: `assert L >= 5`; undefined where there is none.
 */
export function promiseFor(dim: Dim, low: number): string | undefined {
  const affine = affineSize(dim);
  if (!affine || isOfRun(affine.name)) return undefined;
  const { name, promise, scale, shift } = affine;
  const bound = (low - shift) / scale;
  const [sign, unit] = scale > 0 ? ['>=', Math.ceil(bound)] : ['<=', Math.floor(bound)];
  const kept = scale > 0 || unit * promise.multiple > promise.least;
  return kept ? `assert ${Dim.symbol(name)} ${sign} ${unit * promise.multiple}` : undefined;
}
