/** Names of inputs and constants: no two that live have one. */
import type { Graph, Value } from '../../ir/graph.ts';
import { graphsIn } from '../../ir/walk.ts';

/** Which value has which name. A name is free again when the value that had it is dead. */
export class NameTable {
  readonly #holders = new Map<string, Value>();

  constructor(graph: Graph) {
    for (const one of graphsIn(graph)) {
      for (const value of one.inputs) this.#hold(value);
      for (const value of one.constants()) this.#hold(value);
    }
  }

  #hold(value: Value): void {
    if (value.name !== undefined) this.#holders.set(value.name, value);
  }

  /** The name itself, or the name with the smallest number that makes it free. */
  claim(value: Value, name: string): void {
    let free = name;
    for (let n = 1; !this.#isFree(free, value); n++) free = `${name}_${n}`;
    value.name = free;
    this.#holders.set(free, value);
  }

  #isFree(name: string, value: Value): boolean {
    const holder = this.#holders.get(name);
    return holder === undefined || holder === value || (holder.isDead && !holder.isInput);
  }
}
