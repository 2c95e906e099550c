/**
 * Attributes that the importer makes, as AttributeProto messages beside their values, and renames of attributes that lie in a file. Source:
 * onnx/onnx, onnx.proto (AttributeProto, TensorProto).
 */
import { unreachable } from '../diagnostics/diagnostic.ts';
import { memorySource } from '../io/bytes.ts';
import { elemFacts } from '../ir/elem.ts';
import type { LazyBytes } from '../ir/foreign.ts';
import { roundTo } from '../ir/round.ts';
import { type ElemType, elemBytes, type HostTensor } from '../ir/types.ts';
import { literal } from '../tensor/leaves.ts';
import { encode } from '../tensor/round.ts';
import type { FileAttribute, FileNode } from './model.ts';

function varint(value: bigint): readonly number[] {
  const out: number[] = [];
  let rest = BigInt.asUintN(64, value);
  while (rest >= 128n) {
    out.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  out.push(Number(rest));
  return out;
}

/** UTF-8; lone surrogates become U+FFFD. */
function utf8Bytes(text: string): readonly number[] {
  const out: number[] = [];
  for (const character of text) {
    let code = character.codePointAt(0) ?? 0;
    if (code >= 0xd800 && code <= 0xdfff) code = 0xfffd;
    if (code < 0x80) out.push(code);
    else if (code < 0x800) out.push(0xc0 | (code >> 6), 0x80 | (code & 63));
    else if (code < 0x10000) out.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
    else out.push(0xf0 | (code >> 18), 0x80 | ((code >> 12) & 63), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
  }
  return out;
}

const varintField = (field: number, value: bigint): readonly number[] => [...varint(BigInt(field * 8)), ...varint(value)];
const bytesField = (field: number, bytes: Iterable<number>): readonly number[] => {
  const content = [...bytes];
  return [...varint(BigInt(field * 8 + 2)), ...varint(BigInt(content.length)), ...content];
};
const floatBytes = (values: readonly number[]): readonly number[] => [...new Uint8Array(Float32Array.from(values).buffer)];

/** An AttributeProto out of its name, its content and its type's number. */
function proto(name: string, content: readonly number[], type: number): LazyBytes {
  return memorySource(name, Uint8Array.from([...bytesField(1, utf8Bytes(name)), ...content, ...varintField(20, BigInt(type))]));
}

export function intAttribute(name: string, value: number | bigint): FileAttribute {
  const whole = BigInt(value);
  return { name, kind: 'int', value: whole, bytes: proto(name, varintField(3, whole), 2) };
}

export function intsAttribute(name: string, values: readonly (number | bigint)[]): FileAttribute {
  const wholes = values.map((v) => BigInt(v));
  const content = wholes.flatMap((v) => varintField(8, v));
  return { name, kind: 'ints', value: wholes, bytes: proto(name, content, 7) };
}

export function floatAttribute(name: string, value: number): FileAttribute {
  return { name, kind: 'float', value, bytes: proto(name, [2 * 8 + 5, ...floatBytes([value])], 1) };
}

export function floatsAttribute(name: string, values: readonly number[]): FileAttribute {
  const content = values.flatMap((v) => [7 * 8 + 5, ...floatBytes([v])]);
  return { name, kind: 'floats', value: values, bytes: proto(name, content, 6) };
}

export function stringAttribute(name: string, value: string): FileAttribute {
  return { name, kind: 'string', value, bytes: proto(name, bytesField(4, utf8Bytes(value)), 3) };
}

export function stringsAttribute(name: string, values: readonly string[]): FileAttribute {
  const content = values.flatMap((v) => bytesField(9, utf8Bytes(v)));
  return { name, kind: 'strings', value: values, bytes: proto(name, content, 8) };
}

/** A small tensor in memory; its numbers are rounded to its element type. */
export function tensorAttribute(name: string, of: HostTensor): FileAttribute {
  const tensor = { ...of, data: of.data.slice() };
  roundTo(tensor.elem, tensor.data);
  const raw = new Uint8Array(tensor.data.length * elemBytes[tensor.elem]);
  encode(tensor.elem, tensor.data, tensor.data.length, raw);
  const content = [
    ...tensor.dims.flatMap((d) => varintField(1, BigInt(d))),
    ...varintField(2, BigInt(elemFacts[tensor.elem].onnx)),
    ...bytesField(9, raw),
  ];
  return {
    name,
    kind: 'tensor',
    value: { kind: 'tensor', name: '', expr: literal(tensor) },
    bytes: proto(name, bytesField(5, content), 4),
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
      return { ...attribute, name, bytes: appended(attribute.bytes, Uint8Array.from(bytesField(1, utf8Bytes(name)))) };
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
export function constantNode(output: string, elem: ElemType, dims: readonly number[], data: readonly number[]): FileNode {
  return madeNode('Constant', output, [], [output], [tensorAttribute('value', { elem, dims, data: Float64Array.from(data) })]);
}
