/**
 * PyTorch's stream of pickles, before 1.6 and with `_use_new_zipfile_serialization=False` after it. Source:
 * torch/serialization.py, `_legacy_load`.
 */
import { structureBudget } from '../../diagnostics/budget.ts';
import { truncatedFile } from '../../diagnostics/catalogue/bytes.ts';
import { damagedFile } from '../../diagnostics/catalogue/weights.ts';
import { fail } from '../../diagnostics/diagnostic.ts';
import { type ByteSource, readSpan, spanSource, u64At, viewOf } from '../../io/bytes.ts';
import { elemBytes } from '../../ir/types.ts';
import type { Nested } from '../nested.ts';
import { type Pickled, PickleEnds, unpickle } from './pickle.ts';
import { globals, nestedOf, pickleLimit, refuseAlone, storageId } from './torch-tensors.ts';

/** Whether these first bytes are the legacy stream's: a pickle of the number 0x1950a86a20f9469cfc6c, in any protocol. */
export function isLegacyTorch(head: Uint8Array): boolean {
  try {
    const options = { file: '', origin: 0, budget: structureBudget(0), globals: new Map(), persistent: (): Pickled => null };
    return unpickle(head.subarray(0, 64), 0, options).value === 0x1950a86a20f9469cfc6cn;
  } catch {
    // Nothing that begins otherwise need be a pickle at all.
    return false;
  }
}

/** magic, protocol version, system, the object, the list of storage keys, then per key a u64 count and its bytes. */
export async function readLegacyTorch(source: ByteSource): Promise<Nested> {
  const { name: file } = source;
  const damaged = (found: string, expected: string): never =>
    fail(damagedFile, { with: { format: 'legacy PyTorch', file, found, expected } });
  let bytes = await readSpan(source, 0, Math.min(source.size, 1 << 20), 'the pickles');
  const storages = new Map<string, { readonly size: number; readonly length: number }>();
  /** Runs one pickle; where the bytes at hand end first, takes twice as many and runs it again. */
  const next = async (start: number): Promise<{ readonly value: Pickled; readonly end: number }> => {
    for (;;) {
      try {
        return unpickle(bytes, start, {
          file,
          origin: 0,
          budget: structureBudget(source.size),
          globals,
          persistent: (id, refuse) => {
            let key = '';
            let total = 0;
            const storage = storageId(
              id,
              file,
              (k, length) => {
                key = k;
                total = length;
                return undefined;
              },
              refuse,
            );
            const known = storages.get(key);
            if (known && known.length !== total) refuse(`storage ${JSON.stringify(key)} in two sizes`, 'one');
            storages.set(key, { size: storage.elem ? elemBytes[storage.elem] : (storage.foreign?.bytes ?? 1), length: total });
            return storage;
          },
        });
      } catch (error) {
        if (!(error instanceof PickleEnds)) throw error;
      }
      if (bytes.length === source.size)
        return fail(truncatedFile, { with: { file, size: source.size, what: 'the rest of a pickle', needed: 'more' } });
      if (bytes.length >= pickleLimit) return damaged(`a pickle of more than ${pickleLimit} bytes`, 'a shorter one');
      bytes = await readSpan(source, 0, Math.min(source.size, bytes.length * 2), 'the pickles');
    }
  };
  const magic = await next(0);
  const protocol = await next(magic.end);
  if (protocol.value !== 1001) damaged(`protocol version ${String(protocol.value)}`, '1001');
  const system = await next(protocol.end);
  const facts =
    typeof system.value === 'object' && system.value !== null && 'kind' in system.value && system.value.kind === 'dict'
      ? system.value.entries
      : damaged('no system dict', 'one');
  const bigEndian = facts.get('little_endian') === false;
  const object = await next(system.end);
  refuseAlone(object.value, file);
  const keys = await next(object.end);
  const list =
    typeof keys.value === 'object' && keys.value !== null && 'kind' in keys.value && keys.value.kind === 'list'
      ? keys.value.items
      : damaged('no list of storage keys', 'one');
  const spans = new Map<string, ByteSource>();
  let at = keys.end;
  for (const key of list) {
    if (typeof key !== 'string') return damaged('a storage key that is no string', 'a string');
    const known =
      storages.get(key) ?? damaged(`storage ${JSON.stringify(key)}, which no tensor names`, 'a storage of the pickle');
    if (spans.has(key)) damaged(`storage ${JSON.stringify(key)} twice`, 'each once');
    const head = viewOf(await readSpan(source, at, 8, `the size of storage ${JSON.stringify(key)}`));
    const count = bigEndian ? head.getUint32(0, false) * 4294967296 + head.getUint32(4, false) : u64At(head, 0);
    const length = count * known.size;
    if (length !== known.length)
      damaged(`storage ${JSON.stringify(key)} of ${length} bytes`, `${known.length}, as the pickle says`);
    if (at + 8 + length > source.size)
      fail(truncatedFile, {
        with: {
          file,
          size: source.size,
          what: `storage ${JSON.stringify(key)}`,
          needed: `bytes ${at + 8} to ${at + 8 + length}`,
        },
      });
    spans.set(key, spanSource(source, at + 8, length));
    at += 8 + length;
  }
  const missing = (key: string): never =>
    damaged(`no bytes for storage ${JSON.stringify(key)}`, 'every storage that a tensor names');
  return nestedOf(object.value, file, (storage) => ({ source: spans.get(storage.key) ?? missing(storage.key), bigEndian }));
}
