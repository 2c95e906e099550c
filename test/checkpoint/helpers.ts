/** Byte strings for hostile and hand-made files, and the few checks that all tests of this room share. */

import { type Checkpoint, openCheckpoint } from '../../src/checkpoint/checkpoint.ts';
import { DiagnosticError } from '../../src/diagnostics/diagnostic.ts';
import { type ByteSource, memorySource } from '../../src/io/bytes.ts';
import type { HostTensor } from '../../src/ir/types.ts';
import { literal } from '../support/tensors.ts';

export type Part = string | number | readonly number[] | Uint8Array;
export function bytesOf(...parts: readonly Part[]): Uint8Array {
  const out: number[] = [];
  for (const part of parts) {
    if (typeof part === 'number') out.push(part);
    else if (typeof part === 'string') for (const c of part) out.push(c.charCodeAt(0));
    else out.push(...part);
  }
  return Uint8Array.from(out);
}
/** Little-endian. */
export function le(value: number | bigint, size: number): readonly number[] {
  return Array.from({ length: size }, (_, i) => Number((BigInt(value) >> BigInt(8 * i)) & 0xffn));
}

export interface ZipPart {
  readonly name: string;
  readonly data: Uint8Array;
  readonly method?: number;
  readonly size?: number;
  readonly packed?: number;
  readonly local?: number;
  readonly flags?: number;
}
/** A zip archive with stored entries, each field of the directory free to lie. */
export function zipOf(parts: readonly ZipPart[]): Uint8Array {
  const body: number[] = [];
  const directory: number[] = [];
  for (const part of parts) {
    const at = body.length;
    const sizes = [
      ...le(0, 4),
      ...le(part.packed ?? part.data.length, 4),
      ...le(part.size ?? part.data.length, 4),
      ...le(part.name.length, 2),
      ...le(0, 2),
    ];
    body.push(
      ...bytesOf('PK\x03\x04', le(20, 2), le(part.flags ?? 0, 2), le(part.method ?? 0, 2), le(0, 4), sizes, part.name, part.data),
    );
    directory.push(
      ...bytesOf('PK\x01\x02', le(20, 2), le(20, 2), le(part.flags ?? 0, 2), le(part.method ?? 0, 2), le(0, 4), sizes),
    );
    directory.push(...bytesOf(le(0, 2), le(0, 2), le(0, 2), le(0, 4), le(part.local ?? at, 4), part.name));
  }
  const end = bytesOf(
    'PK\x05\x06',
    le(0, 4),
    le(parts.length, 2),
    le(parts.length, 2),
    le(directory.length, 4),
    le(body.length, 4),
    le(0, 2),
  );
  return bytesOf(body, directory, end);
}
/** The zip form of torch.save around a pickle. */
export function torchZip(pickle: Uint8Array, storages: Readonly<Record<string, Uint8Array>> = {}): Uint8Array {
  return zipOf([
    { name: 'a/data.pkl', data: pickle },
    ...Object.entries(storages).map(([key, data]) => ({ name: `a/data/${key}`, data })),
  ]);
}
export function safetensorsOf(header: string, data: Uint8Array = new Uint8Array()): Uint8Array {
  return bytesOf(le(header.length, 8), header, data);
}

/** The code that opening these bytes ends with; `none` when they open. */
export async function codeOf(source: ByteSource | Uint8Array): Promise<string> {
  try {
    await openCheckpoint(source instanceof Uint8Array ? memorySource('test.pt', source) : source);
    return 'none';
  } catch (error) {
    // Anything else is a bug of ours, and the test shows where.
    if (!(error instanceof DiagnosticError)) throw error;
    return error.diagnostics[0]?.code ?? '';
  }
}
/** As if a file held these tensors by these names. */
export function checkpointOf(tensors: Iterable<readonly [string, HostTensor]>): Checkpoint {
  const entries = [...tensors].map(
    ([name, tensor]) => [name, { name, elem: tensor.elem, dims: tensor.dims, expr: literal(tensor) }] as const,
  );
  return { format: 'list', name: 'published', dicts: [{ key: '', tensors: new Map(entries) }] };
}
/** A source that can only be awaited, as a browser's is. */
export function asyncSource(
  name: string,
  bytes: Uint8Array,
): ByteSource & { readonly reads: { start: number; length: number }[] } {
  const reads: { start: number; length: number }[] = [];
  return {
    name,
    size: bytes.length,
    reads,
    read: async (start, length) => {
      reads.push({ start, length });
      return bytes.slice(start, start + length);
    },
  };
}
