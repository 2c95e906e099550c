/**
 * Sizes that a node gives birth to, because the numbers of its operands say them: `?nonzero`. Whoever writes such a size, in an
 * attribute, needs a value that has it, though no operand says so: the node stays as long as somebody does.
 */
import { Dim } from './dim.ts';
import type { Graph, Node } from './graph.ts';
import { isOfRun } from './promise.ts';
import { graphsIn } from './walk.ts';

type Names = Set<string> | undefined;

/** With the symbols of the run that these sizes have. Hardly a model has one, and passes ask of every node. */
function withOfRun(names: Names, dims: readonly (Dim | number)[]): Names {
  let all = names;
  for (const dim of dims) {
    if (!(dim instanceof Dim) || dim.constant !== undefined) continue;
    for (const name of dim.symbols()) {
      if (!isOfRun(name)) continue;
      all ??= new Set();
      all.add(name);
    }
  }
  return all;
}

const none: ReadonlySet<string> = new Set();

/** The symbols that its results have and none of its operands. */
export function bornBy(node: Node): ReadonlySet<string> {
  let made: Names;
  for (const y of node.results) made = withOfRun(made, y.type.dims);
  if (!made) return none;
  let before: Names;
  for (const use of node.slots) if (use) before = withOfRun(before, use.value.type.dims);
  for (const name of before ?? none) made.delete(name);
  for (const name of attributeSizes(node)) made.delete(name);
  return made;
}

/** The symbols of the run that its attributes have. */
export function attributeSizes(node: Node): ReadonlySet<string> {
  const specs = node.op.attrs;
  let out: Names;
  for (const name in specs) {
    const value = specs[name]?.kind === 'dims' ? node.attrs[name] : undefined;
    if (typeof value === 'object') out = withOfRun(out, value);
  }
  return out ?? none;
}

/** The symbols that nodes of a graph and of its sub-graphs tell; in a sub-graph anew whenever it runs. */
export function bornIn(graph: Graph): ReadonlySet<string> {
  const names = new Set<string>();
  for (const one of graphsIn(graph)) for (const node of one.nodes()) for (const name of bornBy(node)) names.add(name);
  return names;
}
