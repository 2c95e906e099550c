/** Small graphs, made by hand from the registry's operators, and operators that only exist to exercise the code generator. */

import { Dim } from '../../src/ir/dim.ts';
import { Graph, type Origin, type ResidualTag, type Value } from '../../src/ir/graph.ts';
import type { AttrValue, Operator } from '../../src/ir/operator.ts';
import type { ElemType } from '../../src/ir/types.ts';
import { relu } from '../../src/ops/activation.ts';
import { conv } from '../../src/ops/conv.ts';
import { add } from '../../src/ops/elementwise.ts';
import { batchnorm } from '../../src/ops/norm.ts';
import { globalAvgpool } from '../../src/ops/pool.ts';
import { reshape } from '../../src/ops/reshape.ts';
import { unknownTraits } from '../../src/ops/traits.ts';
import { literal } from '../support/tensors.ts';

export const dim = (d: number | string | Dim): Dim =>
  typeof d === 'string' ? Dim.symbol(d) : typeof d === 'number' ? Dim.of(d) : d;
export const type = (elem: ElemType, ...dims: readonly (number | string | Dim)[]) => ({ elem, dims: dims.map(dim) });

/** Numbers without a pattern, the same on every machine. */
export function noise(count: number, seed: number, scale = 1, shift = 0): Float64Array {
  let state = seed >>> 0;
  return Float64Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.fround((state / 2 ** 32 - 0.5) * 2 * scale + shift);
  });
}

export class Maker {
  readonly graph: Graph;
  #seed = 1;
  residual: ResidualTag | undefined;

  constructor(name: string) {
    this.graph = new Graph(name);
  }

  origin(scope: string): Origin {
    return { scope, residual: this.residual };
  }

  node(
    op: Operator,
    operands: readonly (Value | undefined)[],
    scope: string,
    attrs: Readonly<Record<string, AttrValue>> = {},
  ): Value {
    return this.graph.create(op, operands, attrs, this.origin(scope)).y;
  }

  weight(path: string, dims: readonly number[], options: { low?: number; role?: 'parameter' | 'buffer' } = {}): Value {
    const count = dims.reduce((n, d) => n * d, 1);
    const positive = options.low !== undefined;
    const data = noise(count, this.#seed++, positive ? 0.4 : Math.sqrt(3 / (count / (dims[0] ?? 1))), positive ? 1 : 0);
    return this.graph.constant(literal({ elem: 'f32', dims, data }), options.role ?? 'parameter', path);
  }

  conv(x: Value, scope: string, out: number, kernel: number, stride = 1): Value {
    const channels = x.type.dims[1]?.constant ?? 0;
    const weight = this.weight(`${scope}.weight`, [out, channels, kernel, kernel]);
    return this.node(conv, [x, weight, undefined], scope, { stride, pads: (kernel - 1) / 2 });
  }

  batchnorm(x: Value, scope: string): Value {
    const channels = x.type.dims[1]?.constant ?? 0;
    return this.node(
      batchnorm,
      [
        x,
        this.weight(`${scope}.weight`, [channels], { low: 0 }),
        this.weight(`${scope}.bias`, [channels]),
        this.weight(`${scope}.running_mean`, [channels], { role: 'buffer' }),
        this.weight(`${scope}.running_var`, [channels], { low: 0, role: 'buffer' }),
      ],
      scope,
    );
  }

  relu(x: Value, scope: string): Value {
    return this.node(relu, [x], scope);
  }

  /** conv – batchnorm – relu – conv – batchnorm, plus x or its projection, then relu. */
  block(x: Value, scope: string, out: number, stride: number): Value {
    const outer = this.residual;
    const region = this.graph.newRegion(scope, outer);
    this.residual = { region, part: 'body' };
    let body = this.relu(this.batchnorm(this.conv(x, `${scope}.conv1`, out, 3, stride), `${scope}.bn1`), scope);
    body = this.batchnorm(this.conv(body, `${scope}.conv2`, out, 3), `${scope}.bn2`);
    let shortcut = x;
    if (stride !== 1) {
      this.residual = { region, part: 'shortcut' };
      shortcut = this.batchnorm(this.conv(x, `${scope}.downsample.0`, out, 1, stride), `${scope}.downsample.1`);
    }
    this.residual = { region, part: 'sum' };
    const sum = this.node(add, [body, shortcut], scope);
    this.residual = outer;
    return this.relu(sum, scope);
  }
}

/** A residual network of two blocks over pictures of any size, with its classes flattened by computed sizes. */
export function tinyResnet(blocks = 2): Graph {
  const m = new Maker('TinyResNet');
  let x = m.graph.input('image', type('f32', 'N', 3, 'H', 'W'));
  x = m.relu(m.batchnorm(m.conv(x, 'conv1', 4, 3, 2), 'bn1'), '');
  x = m.block(x, 'layer1.0', 4, 1);
  for (let i = 0; i + 1 < blocks; i++) x = m.block(x, `layer2.${i}`, 8, i === 0 ? 2 : 1);
  x = m.node(globalAvgpool, [x], '');
  m.graph.output('logits', m.node(reshape, [x], '', { shape: [dim('N'), dim(8)] }));
  return m.graph;
}

const shared = {
  attrs: {},
  traits: unknownTraits,
  evaluate: () => {
    throw new Error('not evaluated in these tests');
  },
  sample: () => {
    throw new Error('not sampled in these tests');
  },
} as const;

/** The sizes themselves, which a test can read. */
export const sizesOf: Operator = {
  ...shared,
  name: 'sizes_of',
  summary: 'sizes',
  onnx: [],
  operands: [{ name: 'x', doc: '' }],
  attrs: { shape: { kind: 'dims', doc: '' } },
  infer: ({ attrs }) => [type('i64', (attrs.shape as readonly Dim[]).length)],
  lower: (b, node) => [b.node('Identity', [b.dims(node.attrs.shape as readonly Dim[])], {}, node.y.type)],
};

/** A lowering of three nodes: 0.5 · x · x · 2 + x. */
export const threeNodes: Operator = {
  ...shared,
  name: 'three_nodes',
  summary: 'several nodes',
  onnx: ['Mul', 'Add'],
  operands: [{ name: 'x', doc: '' }],
  infer: ({ operands }) => [operands[0] ?? type('f32')],
  lower(b, node, [x]) {
    const t = node.y.type;
    const half = b.node('Mul', [x, b.scalar('f32', 0.5)], {}, t);
    const twice = b.node('Mul', [half, b.scalar('f32', 2)], {}, t);
    return [b.node('Add', [twice, x], {}, t)];
  },
};

/** Passes its operand on without a node, as an identity does. */
export const passOn: Operator = {
  ...shared,
  name: 'pass_on',
  summary: 'nothing',
  onnx: [],
  operands: [{ name: 'x', doc: '' }],
  infer: ({ operands }) => [operands[0] ?? type('f32')],
  lower: (_, __, [x]) => [x ?? ''],
};

/** Two results of one node. */
export const halves: Operator = {
  ...shared,
  name: 'halves',
  summary: 'split in two along axis 0',
  onnx: ['Split'],
  operands: [{ name: 'x', doc: '' }],
  infer({ operands }) {
    const [first, ...rest] = operands[0]?.dims ?? [];
    const half = { elem: operands[0]?.elem ?? ('f32' as const), dims: [dim((first?.constant ?? 2) / 2), ...rest] };
    return [half, half];
  },
  lower: (b, node, [x]) => {
    const n = node.results[0]?.type.dims[0]?.constant ?? 1;
    return b.nodes(
      'Split',
      [x, b.i64([n, n])],
      { axis: { kind: 'int', value: 0 } },
      node.results.map((y) => y.type),
    );
  },
};

/** x times the transposed weight. */
export const timesTransposed: Operator = {
  ...shared,
  name: 'times_transposed',
  summary: 'matmul',
  onnx: ['MatMul'],
  operands: [
    { name: 'x', doc: '' },
    { name: 'weight', doc: '' },
  ],
  infer({ operands }) {
    const [x, w] = operands;
    return [{ elem: 'f32', dims: [...(x?.dims.slice(0, -1) ?? []), w?.dims[0] ?? dim(1)] }];
  },
  lower: (b, node, [x]) => [b.node('MatMul', [x, b.transposed(node.operand(1) ?? node.x, [1, 0])], {}, node.y.type)],
};

export const refusing: Operator = {
  ...shared,
  name: 'refusing',
  summary: 'cannot be said',
  onnx: [],
  operands: [{ name: 'x', doc: '' }],
  infer: ({ operands }) => [operands[0] ?? type('f32')],
  lower: (b) => b.refuse('it needs Gelu, which came with opset 20', '--opset 20'),
};
