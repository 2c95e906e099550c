/** Operators by what their traits say. */
import type { Operator } from '../../ir/operator.ts';
import { operators } from '../../ops/registry.ts';

/** The operators of a kind, by name: roots of a rule. */
export const namesOf = (which: (op: Operator) => boolean): readonly string[] => operators.filter(which).map((op) => op.name);
