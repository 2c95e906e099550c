/** Operators and layers by name. The registry is loaded for one that few networks have (`diagnostics/late.ts`). */
import { Late } from '../diagnostics/late.ts';
import type { Operator } from '../ir/operator.ts';
import type { Layer } from './define.ts';
import { frequentLayers, frequentOperators } from './frequent.ts';
import { rareLayers, rareOperators } from './rare-names.ts';

export const registry = new Late(() => import('./registry.ts'));

const byName = <T extends { readonly name: string }>(all: readonly T[]): ReadonlyMap<string, T> =>
  new Map(all.map((one) => [one.name, one]));
const operatorTable = byName(frequentOperators);
const layerTable = byName(frequentLayers);

export function operatorByName(name: string): Operator | undefined {
  return operatorTable.get(name) ?? (rareOperators.has(name) ? registry.now().operatorByName(name) : undefined);
}

export function layerByName(name: string): Layer | undefined {
  return layerTable.get(name) ?? (rareLayers.has(name) ? registry.now().layerByName(name) : undefined);
}

/** All that a graph may hold at this moment: the same list until the registry is there. */
export function knownOperators(): readonly Operator[] {
  return registry.here?.operators ?? frequentOperators;
}
