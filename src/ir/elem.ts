/**
 * What there is to know of an element type, in one record each; every fact about a type is asked here, and a type is added by its
 * row. Behind them the types that files have and graphs have not: values of those are carried as they are.
 *
 * Floats: IEEE 754-2019 binary16, binary32 and binary64; bf16 is binary32 cut to 8 significant bits. ONNX: onnx.proto,
 * TensorProto. safetensors: huggingface/safetensors, `Dtype`. NumPy: numpy.dtype, "Array-protocol type strings". PyTorch:
 * torch/storage.py and torch/_utils.py.
 */

export interface FloatFacts {
  /** Significant bits, the first one included. */
  readonly significand: number;
  /** What is added to the exponent of a normal number where it is stored. */
  readonly bias: number;
  /** The largest finite number. */
  readonly largest: number;
  /** The smallest magnitude that rounds to infinity: half a step above the largest number, which rounds to even and so away. */
  readonly overflow: number;
  /** The smallest normal number: below it there are fewer significant bits, and some runtimes flush to 0. */
  readonly smallestNormal: number;
  /** The smallest number above 0. */
  readonly smallest: number;
  /** Its exponent of two: no number of the type is finer. */
  readonly finest: number;
  /** Half a step, relative: how far a number of the normal range is off that was rounded once. */
  readonly roundoff: number;
  readonly tolerance: Tolerance;
}

/** How far the outputs of a network may be from their reference, relative to the largest number: many roundings, not one. */
export interface Tolerance {
  /** Beyond it a result is wrong where no noise of its own operators explains it. */
  readonly limit: number;
  /** What is nearer than this is never doubted. */
  readonly floor: number;
}

/**
 * A typed array that holds elements in the machine's order: numbers, or the bits of floats that JavaScript has no array of.
 */
export type ElemArray =
  | typeof Float32Array
  | typeof Float64Array
  | typeof BigInt64Array
  | typeof BigUint64Array
  | typeof Int32Array
  | typeof Uint32Array
  | typeof Int16Array
  | typeof Uint16Array
  | typeof Int8Array
  | typeof Uint8Array;

/** The fields of TensorProto that hold numbers, by their names in onnx.proto. */
export type OnnxDataField = 'float_data' | 'int32_data' | 'int64_data' | 'double_data' | 'uint64_data';

export interface ElemFacts {
  /** Of one element in a file. */
  readonly bytes: number;
  /** TensorProto.DataType. */
  readonly onnx: number;
  /** In the text forms of ONNX. */
  readonly onnxName: string;
  /** The field of TensorProto for elements that are not raw. */
  readonly onnxField: OnnxDataField;
  /** In NumPy, PyTorch and onnxruntime's interface for JavaScript. */
  readonly dtype: string;
  /** NumPy's type string without the byte order; absent where NumPy has no such type. */
  readonly numpy?: string;
  /** The class of its storages in `torch`; absent where only a dtype beside the storage says it. */
  readonly torchStorage?: string;
  /** Other names of the dtype in `torch`. */
  readonly torchAliases?: readonly string[];
  readonly safetensors: string;
  /** The place in safetensors' `Dtype`, by which its writer sorts tensors. */
  readonly safetensorsOrder: number;
  readonly array: ElemArray;
  /** Whether onnxruntime's interface for JavaScript has tensors of it. */
  readonly exchanged: boolean;
  /** Present for floats; then `integers` is absent. */
  readonly float?: FloatFacts;
  /**
   * The smallest and the largest integer; those of 64 bits are the nearest float64, 2^63 − 1 and 2^64 − 1 themselves being none.
   */
  readonly integers?: readonly [low: number, high: number];
}

/** A float type of IEEE 754-2019 (3.3): its largest exponent of two is the bias as well. */
export function ieeeFloat(significand: number, maxExponent: number, tolerance: Tolerance): FloatFacts {
  const finest = 2 - maxExponent - significand;
  return {
    significand,
    bias: maxExponent,
    largest: (2 - 2 ** (1 - significand)) * 2 ** maxExponent,
    // For f64 that is 2^1024, which is infinity here as well.
    overflow: (2 - 2 ** -significand) * 2 ** maxExponent,
    smallestNormal: 2 ** (1 - maxExponent),
    smallest: 2 ** finest,
    finest,
    roundoff: 2 ** -significand,
    tolerance,
  };
}

const signed = (bits: number): readonly [number, number] => [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1];
const unsigned = (bits: number): readonly [number, number] => [0, 2 ** bits - 1];

/** The fields of NumPy, PyTorch and onnxruntime, side by side. */
const names = <const Numpy extends string, const Storage extends string>(
  dtype: string,
  numpy: Numpy,
  torchStorage: Storage,
  ...torchAliases: readonly string[]
) => ({ dtype, numpy, torchStorage, torchAliases, exchanged: true });

const safetensors = (name: string, order: number) => ({ safetensors: name, safetensorsOrder: order });
const onnx = <const Field extends ElemFacts['onnxField']>(type: number, name: string, field: Field) => ({
  onnx: type,
  onnxName: name,
  onnxField: field,
});

const rows = {
  f32: {
    ...onnx(1, 'float', 'float_data'),
    ...names('float32', 'f4', 'FloatStorage', 'float'),
    ...safetensors('F32', 9),
    bytes: 4,
    array: Float32Array,
    float: ieeeFloat(24, 127, { limit: 1e-5, floor: 2 ** -18 }),
  },
  f16: {
    ...onnx(10, 'float16', 'int32_data'),
    ...names('float16', 'f2', 'HalfStorage', 'half'),
    ...safetensors('F16', 5),
    bytes: 2,
    array: Uint16Array,
    float: ieeeFloat(11, 15, { limit: 1e-2, floor: 2 ** -9 }),
  },
  bf16: {
    ...onnx(16, 'bfloat16', 'int32_data'),
    ...safetensors('BF16', 6),
    dtype: 'bfloat16',
    torchStorage: 'BFloat16Storage',
    exchanged: false,
    bytes: 2,
    array: Uint16Array,
    float: ieeeFloat(8, 127, { limit: 8e-2, floor: 2 ** -6 }),
  },
  f64: {
    ...onnx(11, 'double', 'double_data'),
    ...names('float64', 'f8', 'DoubleStorage', 'double'),
    ...safetensors('F64', 10),
    bytes: 8,
    array: Float64Array,
    float: ieeeFloat(53, 1023, { limit: 1e-9, floor: 2 ** -40 }),
  },
  i64: {
    ...onnx(7, 'int64', 'int64_data'),
    ...names('int64', 'i8', 'LongStorage', 'long'),
    ...safetensors('I64', 11),
    bytes: 8,
    array: BigInt64Array,
    integers: signed(64),
  },
  i32: {
    ...onnx(6, 'int32', 'int32_data'),
    ...names('int32', 'i4', 'IntStorage', 'int'),
    ...safetensors('I32', 7),
    bytes: 4,
    array: Int32Array,
    integers: signed(32),
  },
  i16: {
    ...onnx(5, 'int16', 'int32_data'),
    ...names('int16', 'i2', 'ShortStorage', 'short'),
    ...safetensors('I16', 3),
    bytes: 2,
    array: Int16Array,
    integers: signed(16),
  },
  i8: {
    ...onnx(3, 'int8', 'int32_data'),
    ...names('int8', 'i1', 'CharStorage'),
    ...safetensors('I8', 2),
    bytes: 1,
    array: Int8Array,
    integers: signed(8),
  },
  u64: {
    ...onnx(13, 'uint64', 'uint64_data'),
    ...safetensors('U64', 12),
    dtype: 'uint64',
    numpy: 'u8',
    exchanged: true,
    bytes: 8,
    array: BigUint64Array,
    integers: unsigned(64),
  },
  u32: {
    ...onnx(12, 'uint32', 'uint64_data'),
    ...safetensors('U32', 8),
    dtype: 'uint32',
    numpy: 'u4',
    exchanged: true,
    bytes: 4,
    array: Uint32Array,
    integers: unsigned(32),
  },
  u16: {
    ...onnx(4, 'uint16', 'int32_data'),
    ...safetensors('U16', 4),
    dtype: 'uint16',
    numpy: 'u2',
    exchanged: true,
    bytes: 2,
    array: Uint16Array,
    integers: unsigned(16),
  },
  u8: {
    ...onnx(2, 'uint8', 'int32_data'),
    ...names('uint8', 'u1', 'ByteStorage'),
    ...safetensors('U8', 1),
    bytes: 1,
    array: Uint8Array,
    integers: unsigned(8),
  },
  bool: {
    ...onnx(9, 'bool', 'int32_data'),
    ...names('bool', 'b1', 'BoolStorage'),
    ...safetensors('BOOL', 0),
    bytes: 1,
    array: Uint8Array,
    integers: [0, 1],
  },
} as const satisfies Readonly<Record<string, ElemFacts>>;

/** Element types of tensors, by the names that sources use. */
export type ElemType = keyof typeof rows;
export const elemTypes = Object.keys(rows) as readonly ElemType[];
export const elemFacts: Readonly<Record<ElemType, ElemFacts>> = rows;

/** The element types whose row has this. */
type With<T> = { readonly [K in ElemType]: (typeof rows)[K] extends T ? K : never }[ElemType];
export type FloatElem = With<{ readonly float: FloatFacts }>;
/** Integers that float64 does not hold. */
export type WideElem = With<{ readonly array: typeof BigInt64Array | typeof BigUint64Array }>;
export type IntegerElem = Exclude<ElemType, FloatElem | 'bool'>;

/** One fact of every element type, by the type's name. */
export function factOf<T>(fact: (facts: ElemFacts) => T): Readonly<Record<ElemType, T>> {
  return Object.fromEntries(elemTypes.map((elem) => [elem, fact(elemFacts[elem])])) as Record<ElemType, T>;
}

/** The element types by a fact that tells them apart; those without it are left out. */
export function elemsBy<K>(fact: (facts: ElemFacts) => K | undefined): ReadonlyMap<K, ElemType> {
  const out = new Map<K, ElemType>();
  for (const elem of elemTypes) {
    const key = fact(elemFacts[elem]);
    if (key !== undefined) out.set(key, elem);
  }
  return out;
}

export function isElemType(name: string): name is ElemType {
  return Object.hasOwn(rows, name);
}

const floats = factOf((facts) => facts.float !== undefined);

export function isFloat(elem: ElemType): elem is FloatElem {
  return floats[elem];
}

export function isWideElem(elem: ElemType): elem is WideElem {
  return !floats[elem] && elemFacts[elem].bytes === 8;
}

/** Of integers and booleans: there is none below 0. */
export function isUnsigned(elem: ElemType): boolean {
  return elemFacts[elem].integers?.[0] === 0;
}

export function floatFacts(elem: FloatElem): FloatFacts;
export function floatFacts(elem: ElemType): FloatFacts | undefined;
export function floatFacts(elem: ElemType): FloatFacts | undefined {
  return elemFacts[elem].float;
}

/**
 * The integers of a type that are no larger in size than `most`, 2^53 being where float64 begins to leave some out; undefined for
 * floats.
 */
export function integerRange(elem: ElemType, most = 2 ** 53): readonly [low: number, high: number] | undefined {
  const { integers } = elemFacts[elem];
  return integers && [Math.max(integers[0], -most), Math.min(integers[1], most)];
}

/** Every number of `from` is a number of `to`, so that converting there loses nothing. */
export function isLossless(from: ElemType, to: ElemType): boolean {
  if (from === to) return true;
  const { float: a, integers: whole } = elemFacts[from];
  const { float: b, integers: room } = elemFacts[to];
  // A product of significand and exponent: each must have room.
  if (a) return b !== undefined && a.significand <= b.significand && a.largest <= b.largest && a.smallest >= b.smallest;
  if (!whole) return false;
  if (b) return 2 ** b.significand >= whole[1] && whole[1] <= b.largest;
  return room !== undefined && whole[0] >= room[0] && whole[1] <= room[1];
}

const byOnnx = elemsBy((facts) => facts.onnx);

/**
 * The element type of a TensorProto.DataType; undefined for strings, 4-bit and 8-bit floats, and others that the graph has not.
 */
export function elemOfDataType(dataType: number): ElemType | undefined {
  return byOnnx.get(dataType);
}

// --------------------------------------------------------------------------------------------------- types of files alone

/** An element type that the graph has not. */
export interface OtherElem {
  /** In the text forms of ONNX, or PyTorch's. */
  readonly name: string;
  /** TensorProto.DataType. */
  readonly onnx?: number;
  /** Of one element; absent where they differ in length. Elements of less than 8 bits lie side by side in a byte. */
  readonly bits?: number;
  /**
   * The element type of the numbers that `onnxField` holds, where they are no bytes of raw_data: real and imaginary parts in
   * turn.
   */
  readonly parts?: FloatElem;
  /** The class of its storages in `torch`, one of whose elements has `bits`. */
  readonly torchStorage?: string;
}

export const otherElems: readonly OtherElem[] = [
  { name: 'string', onnx: 8 },
  { name: 'complex64', onnx: 14, bits: 64, parts: 'f32', torchStorage: 'ComplexFloatStorage' },
  { name: 'complex128', onnx: 15, bits: 128, parts: 'f64', torchStorage: 'ComplexDoubleStorage' },
  { name: 'float8e4m3fn', onnx: 17, bits: 8 },
  { name: 'float8e4m3fnuz', onnx: 18, bits: 8 },
  { name: 'float8e5m2', onnx: 19, bits: 8 },
  { name: 'float8e5m2fnuz', onnx: 20, bits: 8 },
  { name: 'uint4', onnx: 21, bits: 4 },
  { name: 'int4', onnx: 22, bits: 4 },
  { name: 'float4e2m1', onnx: 23, bits: 4 },
  { name: 'float8e8m0', onnx: 24, bits: 8 },
  { name: 'uint2', onnx: 25, bits: 2 },
  { name: 'int2', onnx: 26, bits: 2 },
  { name: 'qint8', bits: 8, torchStorage: 'QInt8Storage' },
  { name: 'quint8', bits: 8, torchStorage: 'QUInt8Storage' },
  { name: 'qint32', bits: 32, torchStorage: 'QInt32Storage' },
  // Two and four numbers to each element of the storage.
  { name: 'quint4x2', bits: 8, torchStorage: 'QUInt4x2Storage' },
  { name: 'quint2x4', bits: 8, torchStorage: 'QUInt2x4Storage' },
];

const othersByOnnx = new Map(otherElems.flatMap((other) => (other.onnx === undefined ? [] : [[other.onnx, other] as const])));

/**
 * The element type of a TensorProto.DataType that the graph has not; undefined where it has it, and for numbers that stand for
 * nothing.
 */
export function otherElem(dataType: number): OtherElem | undefined {
  return othersByOnnx.get(dataType);
}

/** What ONNX's text forms call a TensorProto.DataType; undefined for numbers that stand for nothing. */
export function dataTypeName(dataType: number): string | undefined {
  const elem = elemOfDataType(dataType);
  return elem ? elemFacts[elem].onnxName : otherElem(dataType)?.name;
}
