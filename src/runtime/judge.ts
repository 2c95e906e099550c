/**
 * Whether an output is wrong, or no more off than its element type makes it. What a network amplifies is estimated by
 * `roundedRuns`, once per set of inputs and only where something exceeds the ordinary bounds: eight times the largest error n of
 * those runs is allowed to everybody. Beyond n = 1/20 the type holds too little of the output to say anything about it; the
 * graphs are then compared in float64 alone.
 */
import { at } from '../diagnostics/at.ts';
import type { Graph, Node, Value } from '../ir/graph.ts';
import { keepsNumbers, type Operator } from '../ir/operator.ts';
import { roundTo } from '../ir/round.ts';
import { type HostTensor, isFloat } from '../ir/types.ts';
import { EvaluationError, evaluateGraph, evaluateNode } from '../ops/reference.ts';
import { compareOutputs, type OutputError } from './compare.ts';
import { roundedRuns } from './noise.ts';

type Outputs = ReadonlyMap<string, HostTensor>;
type Constants = (value: Value) => HostTensor;

/** Noise of this share of the largest element leaves nothing to compare. */
export const unstable = 0.05;

/** How far both graphs part in float64, and how far rounding of float64 alone may drive them apart. */
export interface Float64Difference {
  readonly relative: number;
  readonly tolerance: number;
}

/** One set of inputs with its reference. */
export class Judge {
  readonly #graph: Graph;
  readonly #inputs: Outputs;
  readonly #constants: Constants;
  readonly #seed: number;
  readonly #reference: Outputs;
  readonly #deciding: ReadonlyMap<string, Node>;
  #noise: { readonly outputs: ReadonlyMap<string, number>; readonly values: ReadonlyMap<Value, number> } | undefined;
  #decided: ReadonlyMap<Value, HostTensor> | undefined;

  constructor(graph: Graph, inputs: Outputs, constants: Constants, reference: Outputs, seed: number) {
    this.#graph = graph;
    this.#inputs = inputs;
    this.#constants = constants;
    this.#seed = seed;
    this.#reference = reference;
    const deciding = new Map<string, Node>();
    for (const [name, r] of reference) {
      const node = isFloat(r.elem) ? undefined : decidedBy(graph, name);
      if (node) deciding.set(name, node);
    }
    this.#deciding = deciding;
  }

  /**
   * How much the element types alone change an output: of floats the largest error that rounding makes, of others the share of
   * elements. Infinite where rounding makes an infinity or NaN of a number.
   */
  noiseOf(name: string): number {
    return this.#rounded().outputs.get(name) ?? 0;
  }

  /** Compares with the reference within `allowed`, or within eight times the noise where that is more. */
  compare(name: string, y: HostTensor, allowed: number): OutputError {
    const r = this.#reference.get(name);
    if (!r) throw new Error(`no reference of ${name}`);
    const found = compareOutputs(name, y, r, allowed);
    if (found.ok || y.elem !== r.elem || y.dims.join() !== r.dims.join()) return found;
    const node = this.#deciding.get(name);
    if (node) return this.#excused(found, node, y, allowed);
    const noise = this.noiseOf(name);
    if (noise > unstable) return { ...found, ok: true, comparable: false };
    if (isFloat(r.elem)) return 8 * noise > allowed ? compareOutputs(name, y, r, 8 * noise) : found;
    // Elements that rounding alone turns over, such as those of a quantisation.
    if (found.relative > 8 * noise) return found;
    return { ...found, excused: found.absolute, absolute: 0, relative: 0, ok: true };
  }

  /**
   * An output of another graph that should be the same in real arithmetic, in float64. Constants that a pass folded are rounded
   * to their type, as those of the source graph would be at run time; what that changes is allowed, too.
   */
  inFloat64(name: string, after: Outputs): Float64Difference {
    const r = this.#reference.get(name);
    const y = after.get(name);
    if (!r || !y) return { relative: Infinity, tolerance: 0 };
    const { relative } = compareOutputs(name, y, r, 0);
    if (relative === 0) return { relative, tolerance: 0 };
    let noise = 0;
    for (const run of roundedRuns(this.#graph, this.#inputs, this.#constants, { seed: this.#seed, as: 'f64' })) {
      const moved = run.outputs.get(name);
      if (moved) noise = Math.max(noise, compareOutputs(name, moved, r, 0).relative);
    }
    try {
      const folded = evaluateGraph(this.#graph, this.#inputs, this.#constants, { evaluate: roundingConstants() });
      const moved = folded.get(name);
      if (moved) noise = Math.max(noise, compareOutputs(name, moved, r, 0).relative);
    } catch (error) {
      if (!(error instanceof EvaluationError)) throw error;
    }
    return { relative, tolerance: Math.max(2 ** -40, 8 * noise) };
  }

  #rounded(): { readonly outputs: ReadonlyMap<string, number>; readonly values: ReadonlyMap<Value, number> } {
    if (this.#noise) return this.#noise;
    const exact = this.#operands();
    const outputs = new Map<string, number>();
    const values = new Map<Value, number>();
    const options = { seed: this.#seed, watch: new Set(exact.keys()) };
    for (const run of roundedRuns(this.#graph, this.#inputs, this.#constants, options)) {
      for (const [name, r] of this.#reference) {
        const y = run.outputs.get(name);
        if (y) outputs.set(name, Math.max(outputs.get(name) ?? 0, compareOutputs(name, y, r, 0).relative));
      }
      for (const [value, y] of run.watched) {
        const r = exact.get(value);
        if (r) values.set(value, Math.max(values.get(value) ?? 0, compareOutputs('', y, r, 0).absolute));
      }
    }
    this.#noise = { outputs, values };
    return this.#noise;
  }

  /** What decides, in the reference. */
  #operands(): ReadonlyMap<Value, HostTensor> {
    if (this.#decided) return this.#decided;
    const wanted = new Set<Value>();
    for (const node of this.#deciding.values()) for (const value of node.operands) if (value) wanted.add(value);
    const out = new Map<Value, HostTensor>();
    if (wanted.size > 0) {
      const keep: typeof evaluateNode = (node, operands, bindings, run) => {
        const results = evaluateNode(node, operands, bindings, run);
        node.results.forEach((y, i) => {
          const tensor = results[i];
          if (tensor && wanted.has(y)) out.set(y, tensor);
        });
        return results;
      };
      evaluateGraph(this.#graph, this.#inputs, this.#constants, { evaluate: keep });
      for (const value of wanted) {
        const tensor = value.isConstant ? this.#constants(value) : this.#inputs.get(value.name ?? '');
        if (tensor && !out.has(value)) out.set(value, tensor);
      }
    }
    this.#decided = out;
    return out;
  }

  /**
   * An argmax or comparison may come out differently where its operands lie closer together than their noise: what is allowed of
   * their largest, or eight times what rounding moves them. Such elements are not counted.
   */
  #excused(found: OutputError, node: Node, y: HostTensor, allowed: number): OutputError {
    const exact = this.#operands();
    const values = this.#rounded().values;
    const operands = node.operands.flatMap((value) => (value && exact.get(value)) ?? []);
    const expected = this.#reference.get(found.name);
    if (!node.op.margin || operands.length < node.operands.length || !expected) return found;
    const largest = (t: HostTensor): number => t.data.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
    const moved = node.operands.reduce((m, value) => Math.max(m, (value && values.get(value)) ?? 0), 0);
    const near = Math.max(allowed * Math.max(...operands.map(largest)), 8 * moved);
    let excused = 0;
    let unequal = 0;
    for (let i = 0; i < y.data.length; i++) {
      if (y.data[i] === expected.data[i]) continue;
      const margin = node.op.margin(operands, node.attrs, i, at(y.data, i), at(expected.data, i));
      if (margin <= 2 * near) excused++;
      else unequal++;
    }
    return { ...found, absolute: unequal, relative: unequal / y.data.length, excused, ok: unequal === 0 };
  }
}

/** What a pass folds: results of constants alone, rounded to their type. */
function roundingConstants(): typeof evaluateNode {
  const folded = new Set<Value>();
  return (node, operands, bindings, run) => {
    const results = evaluateNode(node, operands, bindings, run);
    if (!node.operands.every((value) => !value || value.isConstant || folded.has(value))) return results;
    for (const y of node.results) folded.add(y);
    return results.map((y) => {
      const data = Float64Array.from(y.data);
      roundTo(y.elem, data);
      return { ...y, data };
    });
  };
}

/** The argmax or comparison that an output is made of, with nothing but reshaping behind it. */
function decidedBy(graph: Graph, name: string): Node | undefined {
  let value = graph.outputs.find((output) => output.name === name)?.value;
  while (value?.producer && keepsOrderedNumbers(value.producer.op)) value = value.producer.operand(0);
  const node = value?.producer;
  return node?.op.margin ? node : undefined;
}

/** Hands numbers on in the same order, perhaps in another element type. */
const keepsOrderedNumbers = (op: Operator): boolean =>
  keepsNumbers(op) && (op.traits.keepsOrder === true || op.traits.elementwise === true);
