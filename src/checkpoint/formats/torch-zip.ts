/** PyTorch's zip form, since 1.6. Source: torch/serialization.py. */
import { structureBudget } from '../../diagnostics/budget.ts';
import { damagedFile, damagedPickle } from '../../diagnostics/catalogue/weights.ts';
import { fail } from '../../diagnostics/diagnostic.ts';
import { type ByteSource, readSpan, utf8 } from '../../io/bytes.ts';
import type { ZipEntry } from '../../io/zip.ts';
import type { Nested } from '../nested.ts';
import { type Pickled, PickleEnds, unpickle } from './pickle.ts';
import { globals, nestedOf, pickleLimit, type Refuse, storageId } from './torch-tensors.ts';

/** The name of the archive's pickle, by which the form is known. */
export function pickleOf(entries: ReadonlyMap<string, ZipEntry>): string | undefined {
  return [...entries.keys()].find((name) => name === 'data.pkl' || /^[^/]+\/data\.pkl$/.test(name));
}

export async function readTorchZip(
  source: ByteSource,
  entries: ReadonlyMap<string, ZipEntry>,
  pickleName: string,
): Promise<Nested> {
  const root = pickleName.slice(0, -'data.pkl'.length);
  const entry = entries.get(pickleName);
  if (!entry || entry.size > pickleLimit)
    return fail(damagedFile, {
      with: {
        format: 'PyTorch',
        file: source.name,
        found: `a pickle of ${entry?.size ?? 0} bytes`,
        expected: `at most ${pickleLimit}`,
      },
    });
  const bytes = await readSpan(entry.bytes, 0, entry.size, 'data.pkl');
  const order = entries.get(`${root}byteorder`);
  const orderText = order && order.size < 16 ? utf8(await readSpan(order.bytes, 0, order.size, 'byteorder')) : 'little';
  if (orderText !== 'little' && orderText !== 'big')
    fail(damagedFile, {
      with: { format: 'PyTorch', file: source.name, found: `byte order ${JSON.stringify(orderText)}`, expected: 'little or big' },
    });
  const find = (key: string, length: number, refuse: Refuse): ByteSource => {
    const data = entries.get(`${root}data/${key}`);
    if (!data) return refuse(`storage ${JSON.stringify(key)}, which is missing in the archive`, 'an entry of the archive');
    if (data.size < length)
      refuse(`storage ${JSON.stringify(key)} of ${length} bytes`, `at most ${data.size}, the size of its entry`);
    return data.bytes;
  };
  let value: Pickled;
  try {
    ({ value } = unpickle(bytes, 0, {
      file: source.name,
      origin: 0,
      budget: structureBudget(source.size),
      globals,
      persistent: (id, refuse) => storageId(id, source.name, find, refuse),
    }));
  } catch (error) {
    if (error instanceof PickleEnds)
      return fail(damagedPickle, {
        with: { file: source.name, found: 'the end of data.pkl', expected: 'the end of the pickle first', offset: bytes.length },
      });
    throw error;
  }
  const missing = (): never =>
    fail(damagedFile, { with: { format: 'PyTorch', file: source.name, found: 'a storage without bytes', expected: 'an entry' } });
  return nestedOf(value, source.name, (storage) => ({ source: storage.bytes ?? missing(), bigEndian: orderText === 'big' }));
}
