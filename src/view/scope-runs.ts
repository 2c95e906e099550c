/** Cuts a graph by its scopes into parts that can be drawn as one box or frame each. */

/** What is cut: something in a list, which reads others of it. */
export interface Scoped {
  readonly index: number;
  readonly scopes: readonly string[];
  readonly from: readonly number[];
  readonly to: readonly number[];
}

/** Part of a scope, or one that is in none at this level. */
export interface ScopeRun<T> {
  readonly units: readonly T[];
  readonly scope: string | undefined;
}

/**
 * Runs of equal scope at one level, in an order in which each reads only what stands before it, so that no picture has a cycle
 * that the graph has not: a scope that is left and entered again is several runs. A run goes on for as long as anything of its
 * scope can be computed, and the next scope is one that waits for nothing from outside, if there is one.
 */
export function scopeRuns<T extends Scoped>(units: readonly T[], level: number): readonly ScopeRun<T>[] {
  const inside = new Map(units.map((unit) => [unit.index, unit]));
  const waits = new Map<number, number>();
  /** How many operands of a scope are yet to be made outside of it. */
  const outside = new Map<string, number>();
  for (const unit of units) {
    const from = unit.from.filter((index) => inside.has(index));
    waits.set(unit.index, from.length);
    const key = unit.scopes[level];
    if (key === undefined) continue;
    const foreign = from.filter((index) => inside.get(index)?.scopes[level] !== key).length;
    outside.set(key, (outside.get(key) ?? 0) + foreign);
  }
  const ready = new Map<string | undefined, T[]>();
  const offer = (unit: T): void => {
    const key = unit.scopes[level];
    const list = ready.get(key);
    if (list) list.push(unit);
    else ready.set(key, [unit]);
  };
  for (const unit of units) if (waits.get(unit.index) === 0) offer(unit);
  const parts: ScopeRun<T>[] = [];
  let run: { readonly scope: string; readonly units: T[] } | undefined;
  while (ready.size > 0) {
    let scope: string | undefined = run?.scope;
    if (scope === undefined || !ready.has(scope)) {
      const keys = [...ready.keys()];
      scope = ready.has(undefined) ? undefined : (keys.find((key) => key !== undefined && outside.get(key) === 0) ?? keys[0]);
      run = undefined;
    }
    const list = ready.get(scope) ?? [];
    const unit = list.shift();
    if (list.length === 0) ready.delete(scope);
    if (!unit) break;
    if (scope === undefined) parts.push({ units: [unit], scope });
    else if (run) run.units.push(unit);
    else {
      run = { scope, units: [unit] };
      parts.push(run);
    }
    for (const index of unit.to) {
      const reader = inside.get(index);
      if (!reader) continue;
      const key = reader.scopes[level];
      if (key !== undefined && key !== unit.scopes[level]) outside.set(key, (outside.get(key) ?? 0) - 1);
      const left = (waits.get(index) ?? 0) - 1;
      waits.set(index, left);
      if (left === 0) offer(reader);
    }
  }
  return parts;
}
