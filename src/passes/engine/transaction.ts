/** One rewrite in the making, and how nodes go that nobody reads. */
import { bug } from '../../diagnostics/diagnostic.ts';
import { bornBy } from '../../ir/births.ts';
import type { Content } from '../../ir/content.ts';
import type { ConstantRole, Graph, Node, Value } from '../../ir/graph.ts';
import type { AttrValue, Operator } from '../../ir/operator.ts';
import { graphsIn } from '../../ir/walk.ts';
import { operatorByName } from '../../ops/lookup.ts';
import type { RemovedShortcut, Rewriter } from './rewriter.ts';

interface PendingConstant {
  readonly value: Value;
  readonly name: string;
}

/** One rewrite in the making. */
export class Transaction implements Rewriter {
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
    op: string | Operator,
    operands: readonly (Value | undefined)[],
    attrs: Readonly<Record<string, AttrValue>>,
    like: Node,
    before?: Node,
  ): Value {
    const operator = typeof op === 'string' ? (operatorByName(op) ?? bug(`no operator ${op}`)) : op;
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

/**
 * Erases the given nodes where nobody reads them, then what fed them alone, and so on. Returns what went. What says a size of the
 * run stays.
 */
export function eraseDead(candidates: Iterable<Node>): readonly Node[] {
  const erased: Node[] = [];
  const stack = [...candidates];
  for (let node = stack.pop(); node; node = stack.pop()) {
    // A size that it says may stand in an attribute: the sweep of dead code looks.
    if (!node.attached || !node.results.every((y) => y.isDead) || bornBy(node).size > 0) continue;
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
