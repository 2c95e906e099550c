/**
 * What the numbers of an input or output lie in: `in 0..1 mean=[…] std=[…]`. `low` and `high` are the least and the largest value
 * before the normalisation (v - mean) / std, both of which belong to it; `mean` and `std` have one number, or one per channel.
 */
import { numberText } from './content-text.ts';
import { factOf } from './elem.ts';
import { type ElemType, isFloat, type TensorType } from './types.ts';

/** What the elements of an input or output lie in: `low` and `high` belong to it; then an input holds (v - mean) / std. */
export interface ValueRange {
  readonly low: number;
  readonly high: number;
  /** One number, or one per channel; 0 when left out. */
  readonly mean?: readonly number[];
  /** Likewise; 1 when left out. */
  readonly std?: readonly number[];
}

/**
 * The least and the largest finite number of each element type, of whole numbers those that a double tells from their neighbours.
 */
const extremes = factOf(({ float, integers: [low, high] = [0, 0] }): readonly [low: number, high: number] =>
  float ? [-float.largest, float.largest] : [Math.max(low, Number.MIN_SAFE_INTEGER), Math.min(high, Number.MAX_SAFE_INTEGER)],
);

/**
 * The axis that `mean` and `std` go along. Pictures have 1 or 3 channels, in front of the grid where both are possible, or behind
 * it; everything else has its channels at axis 1, or 0 where there is no other.
 */
export function channelAxis(type: TensorType): number {
  const { dims } = type;
  const rank = dims.length;
  const pictures = (axis: number): boolean => dims[axis]?.constant === 3 || dims[axis]?.constant === 1;
  if (rank === 3 || rank === 4) {
    const [before, behind] = [rank - 3, rank - 1];
    if (pictures(before) && !(dims[behind]?.constant === 3 && dims[before]?.constant === 1)) return before;
    if (pictures(behind)) return behind;
  }
  return rank > 1 ? 1 : 0;
}

/** The range nearest to this one that an element type has room for: ends in order, whole where they must be. */
export function fittingRange(elem: ElemType, { low, high }: ValueRange): ValueRange {
  const [least, most] = extremes[elem];
  const whole = (x: number, up: boolean): number => (isFloat(elem) ? x : up ? Math.ceil(x) : Math.floor(x));
  const inside = (x: number): number => Math.min(most, Math.max(least, x));
  const [from, to] = [inside(whole(Math.min(low, high), false)), inside(whole(Math.max(low, high), true))];
  return { low: from, high: from === to ? Math.min(most, to + 1) : to };
}

/** What is wrong with a range for a type, as found and expected; undefined where nothing is. */
export function rangeProblem(
  type: TensorType,
  range: ValueRange,
): { readonly part: 'range' | 'mean' | 'std'; readonly found: string; readonly expected: string } | undefined {
  const { elem } = type;
  const { low, high } = range;
  const wrong = (part: 'range' | 'mean' | 'std', found: string, expected: string) => ({ part, found, expected });
  if (type.foreign || elem === 'bool') return wrong('range', type.foreign ? type.foreign.text : 'bool', 'numbers');
  if (isFloat(elem) ? !(low < high) : !(low <= high))
    return wrong('range', `${rangeText({ low, high })}, an empty range`, 'the lower end before a higher one');
  if (!isFloat(elem) && !(Number.isSafeInteger(low) && Number.isSafeInteger(high)))
    return wrong('range', rangeText({ low, high }), `whole numbers, for ${elem}`);
  const [least, most] = extremes[elem];
  if (low < least || high > most)
    return wrong('range', rangeText({ low, high }), `numbers that ${elem} holds: ${numberText(least)} to ${numberText(most)}`);
  for (const part of ['mean', 'std'] as const) {
    const list = range[part];
    if (!list) continue;
    if (!isFloat(elem)) return wrong(part, `${part} for ${elem}`, 'a range alone: whole numbers are not normalised');
    const channels = type.dims[channelAxis(type)];
    const count = channels?.constant;
    if (list.length !== 1 && list.length !== count)
      return wrong(part, `${list.length} numbers`, count === undefined || count === 1 ? '1' : `1, or ${count} for the channels`);
    if (part === 'std' && list.some((v) => !(v > 0)))
      return wrong(part, `[${list.map(numberText).join(', ')}]`, 'numbers above 0');
    if (list.some((v) => !Number.isFinite(v))) return wrong(part, `[${list.map(numberText).join(', ')}]`, 'finite numbers');
  }
  return undefined;
}

/** `0..1 mean=[0.5] std=[0.25]`, as the source and the text form of graphs write it. */
export function rangeText({ low, high, mean, std }: ValueRange): string {
  const option = (name: string, list: readonly number[] | undefined): string =>
    list ? ` ${name}=[${list.map(numberText).join(', ')}]` : '';
  return `${numberText(low)}..${numberText(high)}${option('mean', mean)}${option('std', std)}`;
}
