/**
 * Sparse tensors, which are read dense: nothing that is optimised is stored sparse, and onnxruntime makes them dense as it loads
 * them. Source: onnx/onnx, onnx.proto (SparseTensorProto).
 */
import { sparseTensor } from '../diagnostics/catalogue/import.ts';
import { bug, fail } from '../diagnostics/diagnostic.ts';
import type { ByteSource } from '../io/bytes.ts';
import type { LastMade } from '../io/last-made.ts';
import { type ElemType, elemBytes, elementCount } from '../ir/types.ts';
import type { Session } from '../tensor/session.ts';
import { type StoredSpan, storedTensor } from '../tensor/stored.ts';
import type { OnnxTensor } from './model.ts';
import type { Work } from './pages.ts';
import { SparseTensorProto } from './proto.ts';
import type { Scan } from './scan.ts';
import { locateTensor, readDims, readTensor, type TensorFields } from './tensor.ts';
import type { Field } from './wire.ts';

/** Bytes of one when it is dense. */
const denseLimit = 1 << 28;

/** A SparseTensorProto as the dense tensor that it stands for. Throws RES0658 for one whose parts do not fit. */
export function* readSparse(scan: Scan, of: Field, session: Session, last: LastMade): Work<OnnxTensor> {
  let values: TensorFields | undefined;
  let indices: TensorFields | undefined;
  let valuesAt: Field = of;
  let indicesAt: Field = of;
  const dims: number[] = [];
  for (let at = of.start; at < of.end; ) {
    const field = yield* scan.next(at, of.end);
    at = field.end;
    if (SparseTensorProto.values.is(field)) {
      values = yield* readTensor(scan.pages, field.start, field.end);
      valuesAt = field;
    } else if (SparseTensorProto.indices.is(field)) {
      indices = yield* readTensor(scan.pages, field.start, field.end);
      indicesAt = field;
    } else if (SparseTensorProto.dims.is(field)) yield* readDims(scan.pages, field, dims);
  }
  const name = values?.name ?? '';
  const wrong = (found: string, expected: string): never =>
    fail(sparseTensor, { with: { tensor: name, file: scan.file, found, expected } });
  if (!values || !indices) return wrong('no numbers, or no places', 'both');
  const wanted = { values, indices };
  let made: OnnxTensor | undefined;
  yield async () => {
    const numbers = await locateTensor(scan.source, valuesAt.start, valuesAt.end, wanted.values, last);
    const places = await locateTensor(scan.source, indicesAt.start, indicesAt.end, wanted.indices, last);
    if (numbers.kind !== 'tensor') return wrong(`numbers of type ${numbers.typeName}`, 'floats, integers or booleans');
    if (places.kind !== 'tensor' || places.span.elem !== 'i64') return wrong('places of another type', '64-bit integers');
    const { elem } = numbers.span;
    const count = elementCount(numbers.span.dims);
    const [rows, columns] = places.span.dims;
    const linear = places.span.dims.length === 1;
    if (numbers.span.dims.length !== 1) return wrong(`numbers of shape [${numbers.span.dims.join(', ')}]`, 'a vector');
    if (rows !== count || !(linear || (places.span.dims.length === 2 && columns === dims.length)))
      return wrong(
        `places of shape [${places.span.dims.join(', ')}] for ${count} numbers`,
        `[${count}] or [${count}, ${dims.length}]`,
      );
    const bytes = elementCount(dims) * elemBytes[elem];
    if (dims.some((d) => !Number.isSafeInteger(d)) || !(bytes <= denseLimit))
      return wrong(`shape [${dims.join(', ')}]`, `at most ${denseLimit} bytes when dense`);
    const source = denseSource(numbers.span, places.span, linear ? undefined : dims, elementCount(dims), elem, wrong, last);
    made = { kind: 'tensor', name, expr: await storedTensor(session, { source, offset: 0, elem, dims, name }) };
  };
  return made ?? bug('a sparse tensor that was not placed');
}

/**
 * The dense bytes of a sparse tensor (coordinate format: places as offsets or, with `shape`, as rows of coordinates), made when
 * they are pulled.
 */
function denseSource(
  values: StoredSpan,
  indices: StoredSpan,
  shape: readonly number[] | undefined,
  count: number,
  elem: ElemType,
  wrong: (found: string, expected: string) => never,
  last: LastMade,
): ByteSource {
  const width = elemBytes[elem];
  const entries = elementCount(values.dims);
  const make = (owner: object, numbers: Uint8Array, places: Uint8Array): Uint8Array => {
    const out = new Uint8Array(count * width);
    const view = new DataView(places.buffer, places.byteOffset, places.byteLength);
    let before = -1;
    for (let i = 0; i < entries; i++) {
      let place = 0;
      if (shape) {
        for (const [axis, size] of shape.entries()) {
          const coordinate = Number(view.getBigInt64((i * shape.length + axis) * 8, true));
          if (!(coordinate >= 0 && coordinate < size)) wrong(`coordinate ${coordinate} on axis ${axis}`, `0 to ${size - 1}`);
          place = place * size + coordinate;
        }
      } else place = Number(view.getBigInt64(i * 8, true));
      if (!(place > before && place < count)) wrong(`place ${place} after ${before}`, `ascending places below ${count}`);
      before = place;
      out.set(numbers.subarray(i * width, (i + 1) * width), place * width);
    }
    return last.keep(owner, out);
  };
  const owner = {};
  const known = (): Uint8Array | undefined => last.of(owner);
  const bytesOf = (span: StoredSpan): readonly [number, number] => [span.offset, elementCount(span.dims) * elemBytes[span.elem]];
  const now = values.source.readSync;
  const placesNow = indices.source.readSync;
  const sync =
    now &&
    placesNow &&
    ((): Uint8Array =>
      known() ?? make(owner, now.call(values.source, ...bytesOf(values)), placesNow.call(indices.source, ...bytesOf(indices))));
  return {
    name: values.source.name,
    size: count * width,
    read: async (start, length) => {
      const dense =
        known() ?? make(owner, await values.source.read(...bytesOf(values)), await indices.source.read(...bytesOf(indices)));
      return dense.subarray(start, start + length);
    },
    ...(sync && { readSync: (start: number, length: number) => sync().subarray(start, start + length) }),
  };
}
