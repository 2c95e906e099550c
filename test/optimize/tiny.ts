/**
 * ONNX models of a few nodes over constants of any bits, encoded by onnx-proto, and what onnxruntime makes of them: numbers come
 * out as they are, 64-bit integers as bigints, so that nothing here goes through the tensors that are tested.
 */
import proto from 'onnx-proto';
import * as ort from 'onnxruntime-node';
import { type ElemType, elemBytes, elementCount, isFloat } from '../../src/ir/types.ts';
import { encode } from '../../src/tensor/round.ts';
import { dataTypes, irVersionOf } from './onnx-case.ts';

export type Numeric = number | bigint;

export interface TinyTensor {
  readonly elem: ElemType;
  readonly dims: readonly number[];
  readonly data: readonly Numeric[];
}

/** The body of a branch or a loop. */
export interface TinyGraph {
  readonly parameters?: readonly string[];
  readonly nodes: readonly TinyNode[];
  readonly outputs: readonly string[];
}

/** `int` as bigint, `float` as number, else by what it is; an empty list is one of ints. */
export type TinyAttribute =
  | number
  | bigint
  | string
  | readonly bigint[]
  | readonly number[]
  | readonly string[]
  | TinyTensor
  | TinyGraph;

export interface TinyNode {
  readonly op: string;
  /** ONNX's own by default. */
  readonly domain?: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attrs?: Readonly<Record<string, TinyAttribute>>;
}

export interface Tiny {
  readonly opset?: number;
  readonly inputs?: Readonly<Record<string, { readonly elem: ElemType; readonly dims: readonly (number | string)[] }>>;
  readonly constants: Readonly<Record<string, TinyTensor>>;
  readonly nodes: readonly TinyNode[];
  readonly outputs: readonly string[];
}

export const tensor = (elem: ElemType, dims: readonly number[], ...data: readonly Numeric[]): TinyTensor => ({
  elem,
  dims,
  data,
});
/** A vector. */
export const vector = (elem: ElemType, ...data: readonly Numeric[]): TinyTensor => ({ elem, dims: [data.length], data });

export function tensorBytes({ elem, dims, data }: TinyTensor): Uint8Array<ArrayBuffer> {
  const count = elementCount(dims);
  const bytes = new Uint8Array(count * elemBytes[elem]);
  const all = Array.from({ length: count }, (_, i) => data[i] ?? data.at(-1) ?? 0);
  if (elem === 'i64') new BigInt64Array(bytes.buffer).set(all.map((v) => BigInt(v)));
  else if (elem === 'u64') new BigUint64Array(bytes.buffer).set(all.map((v) => BigInt(v)));
  else encode(elem, Float64Array.from(all, Number), count, bytes);
  return bytes;
}

const { AttributeType } = proto.onnx.AttributeProto;

/** protobufjs takes a Long where a number has more than 53 bits. */
function long(value: bigint): number {
  const bits = BigInt.asIntN(64, value);
  return {
    low: Number(BigInt.asIntN(32, bits)),
    high: Number(BigInt.asIntN(32, bits >> 32n)),
    unsigned: false,
  } as unknown as number;
}

function attributeProto(name: string, value: TinyAttribute): proto.onnx.IAttributeProto {
  if (typeof value === 'bigint') return { name, type: AttributeType.INT, i: long(value) };
  if (typeof value === 'number') return { name, type: AttributeType.FLOAT, f: value };
  if (typeof value === 'string') return { name, type: AttributeType.STRING, s: new TextEncoder().encode(value) };
  if ('nodes' in value)
    return {
      name,
      type: AttributeType.GRAPH,
      g: {
        name,
        node: value.nodes.map(nodeProto),
        input: (value.parameters ?? []).map((one) => ({ name: one })),
        output: value.outputs.map((one) => ({ name: one })),
      },
    };
  if ('elem' in value)
    return {
      name,
      type: AttributeType.TENSOR,
      t: { dims: [...value.dims], dataType: dataTypes[value.elem], rawData: tensorBytes(value) },
    };
  if (typeof value[0] === 'number') return { name, type: AttributeType.FLOATS, floats: value.map(Number) };
  if (typeof value[0] === 'string') {
    const encoder = new TextEncoder();
    return { name, type: AttributeType.STRINGS, strings: value.map((v) => encoder.encode(String(v))) };
  }
  return { name, type: AttributeType.INTS, ints: value.map((v) => long(BigInt(v))) };
}

function nodeProto({ op, domain, inputs, outputs, attrs }: TinyNode): proto.onnx.INodeProto {
  return {
    opType: op,
    ...(domain !== undefined && { domain }),
    input: [...inputs],
    output: [...outputs],
    attribute: Object.entries(attrs ?? {}).map(([name, value]) => attributeProto(name, value)),
  };
}

/** The domain of onnxruntime's own operators. */
const microsoft = 'com.microsoft';

export function tinyBytes(tiny: Tiny): Uint8Array {
  const opset = tiny.opset ?? 17;
  return proto.onnx.ModelProto.encode({
    irVersion: irVersionOf(opset),
    opsetImport: [
      { domain: '', version: opset },
      ...(tiny.nodes.some(({ domain }) => domain === microsoft) ? [{ domain: microsoft, version: 1 }] : []),
    ],
    graph: {
      name: 'g',
      input: Object.entries(tiny.inputs ?? {}).map(([name, { elem, dims }]) => ({
        name,
        type: {
          tensorType: {
            elemType: dataTypes[elem],
            shape: { dim: dims.map((d) => (typeof d === 'number' ? { dimValue: d } : { dimParam: d })) },
          },
        },
      })),
      initializer: Object.entries(tiny.constants).map(([name, one]) => ({
        name,
        dims: [...one.dims],
        dataType: dataTypes[one.elem],
        rawData: tensorBytes(one),
      })),
      node: tiny.nodes.map(nodeProto),
      output: tiny.outputs.map((name) => ({ name })),
    },
  }).finish();
}

export interface TinyResult {
  readonly type: string;
  readonly dims: readonly number[];
  readonly data: readonly Numeric[];
}

/** What onnxruntime gives, its optimiser off; the message where it refuses. */
export async function runTiny(
  model: Uint8Array,
  feeds: Readonly<Record<string, TinyTensor>> = {},
  level: 'disabled' | 'all' = 'disabled',
): Promise<Readonly<Record<string, TinyResult>> | string> {
  try {
    const session = await ort.InferenceSession.create(model, {
      graphOptimizationLevel: level,
      intraOpNumThreads: 1,
      logSeverityLevel: 4,
    });
    try {
      const given: Record<string, ort.Tensor> = {};
      for (const [name, one] of Object.entries(feeds)) given[name] = feedOf(one);
      const found = await session.run(given);
      return Object.fromEntries(
        Object.entries(found).map(([name, { type, dims, data }]) => [
          name,
          { type, dims, data: Array.from(data as ArrayLike<Numeric>) },
        ]),
      );
    } finally {
      await session.release();
    }
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function feedOf(one: TinyTensor): ort.Tensor {
  const bytes = tensorBytes(one);
  switch (one.elem) {
    case 'f32':
      return new ort.Tensor('float32', new Float32Array(bytes.buffer), one.dims);
    case 'f64':
      return new ort.Tensor('float64', new Float64Array(bytes.buffer), one.dims);
    case 'i64':
      return new ort.Tensor('int64', new BigInt64Array(bytes.buffer), one.dims);
    case 'u64':
      return new ort.Tensor('uint64', new BigUint64Array(bytes.buffer), one.dims);
    case 'i32':
      return new ort.Tensor('int32', new Int32Array(bytes.buffer), one.dims);
    case 'bool':
      return new ort.Tensor('bool', bytes, one.dims);
    default:
      throw new Error(`an input of type ${one.elem}${isFloat(one.elem) ? '' : ', an integer'}`);
  }
}

/** `-0` and NaN told apart, so that texts are compared. */
export function shown(result: TinyResult): string {
  const one = (v: Numeric): string => (Object.is(v, -0) ? '-0' : String(v));
  return `${result.type}[${result.dims.join(', ')}] ${result.data.map(one).join(' ')}`;
}
