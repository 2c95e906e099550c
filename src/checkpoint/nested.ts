/** What every reader ends with: named tensors in nested dicts, and the checkpoint made of them. */

import { Budget, costOf, structureBudget } from '../diagnostics/budget.ts';
import { damagedFile, duplicateTensor } from '../diagnostics/catalogue/weights.ts';
import { fail } from '../diagnostics/diagnostic.ts';
import type { ElemType } from '../ir/types.ts';
import type { WeightExpr } from '../tensor/expr.ts';
import type { Session } from '../tensor/session.ts';
import { type StoredSpan, storedTensor } from '../tensor/stored.ts';

export interface TensorEntry {
  readonly name: string;
  readonly elem: ElemType;
  readonly dims: readonly number[];
  readonly expr: WeightExpr;
}

/** Tensors by their names inside one dict of the file; inner dicts are joined with dots. */
export interface TensorDict {
  /** Path of the dict in the file, `state_dict` or `model.ema`; empty for the whole file. */
  readonly key: string;
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  /** Placeholders of what is no plain tensor of a type that rescc knows: an error only where one is wanted. */
  readonly foreign?: ReadonlyMap<string, ForeignTensor>;
}

export interface ForeignTensor {
  readonly name: string;
  /** As the file calls it: `F8_E4M3`, `complex64`; of an object, what it is: `a NumPy array of float64`, `pathlib.PosixPath`. */
  readonly elem: string;
  readonly dims: readonly number[];
  readonly bytes: number;
  /** No tensor at all (an array, a path, a configuration): beside tensors it is never left over. */
  readonly object?: boolean | undefined;
  /** A network, pickled whole. */
  readonly module?: boolean | undefined;
}

/** An opened checkpoint: the dicts of tensors in it, whose elements are read when they are needed. */
export interface Checkpoint {
  /** The name of a format in `formats.ts`: `safetensors`, `PyTorch`, … */
  readonly format: string;
  /** As messages name it. */
  readonly name: string;
  /** Every dict that holds tensors, the whole file first, then outer before inner in the file's order. */
  readonly dicts: readonly TensorDict[];
}

export type Nested =
  | { readonly kind: 'tensor'; readonly span: StoredSpan }
  | ({ readonly kind: 'foreign' } & Omit<ForeignTensor, 'name'>)
  | { readonly kind: 'dict'; readonly children: readonly { readonly name: string; readonly value: Nested }[] };

/** Dicts deeper than this are reachable through the names of an outer one only, so that listing them stays linear. */
const dictDepth = 6;

export async function checkpointOf(format: string, name: string, root: Nested, session: Session): Promise<Checkpoint> {
  if (root.kind !== 'dict')
    return checkpointOf(format, name, { kind: 'dict', children: [{ name: 'tensor', value: root }] }, session);
  type Open = { readonly tensors: Map<string, TensorEntry>; readonly foreign: Map<string, ForeignTensor> };
  const dicts: ({ readonly key: string } & Open)[] = [];
  const budget = new Budget(structureBudget(Number.MAX_SAFE_INTEGER), ({ limit }) =>
    fail(damagedFile, {
      with: {
        format,
        file: name,
        found: `more than ${Math.round(limit / 2 ** 20)} MiB of names, counted in every dict around a tensor`,
        expected: 'fewer or shorter ones',
      },
    }),
  );
  const named = (full: string): void => budget.spend(costOf.entry + 2 * costOf.object + 2 * full.length);
  // A tensor's own name is the one inside its innermost dict; the prefix of each dict around it comes before it there.
  const walk = async (
    value: Nested,
    path: readonly string[],
    open: readonly ({ readonly at: number } & Open)[],
  ): Promise<void> => {
    if (value.kind === 'foreign') {
      for (const { at, tensors, foreign } of open) {
        const full = path.slice(at).join('.');
        named(full);
        const taken = tensors.has(full) || foreign.has(full);
        // An object is no second tensor: the name stays with what has it.
        if (taken && value.object === true) continue;
        if (tensors.has(full) || (foreign.has(full) && foreign.get(full)?.object !== true))
          fail(duplicateTensor, { with: { file: name, tensor: full } });
        const { kind: _kind, ...rest } = value;
        foreign.set(full, { name: full, ...rest });
      }
      return;
    }
    if (value.kind === 'tensor') {
      const innermost = path[path.length - 1] ?? '';
      const expr = await storedTensor(session, { ...value.span, name: innermost });
      for (const { at, tensors, foreign } of open) {
        const full = path.slice(at).join('.');
        named(full);
        if (foreign.get(full)?.object === true) foreign.delete(full);
        if (tensors.has(full) || foreign.has(full)) fail(duplicateTensor, { with: { file: name, tensor: full } });
        tensors.set(full, { name: full, elem: value.span.elem, dims: value.span.dims, expr });
      }
      return;
    }
    const own: Open = { tensors: new Map(), foreign: new Map() };
    const inside = path.length <= dictDepth ? [...open, { at: path.length, ...own }] : open;
    if (path.length <= dictDepth) dicts.push({ key: path.join('.'), ...own });
    for (const child of value.children) await walk(child.value, [...path, child.name], inside);
  };
  await walk(root, [], []);
  return { format, name, dicts };
}
