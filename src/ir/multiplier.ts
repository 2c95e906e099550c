/**
 * Multiplies packed blocks of matrices in float64: what the reference evaluation of convolutions and products spends its time on.
 */
export interface Multiplier {
  /**
   * Room for `blockRows` × `blockTerms` numbers of the left factor in panels of four rows: element (4p + r, t) at (p·terms + t)·4
   * + r.
   */
  readonly left: Float64Array;
  /**
   * Room for `blockTerms` × `blockColumns` of the right factor in panels of four columns: element (t, 4q + s) at (q·terms + t)·4
   * + s.
   */
  readonly right: Float64Array;
  /** The product, row by row, 4·columnPanels numbers each. */
  readonly product: Float64Array;
  /** product = left · right; each sum is taken in order of the terms, from 0. All three counts are at least 1. */
  multiply(rowPanels: number, columnPanels: number, terms: number): void;
}

/** Rows of the left factor, terms of the sum, and columns of the right factor in one block: 256 KiB, 1 MiB and 512 KiB. */
export const blockRows = 128;
export const blockTerms = 256;
export const blockColumns = 512;
