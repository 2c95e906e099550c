/** What sizes come to where those that only the run knows (`?kept`) are as large as they can be. */
import { Dim, type DimNode, unlessOverflow } from './dim.ts';
import { isOfRun } from './promise.ts';
import type { TensorType } from './types.ts';

/** Bounds have bounds again: `?kept_1 <= ?kept`, `?kept <= K`. */
const mostSteps = 32;

/**
 * At least the size, whatever the run finds: each size of the run that has a bound gives way to it. The size itself where it
 * becomes smaller as one of them grows.
 */
export function atRunBounds(dim: Dim): Dim {
  let most = dim;
  for (let step = 0; step < mostSteps; step++) {
    const bounds = new Map<string, Dim>();
    for (const [name, { within, most: last }] of most.promises()) {
      if (!isOfRun(name)) continue;
      const bound = within instanceof Dim ? within : Number.isFinite(last) ? Dim.of(last) : undefined;
      if (bound) bounds.set(name, bound);
    }
    if (bounds.size === 0) return most;
    if (!growsWithRun(most.structure())) return dim;
    const next = unlessOverflow(() => most.substituteAll(bounds));
    if (!next) return dim;
    most = next;
  }
  return dim;
}

/** The same of every size of a type; the type itself where none of them is such. */
export function typeAtRunBounds(type: TensorType): TensorType {
  if (type.foreign) return type;
  const dims = type.dims.map((dim) => (dim.constant === undefined ? atRunBounds(dim) : dim));
  return dims.some((dim, axis) => dim !== type.dims[axis]) ? { ...type, dims } : type;
}

/** Whether the value never falls where a size of the run grows. */
function growsWithRun(node: DimNode): boolean {
  if (!hasRun(node)) return true;
  switch (node.kind) {
    case 'const':
    case 'symbol':
      return true;
    case 'add':
      return node.terms.every(growsWithRun);
    case 'mul':
      return node.factors.every((factor) => (factor.kind === 'const' ? factor.value >= 0 : growsWithRun(factor)));
    case 'floordiv':
      return !hasRun(node.b) && node.b.kind === 'const' && node.b.value > 0 && growsWithRun(node.a);
    default:
      return growsWithRun(node.a) && growsWithRun(node.b);
  }
}

function hasRun(node: DimNode): boolean {
  switch (node.kind) {
    case 'const':
      return false;
    case 'symbol':
      return isOfRun(node.name);
    case 'add':
      return node.terms.some(hasRun);
    case 'mul':
      return node.factors.some(hasRun);
    default:
      return hasRun(node.a) || hasRun(node.b);
  }
}
