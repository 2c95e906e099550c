/**
 * PyTorch's files: the zip form (since 1.6), the legacy stream of pickles before it, and the tar form before 0.1.10. Source:
 * torch/serialization.py, torch/_utils.py. Nothing is executed: `pickle.ts` builds plain data, and the calls that rebuild tensors are the ones below.
 */
import { structureBudget } from '../../diagnostics/budget.ts';
import { damagedFile, damagedPickle, pickledModule, refusedGlobal, truncatedFile } from '../../diagnostics/catalogue/weights.ts';
import { fail } from '../../diagnostics/diagnostic.ts';
import { type ByteSource, readSpan, spanSource, u64At, utf8, viewOf } from '../../io/bytes.ts';
import type { ZipEntry } from '../../io/zip.ts';
import { elemFacts, elemsBy, elemTypes, otherElems } from '../../ir/elem.ts';
import { type ElemType, elemBytes, elementCount } from '../../ir/types.ts';
import { extentOf } from '../../tensor/stored.ts';
import type { Nested } from '../nested.ts';
import {
  type GlobalCall,
  type Pickled,
  type PickledObject,
  type PickledStorage,
  type PickledTensor,
  PickleEnds,
  unpickle,
} from './pickle.ts';

/** Bytes of a pickle: a network of 10,000 blocks has some 10 MB of names and shapes. */
const pickleLimit = 64 * 1024 * 1024;

const storageTypes = elemsBy((facts) => facts.torchStorage);
/** Storages of numbers that no graph has. */
const foreignStorages = new Map(
  otherElems.flatMap(({ name, bits = 8, torchStorage }) =>
    torchStorage === undefined ? [] : [[torchStorage, { elem: name, bytes: bits / 8 }] as const],
  ),
);
const scalarTypes = new Map(
  elemTypes.flatMap((elem) => {
    const { dtype, torchAliases = [] } = elemFacts[elem];
    return [dtype, ...torchAliases].map((name) => [name, elem] as const);
  }),
);

type Refuse = (found: string, expected: string) => never;
const kindOf = (value: Pickled | undefined): string =>
  typeof value === 'object' && value !== null && 'kind' in value ? value.kind : typeof value;

function isNatural(value: Pickled | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
function naturals(value: Pickled | undefined, what: string, refuse: Refuse): readonly number[] {
  if (typeof value === 'object' && value !== null && 'kind' in value && (value.kind === 'tuple' || value.kind === 'list')) {
    if (value.items.length > 64) refuse(`${value.items.length} ${what}`, 'at most 64');
    return value.items.map((item) => (isNatural(item) ? item : refuse(`${what} that are no natural numbers`, 'natural numbers')));
  }
  return refuse(`${kindOf(value)} in place of ${what}`, 'a tuple');
}

function rebuild(
  storage: Pickled | undefined,
  offset: Pickled | undefined,
  size: Pickled | undefined,
  stride: Pickled | undefined,
  elem: ElemType | undefined,
  refuse: Refuse,
): PickledTensor | PickledObject {
  if (typeof storage !== 'object' || storage === null || !('kind' in storage) || storage.kind !== 'storage')
    return refuse(`${kindOf(storage)} in place of a storage`, 'a storage');
  if (!isNatural(offset)) return refuse('an offset that is no natural number', 'a natural number');
  const dims = naturals(size, 'sizes', refuse);
  const strides = naturals(stride, 'strides', refuse);
  if (storage.foreign) {
    const { elem: name, bytes } = storage.foreign;
    return { kind: 'opaque', name, tensor: { elem: name, bytes: bytes * elementCount(dims) }, dims };
  }
  const type = elem ?? storage.elem;
  if (!type) return refuse('an untyped storage', 'an element type');
  if (dims.length !== strides.length) refuse(`${dims.length} sizes and ${strides.length} strides`, 'as many');
  const extent = extentOf(dims, strides);
  const has = storage.elem ? storage.count : Math.floor(storage.count / elemBytes[type]);
  if (!Number.isSafeInteger(elementCount(dims)) || !Number.isSafeInteger(extent))
    refuse(`a tensor of shape [${dims.join(', ')}]`, 'fewer than 2^53 elements');
  if (offset + extent > has)
    refuse(`a tensor of shape [${dims.join(', ')}] that reaches element ${offset + extent}`, `at most the ${has} of its storage`);
  return { kind: 'tensor', storage, elem: type, offset, dims, strides };
}

const opaque =
  (name: string, quiet = true): GlobalCall =>
  () => ({ kind: 'opaque', name, quiet });
const nameOf = (value: Pickled | undefined): string | undefined =>
  typeof value === 'object' && value !== null && 'kind' in value && (value.kind === 'global' || value.kind === 'opaque')
    ? value.name
    : undefined;
const itemsOf = (value: Pickled | undefined): readonly Pickled[] =>
  typeof value === 'object' && value !== null && 'kind' in value && (value.kind === 'tuple' || value.kind === 'list')
    ? value.items
    : [];
/** A shape that is only shown; empty where it is none. */
const shown = (value: Pickled | undefined): readonly number[] => {
  const items = itemsOf(value);
  return items.length <= 64 && items.every(isNatural) ? items : [];
};
const numpyTypes: Readonly<Record<string, string>> = { f: 'float', i: 'int', u: 'uint', c: 'complex' };

/** An array, whose shape and type are set on it after it is made: (version, shape, dtype, order, bytes). */
function numpyArray(): Pickled {
  let name = 'a NumPy array';
  let dims: readonly number[] | undefined;
  return {
    kind: 'opaque',
    get name() {
      return name;
    },
    get dims() {
      return dims;
    },
    build(state) {
      const [, shape, type] = itemsOf(state);
      dims = shown(shape);
      const [, kind = '', size = ''] = /^numpy\.dtype ([a-zA-Z])(\d*)$/.exec(nameOf(type) ?? '') ?? [];
      const word = numpyTypes[kind];
      const text =
        word !== undefined ? `${word}${8 * Number(size)}` : { b: 'bool', U: 'text', S: 'bytes', O: 'Python objects' }[kind];
      if (text !== undefined) name = `a NumPy array of ${text}`;
    },
  };
}
const firstArg: GlobalCall = (args, refuse) => args[0] ?? refuse('no arguments', 'one');

/** Everything that a pickle may name. */
const globals: ReadonlyMap<string, GlobalCall> = new Map<string, GlobalCall>([
  [
    'collections.OrderedDict',
    (args, refuse) => {
      const entries = new Map<Pickled, Pickled>();
      const [pairs] = args;
      if (pairs !== undefined) {
        const items =
          typeof pairs === 'object' && pairs !== null && 'kind' in pairs && pairs.kind === 'list'
            ? pairs.items
            : refuse('what is no list', 'a list of pairs');
        for (const pair of items) {
          const two =
            typeof pair === 'object' && pair !== null && 'kind' in pair && (pair.kind === 'list' || pair.kind === 'tuple')
              ? pair.items
              : [];
          if (two.length !== 2) refuse('an item that is no pair', 'pairs');
          entries.set(two[0] ?? null, two[1] ?? null);
        }
      }
      return { kind: 'dict', entries };
    },
  ],
  ['collections.defaultdict', () => ({ kind: 'dict', entries: new Map() })],
  ['collections.Counter', opaque('collections.Counter')],
  ['argparse.Namespace', opaque('argparse.Namespace', false)],
  ['__builtin__.set', opaque('set')],
  ['builtins.set', opaque('set')],
  ['__builtin__.dict', () => ({ kind: 'dict', entries: new Map() })],
  ['builtins.dict', () => ({ kind: 'dict', entries: new Map() })],
  ['__builtin__.list', () => ({ kind: 'list', items: [] })],
  ['builtins.list', () => ({ kind: 'list', items: [] })],
  ['_codecs.encode', opaque('bytes')],
  ['numpy.dtype', ([type]) => ({ kind: 'opaque', name: `numpy.dtype ${typeof type === 'string' ? type : ''}`, quiet: true })],
  ['numpy.core.multiarray._reconstruct', numpyArray],
  ['numpy._core.multiarray._reconstruct', numpyArray],
  ['numpy.core.multiarray.scalar', opaque('a NumPy scalar')],
  ['numpy._core.multiarray.scalar', opaque('a NumPy scalar')],
  ['torch.Size', (args, refuse) => args[0] ?? refuse('no sizes', 'a tuple')],
  ['torch.device', opaque('torch.device')],
  ['torch.nn.parameter.Parameter', firstArg],
  ['torch._utils._rebuild_parameter', firstArg],
  ['torch._utils._rebuild_parameter_with_state', firstArg],
  ['torch._utils._rebuild_tensor', (args, refuse) => rebuild(args[0], args[1], args[2], args[3], undefined, refuse)],
  ['torch._utils._rebuild_tensor_v2', (args, refuse) => rebuild(args[0], args[1], args[2], args[3], undefined, refuse)],
  [
    'torch._utils._rebuild_tensor_v3',
    (args, refuse) => {
      const type = nameOf(args[6])?.replace('torch.', '') ?? refuse('an element type that is none', 'a torch dtype');
      const elem = scalarTypes.get(type);
      if (elem) return rebuild(args[0], args[1], args[2], args[3], elem, refuse);
      const dims = naturals(args[2], 'sizes', refuse);
      const [storage] = args;
      const held = typeof storage === 'object' && storage !== null && 'kind' in storage && storage.kind === 'storage';
      return { kind: 'opaque', name: type, tensor: { elem: type, bytes: held ? storage.count : 0 }, dims };
    },
  ],
  ['torch._utils._rebuild_qtensor', (args, refuse) => rebuild(args[0], args[1], args[2], args[3], undefined, refuse)],
  [
    'torch._utils._rebuild_sparse_tensor',
    ([, data]) => {
      const parts = itemsOf(data);
      // (indices, values, size, …) or, compressed, (rows, columns, values, size).
      const at = parts.findIndex((part, i) => i > 1 && itemsOf(part).length > 0);
      const elem = 'sparse tensor';
      return { kind: 'opaque', name: elem, tensor: { elem, bytes: 0 }, dims: shown(parts[at]) };
    },
  ],
  ['torch.serialization._get_layout', opaque('torch.layout')],
  // A class derived from Tensor may keep other numbers than its tensor has.
  [
    'torch._tensor._rebuild_from_type_v2',
    ([make, type, args], refuse) => {
      const plain = ['torch.Tensor', 'torch._tensor.Tensor', 'torch.nn.parameter.Parameter'].includes(nameOf(type) ?? '');
      const run = plain ? globals.get(nameOf(make) ?? '') : undefined;
      const name = nameOf(type) ?? 'a tensor of a class of its own';
      return run ? run(itemsOf(args), refuse) : { kind: 'opaque', name, tensor: { elem: name, bytes: 0 } };
    },
  ],
  ...[...storageTypes.keys(), ...foreignStorages.keys()].map((name): [string, GlobalCall] => [
    `torch.${name}`,
    (_args, refuse) => refuse('a call', 'a persistent id'),
  ]),
  ['torch.storage.UntypedStorage', (_args, refuse) => refuse('a call', 'a persistent id')],
  ['torch.UntypedStorage', (_args, refuse) => refuse('a call', 'a persistent id')],
  ...[...scalarTypes.keys()].map((name): [string, GlobalCall] => [
    `torch.${name}`,
    (_args, refuse) => refuse('a call', 'a name alone'),
  ]),
]);

/** ('storage', type, key, location, count[, view]) */
function storageId(
  id: Pickled,
  file: string,
  find: (key: string, bytes: number, refuse: Refuse) => ByteSource | undefined,
  refuse: Refuse,
): PickledStorage {
  // Protocol 0 has the text of the tuple: ('storage', <class 'torch.FloatStorage'>, '0', 'cpu', 108).
  const text =
    typeof id === 'string' ? /^\('storage', <class '([\w.]+)'>, '([^'\\]*)', '[^'\\]*', (\d{1,16})(?:, None)?\)$/.exec(id) : null;
  const items: readonly Pickled[] = text
    ? ['storage', { kind: 'global', name: text[1] ?? '' }, text[2] ?? '', 'cpu', Number(text[3])]
    : typeof id === 'object' && id !== null && 'kind' in id && id.kind === 'tuple'
      ? id.items
      : refuse(`${kindOf(id)} as a persistent id`, 'a tuple');
  const [what, type, key, , count, view] = items;
  if (what === 'module') {
    const name =
      typeof type === 'object' && type !== null && 'kind' in type && type.kind === 'global' ? type.name : 'of a module';
    fail(pickledModule, { with: { file, name } });
  }
  if (what !== 'storage') return refuse('a persistent id of another kind', '"storage"');
  const name =
    typeof type === 'object' && type !== null && 'kind' in type && type.kind === 'global'
      ? type.name
      : refuse('a storage without a type', 'a torch storage');
  const elem = storageTypes.get(name.replace('torch.', ''));
  const foreign = foreignStorages.get(name.replace('torch.', ''));
  if (!elem && !foreign && !name.endsWith('.UntypedStorage')) return refuse(`a storage of type ${name}`, 'a torch storage');
  if (typeof key !== 'string' || !isNatural(count)) return refuse('a storage without key or size', 'both');
  const bytes = find(key, count * (elem ? elemBytes[elem] : (foreign?.bytes ?? 1)), refuse);
  const whole: PickledStorage = {
    kind: 'storage',
    key,
    elem,
    count,
    begin: 0,
    ...(bytes && { bytes }),
    ...(foreign && { foreign }),
  };
  if (view === undefined || view === null) return whole;
  const part = typeof view === 'object' && 'kind' in view && view.kind === 'tuple' ? view.items : [];
  const [, begin, length] = part;
  if (!isNatural(begin) || !isNatural(length) || begin + length > count)
    return refuse('a view past the end of its storage', `at most ${count} elements`);
  return { ...whole, begin, count: length };
}

/** Classes of networks, which hold tensors that no name says. */
const moduleNames = /^(torch\.nn\.(?!parameter|utils)|torch\.fx\.|torchvision\.models\.|timm\.models\.|__torch__)/;

/** A file that is one object and nothing else is refused by the name of the object. */
function refuseAlone(value: Pickled, file: string): void {
  if (typeof value !== 'object' || value === null || !('kind' in value) || (value.kind !== 'opaque' && value.kind !== 'global'))
    return;
  if (value.kind === 'opaque' && (value.entries || value.tensor)) return;
  if (moduleNames.test(value.name)) fail(pickledModule, { with: { file, name: value.name } });
  fail(refusedGlobal, { with: { file, name: value.name, offset: value.at ?? 0 } });
}

/** Dicts, lists and tensors of a pickled value, and placeholders of what is none of them. */
function nestedOf(
  value: Pickled,
  file: string,
  bytesOf: (storage: PickledStorage) => { readonly source: ByteSource; readonly bigEndian: boolean },
): Nested {
  const limit = (found: string, expected: string): never => fail(damagedPickle, { with: { file, found, expected, offset: 0 } });
  refuseAlone(value, file);
  let visited = 0;
  const walk = (x: Pickled, depth: number): Nested | undefined => {
    if (++visited > 1_000_000) limit('more than 1,000,000 entries, counted along every path', 'fewer');
    if (typeof x !== 'object' || x === null || !('kind' in x)) return undefined;
    switch (x.kind) {
      case 'tensor': {
        const { source, bigEndian } = bytesOf(x.storage);
        const offset = (x.storage.begin + x.offset) * elemBytes[x.elem];
        return { kind: 'tensor', span: { source, offset, elem: x.elem, dims: x.dims, strides: x.strides, bigEndian, name: '' } };
      }
      case 'dict':
      case 'list':
      case 'tuple': {
        if (depth > 64) limit('containers nested more than 64 deep', 'fewer');
        const children: { name: string; value: Nested }[] = [];
        const entries = x.kind === 'dict' ? x.entries.entries() : x.items.entries();
        for (const [key, item] of entries) {
          if (typeof key !== 'string' && typeof key !== 'number') {
            visited++;
            continue;
          }
          const inner = walk(item, depth + 1);
          if (inner) children.push({ name: String(key), value: inner });
        }
        return children.length > 0 ? { kind: 'dict', children } : undefined;
      }
      case 'global':
      case 'opaque': {
        const object = x.kind === 'opaque' ? x : undefined;
        if (object?.entries) {
          const inner = walk({ kind: 'dict', entries: object.entries }, depth);
          if (inner) return inner;
        }
        if (object?.quiet === true) return undefined;
        const { elem, bytes } = object?.tensor ?? { elem: x.name, bytes: 0 };
        return {
          kind: 'foreign',
          elem,
          dims: object?.dims ?? [],
          bytes,
          object: object?.tensor === undefined,
          module: moduleNames.test(x.name),
        };
      }
      default:
        return undefined;
    }
  };
  return walk(value, 0) ?? { kind: 'dict', children: [] };
}

/** A zip archive that has a data.pkl. */
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
 * Three files: `storages` (a count, then per storage a pickle of key, location and type, a u64 count and its bytes; then a list of
 * views), `tensors` (a count, then per tensor a pickle of key, storage and type, the rank as 8 bytes, sizes, strides, offset), and
 * `pickle` (the object, tensors by their keys). Source: torch.serialization, `_load` → `legacy_load`.
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
