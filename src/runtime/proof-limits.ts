/** What a proof may hold: no value at the sizes that are tried is larger than what the reference computes. */
import * as catalogue from '../diagnostics/catalogue/runtime.ts';
import { fail } from '../diagnostics/diagnostic.ts';
import type { Graph, Value } from '../ir/graph.ts';
import { typeText } from '../ir/types.ts';
import { countText, elementsOf, mostElements, placeText } from '../ops/reference.ts';
import { type Bindings, bindingsText } from './inputs.ts';

/** Whether every input and result of the graph can be held for these sizes; what only the run knows can. */
export function isProvable(graph: Graph, bindings: Bindings): boolean {
  return tooLarge(graph, bindings) === undefined;
}

/** Throws RES0843 where a value is too large for these sizes. */
export function checkProvable(graph: Graph, bindings: Bindings): void {
  const value = tooLarge(graph, bindings);
  if (!value) return;
  const place = value.producer ? placeText(value.producer) : (value.name ?? 'an input');
  const sizes = value.type.dims.every((d) => d.constant !== undefined) ? '' : ` for ${bindingsText(bindings)}`;
  const count = countText(elementsOf(value, bindings) ?? 0);
  fail(catalogue.tooLargeToProve, {
    with: {
      found: `${place}: ${typeText(value.type)}${sizes}, which is ${count} elements`,
      expected: `at most ${countText(mostElements)} elements in a value`,
      hint: sizes === '' ? 'write the file without a proof' : 'smaller sizes in --input-shape, or write the file without a proof',
    },
  });
}

function tooLarge(graph: Graph, bindings: Bindings): Value | undefined {
  const large = (value: Value): boolean => !value.type.foreign && (elementsOf(value, bindings) ?? 0) > mostElements;
  for (const input of graph.inputs) if (large(input)) return input;
  for (const node of graph.nodes()) for (const y of node.results) if (large(y)) return y;
  return undefined;
}
