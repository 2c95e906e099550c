/**
 * Parts of a value along one axis, as concat, slice and split make and take them (ONNX Concat-13, Slice-13, Split-13). A border
 * between two parts is the sum of the sizes before it; two borders are the same where their dimensions are the same polynomial,
 * so that sizes may be symbols.
 */
import { Dim } from '../../ir/dim.ts';
import type { Node, Value } from '../../ir/graph.ts';
import { numberAttr } from '../../ops/attrs.ts';
import { type SliceAxis, sliceAxes } from '../../ops/slice-axes.ts';
import { producerIn } from './uses.ts';

/** The axis of a concat or a split, counted from the front. */
export function joinedAxis(node: Node): number {
  const axis = numberAttr(node.attrs, 'axis');
  return axis < 0 ? axis + node.y.type.dims.length : axis;
}

/** Where parts of these sizes begin along an axis, and behind the last where they end. */
export function bordersOf(parts: readonly (Value | undefined)[], axis: number): readonly Dim[] {
  const out = [Dim.zero];
  let at = Dim.zero;
  for (const part of parts) {
    at = at.plus(part?.type.dims[axis] ?? Dim.zero);
    out.push(at);
  }
  return out;
}

export const sliceAttrs = (axes: readonly SliceAxis[]) => ({
  starts: axes.map((a) => a.start),
  ends: axes.map((a) => a.end),
  axes: axes.map((a) => a.axis),
  steps: axes.map((a) => a.step),
});

/** A value that is all of the places from `start` up to `end` of an axis of x, and of the other axes everything. */
export interface Piece {
  readonly x: Value;
  readonly start: Dim;
  readonly end: Dim;
}

/** What a slice of one axis, or a result of a split, takes along this axis. */
export function pieceOf(value: Value | undefined, reader: Node, axis: number): Piece | undefined {
  const node = producerIn(value, reader);
  if (!value || !node) return undefined;
  if (node.op.name === 'split' && joinedAxis(node) === axis) {
    const borders = bordersOf(node.results, axis);
    const index = node.results.indexOf(value);
    const [start, end] = [borders[index], borders[index + 1]];
    return start && end && { x: node.x, start, end };
  }
  if (node.op.name !== 'slice') return undefined;
  const [cut, ...others] = sliceAxes(node);
  if (!cut || others.length > 0 || cut.axis !== axis || cut.step !== 1) return undefined;
  const size = node.x.type.dims[axis];
  const end = cut.toEnd ? size : cut.end;
  // A start or an end below 0 counts from behind; an end that may lie behind the axis, or before the start, is clamped.
  const plain = size && end && cut.start.lowerBound >= 0 && cut.start.atMost(end) === 'yes' && end.atMost(size) === 'yes';
  return plain ? { x: node.x, start: cut.start, end } : undefined;
}

export const isAll = ({ x, start, end }: Piece, axis: number): boolean => start.constant === 0 && end === x.type.dims[axis];
