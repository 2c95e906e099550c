/** `--at` of the commands that run models at sizes of their choice. */
import { noSuchSize } from '../diagnostics/catalogue/runtime.ts';
import { fail } from '../diagnostics/diagnostic.ts';
import type { Sizes } from '../ir/evaluate.ts';
import type { Graph } from '../ir/graph.ts';
import { symbolsOf } from '../runtime/inputs.ts';

/** Sizes that none of the models has are a mistake. */
export function checkNames(graphs: readonly Graph[], at: Sizes | undefined): void {
  const known = new Set(graphs.flatMap((graph) => [...symbolsOf(graph).keys()]));
  const wrong = Object.keys(at ?? {}).find((name) => !known.has(name));
  if (wrong !== undefined)
    fail(noSuchSize, {
      with: {
        found: `${wrong}, which is no size of the models`,
        expected: known.size > 0 ? `one of ${[...known].join(', ')}` : 'nothing: every size is a number',
        hint: known.size > 0 ? `--at ${[...known][0]}=${at?.[wrong]}` : 'leave --at out',
      },
    });
}

/** The sizes that a model has of those that were given. */
export function sizesFor(graph: Graph, at: Sizes | undefined): ReadonlyMap<string, number> {
  const symbols = symbolsOf(graph);
  return new Map(Object.entries(at ?? {}).filter(([name]) => symbols.has(name)));
}
