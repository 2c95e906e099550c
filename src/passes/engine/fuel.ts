/** Counts what passes do, and stops them after so many firings. */
import type { Node } from '../../ir/graph.ts';

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
  /** Bytes of constants that were folded though the file grows by them. */
  grown = 0;

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
