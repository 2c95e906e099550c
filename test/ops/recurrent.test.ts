/**
 * Recurrent layers against the equations of torch.nn's documentation, written out step by step with torch's names and order of
 * gates, and against onnxruntime; files with them, as PyTorch exports them, there and back.
 */
import { describe, expect, it } from 'vitest';
import { emitOnnx } from '../../src/codegen/emit.ts';
import { compile } from '../../src/compile.ts';
import { importOnnx } from '../../src/import/import.ts';
import type { Graph, Value } from '../../src/ir/graph.ts';
import type { HostTensor } from '../../src/ir/types.ts';
import type { OnnxFile } from '../../src/onnx/model.ts';
import { packGates } from '../../src/ops/pack-gates.ts';
import { evaluateGraph } from '../../src/ops/reference.ts';
import { exprOf, materializeSync } from '../../src/tensor/values.ts';
import { fileOf, node, tensor, typed } from '../import/build.ts';
import { relativeError, sampleSource } from './support.ts';

type Matrix = readonly (readonly number[])[];

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, v, i) => sum + v * (b[i] ?? Number.NaN), 0);
const add = (a: readonly number[], b: readonly number[]): number[] => a.map((v, i) => v + (b[i] ?? Number.NaN));
const times = (w: Matrix, x: readonly number[]): number[] => w.map((row) => dot(row, x));

/** Parameters by torch's names. */
type ParameterOf = (name: string) => HostTensor;

const matrix = (x: HostTensor): Matrix => {
  const [rows = 0, columns = 1] = x.dims;
  return Array.from({ length: rows }, (_, i) => [...x.data.subarray(i * columns, (i + 1) * columns)]);
};

interface States {
  readonly h: readonly number[];
  readonly c: readonly number[];
}

/** One step of torch.nn.LSTMCell, GRUCell and RNNCell, as their pages have it. */
type TorchCell = (gates: { readonly ih: readonly number[]; readonly hh: readonly number[] }, before: States) => States;

const part = (v: readonly number[], k: number, n: number): readonly number[] => v.slice(k * n, (k + 1) * n);

const cells: Readonly<Record<string, TorchCell>> = {
  lstm({ ih, hh }, { h, c }) {
    const n = h.length;
    const sum = add(ih, hh);
    const i = part(sum, 0, n).map(sigmoid);
    const f = part(sum, 1, n).map(sigmoid);
    const g = part(sum, 2, n).map(Math.tanh);
    const o = part(sum, 3, n).map(sigmoid);
    const next = c.map((v, j) => (f[j] ?? 0) * v + (i[j] ?? 0) * (g[j] ?? 0));
    return { h: next.map((v, j) => (o[j] ?? 0) * Math.tanh(v)), c: next };
  },
  gru({ ih, hh }, { h, c }) {
    const n = h.length;
    const r = add(part(ih, 0, n), part(hh, 0, n)).map(sigmoid);
    const z = add(part(ih, 1, n), part(hh, 1, n)).map(sigmoid);
    const fresh = part(ih, 2, n).map((v, j) => Math.tanh(v + (r[j] ?? 0) * (part(hh, 2, n)[j] ?? 0)));
    return { h: h.map((v, j) => (1 - (z[j] ?? 0)) * (fresh[j] ?? 0) + (z[j] ?? 0) * v), c };
  },
  rnn: ({ ih, hh }, { c }) => ({ h: add(ih, hh).map(Math.tanh), c }),
  'rnn relu': ({ ih, hh }, { c }) => ({ h: add(ih, hh).map((v) => Math.max(0, v)), c }),
};

interface Shape {
  readonly kind: string;
  readonly hidden: number;
  readonly layers: number;
  readonly bidirectional: boolean;
  readonly bias: boolean;
  readonly lengths?: readonly number[] | undefined;
}

/** Of one sequence [time][features]: the result, and the last states of every layer and direction. */
function torch(shape: Shape, x: Matrix, parameter: ParameterOf, first: readonly States[], length: number) {
  const cell = cells[shape.kind] ?? expect.unreachable();
  const last: States[] = [];
  let at = x;
  for (let layer = 0; layer < shape.layers; layer++) {
    const sides = (shape.bidirectional ? ['', '_reverse'] : ['']).map((side, d) => {
      const [ih, hh] = ['weight_ih', 'weight_hh'].map((name) => matrix(parameter(`${name}_l${layer}${side}`)));
      const [bih, bhh] = ['bias_ih', 'bias_hh'].map((name) =>
        shape.bias ? [...parameter(`${name}_l${layer}${side}`).data] : new Array(ih?.length ?? 0).fill(0),
      );
      let state = first[last.length] ?? expect.unreachable();
      const out: (readonly number[])[] = at.map(() => new Array(shape.hidden).fill(0));
      for (let step = 0; step < length; step++) {
        const t = d === 0 ? step : length - 1 - step;
        const gates = { ih: add(times(ih ?? [], at[t] ?? []), bih ?? []), hh: add(times(hh ?? [], state.h), bhh ?? []) };
        state = cell(gates, state);
        out[t] = state.h;
      }
      last.push(state);
      return out;
    });
    at = at.map((_, t) => sides.flatMap((out) => out[t] ?? []));
  }
  return { y: at, last };
}

function numbersOf(value: Value): HostTensor {
  return materializeSync(exprOf(value)) ?? expect.unreachable();
}

function parametersOf(graph: Graph): ReadonlyMap<string, HostTensor> {
  const out = new Map<string, HostTensor>();
  for (const one of graph.nodes())
    for (const operand of one.operands) if (operand?.content && operand.name) out.set(operand.name, numbersOf(operand));
  return out;
}

const shapes: readonly Shape[] = Object.keys(cells).flatMap((kind) =>
  [false, true].flatMap((bidirectional) => [
    { kind, hidden: 3, layers: 1, bidirectional, bias: true },
    { kind, hidden: 2, layers: 3, bidirectional, bias: kind !== 'gru', lengths: [4, 2, 1] },
  ]),
);

async function graphOf(text: string): Promise<{ readonly source: Graph; readonly optimised: Graph }> {
  const { graph, unoptimized, diagnostics } = await compile({ name: 'r.res', text }, { keepUnoptimized: true, verifyIr: true });
  expect(diagnostics).toEqual([]);
  return { source: unoptimized ?? expect.unreachable(), optimised: graph ?? expect.unreachable() };
}

describe('torch.nn', () => {
  it.each(shapes)('$kind hidden=$hidden layers=$layers bidirectional=$bidirectional lengths=$lengths', async (shape) => {
    const { kind, hidden, layers, bidirectional, bias, lengths } = shape;
    const [op = '', nonlinearity = 'tanh'] = kind.split(' ');
    const directions = bidirectional ? 2 : 1;
    const [batch, time, features] = [3, 4, 5];
    const states = `f32[${layers * directions}, N, ${hidden}]`;
    const own = op === 'lstm' ? ['h', 'c'] : ['h'];
    const { source, optimised } = await graphOf(`model M {
      input x: f32[N, T, ${features}]
      ${own.map((name) => `input first.${name}: ${states} as ${name}0`).join('\n')}
      input lengths: i32[N]
      x
      let it, ${own.map((name) => `${name}1`).join(', ')} = net: ${op}(${hidden}, ${layers}, bidirectional=${bidirectional}, bias=${bias},
        ${own.map((name) => `${name}=${name}0`).join(', ')}${lengths ? ', lengths=lengths' : ''}${op === 'rnn' ? `, nonlinearity="${nonlinearity}"` : ''})
      output y
      ${own.map((name) => `output ${name} = ${name}1`).join('\n')}
    }`);
    const random = sampleSource(hidden + layers);
    const x = random.tensor([batch, time, features]);
    const first = own.map(() => random.tensor([layers * directions, batch, hidden]));
    const counts: HostTensor = { elem: 'i32', dims: [batch], data: Float64Array.from(lengths ?? [0, 0, 0]) };
    const inputs = new Map([['x', x], ['lengths', counts], ...own.map((name, i) => [`first.${name}`, first[i] ?? x] as const)]);
    const parameters = parametersOf(source);
    const parameter: ParameterOf = (name) => parameters.get(`net.${name}`) ?? expect.unreachable(`no ${name}`);
    const expected = Array.from({ length: batch }, (_, n) => {
      const sequence = matrix({
        ...x,
        dims: [time, features],
        data: x.data.subarray(n * time * features, (n + 1) * time * features),
      });
      const begin = Array.from({ length: layers * directions }, (__, k) => {
        const at = (k * batch + n) * hidden;
        const [h, c] = [first[0], first[1]].map((state) => [...(state?.data.subarray(at, at + hidden) ?? [])]);
        return { h: h ?? [], c: c ?? [] };
      });
      return torch(shape, sequence, parameter, begin, lengths?.[n] ?? time);
    });
    const y = expected.flatMap((one) => one.y.flat());
    const lastOf = (name: 'h' | 'c'): readonly number[] =>
      Array.from({ length: layers * directions }, (_, k) => expected.flatMap((one) => one.last[k]?.[name] ?? [])).flat();
    for (const graph of [source, optimised]) {
      const found = evaluateGraph(graph, inputs, numbersOf);
      expect(found.get('y')?.dims).toEqual([batch, time, directions * hidden]);
      expect(relativeError(found.get('y')?.data ?? [], y)).toBeLessThan(1e-12);
      for (const name of own as readonly ('h' | 'c')[]) {
        expect(found.get(name)?.dims).toEqual([layers * directions, batch, hidden]);
        expect(relativeError(found.get(name)?.data ?? [], lastOf(name))).toBeLessThan(1e-12);
      }
    }
  });

  it('names parameters as torch does, uniform within 1 / √hidden', async () => {
    const { source, optimised } = await graphOf(`model M {
      input x: f32[N, T, 5]
      let it, h = net: gru(4, layers=2, bidirectional=true)
      output y
    }`);
    const parameters = parametersOf(source);
    const names = [0, 1].flatMap((layer) =>
      ['', '_reverse'].flatMap((side) =>
        ['weight_ih', 'weight_hh', 'bias_ih', 'bias_hh'].map((kind) => `net.${kind}_l${layer}${side}`),
      ),
    );
    expect([...parameters.keys()].sort()).toEqual(names.sort());
    expect(parameters.get('net.weight_ih_l1')?.dims).toEqual([12, 8]);
    const all = [...parameters.values()].flatMap(({ data }) => [...data]);
    expect(Math.max(...all)).toBeLessThanOrEqual(0.5);
    expect(Math.min(...all)).toBeGreaterThanOrEqual(-0.5);
    expect(Math.max(...all)).toBeGreaterThan(0.45);
    expect(Math.min(...all)).toBeLessThan(-0.45);
    // Without passes and with them the file has constants alone in front of the layers.
    const nodes = ['Transpose', 'GRU', 'Transpose', 'Reshape', 'GRU', 'Transpose', 'Reshape'];
    const types = (graph: Graph): readonly string[] => emitOnnx(graph).graph.nodes.map((one) => one.opType);
    expect(types(source)).toEqual([...nodes, 'Concat']);
    expect(types(optimised)).toEqual(nodes);
  });

  it('leaves results out that nobody reads', async () => {
    const { optimised } = await graphOf(`model M {
      input x: f32[N, T, 5]
      let y, h, c = lstm(4)
      output h = h
    }`);
    const [lstm] = emitOnnx(optimised).graph.nodes.filter((one) => one.opType === 'LSTM');
    expect(lstm?.outputs).toEqual(['', 'h']);
  });
});

/** What torch.onnx.export writes of an LSTM(5, 3, batch_first=True) that is given no states. */
function exported(
  opset: number,
  attributes: Parameters<typeof node>[2],
  weights: readonly ReturnType<typeof tensor>[],
  operands: string,
): OnnxFile {
  return fileOf(
    {
      inputs: { x: typed('f32', ['N', 'T', 5]) },
      outputs: ['out', 'h', 'c'],
      initializers: [
        ...weights,
        tensor('zero', 'i64', [1], [0]),
        tensor('one', 'i64', [1], [1]),
        tensor('rest', 'i64', [1], [3]),
      ],
    },
    [
      node('Shape', 'x -> shape'),
      node('Gather', 'shape, zero -> n', { axis: 0 }),
      node('Concat', 'one, n, rest -> state', { axis: 0 }),
      node('ConstantOfShape', 'state -> h0'),
      node('Transpose', 'turn: x -> steps', { perm: [1, 0, 2] }),
      node('LSTM', `rnn: steps, ${operands} -> y, h, c`, attributes),
      node('Squeeze', 'flat: y, one -> flat'),
      node('Transpose', 'back: flat -> out', { perm: [1, 0, 2] }),
    ],
    opset,
  );
}
describe('files', () => {
  const weights = [
    tensor('W', 'f32', [1, 12, 5]),
    tensor('R', 'f32', [1, 12, 3]),
    tensor('B', 'f32', [1, 24]),
    tensor('P', 'f32', [1, 9]),
    tensor('L', 'i32', [1], [2]),
  ];
  it.each([
    ['as torch writes it', { hidden_size: 3 }, 'W, R, B,, h0, h0'],
    ['without biases', { hidden_size: 3 }, 'W, R,,, h0, h0'],
    ['without states', {}, 'W, R, B'],
    ['with peepholes', { hidden_size: 3, input_forget: 1 }, 'W, R, B,,,, P'],
    ['from behind, bounded', { hidden_size: 3, direction: 'reverse', clip: { float: 2 } }, 'W, R, B'],
  ])('%s: the same node comes back', (_, attributes, operands) => {
    for (const opset of [13, 17, 22]) {
      const file = exported(opset, attributes, weights, operands);
      const { graph, foreign } = importOnnx(file);
      expect(foreign).toEqual([]);
      const [lstm] = [...graph.nodes()].filter((one) => one.op.name === 'lstm');
      expect(lstm?.y.type.dims.map(String)).toEqual(['T', '1', 'N', '3']);
      const written = emitOnnx(graph, { opset }).graph.nodes.find((one) => one.opType === 'LSTM');
      const source = file.graph.nodes.find((one) => one.opType === 'LSTM');
      expect(written?.name).toBe('rnn');
      expect(written?.inputs.map((name) => name !== '')).toEqual(source?.inputs.map((name) => name !== ''));
      expect(
        written?.attributes
          .filter((one) => one.name !== 'hidden_size')
          .map((one) => one.name)
          .sort(),
      ).toEqual(
        Object.keys(attributes)
          .filter((name) => name !== 'hidden_size')
          .sort(),
      );
    }
  });

  it.each([
    ['the batch first', { hidden_size: 3, layout: 1 }, 'W, R, B'],
    ['a bound of 0', { hidden_size: 3, clip: { float: 0 } }, 'W, R, B'],
    ['another hidden size', { hidden_size: 4 }, 'W, R, B'],
    ['an unknown direction', { hidden_size: 3, direction: 'sideways' }, 'W, R, B'],
  ])('%s stays foreign', (_, attributes, operands) => {
    const { foreign } = importOnnx(exported(17, attributes, weights, operands));
    expect(foreign.length).toBeGreaterThan(0);
  });
});

describe('packed gates', () => {
  it('are blocks in another order, biases behind each other, directions stacked', () => {
    const vector = (...data: readonly number[]): HostTensor => ({ elem: 'f32', dims: [4], data: Float64Array.from(data) });
    const xs = [vector(1, 2, 3, 4), vector(5, 6, 7, 8), vector(11, 12, 13, 14), vector(15, 16, 17, 18)];
    const [y] = packGates.evaluate(xs, { order: [1, 0], directions: 2 });
    expect(y?.dims).toEqual([2, 8]);
    expect([...(y?.data ?? [])]).toEqual([3, 4, 1, 2, 7, 8, 5, 6, 13, 14, 11, 12, 17, 18, 15, 16]);
  });
});
