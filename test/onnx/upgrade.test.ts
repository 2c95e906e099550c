/** Older forms of operators: what onnxruntime computes before and after they are brought up. */

import type proto from 'onnx-proto';
import type * as ort from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { DiagnosticError } from '../../src/diagnostics/diagnostic.ts';
import type { OnnxFile } from '../../src/onnx/model.ts';
import { upgradeFile } from '../../src/onnx/upgrade.ts';
import { changedBetween, operatorExists } from '../../src/onnx/versions.ts';
import { feed, fileBytes, floats, longs, modelBytes, node, opened, runBytes, value } from '../import/onnx-bytes.ts';

interface Case {
  readonly what: string;
  readonly opset: number;
  readonly to?: number;
  readonly nodes: readonly proto.onnx.INodeProto[];
  /** Sizes of x. */
  readonly dims: readonly number[];
  readonly initializers?: readonly proto.onnx.ITensorProto[];
  /** Operators after the upgrade, constants left out. */
  readonly becomes: readonly string[];
  /** Whether the file says the rank of x. */
  readonly ranked?: boolean;
  readonly outputs?: readonly proto.onnx.IValueInfoProto[];
}

function fileOf(c: Case): Promise<OnnxFile> {
  return opened(bytesOf(c));
}
function bytesOf(c: Case): Uint8Array {
  const outputs = c.outputs ?? [value('y')];
  return modelBytes({
    opset: c.opset,
    graph: {
      node: [...c.nodes],
      input: [value('x', 1, c.ranked === false ? undefined : c.dims.map((_, i) => `d${i}`))],
      output: [...outputs],
      initializer: [...(c.initializers ?? [])],
    },
  });
}
const kinds = (file: OnnxFile): readonly string[] => file.graph.nodes.map((n) => n.opType).filter((t) => t !== 'Constant');

const statistics = [
  floats('scale', [3], [1, 2, 0.5]),
  floats('bias', [3], [0, -1, 1]),
  floats('mean', [3], [0.1, 0.2, -0.3]),
  floats('var', [3], [1, 0.5, 2]),
];
const reduce = [
  'ReduceL1',
  'ReduceL2',
  'ReduceLogSumExp',
  'ReduceMax',
  'ReduceMean',
  'ReduceMin',
  'ReduceProd',
  'ReduceSumSquare',
];
const cases: readonly Case[] = [
  {
    what: 'BatchNormalization 7, spatial',
    opset: 7,
    nodes: [node('BatchNormalization', 'bn: x, scale, bias, mean, var -> y', { spatial: 1, epsilon: { float: 0.01 } })],
    dims: [2, 3, 4],
    initializers: statistics,
    becomes: ['BatchNormalization'],
  },
  {
    what: 'BatchNormalization 9 at 15',
    opset: 9,
    to: 15,
    nodes: [node('BatchNormalization', 'bn: x, scale, bias, mean, var -> y')],
    dims: [2, 3, 4],
    initializers: statistics,
    becomes: ['BatchNormalization'],
  },
  ...(['nearest', 'linear'] as const).map((mode) => ({
    what: `Upsample 7 ${mode}`,
    opset: 7,
    nodes: [node('Upsample', 'up: x -> y', { scales: { floats: [1, 1, 2, 1.5] }, mode })],
    dims: [1, 2, 3, 4],
    becomes: ['Resize'],
  })),
  {
    what: 'Upsample 9',
    opset: 9,
    nodes: [node('Upsample', 'up: x, s -> y')],
    dims: [1, 2, 3, 4],
    initializers: [floats('s', [4], [1, 1, 2, 3])],
    becomes: ['Resize'],
  },
  ...[
    [1, 1, 2, 2.5],
    [1, 1, 0.6, 0.5],
    [1, 1, 0.5, 2],
  ].flatMap((scales) =>
    (['nearest', 'linear'] as const).map((mode) => ({
      what: `Resize 10 ${mode} by ${scales}`,
      opset: 10,
      nodes: [node('Resize', 'up: x, s -> y', { mode })],
      dims: [1, 2, 5, 7],
      initializers: [floats('s', [4], scales)],
      becomes: ['Resize'],
    })),
  ),
  {
    what: 'Slice 1 with axes and an end behind the end',
    opset: 7,
    nodes: [node('Slice', 'x -> y', { starts: [1, -3], ends: [2147483647, -1], axes: [1, 2] })],
    dims: [2, 3, 4],
    becomes: ['Slice'],
  },
  {
    what: 'Slice 1 without axes',
    opset: 9,
    nodes: [node('Slice', 'x -> y', { starts: [1], ends: [2] })],
    dims: [2, 3],
    becomes: ['Slice'],
  },
  {
    what: 'Clip 6',
    opset: 7,
    nodes: [node('Clip', 'relu6: x -> y', { min: { float: 0 }, max: { float: 1 } })],
    dims: [3, 4],
    becomes: ['Clip'],
  },
  {
    what: 'Clip 6, max only',
    opset: 10,
    nodes: [node('Clip', 'x -> y', { max: { float: 1 } })],
    dims: [3, 4],
    becomes: ['Clip'],
  },
  ...(['constant', 'reflect', 'edge'] as const).map((mode) => ({
    what: `Pad 2 ${mode}`,
    opset: 7,
    nodes: [node('Pad', 'x -> y', { pads: [0, 1, 2, 0], mode, value: { float: 0.5 } })],
    dims: [3, 4],
    becomes: ['Pad'],
  })),
  {
    what: 'Pad 2 at 23, negative',
    opset: 10,
    to: 23,
    nodes: [node('Pad', 'x -> y', { pads: [0, -1, 2, 0] })],
    dims: [3, 4],
    becomes: ['Pad'],
  },
  {
    what: 'TopK 1',
    opset: 9,
    nodes: [node('TopK', 'x -> y, i', { k: 2, axis: 1 })],
    dims: [3, 4],
    becomes: ['TopK'],
    outputs: [value('y'), value('i', 7)],
  },
  {
    what: 'Dropout 7',
    opset: 7,
    nodes: [node('Dropout', 'x -> y', { ratio: { float: 0.3 } })],
    dims: [3, 4],
    becomes: ['Dropout'],
  },
  {
    what: 'Dropout 10 with a mask that nobody reads',
    opset: 10,
    to: 22,
    nodes: [node('Dropout', 'x -> y, mask', { ratio: { float: 0.3 } })],
    dims: [3, 4],
    becomes: ['Dropout'],
  },
  // The rank that nodes before it make, whatever the file says: of two axes the second is the last.
  ...(
    [
      ['MatMul', [node('MatMul', 'x, w -> m')], [1, 2, 3], 2],
      ['Squeeze', [node('Squeeze', 'x -> m', { axes: [0] })], [1, 2, 3], 1],
      ['Unsqueeze', [node('Unsqueeze', 'x -> m', { axes: [1] })], [2, 3], 2],
      ['ReduceSum', [node('ReduceSum', 'x -> m', { axes: [1], keepdims: 0 })], [2, 3, 4], 1],
      ['Gather', [node('Gather', 'x, i -> m', { axis: 1 })], [2, 3, 4], 3],
      ['Add', [node('Relu', 'x -> r'), node('Add', 'r, w -> m')], [3, 4], 1],
      ['Reshape', [node('Reshape', 'x, to -> m')], [2, 3, 4], 1],
    ] as const
  ).map(([what, before, dims, axis]) => ({
    what: `Softmax behind ${what}`,
    opset: 11,
    nodes: [...before, node('Softmax', 'soft: m -> y', { axis })],
    dims,
    initializers: [
      floats('w', [3, 4], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
      longs('i', [1, 2], [0, 2]),
      longs('to', [2], [4, -1]),
    ],
    becomes: [...before.map((one) => one.opType ?? ''), 'Softmax'],
  })),
  {
    what: 'Pad of the type that a Cast names',
    opset: 10,
    nodes: [
      node('Cast', 'x -> d', { to: 11 }),
      node('Mul', 'd, d -> dd'),
      node('Pad', 'dd -> y', { pads: [0, 1, 0, 1], value: { float: 0.5 } }),
    ],
    dims: [2, 3],
    outputs: [value('y', 11)],
    becomes: ['Cast', 'Mul', 'Pad'],
  },
  ...['Softmax', 'LogSoftmax', 'Hardmax'].flatMap((op) => [
    ...[0, 1, 2].map((axis) => ({
      what: `${op} from axis ${axis} on`,
      opset: 9,
      nodes: [node(op, 'soft: x -> y', { axis })],
      dims: [2, 3, 4],
      becomes: axis === 2 ? [op] : ['Shape', 'Flatten', op, 'Reshape'],
    })),
    {
      what: `${op} from its default axis on, rank unknown`,
      opset: 12,
      nodes: [node(op, 'soft: x -> y')],
      dims: [2, 3, 4, 2],
      ranked: false,
      becomes: ['Shape', 'Flatten', op, 'Reshape'],
    },
    {
      what: `${op} along the last axis, rank unknown`,
      opset: 11,
      nodes: [node(op, 'soft: x -> y', { axis: -1 })],
      dims: [2, 3, 4, 2],
      ranked: false,
      becomes: [op],
    },
    {
      what: `${op} behind a Gemm`,
      opset: 11,
      nodes: [node('Flatten', 'x -> f'), node('Relu', 'f -> r'), node(op, 'soft: r -> y')],
      dims: [2, 3, 4],
      ranked: false,
      becomes: ['Flatten', 'Relu', op],
    },
  ]),
  {
    what: 'Squeeze and Unsqueeze 11',
    opset: 11,
    nodes: [node('Unsqueeze', 'x -> u', { axes: [0, -1] }), node('Squeeze', 'u -> v', { axes: [0] }), node('Squeeze', 'v -> y')],
    dims: [2, 3],
    becomes: ['Unsqueeze', 'Squeeze', 'Squeeze'],
  },
  {
    what: 'Split 2 and 11 at 18',
    opset: 11,
    to: 18,
    nodes: [
      node('Split', 'x -> a, b', { axis: 1 }),
      node('Split', 'a -> c, d', { axis: 1, split: [1, 2] }),
      node('Concat', 'd, b, c -> y', { axis: 1 }),
    ],
    dims: [2, 6],
    becomes: ['Split', 'Split', 'Concat'],
  },
  {
    what: 'ReduceSum 11',
    opset: 11,
    nodes: [node('ReduceSum', 'x -> y', { axes: [0, 2] })],
    dims: [2, 3, 4],
    becomes: ['ReduceSum'],
  },
  {
    what: 'ReduceSum over all',
    opset: 7,
    nodes: [node('ReduceSum', 'x -> y', { keepdims: 0 })],
    dims: [2, 3],
    becomes: ['ReduceSum'],
  },
  ...reduce.map((op) => ({
    what: `${op} 13 at 18`,
    opset: 13,
    to: 18,
    nodes: [node(op, 'x -> y', { axes: [1], keepdims: 0 })],
    dims: [2, 3, 4],
    becomes: [op],
  })),
  {
    what: 'Scatter 9',
    opset: 9,
    nodes: [node('Scatter', 'x, places, w -> y', { axis: 1 })],
    dims: [2, 3],
    initializers: [longs('places', [2, 1], [2, 0]), floats('w', [2, 1], [7, 8])],
    becomes: ['ScatterElements'],
  },
  {
    what: 'Sum, Max and Mean 6, broadcasting since 8',
    opset: 7,
    nodes: [node('Sum', 'x, x, x -> a'), node('Max', 'a, x -> b'), node('Mean', 'a, b -> y')],
    dims: [2, 3],
    becomes: ['Sum', 'Max', 'Mean'],
  },
  {
    what: 'GridSample 16 at 20',
    opset: 16,
    to: 20,
    nodes: [node('GridSample', 'x, g -> y', { mode: 'bicubic' })],
    dims: [1, 1, 4, 4],
    initializers: [floats('g', [1, 2, 2, 2], [-0.5, 0, 0.3, 0.9, 0, 0, -1, 1])],
    becomes: ['GridSample'],
  },
  {
    what: 'RoiAlign 10',
    opset: 10,
    to: 16,
    nodes: [node('RoiAlign', 'x, rois, at -> y', { output_height: 2, output_width: 2, sampling_ratio: 2 })],
    dims: [1, 1, 6, 6],
    initializers: [floats('rois', [1, 4], [0.4, 1, 4, 5]), longs('at', [1], [0])],
    becomes: ['RoiAlign'],
  },
  {
    what: 'DFT 17 at 20',
    opset: 17,
    to: 20,
    nodes: [node('DFT', 'x -> y', { axis: 1 })],
    dims: [2, 4, 3, 1],
    becomes: ['DFT'],
  },
  {
    what: 'GroupNormalization 18 at 21',
    opset: 18,
    to: 21,
    nodes: [node('GroupNormalization', 'x, s, b -> y', { num_groups: 2 })],
    dims: [2, 6, 3],
    initializers: [floats('s', [2], [1, 3]), floats('b', [2], [0.5, -1])],
    becomes: ['Shape', 'Div', 'Concat', 'Reshape', 'Expand', 'Reshape', 'Reshape', 'Expand', 'Reshape', 'GroupNormalization'],
  },
  {
    what: 'Scan 8, forwards and back',
    opset: 8,
    nodes: [
      node('Scan', 'scan: , start, x, x -> y, z', {
        num_scan_inputs: 2,
        directions: [0, 1],
        body: {
          graph: {
            name: 'body',
            node: [
              node('Mul', 'b, b -> bb'),
              node('Add', 'sum, a -> s'),
              node('Add', 's, bb -> next'),
              node('Add', 'next, b -> out'),
            ],
            input: [value('sum', 1, [2]), value('a', 1, [2]), value('b', 1, [2])],
            output: [value('next', 1, [2]), value('out', 1, [2])],
          },
        },
      }),
    ],
    dims: [3, 4, 2],
    initializers: [floats('start', [3, 2], [1, 2, 3, 4, 5, 6])],
    outputs: [value('y'), value('z')],
    becomes: ['Scan'],
  },
  {
    what: 'a sub-graph',
    opset: 9,
    nodes: [
      node('If', 'yes -> y', {
        then_branch: { graph: { name: 't', node: [node('Clip', 'x -> t', { min: { float: 0 } })], output: [value('t')] } },
        else_branch: { graph: { name: 'e', node: [node('Slice', 'x -> e', { starts: [0], ends: [1] })], output: [value('e')] } },
      }),
    ],
    dims: [3, 4],
    initializers: [{ name: 'yes', dataType: 9, dims: [], rawData: Uint8Array.of(1) }],
    becomes: ['If'],
  },
];

describe('an operator of an older opset', () => {
  test.each(cases)('$what', async (c) => {
    const file = await fileOf(c);
    const upgraded = upgradeFile(file, c.to);
    expect(upgraded.opsets.get('')).toBe(c.to ?? 13);
    expect(kinds(upgraded)).toEqual(c.becomes);
    for (const name of file.graph.nodes.map((n) => n.name)) expect(upgraded.graph.nodes.map((n) => n.name)).toContain(name);
    const feeds: Readonly<Record<string, ort.Tensor>> = { x: feed(c.dims) };
    // The element-wise error of two orders of one sum; equal where nothing is computed.
    const before = await runBytes(bytesOf(c), feeds);
    const after = await runBytes(await fileBytes(upgraded), feeds);
    for (const [name, numbers] of Object.entries(before)) {
      expect(after[name]?.length).toBe(numbers.length);
      expect(numbers.length).toBeGreaterThan(0);
      for (const [i, x] of numbers.entries()) expect(after[name]?.[i]).toBeCloseTo(x, 5);
    }
  });

  test('is found behind chains of any length, and in none that goes in a circle', async () => {
    const count = 20_000;
    const chain = Array.from({ length: count }, (_, i) => node('Add', `${i === 0 ? 'x' : `v${i - 1}`}, one -> v${i}`));
    const long = [...chain, node('Softmax', `v${count - 1} -> y`, { axis: 1 })];
    const one = [floats('one', [], [1])];
    const far = await fileOf({ what: '', opset: 9, nodes: long, dims: [2, 3], initializers: one, becomes: [] });
    expect(kinds(upgradeFile(far)).slice(count)).toEqual(['Softmax']);
    const circle = [node('Add', 'a, b -> c'), node('Relu', 'c -> a'), node('Softmax', 'c -> y', { axis: 1 })];
    const none = await fileOf({ what: '', opset: 9, nodes: circle, dims: [2, 3], becomes: [] });
    expect(kinds(upgradeFile(none))).toContain('Flatten');
  });

  test('is the same object where nothing changes', async () => {
    const file = await fileOf({ what: '', opset: 17, nodes: [node('Relu', 'x -> y')], dims: [2], becomes: [] });
    expect(upgradeFile(file)).toBe(file);
    expect(upgradeFile(file, 13)).toBe(file);
    expect(upgradeFile(file, 20).opsets.get('')).toBe(20);
  });

  test.each([
    [10, 'f16'],
    [11, 'f64'],
  ])('gets constants of its own element type (ONNX type %i)', async (to, elem) => {
    const nodes = [node('Cast', 'x -> d', { to }), node('Relu', 'd -> r'), node('Clip', 'r -> y', { min: { float: 0.1 } })];
    const file = await fileOf({ what: '', opset: 7, nodes: nodes.slice(1), dims: [2], becomes: [] });
    // The type of d is what the graph says of it, since a Cast's is not followed.
    const typed = {
      ...file.graph,
      inputs: [{ name: 'd', type: { elem: elem === 'f16' ? 'f16' : 'f64' } }],
    } as const;
    const [constant] = upgradeFile({ ...file, graph: typed }).graph.nodes.filter((n) => n.opType === 'Constant');
    const [made] = constant?.attributes ?? [];
    expect(made?.kind === 'tensor' && made.value.kind === 'tensor' && made.value.expr.elem).toBe(elem);
  });

  test('gets names that are free', async () => {
    const c: Case = {
      what: '',
      opset: 9,
      nodes: [node('Relu', 'x -> y_starts'), node('Slice', 'y_starts -> y', { starts: [0], ends: [1] })],
      dims: [2],
      becomes: [],
    };
    const names = upgradeFile(await fileOf(c)).graph.nodes.flatMap((n) => n.outputs);
    expect(new Set(names).size).toBe(names.length);
  });
});

/** onnxruntime does not run these forms, so that what they mean is said by the form of opset 13 that another wrote. */
describe('opset 6', () => {
  const b = [floats('b', [3], [1, 2, 3])];
  const wide = [floats('b', [3, 1], [1, 2, 3])];
  const flat = [floats('b', [1, 4], [1, 2, 3, 4])];
  const bn = 'bn: x, scale, bias, mean, var -> y';
  test.each([
    ['Add with axis', node('Add', 'add: x, b -> y', { broadcast: 1, axis: 1 }), b, node('Add', 'x, b -> y'), wide],
    ['Mul aligned at the end', node('Mul', 'x, b -> y', { broadcast: 1 }), flat, node('Mul', 'x, b -> y'), flat],
    ['PRelu per channel', node('PRelu', 'x, b -> y'), b, node('PRelu', 'x, b -> y'), wide],
    [
      'BatchNormalization',
      node('BatchNormalization', bn, { is_test: 1, spatial: 1 }),
      statistics,
      node('BatchNormalization', bn),
      statistics,
    ],
    ['Dropout', node('Dropout', 'x -> y', { is_test: 1 }), [], node('Identity', 'x -> y'), []],
    ['Relu', node('Relu', 'x -> y'), [], node('Relu', 'x -> y'), []],
    ['Softmax', node('Softmax', 'x -> y', { axis: 2 }), [], node('Softmax', 'x -> y', { axis: 2 }), []],
  ])('%s', async (_what, old, initializers, now, same) => {
    const dims = [2, 3, 4];
    const upgraded = upgradeFile(await fileOf({ what: '', opset: 6, nodes: [old], initializers, dims, becomes: [] }));
    const feeds = { x: feed(dims) };
    const expected = await runBytes(bytesOf({ what: '', opset: 13, nodes: [now], initializers: same, dims, becomes: [] }), feeds);
    expect(expected.y?.length).toBe(24);
    expect(await runBytes(await fileBytes(upgraded), feeds)).toEqual(expected);
  });
});

describe('refused', () => {
  const codeOf = async (c: Omit<Case, 'becomes' | 'what' | 'dims'>): Promise<string> => {
    const file = await fileOf({ ...c, what: '', becomes: [], dims: [1, 1, 2, 2] });
    try {
      upgradeFile(file, c.to);
    } catch (error) {
      if (error instanceof DiagnosticError) return error.diagnostics[0]?.code ?? '';
      throw error;
    }
    return 'none';
  };
  const bn = (attributes: Parameters<typeof node>[2], outputs = 'y'): proto.onnx.INodeProto =>
    node('BatchNormalization', `bn: x, s, s, s, s -> ${outputs}`, attributes);
  const yes = { name: 'yes', dataType: 9, dims: [], rawData: Uint8Array.of(1) };
  const no = { name: 'yes', dataType: 9, dims: [], rawData: Uint8Array.of(0) };
  test.each([
    ['statistics per element', { opset: 7, nodes: [bn({ spatial: 0 })] }, 'RES0657'],
    ['batchnorm of opset 6 in training', { opset: 6, nodes: [bn({})] }, 'RES0656'],
    ['dropout of opset 6 in training', { opset: 6, nodes: [node('Dropout', 'x -> y')] }, 'RES0656'],
    [
      'a broadcast of opset 6 between unknown ranks',
      { opset: 6, nodes: [node('Add', 'x, b -> y', { broadcast: 1, axis: 1 })] },
      'RES0657',
    ],
    ['LSTM of opset 6', { opset: 6, nodes: [node('LSTM', 'x, w, r -> y')] }, 'RES0657'],
    ['Relu of opset 5', { opset: 5, nodes: [node('Relu', 'x -> y')] }, 'RES0657'],
    ['GlobalAveragePool of opset 1', { opset: 1, nodes: [node('GlobalAveragePool', 'x -> y')] }, 'none'],
    ['batchnorm in training', { opset: 14, nodes: [bn({ training_mode: 1 }, 'y, m, v')] }, 'RES0656'],
    [
      'batchnorm in training, over weights that are reshaped',
      {
        opset: 14,
        nodes: [node('Reshape', 'w, shape -> x'), bn({ training_mode: 1 })],
        initializers: [floats('w', [2, 3], [1, 2, 3, 4, 5, 6]), longs('shape', [3], [1, 2, 3])],
      },
      'none',
    ],
    [
      'batchnorm in training, over what is drawn',
      { opset: 14, nodes: [node('RandomNormal', '-> x', { shape: [1, 2, 3] }), bn({ training_mode: 1 })] },
      'RES0656',
    ],
    ['batchnorm in inference', { opset: 14, nodes: [bn({ training_mode: 0 })] }, 'none'],
    ['results of an old batchnorm', { opset: 9, nodes: [bn({}, 'y, m, v')] }, 'none'],
    ['results of an old batchnorm at 14', { opset: 9, to: 14, nodes: [bn({}, 'y, m, v')] }, 'RES0657'],
    ['dropout in training', { opset: 13, nodes: [node('Dropout', 'x,, yes -> y')], initializers: [yes] }, 'RES0656'],
    ['dropout in inference', { opset: 13, nodes: [node('Dropout', 'x,, yes -> y')], initializers: [no] }, 'none'],
    [
      'dropout in training, by a Constant',
      { opset: 13, nodes: [node('Constant', '-> yes', { value: { tensor: yes } }), node('Dropout', 'x,, yes -> y')] },
      'RES0656',
    ],
    ['a mask that is read', { opset: 10, nodes: [node('Dropout', 'x -> a, m'), node('Where', 'm, x, a -> y')] }, 'RES0657'],
    ['Scan 8 with lengths', { opset: 8, nodes: [node('Scan', 'x, x -> y', { num_scan_inputs: 1 })] }, 'RES0657'],
    ['nearest with computed scales', { opset: 10, nodes: [node('Resize', 'x, x -> y')] }, 'RES0657'],
    [
      'nearest up and down at once',
      { opset: 10, nodes: [node('Resize', 'x, s -> y')], initializers: [floats('s', [4], [1, 1, 2, 0.7])] },
      'RES0657',
    ],
  ] as const)('%s', async (_what, c, code) => expect(await codeOf(c)).toBe(code));
});

describe('versions', () => {
  test.each([
    ['Relu', 7, 23, false],
    ['Softmax', 11, 12, false],
    ['Softmax', 12, 13, true],
    ['ReduceMean', 13, 17, false],
    ['ReduceMean', 17, 18, true],
    ['Upsample', 9, 10, true],
    ['Gelu', 19, 20, true],
    ['Gelu', 20, 23, false],
    // Downwards, what an operator gained may be in use.
    ['Reshape', 14, 13, true],
    ['Mul', 17, 14, false],
    ['NoSuchOperator', 13, 14, true],
    ['constructor', 13, 14, true],
  ])('%s from %i to %i', (op, from, to, changed) => expect(changedBetween(op, from, to)).toBe(changed));
  test('operators come and go', () => {
    expect([9, 10].map((v) => operatorExists('Upsample', v))).toEqual([true, false]);
    expect([15, 16].map((v) => operatorExists('GridSample', v))).toEqual([false, true]);
  });
});
