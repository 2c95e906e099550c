/** Changes of a model that no graph is needed for. Each gives a new model and leaves the old one as it is. */
import { bug } from '../diagnostics/diagnostic.ts';
import { madeNode, renamedTensor } from './make.ts';
import {
  allNodes,
  graphsOf,
  type OnnxAttribute,
  type OnnxGraph,
  type OnnxModel,
  type OnnxNode,
  type OnnxValue,
} from './model.ts';

/**
 * The model with one of the values of its outermost graph under another name, wherever it is made, read or typed, in sub-graphs
 * too. A bug where there is none of the old name, or already one of the new. Names within `rest` (quantization_annotation) stay.
 */
export function renameValue(model: OnnxModel, from: string, to: string): OnnxModel {
  if (from === '' || !definedIn(model.graph).has(from)) bug(`no value ${JSON.stringify(from)}`);
  if (to === '' || allNames(model.graph).has(to)) bug(`a value ${JSON.stringify(to)} before`);
  return { ...model, graph: renamed(model.graph, from, to) };
}

/**
 * The model without a node of its outermost graph: what reads its results reads its first operand. Where a result is an output of
 * the model, an Identity is left in the place of the node. A bug where the node is not of the model or has no operand.
 */
export function dropNode(model: OnnxModel, node: OnnxNode): OnnxModel {
  const { graph } = model;
  const [operand = ''] = node.inputs;
  if (!graph.nodes.includes(node)) bug(`node ${JSON.stringify(node.name)} is not of this model`);
  if (operand === '') bug(`node ${JSON.stringify(node.name)} has no operand to take its place`);
  const outputs = new Set(graph.outputs.map((one) => one.name));
  const results = node.outputs.filter((name) => name !== '');
  const kept = results.filter((name) => outputs.has(name)).map((name) => madeNode('Identity', node.name, [operand], [name]));
  let made: OnnxGraph = { ...graph, nodes: graph.nodes.flatMap((one) => (one === node ? kept : [one])) };
  for (const name of results) {
    if (outputs.has(name)) continue;
    made = renamed({ ...made, valueInfo: made.valueInfo.filter((one) => one.name !== name) }, name, operand);
  }
  return { ...model, graph: made };
}

function definedIn(graph: OnnxGraph): ReadonlySet<string> {
  const names = new Set<string>();
  for (const { name } of [...graph.inputs, ...graph.initializers]) names.add(name);
  for (const { outputs } of graph.nodes) for (const name of outputs) names.add(name);
  return names;
}

function allNames(graph: OnnxGraph): ReadonlySet<string> {
  const names = new Set(definedIn(graph));
  for (const { name } of graph.outputs) names.add(name);
  for (const node of allNodes(graph.nodes)) {
    for (const name of [...node.inputs, ...node.outputs]) names.add(name);
    for (const inner of graphsOf(node))
      for (const name of [...definedIn(inner), ...inner.outputs.map((one) => one.name)]) names.add(name);
  }
  return names;
}

function renamed(graph: OnnxGraph, from: string, to: string): OnnxGraph {
  const name = (one: string): string => (one === from ? to : one);
  const values = (list: readonly OnnxValue[]): readonly OnnxValue[] => list.map((one) => ({ ...one, name: name(one.name) }));
  return {
    ...graph,
    nodes: graph.nodes.map((node) => {
      // A node that has nothing to do with it stays the same object.
      const attributes = node.attributes.map((attribute) => renamedWithin(attribute, from, to));
      const isOther = !node.inputs.includes(from) && !node.outputs.includes(from);
      if (isOther && attributes.every((one, i) => one === node.attributes[i])) return node;
      return { ...node, inputs: node.inputs.map(name), outputs: node.outputs.map(name), attributes };
    }),
    initializers: graph.initializers.map((tensor) => renamedTensor(tensor, name(tensor.name))),
    inputs: values(graph.inputs),
    outputs: values(graph.outputs),
    valueInfo: values(graph.valueInfo),
  };
}

function renamedWithin(attribute: OnnxAttribute, from: string, to: string): OnnxAttribute {
  // A sub-graph that makes the name itself means its own value.
  const inner = (graph: OnnxGraph): OnnxGraph =>
    definedIn(graph).has(from) || !allNames(graph).has(from) ? graph : renamed(graph, from, to);
  if (attribute.kind === 'graph') {
    const value = inner(attribute.value);
    return value === attribute.value ? attribute : { ...attribute, value };
  }
  if (attribute.kind !== 'graphs') return attribute;
  const value = attribute.value.map(inner);
  return value.every((one, i) => one === attribute.value[i]) ? attribute : { ...attribute, value };
}
