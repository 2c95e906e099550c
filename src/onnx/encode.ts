/**
 * Nodes, attributes, values and whole sub-graphs as messages, written into a buffer; large content is left as a hole in it.
 * Repeated numbers are written unpacked, as onnx.proto's proto2 schema says, so that a reader which writes the model again gives
 * the same bytes. Source: onnx/onnx, onnx.proto.
 */
import { bug, unreachable } from '../diagnostics/diagnostic.ts';
import { joined, memorySource } from '../io/bytes.ts';
import { elemFacts } from '../ir/elem.ts';
import type { LazyBytes } from '../ir/foreign.ts';
import { type ElemType, elemBytes, elementCount } from '../ir/types.ts';
import { isWideElem, wideArray } from '../ir/wide.ts';
import type { WeightExpr } from '../tensor/expr.ts';
import { encode, encodeIntegers } from '../tensor/round.ts';
import type { OnnxAttribute, OnnxGraph, OnnxNode, OnnxTensor, OnnxValue } from './model.ts';
import { AttributeProto, attributeTypes, GraphProto, NodeProto, TensorProto, ValueInfoProto } from './proto.ts';
import { writeType } from './types.ts';
import { type ProtoField, WireWriter } from './wire.ts';

/** A message's bytes. */
export function written(write: (writer: WireWriter) => void): Uint8Array {
  const writer = new WireWriter(128);
  write(writer);
  const parts: Uint8Array[] = [];
  let from = 0;
  for (const { at, bytes } of writer.holes) {
    parts.push(
      writer.view().subarray(from, at),
      bytes.readSync?.(0, bytes.size) ?? bug('a message in memory whose bytes must be awaited'),
    );
    from = at;
  }
  return joined([...parts, writer.view().subarray(from)]).slice();
}

export function writeNode(writer: WireWriter, node: OnnxNode): void {
  for (const name of node.inputs) writer.stringField(NodeProto.input, name);
  for (const name of node.outputs) writer.stringField(NodeProto.output, name);
  writer.stringField(NodeProto.name, node.name);
  writer.stringField(NodeProto.op_type, node.opType);
  for (const attribute of node.attributes) writeAttribute(writer, NodeProto.attribute, attribute);
  if (node.domain !== '') writer.stringField(NodeProto.domain, node.domain);
  if (node.rest) writer.raw(node.rest);
}

export function writeAttribute(writer: WireWriter, field: ProtoField<'message'>, attribute: OnnxAttribute): void {
  // The graphs of an attribute are in the model, and so may have been changed.
  if (attribute.bytes && attribute.kind !== 'graph' && attribute.kind !== 'graphs') writer.lazyField(field, attribute.bytes);
  else writer.message(field, () => attributeContent(writer, attribute));
}

/** The value's own field, then the type, which tells an empty list from a number left out. */
function attributeContent(writer: WireWriter, attribute: OnnxAttribute): void {
  writer.stringField(AttributeProto.name, attribute.name);
  switch (attribute.kind) {
    case 'float':
      writer.floatField(AttributeProto.f, attribute.value);
      break;
    case 'int':
      writer.intField(AttributeProto.i, attribute.value);
      break;
    case 'string':
      writer.stringField(AttributeProto.s, attribute.value);
      break;
    case 'tensor':
      writeTensor(writer, AttributeProto.t, attribute.value);
      break;
    case 'graph':
      writer.message(AttributeProto.g, () => writeSubgraph(writer, attribute.value));
      break;
    case 'graphs':
      for (const graph of attribute.value) writer.message(AttributeProto.graphs, () => writeSubgraph(writer, graph));
      break;
    case 'floats':
      for (const value of attribute.value) writer.floatField(AttributeProto.floats, value);
      break;
    case 'ints':
      for (const value of attribute.value) writer.intField(AttributeProto.ints, value);
      break;
    case 'strings':
      for (const value of attribute.value) writer.stringField(AttributeProto.strings, value);
      break;
    case 'other':
    case 'reference':
      return bug(`attribute ${attribute.name} without its bytes`);
    default:
      return unreachable(attribute);
  }
  writer.intField(AttributeProto.type, attributeTypes[attribute.kind]);
}

/** An attribute's message: that of the file, or a new one. */
export function attributeBytes(attribute: OnnxAttribute): LazyBytes {
  return (
    attribute.bytes ??
    memorySource(
      attribute.name,
      written((w) => attributeContent(w, attribute)),
    )
  );
}

/** An attribute that holds a tensor's message, which may be large. */
export function tensorAttributeBytes(name: string, tensor: LazyBytes): LazyBytes {
  const writer = new WireWriter(128);
  writer.stringField(AttributeProto.name, name);
  writer.intField(AttributeProto.type, attributeTypes.tensor);
  writer.bytesHeader(AttributeProto.t, tensor.size);
  const head = writer.view().slice();
  return {
    size: head.length + tensor.size,
    async read(start, count) {
      const out = new Uint8Array(count);
      const inHead = Math.max(0, Math.min(count, head.length - start));
      if (inHead > 0) out.set(head.subarray(start, start + inHead));
      if (count > inHead) out.set(await tensor.read(start + inHead - head.length, count - inHead), inHead);
      return out;
    },
  };
}

export function writeValue(writer: WireWriter, field: ProtoField<'message'>, { name, type, rest }: OnnxValue): void {
  writer.message(field, () => {
    writer.stringField(ValueInfoProto.name, name);
    if (type) writeType(writer, ValueInfoProto.type, type);
    if (rest) writer.raw(rest);
  });
}

/** The fields of a graph behind its initializers. */
export function writeValues(writer: WireWriter, graph: OnnxGraph): void {
  for (const value of graph.inputs) writeValue(writer, GraphProto.input, value);
  for (const value of graph.outputs) writeValue(writer, GraphProto.output, value);
  for (const value of graph.valueInfo) writeValue(writer, GraphProto.value_info, value);
  if (graph.rest) writer.raw(graph.rest);
}

/** A graph within an attribute. Only the outermost one streams: what is emitted has all initializers there. */
function writeSubgraph(writer: WireWriter, graph: OnnxGraph): void {
  for (const node of graph.nodes) writer.message(GraphProto.node, () => writeNode(writer, node));
  writer.stringField(GraphProto.name, graph.name);
  for (const tensor of graph.initializers) writeTensor(writer, GraphProto.initializer, tensor);
  writeValues(writer, graph);
}

/** A tensor whose message is written anew. */
export type MadeTensor = Exclude<OnnxTensor, { readonly kind: 'proto' }>;

/** What its message declares, and its elements. */
export function declared(tensor: MadeTensor): {
  readonly dataType: number;
  readonly dims: readonly number[];
  readonly elements: WeightExpr;
} {
  return tensor.kind === 'tensor'
    ? { dataType: elemFacts[tensor.expr.elem].onnx, dims: tensor.expr.dims, elements: tensor.expr }
    : { dataType: tensor.dataType, dims: tensor.dims, elements: tensor.raw };
}

/** What stands before the elements. */
export function tensorHead(writer: WireWriter, name: string, dataType: number, dims: readonly number[]): void {
  for (const dim of dims) writer.intField(TensorProto.dims, dim);
  writer.intField(TensorProto.data_type, dataType);
  if (name !== '') writer.stringField(TensorProto.name, name);
}

/** Characters of a computed weight's description; merged branches can make it grow with the network. */
const longestDoc = 1000;

/** The doc_string of a tensor: what its file says, or how it is computed. */
export function docOf(tensor: OnnxTensor): string | undefined {
  if (tensor.kind !== 'tensor' || !tensor.isDescribed) return tensor.doc;
  const text = tensor.expr.text();
  return text.length <= longestDoc ? text : `${text.slice(0, longestDoc)}…`;
}

function writeTensor(writer: WireWriter, field: ProtoField<'message'>, tensor: OnnxTensor): void {
  if (tensor.kind === 'proto') return writer.lazyField(field, tensor.bytes);
  const said = declared(tensor);
  writer.message(field, () => {
    tensorHead(writer, tensor.name, said.dataType, said.dims);
    writer.lazyField(TensorProto.raw_data, elementBytes(said.elements));
    const doc = docOf(tensor);
    if (doc !== undefined) writer.stringField(TensorProto.doc_string, doc);
  });
}

/** Encodes elements, computed in float64 or as integers of 64 bits. */
function encoded(elem: ElemType, from: number, count: number, expr: WeightExpr): Uint8Array | Promise<Uint8Array> {
  const out = new Uint8Array(count * elemBytes[elem]);
  if (isWideElem(elem)) {
    const integers = wideArray(elem, count);
    const pending = expr.fillIntegers(from, integers);
    const done = (): Uint8Array => {
      encodeIntegers(integers, out);
      return out;
    };
    if (pending !== false) return pending ? pending.then(done) : done();
  }
  const numbers = new Float64Array(count);
  const done = (): Uint8Array => {
    encode(elem, numbers, count, out);
    return out;
  };
  return expr.fill(from, numbers)?.then(done) ?? done();
}

/** The elements of a tensor as they stand in raw_data, computed when they are read. */
function elementBytes(expr: WeightExpr): LazyBytes {
  const width = elemBytes[expr.elem];
  const range = (start: number, length: number): Uint8Array | Promise<Uint8Array> => {
    const from = Math.floor(start / width);
    const to = Math.ceil((start + length) / width);
    const cut = (bytes: Uint8Array): Uint8Array => bytes.subarray(start - from * width, start - from * width + length);
    const bytes = encoded(expr.elem, from, to - from, expr);
    return bytes instanceof Promise ? bytes.then(cut) : cut(bytes);
  };
  return {
    size: elementCount(expr.dims) * width,
    read: async (start, length) => range(start, length),
    ...(expr.sync && {
      readSync: (start: number, length: number) => {
        const bytes = range(start, length);
        return bytes instanceof Promise ? bug(`${expr.kind} calls itself synchronous and is not`) : bytes;
      },
    }),
  };
}
