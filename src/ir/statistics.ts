/** Numbers about the elements of a tensor, of all of them or of as many as were looked at. */
export interface Statistics {
  /** Elements that were looked at. */
  readonly of: number;
  readonly least: number;
  readonly most: number;
  readonly mean: number;
  readonly deviation: number;
  readonly zeros: number;
  /** Elements that are no finite number; the other figures leave them out. */
  readonly notFinite: number;
  /** Counts of equal bins from the least to the most. */
  readonly bins: readonly number[];
}
