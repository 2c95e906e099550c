/**
 * What goes wrong with checkpoints and their numbers, RES05xx: every file is made here byte by byte, opened and bound as the
 * compiler does it, and what is printed is kept.
 */

import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { build } from '../../src/check.ts';
import { bindWeights } from '../../src/checkpoint/bind.ts';
import { openCheckpoint } from '../../src/checkpoint/checkpoint.ts';
import { type Diagnostic, DiagnosticError, Sink } from '../../src/diagnostics/diagnostic.ts';
import { render } from '../../src/diagnostics/render.ts';
import { memorySource } from '../../src/io/bytes.ts';
import { fileSource } from '../../src/io/node/file-source.ts';
import type { Graph } from '../../src/ir/graph.ts';
import { readGraph } from '../../src/ir/read.ts';
import { operatorByName } from '../../src/ops/registry.ts';
import { cast } from '../../src/tensor/arithmetic.ts';
import { encode } from '../../src/tensor/round.ts';
import { exprOf, materialize } from '../../src/tensor/values.ts';
import { bytesOf, le, type Part, safetensorsOf, torchZip, zipOf } from '../checkpoint/helpers.ts';
import { golden } from '../golden.ts';
import { buildExpr, leaf, literal } from '../support/tensors.ts';

/** Compares what is printed with the golden file, whose name begins with the code of the first diagnostic. */
function keep(name: string, diagnostics: readonly Diagnostic[]): void {
  expect(diagnostics[0]?.code).toBe(name.slice(0, 7));
  for (const { code, found, expected, hint } of diagnostics) {
    expect(found && expected && hint, `${code} says what was found, what was expected and what to type`).toBeTruthy();
  }
  golden(`errors/${name}.txt`, render(diagnostics, { color: false, width: 130 }));
}

async function thrownBy(run: () => unknown): Promise<readonly Diagnostic[]> {
  try {
    await run();
  } catch (error) {
    if (error instanceof DiagnosticError) return error.diagnostics;
    throw error;
  }
  return [];
}
const opening = (file: string, bytes: Uint8Array): Promise<readonly Diagnostic[]> =>
  thrownBy(() => openCheckpoint(memorySource(file, bytes)));

const pickle = (...parts: readonly Part[]): Uint8Array => bytesOf(0x80, 2, ...parts, '.');
const text = (s: string): Uint8Array => bytesOf('X', le(s.length, 4), s);
const header = (
  tensors: Readonly<Record<string, readonly [dtype: string, shape: readonly number[], offsets: readonly number[]]>>,
) =>
  JSON.stringify(
    Object.fromEntries(
      Object.entries(tensors).map(([name, [dtype, shape, data_offsets]]) => [name, { dtype, shape, data_offsets }]),
    ),
  );
/** A safetensors file with these f32 tensors, all 0. */
function zeros(tensors: Readonly<Record<string, readonly number[]>>): Uint8Array {
  let at = 0;
  const entries = Object.entries(tensors).map(([name, dims]) => {
    const begin = at;
    at += 4 * dims.reduce((n, d) => n * d, 1);
    return [name, ['F32', dims, [begin, at]]] as const;
  });
  return safetensorsOf(header(Object.fromEntries(entries)), new Uint8Array(at));
}
const npy = (descr: string, shape: string, data: Uint8Array): Uint8Array => {
  const literalText = `{'descr': ${descr}, 'fortran_order': False, 'shape': (${shape}), }\n`;
  return bytesOf(0x93, 'NUMPY', 1, 0, le(literalText.length, 2), literalText, data);
};

describe('files that are no checkpoints', () => {
  test.each([
    ['lfs', 'model.pt', bytesOf('version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 102502400\n')],
    ['empty', 'model.safetensors', bytesOf()],
    ['hdf5', 'model.h5', bytesOf(0x89, 'HDF\r\n', 0x1a, '\n')],
    ['unknown', 'weights.bin', bytesOf(le(0x3f800000, 4), le(0x40000000, 4))],
  ])('%s', async (what, file, bytes) => keep(`RES0500-${what}`, await opening(file, bytes)));
});

describe('files that end too early', () => {
  test.each([
    ['download', 'model.safetensors', safetensorsOf(header({ 'fc.weight': ['F32', [10, 64], [0, 2560]] }), new Uint8Array(1000))],
    ['header', 'model.safetensors', zeros({ 'fc.weight': [10, 64] }).slice(0, 40)],
    ['array', 'x.npy', npy("'<f4'", '10, 64', new Uint8Array(100))],
  ])('%s', async (what, file, bytes) => keep(`RES0501-${what}`, await opening(file, bytes)));
});

describe('damaged files', () => {
  test.each([
    ['no-json', 'model.safetensors', safetensorsOf('{"fc.weight": {"dtype": "F32"')],
    ['no-offsets', 'model.safetensors', safetensorsOf('{"fc.weight": {"dtype": "F32", "shape": [2]}}')],
    ['left-over', 'model.safetensors', bytesOf(zeros({ 'fc.bias': [2] }), 0, 0, 0)],
    ['npy-version', 'x.npy', bytesOf(0x93, 'NUMPY', 9, 0, le(0, 4))],
  ])('%s', async (what, file, bytes) => {
    // The words for broken JSON are those of the engine.
    const found = (await opening(file, bytes)).map((d) =>
      d.found?.includes('no JSON: ') ? { ...d, found: d.found.replace(/no JSON: .*/, 'no JSON: …') } : d,
    );
    keep(`RES0502-${what}`, found);
  });
});

describe('pickles', () => {
  test('with a buffer that lies elsewhere', async () =>
    keep('RES0504-buffer', await opening('model.pt', torchZip(pickle('\x97')))));
  test('with an opcode that is none', async () => keep('RES0504-unknown', await opening('model.pt', torchZip(pickle('\xfe')))));
  test('with a string longer than the file', async () =>
    keep('RES0505-string', await opening('model.pt', torchZip(pickle('\x8d', le(2n ** 60n, 8))))));
  test('nested without end', async () =>
    keep('RES0505-nested', await opening('model.pt', torchZip(pickle(']'.repeat(10000), 'a'.repeat(9999))))));
  test('that lack a storage', async () => {
    const storage = bytesOf('(', text('storage'), 'ctorch\nFloatStorage\n', text('0'), text('cpu'), 'K', 4, 'tQ');
    const tensor = bytesOf('ctorch._utils\n_rebuild_tensor_v2\n(', storage, 'K', 0, 'K', 4, 0x85, 'K', 1, 0x85);
    const whole = pickle('}', text('fc.bias'), tensor, '\x89', 'ccollections\nOrderedDict\n)RtRs');
    keep('RES0505-storage', await opening('model.pt', torchZip(whole)));
  });
});

describe('zip archives', () => {
  const data = pickle('}');
  const twice = [
    { name: 'a/data.pkl', data },
    { name: 'a/data.pkl', data },
  ];
  test.each([
    ['outside', zipOf([{ name: '../data.pkl', data }])],
    ['twice', zipOf(twice)],
    ['encrypted', zipOf([{ name: 'a/data.pkl', data, flags: 1 }])],
    ['cut', zipOf([{ name: 'a/data.pkl', data }]).slice(0, -22)],
    ['size', zipOf([{ name: 'a/data.pkl', data, size: 1 }])],
  ])('%s', async (what, bytes) => keep(`RES0507-${what}`, await opening('model.pt', bytes)));
});

describe('tensors', () => {
  test('of complex numbers', async () => keep('RES0508-complex', await opening('x.npy', npy("'<c8'", '2,', new Uint8Array(16)))));
  test('whose bytes are not what their shape takes', async () =>
    keep(
      'RES0509-size',
      await opening(
        'model.safetensors',
        safetensorsOf(header({ 'fc.weight': ['F32', [10, 64], [0, 640]] }), new Uint8Array(640)),
      ),
    ));
  test('that share bytes', async () =>
    keep(
      'RES0509-overlap',
      await opening(
        'model.safetensors',
        safetensorsOf(header({ a: ['F32', [2], [0, 8]], b: ['F32', [2], [4, 12]] }), new Uint8Array(12)),
      ),
    ));
  test('of one name', async () => {
    const one = '{"dtype":"F32","shape":[1],"data_offsets":[0,4]}';
    keep(
      'RES0510-twice',
      await opening('model.safetensors', safetensorsOf(`{"fc.bias":${one},"fc.bias":${one}}`, new Uint8Array(4))),
    );
  });
});

describe('reading', () => {
  test('a file that is not there, a folder, and a file that shrinks', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'rescc-provoked-'));
    const tidy = (words: string): string => words.replaceAll(folder, 'TMP').replaceAll('\\', '/');
    const plain = (diagnostics: readonly Diagnostic[]): readonly Diagnostic[] =>
      diagnostics.map((d) => ({
        ...d,
        title: tidy(d.title),
        ...(d.found !== undefined && { found: tidy(d.found) }),
        ...(d.hint !== undefined && { hint: tidy(d.hint) }),
      }));
    try {
      keep('RES0701-checkpoint', plain(await thrownBy(() => fileSource(join(folder, 'model.pt')))));
      keep('RES0701-checkpoint-folder', plain(await thrownBy(() => fileSource(folder))));
      const path = join(folder, 'model.safetensors');
      writeFileSync(path, zeros({ 'fc.bias': [10] }));
      const source = fileSource(path);
      try {
        const entry = (await openCheckpoint(source)).dicts[0]?.tensors.get('fc.bias');
        const file = openSync(path, 'r+');
        ftruncateSync(file, 100);
        closeSync(file);
        keep('RES0511-shrank', plain(await thrownBy(() => entry && materialize(entry.expr))));
      } finally {
        source.close();
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('shards', () => {
  const indexOf = (shard: string): Uint8Array => bytesOf(JSON.stringify({ metadata: {}, weight_map: { 'fc.weight': shard } }));
  test('outside of the folder', async () =>
    keep('RES0512-outside', await opening('model.safetensors.index.json', indexOf('../../etc/passwd'))));
  test('that are not there', async () =>
    keep(
      'RES0513-shard',
      await thrownBy(() =>
        openCheckpoint({
          ...memorySource('model.safetensors.index.json', indexOf('model-00001-of-00002.safetensors')),
          sibling: () => undefined,
        }),
      ),
    ));
});

describe('binding', () => {
  const net = (): Graph => {
    const { graph } = build('model Net {\n  input x: f32[N, 8]\n  fc: linear(4)\n  norm: layernorm\n  output y\n}\n');
    if (!graph) throw new Error('the model is wrong');
    return graph;
  };
  const opened = (tensors: Readonly<Record<string, readonly number[]>>) =>
    openCheckpoint(memorySource('model.safetensors', zeros(tensors)));
  const all = { 'fc.weight': [4, 8], 'fc.bias': [4], 'norm.weight': [4], 'norm.bias': [4] };

  test('takes no tensor of a type that rescc does not know', async () => {
    const bytes = safetensorsOf(header({ 'fc.weight': ['F4', [4, 8], [0, 16]] }), new Uint8Array(16));
    const checkpoint = await openCheckpoint(memorySource('model.safetensors', bytes));
    keep('RES0508-float4', (await bindWeights(net(), checkpoint, { allowMissing: true })).diagnostics);
  });
  test('renames two tensors to one', async () => {
    const checkpoint = await opened({ ...all, 'head.bias': [4] });
    const map = [{ from: 'head.bias', to: 'fc.bias' }];
    keep('RES0523-two', (await bindWeights(net(), checkpoint, { map })).diagnostics);
  });
  test('follows no rule with more stars behind than before', async () => {
    const map = [{ from: 'head.*', to: '*.fc.*' }];
    keep('RES0524-stars', (await bindWeights(net(), await opened(all), { map })).diagnostics);
  });
  test('follows no rule from nothing', async () => {
    const map = [{ from: '', to: 'fc.bias' }];
    keep('RES0524-nothing', (await bindWeights(net(), await opened(all), { map })).diagnostics);
  });
});

describe('numbers', () => {
  test('that float64 does not hold', async () => {
    const bytes = safetensorsOf(header({ steps: ['I64', [2], [0, 16]] }), bytesOf(le(1, 8), le(2n ** 60n + 1n, 8)));
    const entry = (await openCheckpoint(memorySource('model.safetensors', bytes))).dicts[0]?.tensors.get('steps');
    keep('RES0530-large', await thrownBy(() => entry && materialize(cast(entry.expr, 'f32'))));
  });
  test('that an integer type does not hold', async () => {
    const expr = cast(literal({ elem: 'f32', dims: [3], data: Float64Array.of(1, 300, -1) }), 'u8');
    keep(
      'RES0531-byte',
      await thrownBy(async () => {
        const { data } = await materialize(expr);
        encode('u8', data, data.length, new Uint8Array(data.length));
      }),
    );
  });
  test('that nobody gave', async () => {
    const source = {
      name: 'net.ir',
      text: 'graph @Net\n  %x = input : f32[N, 8]\n  %0 = linear(%x, #fc.weight[4, 8], _)  @fc\n  output y = %0\n',
    };
    const graph = readGraph(source, { operator: operatorByName, leaf, call: buildExpr }, new Sink());
    const [weight] = graph?.constants() ?? [];
    keep('RES0532-leaf', await thrownBy(() => weight && materialize(exprOf(weight))));
  });
});
