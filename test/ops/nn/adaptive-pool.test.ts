import { describe, expect, test } from 'vitest';
import { compile } from '../../../src/index.ts';
import type { Operator } from '../../../src/ir/operator.ts';
import { adaptiveAvgpool, adaptiveAvgpoolLayer, adaptiveMaxpool, adaptiveMaxpoolLayer } from '../../../src/ops/adaptive-pool.ts';
import { built, lowered, numbers } from './tools.ts';

describe('what the layers make', () => {
  const names = (x: string, size: number | string, layer = adaptiveAvgpoolLayer) => {
    const { nodes, y } = built(layer, [x], { size });
    return `${nodes.map((node) => `${node.op.name} ${JSON.stringify(node.attrs.kernel)}`)} ${y.type.dims}`;
  };

  test('is a pool, nothing, or a global pool where that says the same', () => {
    expect(names('f32[N, 512, 7, 7]', '7x7')).toBe(' N,512,7,7');
    expect(names('f32[N, 512, 14, 21]', 7)).toBe('avgpool [2,3] N,512,7,7');
    expect(names('f32[N, 512, H, W]', 1)).toBe('global_avgpool undefined N,512,1,1');
    expect(names('f32[N, 8, 14, 21]', 7, adaptiveMaxpoolLayer)).toBe('maxpool [2,3] N,8,7,7');
    expect(names('f32[N, 8, H, W]', 1, adaptiveMaxpoolLayer)).toBe('global_maxpool undefined N,8,1,1');
  });

  test('is a pool of overlapping windows where all are alike', () => {
    // Seven elements in three parts: 0 to 2, 2 to 4, 4 to 6.
    expect(
      built(adaptiveAvgpoolLayer, ['f32[N, 8, 7]'], { size: 3 }).nodes.map(({ attrs }) => [attrs.kernel, attrs.stride]),
    ).toEqual([[[3], [2]]]);
  });

  test('is the operator for parts of unequal size and for sizes that only the run knows', () => {
    expect(names('f32[N, 512, 10, 10]', 7)).toBe('adaptive_avgpool undefined N,512,7,7');
    expect(names('f32[N, 512, H, W]', 7)).toBe('adaptive_avgpool undefined N,512,7,7');
  });

  test('needs no time or memory for more parts than there are elements', () => {
    expect(names('f32[N, 8, 32]', 100_000_000)).toBe('adaptive_avgpool undefined N,8,100000000');
    expect(names('f32[N, 8, 1000000000]', 999_999_999, adaptiveMaxpoolLayer)).toBe('adaptive_maxpool undefined N,8,999999999');
  });

  test('averages equal parts', () => {
    const { run } = built(adaptiveAvgpoolLayer, ['f32[1, 1, 6]'], { size: 2 });
    expect([...run([numbers([1, 1, 6], [1, 2, 3, 10, 20, 30])]).data]).toEqual([2, 20]);
  });
});

describe('lowering', () => {
  const ops = (op: Operator, x: string, size: readonly number[]) =>
    lowered(op, [x], { size }).map((text) => text.slice(0, text.indexOf('(')));

  test('averages of known sizes are products with a matrix, one per axis that needs it', () => {
    expect(ops(adaptiveAvgpool, 'f32[N, 8, 5, 10]', [3, 4])).toEqual(['MatMul', 'MatMul']);
    expect(ops(adaptiveAvgpool, 'f32[N, 8, 6, 10]', [3, 4])).toEqual(['AveragePool', 'MatMul']);
    expect(ops(adaptiveAvgpool, 'f32[N, 8, 6, 9]', [3, 9])).toEqual(['AveragePool']);
    expect(ops(adaptiveAvgpool, 'f32[N, 8, H, 8]', [1, 4])).toEqual(['AveragePool', 'ReduceMean']);
  });

  test('of long axes the parts are gathered, because a matrix would be mostly zeros', () => {
    expect(ops(adaptiveAvgpool, 'f32[N, 8, 1000]', [300])).toEqual(['Gather', 'Mul', 'ReduceSum']);
  });

  test('places of very many parts are worked out when it runs', async () => {
    const source = 'model M { input x: f32[N, 8, 32, 32]  adaptive_maxpool([100000000, 1])  output y }';
    const { bytes } = await compile(source);
    expect((await bytes()).length).toBeLessThan(10_000);
  });

  test('every operator that works out the places of unknown sizes is declared', () => {
    for (const operator of [adaptiveAvgpool, adaptiveMaxpool]) {
      const written = ops(operator, 'f32[N, 8, H, 5]', [3, 5]);
      expect(written).toEqual(
        expect.arrayContaining(['Gather', 'Range', 'Squeeze', 'Unsqueeze', 'Mul', 'Add', 'Sub', 'Div', 'Min']),
      );
      expect(operator.onnx).toEqual(expect.arrayContaining([...written]));
    }
    expect(ops(adaptiveAvgpool, 'f32[N, 8, H, 5]', [3, 5])).toEqual(expect.arrayContaining(['LessOrEqual', 'Cast']));
  });

  test('maxima are gathered and reduced', () => {
    expect(ops(adaptiveMaxpool, 'f32[N, 8, 5, 8]', [3, 4])).toEqual(['MaxPool', 'Gather', 'ReduceMax']);
  });
});
