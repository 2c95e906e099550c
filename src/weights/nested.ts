/** What every reader ends with: named tensors in nested dicts, and the checkpoint made of them. */
import { duplicateTensor } from '../diagnostics/catalogue/weights.ts';
import { fail } from '../diagnostics/diagnostic.ts';
import type { ElemType } from '../ir/types.ts';
import type { WeightExpr } from './expr.ts';
import { type StoredSpan, storedTensor } from './stored.ts';

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
}

export interface Checkpoint {
  /** `safetensors`, `PyTorch`, `PyTorch legacy`, `npz`, `npy`. */
  readonly format: string;
  /** As messages name it. */
  readonly name: string;
  /** Every dict that holds tensors, the whole file first, then outer before inner in the file's order. */
  readonly dicts: readonly TensorDict[];
}

export type Nested =
  | { readonly kind: 'tensor'; readonly span: StoredSpan }
  | { readonly kind: 'dict'; readonly children: readonly { readonly name: string; readonly value: Nested }[] };

/** Dicts deeper than this are reachable through the names of an outer one only, so that listing them stays linear. */
const dictDepth = 6;

export async function checkpointOf(format: string, name: string, root: Nested): Promise<Checkpoint> {
  if (root.kind === 'tensor') return checkpointOf(format, name, { kind: 'dict', children: [{ name: 'tensor', value: root }] });
  const dicts: { key: string; tensors: Map<string, TensorEntry> }[] = [];
  // A tensor's own name is the one inside its innermost dict; the prefix of each dict around it comes before it there.
  const walk = async (
    value: Nested,
    path: readonly string[],
    open: readonly { readonly at: number; readonly tensors: Map<string, TensorEntry> }[],
  ): Promise<void> => {
    if (value.kind === 'tensor') {
      const innermost = path[path.length - 1] ?? '';
      const expr = await storedTensor({ ...value.span, name: innermost });
      for (const { at, tensors } of open) {
        const full = path.slice(at).join('.');
        if (tensors.has(full)) fail(duplicateTensor, { with: { file: name, tensor: full } });
        tensors.set(full, { name: full, elem: value.span.elem, dims: value.span.dims, expr });
      }
      return;
    }
    const tensors = new Map<string, TensorEntry>();
    const inside = path.length <= dictDepth ? [...open, { at: path.length, tensors }] : open;
    if (path.length <= dictDepth) dicts.push({ key: path.join('.'), tensors });
    for (const child of value.children) await walk(child.value, [...path, child.name], inside);
  };
  await walk(root, [], []);
  return { format, name, dicts };
}
