/** Decodes our bytes with somebody else's decoder: onnx-proto (protobufjs, from ONNX 1.10.2's schema). */
import proto from 'onnx-proto';

export type Decoded = proto.onnx.ModelProto;

export function decodeModel(bytes: Uint8Array): Decoded {
  return proto.onnx.ModelProto.decode(bytes);
}

/** A tensor's elements, from its raw bytes. */
export function floatsOf(tensor: proto.onnx.ITensorProto): readonly number[] {
  const raw = Uint8Array.from(tensor.rawData ?? []);
  return [...new Float32Array(raw.buffer)];
}

export function int64sOf(tensor: proto.onnx.ITensorProto): readonly number[] {
  const raw = Uint8Array.from(tensor.rawData ?? []);
  return [...new BigInt64Array(raw.buffer)].map(Number);
}

/** `N`, `3`: dimensions of a value as they stand in the file. */
export function dimsOf(value: proto.onnx.IValueInfoProto): readonly (string | number)[] {
  return (value.type?.tensorType?.shape?.dim ?? []).map((d) => (d.dimParam ? d.dimParam : Number(d.dimValue)));
}
