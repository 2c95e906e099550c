/**
 * A rewrite rule is three things: a pattern (pattern.ts), named conditions under which the rewrite is exact, and the rewrite.
 * Matching and conditions only look; the rewrite builds through a `Rewriter`, and the driver alone lets go of the old nodes.
 * *Exact* means: equal in real arithmetic for every input on which all values of the source graph are finite.
 */

import type { Graph, Node } from '../../ir/graph.ts';
import { ofKnownOperators } from '../analysis/operators.ts';
import type { Fuel } from './fuel.ts';
import { type Matcher, rootsOf } from './pattern.ts';
import type { Rewriter } from './rewriter.ts';

interface RuleDefinition<M> {
  /** `fold-batchnorm/into-linear`: the pass, then what it does. */
  readonly name: string;
  /** The equation, what makes it exact (a line per condition, by its name), the rounding, the source. `--explain` prints it. */
  readonly doc: string;
  /**
   * `false` for rules that need not lower the measure: those that prepare the graph for a runtime and run once, or end for a
   * reason that they give.
   */
  readonly lowers?: boolean;
  /** The pattern; the first way in which it matches whose conditions hold is rewritten. */
  readonly match: Matcher<M>;
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
  /** @internal For the manual; the built API leaves it out. */
  readonly doc: string;
  /** The pattern, without the types of what it binds. */
  readonly match: Matcher<unknown>;
  /** The names of the operators that a match can begin at. */
  readonly roots: readonly string[];
  readonly lowers: boolean;
  readonly conditions: readonly string[];
  /** The conditions, to be told apart: two rules that ask the same share the function. */
  readonly exact: Readonly<Record<string, unknown>>;
  attempt(root: Node): Attempt;
  /** The same rule with other conditions in the place of its own: tests watch one, or leave it out to see which case notices. */
  withConditions(exchange: Exchange): Rule;
}

/** What is asked in the place of a condition. */
export type Exchange = <M>(name: string, holds: (m: M) => boolean) => (m: M) => boolean;

const none: Attempt = { kind: 'none' };

/** The first condition that does not hold. */
function failingOf<M>(conditions: readonly (readonly [string, (m: M) => boolean])[], m: M): string | undefined {
  for (const [name, holds] of conditions) if (!holds(m)) return name;
  return undefined;
}

/** Declares a rule and erases the type of its match. */
export function rule<M>(definition: RuleDefinition<M>): Rule {
  const conditions = Object.entries(definition.exact);
  const roots = ofKnownOperators(() => rootsOf(definition.match));
  return {
    name: definition.name,
    pass: definition.name.split('/')[0] ?? definition.name,
    doc: definition.doc,
    match: definition.match,
    get roots() {
      return roots();
    },
    lowers: definition.lowers ?? true,
    conditions: conditions.map(([name]) => name),
    exact: definition.exact,
    attempt(root) {
      let first: string | undefined;
      for (const m of definition.match.matches(root)) {
        const failing = failingOf(conditions, m);
        if (failing === undefined) return { kind: 'fires', rewrite: (g) => definition.rewrite(m, g) };
        first ??= failing;
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

/**
 * A step of a pass that looks at the whole graph at once (common sub-expressions, equal weights). Returns how often it did
 * something.
 */
export interface Sweep {
  readonly name: string;
  readonly doc: string;
  /** Every change spends one; without fuel nothing is changed. */
  run(graph: Graph, fuel: Fuel): number;
}
