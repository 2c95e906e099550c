import { describe, expect, test } from 'vitest';
import { compile } from '../../../src/compile.ts';
import type { HostTensor } from '../../../src/ir/types.ts';
import { given } from '../../../src/ops/attrs.ts';
import { batchnorm, groupnorm, instancenorm, layernorm, rmsnorm } from '../../../src/ops/norm.ts';
import {
  batchnormLayer,
  groupnormLayer,
  instancenormLayer,
  layernormLayer,
  normalizeLayer,
  rmsnormLayer,
} from '../../../src/ops/norm-layers.ts';
import { built, difference, evaluated, failure, host, indices, inferred, lowered, numbers, sampler } from './tools.ts';

/** Elements with one key are normalised together; weight and bias are chosen by a second key. */
function plainNorm(
  x: HostTensor,
  eps: number,
  key: (index: readonly number[]) => string,
  affine: (index: readonly number[]) => number,
  weight?: HostTensor,
  bias?: HostTensor,
): HostTensor {
  const runs = new Map<string, number[]>();
  const all = [...indices(x.dims)];
  all.forEach((index, i) => {
    runs.set(key(index), [...(runs.get(key(index)) ?? []), x.data[i] ?? 0]);
  });
  const values = all.map((index, i) => {
    const run = runs.get(key(index)) ?? [];
    const mean = run.reduce((a, b) => a + b, 0) / run.length;
    const variance = run.reduce((a, b) => a + (b - mean) ** 2, 0) / run.length;
    const normal = ((x.data[i] ?? 0) - mean) / Math.sqrt(variance + eps);
    return normal * (weight?.data[affine(index)] ?? 1) + (bias?.data[affine(index)] ?? 0);
  });
  return numbers(x.dims, values);
}

describe('evaluation is the definition', () => {
  test('batchnorm, at rank 2 to 5', () => {
    for (let seed = 0; seed < 40; seed++) {
      const { operands, attrs } = batchnorm.sample(sampler(seed));
      const x = given(operands, 0);
      const [w, b, mean, variance] = [1, 2, 3, 4].map((i) => given(operands, i).data);
      const values = [...indices(x.dims)].map(([, c = 0], i) => {
        const normal = ((x.data[i] ?? 0) - (mean?.[c] ?? 0)) / Math.sqrt((variance?.[c] ?? 0) + Number(attrs.eps));
        return normal * (w?.[c] ?? 0) + (b?.[c] ?? 0);
      });
      expect(difference(evaluated(batchnorm, operands, attrs), numbers(x.dims, values))).toBeLessThan(1e-13);
    }
  });

  test('rmsnorm', () => {
    for (let seed = 0; seed < 30; seed++) {
      const { operands, attrs } = rmsnorm.sample(sampler(seed));
      const x = given(operands, 0);
      const axis = Number(attrs.axis) < 0 ? Number(attrs.axis) + x.dims.length : Number(attrs.axis);
      const rows = new Map<string, number>();
      const all = [...indices(x.dims)];
      const count = x.dims.slice(axis).reduce((a, b) => a * b, 1);
      const key = (index: readonly number[]) => index.slice(0, axis).join();
      all.forEach((index, i) => {
        rows.set(key(index), (rows.get(key(index)) ?? 0) + (x.data[i] ?? 0) ** 2 / count);
      });
      const values = all.map((index, i) => {
        const root = Math.sqrt((rows.get(key(index)) ?? 0) + Number(attrs.eps));
        return ((x.data[i] ?? 0) / root) * (operands[1]?.data[i % count] ?? 1);
      });
      expect(difference(evaluated(rmsnorm, operands, attrs), numbers(x.dims, values))).toBeLessThan(1e-13);
    }
  });

  test('instancenorm', () => {
    for (let seed = 0; seed < 30; seed++) {
      const { operands, attrs } = instancenorm.sample(sampler(seed));
      const x = given(operands, 0);
      const key = ([n, c]: readonly number[]) => `${n} ${c}`;
      const plain = plainNorm(x, Number(attrs.eps), key, ([, c = 0]) => c, operands[1], operands[2]);
      expect(difference(evaluated(instancenorm, operands, attrs), plain)).toBeLessThan(1e-12);
    }
  });

  test('groupnorm', () => {
    for (let seed = 0; seed < 40; seed++) {
      const { operands, attrs } = groupnorm.sample(sampler(seed));
      const x = given(operands, 0);
      const perGroup = (x.dims[1] ?? 0) / Number(attrs.groups);
      const key = ([n, c = 0]: readonly number[]) => `${n} ${Math.floor(c / perGroup)}`;
      const plain = plainNorm(x, Number(attrs.eps), key, ([, c = 0]) => c, operands[1], operands[2]);
      expect(difference(evaluated(groupnorm, operands, attrs), plain)).toBeLessThan(1e-12);
    }
  });

  test('layernorm', () => {
    for (let seed = 0; seed < 40; seed++) {
      const { operands, attrs } = layernorm.sample(sampler(seed));
      const x = given(operands, 0);
      const rank = x.dims.length;
      const first = (Number(attrs.axis) + rank) % rank;
      const place = (index: readonly number[]) => index.slice(first).reduce((at, i, a) => at * (x.dims[first + a] ?? 1) + i, 0);
      const key = (index: readonly number[]) => index.slice(0, first).join();
      const plain = plainNorm(x, Number(attrs.eps), key, place, operands[1], operands[2]);
      expect(difference(evaluated(layernorm, operands, attrs), plain)).toBeLessThan(1e-11);
    }
  });

  test('a mean that is large beside the spread does not cancel', () => {
    const y = evaluated(layernorm, [numbers([4], [1e8, 1e8 + 1, 1e8 + 2, 1e8 + 3])], { eps: 0 });
    const unit = Math.sqrt(1.25);
    expect(difference(y, numbers([4], [-1.5 / unit, -0.5 / unit, 0.5 / unit, 1.5 / unit]))).toBeLessThan(1e-12);
  });
});

describe('constraints', () => {
  const vectors = (n: number) => [1, 2, 3, 4].map(() => `f32[${n}]`);
  const uses = [
    [batchnorm, 'c1', ['f32[3]', ...vectors(3)], {}],
    [batchnorm, 'c2', ['f16[N, 3]', ...vectors(3)], {}],
    [batchnorm, 'c3', ['f32[N, 4, H]', ...vectors(3)], {}],
    [instancenorm, 'c1', ['f32[N, 3]', 'f32[3]', 'f32[3]'], {}],
    [instancenorm, 'c2', ['i32[N, 3, 8]', 'i32[3]', 'i32[3]'], {}],
    [instancenorm, 'c3', ['f32[N, 3, 8]', 'f32[3]', 'f32[4]'], {}],
    [groupnorm, 'c1', ['f32[3]'], { groups: 3 }],
    [groupnorm, 'c2', ['i32[N, 3]'], { groups: 3 }],
    [groupnorm, 'c3', ['f32[N, 30, H]'], { groups: 32 }],
    [groupnorm, 'c4', ['f32[N, 32, H]', 'f32[16]'], { groups: 16 }],
    [layernorm, 'c1', ['f32[]'], {}],
    [layernorm, 'c2', ['f32[N, 4]'], { axis: 2 }],
    [layernorm, 'c3', ['f32[N, 4]', 'f16[4]'], {}],
    [layernorm, 'c4', ['f32[N, 4, 5]', 'f32[4]'], {}],
  ] as const;
  for (const [op, label, operands, attrs] of uses) {
    test(`${op.name}_${label}`, () => expect(failure(() => inferred(op, operands, attrs)).label).toBe(label));
  }
});

describe('layers', () => {
  test('batchnorm: learned weight and bias, and buffers, in the order of a state dict', () => {
    const { weights, y } = built(batchnormLayer, ['f32[N, 8, H, W]']);
    expect(weights).toEqual([
      'weight f32[8] ones parameter',
      'bias f32[8] zeros parameter',
      'running_mean f32[8] zeros buffer',
      'running_var f32[8] ones buffer',
    ]);
    expect(y.producer?.attrs).toEqual({ eps: 1e-5 });
    const frozen = built(batchnormLayer, ['f32[N, 8]'], { frozen: true }).weights;
    expect(frozen.every((line) => line.endsWith(' buffer'))).toBe(true);
    expect(built(batchnormLayer, ['f32[N, 8]'], { affine: false }).weights).toHaveLength(2);
    expect(failure(() => built(batchnormLayer, ['f32[8]'])).label).toBe('l1');
    expect(failure(() => built(batchnormLayer, ['f32[N, C]'], { affine: false })).label).toBe('l2');
  });

  test('instancenorm owns nothing unless affine', () => {
    const { weights, run } = built(instancenormLayer, ['f32[1, 1, 2]']);
    expect(weights).toEqual([]);
    expect(difference(run([numbers([1, 1, 2], [0, 2])]), numbers([1, 1, 2], [-1, 1]))).toBeLessThan(1e-4);
    expect(instancenormLayer.owns({ affine: false })).toBe(false);
    expect(built(instancenormLayer, ['f32[N, 4, H]'], { affine: true }).weights).toHaveLength(2);
  });

  test('groupnorm', () => {
    expect(built(groupnormLayer, ['f32[N, 64, H, W]'], { groups: 32 }).weights).toHaveLength(2);
    expect(built(groupnormLayer, ['f32[N, 64, H, W]'], { groups: 32, affine: false }).weights).toEqual([]);
    expect(failure(() => built(groupnormLayer, ['f32[N]'], { groups: 1 })).label).toBe('l1');
  });

  test('layernorm', () => {
    expect(built(layernormLayer, ['f32[N, T, 768]']).weights).toEqual([
      'weight f32[768] ones parameter',
      'bias f32[768] zeros parameter',
    ]);
    expect(built(layernormLayer, ['f32[N, 3, 4, 5]'], { axis: 1, bias: false }).weights).toEqual([
      'weight f32[3] ones parameter',
    ]);
    expect(built(layernormLayer, ['f32[N, 3, 4, 5]'], { axis: [-1, -3, 2], bias: false }).weights).toEqual([
      'weight f32[3, 4, 5] ones parameter',
    ]);
    expect(built(layernormLayer, ['f32[N, T, 768]'], { affine: false }).weights).toEqual([]);
    expect(failure(() => built(layernormLayer, ['f32[N, 4]'], { axis: 2 })).label).toBe('l3');
    const tied = { weight: (x: readonly unknown[]) => x[1] as never, bias: (x: readonly unknown[]) => x[2] as never };
    const { nodes, inputs, weights } = built(layernormLayer, ['f32[N, 4]', 'f32[4]', 'f32[4]'], tied);
    expect(weights).toEqual([]);
    expect(given(nodes, 0).operands).toEqual(inputs.slice(0, 3));
  });

  test('rmsnorm', () => {
    expect(built(rmsnormLayer, ['f32[N, T, 768]']).weights).toEqual(['weight f32[768] ones parameter']);
    expect(built(rmsnormLayer, ['f32[N, 3, 4, 5]'], { axis: 1 }).weights).toEqual(['weight f32[3] ones parameter']);
    expect(built(rmsnormLayer, ['f32[N, T, 768]'], { affine: false }).weights).toEqual([]);
    expect(failure(() => built(rmsnormLayer, ['f32[N, 4]'], { axis: 2 })).label).toBe('l3');
    expect(failure(() => built(rmsnormLayer, ['f32[N, 4]'], { axis: [1, -1] })).label).toBe('l3');
  });

  test('normalize: numbers per channel', () => {
    const { run } = built(normalizeLayer, ['f32[N, 2, 1, 2]'], { mean: [1, 2], std: [2, 0.5] });
    expect([...run([host([1, 2, 1, 2], (i) => i)]).data]).toEqual([-0.5, 0, 0, 2]);
    expect(failure(() => built(normalizeLayer, ['f32[N, 3, H]'], { mean: [1, 2], std: [1, 1, 1] })).label).toBe('l4');
    expect(failure(() => built(normalizeLayer, ['f32[N, 3, H]'], { mean: [1], std: [0] })).label).toBe('l5');
  });
});

describe('lowering', () => {
  test('groupnorm copies the batch and leaves one unknown size to Reshape; two are computed', () => {
    expect(lowered(groupnorm, ['f32[N, 8, 4, W]', 'f32[8]', 'f32[8]'], { groups: 2 })).toEqual([
      'Reshape(x0 [0,2,-1])',
      'InstanceNormalization(v1 const[2] const[2]){epsilon=0.00001}',
      'Reshape(v2 [0,8,4,-1])',
      'BatchNormalization(v3 x1 x2 const[8] const[8]){epsilon=0}',
    ]);
    expect(lowered(groupnorm, ['f32[N, 8, 4, W]', 'f32[8]'], { groups: 2 })[3]).toBe('Mul(v3 x1~[8,1,1])');
    expect(lowered(groupnorm, ['f16[N, 8, 4]', 'f16[8]', 'f16[8]'], { groups: 2 }).slice(3)).toEqual([
      'Mul(v3 x1~[8,1])',
      'Add(v4 x2~[8,1])',
    ]);
    expect(lowered(groupnorm, ['f32[N, 8, H, W]'], { groups: 2 })[2]).toBe('Reshape(v2 dims[N,8,H,W])');
  });

  test('the weight and bias of a groupnorm are those of one batchnorm behind it', async () => {
    const written = async (body: string): Promise<readonly string[]> => {
      const made = await compile(`model M { input x: f32[N, 8, 4, 4] ${body} output y }`);
      expect(made.diagnostics).toEqual([]);
      return (made.onnx?.graph.nodes ?? []).map((node) => node.opType);
    };
    const nodes = ['Reshape', 'InstanceNormalization', 'Reshape', 'BatchNormalization'];
    expect(await written('norm: groupnorm(2) let y = it')).toEqual(nodes);
  });

  test('layernorm is one node from opset 17 on, and spelled out before', () => {
    const operands = ['f32[N, T, 8]', 'f32[8]', 'f32[8]'];
    expect(lowered(layernorm, operands)).toEqual(['LayerNormalization(x0 x1 x2){axis=2 epsilon=0.00001}']);
    expect(lowered(layernorm, ['f32[N, T, 8]'])).toEqual(['LayerNormalization(x0 const[8] -){axis=2 epsilon=0.00001}']);
    expect(lowered(layernorm, operands, {}, 16).map((line) => line.split('(')[0])).toEqual([
      'ReduceMean',
      'Sub',
      'Pow',
      'ReduceMean',
      'Add',
      'Sqrt',
      'Div',
      'Mul',
      'Add',
    ]);
    // As the operator does, the statistics of coarser numbers are computed in f32.
    const half = lowered(layernorm, ['f16[N, 8]', 'f16[8]'], {}, 16);
    expect(half[0]).toBe('Cast(x0){to=1}');
    expect(half.slice(-2)).toEqual(['Cast(v8){to=10}', 'Mul(v9 x1)']);
    expect(lowered(layernorm, ['f32[N, T]'], {}, 16)[0]).toBe('ReduceMean(x0){axes=[1] keepdims=1}');
    expect(lowered(layernorm, ['f32[N, T]'], {}, 18)[0]).toBe('ReduceMean(x0 [1]){keepdims=1}');
  });
});
