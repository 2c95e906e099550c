/** Numbers for symbols that nobody gave a size, so that what costs can be compared and drawn. */
import { checkNames, checkSizes, type Sizes } from '../ir/evaluate.ts';
import type { Graph } from '../ir/graph.ts';
import { keptNear, noPromise } from '../ir/promise.ts';
import { symbolsOf } from './summary.ts';

/** The sides of a picture, and any other size that is not the batch. */
const [usualSide, usualLength] = [224, 128];

/**
 * The sizes given, and for every other symbol a usual one that keeps what is promised of it: 1 for the first axis of the first
 * input, 224 for the axes behind the second of an input of rank 4, 128 elsewhere. Throws RES0841 for sizes that the graph does
 * not have.
 */
export function chosenSizes(graph: Graph, given: Sizes = {}): Sizes {
  const symbols = symbolsOf(graph);
  checkNames([...symbols.keys()], given);
  checkSizes(symbols, given);
  const usual = new Map<string, number>();
  graph.inputs.forEach(({ type: { dims } }, nth) => {
    dims.forEach((dim, axis) => {
      const size = axis === 0 && nth === 0 ? 1 : dims.length === 4 && axis > 1 ? usualSide : usualLength;
      for (const name of dim.symbols()) if (!usual.has(name)) usual.set(name, size);
    });
  });
  return Object.fromEntries(
    [...symbols].map(([name, promise = noPromise]) => {
      const [size = promise.least] = keptNear(promise, usual.get(name) ?? usualLength);
      return [name, given[name] ?? size];
    }),
  );
}
