/**
 * NumPy's .npy arrays and .npz archives of them. Source: NumPy 2.0, numpy.lib.format, versions 1 to 3. Arrays of other
 * types than numbers (Python objects, which are pickles, texts, records) are never read: a placeholder stands for them.
 */
import { truncatedFile } from '../../diagnostics/catalogue/bytes.ts';
import { damagedFile, refusedElement } from '../../diagnostics/catalogue/weights.ts';
import { fail } from '../../diagnostics/diagnostic.ts';
import { type ByteSource, readSpan, spanSource, utf8, viewOf } from '../../io/bytes.ts';
import type { ZipEntry } from '../../io/zip.ts';
import { elemsBy } from '../../ir/elem.ts';
import { elemBytes, elementCount } from '../../ir/types.ts';
import type { Nested } from '../nested.ts';

const elems = elemsBy((facts) => facts.numpy);
const headerLimit = 65536;

export function isNpy(head: Uint8Array): boolean {
  return [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59].every((byte, i) => head[i] === byte);
}

/** `head` begins with the array's header, or is the whole of a shorter array; `source` holds the array. */
function arrayOf(head: Uint8Array, source: ByteSource, name: string, file: string): Nested {
  const damaged = (found: string, expected: string): never =>
    fail(damagedFile, { with: { format: 'NumPy', file, found: `array ${JSON.stringify(name)}: ${found}`, expected } });
  const cut = (what: string, needed: string): never =>
    fail(truncatedFile, { with: { file, size: source.size, what: `${what} of array ${JSON.stringify(name)}`, needed } });
  if (!isNpy(head)) damaged('no NumPy array', 'one');
  if (head.length < 12) cut('the header', '12 bytes');
  const view = viewOf(head);
  const version = head[6] ?? 0;
  if (version < 1 || version > 3) damaged(`version ${version}`, '1 to 3');
  const start = version === 1 ? 10 : 12;
  const length = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (length > headerLimit) damaged(`a header of ${length} bytes`, `at most ${headerLimit}`);
  if (head.length < start + length) cut('the header', `${start + length} bytes`);
  const text = utf8(head.subarray(start, start + length)) ?? damaged('a header that is not UTF-8', 'UTF-8');
  const descr = /'descr': *'([<>|=])([a-zA-Z]\d*)'/.exec(text);
  const order = /'fortran_order': *(True|False)/.exec(text)?.[1];
  const shape = /'shape': *\(([\d, ]*)\)/.exec(text)?.[1];
  const elem = elems.get(descr?.[2] ?? '');
  if (order === undefined || shape === undefined)
    return damaged(`header ${JSON.stringify(text.slice(0, 80).trim())}`, 'descr, fortran_order and shape');
  const dims = shape
    .split(',')
    .map((s) => s.trim())
    .filter((s) => s !== '')
    .map(Number);
  if (!Number.isSafeInteger(elementCount(dims) * 8) || dims.some((d) => !Number.isSafeInteger(d)))
    damaged(`shape (${shape})`, 'fewer than 2^50 elements');
  if (!elem) {
    const type = /'descr': *('[^']*'|\[.{0,60})/.exec(text)?.[1] ?? 'no type';
    const complex = descr?.[2]?.startsWith('c') === true;
    // Each element of a complex array has as many bytes as its type says.
    const size = complex ? elementCount(dims) * Number(descr?.[2]?.slice(1)) : source.size - start - length;
    return {
      kind: 'foreign',
      elem: complex ? `complex${Number(descr?.[2]?.slice(1)) * 8}` : type,
      dims,
      bytes: size,
      object: !complex,
    };
  }
  const bytes = elementCount(dims) * elemBytes[elem];
  if (start + length + bytes > source.size) cut('the data', `${start + length + bytes} bytes`);
  let step = 1;
  const strides = dims.map((d) => {
    step *= d;
    return step / d;
  });
  return {
    kind: 'tensor',
    span: {
      source,
      offset: start + length,
      elem,
      dims,
      bigEndian: descr?.[1] === '>',
      name,
      ...(order === 'True' && dims.length > 1 && bytes > 0 && { strides }),
    },
  };
}

export async function readNpy(source: ByteSource): Promise<Nested> {
  const head = await readSpan(source, 0, Math.min(source.size, headerLimit + 12), 'the header');
  const base = source.name.replace(/^.*[\\/]/, '').replace(/\.npy$/, '');
  const value = arrayOf(head, source, base, source.name);
  if (value.kind === 'foreign')
    fail(refusedElement, {
      with: { file: source.name, tensor: base, found: value.elem, hint: 'save an array of numbers: numpy.save(file, array)' },
    });
  return { kind: 'dict', children: [{ name: base, value }] };
}

export async function readNpz(source: ByteSource, entries: ReadonlyMap<string, ZipEntry>): Promise<Nested> {
  const children: { name: string; value: Nested }[] = [];
  for (const entry of entries.values()) {
    if (!entry.name.endsWith('.npy')) continue;
    const name = entry.name.slice(0, -4);
    const first = await entry.head(128);
    // Most headers have 128 bytes; where the length says more, the head is read again.
    const view = viewOf(first);
    const needed =
      first.length < 12 ? 0 : first[6] === 1 ? 10 + view.getUint16(8, true) : 12 + Math.min(view.getUint32(8, true), headerLimit);
    const head = needed > first.length ? await entry.head(needed) : first;
    children.push({ name, value: arrayOf(head, spanSource(entry.bytes, 0, entry.size), name, source.name) });
  }
  return { kind: 'dict', children };
}
