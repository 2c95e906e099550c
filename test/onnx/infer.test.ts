/**
 * Types of nodes by the name of their operator: what inference says of the results, with free sizes, against what onnxruntime
 * makes of them at several sizes, its optimiser off. A size that inference leaves open is `?`.
 */

import type proto from 'onnx-proto';
import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { bug } from '../../src/diagnostics/diagnostic.ts';
import { Dim } from '../../src/ir/dim.ts';
import type { ElemType } from '../../src/ir/types.ts';
import { inferResults } from '../../src/onnx/infer/infer.ts';
import { type PartialType, partialOfFile, unknown } from '../../src/onnx/infer/partial-type.ts';
import { NodeAttributes } from '../../src/onnx/node-attributes.ts';
import { materialize } from '../../src/tensor/values.ts';
import { floats, longs, modelBytes, node, opened, value } from '../import/onnx-bytes.ts';

type Dims = readonly (number | string)[];

interface Case {
  readonly node: proto.onnx.INodeProto;
  readonly inputs: Readonly<Record<string, Dims>>;
  readonly tensors?: readonly proto.onnx.ITensorProto[];
  readonly opset?: number;
  /** Element type of x and of the other inputs that are no constants. */
  readonly elem?: 'f32' | 'i64' | 'u8' | 'bool';
}

const onnxTypes = { f32: 1, i64: 7, u8: 2, bool: 9 } as const;
const runtimeTypes: Readonly<Record<string, ElemType>> = {
  float32: 'f32',
  int64: 'i64',
  uint8: 'u8',
  bool: 'bool',
  int32: 'i32',
};

function fileOf({ node: one, inputs, tensors = [], opset = 18, elem = 'f32' }: Case): Uint8Array {
  return modelBytes({
    opset,
    graph: {
      input: Object.entries(inputs).map(([name, dims]) => value(name, onnxTypes[elem], dims)),
      output: (one.output ?? []).filter((name) => name !== '').map((name) => ({ name })),
      node: [one],
      initializer: [...tensors],
    },
  });
}

async function inferred(bytes: Uint8Array): Promise<readonly PartialType[]> {
  const { graph } = await opened(bytes);
  const [one] = graph.nodes;
  if (!one) return bug('no node');
  const constants = new Map<string, readonly number[]>();
  const types = new Map<string, PartialType>();
  for (const { name, type } of graph.inputs) types.set(name, partialOfFile(type, Dim.symbol));
  for (const tensor of graph.initializers) {
    if (tensor.kind !== 'tensor') continue;
    types.set(tensor.name, { elem: tensor.expr.elem, dims: tensor.expr.dims.map((d) => Dim.of(d)) });
    constants.set(tensor.name, Array.from((await materialize(tensor.expr)).data));
  }
  const elements = (i: number): readonly Dim[] | undefined => {
    const name = one.inputs[i] ?? '';
    return types.get(name)?.elem === 'i64' ? constants.get(name)?.map((n) => Dim.of(n)) : undefined;
  };
  return inferResults({
    domain: one.domain,
    opType: one.opType,
    attributes: new NodeAttributes(one),
    operandCount: one.inputs.length,
    resultCount: one.outputs.length,
    has: (i) => (one.inputs[i] ?? '') !== '',
    operand: (i) => types.get(one.inputs[i] ?? '') ?? unknown,
    elements,
    bounds: elements,
    numbers: (i) => constants.get(one.inputs[i] ?? ''),
    bodies: [],
  });
}

const text = ({ elem, dims }: PartialType): string => `${elem ?? '?'}${dims ? `[${dims.map((d) => d ?? '?').join(', ')}]` : ''}`;

function feedOf(elem: 'f32' | 'i64' | 'u8' | 'bool', dims: readonly number[]): ort.Tensor {
  const count = dims.reduce((n, d) => n * d, 1);
  if (elem === 'i64') return new ort.Tensor('int64', new BigInt64Array(count), dims);
  if (elem === 'u8') return new ort.Tensor('uint8', new Uint8Array(count), dims);
  if (elem === 'bool') return new ort.Tensor('bool', new Uint8Array(count), dims);
  return new ort.Tensor(
    'float32',
    Float32Array.from({ length: count }, (_, i) => ((i * 5) % 7) / 4 - 0.5),
    dims,
  );
}

/** What is inferred, which onnxruntime has to make at each of the sizes. */
async function agrees(
  one: Case,
  types: readonly string[],
  sizes: readonly Readonly<Record<string, number>>[] = [{}],
): Promise<void> {
  const bytes = fileOf(one);
  const found = await inferred(bytes);
  const names = one.node.output ?? [];
  expect(names.flatMap((name, i) => (name === '' ? [] : [text(found[i] ?? unknown)]))).toEqual(types);
  const session = await ort.InferenceSession.create(bytes, { graphOptimizationLevel: 'disabled', logSeverityLevel: 4 });
  try {
    for (const bindings of sizes) {
      const number = (d: number | string): number => (typeof d === 'number' ? d : (bindings[d] ?? bug(`no size ${d}`)));
      const feeds = Object.fromEntries(
        Object.entries(one.inputs).map(([name, dims]) => [name, feedOf(one.elem ?? 'f32', dims.map(number))]),
      );
      const out = await session.run(feeds);
      names.forEach((name, i) => {
        const made = out[name];
        if (!made) return;
        const { elem, dims } = found[i] ?? unknown;
        if (elem) expect(runtimeTypes[made.type]).toBe(elem);
        if (!dims) return;
        const expected = made.dims.map((size, axis) =>
          dims[axis] ? dims[axis].evaluate(new Map(Object.entries(bindings))) : size,
        );
        expect({ bindings, dims: made.dims }).toEqual({ bindings, dims: expected });
      });
    }
  } finally {
    await session.release();
  }
}

const ones = (name: string, ...dims: number[]): proto.onnx.ITensorProto =>
  floats(name, dims, new Array(dims.reduce((n, d) => n * d, 1)).fill(1));
const grid = { x: ['N', 3, 'H', 'W'] } as const;
const grids = [
  { N: 1, H: 7, W: 8 },
  { N: 2, H: 8, W: 5 },
  { N: 1, H: 9, W: 12 },
];

describe('Conv', () => {
  const w = [ones('w', 4, 3, 3, 3)];

  it.each([
    ['plain', {}, 'f32[N, 4, H - 2, W - 2]'],
    ['strided', { strides: [2, 2], pads: [1, 1, 1, 1] }, 'f32[N, 4, floordiv(H + 1, 2), floordiv(W + 1, 2)]'],
    ['dilated', { dilations: [2, 1], pads: [0, 1, 2, 0] }, 'f32[N, 4, H - 2, W - 1]'],
    ['auto_pad SAME_UPPER', { auto_pad: 'SAME_UPPER', strides: [2, 3] }, 'f32[N, 4, floordiv(H + 1, 2), floordiv(W + 2, 3)]'],
    ['auto_pad SAME_LOWER', { auto_pad: 'SAME_LOWER', strides: [1, 3] }, 'f32[N, 4, H, floordiv(W + 2, 3)]'],
    ['auto_pad VALID', { auto_pad: 'VALID', strides: [2, 1] }, 'f32[N, 4, floordiv(H + 1, 2) - 1, W - 2]'],
  ] as const)('%s', (_name, attributes, type) =>
    agrees({ node: node('Conv', 'x, w -> y', attributes), inputs: grid, tensors: w }, [type], grids),
  );

  it('of a weight that only the run knows has the kernel that it says', () =>
    agrees(
      { node: node('Conv', 'x, w -> y', { kernel_shape: [3, 2] }), inputs: { ...grid, w: ['M', 3, 'a', 'b'] } },
      ['f32[N, M, H - 2, W - 1]'],
      grids.map((one) => ({ ...one, M: 5, a: 3, b: 2 })),
    ));

  it('of such a weight without kernel_shape has an open grid', () =>
    agrees(
      { node: node('Conv', 'x, w -> y'), inputs: { ...grid, w: ['M', 3, 'a', 'b'] } },
      ['f32[N, M, ?, ?]'],
      grids.map((one) => ({ ...one, M: 5, a: 3, b: 2 })),
    ));

  it('over integers', () => {
    const weight: proto.onnx.ITensorProto = { name: 'w', dataType: 2, dims: [4, 3, 3, 3], rawData: new Uint8Array(108).fill(1) };
    return agrees(
      { node: node('ConvInteger', 'x, w -> y', { pads: [1, 0, 1, 0] }), inputs: grid, tensors: [weight], elem: 'u8' },
      ['i32[N, 4, H, W - 2]'],
      grids,
    );
  });
});

describe('ConvTranspose', () => {
  const w = [ones('w', 3, 2, 3, 3)];

  it.each([
    ['plain', {}, 'f32[N, 2, H + 2, W + 2]'],
    ['strided', { strides: [2, 3], pads: [1, 0, 1, 1], output_padding: [1, 0] }, 'f32[N, 2, 2*H, 3*W - 1]'],
    ['dilated', { dilations: [2, 1], group: 3 }, 'f32[N, 6, H + 4, W + 2]'],
    ['auto_pad SAME_UPPER', { auto_pad: 'SAME_UPPER', strides: [2, 2] }, 'f32[N, 2, 2*H, 2*W]'],
    ['auto_pad VALID', { auto_pad: 'VALID', strides: [2, 2] }, 'f32[N, 2, 2*H + 1, 2*W + 1]'],
    ['output_shape', { output_shape: [17, 20], strides: [2, 2] }, 'f32[N, 2, 17, 20]'],
  ] as const)('%s', (name, attributes, type) =>
    agrees(
      { node: node('ConvTranspose', 'x, w -> y', attributes), inputs: grid, tensors: w },
      [type],
      name === 'output_shape' ? [{ N: 2, H: 8, W: 9 }] : grids,
    ),
  );

  it.each(['SAME_UPPER', 'SAME_LOWER'])('%s of a kernel that does not reach the next place', (auto_pad) =>
    agrees(
      { node: node('ConvTranspose', 'x, v -> y', { auto_pad, strides: [2, 3] }), inputs: grid, tensors: [ones('v', 3, 2, 1, 1)] },
      ['f32[N, 2, 2*H - 1, 3*W - 2]'],
      grids,
    ),
  );
});

describe('pools', () => {
  const kernel = { kernel_shape: [3, 2] };

  it.each([
    ['MaxPool', kernel, 'f32[N, 3, H - 2, W - 1]'],
    ['AveragePool', { ...kernel, strides: [2, 1], pads: [1, 1, 1, 0] }, 'f32[N, 3, floordiv(H + 1, 2), W]'],
    ['LpPool', { ...kernel, strides: [2, 2] }, 'f32[N, 3, floordiv(H + 1, 2) - 1, floordiv(W, 2)]'],
    ['MaxPool', { ...kernel, dilations: [2, 2] }, 'f32[N, 3, H - 4, W - 2]'],
    ['MaxPool', { ...kernel, strides: [2, 2], ceil_mode: 1 }, 'f32[N, 3, floordiv(H, 2), floordiv(W + 1, 2)]'],
    // A last window may begin behind the input, where runtimes do not agree.
    ['MaxPool', { ...kernel, strides: [2, 2], pads: [0, 0, 2, 1], ceil_mode: 1 }, 'f32[N, 3, ?, ?]'],
    [
      'AveragePool',
      { kernel_shape: [3, 3], auto_pad: 'SAME_UPPER', strides: [2, 3] },
      'f32[N, 3, floordiv(H + 1, 2), floordiv(W + 2, 3)]',
    ],
    ['MaxPool', { ...kernel, auto_pad: 'SAME_LOWER', dilations: [2, 1] }, 'f32[N, 3, ?, W]'],
    ['GlobalMaxPool', {}, 'f32[N, 3, 1, 1]'],
  ] as const)('%s %o', (op, attributes, type) => agrees({ node: node(op, 'x -> y', attributes), inputs: grid }, [type], grids));

  it('have the places of their maxima', () => {
    const one = node('MaxPool', 'x -> y, at', { ...kernel, strides: [2, 2] });
    const dims = '[N, 3, floordiv(H + 1, 2) - 1, floordiv(W, 2)]';
    return agrees({ node: one, inputs: grid }, [`f32${dims}`, `i64${dims}`], grids);
  });

  it('round up where the size is known', () =>
    agrees({ node: node('MaxPool', 'x -> y', { kernel_shape: [2], strides: [3], ceil_mode: 1 }), inputs: { x: [1, 1, 8] } }, [
      'f32[1, 1, 3]',
    ]));
});

describe('Resize', () => {
  const roi = floats('roi', [0], []);

  it.each([
    ['whole scales', [1, 1, 2, 3], 'f32[N, 3, 2*H, 3*W]'],
    ['scales that shrink', [1, 1, 0.5, 0.75], 'f32[N, 3, floordiv(H, 2), floordiv(3*W, 4)]'],
    ['a scale that float32 rounds', [1, 1, 1, 0.3], 'f32[N, 3, H, ?]'],
  ] as const)('by %s', (_name, scales, type) =>
    agrees(
      {
        node: node('Resize', 'x, roi, s -> y', { mode: 'nearest', coordinate_transformation_mode: 'half_pixel' }),
        inputs: grid,
        tensors: [roi, floats('s', [4], scales)],
      },
      [type],
      grids,
    ),
  );

  it('to sizes along axes', () =>
    agrees(
      {
        node: node('Resize', 'x,,, s -> y', { mode: 'linear', antialias: 1, axes: [2, 3] }),
        inputs: grid,
        tensors: [longs('s', [2], [5, 6])],
      },
      ['f32[N, 3, 5, 6]'],
      grids,
    ));
});

describe('moves', () => {
  it.each([
    ['Reshape', 'x, s -> y', {}, [longs('s', [3], [0, -1, 2])], 'f32[N, 6, 2]'],
    ['Flatten', 'x -> y', { axis: 2 }, [], 'f32[4*N, 3]'],
    ['Squeeze', 'u -> y', {}, [], 'f32[5, 2]'],
    ['Unsqueeze', 'x, s -> y', {}, [longs('s', [2], [0, -1])], 'f32[1, N, 4, 3, 1]'],
    ['Transpose', 'x -> y', {}, [], 'f32[3, 4, N]'],
    ['Concat', 'x, x -> y', { axis: -2 }, [], 'f32[N, 8, 3]'],
    [
      'Slice',
      'x, a, b, s -> y',
      {},
      [longs('a', [1], [1]), longs('b', [1], [99]), longs('s', [1], [0])],
      'f32[min(N, 99) - 1, 4, 3]',
    ],
    [
      'Slice',
      'x, a, b, s, t -> y',
      {},
      [longs('a', [1], [1]), longs('b', [1], [99]), longs('s', [1], [1]), longs('t', [1], [2])],
      'f32[N, 2, 3]',
    ],
    ['Pad', 'x, s,, t -> y', {}, [longs('s', [2], [1, 2]), longs('t', [1], [-1])], 'f32[N, 4, 6]'],
    ['Tile', 'x, s -> y', {}, [longs('s', [3], [2, 1, 3])], 'f32[2*N, 4, 9]'],
    ['Expand', 'u, s -> y', {}, [longs('s', [3], [5, 4, 2])], 'f32[5, 4, 2]'],
    ['Gather', 'x, s -> y', { axis: 1 }, [longs('s', [2], [0, 3])], 'f32[N, 2, 3]'],
    ['Shape', 'x -> y', { start: 1 }, [], 'i64[2]'],
    ['Range', 'a, b, c -> y', {}, [longs('a', [], [3]), longs('b', [], [11]), longs('c', [], [3])], 'i64[3]'],
    ['TopK', 'x, s -> y', {}, [longs('s', [1], [2])], 'f32[N, 4, 2]'],
    ['ReduceSum', 'x, s -> y', { keepdims: 0 }, [longs('s', [1], [-1])], 'f32[N, 4]'],
    ['ArgMin', 'x -> y', { axis: 1 }, [], 'i64[N, 1, 3]'],
    ['SpaceToDepth', 'v -> y', { blocksize: 2 }, [], 'f32[N, 12, 2, 1]'],
    ['Einsum', 'x, x -> y', { equation: 'bij,bkj->bik' }, [], 'f32[N, 4, 4]'],
    ['Einsum', 'x, one -> y', { equation: 'nij,nij->nij' }, [ones('one', 1, 4, 1)], 'f32[N, 4, 3]'],
  ] as const)('%s %s', (op, signature, attributes, tensors, type) => {
    const signed = node(op, signature, { ...attributes });
    if (op === 'TopK') signed.output = ['y', 'at'];
    const all: Readonly<Record<string, Dims>> = { x: ['N', 4, 3], u: [5, 1, 2], v: ['N', 3, 4, 2] };
    const inputs = Object.fromEntries(Object.entries(all).filter(([name]) => signed.input?.includes(name)));
    const types = op === 'TopK' ? [type, 'i64[N, 4, 2]'] : [type];
    return agrees({ node: signed, inputs, tensors }, types, [{ N: 1 }, { N: 3 }]);
  });

  it.each([
    [5, 2, ['f32[3, N]', 'f32[2, N]']],
    [6, 3, ['f32[2, N]', 'f32[2, N]', 'f32[2, N]']],
  ] as const)('Split of %i in %i parts', (size, parts, types) => {
    const outputs = types.map((_, i) => `y${i}`).join(', ');
    const one = node('Split', `x -> ${outputs}`, { axis: 0, num_outputs: parts });
    return agrees({ node: one, inputs: { x: [size, 'N'] } }, types, [{ N: 2 }]);
  });
});

describe('Split', () => {
  it('by sizes that only the run knows has open sizes', async () => {
    const bytes = fileOf({ node: node('Split', 'x, s -> a, b', { axis: 0 }), inputs: { x: [4, 'N'], s: [2] } });
    expect((await inferred(bytes)).map(text)).toEqual(['f32[?, N]', 'f32[?, N]']);
  });
});

describe('products', () => {
  it.each([
    ['MatMul', {}, { x: ['N', 4, 3], z: [3, 'M'] }, 'f32[N, 4, M]'],
    ['Gemm', { transA: 1 }, { x: [3, 'N'], z: [3, 'M'] }, 'f32[N, M]'],
  ] as const)('%s', (op, attributes, inputs, type) =>
    agrees({ node: node(op, 'x, z -> y', attributes), inputs }, [type], [{ N: 2, M: 5 }]),
  );
});

describe('what is wrong with a node', () => {
  it.each([
    ['Conv', 'x, w -> y', { strides: [1] }],
    ['Conv', 'x, w -> y', { strides: 2 }],
    ['MaxPool', 'x -> y', { kernel_shape: [2, 2], strides: [0] }],
    ['Concat', 'x, x -> y', { axis: 'two' }],
    ['NoSuchOperator', 'x -> y', {}],
  ] as const)('gives no type: %s %s %o', async (op, signature, attributes) => {
    const bytes = fileOf({ node: node(op, signature, attributes), inputs: grid, tensors: [ones('w', 4, 3, 3, 3)] });
    expect(await inferred(bytes)).toEqual([]);
  });
});
