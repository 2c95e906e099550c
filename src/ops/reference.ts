/**
 * Runs a whole graph with the operators' own semantics, in float64. It is what compiled models are compared with, because
 * onnxruntime has no float64 kernels for most operators.
 */
import { outside } from '../diagnostics/at.ts';
import { bug } from '../diagnostics/diagnostic.ts';
import { Dim, DimOverflow } from '../ir/dim.ts';
import type { Graph, Node, Value } from '../ir/graph.ts';
import { type Attrs, type AttrValue, CheckFailure, type RunRegion } from '../ir/operator.ts';
import { isOfRun } from '../ir/promise.ts';
import { solvedSize } from '../ir/solve.ts';
import { type HostTensor, typeText } from '../ir/types.ts';
import { graphsIn } from '../ir/walk.ts';
import { refusalOf } from './evaluate.ts';
import { evaluateExactly } from './wide.ts';

/** A value of more elements is not computed: 2 GiB in float64. */
export const mostElements = 2 ** 28;

export interface EvaluateOptions {
  /** Also gives every node's results, under `scope:operator#k`, k counting the nodes of the graph in order from 0. */
  readonly taps?: boolean;
  /** Evaluates a node in the place of `evaluateNode`. */
  readonly evaluate?: typeof evaluateNode;
  /** Called behind each node of the outermost graph. */
  readonly onNode?: ((done: number, total: number) => void) | undefined;
}

/** The graph cannot be run on these inputs: they do not fit the types, or an operator met numbers that it is not defined for. */
export class EvaluationError extends Error {
  override readonly name = 'EvaluationError';
}

/**
 * The outputs by name. Inputs are given by name, constants by the caller, who knows where they lie. Tensors are let go after
 * their last reader. Throws `EvaluationError` for inputs that do not fit.
 */
export function evaluateGraph(
  graph: Graph,
  inputs: ReadonlyMap<string, HostTensor>,
  constants: (value: Value) => HostTensor,
  options: EvaluateOptions = {},
): Map<string, HostTensor> {
  const bindings = bindInputs(graph, inputs);
  const given = graph.inputs.map((input) => inputs.get(input.name ?? '') ?? bug('an input without a tensor'));
  const run = new Run(constants, options);
  const results = run.graph(graph, given, undefined, bindings);
  return new Map([...run.taps, ...results.map((tensor, i) => [graph.outputs[i]?.name ?? '', tensor] as const)]);
}

/** The tensors of a graph that runs; a sub-graph sees those of the graphs around it. */
interface Held {
  readonly own: Map<Value, HostTensor>;
  readonly outer: Held | undefined;
}

class Run {
  /** Of the outermost graph's nodes. */
  readonly taps = new Map<string, HostTensor>();
  readonly #constants: (value: Value) => HostTensor;
  readonly #options: EvaluateOptions;
  readonly #lastReaders = new Map<Graph, ReadonlyMap<Value, Node>>();

  constructor(constants: (value: Value) => HostTensor, options: EvaluateOptions) {
    this.#constants = constants;
    this.#options = options;
  }

  /**
   * The outputs of a graph on its inputs. Calls itself for sub-graphs, which nest less deeply than JavaScript's stack. `known`
   * are the sizes around it: those that its own nodes tell are told anew in every turn of a loop.
   */
  graph(
    graph: Graph,
    inputs: readonly HostTensor[],
    outer: Held | undefined,
    known: ReadonlyMap<string, number>,
  ): readonly HostTensor[] {
    const held: Held = { own: new Map(), outer };
    const bindings = new Map(known);
    graph.inputs.forEach((input, i) => {
      held.own.set(input, inputs[i] ?? bug('an input without a tensor'));
    });
    const read = (value: Value): HostTensor => {
      if (value.isConstant) return this.#constants(value);
      for (let at: Held | undefined = held; at; at = at.outer) {
        const tensor = at.own.get(value);
        if (tensor) return tensor;
      }
      return bug('a value is read before it is made');
    };
    const lastReader = this.#lastReadersOf(graph);
    let index = 0;
    for (const node of graph.nodes()) {
      const operands = node.slots.map((use) => use && read(use.value));
      checkSizes(node, bindings);
      const results = this.#node(node, operands, held, bindings);
      node.results.forEach((y, i) => {
        const tensor = results[i] ?? bug(`${node.op.name} left out result ${i}`);
        bindResult(y, tensor, bindings);
        checkResult(node, y, tensor, bindings);
        if (!y.isDead) held.own.set(y, tensor);
        if (this.#options.taps && !outer)
          this.taps.set(`${node.origin.scope}:${node.op.name}#${index}${i === 0 ? '' : `.${i}`}`, tensor);
      });
      for (const use of node.slots)
        if (use && lastReader.get(use.value) === node && use.value.outputs === 0) held.own.delete(use.value);
      index++;
      if (!outer) this.#options.onNode?.(index, graph.nodeCount);
    }
    return graph.outputs.map(({ value }) => read(value));
  }

  #node(
    node: Node,
    operands: readonly (HostTensor | undefined)[],
    held: Held,
    bindings: ReadonlyMap<string, number>,
  ): readonly HostTensor[] {
    const evaluate = this.#options.evaluate ?? evaluateNode;
    if (node.regions.length === 0) return evaluate(node, operands, bindings);
    return evaluate(node, operands, bindings, (i, inputs) =>
      this.graph(node.regions[i] ?? bug(`${node.op.name} has no sub-graph ${i}`), inputs, held, bindings),
    );
  }

  #lastReadersOf(graph: Graph): ReadonlyMap<Value, Node> {
    const known = this.#lastReaders.get(graph) ?? lastReaders(graph);
    this.#lastReaders.set(graph, known);
    return known;
  }
}

/** One node on tensors, with the symbols of its attributes bound; `run` runs its sub-graphs. */
export function evaluateNode(
  node: Node,
  operands: readonly (HostTensor | undefined)[],
  bindings: ReadonlyMap<string, number>,
  run?: RunRegion,
): readonly HostTensor[] {
  try {
    if (node.regions.length > 0) {
      if (!run || !node.op.evaluateRegions) throw new EvaluationError(`${placeText(node)}: its sub-graphs are not evaluated`);
      return node.op.evaluateRegions(operands, node, run, bindings);
    }
    checkNeeded(node, bindings);
    return evaluateExactly(node.op, operands, boundAttrs(node.attrs, bindings));
  } catch (error) {
    if (error instanceof EvaluationError) throw error;
    if (error instanceof CheckFailure)
      throw new EvaluationError(`${placeText(node)}: found ${error.found}, expected ${error.expected}`);
    throw new EvaluationError(`${placeText(node)}: ${refusalOf(error)}`);
  }
}

/** Throws `EvaluationError` where a size is 0 over which the operator means nothing. */
function checkNeeded(node: Node, bindings: ReadonlyMap<string, number>): void {
  for (const dim of node.op.needs?.(node) ?? []) {
    const size = sizeOf(dim, bindings);
    if (size !== undefined && size < 1)
      throw new EvaluationError(`${placeText(node)}: found a size ${dim} of ${size}, expected at least 1`);
  }
}

/** How many elements a value has for these sizes; undefined where only the run knows. */
export function elementsOf(value: Value, bindings: ReadonlyMap<string, number>): number | undefined {
  let count = 1;
  for (const dim of value.type.dims) {
    const size = sizeOf(dim, bindings);
    if (size === undefined) return undefined;
    count *= size;
  }
  return Number.isNaN(count) ? 0 : count;
}

function sizeOf(dim: Dim, bindings: ReadonlyMap<string, number>): number | undefined {
  try {
    return dim.evaluate(bindings);
  } catch (error) {
    if (error instanceof DimOverflow) return Infinity;
    throw error;
  }
}

function checkSizes(node: Node, bindings: ReadonlyMap<string, number>): void {
  for (const y of node.results) {
    const count = elementsOf(y, bindings) ?? 0;
    if (count <= mostElements) continue;
    throw new EvaluationError(`${placeText(node)}: ${countText(count)} elements, expected at most ${countText(mostElements)}`);
  }
}

/** `1,000,000,000`, or `more than 2^53` */
export function countText(count: number): string {
  return count > Number.MAX_SAFE_INTEGER ? 'more than 2^53' : count.toLocaleString('en-US');
}

/** The attributes with numbers in the place of dimensions. */
export function boundAttrs(attrs: Attrs, bindings: ReadonlyMap<string, number>): Attrs {
  const out: Record<string, AttrValue> = {};
  for (const [name, value] of Object.entries(attrs)) {
    out[name] =
      typeof value === 'object' ? (value.map((item: number | Dim) => boundItem(item, bindings)) as readonly Dim[]) : value;
  }
  return out;
}

function boundItem(item: number | Dim, bindings: ReadonlyMap<string, number>): number | Dim {
  if (typeof item === 'number' || item.constant !== undefined) return item;
  const value = item.evaluate(bindings);
  if (value === undefined) throw new EvaluationError(`the size ${item} is not known from the inputs`);
  return Dim.of(value);
}

/** `relu at layer1.0`, for people. */
export function placeText(node: Node): string {
  return node.origin.scope === '' ? node.op.name : `${node.op.name} at ${node.origin.scope}`;
}

function lastReaders(graph: Graph): ReadonlyMap<Value, Node> {
  const out = new Map<Value, Node>();
  for (const node of graph.nodes()) {
    for (const use of node.slots) if (use) out.set(use.value, node);
    // What its sub-graphs read is needed until it is done.
    for (const inner of node.regions.flatMap((region) => graphsIn(region)))
      for (const one of inner.nodes()) for (const use of one.slots) if (use) out.set(use.value, node);
  }
  return out;
}

/** Symbols that only the run knows are what the first value that has them alone says. */
function bindResult(y: Value, tensor: HostTensor, bindings: Map<string, number>): void {
  y.type.dims.forEach((dim, axis) => {
    if (dim.constant !== undefined || !dim.symbols().some((name) => isOfRun(name) && !bindings.has(name))) return;
    const solved = solvedSize(dim, tensor.dims[axis] ?? -1);
    if (solved && solved.value >= 0 && !bindings.has(solved.name)) bindings.set(solved.name, solved.value);
  });
}

function checkResult(node: Node, y: Value, tensor: HostTensor, bindings: ReadonlyMap<string, number>): void {
  const fits =
    tensor.dims.length === y.type.dims.length && y.type.dims.every((d, i) => fitsDim(d, tensor.dims[i] ?? -1, bindings));
  if (fits && tensor.elem === y.type.elem) return;
  throw new EvaluationError(
    `${placeText(node)}: made ${tensor.elem}[${tensor.dims.join(', ')}], its type is ${typeText(y.type)}`,
  );
}

/** A size that only the run knows, and that no value has told, fits; one that was told keeps its bounds. */
function fitsDim(d: Dim, size: number, bindings: ReadonlyMap<string, number>): boolean {
  const value = d.constant ?? d.evaluate(bindings);
  if (value === undefined) return d.symbols().some((name) => !bindings.has(name));
  const { name = '', promise } = d.plain ?? {};
  if (!promise || !isOfRun(name)) return value === size;
  const most = promise.within instanceof Dim ? (promise.within.evaluate(bindings) ?? promise.most) : promise.most;
  return value === size && value >= promise.least && value <= most;
}

/**
 * The value of every symbol, from the inputs' shapes: of sizes that are a multiple of one symbol plus a number first, the others
 * are then checked. Throws `EvaluationError` for a missing input, and where shapes contradict the types or each other.
 */
export function bindInputs(graph: Graph, inputs: ReadonlyMap<string, HostTensor>): ReadonlyMap<string, number> {
  const bindings = new Map<string, number>();
  const pairs: { readonly dim: Dim; readonly size: number; readonly place: string }[] = [];
  for (const input of graph.inputs) {
    const name = input.name ?? '';
    const tensor = inputs.get(name);
    if (!tensor) throw new EvaluationError(`input ${name} is missing`);
    const given = `${tensor.elem}[${tensor.dims.join(', ')}]`;
    if (tensor.elem !== input.type.elem || tensor.dims.length !== input.type.dims.length)
      throw new EvaluationError(`input ${name} is ${given}, its type is ${typeText(input.type)}`);
    input.type.dims.forEach((dim, axis) => {
      pairs.push({ dim, size: tensor.dims[axis] ?? outside(), place: `axis ${axis} of input ${name}, which is ${given}` });
    });
  }
  for (const { dim, size } of pairs) {
    const solved = solvedSize(dim, size);
    if (solved && !bindings.has(solved.name)) bindings.set(solved.name, solved.value);
  }
  for (const { dim, size, place } of pairs) {
    const value = dim.constant ?? dim.evaluate(bindings);
    if (value !== size)
      throw new EvaluationError(
        `${place}: expected ${dim}${value === undefined || dim.constant !== undefined ? '' : ` = ${value}`}`,
      );
  }
  return bindings;
}
