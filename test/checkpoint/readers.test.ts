/**
 * ONNX initialisers, shards with an index, and torch's tar form: files that onnx, safetensors and Python wrote, and hostile ones.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Checkpoint, openCheckpoint } from '../../src/checkpoint/checkpoint.ts';
import { DiagnosticError } from '../../src/diagnostics/diagnostic.ts';
import { type ByteSource, memorySource } from '../../src/io/bytes.ts';
import { fileSource } from '../../src/io/node/file-source.ts';
import { materialize } from '../../src/tensor/values.ts';
import { asyncSource, bytesOf, codeOf, le } from './helpers.ts';

const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));
const load = (name: string): Uint8Array => new Uint8Array(readFileSync(fixture(name)));
const files = (name: string): ByteSource & { readonly asked: string[] } => {
  const asked: string[] = [];
  return {
    ...memorySource(name, load(`weights/${name}`)),
    asked,
    sibling: async (path) => {
      asked.push(path);
      return memorySource(path, load(`weights/${path}`));
    },
  };
};
type Numbers = Readonly<Record<string, readonly [string, readonly number[], readonly number[]]>>;
async function contents(checkpoint: Checkpoint, key = ''): Promise<Numbers> {
  const out: Record<string, readonly [string, readonly number[], readonly number[]]> = {};
  for (const [name, tensor] of checkpoint.dicts.find((d) => d.key === key)?.tensors ?? [])
    out[name] = [tensor.elem, tensor.dims, [...(await materialize(tensor.expr)).data]];
  return out;
}
const ramp = (count: number): readonly number[] => Array.from({ length: count }, (_, i) => i * 0.25 - 3);
const integers = (count: number): readonly number[] => Array.from({ length: count }, (_, i) => i - 2);

describe('initialisers of an ONNX model', () => {
  const expected: Numbers = {
    'raw.f32': ['f32', [2, 3, 4], ramp(24)],
    'raw.f64': ['f64', [4], ramp(4)],
    'raw.f16': ['f16', [2, 3], ramp(6)],
    'raw.i64': ['i64', [5], integers(5)],
    'raw.u8': ['u8', [5], [0, 1, 2, 3, 4]],
    'raw.bool': ['bool', [3], [1, 0, 1]],
    'raw.scalar': ['f32', [], [2.5]],
    'raw.empty': ['f32', [0, 3], []],
    'typed.f32': ['f32', [2, 3], ramp(6)],
    'typed.f64': ['f64', [2, 3], ramp(6)],
    'typed.i32': ['i32', [2, 3], integers(6)],
    'typed.i64': ['i64', [2, 3], integers(6)],
    'typed.i8': ['i8', [2, 3], integers(6)],
    'typed.u8': ['u8', [2, 3], [250, 251, 252, 253, 254, 255]],
    'typed.u64': ['u64', [2, 3], [0, 1, 2, 3, 4, 5]],
    'typed.bool': ['bool', [2, 3], [1, 0, 1, 1, 0, 0]],
    'typed.f16': ['f16', [2, 3], ramp(6)],
    'typed.bf16': ['bf16', [2, 3], ramp(6)],
  };
  it('are read raw and typed, from a file, from memory and from a slow source', async () => {
    const disk = fileSource(fixture('weights/initializers.onnx'));
    const bytes = load('weights/initializers.onnx');
    for (const source of [disk, memorySource('m', bytes), asyncSource('slow', bytes)]) {
      const checkpoint = await openCheckpoint(source);
      expect(checkpoint.format).toBe('ONNX');
      expect(await contents(checkpoint)).toEqual(expected);
      expect([...(checkpoint.dicts[0]?.foreign?.values() ?? [])].map((t) => `${t.name} ${t.elem}`)).toEqual(['text STRING']);
    }
    disk.close();
  });
  it('in a data file beside it are found through the source', async () => {
    const expected = { big: ['f32', [3, 100], ramp(300)], other: ['f64', [200], ramp(200)], small: ['f32', [2], ramp(2)] };
    const disk = fileSource(fixture('weights/external.onnx'));
    expect(await contents(await openCheckpoint(disk))).toEqual(expected);
    disk.close();
    const source = files('external.onnx');
    expect(await contents(await openCheckpoint(source))).toEqual(expected);
    expect(new Set(source.asked)).toEqual(new Set(['external.data']));
  });
  it('equal those of the checkpoint that the model was exported from', async () => {
    const model = fileSource(fixture('rfb320/version-RFB-320.onnx'));
    const trained = fileSource(fixture('rfb320/version-RFB-320.pth'));
    const own = await contents(await openCheckpoint(model));
    const theirs = await contents(await openCheckpoint(trained));
    const names = Object.keys(theirs).filter((name) => !name.endsWith('num_batches_tracked'));
    expect(names.length).toBeGreaterThan(200);
    for (const name of names) expect(own[name], name).toEqual(theirs[name]);
    model.close();
    trained.close();
  });
  it('are opened without reading numbers', async () => {
    const bytes = load('rfb320/version-RFB-320.onnx');
    let read = 0;
    const source: ByteSource = {
      ...memorySource('m', bytes),
      readSync: (start, length) => {
        read += length;
        return bytes.subarray(start, start + length);
      },
    };
    const big = bytesOf(le(0, 8));
    await openCheckpoint(source);
    expect(big.length).toBe(8);
    // Windows of 64 KiB; tensors are smaller than that here, so that each byte is seen once at most, and no tensor twice.
    expect(read).toBeLessThan(bytes.length * 1.3);
  });

  const field = (number: number, body: Uint8Array): Uint8Array => bytesOf(number * 8 + 2, ...[varint(body.length)], body);
  const varint = (n: number): readonly number[] => (n < 128 ? [n] : [(n % 128) | 128, ...varint(Math.floor(n / 128))]);
  const entry = (key: string, value: string): Uint8Array => field(13, bytesOf(field(1, bytesOf(key)), field(2, bytesOf(value))));
  const model = (...tensors: readonly Uint8Array[]): Uint8Array =>
    bytesOf([8, 8], field(7, bytesOf(...tensors.map((tensor) => field(5, tensor)))), field(8, bytesOf([16, 17])));
  const named = (...parts: readonly Uint8Array[]): Uint8Array => bytesOf([8, 4, 16, 1], field(8, bytesOf('w')), ...parts);
  const beside = (location: string, more: readonly Uint8Array[] = []): Uint8Array =>
    model(named(entry('location', location), ...more, bytesOf([0x70, 1])));
  const within = (bytes: Uint8Array, data: number): ByteSource => ({
    ...memorySource('m.onnx', bytes),
    sibling: (path) => (path === 'w.data' ? memorySource(path, new Uint8Array(data)) : undefined),
  });

  it.each(['w.data', './w.data', '.\\w.data', 'a\\..\\w.data', 'a/..\\w.data'])('may lie in %s', async (location) => {
    const checkpoint = await openCheckpoint(within(beside(location), 16));
    expect(await contents(checkpoint)).toEqual({ w: ['f32', [4], [0, 0, 0, 0]] });
  });
  it('may be unpacked, and then are the same', async () => {
    const floats = [1, -2.5, 3, 4].map((x) => bytesOf(0x25, new Uint8Array(Float32Array.of(x).buffer)));
    const checkpoint = await openCheckpoint(memorySource('m', model(named(...floats))));
    expect(await contents(checkpoint)).toEqual({ w: ['f32', [4], [1, -2.5, 3, 4]] });
  });
  it.each([
    ['..', beside('../w.data'), 'RES0512'],
    ['.. inside', beside('a/../../w.data'), 'RES0512'],
    ['an absolute path', beside('/etc/passwd'), 'RES0512'],
    ['a drive', beside('C:w.data'), 'RES0512'],
    ['.. as Windows writes it', beside('..\\w.data'), 'RES0512'],
    ['.. inside, as Windows writes it', beside('a\\..\\..\\w.data'), 'RES0512'],
    ['a server of Windows', beside('\\\\server\\share\\w.data'), 'RES0512'],
    ['a drive with its folder', beside('C:\\w.data'), 'RES0512'],
    ['no name', beside(''), 'RES0512'],
    ['a folder', beside('a/..'), 'RES0512'],
    ['a folder below', beside('w.data/'), 'RES0512'],
    ['a file that is not there', beside('x.data'), 'RES0513'],
    ['an offset past the end', beside('w.data', [entry('offset', '8')]), 'RES0501'],
    ['an offset of 2^60', beside('w.data', [entry('offset', '1152921504606846976')]), 'RES0509'],
    ['a negative offset', beside('w.data', [entry('offset', '-4')]), 'RES0509'],
    ['another length', beside('w.data', [entry('length', '12')]), 'RES0509'],
    ['fewer raw bytes than its shape says', model(named(field(9, new Uint8Array(12)))), 'RES0509'],
    ['a shape of 2^60', model(bytesOf([8], varint(2 ** 50), [8], varint(2 ** 10), [16, 1], field(8, bytesOf('w')))), 'RES0509'],
    ['a hundred dimensions', model(bytesOf(...Array.from({ length: 100 }, () => [8, 1]), [16, 1])), 'RES0502'],
    ['no name', model(bytesOf([8, 1, 16, 1], field(9, new Uint8Array(4)))), 'RES0502'],
    ['a name twice', model(named(field(9, new Uint8Array(16))), named(field(9, new Uint8Array(16)))), 'RES0510'],
    ['a field that ends outside', bytesOf([8, 8], [0x3a], varint(2 ** 40)), 'RES0502'],
    ['no graph', bytesOf([8, 8], field(8, bytesOf([16, 17]))), 'RES0502'],
  ])('with %s are refused', async (_what, bytes, code) => expect(await codeOf(within(bytes, 16))).toBe(code));
  it('in a data file that fits open', async () => expect(await codeOf(within(beside('w.data'), 16))).toBe('none'));
});

describe('shards', () => {
  const expected: Numbers = {
    'conv.weight': ['f32', [4, 1, 3, 3], ramp(36)],
    'conv.bias': ['f32', [4], ramp(4)],
    'fc.weight': ['f16', [2, 4], ramp(8)],
  };
  it('are opened by their index, from a folder and through a function', async () => {
    const disk = fileSource(fixture('weights/sharded.safetensors.index.json'));
    expect(await contents(await openCheckpoint(disk))).toEqual(expected);
    disk.close();
    expect(await contents(await openCheckpoint(files('sharded.safetensors.index.json')))).toEqual(expected);
  });
  it('close with their index', async () => {
    const disk = fileSource(fixture('weights/sharded.safetensors.index.json'));
    const bias = (await openCheckpoint(disk)).dicts[0]?.tensors.get('conv.bias');
    disk.close();
    expect(() => bias?.expr.fill(0, new Float64Array(4))).toThrow('RES0511');
  });
  const index = (map: Readonly<Record<string, unknown>> | string): ByteSource => ({
    ...memorySource('i.json', bytesOf(typeof map === 'string' ? map : JSON.stringify({ weight_map: map }))),
    sibling: (path) =>
      path === 'i.json'
        ? index(map)
        : path.startsWith('sharded')
          ? memorySource(path, load(`weights/${path}`))
          : path === 'same'
            ? memorySource(path, load('weights/sharded-00001-of-00002.safetensors'))
            : undefined,
  });
  const one = 'sharded-00001-of-00002.safetensors';
  it.each([
    ['..', index({ a: '../secret.safetensors' }), 'RES0512'],
    ['an absolute path', index({ a: '/etc/passwd' }), 'RES0512'],
    ['a path out of the folder, as Windows writes it', index({ a: '..\\secret.safetensors' }), 'RES0512'],
    ['a shard that is not there', index({ a: 'none' }), 'RES0513'],
    ['a tensor that its shard lacks', index({ a: one }), 'RES0502'],
    ['one tensor in two shards', index({ 'conv.bias': one, 'conv.weight': 'same' }), 'RES0510'],
    ['itself as a shard', index({ a: 'i.json' }), 'RES0500'],
    ['a number for a file', index({ a: 3 }), 'RES0502'],
    ['no map', index('{"metadata": {}}'), 'RES0502'],
    ['half a text', index('{"weight_map": {'), 'RES0502'],
    ['no function to open them', memorySource('i', bytesOf(`{"weight_map":{"a":"${one}"}}`)), 'RES0513'],
  ])('with %s are refused', async (_what, source, code) => expect(await codeOf(source)).toBe(code));
});

describe("torch's tar form", () => {
  it('is read with views, strides and shared storages', async () => {
    const bytes = load('weights/old.tar');
    for (const source of [memorySource('old', bytes), asyncSource('old', bytes)]) {
      const checkpoint = await openCheckpoint(source);
      expect(checkpoint.format).toBe('PyTorch tar');
      expect(await contents(checkpoint, 'state_dict')).toEqual({
        whole: ['f32', [3, 4], ramp(12)],
        transposed: ['f32', [4, 3], [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11].map((i) => i * 0.25 - 3)],
        view: ['f32', [2, 2], [5, 6, 7, 8].map((i) => i * 0.25 - 3)],
        counts: ['i64', [3], [0, 1, 2]],
      });
    }
  });
});

describe('what is cut off or damaged', () => {
  /** Bytes behind which a file is whole: a tar's padding may be missing without a loss. */
  const whole = ['initializers.onnx', 'external.onnx', 'sharded.safetensors.index.json', 'old.tar'];
  const siblings = readdirSync(fixture('weights'));
  const within = (bytes: Uint8Array): ByteSource => ({
    ...memorySource('f', bytes),
    sibling: (path) => (siblings.includes(path) ? memorySource(path, load(`weights/${path}`)) : undefined),
  });
  const outcome = async (bytes: Uint8Array): Promise<string> => {
    try {
      return JSON.stringify((await openCheckpoint(within(bytes))).dicts.map((d) => [d.key, ...d.tensors.keys()]));
    } catch (error) {
      if (!(error instanceof DiagnosticError)) throw error;
      return error.diagnostics[0]?.code ?? '';
    }
  };
  it.each(whole)('%s is an error at every length', async (file) => {
    const bytes = load(`weights/${file}`);
    expect(await outcome(bytes)).toContain('[');
    const passed: number[] = [];
    const step = bytes.length > 4000 ? 7 : 1;
    // A tar needs the first of its closing blocks of zeros; Python pads it with more.
    const last = bytes.findLastIndex((byte) => byte !== 0);
    const end = file.endsWith('.tar') ? Math.ceil(last / 512) * 512 + 512 : bytes.length;
    for (let length = 0; length < end; length += step)
      if (!/^RES05\d\d$/.test(await outcome(bytes.subarray(0, length)))) passed.push(length);
    expect(passed).toEqual([]);
  });
  it.each(whole)('%s is an error or opens, whatever bytes of it are wrong', async (file) => {
    const bytes = load(`weights/${file}`);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        async (changes) => {
          const wrong = bytes.slice();
          for (const [at, byte] of changes) wrong[at] = byte;
          const checkpoint = await openCheckpoint(within(wrong)).catch((error: unknown) => {
            if (!(error instanceof DiagnosticError)) throw error;
            return undefined;
          });
          // Pulling what did open ends in numbers or in a code too.
          for (const tensor of checkpoint?.dicts[0]?.tensors.values() ?? [])
            if (tensor.expr.count < 1e6)
              await materialize(tensor.expr).catch((error: unknown) => {
                if (!(error instanceof DiagnosticError)) throw error;
              });
        },
      ),
      { numRuns: 600, seed: 21 },
    );
  });
  it('a file that shrinks after it was opened is an error', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'rescc-shrink-'));
    const path = join(folder, 'm.onnx');
    writeFileSync(path, load('rfb320/version-RFB-320.onnx'));
    const source = fileSource(path);
    const last = [...((await openCheckpoint(source)).dicts[0]?.tensors.values() ?? [])].at(-1);
    writeFileSync(path, 'short');
    expect(() => last?.expr.fill(0, new Float64Array(1))).toThrow('RES0511');
    source.close();
    rmSync(folder, { recursive: true });
  });
});
