/** PyTorch's tar form, before 0.1.10. Source: torch/serialization.py, `_load` → `legacy_load`. */
import { structureBudget } from '../../diagnostics/budget.ts';
import { truncatedFile } from '../../diagnostics/catalogue/bytes.ts';
import { damagedFile, pickledModule } from '../../diagnostics/catalogue/weights.ts';
import { fail } from '../../diagnostics/diagnostic.ts';
import { type ByteSource, readSpan, spanSource, u64At, viewOf } from '../../io/bytes.ts';
import { elemBytes } from '../../ir/types.ts';
import type { Nested } from '../nested.ts';
import { type GlobalCall, type Pickled, type PickledStorage, type PickledTensor, PickleEnds, unpickle } from './pickle.ts';
import { globals, isNatural, kindOf, nestedOf, pickleLimit, type Refuse, rebuild, storageTypes } from './torch-tensors.ts';

/** What the tar form names besides: types of tensors, and those of the GPU, which hold the same numbers. */
const tarGlobals: ReadonlyMap<string, GlobalCall> = new Map<string, GlobalCall>([
  ...globals,
  ...[...storageTypes.keys()].flatMap((name): [string, GlobalCall][] =>
    [name, name.replace('Storage', 'Tensor')].flatMap((type): [string, GlobalCall][] =>
      ['torch.', 'torch.cuda.'].map((room): [string, GlobalCall] => [
        room + type,
        (_args, refuse) => refuse('a call', 'a name alone'),
      ]),
    ),
  ),
]);

/** Whether an archive is one: the three entries that torch wrote. */
export function isTarTorch(entries: ReadonlyMap<string, ByteSource>): boolean {
  return ['storages', 'tensors', 'pickle'].every((name) => entries.has(name));
}

/**
 * Three files: `storages` (a count, then per storage a pickle of key, location and type, a u64 count and its bytes; then a list
 * of views), `tensors` (a count, then per tensor a pickle of key, storage and type, the rank as 8 bytes, sizes, strides, offset),
 * and `pickle` (the object, tensors by their keys). Source: torch.serialization, `_load` → `legacy_load`.
 */
export async function readTarTorch(source: ByteSource, entries: ReadonlyMap<string, ByteSource>): Promise<Nested> {
  const { name: file } = source;
  const damaged = (found: string, expected: string): never =>
    fail(damagedFile, { with: { format: 'PyTorch tar', file, found, expected } });
  const itemsOf = (value: Pickled, count: number, what: string): readonly Pickled[] => {
    const items =
      typeof value === 'object' && value !== null && 'kind' in value && (value.kind === 'tuple' || value.kind === 'list')
        ? value.items
        : [];
    return items.length === count ? items : damaged(`${kindOf(value)} in place of ${what}`, `a tuple of ${count}`);
  };
  const natural = (value: Pickled | undefined, what: string): number =>
    isNatural(value) ? value : damaged(`${what} that is no natural number`, 'a natural number');
  /** Keys were addresses in memory. */
  const keyOf = (value: Pickled | undefined): string =>
    typeof value === 'number' || typeof value === 'bigint' || typeof value === 'string'
      ? String(value)
      : damaged(`${kindOf(value)} in place of a key`, 'a number');
  /** The pickles and raw bytes of one entry, one after another. */
  const reader = (
    name: string,
    persistent: (id: Pickled, refuse: Refuse) => Pickled = (_id, refuse) => refuse('a persistent id', 'none here'),
  ) => {
    const entry = entries.get(name) ?? damaged(`no ${name}`, 'one');
    let at = 0;
    return {
      async pickle(): Promise<Pickled> {
        for (let length = 65536; ; length *= 4) {
          const bytes = await readSpan(entry, at, Math.min(length, entry.size - at), name);
          try {
            const budget = structureBudget(source.size);
            const { value, end } = unpickle(bytes, 0, { file, origin: at, budget, globals: tarGlobals, persistent });
            at += end;
            return value;
          } catch (error) {
            if (!(error instanceof PickleEnds)) throw error;
            if (bytes.length === entry.size - at) return damaged(`${name}, which ends inside a pickle`, 'a whole one');
            if (bytes.length >= pickleLimit) return damaged(`a pickle of more than ${pickleLimit} bytes`, 'a shorter one');
          }
        }
      },
      async bytes(length: number, what: string): Promise<DataView> {
        const view = viewOf(await readSpan(entry, at, length, what));
        at += length;
        return view;
      },
      skip(length: number, what: string): ByteSource {
        if (at + length > entry.size)
          fail(truncatedFile, { with: { file, size: source.size, what, needed: `${at + length} bytes of ${name}` } });
        at += length;
        return spanSource(entry, at - length, length);
      },
    };
  };
  const storages = new Map<string, PickledStorage>();
  const storageFile = reader('storages');
  const storageCount = natural(await storageFile.pickle(), 'a count of storages');
  for (let i = 0; i < storageCount; i++) {
    const [key, , type] = itemsOf(await storageFile.pickle(), 3, 'a storage');
    const name = typeof type === 'object' && type !== null && 'kind' in type && type.kind === 'global' ? type.name : '';
    const elem =
      storageTypes.get(name.replace(/^torch\.(cuda\.)?/, '')) ??
      damaged(`a storage of type ${JSON.stringify(name)}`, 'a torch storage');
    const count = u64At(await storageFile.bytes(8, 'the size of a storage'), 0);
    const bytes = storageFile.skip(count * elemBytes[elem], `storage ${keyOf(key)}`);
    storages.set(keyOf(key), { kind: 'storage', key: keyOf(key), elem, count, begin: 0, bytes });
  }
  const views = await storageFile.pickle();
  for (const view of typeof views === 'object' && views !== null && 'kind' in views && views.kind === 'list' ? views.items : []) {
    const [target, root, offset, length] = itemsOf(view, 4, 'a view');
    const whole = storages.get(keyOf(root)) ?? damaged(`a view of storage ${keyOf(root)}`, 'a storage of the file');
    const begin = natural(offset, 'an offset');
    const count = natural(length, 'a length');
    if (begin + count > whole.count) damaged(`a view past the end of storage ${keyOf(root)}`, `at most ${whole.count} elements`);
    storages.set(keyOf(target), { ...whole, key: keyOf(target), begin: whole.begin + begin, count });
  }
  const tensors = new Map<string, PickledTensor>();
  const tensorFile = reader('tensors');
  const tensorCount = natural(await tensorFile.pickle(), 'a count of tensors');
  for (let i = 0; i < tensorCount; i++) {
    const [key, storageKey] = itemsOf(await tensorFile.pickle(), 3, 'a tensor');
    const storage =
      storages.get(keyOf(storageKey)) ?? damaged(`a tensor in storage ${keyOf(storageKey)}`, 'a storage of the file');
    const rank = (await tensorFile.bytes(8, 'the rank of a tensor')).getInt32(0, true);
    if (rank < 0 || rank > 64) damaged(`a tensor of rank ${rank}`, '0 to 64');
    const numbers = await tensorFile.bytes(16 * rank + 8, 'sizes and strides of a tensor');
    const at = (index: number): number => u64At(numbers, 8 * index);
    const list = (from: number): Pickled => ({
      kind: 'tuple',
      items: Array.from({ length: rank }, (_, axis) => at(from + axis)),
    });
    const tensor = rebuild(storage, at(2 * rank), list(0), list(rank), undefined, damaged);
    if (tensor.kind === 'tensor') tensors.set(keyOf(key), tensor);
  }
  const object = await reader('pickle', (id, refuse) => {
    const items = typeof id === 'object' && id !== null && 'kind' in id && id.kind === 'tuple' ? id.items : undefined;
    // A tuple stands for a module's class with its source, and its first item is the class.
    if (items) fail(pickledModule, { with: { file, name: kindOf(items[0]) } });
    return (
      tensors.get(keyOf(id)) ??
      storages.get(keyOf(id)) ??
      refuse(`tensor ${keyOf(id)}, which the file has not`, 'one of its tensors')
    );
  }).pickle();
  const missing = (): never => damaged('a storage without bytes', 'one');
  return nestedOf(object, file, (storage) => ({ source: storage.bytes ?? missing(), bigEndian: false }));
}
