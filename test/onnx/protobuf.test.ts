/** Files that protobuf reads, though no writer makes them: fields of another wire type, and messages that stand twice. */
import proto from 'onnx-proto';
import { expect, test } from 'vitest';
import { memorySource } from '../../src/io/bytes.ts';
import type { OnnxFile } from '../../src/onnx/model.ts';
import { readOnnxFile } from '../../src/onnx/read.ts';
import { bytesOf, type Part } from '../checkpoint/helpers.ts';

const { onnx } = proto;
const leb = (n: number): readonly number[] => (n < 128 ? [n] : [(n % 128) | 128, ...leb(Math.floor(n / 128))]);
const field = (number: number, ...parts: readonly Part[]): Uint8Array => {
  const inside = bytesOf(...parts);
  return bytesOf(leb(number * 8 + 2), leb(inside.length), inside);
};
const number = (of: number, value: number): Uint8Array => bytesOf(leb(of * 8), leb(value));

const value = (name: string, ...types: readonly Uint8Array[]): Uint8Array =>
  bytesOf(field(1, name), ...types.map((type) => field(2, type)));
const tensorType = (...parts: readonly Uint8Array[]): Uint8Array => field(1, ...parts);
const dim = (n: number): Uint8Array => field(1, number(1, n));
const shaped = tensorType(number(1, 1), field(2, dim(2), dim(3)));
const relu = (x: string, y: string, ...more: readonly Uint8Array[]): Uint8Array =>
  bytesOf(field(1, x), field(2, y), field(4, 'Relu'), ...more);
const graph = (...parts: readonly Uint8Array[]): Uint8Array => bytesOf(...parts);
const model = (...graphs: readonly Uint8Array[]): Uint8Array =>
  bytesOf(number(1, 8), field(8, number(2, 17)), ...graphs.map((one) => field(7, one)));

const read = (bytes: Uint8Array): Promise<OnnxFile> => readOnnxFile(memorySource('model.onnx', bytes));
const whole = (): readonly Uint8Array[] => [
  field(1, relu('x', 'y')),
  field(2, 'g'),
  field(11, value('x', shaped)),
  field(12, value('y', shaped)),
];
/** What protobufjs makes of them. */
const yardstick = (bytes: Uint8Array) => onnx.ModelProto.toObject(onnx.ModelProto.decode(bytes), { longs: Number });

test('a graph that stands twice is one', async () => {
  const bytes = model(
    graph(field(1, relu('x', 'h')), field(2, 'first'), field(11, value('x', shaped))),
    graph(field(1, relu('h', 'y')), field(2, 'second'), field(12, value('y', shaped))),
  );
  const file = await read(bytes);
  expect(file.graph.nodes.map((one) => one.outputs[0])).toEqual(['h', 'y']);
  expect(file.graph.name).toBe('second');
  expect([file.graph.inputs.length, file.graph.outputs.length]).toEqual([1, 1]);
  const { graph: expected } = yardstick(bytes);
  expect(expected?.node?.length ?? 0).toBeLessThanOrEqual(2);
});

test('a type that stands twice is one, and so is its shape', async () => {
  const twice = value('x', tensorType(number(1, 1), field(2, dim(2))), tensorType(field(2, dim(3))));
  const file = await read(model(graph(field(1, relu('x', 'y')), field(2, 'g'), field(11, twice), field(12, value('y', shaped)))));
  expect(file.graph.inputs[0]?.type).toMatchObject({ elem: 'f32', dims: [2, 3] });
});

test('an attribute whose tensor stands twice has the dimensions and numbers of both', async () => {
  const part = (n: number): Uint8Array => field(5, number(1, 2), number(2, 7), number(7, n), number(7, n + 1), field(8, 't'));
  const attribute = field(5, field(1, 'value'), part(1), part(3), number(20, 4));
  const constant = bytesOf(field(2, 'c'), field(4, 'Constant'), attribute);
  const file = await read(model(graph(field(1, constant), ...whole())));
  const [tensor] = file.graph.nodes[0]?.attributes ?? [];
  if (tensor?.kind !== 'tensor' || tensor.value.kind !== 'tensor') throw new Error('no tensor');
  expect(tensor.value.expr.dims).toEqual([2, 2]);
  const out = new Float64Array(4);
  await tensor.value.expr.fill(0, out);
  expect([...out]).toEqual([1, 2, 3, 4]);
});

test('the last of a scalar that stands twice counts', async () => {
  const file = await read(model(graph(field(1, relu('x', 'y', field(3, 'a'), field(3, 'b'))), ...whole().slice(1))));
  expect(file.graph.nodes[0]?.name).toBe('b');
});

test('a field of another wire type is none that is known', async () => {
  // A name as a number, inputs and attributes as numbers, an element type as text, a dimension as text, a whole number as a
  // float.
  const odd = relu('x', 'y', number(1, 5), number(3, 7), number(5, 9), bytesOf([3 * 8 + 5], [0, 0, 0, 0]));
  const type = tensorType(field(1, 'f32'), number(1, 1), field(2, dim(2), field(1, number(2, 9), number(1, 3))));
  const bytes = bytesOf(
    field(1, 'eight'),
    model(
      graph(
        field(1, odd),
        number(2, 3),
        field(2, 'g'),
        number(5, 1),
        number(11, 1),
        field(11, value('x', type)),
        field(12, value('y', shaped)),
      ),
    ),
    number(7, 1),
    number(25, 1),
    bytesOf([14 * 8 + 1], [0, 0, 0, 0, 0, 0, 0, 0]),
  );
  const file = await read(bytes);
  expect(file.irVersion).toBe(8);
  expect(file.graph.nodes[0]).toMatchObject({ name: '', inputs: ['x'], attributes: [] });
  expect(file.graph.inputs[0]?.type).toMatchObject({ elem: 'f32', dims: [2, 3] });
});

test('of a tensor, fields of another wire type are none either', async () => {
  const tensor = field(
    5,
    number(1, 2),
    field(2, 'f32'),
    number(2, 1),
    number(9, 4),
    bytesOf([4 * 8 + 5], [0, 0, 128, 63]),
    field(4, [0, 0, 0, 64]),
    number(4, 1),
    field(8, 'w'),
  );
  const file = await read(model(graph(...whole(), tensor)));
  const [made] = file.graph.initializers;
  if (made?.kind !== 'tensor') throw new Error('no tensor');
  const out = new Float64Array(2);
  await made.expr.fill(0, out);
  expect([...out]).toEqual([1, 2]);
});
