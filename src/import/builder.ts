/** What lifts of one node build with: nodes of the graph, what is known of sizes, and what the node says of its operands. */
import { bug } from '../diagnostics/diagnostic.ts';
import type { Dim } from '../ir/dim.ts';
import { type Graph, hostOf, type Node, type Origin, type Value } from '../ir/graph.ts';
import type { AttrValue, Operator } from '../ir/operator.ts';
import { isOfRun } from '../ir/promise.ts';
import type { HostTensor } from '../ir/types.ts';
import { rankLimit } from '../onnx/infer/partial-type.ts';
import type { WeightExpr } from '../tensor/expr.ts';
import type { ConstantNumbers } from './ahead.ts';
import type { Constants } from './constants.ts';
import type { Reader } from './constraints.ts';
import { type Dimensions, solvedSymbol } from './dimensions.ts';
import { checkOpset, type LiftBuilder, NotLifted } from './lift.ts';
import type { NodeView } from './node-view.ts';
import { isLive, nodeText, originOf, type Scope } from './scope.ts';
import type { KnownElements } from './sizes.ts';
import type { Trail } from './trail.ts';
import type { ValueTypes } from './value-types.ts';

/** What an import knows, whatever node is lifted. */
export interface ImportState {
  /** Of ONNX's own domain. */
  readonly opset: number;
  readonly trail: Trail;
  readonly elements: KnownElements;
  readonly dimensions: Dimensions;
  readonly types: ValueTypes;
  readonly constants: Constants;
  readonly numbers: ConstantNumbers;
  /** Results that are read in the file: where nothing reads them at the end, their node has become useless. */
  readonly expected: Set<Value>;
}

export class NodeBuilder implements LiftBuilder {
  readonly graph: Graph;
  readonly opset: number;
  readonly #state: ImportState;
  readonly #view: NodeView;
  readonly #reader: Reader;
  #made: Node[] = [];
  readonly #origin: Origin;

  constructor(state: ImportState, scope: Scope, view: NodeView) {
    this.#state = state;
    this.#view = view;
    this.#reader = { body: scope.graph, live: isLive(scope, view.file), name: nodeText(view.file) };
    this.graph = scope.graph;
    this.opset = state.opset;
    this.#origin = { ...originOf(view.file), ...(view.opType === 'Sum' && view.values.length > 2 && { isTerm: true }) };
  }

  op(operator: Operator, operands: readonly (Value | undefined)[], attrs: Readonly<Record<string, AttrValue>> = {}): Value {
    return this.ops(operator, operands, attrs)[0] ?? bug(`${operator.name} has no result`);
  }

  ops(
    operator: Operator,
    operands: readonly (Value | undefined)[],
    attrs: Readonly<Record<string, AttrValue>> = {},
  ): readonly Value[] {
    let count = operands.length;
    while (count > 0 && operands[count - 1] === undefined) count--;
    const node = this.graph.create(operator, operands.slice(0, count), attrs, this.#origin);
    this.#state.trail.made(node);
    this.#made.push(node);
    if (node.results.some((y) => y.type.dims.length > rankLimit)) throw new NotLifted(`a tensor of more than ${rankLimit} axes`);
    checkOpset(node, this.opset);
    this.#state.elements.track(node);
    return node.results;
  }

  derived(from: Value, content: WeightExpr): Value {
    return this.#state.constants.derived(from, content);
  }

  sizes(value: Value | undefined): readonly Dim[] | undefined {
    const found = this.#state.elements.of(value);
    if (!found || found.dims.length > 1) return undefined;
    const all: Dim[] = [];
    for (const d of found.data) {
      if (!d) return undefined;
      all.push(d);
    }
    return all;
  }

  bounds(index: number): readonly Dim[] | undefined {
    const value = this.#view.values[index];
    return value && (this.#state.constants.saturated(value) ?? this.sizes(value));
  }

  needSizes(value: Value | undefined, what: string): readonly Dim[] {
    const found = this.sizes(value);
    if (!found) throw new NotLifted(`${what}: numbers that are only known when it runs`);
    return found;
  }

  needHost(value: Value | undefined, what: string): HostTensor {
    const found = value && !value.type.foreign ? (hostOf(value) ?? this.#state.numbers.of(value)) : undefined;
    if (!found) throw new NotLifted(`${what}: numbers that are only known when it runs`);
    if (found.wide) throw new NotLifted(`${what}: an integer beyond 2^53`);
    return found;
  }

  checkWritable(sizes: readonly Dim[], near: Value | undefined): void {
    for (const d of sizes) {
      if (d.constant !== undefined) continue;
      for (const symbol of d.symbols()) {
        // A node that says such a size stays as long as an attribute has it.
        if (isOfRun(symbol) || this.#state.dimensions.isReadable(symbol)) continue;
        if (near?.type.dims.some((own) => solvedSymbol(own) === symbol)) continue;
        throw new NotLifted(`the size ${d}, which only the run knows`);
      }
    }
  }

  constrainSize(value: Value, axis: number, dim: Dim): void {
    if (value.type.foreign || dim.constant === undefined) return;
    this.#state.types.constrainSize(value, axis, dim.constant, this.#reader);
  }

  constrainRank(index: number, rank: number, exact = true): void {
    const value = this.#view.values[index];
    if (!value?.type.foreign) return;
    const elem = this.#view.values.find((one) => one && !one.type.foreign)?.type.elem;
    if (exact || !value.isInput) this.#state.types.constrainRank(value, rank, elem, this.#reader);
    throw new NotLifted(`operand ${index} is ${value.type.foreign.text}`);
  }

  /** Erases what was made, latest first. */
  undo(): void {
    for (const node of this.#made.reverse()) this.graph.erase(node);
    this.#made = [];
  }

  /** What follows from sizes alone is a constant; the node that makes the first result has the name. */
  finish(results: readonly (Value | undefined)[]): readonly (Value | undefined)[] {
    const { elements, constants, expected } = this.#state;
    const last = this.#made.at(-1);
    if (last && results.length > 0 && results.every((value, i) => value === last.results[i])) {
      const numbers = elements.numbers(last);
      if (numbers && numbers.length === results.length) {
        const names = this.#view.file.outputs;
        const known = numbers.map((tensor, i) => constants.computed(this.graph, tensor, names[i] ?? ''));
        this.undo();
        return known;
      }
    }
    for (const [i, value] of results.entries()) if (value?.producer && this.#view.outputUsed(i)) expected.add(value);
    return results;
  }
}
