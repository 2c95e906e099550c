/** Lifts of reductions: ReduceSum-13, ReduceMean/Max/Min/Prod-13 (-18, -20), ArgMax-13, CumSum-14. Others of the family stay foreign. */
import type { Operator } from '../../ir/operator.ts';
import { argmax, cumsum, reduceMax, reduceMean, reduceMin, reduceProd, reduceSum } from '../../ops/reduce.ts';
import type { Lift, LiftTable } from '../lift.ts';
import { axesOf, leave, numberAt, rankOf, require } from './common.ts';

const reduction =
  (operator: Operator): Lift =>
  (node, b) => {
    const x = node.need(0);
    const axes = axesOf(node, b, 1) ?? [];
    const keepdims = node.flag('keepdims', true);
    if (axes.length === 0 && node.flag('noop_with_empty_axes', false)) return [x];
    // The lowering names the axes, which a scalar has not.
    require(rankOf(x) > 0, 'a scalar');
    return [b.op(operator, [x], { axes, keepdims })];
  };

const liftArgMax: Lift = (node, b) => {
  require(node.int('select_last_index', 0) === 0, 'the last of equal maxima');
  return [b.op(argmax, [node.need(0)], { axis: node.int('axis', 0), keepdims: node.flag('keepdims', true) })];
};

const liftCumSum: Lift = (node, b) => {
  const axis = numberAt(node, b, 1, 'axis') ?? leave('no axis');
  return [b.op(cumsum, [node.need(0)], { axis, exclusive: node.flag('exclusive', false), reverse: node.flag('reverse', false) })];
};

export const reduceLifts: LiftTable = {
  ReduceSum: reduction(reduceSum),
  ReduceMean: reduction(reduceMean),
  ReduceMax: reduction(reduceMax),
  ReduceMin: reduction(reduceMin),
  ReduceProd: reduction(reduceProd),
  ArgMax: liftArgMax,
  CumSum: liftCumSum,
};
