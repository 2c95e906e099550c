/** Small operators that show every feature of the graph, so that its tests need no operator of the compiler. */

import { bug, Sink } from '../../src/diagnostics/diagnostic.ts';
import type { Content } from '../../src/ir/content.ts';
import { Dim, productOf } from '../../src/ir/dim.ts';
import type { Graph, Node, Value } from '../../src/ir/graph.ts';
import type { AttrValue, InferContext, Operator } from '../../src/ir/operator.ts';
import { type GraphLookup, readGraph } from '../../src/ir/read.ts';
import { sameType, type TensorType, typeText } from '../../src/ir/types.ts';
import { walkGraph } from '../../src/ir/walk.ts';
import { unknownTraits } from '../../src/ops/traits.ts';
import type { WeightExpr } from '../../src/tensor/expr.ts';
import { buildExpr, leaf } from '../support/tensors.ts';

type Small = Pick<Operator, 'name' | 'operands' | 'infer'> & Partial<Pick<Operator, 'attrs' | 'cost' | 'regions'>>;

function small(parts: Small): Operator {
  const unused = (): never => bug('not needed here');
  return {
    summary: parts.name,
    onnx: [],
    attrs: {},
    traits: unknownTraits,
    evaluate: unused,
    lower: unused,
    sample: unused,
    ...parts,
  };
}

const x = { name: 'x', doc: 'data' };
const numbers = (value: AttrValue | undefined): readonly number[] => {
  const out: number[] = [];
  if (typeof value === 'object') for (const one of value) if (typeof one === 'number') out.push(one);
  return out;
};
const first = ({ operands }: InferContext): TensorType => operands[0] ?? bug('no operand');

export const relu = small({ name: 'relu', operands: [x], infer: (c) => [first(c)] });
export const add = small({
  name: 'add',
  operands: [x, { name: 'y', doc: 'data' }],
  infer(c: InferContext) {
    const y = c.operands[1] ?? bug('no operand');
    c.check(
      'c1',
      sameType(first(c), y) || y.dims.length === 0,
      `${typeText(first(c))} and ${typeText(y)}`,
      'one type',
      'write `pad`',
    );
    return [first(c)];
  },
});
export const conv = small({
  name: 'conv',
  operands: [x, { name: 'weight', doc: 'kernel' }, { name: 'bias', doc: 'shift', optional: true }],
  attrs: {
    stride: { kind: 'axes', default: 1, min: 1, doc: 'step' },
    pads: { kind: 'pads', default: 0, doc: 'zeros' },
    groups: { kind: 'int', default: 1, min: 1, doc: 'groups' },
  },
  infer(c: InferContext) {
    const [n = Dim.one, channels, ...grid] = first(c).dims;
    const weight = c.operands[1]?.dims ?? [];
    c.check('c1', channels === weight[1], `${channels} channels`, `${weight[1]} channels`);
    const stride = numbers(c.attrs.stride);
    const pads = numbers(c.attrs.pads);
    const out = grid.map((size, i) => {
      const padded = size.plus((pads[i] ?? 0) + (pads[i + grid.length] ?? 0)).minus(weight[i + 2] ?? 1);
      return padded.floordiv(stride[i] ?? 1).plus(1);
    });
    return [{ elem: first(c).elem, dims: [n, weight[0] ?? Dim.one, ...out] }];
  },
  cost: (node: Node) => productOf([...node.y.type.dims, ...(node.operand(1)?.type.dims.slice(1) ?? [])]),
});
export const split = small({ name: 'split', operands: [x], infer: (c) => [first(c), first(c)] });
export const clip = small({
  name: 'clip',
  operands: [x, { name: 'min', doc: 'low', optional: true }, { name: 'max', doc: 'high', optional: true }],
  infer: (c) => [first(c)],
});
export const concat = small({
  name: 'concat',
  operands: [{ name: 'parts', doc: 'parts', variadic: true }],
  attrs: { axis: { kind: 'int', default: 0, doc: 'axis' } },
  infer: (c) => {
    const total = c.operands.reduce((sum, type) => sum.plus(type?.dims[0] ?? 0), Dim.zero);
    return [{ elem: first(c).elem, dims: [total, ...first(c).dims.slice(1)] }];
  },
});
export const reshape = small({
  name: 'reshape',
  operands: [x],
  attrs: { dims: { kind: 'dims', doc: 'sizes' } },
  infer(c: InferContext) {
    const dims: Dim[] = [];
    const given = c.attrs.dims;
    if (typeof given === 'object') for (const one of given) dims.push(typeof one === 'number' ? Dim.of(one) : one);
    return [{ elem: first(c).elem, dims }];
  },
});
export const nonzero = small({
  name: 'nonzero',
  operands: [x],
  infer: (c) => [{ elem: 'i64', dims: [Dim.of(2), c.fresh('nonzero')] }],
});
export const settings = small({
  name: 'settings',
  operands: [x],
  attrs: {
    mode: { kind: 'string', default: 'nearest', values: ['nearest', 'linear'], doc: 'mode' },
    note: { kind: 'string', default: '', doc: 'any text' },
    eps: { kind: 'float', default: 1e-5, doc: 'small' },
    exact: { kind: 'bool', default: false, doc: 'exact' },
    to: { kind: 'elem', default: 'f32', doc: 'type' },
    perm: { kind: 'ints', default: [0, 1], doc: 'order' },
    scales: { kind: 'floats', default: [1], doc: 'factors' },
  },
  infer: (c) => [first(c)],
});
/** Control flow: the outputs of its sub-graph are its results. */
export const loop = small({
  name: 'loop',
  operands: [x],
  regions: ['body'],
  attrs: { steps: { kind: 'int', default: 1, doc: 'times' } },
  infer: (c) => c.regions?.[0]?.outputs.map((output) => output.value.type) ?? [],
});
/** Two sub-graphs. */
export const branch = small({
  name: 'branch',
  operands: [x],
  regions: ['then', 'else'],
  infer(c: InferContext) {
    const types = (c.regions ?? []).map((region) => region.outputs[0]?.value.type ?? first(c));
    const [one, two] = types;
    c.check('c1', one !== undefined && two !== undefined && sameType(one, two), `${types.length} branches`, 'two of one type');
    return types.slice(0, 1);
  },
});

export const operators = new Map(
  [relu, add, conv, split, clip, concat, reshape, nonzero, settings, loop, branch].map((op) => [op.name, op]),
);

export const lookup: GraphLookup<WeightExpr> = { operator: (name) => operators.get(name), leaf, call: buildExpr };

export function read(text: string): Graph {
  const sink = new Sink();
  const graph = readGraph({ name: 'test.ir', text }, lookup, sink);
  if (!graph) throw new Error(sink.list.map((d) => `${d.code} ${d.title}: ${d.found}; ${d.expected}`).join('\n'));
  return graph;
}

/** What reading the text reports, a line each: code, line, found. */
export function complaints(text: string): readonly string[] {
  const sink = new Sink();
  const graph = readGraph({ name: 'test.ir', text }, lookup, sink);
  if (graph && sink.list.length > 0) throw new Error('a graph in spite of complaints');
  return sink.list.map((d) => `${d.code}:${text.slice(0, d.span?.start ?? 0).split('\n').length} ${d.found ?? d.title}`);
}

/**
 * Everything that makes a graph what it is, as data: values by order of appearance, operands, attributes, types, scopes, roles,
 * contents by their text, outputs, residual tags by order of appearance. Written apart from the printer, so that it can
 * contradict it.
 */
export function shapeOf(graph: Graph): unknown {
  const numbersOf = new Map<Value, number>();
  const regions = new Map<unknown, number>();
  const content = (one: Content): unknown => [one.text(), one.elem, one.dims];
  const value = (one: Value | undefined): unknown => {
    if (!one) return null;
    const known = numbersOf.get(one);
    if (known !== undefined) return known;
    numbersOf.set(one, numbersOf.size);
    const kind = one.isInput ? 'input' : one.isConstant ? 'constant' : 'result';
    const more = one.content ? [one.role, content(one.content)] : [];
    return [kind, one.name ?? null, typeText(one.type), one.uses.size, one.outputs, ...more];
  };
  const tag = (one: Node['origin']['residual']): unknown => {
    if (!one) return null;
    const known = regions.get(one.region);
    if (known === undefined) regions.set(one.region, regions.size);
    return [one.part, known ?? [one.region.scope, tag(one.region.outer)]];
  };
  const attr = (one: AttrValue): unknown => {
    if (typeof one !== 'object') return one;
    const items: unknown[] = [];
    for (const item of one) items.push(typeof item === 'number' ? String(item) : item.toString());
    return items;
  };
  const out: unknown[] = [];
  for (const step of walkGraph(graph)) {
    if (step.kind === 'graph') out.push(['graph', step.graph.name, { ...step.graph.metadata }, step.graph.inputs.map(value)]);
    else if (step.kind === 'end') out.push(['end', step.graph.outputs.map((output) => [output.name, value(output.value)])]);
    else {
      const { node } = step;
      const attrs = Object.entries(node.attrs).map(([name, one]) => [name, attr(one)]);
      out.push([
        node.op.name,
        node.operands.map(value),
        attrs,
        node.results.map(value),
        node.origin.scope,
        tag(node.origin.residual),
      ]);
    }
  }
  return out;
}
