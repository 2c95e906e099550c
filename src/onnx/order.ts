/**
 * The nodes of a graph in an order in which they can run. ONNX demands that of a file (docs/IR.md), but onnxruntime and others
 * sort, so that files exist that are not. Nodes that stand right stay where they are.
 */
import type { OnnxGraph, OnnxNode } from './model.ts';

/** A sub-graph, and the names that its nodes mean otherwise than the graph around the node does. */
interface Inner {
  readonly graph: OnnxGraph;
  readonly outer: ReadonlySet<string>;
}

/** What a graph makes of names itself, which hides those of the graphs around it. */
function namesMade(graph: OnnxGraph, outer: ReadonlySet<string>): ReadonlySet<string> {
  const made = new Set(outer);
  for (const { name } of graph.inputs) made.add(name);
  for (const { name } of graph.initializers) made.add(name);
  for (const node of graph.nodes) for (const name of node.outputs) made.add(name);
  return made;
}

/** What a node reads, with what its sub-graphs read of the graphs around them. */
export function namesRead(node: OnnxNode): readonly string[] {
  const inners: Inner[] = [];
  const add = (one: OnnxNode, outer: ReadonlySet<string>): void => {
    for (const attribute of one.attributes) {
      if (attribute.kind === 'graph') inners.push({ graph: attribute.value, outer });
      else if (attribute.kind === 'graphs') for (const graph of attribute.value) inners.push({ graph, outer });
    }
  };
  add(node, new Set());
  if (inners.length === 0) return node.inputs;
  const out = [...node.inputs];
  for (let inner = inners.pop(); inner; inner = inners.pop()) {
    const made = namesMade(inner.graph, inner.outer);
    const read = (name: string): void => {
      if (!made.has(name)) out.push(name);
    };
    for (const { name } of inner.graph.outputs) read(name);
    for (const one of inner.graph.nodes) {
      one.inputs.forEach(read);
      add(one, made);
    }
  }
  return out;
}

/** `sorted` holds the nodes in order; a node of a circle, where there is one. */
export function inOrder(nodes: readonly OnnxNode[]): { readonly nodes: readonly OnnxNode[]; readonly circle?: OnnxNode } {
  const maker = new Map<string, number>();
  nodes.forEach((node, i) => {
    for (const name of node.outputs) if (name !== '') maker.set(name, i);
  });
  const read = nodes.map(namesRead);
  const isRight = nodes.every((_, i) => read[i]?.every((name) => (maker.get(name) ?? -1) < i));
  if (isRight) return { nodes };
  const out: OnnxNode[] = [];
  /** 0: not seen, 1: what it reads is being put out, 2: put out. */
  const state = new Uint8Array(nodes.length);
  for (let first = 0; first < nodes.length; first++) {
    const stack = [{ at: first, next: 0 }];
    if (state[first] !== 0) continue;
    state[first] = 1;
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      const { at } = top;
      const name = read[at]?.[top.next++];
      if (name === undefined) {
        const node = nodes[at];
        if (node) out.push(node);
        state[at] = 2;
        stack.pop();
        continue;
      }
      const before = maker.get(name);
      if (before === undefined || state[before] === 2) continue;
      if (state[before] === 1) return { nodes, ...(nodes[before] && { circle: nodes[before] }) };
      state[before] = 1;
      stack.push({ at: before, next: 0 });
    }
  }
  return { nodes: out };
}
