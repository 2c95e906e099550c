/**
 * An ONNX file as it lies on the disk, scanned but not decoded: names, types and structure are here, the bytes of tensors and
 * attributes are spans that are read when somebody needs them. Field names follow onnx.proto (onnx/onnx). `read.ts` makes it,
 * `functions.ts` and `upgrade.ts` change it, `import.ts` makes a graph of it.
 */

import type { LazyBytes } from '../ir/foreign.ts';
import type { ElemType } from '../ir/types.ts';
import type { WeightExpr } from '../tensor/expr.ts';
import type { Session } from '../tensor/session.ts';

/** A dimension: known, named, or nothing said. */
export type FileDim = number | string | undefined;

export interface FileType {
  /** The element type and shape, where it is a tensor of one of ours; a shape left out is an unknown rank. */
  readonly elem?: ElemType;
  readonly dims?: readonly FileDim[];
  /** `seq(tensor(float))`, for messages and for types that are no such tensors. */
  readonly text: string;
  /** The TypeProto verbatim. */
  readonly proto: Uint8Array;
}

export interface FileValue {
  readonly name: string;
  /** Absent where the file says none. */
  readonly type: FileType | undefined;
}

/** A tensor: one of our element types as a lazy expression, or the bytes of another. */
export type FileTensor =
  | { readonly kind: 'tensor'; readonly name: string; readonly expr: WeightExpr }
  /** fp8, int4, complex: `raw` is the content of raw_data or of the external file, as a u8 vector. */
  | {
      readonly kind: 'other';
      readonly name: string;
      readonly dataType: number;
      readonly dims: readonly number[];
      readonly raw: WeightExpr;
    }
  /** Strings, and what has no raw form: the whole TensorProto verbatim. */
  | { readonly kind: 'proto'; readonly name: string; readonly text: string; readonly bytes: LazyBytes };

export type FileAttribute = {
  readonly name: string;
  /**
   * The whole AttributeProto message verbatim, without tag and length. Not meaningful for `graph`, `graphs`, where the graphs
   * count.
   */
  readonly bytes: LazyBytes;
} & (
  | { readonly kind: 'int'; readonly value: bigint }
  | { readonly kind: 'ints'; readonly value: readonly bigint[] }
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'floats'; readonly value: readonly number[] }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'strings'; readonly value: readonly string[] }
  | { readonly kind: 'tensor'; readonly value: FileTensor }
  | { readonly kind: 'graph'; readonly value: FileGraph }
  | { readonly kind: 'graphs'; readonly value: readonly FileGraph[] }
  /** Sparse tensors, types, and what later versions add: verbatim. */
  | { readonly kind: 'other' }
  /** Inside a function: the caller's attribute of this name. */
  | { readonly kind: 'reference'; readonly to: string }
);

export interface FileNode {
  /** May be empty. */
  readonly name: string;
  /** Empty for ONNX's own, also where the file writes `ai.onnx`. */
  readonly domain: string;
  readonly opType: string;
  readonly overload: string;
  /** Empty for an optional one left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: readonly FileAttribute[];
  /** Other fields verbatim with their tags: doc_string, overload once more, metadata_props, unknown ones. */
  readonly rest: Uint8Array;
}

export interface FileGraph {
  readonly name: string;
  readonly nodes: readonly FileNode[];
  readonly initializers: readonly FileTensor[];
  readonly inputs: readonly FileValue[];
  readonly outputs: readonly FileValue[];
  readonly valueInfo: readonly FileValue[];
  /** Other fields verbatim with their tags: doc_string, quantization_annotation, metadata_props, unknown ones. */
  readonly rest: Uint8Array;
}

export interface FileFunction {
  readonly domain: string;
  readonly name: string;
  readonly overload: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Attributes without a default, by name. */
  readonly attributes: readonly string[];
  /** Attributes with their defaults. */
  readonly defaults: readonly FileAttribute[];
  readonly nodes: readonly FileNode[];
  readonly opsets: ReadonlyMap<string, number>;
}

export interface OnnxFile {
  /** As messages name it. */
  readonly file: string;
  /** Whom the tensors belong to. */
  readonly session: Session;
  readonly irVersion: number;
  /** By domain; '' is ONNX's own. */
  readonly opsets: ReadonlyMap<string, number>;
  readonly producerName: string;
  readonly producerVersion: string;
  readonly metadata: readonly (readonly [string, string])[];
  readonly graph: FileGraph;
  readonly functions: readonly FileFunction[];
  /**
   * Other fields of the ModelProto verbatim with their tags: domain, model_version, doc_string, unknown ones; not training_info.
   */
  readonly rest: Uint8Array;
  /** What the reader should be told: sparse initialisers made dense, training info dropped. */
  readonly notes: readonly string[];
}
