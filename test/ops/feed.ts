/** Tensors as onnxruntime-node takes and names them. */
import * as ort from 'onnxruntime-node';
import type { ElemType, HostTensor } from '../../src/ir/types.ts';

export function feed(x: HostTensor): ort.Tensor {
  const { data, dims } = x;
  switch (x.elem) {
    case 'f32':
      return new ort.Tensor('float32', Float32Array.from(data), dims);
    case 'f64':
      return new ort.Tensor('float64', Float64Array.from(data), dims);
    case 'i64':
      return new ort.Tensor(
        'int64',
        BigInt64Array.from(data, (v) => BigInt(v)),
        dims,
      );
    case 'i32':
      return new ort.Tensor('int32', Int32Array.from(data), dims);
    case 'u8':
      return new ort.Tensor('uint8', Uint8Array.from(data), dims);
    case 'bool':
      return new ort.Tensor('bool', Uint8Array.from(data), dims);
    default:
      throw new Error(`samples of type ${x.elem} cannot be fed`);
  }
}

export const ortTypes: Partial<Record<ElemType, string>> = {
  f32: 'float32',
  f64: 'float64',
  i64: 'int64',
  i32: 'int32',
  u8: 'uint8',
  bool: 'bool',
};
