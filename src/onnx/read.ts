/**
 * An ONNX file as a lazy data model: fields are walked page by page, and neither the numbers of tensors nor large attributes are
 * read. Two gigabytes of weights open in milliseconds. Source: onnx/onnx, onnx.proto (ModelProto and what it holds), docs/IR.md.
 *
 * Bounds: what is kept is paid for out of a budget of fields and of copied bytes, and nesting ends at a depth, so that time and
 * memory follow from the limits below and the file's own size, whatever it claims.
 */

import { Budget, costOf, structureBudget } from '../diagnostics/budget.ts';
import { importedOpset, importLimit, noOnnxModel, sparseTensor } from '../diagnostics/catalogue/import.ts';
import { bug, fail, unreachable } from '../diagnostics/diagnostic.ts';
import { type ByteSource, joined, memorySource, utf8 } from '../io/bytes.ts';
import { LastMade } from '../io/last-made.ts';
import type { LazyBytes } from '../ir/foreign.ts';
import { maxOpset, minOpset, oldestOpset } from '../ir/opset.ts';
import { type ElemType, elemBytes, elementCount } from '../ir/types.ts';
import { Session } from '../tensor/session.ts';
import { type StoredSpan, storedTensor } from '../tensor/stored.ts';
import {
  allNodes,
  type OnnxAttribute,
  type OnnxFile,
  type OnnxFunction,
  type OnnxGraph,
  type OnnxNode,
  type OnnxTensor,
  type OnnxType,
  type OnnxValue,
} from './model.ts';
import {
  AttributeProto,
  type AttributeType,
  attributeTypeOf,
  FunctionProto,
  GraphProto,
  ModelProto,
  NodeProto,
  OperatorSetIdProto,
  SparseTensorProto,
  StringStringEntryProto,
  ValueInfoProto,
} from './proto.ts';
import { finish, LongerThan, nameLimit, Pages, placeOf, readTensor, type TensorFields, type Work } from './tensor.ts';
import { rankLimit, typeOf } from './types.ts';
import { bytesSource, type Field, int32Of, nameOf, varintAt, WireError, wireBytes, wireFixed32, wireVarint } from './wire.ts';

/** Bytes of one doc string, type or unknown field, which are kept as they are. */
const copiedLimit = 1 << 28;
/**
 * What V8 keeps for a node with its lists, for a tensor with its lazy expression, and for one of the other messages, in bytes.
 */
const nodeCost = 640;
const tensorCost = 800;
const messageCost = 160;
export const depthLimit = 64;
/** Longer lists and texts in attributes are kept as bytes; nothing that is looked at is as long. */
const listLimit = 65536;
const denseLimit = 1 << 28;

/** A span of the file: kept instead of its bytes, because a model has hundreds of thousands of attributes. */
class Span implements LazyBytes {
  readonly size: number;
  protected readonly source: ByteSource;
  protected readonly start: number;
  constructor(source: ByteSource, start: number, size: number) {
    this.source = source;
    this.start = start;
    this.size = size;
  }
  read(start: number, length: number): Promise<Uint8Array> {
    return this.source.read(this.start + start, length);
  }
}
class SpanNow extends Span {
  readSync(start: number, length: number): Uint8Array {
    return this.source.readSync?.(this.start + start, length) ?? bug('a source that no longer reads at once');
  }
}

/** A domain as nodes and imports are compared by it. */
const domainOf = (text: string): string => (text === 'ai.onnx' ? '' : text);

class Reader {
  readonly file: string;
  readonly source: ByteSource;
  readonly session: Session;
  readonly pages: Pages;
  readonly notes: string[] = [];
  readonly #last = new LastMade();
  readonly #budget: Budget;
  /** Short texts by their bytes' hash, because most names stand several times in a file. */
  readonly #texts = new Map<number, string>();
  readonly #types = new Map<string, OnnxType>();
  /** Short attributes without graphs and tensors by their bytes' hash: the same kernels, strides and axes stand in most nodes. */
  readonly #attributes = new Map<number, { readonly bytes: Uint8Array; readonly attribute: OnnxAttribute }>();

  constructor(source: ByteSource, session: Session) {
    this.source = source;
    this.session = session;
    this.file = source.name;
    this.pages = new Pages(source);
    this.#budget = new Budget(structureBudget(source.size), ({ limit }) =>
      this.#limit(`more than ${Math.round(limit / 2 ** 20)} MiB of nodes, names and types`, 'what a file of this size can need'),
    );
  }

  #limit(found: string, expected: string): never {
    return fail(importLimit, { with: { file: this.file, found, expected } });
  }
  /** A field that is walked over: its place in a list where it is kept. */
  #spend(): void {
    this.#budget.spend(costOf.item);
  }
  #copies(bytes: number): void {
    this.#budget.spend(bytes);
  }

  *#next(at: number, end: number): Work<Field> {
    this.#spend();
    return this.pages.fieldHere(at, end) ?? (yield* this.pages.field(at, end));
  }

  *#text(field: Field): Work<string> {
    this.#spend();
    const bytes = yield* this.pages.bytesOf(field, nameLimit, 'a text');
    let hash = bytes.length;
    let plain = bytes.length <= 120;
    for (let i = 0; plain && i < bytes.length; i++) {
      const byte = bytes[i] ?? 0;
      plain = byte < 0x80;
      hash = Math.imul(hash ^ byte, 16777619);
    }
    if (plain) {
      const known = this.#texts.get(hash);
      if (known !== undefined && known.length === bytes.length) {
        let same = true;
        for (let i = 0; same && i < bytes.length; i++) same = known.charCodeAt(i) === bytes[i];
        if (same) return known;
      }
      const text = String.fromCharCode(...bytes);
      this.#texts.set(hash, text);
      return text;
    }
    this.#copies(bytes.length);
    const text = utf8(bytes);
    // A name with broken bytes would be written back as another one.
    if (text === undefined) throw new WireError(`a text that is no UTF-8 at ${field.start}`);
    return text;
  }

  /** A field with its tag, verbatim. */
  *#verbatim(at: number, field: Field): Work<Uint8Array> {
    const length = field.end - at;
    this.#copies(length + 32);
    if (length > copiedLimit) this.#limit(`a text or unknown field of ${length} bytes`, `at most ${copiedLimit}`);
    if (!this.pages.has(at, length)) yield () => this.pages.load(at, length);
    return this.pages.read(at, length).slice();
  }

  #span(start: number, end: number): LazyBytes {
    return this.source.readSync ? new SpanNow(this.source, start, end - start) : new Span(this.source, start, end - start);
  }

  // ---------------------------------------------------------------------------------------------------------------- types

  #type(bytes: Uint8Array): OnnxType {
    const key = bytes.length <= 4096 ? String.fromCharCode(...bytes) : undefined;
    const known = key === undefined ? undefined : this.#types.get(key);
    if (known) return known;
    this.#copies(2 * bytes.length + 200);
    // A type is small and in memory now, so that it needs no loads any more.
    const made = typeOf(bytes);
    if (key !== undefined) this.#types.set(key, made);
    return made;
  }

  *#value(of: Field): Work<OnnxValue> {
    this.#budget.spend(messageCost);
    let name = '';
    const rest: Uint8Array[] = [];
    let type: OnnxType | undefined;
    const parts: Uint8Array[] = [];
    for (let at = of.start; at < of.end; ) {
      const field = yield* this.#next(at, of.end);
      const from = at;
      at = field.end;
      switch (nameOf(ValueInfoProto, field)) {
        case 'name':
          name = yield* this.#text(field);
          break;
        case 'type': {
          // A message that stands twice is one: protobuf merges the second into the first, as if their bytes stood together.
          const bytes = (yield* this.pages.bytesOf(field, nameLimit, 'a type')).slice();
          parts.push(bytes);
          type = this.#type(parts.length === 1 ? bytes : joined(parts));
          break;
        }
        default:
          rest.push(yield* this.#verbatim(from, field));
          break;
      }
    }
    return { name, type, ...restOf(rest) };
  }

  // -------------------------------------------------------------------------------------------------------------- tensors

  *tensor(start: number, end: number): Work<OnnxTensor> {
    this.#budget.spend(tensorCost);
    const fields = yield* readTensor(this.pages, start, end);
    let made: OnnxTensor | undefined;
    yield async () => {
      made = await this.#tensorOf(start, end, fields);
    };
    return made ?? bug('a tensor that was not placed');
  }

  async #tensorOf(start: number, end: number, fields: TensorFields): Promise<OnnxTensor> {
    const place = await placeOf(this.source, start, end, fields, this.#last);
    const { name, doc } = fields;
    const common = { name, ...(doc !== undefined && { doc }) };
    if (place.kind === 'tensor') return { ...common, kind: 'tensor', expr: await storedTensor(this.session, place.span) };
    if (place.kind === 'other')
      return {
        ...common,
        kind: 'other',
        dataType: fields.type,
        dims: fields.dims,
        raw: await storedTensor(this.session, place.span),
      };
    const text = `${place.typeName.toLowerCase()}[${fields.dims.join(', ')}]`;
    return { ...common, kind: 'proto', text, bytes: this.#span(start, end) };
  }

  *#sparse(of: Field): Work<OnnxTensor> {
    let values: TensorFields | undefined;
    let indices: TensorFields | undefined;
    let valuesAt: Field = of;
    let indicesAt: Field = of;
    const dims: number[] = [];
    for (let at = of.start; at < of.end; ) {
      const field = yield* this.#next(at, of.end);
      at = field.end;
      if (SparseTensorProto.values.is(field)) {
        values = yield* readTensor(this.pages, field.start, field.end);
        valuesAt = field;
      } else if (SparseTensorProto.indices.is(field)) {
        indices = yield* readTensor(this.pages, field.start, field.end);
        indicesAt = field;
      } else if (SparseTensorProto.dims.is(field)) {
        if (field.type === wireVarint) dims.push(field.value);
        else {
          const packed = bytesSource(yield* this.pages.bytesOf(field, 10 * rankLimit, 'dimensions'));
          for (let i = 0; i < packed.size; ) {
            const dim = varintAt(packed, i);
            dims.push(dim.value);
            i = dim.end;
          }
        }
        if (dims.length > rankLimit) throw new WireError(`more than ${rankLimit} dimensions at ${field.start}`);
      }
    }
    const name = values?.name ?? '';
    const wrong = (found: string, expected: string): never =>
      fail(sparseTensor, { with: { tensor: name, file: this.file, found, expected } });
    if (!values || !indices) return wrong('no numbers, or no places', 'both');
    const wanted = { values, indices };
    let made: OnnxTensor | undefined;
    yield async () => {
      const numbers = await placeOf(this.source, valuesAt.start, valuesAt.end, wanted.values, this.#last);
      const places = await placeOf(this.source, indicesAt.start, indicesAt.end, wanted.indices, this.#last);
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
      const source = denseSource(
        numbers.span,
        places.span,
        linear ? undefined : dims,
        elementCount(dims),
        elem,
        wrong,
        this.#last,
      );
      made = { kind: 'tensor', name, expr: await storedTensor(this.session, { source, offset: 0, elem, dims, name }) };
    };
    return made ?? bug('a sparse tensor that was not placed');
  }

  // ----------------------------------------------------------------------------------------------------- nodes and graphs

  *#sharedAttribute(of: Field, depth: number): Work<OnnxAttribute> {
    const size = of.end - of.start;
    if (size > 256) return yield* this.#attribute(of, depth);
    const here = yield* this.pages.bytesOf(of, 256, 'an attribute');
    let hash = size;
    for (let i = 0; i < size; i++) hash = Math.imul(hash ^ (here[i] ?? 0), 16777619);
    const known = this.#attributes.get(hash);
    if (known && known.bytes.length === size) {
      let same = true;
      for (let i = 0; same && i < size; i++) same = known.bytes[i] === here[i];
      if (same) return known.attribute;
    }
    const bytes = here.slice();
    const attribute = yield* this.#attribute(of, depth);
    switch (attribute.kind) {
      case 'tensor':
      case 'graph':
      case 'graphs':
      case 'other':
        return attribute;
      case 'int':
      case 'ints':
      case 'float':
      case 'floats':
      case 'string':
      case 'strings':
      case 'reference': {
        const shared = { ...attribute, bytes: memorySource(this.file, bytes) };
        this.#attributes.set(hash, { bytes, attribute: shared });
        return shared;
      }
      default:
        return unreachable(attribute);
    }
  }

  *#attribute(of: Field, depth: number): Work<OnnxAttribute> {
    this.#budget.spend(messageCost);
    let name = '';
    let type: AttributeType | undefined = 'undefined';
    let reference = '';
    let float: Field | undefined;
    let int: Field | undefined;
    let string: Field | undefined;
    const tensors: Field[] = [];
    const subgraphs: Field[] = [];
    const floats: Field[] = [];
    const ints: Field[] = [];
    const strings: Field[] = [];
    const graphs: Field[] = [];
    let others = 0;
    for (let at = of.start; at < of.end; ) {
      const field = yield* this.#next(at, of.end);
      at = field.end;
      switch (nameOf(AttributeProto, field)) {
        case 'name':
          name = yield* this.#text(field);
          break;
        case 'f':
          float = field;
          break;
        case 'i':
          int = field;
          break;
        case 's':
          string = field;
          break;
        case 't':
          tensors.push(field);
          break;
        case 'g':
          subgraphs.push(field);
          break;
        case 'floats':
          if (floats.length <= listLimit) floats.push(field);
          break;
        case 'ints':
          if (ints.length <= listLimit) ints.push(field);
          break;
        case 'strings':
          if (strings.length <= listLimit) strings.push(field);
          break;
        case 'graphs':
          if (graphs.length > listLimit) this.#limit(`an attribute with more than ${listLimit} graphs`, 'fewer');
          graphs.push(field);
          break;
        case 'type':
          type = attributeTypeOf(int32Of(field.value));
          break;
        case 'ref_attr_name':
          reference = yield* this.#text(field);
          break;
        case 'tensors':
        case 'tp':
        case 'type_protos':
        case 'sparse_tensor':
        case 'sparse_tensors':
          others++;
          break;
        default:
          break;
      }
    }
    const common = { name, bytes: this.#span(of.start, of.end) };
    if (reference !== '') return { ...common, kind: 'reference', to: reference };
    // Files of IR version 1 may leave the type out; what is there tells it, if it is one thing.
    if (type === 'undefined' && others === 0) {
      const there: AttributeType[] = [];
      if (float) there.push('float');
      if (int) there.push('int');
      if (string) there.push('string');
      if (tensors.length > 0) there.push('tensor');
      if (subgraphs.length > 0) there.push('graph');
      if (floats.length > 0) there.push('floats');
      if (ints.length > 0) there.push('ints');
      if (strings.length > 0) there.push('strings');
      if (graphs.length > 0) there.push('graphs');
      if (there.length === 1) type = there[0];
    }
    switch (type) {
      case 'float': {
        if (!float) return { ...common, kind: 'float', value: 0 };
        const values = yield* this.#floats([float]);
        return values?.length === 1 ? { ...common, kind: 'float', value: values[0] ?? 0 } : { ...common, kind: 'other' };
      }
      case 'int': {
        if (!int) return { ...common, kind: 'int', value: 0n };
        const values = yield* this.#ints([int]);
        return values?.length === 1 ? { ...common, kind: 'int', value: values[0] ?? 0n } : { ...common, kind: 'other' };
      }
      case 'string': {
        if (!string) return { ...common, kind: 'string', value: '' };
        const value = yield* this.#string(string);
        return value === undefined ? { ...common, kind: 'other' } : { ...common, kind: 'string', value };
      }
      case 'tensor': {
        if (tensors.length === 0) return { ...common, kind: 'other' };
        const { reader, field } = yield* this.#together(tensors);
        return { ...common, kind: 'tensor', value: yield* reader.tensor(field.start, field.end) };
      }
      case 'graph':
        if (subgraphs.length === 0) return { ...common, kind: 'other' };
        return { ...common, kind: 'graph', value: yield* this.#graphs(subgraphs, depth + 1) };
      case 'floats': {
        const value = yield* this.#floats(floats);
        return value ? { ...common, kind: 'floats', value } : { ...common, kind: 'other' };
      }
      case 'ints': {
        const value = yield* this.#ints(ints);
        return value ? { ...common, kind: 'ints', value } : { ...common, kind: 'other' };
      }
      case 'strings': {
        const value: string[] = [];
        if (strings.length > listLimit) return { ...common, kind: 'other' };
        for (const field of strings) {
          const text = yield* this.#string(field);
          if (text === undefined) return { ...common, kind: 'other' };
          value.push(text);
        }
        return { ...common, kind: 'strings', value };
      }
      case 'graphs': {
        const value: OnnxGraph[] = [];
        for (const field of graphs) {
          value.push(yield* this.graph(field, depth + 1));
        }
        return { ...common, kind: 'graphs', value };
      }
      default:
        return { ...common, kind: 'other' };
    }
  }

  /** Undefined where the text is long or no UTF-8. */
  *#string(field: Field): Work<string | undefined> {
    const length = field.end - field.start;
    if (field.type !== wireBytes || length > listLimit) return undefined;
    this.#spend();
    this.#copies(length);
    return utf8(yield* this.pages.bytesOf(field, listLimit, 'a text'));
  }

  /** The numbers of fields, packed or not; undefined where they are many or of another type. */
  *#floats(fields: readonly Field[]): Work<readonly number[] | undefined> {
    const out: number[] = [];
    for (const field of fields) {
      const length = field.end - field.start;
      if ((field.type !== wireFixed32 && field.type !== wireBytes) || length % 4 !== 0 || out.length + length / 4 > listLimit)
        return undefined;
      if (!this.pages.has(field.start, length)) yield () => this.pages.load(field.start, length);
      const bytes = this.pages.read(field.start, length);
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      for (let i = 0; i < length; i += 4) {
        this.#spend();
        out.push(view.getFloat32(i, true));
      }
    }
    return out;
  }

  *#ints(fields: readonly Field[]): Work<readonly bigint[] | undefined> {
    const out: bigint[] = [];
    for (const field of fields) {
      const length = field.end - field.start;
      if ((field.type !== wireVarint && field.type !== wireBytes) || length > 10 * listLimit) return undefined;
      // A varint field's value begins where its tag ends.
      const end = field.end;
      if (!this.pages.has(field.start, length)) yield () => this.pages.load(field.start, length);
      const numbers = bytesSource(this.pages.read(field.start, end - field.start));
      for (let i = 0; i < numbers.size; ) {
        if (out.length >= listLimit) return undefined;
        this.#spend();
        const number = varintAt(numbers, i);
        out.push(BigInt.asIntN(64, number.whole));
        i = number.end;
      }
    }
    return out;
  }

  *#node(of: Field, depth: number): Work<OnnxNode> {
    this.#budget.spend(nodeCost);
    let name = '';
    let domain = '';
    let opType = '';
    let overload = '';
    const inputs: string[] = [];
    const outputs: string[] = [];
    const attributes: OnnxAttribute[] = [];
    const rest: Uint8Array[] = [];
    for (let at = of.start; at < of.end; ) {
      const field = yield* this.#next(at, of.end);
      const from = at;
      at = field.end;
      switch (nameOf(NodeProto, field)) {
        case 'input':
          inputs.push(yield* this.#text(field));
          break;
        case 'output':
          outputs.push(yield* this.#text(field));
          break;
        case 'name':
          name = yield* this.#text(field);
          break;
        case 'op_type':
          opType = yield* this.#text(field);
          break;
        case 'attribute':
          attributes.push(yield* this.#sharedAttribute(field, depth));
          break;
        case 'domain':
          domain = domainOf(yield* this.#text(field));
          break;
        case 'overload':
          overload = yield* this.#text(field);
          rest.push(yield* this.#verbatim(from, field));
          break;
        default:
          rest.push(yield* this.#verbatim(from, field));
          break;
      }
    }
    return { name, domain, opType, overload, inputs, outputs, attributes, ...restOf(rest) };
  }

  /** A graph that stands more than once is one, with the nodes of all of them, as if their bytes stood together. */
  *#graphs(parts: readonly Field[], depth: number): Work<OnnxGraph> {
    const { reader, field } = yield* this.#together(parts);
    const graph = yield* reader.graph(field, depth);
    if (reader !== this) this.notes.push(...reader.notes);
    return graph;
  }

  /** Where the bytes of some fields stand one after another: protobuf's way of merging a message that stands more than once. */
  *#together(parts: readonly Field[]): Work<{ readonly reader: Reader; readonly field: Field }> {
    const [first = bug('no fields'), ...more] = parts;
    if (more.length === 0) return { reader: this, field: first };
    const bytes: Uint8Array[] = [];
    for (const part of parts) {
      this.#copies(part.end - part.start);
      bytes.push((yield* this.pages.bytesOf(part, copiedLimit, 'a message that stands twice')).slice());
    }
    const whole = joined(bytes);
    const { source } = this;
    const sibling = source.sibling?.bind(source);
    const reader = new Reader({ ...memorySource(this.file, whole), ...(sibling && { sibling }) }, this.session);
    return { reader, field: { ...first, start: 0, end: whole.length } };
  }

  *graph(of: Field, depth: number): Work<OnnxGraph> {
    if (depth > depthLimit) this.#limit(`sub-graphs more than ${depthLimit} deep`, 'fewer');
    let name = '';
    const nodes: OnnxNode[] = [];
    const initializers: OnnxTensor[] = [];
    const inputs: OnnxValue[] = [];
    const outputs: OnnxValue[] = [];
    const valueInfo: OnnxValue[] = [];
    const rest: Uint8Array[] = [];
    let sparse = 0;
    for (let at = of.start; at < of.end; ) {
      const field = yield* this.#next(at, of.end);
      const from = at;
      at = field.end;
      switch (nameOf(GraphProto, field)) {
        case 'node':
          nodes.push(yield* this.#node(field, depth));
          break;
        case 'name':
          name = yield* this.#text(field);
          break;
        case 'initializer': {
          this.#spend();
          const tensor = yield* this.tensor(field.start, field.end);
          if (tensor.name === '') throw new WireError(`an initialiser without a name at ${from}`);
          initializers.push(tensor);
          break;
        }
        case 'input':
          inputs.push(yield* this.#value(field));
          break;
        case 'output':
          outputs.push(yield* this.#value(field));
          break;
        case 'value_info':
          valueInfo.push(yield* this.#value(field));
          break;
        case 'sparse_initializer': {
          const tensor = yield* this.#sparse(field);
          if (tensor.name === '') throw new WireError(`an initialiser without a name at ${from}`);
          initializers.push(tensor);
          sparse++;
          break;
        }
        default:
          rest.push(yield* this.#verbatim(from, field));
          break;
      }
    }
    if (sparse > 0)
      this.notes.push(`${sparse} sparse initialiser${sparse === 1 ? '' : 's'} of graph ${name || '(unnamed)'} are written dense`);
    return { name, nodes, initializers, inputs, outputs, valueInfo, ...restOf(rest) };
  }

  // ------------------------------------------------------------------------------------------------- functions and models

  *#opset(of: Field, into: Map<string, number>): Work<void> {
    let domain = '';
    let version = 0;
    for (let at = of.start; at < of.end; ) {
      const field = yield* this.#next(at, of.end);
      at = field.end;
      if (OperatorSetIdProto.domain.is(field)) domain = domainOf(yield* this.#text(field));
      else if (OperatorSetIdProto.version.is(field)) version = field.value;
    }
    const before = into.get(domain);
    if (before !== undefined && before !== version)
      fail(importedOpset, {
        with: {
          file: this.file,
          found: `${domain === '' ? 'ai.onnx' : domain} at both ${before} and ${version}`,
          min: oldestOpset,
          max: maxOpset,
        },
      });
    into.set(domain, version);
  }

  *#function(of: Field): Work<OnnxFunction> {
    let name = '';
    let domain = '';
    let overload = '';
    const inputs: string[] = [];
    const outputs: string[] = [];
    const attributes: string[] = [];
    const defaults: OnnxAttribute[] = [];
    const nodes: OnnxNode[] = [];
    const opsets = new Map<string, number>();
    const rest: Uint8Array[] = [];
    for (let at = of.start; at < of.end; ) {
      const field = yield* this.#next(at, of.end);
      const from = at;
      at = field.end;
      switch (nameOf(FunctionProto, field)) {
        case 'name':
          name = yield* this.#text(field);
          break;
        case 'input':
          inputs.push(yield* this.#text(field));
          break;
        case 'output':
          outputs.push(yield* this.#text(field));
          break;
        case 'attribute':
          attributes.push(yield* this.#text(field));
          break;
        case 'node':
          nodes.push(yield* this.#node(field, 0));
          break;
        case 'opset_import':
          yield* this.#opset(field, opsets);
          break;
        case 'domain':
          domain = domainOf(yield* this.#text(field));
          break;
        case 'attribute_proto':
          defaults.push(yield* this.#attribute(field, 0));
          break;
        case 'overload':
          overload = yield* this.#text(field);
          break;
        default:
          rest.push(yield* this.#verbatim(from, field));
          break;
      }
    }
    return { domain, name, overload, inputs, outputs, attributes, defaults, nodes, opsets, ...restOf(rest) };
  }

  *model(): Work<OnnxFile> {
    const { file, source, notes } = this;
    let irVersion = 0;
    let producerName = '';
    let producerVersion = '';
    const graphs: Field[] = [];
    const training: LazyBytes[] = [];
    const opsets = new Map<string, number>();
    const metadata: (readonly [string, string])[] = [];
    const functions: OnnxFunction[] = [];
    const rest: Uint8Array[] = [];
    for (let at = 0; at < source.size; ) {
      const field = yield* this.#next(at, source.size);
      const from = at;
      at = field.end;
      switch (nameOf(ModelProto, field)) {
        case 'ir_version':
          irVersion = field.value;
          break;
        case 'producer_name':
          producerName = yield* this.#text(field);
          break;
        case 'producer_version':
          producerVersion = yield* this.#text(field);
          break;
        case 'graph':
          graphs.push(field);
          break;
        case 'opset_import':
          yield* this.#opset(field, opsets);
          break;
        case 'metadata_props': {
          let key = '';
          let value = '';
          for (let inner = field.start; inner < field.end; ) {
            const part = yield* this.#next(inner, field.end);
            inner = part.end;
            const what = nameOf(StringStringEntryProto, part);
            if (!what) continue;
            this.#copies(part.end - part.start);
            const text = utf8(yield* this.pages.bytesOf(part, copiedLimit, 'metadata'));
            if (text === undefined) throw new WireError(`metadata that is no UTF-8 at ${part.start}`);
            if (what === 'key') key = text;
            else value = text;
          }
          metadata.push([key, value]);
          break;
        }
        case 'training_info':
          training.push(this.#span(field.start, field.end));
          break;
        case 'functions':
          functions.push(yield* this.#function(field));
          break;
        default:
          rest.push(yield* this.#verbatim(from, field));
          break;
      }
    }
    if (graphs.length === 0) throw new WireError('no graph');
    const graph = yield* this.#graphs(graphs, 0);
    if (!Number.isSafeInteger(irVersion) || irVersion < 1) throw new WireError(`IR version ${irVersion}`);
    const opset = opsets.get('');
    const refuse = (found: string): never => fail(importedOpset, { with: { file, found, min: oldestOpset, max: maxOpset } });
    if (opset === undefined) {
      const whole = irVersion >= 3 && opsets.size === 0;
      if (whole) throw new WireError('no opset_import');
      if (usesDefaultDomain(graph, functions)) refuse('no opset for ai.onnx, whose operators it uses');
      opsets.set('', minOpset);
    } else if (opset < oldestOpset || opset > maxOpset) refuse(`opset ${opset}`);
    return {
      file,
      session: this.session,
      irVersion,
      opsets,
      producerName,
      producerVersion,
      metadata,
      graph,
      functions,
      ...(training.length > 0 && { training }),
      ...restOf(rest),
      notes,
    };
  }
}

const restOf = (rest: readonly Uint8Array[]): { readonly rest?: Uint8Array } => (rest.length > 0 ? { rest: joined(rest) } : {});

/** Whether a node of the graph or below is one of ONNX's own that no function of the model shadows. */
function usesDefaultDomain(graph: OnnxGraph, functions: readonly OnnxFunction[]): boolean {
  const own = new Set(functions.filter((f) => f.domain === '').map((f) => f.name));
  for (const node of allNodes(graph.nodes)) if (node.domain === '' && !own.has(node.opType)) return true;
  return false;
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

/**
 * Reads everything of an ONNX model but its numbers. Throws RES0650 for what is damaged or none, RES0651 for an opset that is
 * none or after 26, RES0652 past a limit, RES0658 for sparse tensors that do not fit, RES0501, RES0509, RES0512 and RES0513 for
 * tensors that lie outside of their file.
 */
export async function readOnnxFile(source: ByteSource, session = new Session()): Promise<OnnxFile> {
  try {
    return await finish(new Reader(source, session).model());
  } catch (error) {
    if (error instanceof LongerThan)
      return fail(importLimit, { with: { file: source.name, found: error.message, expected: `at most ${error.limit} bytes` } });
    if (error instanceof WireError)
      return fail(noOnnxModel, {
        with: { file: source.name, found: error.message, expected: 'the fields of an ONNX model, whole' },
      });
    throw error;
  }
}
