/**
 * Numbers about the elements of a tensor: range, mean, deviation and a histogram, of all elements or of pieces spread over it.
 */
import { outside } from '../diagnostics/at.ts';
import { roundTo } from '../ir/round.ts';
import type { Statistics } from '../ir/statistics.ts';
import type { WeightExpr } from './expr.ts';

/** Elements that are computed at a time. */
const piece = 32_768;
const binCount = 32;

/**
 * Statistics of at most so many elements: all of them, or pieces at equal distances. Elements are rounded to the type, as they
 * are written. Throws RES0530 for an integer beyond 2^53.
 */
export async function statisticsOf(expr: WeightExpr, mostElements: number): Promise<Statistics> {
  const pieces = Math.max(1, Math.ceil(Math.min(expr.count, mostElements) / piece));
  const length = Math.min(expr.count, piece);
  const whole = pieces * piece >= expr.count;
  const starts = Array.from({ length: pieces }, (_, i) =>
    whole || pieces === 1 ? i * piece : Math.floor((i * (expr.count - length)) / (pieces - 1)),
  );
  const buffer = new Float64Array(length);
  const read = async (start: number): Promise<Float64Array> => {
    const out = buffer.subarray(0, Math.min(length, expr.count - start));
    await expr.fill(start, out);
    roundTo(expr.elem, out);
    return out;
  };
  let [of, zeros, notFinite, mean, squares] = [0, 0, 0, 0, 0];
  let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const start of starts) {
    for (const x of await read(start)) {
      of++;
      if (!Number.isFinite(x)) {
        notFinite++;
        continue;
      }
      if (x === 0) zeros++;
      if (x < least) least = x;
      if (x > most) most = x;
      // Welford's update, which loses nothing where the mean is far from 0.
      const before = x - mean;
      mean += before / (of - notFinite);
      squares += before * (x - mean);
    }
  }
  const finite = of - notFinite;
  if (finite === 0) return { of, least: 0, most: 0, mean: 0, deviation: 0, zeros, notFinite, bins: [] };
  const bins = new Array<number>(least === most ? 1 : binCount).fill(0);
  const scale = least === most ? 0 : bins.length / (most - least);
  for (const start of starts) {
    for (const x of await read(start)) {
      if (!Number.isFinite(x)) continue;
      const at = Math.min(bins.length - 1, Math.floor((x - least) * scale));
      bins[at] = (bins[at] ?? outside()) + 1;
    }
  }
  return { of, least, most, mean, deviation: Math.sqrt(squares / finite), zeros, notFinite, bins };
}
