/**
 * How operators follow when the axes of their operands stand elsewhere: axis i at place[i]. See `Axes` in `src/ir/operator.ts`.
 */
import type { Attrs, AxesMoved } from '../ir/operator.ts';
import { boolAttr, dimsAttr, given, numberAttr, numbersAttr } from './attrs.ts';

type Place = readonly number[];

const fromFront = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);
const movedAxis = (axis: number, place: Place): number => given(place, fromFront(axis, place.length));

/** One attribute `axis`; the result has it as well. */
export function alongAxis(attrs: Attrs, place: Place): AxesMoved {
  return { attrs: { ...attrs, axis: movedAxis(numberAttr(attrs, 'axis'), place) }, same: false };
}

/** The axes that are left keep their order, so that a result without the others comes out as before. */
function keepsRest(reduced: readonly number[], place: Place): boolean {
  const gone = new Set(reduced.map((axis) => fromFront(axis, place.length)));
  const rest = place.filter((_, axis) => !gone.has(axis));
  return rest.every((to, i) => i === 0 || to > given(rest, i - 1));
}

/** Reduces an attribute `axes`, all where it is empty. */
export function reducedAxes(attrs: Attrs, place: Place): AxesMoved | undefined {
  const axes = numbersAttr(attrs, 'axes');
  const same = !boolAttr(attrs, 'keepdims');
  if (same && axes.length > 0 && !keepsRest(axes, place)) return undefined;
  return { attrs: { ...attrs, axes: axes.map((axis) => movedAxis(axis, place)) }, same };
}

/** Reduces one attribute `axis`. */
export function reducedAxis(attrs: Attrs, place: Place): AxesMoved | undefined {
  const same = !boolAttr(attrs, 'keepdims');
  if (same && !keepsRest([numberAttr(attrs, 'axis')], place)) return undefined;
  return { ...alongAxis(attrs, place), same };
}

/** An attribute `axes` beside others that follow its order; the result has all of them. */
export function namedAxes(attrs: Attrs, place: Place): AxesMoved {
  return { attrs: { ...attrs, axes: numbersAttr(attrs, 'axes').map((axis) => movedAxis(axis, place)) }, same: false };
}

/** An attribute `pads`: begins of all axes, then ends. */
export function paddedAxes(attrs: Attrs, place: Place): AxesMoved {
  const pads = dimsAttr(attrs, 'pads');
  const out = [...pads];
  for (const [axis, to] of place.entries()) {
    out[to] = given(pads, axis);
    out[to + place.length] = given(pads, axis + place.length);
  }
  return { attrs: { ...attrs, pads: out }, same: false };
}
