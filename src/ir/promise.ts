/** What a model promises of the sizes that a symbol may have: `assert H % 16 == 0`, `assert L >= 101`, `assert L <= 512`. */

export interface SizePromise {
  /** Divides every size. */
  readonly multiple: number;
  /** A multiple, and at least 1, but for symbols of which only the run knows the size (`?`), which may be 0. */
  readonly least: number;
  /** A multiple, or infinite. */
  readonly most: number;
}

/** A size is at least 1. */
export const noPromise: SizePromise = { multiple: 1, least: 1, most: Number.POSITIVE_INFINITY };

/** A promise with its ends at multiples; undefined where no size keeps it. */
export function promiseOf({
  multiple = 1,
  least = 1,
  most = Number.POSITIVE_INFINITY,
}: Partial<SizePromise>): SizePromise | undefined {
  const first = Math.max(1, Math.ceil(least / multiple)) * multiple;
  const last = Number.isFinite(most) ? Math.floor(most / multiple) * multiple : most;
  return first <= last ? { multiple, least: first, most: last } : undefined;
}

export function keepsPromise({ multiple, least, most }: SizePromise, size: number): boolean {
  return size % multiple === 0 && size >= least && size <= most;
}

/** The parts of a promise as conditions on `name`, as the language writes them; none where nothing is promised. */
export function promiseTexts(name: string, { multiple, least, most }: SizePromise): readonly string[] {
  return [
    ...(multiple > 1 ? [`${name} % ${multiple} == 0`] : []),
    ...(least > multiple ? [`${name} >= ${least}`] : []),
    ...(Number.isFinite(most) ? [`${name} <= ${most}`] : []),
  ];
}

/** The largest size up to `size` that keeps a promise, or the least of all, and the one behind it. */
export function keptNear({ multiple, least, most }: SizePromise, size: number): readonly number[] {
  const below = Math.min(most, Math.max(least, Math.floor(size / multiple) * multiple));
  return below + multiple <= most ? [below, below + multiple] : [below];
}
