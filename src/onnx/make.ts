/**
 * Attributes, nodes and tensors that are made, or changed, beside those that a file has.
 */
import { unreachable } from '../diagnostics/diagnostic.ts';
import type { LazyBytes } from '../ir/foreign.ts';
import { roundTo } from '../ir/round.ts';
import type { ElemType, HostTensor } from '../ir/types.ts';
import { literal } from '../tensor/leaves.ts';
import type { Session } from '../tensor/session.ts';
import { written } from './encode.ts';
import type { OnnxAttribute, OnnxNode, OnnxTensor } from './model.ts';
import { AttributeProto, TensorProto } from './proto.ts';

export function intAttribute(name: string, value: number | bigint): OnnxAttribute {
  return { name, kind: 'int', value: BigInt(value) };
}

export function intsAttribute(name: string, values: readonly (number | bigint)[]): OnnxAttribute {
  return { name, kind: 'ints', value: values.map((v) => BigInt(v)) };
}

export function floatAttribute(name: string, value: number): OnnxAttribute {
  return { name, kind: 'float', value: Math.fround(value) };
}

export function floatsAttribute(name: string, values: readonly number[]): OnnxAttribute {
  return { name, kind: 'floats', value: values.map(Math.fround) };
}

export function stringAttribute(name: string, value: string): OnnxAttribute {
  return { name, kind: 'string', value };
}

export function stringsAttribute(name: string, values: readonly string[]): OnnxAttribute {
  return { name, kind: 'strings', value: values };
}

/** A small tensor in memory; its numbers are rounded to its element type. */
export function tensorAttribute(session: Session, name: string, of: HostTensor): OnnxAttribute {
  const tensor = { ...of, data: of.data.slice() };
  roundTo(tensor.elem, tensor.data);
  return { name, kind: 'tensor', value: { kind: 'tensor', name: '', expr: literal(session, tensor) } };
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

/**
 * The same attribute under another name. Of a field that may stand once the last counts, so that large content need not be moved.
 */
export function renamedAttribute(attribute: OnnxAttribute, name: string): OnnxAttribute {
  if (attribute.name === name) return attribute;
  const named = (bytes: LazyBytes): LazyBytes =>
    appended(
      bytes,
      written((w) => w.stringField(AttributeProto.name, name)),
    );
  switch (attribute.kind) {
    case 'int':
    case 'ints':
    case 'float':
    case 'floats':
    case 'string':
    case 'strings':
    case 'graph':
    case 'graphs':
      return { ...attribute, name, bytes: undefined };
    case 'tensor':
      return { ...attribute, name, bytes: attribute.bytes && named(attribute.bytes) };
    case 'other':
    case 'reference':
      return { ...attribute, name, bytes: named(attribute.bytes) };
    default:
      return unreachable(attribute);
  }
}

/** The same tensor under another name. */
export function renamedTensor(tensor: OnnxTensor, name: string): OnnxTensor {
  if (tensor.name === name) return tensor;
  if (tensor.kind !== 'proto') return { ...tensor, name };
  const more = written((w) => w.stringField(TensorProto.name, name));
  return { ...tensor, name, bytes: appended(tensor.bytes, more) };
}

/** A node of ONNX's own operators. */
export function madeNode(
  opType: string,
  name: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: readonly OnnxAttribute[] = [],
): OnnxNode {
  return { name, domain: '', opType, overload: '', inputs, outputs, attributes };
}

/** A Constant node of these numbers. */
export function constantNode(
  session: Session,
  output: string,
  elem: ElemType,
  dims: readonly number[],
  data: readonly number[],
): OnnxNode {
  return madeNode(
    'Constant',
    output,
    [],
    [output],
    [tensorAttribute(session, 'value', { elem, dims, data: Float64Array.from(data) })],
  );
}
