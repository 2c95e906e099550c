/** What lifts share: operands as numbers, axes, and data types by their number in a file (TensorProto.DataType, onnx.proto). */
import type { Value } from '../../ir/graph.ts';
import { isFoldable, type Operator } from '../../ir/operator.ts';
import { type Lift, type LiftBuilder, type LiftNode, NotLifted } from '../lift.ts';

/** Leaves the node foreign. */
export function leave(why: string): never {
  throw new NotLifted(why);
}

/** The numbers of a small constant operand; undefined where it is left out. */
export function numbersAt(node: LiftNode, b: LiftBuilder, index: number, what: string): readonly number[] | undefined {
  const value = node.input(index);
  if (!value) return undefined;
  return Array.from(b.needHost(value, what).data);
}

/** The number of a constant operand of one element; undefined where it is left out. */
export function numberAt(node: LiftNode, b: LiftBuilder, index: number, what: string): number | undefined {
  const list = numbersAt(node, b, index, what);
  if (!list) return undefined;
  const [only] = list;
  if (list.length !== 1 || only === undefined) return leave(`${what} has ${list.length} elements`);
  return only;
}

/** Axes as an attribute (older forms) or as an operand. */
export function axesOf(node: LiftNode, b: LiftBuilder, index: number): readonly number[] | undefined {
  return node.ints('axes') ?? numbersAt(node, b, index, 'axes');
}

export function axisFrom(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis;
}

/** The operator on the operands as they are. */
export function same(operator: Operator, operands: number): Lift {
  return (node, b) => [
    b.op(
      operator,
      Array.from({ length: operands }, (_, i) => node.need(i)),
    ),
  ];
}

/** f32 as the file has it. */
export function isFloat32(value: number, nearest: number): boolean {
  return Math.fround(value) === Math.fround(nearest);
}

/** The node says what the operator always does. */
export function require(holds: boolean, why: string): asserts holds {
  if (!holds) leave(why);
}

export function rankOf(value: Value): number {
  return value.type.dims.length;
}

/** Values that are looked at on the way to the constants that something is made of. */
const fixedLimit = 64;

/** A constant, or made of constants alone by operators that may be computed ahead. */
export function isFixed(value: Value): boolean {
  const stack: Value[] = [value];
  const seen = new Set<Value>();
  for (let at = stack.pop(); at; at = stack.pop()) {
    if (at.isConstant || seen.has(at)) continue;
    seen.add(at);
    const node = at.producer;
    if (!node || !isFoldable(node.op) || node.regions.length > 0 || seen.size > fixedLimit) return false;
    for (const operand of node.operands) if (operand) stack.push(operand);
  }
  return true;
}
