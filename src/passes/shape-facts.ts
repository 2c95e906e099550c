/** What rules need to know of slices, pads and pools that only choose places. Every answer is one that the types show; else undefined. */
import { Dim } from '../ir/dim.ts';
import type { Node } from '../ir/graph.ts';
import { dimsAttr, numberAttr, numbersAttr, stringAttr } from '../ops/attrs.ts';
import { toTheEnd } from '../ops/shape.ts';

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

/** A bound that counts from the end of a known size, counted from its beginning. Backwards, one before the first place has no such name. */
function fromFront(bound: Dim | undefined, size: Dim | undefined, step: number): Dim | undefined {
  const [n, count] = [bound?.constant, size?.constant];
  return n !== undefined && n < 0 && count !== undefined && step > 0 ? Dim.of(Math.max(0, n + count)) : bound;
}

/** The slice takes its input whole. */
export function isWholeSlice(node: Node): boolean {
  return sliceAxes(node).every(({ start, step, toEnd }) => start.constant === 0 && step === 1 && toEnd);
}

/** Steps along the grid of a max pool with a window of one, or of a slice of every s-th place from the first on; not all of them 1. */
export function subsampleOf(node: Node): readonly number[] | undefined {
  const rank = node.operand(0)?.type.dims.length ?? 0;
  if (rank < 3) return undefined;
  if (node.op.name === 'maxpool') {
    const window =
      numbersAttr(node.attrs, 'kernel').every((k) => k === 1) && numbersAttr(node.attrs, 'pads').every((n) => n === 0);
    const stride = numbersAttr(node.attrs, 'stride');
    return window && stride.some((n) => n > 1) ? stride : undefined;
  }
  if (node.op.name !== 'slice') return undefined;
  const steps: number[] = new Array(rank - 2).fill(1);
  for (const { axis, start, step, toEnd } of sliceAxes(node)) {
    if (start.constant !== 0 || !toEnd) return undefined;
    if (axis < 2 && step !== 1) return undefined;
    if (axis >= 2) steps[axis - 2] = step;
  }
  return steps.some((n) => n > 1) ? steps : undefined;
}

/** Zeros around, begins then ends of every axis; undefined for other modes and other values. */
export function zeroPads(node: Node): readonly number[] | undefined {
  if (node.op.name !== 'pad' || stringAttr(node.attrs, 'mode') !== 'constant' || numberAttr(node.attrs, 'value') !== 0)
    return undefined;
  return numbersAttr(node.attrs, 'pads');
}
