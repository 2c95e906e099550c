/**
 * Attributes that the importer makes, as AttributeProto messages beside their values, and renames of attributes that lie in a
 * file. Source: onnx/onnx, onnx.proto (AttributeProto, TensorProto).
 */

import { unreachable } from '../diagnostics/diagnostic.ts';
import { memorySource } from '../io/bytes.ts';
import { elemFacts } from '../ir/elem.ts';
import type { LazyBytes } from '../ir/foreign.ts';
import { roundTo } from '../ir/round.ts';
import { type ElemType, elemBytes, type HostTensor } from '../ir/types.ts';
import { literal } from '../tensor/leaves.ts';
import { encode } from '../tensor/round.ts';
import type { Session } from '../tensor/session.ts';
import type { FileAttribute, FileNode } from './model.ts';
import { AttributeProto, type AttributeType, attributeTypes, TensorProto } from './proto.ts';
import { WireWriter } from './wire.ts';

const writer = new WireWriter(256);
/** A message's bytes. */
function written(write: (w: WireWriter) => void): Uint8Array {
  writer.reset();
  write(writer);
  return writer.view().slice();
}

/** An AttributeProto out of its name, its content and its type. */
function proto(name: string, type: AttributeType, content: (w: WireWriter) => void): LazyBytes {
  const bytes = written((w) => {
    w.stringField(AttributeProto.name, name);
    content(w);
    w.intField(AttributeProto.type, attributeTypes[type]);
  });
  return memorySource(name, bytes);
}

export function intAttribute(name: string, value: number | bigint): FileAttribute {
  const whole = BigInt(value);
  return { name, kind: 'int', value: whole, bytes: proto(name, 'int', (w) => w.intField(AttributeProto.i, whole)) };
}

export function intsAttribute(name: string, values: readonly (number | bigint)[]): FileAttribute {
  const wholes = values.map((v) => BigInt(v));
  const content = (w: WireWriter): void => {
    for (const v of wholes) w.intField(AttributeProto.ints, v);
  };
  return { name, kind: 'ints', value: wholes, bytes: proto(name, 'ints', content) };
}

export function floatAttribute(name: string, value: number): FileAttribute {
  return { name, kind: 'float', value, bytes: proto(name, 'float', (w) => w.floatField(AttributeProto.f, value)) };
}

export function floatsAttribute(name: string, values: readonly number[]): FileAttribute {
  const content = (w: WireWriter): void => {
    for (const v of values) w.floatField(AttributeProto.floats, v);
  };
  return { name, kind: 'floats', value: values, bytes: proto(name, 'floats', content) };
}

export function stringAttribute(name: string, value: string): FileAttribute {
  return { name, kind: 'string', value, bytes: proto(name, 'string', (w) => w.stringField(AttributeProto.s, value)) };
}

export function stringsAttribute(name: string, values: readonly string[]): FileAttribute {
  const content = (w: WireWriter): void => {
    for (const v of values) w.stringField(AttributeProto.strings, v);
  };
  return { name, kind: 'strings', value: values, bytes: proto(name, 'strings', content) };
}

/** A small tensor in memory; its numbers are rounded to its element type. */
export function tensorAttribute(session: Session, name: string, of: HostTensor): FileAttribute {
  const tensor = { ...of, data: of.data.slice() };
  roundTo(tensor.elem, tensor.data);
  const raw = new Uint8Array(tensor.data.length * elemBytes[tensor.elem]);
  encode(tensor.elem, tensor.data, tensor.data.length, raw);
  const content = (w: WireWriter): void =>
    w.message(AttributeProto.t, () => {
      for (const d of tensor.dims) w.intField(TensorProto.dims, d);
      w.intField(TensorProto.data_type, elemFacts[tensor.elem].onnx);
      w.bytesField(TensorProto.raw_data, raw);
    });
  return {
    name,
    kind: 'tensor',
    value: { kind: 'tensor', name: '', expr: literal(session, tensor) },
    bytes: proto(name, 'tensor', content),
  };
}

/** Bytes with a few more behind them. */
function appended(bytes: LazyBytes, tail: Uint8Array): LazyBytes {
  const { readSync } = bytes;
  const size = bytes.size + tail.length;
  const join = (start: number, length: number, head: Uint8Array): Uint8Array => {
    const out = new Uint8Array(length);
    out.set(head);
    out.set(tail.subarray(Math.max(0, start - bytes.size), Math.max(0, start + length - bytes.size)), head.length);
    return out;
  };
  const inHead = (start: number, length: number): number => Math.max(0, Math.min(length, bytes.size - start));
  return {
    size,
    read: async (start, length) => {
      const head = inHead(start, length);
      return join(start, length, head > 0 ? await bytes.read(start, head) : new Uint8Array());
    },
    ...(readSync && {
      readSync: (start: number, length: number) => {
        const head = inHead(start, length);
        return join(start, length, head > 0 ? readSync.call(bytes, start, head) : new Uint8Array());
      },
    }),
  };
}

/** The same attribute under another name. */
export function renamedAttribute(attribute: FileAttribute, name: string): FileAttribute {
  if (attribute.name === name) return attribute;
  switch (attribute.kind) {
    case 'int':
      return intAttribute(name, attribute.value);
    case 'ints':
      return intsAttribute(name, attribute.value);
    case 'float':
      return floatAttribute(name, attribute.value);
    case 'floats':
      return floatsAttribute(name, attribute.value);
    case 'string':
      return stringAttribute(name, attribute.value);
    case 'strings':
      return stringsAttribute(name, attribute.value);
    // Of a field that may stand once the last counts, so that the large content need not be moved.
    case 'tensor':
    case 'other':
    case 'graph':
    case 'graphs':
    case 'reference':
      return {
        ...attribute,
        name,
        bytes: appended(
          attribute.bytes,
          written((w) => w.stringField(AttributeProto.name, name)),
        ),
      };
    default:
      return unreachable(attribute);
  }
}

/** A node that the importer makes. */
export function madeNode(
  opType: string,
  name: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: readonly FileAttribute[] = [],
): FileNode {
  return { name, domain: '', opType, overload: '', inputs, outputs, attributes, rest: new Uint8Array() };
}

/** A Constant node of these numbers. */
export function constantNode(
  session: Session,
  output: string,
  elem: ElemType,
  dims: readonly number[],
  data: readonly number[],
): FileNode {
  return madeNode(
    'Constant',
    output,
    [],
    [output],
    [tensorAttribute(session, 'value', { elem, dims, data: Float64Array.from(data) })],
  );
}
