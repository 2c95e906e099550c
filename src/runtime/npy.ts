/**
 * NumPy's .npy format, versions 1.0 to 3.0 (numpy.lib.format): the magic, a header that is a Python literal, then the elements.
 * Written are version 1.0, little-endian, C order. The header is scanned, never evaluated.
 */
import { bytes as bytesOnly, checkArgument, hostTensor, text } from '../diagnostics/arguments.ts';
import { outside } from '../diagnostics/at.ts';
import * as catalogue from '../diagnostics/catalogue/runtime.ts';
import { fail } from '../diagnostics/diagnostic.ts';
import { elemFacts, elemsBy } from '../ir/elem.ts';
import { type ElemType, elemBytes, elementCount, type HostTensor } from '../ir/types.ts';
import { decodeTensor, encodeTensor } from '../tensor/round.ts';

/** Browsers and Node have them alike. */
declare const TextDecoder: { new (label: string): { decode(bytes: Uint8Array): string } };
declare const TextEncoder: { new (): { encode(text: string): Uint8Array } };

const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
/** A header has some 100 bytes; a larger one is damage. */
const maxHeader = 1 << 20;

const elemOfCode = elemsBy((facts) => facts.numpy);
/** By kind and width, booleans last. */
const allCodes = [...elemOfCode.keys()].sort((a, b) => Number(a === 'b1') - Number(b === 'b1') || (a < b ? -1 : 1)).join(', ');

export function isNpy(bytes: Uint8Array): boolean {
  return magic.every((b, i) => bytes[i] === b);
}

/** Throws `DiagnosticError` (RES0821), also for a file that is cut off or has bytes too many. `file` is for messages. */
export function parseNpy(bytes: Uint8Array, file: string): HostTensor {
  checkArgument('parseNpy', 'bytes', bytes, bytesOnly);
  checkArgument('parseNpy', 'file', file, text);
  const broken = (found: string, expected: string, hint = `numpy.save("${file}", array)`): never =>
    fail(catalogue.npyBroken, { with: { file, found, expected, hint } });
  if (!isNpy(bytes)) broken('no magic bytes', 'the bytes 93 4E 55 4D 50 59 at the start');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = bytes[6] ?? 0;
  if (bytes.length < 8 || version < 1 || version > 3) broken(`version ${version}`, 'version 1, 2 or 3');
  const lengthBytes = version === 1 ? 2 : 4;
  const start = 8 + lengthBytes;
  if (bytes.length < start) broken(`${bytes.length} bytes`, `at least ${start} bytes`);
  const headerLength = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (headerLength > maxHeader) broken(`a header of ${headerLength} bytes`, `at most ${maxHeader}`);
  const begin = start + headerLength;
  if (bytes.length < begin) broken(`${bytes.length} bytes`, `${begin} bytes of header alone`);
  const header = new TextDecoder(version === 3 ? 'utf-8' : 'latin1').decode(bytes.subarray(start, begin));
  const code = /['"]descr['"]\s*:\s*['"]([<>|=]?)([a-zA-Z]\w*)['"]/.exec(header);
  const order = /['"]fortran_order['"]\s*:\s*(True|False)/.exec(header)?.[1];
  const shape = /['"]shape['"]\s*:\s*\(([^()]*)\)/.exec(header)?.[1];
  if (!code || order === undefined || shape === undefined)
    return broken(header.trim(), "'descr' (one simple type), 'fortran_order' and 'shape'");
  const elem = elemOfCode.get(code[2] ?? '');
  if (!elem) {
    const hint = `numpy.save("${file}", array.astype("float32"))`;
    return broken(`elements of type ${code[1] ?? ''}${code[2] ?? ''}`, `numbers or booleans: ${allCodes}`, hint);
  }
  const dims: number[] = [];
  for (const part of shape.split(',')) {
    const text = part.trim().replace(/L$/, '');
    if (text === '') continue;
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(Number(text))) return broken(`shape (${shape})`, 'whole numbers');
    dims.push(Number(text));
  }
  const count = elementCount(dims);
  const width = elemBytes[elem];
  const size = count * width;
  if (!Number.isSafeInteger(size) || bytes.length - begin !== size) {
    return broken(`${bytes.length - begin} bytes of elements`, `${size} bytes for ${elem}[${dims.join(', ')}]`);
  }
  const stored = decodeTensor(elem, dims, bytes.subarray(begin), code[1] === '>');
  if (order === 'False' || dims.length < 2) return stored;
  const at = fortranOffsets(dims);
  const { data, wide } = stored;
  return {
    elem,
    dims,
    data: data.map((_, i) => data[at(i)] ?? outside()),
    wide: wide?.slice().map((_: bigint, i: number) => wide[at(i)] ?? outside()),
  };
}

/** Where row-major element i lies in a column-major array: Σ index_a · Π_{b<a} dims_b. */
function fortranOffsets(dims: readonly number[]): (i: number) => number {
  const strides = dims.map((_, axis) => elementCount(dims.slice(0, axis)));
  return (i) => {
    let rest = i;
    let offset = 0;
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      const size = dims[axis] ?? 1;
      offset += (rest % size) * (strides[axis] ?? outside());
      rest = Math.floor(rest / size);
    }
    return offset;
  };
}

/** The tensor as a file. bf16, which NumPy has not, is written as f32, which holds every value of it. */
export function npyBytes(tensor: HostTensor): Uint8Array<ArrayBuffer> {
  checkArgument('npyBytes', 'tensor', tensor, hostTensor);
  const elem: ElemType = elemFacts[tensor.elem].numpy === undefined ? 'f32' : tensor.elem;
  const code = elemFacts[elem].numpy;
  const width = elemBytes[elem];
  const shape = tensor.dims.length === 1 ? `${tensor.dims[0]},` : tensor.dims.join(', ');
  const literal = `{'descr': '${width === 1 ? '|' : '<'}${code}', 'fortran_order': False, 'shape': (${shape}), }`;
  // The elements begin at a multiple of 64, as NumPy has it, so that they can be mapped into memory; the header ends in a line
  // break.
  const begin = Math.ceil((10 + literal.length + 1) / 64) * 64;
  const out = new Uint8Array(begin + tensor.data.length * width);
  out.set(magic);
  out[6] = 1;
  const view = new DataView(out.buffer);
  view.setUint16(8, begin - 10, true);
  out.set(new TextEncoder().encode(`${literal.padEnd(begin - 11)}\n`), 10);
  encodeTensor({ ...tensor, elem }, out, begin);
  return out;
}
