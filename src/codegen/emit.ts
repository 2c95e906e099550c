/**
 * Graph to ONNX: calls every node's lowering, names nodes by scope and initializers by parameter path, writes a type for every value,
 * and computes symbolic sizes from the shapes of the inputs.
 *
 * Names are settled last. While nodes are lowered a value is a key, so that a graph output can take its own name wherever it is made,
 * and a lowering of several nodes can give the layer's name to the node that makes the layer's result.
 */
import { notAtThisOpset, sizeOnlyTheRunKnows, unknownOpset } from '../diagnostics/catalogue/codegen.ts';
import { bug, DiagnosticError, Sink, unreachable } from '../diagnostics/diagnostic.ts';
import { Dim, type DimNode } from '../ir/dim.ts';
import type { Graph, Node, Origin, Value } from '../ir/graph.ts';
import type { OnnxAttr, OnnxBuilder } from '../ir/operator.ts';
import { type ElemType, elementCount, type HostTensor, type TensorType } from '../ir/types.ts';
import { exprOf, sourcesOf, transpose, type WeightExpr } from '../weights/expr.ts';
import {
  defaultOpset,
  irVersionOf,
  maxOpset,
  minOpset,
  type OnnxInitializer,
  type OnnxModel,
  type OnnxNode,
  type OnnxNodeAttr,
  type OnnxValue,
} from './onnx.ts';

export interface EmitOptions {
  /** 13 to 23; 17 when left out. */
  readonly opset?: number;
  /** Written as the file's producer_version. */
  readonly producerVersion?: string;
  /** Added to what the graph says of itself. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Takes the diagnostics, besides the error that is thrown. */
  readonly sink?: Sink;
}

/** Lowers a graph. Throws `DiagnosticError` with everything that the opset cannot say. */
export function emitOnnx(graph: Graph, options: EmitOptions = {}): OnnxModel {
  const sink = new Sink();
  const opset = options.opset ?? defaultOpset;
  if (!Number.isInteger(opset) || opset < minOpset || opset > maxOpset) {
    sink.report(unknownOpset, { with: { opset, min: minOpset, max: maxOpset, usual: defaultOpset } });
    return giveUp(sink, options.sink);
  }
  const emitter = new Emitter(graph, opset, sink);
  emitter.lowerAll();
  if (sink.hasErrors) return giveUp(sink, options.sink);
  const metadata = Object.entries({ ...graph.metadata, ...options.metadata }).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return {
    irVersion: irVersionOf(opset),
    opset,
    producer: { name: 'rescc', version: options.producerVersion ?? '' },
    metadata,
    graph: emitter.finish(),
  };
}

function giveUp(found: Sink, given: Sink | undefined): never {
  for (const diagnostic of found.list) given?.add(diagnostic);
  throw new DiagnosticError(found.list);
}

/** Stands for a value of the ONNX graph while names are open. */
type Key = string;

interface Slot {
  readonly key: Key;
  readonly type: TensorType;
  /** What it is: a result can still take any name. */
  readonly kind: 'input' | 'initializer' | 'result';
  name: string | undefined;
  /** Initializers: what is stored, and the name they would like. */
  readonly wish?: string;
  readonly tensor?: Omit<OnnxInitializer, 'name'>;
}

/** A node whose names are open. */
interface Draft {
  readonly op: string;
  readonly inputs: readonly (Key | undefined)[];
  readonly outputs: readonly Slot[];
  readonly attrs: Readonly<Record<string, OnnxNodeAttr>>;
  readonly origin: Origin | undefined;
  base: string;
}

/** Ends a lowering that refused; its node's results become values of no node, which nobody sees since nothing is written. */
class Refused extends Error {}

class Emitter implements OnnxBuilder {
  readonly opset: number;
  readonly #graph: Graph;
  readonly #sink: Sink;
  readonly #slots = new Map<Key, Slot>();
  readonly #drafts: Draft[] = [];
  readonly #keys = new Map<Value, Key>();
  readonly #byContent = new Map<number, Key>();
  readonly #named = new Map<string, { readonly content: number; readonly key: Key }>();
  readonly #literals = new Map<string, Key>();
  readonly #transposed = new Map<string, Key>();
  readonly #sizes = new Map<string, Key>();
  readonly #sizeLists = new Map<string, Key>();
  readonly #shapes = new Map<Key, Key>();
  /** A value that has the dimension, the first one that did. */
  readonly #holders = new Map<Dim, { readonly key: Key; readonly axis: number }>();
  #current: Node | undefined;
  #base = '';
  #nextKey = 0;

  constructor(graph: Graph, opset: number, sink: Sink) {
    this.#graph = graph;
    this.opset = opset;
    this.#sink = sink;
    for (const input of graph.inputs) {
      const slot = this.#slot({ type: input.type, kind: 'input', name: input.name ?? bug('an input without a name') });
      this.#keys.set(input, slot.key);
      this.#hold(slot);
    }
  }

  #slot(slot: Omit<Slot, 'key'>): Slot {
    const made = { ...slot, key: `%${this.#nextKey++}` };
    this.#slots.set(made.key, made);
    return made;
  }

  #slotOf(key: Key): Slot {
    return this.#slots.get(key) ?? bug(`a lowering used ${key}, which the builder did not make`);
  }

  #hold(slot: Slot): void {
    slot.type.dims.forEach((dim, axis) => {
      if (dim.constant === undefined && !this.#holders.has(dim)) this.#holders.set(dim, { key: slot.key, axis });
    });
  }

  lowerAll(): void {
    for (const node of this.#graph.nodes()) this.#lower(node);
    this.#current = undefined;
    this.#base = '';
    this.#bindOutputs();
  }

  #lower(node: Node): void {
    this.#current = node;
    this.#base = baseName(node);
    const from = this.#drafts.length;
    const operands = node.slots.map((use) => use && this.#operand(use.value, node, use.index));
    let results: readonly Key[];
    try {
      results = node.op.lower(this, node, operands);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      results = node.results.map((y) => this.#slot({ type: y.type, kind: 'result', name: undefined }).key);
    }
    if (results.length < node.results.length)
      bug(`the lowering of ${node.op.name} gave ${results.length} of ${node.results.length} values`);
    this.#nameDrafts(from, results[0]);
    node.results.forEach((y, i) => {
      const key = results[i] ?? bug(`the lowering of ${node.op.name} left out result ${i}`);
      this.#keys.set(y, key);
      this.#hold(this.#slotOf(key));
    });
  }

  /** The node that makes the layer's result has the layer's name; those on the way there add their operator. */
  #nameDrafts(from: number, result: Key | undefined): void {
    for (let i = from; i < this.#drafts.length; i++) {
      const draft = this.#drafts[i];
      if (draft?.base !== '') continue;
      const main = draft.outputs.some((slot) => slot.key === result);
      draft.base = main ? this.#base : `${this.#base}.${draft.op.toLowerCase()}`;
    }
  }

  #operand(value: Value, node: Node, index: number): Key {
    const known = this.#keys.get(value);
    if (known !== undefined) return known;
    const content = value.content;
    if (!content) return bug(`${node.op.name} at ${node.origin.scope} reads a value that is not made yet`);
    const key = value.name === undefined ? this.#anonymous(value, node, index) : this.#parameter(value, value.name);
    this.#keys.set(value, key);
    return key;
  }

  #parameter(value: Value, name: string): Key {
    const content = value.content ?? bug('a parameter without content');
    const old = this.#named.get(name);
    if (old?.content === content.id) return old.key;
    const { key } = this.#stored(value.type, exprOf(value), name);
    if (!old) this.#named.set(name, { content: content.id, key });
    if (!this.#byContent.has(content.id)) this.#byContent.set(content.id, key);
    return key;
  }

  #anonymous(value: Value, node: Node | undefined, index: number): Key {
    const content = value.content ?? bug('a constant without content');
    const known = this.#byContent.get(content.id);
    if (known !== undefined) return known;
    const { resident, elem, dims } = content;
    let key: Key;
    if (resident && resident.length <= shownElements) {
      key = this.constant({ elem, dims, data: resident });
    } else {
      const specs = node?.op.operands ?? [];
      const operand = specs[Math.min(index, specs.length - 1)]?.name ?? 'constant';
      key = this.#stored(value.type, exprOf(value), node ? `${this.#base}.${operand}` : 'constant').key;
    }
    this.#byContent.set(content.id, key);
    return key;
  }

  #stored(type: TensorType, expr: WeightExpr, wish: string): Slot {
    return this.#slot({ type, kind: 'initializer', name: undefined, wish, tensor: storedTensor(expr) });
  }

  // What a lowering calls.

  node(op: string, inputs: readonly (Key | undefined)[], attrs: Readonly<Record<string, OnnxAttr>>, type: TensorType): Key {
    return this.#write(op, inputs, attrs, [type], '')[0] ?? bug('a node without a result');
  }

  nodes(
    op: string,
    inputs: readonly (Key | undefined)[],
    attrs: Readonly<Record<string, OnnxAttr>>,
    types: readonly TensorType[],
  ): readonly Key[] {
    return this.#write(op, inputs, attrs, types, '');
  }

  #write(
    op: string,
    inputs: readonly (Key | undefined)[],
    attrs: Readonly<Record<string, OnnxNodeAttr>>,
    types: readonly TensorType[],
    base: string,
  ): readonly Key[] {
    for (const key of inputs) if (key !== undefined) this.#slotOf(key);
    const outputs = types.map((type) => this.#slot({ type, kind: 'result', name: undefined }));
    this.#drafts.push({ op, inputs, outputs, attrs, origin: this.#current?.origin, base });
    return outputs.map((slot) => slot.key);
  }

  constant(tensor: HostTensor): Key {
    const { elem, dims, data } = tensor;
    // -0 and 0 are different constants: 1 / x tells them apart.
    const values = Array.from(data, (v) => (Object.is(v, -0) ? '-0' : String(v)));
    const text = `${elem}[${dims.join()}]${values.join()}`;
    const known = this.#literals.get(text);
    if (known !== undefined) return known;
    const shown = data.length <= shownElements;
    const wish = shown
      ? ['const', elem, ...(values.length > 0 ? [values.join('_')] : ['empty'])].join('.')
      : `${this.#base || 'const'}.constant`;
    const copy: HostTensor = { elem, dims: [...dims], data: Float64Array.from(data) };
    const type = { elem, dims: dims.map((d) => Dim.of(d)) };
    const slot = this.#slot({
      type,
      kind: 'initializer',
      name: undefined,
      wish,
      tensor: { elem, dims: copy.dims, expr: heldTensor(copy), ...(shown && { literal: copy }) },
    });
    this.#literals.set(text, slot.key);
    return slot.key;
  }

  i64(values: readonly number[]): Key {
    return this.constant({ elem: 'i64', dims: [values.length], data: Float64Array.from(values) });
  }

  scalar(elem: ElemType, value: number): Key {
    return this.constant({ elem, dims: [], data: Float64Array.of(value) });
  }

  dims(dims: readonly Dim[]): Key {
    const text = dims.map((d) => d.id).join();
    const known = this.#sizeLists.get(text);
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
      parts.push(this.#size(dim));
    }
    flush();
    const only = parts[0];
    const key =
      parts.length === 0
        ? this.i64([])
        : parts.length === 1 && only !== undefined
          ? only
          : this.#sizeNode('Concat', parts, 'dims', { axis: { kind: 'int', value: 0 } }, dims.length);
    this.#sizeLists.set(text, key);
    return key;
  }

  transposed(operand: Value, perm: readonly number[]): Key {
    const node = this.#current;
    if (perm.every((axis, i) => axis === i)) return node ? this.#operand(operand, node, 0) : bug('transposed outside a lowering');
    const text = `${operand.id}|${perm.join()}`;
    const known = this.#transposed.get(text);
    if (known !== undefined) return known;
    const type: TensorType = {
      elem: operand.type.elem,
      dims: perm.map(
        (axis) => operand.type.dims[axis] ?? bug(`a transposition by [${perm.join()}] of rank ${operand.type.dims.length}`),
      ),
    };
    let key: Key;
    // A tied table is stored once: where another operator reads it as it is, this reader transposes at run time (runtimes fold that when
    // they load the file).
    const tied = node !== undefined && [...operand.uses].some((use) => use.user.op !== node.op);
    if (operand.def.kind === 'constant' && !tied) {
      const reversed = perm.every((axis, i) => axis === perm.length - 1 - i);
      const suffix = reversed ? 'transposed' : `transposed_${perm.join('')}`;
      key = this.#stored(type, transpose(exprOf(operand), perm), `${operand.name ?? `${this.#base}.weight`}.${suffix}`).key;
    } else {
      const x = node ? this.#operand(operand, node, 0) : bug('transposed outside a lowering');
      key =
        this.#write('Transpose', [x], { perm: { kind: 'ints', value: perm } }, [type], '')[0] ?? bug('a node without a result');
    }
    this.#transposed.set(text, key);
    return key;
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

  // Sizes at run time: every one is an i64 tensor of one element.

  #sizeNode(
    op: string,
    inputs: readonly Key[],
    base: string,
    attrs: Readonly<Record<string, OnnxNodeAttr>> = {},
    count = 1,
  ): Key {
    const type: TensorType = { elem: 'i64', dims: [Dim.of(count)] };
    return this.#write(op, inputs, attrs, [type], base)[0] ?? bug('a node without a result');
  }

  #size(dim: Dim): Key {
    return this.#sizeOf(dim.structure(), dim);
  }

  /** The nesting of a dimension is bounded by `Dim` itself. */
  #sizeOf(node: DimNode, whole: Dim): Key {
    const text = JSON.stringify(node);
    const known = this.#sizes.get(text);
    if (known !== undefined) return known;
    const key = this.#newSize(node, whole);
    this.#sizes.set(text, key);
    return key;
  }

  #newSize(node: DimNode, whole: Dim): Key {
    switch (node.kind) {
      case 'const':
        return this.i64([node.value]);
      case 'symbol': {
        if (node.multiple === 1) return this.#symbol(node.name, whole);
        const symbol = this.#sizeOf({ kind: 'symbol', name: node.name, multiple: 1 }, whole);
        return this.#sizeNode('Div', [symbol, this.i64([node.multiple])], `dim.${node.name}.div`);
      }
      case 'add': {
        let sum: Key | undefined;
        for (const term of node.terms) {
          const negative = sum !== undefined && negated(term);
          if (sum === undefined) sum = this.#sizeOf(term, whole);
          else if (negative) sum = this.#sizeNode('Sub', [sum, this.#sizeOf(negative, whole)], 'dim.sub');
          else sum = this.#sizeNode('Add', [sum, this.#sizeOf(term, whole)], 'dim.add');
        }
        return sum ?? this.i64([0]);
      }
      case 'mul': {
        let product: Key | undefined;
        for (const factor of node.factors) {
          const key = this.#sizeOf(factor, whole);
          product = product === undefined ? key : this.#sizeNode('Mul', [product, key], 'dim.mul');
        }
        return product ?? this.i64([1]);
      }
      case 'floordiv': {
        const a = this.#sizeOf(node.a, whole);
        const b = this.#sizeOf(node.b, whole);
        const promises = whole.multiples();
        // Div of integers rounds toward zero, which is the floor only where nothing is negative; Mod takes the divisor's sign.
        if (dimOf(node.a, promises).lowerBound >= 0 && dimOf(node.b, promises).lowerBound >= 0)
          return this.#sizeNode('Div', [a, b], 'dim.floordiv');
        const rest = this.#sizeNode('Mod', [a, b], 'dim.mod');
        return this.#sizeNode('Div', [this.#sizeNode('Sub', [a, rest], 'dim.sub'), b], 'dim.floordiv');
      }
      case 'min':
        return this.#sizeNode('Min', [this.#sizeOf(node.a, whole), this.#sizeOf(node.b, whole)], 'dim.min');
      case 'max':
        return this.#sizeNode('Max', [this.#sizeOf(node.a, whole), this.#sizeOf(node.b, whole)], 'dim.max');
      default:
        return unreachable(node);
    }
  }

  /** The value of a user's symbol: read from a dimension that is the symbol, or solved from one that is c·symbol + d. */
  #symbol(name: string, whole: Dim): Key {
    const promise = whole.multiples().get(name) ?? 1;
    const plain = Dim.symbol(name, promise).times(promise);
    const holder = this.#holders.get(plain);
    if (holder) return this.#readSize(holder.key, holder.axis, `dim.${name}`);
    for (const [dim, { key, axis }] of this.#holders) {
      if (dim.symbols().join() !== name) continue;
      const last = dim.terms.at(-1);
      const shift = last?.factors.length === 0 ? last.coefficient : 0;
      const scale = dim.minus(shift).divideExactly(Dim.symbol(name, promise))?.constant;
      if (scale === undefined) continue;
      let size = this.#readSize(key, axis, `dim.${name}.shape`);
      if (shift !== 0) size = this.#sizeNode('Sub', [size, this.i64([shift])], `dim.${name}.sub`);
      if (scale !== promise) {
        if (promise !== 1) size = this.#sizeNode('Mul', [size, this.i64([promise])], `dim.${name}.mul`);
        size = this.#sizeNode('Div', [size, this.i64([scale])], `dim.${name}`);
      }
      return size;
    }
    const node = this.#current;
    this.#sink.report(sizeOnlyTheRunKnows, { span: node?.origin.span, with: { dim: whole.toString(), symbol: name } });
    throw new Refused();
  }

  #readSize(key: Key, axis: number, base: string): Key {
    if (this.opset >= 15) {
      const attrs: Record<string, OnnxNodeAttr> = { start: { kind: 'int', value: axis }, end: { kind: 'int', value: axis + 1 } };
      return this.#sizeNode('Shape', [key], base, attrs);
    }
    let shape = this.#shapes.get(key);
    if (shape === undefined) {
      shape = this.#sizeNode('Shape', [key], 'dim.shape', {}, this.#slotOf(key).type.dims.length);
      this.#shapes.set(key, shape);
    }
    return this.#sizeNode('Gather', [shape, this.i64([axis])], base, { axis: { kind: 'int', value: 0 } });
  }

  // Outputs and names.

  #bindOutputs(): void {
    for (const { name, value } of this.#graph.outputs) {
      let key = this.#keys.get(value);
      if (key === undefined && value.content) {
        key = value.name === undefined ? this.#anonymous(value, undefined, 0) : this.#parameter(value, value.name);
      }
      if (key === undefined) {
        if (this.#sink.hasErrors) continue;
        bug(`output ${name} is a value that no node makes`);
      }
      const slot = this.#slotOf(key);
      if (slot.kind === 'result' && slot.name === undefined) {
        slot.name = name;
        continue;
      }
      // An input, a constant, or what already is another output.
      const copy = this.#write('Identity', [key], {}, [value.type], 'identity')[0] ?? bug('a node without a result');
      this.#slotOf(copy).name = name;
    }
  }

  finish(): OnnxModel['graph'] {
    const used = new Set<Key>();
    for (const draft of this.#drafts) for (const key of draft.inputs) if (key !== undefined) used.add(key);
    const values = new Names();
    for (const input of this.#graph.inputs) values.reserve(input.name ?? '');
    for (const { name } of this.#graph.outputs) values.reserve(name);
    const stored: Slot[] = [];
    for (const slot of this.#slots.values()) if (slot.kind === 'initializer' && used.has(slot.key)) stored.push(slot);
    for (const slot of stored) slot.name = values.unique(slot.wish ?? 'constant');
    const nodeNames = new Names();
    const nodes: OnnxNode[] = [];
    const valueInfo: OnnxValue[] = [];
    const outputNames = new Set(this.#graph.outputs.map((o) => o.name));
    const nameOf = (key: Key | undefined): string =>
      key === undefined ? '' : (this.#slotOf(key).name ?? bug(`${key} is read before it is named`));
    for (const draft of this.#drafts) {
      const name = nodeNames.unique(draft.base);
      draft.outputs.forEach((slot, i) => {
        slot.name ??= values.unique(draft.outputs.length === 1 ? name : `${name}.${i}`);
        if (!outputNames.has(slot.name)) valueInfo.push(onnxValue(slot.name, slot.type));
      });
      nodes.push({
        name,
        op: draft.op,
        inputs: trimmed(draft.inputs.map(nameOf)),
        outputs: draft.outputs.map((slot) => slot.name ?? ''),
        attrs: Object.entries(draft.attrs).sort(([a], [b]) => (a < b ? -1 : 1)),
        ...(draft.origin && { origin: draft.origin }),
      });
    }
    return {
      name: this.#graph.name,
      nodes,
      initializers: stored.flatMap((slot) => (slot.tensor ? [{ name: slot.name ?? '', ...slot.tensor }] : [])),
      inputs: this.#graph.inputs.map((input) => onnxValue(input.name ?? '', input.type)),
      outputs: this.#graph.outputs.map(({ name, value }) => onnxValue(name, value.type)),
      valueInfo,
    };
  }
}

/** Constants of at most so many elements are named by their value and shown in the text form. */
const shownElements = 8;

function onnxValue(name: string, type: TensorType): OnnxValue {
  return { name, elem: type.elem, dims: type.dims.map((d) => d.constant ?? d.toString()) };
}

/** Optional inputs that are left out at the end are not written at all. */
function trimmed(inputs: readonly string[]): readonly string[] {
  let end = inputs.length;
  while (end > 0 && inputs[end - 1] === '') end--;
  return inputs.slice(0, end);
}

/**
 * A layer that owns a weight has the path of the weight; anything else stands in a scope together with others, and adds its operator.
 */
function baseName(node: Node): string {
  const { scope } = node.origin;
  const prefix = `${scope}.`;
  if (scope !== '') {
    for (const use of node.slots) {
      const name = use?.value.def.kind === 'constant' ? use.value.name : undefined;
      if (name?.startsWith(prefix) && !name.includes('.', prefix.length)) return scope;
    }
  }
  return scope === '' ? node.op.name : prefix + node.op.name;
}

/** Names of one kind; the second `relu` is `relu_1`. */
class Names {
  readonly #taken = new Set<string>();
  readonly #next = new Map<string, number>();

  reserve(name: string): void {
    this.#taken.add(name);
  }

  unique(wish: string): string {
    let name = wish;
    let n = this.#next.get(wish) ?? 1;
    while (this.#taken.has(name)) name = `${wish}_${n++}`;
    this.#next.set(wish, n);
    this.#taken.add(name);
    return name;
  }
}

/** The term with its sign turned, when it has one to turn. */
function negated(node: DimNode): DimNode | undefined {
  if (node.kind === 'const') return node.value < 0 ? { kind: 'const', value: -node.value } : undefined;
  if (node.kind !== 'mul') return undefined;
  const [first, ...rest] = node.factors;
  if (first?.kind !== 'const' || first.value >= 0) return undefined;
  if (first.value !== -1) return { kind: 'mul', factors: [{ kind: 'const', value: -first.value }, ...rest] };
  const only = rest[0];
  return rest.length === 1 && only ? only : { kind: 'mul', factors: rest };
}

/** Back to a dimension, for its bounds. `promises` says what divides each symbol. */
function dimOf(node: DimNode, promises: ReadonlyMap<string, number>): Dim {
  switch (node.kind) {
    case 'const':
      return Dim.of(node.value);
    case 'symbol': {
      const promise = promises.get(node.name) ?? 1;
      return Dim.symbol(node.name, promise).times(promise / node.multiple);
    }
    case 'add':
      return node.terms.reduce((sum, term) => sum.plus(dimOf(term, promises)), Dim.zero);
    case 'mul':
      return node.factors.reduce((product, factor) => product.times(dimOf(factor, promises)), Dim.one);
    case 'floordiv':
      return dimOf(node.a, promises).floordiv(dimOf(node.b, promises));
    case 'min':
      return Dim.min(dimOf(node.a, promises), dimOf(node.b, promises));
    case 'max':
      return Dim.max(dimOf(node.a, promises), dimOf(node.b, promises));
    default:
      return unreachable(node);
  }
}

function heldTensor(tensor: HostTensor): OnnxInitializer['expr'] {
  const count = elementCount(tensor.dims);
  return {
    fill(start, out) {
      out.set(tensor.data.subarray(start, Math.min(count, start + out.length)));
    },
  };
}

/** Characters of a computed weight's description; merged branches can make it grow with the network. */
const longestDoc = 1000;

function storedTensor(expr: WeightExpr): Omit<OnnxInitializer, 'name'> {
  const { elem, dims } = expr;
  if (expr.args.length === 0) return { elem, dims, expr };
  const text = expr.text();
  const doc = text.length <= longestDoc ? text : `${text.slice(0, longestDoc)}…`;
  return { elem, dims, expr, doc, sources: () => sourcesOf(expr) };
}
