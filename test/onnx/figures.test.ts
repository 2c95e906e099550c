/** What a report says of a file is what a reader of the file counts, with somebody else's decoder. */
import { readdirSync, readFileSync } from 'node:fs';
import type proto from 'onnx-proto';
import { describe, expect, test } from 'vitest';
import { models } from '../../src/check.ts';
import { compile } from '../../src/compile.ts';
import { memorySource } from '../../src/io/bytes.ts';
import { fileFigures } from '../../src/onnx/figures.ts';
import type { OnnxModel } from '../../src/onnx/model.ts';
import { readOnnxFile } from '../../src/onnx/read.ts';
import { encodeModel, externalLayout } from '../../src/onnx/write.ts';
import { optimizeOnnx } from '../../src/optimize.ts';
import { decodeModel } from '../codegen/decode.ts';

const examples = new URL('../../examples/', import.meta.url);

type Graph = proto.onnx.IGraphProto;

/** Recursive and plain, unlike what it checks. */
function counted(graph: Graph): { nodes: number; elements: number } {
  const elementsOf = (tensor: proto.onnx.ITensorProto): number => (tensor.dims ?? []).reduce((n, d) => n * Number(d), 1);
  const sum = { nodes: 0, elements: 0 };
  for (const tensor of graph.initializer ?? []) sum.elements += elementsOf(tensor);
  for (const node of graph.node ?? []) {
    sum.nodes++;
    for (const attribute of node.attribute ?? []) {
      if (attribute.t) sum.elements += elementsOf(attribute.t);
      if (node.opType === 'Constant') {
        sum.elements += (attribute.floats?.length ?? 0) + (attribute.ints?.length ?? 0) + (attribute.strings?.length ?? 0);
        if (['value_float', 'value_int', 'value_string'].includes(attribute.name ?? '')) sum.elements++;
      }
      for (const inner of [...(attribute.g ? [attribute.g] : []), ...(attribute.graphs ?? [])]) {
        const found = counted(inner);
        sum.nodes += found.nodes;
        sum.elements += found.elements;
      }
    }
  }
  return sum;
}

/** The model's own bytes; tensors of 4 KiB and more lie beside it and are not computed. */
async function decoded(onnx: OnnxModel): Promise<Graph> {
  const pieces: Uint8Array[] = [];
  for await (const piece of encodeModel(onnx, { external: externalLayout(onnx, 'weights') })) pieces.push(piece.slice());
  return decodeModel(Buffer.concat(pieces)).graph ?? {};
}

describe.each(readdirSync(examples).filter((name) => name.endsWith('.res')))('%s', (name) => {
  const source = readFileSync(new URL(name, examples), 'utf8');
  const resolveImport = (from: string) => ({ name: from, text: readFileSync(new URL(from, examples), 'utf8') });
  // The first is the smallest of its kind in every file.
  const [model] = models(source, { resolveImport });
  test.each([0, 1] as const)('at -O%i the report counts what is in the file', async (level) => {
    const { onnx, report } = await compile(source, { model, level, resolveImport, countNodes: true });
    if (!onnx || !report) throw new Error(`${name} does not compile`);
    const { nodes, elements } = counted(await decoded(onnx));
    expect(report.written).toMatchObject({ nodes, elements });
    if (level === 0) expect(report.nodesBefore).toBe(nodes);
    else expect(report.nodesBefore).toBe((await compile(source, { model, level: 0, resolveImport })).report?.written.nodes);
  });
});

test('nodes of a file without passes are counted only when that is asked for', async () => {
  const source = 'model M { input x: f32[N, 4]  relu  output y }';
  expect((await compile(source)).report?.nodesBefore).toBeUndefined();
  expect((await compile(source, { countNodes: true })).report?.nodesBefore).toBe(1);
});

test('what lowering adds counts: silu is two nodes', async () => {
  const source = 'model M { input x: f32[N, 4, H, W]  silu  global_avgpool  flatten  fc: linear(4)  output y }';
  const { onnx, report } = await compile(source);
  if (!onnx || !report) throw new Error('it does not compile');
  expect(report.written.operators.get('Sigmoid')).toBe(1);
  expect(report.written.operators.get('Mul')).toBe(1);
  expect(report.written.nodes).toBe((await decoded(onnx)).node?.length);
  expect(report.written.nodes).toBeGreaterThan(report.after.nodes);
  // The parameters, and what lowering stores beside them.
  expect(report.written.elements).toBeGreaterThan(report.after.parameters);
});

test('constants in attributes, in sub-graphs and of types that are none of ours count, as read and as written', async () => {
  const {
    default: { onnx: p },
  } = await import('onnx-proto');
  const tensor = (name: string, dims: number[], dataType = 1) =>
    dataType === 8
      ? p.TensorProto.create({
          name,
          dims,
          dataType,
          stringData: Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => new Uint8Array([65])),
        })
      : p.TensorProto.create({ name, dims, dataType, rawData: new Uint8Array(4 * dims.reduce((a, b) => a * b, 1)) });
  const info = (name: string, elemType: number, dims: number[]) =>
    p.ValueInfoProto.create({ name, type: { tensorType: { elemType, shape: { dim: dims.map((dimValue) => ({ dimValue })) } } } });
  const branch = (name: string, extra: object) =>
    p.GraphProto.create({
      name,
      node: [p.NodeProto.create({ opType: 'Add', input: ['x', `${name}_w`], output: [`${name}_y`], name: `${name}_add` })],
      initializer: [tensor(`${name}_w`, [2, 3])],
      output: [info(`${name}_y`, 1, [2, 3])],
      ...extra,
    });
  const attribute = p.AttributeProto;
  const graph = p.GraphProto.create({
    name: 'g',
    input: [info('x', 1, [2, 3]), info('c', 9, [])],
    output: [info('y', 1, [2, 3]), info('s', 8, [5])],
    initializer: [tensor('w', [3])],
    node: [
      p.NodeProto.create({
        name: 'if',
        opType: 'If',
        input: ['c'],
        output: ['i'],
        attribute: [
          attribute.create({ name: 'then_branch', type: 5, g: branch('t', {}) }),
          attribute.create({ name: 'else_branch', type: 5, g: branch('e', {}) }),
        ],
      }),
      p.NodeProto.create({
        name: 'k',
        opType: 'Constant',
        output: ['k'],
        attribute: [attribute.create({ name: 'value', type: 4, t: tensor('', [2, 3]) })],
      }),
      p.NodeProto.create({
        name: 'f',
        opType: 'Constant',
        output: ['f'],
        attribute: [attribute.create({ name: 'value_floats', type: 6, floats: [1, 2, 3] })],
      }),
      p.NodeProto.create({
        name: 's',
        opType: 'Constant',
        output: ['s'],
        attribute: [attribute.create({ name: 'value', type: 4, t: tensor('', [5], 8) })],
      }),
      p.NodeProto.create({ name: 'a', opType: 'Add', input: ['i', 'w'], output: ['a'] }),
      p.NodeProto.create({ name: 'b', opType: 'Mul', input: ['a', 'f'], output: ['b'] }),
      p.NodeProto.create({ name: 'y', opType: 'Sub', input: ['b', 'k'], output: ['y'] }),
    ],
  });
  const bytes = p.ModelProto.encode(
    p.ModelProto.create({ irVersion: 8, opsetImport: [{ domain: '', version: 17 }], graph }),
  ).finish();
  const read = fileFigures(await readOnnxFile(memorySource('m.onnx', bytes)));
  // 2·(2·3) in the branches, then w, k, f and s.
  expect(read).toMatchObject({ nodes: 9, elements: 12 + 3 + 6 + 3 + 5 });
  for (const level of [0, 1] as const) {
    const made = await optimizeOnnx(bytes, { level });
    if (!made.onnx || !made.report) throw new Error('it cannot be optimised');
    const after = counted(await decoded(made.onnx));
    expect(made.report.nodes).toEqual({ before: 9, after: after.nodes });
    expect(made.report.stored.before.elements).toBe(29);
    expect(made.report.stored.after.elements).toBe(after.elements);
  }
});
