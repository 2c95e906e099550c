/**
 * What the element types of a graph can do: the reference evaluation again with every result rounded to its type. Where that is
 * off the float64 reference, no compiler and no runtime is at fault.
 *
 * The first run rounds to nearest. The others are Monte Carlo arithmetic (Parker 1997; CESTAC, Vignes 1993): a result that is
 * inexact goes up or down by the toss of a coin. An operator that sums or normalises rounds inside of itself, too, and loses
 * there by cancellation what its result does not show; its operands are moved by their last digits instead, which changes a sum
 * of K products by about u·√(Σ(w·x)²). Operators whose results are exact move nothing, so that counts and indices held in floats
 * stay what they are.
 */
import { type FloatElem, floatFacts } from '../ir/elem.ts';
import type { Graph, Node, Value } from '../ir/graph.ts';
import { roundTo } from '../ir/round.ts';
import { type ElemType, type HostTensor, isFloat } from '../ir/types.ts';
import { EvaluationError, evaluateGraph, evaluateNode } from '../ops/reference.ts';

type Outputs = ReadonlyMap<string, HostTensor>;

/** One evaluation with rounding. */
export interface RoundedRun {
  readonly outputs: Outputs;
  /** The values asked for, as they were in this run. */
  readonly watched: ReadonlyMap<Value, HostTensor>;
}

export interface RoundingOptions {
  readonly seed: number;
  /** Values whose tensors are kept. */
  readonly watch?: ReadonlySet<Value> | undefined;
  /** Runs beside the one that rounds to nearest; 3 when left out. */
  readonly tosses?: number | undefined;
  /** Rounds to float64 in the place of every narrower float: what the evaluation itself can do. */
  readonly as?: 'f64' | undefined;
}

/**
 * Unit roundoffs; of f64 twice that, because the evaluation is in float64 itself and a move by half a unit would be rounded away.
 */
const roundoff = (elem: FloatElem): number => floatFacts(elem).roundoff * (elem === 'f64' ? 2 : 1);

/**
 * The graph evaluated once with every result rounded to nearest and a few times up or down. A run in which rounding carries a
 * number out of what an operator is defined on is left out.
 */
export function roundedRuns(
  graph: Graph,
  inputs: Outputs,
  constants: (value: Value) => HostTensor,
  options: RoundingOptions,
): readonly RoundedRun[] {
  const runs: RoundedRun[] = [];
  const typed = (elem: ElemType): ElemType => (options.as && isFloat(elem) ? options.as : elem);
  const rounded = (tensor: HostTensor): HostTensor => nearest(tensor, typed(tensor.elem));
  const exact = new Set<Node>();
  const inexact = new Set<Node>();
  for (let toss = 0; toss <= (options.tosses ?? 3); toss++) {
    const coin = toss === 0 ? undefined : coins(options.seed * 31 + toss);
    const watched = new Map<Value, HostTensor>();
    const rounding: typeof evaluateNode = (node, operands, bindings, run) => {
      const inside = coin && node.op.traits.elementwise !== true && !exact.has(node);
      const given = inside ? operands.map((x) => x && moved(x, typed(x.elem), coin)) : operands;
      const plain = evaluateNode(node, given, bindings, run);
      // The nodes of a loop run several times.
      if (!coin && !inexact.has(node)) {
        if (plain.every(isRepresentable)) exact.add(node);
        else {
          exact.delete(node);
          inexact.add(node);
        }
      }
      const results = plain.map((y) => {
        const elem = typed(y.elem);
        if (!isFloat(elem)) return y;
        return nearest(coin && !exact.has(node) ? moved(y, elem, coin) : y, elem);
      });
      node.results.forEach((y, i) => {
        const tensor = results[i];
        if (tensor && options.watch?.has(y)) watched.set(y, tensor);
      });
      return results;
    };
    try {
      const outputs = evaluateGraph(graph, inputs, (value) => rounded(constants(value)), { evaluate: rounding });
      runs.push({ outputs, watched });
    } catch (error) {
      if (!(error instanceof EvaluationError)) throw error;
    }
  }
  return runs;
}

/** The elements rounded to a float type; the tensor itself where they are of no float type, or are as they were. */
function nearest(tensor: HostTensor, elem: ElemType): HostTensor {
  if (!isFloat(elem) || elem === 'f64') return tensor;
  const data = Float64Array.from(tensor.data);
  roundTo(elem, data);
  return { ...tensor, data };
}

function isRepresentable(tensor: HostTensor): boolean {
  const { data } = nearest(tensor, tensor.elem);
  return data.every((v, i) => Object.is(v, tensor.data[i]));
}

/** Every element that is no integer, which may be a count, up or down by the unit roundoff. */
function moved(tensor: HostTensor, elem: ElemType, coin: () => boolean): HostTensor {
  if (!isFloat(elem)) return tensor;
  const u = roundoff(elem);
  return { ...tensor, data: tensor.data.map((v) => (Number.isInteger(v) ? v : v * (coin() ? 1 + u : 1 - u))) };
}

/** Tosses of a coin: the highest bit of a linear congruential generator (Numerical Recipes). */
function coins(seed: number): () => boolean {
  let state = Math.imul(seed + 1, 0x9e3779b1) >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >= 0x80000000;
  };
}
