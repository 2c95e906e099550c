/**
 * Graph to ONNX: calls every node's lowering, names nodes by scope and initializers by parameter path, writes a type for every
 * value, and computes symbolic sizes from the shapes of the inputs. Imported nodes and values keep their names.
 *
 * Constants of sub-graphs are initializers of the outermost graph, which they see, so that equal ones are stored once and all of
 * them stream.
 *
 * Names are settled last. While nodes are lowered a value is a key, so that a graph output can take its own name wherever it is
 * made, and a lowering of several nodes can give the layer's name to the node that makes the layer's result.
 *
 * Longer than other files, because it is the one object that lowerings call, and naming and assembling read all that it holds.
 */

import { outside } from '../diagnostics/at.ts';
import { notAtThisOpset, sizeOnlyTheRunKnows, unknownOpset } from '../diagnostics/catalogue/codegen.ts';
import { bug, DiagnosticError, Sink, unreachable } from '../diagnostics/diagnostic.ts';
import { everySo, type OnProgress } from '../diagnostics/progress.ts';
import { declarationsOf } from '../ir/declarations.ts';
import { Dim } from '../ir/dim.ts';
import type { Graph, Node, Use, Value } from '../ir/graph.ts';
import type { OnnxAttr, OnnxBuilder } from '../ir/operator.ts';
import { defaultOpset, irVersionOf, maxOpset, minOpset } from '../ir/opset.ts';
import { noPromise, promiseTexts, type SizePromise } from '../ir/promise.ts';
import type { Schedule } from '../ir/schedule.ts';
import { affineSize } from '../ir/solve.ts';
import type { Target } from '../ir/target.ts';
import type { ElemType, HostTensor, TensorType } from '../ir/types.ts';
import { elementTexts, namedAtMost, nameOfConstant } from '../onnx/constant-names.ts';
import { takesType } from '../onnx/element-types.ts';
import type { OnnxAttribute, OnnxGraph, OnnxModel, OnnxNode, OnnxType, OnnxValue } from '../onnx/model.ts';
import { operatorExists } from '../onnx/versions.ts';
import { numbersAttr } from '../ops/attrs.ts';
import { axisIn, sameDim } from '../ops/common.ts';
import { transpose as transposition } from '../ops/transpose.ts';
import type { WeightExpr } from '../tensor/expr.ts';
import { literal } from '../tensor/leaves.ts';
import { concat, pad, reshape, slice, transpose } from '../tensor/movement.ts';
import { type Session, sessionOf } from '../tensor/session.ts';
import { asExpr, exprOf } from '../tensor/values.ts';
import { baseName, ScopedNames, UniqueNames } from './names.ts';
import { type SizeHost, SizeWriter } from './sizes.ts';
import { type ContentKey, carriedAttribute, contentKey, onnxAttribute, onnxType, storedTensor, trimmed } from './to-onnx.ts';
import { typeRefusal } from './type-refusal.ts';
import { type Key, Refused, Scope, Slot, type UnnamedAttr, UnnamedNode } from './unnamed.ts';

/** What goes back of an imported file besides its graph. */
export interface EmitSource {
  /** That of the file. One that no operator here is written for is that of a graph of foreign nodes alone. */
  readonly opset?: number;
  /** The model is written with this one, or with a later one that its opset needs. */
  readonly irVersion?: number | undefined;
  /** Versions of domains other than ONNX's own; those that no node is of any more are left out. */
  readonly domains?: ReadonlyMap<string, number> | undefined;
  /** Who made it: kept as the metadata `rescc.producer`, because what is written has another producer. */
  readonly producerName?: string | undefined;
  readonly producerVersion?: string | undefined;
  /** Other fields of its ModelProto, encoded with their tags. */
  readonly rest?: Uint8Array | undefined;
  /** The name that a dimension symbol had in the file, where the graph calls it otherwise. */
  readonly dimNames?: ReadonlyMap<string, string> | undefined;
}

export interface EmitOptions {
  /** 13 to 26, or that of a `source` which is older; 17 when left out. */
  readonly opset?: number;
  /**
   * What the file is written for; portable when left out. Some lowerings avoid what is wrong on one provider
   * (`ops/runtime-defects.ts`).
   */
  readonly target?: Target | undefined;
  /** Written as the file's producer_version. */
  readonly producerVersion?: string;
  /** Added to what the graph says of itself. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Writes nodes that fail, with the promise as their name, where a size breaks what the source promises of it. */
  readonly checkPromises?: boolean | undefined;
  /** The file that the graph was imported from. */
  readonly source?: EmitSource | undefined;
  /** Takes the diagnostics, besides the error that is thrown. */
  readonly sink?: Sink;
  readonly onProgress?: OnProgress | undefined;
}

/** Lowers a graph. Throws `DiagnosticError` with everything that the opset cannot say. */
export function emitOnnx(graph: Graph, options: EmitOptions = {}): OnnxModel {
  return emitScheduled(graph, options).onnx;
}

/** The same, with what each node of the file reads and makes, in the types of the graph, for who asks. */
export function emitScheduled(graph: Graph, options: EmitOptions = {}): { readonly onnx: OnnxModel; schedule(): Schedule } {
  const sink = new Sink();
  const opset = options.opset ?? defaultOpset;
  const { source = {} } = options;
  const isOwn = opset === source.opset && opset < minOpset;
  if (!isOwn && (!Number.isInteger(opset) || opset < minOpset || opset > maxOpset)) {
    sink.report(unknownOpset, { with: { opset, min: minOpset, max: maxOpset, usual: defaultOpset } });
    return giveUp(sink, options.sink);
  }
  const emitter = new Emitter(graph, opset, options.target ?? 'portable', sink);
  if (options.checkPromises) emitter.checkPromises();
  emitter.lowerAll(everySo(options.onProgress, 'lowering', graph.nodeCount, 'nodes'));
  if (sink.hasErrors) return giveUp(sink, options.sink);
  const producer = [source.producerName, source.producerVersion].filter((word) => word !== undefined && word !== '').join(' ');
  const entries = Object.entries({
    ...(producer !== '' && source.producerName !== 'rescc' && { 'rescc.producer': producer }),
    ...graph.metadata,
    ...declarationsOf(graph, (name) => source.dimNames?.get(name) ?? name),
    ...options.metadata,
  });
  const domains = [...emitter.domains].sort().map((name) => [name, source.domains?.get(name) ?? 1] as const);
  const opsets = new Map([['', opset], ...domains]);
  const onnx: OnnxModel = {
    irVersion: Math.max(irVersionOf(opset), source.irVersion ?? 0),
    opsets,
    producerName: 'rescc',
    producerVersion: options.producerVersion ?? '',
    metadata: entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)),
    graph: emitter.finish(source.dimNames),
    functions: [],
    ...(source.rest && source.rest.length > 0 && { rest: source.rest }),
  };
  return { onnx, schedule: () => emitter.schedule() };
}

/**
 * What a graph is lowered to, without names and without a file: enough to count its nodes and to follow its values. Throws as
 * `emitOnnx` does.
 */
export function lowerGraph(
  graph: Graph,
  options: {
    readonly opset?: number | undefined;
    readonly target?: Target | undefined;
    readonly checkPromises?: boolean | undefined;
  } = {},
): Schedule {
  const sink = new Sink();
  const emitter = new Emitter(graph, options.opset ?? defaultOpset, options.target ?? 'portable', sink);
  if (options.checkPromises) emitter.checkPromises();
  emitter.lowerAll();
  return sink.hasErrors ? giveUp(sink, undefined) : emitter.schedule();
}

/**
 * How many nodes the file would have, without keeping them; undefined where the opset cannot say one, which may be what a pass is
 * for.
 */
export function nodesToWrite(
  graph: Graph,
  options: Pick<EmitOptions, 'opset' | 'target' | 'checkPromises' | 'onProgress'> = {},
): number | undefined {
  const sink = new Sink();
  const emitter = new Emitter(graph, options.opset ?? defaultOpset, options.target ?? 'portable', sink, { counts: true });
  if (options.checkPromises) emitter.checkPromises();
  emitter.lowerAll(everySo(options.onProgress, 'counting', graph.nodeCount, 'nodes'));
  return sink.hasErrors ? undefined : emitter.written;
}

function giveUp(found: Sink, given: Sink | undefined): never {
  for (const diagnostic of found.list) given?.add(diagnostic);
  throw new DiagnosticError(found.list);
}

/** An addition whose sum only the next addition of the same Sum of the file reads, as the first of its operands. */
function isPartOfSum(node: Node): boolean {
  const use = isTerm(node) ? node.y.soleUse : undefined;
  return use?.index === 0 && isTerm(use.user) && use.user.origin === node.origin;
}

/** A pass may have made something else of the addition, such as a difference. */
const isTerm = ({ op, origin }: Node): boolean => origin.isTerm === true && op.inRow !== undefined;

/** What a Sum of the file adds up, from the left as ONNX does; undefined where no more than one addition is left of it. */
function termsOf(node: Node): readonly (Use | undefined)[] | undefined {
  if (!isTerm(node)) return undefined;
  const later: (Use | undefined)[] = [];
  let at = node;
  for (let part = at.operand(0)?.producer; part && isPartOfSum(part); part = at.operand(0)?.producer) {
    later.unshift(...at.slots.slice(1));
    at = part;
  }
  return at === node ? undefined : [...at.slots, ...later];
}

/** Tells attributes of one kind apart. */
function attributeText(attr: Exclude<OnnxAttr, { readonly kind: 'tensor' }>): string {
  if (attr.kind === 'ints' || attr.kind === 'floats') return attr.value.join();
  return typeof attr.value === 'number' ? String(attr.value) : JSON.stringify(attr.value);
}

/** The element types of an operator's last node that ONNX takes: a network has few others. */
interface TakenTypes {
  readonly operands: readonly (ElemType | undefined)[];
  readonly results: readonly (ElemType | undefined)[];
}

const elemOf = (type: TensorType | undefined): ElemType | undefined => (type?.foreign ? undefined : type?.elem);

const isFinished = (attrs: readonly UnnamedAttr[]): attrs is readonly OnnxAttribute[] =>
  attrs.every((attr) => attr.kind !== 'scopes');

class Emitter implements OnnxBuilder {
  readonly opset: number;
  readonly target: Target;
  /** Domains of foreign nodes. */
  readonly domains = new Set<string>();
  readonly #sink: Sink;
  readonly #session: Session;
  readonly #slots: Slot[] = [];
  readonly #keys = new Map<Value, Key>();
  readonly #byContent = new Map<ContentKey, Key>();
  readonly #named = new Map<string, { readonly content: ContentKey; readonly key: Key }>();
  readonly #literals = new Map<string, Key>();
  readonly #attributes = new Map<string, readonly OnnxAttribute[]>();
  readonly #taken = new Map<string, TakenTypes>();
  readonly #numbers = new Map<Value, number>();
  /** Outer graphs before those inside. */
  readonly #scopes: Scope[] = [];
  readonly #root: Scope;
  #scope: Scope;
  #current: Node | undefined;
  #base = '';
  /** Whether nodes are only counted: then none is kept, and no tensor. */
  readonly #counts: boolean;
  /** Where nodes are counted, what stands for every constant. */
  #anyStored: Key | undefined;
  /** Nodes that were written. */
  written = 0;
  readonly #sizes: SizeWriter;

  constructor(graph: Graph, opset: number, target: Target, sink: Sink, how: { readonly counts: boolean } = { counts: false }) {
    this.#counts = how.counts;
    this.opset = opset;
    this.target = target;
    this.#sink = sink;
    this.#session = sessionOf(graph);
    this.#root = new Scope(0, graph, undefined);
    this.#scope = this.#root;
    this.#sizes = new SizeWriter(this.#sizeHost());
    this.#enter(this.#root);
  }

  #sizeHost(): SizeHost {
    return {
      opset: this.opset,
      scope: () => this.#scope,
      write: (op, inputs, attrs, type, base) => this.#writeOne(op, inputs, attrs, type, base),
      i64: (values) => this.i64(values),
      rankOf: (key) => this.#slotOf(key).type.dims.length,
      unknownSize: (dim, symbol) => {
        const { span } = this.#current?.origin ?? {};
        this.#sink.report(sizeOnlyTheRunKnows, { span, with: { dim: dim.toString(), symbol } });
        throw new Refused();
      },
    };
  }

  #enter(scope: Scope): void {
    this.#scope = scope;
    this.#scopes.push(scope);
    for (const input of scope.graph.inputs) {
      const kept = input.name ?? bug('an input without a name');
      const slot = this.#slot(input.type, 'input', scope);
      slot.kept = kept;
      scope.inputs.push(slot);
      this.#keys.set(input, slot.key);
      scope.hold(slot);
    }
  }

  #slot(type: TensorType, kind: Slot['kind'], scope: Scope): Slot {
    const made = new Slot(`%${this.#slots.length}`, type, kind, scope);
    this.#slots.push(made);
    return made;
  }

  #result(type: TensorType): Slot {
    return this.#slot(type, 'result', this.#scope);
  }

  #leftOut(): Slot {
    const slot = this.#result({ elem: 'f32', dims: [] });
    slot.leftOut = true;
    return slot;
  }

  #slotOf(key: Key): Slot {
    return this.#slots[Number(key.slice(1))] ?? bug(`a lowering used ${key}, which the builder did not make`);
  }

  /** What a node reads. */
  #read(keys: readonly (Key | undefined)[]): readonly (Slot | undefined)[] {
    return keys.map((key) => {
      if (key === undefined) return undefined;
      const slot = this.#slotOf(key);
      if (slot.kind === 'initializer') slot.isRead = true;
      return slot;
    });
  }

  /**
   * For every input with promised sizes a Reshape to the same sizes, the promised ones rounded up to their multiple and to the
   * least. Where they are that already it is a view, which costs nothing; elsewhere there are more elements, and every runtime
   * refuses the node, whose name is the promise. Sizes that may not be larger are cut by a second one, so that what one axis
   * gains makes up for no other's loss. Mod of ONNX has the sign of its divisor: s - (s - d) mod -k is the next k·n + d.
   */
  checkPromises(): void {
    const said = new Set<string>();
    const nodes = new Set([...this.#root.graph.nodes()].map((node) => node.origin.name));
    for (const input of this.#root.graph.inputs) {
      const { dims } = input.type;
      const kept = dims.map((dim) => {
        const affine = affineSize(dim);
        const told = !affine || affine.scale < 0 || said.has(affine.name);
        const promise = told ? noPromise : affine.promise;
        const textsOf = (of: SizePromise): readonly string[] =>
          told ? [] : promiseTexts(Dim.symbol(affine.name).toString(), of);
        const upTo = textsOf({ ...promise, most: noPromise.most });
        const downTo = textsOf({ ...noPromise, most: promise.most });
        if (affine && upTo.length + downTo.length > 0) said.add(affine.name);
        const divided = promise.multiple > 1 ? affine : undefined;
        return { upTo, downTo, divided, bounded: promise.least > promise.multiple, low: dim.lowerBound, high: dim.upperBound };
      });
      const count = dims.length;
      const refuseOther = (texts: readonly string[], wanted: (sizes: Key, name: string) => Key): void => {
        const name = `assert ${texts.join(' and ')}`;
        // A file that was written with its checks has them as nodes.
        if (texts.length === 0 || nodes.has(name)) return;
        const x = this.#keys.get(input) ?? bug('an input without a key');
        const sizes = this.#sizes.node('Shape', [x], `${name}.shape`, {}, count);
        this.#keys.set(input, this.#writeOne('Reshape', [x, wanted(sizes, name)], {}, input.type, name));
      };
      refuseOther(
        kept.flatMap(({ upTo }) => upTo),
        (sizes, name) => {
          let whole = sizes;
          if (kept.some(({ divided }) => divided)) {
            const shifts = kept.map(({ divided }) => divided?.shift ?? 0);
            const from = shifts.every((n) => n === 0)
              ? sizes
              : this.#sizes.node('Sub', [sizes, this.i64(shifts)], `${name}.from`, {}, count);
            const divisors = this.i64(kept.map(({ divided }) => (divided ? -divided.scale : -1)));
            const short = this.#sizes.node('Mod', [from, divisors], `${name}.mod`, {}, count);
            whole = this.#sizes.node('Sub', [sizes, short], `${name}.sub`, {}, count);
          }
          if (!kept.some(({ bounded }) => bounded)) return whole;
          const least = this.i64(kept.map(({ bounded, low }) => (bounded ? low : 0)));
          return this.#sizes.node('Max', [whole, least], `${name}.max`, {}, count);
        },
      );
      refuseOther(
        kept.flatMap(({ downTo }) => downTo),
        (sizes, name) => {
          // Min with 0 is 0, which Reshape takes for the size that stands there.
          const most = this.i64(kept.map(({ downTo, high }) => (downTo.length > 0 ? high : 0)));
          return this.#sizes.node('Min', [sizes, most], `${name}.min`, {}, count);
        },
      );
    }
  }

  lowerAll(onNode?: (done: number) => void): void {
    let done = 0;
    for (const node of this.#scope.graph.nodes()) {
      this.#lower(node);
      onNode?.(++done);
    }
    this.#current = undefined;
    this.#base = '';
    this.#bindOutputs();
  }

  /** A sub-graph of the node that is being lowered. Importers bound how deep they nest. */
  #inner(graph: Graph): Scope {
    const [outer, current, base] = [this.#scope, this.#current, this.#base];
    const scope = new Scope(this.#scopes.length, graph, outer);
    this.#enter(scope);
    this.lowerAll();
    [this.#scope, this.#current, this.#base] = [outer, current, base];
    return scope;
  }

  #lower(node: Node): void {
    if (isPartOfSum(node) || this.#isReadTransposed(node)) return;
    this.#current = node;
    this.#base = baseName(node);
    const from = this.#scope.drafts.length;
    const terms = termsOf(node);
    const operands = (terms ?? node.slots).map((use) => {
      const { producer } = use?.value ?? {};
      return use && !(producer && this.#isReadTransposed(producer)) ? this.#operand(use.value, node, use.index) : undefined;
    });
    let results: readonly Key[];
    try {
      const { inRow } = node.op;
      const since = node.op.since?.(node) ?? 0;
      if (this.opset < since && !node.op.onnx.some((opType) => this.#root.graph.ahead.has(opType)))
        this.refuse(`ONNX has ${node.op.onnx.join(', ')} for it from opset ${since} on`, `--opset ${since}`);
      const { until = Infinity } = node.op;
      if (this.opset > until) this.refuse(`onnxruntime runs ${node.op.onnx.join(', ')} up to opset ${until}`, `--opset ${until}`);
      results = terms && inRow ? [this.node(inRow, operands, {}, node.y.type)] : node.op.lower(this, node, operands);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      results = node.results.map((y) => this.#result(y.type).key);
    }
    if (results.length < node.results.length)
      bug(`the lowering of ${node.op.name} gave ${results.length} of ${node.results.length} values`);
    if (this.#counts) this.#scope.drafts.length = from;
    else this.#nameDrafts(from, results[0]);
    node.results.forEach((y, i) => {
      const key = results[i] ?? bug(`the lowering of ${node.op.name} left out result ${i}`);
      this.#keys.set(y, key);
      const slot = this.#slotOf(key);
      slot.scope.hold(slot);
      if (y.name !== undefined && y.name !== '' && slot.kind === 'result' && slot.scope === this.#scope) slot.kept ??= y.name;
    });
  }

  /** The node that makes the layer's result has the layer's name; those on the way there add their operator. */
  #nameDrafts(from: number, result: Key | undefined): void {
    const { drafts } = this.#scope;
    for (let i = from; i < drafts.length; i++) {
      const draft = drafts[i];
      if (draft?.base !== '') continue;
      const main = draft.outputs.some((slot) => slot.key === result) || draft.outputs.length === 0;
      draft.base = main ? this.#base : `${this.#base}.${draft.op.toLowerCase()}`;
      const kept = draft.origin?.name;
      if (main && kept !== undefined && kept !== '') draft.kept = kept;
    }
  }

  #operand(value: Value, node: Node, index: number): Key {
    const known = this.#keys.get(value);
    if (known !== undefined) return known;
    const content = value.content;
    if (!content) return bug(`${node.op.name} at ${node.origin.scope} reads a value that is not made yet`);
    if (this.#counts) {
      this.#anyStored ??= this.#slot(value.type, 'initializer', this.#root).key;
      return this.#anyStored;
    }
    const key = value.name === undefined ? this.#anonymous(value, node, index) : this.#parameter(value, value.name);
    this.#keys.set(value, key);
    return key;
  }

  #parameter(value: Value, name: string): Key {
    const content = contentKey(value);
    const old = this.#named.get(name);
    if (old?.content === content) return old.key;
    const { key } = this.#stored(value.type, exprOf(value), name);
    if (!old) this.#named.set(name, { content, key });
    if (!this.#byContent.has(content)) this.#byContent.set(content, key);
    return key;
  }

  #anonymous(value: Value, node: Node | undefined, index: number): Key {
    const content = value.content ?? bug('a constant without content');
    const text = contentKey(value);
    const known = this.#byContent.get(text);
    if (known !== undefined) return known;
    const { resident, elem, dims } = content;
    let key: Key;
    if (resident && resident.length <= namedAtMost && !value.type.foreign) {
      key = this.constant({ elem, dims, data: resident, wide: content.wide });
    } else {
      const specs = node?.op.operands ?? [];
      const operand = specs[Math.min(index, specs.length - 1)]?.name ?? 'constant';
      key = this.#stored(value.type, exprOf(value), node ? `${this.#base}.${operand}` : 'constant').key;
    }
    this.#byContent.set(text, key);
    return key;
  }

  #stored(type: TensorType, expr: WeightExpr, wish: string): Slot {
    const slot = this.#slot(type, 'initializer', this.#root);
    slot.stored = expr;
    slot.wish = wish;
    return slot;
  }

  // What a lowering calls.

  has(opType: string, elem?: ElemType): boolean {
    if (this.#root.graph.ahead.has(opType)) return true;
    return operatorExists(opType, this.opset) && (elem === undefined || takesType(opType, this.opset, elem));
  }

  node(op: string, inputs: readonly (Key | undefined)[], attrs: Readonly<Record<string, OnnxAttr>>, type: TensorType): Key {
    return this.#writeOne(op, inputs, attrs, type, '');
  }

  nodes(
    op: string,
    inputs: readonly (Key | undefined)[],
    attrs: Readonly<Record<string, OnnxAttr>>,
    types: readonly (TensorType | undefined)[],
  ): readonly Key[] {
    return this.#write(op, inputs, attrs, types, '');
  }

  #write(
    op: string,
    inputs: readonly (Key | undefined)[],
    attrs: Readonly<Record<string, OnnxAttr>>,
    types: readonly (TensorType | undefined)[],
    base: string,
  ): readonly Key[] {
    const read = this.#read(inputs);
    this.#checkTypes(op, read, types);
    const all = types.map((type) => (type ? this.#result(type) : this.#leftOut()));
    this.#draft(op, read, all.slice(0, all.findLastIndex((slot) => !slot.leftOut) + 1), attrs, base);
    return all.map((slot) => slot.key);
  }

  #writeOne(
    op: string,
    inputs: readonly (Key | undefined)[],
    attrs: Readonly<Record<string, OnnxAttr>>,
    type: TensorType,
    base: string,
  ): Key {
    const read = this.#read(inputs);
    this.#checkTypes(op, read, [type]);
    const slot = this.#result(type);
    this.#draft(op, read, [slot], attrs, base);
    return slot.key;
  }

  #draft(
    op: string,
    inputs: readonly (Slot | undefined)[],
    outputs: readonly Slot[],
    attrs: Readonly<Record<string, OnnxAttr>>,
    base: string,
  ): void {
    this.written++;
    if (this.#counts) return;
    this.#scope.drafts.push(new UnnamedNode(op, inputs, outputs, this.#attributesOf(attrs), this.#current?.origin, base));
  }

  /** Refuses a node of element types that ONNX does not take. */
  #checkTypes(op: string, read: readonly (Slot | undefined)[], types: readonly (TensorType | undefined)[]): void {
    if (this.#counts || !this.#current || this.#root.graph.ahead.has(op)) return;
    const known = this.#taken.get(op);
    const isKnown =
      known !== undefined &&
      known.operands.length === read.length &&
      known.results.length === types.length &&
      read.every((slot, i) => elemOf(slot?.type) === known.operands[i]) &&
      types.every((type, i) => elemOf(type) === known.results[i]);
    if (isKnown) return;
    const given = { operands: read.map((slot) => elemOf(slot?.type)), results: types.map(elemOf) };
    const refusal = typeRefusal(op, this.opset, given.operands, given.results);
    if (refusal) this.refuse(refusal.why, refusal.hint);
    this.#taken.set(op, given);
  }

  owner(op: string, node: Node, inputs: readonly (Key | undefined)[], untold?: readonly boolean[]): readonly Key[] {
    const names = node.op.regions ?? [];
    const attrs = names.map((name, i): UnnamedAttr => {
      const region = node.regions[i] ?? bug(`${node.op.name} has no sub-graph ${i}`);
      return { name, kind: 'scopes', plural: false, scopes: [this.#inner(region)] };
    });
    const outputs = node.results.map(({ type }, i) => {
      const slot = this.#result(type);
      slot.untold = untold?.[i] ?? false;
      return slot;
    });
    this.written++;
    attrs.sort((a, b) => (a.name < b.name ? -1 : 1));
    this.#scope.drafts.push(new UnnamedNode(op, this.#read(inputs), outputs, attrs, node.origin, ''));
    return outputs.map((slot) => slot.key);
  }

  foreign(node: Node, inputs: readonly (Key | undefined)[]): readonly Key[] {
    const foreign = node.op.foreign ?? bug(`${node.op.name} is no foreign operator`);
    const { domain, opType, rest } = foreign;
    if (domain !== '') this.domains.add(domain);
    const attrs = foreign.attributes.map((attr): UnnamedAttr => {
      switch (attr.kind) {
        case 'bytes':
          return carriedAttribute(attr);
        case 'graphs': {
          const regions = attr.regions.map((i) => node.regions[i] ?? bug(`${node.op.name} has no sub-graph ${i}`));
          return { name: attr.name, kind: 'scopes', plural: attr.plural, scopes: regions.map((graph) => this.#inner(graph)) };
        }
        default:
          return unreachable(attr);
      }
    });
    const outputs = node.results.map((y, i) => {
      const slot = this.#result(y.type);
      slot.leftOut = foreign.outputs[i] === false;
      return slot;
    });
    this.written++;
    const draft = new UnnamedNode(opType, this.#read(inputs), outputs, attrs, node.origin, '');
    draft.domain = domain;
    if (rest.length > 0) draft.rest = rest;
    this.#scope.drafts.push(draft);
    return outputs.map((slot) => slot.key);
  }

  constant(tensor: HostTensor): Key {
    const { elem, dims, data } = tensor;
    const text = `${elem}[${dims.join()}]${elementTexts(tensor).join()}`;
    const known = this.#literals.get(text);
    if (known !== undefined) return known;
    const wish = data.length <= namedAtMost ? nameOfConstant(tensor) : `${this.#base || 'const'}.constant`;
    const type = { elem, dims: dims.map((d) => Dim.of(d)) };
    const { key } = this.#stored(type, literal(this.#session, tensor), wish);
    this.#literals.set(text, key);
    return key;
  }

  i64(values: readonly number[]): Key {
    return this.constant({ elem: 'i64', dims: [values.length], data: Float64Array.from(values) });
  }

  scalar(elem: ElemType, value: number): Key {
    return this.constant({ elem, dims: [], data: Float64Array.of(value) });
  }

  dims(dims: readonly Dim[]): Key {
    const text = `dims ${dims.map((d) => d.id).join()}`;
    const known = this.#scope.find(text);
    if (known !== undefined) return known;
    const parts: Key[] = [];
    let run: number[] = [];
    const flush = (): void => {
      if (run.length > 0) parts.push(this.i64(run));
      run = [];
    };
    for (const dim of dims) {
      if (dim.constant !== undefined) {
        run.push(dim.constant);
        continue;
      }
      flush();
      parts.push(this.#sizes.size(dim));
    }
    flush();
    const only = parts[0];
    const key =
      parts.length === 0
        ? this.i64([])
        : parts.length === 1 && only !== undefined
          ? only
          : this.#sizes.node('Concat', parts, 'dims', { axis: { kind: 'int', value: 0 } }, dims.length);
    this.#scope.computed.set(text, key);
    return key;
  }

  /** A transposition that its only reader goes on transposing; both are written as one, there. */
  #isReadTransposed(node: Node): boolean {
    if (node.op !== transposition) return false;
    const use = node.y.soleUse;
    return use?.user.graph === node.graph && use.user.op.readsTransposed?.(this, use.user) === use.index;
  }

  transposed(operand: Value, perm: readonly number[]): Key {
    const node = this.#current ?? bug('transposed outside a lowering');
    const { producer } = operand;
    if (producer && this.#isReadTransposed(producer)) {
      const own = numbersAttr(producer.attrs, 'perm');
      return this.transposed(
        producer.x,
        perm.map((axis) => axisIn(own[axis] ?? outside(), own.length)),
      );
    }
    if (perm.every((axis, i) => axis === i)) return this.#operand(operand, node, 0);
    const dims = perm.map(
      (axis) => operand.type.dims[axis] ?? bug(`a transposition by [${perm.join()}] of rank ${operand.type.dims.length}`),
    );
    const reversed = perm.every((axis, i) => axis === perm.length - 1 - i);
    return this.#derived(operand, {
      text: `transposed ${perm.join()}`,
      suffix: reversed ? 'transposed' : `transposed_${perm.join('')}`,
      dims,
      stored: (expr) => transpose(expr, perm),
      computed: (x, type) => this.node('Transpose', [x], { perm: { kind: 'ints', value: perm } }, type),
    });
  }

  reshaped(operand: Value, dims: readonly Dim[]): Key {
    const { dims: own } = operand.type;
    if (own.length === dims.length && own.every((d, axis) => d === dims[axis]))
      return this.#operand(operand, this.#current ?? bug('reshaped outside a lowering'), 0);
    return this.#derived(operand, {
      text: `reshaped ${dims.map((d) => d.id).join()}`,
      suffix: 'reshaped',
      dims,
      stored: (expr) =>
        reshape(
          expr,
          dims.map((d) => d.constant ?? bug('a constant of unknown size')),
        ),
      computed: (x, type) => {
        const sizes = dims.map((d) => d.constant ?? -1);
        const shape = sizes.filter((n) => n === -1).length > 1 || sizes.includes(0) ? this.dims(dims) : this.i64(sizes);
        return this.node('Reshape', [x, shape], {}, type);
      },
    });
  }

  expanded(operand: Value, dims: readonly Dim[]): Key {
    const { elem, dims: own } = operand.type;
    const key = this.#operand(operand, this.#current ?? bug('expanded outside a lowering'), 0);
    if (own.length === dims.length && own.every((d, axis) => sameDim(d, dims[axis] ?? outside()))) return key;
    const text = `expanded ${dims.map((d) => d.id).join()} ${this.#numberOf(operand)}`;
    const known = this.#scope.find(text);
    if (known !== undefined) return known;
    const made = this.node('Expand', [key, this.dims(dims)], {}, { elem, dims });
    this.#scope.computed.set(text, made);
    return made;
  }

  moved(node: Node, suffix: string): Key | undefined {
    const { byMoves } = node.op;
    const operands: Value[] = [];
    for (const use of node.slots) {
      if (!use?.value.isConstant || this.#isTied(use.value, node)) return undefined;
      operands.push(use.value);
    }
    if (!byMoves) return undefined;
    const expr = byMoves({ reshape, slice, concat }, operands.map(exprOf), node.attrs);
    return this.#stored(node.y.type, expr, `${operands[0]?.name ?? this.#base}.${suffix}`).key;
  }

  /**
   * A tied table is stored once: where another operator reads it as it is, this reader computes at run time (runtimes fold that
   * when they load the file).
   */
  #isTied(operand: Value, node: Node): boolean {
    return [...operand.uses].some((use) => use.user.op !== node.op);
  }

  padded(operand: Value, pads: readonly number[]): Key {
    const rank = operand.type.dims.length;
    const [begins, ends] = [pads.slice(0, rank), pads.slice(rank)];
    return this.#derived(operand, {
      text: `padded ${pads.join()}`,
      suffix: 'padded',
      dims: operand.type.dims.map((d, axis) => d.plus((begins[axis] ?? outside()) + (ends[axis] ?? outside()))),
      stored: (expr) => pad(expr, begins, ends),
      computed: (x, type) => this.node('Pad', [x, this.i64(pads)], {}, type),
    });
  }

  /** What is made of an operand once: at compile time of a constant that is not tied, by a node otherwise. */
  #derived(
    operand: Value,
    how: {
      readonly text: string;
      readonly suffix: string;
      readonly dims: readonly Dim[];
      stored(expr: WeightExpr): WeightExpr;
      computed(x: Key, type: TensorType): Key;
    },
  ): Key {
    const node = this.#current ?? bug(`${how.text} outside a lowering`);
    const text = `${how.text} ${this.#numberOf(operand)}`;
    const known = this.#scope.find(text);
    if (known !== undefined) return known;
    const type: TensorType = { elem: operand.type.elem, dims: how.dims };
    const key =
      operand.isConstant && !this.#isTied(operand, node)
        ? this.#stored(type, how.stored(exprOf(operand)), `${operand.name ?? `${this.#base}.weight`}.${how.suffix}`).key
        : how.computed(this.#operand(operand, node, 0), type);
    (this.#slotOf(key).kind === 'initializer' ? this.#root : this.#scope).computed.set(text, key);
    return key;
  }

  /** Values number themselves in each graph anew. */
  #numberOf(value: Value): number {
    const known = this.#numbers.get(value) ?? this.#numbers.size;
    this.#numbers.set(value, known);
    return known;
  }

  refuse(why: string, hint: string): never {
    const node = this.#current ?? bug('a refusal outside a lowering');
    this.#sink.report(notAtThisOpset, {
      span: node.origin.span,
      with: { operator: node.op.name, opset: this.opset, why, hint },
      ...(node.origin.scope !== '' && { within: [node.origin.scope] }),
    });
    throw new Refused();
  }

  // Outputs and names.

  #bindOutputs(): void {
    const { graph, outputs } = this.#scope;
    for (const { name, value } of graph.outputs) {
      let key = this.#keys.get(value);
      if (key === undefined && value.content) {
        key = value.name === undefined ? this.#anonymous(value, undefined, 0) : this.#parameter(value, value.name);
      }
      if (key === undefined) {
        if (this.#sink.hasErrors) continue;
        bug(`output ${name} is a value that no node makes`);
      }
      let slot = this.#slotOf(key);
      const free = slot.scope === this.#scope && !slot.isOutput;
      // An input or constant may be an output under its own name. Under another one, or as what already is an output, it is
      // copied.
      const same = slot.kind === 'input' ? slot.kept === name : slot.kind === 'initializer' ? slot.wish === name : true;
      if (!free || !same) {
        slot = this.#slotOf(this.#writeOne('Identity', [key], {}, value.type, 'identity'));
      }
      slot.isOutput = true;
      slot.kept = name;
      outputs.push(slot);
    }
  }

  /** The nodes as they will stand in the file, with what each reads and makes. */
  schedule(): Schedule {
    const made = new Map<Scope, Schedule>();
    // Inner graphs first, because the nodes that own them hold them.
    for (const scope of [...this.#scopes].reverse()) {
      made.set(scope, {
        inputs: scope.inputs,
        outputs: scope.outputs.map((slot) => slot.key),
        nodes: scope.drafts.map(({ inputs, outputs, attrs, origin }) => ({
          reads: inputs.flatMap((slot) => slot?.key ?? []),
          makes: outputs.filter((slot) => !slot.leftOut),
          inner: attrs.flatMap((attr) =>
            attr.kind === 'scopes' ? attr.scopes.map((inner) => made.get(inner) ?? bug('a sub-graph before its owner')) : [],
          ),
          origin,
        })),
      });
    }
    return made.get(this.#root) ?? bug('the outermost graph was not lowered');
  }

  finish(dimNames: ReadonlyMap<string, string> = new Map()): OnnxGraph {
    const names = new UniqueNames();
    const stored = this.#nameValues(names);
    this.#nameNodes(names);
    const made = new Map<Scope, OnnxGraph>();
    // Inner graphs first, because the attributes of their owners hold them.
    for (const scope of [...this.#scopes].reverse()) made.set(scope, this.#assemble(scope, made, dimNames));
    const graph = made.get(this.#root) ?? bug('the outermost graph was not assembled');
    const initializers = stored.flatMap((slot) =>
      slot.stored ? storedTensor(slot.name ?? '', slot.stored, slot.type.foreign?.tensor) : [],
    );
    for (const [input, content] of this.#root.graph.defaults)
      initializers.push(storedTensor(input.name ?? '', asExpr(content), input.type.foreign?.tensor));
    return { ...graph, initializers };
  }

  /**
   * Names of inputs and outputs first, then those that imported values had, then of initializers. Results without take their
   * node's.
   */
  #nameValues(names: UniqueNames): readonly Slot[] {
    const claims = new ScopedNames();
    const claim = (slot: Slot): void => {
      if (slot.name !== undefined || slot.kept === undefined || !claims.claim(slot.kept, slot.scope)) return;
      slot.name = slot.kept;
      names.reserve(slot.name);
    };
    for (const scope of this.#scopes) for (const slot of [...scope.inputs, ...scope.outputs]) claim(slot);
    for (const scope of this.#scopes) {
      for (const slot of scope.outputs) if (slot.kind === 'initializer') slot.isRead = true;
      for (const draft of scope.drafts) for (const slot of draft.outputs) if (!slot.leftOut) claim(slot);
    }
    for (const scope of this.#scopes) for (const slot of scope.inputs) slot.name ??= names.unique(slot.kept ?? 'input');
    const stored: Slot[] = [];
    for (const slot of this.#slots) if (slot.kind === 'initializer' && slot.isRead) stored.push(slot);
    for (const slot of stored) slot.name ??= names.unique(slot.wish ?? 'constant');
    return stored;
  }

  #nameNodes(values: UniqueNames): void {
    const nodes = new UniqueNames();
    const drafts = this.#scopes.flatMap((scope) => scope.drafts);
    for (const draft of drafts) if (draft.kept !== undefined && nodes.claim(draft.kept)) draft.name = draft.kept;
    for (const draft of drafts) {
      if (draft.name === '') draft.name = nodes.unique(draft.base);
      draft.outputs.forEach((slot, i) => {
        if (slot.leftOut) slot.name = '';
        else slot.name ??= values.unique(slot.kept ?? (draft.outputs.length === 1 ? draft.name : `${draft.name}.${i}`));
      });
    }
  }

  /** Sorted by name. Most nodes have the same few kernels, strides and axes, and share the list. */
  #attributesOf(attrs: Readonly<Record<string, OnnxAttr>>): readonly OnnxAttribute[] {
    let text = '';
    let recurs = true;
    for (const name of Object.keys(attrs)) {
      const attr = attrs[name];
      if (attr === undefined || attr.kind === 'tensor') recurs = false;
      else text += `${name} ${attr.kind} ${attributeText(attr)} `;
    }
    const known = recurs ? this.#attributes.get(text) : undefined;
    if (known) return known;
    const sorted = Object.entries(attrs).sort(([a], [b]) => (a < b ? -1 : 1));
    const made = sorted.map(([name, attr]) => onnxAttribute(this.#session, name, attr));
    if (recurs) this.#attributes.set(text, made);
    return made;
  }

  #assemble(scope: Scope, made: ReadonlyMap<Scope, OnnxGraph>, dimNames: ReadonlyMap<string, string>): OnnxGraph {
    const nameOf = (slot: Slot | undefined): string =>
      slot === undefined ? '' : (slot.name ?? bug(`${slot.key} is read before it is named`));
    const graphOf = (inner: Scope): OnnxGraph => made.get(inner) ?? bug('a sub-graph was not assembled before its owner');
    const attributeOf = (attr: UnnamedAttr): OnnxAttribute => {
      if (attr.kind !== 'scopes') return attr;
      const { name, plural } = attr;
      const graphs = attr.scopes.map(graphOf);
      const only = graphs[0];
      return plural || !only ? { name, kind: 'graphs', value: graphs } : { name, kind: 'graph', value: only };
    };
    const nodes: OnnxNode[] = [];
    const valueInfo: OnnxValue[] = [];
    const types = new Map<TensorType, OnnxType | undefined>();
    const typeOf = (type: TensorType): OnnxType | undefined => {
      const known = types.get(type) ?? onnxType(type, dimNames, true);
      types.set(type, known);
      return known;
    };
    for (const { op, name, domain, inputs, outputs, attrs, rest, origin } of scope.drafts) {
      for (const { name, type, isOutput, leftOut, untold } of outputs) {
        const known = !type.foreign || type.foreign.proto !== undefined;
        if (name !== undefined && !isOutput && !leftOut && !untold && known) valueInfo.push({ name, type: typeOf(type) });
      }
      nodes.push({
        name,
        domain,
        opType: op,
        overload: '',
        inputs: trimmed(inputs.map(nameOf)),
        outputs: outputs.map((slot) => slot.name ?? ''),
        attributes: isFinished(attrs) ? attrs : attrs.map(attributeOf),
        rest,
        origin,
      });
    }
    const port = ({ name = '', type }: Slot): OnnxValue => ({ name, type: onnxType(type, dimNames, false) });
    const { rest } = scope.graph;
    return {
      name: scope.graph.name,
      nodes,
      initializers: [],
      inputs: scope.inputs.map(port),
      outputs: scope.outputs.map(port),
      valueInfo,
      ...(rest && rest.length > 0 && { rest }),
    };
  }
}
