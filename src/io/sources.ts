/** What programs hand over as bytes, as a source that is read piece by piece. */
import { type ArgumentKind, checkArgument, either } from '../diagnostics/arguments.ts';
import { type ByteSource, memorySource } from './bytes.ts';

/** The part of a Blob or File that is used; it belongs to browsers and Node alike, and to neither's types alone. */
export interface BlobLike {
  readonly size: number;
  /** Of a File. */
  readonly name?: string;
  slice(start?: number, end?: number): { arrayBuffer(): Promise<ArrayBuffer> };
}

/** Bytes of a file: in memory, of a Blob or File, or a source such as `fileSource` and `httpSource` make. */
export type Bytes = ByteSource | Uint8Array | ArrayBufferLike | BlobLike;

const isBuffer = (value: unknown): value is ArrayBufferLike => /^(?:Shared)?ArrayBuffer$/.test(tagOf(value));
const tagOf = (value: unknown): string => Object.prototype.toString.call(value).slice(8, -1);
const isBlob = (value: unknown): value is BlobLike => tagOf(value) === 'Blob' || tagOf(value) === 'File';
const isSource = (value: unknown): value is ByteSource =>
  typeof value === 'object' && value !== null && 'size' in value && 'read' in value && typeof value.read === 'function';

export const bytesKind: ArgumentKind = either({
  what: 'bytes (Uint8Array, ArrayBuffer, Blob), or a source of them (memorySource, fileSource, httpSource)',
  example: "fileSource('net.safetensors')",
  is: (value) => value instanceof Uint8Array || isBuffer(value) || isBlob(value) || isSource(value),
});

/** A Blob or File, of which only what is asked for is read. */
export function blobSource(blob: BlobLike, name?: string): ByteSource {
  checkArgument('blobSource', 'blob', blob, { what: 'a Blob or File', example: 'input.files[0]', is: isBlob });
  return {
    name: name ?? blob.name ?? '<blob>',
    size: blob.size,
    read: async (start, length) => new Uint8Array(await blob.slice(start, start + length).arrayBuffer()),
  };
}

/** The source of what a function of the API was given; `name` is what messages call what has none of its own. */
export function sourceFrom(given: Bytes, name: string): ByteSource {
  if (given instanceof Uint8Array) return memorySource(name, given);
  if (isBuffer(given)) return memorySource(name, new Uint8Array(given));
  return isBlob(given) ? blobSource(given, given.name ?? name) : given;
}
