/** One meaning, many spellings: what attributes, constants and sizes of single ONNX nodes become. */
import { describe, expect, it } from 'vitest';
import { importOnnx } from '../../src/import/import.ts';
import type { Node } from '../../src/ir/graph.ts';
import { typeText } from '../../src/ir/types.ts';
import { verifyGraph } from '../../src/ir/verifier.ts';
import type { OnnxDim, OnnxTensor } from '../../src/onnx/model.ts';
import { exprOf, materializeSync } from '../../src/tensor/values.ts';
import { fileOf, node, tensor, typed } from './build.ts';

interface Case {
  readonly x?: readonly OnnxDim[];
  readonly opset?: number;
  readonly initializers?: readonly OnnxTensor[];
}

function lone(op: string, signature: string, attributes: Parameters<typeof node>[2] = {}, given: Case = {}): Node | undefined {
  const { x = ['N', 4, 9, 8], opset = 17, initializers = [] } = given;
  const file = fileOf({ inputs: { x: typed('f32', x) }, outputs: ['y'], initializers }, [node(op, signature, attributes)], opset);
  const { graph } = importOnnx(file);
  expect(verifyGraph(graph)).toEqual([]);
  expect(graph.nodeCount).toBeLessThanOrEqual(1);
  return graph.first;
}

const what = (one: Node | undefined): string => (one ? `${one.op.name} ${typeText(one.y.type)}` : 'nothing');
const weights = (one: Node | undefined, operand: number): readonly number[] => {
  const value = one?.operand(operand);
  return value ? [...(materializeSync(exprOf(value))?.data ?? [])] : [];
};
const i64 = (name: string, ...data: readonly number[]): OnnxTensor => tensor(name, 'i64', [data.length], data);
const f32 = (name: string, ...data: readonly number[]): OnnxTensor => tensor(name, 'f32', [data.length], data);

describe('auto_pad', () => {
  const w = { initializers: [tensor('w', 'f32', [2, 4, 3, 2])] };
  it.each([
    ['SAME_UPPER', [1, 1], [1, 0, 1, 1]],
    ['SAME_LOWER', [1, 1], [1, 1, 1, 0]],
    ['SAME_UPPER', [2, 2], [1, 0, 1, 0]],
    ['VALID', [2, 1], [0, 0, 0, 0]],
    ['NOTSET', [1, 1], [0, 0, 0, 0]],
  ] as const)('%s with strides %j', (auto_pad, strides, pads) => {
    expect(lone('Conv', 'x, w -> y', { auto_pad, strides }, w)?.attrs.pads).toEqual(pads);
  });
  it('of an unknown size is known for a stride of 1 alone', () => {
    const open = { ...w, x: ['N', 4, 'H', 'W'] };
    expect(lone('Conv', 'x, w -> y', { auto_pad: 'SAME_UPPER' }, open)?.attrs.pads).toEqual([1, 0, 1, 1]);
    expect(what(lone('Conv', 'x, w -> y', { auto_pad: 'SAME_UPPER', strides: [2, 2] }, open))).toMatch(/^onnx.Conv/);
  });
  it('of windows further apart than they reach begins where onnxruntime does, or stays', () => {
    const point = { initializers: [tensor('w', 'f32', [2, 4, 1, 1])], x: ['N', 4, 'H', 'W'] };
    const strided = (step: number) => lone('Conv', 'x, w -> y', { auto_pad: 'SAME_UPPER', strides: [step, step] }, point);
    expect(strided(2)?.attrs.pads).toEqual([0, 0, 0, 0]);
    expect(what(strided(3))).toMatch(/^onnx.Conv/);
  });
});

describe('ConvTranspose', () => {
  const given = { initializers: [tensor('w', 'f32', [4, 1, 3, 3])] };
  it.each([
    [{ strides: [2, 2], output_shape: [18, 16] }, [0, 0, 1, 1], 'f32[N, 1, 18, 16]'],
    [{ strides: [2, 2], auto_pad: 'SAME_UPPER' }, [0, 0, 1, 1], 'f32[N, 1, 18, 16]'],
    [{ strides: [2, 2], auto_pad: 'SAME_LOWER' }, [1, 1, 0, 0], 'f32[N, 1, 18, 16]'],
    [{ strides: [2, 2], output_padding: [1, 0], pads: [1, 1, 1, 1] }, [1, 1, 1, 1], 'f32[N, 1, 18, 15]'],
  ] as const)('%j', (attributes, pads, type) => {
    const one = lone('ConvTranspose', 'x, w -> y', { ...attributes }, given);
    if (!('output_shape' in attributes)) expect(one?.attrs.pads).toEqual(pads);
    expect(what(one)).toBe(`conv_transpose ${type}`);
  });
});

describe('pools', () => {
  it.each([
    [{ kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1 }, [0, 0, 0, 1], 'f32[N, 4, 4, 4]'],
    [{ kernel_shape: [2, 2], strides: [2, 2], ceil_mode: 1 }, [0, 0, 1, 0], 'f32[N, 4, 5, 4]'],
    [{ kernel_shape: [2, 3], pads: [0, 1, 1, 1] }, [0, 1, 1, 1], 'f32[N, 4, 9, 8]'],
  ] as const)('%j', (attributes, pads, type) => {
    const one = lone('MaxPool', 'x -> y', { ...attributes });
    expect(one?.attrs.pads).toEqual(pads);
    expect(what(one)).toBe(`maxpool ${type}`);
  });
  it('round up over an unknown size only where no window can begin behind it', () => {
    const open = { x: ['N', 4, 'H'] };
    const one = lone('MaxPool', 'x -> y', { kernel_shape: [3], strides: [2], ceil_mode: 1 }, open);
    expect(one?.attrs.pads).toEqual([0, 1]);
    expect(what(lone('MaxPool', 'x -> y', { kernel_shape: [1], strides: [2], ceil_mode: 1 }, open))).toMatch(/^onnx.MaxPool/);
  });
  it.each([
    ['AveragePool', { kernel_shape: [2, 2], strides: [2, 2], ceil_mode: 1, count_include_pad: 1 }],
    ['AveragePool', { kernel_shape: [2, 2], dilations: [2, 2] }],
    ['MaxPool', { kernel_shape: [2, 2], dilations: [2, 2], auto_pad: 'SAME_UPPER' }],
    // Of 9 elements by threes the first window begins at the second.
    ['MaxPool', { kernel_shape: [1, 1], strides: [3, 3], auto_pad: 'SAME_UPPER' }],
    ['AveragePool', { kernel_shape: [1, 1], strides: [3, 1], auto_pad: 'SAME_LOWER' }],
    ['MaxPool', { kernel_shape: [1, 2], strides: [2, 3], ceil_mode: 1, pads: [0, 0, 0, 1] }],
  ])('%s %j stays', (op, attributes) => {
    expect(what(lone(op, 'x -> y', attributes))).toMatch(new RegExp(`^onnx.${op}`));
  });
});

describe('Gemm', () => {
  const b = tensor('b', 'f32', [4, 2], [1, 2, 3, 4, 5, 6, 7, 8]);
  const x = ['N', 4];
  it('with constants is a fully connected layer', () => {
    const one = lone('Gemm', 'x, b, c -> y', {}, { x, initializers: [b, tensor('c', 'f32', [1, 2], [4, 8])] });
    expect(what(one)).toBe('linear f32[N, 2]');
    expect(weights(one, 1)).toEqual([1, 3, 5, 7, 2, 4, 6, 8]);
    expect(weights(one, 2)).toEqual([4, 8]);
    expect(one?.operand(1)?.name).toBe('b');
  });
  it('keeps its factors, which a pass puts into the weights where there is room', () => {
    const scales = { alpha: { float: 2 }, beta: { float: 0.5 } };
    const one = lone('Gemm', 'x, b, c -> y', scales, { x, initializers: [b, tensor('c', 'f32', [1, 2], [4, 8])] });
    expect(what(one)).toBe('gemm f32[N, 2]');
    expect(one?.attrs).toMatchObject({ alpha: 2, beta: 0.5 });
  });
  it('repeats a bias of one number', () => {
    expect(weights(lone('Gemm', 'x, b, c -> y', {}, { x, initializers: [b, tensor('c', 'f32', [], [3])] }), 2)).toEqual([3, 3]);
  });
  it('that reads x transposed, or adds a matrix, is a gemm', () => {
    const initializers = [b, tensor('c', 'f32', [3, 2])];
    expect(what(lone('Gemm', 'x, b -> y', { transA: 1 }, { x: [4, 'N'], initializers }))).toBe('gemm f32[N, 2]');
    expect(what(lone('Gemm', 'x, b, c -> y', {}, { x: [3, 4], initializers }))).toBe('gemm f32[3, 2]');
  });
});

describe('Resize', () => {
  const scales = [tensor('s', 'f32', [4], [1, 1, 2, 3])];
  const signature = 'x,, s -> y';
  it.each([
    [{ coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' }, 'resize f32[N, 4, 18, 24]'],
    [{}, 'resize f32[N, 4, 18, 24]'],
    [{ mode: 'linear', coordinate_transformation_mode: 'pytorch_half_pixel' }, 'resize f32[N, 4, 18, 24]'],
    [{ mode: 'linear', coordinate_transformation_mode: 'align_corners' }, 'resize f32[N, 4, 18, 24]'],
    [{ mode: 'cubic' }, 'resize f32[N, 4, 18, 24]'],
    [{ coordinate_transformation_mode: 'asymmetric', nearest_mode: 'ceil' }, 'onnx.Resize f32[N, 4, 18, 24]'],
    [{ mode: 'linear', coordinate_transformation_mode: 'asymmetric' }, 'onnx.Resize f32[N, 4, 18, 24]'],
    [{ mode: 'cubic', exclude_outside: 1 }, 'onnx.Resize f32[N, 4, 18, 24]'],
    [{ mode: 'linear', antialias: 1 }, 'onnx.Resize f32[N, 4, 18, 24]'],
  ] as const)('%j', (attributes, expected) => {
    expect(what(lone('Resize', signature, { ...attributes }, { initializers: scales }))).toBe(expected);
  });
  it('names axes from opset 18 on', () => {
    const one = lone('Resize', 'x,, s -> y', { axes: [-1], mode: 'linear' }, { opset: 18, initializers: [f32('s', 2)] });
    expect(one?.attrs.scales).toEqual([1, 2]);
  });
});

describe('elements that move', () => {
  it.each([
    ['Flatten', 'x -> y', {}, [], 'reshape f32[N, 288]'],
    ['Flatten', 'x -> y', { axis: 0 }, [], 'reshape f32[1, 288*N]'],
    ['Flatten', 'x -> y', { axis: -2 }, [], 'reshape f32[4*N, 72]'],
    ['Transpose', 'x -> y', {}, [], 'transpose f32[8, 9, 4, N]'],
    ['Unsqueeze', 'x, a -> y', {}, [i64('a', -1, 0)], 'unsqueeze f32[1, N, 4, 9, 8, 1]'],
    ['Split', 'x -> y, z', { axis: 3 }, [], 'split f32[N, 4, 9, 4]'],
    ['Split', 'x, a -> y, z', { axis: -1 }, [i64('a', 3, 5)], 'split f32[N, 4, 9, 3]'],
    ['Slice', 'x, a, b -> y', {}, [i64('a', 0, -2), i64('b', 2 ** 31 - 1, 100)], 'slice f32[N, 2, 9, 8]'],
    ['Slice', 'x, a, b, c, d -> y', {}, [i64('a', -1), i64('b', -(2 ** 31)), i64('c', 3), i64('d', -2)], 'slice f32[N, 4, 9, 4]'],
    ['Pad', 'x, a -> y', { mode: 'edge' }, [i64('a', 0, 0, 1, 2, 0, 0, 3, 4)], 'pad f32[N, 4, 13, 14]'],
    ['Pad', 'x, a, v -> y', {}, [i64('a', 0, 0, -1, 0, 0, 0, 0, 0), tensor('v', 'f32', [], [2])], 'pad f32[N, 4, 8, 8]'],
    ['Expand', 'x, a -> y', {}, [i64('a', 3, 1, 1, 1, 1)], 'expand f32[3, N, 4, 9, 8]'],
    ['Gather', 'x, a -> y', { axis: -1 }, [tensor('a', 'i64', [], [2])], 'gather f32[N, 4, 9]'],
    ['DepthToSpace', 'x -> y', { blocksize: 2, mode: 'CRD' }, [], 'pixel_shuffle f32[N, 1, 18, 16]'],
    ['DepthToSpace', 'x -> y', { blocksize: 2 }, [], 'onnx.DepthToSpace f32[N, 1, 18, 16]'],
    ['ConstantOfShape', 'a -> y', {}, [i64('a', 2, 3)], 'full f32[2, 3]'],
    ['Cast', 'x -> y', { to: 10 }, [], 'cast f16[N, 4, 9, 8]'],
    ['Cast', 'x -> y', { to: 17 }, [], 'onnx.Cast foreign("tensor(float8e4m3fn)")'],
  ] as const)('%s %j', (op, signature, attributes, initializers, expected) => {
    expect(what(lone(op, signature, { ...attributes }, { initializers }))).toBe(expected);
  });
  it.each([
    ['Identity', 'x -> y'],
    ['Dropout', 'x -> y, mask'],
    ['Tile', 'x, ones -> y'],
    ['Expand', 'x, ones -> y'],
    ['Sum', 'x -> y'],
  ])('%s that hands its operand on is no node', (op, signature) => {
    expect(lone(op, signature, {}, { initializers: [i64('ones', 1, 1, 1, 1)] })).toBeUndefined();
  });
});

describe('reductions', () => {
  it.each([
    ['ReduceMean', 'x -> y', { axes: [2, 3] }, 17, [], 'reduce_mean f32[N, 4, 1, 1]'],
    ['ReduceMean', 'x, a -> y', { keepdims: 0 }, 18, [i64('a', -1, -2)], 'reduce_mean f32[N, 4]'],
    ['ReduceSum', 'x, a -> y', {}, 13, [i64('a', 1)], 'reduce_sum f32[N, 1, 9, 8]'],
    ['ReduceSum', 'x -> y', { keepdims: 0 }, 13, [], 'reduce_sum f32[]'],
    ['ReduceSum', 'x -> y', { noop_with_empty_axes: 1 }, 13, [], 'nothing'],
    ['ReduceSum', 'x, a -> y', { noop_with_empty_axes: 1 }, 13, [tensor('a', 'i64', [0])], 'nothing'],
    ['ReduceLogSum', 'x -> y', { axes: [1], keepdims: 0 }, 13, [], 'onnx.ReduceLogSum f32[N, 9, 8]'],
    ['ArgMax', 'x -> y', { axis: 1 }, 13, [], 'argmax i64[N, 1, 9, 8]'],
    ['ArgMax', 'x -> y', { axis: 1, select_last_index: 1 }, 13, [], 'onnx.ArgMax i64[N, 1, 9, 8]'],
    ['CumSum', 'x, a -> y', { reverse: 1 }, 14, [tensor('a', 'i64', [], [-1])], 'cumsum f32[N, 4, 9, 8]'],
  ] as const)('%s %s %j at opset %i', (op, signature, attributes, opset, initializers, expected) => {
    expect(what(lone(op, signature, { ...attributes }, { opset, initializers }))).toBe(expected);
  });
});

describe('activations', () => {
  it.each([
    ['LeakyRelu', {}, 'leaky_relu', { slope: Math.fround(0.01) }],
    ['Elu', { alpha: { float: 0.5 } }, 'elu', { alpha: 0.5 }],
    ['Selu', {}, 'selu', {}],
    ['Selu', { alpha: { float: 1 } }, 'onnx.Selu', {}],
    ['HardSigmoid', { alpha: { float: 1 / 6 } }, 'hardsigmoid', {}],
    ['HardSigmoid', {}, 'onnx.HardSigmoid', {}],
    ['Softmax', {}, 'softmax', { axis: -1 }],
    ['Gelu', { approximate: 'tanh' }, 'gelu', { approximate: 'tanh' }],
  ] as const)('%s %j', (op, attributes, name, attrs) => {
    const one = lone(op, 'x -> y', { ...attributes }, { opset: 20 });
    expect(one?.op.name).toBe(name);
    expect(one?.attrs).toEqual(attrs);
  });
  it('clip by bounds that may be left out', () => {
    const initializers = [tensor('a', 'f32', [], [-1]), tensor('b', 'f32', [], [6])];
    expect(lone('Clip', 'x, a, b -> y', {}, { initializers })?.attrs).toEqual({ min: -1, max: 6 });
    expect(lone('Clip', 'x,, b -> y', {}, { initializers })?.attrs).toEqual({ min: -Infinity, max: 6 });
    expect(lone('Clip', 'x -> y', {}, { initializers })?.attrs).toEqual({ min: -Infinity, max: Infinity });
  });
});
