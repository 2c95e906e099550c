/** The nodes of a sub-graph in a graph around it. */
import { Graph, type Node, type Value } from './graph.ts';

/**
 * Copies the nodes of `from`, sub-graphs included, into `to`, before a node or at its end. `values` says what stands for the
 * inputs of `from`, and holds afterwards what stands for the results of its nodes; what it does not say is read as it is. Calls
 * itself for sub-graphs, whose depth every reader bounds.
 */
export function copyNodes(from: Graph, to: Graph, before: Node | undefined, values: Map<Value, Value>): void {
  const copyOf = (value: Value): Value => values.get(value) ?? value;
  for (const node of from.nodes()) {
    const regions = node.regions.map((region): Graph => {
      const copy = new Graph(region.name, to);
      Object.assign(copy.metadata, region.metadata);
      copy.rest = region.rest;
      for (const input of region.inputs) values.set(input, copy.input(input.name ?? '', input.type));
      copyNodes(region, copy, undefined, values);
      for (const { name, value } of region.outputs) copy.output(name, copyOf(value));
      return copy;
    });
    const operands = node.slots.map((use) => use && copyOf(use.value));
    const types = node.results.map((y) => y.type);
    const copy = to.createTyped(node.op, operands, node.attrs, types, node.origin, before, regions);
    node.results.forEach((y, i) => {
      const made = copy.results[i];
      if (!made) return;
      made.name = y.name;
      values.set(y, made);
    });
  }
}

/** A sub-graph in the place of the node that owns it, run once on `inputs`: its outputs. The node stays. */
export function inlineRegion(region: Graph, owner: Node, inputs: readonly Value[]): readonly Value[] {
  const values = new Map<Value, Value>();
  region.inputs.forEach((input, i) => {
    const given = inputs[i];
    if (given) values.set(input, given);
  });
  copyNodes(region, owner.graph, owner, values);
  return region.outputs.map(({ value }) => values.get(value) ?? value);
}
