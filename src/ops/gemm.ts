/**
 * Matrix products in float64, for the reference evaluation of conv, conv_transpose, linear, matmul and attention. Both factors
 * are packed into panels four wide, whose blocks a `Multiplier` multiplies, because the plain triple loop spends its time on
 * loads: it takes ten times as long on a ResNet.
 */
import { outside } from '../diagnostics/at.ts';
import { blockColumns, blockRows, blockTerms, type Multiplier } from '../ir/multiplier.ts';
import { localMultiplier } from './multiplier.ts';

/** Element (i, j) stands at offset + i·rowStride + j·columnStride; a transposed matrix has the strides exchanged. */
export interface Matrix {
  readonly data: Float64Array;
  readonly offset: number;
  readonly rowStride: number;
  readonly columnStride: number;
}

/**
 * Writes rows k … k+count−1 of columns j … j+width−1 of the right factor as panels of four columns: element (k+r, j+4p+c) goes
 * to `out[(p·count + r)·4 + c]`, and zeros fill the last panel. A convolution gathers its windows here, so that the matrix of
 * all windows never exists.
 */
export type PackColumns = (k: number, count: number, j: number, width: number, out: Float64Array) => void;

/** What multiplies; made on first use. A product never begins before another has ended, so that one is enough for all. */
let current: Multiplier | undefined;

/** Multiplies with this one from now on: over several threads, where the caller has them. `undefined` for one thread. */
export function useMultiplier(by: Multiplier | undefined): void {
  current = by;
}

export const multiplierInUse = (): Multiplier | undefined => current;

/** c += a·b, where a is m × k and b is k × n. Sums are taken in order of k, in blocks of 256. */
export function gemm(m: number, n: number, k: number, a: Matrix, b: Matrix, c: Matrix): void {
  gemmPacked(m, n, k, a, packMatrix(b), c);
}

/** The same, where b is whatever the function packs. */
export function gemmPacked(m: number, n: number, k: number, a: Matrix, pack: PackColumns, c: Matrix): void {
  current ??= localMultiplier();
  const { left, right, product, multiply } = current;
  for (let j = 0; j < n; j += blockColumns) {
    const width = Math.min(blockColumns, n - j);
    const columnPanels = Math.ceil(width / 4);
    for (let l = 0; l < k; l += blockTerms) {
      const count = Math.min(blockTerms, k - l);
      pack(l, count, j, width, right);
      for (let i = 0; i < m; i += blockRows) {
        const height = Math.min(blockRows, m - i);
        packRows(a, i, height, l, count, left);
        multiply(Math.ceil(height / 4), columnPanels, count);
        addBlock(product, 4 * columnPanels, c, i, height, j, width);
      }
    }
  }
}

function packMatrix(b: Matrix): PackColumns {
  const { data, offset, rowStride, columnStride } = b;
  return (k, count, j, width, out) => {
    for (let q = 0; q < width; q += 4) {
      const live = Math.min(4, width - q);
      let to = q * count;
      for (let r = 0; r < count; r++) {
        const from = offset + (k + r) * rowStride + (j + q) * columnStride;
        for (let s = 0; s < 4; s++) out[to++] = s < live ? (data[from + s * columnStride] ?? outside()) : 0;
      }
    }
  };
}

function packRows(a: Matrix, i: number, height: number, k: number, count: number, out: Float64Array): void {
  const { data, offset, rowStride, columnStride } = a;
  for (let p = 0; p < height; p += 4) {
    const live = Math.min(4, height - p);
    let to = p * count;
    for (let r = 0; r < count; r++) {
      const from = offset + (i + p) * rowStride + (k + r) * columnStride;
      for (let s = 0; s < 4; s++) out[to++] = s < live ? (data[from + s * rowStride] ?? outside()) : 0;
    }
  }
}

function addBlock(block: Float64Array, stride: number, c: Matrix, i: number, height: number, j: number, width: number): void {
  const { data, offset, rowStride, columnStride } = c;
  for (let r = 0; r < height; r++) {
    let at = offset + (i + r) * rowStride + j * columnStride;
    const from = r * stride;
    for (let s = 0; s < width; s++) {
      data[at] = (data[at] ?? outside()) + (block[from + s] ?? outside());
      at += columnStride;
    }
  }
}
