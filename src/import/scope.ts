/**
 * Names of one graph of a file: what it declares, what its nodes make, and the keys by which its values are known whenever they
 * are imported.
 */
import { importedTwice } from '../diagnostics/catalogue/import.ts';
import { fail } from '../diagnostics/diagnostic.ts';
import type { Graph, Origin, Value } from '../ir/graph.ts';
import type { OnnxGraph, OnnxNode, OnnxTensor, OnnxType } from '../onnx/model.ts';
import { namesRead } from '../onnx/order.ts';

/** What is known where a graph of the file is imported. */
export interface Scope {
  readonly graph: Graph;
  readonly file: OnnxGraph;
  readonly outer: Scope | undefined;
  /** Distinguishes equal names of different sub-graphs, the same whenever they are imported. */
  readonly path: string;
  /** Names that the outputs of this graph are made of. */
  readonly live: ReadonlySet<string>;
  readonly values: Map<string, Value>;
  readonly initializers: ReadonlyMap<string, OnnxTensor>;
  readonly declared: ReadonlyMap<string, OnnxType>;
  /** What nodes of this graph make. */
  readonly made: ReadonlySet<string>;
}

/** Refuses a name that is made twice; `file` is what messages call the file. */
export function madeTwice(file: string, name: string, found: string): never {
  return fail(importedTwice, { with: { file, name: JSON.stringify(name), found } });
}

/** `isRead` is whether anything wants the outputs of this graph. */
export function openScope(
  fileName: string,
  graph: Graph,
  file: OnnxGraph,
  outer: Scope | undefined,
  path: string,
  isRead = true,
): Scope {
  const initializers = new Map<string, OnnxTensor>();
  const declared = new Map<string, OnnxType>();
  const made = new Set<string>();
  if (file.rest && graph !== outer?.graph) graph.rest = file.rest;
  for (const { name, type } of [...file.valueInfo, ...file.outputs]) if (type && name !== '') declared.set(name, type);
  for (const tensor of file.initializers) {
    if (initializers.has(tensor.name)) madeTwice(fileName, tensor.name, 'two initializers');
    initializers.set(tensor.name, tensor);
  }
  for (const node of file.nodes) {
    for (const name of node.outputs) {
      if (name === '') continue;
      if (made.has(name)) madeTwice(fileName, name, `two nodes make it, one of them ${nodeText(node)}`);
      if (initializers.has(name)) madeTwice(fileName, name, `${nodeText(node)} makes it, and it is an initializer`);
      made.add(name);
    }
  }
  const live = isRead ? liveNames(file) : new Set<string>();
  return { graph, file, outer, path, live, values: new Map(), initializers, declared, made };
}

/** The names that a graph's outputs are made of, through its nodes and what their bodies read of it. */
function liveNames(graph: OnnxGraph): ReadonlySet<string> {
  const live = new Set(graph.outputs.map((one) => one.name));
  const makers = new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const open = [...live];
  const seen = new Set<OnnxNode>();
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const node = name === '' ? undefined : makers.get(name);
    if (!node || seen.has(node)) continue;
    seen.add(node);
    for (const read of namesRead(node)) {
      if (live.has(read)) continue;
      live.add(read);
      open.push(read);
    }
  }
  return live;
}

export const isLive = ({ live }: Scope, { outputs }: OnnxNode): boolean => outputs.some((name) => live.has(name));

/**
 * Names that anything reads, in whatever graph: more than needed where a sub-graph uses a name of its own, which does no harm.
 */
export function namesUsed(file: OnnxGraph): ReadonlySet<string> {
  const used = new Set<string>();
  const graphs = [file];
  for (let graph = graphs.pop(); graph; graph = graphs.pop()) {
    for (const { name } of graph.outputs) used.add(name);
    for (const node of graph.nodes) {
      for (const name of node.inputs) used.add(name);
      for (const attribute of node.attributes) {
        if (attribute.kind === 'graph') graphs.push(attribute.value);
        else if (attribute.kind === 'graphs') for (const inner of attribute.value) graphs.push(inner);
      }
    }
  }
  return used;
}

/**
 * Keys of what readers may say. A path begins with a quotation mark, and a text in quotation marks ends where it ends, so that
 * none is two.
 */
export const dimKey = (name: string): string => `dim ${name}`;
export const rankKey = (scope: Scope, name: string): string => `${scope.path}|${name}`;
export const sizeKey = (scope: Scope, name: string, axis: number): string => `${axis}${rankKey(scope, name)}`;

/** By what a node makes, because nodes may be named alike. One that makes nothing is nothing that a value lies in. */
export const innerPath = (scope: Scope, { outputs }: OnnxNode, part: string): string =>
  `${scope.path}${JSON.stringify(outputs.find((name) => name !== '') ?? '')}${part}`;

export function nodeText(node: OnnxNode): string {
  const name = node.name === '' ? '' : ` ${JSON.stringify(node.name)}`;
  return `${node.opType}${name}`;
}

export function originOf(node: OnnxNode): Origin & { scope: string; name?: string } {
  return node.name === '' ? { scope: node.opType.toLowerCase(), isNameless: true } : { scope: node.name, name: node.name };
}
