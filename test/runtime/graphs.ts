/** Small graphs made by hand, without parser, elaborator or passes. */

import { Dim } from '../../src/ir/dim.ts';
import { Graph, type Value } from '../../src/ir/graph.ts';
import type { AttrValue, Operator } from '../../src/ir/operator.ts';
import type { ElemType, HostTensor, TensorType } from '../../src/ir/types.ts';
import { relu } from '../../src/ops/activation.ts';
import { conv } from '../../src/ops/conv.ts';
import { add } from '../../src/ops/elementwise.ts';
import { linear } from '../../src/ops/linear.ts';
import { batchnorm } from '../../src/ops/norm.ts';
import { globalAvgpool } from '../../src/ops/pool.ts';
import { reshape } from '../../src/ops/reshape.ts';
import { randomTensor } from '../../src/runtime/inputs.ts';
import { exprOf, materialize } from '../../src/tensor/values.ts';
import { literal } from '../support/tensors.ts';

export const type = (elem: ElemType, ...dims: readonly (number | string | Dim)[]): TensorType => ({
  elem,
  dims: dims.map((d) => (typeof d === 'string' ? Dim.symbol(d) : typeof d === 'number' ? Dim.of(d) : d)),
});

export const source = { name: 'tiny.res', text: 'model Tiny {\n  conv1: conv(8, 3x3)\n  bn1: batchnorm\n}\n' };
const spanOf = (text: string) => {
  const start = source.text.indexOf(text);
  return { file: source, start, end: start + text.length };
};

export class Maker {
  readonly graph: Graph;

  constructor(name = 'Tiny') {
    this.graph = new Graph(name);
  }

  node(
    op: Operator,
    operands: readonly (Value | undefined)[],
    scope: string,
    attrs: Readonly<Record<string, AttrValue>> = {},
  ): Value {
    const span = scope === 'conv1' ? spanOf('conv(8, 3x3)') : scope === 'bn1' ? spanOf('batchnorm') : undefined;
    return this.graph.create(op, operands, attrs, { scope, span }).y;
  }

  constant(path: string, tensor: HostTensor): Value {
    return this.graph.constant(literal(tensor), 'parameter', path);
  }

  weight(path: string, dims: readonly number[], low = -0.5, high = 0.5): Value {
    return this.constant(path, randomTensor('f32', dims, path, { low, high }));
  }
}

const dataOf = (value: Value): Float64Array => {
  const { resident } = value.content ?? {};
  if (!resident) throw new Error('not resident');
  return resident;
};

interface Nudges {
  /** Added to every element of the folded kernel, as a factor. */
  readonly kernel?: number;
  /** Leaves ε out of the folded scale. */
  readonly noEps?: boolean;
}

const eps = 1e-2;

/** conv – batchnorm – relu – conv1x1, plus x – global pool – linear; `folded` has the batchnorm in the conv before it. */
export function tinyNet(folded?: Nudges): Graph {
  const m = new Maker();
  const x = m.graph.input('image', type('f32', 'N', 3, 'H', 'W'));
  const kernel = m.weight('conv1.weight', [8, 3, 3, 3]);
  const gamma = m.weight('bn1.weight', [8], 0.5, 1.5);
  const beta = m.weight('bn1.bias', [8]);
  const mean = m.weight('bn1.running_mean', [8]);
  const variance = m.weight('bn1.running_var', [8], 0.01, 0.5);
  const window = { stride: 2, pads: 1 };
  let y: Value;
  if (folded) {
    const s = dataOf(gamma).map((g, i) => g / Math.sqrt((dataOf(variance)[i] ?? 0) + (folded.noEps ? 0 : eps)));
    const scaled = dataOf(kernel).map((w, i) => Math.fround(w * (s[Math.floor(i / 27)] ?? 0) * (folded.kernel ?? 1)));
    const shift = s.map((v, i) => Math.fround((dataOf(beta)[i] ?? 0) - v * (dataOf(mean)[i] ?? 0)));
    const weight = m.constant('conv1.weight', { elem: 'f32', dims: [8, 3, 3, 3], data: scaled });
    const bias = m.constant('conv1.bias', { elem: 'f32', dims: [8], data: shift });
    y = m.node(conv, [x, weight, bias], 'conv1', window);
  } else {
    y = m.node(conv, [x, kernel, undefined], 'conv1', window);
    y = m.node(batchnorm, [y, gamma, beta, mean, variance], 'bn1', { eps });
  }
  y = m.node(relu, [y], '');
  const inner = m.node(conv, [y, m.weight('conv2.weight', [8, 8, 1, 1]), undefined], 'conv2');
  y = m.node(globalAvgpool, [m.node(add, [inner, y], 'sum')], 'pool');
  y = m.node(reshape, [y], 'flatten', { shape: [Dim.symbol('N'), Dim.of(8)] });
  m.graph.output('logits', m.node(linear, [y, m.weight('fc.weight', [5, 8]), m.weight('fc.bias', [5])], 'fc'));
  return m.graph;
}

export const constants = (value: Value): Promise<HostTensor> => materialize(exprOf(value));
