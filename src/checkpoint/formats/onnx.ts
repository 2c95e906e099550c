/**
 * The initialisers of an ONNX model as a checkpoint: raw, typed, and in data files beside it. The file is walked field by field
 * and nothing of a tensor's numbers is read before they are pulled. Source: onnx/onnx, onnx.proto (ModelProto, GraphProto,
 * TensorProto).
 */

import { damagedFile } from '../../diagnostics/catalogue/weights.ts';
import { fail } from '../../diagnostics/diagnostic.ts';
import type { ByteSource } from '../../io/bytes.ts';
import { LastMade } from '../../io/last-made.ts';
import { finish, Pages, type Work } from '../../onnx/pages.ts';
import { GraphProto, ModelProto, SparseTensorProto } from '../../onnx/proto.ts';
import { locateTensor, readTensor, type TensorFields } from '../../onnx/tensor.ts';
import { bytesSource, type Field, fieldAt, nameOf, WireError } from '../../onnx/wire.ts';
import type { Nested } from '../nested.ts';

const tensorLimit = 1_000_000;

/**
 * Whether the first bytes are those of a model: `ir_version` first, as every exporter writes it, then another field of
 * ModelProto.
 */
export function isOnnx(head: Uint8Array): boolean {
  try {
    const source = bytesSource(head);
    const version = fieldAt(source, 0, Number.MAX_SAFE_INTEGER);
    if (!ModelProto.ir_version.is(version) || version.value > 1000) return false;
    return nameOf(ModelProto, fieldAt(source, version.end, Number.MAX_SAFE_INTEGER)) !== undefined;
  } catch (error) {
    if (error instanceof WireError) return false;
    throw error;
  }
}

async function nestedOf(source: ByteSource, at: Field, tensor: TensorFields, last: LastMade): Promise<Nested> {
  const place = await locateTensor(source, at.start, at.end, tensor, last);
  if (place.kind === 'tensor') return place;
  return { kind: 'foreign', elem: place.typeName, dims: tensor.dims, bytes: at.end - at.start };
}

/** Reads names, types and shapes of the graph's initialisers. */
export async function readOnnx(source: ByteSource): Promise<Nested> {
  const pages = new Pages(source);
  const last = new LastMade();
  const damaged = (found: string, expected: string): never =>
    fail(damagedFile, { with: { format: 'ONNX', file: source.name, found, expected } });
  const children: { name: string; value: Nested }[] = [];
  const add = (name: string, value: Nested): void => {
    if (children.length >= tensorLimit) damaged(`more than ${tensorLimit} initialisers`, 'fewer');
    children.push({ name, value });
  };
  let graphs = 0;
  let opsets = 0;
  function* item(field: Field): Work<void> {
    if (GraphProto.initializer.is(field)) {
      const tensor = yield* readTensor(pages, field.start, field.end);
      if (tensor.name === '') damaged(`an initialiser without a name at byte ${field.start}`, 'a name');
      if (tensor.segment) throw new WireError(`a tensor in segments at ${field.start}`);
      yield async () => add(tensor.name, await nestedOf(source, field, tensor, last));
    } else if (GraphProto.sparse_initializer.is(field)) {
      // SparseTensorProto: its values tensor carries the name.
      for (let at = field.start; at < field.end; ) {
        const inner = yield* pages.field(at, field.end);
        at = inner.end;
        if (!SparseTensorProto.values.is(inner)) continue;
        const values = yield* readTensor(pages, inner.start, inner.end);
        add(values.name, { kind: 'foreign', elem: 'sparse tensor', dims: values.dims, bytes: field.end - field.start });
      }
    }
  }
  function* model(): Work<void> {
    for (let at = 0; at < source.size; ) {
      const part = yield* pages.field(at, source.size);
      at = part.end;
      if (ModelProto.opset_import.is(part)) opsets++;
      if (!ModelProto.graph.is(part)) continue;
      // Two graphs are one, as protobuf merges them.
      graphs++;
      for (let inside = part.start; inside < part.end; ) {
        const field = yield* pages.field(inside, part.end);
        inside = field.end;
        yield* item(field);
      }
    }
  }
  try {
    await finish(model());
  } catch (error) {
    if (error instanceof WireError) damaged(error.message, 'the fields of an ONNX model, whole');
    throw error;
  }
  if (graphs === 0) damaged('no graph', 'a whole model; this one is cut off, or no ONNX');
  if (opsets === 0) damaged('no opset behind the graph', 'a whole model; this one is cut off');
  return { kind: 'dict', children };
}
