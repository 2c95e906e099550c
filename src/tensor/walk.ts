/** Walks over row-major index spaces: how the elements of a transposed, cut or broadcast tensor lie in the data of another. */
import { outside } from '../diagnostics/at.ts';
import type { Dense } from './pieces.ts';

/** A walk over a row-major index space: one stride into the data per axis; neighbouring axes that step alike are merged. */
export interface Walk {
  readonly sizes: readonly number[];
  readonly strides: readonly number[];
}
export function walkOf(dims: readonly number[], strides: readonly number[]): Walk {
  const outSizes: number[] = [];
  const outStrides: number[] = [];
  dims.forEach((size, axis) => {
    if (size === 1) return;
    const stride = strides[axis] ?? outside();
    const last = outSizes.length - 1;
    if (last >= 0 && outStrides[last] === stride * size) {
      outSizes[last] = (outSizes[last] ?? outside()) * size;
      outStrides[last] = stride;
    } else {
      outSizes.push(size);
      outStrides.push(stride);
    }
  });
  return { sizes: outSizes, strides: outStrides };
}
/** Where element `index` of a walk lies in the data. */
export function offsetAt(walk: Walk, index: number): number {
  let rest = index;
  let place = 0;
  for (let axis = walk.sizes.length - 1; axis >= 0; axis--) {
    const size = walk.sizes[axis] ?? outside();
    const at = rest % size;
    place += at * (walk.strides[axis] ?? outside());
    rest = (rest - at) / size;
  }
  return place;
}
/** Copies elements [start, start + out.length) of a walk; `base` is where the walk's element 0 lies in `data`. */
export function gather(data: Dense, base: number, walk: Walk, start: number, out: Float64Array): void {
  const { sizes, strides } = walk;
  const outer = sizes.length - 1;
  if (outer < 0) {
    out.fill(data[base] ?? outside());
    return;
  }
  const inner = sizes[outer] ?? outside();
  const step = strides[outer] ?? outside();
  const counters: number[] = [];
  let at = start % inner;
  let rest = (start - at) / inner;
  let offset = base;
  for (let axis = outer - 1; axis >= 0; axis--) {
    const size = sizes[axis] ?? outside();
    const counter = rest % size;
    counters[axis] = counter;
    offset += counter * (strides[axis] ?? outside());
    rest = (rest - counter) / size;
  }
  for (let done = 0; done < out.length; ) {
    const run = Math.min(inner - at, out.length - done);
    let from = offset + at * step;
    if (step === 0) out.fill(data[from] ?? outside(), done, done + run);
    else if (step === 1 && run >= 32) out.set(data.subarray(from, from + run), done);
    else {
      for (let i = done; i < done + run; i++) {
        out[i] = data[from] ?? outside();
        from += step;
      }
    }
    done += run;
    at = 0;
    for (let axis = outer - 1; axis >= 0; axis--) {
      const size = sizes[axis] ?? outside();
      const stride = strides[axis] ?? outside();
      const counter = (counters[axis] ?? outside()) + 1;
      offset += stride;
      if (counter < size) {
        counters[axis] = counter;
        break;
      }
      offset -= stride * size;
      counters[axis] = 0;
    }
  }
}

export function sameDims(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((d, i) => d === b[i]);
}
