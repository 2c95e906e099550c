/**
 * An ONNX file as a lazy data model: fields are walked page by page, and neither the numbers of tensors nor large attributes are
 * read. Two gigabytes of weights open in milliseconds. Source: onnx/onnx, onnx.proto (ModelProto and what it holds), docs/IR.md.
 *
 * Bounds: what is kept is paid for out of a budget of fields and of copied bytes, and nesting ends at a depth, so that time and
 * memory follow from the limits below and the file's own size, whatever it claims.
 */

import { checkArgument } from '../diagnostics/arguments.ts';
import { outside } from '../diagnostics/at.ts';
import { importedOpset, importLimit, noOnnxModel } from '../diagnostics/catalogue/import.ts';
import { bug, fail, unreachable } from '../diagnostics/diagnostic.ts';
import { type ByteSource, joined, memorySource, utf8 } from '../io/bytes.ts';
import { LastMade } from '../io/last-made.ts';
import { type Bytes, bytesKind, sourceFrom } from '../io/sources.ts';
import type { LazyBytes } from '../ir/foreign.ts';
import { maxOpset, minOpset, oldestOpset } from '../ir/opset.ts';
import { Session } from '../tensor/session.ts';
import { storedTensor } from '../tensor/stored.ts';
import { readAttributeFields } from './attribute-fields.ts';
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
import { finish, LongerThan, nameLimit, type Work } from './pages.ts';
import {
  FunctionProto,
  GraphProto,
  ModelProto,
  NodeProto,
  OperatorSetIdProto,
  StringStringEntryProto,
  ValueInfoProto,
} from './proto.ts';
import { copiedLimit, listLimit, Scan } from './scan.ts';
import { readSparse } from './sparse.ts';
import { locateTensor, readTensor, type TensorFields } from './tensor.ts';
import { typeOf } from './types.ts';
import { type Field, nameOf, WireError } from './wire.ts';

/**
 * What V8 keeps for a node with its lists, for a tensor with its lazy expression, and for one of the other messages, in bytes.
 */
const nodeCost = 640;
const tensorCost = 800;
const messageCost = 160;
export const depthLimit = 64;

/** A domain as nodes and imports are compared by it. */
const domainOf = (text: string): string => (text === 'ai.onnx' ? '' : text);

class Reader {
  readonly session: Session;
  readonly scan: Scan;
  readonly notes: string[] = [];
  readonly #last = new LastMade();
  readonly #types = new Map<string, OnnxType>();
  /** Short attributes without graphs and tensors by their bytes' hash: the same kernels, strides and axes stand in most nodes. */
  readonly #attributes = new Map<number, { readonly bytes: Uint8Array; readonly attribute: OnnxAttribute }>();

  constructor(source: ByteSource, session: Session) {
    this.session = session;
    this.scan = new Scan(source);
  }

  // ---------------------------------------------------------------------------------------------------------------- types

  #type(bytes: Uint8Array): OnnxType {
    const key = bytes.length <= 4096 ? String.fromCharCode(...bytes) : undefined;
    const known = key === undefined ? undefined : this.#types.get(key);
    if (known) return known;
    this.scan.copies(2 * bytes.length + 200);
    // A type is small and in memory now, so that it needs no loads any more.
    const made = typeOf(bytes);
    if (key !== undefined) this.#types.set(key, made);
    return made;
  }

  *#value(of: Field): Work<OnnxValue> {
    this.scan.budget.spend(messageCost);
    let name = '';
    const rest: Uint8Array[] = [];
    let type: OnnxType | undefined;
    const parts: Uint8Array[] = [];
    for (let at = of.start; at < of.end; ) {
      const field = yield* this.scan.next(at, of.end);
      const from = at;
      at = field.end;
      switch (nameOf(ValueInfoProto, field)) {
        case 'name':
          name = yield* this.scan.text(field);
          break;
        case 'type': {
          // A message that stands twice is one: protobuf merges the second into the first, as if their bytes stood together.
          const bytes = (yield* this.scan.pages.bytesOf(field, nameLimit, 'a type')).slice();
          parts.push(bytes);
          type = this.#type(parts.length === 1 ? bytes : joined(parts));
          break;
        }
        default:
          rest.push(yield* this.scan.verbatim(from, field));
          break;
      }
    }
    return { name, type, ...restOf(rest) };
  }

  // -------------------------------------------------------------------------------------------------------------- tensors

  *tensor(start: number, end: number): Work<OnnxTensor> {
    this.scan.budget.spend(tensorCost);
    const fields = yield* readTensor(this.scan.pages, start, end);
    let made: OnnxTensor | undefined;
    yield async () => {
      made = await this.#tensorOf(start, end, fields);
    };
    return made ?? bug('a tensor that was not placed');
  }

  async #tensorOf(start: number, end: number, fields: TensorFields): Promise<OnnxTensor> {
    const place = await locateTensor(this.scan.source, start, end, fields, this.#last);
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
    return { ...common, kind: 'proto', text, bytes: this.scan.span(start, end) };
  }

  // ----------------------------------------------------------------------------------------------------- nodes and graphs

  *#sharedAttribute(of: Field, depth: number): Work<OnnxAttribute> {
    const size = of.end - of.start;
    if (size > 256) return yield* this.#attribute(of, depth);
    const here = yield* this.scan.pages.bytesOf(of, 256, 'an attribute');
    let hash = size;
    for (let i = 0; i < size; i++) hash = Math.imul(hash ^ (here[i] ?? outside()), 16777619);
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
        const shared = { ...attribute, bytes: memorySource(this.scan.file, bytes) };
        this.#attributes.set(hash, { bytes, attribute: shared });
        return shared;
      }
      default:
        return unreachable(attribute);
    }
  }

  *#attribute(of: Field, depth: number): Work<OnnxAttribute> {
    this.scan.budget.spend(messageCost);
    const fields = yield* readAttributeFields(this.scan, of);
    const { name, type, reference, float, int, string, tensors, subgraphs, floats, ints, strings, graphs } = fields;
    const common = { name, bytes: this.scan.span(of.start, of.end) };
    if (reference !== '') return { ...common, kind: 'reference', to: reference };
    switch (type) {
      case 'float': {
        if (!float) return { ...common, kind: 'float', value: 0 };
        const values = yield* this.scan.floats([float]);
        return values?.length === 1 ? { ...common, kind: 'float', value: values[0] ?? outside() } : { ...common, kind: 'other' };
      }
      case 'int': {
        if (!int) return { ...common, kind: 'int', value: 0n };
        const values = yield* this.scan.ints([int]);
        return values?.length === 1 ? { ...common, kind: 'int', value: values[0] ?? outside() } : { ...common, kind: 'other' };
      }
      case 'string': {
        if (!string) return { ...common, kind: 'string', value: '' };
        const value = yield* this.scan.string(string);
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
        const value = yield* this.scan.floats(floats);
        return value ? { ...common, kind: 'floats', value } : { ...common, kind: 'other' };
      }
      case 'ints': {
        const value = yield* this.scan.ints(ints);
        return value ? { ...common, kind: 'ints', value } : { ...common, kind: 'other' };
      }
      case 'strings': {
        const value: string[] = [];
        if (strings.length > listLimit) return { ...common, kind: 'other' };
        for (const field of strings) {
          const text = yield* this.scan.string(field);
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

  *#node(of: Field, depth: number): Work<OnnxNode> {
    this.scan.budget.spend(nodeCost);
    let name = '';
    let domain = '';
    let opType = '';
    let overload = '';
    const inputs: string[] = [];
    const outputs: string[] = [];
    const attributes: OnnxAttribute[] = [];
    const rest: Uint8Array[] = [];
    for (let at = of.start; at < of.end; ) {
      const field = yield* this.scan.next(at, of.end);
      const from = at;
      at = field.end;
      switch (nameOf(NodeProto, field)) {
        case 'input':
          inputs.push(yield* this.scan.text(field));
          break;
        case 'output':
          outputs.push(yield* this.scan.text(field));
          break;
        case 'name':
          name = yield* this.scan.text(field);
          break;
        case 'op_type':
          opType = yield* this.scan.text(field);
          break;
        case 'attribute':
          attributes.push(yield* this.#sharedAttribute(field, depth));
          break;
        case 'domain':
          domain = domainOf(yield* this.scan.text(field));
          break;
        case 'overload':
          overload = yield* this.scan.text(field);
          rest.push(yield* this.scan.verbatim(from, field));
          break;
        default:
          rest.push(yield* this.scan.verbatim(from, field));
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
      this.scan.copies(part.end - part.start);
      bytes.push((yield* this.scan.pages.bytesOf(part, copiedLimit, 'a message that stands twice')).slice());
    }
    const whole = joined(bytes);
    const { source } = this.scan;
    const sibling = source.sibling?.bind(source);
    const reader = new Reader({ ...memorySource(this.scan.file, whole), ...(sibling && { sibling }) }, this.session);
    return { reader, field: { ...first, start: 0, end: whole.length } };
  }

  *graph(of: Field, depth: number): Work<OnnxGraph> {
    if (depth > depthLimit) this.scan.limit(`sub-graphs more than ${depthLimit} deep`, 'fewer');
    let name = '';
    const nodes: OnnxNode[] = [];
    const initializers: OnnxTensor[] = [];
    const inputs: OnnxValue[] = [];
    const outputs: OnnxValue[] = [];
    const valueInfo: OnnxValue[] = [];
    const rest: Uint8Array[] = [];
    let sparse = 0;
    for (let at = of.start; at < of.end; ) {
      const field = yield* this.scan.next(at, of.end);
      const from = at;
      at = field.end;
      switch (nameOf(GraphProto, field)) {
        case 'node':
          nodes.push(yield* this.#node(field, depth));
          break;
        case 'name':
          name = yield* this.scan.text(field);
          break;
        case 'initializer': {
          this.scan.spend();
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
          const tensor = yield* readSparse(this.scan, field, this.session, this.#last);
          if (tensor.name === '') throw new WireError(`an initialiser without a name at ${from}`);
          initializers.push(tensor);
          sparse++;
          break;
        }
        default:
          rest.push(yield* this.scan.verbatim(from, field));
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
      const field = yield* this.scan.next(at, of.end);
      at = field.end;
      if (OperatorSetIdProto.domain.is(field)) domain = domainOf(yield* this.scan.text(field));
      else if (OperatorSetIdProto.version.is(field)) version = field.value;
    }
    const before = into.get(domain);
    if (before !== undefined && before !== version)
      fail(importedOpset, {
        with: {
          file: this.scan.file,
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
      const field = yield* this.scan.next(at, of.end);
      const from = at;
      at = field.end;
      switch (nameOf(FunctionProto, field)) {
        case 'name':
          name = yield* this.scan.text(field);
          break;
        case 'input':
          inputs.push(yield* this.scan.text(field));
          break;
        case 'output':
          outputs.push(yield* this.scan.text(field));
          break;
        case 'attribute':
          attributes.push(yield* this.scan.text(field));
          break;
        case 'node':
          nodes.push(yield* this.#node(field, 0));
          break;
        case 'opset_import':
          yield* this.#opset(field, opsets);
          break;
        case 'domain':
          domain = domainOf(yield* this.scan.text(field));
          break;
        case 'attribute_proto':
          defaults.push(yield* this.#attribute(field, 0));
          break;
        case 'overload':
          overload = yield* this.scan.text(field);
          break;
        default:
          rest.push(yield* this.scan.verbatim(from, field));
          break;
      }
    }
    return { domain, name, overload, inputs, outputs, attributes, defaults, nodes, opsets, ...restOf(rest) };
  }

  *model(): Work<OnnxFile> {
    const { notes } = this;
    const { file, source } = this.scan;
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
      const field = yield* this.scan.next(at, source.size);
      const from = at;
      at = field.end;
      switch (nameOf(ModelProto, field)) {
        case 'ir_version':
          irVersion = field.value;
          break;
        case 'producer_name':
          producerName = yield* this.scan.text(field);
          break;
        case 'producer_version':
          producerVersion = yield* this.scan.text(field);
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
            const part = yield* this.scan.next(inner, field.end);
            inner = part.end;
            const what = nameOf(StringStringEntryProto, part);
            if (!what) continue;
            this.scan.copies(part.end - part.start);
            const text = utf8(yield* this.scan.pages.bytesOf(part, copiedLimit, 'metadata'));
            if (text === undefined) throw new WireError(`metadata that is no UTF-8 at ${part.start}`);
            if (what === 'key') key = text;
            else value = text;
          }
          metadata.push([key, value]);
          break;
        }
        case 'training_info':
          training.push(this.scan.span(field.start, field.end));
          break;
        case 'functions':
          functions.push(yield* this.#function(field));
          break;
        default:
          rest.push(yield* this.scan.verbatim(from, field));
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
 * Reads everything of an ONNX model but its numbers. Throws RES0650 for what is damaged or none, RES0651 for an opset that is
 * none or after 26, RES0652 past a limit, RES0658 for sparse tensors that do not fit, RES0501, RES0509, RES0512 and RES0513 for
 * tensors that lie outside of their file.
 */
export async function readOnnxFile(from: Bytes, session = new Session()): Promise<OnnxFile> {
  checkArgument('readOnnxFile', 'source', from, bytesKind);
  const source = sourceFrom(from, '<bytes>');
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
