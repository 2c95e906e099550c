/** Files for the tests of the importer, written down as the reader would give them. */

import { memorySource } from '../../src/io/bytes.ts';
import { type ElemType, elementCount } from '../../src/ir/types.ts';
import type { OnnxAttribute, OnnxDim, OnnxFile, OnnxGraph, OnnxNode, OnnxTensor, OnnxType } from '../../src/onnx/model.ts';
import { literal, session } from '../support/tensors.ts';

const empty = new Uint8Array();

export function typed(elem: ElemType, dims?: readonly OnnxDim[]): OnnxType {
  return { elem, ...(dims && { dims }) };
}

export function tensor(name: string, elem: ElemType, dims: readonly number[], data?: readonly number[]): OnnxTensor {
  const numbers = Float64Array.from({ length: elementCount(dims) }, (_, i) => data?.[i] ?? (i % 7) - 3);
  return { kind: 'tensor', name, expr: literal({ elem, dims, data: numbers }) };
}

type Plain = number | bigint | string | readonly number[] | OnnxGraph | OnnxTensor | { readonly float: number };

function attributeOf(name: string, value: Plain): OnnxAttribute {
  const base = { name, bytes: memorySource(name, empty) };
  if (typeof value === 'number') return { ...base, kind: 'int', value: BigInt(value) };
  if (typeof value === 'bigint') return { ...base, kind: 'int', value };
  if (typeof value === 'string') return { ...base, kind: 'string', value };
  if ('float' in value) return { ...base, kind: 'float', value: Math.fround(value.float) };
  if ('nodes' in value) return { ...base, kind: 'graph', value };
  if ('kind' in value) return { ...base, kind: 'tensor', value };
  return { ...base, kind: 'ints', value: value.map((n) => BigInt(n)) };
}

/** `node('Conv', 'x, w,, b -> y', { pads: [1, 1] })`; a colon in front of the first name names the node: `conv1: x, w -> y`. */
export function node(opType: string, signature: string, attributes: Readonly<Record<string, Plain>> = {}, domain = ''): OnnxNode {
  const [, name = '', left = '', right = ''] = /^(?:(\S+):)?(.*)->(.*)$/.exec(signature) ?? [];
  const names = (text: string): readonly string[] => (text.trim() === '' ? [] : text.split(',').map((one) => one.trim()));
  return {
    name,
    domain,
    opType,
    overload: '',
    inputs: names(left),
    outputs: names(right),
    attributes: Object.entries(attributes).map(([key, value]) => attributeOf(key, value)),
    rest: empty,
  };
}

export interface GraphParts {
  readonly inputs?: Readonly<Record<string, OnnxType | undefined>>;
  readonly outputs: readonly string[] | Readonly<Record<string, OnnxType | undefined>>;
  readonly initializers?: readonly OnnxTensor[];
  readonly valueInfo?: Readonly<Record<string, OnnxType>>;
}

export function graphOf(parts: GraphParts, nodes: readonly OnnxNode[], name = 'main'): OnnxGraph {
  const values = (of: Readonly<Record<string, OnnxType | undefined>>) =>
    Object.entries(of).map(([key, type]) => ({ name: key, type }));
  const { outputs } = parts;
  return {
    name,
    nodes,
    initializers: parts.initializers ?? [],
    inputs: values(parts.inputs ?? {}),
    outputs: Array.isArray(outputs)
      ? outputs.map((key: string) => ({ name: key, type: undefined }))
      : values({ ...outputs } as Record<string, OnnxType | undefined>),
    valueInfo: values(parts.valueInfo ?? {}),
    rest: empty,
  };
}

export function fileOf(parts: GraphParts, nodes: readonly OnnxNode[], opset = 17): OnnxFile {
  return {
    file: 'model.onnx',
    session,
    irVersion: 8,
    opsets: new Map([
      ['', opset],
      ['custom', 1],
      ['com.microsoft', 1],
    ]),
    producerName: 'test',
    producerVersion: '',
    metadata: [],
    graph: graphOf(parts, nodes),
    functions: [],
    rest: empty,
    notes: [],
  };
}
