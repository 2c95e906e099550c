/** Einsum of foreign files, as it stands and as what it is lifted to, in onnxruntime at several sizes. */
import { describe, expect, it, vi } from 'vitest';
import { importOnnx } from '../../src/import/import.ts';
import { same } from '../optimize/same.ts';
import { feed, modelBytes, node, opened, type Parts, value } from './onnx-bytes.ts';

vi.setConfig({ testTimeout: 120_000 });

type Dims = readonly (number | string)[];

function parts(equation: string, types: readonly Dims[]): Parts {
  const names = types.map((_, i) => `x${i}`);
  const inputs = types.map((dims, i) => value(`x${i}`, 1, dims));
  return { graph: { input: inputs, output: [value('y', 1)], node: [node('Einsum', `${names.join(', ')} -> y`, { equation })] } };
}

const sized = (dims: Dims, sizes: Readonly<Record<string, number>>): readonly number[] =>
  dims.map((d) => (typeof d === 'number' ? d : (sizes[d] ?? 1)));

const heads: Dims = ['N', 2, 'T', 4];
describe('Einsum', () => {
  it.each<readonly [equation: string, types: readonly Dims[], nodes: string]>([
    ['bhid,bhjd->bhij', [heads, heads], 'transpose matmul'],
    ['bhij,bhjd->bihd', [['N', 2, 'T', 'T'], heads], 'matmul transpose'],
    [
      'b i d , j d -> b i j',
      [
        ['N', 'T', 4],
        [3, 4],
      ],
      'transpose matmul',
    ],
    [
      'ij,jk',
      [
        ['N', 4],
        [4, 3],
      ],
      'matmul',
    ],
    ['ba', [['N', 'T']], 'transpose'],
    [
      '...ij,...jk->...ik',
      [
        ['N', 'T', 2, 3],
        ['N', 'T', 3, 4],
      ],
      'matmul',
    ],
    [
      'nchw,nc->nhw',
      [
        ['N', 3, 'H', 'W'],
        ['N', 3],
      ],
      'unsqueeze reshape matmul reshape',
    ],
    [
      'nij,nij->nij',
      [
        ['N', 3, 4],
        [1, 3, 1],
      ],
      'squeeze mul',
    ],
    [
      'nij,nij->n',
      [
        ['N', 3, 4],
        ['N', 3, 4],
      ],
      '',
    ],
    [
      'bij,bkj->bik',
      [
        [1, 2, 3],
        ['N', 4, 3],
      ],
      '',
    ],
    ['ii->i', [[3, 3]], 'reshape slice'],
    ['a,b,c->cab', [['N'], [2], ['T']], ''],
  ])('%s', async (equation, types, names) => {
    const made = parts(equation, types);
    const { graph } = importOnnx(await opened(modelBytes(made)));
    const found = [...graph.nodes()].map((one) => one.op.name).join(' ');
    expect(found).not.toContain('onnx.');
    if (names !== '') expect(found).toBe(names);
    const sizes = [
      { N: 2, T: 3, H: 4, W: 5 },
      { N: 3, T: 1, H: 1, W: 2 },
    ];
    await same(
      made,
      sizes.map((of) => Object.fromEntries(types.map((dims, i) => [`x${i}`, feed(sized(dims, of), i + 1)]))),
    );
  });

  it.each<readonly [equation: string, types: readonly Dims[]]>([
    ['...ij->ij', [['N', 2, 3]]],
    ['ii->i', [['N', 'N']]],
    [
      'ij,jk->ik',
      [
        ['N', 'A'],
        ['B', 3],
      ],
    ],
    ['ijk->i', [['N', 3]]],
  ])('%s stays as it is', async (equation, types) => {
    const { graph } = importOnnx(await opened(modelBytes(parts(equation, types))));
    expect([...graph.nodes()].map((one) => one.op.name)).toEqual(['onnx.Einsum']);
  });
});
