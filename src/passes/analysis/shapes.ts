/**
 * What rules need to know of pads, and of slices and pools that only choose places. Every answer is one that the types show; else
 * undefined.
 */
import { knownSizes } from '../../ir/dim.ts';
import type { Node } from '../../ir/graph.ts';
import { boolAttr, dimsAttr, numberAttr, numbersAttr, stringAttr } from '../../ops/attrs.ts';
import { axesOrAll } from '../../ops/common.ts';
import { sliceAxes } from '../../ops/slice-axes.ts';
import { operatorsThat } from './operators.ts';

/** The axes that a reduction reduces, in the order of x. */
export const reducedAxesOf = (node: Node): readonly number[] =>
  axesOrAll(numbersAttr(node.attrs, 'axes'), node.x.type.dims.length);

/** Operators that give elements another shape and do nothing else. */
export const reshaping = operatorsThat('reshaping', ({ traits }) => traits.keepsOrder === true && traits.elementwise !== true);

/**
 * Steps along the grid of a max pool with a window of one, or of a slice of every s-th place from the first on; not all of them
 * 1.
 */
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

/** Zeros around, begins then ends of every axis; undefined for other modes and values, and for sizes that only the run knows. */
export function zeroPads(node: Node): readonly number[] | undefined {
  if (node.op.name !== 'pad' || stringAttr(node.attrs, 'mode') !== 'constant' || numberAttr(node.attrs, 'value') !== 0)
    return undefined;
  return knownSizes(dimsAttr(node.attrs, 'pads'));
}

/** An average of what lies in its windows alone: it does not pad, or does not count the zeros. */
export const countsNoPadding = ({ attrs }: Node): boolean =>
  attrs.count_include_pad === undefined ||
  !boolAttr(attrs, 'count_include_pad') ||
  numbersAttr(attrs, 'pads').every((n) => n === 0);

/** Gives the elements other places, and leaves none out: a reshape of any kind, or a transpose. */
export const isView = ({ op }: Node): boolean => op.traits.keepsOrder === true || op.name === 'transpose';
