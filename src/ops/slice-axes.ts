/** What a slice takes of each axis. Every answer is one that the types show; else undefined. */
import { Dim } from '../ir/dim.ts';
import type { Node } from '../ir/graph.ts';
import { dimsAttr, numbersAttr } from './attrs.ts';

/** As an end of a slice: to the end of the axis, however long it is (or, stepping backwards and negated, past its beginning). */
export const toTheEnd = Number.MAX_SAFE_INTEGER;

/** One axis of a slice: from `start` up to the end of the axis where `toEnd` holds, every `step`-th. */
export interface SliceAxis {
  readonly axis: number;
  readonly start: Dim;
  readonly end: Dim;
  readonly step: number;
  readonly toEnd: boolean;
}

/** Whether an end is at or behind the end of the axis. */
function reaches(end: Dim, size: Dim): boolean {
  return (end.constant !== undefined && end.constant >= toTheEnd) || size.atMost(end) === 'yes';
}

/** The axes that a slice names, counted from the front; `toEnd` only where that is certain. */
export function sliceAxes(node: Node): readonly SliceAxis[] {
  const { dims } = node.x.type;
  const starts = dimsAttr(node.attrs, 'starts');
  const ends = dimsAttr(node.attrs, 'ends');
  const steps = numbersAttr(node.attrs, 'steps');
  const named = numbersAttr(node.attrs, 'axes');
  const axes = named.length === 0 ? starts.map((_, i) => i) : named;
  const out: SliceAxis[] = [];
  for (const [i, given] of axes.entries()) {
    const axis = given < 0 ? given + dims.length : given;
    const size = dims[axis];
    const step = steps.length === 0 ? 1 : (steps[i] ?? 1);
    const start = fromFront(starts[i], size, step);
    const end = fromFront(ends[i], size, step);
    if (start && end && size) out.push({ axis, start, end, step, toEnd: step > 0 && reaches(end, size) });
  }
  return out;
}

/**
 * A bound that counts from the end of a known size, counted from its beginning. Backwards, one before the first place has no such
 * name.
 */
function fromFront(bound: Dim | undefined, size: Dim | undefined, step: number): Dim | undefined {
  const [n, count] = [bound?.constant, size?.constant];
  return n !== undefined && n < 0 && count !== undefined && step > 0 ? Dim.of(Math.max(0, n + count)) : bound;
}

/** The slice takes its input whole. */
export function isWholeSlice(node: Node): boolean {
  return sliceAxes(node).every(({ start, step, toEnd }) => start.constant === 0 && step === 1 && toEnd);
}
