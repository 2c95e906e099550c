/**
 * The metadata of an ONNX file and the names of its outputs, without the rest of it: onnxruntime's interface for JavaScript does
 * not give the one, and the other not before a session is opened. Source: onnx.proto, ModelProto.
 */
import type { ByteSource } from '../io/bytes.ts';
import { finish, Pages, type Work } from './pages.ts';
import { GraphProto, ModelProto, StringStringEntryProto, ValueInfoProto } from './proto.ts';
import { type Field, nameOf, textOf, WireError } from './wire.ts';

/** An entry that is longer than this is no declaration of ours. */
const longestEntry = 1 << 20;

/** What a file says of itself. */
export interface OnnxMetadata {
  /** Keys and values of `metadata_props`. */
  readonly entries: ReadonlyMap<string, string>;
  readonly producerName: string;
}

/** Nothing of a file that is no ONNX, about which others have more to say. */
export async function readOnnxMetadata(source: ByteSource): Promise<OnnxMetadata> {
  const entries = new Map<string, string>();
  let producerName = '';
  const pages = new Pages(source);
  function* text(field: Field): Work<string> {
    yield* pages.bytesOf(field, longestEntry, 'metadata');
    return textOf(pages, field);
  }
  function* model(): Work<void> {
    for (let at = 0; at < source.size; ) {
      const part = yield* pages.field(at, source.size);
      at = part.end;
      if (ModelProto.producer_name.is(part) && part.end - part.start <= longestEntry) producerName = yield* text(part);
      if (!ModelProto.metadata_props.is(part) || part.end - part.start > longestEntry) continue;
      let key = '';
      let value = '';
      for (let inside = part.start; inside < part.end; ) {
        const field = yield* pages.field(inside, part.end);
        inside = field.end;
        const what = nameOf(StringStringEntryProto, field);
        if (what === 'key') key = yield* text(field);
        else if (what === 'value') value = yield* text(field);
      }
      entries.set(key, value);
    }
  }
  try {
    await finish(model());
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
  }
  return { entries, producerName };
}

/** The names of the graph's outputs, in order; none of a file that is no ONNX. */
export async function readOnnxOutputs(source: ByteSource): Promise<readonly string[]> {
  const names: string[] = [];
  const pages = new Pages(source);
  function* each(start: number, end: number, visit: (field: Field) => Work<void> | undefined): Work<void> {
    for (let at = start; at < end; ) {
      const field = yield* pages.field(at, end);
      at = field.end;
      yield* visit(field) ?? [];
    }
  }
  function* name(field: Field): Work<void> {
    yield* pages.bytesOf(field, longestEntry, 'a name');
    names.push(textOf(pages, field));
  }
  const inside = (field: Field, visit: (field: Field) => Work<void> | undefined): Work<void> =>
    each(field.start, field.end, visit);
  const ofValue = (field: Field) => (ValueInfoProto.name.is(field) ? name(field) : undefined);
  const ofGraph = (field: Field) => (GraphProto.output.is(field) ? inside(field, ofValue) : undefined);
  const ofModel = (field: Field) => (ModelProto.graph.is(field) ? inside(field, ofGraph) : undefined);
  try {
    await finish(each(0, source.size, ofModel));
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
  }
  return names;
}
