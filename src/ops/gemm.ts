/**
 * Matrix products in float64, for the reference evaluation of conv, conv_transpose, linear and matmul. Both factors are packed
 * into panels four wide and multiplied by a 4 × 4 tile whose sums stay in registers (Goto and van de Geijn 2008, §4), because
 * the plain triple loop spends its time on loads: it takes ten times as long on a ResNet.
 */

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

/** Rows of the left factor, terms of the sum, and columns of the right factor in one block: 128 KiB and 1 MiB packed. */
const blockRows = 64;
const blockTerms = 256;
const blockColumns = 512;

/** c += a·b, where a is m × k and b is k × n. Sums are taken in order of k, in blocks of 256. */
export function gemm(m: number, n: number, k: number, a: Matrix, b: Matrix, c: Matrix): void {
  gemmPacked(m, n, k, a, packMatrix(b), c);
}

/** The same, where b is whatever the function packs. */
export function gemmPacked(m: number, n: number, k: number, a: Matrix, pack: PackColumns, c: Matrix): void {
  const terms = Math.min(k, blockTerms);
  const panelsA = new Float64Array(Math.ceil(Math.min(m, blockRows) / 4) * 4 * terms);
  const panelsB = new Float64Array(Math.ceil(Math.min(n, blockColumns) / 4) * 4 * terms);
  const tile = new Float64Array(16);
  for (let j = 0; j < n; j += blockColumns) {
    const width = Math.min(blockColumns, n - j);
    for (let l = 0; l < k; l += blockTerms) {
      const count = Math.min(blockTerms, k - l);
      pack(l, count, j, width, panelsB);
      for (let i = 0; i < m; i += blockRows) {
        const height = Math.min(blockRows, m - i);
        packRows(a, i, height, l, count, panelsA);
        for (let q = 0; q < width; q += 4) {
          for (let p = 0; p < height; p += 4) {
            multiplyPanels(count, panelsA, p * count, panelsB, q * count, tile);
            addTile(tile, c, i + p, Math.min(4, height - p), j + q, Math.min(4, width - q));
          }
        }
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
        for (let s = 0; s < 4; s++) out[to++] = s < live ? (data[from + s * columnStride] ?? 0) : 0;
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
      for (let s = 0; s < 4; s++) out[to++] = s < live ? (data[from + s * rowStride] ?? 0) : 0;
    }
  }
}

function addTile(tile: Float64Array, c: Matrix, i: number, height: number, j: number, width: number): void {
  const { data, offset, rowStride, columnStride } = c;
  for (let r = 0; r < height; r++) {
    let at = offset + (i + r) * rowStride + j * columnStride;
    for (let s = 0; s < width; s++) {
      data[at] = (data[at] ?? 0) + (tile[r * 4 + s] ?? 0);
      at += columnStride;
    }
  }
}

/** The 4 × 4 block of sums over `count` terms. `?? 0` costs nothing in compiled code and satisfies the type checker. */
function multiplyPanels(count: number, a: Float64Array, atA: number, b: Float64Array, atB: number, out: Float64Array): void {
  let s00 = 0;
  let s01 = 0;
  let s02 = 0;
  let s03 = 0;
  let s10 = 0;
  let s11 = 0;
  let s12 = 0;
  let s13 = 0;
  let s20 = 0;
  let s21 = 0;
  let s22 = 0;
  let s23 = 0;
  let s30 = 0;
  let s31 = 0;
  let s32 = 0;
  let s33 = 0;
  const end = atA + count * 4;
  let i = atA;
  let j = atB;
  for (; i < end; i += 4, j += 4) {
    const b0 = b[j] ?? 0;
    const b1 = b[j + 1] ?? 0;
    const b2 = b[j + 2] ?? 0;
    const b3 = b[j + 3] ?? 0;
    const a0 = a[i] ?? 0;
    s00 += a0 * b0;
    s01 += a0 * b1;
    s02 += a0 * b2;
    s03 += a0 * b3;
    const a1 = a[i + 1] ?? 0;
    s10 += a1 * b0;
    s11 += a1 * b1;
    s12 += a1 * b2;
    s13 += a1 * b3;
    const a2 = a[i + 2] ?? 0;
    s20 += a2 * b0;
    s21 += a2 * b1;
    s22 += a2 * b2;
    s23 += a2 * b3;
    const a3 = a[i + 3] ?? 0;
    s30 += a3 * b0;
    s31 += a3 * b1;
    s32 += a3 * b2;
    s33 += a3 * b3;
  }
  out[0] = s00;
  out[1] = s01;
  out[2] = s02;
  out[3] = s03;
  out[4] = s10;
  out[5] = s11;
  out[6] = s12;
  out[7] = s13;
  out[8] = s20;
  out[9] = s21;
  out[10] = s22;
  out[11] = s23;
  out[12] = s30;
  out[13] = s31;
  out[14] = s32;
  out[15] = s33;
}
