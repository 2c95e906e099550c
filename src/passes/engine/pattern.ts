/**
 * What a rule matches, as data: a tree of operators over values and constants, which can be printed, dispatched on, and compared
 * with another. What a tree cannot say (chains of any length, views of a node, readers) is code behind it, which sees what the
 * tree has bound.
 *
 *   op('relu', 'outer', op('mul', 'inner', any('x'), constant('s')))       relu(mul(x, s: constant))
 *
 * A pattern with a choice (`either`, `oneOf`) is a list of trees without any, in the order in which they are tried. Operands
 * behind those that a tree names may be anything. A node that makes an operand stands in the graph of its reader: no rule reaches
 * over the border of a loop's body.
 */
import type { Node, Value } from '../../ir/graph.ts';
import { everyElement, isConstant } from '../analysis/constants.ts';
import { type OperatorSet, unionOf } from '../analysis/operators.ts';
import { producerIn } from '../analysis/uses.ts';

export type Tree =
  | {
      readonly kind: 'op';
      readonly ops: OperatorSet;
      readonly name: string;
      readonly operands: readonly Tree[];
      /** One more operand, wherever it stands; of the root alone. */
      readonly some?: Tree;
      /** Every operand is a constant. */
      readonly closed: boolean;
    }
  | { readonly kind: 'any'; readonly name: string }
  | {
      readonly kind: 'constant';
      readonly name: string | undefined;
      /** What every element is known to be. */
      readonly filled: number | undefined;
    };

export type OpTree = Extract<Tree, { kind: 'op' }>;

type Bound = Record<string, Node | Value>;

function fitsValue(tree: Tree, value: Value | undefined, reader: Node): boolean {
  if (!value) return false;
  if (tree.kind === 'op') {
    const node = producerIn(value, reader);
    return node !== undefined && fitsNode(tree, node);
  }
  return tree.kind === 'any' || (isConstant(value) && (tree.filled === undefined || everyElement(value.content, tree.filled)));
}

/** Whether the node is the root of the tree. Calls itself as deep as the tree is. */
function fitsNode(tree: OpTree, node: Node): boolean {
  if (!tree.ops.names.has(node.op.name)) return false;
  if (tree.closed && node.slots.some((use) => use !== undefined && !isConstant(use.value))) return false;
  const { operands } = tree;
  for (let i = 0; i < operands.length; i++) {
    const operand = operands[i];
    if (operand && !fitsValue(operand, node.operand(i), node)) return false;
  }
  return true;
}

/** Gives what fits its names; nothing is made for the many nodes that do not fit. */
function bindValue(tree: Tree, value: Value | undefined, bound: Bound): void {
  if (!value) return;
  if (tree.kind !== 'op') {
    if (tree.name !== undefined) bound[tree.name] = value;
  } else if (value.producer) bindNode(tree, value.producer, bound);
}

function bindNode(tree: OpTree, node: Node, bound: Bound): void {
  bound[tree.name] = node;
  tree.operands.forEach((operand, i) => {
    bindValue(operand, node.operand(i), bound);
  });
}

/** What a rule begins with: a pattern, or a pattern with code behind it. */
export interface Matcher<M> {
  /** One of them matches, the first first. */
  readonly trees: readonly OpTree[];
  /** The code behind the trees, to be told apart; undefined where the trees say all. */
  readonly code: unknown;
  /** The patterns of which one matches, printed. */
  readonly texts: readonly string[];
  /** Every way in which it matches with this root. */
  matches(root: Node): Iterable<M>;
}

const nothing: readonly never[] = [];

/** Nodes and values under the names that the pattern gives them. */
export class Pattern<M> implements Matcher<M> {
  readonly trees: readonly OpTree[];
  readonly code = undefined;
  readonly texts: readonly string[];

  constructor(trees: readonly OpTree[], texts: readonly string[]) {
    this.trees = trees;
    this.texts = texts;
  }

  matches(root: Node): readonly M[] {
    let first: M | undefined;
    let all: M[] | undefined;
    for (const tree of this.trees) {
      const { some } = tree;
      const ways = some ? root.slots.length : 1;
      for (let way = 0; way < ways; way++) {
        if (!fitsNode(tree, root) || (some && !fitsValue(some, root.operand(way), root))) continue;
        const bound: Bound = {};
        bindNode(tree, root, bound);
        if (some) bindValue(some, root.operand(way), bound);
        // `op`, `any` and `constant` write the names of M and nothing else.
        const m = bound as M;
        if (first === undefined) first = m;
        else if (all) all.push(m);
        else all = [first, m];
      }
    }
    return all ?? (first === undefined ? nothing : [first]);
  }

  /** Matches of which this is so. */
  where(holds: (m: M) => boolean): Matcher<M> {
    return this.#behind(holds, (m) => (holds(m) ? [m] : nothing));
  }

  /** What the rule sees of a match: a linear operator, sizes that are known; no match where there is none. */
  view<V>(see: (m: M) => V | undefined): Matcher<V> {
    return this.#behind(see, (m) => {
      const seen = see(m);
      return seen === undefined ? nothing : [seen];
    });
  }

  /** What the rule finds from a match on: along chains, among readers, in parts. */
  each<V>(find: (m: M) => Iterable<V>): Matcher<V> {
    return this.#behind(find, find);
  }

  #behind<V>(code: unknown, find: (m: M) => Iterable<V>): Matcher<V> {
    const { trees, texts } = this;
    return { trees, code, texts, matches: (root) => found(this.matches(root), find) };
  }
}

function found<M, V>(matches: readonly M[], find: (m: M) => Iterable<V>): Iterable<V> {
  const [only] = matches;
  if (only === undefined) return nothing;
  return matches.length === 1 ? find(only) : everyOf(matches, find);
}

function* everyOf<M, V>(matches: readonly M[], find: (m: M) => Iterable<V>): Generator<V> {
  for (const m of matches) yield* find(m);
}

/** An operand: what makes it, or the value itself. */
class Operand<M> {
  readonly trees: readonly Tree[];
  readonly texts: readonly string[];
  /** What it binds; nothing is ever stored here. */
  declare readonly bound: M;

  constructor(tree: Tree) {
    this.trees = [tree];
    this.texts = [treeText(tree)];
  }
}

type Part = Pattern<object> | Operand<object>;
type BoundBy<P> = P extends Pattern<infer M> ? M : P extends Operand<infer M> ? M : never;
type BoundByAll<P extends readonly Part[]> = P extends readonly [infer First, ...infer Rest extends readonly Part[]]
  ? BoundBy<First> & BoundByAll<Rest>
  : unknown;

/** Operators by name, or as a set. */
type Operators = string | OperatorSet | readonly (string | OperatorSet)[];

function setOf(ops: Operators): OperatorSet {
  if (typeof ops === 'string') return { label: ops, names: new Set([ops]) };
  if ('label' in ops) return ops;
  const sets = ops.map(setOf);
  return unionOf(sets);
}

/** Every choice of one element of each list, the last one changing fastest. */
function choices<T>(lists: readonly (readonly T[])[]): readonly (readonly T[])[] {
  return lists.reduce<readonly (readonly T[])[]>((all, list) => all.flatMap((some) => list.map((one) => [...some, one])), [[]]);
}

function opTrees(ops: OperatorSet, name: string, operands: readonly Part[], closed = false): readonly OpTree[] {
  return choices<Tree>(operands.map(({ trees }) => trees)).map((some) => ({ kind: 'op', ops, name, operands: some, closed }));
}

const operandText = ({ texts }: Part): string => (texts.length > 1 ? `(${texts.join(' or ')})` : texts.join());

/** A node of one of these operators, whose first operands are these. */
export function op<const N extends string, const P extends readonly Part[]>(
  ops: Operators,
  name: N,
  ...operands: P
): Pattern<{ readonly [K in N]: Node } & BoundByAll<P>> {
  const set = setOf(ops);
  const inside = operands.map(operandText).join(', ');
  return new Pattern(opTrees(set, name, operands), [inside === '' ? set.label : `${set.label}(${inside})`]);
}

/** The same with its two operands in either order; this one is tried first. Printed as `add{a, b}`. */
export function either<const N extends string, A extends Part, B extends Part>(
  ops: Operators,
  name: N,
  a: A,
  b: B,
): Pattern<{ readonly [K in N]: Node } & BoundBy<A> & BoundBy<B>> {
  const set = setOf(ops);
  return new Pattern(
    [...opTrees(set, name, [a, b]), ...opTrees(set, name, [b, a])],
    [`${set.label}{${operandText(a)}, ${operandText(b)}}`],
  );
}

/** A node one of whose operands is this, each of them in turn; at the root of a pattern alone. Printed as `concat(…, a, …)`. */
export function withOperand<const N extends string, P extends Part>(
  ops: Operators,
  name: N,
  operand: P,
): Pattern<{ readonly [K in N]: Node } & BoundBy<P>> {
  const set = setOf(ops);
  const trees = operand.trees.map((some): OpTree => ({ kind: 'op', ops: set, name, operands: [], some, closed: false }));
  return new Pattern(trees, trees.map(treeText));
}

/** A node of one of these operators, all of whose operands are constants. */
export function closed<const N extends string>(ops: Operators, name: N): Pattern<{ readonly [K in N]: Node }> {
  const trees = opTrees(setOf(ops), name, [], true);
  return new Pattern(trees, trees.map(treeText));
}

/** Any of these, in this order. */
export function oneOf<const P extends readonly Pattern<object>[]>(...patterns: P): Pattern<BoundBy<P[number]>> {
  return new Pattern(
    patterns.flatMap(({ trees }) => trees),
    patterns.flatMap(({ texts }) => texts),
  );
}

/** Any value. */
export function any<const N extends string>(name: N): Operand<{ readonly [K in N]: Value }> {
  return new Operand({ kind: 'any', name });
}

/** A constant. */
export function constant<const N extends string>(name: N): Operand<{ readonly [K in N]: Value }> {
  return new Operand({ kind: 'constant', name, filled: undefined });
}

/** A constant every element of which is known to be this number. */
export function filled(number: number): Operand<object> {
  return new Operand({ kind: 'constant', name: undefined, filled: number });
}

/** The names of the operators that a match can be rooted at. */
export function rootsOf({ trees }: Matcher<unknown>): readonly string[] {
  return [...new Set(trees.flatMap(({ ops }) => [...ops.names]))];
}

/** The pattern in a line; `…` where code is behind it. */
export function patternText({ texts, code }: Matcher<unknown>): string {
  return texts.join(' or ') + (code === undefined ? '' : ' …');
}

export function treeText(tree: Tree): string {
  switch (tree.kind) {
    case 'any':
      return tree.name;
    case 'constant':
      return tree.filled === undefined ? `${tree.name}: constant` : String(tree.filled);
    case 'op': {
      const some = tree.some ? ['…', treeText(tree.some), '…'] : [];
      const operands = tree.closed ? ['constants'] : [...tree.operands.map(treeText), ...some];
      return operands.length === 0 ? tree.ops.label : `${tree.ops.label}(${operands.join(', ')})`;
    }
  }
}
