/**
 * Lifts of arithmetic, comparisons, choices and activations: Add-13 … Where-16, Sum-13, Min-13, Max-13, Clip-13, Cast-13 (-19,
 * -21), and the activations of ONNX with the constants that the operators here have. An operator with another constant stays
 * foreign. Those that say the same as one of the registry, on the same operands, are lifted by its `form`.
 */

import { elemOfDataType } from '../../ir/elem.ts';
import type { Operator } from '../../ir/operator.ts';
import * as act from '../../ops/activation.ts';
import { cast } from '../../ops/cast.ts';
import * as ew from '../../ops/elementwise.ts';
import { isinf, isnan } from '../../ops/predicates.ts';
import type { Lift, LiftTable } from '../lift.ts';
import { isFloat32, leave, numberAt, require, same } from './common.ts';

/** One operand is itself, more of them are taken pairwise from the left. */
function nary(operator: Operator, most: number): Lift {
  return (node, b) => {
    const [first, ...rest] = node.inputs();
    require(rest.length < most, `${rest.length + 1} operands`);
    return [rest.reduce((sum, x) => b.op(operator, [sum, x]), first ?? leave('no operand'))];
  };
}

const liftClip: Lift = (node, b) => {
  const x = node.need(0);
  const [low, high] = [numberAt(node, b, 1, 'min'), numberAt(node, b, 2, 'max')];
  for (const bound of [node.input(1), node.input(2)])
    require(!bound || bound.type.elem === x.type.elem, 'a bound of another type');
  require(!Number.isNaN(low) && !Number.isNaN(high), 'a bound that is no number');
  return [b.op(act.clamp, [x], { ...(low !== undefined && { min: low }), ...(high !== undefined && { max: high }) })];
};

const liftCast: Lift = (node, b) => {
  const to = elemOfDataType(node.int('to')) ?? leave('an element type that the graph has not');
  return [b.op(cast, [node.need(0)], { to })];
};

const liftCastLike: Lift = (node, b) => [b.op(cast, [node.need(0)], { to: node.need(1).type.elem })];

const liftHardSigmoid: Lift = (node, b) => {
  require(isFloat32(node.float('alpha', 0.2), 1 / 6) && node.float('beta', 0.5) === 0.5, 'another slope than 1/6 and 1/2');
  return [b.op(act.hardsigmoid, [node.need(0)])];
};

/** ONNX Selu-6. */
const liftSelu: Lift = (node, b) => {
  const [alpha, gamma] = [1.6732632423543772, 1.0507009873554805];
  require(isFloat32(node.float('alpha', alpha), alpha) && isFloat32(node.float('gamma', gamma), gamma), 'other constants');
  return [b.op(act.selu, [node.need(0)])];
};

const withAxis =
  (operator: Operator): Lift =>
  (node, b) => [b.op(operator, [node.need(0)], { axis: node.int('axis', -1) })];

const liftGelu: Lift = (node, b) => [b.op(act.gelu, [node.need(0)], { approximate: node.string('approximate', 'none') })];

const liftIsInf: Lift = (node, b) => {
  require(node.flag('detect_negative', true) && node.flag('detect_positive', true), 'infinity of one sign');
  return [b.op(isinf, [node.need(0)])];
};

export const elementwiseLifts: LiftTable = {
  IsNaN: same(isnan, 1),
  IsInf: liftIsInf,
  Sum: nary(ew.add, Infinity),
  Min: nary(ew.min, 2),
  Max: nary(ew.max, 2),
  Mean: nary(ew.add, 1),
  Cast: liftCast,
  CastLike: liftCastLike,
  Clip: liftClip,
  Selu: liftSelu,
  HardSigmoid: liftHardSigmoid,
  Gelu: liftGelu,
  Softmax: withAxis(act.softmax),
  LogSoftmax: withAxis(act.logSoftmax),
};
