/** On what an original is run: sizes and numbers that are tried until it takes them, and inputs moved by their last digits. */
import { DiagnosticError } from '../diagnostics/diagnostic.ts';
import { type FloatElem, floatFacts } from '../ir/elem.ts';
import type { Graph } from '../ir/graph.ts';
import { roundTo } from '../ir/round.ts';
import { elementCount, type HostTensor, isFloat } from '../ir/types.ts';
import { coveringSizes } from './covering.ts';
import type { Inputs } from './equivalence-report.ts';
import { type Bindings, bindingsText, sizeAt, symbolsOf } from './inputs.ts';
import { isProvable } from './proof-limits.ts';

/** Elements of all inputs together, when sizes are tried. */
const mostTriedElements = 2 ** 22;

/** With the defaults of the inputs that have one, which is what onnxruntime takes for them. */
export function completed(graph: Graph, inputs: Inputs): Inputs {
  const out = new Map(inputs);
  for (const [input, { elem, dims, resident, wide }] of graph.defaults) {
    if (input.name !== undefined && resident) out.set(input.name, { elem, dims, data: resident, wide });
  }
  return out;
}

/** The smallest sizes and the next odd ones; 1 for everything where no size suits every operator. */
export function startingSizes(graph: Graph): readonly [Bindings, Bindings | undefined] {
  try {
    const { smallest, nextOdd } = coveringSizes(graph);
    return [smallest, bindingsText(smallest) === bindingsText(nextOdd) ? undefined : nextOdd];
  } catch (error) {
    if (!(error instanceof DiagnosticError)) throw error;
    return [new Map([...symbolsOf(graph)].map(([name, promise]) => [name, sizeAt(promise, 1)])), undefined];
  }
}

/** Sizes of pictures, sequences and features that models are made for. */
const usualSizes = [1, 2, 3, 4, 5, 8, 16, 28, 32, 64, 96, 128, 192, 224, 256, 299, 320, 384, 512, 640];

interface Trial {
  readonly bindings: Bindings;
  readonly integers: 'usual' | 0 | 1;
  /** Added to the seed. */
  readonly other?: number;
}

/** Other numbers of the same kind that are tried first: a divisor that happened to become 0 will not again. */
const otherSeeds = 4;

/**
 * What to try where the smallest sizes do not do, as operators that nobody here knows ask for more: other integers, then larger
 * sizes, of every symbol and of all but those of the first axes. Fewer than 100 in all.
 */
export function* attempts(graph: Graph, first: Bindings): Generator<Trial> {
  const symbols = symbolsOf(graph);
  const integers = graph.inputs.some(({ type }) => !isFloat(type.elem) && !type.foreign);
  const batch = new Set(graph.inputs.flatMap(({ type }) => (type.foreign ? [] : (type.dims[0]?.symbols() ?? []))));
  const sizes: Bindings[] = [first];
  for (const size of first.size === 0 ? [] : usualSizes) {
    const all = new Map(
      [...symbols].map(([name, { multiple, least, most }]) => [
        name,
        Math.min(most, Math.max(least, multiple * Math.ceil(size / multiple))),
      ]),
    );
    if (batch.size > 0 && batch.size < all.size)
      sizes.push(new Map([...all].map(([name, n]) => [name, batch.has(name) ? (first.get(name) ?? 1) : n])));
    sizes.push(all);
  }
  for (let other = 1; other <= otherSeeds; other++) yield { bindings: first, integers: 'usual', other };
  for (const bindings of sizes) {
    if (!tryable(graph, bindings)) continue;
    for (const kind of integers ? (['usual', 1, 0] as const) : (['usual'] as const)) {
      if (bindings === first && kind === 'usual') continue;
      yield { bindings, integers: kind };
    }
  }
}

function tryable(graph: Graph, bindings: Bindings): boolean {
  let elements = 0;
  for (const { type } of graph.inputs) {
    if (type.foreign) continue;
    const dims = type.dims.map((dim) => dim.evaluate(bindings) ?? -1);
    if (dims.some((dim) => dim < 0)) return false;
    elements += elementCount(dims);
  }
  return elements <= mostTriedElements && isProvable(graph, bindings);
}

/** How often the original runs on nudged inputs. */
export const nudges = 6;
/** Two units in the last place of a number just below a power of two. */
const nudge = (elem: FloatElem): number => 4 * floatFacts(elem).roundoff;

/** Every float of the inputs a little larger or smaller, by the bits of a linear congruential generator (Numerical Recipes). */
export function nudged(inputs: Inputs, seed: number): Inputs {
  let state = Math.imul(seed + 1, 0x9e3779b1) >>> 0;
  const out = new Map<string, HostTensor>();
  for (const [name, tensor] of inputs) {
    const { elem, dims } = tensor;
    if (!isFloat(elem)) {
      out.set(name, tensor);
      continue;
    }
    const step = nudge(elem);
    const data = tensor.data.map((v) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return v * (1 + (state >= 0x80000000 ? step : -step));
    });
    roundTo(elem, data);
    out.set(name, { elem, dims, data });
  }
  return out;
}
