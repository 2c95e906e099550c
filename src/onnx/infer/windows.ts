/**
 * How many windows an ONNX convolution or pool has along an axis: the formulas of the registry's `conv` and pools
 * (`ops/window.ts`), with ONNX's `auto_pad` and `ceil_mode` on top. Source: onnx/onnx, docs/Operators.md; onnxruntime,
 * core/providers/common.h (ComputePad, ComputeOutputSize).
 */
import { outside } from '../../diagnostics/at.ts';
import type { Dim } from '../../ir/dim.ts';
import { windowCount, windowExtent } from '../../ops/window.ts';
import { AttributeError, type NodeAttributes } from '../node-attributes.ts';
import { type InferenceContext, sizeBy } from './context.ts';
import type { PartialDims } from './partial-type.ts';

/** Windows along one axis. */
export interface AxisWindows {
  /** Undefined where only the run knows it. */
  readonly kernel: number | undefined;
  readonly stride: number;
  readonly dilation: number;
  readonly begin: number;
  readonly end: number;
}

/** As many numbers as there are axes, or nothing that runs. */
export function perAxis(attributes: NodeAttributes, name: string, axes: number, otherwise: number): readonly number[] {
  const given = attributes.ints(name) ?? Array.from({ length: axes }, () => otherwise);
  if (given.length !== axes) throw new AttributeError(`${name} has ${given.length} numbers for ${axes} axes`);
  return given;
}

/** Begins, then ends; none where `auto_pad` says so. */
export function padsOf(attributes: NodeAttributes, axes: number): readonly number[] {
  if (attributes.string('auto_pad', 'NOTSET') !== 'NOTSET') return Array.from({ length: 2 * axes }, () => 0);
  return perAxis(attributes, 'pads', 2 * axes, 0);
}

export function windowsOf(
  { attributes }: InferenceContext,
  axes: number,
  kernel: readonly (number | undefined)[],
): readonly AxisWindows[] {
  const stride = perAxis(attributes, 'strides', axes, 1);
  const dilation = perAxis(attributes, 'dilations', axes, 1);
  const pads = padsOf(attributes, axes);
  return stride.map((step, axis) => ({
    kernel: kernel[axis],
    stride: step,
    dilation: dilation[axis] ?? 1,
    begin: pads[axis] ?? outside(),
    end: pads[axes + axis] ?? outside(),
  }));
}

/**
 * With SAME_UPPER and SAME_LOWER there are ⌈L/s⌉ windows. Of a dilated one the specification counts from the first to the last
 * tap, as onnxruntime does for convolutions, and onnxruntime's pools from the taps alone.
 */
function sameCount(size: Dim, w: AxisWindows, pools: boolean): Dim | undefined {
  return pools && w.dilation !== 1 ? undefined : size.ceildiv(w.stride);
}

/**
 * ⌈(L + b + p − e)/s⌉ + 1 = ⌊(L + b + p + s − 1 − e)/s⌋ + 1, of which a last window that begins behind the input counts in some
 * runtimes and not in others. None does where p + s ≤ e, or s = 1; of a known L it can be looked up.
 */
function ceilCount(size: Dim, extent: number, { stride, begin, end }: AxisWindows): Dim | undefined {
  const count = windowCount(size, extent, stride, begin, end + stride - 1);
  if (stride === 1 || end + stride <= extent) return count;
  const [length, windows] = [size.constant, count.constant];
  return length !== undefined && windows !== undefined && (windows - 1) * stride < length + begin ? count : undefined;
}

/** The grid of windows over a grid. */
export function gridOf(c: InferenceContext, grid: PartialDims, windows: readonly AxisWindows[], pools: boolean): PartialDims {
  const mode = c.attributes.string('auto_pad', 'NOTSET');
  const ceil = pools && c.attributes.flag('ceil_mode', false);
  return grid.map((size, axis) => {
    const w = windows[axis];
    if (!size || !w || w.stride < 1) return undefined;
    if (mode.startsWith('SAME_')) return ceil ? undefined : sameCount(size, w, pools);
    if (w.kernel === undefined) return undefined;
    const extent = windowExtent(w.kernel, w.dilation);
    if (ceil) return ceilCount(size, extent, w);
    return sizeBy(() => windowCount(size, extent, w.stride, w.begin, w.end));
  });
}
