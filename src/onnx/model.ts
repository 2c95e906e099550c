/**
 * An ONNX model as data, the one form that reading gives, that emitting makes, that `text.ts` prints and `write.ts` writes.
 * Names, types and structure are here; numbers of tensors are expressions, and what a file has beyond is kept as the bytes that
 * it was, so that a model of any size is a few megabytes here. Whoever changes a model makes a new one with other parts. The
 * terms are those of onnx.proto (onnx/onnx), without `Proto`.
 */
import type { CarriedAttribute, LazyBytes } from '../ir/foreign.ts';
import type { Origin } from '../ir/graph.ts';
import type { ElemType } from '../ir/types.ts';
import type { WeightExpr } from '../tensor/expr.ts';
import type { Session } from '../tensor/session.ts';

/** A dimension: known, named, or nothing said. */
export type OnnxDim = number | string | undefined;

/** The type of a value. `types.ts` has its text and its bytes. */
export interface OnnxType {
  /** The element type and shape, where it is a tensor of one of ours; a shape left out is an unknown rank. */
  readonly elem?: ElemType;
  readonly dims?: readonly OnnxDim[];
  /**
   * The TypeProto verbatim where the above does not say all of it. It is what is written, so that whoever changes the above
   * leaves it out.
   */
  readonly proto?: Uint8Array;
}

export interface OnnxValue {
  readonly name: string;
  /** Undefined where nothing is said. */
  readonly type: OnnxType | undefined;
  /** Other fields of the ValueInfoProto verbatim with their tags: doc_string, metadata_props, unknown ones. */
  readonly rest?: Uint8Array | undefined;
}

/** A tensor: one of our element types as a lazy expression, or the bytes of another. */
export type OnnxTensor = {
  readonly name: string;
  readonly doc?: string | undefined;
} & (
  | {
      readonly kind: 'tensor';
      readonly expr: WeightExpr;
      /** Its doc_string is the text of the expression (`docOf`), made when it is written: a deep network has 100,000 of them. */
      readonly isDescribed?: boolean | undefined;
    }
  /** fp8, int4, complex: `raw` is the content of raw_data or of the external file, as a u8 vector. */
  | { readonly kind: 'other'; readonly dataType: number; readonly dims: readonly number[]; readonly raw: WeightExpr }
  /** Strings, and what has no raw form: the whole TensorProto verbatim. */
  | { readonly kind: 'proto'; readonly text: string; readonly bytes: LazyBytes }
);

export type OnnxAttribute = {
  readonly name: string;
  /**
   * The whole AttributeProto verbatim, without tag and length. It is what is written, so that whoever changes the value leaves it
   * out.
   */
  readonly bytes?: LazyBytes | undefined;
} & (
  | { readonly kind: 'int'; readonly value: bigint }
  | { readonly kind: 'ints'; readonly value: readonly bigint[] }
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'floats'; readonly value: readonly number[] }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'strings'; readonly value: readonly string[] }
  | { readonly kind: 'tensor'; readonly value: OnnxTensor }
  | { readonly kind: 'graph'; readonly value: OnnxGraph }
  | { readonly kind: 'graphs'; readonly value: readonly OnnxGraph[] }
  /** Sparse tensors, types, and what later versions add; and any that the graph only passed on. */
  | { readonly kind: 'other'; readonly bytes: LazyBytes }
  /** Inside a function: the caller's attribute of this name. */
  | { readonly kind: 'reference'; readonly to: string; readonly bytes: LazyBytes }
);

export interface OnnxNode {
  /** May be empty. */
  readonly name: string;
  /** Empty for ONNX's own, also where the file writes `ai.onnx`. */
  readonly domain: string;
  readonly opType: string;
  /** Which of several functions of a name; it is written as a part of `rest`. */
  readonly overload: string;
  /** Empty for an optional one left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: readonly OnnxAttribute[];
  /** Other fields verbatim with their tags: doc_string, overload once more, metadata_props, unknown ones. */
  readonly rest?: Uint8Array | undefined;
  /** Where a node that was emitted comes from; not written. Maps what a runtime says of it back to the source. */
  readonly origin?: Origin | undefined;
}

export interface OnnxGraph {
  readonly name: string;
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly OnnxTensor[];
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  /** Types of values that are neither. */
  readonly valueInfo: readonly OnnxValue[];
  /** Other fields verbatim with their tags: doc_string, quantization_annotation, metadata_props, unknown ones. */
  readonly rest?: Uint8Array | undefined;
}

export interface OnnxFunction {
  readonly domain: string;
  readonly name: string;
  readonly overload: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Attributes without a default, by name. */
  readonly attributes: readonly string[];
  /** Attributes with their defaults. */
  readonly defaults: readonly OnnxAttribute[];
  readonly nodes: readonly OnnxNode[];
  readonly opsets: ReadonlyMap<string, number>;
  /** Other fields verbatim with their tags: doc_string, value_info, metadata_props, unknown ones. */
  readonly rest?: Uint8Array | undefined;
}

/** An ONNX model as its file says it: the ModelProto of onnx.proto. */
export interface OnnxModel {
  readonly irVersion: number;
  /** By domain; '' is ONNX's own. */
  readonly opsets: ReadonlyMap<string, number>;
  readonly producerName: string;
  readonly producerVersion: string;
  /** metadata_props, in the order of the file. */
  readonly metadata: readonly (readonly [string, string])[];
  readonly graph: OnnxGraph;
  readonly functions: readonly OnnxFunction[];
  /** Each training_info verbatim, without tag and length. */
  readonly training?: readonly LazyBytes[] | undefined;
  /** Other fields of the ModelProto verbatim with their tags: domain, model_version, doc_string, unknown ones. */
  readonly rest?: Uint8Array | undefined;
}

/** A model that lies in a file. */
export interface OnnxFile extends OnnxModel {
  /** As messages name it. */
  readonly file: string;
  /** Whom the tensors belong to. */
  readonly session: Session;
  /** What a reader should be told: sparse initialisers that were made dense. */
  readonly notes: readonly string[];
}

const attributeKinds: Readonly<Record<OnnxAttribute['kind'], true>> = {
  int: true,
  ints: true,
  float: true,
  floats: true,
  string: true,
  strings: true,
  tensor: true,
  graph: true,
  graphs: true,
  other: true,
  reference: true,
};

/** Whether what a graph carried is an attribute of a model. */
export function isAttribute(carried: CarriedAttribute): carried is OnnxAttribute {
  return Object.hasOwn(attributeKinds, carried.kind);
}

/** The version of ONNX's own operators; undefined where the model has none. */
export const opsetOf = ({ opsets }: OnnxModel): number | undefined => opsets.get('');

/** The graphs that a node holds in its attributes. */
export function graphsOf({ attributes }: OnnxNode): readonly OnnxGraph[] {
  const out: OnnxGraph[] = [];
  for (const attribute of attributes) {
    if (attribute.kind === 'graph') out.push(attribute.value);
    else if (attribute.kind === 'graphs') for (const graph of attribute.value) out.push(graph);
  }
  return out;
}

/** Every node of the list and of the sub-graphs below. */
export function* allNodes(nodes: readonly OnnxNode[]): Generator<OnnxNode> {
  const open: (readonly OnnxNode[])[] = [nodes];
  for (let list = open.pop(); list; list = open.pop()) {
    for (const node of list) {
      yield node;
      for (const graph of graphsOf(node)) open.push(graph.nodes);
    }
  }
}
