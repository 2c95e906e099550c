/** Sets of operators under one name, as patterns are written with and printed. */
import type { Operator } from '../../ir/operator.ts';
import { knownOperators } from '../../ops/lookup.ts';

export interface OperatorSet {
  /** How patterns print the set. */
  readonly label: string;
  readonly names: ReadonlySet<string>;
  /** Chosen one by one, so that a page lists them; else the label says which they are. */
  readonly listed?: boolean;
}

/** The operators of which something is so, by their traits. */
export function operatorsThat(label: string, holds: (op: Operator) => boolean): OperatorSet {
  let among: readonly Operator[] | undefined;
  let names: ReadonlySet<string> = new Set();
  return {
    label,
    // Operators that few networks have come with the first that has one.
    get names() {
      const known = knownOperators();
      if (known !== among) names = new Set(known.filter(holds).map((op) => op.name));
      among = known;
      return names;
    },
  };
}

/** Some operators by name. */
export function operatorSet(label: string, names: Iterable<string>): OperatorSet {
  return { label, names: new Set(names), listed: true };
}

/** What is in one of the sets. */
export function unionOf(sets: readonly OperatorSet[]): OperatorSet {
  let among: readonly Operator[] | undefined;
  let all: ReadonlySet<string> = new Set();
  return {
    label: sets.map(({ label }) => label).join('|'),
    get names() {
      const known = knownOperators();
      if (known !== among) all = new Set(sets.flatMap(({ names }) => [...names]));
      among = known;
      return all;
    },
  };
}
