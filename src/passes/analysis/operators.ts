/** Sets of operators under one name, as patterns are written with and printed. */
import type { Operator } from '../../ir/operator.ts';
import { operators } from '../../ops/registry.ts';

export interface OperatorSet {
  /** How patterns print the set. */
  readonly label: string;
  readonly names: ReadonlySet<string>;
  /** Chosen one by one, so that a page lists them; else the label says which they are. */
  readonly listed?: boolean;
}

/** The operators of which something is so, by their traits. */
export function operatorsThat(label: string, holds: (op: Operator) => boolean): OperatorSet {
  return { label, names: new Set(operators.filter(holds).map((op) => op.name)) };
}

/** Some operators by name. */
export function operatorSet(label: string, names: Iterable<string>): OperatorSet {
  return { label, names: new Set(names), listed: true };
}
