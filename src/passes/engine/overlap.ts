/**
 * What the patterns of rules at one stage say of each other. Two overlap where a node can be the root of both: then the order of
 * the stage decides. A rule is shadowed where an earlier one takes all that it takes: it can never fire.
 */
import type { OperatorSet } from '../analysis/operators.ts';
import { type Matcher, type OpTree, type Tree, treeText } from './pattern.ts';
import type { Rule } from './rule.ts';

function commonOperators(a: OperatorSet, b: OperatorSet): OperatorSet | undefined {
  const names = new Set([...a.names].filter((name) => b.names.has(name)));
  if (names.size === 0) return undefined;
  if (names.size === a.names.size) return a;
  return names.size === b.names.size ? b : { label: [...names].join('|'), names };
}

/** What matches both; undefined where nothing can. Calls itself as deep as the trees are. */
function meet(a: Tree, b: Tree): Tree | undefined {
  if (a.kind === 'any') return b;
  if (b.kind === 'any') return a;
  if (a.kind === 'constant' && b.kind === 'constant') {
    if (a.filled !== undefined && b.filled !== undefined && a.filled !== b.filled) return undefined;
    return a.filled === undefined ? b : a;
  }
  // No node makes a constant.
  return a.kind === 'op' && b.kind === 'op' ? meetOps(a, b) : undefined;
}

function meetOps(a: OpTree, b: OpTree): OpTree | undefined {
  const ops = commonOperators(a.ops, b.ops);
  if (!ops) return undefined;
  const closed = a.closed || b.closed;
  const operands: Tree[] = [];
  for (let i = 0; i < Math.max(a.operands.length, b.operands.length); i++) {
    const [x, y] = [a.operands[i], b.operands[i]];
    const both = x && y ? meet(x, y) : (x ?? y);
    if (!both || (closed && both.kind === 'op')) return undefined;
    operands.push(both);
  }
  const some = a.some ?? b.some;
  if (closed && some?.kind === 'op') return undefined;
  return { kind: 'op', ops, name: a.name, operands, closed, ...(some && { some }) };
}

/** Every value that matches b matches a. False where that cannot be shown. */
function covers(a: Tree, b: Tree): boolean {
  if (a.kind === 'any') return true;
  if (a.kind === 'constant') return b.kind === 'constant' && (a.filled === undefined || a.filled === b.filled);
  return b.kind === 'op' && coversOp(a, b);
}

function coversOp(a: OpTree, b: OpTree): boolean {
  if (a.closed && !b.closed) return false;
  if ([...b.ops.names].some((name) => !a.ops.names.has(name))) return false;
  const { some } = a;
  if (some && ![...b.operands, ...(b.some ? [b.some] : [])].some((operand) => covers(some, operand))) return false;
  // Of an operand that b does not name nothing is known but of the first, which is there.
  return a.operands.every((operand, i) => {
    const other = b.operands[i];
    return other ? covers(operand, other) : i === 0 && operand.kind === 'any' && b.some === undefined;
  });
}

/** The first tree that matches both. */
function common(a: Matcher<unknown>, b: Matcher<unknown>): OpTree | undefined {
  for (const x of a.trees) {
    for (const y of b.trees) {
      const both = meetOps(x, y);
      if (both) return both;
    }
  }
  return undefined;
}

export interface Overlap {
  readonly first: Rule;
  readonly second: Rule;
  /** A pattern of nodes that both look at. */
  readonly at: string;
}

/** The pairs of rules that can be rooted at one node, in the order of the stage. */
export function overlapsOf(rules: readonly Rule[]): readonly Overlap[] {
  return rules.flatMap((first, i) =>
    rules.slice(i + 1).flatMap((second) => {
      const both = common(first.match, second.match);
      return both ? [{ first, second, at: treeText(both) }] : [];
    }),
  );
}

/**
 * Whether the earlier rule fires wherever the later one would: its trees cover all of the other's, it has no code or the same,
 * and no condition that the other has not.
 */
function shadows(earlier: Rule, later: Rule): boolean {
  const { code } = earlier.match;
  if (code !== undefined && code !== later.match.code) return false;
  const asked = new Set(Object.values(later.exact));
  if (Object.values(earlier.exact).some((condition) => !asked.has(condition))) return false;
  return later.match.trees.every((tree) => earlier.match.trees.some((other) => coversOp(other, tree)));
}

/** The rules of a stage that can never fire, each with the earlier one that takes everything. */
export function shadowed(rules: readonly Rule[]): readonly { readonly rule: Rule; readonly by: Rule }[] {
  return rules.flatMap((rule, i) => {
    const by = rules.slice(0, i).find((earlier) => shadows(earlier, rule));
    return by ? [{ rule, by }] : [];
  });
}
