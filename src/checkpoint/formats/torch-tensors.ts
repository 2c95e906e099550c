/**
 * What the pickles of PyTorch's files hold: storages and tensors in them. Source: torch/_utils.py. Nothing is executed:
 * `pickle.ts` builds plain data, and the calls that rebuild tensors are the ones below.
 */
import { damagedPickle, pickledModule, refusedGlobal } from '../../diagnostics/catalogue/weights.ts';
import { fail } from '../../diagnostics/diagnostic.ts';
import type { ByteSource } from '../../io/bytes.ts';
import { elemFacts, elemsBy, elemTypes, otherElems } from '../../ir/elem.ts';
import { type ElemType, elemBytes, elementCount } from '../../ir/types.ts';
import { extentOf } from '../../tensor/stored.ts';
import type { Nested } from '../nested.ts';
import type { GlobalCall, Pickled, PickledObject, PickledStorage, PickledTensor } from './pickle.ts';

/** Bytes of a pickle: a network of 10,000 blocks has some 10 MB of names and shapes. */
export const pickleLimit = 64 * 1024 * 1024;

export const storageTypes = elemsBy((facts) => facts.torchStorage);
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

export type Refuse = (found: string, expected: string) => never;
export const kindOf = (value: Pickled | undefined): string =>
  typeof value === 'object' && value !== null && 'kind' in value ? value.kind : typeof value;

export function isNatural(value: Pickled | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
function naturals(value: Pickled | undefined, what: string, refuse: Refuse): readonly number[] {
  if (typeof value === 'object' && value !== null && 'kind' in value && (value.kind === 'tuple' || value.kind === 'list')) {
    if (value.items.length > 64) refuse(`${value.items.length} ${what}`, 'at most 64');
    return value.items.map((item) => (isNatural(item) ? item : refuse(`${what} that are no natural numbers`, 'natural numbers')));
  }
  return refuse(`${kindOf(value)} in place of ${what}`, 'a tuple');
}

export function rebuild(
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
export const itemsOf = (value: Pickled | undefined): readonly Pickled[] =>
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
export const globals: ReadonlyMap<string, GlobalCall> = new Map<string, GlobalCall>([
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
export function storageId(
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
export function refuseAlone(value: Pickled, file: string): void {
  if (typeof value !== 'object' || value === null || !('kind' in value) || (value.kind !== 'opaque' && value.kind !== 'global'))
    return;
  if (value.kind === 'opaque' && (value.entries || value.tensor)) return;
  if (moduleNames.test(value.name)) fail(pickledModule, { with: { file, name: value.name } });
  fail(refusedGlobal, { with: { file, name: value.name, offset: value.at ?? 0 } });
}

/** Dicts, lists and tensors of a pickled value, and placeholders of what is none of them. */
export function nestedOf(
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
