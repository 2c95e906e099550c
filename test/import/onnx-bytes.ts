/** Models as bytes for the tests of the reader: written with onnx-proto, and data models of the reader written back. */
import proto from 'onnx-proto';
import * as ort from 'onnxruntime-node';
import protobuf from 'protobufjs/minimal.js';
import { memorySource } from '../../src/io/bytes.ts';
import { elemFacts } from '../../src/ir/elem.ts';
import { elemBytes } from '../../src/ir/types.ts';
import { attributeBytes as messageOf } from '../../src/onnx/encode.ts';
import type { OnnxAttribute, OnnxFile, OnnxGraph, OnnxNode, OnnxTensor, OnnxValue } from '../../src/onnx/model.ts';
import { readOnnxFile } from '../../src/onnx/read.ts';
import { protoOf } from '../../src/onnx/types.ts';
import { encode } from '../../src/tensor/round.ts';
import { materialize } from '../../src/tensor/values.ts';

const onnx = proto.onnx;

type Plain =
  | number
  | string
  | readonly number[]
  | readonly string[]
  | { readonly float: number }
  | { readonly floats: readonly number[] }
  | { readonly tensor: proto.onnx.ITensorProto }
  | { readonly graph: proto.onnx.IGraphProto }
  | { readonly ref: string; readonly type: number };

export function attribute(name: string, value: Plain): proto.onnx.IAttributeProto {
  if (typeof value === 'number') return { name, type: 2, i: value };
  if (typeof value === 'string') return { name, type: 3, s: new TextEncoder().encode(value) };
  if ('float' in value) return { name, type: 1, f: value.float };
  if ('floats' in value) return { name, type: 6, floats: [...value.floats] };
  if ('tensor' in value) return { name, type: 4, t: value.tensor };
  if ('graph' in value) return { name, type: 5, g: value.graph };
  if ('ref' in value) return { name, type: value.type, refAttrName: value.ref };
  const [first] = value;
  if (typeof first === 'string') return { name, type: 8, strings: value.map((s) => new TextEncoder().encode(String(s))) };
  return { name, type: 7, ints: value.map(Number) };
}

/** `node('Conv', 'x, w,, b -> y', { pads: [1, 1] })`; `conv1: x, w -> y` names the node, `custom::Op` its domain. */
export function node(op: string, signature: string, attributes: Readonly<Record<string, Plain>> = {}): proto.onnx.INodeProto {
  const [, name = '', left = '', right = ''] = /^(?:(\S+):)?(.*)->(.*)$/.exec(signature) ?? [];
  const names = (text: string): string[] => (text.trim() === '' ? [] : text.split(',').map((one) => one.trim()));
  const [domain, opType] = op.includes('::') ? op.split('::') : ['', op];
  return {
    name,
    domain: domain ?? '',
    opType: opType ?? '',
    input: names(left),
    output: names(right),
    attribute: Object.entries(attributes).map(([key, value]) => attribute(key, value)),
  };
}

/** `value('x', 1, ['N', 3])`; no dimensions for an unknown rank. */
export function value(name: string, type = 1, dims?: readonly (number | string)[]): proto.onnx.IValueInfoProto {
  const shape = dims && { dim: dims.map((d) => (typeof d === 'number' ? { dimValue: d } : d === '' ? {} : { dimParam: d })) };
  return { name, type: { tensorType: { elemType: type, ...(shape && { shape }) } } };
}

export function floats(name: string, dims: readonly number[], data: readonly number[]): proto.onnx.ITensorProto {
  return { name, dataType: 1, dims: [...dims], rawData: new Uint8Array(Float32Array.from(data).buffer) };
}
export function longs(name: string, dims: readonly number[], data: readonly number[]): proto.onnx.ITensorProto {
  return { name, dataType: 7, dims: [...dims], rawData: new Uint8Array(BigInt64Array.from(data.map(BigInt)).buffer) };
}

export interface Parts {
  readonly opset?: number;
  readonly opsets?: Readonly<Record<string, number>>;
  readonly ir?: number;
  readonly graph: proto.onnx.IGraphProto;
  readonly functions?: readonly proto.onnx.IFunctionProto[];
}

export function modelBytes(parts: Parts): Uint8Array {
  const opsets = { '': parts.opset ?? 17, ...parts.opsets };
  return onnx.ModelProto.encode({
    irVersion: parts.ir ?? 8,
    opsetImport: Object.entries(opsets).map(([domain, version]) => ({ domain, version })),
    producerName: 'test',
    graph: { name: 'main', ...parts.graph },
    functions: [...(parts.functions ?? [])],
  }).finish();
}

export function opened(bytes: Uint8Array, name = 'model.onnx'): Promise<OnnxFile> {
  return readOnnxFile(memorySource(name, bytes));
}

// --------------------------------------------------------------------------------------------------------- written back

async function tensorBytes(tensor: OnnxTensor): Promise<Uint8Array> {
  if (tensor.kind === 'proto') return tensor.bytes.read(0, tensor.bytes.size);
  const w = protobuf.Writer.create();
  if (tensor.kind === 'tensor') {
    const host = await materialize(tensor.expr);
    const raw = new Uint8Array(host.data.length * elemBytes[host.elem]);
    encode(host.elem, host.data, host.data.length, raw);
    for (const d of host.dims) w.uint32(8).int64(d);
    w.uint32(16).int32(elemFacts[host.elem].onnx).uint32(66).string(tensor.name).uint32(74).bytes(raw);
  } else {
    for (const d of tensor.dims) w.uint32(8).int64(d);
    const raw = Uint8Array.from((await materialize(tensor.raw)).data);
    w.uint32(16).int32(tensor.dataType).uint32(66).string(tensor.name).uint32(74).bytes(raw);
  }
  return w.finish();
}

async function attributeBytes(a: OnnxAttribute): Promise<Uint8Array> {
  if (a.kind === 'graph') {
    const g = await graphBytes(a.value);
    return protobuf.Writer.create().uint32(10).string(a.name).uint32(50).bytes(g).uint32(160).int32(5).finish();
  }
  if (a.kind === 'graphs') throw new Error('no test writes graphs');
  const bytes = messageOf(a);
  return bytes.readSync?.(0, bytes.size) ?? bytes.read(0, bytes.size);
}

async function nodeBytes(n: OnnxNode): Promise<Uint8Array> {
  const w = protobuf.Writer.create();
  for (const name of n.inputs) w.uint32(10).string(name);
  for (const name of n.outputs) w.uint32(18).string(name);
  w.uint32(26).string(n.name).uint32(34).string(n.opType).uint32(58).string(n.domain);
  for (const a of n.attributes) w.uint32(42).bytes(await attributeBytes(a));
  return concat(w.finish(), n.rest ?? new Uint8Array());
}

function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

function valueBytes(v: OnnxValue): Uint8Array {
  const w = protobuf.Writer.create().uint32(10).string(v.name);
  if (v.type) w.uint32(18).bytes(protoOf(v.type));
  return w.finish();
}

async function graphBytes(g: OnnxGraph): Promise<Uint8Array> {
  const w = protobuf.Writer.create();
  for (const n of g.nodes) w.uint32(10).bytes(await nodeBytes(n));
  w.uint32(18).string(g.name || 'g');
  for (const t of g.initializers) w.uint32(42).bytes(await tensorBytes(t));
  for (const v of g.inputs) w.uint32(90).bytes(valueBytes(v));
  for (const v of g.outputs) w.uint32(98).bytes(valueBytes(v));
  for (const v of g.valueInfo) w.uint32(106).bytes(valueBytes(v));
  return concat(w.finish(), g.rest ?? new Uint8Array());
}

/** The file as it stands, without its functions. */
export async function fileBytes(file: OnnxFile): Promise<Uint8Array> {
  const w = protobuf.Writer.create();
  w.uint32(8).int64(Math.max(8, file.irVersion));
  w.uint32(58).bytes(await graphBytes(file.graph));
  for (const [domain, version] of file.opsets) w.uint32(66).fork().uint32(10).string(domain).uint32(16).int64(version).ldelim();
  return concat(w.finish(), file.rest ?? new Uint8Array());
}

export type Feeds = Readonly<Record<string, ort.Tensor>>;

/** What onnxruntime computes, its optimiser off; numbers by output. */
export async function runBytes(bytes: Uint8Array, feeds: Feeds): Promise<Record<string, readonly number[]>> {
  const session = await ort.InferenceSession.create(bytes, {
    graphOptimizationLevel: 'disabled',
    intraOpNumThreads: 1,
    logSeverityLevel: 4,
  });
  try {
    const out = await session.run(feeds);
    return Object.fromEntries(session.outputNames.map((name) => [name, Array.from(out[name]?.data ?? [], Number)]));
  } finally {
    await session.release();
  }
}

/** Floats in (-2, 2), the same every time. */
export function feed(dims: readonly number[], seed = 1): ort.Tensor {
  let state = seed >>> 0;
  const data = Float32Array.from({ length: dims.reduce((n, d) => n * d, 1) }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.fround((state / 2 ** 32) * 4 - 2);
  });
  return new ort.Tensor('float32', data, [...dims]);
}
