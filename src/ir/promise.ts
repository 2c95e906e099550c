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

/** Whether a symbol is a size that only the run knows: `?nonzero`. No name of a user or of a file begins so. */
export function isOfRun(name: string): boolean {
  return name.startsWith('?');
}

/** What a symbol of these multiples is at least where nothing more is told: a size of the run may be 0. */
export function leastUntold(name: string, multiple = 1): number {
  return isOfRun(name) ? 0 : multiple;
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
  return [
    ...(multiple > 1 ? [`${name} % ${multiple} == 0`] : []),
    ...(least === leastUntold(name, multiple) ? [] : [`${name} >= ${least}`]),
    ...(within ? [`${name} <= ${within}`] : Number.isFinite(most) ? [`${name} <= ${most}`] : []),
  ];
}

/** The largest size up to `size` that keeps a promise, or the least of all, and the one behind it. */
export function keptNear({ multiple, least, most }: SizePromise, size: number): readonly number[] {
  const below = Math.min(most, Math.max(least, Math.floor(size / multiple) * multiple));
  return below + multiple <= most ? [below, below + multiple] : [below];
}
