/**
 * Nodes that make no sense: every operator that a lift or a type rule knows, with operands and attributes drawn at random.
 * Whatever does not fit stays foreign; nothing throws but a diagnostic, and the graph stays sound.
 */
import { describe, expect, it } from 'vitest';
import { emitOnnx } from '../../src/codegen/emit.ts';
import { importOnnx } from '../../src/import/import.ts';
import { lifts } from '../../src/import/lifts/table.ts';
import { elemTypes } from '../../src/ir/types.ts';
import { verifyGraph } from '../../src/ir/verifier.ts';
import type { OnnxDim, OnnxNode, OnnxTensor } from '../../src/onnx/model.ts';
import { fileOf, graphOf, node, tensor, typed } from '../import/build.ts';
import { sampleSource } from '../ops/support.ts';

const attributeNames = [
  ...[
    'axis',
    'axes',
    'perm',
    'keepdims',
    'kernel_shape',
    'strides',
    'dilations',
    'pads',
    'group',
    'auto_pad',
    'ceil_mode',
    'to',
    'start',
    'end',
  ],
  ...[
    'alpha',
    'beta',
    'transA',
    'transB',
    'epsilon',
    'mode',
    'value',
    'output_shape',
    'output_padding',
    'blocksize',
    'allowzero',
    'num_outputs',
  ],
  ...[
    'coordinate_transformation_mode',
    'nearest_mode',
    'count_include_pad',
    'scale',
    'is_causal',
    'num_scan_inputs',
    'equation',
    'batch_dims',
  ],
] as const;
const strings = [
  'SAME_UPPER',
  'VALID',
  'constant',
  'reflect',
  'nearest',
  'linear',
  'asymmetric',
  'align_corners',
  'CRD',
  'ij,jk->ik',
  '',
];
const others = [
  ...[
    'TopK',
    'NonZero',
    'OneHot',
    'LSTM',
    'Einsum',
    'Compress',
    'Unique',
    'RoiAlign',
    'GridSample',
    'QuantizeLinear',
    'DequantizeLinear',
  ],
  ...[
    'Size',
    'Mod',
    'ReduceL2',
    'GatherND',
    'GatherElements',
    'SpaceToDepth',
    'QLinearConv',
    'Multinomial',
    'EyeLike',
    'Det',
    'Nothing',
  ],
] as const;

describe('random nodes', () => {
  const operators = [...lifts.keys(), ...others];
  it.each(Array.from({ length: 40 }, (_, i) => i + 1))('of seed %i', (seed) => {
    const source = sampleSource(seed);
    const size = (): OnnxDim =>
      source.pick<OnnxDim | 'none'>([0, 1, 2, 3, 8, 'N', 'H', 'none']) === 'none'
        ? undefined
        : source.pick<number | string>([1, 2, 3, 4, 'N']);
    const inputs = Object.fromEntries(
      Array.from({ length: 4 }, (_, i) => [
        `x${i}`,
        source.int(0, 9) === 0
          ? undefined
          : typed(source.pick(elemTypes), source.int(0, 9) === 0 ? undefined : Array.from({ length: source.int(0, 5) }, size)),
      ]),
    );
    const initializers: OnnxTensor[] = Array.from({ length: 4 }, (_, i) => {
      const dims = Array.from({ length: source.int(0, 4) }, () => source.int(0, 3));
      return tensor(`c${i}`, source.pick(['f32', 'i64', 'i64', 'bool'] as const), dims, [
        source.int(-3, 9),
        2 ** 31 - 1,
        -1,
        0,
        1,
        2,
      ]);
    });
    const values = ['', ...Object.keys(inputs), ...initializers.map((one) => one.name)];
    const nodes: OnnxNode[] = [];
    for (let i = 0; i < 150; i++) {
      const attributes: Record<string, number | readonly number[] | string | OnnxTensor | { readonly float: number }> = {};
      for (let k = source.int(0, 4); k > 0; k--) {
        const name = source.pick(attributeNames);
        attributes[name] = source.pick<number | readonly number[] | string | OnnxTensor | { readonly float: number }>([
          source.int(-3, 4),
          Array.from({ length: source.int(0, 4) }, () => source.int(-2, 3)),
          source.pick(strings),
          tensor('', 'i64', [1], [source.int(-1, 5)]),
          { float: 0.5 },
          Number.MAX_SAFE_INTEGER,
        ]);
      }
      const op = source.pick(operators);
      const operands = Array.from({ length: source.int(0, 5) }, () => source.pick(values));
      nodes.push(node(op, `${operands.join(', ')} -> v${i}, w${i}`, attributes));
      values.push(`v${i}`, `w${i}`);
    }
    const body = graphOf({ inputs: { a: undefined }, outputs: ['b'] }, [node('Add', 'a, v3 -> b')], 'body');
    nodes.push(
      node('Loop', 'c0, x0, x1 -> loop', { body }),
      node('If', 'c1 -> branch', { then_branch: body, else_branch: body }),
      node('Scan', 'x0 -> scan', { body }),
    );
    const model = importOnnx(
      fileOf({ inputs, outputs: ['v149', 'loop', 'branch', 'scan'], initializers }, nodes, source.pick([13, 18, 23])),
    );
    expect(verifyGraph(model.graph)).toEqual([]);
    expect(emitOnnx(model.graph, { opset: model.opset, source: model }).graph.outputs).toHaveLength(4);
  });
});

describe('large numbers', () => {
  it('in sizes stay foreign', () => {
    const huge = Array.from({ length: 6 }, (_, i) => node('Reshape', `${i === 0 ? 'x' : `v${i - 1}`}, t -> v${i}`));
    const { graph } = importOnnx(
      fileOf(
        {
          inputs: { x: typed('f32', [Number.MAX_SAFE_INTEGER, 'N']) },
          outputs: ['v5'],
          initializers: [tensor('t', 'i64', [2], [-1, 2 ** 52])],
        },
        huge,
      ),
    );
    expect(verifyGraph(graph)).toEqual([]);
  });

  it('of doubled sizes end', () => {
    const nodes = [node('Shape', 'x -> s0')];
    for (let i = 0; i < 80; i++) nodes.push(node('Mul', `s${i}, s${i} -> s${i + 1}`));
    nodes.push(node('ConstantOfShape', 's80 -> y'));
    const { graph } = importOnnx(fileOf({ inputs: { x: typed('f32', ['A', 'B']) }, outputs: ['y'] }, nodes));
    expect(verifyGraph(graph)).toEqual([]);
  });
});
