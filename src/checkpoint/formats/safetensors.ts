/**
 * safetensors: a u64 length, that many bytes of JSON (name → dtype, shape, data_offsets), then the data, without holes. Source:
 * github huggingface/safetensors, README "Format"; its limits are kept: a header of at most 100 MB that begins with `{`, every
 * byte of the data used once.
 */
import { truncatedFile } from '../../diagnostics/catalogue/bytes.ts';
import { damagedFile, duplicateTensor, tensorOutside } from '../../diagnostics/catalogue/weights.ts';
import { fail } from '../../diagnostics/diagnostic.ts';
import { type ByteSource, readSpan, u64At, utf8, viewOf } from '../../io/bytes.ts';
import { parseJson } from '../../io/json.ts';
import { elemsBy } from '../../ir/elem.ts';
import { elemBytes, elementCount } from '../../ir/types.ts';
import type { Nested } from '../nested.ts';

const headerLimit = 100_000_000;
const elems = elemsBy((facts) => facts.safetensors);

/** Whether a file may be one: a plausible length and a JSON object behind it. */
export function isSafetensors(head: Uint8Array): boolean {
  return head.length >= 9 && head[8] === 0x7b && u64At(viewOf(head), 0) <= Number.MAX_SAFE_INTEGER;
}

/** Keys of the outermost object, in order; JSON.parse would keep the last of two equal ones silently. The text is JSON. */
function outerKeys(json: string): readonly string[] {
  const keys: string[] = [];
  let depth = 0;
  let wantsKey = false;
  for (let i = 0; i < json.length; i++) {
    const c = json[i];
    if (c === '"') {
      const start = i;
      for (i++; i < json.length && json[i] !== '"'; i++) if (json[i] === '\\') i++;
      if (depth === 1 && wantsKey) {
        const key: unknown = JSON.parse(json.slice(start, i + 1));
        if (typeof key === 'string') keys.push(key);
        wantsKey = false;
      }
    } else if (c === '{' || c === '[') {
      depth++;
      wantsKey = depth === 1;
    } else if (c === '}' || c === ']') depth--;
    else if (c === ',' && depth === 1) wantsKey = true;
  }
  return keys;
}

function naturals(value: unknown): readonly number[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const out: number[] = [];
  for (const item of value) {
    if (typeof item !== 'number' || !Number.isSafeInteger(item) || item < 0) return undefined;
    out.push(item);
  }
  return out;
}

export async function readSafetensors(source: ByteSource): Promise<Nested> {
  const { name: file } = source;
  const damaged = (found: string, expected: string): never =>
    fail(damagedFile, { with: { format: 'safetensors', file, found, expected } });
  const length = u64At(viewOf(await readSpan(source, 0, 8, 'the length of the header')), 0);
  if (length > headerLimit) damaged(`a header of ${length} bytes`, `at most ${headerLimit}`);
  const text = utf8(await readSpan(source, 8, length, 'the header')) ?? damaged('a header that is not UTF-8', 'UTF-8');
  const header = parseJson(text, source.size, (found, expected) => damaged(`a header with ${found}`, expected));
  if (typeof header !== 'object' || header === null || Array.isArray(header))
    return damaged('a header that is no object', 'an object');
  const seen = new Set<string>();
  for (const key of outerKeys(text)) {
    if (seen.has(key)) fail(duplicateTensor, { with: { file, tensor: key } });
    seen.add(key);
  }
  const start = 8 + length;
  const children: { name: string; value: Nested }[] = [];
  const spans: { readonly name: string; readonly begin: number; readonly end: number }[] = [];
  for (const [name, value] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const record: unknown = value;
    const quoted = JSON.stringify(name);
    if (
      typeof record !== 'object' ||
      record === null ||
      !('dtype' in record) ||
      !('shape' in record) ||
      !('data_offsets' in record)
    )
      return damaged(`tensor ${quoted} without dtype, shape or data_offsets`, 'all three');
    const dims =
      naturals(record.shape) ??
      damaged(`tensor ${quoted} with a shape of something else than natural numbers`, 'natural numbers');
    const [begin, end, ...more] = naturals(record.data_offsets) ?? [];
    if (begin === undefined || end === undefined || more.length > 0 || begin > end)
      return damaged(`tensor ${quoted} with data_offsets ${JSON.stringify(record.data_offsets)}`, 'two ascending numbers');
    if (typeof record.dtype !== 'string') return damaged(`tensor ${quoted} with a dtype that is no text`, 'a name such as "F32"');
    if (start + end > source.size)
      fail(truncatedFile, {
        with: { file, size: source.size, what: `tensor ${name}`, needed: `bytes ${start + begin} to ${start + end}` },
      });
    spans.push({ name, begin, end });
    const elem = elems.get(record.dtype);
    if (!elem) {
      children.push({ name, value: { kind: 'foreign', elem: record.dtype.slice(0, 64), dims, bytes: end - begin } });
      continue;
    }
    const bytes = elementCount(dims) * elemBytes[elem];
    if (bytes !== end - begin)
      fail(tensorOutside, {
        with: { file, tensor: name, found: `${end - begin} bytes`, expected: `${bytes} for ${elem}[${dims.join(', ')}]` },
      });
    children.push({ name, value: { kind: 'tensor', span: { source, offset: start + begin, elem, dims, name } } });
  }
  spans.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let at = 0;
  for (const { name, begin, end } of spans) {
    if (begin !== at)
      fail(tensorOutside, {
        with: {
          file,
          tensor: name,
          found: `its data at byte ${begin} of the data`,
          expected: `${at}, where the tensor before it ends`,
        },
      });
    at = end;
  }
  if (start + at !== source.size) damaged(`${source.size - start - at} bytes behind the last tensor`, 'none');
  return { kind: 'dict', children };
}
