/** Names in the file: of nodes by their scope, each once. */
import type { Node } from '../ir/graph.ts';
import type { Scope } from './unnamed.ts';

/**
 * A layer that owns a weight has the path of the weight; anything else stands in a scope together with others, and adds its
 * operator.
 */
export function baseName(node: Node): string {
  const { scope, name: own } = node.origin;
  if (own !== undefined && own !== '') return own;
  // An imported node without a name has that of what it makes, as ours have.
  const made = node.results[0]?.name;
  if (made !== undefined && made !== '') return made;
  if (scope === '') return node.op.name;
  for (const use of node.slots) {
    const name = use?.value.isConstant ? use.value.name : undefined;
    if (name?.startsWith(scope) && name.lastIndexOf('.') === scope.length) return scope;
  }
  return `${scope}.${node.op.name}`;
}

/** Names of one kind; the second `relu` is `relu_1`. */
export class UniqueNames {
  readonly #taken = new Set<string>();
  readonly #next = new Map<string, number>();

  reserve(name: string): void {
    this.#taken.add(name);
  }

  /** Takes the name if it is free. */
  claim(name: string): boolean {
    if (this.#taken.has(name)) return false;
    this.#taken.add(name);
    return true;
  }

  unique(wish: string): string {
    let name = wish;
    if (this.#taken.has(wish)) {
      let n = this.#next.get(wish) ?? 1;
      while (this.#taken.has(name)) name = `${wish}_${n++}`;
      this.#next.set(wish, n);
    }
    this.#taken.add(name);
    return name;
  }
}

/** Which graph has which names: a name may stand again only where neither graph is around the other. */
export class ScopedNames {
  readonly #taken = new Set<string>();

  claim(name: string, scope: Scope): boolean {
    if (this.#taken.has(`inside ${scope.id} ${name}`)) return false;
    for (const one of scope.around()) if (this.#taken.has(`${one.id} ${name}`)) return false;
    this.#taken.add(`${scope.id} ${name}`);
    for (const one of scope.around()) if (one !== scope) this.#taken.add(`inside ${one.id} ${name}`);
    return true;
  }
}
