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

/** What is made of the operators that a graph may hold, anew when those that few networks have come with the first of them. */
export function ofKnownOperators<T>(make: (known: readonly Operator[]) => T): () => T {
  let among: readonly Operator[] | undefined;
  let made: T;
  return () => {
    const known = knownOperators();
    if (known !== among) made = make(known);
    among = known;
    return made;
  };
}

function setThat(label: string, names: () => ReadonlySet<string>): OperatorSet {
  return {
    label,
    get names() {
      return names();
    },
  };
}

/** The operators of which something is so, by their traits. */
export const operatorsThat = (label: string, holds: (op: Operator) => boolean): OperatorSet =>
  setThat(
    label,
    ofKnownOperators((known) => new Set(known.filter(holds).map((op) => op.name))),
  );

/** Some operators by name. */
export function operatorSet(label: string, names: Iterable<string>): OperatorSet {
  return { label, names: new Set(names), listed: true };
}

/** What is in one of the sets. */
export const unionOf = (sets: readonly OperatorSet[]): OperatorSet =>
  setThat(
    sets.map(({ label }) => label).join('|'),
    ofKnownOperators(() => new Set(sets.flatMap(({ names }) => [...names]))),
  );
