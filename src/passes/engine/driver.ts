/**
 * Runs rules over a graph to a fixed point. The driver alone mutates: a rewrite only builds, and when all that it built
 * type-checks the driver moves the readers over, names the new constants and erases what nobody reads any more.
 *
 * Termination: every rule lowers (multiply-adds, elements written, nodes) lexicographically, which `assertLowers` checks at every
 * firing; a bound on the number of firings stands behind it. Nodes near a firing are tried again at once, and sweeps over the
 * whole graph follow until one fires nothing, so that a pattern may reach as far as it likes; a sweep costs one attempt per node
 * and rule. The last sweep's refusals are the ones that still stand.
 */

import { bug } from '../../diagnostics/diagnostic.ts';
import type { Graph, Node, Value } from '../../ir/graph.ts';
import { sameType } from '../../ir/types.ts';
import { graphsIn } from '../../ir/walk.ts';
import { refusalOf } from '../../ops/evaluate.ts';
import { lowered } from '../analysis/cost.ts';
import { Fuel, nodeText } from './fuel.ts';
import type { NameTable } from './names.ts';
import { NeededSizes } from './needed-sizes.ts';
import type { RemovedShortcut } from './rewriter.ts';
import type { Rule, Sweep } from './rule.ts';
import { eraseDead, Transaction } from './transaction.ts';

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
  /** Symbols of which nothing is promised may be 0 as well, as those of a file that somebody else made. */
  readonly mayBeNone?: boolean | undefined;
  /** Sees which share of the graph was looked at. */
  readonly onSweep?: ((share: number) => void) | undefined;
}

/** More readers than this are not looked at again one by one after a firing; the next sweep sees them. */
const nearby = 16;

/** The rules that can begin at an operator, in the order in which they are given. */
function rulesByRoot(rules: readonly Rule[]): ReadonlyMap<string, readonly Rule[]> {
  const byRoot = new Map<string, Rule[]>();
  for (const one of rules) {
    for (const root of one.roots) {
      const list = byRoot.get(root);
      if (list) list.push(one);
      else byRoot.set(root, [one]);
    }
  }
  return byRoot;
}

const nothingDone: RunReport = { fired: new Map(), refused: [], removedShortcuts: [] };

/** Runs the rules to a fixed point. */
export function runRules(graph: Graph, rules: readonly Rule[], names: NameTable, options: DriverOptions = {}): RunReport {
  if (!rules.some((one) => one.roots.some((name) => graph.mayHave(name)))) return nothingDone;
  const byRoot = rulesByRoot(rules);
  const fired = new Map<string, number>();
  const removedShortcuts: RemovedShortcut[] = [];
  let refused: Refusal[] = [];
  const fuel = options.fuel ?? new Fuel();
  const sizes = new NeededSizes(graph, options.mayBeNone);
  let budget = 1000 + 50 * graphsIn(graph).reduce((n, g) => n + g.nodeCount, 0);

  const queue: Node[] = [];
  const enqueue = (node: Node | undefined): void => {
    if (!node?.attached || node.queued || !byRoot.has(node.op.name)) return;
    node.queued = true;
    queue.push(node);
  };
  const around = (value: Value | undefined): void => {
    if (!value) return;
    enqueue(value.producer);
    if (value.uses.size <= nearby) for (let use = value.uses.first; use; use = use.after) enqueue(use.user);
  };

  const refuse = (one: Rule, root: Node, condition: string): false => {
    refused.push({ rule: one.name, condition, scope: root.origin.scope });
    return false;
  };

  /** Whether the rule fired at this node. */
  const attempt = (one: Rule, root: Node): boolean => {
    let work: Transaction | undefined;
    try {
      const found = one.attempt(root);
      if (found.kind === 'none') return false;
      if (found.kind === 'refused') return refuse(one, root, found.condition);
      work = new Transaction(root);
      found.rewrite(work);
    } catch (error) {
      // The one place where a failed check or an overflow under a rule becomes a refusal.
      work?.undo();
      return refuse(one, root, refusalOf(error));
    }
    if (work.replacements.length === 0) bug(`${one.name} replaced nothing`);
    if (!work.replacements.every(({ old, by }) => sameType(old.type, by.type))) {
      work.undo();
      return refuse(one, root, 'same-type');
    }
    if (!sizes.met(work.created)) {
      work.undo();
      return refuse(one, root, 'needs-elements');
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

  /** Every node once, and those near a firing again; whether a rule fired. */
  const sweep = (): boolean => {
    let busy = false;
    refused = [];
    for (const one of graphsIn(graph)) for (const node of one.nodes()) enqueue(node);
    for (let head = 0; head < queue.length && !fuel.empty; head++) {
      const node = queue[head];
      if (!node) continue;
      if (options.onSweep && head % 64 === 0) options.onSweep(head / queue.length);
      node.queued = false;
      for (const one of byRoot.get(node.op.name) ?? []) {
        if (!node.attached) break;
        if (attempt(one, node)) {
          busy = true;
          enqueue(node);
          break;
        }
      }
    }
    return busy;
  };

  for (let busy = true; busy && !fuel.empty; ) {
    try {
      busy = sweep();
    } finally {
      for (const node of queue) node.queued = false;
      queue.length = 0;
    }
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
