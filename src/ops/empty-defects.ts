/**
 * What onnxruntime gets wrong of tensors without elements: an empty batch, no box, nothing found. test/ops/empty.test.ts finds
 * them, and lists beside them what it refuses by name, which is no defect of this kind: nothing wrong comes out.
 */
import type { Dim } from '../ir/dim.ts';
import type { Node } from '../ir/graph.ts';
import { numberAttr, numbersAttr } from './attrs.ts';
import { axisIn } from './common.ts';
import type { RuntimeDefect, SizesOfRun } from './runtime-defects.ts';

/** Whether a size is 0 in the run, or may be where nothing is known of it. */
function isNothing(dim: Dim, sizes: SizesOfRun | undefined): boolean {
  const size = sizes && dim.evaluate(sizes);
  return size === undefined ? dim.lowerBound < 1 : size < 1;
}

const onCpu = {
  seen: '1.30.0',
  where: 'kernel',
  providers: ['cpu'],
  source: 'found by test/ops/empty.test.ts',
} as const;

/** The kernel divides by the number of rows that it looks through. */
export const topkOfNothing: RuntimeDefect = {
  name: 'topk-of-nothing',
  ...onCpu,
  effect: 'crash',
  what: 'A TopK of no rows, because an axis in front of its own is 0, divides by their number, which ends the process.',
  avoided: 'It is not. What asks for the largest of every row has to see before that there is a row.',
  concerns: (node, sizes) =>
    node.op.name === 'topk' &&
    node.x.type.dims.slice(0, axisIn(numberAttr(node.attrs, 'axis'), node.x.type.dims.length)).some((d) => isNothing(d, sizes)),
  smallest: {
    opset: 17,
    x: { dims: [0, 3], data: [] },
    nodes: [{ op: 'TopK', inputs: ['x', 'k'], outputs: ['y', 'places'], attrs: { axis: 1 } }],
    constants: { k: { elem: 'i64', dims: [1], data: [2] } },
    right: { dims: [0, 2], data: [] },
  },
};

const axisOf = (node: Node): number => axisIn(numbersAttr(node.attrs, 'axis')[0] ?? 0, node.x.type.dims.length);

/** Along an axis the kernel compares the first part with others, of which there are none. */
export const uniqueOfNothing: RuntimeDefect = {
  name: 'unique-of-nothing',
  ...onCpu,
  effect: 'crash',
  what: 'A Unique along an axis, whose parts have no elements because another axis is 0, ends the process. One of all elements, without an axis, is right.',
  avoided: 'It is not.',
  concerns: (node, sizes) =>
    node.op.name === 'unique' &&
    numbersAttr(node.attrs, 'axis').length > 0 &&
    node.x.type.dims.some((d, i) => i !== axisOf(node) && isNothing(d, sizes)),
  smallest: {
    opset: 17,
    x: { dims: [2, 0], data: [] },
    nodes: [{ op: 'Unique', inputs: ['x'], outputs: ['y'], attrs: { axis: 0 } }],
    constants: {},
    right: { dims: [1, 0], data: [] },
  },
};

const recurrent: readonly string[] = ['lstm', 'gru', 'rnn'];

/** The kernels cut their work into as many parts as there are sequences. */
export const recurrentOfNothing: RuntimeDefect = {
  name: 'recurrent-of-nothing',
  ...onCpu,
  effect: 'crash',
  what: 'LSTM, GRU and RNN over a batch without sequences end the process. Over sequences without steps they give what lies in memory, instead of the first state.',
  avoided: 'It is not.',
  concerns: (node, sizes) => recurrent.includes(node.op.name) && node.x.type.dims.some((d) => isNothing(d, sizes)),
  smallest: {
    opset: 17,
    x: { dims: [1, 0, 1], data: [] },
    nodes: [{ op: 'LSTM', inputs: ['x', 'w', 'r'], outputs: ['', 'y'], attrs: { hidden_size: 1 } }],
    constants: {
      w: { elem: 'f32', dims: [1, 4, 1], data: [1, 1, 1, 1] },
      r: { elem: 'f32', dims: [1, 4, 1], data: [1, 1, 1, 1] },
    },
    right: { dims: [1, 0, 1], data: [] },
  },
};

/** The kernel copies c to where the product is added, and has nothing to add. */
export const gemmOfNothing: RuntimeDefect = {
  name: 'gemm-of-nothing',
  ...onCpu,
  effect: 'wrong',
  what: 'A Gemm over an inner axis of size 0 leaves out beta: it gives c instead of beta·c.',
  avoided:
    'It is not. A beta other than 1 beside an inner axis that may be 0 comes from files alone, whose nodes stay as they are.',
  concerns: (node, sizes) =>
    node.op.name === 'gemm' &&
    node.operand(2) !== undefined &&
    numberAttr(node.attrs, 'beta') !== 1 &&
    (node.operand(1)?.type.dims.some((d) => isNothing(d, sizes)) ?? false),
  smallest: {
    opset: 17,
    x: { dims: [2, 0], data: [] },
    nodes: [{ op: 'Gemm', inputs: ['x', 'w', 'c'], outputs: ['y'], attrs: { beta: { float: 0.5 } } }],
    constants: { w: { elem: 'f32', dims: [0, 3], data: [] }, c: { elem: 'f32', dims: [3], data: [2, 4, 6] } },
    right: { dims: [2, 3], data: [1, 2, 3, 1, 2, 3] },
  },
};
