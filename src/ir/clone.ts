/** Copies of graphs, to compare before with after. */
import { bug } from '../diagnostics/diagnostic.ts';
import { Graph, type Node, type Value } from './graph.ts';
import { walkGraph } from './walk.ts';

/**
 * A copy with nodes and values of its own, sub-graphs included. Contents, operators, types, attributes, origins and residual
 * regions are shared: none of them changes. Node and value numbers are given anew, in the order of the list.
 */
export function cloneGraph(graph: Graph): Graph {
  const values = new Map<Value, Value>();
  const graphs = new Map<Graph, Graph>();
  const root = new Graph(graph.name, graph.outer);
  root.claimAllOf(graph);
  if (graph.session) root.session = graph.session;
  for (const opType of graph.ahead) root.ahead.add(opType);

  const copyOf = (value: Value): Value => {
    const known = values.get(value);
    if (known) return known;
    // What a sub-graph that is copied alone reads of the graph around it stays as it is.
    const { content, role, name } = value;
    if (!content) return !graphs.has(value.graph) ? value : bug('a value is read before it is made');
    const copy = (graphs.get(value.graph) ?? root).constant(content, role, name);
    copy.type = value.type;
    values.set(value, copy);
    return copy;
  };

  const makeNode = (node: Node, to: Graph, regions: readonly Graph[]): void => {
    const operands = node.slots.map((use) => use && copyOf(use.value));
    const types = node.results.map((value) => value.type);
    const copy = to.createTyped(node.op, operands, node.attrs, types, node.origin, undefined, regions);
    copy.results.forEach((value, i) => {
      const original = node.results[i];
      if (!original) return;
      value.name = original.name;
      values.set(original, value);
    });
  };

  /** The node whose sub-graphs are being copied, per open graph, innermost last. */
  const open: { readonly to: Graph; owner: Node | undefined; regions: Graph[] }[] = [];
  const top = () => open[open.length - 1];
  for (const step of walkGraph(graph)) {
    switch (step.kind) {
      case 'graph': {
        const to = step.graph === graph ? root : new Graph(step.graph.name, top()?.to);
        top()?.regions.push(to);
        graphs.set(step.graph, to);
        Object.assign(to.metadata, step.graph.metadata);
        for (const [name, range] of step.graph.inputRanges) to.inputRanges.set(name, range);
        for (const [name, range] of step.graph.outputRanges) to.outputRanges.set(name, range);
        to.rest = step.graph.rest;
        for (const input of step.graph.inputs) {
          const copy = to.input(input.name ?? '', input.type);
          values.set(input, copy);
          const content = step.graph.defaults.get(input);
          if (content) to.defaults.set(copy, content);
        }
        open.push({ to, owner: undefined, regions: [] });
        break;
      }
      case 'node': {
        const frame = top();
        if (!frame) break;
        if (step.node.regions.length === 0) makeNode(step.node, frame.to, []);
        else frame.owner = step.node;
        break;
      }
      default: {
        const done = open.pop();
        for (const { name, value } of step.graph.outputs) done?.to.output(name, copyOf(value));
        const frame = top();
        if (!frame?.owner || frame.regions.length < frame.owner.regions.length) break;
        makeNode(frame.owner, frame.to, frame.regions);
        frame.owner = undefined;
        frame.regions = [];
      }
    }
  }
  return root;
}
