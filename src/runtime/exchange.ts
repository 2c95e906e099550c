/** Elements as onnxruntime holds them, and as the rest of the house does: in float64, with 64-bit integers beside. */
import { tensorUnsupported } from '../diagnostics/catalogue/runtime.ts';
import { fail } from '../diagnostics/diagnostic.ts';
import { elemFacts, elemsBy } from '../ir/elem.ts';
import type { ElemType, HostTensor } from '../ir/types.ts';
import { decodeTensor, encodeTensor } from '../tensor/round.ts';
import type { HeldTensor, OrtTensor } from './engine.ts';

const elemOfOrt = elemsBy(({ dtype, exchanged }) => (exchanged ? dtype : undefined));

/** The elements as onnxruntime holds them; floats are rounded once. */
export function toOrt(name: string, tensor: HostTensor): OrtTensor {
  const { elem, dims, data } = tensor;
  const { dtype, exchanged, array, bytes: width } = elemFacts[elem];
  if (!exchanged) {
    return fail(tensorUnsupported, {
      with: { name, found: `element type ${elem}`, expected: `one of ${[...elemOfOrt.values()].join(', ')}`, hint: `cast(f32)` },
    });
  }
  const bytes = new Uint8Array(data.length * width);
  encodeTensor(tensor, bytes);
  return { type: dtype, dims, data: new array(bytes.buffer) };
}

/** The element type that onnxruntime calls by this name. Throws `DiagnosticError` (RES0807) where there is none here. */
export function elemOfType(name: string, type: string): ElemType {
  return (
    elemOfOrt.get(type) ??
    fail(tensorUnsupported, {
      with: {
        name,
        found: `onnxruntime's type ${type}`,
        expected: 'a tensor of numbers or booleans',
        hint: 'take it out of the model',
      },
    })
  );
}

export function fromOrt(name: string, { type, dims, data }: OrtTensor): HostTensor {
  return decodeTensor(elemOfType(name, type), dims, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
}

/** The elements, copied here from where they are. */
export async function readOrt(name: string, tensor: OrtTensor | HeldTensor): Promise<HostTensor> {
  return fromOrt(name, 'data' in tensor ? tensor : await tensor.read());
}
