/**
 * What ONNX operators ask of the numbers of their operands beyond their types, for random inputs of a model. Of operators of the
 * registry the same stands on the operator (`range` and `indexes` of an operand, the trait `moves`).
 */
import type { NumberRange } from '../ir/operator.ts';

/**
 * The operand holds indices into another one: along which of its axes (any of them where nothing is said), counted from `low`.
 */
export interface TableDemand {
  readonly operand: number;
  readonly axis?: number;
  readonly low?: number;
}

interface Demands {
  /** Its results are elements of its first operand, or of all. */
  readonly passes?: 'first' | 'all';
  /** By operand. */
  readonly operands?: Readonly<Record<number, NumberRange | TableDemand>>;
}

const table: TableDemand = { operand: 0 };
/** Lengths of sequences, whose longest is the first axis of x. */
const lengths: TableDemand = { operand: 0, axis: 0, low: 1 };

export const numberDemands: Readonly<Record<string, Demands>> = {
  Identity: { passes: 'first' },
  Cast: { passes: 'first' },
  Reshape: { passes: 'first' },
  Flatten: { passes: 'first' },
  Transpose: { passes: 'first' },
  Slice: { passes: 'first' },
  Squeeze: { passes: 'first' },
  Unsqueeze: { passes: 'first' },
  Expand: { passes: 'first' },
  Concat: { passes: 'all' },
  Split: { passes: 'first' },
  Gather: { passes: 'first', operands: { 1: table } },
  Tile: { passes: 'first', operands: { 1: { low: 1, high: 3 } } },
  Sqrt: { operands: { 0: { low: 0.1, high: 2 } } },
  Log: { operands: { 0: { low: 0.1, high: 2 } } },
  Div: { operands: { 1: { low: 1, high: 4 } } },
  Mod: { operands: { 1: { low: 1, high: 4 } } },
  Asin: { operands: { 0: { low: -1, high: 1 } } },
  Acos: { operands: { 0: { low: -1, high: 1 } } },
  Atanh: { operands: { 0: { low: -0.9, high: 0.9 } } },
  Acosh: { operands: { 0: { low: 1, high: 3 } } },
  Loop: { operands: { 0: { low: 1, high: 4 } } },
  BatchNormalization: { operands: { 4: { low: 0.1, high: 2 } } },
  TopK: { operands: { 1: { low: 1, high: 2 } } },
  ConstantOfShape: { operands: { 0: { low: 1, high: 4 } } },
  Resize: { operands: { 2: { low: 1, high: 3 } } },
  OneHot: { operands: { 1: { low: 2, high: 6 } } },
  NonMaxSuppression: { operands: { 2: { low: 1, high: 4 }, 3: { low: 0.2, high: 0.8 }, 4: { low: 0.2, high: 0.8 } } },
  Dropout: { operands: { 1: { low: 0, high: 0.9 } } },
  GatherElements: { operands: { 1: table } },
  GatherND: { operands: { 1: table } },
  Scatter: { operands: { 1: table } },
  ScatterElements: { operands: { 1: table } },
  ScatterND: { operands: { 1: table } },
  ReverseSequence: { operands: { 1: { operand: 0, low: 1 } } },
  LSTM: { operands: { 4: lengths } },
  GRU: { operands: { 4: lengths } },
  RNN: { operands: { 4: lengths } },
  EmbedLayerNormalization: { operands: { 0: { operand: 2, axis: 0 }, 1: { operand: 4, axis: 0 } } },
};

/**
 * What an operand says of the shape of the result: its sizes, their ratios to those of x, axes of size 1 that come or go, the
 * sizes of its parts.
 */
export type ShapeOperand = 'sizes' | 'factors' | 'new axes' | 'old axes' | 'parts';

/** By ONNX operator and operand. */
export const shapeOperands: Readonly<Record<string, Readonly<Record<number, ShapeOperand>>>> = {
  Reshape: { 1: 'sizes' },
  Expand: { 1: 'sizes' },
  ConstantOfShape: { 0: 'sizes' },
  Resize: { 2: 'factors', 3: 'sizes' },
  Upsample: { 1: 'factors' },
  Tile: { 1: 'factors' },
  Unsqueeze: { 1: 'new axes' },
  Squeeze: { 1: 'old axes' },
  Split: { 1: 'parts' },
};
