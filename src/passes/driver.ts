/**
 * Runs rules over a graph to a fixed point. The driver alone mutates: a rewrite only builds, and when all that it built type-checks the driver
 * moves the readers over, names the new constants and erases what nobody reads any more.
 *
 * Termination: every rule lowers (multiply-adds, elements written, nodes) lexicographically, which `assertLowers` checks at every firing; a
 * bound on the number of firings stands behind it. Nodes near a firing are tried again at once, and sweeps over the whole graph follow until one
 * fires nothing, so that a pattern may reach as far as it likes; a sweep costs one attempt per node and rule. The last sweep's refusals are
 * the ones that still stand.
 */
import { bug } from '../diagnostics/diagnostic.ts';
import type { Content } from '../ir/content.ts';
import { Dim, unlessOverflow } from '../ir/dim.ts';
import type { ConstantRole, Graph, Node, Value } from '../ir/graph.ts';
import type { AttrValue } from '../ir/operator.ts';
import { elemBytes, elementCount, sameType } from '../ir/types.ts';
import { graphsIn } from '../ir/walk.ts';
import { refusalOf } from '../ops/evaluate.ts';
import { operatorByName } from '../ops/registry.ts';
import { Fuel, nodeText, type RemovedShortcut, type Rewriter, type Rule, type Sweep } from './rule.ts';

export interface Refusal {
  readonly rule: string;
  readonly condition: string;
  readonly scope: string;
}

interface RunReport {
  readonly fired: ReadonlyMap<string, number>;
  readonly refused: readonly Refusal[];
  readonly removedShortcuts: readonly RemovedShortcut[];
}

export interface DriverOptions {
  /** Checks at every firing that the rule lowered the measure; a rule that did not is a bug. */
  readonly assertLowers?: boolean | undefined;
  /** What firings are taken from; without it there is no end of it. */
  readonly fuel?: Fuel | undefined;
}

/** What a graph costs: operators, bytes of its distinct weights, multiply-adds of one evaluation. */
export interface GraphMeasure {
  readonly nodes: number;
  readonly bytes: number;
  /** Undefined beyond 2^53. */
  readonly madds: Dim | undefined;
}

const costs = new WeakMap<Node, Dim | 'too many'>();

/**
 * Multiply-adds of one node, undefined beyond 2^53. A node's operands are never exchanged for others of another type, so that its cost is kept.
 */
export function costOf(node: Node): Dim | undefined {
  let cost = costs.get(node);
  if (cost === undefined) {
    cost = unlessOverflow(() => node.op.cost?.(node) ?? Dim.zero) ?? 'too many';
    costs.set(node, cost);
  }
  return cost === 'too many' ? undefined : cost;
}

export function bytesOf(content: Content): number {
  return elementCount(content.dims) * elemBytes[content.elem];
}

/** Constants of equal content are stored once, so they count once. A loop's body counts as if it ran once. */
export function measureGraph(graph: Graph): GraphMeasure {
  const byCost = new Map<Dim | undefined, number>();
  const contents = new Map<number, Content>();
  let nodes = 0;
  for (const one of graphsIn(graph)) {
    nodes += one.nodeCount;
    for (const node of one.nodes()) {
      const cost = costOf(node);
      byCost.set(cost, (byCost.get(cost) ?? 0) + 1);
    }
    for (const value of one.constants()) if (value.content) contents.set(value.content.id, value.content);
  }
  const madds = unlessOverflow(() => {
    let sum: Dim | undefined = Dim.zero;
    for (const [cost, count] of byCost) sum = cost && sum?.plus(cost.times(count));
    return sum;
  });
  let weightBytes = 0;
  for (const content of contents.values()) weightBytes += bytesOf(content);
  return { nodes, bytes: weightBytes, madds };
}

/** Which value has which name. A name is free again when the value that had it is dead. */
export class NameTable {
  readonly #holders = new Map<string, Value>();

  constructor(graph: Graph) {
    for (const one of graphsIn(graph)) {
      for (const value of [...one.inputs, ...one.constants()]) if (value.name !== undefined) this.#holders.set(value.name, value);
    }
  }

  /** The name itself, or the name with the smallest number that makes it free. */
  claim(value: Value, name: string): void {
    let free = name;
    for (let n = 1; !this.#isFree(free, value); n++) free = `${name}_${n}`;
    value.name = free;
    this.#holders.set(free, value);
  }

  #isFree(name: string, value: Value): boolean {
    const holder = this.#holders.get(name);
    return holder === undefined || holder === value || (holder.isDead && holder.def.kind !== 'input');
  }
}

interface PendingConstant {
  readonly value: Value;
  readonly name: string;
}

/** One rewrite in the making. */
class Transaction implements Rewriter {
  readonly graph: Graph;
  readonly root: Node;
  readonly created: Node[] = [];
  readonly constants: PendingConstant[] = [];
  readonly replacements: { readonly old: Value; readonly by: Value }[] = [];
  readonly removed: RemovedShortcut[] = [];

  constructor(root: Node) {
    this.graph = root.graph;
    this.root = root;
  }

  node(
    op: string,
    operands: readonly (Value | undefined)[],
    attrs: Readonly<Record<string, AttrValue>>,
    like: Node,
    before?: Node,
  ): Value {
    const operator = operatorByName(op) ?? bug(`no operator ${op}`);
    const node = this.graph.create(operator, operands, attrs, like.origin, before ?? this.root);
    this.created.push(node);
    return node.y;
  }

  constant(content: Content, role: ConstantRole, name: string | undefined): Value {
    const value = this.graph.constant(content, role);
    if (name !== undefined) this.constants.push({ value, name });
    return value;
  }

  replace(old: Value, by: Value): void {
    this.replacements.push({ old, by });
  }

  removedShortcut(removed: RemovedShortcut): void {
    this.removed.push(removed);
  }

  /** Takes back what was built; newest first, so that nobody reads what goes. */
  undo(): void {
    for (let i = this.created.length - 1; i >= 0; i--) {
      const node = this.created[i];
      if (node?.attached) this.graph.erase(node);
    }
  }
}

/** Erases the given nodes where nobody reads them, then what fed them alone, and so on. Returns what went. */
function eraseDead(candidates: Iterable<Node>): readonly Node[] {
  const erased: Node[] = [];
  const stack = [...candidates];
  for (let node = stack.pop(); node; node = stack.pop()) {
    if (!node.attached || !node.results.every((y) => y.isDead)) continue;
    const feeding = [...node.operands];
    // A sub-graph goes with its owner; what it read of the values around it is free again.
    for (const inner of node.regions.flatMap((region) => graphsIn(region))) {
      for (const one of inner.nodes()) feeding.push(...one.operands);
      for (const { value } of inner.outputs) feeding.push(value);
    }
    node.graph.erase(node);
    erased.push(node);
    for (const value of feeding) if (value?.producer?.attached) stack.push(value.producer);
  }
  return erased;
}

/** The measure of some nodes, with every symbol at the number that `probe` gives it. */
function weigh(nodes: Iterable<Node>): readonly [madds: number, elements: number, nodes: number] {
  let madds = 0;
  let elements = 0;
  let count = 0;
  for (const node of nodes) {
    madds += probe(costOf(node));
    for (const y of node.results) elements += elementsOf(y);
    count++;
  }
  return [madds, elements, count];
}

/** A dimension at one sample point: every symbol 48 times what was promised to divide it. */
function probe(dim: Dim | undefined): number {
  if (!dim) return Infinity;
  if (dim.constant !== undefined) return dim.constant;
  const bindings = new Map<string, number>();
  for (const [symbol, multiple] of dim.multiples()) bindings.set(symbol, 48 * multiple);
  return unlessOverflow(() => dim.evaluate(bindings) ?? 0) ?? Infinity;
}

/** How many elements a value has at the sample point at which measures are compared. */
export function elementsOf(value: Value): number {
  return value.type.dims.reduce((n, d) => n * probe(d), 1);
}

function lowered(erased: readonly Node[], created: readonly Node[]): boolean {
  const before = weigh(erased);
  const after = weigh(created.filter((node) => node.attached));
  for (let i = 0; i < 3; i++) {
    const a = after[i] ?? 0;
    const b = before[i] ?? 0;
    if (a !== b) return a < b;
  }
  return false;
}

/** More readers than this are not looked at again one by one after a firing; the next sweep sees them. */
const nearby = 16;

/** Runs the rules to a fixed point. */
export function runRules(graph: Graph, rules: readonly Rule[], names: NameTable, options: DriverOptions = {}): RunReport {
  const byRoot = new Map<string, Rule[]>();
  for (const one of rules) {
    for (const root of one.roots) {
      const list = byRoot.get(root);
      if (list) list.push(one);
      else byRoot.set(root, [one]);
    }
  }
  const fired = new Map<string, number>();
  const removedShortcuts: RemovedShortcut[] = [];
  let refused: Refusal[] = [];
  const fuel = options.fuel ?? new Fuel();
  let budget = 1000 + 50 * graphsIn(graph).reduce((n, g) => n + g.nodeCount, 0);

  const queue: Node[] = [];
  const queued = new Set<Node>();
  const enqueue = (node: Node | undefined): void => {
    if (!node?.attached || queued.has(node) || !byRoot.has(node.op.name)) return;
    queued.add(node);
    queue.push(node);
  };
  const around = (value: Value | undefined): void => {
    if (!value) return;
    enqueue(value.producer);
    if (value.uses.size <= nearby) for (const use of value.uses) enqueue(use.user);
  };

  /** Whether the rule fired at this node. */
  const attempt = (one: Rule, root: Node): boolean => {
    const refuse = (condition: string): false => {
      refused.push({ rule: one.name, condition, scope: root.origin.scope });
      return false;
    };
    const work = new Transaction(root);
    try {
      const found = one.attempt(root);
      if (found.kind === 'none') return false;
      if (found.kind === 'refused') return refuse(found.condition);
      found.rewrite(work);
    } catch (error) {
      // The one place where a failed check or an overflow under a rule becomes a refusal.
      work.undo();
      return refuse(refusalOf(error));
    }
    if (work.replacements.length === 0) bug(`${one.name} replaced nothing`);
    if (!work.replacements.every(({ old, by }) => sameType(old.type, by.type))) {
      work.undo();
      return refuse('same-type');
    }
    const old: Node[] = [];
    for (const { old: from, by } of work.replacements) {
      from.graph.replaceUses(from, by);
      // What is computed is the same, and so is its name in the file.
      if (from.producer && by.producer && by.name === undefined && from.name !== undefined) {
        by.name = from.name;
        from.name = undefined;
      }
      if (from.producer) old.push(from.producer);
    }
    const erased = eraseDead([...work.created, ...old]);
    for (const { value, name } of work.constants) if (!value.isDead) names.claim(value, name);
    if (options.assertLowers && one.lowers) {
      const made = new Set(work.created);
      if (
        !lowered(
          erased.filter((node) => !made.has(node)),
          work.created,
        )
      )
        bug(`${one.name} at ${root.origin.scope} did not lower the measure`);
    }
    fired.set(one.name, (fired.get(one.name) ?? 0) + 1);
    fuel.spend(one.name, nodeText(root));
    removedShortcuts.push(...work.removed);
    if (budget-- <= 0) bug(`${one.name} does not come to an end`);
    for (const node of work.created) {
      enqueue(node);
      for (const value of node.operands) around(value);
      for (const value of node.results) around(value);
    }
    for (const node of erased) for (const value of node.operands) if (!value?.isDead) around(value);
    for (const { by } of work.replacements) around(by);
    return true;
  };

  for (let busy = true; busy && !fuel.empty; ) {
    busy = false;
    refused = [];
    for (const one of graphsIn(graph)) for (const node of one.nodes()) enqueue(node);
    for (let head = 0; head < queue.length && !fuel.empty; head++) {
      const node = queue[head];
      if (!node) continue;
      queued.delete(node);
      for (const one of byRoot.get(node.op.name) ?? []) {
        if (!node.attached) break;
        if (attempt(one, node)) {
          busy = true;
          enqueue(node);
          break;
        }
      }
    }
    queue.length = 0;
  }
  return { fired, refused, removedShortcuts };
}

/** How often the sweep did something, or the check or overflow that it failed at; what it changed until then is whole. */
export function runSweep(sweep: Sweep, graph: Graph, fuel: Fuel): number | Refusal {
  try {
    return sweep.run(graph, fuel);
  } catch (error) {
    return { rule: sweep.name, condition: refusalOf(error), scope: '' };
  }
}
