/** The layer that an ONNX operator is, from what the registry says of both. */
import type { Layer } from './define.ts';
import { layers } from './registry.ts';

const fold = (name: string): string => name.toLowerCase().replaceAll('_', '');

/** The ways in which a layer may say that it is an operator of ONNX, the surest first. */
const ways: readonly ((layer: Layer, name: string) => boolean)[] = [
  (layer, name) => layer.operator?.form?.op === name,
  (layer, name) => layer.operator?.onnx.length === 1 && layer.operator.onnx[0] === name,
  (layer, name) => fold(layer.name) === fold(name),
  (layer, name) => new RegExp(`ONNX (?:\\w+, )*${name}\\b`).test(layer.source),
  (layer, name) => layer.operator?.onnx[0] === name,
];

/** `relu` for `Relu`, `linear` for `Gemm`; undefined for operators that no layer is. */
export function layerOfOnnx(name: string): Layer | undefined {
  if (!/^[A-Z]\w*$/.test(name)) return undefined;
  for (const way of ways) {
    const found = layers.find((layer) => way(layer, name));
    if (found) return found;
  }
  return undefined;
}
