import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Checkpoint, openCheckpoint } from '../../src/checkpoint/checkpoint.ts';
import { type ByteSource, memorySource, utf8 } from '../../src/io/bytes.ts';
import { fileSource } from '../../src/io/node/file-source.ts';
import { spanOf } from '../../src/tensor/stored.ts';
import { materialize } from '../../src/tensor/values.ts';
import { asyncSource, bytesOf, codeOf, le, safetensorsOf } from './helpers.ts';

const fixtures = fileURLToPath(new URL('../fixtures', import.meta.url));
const load = (path: string): Uint8Array => new Uint8Array(readFileSync(`${fixtures}/${path}`));
const memory = (path: string): ByteSource => memorySource(path, load(path));

async function contents(
  checkpoint: Checkpoint,
): Promise<
  Readonly<Record<string, { readonly elem: string; readonly dims: readonly number[]; readonly values: readonly number[] }>>
> {
  const out: Record<string, { readonly elem: string; readonly dims: readonly number[]; readonly values: readonly number[] }> = {};
  for (const [name, tensor] of checkpoint.dicts[0]?.tensors ?? []) {
    const { data } = await materialize(tensor.expr);
    out[name] = { elem: tensor.elem, dims: tensor.dims, values: [...data].slice(0, 64) };
  }
  return out;
}

const torchNames: Readonly<Record<string, string>> = {
  float32: 'f32',
  float16: 'f16',
  bfloat16: 'bf16',
  float64: 'f64',
  int64: 'i64',
  int8: 'i8',
  bool: 'bool',
};
const torchFiles = readdirSync(`${fixtures}/pt-reader`).filter((name) => /\.(pt|pth)$/.test(name));

describe('PyTorch files', () => {
  const expected = JSON.parse(readFileSync(`${fixtures}/pt-reader/expected.json`, 'utf8')) as Readonly<
    Record<
      string,
      Readonly<
        Record<
          string,
          { readonly dtype: string; readonly shape: readonly number[]; readonly values: readonly (number | string | null)[] }
        >
      >
    >
  >;
  it('are all there', () => expect([...torchFiles].sort()).toEqual(Object.keys(expected).sort()));
  it.each(torchFiles)('%s is read as torch.load reads it, from a file, from memory and from a slow source', async (file) => {
    const want = Object.fromEntries(
      Object.entries(expected[file] ?? {}).map(([name, { dtype, shape, values }]) => [
        name,
        {
          elem: torchNames[dtype],
          dims: shape,
          values: values.map((x) => (x === null ? Number.NaN : x === 'inf' ? Infinity : x === '-inf' ? -Infinity : x)),
        },
      ]),
    );
    const disk = fileSource(`${fixtures}/pt-reader/${file}`);
    for (const source of [disk, memory(`pt-reader/${file}`), asyncSource(file, load(`pt-reader/${file}`))])
      expect(await contents(await openCheckpoint(source))).toEqual(want);
    disk.close();
  });
  it('name each dict that holds tensors', async () => {
    const checkpoint = await openCheckpoint(memory('pt-reader/checkpoint.pt'));
    expect(checkpoint.dicts.map((d) => `${d.key}: ${d.tensors.size}`)).toEqual([
      ': 5',
      'model_state_dict: 4',
      'optimizer_state_dict: 1',
      'optimizer_state_dict.state: 1',
      'optimizer_state_dict.state.0: 1',
    ]);
    expect([...(checkpoint.dicts[1]?.tensors.keys() ?? [])]).toEqual(['fc1.weight', 'fc1.bias', 'fc2.weight', 'fc2.bias']);
  });
  it('of a trained network open', async () => {
    const source = fileSource(`${fixtures}/cifar10/resnet20-12fca82f.th`);
    const checkpoint = await openCheckpoint(source);
    const dict = checkpoint.dicts.find((d) => d.key === 'state_dict');
    expect(dict?.tensors.size).toBe(97);
    const counts = [...(dict?.tensors.values() ?? [])].map((t) => ({
      running: t.name.includes('running_'),
      count: t.expr.count,
    }));
    expect(counts.filter((c) => !c.running).reduce((n, c) => n + c.count, 0)).toBe(269722);
    expect(counts.filter((c) => c.running).reduce((n, c) => n + c.count, 0)).toBe(1376);
    expect(dict?.tensors.get('module.layer1.0.conv1.weight')?.dims).toEqual([16, 16, 3, 3]);
    source.close();
    expect(() => dict?.tensors.get('module.layer3.2.conv1.weight')?.expr.fill(0, new Float64Array(1))).toThrow('RES0511');
  });
  it('are opened without reading their numbers', async () => {
    const bytes = load('cifar10/resnet20-12fca82f.th');
    let read = 0;
    const source: ByteSource = {
      ...memorySource('x', bytes),
      readSync: (start, length) => {
        read += length;
        return bytes.subarray(start, start + length);
      },
    };
    const small = bytes.length > 1 << 20 ? 1 << 20 : 0;
    await openCheckpoint(source);
    // The legacy form does not say where its pickles end, so the first MiB is looked at, then a size per storage.
    expect(read).toBeLessThan(small + 97 * 8 + 1024);
  });
});

const ramp = (count: number): readonly number[] => Array.from({ length: count }, (_, i) => i * 0.25 - 3);
describe('files that NumPy and safetensors wrote', () => {
  const tensors = {
    'conv1.weight': { elem: 'f32', dims: [4, 3, 3, 3], values: ramp(64) },
    'conv1.bias': { elem: 'f64', dims: [4], values: ramp(4) },
    half: { elem: 'f16', dims: [2, 5], values: ramp(10) },
    count: { elem: 'i64', dims: [], values: [7] },
    flags: { elem: 'bool', dims: [3], values: [1, 0, 1] },
    bytes: { elem: 'u8', dims: [5], values: [0, 1, 2, 3, 4] },
    empty: { elem: 'f32', dims: [0, 3], values: [] },
  };
  it.each(['small.safetensors', 'small.npz'])('%s', async (file) => {
    for (const source of [memory(`weights/${file}`), asyncSource(file, load(`weights/${file}`))])
      expect(await contents(await openCheckpoint(source))).toEqual(tensors);
  });
  it('deflated.npz', async () => {
    for (const source of [memory('weights/deflated.npz'), asyncSource('deflated', load('weights/deflated.npz'))]) {
      expect(await contents(await openCheckpoint(source))).toEqual({
        ...tensors,
        zeros: { elem: 'f32', dims: [64, 64], values: ramp(64).map(() => 0) },
      });
    }
  });
  it('fortran.npy and big-endian.npy', async () => {
    expect(await contents(await openCheckpoint(memory('weights/fortran.npy')))).toEqual({
      fortran: { elem: 'f32', dims: [3, 4, 2], values: ramp(24) },
    });
    expect(await contents(await openCheckpoint(memory('weights/big-endian.npy')))).toEqual({
      'big-endian': { elem: 'f32', dims: [3, 4], values: ramp(12) },
    });
  });
  it('zip64.npz, whose sizes and places stand in the records of zip64', async () => {
    const whole = Buffer.from(load('weights/zip64.npz'));
    expect(whole.includes('PK\x06\x06')).toBe(true);
    // Python repeats in the old end record what fits there; other archivers leave counts, size and place to the new one.
    const elsewhere = Buffer.from(whole).fill(0xff, whole.length - 14, whole.length - 2);
    for (const bytes of [whole, elsewhere]) {
      expect(await contents(await openCheckpoint(memorySource('zip64.npz', bytes)))).toEqual({
        fortran: { elem: 'f32', dims: [3, 4, 2], values: ramp(24) },
        'big-endian': { elem: 'f32', dims: [3, 4], values: ramp(12) },
      });
    }
  });
  it('arrays of Python objects are refused', async () => expect(await codeOf(memory('weights/objects.npy'))).toBe('RES0508'));
});

describe('safetensors', () => {
  const header =
    '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"BF16","shape":[1,2],"data_offsets":[8,12]}}';
  const data = bytesOf([0, 0, 128, 63, 0, 0, 32, 192], [0x80, 0x3f, 0x20, 0xc0]);
  it('are read from bytes written by hand', async () => {
    const checkpoint = await openCheckpoint(memorySource('x', safetensorsOf(header, data)));
    expect(await contents(checkpoint)).toEqual({
      a: { elem: 'f32', dims: [2], values: [1, -2.5] },
      b: { elem: 'bf16', dims: [1, 2], values: [1, -2.5] },
    });
    const a = checkpoint.dicts[0]?.tensors.get('a');
    expect(a && spanOf(a.expr)).toMatchObject({ offset: 8 + header.length, length: 8 });
    expect(a?.expr.text()).toBe('a[2]');
  });
  it.each([
    ['a header longer than the file', bytesOf(le(500, 8), header), 'RES0501'],
    ['a header of 2^60 bytes', bytesOf(le(2n ** 60n, 8), header), 'RES0500'],
    ['a header of 2^50 bytes', bytesOf(le(2n ** 50n, 8), header), 'RES0502'],
    ['a header that is not JSON', safetensorsOf('{"a"', data), 'RES0502'],
    ['a header in UTF-16', safetensorsOf('{\xff\xfe', data), 'RES0502'],
    [
      'a tensor of 2^60 bytes',
      safetensorsOf('{"a":{"dtype":"U8","shape":[1152921504606846976],"data_offsets":[0,1152921504606846976]}}', data),
      'RES0502',
    ],
    ['a tensor past the end', safetensorsOf('{"a":{"dtype":"U8","shape":[100],"data_offsets":[0,100]}}', data), 'RES0501'],
    ['shape and bytes that differ', safetensorsOf('{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,12]}}', data), 'RES0509'],
    [
      'two tensors in one place',
      safetensorsOf(
        '{"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[8],"data_offsets":[4,12]}}',
        data,
      ),
      'RES0509',
    ],
    ['a hole', safetensorsOf('{"a":{"dtype":"U8","shape":[8],"data_offsets":[4,12]}}', data), 'RES0509'],
    ['bytes left over', safetensorsOf('{"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}}', data), 'RES0502'],
    [
      'one name twice',
      safetensorsOf(
        '{"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},"\\u0061":{"dtype":"U8","shape":[4],"data_offsets":[8,12]}}',
        data,
      ),
      'RES0510',
    ],
    ['a negative shape', safetensorsOf('{"a":{"dtype":"U8","shape":[-12],"data_offsets":[0,12]}}', data), 'RES0502'],
    ['offsets the wrong way round', safetensorsOf('{"a":{"dtype":"U8","shape":[0],"data_offsets":[8,4]}}', data), 'RES0502'],
    ['a number in place of a tensor', safetensorsOf('{"a":3}', data), 'RES0502'],
  ])('with %s are refused', async (_what, bytes, code) => expect(await codeOf(bytes)).toBe(code));
  it('with an 8-bit float open, and list it apart', async () => {
    const bytes = safetensorsOf(
      '{"a":{"dtype":"F8_E4M3","shape":[8],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}',
      data,
    );
    const [dict] = (await openCheckpoint(memorySource('x', bytes))).dicts;
    expect([...(dict?.tensors.keys() ?? [])]).toEqual(['b']);
    expect(dict?.foreign?.get('a')).toEqual({ name: 'a', elem: 'F8_E4M3', dims: [8], bytes: 8 });
  });
});

describe('what is cut off', () => {
  const files = [
    'pt-reader/float32.pt',
    'pt-reader/checkpoint.pt',
    'pt-reader/simple_legacy.pt',
    'pt-reader/legacy_shared_storage.pt',
    'weights/small.safetensors',
    'weights/deflated.npz',
    'weights/zip64.npz',
    'weights/fortran.npy',
  ];
  it.each(files)('%s is an error at every length', async (file) => {
    const whole = load(file);
    expect(await codeOf(whole)).toBe('none');
    const passed: number[] = [];
    for (let length = 0; length < whole.length; length++)
      if (!/^RES05\d\d$/.test(await codeOf(whole.subarray(0, length)))) passed.push(length);
    expect(passed).toEqual([]);
  });
  it.each(files)('%s is an error or opens, whatever byte of it is wrong', async (file) => {
    const whole = load(file);
    const strange: string[] = [];
    for (let at = 0; at < whole.length; at++) {
      const wrong = whole.slice();
      wrong[at] = (wrong[at] ?? 0) ^ (at % 2 === 0 ? 0xff : 0x01);
      const code = await codeOf(wrong);
      if (!/^(RES05\d\d|none)$/.test(code)) strange.push(`byte ${at}: ${code}`);
    }
    expect(strange).toEqual([]);
  });
});

describe('UTF-8', () => {
  it('is decoded and refused as the standard decoder does', () => {
    const standard = (bytes: Uint8Array): string | undefined => {
      try {
        return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
      } catch {
        return undefined;
      }
    };
    const encoded = fc.string({ unit: 'binary' }).map((s) => new TextEncoder().encode(s));
    const damaged = fc
      .tuple(encoded, fc.nat(), fc.nat(255))
      .map(([bytes, at, byte]) => bytes.map((b, i) => (i === at % Math.max(1, bytes.length) ? byte : b)));
    fc.assert(
      fc.property(fc.oneof(encoded, damaged, fc.uint8Array({ max: 255, maxLength: 6 })), (bytes) => {
        expect(utf8(bytes)).toBe(standard(bytes));
      }),
      { numRuns: 3000, seed: 5 },
    );
    for (const bytes of [
      [0xc0, 0x80],
      [0xed, 0xa0, 0x80],
      [0xf4, 0x90, 0x80, 0x80],
      [0xe0, 0x80, 0x80],
      [0xf0, 0x9f, 0x98, 0x80],
      [0xef, 0xbb, 0xbf],
    ])
      expect(utf8(Uint8Array.from(bytes))).toBe(standard(Uint8Array.from(bytes)));
    expect(utf8(new TextEncoder().encode('ä😀'.repeat(5000)))).toBe('ä😀'.repeat(5000));
  });
});

describe('what is no checkpoint', () => {
  it.each([
    ['an empty file', bytesOf()],
    ['a text', bytesOf('hello, this is no checkpoint')],
    ['a web page', bytesOf('<!DOCTYPE html><html></html>')],
    ['a Git LFS pointer', bytesOf('version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n')],
    ['another pickle', bytesOf(0x80, 2, 0x7d, 0x2e)],
  ])('%s is refused', async (_what, bytes) => expect(await codeOf(bytes)).toBe('RES0500'));
  it('a file that is not there, and a folder, are refused', () => {
    expect(() => fileSource(`${fixtures}/nothing.pt`)).toThrow('RES0701');
    expect(() => fileSource(fixtures)).toThrow('RES0701');
  });
});
