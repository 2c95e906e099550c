/** Tensors of integers whose every element follows from its place: what exporters compute to index memory by strides. */
import { at, outside } from '../../../diagnostics/at.ts';
import { Dim } from '../../../ir/dim.ts';
import { hostOf, type Value } from '../../../ir/graph.ts';
import { elementCount } from '../../../ir/types.ts';
import { numberAttr } from '../../../ops/attrs.ts';
import { dimAttr } from '../../../ops/common.ts';
import { numberOf } from '../../analysis/polynomial.ts';
import { reshaping } from '../../analysis/shapes.ts';

/** Element [i, j, …] is start + steps[0]·i + steps[1]·j + …; an axis of size 1 has the step 0. */
export interface Strided {
  readonly start: number;
  readonly steps: readonly number[];
}

/** Operators below a value that are looked at. */
const depthLimit = 8;

/** How the elements of an integer tensor follow from their places, where ranges, products and sums with constants say it. */
export function stridedOf(value: Value | undefined, depth = 0): Strided | undefined {
  if (!value || depth > depthLimit) return undefined;
  const node = value.producer;
  if (!node) return constantSteps(value);
  const below = (index: number): Strided | undefined => stridedOf(node.operand(index), depth + 1);
  if (reshaping.names.has(node.op.name)) return regrouped(below(0), node.x.type.dims, value.type.dims);
  switch (node.op.name) {
    case 'range': {
      const start = dimAttr(node.attrs, 'start').constant;
      return start === undefined ? undefined : { start, steps: [numberAttr(node.attrs, 'step')] };
    }
    case 'mul': {
      const first = numberOf(node.operand(0));
      const factor = first ?? numberOf(node.operand(1));
      const other = first === undefined ? 0 : 1;
      return factor === undefined ? undefined : scaled(widened(below(other), node.operand(other), value), factor);
    }
    case 'add':
      return sumOf(widened(below(0), node.operand(0), value), widened(below(1), node.operand(1), value));
    case 'expand':
      return widened(below(0), node.operand(0), value);
    default:
      return undefined;
  }
}

function constantSteps(value: Value): Strided | undefined {
  const host = hostOf(value);
  if (!host || host.wide || host.data.length === 0) return undefined;
  const { dims, data } = host;
  const start = at(data, 0);
  const strides = dims.map((_, axis) => elementCount(dims.slice(axis + 1)));
  const steps = dims.map((size, axis) => (size === 1 ? 0 : at(data, at(strides, axis)) - start));
  for (let i = 0; i < data.length; i++) {
    let expected = start;
    for (let axis = 0, rest = i; axis < dims.length; axis++) {
      const stride = strides[axis] ?? outside();
      expected += Math.floor(rest / stride) * (steps[axis] ?? outside());
      rest %= stride;
    }
    if (data[i] !== expected) return undefined;
  }
  return { start, steps };
}

const isOne = (size: Dim | undefined): boolean => size?.constant === 1;

/** Through a reshape that adds and drops axes of size 1 alone. */
function regrouped(x: Strided | undefined, from: readonly Dim[], to: readonly Dim[]): Strided | undefined {
  if (!x) return undefined;
  const long = from.flatMap((size, axis) => (isOne(size) ? [] : [axis]));
  const kept = to.filter((size) => !isOne(size));
  if (kept.length !== long.length || !kept.every((size, i) => size === from[at(long, i)])) return undefined;
  const steps = long.map((axis) => at(x.steps, axis));
  let next = 0;
  return { start: x.start, steps: to.map((size) => (isOne(size) ? 0 : at(steps, next++))) };
}

/** As a broadcast has it: axes that are added in front, or repeat, have the step 0. */
function widened(x: Strided | undefined, from: Value | undefined, to: Value): Strided | undefined {
  if (!x || !from) return undefined;
  const added = to.type.dims.length - from.type.dims.length;
  return { start: x.start, steps: to.type.dims.map((_, axis) => (axis < added ? 0 : at(x.steps, axis - added))) };
}

const scaled = (x: Strided | undefined, by: number): Strided | undefined =>
  x && { start: x.start * by, steps: x.steps.map((step) => step * by) };

const sumOf = (a: Strided | undefined, b: Strided | undefined): Strided | undefined =>
  a && b && { start: a.start + b.start, steps: a.steps.map((step, axis) => step + at(b.steps, axis)) };

/** Whether the elements are 0, 1, 2, …, row by row. */
export function countsUp({ start, steps }: Strided, dims: readonly Dim[]): boolean {
  if (start !== 0) return false;
  let inner: Dim = Dim.one;
  for (let axis = dims.length - 1; axis >= 0; axis--) {
    const size = at(dims, axis);
    if (!isOne(size) && inner.constant !== steps[axis]) return false;
    inner = inner.times(size);
  }
  return true;
}
