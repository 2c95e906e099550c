/**
 * Lifts of arithmetic, comparisons, choices and activations: Add-13 … Where-16, Sum-13, Min-13, Max-13, Clip-13, Cast-13 (-19, -21), and the
 * activations of ONNX with the constants that the operators here have. An operator with another constant stays foreign.
 */

import { elemOfDataType } from '../../ir/elem.ts';
import type { Operator } from '../../ir/operator.ts';
import { isFloat } from '../../ir/types.ts';
import * as act from '../../ops/activation.ts';
import { cast } from '../../ops/cast.ts';
import * as ew from '../../ops/elementwise.ts';
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

const withAlpha =
  (operator: Operator, attr: string, otherwise: number): Lift =>
  (node, b) => [b.op(operator, [node.need(0)], { [attr]: node.float('alpha', Math.fround(otherwise)) })];

const withAxis =
  (operator: Operator): Lift =>
  (node, b) => [b.op(operator, [node.need(0)], { axis: node.int('axis', -1) })];

const liftGelu: Lift = (node, b) => [b.op(act.gelu, [node.need(0)], { approximate: node.string('approximate', 'none') })];

/** Booleans and strings have other forms of it. */
const liftEqual: Lift = (node, b) => [b.op(ew.equal, [node.need(0), node.need(1)])];

/** Rounds halves to even; integers are left as they are by newer versions alone. */
const floats =
  (operator: Operator): Lift =>
  (node, b) => {
    require(isFloat(node.need(0).type.elem), 'an operand that is no float');
    return [b.op(operator, [node.need(0)])];
  };

export const elementwiseLifts: LiftTable = {
  Add: same(ew.add, 2),
  Sub: same(ew.sub, 2),
  Mul: same(ew.mul, 2),
  Div: same(ew.div, 2),
  Pow: same(ew.pow, 2),
  Sum: nary(ew.add, Infinity),
  Min: nary(ew.min, 2),
  Max: nary(ew.max, 2),
  Mean: nary(ew.add, 1),
  Equal: liftEqual,
  Less: same(ew.less, 2),
  LessOrEqual: same(ew.lessEqual, 2),
  Greater: same(ew.greater, 2),
  GreaterOrEqual: same(ew.greaterEqual, 2),
  And: same(ew.and, 2),
  Or: same(ew.or, 2),
  Not: same(ew.not, 1),
  Where: same(ew.where, 3),
  Neg: same(ew.neg, 1),
  Abs: same(ew.abs, 1),
  Exp: floats(ew.exp),
  Log: floats(ew.log),
  Sqrt: floats(ew.sqrt),
  Erf: floats(ew.erf),
  Reciprocal: floats(ew.reciprocal),
  Floor: floats(ew.floor),
  Ceil: floats(ew.ceil),
  Round: floats(ew.round),
  Sign: same(ew.sign, 1),
  Sin: floats(ew.sin),
  Cos: floats(ew.cos),
  Tan: floats(ew.tan),
  Tanh: floats(ew.tanh),
  Cast: liftCast,
  CastLike: liftCastLike,
  Clip: liftClip,
  Relu: same(act.relu, 1),
  LeakyRelu: withAlpha(act.leakyRelu, 'slope', 0.01),
  PRelu: same(act.prelu, 2),
  Elu: withAlpha(act.elu, 'alpha', 1),
  Celu: withAlpha(act.celu, 'alpha', 1),
  Selu: liftSelu,
  Sigmoid: same(act.sigmoid, 1),
  HardSigmoid: liftHardSigmoid,
  HardSwish: same(act.hardswish, 1),
  Gelu: liftGelu,
  Softplus: same(act.softplus, 1),
  Softsign: same(act.softsign, 1),
  Mish: same(act.mish, 1),
  Softmax: withAxis(act.softmax),
  LogSoftmax: withAxis(act.logSoftmax),
};
