/** The tables of onnx.proto, message by message, against what the onnx-proto package encodes. */
import { readdirSync, readFileSync } from 'node:fs';
import proto from 'onnx-proto';
import { describe, expect, test } from 'vitest';
import * as tables from '../../src/onnx/proto.ts';
import { attributeTypeOf, attributeTypes } from '../../src/onnx/proto.ts';
import { bytesSource, type FieldKind, fieldsOf, nameOf, type ProtoField } from '../../src/onnx/wire.ts';

const { onnx } = proto;

interface Message {
  encode(message: object): { finish(): Uint8Array };
}
type Table = Readonly<Record<string, ProtoField>>;

const messages: Readonly<Record<string, readonly [table: object, message: Message]>> = {
  ModelProto: [tables.ModelProto, onnx.ModelProto],
  OperatorSetIdProto: [tables.OperatorSetIdProto, onnx.OperatorSetIdProto],
  StringStringEntryProto: [tables.StringStringEntryProto, onnx.StringStringEntryProto],
  FunctionProto: [tables.FunctionProto, onnx.FunctionProto],
  GraphProto: [tables.GraphProto, onnx.GraphProto],
  NodeProto: [tables.NodeProto, onnx.NodeProto],
  AttributeProto: [tables.AttributeProto, onnx.AttributeProto],
  TensorProto: [tables.TensorProto, onnx.TensorProto],
  SparseTensorProto: [tables.SparseTensorProto, onnx.SparseTensorProto],
  ValueInfoProto: [tables.ValueInfoProto, onnx.ValueInfoProto],
  TypeProto: [tables.TypeProto, onnx.TypeProto],
  'TypeProto.Tensor': [tables.TensorTypeProto, onnx.TypeProto.Tensor],
  'TypeProto.SparseTensor': [tables.TensorTypeProto, onnx.TypeProto.SparseTensor],
  'TypeProto.Sequence': [tables.ElementTypeProto, onnx.TypeProto.Sequence],
  'TypeProto.Optional': [tables.ElementTypeProto, onnx.TypeProto.Optional],
  'TypeProto.Map': [tables.MapTypeProto, onnx.TypeProto.Map],
  TensorShapeProto: [tables.TensorShapeProto, onnx.TensorShapeProto],
  'TensorShapeProto.Dimension': [tables.DimensionProto, onnx.TensorShapeProto.Dimension],
};

/**
 * Fields that onnx.proto gained after the version that onnx-proto was made of, as onnx 1.20 has them; that one has its opaque
 * types only with ONNX-ML.
 */
const later: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  ModelProto: { configuration: 26 },
  FunctionProto: { attribute_proto: 11, value_info: 12, overload: 13, metadata_props: 14 },
  GraphProto: { metadata_props: 16 },
  NodeProto: { overload: 8, metadata_props: 9, device_configurations: 10 },
  TensorProto: { metadata_props: 16 },
  ValueInfoProto: { metadata_props: 4 },
  TypeProto: { opaque_type: 7 },
};

const values: Readonly<Record<FieldKind, readonly unknown[]>> = {
  int: [1],
  ints: [[1]],
  float: [1],
  floats: [[1]],
  doubles: [[1]],
  text: ['a', ['a']],
  bytes: [new Uint8Array([1]), [new Uint8Array([1])]],
  message: [{}, [{}]],
};

const camel = (name: string): string => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
const fieldsIn = (table: object): [string, ProtoField][] => Object.entries(table as Table);

describe.each(Object.entries(messages))('%s', (title, [table, message]) => {
  test.each(fieldsIn(table))('%s', (name, field) => {
    const found: string[] = [];
    for (const value of values[field.kind]) {
      // A value that does not fit the field is an error of the encoder, or writes other fields than one.
      try {
        for (const one of fieldsOf(bytesSource(message.encode({ [camel(name)]: value }).finish())))
          found.push(`${one.number} ${field.is(one)} ${nameOf(table as never, one)}`);
      } catch {}
    }
    const number = later[title]?.[name];
    if (number === undefined) expect([...new Set(found)]).toEqual([`${field.number} true ${name}`]);
    else expect([found, field.number]).toEqual([[], number]);
  });

  test('has no number twice', () => {
    const numbers = fieldsIn(table).map(([, field]) => field.number);
    expect(new Set(numbers).size).toBe(numbers.length);
  });
});

test('the types of attributes and the place of data', () => {
  const { undefined: none, ...others } = attributeTypes;
  expect(none).toBe(0);
  for (const [name, number] of Object.entries(others)) {
    const known: Readonly<Record<string, unknown>> = onnx.AttributeProto.AttributeType;
    expect(known[name.toUpperCase()]).toBe(number);
    expect(attributeTypeOf(number)).toBe(name);
  }
  expect(attributeTypeOf(99)).toBeUndefined();
  expect(tables.externalLocation).toBe(onnx.TensorProto.DataLocation.EXTERNAL);
});

test('a field of another wire type is none that the message knows', () => {
  const wrong = new Uint8Array([tables.NodeProto.op_type.number * 8, 1]);
  const [field] = fieldsOf(bytesSource(wrong));
  expect(field && nameOf(tables.NodeProto, field)).toBeUndefined();
  const packed = new Uint8Array([tables.AttributeProto.ints.number * 8 + 2, 1, 5]);
  const [numbers] = fieldsOf(bytesSource(packed));
  expect(numbers && nameOf(tables.AttributeProto, numbers)).toBe('ints');
});

test('no number of a field stands outside of the tables', () => {
  const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  expect(files.length).toBeGreaterThan(200);
  const found: string[] = [];
  for (const name of files) {
    const text = readFileSync(`src/${name}`, 'utf8');
    // Fields are made of tables alone, tables stand in one file, and what stands in a file is compared with fields, never with
    // numbers.
    if (name !== 'onnx/wire.ts' && /new ProtoField\b/.test(text)) found.push(`${name} makes a field`);
    if (name !== 'onnx/wire.ts' && name !== 'onnx/proto.ts' && /\bfieldTable\(/.test(text)) found.push(`${name} makes a table`);
    if (!name.startsWith('onnx/wire') && /onnx\/wire\.ts|'\.\/wire\.ts'/.test(text))
      for (const [one] of text.matchAll(/\b\w+\.number\b.*/g)) found.push(`${name}: ${one}`);
  }
  expect(found).toEqual([]);
});
