/**
 * Sliding windows over a grid, which convolutions and pools share: how many there are, which elements each one covers, and how
 * a user says them. Axis by axis a window has `kernel` taps, `dilation` apart; windows start `stride` apart, the first one
 * `begin` in front of the grid.
 */
import { outside } from '../diagnostics/at.ts';
import { Dim } from '../ir/dim.ts';
import type { Value } from '../ir/graph.ts';
import type { Check, WindowAttrs } from '../ir/operator.ts';
import { type TensorType, typeText } from '../ir/types.ts';
import type { LayerBuilder } from './define.ts';

/** From the first to the last tap of a window. */
export function windowExtent(kernel: number, dilation: number): number {
  return dilation * (kernel - 1) + 1;
}

/** ⌊(size + begin + end − extent) / stride⌋ + 1, as ONNX and PyTorch have it. */
export function windowCount(size: Dim, extent: number, stride: number, begin: number, end: number): Dim {
  return size
    .plus(begin + end - extent)
    .floordiv(stride)
    .plus(1);
}

/** (size − 1) · stride + reach − cut, of a transposed convolution whose kernel and output padding reach that far. */
export function transposedCount(size: Dim, reach: number, stride: number, cut: number): Dim {
  return size
    .minus(1)
    .times(stride)
    .plus(reach - cut);
}

/** The grid of windows. A grid that is smaller than the window for every value of its symbols fails the check. */
export function windowGrid(x: TensorType, w: WindowAttrs, check: Check, label: string): readonly Dim[] {
  const grid = x.dims.slice(2);
  return grid.map((size, axis) => {
    const begin = w.pads[axis] ?? outside();
    const end = w.pads[grid.length + axis] ?? outside();
    const extent = windowExtent(w.kernel[axis] ?? 1, w.dilation[axis] ?? 1);
    const fits = Dim.of(extent).atMost(size.plus(begin + end)) !== 'no';
    if (fits) return windowCount(size, extent, w.stride[axis] ?? 1, begin, end);
    const padded = begin + end > 0 ? `, ${size.plus(begin + end)} with its padding` : '';
    check(
      label,
      false,
      `a window of ${extent} on spatial axis ${axis} of ${typeText(x)}, which is ${size}${padded}`,
      'a window that fits into the padded input',
      `pad=${Math.ceil((extent - (size.constant ?? 0)) / 2)}`,
    );
    return windowCount(size, extent, w.stride[axis] ?? 1, begin, end);
  });
}

/** Sizes of the grid with the elements, of the grid of windows, and the geometry between them. */
export interface Windows {
  readonly grid: readonly number[];
  readonly positions: readonly number[];
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  readonly begins: readonly number[];
}

/**
 * For windows `from` … `from + count − 1`, in row-major order, the place of every tap in the row-major grid: that of tap t of the
 * i-th window is `out[t·count + i]`, −1 in the padding.
 */
export function windowTable(w: Windows, from: number, count: number): Int32Array {
  const rank = w.grid.length;
  const starts = new Int32Array(count * rank);
  for (let i = 0; i < count; i++) {
    let rest = from + i;
    for (let axis = rank - 1; axis >= 0; axis--) {
      const size = w.positions[axis] ?? outside();
      starts[i * rank + axis] = (rest % size) * (w.stride[axis] ?? 1) - (w.begins[axis] ?? outside());
      rest = Math.floor(rest / size);
    }
  }
  const taps = w.kernel.reduce((n, k) => n * k, 1);
  const grid = Int32Array.from(w.grid);
  const shift = new Int32Array(rank);
  const out = new Int32Array(taps * count);
  for (let tap = 0; tap < taps; tap++) {
    let rest = tap;
    for (let axis = rank - 1; axis >= 0; axis--) {
      const size = w.kernel[axis] ?? 1;
      shift[axis] = (rest % size) * (w.dilation[axis] ?? 1);
      rest = Math.floor(rest / size);
    }
    for (let i = 0; i < count; i++) {
      let place = 0;
      for (let axis = 0; axis < rank; axis++) {
        const size = grid[axis] ?? outside();
        const at = (starts[i * rank + axis] ?? outside()) + (shift[axis] ?? outside());
        if (at < 0 || at >= size) {
          place = -1;
          break;
        }
        place = place * size + at;
      }
      out[tap * count + i] = place;
    }
  }
  return out;
}

/** Windows to look up at once, so that a table stays below 4 Mi entries. */
export function windowStripe(taps: number, positions: number): number {
  return Math.max(1, Math.min(positions, Math.floor(2 ** 22 / Math.max(1, taps))));
}

/** `3x3`, or `7` for one axis: as the language writes sizes. */
export function sizeText(size: readonly number[]): string {
  return size.join('x');
}

/** The spatial axes of a layer's input [N, channels, ...grid], of which there must be at least one. */
export function spatialAxes(b: LayerBuilder, x: Value, layer: string): number {
  const axes = x.type.dims.length - 2;
  b.check('l1', axes >= 1, typeText(x.type), `${layer} takes [N, channels, ...grid] with at least one spatial axis`);
  return axes;
}

/** One number holds for every axis; otherwise there must be one per axis. */
export function spreadAxes(b: LayerBuilder, name: string, given: readonly number[], x: Value): readonly number[] {
  const axes = x.type.dims.length - 2;
  const [only] = given;
  if (given.length === 1 && only !== undefined) return Array.from({ length: axes }, () => only);
  const expected = `one number, or one for each of the ${axes} spatial axes of ${typeText(x.type)}`;
  b.check('l2', given.length === axes, `${name} ${sizeText(given)} for ${given.length} axes`, expected);
  return given;
}

/** A number, one per axis, or begins then ends, as begins then ends. */
export function spreadPads<T extends number | Dim>(b: LayerBuilder, given: readonly T[], x: Value): readonly T[] {
  const axes = x.type.dims.length - 2;
  if (given.length === 2 * axes) return given;
  const [first] = given;
  if (given.length === axes) return [...given, ...given];
  if (given.length === 1 && first !== undefined) return Array.from({ length: 2 * axes }, () => first);
  const expected = `one number, ${axes} (one per spatial axis) or ${2 * axes} (begins, then ends) for ${typeText(x.type)}`;
  b.check('l3', false, `pad=[${given.join(', ')}]`, expected);
  return given;
}
