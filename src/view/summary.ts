/**
 * What a graph costs, as a tree of scopes: output shapes, parameters, buffers, multiply-adds and elements written of every layer
 * and of every scope around it. A tensor that several layers share counts where it is first read. Symbols stay symbolic, but for
 * those that get a size.
 */
import { type Dim, unlessOverflow } from '../ir/dim.ts';
import { atSizes, checkNames, checkSizes, type Sizes } from '../ir/evaluate.ts';
import { countOf, type Graph, type Node, type Origin, type Value } from '../ir/graph.ts';
import { TextHash } from '../ir/hash.ts';
import { elementsIn, memoryOf, retyped } from '../ir/memory.ts';
import type { SizePromise } from '../ir/promise.ts';
import { atRunBounds, typeAtRunBounds } from '../ir/run-bounds.ts';
import { type Schedule, schedulesIn } from '../ir/schedule.ts';
import { Tally } from '../ir/tally.ts';
import { elemBytes, type TensorType, typeText } from '../ir/types.ts';
import { walkGraph } from '../ir/walk.ts';
import { detailsOf, ownsWeight, segmentsOf } from './layer-text.ts';

/** A layer or a scope, with the cost of all that is in it: elements, bytes, multiply-adds of one evaluation. */
export interface SummaryNode {
  /** `layer1.0.conv1`; the root's is empty. */
  readonly path: string;
  /** The last segment of the path; the root's is the graph's name, a layer without a label has its operator's. */
  readonly name: string;
  /** The operator of a layer, `residual` for a scope that is one, empty for other scopes. */
  readonly operator: string;
  /** What tells a layer from others of its operator: kernel, stride, padding, and every attribute that is not at its default. */
  readonly details: string;
  /** Type of the last value made in it. */
  readonly output: TensorType | undefined;
  /** Elements of learned tensors, of carried ones (running statistics), and bytes of both with the constants of the program. */
  readonly parameters: number;
  readonly buffers: number;
  readonly bytes: number;
  /** Multiply-adds and elements written. Undefined beyond 2^53. */
  readonly madds: Dim | undefined;
  readonly activations: Dim | undefined;
  /** Equal for layers and scopes that are made alike, names of their own aside: the same operators at the same sizes. */
  readonly structure: string;
  /** Imported operators whose cost nobody knows; they count as nothing. Left out where there are none. */
  readonly unknownCosts?: number;
  /** Loops of which nobody knows how often they run; their bodies count once. Left out where there are none. */
  readonly unknownTurns?: number;
  readonly children: readonly SummaryNode[];
}

/** What is counted of a whole graph besides. */
export interface Summary extends SummaryNode {
  /** The most bytes of values that are alive at once (`ir/memory.ts`). Undefined where it hangs on sizes that are symbols. */
  readonly peak: Dim | undefined;
  /** Sizes that were put in the place of symbols, and what is said without them. */
  readonly sizes: Sizes;
  readonly general: Pick<Summary, 'madds' | 'activations' | 'peak' | 'atMost'>;
  /** The totals are bounds: sizes that only the run knows count as the most that they may be. Left out where there are none. */
  readonly atMost?: true;
}

class Building {
  readonly path: string;
  readonly name: string;
  operator: string;
  readonly details: string;
  output: TensorType | undefined;
  parameters = 0;
  buffers = 0;
  bytes = 0;
  unknownCosts = 0;
  unknownTurns = 0;
  readonly cost = new Tally();
  readonly written = new Tally();
  /** Of what the nodes within are: tells blocks apart without keeping it at every level. */
  readonly structure = new TextHash();
  readonly children: Building[] = [];
  readonly scopes = new Map<string, Building>();

  constructor(path: string, name: string, operator: string, details = '') {
    this.path = path;
    this.name = name;
    this.operator = operator;
    this.details = details;
  }

  finish(children: readonly SummaryNode[]): SummaryNode {
    const { path, name, operator, details, output, parameters, buffers, bytes, unknownCosts, unknownTurns } = this;
    const unknown = { ...(unknownCosts > 0 && { unknownCosts }), ...(unknownTurns > 0 && { unknownTurns }) };
    const structure = `${operator} ${details} ${parameters} ${buffers} ${bytes} ${this.structure.hex()}`;
    const [madds, activations] = [this.cost.total, this.written.total];
    return {
      path,
      name,
      operator,
      details,
      output,
      parameters,
      buffers,
      bytes,
      madds,
      activations,
      structure,
      ...unknown,
      children,
    };
  }
}

/** How much of the tree `summarize` lists, and at which sizes. */
export interface SummaryOptions {
  /** Levels below the root that are listed; all of them when left out. Totals always count everything. */
  readonly depth?: number;
  /** Numbers for symbols of the inputs, some or all: `{ N: 1, H: 224, W: 224 }`. */
  readonly sizes?: Sizes | undefined;
}

/**
 * Elements that the nodes of the file write for each node of the graph, which has its origin; those without one are at the end.
 */
class Written {
  readonly #byOrigin = new Map<Origin | undefined, (Dim | undefined)[]>();

  constructor(schedule: Schedule) {
    for (const { nodes } of schedulesIn(schedule)) {
      for (const { makes, origin } of nodes) {
        const list = this.#byOrigin.get(origin) ?? [];
        list.push(...makes.map(({ type }) => elementsIn(type)));
        this.#byOrigin.set(origin, list);
      }
    }
  }

  /** Once: nodes may share an origin, and with it what is written for them. */
  take(origin: Origin | undefined): readonly (Dim | undefined)[] {
    const found = this.#byOrigin.get(origin) ?? [];
    this.#byOrigin.delete(origin);
    return found;
  }
}

/**
 * Walks the graph once, sub-graphs included, and adds every node to each scope around it; the body of a loop counts as
 * often as it is known to run, and once where it is not; both branches of an `if` count. `schedule` is what the graph is lowered
 * to. Throws RES0841 for sizes that the graph does not have.
 */
export function summarizeAs(graph: Graph, schedule: Schedule, options: SummaryOptions = {}): Summary {
  const { sizes = {} } = options;
  const symbols = symbolsOf(graph);
  checkNames([...symbols.keys()], sizes);
  checkSizes(symbols, sizes);
  const general = treeOf(graph, schedule, options);
  const bound = (madds: Dim | undefined): Dim | undefined => madds && atRunBounds(madds);
  const whole = { madds: bound(general.madds), ...memoryOf(schedule) };
  if (Object.keys(sizes).length === 0) return { ...general, ...whole, sizes, general: whole };
  const bounds: { atMost?: true } = {};
  const there = retyped(schedule, (type) => {
    const sized = sizedType(type, sizes);
    const most = typeAtRunBounds(sized);
    if (most === sized) return sized;
    bounds.atMost = true;
    // A bound may be of symbols that have a size: ?kept <= K.
    return sizedType(most, sizes);
  });
  const { activations, peak } = memoryOf(there);
  const tree = resized(general, sizes);
  const most = bound(tree.madds);
  const madds = most && atSizes(most, sizes);
  return { ...tree, madds, activations, peak, ...bounds, sizes, general: whole };
}

/** The symbols of the inputs and of what the run alone knows, each with what is promised of it. */
export function symbolsOf(graph: Graph): ReadonlyMap<string, SizePromise> {
  const out = new Map<string, SizePromise>();
  const see = (type: TensorType): void => {
    for (const dim of type.dims) for (const [name, promise] of dim.promises()) out.set(name, promise);
  };
  for (const input of graph.inputs) see(input.type);
  for (const step of walkGraph(graph)) if (step.kind === 'node') for (const y of step.node.results) see(y.type);
  return out;
}

function sizedType(type: TensorType, sizes: Sizes): TensorType {
  return { ...type, dims: type.dims.map((dim) => atSizes(dim, sizes) ?? dim) };
}

/** The tree at these sizes, innermost first, with a stack of its own: how deep scopes nest is the user's choice. */
function resized(root: SummaryNode, sizes: Sizes): SummaryNode {
  interface Level {
    readonly of: SummaryNode;
    readonly done: SummaryNode[];
  }
  const sized = (dim: Dim | undefined): Dim | undefined => dim && atSizes(dim, sizes);
  const stack: Level[] = [{ of: root, done: [] }];
  for (;;) {
    const top = stack.at(-1);
    if (!top) return root;
    const next = top.of.children[top.done.length];
    if (next) {
      stack.push({ of: next, done: [] });
      continue;
    }
    const { of, done } = top;
    const made: SummaryNode = {
      ...of,
      output: of.output && sizedType(of.output, sizes),
      madds: sized(of.madds),
      activations: sized(of.activations),
      children: done,
    };
    stack.pop();
    const outer = stack.at(-1);
    if (!outer) return made;
    outer.done.push(made);
  }
}

function treeOf(graph: Graph, schedule: Schedule, options: SummaryOptions): SummaryNode {
  const written = new Written(schedule);
  const depth = options.depth ?? Number.POSITIVE_INFINITY;
  const root = new Building('', graph.name, '');
  const counted = new Set<Value>();
  for (const step of walkGraph(graph)) {
    if (step.kind === 'end') for (const { value } of step.graph.outputs) countConstant(value, [root], counted);
    if (step.kind !== 'node') continue;
    const { node } = step;
    const segments = node.origin.isNameless ? [] : segmentsOf(node.origin.scope);
    const label = ownsWeight(node) ? segments.pop() : undefined;
    const within = label === undefined ? segments : [...segments, label];
    const around = [root];
    let scope = root;
    let path = '';
    for (let i = 0; i < Math.min(segments.length, depth); i++) {
      const name = segments[i] ?? '';
      path = path === '' ? name : `${path}.${name}`;
      let inner = scope.scopes.get(name);
      if (!inner) {
        inner = new Building(path, name, '');
        scope.scopes.set(name, inner);
        scope.children.push(inner);
      }
      around.push(inner);
      scope = inner;
    }
    if (segments.length < depth) {
      const own = label === undefined ? node.op.name : label;
      const leaf = new Building(
        label === undefined ? path : path === '' ? own : `${path}.${own}`,
        own,
        node.op.name,
        detailsOf(node),
      );
      scope.children.push(leaf);
      around.push(leaf);
    }
    const tag = node.origin.residual;
    if (tag?.part === 'sum') {
      const owner = around.find((level) => level.path === tag.region.scope && level.operator === '' && level !== root);
      if (owner) owner.operator = 'residual';
    }
    const made = written.take(node.origin);
    const text = `${node.op.name} ${detailsOf(node)} ${node.results.map((y) => typeText(y.type)).join()}`;
    for (const [i, level] of around.entries()) {
      for (const elements of made) level.written.add(elements);
      level.structure.add(`${within.slice(i).join('.')} ${text}\n`);
    }
    account(node, around, counted);
  }
  for (const elements of written.take(undefined)) root.written.add(elements);
  const last = graph.outputs[0]?.value.type;
  if (last) root.output = last;
  return assemble(root);
}

function account(node: Node, around: readonly Building[], counted: Set<Value>): void {
  const { cost } = node.op;
  const madds = cost ? unlessOverflow(() => cost.call(node.op, node)) : undefined;
  const output = node.results[0]?.type;
  for (const level of around) {
    if (cost) level.cost.add(madds);
    if (node.op.foreign) level.unknownCosts++;
    if (node.op.turns && !node.op.turns(node)) level.unknownTurns++;
    level.output = output;
  }
  for (const use of node.slots) if (use) countConstant(use.value, around, counted);
}

function countConstant(value: Value, around: readonly Building[], counted: Set<Value>): void {
  const { content, role } = value;
  if (!content || counted.has(value)) return;
  counted.add(value);
  // The elements of a type that is none of ours are in its bytes, and 4-bit ones share them.
  const count = value.type.foreign?.tensor?.dims.reduce((n, d) => n * d, 1) ?? countOf(value.type) ?? 0;
  const elements = value.type.foreign ? content.dims.reduce((n, d) => n * d, 1) : count;
  for (const level of around) {
    if (role === 'parameter') level.parameters += count;
    if (role === 'buffer') level.buffers += count;
    level.bytes += elements * elemBytes[value.type.elem];
  }
}

/** A scope whose one layer has no name of its own is that layer. */
function alone(scope: SummaryNode): SummaryNode {
  const [only, second] = scope.children;
  if (!only || second || scope.operator !== '' || scope.path === '' || only.path !== scope.path) return scope;
  return { ...only, name: scope.name };
}

/** Innermost first, with a stack of its own: how deep scopes nest is the user's choice. */
function assemble(root: Building): SummaryNode {
  interface Level {
    readonly of: Building;
    readonly done: SummaryNode[];
  }
  const stack: Level[] = [{ of: root, done: [] }];
  for (;;) {
    const top = stack.at(-1);
    if (!top) return root.finish([]);
    const next = top.of.children[top.done.length];
    if (next) {
      stack.push({ of: next, done: [] });
      continue;
    }
    const finished = alone(top.of.finish(top.done));
    stack.pop();
    const outer = stack.at(-1);
    if (!outer) return finished;
    outer.done.push(finished);
  }
}
