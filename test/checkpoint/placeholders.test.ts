/** What a PyTorch file may hold beside plain tensors, and the protocols of its pickles. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, test } from 'vitest';
import { type Checkpoint, openCheckpoint } from '../../src/checkpoint/checkpoint.ts';
import { compile } from '../../src/compile.ts';
import { fileSource } from '../../src/io/node/file-source.ts';
import { materialize } from '../../src/tensor/values.ts';

const path = (file: string): string => fileURLToPath(new URL(`../fixtures/${file}`, import.meta.url));
const open = (file: string): Promise<Checkpoint> => openCheckpoint(fileSource(path(file)));

describe('a checkpoint with more than tensors', () => {
  const tiny = readFileSync(path('faults/tiny.res'), 'utf8');
  test.each<readonly [string, readonly { from: string; to: undefined }[], readonly string[]]>([
    ['np_array.pth', [], ['dict state_dict']],
    ['lightning.ckpt', [], ['dict state_dict', 'prefix model. dropped']],
    ['compile.pth', [], ['prefix _orig_mod. dropped']],
    ['weightnorm.pth', [], ['1 tensor computed from weight norm']],
    ['complex.pth', [{ from: 'freqs', to: undefined }], []],
  ])('%s loads', async (file, map, notes) => {
    const result = await compile(tiny, { weights: fileSource(path(`faults/${file}`)), map });
    expect(result.diagnostics).toEqual([]);
    for (const note of notes) expect(result.report?.notes.join('\n')).toContain(note);
  });
  it('has placeholders for what is no plain tensor', async () => {
    const [whole] = (await open('weights/placeholders.pt')).dicts;
    expect([...(whole?.tensors.keys() ?? [])]).toEqual(['d.x', 'w', 'u16', 'param', 'attr']);
    const rows = [...(whole?.foreign?.values() ?? [])].map(({ name, elem, dims, object }) => [name, elem, dims, object]);
    expect(rows).toEqual([
      ['fp8', 'float8_e4m3fn', [3], false],
      ['c64', 'complex64', [2], false],
      ['c32', 'complex32', [2], false],
      ['sparse', 'sparse tensor', [3, 3], false],
      ['csr', 'sparse tensor', [3, 3], false],
      ['path', 'pathlib.PosixPath', [], true],
      ['cfg', '__main__.Cfg', [], true],
      ['fn', 'torch.nn.functional.relu', [], true],
      ['dtype', 'torch.float16', [], true],
      ['meta', 'torch._utils._rebuild_meta_tensor_no_storage', [], true],
      ['q', 'qint8', [3, 4], false],
    ]);
  });
  test.each([
    ['c64', [2], 'RES0508', '.real and'],
    ['fp8', [3], 'RES0508', '.float()'],
    ['q', [3, 4], 'RES0508', '.dequantize()'],
    ['sparse', [3, 3], 'RES0514', '.to_dense()'],
    ['cfg', [1], 'RES0514', 'save a plain tensor'],
  ] as const)('refuses %s where the model wants it', async (name, dims, code, hint) => {
    const source = `model M {\n  input x: f32[${dims.join(', ')}]\n  param ${name}: f32[${dims.join(', ')}] = zeros\n  x + ${name}\n  output y\n}\n`;
    const { diagnostics } = await compile(source, { weights: await open('weights/placeholders.pt') });
    expect(diagnostics.map((d) => d.code)).toEqual([code]);
    expect(diagnostics[0]?.hint).toContain(hint);
  });
});

describe('a PyTorch file of any pickle protocol', () => {
  test.each(['protocol-0', 'protocol-1', 'protocol-3', 'protocol-4', 'protocol-5', 'protocol-0-zip'])('%s', async (file) => {
    const [dict] = (await open(`weights/${file}.pt`)).dicts;
    const numbers = async (name: string): Promise<readonly number[]> => {
      const entry = dict?.tensors.get(name);
      return entry ? [...(await materialize(entry.expr)).data] : [];
    };
    expect(await numbers('w')).toEqual(Array.from({ length: 12 }, (_, i) => i));
    expect(await numbers('wt')).toEqual([0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]);
    expect(await numbers('h')).toEqual([1, 1]);
    expect(await numbers('b')).toEqual([1, 0]);
    expect(await numbers('n')).toEqual([5]);
  });
});
