/**
 * What nodes ask of the sizes and ranks that they read narrows a graph only where they run every time: files whose bodies (of If,
 * Loop and Scan) ask for more than the graph around them, against onnxruntime at sizes at which these bodies do not run.
 */

import type proto from 'onnx-proto';
import * as ort from 'onnxruntime-node';
import { describe, expect, it, vi } from 'vitest';
import { optimizeOnnx } from '../../src/optimize.ts';
import { same } from '../optimize/same.ts';
import { feed, floats, longs, modelBytes, node, type Parts, value } from './onnx-bytes.ts';

vi.setConfig({ testTimeout: 120_000 });

type Body = proto.onnx.IGraphProto;
type Types = Readonly<Record<string, readonly [type: number, dims?: readonly (number | string)[]]>>;

const values = (types: Types) => Object.entries(types).map(([name, [type, dims]]) => value(name, type, dims));

/** `tensors` are integers where a list is given and floats otherwise. */
function graph(
  inputs: Types,
  outputs: Types,
  nodes: readonly proto.onnx.INodeProto[],
  tensors: readonly proto.onnx.ITensorProto[] = [],
): Body {
  return { name: 'g', input: values(inputs), output: values(outputs), node: [...nodes], initializer: [...tensors] };
}

const [f32, i64, bool] = [1, 7, 9];
const one = longs('one', [], [1]);
const axis0 = longs('axis0', [1], [0]);
const axis1 = longs('axis1', [1], [1]);
const yes: proto.onnx.ITensorProto = { name: 'yes', dataType: bool, dims: [], rawData: Uint8Array.of(1) };
const ramp = (n: number) => Array.from({ length: n }, (_, i) => ((i * 5) % 7) / 4 - 0.5);
const long = (n: number): ort.Tensor => new ort.Tensor('int64', [BigInt(n)], []);
const flag = (b: boolean): ort.Tensor => new ort.Tensor('bool', [b], []);

/** `y = If(x.shape[1] == 1) { Squeeze(x, 1) } else { x }`, as torch exports squeeze(1). */
const squeezeIf = (x: string, y: string, name = ''): proto.onnx.INodeProto[] => [
  node('Shape', `${x} -> ${y}_shape`),
  node('Gather', `${y}_shape, one -> ${y}_size`),
  node('Equal', `${y}_size, one -> ${y}_is`),
  node('If', `${name}${y}_is -> ${y}`, {
    then_branch: { graph: graph({}, { [`${y}_t`]: [f32] }, [node('Squeeze', `${x}, axis1 -> ${y}_t`)]) },
    else_branch: { graph: graph({}, { [`${y}_e`]: [f32] }, [node('Identity', `${x} -> ${y}_e`)]) },
  }),
];

describe('a body speaks for its own values alone', () => {
  it('squeezes an input in one branch', async () => {
    const x: Types = { x: [f32, ['N', 'M', 4]] };
    await same({ graph: graph(x, { y: [f32] }, squeezeIf('x', 'y'), [one, axis1]) }, [
      { x: feed([2, 3, 4]) },
      { x: feed([2, 1, 4]) },
    ]);
  });

  it('squeezes an input without names of sizes, and what follows of it', async () => {
    const nodes = [node('Relu', 'x -> r'), node('Transpose', 'r -> t', { perm: [0, 2, 1] }), ...squeezeIf('t', 'y')];
    await same({ graph: graph({ x: [f32, ['', '', '']] }, { y: [f32] }, nodes, [one, axis1]) }, [
      { x: feed([3, 4, 2]) },
      { x: feed([3, 4, 1]) },
    ]);
  });

  it('squeezes what only the run knows', async () => {
    const nodes = [
      node('NonZero', 'x -> nz'),
      node('Transpose', 'nz -> t', { perm: [1, 0] }),
      node('Cast', 't -> tf', { to: f32 }),
      node('Shape', 'tf -> sh'),
      node('Gather', 'sh, zero -> d'),
      node('Equal', 'd, one -> c'),
      node('If', 'c -> u', {
        then_branch: { graph: graph({}, { s: [f32] }, [node('Squeeze', 'tf, axis0 -> s')]) },
        else_branch: { graph: graph({}, { e: [f32] }, [node('Identity', 'tf -> e')]) },
      }),
      node('ReduceSum', 'u -> y', { keepdims: 0 }),
    ];
    const some = (...data: number[]): ort.Tensor => new ort.Tensor('float32', data, [data.length]);
    await same({ graph: graph({ x: [f32, ['N']] }, { y: [f32] }, nodes, [one, axis0, longs('zero', [], [0])]) }, [
      { x: some(1, 1, 0, 1) },
      { x: some(0, 1) },
      { x: some(0, 0, 0) },
    ]);
  });

  it('multiplies in a Loop of no steps', async () => {
    const body = graph(
      { i: [i64, []], c: [bool, []], a: [f32, []] },
      { co: [bool, []], ao: [f32, []] },
      [
        node('MatMul', 'x, w -> m'),
        node('ReduceSum', 'm -> r', { keepdims: 0 }),
        node('Add', 'a, r -> ao'),
        node('Identity', 'c -> co'),
      ],
      [floats('w', [4, 2], ramp(8))],
    );
    const nodes = [node('Loop', 'n,, a0 -> y', { body: { graph: body } })];
    const inputs: Types = { x: [f32, ['N', 'K']], n: [i64, []] };
    await same({ graph: graph(inputs, { y: [f32, []] }, nodes, [floats('a0', [], [0])]) }, [
      { x: feed([2, 3]), n: long(0) },
      { x: feed([2, 4]), n: long(2) },
    ]);
  });

  it('asks for another rank in each branch', async () => {
    const nodes = [
      node('If', 'c -> y', {
        then_branch: { graph: graph({}, { t: [f32] }, [node('MaxPool', 'x -> t', { kernel_shape: [2, 2] })]) },
        else_branch: { graph: graph({}, { e: [f32] }, [node('Conv', 'x, w -> e')], [floats('w', [2, 3, 1], ramp(6))]) },
      }),
    ];
    await same({ graph: graph({ x: [f32], c: [bool, []] }, { y: [f32] }, nodes) }, [
      { x: feed([1, 2, 4, 4]), c: flag(true) },
      { x: feed([1, 3, 5]), c: flag(false) },
    ]);
  });

  it('asks in an If that lies in a Loop', async () => {
    const body = graph(
      { i: [i64, []], go: [bool, []], s: [f32] },
      { go_on: [bool, []], t: [f32] },
      [
        node('Add', 's, half -> s2'),
        node('If', 'c -> t', {
          then_branch: {
            graph: graph({}, { a: [f32] }, [node('MatMul', 's2, w -> a')], [floats('w', [4, 4], ramp(16))]),
          },
          else_branch: { graph: graph({}, { b: [f32] }, [node('Concat', 's2, s2 -> b', { axis: 1 })]) },
        }),
        node('Identity', 'go -> go_on'),
      ],
      [floats('half', [], [0.5])],
    );
    const nodes = [node('Loop', 'n,, x -> y', { body: { graph: body } })];
    const inputs: Types = { x: [f32, ['N', 'K']], n: [i64, []], c: [bool, []] };
    await same({ graph: graph(inputs, { y: [f32] }, nodes) }, [
      { x: feed([2, 3]), n: long(2), c: flag(false) },
      { x: feed([2, 4]), n: long(2), c: flag(true) },
      { x: feed([2, 5]), n: long(0), c: flag(true) },
    ]);
  });

  it('asks of what it carries from step to step', async () => {
    // The first step is given two axes and hands on a row, of which the second asks.
    const body = graph(
      { i: [i64, []], go: [bool, []], s: [f32] },
      { go_on: [bool, []], t: [f32] },
      [node('MatMul', 's, w -> m'), node('Identity', 'm -> t'), node('Identity', 'go -> go_on')],
      [floats('w', [4, 4], ramp(16))],
    );
    const nodes = [node('Loop', 'n,, x -> y', { body: { graph: body } })];
    await same({ graph: graph({ x: [f32, ['N', 'K']], n: [i64, []] }, { y: [f32] }, nodes) }, [
      { x: feed([2, 3]), n: long(0) },
      { x: feed([2, 4]), n: long(3) },
    ]);
  });

  it('scans rows of what it asks for', async () => {
    const body = graph({ row: [f32, ['K']] }, { z: [f32] }, [
      node('If', 'c -> z', {
        then_branch: { graph: graph({}, { a: [f32] }, [node('MatMul', 'row, w -> a')], [floats('w', [4, 2], ramp(8))]) },
        else_branch: { graph: graph({}, { b: [f32] }, [node('Relu', 'row -> b')]) },
      }),
    ]);
    const nodes = [node('Scan', 'x -> y', { num_scan_inputs: 1, body: { graph: body } })];
    await same({ graph: graph({ x: [f32, ['T', 'K']], c: [bool, []] }, { y: [f32] }, nodes) }, [
      { x: feed([3, 5]), c: flag(false) },
      { x: feed([3, 4]), c: flag(true) },
    ]);
  });

  it('is a call of a function that holds the If', async () => {
    const f: proto.onnx.IFunctionProto = {
      name: 'MaybeSqueeze',
      domain: 'local',
      input: ['a'],
      output: ['b'],
      opsetImport: [{ domain: '', version: 17 }],
      node: [
        node('Constant', '-> one', { value: { tensor: longs('', [], [1]) } }),
        node('Constant', '-> axis1', { value: { tensor: longs('', [1], [1]) } }),
        ...squeezeIf('a', 'b'),
      ],
    };
    const nodes = [node('local::MaybeSqueeze', 'x -> y')];
    const parts = { graph: graph({ x: [f32, ['N', 'M', 4]] }, { y: [f32] }, nodes), functions: [f], opsets: { local: 1 } };
    await same(parts, [{ x: feed([2, 3, 4]) }, { x: feed([2, 1, 4]) }]);
  });

  it('is named as the result of another, with values that are named alike', async () => {
    const branch = (squeezes: boolean) =>
      graph({}, { o: [f32] }, [
        node('NonZero', 'x -> nz'),
        node('Cast', 'nz -> u', { to: f32 }),
        squeezes ? node('Squeeze', 'u, axis1 -> v') : node('Relu', 'u -> v'),
        node('ReduceSum', 'v -> o', { keepdims: 0 }),
      ]);
    const both = (name: string, c: string, y: string, squeezes: boolean) =>
      node('If', `${name}${c} -> ${y}`, { then_branch: { graph: branch(squeezes) }, else_branch: { graph: branch(false) } });
    const nodes = [both('z:', 'c', 'y', true), both('', 'd', 'z', false)];
    const inputs: Types = { x: [f32, ['N']], c: [bool, []], d: [bool, []] };
    await same({ graph: graph(inputs, { y: [f32], z: [f32] }, nodes, [axis1]) }, [
      { x: feed([3]), c: flag(false), d: flag(true) },
      { x: feed([1]), c: flag(true), d: flag(false) },
    ]);
  });

  it('may narrow values of that body', async () => {
    const then = graph(
      {},
      { o: [f32] },
      [
        // A condition that is shorter than the axis, so that nothing says how much it keeps.
        node('Unsqueeze', 'c, axis0 -> short'),
        node('Compress', 'x, short -> u', { axis: 0 }),
        node('Squeeze', 'u, axis0 -> v'),
        node('Relu', 'v -> o'),
      ],
      [longs('axis0', [1], [0])],
    );
    const nodes = [
      node('If', 'c -> y', {
        then_branch: { graph: then },
        else_branch: { graph: graph({}, { e: [f32] }, [node('Neg', 'x -> e')]) },
      }),
    ];
    const parts = { graph: graph({ x: [f32, ['N']], c: [bool, []] }, { y: [f32] }, nodes) };
    await same(parts, [
      { x: feed([1]), c: flag(true) },
      { x: feed([3]), c: flag(false) },
    ]);
    const made = await optimizeOnnx(modelBytes(parts), { level: 0 });
    const [owner] = [...(made.graph?.nodes() ?? [])];
    const inner = [...(owner?.regions ?? [])].flatMap((region) => [...region.nodes()].map((n) => n.op.name));
    expect(inner).toContain('squeeze');
  });
});

describe('what a body made', () => {
  it('is nothing in a Loop of no steps, whatever the body says of its sizes', async () => {
    const body = graph(
      { i: [i64, []], go: [bool, []] },
      { go_on: [bool, []], row: [f32] },
      [node('Squeeze', 'x, axis1 -> row'), node('Identity', 'go -> go_on')],
      [axis1],
    );
    const nodes = [node('Loop', 'n, yes -> rows', { body: { graph: body } }), node('Shape', 'rows -> y')];
    await same({ graph: graph({ x: [f32, ['N', 'M']], n: [i64, []] }, { y: [i64] }, nodes, [yes]) }, [
      { x: feed([4, 3]), n: long(0) },
      { x: feed([4, 1]), n: long(2) },
    ]);
  });

  it('has the numbers that the body says, of no steps as well, and its other sizes where it certainly ran', async () => {
    const body = graph(
      { i: [i64, []], go: [bool, []] },
      { go_on: [bool, []], row: [f32] },
      [node('MatMul', 'x, w -> row'), node('Identity', 'go -> go_on')],
      [floats('w', [3, 2], ramp(6))],
    );
    const loop = (n: string) => [node('Loop', `${n}, yes -> rows`, { body: { graph: body } }), node('Relu', 'rows -> y')];
    const parts = (n: string): Parts => ({
      graph: graph({ x: [f32, [4, 3]], n: [i64, []] }, { y: [f32] }, loop(n), [longs('two', [], [2]), yes]),
    });
    const typeOf = async (n: string) => {
      const made = await optimizeOnnx(modelBytes(parts(n)), { level: 0 });
      const [rows] = [...(made.graph?.nodes() ?? [])].filter((one) => one.op.name === 'loop');
      return rows?.results[0]?.type.dims.map((d) => d.constant ?? '?').join();
    };
    expect(await typeOf('n')).toBe('?,4,2');
    expect(await typeOf('two')).toBe('2,4,2');
    await same(parts('n'), [
      { x: feed([4, 3]), n: long(0) },
      { x: feed([4, 3]), n: long(2) },
    ]);
  });
});

describe('a node that runs every time', () => {
  const inputs: Types = { x: [f32, ['N', 'M', '', 4]] };

  it('narrows an input, and is named for it', async () => {
    const nodes = [node('Squeeze', 'sq:x, axes -> y')];
    const parts = { graph: graph(inputs, { y: [f32] }, nodes, [longs('axes', [2], [1, 2])]) };
    await same(parts, [{ x: feed([3, 1, 1, 4]) }], ['x N,1,1,4']);
    const { report } = await optimizeOnnx(modelBytes(parts));
    expect(report?.narrowed).toEqual([
      { name: 'x', before: ['N', 'M', undefined, 4], after: ['N', 1, 1, 4], by: ['Squeeze "sq"'] },
    ]);
  });

  it('is one in the branch that a known condition takes', async () => {
    const nodes = [
      node('If', 'yes -> y', {
        then_branch: { graph: graph({}, { t: [f32] }, [node('Squeeze', 'x, axis1 -> t')]) },
        else_branch: { graph: graph({}, { e: [f32] }, [node('Squeeze', 'x, axis2 -> e')]) },
      }),
    ];
    await same(
      { graph: graph(inputs, { y: [f32] }, nodes, [yes, axis1, longs('axis2', [1], [2])]) },
      [{ x: feed([3, 1, 2, 4]) }],
      ['x N,1,?,4'],
    );
  });

  it('is none whose result nobody wants', async () => {
    const nodes = [node('Squeeze', 'x, axis1 -> dead'), node('Relu', 'x -> y')];
    const { report } = await optimizeOnnx(modelBytes({ graph: graph(inputs, { y: [f32] }, nodes, [axis1]) }));
    expect(report?.narrowed).toEqual([]);
  });

  it('does not narrow what it broadcasts', async () => {
    const nodes = [node('LayerNormalization', 'x, s -> y')];
    await same({ graph: graph({ x: [f32, ['N', 'K']] }, { y: [f32] }, nodes, [floats('s', [1], [2])]) }, [{ x: feed([2, 5]) }]);
  });

  it('does not narrow a rank beside which onnxruntime takes another', async () => {
    const nodes = [node('Gemm', 'x, w -> y')];
    const parts = { graph: graph({ x: [f32] }, { y: [f32] }, nodes, [floats('w', [3, 2], ramp(6))]) };
    await same(parts, [{ x: feed([3]) }, { x: feed([2, 3]) }]);
  });
});
