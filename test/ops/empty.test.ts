/**
 * Tensors without elements through every operator of the registry: each size of its samples, wherever it stands, and each axis
 * alone is a symbol that may be 0, and is 0. The float64 reference has the shapes that the rule says, and onnxruntime the same
 * shapes and numbers; where it has not, that is listed here with what it says or does. What has no meaning over nothing
 * (`Operator.needs`, an index into nothing) is refused by name.
 */
import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { emitOnnx } from '../../src/codegen/emit.ts';
import { Dim } from '../../src/ir/dim.ts';
import { Graph, type Node } from '../../src/ir/graph.ts';
import { type AttrValue, CheckFailure, type Operator, type Sample } from '../../src/ir/operator.ts';
import { noPromise } from '../../src/ir/promise.ts';
import { elementCount, type HostTensor, isFloat } from '../../src/ir/types.ts';
import { onnxBytes } from '../../src/onnx/write.ts';
import { EvaluationError, evaluateGraph } from '../../src/ops/reference.ts';
import { operators } from '../../src/ops/registry.ts';
import { feed, ortTypes } from './feed.ts';
import { relativeError, sampleSource } from './support.ts';

const samples = 8;

interface EmptyCase {
  readonly graph: Graph;
  readonly node: Node;
  readonly inputs: ReadonlyMap<string, HostTensor>;
}

/** A size of the sample by its number and place; of an attribute without a place. */
type Chosen = (size: number, operand?: number, axis?: number) => boolean;

/**
 * The graph of one node whose chosen sizes may be 0, and its inputs where they are; undefined where the shape rule refuses it.
 */
function emptied(operator: Operator, sample: Sample, isChosen: Chosen): EmptyCase | undefined {
  const graph = new Graph('sample');
  const inputs = new Map<string, HostTensor>();
  const mayBeNone = (size: number): Dim => Dim.promised(`S${size}`, { ...noPromise, least: 0 });
  const operands = sample.operands.map((tensor, i) => {
    if (!tensor) return undefined;
    const { elem } = tensor;
    const dims = tensor.dims.map((size, axis) => (isChosen(size, i, axis) ? 0 : size));
    inputs.set(`x${i}`, { elem, dims, data: elementCount(dims) === 0 ? new Float64Array(0) : tensor.data });
    const type = tensor.dims.map((size, axis) => (isChosen(size, i, axis) ? mayBeNone(size) : Dim.of(size)));
    return graph.input(`x${i}`, { elem, dims: type });
  });
  const attrs: Record<string, AttrValue> = {};
  for (const [name, value] of Object.entries(sample.attrs)) {
    const list = operator.attrs[name]?.kind === 'dims' && typeof value === 'object' ? value : undefined;
    attrs[name] = !list
      ? value
      : list.map((d: number | Dim) => {
          const size = typeof d === 'number' ? d : (d.constant ?? 0);
          return isChosen(size) ? mayBeNone(size) : Dim.of(size);
        });
  }
  try {
    const node = graph.create(operator, operands, attrs, { scope: operator.name });
    for (const [i, y] of node.results.entries()) graph.output(`y${i}`, y);
    // A symbol of an attribute alone has no value.
    const told = new Set(graph.inputs.flatMap(({ type }) => type.dims.flatMap((d) => d.symbols())));
    const asked = [...node.results.map(({ type }) => type.dims), ...Object.values(attrs)].flatMap((list) =>
      Array.isArray(list) ? list.flatMap((d: unknown) => (d instanceof Dim ? d.symbols() : [])) : [],
    );
    return asked.every((name) => told.has(name) || name.startsWith('?')) ? { graph, node, inputs } : undefined;
  } catch (error) {
    if (error instanceof CheckFailure) return undefined;
    throw error;
  }
}

/** Each size wherever it stands, and each axis of an operand alone. */
function waysOf({ operands }: Sample): readonly Chosen[] {
  const sizes = new Set(operands.flatMap((tensor) => [...(tensor?.dims ?? [])]));
  const axes = operands.flatMap((tensor, i) => (tensor?.dims ?? []).map((_, axis) => [i, axis] as const));
  return [
    ...[...sizes].map(
      (chosen): Chosen =>
        (size) =>
          size === chosen,
    ),
    ...axes.map(
      ([i, at]): Chosen =>
        (_, operand, axis) =>
          operand === i && axis === at,
    ),
  ];
}

function emptyCases(operator: Operator): readonly EmptyCase[] {
  return Array.from({ length: samples }, (_, i) => operator.sample(sampleSource((i + 1) * 77))).flatMap((sample) =>
    waysOf(sample).flatMap((way) => emptied(operator, sample, way) ?? []),
  );
}

const zero = (dim: Dim): number => dim.evaluate(new Map(dim.symbols().map((name) => [name, 0]))) ?? 0;

/** Whether a size is 0 that the operator needs. */
const isUndefined = ({ node }: EmptyCase): boolean => (node.op.needs?.(node) ?? []).some((dim) => zero(dim) < 1);

/** Sizes by which a window does not fit, or a cut would leave less than nothing. */
const hasNoShape = ({ node }: EmptyCase): boolean => node.results.some((y) => y.type.dims.some((d) => zero(d) < 0));

const noConstants = (): never => expect.unreachable('a sample has no constants');

/** What the reference refuses, beside what `needs` says: numbers that mean nothing where there are no elements. */
const refused: Readonly<Record<string, RegExp>> = {
  gather: /found index -?\d+, expected an index/,
  gather_elements: /found index -?\d+, expected an index/,
  gather_nd: /found index -?\d+, expected an index/,
  scatter_elements: /found index -?\d+, expected an index/,
  scatter_nd: /found index -?\d+, expected an index/,
  roi_align: /found index -?\d+, expected an index/,
};

const isEmptyBut = (axes: (node: Node) => readonly number[]) => (one: EmptyCase) =>
  one.node.x.type.dims.some((d, i) => zero(d) === 0 && !axes(one.node).includes(i));

/**
 * What onnxruntime 1.30 does not survive on the CPU: it ends the process, or never comes back. Not run.
 */
const deadly: Readonly<Record<string, { readonly how: string; readonly when: (one: EmptyCase) => boolean }>> = {
  lstm: {
    how: 'SIGABRT without a batch, numbers of nowhere without steps',
    when: ({ node }) => node.x.type.dims.some((d) => zero(d) === 0),
  },
  gru: {
    how: 'SIGABRT without a batch, numbers of nowhere without steps',
    when: ({ node }) => node.x.type.dims.some((d) => zero(d) === 0),
  },
  rnn: {
    how: 'SIGABRT without a batch, numbers of nowhere without steps',
    when: ({ node }) => node.x.type.dims.some((d) => zero(d) === 0),
  },
  topk: { how: 'SIGFPE', when: isEmptyBut(({ attrs }) => [Number(attrs.axis)]) },
  unique: { how: 'SIGABRT', when: ({ node }) => String(node.attrs.axis) !== '' && node.x.type.dims.some((d) => zero(d) === 0) },
};

/** What onnxruntime 1.30 refuses, though there is an answer. */
const refusals: Readonly<Record<string, RegExp>> = {
  matmul: /(left|right) operand cannot broadcast on dim \d/,
  scatter_nd: /indices must be empty when an indexed data dimension has size 0/,
  adaptive_avgpool: /right operand cannot broadcast on dim \d/,
};

/** Where it gives other numbers. */
const otherNumbers: Readonly<Record<string, string>> = {
  gemm: 'of a product over nothing it leaves out beta: the result is c, not beta·c',
};

async function outputsOf({ graph, inputs }: EmptyCase, opset: number): Promise<ort.InferenceSession.ReturnType> {
  const session = await ort.InferenceSession.create(await onnxBytes(emitOnnx(graph, { opset })), {
    graphOptimizationLevel: 'disabled',
    intraOpNumThreads: 1,
    logSeverityLevel: 4,
  });
  try {
    return await session.run(Object.fromEntries([...inputs].map(([name, x]) => [name, feed(x)])));
  } finally {
    await session.release();
  }
}

function same(expected: ReadonlyMap<string, HostTensor>, made: ort.InferenceSession.ReturnType): boolean {
  for (const [name, y] of expected) {
    const actual = made[name] ?? expect.unreachable(name);
    expect([actual.type, actual.dims]).toEqual([ortTypes[y.elem], y.dims]);
    const numbers = Array.from(actual.data as Iterable<number | bigint | boolean>, Number);
    const fits = isFloat(y.elem) ? relativeError(numbers, y.data) <= 1e-5 : numbers.join() === [...y.data].join();
    if (!fits) return false;
  }
  return true;
}

const seen = new Set<string>();

describe.each(operators.map((operator) => [operator.name, operator] as const))('%s', (name, operator) => {
  it('takes tensors without elements, in the reference and in onnxruntime', { timeout: 60_000 }, async () => {
    for (const one of emptyCases(operator)) {
      if (hasNoShape(one)) continue;
      const run = (): ReadonlyMap<string, HostTensor> => evaluateGraph(one.graph, one.inputs, noConstants);
      if (isUndefined(one)) {
        expect(run).toThrow(/expected at least 1/);
        continue;
      }
      let expected: ReadonlyMap<string, HostTensor>;
      try {
        expected = run();
      } catch (error) {
        expect(error).toBeInstanceOf(EvaluationError);
        expect(String(error)).toMatch(refused[name] ?? /nothing else is refused/);
        seen.add(`refused ${name}`);
        continue;
      }
      for (const y of expected.values()) expect(y.data.length).toBe(elementCount(y.dims));
      if (deadly[name]?.when(one)) {
        seen.add(`deadly ${name}`);
        continue;
      }
      for (const opset of [14, 21]) {
        if (opset < (operator.since?.(one.node) ?? 0) || opset > (operator.until ?? opset)) continue;
        try {
          const fits = same(expected, await outputsOf(one, opset));
          if (!fits)
            expect(
              otherNumbers[name],
              `${name} of ${[...one.inputs.values()].map((x) => `[${x.dims}]`).join(' ')}`,
            ).toBeDefined();
          if (!fits) seen.add(`numbers ${name}`);
        } catch (error) {
          if (!refusals[name]?.test(String(error))) throw error;
          seen.add(`refusal ${name}`);
        }
      }
    }
  });
});

it('lists nothing that does not happen', () => {
  const listed = [
    ...Object.keys(refused).map((name) => `refused ${name}`),
    ...Object.keys(deadly).map((name) => `deadly ${name}`),
    ...Object.keys(refusals).map((name) => `refusal ${name}`),
    ...Object.keys(otherNumbers).map((name) => `numbers ${name}`),
  ];
  expect(listed.filter((line) => !seen.has(line))).toEqual([]);
});
