/** Tensors as text: for people, and for JSON. */
import { elementCount, type HostTensor } from '../ir/types.ts';
import { elementText } from '../ir/wide.ts';

/** At most this many numbers go into JSON; for more there is .npy. */
const mostNumbers = 100_000;

/** Integers beyond 2^53 as texts, which readers of JSON would round; undefined where there are too many. */
function numbersOf(tensor: HostTensor): readonly (number | string)[] | undefined {
  if (elementCount(tensor.dims) > mostNumbers) return undefined;
  return Array.from(tensor.data, (v, i) => (Number.isNaN(v) && tensor.wide ? elementText(tensor, i) : v));
}

/** `y: f32[1, 3, 2, 2] [0, 0.0625, …]` */
export function tensorLine(name: string, tensor: HostTensor): string {
  const shown = [...tensor.data.subarray(0, 8)].map((v, i) =>
    tensor.wide || Number.isInteger(v) ? elementText(tensor, i) : v.toPrecision(6),
  );
  return `${name}: ${tensor.elem}[${tensor.dims.join(', ')}] [${shown.join(', ')}${tensor.data.length > 8 ? ', …' : ''}]`;
}

/** A tensor as JSON has it; many numbers are left out. */
export function tensorJson(tensor: HostTensor): Readonly<Record<string, unknown>> {
  const data = numbersOf(tensor);
  return { elem: tensor.elem, dims: tensor.dims, ...(data && { data }) };
}
