/**
 * Lifts of reductions: ReduceSum-13, ReduceMean/Max/Min/Prod/L1/L2/LogSumExp-13 (-18, -20), ArgMax-13, ArgMin-13, CumSum-14; of
 * constants also LogSum and SumSquare-13 (-18). Others of the family stay foreign.
 */
import { countOf } from '../../ir/graph.ts';
import type { Operator } from '../../ir/operator.ts';
import { isFloat } from '../../ir/types.ts';
import { cast } from '../../ops/cast.ts';
import { axesOrAll } from '../../ops/common.ts';
import { abs, log, mul, sqrt } from '../../ops/elementwise.ts';
import {
  argmax,
  argmin,
  cumsum,
  logsumexp,
  reduceL1,
  reduceL2,
  reduceMax,
  reduceMean,
  reduceMin,
  reduceProd,
  reduceSum,
} from '../../ops/reduce.ts';
import type { Lift, LiftTable } from '../lift.ts';
import { axesOf, isFixed, leave, numberAt, rankOf, require } from './common.ts';

const reduction =
  (operator: Operator): Lift =>
  (node, b) => {
    const x = node.need(0);
    const axes = axesOf(node, b, 1) ?? [];
    const keepdims = node.flag('keepdims', true);
    if (axes.length === 0 && node.flag('noop_with_empty_axes', false)) return [x];
    // The lowering names the axes, which a scalar has not.
    require(rankOf(x) > 0, 'a scalar');
    // In one form, so that equal reductions are shared.
    return [b.op(operator, [x], { axes: axes.length > 0 ? axesOrAll(axes, rankOf(x)) : axes, keepdims })];
  };

/** Norms of weights are no larger than this: 64 KiB, which folding makes of any constants. */
const foldedElements = 8192;

/**
 * Norms over constants are computed when they are folded, spelled in float64, where squares of f16 numbers have room; of other
 * values they stay one node. The few elements of the result fold in any case.
 */
const norm =
  (before: Operator | 'square' | undefined, after: Operator | undefined): Lift =>
  (node, b) => {
    const given = node.need(0);
    require(isFixed(given) && isFloat(given.type.elem) && rankOf(given) > 0, 'no operator of ours');
    const axes = axesOf(node, b, 1) ?? [];
    const keepdims = node.flag('keepdims', true);
    require(axes.length > 0 || !node.flag('noop_with_empty_axes', false), 'a norm along no axis');
    const { elem } = given.type;
    const x = elem === 'f64' ? given : b.op(cast, [given], { to: 'f64' });
    const each = before === 'square' ? b.op(mul, [x, x]) : before ? b.op(before, [x]) : x;
    const sum = b.op(reduceSum, [each], { axes, keepdims });
    require((countOf(sum.type) ?? Number.POSITIVE_INFINITY) <= foldedElements, 'a large norm');
    const y = after ? b.op(after, [sum]) : sum;
    return [elem === 'f64' ? y : b.op(cast, [y], { to: elem })];
  };

/** Over weights by `fixed`. */
const normOf =
  (operator: Operator, fixed: Lift): Lift =>
  (node, b) => {
    const x = node.need(0);
    require(isFloat(x.type.elem), 'integers');
    return (isFixed(x) ? fixed : reduction(operator))(node, b);
  };

const extremum =
  (operator: Operator): Lift =>
  (node, b) => {
    require(node.int('select_last_index', 0) === 0, 'the last of equals');
    return [b.op(operator, [node.need(0)], { axis: node.int('axis', 0), keepdims: node.flag('keepdims', true) })];
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
  ReduceL1: normOf(reduceL1, norm(abs, undefined)),
  ReduceL2: normOf(reduceL2, norm('square', sqrt)),
  ReduceLogSumExp: reduction(logsumexp),
  ReduceSumSquare: norm('square', undefined),
  ReduceLogSum: norm(undefined, log),
  ArgMax: extremum(argmax),
  ArgMin: extremum(argmin),
  CumSum: liftCumSum,
};
