/** Types of pools: MaxPool-12 (-22), AveragePool-11 (-22), LpPool-11 (-22) and their global forms; RoiAlign-16, GridSample-20. */
import { Dim } from '../../ir/dim.ts';
import { each, type InferenceContext, type Rule, type RuleTable } from './context.ts';
import { type PartialDims, ranked, rankOf } from './partial-type.ts';
import { gridOf, windowsOf } from './windows.ts';

export const pooled: Rule = (c) => {
  const x = c.operand(0);
  const kernel = c.attributes.ints('kernel_shape');
  const rank = rankOf(x) ?? (kernel && kernel.length + 2);
  if (rank === undefined || rank < 2) return [{ elem: x.elem }, { elem: 'i64' }];
  const grid = kernel
    ? gridOf(c, x.dims?.slice(2) ?? ranked(rank - 2) ?? [], windowsOf(c, rank - 2, kernel), true)
    : (ranked(rank - 2) ?? []);
  const dims = [x.dims?.[0], x.dims?.[1], ...grid];
  return [
    { elem: x.elem, dims },
    { elem: 'i64', dims },
  ];
};

export const globallyPooled: Rule = (c) => {
  const x = c.operand(0);
  return [{ elem: x.elem, dims: x.dims?.map((d, i) => (i < 2 ? d : Dim.one)) }];
};

const aligned: Rule = (c) => {
  const side = (name: string): Dim => Dim.of(c.attributes.int(name, 1));
  const dims = [c.operand(1).dims?.[0], c.operand(0).dims?.[1], side('output_height'), side('output_width')];
  return [{ elem: c.operand(0).elem, dims }];
};

/** The grid of the places that operand 1 holds. */
function sampledGrid(c: InferenceContext, rank: number): PartialDims {
  return c.operand(1).dims?.slice(1, -1) ?? ranked(rank - 2) ?? [];
}

const sampled: Rule = (c) => {
  const x = c.operand(0);
  return [{ elem: x.elem, dims: x.dims && [x.dims[0], x.dims[1], ...sampledGrid(c, x.dims.length)] }];
};

export const poolRules: RuleTable = {
  ...each('MaxPool AveragePool LpPool', pooled),
  ...each('GlobalAveragePool GlobalMaxPool GlobalLpPool', globallyPooled),
  MaxUnpool: (c) => [{ elem: c.operand(0).elem, dims: ranked(rankOf(c.operand(0))) }],
  MaxRoiPool: (c) => [{ elem: c.operand(0).elem, dims: ranked(4) }],
  RoiAlign: aligned,
  GridSample: sampled,
};
