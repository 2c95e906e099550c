/**
 * An ONNX model as bytes, in constant memory: sizes are computed first, then messages go out as they are encoded and weights as
 * they are computed, 32 Ki elements at a time.
 */
import { checkArgument, onnxModelKind } from '../diagnostics/arguments.ts';
import { outside } from '../diagnostics/at.ts';
import { foldedNotFinite, tooLargeForOneFile } from '../diagnostics/catalogue/codegen.ts';
import { bug, fail } from '../diagnostics/diagnostic.ts';
import { floatFacts } from '../ir/elem.ts';
import { elemBytes, elementCount, isFloat } from '../ir/types.ts';
import { isWideElem, wideArray } from '../ir/wide.ts';
import { sourcesOf } from '../tensor/algebra.ts';
import { fillFloats, type WeightExpr } from '../tensor/expr.ts';
import { encode, encodeIntegers } from '../tensor/round.ts';
import { floatsFinite, giveRoom, roomFloats, takeRoom } from '../tensor/simd.ts';
import { type ByteSpan, spanOf } from '../tensor/stored.ts';
import { declared, docOf, type MadeTensor, tensorHead, writeAttribute, writeNode, writeValue } from './encode.ts';
import type { OnnxFunction, OnnxGraph, OnnxModel, OnnxTensor } from './model.ts';
import {
  externalLocation,
  FunctionProto,
  GraphProto,
  ModelProto,
  OperatorSetIdProto,
  StringStringEntryProto,
  TensorProto,
} from './proto.ts';
import { bytesFieldSize, intFieldSize, type ProtoField, stringFieldSize, WireWriter } from './wire.ts';

/** What protobuf's readers allow one message. */
export const largestMessage = 2 ** 31 - 1;
/** Elements computed at a time. */
export const chunkElements = 32768;
/** Smaller tensors stay in the model: shape inference reads them, and they would waste a page each. */
const smallestExternal = 4096;

/** Which initializers lie in a data file, and where in it. */
export interface ExternalLayout {
  /** The data file's name, relative to the model's folder. */
  readonly location: string;
  /** Of the data file. */
  readonly bytes: number;
  readonly entries: ReadonlyMap<OnnxTensor, { readonly offset: number; readonly length: number }>;
}

/** Places every initializer of 4 KiB and more at a multiple of `align` (a power of two, 4096 by default). */
export function externalLayout(model: OnnxModel, location: string, align = 4096): ExternalLayout {
  const entries = new Map<OnnxTensor, { offset: number; length: number }>();
  let end = 0;
  for (const initializer of model.graph.initializers) {
    if (initializer.kind === 'proto') continue;
    const length = tensorBytes(initializer);
    if (length < smallestExternal) continue;
    const offset = Math.ceil(end / align) * align;
    entries.set(initializer, { offset, length });
    end = offset + length;
  }
  return { location, bytes: end, entries };
}

/** Bytes of an initializer's elements. */
export function tensorBytes(initializer: MadeTensor): number {
  const { elem, dims } = declared(initializer).elements;
  return elementCount(dims) * elemBytes[elem];
}

/** Bytes of the model as `encodeModel` gives it, computed without computing a weight. */
export function modelSize(model: OnnxModel, external?: ExternalLayout): number {
  return plan(model, external).bytes;
}

/** What the writer asks of an AbortSignal, which is one. */
export interface StopSignal {
  throwIfAborted(): void;
}

export interface EncodeOptions {
  /** Leaves these weights to a data file, which `externalData` gives. */
  readonly external?: ExternalLayout | undefined;
  /** Stops with the signal's reason. */
  readonly signal?: StopSignal | undefined;
}

/** What is written next. Bytes are valid until the next piece is asked for: the buffers are used again. */
export type Piece = Uint8Array | ByteSpan;
export type Pieces = AsyncGenerator<Piece, void, undefined>;

/**
 * The model's bytes in order. Each piece is valid until the next one is asked for: the buffers are used again. The bytes depend
 * on the model alone. Throws `DiagnosticError` when a folded weight is not finite.
 */
export async function* encodeModel(model: OnnxModel, options: EncodeOptions = {}): AsyncGenerator<Uint8Array, void, undefined> {
  checkArgument('encodeModel', 'model', model, onnxModelKind);
  yield* bytesOf(modelPieces(model, options), options.signal);
}

/** Bytes read at a time: a read and a write cost a turn of the event loop each. */
const readAtOnce = 1048576;

/** The pieces, and spans of them read. */
export async function* bytesOf(pieces: Pieces, signal?: StopSignal | undefined): AsyncGenerator<Uint8Array, void, undefined> {
  let room: Uint8Array | undefined;
  for await (const piece of pieces) {
    if (piece instanceof Uint8Array) {
      yield piece;
      continue;
    }
    const { source, offset, length } = piece;
    for (let at = 0; at < length; at += readAtOnce) {
      signal?.throwIfAborted();
      const bytes = Math.min(readAtOnce, length - at);
      if (source.readInto) {
        room ??= new Uint8Array(readAtOnce);
        source.readInto(offset + at, room.subarray(0, bytes));
        yield room.subarray(0, bytes);
      } else yield source.readSync ? source.readSync(offset + at, bytes) : await source.read(offset + at, bytes);
    }
  }
}

/** The model in pieces, in order: what `encodeModel` gives, but for weights that lie in a file as they are written. */
export async function* modelPieces(model: OnnxModel, options: EncodeOptions = {}): Pieces {
  const chunks = new Chunks();
  try {
    yield* piecesOf(model, options, chunks);
  } finally {
    chunks.done();
  }
}

async function* piecesOf(model: OnnxModel, { external, signal }: EncodeOptions, chunks: Chunks): Pieces {
  const { graphBytes, initializerBytes } = plan(model, external);
  const writer = new WireWriter(2 * flushAt);
  const { graph } = model;
  modelHead(writer, model);
  writer.bytesHeader(ModelProto.graph, graphBytes);
  for (const node of graph.nodes) {
    writer.message(GraphProto.node, () => writeNode(writer, node));
    if (writer.length < flushAt && writer.holes.length === 0) continue;
    signal?.throwIfAborted();
    yield* drained(writer);
  }
  writer.stringField(GraphProto.name, graph.name);
  for (const [i, initializer] of graph.initializers.entries()) {
    if (initializer.kind === 'proto') {
      writer.lazyField(GraphProto.initializer, initializer.bytes);
      yield* drained(writer);
      continue;
    }
    const { dataType, dims, elements } = declared(initializer);
    writer.bytesHeader(GraphProto.initializer, initializerBytes[i] ?? bug('an initializer that was not planned'));
    tensorHead(writer, initializer.name, dataType, dims);
    if (!external?.entries.has(initializer)) {
      const bytes = tensorBytes(initializer);
      writer.bytesHeader(TensorProto.raw_data, bytes);
      if (bytes <= flushAt) {
        // Small ones are gathered without a turn of the event loop each: there may be 100,000 of them.
        for (let start = 0; start < elements.count; start += chunkElements) {
          const piece = chunks.at(initializer.name, elements, start);
          writer.raw(piece instanceof Promise ? await piece : piece);
        }
      } else {
        yield writer.view();
        writer.reset();
        yield* chunks.of(initializer.name, elements, signal);
      }
    }
    tensorTail(writer, initializer, external);
    if (writer.length < flushAt) continue;
    yield writer.view();
    writer.reset();
  }
  for (const [field, values] of valueLists(graph)) {
    for (const value of values) {
      writeValue(writer, field, value);
      if (writer.length < flushAt) continue;
      yield writer.view();
      writer.reset();
    }
  }
  if (graph.rest) writer.raw(graph.rest);
  modelTail(writer, model);
  yield* drained(writer);
}

/** Bytes gathered before they are handed on. */
const flushAt = 65536;

/** What the writer gathered, with its holes between. The writer is empty then. */
function* drained(writer: WireWriter): Generator<Piece, void, undefined> {
  const gathered = writer.view();
  let from = 0;
  for (const { at, bytes } of writer.holes) {
    if (at > from) yield gathered.subarray(from, at);
    from = at;
    yield { source: bytes, offset: 0, length: bytes.size };
  }
  if (from < gathered.length) yield gathered.subarray(from);
  writer.reset();
}

/** The data file in pieces, in order, gaps as zeros. */
export async function* externalData(model: OnnxModel, layout: ExternalLayout, signal?: StopSignal | undefined): Pieces {
  const chunks = new Chunks();
  const zeros = new Uint8Array(65536);
  let at = 0;
  try {
    for (const initializer of model.graph.initializers) {
      const entry = layout.entries.get(initializer);
      if (!entry || initializer.kind === 'proto') continue;
      while (at < entry.offset) {
        const gap = Math.min(zeros.length, entry.offset - at);
        yield zeros.subarray(0, gap);
        at += gap;
      }
      yield* chunks.of(initializer.name, declared(initializer).elements, signal);
      at += entry.length;
    }
  } finally {
    chunks.done();
  }
}

/** The whole model in memory. Throws `DiagnosticError` beyond 2 GiB and when a folded weight is not finite. */
export async function onnxBytes(model: OnnxModel): Promise<Uint8Array> {
  checkArgument('onnxBytes', 'model', model, onnxModelKind);
  const bytes = modelSize(model);
  if (bytes > largestMessage) fail(tooLargeForOneFile, { with: { bytes, limit: largestMessage } });
  const out = new Uint8Array(bytes);
  let at = 0;
  for await (const piece of encodeModel(model)) {
    out.set(piece, at);
    at += piece.length;
  }
  if (at !== bytes) bug(`the model was planned as ${bytes} bytes and came out as ${at}`);
  return out;
}

interface Plan {
  readonly bytes: number;
  readonly graphBytes: number;
  /** Of the message of each, tag and length not counted. */
  readonly initializerBytes: readonly number[];
}
/** Of models without a data file, whose size is asked for before they are encoded. */
const plans = new WeakMap<OnnxModel, Plan>();

function plan(model: OnnxModel, external: ExternalLayout | undefined): Plan {
  if (external) return newPlan(model, external);
  let known = plans.get(model);
  if (!known) {
    known = newPlan(model, undefined);
    plans.set(model, known);
  }
  return known;
}

function newPlan(model: OnnxModel, external: ExternalLayout | undefined): Plan {
  const writer = new WireWriter(4096, { measures: true });
  const measure = (write: () => void): number => {
    writer.reset();
    write();
    return writer.total;
  };
  const { graph } = model;
  let graphBytes = stringFieldSize(GraphProto.name, graph.name);
  for (const node of graph.nodes) graphBytes += measure(() => writer.message(GraphProto.node, () => writeNode(writer, node)));
  const initializerBytes = graph.initializers.map((one) => (one.kind === 'proto' ? one.bytes.size : tensorSize(one, external)));
  for (const bytes of initializerBytes) graphBytes += bytesFieldSize(GraphProto.initializer, bytes);
  for (const [field, values] of valueLists(graph))
    for (const value of values) graphBytes += measure(() => writeValue(writer, field, value));
  graphBytes += graph.rest?.length ?? 0;
  const around = measure(() => {
    modelHead(writer, model);
    modelTail(writer, model);
  });
  return { bytes: around + bytesFieldSize(ModelProto.graph, graphBytes), graphBytes, initializerBytes };
}

const valueLists = (graph: OnnxGraph) =>
  [
    [GraphProto.input, graph.inputs],
    [GraphProto.output, graph.outputs],
    [GraphProto.value_info, graph.valueInfo],
  ] as const;

function modelHead(writer: WireWriter, model: OnnxModel): void {
  writer.intField(ModelProto.ir_version, model.irVersion);
  if (model.producerName !== '') writer.stringField(ModelProto.producer_name, model.producerName);
  if (model.producerVersion !== '') writer.stringField(ModelProto.producer_version, model.producerVersion);
}

function modelTail(writer: WireWriter, model: OnnxModel): void {
  writeOpsets(writer, ModelProto.opset_import, model.opsets);
  for (const [key, value] of model.metadata) writer.message(ModelProto.metadata_props, () => writeEntry(writer, key, value));
  for (const bytes of model.training ?? []) writer.lazyField(ModelProto.training_info, bytes);
  for (const one of model.functions) writer.message(ModelProto.functions, () => writeFunction(writer, one));
  if (model.rest) writer.raw(model.rest);
}

function writeOpsets(writer: WireWriter, field: ProtoField<'message'>, opsets: ReadonlyMap<string, number>): void {
  for (const [domain, version] of opsets) {
    writer.message(field, () => {
      writer.stringField(OperatorSetIdProto.domain, domain);
      writer.intField(OperatorSetIdProto.version, version);
    });
  }
}

function writeFunction(writer: WireWriter, one: OnnxFunction): void {
  writer.stringField(FunctionProto.name, one.name);
  for (const name of one.inputs) writer.stringField(FunctionProto.input, name);
  for (const name of one.outputs) writer.stringField(FunctionProto.output, name);
  for (const name of one.attributes) writer.stringField(FunctionProto.attribute, name);
  for (const node of one.nodes) writer.message(FunctionProto.node, () => writeNode(writer, node));
  writeOpsets(writer, FunctionProto.opset_import, one.opsets);
  writer.stringField(FunctionProto.domain, one.domain);
  for (const attribute of one.defaults) writeAttribute(writer, FunctionProto.attribute_proto, attribute);
  if (one.overload !== '') writer.stringField(FunctionProto.overload, one.overload);
  if (one.rest) writer.raw(one.rest);
}

function writeEntry(writer: WireWriter, key: string, value: string): void {
  writer.stringField(StringStringEntryProto.key, key);
  writer.stringField(StringStringEntryProto.value, value);
}

/** Bytes of a TensorProto, elements included. */
function tensorSize(initializer: MadeTensor, external: ExternalLayout | undefined): number {
  const { name } = initializer;
  const { dataType, dims } = declared(initializer);
  const doc = docOf(initializer);
  let size = intFieldSize(TensorProto.data_type, dataType) + (name === '' ? 0 : stringFieldSize(TensorProto.name, name));
  for (const dim of dims) size += intFieldSize(TensorProto.dims, dim);
  if (doc !== undefined) size += stringFieldSize(TensorProto.doc_string, doc);
  if (!external?.entries.has(initializer)) return size + bytesFieldSize(TensorProto.raw_data, tensorBytes(initializer));
  for (const [key, value] of externalEntries(initializer, external)) {
    const entry = stringFieldSize(StringStringEntryProto.key, key) + stringFieldSize(StringStringEntryProto.value, value);
    size += bytesFieldSize(TensorProto.external_data, entry);
  }
  return size + intFieldSize(TensorProto.data_location, externalLocation);
}

/** What stands behind raw_data, or in its place. */
function tensorTail(writer: WireWriter, initializer: OnnxTensor, external: ExternalLayout | undefined): void {
  const doc = docOf(initializer);
  if (doc !== undefined) writer.stringField(TensorProto.doc_string, doc);
  if (!external?.entries.has(initializer)) return;
  for (const [key, value] of externalEntries(initializer, external))
    writer.message(TensorProto.external_data, () => writeEntry(writer, key, value));
  writer.intField(TensorProto.data_location, externalLocation);
}

function externalEntries(initializer: OnnxTensor, external: ExternalLayout): readonly (readonly [string, string])[] {
  const entry = external.entries.get(initializer) ?? bug(`${initializer.name} has no place in the data file`);
  return [
    ['location', external.location],
    ['offset', String(entry.offset)],
    ['length', String(entry.length)],
  ];
}

/** Tensors of fewer elements, biases and the like, have most often been computed by a pass already. */
const fewElements = 1024;

/** Computes and rounds elements a piece at a time, into two buffers that every tensor shares. */
class Chunks {
  readonly #numbers = new Float64Array(chunkElements);
  readonly #bytes = new Uint8Array(chunkElements * 8);
  #room: Float32Array | undefined;

  async *of(name: string, expr: WeightExpr, signal: StopSignal | undefined): Pieces {
    const { count } = expr;
    // A bool is 0 or 1 here, whatever the file has.
    const span = expr.elem === 'bool' || count * elemBytes[expr.elem] <= flushAt ? undefined : spanOf(expr);
    if (span) {
      yield span;
      return;
    }
    let start = 0;
    // Float32 tensors are scaled where they were read, as long as the file can be read at once.
    while (expr.elem === 'f32' && count - start >= chunkElements) {
      signal?.throwIfAborted();
      this.#room ??= takeRoom();
      const floats = this.#room.subarray(0, Math.min(roomFloats, count - start));
      if (!fillFloats(expr, start, floats)) break;
      const wrong = checkFinite(name, expr, floats, start);
      if (wrong) await wrong;
      yield new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength);
      start += floats.length;
    }
    for (; start < count; start += chunkElements) {
      signal?.throwIfAborted();
      const piece = this.at(name, expr, start);
      yield piece instanceof Promise ? await piece : piece;
    }
  }

  /** Called by whoever made it, when it will not be asked again. */
  done(): void {
    if (this.#room) giveRoom(this.#room);
    this.#room = undefined;
  }

  /** The piece from element `start` on; a promise only where a file has to be awaited, or where something went wrong. */
  at(name: string, expr: WeightExpr, start: number): Uint8Array | Promise<Uint8Array> {
    const { elem } = expr;
    const count = Math.min(chunkElements, expr.count - start);
    if (elem === 'f32' && count >= fewElements) {
      this.#room ??= takeRoom();
      const floats = this.#room.subarray(0, count);
      if (fillFloats(expr, start, floats)) {
        const done = new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength);
        return checkFinite(name, expr, floats, start)?.then(() => done) ?? done;
      }
    }
    if (isWideElem(elem)) {
      const integers = wideArray(elem, count);
      const pending = expr.fillIntegers(start, integers);
      const kept = (): Uint8Array => {
        encodeIntegers(integers, this.#bytes);
        return this.#bytes.subarray(0, count * 8);
      };
      if (pending instanceof Promise) return pending.then(kept);
      if (pending !== false) return kept();
    }
    const numbers = this.#numbers.subarray(0, count);
    const encoded = (): Uint8Array => {
      encode(elem, numbers, numbers.length, this.#bytes);
      return this.#bytes.subarray(0, numbers.length * elemBytes[elem]);
    };
    const checked = (): Uint8Array | Promise<Uint8Array> => checkFinite(name, expr, numbers, start)?.then(encoded) ?? encoded();
    return expr.fill(start, numbers)?.then(checked) ?? checked();
  }
}

/** The tensors in pieces, one behind the other. */
export async function* tensorPieces(
  tensors: Iterable<{ readonly name: string; readonly expr: WeightExpr }>,
  signal?: StopSignal | undefined,
): Pieces {
  const chunks = new Chunks();
  try {
    for (const { name, expr } of tensors) yield* chunks.of(name, expr, signal);
  } finally {
    chunks.done();
  }
}

/** Nothing where every number of what was computed is finite in the element type. */
function checkFinite(
  name: string,
  expr: WeightExpr,
  numbers: Float64Array | Float32Array,
  start: number,
): Promise<void> | undefined {
  if (expr.args.length === 0 || !isFloat(expr.elem)) return undefined;
  const limit = floatFacts(expr.elem)?.overflow ?? Number.POSITIVE_INFINITY;
  if (numbers instanceof Float32Array && floatsFinite(numbers)) return undefined;
  let at = 0;
  while (at < numbers.length && Math.abs(numbers[at] ?? outside()) < limit) at++;
  if (at === numbers.length) return undefined;
  return explainNotFinite(name, expr, start + at, numbers[at] ?? outside());
}

/** Fails, unless the stored tensors that it was computed from are not finite themselves. */
async function explainNotFinite(name: string, expr: WeightExpr, index: number, value: number): Promise<void> {
  for (const source of sourcesOf(expr)) if (!(await allFinite(source))) return;
  fail(foldedNotFinite, { with: { name, index, value: String(value), elem: expr.elem } });
}

/** Reads a whole tensor; only when something already went wrong. */
async function allFinite(source: WeightExpr): Promise<boolean> {
  const { count } = source;
  const numbers = new Float64Array(Math.min(count, chunkElements));
  for (let start = 0; start < count; start += numbers.length) {
    const part = numbers.subarray(0, Math.min(numbers.length, count - start));
    const pending = source.fill(start, part);
    if (pending) await pending;
    if (!part.every((v) => Number.isFinite(v))) return false;
  }
  return true;
}
