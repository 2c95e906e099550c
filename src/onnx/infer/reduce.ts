/** Types of reductions: ReduceSum-13 and its family (-18, -20), ArgMax-13, ArgMin-13. */
import { Dim } from '../../ir/dim.ts';
import { reducedDims } from '../../ops/reduce.ts';
import { axesOf, axisFrom, each, type Rule, type RuleTable } from './context.ts';
import { ranked } from './partial-type.ts';

const reduced: Rule = (c) => {
  const { elem, dims } = c.operand(0);
  const keep = c.attributes.flag('keepdims', true);
  if (!dims) return [{ elem }];
  const axes = axesOf(c, 1)?.map((axis) => axisFrom(axis, dims.length));
  if (!axes) {
    const count = c.operand(1).dims?.[0]?.constant;
    if (keep) return [{ elem, dims: ranked(dims.length) }];
    // No axes are all axes or none; of more of them it is only known how many stay.
    return [{ elem, dims: count === undefined || count === 0 ? undefined : ranked(Math.max(0, dims.length - count)) }];
  }
  if (axes.length === 0 && c.attributes.flag('noop_with_empty_axes', false)) return [{ elem, dims }];
  const all = axes.length === 0 ? dims.map((_, i) => i) : axes;
  return [{ elem, dims: reducedDims<Dim | undefined>(dims, all, keep, Dim.one) }];
};

const argExtreme: Rule = (c) => {
  const { dims } = c.operand(0);
  const keep = c.attributes.flag('keepdims', true);
  if (!dims) return [{ elem: 'i64' }];
  const axis = axisFrom(c.attributes.int('axis', 0), dims.length);
  return [{ elem: 'i64', dims: reducedDims<Dim | undefined>(dims, [axis], keep, Dim.one) }];
};

export const reduceRules: RuleTable = {
  ...each('ReduceSum ReduceMean ReduceMax ReduceMin ReduceProd', reduced),
  ...each('ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceSumSquare', reduced),
  ...each('ArgMax ArgMin', argExtreme),
};
