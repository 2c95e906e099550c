/**
 * Inlines the functions of an ONNX model: each call becomes a copy of the function's nodes, under names that are free. Source:
 * onnx/onnx, docs/IR.md (functions), onnx.proto (FunctionProto).
 *
 * A function may import another opset than the model. Then the model is brought to the newest of those that are called, and older
 * nodes to that one, each where it is copied, because only there its attributes are known.
 */

import { functionCall, functionCycle, functionOpset, importedOpset, importLimit } from '../diagnostics/catalogue/import.ts';
import { fail } from '../diagnostics/diagnostic.ts';
import { maxOpset, oldestOpset } from '../ir/opset.ts';
import { madeNode, renamedAttribute } from './make.ts';
import {
  allNodes,
  graphsOf,
  type OnnxAttribute,
  type OnnxFile,
  type OnnxFunction,
  type OnnxGraph,
  type OnnxNode,
} from './model.ts';
import { depthLimit } from './read.ts';
import { Upgrader } from './upgrade.ts';
import { changedBetween } from './versions.ts';

/**
 * Nodes that a file may have with its functions inlined: so many, and so many for each node that it holds. Exporters write a
 * function for each module, which is called once for each layer; calls within calls, each of them twice, are a million nodes out
 * of twenty.
 */
const nodeLimit = 100_000;
const nodesPerNode = 30;
/** Names in operands, results and sub-graphs of all copies. */
const nameLimit = 20_000_000;
/** Characters of the names that are made. */
const characterLimit = 100_000_000;

const keyOf = (domain: string, name: string, overload: string): string => `${domain}|${name}|${overload}`;
const titleOf = (f: OnnxFunction): string =>
  `${f.domain === '' ? '' : `${f.domain}::`}${f.name}${f.overload === '' ? '' : `:${f.overload}`}`;

/** Names of values where a node stands: those of its graph, then those around it. */
class Scope {
  readonly #names = new Map<string, string>();
  readonly #outer: Scope | undefined;
  constructor(outer: Scope | undefined) {
    this.#outer = outer;
  }
  set(name: string, to: string): void {
    this.#names.set(name, to);
  }
  has(name: string): boolean {
    return this.#names.has(name);
  }
  get(name: string): string | undefined {
    return this.#names.get(name) ?? this.#outer?.get(name);
  }
}

/** Where nodes are copied from and to. */
interface Place {
  /** Undefined in the model's own graph, whose names stay. */
  readonly scope: Scope | undefined;
  /** Values of the attributes that the function's nodes refer to; undefined in the model's own graph. */
  readonly attributes: ReadonlyMap<string, OnnxAttribute> | undefined;
  /** Before names of nodes and values: `encoder/`. */
  readonly prefix: string;
  /** Opset of the default domain that the nodes were written for. */
  readonly opset: number;
  /** How many sub-graphs and calls are around. */
  readonly graphDepth: number;
  readonly callDepth: number;
}

class Inliner {
  readonly #file: OnnxFile;
  readonly #functions = new Map<string, OnnxFunction>();
  readonly #used = new Set<string>();
  readonly #upgrader: Upgrader;
  readonly #opset: number;
  readonly #suffixes = new Map<string, number>();
  #names = 0;
  #characters = 0;

  constructor(file: OnnxFile, functions: ReadonlyMap<string, OnnxFunction>, opset: number) {
    this.#file = file;
    this.#functions = new Map(functions);
    this.#opset = opset;
    this.#upgrader = new Upgrader(file, opset, (base) => this.#fresh(base));
    const open: OnnxGraph[] = [file.graph];
    for (let graph = open.pop(); graph; graph = open.pop()) {
      for (const value of [...graph.inputs, ...graph.outputs, ...graph.valueInfo, ...graph.initializers])
        this.#used.add(value.name);
      for (const node of graph.nodes) {
        for (const name of [...node.inputs, ...node.outputs]) this.#used.add(name);
        open.push(...graphsOf(node));
      }
    }
  }

  #limit(found: string, expected: string): never {
    return fail(importLimit, { with: { file: this.#file.file, found, expected } });
  }

  #spend(names: number): void {
    this.#names += names;
    if (this.#names > nameLimit) this.#limit(`more than ${nameLimit} names with the functions inlined`, 'fewer');
  }

  #fresh(base: string): string {
    this.#characters += base.length;
    if (this.#characters > characterLimit) this.#limit('names too long with the functions inlined', 'shorter names');
    let name = base;
    // From where the last search for this base ended, because many calls may have one name.
    let i = this.#suffixes.get(base) ?? 1;
    for (; this.#used.has(name); i++) name = `${base}_${i}`;
    if (name !== base) this.#suffixes.set(base, i);
    this.#used.add(name);
    return name;
  }

  graph(graph: OnnxGraph, place: Place): OnnxGraph {
    if (place.graphDepth > depthLimit) this.#limit(`sub-graphs more than ${depthLimit} deep with the functions inlined`, 'fewer');
    const { scope: outer } = place;
    if (!outer) return { ...graph, nodes: this.nodes(graph.nodes, place) };
    const scope = new Scope(outer);
    const inner = { ...place, scope };
    this.#spend(graph.inputs.length + graph.initializers.length + graph.valueInfo.length);
    const local = (name: string): string => {
      if (name === '') return '';
      const known = scope.has(name) ? scope.get(name) : undefined;
      if (known !== undefined) return known;
      const made = this.#fresh(place.prefix + name);
      scope.set(name, made);
      return made;
    };
    const inputs = graph.inputs.map((value) => ({ ...value, name: local(value.name) }));
    const initializers = graph.initializers.map((tensor) => ({ ...tensor, name: local(tensor.name) }));
    for (const node of graph.nodes) for (const name of node.outputs) local(name);
    const nodes = this.nodes(graph.nodes, inner);
    const outputs = graph.outputs.map((value) => ({ ...value, name: this.#read(value.name, inner) }));
    const valueInfo = graph.valueInfo.map((value) => ({ ...value, name: this.#read(value.name, inner) }));
    return { ...graph, nodes, initializers, inputs, outputs, valueInfo };
  }

  /**
   * A name that a node reads. One that nothing makes gets a free one, so that it does not take a value of the caller by chance.
   */
  #read(name: string, place: Place): string {
    const { scope } = place;
    if (!scope || name === '') return name;
    const known = scope.get(name);
    if (known !== undefined) return known;
    const made = this.#fresh(place.prefix + name);
    scope.set(name, made);
    return made;
  }

  /** The node's attributes with references resolved and sub-graphs inlined. */
  #attributes(node: OnnxNode, place: Place): readonly OnnxAttribute[] {
    const out: OnnxAttribute[] = [];
    for (const attribute of node.attributes) {
      switch (attribute.kind) {
        case 'graph':
          out.push({ ...attribute, value: this.graph(attribute.value, { ...place, graphDepth: place.graphDepth + 1 }) });
          break;
        case 'graphs':
          out.push({
            ...attribute,
            value: attribute.value.map((graph) => this.graph(graph, { ...place, graphDepth: place.graphDepth + 1 })),
          });
          break;
        case 'reference': {
          // Outside of functions there is nothing to refer to, and one that the caller leaves out is left out.
          const found = place.attributes?.get(attribute.to);
          if (!place.attributes) out.push(attribute);
          else if (found) {
            this.#spend(graphSize(found));
            out.push(renamedAttribute(found, attribute.name));
          }
          break;
        }
        default:
          out.push(attribute);
          break;
      }
    }
    return out;
  }

  nodes(nodes: readonly OnnxNode[], place: Place): readonly OnnxNode[] {
    const out: OnnxNode[] = [];
    for (const node of nodes) {
      this.#spend(1 + node.inputs.length + node.outputs.length + node.attributes.length);
      const made: OnnxNode = {
        ...node,
        name: place.scope ? place.prefix + (node.name || node.opType) : node.name,
        inputs: node.inputs.map((name) => this.#read(name, place)),
        outputs: node.outputs.map((name) => this.#read(name, place)),
        attributes: this.#attributes(node, place),
      };
      const called = this.#functions.get(keyOf(node.domain, node.opType, node.overload));
      if (called) for (const inner of this.#call(made, called, place)) out.push(inner);
      else for (const inner of this.#upgrader.node(made, place.opset)) out.push(inner);
    }
    return out;
  }

  #call(node: OnnxNode, called: OnnxFunction, place: Place): readonly OnnxNode[] {
    const wrong = (found: string, expected: string): never =>
      fail(functionCall, {
        with: { name: titleOf(called), file: this.#file.file, node: JSON.stringify(node.name), found, expected },
      });
    if (node.inputs.length > called.inputs.length) wrong(`${node.inputs.length} operands`, `at most ${called.inputs.length}`);
    if (node.outputs.length > called.outputs.length) wrong(`${node.outputs.length} results`, `at most ${called.outputs.length}`);
    if (place.callDepth >= depthLimit) this.#limit(`calls of functions more than ${depthLimit} deep`, 'fewer');
    const scope = new Scope(undefined);
    const prefix = `${node.name || node.opType}/`;
    for (const [i, formal] of called.inputs.entries()) {
      if (formal !== '' && scope.has(formal)) wrong(`operand ${formal} twice in the function`, 'each name once');
      scope.set(formal, node.inputs[i] ?? '');
    }
    // What is handed through, or made once and handed out twice, needs a name of its own for each result.
    const copies: { readonly formal: string; readonly to: string }[] = [];
    for (const [i, formal] of called.outputs.entries()) {
      const actual = node.outputs[i] ?? '';
      if (scope.has(formal)) {
        if (actual !== '') copies.push({ formal, to: actual });
      } else scope.set(formal, actual === '' ? this.#fresh(prefix + formal) : actual);
    }
    const attributes = new Map<string, OnnxAttribute>();
    for (const attribute of called.defaults) attributes.set(attribute.name, attribute);
    for (const attribute of node.attributes) attributes.set(attribute.name, attribute);
    const inner: Place = {
      scope,
      attributes,
      prefix,
      opset: called.opsets.get('') ?? this.#opset,
      graphDepth: place.graphDepth,
      callDepth: place.callDepth + 1,
    };
    const nodes = [...this.nodes(called.nodes, inner)];
    for (const { formal, to } of copies) {
      const from = scope.get(formal) ?? '';
      if (from === '') wrong(`result ${formal} is an operand that is left out`, 'an operand for it');
      nodes.push(madeNode('Identity', `${prefix}Identity`, [from], [to]));
    }
    return nodes;
  }
}

/** Nodes and names in an attribute's graphs, which a reference copies. */
function graphSize(attribute: OnnxAttribute): number {
  const graphs = attribute.kind === 'graph' ? [attribute.value] : attribute.kind === 'graphs' ? attribute.value : [];
  let size = 1;
  for (const graph of graphs) for (const node of allNodes(graph.nodes)) size += 1 + node.inputs.length + node.outputs.length;
  return size;
}

/** Refuses functions that reach themselves. */
function checkCycles(file: OnnxFile, functions: ReadonlyMap<string, OnnxFunction>): void {
  const done = new Set<OnnxFunction>();
  const open = new Set<OnnxFunction>();
  const calls = (f: OnnxFunction): OnnxFunction[] => {
    const out = new Set<OnnxFunction>();
    for (const node of allNodes(f.nodes)) {
      const called = functions.get(keyOf(node.domain, node.opType, node.overload));
      if (called) out.add(called);
    }
    return [...out];
  };
  for (const root of functions.values()) {
    if (done.has(root)) continue;
    const stack = [{ at: root, left: calls(root) }];
    open.add(root);
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      const next = top.left.pop();
      if (!next) {
        open.delete(top.at);
        done.add(top.at);
        stack.pop();
      } else if (open.has(next)) {
        const from = stack.findIndex((frame) => frame.at === next);
        const path = [...stack.slice(from).map((frame) => titleOf(frame.at)), titleOf(next)];
        const shown = path.length > 8 ? [...path.slice(0, 4), '…', ...path.slice(-3)] : path;
        fail(functionCycle, { with: { name: titleOf(next), file: file.file, path: shown.join(' → ') } });
      } else if (!done.has(next)) {
        open.add(next);
        stack.push({ at: next, left: calls(next) });
      }
    }
  }
}

/** Nodes of the file with its functions inlined, counted without making them: each function once. The calls go in no circle. */
function inlinedNodes(file: OnnxFile, functions: ReadonlyMap<string, OnnxFunction>): number {
  const known = new Map<OnnxFunction, number>();
  const count = (nodes: readonly OnnxNode[], depth: number): number => {
    let sum = 0;
    for (const node of allNodes(nodes)) {
      sum++;
      const called = functions.get(keyOf(node.domain, node.opType, node.overload));
      if (!called) continue;
      let inside = known.get(called);
      if (inside === undefined) {
        // Deeper calls are refused when they are inlined.
        inside = depth >= depthLimit ? 0 : count(called.nodes, depth + 1);
        if (depth < depthLimit) known.set(called, inside);
      }
      sum += inside;
    }
    return sum;
  };
  return count(file.graph.nodes, 0);
}

/** The functions that the model reaches, in no order that matters. */
function reached(file: OnnxFile, functions: ReadonlyMap<string, OnnxFunction>): readonly OnnxFunction[] {
  const found = new Set<OnnxFunction>();
  const open: (readonly OnnxNode[])[] = [file.graph.nodes];
  for (let nodes = open.pop(); nodes; nodes = open.pop()) {
    for (const node of allNodes(nodes)) {
      const called = functions.get(keyOf(node.domain, node.opType, node.overload));
      if (!called || found.has(called)) continue;
      found.add(called);
      open.push(called.nodes);
    }
  }
  return [...found];
}

/**
 * The model without functions. Values of the model keep their names; those of a function are named after the call, `encoder/x`.
 * Throws RES0652 past a limit, RES0653 for a cycle, RES0654 for a call that does not fit, RES0655 for another version of a domain
 * that is not ONNX's own, RES0657 where an older node of ONNX's own has no newer form.
 */
export function inlineFunctions(file: OnnxFile): OnnxFile {
  if (file.functions.length === 0) return file;
  const functions = new Map<string, OnnxFunction>();
  for (const f of file.functions) {
    const key = keyOf(f.domain, f.name, f.overload);
    if (functions.has(key))
      fail(functionCall, {
        with: { name: titleOf(f), file: file.file, node: '(any)', found: 'two functions of this name', expected: 'one' },
      });
    functions.set(key, f);
  }
  checkCycles(file, functions);
  let own = 0;
  for (const nodes of [file.graph.nodes, ...file.functions.map((f) => f.nodes)]) for (const _ of allNodes(nodes)) own++;
  const limit = nodeLimit + nodesPerNode * own;
  const count = inlinedNodes(file, functions);
  if (count > limit)
    fail(importLimit, {
      with: {
        file: file.file,
        found: `${count.toLocaleString('en-US')} nodes with the functions inlined, out of ${own}`,
        expected: `at most ${limit.toLocaleString('en-US')}`,
      },
    });
  const used = reached(file, functions);
  const opsets = new Map(file.opsets);
  const outer = file.opsets.get('') ?? oldestOpset;
  let opset = outer;
  for (const f of used) {
    const types = new Map<string, Set<string>>();
    for (const node of allNodes(f.nodes)) {
      if (functions.has(keyOf(node.domain, node.opType, node.overload))) continue;
      const list = types.get(node.domain) ?? new Set();
      types.set(node.domain, list.add(node.opType));
    }
    for (const [domain, opTypes] of types) {
      const inner = f.opsets.get(domain);
      if (inner === undefined) continue;
      const known = opsets.get(domain);
      if (domain === '') {
        if (inner < oldestOpset || inner > maxOpset)
          fail(importedOpset, {
            with: { file: file.file, found: `opset ${inner} in function ${titleOf(f)}`, min: oldestOpset, max: maxOpset },
          });
        // A node that is the same at the model's opset needs no other.
        if ([...opTypes].some((opType) => changedBetween(opType, inner, outer))) opset = Math.max(opset, inner);
      } else if (known === undefined) opsets.set(domain, inner);
      else if (known !== inner) fail(functionOpset, { with: { name: titleOf(f), domain, file: file.file, inner, outer: known } });
    }
  }
  const inliner = new Inliner(file, functions, opset);
  const graph = inliner.graph(file.graph, {
    scope: undefined,
    attributes: undefined,
    prefix: '',
    opset: outer,
    graphDepth: 0,
    callDepth: 0,
  });
  const notes = [...file.notes];
  if (opset > outer) notes.push(`opset ${outer} is raised to ${opset}, which a function of the model needs`);
  opsets.set('', opset);
  return { ...file, graph, functions: [], opsets, notes };
}
