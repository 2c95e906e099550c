/**
 * A lift says which operator of the registry an ONNX node is: the way back from an operator's `lower`. It must mean exactly the
 * same, at every opset from 13 on (older forms were brought up before); what it cannot say stays a foreign node. Lifts stand in
 * `lifts/`, by family.
 */
import type { Dim } from '../ir/dim.ts';
import type { Node, Value } from '../ir/graph.ts';
import type { AttrValue, Operator } from '../ir/operator.ts';
import type { HostTensor } from '../ir/types.ts';
import type { OnnxAttribute, OnnxTensor } from '../onnx/model.ts';
import type { WeightExpr } from '../tensor/expr.ts';

/** The node that is lifted, its attributes by name and kind with a default where the specification has one. */
export interface LiftNode {
  readonly opType: string;
  readonly domain: string;
  /** As the file names it; may be empty. */
  readonly name: string;
  /**
   * Operands; undefined where an optional one is left out. Past the end too. Throws `NotLifted` for a value that only foreign
   * operators read.
   */
  input(index: number): Value | undefined;
  /** `input`, or `NotLifted` where it is left out. */
  need(index: number): Value;
  /** All operands of a variadic operator. */
  inputs(): readonly Value[];
  /** The node that makes operand i, where no operator of ours says it: its operands and attributes. */
  maker(index: number): LiftNode | undefined;
  /** How many outputs the node names up to the last named one, and whether output i is named. */
  readonly outputCount: number;
  hasOutput(index: number): boolean;
  /** Whether some node, sub-graph or graph output reads output i. */
  outputUsed(index: number): boolean;
  has(attribute: string): boolean;
  /** Throws `AttributeError` when the attribute has another kind or does not fit (an integer beyond 2^53). */
  int(attribute: string, otherwise?: number): number;
  /** Throws `AttributeError` for others than 0 and 1. */
  flag(attribute: string, otherwise: boolean): boolean;
  ints(attribute: string): readonly number[] | undefined;
  float(attribute: string, otherwise?: number): number;
  string(attribute: string, otherwise?: string): string;
  strings(attribute: string): readonly string[] | undefined;
  tensor(attribute: string): OnnxTensor | undefined;
  attribute(name: string): OnnxAttribute | undefined;
}

/** Leaves the node foreign; `why` is shown by `--explain`. */
export class NotLifted extends Error {
  constructor(why: string) {
    super(why);
    this.name = 'NotLifted';
  }
}

/** `NotLifted` where the file could not be written again with the node, because its opset is none for this use. */
export function checkOpset(node: Node, opset: number): void {
  const { until = Infinity } = node.op;
  const since = node.op.since?.(node) ?? 0;
  if (since > opset) throw new NotLifted(`a use that ONNX has from opset ${since} on`);
  if (opset > until) throw new NotLifted(`an opset beyond ${until}, which has no kernel for it`);
}

/** What a lift builds with. What it built counts only when it returns. */
export interface LiftBuilder {
  /** Of the default domain. */
  readonly opset: number;
  /** A node with the ONNX node's name; its first result. Throws `CheckFailure`, which leaves the node foreign. */
  op(operator: Operator, operands: readonly (Value | undefined)[], attrs?: Readonly<Record<string, AttrValue>>): Value;
  ops(
    operator: Operator,
    operands: readonly (Value | undefined)[],
    attrs?: Readonly<Record<string, AttrValue>>,
  ): readonly Value[];
  /** A constant computed from another, whose name it takes where nothing else reads that one. Equal ones are one value. */
  derived(from: Value, content: WeightExpr): Value;
  /** The elements of an integer scalar or vector, where all are known as dimensions: shapes, and arithmetic on them. */
  sizes(value: Value | undefined): readonly Dim[] | undefined;
  /** The elements of operand i as bounds of a slice: integers beyond 2^53 come as ±(2^53 − 1). */
  bounds(index: number): readonly Dim[] | undefined;
  /** `sizes` or `NotLifted`. */
  needSizes(value: Value | undefined, what: string): readonly Dim[];
  /**
   * `NotLifted` where a size could not be computed from the graph's inputs, from the shape of `near`, an operand, or from that of
   * a value whose node says it: the value whose shape tells it may be gone when the file is written.
   */
  checkWritable(sizes: readonly Dim[], near: Value | undefined): void;
  /**
   * An operator whose operand i must have the size `dim` on an axis: remembered where that size is open, and the import goes back
   * to where the value is made.
   */
  constrainSize(value: Value, axis: number, dim: Dim): void;
  /**
   * The same for the rank of a value of unknown shape. Throws `NotLifted`. A rank that onnxruntime takes others beside, whatever
   * ONNX says, is not `exact` and does not narrow an input of the file.
   */
  constrainRank(index: number, rank: number, exact?: boolean): void;
  /** The elements of a small constant operand, or `NotLifted`. */
  needHost(value: Value | undefined, what: string): HostTensor;
}

/** A value per output of the node. Throws `NotLifted`, `AttributeError` or `CheckFailure` to leave the node foreign. */
export type Lift = (node: LiftNode, builder: LiftBuilder) => readonly (Value | undefined)[];

/** Lifts by ONNX operator of the default domain. */
export type LiftTable = Readonly<Record<string, Lift>>;
