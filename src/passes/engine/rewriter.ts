/** What a rewrite may do to a graph: build, and say what takes the place of what. */
import type { Content } from '../../ir/content.ts';
import type { ConstantRole, Node, Value } from '../../ir/graph.ts';
import type { AttrValue, Operator } from '../../ir/operator.ts';

/** A shortcut or a body that was provably zero or the identity, and went. */
export interface RemovedShortcut {
  readonly scope: string;
  readonly removed: 'body' | 'shortcut' | 'operand';
  readonly why: 'zero' | 'identity';
}

/** What a rewrite builds with. Nothing that it makes counts until the driver has checked the whole of it. */
export interface Rewriter {
  /**
   * A node of this operator, which is named or given, before the matched root (or before `before`) with the scope, span and
   * residual tag of `like`; returns its first result. Throws `CheckFailure` when the operands do not fit, which makes the driver
   * drop the rewrite.
   */
  node(
    op: string | Operator,
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
