/**
 * An ONNX model as plain data: what `emit` makes, `write` puts on the wire and `text` prints. The field names follow onnx.proto
 * (onnx/onnx); weights stay lazy, so that a model of any size is a few megabytes here.
 */
import type { LazyBytes } from '../ir/foreign.ts';
import type { Origin } from '../ir/graph.ts';
import type { OnnxAttr } from '../ir/operator.ts';
import type { ElemType, ForeignType, HostTensor, WideIntegers } from '../ir/types.ts';

/** A value with its type; a symbolic dimension is its text (dim_param), an empty one has neither a size nor a name. */
export interface OnnxValue {
  readonly name: string;
  readonly elem: ElemType;
  readonly dims: readonly (number | string)[];
  /** A type that is none of ours; `elem` and `dims` mean nothing then. */
  readonly foreign?: ForeignType;
}

/** Where an initializer's elements come from: any range of them, in row-major order, as float64. */
export interface TensorSource {
  fill(start: number, out: Float64Array): void | Promise<void>;
  /** Of 64-bit integers of any size; false, or absent, where `fill` has them. */
  fillIntegers?(start: number, out: WideIntegers): void | Promise<void> | false;
}

export interface OnnxInitializer {
  readonly name: string;
  readonly elem: ElemType;
  readonly dims: readonly number[];
  readonly expr: TensorSource;
  /** Of an element type that is none of ours: `elem` is u8, `dims` counts bytes, and these are written in their place. */
  readonly stands?: { readonly dataType: number; readonly dims: readonly number[] };
  /** What went into a computed weight, as the graph's text form says it. */
  readonly doc?: string;
  /** The elements of a small constant of the program, for showing. */
  readonly literal?: HostTensor;
  /**
   * The stored tensors that the elements are computed from, when they are computed at all; then they must be finite where those
   * are.
   */
  readonly sources?: () => readonly (TensorSource & { readonly dims: readonly number[] })[];
}

/**
 * An attribute's value; `graph` is the body of a Loop or If. A raw one is the whole AttributeProto as an imported file has it.
 */
export type OnnxNodeAttr =
  | OnnxAttr
  | { readonly kind: 'graph'; readonly value: OnnxGraph }
  | { readonly kind: 'graphs'; readonly value: readonly OnnxGraph[] }
  | { readonly kind: 'raw'; readonly bytes: LazyBytes };

export interface OnnxNode {
  readonly name: string;
  readonly op: string;
  /** Left out for ONNX's own. */
  readonly domain?: string;
  /** '' stands for an optional input or output left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Sorted by name, so that the bytes do not depend on who wrote the lowering; those of foreign nodes as the file had them. */
  readonly attrs: readonly (readonly [string, OnnxNodeAttr])[];
  /** Other fields of the NodeProto, encoded with their tags. */
  readonly rest?: Uint8Array;
  /** Where it comes from; not written. Maps what a runtime says of a node back to the source. */
  readonly origin?: Origin;
}

export interface OnnxGraph {
  readonly name: string;
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly OnnxInitializer[];
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  /** Every value that is neither input, output nor initializer. */
  readonly valueInfo: readonly OnnxValue[];
  /** Other fields of the GraphProto, encoded with their tags. */
  readonly rest?: Uint8Array;
}

/** An ONNX file as data; its weights are computed when they are written. */
export interface OnnxModel {
  readonly irVersion: number;
  readonly opset: number;
  /** Versions of the other domains whose operators it uses, sorted by name. */
  readonly domains?: readonly (readonly [string, number])[];
  readonly producer: { readonly name: string; readonly version: string };
  /** metadata_props, in the order written. */
  readonly metadata: readonly (readonly [string, string])[];
  readonly graph: OnnxGraph;
  /** Other fields of the ModelProto, encoded with their tags. */
  readonly rest?: Uint8Array;
}
