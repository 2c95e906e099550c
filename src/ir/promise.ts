/**
 * What is known of the sizes that a symbol may have: what a model promises (`assert H % 16 == 0`, `assert L >= 101`,
 * `assert L <= 512`), and the bounds of one that only the run knows (`?nonzero <= H*W`).
 */

/** A dimension, of which this file reads the text alone: `dim.ts` imports it. */
export interface SizeBound {
  readonly constant: number | undefined;
  readonly upperBound: number;
  toString(): string;
}

export interface SizePromise {
  /** Divides every size. */
  readonly multiple: number;
  /**
   * A multiple, and at least 1, but for symbols that may be 0: those whose size only the run knows (`?`), and what is told
   * `P >= 0`.
   */
  readonly least: number;
  /** A multiple, or infinite. */
  readonly most: number;
  /** A `Dim` that it does not exceed, where that is no number. */
  readonly within?: SizeBound | undefined;
}

/** A size is at least 1. */
export const noPromise: SizePromise = { multiple: 1, least: 1, most: Number.POSITIVE_INFINITY };

/** A promise with its ends at multiples; undefined where no size keeps it. */
export function promiseOf({
  multiple = 1,
  least = 1,
  most = Number.POSITIVE_INFINITY,
  within,
}: Partial<SizePromise>): SizePromise | undefined {
  const first = Math.max(least === 0 ? 0 : 1, Math.ceil(least / multiple)) * multiple;
  const last = Number.isFinite(most) ? Math.floor(most / multiple) * multiple : most;
  return first <= last ? { multiple, least: first, most: last, ...(within && { within }) } : undefined;
}

export function keepsPromise({ multiple, least, most }: SizePromise, size: number): boolean {
  return size % multiple === 0 && size >= least && size <= most;
}

/** The parts of a promise as conditions on `name`, as the language writes them; none where nothing is promised. */
export function promiseTexts(name: string, { multiple, least, most, within }: SizePromise): readonly string[] {
  // A symbol of the run begins at 0, a user's at 1 unless it is told.
  const starts = name.startsWith('?') ? 0 : multiple;
  return [
    ...(multiple > 1 ? [`${name} % ${multiple} == 0`] : []),
    ...(least > starts || (least === 0 && starts > 0) ? [`${name} >= ${least}`] : []),
    ...(within ? [`${name} <= ${within}`] : Number.isFinite(most) ? [`${name} <= ${most}`] : []),
  ];
}

/** The largest size up to `size` that keeps a promise, or the least of all, and the one behind it. */
export function keptNear({ multiple, least, most }: SizePromise, size: number): readonly number[] {
  const below = Math.min(most, Math.max(least, Math.floor(size / multiple) * multiple));
  return below + multiple <= most ? [below, below + multiple] : [below];
}
