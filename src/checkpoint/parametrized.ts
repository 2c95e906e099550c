/**
 * Parameters that a checkpoint holds in parts. Weight normalisation (Salimans and Kingma 2016, arXiv:1602.07868) is computed: w =
 * g·v/‖v‖, the norm over every axis but the one that g has. Source: torch/nn/utils/weight_norm.py (`weight_g`, `weight_v`) and
 * torch/nn/utils/parametrizations.py (`parametrizations.weight.original0` and `original1`). Every other way is named, so that it
 * can be refused by its cause.
 */
import { type ElemType, isFloat } from '../ir/types.ts';
import { cast, div, mul, sqrt } from '../tensor/arithmetic.ts';
import { reduceSum } from '../tensor/contract.ts';
import type { WeightExpr } from '../tensor/expr.ts';
import type { TensorEntry } from './nested.ts';

/** Names in the checkpoint that make up one parameter. */
export type Parts =
  | { readonly kind: 'weight norm'; readonly g: string; readonly v: string }
  /** `remedy` is Python that leaves a plain tensor behind. */
  | { readonly kind: 'refused'; readonly what: string; readonly parts: readonly string[]; readonly remedy: string | undefined };

/**
 * How the checkpoint holds the parameter `name`, which it has not under that name itself; undefined where it has nothing of it.
 */
export function partsOf(name: string, has: (name: string) => boolean): Parts | undefined {
  const dot = name.lastIndexOf('.') + 1;
  const scope = name.slice(0, dot);
  const leaf = name.slice(dot);
  const present = (...names: readonly string[]): readonly string[] => names.filter(has);
  const module = scope === '' ? 'model' : `model.get_submodule("${scope.slice(0, -1)}")`;

  if (has(`${name}_g`) && has(`${name}_v`)) return { kind: 'weight norm', g: `${name}_g`, v: `${name}_v` };
  const inner = `${scope}parametrizations.${leaf}.`;
  const [first, second, third] = ['original0', 'original1', 'original2'].map((part) => inner + part);
  const spectral = present(`${inner}original`, `${inner}0._u`, `${inner}0._v`);
  if (first && second && third && has(first) && has(second) && !has(third) && spectral.length === 0)
    return { kind: 'weight norm', g: first, v: second };
  const originals = [...spectral, ...present(...(first && second && third ? [first, second, third] : []))];
  if (originals.length > 0)
    return {
      kind: 'refused',
      what: has(`${inner}0._u`) ? 'spectral norm' : 'a parametrization that rescc does not compute',
      parts: originals,
      remedy: `torch.nn.utils.parametrize.remove_parametrizations(${module}, "${leaf}")`,
    };
  if (has(`${name}_orig`)) {
    const mask = has(`${name}_mask`);
    const norm = has(`${name}_u`);
    return {
      kind: 'refused',
      what: mask ? 'a pruned tensor and its mask' : norm ? 'spectral norm' : 'a parametrization that rescc does not know',
      parts: present(`${name}_orig`, `${name}_mask`, `${name}_u`, `${name}_v`),
      remedy: mask
        ? `torch.nn.utils.prune.remove(${module}, "${leaf}")`
        : `torch.nn.utils.remove_spectral_norm(${module}, "${leaf}")`,
    };
  }
  const base = `${scope}base_layer.${leaf}`;
  const low = present(...['default.', ''].flatMap((adapter) => ['A', 'B'].map((x) => `${scope}lora_${x}.${adapter}weight`)));
  if (has(base) && low.length > 0)
    return {
      kind: 'refused',
      what: 'a tensor and its adapter (LoRA)',
      parts: [base, ...low],
      remedy: 'model = model.merge_and_unload()',
    };
  return undefined;
}

/**
 * w = g·v/‖v‖. `g` has v's size on one axis at most and 1 on the others, or is a scalar; undefined where the shapes say that it
 * is something else. Where v is zero the result is not a number, as in PyTorch.
 */
export function weightNorm(name: string, g: TensorEntry, v: TensorEntry): TensorEntry | undefined {
  if (!isFloat(g.elem) || !isFloat(v.elem)) return undefined;
  const kept = g.dims.filter((d) => d !== 1).length;
  const fits =
    g.dims.length === 0 || (g.dims.length === v.dims.length && g.dims.every((d, axis) => d === 1 || d === v.dims[axis]));
  if (!fits || kept > 1) return undefined;
  const axes = v.dims.flatMap((_, axis) => (g.dims.length === 0 || g.dims[axis] === 1 ? [axis] : []));
  // Halves become wider first, losslessly: the quotient is rounded once, where it is written.
  const elem: ElemType = g.elem === 'f64' || v.elem === 'f64' ? 'f64' : g.elem === v.elem ? g.elem : 'f32';
  const direction = cast(v.expr, elem);
  const square = mul(direction, direction);
  const length: WeightExpr = sqrt(axes.length === 0 ? square : reduceSum(square, axes, true));
  const expr = mul(direction, div(cast(g.expr, elem), length));
  return { name, elem, dims: v.dims, expr };
}
