/** Arithmetic on shapes, as exporters write it, folds away while a graph is imported, also where sizes are free. */
import { describe, expect, it } from 'vitest';
import { importOnnx } from '../../src/import/import.ts';
import { typeText } from '../../src/ir/types.ts';
import { verifyGraph } from '../../src/ir/verifier.ts';
import type { OnnxNode, OnnxTensor, OnnxType } from '../../src/onnx/model.ts';
import { fileOf, node, tensor, typed } from './build.ts';
import { longs, modelBytes, opened, node as protoNode, value } from './onnx-bytes.ts';

const i64 = (name: string, ...data: readonly number[]): OnnxTensor => tensor(name, 'i64', [data.length], data);
const scalar = (name: string, n: number): OnnxTensor => tensor(name, 'i64', [], [n]);

/** Operators of the imported graph, and the type of output y. */
function imported(
  inputs: Readonly<Record<string, OnnxType>>,
  nodes: readonly OnnxNode[],
  initializers: readonly OnnxTensor[] = [],
  opset = 17,
): { readonly ops: readonly string[]; readonly type: string } {
  const { graph } = importOnnx(fileOf({ inputs, outputs: ['y'], initializers }, nodes, opset));
  expect(verifyGraph(graph)).toEqual([]);
  const y = graph.outputs[0]?.value;
  return { ops: [...graph.nodes()].map((one) => one.op.name), type: y ? typeText(y.type) : '' };
}

describe('Shape … Reshape', () => {
  it('flattens with a free batch', () => {
    const nodes = [
      node('Shape', 'x -> s'),
      node('Gather', 's, zero -> n', { axis: 0 }),
      node('Unsqueeze', 'n, axes -> n1'),
      node('Concat', 'n1, rest -> target', { axis: 0 }),
      node('Reshape', 'x, target -> y'),
    ];
    const initializers = [scalar('zero', 0), i64('axes', 0), i64('rest', -1)];
    expect(imported({ x: typed('f32', ['N', 64, 2, 2]) }, nodes, initializers)).toEqual({
      ops: ['reshape'],
      type: 'f32[N, 256]',
    });
    expect(imported({ x: typed('f32', [undefined, 64, 2, 2]) }, nodes, initializers)).toEqual({
      ops: ['reshape'],
      type: 'f32[?x.0, 256]',
    });
  });

  it('shuffles channels by Shape with start and end, Slice, Div and Mul', () => {
    const nodes = [
      node('Shape', 'x -> n', { start: 0, end: 1 }),
      node('Shape', 'x -> s'),
      node('Slice', 's, one, two, axis -> c'),
      node('Div', 'c, groups -> part'),
      node('Slice', 's, two, end, axis -> hw'),
      node('Concat', 'n, groups, part, hw -> split', { axis: 0 }),
      node('Reshape', 'x, split -> x5'),
      node('Transpose', 'x5 -> t', { perm: [0, 2, 1, 3, 4] }),
      node('Mul', 'part, groups -> all'),
      node('Concat', 'n, all, hw -> joined', { axis: 0 }),
      node('Reshape', 't, joined -> y'),
    ];
    const initializers = [i64('one', 1), i64('two', 2), i64('axis', 0), i64('groups', 2), i64('end', 2 ** 31 - 1)];
    expect(imported({ x: typed('f32', ['N', 116, 'H', 'W']) }, nodes, initializers)).toEqual({
      ops: ['reshape', 'transpose', 'reshape'],
      type: 'f32[N, 116, H, W]',
    });
  });

  it('keeps a size 0 apart from a copied one', () => {
    const x = { x: typed('f32', [2, 3, 4]) };
    expect(imported(x, [node('Reshape', 'x, t -> y')], [i64('t', 0, -1)]).type).toBe('f32[2, 12]');
    const none = { x: typed('f32', [2, 0, 4]) };
    expect(imported(none, [node('Reshape', 'x, t -> y', { allowzero: 1 })], [i64('t', 0, 8)]).type).toBe('f32[0, 8]');
  });

  it('leaves a Reshape whose sizes are an input', () => {
    const x = { x: typed('f32', ['N', 4]), target: typed('i64', [3]) };
    expect(imported(x, [node('Reshape', 'x, target -> y')])).toEqual({ ops: ['onnx.Reshape'], type: 'f32[?y.0, ?y.1, ?y.2]' });
  });

  it('computes a shape that something else reads', () => {
    const nodes = [node('Shape', 'x -> s'), node('Gather', 's, zero -> y', { axis: 0 }), node('Reshape', 'x, s -> unused')];
    expect(imported({ x: typed('f32', ['N', 4]) }, nodes, [scalar('zero', 0)]).ops).toEqual(['shape', 'gather', 'reshape']);
    expect(imported({ x: typed('f32', [5, 4]) }, nodes, [scalar('zero', 0)])).toEqual({ ops: ['reshape'], type: 'i64[]' });
  });
});

describe('torch.nn.functional.pad', () => {
  it('of PyTorch’s export becomes a pad: the shortcut of a CIFAR ResNet', () => {
    const nodes = [
      node('Shape', 'given -> s'),
      node('Gather', 's, i0 -> count', { axis: 0 }),
      node('Mul', 'four, two -> eight'),
      node('Sub', 'eight, count -> missing'),
      node('Cast', 'given -> g', { to: 7 }),
      node('ConstantOfShape', 'missing -> zeros', { value: tensor('', 'i64', [1], [0]) }),
      node('Concat', 'g, zeros -> all', { axis: 0 }),
      node('Reshape', 'all, pairs -> p'),
      node('Slice', 'p, last, first, i0, last -> backwards'),
      node('Transpose', 'backwards -> t', { perm: [1, 0] }),
      node('Reshape', 't, last -> flat'),
      node('Cast', 'flat -> pads', { to: 7 }),
      node('Pad', 'x, pads, value -> y', { mode: 'constant' }),
    ];
    const initializers = [
      i64('given', 0, 0, 0, 0, 8, 8),
      i64('i0', 0),
      scalar('four', 4),
      scalar('two', 2),
      i64('pairs', -1, 2),
      i64('last', -1),
      i64('first', -Number.MAX_SAFE_INTEGER),
      tensor('value', 'f32', [], [0]),
    ];
    const { graph } = importOnnx(fileOf({ inputs: { x: typed('f32', ['N', 16, 16, 16]) }, outputs: ['y'], initializers }, nodes));
    expect([...graph.nodes()].map((one) => [one.op.name, String(one.attrs.pads)])).toEqual([['pad', '0,8,0,0,0,8,0,0']]);
  });
});

describe('what sizes decide', () => {
  it('broadcasts to a shape with Where and Equal around it, as PyTorch writes expand', () => {
    const nodes = [
      node('ConstantOfShape', 'rank -> ones', { value: tensor('', 'i64', [1], [1]) }),
      node('Mul', 'ones, minus -> minuses'),
      node('Equal', 'target, minuses -> asks'),
      node('Where', 'asks, ones, target -> sizes'),
      node('Shape', 'x -> s'),
      node('Slice', 's, zero, one -> n'),
      node('Concat', 'n, two -> target', { axis: 0 }),
      node('Expand', 'w, sizes -> y'),
    ];
    const initializers = [
      i64('rank', 2),
      scalar('minus', -1),
      i64('zero', 0),
      i64('one', 1),
      i64('two', 8),
      tensor('w', 'f32', [1, 8]),
    ];
    expect(imported({ x: typed('f32', ['N', 4]) }, nodes, initializers)).toEqual({ ops: ['expand'], type: 'f32[N, 8]' });
  });

  it('takes the branch that a condition on sizes names', () => {
    const branch = (op: string): ReturnType<typeof fileOf>['graph'] => fileOf({ outputs: ['b'] }, [node(op, 'x -> b')]).graph;
    const nodes = [
      node('Shape', 'x -> s'),
      node('Gather', 's, one -> c'),
      node('Equal', 'c, three -> is'),
      node('If', 'is -> y', { then_branch: branch('Relu'), else_branch: branch('Exp') }),
    ];
    const initializers = [scalar('one', 1), scalar('three', 3)];
    expect(imported({ x: typed('f32', ['N', 3]) }, nodes, initializers).ops).toEqual(['relu']);
    expect(imported({ x: typed('f32', ['N', 4]) }, nodes, initializers).ops).toEqual(['exp']);
    expect(imported({ x: typed('f32', ['N', 'C']) }, nodes, initializers).ops).toEqual(['shape', 'gather', 'equal', 'if']);
  });

  it('resizes by sizes computed in floats', () => {
    const nodes = [
      node('Shape', 'x -> s'),
      node('Slice', 's, two, four -> hw'),
      node('Cast', 'hw -> f', { to: 1 }),
      node('Mul', 'f, scale -> g'),
      node('Floor', 'g -> h'),
      node('Cast', 'h -> i', { to: 7 }),
      node('Slice', 's, zero, two -> nc'),
      node('Concat', 'nc, i -> sizes', { axis: 0 }),
      node('Resize', 'x,,, sizes -> y', { mode: 'linear' }),
    ];
    const initializers = [i64('zero', 0), i64('two', 2), i64('four', 4), tensor('scale', 'f32', [2], [1.5, 2.5])];
    const found = imported({ x: typed('f32', ['N', 3, 5, 6]) }, nodes, initializers);
    expect(found).toEqual({ ops: ['resize'], type: 'f32[N, 3, 7, 15]' });
  });

  it('resizes by scales that are computed from constants', () => {
    const nodes = [
      node('Cast', 'two -> f', { to: 1 }),
      node('Concat', 'ones, f, f -> scales', { axis: 0 }),
      node('Resize', 'x,, scales -> y', { mode: 'linear', coordinate_transformation_mode: 'align_corners' }),
    ];
    const initializers = [i64('two', 2), tensor('ones', 'f32', [2], [1, 1])];
    expect(imported({ x: typed('f32', ['N', 3, 5, 6]) }, nodes, initializers)).toEqual({
      ops: ['resize'],
      type: 'f32[N, 3, 10, 12]',
    });
  });

  it('leaves scales that an input is part of', () => {
    const nodes = [node('Concat', 'ones, s -> scales', { axis: 0 }), node('Resize', 'x,, scales -> y', { mode: 'linear' })];
    const initializers = [tensor('ones', 'f32', [2], [1, 1])];
    const found = imported({ x: typed('f32', ['N', 3, 5, 6]), s: typed('f32', [2]) }, nodes, initializers);
    expect(found.ops).toEqual(['concat', 'onnx.Resize']);
  });

  it('counts with Range, Size, Mod and Min', () => {
    const nodes = [
      node('Size', 'x -> n'),
      node('Mod', 'n, five -> rest'),
      node('Min', 'rest, n -> most'),
      node('Range', 'zero, most, one -> y'),
    ];
    const initializers = [scalar('five', 5), scalar('zero', 0), scalar('one', 1)];
    expect(imported({ x: typed('f32', [3, 4]) }, nodes, initializers).type).toBe('i64[2]');
    expect(imported({ x: typed('f32', ['N', 4]) }, nodes, initializers).type).toBe('i64[4*N - 5*floordiv(4*N, 5)]');
  });

  it('does not divide what may be negative', () => {
    const nodes = [
      node('Shape', 'x -> s', { start: 0, end: 1 }),
      node('Sub', 's, nine -> d'),
      node('Div', 'd, two -> half'),
      node('ConstantOfShape', 'half -> y'),
    ];
    expect(imported({ x: typed('f32', ['N', 4]) }, nodes, [i64('nine', 9), i64('two', 2)]).ops).toContain('onnx.ConstantOfShape');
  });

  it('does not take a size for known that the file computes from numbers', () => {
    const nodes = [
      node('NonZero', 'x -> z'),
      node('Shape', 'z -> s'),
      node('Gather', 's, one -> n'),
      node('Reshape', 'w, n1 -> y'),
      node('Unsqueeze', 'n, zero1 -> n1'),
    ];
    const found = imported({ x: typed('f32', [4]), w: typed('f32', ['K']) }, nodes, [scalar('one', 1), i64('zero1', 0)]);
    expect(found.ops).toContain('onnx.Reshape');
    expect(found.ops).toContain('nonzero');
  });
});

describe('integers of other widths', () => {
  it('wraps around as the type does', () => {
    const nodes = [node('Cast', 'big -> c', { to: 6 }), node('Mul', 'c, c -> m'), node('Cast', 'm -> y', { to: 7 })];
    const { graph } = importOnnx(fileOf({ outputs: ['y'], initializers: [i64('big', 100000)] }, nodes));
    expect(graph.outputs[0]?.value.content?.resident).toEqual(Float64Array.of(1410065408));
  });

  it('cuts to the end where the end is the largest number of 64 bits', () => {
    const bits = { x: typed('f32', ['N', 8, 'H']) };
    const initializers = [i64('zero', 1), i64('end', Number.MAX_SAFE_INTEGER), i64('axis', 2)];
    expect(imported(bits, [node('Slice', 'x, zero, end, axis -> y')], initializers).type).toBe('f32[N, 8, H - 1]');
  });

  it('cuts to the end where that number is a scalar, unsqueezed and joined with the ends of other axes', async () => {
    const largest = { name: 'largest', dataType: 7, dims: [], rawData: new Uint8Array(BigInt64Array.of(2n ** 63n - 1n).buffer) };
    const nodes = [
      protoNode('Cast', 'largest -> same', { to: 7 }),
      protoNode('Unsqueeze', 'same, zero -> last'),
      protoNode('Concat', 'last, minus -> ends', { axis: 0 }),
      protoNode('Slice', 'x, starts, ends, axes -> y'),
    ];
    const initializer = [largest, longs('zero', [1], [0]), longs('minus', [1], [-3]), longs('starts', [2], [-2, 0])];
    const graph = {
      node: nodes,
      input: [value('x', 1, ['N', 8, 9])],
      output: [value('y')],
      initializer: [...initializer, longs('axes', [2], [1, 2])],
    };
    const { graph: found } = importOnnx(await opened(modelBytes({ graph })));
    expect([...found.nodes()].map((one) => `${one.op.name} ${typeText(one.y.type)}`)).toEqual(['slice f32[N, 2, 6]']);
  });

  it('joins a part without elements, as PyTorch does when it splits the last axis into heads', () => {
    const nodes = [
      node('Shape', 'x -> s'),
      node('Slice', 's, zero, two, zero -> front'),
      node('Slice', 's, three, end, zero -> behind'),
      node('Concat', 'front, heads, behind -> target', { axis: 0 }),
      node('Reshape', 'x, target -> y'),
    ];
    const bounds = [i64('zero', 0), i64('two', 2), i64('three', 3), i64('end', 2 ** 31 - 1), i64('heads', 3, 64)];
    expect(imported({ x: typed('f32', [17, 'N', 192]) }, nodes, bounds)).toEqual({
      ops: ['reshape'],
      type: 'f32[17, N, 3, 64]',
    });
  });
});

describe('sizes by way of floats', () => {
  const resized = (size: readonly number[]): string => {
    const nodes = [
      node('Shape', 'x -> s', { start: 2, end: 4 }),
      node('Cast', 's -> f', { to: 1 }),
      node('ReduceMin', 'f -> least', { keepdims: 0 }),
      node('ReduceMax', 'f -> most', { keepdims: 0 }),
      node('Reciprocal', 'least -> r'),
      node('Mul', 'r, wanted -> small'),
      node('Div', 'limit, most -> large'),
      node('Min', 'small, large -> scale'),
      node('Mul', 'f, scale -> scaled'),
      node('Floor', 'scaled -> whole'),
      node('Cast', 'whole -> hw', { to: 7 }),
      node('Concat', 'front, hw -> target', { axis: 0 }),
      node('Resize', 'x,,, target -> y', { mode: 'linear' }),
    ];
    const initializers = [i64('front', 1, 3), tensor('wanted', 'f32', [], [96]), tensor('limit', 'f32', [], [128])];
    return imported({ x: typed('f32', [1, 3, ...size]) }, nodes, initializers).type;
  };
  it('are those of a detector’s transform: the least side 96, the largest at most 128', () => {
    expect(resized([48, 60])).toBe('f32[1, 3, 96, 120]');
    expect(resized([48, 80])).toBe('f32[1, 3, 76, 128]');
  });
});
