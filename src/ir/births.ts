/**
 * Sizes that a node gives birth to, because the numbers of its operands say them: `?nonzero`. Whoever writes such a size, in an
 * attribute, needs a value that has it, though no operand says so: the node stays as long as somebody does.
 */
import { Dim } from './dim.ts';
import type { Graph, Node } from './graph.ts';
import { isOfRun } from './promise.ts';
import { graphsIn } from './walk.ts';

function addOfRun(dims: readonly (Dim | number)[], out: Set<string>): void {
  for (const dim of dims) {
    if (!(dim instanceof Dim) || dim.constant !== undefined) continue;
    for (const name of dim.symbols()) if (isOfRun(name)) out.add(name);
  }
}

const none: ReadonlySet<string> = new Set();

/** The symbols that its results have and none of its operands. */
export function bornBy(node: Node): ReadonlySet<string> {
  const made = new Set<string>();
  for (const y of node.results) addOfRun(y.type.dims, made);
  if (made.size === 0) return none;
  const before = new Set<string>();
  for (const use of node.slots) if (use) addOfRun(use.value.type.dims, before);
  for (const name of before) made.delete(name);
  for (const name of attributeSizes(node)) made.delete(name);
  return made;
}

/** The symbols of the run that its attributes have. */
export function attributeSizes(node: Node): ReadonlySet<string> {
  let out: Set<string> | undefined;
  for (const [name, spec] of Object.entries(node.op.attrs)) {
    const value = spec.kind === 'dims' ? node.attrs[name] : undefined;
    if (typeof value !== 'object' || value.length === 0) continue;
    out ??= new Set();
    addOfRun(value, out);
  }
  return out ?? none;
}

/** The symbols that nodes of a graph and of its sub-graphs tell; in a sub-graph anew whenever it runs. */
export function bornIn(graph: Graph): ReadonlySet<string> {
  const names = new Set<string>();
  for (const one of graphsIn(graph)) for (const node of one.nodes()) for (const name of bornBy(node)) names.add(name);
  return names;
}
