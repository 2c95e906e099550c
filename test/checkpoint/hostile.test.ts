import fc from 'fast-check';
import { deflateSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { openCheckpoint } from '../../src/checkpoint/checkpoint.ts';
import { DiagnosticError } from '../../src/diagnostics/diagnostic.ts';
import { render } from '../../src/diagnostics/render.ts';
import { memorySource } from '../../src/io/bytes.ts';
import { golden } from '../golden.ts';
import { bytesOf, codeOf, le, type Part, torchZip, type ZipPart, zipOf } from './helpers.ts';

/** A pickle of protocol 2 around these opcodes. */
const pickle = (...parts: readonly Part[]): Uint8Array => bytesOf(0x80, 2, ...parts, '.');
const text = (s: string): readonly number[] => [...bytesOf('X', le(s.length, 4), s)];
const ints = (...values: readonly number[]): readonly number[] => [
  ...bytesOf('(', ...values.map((v) => [...bytesOf('\x8a', 8, le(BigInt(v), 8))]), 't'),
];
const storage = (key: string, count: number, type = 'FloatStorage'): readonly number[] => [
  ...bytesOf('(', text('storage'), `ctorch\n${type}\n`, text(key), text('cpu'), '\x8a', 8, le(BigInt(count), 8), 'tQ'),
];
const tensor = (
  key: string,
  count: number,
  offset: number,
  dims: readonly number[],
  strides: readonly number[],
): readonly number[] => [
  ...bytesOf(
    'ctorch._utils\n_rebuild_tensor_v2\n(',
    storage(key, count),
    '\x8a',
    8,
    le(BigInt(offset), 8),
    ints(...dims),
    ints(...strides),
    '\x89',
    'ccollections\nOrderedDict\n)RtR',
  ),
];
const dictOf = (...items: readonly number[][]): Uint8Array => pickle('}(', ...items, 'u');
const legacy = (object: Uint8Array, tail: Uint8Array): Uint8Array =>
  bytesOf(
    pickle('\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19'),
    pickle('M', le(1001, 2)),
    pickle('}', text('little_endian'), '\x88s'),
    object,
    tail,
  );

async function message(bytes: Uint8Array): Promise<string> {
  try {
    await openCheckpoint(memorySource('model.pt', bytes));
  } catch (error) {
    if (error instanceof DiagnosticError) return render(error.diagnostics, { color: false });
    throw error;
  }
  return 'nothing';
}

describe('a pickle', () => {
  const evil = pickle('cos\nsystem\n(', text('echo pwned'), 'tR');
  it('that calls os.system is refused by that name', async () => {
    golden('errors/RES0503-os-system.txt', await message(torchZip(evil)));
    expect(await codeOf(legacy(evil, bytesOf()))).toBe('RES0503');
  });
  it.each([
    ['posix.system through STACK_GLOBAL', pickle(text('posix'), text('system'), '\x93(', text('true'), 'tR'), 'RES0503'],
    ['builtins.eval', pickle('cbuiltins\neval\n(', text('1'), 'tR'), 'RES0503'],
    ['an attribute of something allowed', pickle('ccollections\nOrderedDict.fromkeys\n(]tR'), 'RES0503'],
    ['_load_from_bytes', pickle('ctorch.storage\n_load_from_bytes\n(', [0x43, 1, 0], 'tR'), 'RES0503'],
    ['a class instance by INST', pickle('(ios\nsystem\n'), 'RES0503'],
    ['a class instance by OBJ', pickle('(cos\nsystem\no'), 'RES0503'],
    ['a class instance by NEWOBJ_EX', pickle('cos\nsystem\n)}\x92'), 'RES0503'],
    ['an object whose items are set', pickle('cos\nsystem\n)R'), 'RES0503'],
    ['an instance of a text by OBJ', pickle('(', text('x'), 'o'), 'RES0505'],
    ['an extension', pickle('\x82\x01'), 'RES0504'],
    ['NEWOBJ_EX without a class', pickle(')}\x92'), 'RES0505'],
    ['a buffer from elsewhere', pickle('\x97'), 'RES0504'],
    ['a persistent id that is no tuple', pickle('Pfoo\n'), 'RES0505'],
    ['no opcode', pickle('\xfe'), 'RES0504'],
    ['a call of what is no global', pickle(')', ')R'), 'RES0505'],
    ['a storage called', pickle('ctorch\nFloatStorage\n)R'), 'RES0505'],
    ['an empty stack', pickle('0'), 'RES0505'],
    ['a mark at the end', pickle('('), 'RES0505'],
    ['tuples without a mark', pickle('t'), 'RES0505'],
    ['a memo never filled', pickle('h\x07'), 'RES0505'],
    ['half a pair', pickle('}(', text('a'), 'u'), 'RES0505'],
    ['a string of 2^60 bytes', pickle('\x8d', le(2n ** 60n, 8)), 'RES0505'],
    ['an integer of 2^31 bytes', pickle('\x8b', le(2 ** 31, 4)), 'RES0505'],
    ['protocol 9', bytesOf(0x80, 9, 'N.'), 'RES0505'],
    ['a whole module', pickle('ctorch.nn.modules.conv\nConv2d\n)\x81'), 'RES0506'],
    ['a TorchScript module', pickle('c__torch__\nNet\n)\x81'), 'RES0506'],
  ])('with %s is refused', async (_what, bytes, code) => expect(await codeOf(torchZip(bytes))).toBe(code));
  it('of a module says what to do', async () =>
    golden('errors/RES0506-module.txt', await message(torchZip(pickle('ctorchvision.models.resnet\nResNet\n)\x81')))));

  it('nested 10,000 deep is refused, also when nothing closes', async () => {
    const deep = (open: string, close: string): Uint8Array =>
      pickle(open.repeat(10000), tensor('0', 1, 0, [1], [1]), close.repeat(10000));
    expect(await codeOf(torchZip(deep(']', 'a'), { 0: new Uint8Array(4) }))).toBe('RES0505');
    expect(await codeOf(torchZip(pickle('('.repeat(100000))))).toBe('RES0505');
  });
  it('that holds itself is refused', async () => expect(await codeOf(torchZip(pickle(']q\x00h\x00a'), {}))).toBe('RES0505'));
  it('whose containers hold each other many times over is refused in bounded time', async () => {
    // Sixty lists, each of which is twice the one before: 2^60 paths to one tensor.
    const parts: Uint8Array[] = [bytesOf(tensor('0', 1, 0, [1], [1]), 'q\x00')];
    for (let i = 1; i <= 60; i++) parts.push(bytesOf('0](h', i - 1, 'h', i - 1, 'eq', i));
    expect(await codeOf(torchZip(pickle(...parts), { 0: new Uint8Array(4) }))).toBe('RES0505');
  });
  it('that fills the memo at far places costs nothing', async () => {
    const far = Array.from({ length: 1000 }, (_, i) => bytesOf('Nr', le(0xffffffff - i, 4), '0'));
    expect(await codeOf(torchZip(pickle(...far, '}')))).toBe('none');
  });
});

describe('a tensor', () => {
  const open = (item: readonly number[], bytes = 16): Promise<string> =>
    codeOf(torchZip(dictOf([...text('w'), ...item]), { 0: new Uint8Array(bytes) }));
  it('inside of its storage is read', async () => expect(await open(tensor('0', 4, 1, [3], [1]))).toBe('none'));
  it.each([
    ['past the end', tensor('0', 4, 2, [3], [1])],
    ['with a stride that leaves', tensor('0', 4, 0, [2, 2], [3, 1])],
    ['of 2^60 elements', tensor('0', 4, 0, [2 ** 30, 2 ** 30], [0, 0])],
    ['with fewer strides than sizes', tensor('0', 4, 0, [2, 2], [1])],
    ['of a storage that is not there', tensor('1', 4, 0, [2], [1])],
    ['of a storage that claims 2^60 bytes', tensor('0', 2 ** 58, 0, [2], [1])],
    ['with a negative size', tensor('0', 4, 0, [-2], [1])],
  ])('%s is refused', async (_what, item) => expect(await open(item)).toBe('RES0505'));
  it('of complex numbers is a placeholder', async () =>
    expect(
      await open([
        ...bytesOf(
          'ctorch._utils\n_rebuild_tensor_v2\n(',
          storage('0', 2, 'ComplexFloatStorage'),
          'K\x00',
          ints(2),
          ints(1),
          '\x89NtR',
        ),
      ]),
    ).toBe('none'));
});

describe('a legacy file', () => {
  const object = dictOf([...text('w'), ...tensor('0', 2, 0, [2], [1])]);
  const keys = pickle('](', text('0'), 'e');
  const data = bytesOf(le(2, 8), new Uint8Array(8));
  it('is read', async () => expect(await codeOf(legacy(object, bytesOf(keys, data)))).toBe('none'));
  it.each([
    ['without bytes for a storage', bytesOf(pickle(']')), 'RES0502'],
    ['with a storage twice', bytesOf(pickle('](', text('0'), text('0'), 'e'), data, data), 'RES0502'],
    ['with a storage that nothing names', bytesOf(pickle('](', text('7'), 'e'), data), 'RES0502'],
    ['with another size than the pickle says', bytesOf(keys, le(2n ** 60n, 8), new Uint8Array(8)), 'RES0502'],
    ['cut off in its numbers', bytesOf(keys, le(2, 8), new Uint8Array(7)), 'RES0501'],
  ])('%s is refused', async (_what, tail, code) => expect(await codeOf(legacy(object, tail))).toBe(code));
});

describe('a zip archive', () => {
  const good = dictOf();
  const entry = (more: Partial<ZipPart>): Uint8Array => zipOf([{ name: 'a/data.pkl', data: good, ...more }]);
  const zeros = deflateSync(new Uint8Array(1 << 20));
  it.each([
    ['a name that leaves the archive', zipOf([{ name: '../data.pkl', data: good }]), 'RES0507'],
    ['a name that leaves it backwards', zipOf([{ name: 'a\\..\\data.pkl', data: good }]), 'RES0507'],
    ['an absolute name', zipOf([{ name: '/data.pkl', data: good }]), 'RES0507'],
    [
      'one name twice',
      zipOf([
        { name: 'a/data.pkl', data: good },
        { name: 'a/data.pkl', data: good },
      ]),
      'RES0507',
    ],
    [
      'two entries in one place',
      zipOf([
        { name: 'a/data.pkl', data: good },
        { name: 'a/data/0', data: good, local: 0 },
      ]),
      'RES0507',
    ],
    ['an entry longer than the archive', entry({ packed: 0x7fffffff, size: 0x7fffffff }), 'RES0507'],
    ['an entry of another size than it has', entry({ size: 1 }), 'RES0507'],
    ['an encrypted entry', entry({ flags: 1 }), 'RES0507'],
    ['an unknown method', entry({ method: 12 }), 'RES0507'],
    ['a bomb that claims 4 GiB', entry({ data: zeros, method: 8, size: 0xfffffffe }), 'RES0507'],
    ['a bomb that claims less than it is', entry({ data: zeros, method: 8, size: 1000 }), 'RES0507'],
    ['a stream that does not inflate', entry({ data: bytesOf(new Uint8Array(20).fill(0xff)), method: 8, size: 100 }), 'RES0507'],
    ['a stream that ends too early', entry({ data: deflateSync(good), method: 8, size: good.length + 5 }), 'RES0507'],
    ['no pickle', zipOf([{ name: 'readme', data: good }]), 'RES0500'],
    ['no entries', zipOf([]), 'RES0500'],
  ])('with %s is refused', async (_what, bytes, code) => expect(await codeOf(bytes)).toBe(code));
  it('with a deflated pickle is read', async () =>
    expect(await codeOf(entry({ data: deflateSync(good), method: 8, size: good.length }))).toBe('none'));
});

describe('random bytes', () => {
  it('behind the beginning of every format end in a code', async () => {
    const beginnings = [
      bytesOf('PK\x03\x04'),
      bytesOf(0x80, 2, '\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.'),
      bytesOf('\x93NUMPY\x01\x00'),
      bytesOf(le(20, 8), '{'),
    ];
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...beginnings), fc.uint8Array({ maxLength: 300 }), async (head, tail) => {
        expect(await codeOf(bytesOf(head, tail))).toMatch(/^RES05\d\d$/);
      }),
      { numRuns: 500, seed: 11 },
    );
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (body) => {
        expect(await codeOf(torchZip(bytesOf(0x80, 2, body)))).toMatch(/^(RES05\d\d|none)$/);
      }),
      { numRuns: 1000, seed: 12 },
    );
  });
});
