/**
 * The graph: SSA values, nodes in a doubly linked list that is always in topological order, and use objects, so that adding,
 * moving and removing a use is O(1) (one weight may have 20,000 readers). Nothing here recurses over the graph.
 *
 * Longer than other files, because values, uses, nodes and graphs know each other, and files of their own would too.
 */
import { bug } from '../diagnostics/diagnostic.ts';
import type { Span } from '../diagnostics/source.ts';
import { type Attrs, type AttrValue, CheckFailure, completeAttrs } from './attributes.ts';
import type { Content } from './content.ts';
import { Dim, unlessOverflow } from './dim.ts';
import type { InferContext, Operator } from './operator.ts';
import { isOfRun } from './promise.ts';
import type { ValueRange } from './ranges.ts';
import { Shared } from './shared.ts';
import { elementCount, type HostTensor, type TensorType } from './types.ts';

/** What a constant is to its user: learned, carried along (running statistics), or just a number of the program. */
export type ConstantRole = 'parameter' | 'buffer' | 'constant';

/** One operand slot of one node that reads a value. Uses of one value are a linked list, so that each costs one small object. */
export class Use {
  readonly user: Node;
  readonly index: number;
  value: Value;
  /** Neighbours in the list of the value's uses. */
  before: Use | undefined;
  after: Use | undefined;

  constructor(user: Node, index: number, value: Value) {
    this.user = user;
    this.index = index;
    this.value = value;
    this.before = undefined;
    this.after = undefined;
  }
}

/** The uses of one value, the oldest first. Only the graph changes it. */
export abstract class UseList implements Iterable<Use> {
  size = 0;
  first: Use | undefined = undefined;
  last: Use | undefined = undefined;

  /** As they are when the walk begins, so that a walk may move and remove uses; those that are gone by then are left out. */
  [Symbol.iterator](): Iterator<Use> {
    const all: Use[] = [];
    for (let use = this.first; use; use = use.after) all.push(use);
    let at = 0;
    return {
      next: (): IteratorResult<Use, undefined> => {
        for (let use = all[at++]; use; use = all[at++]) if (this.has(use)) return { value: use, done: false };
        return { value: undefined, done: true };
      },
    };
  }

  has(use: Use): boolean {
    return use.value === (this as UseList) && (use.before !== undefined || this.first === use);
  }

  /** Puts a use that is in no list at the end. */
  add(use: Use): void {
    use.before = this.last;
    if (this.last) this.last.after = use;
    else this.first = use;
    this.last = use;
    this.size++;
  }

  delete(use: Use): void {
    if (!this.has(use)) bug('a use is removed from a value that does not have it');
    if (use.before) use.before.after = use.after;
    else this.first = use.after;
    if (use.after) use.after.before = use.before;
    else this.last = use.before;
    use.before = undefined;
    use.after = undefined;
    this.size--;
  }
}

/**
 * A result of a node, a constant or an input. It is the list of its uses itself, and says of which kind it is by its fields,
 * because a network of 10,000 blocks has 170,000 of them.
 */
export class Value extends UseList {
  readonly id: number;
  readonly graph: Graph;
  /** The node that makes it, if one does. */
  readonly producer: Node | undefined;
  /** What a constant holds. Only the graph changes it. */
  content: Content | undefined;
  /** Of a constant. Other values have `constant` here, which says nothing of them. */
  readonly role: ConstantRole;
  type: TensorType;
  /**
   * Input's name, or a parameter's path. Results of an imported graph have their ONNX name; others none, and the code generator
   * names them.
   */
  name: string | undefined;
  /** How often the value is an output of its graph, or of a sub-graph that passes it on. */
  outputs = 0;
  /** The graphs that it is an output of; absent where `outputs` is 0. */
  outputOf: Set<Graph> | undefined = undefined;

  constructor(
    graph: Graph,
    id: number,
    producer: Node | undefined,
    content: Content | undefined,
    role: ConstantRole,
    type: TensorType,
    name: string | undefined,
  ) {
    super();
    this.graph = graph;
    this.id = id;
    this.producer = producer;
    this.content = content;
    this.role = role;
    this.type = type;
    this.name = name;
  }

  get uses(): UseList {
    return this;
  }

  get isConstant(): boolean {
    return this.content !== undefined;
  }

  /** Whether nothing in the graph makes it: inputs, and what a sub-graph is given at every turn. */
  get isInput(): boolean {
    return this.content === undefined && this.producer === undefined;
  }

  /** The only use, when there is exactly one and the value is no output. */
  get soleUse(): Use | undefined {
    return this.outputs === 0 && this.size === 1 ? this.first : undefined;
  }

  get isDead(): boolean {
    return this.outputs === 0 && this.size === 0;
  }
}

/** Which part of which residual a node was written in. Regions nest. */
export interface ResidualRegion {
  readonly id: number;
  readonly scope: string;
  readonly outer?: ResidualTag;
}
export interface ResidualTag {
  readonly region: ResidualRegion;
  readonly part: 'body' | 'shortcut' | 'sum';
}

/** Where a node comes from; a rewrite passes it on. */
export interface Origin {
  /** Path of the layer (`layer1.0.conv1`) or, for a layer without a label, of the scope around it. */
  readonly scope: string;
  readonly span?: Span | undefined;
  readonly residual?: ResidualTag | undefined;
  /** The name of the ONNX node that it was imported from, which it keeps. */
  readonly name?: string | undefined;
  /**
   * One of the additions that a Sum of more than two was imported as: those of one Sum have one origin, and those that are left
   * are written as one.
   */
  readonly isTerm?: boolean | undefined;
  /** The ONNX node that it was imported from has no name, and `scope` is only what messages call it. */
  readonly isNameless?: boolean | undefined;
}

export class Node {
  readonly id: number;
  readonly graph: Graph;
  readonly op: Operator;
  attrs: Attrs;
  readonly slots: (Use | undefined)[];
  readonly results: Value[];
  readonly origin: Origin;
  /** Sub-graphs of control flow; they use outer values directly. */
  readonly regions: readonly Graph[];
  prev: Node | undefined;
  next: Node | undefined;
  /** False once erased. */
  attached = false;
  /** Whether a pass has it in its queue: a set of nodes would be most of what a pass over a large graph allocates. */
  queued = false;
  #madds: Dim | 'too many' | undefined;

  /** The graph puts it into its list and the uses into those of their values. */
  constructor(
    graph: Graph,
    id: number,
    op: Operator,
    operands: readonly (Value | undefined)[],
    attrs: Attrs,
    types: readonly TensorType[],
    origin: Origin,
    regions: readonly Graph[],
    newId: () => number,
  ) {
    this.graph = graph;
    this.id = id;
    this.op = op;
    this.attrs = attrs;
    this.origin = origin;
    this.regions = regions;
    // Mapped, because an array that grows by `push` holds room for 17.
    this.slots = operands.map((value, index) => value && new Use(this, index, value));
    this.results = types.map((type) => new Value(graph, newId(), this, undefined, 'constant', type, undefined));
  }

  operand(index: number): Value | undefined {
    return this.slots[index]?.value;
  }

  get operands(): readonly (Value | undefined)[] {
    return this.slots.map((use) => use?.value);
  }

  /**
   * Multiply-adds, undefined beyond 2^53. Operands are never exchanged for others of another type, so that it is computed once.
   */
  get madds(): Dim | undefined {
    // What is in a sub-graph changes.
    if (this.regions.length > 0) this.#madds = undefined;
    this.#madds ??= unlessOverflow(() => this.op.cost?.(this) ?? Dim.zero) ?? 'too many';
    return this.#madds === 'too many' ? undefined : this.#madds;
  }

  /** The first operand, which every operator but generators has. */
  get x(): Value {
    return this.operand(0) ?? bug(`${this.op.name} has no first operand`);
  }

  /** The first result. */
  get y(): Value {
    return this.results[0] ?? bug(`${this.op.name} has no result`);
  }
}

export interface GraphOutput {
  readonly name: string;
  readonly value: Value;
}

const none: readonly Graph[] = [];

const check = (label: string, holds: boolean, found: string, expected: string, hint?: string): asserts holds => {
  if (!holds) throw new CheckFailure(label, found, expected, hint);
};

/**
 * A typed graph: inputs, operators in an order in which they can run, outputs, and the residuals they came from. Made by `build`
 * and `compile`.
 */
export class Graph {
  readonly name: string;
  readonly inputs: Value[] = [];
  readonly #outputs: GraphOutput[] = [];
  first: Node | undefined;
  last: Node | undefined;
  nodeCount = 0;
  /** How many of the nodes own sub-graphs. */
  ownerCount = 0;
  /** The graph around this one, whose values may be used here; a sub-graph is made before the node that owns it. */
  readonly outer: Graph | undefined;
  #owner: Node | undefined;
  /** What the source says of itself, for the file's metadata. */
  readonly metadata: Record<string, string> = {};
  /** What the elements of inputs and outputs lie in, by their names, where the source or the file says so. */
  readonly inputRanges = new Map<string, ValueRange>();
  readonly outputRanges = new Map<string, ValueRange>();
  /** Inputs that have a value where the caller gives none: ONNX's initialisers that are listed as inputs too. */
  readonly defaults = new Map<Value, Content>();
  /** Fields of the imported GraphProto that nothing here knows, encoded with their tags; they are written back. */
  rest: Uint8Array | undefined;
  /**
   * Operators that nodes of the imported file had though ONNX has them from a later opset on, such as LayerNormalization below
   * 17: who runs the file knows them, so that they are written again. Of the outermost graph.
   */
  readonly ahead = new Set<string>();
  #session: object | undefined;
  /** That of the outermost graph, like the next one. */
  readonly #shared: Shared;
  /** How many nodes of an operator are in the outermost graph and its sub-graphs, or have been in a sub-graph that went. */
  readonly #operators: Map<string, number>;
  #nextValue = 0;
  #nextNode = 0;
  #nextRegion = 0;
  /** Names of the symbols that only the run knows, and the next number to try for each. */
  readonly #fresh = new Map<string, number>();
  /** What `freshDim` changed in it, in order: the name asked for, its number before, and the name given. */
  readonly #given: { readonly base: string; readonly before: number | undefined; readonly free: string }[] = [];

  constructor(name: string, outer?: Graph) {
    this.name = name;
    this.outer = outer;
    this.#shared = outer ? outer.#shared : new Shared();
    this.#operators = outer ? outer.#operators : new Map();
  }

  /** The node that owns this graph, for sub-graphs whose node exists. */
  get owner(): Node | undefined {
    return this.#owner;
  }

  /** The outermost graph around this one. */
  get root(): Graph {
    let graph: Graph = this;
    while (graph.outer) graph = graph.outer;
    return graph;
  }

  get outputs(): readonly GraphOutput[] {
    return this.#outputs;
  }

  input(name: string, type: TensorType): Value {
    const value = new Value(this, this.#nextValue++, undefined, undefined, 'constant', this.#shared.type(type), name);
    this.inputs.push(value);
    return value;
  }

  /** Whom the contents of this graph and its sub-graphs belong to: the first one's session, if nobody said so before. */
  get session(): object | undefined {
    return this.root.#session;
  }

  set session(session: object) {
    const { root } = this;
    if (root.#session !== undefined && root.#session !== session) bug('a content of another session than the graph');
    root.#session = session;
  }

  constant(content: Content, role: ConstantRole = 'constant', name?: string): Value {
    this.session = content.session;
    const type = this.#shared.typeOf(content.elem, content.dims);
    return new Value(this, this.#nextValue++, undefined, content, role, type, name);
  }

  /** Gives a parameter its content, after the checkpoint is opened; type and shape stay. */
  setContent(value: Value, content: Content): void {
    if (!value.isConstant) bug('only constants have content');
    this.session = content.session;
    value.content = content;
  }

  output(name: string, value: Value): void {
    this.#outputs.push({ name, value });
    countOutput(value, this);
  }

  /** Takes back the last output. */
  dropOutput(): void {
    const last = this.#outputs.pop() ?? bug('a graph without an output to take back');
    last.value.outputs--;
    if (!this.#outputs.some(({ value }) => value === last.value)) last.value.outputOf?.delete(this);
  }

  newRegion(scope: string, outer?: ResidualTag): ResidualRegion {
    return { id: this.root.#nextRegion++, scope, ...(outer && { outer }) };
  }

  /**
   * A dimension symbol that no other in this graph and its sub-graphs has, from `least` to `most`. Its name begins with `?`, so
   * that it is none of the user's.
   */
  freshDim(name: string, most?: Dim, least = 0): Dim {
    const fresh = this.root.#fresh;
    const base = isOfRun(name) ? name : `?${name}`;
    const before = fresh.get(base);
    let n = before ?? 0;
    while (fresh.has(n === 0 ? base : `${base}_${n}`)) n++;
    const free = n === 0 ? base : `${base}_${n}`;
    fresh.set(base, n + 1);
    if (free !== base) fresh.set(free, 0);
    this.root.#given.push({ base, before, free });
    return Dim.bounded(free, most, least);
  }

  /** How many symbols `freshDim` has given, for `forgetDims`. */
  get freshDims(): number {
    return this.root.#given.length;
  }

  /**
   * Takes back the symbols that `freshDim` gave after the first `count`, where nothing has them any more: their names are free
   * again.
   */
  forgetDims(count: number): void {
    const { root } = this;
    while (root.#given.length > count) {
      const last = root.#given.pop();
      if (!last) return;
      if (last.free !== last.base) root.#fresh.delete(last.free);
      if (last.before === undefined) root.#fresh.delete(last.base);
      else root.#fresh.set(last.base, last.before);
    }
  }

  /** Keeps `freshDim` from giving a name that a type of this graph has already, because it was read or copied. */
  claimDim(name: string): void {
    const fresh = this.root.#fresh;
    if (!fresh.has(name)) fresh.set(name, 0);
  }

  /** Takes over which dimension names and region numbers are in use, for a copy of that graph. */
  claimAllOf(from: Graph): void {
    for (const [name, n] of from.root.#fresh) this.root.#fresh.set(name, n);
    this.root.#nextRegion = Math.max(this.root.#nextRegion, from.root.#nextRegion);
  }

  /**
   * Infers the result types of an operator without making a node. Attributes are completed first (defaults, per-axis lists).
   * Throws `CheckFailure`.
   */
  infer(
    op: Operator,
    operands: readonly (Value | undefined)[],
    given: Readonly<Record<string, AttrValue>>,
    regions: readonly Graph[] = none,
  ): { attrs: Attrs; types: readonly TensorType[] } {
    const shared = this.#shared;
    const taken = operands.map((value) => value?.type);
    // A foreign operator is one of its own for every node.
    let recurs = regions.length === 0 && op.foreign === undefined;
    const known = recurs ? shared.inferred(op, given, taken) : undefined;
    if (known) return known;
    const attrs = completeAttrs(op, given, taken[0]);
    checkRegions(op, regions);
    const types = op.infer({
      operands: taken,
      attrs,
      check,
      regions,
      constant: (i) => {
        recurs = false;
        return hostOf(operands[i]);
      },
      fresh: (name, most, least) => {
        recurs = false;
        return this.freshDim(name, most, least);
      },
    });
    return recurs
      ? shared.keep(op, given, taken, attrs, types)
      : { attrs: shared.attrs(attrs), types: types.map((t) => shared.type(t)) };
  }

  /** Makes a node, before `before` or at the end. Throws `CheckFailure` when the operands do not fit. */
  create(
    op: Operator,
    operands: readonly (Value | undefined)[],
    attrs: Readonly<Record<string, AttrValue>>,
    origin: Origin,
    before?: Node,
    regions: readonly Graph[] = none,
  ): Node {
    const inferred = this.infer(op, operands, attrs, regions);
    return this.createTyped(op, operands, inferred.attrs, inferred.types, origin, before, regions);
  }

  /** Makes a node whose complete attributes and result types are known, as in a copy; nothing is inferred or checked. */
  createTyped(
    op: Operator,
    operands: readonly (Value | undefined)[],
    attrs: Attrs,
    types: readonly TensorType[],
    origin: Origin,
    before?: Node,
    regions: readonly Graph[] = none,
  ): Node {
    if (before && (before.graph !== this || !before.attached)) bug(`${op.name} is put before a node that is not in this graph`);
    for (const value of operands) {
      if (value?.producer && !value.producer.attached)
        bug(`${op.name} reads a result of ${value.producer.op.name}, which is erased`);
    }
    const node = new Node(this, this.#nextNode++, op, operands, attrs, types, origin, regions, () => this.#nextValue++);
    for (const region of regions) {
      if (region.#owner) bug(`a sub-graph of ${op.name} has an owner already`);
      if (region.outer !== this) bug(`a sub-graph of ${op.name} was not made for this graph: new Graph(name, outer)`);
      region.#owner = node;
    }
    for (const use of node.slots) use?.value.uses.add(use);
    this.#link(node, before);
    return node;
  }

  #link(node: Node, before: Node | undefined): void {
    if (before) {
      node.next = before;
      node.prev = before.prev;
      if (before.prev) before.prev.next = node;
      else this.first = node;
      before.prev = node;
    } else {
      node.prev = this.last;
      if (this.last) this.last.next = node;
      else this.first = node;
      this.last = node;
    }
    node.attached = true;
    this.#count(node, 1);
    this.nodeCount++;
    if (node.regions.length > 0) this.ownerCount++;
  }

  #count({ op: { name } }: Node, more: number): void {
    this.#operators.set(name, (this.#operators.get(name) ?? 0) + more);
  }

  /**
   * False where neither the outermost graph nor a sub-graph has a node of the operator: a rule that begins at one need not look.
   */
  mayHave(operator: string): boolean {
    return (this.#operators.get(operator) ?? 0) > 0;
  }

  /** Moves a node in the list; the caller keeps the order topological. */
  move(node: Node, before: Node | undefined): void {
    if (node === before) return;
    this.#unlink(node);
    node.next = undefined;
    this.#link(node, before);
  }

  #unlink(node: Node): void {
    if (node.prev) node.prev.next = node.next;
    else this.first = node.next;
    if (node.next) node.next.prev = node.prev;
    else this.last = node.prev;
    node.prev = undefined;
    // `next` stays, so that a walk that is at an erased node finds its way back.
    node.attached = false;
    this.#count(node, -1);
    this.nodeCount--;
    if (node.regions.length > 0) this.ownerCount--;
  }

  setOperand(node: Node, index: number, value: Value | undefined): void {
    const old = node.slots[index];
    if (old) old.value.uses.delete(old);
    if (!value) {
      node.slots[index] = undefined;
      return;
    }
    const use = new Use(node, index, value);
    node.slots[index] = use;
    value.uses.add(use);
  }

  /** Every reader of `from`, and every output that is `from`, takes `to` instead. */
  replaceUses(from: Value, to: Value): void {
    if (from === to) return;
    for (const use of [...from.uses]) {
      from.uses.delete(use);
      use.value = to;
      to.uses.add(use);
    }
    for (const graph of [...(from.outputOf ?? [])]) {
      graph.#outputs.forEach((output, i) => {
        if (output.value !== from) return;
        graph.#outputs[i] = { name: output.name, value: to };
        from.outputs--;
        countOutput(to, graph);
      });
    }
    from.outputOf = undefined;
  }

  /** Removes a node whose results nobody reads, and what its sub-graphs read of the values around them. */
  erase(node: Node): void {
    if (!node.attached) bug(`erasing ${node.op.name} at ${node.origin.scope} twice`);
    if (node.results.some((y) => !y.isDead)) bug(`erasing ${node.op.name} at ${node.origin.scope}, whose result is read`);
    for (const use of node.slots) use?.value.uses.delete(use);
    const inner = [...node.regions];
    for (let graph = inner.pop(); graph; graph = inner.pop()) {
      for (const one of graph.nodes()) {
        for (const use of one.slots) use?.value.uses.delete(use);
        inner.push(...one.regions);
      }
      for (const { value } of graph.#outputs) {
        value.outputs--;
        value.outputOf?.delete(graph);
      }
    }
    this.#unlink(node);
  }

  /**
   * In topological order. While one walks, nodes may be erased, and new ones may be put anywhere: those behind the next node are
   * seen.
   */
  nodes(): IterableIterator<Node> {
    return new NodeWalk(this.first);
  }

  /** Constants that some node or output of this graph reads, in order of first use. */
  constants(): readonly Value[] {
    const found: Value[] = [];
    // Most have one reader, and are met once.
    const shared = new Set<Value>();
    const add = (value: Value): void => {
      if (!value.isConstant) return;
      if (value.size + value.outputs > 1) {
        if (shared.has(value)) return;
        shared.add(value);
      }
      found.push(value);
    };
    for (const node of this.nodes()) for (const use of node.slots) if (use) add(use.value);
    for (const { value } of this.#outputs) add(value);
    return found;
  }
}

/** Not a generator, whose steps V8 does not inline: every pass walks the graph several times. */
class NodeWalk implements IterableIterator<Node> {
  #next: Node | undefined;
  /** What every step gives, one object for all of them: whoever walks takes the node out of it at once. */
  readonly step: { value: Node | undefined; done: boolean } = { value: undefined, done: false };

  constructor(first: Node | undefined) {
    this.#next = first;
  }

  [Symbol.iterator](): this {
    return this;
  }

  next(): IteratorResult<Node, undefined> {
    let node = this.#next;
    // Where the next node went meanwhile, what stood behind it then.
    while (node && !node.attached) node = node.next;
    this.#next = node?.next;
    const { step } = this;
    step.value = node;
    step.done = node === undefined;
    return step as IteratorResult<Node, undefined>;
  }
}

/** The value's elements, when it is a small known constant. */
export function hostOf(value: Value | undefined): HostTensor | undefined {
  const content = value?.content;
  const data = content?.resident;
  if (!content || !data) return undefined;
  return { elem: content.elem, dims: content.dims, data, ...(content.wide && { wide: content.wide }) };
}

function countOutput(value: Value, graph: Graph): void {
  value.outputs++;
  value.outputOf ??= new Set();
  value.outputOf.add(graph);
}

function checkRegions(op: Operator, regions: readonly Graph[]): void {
  const wanted = op.regions?.length ?? 0;
  const text = (n: number): string => `${n} sub-graph${n === 1 ? '' : 's'}`;
  if (!op.foreign && regions.length !== wanted)
    throw new CheckFailure('regions', text(regions.length), `${text(wanted)} of ${op.name}`);
}

/** Runs an operator's shape rule over complete attributes. Throws `CheckFailure`. */
export function inferTypes(
  op: Operator,
  operands: readonly (Value | undefined)[],
  attrs: Attrs,
  regions: readonly Graph[],
  fresh: InferContext['fresh'],
): readonly TensorType[] {
  checkRegions(op, regions);
  return op.infer({ operands: operands.map((v) => v?.type), attrs, check, regions, constant: (i) => hostOf(operands[i]), fresh });
}

/** Number of elements of a value's type, when its dimensions are known. */
export function countOf(type: TensorType): number | undefined {
  const dims = type.dims.map((d) => d.constant).filter((d) => d !== undefined);
  return dims.length < type.dims.length ? undefined : elementCount(dims);
}
