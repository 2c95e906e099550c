/**
 * Weights that are a formula of their name, so that outputs computed elsewhere can be kept without the weights. The definition is
 * that of the fixtures: FNV-1a of the name, MurmurHash3's finaliser per element, scaled by kind and rounded once to float32.
 */

import type { ByteSource } from '../../src/io/bytes.ts';
import type { HostTensor } from '../../src/ir/types.ts';

function fnv1a(name: string): number {
  let h = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) h = Math.imul(h ^ byte, 0x01000193);
  return h >>> 0;
}

/** Element i of the uniform stream of a name, in [0, 1). */
function uniform(h: number, i: number): number {
  let x = (h + Math.imul(i, 0x9e3779b9)) | 0;
  x ^= x >>> 16;
  x = Math.imul(x, 0x85ebca6b);
  x ^= x >>> 13;
  x = Math.imul(x, 0xc2b2ae35);
  x ^= x >>> 16;
  return (x >>> 8) * 2 ** -24;
}

/** The element at a flat index of a named tensor, before rounding. */
function element(name: string, dims: readonly number[]): (i: number) => number {
  const h = fnv1a(name);
  if (name.startsWith('input:')) return (i) => 2 * uniform(h, i) - 1;
  if (name.endsWith('running_mean')) return (i) => 0.2 * (uniform(h, i) - 0.5);
  if (name.endsWith('running_var')) return (i) => 0.5 + uniform(h, i);
  if (dims.length === 1 && name.endsWith('.weight')) return (i) => 0.5 + uniform(h, i);
  if (dims.length <= 1) return (i) => 0.2 * (uniform(h, i) - 0.5);
  const bound = Math.sqrt(3 / dims.slice(1).reduce((a, b) => a * b, 1));
  return (i) => (2 * uniform(h, i) - 1) * bound;
}

export function formulaTensor(name: string, dims: readonly number[]): HostTensor {
  const at = element(name, dims);
  const count = dims.reduce((a, b) => a * b, 1);
  return { elem: 'f32', dims, data: Float64Array.from({ length: count }, (_, i) => Math.fround(at(i))) };
}

/** A safetensors file with these tensors that is never made: its bytes are computed where they are read. */
export function formulaCheckpoint(tensors: Readonly<Record<string, readonly number[]>>): ByteSource {
  const header: Record<string, unknown> = {};
  const starts: { readonly begin: number; readonly end: number; readonly at: (i: number) => number }[] = [];
  let offset = 0;
  for (const [name, dims] of Object.entries(tensors)) {
    const bytes = 4 * dims.reduce((a, b) => a * b, 1);
    header[name] = { dtype: 'F32', shape: dims, data_offsets: [offset, offset + bytes] };
    starts.push({ begin: offset, end: offset + bytes, at: element(name, dims) });
    offset += bytes;
  }
  const json = JSON.stringify(header);
  const text = new TextEncoder().encode(json.padEnd(Math.ceil(json.length / 8) * 8));
  const head = new Uint8Array(8 + text.length);
  new DataView(head.buffer).setBigUint64(0, BigInt(text.length), true);
  head.set(text, 8);
  const readSync = (start: number, length: number): Uint8Array => {
    const out = new Uint8Array(length);
    const view = new DataView(out.buffer);
    if (start < head.length) out.set(head.subarray(start, start + length));
    for (const tensor of starts) {
      const begin = head.length + tensor.begin;
      const from = Math.max(start, begin);
      const to = Math.min(start + length, head.length + tensor.end);
      if ((from - begin) % 4 !== 0 || (to - from) % 4 !== 0) {
        if (from < to) throw new Error('this file is read by whole elements');
      }
      for (let p = from; p < to; p += 4) view.setFloat32(p - start, tensor.at((p - begin) / 4), true);
    }
    return out;
  };
  return {
    name: 'formula.safetensors',
    size: head.length + offset,
    read: async (start, length) => readSync(start, length),
    readSync,
  };
}
