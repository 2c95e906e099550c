/**
 * A small ONNX model as plain data with the tensors it runs on: what the generator makes, the shrinker takes apart and onnx-proto
 * (protobufjs, ONNX 1.10.2's schema) encodes, so that nothing of the importer's own is trusted on the way in.
 */
import proto from 'onnx-proto';
import { unreachable } from '../../src/diagnostics/diagnostic.ts';
import { type ElemType, elemBytes, type HostTensor } from '../../src/ir/types.ts';
import { encode } from '../../src/tensor/round.ts';

export type CaseAttribute =
  | { readonly kind: 'int'; readonly value: number }
  | { readonly kind: 'ints'; readonly value: readonly number[] }
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'floats'; readonly value: readonly number[] }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'tensor'; readonly value: HostTensor }
  | { readonly kind: 'graph'; readonly value: CaseBody };

export interface CaseNode {
  readonly name: string;
  readonly opType: string;
  readonly domain: string;
  /** '' for an optional one left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, CaseAttribute>>;
}

/** A sub-graph without inputs, as `If` has them. */
export interface CaseBody {
  readonly nodes: readonly CaseNode[];
  readonly outputs: readonly string[];
}

export interface CaseType {
  readonly elem: ElemType;
  /** At the sizes that this case runs at. */
  readonly dims: readonly number[];
}

export interface CaseInput {
  readonly name: string;
  /** As the file declares it: a number, a symbol, or nothing. */
  readonly declared: readonly (number | string | undefined)[];
  readonly tensor: HostTensor;
}

export interface OnnxCase {
  readonly name: string;
  readonly opset: number;
  readonly nodes: readonly CaseNode[];
  readonly initializers: ReadonlyMap<string, HostTensor>;
  readonly inputs: readonly CaseInput[];
  readonly outputs: readonly string[];
  /** Of every value. */
  readonly types: ReadonlyMap<string, CaseType>;
  /** Whether the file says the types of all values, which it can only where every input's sizes are known. */
  readonly valueInfo: boolean;
}

/** `TensorProto.DataType` of onnx.proto. */
export const dataTypes: Readonly<Record<ElemType, number>> = {
  f32: 1,
  u8: 2,
  i8: 3,
  u16: 4,
  i16: 5,
  i32: 6,
  i64: 7,
  bool: 9,
  f16: 10,
  f64: 11,
  u32: 12,
  u64: 13,
  bf16: 16,
};

/** The IR version that files of an opset have: opset 8 came with IR 3, which wants initialisers among the inputs. */
export function irVersionOf(opset: number): number {
  if (opset <= 8) return 3;
  if (opset <= 9) return 4;
  if (opset <= 10) return 5;
  if (opset <= 11) return 6;
  if (opset <= 14) return 7;
  if (opset <= 18) return 8;
  if (opset <= 20) return 9;
  return opset <= 22 ? 10 : 11;
}

export function tensorProto(name: string, tensor: HostTensor): proto.onnx.ITensorProto {
  const rawData = new Uint8Array(tensor.data.length * elemBytes[tensor.elem]);
  // "To the end" is 2^63 − 1 in files, which no double says; here it is the nearest, 2^63.
  if (tensor.elem === 'i64')
    new BigInt64Array(rawData.buffer).set([...tensor.data].map((v) => (v >= 2 ** 63 ? 2n ** 63n - 1n : BigInt(v))));
  else encode(tensor.elem, tensor.data, tensor.data.length, rawData);
  return { name, dims: [...tensor.dims], dataType: dataTypes[tensor.elem], rawData };
}

const { AttributeType } = proto.onnx.AttributeProto;

function attributeProto(name: string, attribute: CaseAttribute): proto.onnx.IAttributeProto {
  switch (attribute.kind) {
    case 'int':
      return { name, type: AttributeType.INT, i: attribute.value };
    case 'ints':
      return { name, type: AttributeType.INTS, ints: [...attribute.value] };
    case 'float':
      return { name, type: AttributeType.FLOAT, f: attribute.value };
    case 'floats':
      return { name, type: AttributeType.FLOATS, floats: [...attribute.value] };
    case 'string':
      return { name, type: AttributeType.STRING, s: new TextEncoder().encode(attribute.value) };
    case 'tensor':
      return { name, type: AttributeType.TENSOR, t: tensorProto('', attribute.value) };
    case 'graph':
      return { name, type: AttributeType.GRAPH, g: bodyProto(name, attribute.value) };
    default:
      return unreachable(attribute);
  }
}

function nodeProto(node: CaseNode): proto.onnx.INodeProto {
  return {
    name: node.name,
    opType: node.opType,
    ...(node.domain !== '' && { domain: node.domain }),
    input: [...node.inputs],
    output: [...node.outputs],
    attribute: Object.entries(node.attributes).map(([name, value]) => attributeProto(name, value)),
  };
}

function bodyProto(name: string, body: CaseBody): proto.onnx.IGraphProto {
  return { name, node: body.nodes.map(nodeProto), output: body.outputs.map((one) => ({ name: one })) };
}

function valueProto(
  name: string,
  elem: ElemType,
  dims: readonly (number | string | undefined)[] | undefined,
): proto.onnx.IValueInfoProto {
  const dim = dims?.map((d) => (typeof d === 'number' ? { dimValue: d } : d === undefined ? {} : { dimParam: d }));
  return { name, type: { tensorType: { elemType: dataTypes[elem], ...(dim && { shape: { dim } }) } } };
}

/** The model as the bytes of a file. */
export function encodeCase(one: OnnxCase): Uint8Array {
  const ir = irVersionOf(one.opset);
  const fixed = one.inputs.every((input) => input.declared.every((d) => typeof d === 'number'));
  const typeOf = (name: string): CaseType => {
    const type = one.types.get(name);
    if (!type) throw new Error(`no type of ${name}`);
    return type;
  };
  const listed = ir >= 4 ? [] : [...one.initializers];
  const domains = new Set(one.nodes.map((node) => node.domain));
  domains.add('');
  const graph: proto.onnx.IGraphProto = {
    name: one.name,
    node: one.nodes.map(nodeProto),
    initializer: [...one.initializers].map(([name, tensor]) => tensorProto(name, tensor)),
    input: [
      ...one.inputs.map(({ name, tensor, declared }) => valueProto(name, tensor.elem, declared)),
      ...listed.map(([name, tensor]) => valueProto(name, tensor.elem, tensor.dims)),
    ],
    output: one.outputs.map((name) => {
      const { elem, dims } = typeOf(name);
      return valueProto(name, elem, fixed ? dims : dims.map(() => undefined));
    }),
    valueInfo:
      one.valueInfo && fixed
        ? one.nodes
            .flatMap((node) => node.outputs)
            .filter((name) => name !== '' && !one.outputs.includes(name))
            .map((name) => valueProto(name, typeOf(name).elem, typeOf(name).dims))
        : [],
  };
  const model = {
    irVersion: ir,
    producerName: 'random',
    graph,
    opsetImport: [...domains].map((domain) => ({ domain, version: domain === '' ? one.opset : 1 })),
  };
  return proto.onnx.ModelProto.encode(model).finish();
}

function attributeText(name: string, attribute: CaseAttribute): string {
  switch (attribute.kind) {
    case 'tensor':
      return `${name}=${tensorText(attribute.value)}`;
    case 'graph':
      return `${name}={ ${attribute.value.nodes.map(nodeText).join('; ')} => ${attribute.value.outputs.join(', ')} }`;
    case 'int':
    case 'float':
    case 'string':
    case 'ints':
    case 'floats':
      return `${name}=${JSON.stringify(attribute.value)}`;
    default:
      return unreachable(attribute);
  }
}

function tensorText(tensor: HostTensor): string {
  const few = tensor.data.length <= 8 ? ` (${[...tensor.data].map((v) => Number(v.toPrecision(4))).join(' ')})` : '';
  return `${tensor.elem}[${tensor.dims.join(', ')}]${few}`;
}

function nodeText(node: CaseNode): string {
  const attributes = Object.entries(node.attributes).map(([name, value]) => attributeText(name, value));
  const shown = attributes.length > 0 ? ` {${attributes.join(', ')}}` : '';
  const inputs = node.inputs.map((name) => name || '_').join(', ');
  return `${node.outputs.join(', ')} = ${node.domain === '' ? '' : `${node.domain}.`}${node.opType}(${inputs})${shown}`;
}

/** For people: a line per input, initialiser and node. */
export function caseText(one: OnnxCase): string {
  const lines = [`${one.name}, opset ${one.opset}${one.valueInfo ? ', with value_info' : ''}`];
  for (const { name, declared, tensor } of one.inputs)
    lines.push(`  input ${name}: ${tensor.elem}[${declared.map((d) => d ?? '?').join(', ')}] run as [${tensor.dims.join(', ')}]`);
  for (const [name, tensor] of one.initializers) lines.push(`  ${name}: ${tensorText(tensor)}`);
  for (const node of one.nodes) {
    const types = node.outputs.map((name) => one.types.get(name)).map((t) => (t ? `${t.elem}[${t.dims.join(', ')}]` : '_'));
    lines.push(`  ${nodeText(node)} : ${types.join(', ')}`);
  }
  lines.push(`  outputs ${one.outputs.join(', ')}`);
  return lines.join('\n');
}
