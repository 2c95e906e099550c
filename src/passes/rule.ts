/**
 * A rewrite rule is three things: a pattern, named conditions under which the rewrite is exact, and the rewrite. Matching and conditions only
 * look; the rewrite builds through a `Rewriter`, and the driver alone lets go of the old nodes. *Exact* means: equal in real arithmetic for
 * every input on which all values of the source graph are finite.
 */
import type { Content } from '../ir/content.ts';
import type { ConstantRole, Graph, Node, Value } from '../ir/graph.ts';
import type { AttrValue } from '../ir/operator.ts';

/** A shortcut or a body that was provably zero or the identity, and went. */
export interface RemovedShortcut {
  readonly scope: string;
  readonly removed: 'body' | 'shortcut' | 'operand';
  readonly why: 'zero' | 'identity';
}

/** What a rewrite builds with. Nothing that it makes counts until the driver has checked the whole of it. */
export interface Rewriter {
  /**
   * A node before the matched root (or before `before`) with the scope, span and residual tag of `like`; returns its first result.
   * Throws `CheckFailure` when the operands do not fit, which makes the driver drop the rewrite.
   */
  node(
    op: string,
    operands: readonly (Value | undefined)[],
    attrs: Readonly<Record<string, AttrValue>>,
    like: Node,
    before?: Node,
  ): Value;
  /** A constant. The name is the parameter's path; it is made unique when another constant that lives on has it. */
  constant(content: Content, role: ConstantRole, name: string | undefined): Value;
  /** Everybody who reads `old` reads `by` from now on; their types must be the same. */
  replace(old: Value, by: Value): void;
  /** For the report. */
  removedShortcut(removed: RemovedShortcut): void;
}

interface RuleDefinition<M> {
  /** `fold-batchnorm/into-linear`: the pass, then what it does. */
  readonly name: string;
  /** The equation, what makes it exact (a line per condition, by its name), the rounding, the source. `--explain` prints it. */
  readonly doc: string;
  /** Names of the operators that a match can be rooted at. */
  readonly roots: readonly string[];
  /** `false` for rules that need not lower the measure: those that prepare the graph for a runtime and run once, or end for a reason that they give. */
  readonly lowers?: boolean;
  /** Every way in which the pattern matches with this root; the first whose conditions hold is rewritten. */
  match(root: Node): Iterable<M>;
  /** In the order in which they are asked; a later one may rely on an earlier. */
  readonly exact: Readonly<Record<string, (m: M) => boolean>>;
  rewrite(m: M, g: Rewriter): void;
}

/** What came of trying a rule at a node. */
type Attempt =
  | { readonly kind: 'none' }
  | { readonly kind: 'refused'; readonly condition: string }
  | { readonly kind: 'fires'; readonly rewrite: (g: Rewriter) => void };

export interface Rule {
  readonly name: string;
  readonly pass: string;
  readonly doc: string;
  readonly roots: readonly string[];
  readonly lowers: boolean;
  readonly conditions: readonly string[];
  attempt(root: Node): Attempt;
  /** The same rule with other conditions in the place of its own: tests watch one, or leave it out to see which case notices. */
  withConditions(exchange: Exchange): Rule;
}

/** What is asked in the place of a condition. */
export type Exchange = <M>(name: string, holds: (m: M) => boolean) => (m: M) => boolean;

const none: Attempt = { kind: 'none' };

/** Declares a rule and erases the type of its match. */
export function rule<M>(definition: RuleDefinition<M>): Rule {
  const conditions = Object.entries(definition.exact);
  return {
    name: definition.name,
    pass: definition.name.split('/')[0] ?? definition.name,
    doc: definition.doc,
    roots: definition.roots,
    lowers: definition.lowers ?? true,
    conditions: conditions.map(([name]) => name),
    attempt(root) {
      let first: string | undefined;
      for (const m of definition.match(root)) {
        const failing = conditions.find(([, holds]) => !holds(m));
        if (!failing) return { kind: 'fires', rewrite: (g) => definition.rewrite(m, g) };
        first ??= failing[0];
      }
      return first === undefined ? none : { kind: 'refused', condition: first };
    },
    withConditions(exchange) {
      return rule<M>({
        ...definition,
        exact: Object.fromEntries(conditions.map(([name, holds]) => [name, exchange(name, holds)])),
      });
    },
  };
}

/** The names of the conditions that a rule's text argues, in its order: the lines under `Exact when` that begin with a name. */
export function arguedConditions(doc: string): readonly string[] {
  const names: string[] = [];
  let inside = false;
  for (const line of doc.split('\n')) {
    if (/^\s*Exact when/.test(line)) inside = true;
    else if (inside && !/^\s/.test(line)) inside = line.trim() === '' && inside;
    const name = inside ? /^ {2}([a-z][a-z0-9-]*) {2,}\S/.exec(line)?.[1] : undefined;
    if (name !== undefined) names.push(name);
  }
  return names;
}

/** One thing that a pass did: a rule that fired, or one change of a sweep. */
export interface Firing {
  /** Counts all firings of one `optimize`, from 1. With `fuel: n` the firings 1 … n happen, and no other. */
  readonly index: number;
  readonly pass: string;
  readonly rule: string;
  /** The name or the scope of the node that it happened to. */
  readonly node: string;
}

/** What a node is called in reports. */
export function nodeText(node: Node): string {
  return node.origin.name ?? (node.origin.scope === '' ? node.op.name : node.origin.scope);
}

let changes = 0;

/** Grows with every firing, and with every run that begins: what was found to fail at the same number would fail again. */
export function changeCount(): number {
  return changes;
}

/** How many firings are left, so that the one that broke something is found by bisection. */
export class Fuel {
  #left: number;
  #spent = 0;
  readonly #onFiring: ((firing: Firing) => void) | undefined;
  /** The pass that runs. */
  pass = '';

  constructor(limit = Number.POSITIVE_INFINITY, onFiring?: (firing: Firing) => void) {
    this.#left = limit;
    this.#onFiring = onFiring;
    changes++;
  }

  get empty(): boolean {
    return this.#left <= 0;
  }

  spend(rule: string, node: string): void {
    this.#left--;
    this.#spent++;
    changes++;
    this.#onFiring?.({ index: this.#spent, pass: this.pass, rule, node });
  }
}

/** A step of a pass that looks at the whole graph at once (common sub-expressions, equal weights). Returns how often it did something. */
export interface Sweep {
  readonly name: string;
  readonly doc: string;
  /** Every change spends one; without fuel nothing is changed. */
  run(graph: Graph, fuel: Fuel): number;
}
