/**
 * What an imported graph keeps of an ONNX node that no operator of the registry says: enough to write it back as it was.
 * Attributes stay the bytes of their AttributeProto, so that what newer versions of ONNX added survives. Source: onnx/onnx,
 * onnx.proto (NodeProto).
 */

/** Bytes that may lie in a file: read when they are written. A `ByteSource` of `src/io` is one. */
export interface LazyBytes {
  readonly size: number;
  read(start: number, length: number): Promise<Uint8Array>;
  readSync?(start: number, length: number): Uint8Array;
}

/** An attribute as the model of the file has it, which the graph only carries: `onnx/model.ts` says what it is. */
export interface CarriedAttribute {
  readonly name: string;
  readonly kind: string;
  readonly bytes?: LazyBytes | undefined;
}

export type ForeignAttribute =
  /** The whole AttributeProto message, without tag and length, and what it was read as. */
  | {
      readonly kind: 'bytes';
      readonly name: string;
      readonly bytes: LazyBytes;
      readonly attribute?: CarriedAttribute | undefined;
    }
  /** Sub-graphs, by their positions in `node.regions`; `plural` for the field `graphs`. */
  | { readonly kind: 'graphs'; readonly name: string; readonly regions: readonly number[]; readonly plural: boolean };

export interface ForeignNode {
  /** Empty for ONNX's own. */
  readonly domain: string;
  readonly opType: string;
  /** In the order of the file. */
  readonly attributes: readonly ForeignAttribute[];
  /**
   * Per result: whether the source names it. An optional output left out stays left out, because naming it can change what a node
   * does.
   */
  readonly outputs: readonly boolean[];
  /**
   * Every other field of the NodeProto verbatim with its tag: doc_string, overload, metadata_props, device configurations,
   * unknown ones.
   */
  readonly rest: Uint8Array;
}
