/**
 * Inputs that ask for more than they hold. Each ends with a diagnostic, or right, in a process whose heap could not hold what it
 * asks for: none of them is a matter of patience, so that a test that hangs has found a fault.
 */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deflateSync } from 'fflate';
import proto from 'onnx-proto';
import { afterAll, describe, expect, test } from 'vitest';
import { bytesOf, type Part, safetensorsOf, zipOf } from '../checkpoint/helpers.ts';
import { folder, rescc } from './rescc.ts';

const { onnx } = proto;
const at = folder();
afterAll(at.remove);
function write(name: string, content: string | Uint8Array): string {
  const path = join(at.path, name);
  writeFileSync(path, content);
  return path;
}

/** Runs in a heap of 400 MB; the answer's code, and what it says. */
function bounded(name: string, content: string | Uint8Array, words: (path: string) => readonly string[]): string {
  const path = write(name, content);
  const { code, err } = rescc([...words(path)], { env: { NODE_OPTIONS: '--max-old-space-size=400' } });
  const found = /RES\d{4}/.exec(err)?.[0];
  return `${code} ${found ?? 'nothing'}`;
}
const check = (path: string): readonly string[] => ['check', path];
const list = (path: string): readonly string[] => ['weights', path];
const optimize = (path: string): readonly string[] => ['optimize', path, '-o', `${path}.out.onnx`, '--force'];

const model = (body: string, blocks = ''): string => `${blocks}\nmodel A {\n  input x: f32[N, 4]\n  ${body}\n  output y\n}\n`;

describe('a model', () => {
  const cases: Readonly<Record<string, string>> = {
    'a billion turns': model('repeat 1000000000 { linear(4) batchnorm relu }'),
    'turns in turns in turns': model('repeat 1000 { repeat 1000 { repeat 1000 { linear(4) } } }'),
    'turns in blocks': model('repeat 1000 { C(1000) }', 'block B(n) { repeat n { relu } }\nblock C(n) { repeat n { B(n) } }'),
    'calls that double': model('B(60)', 'block B(n) { relu  if n > 0 { B(n - 1) B(n - 1) } }'),
    'calls that double by the length of a list': model(
      'B([1])',
      'block B(xs: int[]) { relu  if len(xs) < 60 { B(xs + [1]) B(xs + [1]) } }',
    ),
    'a list that doubles': model('B(60, [1])', 'block B(n, xs: int[]) { if n > 0 { B(n - 1, xs + xs) } }'),
    'lists of lists': model(
      `let a = [1, 2]  ${[...'bcdeghijk'].map((name, i) => `let ${name} = [${Array<string>(10).fill('abcdeghij'.charAt(i))}]`).join('  ')}  relu(k)`,
    ),
    'lists by each': model('let a = each range(100000) as i { return each range(100000) as j { return i * j } }'),
    'inputs that are compared with each other': 'model A { repeat 100000 as i { input x{i}: f32[1] }  output y }',
    'turns of a list': model('repeat range(300000) { repeat range(300000) { relu } }'),
    'shared turns': model('repeat 20000 as i { a{i}: { linear(4) } }  repeat 40000 shared { linear(4) }'),
    'one tensor as many operands': model('let xs = each range(20000) as i { return x }  repeat 1000 { concat(xs, axis=1) }'),
  };
  for (const [name, text] of Object.entries(cases))
    test(name, () => {
      expect(bounded('model.res', text, check)).toBe('1 RES0414');
    });

  test('is refused before it runs, and with advice that can be followed', () => {
    const path = write('large.res', model('repeat 200000 { relu }'));
    const { err } = rescc(['check', path]);
    expect(err).toContain('at least 1,600,003 steps');
    const [, steps] = /--max-steps (\d+)/.exec(err) ?? [];
    expect(Number(steps)).toBeGreaterThan(1_600_003);
    const hopeless = rescc(['check', write('hopeless.res', model('repeat 2000000000 { relu }'))]);
    expect(hopeless.err).not.toContain('--max-steps');
  });

  test('of 10,000 blocks of 11 nodes is no such model', () => {
    const block = 'residual { linear(4) batchnorm relu linear(4) batchnorm relu linear(4) batchnorm }  relu';
    expect(bounded('deep.res', model(`repeat 10000 { ${block} tanh }`), check)).toBe('0 nothing');
  });

  test('whose turns depend on what a branch decides is run', () => {
    const text = model('repeat 10 as i { if i == 0 { repeat 1000 { relu } } else { tanh } }');
    expect(bounded('branch.res', text, check)).toBe('0 nothing');
    expect(bounded('never.res', model('if 1 == 2 { repeat 1000000000 { relu } }  relu'), check)).toBe('0 nothing');
  });
});

describe('a checkpoint', () => {
  const pickle = (...parts: readonly Part[]): Uint8Array => bytesOf(0x80, 2, ...parts, '.');
  const deflated = (data: Uint8Array): Uint8Array =>
    zipOf([{ name: 'a/data.pkl', data: deflateSync(data), method: 8, size: data.length }]);
  const filled = (count: number, ...units: readonly string[]): Uint8Array => {
    const unit = bytesOf(...units);
    const out = new Uint8Array(2 + count * unit.length);
    out.set([0x80, 2]);
    for (let i = 0; i < count; i++) out.set(unit, 2 + i * unit.length);
    return out;
  };
  const opcodes: Readonly<Record<string, readonly string[]>> = {
    dicts: ['}'],
    lists: [']'],
    'empty tuples': [')'],
    'tuples of themselves': ['N', '\x86'.slice(0, 0), ')', '\x85'],
    'marks and tuples': ['(', 't'],
    'memo entries': ['}', '\x94'],
    'integers of a kilobyte': [`\x8b${String.fromCharCode(0, 4, 0, 0)}${'\x7f'.repeat(1024)}`],
    'copies of one dict': ['}', '2', '2', '2'],
  };
  for (const [name, units] of Object.entries(opcodes))
    test(`of ${name}`, () => {
      const size = bytesOf(...units).length;
      expect(bounded('model.pt', deflated(filled(Math.floor(15_900_000 / size), ...units)), list)).toBe('1 RES0505');
    });

  test('whose dicts stand in one another many times', () => {
    // Each level is a dict that holds the one before it under ten names; a tensor would be listed along every path.
    const inner = '}q\x00';
    const keys = (level: number): string =>
      `}q${String.fromCharCode(level)}(${[...'0123456789'].map((key) => `X\x01\x00\x00\x00${key}h${String.fromCharCode(level - 1)}`).join('')}u`;
    const text = inner + Array.from({ length: 40 }, (_, i) => `0${keys(i + 1)}`).join('');
    expect(bounded('model.pt', zipOf([{ name: 'a/data.pkl', data: pickle(text) }]), list)).toBe('1 RES0505');
  });

  test('of safetensors, whose header is all brackets', () => {
    const nested = `{"a":${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}}`;
    expect(bounded('deep.safetensors', headed(nested), list)).toMatch(/^1 RES05/);
    const empty = `{${Array.from({ length: 1_000_000 }, (_, i) => `"${i.toString(36)}":{}`).join()}}`;
    expect(bounded('wide.safetensors', headed(empty), list)).toMatch(/^1 RES05/);
    expect(bounded('model.safetensors.index.json', `{"weight_map":${'[{'.repeat(3_000_000)}`, list)).toMatch(/^1 RES05/);
  });

  test('whose names are matched by many stars', () => {
    const header = `{"${'a'.repeat(5000)}":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`;
    const words = ['weights', write('stars.safetensors', safetensorsOf(header, new Uint8Array(4)))];
    const against = ['--against', write('stars.res', model('linear(4)')), '--map', `${'*a'.repeat(60)}*b=none`];
    expect(rescc([...words, ...against]).code).toBe(1);
  });

  /** `safetensorsOf` takes its text apart letter by letter, which these are too long for. */
  function headed(header: string): Uint8Array {
    const text = new TextEncoder().encode(header);
    const out = new Uint8Array(8 + text.length);
    new DataView(out.buffer).setUint32(0, text.length, true);
    out.set(text, 8);
    return out;
  }
});

describe('an ONNX file', () => {
  type Message = Parameters<typeof onnx.ModelProto.create>[0];
  const type = (elemType: number, ...dims: readonly (number | string)[]) => ({
    tensorType: {
      elemType,
      shape: { dim: dims.map((d) => (typeof d === 'number' ? { dimValue: d } : { dimParam: d })) },
    },
  });
  const i64 = (name: string, dims: readonly number[], values: readonly number[]) => ({
    name,
    dataType: 7,
    dims: [...dims],
    int64Data: [...values],
  });
  const file = (graph: object, more: object = {}): Uint8Array =>
    onnx.ModelProto.encode(
      onnx.ModelProto.fromObject({
        irVersion: 8,
        opsetImport: [
          { domain: '', version: 17 },
          { domain: 'f', version: 1 },
        ],
        graph,
        ...more,
      } as Message & object),
    ).finish();
  const x = { name: 'x', type: type(1, 'N', 4) };
  const y = { name: 'y', type: type(1) };

  test('whose functions call one another twice', () => {
    const functions = Array.from({ length: 40 }, (_, i) => ({
      name: `F${i}`,
      domain: 'f',
      input: ['a'],
      output: ['c'],
      opsetImport: [
        { domain: '', version: 17 },
        { domain: 'f', version: 1 },
      ],
      node:
        i === 0
          ? [{ opType: 'Relu', input: ['a'], output: ['c'] }]
          : [
              { opType: `F${i - 1}`, domain: 'f', input: ['a'], output: ['b'] },
              { opType: `F${i - 1}`, domain: 'f', input: ['b'], output: ['c'] },
            ],
    }));
    const graph = { name: 'g', input: [x], output: [y], node: [{ opType: 'F39', domain: 'f', input: ['x'], output: ['y'] }] };
    expect(bounded('laughs.onnx', file(graph, { functions }), optimize)).toBe('1 RES0652');
  });

  const sizes: Readonly<Record<string, object>> = {
    'a range as a shape': {
      initializer: [i64('a', [], [0]), i64('b', [], [1e9]), i64('c', [], [1])],
      node: [
        { opType: 'Range', input: ['a', 'b', 'c'], output: ['r'] },
        { opType: 'Reshape', input: ['x', 'r'], output: ['y'] },
      ],
    },
    'a filled tensor as a shape': {
      initializer: [i64('s', [1], [1e9])],
      node: [
        { opType: 'ConstantOfShape', input: ['s'], output: ['r'] },
        { opType: 'Reshape', input: ['x', 'r'], output: ['y'] },
      ],
    },
    'an expanded shape': {
      initializer: [i64('one', [1], [1]), i64('s', [1], [1e9])],
      node: [
        { opType: 'Expand', input: ['one', 's'], output: ['r'] },
        { opType: 'Reshape', input: ['x', 'r'], output: ['y'] },
      ],
    },
    'a tiled shape': {
      initializer: [i64('one', [1], [1]), i64('s', [1], [1e9])],
      node: [
        { opType: 'Tile', input: ['one', 's'], output: ['r'] },
        { opType: 'Expand', input: ['x', 'r'], output: ['y'] },
      ],
    },
    'numbers of large ranges, added': {
      initializer: [i64('a', [], [0]), i64('b', [], [1e9]), i64('c', [], [1])],
      node: [
        { opType: 'Range', input: ['a', 'b', 'c'], output: ['r'] },
        { opType: 'Add', input: ['r', 'r'], output: ['s'] },
        { opType: 'ReduceSum', input: ['s'], output: ['t'] },
        { opType: 'Cast', input: ['t'], output: ['f'], attribute: [{ name: 'to', type: 2, i: 1 }] },
        { opType: 'Add', input: ['x', 'f'], output: ['y'] },
      ],
    },
    'axes that pile up': {
      initializer: [
        i64(
          'axes',
          [1000],
          Array.from({ length: 1000 }, (_, i) => i),
        ),
      ],
      node: Array.from({ length: 2000 }, (_, i) => ({
        opType: 'Unsqueeze',
        input: [i === 0 ? 'x' : `v${i - 1}`, 'axes'],
        output: [i === 1999 ? 'y' : `v${i}`],
      })),
    },
    'shapes that double': {
      node: [
        { opType: 'Shape', input: ['x'], output: ['v0'] },
        ...Array.from({ length: 40 }, (_, i) => ({
          opType: 'Concat',
          input: [`v${i}`, `v${i}`],
          output: [`v${i + 1}`],
          attribute: [{ name: 'axis', type: 2, i: 0 }],
        })),
        { opType: 'Reshape', input: ['x', 'v40'], output: ['y'] },
      ],
    },
    'polynomials of sizes': {
      node: [
        { opType: 'Shape', input: ['x'], output: ['p0'] },
        ...Array.from({ length: 10 }, (_, i) => ({
          opType: 'Concat',
          input: [`p${i}`, `p${i}`],
          output: [`p${i + 1}`],
          attribute: [{ name: 'axis', type: 2, i: 0 }],
        })),
        ...Array.from({ length: 3000 }, (_, i) => ({
          opType: i % 2 === 0 ? 'Mul' : 'Add',
          input: [`${i === 0 ? 'p9' : `m${i - 1}`}`, 'p9'],
          output: [`m${i}`],
        })),
        { opType: 'Reshape', input: ['x', 'm2999'], output: ['y'] },
      ],
    },
  };
  for (const [name, parts] of Object.entries(sizes))
    test(`with ${name}`, () => {
      const graph = { name: 'g', input: [x], output: [y], ...parts };
      expect(bounded('sizes.onnx', file(graph), optimize)).toMatch(/^(0 nothing|1 RES06\d\d)$/);
    });

  test('of empty parts, which cost two bytes each', () => {
    const parts = (number: number, count: number): Uint8Array => {
      const inside = new Uint8Array(2 * count);
      for (let i = 0; i < count; i++) inside[2 * i] = (number << 3) | 2;
      const head = bytesOf(8, 8, 0x42, 2, 0x10, 17, 0x3a, ...leb(inside.length));
      const out = new Uint8Array(head.length + inside.length);
      out.set(head);
      out.set(inside, head.length);
      return out;
    };
    for (const number of [1, 11, 12, 13]) expect(bounded('parts.onnx', parts(number, 1_000_000), optimize)).toMatch(/^1 RES06/);
    for (const number of [1, 5, 11]) expect(bounded('parts.onnx', parts(number, 1_000_000), list)).toMatch(/^[01] /);
  });

  function leb(n: number): number[] {
    return n < 128 ? [n] : [(n % 128) | 128, ...leb(Math.floor(n / 128))];
  }
});

describe('the inputs that were found', () => {
  const found = (name: string): string => new URL(`../fixtures/faults/${name}`, import.meta.url).pathname;
  const env = { NODE_OPTIONS: '--max-old-space-size=400' };
  test('end', () => {
    expect(rescc(['check', found('hang-repeat-1e9.res')], { env }).err).toContain('RES0414');
    expect(rescc(['weights', found('memory-15.9e6-dicts.pt')], { env }).err).toContain('RES0505');
    const out = `${at.path}/range.onnx`;
    expect(rescc(['optimize', found('memory-range-1e9.onnx'), '-o', out], { env }).code).toBe(0);
  });
});
