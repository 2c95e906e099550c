/**
 * The messages of onnx.proto with their fields: number and kind, under the names that the schema has. Reader, writer, text and
 * checkpoints take fields from here, so that no number stands anywhere else. Fields that are passed on as bytes alone are listed
 * as well: a field that is not here is one of a later version. Source: onnx/onnx, onnx/onnx.proto of IR version 13;
 * `test/onnx/proto.test.ts` compares.
 */
import type { OnnxDataField } from '../ir/elem.ts';
import { fieldTable, type ProtoField } from './wire.ts';

export const ModelProto = fieldTable({
  ir_version: [1, 'int'],
  producer_name: [2, 'text'],
  producer_version: [3, 'text'],
  domain: [4, 'text'],
  model_version: [5, 'int'],
  doc_string: [6, 'text'],
  graph: [7, 'message'],
  opset_import: [8, 'message'],
  metadata_props: [14, 'message'],
  training_info: [20, 'message'],
  functions: [25, 'message'],
  configuration: [26, 'message'],
});

export const OperatorSetIdProto = fieldTable({
  domain: [1, 'text'],
  version: [2, 'int'],
});

export const StringStringEntryProto = fieldTable({
  key: [1, 'text'],
  value: [2, 'text'],
});

export const FunctionProto = fieldTable({
  name: [1, 'text'],
  input: [4, 'text'],
  output: [5, 'text'],
  attribute: [6, 'text'],
  node: [7, 'message'],
  doc_string: [8, 'text'],
  opset_import: [9, 'message'],
  domain: [10, 'text'],
  attribute_proto: [11, 'message'],
  value_info: [12, 'message'],
  overload: [13, 'text'],
  metadata_props: [14, 'message'],
});

export const GraphProto = fieldTable({
  node: [1, 'message'],
  name: [2, 'text'],
  initializer: [5, 'message'],
  doc_string: [10, 'text'],
  input: [11, 'message'],
  output: [12, 'message'],
  value_info: [13, 'message'],
  quantization_annotation: [14, 'message'],
  sparse_initializer: [15, 'message'],
  metadata_props: [16, 'message'],
});

export const NodeProto = fieldTable({
  input: [1, 'text'],
  output: [2, 'text'],
  name: [3, 'text'],
  op_type: [4, 'text'],
  attribute: [5, 'message'],
  doc_string: [6, 'text'],
  domain: [7, 'text'],
  overload: [8, 'text'],
  metadata_props: [9, 'message'],
  device_configurations: [10, 'message'],
});

export const AttributeProto = fieldTable({
  name: [1, 'text'],
  f: [2, 'float'],
  i: [3, 'int'],
  s: [4, 'bytes'],
  t: [5, 'message'],
  g: [6, 'message'],
  floats: [7, 'floats'],
  ints: [8, 'ints'],
  strings: [9, 'bytes'],
  tensors: [10, 'message'],
  graphs: [11, 'message'],
  doc_string: [13, 'text'],
  tp: [14, 'message'],
  type_protos: [15, 'message'],
  type: [20, 'int'],
  ref_attr_name: [21, 'text'],
  sparse_tensor: [22, 'message'],
  sparse_tensors: [23, 'message'],
});

/** AttributeProto.AttributeType. */
export const attributeTypes = {
  undefined: 0,
  float: 1,
  int: 2,
  string: 3,
  tensor: 4,
  graph: 5,
  floats: 6,
  ints: 7,
  strings: 8,
  tensors: 9,
  graphs: 10,
  sparse_tensor: 11,
  sparse_tensors: 12,
  type_proto: 13,
  type_protos: 14,
} as const;
export type AttributeType = keyof typeof attributeTypes;

const typeNames = new Map(Object.entries(attributeTypes).map(([name, number]) => [number as number, name as AttributeType]));

/** Undefined for a number that onnx.proto does not have. */
export function attributeTypeOf(number: number): AttributeType | undefined {
  return typeNames.get(number);
}

export const TensorProto = fieldTable({
  dims: [1, 'ints'],
  data_type: [2, 'int'],
  segment: [3, 'message'],
  float_data: [4, 'floats'],
  int32_data: [5, 'ints'],
  string_data: [6, 'bytes'],
  int64_data: [7, 'ints'],
  name: [8, 'text'],
  raw_data: [9, 'bytes'],
  double_data: [10, 'doubles'],
  uint64_data: [11, 'ints'],
  doc_string: [12, 'text'],
  external_data: [13, 'message'],
  data_location: [14, 'int'],
  metadata_props: [16, 'message'],
});

/** TensorProto.DataLocation of elements that lie in a data file. */
export const externalLocation = 1;

export const SparseTensorProto = fieldTable({
  values: [1, 'message'],
  indices: [2, 'message'],
  dims: [3, 'ints'],
});

export const ValueInfoProto = fieldTable({
  name: [1, 'text'],
  type: [2, 'message'],
  doc_string: [3, 'text'],
  metadata_props: [4, 'message'],
});

export const TypeProto = fieldTable({
  tensor_type: [1, 'message'],
  sequence_type: [4, 'message'],
  map_type: [5, 'message'],
  denotation: [6, 'text'],
  opaque_type: [7, 'message'],
  sparse_tensor_type: [8, 'message'],
  optional_type: [9, 'message'],
});

/** TypeProto.Tensor and TypeProto.SparseTensor. */
export const TensorTypeProto = fieldTable({
  elem_type: [1, 'int'],
  shape: [2, 'message'],
});

/** TypeProto.Sequence and TypeProto.Optional. */
export const ElementTypeProto = fieldTable({
  elem_type: [1, 'message'],
});

/** TypeProto.Map. */
export const MapTypeProto = fieldTable({
  key_type: [1, 'int'],
  value_type: [2, 'message'],
});

export const TensorShapeProto = fieldTable({
  dim: [1, 'message'],
});

/** TensorShapeProto.Dimension. */
export const DimensionProto = fieldTable({
  dim_value: [1, 'int'],
  dim_param: [2, 'text'],
  denotation: [3, 'text'],
});

/** The fields of a tensor that hold elements that are not raw. */
export const dataFields = {
  float_data: TensorProto.float_data,
  int32_data: TensorProto.int32_data,
  int64_data: TensorProto.int64_data,
  double_data: TensorProto.double_data,
  uint64_data: TensorProto.uint64_data,
} satisfies Readonly<Record<OnnxDataField, ProtoField>>;
