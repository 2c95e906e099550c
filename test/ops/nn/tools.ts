/**
 * What the tests of this folder share: types and tensors from short texts, layers built without the elaborator, recorded
 * lowerings.
 */
import { Dim } from '../../../src/ir/dim.ts';
import { parseDim } from '../../../src/ir/dim-text.ts';
import { Graph, type Node, type Value } from '../../../src/ir/graph.ts';
import { type AttrValue, CheckFailure, type OnnxBuilder, type Operator, type SampleSource } from '../../../src/ir/operator.ts';
import { elementCount, type HostTensor, isElemType, type TensorType, typeText } from '../../../src/ir/types.ts';
import { operatorExists } from '../../../src/onnx/versions.ts';
import { given } from '../../../src/ops/attrs.ts';
import type { Layer, LayerBuilder } from '../../../src/ops/define.ts';
import type { InitSpec, LangValue } from '../../../src/ops/params.ts';

/** `f32[N, 3, 2*H]` */
export function type(text: string): TensorType {
  const match = /^(\w+)\[(.*)\]$/.exec(text);
  const elem = match?.[1] ?? '';
  if (!isElemType(elem)) throw new Error(`no type: ${text}`);
  const parts = (match?.[2] ?? '').split(',').filter((part) => part.trim() !== '');
  const dims = parts.map((part) => parseDim(part.trim()) ?? Dim.zero);
  return { elem, dims };
}

export function host(dims: readonly number[], value: (i: number) => number, elem: HostTensor['elem'] = 'f32'): HostTensor {
  return { elem, dims, data: Float64Array.from({ length: elementCount(dims) }, (_, i) => value(i)) };
}

export function numbers(dims: readonly number[], values: readonly number[]): HostTensor {
  return host(dims, (i) => values[i] ?? 0);
}

/** The same tensors for the same seed (mulberry32). */
export function sampler(seed: number): SampleSource {
  let state = seed | 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    int: (low, high) => low + Math.floor(next() * (high - low + 1)),
    pick: (of) => given(of, Math.floor(next() * of.length)),
    bool: () => next() < 0.5,
    tensor: (dims, { low = -2, high = 2, elem = 'f32' } = {}) => host(dims, () => Math.fround(low + next() * (high - low)), elem),
  };
}

/** Type text of the only result. */
export function inferred(
  op: Operator,
  operands: readonly (string | undefined)[],
  attrs: Readonly<Record<string, AttrValue>> = {},
): string {
  const graph = new Graph('test');
  const values = operands.map((text, i) => (text === undefined ? undefined : graph.input(`x${i}`, type(text))));
  return typeText(given(graph.infer(op, values, attrs).types, 0));
}

/** The check that a use fails, with its message in one line; throws when it fails none. */
export function failure(run: () => unknown): { label: string; text: string } {
  try {
    run();
  } catch (error) {
    if (!(error instanceof CheckFailure)) throw error;
    const hint = error.hint === undefined ? '' : `; ${error.hint}`;
    return { label: error.label, text: `${error.found} | ${error.expected}${hint}` };
  }
  throw new Error('no check failed');
}

export function evaluated(
  op: Operator,
  operands: readonly (HostTensor | undefined)[],
  attrs: Readonly<Record<string, AttrValue>> = {},
): HostTensor {
  const graph = new Graph('test');
  const values = operands.map((t, i) =>
    t ? graph.input(`x${i}`, { elem: t.elem, dims: t.dims.map((d) => Dim.of(d)) }) : undefined,
  );
  const { attrs: complete } = graph.infer(op, values, attrs);
  return given(op.evaluate(operands, complete), 0);
}

export interface Built {
  readonly graph: Graph;
  readonly inputs: readonly Value[];
  readonly y: Value;
  /** `weight f32[8, 3, 3, 3] kaiming_normal parameter` */
  readonly weights: readonly string[];
  /** `conv(x, weight) {stride: [1, 1], …}` is too long: names alone. */
  readonly nodes: readonly Node[];
  /** Runs the graph; a weight is what `given` has under its name. */
  run(x: readonly HostTensor[], given?: Readonly<Record<string, HostTensor>>): HostTensor;
}

const int = (n: number): LangValue => ({ kind: 'int', dim: Dim.of(n) });

/** A compile-time value: numbers are ints when whole, use `float(…)` for others; `3x3` is a size, other texts are strings. */
export function plain(value: number | boolean | string | Dim | Value | readonly number[]): LangValue {
  if (typeof value === 'number') return Number.isInteger(value) ? int(value) : { kind: 'float', value };
  if (typeof value === 'boolean') return { kind: 'bool', value };
  if (typeof value === 'string') {
    if (/^\d+(x\d+)+$/.test(value)) return { kind: 'size', dims: value.split('x').map(Number) };
    return { kind: 'string', value };
  }
  if (value instanceof Dim) return { kind: 'int', dim: value };
  if ('uses' in value) return { kind: 'tensor', value };
  return { kind: 'list', items: value.map((n) => plain(n)) };
}

export type Argument = Parameters<typeof plain>[0];

/** Builds a layer on inputs of these types; arguments are converted by the layer's own parameter specifications. */
export function built(
  layer: Layer,
  types: readonly string[],
  args: Readonly<Record<string, Argument | ((inputs: readonly Value[]) => Value)>> = {},
): Built {
  const graph = new Graph('test');
  const all = types.map((text, i) => graph.input(`x${i}`, type(text)));
  const inputs = layer.operands.max === Infinity ? all : all.slice(0, Math.max(1, layer.operands.min));
  const params: Record<string, unknown> = {};
  const others = Object.entries(layer.params).find(([, spec]) => spec.others);
  const known = (name: string): boolean => layer.params[name] !== undefined && !layer.params[name].others;
  for (const name of Object.keys(args)) if (!known(name) && !others) throw new Error(`${layer.name} has no ${name}`);
  for (const [name, spec] of Object.entries(layer.params)) {
    if (spec.others) {
      const each = Object.entries(args).filter(([key]) => !known(key));
      params[name] = new Map(
        each.flatMap(([key, raw]) => {
          const converted = spec.convert(plain(typeof raw === 'function' ? raw(all) : raw), key);
          if (!converted.ok) throw new Error(`${layer.name} ${key}: expected ${converted.expected}`);
          return [...(converted.value as ReadonlyMap<string, unknown>)];
        }),
      );
      continue;
    }
    const raw = args[name];
    if (raw === undefined) {
      if (!spec.default) throw new Error(`${layer.name} needs ${name}`);
      params[name] = spec.default.value;
      continue;
    }
    const converted = spec.convert(plain(typeof raw === 'function' ? raw(all) : raw));
    if (!converted.ok) throw new Error(`${layer.name} ${name}: expected ${converted.expected}`);
    params[name] = converted.value;
  }
  const weights: string[] = [];
  const constants = new Map<Value, HostTensor>();
  const op = (operator: Operator, operands: readonly (Value | undefined)[], attrs: Readonly<Record<string, AttrValue>> = {}) =>
    graph.create(operator, operands, attrs, { scope: '' }).results;
  const constant = (tensor: HostTensor): Value => {
    const value = graph.input('constant', { elem: tensor.elem, dims: tensor.dims.map((d) => Dim.of(d)) });
    constants.set(value, tensor);
    return value;
  };
  const builder: LayerBuilder = {
    op: (operator, operands, attrs) => given(op(operator, operands, attrs), 0),
    ops: op,
    weight(name, dims, init: InitSpec, options = {}) {
      const elem = options.elem ?? given(inputs, 0).type.elem;
      const value = graph.input(name, { elem, dims: dims.map((d) => (typeof d === 'number' ? Dim.of(d) : d)) });
      const parts = [init.kind, init.mode, init.value, options.role ?? 'parameter'].filter((part) => part !== undefined);
      weights.push(`${name} ${typeText(value.type)} ${parts.join(' ')}`);
      return value;
    },
    constant,
    scalar: (elem, value) => constant({ elem, dims: [], data: Float64Array.of(value) }),
    dimValue: () => {
      throw new Error('no layer of this folder asks for the value of a dimension');
    },
    check: (label, holds, found, expected, hint) => {
      if (!holds) throw new CheckFailure(label, found, expected, hint);
    },
    span: undefined,
    listed: types.length > 1,
  };
  const results = layer.build(builder, inputs, params);
  const y = Array.isArray(results) ? given<Value>(results, 0) : (results as Value);
  const run = (x: readonly HostTensor[], named: Readonly<Record<string, HostTensor>> = {}): HostTensor => {
    const have = new Map<Value, HostTensor>(constants);
    all.forEach((value, i) => {
      const tensor = x[i];
      if (tensor) have.set(value, tensor);
    });
    for (const value of graph.inputs) {
      const tensor = named[value.name ?? ''];
      if (tensor) have.set(value, tensor);
    }
    for (const node of graph.nodes()) {
      const operands = node.operands.map((value) => (value ? have.get(value) : undefined));
      node.op.evaluate(operands, node.attrs).forEach((tensor, i) => {
        have.set(given(node.results, i), tensor);
      });
    }
    const result = have.get(y);
    if (!result) throw new Error('the result was not computed');
    return result;
  };
  return { graph, inputs: all, y, weights, nodes: [...graph.nodes()], run };
}

/** The ONNX nodes that an operator is written as: `Gemm{transB=1}`. */
export function lowered(
  op: Operator,
  operands: readonly (string | undefined)[],
  attrs: Readonly<Record<string, AttrValue>> = {},
  opset = 17,
): readonly string[] {
  const graph = new Graph('test');
  const values = operands.map((text, i) => (text === undefined ? undefined : graph.input(`x${i}`, type(text))));
  const node = graph.create(op, values, attrs, { scope: '' });
  const lines: string[] = [];
  const builder: OnnxBuilder = {
    opset,
    target: 'portable',
    has: (opType) => operatorExists(opType, opset),
    node(name, inputs, onnxAttrs) {
      if (!op.onnx.includes(name)) throw new Error(`${op.name} does not declare ${name}`);
      const text = Object.entries(onnxAttrs).map(
        ([key, a]) => `${key}=${a.kind === 'ints' || a.kind === 'floats' ? `[${a.value.join(',')}]` : String(a.value)}`,
      );
      lines.push(`${name}(${inputs.map((i) => i ?? '-').join(' ')})${text.length > 0 ? `{${text.join(' ')}}` : ''}`);
      return `v${lines.length}`;
    },
    nodes: () => {
      throw new Error('no operator of this folder has several results');
    },
    owner: () => {
      throw new Error('no operator of this folder owns sub-graphs');
    },
    foreign: () => {
      throw new Error('no operator of this folder is foreign');
    },
    constant: (tensor) => `const[${tensor.dims.join(',')}]`,
    i64: (list) => `[${list.join(',')}]`,
    scalar: (_, value) => String(value),
    dims: (dims) => `dims[${dims.join(',')}]`,
    transposed: (operand, perm) => `${operand.name}^[${perm.join(',')}]`,
    reshaped: (operand, dims) => `${operand.name}~[${dims.join(',')}]`,
    moved: () => undefined,
    padded: (operand, pads) => `${operand.name}+[${pads.join(',')}]`,
    expanded: (operand, dims) => `${operand.name}>[${dims.join(',')}]`,
    refuse: (why) => {
      throw new Error(why);
    },
  };
  op.lower(
    builder,
    node,
    values.map((value) => value?.name),
  );
  return lines;
}

/** Largest difference, relative to the largest value. */
export function difference(a: HostTensor, b: HostTensor): number {
  if (a.dims.join() !== b.dims.join()) throw new Error(`shapes [${a.dims.join()}] and [${b.dims.join()}]`);
  let most = 1e-30;
  let apart = 0;
  b.data.forEach((value, i) => {
    most = Math.max(most, Math.abs(value));
    const d = Math.abs(value - (a.data[i] ?? 0));
    if (!(d <= apart)) apart = d;
  });
  return apart / most;
}

/** Every index of a row-major tensor, last axis fastest. */
export function* indices(dims: readonly number[]): Generator<readonly number[]> {
  const at = dims.map(() => 0);
  if (dims.some((d) => d === 0)) return;
  for (;;) {
    yield [...at];
    let axis = dims.length - 1;
    for (; axis >= 0; axis--) {
      at[axis] = (at[axis] ?? 0) + 1;
      if ((at[axis] ?? 0) < (dims[axis] ?? 0)) break;
      at[axis] = 0;
    }
    if (axis < 0) return;
  }
}

/** The element at an index, undefined outside. */
export function at(t: HostTensor, index: readonly number[]): number | undefined {
  let place = 0;
  for (let axis = 0; axis < t.dims.length; axis++) {
    const i = index[axis] ?? 0;
    const size = t.dims[axis] ?? 0;
    if (i < 0 || i >= size) return undefined;
    place = place * size + i;
  }
  return t.data[place];
}
